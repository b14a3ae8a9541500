"""cuBLAS's matrix product through ctypes, with the handle and the enumerators that CuPy has.

CuPy's own calls refuse while a stream is being recorded; cuBLAS does not.  On Linux its
functions are found through CuPy's module, which is linked with it.  Windows looks for a name
in one library only, so there the library is named: CuPy has loaded it by then.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import byref, c_int, c_size_t, c_void_p
from typing import Any

from dlgru.backend import RawArray, double
from dlgru.errors import DlgruError, DlgruMemoryError

COMPUTE = {
    "strict": "CUBLAS_COMPUTE_32F",
    "tf32": "CUBLAS_COMPUTE_32F_FAST_TF32",
    "bf16": "CUBLAS_COMPUTE_32F_FAST_16BF",
    "double": "CUBLAS_COMPUTE_64F",
}
ANY_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT
SINGLE_KIND, DOUBLE_KIND = 0, 1  # CUDA_R_32F, CUDA_R_64F
FULL = "CUBLAS_STATUS_ALLOC_FAILED"

STEPPED = [c_void_p, c_int, c_int]  # a matrix: where it is, its class, from column to column
PRODUCT = [c_void_p, *[c_int] * 5, c_void_p, *STEPPED * 2, c_void_p, *STEPPED, c_int, c_int]


def functions(cublas: Any, cuda: int, platform: str = sys.platform) -> Any:
    """Return the library that CuPy's module `cublas` calls; `cuda` is the major version."""
    return ctypes.CDLL(f"cublas64_{cuda}.dll" if platform == "win32" else cublas.__file__)


class Products:
    """Matrix products of device arrays.

    `address` says where an array begins, `workspace` gives memory for cuBLAS to work in.  By
    itself cuBLAS would take some within a recording, and might then sum in another order.
    """

    def __init__(
        self,
        cublas: Any,
        blas: Any,
        address: Callable[[RawArray], int],
        workspace: Callable[[], RawArray],
    ) -> None:
        self.cublas, self.blas, self.address, self.workspace = cublas, blas, address, workspace
        blas.cublasSetStream_v2.argtypes = [c_void_p, c_void_p]
        blas.cublasSetWorkspace_v2.argtypes = [c_void_p, c_void_p, c_size_t]
        blas.cublasGemmEx.argtypes = PRODUCT

    def __call__(
        self,
        handle: int,
        stream: int,
        out: RawArray,
        a: RawArray,
        b: RawArray,
        add: bool,
        precision: str,
    ) -> None:
        """Queue the matrix product a·b on a stream; it is written to `out`, or added there."""
        if layout(out)[0]:  # row-major: the same numbers are out' = b'·a'
            out, a, b = out.T, b.T, a.T
        (m, k), n = a.shape, b.shape[1]
        (_, out_step), (a_turned, a_step), (b_turned, b_step) = map(layout, (out, a, b))
        is_double = out.dtype == double
        kind = DOUBLE_KIND if is_double else SINGLE_KIND
        compute = COMPUTE["double" if is_double else precision]
        number = ctypes.c_double if is_double else ctypes.c_float
        one, beta = number(1), number(1 if add else 0)
        space = self.workspace()
        self._check(self.blas.cublasSetStream_v2(handle, stream))  # which takes the workspace away
        self._check(self.blas.cublasSetWorkspace_v2(handle, self.address(space), space.nbytes))
        self._check(
            self.blas.cublasGemmEx(
                handle,
                self.cublas.CUBLAS_OP_T if a_turned else self.cublas.CUBLAS_OP_N,
                self.cublas.CUBLAS_OP_T if b_turned else self.cublas.CUBLAS_OP_N,
                *(m, n, k, byref(one)),
                *(self.address(a), kind, a_step, self.address(b), kind, b_step),
                *(byref(beta), self.address(out), kind, out_step),
                *(getattr(self.cublas, compute), ANY_ALGORITHM),
            )
        )

    def _check(self, code: int) -> None:
        if not code:
            return
        name = str(self.cublas.CUBLASError(code))
        raise (DlgruMemoryError if name == FULL else DlgruError)(
            "cuBLAS refused a product",
            identifier="dlgru:kernels:cublas",
            function="kernels",
            argument="its answer",
            came=f"{name} ({code})",
        )


def layout(matrix: RawArray) -> tuple[bool, int]:
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
