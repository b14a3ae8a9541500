"""Complex data: exact parts, MATLAB's order, and no order where there is none."""

from __future__ import annotations

import cmath
import itertools
import math
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.errors import DlgruTypeError

INF, NAN = math.inf, math.nan


def bits(x: Any) -> list[complex]:
    return np.asarray(x).ravel(order="F").tolist()


# -- complex(A, B) -----------------------------------------------------------------------------


@pytest.mark.parametrize("a", [1.0, -0.0, INF])
@pytest.mark.parametrize("b", [2.0, -0.0, INF, -INF])
def test_both_parts_are_what_was_given(a: float, b: float) -> None:
    z = complex(dl.complex(a, b))
    for part, given in ((z.real, a), (z.imag, b)):
        assert part == given
        assert math.copysign(1, part) == math.copysign(1, given)


def test_nan_stays_in_its_part() -> None:
    z = complex(dl.complex(1, NAN))
    assert z.real == 1 and math.isnan(z.imag)


def test_labels_class_and_expansion_are_those_of_arithmetic() -> None:
    A = dl.dlarray(np.ones((2, 3), np.float32), "CB")
    z = dl.complex(A, dl.dlarray([[1], [2]], "CU"))
    assert (z.dims, z.dtype) == ("CB", np.complex64)
    np.testing.assert_array_equal(np.asarray(z), np.ones((2, 3)) + 1j * np.array([[1], [2]]))
    assert dl.complex(dl.true(1), 1).dtype == np.complex128


def test_gradients_are_the_parts_of_the_gradient() -> None:
    def loss(a: Any, b: Any) -> Any:
        z = dl.complex(a, b)
        y = dl.sum(dl.real(z * dl.conj(z)) * b, "all")  # (a^2 + b^2) b
        return dl.dlgradient(y, a, b)

    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5, -1.0]])
    da, db = dl.dlfeval(loss, dl.dlarray(a), dl.dlarray(b))
    np.testing.assert_allclose(np.asarray(da), 2 * a * b, rtol=1e-15)
    np.testing.assert_allclose(
        np.asarray(db), np.sum(a**2 + 3 * b**2, axis=0, keepdims=True), rtol=1e-15
    )


# -- order -------------------------------------------------------------------------------------

SAMPLES = [0, 1, -1, 1j, -1j, 3 + 4j, 4 + 3j, -5, 5, 3 - 4j, 2 + 7j]
PAIRS = list(itertools.product(SAMPLES, SAMPLES))


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_relations_compare_real_parts_and_equality_both(a: complex, b: complex) -> None:
    A, B = dl.dlarray(a + 0j), dl.dlarray(b + 0j)
    for y in (B, b):
        assert bool(A < y) is (a.real < b.real)
        assert bool(A <= y) is (a.real <= b.real)
        assert bool(A > y) is (a.real > b.real)
        assert bool(A >= y) is (a.real >= b.real)
        assert bool(A == y) is (a == b)
        assert bool(A != y) is (a != b)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_max_and_min_of_two_compare_modulus_and_then_phase(a: complex, b: complex) -> None:
    largest, smallest = max(a, b, key=cmath.polar), min(a, b, key=cmath.polar)
    A = dl.dlarray(a + 0j)
    for B in (dl.dlarray(b + 0j), b + 0j):
        assert complex(dl.max(A, B)) == largest
        assert complex(dl.min(A, B)) == smallest


def test_max_and_min_along_a_dimension_compare_modulus_and_then_phase() -> None:
    columns = np.random.default_rng(1).permuted(np.tile(SAMPLES, (7, 1)), axis=1).T
    X = dl.dlarray(columns, "CB")
    for ours, theirs in ((dl.max, max), (dl.min, min)):
        found, index = ours(X, nargout=2)
        expected = [theirs(column, key=cmath.polar) for column in columns.T.tolist()]
        assert bits(found) == expected
        assert bits(index) == [
            column.index(z) + 1 for column, z in zip(columns.T.tolist(), expected, strict=True)
        ]
        assert found.dims == "CB"
        whole, at = ours(X, [], "all", nargout=2)
        assert complex(whole) == theirs(SAMPLES, key=cmath.polar)
        assert columns.ravel(order="F")[int(at) - 1] == complex(whole)


def test_the_largest_of_a_circle_is_minus_one() -> None:
    circle = dl.dlarray([-1, 1j, 1, -1j])
    assert complex(dl.max(circle)) == -1
    assert complex(dl.min(circle)) == -1j


def test_a_real_array_beside_a_complex_one_is_compared_by_modulus() -> None:
    Z, X = dl.dlarray([1 + 1j, 1 + 1j]), dl.dlarray([-2, 1])
    assert bits(dl.max(X, Z)) == [-2, 1 + 1j]
    assert bits(dl.max(Z, -2)) == [-2, -2]
    assert bits(dl.min(-2, Z)) == [1 + 1j, 1 + 1j]


@pytest.mark.parametrize("nan", [complex(NAN, 9), complex(9, NAN), complex(NAN, NAN)])
def test_nan_in_either_part_loses_against_any_number(nan: complex) -> None:
    for f in (dl.max, dl.min):
        assert bits(f(dl.dlarray([nan, 2j, nan]))) == [2j]
        assert bits(f(dl.dlarray([nan, 2j]), dl.dlarray([2j, nan]))) == [2j, 2j]
        assert cmath.isnan(complex(f(dl.dlarray([nan, nan]))))
        found, index = f(dl.dlarray([[nan, complex(INF, INF)]]), nargout=2)
        assert complex(found) == complex(INF, INF) and float(index) == 2


def test_a_tie_of_two_complex_arrays_gives_its_gradient_to_the_second() -> None:
    def gradients(a: Any, b: Any) -> Any:
        return dl.dlgradient(dl.sum(dl.real(dl.max(a, b)), "all"), a, b)

    a, b = dl.dlarray([1j, 2, 3 - 4j]), dl.dlarray([1j, 1, 5])
    da, db = dl.dlfeval(gradients, a, b)
    assert bits(da) == [0, 1, 0]
    assert bits(db) == [1, 0, 1]


def test_the_first_of_equal_complex_maximisers_gets_the_whole_gradient() -> None:
    g = dl.dlfeval(
        lambda x: dl.dlgradient(dl.real(dl.max(x)), x), dl.dlarray([1j, 3 + 4j, 3 + 4j, 5])
    )
    assert bits(g) == [0, 1, 0, 0]


# -- activations -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "leakyrelu"])
def test_a_threshold_refuses_complex_data_and_says_what_to_write(name: str) -> None:
    Z = dl.dlarray([1 - 2j, -3 + 4j], "CU" if name == "relu" else None)
    with pytest.raises(DlgruTypeError) as caught:
        getattr(dl, name)(Z)
    assert caught.value.identifier == f"dlgru:{name}:complex"
    assert f"complex({name}(real(X)), {name}(imag(X)))" in caught.value.fix
    assert bits(dl.complex(dl.relu(dl.real(Z)), dl.relu(dl.imag(Z)))) == [1, 4j]


def test_analytic_activations_take_complex_data() -> None:
    z = np.array([[0.3 + 0.4j, -1 + 2j]])
    np.testing.assert_allclose(np.asarray(dl.sigmoid(z)), 1 / (1 + np.exp(-z)), rtol=1e-15)
    e = np.exp(z)
    ours = dl.softmax(dl.dlarray(z, "BC"))
    np.testing.assert_allclose(np.asarray(ours).T, e / e.sum(), rtol=1e-15)


def test_softmax_of_complex_data_does_not_overflow() -> None:
    y = dl.softmax(dl.dlarray([1000 + 1j, 1000 - 1j], "C"))
    e = np.exp(np.array([1j, -1j]))
    np.testing.assert_allclose(bits(y), e / e.sum(), rtol=1e-14)


def test_a_complex_exponent_gives_complex_data_also_where_it_is_2() -> None:
    x = dl.dlarray([1.0, -3.0])
    np.testing.assert_allclose(np.asarray(x ** (2 + 0j)), [[1.0, 9.0]], atol=1e-14)
    assert np.asarray(x ** (2 + 0j)).dtype == np.complex128
    assert np.asarray(x**2).dtype == np.float64
    np.testing.assert_array_equal(np.asarray(x**2), [[1.0, 9.0]])


def test_pythons_complex_does_not_end_a_trace_silently() -> None:
    def slope(x: Any) -> Any:
        return dl.dlgradient(x * dl.abs(complex(x)), x)

    with pytest.raises(DlgruTypeError, match=r"write dlgru\.complex\(X\)"):
        dl.dlfeval(slope, dl.dlarray(2))
    assert complex(dl.dlarray(2)) == 2
