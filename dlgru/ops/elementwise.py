"""Elementwise operations on one array: each keeps the size and the labels.

Forward on raw arrays and derivative stand side by side.  A derivative is written
in operations on Values, so it can be differentiated again; it keeps only what its
closure names.
"""

from __future__ import annotations

from typing import Any

from dlgru import backend
from dlgru.array import Value
from dlgru.op import keep, primitive
from dlgru.ops.classes import conjugate, real
from dlgru.ops.compare import eq_values, select
from dlgru.ops.pairs import apply_to


@primitive("exp", labels=keep)
def exp(X: Any) -> Any:
    """Exponential of each element.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.exp(dl.dlarray(0)))
    1.0
    """
    return apply_to("exp", X)


@exp.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g * conjugate(y)


@exp.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)


@primitive("log", labels=keep)
def log(X: Any) -> Any:
    """Natural logarithm of each element.

    Negative real elements give NaN, where MATLAB turns complex: use ``complex(X)`` first.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.log(dl.dlarray(1)))
    0.0
    """
    return apply_to("log", X)


@log.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / conjugate(x)


@log.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="positive"),)
    yield (r(2, 2, kind="complex"),)


@primitive("log1p", labels=keep)
def log1p(X: Any) -> Any:
    """``log(1 + X)`` of each element, exact for small real X.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.log1p(dl.dlarray(0)))
    0.0
    """
    return apply_to("log1p", X)


@log1p.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / (1 + conjugate(x))


@log1p.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="positive"),)


@primitive("expm1", labels=keep)
def expm1(X: Any) -> Any:
    """``exp(X) - 1`` of each element, exact for small real X.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.expm1(dl.dlarray(0)))
    0.0
    """
    return apply_to("expm1", X)


@expm1.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g * conjugate(y + 1)


@expm1.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)


@primitive("sqrt", labels=keep)
def sqrt(X: Any) -> Any:
    """Square root of each element; the derivative at 0 is Inf.

    Negative real elements give NaN, where MATLAB turns complex: use ``complex(X)`` first.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.sqrt(dl.dlarray(9)))
    3.0
    """
    return apply_to("sqrt", X)


@sqrt.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / (2 * conjugate(y))


@sqrt.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="positive"),)
    yield (r(2, 2, kind="complex"),)


@primitive("sign", labels=keep)
def sign(X: Any) -> Any:
    """Sign of each element: -1, 0 or 1 (``X ./ abs(X)`` for complex data).

    Constant for real data; for complex data the phase has a derivative, 0 where X is 0.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.sign(dl.dlarray(-3)))
    -1.0
    """
    return apply_to("sign", X)


@sign.vjp
def _(y: Value, x: Value) -> Any:
    if x.dtype not in backend.REAL_OF:
        return None
    size = abs(x)
    zero = eq_values(size, 0)

    def back(g: Value) -> Value:
        # What lies along x changes its modulus and not its phase.
        across = (g - y * real(conjugate(y) * g)) / select(zero, 1.0, size)
        turned: Value = select(zero, 0.0, across)
        return turned

    return back


@sign.cases
def _(r: Any) -> Any:
    yield (r(2, 2, kind="complex"),)
    yield (r(3, 2, fmt="CB", kind="complex"),)


@primitive("abs", labels=keep, operator=("__abs__",))
def abs(X: Any) -> Any:
    """Absolute value of each element; the derivative at 0 is 0.

    Complex data: the gradient of a real loss points where the loss grows, so that
    ``abs(z)^2`` has the gradient ``2z``.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.abs(dl.dlarray(-3)))
    3.0
    """
    return apply_to("abs", X)


@abs.vjp
def _(y: Value, x: Value) -> Any:
    if x.dtype in backend.REAL_OF:
        return lambda g: g * x / select(eq_values(y, 0), 1.0, y)
    return lambda g: g * sign(x)


@abs.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="nonzero"),)
    yield (r(2, 2, kind="complex"),)


@primitive("sin", labels=keep)
def sin(X: Any) -> Any:
    """Sine of each element, in radians.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.sin(dl.dlarray(0)))
    0.0
    """
    return apply_to("sin", X)


@sin.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g * conjugate(cos(x))


@sin.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)


@primitive("cos", labels=keep)
def cos(X: Any) -> Any:
    """Cosine of each element, in radians.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.cos(dl.dlarray(0)))
    1.0
    """
    return apply_to("cos", X)


@cos.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: -g * conjugate(sin(x))


@cos.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)


@primitive("tanh", labels=keep)
def tanh(X: Any) -> Any:
    """Hyperbolic tangent of each element.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.tanh(dl.dlarray(0)))
    0.0
    """
    return apply_to("tanh", X)


@tanh.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g * conjugate(1 - y * y)


@tanh.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)
