"""A GRU in one launch, its blocks meeting in global memory (every supported GPU).

The blocks of a group have to run at the same time, so the launch is cooperative; a
batch that is too large for the GPU runs in several launches.  A state that fits one
block needs no meeting at all.  See `README.md`.
"""

from __future__ import annotations

from functools import partial

from dlgru.backend import RawArray
from dlgru.kernels.gpu import costs, persistent
from dlgru.kernels.gpu.sequences import Reserve
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

NAME = "group"
tried = partial(costs.tried, NAME)


def accepts(spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this engine."""
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
