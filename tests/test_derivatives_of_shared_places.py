"""Derivatives where one array, or one element, stands in several places, or in none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import dlarray, dlfeval, dlgradient

both_ways = pytest.mark.parametrize("recorded", [False, True])


@both_ways
def test_an_array_and_a_copy_of_it_that_was_assigned_to_are_both_read(recorded: bool) -> None:
    def f(a: Any) -> Any:
        b = dl.copy(a)
        b[0, 0] = 5.0
        s = dl.sum(b * dlarray([[2.0, 3.0, 4.0]]), "all") + 10 * b[0, 1] + 100 * a[0, 2]
        return dlgradient(s, a, EnableHigherDerivatives=recorded)

    assert dl.isequal(dlfeval(f, dlarray([1.0, 1.0, 1.0])), [0, 13, 104])


@both_ways
def test_a_value_that_the_same_assignment_overwrites_has_no_gradient(recorded: bool) -> None:
    def f(v: Any, s: Any) -> Any:
        b, c = dl.zeros(1, 3), dl.zeros(1, 3)
        b[0, [1, 1, 2]] = v
        c[0, [1, 1, 2]] = s
        w = dlarray([10.0, 20.0, 30.0])
        return dlgradient(dl.sum(b * w) + dl.sum(c * w), v, s, EnableHigherDerivatives=recorded)

    g, h = dlfeval(f, dlarray([1.0, 2.0, 3.0]), dlarray(7.0))
    assert dl.isequal(g, [0, 20, 30]) and float(h) == 50


def test_overwritten_values_in_two_dimensions() -> None:
    def f(v: Any) -> Any:
        b = dl.zeros(3, 3)
        b[[0, 0, 2], [1, 2, 1]] = v  # rows 0 0 2 against columns 1 2 1, each with each
        return b, dlgradient(dl.sum(b * dl.reshape(dlarray(np.arange(9.0)), 3, 3), "all"), v)

    b, g = dlfeval(f, dlarray(np.arange(1.0, 10.0).reshape(3, 3)))
    assert dl.extractdata(b).tolist() == [[0, 6, 5], [0, 0, 0], [0, 9, 8]]
    assert dl.extractdata(g).tolist() == [[0, 0, 0], [0, 6, 3], [0, 8, 5]]


@both_ways
def test_gru_with_one_array_for_both_weights(recorded: bool) -> None:
    r = np.random.default_rng(0)
    X, h = dlarray(r.standard_normal((2, 3, 3)), "CBT"), dlarray(r.standard_normal((2, 1)))
    W, b = dlarray(r.standard_normal((6, 2))), dlarray(r.standard_normal((6, 1)))

    def loss(W: Any, R: Any) -> Any:
        y = dl.gru(X, h, W, R, b)
        return dl.sum(y * y, "all")

    def one(W: Any) -> Any:
        g = dlgradient(loss(W, W), W, EnableHigherDerivatives=recorded)
        return g, dlgradient(dl.sum(g * g, "all"), W)

    def two(W: Any, R: Any) -> Any:
        g = dl.plus(*dlgradient(loss(W, R), W, R, EnableHigherDerivatives=recorded))
        return g, dl.plus(*dlgradient(dl.sum(g * g, "all"), W, R))

    for x, y in zip(dlfeval(one, W), dlfeval(two, W, W), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-12)


@both_ways
def test_two_gradients_that_are_equal_are_two_variables(recorded: bool) -> None:
    def f(a: Any, b: Any) -> Any:
        ga, gb = dlgradient(dl.sum((a + b) ** 3), a, b, EnableHigherDerivatives=recorded)
        return dlgradient(dl.sum(2 * ga + 3 * gb), ga), dlgradient(dl.sum(2 * ga + 3 * gb), a)

    by_first, by_a = dlfeval(f, dlarray([1.0, 2.0]), dlarray([0.5, 0.5]))
    assert dl.isequal(by_first, [2, 2]) and dl.isequal(by_a, [45, 75])


@both_ways
def test_a_gradient_that_depends_only_on_what_was_captured(recorded: bool) -> None:
    def outer(x: Any) -> Any:
        def inner(a: Any) -> Any:
            g = dlgradient(dl.sum(a * x), a, EnableHigherDerivatives=recorded)
            return dlgradient(dl.sum(g * g), a)

        return dlfeval(inner, dlarray([1.0, 2.0]))

    assert dl.isequal(dlfeval(outer, dlarray([3.0, 4.0])), [0, 0])


@pytest.mark.parametrize("of", [dl.exp, dl.uminus, dl.sum, lambda x: dl.cat(1, x, x)])
def test_the_gradient_by_a_logical_variable_is_zero(of: Any) -> None:
    g = dlfeval(lambda x: dlgradient(dl.sum(of(x), "all"), x), dlarray([True, False]))
    assert dl.underlyingType(g) == "logical" and not np.asarray(g).any()
