"""Adam's update in one launch: right against double precision, and timed beside a dozen launches.

Works on any arrays that the kernel accepts: `send` brings a host array to the device, `fetch` an
array back.  So the tests run it on the emulated device, and `gpu_check.py` runs it on a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from dlgru.kernels.gpu import updates
from dlgru.training import steps

SIZES = (1, 255, 257, 30_000, 600_000)
RATES = {"step": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
ROUNDINGS = 16
"""How many roundings of its class an element may be off, relative to the largest of its array.

Each of the three results takes at most seven operations, of half a rounding each, or a whole one
where two of them are fused; a square root and a division of a device may be off by one more.
"""


class Update(NamedTuple):
    """How far one update is from the same in double precision on the host."""

    of: str  # the class
    size: int
    started: bool  # there were averages before
    error: float  # in roundings
    repeats: bool  # a second run gave the same bits

    @property
    def ok(self) -> bool:
        return self.repeats and self.error <= ROUNDINGS


def arrays(dtype: Any, size: int, started: bool) -> list[Any]:
    """Parameter, gradient and averages, rounded to their class."""
    draw = np.random.default_rng(size)
    p, g, m = (draw.standard_normal(size).astype(dtype) for _ in range(3))
    v = (draw.standard_normal(size) ** 2).astype(dtype)
    g[1::7] = 0
    return [p, g, m, v] if started else [p, g, None, None]


def expected(given: list[Any]) -> list[Any]:
    """The three results in double precision."""
    p, g, m, v = [0.0 if a is None else a.astype(np.float64) for a in given]
    m = RATES["beta1"] * m + (1 - RATES["beta1"]) * g
    v = RATES["beta2"] * v + (1 - RATES["beta2"]) * g**2
    return [p - RATES["step"] * m / (np.sqrt(v) + RATES["epsilon"]), m, v]


def checked(
    send: Callable[[Any], Any], fetch: Callable[[Any], Any], sizes: tuple[int, ...] = SIZES
) -> Iterator[Update]:
    """Every class and size, with averages and without."""
    for dtype, size, started in product((np.float32, np.float64), sizes, (False, True)):
        given = arrays(dtype, size, started)
        there = [None if a is None else send(a) for a in given]
        one, two = ([fetch(a) for a in updates.adam(*there, **RATES)] for _ in range(2))
        unit = np.finfo(dtype).eps
        errors = [
            float(np.abs(found - right).max() / (unit * np.abs(right).max()))
            for found, right in zip(one, expected(given), strict=True)
        ]
        worst = max(np.inf if np.isnan(e) else e for e in errors)
        repeats = all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
        yield Update(np.dtype(dtype).name, size, started, worst, repeats)


def both_ways(send: Callable[[Any], Any], size: int) -> dict[str, Callable[[], Any]]:
    """The update in one launch, and in the array library's operations."""
    there = [send(a) for a in arrays(np.float32, size, True)]
    return {
        "one launch": lambda: updates.adam(*there, **RATES),
        "operations": lambda: steps.adam_by_library(*there, **RATES),
    }
