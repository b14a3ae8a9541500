"""``isequal`` compares whatever there is: numbers by value, text, structs, cells, tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import Cell, isequal, struct, table


def handle(x: Any) -> Any:
    return x


ROW = dl.dlarray([1, 2])
NAN = dl.dlarray([1, math.nan])
EQUAL: dict[str, tuple[Any, Any]] = {
    "numbers": (1, 1.0),
    "a number and a logical": (True, 1),
    "a number and a 1x1 array": (2.5, dl.dlarray(2.5)),
    "a number and one of NumPy's": (3, np.int64(3)),
    "two classes": (ROW, dl.single(ROW)),
    "integers": (np.array([1, 2], np.int8), np.array([1, 2], np.uint16)),
    "integers and an array": (np.array([[1, 2]]), ROW),
    "a list and an array": ([[1, 2], [3, 4]], dl.dlarray([[1, 2], [3, 4]])),
    "a range and an array": (range(1, 3), ROW),
    "complex and real": (dl.complex(1), 1),
    "long whole numbers": (10**400, 10**400),
    "a formatted array and a plain one": (dl.dlarray([[1, 2]], "CB"), [1, 2]),
    "nothing and a 0x0 array": ([], dl.zeros(0, 0)),
    "nothing and an empty cell": ([], dl.cell(0)),
    "text": ("gru", "gru"),
    "text of NumPy's": ("gru", np.str_("gru")),
    "arrays of text": (np.array(["a", "b"]), np.array(["a", "b"])),
    "None": (None, None),
    "structs in another order": (struct("a", 1, "b", ROW), struct("b", [1, 2], "a", 1.0)),
    "a struct and a dictionary": (struct("a", 1), {"a": 1}),
    "structs in structs": (struct("p", struct("W", ROW)), struct("p", struct("W", ROW))),
    "a cell and a list": (Cell(["a", 1]), ["a", dl.dlarray(1)]),
    "a cell of numbers and a list": (Cell([1, 2]), [1, 2]),
    "cells of cells": ([["a", [1]], "b"], [["a", [1]], "b"]),
    "rows of several lengths": ([[1], [1, 2]], [[1.0], np.array([1, 2])]),
    "arrays in a list": ([ROW, 2.0], [[1, 2], 2]),
    "tables": (table([1, 2], ["a", "b"]), table([1.0, 2.0], ["a", "b"])),
    "functions": (handle, handle),
}
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "values": ([1, 2], [1, 3]),
    "sizes": (dl.ones(2, 1), dl.ones(1, 2)),
    "sizes that would expand": (dl.ones(2, 2), 1),
    "formats": (dl.dlarray([[1, 2]], "CB"), dl.dlarray([[1, 2]], "CT")),
    "an array and a formatted one": (ROW, dl.dlarray([[1, 2]], "CB")),
    "NaN": (math.nan, math.nan),
    "NaN and itself": (NAN, NAN),
    "a field of NaN and itself": (struct("a", NAN), struct("a", NAN)),
    "a cell of NaN and itself": (Cell([NAN]), Cell([NAN])),
    "a column of NaN and itself": (table([1, math.nan]), table([1, math.nan])),
    "text": ("gru", "lstm"),
    "text and numbers": ("a", 97),
    "text and its list": ("ab", ["a", "b"]),
    "text and an array": ("a", ROW),
    "arrays of text": (np.array(["a"]), np.array(["b"])),
    "text and numbers in arrays": (np.array(["1"]), np.array([1])),
    "fields": (struct("a", 1), struct("b", 1)),
    "one field more": (struct("a", 1), struct("a", 1, "b", 1)),
    "values of a field": (struct("a", 1), struct("a", 2)),
    "a struct and a number": (struct("a", 1), 1),
    "a struct and its cell": (struct("a", 1), [struct("a", 1)]),
    "cells of one length and two sizes": (Cell([1, 2]), Cell([1, 2], (2, 1))),
    "a cell and an array": (Cell([1, 2]), ROW),
    "elements of a cell": (["a", 1], ["a", 2]),
    "lengths of cells": (["a"], ["a", "b"]),
    "names of columns": (table([1], VariableNames=["a"]), table([1], VariableNames=["b"])),
    "values of columns": (table([1], ["a"]), table([1], ["b"])),
    "a table and a struct": (table([1], VariableNames=["a"]), struct("a", 1)),
    "nothing and text": ([], ""),
    "nothing and a row without columns": ([], dl.zeros(1, 0)),
    "functions": (handle, isequal),
}


@pytest.mark.parametrize("what", EQUAL)
def test_equal(what: str) -> None:
    a, b = EQUAL[what]
    assert isequal(a, b) is True
    assert isequal(b, a) is True


@pytest.mark.parametrize("what", DIFFERENT)
def test_different(what: str) -> None:
    a, b = DIFFERENT[what]
    assert isequal(a, b) is False
    assert isequal(b, a) is False


def test_a_traced_array_is_compared_by_its_value() -> None:
    assert dl.dlfeval(lambda x: isequal(x, [1, 2]), ROW) is True


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(dl.DlgruAttributeError):
        isequal(struct("a", 1).b, 1)
