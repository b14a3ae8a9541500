"""The cuBLAS that is not there, on host memory: CuPy's module for it, and the library below that.

CuPy's calls refuse while a stream is being recorded, the library's do not.  A call that is recorded
is done when the recording is replayed, and not before.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from dlgru.kernels.gpu.cublas import COMPUTE, DOUBLE_KIND

STREAM, RECORDING_STREAM = 0, 1
HANDLE = 77
NUMBERS = {"strict": 68, "double": 70, "bf16": 75, "tf32": 77}
MANTISSA = {"bf16": 7, "tf32": 10}  # bits
PRECISION = {68: "strict", 70: "strict", 75: "bf16", 77: "tf32"}
STATUS = {1: "CUBLAS_STATUS_NOT_INITIALIZED", 3: "CUBLAS_STATUS_ALLOC_FAILED"}


class FakeCublas:
    """`module` is what ``cupy.cuda.cublas`` is, `library` what lies below it.

    `queue` takes work, now or for a recording; `stream` says which is current.
    """

    def __init__(
        self, queue: Callable[[Callable[[], None]], None], stream: Callable[[], int]
    ) -> None:
        self.queue, self.stream = queue, stream
        self.products: list[str] = []
        self.told: dict[int, int] = {}
        self.workspace: dict[int, tuple[int, int] | None] = {}
        self.workspaces: list[tuple[int, int]] = []  # of each product
        self.answer = 0
        module = {"CUBLAS_OP_N": 0, "CUBLAS_OP_T": 1, "gemmEx": self.of_cupy}
        module |= {COMPUTE[name]: value for name, value in NUMBERS.items()}
        self.module = SimpleNamespace(CUBLASError=STATUS.__getitem__, **module)

        def cublasSetStream_v2(handle: int, stream: int) -> int:
            self.told[handle] = stream
            self.workspace[handle] = None
            return 0

        def cublasSetWorkspace_v2(handle: int, address: int, size: int) -> int:
            self.workspace[handle] = (address, size)
            return 0

        def cublasGemmEx(*arguments: Any) -> int:
            workspace = self.workspace[arguments[0]]
            assert workspace is not None, "cuBLAS would take memory of its own"
            self.workspaces.append(workspace)
            self.multiply(*arguments)
            return self.answer

        # Functions, because the caller hangs argument types on them.
        self.library = SimpleNamespace(
            cublasSetStream_v2=cublasSetStream_v2,
            cublasSetWorkspace_v2=cublasSetWorkspace_v2,
            cublasGemmEx=cublasGemmEx,
        )

    def of_cupy(self, *arguments: Any) -> None:
        """Refuse as CuPy does."""
        if self.stream() == RECORDING_STREAM:
            raise NotImplementedError(
                "calling cuBLAS API during stream capture is currently unsupported"
            )
        self.told[arguments[0]] = self.stream()
        self.multiply(*arguments)

    def multiply(self, handle: int, turn_a: int, turn_b: int, *rest: Any) -> None:
        """Queue out = one·a·b + beta·out on column-major matrices."""
        m, n, k, one, a, kind, a_step, b, b_kind, b_step, beta, out, out_kind, out_step = rest[:14]
        compute, algorithm = rest[14:]
        assert (handle, self.told[handle]) == (HANDLE, self.stream()), "another stream"
        assert kind == b_kind == out_kind
        assert (compute == 70) == (kind == DOUBLE_KIND)
        assert algorithm == -1
        assert number(one, kind) == 1
        factor = number(beta, kind)
        left = matrix(a, kind, *((k, m) if turn_a else (m, k)), a_step)
        right = matrix(b, kind, *((n, k) if turn_b else (k, n)), b_step)
        to = matrix(out, kind, m, n, out_step)

        def go() -> None:
            precision = PRECISION[compute]
            self.products.append(precision)
            one, two = (rounded(given, precision) for given in (left, right))
            found = (one.T if turn_a else one) @ (two.T if turn_b else two)
            to[...] = found + factor * to if factor else found  # what is there may be NaN

        self.queue(go)


def real(kind: int) -> Any:
    return ctypes.c_double if kind == DOUBLE_KIND else ctypes.c_float


def number(given: Any, kind: int) -> float:
    """What an address leads to, as a number or as ctypes pass it on."""
    place = given if isinstance(given, int) else ctypes.addressof(given._obj)
    return float(real(kind).from_address(place).value)


def rounded(array: Any, precision: str) -> Any:
    """The numbers as a product of less precision takes them: the nearest, ties to even."""
    if precision not in MANTISSA:
        return array
    bits = np.array(array).view(np.uint32)
    lost = 23 - MANTISSA[precision]
    up = (1 << lost - 1) - 1 + (bits >> lost & 1)
    return (bits + up >> lost << lost).view(np.float32)


def matrix(address: int, kind: int, rows: int, columns: int, step: int) -> Any:
    """A column-major matrix with columns this far apart."""
    assert step >= max(1, rows), "columns overlap"
    count = step * (columns - 1) + rows if rows * columns else 0
    flat = np.ctypeslib.as_array((real(kind) * count).from_address(address or 1))
    size = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (size, step * size))
