"""How fast is fast enough: the least ratio to each library, and the ratio to aim for.

The figures come from a study on a two-core Zen 5 with AVX-512: the floors lie about a
tenth under what a first kernel reached there, the aims are what cheaper gate arithmetic
and packed weights would give.  On another processor they say less.  The ratio is the
library's time divided by ours, single precision, at that number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

Shape = tuple[int, int, int, int]


class Bound(NamedTuple):
    """The ratio that is demanded, and the one that is aimed for."""

    floor: float
    aim: float


INFERENCE = ("torch", "onnxruntime", "onednn")
TRAINING = ("torch", "onednn")

# T,B,C,H  threads | inference: floors | aims | training: floors | aims
_TABLE = """
100,32,64,128   1 | 2.9  1.5  0.95 | 3.7 1.9  1.2  | 3.4  1.0  | 4.0  1.24
100,32,64,128   2 | 3.8  1.7  1.0  | 4.8 2.5  1.37 | 5.0  1.2  | 6.5  1.56
100,1,64,128    1 | 5.9  1.35 0.95 | 8.6 1.9  1.36 | 15   1.7  | 21   2.4
100,1,64,128    2 | 10   2.2  2.0  | 15  3.1  2.9  | 25   3.3  | 36   4.7
20,27,12,100    1 | 3.1  1.4  0.95 | 4.0 1.8  1.25 | 4.4  0.93 | 5.7  1.3
20,27,12,100    2 | 4.2  2.2  1.2  | 5.4 2.8  1.6  | 5.6  1.1  | 7.6  1.65
100,128,256,512 1 | 2.4  1.15 0.95 | 2.8 1.3  1.08 | 2.3  0.97 | 2.65 1.13
100,128,256,512 2 | 2.7  1.35 1.0  | 3.0 1.5  1.13 | 2.35 0.95 | 2.8  1.15
50,16,512,1024  1 | 2.4  0.95 0.85 | 3.0 1.17 1.04 | 2.7  1.2  | 3.4  1.45
50,16,512,1024  2 | 2.85 1.1  0.92 | 3.3 1.27 1.07 | 3.5  1.25 | 4.3  1.5
1000,1,16,64    1 | 29   2.4  2.5  | 40  3.3  3.5  | 95   3.6  | 133  5.0
1000,1,16,64    2 | 29   2.4  2.7  | 46  3.9  4.4  | 87   6.5  | 130  9.9
"""

VOWELS = Bound(3.0, 4.0)
"""Training of the Japanese Vowels network, against PyTorch at the same number of threads."""

CALL = Bound(2e-6, 1e-6)
"""Most seconds of a call at (1,1,4,8), and what is aimed for."""

STEP = Bound(3e-6, 3e-6)
"""Most seconds of a step at T = 1, B = 1, H = 64 with the state carried."""

SHARE_OF_PEAK = 0.9
"""Aimed for at H >= 512."""

PLAIN = {(100, 32, 64, 128): 1.4}
PLAIN_ELSEWHERE = 1.1
"""Most time of the plain engine, in times of the same GRU written directly in NumPy."""


def _read() -> dict[tuple[str, Shape, int, str], Bound]:
    bounds = {}
    for line in _TABLE.strip().splitlines():
        head, *columns = line.split("|")
        sizes, threads = head.split()
        T, B, C, H = (int(n) for n in sizes.split(","))
        numbers = [[float(n) for n in column.split()] for column in columns]
        for what, names, floors, aims in (
            ("inference", INFERENCE, numbers[0], numbers[1]),
            ("training", TRAINING, numbers[2], numbers[3]),
        ):
            for name, floor, aim in zip(names, floors, aims, strict=True):
                bounds[what, (T, B, C, H), int(threads), name] = Bound(floor, aim)
    return bounds


_BOUNDS = _read()
SHAPES: list[Shape] = list(dict.fromkeys(shape for _, shape, _, _ in _BOUNDS))


def bound(what: str, shape: Shape, threads: int, dtype: str, library: str) -> Bound | None:
    """Return the bound of a cell, if it has one."""
    return _BOUNDS.get((what, shape, threads, library)) if dtype == "float32" else None
