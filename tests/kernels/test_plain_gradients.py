"""Gradients of the plain engine against complex steps through the equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_gru
import pytest
from complex_gru import ARRAYS, Case, run, slope
from gru_cases import (
    FORMS,
    MODES,
    WAYS,
    backward,
    by_name,
    data,
    directions,
    forward,
    make,
)

from dlgru.errors import DlgruValueError
from dlgru.kernels import plain_blocks
from dlgru.kernels.spec import Needs

RAGGED = [4, 0, 2]


def gradients(case: Case, save: str = "gates") -> dict[str, Any]:
    return by_name(backward(forward(case, save), *directions(case)))


def check(case: Case, save: str = "gates", tolerance: float = 1e-12) -> None:
    """Compare along two random directions of every array.

    A slope is a sum over all entries, each a sum over steps: a few thousand roundings of
    2e-16 on terms near 1, measured against the length of the gradient.
    """
    found = gradients(case, save)
    dy, dlast = directions(case)
    there = [name for name in ARRAYS if getattr(case, name) is not None]
    assert sorted(found) == sorted(there)
    draw = np.random.default_rng(7)
    for name in there:
        gradient = found[name]
        assert gradient.dtype == case.x.dtype
        assert gradient.shape == getattr(case, name).shape
        assert gradient.flags.f_contiguous
        for _ in range(2):
            along = draw.standard_normal(gradient.shape)
            expected = slope(case, name, along, dy, dlast)
            scale = max(1.0, float(np.abs(gradient * along).sum()))
            assert float((gradient * along).sum()) == pytest.approx(
                expected, rel=0, abs=tolerance * scale
            ), name


# -- the oracle itself -------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["full", "ragged"])
@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_the_complex_oracle_is_the_scalar_one(
    form: tuple[str, int], gate: str, act: str, way: str, lengths: list[int] | None
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way}
    case = make(5, 3, 2, 4, bias=form[1], lengths=lengths, inner=2, **options)
    arrays = (case.x, case.h0, case.W, case.R, case.b)
    expected = oracle_gru.gru(
        *[None if a is None else a.tolist() for a in arrays],
        (5, 3, 2, 4),
        **options,
        lengths=lengths,
        inner=case.inner.tolist(),
    )
    for found, values in zip(run(case), expected, strict=True):
        np.testing.assert_allclose(found, np.array(values), rtol=0, atol=1e-13)


# -- every mode --------------------------------------------------------------------------


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["full", "ragged"])
@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_every_mode_has_the_gradients_of_the_equations(
    form: tuple[str, int], gate: str, act: str, way: str, lengths: list[int] | None, save: str
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way}
    check(make(5, 3, 2, 4, bias=form[1], lengths=lengths, **options), save)


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["full", "ragged"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_inner_has_a_gradient(
    form: tuple[str, int], way: str, lengths: list[int] | None, inner: int, save: str
) -> None:
    options = {"reset": form[0], "direction": way}
    check(make(5, 3, 2, 4, bias=form[1], lengths=lengths, inner=inner, **options), save)


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("T", [0, 1, 7])
@pytest.mark.parametrize("B", [0, 1, 5])
@pytest.mark.parametrize("C", [0, 1, 3])
@pytest.mark.parametrize("H", [0, 1, 3])
@pytest.mark.parametrize("way", ["forward", "bidirectional"])
def test_every_size_down_to_zero(T: int, B: int, C: int, H: int, reset: str, way: str) -> None:
    check(make(T, B, C, H, reset=reset, direction=way))


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("rows", [1, 6, 14, 1000])
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("lengths", [None, [9, 3, 0, 11]], ids=["full", "ragged"])
def test_gradients_do_not_depend_on_where_time_is_cut(
    rows: int, way: str, lengths: Any, reset: str, save: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_blocks, "BLOCK_ROWS", rows)
    for inner in (1, 2):
        options = {"direction": way, "reset": reset}
        check(make(11, 4, 3, 5, lengths=lengths, inner=inner, seed=rows, **options), save)


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["full", "ragged"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_single_precision_gives_single_gradients_near_the_double_ones(
    form: tuple[str, int], way: str, lengths: list[int] | None
) -> None:
    # Roundings of 6e-8, some hundred a sum, as a random walk and with margin.
    case = make(5, 3, 2, 4, bias=form[1], lengths=lengths, reset=form[0], direction=way, inner=2)
    low = data(case, lambda a: a.astype(np.float32))
    exact = gradients(data(low, lambda a: a.astype(np.float64)))
    dy, dlast = (d.astype(np.float32) for d in directions(case))
    found = by_name(backward(forward(low, "gates"), dy, dlast))
    for name, gradient in found.items():
        assert gradient.dtype == np.float32
        scale = max(1.0, abs(exact[name]).max())
        np.testing.assert_allclose(gradient, exact[name], rtol=0, atol=1e-5 * scale)


# -- what may not get in -----------------------------------------------------------------


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_nothing_of_the_padding_reaches_a_gradient(
    form: tuple[str, int], gate: str, act: str, way: str, save: str
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way, "bias": form[1]}
    lengths = [2, 6, 0, 5]
    clean: dict[str, Any] = {}
    for padding in (0.0, np.nan, np.inf, -1e300):
        case = make(6, 4, 2, 3, lengths=lengths, inner=2, padding=padding, **options)
        for name, gradient in gradients(case, save).items():
            assert np.isfinite(gradient).all(), name
            np.testing.assert_array_equal(gradient, clean.setdefault(name, gradient), name)
        for o, n in enumerate(lengths):
            assert not clean["x"][:, o, n:].any()
            assert not clean["inner"][:, o, n:].any()


@pytest.mark.parametrize("reset", ["after", "before"])
def test_a_nan_stays_in_its_own_observation(reset: str) -> None:
    case = make(4, 7, 3, 5, reset=reset)
    clean = gradients(case)
    x = case.x.copy(order="F")
    x[:, 1, 2] = np.nan
    found = gradients(case._replace(x=x))
    others = [0, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(found["x"][:, others], clean["x"][:, others])
    np.testing.assert_array_equal(found["h0"][:, others], clean["h0"][:, others])
    assert np.isnan(found["h0"][:, 1]).all()


def test_a_step_at_the_edge_of_relu_and_of_a_shut_gate_has_no_slope() -> None:
    case = make(1, 1, 1, 1, act="relu", gate="hard-sigmoid")
    edge = case._replace(x=0 * case.x, R=0 * case.R, h0=case.h0 * 0 + 3, b=np.array([0, -2.5, 0.0]))
    found = by_name(backward(forward(edge, "gates"), np.ones((1, 1, 1)), None))
    # z is 0 and the candidate is relu(0): nothing moves r, z or n, and z passes no state.
    assert not found["b"].any()
    assert not found["h0"].any()


# -- what is asked for -------------------------------------------------------------------


@pytest.mark.parametrize("way", ["forward", "bidirectional"])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("T", [0, 6])
def test_only_the_gradients_that_are_needed_are_given(T: int, reset: str, way: str) -> None:
    case = make(T, 3, 2, 4, inner=1, reset=reset, direction=way)
    out = forward(case, "gates")
    dy, dlast = directions(case)
    all_of_them = by_name(backward(out, dy, dlast))
    for k, name in enumerate(ARRAYS):
        needs = Needs(*[i == k for i in range(len(ARRAYS))])
        found = by_name(backward(out, dy, dlast, needs))
        assert list(found) == [name]
        np.testing.assert_array_equal(found[name], all_of_them[name])


@pytest.mark.parametrize("way", ["forward", "bidirectional"])
def test_a_missing_incoming_gradient_is_zero(way: str) -> None:
    case = make(5, 3, 2, 4, direction=way)
    out = forward(case, "gates")
    dy, dlast = directions(case)
    for given in ((dy, None), (None, dlast), (None, None)):
        filled = (0 * dy if given[0] is None else dy, 0 * dlast if given[1] is None else dlast)
        found, expected = by_name(backward(out, *given)), by_name(backward(out, *filled))
        for name, gradient in found.items():
            np.testing.assert_array_equal(gradient, expected[name])
    assert not any(g.any() for g in by_name(backward(out, None, None)).values())


def test_a_run_that_saved_nothing_has_no_reserve() -> None:
    for T in (0, 4):
        assert forward(make(T, 3, 2, 4), "none").reserve is None
        assert forward(make(T, 3, 2, 4), "gates").reserve is not None


def test_a_spent_reserve_says_so() -> None:
    case = make(5, 3, 2, 4)
    out = forward(case, "gates")
    backward(out, *directions(case), keep=False)
    with pytest.raises(DlgruValueError, match="keep=True") as raised:
        backward(out, *directions(case))
    assert raised.value.identifier == "dlgru:kernels:spentReserve"
