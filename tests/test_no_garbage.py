"""What ``dlfeval`` made is freed when it returns, or raises: the cyclic collector finds nothing.

The pulls on a tape hold values, values hold the tape, the tape holds the pulls.  Left to
the collector, each training step would stay in memory for some time.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.tape import Tape


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Cycles stay until the test counts them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leftovers(call: Callable[[], Any]) -> int:
    """What a call leaves for the collector, once the caches are filled."""
    call()
    gc.collect()
    call()
    return gc.collect()


# -- evaluations that return -----------------------------------------------------------------


def parameters() -> Any:
    draw = np.random.default_rng(3)
    weights = {"W": (6, 2), "R": (6, 2), "b": (6, 1)}
    pairs = [part for k, size in weights.items() for part in (k, draw.standard_normal(size))]
    return dl.struct(*[dl.dlarray(p) if type(p) is np.ndarray else p for p in pairs])


def sequence() -> Any:
    return dl.dlarray(np.random.default_rng(4).standard_normal((2, 3, 5)), "CBT")


def gru_loss(p: Any, X: Any, **options: Any) -> Any:
    Y, h = dl.gru(X, dl.zeros(2, 1), p.W, p.R, p.b, nargout=2, **options)
    return dl.mse(Y, Y * 0) + dl.sum(h * h, "all")


def first(p: Any, X: Any, **options: Any) -> Any:
    loss = gru_loss(p, X, **options)
    return loss, dl.dlgradient(loss, p)


def second(p: Any, X: Any, **options: Any) -> Any:
    g = dl.dlgradient(gru_loss(p, X), p, **options)
    return dl.dlgradient(dl.sum(g.R * g.R, "all"), p)


def third(x: Any) -> Any:
    for _ in range(3):
        x = dl.dlgradient(dl.sum(dl.tanh(x) ** 3, "all"), x)
    return x


def nested(p: Any, X: Any) -> Any:
    inner = dl.dlfeval(first, parameters(), dl.dlarray(X.value.data.copy(), "CBT"))
    return inner, first(p, X)


def step_by_step(x: Any) -> Any:
    Y = dl.zeros(2, 5)
    for t in range(5):
        Y[:, t] = x if t == 0 else dl.tanh(Y[:, t - 1]) + x
    Y.m[:, 7] = x  # grows
    del Y[:, 0]
    return dl.dlgradient(dl.sum(Y * Y, "all"), x)


def trained(steps: int) -> Any:
    p, X, average, square = parameters(), sequence(), [], []
    for iteration in range(1, steps + 1):
        _, g = dl.dlfeval(first, p, X)
        p, average, square = dl.adamupdate(p, g, average, square, iteration)
    return p


def column() -> Any:
    return dl.dlarray([[0.3], [-0.2]])


def in_containers(c: Any) -> Any:
    loss = dl.sum(c[0] * c[1].x, "all")
    return dl.dlgradient(loss, c)


EVALUATIONS: dict[str, Callable[[], Any]] = {
    "gradients of gru": lambda: dl.dlfeval(first, parameters(), sequence()),
    "gradients of gru by its definition": lambda: dl.dlfeval(
        lambda p, X: first(p, X, StateActivationFunction=dl.tanh), parameters(), sequence()
    ),
    "second derivatives of gru": lambda: dl.dlfeval(second, parameters(), sequence()),
    "second derivatives of gru, recorded at once": lambda: dl.dlfeval(
        lambda p, X: second(p, X, EnableHigherDerivatives=True), parameters(), sequence()
    ),
    "third derivatives": lambda: dl.dlfeval(third, column()),
    "a dlfeval in a dlfeval": lambda: dl.dlfeval(nested, parameters(), sequence()),
    "an array filled, grown and cut": lambda: dl.dlfeval(step_by_step, column()),
    "containers in containers": lambda: dl.dlfeval(
        in_containers, [column(), dl.struct("x", column())]
    ),
    "three steps of training": lambda: trained(3),
}


@pytest.mark.parametrize("what", EVALUATIONS)
def test_an_evaluation_leaves_nothing_for_the_collector(what: str) -> None:
    assert leftovers(EVALUATIONS[what]) == 0


# -- evaluations that raise ------------------------------------------------------------------


def raises_after_recording(p: Any, X: Any) -> None:
    gru_loss(p, X)
    raise KeyError("planted")


def raises_after_a_gradient(p: Any, X: Any) -> None:
    _, g = first(p, X)
    raise KeyError("planted", g.W.shape)


def is_interrupted(p: Any, X: Any) -> None:
    gru_loss(p, X)
    raise KeyboardInterrupt


def has_no_scalar(p: Any, X: Any) -> Any:
    return dl.dlgradient(p.W * 2, p)


def has_sizes_that_disagree(p: Any, X: Any) -> Any:
    Y = dl.gru(X, dl.zeros(2, 1), p.W, p.R, p.b)
    return Y + dl.zeros(7, 7)


def fails_on_the_way_back(p: Any, X: Any) -> Any:
    def wrong(*anything: Any) -> None:
        raise ZeroDivisionError

    loss = gru_loss(p, X)
    tape = p.W.value.tape
    made, read, _ = tape.recorded[-2]
    tape.recorded[-2] = (made, read, wrong)
    return dl.dlgradient(loss, p)


def fails_inside(p: Any, X: Any) -> Any:
    loss = gru_loss(p, X)
    dl.dlfeval(raises_after_recording, parameters(), sequence())
    return loss


FAILURES: dict[Callable[..., Any], type[BaseException]] = {
    raises_after_recording: KeyError,
    raises_after_a_gradient: KeyError,
    is_interrupted: KeyboardInterrupt,
    has_no_scalar: dl.DlgruError,
    has_sizes_that_disagree: dl.DlgruError,
    fails_on_the_way_back: ZeroDivisionError,
    fails_inside: KeyError,
}


def evaluate_and_catch(fun: Callable[..., Any]) -> type[BaseException] | None:
    """The class of what it raises; the exception itself, which holds frames, is let go."""
    try:
        dl.dlfeval(fun, parameters(), sequence())
    except BaseException as error:
        return type(error)
    return None


@pytest.mark.parametrize("fun", FAILURES)
def test_an_evaluation_that_raises_leaves_nothing_for_the_collector(
    fun: Callable[..., Any],
) -> None:
    raised = evaluate_and_catch(fun)
    assert raised is not None
    assert issubclass(raised, FAILURES[fun])
    assert leftovers(lambda: evaluate_and_catch(fun)) == 0


def test_arrays_of_an_evaluation_that_raised_are_freed_with_the_error() -> None:
    alive: list[weakref.ref[Any]] = []

    def f(p: Any, X: Any) -> None:
        Y = dl.gru(X, dl.zeros(2, 1), p.W, p.R, p.b)
        alive.extend([weakref.ref(Y.value.data), weakref.ref(dl.exp(Y).value.data)])
        raise KeyError("planted")

    assert evaluate_and_catch(f) is KeyError
    assert [ref() for ref in alive] == [None, None]


# -- the count counts --------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["gradients of gru", "third derivatives"])
def test_a_tape_that_is_not_cleared_is_noticed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tape, "close", lambda self: None)
    assert leftovers(EVALUATIONS[what]) > 10
