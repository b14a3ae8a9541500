"""The tests of the tests of engines: a backward pass that is wrong by 0.1 % is noticed.

Each gradient of each engine is made wrong, in each reset mode, and so is the gradient of
each gate inside the plain engine; the check that the table runs on ``gru`` must fail.
"""

from __future__ import annotations

from typing import Any

import pytest
from cases import ALL_CASES, Case
from ops import checks

from dlgru.backend import double
from dlgru.errors import DlgruValueError
from dlgru.kernels import plain, use_engine
from dlgru.kernels.choice import ENGINES
from dlgru.kernels.spec import Spec

# The GPU engines refuse what lies on the host; tests/kernels/gpu plants errors in their kernels.
ON_HOST = {e.NAME: e for e in ENGINES if e.accepts(Spec(1, 1, 1, 1, double)) is True}
WRONG = 1.001
GRADIENTS = ("x", "state", "W", "R", "b")


def cases_with(reset: str, engine: str) -> list[Case]:
    """The table's cases of gru in this reset mode that this engine takes."""
    found = []
    for case in ALL_CASES.values():
        mode = case.options.get("ResetGateMode", "after-multiplication")
        if case.op.name != "gru" or not mode.startswith(("recurrent-bias-" + reset, reset)):
            continue
        try:
            checks.call(case)
        except DlgruValueError as error:
            assert error.identifier == "dlgru:kernels:refused"
        else:
            found.append(case)
    assert found, f"no case of {engine} resets {reset} the product"
    return found


def noticed(case: Case) -> bool:
    try:
        checks.check_first_derivative(case, "numpy")
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("field", GRADIENTS)
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("engine", ON_HOST)
def test_an_error_in_one_gradient_of_an_engine_is_noticed(
    engine: str, reset: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ON_HOST[engine]
    right = module.backward

    def wrong(*args: Any) -> Any:
        grads = right(*args)
        g = getattr(grads, field)
        if g is None:
            return grads
        made = tuple([part * part.dtype.type(WRONG) for part in (g if field == "state" else [g])])
        return grads._replace(**{field: made if field == "state" else made[0]})

    with use_engine(engine):
        own = cases_with(reset, engine)
        assert not any(noticed(case) for case in own)
        monkeypatch.setattr(module, "backward", wrong)
        assert all(noticed(case) for case in own)


PLANES = [("factors_after", k) for k in range(4)] + [("factors_before", k) for k in range(3)]
"""What the plain engine multiplies with: for hn, r, z, n, or for r, z, n."""


@pytest.mark.parametrize(("name", "plane"), PLANES)
def test_an_error_in_the_gradient_of_one_gate_is_noticed(
    name: str, plane: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(plain, name)

    def wrong(xp: Any, f: Any, gates: Any, h: Any, factors: Any, *rest: Any) -> None:
        right(xp, f, gates, h, factors, *rest)
        factors[:, plane] *= factors.dtype.type(WRONG)

    with use_engine("plain"):
        own = cases_with(name.removeprefix("factors_"), "plain")
        assert not any(noticed(case) for case in own)
        monkeypatch.setattr(plain, name, wrong)
        assert all(noticed(case) for case in own)
