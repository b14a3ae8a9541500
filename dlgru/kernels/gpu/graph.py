"""A GRU as a product and a gate kernel a step, launched together as a CUDA graph.

It computes every size and mode, with cuBLAS and `gru_step.cuh`, and is what the
persistent engines leave over: large states, many observations.  The first call of a
kind launches step by step; from the second on, the whole loop is one launch.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from dlgru.backend import RawArray, as_colmajor, colmajor, xp_of
from dlgru.kernels.gpu import costs
from dlgru.kernels.gpu.arguments import ACTIVATIONS, GATES, STEP_BACK, column_step, filled
from dlgru.kernels.gpu.modes import known_device, refusal
from dlgru.kernels.gpu.persistent import backward_of
from dlgru.kernels.gpu.recordings import Arrays, walk
from dlgru.kernels.gpu.registry import runtime_of
from dlgru.kernels.gpu.runtime import Launch
from dlgru.kernels.gpu.sequences import (
    MOST_BLOCKS,
    STEP_THREADS,
    Reserve,
    Run,
    gate_arguments,
    planes,
    step,
)
from dlgru.kernels.gpu.tilings import REALS
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

NAME = "graph"
tried = partial(costs.tried, NAME)


def accepts(spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this engine."""
    return refusal(spec) or True


def cost(spec: Spec) -> float:
    """Estimate the seconds of a forward run: launches, products, memory."""
    if accepts(spec) is not True:
        return math.inf
    device = known_device(spec)
    return 1e-6 * (costs.outside(spec, device) + costs.graph(spec, device))


def forward(
    spec: Spec,
    x: RawArray,
    state: State,
    W: RawArray,
    R: RawArray,
    b: RawArray | None,
    extra: Extra,
) -> Out:
    """Run a GRU over a sequence in one direction."""
    xp = xp_of(x)
    run = Run(xp, runtime_of(xp), spec, x, state[0], W, R, b, extra)
    T, B, _, H = spec[:4]
    # R as a recording has it, also where it is a part of a larger array: cuBLAS chooses its
    # order of summation by strides and alignment, and every call is to give the same bits.
    R = as_colmajor(xp, run.R)
    given = {"gx": run.inputs(), "R": R, "b": run.b, "inner": run.inner}
    given |= {"lengths": run.lengths, "state": run.h0}
    made = {"y": (H, B, T), "state": (H, B)}
    if spec.save == "gates":
        made["gates"] = (planes(spec) * H, B, T)
    out = walk("forward", run, given, made, _forward_steps)
    reserve = None if spec.save == "none" else run.reserve(out["y"], out.get("gates"))
    return Out(out["y"], (out["state"],), (), reserve)


def _forward_steps(run: Run, arrays: Arrays) -> None:
    spec, runtime = run.spec, run.runtime
    T, B, _, H = spec[:4]
    state, R, get = arrays["state"], arrays["R"], arrays.get
    after = spec.reset == "after"
    Rh = _room(run, arrays, "Rh", (3 if after else 2) * H)
    known = gate_arguments(spec, get("b"), get("inner"), get("lengths"))
    known |= {"gx": arrays["gx"], "Rh": Rh, "before": state, "rows": B}
    results = {"after": state, "y": arrays["y"], "gates": get("gates")}
    for t in reversed(range(T)) if spec.direction == "backward" else range(T):
        run.product(Rh.T, state.T, R[: len(Rh)].T)
        if after:
            step(runtime, spec, "WHOLE", first=t, **known, **results)
        else:
            opened, Rn = _room(run, arrays, "opened", H), _room(run, arrays, "Rn", H)
            step(runtime, spec, "FIRST", first=t, opened=opened, **known)
            run.product(Rn.T, opened.T, R[2 * H :].T)
            step(runtime, spec, "SECOND", first=t, Rn=Rn, **known, **results)


def _room(run: Run, arrays: Arrays, name: str, rows: int) -> RawArray:
    """Return working memory of one step, the same whenever these arrays are walked."""
    if name not in arrays:
        arrays[name] = colmajor(run.xp, (rows, run.spec.B), run.spec.dtype)
    return arrays[name]


def backward(
    reserve: Reserve,
    dy: RawArray | None,
    dlast: State | None,
    dtraces: tuple[RawArray, ...] | None,
    needs: Needs,
    keep: bool = True,
) -> Grads:
    """Run a GRU back over a sequence: gradients of what `needs` names."""

    def gates_gradients(run: Run, gates: RawArray, dy: RawArray, dlast: RawArray) -> Any:
        xp, spec = run.xp, run.spec
        T, B, _, H = spec[:4]
        carry = dlast
        if carry is None:
            carry = colmajor(xp, (H, B), spec.dtype)
            carry[...] = 0
        if spec.reset == "after":  # rows in the order of d: hid, r, z
            R = colmajor(xp, (3 * H, H), spec.dtype)
            R[:H] = run.R[2 * H :]
            R[H:] = run.R[: 2 * H]
        else:
            R = as_colmajor(xp, run.R)
        given = {"dy": dy, "y": reserve.y, "h0": run.h0, "gates": gates, "R": R}
        given |= {"lengths": run.lengths, "D": carry}
        made = {"d": (planes(spec) * H, B, T), "D": (H, B)}
        if spec.reset == "before":
            made["opened"] = (H, B, T)
        out = walk("backward", run, given, made, _backward_steps)
        return out["d"], out.get("opened"), out["D"]

    return backward_of(reserve, dy, dlast, needs, keep, gates_gradients)


def _backward_steps(run: Run, arrays: Arrays) -> None:
    spec, runtime = run.spec, run.runtime
    T, B, _, H = spec[:4]
    D, R, d, dy = arrays["D"], arrays["R"], arrays["d"], arrays.get("dy")
    back = spec.direction == "backward"
    known = {
        "dy": dy,
        "y": arrays["y"],
        "h0": arrays["h0"],
        "gates": arrays["gates"],
        "lengths": arrays.get("lengths"),
        "D": D,
        "d": d,
        "dy_column": column_step(dy),
        "dy_step": column_step(dy, 2),
        "h0_column": column_step(arrays["h0"]),
        "T": T,
        "B": B,
        "H": H,
        "reversed": int(back),
        "gate": GATES[spec.gate],
        "act": ACTIVATIONS[spec.act],
    }

    def launch(part: str, t: int, **more: Any) -> None:
        blocks = min(-(-B * H // STEP_THREADS), MOST_BLOCKS)
        name = f"gru_step_back<{REALS[spec.dtype]}, {part}>"
        arguments = filled(STEP_BACK, runtime, t=t, **known, **more)
        runtime.launch(Launch(name, blocks, STEP_THREADS), arguments)

    for t in range(T) if back else reversed(range(T)):
        rows = d.T[t]
        if spec.reset == "after":
            launch("WHOLE", t)
            run.product(D.T, rows[:, : 3 * H], R, add=True)
        else:
            opening = _room(run, arrays, "open", H)
            launch("FIRST", t)
            run.product(opening.T, rows[:, 2 * H :], R[2 * H :])
            launch("SECOND", t, open=opening, opened=arrays["opened"])
            run.product(D.T, rows[:, : 2 * H], R[: 2 * H], add=True)
