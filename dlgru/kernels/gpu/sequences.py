"""What every GPU engine does around its recurrence: products over all steps at once.

Names speak of transposed, row-major shapes as in the plain engine: a column-major
``[C,B,T]`` array is ``(T,B,C)``, and its ``T·B`` rows are one matrix.

The gate gradients of a run come as ``d(T,B,·)``: ``hid r z n`` with the reset gate
after the product, where *hid* belongs to ``Rn·h'``, and ``r z n`` with it before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dlgru.backend import RawArray, as_colmajor, colmajor
from dlgru.kernels.gpu.arguments import ACTIVATIONS, GATES, STEP, column_step, filled, in_columns
from dlgru.kernels.gpu.runtime import Launch, Runtime
from dlgru.kernels.gpu.tilings import REALS
from dlgru.kernels.modes import spent_reserve
from dlgru.kernels.spec import Extra, Grads, Needs, Spec

STEP_THREADS = 256
MOST_BLOCKS = 2048


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
    lengths: RawArray  # on the device
    host_lengths: list[int] | None
    gates: RawArray  # [3H or 4H,B,T], or None: computed again
    mark: Any  # of the forward run's stream
    padded: RawArray  # R with the units of a kernel, or None
    spent: bool = False

    def check(self) -> None:
        """Raise if the run is spent."""
        if self.spent:
            raise spent_reserve()


def planes(spec: Spec) -> int:
    """Return how many planes of gates a step has: r, z, n and, with reset "after", Rn·h' + bn."""
    return 4 if spec.reset == "after" else 3


class Run:
    """The arrays of one forward run, as kernels can walk them."""

    def __init__(
        self,
        xp: Any,
        runtime: Runtime,
        spec: Spec,
        x: RawArray,
        h0: RawArray,
        W: RawArray,
        R: RawArray,
        b: RawArray | None,
        extra: Extra,
    ) -> None:
        self.xp, self.runtime, self.spec = xp, runtime, spec
        self.x, self.W = as_colmajor(xp, x), W
        self.h0, self.R = in_columns(xp, h0), in_columns(xp, R)
        self.b = None if b is None else as_colmajor(xp, b)
        self.inner = in_columns(xp, extra.inner)
        self.host_lengths: list[int] | None = None
        self.lengths: RawArray = None
        self.padded: RawArray = None
        if spec.lengths and extra.lengths is not None:
            self.host_lengths = [int(n) for n in extra.lengths]
            self.lengths = xp.asarray(np.array(self.host_lengths, np.int32))

    @classmethod
    def again(cls, xp: Any, runtime: Runtime, reserve: Reserve) -> Run:
        """Return the run that a reserve is of."""
        r = reserve
        run = cls(xp, runtime, r.spec, r.x, r.h0, r.W, r.R, r.b, Extra(inner=r.inner))
        run.host_lengths, run.lengths, run.padded = r.host_lengths, r.lengths, r.padded
        return run

    def reserve(self, y: RawArray, gates: RawArray) -> Reserve:
        """Return what the backward run will need."""
        run = (self.spec, self.x, self.h0, y, self.W, self.R, self.b, self.inner)
        more = (self.lengths, self.host_lengths, gates, self.runtime.mark(), self.padded)
        return Reserve(*run, *more)

    def rows(self, array: RawArray) -> RawArray:
        """Return all steps of a column-major array as the rows of one matrix: a view."""
        return array.T.reshape(array.shape[1] * array.shape[2], array.shape[0])

    def product(self, out: RawArray, a: RawArray, b: RawArray, add: bool = False) -> None:
        """Form a product in the precision of the spec."""
        self.runtime.product(out, a, b, add, self.spec.precision)

    def inputs(self, out: RawArray = None) -> RawArray:
        """Return W·x of all steps, [3H,B,T]."""
        T, B, _, H = self.spec[:4]
        made = colmajor(self.xp, (3 * H, B, T), self.spec.dtype) if out is None else out
        self.product(self.rows(made), self.rows(self.x), self.W.T)
        return made

    def previous(self, y: RawArray) -> RawArray:
        """Return the states [H,B,T] that the steps started from."""
        spec = self.spec
        made = colmajor(self.xp, y.shape, spec.dtype)
        if spec.direction == "backward":
            made[:, :, :-1] = y[:, :, 1:]
            made[:, :, -1] = self.h0
            if self.host_lengths is not None:
                at = [n - 1 for n in self.host_lengths if n > 0]
                which = [o for o, n in enumerate(self.host_lengths) if n > 0]
                made[:, self._places(which), self._places(at)] = self.h0[:, self._places(which)]
        else:
            made[:, :, 1:] = y[:, :, :-1]
            made[:, :, 0] = self.h0
        return made

    def _places(self, numbers: list[int]) -> RawArray:
        return self.xp.asarray(np.array(numbers, np.int64))

    def gates_again(self, y: RawArray) -> RawArray:
        """Rebuild the gates of all steps from the states."""
        xp, spec = self.xp, self.spec
        T, B, _, H = spec[:4]
        before, gx = self.previous(y), self.inputs()
        gates = colmajor(xp, (planes(spec) * H, B, T), spec.dtype)
        recurrent = 3 if spec.reset == "after" else 2
        Rh = colmajor(xp, (recurrent * H, B, T), spec.dtype)
        self.product(self.rows(Rh), self.rows(before), self.R[: recurrent * H].T)
        known = gate_arguments(spec, self.b, self.inner, self.lengths)
        known |= {"gx": gx, "Rh": Rh, "before": before, "rows": T * B}
        if spec.reset == "after":
            step(self.runtime, spec, "WHOLE", gates=gates, **known)
        else:
            opened, Rn = colmajor(xp, y.shape, spec.dtype), colmajor(xp, y.shape, spec.dtype)
            step(self.runtime, spec, "FIRST", opened=opened, **known)
            self.product(self.rows(Rn), self.rows(opened), self.R[2 * H :].T)
            step(self.runtime, spec, "SECOND", gates=gates, Rn=Rn, **known)
        return gates

    def gradients(
        self, y: RawArray, d: RawArray, opened: RawArray | None, dh0: RawArray, needs: Needs
    ) -> Grads:
        """Return the gradients of everything from those of the gates."""
        xp, spec = self.xp, self.spec
        T, B, C, H = spec[:4]
        after = spec.reset == "after"
        rows = self.rows(d)
        of_W = rows[:, -3 * H :]
        rz = slice(H, 3 * H) if after else slice(0, 2 * H)
        n = slice(0, H) if after else slice(2 * H, 3 * H)

        def made(*shape: int) -> RawArray:
            return colmajor(xp, shape, spec.dtype)

        dx = dW = dR = db = dinner = None
        if needs.x:
            dx = made(C, B, T)
            self.product(self.rows(dx), of_W, self.W)
        if needs.W:
            dW = made(3 * H, C)
            self.product(dW.T, self.rows(self._clean(self.x)).T, of_W)
        if needs.R:
            dR = made(3 * H, H)
            self._states_times(dR[: 2 * H], y, d, rz)
            if opened is None:
                self._states_times(dR[2 * H :], y, d, n)
            else:
                self.product(dR[2 * H :].T, self.rows(opened).T, rows[:, n])
        if needs.b and spec.bias:
            total = made(len(d), 1)
            ones = xp.ones((1, T * B), dtype=spec.dtype)
            self.product(total.T, ones, rows)
            db = made(spec.bias * H)
            db[: 3 * H] = total[-3 * H :, 0]
            if spec.bias == 6:
                db[3 * H : 5 * H] = total[rz, 0]
                db[5 * H :] = total[n, 0]
        if needs.inner and spec.inner:
            each = d if spec.inner == 2 else d.sum(2)
            dinner = made(*(3 * H, B, T)[: spec.inner + 1])
            dinner[: 2 * H] = each[rz]
            dinner[2 * H :] = each[n]
        return Grads(dx, (dh0,) if needs.state else None, dW, dR, db, dinner)

    def _clean(self, x: RawArray) -> RawArray:
        """Return x with zeros where an observation has ended: padding may be NaN."""
        if self.lengths is None:
            return x
        steps = self.xp.arange(self.spec.T, dtype=self.lengths.dtype)
        ended = steps[None, None, :] >= self.lengths[None, :, None]
        made = colmajor(self.xp, x.shape, x.dtype)
        made[...] = self.xp.where(ended, self.xp.zeros((1, 1, 1), dtype=x.dtype), x)
        return made

    def _states_times(self, out: RawArray, y: RawArray, d: RawArray, part: slice) -> None:
        """Write the sum over all steps of (gate gradient)·(previous state)' to `out`.

        The previous state is y one step earlier, and the initial state at the first step.
        """
        spec, xp = self.spec, self.xp
        T, B = spec.T, spec.B
        back = spec.direction == "backward"
        states, gradients = (y[:, :, 1:], d[:, :, :-1]) if back else (y[:, :, :-1], d[:, :, 1:])
        if back and self.host_lengths is not None:
            # Where an observation starts in the middle, the output after its start is a zero.
            last = self._places([max(0, n - 1) for n in self.host_lengths])
            first = colmajor(xp, (len(d), B), spec.dtype)
            first[...] = d[:, xp.arange(B), last]
        else:
            first = d[:, :, -1 if back else 0]
        self.product(out.T, self.h0, first.T[:, part])
        if T > 1:
            self.product(out.T, self.rows(states).T, self.rows(gradients)[:, part], add=True)


def gate_arguments(
    spec: Spec, b: RawArray | None, inner: RawArray | None, lengths: RawArray | None
) -> dict[str, Any]:
    """Return the arguments of `gru_step` that are the same for all steps."""
    return {
        "b": b,
        "inner": inner,
        "lengths": lengths,
        "inner_column": column_step(inner),
        "inner_step": column_step(inner, 2),
        "B": spec.B,
        "H": spec.H,
        "biases": spec.bias,
        "gate": GATES[spec.gate],
        "act": ACTIVATIONS[spec.act],
    }


def step(runtime: Runtime, spec: Spec, part: str, **values: Any) -> None:
    """Launch the gate arithmetic of some rows."""
    blocks = -(-values["rows"] * spec.H // STEP_THREADS)
    name = f"gru_step<{REALS[spec.dtype]}, {part}>"
    launch = Launch(name, min(blocks, MOST_BLOCKS), STEP_THREADS)
    runtime.launch(launch, filled(STEP, runtime, **values))
