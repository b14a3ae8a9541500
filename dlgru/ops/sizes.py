"""Dimension numbers, dimension labels and sizes, as users give them."""

from __future__ import annotations

from typing import Any

from dlgru import backend
from dlgru.calls import NeedsParentheses
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, number_words, size_text
from dlgru.labels import ORDER, positions


def real_number(x: Any, function: str, argument: str) -> float:
    """A real number given as a Python number or a one-element array."""
    value = _as_float(x)
    if value is None:
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:number",
            function=function,
            argument=argument,
            came=_came(x),
            expected="a real number",
        )
    return value


def whole(x: Any, function: str, argument: str) -> int:
    """A whole number given as int, whole-valued float or one-element array."""
    value = _as_float(x)
    if value is None or not value.is_integer():
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:whole",
            function=function,
            argument=argument,
            came=_came(x),
            expected="a whole number",
        )
    return int(value)


def _as_float(x: Any) -> float | None:
    """`x` as a float; None if it is no real number."""
    if isinstance(x, str | bytes) or getattr(getattr(x, "dtype", None), "kind", "") == "c":
        return None
    try:
        return float(x)
    except (TypeError, ValueError, OverflowError):
        if isinstance(x, NeedsParentheses):
            raise  # it says that its parentheses are missing
        return None


def _came(x: Any) -> str:
    if isinstance(x, str | float | int):
        return number_words(x)
    if getattr(x, "shape", ()) != ():
        return f"a {size_text(x.shape)} array"
    return a_kind(x)


def listed(x: Any, function: str, argument: str) -> list[Any]:
    """The elements of a list, tuple or range, or of an array column by column."""
    if isinstance(x, list | tuple | range):
        return list(x)
    data = getattr(x, "_dlgru_raw", lambda: x)()
    if not hasattr(data, "ravel") or not hasattr(data, "ndim"):
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:list",
            function=function,
            argument=argument,
            came=_came(x),
            expected="a list of numbers",
        )
    elements: list[Any] = backend.to_host(data).ravel(order="F").tolist()
    return elements


def whole_size(x: Any, function: str, argument: str) -> int:
    """A size or count; negative ones are 0, as in MATLAB."""
    return max(0, whole(x, function, argument))


def outputs_asked(nargout: Any, function: str, *names: str) -> int:
    """How many outputs a call asks for, 1 at least; `names` are those the function has."""
    n = whole(nargout, function, "nargout")
    if not 0 <= n <= len(names):
        ways = [f"{k} ({', '.join(names[:k])})" for k in range(1, len(names) + 1)]
        raise DlgruValueError(
            "Too many output arguments" if n > len(names) else "",
            identifier=f"dlgru:{function}:nargout",
            function=function,
            argument="nargout",
            came=str(n),
            expected=" or ".join(ways),
        )
    return max(n, 1)


def dimension(x: Any, function: str, argument: str = "dim") -> int:
    """A dimension number, counted from 1, as a 0-based axis."""
    d = whole(x, function, argument)
    if d < 1:
        raise DlgruValueError(
            identifier=f"dlgru:{function}:dim",
            function=function,
            argument=argument,
            came=str(d),
            expected="a dimension number; they count from 1",
            fix=f"the first dimension is {argument}=1" if d == 0 else "",
        )
    return d - 1


def axes_of(dim: Any, labels: str, shape: tuple[int, ...], function: str) -> tuple[int, ...]:
    """The 0-based axes that `dim` names: a number, several, a label, ``'all'``, or None.

    None is MATLAB's default: the first dimension whose size is not 1.  Numbers
    beyond the dimensions name singletons, so they are left out.
    """
    if dim is None:
        if shape == (0, 0):
            return (0,)
        return (next((k for k, n in enumerate(shape) if n != 1), 0),)
    if isinstance(dim, str):
        if dim.lower() == "all":
            return tuple(range(len(shape)))
        return _axes_of_labels(dim, labels, function)
    if isinstance(dim, list | tuple | range) or getattr(dim, "shape", ()) not in ((), (1, 1)):
        items = listed(dim, function, "dim")
        axes = [axes_of(d, labels, shape, function) for d in items]
        flat = [a for several in axes for a in several]
        if len(set(flat)) != len(flat):
            raise DlgruValueError(
                identifier=f"dlgru:{function}:dim",
                function=function,
                argument="vecdim",
                came=str(dim),
                expected="each dimension once",
            )
        return tuple(sorted(flat))
    axis = dimension(dim, function)
    return (axis,) if axis < len(shape) else ()


def _axes_of_labels(dim: str, labels: str, function: str) -> tuple[int, ...]:
    if not dim or any(d not in ORDER for d in dim):
        raise DlgruValueError(
            identifier=f"dlgru:{function}:dim",
            function=function,
            argument="dim",
            came=f'"{dim}"',
            expected='a dimension number, a list of them, a label such as "T", or "all"',
        )
    found: tuple[int, ...] = ()
    for d in dict.fromkeys(dim):
        places = positions(labels, d)
        if not places:
            raise DlgruValueError(
                identifier=f"dlgru:{function}:label",
                function=function,
                argument="dim",
                came=f'"{dim}"',
                expected=f'a label of X, which is "{labels}"'
                if labels
                else "a dimension number: X is unformatted",
            )
        found += places
    return tuple(sorted(found))
