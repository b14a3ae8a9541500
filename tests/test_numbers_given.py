"""Numbers given as arguments: sizes, counts, orders and ends of rows, in every form they take.

Index values and sizes that a script computed are arrays of doubles, so whatever takes a
whole number takes a whole-valued float and an array of one element, and whatever takes
several takes a list, a range or an array.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.errors import DlgruTypeError, DlgruValueError

WHOLE: dict[str, Any] = {
    "int": 3,
    "float": 3.0,
    "NumPy's": np.int64(3),
    "dlarray": dl.dlarray(3),
    "index": dl.max(dl.dlarray([1, 2, 9]), nargout=2)[1],
}
NO_WHOLE: dict[str, Any] = {
    "a half": 2.5,
    "NaN": math.nan,
    "Inf": math.inf,
    "complex": 3j,
    "a complex array": dl.dlarray([3j]),
    "a complex number of NumPy's": np.complex128(3),
    "too large for a double": 10**400,
}
USES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "zeros": (lambda n: dl.zeros(2, n), (2, 3)),
    "randn": (lambda n: dl.randn(n), (3, 3)),
    "linspace": (lambda n: dl.linspace(0, 1, n), (1, 3)),
    "randperm": (lambda n: dl.randperm(n), (1, 3)),
    "reshape": (lambda n: dl.reshape(dl.ones(2, 3), n, []), (3, 2)),
    "repmat": (lambda n: dl.repmat(dl.ones(1, 2), n, 1), (3, 2)),
    "sum": (lambda n: dl.sum(dl.ones(2, 3, 4), n), (2, 3)),
    "cat": (lambda n: dl.cat(n, dl.ones(2, 2), dl.ones(2, 2)), (2, 2, 2)),
    "flip": (lambda n: dl.flip(dl.ones(2, 2, 3), n), (2, 2, 3)),
}


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("name", USES)
def test_a_whole_number_in_every_form(name: str, form: str) -> None:
    use, shape = USES[name]
    assert use(WHOLE[form]).shape == shape


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("creator", [dl.zeros, dl.ones, dl.rand, dl.true], ids=lambda f: f.__name__)
def test_a_whole_number_in_every_form_in_a_list_of_sizes(creator: Any, form: str) -> None:
    n = WHOLE[form]
    sizes: list[Any] = [[2, n], (2, n), [[2.0, 3.0]], np.array([2, 3]), dl.dlarray([2, 3])]
    assert [creator(size).shape for size in sizes] == 5 * [(2, 3)]


@pytest.mark.parametrize("wrong", ["a", 2.5, None, dl.dlarray([1.0, 2.0])])
def test_a_list_of_sizes_holds_whole_numbers(wrong: Any) -> None:
    with pytest.raises(DlgruTypeError, match=r"sz is .*, expected a whole number"):
        dl.zeros([3, wrong])


HUGE = 10**400


BEYOND: dict[str, tuple[Any, str]] = {
    "plus": (lambda x: x + HUGE, "B"),
    "times, from the left": (lambda x: -HUGE * x, "A"),
    "minus, from the left": (lambda x: HUGE - x, "A"),
    "matrix product": (lambda x: x @ HUGE, "B"),
    "power": (lambda x: x**HUGE, "B"),
    "equal": (lambda x: x == HUGE, "B"),
    "less, a fraction": (lambda x: x < Fraction(HUGE, 3), "B"),
    "max": (lambda x: dl.max(x, HUGE), "B"),
    "horzcat": (lambda x: dl.horzcat(x, [[HUGE], [1]]), "array 2"),
    "assignment": (lambda x: dl.copy(x).__setitem__(0, HUGE), "value"),
}


@pytest.mark.parametrize("what", BEYOND)
def test_a_number_no_double_holds_is_refused(what: str) -> None:
    call, argument = BEYOND[what]
    with pytest.raises(DlgruValueError, match=r"in the range of double, up to 1\.8e308") as caught:
        call(dl.ones(2, 2))
    assert caught.value.identifier == "dlgru:number:range"
    assert caught.value.argument == argument
    assert len(str(caught.value)) < 200


def test_long_whole_numbers_that_a_double_holds_are_literals() -> None:
    top = 2**1023
    assert float(dl.dlarray(top)) == float(top)
    assert float(dl.dlarray(0.5) * top) == top / 2
    assert np.asarray(dl.dlarray([[10**30, 1], [2, 3]])).tolist() == [[1e30, 1.0], [2.0, 3.0]]
    assert np.asarray(dl.dlarray([10**30, 1j])).tolist() == [[1e30, 1j]]
    assert dl.isequal(dl.dlarray([10**30]) - 10**30, 0)
    # The largest double and a half of its last place more: rounds to Inf, so it is refused.
    largest = 2**1024 - 2**971
    assert float(dl.dlarray(0) + largest) == sys.float_info.max
    with pytest.raises(DlgruValueError):
        dl.dlarray(0) + (largest + 2**970)


@pytest.mark.parametrize("form", NO_WHOLE)
@pytest.mark.parametrize("name", USES)
def test_what_is_no_whole_number_is_refused(name: str, form: str) -> None:
    use, _ = USES[name]
    with pytest.raises(DlgruTypeError, match="expected a whole number") as caught:
        use(NO_WHOLE[form])
    assert caught.value.identifier == f"dlgru:{name}:whole"


ORDERS: dict[str, Any] = {
    "list": [3, 1, 2],
    "tuple": (3, 1, 2),
    "ndarray": np.array([3, 1, 2]),
    "dlarray": dl.dlarray([3, 1, 2]),
    "joined": dl.horzcat(3, dl.colon(1, 2)),
}


@pytest.mark.parametrize("form", ORDERS)
def test_an_order_of_dimensions_in_every_form(form: str) -> None:
    X = dl.dlarray(np.arange(24.0).reshape(2, 3, 4))
    Y = dl.permute(X, ORDERS[form])
    np.testing.assert_array_equal(np.asarray(Y), np.asarray(X).transpose(2, 0, 1))
    assert dl.isequal(dl.ipermute(Y, ORDERS[form]), X)


@pytest.mark.parametrize("form", ["list", "tuple", "ndarray", "dlarray"])
def test_several_dimensions_in_every_form(form: str) -> None:
    dims = {
        "list": [1, 3],
        "tuple": (1, 3),
        "ndarray": np.array([1, 3]),
        "dlarray": dl.dlarray([1, 3]),
    }[form]
    assert dl.sum(dl.ones(2, 3, 4), dims).shape == (1, 3)


def test_the_size_of_integer_data_is_known() -> None:
    labels = np.array([[1, 2, 3], [4, 5, 6]])
    assert dl.size(labels) == [2, 3]
    assert (dl.size(labels, 2), dl.numel(labels), dl.length(labels)) == (3, 6, 3)
    assert dl.ndims(labels) == 2 and not dl.isempty(labels)


def test_rows_with_infinite_ends() -> None:
    assert np.asarray(dl.colon(1, math.inf, 5)).tolist() == [[1]]
    assert dl.colon(1, -1, math.inf).shape == (1, 0)
    assert float(dl.linspace(0, math.inf, 3).m[3]) == math.inf


def test_linspace_of_one_point_is_its_end() -> None:
    assert np.asarray(dl.linspace(0, 5, 1)).tolist() == [[5]]


def test_limits_of_random_integers_in_every_form() -> None:
    for limits in ([2, 3], (2, 3), np.array([2.0, 3.0]), dl.dlarray([2, 3])):
        dl.rng(1)
        drawn = np.asarray(dl.randi(limits, 1, 50))
        assert set(drawn[0].tolist()) == {2.0, 3.0}


def test_like_is_an_option_in_every_spelling() -> None:
    p = dl.single(dl.ones(1))
    for made in (
        dl.zeros(2, 3, "like", p),
        dl.zeros(2, 3, "Like", p),
        dl.zeros(2, 3, like=p),
        dl.zeros([2, 3], LIKE=p),
        dl.zeros(2, 3, "single"),
    ):
        assert (made.shape, dl.underlyingType(made)) == ((2, 3), "single")


def test_the_second_output_of_max_in_both_spellings() -> None:
    X = dl.dlarray([1, 9, 3])
    for M, at in (dl.max(X, nargout=2), dl.max(X, "nargout", 2), dl.max(X, [], 2, nargout=2)):
        assert (float(M), float(at)) == (9, 2)
