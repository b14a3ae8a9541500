"""The demo's training loop learns; on made-up speakers, since its data come from outside."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from benchmarks.measuring.example import japanese_vowels


@pytest.fixture
def demo() -> ModuleType:
    return japanese_vowels()


def speakers(demo: ModuleType, count: int, seed: int) -> tuple[list[Any], Any]:
    """Noisy sequences of 7 to 29 steps around a mean that tells the speaker."""
    random = np.random.default_rng(seed)
    means = np.random.default_rng(0).normal(size=(demo.CLASSES, demo.CHANNELS, 1))
    who = np.arange(count) % demo.CLASSES
    lengths = random.integers(7, 30, count)
    return [
        means[k] + random.normal(size=(demo.CHANNELS, n)) for k, n in zip(who, lengths, strict=True)
    ], who + 1.0


def test_the_loop_learns_to_tell_speakers_apart(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "EPOCHS", 6)
    dl.rng(1)
    p, history = demo.train(*speakers(demo, 108, 1))
    assert [row[0] for row in history] == list(range(1, 25))
    assert history[0][1] > 1.5 and history[-1][1] < 0.3
    accuracy, confusion = demo.test(p, *speakers(demo, 90, 2))
    assert accuracy > 0.9 and confusion.sum() == 90  # chance is 0.11
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == demo.COLUMNS
    assert lines[2].split()[:2] == ["1", "1"] and lines[-2].split()[:2] == ["24", "6"]
    assert lines[-1] == "Training stopped: Max epochs completed"
