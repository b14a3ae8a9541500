"""Repeating elements and summing repetitions: ``expand``, ``sumto``, ``repmat``.

``expand`` and ``sumto`` are each other's derivative; they carry every gradient
through implicit expansion.
"""

from __future__ import annotations

from typing import Any

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import colmajor, xp_of
from dlgru.cells import Cell
from dlgru.cellshapes import repeated
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError
from dlgru.op import primitive
from dlgru.ops.classes import astype
from dlgru.ops.shape import reshape
from dlgru.ops.sizes import whole_size
from dlgru.ops.sums import add_up


@primitive("expand")
def expand(x: Any, shape: tuple[int, ...]) -> Any:
    out = colmajor(xp_of(x), shape, x.dtype)
    out[...] = x.reshape(x.shape + (1,) * (len(shape) - x.ndim), order="F")
    return out


@expand.vjp
def _(y: Value, x: Value, shape: tuple[int, ...]) -> Any:
    source = x.shape
    return lambda g: sumto(g, source)


@expand.cases
def _(r: Any) -> Any:
    yield r(3, 1), (3, 4)
    yield r(3, 1), (3, 4, 2)


@expand.door
def _expand(X: Any, shape: Any) -> DLArray:
    """Repeat singleton dimensions until the size is `shape` (unformatted arrays)."""
    return finish(expand.op.on_values(to_value(X, "expand"), shape=tuple(shape)))


@primitive("sumto")
def sumto(x: Any, shape: tuple[int, ...]) -> Any:
    target = shape + (1,) * (x.ndim - len(shape))
    axes = tuple([k for k in range(x.ndim) if target[k] == 1 and x.shape[k] != 1])
    if axes:
        x = add_up(x, axes)
    return x.reshape(shape, order="F")


@sumto.vjp
def _(y: Value, x: Value, shape: tuple[int, ...]) -> Any:
    source = x.shape
    return lambda g: expand(g, source)


@sumto.cases
def _(r: Any) -> Any:
    yield r(3, 4), (3, 1)
    yield r(3, 4, 2), (1, 4)


@sumto.door
def _sumto(X: Any, shape: Any) -> DLArray:
    """Sum the dimensions in which `shape` is 1: undoes :func:`expand` (unformatted arrays)."""
    return finish(sumto.op.on_values(to_value(X, "sumto"), shape=tuple(shape)))


def _back_to(self: Value, shape: tuple[int, ...], dtype: Any) -> Value | None:
    """A gradient for an operand of this size and class: summed, cast, real for real data."""
    if dtype == backend.logical:
        return None
    g = self if self.data.dtype == dtype else astype(self, dtype)
    back: Value = g if g.data.shape == shape else sumto(g, shape)
    return back


Value.back_to = _back_to  # type: ignore[method-assign]


@primitive("repmat")
def repmat(x: Any, counts: tuple[int, ...]) -> Any:
    n = len(counts)
    x = x.reshape(x.shape + (1,) * (n - x.ndim), order="F")
    # x laid out as s1×1×s2×1…, written into s1×r1×s2×r2…: one broadcast, one copy.
    pairs = list(zip(x.shape, counts, strict=True))
    wide = colmajor(xp_of(x), tuple([v for pair in pairs for v in pair]), x.dtype)
    wide[...] = x.reshape(tuple([v for s in x.shape for v in (s, 1)]), order="F")
    return wide.reshape(tuple([s * c for s, c in pairs]), order="F")


@repmat.vjp
def _(y: Value, x: Value, counts: tuple[int, ...]) -> Any:
    source = x.shape
    padded = source + (1,) * (len(counts) - len(source))
    split = tuple(v for pair in zip(padded, counts, strict=True) for v in pair)
    kept = tuple(v for s in padded for v in (s, 1))
    return lambda g: reshape(sumto(reshape(g, split), kept), source)


@repmat.cases
def _(r: Any) -> Any:
    yield r(2, 3), 2, 2
    yield r(2, 3, fmt="CB"), [1, 1, 3]
    yield r(2, 3, fmt="CB"), 2


@repmat.door
def _repmat(X: Any, *counts: Any) -> Any:
    """Repeat an array: ``repmat(X, n)``, ``repmat(X, m, n, …)`` or ``repmat(X, [m, n, …])``.

    The format is kept; repetition beyond the labelled dimensions makes U dimensions.
    A cell gives a cell.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.repmat(dl.dlarray([1, 2]), 2, 2))
      2×4 dlarray
    <BLANKLINE>
         1     2     1     2
         1     2     1     2
    """
    given = counts[0] if len(counts) == 1 and isinstance(counts[0], list | tuple) else counts
    times = [whole_size(c, "repmat", "counts") for c in given]
    if not times:
        raise DlgruTypeError(
            "Not enough input arguments",
            identifier="dlgru:repmat:arguments",
            function="repmat",
            argument="counts",
            came="missing",
            expected="repmat(X, n) or repmat(X, m, n)",
        )
    if len(times) == 1:
        times *= 2
    if isinstance(X, Cell):
        return repeated(X, times)
    value, labels = to_value(X, "repmat"), labels_of(X)
    times += [1] * (value.data.ndim - len(times))
    if labels:
        labels += "U" * (len(times) - len(labels))
    return finish(repmat.op.on_values(value, counts=tuple(times)), labels)
