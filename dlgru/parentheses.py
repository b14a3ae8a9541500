"""``X(1, 2)``: MATLAB's subscripts in parentheses, which in Python are a call.

Arrays, cells, structs and tables, and their ``X.m``, can be called for one purpose only: to
say what to write.  So ``callable`` is true of them, and :func:`is_function` asks instead.
"""

from __future__ import annotations

from typing import Any, NoReturn

from dlgru.errors import DlgruTypeError


class SubscriptsInBrackets:
    """Data that take subscripts in brackets, and refuse them in parentheses."""

    __slots__ = ()

    def __call__(self, *subscripts: Any, **_: Any) -> NoReturn:
        shown = _listed(subscripts)
        name = type(self).__name__.lower()
        raise DlgruTypeError(
            identifier="dlgru:subscript:parentheses",
            function=name,
            argument="the call",
            came=f"X({shown}), where X is a {name}",
            expected="a function, or subscripts in brackets",
            fix=self._in_brackets(shown or ":"),
        )

    def _in_brackets(self, meant: str) -> str:
        return (
            f"write X.m[{meant}], which counts from 1 as MATLAB's X({meant}) does; "
            "X[...] counts from 0"
        )


def brackets_after_m(m: Any, *subscripts: Any, **_: Any) -> NoReturn:
    """What ``X.m(1, 2)`` comes to: the ``__call__`` of what ``X.m`` gives."""
    shown = _listed(subscripts)
    raise DlgruTypeError(
        identifier="dlgru:subscript:parentheses",
        function="X.m",
        argument="the call",
        came=f"X.m({shown})",
        expected="subscripts in brackets",
        fix=f"write X.m[{shown or ':'}]",
    )


def _listed(subscripts: tuple[Any, ...]) -> str:
    return ", ".join([_text(s) for s in subscripts])


def _text(subscript: Any) -> str:
    """A subscript as it may be written, if that is short."""
    text = ":" if type(subscript) is str and subscript == ":" else repr(subscript)
    return text if len(text) <= 20 and "\n" not in text else "..."


def is_function(x: object) -> bool:
    """True for what can be called for its result."""
    if not callable(x) or isinstance(x, SubscriptsInBrackets | float):
        return False  # a float that can be called is a number, as nan and inf are
    return type(x).__call__ is not brackets_after_m
