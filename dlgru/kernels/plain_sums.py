"""Gradients of the plain engine that gather over all steps: one product for each block."""

from __future__ import annotations

from typing import Any

from dlgru.backend import RawArray, colmajor
from dlgru.kernels.scratch import Scratch
from dlgru.kernels.spec import Grads, Needs, Spec


class Sums:
    """The gradients under way.

    The gate gradients of a block come as rows `d(k,B,gates·H)`: r, z, n with the
    reset gate before the product, and hn, r, z, n with it after, so that what
    belongs to W (the last three) and what belongs to R (the first three) are each
    one range of columns.
    """

    def __init__(
        self, xp: Any, spec: Spec, needs: Needs, scratch: Scratch, x: RawArray, W: RawArray
    ) -> None:
        self.xp, self.spec, self.needs, self.scratch = xp, spec, needs, scratch
        T, B, C, H = spec[:4]
        self.W, self.x = W, x.T
        after = spec.reset == "after"
        self.columns = (4 if after else 3) * H
        # Where the rows r, z and n of R stand among the columns of d.
        rz, n = slice(0, 2 * H), slice(2 * H, 3 * H)
        self.order = ((rz, slice(H, 3 * H)), (n, slice(0, H))) if after else ((rz, rz), (n, n))
        self.started = False

        def result(wanted: bool, *shape: int) -> RawArray:
            return colmajor(xp, shape, spec.dtype) if wanted else None

        self.dx = result(needs.x, C, B, T)
        self.dW = result(needs.W, 3 * H, C)
        self.dR = result(needs.R, 3 * H, H)
        self.db = result(needs.b and spec.bias > 0, spec.bias * H)
        self.dinner = result(needs.inner and spec.inner > 0, *(3 * H, B, T)[: spec.inner + 1])

    def add(
        self,
        first: int,
        end: int,
        d: RawArray,
        h: RawArray,
        open_h: RawArray | None,
        ended: RawArray | None,
    ) -> None:
        """Take in the block `first:end`: its gate gradients and its previous states."""
        xp, (_, B, C, H) = self.xp, self.spec[:4]
        k = end - first
        rows = d.reshape(k * B, self.columns)
        of_W, of_R = rows[:, -3 * H :], rows[:, : 3 * H]
        if self.dx is not None:
            xp.matmul(of_W, self.W, out=self.dx.T[first:end].reshape(k * B, C))
        if self.dW is not None:
            x = self.x[first:end]
            if ended is not None:
                x = xp.where(ended, xp.zeros_like(x[:1, :1, :1]), x)
            self._product("W", x.reshape(k * B, C).T, of_W, self.dW.T)
        if self.dR is not None:
            states = h.reshape(k * B, H).T
            if open_h is None:
                self._product("R", states, of_R, self.scratch.array("dR", H, 3 * H))
            else:
                opened = open_h.reshape(k * B, H).T
                self._product("R rz", states, of_R[:, : 2 * H], self.dR.T[:, : 2 * H])
                self._product("R n", opened, of_R[:, 2 * H :], self.dR.T[:, 2 * H :])
        if self.db is not None:
            ones = self.scratch.once(f"{k} ones", xp.ones, k * B, self.spec.dtype)
            self._product("b", ones, rows, self.scratch.array("db", self.columns))
        if self.dinner is not None:
            if self.spec.inner == 2:
                self._reorder(self.dinner.T[first:end], d)
            elif self.started:
                self.scratch.array("dinner", B, self.columns)[...] += d.sum(0)
            else:
                self.scratch.array("dinner", B, self.columns)[...] = d.sum(0)
        self.started = True

    def _product(self, name: str, left: RawArray, right: RawArray, total: RawArray) -> None:
        if self.started:
            part = self.scratch.array(f"part of {name}", *total.shape)
            self.xp.matmul(left, right, out=part)
            total += part
        else:
            self.xp.matmul(left, right, out=total)

    def _reorder(self, target: RawArray, source: RawArray) -> None:
        for there, here in self.order:
            target[..., there] = source[..., here]

    def finish(self, carry: RawArray) -> Grads:
        """Return the gradients; `carry` is that of the initial state."""
        H, get = self.spec.H, self.scratch.array
        if self.dR is not None and self.spec.reset == "after":
            self._reorder(self.dR.T, get("dR", H, 3 * H))
        if self.db is not None:
            total = get("db", self.columns)
            self.db[: 3 * H] = total[-3 * H :]
            if self.spec.bias == 6:
                self._reorder(self.db[3 * H :], total)
        if self.dinner is not None and self.spec.inner == 1:
            self._reorder(self.dinner.T, get("dinner", self.spec.B, self.columns))
        state = None
        if self.needs.state:
            state = (colmajor(self.xp, (H, self.spec.B), self.spec.dtype),)
            state[0].T[...] = carry
        return Grads(self.dx, state, self.dW, self.dR, self.db, self.dinner)
