"""Least times of calls that take turns, and files of results."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import dlgru
from measuring.machine import machine

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
RESULTS = Path(__file__).resolve().parents[1] / "results"


def conditions() -> dict[str, Any]:
    """The machine, the versions and the settings that figures were taken with."""
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    return {**machine(), "NumPy": np.__version__, "dlgru": dlgru.__version__, **threads}


def described(data: Mapping[str, Any]) -> str:
    """Conditions as text."""
    return "\n".join(
        f"{name}: {' '.join(value) if isinstance(value, list) else value}"
        for name, value in data.items()
    )


def seconds(call: Callable[[], Any], times: int = 1) -> float:
    """Seconds of one call, as the mean of `times` of them."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def fastest(
    calls: Mapping[Any, Callable[[], Any]], rounds: int, times: int = 1
) -> dict[Any, float]:
    """Seconds of each call: the least of many rounds, in which all of them take turns.

    Whatever else a machine does makes a round slower, never faster, so the least of
    them is what the work itself takes.
    """
    for call in calls.values():
        call()
    found = [{name: seconds(call, times) for name, call in calls.items()} for _ in range(rounds)]
    return {name: min(one[name] for one in found) for name in calls}


def save(name: str, figures: Any) -> Path:
    """Write figures, with their conditions, to ``results/<name>.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    data = {"conditions": conditions(), "figures": figures}
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
