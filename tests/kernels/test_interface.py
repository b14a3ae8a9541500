"""What the door answers for every engine: directions, zeros, one state for all, checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gru_cases import FORMS, backward, by_name, directions, forward, make, spec_for

from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.kernels.interface import run_backward, run_forward, walkable
from dlgru.kernels.spec import Extra, Needs


@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["full", "ragged"])
@pytest.mark.parametrize("form", FORMS)
def test_both_directions_are_two_runs_on_halves(
    form: tuple[str, int], lengths: list[int] | None
) -> None:
    both = make(
        5, 3, 2, 4, bias=form[1], reset=form[0], direction="bidirectional", inner=1, lengths=lengths
    )
    dy, dlast = directions(both)
    out = forward(both, "gates")
    grads = by_name(backward(out, dy, dlast))
    dx: Any = 0
    for k, way in enumerate(("forward", "backward")):

        def half(a: Any, k: int = k) -> Any:
            return None if a is None else np.asfortranarray(np.split(a, 2)[k])

        halves = {n: half(getattr(both, n)) for n in ("h0", "W", "R", "b", "inner")}
        one = both._replace(**halves, direction=way)
        found = forward(one, "gates")
        np.testing.assert_array_equal(half(out.y), found.y)
        np.testing.assert_array_equal(half(out.last[0]), found.last[0])
        for name, gradient in by_name(backward(found, half(dy), half(dlast))).items():
            if name == "x":
                dx = dx + gradient
            else:
                np.testing.assert_array_equal(half(grads[name]), gradient, name)
    np.testing.assert_array_equal(grads["x"], dx)


@pytest.mark.parametrize("way", ["forward", "backward", "bidirectional"])
@pytest.mark.parametrize("B", [0, 1, 3])
@pytest.mark.parametrize("T", [0, 4])
def test_one_state_serves_all_observations(T: int, B: int, way: str) -> None:
    case = make(T, B, 2, 4, direction=way)
    column = np.asfortranarray(np.arange(1.0, len(case.h0) + 1)[:, None])
    shared = case._replace(h0=column)
    spread = case._replace(h0=np.asfortranarray(np.repeat(column, B, axis=1)))
    dy, dlast = directions(case)
    out, expected = forward(shared, "gates"), forward(spread, "gates")
    np.testing.assert_array_equal(out.y, expected.y)
    np.testing.assert_array_equal(out.last[0], expected.last[0])
    found, each = by_name(backward(out, dy, dlast)), by_name(backward(expected, dy, dlast))
    assert found["h0"].shape == column.shape
    np.testing.assert_allclose(found["h0"][:, 0], each["h0"].sum(1), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(found["W"], each["W"])


def test_without_steps_the_state_passes_through() -> None:
    case = make(0, 3, 2, 4)
    dlast = directions(case)[1]
    out = forward(case, "gates")
    assert out.y.shape == (4, 3, 0)
    np.testing.assert_array_equal(out.last[0], case.h0)
    found = by_name(backward(out, None, dlast))
    np.testing.assert_array_equal(found["h0"], dlast)
    for name in ("x", "W", "R", "b"):
        assert found[name].shape == getattr(case, name).shape
        assert not found[name].any()


def test_without_channels_biases_and_states_still_run() -> None:
    case = make(3, 2, 0, 4)
    expected = forward(case._replace(x=np.zeros((1, 2, 3)), W=np.ones((12, 1))))
    np.testing.assert_array_equal(forward(case).y, expected.y)
    found = by_name(backward(forward(case, "gates"), *directions(case)))
    assert found["x"].shape == (0, 2, 3)
    assert found["W"].shape == (12, 0)
    assert found["R"].any()


def test_an_engine_gets_what_it_can_walk_as_it_is_and_a_copy_of_the_rest() -> None:
    whole = np.asfortranarray(np.arange(120.0).reshape(4, 5, 6))
    walked = {"whole": whole, "rows": whole[1:3], "part": whole[:, 1:4, ::2], "one": whole[:1, :1]}
    for name, array in walked.items():
        assert walkable(np, array) is array, name
    spread = np.broadcast_to(np.ones((4, 1)), (4, 5))
    copied = {"step": whole[::2], "back": whole[:, ::-1], "row-major": whole.T, "spread": spread}
    for name, array in copied.items():
        copy = walkable(np, array)
        assert copy.flags.f_contiguous, name
        assert not np.shares_memory(copy, array), name
        np.testing.assert_array_equal(copy, array)


# -- checks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("x", np.zeros((2, 3, 4)), "x is 2×3×4, expected 2×3×5"),
        ("h0", np.zeros((4, 2)), "state is 4×2, expected 4×1"),
        ("h0", np.zeros((5, 3)), "state is 5×3, expected 4×1"),
        ("W", np.zeros((12, 3)), "W is 12×3, expected 12×2"),
        ("R", np.zeros((4, 12)), "R is 4×12, expected 12×4"),
        ("b", np.zeros(24), "b is 24, expected 12"),
        ("b", np.zeros((12, 1)), "b is 12×1, expected 12"),
        ("b", None, "b is missing, expected bias=3"),
        ("inner", np.zeros((12, 3)), "extra.inner is given, expected inner=0"),
        ("lengths", [5, 5, 5], "extra.lengths is given, expected lengths=False"),
    ],
)
def test_a_wrong_size_is_named(name: str, value: Any, words: str) -> None:
    case = make(5, 3, 2, 4)
    spec = spec_for(case)
    with pytest.raises(DlgruValueError) as raised:
        forward(case._replace(**{name: value}), spec=spec)
    assert words in str(raised.value)
    assert raised.value.identifier == "dlgru:kernels:size"


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([5, 5], "2 numbers, expected 3 numbers from 0 to T = 5"),
        ([5, 6, 1], "[5, 6, 1], expected"),
        ([5, -1, 1], "[5, -1, 1], expected"),
        (None, "extra.lengths is missing, expected lengths=True"),
    ],
)
def test_wrong_lengths_are_named(lengths: Any, words: str) -> None:
    case = make(5, 3, 2, 4)
    with pytest.raises(DlgruValueError) as raised:
        forward(case._replace(lengths=lengths), spec=spec_for(case)._replace(lengths=True))
    assert words in str(raised.value)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_lengths_may_be_any_sequence(kind: Any) -> None:
    case = make(5, 3, 2, 4, lengths=[5, 0, 2])
    out = forward(case._replace(lengths=kind([5, 0, 2])), "gates")
    np.testing.assert_array_equal(out.y, forward(case).y)
    assert np.isfinite(backward(out, *directions(case)).W).all()


@pytest.mark.parametrize("name", ["x", "h0", "W", "R", "b"])
def test_a_foreign_class_is_refused_not_converted(name: str) -> None:
    case = make(5, 3, 2, 4)
    foreign = case._replace(**{name: getattr(case, name).astype(np.float32)})
    with pytest.raises(DlgruTypeError, match="float32, expected float64"):
        forward(foreign, spec=spec_for(case))


def test_wrong_incoming_gradients_are_named() -> None:
    case = make(5, 3, 2, 4)
    out = forward(case, "gates")
    dy, dlast = directions(case)
    with pytest.raises(DlgruValueError, match="dy is 4×3×4, expected 4×3×5"):
        backward(out, dy[..., 1:], dlast)
    with pytest.raises(DlgruValueError, match="dlast is 4×1, expected 4×3"):
        backward(out, dy, dlast[:, :1])
    with pytest.raises(DlgruTypeError, match="dy is float32"):
        backward(out, dy.astype(np.float32), dlast)
    with pytest.raises(DlgruValueError, match="dtraces is 1 arrays"):
        run_backward(out.reserve, dy, (dlast,), (dy,), Needs())


def test_masks_are_refused_with_and_without_a_spec_that_asks_for_them() -> None:
    case = make(5, 3, 2, 4)
    arrays = (case.x, (case.h0,), case.W, case.R, case.b)
    for name in ("hmask", "nmask", "zmask"):
        extra = Extra(**{name: np.ones((4, 3))})
        with pytest.raises(DlgruValueError, match=rf"extra.{name} is given"):
            run_forward(spec_for(case), *arrays, extra)
        with pytest.raises(DlgruValueError, match=rf"refused by plain: {name}=1"):
            run_forward(spec_for(case)._replace(**{name: 1}), *arrays, extra)
