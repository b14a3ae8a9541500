"""The plain engine: a whole GRU by array operations, on any array library.

It accepts every mode of a GRU and is what other engines are tested against.
Equations (W, R, b in blocks r, z, n; ``g`` the gate, ``s`` the state activation)::

    r = g(Wr·x + Rr·h' + br)          z = g(Wz·x + Rz·h' + bz)
    n = s(Wn·x + bn + r∘(Rn·h' + b'n))       reset "after" (b'n is 0 with a bias of 3H)
    n = s(Wn·x + bn + Rn·(r∘h'))             reset "before"
    h = (1 - z)∘n + z∘h'

**Layout.**  A column-major ``[C,B,T]`` array is, transposed, a row-major
``(T,B,C)`` one, and ``[3H,C]`` weights are ``(C,3H)`` rows; all names below speak
of the transposed shapes.  Time is walked in blocks small enough for the caches:
one input product a block, then per step one or two recurrent products and a
handful of element-wise calls, all of which read and write contiguous memory:
each gate of a step is a plane of its own.

**Backward.**  What a step multiplies the incoming gradient with depends on the
forward values only, so it is computed for a whole block at once; a step is then
one multiplication into four gate gradients, one product, and the path through z.
Weight gradients are one product a block.

**Lengths.**  A step after the end of an observation counts as a step whose gates
are fully open and whose candidate is 0: its state passes unchanged, and every
factor of its gradients is 0.  Padding is replaced by selection, never multiplied
away, so what stands in it, NaN included, cannot get out.

The reserve refers to x, the initial state, the weights and y; it does not copy
them, and the caller must leave them as they are until the backward run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from dlgru.backend import RawArray, colmajor, double, single, xp_of
from dlgru.kernels.modes import GRU_MODES, refusal, spent_reserve
from dlgru.kernels.plain_blocks import (
    Ended,
    Inputs,
    blocks,
    clear_ended,
    factors_after,
    factors_before,
    gate_count,
    gates_again,
    previous_states,
)
from dlgru.kernels.plain_steps import (
    Steps,
    backward_after,
    backward_before,
    forward_after,
    forward_before,
    hold,
)
from dlgru.kernels.plain_sums import Sums
from dlgru.kernels.pointwise import pointwise
from dlgru.kernels.scratch import Scratch, give_back, take
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

NAME = "plain"


def accepts(spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this engine."""
    return refusal(spec, GRU_MODES) or True


def cost(spec: Spec) -> float:
    """Estimate the seconds of a forward run: calls, products, element-wise passes."""
    rows = spec.T * spec.B
    products = 6.0 * rows * spec.H * (spec.C + spec.H)
    if spec.device != "cpu":
        return 60e-6 * (spec.T + 1)  # a dozen launches a step
    wide = 1 if spec.dtype == single else 2
    return 3.5e-6 * (spec.T + 4) + wide * (products / 100e9 + 12e-10 * rows * spec.H)


@np.errstate(all="ignore")
def _one_step(
    x: RawArray, h0: RawArray, W: RawArray, R: RawArray, b: RawArray, kept: None = None
) -> tuple[RawArray, RawArray] | None:
    """Take one time step of the default GRU on the host, in a third of the time of `forward`."""
    if type(x) is not np.ndarray or h0.shape[1] != x.shape[1]:
        return None
    H, h = h0.shape[0], h0.T
    one = _ONES[x.dtype]
    a = np.dot(x.T if x.ndim == 2 else x.T[0], W.T)
    a += b
    recurrent = np.dot(h, R.T)
    rz, n = recurrent[:, : 2 * H], recurrent[:, 2 * H :]
    rz += a[:, : 2 * H]
    np.negative(rz, rz)
    np.exp(rz, rz)
    rz += one
    n /= rz[:, :H]
    n += a[:, 2 * H :]
    np.tanh(n, n)
    y = h - n
    y /= rz[:, H:]
    y += n
    return y.T if x.ndim == 2 else y.T[:, :, None], y.copy().T


def short(spec: Spec) -> Any:
    """Return the short way for one time step of the default GRU, else None."""
    return _one_step if spec == Spec(*spec[:5]) and spec.T == 1 else None


_ONES = {dtype: np.ones((), dtype) for dtype in (single, double)}


@dataclass(slots=True)
class Reserve:
    """What the backward run needs of a forward run; read-only until it is spent."""

    spec: Spec
    x: RawArray
    h0: RawArray
    y: RawArray
    W: RawArray
    R: RawArray
    b: RawArray
    inner: RawArray
    gates: RawArray  # (T,gates,B,H) as stored, see pointwise.py; None: computed again
    ended: Ended
    spent: bool = False


@np.errstate(all="ignore")
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
    xp, (T, B, _, H) = xp_of(x), spec[:4]
    scratch = take(("forward", spec), xp, spec.dtype)
    f = scratch.once("pointwise", pointwise, xp, spec.dtype, spec.gate, spec.act)
    ended = Ended(xp, spec, extra.lengths)
    inputs = Inputs(xp, spec, scratch, x, W, b, extra.inner)
    keep = hold(xp, f.zero, scratch.array("held", B, H))
    y = colmajor(xp, (H, B, T), spec.dtype)
    saved = None
    if spec.save == "gates":
        saved = xp.empty((T, gate_count(spec), B, H), dtype=spec.dtype)
    h, R_rows = state[0].T, R.T
    if B == 1 and not R_rows.flags.c_contiguous:
        R_rows = R_rows.copy()  # else `dot` copies it in every step
    way = slice(None, None, -1 if spec.direction == "backward" else 1)
    for first, end in blocks(spec):
        a_in, n_in, hidden = inputs.block(first, end)
        gates = None if saved is None else saved[first:end]
        a, planes = _gate_views(spec, scratch, gates, way)
        outside = (a_in[way], n_in[way])
        result = (y.T[first:end][way], ended.steps[first:end][way])
        if spec.reset == "after":
            joins = hidden[way] if spec.inner == 2 else repeat(hidden)
            steps = zip(*outside, joins, *a, *planes, *result, strict=False)
            h = forward_after(xp, f, R_rows, h, keep, steps)
        else:
            open_h = scratch.array("open h", B, H)
            steps = zip(*outside, *a[1:], *planes, *result, strict=False)
            h = forward_before(xp, f, R_rows, h, keep, steps, open_h)
        if gates is not None and ended.mask is not None:
            clear_ended(xp, f, gates, ended.mask[first:end])
    last = colmajor(xp, (H, B), spec.dtype)
    last.T[...] = h
    give_back(("forward", spec), scratch)
    if spec.save == "none":
        return Out(y, (last,), (), None)
    return Out(y, (last,), (), Reserve(spec, x, state[0], y, W, R, b, extra.inner, saved, ended))


def _gate_views(
    spec: Spec, scratch: Scratch, gates: RawArray | None, way: slice
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return, step by step, where products go, and the planes rz, r, z, (hn), n.

    Without a reserve all steps share the same planes.
    """
    B, H, count = spec.B, spec.H, gate_count(spec)
    block = scratch.array("gates", 1, count, B, H) if gates is None else gates[way]

    def each(view: RawArray) -> Iterator[RawArray]:
        return repeat(view[0]) if gates is None else iter(view)

    planes = [each(block[:, :2]), *(each(block[:, i]) for i in range(count))]
    if B == 1:
        k = len(block)
        rows = each(block[:, :2].reshape(k, 1, 2 * H))
        a = (each(block[:, :3].reshape(k, 1, 3 * H)), rows, each(block[:, :2]))
    else:
        products = scratch.array("products", B, 2 * H)
        in_planes = products.reshape(B, 2, H).transpose(1, 0, 2)
        a = (repeat(None), repeat(products), repeat(in_planes))
    return a, tuple(planes)


@np.errstate(all="ignore")
def backward(
    reserve: Reserve,
    dy: RawArray | None,
    dlast: State | None,
    dtraces: tuple[RawArray, ...] | None,
    needs: Needs,
    keep: bool = True,
) -> Grads:
    """Run a GRU back over a sequence: gradients of what `needs` names."""
    spec, xp = reserve.spec, xp_of(reserve.x)
    if reserve.spent:
        raise spent_reserve()
    T, B, H, count = spec.T, spec.B, spec.H, gate_count(spec)
    scratch = take(("backward", spec), xp, spec.dtype)
    f = scratch.once("pointwise", pointwise, xp, spec.dtype, spec.gate, spec.act)
    h0, Y, R_rows, mask = reserve.h0.T, reserve.y.T, reserve.R.T, reserve.ended.mask
    inputs = None
    if spec.save == "y":
        inputs = Inputs(xp, spec, scratch, reserve.x, reserve.W, reserve.b, reserve.inner)
    R_nrz: RawArray = None
    if spec.reset == "after":
        R_nrz = scratch.array("R in the order n, r, z", H, 3 * H)
        R_nrz[:, :H] = R_rows[:, 2 * H :]
        R_nrz[:, H:] = R_rows[:, : 2 * H]
    carry, total = scratch.array("carry", B, H), scratch.array("total", 2, B, H)
    carry[...] = f.zero if dlast is None else dlast[0].T
    dY = xp.broadcast_to(f.zero, (T, B, H)) if dy is None else dy.T
    sums = Sums(xp, spec, needs, scratch, reserve.x, reserve.W)
    back = slice(None, None, 1 if spec.direction == "backward" else -1)
    for first, end in reversed(blocks(spec)):
        k = end - first
        h = previous_states(scratch, spec, h0, Y, reserve.ended, first, end)
        ended = None if mask is None else mask[first:end]
        if inputs is None:
            gates = reserve.gates[first:end]
        else:
            gates = gates_again(xp, f, scratch, inputs, R_rows, h, first)
            if ended is not None:
                clear_ended(xp, f, gates, ended)
        dy_block = dY[first:end]
        if ended is not None:
            dy_block = xp.where(ended, f.zero, dy_block)
        d = scratch.array("d", k, B, count * H)
        d_planes = d.reshape(k, B, count, H).transpose(0, 2, 1, 3)
        factors = scratch.array("factors", k, count, B, H)
        open_h = None
        if R_nrz is not None:
            factors_after(xp, f, gates, h, factors, d)
            steps = _steps(back, dy_block, factors, gates[:, 1], d_planes, d[..., : 3 * H])
            backward_after(xp, f, R_nrz.T, carry, total[0], steps)
        else:
            open_h = scratch.array("open h", k, B, H)
            factors_before(xp, f, gates, h, factors, d, open_h)
            of_step = (dy_block, factors[:, 0], factors[:, 1:], gates[:, 0], gates[:, 1])
            gradients = (d_planes[:, 0], d_planes[:, 1:], d[..., : 2 * H], d[..., 2 * H :])
            steps = _steps(back, *of_step, *gradients)
            backward_before(xp, f, reserve.R, carry, total, steps)
        sums.add(first, end, d, h, open_h, ended)
    grads = sums.finish(carry)
    give_back(("backward", spec), scratch)
    if not keep:
        reserve.spent, reserve.gates = True, None
    return grads


def _steps(way: slice, *arrays: RawArray) -> Steps:
    """Return the parts of each step, in the order of `way`."""
    return zip(*[a[way] for a in arrays], strict=True)
