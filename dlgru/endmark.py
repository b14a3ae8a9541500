"""``end`` inside ``X.m[...]``: an expression that waits for the size it stands for.

MATLAB knows, while it reads ``X(end-1, end/2)``, which array and which position each
``end`` belongs to.  Python evaluates ``end - 1`` before ``X`` hears of it.  So ``end``
is an object whose arithmetic builds a small expression, and the subscript reader
evaluates it with the size of its position (the last of several subscripts stands
for all remaining dimensions, a single one for the number of elements).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from dlgru.arrayhook import raw_of
from dlgru.backend import to_host
from dlgru.errors import DlgruTypeError

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "neg": operator.neg,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": lambda x: np.trunc(x + np.copysign(0.5, x)),
}


class End:
    """The last index of the position it stands in; arithmetic with it is allowed.

    Examples
    --------
    >>> from dlgru.endmark import end
    >>> end - 1
    end - 1
    >>> (end / 2).evaluate(10)
    5.0
    """

    __slots__ = ("_left", "_right", "_sign")

    # NumPy arrays on the left leave the arithmetic to us.
    __array_ufunc__ = None

    def __init__(self, sign: str = "", left: Any = None, right: Any = None) -> None:
        self._sign, self._left, self._right = sign, left, right

    def evaluate(self, size: int) -> Any:
        """Return the number (or array of numbers) this stands for where `end` is `size`."""
        if not self._sign:
            return size
        operands = [self._left] if self._right is None else [self._left, self._right]
        return _FUNCTIONS[self._sign](*[_number(x, size) for x in operands])

    def __add__(self, other: Any) -> End:
        return End("+", self, other)

    def __radd__(self, other: Any) -> End:
        return End("+", other, self)

    def __sub__(self, other: Any) -> End:
        return End("-", self, other)

    def __rsub__(self, other: Any) -> End:
        return End("-", other, self)

    def __mul__(self, other: Any) -> End:
        return End("*", self, other)

    def __rmul__(self, other: Any) -> End:
        return End("*", other, self)

    def __truediv__(self, other: Any) -> End:
        return End("/", self, other)

    def __rtruediv__(self, other: Any) -> End:
        return End("/", other, self)

    def __floordiv__(self, other: Any) -> End:
        return End("//", self, other)

    def __mod__(self, other: Any) -> End:
        return End("%", self, other)

    def __neg__(self) -> End:
        return End("neg", self)

    def __pos__(self) -> End:
        return self

    def __floor__(self) -> End:
        return End("floor", self)

    def __ceil__(self) -> End:
        return End("ceil", self)

    def __trunc__(self) -> End:
        return End("trunc", self)

    def __round__(self, digits: None = None) -> End:
        return End("round", self)

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
        if not self._sign:
            return "end"
        if self._right is None:
            return (
                f"-{_inner(self._left)}" if self._sign == "neg" else f"{self._sign}({self._left})"
            )
        return f"{_inner(self._left)} {self._sign} {_inner(self._right)}"


def _inner(x: Any) -> str:
    compound = isinstance(x, End) and x._sign and x._right is not None
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
