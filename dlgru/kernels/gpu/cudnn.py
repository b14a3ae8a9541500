"""cuDNN's own GRU: the modes that it has, on whatever size.

Weights are copied into cuDNN's layout in every call: its gates stand in MATLAB's order,
r, z, n.  A bias of 3H is cuDNN's input bias; a bias of 6H is its double bias; some of
its algorithms know the double bias only and get zeros for what is missing.  A backward
direction is a forward one on reversed copies.

Lengths, 'before', hard-sigmoid, softsign and relu are not there, and the engine says so.
"""

from __future__ import annotations

import functools
import math
import threading
import weakref
from collections.abc import Iterator
from ctypes import byref, c_size_t, c_void_p
from dataclasses import dataclass
from functools import partial
from typing import Any

from dlgru.backend import RawArray, as_colmajor, colmajor, double, single, xp_of
from dlgru.kernels.gpu import costs
from dlgru.kernels.gpu.cudnnlibrary import (
    ADD_GRADIENT,
    DEFAULT_MATH,
    DOUBLE,
    DOUBLE_BIAS,
    FLOAT,
    FMA_MATH,
    INFERENCE,
    INPUT_BIAS,
    NO_BIAS,
    PERSIST_DYNAMIC,
    SMALL_H,
    STANDARD,
    TRAINING,
    Library,
    Owned,
    library,
    recurrent_descriptor,
    sequence_descriptor,
    state_descriptor,
)
from dlgru.kernels.gpu.modes import ALLOWED, known_device, refusal
from dlgru.kernels.gpu.registry import runtime_of
from dlgru.kernels.gpu.runtime import Runtime
from dlgru.kernels.gpu.sequences import Reserve, Run
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State

NAME = "cudnn"
tried = partial(costs.tried, NAME)
MODES = ALLOWED | {
    "reset": ("after",),
    "gate": ("sigmoid",),
    "act": ("tanh",),
    "inner": (0,),
    "precision": ("strict", "tf32"),
}
MOST_STEPS = 65535
SMALL = 128  # units up to which its register-resident algorithm runs both ways


def accepts(spec: Spec) -> bool | str:
    """Return True, or the reason why this spec is not one for this engine."""
    reason = refusal(spec, MODES)
    if reason is not None:
        return reason
    if spec.lengths:
        return "observations of their own lengths run on the other engines"
    if spec.T > MOST_STEPS:
        return f"T = {spec.T} is more than the {MOST_STEPS} steps that cuDNN takes"
    found = library()
    return found if isinstance(found, str) else True


def cost(spec: Spec) -> float:
    """Estimate the seconds of a forward run: launches, products, steps."""
    if accepts(spec) is not True:
        return math.inf
    device = known_device(spec)
    small = algorithm_for(spec) == SMALL_H
    return 1e-6 * (costs.outside(spec, device) + costs.cudnn(spec, device, small))


def algorithm_for(spec: Spec) -> int:
    """Return the algorithm that the engine uses for a spec."""
    return SMALL_H if spec.dtype == single and spec.H <= SMALL else STANDARD


class Plan:
    """cuDNN's descriptors and sizes for one spec, in one thread on one device.

    The descriptors go with the plan, but are left to the system when Python ends.
    """

    def __init__(self, cudnn: Library, handle: int, spec: Spec, algorithm: int) -> None:
        self.cudnn, self.handle, self.spec = cudnn, handle, spec
        owned: Owned = []
        weakref.finalize(self, cudnn.destroy, owned).atexit = False
        T, B, C, H = spec[:4]
        kind = DOUBLE if spec.dtype == double else FLOAT
        math = DEFAULT_MATH if spec.precision == "tf32" else FMA_MATH
        bias = DOUBLE_BIAS
        if algorithm == STANDARD and spec.bias != 6:
            bias = INPUT_BIAS if spec.bias else NO_BIAS
        self.rnn = recurrent_descriptor(cudnn, algorithm, bias, kind, math, C, H, owned)
        self.x = sequence_descriptor(cudnn, kind, T, B, C, owned)
        self.y = sequence_descriptor(cudnn, kind, T, B, H, owned)
        self.h = state_descriptor(cudnn, kind, B, H, owned)
        if algorithm == PERSIST_DYNAMIC:
            cudnn("BuildRNNDynamic", handle, self.rnn, B)
        self.weight_bytes = self._size("GetRNNWeightSpaceSize", handle, self.rnn)
        described = [cudnn.make("TensorDescriptor", owned) for _ in range(2)]
        self.places = [self._places(k, *described) for k in range(6)]
        self.room = {mode: self._temporary(mode) for mode in (INFERENCE, TRAINING)}

    def _size(self, name: str, *arguments: Any) -> int:
        size = c_size_t()
        self.cudnn(name, *arguments, byref(size))
        return size.value

    def _temporary(self, mode: int) -> tuple[int, int]:
        """Return the bytes of workspace and reserve."""
        work, reserve = c_size_t(), c_size_t()
        arguments = (self.handle, self.rnn, mode, self.x, byref(work), byref(reserve))
        self.cudnn("GetRNNTempSpaceSizes", *arguments)
        return work.value, reserve.value

    def _places(self, k: int, of_matrix: int, of_bias: int) -> tuple[int, int | None]:
        """Return where matrix and bias k stand, counted in numbers; r, z, n of W, then of R.

        cuDNN describes both, in descriptors that nobody reads.
        """
        matrix, bias = c_void_p(), c_void_p()
        base = 1 << 20  # any address will do: differences are wanted
        self.cudnn(
            "GetRNNWeightParams",
            *(self.handle, self.rnn, 0, self.weight_bytes, base, k),
            *(of_matrix, byref(matrix), of_bias, byref(bias)),
        )
        size = self.spec.dtype.itemsize
        at = None if not bias.value else (bias.value - base) // size
        return ((matrix.value or 0) - base) // size, at

    def parts(self, space: RawArray, W: RawArray, R: RawArray, b: RawArray | None) -> Any:
        """Pair the parts of cuDNN's weights with the rows of W, R and b that they hold.

        Gates whose places follow each other are one part: each costs a launch.
        """
        H = self.spec.H
        matrices = [matrix for matrix, _ in self.places]
        for ours, places in ((W, matrices[:3]), (R, matrices[3:])):
            if ours is not None:
                columns = ours.shape[1]
                for k, at, rows in adjoining(places, H, columns):
                    there = space[at : at + rows * columns].reshape(rows, columns)
                    yield there, ours[k * H : k * H + rows]
        if b is not None:
            biases = [bias for _, bias in self.places[: len(b) // H]]
            for k, at, rows in adjoining(biases, H, 1):
                yield space[at : at + rows], b[k * H : k * H + rows]


def adjoining(places: list[Any], H: int, columns: int) -> Iterator[tuple[int, int, int]]:
    """Join blocks of H rows that follow each other: the first one, its place, rows in all."""
    first = 0
    for k in range(1, len(places) + 1):
        if k == len(places) or places[k] != places[k - 1] + H * columns:
            yield first, places[first], (k - first) * H
            first = k


class Handles:
    """cuDNN's handles of one thread, by device.  They go with the thread."""

    def __init__(self) -> None:
        self.by_device: dict[int, int] = {}
        self._owned: Owned = []

    def on(self, cudnn: Library, device: int) -> int:
        """Return the handle on a device, which must be the current one."""
        if device not in self.by_device:
            self.by_device[device] = cudnn.make("", self._owned)
            if len(self._owned) == 1:
                weakref.finalize(self, cudnn.destroy, self._owned).atexit = False
        return self.by_device[device]


class _Local(threading.local):
    """What belongs to one thread: handles and plans."""

    def __init__(self) -> None:
        self.handles = Handles()
        self.plan = functools.lru_cache(maxsize=256)(Plan)


_local = _Local()


def plan_for(runtime: Runtime, spec: Spec, algorithm: int) -> Plan:
    """Return the plan of a spec, its handle set to the current stream."""
    cudnn = library()
    assert not isinstance(cudnn, str)
    handle = _local.handles.on(cudnn, runtime.number())
    cudnn("SetStream", handle, runtime.stream())
    return _local.plan(cudnn, handle, spec._replace(save="none", direction="forward"), algorithm)


@dataclass(slots=True)
class Pass:
    """One run through cuDNN: its arrays in cuDNN's order of time."""

    run: Run
    plan: Plan
    x: RawArray
    h0: RawArray
    weights: RawArray

    @classmethod
    def of(cls, run: Run, algorithm: int) -> Pass:
        """Bring the arrays of a run into the form that cuDNN wants."""
        plan = plan_for(run.runtime, run.spec, algorithm)
        weights = run.xp.zeros(plan.weight_bytes // run.spec.dtype.itemsize, dtype=run.spec.dtype)
        for there, ours in plan.parts(weights, run.W, run.R, run.b):
            there[...] = ours
        return cls(run, plan, in_time(run, run.x), as_colmajor(run.xp, run.h0), weights)

    def room(self, size: int) -> RawArray:
        """Return uninitialised memory."""
        return self.run.xp.empty(max(size, 1), dtype="uint8")

    def forward(self, training: bool) -> tuple[RawArray, RawArray, RawArray]:
        """Return y, the last state and the reserve (None unless training)."""
        run, plan = self.run, self.plan
        T, B, _, H = run.spec[:4]
        y = colmajor(run.xp, (H, B, T), run.spec.dtype)
        last = colmajor(run.xp, (H, B), run.spec.dtype)
        work_bytes, reserve_bytes = plan.room[TRAINING if training else INFERENCE]
        work = self.room(work_bytes)
        reserve = self.room(reserve_bytes) if training else None
        at = run.runtime.address
        plan.cudnn(
            "RNNForward",
            *(plan.handle, plan.rnn, TRAINING if training else INFERENCE, None),
            *(plan.x, at(self.x), plan.y, at(y), plan.h, at(self.h0), at(last)),
            *(None, None, None, plan.weight_bytes, at(self.weights), work_bytes, at(work)),
            *((reserve_bytes, at(reserve)) if training else (0, None)),
        )
        return y, last, reserve

    def backward(
        self, y: RawArray, dy: RawArray, dlast: RawArray, reserve: RawArray, needs: Needs
    ) -> Grads:
        """Return the gradients; the reserve is used up."""
        run, plan, xp = self.run, self.plan, self.run.xp
        T, B, C, H = run.spec[:4]
        dx = colmajor(xp, (C, B, T), run.spec.dtype)
        dh0 = colmajor(xp, (H, B), run.spec.dtype)
        dweights = xp.zeros(self.weights.shape, dtype=run.spec.dtype)
        work_bytes, reserve_bytes = plan.room[TRAINING]
        work = self.room(work_bytes)
        at = run.runtime.address
        spaces = (work_bytes, at(work), reserve_bytes, at(reserve))
        plan.cudnn(
            "RNNBackwardData_v8",
            *(plan.handle, plan.rnn, None, plan.y, at(y), at(dy), plan.x, at(dx)),
            *(plan.h, at(self.h0), None if dlast is None else at(dlast), at(dh0)),
            *(None, None, None, None, plan.weight_bytes, at(self.weights), *spaces),
        )
        if needs.W or needs.R or needs.b:
            plan.cudnn(
                "RNNBackwardWeights_v8",
                *(plan.handle, plan.rnn, ADD_GRADIENT, None, plan.x, at(self.x)),
                *(plan.h, at(self.h0), plan.y, at(y)),
                *(plan.weight_bytes, at(dweights), *spaces),
            )

        def made(wanted: bool, *shape: int) -> RawArray:
            return colmajor(xp, shape, run.spec.dtype) if wanted else None

        dW, dR = made(needs.W, 3 * H, C), made(needs.R, 3 * H, H)
        db = made(needs.b and run.spec.bias > 0, run.spec.bias * H)
        for there, ours in plan.parts(dweights, dW, dR, db):
            ours[...] = there
        state = (dh0,) if needs.state else None
        return Grads(in_time(run, dx) if needs.x else None, state, dW, dR, db, None)


def in_time(run: Run, array: RawArray) -> RawArray:
    """Return the array, or a copy with time reversed for a backward direction."""
    if run.spec.direction != "backward":
        return as_colmajor(run.xp, array)
    made = colmajor(run.xp, array.shape, array.dtype)
    made[...] = array[:, :, ::-1]
    return made


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
    xp = xp_of(x)
    run = Run(xp, runtime_of(xp), spec, x, state[0], W, R, b, extra)
    y, last, opaque = Pass.of(run, algorithm_for(spec)).forward(spec.save == "gates")
    result = in_time(run, y)
    # The reserve's gates are cuDNN's own notes here.
    return Out(result, (last,), (), None if spec.save == "none" else run.reserve(result, opaque))


def backward(
    reserve: Reserve,
    dy: RawArray | None,
    dlast: State | None,
    dtraces: tuple[RawArray, ...] | None,
    needs: Needs,
    keep: bool = True,
) -> Grads:
    """Run a GRU back over a sequence: gradients of what `needs` names."""
    reserve.check()
    xp = xp_of(reserve.x)
    runtime = runtime_of(xp)
    runtime.wait_for(reserve.mark)
    run = Run.again(xp, runtime, reserve)
    cudnn_pass = Pass.of(run, algorithm_for(run.spec))
    y = in_time(run, reserve.y)
    if reserve.gates is None:
        _, _, opaque = cudnn_pass.forward(training=True)
    else:
        opaque = reserve.gates.copy() if keep else reserve.gates  # backward writes into it
    if dy is None:
        dy = colmajor(xp, y.shape, run.spec.dtype)
        dy[...] = 0
    ends = None if dlast is None else as_colmajor(xp, dlast[0])
    grads = cudnn_pass.backward(y, in_time(run, dy), ends, opaque, needs)
    runtime.keep_back(reserve.mark)
    if not keep:
        reserve.spent, reserve.gates = True, None
    return grads
