"""NumPy's protocols on DLArray: ufuncs, array functions, conversion, DLPack, copy, pickle.

A NumPy ufunc becomes our operation, with labels and trace: ``numpy.exp(X)`` is
``exp(X)``, and an ndarray on the left of an operator loses nothing.  Other NumPy
functions are refused with the name of ours, because theirs mean something else
(``numpy.sum`` sums everything, ``sum`` the first dimension); a few that only look are
let through.  An array leaves for NumPy by ``numpy.asarray`` (a read-only view) or
DLPack, and only when nothing traces it.  There is no ``__array_namespace__``: that
would promise NumPy's semantics.
"""

from __future__ import annotations

import copy as copy_module
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.arrayhook import fresh, register_arrays
from dlgru.calls import any_spelling
from dlgru.display import summary_text
from dlgru.errors import DlgruTypeError
from dlgru.op import OPS
from dlgru.ops.extrema import max as largest
from dlgru.ops.extrema import min as smallest
from dlgru.ops.join import cat
from dlgru.ops.shape import reshape
from dlgru.tree import tree_map

UFUNCS = {
    "add": "plus",
    "subtract": "minus",
    "multiply": "times",
    "divide": "rdivide",
    "power": "power",
    "float_power": "power",
    "matmul": "mtimes",
    "negative": "uminus",
    "absolute": "abs",
    "fabs": "abs",
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "tanh": "tanh",
    "sign": "sign",
    "conjugate": "conj",
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "logical_and": "and_",
    "logical_or": "or_",
    "logical_not": "not_",
    "logical_xor": "xor",
    # What the operators & and | are where an ndarray stands on the left.
    "bitwise_and": "and_",
    "bitwise_or": "or_",
}
"""NumPy's name of each ufunc that is one of our operations."""

_LOOKING = frozenset(
    ["shape", "ndim", "size", "atleast_1d", "allclose", "array_equal", "array_repr", "array_str"]
)


def _ufunc(self: DLArray, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    name = ufunc.__name__
    ours = UFUNCS.get(name)
    if method == "__call__" and not options:
        if ours is not None:
            return OPS[ours].call(inputs, {})
        if name in ("maximum", "fmax"):
            return largest(*inputs)
        if name in ("minimum", "fmin"):
            return smallest(*inputs)
        if name == "positive":
            return +inputs[0]
    spelled = name if method == "__call__" else f"{name}.{method}"
    if options:
        spelled += f" with {', '.join(options)}"
    raise DlgruTypeError(
        identifier="dlgru:numpy:ufunc",
        function=f"numpy.{name}",
        argument="the ufunc",
        came=f"numpy.{spelled}",
        expected="a plain call of a ufunc that dlgru has",
        fix=f"use dlgru.{ours}(...)" if ours else "use extractdata(X) to leave for NumPy",
    )


def _function(self: DLArray, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    name = function.__name__
    if name in _LOOKING:
        return function(*[_plain(a) for a in args], **{k: _plain(a) for k, a in kwargs.items()})
    path = f"{function.__module__}.{name}"
    outside = f"use {path}(extractdata(X))"
    if name in OPS and path == f"numpy.{name}":
        outside = f"use dlgru.{name}(X), or {path}(extractdata(X))"
    raise DlgruTypeError(
        "This function of NumPy means something else here",
        identifier="dlgru:numpy:function",
        function=path,
        argument="X",
        came="a DLArray",
        expected="an ndarray",
        fix=outside,
    )


def _plain(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)([_plain(item) for item in x])
    return np.asarray(x) if type(x) is DLArray else x


def _untraced(self: DLArray, function: str, fix: str) -> Any:
    value = self.value
    if value.traced:
        raise DlgruTypeError(
            "A traced array does not leave dlgru silently: its trace would end there",
            identifier="dlgru:numpy:traced",
            function=function,
            argument="X",
            came="traced",
            expected="an untraced array",
            fix=fix,
        )
    return value.data


def _array(self: DLArray, dtype: Any = None, copy: bool | None = None) -> Any:
    data = _untraced(self, "numpy.asarray", "write extractdata(X)")
    if backend.is_device_array(data):
        raise DlgruTypeError(
            identifier="dlgru:numpy:device",
            function="numpy.asarray",
            argument="X",
            came="data on a device",
            expected="host data",
            fix="write gather(X) first",
        )
    if dtype is not None and np.dtype(dtype) != data.dtype:
        return data.astype(dtype)
    if copy:
        return data.copy(order="F")
    view = data.view()
    view.flags.writeable = False
    return view


def _dlpack(self: DLArray, **options: Any) -> Any:
    data = self.value
    if data.traced:
        raise BufferError("a traced DLArray is not exported: use extractdata(X)")
    # What is exported may be written to by whoever gets it, so it is a copy.
    return data.data.copy(order="F").__dlpack__(**options)


def _dlpack_device(self: DLArray) -> Any:
    return self._peek().data.__dlpack_device__()


def _restore(data: Any, labels: str) -> DLArray:
    return wrap(Value(backend.seal(data)), labels)


def _reduce(self: DLArray) -> Any:
    data = _untraced(self, "pickle", "write dlarray(extractdata(X), dims(X))")
    return _restore, (backend.to_host(data).copy(order="F"), self._labels)


def _summary(self: DLArray) -> str:
    data = self._peek().data
    return summary_text(
        data.shape, self._labels, backend.CLASS_NAMES[data.dtype], backend.is_device_array(data)
    )


@any_spelling
def copy(X: Any) -> Any:
    """Another array with the same data, format and trace; assignments to one leave the other.

    Structs, cells and tables are copied with everything in them, as MATLAB's ``=`` does.

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.zeros(1, 2)
    >>> Y = dl.copy(X)
    >>> Y[0] = 5
    >>> float(X[0]), float(Y[0])
    (0.0, 5.0)
    """
    return tree_map(
        lambda leaf: fresh(leaf) if type(leaf) is DLArray else copy_module.copy(leaf), X
    )


DLArray.__array_ufunc__ = _ufunc  # type: ignore[attr-defined]
DLArray.__array_function__ = _function  # type: ignore[attr-defined]
DLArray.__array__ = _array  # type: ignore[attr-defined]
DLArray.__dlpack__ = _dlpack  # type: ignore[attr-defined]
DLArray.__dlpack_device__ = _dlpack_device  # type: ignore[attr-defined]
DLArray.__copy__ = lambda self: self._dlgru_handle()  # type: ignore[attr-defined]
DLArray.__deepcopy__ = lambda self, memo: self._dlgru_handle()  # type: ignore[attr-defined]
DLArray.__reduce__ = _reduce  # type: ignore[assignment,method-assign]
DLArray.summary = _summary  # type: ignore[attr-defined]


def _make(raw: Any) -> DLArray:
    return wrap(Value(backend.seal(raw)), "")


def _join(scalars: Any, shape: tuple[int, ...]) -> Any:
    row = cat(2, *[reshape(x, 1, 1) for x in scalars])
    return reshape(row, list(shape))


register_arrays(_make, _join)
