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

    ``if canUseGPU`` and ``while not done`` after ``done = false`` would go on with the
    function itself, which is neither true nor false.  So it refuses to be used as a value:
    in a condition, a comparison or a calculation, with a subscript, or asked for a field.
    """

    __name__: str

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        # Functions have this, and ``help`` knows them by it.
        return self if owner is None else functools.partial(self, owner)

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python asks every object for
            raise AttributeError(name)
        # What a call of its own made would be forgotten as soon as p.gru.W = 1 has filled it.
        raise self._no_field(name, f"first write x = {self.__name__}(), then x.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise self._no_field(name, f"first write x = {self.__name__}(), then set x.{name}")
        object.__setattr__(self, name, value)

    def _no_field(self, name: str, fix: str) -> DlgruAttributeError:
        return DlgruAttributeError(
            identifier=f"dlgru:{self.__name__}:parentheses",
            function=self.__name__,
            argument=self.__name__,
            came=f"the function itself, asked for {name}",
            expected="a call",
            fix=fix,
        )


def _no_value(function: NeedsParentheses[..., Any], *_: Any) -> NoReturn:
    raise DlgruTypeError(
        identifier=f"dlgru:{function.__name__}:parentheses",
        function=function.__name__,
        argument=function.__name__,
        came="the function itself, used as a value",
        expected="a call",
        fix=f"write {function.__name__}()",
    )


def _no_elements(function: NeedsParentheses[..., Any], *_: Any) -> NoReturn:
    raise DlgruTypeError(
        identifier=f"dlgru:{function.__name__}:parentheses",
        function=function.__name__,
        argument=function.__name__,
        came="the function itself, with a subscript",
        expected="a call",
        fix=f"first write x = {function.__name__}(), then x[...]",
    )


_AS_A_VALUE = """
    abs add and bool complex contains divmod eq float floordiv ge gt index int
    invert iter le len lt matmul mod mul ne neg or pos pow radd rand rdivmod rfloordiv rmatmul
    rmod rmul ror round rpow rsub rtruediv rxor sub truediv trunc xor
"""
for _use in _AS_A_VALUE.split():
    setattr(NeedsParentheses, f"__{_use}__", _no_value)
for _use in ("delitem", "getitem", "setitem"):
    setattr(NeedsParentheses, f"__{_use}__", _no_elements)
