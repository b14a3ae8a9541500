"""A call of ``gru`` made again goes the short way, and never with anything that is stale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.gru_public import arrays_of, by_definition, case_of, check, close, host, loops

import dlgru as dl
from dlgru.array import DLArray
from dlgru.ops import forms


def same(one: Any, two: Any) -> None:
    for a, b in zip(one, two, strict=True):
        assert (a.dims, a.shape, a.dtype) == (b.dims, b.shape, b.dtype)
        np.testing.assert_array_equal(host(a), host(b))


# -- the short way gives the same ----------------------------------------------------------

PLAIN_FORMS = {
    "CBT": ("CBT", (2, 3, 4)),
    "CB": ("CB", (2, 3)),
    "CT": ("CT", (2, 4)),
    "C": ("C", (2, 1)),
    "BT": ("BT", (3, 4)),
    "one step": ("CBT", (2, 3, 1)),
    "one number": ("CBT", (1, 1, 1)),
    "no step": ("CBT", (2, 3, 0)),
    "nobody": ("CBT", (2, 0, 4)),
}


@pytest.mark.parametrize(
    "options", [{}, {"Direction": "backward"}, {"ResetGateMode": "before-multiplication"}]
)
@pytest.mark.parametrize("h0", ["", "CB", "C"])
@pytest.mark.parametrize("form", PLAIN_FORMS)
def test_a_call_made_again_gives_the_same_bits_and_labels(
    form: str, h0: str, options: dict[str, str], full: list[int]
) -> None:
    fmt, shape = PLAIN_FORMS[form]
    X = dl.dlarray(np.random.default_rng(1).standard_normal(shape), fmt)
    C = X.shape[0] if "C" in fmt else 1
    B = shape[fmt.index("B")] if "B" in fmt else 1
    _, H0, W, R, b = arrays_of(case_of(sizes=(1, B, C, 3)))
    H0 = dl.dlarray(H0 if h0 == "CB" and B else H0[:, :1] if B else np.ones((3, 1)), h0 or None)
    first = dl.gru(X, H0, W, R, b, **options, nargout=2)
    again = dl.gru(X, H0, W, R, b, **options, nargout=2)
    assert len(full) == 1, "the second call took the full door"
    same(again, first)
    one = dl.gru(X, H0, W, R, b, **options)
    assert len(full) == 1
    same([one], first[:1])


def test_new_data_give_new_results(full: list[int]) -> None:
    X, H0, W, R, b = arrays_of(case_of())
    dl.gru(X, H0, W, R, b)
    other = case_of(seed=5)
    X2, H2, *_ = arrays_of(other)
    mixed = other._replace(W=host(W), R=host(R), b=host(b).ravel())
    Y, h = dl.gru(X2, H2, W, R, b, nargout=2)
    assert len(full) == 1
    close(Y, loops(mixed)[0])
    close(h, loops(mixed)[1])


def test_a_stream_takes_the_full_door_once(full: list[int]) -> None:
    case = case_of(sizes=(9, 1, 2, 3))
    y, last = loops(case)
    _, h, *weights = arrays_of(case)
    X = dl.dlarray(np.zeros((2, 1)), "CB")
    for t in range(9):
        X[:, 0] = case.x[:, :, t]  # written in place, as a port may do
        Y, h = dl.gru(X, h, *weights, nargout=2)
        close(Y, y[:, :, t])
    close(h, last)
    assert len(full) == 1


def test_an_unlabelled_stream_gives_the_numbers_of_a_labelled_one(full: list[int]) -> None:
    case = case_of(sizes=(9, 1, 2, 3))
    for fmt, shape in (("CB", (2, 1)), ("CBT", (2, 1, 1)), ("C", (2, 1))):
        _, h, *weights = arrays_of(case)
        k = h
        del full[:]
        for t in range(9):
            x = case.x[:, 0, t].reshape(shape)
            Y, h = dl.gru(dl.dlarray(x), h, *weights, DataFormat=fmt, nargout=2)
            labelled, k = dl.gru(dl.dlarray(x, fmt), k, *weights, nargout=2)
            assert Y.shape == (3, 1) and Y.dims == ""
            np.testing.assert_array_equal(host(Y).ravel(), host(labelled).ravel())
            np.testing.assert_array_equal(host(h), host(k))
        close(h, loops(case)[1])
        assert len(full) <= 2


# -- weights that are new each time ----------------------------------------------------------


def gradients(*arrays: DLArray, **options: Any) -> Any:
    def f(*a: DLArray) -> Any:
        Y, h = dl.gru(*a, **options, nargout=2)
        return dl.dlgradient(dl.sum(Y, "all") + dl.sum(h * h, "all"), *a)

    return dl.dlfeval(f, *arrays)


@pytest.mark.parametrize("fmt", ["CBT", "CT", "CB", "BTC"])
def test_a_training_loop_takes_the_full_door_once(fmt: str, full: list[int]) -> None:
    sizes = {"C": 2, "B": 3 if "B" in fmt else 1, "T": 4 if "T" in fmt else 1}
    draw = np.random.default_rng(7)
    shape = [sizes[d] for d in ("CBT" if fmt == "BTC" else fmt)]
    X = dl.dlarray(draw.standard_normal(shape), "CBT" if fmt == "BTC" else fmt)
    _, _, *weights = arrays_of(case_of())
    H0 = dl.zeros(3, 1)
    for k in range(4):
        weights = [w + 0.01 * k for w in weights]
        found = gradients(X, H0, *weights)
        del full[1:]
        by_hand = gradients(X, H0, *weights, **by_definition({"StateActivationFunction": "tanh"}))
        for one, two in zip(found, by_hand, strict=True):
            assert (one.dims, one.shape) == (two.dims, two.shape)
            close(one, host(two))
    assert len(full) == 2  # the first call of each way


def test_lengths_may_differ_from_call_to_call(full: list[int]) -> None:
    for k, lengths in enumerate(([4, 2, 0], [1, 4, 3], np.array([4, 4, 4]), (2, 2, 2))):
        case = case_of(lengths=[int(n) for n in lengths], padding=0.5)
        arguments = arrays_of(case)
        Y, h = dl.gru(*arguments, SequenceLengths=lengths, nargout=2)
        close(Y, loops(case)[0])
        close(h, loops(case)[1])
        assert len(full) == 1, k
    for wrong in ([4, 2], [4, 2, 5], [1.5, 2, 2], "all"):
        with pytest.raises((dl.DlgruValueError, dl.DlgruTypeError), match="SequenceLengths"):
            dl.gru(*arguments, SequenceLengths=wrong)


def test_options_as_names_and_values_go_the_short_way(full: list[int]) -> None:
    X, H0, W, R, b = arrays_of(case_of())
    by_keyword = dl.gru(X, H0, W, R, b, Direction="backward")
    for _ in range(2):
        Y = dl.gru(X, H0, W, R, b, "Direction", "backward")
        np.testing.assert_array_equal(host(Y), host(by_keyword))
    assert len(full) == 1
    with pytest.raises(dl.DlgruTypeError, match="once"):
        dl.gru(X, H0, W, R, b, "Direction", "backward", Direction="backward")
    with pytest.raises(dl.DlgruTypeError, match="pairs"):
        dl.gru(X, H0, W, R, b, "Direction")


def test_second_derivatives_through_a_form() -> None:
    X, H0, W, R, b = arrays_of(case_of())

    def curvature(x: DLArray, **options: Any) -> Any:
        g = dl.dlgradient(dl.sum(dl.gru(x, H0, W, R, b, **options), "all"), x)
        return dl.dlgradient(dl.sum(g * g, "all"), x)

    functions = by_definition({"GateActivationFunction": "sigmoid"})
    for _ in range(2):
        found = dl.dlfeval(curvature, X)
        close(found, host(dl.dlfeval(lambda x: curvature(x, **functions), X)))


def test_forms_do_not_grow_beyond_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST", 5)
    forms._forms.clear()
    _, H0, *weights = arrays_of(case_of())
    for T in range(1, 20):
        dl.gru(dl.dlarray(np.ones((2, 3, T)), "CBT"), H0, *weights)
        assert len(forms._forms) <= 5


# -- whatever is different is noticed ------------------------------------------------------


def test_sizes_may_change(full: list[int]) -> None:
    case = case_of()
    _, H0, *weights = arrays_of(case)
    draw = np.random.default_rng(3)
    for T, B in [(4, 3), (1, 3), (6, 3), (4, 1), (4, 3)]:
        x, h0 = draw.standard_normal((2, B, T)), host(H0)[:, :B]
        check(case._replace(x=x, h0=h0), (dl.dlarray(x, "CBT"), dl.dlarray(h0), *weights))
    assert len(full) == 4


def test_labels_may_change() -> None:
    """A 2×3×3 block is B=3, T=3 or, turned, the other way round: equal sizes, other labels."""
    case = case_of(sizes=(3, 3, 3, 3))
    _, H0, *weights = arrays_of(case)
    plane = case.x[:, :, 0]
    results = {}
    for _ in range(2):
        for fmt in ("CB", "CT", "BT"):
            if fmt == "BT":
                weights = [dl.dlarray(host(weights[0])[:, :1]), *weights[1:]]
            else:
                weights = arrays_of(case)[2:]
            Y, h = dl.gru(dl.dlarray(plane, fmt), H0[:, :1], *weights, nargout=2)
            results.setdefault(fmt, []).append((Y.dims, h.shape))
    assert results == {
        "CB": [("CB", (3, 3))] * 2,
        "CT": [("CT", (3, 1))] * 2,
        "BT": [("CBT", (3, 3))] * 2,
    }
    _, H0, *weights = arrays_of(case)
    for _ in range(2):
        one, two = (dl.gru(dl.dlarray(plane, f), H0[:, :1], *weights) for f in ("CB", "CT"))
        close(
            one,
            loops(case._replace(x=plane[:, :, None], h0=np.repeat(case.h0[:, :1], 3, 1)))[0][
                :, :, 0
            ],
        )
        close(two, loops(case._replace(x=plane[:, None], h0=case.h0[:, :1]))[0][:, 0])


def test_labels_of_the_state_may_change() -> None:
    X, H0, *weights = arrays_of(case_of(sizes=(4, 1, 2, 3)))
    for _ in range(2):
        for fmt in ("", "CB", "C"):
            _, h = dl.gru(X, dl.dlarray(host(H0), fmt or None), *weights, nargout=2)
            assert h.dims == ("CB" if fmt else "")


def test_options_may_change() -> None:
    case = case_of()
    arguments = arrays_of(case)
    changes: list[dict[str, str]] = [
        {},
        {"Direction": "backward"},
        {"ResetGateMode": "before-multiplication"},
        {"StateActivationFunction": "softsign"},
        {"StateActivationFunction": "relu"},
        {"GateActivationFunction": "hard-sigmoid"},
    ]
    fields = {
        "Direction": "direction",
        "ResetGateMode": "reset",
        "StateActivationFunction": "act",
        "GateActivationFunction": "gate",
    }
    for _ in range(2):
        for options in changes:
            own = {fields[k]: v.removesuffix("-multiplication") for k, v in options.items()}
            check(case._replace(**own), arguments, **options)
            check(case._replace(**own), arguments, **by_definition(options))
        check(case._replace(lengths=[1, 2, 3]), arguments, SequenceLengths=(1, 2, 3))
        check(case._replace(lengths=[3, 2, 1]), arguments, SequenceLengths=(3, 2, 1))


def test_options_in_any_spelling() -> None:
    case = case_of("before-multiplication")
    arguments = arrays_of(case)
    y = loops(case)[0]
    for _ in range(2):
        close(dl.gru(*arguments, "ResetGateMode", "before-multiplication"), y)
        close(dl.gru(*arguments, resetgatemode="before"), y)
        Y, h = dl.gru(*arguments, "resetg", "BEFORE-multiplication", NARGOUT=2)
        close(Y, y)
        assert h.shape == (3, 3)


@pytest.mark.parametrize("place", range(5))
def test_an_array_that_is_assigned_to_counts_at_once(place: int) -> None:
    case = case_of()
    arguments = arrays_of(case)
    name = ("x", "h0", "W", "R", "b")[place]
    for k in range(3):
        check(case, arguments)
        new = float(k) + 0.5
        arguments[place][(1,) + (0,) * (arguments[place].ndim - 1)] = new
        getattr(case, name)[(1,) + (0,) * (getattr(case, name).ndim - 1)] = new
    check(case, arguments)


@pytest.mark.parametrize("place", [2, 3, 4])
def test_weights_made_anew_count_at_once(place: int) -> None:
    case = case_of()
    arguments = arrays_of(case)
    name = ("x", "h0", "W", "R", "b")[place]
    for _ in range(3):
        check(case, arguments)
        array = getattr(case, name) * 1.5
        case = case._replace(**{name: array})
        arguments[place] = arguments[place] * 1.5
    check(case, arguments)


def test_two_biases_in_turn_with_one_set_of_weights() -> None:
    case = case_of()
    X, H0, W, R, b = arrays_of(case)
    other = b * 2
    for _ in range(3):
        check(case, (X, H0, W, R, b))
        check(case._replace(b=case.b * 2), (X, H0, W, R, other))


@pytest.mark.parametrize("place", [0, 1])
def test_classes_may_change(place: int) -> None:
    case = case_of()
    arguments = arrays_of(case)
    mixed = list(arguments)
    mixed[place] = dl.single(mixed[place])
    for _ in range(2):
        assert dl.gru(*arguments).dtype == np.float64
        assert dl.gru(*mixed).dtype == np.float32
        close(dl.gru(*arguments), loops(case)[0])
        close(dl.gru(*mixed), loops(case)[0], np.float32)
    logical = list(arguments)
    logical[place] = arguments[place] > 0
    name = ("x", "h0")[place]
    check(case._replace(**{name: (getattr(case, name) > 0).astype(float)}), logical)


def test_traced_after_untraced_and_back() -> None:
    case = case_of()
    arguments = arrays_of(case)

    def f(*a: DLArray) -> Any:
        return dl.dlgradient(dl.sum(dl.gru(*a), "all"), *a)

    before = dl.dlfeval(f, *arguments)
    for _ in range(2):
        check(case, arguments)
        same(dl.dlfeval(f, *arguments), before)

    # Only X is traced: the weights are the very Values that have a plan.
    def g(X: DLArray) -> Any:
        return dl.dlgradient(dl.sum(dl.gru(X, *arguments[1:]), "all"), X)

    same([dl.dlfeval(g, arguments[0])], before[:1])
    # And only the state.
    X, H0, *weights = arguments

    def by_state(h0: DLArray) -> Any:
        return dl.dlgradient(dl.sum(dl.gru(X, h0, *weights), "all"), h0)

    same([dl.dlfeval(by_state, H0)], before[1:2])


def test_labels_of_the_weights_are_checked_every_time() -> None:
    X, H0, W, R, b = arrays_of(case_of())
    dl.gru(X, H0, W, R, b)
    dl.gru(X, H0, dl.dlarray(W, "CU"), dl.dlarray(R, "CU"), dl.dlarray(b, "CU"))
    for wrong in (
        (dl.dlarray(W, "SC"), R, b),
        (W, dl.dlarray(R, "BT"), b),
        (W, R, dl.dlarray(b, "BT")),
    ):
        with pytest.raises(dl.DlgruValueError, match="label"):
            dl.gru(X, H0, *wrong)


def test_mistakes_are_noticed_after_a_call_that_went_well() -> None:
    X, H0, W, R, b = arrays_of(case_of())
    dl.gru(X, H0, W, R, b)
    with pytest.raises(dl.DlgruValueError, match="H0 is 3×2"):
        dl.gru(X, H0[:, :2], W, R, b)
    with pytest.raises(dl.DlgruTypeError, match="Unknown option"):
        dl.gru(X, H0, W, R, b, Directions="forward")
    with pytest.raises(dl.DlgruValueError, match="nargout is 3"):
        dl.gru(X, H0, W, R, b, nargout=3)
    with pytest.raises(dl.DlgruTypeError, match="nargout"):
        dl.gru(X, H0, W, R, b, nargout=np.array([1.0, 2.0]))
    with pytest.raises(dl.DlgruTypeError, match="Too many input arguments"):
        dl.gru(X, H0, W, R, b, 3)
    with pytest.raises(dl.DlgruTypeError, match="formatted"):
        dl.gru(dl.stripdims(X), H0, W, R, b)
