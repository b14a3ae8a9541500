"""Operators on arrays: which exist, and how labels, sizes and classes mix in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError

DATA = np.array([[-1.0, 0.0, 2.0], [3.0, -4.0, 0.5]])


def labelled() -> Any:
    return dl.dlarray(DATA, "CB")


def plain() -> Any:
    return dl.dlarray(DATA)


def ones(fmt: str, *shape: int) -> Any:
    return dl.dlarray(np.ones(shape), fmt)


def data(x: Any) -> Any:
    return np.asarray(x)


# -- operators that mean something else in MATLAB ------------------------------------------


@pytest.mark.parametrize(
    "use", [lambda x: x ^ 2, lambda x: 2 ^ x, lambda x: x ^ x], ids=["X^2", "2^X", "X^X"]
)
def test_the_caret_names_the_power(use: Callable[[Any], Any]) -> None:
    with pytest.raises(DlgruTypeError, match=r"write X \*\* Y") as caught:
        use(labelled())
    assert caught.value.identifier == "dlgru:power:caret"
    assert caught.value.came == "^" and "**" in caught.value.expected


def test_the_star_is_elementwise_and_the_at_sign_is_the_matrix_product() -> None:
    A, B = plain(), plain().T
    np.testing.assert_array_equal(data(A * A), DATA * DATA)
    np.testing.assert_array_equal(data(A @ B), DATA @ DATA.T)
    np.testing.assert_array_equal(data(DATA @ B), DATA @ DATA.T)
    np.testing.assert_array_equal(data(A @ DATA.T), DATA @ DATA.T)
    assert type(DATA @ B) is dl.DLArray


@pytest.mark.parametrize("scalar", [2, 2.0, np.float64(2), dl.dlarray(2), [[2]]], ids=repr)
def test_the_matrix_product_with_a_scalar_keeps_size_and_format(scalar: Any) -> None:
    if isinstance(scalar, list):
        scalar = np.array(scalar, dtype=float)
    for product in (labelled() @ scalar, scalar @ labelled()):
        assert (product.dims, product.shape) == ("CB", (2, 3))
        np.testing.assert_array_equal(data(product), 2 * DATA)


@pytest.mark.parametrize(
    ("A", "B", "argument", "came"),
    [
        (labelled(), plain().T, "A", "2(C) × 3(B)"),
        (plain(), ones("CB", 3, 2), "B", "3(C) × 2(B)"),
        (plain(), plain(), "B", "2×3"),
        (plain(), np.ones(3), "B", "1×3"),
        (dl.ones(2, 3, 4), dl.ones(3, 2), "A", "2×3×4"),
        (dl.ones(2, 3), dl.ones(3, 2, 4), "B", "3×2×4"),
        (ones("CB", 1, 1), plain(), "A", "1(C) × 1(B)"),
    ],
    ids=["labelled first", "labelled second", "sizes", "row", "pages", "pages second", "1(C)×1(B)"],
)
def test_a_matrix_product_that_is_not_one_names_the_operand(
    A: Any, B: Any, argument: str, came: str
) -> None:
    with pytest.raises(DlgruValueError) as caught:
        A @ B
    assert (caught.value.function, caught.value.argument) == ("mtimes", argument)
    assert caught.value.came == came


# -- comparisons ---------------------------------------------------------------------------

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@pytest.mark.parametrize("sign", COMPARISONS)
def test_comparisons_are_logical_in_either_order(sign: str) -> None:
    compare = COMPARISONS[sign]
    other = np.array([[0.0], [3.0]])
    for found, expected in (
        (compare(labelled(), 0.5), compare(DATA, 0.5)),
        (compare(0.5, labelled()), compare(0.5, DATA)),
        (compare(labelled(), other), compare(DATA, other)),
        (compare(other, labelled()), compare(other, DATA)),
        (compare(labelled(), dl.dlarray(other, "CB")), compare(DATA, other)),
    ):
        assert (found.dims, dl.underlyingType(found)) == ("CB", "logical")
        np.testing.assert_array_equal(data(found), expected)


def test_comparisons_join_and_turn_round() -> None:
    x = labelled()
    inside = (x > -2) & ~(x > 1) | (x == 3)
    assert (inside.dims, dl.underlyingType(inside)) == ("CB", "logical")
    np.testing.assert_array_equal(data(inside), (DATA > -2) & ~(DATA > 1) | (DATA == 3))
    for joined in (x & (DATA > 1), (DATA > 1) & x):
        assert (joined.dims, dl.underlyingType(joined)) == ("CB", "logical")
        np.testing.assert_array_equal(data(joined), DATA > 1)
    np.testing.assert_array_equal(data((DATA > 1) | (x == 3)), (DATA > 1) | (DATA == 3))


def test_a_mask_is_a_factor_and_its_gradient_stays_with_the_other() -> None:
    def f(x: Any) -> Any:
        return dl.dlgradient(dl.sum(x**2 * (x > 0), "all"), x)

    np.testing.assert_array_equal(data(dl.dlfeval(f, labelled())), 2 * DATA * (DATA > 0))


# -- labels meet labels --------------------------------------------------------------------

UNIONS = {
    "an operand without a batch": (("SCB", 2, 3, 2), ("SC", 1, 3), ("SCB", 2, 3, 2)),
    "batch and time": (("CB", 3, 4), ("CT", 3, 5), ("CBT", 3, 4, 5)),
    "a bias": (("CB", 3, 4), ("CU", 3, 1), ("CB", 3, 4)),
    "an unspecified dimension": (("CB", 3, 4), ("CU", 3, 2), ("CBU", 3, 4, 2)),
    "the first of two S": (("SS", 4, 5), ("SU", 4, 1), ("SS", 4, 5)),
    "an outer product": (("CB", 3, 4), ("TU", 5, 1), ("CBT", 3, 4, 5)),
    "a formatted scalar": (("CB", 1, 1), ("CB", 3, 4), ("CB", 3, 4)),
}


@pytest.mark.parametrize("row", UNIONS)
def test_formats_meet_by_label(row: str) -> None:
    (la, *sa), (lb, *sb), (labels, *shape) = UNIONS[row]
    for result in (ones(la, *sa) * ones(lb, *sb), ones(lb, *sb) * ones(la, *sa)):
        assert (result.dims, list(result.shape)) == (labels, shape)


def test_formats_meet_by_label_and_not_by_place() -> None:
    by_batch = dl.dlarray(np.arange(4.0), "B")
    assert (by_batch.dims, by_batch.shape) == ("BU", (4, 1))
    Z = ones("CBT", 3, 4, 5) * by_batch
    np.testing.assert_array_equal(data(Z)[2, :, 4], np.arange(4.0))


@pytest.mark.parametrize(
    ("a", "b", "came", "met"),
    [
        (("SS", 4, 5), ("SU", 5, 1), "5(S) × 1(U)", "4(S) × 5(S)"),
        (("SC", 3, 4), ("CT", 3, 4), "3(C) × 4(T)", "3(S) × 4(C)"),
        (("CB", 3, 4), ("CB", 3, 5), "3(C) × 5(B)", "3(C) × 4(B)"),
        (("CT", 3, 4), ("BT", 3, 5), "3(B) × 5(T)", "3(C) × 4(T)"),
    ],
    ids=["second S", "C is elsewhere", "B differs", "T differs"],
)
def test_formats_that_do_not_meet_show_both_sides(a: Any, b: Any, came: str, met: str) -> None:
    with pytest.raises(DlgruValueError, match="Arrays have incompatible sizes") as caught:
        ones(*a) + ones(*b)
    assert caught.value.came == came
    assert met in caught.value.expected and "with the same label" in caught.value.expected


# -- labels meet arrays without ------------------------------------------------------------

KINDS: dict[str, Callable[[Any], Any]] = {
    "dlarray": dl.dlarray,
    "ndarray": np.asarray,
    "list": lambda x: np.asarray(x).tolist(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_without_labels_meets_stored_dimensions_by_place(kind: str) -> None:
    X = dl.dlarray(np.arange(6.0).reshape(2, 3), "BC")  # stored 3(C) × 2(B)
    column = KINDS[kind](np.array([[1.0], [10.0], [100.0]]))
    for result in (X * column, column * X):
        assert (result.dims, result.shape) == ("CB", (3, 2))
        np.testing.assert_array_equal(data(result), data(X) * [[1], [10], [100]])
    with pytest.raises(DlgruValueError) as caught:
        X * KINDS[kind](np.ones((2, 3)))
    assert caught.value.came == "2×3" and "3(C) × 2(B)" in caught.value.expected


def test_dimensions_beyond_the_labels_are_unspecified() -> None:
    Z = labelled() + np.zeros((1, 1, 2))
    assert (Z.dims, Z.shape) == ("CBU", (2, 3, 2))
    np.testing.assert_array_equal(data(Z)[:, :, 1], DATA)


def test_arrays_without_labels_give_arrays_without() -> None:
    for Z in (plain() + plain(), plain() + DATA, DATA + plain(), plain() + 1):
        assert type(Z) is dl.DLArray
        assert Z.dims == ""


# -- classes -------------------------------------------------------------------------------


def test_single_wins_and_logical_counts_as_double() -> None:
    x, s, t = labelled(), dl.single(labelled()), labelled() > 0
    found = {
        "double": [x + x, x * t, t + t, t * 2, -t, x * True],
        "single": [s + x, x + s, s * t, s * 2.5, 2.5 * s, s**2, s + np.float64(1)],
        "logical": [t & t, ~t, s > x],
    }
    for kind, results in found.items():
        assert [dl.underlyingType(r) for r in results] == [kind] * len(results)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    **COMPARISONS,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
}

INTEGERS: dict[str, Any] = {
    "an integer array": np.ones((2, 3), np.int64),
    "an array of bytes": np.ones((2, 3), np.uint8),
    "an integer of NumPy's": np.int32(2),
}


@pytest.mark.parametrize("what", INTEGERS)
@pytest.mark.parametrize("sign", OPERATORS)
def test_integers_are_refused_on_either_side(sign: str, what: str) -> None:
    operator, integers = OPERATORS[sign], INTEGERS[what]
    for operands in ((plain(), integers), (integers, plain())):
        with pytest.raises(DlgruTypeError, match="dlarray is supported only for") as caught:
            operator(*operands)
        assert caught.value.came == f"of class {integers.dtype}"


@pytest.mark.parametrize("x", ["a", None, {"a": 1}, [dl.dlarray(1.0)], object()], ids=repr)
@pytest.mark.parametrize("sign", OPERATORS)
def test_what_is_no_array_is_refused_on_either_side(sign: str, x: Any) -> None:
    for operands in ((plain(), x), (x, plain())):
        with pytest.raises(DlgruError) as caught:
            OPERATORS[sign](*operands)
        assert isinstance(caught.value, TypeError)
        assert caught.value.argument == ("A" if operands[0] is x else "B") or sign in COMPARISONS


def test_an_array_is_not_added_into_an_ndarray() -> None:
    total = np.zeros((2, 3))
    with pytest.raises(DlgruTypeError, match=r"numpy\.add with out"):
        total += labelled()
    assert not total.any()


def test_augmented_assignment_makes_another_array() -> None:
    x = labelled()
    before = x
    x += 1
    assert x is not before
    np.testing.assert_array_equal(data(before), DATA)
    np.testing.assert_array_equal(data(x), DATA + 1)


def test_both_parts_of_a_complex_number_are_rounded() -> None:
    z = dl.dlarray([2.5 - 1.5j, complex(-0.2, np.inf)])
    found = {f: data(getattr(dl, f)(z))[0].tolist() for f in ("round", "floor", "ceil", "fix")}
    assert [found[f][0] for f in found] == [3 - 2j, 2 - 2j, 3 - 1j, 2 - 1j]
    assert [found[f][1].real for f in found] == [0, -1, 0, 0]
    assert all(found[f][1].imag == np.inf for f in found)


NAMED: dict[str, Any] = {
    "double": (dl.double, np.float64),
    "single": (dl.single, np.float32),
    "logical": (dl.logical, np.bool_),
    "cast": (lambda X: dl.cast(X, "single"), np.float32),
}


@pytest.mark.parametrize("given", [np.int64, np.uint8, np.int16])
@pytest.mark.parametrize("name", NAMED)
def test_integers_are_converted_where_the_class_is_named(name: str, given: Any) -> None:
    convert, dtype = NAMED[name]
    whole = np.array([[0, 1, 200]], given)
    np.testing.assert_array_equal(np.asarray(convert(whole)), whole.astype(dtype), strict=True)
    assert np.asarray(convert(given(1))).dtype == dtype


def test_a_scalar_times_pages_is_a_scalar_times_an_array() -> None:
    X = dl.dlarray(np.arange(12.0).reshape(2, 3, 2), "CBT")
    plain, two = dl.stripdims(X), dl.dlarray([[2.0]])
    for scalar in (2, two):
        for product in (dl.pagemtimes(X, scalar), dl.pagemtimes(scalar, X)):
            assert product.dims == "CBT"
            assert dl.isequal(product, 2 * X)
        turned = dl.pagemtimes(plain, "transpose", scalar, "none")
        assert dl.isequal(turned, 2 * dl.permute(plain, [2, 1, 3]))
    g = dl.dlfeval(lambda a: dl.dlgradient(dl.sum(dl.pagemtimes(plain, a), "all"), a), two)
    assert float(g) == 66.0
    with pytest.raises(DlgruValueError, match="unformatted"):
        dl.pagemtimes(X, "transpose", 2, "none")
