"""The native engine: a whole GRU in C, for NumPy's single and double arrays.

The C code is the optional extension ``dlgru._native``, whose sources stand in ``native/``.
This module tells it what to compute and keeps, between a forward and a backward run,
what the backward run needs.  Where the extension is missing, `PRESENT` is False and the
engine is not offered.

Results do not depend on the number of threads, nor on how a sequence is cut into calls:
sums run in one order whatever the sizes (see ``native/tiles.h``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dlgru.backend import RawArray
from dlgru.kernels import extension
from dlgru.kernels.modes import GRU_MODES, Modes, refusal, spent_reserve
from dlgru.kernels.spec import NO_EXTRA, Extra, Grads, Needs, Out, Spec, State

NAME = "native"

_native: Any = extension.native
PRESENT = _native is not None


def accepts(spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this engine."""
    if not PRESENT:
        return f"this installation lacks it: {extension.absence}"
    return refusal(spec, _MODES) or True


_MODES: Modes = {**GRU_MODES, "device": ("cpu",), "inner": (0,)}
# In the order of their numbers in native/run.h.
_GATES = ("sigmoid", "hard-sigmoid")
_ACTIVATIONS = ("tanh", "softsign", "relu")


def cost(spec: Spec) -> float:
    """Estimate the seconds of a forward run: the call, products, gates.

    As coarse as the plain engine's estimate, with which it is compared: single, one thread,
    a processor of today.
    """
    rows = spec.T * spec.B
    products = 6.0 * rows * spec.H * (spec.C + spec.H)
    return 1e-6 + products / 180e9 + 1e-9 * rows * spec.H


def quick(
    x: RawArray, h0: RawArray, W: RawArray, R: RawArray, b: RawArray
) -> tuple[RawArray, RawArray] | None:
    """Take one time step of one observation of the default GRU; None where that is not asked."""
    return None


if PRESENT:
    quick = _native.quick


def keep(spec: Spec, W: RawArray, R: RawArray, b: RawArray | None, kept: dict[Any, Extra]) -> Extra:
    """Pack weights for the runs of a spec to come, or find in `kept` what was packed before."""
    if spec.T * spec.B <= 4:  # such calls read the weights where they are
        return NO_EXTRA
    one = spec.B == 1
    key = (NAME, spec.reset, one, _native.instruction_set())
    if key not in kept:
        try:
            kept[key] = Extra(kept=_native.keep(W, R, b, _mode(spec), one))
        except MemoryError:  # then each call packs for itself
            kept[key] = NO_EXTRA
    return kept[key]


@dataclass(slots=True)
class Reserve:
    """What the backward run needs of a forward run; read-only until it is spent."""

    spec: Spec
    inputs: tuple[Any, ...]  # the first arguments of both calls
    y: RawArray
    gates: RawArray  # 4·T·B·H values (3 with "before") in the kernels' order; None: computed again
    instruction_set: int  # which fixes that order
    spent: bool = False


def _mode(spec: Spec) -> int:
    """Put the options into the number that the extension reads."""
    return (
        1 * (spec.reset == "before")
        + 2 * (spec.direction == "backward")
        + 4 * _GATES.index(spec.gate)
        + 8 * _ACTIVATIONS.index(spec.act)
        + 32 * (spec.save == "gates")
    )


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
    lengths = np.array(extra.lengths, np.intp) if spec.lengths else None
    inputs = (x, state[0], W, R, b if spec.bias else None, lengths, _mode(spec))
    y, last, gates, instruction_set = _native.forward(*inputs, extra.kept)
    if spec.save == "none":
        return Out(y, (last,), (), None)
    return Out(y, (last,), (), Reserve(spec, inputs, y, gates, instruction_set))


def backward(
    reserve: Reserve,
    dy: RawArray | None,
    dlast: State | None,
    dtraces: tuple[RawArray, ...] | None,
    needs: Needs,
    keep: bool = True,
) -> Grads:
    """Run a GRU back over a sequence: gradients of what `needs` names."""
    if reserve.spent:
        raise spent_reserve()
    wanted = sum(1 << k for k, need in enumerate(needs[:5]) if need)
    dx, dh0, dW, dR, db = _native.backward(
        *reserve.inputs,
        reserve.y,
        reserve.gates,
        dy,
        None if dlast is None else dlast[0],
        wanted,
        reserve.instruction_set,
    )
    if not keep:
        reserve.spent, reserve.gates = True, None
    return Grads(dx, None if dh0 is None else (dh0,), dW, dR, db, None)
