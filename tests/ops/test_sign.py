"""``sign``: constant for real data, the phase of complex data."""

from __future__ import annotations

import numpy as np
import pytest

import dlgru as dl
from dlgru.autodiff import is_traced


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_data(dtype: type) -> None:
    X = np.array([[-3.0, 0.0, 0.5], [np.inf, -np.inf, np.nan]], dtype)
    S = dl.sign(dl.dlarray(X, "CB"))
    assert (S.dims, S.dtype) == ("CB", dtype)
    np.testing.assert_array_equal(dl.extractdata(S), [[-1, 0, 1], [1, -1, np.nan]])


def test_logical_data_count_as_double() -> None:
    S = dl.sign(dl.dlarray(np.array([[True, False]])))
    assert dl.underlyingType(S) == "double"
    np.testing.assert_array_equal(dl.extractdata(S), [[1, 0]])


def test_it_is_constant_for_real_data() -> None:
    def loss(x: dl.DLArray) -> object:
        assert not is_traced(dl.sign(x))
        return dl.dlgradient(dl.sum(dl.sign(x) * x), x)

    g = dl.dlfeval(loss, dl.dlarray([2.0, -3.0]))
    np.testing.assert_array_equal(dl.extractdata(g), [[1, -1]])


def test_complex_data_have_the_derivative_of_their_phase() -> None:
    """z*sign(z) is z*z/abs(z), whose derivative is made of other operations."""
    z = dl.dlarray(np.array([[1 + 1j, 2 - 0.5j, -3j]]))

    def first(f: object) -> object:
        return dl.dlfeval(lambda z: dl.dlgradient(dl.sum(dl.real(f(z))), z), z)  # type: ignore[operator]

    found, expected = first(lambda z: z * dl.sign(z)), first(lambda z: z * z / dl.abs(z))
    np.testing.assert_allclose(dl.extractdata(found), dl.extractdata(expected), rtol=1e-14)
    assert dl.checkgrad(lambda z: dl.sum(dl.abs(z + dl.sin(dl.sign(z) * z)) ** 2), z, order=2)


def test_at_zero_the_derivative_of_the_phase_is_zero() -> None:
    g = dl.dlfeval(lambda z: dl.dlgradient(dl.sum(dl.real(dl.sign(z))), z), dl.dlarray([[0j, 2j]]))
    np.testing.assert_array_equal(dl.extractdata(g), [[0, 0.5]])
