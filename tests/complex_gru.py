"""A GRU in complex-step form: derivatives without differences, from the equations alone.

Arrays have MATLAB's sizes.  Everything is analytic or decides by the real part, so with
``f(p + ih·v)`` the imaginary part over h is the derivative along v, exact to rounding
for h = 1e-30.  Nothing of dlgru is used, and the form differs from the engine's: no
blocks, no halves, no stored gates; an observation that has ended is left out of its step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

STEP = 1e-30


class Case(NamedTuple):
    """The arguments of one run: arrays, and options by the names of a spec."""

    x: Any
    h0: Any
    W: Any
    R: Any
    b: Any
    inner: Any = None
    lengths: Any = None
    reset: str = "after"
    gate: str = "sigmoid"
    act: str = "tanh"
    direction: str = "forward"


ARRAYS = ("x", "h0", "W", "R", "b", "inner")


def _gate(name: str, a: Any) -> Any:
    if name == "sigmoid":
        return 0.5 + 0.5 * np.tanh(a / 2)
    return np.where(abs(a.real) < 2.5, 0.2 * a + 0.5, a.real > 0)


def _act(name: str, a: Any) -> Any:
    if name == "tanh":
        return np.tanh(a)
    if name == "relu":
        return np.where(a.real > 0, a, 0)
    return a / (1 + np.where(a.real < 0, -a, a))


def run(case: Case) -> tuple[Any, Any]:
    """Return y[H,B,T] and the last state [H,B] (complex if anything is)."""
    (_, B, T), H = case.x.shape, case.R.shape[1]
    if case.direction == "bidirectional":
        return _both(case, H)
    kind = np.result_type(*[getattr(case, n) for n in ARRAYS if getattr(case, n) is not None])
    y = np.zeros((H, B, T), kind)
    h = np.array(np.broadcast_to(case.h0, (H, B)), kind)
    lengths = np.full(B, T) if case.lengths is None else np.asarray(case.lengths)
    b = np.zeros(3 * H) if case.b is None else case.b
    outside_bias, recurrent_bias = b[: 3 * H], b[3 * H :] if b.size > 3 * H else np.zeros(3 * H)
    for t in range(T) if case.direction == "forward" else range(T - 1, -1, -1):
        on = np.flatnonzero(t < lengths)
        state = h[:, on]
        outside = np.einsum("gc,cb->gb", case.W, case.x[:, on, t]) + outside_bias[:, None]
        extra = np.zeros((3 * H, B)) if case.inner is None else case.inner
        extra = (extra[..., t] if extra.ndim == 3 else extra)[:, on] + recurrent_bias[:, None]
        Rr, Rz, Rn = case.R[:H], case.R[H : 2 * H], case.R[2 * H :]
        r = _gate(case.gate, outside[:H] + Rr @ state + extra[:H])
        z = _gate(case.gate, outside[H : 2 * H] + Rz @ state + extra[H : 2 * H])
        if case.reset == "after":
            a = outside[2 * H :] + r * (Rn @ state + extra[2 * H :])
        else:
            a = outside[2 * H :] + Rn @ (r * state) + extra[2 * H :]
        h[:, on] = _act(case.act, a) * (1 - z) + z * state
        y[:, on, t] = h[:, on]
    return y, h


def _both(case: Case, H: int) -> tuple[Any, Any]:
    outs = []
    for k, direction in enumerate(("forward", "backward")):
        halves = {
            name: np.array_split(getattr(case, name), 2)[k]
            for name in ARRAYS[1:]
            if getattr(case, name) is not None
        }
        outs.append(run(case._replace(**halves, direction=direction)))
    return np.concatenate([outs[0][0], outs[1][0]]), np.concatenate([outs[0][1], outs[1][1]])


def slope(case: Case, name: str, along: Any, dy: Any, dlast: Any) -> float:
    """Return the derivative of ``sum(dy·y) + sum(dlast·last)`` along a direction of one array.

    ``dy`` counts only where an observation still runs: what is behind its end is constant.
    """
    y, last = run(case._replace(**{name: getattr(case, name) + 1j * STEP * along}))
    moved = np.where(y.imag == 0, 0, dy * y.imag)
    return float((moved.sum() + (dlast * last.imag).sum()) / STEP)
