"""Measuring in turns: a process for each library, of which only one works at a time.

Every round gives each library one turn, which lasts about as long for all of them.  So
whatever else disturbs the machine meets them all, and a ratio taken within a round is
worth more than one of two means.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from measuring.machine import wait_for_quiet

TURN = 0.06
"""Seconds of a turn, unless a few calls take longer."""

LEAST_SAMPLES = 3
"""A turn's first call finds other libraries' data in the caches; a median of three is warm."""

MOST_SAMPLES = 2000
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


class Library:
    """The process of one library."""

    def __init__(self, name: str, python: str, threads: int, folder: Path) -> None:
        self.name = name
        count = str(threads)
        pools = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
        environment = os.environ | {f"{pool}_NUM_THREADS": count for pool in pools}
        program = Path(sys.argv[0]).resolve()
        self.complaints = (folder / f"{name}-{threads}.txt").open("w+")
        self.process = subprocess.Popen(
            [python, str(program), "--worker", name, count, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            env=environment,
        )
        self.about = self._answer()

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait for the answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the empty answer tells
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.complaints.seek(0)
        last = self.complaints.read().strip().splitlines()[-1:] or ["no message"]
        return {"error": f"the process ended: {last[0]}"}

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
        self.complaints.close()


def start(
    names: list[str], pythons: dict[str, str], threads: int, folder: Path
) -> tuple[list[Library], dict[str, str]]:
    """Start a process for each library; return those that are there, and why others are not."""
    there, absent = [], {}
    for name in names:
        library = Library(name, pythons[name], threads, folder)
        if "version" in library.about:
            there.append(library)
        else:
            absent[name] = library.about.get("absent") or library.about["error"]
            library.close()
    return there, absent


def measure(
    libraries: list[Library], problem: dict[str, Any], rounds: int, quiet: float
) -> dict[str, Any]:
    """Time the libraries in turns, those whose results are the first one's.

    A library that fails or differs is named in ``wrong`` and not timed; if the first one
    fails, none is.
    """
    row: dict[str, Any] = {**problem, "engine": None, "difference": {}, "wrong": {}}
    amounts: dict[Library, dict[str, int]] = {}
    reference: list[Any] = []
    for library in libraries:
        made = library.ask(do="make", **problem)
        if "none" in made:  # a library that does not offer this
            continue
        if "error" in made:
            row["wrong"][library.name] = made["error"]
        else:
            with np.load(made["results"]) as held:
                results = [held[name] for name in held.files]
            if library is libraries[0]:
                row["engine"], reference = made.get("engine"), results
            apart = row["difference"][library.name] = _difference(reference, results)
            if apart <= TOLERANCE[problem["dtype"]]:
                amounts[library] = _amount(made["seconds"])
            else:
                row["wrong"][library.name] = f"results differ by {apart:.1e}"
        if libraries[0] not in amounts:
            break
    seconds: dict[Library, list[float]] = {library: [] for library in amounts}
    calm = []
    for _ in range(rounds):
        for library, amount in amounts.items():
            if library not in seconds:
                continue
            calm.append(wait_for_quiet(quiet))
            answer = library.ask(do="run", **amount)
            if "seconds" in answer:
                seconds[library].append(answer["seconds"])
            else:
                row["wrong"][library.name] = answer["error"]
                del seconds[library]
    row["quiet"] = sum(calm) / max(len(calm), 1)
    return row | {"seconds": {library.name: times for library, times in seconds.items()}}


def _amount(seconds: float) -> dict[str, int]:
    """How many samples of how many calls make a turn: a sample is no shorter than 100 µs."""
    inner = max(1, round(100e-6 / seconds))
    samples = int(TURN / (seconds * inner))
    return {"samples": min(max(LEAST_SAMPLES, samples), MOST_SAMPLES), "inner": inner}


def _difference(reference: list[Any], results: list[Any]) -> float:
    """Largest difference of any entry, relative to the largest entry of its array."""
    if [a.shape for a in reference] != [b.shape for b in results]:
        return float("inf")
    apart = [
        abs(a.astype(float) - b).max() / (abs(a).max() or 1)
        for a, b in zip(reference, results, strict=True)
    ]
    return float(np.max(apart))  # of NumPy: NaN stays NaN, which is within no tolerance
