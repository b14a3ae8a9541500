"""Subscripts of ``X[...]``: count from 0, leave ends out, negative integers from the end.

The guard between the two doors is the class of the index values.  dlgru functions
return indices as doubles that count from 1, so Python brackets refuse every floating
subscript and every numeric DLArray: a port that forgot ``.m`` stops at once instead
of being wrong by one.  Logical subscripts mean the same in both doors.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgru.arrayhook import raw_of
from dlgru.backend import to_host
from dlgru.endmark import End
from dlgru.errors import size_text
from dlgru.subscript import (
    COLON,
    Picked,
    Place,
    columns,
    kind_text,
    list_array,
    mask,
    number_text,
    one,
    picked_run,
)


def python_subscript(k: Any, size: int, place: Place) -> Picked:
    """Read one subscript of ``X[...]`` for a position of `size` elements."""
    kind = type(k)
    if kind is int:
        return one(_integer(k, size, place))
    if kind is slice:
        return _slice(k, size, place)
    if kind is bool or kind is np.bool_:
        return mask(np.array([[k]]), size, place)
    raw = raw_of(k)
    if raw is not None:
        if raw.dtype == np.bool_:
            return mask(to_host(raw), size, place)
        raise place.counts_from_one(f"a {size_text(raw.shape)} array of class {raw.dtype}")
    if isinstance(k, np.ndarray):
        return _array(k, size, place)
    if isinstance(k, range):
        return _range(k, size, place)
    if isinstance(k, list | tuple):
        return _array(list_array(k, lambda x: _number(x, place), place), size, place)
    return one(_integer(_number(k, place), size, place))


def _integer(k: int, size: int, place: Place) -> int:
    i = k + size if k < 0 else k
    if i < 0 or (i >= size and not place.grows):
        raise place.past_end(k, size)
    return i


def _number(k: Any, place: Place) -> int:
    """An integer of any class, or the refusal that fits."""
    if type(k) is int:
        return k
    if isinstance(k, End):
        raise place.error(
            "end belongs to X.m[...]",
            "end",
            came=repr(k),
            fix="in Python brackets count from the end with -1, or leave the stop of a slice open",
        )
    raw = raw_of(k)
    if raw is not None:
        raise place.counts_from_one(f"a {size_text(raw.shape)} array of class {raw.dtype}")
    if isinstance(k, float | np.inexact):
        raise place.counts_from_one(number_text(k))
    if k is None:
        raise place.error("None adds no dimension here", "none", fix="use reshape or permute")
    try:
        return operator.index(k)
    except TypeError:
        raise place.error(
            "Not a subscript",
            "class",
            came=kind_text(k),
            expected="integers, slices, ranges or logical values",
        ) from None


def _slice(k: slice, size: int, place: Place) -> Picked:
    if k.start is None and k.stop is None and k.step is None:
        return Picked(COLON, size, (), size)
    start, stop, step = [
        part if part is None else _number(part, place) for part in (k.start, k.stop, k.step)
    ]
    if step == 0:
        raise place.error("A slice cannot have step 0", "step", came="0", expected="another step")
    if place.grows:
        return picked_run(_unclipped(start, stop, step or 1, size))
    return picked_run(range(*slice(start, stop, step).indices(size)))


def _unclipped(start: int | None, stop: int | None, step: int, size: int) -> range:
    """A slice that an assignment may grow: bounds written out past the end are kept."""
    down = step < 0
    lowest = -1 if down else 0

    def bound(given: int | None, missing: int) -> int:
        if given is None:
            return missing
        return given if given >= 0 else max(given + size, lowest)

    first = bound(start, size - 1 if down else 0)
    return range(first, bound(stop, -1 if down else size), step)


def _range(k: range, size: int, place: Place) -> Picked:
    if not k:
        return picked_run(k)
    first, last = k[0], k[-1]
    if first < 0 or last < 0:
        return _array(np.arange(k.start, k.stop, k.step), size, place)
    _integer(max(first, last), size, place)
    return picked_run(range(first, last + (1 if k.step > 0 else -1), k.step))


def _array(a: npt.NDArray[Any], size: int, place: Place) -> Picked:
    kind = a.dtype.kind
    if kind == "b":
        return mask(a, size, place)
    if kind in "fc":
        raise place.counts_from_one(f"an array of class {a.dtype}")
    if kind not in "iu":
        raise place.error(
            "Not a subscript", "class", came=f"an array of class {a.dtype}", expected="integers"
        )
    if a.size == 1:
        return one(_integer(int(a.item()), size, place))
    form, flat = columns(a)
    index = flat.astype(np.intp)
    if not index.size:
        return Picked(index, 0, form, 0)
    low, high = int(index.min()), int(index.max())
    if low < 0:
        _integer(low, size, place)
        index[index < 0] += size
    if high >= 0:
        _integer(high, size, place)
    return Picked(index, index.size, form, int(index.max()) + 1)
