"""Putting arrays together and taking them apart: ``cat horzcat vertcat flip``, stack, unstack.

``unstack`` and ``stack`` are one tape entry each, however many slices there are;
the recurrent scan stands on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import as_colmajor, colmajor, result_dtype, xp_of
from dlgru.calls import any_spelling
from dlgru.cells import Cell
from dlgru.cellshapes import joined
from dlgru.convert import is_number, labels_of, to_value
from dlgru.endmark import End
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.labels import describe
from dlgru.op import primitive
from dlgru.ops.classes import astype
from dlgru.ops.sizes import axes_of, dimension
from dlgru.tape import Tape


@primitive("unstack")
def unstack(x: Any, axis: int) -> tuple[Any, ...]:
    before = (slice(None),) * axis
    parts = [x[(*before, k)] for k in range(x.shape[axis])]
    if axis < x.ndim - 1:  # only slices along the last dimension lie in one piece
        parts = [as_colmajor(xp_of(x), part) for part in parts]
    return tuple(parts)


class _UnstackPull:
    """Gradients of the slices, stacked; a slice nobody used contributes zeros."""

    __slots__ = ("axis", "x")

    def __init__(self, x: Value, axis: int) -> None:
        self.x, self.axis = Value(x.data), axis

    def pull(self, gradients: Sequence[Value | None], needs: Any, tape: Tape) -> list[Value]:
        blank: Value | None = None
        parts = []
        for k, g in enumerate(gradients):
            if g is None:
                if blank is None:
                    sample = self.x.data[(slice(None),) * self.axis + (k,)]
                    blank = Value(xp_of(sample).zeros_like(sample))
                g = blank
            parts.append(g)
        return [stack.op.on_values(*parts, axis=self.axis)]


@unstack.vjp
def _(ys: Any, x: Value, axis: int) -> Any:
    return _UnstackPull(x, axis)


@unstack.cases
def _(r: Any) -> Any:
    yield r(3, 2), 1
    yield r(3, 2, 2), 2


@unstack.door
def _unstack(X: Any, axis: int) -> tuple[DLArray, ...]:
    """All slices of an array along the 0-based `axis` (unformatted arrays)."""
    parts = unstack.op.on_values(to_value(X, "unstack"), axis=axis)
    return tuple([finish(p) for p in parts])


@primitive("stack")
def stack(*parts: Any, axis: int) -> Any:
    shape = parts[0].shape
    out = colmajor(xp_of(parts[0]), (*shape[:axis], len(parts), *shape[axis:]), parts[0].dtype)
    before = (slice(None),) * axis
    for k, part in enumerate(parts):
        out[(*before, k)] = part
    return out


class _StackPull:
    __slots__ = ("axis",)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def pull(self, gradients: Sequence[Value], needs: Any, tape: Tape) -> Sequence[Value]:
        parts: Sequence[Value] = unstack.op.on_values(gradients[0], axis=self.axis)
        return parts


@stack.vjp
def _(y: Value, *parts: Value, axis: int) -> Any:
    return _StackPull(axis)


@stack.cases
def _(r: Any) -> Any:
    yield r(3, 2), r(3, 2), {"axis": 1}
    yield r(3, 2), r(3, 2), r(3, 2), {"axis": 2}


@stack.door
def _stack(*parts: Any, axis: int) -> DLArray:
    """Stack arrays of one size along a new 0-based `axis` (unformatted arrays)."""
    return finish(stack.op.on_values(*[to_value(p, "stack") for p in parts], axis=axis))


@primitive("cat")
def cat(*parts: Any, axis: int) -> Any:
    shape = list(parts[0].shape)
    shape[axis] = 0
    for part in parts:
        shape[axis] += part.shape[axis]
    dtype = parts[0].dtype
    if any(p.dtype != dtype for p in parts):
        dtype = result_dtype(*[p.dtype for p in parts])
    out = colmajor(xp_of(parts[0]), tuple(shape), dtype)
    before = (slice(None),) * axis
    at = 0
    for part in parts:
        out[(*before, slice(at, at + part.shape[axis]))] = part
        at += part.shape[axis]
    return out


@primitive("split")
def split(x: Any, axis: int, counts: tuple[int, ...]) -> tuple[Any, ...]:
    before = (slice(None),) * axis
    out, at = [], 0
    for n in counts:
        out.append(as_colmajor(xp_of(x), x[(*before, slice(at, at + n))]))
        at += n
    return tuple(out)


class _CatPull:
    __slots__ = ("axis", "counts", "dtypes")

    def __init__(self, parts: Sequence[Value], axis: int) -> None:
        self.axis = axis
        self.counts = tuple([p.shape[axis] for p in parts])
        self.dtypes = [p.dtype for p in parts]

    def pull(self, gradients: Sequence[Value], needs: Any, tape: Tape) -> list[Value | None]:
        parts = split.op.on_values(gradients[0], axis=self.axis, counts=self.counts)
        return [
            None if d == backend.logical else p if p.dtype == d else astype(p, d)
            for p, d in zip(parts, self.dtypes, strict=True)
        ]


class _SplitPull:
    __slots__ = ("axis", "shapes", "xp_like")

    def __init__(self, ys: Sequence[Value], axis: int) -> None:
        self.axis = axis
        self.shapes = [(y.shape, y.dtype) for y in ys]
        self.xp_like = ys[0].data[:0]

    def pull(self, gradients: Sequence[Value | None], needs: Any, tape: Tape) -> list[Value]:
        xp = xp_of(self.xp_like)
        parts = [
            g if g is not None else Value(xp.zeros(shape, dtype=dtype, order="F"))
            for g, (shape, dtype) in zip(gradients, self.shapes, strict=True)
        ]
        return [cat.op.on_values(*parts, axis=self.axis)]


@cat.vjp
def _(y: Value, *parts: Value, axis: int) -> Any:
    return _CatPull(parts, axis)


@split.vjp
def _(ys: Any, x: Value, axis: int, counts: tuple[int, ...]) -> Any:
    return _SplitPull(ys, axis)


@split.cases
def _(r: Any) -> Any:
    yield r(4, 2), 0, (3, 1)


@split.door
def _split(X: Any, axis: int, counts: Any) -> tuple[DLArray, ...]:
    """Cut an array along the 0-based `axis` into pieces (unformatted arrays)."""
    parts = split.op.on_values(to_value(X, "split"), axis=axis, counts=tuple(counts))
    return tuple([finish(p) for p in parts])


@cat.cases
def _(r: Any) -> Any:
    yield 1, r(3, 2, fmt="CB"), r(1, 2, fmt="CB")
    yield 2, r(3, 2), r(3, 4), r(3, 1)
    yield 3, r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield 1, r(2, 2), []


@cat.door
def _cat(dim: Any, *arrays: Any) -> Any:
    """Concatenate arrays along dimension `dim`.

    Parameters
    ----------
    dim : int or label
        Counted from 1.  A dimension beyond those of the arrays makes a new one
        (labelled U when the arrays are formatted).
    *arrays : array
        Formatted ones must share one format, which the result keeps; unformatted
        ones join by position.  ``[]`` is skipped.  With a cell among them the result is a
        cell, in which what is no cell is one element.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.cat(1, dl.dlarray([1, 2]), [3, 4]))
      2×2 dlarray
    <BLANKLINE>
         1     2
         3     4
    """
    return _joined("cat", dim, arrays)


@any_spelling
def horzcat(*arrays: Any) -> Any:
    """Concatenate side by side, MATLAB's ``[A, B]``: ``cat(2, A, B)``; cells give a cell.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.horzcat(dl.dlarray([1, 2]), 3).shape
    (1, 3)
    """
    return _joined_or_waiting(horzcat, 2, arrays)


@any_spelling
def vertcat(*arrays: Any) -> Any:
    """Concatenate one below the other, MATLAB's ``[A; B]``: ``cat(1, A, B)``; cells give a cell.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.vertcat(dl.dlarray([1, 2]), [3, 4]).shape
    (2, 2)
    """
    return _joined_or_waiting(vertcat, 1, arrays)


def _joined_or_waiting(function: Any, dim: int, arrays: tuple[Any, ...]) -> Any:
    if any(isinstance(x, End) for x in arrays):
        return End.of(function, *arrays)  # an index such as horzcat(1, end)
    return _joined(function.__name__, dim, arrays)


def _joined(function: str, dim: Any, arrays: tuple[Any, ...]) -> Any:
    alone = arrays[0] if len(arrays) == 1 else None
    if isinstance(alone, list | tuple) and not isinstance(alone, Cell) and not _numbers_only(alone):
        arrays = tuple(alone)
    if any(isinstance(a, Cell) for a in arrays):
        return joined(function, dimension(dim, function), arrays)
    formats = {labels_of(a) for a in arrays if labels_of(a)}
    if len(formats) > 1:
        raise DlgruValueError(
            "Formatted arrays must have the same format to be joined",
            identifier="dlgru:cat:formats",
            function=function,
            argument="the arrays",
            came=f"of formats {', '.join(sorted(formats))}",
            expected="one format",
            fix="relabel with dlarray(X, fmt) or drop the labels with stripdims(X)",
        )
    labels = formats.pop() if formats else ""
    values = [to_value(a, function, f"array {k + 1}") for k, a in enumerate(arrays)]
    values = [v for v in values if v.shape != (0, 0)] or values[:1]
    if not values:
        return finish(to_value([], function))
    axis = (
        axes_of(dim, labels, (), function)[0] if isinstance(dim, str) else dimension(dim, function)
    )
    rank = max(axis + 1, *[v.data.ndim for v in values]) if len(values) > 0 else axis + 1
    padded = [v.reshape(v.shape + (1,) * (rank - v.data.ndim)) for v in values]
    first = padded[0]
    for k, v in enumerate(padded):
        if v.shape[:axis] + v.shape[axis + 1 :] != first.shape[:axis] + first.shape[axis + 1 :]:
            raise DlgruValueError(
                "Dimensions of arrays being concatenated are not consistent",
                identifier="dlgru:cat:sizes",
                function=function,
                argument=f"array {k + 1}",
                came=describe(labels if len(labels) == len(v.shape) else "", v.shape),
                expected=f"{size_text(first.shape)}, as array 1, but for dimension {axis + 1}",
            )
    if labels:
        labels += "U" * (rank - len(labels))
    return finish(cat.op.on_values(*padded, axis=axis), labels)


def _numbers_only(items: Any) -> bool:
    return all(is_number(x) or (isinstance(x, list | tuple) and _numbers_only(x)) for x in items)


@primitive("flip")
def flip(x: Any, axes: tuple[int, ...]) -> Any:
    key = tuple([slice(None, None, -1) if k in axes else slice(None) for k in range(x.ndim)])
    return as_colmajor(xp_of(x), x[key])


@flip.vjp
def _(y: Value, x: Value, axes: tuple[int, ...]) -> Any:
    return lambda g: flip(g, axes)


@flip.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield r(3, 2), 2
    yield r(3, 2, fmt="CT"), "T"


@flip.door
def _flip(X: Any, dim: Any = None) -> DLArray:
    """Reverse the order of the elements along a dimension; the format is kept.

    Parameters
    ----------
    X : array
        Any size and format.
    dim : int or label, optional
        Default the first dimension whose size is not 1.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.flip(dl.dlarray([1, 2, 3])))
      1×3 dlarray
    <BLANKLINE>
         3     2     1
    """
    value, labels = to_value(X, "flip"), labels_of(X)
    axes = axes_of(dim, labels, value.shape, "flip")
    if len(axes) > 1 and not isinstance(dim, str):
        raise DlgruTypeError(
            identifier="dlgru:flip:dim",
            function="flip",
            argument="dim",
            came=str(dim),
            expected="one dimension",
        )
    return finish(flip.op.on_values(value, axes=axes), labels)
