"""``nargout``: how many outputs a function may be asked for."""

from __future__ import annotations

from typing import Any

import pytest

import dlgru as dl
from dlgru.errors import DlgruTypeError, DlgruValueError

X = dl.dlarray([3.0, 1.0])
ZEROS = (dl.dlarray(dl.zeros(1, 1, 2), "CBT"), dl.zeros(1, 1), dl.zeros(3, 1), dl.zeros(3, 1))
FUNCTIONS = {
    "max": lambda n: dl.max(X, nargout=n),
    "min": lambda n: dl.min(X, nargout=n),
    "gru": lambda n: dl.gru(*ZEROS, dl.zeros(3, 1), nargout=n),
    "padsequences": lambda n: dl.padsequences([X, X], 2, nargout=n),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_and_two(name: str) -> None:
    call = FUNCTIONS[name]
    assert isinstance(call(1), dl.DLArray)
    assert isinstance(call(0), dl.DLArray)  # as a statement, whose value nobody takes
    assert len(call(2)) == len(call(2.0)) == 2


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("asked", [3, -1])
def test_other_numbers(name: str, asked: int) -> None:
    with pytest.raises(DlgruValueError, match=rf"nargout is {asked}, expected 1 \(.* or 2 \(") as e:
        FUNCTIONS[name](asked)
    assert e.value.function == name
    assert ("Too many output arguments" in str(e.value)) == (asked == 3)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("asked", ["2", 1.5, None])
def test_what_is_no_number(name: str, asked: Any) -> None:
    with pytest.raises(DlgruTypeError, match="nargout"):
        FUNCTIONS[name](asked)
