"""``X(1, 2)``: MATLAB's subscripts in parentheses, which in Python are a call.

Arrays, cells and tables can be called for one purpose only: to say what to write.
So ``callable`` is true of them, and :func:`is_function` asks instead.
"""

from __future__ import annotations

from typing import Any, NoReturn

from dlgru.errors import DlgruTypeError


class SubscriptsInBrackets:
    """Data that take subscripts in brackets, and refuse them in parentheses."""

    __slots__ = ()

    def __call__(self, *subscripts: Any, **_: Any) -> NoReturn:
        shown = ", ".join([_text(s) for s in subscripts])
        meant = shown or ":"
        name = type(self).__name__.lower()
        raise DlgruTypeError(
            identifier="dlgru:subscript:parentheses",
            function=name,
            argument="the call",
            came=f"X({shown}), where X is a {name}",
            expected="a function, or subscripts in brackets",
            fix=f"write X.m[{meant}], which counts from 1 as MATLAB's X({meant}) does; "
            "X[...] counts from 0",
        )


def _text(subscript: Any) -> str:
    """A subscript as it may be written, if that is short."""
    text = ":" if type(subscript) is str and subscript == ":" else repr(subscript)
    return text if len(text) <= 20 and "\n" not in text else "..."


def is_function(x: object) -> bool:
    """True for what can be called for its result."""
    return callable(x) and not isinstance(x, SubscriptsInBrackets)
