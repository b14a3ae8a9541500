"""The door of ported scripts: what ``from dlgru.matlab import *`` gives, and what it shadows."""

from __future__ import annotations

import builtins
import inspect
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import matlab as m
from dlgru.errors import DlgruAttributeError, DlgruTypeError

SHADOWED = {"abs", "all", "any", "max", "min", "round", "sum"}


def test_the_door_gives_all_of_dlgru_and_shadows_seven_builtins() -> None:
    names = set(m.__all__)
    assert len(names) == len(m.__all__)
    assert names & set(dir(builtins)) == SHADOWED
    assert names - set(dl.__all__) == SHADOWED | {"pi", "inf", "nan", "eps"}
    assert (m.pi, m.inf, m.eps) == (math.pi, math.inf, 2.0**-52) and math.isnan(m.nan)


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
