"""Batches out of sequences of unequal length: ``padsequences``."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import result_dtype, seal, xp_of
from dlgru.calls import any_spelling
from dlgru.cells import Cell, iscell
from dlgru.convert import to_raw
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, listing, size_text
from dlgru.namevalue import Flag, OneOf
from dlgru.ops.classes import astype
from dlgru.ops.join import cat, split, stack
from dlgru.ops.sizes import dimension, outputs_asked, whole

_WORDS = ("longest", "shortest")


@any_spelling
def padsequences(
    X: Any,
    paddingDim: Any,
    *,
    Length: Any = "longest",
    Direction: Annotated[str, OneOf("right", "left", "both")] = "right",
    PaddingValue: Any = 0,
    UniformOutput: Annotated[bool, Flag()] = True,
    nargout: int = 1,
) -> Any:
    """Bring sequences to one length and put them into one array.

    Parameters
    ----------
    X : cell of arrays
        The sequences; sizes may differ along `paddingDim` only.
    paddingDim : int
        Dimension to pad or truncate, counted from 1.
    Length : "longest" (default), "shortest" or int
        The common length; longer sequences are truncated.
    Direction : "right" (default), "left" or "both"
        Where padding is added or elements are cut off: at the end, at the start, or half
        at each (of an odd number, one more at the end).
    PaddingValue : float, default 0
        What padding holds; NaN is allowed.
    UniformOutput : bool, default True
        False returns cells with an array for each sequence.
    nargout : int
        2 also returns the mask.

    Returns
    -------
    XPad : DLArray or cell
        Unformatted; sequences follow each other along the dimension after their last, so
        ``C×T`` sequences give ``C×T×N``: label it ``"CTB"``.  Single if any sequence is;
        differentiable where sequences are traced.
    mask : DLArray or cell
        Logical, of the size of XPad: true for data, false for padding.

    Raises
    ------
    DlgruTypeError
        If X is no cell of arrays.
    DlgruValueError
        If sizes differ elsewhere, or an option is not one of those above.  MATLAB's ways
        of mirroring data at the edge are not offered.

    Examples
    --------
    >>> import dlgru as dl
    >>> sequences = [dl.dlarray([1.0, 2.0]), dl.dlarray([3.0, 4.0, 5.0])]
    >>> X, mask = dl.padsequences(sequences, 2, nargout=2)
    >>> X.shape
    (1, 3, 2)
    >>> mask.m[:, :, 1]
      1×3 logical dlarray
    <BLANKLINE>
       1   1   0
    """
    axis = dimension(paddingDim, "padsequences", "paddingDim")
    outputs = outputs_asked(nargout, "padsequences", "XPad", "mask")
    sequences = _sequences(X, axis)
    lengths = [s.shape[axis] for s in sequences]
    length = _length(Length, lengths)
    fill = _fill(PaddingValue)
    place_of = {n: _place(n, length, Direction) for n in set(lengths)}
    places = [place_of[n] for n in lengths]
    shape = sequences[0].shape
    shape = (*shape[:axis], length, *shape[axis + 1 :])
    if UniformOutput:
        padded: Any = _padded(shape, sequences, places, axis, fill)
    else:
        kept = [
            _padded(shape, [s], [p], axis, fill) for s, p in zip(sequences, places, strict=True)
        ]
        padded = Cell(kept, _size_of(X))
    if outputs < 2:
        return padded
    if UniformOutput:
        return padded, _mask(shape, sequences, places, axis)
    masks = [_mask(shape, [s], [p], axis) for s, p in zip(sequences, places, strict=True)]
    return padded, Cell(masks, _size_of(X))


def _sequences(X: Any, axis: int) -> list[Value]:
    """The sequences, all of one rank that includes the padding dimension."""
    if not isinstance(X, list | tuple) or not X or (isinstance(X, list) and not iscell(X)):
        raise DlgruTypeError(
            identifier="dlgru:padsequences:cell",
            function="padsequences",
            argument="X",
            came="an array" if hasattr(X, "shape") and type(X) is not Cell else
            "an empty cell" if isinstance(X, list | tuple) and not X else
            "a list of numbers" if isinstance(X, list | tuple) else a_kind(X),
            expected="a cell (a list) of arrays, one for each sequence",
            fix="write [X] for a single sequence" if hasattr(X, "shape") else "",
        )  # fmt: skip
    # Their numbers are copied into the result at once, so none need be owned.
    values = [
        x.value if type(x) is DLArray else Value(to_raw(x, "padsequences", f"X[{k}]"))
        for k, x in enumerate(X)
    ]
    shapes = [v.shape for v in values]
    rank = max(axis + 1, *[len(shape) for shape in shapes])
    for k, shape in enumerate(shapes):
        if len(shape) < rank:
            shapes[k] = shape + (1,) * (rank - len(shape))
            values[k] = values[k].reshape(shapes[k])
    first = shapes[0]
    front, back = first[:axis], first[axis + 1 :]
    for k, shape in enumerate(shapes):
        if shape[:axis] != front or shape[axis + 1 :] != back:
            raise DlgruValueError(
                f"Sequences may differ in size along dimension {axis + 1} only",
                identifier="dlgru:padsequences:sizes",
                function="padsequences",
                argument=f"X[{k}]",
                came=size_text(shape),
                expected=f"{size_text(first)} but for dimension {axis + 1}, as X[0] is",
            )
    return values


def _length(given: Any, lengths: list[int]) -> int:
    if isinstance(given, str):
        word = OneOf(*_WORDS).check(given, "padsequences", "Length")
        return max(lengths) if word == "longest" else min(lengths)
    length = whole(given, "padsequences", "Length")
    if length < 1:
        raise DlgruValueError(
            identifier="dlgru:padsequences:option",
            function="padsequences",
            argument="Length",
            came=str(length),
            expected=f"{listing(_WORDS)} or a positive whole number",
        )
    return length


def _fill(given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise DlgruValueError(
            identifier="dlgru:padsequences:option",
            function="padsequences",
            argument="PaddingValue",
            came=f'"{given}"' if isinstance(given, str) else a_kind(given),
            expected="a number",
        ) from None


def _place(length: int, wanted: int, direction: str) -> tuple[slice, slice]:
    """Which elements of a sequence are kept, and where they come to stand."""
    surplus = abs(wanted - length)
    start = {"right": 0, "left": surplus, "both": surplus // 2}[direction]
    part = slice(start, start + min(length, wanted))
    whole_of_it = slice(0, min(length, wanted))
    return (whole_of_it, part) if length <= wanted else (part, whole_of_it)


def _padded(
    shape: tuple[int, ...],
    sequences: list[Value],
    places: list[tuple[slice, slice]],
    axis: int,
    fill: float,
) -> DLArray:
    dtype = result_dtype(*[s.dtype for s in sequences])
    if all(s.dtype == backend.logical for s in sequences) and fill in (0, 1):
        dtype = backend.logical
    if any(s.traced for s in sequences):
        return finish(_stacked(shape, sequences, places, axis, dtype, fill))
    data = backend.colmajor(xp_of(sequences[0].data), (*shape, len(sequences)), dtype)
    data[...] = fill
    before = (slice(None),) * axis
    for k, (s, (source, target)) in enumerate(zip(sequences, places, strict=True)):
        data[(*before, target, ..., k)] = s.data[(*before, source)]
    return finish(Value(seal(data)))


def _stacked(
    shape: tuple[int, ...],
    sequences: list[Value],
    places: list[tuple[slice, slice]],
    axis: int,
    dtype: Any,
    fill: float,
) -> Value:
    """The same in operations, so that it is recorded."""

    def padding(count: int) -> list[Value]:
        if not count:
            return []
        size = (*shape[:axis], count, *shape[axis + 1 :])
        return [Value(xp_of(sequences[0].data).full(size, fill, dtype=dtype, order="F"))]

    parts = []
    for s, (source, target) in zip(sequences, places, strict=True):
        if source.stop - source.start < s.shape[axis]:
            counts = (source.start, source.stop - source.start, s.shape[axis] - source.stop)
            s = split.op.on_values(s, axis=axis, counts=counts)[1]
        s = s if s.dtype == dtype else astype(s, dtype)
        around = [*padding(target.start), s, *padding(shape[axis] - target.stop)]
        parts.append(cat.op.on_values(*around, axis=axis) if len(around) > 1 else s)
    stacked: Value = stack.op.on_values(*parts, axis=len(shape))
    return stacked


def _mask(
    shape: tuple[int, ...],
    sequences: list[Value],
    places: list[tuple[slice, slice]],
    axis: int,
) -> DLArray:
    xp = xp_of(sequences[0].data)
    data = xp.zeros((*shape, len(sequences)), dtype=np.bool_, order="F")
    before = (slice(None),) * axis
    for k, (_, target) in enumerate(places):
        data[(*before, target, ..., k)] = True
    return finish(Value(seal(data)))


def _size_of(X: Any) -> tuple[int, ...] | None:
    return X.shape if isinstance(X, Cell) else None
