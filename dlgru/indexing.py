"""From the subscripts between brackets to a plain selection, by sizes alone.

Reading, assigning and deleting, in either door, come down to the same question:
which elements, in which order, and of what size is the result.  The answer is a
:class:`Selection`.  It knows nothing of labels, tapes or devices, so the operation
that records a read, the one that records an assignment and the cells all use it.

The rules are MATLAB's in both doors.  As many subscripts as dimensions (or more,
the further ones selecting the first element) keep the format; with fewer, the last
one runs over the remaining dimensions folded together; a single one counts the
elements column by column.  Arrays in several positions select their outer product.
The doors differ only in how one subscript is written (``pythonbrackets``,
``matlabparens``) and in that a single logical subscript in Python brackets has the
size of the array.

An assignment past the end grows the array, in both doors.  A Python slice clips
when it reads; assigned to, a bound written out past the end grows the array up to
it (``X[0:6] = v`` as ``X[:, :, 1] = v``), an open one does not.

Sizes handed in are those of the stored array: for a DLArray at least two entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dlgru.errors import DlgruIndexError, DlgruValueError, size_text
from dlgru.matlabparens import matlab_subscript
from dlgru.pythonbrackets import python_subscript
from dlgru.subscript import COLON, Entry, IndexVector, Picked, Place, is_vector, run, trimmed

Shape: TypeAlias = tuple[int, ...]


class Selection(NamedTuple):
    """Which elements of an array, and the size of what they make.

    Attributes
    ----------
    base : tuple of int
        The size to see the array in, column by column, before `entries` apply: its own,
        with ones behind, with the last dimensions folded, or the number of elements.
    entries : tuple of slice or ndarray of intp
        One for each dimension of `base`, zero-based; several vectors mean their
        outer product.  A whole dimension is ``slice(None)``.
    counts : tuple of int
        How many elements each entry selects.
    shape : tuple of int
        The size of the result, column by column the same elements.
    keeps_format : bool
        There were as many subscripts as dimensions.
    grown : tuple of int or None
        For an assignment: the size the array must get first; `base` is then of that.
    """

    base: Shape
    entries: tuple[Entry, ...]
    counts: Shape
    shape: Shape
    keeps_format: bool
    grown: Shape | None

    @property
    def linear(self) -> bool:
        """True if one subscript counts all elements column by column."""
        return len(self.base) == 1


_new = tuple.__new__


def read(key: Any, shape: Shape, matlab: bool = False) -> Selection:
    """Say what ``X[key]``, or ``X.m[key]`` if `matlab`, selects from an array of size `shape`."""
    quick = _plain(key, shape, matlab)
    if quick is not None:
        return quick
    base, picks = _pick("read", key, shape, matlab)
    return _selection(shape, base, picks)


def write(
    key: Any, shape: Shape, matlab: bool = False, value_shape: Shape | None = None
) -> Selection:
    """Say what ``X[key] = value`` assigns to, and how X must grow for it.

    `value_shape` is the size of the value; it matters only where a colon stands in an
    assignment to an array without any size yet (``X = []; X(:, end+1) = v``).
    """
    if any(shape):
        quick = _plain(key, shape, matlab)
        if quick is not None:
            return quick
    base, picks = _pick("write", key, shape, matlab)
    if value_shape is not None and len(base) > 1 and not any(base[: len(shape)]):
        picks = _colons_sized(picks, value_shape)
    if all(p.top <= n for p, n in zip(picks, base, strict=True)) or not all(p.size for p in picks):
        return _selection(shape, base, picks)
    grown = _grown(shape, base, picks, matlab)
    if len(base) == 1:
        base = (prod(grown),)
    elif len(base) < len(shape):
        base = (*grown[: len(base) - 1], base[-1])
    else:
        base = grown + (1,) * (len(base) - len(grown))
    return _selection(shape, base, picks)._replace(grown=grown)


def delete(key: Any, shape: Shape, matlab: bool = False) -> Selection:
    """Say what ``del X[key]`` leaves: a selection to read X by.

    All subscripts but one select everything; a single one that is not a colon leaves
    a row, or a column of a column.
    """
    base, picks = _pick("delete", key, shape, matlab)
    at = _cut_position(base, picks, matlab)
    cut, n = picks[at], base[at]
    keep = np.ones(n, np.bool_)
    keep[cut.entry] = False
    vector = np.flatnonzero(keep)
    count = vector.size
    contiguous = count and int(vector[-1]) - int(vector[0]) == count - 1
    entry: Entry = run(range(int(vector[0]), int(vector[0]) + count)) if contiguous else vector
    left = list(picks)
    left[at] = Picked(entry, count, (1, count), n)
    for i, p in enumerate(picks):
        if i != at:
            left[i] = Picked(COLON, base[i], (), p.top)
    if len(base) > 1 or len(shape) == 1:
        return _selection(shape, base, left)
    if cut.entry is COLON:
        size = (0, 0)
    else:
        size = (count, 1) if is_vector(shape) and shape[0] != 1 else (1, count)
    return Selection(base, (entry,), (count,), size, False, None)


def match_value(selection: Selection, value_shape: Shape, door: str = "X[...] = value") -> None:
    """Raise unless a value of this size can be assigned to the selection.

    One element fills any selection.  Otherwise sizes agree without their ones; behind
    a single subscript the number of elements is enough.
    """
    count = prod(value_shape)
    if count == 1:
        return
    if selection.linear:
        if count == selection.counts[0]:
            return
    elif [n for n in selection.counts if n != 1] == [n for n in value_shape if n != 1]:
        return
    left = selection.shape if selection.linear else trimmed(selection.counts)
    raise DlgruValueError(
        "Unable to perform assignment because the size of the left side is "
        f"{size_text(left)} and the size of the right side is {size_text(value_shape)}",
        identifier="MATLAB:subsassigndimmismatch",
        function=door,
        argument="value",
        came=size_text(value_shape),
        expected=f"{size_text(left)} or one element",
        fix="to delete elements write del X.m[...]" if not count else "",
    )


# -- several subscripts ------------------------------------------------------------


def _plain(key: Any, shape: Shape, matlab: bool) -> Selection | None:
    """The common cases at little cost: integers, colons and plain ranges, one a dimension."""
    if type(key) is not tuple or len(key) != len(shape):
        return None
    first = 1 if matlab else 0
    index: list[Entry] = []
    counts = []
    for k, n in zip(key, shape, strict=True):
        if type(k) is int:
            i = k - first
            if i < 0 and not matlab:
                i += n
            if not 0 <= i < n:
                return None
            index.append(slice(i, i + 1, 1))
            counts.append(1)
        elif type(k) is slice and k.step is None:
            start, stop = k.start, k.stop
            if start is None and stop is None:
                index.append(COLON)
                counts.append(n)
            elif (
                type(start) is int
                and type(stop) is int
                and first <= start < stop + first <= n + first
            ):
                index.append(slice(start - first, stop, 1))
                counts.append(stop - start + first)
            else:
                return None
        else:
            return None
    sizes = tuple(counts)
    return _new(Selection, (shape, tuple(index), sizes, sizes, True, None))


def _pick(verb: str, key: Any, shape: Shape, matlab: bool) -> tuple[Shape, list[Picked]]:
    """Read every subscript with the size of its position."""
    keys = _positions(key, len(shape))
    total, rank = len(keys), len(shape)
    place = Place(verb, matlab, shape, total)
    if total >= rank:
        base = shape + (1,) * (total - rank)
    else:
        base = (*shape[: total - 1], prod(shape[total - 1 :]))
    one_subscript = matlab_subscript if matlab else python_subscript
    picks = []
    for position, (k, n) in enumerate(zip(keys, base, strict=True), 1):
        place.position = position
        picks.append(one_subscript(k, n, place))
    return base, picks


def _positions(key: Any, rank: int) -> tuple[Any, ...]:
    """The subscripts one by one, with ``...`` spelt out."""
    if type(key) is not tuple:
        return (COLON,) * rank if key is Ellipsis else (key,)
    if not key:
        return (COLON,) * rank
    dots = [i for i, k in enumerate(key) if k is Ellipsis]
    if not dots:
        return key
    if len(dots) > 1:
        raise DlgruIndexError(
            "... may stand once among the subscripts",
            identifier="dlgru:index:ellipsis",
            function="X[...]",
            argument="the subscripts",
            came=f"{len(dots)} of them",
            expected="one",
        )
    at = dots[0]
    return key[:at] + (COLON,) * (rank - len(key) + 1) + key[at + 1 :]


def _selection(shape: Shape, base: Shape, picks: Sequence[Picked]) -> Selection:
    counts = tuple([p.size for p in picks])
    rank, total = len(shape), len(base)
    keeps = total >= rank
    if total == 1 and rank != 1:
        size = _linear_size(picks[0], shape)
    else:
        size = trimmed(counts, rank if keeps else 2)
    return _new(Selection, (base, tuple([p.entry for p in picks]), counts, size, keeps, None))


def _linear_size(pick: Picked, shape: Shape) -> Shape:
    """MATLAB's rule for the size of ``X(idx)``."""
    count, form = pick.size, pick.form
    if not form:
        return (count, 1)
    shape = trimmed(shape)
    # A vector indexed by a vector keeps its own orientation; else the index gives the size.
    if is_vector(shape) and prod(shape) != 1 and is_vector(form):
        return (1, count) if shape[0] == 1 else (count, 1)
    return form


# -- growth ------------------------------------------------------------------------


def _grown(shape: Shape, base: Shape, picks: Sequence[Picked], matlab: bool) -> Shape:
    total, rank = len(base), len(shape)
    tops = [max(p.top, n) for p, n in zip(picks, base, strict=True)]
    if total >= rank:
        return trimmed(tuple(tops), rank)
    if total == 1:
        if not any(shape) or (is_vector(shape) and shape[0] == 1):
            return (1, tops[0]) + (1,) * (rank - 2)
        if is_vector(shape):
            return (tops[0], 1) + (1,) * (rank - 2)
    elif tops[-1] == base[-1]:
        return (*tops[:-1], *shape[total - 1 :])
    raise DlgruIndexError(
        "Attempted to grow array along ambiguous dimension",
        identifier="dlgru:index:grow",
        function="X.m[...] = value" if matlab else "X[...] = value",
        argument="the subscript" if total == 1 else f"subscript {total}",
        came=f"{tops[-1]}, counted from 1",
        expected=f"at most {base[-1]} (the array is {size_text(shape)})",
        fix=f"write one subscript for each of the {rank} dimensions",
    )


def _colons_sized(picks: list[Picked], value_shape: Shape) -> list[Picked]:
    """Let colons in an assignment to an array without size take theirs from the value.

    By position where that fits, else the value's sizes other than one in their order.
    Where everything is a colon one element fills nothing, as in any array.
    """
    if prod(value_shape) == 1 and all(p.entry is COLON for p in picks):
        return picks
    padded = value_shape + (1,) * (len(picks) - len(value_shape))
    by_position = [n if p.entry is COLON else p.size for p, n in zip(picks, padded, strict=False)]
    left = [n for n in value_shape if n != 1]
    if [n for n in by_position if n != 1] != left and prod(value_shape) != 1:
        rest = iter(left)
        by_position = [(next(rest, 1) if p.size != 1 or p.entry is COLON else 1) for p in picks]
    return [
        Picked(run(range(n)), n, (1, n), n) if p.entry is COLON else p
        for p, n in zip(picks, by_position, strict=True)
    ]


# -- deletion ----------------------------------------------------------------------


def _cut_position(base: Shape, picks: Sequence[Picked], matlab: bool) -> int:
    """The one position whose subscript says what to delete."""
    written = [i for i, p in enumerate(picks) if p.entry is not COLON]
    if not written:
        return 0
    nothing = [i for i in written if not picks[i].size]
    if nothing:
        return nothing[0]
    if len(written) > 1:
        # A subscript that names every element of its dimension is as good as a colon.
        written = [i for i in written if not _is_whole(picks[i], base[i])] or written[-1:]
    if len(written) > 1:
        raise DlgruIndexError(
            "A deletion can have only one subscript that is not a colon",
            identifier="MATLAB:subsdeldimmismatch",
            function="del X.m[...]" if matlab else "del X[...]",
            argument="the subscripts",
            came=f"{len(written)} of them",
            expected="one",
            fix="delete in one dimension after the other",
        )
    return written[0]


def _is_whole(pick: Picked, size: int) -> bool:
    if isinstance(pick.entry, slice):
        return pick.size == size
    seen: IndexVector = np.unique(pick.entry)
    return seen.size == size
