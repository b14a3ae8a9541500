"""Which runtime serves the arrays of which library."""

from __future__ import annotations

from typing import Any

from dlgru.backend import RawArray, is_device_array, xp_of
from dlgru.errors import DlgruTypeError
from dlgru.kernels.gpu.cuda import CudaRuntime
from dlgru.kernels.gpu.runtime import Runtime

_registered: dict[int, Runtime] = {}
"""By the id of an array library, so that a test can let another one serve."""


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


def device_text(array: RawArray) -> str:
    """Return what ``Spec.device`` says of an array.

    ``"cpu"``; or a text of `device.py`; or plain ``"gpu"`` for the arrays of a library that
    no runtime serves, which every GPU engine refuses.
    """
    if not is_device_array(array):
        return "cpu"
    xp = xp_of(array)
    served = id(xp) in _registered or getattr(xp, "__name__", None) == "cupy"
    return runtime_of(xp).describe() if served else "gpu"
