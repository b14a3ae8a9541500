"""The tape: long, branching and nested computations, and what is left of them."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fakedevice import TRAFFIC, FakeArray

import dlgru as dl
from dlgru.autodiff import is_traced
from dlgru.errors import DlgruTypeError
from dlgru.tape import Tape


def tape_of(x: dl.DLArray) -> Tape:
    tape = x.value.tape
    assert tape is not None
    return tape


# -- shape of the computation --------------------------------------------------------------


def test_fifty_thousand_operations_in_a_chain() -> None:
    depth = 50_000

    def f(x: dl.DLArray) -> Any:
        y = x
        for _ in range(depth):
            y = dl.tanh(y)
        return y, dl.dlgradient(y, x)

    y, g = dl.dlfeval(f, dl.dlarray(2.0))
    value, slope = 2.0, 1.0
    for _ in range(depth):
        value = np.tanh(value)
        slope *= 1 - value * value
    assert float(y) == pytest.approx(value, rel=1e-12)
    assert float(g) == pytest.approx(slope, rel=1e-9)


def test_each_operation_of_a_diamond_is_pulled_once() -> None:
    # Doubled sixty times over: 2^60 paths lead from the end to the beginning.
    def f(x: dl.DLArray) -> Any:
        y = x
        for _ in range(60):
            y = y + y
        return dl.dlgradient(y, x)

    assert float(dl.dlfeval(f, dl.dlarray(1.0))) == 2.0**60


def test_a_value_used_on_paths_of_different_length() -> None:
    def f(x: dl.DLArray) -> Any:
        square = x * x
        return dl.dlgradient(square + dl.tanh(dl.sin(square) * x) + x, x)

    x = 0.7
    inner = np.sin(x * x) * x
    slope = np.cos(x * x) * 2 * x * x + np.sin(x * x)
    expected = 2 * x + (1 - np.tanh(inner) ** 2) * slope + 1
    assert float(dl.dlfeval(f, dl.dlarray(x))) == pytest.approx(expected, rel=1e-12)


# -- what is recorded ----------------------------------------------------------------------


def test_operations_on_constants_are_not_recorded() -> None:
    def f(x: dl.DLArray) -> None:
        constant = dl.dlarray([1.0, 2.0])
        before = len(tape_of(x).recorded)
        made = dl.exp(constant) * constant + 1
        assert not is_traced(made)
        assert len(tape_of(x).recorded) == before
        assert is_traced(made * x)

    dl.dlfeval(f, dl.dlarray([1.0, 2.0]))


def test_pulls_of_constants_are_not_kept() -> None:
    def f(x: dl.DLArray) -> Any:
        big = dl.dlarray(np.ones((50, 50)))
        alive = weakref.ref(big.value.data)
        y = x * 2 + dl.sum(big, "all")
        del big
        assert alive() is None, "an array that only a constant needed is still alive"
        return dl.dlgradient(y, x)

    assert float(dl.dlfeval(f, dl.dlarray(1.0))) == 2.0


def test_a_gradient_leaves_one_entry_however_long_the_pass() -> None:
    def f(x: dl.DLArray) -> None:
        y = x
        for _ in range(100):
            y = dl.sin(y)
        tape = tape_of(x)
        before = len(tape.recorded)
        g = dl.dlgradient(y, x)
        assert len(tape.recorded) == before + 1
        dl.dlgradient(g, x)
        assert len(tape.recorded) == before + 2

    dl.dlfeval(f, dl.dlarray(0.3))


def derivatives_of_product(x: float, order: int) -> list[float]:
    """Derivatives of exp(x)·sin(x), which go round in steps of the square root of 2."""
    return [2 ** (k / 2) * np.exp(x) * np.sin(x + k * np.pi / 4) for k in range(1, order + 1)]


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("order", range(1, 6))
def test_gradients_of_gradients_up_to_the_fifth(order: int, record: bool) -> None:
    recorded = []

    def f(x: dl.DLArray) -> Any:
        y, found = dl.exp(x) * dl.sin(x), []
        for _ in range(order):
            y = dl.dlgradient(y, x, EnableHigherDerivatives=record)
            found.append(y)
        recorded.append(len(tape_of(x).recorded))
        return found

    found = dl.dlfeval(f, dl.dlarray(0.4))
    expected = derivatives_of_product(0.4, order)
    np.testing.assert_allclose([float(g) for g in found], expected, rtol=1e-10)
    if not record:  # three operations, and one entry for each gradient
        assert recorded == [3 + order]


def test_the_fifth_derivative_of_a_long_computation_keeps_a_short_tape() -> None:
    recorded = []

    def f(x: dl.DLArray) -> Any:
        y = x
        for _ in range(100):
            y = y * 1.01
        y = dl.sin(y)
        for _ in range(5):
            y = dl.dlgradient(y, x)
        recorded.append(len(tape_of(x).recorded))
        return y

    scale = 1.01**100
    fifth = dl.dlfeval(f, dl.dlarray(0.2))
    assert float(fifth) == pytest.approx(scale**5 * np.cos(0.2 * scale), rel=1e-10)
    assert recorded == [106]


# -- afterwards ----------------------------------------------------------------------------


def test_an_array_kept_from_a_trace_is_a_constant_later() -> None:
    kept = []

    def first(x: dl.DLArray) -> None:
        kept.append(x * 3)

    def second(x: dl.DLArray) -> Any:
        (old,) = kept
        assert not is_traced(old)
        return dl.dlgradient(old * x * x, x)

    dl.dlfeval(first, dl.dlarray(2.0))
    assert not is_traced(kept[0])
    assert float(dl.dlfeval(second, dl.dlarray(5.0))) == 60.0


def test_the_trace_ends_when_the_function_raises() -> None:
    kept = []

    def f(x: dl.DLArray) -> None:
        kept.append(x)
        raise KeyError("planted")

    with pytest.raises(KeyError, match="planted"):
        dl.dlfeval(f, dl.dlarray(2.0))
    assert not is_traced(kept[0])
    with pytest.raises(DlgruTypeError, match="inside a function that dlfeval evaluates"):
        dl.dlgradient(kept[0], kept[0])


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Cycles stay until the test counts them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _gru_step(p: Any, x: dl.DLArray) -> Any:
    loss = dl.sum(dl.gru(x, dl.zeros(2, 1), p.W, p.R, p.b), "all")
    return loss, dl.dlgradient(loss, p)


def _filled(x: dl.DLArray) -> Any:
    y = dl.zeros(1, 3, like=x)
    for k in range(3):
        y[0, k] = x[0, k] * k
    return dl.dlgradient(dl.sum(y * y), x)


def _second(x: dl.DLArray, record: bool = False) -> Any:
    g = dl.dlgradient(dl.sum(dl.tanh(x) ** 3), x, EnableHigherDerivatives=record)
    return dl.dlgradient(dl.sum(g * g), x)


def _row() -> dl.DLArray:
    return dl.dlarray([0.1, 0.2, 0.3])


def _parameters() -> Any:
    return dl.struct("W", dl.ones(6, 1), "R", dl.ones(6, 2) * 0.1, "b", dl.zeros(6, 1))


EVALUATIONS: dict[str, Callable[[], Any]] = {
    "values": lambda: dl.dlfeval(lambda x: dl.exp(x), _row()),
    "a gradient": lambda: dl.dlfeval(lambda x: dl.dlgradient(dl.sum(dl.exp(x)), x), _row()),
    "a gradient that is kept": lambda: dl.dlfeval(
        lambda x: dl.dlgradient(dl.sum(dl.exp(x)), x, RetainData=True), _row()
    ),
    "a second derivative": lambda: dl.dlfeval(_second, _row()),
    "a recorded second derivative": lambda: dl.dlfeval(lambda x: _second(x, True), _row()),
    "assignments": lambda: dl.dlfeval(_filled, _row()),
    "a training step": lambda: dl.dlfeval(_gru_step, _parameters(), dl.dlarray([[0.5, 1]], "CT")),
}


@pytest.mark.parametrize("what", EVALUATIONS)
@pytest.mark.usefixtures("no_collector")
def test_nothing_is_left_for_the_collector(what: str) -> None:
    EVALUATIONS[what]()  # the first call may fill caches
    gc.collect()
    EVALUATIONS[what]()
    assert gc.collect() == 0


@pytest.mark.usefixtures("no_collector")
def test_what_was_computed_on_the_way_is_freed() -> None:
    alive = []

    def f(x: dl.DLArray) -> Any:
        y = dl.exp(x)
        alive.append(weakref.ref(y))
        alive.append(weakref.ref(y.value.data))
        return dl.dlgradient(dl.sum(y * y), x)

    g = dl.dlfeval(f, _row())
    assert [ref() for ref in alive] == [None, None]
    np.testing.assert_allclose(np.asarray(g), 2 * np.exp(2 * np.asarray(_row())))


# -- threads -------------------------------------------------------------------------------


def in_thread(function: Callable[[], Any]) -> Any:
    """The result of `function` in a thread of its own, or what it raised."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(function())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_that_did_not_open_the_trace_cannot_extend_it() -> None:
    def f(x: dl.DLArray) -> Any:
        before = len(tape_of(x).recorded)
        error = in_thread(lambda: dl.exp(x))
        assert len(tape_of(x).recorded) == before
        return error

    (error,) = [dl.dlfeval(f, dl.dlarray(1.0))]
    assert isinstance(error, DlgruTypeError)
    assert error.identifier == "dlgru:tape:thread"
    assert "thread" in str(error)


def test_a_thread_may_use_constants_and_open_traces_of_its_own() -> None:
    def slope(x: dl.DLArray) -> Any:
        return dl.dlgradient(x * x * x, x)

    def f(x: dl.DLArray) -> Any:
        constant = dl.dlarray(x.value.data.copy())
        inner = in_thread(lambda: dl.dlfeval(slope, constant))
        return inner, dl.dlgradient(x * x, x)

    inner, outer = dl.dlfeval(f, dl.dlarray(2.0))
    assert (float(inner), float(outer)) == (12.0, 4.0)


def test_threads_differentiate_side_by_side() -> None:
    barrier = threading.Barrier(4)
    found: dict[int, float] = {}

    def f(x: dl.DLArray) -> Any:
        barrier.wait()
        y = x
        for _ in range(300):
            y = dl.sin(y) + x
        barrier.wait()
        return dl.dlgradient(y, x)

    def run(k: int) -> None:
        found[k] = float(dl.dlfeval(f, dl.dlarray(0.1 * k)))

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        x, value, slope = 0.1 * k, 0.1 * k, 1.0
        for _ in range(300):
            value, slope = np.sin(value) + x, np.cos(value) * slope + 1
        assert found[k] == pytest.approx(slope, rel=1e-12)


# -- step by step --------------------------------------------------------------------------


def _fill(x: dl.DLArray, steps: int) -> dl.DLArray:
    y = dl.zeros(2, steps, like=x)
    for t in range(steps):
        y[:, t] = x * t
    return y


def _read(x: dl.DLArray, steps: int) -> dl.DLArray:
    wide = dl.repmat(x, 1, steps)
    total = x * 0
    for t in range(steps):
        total = total + wide[:, t] * t
    return total


def _fill_and_read(x: dl.DLArray, steps: int) -> dl.DLArray:
    y = dl.zeros(2, steps, like=x)
    y.m[:, 1] = x
    for t in range(1, steps):
        y.m[:, t + 1] = dl.tanh(y.m[:, t]) + x
    return y


@pytest.mark.parametrize("loop", [_fill, _read, _fill_and_read])
def test_going_through_an_array_step_by_step_is_linear(loop: Any) -> None:
    def work(steps: int) -> tuple[int, int]:
        """Elements written forward, and backward."""

        def f(x: dl.DLArray) -> tuple[int, int]:
            TRAFFIC.reset()
            loss = dl.sum(loop(x, steps), "all")
            forward, TRAFFIC.written = TRAFFIC.written, 0
            dl.dlgradient(loss, x)
            return forward, TRAFFIC.written

        written: tuple[int, int] = dl.dlfeval(f, dl.dlarray(FakeArray(np.ones((2, 1)))))
        return written

    for short, long in zip(work(100), work(400), strict=True):
        # Linear work makes it 4 times as many, a copy of the array at each step 16.
        assert 3 * short < long < 4.5 * short


@pytest.mark.parametrize("loop", [_fill, _read, _fill_and_read])
@pytest.mark.parametrize("record", [False, True])
def test_gradients_through_an_array_filled_and_read_step_by_step(loop: Any, record: bool) -> None:
    def f(x: dl.DLArray) -> Any:
        loss = dl.sum(loop(x, 5) ** 2, "all")
        g = dl.dlgradient(loss, x, EnableHigherDerivatives=record)
        return g, dl.dlgradient(dl.sum(g * g), x)

    def loss_at(x: Any) -> float:
        return float(dl.sum(loop(dl.dlarray(x), 5) ** 2, "all"))

    def slopes_at(x: Any) -> Any:
        return np.asarray(dl.dlfeval(f, dl.dlarray(x))[0])

    x, d, h = np.array([[0.3], [-0.8]]), np.array([[0.6], [1.1]]), 1e-5
    g, second = [np.asarray(v) for v in dl.dlfeval(f, dl.dlarray(x))]
    change = (loss_at(x + h * d) - loss_at(x - h * d)) / (2 * h)
    assert np.sum(g * d) == pytest.approx(change, rel=1e-7)
    squares = [np.sum(slopes_at(x + s * h * d) ** 2) for s in (1, -1)]
    assert np.sum(second * d) == pytest.approx((squares[0] - squares[1]) / (2 * h), rel=1e-7)
