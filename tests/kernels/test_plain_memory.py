"""Who owns which memory: fresh outputs, untouched inputs, scratch, threads, and how much."""

from __future__ import annotations

import itertools
import sys
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest
from complex_gru import ARRAYS
from gru_cases import (
    FORMS,
    SAVES,
    STRIDES,
    WAYS,
    backward,
    by_name,
    data,
    directions,
    forward,
    make,
    outputs,
)

from dlgru.kernels import plain_blocks, scratch
from dlgru.kernels.scratch import Scratch, give_back, take


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(5, 3, 2, 4), (1, 1, 2, 4), (0, 3, 2, 4), (4, 2, 0, 3)])
def test_results_are_fresh_and_share_no_memory(
    sizes: tuple[int, ...], form: tuple[str, int], way: str, save: str
) -> None:
    inner = 0 if sizes[0] == 1 else 1
    case = make(*sizes, bias=form[1], reset=form[0], direction=way, inner=inner)
    given = [a for a in (getattr(case, name) for name in ARRAYS) if a is not None]
    first, second = outputs(case, save), outputs(case, save)
    for one, two in itertools.combinations(first + second + given, 2):
        assert not np.shares_memory(one, two)
    for result in first:
        assert result.flags.writeable
        assert result.flags.f_contiguous


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_inputs_may_be_read_only_and_stay_as_they_are(
    form: tuple[str, int], way: str, save: str
) -> None:
    case = make(5, 3, 2, 4, bias=form[1], reset=form[0], direction=way, inner=2, lengths=[3, 5, 0])
    before = data(case, np.copy)
    data(case, lambda a: a.setflags(write=False))
    out = forward(case, save)
    y = out.y.copy()
    for array in (out.y, *out.last):
        array.setflags(write=False)  # as sealed arrays are
    dy, dlast = directions(case)
    dy.setflags(write=False)
    dlast.setflags(write=False)
    backward(out, dy, dlast)
    np.testing.assert_array_equal(out.y, y)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(case, name), getattr(before, name))


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("lengths", [None, [9, 0, 40]], ids=["full", "ragged"])
def test_a_second_backward_gives_the_same_bits(
    lengths: Any, reset: str, way: str, save: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_blocks, "BLOCK_ROWS", 30)
    case = make(40, 3, 5, 33, reset=reset, direction=way, lengths=lengths, inner=1)
    out = forward(case, save)
    dy, dlast = directions(case)
    first = by_name(backward(out, dy, dlast))
    forward(make(40, 3, 5, 33, reset=reset, direction=way, lengths=lengths, inner=1, seed=5), save)
    backward(out, 2 * dy, None)
    for keep in (True, False):
        for name, gradient in by_name(backward(out, dy, dlast, keep=keep)).items():
            np.testing.assert_array_equal(gradient, first[name])


# -- strides -------------------------------------------------------------------------------


@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("strides", STRIDES)
def test_any_strides_give_the_same_values(strides: str, reset: str, way: str, B: int) -> None:
    case = make(6, B, 3, 5, reset=reset, direction=way, inner=2)
    dy, dlast = directions(case)
    moved = data(case, STRIDES[strides])
    out, expected = forward(moved, "gates"), forward(case, "gates")
    np.testing.assert_allclose(out.y, expected.y, rtol=0, atol=1e-14)
    np.testing.assert_allclose(out.last[0], expected.last[0], rtol=0, atol=1e-14)
    found = by_name(backward(out, STRIDES[strides](dy), STRIDES[strides](dlast)))
    for name, gradient in by_name(backward(expected, dy, dlast)).items():
        np.testing.assert_allclose(found[name], gradient, rtol=0, atol=1e-12)


# -- threads ---------------------------------------------------------------------------------


def test_threads_that_run_the_same_sizes_do_not_disturb_each_other() -> None:
    cases = [make(30, 4, 3, 8, seed=seed, inner=1) for seed in range(4)]
    alone = [outputs(case, "gates") for case in cases]
    wrong: list[str] = []
    start = threading.Barrier(len(cases))

    def work(k: int) -> None:
        start.wait()
        for _ in range(60):
            for found, expected in zip(outputs(cases[k], "gates"), alone[k], strict=True):
                if not np.array_equal(found, expected):
                    wrong.append(f"thread {k}")
                    return

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(len(cases))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_scratch_is_off_the_shelf_while_it_is_used() -> None:
    one = take("kind", np, np.float64)
    give_back("kind", one)
    held = take("kind", np, np.float64)
    assert held is one
    assert take("kind", np, np.float64) is not one


def test_the_shelf_holds_few_kinds_and_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_shelf", {})
    monkeypatch.setattr(scratch, "KEPT_BYTES", 1000)
    for k in range(40):
        give_back(k, Scratch(np, np.float64))
    assert list(scratch._shelf) == list(range(40 - scratch.KEPT_KINDS, 40))
    for k in range(40, 44):
        made = Scratch(np, np.float64)
        made.array("some", 50)
        give_back(k, made)
    assert list(scratch._shelf) == [42, 43]  # 400 bytes each, and what was there before is gone
    large = Scratch(np, np.float64)
    large.array("much", 126)
    give_back("large", large)
    assert "large" not in scratch._shelf


# -- how much --------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", ["after", "before"])
def test_training_takes_at_most_eight_values_a_unit_and_step(reset: str) -> None:
    T, B, C, H = 100, 32, 64, 128
    case = make(T, B, C, H, reset=reset, dtype=np.float32)
    dy, dlast = directions(case)
    outputs(case, "gates")  # imports and tables
    scratch._shelf.clear()
    tracemalloc.start()
    try:
        out = forward(case, "gates")
        results = [out.y, *out.last, *by_name(backward(out, dy, dlast)).values()]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    beyond = peak - sum(a.nbytes for a in results)
    assert beyond <= 8 * T * B * H * 4
    assert out.reserve.reserves[0].gates.nbytes <= 4 * T * B * H * 4


@pytest.mark.parametrize("save", ["none", "y"])
def test_without_stored_gates_memory_hardly_grows_with_time(save: str) -> None:
    B, C, H = 8, 2, 32
    beyond = []
    for T in (500, 2000):
        case = make(T, B, C, H, dtype=np.float32)
        dy, dlast = directions(case)
        scratch._shelf.clear()
        tracemalloc.start()
        try:
            results: Any = forward(case, save)
            if save == "y":
                results = [results.y, results.last, backward(results, dy, dlast)]
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        outs = T * B * (H + (C if save == "y" else 0)) * 4
        beyond.append(peak - outs)
        assert held <= peak
    grown = (beyond[1] - beyond[0]) / ((2000 - 500) * B * H * 4)
    assert grown < 0.25  # lists of steps, no arrays
