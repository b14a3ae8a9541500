"""Calls of ``gru`` beside each other: working memory and plans belong to one call at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from ops.gru_public import NAMES, arrays_of, by_definition, case_of, close, host, loops, options_of

import dlgru as dl
from dlgru.array import DLArray

both_ways = pytest.mark.parametrize("definition", [False, True], ids=["fused", "definition"])
MODES = ["after-multiplication", "before-multiplication"]


def gradient(case: Any, loss: Callable[[DLArray, DLArray], DLArray], options: Any) -> list[Any]:
    def f(*a: DLArray) -> Any:
        return dl.dlgradient(loss(*dl.gru(*a, **options, nargout=2)), *a)

    return [host(g) for g in dl.dlfeval(f, *arrays_of(case))]


def squares(Y: DLArray, h: DLArray) -> DLArray:
    return dl.sum(Y * Y, "all") + dl.sum(h * h, "all")


# -- in one dlfeval ------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("mode", MODES)
def test_two_calls_of_one_shape_keep_their_own_memory(mode: str, definition: bool) -> None:
    one, two = case_of(mode, seed=1), case_of(mode, seed=2)
    options = by_definition(options_of(one)) if definition else options_of(one)

    def f(*a: DLArray) -> Any:
        first = dl.gru(*a[:5], **options, nargout=2)
        second = dl.gru(*a[5:], **options, nargout=2)
        loss = squares(*first) + 3 * squares(*second)
        return first[0], second[0], dl.dlgradient(loss, *a)

    Y1, Y2, g = dl.dlfeval(f, *arrays_of(one), *arrays_of(two))
    close(Y1, loops(one)[0])
    close(Y2, loops(two)[0])
    apart = [*gradient(one, squares, options), *[3 * g for g in gradient(two, squares, options)]]
    for found, expected in zip(g, apart, strict=True):
        close(found, expected)


def test_two_layers_with_the_same_weights_add_their_gradients() -> None:
    """The second layer reads the first, with one set of weights: C = H."""
    case = case_of(sizes=(4, 2, 3, 3))

    def stacked(*a: DLArray) -> DLArray:
        X, H0, W, R, b = a
        return dl.sum(dl.gru(dl.gru(X, H0, W, R, b), H0, W, R, b) ** 2, "all")

    found = dl.dlfeval(lambda *a: dl.dlgradient(stacked(*a), *a), *arrays_of(case))
    for place, (name, g) in enumerate(zip(NAMES, found, strict=True)):
        along = np.random.default_rng(place).standard_normal(getattr(case, name).shape)

        def at(step: float, name: str = name, along: Any = along) -> float:
            return float(
                stacked(*arrays_of(case._replace(**{name: getattr(case, name) + step * along})))
            )

        steps = (1e-3, 2e-3)
        near, far = [(at(s) - at(-s)) / (2 * s) for s in steps]
        column = along if along.ndim > 1 else along[:, None]
        assert (host(g) * column).sum() == pytest.approx((4 * near - far) / 3, rel=1e-8)


def test_a_call_between_a_call_and_its_gradient_disturbs_nothing() -> None:
    case, other = case_of(seed=1), case_of(seed=2)
    expected = gradient(case, squares, {})

    def f(*a: DLArray) -> Any:
        Y, h = dl.gru(*a, nargout=2)
        loss = squares(Y, h)
        for _ in range(3):
            dl.gru(*arrays_of(other))
            gradient(other, squares, {})
        return dl.dlgradient(loss, *a)

    found = dl.dlfeval(f, *arrays_of(case))
    for g, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(host(g), e)


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_one_trace_is_differentiated_twice(mode: str, retain: bool) -> None:
    case = case_of(mode)

    def f(*a: DLArray) -> Any:
        Y, h = dl.gru(*a, **options_of(case), nargout=2)
        first = dl.dlgradient(squares(Y, h), *a, RetainData=retain)
        second = dl.dlgradient(squares(Y, h), *a, RetainData=retain)
        third = dl.dlgradient(dl.sum(h, "all"), *a)
        return first, second, third

    first, second, third = dl.dlfeval(f, *arrays_of(case))
    expected = gradient(case, squares, options_of(case))
    only_h = gradient(case, lambda Y, h: dl.sum(h, "all"), options_of(case))
    for one, two, e in zip(first, second, expected, strict=True):
        np.testing.assert_array_equal(host(one), host(two))
        np.testing.assert_array_equal(host(one), e)
    for three, e in zip(third, only_h, strict=True):
        np.testing.assert_array_equal(host(three), e)


@pytest.mark.parametrize("place", range(5))
def test_assigning_to_an_array_after_the_call_changes_no_gradient(place: int) -> None:
    case = case_of()
    expected = gradient(case, squares, {})

    def f(*a: DLArray) -> Any:
        variables = [dl.copy(x) for x in a]
        loss = squares(*dl.gru(*a, nargout=2))
        a[place][:] = 7.0
        return dl.dlgradient(loss, *variables)

    for g, e in zip(dl.dlfeval(f, *arrays_of(case)), expected, strict=True):
        np.testing.assert_array_equal(host(g), e)


def test_data_that_were_filled_in_step_by_step_are_differentiated() -> None:
    case = case_of()
    expected = gradient(case, squares, {})

    def f(parts: list[DLArray], *rest: DLArray) -> Any:
        X = dl.dlarray(np.zeros((2, 3, 4)), "CBT")
        for t, part in enumerate(parts):
            X[:, :, t] = part
        return dl.dlgradient(squares(*dl.gru(X, *rest, nargout=2)), parts)

    X, *rest = arrays_of(case)
    found = dl.dlfeval(f, [dl.stripdims(X[:, :, t]) for t in range(4)], *rest)
    for t, g in enumerate(found):
        np.testing.assert_array_equal(host(g), expected[0][:, :, t])


# -- threads -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("mode", MODES)
def test_threads_train_on_one_shape_at_once(mode: str, count: int) -> None:
    """Each thread has its own data; all share the shape, and so the shelf of working memory."""
    cases = [case_of(mode, sizes=(12, 8, 6, 16), seed=k) for k in range(count)]
    options = options_of(cases[0])
    expected = [gradient(case, squares, options) for case in cases]
    start = threading.Barrier(count)

    def work(case: Any) -> list[list[Any]]:
        start.wait()
        return [gradient(case, squares, options) for _ in range(10)]

    with ThreadPoolExecutor(count) as pool:
        for rounds, right in zip(pool.map(work, cases), expected, strict=True):
            for found in rounds:
                for g, e in zip(found, right, strict=True):
                    np.testing.assert_array_equal(g, e)


@pytest.mark.parametrize("count", [2, 8])
def test_threads_stream_with_shared_recurrent_weights(count: int) -> None:
    """One R, but each thread with a W and a bias of its own: plans must not be mixed up."""
    cases = [case_of(sizes=(1, 1, 2, 3), seed=k) for k in range(count)]
    R = dl.dlarray(cases[0].R)
    cases = [case._replace(R=cases[0].R) for case in cases]
    expected = [loops(case)[0] for case in cases]
    start = threading.Barrier(count)

    def work(case: Any) -> list[Any]:
        X, H0, W, _, b = arrays_of(case)
        start.wait()
        return [host(dl.gru(X, H0, W, R, b)) for _ in range(500)]

    with ThreadPoolExecutor(count) as pool:
        for found, right in zip(pool.map(work, cases), expected, strict=True):
            for y in found:
                close(y, right)
