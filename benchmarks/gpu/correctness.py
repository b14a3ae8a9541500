"""Every GPU engine against the plain engine in double precision on the host.

Works on any arrays that the engines accept: `send` brings a host array to the device. So the tests
run it on the emulated device, and `gpu_check.py` runs it on a real one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from dlgru.kernels import plain
from dlgru.kernels.gpu import cudnn
from dlgru.kernels.spec import Extra, Needs, Spec

TOLERANCE = {"strict": 1e-5, "tf32": 5e-3, "bf16": 3e-2, "double": 1e-12}
"""Largest relative error of an output or gradient, by precision."""

RUNS = 3
"""How often a run is repeated: `graph` records its second run and replays it in the third."""


class Answer(NamedTuple):
    """How far one run of one engine is from the reference."""

    engine: str
    spec: Spec
    worst: str  # the name of the array that is furthest off
    error: float
    allowed: float
    repeats: bool  # all runs gave the same bits

    @property
    def ok(self) -> bool:
        """Right, and the same each time; whether cuDNN's own runs repeat is told, not judged."""
        return (self.repeats or self.engine == cudnn.NAME) and self.error <= self.allowed


def specs(sizes: list[tuple[int, int, int, int]], device: str) -> Iterator[Spec]:
    """Modes, each with another mixture of sizes and of options that are free of each other."""
    forms = [("after", 3), ("after", 6), ("after", 0), ("before", 3), ("before", 0)]
    acts = itertools.cycle(["tanh", "softsign", "relu"])
    gates = itertools.cycle(["sigmoid", "hard-sigmoid", "sigmoid", "sigmoid", "hard-sigmoid"])
    rest = itertools.cycle(
        itertools.product(["forward", "backward"], [False, True], [0, 1, 2], ["gates", "y"])
    )
    kinds = [("float32", "strict"), ("float64", "strict"), ("float32", "tf32"), ("float32", "bf16")]
    for (T, B, C, H), (reset, bias) in itertools.product(sizes, forms):
        for dtype, precision in kinds:
            way, lengths, inner, save = next(rest)
            plainest = (T + H) % 2 == 0 and reset == "after"  # what cuDNN has, too
            # Where a slope jumps, a number of less precision may lie on the other side.
            smooth = plainest or precision != "strict"
            yield Spec(
                T, B, C, H, np.dtype(dtype), device=device, reset=reset, bias=bias, direction=way,
                gate="sigmoid" if smooth else next(gates), act="tanh" if smooth else next(acts),
                lengths=lengths and not plainest, inner=0 if plainest else inner, save=save,
                precision=precision,
            )  # fmt: skip


def arrays(spec: Spec, seed: int = 0, backward: bool = True) -> dict[str, Any]:
    """Arguments of a run, and incoming gradients if it goes back, rounded to its class."""
    draw = np.random.default_rng(seed)
    T, B, C, H = spec[:4]

    def array(scale: float, *shape: int) -> Any:
        return np.asfortranarray((scale * draw.standard_normal(shape)).astype(spec.dtype))

    inner = ((), (3 * H, B), (3 * H, B, T))[spec.inner]
    made = {
        "x": array(1.0, C, B, T),
        "h0": array(0.5, H, B),
        "W": array(C**-0.5, 3 * H, C),
        "R": array(H**-0.5, 3 * H, H),
        "b": array(0.5, spec.bias * H) if spec.bias else None,
        "inner": array(0.3, *inner) if inner else None,
        "dy": array(1.0, H, B, T) if backward else None,
        "dlast": array(1.0, H, B) if backward else None,
        "lengths": [int(n) for n in draw.integers(0, T + 1, B)] if spec.lengths else None,
    }
    for observation, n in enumerate(made["lengths"] or []):
        made["x"][:, observation, n:] = np.nan
        if backward:
            made["dy"][:, observation, n:] = np.nan
    return made


def run(engine: Any, spec: Spec, given: dict[str, Any]) -> dict[str, Any]:
    """Run an engine forward and back; every result by name."""
    extra = Extra(lengths=given["lengths"], inner=given["inner"])
    state = (given["h0"],)
    out = engine.forward(spec, given["x"], state, given["W"], given["R"], given["b"], extra)
    needs = Needs(inner=spec.inner > 0)
    grads = engine.backward(out.reserve, given["dy"], (given["dlast"],), (), needs)
    found = {"y": out.y, "last": out.last[0], **grads._asdict()}
    found["state"] = grads.state[0]
    return {name: array for name, array in found.items() if array is not None}


def moved(given: dict[str, Any], move: Callable[[Any], Any]) -> dict[str, Any]:
    """The same run with its arrays elsewhere."""
    return {k: move(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}


def sent(given: dict[str, Any], spec: Spec, send: Callable[[Any], Any]) -> dict[str, Any]:
    """The arguments on the device; a backward direction has its weights as a bidirectional run has.

    There they are the lower halves of taller arrays.
    """
    there = moved(given, send)
    if spec.direction == "backward":
        for name in ("W", "R"):
            host = given[name]
            there[name] = send(np.asfortranarray(np.concatenate([host, host])))[len(host) :]
    return there


def relative(found: Any, expected: Any) -> float:
    """The error of an array against the size of what it should be; infinite if not finite."""
    distance = np.linalg.norm((found.astype(np.float64) - expected).ravel())
    size = np.linalg.norm(expected.ravel())
    off = float(distance / size if size else distance)
    return off if np.isfinite(off) else float("inf")


def check(
    engine: Any, spec: Spec, send: Callable[[Any], Any], fetch: Callable[[Any], Any]
) -> Answer:
    """Run one engine on the device, again and again, and compare every run."""
    given = arrays(spec, seed=spec.T + spec.H)
    wide = moved(given, lambda a: np.asfortranarray(a.astype(np.float64)))
    reference_spec = spec._replace(dtype=np.dtype(np.float64), device="cpu", precision="strict")
    expected = run(plain, reference_spec, wide)
    there = sent(given, spec, send)
    runs = [{name: fetch(a) for name, a in run(engine, spec, there).items()} for _ in range(RUNS)]
    errors = {name: max(relative(one[name], expected[name]) for one in runs) for name in expected}
    worst = max(errors, key=errors.__getitem__)
    kind = "double" if spec.dtype == np.float64 else spec.precision
    repeats = all(np.array_equal(one[name], runs[0][name]) for one in runs for name in one)
    return Answer(engine.NAME, spec, worst, errors[worst], TOLERANCE[kind], repeats)


def answered(
    engine: Any, spec: Spec, send: Callable[[Any], Any], fetch: Callable[[Any], Any]
) -> Answer:
    """Check an engine; what the device raises is an answer, too, and is printed like wrong ones."""
    try:
        answer = check(engine, spec, send, fetch)
    except Exception as problem:
        words = f"{type(problem).__name__}: {problem}"[:300]
        answer = Answer(engine.NAME, spec, words, np.inf, 0.0, True)
    if not answer.ok:
        print(f"BAD {answer}", flush=True)
    elif not answer.repeats:
        print(f"not the same bits each time, as cuDNN may: {answer.spec}", flush=True)
    return answer
