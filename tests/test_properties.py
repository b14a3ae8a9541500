"""What holds for all inputs: the algebra of labels, expansion, reductions, and errors.

Inputs are drawn by hypothesis; expected values come from plain NumPy.  The last part
hands wrong inputs to every public operation: one kind of error must come, complete, and
nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, Case
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ops.references import REFERENCES, A, axes_of, met

import dlgru as dl
from dlgru.errors import DlgruError, DlgruIndexError, DlgruTypeError, DlgruValueError
from dlgru.labels import check_format, sort_order, stored, union
from dlgru.namevalue import OneOf

ORDER = "SCBTU"
COUNTS = {"S": 2, "C": 1, "B": 1, "T": 1, "U": 2}

formats = (
    st.lists(st.sampled_from([d for d, n in COUNTS.items() for _ in range(n)]), max_size=5)
    .map("".join)
    .filter(lambda fmt: fmt and all(fmt.count(d) <= n for d, n in COUNTS.items()))
)
sizes = st.sampled_from([0, 1, 1, 2, 3])
seeds = st.integers(0, 10**6)


def data_of(shape: tuple[int, ...], seed: int) -> Any:
    """Numbers that sums and products of a few keep exact."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def labelled(draw: Any, fmt: str, sizes_of: dict[Any, int] | None = None) -> dl.DLArray:
    """An array of a format; sizes of (label, occurrence) pairs may be prescribed."""
    known = {} if sizes_of is None else sizes_of
    names = [(d, fmt[:k].count(d)) for k, d in enumerate(fmt)]
    shape = tuple([known[n] if n in known else draw(sizes) for n in names])
    return dl.dlarray(data_of(shape, draw(seeds)), fmt)


@st.composite
def arrays(draw: Any) -> dl.DLArray:
    """Any array, formatted or not."""
    fmt = draw(st.one_of(st.just(""), formats.filter(lambda f: len(f) > 1)))
    if fmt:
        return labelled(draw, fmt)
    return dl.dlarray(data_of(tuple(draw(st.lists(sizes, min_size=2, max_size=4))), draw(seeds)))


def plain(x: dl.DLArray) -> A:
    return A(np.asarray(x), x.dims)


# -- labels --------------------------------------------------------------------------------


@given(formats)
def test_sorting_labels_is_idempotent_and_stable(fmt: str) -> None:
    assert check_format(fmt, "dlarray") == fmt
    result = stored(fmt)
    assert sorted(result) == sorted(fmt)
    assert [ORDER.index(d) for d in result] == sorted(ORDER.index(d) for d in result)
    assert stored(result) == result
    order = sort_order(fmt)
    assert "".join(fmt[k] for k in order) == result
    for d in set(fmt):
        places = [k for k in order if fmt[k] == d]
        assert places == sorted(places)


@given(st.text("SCBTUscbtXZ ", max_size=6))
def test_a_format_is_legal_or_refused(fmt: str) -> None:
    legal = bool(fmt) and set(fmt) <= set(ORDER) and all(fmt.count(d) <= 1 for d in "CBT")
    if legal:
        assert check_format(fmt, "dlarray") == fmt
    else:
        with pytest.raises(DlgruValueError) as caught:
            check_format(fmt, "dlarray")
        complete(caught.value)
        assert caught.value.came == f'"{fmt}"'


@given(formats.map(stored), formats.map(stored))
def test_the_union_of_labels(a: str, b: str) -> None:
    labels, at_a, at_b = union(a, b)
    assert union(b, a) == (labels, at_b, at_a)
    assert stored(labels) == labels
    assert all(labels.count(d) == max(a.count(d), b.count(d)) for d in ORDER)
    for part, places in ((a, at_a), (b, at_b)):
        assert "".join(labels[k] for k in places) == part
        assert list(places) == sorted(set(places))
        for d in set(part):  # among repeated labels the first meets the first
            mine = [k for k in places if labels[k] == d]
            assert mine == [k for k, have in enumerate(labels) if have == d][: len(mine)]
    assert union(a, a)[0] == a
    assert union(a, labels)[0] == labels


@given(formats.map(stored), formats.map(stored), formats.map(stored))
def test_the_union_of_labels_is_associative(a: str, b: str, c: str) -> None:
    assert union(union(a, b)[0], c)[0] == union(a, union(b, c)[0])[0]


@given(st.data(), formats.filter(lambda f: len(f) > 1))
def test_an_array_is_stored_in_order_and_taken_apart_again(data: Any, fmt: str) -> None:
    shape = tuple([data.draw(sizes) for _ in fmt])
    raw = data_of(shape, data.draw(seeds))
    X = dl.dlarray(raw, fmt)
    order = sort_order(fmt)
    kept = len(order)
    while kept > 2 and fmt[order[kept - 1]] == "U" and shape[order[kept - 1]] == 1:
        kept -= 1
    assert X.dims == stored(fmt)[:kept]
    assert X.shape == tuple([shape[k] for k in order[:kept]])
    assert X.value.data.flags.f_contiguous
    back = np.asarray(dl.stripdims(X, fmt)).reshape(shape)
    np.testing.assert_array_equal(back, raw)
    again = dl.dlarray(X, X.dims)
    assert again.dims == X.dims
    np.testing.assert_array_equal(np.asarray(again), np.asarray(X))


# -- expansion -----------------------------------------------------------------------------

PAIRS = ["plus", "minus", "times", "lt", "ge", "eq", "or_"]


@st.composite
def pairs(draw: Any) -> tuple[dl.DLArray, dl.DLArray]:
    """Two arrays whose sizes often fit: equal ones, ones, and now and then others."""
    both = draw(st.booleans())
    known = {(d, k): draw(sizes) for d, n in COUNTS.items() for k in range(n)}
    made = []
    for formatted in (both, draw(st.booleans())):
        own = {n: 1 if draw(st.integers(0, 3)) == 0 else size for n, size in known.items()}
        if draw(st.integers(0, 9)) == 0:
            own = {n: draw(sizes) for n in known}
        if formatted:
            made.append(labelled(draw, draw(formats.filter(lambda f: len(f) > 1)), own))
        else:
            shape = list(own.values())[: draw(st.integers(2, 4))]
            made.append(dl.dlarray(data_of(tuple(shape), draw(seeds))))
    return made[0], made[1]


def expands(x: dl.DLArray, y: dl.DLArray) -> bool:
    (a, b), _ = met(plain(x), plain(y))
    rank = max(a.ndim, b.ndim)
    shapes = [s + (1,) * (rank - len(s)) for s in (a.shape, b.shape)]
    return all(m == n or 1 in (m, n) for m, n in zip(*shapes, strict=True))


@pytest.mark.parametrize("name", PAIRS)
@given(operands=pairs())
def test_operands_expand_or_are_refused(name: str, operands: tuple[Any, Any]) -> None:
    x, y = operands
    function = getattr(dl, name)
    if not expands(x, y):
        with pytest.raises(DlgruValueError) as caught:
            function(x, y)
        complete(caught.value)
        assert caught.value.identifier == "dlgru:sizes:incompatible"
        return
    found = function(x, y)
    expected, labels = REFERENCES[name](plain(x), plain(y))
    while expected.ndim > 2 and expected.shape[-1] == 1 and labels[-1:] in ("", "U"):
        expected, labels = expected[..., 0], labels[:-1]
    assert found.dims == labels
    assert found.shape == expected.shape
    assert found.value.data.flags.f_contiguous
    np.testing.assert_array_equal(np.asarray(found), expected)


@given(pairs())
def test_sums_and_products_are_commutative(operands: tuple[Any, Any]) -> None:
    x, y = operands
    assume(expands(x, y))
    for function in (dl.plus, dl.times):
        there, back = function(x, y), function(y, x)
        assert there.dims == back.dims
        np.testing.assert_array_equal(np.asarray(there), np.asarray(back))


@given(arrays(), st.sampled_from(["single", "double", "logical"]), st.data())
def test_the_class_of_a_result(x: dl.DLArray, other: str, data: Any) -> None:
    mine = data.draw(st.sampled_from(["single", "double", "logical"]))
    a, b = dl.cast(x, mine), dl.cast(x, other)
    expected = "single" if "single" in (mine, other) else "double"
    assert dl.underlyingType(a + b) == expected
    assert dl.underlyingType(a * 2) == ("single" if mine == "single" else "double")
    assert dl.underlyingType(a < b) == "logical"


# -- reductions ----------------------------------------------------------------------------


@st.composite
def reductions(draw: Any) -> tuple[dl.DLArray, Any]:
    """An array and what to reduce over, in every spelling."""
    x = draw(arrays())
    n = len(x.shape)
    choices = [
        st.none(),
        st.just("all"),
        st.integers(1, n + 1),
        st.lists(st.integers(1, n + 1), min_size=1, max_size=n, unique=True),
    ]
    if x.dims:
        choices.append(st.sampled_from(sorted(set(x.dims))))
    return x, draw(st.one_of(*choices))


def called(name: str, x: dl.DLArray, dim: Any) -> dl.DLArray:
    made: dl.DLArray = getattr(dl, name)(x) if dim is None else getattr(dl, name)(x, dim)
    return made


def trimmed(x: Any, dims: str) -> tuple[Any, str]:
    while x.ndim > 2 and x.shape[-1] == 1 and dims[-1:] in ("", "U"):
        x, dims = x[..., 0], dims[:-1]
    return x, dims


NUMPY = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "any": np.any, "all": np.all}


@pytest.mark.parametrize("name", NUMPY)
@given(asked=reductions())
def test_reductions_are_numpys_and_keep_the_labels(name: str, asked: tuple[Any, Any]) -> None:
    x, dim = asked
    axes = axes_of(plain(x), dim)
    raw = np.asarray(x)
    if axes:
        with np.errstate(all="ignore"):
            if name == "mean" and 0 in [raw.shape[k] for k in axes]:
                expected = np.full_like(np.sum(raw, axis=axes, keepdims=True), np.nan)
            else:
                expected = NUMPY[name](raw, axis=axes, keepdims=True)
    else:
        expected = raw != 0 if name in ("any", "all") else raw
    expected, dims = trimmed(expected, x.dims)
    found = called(name, x, dim)
    assert found.dims == dims
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["max", "min"])
@given(asked=reductions(), holes=st.integers(0, 3), seed=seeds)
def test_extremes_are_numpys_without_nan(name: str, asked: Any, holes: int, seed: int) -> None:
    x, dim = asked
    axes = axes_of(plain(x), dim)
    raw = np.asarray(x).copy(order="F")
    if holes and raw.size:
        random = np.random.default_rng(seed)
        raw[random.random(raw.shape) < holes / 3] = np.nan
    x = dl.dlarray(raw, x.dims or None)
    found, at = getattr(dl, name)(x, [], dim, nargout=2)
    assert found.dims == at.dims
    assert found.shape == at.shape
    if 0 in [raw.shape[k] for k in axes]:
        assert 0 in found.shape
        return
    ufunc = np.fmax if name == "max" else np.fmin
    expected = ufunc.reduce(raw, axis=axes, keepdims=True) if axes else raw
    expected, dims = trimmed(expected, x.dims)
    assert found.dims == dims
    np.testing.assert_array_equal(np.asarray(found), expected)
    for place in np.ndindex(expected.shape):
        first = first_of(raw, axes, place, expected[place])
        assert np.asarray(at)[place] == first


def first_of(raw: Any, axes: tuple[int, ...], place: tuple[int, ...], value: float) -> int:
    """Index, counted from 1, of the first element that has the value; 1 of nothing but NaN.

    Along one dimension it is the position there, over several the linear index.
    """
    if not axes:
        return 1
    place += (0,) * (raw.ndim - len(place))
    inside = [
        at[::-1]
        for at in np.ndindex(raw.T.shape)
        if all(at[::-1][k] == place[k] for k in range(raw.ndim) if k not in axes)
    ]
    hits = [at for at in inside if raw[at] == value] or inside[:1]
    if len(axes) == 1:
        return int(hits[0][axes[0]]) + 1
    return int(np.ravel_multi_index(hits[0], raw.shape, order="F")) + 1


@given(arrays(), st.data())
def test_reducing_one_by_one_is_reducing_at_once(x: dl.DLArray, data: Any) -> None:
    order = data.draw(st.permutations(range(1, len(x.shape) + 1)))
    y = x
    for dim in order:
        y = dl.sum(y, dim)
    at_once = dl.sum(x, "all")
    assert y.dims == at_once.dims
    np.testing.assert_array_equal(np.asarray(y), np.asarray(at_once))


# -- errors --------------------------------------------------------------------------------


def complete(error: DlgruError) -> None:
    """An error that says who spoke, what about, what came and what was expected."""
    assert isinstance(error, ValueError | TypeError | IndexError)
    assert ":" in error.identifier
    assert error.function and error.argument and error.came and error.expected
    assert error.came in str(error) and error.expected in str(error)


_public = {id(value) for value in vars(dl).values()}
PUBLIC = {key: case for key, case in ALL_CASES.items() if id(case.op.public) in _public}
FIRST = {case.op.name: case for case in reversed(PUBLIC.values())}
"""One case of each public operation."""


def with_argument(case: Case, place: int, x: Any) -> Any:
    args = list(case.args)
    args[place] = x
    return case.op.public(*args, **case.options)


def array_places(case: Case) -> list[int]:
    return [k for k, x in enumerate(case.args) if type(x) is dl.DLArray]


WRONG_CLASS: dict[str, Any] = {
    "an integer array": np.ones((2, 2), np.int32),
    "an array of unsigned integers": np.ones((2, 2), np.uint8),
    "half precision": np.ones((2, 2), np.float16),
    "an array of objects": np.array([["a", "b"]]),
    "an integer of NumPy's": np.int64(3),
    "a dictionary": {"a": 1},
    "an object": object(),
    "a list of arrays": [dl.dlarray(1.0), 2.0],
    "a ragged list": [[1.0], [1.0, 2.0]],
    "a list of text": ["a"],
}


@pytest.mark.parametrize("what", WRONG_CLASS)
@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST)
def test_data_of_a_wrong_class_are_refused_everywhere(case: Case, what: str) -> None:
    for place in array_places(case):
        with pytest.raises(DlgruError) as caught:
            with_argument(case, place, WRONG_CLASS[what])
        complete(caught.value)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.sampled_from(sorted(PUBLIC)), arrays(), st.data())
def test_any_array_in_any_place_is_computed_with_or_refused(
    key: str, x: dl.DLArray, data: Any
) -> None:
    case = PUBLIC[key]
    place = data.draw(st.sampled_from(array_places(case)))
    try:
        with_argument(case, place, x)
    except DlgruError as error:
        complete(error)


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST)
def test_an_unknown_option_is_refused(case: Case) -> None:
    with pytest.raises(DlgruTypeError) as caught:
        case.op.public(*case.args, **case.options, NoSuchOption=1)
    complete(caught.value)
    assert caught.value.identifier.endswith(":unknownOption")
    assert caught.value.came == '"NoSuchOption"'


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST)
def test_an_odd_list_of_names_and_values_is_refused(case: Case) -> None:
    options = case.op._binder.options
    if not options:
        with pytest.raises(DlgruError) as caught:
            case.op.public(*case.args, "NoSuchOption", 1)
        assert isinstance(caught.value, ValueError | TypeError)
        return
    with pytest.raises(DlgruTypeError) as caught:
        case.op.public(*case.args, options[0])
    complete(caught.value)
    assert caught.value.identifier.endswith(":pairs")
    with pytest.raises(DlgruTypeError) as caught:
        case.op.public(*case.args, options[0], "CB", 17)
    complete(caught.value)


WORDS = [
    (name, option)
    for name, case in FIRST.items()
    for option, rule in case.op._binder.rules.items()
    if isinstance(rule, OneOf)
]


@pytest.mark.parametrize(("name", "option"), WORDS)
def test_a_word_that_is_none_of_the_few_is_refused_with_the_list(name: str, option: str) -> None:
    case = FIRST[name]
    with pytest.raises(DlgruValueError) as caught:
        case.op.public(*case.args, **{option: "no-such-word"})
    complete(caught.value)
    assert caught.value.argument == option
    assert all(f'"{word}"' in caught.value.expected for word in case.op._binder.rules[option].words)


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST)
def test_a_missing_argument_is_refused(case: Case) -> None:
    needed = case.op._binder.required
    with pytest.raises(DlgruTypeError) as caught:
        case.op.public(*case.args[: needed - 1])
    complete(caught.value)


def cb(*shape: int) -> dl.DLArray:
    return dl.dlarray(np.ones(shape), "CB")


def cbt(*shape: int) -> dl.DLArray:
    return dl.dlarray(np.ones(shape), "CBT")


MISUSES: dict[str, tuple[Any, type[DlgruError], str]] = {
    # labels
    "a label that does not exist": (
        lambda: dl.dlarray([[1]], "CX"),
        DlgruValueError,
        "dlgru:format:label",
    ),
    "a label twice": (lambda: dl.dlarray([[1]], "BB"), DlgruValueError, "dlgru:format:repeated"),
    "fewer labels than dimensions": (
        lambda: dl.dlarray(np.ones((2, 3, 4)), "CB"),
        DlgruValueError,
        "dlgru:dlarray:labels",
    ),
    "one label for a matrix": (
        lambda: dl.dlarray(np.ones((2, 3)), "C"),
        DlgruValueError,
        "dlgru:dlarray:vector",
    ),
    "a sum over a label X lacks": (
        lambda: dl.sum(cb(2, 3), "T"),
        DlgruValueError,
        "dlgru:sum:label",
    ),
    "a sum over a label of an unformatted array": (
        lambda: dl.sum(dl.ones(2, 3), "T"),
        DlgruValueError,
        "dlgru:sum:label",
    ),
    "a sum over a word": (lambda: dl.sum(cb(2, 3), "rows"), DlgruError, "dlgru:sum:dim"),
    "softmax without channels": (
        lambda: dl.softmax(dl.dlarray([[1, 2]], "BT")),
        DlgruValueError,
        "dlgru:softmax:channel",
    ),
    "arrays of two formats joined": (
        lambda: dl.cat(1, cb(2, 3), dl.dlarray(np.ones((2, 3)), "CT")),
        DlgruValueError,
        "dlgru:cat:formats",
    ),
    "a formatted array in a matrix product": (
        lambda: cb(2, 3) @ dl.ones(3, 2),
        DlgruValueError,
        "dlgru:mtimes:formatted",
    ),
    "a transpose across labels": (
        lambda: dl.transpose(cb(2, 3)),
        DlgruValueError,
        "dlgru:transpose:labels",
    ),
    "a permutation across labels": (
        lambda: dl.permute(cb(2, 3), [2, 1]),
        DlgruValueError,
        "dlgru:permute:labels",
    ),
    "DataFormat for a formatted array": (
        lambda: dl.softmax(cb(2, 3), DataFormat="CB"),
        DlgruValueError,
        "dlgru:softmax:DataFormat",
    ),
    "an unformatted array where labels are needed": (
        lambda: dl.softmax(dl.ones(2, 3)),
        DlgruTypeError,
        "dlgru:softmax:format",
    ),
    # sizes
    "a product of matrices that do not fit": (
        lambda: dl.ones(2, 3) @ dl.ones(2, 3),
        DlgruValueError,
        "dlgru:mtimes:sizes",
    ),
    "equal sizes under labels that meet otherwise": (
        lambda: dl.dlarray(np.ones((3, 4)), "SC") + dl.dlarray(np.ones((3, 4)), "CT"),
        DlgruValueError,
        "dlgru:sizes:incompatible",
    ),
    "a reshape that loses elements": (
        lambda: dl.reshape(dl.ones(2, 3), 4, 2),
        DlgruValueError,
        "dlgru:reshape:count",
    ),
    "arrays joined whose sizes differ": (
        lambda: dl.horzcat(dl.ones(2, 3), dl.ones(3, 3)),
        DlgruValueError,
        "dlgru:cat:sizes",
    ),
    "targets of another size": (
        lambda: dl.mse(cb(2, 3), dl.ones(2, 4)),
        DlgruValueError,
        "dlgru:mse:sizes",
    ),
    "targets that would expand": (
        lambda: dl.mse(cb(2, 3), dl.ones(2, 1)),
        DlgruValueError,
        "dlgru:mse:sizes",
    ),
    "a mask larger than the predictions": (
        lambda: dl.l1loss(cb(2, 1), dl.ones(2, 1), Mask=dl.ones(2, 3)),
        DlgruValueError,
        "dlgru:l1loss:sizes",
    ),
    "a mask with a label the predictions lack": (
        lambda: dl.l1loss(cb(2, 1), dl.ones(2, 1), Mask=cbt(2, 1, 3)),
        DlgruValueError,
        "dlgru:l1loss:labels",
    ),
    "weights of another size": (
        lambda: dl.l2loss(cb(2, 3), dl.ones(2, 3), dl.ones(1, 3), WeightsFormat="UC"),
        DlgruValueError,
        "dlgru:l2loss:sizes",
    ),
    "weights of a layer with too many columns": (
        lambda: dl.fullyconnect(cb(2, 3), dl.ones(4, 5), dl.zeros(4, 1)),
        DlgruValueError,
        "dlgru:fullyconnect:weights",
    ),
    "a bias of another size": (
        lambda: dl.fullyconnect(cb(2, 3), dl.ones(4, 2), dl.zeros(3, 1)),
        DlgruValueError,
        "dlgru:fullyconnect:bias",
    ),
    # values
    "dimension zero": (lambda: dl.sum(dl.ones(2, 2), 0), DlgruValueError, "dlgru:sum:dim"),
    "half a dimension": (lambda: dl.sum(dl.ones(2, 2), 1.5), DlgruTypeError, "dlgru:sum:whole"),
    "a dimension twice": (
        lambda: dl.sum(dl.ones(2, 2), [1, 1]),
        DlgruValueError,
        "dlgru:sum:dim",
    ),
    "an index of an embedding that is no whole number": (
        lambda: dl.embed(dl.dlarray([[1.5]], "CB"), dl.ones(2, 3)),
        DlgruTypeError,
        "dlgru:embed:index",
    ),
    "an index of an embedding that is too large": (
        lambda: dl.embed(dl.dlarray([[4]], "CB"), dl.ones(2, 3)),
        DlgruTypeError,
        "dlgru:embed:index",
    ),
    "a negative scale": (
        lambda: dl.leakyrelu(dl.ones(2), -1),
        DlgruValueError,
        "dlgru:leakyrelu:option",
    ),
    "logical data in an activation": (
        lambda: dl.relu(dl.true(2)),
        DlgruTypeError,
        "deep:dlarray:LogicalsNotSupported",
    ),
    "NaN made logical": (lambda: dl.logical(dl.NaN(1)), DlgruValueError, "dlgru:logical:nan"),
    "an unknown class": (lambda: dl.cast(1, "int8"), DlgruValueError, "dlgru:cast:class"),
    "the truth of several elements": (
        lambda: bool(dl.ones(2)),
        DlgruValueError,
        "dlgru:dlarray:truth",
    ),
    "several elements as a number": (
        lambda: float(dl.ones(2)),
        DlgruTypeError,
        "dlgru:dlarray:scalar",
    ),
    "an element past the end": (
        lambda: dl.ones(2)[0, 5],
        DlgruIndexError,
        "MATLAB:badsubscript",
    ),
    "element zero": (lambda: dl.ones(2).m[0], DlgruIndexError, "MATLAB:badsubscript"),
    "an assignment of another size": (
        lambda: dl.ones(2).__setitem__((slice(None), 0), [1, 2, 3]),
        DlgruValueError,
        "MATLAB:subsassigndimmismatch",
    ),
}


@pytest.mark.parametrize("what", MISUSES)
def test_refused(what: str) -> None:
    call, kind, identifier = MISUSES[what]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.identifier == identifier
    assert isinstance(caught.value, DlgruError)
    assert isinstance(caught.value, ValueError | TypeError | IndexError)
    assert caught.value.function and caught.value.argument and caught.value.came
    assert caught.value.came in str(caught.value)


def test_one_error_is_found_under_both_names() -> None:
    for kind in (DlgruError, ValueError):
        with pytest.raises(kind, match='a label of X, which is "CB"'):
            dl.sum(cb(2, 3), "T")
