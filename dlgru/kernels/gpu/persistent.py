"""The persistent kernels from the host: one launch for all time steps.

The engines ``cluster`` and ``group`` are this file with two ways for blocks to meet.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from dlgru.backend import RawArray, colmajor, xp_of
from dlgru.kernels.gpu import costs
from dlgru.kernels.gpu.arguments import (
    ACTIVATIONS,
    BACKWARD,
    FORWARD,
    GATES,
    column_step,
    filled,
    in_columns,
)
from dlgru.kernels.gpu.modes import known_device, refusal
from dlgru.kernels.gpu.registry import runtime_of
from dlgru.kernels.gpu.runtime import Launch, Runtime
from dlgru.kernels.gpu.sequences import Reserve, Run, planes
from dlgru.kernels.gpu.tilings import (
    THREADS,
    Kernel,
    Tiling,
    fitting,
    kernel,
    tensor_kernel,
    tensor_tiling,
)
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

COUNTER_STEP = 32
"""Numbers from one group's counter to the next, see exchange.cuh."""


def accepts(way: str, spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this way of meeting."""
    reason = refusal(spec)
    if reason is not None:
        return reason
    found = fitting(way, spec, known_device(spec))
    return found if isinstance(found, str) else True


def cost(way: str, spec: Spec) -> float:
    """Estimate the seconds of a forward run; infinite if the spec is refused."""
    if accepts(way, spec) is not True:
        return math.inf
    device = known_device(spec)
    recurrence = costs.persistent(spec, device, cheapest(way, spec), way)
    tiling = tensor_tiling(way, spec, device)
    if tiling is not None:
        recurrence = min(recurrence, costs.tensor(spec, device, tiling, way))
    return 1e-6 * (costs.outside(spec, device) + recurrence)


@functools.lru_cache(maxsize=1024)
def cheapest(way: str, spec: Spec) -> Tiling:
    """Return the tiling that runs an accepted spec in the least time."""
    device = known_device(spec)
    found = fitting(way, spec, device)
    assert not isinstance(found, str)
    return min(found, key=lambda tiling: costs.persistent(spec, device, tiling, way))


def forward_kernel(way: str, spec: Spec) -> Kernel:
    """Return the forward kernel of a spec: on tensor cores where that is allowed and faster."""
    device = known_device(spec)
    tiling = cheapest(way, spec)
    rounded = tensor_tiling(way, spec, device)
    if rounded is not None:
        ours = costs.persistent(spec, device, tiling, way)
        if costs.tensor(spec, device, rounded, way) < ours:
            return tensor_kernel(way, rounded)
    return kernel(way, spec, tiling, backward=False)


class Wave(NamedTuple):
    """The groups of one launch."""

    first: int  # observation
    groups: int


def waves(way: str, spec: Spec, tiling: Tiling) -> list[Wave]:
    """Cut the groups of a batch into launches.

    Blocks that meet through global memory must all run at once, so a launch takes no
    more groups than there are multiprocessors for.
    """
    groups = -(-spec.B // tiling.rows)
    at_once = groups
    if way == "group" and tiling.blocks > 1:
        at_once = known_device(spec).at_once(way, tiling.blocks)
    return [
        Wave(first * tiling.rows, min(at_once, groups - first))
        for first in range(0, groups, at_once)
    ]


def _run(way: str, run: Run, kernel: Kernel, structure: Any, values: dict[str, Any]) -> None:
    """Launch a kernel, wave by wave."""
    xp, runtime, spec, blocks = run.xp, run.runtime, run.spec, kernel.tiling.blocks
    cut = waves(way, spec, kernel.tiling)
    meets = way == "group" and blocks > 1
    mailboxes = counters = None
    if meets:
        mailboxes = xp.empty((cut[0].groups, kernel.numbers), dtype=spec.dtype)
        counters = xp.zeros((len(cut), cut[0].groups * COUNTER_STEP), dtype="int32")
    R = padded(run, kernel.tiling.units)
    for k, wave in enumerate(cut):
        launch = Launch(
            kernel.expression,
            wave.groups * blocks,
            THREADS,
            kernel.shared_bytes,
            cluster=blocks if way == "cluster" else 1,
            together=meets,
        )
        arguments = filled(
            structure,
            runtime,
            R=R,
            R_column=column_step(R),
            lengths=run.lengths,
            mailboxes=mailboxes,
            counters=None if counters is None else counters[k],
            T=spec.T,
            B=spec.B,
            H=spec.H,
            first=wave.first,
            reversed=int(spec.direction == "backward"),
            gate=GATES[spec.gate],
            act=ACTIVATIONS[spec.act],
            **values,
        )
        runtime.launch(launch, arguments)


def padded(run: Run, units: int) -> RawArray:
    """Return R with this many units, the new ones zero; itself if it has them."""
    H = run.spec.H
    if units == H:
        return run.R
    if run.padded is not None and run.padded.shape[1] == units:
        return run.padded
    made = run.xp.zeros((3 * units, units), dtype=run.spec.dtype, order="F")
    made.T.reshape(units, 3, units)[:H, :, :H] = run.R.T.reshape(H, 3, H)
    run.padded = made  # the backward run needs it again
    return made


def forward(
    way: str,
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
    y, last = colmajor(xp, (H, B, T), spec.dtype), colmajor(xp, (H, B), spec.dtype)
    gates = None
    if spec.save == "gates":
        gates = colmajor(xp, (planes(spec) * H, B, T), spec.dtype)
    values = {
        "gx": run.inputs(),
        "b": run.b,
        "h0": run.h0,
        "inner": run.inner,
        "y": y,
        "last": last,
        "gates": gates,
        "h0_column": column_step(run.h0),
        "inner_column": column_step(run.inner),
        "inner_step": column_step(run.inner, 2),
        "biases": spec.bias,
    }
    _run(way, run, forward_kernel(way, spec), FORWARD, values)
    return Out(y, (last,), (), None if spec.save == "none" else run.reserve(y, gates))


def backward(
    way: str, reserve: Reserve, dy: RawArray | None, dlast: State | None, needs: Needs, keep: bool
) -> Grads:
    """Run a GRU back over a sequence: gradients of what `needs` names."""

    def gates_gradients(run: Run, gates: RawArray, dy: RawArray, dlast: RawArray) -> Any:
        xp, spec, y = run.xp, run.spec, reserve.y
        T, B, _, H = spec[:4]
        d = colmajor(xp, (planes(spec) * H, B, T), spec.dtype)
        opened = colmajor(xp, (H, B, T), spec.dtype) if spec.reset == "before" else None
        dh0 = colmajor(xp, (H, B), spec.dtype)
        values = {
            "dy": dy,
            "dlast": dlast,
            "y": y,
            "h0": run.h0,
            "gates": gates,
            "d": d,
            "opened": opened,
            "dh0": dh0,
            "dy_column": column_step(dy),
            "dy_step": column_step(dy, 2),
            "dlast_column": column_step(dlast),
            "h0_column": column_step(run.h0),
        }
        _run(way, run, kernel(way, spec, cheapest(way, spec), backward=True), BACKWARD, values)
        return d, opened, dh0

    return backward_of(reserve, dy, dlast, needs, keep, gates_gradients)


def backward_of(
    reserve: Reserve,
    dy: RawArray | None,
    dlast: State | None,
    needs: Needs,
    keep: bool,
    gates_gradients: Callable[..., Any],
) -> Grads:
    """Do what all backward runs share around the gradients of the gates."""
    reserve.check()
    xp = xp_of(reserve.x)
    runtime: Runtime = runtime_of(xp)
    runtime.wait_for(reserve.mark)
    run = Run.again(xp, runtime, reserve)
    gates = run.gates_again(reserve.y) if reserve.gates is None else reserve.gates
    ends = None if dlast is None else in_columns(xp, dlast[0])
    d, opened, dh0 = gates_gradients(run, gates, in_columns(xp, dy), ends)
    grads = run.gradients(reserve.y, d, opened, dh0, needs)
    runtime.keep_back(reserve.mark)
    if not keep:
        reserve.spent, reserve.gates = True, None
    return grads
