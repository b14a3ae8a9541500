"""Turning what users hand over into raw arrays and Values.

Python numbers and lists are MATLAB literals, integer arrays are refused as MATLAB
refuses them, and whatever comes has at least two dimensions.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value
from dlgru.backend import CLASS_NAMES, RawArray
from dlgru.calls import NeedsParentheses
from dlgru.cells import Cell
from dlgru.conversionadvice import advice
from dlgru.devicelibrary import device_library
from dlgru.errors import (
    DlgruTypeError,
    DlgruValueError,
    a_kind,
    listing,
    number_words,
    size_text,
)
from dlgru.structs import MissingField, raise_missing

BAD_CLASS = (
    "dlarray is supported only for full arrays of data type double, single, or logical, "
    "or for full gpuArrays of these data types"
)


HOST_MEMORY = (1, 3)
"""DLPack's numbers for memory of the host, pageable and pinned."""


def is_number(x: object) -> bool:
    """True for a Python number, which is a weak literal: it never decides a class."""
    return isinstance(x, numbers.Number) and not isinstance(x, np.generic)


def as_double(x: Any, function: str, argument: str) -> Any:
    """A Python number as a double, complex if it is; one beyond its range is an error."""
    try:
        return complex(x) if isinstance(x, complex) else float(x)
    except OverflowError:
        raise DlgruValueError(
            identifier="dlgru:number:range",
            function=function,
            argument=argument,
            came=number_words(x) if isinstance(x, int) else f"{a_kind(x)} beyond it",
            expected="a number in the range of double, up to 1.8e308",
        ) from None


def to_raw(x: Any, function: str, argument: str = "X") -> RawArray:
    """Turn what a user handed over into a raw array of class double, single or logical.

    Python numbers and (nested) lists of them are MATLAB literals: double, bools
    logical.  Integer arrays are refused, as MATLAB refuses them.  The result has
    at least two dimensions; a one-dimensional array is a row.  It may share
    memory with `x`.
    """
    if isinstance(x, np.ndarray) or backend.is_device_array(x):
        data = x
        if type(data) is not np.ndarray and isinstance(data, np.ndarray):
            data = np.asarray(data)
    elif isinstance(x, np.generic):
        data = np.asarray(x)
    elif is_number(x):
        data = np.asarray(x if isinstance(x, bool) else as_double(x, function, argument))
    elif isinstance(x, (list, tuple, range)):
        data = _from_list(x, function, argument)
    elif hasattr(type(x), "__dlpack__") and type(x) is not DLArray:
        data = _from_dlpack(x, function, argument)
    else:
        check_given(x, function, argument)
        raise _bad_class(type(x).__name__, function, argument, advice(x, function))
    if data.dtype not in CLASS_NAMES:
        raise _bad_class(f"of class {data.dtype}", function, argument, advice(data, function))
    return two_d(data)


def two_d(data: RawArray) -> RawArray:
    """Give raw data MATLAB's rank: at least two dimensions, no trailing singletons beyond."""
    shape = data.shape
    n = len(shape)
    if n < 2:
        return data.reshape((1,) * (2 - n) + shape)
    while n > 2 and shape[n - 1] == 1:
        n -= 1
    return data if n == len(shape) else data.reshape(shape[:n])


def _from_list(x: Any, function: str, argument: str) -> RawArray:
    if isinstance(x, Cell):
        raise DlgruTypeError(
            identifier="dlgru:list:cell",
            function=function,
            argument=argument,
            came=f"a {size_text(x.shape)} cell",
            expected="an array",
            fix="hand over what it holds, as in c.m[1], or joined: horzcat(*c)",
        )
    for item in _leaves(x):
        if isinstance(item, (DLArray, Value)) or (
            not is_number(item) and not isinstance(item, np.generic)
        ):
            check_given(item, function, argument)
            kind = "an array" if hasattr(item, "shape") else a_kind(item)
            raise DlgruTypeError(
                "A list stands for a row or matrix of numbers",
                identifier="dlgru:list:contents",
                function=function,
                argument=argument,
                came=f"a list that holds {kind}",
                expected="numbers",
                fix="join arrays with horzcat(a, b) or vertcat(a, b)",
            )
    data = rectangle(x, function, argument)
    if data.size == 0:
        return np.zeros((0, 0)) if data.ndim == 1 else data.astype(backend.double)
    if data.dtype.kind in "iu":
        return data.astype(backend.double)
    if data.dtype.kind == "O":  # a whole number that no integer class holds
        numbers = [as_double(item, function, argument) for item in data.ravel()]
        return np.array(numbers).reshape(data.shape)
    return data


def rectangle(x: Any, function: str, argument: str) -> RawArray:
    """A (nested) list as an ndarray; rows that differ in length are an error."""
    try:
        return np.array(x)
    except ValueError:
        raise DlgruValueError(
            identifier="dlgru:list:ragged",
            function=function,
            argument=argument,
            came="a list whose rows differ in length",
            expected="rows of one length",
        ) from None


def _from_dlpack(x: Any, function: str, argument: str) -> RawArray:
    """Another library's array, without a copy: on the host NumPy's, on a GPU CuPy's."""
    library = np if x.__dlpack_device__()[0] in HOST_MEMORY else device_library(function)
    try:
        return library.from_dlpack(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as problem:
        raise DlgruTypeError(
            BAD_CLASS,
            identifier="dlgru:dlarray:dlpack",
            function=function,
            argument=argument,
            came=f"{a_kind(x)} that is not handed over ({problem})",
            expected=listing(["double", "single", "logical"]),
        ) from problem


def _leaves(x: Any) -> Any:
    for item in x:
        if isinstance(item, (list, tuple, range)):
            yield from _leaves(item)
        else:
            yield item


def check_given(x: Any, function: str, argument: str) -> None:
    """Say what was meant by a field that does not exist, or a function not called."""
    if type(x) is MissingField:
        raise_missing(x)
    if isinstance(x, NeedsParentheses):
        name = x.__name__
        raise _bad_class(f"the function {name}", function, argument, f"write {name}()")


def _bad_class(came: str, function: str, argument: str, fix: str) -> DlgruTypeError:
    return DlgruTypeError(
        BAD_CLASS,
        identifier="dlgru:dlarray:class",
        function=function,
        argument=argument,
        came=came,
        expected=listing(["double", "single", "logical"]),
        fix=fix,
    )


def to_value(x: Any, function: str, argument: str = "X") -> Value:
    """The Value of a DLArray, or a constant Value of anything :func:`to_raw` takes.

    A Value never changes, so an array that its owner could still write to is copied.
    """
    if type(x) is DLArray:
        return x._value or x._settle()
    if type(x) is Value:
        return x
    raw = to_raw(x, function, argument)
    return Value(own(raw) if _changeable(x) else raw)


def _changeable(x: Any) -> bool:
    """True if `x` is an array, or a view of one, that somebody may write to."""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return backend.is_device_array(x) or hasattr(type(x), "__dlpack__")


def own(raw: RawArray) -> RawArray:
    """A sealed column-major copy, so that nobody else can change it."""
    out = backend.colmajor(backend.xp_of(raw), raw.shape, raw.dtype)
    out[...] = raw
    return backend.seal(out)


def labels_of(x: Any) -> str:
    """Labels of a DLArray; empty for anything else."""
    return x._labels if type(x) is DLArray else ""
