"""Subscripts of both doors against NumPy's explicit outer product, and what they refuse."""

from __future__ import annotations

import math
import pickle
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from fakedevice import LIBRARY, FakeArray
from hypothesis import assume, given
from hypothesis import strategies as st

from dlgru.endmark import End, end
from dlgru.errors import DlgruIndexError, DlgruTypeError, DlgruValueError
from dlgru.indexing import Selection, delete, match_value, read, write
from dlgru.selecting import apply_add, apply_read, apply_write, grow
from dlgru.subscript import COLON


class Handle:
    """Stands for a DLArray: a subscript that says what its data are."""

    def __init__(self, data: Any) -> None:
        self.data = np.atleast_2d(np.asarray(data))

    def _dlgru_raw(self) -> Any:
        return self.data

    def __repr__(self) -> str:
        return f"Handle({self.data.tolist()})"

    def __index__(self) -> int:  # as a one-element DLArray has it
        return int(self.data.item())


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    """An array whose elements tell their column-major place."""
    return np.arange(1.0, math.prod(shape) + 1).reshape(shape, order="F")


def seen(a: np.ndarray, total: int) -> np.ndarray:
    """The array under `total` subscripts: folded, or with ones behind (the rule, spelt out)."""
    if total >= a.ndim:
        return a.reshape(a.shape + (1,) * (total - a.ndim))
    return a.reshape((*a.shape[: total - 1], math.prod(a.shape[total - 1 :])), order="F")


# -- drawing subscripts ------------------------------------------------------------------


class Drawn(NamedTuple):
    """A subscript and the zero-based places it means."""

    subscript: Any
    places: list[int]


def bare(n: int) -> st.SearchStrategy[Drawn]:
    return st.just(Drawn(slice(None), list(range(n))))


def masks(n: int, make: Any) -> st.SearchStrategy[Drawn]:
    flags = st.lists(st.booleans(), min_size=n, max_size=n)
    return flags.map(lambda f: Drawn(make(f), [i for i, x in enumerate(f) if x]))


def logical_vector(flags: list[bool]) -> np.ndarray:
    return np.array(flags, np.bool_)


def logical_handle(flags: list[bool]) -> Handle:
    return Handle(logical_vector(flags))


@st.composite
def matrices(draw: Any, elements: Any) -> np.ndarray:
    rows, cols = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    flat = draw(st.lists(elements, min_size=rows * cols, max_size=rows * cols))
    return np.array(flat).reshape(rows, cols)


@st.composite
def python_drawn(draw: Any, n: int) -> Drawn:
    """Every spelling Python brackets take for a position of `n` elements."""
    bound = st.none() | st.integers(-n - 2, n + 2)
    steps = st.none() | st.integers(-3, 3).filter(bool)
    slices = st.builds(slice, bound, bound, steps).map(
        lambda s: Drawn(s, list(range(*s.indices(n))))
    )
    kinds = [slices, bare(n), masks(n, logical_vector), masks(n, logical_handle)]
    if n:
        kinds.append(masks(n, list))
        index = st.integers(-n, n - 1)
        kinds.append(index.map(lambda i: Drawn(i, [i % n])))
        kinds.append(index.map(lambda i: Drawn(np.int32(i), [i % n])))
        kinds.append(st.lists(index).map(lambda v: Drawn(v, [i % n for i in v])))
        kinds.append(
            matrices(index).map(lambda a: Drawn(a, [int(i) % n for i in a.ravel(order="F")]))
        )
        kinds.append(
            st.builds(range, st.integers(0, n - 1), st.integers(0, n), st.just(1) | st.just(2)).map(
                lambda r: Drawn(r, list(r))
            )
        )
        kinds.append(st.just(Drawn(range(n - 1, -1, -1), list(range(n - 1, -1, -1)))))
        kinds.append(st.just(Drawn(range(-n, 0), list(range(n)))))
    return draw(st.one_of(kinds))


@st.composite
def matlab_drawn(draw: Any, n: int) -> Drawn:
    """Every spelling ``X.m[...]`` takes for a position of `n` elements."""
    kinds = [
        bare(n),
        st.just(Drawn(":", list(range(n)))),
        masks(n, logical_vector),
        masks(n, logical_handle),
        st.just(Drawn([], [])),
        st.just(Drawn(slice(1, 0), [])),
        st.just(Drawn(slice(1, end), list(range(n)))),
        st.just(Drawn(slice(end, -1, 1), list(range(n))[::-1])),
        # A mask may be longer if the rest is false.
        masks(n, lambda f: np.array([*f, False], np.bool_)),
    ]
    if n:
        index = st.integers(1, n)
        kinds.append(index.map(lambda i: Drawn(i, [i - 1])))
        kinds.append(index.map(lambda i: Drawn(float(i), [i - 1])))
        kinds.append(index.map(lambda i: Drawn(np.float32(i), [i - 1])))
        kinds.append(index.map(lambda i: Drawn(Handle(float(i)), [i - 1])))
        kinds.append(index.map(lambda i: Drawn(end - (n - i), [i - 1])))
        kinds.append(st.just(Drawn([1, end], [0, n - 1])))
        kinds.append(st.lists(index).map(lambda v: Drawn(v, [i - 1 for i in v])))
        kinds.append(
            st.lists(index, min_size=1).map(
                lambda v: Drawn(Handle(np.array(v, float)), [i - 1 for i in v])
            )
        )
        kinds.append(
            matrices(index.map(float)).map(
                lambda a: Drawn(a, [int(i) - 1 for i in a.ravel(order="F")])
            )
        )
        kinds.append(
            st.tuples(index, index).map(lambda ab: Drawn(slice(*ab), list(range(ab[0] - 1, ab[1]))))
        )
        kinds.append(
            st.tuples(index, st.integers(1, 3), index).map(
                lambda t: Drawn(slice(*t), list(range(t[0] - 1, t[2], t[1])))
            )
        )
        kinds.append(
            st.tuples(index, st.integers(-3, -1), index).map(
                lambda t: Drawn(slice(*t), list(range(t[0] - 1, t[2] - 2, t[1])))
            )
        )
        kinds.append(st.just(Drawn(range(1, n + 1), list(range(n)))))
    return draw(st.one_of(kinds))


@st.composite
def cases(draw: Any, least: int = 2) -> tuple[tuple[int, ...], bool, list[Drawn]]:
    """A size, a door, and subscripts for some number of positions (at least `least`)."""
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=2, max_size=4)))
    matlab = draw(st.booleans())
    total = draw(st.integers(least, len(shape) + 2))
    sizes = seen(np.empty(shape), total).shape
    one = matlab_drawn if matlab else python_drawn
    return shape, matlab, [draw(one(n)) for n in sizes]


# -- reading -----------------------------------------------------------------------------


@given(cases())
def test_reading_selects_the_outer_product(case: Any) -> None:
    shape, matlab, drawn = case
    a = np.asfortranarray(numbered(shape))
    expected = seen(a, len(drawn))[np.ix_(*[d.places for d in drawn])]
    selection = read(tuple([d.subscript for d in drawn]), shape, matlab)
    out = apply_read(np, a, selection)
    assert selection.counts == expected.shape
    assert out.flags.f_contiguous and out.shape == selection.shape
    assert not np.shares_memory(out, a)
    assert np.array_equal(out.ravel(order="F"), expected.ravel(order="F"))
    assert selection.keeps_format == (len(drawn) >= len(shape))
    # Every size it keeps is one it selects; only ones are dropped, and only at the end.
    assert expected.shape[: out.ndim] == out.shape
    assert math.prod(expected.shape[out.ndim :]) == 1
    if selection.keeps_format:
        assert out.ndim >= len(shape)


@given(st.data(), st.lists(st.integers(0, 4), min_size=2, max_size=3).map(tuple), st.booleans())
def test_a_single_subscript_counts_column_by_column(data: Any, shape: Any, matlab: bool) -> None:
    a = np.asfortranarray(numbered(shape))
    numel = a.size
    if matlab:
        d = data.draw(matlab_drawn(numel))
    else:
        # A single mask in Python brackets has the array's own size; that is tested below.
        d = data.draw(python_drawn(numel).filter(lambda d: not _is_mask(d.subscript)))
    selection = read(d.subscript, shape, matlab)
    assert selection.linear and not selection.keeps_format
    out = apply_read(np, a, selection)
    assert out.ravel(order="F").tolist() == [i + 1 for i in d.places]


def _is_mask(k: Any) -> bool:
    if isinstance(k, list):
        return bool(k) and isinstance(k[0], bool)
    return isinstance(k, Handle) or getattr(k, "dtype", None) == np.bool_


ROW, COLUMN, MATRIX, SCALAR, PAGES = (1, 4), (4, 1), (3, 4), (1, 1), (2, 1, 3)


@pytest.mark.parametrize(
    ("shape", "subscript", "size"),
    [
        (ROW, slice(None), (4, 1)),
        (MATRIX, slice(None), (12, 1)),
        (PAGES, slice(None), (6, 1)),
        (ROW, slice(1, 3), (1, 3)),
        (COLUMN, slice(1, 3), (3, 1)),
        (MATRIX, slice(1, 3), (1, 3)),
        (PAGES, slice(1, 3), (1, 3)),
        (MATRIX, slice(1, end), (1, 12)),
        (COLUMN, 2, (1, 1)),
        (ROW, [1, 2], (1, 2)),
        (COLUMN, [1, 2], (2, 1)),
        (COLUMN, [[1], [2]], (2, 1)),
        (ROW, [[1], [2]], (1, 2)),
        (MATRIX, [[1], [2]], (2, 1)),
        (MATRIX, [1, 2], (1, 2)),
        (ROW, [[1, 2], [3, 4]], (2, 2)),
        (SCALAR, [[1], [1]], (2, 1)),
        (SCALAR, [1, 1], (1, 2)),
        (MATRIX, np.ones((2, 1, 2)), (2, 1, 2)),
        (MATRIX, np.ones((2, 2, 1)), (2, 2)),
        (ROW, [], (0, 0)),
        (COLUMN, np.zeros((1, 0)), (0, 1)),
        (MATRIX, np.zeros((1, 0)), (1, 0)),
        (MATRIX, np.ones((3, 4), bool), (12, 1)),
        (MATRIX, np.zeros((3, 4), bool), (0, 1)),
        (MATRIX, np.array([[True, False, True]]), (1, 2)),
        (MATRIX, np.array([[True], [True]]), (2, 1)),
        (ROW, np.ones((2, 2), bool), (1, 4)),
        (ROW, np.array([True, False, True, True]), (1, 3)),
        (COLUMN, np.array([True, False, True, True]), (3, 1)),
        (SCALAR, True, (1, 1)),
        (SCALAR, False, (0, 0)),
        (PAGES, np.ones(PAGES, bool), (6, 1)),
    ],
)
def test_the_size_of_a_linear_read_is_matlabs(shape: Any, subscript: Any, size: Any) -> None:
    assert read(subscript, shape, matlab=True).shape == size


@pytest.mark.parametrize("shape", [ROW, COLUMN, MATRIX, PAGES])
@pytest.mark.parametrize("wrap", [np.asarray, Handle])
def test_a_full_mask_in_python_brackets_reads_column_by_column(shape: Any, wrap: Any) -> None:
    a = np.asfortranarray(numbered(shape))
    mask = a % 2 == 0
    out = apply_read(np, a, read(wrap(mask), shape))
    assert out.shape == ((1, 2) if shape == ROW else (int(mask.sum()), 1))
    assert out.ravel().tolist() == [x for x in a.ravel(order="F") if x % 2 == 0]
    assert not read(wrap(mask), shape).keeps_format


def test_a_vector_takes_a_mask_of_its_length_whichever_way_it_lies() -> None:
    assert read([True, False, True, False], (4, 1)).shape == (2, 1)
    assert read(np.array([[True], [False], [True], [False]]), (1, 4)).shape == (1, 2)


def test_sizes_of_examples_from_the_facts() -> None:
    shape = (3, 4, 5)
    for key, size, keeps in [
        ((COLON, COLON, 2), (3, 4, 1), True),
        ((COLON, 1, COLON), (3, 1, 5), True),
        ((COLON, COLON), (3, 20), False),
        (COLON, (60, 1), False),
        (2, (1, 1), False),
        ((1, 1, 1), (1, 1, 1), True),
        ((COLON, COLON, COLON, 1), (3, 4, 5), True),
    ]:
        selection = read(key, shape, matlab=True)
        assert (selection.shape, selection.keeps_format) == (size, keeps)


def test_ellipsis_stands_for_the_subscripts_left_out() -> None:
    a = np.asfortranarray(numbered((3, 4, 5)))
    for key in [(..., 2), (slice(None), ..., 2), (slice(None), slice(None), ..., 2)]:
        assert np.array_equal(apply_read(np, a, read(key, a.shape)), a[:, :, 2:3])
    assert np.array_equal(apply_read(np, a, read((1, ...), a.shape)), a[1:2])
    for key in [..., ()]:
        whole = read(key, a.shape)
        assert whole.keeps_format and np.array_equal(apply_read(np, a, whole), a)
    with pytest.raises(DlgruIndexError, match=r"\.\.\. may stand once"):
        read((..., 1, ...), a.shape)


def test_more_subscripts_than_dimensions_select_the_first_element() -> None:
    a = np.asfortranarray(numbered((2, 3)))
    for key in [(0, 1, 0), (0, 1, -1, 0), (0, 1, slice(None), [0]), (0, 1, [True])]:
        selection = read(key, a.shape)
        assert selection.shape == (1, 1) and selection.keeps_format
        assert apply_read(np, a, selection).item() == a[0, 1]
    # Asked for twice, the further dimension is there.
    twice = read((slice(None), slice(None), [0, 0]), a.shape)
    assert twice.shape == (2, 3, 2)
    assert np.array_equal(apply_read(np, a, twice), np.stack([a, a], 2))
    with pytest.raises(DlgruIndexError, match="position 3 exceeds array bounds"):
        read((0, 0, 1), a.shape)


def test_end_is_the_size_of_its_position() -> None:
    shape = (3, 4, 5)
    a = np.asfortranarray(numbered(shape))

    def value(*key: Any) -> list[float]:
        key_ = key if len(key) > 1 else key[0]
        return apply_read(np, a, read(key_, shape, True)).ravel(order="F").tolist()

    assert value(end) == [60]
    assert value(end, end, end) == [60]
    assert value(end, end) == [60]  # the last of two stands for 4·5 columns
    assert value(end, 1) == [3]
    assert value(1, end / 2) == [a[0].ravel(order="F")[9]]
    assert value(1, 1 + end // 2, 1) == [a[0, 2, 0]]
    assert value(1, 1, end, end) == [a[0, 0, 4]]  # beyond the dimensions end is 1
    assert value([1, end], 1, 1) == [1, 3]
    assert value(slice(end - 1, end), 1, 1) == [2, 3]
    assert value(end - np.array([0, 1]), 1, 1) == [3, 2]
    assert value(np.array([-2, -1]) + end, 1, 1) == [1, 2]
    assert value(end - Handle([[0.0, 2.0]]), 1, 1) == [3, 1]
    assert value(math.floor(end / 2), 1, 1) == [1]
    assert value(math.ceil(end / 2), 1, 1) == [2]
    assert value(round(end / 2), 1, 1) == [2]
    assert value(math.trunc(end / 2), 1, 1) == [1]
    assert value(+end, end % 3, 2 * end - 5) == [a[2, 0, 4]]
    assert value(End.of(min, end, 2), 1, 1) == [2]
    assert value(End.of(max, end - 9, 1), 1, End.of(min, end, 3) - 2) == [1]
    assert value(5 - end, 1, 7 - end) == [a[1, 0, 1]]
    assert value(-end + 4, 1, 15 / end) == [a[0, 0, 2]]


def test_end_shows_itself_and_refuses_to_be_a_number() -> None:
    assert repr(end) == "end"
    assert repr(2 * (end - 1)) == "2 * (end - 1)"
    assert repr(-end) == "-end"
    assert repr(math.floor(end / 2) + 1) == "floor(end / 2) + 1"
    assert repr(End.of(max, end - 9, 1)) == "max(end - 9, 1)"
    assert pickle.loads(pickle.dumps(round(end / 2) - 1)).evaluate(5) == 2
    for use in [lambda: [1, 2][end], lambda: range(end), lambda: float(end)]:
        with pytest.raises(DlgruTypeError, match=r"only inside X\.m\[\.\.\.\]"):
            use()
    assert isinstance(end, End)


# -- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "subscript",
    [
        1.0,
        np.float64(1),
        np.array([1.0, 2.0]),
        np.array([]),
        [1.0],
        [0, 1.0],
        Handle(1.0),
        Handle([[1.0, 2.0]]),
        Handle(np.zeros((1, 0))),
        [Handle(1.0)],
        slice(Handle(1.0), None),
        slice(0, 2.0),
        np.complex128(1),
    ],
    ids=repr,
)
def test_python_brackets_refuse_index_values(subscript: Any) -> None:
    with pytest.raises(
        DlgruIndexError, match=r"index values count from 1: write X\.m\[:, idx\]"
    ) as caught:
        read((slice(None), subscript), (3, 4))
    assert caught.value.identifier == "dlgru:index:countsFromOne"
    assert caught.value.argument == "subscript 2"
    with pytest.raises(DlgruIndexError, match=r"write X\.m\[idx\]"):
        read(subscript, (3, 4))
    for verb in (write, delete):
        with pytest.raises(DlgruIndexError, match=r"write X\.m\[idx, :, :\]"):
            verb((subscript, slice(None), slice(None)), (3, 4, 2))


@pytest.mark.parametrize(
    ("subscript", "words"),
    [
        (None, "None adds no dimension here.*reshape"),
        ("abc", 'Not a subscript.*the text "abc"'),
        (np.array(["a"]), "Not a subscript"),
        ({1: 2}, "Not a subscript.*of class dict"),
        (end, r"end belongs to X\.m\[\.\.\.\]"),
        (end - 1, r"end belongs.*end - 1"),
        (slice(0, end), r"end belongs"),
        (slice(None, None, 0), "step 0"),
        ([[0, 1], [2]], "one length"),
        ([True, 1, 0], "not both"),
    ],
    ids=repr,
)
def test_python_brackets_refuse_what_is_no_subscript(subscript: Any, words: str) -> None:
    with pytest.raises(DlgruIndexError, match=words):
        read((slice(None), subscript), (3, 4))


@pytest.mark.parametrize("i", [3, -4, [0, 3], [-4, 0], np.array([3]), range(2, 5), np.int64(-4)])
def test_python_brackets_check_bounds(i: Any) -> None:
    with pytest.raises(DlgruIndexError, match="Index in position 1 exceeds array bounds") as caught:
        read((i, 0), (3, 4))
    assert caught.value.came in ("3", "-4", "4")
    assert "3×4" in str(caught.value)


def test_python_slices_clip_when_they_read() -> None:
    assert read((slice(1, 99), slice(-99, 2)), (3, 4)).counts == (2, 2)
    assert read((slice(7, 9), slice(None)), (3, 4)).counts == (0, 4)


@pytest.mark.parametrize(
    ("mask", "shape"),
    [
        ([True, False], (3, 4)),
        (np.ones(12, bool), (3, 4)),
        (np.ones((4, 3), bool), (3, 4)),
        (np.ones(3, bool), (3, 4)),
        (True, (3, 4)),
        (np.ones(5, bool), (1, 4)),
    ],
)
def test_a_single_mask_in_python_brackets_has_the_arrays_size(mask: Any, shape: Any) -> None:
    with pytest.raises(DlgruIndexError, match=r"one element for each.*X\[mask, :\] masks rows"):
        read(mask, shape)


def test_a_mask_of_a_position_in_python_brackets_has_its_size() -> None:
    with pytest.raises(DlgruIndexError, match="subscript 2 is a 1×3 mask, expected 4 elements"):
        read((slice(None), [True, False, True]), (3, 4))
    # MATLAB lets it be shorter.
    assert read((COLON, np.array([True, False, True])), (3, 4), True).counts == (3, 2)
    with pytest.raises(DlgruIndexError, match=r"position 1 exceeds.*is 4, expected at most 3"):
        read((np.array([True, False, False, True]), COLON), (3, 4), True)


@pytest.mark.parametrize(
    "bad",
    [
        0,
        -1,
        1.5,
        float("nan"),
        float("inf"),
        1e300,
        np.array([1.0, 0.0]),
        np.array([1, -2]),
        np.array([1.0, np.nan]),
        np.array([1e300]),
        [1, 0],
        [2.5],
        Handle([[1.0, 2.5]]),
        range(0, 3),
        range(2, -1, -1),
        slice(0, 2),
        slice(2, -1, 0),
        slice(3, -2, -1),
        slice(1, 0.5, 2),
        slice(1.5, 3),
        end - 7,
        end / 2,
    ],
    ids=repr,
)
def test_matlab_parentheses_refuse_what_is_no_positive_integer(bad: Any) -> None:
    words = "Array indices must be positive integers or logical values"
    with pytest.raises(
        DlgruIndexError, match=rf"Index in position 1 is invalid\. {words}"
    ) as caught:
        read((bad, 1), (3, 4), matlab=True)
    assert caught.value.identifier == "MATLAB:badsubscript"
    with pytest.raises(DlgruIndexError, match=rf"^X\.m\[\.\.\.\]: {words}"):
        read(bad, (1, 3), matlab=True)
    with pytest.raises(DlgruIndexError, match=words):
        write((bad, 1), (3, 4), matlab=True)


def test_the_complaint_shows_the_first_bad_index() -> None:
    def came(subscript: Any) -> str:
        with pytest.raises(DlgruIndexError) as caught:
            read((COLON, subscript), (3, 4), matlab=True)
        return caught.value.came

    assert came([1, 2, -3, 0]) == "-3"
    assert came(slice(3, -2, -1)) == "-1"
    assert came(slice(1, 0.5, 3)) == "1.5"
    assert came(slice(0, 2)) == "0"
    assert came(range(2, -3, -2)) == "0"
    assert came([1, 5]) == "5"
    assert came(slice(3, 9)) == "9"


@pytest.mark.parametrize(
    "far", [5, 5.0, [1, 5], np.array([5.0]), Handle(5.0), slice(1, 5), slice(5, -1, 1), end + 1]
)
def test_matlab_parentheses_check_bounds_ranges_too(far: Any) -> None:
    with pytest.raises(
        DlgruIndexError,
        match=r"X\.m\[\.\.\.\]: Index in position 2 exceeds array bounds\. "
        r"subscript 2 is 5, expected at most 4 \(the array is 3×4\)\.$",
    ) as caught:
        read((1, far), (3, 4), matlab=True)
    assert caught.value.identifier == "MATLAB:badsubscript"
    with pytest.raises(DlgruIndexError, match=r"exceeds array bounds \(the number of array elem"):
        read(far, (1, 4), matlab=True)


@pytest.mark.parametrize(
    ("subscript", "words"),
    [
        (slice(None, None, 2), "three parts needs all of them"),
        (slice(1, None, 2), "three parts needs all of them"),
        (slice(1, float("inf")), "finite bounds"),
        (slice(1, np.array([1, 2])), "Here stands one number.*horzcat"),
        ([1, np.array([1, 2])], "Here stands one number.*horzcat"),
        (None, "Not a subscript.*reshape"),
        ("a", 'Not a subscript.*the text "a"'),
        (np.array([1 + 1j]), "Not a subscript"),
        (1 + 1j, "Not a subscript"),
        (slice(1, "b"), "Not a subscript"),
        ([True, 1], "not both"),
    ],
    ids=repr,
)
def test_matlab_parentheses_refuse_what_is_no_subscript(subscript: Any, words: str) -> None:
    with pytest.raises(DlgruIndexError, match=words):
        read((1, subscript), (3, 4), matlab=True)


def test_ranges_of_matlab_follow_its_colon() -> None:
    def places(subscript: Any) -> list[int]:
        x = np.asfortranarray(numbered((1, 6)))
        return [int(v) for v in apply_read(np, x, read(subscript, (1, 6), True)).ravel()]

    assert places(slice(1, 2, end)) == [1, 3, 5]
    assert places(slice(end, -2, 1)) == [6, 4, 2]
    assert places(slice(2, 4.7)) == [2, 3, 4]
    assert places(slice(1, end / 4)) == [1]
    assert places(slice(9, 3)) == []  # empty, so nothing is out of bounds
    assert places(slice(0, -1)) == []
    assert places(slice(1, 0, 5)) == []
    assert places(slice(3, 0.5, 3)) == [3]
    assert places(slice(4, None)) == [4, 5, 6]
    assert places(slice(None, 2)) == [1, 2]
    assert places(slice(Handle(2.0), Handle(3.0))) == [2, 3]


# -- assigning ---------------------------------------------------------------------------


def assigned(a: np.ndarray, drawn: list[Drawn], value: np.ndarray | float) -> np.ndarray:
    """What an assignment leaves, element by element: column by column, the last one stays."""
    out = a.copy(order="F")
    view = seen(out, len(drawn))
    counts = [len(d.places) for d in drawn]
    flat = np.broadcast_to(value, counts) if np.ndim(value) == 0 else value
    for at in product(*[range(n) for n in reversed(counts)]):
        at = at[::-1]
        view[tuple([d.places[i] for d, i in zip(drawn, at, strict=True)])] = flat[at]
    return out


@given(cases(least=1), st.booleans(), st.sampled_from("FCS"))
def test_assignment_writes_the_outer_product_and_the_last_value_stays(
    case: Any, scalar: bool, layout: str
) -> None:
    shape, matlab, drawn = case
    assume(not (len(drawn) == 1 and not matlab and _is_mask(drawn[0].subscript)))
    # Without growth: what a growing slice or a colon of no size selects is tested below.
    assume(any(shape) and not any(_reaches_out(d, n) for d, n in _positions(shape, drawn)))
    a = numbered(shape)
    expected_value = 100 + numbered(tuple([len(d.places) for d in drawn]))
    value: Any = -1.0 if scalar else expected_value
    data = np.asfortranarray(a) if layout == "F" else np.ascontiguousarray(a)
    if layout == "S":
        data = np.repeat(a, 2, axis=0)[::2]
    key = tuple([d.subscript for d in drawn]) if len(drawn) > 1 else drawn[0].subscript
    selection = write(key, shape, matlab, value_shape=np.shape(value))
    assert selection.grown is None
    match_value(selection, np.shape(value))
    apply_write(np, data, selection, value)
    assert np.array_equal(data, assigned(np.asfortranarray(a), drawn, value))


def _positions(shape: Any, drawn: list[Drawn]) -> list[tuple[Drawn, int]]:
    return list(zip(drawn, seen(np.empty(shape), len(drawn)).shape, strict=True))


def _reaches_out(d: Drawn, n: int) -> bool:
    s = d.subscript
    return isinstance(s, slice) and any(
        isinstance(b, int) and b >= n for b in (s.start, s.stop) if b is not None
    )


@pytest.mark.parametrize(
    ("shape", "key", "matlab", "grown", "counts"),
    [
        ((2, 2), (COLON, COLON, 1), False, (2, 2, 2), (2, 2, 1)),  # V14
        ((2, 2), (COLON, COLON, 2), True, (2, 2, 2), (2, 2, 1)),
        ((2, 3), (4, COLON), True, (4, 3), (1, 3)),
        ((2, 3), (end + 1, COLON), True, (3, 3), (1, 3)),
        ((2, 3), (slice(2, 5), 1), True, (5, 3), (4, 1)),
        ((2, 3), ([1, 5], [2, 4]), True, (5, 4), (2, 2)),
        ((2, 3), (np.array([0, 4]), 0), False, (5, 3), (2, 1)),
        ((2, 3), (0, range(2, 5)), False, (2, 5), (1, 3)),
        ((2, 3), (slice(0, 6), 0), False, (6, 3), (6, 1)),
        ((2, 3), (slice(0, 7, 3), 0), False, (7, 3), (3, 1)),
        ((2, 3), (slice(0, 6, 3), 0), False, (4, 3), (2, 1)),
        ((2, 3), (slice(4, 1, -1), 0), False, (5, 3), (3, 1)),
        ((2, 3), (slice(-1, 4), 0), False, (4, 3), (3, 1)),
        ((2, 3), (slice(5, None), 0), False, None, (0, 1)),
        ((2, 3), (slice(1, None), 0), False, None, (1, 1)),
        ((2, 3), (slice(None, -1), 0), False, None, (1, 1)),
        ((2, 3), (slice(None, None, -1), 0), False, None, (2, 1)),
        ((2, 3), ([], 9), True, None, (0, 1)),
        ((2, 3), (1, 1, 1, 3), True, (2, 3, 1, 3), (1, 1, 1, 1)),
        ((2, 3, 4), (4, 1), True, (4, 3, 4), (1, 1)),
        ((1, 3), 5, True, (1, 5), (1,)),
        ((1, 3), slice(0, 6), False, (1, 6), (6,)),
        ((3, 1), 5, True, (5, 1), (1,)),
        ((1, 1), 5, True, (1, 5), (1,)),
        ((0, 0), end + 1, True, (1, 1), (1,)),
        ((0, 0), 4, False, (1, 5), (1,)),
        ((0, 1), 3, True, (3, 1), (1,)),
        ((1, 0), 3, True, (1, 3), (1,)),
        ((3, 1, 1), 5, True, (5, 1, 1), (1,)),
        ((0, 3), (end + 1, COLON), True, (1, 3), (1, 3)),
        ((1, 3), np.array([False, False, False, True]), True, (1, 4), (1,)),
    ],
    ids=repr,
)
def test_assignment_past_the_end_grows_with_zeros(
    shape: Any, key: Any, matlab: bool, grown: Any, counts: Any
) -> None:
    selection = write(key, shape, matlab)
    assert selection.grown == grown
    assert selection.counts == counts
    a = numbered(shape)
    data = np.asfortranarray(a) if grown is None else grow(np, a, grown)
    assert data.shape == (grown or shape) and data.flags.f_contiguous
    corner = tuple([slice(0, n) for n in shape]) + (0,) * (data.ndim - len(shape))
    assert np.array_equal(data[corner], a)
    assert data.sum() == a.sum()
    data[...] = 0
    apply_write(np, data, selection, 1.0)
    assert data.sum() == math.prod(counts)
    assert apply_read(np, data, selection).all()


@pytest.mark.parametrize(
    ("shape", "key"),
    [((2, 3), 7), ((2, 3, 4), (1, 13)), ((0, 3), 1), ((1, 1, 3), 4), ((2, 3), end + 1)],
)
def test_growth_along_an_ambiguous_dimension_is_refused(shape: Any, key: Any) -> None:
    with pytest.raises(DlgruIndexError, match="grow array along ambiguous dimension"):
        write(key, shape, matlab=True)


def test_negative_indices_never_grow() -> None:
    with pytest.raises(DlgruIndexError, match="exceeds array bounds"):
        write((-3, 0), (2, 3))


@pytest.mark.parametrize(
    ("key", "value_shape", "grown"),
    [
        ((COLON, 1), (3, 1), (3, 1)),
        ((COLON, end + 1), (3, 1), (3, 1)),
        ((COLON, 1), (1, 3), (3, 1)),
        ((1, COLON), (1, 3), (1, 3)),
        ((1, COLON), (3, 1), (1, 3)),
        ((COLON, COLON), (2, 3), (2, 3)),
        ((COLON, 3), (1, 1), (1, 3)),
        ((COLON, 1, COLON), (2, 3), (2, 1, 3)),
        ((COLON, slice(1, 2)), (3, 2), (3, 2)),
        ((COLON, COLON, 2), (2, 3), (2, 3, 2)),
    ],
    ids=repr,
)
def test_colons_on_an_array_without_size_take_the_values(
    key: Any, value_shape: Any, grown: Any
) -> None:
    selection = write(key, (0, 0), True, value_shape)
    match_value(selection, value_shape)
    assert selection.grown == grown
    data = grow(np, np.zeros((0, 0)), grown)
    apply_write(np, data, selection, numbered(value_shape))
    written = apply_read(np, data, selection).ravel(order="F")
    wanted = numbered(value_shape).ravel(order="F")
    assert np.array_equal(written, np.broadcast_to(wanted, written.shape))


def test_one_element_fills_nothing_of_an_array_without_size() -> None:
    assert write((COLON, COLON), (0, 0), False, (1, 1)).grown is None
    assert write(COLON, (0, 0), True, (1, 1)).grown is None


def test_a_column_of_an_array_without_size_must_still_match() -> None:
    selection = write((COLON, slice(1, 2)), (0, 0), True, (3, 3))
    with pytest.raises(DlgruValueError, match="left side"):
        match_value(selection, (3, 3))


@pytest.mark.parametrize(
    ("key", "value_shape"),
    [
        ((COLON, COLON), (3, 4)),
        ((COLON, COLON), (1, 1)),
        ((COLON, COLON), (1, 3, 1, 4)),
        ((COLON, 1), (1, 3)),
        ((COLON, 1), (3,)),
        ((1, COLON), (4, 1)),
        (COLON, (2, 6)),
        (slice(1, 4), (2, 2)),
        (([], COLON), (0, 4)),
    ],
)
def test_sizes_of_a_value_agree_without_their_ones(key: Any, value_shape: Any) -> None:
    selection = write(key, (3, 4), True)
    match_value(selection, value_shape)
    value = numbered(value_shape)
    data = np.zeros((3, 4), order="F")
    apply_write(np, data, selection, value)
    stored = apply_read(np, data, selection).ravel(order="F")
    wanted = value.ravel(order="F")
    assert np.array_equal(stored, wanted if value.size > 1 else np.full(stored.size, 1.0))


def test_sizes_that_do_not_agree_are_refused_with_both() -> None:
    with pytest.raises(
        DlgruValueError,
        match="Unable to perform assignment because the size of the left side is 3×4 "
        "and the size of the right side is 4×3",
    ) as caught:
        match_value(write((COLON, COLON), (3, 4)), (4, 3))
    assert caught.value.identifier == "MATLAB:subsassigndimmismatch"
    assert caught.value.came == "4×3"
    for key, shape, value in [
        ((COLON, 1), (3, 4), (2, 1)),
        (COLON, (3, 4), (3, 3)),
        ((COLON, COLON), (3, 4, 5), (3, 4, 5)),  # folded: 3×20
        ((COLON, COLON, 1), (3, 4, 5), (3, 4, 2)),
    ]:
        with pytest.raises(DlgruValueError, match="Unable to perform assignment"):
            match_value(write(key, shape, True), value)
    with pytest.raises(DlgruValueError, match=r"to delete elements write del X\.m"):
        match_value(write((COLON, 1), (3, 4), True), (0, 0))


def test_an_empty_selection_takes_one_element_and_writes_nothing() -> None:
    data = np.asfortranarray(numbered((2, 2)))
    selection = write(([], COLON), (2, 2), True)
    match_value(selection, (1, 1))
    apply_write(np, data, selection, 7.0)
    assert np.array_equal(data, numbered((2, 2)))


def test_a_value_seen_backward_keeps_its_order_under_repeated_indices() -> None:
    # A library may walk over negative strides in the other direction.
    data = np.zeros((3, 1), order="F")
    value = np.array([[1.0], [2.0], [3.0]])[::-1]
    apply_write(np, data, write((np.array([0, 1, 0])[::-1], 0), (3, 1)), value)
    assert data.ravel().tolist() == [1, 2, 0]


# -- adding ------------------------------------------------------------------------------


@given(cases(least=1), st.sampled_from("FC"))
def test_adding_sums_what_falls_on_one_element(case: Any, layout: str) -> None:
    shape, matlab, drawn = case
    assume(not (len(drawn) == 1 and not matlab and _is_mask(drawn[0].subscript)))
    key = tuple([d.subscript for d in drawn]) if len(drawn) > 1 else drawn[0].subscript
    selection = read(key, shape, matlab)
    part = numbered(selection.counts)
    expected = numbered(shape).copy(order="F")
    mesh = np.ix_(*[np.array(d.places, int) for d in drawn])
    np.add.at(seen(expected, len(drawn)), mesh, part)
    data = np.array(numbered(shape), order=layout)
    apply_add(np, data, selection, part.reshape(selection.shape, order="F"))
    assert np.array_equal(data, expected)


def test_adding_one_element_everywhere_counts_repeats() -> None:
    data = np.zeros((4, 1), order="F")
    apply_add(np, data, read(([0, 2, 2, 2], 0), (4, 1)), np.array([[1.0]]))
    assert data.ravel().tolist() == [1, 0, 3, 0]


def test_many_values_on_one_element_are_summed_in_pairs() -> None:
    # In single precision a running sum of 2^24 ones and more would stand still.
    n = 4096
    part = np.full((1, n), 1 / 3, np.float32)
    data = np.zeros((1, 2), np.float32, order="F")
    apply_add(np, data, read((0, np.zeros(n, int)), (1, 2)), part)
    assert data[0, 0] == np.float32(1 / 3) * n  # exact: every partial sum is a doubling
    again = np.zeros((1, 2), np.float32, order="F")
    apply_add(np, again, read((0, np.zeros(n, int)), (1, 2)), part)
    assert np.array_equal(again, data)


# -- deleting ----------------------------------------------------------------------------


@given(cases(least=2), st.data())
def test_deleting_leaves_the_rest(case: Any, data: Any) -> None:
    shape, matlab, drawn = case
    at = data.draw(st.integers(0, len(drawn) - 1))
    key = tuple([d.subscript if i == at else COLON for i, d in enumerate(drawn)])
    left = delete(key, shape, matlab)
    a = np.asfortranarray(numbered(shape))
    expected = seen(a, len(drawn))
    if isinstance(key[at], slice | str) and key[at] in (COLON, ":"):
        expected = expected[:0]
    else:
        expected = np.delete(expected, drawn[at].places, axis=at)
    out = apply_read(np, a, left)
    assert left.counts == expected.shape
    assert np.array_equal(out.ravel(order="F"), expected.ravel(order="F"))
    assert left.keeps_format == (len(drawn) >= len(shape))


@pytest.mark.parametrize(
    ("shape", "key", "left"),
    [
        ((1, 4), 2, [[1, 3, 4]]),
        ((4, 1), 2, [[1], [3], [4]]),
        ((2, 2), 2, [[1, 3, 4]]),
        ((2, 2), np.array([[True, False], [False, True]]), [[2, 3]]),
        ((1, 4), [1, 1, 4], [[2, 3]]),
        ((2, 2), (slice(1, end), 2), [[1], [2]]),
        ((2, 2), ([2, 1], 1), [[3], [4]]),
        ((1, 4), slice(1, end), np.zeros((1, 0))),
        ((1, 4), COLON, np.zeros((0, 0))),
        ((1, 1), 1, np.zeros((1, 0))),
        ((2, 3), (COLON, slice(1, end)), np.zeros((2, 0))),
        ((2, 3), (COLON, COLON), np.zeros((0, 3))),
        ((2, 2), (COLON, []), [[1, 3], [2, 4]]),
        ((1, 4), [], [[1, 2, 3, 4]]),
        ((2, 2), (1, []), [[1, 3], [2, 4]]),
        ((3, 0), (2, COLON), np.zeros((2, 0))),
    ],
    ids=repr,
)
def test_deletion_as_matlab_prints_it(shape: Any, key: Any, left: Any) -> None:
    a = np.asfortranarray(numbered(shape))
    out = apply_read(np, a, delete(key, shape, matlab=True))
    assert out.shape == np.shape(left)
    assert np.array_equal(out, left)


def test_deletion_needs_one_subscript_that_is_no_colon() -> None:
    with pytest.raises(DlgruIndexError, match=r"^del X\.m.*one subscript that is not a colon"):
        delete((1, 1), (3, 4), matlab=True)
    with pytest.raises(DlgruIndexError, match="exceeds array bounds"):
        delete((COLON, 5), (3, 4), matlab=True)
    with pytest.raises(DlgruIndexError, match="exceeds array bounds"):
        delete((3, COLON), (3, 4))


def test_what_deletion_leaves_in_one_piece_is_a_slice() -> None:
    assert delete((COLON, 0), (3, 4)).entries == (COLON, slice(1, 4, 1))
    assert isinstance(delete((COLON, 1), (3, 4)).entries[1], np.ndarray)


# -- selections, layouts and devices -----------------------------------------------------


def test_entries_are_normalised() -> None:
    assert read((COLON, -1), (3, 4)).entries == (COLON, slice(3, 4, 1))
    assert read((slice(None, None, -1), slice(-3, None)), (3, 4)).entries == (
        slice(2, None, -1),
        slice(1, 4, 1),
    )
    assert read((slice(5, 1), 0), (3, 4)).entries[0] == slice(0, 0, 1)
    vector = read(([2, 0], 0), (3, 4)).entries[0]
    assert isinstance(vector, np.ndarray) and vector.dtype == np.intp
    assert vector.tolist() == [2, 0]


def test_integers_and_colons_take_the_short_way_to_the_same_selection() -> None:
    for i, matlab in product((0, 1, -1), (False, True)):
        if matlab and i < 1:
            continue
        short = read((COLON, i, slice(1, 3)), (3, 4, 5), matlab)
        long = read((COLON, np.int64(i), slice(1, np.int64(3))), (3, 4, 5), matlab)
        assert short == long and isinstance(short, Selection)


def test_a_selection_survives_pickling() -> None:
    selection = read((COLON, [1, 2]), (3, 4))
    again = pickle.loads(pickle.dumps(selection))
    assert again.base == selection.base and again.counts == selection.counts
    assert np.array_equal(again.entries[1], [1, 2])


@pytest.mark.parametrize("strided", [False, True])
def test_reading_folds_arrays_of_any_layout(strided: bool) -> None:
    a = numbered((3, 4, 5))
    data = np.repeat(a, 2, axis=1)[:, ::2] if strided else np.ascontiguousarray(a)
    out = apply_read(np, data, read((COLON, [3, 19, 3]), a.shape))
    assert np.array_equal(out, a.reshape(3, 20, order="F")[:, [3, 19, 3]])
    assert out.flags.f_contiguous


def test_the_class_of_the_data_stays() -> None:
    for dtype in (np.float32, np.bool_, np.complex128):
        data = np.ones((3, 4), dtype, order="F")
        for key in [(COLON, 1), (COLON, [1, 2]), ([0, 1], [1, 2]), 3]:
            assert apply_read(np, data, read(key, (3, 4))).dtype == dtype
        assert grow(np, data, (4, 4)).dtype == dtype


DEVICE_KEYS = [
    (COLON, COLON, 2),
    (COLON, [1, 1, 3], COLON),
    ([0, 2, 0], slice(1, 3), [4, 4]),
    (slice(None, None, -1), [3], 0),
    (COLON, [3, 19, 3]),
    ([5, 5, 59, 0],),
    (np.arange(3) % 2 == 0, COLON, COLON),
    (COLON, [], COLON),
]


@pytest.mark.parametrize("key", DEVICE_KEYS, ids=repr)
def test_a_device_does_the_same_without_fetching(key: Any) -> None:
    from fakedevice import TRAFFIC

    key = key if len(key) > 1 else key[0]
    a = np.asfortranarray(numbered((3, 4, 5)))
    selection = read(key, a.shape)
    on_device = FakeArray(a)
    TRAFFIC.reset()
    part = apply_read(LIBRARY, on_device, selection)
    value = part * LIBRARY.asarray(10.0)
    apply_write(LIBRARY, on_device, selection, value)
    apply_add(LIBRARY, on_device, selection, value)
    bigger = grow(LIBRARY, on_device, (4, 4, 5))
    assert TRAFFIC.back == 0

    host = a.copy(order="F")
    host_part = apply_read(np, host, selection)
    apply_write(np, host, selection, host_part * 10)
    apply_add(np, host, selection, host_part * 10)
    assert np.array_equal(part.get(), host_part)
    assert np.array_equal(on_device.get(), host)
    assert np.array_equal(bigger.get(), grow(np, host, (4, 4, 5)))


def test_an_index_array_on_a_device_is_fetched_once() -> None:
    class DeviceHandle(Handle):
        def __init__(self, data: Any) -> None:
            self.data = FakeArray(data)

    idx = DeviceHandle(np.array([[3.0, 1.0]]))
    a = np.asfortranarray(numbered((2, 4)))
    assert np.array_equal(apply_read(np, a, read((COLON, idx), a.shape, True)), a[:, [2, 0]])
    mask = DeviceHandle(np.array([[True, False, True, False]]))
    assert np.array_equal(apply_read(np, a, read((COLON, mask), a.shape)), a[:, [0, 2]])
