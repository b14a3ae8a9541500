"""The Japanese Vowels example as a task, and what a copy of it in another library needs.

The benchmark reads the example's data and settings once and writes them to a file, so that
another library's environment needs neither dlgru nor anything that reads the data.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from measuring.example import japanese_vowels
from peers.problem import Task

FILE = "VOWELS_FILE"
"""The environment variable that names the file to a process."""

SETTINGS = (
    "HIDDEN CLASSES CHANNELS EPOCHS BATCH THRESHOLD LEARN_RATE DROP_FACTOR DROP_PERIOD".split()
)


def save(file: Path) -> dict[str, Any]:
    """Write settings and the training half for all processes; say where the data are from."""
    demo = japanese_vowels()
    try:
        sequences, speakers, _, _ = demo.load()
        source = "the recordings"
    except Exception as error:  # not installed, or no way to fetch them
        sequences, speakers = _invented()
        source = f"made-up data of the same sizes; loading gave {type(error).__name__}"
    np.savez(
        file,
        frames=np.concatenate(sequences, axis=1),
        lengths=[s.shape[1] for s in sequences],
        speakers=speakers,
        **{name: getattr(demo, name) for name in SETTINGS},
    )
    return {"source": source, "epochs": demo.EPOCHS}


def _invented() -> tuple[list[Any], Any]:
    """270 sequences of 12 channels with the 7 to 26 steps and the mean length of the recordings."""
    draw = np.random.default_rng(0)
    lengths = 7 + draw.binomial(19, 0.465, 270)
    return [draw.standard_normal((12, n)) for n in lengths], np.repeat(range(1, 10), 30)


def saved() -> tuple[list[Any], Any, SimpleNamespace]:
    """Return sequences as 12×T arrays, speakers as numbers from 1, and the settings."""
    with np.load(os.environ[FILE]) as held:
        sequences = np.split(held["frames"], np.cumsum(held["lengths"])[:-1], axis=1)
        settings = SimpleNamespace(**{name: held[name].item() for name in SETTINGS})
        return sequences, held["speakers"].astype(float), settings


def start(settings: SimpleNamespace) -> list[Any]:
    """Make W[3H,C], R[3H,H], V[classes,H] of the network whose first step all processes compare."""
    H = settings.HIDDEN
    draw = np.random.default_rng(2)
    sizes = (3 * H, settings.CHANNELS), (3 * H, H), (settings.CLASSES, H)
    return [draw.uniform(-0.1, 0.1, size).astype(np.float32) for size in sizes]


def our_training() -> Task:
    """The example's whole training; its first batch from known parameters is what is compared."""
    import dlgru as dl

    demo = japanese_vowels()
    sequences, speakers, settings = saved()

    def arrays(_: Any) -> list[Any]:
        W, R, V = start(settings)
        p = demo.initial_parameters()
        p.gru.weights, p.gru.recurrentWeights = dl.dlarray(W), dl.dlarray(R)
        p.fc.weights = dl.dlarray(V)
        X, lengths, T = demo.batch(sequences[: settings.BATCH], speakers[: settings.BATCH])
        loss, g, Y = dl.dlfeval(demo.model_loss, p, X, lengths, T)
        parts = (g.gru.weights, g.gru.recurrentWeights, g.gru.bias, g.fc.weights, g.fc.bias)
        return [np.asarray(dl.extractdata(a)) for a in (loss, Y, *parts)]

    def call() -> Any:
        dl.rng(1)
        return demo.train(sequences, speakers, verbose=False)

    return Task(call, arrays)
