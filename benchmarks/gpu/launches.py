"""How many launches a training step makes, and how long it takes.

The step is that of ``examples/japanese_vowels.py`` with its batch on the device: loss and
gradients by ``dlfeval``, clipping, ``adamupdate``.  With so small a network a GPU computes less
than it waits for launches, so their number is what matters.  They are counted on the counting
device of ``tests/fakedevice.py``, which needs no GPU: a call of the array library that computes
or writes something is a launch at least.  Times are taken on a real one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from correctness import TOLERANCE, relative
from fakedevice import TRAFFIC, FakeArray

import dlgru as dl
from benchmarks.measuring.example import japanese_vowels
from dlgru.backend import to_host
from dlgru.kernels import use_engine

SHORTEST, LONGEST = 7, 26  # what the training utterances of Japanese Vowels have
REPEATS = 30


class Count(NamedTuple):
    """What one part of a step does."""

    part: str
    launches: int
    sent: int  # transfers to the device
    waits: int  # times the host waits for the device, to fetch something or to know a number


class Step:
    """One training step of the demo on a device, in parts that can be called again and again.

    Speakers are made up: the data themselves come from outside, and only sizes matter here.
    """

    def __init__(self, send: Callable[[Any], Any], longest: int = LONGEST) -> None:
        self.demo = demo = japanese_vowels()
        draw = np.random.default_rng(0)
        lengths = np.linspace(min(SHORTEST, longest), longest, demo.BATCH).astype(int)
        sequences = [draw.standard_normal((demo.CHANNELS, n)) for n in lengths]
        speakers = np.arange(demo.BATCH) % demo.CLASSES + 1.0

        def there(x: Any) -> Any:
            return dl.dlarray(send(dl.extractdata(x)), x.dims or None)

        X, self.lengths, T = demo.batch(sequences, speakers)
        self.X, self.T = there(X), there(T)
        before = dl.rng(0)
        self.p = dl.dlupdate(there, demo.initial_parameters())
        dl.rng(before)
        self.iteration, self.state = 1, [[], []]
        self.model_loss()
        self.first = self.gradients
        self.clip()
        self.update()  # the first update has no state yet, and makes fewer launches

    def loss(self) -> None:
        def traced(p: Any) -> Any:
            return dl.crossentropy(self.demo.predict(p, self.X, self.lengths), self.T)

        dl.dlfeval(traced, self.p)

    def model_loss(self) -> None:
        found = dl.dlfeval(self.demo.model_loss, self.p, self.X, self.lengths, self.T)
        _, self.gradients, _ = found

    def clip(self) -> None:
        self.clipped = dl.dlupdate(self.demo.clip, self.gradients)

    def update(self) -> None:
        self.p, *self.state = dl.adamupdate(
            self.p, self.clipped, *self.state, self.iteration, self.demo.LEARN_RATE
        )
        self.iteration += 1

    def whole(self) -> None:
        self.model_loss()
        self.clip()
        self.update()


# -- counting ------------------------------------------------------------------------------


def counted(part: str, work: Callable[[], None], more: Callable[[], int]) -> Count:
    """Count what a part does on the counting device; `more` says how many launches bypass it."""
    before = more()
    TRAFFIC.reset()
    work()
    return Count(part, TRAFFIC.launched + more() - before, TRAFFIC.sent, TRAFFIC.back)


def counts(
    engine: str = "plain", longest: int = LONGEST, more: Callable[[], int] = lambda: 0
) -> list[Count]:
    """The parts of a step and the whole of it, with `gru` computed by one engine."""
    with use_engine(engine):
        step = Step(FakeArray, longest)
        step.whole()  # an engine that records its work does so in the second call
        loss = counted("loss", step.loss, more)
        both = counted("loss and gradients", step.model_loss, more)
        gradients = [a - b for a, b in zip(both[1:], loss[1:], strict=True)]
        return [
            loss,
            Count("gradients", *gradients),
            counted("clipping", step.clip, more),
            counted("adamupdate", step.update, more),
            counted("whole step", step.whole, more),
        ]


# -- times ---------------------------------------------------------------------------------


class Time(NamedTuple):
    """How long a step takes on a GPU with one engine."""

    engine: str
    error: float  # of the gradients of the first step, against the same on the host
    milliseconds: float  # the median
    least: float
    queueing: float  # the share of the time of loss and gradients in which they are being queued
    complaint: str = ""
    refused: bool = False  # the engine does not take this step, and said so

    @property
    def ok(self) -> bool:
        """An engine may refuse a device, but what dlgru chooses by itself must work."""
        if self.complaint:
            return self.refused and self.engine != CHOSEN
        return self.error <= TOLERANCE["strict"]


CHOSEN = "chosen"
REFUSED = "dlgru:kernels:refused"
"""The identifier of the error when an engine does not take a call."""


def error_of(step: Step, on_host: Step) -> float:
    """How far the first gradients are from the same step on the host; the worst of them."""
    errors: list[float] = []
    dl.dlupdate(
        lambda g, expected: errors.append(relative(_host(g), _host(expected))),
        step.first,
        on_host.first,
    )
    return max(errors)


def _host(x: Any) -> Any:
    return to_host(dl.extractdata(x))


def timed(
    send: Callable[[Any], Any], wait: Callable[[], None], engine: str, repeats: int = REPEATS
) -> Time:
    """Time whole steps, and how much of loss and gradients is over before the device is done.

    `wait` waits for all work on the device.  Where queueing takes nearly all of the time, the
    device waits for launches, and not the host for the device.
    """
    on_host = Step(lambda array: array)
    try:
        with nullcontext() if engine == CHOSEN else use_engine(engine):
            step = Step(send)
            error = error_of(step, on_host)
            step.whole()
            wait()
            times, shares = [], []
            for _ in range(repeats):
                start = time.perf_counter()
                step.whole()
                wait()
                end = time.perf_counter()
                step.model_loss()
                queued = time.perf_counter()
                wait()
                times.append(1000 * (end - start))
                shares.append((queued - end) / (time.perf_counter() - end))
    except Exception as problem:  # whatever a device raises is an answer
        words = f"{type(problem).__name__}: {problem}"[:300]
        refused = getattr(problem, "identifier", "") == REFUSED
        return Time(engine, 0.0, 0.0, 0.0, 0.0, words, refused)
    return Time(engine, error, statistics.median(times), min(times), statistics.median(shares))


def table(found: list[Count], times: list[Time]) -> None:
    """Print counts and times."""
    print("\nOne training step of examples/japanese_vowels.py; launches with gru on plain")
    print(f"{'part':20} {'launches':>8} {'sent':>5} {'waits':>6}")
    for one in found:
        print(f"{one.part:20} {one.launches:8} {one.sent:5} {one.waits:6}")
    for step in times:
        words = step.complaint or (
            f"error {step.error:7.1e} {step.milliseconds:8.3f} ms a step (least {step.least:.3f}), "
            f"{1000 / step.milliseconds:.0f} steps a second; queueing is {step.queueing:.0%} of "
            "loss and gradients"
        )
        print(f"engine {step.engine:8} {words}{'' if step.ok else '  BAD'}")
