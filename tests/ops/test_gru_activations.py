"""Functions as activations of ``gru``: the named ones written out, others, and wrong ones."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import oracle_gru
import pytest
from gru_cases import ACTS, GATES
from ops.gru_public import CALLABLES, MODES, arrays_of, case_of, close, host, loops, options_of

import dlgru as dl
from dlgru.array import DLArray


def derivatives(case: Any, options: dict[str, Any]) -> list[Any]:
    """Y, hiddenState, first derivatives, and derivatives of a slope."""

    def f(*a: DLArray) -> Any:
        Y, h = dl.gru(*a, **options, nargout=2)
        first = dl.dlgradient(dl.sum(Y**2, "all") + dl.sum(h**3, "all"), *a)
        slope = sum(dl.sum(dl.stripdims(g) ** 2, "all") for g in first)
        return [Y, h, *first, *dl.dlgradient(slope, *a)]

    return [host(x) for x in dl.dlfeval(f, *arrays_of(case))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("act", "gate"), [*itertools.product(ACTS, GATES)])
def test_a_function_is_as_good_as_a_name(mode: str, act: str, gate: str) -> None:
    """One activation a function, the other a name, and both; values, first and second orders."""
    case = case_of(mode, act=act, gate=gate)
    named = options_of(case)
    expected = derivatives(case, named)
    of_state = {**named, "StateActivationFunction": CALLABLES[act]}
    of_gate = {**named, "GateActivationFunction": CALLABLES[gate]}
    for options in (of_state, of_gate, {**of_state, **of_gate}):
        for found, e in zip(derivatives(case, options), expected, strict=True):
            close(found, e, factor=10)


@pytest.mark.parametrize(
    ("function", "number"),
    [
        (lambda x: x, lambda a: a),
        (lambda x: dl.sin(x) / 2, lambda a: math.sin(a) / 2),
        (dl.tanh, math.tanh),
        (np.tanh, math.tanh),
        (lambda x: dl.leakyrelu(x, 0.1), lambda a: a if a > 0 else 0.1 * a),
        (lambda x: dl.max(x, -0.5), lambda a: max(a, -0.5)),
    ],
    ids=["identity", "sine", "dlgru's", "NumPy's", "leaky", "bounded"],
)
@pytest.mark.parametrize("mode", MODES)
def test_other_functions_are_followed(
    mode: str, function: Any, number: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(oracle_gru.ACT, "own", number)
    case = case_of(mode, act="own")
    options = {**options_of(case), "StateActivationFunction": function}
    for _ in range(2):
        Y, h = dl.gru(*arrays_of(case), **options, nargout=2)
        close(Y, loops(case)[0])
        close(h, loops(case)[1])


def test_a_gate_may_be_a_function_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(oracle_gru.GATE, "own", lambda a: 0.5 + a / (2 + 2 * abs(a)))
    case = case_of(gate="own", direction="bidirectional", lengths=[4, 0, 2])
    options = options_of(case)
    options["GateActivationFunction"] = lambda x: 0.5 + x / (2 + 2 * dl.abs(x))
    Y, h = dl.gru(*arrays_of(case), **options, nargout=2)
    close(Y, loops(case)[0])
    close(h, loops(case)[1])


def test_parameters_of_a_function_are_differentiated() -> None:
    """A slope inside the activation is a variable like any other."""
    arguments = arrays_of(case_of())

    def loss(slope: DLArray) -> DLArray:
        Y = dl.gru(*arguments, StateActivationFunction=lambda x: dl.tanh(slope * x))
        return dl.sum(Y, "all")

    g = dl.dlfeval(lambda s: dl.dlgradient(loss(s), s), dl.dlarray(0.8))
    near, far = (
        (float(loss(dl.dlarray(0.8 + s))) - float(loss(dl.dlarray(0.8 - s)))) / (2 * s)
        for s in (1e-3, 2e-3)
    )
    assert float(g) == pytest.approx((4 * near - far) / 3, rel=1e-9)


def test_a_function_sees_one_gate_of_one_step_without_labels() -> None:
    seen: list[Any] = []

    def watching(x: DLArray) -> DLArray:
        seen.append((x.shape, x.dims))
        return dl.tanh(x)

    case = case_of(sizes=(4, 3, 2, 5))
    dl.gru(*arrays_of(case), StateActivationFunction=watching)
    assert seen == [((5, 3), "")] * 4


@pytest.mark.parametrize(
    ("wrong", "came"),
    [
        (lambda x: dl.sum(x, "all"), "1×1"),
        (lambda x: dl.transpose(x), "2×3"),
        (lambda x: dl.reshape(x, 6, 1), "6×1"),
        (lambda x: 1.0, "1×1"),
        (lambda x: x[:, 0], "3×1"),
    ],
    ids=["a sum", "turned", "a vector", "a number", "a column"],
)
@pytest.mark.parametrize("option", ["StateActivationFunction", "GateActivationFunction"])
def test_a_result_of_another_size_is_an_error(option: str, wrong: Any, came: str) -> None:
    with pytest.raises(dl.DlgruValueError) as caught:
        dl.gru(*arrays_of(case_of(sizes=(4, 2, 2, 3))), **{option: wrong})
    error = caught.value
    assert error.identifier == "dlgru:gru:activation"
    assert (error.function, error.argument) == ("gru", "the activation's result")
    assert error.came == came
    assert error.expected.startswith("3×2")


@pytest.mark.parametrize(
    "wrong",
    [lambda x: None, lambda x: "tanh", lambda x: np.ones((3, 2), int)],
    ids=["nothing", "a word", "integers"],
)
def test_a_result_that_is_no_array_is_an_error(wrong: Any) -> None:
    with pytest.raises(dl.DlgruTypeError) as caught:
        dl.gru(*arrays_of(case_of(sizes=(4, 2, 2, 3))), StateActivationFunction=wrong)
    assert caught.value.argument == "the activation's result"
    assert caught.value.identifier == "dlgru:dlarray:class"


def test_an_error_of_the_function_itself_comes_through() -> None:
    def failing(x: DLArray) -> DLArray:
        raise ZeroDivisionError("of my own")

    with pytest.raises(ZeroDivisionError, match="of my own"):
        dl.gru(*arrays_of(case_of()), StateActivationFunction=failing)
