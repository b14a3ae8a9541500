"""Functions of the array library on raw operands made to fit: one class, one size, one library.

MATLAB's class rule (any single gives single, else double; logical operands count as
double; Python numbers are literals and never decide a class) and MATLAB's expansion,
from the first dimension on, column-major.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.backend import elementwise, logical, result_dtype, xp_of

_ndarray = np.ndarray


def match(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Two raw operands (or numbers) in one class, and their array library."""
    if type(a) is _ndarray and type(b) is _ndarray and a.dtype is b.dtype and a.dtype.kind != "b":
        return a, b, np
    if not hasattr(a, "dtype"):
        return literal(a), counted(b), xp_of(b)
    if not hasattr(b, "dtype"):
        return counted(a), literal(b), xp_of(a)
    dtype = result_dtype(a.dtype, b.dtype)
    part = backend.REAL_OF.get(dtype, dtype)
    return _cast(a, dtype, part), _cast(b, dtype, part), xp_of(a)


def literal(x: Any) -> Any:
    """A Python number as a double."""
    return complex(x) if isinstance(x, complex) else float(x)


def counted(x: Any) -> Any:
    """Logical data as double; other data as they are."""
    return x.astype(backend.double) if x.dtype == logical else x


def _cast(x: Any, dtype: Any, part: Any) -> Any:
    wanted = dtype if x.dtype in backend.REAL_OF else part
    return x if x.dtype == wanted else x.astype(wanted)


def apply_to(ufunc: str, x: Any) -> Any:
    """``ufunc(x)`` of one array, logical data as double, column-major."""
    if x.dtype == logical:
        x = x.astype(backend.double)
    if type(x) is _ndarray:
        return getattr(np, ufunc)(x)
    return elementwise(getattr(xp_of(x), ufunc), x)


def apply_ufunc(ufunc: str, a: Any, b: Any) -> Any:
    """``ufunc(a, b)`` with MATLAB's class rule and expansion, column-major."""
    a, b, xp = match(a, b)
    f = getattr(xp, ufunc)
    shape = getattr(a, "shape", None)
    other = getattr(b, "shape", None)
    if shape == other or shape is None or other is None:
        return f(a, b) if xp is np else elementwise(f, a, b)
    # On the transposes NumPy's leading expansion is MATLAB's trailing one, and
    # row-major results are column-major ones.
    return f(a.T, b.T).T
