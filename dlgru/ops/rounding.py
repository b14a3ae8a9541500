"""Rounding: ``round floor ceil fix``.  The derivative is zero wherever it exists.

``round(X, N)`` rounds what one reads: 2.675 to two digits is 2.68, although the double of
that name lies a little below it.  So it works on the decimal digits, number by number.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from dlgru.array import DLArray, wrap
from dlgru.backend import REAL_OF, colmajor, half_away, to_host, xp_of
from dlgru.convert import labels_of, to_value
from dlgru.op import Public, keep, primitive
from dlgru.ops.pairs import apply_to, counted
from dlgru.ops.sizes import whole


def _rounding(name: str, how: Callable[[Any], Any], doc: str) -> Public:
    def forward(X: Any) -> Any:
        return _by_parts(how, X)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    op = primitive(name, labels=keep, differentiable=False)(forward)
    op.cases(_cases)
    return op


def _by_parts(how: Callable[[Any], Any], X: Any) -> Any:
    x = counted(X)
    if x.dtype not in REAL_OF:
        return how(x)
    # Both parts are rounded; their sum with 1j would make NaN out of an infinite part.
    out = colmajor(xp_of(x), x.shape, x.dtype)
    out.real, out.imag = how(x.real), how(x.imag)
    return out


def _cases(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r.constant([[-2.5, -0.5, 0.5, 2.5]], "CB"),)


@primitive("round", differentiable=False)
def round(X: Any, N: int | None = None) -> Any:
    return _by_parts(half_away if N is None else lambda x: _to_digits(x, N), X)


round.cases(_cases)


@round.door
def _round(X: Any, N: Any = None) -> DLArray:
    """Nearest whole number; halves go away from zero, as in MATLAB (Python's go to even).

    Parameters
    ----------
    X : array
        Any size and format; both are kept.
    N : int, optional
        Digits after the decimal point to round to; a negative number means digits
        before it.  This is done on the host, number by number.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.round(dl.dlarray(2.5))), float(dl.round(dl.dlarray(2.675), 2))
    (3.0, 2.68)
    """
    value, labels = to_value(X, "round"), labels_of(X)
    if N is None:
        return wrap(round.op.on_values(value), labels)
    digits = max(-400, min(400, whole(N, "round", "N")))
    return wrap(round.op.on_values(value, N=digits), labels)


def _to_digits(x: Any, digits: int) -> Any:
    """Real numbers with so many digits after the point, halves away from zero."""
    host = to_host(x)
    numbers = [_written_to(n, digits) for n in host.ravel(order="F")]
    out = colmajor(xp_of(x), host.shape, host.dtype)
    out[...] = xp_of(x).asarray(np.reshape(numbers, host.shape, order="F"))
    return out


def _written_to(x: Any, digits: int) -> float:
    written = Decimal(str(x))
    exponent = written.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= -digits:  # NaN, Inf, or short enough
        return float(x)
    return float(written.quantize(Decimal((0, (1,), -digits)), ROUND_HALF_UP))


floor = _rounding(
    "floor",
    lambda x: apply_to("floor", x),
    """Largest whole number not above each element.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.floor(dl.dlarray(-2.5)))
    -3.0
    """,
)
ceil = _rounding(
    "ceil",
    lambda x: apply_to("ceil", x),
    """Smallest whole number not below each element.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.ceil(dl.dlarray(-2.5)))
    -2.0
    """,
)
fix = _rounding(
    "fix",
    lambda x: apply_to("trunc", x),
    """Each element without its fraction: rounded toward zero.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.fix(dl.dlarray(-2.5)))
    -2.0
    """,
)
