"""Cells in functions of shape: joined, repeated, reshaped and turned, never taken for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import Cell
from dlgru.errors import DlgruTypeError, DlgruValueError

A, B = Cell([1, "a"]), Cell([dl.dlarray([3.0, 4.0]), 2])


def texts(c: Any) -> list[Any]:
    """The elements as nested rows, arrays as lists."""
    assert isinstance(c, Cell)
    rows, columns = c.shape
    plain = [np.asarray(x).tolist() if isinstance(x, dl.DLArray) else x for x in c]
    return [[plain[i + rows * k] for k in range(columns)] for i in range(rows)]


def test_side_by_side_and_one_below_the_other() -> None:
    assert texts(dl.horzcat(A, B)) == [[1, "a", [[3.0, 4.0]], 2]]
    assert texts(dl.vertcat(A, B)) == [[1, "a"], [[[3.0, 4.0]], 2]]
    assert texts(dl.cat(1, dl.vertcat(A, B), A)) == [[1, "a"], [[[3.0, 4.0]], 2], [1, "a"]]


def test_along_a_new_dimension() -> None:
    pages = dl.cat(3, A, B)
    assert pages.shape == (1, 2, 2)
    assert pages.m[1, 2, 1] == "a"
    assert pages.m[1, 2, 2] == 2
    assert dl.cat(3, pages, A).shape == (1, 2, 3)


def test_what_is_no_cell_is_one_element_and_nothing_is_passed_over() -> None:
    matrix = dl.ones(2, 2)
    joined = dl.horzcat(matrix, A, [], Cell(), "b")
    assert texts(joined) == [[[[1.0, 1.0], [1.0, 1.0]], 1, "a", "b"]]
    assert dl.horzcat(Cell(), []).shape == (0, 0)


def test_a_cell_alone_stays_as_it_is() -> None:
    arrays = Cell([dl.zeros(2, 1), dl.ones(2, 1)])
    assert texts(dl.horzcat(arrays)) == texts(dl.vertcat(arrays)) == texts(arrays)
    assert texts(dl.horzcat(Cell([1, 2]))) == [[1, 2]]
    assert dl.horzcat(*arrays).shape == (2, 2)
    assert dl.horzcat([dl.zeros(2, 1), dl.ones(2, 1)]).shape == (2, 2)


def test_beside_a_cell_a_list_of_other_things_than_numbers_is_a_cell() -> None:
    assert texts(dl.horzcat(A, ["b", dl.dlarray(5.0)])) == [[1, "a", "b", [[5.0]]]]
    assert texts(dl.horzcat(A, [5, 6])) == [[1, "a", [5, 6]]]


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(DlgruValueError, match="cell 2 is 1×3, expected 1×2, as the first one"):
        dl.vertcat(A, Cell([1, 2, 3]))


def test_repeated() -> None:
    assert texts(dl.repmat(Cell(["x"]), 2, 3)) == [["x"] * 3] * 2
    assert texts(dl.repmat(A, 2, 1)) == [[1, "a"], [1, "a"]]
    assert texts(dl.repmat(A, [1, 2])) == [[1, "a", 1, "a"]]
    assert dl.repmat(A, 1, 1, 2).shape == (1, 2, 2)
    zeros = dl.repmat(Cell([dl.zeros(2, 1)]), 1, 2)
    zeros[0].m[1] = 5  # each element is an array of its own
    assert float(zeros[1].m[1]) == 0


def test_reshaped_and_turned() -> None:
    six = Cell([1, 2, 3, 4, 5, 6])
    assert texts(dl.reshape(six, 2, [])) == [[1, 3, 5], [2, 4, 6]]
    assert dl.reshape(six, 1, 2, 3).shape == (1, 2, 3)
    assert texts(dl.transpose(dl.reshape(six, 2, 3))) == [[1, 2], [3, 4], [5, 6]]
    assert texts(dl.ctranspose(A)) == [[1], ["a"]]
    with pytest.raises(DlgruValueError, match=r"expected sizes whose product is 6 \(X is 1×6\)"):
        dl.reshape(six, 4, 1)


@pytest.mark.parametrize("name", ["sum", "max", "dlarray", "exp", "single", "flip", "squeeze"])
def test_a_cell_is_no_array_whatever_it_holds(name: str) -> None:
    with pytest.raises(DlgruTypeError, match=r"a 1×2 cell, expected an array\. hand over"):
        getattr(dl, name)(Cell([1, 2]))
    with pytest.raises(DlgruTypeError, match="a 1×2 cell"):
        dl.ones(1, 2) + Cell([1, 2])
