"""The time loops of the plain engine: the only code that runs once a step.

Arrays are planes of shape `(B,H)`, one a gate; a stack of planes is
`(gates,B,H)`.  Every function writes into arrays that are there already, and
element-wise calls see contiguous memory, because a call on rows of a wider array
costs some 30 ns a row more.  Two calls a step are the exceptions: products lie
as `(B, gates·H)` and are once turned into planes, gradients of gates are planes
and are once turned into rows for the product.

With one observation both layouts are the same, and one product serves all gates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from numpy import ndarray

from dlgru.backend import RawArray
from dlgru.kernels.pointwise import Pointwise

Hold: TypeAlias = Callable[[RawArray, RawArray, RawArray], RawArray]
Steps: TypeAlias = Iterable[tuple[Any, ...]]


def hold(xp: Any, zero: RawArray, held: RawArray) -> Hold:
    """Build the function that keeps the state of ended observations and clears their output."""

    def keep(h: RawArray, y: RawArray, ended: RawArray) -> RawArray:
        xp.copyto(y, h, where=ended)
        held[...] = y
        xp.copyto(y, zero, where=ended)
        return held

    return keep


def parted(xp: Any, R: RawArray, columns: int) -> tuple[RawArray, RawArray]:
    """Return the first columns of a matrix and the others, as products can take them at once.

    NumPy's do so where they lie; CuPy's would copy them in every step.
    """
    first, rest = R[:, :columns], R[:, columns:]
    if type(R) is ndarray:
        return first, rest
    return xp.ascontiguousarray(first), xp.ascontiguousarray(rest)


def forward_after(
    xp: Any, f: Pointwise, R: RawArray, h: RawArray, keep: Hold, steps: Steps
) -> RawArray:
    """Walk a block with the reset gate after the recurrent product; return the last state."""
    add, subtract, dot, matmul = xp.add, xp.subtract, xp.dot, xp.matmul
    gate, use, act = f.gate, f.use, f.act
    H = h.shape[1]
    R_rz, R_n = parted(xp, R, 2 * H)
    for a_in, n_in, hidden, all_three, a, a_planes, rz, r, z, hn, n, y, ended in steps:
        if all_three is None:
            matmul(h, R_rz, out=a)
            matmul(h, R_n, out=hn)
        else:
            dot(h, R, all_three)
        subtract(a_in, a, a)
        gate(a_planes, rz)
        if hidden is not None:
            add(hn, hidden, hn)
        use(hn, r, n)
        add(n, n_in, n)
        act(n, n)
        subtract(h, n, y)
        use(y, z, y)
        add(y, n, y)
        h = y if ended is None else keep(h, y, ended)
    return h


def forward_before(
    xp: Any, f: Pointwise, R: RawArray, h: RawArray, keep: Hold, steps: Steps, open_h: RawArray
) -> RawArray:
    """Walk a block with the reset gate before the product; `open_h` is scratch for r∘h."""
    add, subtract, matmul = xp.add, xp.subtract, xp.matmul
    gate, use, act = f.gate, f.use, f.act
    H = h.shape[1]
    R_rz, R_n = parted(xp, R, 2 * H)
    for a_in, n_in, a, a_planes, rz, r, z, n, y, ended in steps:
        matmul(h, R_rz, out=a)
        subtract(a_in, a, a)
        gate(a_planes, rz)
        use(h, r, open_h)
        matmul(open_h, R_n, out=n)
        add(n, n_in, n)
        act(n, n)
        subtract(h, n, y)
        use(y, z, y)
        add(y, n, y)
        h = y if ended is None else keep(h, y, ended)
    return h


def backward_after(
    xp: Any, f: Pointwise, R: RawArray, carry: RawArray, total: RawArray, steps: Steps
) -> None:
    """Walk a block back: `carry` holds dL/dh and is carried on; R has its rows as n, r, z."""
    add, multiply, use = xp.add, xp.multiply, f.use
    product = xp.dot if carry.shape[0] == 1 else xp.matmul
    for dy, factors, z, d_planes, d_recurrent in steps:
        add(dy, carry, total)
        multiply(factors, total, d_planes)
        product(d_recurrent, R, out=carry)
        use(total, z, total)
        add(carry, total, carry)


def backward_before(
    xp: Any, f: Pointwise, R: RawArray, carry: RawArray, scratch: RawArray, steps: Steps
) -> None:
    """Do the same with the reset gate before the product; R in its own order."""
    add, multiply, matmul, use = xp.add, xp.multiply, xp.matmul, f.use
    H = carry.shape[1]
    R_rz, R_n = R[: 2 * H], R[2 * H :]
    total, d_open = scratch  # dL/dh of the step, and dL/d(r∘h)
    for dy, r_factor, zn_factors, r, z, dr, dzn_planes, drz, dn in steps:
        add(dy, carry, total)
        multiply(zn_factors, total, dzn_planes)
        matmul(dn, R_n, out=d_open)
        multiply(r_factor, d_open, dr)
        matmul(drz, R_rz, out=carry)
        use(d_open, r, d_open)
        add(carry, d_open, carry)
        use(total, z, total)
        add(carry, total, carry)
