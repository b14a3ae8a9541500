"""What a recurrent operation is given, checked: state, weights, bias, lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruValueError, size_text
from dlgru.labels import describe, positions
from dlgru.ops.cells import CELLS
from dlgru.ops.sizes import whole


def outputs(nargout: Any) -> int:
    """How many outputs a call of gru asks for."""
    n = whole(nargout, "gru", "nargout")
    if n > 2:
        raise DlgruValueError(
            "Too many output arguments",
            identifier="dlgru:gru:nargout",
            function="gru",
            argument="nargout",
            came=str(n),
            expected="1 (Y) or 2 (Y, hiddenState)",
        )
    return max(n, 1)


def parameters(
    H0: Any, weights: Any, recurrentWeights: Any, bias: Any, C: int, B: int, mode: str, way: str
) -> list[Value]:
    """H0[H,B or 1], weights[3H,C], recurrentWeights[3H,H] and bias[3H], sizes checked."""
    h = _initial_state(H0, B)
    W = _matrix(weights, "weights")
    R = _matrix(recurrentWeights, "recurrentWeights")
    b = to_value(bias, "gru", "bias")
    ways = 2 if way == "bidirectional" else 1
    both = f", twice for Direction={way!r}" if ways == 2 else ""
    H, odd = divmod(h.shape[0], ways)
    if odd:
        raise _size_error("H0", h.shape, "an even number of rows: two directions stacked")
    gates = f"{3 * ways}H"
    for name, value, columns, symbol, source in (
        ("weights", W, C, "C", f"C = {C} from X, H = {H} from H0"),
        ("recurrentWeights", R, H, "H", f"H = {H} from H0"),
    ):
        if value.shape != (3 * ways * H, columns):
            raise _size_error(
                name,
                value.shape,
                f"{gates}×{symbol} = {size_text((3 * ways * H, columns))} ({source}{both})",
            )
    blocks = CELLS[mode].bias_blocks * ways
    if b.data.size != blocks * H or (max(b.shape, default=0) != b.data.size and b.data.size):
        raise _size_error(
            "bias",
            b.shape,
            f"a vector of {blocks}H = {blocks * H} elements for {mode!r} (H = {H} from H0{both})",
        )
    return [h, W, R, b.reshape((b.data.size,))]


def _size_error(argument: str, shape: tuple[int, ...], expected: str) -> DlgruValueError:
    return DlgruValueError(
        identifier="dlgru:gru:size",
        function="gru",
        argument=argument,
        came=size_text(shape),
        expected=expected,
    )


def _initial_state(H0: Any, B: int) -> Value:
    value, labels = to_value(H0, "gru", "H0"), labels_of(H0)
    shape = value.shape
    if labels:
        at = {d: positions(labels, d) for d in "CB"}
        extra = [n for d, n in zip(labels, shape, strict=True) if d not in "CB" and n != 1]
        if not at["C"] or extra:
            raise DlgruValueError(
                identifier="dlgru:gru:initialState",
                function="gru",
                argument="H0",
                came=describe(labels, shape),
                expected='labels "CB" or "C"',
            )
        shape = (shape[at["C"][0]], shape[at["B"][0]] if at["B"] else 1)
        value = value.reshape(shape)
    if value.data.ndim != 2 or shape[1] not in (1, B):
        raise _size_error(
            "H0", shape, f"H×1 or H×B, here H×{B}" if B != 1 else "H×1: X has one observation"
        )
    return value


def _matrix(x: Any, argument: str) -> Value:
    value, labels = to_value(x, "gru", argument), labels_of(x)
    if labels and "C" in labels and labels[0] != "C":
        raise DlgruValueError(
            identifier="dlgru:gru:labels",
            function="gru",
            argument=argument,
            came=describe(labels, value.shape),
            expected='labels "CU", or none',
        )
    return value


def lengths_of(given: Any, B: int, T: int) -> np.ndarray[Any, Any]:
    """Steps of each observation, as host integers."""
    raw = given.value.data if type(given) is DLArray else given
    numbers = backend.to_host(raw).ravel() if hasattr(raw, "ravel") else np.asarray(list(raw))
    lengths = np.array([whole(n, "gru", "SequenceLengths") for n in numbers], dtype=np.intp)
    if lengths.size != B or (lengths.size and (lengths.min() < 0 or lengths.max() > T)):
        raise DlgruValueError(
            identifier="dlgru:gru:lengths",
            function="gru",
            argument="SequenceLengths",
            came=f"{lengths.size} lengths"
            + (f" from {lengths.min()} to {lengths.max()}" if lengths.size else ""),
            expected=f"{B} lengths, one for each observation, from 0 to T = {T}",
        )
    return lengths
