"""Subscripts of ``X.m[...]``: MATLAB's parentheses.

They count from 1 and include both ends; ``end`` and whole-valued floats are welcome;
a slice of two parts is ``start:stop`` and one of three ``start:step:stop``, in
MATLAB's order.  A bare ``:`` (or the text ``":"``) is everything.
"""

from __future__ import annotations

import math
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

_LARGEST = 2**62
"""What an index stays below, so that it is an integer on every machine."""


def matlab_subscript(k: Any, size: int, place: Place) -> Picked:
    """Read one subscript of ``X.m[...]`` for a position of `size` elements."""
    kind = type(k)
    if kind is slice:
        return _slice(k, size, place)
    if kind is End:
        k = k.evaluate(size)
        kind = type(k)
    if kind is int or kind is float:
        return one(_index(k, size, place))
    if kind is bool or kind is np.bool_:
        return mask(np.array([[k]]), size, place)
    raw = raw_of(k)
    if raw is not None:
        return _array(to_host(raw), size, place)
    if isinstance(k, np.ndarray | np.generic):
        return _array(np.asarray(k), size, place)
    if isinstance(k, range):
        return _run(k, size, place)
    if isinstance(k, list | tuple):
        return _array(list_array(k, lambda x: _number(x, size, place), place), size, place)
    if isinstance(k, str) and k == ":":
        return Picked(COLON, size, (), size)
    return one(_index(_number(k, size, place), size, place))


def _index(k: Any, size: int, place: Place) -> int:
    """The zero-based index for one that counts from 1."""
    if not 1 <= k < _LARGEST or k % 1:
        raise place.not_positive(k)
    i = int(k) - 1
    if i >= size and not place.grows:
        raise place.past_end(i, size)
    return i


def _number(k: Any, size: int, place: Place) -> Any:
    """One index value or bound of a range, not yet checked to be positive."""
    if isinstance(k, End):
        k = k.evaluate(size)
        if type(k) is bool:
            return k  # a logical value, such as end == 3
    if type(k) is int or type(k) is float:
        return k
    raw = raw_of(k)
    if raw is None and isinstance(k, np.ndarray | np.generic):
        raw = k
    if raw is not None:
        if raw.size != 1:
            raise place.error(
                "Here stands one number",
                "scalar",
                came=f"a {size_text(raw.shape)} array",
                expected="one element",
                fix="join index arrays with horzcat(a, b)",
            )
        k = raw.item()
    if isinstance(k, float):
        return float(k)
    try:
        return operator.index(k)
    except TypeError:
        raise place.error(
            "Not a subscript",
            "class",
            came=kind_text(k),
            expected="positive integers, start:stop, start:step:stop or logical values",
            fix="use reshape or permute" if k is None else "",
        ) from None


def _slice(k: slice, size: int, place: Place) -> Picked:
    if k.start is None and k.stop is None and k.step is None:
        return Picked(COLON, size, (), size)
    step: Any = 1
    if k.step is None:
        start = 1 if k.start is None else _number(k.start, size, place)
        stop = size if k.stop is None else _number(k.stop, size, place)
    elif k.start is None or k.stop is None:
        raise place.error(
            "A range of three parts needs all of them",
            "range",
            expected="start:step:stop, as in MATLAB",
            fix="write X.m[1:2:end] for every second element",
        )
    else:
        # Python's names for the parts differ: the middle one is MATLAB's step.
        start, step, stop = [_number(x, size, place) for x in (k.start, k.stop, k.step)]
    if not all(map(math.isfinite, (start, step, stop))):
        raise place.error(
            "A range of indices has finite bounds",
            "range",
            came=":".join(map(number_text, (start, step, stop))),
            expected="finite numbers",
        )
    if not step or (stop - start) * step < 0:
        return picked_run(range(0))
    count = int((stop - start) // step) + 1
    if not start >= 1 or start % 1:
        raise place.not_positive(start)
    if count > 1 and step % 1:
        raise place.not_positive(start + step)
    first, step = int(start), int(step) if count > 1 else 1
    return _run(range(first, first + count * step, step), size, place)


def _run(r: range, size: int, place: Place) -> Picked:
    """Equally spaced indices, counting from 1."""
    if not r:
        return picked_run(range(0))
    if min(r[0], r[-1]) < 1:
        raise place.not_positive(next(i for i in r if i < 1))
    picked = picked_run(range(r.start - 1, r[-1] - 1 + (1 if r.step > 0 else -1), r.step))
    if picked.top > size and not place.grows:
        raise place.past_end(picked.top - 1, size)
    return picked


def _array(a: npt.NDArray[Any], size: int, place: Place) -> Picked:
    kind = a.dtype.kind
    if kind == "b":
        return mask(a, size, place)
    if kind not in "iuf":
        raise place.error(
            "Not a subscript",
            "class",
            came=f"an array of class {a.dtype}",
            expected="positive integers or logical values",
        )
    if a.size == 1:
        return one(_index(a.item(), size, place))
    form, flat = columns(a)
    if not flat.size:
        return Picked(np.zeros(0, np.intp), 0, form, 0)
    good = flat >= 1
    if kind == "f":
        good &= flat < _LARGEST
        good[good] = flat[good] % 1 == 0
    if not good.all():
        raise place.not_positive(flat[int(np.argmin(good))].item())
    index = flat.astype(np.intp)
    index -= 1
    top = int(index.max()) + 1
    if top > size and not place.grows:
        raise place.past_end(top - 1, size)
    return Picked(index, index.size, form, top)
