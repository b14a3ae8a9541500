"""``end`` inside ``X.m[...]``: an expression that waits for the size it stands for.

MATLAB knows, while it reads ``X(end-1, end/2)``, which array and which position each
``end`` belongs to.  Python evaluates ``end - 1`` before ``X`` hears of it.  So ``end``
is an object whose operators build a small expression, and the subscript reader
evaluates it with the size of its position (the last of several subscripts stands
for all remaining dimensions, a single one for the number of elements).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from numbers import Number
from typing import Any, NoReturn

import numpy as np

from dlgru.arrayhook import raw_of
from dlgru.backend import half_away, to_host
from dlgru.errors import DlgruTypeError


class End:
    """The last index of the position it stands in; arithmetic and comparisons wait for it.

    Examples
    --------
    >>> from dlgru.endmark import end
    >>> end - 1
    end - 1
    >>> (end / 2).evaluate(10)
    5.0
    """

    __slots__ = ("_function", "_operands", "_sign")

    # NumPy arrays on the left leave the arithmetic to us.
    __array_ufunc__ = None

    def __init__(
        self, sign: str = "", function: Callable[..., Any] | None = None, *operands: Any
    ) -> None:
        self._sign, self._function, self._operands = sign, function, operands

    @classmethod
    def of(cls, function: Callable[..., Any], *operands: Any) -> End:
        """Put off a call such as ``floor(end / 2)`` until `end` has a value."""
        return cls(getattr(function, "__name__", "function"), function, *operands)

    def evaluate(self, size: int) -> Any:
        """Return the number (or array of numbers) this stands for where `end` is `size`."""
        if self._function is None:
            return size
        return _number(self._function(*[_number(x, size) for x in self._operands]), size)

    def __add__(self, other: Any) -> End:
        return End("+", operator.add, self, other)

    def __radd__(self, other: Any) -> End:
        return End("+", operator.add, other, self)

    def __sub__(self, other: Any) -> End:
        return End("-", operator.sub, self, other)

    def __rsub__(self, other: Any) -> End:
        return End("-", operator.sub, other, self)

    def __mul__(self, other: Any) -> End:
        return End("*", operator.mul, self, other)

    def __rmul__(self, other: Any) -> End:
        return End("*", operator.mul, other, self)

    def __truediv__(self, other: Any) -> End:
        return End("/", operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> End:
        return End("/", operator.truediv, other, self)

    def __floordiv__(self, other: Any) -> End:
        return End("//", operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> End:
        return End("//", operator.floordiv, other, self)

    def __mod__(self, other: Any) -> End:
        return End("%", operator.mod, self, other)

    def __rmod__(self, other: Any) -> End:
        return End("%", operator.mod, other, self)

    def __pow__(self, other: Any) -> End:
        return End("**", operator.pow, self, other)

    def __rpow__(self, other: Any) -> End:
        return End("**", operator.pow, other, self)

    def __eq__(self, other: object) -> Any:
        # None is what a slice without a bound has, and slices are compared part by part.
        return False if other is None else End("==", operator.eq, self, other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else End("!=", operator.ne, self, other)

    def __lt__(self, other: Any) -> End:
        return End("<", operator.lt, self, other)

    def __le__(self, other: Any) -> End:
        return End("<=", operator.le, self, other)

    def __gt__(self, other: Any) -> End:
        return End(">", operator.gt, self, other)

    def __ge__(self, other: Any) -> End:
        return End(">=", operator.ge, self, other)

    def __and__(self, other: Any) -> End:
        return End("&", operator.and_, self, other)

    def __rand__(self, other: Any) -> End:
        return End("&", operator.and_, other, self)

    def __or__(self, other: Any) -> End:
        return End("|", operator.or_, self, other)

    def __ror__(self, other: Any) -> End:
        return End("|", operator.or_, other, self)

    def __invert__(self) -> End:
        return End("~", _not, self)

    # Comparing is put off, so dictionaries and sets tell these objects apart by identity.
    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise DlgruTypeError(
            "end has a value only inside X.m[...], so before that it is neither true nor false",
            identifier="dlgru:end:truth",
            function="end",
            fix="in conditions write numel(X) or size(X, dim)",
        )

    def __neg__(self) -> End:
        return End("-", operator.neg, self)

    def __pos__(self) -> End:
        return self

    def __floor__(self) -> End:
        return End.of(np.floor, self)

    def __ceil__(self) -> End:
        return End.of(np.ceil, self)

    def __trunc__(self) -> End:
        return End.of(np.trunc, self)

    def __round__(self, digits: None = None) -> End:
        return End("round", half_away, self)

    def __index__(self) -> NoReturn:
        raise DlgruTypeError(
            "end has a meaning only inside X.m[...]",
            identifier="dlgru:end:outside",
            function="end",
            fix="in Python brackets leave the stop of a slice open, or write -1",
        )

    def __float__(self) -> NoReturn:
        self.__index__()

    def __repr__(self) -> str:
        if self._function is None:
            return "end"
        if self._sign.isidentifier():
            return f"{self._sign}({', '.join(map(repr, self._operands))})"
        *left, right = map(_inner, self._operands)
        return f"{left[0]} {self._sign} {right}" if left else f"{self._sign}{right}"


def waits_for_end(arguments: Iterable[Any]) -> bool:
    """True if a call is an expression in `end`: of `end` and of nothing else but numbers."""
    found = False
    for x in arguments:
        raw = raw_of(x)
        if isinstance(x, End):
            found = True
        elif not isinstance(x, Number) and (raw is None or raw.size != 1):
            return False
    return found


def _not(x: Any) -> Any:
    return not x if isinstance(x, bool) else np.logical_not(x)


def _inner(x: Any) -> str:
    compound = isinstance(x, End) and x._function is not None and not x._sign.isidentifier()
    return f"({x!r})" if compound else repr(x)


def _number(x: Any, size: int) -> Any:
    if isinstance(x, End):
        return x.evaluate(size)
    raw = raw_of(x)
    if raw is not None:
        x = to_host(raw)
    elif isinstance(x, list | tuple | range):
        x = np.asarray(x)
    if isinstance(x, np.ndarray) and x.size == 1:
        return x.item()
    return x


end = End()
"""MATLAB's ``end``, for subscripts of ``X.m[...]``."""
