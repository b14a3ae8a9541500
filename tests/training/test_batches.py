"""``padsequences``: where data and padding stand, the mask, classes, derivatives, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import backend
from dlgru.array import Value, wrap
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError
from dlgru.training.batches import padsequences

RANDOM = np.random.default_rng(5)
ONE, TWO, FOUR = np.array([[1.0]]), np.array([[2.0, 3.0]]), np.array([[4.0, 5.0, 6.0, 7.0]])


def pages(X: Any) -> Any:
    """The sequences of a 1×T×N result as rows."""
    data = np.asarray(X)
    return data.reshape(data.shape[1], -1, order="F").T.tolist()


# -- where everything stands ---------------------------------------------------------------


def test_default_pads_at_the_end_with_zeros_to_the_longest() -> None:
    X, mask = padsequences([ONE, FOUR, TWO], 2, nargout=2)
    assert X.shape == mask.shape == (1, 4, 3)
    assert pages(X) == [[1, 0, 0, 0], [4, 5, 6, 7], [2, 3, 0, 0]]
    assert pages(mask) == [[True, False, False, False], [True] * 4, [True, True, False, False]]


@pytest.mark.parametrize(
    ("direction", "length", "expected"),
    [
        ("right", "longest", [[1, 9, 9, 9], [4, 5, 6, 7], [2, 3, 9, 9]]),
        ("left", "longest", [[9, 9, 9, 1], [4, 5, 6, 7], [9, 9, 2, 3]]),
        # Of an odd number of padded places one more stands at the end.
        ("both", "longest", [[9, 1, 9, 9], [4, 5, 6, 7], [9, 2, 3, 9]]),
        ("right", 3, [[1, 9, 9], [4, 5, 6], [2, 3, 9]]),
        ("left", 3, [[9, 9, 1], [5, 6, 7], [9, 2, 3]]),
        ("both", 3, [[9, 1, 9], [4, 5, 6], [2, 3, 9]]),
        ("both", 2, [[1, 9], [5, 6], [2, 3]]),
        ("right", "shortest", [[1], [4], [2]]),
        ("left", "shortest", [[1], [7], [3]]),
        ("right", 5, [[1, 9, 9, 9, 9], [4, 5, 6, 7, 9], [2, 3, 9, 9, 9]]),
    ],
)
def test_direction_and_length(direction: str, length: Any, expected: list[list[float]]) -> None:
    X, mask = padsequences(
        [ONE, FOUR, TWO], 2, Length=length, Direction=direction, PaddingValue=9, nargout=2
    )
    assert pages(X) == expected
    assert pages(mask) == [[x != 9 for x in row] for row in expected]


def test_sequences_follow_each_other_along_the_dimension_after_their_last() -> None:
    a, b = RANDOM.standard_normal((3, 5)), RANDOM.standard_normal((3, 2))
    X = padsequences([a, b], 2)
    assert X.shape == (3, 5, 2)
    np.testing.assert_array_equal(np.asarray(X)[:, :, 0], a)
    np.testing.assert_array_equal(np.asarray(X)[:, :2, 1], b)
    assert (np.asarray(X)[:, 2:, 1] == 0).all()
    labelled = dl.dlarray(X, "CTB")
    assert labelled.shape == (3, 2, 5)


def test_padding_along_the_first_dimension() -> None:
    a, b = RANDOM.standard_normal((5, 3)), RANDOM.standard_normal((2, 3))
    X, mask = padsequences([a, b], 1, nargout=2)
    assert X.shape == (5, 3, 2)
    np.testing.assert_array_equal(np.asarray(X)[:2, :, 1], b)
    np.testing.assert_array_equal(np.asarray(mask)[:, :, 1], [[True] * 3] * 2 + [[False] * 3] * 3)


def test_image_sequences_pad_their_fourth_dimension() -> None:
    a, b = RANDOM.standard_normal((2, 3, 4, 5)), RANDOM.standard_normal((2, 3, 4, 2))
    X, mask = padsequences([a, b], 4, nargout=2)
    assert X.shape == mask.shape == (2, 3, 4, 5, 2)
    np.testing.assert_array_equal(np.asarray(X)[..., :2, 1], b)
    assert np.asarray(mask).sum() == a.size + b.size


def test_a_trailing_dimension_of_one_step_counts_as_a_dimension() -> None:
    # MATLAB drops the singleton third dimension of the second sequence.
    X = padsequences([np.ones((2, 3, 4)), np.full((2, 3), 5.0)], 3)
    assert X.shape == (2, 3, 4, 2)
    assert np.asarray(X)[:, :, :, 1].sum(axis=(0, 1)).tolist() == [30, 0, 0, 0]


def test_one_sequence_keeps_its_size() -> None:
    X, mask = padsequences([FOUR], 2, nargout=2)
    assert X.shape == mask.shape == (1, 4)


def test_an_empty_sequence_is_all_padding() -> None:
    X, mask = padsequences([np.zeros((2, 0)), np.ones((2, 3))], 2, nargout=2)
    assert X.shape == (2, 3, 2)
    assert not np.asarray(mask)[:, :, 0].any()


def test_padding_with_nan() -> None:
    X = padsequences([ONE, TWO], 2, PaddingValue=np.nan)
    assert np.isnan(np.asarray(X)[0, 1, 0])


def test_cells_instead_of_one_array() -> None:
    cell = dl.Cell([ONE, FOUR], (2, 1))
    X, mask = padsequences(cell, 2, UniformOutput=False, nargout=2)
    assert X.shape == mask.shape == (2, 1)
    assert [np.asarray(x).tolist() for x in X] == [[[1, 0, 0, 0]], FOUR.tolist()]
    assert np.asarray(mask[0]).tolist() == [[True, False, False, False]]
    assert dl.isdlarray(X[0])


def test_both_spellings_of_the_options() -> None:
    a = padsequences([ONE, TWO], 2, "Direction", "left", "PaddingValue", 8)
    assert dl.isequal(a, padsequences([ONE, TWO], 2, direction="LEFT", padding=8))
    assert pages(a) == [[8, 1], [2, 3]]


# -- class, layout, the sequences themselves --------------------------------------------------


def test_single_wins_and_logical_stays_logical() -> None:
    single = TWO.astype(np.float32)
    assert dl.underlyingType(padsequences([ONE, single], 2)) == "single"
    flags = [np.array([[True]]), np.array([[True, False]])]
    assert dl.underlyingType(padsequences(flags, 2)) == "logical"
    assert dl.underlyingType(padsequences(flags, 2, PaddingValue=0.5)) == "double"


def test_results_are_unformatted_sealed_and_column_major() -> None:
    X, mask = padsequences([dl.dlarray(np.ones((3, 2)), "CT"), np.ones((3, 4))], 2, nargout=2)
    for x in (X, mask):
        assert x.dims == ""
        assert x.value.data.flags.f_contiguous
        assert not x.value.data.flags.writeable


def test_the_sequences_stay_as_they_are() -> None:
    a, b = dl.dlarray(ONE), dl.dlarray(FOUR)
    X = padsequences([a, b], 2)
    X[:, :, :] = 7.0
    assert float(a) == 1.0
    assert np.asarray(b).tolist() == FOUR.tolist()


def test_complex_sequences() -> None:
    X = padsequences([np.array([[1j]]), TWO], 2)
    assert np.asarray(X).ravel(order="F").tolist() == [1j, 0, 2, 3]


@pytest.mark.parametrize("length", ["longest", "shortest", 3])
@pytest.mark.parametrize("direction", ["right", "left", "both"])
def test_traced_sequences_get_their_gradients(direction: str, length: Any) -> None:
    a, b = dl.dlarray(RANDOM.standard_normal((2, 4))), dl.dlarray(RANDOM.standard_normal((2, 2)))
    options: dict[str, Any] = {"Length": length, "Direction": direction}

    def loss(a: Any, b: Any) -> Any:
        X = padsequences([a, np.ones((2, 3), np.float32), b], 2, PaddingValue=2, **options)
        total = dl.sum(dl.dlarray(X) ** 2, "all")
        return (X, *dl.dlgradient(total, a, b))

    X, ga, gb = dl.dlfeval(loss, a, b)
    plain = padsequences([a, np.ones((2, 3), np.float32), b], 2, PaddingValue=2, **options)
    assert dl.isequal(X, plain)
    assert dl.underlyingType(X) == "single"
    # A gradient of 2x where an element is kept, zero where it was cut off.
    kept = padsequences(
        [dl.dlarray(np.arange(1.0, 9).reshape(2, 4))], 2, **{**options, "Length": X.shape[1]}
    )
    used = np.isin(np.arange(1.0, 9).reshape(2, 4), np.asarray(kept))
    np.testing.assert_allclose(np.asarray(ga), 2 * np.asarray(a) * used, rtol=1e-6)
    assert gb.shape == (2, 2)
    np.testing.assert_allclose(np.asarray(gb), 2 * np.asarray(b), rtol=1e-6)


def test_a_device_keeps_its_sequences(device: Callable[[Any], Any]) -> None:
    there = [wrap(Value(device(x)), "") for x in (ONE, FOUR)]
    X, mask = padsequences(there, 2, nargout=2)
    assert type(X.value.data) is type(mask.value.data) is type(there[0].value.data)
    assert backend.to_host(X.value.data)[0, :, 0].tolist() == [1, 0, 0, 0]


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "came"),
    [
        (dl.dlarray(FOUR), "an array"),
        (FOUR, "an array"),
        ([], "an empty cell"),
        ([1, 2, 3], "a list of numbers"),
        ("abc", "a str"),
        (None, "a NoneType"),
    ],
)
def test_only_cells_of_arrays_are_padded(X: Any, came: str) -> None:
    with pytest.raises(DlgruTypeError) as caught:
        padsequences(X, 2)
    assert caught.value.identifier == "dlgru:padsequences:cell"
    assert caught.value.came == came


def test_the_sequence_that_does_not_fit_is_named() -> None:
    with pytest.raises(DlgruValueError, match=r"X\[1\] is 2×3, expected 1×4 but for dimension 2"):
        padsequences([FOUR, np.ones((2, 3))], 2)


def test_integer_sequences_are_refused() -> None:
    with pytest.raises(DlgruTypeError, match=r"X\[1\] is of class int64"):
        padsequences([FOUR, np.arange(3)], 2)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"Length": 0}, "Length"),
        ({"Length": 2.5}, "Length"),
        ({"Length": "longst"}, "Length"),
        ({"Direction": "up"}, "Direction"),
        ({"PaddingValue": "symmetric"}, "PaddingValue"),
        ({"PaddingValue": [1, 2]}, "PaddingValue"),
        ({"UniformOutput": 3}, "UniformOutput"),
        ({"nargout": 3}, "nargout"),
        ({"Padding": 1, "PaddingValue": 2}, "PaddingValue"),
        ({"Colour": 1}, "the option"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(DlgruError) as caught:
        padsequences([ONE, TWO], 2, **options)
    assert caught.value.argument == argument
    assert caught.value.function == "padsequences"


@pytest.mark.parametrize("dim", [0, -1, 1.5, "T"])
def test_the_padding_dimension_counts_from_one(dim: Any) -> None:
    with pytest.raises(DlgruError) as caught:
        padsequences([ONE, TWO], dim)
    assert caught.value.argument == "paddingDim"


def test_an_odd_name_value_list_is_refused() -> None:
    with pytest.raises(DlgruTypeError, match="pairs"):
        padsequences([ONE, TWO], 2, "Direction")
