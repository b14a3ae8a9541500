"""``end`` in ``X.m[...]``: operators and functions of it wait until it has a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.endmark import End, end
from dlgru.errors import DlgruTypeError

X = dl.dlarray(np.arange(1.0, 8.0))  # 1×7: X.m[k] is k
n = dl.dlarray(2.0)


def at(k: Any) -> float:
    return float(X.m[k])


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (n + end - 2, 7),
        (end - n, 5),
        (n * end / 2, 7),
        (end / n + 0.5, 4),
        (n - 3 + end, 6),
        (dl.dlarray(14.0) / end, 2),
        (np.float64(3) * end - 14, 7),
    ],
    ids=str,
)
def test_arithmetic_with_an_array_on_either_side(expression: Any, value: float) -> None:
    assert isinstance(expression, End)
    assert at(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (dl.floor(end / 2), 3),
        (dl.ceil(end / 2), 4),
        (dl.round(end / 2), 4),
        (dl.fix(end / 2), 3),
        (dl.max(end - 9, 1), 1),
        (dl.max(1, end - 3), 4),
        (dl.min(end, 5), 5),
        (dl.min(n, end), 2),
        (dl.abs(end - 9), 2),
        (dl.floor(end / 2) + 1, 4),
        (dl.max(dl.floor(end / 4), dl.ceil(end / 4)), 2),
    ],
    ids=str,
)
def test_functions_of_end_wait(expression: Any, value: float) -> None:
    assert isinstance(expression, End)
    assert at(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (dl.round(end**0.5), 3),
        (2 ** (end - 5), 4),
        (n ** (end - 5), 4),
        ((end - 5) ** n, 4),
        (end // n, 3),
        (21 // end, 3),
        (12 % end, 5),
    ],
    ids=str,
)
def test_powers_and_remainders_wait(expression: Any, value: float) -> None:
    assert isinstance(expression, End)
    assert at(expression) == value


seven, five = dl.dlarray(7), np.float64(5)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        (end == 7, True),
        (end == 3, False),
        (8 == end, False),
        (seven == end, True),
        (end != 7, False),
        (seven != end, False),
        (end > 1, True),
        (seven > end, False),
        (five < end, True),
        (end < 7, False),
        (end <= seven, True),
        (end >= 8, False),
        (seven <= end, True),
        ((end > 1) & (end < 5), False),
        ((end > 1) | (end < 5), True),
        (~(end == 7), False),
        (True & (end == 7), True),
        (False | (end == 7), True),
    ],
    ids=str,
)
def test_comparisons_wait_and_select_as_logical_values(expression: Any, answer: bool) -> None:
    assert isinstance(expression, End)
    expected = np.asarray(X.m[np.array([[answer]])])
    for found in (X.m[expression], X.m[[expression]]):
        assert np.asarray(found).tolist() == expected.tolist()


def test_a_mask_that_knows_end() -> None:
    mask = dl.dlarray(np.arange(1.0, 8.0)) > end - 2
    assert isinstance(mask, End)
    assert np.asarray(X.m[mask]).tolist() == [[6, 7]]
    assert np.asarray(X.m[mask & (end > 9)]).size == 0


def test_assigning_and_deleting_where_a_comparison_is_true() -> None:
    Y = dl.copy(X)
    Y.m[end == 7] = 50
    del Y.m[end - 1]
    assert np.asarray(Y).tolist() == [[50, 2, 3, 4, 5, 7]]


def test_end_is_neither_true_nor_false_and_is_hashed_by_identity() -> None:
    for use in (lambda: bool(end > 1), lambda: not end, lambda: end in [1], lambda: max(end, 1)):
        with pytest.raises(DlgruTypeError, match=r"numel\(X\)") as caught:
            use()
        assert caught.value.identifier == "dlgru:end:truth"
    assert end != None and slice(end) != slice(None)  # noqa: E711
    assert end in {end: 1} and (end - 1) not in {end: 1}


def test_in_ranges_and_second_subscripts() -> None:
    M = dl.dlarray(np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(np.asarray(M.m[1 : dl.floor(end / 2), end]), [[3.0]])
    np.testing.assert_array_equal(np.asarray(M.m[end, 1 : dl.floor(end / 2)]), [[8.0, 9.0]])


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        (dl.colon(5, end), [5, 6, 7]),
        (dl.colon(end, -2, 3), [7, 5, 3]),
        (dl.colon(1, dl.floor(end / 2), end), [1, 4, 7]),
        (dl.horzcat(1, end), [1, 7]),
        (dl.horzcat(dl.dlarray([2, 3]), end - 1), [2, 3, 6]),
        (dl.horzcat(dl.colon(1, 2), dl.colon(end - 1, end)), [1, 2, 6, 7]),
        (dl.vertcat(end, 1), [7, 1]),
    ],
    ids=str,
)
def test_rows_of_indices_wait(expression: Any, values: list[float]) -> None:
    assert isinstance(expression, End)
    assert np.asarray(X.m[expression]).ravel().tolist() == values


def test_what_is_no_row_of_indices_does_not_wait() -> None:
    with pytest.raises(DlgruTypeError, match="array 1 is str"):
        dl.horzcat("a", 1)


def test_arithmetic_with_several_subscripts_at_once() -> None:
    np.testing.assert_array_equal(np.asarray(X.m[dl.dlarray([-1, 0]) + end]), [[6.0, 7.0]])


def test_end_is_no_dimension_and_no_operand_of_an_array() -> None:
    with pytest.raises(DlgruTypeError):
        dl.sum(X, end)
    with pytest.raises(DlgruTypeError):
        dl.max(X, end)


def test_an_expression_reads_as_it_was_written() -> None:
    assert repr(dl.floor(end / 2) + 1) == "floor(end / 2) + 1"
    assert repr(~(end - 1 == 3) & (2**end > 1)) == "(~((end - 1) == 3)) & ((2 ** end) > 1)"
