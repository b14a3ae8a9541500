"""The door of ported scripts: what ``from dlgru.matlab import *`` gives, and what it shadows."""

from __future__ import annotations

import builtins
import copy
import inspect
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import matlab as m
from dlgru.errors import DlgruAttributeError, DlgruError, DlgruTypeError

SHADOWED = {"abs", "all", "any", "max", "min", "round", "sum"}


def test_the_door_gives_all_of_dlgru_and_shadows_seven_builtins() -> None:
    names = set(m.__all__)
    assert len(names) == len(m.__all__)
    assert names & set(dir(builtins)) == SHADOWED
    assert names - set(dl.__all__) == SHADOWED | {"pi", "inf", "nan", "eps"}
    assert (m.pi, m.inf, m.eps) == (math.pi, math.inf, 2.0**-52) and math.isnan(m.nan)


@pytest.mark.parametrize("name", ["nan", "inf", "eps"])
def test_numbers_that_can_be_called_are_floats_everywhere(name: str) -> None:
    x = getattr(m, name)
    plain = float(x)
    assert isinstance(x, float) and repr(x) == repr(plain) and f"{x:g}" == f"{plain:g}"
    for made in (-x, x + 1, x * 2, pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert type(made) is float
    X = dl.dlarray(np.array([[1.0, 4]], np.float32), "CB")
    for use in (
        lambda v: X * v,
        lambda v: v + X,
        lambda v: X**v,
        lambda v: X < v,
        lambda v: dl.dlarray(v),
        lambda v: dl.dlarray([1, v]),
        lambda v: dl.max(X, v),
        lambda v: dl.horzcat(X, v),
        lambda v: dl.leakyrelu(X, abs(v) if v == v else 1),
        lambda v: dl.struct("a", v).a + X,
        lambda v: np.float64(2) * v * X,
        lambda v: X.m[v:1],
        lambda v: X.m[v],
        lambda v: dl.zeros(1, v),
        lambda v: dl.dlfeval(v, X),
        lambda v: str(dl.Cell([v])),
        lambda v: dl.table([1, v]).Var1,
    ):
        found, expected = [outcome(use, v) for v in (x, plain)]  # type: ignore[arg-type]
        assert type(found) is type(expected)
        np.testing.assert_equal(found, expected)


def outcome(use: Callable[[Any], Any], v: Any) -> Any:
    """The class and data of a result, or what an error says about the number."""
    try:
        y = use(v)
    except DlgruError as error:
        return type(error).__name__, error.came.replace("CalledNumber", "float")
    return y if isinstance(y, str) else (y.dtype, y.dims, np.asarray(y))


def test_nan_and_inf_are_called_as_in_matlab() -> None:
    assert np.isnan(np.asarray(m.nan(2, 3))).all() and m.nan(2, 3).shape == (2, 3)
    assert np.asarray(m.inf(2)).tolist() == [[math.inf] * 2] * 2
    assert m.inf(1, 2, "single").dtype == np.float32
    assert m.nan(1, like=m.inf(1, 2, "single")).dtype == np.float32


def test_eps_is_the_spacing_of_its_argument() -> None:
    assert m.eps() == m.eps(1) == m.eps("double") == 2.0**-52 and type(m.eps(1)) is float
    single = m.eps("single")
    assert (float(single), single.dtype) == (2.0**-23, np.float32)
    assert (m.eps(-4), m.eps(0), m.eps(2**53)) == (2.0**-50, 2.0**-1074, 2)
    assert math.isnan(m.eps(m.inf))
    X = dl.dlarray(np.array([[1, 1024]], np.float32), "CB")
    found = m.eps(X)
    assert (found.dims, found.dtype) == ("CB", np.float32)
    assert np.asarray(found).tolist() == [[2.0**-23, 2.0**-13]]
    assert np.asarray(m.eps([1, 2])).tolist() == [[2.0**-52, 2.0**-51]]
    for bad in ("int8", dl.true(1), dl.dlarray(1j), 1j):
        with pytest.raises(DlgruError) as caught:
            m.eps(bad)
        assert caught.value.identifier == "dlgru:eps:class"


CALLS: dict[str, tuple[Callable[[], Any], Any]] = {
    # Python numbers have MATLAB's meaning, and stay Python numbers.
    "round": (lambda: m.round(2.5), 3),
    "round, negative": (lambda: m.round(-2.5), -3),
    "round, infinite": (lambda: m.round(math.inf), math.inf),
    "round to digits": (lambda: m.round(2.567, 2), 2.57),
    "round half to digits": (lambda: m.round(2.675, 2), 2.68),
    "round half to digits, negative": (lambda: m.round(-0.125, 2), -0.13),
    "round to hundreds": (lambda: m.round(1250, -2), 1300),
    "abs": (lambda: m.abs(-3), 3),
    "abs of a float": (lambda: m.abs(-3.0), 3.0),
    "max": (lambda: m.max(2, 7), 7),
    "max of a float": (lambda: m.max(2, 7.0), 7.0),
    "min": (lambda: m.min(2, 7), 2),
    "sum": (lambda: m.sum(4), 4),
    "loop": (lambda: [*range(1, m.min(9, 2) + 1)], [1, 2]),
    "any": (lambda: m.any(0), np.False_),
    "all": (lambda: m.all(1), np.True_),
    # Lists are arrays.
    "sum of a matrix": (lambda: dl.extractdata(m.sum([[1, 2], [3, 4]])).tolist(), [[4.0, 6.0]]),
    "index": (lambda: float(m.max([3, 9, 4], nargout=2)[1]), 2.0),
    # Forms that MATLAB lacks are Python's.
    "sum of a generator": (lambda: m.sum(k for k in (1, 2)), 3),
    "any of a generator": (lambda: m.any(x > 1 for x in (1, 2)), True),
    "all of an iterator": (lambda: m.all(iter([1, 0])), False),
    "max of a set": (lambda: m.max({1, 5}), 5),
    "min of values": (lambda: m.min({"a": 2}.values()), 2),
    "key": (lambda: m.max(["aa", "b"], key=len), "aa"),
    "default": (lambda: m.min([], default=7), 7),
    "start": (lambda: m.sum([[1], [2]], start=[]), [1, 2]),
    "ndigits": (lambda: m.round(2.567, ndigits=2), 2.57),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_shadowed_builtin_is_matlabs_function_or_pythons(name: str) -> None:
    call, expected = CALLS[name]
    found = call()
    assert found == expected and type(found) is type(expected)


# -- questions -----------------------------------------------------------------------------------

YES: dict[str, Callable[[], Any]] = {
    "isUnderlyingType": lambda: m.isUnderlyingType(m.ones(2, 2), "double"),
    "all": lambda: m.all(1),
    "any": lambda: m.any(1),
    "iscell": lambda: m.iscell(m.cell(2, 2)),
    "isdlarray": lambda: m.isdlarray(m.ones(2, 2)),
    "isempty": lambda: m.isempty([]),
    "isequal": lambda: m.isequal(1, 1.0),
    "isfield": lambda: m.isfield(m.struct("a", 1), "a"),
    "isstruct": lambda: m.isstruct(m.struct()),
    "istable": lambda: m.istable(m.table([1])),
}


@pytest.mark.parametrize("name", YES)
def test_not_of_a_question_is_its_opposite(name: str) -> None:
    answer = YES[name]()
    assert answer and not ~answer
    assert (answer & ~answer, answer | ~answer) == (False, True)
    assert (answer & (m.ones(1) > 0)).shape == (1, 1)


def test_not_of_a_question_about_the_gpu_is_its_opposite() -> None:
    for answer in (m.isgpuarray(m.ones(2, 2)), m.canUseGPU()):
        assert bool(~answer) is not bool(answer)


def test_every_question_of_the_door_is_tried() -> None:
    questions = {name for name in m.__all__ if name.startswith("is")}
    assert questions - set(YES) == {"isgpuarray"}


# -- functions that MATLAB calls without parentheses ---------------------------------------------

BARE = "Inf NaN canUseGPU cell false gpuDevice rand randn rng struct table true".split()

AS_A_VALUE: dict[str, Callable[[Any], Any]] = {
    "condition": lambda f: not f,
    "comparison": lambda f: f == 1,
    "comparison of a number": lambda f: f > 5,
    "sum": lambda f: 1 + f,
    "sign": lambda f: -f,
    "and": lambda f: f & True,
    "float": float,
    "int": int,
    "subscript": lambda f: f["W"],
    "loop": lambda f: [*f],
    "operand": lambda f: dl.ones(2, 2) + f,
    "comparison of an array": lambda f: dl.ones(2, 2) < f,
    "argument": lambda f: dl.max(f, 2),
    "number of a list": lambda f: dl.dlarray([1, f]),
    "end of a row": lambda f: dl.colon(1, f),
    "size": lambda f: dl.numel(f),
    "isequal": lambda f: dl.isequal(1, f),
}


@pytest.mark.parametrize("use", AS_A_VALUE)
@pytest.mark.parametrize("name", BARE)
def test_a_function_without_its_parentheses_is_no_value(name: str, use: str) -> None:
    function = getattr(m, name)
    with pytest.raises(DlgruTypeError) as caught:
        AS_A_VALUE[use](function)
    first = f"first write x = {name}(), then x[...]"
    assert caught.value.fix == (first if use == "subscript" else f"write {name}()")


@pytest.mark.parametrize("name", BARE)
def test_a_function_without_its_parentheses_has_no_fields(name: str) -> None:
    function = getattr(m, name)
    with pytest.raises(DlgruAttributeError, match=rf"write x = {name}\(\), then x\.W"):
        _ = function.W
    with pytest.raises(DlgruAttributeError, match=rf"write x = {name}\(\), then"):
        function.W = 1


@pytest.mark.parametrize("name", BARE)
def test_it_is_a_function_to_python(name: str) -> None:
    for function in (getattr(dl, name), getattr(m, name)):
        assert inspect.isroutine(function)  # so help() shows the function and not its class
        assert pickle.loads(pickle.dumps(function)) is function
        assert inspect.signature(function).return_annotation is not inspect.Parameter.empty
        assert {function: name}[function] == name


@pytest.mark.parametrize("name", sorted(SHADOWED | set(YES)))
def test_the_functions_of_the_door_cross_to_other_processes(name: str) -> None:
    function = getattr(m, name)
    assert pickle.loads(pickle.dumps(function)) is function


def test_true_as_an_option_is_pythons() -> None:
    with pytest.raises(DlgruTypeError) as caught:
        m.cellfun(m.numel, ["a"], UniformOutput=m.false)
    assert caught.value.fix == "write False or false()"
    assert m.iscell(m.cellfun(m.numel, ["a"], UniformOutput=m.false()))


@pytest.mark.parametrize(
    ("call", "function"),
    [
        (lambda: dl.Inf("abc"), "Inf"),
        (lambda: dl.NaN(2, "logical"), "NaN"),
        (lambda: dl.true("abc"), "true"),
        (lambda: dl.false(1.5), "false"),
        (lambda: dl.ones("abc"), "ones"),
        (lambda: dl.ctranspose("abc"), "ctranspose"),
    ],
)
def test_an_error_names_the_function_that_was_called(call: Any, function: str) -> None:
    with pytest.raises(dl.DlgruError) as caught:
        call()
    assert caught.value.function == function
    assert caught.value.identifier.startswith(f"dlgru:{function}:") or function == "ctranspose"
