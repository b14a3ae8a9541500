"""Functions of any floor that understand every spelling of a call.

Operations get this from ``op.py``; every other public function wears ``@any_spelling``,
or ``@known_keywords`` where text among the arguments means something else.  So a
call with an option that does not exist, or with too many or too few arguments, raises
one kind of error everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from dlgru.errors import DlgruAttributeError, DlgruTypeError
from dlgru.namevalue import Binder

P = ParamSpec("P")
R = TypeVar("R")


def any_spelling(function: Callable[P, R]) -> Callable[P, R]:
    """Let options come as ``'Name', value`` or ``Name=value``, and check the arguments' number.

    The keyword-only parameters are the options.  To type checkers the signature stays
    what it is.
    """
    return _bound(function, Binder(function, function.__name__))


def known_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Let options come as ``Name=value`` only, and check their names and the arguments' number.

    For functions where text among the arguments has a meaning of its own: a label, or
    something that is handed on.
    """
    return _bound(function, Binder(function, function.__name__, pairs=False))


def _bound(function: Callable[P, R], binder: Binder) -> Callable[P, R]:
    exact: Any = function

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R
        if not kwargs and binder.fits(args):
            result = exact(*args)
        else:
            positional, named = binder(args, kwargs)
            result = exact(*positional, **named)
        return result

    return call


class NeedsParentheses(Generic[P, R]):
    """A function that MATLAB also calls without parentheses, which Python does not.

    ``if canUseGPU`` would always be true, so the function itself refuses to be used as a
    truth value or asked for a field.
    """

    __name__: str

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"

    def __bool__(self) -> NoReturn:
        raise DlgruTypeError(
            identifier=f"dlgru:{self.__name__}:parentheses",
            function=self.__name__,
            argument=self.__name__,
            came="the function itself, used as a value",
            expected="a call",
            fix=f"write {self.__name__}()",
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python asks every object for
            raise AttributeError(name)
        raise DlgruAttributeError(
            identifier=f"dlgru:{self.__name__}:parentheses",
            function=self.__name__,
            argument=self.__name__,
            came=f"the function itself, asked for {name}",
            expected="a call",
            fix=f"write {self.__name__}().{name}",
        )
