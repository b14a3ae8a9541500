"""The runtime for CuPy's arrays: kernels compiled by NVRTC, products by cuBLAS, CUDA graphs.

CuPy compiles a kernel at its first use and keeps the result on disk, in its own cache.
Kernels are started through the driver's ``cuLaunchKernelEx``, because CuPy's own launch
knows no clusters and makes a cooperative grid that does not fit silently smaller.

CuPy is imported when a runtime is made, and that happens only for an array of CuPy's.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from dlgru.backend import RawArray, double
from dlgru.errors import DlgruError
from dlgru.kernels.gpu.device import Device, device_name
from dlgru.kernels.gpu.driver import KernelLauncher
from dlgru.kernels.gpu.runtime import Launch
from dlgru.kernels.gpu.sources import OPTIONS, source

DEFAULT_SHARED = 48 * 1024  # more must be asked for
PORTABLE_CLUSTER = 8  # likewise
COMPUTE = {
    "strict": "CUBLAS_COMPUTE_32F",
    "tf32": "CUBLAS_COMPUTE_32F_FAST_TF32",
    "bf16": "CUBLAS_COMPUTE_32F_FAST_16BF",
}
ANY_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT


class CudaRuntime:
    """The current CUDA device, as CuPy has it."""

    def __init__(self) -> None:
        import cupy
        from cupy.cuda import cublas

        self.cupy, self.cublas = cupy, cublas
        self.launcher = KernelLauncher()
        self._kernels: dict[tuple[int, str], Any] = {}

    def describe(self) -> str:
        """Return the text that a spec names this device by."""
        return _describe(self.cupy, self.number())

    def number(self) -> int:
        """Return which device this is, of several."""
        return int(self.cupy.cuda.runtime.getDevice())

    def address(self, array: RawArray) -> int:
        """Return where the data of an array begin."""
        return int(array.data.ptr)

    def launch(self, launch: Launch, arguments: ctypes.Structure) -> None:
        """Start a kernel on the current stream."""
        self.launcher(self.function(launch), self.stream(), launch, arguments)

    def function(self, launch: Launch) -> int:
        """Return the driver's handle of a kernel, compiled if need be."""
        key = (self.number(), launch.expression)
        found = self._kernels.get(key)
        if found is None:
            found = self._kernels[key] = self.compiled(launch)
        return int(found.kernel.ptr)

    def compiled(self, launch: Launch) -> Any:
        """Compile a kernel for the current device: CuPy's kernel object."""
        module = self.cupy.RawModule(
            code=source(), options=OPTIONS, name_expressions=(launch.expression,)
        )
        made = module.get_function(launch.expression)
        if launch.shared_bytes > DEFAULT_SHARED:
            made.max_dynamic_shared_size_bytes = launch.shared_bytes
        if launch.cluster > PORTABLE_CLUSTER:
            self.launcher.allow_large_clusters(int(made.kernel.ptr))
        return made

    def product(
        self, out: RawArray, a: RawArray, b: RawArray, add: bool = False, precision: str = "strict"
    ) -> None:
        """Write the matrix product a·b to `out`, or add it there."""
        if _layout(out)[0]:  # row-major: the same numbers are out' = b'·a'
            out, a, b = out.T, b.T, a.T
        (m, k), n = a.shape, b.shape[1]
        (_, out_step), (a_turned, a_step), (b_turned, b_step) = map(_layout, (out, a, b))
        is_double = out.dtype == double
        kind = self.cupy.cuda.runtime.CUDA_R_64F if is_double else self.cupy.cuda.runtime.CUDA_R_32F
        compute = "CUBLAS_COMPUTE_64F" if is_double else COMPUTE[precision]
        number = ctypes.c_double if is_double else ctypes.c_float
        one, beta = number(1), number(1 if add else 0)
        self.cublas.gemmEx(
            self.cupy.cuda.device.get_cublas_handle(),
            self.cublas.CUBLAS_OP_T if a_turned else self.cublas.CUBLAS_OP_N,
            self.cublas.CUBLAS_OP_T if b_turned else self.cublas.CUBLAS_OP_N,
            m,
            n,
            k,
            ctypes.addressof(one),
            a.data.ptr,
            kind,
            a_step,
            b.data.ptr,
            kind,
            b_step,
            ctypes.addressof(beta),
            out.data.ptr,
            kind,
            out_step,
            getattr(self.cublas, compute),
            ANY_ALGORITHM,
        )

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do the work once, and return a function that does the same again in one launch."""
        work()  # compiles kernels and lets cuBLAS take its memory, neither of which can be recorded
        stream = self.cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            try:
                work()
            finally:
                graph = stream.end_capture()
        current = self.cupy.cuda.get_current_stream
        return lambda: graph.launch(current())

    def stream(self) -> int:
        """Return the current stream's handle."""
        return int(self.cupy.cuda.get_current_stream().ptr)

    def mark(self) -> Any:
        """Return an event for what has been queued so far, and its stream."""
        event = self.cupy.cuda.Event(disable_timing=True)
        event.record()
        return self.stream(), event

    def wait_for(self, mark: Any) -> None:
        """Let what is queued from now on wait for a mark of another stream."""
        stream, event = mark
        if stream != self.stream():
            self.cupy.cuda.get_current_stream().wait_event(event)


@functools.lru_cache(maxsize=64)
def _describe(cupy: Any, number: int) -> str:
    device = cupy.cuda.Device(number)
    processors = device.attributes["MultiProcessorCount"]
    return device_name(Device(int(device.compute_capability), int(processors)))


def _layout(matrix: RawArray) -> tuple[bool, int]:
    """Return whether a matrix is row-major, and the numbers from one column or row to the next."""
    rows, columns = matrix.shape
    down, across = (step // matrix.itemsize for step in matrix.strides)
    if rows == 1 or down == 1:
        step = across if columns > 1 else rows
        if step >= rows:
            return False, step
    if columns == 1 or across == 1:
        step = down if rows > 1 else columns
        if step >= columns:
            return True, step
    raise DlgruError(
        "cuBLAS cannot walk this matrix",
        identifier="dlgru:kernels:strides",
        function="product",
        argument="matrix",
        came=f"{rows}×{columns} with steps {down} and {across}",
    )
