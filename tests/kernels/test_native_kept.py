"""Weights that were packed once give the same bits as weights packed in each call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from complex_gru import Case
from gru_cases import FORMS, make, spec_for

from dlgru.kernels import extension, native
from dlgru.kernels.interface import run_forward, short_ways
from dlgru.kernels.spec import Extra

# One observation and several, shares by observations and by hidden units, full panels and not.
SIZES = [(5, 1, 4, 8), (100, 1, 64, 130), (40, 3, 33, 207), (30, 32, 64, 128)]


def run(case: Case, kept: Any = None) -> list[Any]:
    extra = Extra(lengths=case.lengths, kept=kept)
    out = native.forward(spec_for(case, "none"), case.x, (case.h0,), case.W, case.R, case.b, extra)
    return [out.y, out.last[0]]


def packed(case: Case, shelf: dict[Any, Any] | None = None) -> Any:
    """The case's weights packed, or what the shelf has under the same key."""
    shelf = {} if shelf is None else shelf
    found = native.keep(spec_for(case, "none"))
    if found is None:
        return None
    key, make = found
    if key not in shelf:
        shelf[key] = make(case.W, case.R, case.b)
    return shelf[key]


def same(found: list[Any], expected: list[Any]) -> None:
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lengths", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", SIZES)
def test_kept_weights_give_the_same_bits(
    sizes: tuple[int, int, int, int],
    form: tuple[str, int],
    lengths: bool,
    dtype: Any,
    instruction_set: int,
    threads: int,
) -> None:
    T, B, _, _ = sizes
    ends = [T - i % 3 for i in range(B)] if lengths else None
    case = make(*sizes, reset=form[0], bias=form[1], lengths=ends, dtype=dtype)
    kept = packed(case)
    assert kept is not None
    same(run(case, kept), run(case))


def test_one_packing_serves_any_number_of_steps_and_any_options() -> None:
    shelf: dict[Any, Any] = {}
    first = make(5, 3, 4, 20)
    for T in (5, 9, 50):
        for direction in ("forward", "backward"):
            for act in ("tanh", "relu"):
                case = make(T, 3, 4, 20, direction=direction, act=act)
                case = case._replace(W=first.W, R=first.R, b=first.b)
                same(run(case, packed(case, shelf)), run(case))
    assert len(shelf) == 1


def test_one_observation_and_several_and_each_reset_mode_have_their_own() -> None:
    shelf: dict[Any, Any] = {}
    for B in (1, 2, 7):
        for reset in ("after", "before"):
            case = make(6, B, 4, 20, reset=reset)
            packed(case, shelf)
    assert len(shelf) == 4


def test_short_calls_keep_nothing() -> None:
    shelf: dict[Any, Any] = {}
    assert packed(make(4, 1, 3, 5), shelf) is None
    assert packed(make(1, 4, 3, 5), shelf) is None
    assert shelf == {}


def test_what_was_packed_for_another_kind_of_call_is_not_used() -> None:
    case = make(6, 3, 4, 20)
    others = [
        make(6, 1, 4, 20),
        make(6, 3, 4, 20, reset="before"),
        make(6, 3, 4, 21),
        make(6, 3, 5, 20),
        make(6, 3, 4, 20, bias=6),
        make(6, 3, 4, 20, dtype=np.float32),
    ]
    for other in others:
        same(run(case, packed(other)), run(case))


def test_another_instruction_set_packs_anew() -> None:
    case = make(6, 3, 4, 20)
    module = extension.native
    best = module.instruction_set()
    kept = packed(case)
    try:
        module.use_instruction_set(0)
        same(run(case, kept), run(case))
    finally:
        module.use_instruction_set(best)


def test_kept_weights_do_not_change_with_the_arrays() -> None:
    case = make(6, 3, 4, 20)
    kept, expected = packed(case), run(case)
    written = case._replace(W=case.W * 0, R=case.R * 0)
    same(run(written, kept), expected)


def test_what_is_no_packed_weights_is_an_error() -> None:
    case = make(6, 3, 4, 20)
    for wrong in (case.W, 3, "kept"):
        with pytest.raises((TypeError, ValueError)):
            run(case, wrong)
    keep = extension.native.keep
    for arguments in (
        (case.W, case.R, case.b, 0),
        (None, case.R, case.b, 0, 0),
        (case.W[:12], case.R, case.b, 0, 0),
        (case.W, case.R[:, :5], case.b, 0, 0),
        (case.W, case.R, case.b[:5], 0, 0),
        (case.W.astype("f4"), case.R, case.b, 0, 0),
        (case.W.astype("i8"), case.R.astype("i8"), case.b, 0, 0),
        (case.W[:, :0], case.R, case.b, 0, 0),
    ):
        with pytest.raises((TypeError, ValueError)):
            keep(*arguments)


def test_without_memory_each_call_packs_for_itself() -> None:
    case = make(6, 3, 40, 60)
    extension.native.memory_limit(1000)
    try:
        with pytest.raises(MemoryError):
            extension.native.keep(case.W, case.R, case.b, 0, 0)
        assert packed(case) is None
    finally:
        extension.native.memory_limit(0)
    assert packed(case) is not None


def test_the_short_way_takes_them() -> None:
    for sizes in SIZES:
        case = make(*sizes, act="relu", direction="backward")
        case = case._replace(R=case.R * 0.1)
        run_shortly = native.short(spec_for(case, "none"))
        arrays = (case.x, case.h0, case.W, case.R, case.b)
        for kept in (None, packed(case)):
            same(list(run_shortly(*arrays, kept)), run(case))


def test_the_interface_offers_it_where_the_engine_has_it() -> None:
    case = make(6, 3, 4, 20)
    spec = spec_for(case, "none")
    short, (_, make_kept) = short_ways(spec)
    for other in ({"direction": "bidirectional"}, {"C": 0}, {"T": 0}):
        assert short_ways(spec._replace(**other)) == (None, None)
    assert short_ways(spec._replace(lengths=True))[0] is None
    arrays = (case.x, (case.h0,), case.W, case.R, case.b)
    kept = make_kept(case.W, case.R, case.b)
    same([run_forward(spec, *arrays, Extra(kept=kept)).y], [run_forward(spec, *arrays).y])
    same([short(case.x, case.h0, case.W, case.R, case.b, kept)[0]], [run(case)[0]])
