"""Carry a selection out: read, assign, grow and add, on raw arrays of any library.

Everything runs on the transposed array, which is C-contiguous where ours is
column-major, so "see the array in another size, column by column" is an ordinary
reshape without a copy.  Slices act as views.  Index vectors stay on the host until
they are needed and move to the array's own library then; several of them mean their
outer product, never NumPy's pairs.

Repeated indices behave the same on every device: of several values assigned to one
element the last one stays, and values added to one element are summed in a fixed
order (neighbours in pairs, then pairs of pairs), without atomic operations, so a
gradient is the same number every time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru.backend import RawArray, colmajor
from dlgru.indexing import Selection
from dlgru.subscript import COLON, Entry, IndexVector


def apply_read(xp: Any, data: RawArray, selection: Selection) -> RawArray:
    """Return a column-major copy of the selected elements."""
    out = colmajor(xp, selection.shape, data.dtype)
    if 0 in selection.counts:
        return out
    if selection.counts == selection.shape and _is_plain(selection, data):
        out[...] = data[selection.entries]
        return out
    part, vectors = _sliced(_seen_as(data, selection.base).T, selection.entries)
    target = out.T.reshape(selection.counts[::-1])
    # All vectors but the last shrink the array on the way; those that leave least go first.
    order = sorted(vectors, key=lambda axis: vectors[axis].size / max(part.shape[axis], 1))
    for axis in order[:-1]:
        part = part[_along(part, axis, xp.asarray(vectors[axis]))]
    if not order:
        target[...] = part
    else:
        _take(xp, part, vectors[order[-1]], order[-1], target)
    return out


def apply_write(xp: Any, data: RawArray, selection: Selection, value: Any) -> None:
    """Assign `value`, a number or a raw array that matches, to the selection of `data`, in place.

    `data` has the size ``selection.grown`` if that is not None.
    """
    if 0 in selection.counts:
        return
    if _is_plain(selection, data) and getattr(value, "shape", ()) in ((), selection.counts):
        data[selection.entries] = value
        return
    with _Opened(data, selection) as opened:
        target, vectors = _sliced(opened.T, selection.entries)
        value = _arranged(value, selection)
        if not vectors:
            target[...] = value
            return
        for axis, vector in vectors.items():
            last = _last_of_each(vector)
            if last is not None:
                vectors[axis] = vector[last]
                if getattr(value, "ndim", 0):
                    value = value[_along(value, axis, xp.asarray(last))]
        target[_mesh(xp, target, vectors)] = value


def apply_add(xp: Any, data: RawArray, selection: Selection, value: RawArray) -> None:
    """Add `value` to the selection of `data`, in place; repeated elements add up."""
    if 0 in selection.counts:
        return
    if _is_plain(selection, data) and value.shape in ((), selection.counts):
        data[selection.entries] += value
        return
    with _Opened(data, selection) as opened:
        target, vectors = _sliced(opened.T, selection.entries)
        value = _arranged(value, selection)
        if not vectors:
            target += value
            return
        for axis, vector in vectors.items():
            if _last_of_each(vector) is not None:
                if value.ndim == 0:
                    value = xp.zeros(selection.counts[::-1], dtype=data.dtype) + value
                vectors[axis], value = _sum_repeats(xp, value, vector, axis)
        target[_mesh(xp, target, vectors)] += value


def grow(xp: Any, data: RawArray, shape: tuple[int, ...]) -> RawArray:
    """Return a column-major array of size `shape` with `data` at its start and zeros elsewhere."""
    out = xp.zeros(shape, dtype=data.dtype, order="F")
    if data.size:
        padded = data.reshape(data.shape + (1,) * (len(shape) - data.ndim))
        out[tuple([slice(0, n) for n in padded.shape])] = padded
    return out


def survivors(selection: Selection) -> np.ndarray[Any, Any] | None:
    """True where an assigned value stays, of the size of the selection; None if all do."""
    kept = {}
    for axis, entry in enumerate(selection.entries):
        last = None if isinstance(entry, slice) else _last_of_each(entry)
        if last is not None:
            kept[axis] = np.isin(np.arange(selection.counts[axis]), last)
    if not kept:
        return None
    mask = np.ones(selection.counts[::-1], np.bool_)
    for axis, stays in kept.items():
        mask &= stays.reshape((-1,) + (1,) * axis)
    return mask.reshape(selection.shape[::-1]).T


# -- the same array in another size --------------------------------------------------


def _is_plain(selection: Selection, data: RawArray) -> bool:
    """True if the entries are slices of the array as it stands."""
    if selection.base != data.shape:
        return False
    return {slice}.issuperset(map(type, selection.entries))


def _seen_as(data: RawArray, base: tuple[int, ...]) -> RawArray:
    return data if data.shape == base else data.T.reshape(base[::-1]).T


class _Opened:
    """The array in the size of a selection's base, for writing.

    A view wherever the array is column-major.  Otherwise folding its dimensions takes
    a copy, which is put back when everything is written.
    """

    def __init__(self, data: RawArray, selection: Selection) -> None:
        self.data = data
        self.seen = _seen_as(data, selection.base)
        is_view = len(selection.base) >= data.ndim or data.flags.f_contiguous
        self.copied = not is_view

    def __enter__(self) -> RawArray:
        return self.seen

    def __exit__(self, *error: object) -> None:
        if self.copied:
            self.data[...] = _seen_as(self.seen, self.data.shape)


def _sliced(
    transposed: RawArray, index: tuple[Entry, ...]
) -> tuple[RawArray, dict[int, IndexVector]]:
    """Apply the slices as a view; return it with the vectors that are left, by axis.

    Axes are those of the transposed array.
    """
    vectors: dict[int, IndexVector] = {}
    slices = []
    for axis, entry in enumerate(reversed(index)):
        if isinstance(entry, slice):
            slices.append(entry)
        else:
            slices.append(COLON)
            vectors[axis] = entry
    return transposed[tuple(slices)], vectors


def _along(a: RawArray, axis: int, index: Any) -> tuple[Any, ...]:
    behind: int = a.ndim - axis - 1
    return (COLON,) * axis + (index,) + (COLON,) * behind


def _take(xp: Any, part: RawArray, vector: IndexVector, axis: int, out: RawArray) -> None:
    """Write the elements of `part` at `vector` along one axis to `out`."""
    if xp is np and part.flags.c_contiguous and out.size:
        # Straight into place; "clip" because the indices are known to be inside.
        np.take(part, vector, axis, out=out, mode="clip")
    else:
        out[...] = part[_along(part, axis, xp.asarray(vector))]


def _mesh(xp: Any, target: RawArray, vectors: dict[int, IndexVector]) -> tuple[Any, ...]:
    """Subscripts that select the outer product of the vectors and of what the slices left."""
    if len(vectors) == 1:
        axis, vector = next(iter(vectors.items()))
        return _along(target, axis, xp.asarray(vector))
    return tuple(
        [
            xp.asarray(vectors[axis] if axis in vectors else np.arange(n)).reshape(
                (1,) * axis + (-1,) + (1,) * (target.ndim - axis - 1)
            )
            for axis, n in enumerate(target.shape)
        ]
    )


def _arranged(value: Any, selection: Selection) -> Any:
    """The value in the size of the selection, transposed; one element as it is."""
    if not getattr(value, "ndim", 0):
        return value
    return value.reshape(()) if value.size == 1 else value.T.reshape(selection.counts[::-1])


# -- repeated indices ------------------------------------------------------------------


def _last_of_each(vector: IndexVector) -> IndexVector | None:
    """Positions of the last occurrence of each index; None if none is repeated."""
    if vector.size < 2 or (vector[1:] > vector[:-1]).all():
        return None
    _, first_from_behind = np.unique(vector[::-1], return_index=True)
    if first_from_behind.size == vector.size:
        return None
    last: IndexVector = vector.size - 1 - first_from_behind
    return last


def _sum_repeats(
    xp: Any, value: RawArray, vector: IndexVector, axis: int
) -> tuple[IndexVector, RawArray]:
    """Sum the slices of `value` that share an index; return the distinct indices and the sums."""
    order = np.argsort(vector, kind="stable")
    distinct, starts, repeats = np.unique(vector[order], return_index=True, return_counts=True)
    value = value[_along(value, axis, xp.asarray(order))]
    # Where partial sums stand, and which of its index's partial sums each one is.
    standing = np.arange(vector.size)
    rank = standing - np.repeat(starts, repeats)
    while rank.any():
        odd = np.flatnonzero(rank % 2)
        into = _along(value, axis, xp.asarray(standing[odd - 1]))
        value[into] += value[_along(value, axis, xp.asarray(standing[odd]))]
        stays = rank % 2 == 0
        standing, rank = standing[stays], rank[stays] // 2
    return distinct, value[_along(value, axis, xp.asarray(standing))]
