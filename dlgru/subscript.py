"""What one subscript selects, and the words of every complaint about one.

Two readers, ``pythonbrackets`` for ``X[...]`` and ``matlabparens`` for ``X.m[...]``,
turn a subscript into a :class:`Picked`, which counts from 0 whatever the door counted
from.  What the doors share stands here: logical subscripts, lists, and the errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from dlgru.arrayhook import raw_of
from dlgru.errors import DlgruIndexError, number_words, size_text

IndexVector: TypeAlias = npt.NDArray[np.intp]
Entry: TypeAlias = "slice | IndexVector"

COLON = slice(None)
"""The whole of a dimension."""


class Picked(NamedTuple):
    """What one subscript selects.

    Attributes
    ----------
    entry : slice or ndarray of intp
        Zero-based.  The whole dimension is ``slice(None)``; any other slice has an
        integer start and step, and a stop that is an integer or, where it goes down
        to the first element, None.
    size : int
        How many elements.
    form : tuple of int
        The size of the subscript itself as MATLAB sees it; empty for a colon.
    top : int
        One more than the largest index (0 if there is none).
    """

    entry: Entry
    size: int
    form: tuple[int, ...]
    top: int


def one(i: int) -> Picked:
    """A single element."""
    return Picked(slice(i, i + 1, 1), 1, (1, 1), i + 1)


def run(r: range) -> Entry:
    """The slice that selects what a range of non-negative integers holds."""
    if not r:
        return slice(0, 0, 1)
    stop = r[-1] + (1 if r.step > 0 else -1)
    return slice(r.start, stop if stop >= 0 else None, r.step)


def picked_run(r: range) -> Picked:
    """The elements of a range of non-negative integers."""
    return Picked(run(r), len(r), (1, len(r)), max(r[0], r[-1]) + 1 if r else 0)


class Place:
    """Where a subscript stands: which door, which array, which of how many positions.

    `grows` is true where an index past the end is no error because an assignment
    there makes the array larger.
    """

    __slots__ = ("grows", "matlab", "position", "shape", "total", "verb")

    def __init__(self, verb: str, matlab: bool, shape: tuple[int, ...], total: int) -> None:
        self.verb, self.matlab, self.shape, self.total = verb, matlab, shape, total
        self.grows = verb == "write"
        self.position = 1

    @property
    def door(self) -> str:
        """What was written, for the head of a message."""
        brackets = "X.m[...]" if self.matlab else "X[...]"
        return {"read": brackets, "write": f"{brackets} = value", "delete": f"del {brackets}"}[
            self.verb
        ]

    def error(
        self, headline: str, what: str, *, came: str = "", expected: str = "", fix: str = ""
    ) -> DlgruIndexError:
        """An error about this subscript."""
        return DlgruIndexError(
            headline,
            identifier=what if ":" in what else f"dlgru:index:{what}",
            function=self.door,
            argument="the subscript" if self.total == 1 else f"subscript {self.position}",
            came=came,
            expected=expected,
            fix=fix,
        )

    def counts_from_one(self, came: str) -> DlgruIndexError:
        """The refusal of floating subscripts and numeric DLArrays in Python brackets."""
        words = [":"] * self.total
        words[self.position - 1] = "idx"
        return self.error(
            f"index values count from 1: write X.m[{', '.join(words)}]",
            "countsFromOne",
            came=came,
            expected="integers, slices, ranges or logical values, which X[...] counts from 0",
        )

    def not_positive(self, value: Any) -> DlgruIndexError:
        """MATLAB's complaint about zero, negative and fractional indices."""
        where = "" if self.total == 1 else f"Index in position {self.position} is invalid. "
        return self.error(
            f"{where}Array indices must be positive integers or logical values",
            "MATLAB:badsubscript",
            came=number_text(value),
            fix="X.m[...] counts from 1" if value == 0 else "",
        )

    def past_end(self, index: int, size: int) -> DlgruIndexError:
        """The complaint about an index (zero-based) outside a position of `size` elements."""
        if self.total == 1:
            headline = "Index exceeds array bounds (the number of array elements)"
        else:
            headline = f"Index in position {self.position} exceeds array bounds"
        first = 1 if self.matlab else 0
        expected = f"at least {-size}" if index < 0 else f"at most {size - 1 + first}"
        if not size:
            expected = "no index, for there are no elements"
        return self.error(
            headline,
            "MATLAB:badsubscript",
            came=number_words(index + first),
            expected=f"{expected} (the array is {size_text(self.shape)})",
        )


def number_text(value: Any) -> str:
    """A number as a message shows it."""
    return f"{float(value):g}" if isinstance(value, float | np.floating) else number_words(value)


def kind_text(k: object) -> str:
    """What kind of thing came instead of a subscript."""
    return f'the text "{k}"' if isinstance(k, str) else f"of class {type(k).__name__}"


def trimmed(shape: tuple[int, ...], least: int = 2) -> tuple[int, ...]:
    """A size without trailing ones beyond the first `least` dimensions."""
    n = len(shape)
    while n > least and shape[n - 1] == 1:
        n -= 1
    return shape[:n]


def is_vector(shape: tuple[int, ...]) -> bool:
    """True for the size of a row or column, as MATLAB's ``isvector`` has it."""
    shape = trimmed(shape)
    return len(shape) == 2 and 1 in shape


def columns(a: npt.NDArray[Any]) -> tuple[tuple[int, ...], npt.NDArray[Any]]:
    """The size of an index array as MATLAB sees it, and its elements column by column."""
    shape = a.shape
    if len(shape) < 2:
        return (1, a.size), a.reshape(-1)
    return trimmed(shape), a.reshape(-1, order="F")


def mask(a: npt.NDArray[Any], size: int, place: Place) -> Picked:
    """A logical subscript, which selects what its ``find`` does."""
    form, flat = columns(a)
    if not place.matlab:
        _check_mask(form, size, place)
    index = np.flatnonzero(flat)
    count = index.size
    top = int(index[-1]) + 1 if count else 0
    if top > size and not place.grows:
        raise place.past_end(top - 1, size)
    return Picked(index, count, _form_of_find(form, count), top)


def _check_mask(form: tuple[int, ...], size: int, place: Place) -> None:
    """In Python brackets a mask has the size of what it selects from.

    MATLAB lets it be shorter, or longer if the rest is false, and reads any single
    mask column by column; written by somebody who thinks in rows, that is a slip.
    """
    if place.total > 1:
        fits = np.prod(form) == size
        expected = f"{size} elements"
    else:
        shape = trimmed(place.shape)
        fits = form == shape or (is_vector(form) and is_vector(shape) and max(form) == size)
        expected = size_text(place.shape)
    if not fits:
        raise place.error(
            "A logical subscript has one element for each it selects from",
            "mask",
            came=f"a {size_text(form)} mask",
            expected=f"{expected} (the array is {size_text(place.shape)})",
            fix="X[mask, :] masks rows, X.m[mask] is MATLAB's X(mask)" if place.total == 1 else "",
        )


def _form_of_find(form: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The size of what MATLAB's ``find`` gives for a mask of this size."""
    if form in ((1, 1), (0, 0)) and not count:
        return (0, 0)
    return (1, count) if len(form) == 2 and form[0] == 1 else (count, 1)


def list_array(items: Any, number: Callable[[Any], Any], place: Place) -> npt.NDArray[Any]:
    """A list or nested list of subscripts as an array; `number` reads one index value."""
    kinds: set[type] = set()
    resolved = _resolved(items, number, kinds)
    if len(kinds) > 1:
        raise place.error(
            "A list of subscripts holds index values or logical values, not both",
            "mixed",
            came="a list of both",
            expected="one kind",
        )
    try:
        a = np.array(resolved)
    except ValueError:
        raise place.error(
            "The rows of a list of subscripts have one length",
            "ragged",
            came="a ragged list",
            expected="rows of one length",
        ) from None
    if a.size:
        return a
    return np.zeros((0, 0) if a.ndim == 1 else a.shape, np.intp)


def _resolved(items: Any, number: Callable[[Any], Any], kinds: set[type]) -> list[Any]:
    out: list[Any] = []
    for x in items:
        if isinstance(x, list | tuple):
            out.append(_resolved(x, number, kinds))
            continue
        raw = x if isinstance(x, np.bool_) else raw_of(x)
        if raw is not None and raw.size == 1 and raw.dtype == np.bool_:
            x = bool(raw.item())
        if not isinstance(x, bool):
            x = number(x)
        kinds.add(bool if isinstance(x, bool) else int)
        out.append(x)
    return out
