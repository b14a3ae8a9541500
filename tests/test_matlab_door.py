"""The door of ported scripts: what ``from dlgru.matlab import *`` gives, and what it shadows."""

from __future__ import annotations

import builtins
import inspect
import math
import pickle
from collections.abc import Callable
from typing import Any

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
    "round": (lambda: m.round(2.5), 3.0),
    "round, negative": (lambda: m.round(-2.5), -3.0),
    "abs": (lambda: m.abs(-3), 3.0),
    "max": (lambda: m.max(2, 7), 7.0),
    "min": (lambda: m.min(2, 7), 2.0),
    "sum": (lambda: m.sum(4), 4.0),
    "any": (lambda: m.any(0), False),
    "all": (lambda: m.all(1), True),
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
    assert caught.value.fix == f"write {name}()"


@pytest.mark.parametrize("name", BARE)
def test_a_function_without_its_parentheses_has_no_fields(name: str) -> None:
    function = getattr(m, name)
    with pytest.raises(DlgruAttributeError, match=rf"write {name}\(\)\.W"):
        _ = function.W
    with pytest.raises(DlgruAttributeError, match=rf"write x = {name}\(\), then"):
        function.W = 1


@pytest.mark.parametrize("name", BARE)
def test_it_is_a_function_to_python(name: str) -> None:
    function = getattr(dl, name)
    assert inspect.isroutine(function)  # so help() shows the function and not its class
    assert pickle.loads(pickle.dumps(function)) is function
    assert inspect.signature(function).return_annotation is not inspect.Parameter.empty
    assert {function: name}[function] == name


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
