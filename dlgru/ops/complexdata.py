"""Complex data: ``complex`` joins two real arrays; the order in which ``max`` sees the result."""

from __future__ import annotations

import cmath
from typing import Any

import numpy as np

from dlgru.array import DLArray, Value, finish, wrap
from dlgru.backend import COMPLEX_OF, REAL_OF, colmajor
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError
from dlgru.op import primitive
from dlgru.ops.align import broadcast
from dlgru.ops.classes import imag, real
from dlgru.ops.pairs import apply_ufunc, match


@primitive("complex", expands=True)
def complex(A: Any, B: Any) -> Any:
    a, b, xp = match(A, B)
    shape = np.broadcast_shapes(a.T.shape, b.T.shape)[::-1]
    # Not A + 1i*B: an infinite B times the real part of 1i, which is 0, is NaN.
    out = colmajor(xp, shape, COMPLEX_OF[a.dtype])
    out.T.real[...] = a.T
    out.T.imag[...] = b.T
    return out


@complex.vjp
def _(y: Value, a: Value, b: Value) -> Any:
    return real, imag


@complex.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)
    yield r(3, 2, fmt="CB"), r(3, 4, fmt="CT")
    yield r(3, 1), r(1, 4)
    yield r(3, 3, fmt="CB"), r(3, 3, 2)
    yield 2, r(3, 2)


@complex.door
def _complex(A: Any, B: Any = None) -> DLArray:
    """Complex data: ``complex(A)`` of real data, or ``A + 1i*B``; labels and trace stay.

    An infinite B is exact, where ``A + 1j * B`` has NaN for a real part.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.sqrt(dl.complex(-4)))
      1×1 dlarray
    <BLANKLINE>
       0.0000 + 2.0000i
    """
    a = _array(A, "A")
    if B is None:
        if a.dtype in REAL_OF:
            return finish(a.value, a.dims)
        B = 0.0
    b = _array(B, "B")
    for x, name in ((a, "A"), (b, "B")):
        if x.dtype in REAL_OF:
            raise DlgruTypeError(
                identifier="dlgru:complex:class",
                function="complex",
                argument=name,
                came="complex",
                expected="a real array",
                fix="write A + 1j*B",
            )
    joined: DLArray = _union(a, b)
    return joined


_union = broadcast(complex.op)


def _array(x: Any, name: str) -> DLArray:
    return wrap(to_value(x, "complex", name), labels_of(x))


# -- the order of complex numbers ------------------------------------------------------------


def is_complex(x: Any) -> bool:
    """True for complex raw arrays and complex numbers."""
    return x.dtype in REAL_OF if hasattr(x, "dtype") else np.iscomplexobj(x)


@primitive("exceeds", labels=broadcast, expands=True, differentiable=False)
def exceeds(A: Any, B: Any) -> Any:
    """True where A is the larger one to ``max``: complex data by modulus, and then by phase."""
    if not (is_complex(A) or is_complex(B)):
        return apply_ufunc("greater", A, B)
    a, b, xp = match(A, B)
    (m, p), (n, q) = _polar(a, xp), _polar(b, xp)
    return ((m > n) | ((m == n) & (p > q))).T


def _polar(x: Any, xp: Any) -> tuple[Any, Any]:
    """Modulus and phase, transposed, so that NumPy's expansion is MATLAB's."""
    return (xp.abs(x.T), xp.angle(x.T)) if hasattr(x, "dtype") else (abs(x), cmath.phase(x))


@exceeds.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield r(3, 1, kind="complex"), r(1, 2, kind="complex")
    yield r(3, 2, kind="complex"), 0.5
    yield -1, r(3, 2, kind="complex")
