"""``gru`` as an operation: the definition is a cell and a scan, the speed is an engine's.

The body on Values is the definition; it computes what no engine takes (activations
that are the user's own functions) and every higher derivative.  ``_Engines`` hands
the whole operation to the fastest engine that accepts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from dlgru import backend
from dlgru.array import Value
from dlgru.kernels.gpu.registry import device_text
from dlgru.kernels.interface import run_backward, run_forward
from dlgru.kernels.saving import kept_for_the_derivative
from dlgru.kernels.spec import NO_EXTRA, Extra, Needs, Spec
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
from dlgru.ops.recurrent_sizes import lengths_of, prepare
from dlgru.ops.sizes import outputs_asked

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
        spec = spec_of(inputs, options, save)
        out = run_forward(spec, x, (h,), W, R, b.reshape(-1), _extra(options))
        return (out.y, out.last[0]), (out.reserve, b.shape)

    def backward(
        self, saved: Any, gradients: Sequence[Any], needs: Sequence[bool], keep: bool
    ) -> Sequence[Any]:
        """Gradients of X, H0 and the weights."""
        reserve, b_shape = saved
        dy, dh = gradients
        g = run_backward(reserve, dy, None if dh is None else (dh,), (), Needs(*needs), keep)
        db = None if g.b is None else g.b.reshape(b_shape)
        return g.x, None if g.state is None else g.state[0], g.W, g.R, db


def _extra(options: dict[str, Any]) -> Extra:
    lengths = options.get("SequenceLengths")
    return NO_EXTRA if lengths is None else Extra(lengths=lengths)


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
        device=device_text(data),
        reset="before" if options["ResetGateMode"] == "before-multiplication" else "after",
        gate=options["GateActivationFunction"],
        act=options["StateActivationFunction"],
        bias=inputs[4].data.size // (H * ways) if H else _blocks(options),
        direction=options["Direction"],
        lengths=options.get("SequenceLengths") is not None,
        save=kept_for_the_derivative() if save else "none",
    )


def _blocks(options: dict[str, Any]) -> int:
    return CELLS[options["ResetGateMode"]].bias_blocks


@composite("gru", fused=_Engines())
def gru_operation(
    X: Any, H0: Any, weights: Any, recurrentWeights: Any, bias: Any, **options: Any
) -> Any:
    """The definition: ``X[C,B,T] H0[H,B] weights[3H,C] recurrentWeights[3H,H]``, vector bias."""
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


@gru_operation.cases
def _(r: Any) -> Any:
    H, C, B, T = 3, 2, 2, 3
    W, R, b = r(3 * H, C), r(3 * H, H), r(3 * H, 1)
    yield r(C, B, T, fmt="CBT"), r(H, B, fmt="CB"), W, R, b
    yield r(C, B, T, fmt="CBT"), r(H, 1), W, R, b, {"ResetGateMode": "before-multiplication"}
    mode = "recurrent-bias-after-multiplication"
    yield r(C, B, T, fmt="CBT"), r(H, 1), W, R, r(6 * H, 1), {"ResetGateMode": mode}
    yield r(C, B, fmt="CB"), r(H, B), W, R, b, {"StateActivationFunction": "softsign"}
    yield r(B, T, C), r(H, 1), W, R, b, {"DataFormat": "BTC", "Direction": "backward"}
    yield r(C, B, T, fmt="CBT"), r(H, B), W, R, b, {"StateActivationFunction": "relu"}
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


@gru_operation.door
def full_door(
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

    (in the third mode ``br`` is ``bWr + bRr``, and ``bz`` alike).

    Parameters
    ----------
    X : array
        ``X[C,B,T]`` in any order of labels.  S dimensions are flattened into C, in
        stored order; without C there is one channel, without B one observation,
        without T one time step (and Y has no T); U must be singleton.
    H0 : array
        Initial state: ``H×1`` for all observations or ``H×B``; formatted ``"CB"`` or
        ``"C"``, or unformatted.  It says how many hidden units there are.
    weights : array
        ``3H×C``, the blocks of r, z, n below each other; formatted ``"CU"`` or not.
    recurrentWeights : array
        ``3H×H``, stacked alike.
    bias : array
        A vector of ``3H`` elements; ``6H`` in the recurrent-bias mode, input biases first.
    DataFormat : str
        Labels of unformatted X, in their order; not allowed for formatted X.
    ResetGateMode : str
        ``"after-multiplication"`` (default), ``"before-multiplication"`` or
        ``"recurrent-bias-after-multiplication"`` (PyTorch's and cuDNN's).
    StateActivationFunction : str or callable
        s: ``"tanh"`` (default), ``"softsign"``, ``"relu"``, or a function made of dlgru
        operations that gives a result of the size of its argument.
    GateActivationFunction : str or callable
        g: ``"sigmoid"`` (default), ``"hard-sigmoid"`` (0.2x + 0.5 between 0 and 1), or a
        function made of dlgru operations.
    SequenceLengths : list or array of whole numbers, optional
        Beyond MATLAB: steps of each observation, from 0 to T.  Afterwards its state stands
        still, its outputs are 0, and what its padding holds, NaN included, has no effect.
        The backward direction starts at each observation's own last step.
    Direction : str
        Beyond MATLAB: ``"forward"`` (default), ``"backward"``, or ``"bidirectional"`` with
        stacked parameters, forward block first: weights ``6H×C``, recurrentWeights ``6H×H``,
        bias ``6H`` (``12H``), H0 ``2H``; Y and the state have 2H channels.
    nargout : int
        2 also returns the final state.

    Returns
    -------
    Y : DLArray
        ``Y[H,B,T]``: the labels of X without S and U (``"CU"`` if that leaves C alone);
        unformatted, in the order of `DataFormat`, if X is.  Single if any array is.
    hiddenState : DLArray
        ``"CB"`` if H0 is formatted (``"CU"`` if X has no B), else unformatted ``H×B``.

    Raises
    ------
    DlgruValueError
        Sizes or labels that do not fit together, or an option that is none of its words.
    DlgruTypeError
        Integer data, X without labels, an unknown option.

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
    nargout = outputs_asked(nargout, "gru", "Y", "hiddenState")
    arrays = (X, H0, weights, recurrentWeights, bias)
    call = prepare(arrays, DataFormat, ResetGateMode, Direction)
    _, B, T = call.values[0].shape
    y, h = gru_operation.op.on_values(
        *call.values,
        ResetGateMode=ResetGateMode,
        StateActivationFunction=StateActivationFunction,
        GateActivationFunction=GateActivationFunction,
        SequenceLengths=None if SequenceLengths is None else lengths_of(SequenceLengths, B, T),
        Direction=Direction,
    )
    return call.results(y, h, nargout)
