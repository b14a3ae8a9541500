"""The cell table, and the scan that runs any cell over time.

A cell says which gates have input weights, recurrent weights and a bias, in stacking
order, and how one step goes.  Everything else follows: sizes, the products that can be
formed for all time steps at once, derivatives of any order.

One convention holds throughout, MATLAB's: gates are stacked reset, update, candidate
(``r z n``), and the update gate *keeps the old state*,

    h = (1 - z) .* n + z .* h_before

Inside a step ``w`` holds each gate's input part (W x + b) at this time step, ``R`` its
recurrent weights, ``c`` its recurrent bias where the mode has one; ``gate`` and ``act``
are the gate and state activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlgru.array import DLArray, Value, finish
from dlgru.backend import xp_of
from dlgru.convert import to_value
from dlgru.errors import DlgruValueError, size_text
from dlgru.ops.activation import relu, sigmoid
from dlgru.ops.compare import ge, le, select
from dlgru.ops.elementwise import abs, tanh
from dlgru.ops.expand import expand
from dlgru.ops.join import cat, split, stack, unstack

Parts = Mapping[str, Any]
Activation = Callable[[Any], Any]
Step = Callable[[Any, Parts, Parts, Parts, Activation, Activation], Any]


class Cell(NamedTuple):
    """One kind of recurrent unit.

    Attributes
    ----------
    name : str
        As in ``CELLS``.
    input_gates, recurrent_gates, bias_gates : str
        The gates that have input weights, recurrent weights and a bias, one letter
        each, in stacking order.
    recurrent_bias_gates : str
        The gates with a bias of their own on the recurrent product; these blocks
        follow those of `bias_gates`.
    step : callable
        ``step(h, w, R, c, gate, act)`` gives the next state.
    """

    name: str
    input_gates: str
    recurrent_gates: str
    bias_gates: str
    recurrent_bias_gates: str
    step: Step

    @property
    def bias_blocks(self) -> int:
        """Size of the bias, in multiples of the number of hidden units."""
        return len(self.bias_gates) + len(self.recurrent_bias_gates)


CELLS: dict[str, Cell] = {}


def cell(name: str, *, W: str, R: str, b: str, c: str = "") -> Callable[[Step], Step]:
    """Enter a step function in the cell table."""

    def enter(step: Step) -> Step:
        CELLS[name] = Cell(name, W, R, b, c, step)
        return step

    return enter


@cell("after-multiplication", W="rzn", R="rzn", b="rzn")
def _(h: Any, w: Parts, R: Parts, c: Parts, gate: Activation, act: Activation) -> Any:
    """GRU, the reset gate applied after the recurrent product."""
    r = gate(w["r"] + R["r"] @ h)
    z = gate(w["z"] + R["z"] @ h)
    n = act(w["n"] + r * (R["n"] @ h))
    return (1 - z) * n + z * h


@cell("before-multiplication", W="rzn", R="rzn", b="rzn")
def _(h: Any, w: Parts, R: Parts, c: Parts, gate: Activation, act: Activation) -> Any:
    """GRU, the reset gate applied to the state before the recurrent product."""
    r = gate(w["r"] + R["r"] @ h)
    z = gate(w["z"] + R["z"] @ h)
    n = act(w["n"] + R["n"] @ (r * h))
    return (1 - z) * n + z * h


@cell("recurrent-bias-after-multiplication", W="rzn", R="rzn", b="rzn", c="rzn")
def _(h: Any, w: Parts, R: Parts, c: Parts, gate: Activation, act: Activation) -> Any:
    """GRU, reset after the product, with a second set of biases on the recurrent side."""
    r = gate(w["r"] + (R["r"] @ h + c["r"]))
    z = gate(w["z"] + (R["z"] @ h + c["z"]))
    n = act(w["n"] + r * (R["n"] @ h + c["n"]))
    return (1 - z) * n + z * h


RESET_MODES = (
    "after-multiplication",
    "before-multiplication",
    "recurrent-bias-after-multiplication",
)


# -- activations -----------------------------------------------------------------------


def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``."""
    return x / (1 + abs(x))


def hard_sigmoid(x: Any) -> Any:
    """MATLAB's: 0 below -2.5, ``0.2 x + 0.5`` between, 1 above 2.5; slope 0 at the corners."""
    inside = select(ge.op.on_values(x, 2.5), 1.0, 0.2 * x + 0.5)
    return select(le.op.on_values(x, -2.5), 0.0, inside)


STATE_ACTIVATIONS: dict[str, Activation] = {"tanh": tanh, "softsign": softsign, "relu": relu}
GATE_ACTIVATIONS: dict[str, Activation] = {"sigmoid": sigmoid, "hard-sigmoid": hard_sigmoid}


def activation(
    given: str | Callable[[DLArray], Any], table: Mapping[str, Activation]
) -> Activation:
    """The function behind an activation's name, or a user's function made to take Values."""
    if isinstance(given, str):
        return table[given]

    def apply(v: Value) -> Value:
        result = to_value(given(finish(v)), "gru", "the activation's result")
        if result.shape != v.shape:
            raise DlgruValueError(
                "An activation acts on each element",
                identifier="dlgru:gru:activation",
                function="gru",
                argument="the activation's result",
                came=size_text(result.shape),
                expected=f"{size_text(v.shape)}, the size of what it was given",
            )
        return result

    return apply


# -- running a cell over time --------------------------------------------------------------


def scan(
    unit: Cell,
    X: Value,
    H0: Value,
    W: Value,
    R: Value,
    b: Value,
    *,
    gate: Activation,
    act: Activation,
    backward: bool = False,
    lengths: Sequence[int] | None = None,
) -> tuple[Value, Value]:
    """Run a cell over ``X[C,B,T]`` from ``H0[H,B]``; returns ``Y[H,B,T]`` and the last state.

    The products with the inputs of all time steps are formed at once.  With `lengths`,
    observation k takes part in its first ``lengths[k]`` steps; after them its state
    stands still and its outputs are 0.  Its padding is selected out of X, so NaN
    there goes nowhere.
    """
    C, B, T = X.shape
    H = H0.shape[0]
    h = H0 if H0.shape[1] == B else expand(H0, (H, B))
    active = None if lengths is None else _active(lengths, T, xp_of(X.data))
    if active is not None:
        X = select(active, X, 0.0)
    k = len(unit.bias_gates)
    inputs = W @ X.reshape((C, B * T))
    bias = b.reshape((b.data.size, 1))
    bias, extra = split.op.on_values(bias, axis=0, counts=(k * H, bias.shape[0] - k * H))
    wx = (inputs + bias).reshape((k * H, B, T))
    w_blocks = dict(zip(unit.input_gates, _blocks(wx, k, H), strict=True))
    R_parts = dict(zip(unit.recurrent_gates, _blocks(R, len(unit.recurrent_gates), H), strict=True))
    c_parts = dict(
        zip(
            unit.recurrent_bias_gates,
            _blocks(extra, len(unit.recurrent_bias_gates), H) if unit.recurrent_bias_gates else (),
            strict=True,
        )
    )
    if T == 0:
        # A step of no observations: empty, yet the results depend on every input.
        none, h = split.op.on_values(h, axis=1, counts=(0, B))
        w_none = {name: block.reshape((H, 0)) for name, block in w_blocks.items()}
        none = unit.step(none, w_none, R_parts, c_parts, gate, act)
        return none.reshape((H, B, 0)), cat.op.on_values(none, h, axis=1)
    w_parts = {name: unstack.op.on_values(block, axis=2) for name, block in w_blocks.items()}
    steps: list[Value] = [h] * T
    for t in reversed(range(T)) if backward else range(T):
        w = {name: series[t] for name, series in w_parts.items()}
        new = unit.step(h, w, R_parts, c_parts, gate, act)
        if active is None:
            h = steps[t] = new
        else:
            now = Value(active.data[:, :, t])
            h = select(now, new, h)
            steps[t] = select(now, new, 0.0)
    return stack.op.on_values(*steps, axis=2), h


def _blocks(x: Value, count: int, H: int) -> tuple[Value, ...]:
    parts: tuple[Value, ...] = split.op.on_values(x, axis=0, counts=(H,) * count)
    return parts


def _active(lengths: Sequence[int], T: int, xp: Any) -> Value:
    """True where observation b takes part in step t, sized 1×B×T."""
    mask = np.arange(T)[None, None, :] < np.asarray(lengths)[None, :, None]
    return Value(xp.asarray(mask, order="F"))


def both_ways(
    unit: Cell, X: Value, H0: Value, W: Value, R: Value, b: Value, **options: Any
) -> tuple[Value, Value]:
    """A forward and a backward scan on the halves of stacked weights; outputs stacked alike."""
    halves = [
        split.op.on_values(x, axis=0, counts=(x.shape[0] // 2,) * 2)
        for x in (H0, W, R, b.reshape((b.data.size, 1)))
    ]
    runs = [
        scan(unit, X, *[half[k] for half in halves], backward=bool(k), **options) for k in (0, 1)
    ]
    return (
        cat.op.on_values(runs[0][0], runs[1][0], axis=0),
        cat.op.on_values(runs[0][1], runs[1][1], axis=0),
    )
