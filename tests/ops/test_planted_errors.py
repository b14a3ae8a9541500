"""The tests of the tests: a wrong derivative and a leak to the host are noticed.

Every derivative of every operation is made wrong by 0.1 %, one at a time, and the check
that the table runs must fail; so must the fake device when a kernel leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, Case
from fakedevice import TRAFFIC, FakeArray
from ops import checks

from dlgru import op as machinery
from dlgru.array import DLArray, Value
from dlgru.backend import xp_of
from dlgru.op import OPS, keep, primitive
from dlgru.ops import cells, index
from dlgru.ops.cells import CELLS
from dlgru.ops.format import dlarray
from dlgru.tape import Tape

WRONG = 1.001


def scaled(g: Any) -> Any:
    """A gradient that is wrong by 0.1 %; None and logical parts have none."""
    if isinstance(g, index.Patches):
        g.parts = [(place, part * WRONG) for place, part in g.parts]
        return g
    return g * WRONG if type(g) is Value else g


def wrong_rule(rule: Callable[..., Any], only: int | None) -> Callable[..., Any]:
    """A derivative with one of its pulls wrong: that of the input at `only`."""

    class Joint:
        def __init__(self, pull: Any) -> None:
            self.right = pull

        def pull(self, gradients: Sequence[Any], needs: Sequence[bool], tape: Tape) -> Any:
            pulled = list(self.right.pull(gradients, needs, tape))
            return [scaled(g) if k == only else g for k, g in enumerate(pulled)]

    def wrong(*args: Any, **options: Any) -> Any:
        pull = rule(*args, **options)
        if type(pull) is tuple:
            return tuple([_wrong_pull(p) if k == only else p for k, p in enumerate(pull)])
        return _wrong_pull(pull) if callable(pull) else Joint(pull)

    return wrong


def _wrong_pull(pull: Any) -> Any:
    return None if pull is None else lambda g: scaled(pull(g))


def fails(check: Callable[..., None], cases: Sequence[Case], *args: Any) -> bool:
    """True if the check fails for one of the cases."""
    for case in cases:
        try:
            check(case, *args)
        except AssertionError:
            return True
    return False


def cases_named(name: str) -> list[Case]:
    return [case for case in ALL_CASES.values() if case.op.name == name and case.variables]


def inputs_of(case: Case) -> list[int]:
    """Which inputs of the derivative the variables are: strings and a dimension are none."""
    skipped = [k for k, x in enumerate(case.args) if isinstance(x, str)]
    skipped += [0] if case.op.name == "cat" else []
    return [place - sum(k < place for k in skipped) for place in case.variables]


PULLS = [
    (name, place)
    for name, op in OPS.items()
    if op.vjp_rule is not None and op.differentiable
    for place in sorted({k for case in cases_named(name) for k in inputs_of(case)})
]
"""Every input of every derivative.  A new operation needs no line here."""


@pytest.mark.parametrize(("name", "place"), PULLS)
def test_an_error_in_a_derivative_is_noticed(
    name: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    op, own = OPS[name], cases_named(name)
    assert not fails(checks.check_first_derivative, own, "numpy")
    assert op.vjp_rule is not None
    monkeypatch.setattr(op, "vjp_rule", wrong_rule(op.vjp_rule, place))
    assert fails(checks.check_first_derivative, own, "numpy")
    assert fails(checks.check_second_derivative, own, "numpy", False)
    assert fails(checks.check_second_derivative, own, "numpy", True)


FUSED = [
    (name, place)
    for name, op in OPS.items()
    if op.fused is not None
    for place in range(len(cases_named(name)[0].args))
]
"""Every gradient of every fused backward pass.  A new fused operation needs no line here."""


@pytest.mark.parametrize(("name", "place"), FUSED)
def test_an_error_in_a_fused_backward_pass_is_noticed(
    name: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = OPS[name].fused
    right = fused.backward  # type: ignore[union-attr]

    def wrong(*args: Any) -> Any:
        gradients = list(right(*args))
        if gradients[place] is not None:
            gradients[place] = gradients[place] * gradients[place].dtype.type(WRONG)
        return gradients

    assert not fails(checks.check_first_derivative, cases_named(name), "numpy")
    monkeypatch.setattr(fused, "backward", wrong)
    for case in cases_named(name):
        assert fails(checks.check_first_derivative, [case], "numpy"), case


@pytest.mark.parametrize("place", [0, 1], ids=["array", "value"])
def test_an_error_in_the_derivative_of_an_assignment_is_noticed(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = assignment()
    checks.check_first_derivative(case, "numpy")
    right = index.AssignPull.pull

    def wrong(self: Any, *args: Any) -> Any:
        pulled = right(self, *args)
        if isinstance(pulled[place], index.Patches):
            pulled[place] = pulled[place].settle()
        return [scaled(g) if k == place else g for k, g in enumerate(pulled)]

    monkeypatch.setattr(index.AssignPull, "pull", wrong)
    assert fails(checks.check_first_derivative, [case], "numpy")


def assignment() -> Case:
    """A case of ``X[:, 1] = v``, made like those of the operations."""

    class Assign:
        name = "assign"
        differentiable = True

        @staticmethod
        def public(X: DLArray, v: DLArray) -> DLArray:
            Y = dlarray(X)
            Y[:, 1] = v
            return Y * Y

    seed = np.random.default_rng(5)
    arrays = dlarray(seed.standard_normal((3, 4))), dlarray(seed.standard_normal((3, 1)))
    return Case(Assign, arrays, {}, (0, 1))  # type: ignore[arg-type]


# -- leaks ---------------------------------------------------------------------------------


def on_fake() -> DLArray:
    return dlarray(FakeArray(np.array([[1.0, -2.0], [3.0, 4.0]])))


LEAKS: dict[str, Callable[[Any], Any]] = {
    "a host array added": lambda x: x + np.zeros(x.shape),
    "a host array to add to": lambda x: np.zeros(x.shape) + x,
    "a host number of no dimension": lambda x: x * np.asarray(2.0),
    "NumPy's own function": lambda x: np.tanh(x),
    "NumPy's zeros like it": lambda x: np.zeros_like(x),
    "conversion": lambda x: np.asarray(x),
    "conversion of a list of them": lambda x: np.stack([x, x]),
    "a host buffer filled": lambda x: _filled(np.empty(x.shape), x),
    "filled from the host": lambda x: _filled(xp_of(x).empty(2), np.zeros(2)),
    "host indices": lambda x: x[np.array([0, 1])],
    "a host mask": lambda x: xp_of(x).where(np.array([[True, False]]), x, 0.0),
    "NumPy's product": lambda x: np.eye(2) @ x,
}


def _filled(target: Any, source: Any) -> Any:
    target[...] = source
    return target


@pytest.fixture
def no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations defined in a test do not enter the table."""
    monkeypatch.setattr(machinery, "OPS", {})


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.usefixtures("no_entry")
def test_a_kernel_that_leaves_the_device_is_noticed(leak: str) -> None:
    planted = primitive("planted", labels=keep)(LEAKS[leak])
    planted(dlarray(np.eye(2)))
    with pytest.raises(TypeError):
        planted(on_fake())


def test_a_state_converted_in_a_cell_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(c for c in cases_named("gru") if not c.options)
    own = case._replace(options={"StateActivationFunction": cells.softsign})
    checks.call(checks.on(own, "fake"))
    right = CELLS["after-multiplication"]

    def step(h: Value, *rest: Any) -> Any:
        return right.step(Value(np.asarray(h.data)), *rest)

    monkeypatch.setitem(CELLS, right.name, right._replace(step=step))
    checks.call(own)
    with pytest.raises(TypeError):
        checks.call(checks.on(own, "fake"))


WAITS: dict[str, Callable[[Any], Any]] = {
    "fetching": lambda x: x if x.get().size else None,
    "a decision": lambda x: x if (x == x).all() else None,
    "a number": lambda x: x * float(x.sum()),
    "an element": lambda x: x * x[0, 0].item(),
    "a mask as a subscript": lambda x: x[x > 0],
    "distinct elements": lambda x: xp_of(x).unique(x),
}


@pytest.mark.parametrize("wait", WAITS)
def test_waiting_for_the_device_is_counted(wait: str) -> None:
    x = on_fake().value.data
    TRAFFIC.reset()
    xp_of(x).exp(x).T.sum(axis=0)
    assert TRAFFIC.back == 0
    WAITS[wait](x)
    assert TRAFFIC.back == 1
