"""``checkgrad`` finds wrong gradients, of first and second order, and passes right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.array import Value
from dlgru.checkgrad import GradientCheck, checkgrad
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError
from dlgru.op import OPS, keep, primitive

RANDOM = np.random.default_rng(3)


def array(*shape: int, fmt: str | None = None) -> dl.DLArray:
    return dl.dlarray(RANDOM.standard_normal(shape), fmt)


# -- planted errors ------------------------------------------------------------------------


def planted(name: str, first: float = 1.0, second: float = 1.0) -> Any:
    """``x^3`` with its first or second derivative multiplied by a factor."""

    @primitive(name, labels=keep)
    def cube(x: Any) -> Any:
        """Cube."""
        return x * x * x

    @primitive(name + "_slope", labels=keep)
    def slope(x: Any) -> Any:
        """Its derivative."""
        return 3 * first * x * x

    @cube.vjp
    def _(y: Value, x: Value) -> Any:
        return lambda g: g * slope(x)

    @slope.vjp
    def _(y: Value, x: Value) -> Any:
        return lambda g: g * x * (6 * first * second)

    return cube


@pytest.fixture(autouse=True)
def operations_as_before() -> Any:
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.parametrize("method", ["auto", "complex", "central"])
def test_a_right_gradient_passes(method: str) -> None:
    check = checkgrad(planted("right"), array(3, 2), method=method)
    assert check
    assert check.error < 1e-9
    assert [c.order for c in check.checks] == [1, 2]


@pytest.mark.parametrize("method", ["auto", "complex", "central"])
def test_a_gradient_wrong_by_a_thousandth_fails(method: str) -> None:
    check = checkgrad(planted("wrong", first=1.001), array(3, 2), order=1, method=method)
    assert not check
    assert check.error == pytest.approx(0.001, rel=0.01)


def test_a_second_derivative_wrong_by_a_thousandth_fails_in_order_two_only() -> None:
    check = checkgrad(planted("half", second=1.001), array(3, 2))
    first, second = check.checks
    assert first.error < 1e-9
    assert second.error == pytest.approx(0.001, rel=0.01)
    assert not check.passed


def test_an_element_among_a_thousand_is_found() -> None:
    def one_wrong(x: Any) -> Any:
        # extractdata hides the derivative of a single element.
        right = dl.sum(x**2, "all")
        return right + 0.1 * dl.extractdata(x)[0, 500] * 2

    assert not checkgrad(one_wrong, array(1, 1000), order=1)


def test_the_block_at_fault_is_named() -> None:
    def reset_gate_cut(weights: Any) -> Any:
        return dl.sum(weights**2, "all") + dl.extractdata(weights)[0, 0] * 5

    check = checkgrad(reset_gate_cut, array(6, 2), blocks=3)
    bad = [c.rows for c in check.checks if c.order == 1 and not c.error <= check.tolerance]
    assert bad == ["1:2"]


# -- what is right ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mode",
    ["after-multiplication", "before-multiplication", "recurrent-bias-after-multiplication"],
)
def test_gru_gate_by_gate(mode: str) -> None:
    H, C, B, T = 3, 2, 2, 4
    rows = 6 * H if mode.startswith("recurrent") else 3 * H

    def f(X: Any, H0: Any, weights: Any, recurrentWeights: Any, bias: Any) -> Any:
        return dl.gru(X, H0, weights, recurrentWeights, bias, ResetGateMode=mode, nargout=2)

    check = checkgrad(
        f,
        array(C, B, T, fmt="CBT"),
        array(H, 1),
        array(3 * H, C),
        array(3 * H, H),
        array(rows, 1),
        blocks={"weights": 3, "recurrentWeights": 3, "bias": rows // H},
    )
    assert check, check
    named = [(c.variable, c.rows) for c in check.checks if c.order == 1]
    assert named[:5] == [
        ("X", ""),
        ("H0", ""),
        ("weights", "1:3"),
        ("weights", "4:6"),
        ("weights", "7:9"),
    ]
    assert len(named) == 2 + 3 + 3 + rows // H
    # Analytic and made of products: the complex step applies, and is exact.
    assert {c.method for c in check.checks if c.order == 1} == {"complex"}
    assert max(c.error for c in check.checks if c.order == 1) < 1e-13
    assert all(c.derivative != 0 for c in check.checks)


def test_functions_that_are_not_analytic_take_central_differences() -> None:
    check = checkgrad(lambda x: dl.abs(x) * x, array(2, 3))
    assert check
    assert {c.method for c in check.checks} == {"central"}


def test_the_step_adapts_where_a_function_bends_sharply() -> None:
    assert checkgrad(dl.log, dl.dlarray([1e-3, 10.0]))


def test_containers_name_their_leaves() -> None:
    p = dl.struct("gru", dl.struct("W", array(2, 2)), "heads", [[array(1, 2), array(1, 2)]])

    def loss(parameters: Any, n: Any) -> Any:
        return dl.sum(parameters.gru.W**2, "all") * n + dl.sum(parameters.heads[1], "all")

    check = checkgrad(loss, p, 3, order=1)
    assert check
    assert [c.variable for c in check.checks] == [
        "parameters.gru.W",
        "parameters.heads[0]",
        "parameters.heads[1]",
    ]
    assert [c.derivative == 0 for c in check.checks] == [False, True, False]


def test_other_arguments_are_constants() -> None:
    check = checkgrad(lambda x, y, mask: x * y * mask, array(1, 2), np.ones((1, 2)), dl.true(1, 2))
    assert {c.variable for c in check.checks} == {"x"}


def test_complex_variables() -> None:
    z = dl.dlarray(RANDOM.standard_normal((2, 2)) + 1j * RANDOM.standard_normal((2, 2)))
    assert checkgrad(lambda z: dl.abs(z) ** 2 + dl.real(z * z * 1j), z)


def test_several_outputs_count_together() -> None:
    check = checkgrad(lambda x: (x**2, dl.sin(x)), dl.dlarray(0.5), order=1)
    assert check.passed


def test_single_variables_are_checked_in_double() -> None:
    assert checkgrad(dl.tanh, dl.single(array(2, 2))).error < 1e-9


def test_a_function_that_assigns_to_its_argument() -> None:
    def f(x: Any) -> Any:
        x[0, 0] = 2.0 * x[0, 1]
        return dl.sum(x**2, "all")

    x = array(1, 3)
    before = np.asarray(x).copy()
    assert checkgrad(f, x)
    np.testing.assert_array_equal(np.asarray(x), before)


def test_an_inner_gradient_is_checked_like_any_function() -> None:
    def inner(x: Any) -> Any:
        return dl.dlgradient(dl.sum(x**4, "all"), x)

    check = checkgrad(inner, array(1, 3))
    assert check
    assert all(abs(c.derivative) > 0.01 for c in check.checks)


def test_matlabs_random_stream_is_not_touched() -> None:
    dl.rng(1)
    checkgrad(dl.tanh, dl.dlarray([0.5, 1.0]))
    after = float(dl.rand(1))
    dl.rng(1)
    assert float(dl.rand(1)) == after


def test_the_result_prints_as_a_table() -> None:
    check = checkgrad(lambda weights: dl.tanh(weights), dl.ones(3, 1), order=1, blocks=3)
    lines = str(check).splitlines()
    assert lines[0].startswith("  Gradient check passed: largest relative error ")
    assert lines[2].split() == [
        "Order",
        "Variable",
        "Rows",
        "Method",
        "Derivative",
        "Numeric",
        "Error",
    ]
    assert lines[5].split()[:4] == ["1", '"weights"', '"1:1"', '"complex"']
    assert len(lines) == 8
    failed = checkgrad(planted("printed", first=1.1), dl.ones(1, 1), order=1)
    assert "FAILED" in repr(failed)


@pytest.mark.parametrize("method", ["auto", "complex", "central"])
def test_a_gradient_that_is_zero_passes(method: str) -> None:
    zero = dl.dlarray([0.0, 0.0])
    assert checkgrad(lambda x: dl.sum(x**3), zero, order=1, method=method)
    assert checkgrad(lambda x: dl.prod(x), dl.dlarray([0.0, 0.0, 3.0]), order=1, method=method)


def test_a_tiny_gradient_is_still_checked() -> None:
    wrong = planted("wrong", first=1.001)
    assert not checkgrad(lambda x: 1e-15 * wrong(x), array(3, 2), order=1, method="complex")


def test_nan_never_passes() -> None:
    assert not checkgrad(lambda x: x * np.nan, dl.dlarray([1.0, 2.0]), order=1)
    assert not GradientCheck(checkgrad(dl.log, dl.dlarray(-1.0), order=1).checks, 1e-6)


# -- bad input ---------------------------------------------------------------------------------


def test_random_functions_are_refused() -> None:
    with pytest.raises(DlgruValueError, match="other values the second time"):
        checkgrad(lambda x: x * dl.rand(1, 2), dl.dlarray([1.0, 2.0]))


def test_single_inside_is_refused() -> None:
    with pytest.raises(DlgruTypeError, match="single, although every variable is double"):
        checkgrad(lambda x: dl.single(x), dl.dlarray(1.0))


WRONG: dict[str, tuple[Any, str]] = {
    "no function": (lambda: checkgrad(3, dl.dlarray(1.0)), "fun"),  # type: ignore[arg-type]
    "no variable": (lambda: checkgrad(dl.tanh, np.ones(3)), "the arguments"),
    "no array": (lambda: checkgrad(lambda x: 3.0, dl.dlarray(1.0)), "the result of fun"),
    "order": (lambda: checkgrad(dl.tanh, dl.dlarray(1.0), order=3), "order"),
    "method": (lambda: checkgrad(dl.tanh, dl.dlarray(1.0), method="magic"), "method"),
    "blocks": (lambda: checkgrad(dl.tanh, dl.dlarray(1.0), blocks=0), "blocks"),
    "name": (lambda: checkgrad(dl.tanh, dl.dlarray(1.0), blocks={"W": 3}), "blocks"),
    "divisor": (lambda: checkgrad(lambda x: x, dl.ones(4, 1), blocks={"x": 3}), "blocks of x"),
    "tolerance": (lambda: checkgrad(dl.tanh, dl.dlarray(1.0), tolerance=0), "tolerance"),
    "option": (lambda: checkgrad(dl.tanh, dl.dlarray(1.0), stepp=0), "the option"),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_argument_at_fault_is_named(what: str) -> None:
    call, argument = WRONG[what]
    with pytest.raises(DlgruError) as caught:
        call()
    assert caught.value.argument == argument
    assert caught.value.function == "checkgrad"


def test_an_untraced_result_is_an_error_of_dlgradient() -> None:
    with pytest.raises(DlgruTypeError, match="traced"):
        checkgrad(lambda x: dl.dlarray(dl.extractdata(x)), dl.dlarray([1.0, 2.0]))


def test_the_complex_step_can_be_required() -> None:
    with pytest.raises(DlgruValueError, match="analytic"):
        checkgrad(dl.abs, dl.dlarray([1.0, 2.0]), order=1, method="complex")
