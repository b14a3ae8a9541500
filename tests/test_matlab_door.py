"""The door of ported scripts: what ``from dlgru.matlab import *`` gives, and what it shadows."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import pytest

import dlgru as dl
from dlgru import matlab as m

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
