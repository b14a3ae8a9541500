"""Products by cuBLAS: the calls against a stand-in, the declarations against the real library."""

from __future__ import annotations

import ctypes
import re
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlgru.errors import DlgruError, DlgruMemoryError
from dlgru.kernels.gpu import cublas
from tests.kernels.gpu.fakecublas import HANDLE, RECORDING_STREAM, STREAM, FakeCublas

WORKSPACE = np.empty(64, np.uint8)


class Current:
    """The stream that is current, and what has been queued on it."""

    def __init__(self) -> None:
        self.stream, self.queue = STREAM, []
        self.fake = FakeCublas(self.queue.append, lambda: self.stream)
        self.form = cublas.Products(
            self.fake.module,
            self.fake.library,
            lambda array: array.ctypes.data,
            lambda: WORKSPACE,
        )

    def product(self, out: Any, a: Any, b: Any, add: bool = False) -> None:
        self.form(HANDLE, self.stream, out, a, b, add, "strict")


@pytest.fixture
def current() -> Current:
    return Current()


FORMS = {  # how m×n numbers may lie in memory, made from a function that draws them
    "columns": lambda draw, m, n: draw(n, m).T,
    "rows": lambda draw, m, n: draw(m, n),
    "a part of columns": lambda draw, m, n: draw(n, m + 3).T[1 : m + 1],
    "a part of rows": lambda draw, m, n: draw(m, n + 3)[:, 2 : n + 2],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("add", [False, True])
def test_products_of_matrices_that_lie_in_any_way(current: Current, add: bool, dtype: Any) -> None:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return random.integers(-4, 5, shape).astype(dtype)

    for m, n, k in product((1, 2, 5), (1, 3), (1, 2, 6)):
        for of_out, of_a, of_b in product(FORMS.values(), repeat=3):
            out, a, b = of_out(draw, m, n), of_a(draw, m, k), of_b(draw, k, n)
            expected = a @ b + (out if add else 0)
            current.product(out, a, b, add)
            current.queue.pop()()
            np.testing.assert_array_equal(out, expected)


def test_a_product_is_recorded_where_cupy_refuses(current: Current) -> None:
    out, a = np.zeros((2, 2), order="F"), np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])
    current.stream = RECORDING_STREAM
    with pytest.raises(NotImplementedError, match="stream capture"):
        current.fake.module.gemmEx(HANDLE)
    current.product(out, a, a)
    assert not out.any()
    current.queue.pop()()
    np.testing.assert_array_equal(out, a @ a)


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (1, DlgruError, "CUBLAS_STATUS_NOT_INITIALIZED"),
        (3, DlgruMemoryError, "CUBLAS_STATUS_ALLOC_FAILED"),
    ],
)
def test_what_cublas_refuses_is_an_error(
    current: Current, status: int, kind: Any, name: str
) -> None:
    current.fake.answer = status
    a = np.ones((2, 2))
    with pytest.raises(DlgruError, match=rf"{name} \({status}\)") as caught:
        current.product(a.copy(), a, a)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("shape", "steps", "layout"),
    [
        ((4, 3), (1, 4), (False, 4)),
        ((4, 3), (1, 9), (False, 9)),
        ((4, 3), (3, 1), (True, 3)),
        ((4, 3), (9, 1), (True, 9)),
        ((1, 3), (1, 1), (False, 1)),
        ((1, 3), (9, 1), (False, 1)),
        ((4, 1), (1, 9), (False, 4)),
        ((4, 1), (9, 1), (True, 9)),
        ((1, 1), (5, 7), (False, 1)),
    ],
)
def test_matrices_as_cublas_sees_them(shape: Any, steps: Any, layout: Any) -> None:
    class Matrix:
        itemsize = 8

    Matrix.shape, Matrix.strides = shape, tuple(8 * step for step in steps)
    assert cublas.layout(Matrix) == layout


def test_a_matrix_without_unit_steps_is_an_error() -> None:
    class Matrix:
        itemsize, shape, strides = 4, (4, 3), (8, 32)

    with pytest.raises(DlgruError, match="4×3 with steps 2 and 8"):
        cublas.layout(Matrix)


def test_on_windows_the_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: name)
    module = SimpleNamespace(__file__="cublas.so")
    assert cublas.functions(module, 13, "win32") == "cublas64_13.dll"
    assert cublas.functions(module, 12, "linux") == "cublas.so"


# -- the real library ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def module() -> Any:
    cupy = pytest.importorskip("cupy")
    try:
        return cupy.cuda.cublas
    except Exception as error:  # CuPy looks for cuBLAS only now
        pytest.skip(f"no cuBLAS: {error}"[:80])


def test_its_enumerators_and_parameters_are_those_that_are_used(module: Any) -> None:
    names = re.findall(r"(\w+)[,)]", module.gemmEx.__doc__.partition("(")[2])
    expected = "handle transa transb m n k alpha A Atype lda B Btype ldb beta C Ctype ldc"
    assert names == [*expected.split(), "computeType", "algo"]
    assert len(names) == len(cublas.PRODUCT)
    pointers = [cublas.PRODUCT[k] is ctypes.c_void_p for k in range(len(names))]
    assert [n for n, is_one in zip(names, pointers, strict=True) if is_one] == [
        *("handle", "alpha", "A", "B", "beta", "C")
    ]
    fake = FakeCublas(lambda go: None, lambda: STREAM).module
    for name in (*cublas.COMPUTE.values(), "CUBLAS_OP_T", "CUBLAS_OP_N"):
        assert getattr(module, name) == getattr(fake, name), name
    assert str(module.CUBLASError(3)) == cublas.FULL
    assert module.CUBLAS_GEMM_DEFAULT == cublas.ANY_ALGORITHM
    runtime = pytest.importorskip("cupy").cuda.runtime
    assert (runtime.CUDA_R_32F, runtime.CUDA_R_64F) == (cublas.SINGLE_KIND, cublas.DOUBLE_KIND)


def test_its_functions_are_found_and_answer(module: Any) -> None:
    cuda = pytest.importorskip("cupy").cuda.runtime.runtimeGetVersion() // 1000
    library = cublas.functions(module, cuda)
    form = cublas.Products(module, library, lambda array: 1, lambda: WORKSPACE)
    assert library.cublasSetWorkspace_v2(0, 0, 0) == 1  # it is there: there is no handle 0
    a = np.ones((2, 2), np.float32)
    with pytest.raises(DlgruError, match="CUBLAS_STATUS_NOT_INITIALIZED"):
        form(0, 0, a, a, a, False, "strict")  # there is no handle 0
