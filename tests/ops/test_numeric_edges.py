"""Values and derivatives where numbers are tiny, huge, missing, or very many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import dlarray, dlfeval, dlgradient
from dlgru.array import Value
from dlgru.ops.cells import hard_sigmoid

MANY = 50_000


@pytest.mark.parametrize("kind", [np.float32, np.complex64])
@pytest.mark.parametrize(
    ("size", "axes"),
    [((4, MANY), 2), ((3, 2, MANY), [1, 3]), ((2, 300, 300), [2, 3]), ((2, 3, MANY + 7), 3)],
)
def test_a_long_single_sum_is_as_exact_as_a_short_one(size: Any, axes: Any, kind: Any) -> None:
    # A chain of n equal terms is off by up to n/2 units in the last place, which are 6e-8; in
    # blocks it is 16 for each of three stages and at most 64 for what is left.
    draw = np.random.default_rng(1)
    x = (0.1 + 0.001 * draw.random(size)).astype(kind)
    numpy_axes = tuple(k - 1 for k in np.atleast_1d(axes))
    exact = x.sum(axis=numpy_axes, keepdims=True, dtype=np.complex128)
    for function, scale in ((dl.sum, 1), (dl.mean, exact.size / x.size)):
        found = dl.extractdata(function(dlarray(x), axes))
        assert found.dtype == kind and found.flags.f_contiguous
        np.testing.assert_allclose(found.reshape(exact.shape), exact * scale, rtol=6e-6)


def test_a_bias_gradient_over_many_observations() -> None:
    X, W, b = dl.ones(1, MANY, "single"), dl.ones(2, 1, "single"), dl.zeros(2, 1, "single")

    def f(b: Any) -> Any:
        return dlgradient(dl.sum(dl.fullyconnect(dlarray(X, "CB"), W, b) * 0.1, "all"), b)

    np.testing.assert_allclose(np.asarray(dlfeval(f, b)), 0.1 * MANY, rtol=6e-6)


def test_loss_weights_take_the_data_format() -> None:
    Y, T = np.array([[0.2, 0.8], [0.3, 0.7]]), np.eye(2)
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    # (0.8·1 + 0.8·2 + 0.3·3 + 0.3·4) over two observations
    assert float(dl.l1loss(dlarray(Y), T, w, DataFormat="BC")) == pytest.approx(2.25)


def test_a_masked_element_may_have_any_weight() -> None:
    Y, mask = dlarray([[1.0, 2.0]], "CB"), dlarray(np.array([[True, False]]), "CB")
    assert float(dl.l1loss(Y, [[0, 0]], dlarray([[1.0, np.nan]], "CB"), Mask=mask)) == 0.5


def test_crossentropy_by_its_targets() -> None:
    Y, T = np.array([[0.2, 0.3], [0.8, 0.7]]), np.eye(2)

    def by_targets(t: Any, **options: Any) -> Any:
        g = dlfeval(lambda t: dlgradient(dl.crossentropy(dlarray(Y, "CB"), t, **options), t), t)
        return np.asarray(g)

    t = dlarray(T, "CB")
    np.testing.assert_allclose(by_targets(t), -np.log(Y) / 2)
    both = (np.log(1 - Y) - np.log(Y)) / 2
    np.testing.assert_allclose(by_targets(t, ClassificationMode="multilabel"), both)


def test_crossentropy_of_a_missing_prediction_is_missing() -> None:
    assert np.isnan(float(dl.crossentropy(dlarray([[np.nan], [0.5]], "CB"), [[0], [1]])))
    assert float(dl.crossentropy(dlarray([[0.0], [0.5]], "CB"), [[0], [1]])) == np.log(2)


def test_a_negative_base_to_a_complex_power() -> None:
    z = 1.3 + 0.5j
    g = dlfeval(lambda b: dlgradient(dl.real(dlarray(-2.0) ** b), b), dlarray([z]))
    expected = np.conj((-2 + 0j) ** z * np.log(-2 + 0j))
    np.testing.assert_allclose(np.asarray(g).item(), expected, rtol=1e-14)


def test_mixed_second_derivatives_of_a_power_at_exponent_zero() -> None:
    def one(a: Any, b: Any) -> Any:
        return dlgradient(dlgradient(a**b, a), b)

    def other(a: Any, b: Any) -> Any:
        return dlgradient(dlgradient(a**b, b), a)

    for f in (one, other):
        assert float(dlfeval(f, dlarray(2.0), dlarray(0.0))) == 0.5


def test_the_gradient_of_a_product_below_the_normal_range() -> None:
    g = dlfeval(lambda x: dlgradient(dl.prod(x), x), dlarray([1e-200, 3e-124]))
    np.testing.assert_allclose(np.asarray(g), [[3e-124, 1e-200]], rtol=1e-15)


def test_any_takes_no_notice_of_nan_and_all_takes_it_for_true() -> None:
    assert not dl.any(dlarray([np.nan])) and dl.all(dlarray([np.nan]))
    assert not dl.any(dlarray([np.nan, 0.0])) and dl.any(dlarray([np.nan, 2.0]))


def test_complex_sigmoid_far_to_the_left() -> None:
    assert complex(dl.sigmoid(dlarray(-800 + 1j))) == 0
    z = np.array([[-3 + 2j, 3 - 2j, 0.5j]])
    np.testing.assert_allclose(np.asarray(dl.sigmoid(dlarray(z))), 1 / (1 + np.exp(-z)), rtol=1e-14)


def test_the_extreme_of_nothing() -> None:
    M, at = dl.max(dlarray(np.zeros((0, 3), np.float32)), nargout=2)
    assert M is not at and at.dtype == np.float64 and M.dtype == np.float32
    g = dlfeval(lambda x: dlgradient(dl.sum(dl.max(x), "all"), x), dlarray(np.zeros((0, 3))))
    assert g.shape == (0, 3)


def test_what_is_computed_from_logical_data_is_double() -> None:
    x = dlarray(np.array([[True, False]]))
    for y in (dl.max(x, [], 3), dl.min(x, [], 3), dl.real(x), dl.imag(x), dl.conj(x)):
        assert y.dtype == np.float64


def test_hard_sigmoid_of_infinity() -> None:
    x = Value(np.array([[-np.inf, -2.5, 0.0, 2.5, np.inf, np.nan]]))
    assert hard_sigmoid(x).data.tolist()[0][:5] == [0, 0, 0.5, 1, 1]
    assert np.isnan(hard_sigmoid(x).data[0, 5])


def test_round_to_digits_goes_by_the_decimal_number() -> None:
    X = dl.dlarray([[2.675, -0.125, 1.005], [np.nan, -np.inf, 1e30]], "CB")
    Y = dl.round(X, 2)
    np.testing.assert_array_equal(
        np.asarray(Y), [[2.68, -0.13, 1.01], [np.nan, -np.inf, 1e30]], strict=True
    )
    assert Y.dims == "CB"
    np.testing.assert_array_equal(np.asarray(dl.round([1250, -150, 49], -2)), [[1300, -200, 0]])
    single = dl.round(dl.single([2.675, 0.1]), 2)
    np.testing.assert_array_equal(
        np.asarray(single), np.array([[2.68, 0.1]], np.float32), strict=True
    )
    assert dl.isequal(dl.round(dl.dlarray([1.25 - 0.75j]), 1), 1.3 - 0.8j)
    assert dl.round(dl.ones(2, 0), 3).shape == (2, 0)
    assert float(dl.round(1.5, 1000)) == 1.5 and float(dl.round(1.5, -1000)) == 0
