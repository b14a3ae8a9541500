"""A GRU in loops over numbers, from its equations: lists and ``math``, nothing else.

Lists are indexed as MATLAB writes sizes: ``x[c][b][t]``, ``h0[h][b]``, ``W[3H][C]``,
``R[3H][H]``, ``b[3H or 6H]``; an array's ``tolist()`` gives them.  Whatever stands in
an observation's padding is never read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Numbers = Any  # nested lists of floats


def sigmoid(a: float) -> float:
    """1/(1 + exp(-a)), in the form that cannot overflow."""
    if a >= 0:
        return 1 / (1 + math.exp(-a))
    return math.exp(a) / (1 + math.exp(a))


def hard_sigmoid(a: float) -> float:
    """0 below -2.5, 1 above 2.5, a straight line between."""
    return 0.0 if a < -2.5 else 1.0 if a > 2.5 else 0.2 * a + 0.5


GATE = {"sigmoid": sigmoid, "hard-sigmoid": hard_sigmoid}
ACT = {
    "tanh": math.tanh,
    "softsign": lambda a: a / (1 + abs(a)),
    "relu": lambda a: max(a, 0.0),
}


def gru(
    x: Numbers,
    h0: Numbers,
    W: Numbers,
    R: Numbers,
    b: Sequence[float] | None,
    sizes: tuple[int, int, int, int],
    *,
    reset: str = "after",
    gate: str = "sigmoid",
    act: str = "tanh",
    direction: str = "forward",
    lengths: Sequence[int] | None = None,
    inner: Numbers = None,
) -> tuple[Numbers, Numbers]:
    """Return ``y[h][b][t]`` and the last state ``[h][b]`` for ``sizes = (T, B, C, H)``.

    A bias of 6H holds the input biases and then the recurrent ones.  ``inner[3H][b]`` or
    ``inner[3H][b][t]`` is added to the recurrent product.
    """
    T, B, _, H = sizes
    if direction == "bidirectional":
        return _both(x, h0, W, R, b, sizes, reset, gate, act, lengths, inner)
    y = [[[0.0] * T for _ in range(B)] for _ in range(H)]
    last = [[h0[i][o] for o in range(B)] for i in range(H)]
    for o in range(B):
        steps = range(T if lengths is None else lengths[o])
        h = [h0[i][o] for i in range(H)]
        for t in steps if direction == "forward" else reversed(steps):
            now = [channel[o][t] for channel in x]
            within = None if inner is None else [_at(row[o], t) for row in inner]
            h = step(now, h, W, R, b, within, reset, GATE[gate], ACT[act])
            for i in range(H):
                y[i][o][t] = h[i]
        for i in range(H):
            last[i][o] = h[i]
    return y, last


def step(
    x: list[float],
    h: list[float],
    W: Numbers,
    R: Numbers,
    b: Sequence[float] | None,
    inner: list[float] | None,
    reset: str,
    gate: Any,
    act: Any,
) -> list[float]:
    """Take one observation one step on."""
    H = len(h)

    def outside(row: int) -> float:
        return dot(W[row], x) + (0.0 if b is None else b[row])

    def within(row: int, state: list[float]) -> float:
        recurrent = b[3 * H + row] if b is not None and len(b) == 6 * H else 0.0
        return dot(R[row], state) + recurrent + (0.0 if inner is None else inner[row])

    r = [gate(outside(i) + within(i, h)) for i in range(H)]
    z = [gate(outside(H + i) + within(H + i, h)) for i in range(H)]
    if reset == "after":
        a = [outside(2 * H + i) + r[i] * within(2 * H + i, h) for i in range(H)]
    else:
        opened = [r[i] * h[i] for i in range(H)]
        a = [outside(2 * H + i) + within(2 * H + i, opened) for i in range(H)]
    return [(1 - z[i]) * act(a[i]) + z[i] * h[i] for i in range(H)]


def dot(row: Sequence[float], column: Sequence[float]) -> float:
    """Return the sum of products, correctly rounded."""
    return math.fsum(p * q for p, q in zip(row, column, strict=True))


def _at(value: Any, t: int) -> float:
    return value[t] if isinstance(value, list) else value


def _both(
    x: Numbers,
    h0: Numbers,
    W: Numbers,
    R: Numbers,
    b: Sequence[float] | None,
    sizes: tuple[int, int, int, int],
    reset: str,
    gate: str,
    act: str,
    lengths: Sequence[int] | None,
    inner: Numbers,
) -> tuple[Numbers, Numbers]:
    def half(rows: Any, k: int) -> Any:
        return None if rows is None else rows[k * len(rows) // 2 : (k + 1) * len(rows) // 2]

    both = [
        gru(
            x,
            half(h0, k),
            half(W, k),
            half(R, k),
            half(b, k),
            sizes,
            reset=reset,
            gate=gate,
            act=act,
            direction=direction,
            lengths=lengths,
            inner=half(inner, k),
        )
        for k, direction in enumerate(("forward", "backward"))
    ]
    return both[0][0] + both[1][0], both[0][1] + both[1][1]
