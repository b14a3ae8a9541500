"""What the machinery costs beside the arithmetic: operations, the door of gru, loops, memory.

Prints one figure a line with its target beside it, and writes ``results/core.json``.
Times are the least of many rounds (``measuring/timing.py``).

    python benchmarks/core.py [rounds] [--readme]
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import dlgru as dl
from dlgru.kernels import scratch
from dlgru.kernels.interface import choose, run_forward, short_ways
from dlgru.kernels.spec import NO_EXTRA, Spec
from measuring.readme import put, table
from measuring.timing import conditions, described, fastest, save


class Figure(NamedTuple):
    what: str
    value: float
    unit: str
    target: str


def normal(*size: int, seed: int = 0) -> Any:
    draw = np.random.default_rng(seed)
    return np.asfortranarray((0.1 * draw.standard_normal(size)).astype(np.float32))


# -- one operation on a 1×1 array ------------------------------------------------------

CHAIN = 100

# How to go on from y, with x at hand, and how many operations that is.
LINKS: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "tanh(y)": (lambda y, x: dl.tanh(y), 1),
    "y * x": (lambda y, x: y * x, 1),
    "y + x": (lambda y, x: y + x, 1),
    "y / x": (lambda y, x: y / x, 1),
    "y * 0.9": (lambda y, x: y * 0.9, 1),
    "exp(-y)": (lambda y, x: dl.exp(-y), 2),
}


def evaluation(link: Callable[[Any, Any], Any], steps: int, backward: bool) -> Callable[[], Any]:
    def chain(x: Any) -> Any:
        y = x
        for _ in range(steps):
            y = link(y, x)
        return dl.dlgradient(y, x) if backward else None

    start = dl.dlarray(0.9)
    return lambda: dl.dlfeval(chain, start)


def elementwise(rounds: int) -> Iterator[Figure]:
    for name, (link, count) in LINKS.items():
        took = fastest(
            {
                "recorded": evaluation(link, CHAIN // count, False),
                "recorded, with backward": evaluation(link, CHAIN // count, True),
            },
            rounds=20 * rounds,
        )
        for (how, time), target in zip(took.items(), ("< 10", "< 15"), strict=True):
            yield Figure(f"an operation of {name}, {how}", 1e6 * time / CHAIN, "us", target)


# -- the door of gru -------------------------------------------------------------------


def door(rounds: int) -> Iterator[Figure]:
    C, H = 16, 32
    x, h = normal(C, 1, 1), normal(H, 1)
    W, R, b = normal(3 * H, C), normal(3 * H, H), normal(3 * H, 1)
    weights = [dl.dlarray(a) for a in (W, R, b)]
    sequence, step = dl.dlarray(x, "CBT"), dl.dlarray(x, "CB")
    state, labelled = dl.dlarray(h), dl.dlarray(h, "CB")
    spec, column = Spec(1, 1, C, H, x.dtype), b.ravel()
    engine = choose(spec)
    short, _ = short_ways(spec)
    took = fastest(
        {
            "engine": (lambda: short(x, h, W, R, column, None))
            if short
            else (lambda: engine.forward(spec, x, (h,), W, R, column, NO_EXTRA)),
            "kernels": lambda: run_forward(spec, x, (h,), W, R, column),
            "X is CBT, Y": lambda: dl.gru(sequence, state, *weights),
            "X is CB, Y and hiddenState": lambda: dl.gru(step, labelled, *weights, nargout=2),
        },
        rounds=20 * rounds,
        times=100,
    )
    engine_time, kernels_time, *calls = took.values()
    yield Figure(f"engine {engine.NAME}, one step", 1e6 * engine_time, "us", "")
    yield Figure("run_forward beyond the engine", 1e6 * (kernels_time - engine_time), "us", "")
    for name, time in zip(list(took)[2:], calls, strict=True):
        yield Figure(f"gru, {name}: all but the engine", 1e6 * (time - engine_time), "us", "< 1.5")


# -- step by step ----------------------------------------------------------------------

STEPS = (250, 500, 1000, 2000)


def filled(h: Any, steps: int) -> Any:
    Y = dl.zeros(*h.shape, steps)
    for t in range(steps):
        Y[:, :, t] = h
    return Y


def read(X: Any, steps: int) -> Any:
    total: Any = 0
    for t in range(steps):
        total = total + X[:, :, t]
    return total


def sloped(loop: Callable[[Any, int], Any]) -> Callable[[Any, int], Any]:
    return lambda X, steps: dl.dlgradient(dl.sum(loop(X, steps), "all"), X)


LOOPS = {
    "filling": (filled, lambda steps: np.ones((4, 2))),
    "reading": (read, lambda steps: np.ones((4, 2, steps))),
}


def step_by_step(rounds: int) -> Iterator[Figure]:
    for name, (loop, start) in LOOPS.items():
        calls: dict[Any, Callable[[], Any]] = {}
        for steps in STEPS:
            X = dl.dlarray(start(steps))
            calls["untraced", steps] = partial(loop, X, steps)
            calls["recorded", steps] = partial(dl.dlfeval, loop, X, steps)
            calls["with gradient", steps] = partial(dl.dlfeval, sloped(loop), X, steps)
        took = fastest(calls, rounds=2 * rounds)
        for how in dict.fromkeys(how for how, _ in calls):
            times = [took[how, steps] for steps in STEPS]
            for steps, time in zip(STEPS, times, strict=True):
                yield Figure(f"{name} {how}, T = {steps}", 1e6 * time / steps, "us a step", "")
            exponent = float(np.polyfit(np.log(STEPS), np.log(times), 1)[0])
            yield Figure(f"{name} {how}: time grows as T to the power", exponent, "", "1")


# -- a training step -------------------------------------------------------------------


def training_step(parameters: Any, X: Any, targets: Any, begun: Callable[[], None]) -> Any:
    """A classifier on the last state, or on every step if the targets have a time."""
    p = parameters
    Y, state = dl.gru(X, dl.zeros(p.R.shape[1], 1, like=X), p.W, p.R, p.b, nargout=2)
    features = Y if "T" in dl.dims(targets) else dl.dlarray(state, "CB")
    loss = dl.crossentropy(dl.softmax(dl.fullyconnect(features, p.V, p.c)), targets)
    begun()
    return loss, dl.dlgradient(loss, p), Y


def arguments(T: int, B: int, C: int, H: int, every: bool, classes: int = 4) -> tuple[Any, ...]:
    sizes = {
        "W": (3 * H, C),
        "R": (3 * H, H),
        "b": (3 * H, 1),
        "V": (classes, H),
        "c": (classes, 1),
    }
    pairs = [part for name, size in sizes.items() for part in (name, dl.dlarray(normal(*size)))]
    targets = np.zeros((classes, B, T) if every else (classes, B), np.float32, order="F")
    targets[0] = 1
    X = dl.dlarray(normal(C, B, T), "CBT")
    return dl.struct(*pairs), X, dl.dlarray(targets, "CBT" if every else "CB")


def bytes_of_step(*sizes: Any) -> tuple[int, int]:
    """What a training step has allocated when its backward pass begins, and at its peak."""
    given = arguments(*sizes)
    held: list[int] = []

    def begun() -> None:
        held.append(tracemalloc.get_traced_memory()[0])

    dl.dlfeval(training_step, *given, begun)
    scratch._shelf.clear()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        dl.dlfeval(training_step, *given, begun)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return held[-1] - before, peak - before


def memory(rounds: int) -> Iterator[Figure]:
    # The native engine keeps reserves of 16 MiB and more for itself, unseen by tracemalloc.
    lengths = (100, 200, 300)
    for B, C, H in [(32, 12, 100), (8, 4, 32), (1, 16, 64)]:
        for every in (False, True):
            kept, most = zip(*[bytes_of_step(T, B, C, H, every) for T in lengths], strict=True)
            case = f"B={B} C={C} H={H}, loss on {'every step' if every else 'the last state'}"
            for what, values in (("kept", kept), ("at most in use", most)):
                slope = float(np.polyfit(lengths, values, 1)[0]) / (4 * B * H)
                # One of them is Y.
                yield Figure(f"{case}: {what}", slope - 1, "values", "<= 8")


def garbage(rounds: int) -> Iterator[Figure]:
    given = arguments(20, 4, 3, 8, True)
    dl.dlfeval(training_step, *given, lambda: None)
    gc.collect()
    gc.disable()
    try:
        dl.dlfeval(training_step, *given, lambda: None)
        found = gc.collect()
    finally:
        gc.enable()
    yield Figure("objects a training step leaves for the collector", found, "", "0")


# -- start and random numbers ------------------------------------------------------------

IMPORTS = """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import dlgru
print(middle - start, time.perf_counter() - middle)
"""


def importing(rounds: int) -> Iterator[Figure]:
    command = [sys.executable, "-c", IMPORTS]
    took = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(2 * rounds + 1):
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            took.append([float(word) for word in done.stdout.split()])
    # The first process compiles what the others find compiled.
    numpy, own = zip(*took[1:], strict=True)
    yield Figure("import numpy, median", 1e3 * statistics.median(numpy), "ms", "")
    yield Figure("import dlgru after it, median", 1e3 * statistics.median(own), "ms", "< 50")
    yield Figure("import dlgru after it, least", 1e3 * min(own), "ms", "< 50")


def random_numbers(rounds: int) -> Iterator[Figure]:
    took = fastest({"randn": lambda: dl.randn(1000, 1000)}, rounds=rounds)
    yield Figure("randn, a million numbers", 1e3 * took["randn"], "ms", "well under 1000")


SECTIONS = {
    "Recorded operations on a 1×1 array": elementwise,
    "The door of gru, untraced, T = B = 1": door,
    "Arrays filled and read step by step": step_by_step,
    "Memory of a training step: B·H values a step of time, beyond X and Y": memory,
    "Garbage": garbage,
    "Import": importing,
    "Random numbers": random_numbers,
}


def main(rounds: int, readme: bool) -> None:
    where = described(conditions())
    print(where)
    figures = {}
    rows = []
    for title, section in SECTIONS.items():
        print(f"\n{title}")
        figures[title] = []
        rows.append([f"**{title}**", "", ""])
        for figure in section(rounds):
            target = f"target {figure.target}" if figure.target else ""
            line = f"  {figure.what:60s}{figure.value:8.2f} {figure.unit:10s}{target}"
            print(line.rstrip(), flush=True)
            figures[title].append({**figure._asdict(), "value": float(f"{figure.value:.4g}")})
            rows.append([figure.what, f"{figure.value:.2f} {figure.unit}".strip(), figure.target])
    save("core", figures)
    if readme:
        where = where.replace("\n", ", ") + f"; {rounds} rounds"
        put("core", f"{where}.\n\n{table(['what', 'figure', 'target'], rows)}")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("rounds", nargs="?", type=int, default=9)
    asked.add_argument("--readme", action="store_true", help="put the tables into README.md, too")
    given = asked.parse_args()
    main(given.rounds, given.readme)
