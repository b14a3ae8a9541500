"""The algebra of dimension labels, on strings alone.

A format is a string over ``S`` (spatial), ``C`` (channel), ``B`` (batch), ``T``
(time) and ``U`` (unspecified), in *stored order*: sorted by that list, equal
labels in the order they came.  The alphabet is closed, so every rule here is
total and can be tested on its own, without an array in sight.
"""

from __future__ import annotations

from functools import lru_cache

from dlgru.errors import DlgruValueError, a_kind, size_text

ORDER = "SCBTU"
_RANK = {label: place for place, label in enumerate(ORDER)}
_WORDS = "spatial S, channel C, batch B, time T, unspecified U"


def check_format(fmt: object, function: str, argument: str = "fmt") -> str:
    """Return `fmt` if it is a legal format, else raise with the reason."""
    if not isinstance(fmt, str) or not fmt or any(d not in _RANK for d in fmt):
        came = f'"{fmt}"' if isinstance(fmt, str) else a_kind(fmt)
        upper = isinstance(fmt, str) and fmt and all(d in _RANK for d in fmt.upper())
        raise DlgruValueError(
            "Data format must be a character vector or string scalar containing the characters "
            "'S', 'C', 'B', 'T', 'U'",
            identifier="dlgru:format:label",
            function=function,
            argument=argument,
            came=came,
            expected=f"labels out of {_WORDS}",
            fix=f'write "{fmt.upper()}": labels are upper case'
            if isinstance(fmt, str) and upper
            else "",
        )
    for label in "CBT":
        if fmt.count(label) > 1:
            raise DlgruValueError(
                f"The label '{label}' may stand only once in a data format",
                identifier="dlgru:format:repeated",
                function=function,
                argument=argument,
                came=f'"{fmt}"',
                expected="at most one C, one B and one T (S and U may repeat)",
            )
    return fmt


@lru_cache(maxsize=1024)
def sort_order(fmt: str) -> tuple[int, ...]:
    """Positions of the dimensions of `fmt` in stored order: ``"TCB"`` gives ``(1, 2, 0)``."""
    return tuple(sorted(range(len(fmt)), key=lambda k: _RANK[fmt[k]]))


@lru_cache(maxsize=1024)
def stored(fmt: str) -> str:
    """`fmt` in stored order: ``"TCB"`` gives ``"CBT"``."""
    return "".join(fmt[k] for k in sort_order(fmt))


def trimmed_rank(labels: str, shape: tuple[int, ...]) -> int:
    """Number of dimensions left when trailing singleton U beyond the second are dropped."""
    n = len(labels)
    while n > 2 and labels[n - 1] == "U" and shape[n - 1] == 1:
        n -= 1
    return n


@lru_cache(maxsize=4096)
def union(a: str, b: str) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Labels of an elementwise result, and where the dimensions of each operand stand in it.

    Dimensions meet by label; among repeated labels first meets first.

    >>> union("CB", "CT")
    ('CBT', (0, 1), (0, 2))
    >>> union("SS", "S")
    ('SS', (0, 1), (0,))
    """
    labels = "".join(d * max(a.count(d), b.count(d)) for d in ORDER)
    return labels, _places(a, labels), _places(b, labels)


def _places(part: str, whole: str) -> tuple[int, ...]:
    places = []
    at = 0
    for d in part:
        at = max(at, whole.index(d))
        places.append(at)
        at += 1
    return tuple(places)


def positions(labels: str, label: str) -> tuple[int, ...]:
    """0-based positions of `label` in a format."""
    return tuple(k for k, d in enumerate(labels) if d == label)


def describe(labels: str, shape: tuple[int, ...]) -> str:
    """A size for a message: ``3(C) × 4(B)``, or ``3×4``."""
    return size_text(shape, labels)
