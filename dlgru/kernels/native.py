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
from functools import lru_cache, partial
from typing import Any

import numpy as np

from dlgru.backend import RawArray
from dlgru.kernels import extension
from dlgru.kernels.modes import GRU_MODES, Modes, refusal, spent_reserve
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

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


def short(spec: Spec) -> Any:
    """Return the short way for runs of this spec that keep nothing; all but those with lengths."""
    if spec.save != "none" or spec.lengths or spec.direction == "bidirectional":
        return None
    return partial(_native.quick, _mode(spec))


def keep(spec: Spec) -> tuple[Any, Any] | None:
    """Return by what weights are packed for runs of this spec, and how; None for short runs."""
    if spec.T * spec.B <= 4:  # these read the weights where they are
        return None
    alone = spec.B == 1
    key = (NAME, spec.reset, alone, _native.instruction_set())
    return key, partial(_packed, _mode(spec), alone)


def _packed(mode: int, alone: bool, W: RawArray, R: RawArray, b: RawArray | None) -> Any:
    try:
        return _native.keep(W, R, b, mode, alone)
    except MemoryError:  # then each run packs for itself
        return None


@dataclass(slots=True)
class Reserve:
    """What the backward run needs of a forward run; read-only until it is spent."""

    spec: Spec
    inputs: tuple[Any, ...]  # the first arguments of both calls
    y: RawArray
    gates: RawArray  # 4·T·B·H values (3 with "before") in the kernels' order; None: computed again
    instruction_set: int  # which fixes that order
    spent: bool = False


@lru_cache(maxsize=1024)
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
    wanted = needs.x + 2 * needs.state + 4 * needs.W + 8 * needs.R + 16 * needs.b
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
