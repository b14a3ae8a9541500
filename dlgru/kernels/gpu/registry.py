"""Which runtime serves the arrays of which library."""

from __future__ import annotations

from typing import Any

from dlgru.errors import DlgruTypeError
from dlgru.kernels.gpu.cuda import CudaRuntime
from dlgru.kernels.gpu.runtime import Runtime

_registered: dict[int, Runtime] = {}


def register_runtime(xp: Any, runtime: Runtime) -> None:
    """Let this runtime serve the arrays of the array library `xp`."""
    _registered[id(xp)] = runtime


def runtime_of(xp: Any) -> Runtime:
    """Return the runtime that serves the arrays of an array library."""
    found = _registered.get(id(xp))
    if found is None and getattr(xp, "__name__", None) == "cupy":
        found = _registered[id(xp)] = CudaRuntime()
    if found is not None:
        return found
    raise DlgruTypeError(
        "A GPU engine was given arrays that are not on a GPU",
        identifier="dlgru:kernels:notOnGpu",
        function="kernels",
        argument="x",
        came=f"an array of {getattr(xp, '__name__', type(xp).__name__)}",
        expected="an array of CuPy's",
    )
