"""``X(1, 2)``: subscripts in parentheses are refused, and the message says what to write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.endmark import end
from dlgru.errors import DlgruTypeError
from dlgru.parentheses import is_function

X = dl.dlarray(np.arange(1.0, 7.0).reshape(2, 3))
C = dl.cell(1, 2)
T = dl.table(np.ones((2, 1)))


@pytest.mark.parametrize(
    ("data", "subscripts", "shown"),
    [
        (X, (1, 2), "X.m[1, 2]"),
        (X, (":", end - 1), "X.m[:, end - 1]"),
        (X, (), "X.m[:]"),
        (X, ("T",), "X.m['T']"),
        (X, (np.arange(9.0), dl.dlarray(np.ones((3, 3)))), "X.m[..., ...]"),
        (C, (2,), "X.m[2]"),
        (T, (1, ":"), "X.m[1, :]"),
    ],
)
def test_subscripts_in_parentheses_are_refused(
    data: Any, subscripts: tuple[Any, ...], shown: str
) -> None:
    with pytest.raises(DlgruTypeError) as caught:
        data(*subscripts)
    assert caught.value.identifier == "dlgru:subscript:parentheses"
    assert shown in str(caught.value)


@pytest.mark.parametrize("data", [X, C, T], ids=["array", "cell", "table"])
@pytest.mark.parametrize(
    ("subscripts", "shown"), [((1, 2), "X.m[1, 2]"), ((end - 1,), "X.m[end - 1]"), ((), "X.m[:]")]
)
def test_parentheses_after_m_are_refused(
    data: Any, subscripts: tuple[Any, ...], shown: str
) -> None:
    with pytest.raises(DlgruTypeError) as caught:
        data.m(*subscripts)
    assert caught.value.identifier == "dlgru:subscript:parentheses"
    assert caught.value.fix == f"write {shown}"


def test_a_struct_needs_no_subscript() -> None:
    with pytest.raises(DlgruTypeError, match=r"X\(1\), where X is a struct.*X\.m\[1\], or X alone"):
        dl.struct("a", 1)(1)


def test_a_variable_that_hides_a_function_is_named() -> None:
    sum = dl.dlarray(3)
    with pytest.raises(DlgruTypeError, match="where X is a dlarray, expected a function"):
        sum(X, "all")  # type: ignore[operator, unused-ignore]


@pytest.mark.parametrize("data", [X, C, T, dl.struct("a", 1), X.m, C.m, T.m])
def test_data_are_no_functions(data: Any) -> None:
    assert not is_function(data)
    assert is_function(len)
    for call in (
        lambda: dl.dlfeval(data, X),
        lambda: dl.dlupdate(data, X),
        lambda: dl.cellfun(data, C),
        lambda: dl.checkgrad(data, X),
    ):
        with pytest.raises(DlgruTypeError, match="expected a function"):
            call()
