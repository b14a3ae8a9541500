"""What every operation does when it runs: no floating-point warnings, nothing kept in vain."""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES

import dlgru as dl
from dlgru.array import DLArray, Value
from dlgru.ops.classes import conj, conjugate
from dlgru.tape import Entry

# -- floating-point errors -------------------------------------------------------------------

# An operation at a point where NumPy complains, the value and the gradient there.
EXTREMES: dict[str, tuple[Callable[[Any], Any], float, float, float]] = {
    "log of zero": (dl.log, 0.0, -np.inf, np.inf),
    "log of less than zero": (dl.log, -1.0, np.nan, -1.0),
    "division by zero": (lambda x: 1 / x, 0.0, np.inf, -np.inf),
    "zero by zero": (lambda x: x / x, 0.0, np.nan, np.nan),
    "overflow": (dl.exp, 1000.0, np.inf, np.inf),
    "underflow": (dl.exp, -1000.0, 0.0, 0.0),
    "infinity times zero": (lambda x: x * 0, np.inf, np.nan, 0.0),
    "a root with a vertical tangent": (dl.sqrt, 0.0, 0.0, np.inf),
}


@pytest.mark.parametrize("what", EXTREMES)
def test_operations_and_gradients_are_silent_where_numpy_would_warn(what: str) -> None:
    function, at, value, slope = EXTREMES[what]

    def both(x: Any) -> Any:
        y = function(x)
        return y, dl.dlgradient(y, x)

    with np.errstate(all="raise"):
        untraced = function(dl.dlarray(at))
        y, g = dl.dlfeval(both, dl.dlarray(at))
        assert np.geterr() == dict.fromkeys(np.geterr(), "raise")
    np.testing.assert_array_equal([float(untraced), float(y), float(g)], [value, value, slope])


def test_an_operation_that_raises_leaves_numpys_settings_as_they_were() -> None:
    with np.errstate(all="raise"):
        with pytest.raises(ValueError, match="array is too big"):
            dl.repmat(dl.dlarray(1.0), 2**31, 2**31)
        assert np.geterr()["over"] == "raise"


def test_threads_keep_settings_of_their_own() -> None:
    loud: list[bool] = []
    start = threading.Barrier(2)

    def run() -> None:
        start.wait()
        with np.errstate(all="raise"):
            for _ in range(300):
                dl.log(dl.dlarray(0.0))
                try:
                    np.log(np.zeros(1))
                except FloatingPointError:
                    loud.append(True)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loud) == 600


# -- what an entry of the tape keeps -----------------------------------------------------------


def last_entry(function: Callable[[DLArray], Any], x: Any) -> Entry:
    """What the last operation of a function has recorded."""
    found: list[Entry] = []

    def run(x: DLArray) -> None:
        tape = function(x).value.tape
        found.append(tape.recorded[-1])

    dl.dlfeval(run, dl.dlarray(x))
    return found[0]


CONSTANT = dl.dlarray(np.full((2, 2), 3.0))


@pytest.mark.parametrize(
    ("function", "kept"),
    [
        (lambda x: x * CONSTANT, [True, False]),
        (lambda x: CONSTANT / x, [False, True]),
        (lambda x: x * 3, [True, False]),
        (lambda x: x @ CONSTANT, [True, False]),
        (lambda x: CONSTANT @ x, [False, True]),
        (lambda x: x - x, [True, True]),
    ],
    ids=["x*c", "c/x", "x*3", "x@c", "c@x", "x-x"],
)
def test_pulls_of_constants_are_not_kept(
    function: Callable[[DLArray], Any], kept: list[bool]
) -> None:
    _, read, pulls = last_entry(function, np.eye(2))
    assert [i != 0 for i in read] == kept
    assert [p is not None for p in pulls] == kept


# -- conjugates in derivatives -----------------------------------------------------------------


def test_the_conjugate_of_real_values_is_themselves_and_not_recorded() -> None:
    def look(x: DLArray, z: DLArray) -> None:
        recorded = x.value.tape.recorded
        count = len(recorded)
        assert conjugate(x.value) is x.value
        assert conjugate(2 - 3j) == 2 + 3j
        assert len(recorded) == count
        assert conjugate(z.value).data.item() == 1 - 2j
        assert len(recorded) == count + 1

    dl.dlfeval(look, dl.dlarray(1.0), dl.dlarray(1 + 2j))


REAL_CASES = {
    name: case
    for name, case in ALL_CASES.items()
    if case.op.differentiable
    and case.variables
    and case.op.name != "conj"
    and all(x.dtype.kind != "c" for x in case.args if type(x) is DLArray)
}


@pytest.mark.parametrize("name", REAL_CASES)
def test_no_derivative_conjugates_real_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = REAL_CASES[name]

    def no_call(x: Value) -> Value:
        assert x.dtype.kind == "c", "a conjugate of real data"
        return Value(x.data.conj())

    def gradients(*variables: Any) -> Any:
        y = case.op.public(*case.at(variables), **case.options)
        parts = y if isinstance(y, tuple) else (y,)
        loss = functools.reduce(
            operator.add, [dl.sum(dl.stripdims(dl.real(p)), "all") for p in parts]
        )
        return dl.dlgradient(loss, *variables, EnableHigherDerivatives=True)

    monkeypatch.setattr(conj.op, "on_values", no_call)
    dl.dlfeval(gradients, *case.values())
