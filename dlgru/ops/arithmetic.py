"""Arithmetic on two operands, element by element: ``+ - .* ./ .^`` and the sign.

Operands meet by MATLAB's rules: implicit expansion from the first dimension on,
labels in union, and one class rule (``pairs.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value
from dlgru.backend import elementwise, xp_of
from dlgru.errors import DlgruTypeError
from dlgru.op import keep, primitive
from dlgru.ops.align import broadcast
from dlgru.ops.classes import astype, conjugate
from dlgru.ops.compare import and_, eq_values, select
from dlgru.ops.pairs import apply_to, apply_ufunc, literal


def same(g: Any) -> Any:
    """The pull of an operand that is passed through."""
    return g


@primitive("plus", labels=broadcast, expands=True, operator=("__add__", "__radd__"))
def plus(A: Any, B: Any) -> Any:
    """Add element by element; ``A + B`` is the same.

    Sizes expand implicitly; the labels of the result are the union of both.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.plus(dl.dlarray([1, 2]), 10))
      1×2 dlarray
    <BLANKLINE>
        11    12
    """
    return apply_ufunc("add", A, B)


@plus.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return same, same


@plus.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield r(3, 2, fmt="CB"), r(3, 4, fmt="CT")
    yield r(3, 1), r(1, 4)
    yield r(3, 3, fmt="CB"), r(3, 3, 2)
    yield r(2, 2), 3
    yield r(2, 2, kind="complex"), r(2, 1)


@primitive("minus", labels=broadcast, expands=True, operator=("__sub__", "__rsub__"))
def minus(A: Any, B: Any) -> Any:
    """Subtract element by element; ``A - B`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.minus(dl.dlarray([1, 2]), 10))
      1×2 dlarray
    <BLANKLINE>
        -9    -8
    """
    return apply_ufunc("subtract", A, B)


@minus.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return same, lambda g: -g


@minus.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield 1, r(3, 2)
    yield r(3, 1, fmt="CU"), r(3, 4, fmt="CB")


@primitive("times", labels=broadcast, expands=True, operator=("__mul__", "__rmul__"))
def times(A: Any, B: Any) -> Any:
    """Multiply element by element, MATLAB's ``A .* B``; ``A * B`` is the same.

    The matrix product is ``A @ B``.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.times(dl.dlarray([1, 2]), [3, 4]))
      1×2 dlarray
    <BLANKLINE>
         3     8
    """
    return apply_ufunc("multiply", A, B)


@times.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return lambda g: g * conjugate(b), lambda g: g * conjugate(a)


@times.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield r(3, 2, fmt="SC"), r(2, 4, fmt="CT")
    yield 2.5, r(3, 2)
    yield r(2, 2, kind="complex"), r(2, 2, kind="complex")
    yield r(2, 2, kind="complex"), r(2, 2)


@primitive("rdivide", labels=broadcast, expands=True, operator=("__truediv__", "__rtruediv__"))
def rdivide(A: Any, B: Any) -> Any:
    """Divide element by element, MATLAB's ``A ./ B``; ``A / B`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.rdivide(dl.dlarray([1, 2]), 2))
      1×2 dlarray
    <BLANKLINE>
        0.5000    1.0000
    """
    return apply_ufunc("divide", A, B)


@rdivide.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return lambda g: g / conjugate(b), lambda g: -g * conjugate(y / b)


@rdivide.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB", kind="positive")
    yield 1, r(3, 2, kind="positive")
    yield r(3, 2), 4
    yield r(2, 2, kind="complex"), r(2, 2, kind="complex")


@primitive("power", labels=broadcast, expands=True, operator=("__pow__", "__rpow__"))
def power(A: Any, B: Any) -> Any:
    """Raise to a power element by element, MATLAB's ``A .^ B``; ``A ** B`` is the same.

    A negative real base with a fractional exponent gives NaN, where MATLAB turns
    complex: use ``complex(A)`` first.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.power(dl.dlarray([1, 2, 3]), 2))
      1×3 dlarray
    <BLANKLINE>
         1     4     9
    """
    if type(B) in (int, float) and B == 2:  # the usual one, and three times as fast this way
        return apply_to("square", A)
    return apply_ufunc("power", A, B)


@power.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return (
        lambda g: g * conjugate(_slope(a, b)),
        lambda g: g * conjugate(y * _log_base(a, y.data.dtype)),
    )


def _slope(a: Value, b: Any) -> Any:
    """``b * a**(b-1)``, which is 0 where b is 0, also at a = 0."""
    if type(b) is not Value:
        return 0.0 * a if b == 0 else (2 * a if b == 2 else b * a ** (b - 1))
    nothing = and_.op.on_values(eq_values(a, 0), eq_values(b, 0))
    return b * a ** select(nothing, 1.0, b - 1)


def _log_base(a: Any, dtype: Any) -> Any:
    """Log a where y = a**b, of class `dtype`, can depend on b smoothly; 0**b has slope 0."""
    if type(a) is not Value:
        a = Value(np.asarray(literal(a)))
    safe = select(eq_values(a, 0), 1.0, a)
    if dtype not in backend.REAL_OF:
        return log_abs(safe)
    return log_complex(astype(safe, backend.COMPLEX_OF[safe.data.dtype]))


@power.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB", kind="positive"), r(3, 2, fmt="CB")
    yield r(3, 2), 2
    yield r(3, 2), 3
    yield 2, r(3, 2)
    yield r(3, 2, kind="positive"), r(3, 1)


@primitive("log_abs", labels=keep)
def log_abs(x: Any) -> Any:
    return elementwise(_log_abs, x)


def _log_abs(x: Any) -> Any:
    xp = xp_of(x)
    return xp.log(xp.abs(x))


@log_abs.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / x


@log_abs.cases
def _(r: Any) -> Any:
    yield (r(3, 2, kind="nonzero"),)


@primitive("log_complex", labels=keep)
def log_complex(x: Any) -> Any:
    return apply_to("log", x)


@log_complex.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / conjugate(x)


@log_complex.cases
def _(r: Any) -> Any:
    yield (r(2, 2, kind="complex"),)


@primitive("uminus", labels=keep, operator=("__neg__",))
def uminus(A: Any) -> Any:
    """Change the sign; ``-A`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.uminus(dl.dlarray(2)))
    -2.0
    """
    return apply_to("negative", A)


@uminus.vjp
def _(y: Value, a: Value) -> Any:
    return lambda g: -g


@uminus.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)


def _no_caret(self: Any, other: Any) -> Any:
    raise DlgruTypeError(
        "The operator ^ is Python's exclusive or, not a power",
        identifier="dlgru:power:caret",
        function="X ^ Y",
        argument="the operator",
        came="^",
        expected="**, which is MATLAB's .^",
        fix="write X ** Y; the exclusive or is xor(X, Y)",
    )


DLArray.__xor__ = DLArray.__rxor__ = _no_caret  # type: ignore[attr-defined,operator]

DLArray.__pos__ = lambda self: self * 1.0  # type: ignore[method-assign]
