"""Every operation × case × device × what must hold of it.

The rows come from the operations themselves (``.cases``), the expected values from
``references``, the checks from ``checks``.  What a table cannot say stands in the tests of
the families.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, DEVICES, Case
from fakedevice import TRAFFIC
from ops import checks
from ops.references import REFERENCES, reference_of

import dlgru
from dlgru.op import OPS, Operation

everywhere = pytest.mark.parametrize("device", DEVICES)
every_case = pytest.mark.parametrize("case", ALL_CASES.values(), ids=ALL_CASES)

WAITS = {
    "embed": "indices are checked: a wrong one must be an error, not memory of somebody else",
    "gather": "it is there to bring data to the host",
    "prod": "a product of zero takes another way to its derivative",
}
"""Operations that look at their data on the device before they go on, and why they must."""


def options_of(op: Operation) -> dict[str, Any]:
    """The options of an operation and their defaults; how many outputs is none of them."""
    parameters = inspect.signature(op.public).parameters.values()
    found = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return {name: default for name, default in found.items() if name != "nargout"}


# -- completeness --------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPS)
def test_every_op_is_complete(name: str) -> None:
    op = OPS[name]
    own = [case for case in ALL_CASES.values() if case.op is op]
    assert own, f"{name} has no cases"
    assert reference_of(name), f"{name} needs an entry in tests/ops/references.py"
    if op.differentiable:
        assert op.composite or op.vjp_rule is not None, f"{name} has no derivative"
        assert any(case.variables for case in own), f"no case of {name} differentiates"
    used = {option for case in own for option in case.options}
    options = options_of(op)
    assert used >= set(options), f"options of {name} without a case"
    for option, rule in op._binder.rules.items():
        words = set(getattr(rule, "words", ()))
        seen = {case.options.get(option, options.get(option)) for case in own}
        assert seen >= words, f"words of {name}'s {option} without a case"
    public = [key for key, value in vars(dlgru).items() if value is op.public]
    if public:
        assert inspect.getdoc(op.public), f"{name} is public and has no docstring"
        assert ">>>" in inspect.getdoc(op.public), f"the docstring of {name} has no example"


def test_references_belong_to_operations() -> None:
    assert set(REFERENCES) <= set(OPS)


# -- the table -----------------------------------------------------------------------------


@everywhere
@every_case
def test_value(case: Case, device: str) -> None:
    checks.check_value(case, device)


@everywhere
@every_case
def test_labels(case: Case, device: str) -> None:
    checks.check_labels(case, device)


@everywhere
@every_case
def test_layout(case: Case, device: str) -> None:
    checks.check_layout(case, device)


@everywhere
@every_case
def test_class(case: Case, device: str) -> None:
    checks.check_class(case, device)


@everywhere
@every_case
def test_first_derivative(case: Case, device: str) -> None:
    checks.check_first_derivative(case, device)


@pytest.mark.parametrize("eager", [False, True], ids=["replayed", "recorded"])
@everywhere
@every_case
def test_second_derivative(case: Case, device: str, eager: bool) -> None:
    checks.check_second_derivative(case, device, eager)


def spellings(options: dict[str, Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """The same options as keywords and as pairs, in other letters and shortened."""
    yield [], {key.upper(): value for key, value in options.items()}
    yield [part for key, value in options.items() for part in (key, value)], {}
    yield [part for key, value in options.items() for part in (key.lower(), value)], {}
    (first, value), *rest = options.items()
    yield [first, value], {key.lower(): value for key, value in rest}


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=key) for key, c in ALL_CASES.items() if c.options]
)
def test_options_are_understood_in_both_spellings(case: Case) -> None:
    plain = checks.call(case)
    for pairs, keywords in spellings(case.options):
        again = checks.outputs_of(case.op.public(*case.args, *pairs, **keywords))
        for y, same in zip(plain, again, strict=True):
            assert y.dims == same.dims
            np.testing.assert_array_equal(checks.host(y), checks.host(same))


# -- the device is not waited for ----------------------------------------------------------


def waits(case: Case) -> int:
    """How often the host waits for the device in a call and its derivative."""
    moved = checks.on(case, "fake")
    TRAFFIC.reset()
    checks.call(moved)
    if case.variables and case.op.differentiable:
        checks.gradients(moved)
    return TRAFFIC.back


@every_case
def test_no_operation_waits_for_the_device(case: Case) -> None:
    if case.op.name not in WAITS:
        assert waits(case) == 0


@pytest.mark.parametrize("name", WAITS)
def test_operations_said_to_wait_do(name: str) -> None:
    assert any(waits(case) for case in ALL_CASES.values() if case.op.name == name)
