"""``gru`` as an operation: the definition is a cell and a scan, the speed is an engine's.

The body on Values is the definition; it computes what no engine takes (activations
that are the user's own functions) and every higher derivative.  ``_Engines`` hands
the whole operation to the fastest engine that accepts it.

A call costs little beside the arithmetic only if its door is short, and streaming
calls it once a time step.  So the first call with some weights leaves a *plan* on
the Value of the recurrent weights: what the sizes, labels and options came to.
Values are immutable, so a later call that shows the same three Values needs no
look at the weights at all.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish, labels_of, to_value, wrap
from dlgru.backend import result_dtype
from dlgru.errors import DlgruValueError, size_text
from dlgru.kernels.interface import run_backward, run_forward
from dlgru.kernels.spec import Extra, Needs, Spec
from dlgru.labels import describe, positions
from dlgru.namevalue import OneOf, OneOfOrCallable
from dlgru.op import composite
from dlgru.ops.cells import (
    CELLS,
    GATE_ACTIVATIONS,
    RESET_MODES,
    STATE_ACTIVATIONS,
    activation,
    both_ways,
    scan,
)
from dlgru.ops.classes import astype
from dlgru.ops.connect import unlabelled_order
from dlgru.ops.format import require_format, stripdims
from dlgru.ops.sizes import whole

DIRECTIONS = ("forward", "backward", "bidirectional")


class _Engines:
    """The fused pair of ``gru``: whole operations on raw arrays, by ``kernels``."""

    def accepts(self, inputs: Sequence[Value], options: dict[str, Any]) -> bool:
        """True unless an activation is a function, or data are complex."""
        return (
            isinstance(options["StateActivationFunction"], str)
            and isinstance(options["GateActivationFunction"], str)
            and inputs[0].data.dtype not in backend.REAL_OF
        )

    def forward(
        self, inputs: Sequence[Value], options: dict[str, Any], save: bool
    ) -> tuple[tuple[Any, ...], Any]:
        """Y and hiddenState, and the reserve for the backward pass."""
        x, h, W, R, b = [v.data for v in inputs]
        out = run_forward(spec_of(inputs, options, save), x, (h,), W, R, b, _extra(options))
        return (out.y, out.last[0]), out.reserve

    def backward(
        self, saved: Any, gradients: Sequence[Any], needs: Sequence[bool], keep: bool
    ) -> Sequence[Any]:
        """Gradients of X, H0 and the weights."""
        dy, dh = gradients
        g = run_backward(
            saved, dy, None if dh is None else (dh,), (), Needs(*needs, inner=False), keep
        )
        return g.x, None if g.state is None else g.state[0], g.W, g.R, g.b


def _extra(options: dict[str, Any]) -> Extra:
    lengths = options.get("SequenceLengths")
    return Extra() if lengths is None else Extra(lengths=lengths)


def spec_of(inputs: Sequence[Value], options: dict[str, Any], save: bool) -> Spec:
    """What an engine is asked for."""
    C, B, T = inputs[0].data.shape
    ways = 2 if options["Direction"] == "bidirectional" else 1
    H = inputs[3].data.shape[1]
    data = inputs[0].data
    return Spec(
        T,
        B,
        C,
        H,
        data.dtype,
        device="gpu" if backend.is_device_array(data) else "cpu",
        reset="before" if options["ResetGateMode"] == "before-multiplication" else "after",
        gate=options["GateActivationFunction"],
        act=options["StateActivationFunction"],
        bias=inputs[4].data.size // (H * ways) if H else _blocks(options),
        direction=options["Direction"],
        lengths=options.get("SequenceLengths") is not None,
        save="gates" if save else "none",
    )


def _blocks(options: dict[str, Any]) -> int:
    return CELLS[options["ResetGateMode"]].bias_blocks


@composite("gru", fused=_Engines())
def _gru(X: Any, H0: Any, weights: Any, recurrentWeights: Any, bias: Any, **options: Any) -> Any:
    """The definition, on ``X[C,B,T] H0[H,B] weights[3H,C] recurrentWeights[3H,H] bias[3H]``."""
    direction = options["Direction"]
    run: Callable[..., Any] = both_ways if direction == "bidirectional" else scan
    how = {} if direction == "bidirectional" else {"backward": direction == "backward"}
    return run(
        CELLS[options["ResetGateMode"]],
        X,
        H0,
        weights,
        recurrentWeights,
        bias,
        gate=activation(options["GateActivationFunction"], GATE_ACTIVATIONS),
        act=activation(options["StateActivationFunction"], STATE_ACTIVATIONS),
        lengths=options.get("SequenceLengths"),
        **how,
    )


@_gru.cases
def _(r: Any) -> Any:
    H, C, B, T = 3, 2, 2, 3
    W, R, b = r(3 * H, C), r(3 * H, H), r(3 * H, 1)
    yield r(C, B, T, fmt="CBT"), r(H, B, fmt="CB"), W, R, b
    yield r(C, B, T, fmt="CBT"), r(H, 1), W, R, b, {"ResetGateMode": "before-multiplication"}
    mode = "recurrent-bias-after-multiplication"
    yield r(C, B, T, fmt="CBT"), r(H, 1), W, R, r(6 * H, 1), {"ResetGateMode": mode}
    yield r(C, B, fmt="CB"), r(H, B), W, R, b, {"StateActivationFunction": "softsign"}
    yield r(B, T, C), r(H, 1), W, R, b, {"DataFormat": "BTC", "Direction": "backward"}
    yield r(C, T, fmt="CT"), r(H, 1), W, R, b, {"GateActivationFunction": "hard-sigmoid"}
    yield r(C, B, T, fmt="CBT"), r(H, 1), W, R, b, {"SequenceLengths": [3, 1]}
    yield (
        r(C, B, T, fmt="CBT"),
        r(2 * H, 1),
        r(6 * H, C),
        r(6 * H, H),
        r(6 * H, 1),
        {"Direction": "bidirectional", "SequenceLengths": [2, 3]},
    )


# -- the door ------------------------------------------------------------------------------


@_gru.door
def _full_door(
    X: Any,
    H0: Any,
    weights: Any,
    recurrentWeights: Any,
    bias: Any,
    *,
    DataFormat: str = "",
    ResetGateMode: Annotated[str, OneOf(*RESET_MODES)] = "after-multiplication",
    StateActivationFunction: Annotated[Any, OneOfOrCallable(*STATE_ACTIVATIONS)] = "tanh",
    GateActivationFunction: Annotated[Any, OneOfOrCallable(*GATE_ACTIVATIONS)] = "sigmoid",
    SequenceLengths: Any = None,
    Direction: Annotated[str, OneOf(*DIRECTIONS)] = "forward",
    nargout: int = 1,
) -> Any:
    """Gated recurrent unit over a sequence.

    *z multiplies the previous state; order reset, update, candidate; reset after the
    product by default*::

        r = g(Wr x + Rr h' + br)        z = g(Wz x + Rz h' + bz)
        n = s(Wn x + r .* (Rn h') + bn)                 "after-multiplication"
        n = s(Wn x + Rn (r .* h') + bn)                 "before-multiplication"
        n = s(Wn x + bWn + r .* (Rn h' + bRn))          "recurrent-bias-after-multiplication"
        h = (1 - z) .* n + z .* h'

    Parameters
    ----------
    X : array
        ``X[C,B,T]`` in any order of labels.  S dimensions are flattened into C, in
        stored order; without C there is one channel, without B one observation,
        without T one time step (and Y has no T); U must be singleton.
    H0 : array
        Initial state: ``H×1`` for all observations or ``H×B``; formatted ``"CB"`` or
        ``"C"``.
    weights : array
        ``3H×C``, the blocks of r, z, n below each other.
    recurrentWeights : array
        ``3H×H``, stacked alike.
    bias : array
        ``3H`` elements; ``6H`` in the recurrent-bias mode, input biases first.
    DataFormat : str
        Labels of unformatted X, in their order.
    ResetGateMode : str
        ``"after-multiplication"`` (default), ``"before-multiplication"`` or
        ``"recurrent-bias-after-multiplication"`` (PyTorch's and cuDNN's).
    StateActivationFunction : str or callable
        s: ``"tanh"`` (default), ``"softsign"``, ``"relu"``, or a function made of dlgru
        operations.
    GateActivationFunction : str or callable
        g: ``"sigmoid"`` (default), ``"hard-sigmoid"`` (0.2x + 0.5 between 0 and 1), or a
        function made of dlgru operations.
    SequenceLengths : list of int, optional
        Beyond MATLAB: steps of each observation.  Afterwards its state stands still, its
        outputs are 0, and what its padding holds has no effect.
    Direction : str
        Beyond MATLAB: ``"forward"`` (default), ``"backward"``, or ``"bidirectional"`` with
        stacked parameters, forward block first: weights ``6H×C``, recurrentWeights ``6H×H``,
        bias ``6H`` (``12H``), H0 ``2H``; Y and the state have 2H channels.
    nargout : int
        2 also returns the final state.

    Returns
    -------
    Y : DLArray
        ``Y[H,B,T]``: the labels of X without S and U; unformatted, in the order of
        `DataFormat`, if X is.
    hiddenState : DLArray
        ``"CB"`` if H0 is formatted (``"CU"`` if X has no B), else unformatted ``H×B``.

    Notes
    -----
    Derivatives of any order exist.  With T = 0 or B = 0 the outputs are labelled
    empties and the final state is H0.  Cho et al. 2014 (arXiv 1406.1078) introduced the
    unit; MATLAB's ``gru`` page states the form and the names used here.

    Examples
    --------
    >>> import dlgru as dl
    >>> _ = dl.rng("default")
    >>> H, C, B, T = 100, 10, 32, 64
    >>> X = dl.dlarray(dl.randn(C, B, T), "CBT")
    >>> W, R, b = dl.randn(3 * H, C), dl.randn(3 * H, H), dl.randn(3 * H, 1)
    >>> Y, h = dl.gru(X, dl.zeros(H, 1), W, R, b, nargout=2)
    >>> Y.shape, Y.dims, h.shape
    ((100, 32, 64), 'CBT', (100, 32))
    """
    nargout = _outputs(nargout)
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
        *_parameters(H0, weights, recurrentWeights, bias, C, B, ResetGateMode, Direction),
    ]
    dtype = result_dtype(*[v.data.dtype for v in values])
    values = [v if v.data.dtype == dtype else astype(v, dtype) for v in values]
    lengths = None if SequenceLengths is None else _lengths(SequenceLengths, B, T)
    y, h = _gru.op.on_values(
        *values,
        ResetGateMode=ResetGateMode,
        StateActivationFunction=StateActivationFunction,
        GateActivationFunction=GateActivationFunction,
        SequenceLengths=lengths,
        Direction=Direction,
    )
    channels = h.data.shape[0]
    kept = "C" + "".join(d for d in labels if d in "BT")
    Y = finish(y.reshape((channels, *[sizes[d] for d in kept[1:]])), kept) if len(kept) > 1 else (
        wrap(y.reshape((channels, 1)), "CU")
    )
    if DataFormat:
        Y = stripdims(Y, unlabelled_order(DataFormat, Y.dims))
    if nargout == 1:
        return Y
    state = "" if not labels_of(H0) else "CB" if "B" in labels else "CU"
    return Y, wrap(h, state)


def _outputs(nargout: Any) -> int:
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


def _parameters(
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
    if b.data.size != blocks * H or max(b.shape, default=0) != b.data.size and b.data.size:
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


def _lengths(given: Any, B: int, T: int) -> np.ndarray[Any, Any]:
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


# -- the fast door -----------------------------------------------------------------------------


class _Plans(dict[Any, Any]):
    """What calls with certain weights came to; the Values of weights and bias it holds for."""

    __slots__ = ("W", "b")


_OPTION_NAMES = frozenset(
    ["ResetGateMode", "StateActivationFunction", "GateActivationFunction", "Direction"]
)
_LARGEST = 64


def _remember(args: tuple[Any, ...], options: dict[str, Any], nargout: int, result: Any) -> None:
    """Leave a plan for a call that is as plain as a call can be."""
    X, H0, W, R, b = args
    values = [a.value for a in args]
    dtype = values[0].data.dtype
    if (
        any(v.tape is not None or v.data.dtype is not dtype for v in values)
        or not set(options) <= _OPTION_NAMES
        or not all(type(o) is str for o in options.values())
        or options.get("Direction", "forward") != "forward"
        or dtype not in (backend.single, backend.double)
        or 0 in values[0].data.shape
    ):
        return
    r = values[3]
    if r.plan is None or r.plan.W is not values[2] or r.plan.b is not values[4]:
        r.plan = _Plans()
        r.plan.W, r.plan.b = values[2], values[4]
    if len(r.plan) >= _LARGEST:
        r.plan.clear()
    Y = result[0] if nargout == 2 else result
    sizes = {d: n for d, n in zip(X.dims, X.shape, strict=True)}
    x3 = (
        math.prod([n for d, n in zip(X.dims, X.shape, strict=True) if d in "SC"]),
        sizes.get("B", 1),
        sizes.get("T", 1),
    )
    _, checked = _gru.op._binder(args, options)
    full = {
        "ResetGateMode": "after-multiplication",
        "StateActivationFunction": "tanh",
        "GateActivationFunction": "sigmoid",
        "Direction": "forward",
        **checked,
    }
    inputs = [
        values[0].reshape(x3),
        values[1].reshape((R.shape[1], values[1].data.size // max(R.shape[1], 1))),
        values[2],
        values[3],
        values[4].reshape((values[4].data.size,)),
    ]
    spec = spec_of(inputs, full, save=False)
    state_labels = "" if not H0._labels else "CB" if "B" in X._labels else "CU"
    key = (X.shape, X._labels, H0.shape, H0._labels, tuple(options.items()))
    r.plan[key] = (
        functools.partial(run_forward, spec),
        dtype,
        None if X.shape == x3 else x3,
        None if H0.shape == inputs[1].data.shape else inputs[1].data.shape,
        inputs[4].data,
        None if Y.shape == (Y.shape[0], *x3[1:]) else Y.shape,
        Y._labels,
        state_labels,
    )


_NO_EXTRA = Extra()


def gru(*args: Any, **options: Any) -> Any:
    if len(args) == 5:
        X, H0, W, R, b = args
        if type(R) is DLArray and type(X) is DLArray and type(H0) is DLArray:
            r = R._value
            nargout = options.pop("nargout", 1) if options else 1
            if r is not None and r.plan is not None and type(W) is type(b) is DLArray:
                plans = r.plan
                xv, hv = X._value, H0._value
                if (
                    plans.W is W._value
                    and plans.b is b._value
                    and xv is not None
                    and hv is not None
                    and xv.tape is None
                    and hv.tape is None
                    and (nargout == 1 or nargout == 2)
                ):
                    x, h = xv.data, hv.data
                    try:
                        plan = plans.get(
                            (x.shape, X._labels, h.shape, H0._labels, tuple(options.items()))
                        )
                    except TypeError:  # an option that cannot be a key
                        plan = None
                    if plan is not None:
                        run, dtype, x3, h2, bias, y_shape, y_labels, h_labels = plan
                        if x.dtype is dtype and h.dtype is dtype:
                            if x3 is not None:
                                x = x.reshape(x3, order="F")
                            if h2 is not None:
                                h = h.reshape(h2, order="F")
                            y, last, _, _ = run(x, (h,), W._value.data, r.data, bias, _NO_EXTRA)
                            if y_shape is not None:
                                y = y.reshape(y_shape, order="F")
                            Y = wrap(Value(y), y_labels)
                            if nargout == 1:
                                return Y
                            return Y, wrap(Value(last[0]), h_labels)
            result = _gru.op.call(args, {**options, "nargout": nargout})
            if type(W) is type(b) is DLArray and X._labels:
                _remember(args, options, _outputs(nargout), result)
            return result
    elif args and type(args[0]) is Value:
        return _gru.op.on_values(*args, **options)
    return _gru.op.call(args, options)


gru.__doc__ = _full_door.__doc__
gru.__signature__ = inspect.signature(_full_door)  # type: ignore[attr-defined]
gru.op = _gru.op  # type: ignore[attr-defined]
_gru.op.public = gru  # type: ignore[assignment]
