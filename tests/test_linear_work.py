"""Loops that fill or read an array step by step take memory traffic linear in their length.

The bytes that each step allocates are counted, those freed at once included, so a step
that copies the whole array is seen.  An identity operation stands in the loop, and in
the pass back through it, and counts.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import op as machinery
from dlgru.array import Value
from dlgru.op import keep, primitive


class Meter:
    """Bytes that were in use at one time or another, summed over steps."""

    step: Any = None  # the identity that ends a step

    def __init__(self) -> None:
        self.steps = self.total = self.before = 0

    def reset(self) -> None:
        """Begin to count."""
        self.steps = self.total = 0
        tracemalloc.reset_peak()
        self.before = tracemalloc.get_traced_memory()[0]

    def note(self) -> None:
        """End one step: the most that was in use, beyond what was when it began."""
        now, peak = tracemalloc.get_traced_memory()
        self.steps += 1
        self.total += peak - self.before
        self.before = now
        tracemalloc.reset_peak()


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    monkeypatch.setattr(machinery, "OPS", {})  # what a test defines does not enter the table
    meter = Meter()

    @primitive("step", labels=keep)
    def step(x: Any) -> Any:
        """The identity, which ends a step of the meter, forward and backward."""
        meter.note()
        return x

    @step.vjp
    def _(y: Value, x: Value) -> Any:
        return step

    meter.step = step
    tracemalloc.start()
    yield meter
    tracemalloc.stop()


# -- the loops -----------------------------------------------------------------------------

Loop = Callable[[Any, int, Any], Any]


def filled(x: Any, steps: int, step: Any) -> Any:
    Y = dl.zeros(*x.shape, steps)
    for t in range(steps):
        Y[:, :, t] = x
        x = step(x)
    return Y


def filled_in_parentheses(x: Any, steps: int, step: Any) -> Any:
    Y = dl.dlarray(dl.zeros(*x.shape, steps), "CBT")
    for t in range(1, steps + 1):
        Y.m[:, :, t] = x
        x = step(x)
    return Y


def filled_row_by_row(x: Any, steps: int, step: Any) -> Any:
    Y = dl.zeros(steps, 128)
    for t in range(steps):
        Y[t, :] = x[:]
        x = step(x)
    return Y


def filled_from_behind(x: Any, steps: int, step: Any) -> Any:
    Y = dl.zeros(*x.shape, steps)
    for t in range(1, steps + 1):
        Y[:, :, -t] = x
        x = step(x)
    return Y


def filled_one_element_at_a_time(x: Any, steps: int, step: Any) -> Any:
    Y = dl.zeros(128, steps)
    for k in range(steps):
        Y.m[k + 1] = dl.sum(x, "all")
        x = step(x)
    return Y


def read(x: Any, steps: int, step: Any) -> Any:
    X = dl.repmat(x, 1, 1, steps)
    total = x
    for t in range(steps):
        total = step(total + X[:, :, t])
    return total


def read_in_parentheses(x: Any, steps: int, step: Any) -> Any:
    X = dl.dlarray(dl.repmat(x, 1, 1, steps), "CBT")
    total = dl.dlarray(x, "CB")
    for t in range(1, steps + 1):
        total = step(total + X.m[:, :, t])
    return total


def read_and_filled(x: Any, steps: int, step: Any) -> Any:
    Y = dl.zeros(*x.shape, steps)
    Y[:, :, 0] = x
    for t in range(1, steps):
        Y[:, :, t] = step(Y[:, :, t - 1] + x)
    return Y


# For an x of ones: the sum of all elements, and each element of its gradient, is so many
# times what it is for x itself.
LOOPS: dict[Loop, Callable[[int], int]] = {
    filled: lambda steps: steps,
    filled_in_parentheses: lambda steps: steps,
    filled_row_by_row: lambda steps: steps,
    filled_from_behind: lambda steps: steps,
    filled_one_element_at_a_time: lambda steps: steps,
    read: lambda steps: steps + 1,
    read_in_parentheses: lambda steps: steps + 1,
    read_and_filled: lambda steps: steps * (steps + 1) // 2,
}
SIZE = (16, 8)


def work(loop: Loop, steps: int, meter: Meter, traced: bool) -> list[int]:
    """Bytes of the loop, and if it is traced of the way back through it."""
    counted = []

    def run(x: Any) -> Any:
        meter.reset()
        result = loop(x, steps, meter.step)
        assert meter.steps in (steps, steps - 1)
        counted.append(meter.total)
        loss = dl.sum(result, "all")
        if not traced:
            return loss, None
        meter.reset()
        gradient = dl.dlgradient(loss, x)
        meter.note()
        assert meter.steps in (steps + 1, steps)
        counted.append(meter.total)
        return loss, gradient

    x = dl.dlarray(np.ones(SIZE))
    loss, gradient = dl.dlfeval(run, x) if traced else run(x)
    if loop in LOOPS:
        times = LOOPS[loop](steps)
        assert float(loss) == 128 * times
        if traced:
            np.testing.assert_array_equal(np.asarray(gradient), np.full(SIZE, times))
    return counted


# A step has 1 kB of data; a few such arrays and the record of them are 2 to 6 kB.  One copy
# of the whole array takes 250 kB in the shorter loop and 1 MB in the longer one.
LENGTHS = (250, 1000)
BYTES_OF_A_STEP = 8192


@pytest.mark.parametrize("traced", [False, True], ids=["untraced", "with gradient"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_step_takes_the_same_work_however_long_the_array(
    loop: Loop, traced: bool, meter: Meter
) -> None:
    for steps in LENGTHS:
        for total in work(loop, steps, meter, traced):
            assert 1024 * steps < total < BYTES_OF_A_STEP * steps


@pytest.mark.parametrize("traced", [False, True], ids=["untraced", "with gradient"])
def test_a_copy_at_each_step_is_seen(traced: bool, meter: Meter) -> None:
    def copied(x: Any, steps: int, step: Any) -> Any:
        Y = dl.zeros(*x.shape, steps) + x
        for _ in range(steps):
            Y = step(Y * 2 - Y)
        return Y

    for total in work(copied, 250, meter, traced):
        assert total > 250 * 250 * 1024
