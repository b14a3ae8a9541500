"""How much a training step keeps for each step of time: what a GRU of the longest data is bound by.

Counted by ``tracemalloc``, which NumPy tells of every array, at several lengths; the
slope over the length is the memory of one step of time, whatever the rest takes.
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.kernels import scratch

LENGTHS = (40, 120)
B, C, H, CLASSES = 16, 6, 64, 5


def training_step(p: Any, X: Any, targets: Any, options: dict[str, Any], held: list[Any]) -> Any:
    """A classifier on the last state, or on every step if the targets have a time."""
    Y, state = dl.gru(X, dl.zeros(p.R.shape[1], 1, like=X), p.W, p.R, p.b, nargout=2, **options)
    features = Y if "T" in dl.dims(targets) else dl.dlarray(state, "CB")
    loss = dl.crossentropy(dl.softmax(dl.fullyconnect(features, p.V, p.c)), targets)
    held.append(tracemalloc.get_traced_memory()[0])
    return loss, dl.dlgradient(loss, p), Y


def bytes_of_step(T: int, dtype: Any, every: bool, options: dict[str, Any]) -> tuple[int, int]:
    """What is allocated, beyond the inputs, when the backward pass begins, and at the most."""
    draw = np.random.default_rng(0)

    def normal(*size: int) -> Any:
        return dl.dlarray((0.1 * draw.standard_normal(size)).astype(dtype))

    blocks = 6 if "bias" in options.get("ResetGateMode", "") else 3
    p = dl.struct("W", normal(3 * H, C), "R", normal(3 * H, H), "b", normal(blocks * H, 1))
    p.V, p.c = normal(CLASSES, H), normal(CLASSES, 1)
    targets = np.zeros((CLASSES, B, T) if every else (CLASSES, B), dtype, order="F")
    targets[0] = 1
    X, targets = dl.dlarray(normal(C, B, T), "CBT"), dl.dlarray(targets, "CBT" if every else "CB")
    held: list[int] = []

    def run(p: Any, X: Any, targets: Any) -> Any:
        return training_step(p, X, targets, options, held)

    dl.dlfeval(run, p, X, targets)  # fills what is filled once
    scratch._shelf.clear()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        dl.dlfeval(run, p, X, targets)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return held[-1] - before, peak - before


def values_per_step(dtype: Any, every: bool, options: dict[str, Any]) -> list[float]:
    """Growth with time of what is kept and of the most in use, in B·H values, without Y."""
    short, long = [bytes_of_step(T, dtype, every, options) for T in LENGTHS]
    unit = B * H * np.dtype(dtype).itemsize * (LENGTHS[1] - LENGTHS[0])
    return [(b - a) / unit - 1 for a, b in zip(short, long, strict=True)]


MODES = ["after-multiplication", "before-multiplication", "recurrent-bias-after-multiplication"]


@pytest.mark.parametrize("every", [False, True], ids=["last state", "every step"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["single", "double"])
@pytest.mark.parametrize("mode", MODES)
def test_a_training_step_keeps_at_most_eight_values_a_unit_and_step(
    mode: str, dtype: Any, every: bool
) -> None:
    kept, most = values_per_step(dtype, every, {"ResetGateMode": mode})
    # What Python itself allocates is a few bytes more or less in either run.
    assert kept <= most + 0.01 and most <= 8


@pytest.mark.parametrize("every", [False, True], ids=["last state", "every step"])
def test_padded_sequences_backward_in_time_keep_no_more(every: bool) -> None:
    options = {"Direction": "backward", "SequenceLengths": [2 * k for k in range(1, B + 1)]}
    kept, most = values_per_step(np.float32, every, options)
    assert kept <= most + 0.01 and most <= 8


def test_the_definition_keeps_more_and_that_is_noticed() -> None:
    kept, most = values_per_step(np.float32, False, {"StateActivationFunction": dl.tanh})
    assert kept > 8
    assert most > 8
