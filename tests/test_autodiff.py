"""``dlfeval`` and ``dlgradient``: what is traced, what comes back, what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, Case
from ops import checks

import dlgru as dl
from dlgru.array import wrap
from dlgru.autodiff import is_traced
from dlgru.errors import DlgruError, DlgruTypeError, DlgruWarning
from dlgru.op import OPS

ROW = [0.5, -1.0, 2.0]


def row() -> dl.DLArray:
    return dl.dlarray(ROW)


def at_row(f: Callable[[dl.DLArray], Any]) -> Any:
    return dl.dlfeval(f, row())


def total(x: Any) -> dl.DLArray:
    return dl.sum(x, "all")


def numbers(x: dl.DLArray) -> list[float]:
    return np.asarray(x).ravel(order="F").tolist()


# -- dlfeval -------------------------------------------------------------------------------


def test_arguments_are_traced_and_results_are_not() -> None:
    seen = []

    def f(x: Any, p: Any, n: Any) -> Any:
        seen.extend([is_traced(x), is_traced(p["a"]), is_traced(p["b"][0]), n])
        return x, {"a": p["a"] * 2, "b": [x]}, "text"

    x, p, word = dl.dlfeval(f, row(), {"a": row(), "b": [row()]}, 3)
    assert seen == [True, True, True, 3]
    assert not any(map(is_traced, [x, p["a"], p["b"][0]]))
    assert word == "text"
    assert numbers(p["a"]) == [1.0, -2.0, 4.0]


def test_structs_come_back_as_structs() -> None:
    p = dl.struct("W", row())
    p.deep.b = row()

    def f(p: Any) -> Any:
        assert is_traced(p.deep.b)
        return dl.dlgradient(total(p.W * p.deep.b), p)

    g = dl.dlfeval(f, p)
    assert type(g) is type(p) and type(g.deep) is type(p.deep)
    assert dl.fieldnames(g) == dl.fieldnames(p)
    assert numbers(g.W) == ROW and numbers(g.deep.b) == ROW


def test_tables_of_parameters_are_differentiated() -> None:
    t = dl.table([dl.dlarray(1.0), dl.dlarray(2.0)], VariableNames=["Value"])

    def f(t: Any) -> Any:
        first, second = t.Value
        return dl.dlgradient(total(first * first * second), t)

    g = dl.dlfeval(f, t)
    assert type(g) is type(t)
    assert [float(v) for v in g.Value] == [4.0, 1.0]


def test_labels_and_class_go_in_and_come_out() -> None:
    x = dl.single(dl.dlarray(np.ones((2, 3)), "CB"))
    y, g = dl.dlfeval(lambda x: (x * 2, dl.dlgradient(total(x * 2), x)), x)
    assert (y.dims, g.dims) == ("CB", "CB")
    assert (str(y.dtype), str(g.dtype)) == ("float32", "float32")


def test_the_function_cannot_change_its_callers_arrays_and_containers() -> None:
    x, p = row(), dl.struct("a", row(), "list", [[row()]])

    def f(x: Any, p: Any) -> Any:
        x[0, 0] = 100
        p.a[0, 0] = 100
        p.new = 1
        p.list.append(2)
        return x, p

    changed, changed_p = dl.dlfeval(f, x, p)
    assert numbers(changed) == [100.0, -1.0, 2.0] == numbers(changed_p.a)
    assert numbers(x) == ROW == numbers(p.a)
    assert dl.fieldnames(p) == ["a", "list"] and len(p.list) == 1


def test_a_result_that_is_changed_later_changes_nothing_else() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x, x

    first, second = dl.dlfeval(f, row())
    first[0, 0] = 9
    assert numbers(second) == ROW == numbers(kept[0])


def test_captured_arrays_are_constants() -> None:
    captured = row()

    def f(x: Any) -> Any:
        assert not is_traced(captured)
        return dl.dlgradient(total(x * captured), x)

    assert numbers(at_row(f)) == ROW
    with pytest.raises(DlgruTypeError, match="arrays made inside are constants"):
        at_row(lambda x: dl.dlgradient(total(x * captured), captured))


def test_extractdata_cuts_the_trace() -> None:
    def f(x: Any) -> Any:
        return dl.dlgradient(total(x * dl.extractdata(x)), x)

    assert numbers(at_row(f)) == ROW


def test_nargout_is_handed_to_an_mfunction() -> None:
    @dl.mfunction
    def f(x: Any) -> Any:
        return total(x), dl.dlgradient(total(x * x), x)

    assert float(dl.dlfeval(f, row())) == 1.5
    loss, g = dl.dlfeval(f, row(), nargout=2)
    assert float(loss) == 1.5 and numbers(g) == [1.0, -2.0, 4.0]


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(DlgruTypeError) as caught:
        dl.dlfeval(row(), row())
    assert caught.value.identifier == "dlgru:dlfeval:function"
    assert (caught.value.argument, caught.value.came) == ("fun", "a DLArray")


# -- nested dlfeval ------------------------------------------------------------------------


def cube_slope(x: Any) -> Any:
    return dl.dlgradient(total(x**3), x)


def test_an_inner_dlfeval_has_a_trace_of_its_own() -> None:
    def f(x: Any) -> Any:
        inner = dl.dlfeval(cube_slope, dl.dlarray([2.0, 3.0]))
        assert not is_traced(inner)
        return inner, dl.dlgradient(total(x * x), x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inner, outer = dl.dlfeval(f, dl.dlarray([1.0, 5.0]))
    assert numbers(inner) == [12.0, 27.0] and numbers(outer) == [2.0, 10.0]


def test_an_outer_array_that_goes_into_an_inner_dlfeval_warns_and_is_a_constant() -> None:
    def f(x: Any) -> Any:
        with pytest.warns(DlgruWarning, match="constants for the outer trace"):
            inner = dl.dlfeval(cube_slope, x)
        assert not is_traced(inner)
        return dl.dlgradient(total(inner * x), x)

    assert numbers(at_row(f)) == [3 * v * v for v in ROW]


def test_an_outer_array_that_the_inner_function_captures_is_a_constant_there() -> None:
    def f(x: Any) -> Any:
        inner = dl.dlfeval(lambda z: dl.dlgradient(total(z * x), z), row())
        assert not is_traced(inner)
        return inner, dl.dlgradient(total(inner * x), x)

    inner, outer = at_row(f)
    assert numbers(inner) == ROW == numbers(outer)


def test_the_outer_variable_cannot_be_differentiated_by_inside() -> None:
    def f(x: Any) -> Any:
        return dl.dlfeval(lambda z: dl.dlgradient(total(z * x), x), row())

    with pytest.raises(DlgruTypeError) as caught:
        at_row(f)
    assert caught.value.came == "traced by another dlfeval"


# -- what dlgradient gives -----------------------------------------------------------------


def test_one_variable_gives_one_gradient_and_several_a_tuple() -> None:
    x, y = row(), dl.dlarray([2.0])
    one = dl.dlfeval(lambda x: dl.dlgradient(total(x * x), x), x)
    two = dl.dlfeval(lambda x, y: dl.dlgradient(total(x * x * y), x, y), x, y)
    assert type(one) is dl.DLArray
    assert type(two) is tuple
    assert numbers(two[0]) == [2.0, -4.0, 8.0] and numbers(two[1]) == [5.25]


def test_a_variable_asked_for_twice_is_answered_twice() -> None:
    first, second = at_row(lambda x: dl.dlgradient(total(x * x), x, {"again": x}))
    assert numbers(first) == numbers(second["again"]) == [1.0, -2.0, 4.0]


def test_containers_of_several_kinds_in_each_other() -> None:
    def f(p: Any) -> Any:
        loss = total(p["a"] * p["b"][1]) + total(p["b"][0].c[0] ** 2)
        return dl.dlgradient(loss, p)

    p = {"a": row(), "b": [dl.struct("c", [[row()]]), row()], "name": "layer", "empty": None}
    g = dl.dlfeval(f, p)
    assert list(g) == list(p)
    assert numbers(g["a"]) == ROW == numbers(g["b"][1])
    assert numbers(g["b"][0].c[0]) == [1.0, -2.0, 4.0]
    assert (g["name"], g["empty"]) == ("layer", None)


def test_what_the_loss_does_not_depend_on_has_zeros_of_its_size_format_and_class() -> None:
    unused = dl.single(dl.dlarray(np.ones((2, 3, 4)), "CBT"))
    g = dl.dlfeval(lambda x, u: dl.dlgradient(total(x), u), row(), unused)
    assert (g.shape, g.dims, str(g.dtype)) == ((2, 3, 4), "CBT", "float32")
    assert not np.asarray(g).any()


@pytest.mark.parametrize("record", [False, True])
def test_zero_gradients_can_be_differentiated_again(record: bool) -> None:
    def f(x: Any, u: Any) -> Any:
        gx, gu = dl.dlgradient(total(x * x), x, u, EnableHigherDerivatives=record)
        return dl.dlgradient(total(gx * gx) + total(gu), x, u)

    hx, hu = dl.dlfeval(f, row(), row())
    assert numbers(hx) == [4.0, -8.0, 16.0] and numbers(hu) == [0.0] * 3


def test_intermediate_results_are_variables_too() -> None:
    def f(x: Any) -> Any:
        middle = dl.exp(x)
        loss = total(middle * middle) + total(x)
        return dl.dlgradient(loss, middle, x, loss)

    middle, x, loss = at_row(f)
    np.testing.assert_allclose(np.asarray(middle), [2 * np.exp(ROW)])
    np.testing.assert_allclose(np.asarray(x), [2 * np.exp(2 * np.array(ROW)) + 1])
    assert numbers(loss) == [1.0]


def test_a_logical_variable_has_no_gradient_but_zeros() -> None:
    mask = dl.dlarray([True, False, True])
    g = dl.dlfeval(lambda x, m: dl.dlgradient(total(x * m), m), row(), mask)
    assert g.shape == (1, 3) and not np.asarray(g).any()


def test_gradients_by_a_formatted_scalar_loss() -> None:
    x = dl.dlarray(np.ones((2, 3)), "CB")
    assert numbers(dl.dlfeval(lambda x: dl.dlgradient(total(x), x), x)) == [1.0] * 6


def test_real_variables_of_complex_computations_have_real_gradients() -> None:
    def f(x: Any) -> Any:
        z = x * (1 + 2j)
        return dl.dlgradient(total(dl.abs(z) ** 2), x)

    g = at_row(f)
    assert str(g.dtype) == "float64"
    np.testing.assert_allclose(np.asarray(g), [10 * np.array(ROW)])


def test_the_gradient_of_the_squared_modulus_is_twice_the_variable() -> None:
    z = dl.dlarray([3 + 4j, -1j])
    g = dl.dlfeval(lambda z: dl.dlgradient(total(dl.abs(z) ** 2), z), z)
    np.testing.assert_allclose(np.asarray(g), [[6 + 8j, -2j]])


# -- options -------------------------------------------------------------------------------


@pytest.mark.parametrize("retain", [False, True])
def test_a_trace_can_be_gone_through_twice(retain: bool) -> None:
    def f(x: Any) -> Any:
        y = dl.tanh(x)
        first = dl.dlgradient(total(y), x, RetainData=retain)
        return first, dl.dlgradient(total(y * y), x), dl.dlgradient(total(y), x)

    first, square, again = at_row(f)
    slope = 1 - np.tanh(ROW) ** 2
    np.testing.assert_allclose(np.asarray(first), [slope])
    np.testing.assert_allclose(np.asarray(again), [slope])
    np.testing.assert_allclose(np.asarray(square), [2 * np.tanh(ROW) * slope])


@pytest.mark.parametrize(("retain", "forwards"), [(False, 2), (True, 1)])
def test_retained_data_spare_a_second_forward_pass(
    retain: bool, forwards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused, calls = OPS["gru"].fused, []
    right = fused.forward  # type: ignore[union-attr]

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return right(*args, **options)

    monkeypatch.setattr(fused, "forward", counted)
    W, R, b = dl.ones(6, 1) * 0.3, dl.ones(6, 2) * 0.1, dl.ones(6, 1) * 0.2

    def f(x: Any) -> Any:
        loss = total(dl.gru(x, dl.zeros(2, 1), W, R, b))
        first = dl.dlgradient(loss, x, RetainData=retain)
        return first, dl.dlgradient(loss, x, RetainData=retain)

    first, second = dl.dlfeval(f, dl.dlarray([ROW], "CT"))
    assert np.asarray(first).all()
    assert numbers(first) == numbers(second)
    assert len(calls) == forwards


def test_options_in_both_spellings() -> None:
    def f(x: Any) -> Any:
        y = total(x**3)
        return [
            dl.dlgradient(y, x, RetainData=True),
            dl.dlgradient(y, x, "RetainData", True),
            dl.dlgradient(y, x, "retaindata", 1, "EnableHigherDerivatives", False),
            dl.dlgradient(y, x, "enable", True, RETAINDATA=False),
        ]

    for g in at_row(f):
        assert numbers(g) == [3 * v * v for v in ROW]


# -- what is refused -----------------------------------------------------------------------


def traced_errors() -> dict[str, tuple[Callable[[Any], Any], type, str, str, str]]:
    """By what is wrong: the call, the kind of error, its identifier, argument and what came."""
    value, variable = "dlgru:dlgradient:value", "dlgru:dlgradient:variable"
    return {
        "a loss of several elements": (
            lambda x: dl.dlgradient(x * 2, x),
            ValueError,
            value,
            "y",
            "1×3",
        ),
        "a formatted loss of several elements": (
            lambda x: dl.dlgradient(dl.dlarray(x, "CB"), x),
            ValueError,
            value,
            "y",
            "1(C) × 3(B)",
        ),
        "a loss without elements": (
            lambda x: dl.dlgradient(x[:, 0:0], x),
            ValueError,
            value,
            "y",
            "1×0",
        ),
        "a loss that is a constant": (
            lambda x: dl.dlgradient(dl.dlarray(1.0), x),
            TypeError,
            value,
            "y",
            "untraced",
        ),
        "a complex loss": (
            lambda x: dl.dlgradient(total(x * 1j), x),
            TypeError,
            value,
            "y",
            "complex",
        ),
        "a loss that is a Python number": (
            lambda x: dl.dlgradient(float(total(x)), x),
            TypeError,
            value,
            "y",
            "a float",
        ),
        "a loss that is an ndarray": (
            lambda x: dl.dlgradient(dl.extractdata(x), x),
            TypeError,
            value,
            "y",
            "an ndarray",
        ),
        "a loss that is a comparison": (
            lambda x: dl.dlgradient(total(x) > 0, x),
            TypeError,
            value,
            "y",
            "untraced",
        ),
        "no variable": (
            lambda x: dl.dlgradient(total(x)),
            TypeError,
            "dlgru:dlgradient:arguments",
            "x",
            "missing",
        ),
        "a variable that is a constant": (
            lambda x: dl.dlgradient(total(x), x, dl.dlarray(1.0)),
            TypeError,
            variable,
            "x2",
            "untraced",
        ),
        "a variable that is an ndarray": (
            lambda x: dl.dlgradient(total(x), np.ones(3)),
            TypeError,
            variable,
            "x1",
            "an ndarray",
        ),
        "a constant in a container": (
            lambda x: dl.dlgradient(total(x), {"a": x, "b": dl.dlarray(1.0)}),
            TypeError,
            variable,
            "x1.b",
            "untraced",
        ),
        "an ndarray in a field of a cell": (
            lambda x: dl.dlgradient(total(x), x, [{"a": x}, {"a": x, "b": [x, np.ones(2)]}]),
            TypeError,
            variable,
            "x2[1].b[1]",
            "an ndarray",
        ),
        "a constant as an element": (
            lambda x: dl.dlgradient(total(x), dl.Cell([x, dl.dlarray(1.0)])),
            TypeError,
            variable,
            "x1[1]",
            "untraced",
        ),
        "an unknown option": (
            lambda x: dl.dlgradient(total(x), x, Retain=True, Keep=False),
            TypeError,
            "dlgru:dlgradient:unknownOption",
            "the option",
            '"Keep"',
        ),
        "a name without a value": (
            lambda x: dl.dlgradient(total(x), x, "RetainData"),
            TypeError,
            "dlgru:dlgradient:pairs",
            "RetainData",
            "a name without a value",
        ),
        "an option given twice": (
            lambda x: dl.dlgradient(total(x), x, "RetainData", True, RetainData=True),
            TypeError,
            "dlgru:dlgradient:repeated",
            "RetainData",
            "given twice",
        ),
        "an option that is no flag": (
            lambda x: dl.dlgradient(total(x), x, RetainData="yes"),
            TypeError,
            "dlgru:dlgradient:option",
            "RetainData",
            "'yes'",
        ),
    }


@pytest.mark.parametrize("what", traced_errors())
def test_refused_inside_dlfeval(what: str) -> None:
    call, kind, identifier, argument, came = traced_errors()[what]
    with pytest.raises(DlgruError) as caught:
        at_row(call)
    error = caught.value
    assert isinstance(error, kind)
    assert (error.identifier, error.argument, error.came) == (identifier, argument, came)
    assert error.function == "dlgradient" and error.expected
    assert str(error).startswith("dlgradient: ")


def test_dlgradient_outside_dlfeval_says_where_it_belongs() -> None:
    x = row()
    with pytest.raises(DlgruTypeError) as caught:
        dl.dlgradient(total(x * x), x)
    assert "must be a traced real dlarray scalar" in str(caught.value)
    assert "call dlgradient inside a function that dlfeval evaluates" in caught.value.fix


def test_complex_variables_may_be_forbidden() -> None:
    z = dl.dlarray([1 + 1j])
    loss = dl.dlfeval(lambda z: dl.dlgradient(total(dl.abs(z)), z, AllowComplex=True), z)
    assert str(loss.dtype) == "complex128"
    with pytest.raises(DlgruTypeError) as caught:
        dl.dlfeval(lambda z: dl.dlgradient(total(dl.abs(z)), z, AllowComplex=False), z)
    assert caught.value.came == "complex" and "AllowComplex" in caught.value.fix


# -- handles -------------------------------------------------------------------------------


def _overwrite(x: dl.DLArray) -> None:
    x[...] = 0


@pytest.mark.parametrize("case", ALL_CASES.values(), ids=ALL_CASES)
def test_assignment_after_any_use_leaves_result_and_gradient_unchanged(case: Case) -> None:
    differentiates = bool(case.variables) and case.op.differentiable

    def f(*variables: dl.DLArray) -> Any:
        own = [wrap(x.value, x.dims) for x in variables]
        here = case._replace(args=case.at(own))
        outputs = checks.call(here)
        before = [checks.host(y).copy() for y in outputs]
        results = [wrap(y.value, y.dims) for y in outputs]
        loss = checks.loss_of(results)
        for x in (*own, *outputs):
            if 0 not in x.shape:
                _overwrite(x)
        for y, values in zip(results, before, strict=True):
            np.testing.assert_array_equal(checks.host(y), values)
        for x, untouched in zip(variables, case.values(), strict=True):
            np.testing.assert_array_equal(checks.host(x), checks.host(untouched))
        assert all(not np.asarray(checks.host(x)).any() for x in own)
        if not differentiates or loss is None:
            return ()
        g = dl.dlgradient(loss, *variables)
        return g if isinstance(g, tuple) else (g,)

    found = dl.dlfeval(f, *case.values())
    if found:
        for g, expected in zip(found, checks.gradients(case), strict=True):
            np.testing.assert_array_equal(checks.host(g), checks.host(expected))


USES: dict[str, Callable[[Any], Any]] = {
    "another name": lambda x: dl.dlarray(x),
    "labels": lambda x: dl.dlarray(x, "CB"),
    "labels removed": lambda x: dl.stripdims(dl.dlarray(x, "CB")),
    "a struct": lambda x: dl.struct("f", x).f + 0,
    "a slice": lambda x: x[:, 1:],
    "MATLAB's slice": lambda x: x.m[1, :],
    "a transpose": lambda x: x.T,
    "the largest": lambda x: dl.max(x),
    "the smaller of two": lambda x: dl.min(x, 1.0),
    "a loop of reads": lambda x: sum(x[0, k] * (k + 1) for k in range(3)),
    "an assigned copy": lambda x: _with_tail(x),
}


def _with_tail(x: dl.DLArray) -> dl.DLArray:
    y = dl.zeros(1, 5, like=x)
    y[:, 0:3] = x
    y[:, 3] = x[:, 0]
    return y


@pytest.mark.parametrize("use", USES)
def test_assignment_after_use_as(use: str) -> None:
    def f(x: Any, assign: bool) -> Any:
        mine = dl.dlarray(x)
        used = USES[use](mine)
        result = used if used is not mine else dl.dlarray(used)
        loss = total(dl.stripdims(result) ** 2)
        if assign:
            mine[0, 1] = 50
            mine.m[1, 6] = 7
        return loss, dl.dlgradient(loss, x)

    loss, g = dl.dlfeval(f, row(), False)
    after, g_after = dl.dlfeval(f, row(), True)
    assert numbers(g_after) == numbers(g) and float(after) == float(loss)
    assert np.asarray(g).any()


def test_an_assigned_variable_is_another_value_with_a_gradient_of_its_own() -> None:
    def f(x: Any) -> Any:
        before = dl.dlarray(x)
        x[0, 1] = before[0, 0] * 10
        return dl.dlgradient(total(x * x), before, x)

    before, after = at_row(f)
    assert numbers(after) == [1.0, 10.0, 4.0]
    assert numbers(before) == [1.0 + 100.0, 0.0, 4.0]


def test_assignment_between_two_gradients_changes_neither() -> None:
    def f(x: Any) -> Any:
        y = x * x
        loss = total(y)
        first = dl.dlgradient(loss, x)
        kept = dl.extractdata(first).tolist()
        y[0, 0] = 1000
        first_again = dl.dlarray(first)
        first[0, 0] = -1
        second = dl.dlgradient(loss, x)
        assert dl.extractdata(first_again).tolist() == kept
        assert dl.extractdata(second).tolist() == kept
        return dl.dlgradient(total(y), x)

    assert numbers(at_row(f)) == [0.0, -2.0, 4.0]


def test_ndarrays_that_left_or_came_in_stay_what_they_were() -> None:
    source = np.array([ROW])
    x = dl.dlarray(source)
    seen, taken = np.asarray(x), dl.extractdata(x)
    x[0, 0] = 77
    source[0, 1] = 88
    taken[0, 2] = 99
    assert numbers(x) == [77.0, -1.0, 2.0]
    assert seen.tolist() == [ROW]
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0, 0] = 1


def test_an_option_may_be_named_by_any_kind_of_text() -> None:
    def f(x: dl.DLArray) -> object:
        y = dl.sum(x * x)
        first = dl.dlgradient(y, x, np.str_("RetainData"), True)
        return first, dl.dlgradient(y, x, "RetainData", False), dl.dlgradient(y, x)

    for g in dl.dlfeval(f, dl.dlarray([1.0, 2.0])):
        np.testing.assert_array_equal(dl.extractdata(g).ravel(), [2.0, 4.0])
