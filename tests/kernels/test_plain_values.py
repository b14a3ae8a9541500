"""Outputs of the plain engine against the scalar loops, and what may not get into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_gru
import pytest
from complex_gru import Case
from gru_cases import FORMS, GATES, MODES, WAYS, data, forward, make, spec_for

from dlgru.kernels import plain, plain_blocks
from dlgru.kernels.spec import Extra

# Each value is a sum of some ten products of numbers near 1, then bounded or nearly so:
# a few dozen roundings. relu may grow values over the steps, hence relative to the largest.
TOLERANCE = {np.dtype(np.float64): 1e-13, np.dtype(np.float32): 1e-5}


def oracle(case: Case) -> tuple[Any, Any]:
    C, B, T = case.x.shape
    host = data(case, lambda a: a.astype(np.float64))
    lists = [None if a is None else a.tolist() for a in (host.x, host.h0, host.W, host.R, host.b)]
    y, last = oracle_gru.gru(
        *lists,
        (T, B, C, case.R.shape[1]),
        reset=case.reset,
        gate=case.gate,
        act=case.act,
        direction=case.direction,
        lengths=case.lengths,
        inner=None if host.inner is None else host.inner.tolist(),
    )
    rows = len(case.h0)
    return np.reshape(y, (rows, B, T)), np.reshape(last, (rows, B))


def check(case: Case, save: str = "none") -> None:
    out = forward(case, save)
    y, last = oracle(case)
    for found, expected in ((out.y, y), (out.last[0], last)):
        assert found.dtype == case.x.dtype
        assert found.flags.f_contiguous
        tolerance = TOLERANCE[case.x.dtype] * max(1, abs(expected).max(initial=0))
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["full", "ragged"])
@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_every_mode_gives_the_values_of_the_equations(
    form: tuple[str, int], gate: str, act: str, way: str, lengths: list[int] | None, dtype: Any
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way}
    check(make(5, 3, 2, 4, bias=form[1], lengths=lengths, dtype=dtype, **options))


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("T", [0, 1, 7])
@pytest.mark.parametrize("B", [0, 1, 5])
@pytest.mark.parametrize("C", [0, 1, 3])
@pytest.mark.parametrize("H", [0, 1, 3])
@pytest.mark.parametrize("way", ["forward", "bidirectional"])
def test_every_size_down_to_zero(T: int, B: int, C: int, H: int, reset: str, way: str) -> None:
    check(make(T, B, C, H, reset=reset, direction=way))
    check(make(T, B, C, H, reset=reset, direction=way), save="gates")


@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["full", "ragged"])
@pytest.mark.parametrize("form", FORMS)
def test_inner_joins_the_recurrent_product(
    form: tuple[str, int], lengths: list[int] | None, way: str, inner: int
) -> None:
    options = {"reset": form[0], "direction": way}
    check(make(5, 3, 2, 4, bias=form[1], lengths=lengths, inner=inner, **options))


@pytest.mark.parametrize("rows", [1, 6, 14, 1000])
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("lengths", [None, [9, 3, 0, 11]], ids=["full", "ragged"])
@pytest.mark.parametrize("save", ["none", "gates"])
def test_values_do_not_depend_on_where_time_is_cut(
    rows: int, way: str, lengths: Any, save: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_blocks, "BLOCK_ROWS", rows)
    check(make(11, 4, 3, 5, lengths=lengths, direction=way, seed=rows), save)


@pytest.mark.parametrize("T", [1, 6])
@pytest.mark.parametrize("B", [1, 4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gates_saturate_without_a_warning_or_a_nan(T: int, B: int, dtype: Any) -> None:
    for gate in GATES:
        for scale in (1e3, 1e30):
            case = make(T, B, 3, 4, gate=gate, dtype=dtype)
            with np.errstate(all="raise"):
                found = forward(case._replace(b=case.b * dtype(scale)))
            assert np.isfinite(found.y).all()
        check(case._replace(b=case.b * dtype(100)))


def test_a_nearly_closed_gate_keeps_its_relative_accuracy() -> None:
    # z = sigmoid(-20) = 2.06e-9 carries a state of 1e8; (1 + tanh(-10))/2 is 0 in single.
    for T in (1, 2):
        case = make(T, 1, 1, 1, dtype=np.float32)
        b = np.array([0, -20, 0], np.float32)
        still = case._replace(x=0 * case.x, R=0 * case.R, h0=0 * case.h0 + np.float32(1e8), b=b)
        y = forward(still).y
        z = oracle_gru.sigmoid(-20.0)
        assert y[0, 0, 0] == pytest.approx(z * 1e8, rel=1e-6)


def test_softsign_and_relu_reach_where_tanh_does_not() -> None:
    for act, expected in (("relu", 8.0), ("softsign", 8 / 9)):
        case = make(1, 1, 1, 1, act=act)
        b = np.array([0.0, -1000.0, 8.0])  # z is 0, so h is the candidate of 8
        y = forward(case._replace(x=0 * case.x, R=0 * case.R, b=b)).y
        assert y[0, 0, 0] == pytest.approx(expected, rel=1e-15)


# -- what may not get in ---------------------------------------------------------------


@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_nothing_of_the_padding_reaches_an_output(
    form: tuple[str, int], gate: str, act: str, way: str
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way, "bias": form[1]}
    outs = [
        forward(make(6, 4, 2, 3, lengths=[2, 6, 0, 5], inner=2, padding=padding, **options))
        for padding in (np.nan, 0.0, np.inf, -1e300)
    ]
    for out in outs:
        np.testing.assert_array_equal(out.y, outs[0].y)
        np.testing.assert_array_equal(out.last[0], outs[0].last[0])
        assert np.isfinite(out.y).all()
        assert not out.y[:, 0, 2:].any()
        assert not out.y[:, 2].any()


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("B", [2, 27])
def test_a_nan_stays_in_its_own_observation(reset: str, B: int) -> None:
    case = make(4, B, 3, 5, reset=reset)
    clean = forward(case)
    x = case.x.copy(order="F")
    x[:, 1, 2] = np.nan
    found = forward(case._replace(x=x))
    others = [o for o in range(B) if o != 1]
    np.testing.assert_array_equal(found.y[:, others], clean.y[:, others])
    np.testing.assert_array_equal(found.last[0][:, others], clean.last[0][:, others])
    np.testing.assert_array_equal(found.y[:, 1, :2], clean.y[:, 1, :2])
    assert np.isnan(found.y[:, 1, 2:]).all()


def test_lengths_that_are_all_full_are_no_lengths() -> None:
    case = make(5, 3, 2, 4)
    full = forward(case._replace(lengths=[5, 5, 5]))
    np.testing.assert_array_equal(full.y, forward(case).y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("B", [1, 3])
def test_the_short_way_for_one_step_gives_the_values_of_the_long_one(B: int, dtype: Any) -> None:
    case = make(1, B, 2, 4, dtype=dtype)
    short = plain.short(spec_for(case))(case.x, case.h0, case.W, case.R, case.b, None)
    assert short is not None
    long = plain.forward(spec_for(case), case.x, (case.h0,), case.W, case.R, case.b, Extra())
    for found, expected in zip(short, (long.y, long.last[0]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
        assert found.dtype == dtype
        assert found.shape == expected.shape
    np.testing.assert_array_equal(forward(case).y, short[0])  # the door takes the short way
