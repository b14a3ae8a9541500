"""The activations of a recurrent cell as functions that write where they are told.

A time step of one observation costs little more than the calls into NumPy, so
gates are kept in the form that needs the fewest calls.  Pre-activations of gates
arrive *negated*, ``a = -(W·x + R·h + b)``, because a subtraction negates for
nothing.

* **sigmoid** keeps its denominator ``1 + exp(a)``: two calls, and the gate is
  used by dividing.  It is also accurate where a gate nearly closes, which
  ``(1 + tanh)/2`` is not.  Overflow gives an infinite denominator, that is, a
  closed gate, which is right.
* **hard-sigmoid** keeps the gate itself, and the gate is used by multiplying.

In both, a stored 1 means a gate that is fully open.

Derivatives are read from results: the slope of tanh is ``1 - n²`` and so on.
Where hard-sigmoid has reached 0 or 1 its slope counts as 0; relu'(0) is 0.

Functions have the form ``f(source, destination)``.  Constants are arrays without
dimensions in the class of the data: they cost half of what a Python number costs
in a small call, and never turn single into double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from dlgru.backend import RawArray

Write: TypeAlias = Callable[[RawArray, RawArray], object]
Use: TypeAlias = Callable[[RawArray, RawArray, RawArray], object]
_Gate: TypeAlias = tuple[Write, Use, Write, Write]


class Pointwise(NamedTuple):
    """The element-wise arithmetic of one cell on one array library."""

    gate: Write  # negated pre-activation -> stored gate
    use: Use  # value, stored gate -> value·gate
    value: Write  # stored gate -> gate
    gate_slope: Write  # gate -> its derivative
    act: Write  # pre-activation -> candidate
    act_slope: Write  # candidate -> its derivative
    one: RawArray
    zero: RawArray


def pointwise(xp: Any, dtype: Any, gate: str, act: str) -> Pointwise:
    """Collect the functions for the named activations."""
    one = xp.full((), 1.0, dtype=dtype)
    gates, activation = GATES[gate](xp, dtype, one), ACTIVATIONS[act](xp, dtype, one)
    zero = xp.full((), 0.0, dtype=dtype)
    return Pointwise(*gates, *activation, one, zero)


def _sigmoid(xp: Any, dtype: Any, one: RawArray) -> _Gate:
    exp, add, divide, subtract, multiply = xp.exp, xp.add, xp.divide, xp.subtract, xp.multiply

    def gate(negated: RawArray, out: RawArray) -> None:
        exp(negated, out)
        add(out, one, out)

    def value(stored: RawArray, out: RawArray) -> None:
        divide(one, stored, out)

    def slope(gate: RawArray, out: RawArray) -> None:
        subtract(one, gate, out)
        multiply(out, gate, out)

    return gate, divide, value, slope


def _hard_sigmoid(xp: Any, dtype: Any, one: RawArray) -> _Gate:
    rise = xp.full((), 0.2, dtype=dtype)
    half, zero = xp.full((), 0.5, dtype=dtype), xp.full((), 0.0, dtype=dtype)

    def gate(negated: RawArray, out: RawArray) -> None:
        xp.multiply(negated, rise, out)
        xp.subtract(half, out, out)
        xp.maximum(out, zero, out=out)
        xp.minimum(out, one, out=out)

    def value(stored: RawArray, out: RawArray) -> None:
        out[...] = stored

    def slope(gate: RawArray, out: RawArray) -> None:
        # Positive strictly between 0 and 1, where the sign of g·(1 - g) is 1.
        xp.subtract(one, gate, out)
        xp.multiply(out, gate, out)
        xp.sign(out, out)
        xp.multiply(out, rise, out)

    return gate, xp.multiply, value, slope


def _tanh(xp: Any, dtype: Any, one: RawArray) -> tuple[Write, Write]:
    def slope(n: RawArray, out: RawArray) -> None:
        xp.multiply(n, n, out)
        xp.subtract(one, out, out)

    return xp.tanh, slope


def _softsign(xp: Any, dtype: Any, one: RawArray) -> tuple[Write, Write]:
    def act(a: RawArray, out: RawArray) -> None:
        size = xp.absolute(a)
        xp.add(size, one, size)
        xp.divide(a, size, out)

    def slope(n: RawArray, out: RawArray) -> None:
        # n = a/(1 + |a|) gives 1 - |n| = 1/(1 + |a|), whose square is the derivative.
        xp.absolute(n, out)
        xp.subtract(one, out, out)
        xp.multiply(out, out, out)

    return act, slope


def _relu(xp: Any, dtype: Any, one: RawArray) -> tuple[Write, Write]:
    zero = xp.full((), 0.0, dtype=dtype)

    def act(a: RawArray, out: RawArray) -> None:
        xp.maximum(a, zero, out=out)

    return act, xp.sign


GATES: dict[str, Callable[[Any, Any, RawArray], _Gate]] = {
    "sigmoid": _sigmoid,
    "hard-sigmoid": _hard_sigmoid,
}
ACTIVATIONS: dict[str, Callable[[Any, Any, RawArray], tuple[Write, Write]]] = {
    "tanh": _tanh,
    "softsign": _softsign,
    "relu": _relu,
}
