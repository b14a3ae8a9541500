"""The engines for GPUs compute what the plain engine computes: kernels and all, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakedevice import TRAFFIC, FakeArray
from gru_cases import MODES, backward, data, directions, forward

from dlgru.errors import DlgruValueError
from dlgru.kernels.gpu import cluster, costs, graph, group, persistent
from dlgru.kernels.gpu.tilings import SHAPES, Tiling
from tests.kernels.gpu.conftest import thorough
from tests.kernels.gpu.emulator import EmulatedRuntime
from tests.kernels.gpu.gpu_cases import answers, case_of, errors, gpu_spec, worst

# Rounding of sums of some hundred terms, through at most six dependent steps.
EXACT = {np.float64: 1e-13, np.float32: 5e-6}
RAGGED = [4, 0, 2]


EVERY = range(len(MODES))


@pytest.mark.parametrize(
    ("engine", "number"),
    [
        *[pytest.param(graph, number, id=f"graph-{number}") for number in EVERY],
        *[pytest.param(group, number, id=f"group-{number}") for number in EVERY if number % 8 == 0],
        *[
            pytest.param(group, number, id=f"group-{number}", marks=thorough)
            for number in EVERY
            if number % 8
        ],
    ],
)
def test_every_mode(engine: Any, number: int, device: EmulatedRuntime, only: Any) -> None:
    only(engine)
    (reset, bias), gate, act, way = MODES[number]
    lengths = RAGGED if number % 2 else None
    case = case_of(
        4, 3, 2, 20, reset=reset, bias=bias, gate=gate, act=act, direction=way,
        lengths=lengths, inner=number % 3, seed=number,
    )  # fmt: skip
    assert worst(case, "y" if number % 5 == 1 else "gates", np.float64) < EXACT[np.float64]


TILINGS = [  # engine, class, T, B, H, and the tiling; B leaves a group that is not full
    (cluster, np.float32, 3, 5, 100, (128, 4, 4)),
    (cluster, np.float64, 3, 5, 128, (128, 4, 4)),
    (cluster, np.float32, 2, 9, 256, (256, 8, 8)),
    (cluster, np.float32, 2, 1, 300, (512, 16, 1)),
    (group, np.float32, 3, 9, 128, (128, 4, 8)),
    (group, np.float64, 2, 2, 140, (256, 16, 1)),
    (group, np.float32, 3, 5, 64, (64, 1, 4)),
    (group, np.float32, 3, 3, 70, (128, 1, 2)),
]


@thorough
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize(("engine", "dtype", "T", "B", "H", "shape"), TILINGS)
def test_tilings(
    engine: Any,
    dtype: Any,
    T: int,
    B: int,
    H: int,
    shape: tuple[int, int, int],
    reset: str,
    device: EmulatedRuntime,
    only: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(engine)
    tiling = Tiling(*shape)
    assert tiling in SHAPES[engine.NAME, np.dtype(dtype)]
    monkeypatch.setattr(persistent, "cheapest", lambda way, spec: tiling)
    case = case_of(T, B, 2, H, dtype=dtype, reset=reset, seed=3)
    assert worst(case, "gates", dtype) < EXACT[dtype]
    launched = " ".join(launch.expression for launch in device.launches)
    assert launched.count(f"{tiling.units}, {tiling.blocks}, {tiling.rows}, 256") == 2


@thorough
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
    case = case_of(3, 2, 2, 70, dtype=np.float64)
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


@pytest.mark.parametrize("reset", ["after", "before"])
def test_recorded_or_not_products_get_recurrent_weights_that_lie_alike(
    reset: str, device: EmulatedRuntime, only: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(graph)
    seen: list[set[tuple[int, ...]]] = []
    product = device.product

    def noted(out: Any, a: Any, b: Any, *more: Any, **options: Any) -> None:
        if len(a) == 3:  # a step's; those over all steps are never recorded
            seen[-1].add(b.strides)
        product(out, a, b, *more, **options)

    monkeypatch.setattr(device, "product", noted)
    case = case_of(2, 3, 2, 5, reset=reset, direction="bidirectional")  # one has half of R
    for _ in range(2):  # the second call records
        seen.append(set())
        assert worst(case, "gates", np.float64) < EXACT[np.float64]
    assert seen[0] == seen[1] != set()


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda engine: engine.NAME)
def test_a_backward_run_holds_the_forward_runs_stream_back(
    engine: Any, device: EmulatedRuntime, only: Any
) -> None:
    only(engine)
    case = case_of(3, 2, 2, 6)
    out = forward(data(case, FakeArray), "gates", gpu_spec(case, "gates"))
    assert device.kept_back == 0
    backward(out, FakeArray(directions(case)[0]), None, keep=False)
    assert device.kept_back == 1


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


@thorough
@pytest.mark.parametrize("engine", [cluster, group], ids=lambda engine: engine.NAME)
@pytest.mark.parametrize(("B", "H"), [(9, 100), (3, 64)])
def test_tensor_cores_in_lower_precision(
    engine: Any, B: int, H: int, device: EmulatedRuntime, only: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(engine)
    monkeypatch.setattr(costs, "tensor", lambda *_: 0.0)
    lengths = [4, 0, 2, 4, 3, 1, 4, 4, 2][:B]
    case = case_of(4, B, 2, H, bias=6, inner=2, lengths=lengths, dtype=np.float32)
    off = worst(case, "gates", np.float32, precision="tf32")
    # Ten bits of mantissa, so some 5e-4 a product, averaged over many.
    assert 1e-5 < off < 2e-3
    assert "gru_tensor_forward" in device.launches[0].expression
    device.launches.clear()
    answers(case, gpu_spec(case, "gates"), "gates", np.float32)
    assert "gru_tensor" not in str(device.launches)
