"""What a recurrent operation is given, checked, and how its results are handed out.

Inside, X is ``C×B×T`` and everything is an unlabelled Value of one class; outside, sizes
and labels are the user's.  ``prepare`` leads in, ``Call.results`` leads out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.backend import result_dtype
from dlgru.convert import is_number, labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.labels import describe, positions
from dlgru.ops.cells import CELLS
from dlgru.ops.classes import astype
from dlgru.ops.connect import unlabelled_order
from dlgru.ops.format import require_format, stripdims
from dlgru.ops.sizes import whole

ARRAYS = ("X", "H0", "weights", "recurrentWeights", "bias")


class Call(NamedTuple):
    """A call whose arguments are checked: what the operation gets, what its results become."""

    values: list[Value]  # X[C,B,T], H0[H,B or 1], weights, recurrentWeights, bias
    y_shape: tuple[int, ...]
    y_labels: str
    y_order: str  # of the dimensions of an unformatted Y; empty for a formatted one
    state_labels: str

    def results(self, y: Value, h: Value, nargout: int) -> Any:
        """Y, or Y and hiddenState, from ``y[H,B,T]`` and ``h[H,B]``."""
        Y = wrap(y.reshape(self.y_shape), self.y_labels)
        if self.y_order:
            Y = stripdims(Y, self.y_order)
        return Y if nargout == 1 else (Y, wrap(h, self.state_labels))


def prepare(arrays: tuple[Any, ...], DataFormat: str, ResetGateMode: str, Direction: str) -> Call:
    """Check the five arrays of a call, and bring them to the sizes and the class inside."""
    X, H0, weights, recurrentWeights, bias = arrays
    x = require_format(X, DataFormat, "gru")
    labels, shape = x.dims, x.shape
    sizes = dict.fromkeys("SCBTU", 1)
    for d, n in zip(labels, shape, strict=True):
        sizes[d] *= n
    if sizes["U"] != 1:
        raise DlgruValueError(
            identifier="dlgru:gru:unspecified",
            function="gru",
            argument="X",
            came=describe(labels, shape),
            expected="singleton U dimensions",
            fix='label them, for instance dlarray(X, "CBT")',
        )
    C, B, T = sizes["S"] * sizes["C"], sizes["B"], sizes["T"]
    values = [
        x.value.reshape((C, B, T)),
        *parameters(H0, weights, recurrentWeights, bias, C, B, ResetGateMode, Direction),
    ]
    for name, v in zip(ARRAYS, values, strict=True):
        if type(v.data) is not type(values[0].data):
            raise DlgruTypeError(
                identifier="dlgru:gru:device",
                function="gru",
                argument=name,
                came="on a device" if backend.is_device_array(v.data) else "on the host",
                expected="all arrays where X is",
            )
    dtype = result_dtype(*[v.data.dtype for v in values])
    values = [v if v.data.dtype == dtype else astype(v, dtype) for v in values]
    kept = "".join(d for d in "BT" if d in labels)
    y_labels = "C" + (kept or "U")
    return Call(
        values,
        y_shape=(values[1].shape[0], *[sizes[d] for d in kept or "U"]),
        y_labels=y_labels,
        y_order=unlabelled_order(DataFormat, y_labels) if DataFormat else "",
        state_labels="" if not labels_of(H0) else "CB" if "B" in labels else "CU",
    )


def parameters(
    H0: Any, weights: Any, recurrentWeights: Any, bias: Any, C: int, B: int, mode: str, way: str
) -> list[Value]:
    """H0[H,B or 1], weights[3H,C], recurrentWeights[3H,H] and a vector bias, sizes checked."""
    h = _initial_state(H0, B)
    W = _matrix(weights, "weights")
    R = _matrix(recurrentWeights, "recurrentWeights")
    b = _vector(bias, "bias")
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
    return [h, W, R, b]


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
    if labels not in ("", "CU"):
        raise _label_error(argument, labels, value.shape, 'labels "CU", or none')
    return value


def _vector(x: Any, argument: str) -> Value:
    value, labels = to_value(x, "gru", argument), labels_of(x)
    if any(d != "C" and n != 1 for d, n in zip(labels, value.shape, strict=False)):
        raise _label_error(argument, labels, value.shape, 'label "C", or none')
    return value


def _label_error(
    argument: str, labels: str, shape: tuple[int, ...], expected: str
) -> DlgruValueError:
    return DlgruValueError(
        identifier="dlgru:gru:labels",
        function="gru",
        argument=argument,
        came=describe(labels, shape),
        expected=expected,
    )


def lengths_of(given: Any, B: int, T: int) -> list[int]:
    """Steps of each observation, as host integers."""
    raw = given.value.data if type(given) is DLArray else given
    if hasattr(raw, "ravel"):
        raw = backend.to_host(raw).ravel().tolist()
    elif is_number(raw):
        raw = [raw]
    if not isinstance(raw, list | tuple | range):
        raise DlgruTypeError(
            identifier="dlgru:gru:lengths",
            function="gru",
            argument="SequenceLengths",
            came=f"a {type(raw).__name__}",
            expected=f"{B} whole numbers, one for each observation",
        )
    lengths = [
        n if type(n) is int
        else int(n) if type(n) is float and n.is_integer()
        else whole(n, "gru", "SequenceLengths")
        for n in raw
    ]  # fmt: skip
    if len(lengths) != B or (lengths and (min(lengths) < 0 or max(lengths) > T)):
        raise DlgruValueError(
            identifier="dlgru:gru:lengths",
            function="gru",
            argument="SequenceLengths",
            came=f"{len(lengths)} lengths"
            + (f" from {min(lengths)} to {max(lengths)}" if lengths else ""),
            expected=f"{B} lengths, one for each observation, from 0 to T = {T}",
        )
    return lengths
