"""The engines for GPUs compute what the plain engine computes: kernels and all, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakedevice import TRAFFIC
from gru_cases import MODES

from dlgru.errors import DlgruValueError
from dlgru.kernels.gpu import cluster, graph, group
from tests.kernels.gpu.emulator import EmulatedRuntime
from tests.kernels.gpu.gpu_cases import answers, case_of, errors, gpu_spec, worst

# Rounding of sums of some hundred terms, through at most six dependent steps.
EXACT = {np.float64: 1e-13, np.float32: 5e-6}
RAGGED = [4, 0, 2]


@pytest.mark.parametrize("engine", [group, graph], ids=lambda engine: engine.NAME)
@pytest.mark.parametrize("number", range(len(MODES)))
def test_every_mode(engine: Any, number: int, device: EmulatedRuntime, only: Any) -> None:
    only(engine)
    (reset, bias), gate, act, way = MODES[number]
    lengths = RAGGED if number % 2 else None
    case = case_of(
        4, 3, 2, 20, reset=reset, bias=bias, gate=gate, act=act, direction=way,
        lengths=lengths, inner=number % 3, seed=number,
    )  # fmt: skip
    assert worst(case, "y" if number % 5 == 1 else "gates", np.float64) < EXACT[np.float64]


TILINGS = [  # engine, class, sizes, what the launched kernel's template says
    (cluster, np.float32, (3, 5, 2, 100), "128, 4, 4"),
    (cluster, np.float64, (3, 5, 2, 100), "CLUSTER, double, 128, 4, "),
    (cluster, np.float32, (2, 100, 2, 256), "CLUSTER, float, 256, 8, 8"),
    (cluster, np.float32, (2, 1, 2, 300), "CLUSTER, float, 512, 16, 1"),
    (group, np.float32, (3, 500, 2, 128), "GROUP, float, 128, 4, 8"),
    (group, np.float64, (3, 5, 2, 140), "GROUP, double, 256, 16, "),
    (group, np.float32, (3, 9, 2, 64), "GROUP, float, 64, 1, "),
]


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("engine, dtype, sizes, template", TILINGS)
def test_tilings(
    engine: Any,
    dtype: Any,
    sizes: tuple[int, ...],
    template: str,
    reset: str,
    device: EmulatedRuntime,
    only: Any,
) -> None:
    only(engine)
    case = case_of(*sizes, dtype=dtype, reset=reset, seed=3)
    assert worst(case, "gates", dtype) < EXACT[dtype]
    assert template in " ".join(launch.expression for launch in device.launches)


def test_a_batch_too_large_for_the_gpu_runs_in_waves(device: EmulatedRuntime, only: Any) -> None:
    only(group)
    case = case_of(3, 10, 2, 70, lengths=[3, 1, 2, 0, 3, 3, 1, 2, 3, 1], inner=2, seed=5)
    assert worst(case, "gates", np.float64, device="gpu:sm_80:9") < EXACT[np.float64]
    forward = [launch for launch in device.launches if "gru_forward" in launch.expression]
    assert len(forward) > 1
    assert all(launch.together and launch.blocks <= 9 for launch in forward)


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda engine: engine.NAME)
def test_nothing_waits_for_the_device(engine: Any, device: EmulatedRuntime, only: Any) -> None:
    only(engine)
    case = case_of(4, 3, 2, 20, lengths=RAGGED, inner=2)
    for _ in range(3):  # the graph engine launches, records, replays
        TRAFFIC.reset()
        answers(case, gpu_spec(case, "gates"), "gates", np.float64)
        assert TRAFFIC.waited == 0
        assert TRAFFIC.fetched == 8  # the answers themselves


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda engine: engine.NAME)
def test_the_same_bits_again_whoever_runs_first(
    engine: Any, device: EmulatedRuntime, only: Any
) -> None:
    only(engine)
    case = case_of(4, 5, 2, 100, dtype=np.float64)
    runs = []
    for seed in (1, 77):
        device.seed = seed
        runs.append(answers(case, gpu_spec(case, "gates"), "gates", np.float64))
    for name, first in runs[0].items():
        np.testing.assert_array_equal(first, runs[1][name], name)


def test_a_recorded_loop_computes_with_new_numbers(device: EmulatedRuntime, only: Any) -> None:
    only(graph)
    for seed in range(4):  # launched, recorded, replayed, replayed
        case = case_of(5, 3, 2, 7, reset="before" if seed > 9 else "after", seed=seed)
        before = len(device.launches)
        assert worst(case, "gates", np.float64) < EXACT[np.float64]
        assert len(device.launches) - before == 10
        empty = answers(case, gpu_spec(case), "none", np.float64)
        kept = answers(case, None, "none", np.float64)
        assert max(errors(empty, kept).values()) < EXACT[np.float64]


def test_a_recording_belongs_to_what_was_given(device: EmulatedRuntime, only: Any) -> None:
    only(graph)
    lengths = ([5, 1, 2], [1, 5, 5], [2, 2, 2])
    for n, form in ((n, form) for n in lengths for form in (("after", 6), ("before", 3))):
        case = case_of(5, 3, 2, 7, reset=form[0], bias=form[1], lengths=n, inner=1)
        assert worst(case, "y", np.float64) < EXACT[np.float64]


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda engine: engine.NAME)
def test_a_reserve_serves_twice_until_it_is_spent(
    engine: Any, device: EmulatedRuntime, only: Any
) -> None:
    from fakedevice import FakeArray
    from gru_cases import backward, data, directions, forward

    only(engine)
    case = case_of(3, 2, 2, 6)
    dy, _ = (FakeArray(a) for a in directions(case))
    out = forward(data(case, FakeArray), "gates", gpu_spec(case, "gates"))
    first, second = backward(out, dy, None), backward(out, dy, None, keep=False)
    np.testing.assert_array_equal(first.R.get(), second.R.get())
    with pytest.raises(DlgruValueError, match="spent"):
        backward(out, dy, None)


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda engine: engine.NAME)
def test_a_lower_precision_reaches_the_products(
    engine: Any, device: EmulatedRuntime, only: Any
) -> None:
    only(engine)
    case = case_of(3, 2, 2, 6, dtype=np.float32)
    for precision in ("strict", "tf32", "bf16"):
        device.products.clear()
        spec = gpu_spec(case, "gates", precision=precision)
        answers(case, spec, "gates", np.float32)
        assert set(device.products) == {precision}
