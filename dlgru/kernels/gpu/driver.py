"""``cuLaunchKernelEx`` of the CUDA driver, by ctypes: the launch that knows clusters.

The structures are those of ``cuda.h``; the numbers are its enumerators.  A test
compares sizes and offsets with the header where one is installed.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from dlgru.errors import DlgruError
from dlgru.kernels.gpu.runtime import Launch

COOPERATIVE = 2  # CU_LAUNCH_ATTRIBUTE_COOPERATIVE
CLUSTER_DIMENSION = 4  # CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION
NON_PORTABLE_CLUSTER = 14  # CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED
LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def driver_version() -> int | None:
    """Return the newest CUDA that the driver knows, as 1000 times the major version and so on.

    None without a driver.
    """
    version = ctypes.c_int()
    try:
        failed = ctypes.CDLL(LIBRARY).cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed else version.value


class Attribute(ctypes.Structure):
    """``CUlaunchAttribute``: a kind, and a value of 64 bytes that starts with its numbers."""

    _fields_ = (
        ("id", ctypes.c_uint),
        ("padding", ctypes.c_char * 4),
        ("value", ctypes.c_uint * 16),
    )


class Configuration(ctypes.Structure):
    """``CUlaunchConfig``."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(Attribute)),
        ("attribute_count", ctypes.c_uint),
    )


def configuration(launch: Launch, stream: int) -> Configuration:
    """Return what the driver is told about a launch."""
    attributes = []
    if launch.cluster > 1:
        attributes.append(Attribute(id=CLUSTER_DIMENSION, value=(launch.cluster, 1, 1)))
    if launch.together:
        attributes.append(Attribute(id=COOPERATIVE, value=(1,)))
    array = (Attribute * max(1, len(attributes)))(*attributes)
    return Configuration(
        grid=(launch.blocks, 1, 1),
        block=(launch.threads, 1, 1),
        shared_bytes=launch.shared_bytes,
        stream=stream,
        attributes=array,
        attribute_count=len(attributes),
    )


class KernelLauncher:
    """The driver's launch function."""

    def __init__(self, library: Any = None) -> None:
        self._driver = library or ctypes.CDLL(LIBRARY)

    def __call__(
        self, function: int, stream: int, launch: Launch, arguments: ctypes.Structure
    ) -> None:
        """Start a kernel that takes one structure."""
        parameters = (ctypes.c_void_p * 1)(ctypes.addressof(arguments))
        told = configuration(launch, stream)
        code = self._driver.cuLaunchKernelEx(
            ctypes.byref(told), ctypes.c_void_p(function), parameters, None
        )
        if code:
            raise self._error(code, launch.expression)

    def allow_large_clusters(self, function: int) -> None:
        """Let a kernel be launched in clusters of more than eight blocks."""
        code = self._driver.cuFuncSetAttribute(
            ctypes.c_void_p(function), NON_PORTABLE_CLUSTER, ctypes.c_int(1)
        )
        if code:
            raise self._error(code, "a cluster of more than eight blocks")

    def clusters_at_once(self, function: int, launch: Launch) -> int | None:
        """Return how many clusters of a launch run at the same time; None if nobody tells."""
        count, told = ctypes.c_int(), configuration(launch, 0)
        try:
            ask = self._driver.cuOccupancyMaxActiveClusters
        except AttributeError:  # a driver before CUDA 11.8
            return None
        code = ask(ctypes.byref(count), ctypes.c_void_p(function), ctypes.byref(told))
        return None if code else count.value

    def _error(self, code: int, what: str) -> DlgruError:
        name = ctypes.c_char_p()
        self._driver.cuGetErrorName(ctypes.c_int(code), ctypes.byref(name))
        word = (name.value or b"an unknown error").decode()
        return DlgruError(
            "The GPU refused a launch",
            identifier="dlgru:kernels:launch",
            function="kernels",
            argument=what,
            came=f"{word} ({code})",
            fix='name another engine: with use_engine("graph"): or DLGRU_ENGINE=graph',
        )
