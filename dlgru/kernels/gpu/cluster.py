"""A GRU in one launch, its blocks meeting in thread-block clusters (sm_90 and newer).

The state passes from block to block through distributed shared memory; see `README.md`.
"""

from __future__ import annotations

from functools import partial

from dlgru.backend import RawArray
from dlgru.kernels.gpu import costs, persistent
from dlgru.kernels.gpu.device import device_of
from dlgru.kernels.gpu.sequences import Reserve
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

NAME = "cluster"
tried = partial(costs.tried, NAME)


def accepts(spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this engine."""
    device = device_of(spec.device)
    if not isinstance(device, str) and device.cluster == 1:
        return f"thread-block clusters need sm_90 or newer, this is sm_{device.arch}"
    return persistent.accepts(NAME, spec)


def cost(spec: Spec) -> float:
    """Estimate the seconds of a forward run: launches, products, steps."""
    return persistent.cost(NAME, spec)


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
    return persistent.forward(NAME, spec, x, state, W, R, b, extra)


def backward(
    reserve: Reserve,
    dy: RawArray | None,
    dlast: State | None,
    dtraces: tuple[RawArray, ...] | None,
    needs: Needs,
    keep: bool = True,
) -> Grads:
    """Run a GRU back over a sequence: gradients of what `needs` names."""
    return persistent.backward(NAME, reserve, dy, dlast, needs, keep)
