"""Which array library a raw array belongs to, and how to make arrays for it.

Ordinary operations are written once, against ``xp``: NumPy for host arrays, the
array's own library (CuPy) for device arrays.  A device library is found through
the type of an array that is already there, so nobody who works on the CPU ever
imports it.

Storage is column-major everywhere.  NumPy's copies, products, stacks and mixed
expansions quietly return row-major results, and CuPy's functions all do, so results
are made here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

RawArray: TypeAlias = Any
"""An ndarray of any supported library; never a DLArray."""

single = np.dtype(np.float32)
double = np.dtype(np.float64)
logical = np.dtype(np.bool_)
complex_single = np.dtype(np.complex64)
complex_double = np.dtype(np.complex128)

CLASS_NAMES: dict[Any, str] = {
    single: "single",
    double: "double",
    logical: "logical",
    complex_single: "single",
    complex_double: "double",
}
"""MATLAB's class of each supported dtype (complex data share the class of their parts)."""

REAL_OF = {complex_single: single, complex_double: double}
COMPLEX_OF = {
    single: complex_single,
    double: complex_double,
    complex_single: complex_single,
    complex_double: complex_double,
}

_device_types: dict[type, Any] = {}


def register_device_array(kind: type, module: Any) -> None:
    """Say that arrays of class `kind` belong to the array library `module`."""
    _device_types[kind] = module


def xp_of(array: RawArray) -> Any:
    """Return the array library of a raw array: ``numpy``, ``cupy`` or a registered one."""
    if type(array) is np.ndarray:
        return np
    return _library_of_type(type(array))


def _library_of_type(kind: type) -> Any:
    module = _device_types.get(kind)
    if module is None:
        cupy = sys.modules.get("cupy")
        arrays = getattr(cupy, "ndarray", None)  # None also while another thread imports it
        if arrays is not None and issubclass(kind, arrays):
            module = _device_types[kind] = cupy
        else:
            module = np
    return module


def is_device_array(array: object) -> bool:
    """True for an array that lives on a device (CuPy's, or a registered library's)."""
    return _library_of_type(type(array)) is not np


def colmajor(xp: Any, shape: tuple[int, ...], dtype: Any) -> RawArray:
    """Make an uninitialised column-major array."""
    return xp.empty(shape, dtype=dtype, order="F")


def as_colmajor(xp: Any, array: RawArray) -> RawArray:
    """Return `array` itself if it is column-major, else a column-major copy."""
    if array.flags.f_contiguous:
        return array
    out = xp.empty(array.shape, dtype=array.dtype, order="F")
    out[...] = array
    return out


def elementwise(f: Callable[..., RawArray], *operands: Any) -> RawArray:
    """Return ``f(*operands)``, column-major, of arrays of one size (the first is one) and numbers.

    What NumPy computes element by element lies in the order of the operands.  What CuPy
    computes is always row-major; on transposes, that is column-major.
    """
    if type(operands[0]) is np.ndarray:
        return f(*operands)
    return f(*[transposed(x) for x in operands]).T


def transposed(x: Any) -> Any:
    """Return the transpose of an array, and a number as it is."""
    return x.T if hasattr(x, "T") else x


def to_host(array: RawArray) -> np.ndarray[Any, Any]:
    """Bring a raw array to host memory, column-major (as it is if it is there already)."""
    if isinstance(array, np.ndarray):
        return array
    fetched: np.ndarray[Any, Any] = array.get(order="F")
    return fetched


def seal(array: RawArray) -> RawArray:
    """Make a host array read-only, so that nothing can change it behind a DLArray's back."""
    if type(array) is np.ndarray:
        array.setflags(write=False)
    return array


def half_away(x: Any) -> Any:
    """Round as MATLAB does: halves go away from zero (NumPy's and Python's go to even)."""
    xp = xp_of(x)
    x = transposed(x)  # as in `elementwise`; here a number may come
    whole = xp.trunc(x)
    # x - whole is exact, so nothing just below a half is pushed up.
    return (whole + xp.where(xp.abs(x - whole) >= 0.5, xp.sign(x), 0)).T


def result_dtype(*dtypes: Any) -> Any:
    """Return the dtype of a result by MATLAB's rule: any single gives single, else double.

    Logical operands count as double, complex ones make the result complex.
    NumPy's promotion is never used: it turns single and double into double.
    """
    has_single = has_complex = False
    for d in dtypes:
        if d == single:
            has_single = True
        elif d == complex_single:
            has_single = has_complex = True
        elif d == complex_double:
            has_complex = True
    if has_complex:
        return complex_single if has_single else complex_double
    return single if has_single else double
