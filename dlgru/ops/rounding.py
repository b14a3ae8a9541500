"""Rounding: ``round floor ceil fix``.  The derivative is zero wherever it exists."""

from __future__ import annotations

from typing import Any

from dlgru.backend import REAL_OF, colmajor, half_away, xp_of
from dlgru.op import keep, primitive
from dlgru.ops.pairs import counted


def _rounding(name: str, how: Any, doc: str) -> Any:
    def forward(X: Any) -> Any:
        x = counted(X)
        if x.dtype not in REAL_OF:
            return how(x)
        # Both parts are rounded; their sum with 1j would make NaN out of an infinite part.
        out = colmajor(xp_of(x), x.shape, x.dtype)
        out.real, out.imag = how(x.real), how(x.imag)
        return out

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    op = primitive(name, labels=keep, differentiable=False)(forward)

    @op.cases
    def _(r: Any) -> Any:
        yield (r(3, 2, fmt="CB"),)
        yield (r.constant([[-2.5, -0.5, 0.5, 2.5]], "CB"),)

    return op


round = _rounding(
    "round",
    half_away,
    """Nearest whole number; halves go away from zero, as in MATLAB (Python's go to even).

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.round(dl.dlarray(2.5)))
    3.0
    """,
)
floor = _rounding(
    "floor",
    lambda x: xp_of(x).floor(x),
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
    lambda x: xp_of(x).ceil(x),
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
    lambda x: xp_of(x).trunc(x),
    """Each element without its fraction: rounded toward zero.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.fix(dl.dlarray(-2.5)))
    -2.0
    """,
)
