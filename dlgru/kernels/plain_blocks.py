"""Blocks of time in the plain engine: all that is done for many steps at once.

A block is a run of steps whose arrays fit the caches.  Its input product, the
factors of its gradients and its share of the weight gradients are single calls;
what is left for each step is in `plain_steps.py`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from dlgru.backend import RawArray
from dlgru.kernels.pointwise import Pointwise
from dlgru.kernels.scratch import Scratch
from dlgru.kernels.spec import Spec

BLOCK_ROWS = 768  # observations × steps; measured, flat between 512 and 1024


def gate_count(spec: Spec) -> int:
    """Return the planes a step fills: r, z, hn = R·h of n, n; or r, z, n with "before"."""
    return 4 if spec.reset == "after" else 3


def blocks(spec: Spec) -> list[tuple[int, int]]:
    """Cut time into equal blocks `(first, past the last)`, in the order of the recurrence."""
    steps = max(1, BLOCK_ROWS // spec.B)
    count = -(-spec.T // steps)
    edges = [spec.T * i // count for i in range(count + 1)]
    cut = list(pairwise(edges))
    return cut[::-1] if spec.direction == "backward" else cut


class Ended:
    """Which observations have ended at which step; `mask` is None if all have full length."""

    __slots__ = ("lengths", "mask", "steps")

    def __init__(self, xp: Any, spec: Spec, lengths: Any) -> None:
        self.lengths: list[int] = []
        self.mask: RawArray = None  # (T,B,1)
        self.steps: list[RawArray] = [None] * spec.T  # its steps, None where none has ended
        if spec.lengths:
            self.lengths = [int(n) for n in lengths]
            host = np.arange(spec.T)[:, None, None] >= np.asarray(self.lengths)[:, None]
            self.mask = xp.asarray(host)
            planes = xp.broadcast_to(self.mask, (spec.T, spec.B, spec.H))
            shortest = min(self.lengths)
            self.steps[shortest:] = list(planes)[shortest:]


class Inputs:
    """What reaches the gates from outside the recurrence: W·x, biases and `inner`."""

    def __init__(
        self,
        xp: Any,
        spec: Spec,
        scratch: Scratch,
        x: RawArray,
        W: RawArray,
        b: RawArray,
        inner: RawArray,
    ) -> None:
        self.xp, self.spec, self.scratch, self.x = xp, spec, scratch, x.T
        H, B = spec.H, spec.B
        self.W_rz, self.W_n = W.T[:, : 2 * H], W.T[:, 2 * H :]
        self.inner = inner.T if spec.inner else inner
        after = spec.reset == "after"
        # Biases are laid out once for all observations, so that adding them runs through.
        self.rz = scratch.array("bias rz", B, 2 * H)
        self.n = scratch.array("bias n", B, H)
        self.hidden: RawArray = None
        self.rz[...] = 0.0 if spec.bias == 0 else b[: 2 * H]
        self.n[...] = 0.0 if spec.bias == 0 else b[2 * H : 3 * H]
        if after and (spec.bias == 6 or spec.inner):
            self.hidden = scratch.array("bias hidden", B, H)
            self.hidden[...] = b[5 * H :] if spec.bias == 6 else 0.0
        if spec.bias == 6:
            self.rz += b[3 * H : 5 * H]
        if spec.inner == 1:
            self.rz += self.inner[:, : 2 * H]
            target = self.hidden if after else self.n
            target += self.inner[:, 2 * H :]
        xp.negative(self.rz, self.rz)

    def block(self, first: int, end: int) -> tuple[RawArray, RawArray, RawArray]:
        """Return -(W·x + b) of r and z `(k,B,2H)`, W·x + b of n, and what joins R·h of n."""
        xp, (_, B, C, H) = self.xp, self.spec[:4]
        k = end - first
        rows = self.x[first:end].reshape(k * B, C)
        rz = self.scratch.array("W·x of rz", k, B * 2 * H)
        n = self.scratch.array("W·x of n", k, B * H)
        xp.matmul(rows, self.W_rz, out=rz.reshape(k * B, 2 * H))
        xp.matmul(rows, self.W_n, out=n.reshape(k * B, H))
        xp.subtract(self.rz.reshape(B * 2 * H), rz, rz)
        xp.add(n, self.n.reshape(B * H), n)
        rz, n = rz.reshape(k, B, 2 * H), n.reshape(k, B, H)
        hidden = self.hidden
        if self.spec.inner == 2:
            inner = self.inner[first:end]
            rz -= inner[..., : 2 * H]
            if hidden is None:
                n += inner[..., 2 * H :]
            else:
                stepwise = self.scratch.array("hidden", k, B, H)
                hidden = xp.add(inner[..., 2 * H :], hidden, stepwise)
        return rz, n, hidden


def previous_states(
    scratch: Scratch, spec: Spec, h0: RawArray, y: RawArray, ended: Ended, first: int, end: int
) -> RawArray:
    """Return the states `(k,B,H)` that the steps of a block started from.

    They are the outputs of the steps before.  In a backward direction an
    observation starts at its own last step, where the output after it is a zero.
    """
    back = spec.direction == "backward"
    starts_here = [(i, n) for i, n in enumerate(ended.lengths) if first < n <= end] if back else []
    if back and end < spec.T and not starts_here:
        return y[first + 1 : end + 1]
    if not back and first > 0:
        return y[first - 1 : end - 1]
    previous = scratch.array("previous", end - first, spec.B, spec.H)
    if back:
        previous[:-1] = y[first + 1 : end]
        previous[-1] = h0 if end == spec.T else y[end]
        for i, n in starts_here:
            previous[n - 1 - first, i] = h0[i]
    else:
        previous[0] = h0
        previous[1:] = y[: end - 1]
    return previous


def gates_again(
    xp: Any, f: Pointwise, scratch: Scratch, inputs: Inputs, R: RawArray, h: RawArray, first: int
) -> RawArray:
    """Rebuild the gates `(k,gates,B,H)` of a block from its previous states, all steps at once."""
    k, B, H = h.shape
    a, n_in, hidden = inputs.block(first, first + k)
    after = inputs.spec.reset == "after"
    count = gate_count(inputs.spec)
    planes = scratch.array("gates", k, count * B * H).reshape(count, k, B, H)
    rows = h.reshape(k * B, H)
    products = scratch.array("products", k * B, 2 * H)
    xp.matmul(rows, R[:, : 2 * H], out=products)
    xp.subtract(a, products.reshape(k, B, 2 * H), a)
    f.gate(a.reshape(k, B, 2, H).transpose(2, 0, 1, 3), planes[:2])
    r, n = planes[0], planes[-1]
    if after:
        hn = planes[2]
        xp.matmul(rows, R[:, 2 * H :], out=hn.reshape(k * B, H))
        if hidden is not None:
            xp.add(hn, hidden, hn)
        f.use(hn, r, n)
    else:
        open_h = products.reshape(-1)[: k * B * H].reshape(k, B, H)
        f.use(h, r, open_h)
        xp.matmul(open_h.reshape(k * B, H), R[:, 2 * H :], out=n.reshape(k * B, H))
    xp.add(n, n_in, n)
    f.act(n, n)
    return planes.transpose(1, 0, 2, 3)


def factors_after(
    xp: Any, f: Pointwise, gates: RawArray, h: RawArray, factors: RawArray, room: RawArray
) -> None:
    """Write what dL/dh is multiplied with to give the gradients of hn, r, z, n (in this order).

    `room` is memory for as many numbers, free until the steps are walked.
    """
    opened, spare = _opened(f, gates, room, factors[:, 1:3])
    r, z, hn, n = opened[:, 0], opened[:, 1], gates[:, 2], gates[:, 3]
    d_hn, d_r, d_z, d_n = (factors[:, i] for i in range(4))
    _candidate(xp, f, z, n, d_n, spare)
    xp.multiply(d_n, r, d_hn)
    xp.multiply(d_r, hn, d_r)
    xp.multiply(d_r, d_n, d_r)
    xp.subtract(h, n, spare)
    xp.multiply(d_z, spare, d_z)


def factors_before(
    xp: Any,
    f: Pointwise,
    gates: RawArray,
    h: RawArray,
    factors: RawArray,
    room: RawArray,
    open_h: RawArray,
) -> None:
    """Write the factors of r (on the gradient of r∘h), z and n, and r∘h itself."""
    opened, spare = _opened(f, gates, room, factors[:, :2])
    r, z, n = opened[:, 0], opened[:, 1], gates[:, 2]
    d_r, d_z, d_n = (factors[:, i] for i in range(3))
    _candidate(xp, f, z, n, d_n, spare)
    xp.multiply(d_r, h, d_r)
    xp.subtract(h, n, spare)
    xp.multiply(d_z, spare, d_z)
    xp.multiply(h, r, open_h)


def _opened(
    f: Pointwise, gates: RawArray, room: RawArray, slopes: RawArray
) -> tuple[RawArray, RawArray]:
    """Return r and z `(k,2,B,H)` and a spare plane, both in `room`; write their slopes."""
    k, _, B, H = gates.shape
    planes = room.reshape(-1)[: k * 3 * B * H]
    opened = planes[: k * 2 * B * H].reshape(k, 2, B, H)
    f.value(gates[:, :2], opened)
    f.gate_slope(opened, slopes)
    return opened, planes[k * 2 * B * H :].reshape(k, B, H)


def _candidate(
    xp: Any, f: Pointwise, z: RawArray, n: RawArray, d_n: RawArray, spare: RawArray
) -> None:
    f.act_slope(n, d_n)
    xp.subtract(f.one, z, spare)
    xp.multiply(d_n, spare, d_n)


def clear_ended(xp: Any, f: Pointwise, gates: RawArray, mask: RawArray) -> None:
    """Store open gates and zero candidates `(k,gates,B,H)` for steps past the end."""
    replace(xp, gates[:, :2], f.one, mask[:, None])
    replace(xp, gates[:, 2:], f.zero, mask[:, None])


def replace(xp: Any, target: RawArray, source: RawArray, mask: RawArray) -> None:
    """Put `source` where `mask` is true."""
    # CuPy wants a mask of full size.
    xp.copyto(target, source, where=xp.broadcast_to(mask, target.shape))
