"""One-hot encoding and decoding: orientation, class order, missing labels, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlgru as dl
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError
from dlgru.onehot import onehotdecode, onehotencode

NAN = float("nan")


def data(x: Any) -> Any:
    return np.asarray(x)


# -- encoding ------------------------------------------------------------------------------


def test_a_list_of_text_is_a_row_and_classes_are_sorted() -> None:
    B = onehotencode(["dog", "cat", "dog", "ant"], 1)
    assert dl.isdlarray(B)
    assert dl.underlyingType(B) == "double"
    assert data(B).tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0]]


def test_a_column_is_encoded_along_its_rows() -> None:
    for column in (dl.Cell(["b", "a"], (2, 1)), [["b"], ["a"]], np.array([["b"], ["a"]])):
        assert data(onehotencode(column, 2)).tolist() == [[0, 1], [1, 0]]


NUMBERS: dict[str, Any] = {
    "list of int": [2, 3, 2],
    "list of float": [2.0, 3.0, 2.0],
    "int64": np.array([2, 3, 2]),
    "uint8": np.array([2, 3, 2], dtype=np.uint8),
    "dlarray": dl.dlarray([2.0, 3.0, 2.0]),
    "cell": dl.Cell([2, dl.dlarray(3.0), np.float32(2)]),
    "range": range(2, 4),
}


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_are_labels_in_every_form(form: str) -> None:
    labels = NUMBERS[form]
    B = data(onehotencode(labels, 1, ClassNames=[1, 2, 3]))
    assert B[:, :2].tolist() == [[0, 0], [1, 0], [0, 1]]


def test_the_order_of_the_classes_is_the_order_of_the_rows() -> None:
    B = onehotencode(["a", "b"], 1, ClassNames=["b", "c", "a"])
    assert data(B).tolist() == [[0, 1], [0, 0], [1, 0]]


def test_missing_and_unknown_labels_are_nan() -> None:
    B = data(onehotencode(["a", None, "z", NAN], 1, ClassNames=["a", "b"]))
    np.testing.assert_array_equal(B, [[1, NAN, NAN, NAN], [0, NAN, NAN, NAN]])
    assert data(onehotencode(["a", None], 1)).shape == (1, 2)
    np.testing.assert_array_equal(data(onehotencode([1.0, NAN], 1)), [[1, NAN]])


@pytest.mark.parametrize("typename", ["double", "single", "logical"])
def test_the_class_of_the_result(typename: str) -> None:
    assert dl.underlyingType(onehotencode(["a", "b"], 1, typename)) == typename


def test_the_class_and_the_names_together() -> None:
    B = onehotencode(["a"], 1, "single", "ClassNames", ["a", "b"])
    assert dl.underlyingType(B) == "single"
    assert data(B).tolist() == [[1], [0]]


def test_a_dimension_beyond_the_last() -> None:
    labels = np.array([[1, 2, 2], [2, 1, 2]])
    B = data(onehotencode(labels, 3))
    assert B.shape == (2, 3, 2)
    np.testing.assert_array_equal(B[:, :, 0], labels == 1)
    np.testing.assert_array_equal(B[:, :, 1], labels == 2)


def test_arrays_of_three_dimensions() -> None:
    labels = np.arange(1, 7).reshape(2, 1, 3)
    B = data(onehotencode(labels, 2, ClassNames=range(1, 7)))
    assert B.shape == (2, 6, 3)
    assert (B.argmax(axis=1) + 1 == labels[:, 0, :]).all()


def test_a_formatted_array_keeps_its_format() -> None:
    X = dl.dlarray(np.array([[2.0], [1.0], [2.0], [1.0], [1.0]]), "BC")
    B = onehotencode(dl.dlarray(np.array([[2.0, 1.0, 2.0]]), "CB"), "C")
    assert B.dims == "CB"
    assert data(B).tolist() == [[0, 1, 0], [1, 0, 1]]
    assert onehotencode(X, "C").shape == (2, 5)


def test_one_text_is_one_label() -> None:
    assert data(onehotencode("cat", 1, ClassNames=["ant", "cat"])).tolist() == [[0], [1]]


def test_no_labels_give_no_columns() -> None:
    assert onehotencode(dl.zeros(1, 0), 1, ClassNames=["a", "b"]).shape == (2, 0)


def test_results_are_column_major_and_sealed() -> None:
    B = onehotencode(np.arange(12).reshape(3, 1, 4), 2)
    assert B.value.data.flags.f_contiguous
    assert not B.value.data.flags.writeable


# -- decoding ------------------------------------------------------------------------------


SCORES = np.array([[0.9, 0.2, 0.3], [0.1, 0.8, 0.7]])


def test_the_largest_score_wins() -> None:
    T = onehotdecode(dl.dlarray(SCORES, "CB"), ["cat", "dog"], 1)
    assert list(T) == ["cat", "dog", "dog"]
    assert T.shape == (1, 3)


def test_decoded_text_compares_element_by_element() -> None:
    T = onehotdecode(SCORES, ["cat", "dog"], 1)
    assert data(T == "dog").tolist() == [[False, True, True]]
    assert data(T == ["cat", "cat", "dog"]).tolist() == [[True, False, True]]


def test_decoding_along_other_dimensions() -> None:
    assert list(onehotdecode(SCORES.T, ["cat", "dog"], 2)) == ["cat", "dog", "dog"]
    assert onehotdecode(SCORES.T, ["cat", "dog"], 2).shape == (3, 1)
    X = dl.dlarray(SCORES, "CB")
    assert list(onehotdecode(X, ["cat", "dog"], "C")) == ["cat", "dog", "dog"]
    stack = np.stack([SCORES, SCORES[::-1]], axis=2)
    T = onehotdecode(stack, ["cat", "dog"], 1)
    assert T.shape == (1, 3, 2)
    assert list(T) == ["cat", "dog", "dog", "dog", "cat", "cat"]


def test_numeric_classes_give_doubles() -> None:
    T = onehotdecode(SCORES, [10, 20], 1)
    assert dl.isdlarray(T)
    assert dl.underlyingType(T) == "double"
    assert data(T).tolist() == [[10, 20, 20]]
    assert dl.underlyingType(onehotdecode(SCORES, range(2), 1, "single")) == "single"
    assert list(onehotdecode(SCORES, [1, 2.5], 1, "string")) == ["1", "2.5", "2.5"]


def test_of_equal_scores_the_first_wins() -> None:
    assert list(onehotdecode(np.ones((3, 1)), ["a", "b", "c"], 1)) == ["a"]


def test_nan_loses_and_a_column_of_nan_is_missing() -> None:
    B = np.array([[NAN, NAN, NAN], [0.1, NAN, -np.inf]])
    assert list(onehotdecode(B, ["a", "b"], 1)) == ["b", None, "b"]
    np.testing.assert_array_equal(data(onehotdecode(B, [1, 2], 1)), [[2, NAN, 2]])


def test_decoding_reads_traced_and_logical_arrays() -> None:
    read = dl.dlfeval(lambda X: list(onehotdecode(X, ["a", "b"], 1)), dl.dlarray(SCORES))
    assert read == ["a", "b", "b"]
    assert list(onehotdecode(dl.dlarray(SCORES > 0.5), ["a", "b"], 1)) == ["a", "b", "b"]


@given(st.lists(st.sampled_from(["ant", "bee", "cat", None]), min_size=1, max_size=8))
def test_decoding_undoes_encoding(labels: list[str | None]) -> None:
    names = ["cat", "ant", "bee"]
    B = onehotencode(labels, 1, ClassNames=names)
    assert list(onehotdecode(B, names, 1)) == labels


# -- bad input -------------------------------------------------------------------------------


def test_a_row_cannot_be_encoded_along_its_columns() -> None:
    with pytest.raises(DlgruValueError, match="a flat list is a row") as caught:
        onehotencode(["a", "b"], 2)
    assert caught.value.came == "1×2"


@pytest.mark.parametrize("labels", [[["a"], ["b", "c"]], [["a"], "b"]])
def test_ragged_lists_are_refused(labels: Any) -> None:
    with pytest.raises(DlgruValueError, match="differ in length"):
        onehotencode(labels, 1)


@pytest.mark.parametrize("label", [1j, {}, dl.ones(2, 2), b"a"])
def test_what_is_neither_text_nor_number_is_no_label(label: Any) -> None:
    with pytest.raises(DlgruTypeError, match="expected text or real numbers"):
        onehotencode([label, "a"], 1)


def test_logical_has_no_missing_value() -> None:
    with pytest.raises(DlgruValueError, match="NaN is neither true nor false"):
        onehotencode(["a", None], 1, "logical")


WRONG: dict[str, tuple[Any, str]] = {
    "zero dimension": (lambda: onehotencode(["a"], 0), "featureDim"),
    "label without a format": (lambda: onehotencode(["a"], "C"), "dim"),
    "all dimensions": (lambda: onehotencode(["a"], "all"), "featureDim"),
    "integer class": (lambda: onehotencode(["a"], 1, "int8"), "typename"),
    "class twice": (lambda: onehotencode(["a"], 1, ClassNames=["a", "a"]), "ClassNames"),
    "missing class": (lambda: onehotencode(["a"], 1, ClassNames=["a", None]), "ClassNames"),
    "unknown option": (lambda: onehotencode(["a"], 1, Classes=["a"]), "the option"),
    "no dimension": (lambda: onehotencode(["a"]), "featureDim"),
    "too few classes": (lambda: onehotdecode(SCORES, ["a"], 1), "classes"),
    "too many classes": (lambda: onehotdecode(SCORES, ["a", "b", "c"], 1), "classes"),
    "repeated classes": (lambda: onehotdecode(SCORES, ["a", "a"], 1), "classes"),
    "class in a list": (lambda: onehotencode(["a"], 1, ["double"]), "typename"),
    "decoded to integers": (lambda: onehotdecode(SCORES, ["a", "b"], 1, "int8"), "typename"),
    "text to double": (lambda: onehotdecode(SCORES, ["a", "b"], 1, "double"), "typename"),
    "text for scores": (lambda: onehotdecode("ab", ["a", "b"], 1), "B"),
    "decoding all": (lambda: onehotdecode(SCORES, ["a", "b"], "all"), "featureDim"),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_argument_at_fault_is_named(what: str) -> None:
    call, argument = WRONG[what]
    with pytest.raises(DlgruError) as caught:
        call()
    assert caught.value.argument == argument
