"""The cuDNN that is not there: its recurrent calls on host memory, computed by the plain engine.

It keeps what was told by descriptors and places weights with gaps, so that a caller who assumes a
layout, passes arguments in another order or reads what it should not gets wrong numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from dlgru.kernels import plain
from dlgru.kernels.spec import NO_EXTRA, Needs, Spec

GAP = 5  # numbers between the places of weights, unless a test says otherwise
NOTE = 64  # bytes of reserve and workspace


class FakeCudnn:
    """What ``ctypes.CDLL("libcudnn.so.9")`` is to the engine."""

    def __init__(self, gap: int = GAP) -> None:
        self.gap = gap
        self.complaint = b""
        self.told: dict[int, Any] = {}
        self.made = 0
        self.algorithms: list[int] = []
        self.runs: dict[float, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        action = getattr(type(self), name.removeprefix("cudnn"))

        def call(*arguments: Any) -> Any:
            return action(self, *arguments)

        setattr(self, name, call)  # the caller hangs argument types on it
        return call

    def GetErrorString(self, code: int) -> bytes:
        return b"CUDNN_STATUS_FAKE"

    def GetLastErrorString(self, room: Any, size: int) -> None:
        room.value = self.complaint[: size - 1]

    def GetVersion(self) -> int:
        return 91900

    def GetCudartVersion(self) -> int:
        return 13000

    def _create(self, made: Any) -> int:
        self.made += 1
        made._obj.value = 1000 + self.made
        self.told[made._obj.value] = None
        return 0

    def _destroy(self, made: int) -> int:
        del self.told[made]
        return 0

    Destroy = DestroyRNNDescriptor = DestroyRNNDataDescriptor = DestroyTensorDescriptor = _destroy

    Create = CreateRNNDescriptor = CreateRNNDataDescriptor = CreateTensorDescriptor = _create

    def SetStream(self, handle: Any, stream: int) -> int:
        return 0

    def BuildRNNDynamic(self, handle: Any, rnn: Any, B: int) -> int:
        return 9  # no engine asks for this algorithm

    def SetRNNDescriptor_v8(self, made: Any, algorithm: int, *rest: Any) -> int:
        cell, bias, way, skip, kind, precision, math, C, H, projected, layers, dropout, flags = rest
        assert (cell, way, skip, layers, dropout, flags) == (3, 0, 0, 1, None, 1)
        assert (projected, kind) == (H, precision)
        if algorithm and bias != 2:
            return 9  # the persistent algorithms know the double bias only
        self.algorithms.append(algorithm)
        self.told[made] = (bias, kind, C, H, math)
        return 0

    def SetRNNDataDescriptor(self, made: Any, kind: int, layout: int, *rest: Any) -> int:
        T, B, n, lengths, _fill = rest
        assert layout == 0
        assert list(lengths) == [T] * B
        self.told[made] = (kind, T, B, n)
        return 0

    def SetTensorNdDescriptor(self, made: Any, kind: int, rank: int, sizes: Any, steps: Any) -> int:
        one, B, H = list(sizes)
        assert (rank, one, list(steps)) == (3, 1, [B * H, H, 1])
        self.told[made] = (kind, B, H)
        return 0

    def _layout(self, rnn: Any) -> list[tuple[int, int | None]]:
        bias, _, C, H, _ = self.told[rnn]
        at, places = self.gap, []
        for columns in (C, C, C, H, H, H):
            places.append([at, None])
            at += H * columns + self.gap
        for k in range(3 * bias if bias else 0):
            places[k][1] = at
            at += H + self.gap
        return [*map(tuple, places), (at, None)]

    def GetRNNWeightSpaceSize(self, handle: Any, rnn: Any, size: Any) -> int:
        size._obj.value = self._layout(rnn)[-1][0] * (8 if self.told[rnn][1] else 4)
        return 0

    def GetRNNWeightParams(self, handle: Any, rnn: Any, layer: int, nbytes: int, *rest: Any) -> int:
        base, k, _, matrix, _, bias = rest
        itemsize = 8 if self.told[rnn][1] else 4
        place, of_bias = self._layout(rnn)[k]
        matrix._obj.value = base + place * itemsize
        bias._obj.value = None if of_bias is None else base + of_bias * itemsize
        return 0

    def GetRNNTempSpaceSizes(self, handle: Any, rnn: Any, mode: int, x: Any, *sizes: Any) -> int:
        sizes[0]._obj.value = NOTE
        sizes[1]._obj.value = NOTE if mode else 0
        return 0

    def _weights(self, rnn: Any, address: int) -> tuple[Any, list[Any], list[Any]]:
        _, kind, C, H, _ = self.told[rnn]
        layout = self._layout(rnn)
        space = _numbers(address, kind, layout[-1][0])
        columns = (C, C, C, H, H, H)
        matrices = [
            space[at : at + H * n].reshape(H, n)
            for (at, _), n in zip(layout[:-1], columns, strict=True)
        ]
        biases = [None if at is None else space[at : at + H] for _, at in layout[:-1]]
        return space, matrices, biases

    def RNNForward(self, handle: Any, rnn: Any, mode: int, lengths: Any, *rest: Any) -> int:
        x_of, x, y_of, y, _, h0, last, *cell, nbytes, weights, _, _, kept, reserve = rest
        assert lengths is None
        assert cell == [None] * 3
        assert (kept, reserve is not None) == ((NOTE, True) if mode else (0, False))
        _, kind, C, H, _ = self.told[rnn]
        _, T, B, _ = self.told[x_of]
        assert self.told[y_of] == (kind, T, B, H)
        space, matrices, biases = self._weights(rnn, weights)
        assert space.nbytes == nbytes
        given = [_column_major(x, kind, C, B, T), _column_major(h0, kind, H, B)]
        W, R = (np.asfortranarray(np.concatenate(matrices[k : k + 3])) for k in (0, 3))
        b = np.concatenate([np.zeros(H, W.dtype) if v is None else v for v in biases])
        spec = Spec(T, B, C, H, W.dtype, bias=6, save="gates")
        out = plain.forward(spec, given[0].copy("F"), (given[1].copy("F"),), W, R, b, NO_EXTRA)
        _column_major(y, kind, H, B, T)[...] = out.y
        _column_major(last, kind, H, B)[...] = out.last[0]
        if mode:
            note = _numbers(reserve, 1, NOTE // 8)
            note[...] = 1.0 + len(self.runs)
            self.runs[note[0]] = out.reserve
        return 0

    def RNNBackwardData_v8(self, handle: Any, rnn: Any, lengths: Any, *rest: Any) -> int:
        y_of, y, dy, _, dx, _, _, dlast, dh0, *cell = rest[:13]
        assert cell == [None] * 4
        _, kind, C, H, _ = self.told[rnn]
        _, T, B, _ = self.told[y_of]
        note = _numbers(rest[-1], 1, NOTE // 8)
        run = self.runs[note[0]]
        np.testing.assert_array_equal(_column_major(y, kind, H, B, T), run.y)
        end = None if dlast is None else (_column_major(dlast, kind, H, B),)
        grads = plain.backward(run, _column_major(dy, kind, H, B, T), end, (), Needs())
        _column_major(dx, kind, C, B, T)[...] = grads.x
        _column_major(dh0, kind, H, B)[...] = grads.state[0]
        note[...] = -note[0]  # used up: only the weights may follow
        self.runs[note[0]] = grads
        return 0

    def RNNBackwardWeights_v8(self, handle: Any, rnn: Any, add: int, *rest: Any) -> int:
        assert add == 0
        grads = self.runs[_numbers(rest[-1], 1, NOTE // 8)[0]]
        H = self.told[rnn][3]
        _, matrices, biases = self._weights(rnn, rest[-5])
        for k in range(6):
            rows = slice(k % 3 * H, (k % 3 + 1) * H)
            matrices[k] += (grads.W, grads.R)[k // 3][rows]
            if biases[k] is not None:
                biases[k] += grads.b[k * H : (k + 1) * H]
        return 0


def _numbers(address: int, kind: int, count: int) -> Any:
    element = ctypes.c_double if kind else ctypes.c_float
    return np.ctypeslib.as_array((element * count).from_address(address))


def _column_major(address: int, kind: int, *shape: int) -> Any:
    return _numbers(address, kind, int(np.prod(shape))).reshape(shape, order="F")
