"""The program that checks a real GPU, as far as it goes without one."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakedevice import LIBRARY, FakeArray

import dlgru
from dlgru.kernels.gpu import graph, group
from dlgru.kernels.spec import Spec
from tests.kernels.gpu.conftest import thorough
from tests.kernels.gpu.emulator import EmulatedRuntime
from tests.kernels.gpu.gpu_cases import H100

RESETS = ("after", "before")
FOLDER = Path(dlgru.__file__).parent.parent / "benchmarks" / "gpu"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("gpu_check")


@pytest.mark.parametrize(
    "engine", [pytest.param(group, marks=thorough, id="group"), pytest.param(graph, id="graph")]
)
def test_it_finds_nothing_wrong_on_the_emulated_gpu(
    engine: Any, program: Any, device: EmulatedRuntime
) -> None:
    specs = list(program.correctness.specs([(4, 3, 2, 20)], device.device))
    assert len({spec._replace(T=0) for spec in specs}) == 20
    for spec in specs:
        answer = program.correctness.check(engine, spec, FakeArray, lambda a: a.get())
        assert answer.ok, answer


def test_slopes_that_jump_are_compared_in_strict_precision_only(program: Any) -> None:
    found: dict[str, set[str]] = {}
    for spec in program.correctness.specs(program.SIZES, H100):
        for name in (spec.act, spec.gate):
            found.setdefault(name, set()).add(f"{spec.precision} {spec.dtype} {spec.reset}")
    strict = {f"strict {of} {reset}" for of in ("float32", "float64") for reset in RESETS}
    assert found["relu"] == found["hard-sigmoid"] == strict
    assert {name.split()[0] for name in found["tanh"]} == {"strict", "tf32", "bf16"}


def test_a_recording_that_is_not_replayed_is_seen(
    program: Any, device: EmulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recorded(work: Any) -> Any:
        work()
        return lambda: None

    monkeypatch.setattr(device, "recorded", recorded)
    spec = next(program.correctness.specs([(4, 3, 2, 20)], device.device))
    answer = program.correctness.check(graph, spec, FakeArray, lambda a: a.get())
    assert not answer.ok and answer.error > 0.1


def test_it_sees_a_wrong_number_and_bits_that_change(
    program: Any, device: EmulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = next(program.correctness.specs([(4, 3, 2, 20)], device.device))
    run = program.correctness.run
    seen: list[int] = []

    def off(engine: Any, spec: Any, given: Any) -> Any:
        found = run(engine, spec, given)
        if engine is graph:
            seen.append(1)
            found["W"]._host[0, 0] += off.by * len(seen)
        return found

    monkeypatch.setattr(program.correctness, "run", off)
    off.by = np.float32(0.5)
    answer = program.correctness.check(graph, spec, FakeArray, lambda a: a.get())
    assert (answer.worst, answer.repeats, answer.ok) == ("W", False, False)
    off.by = np.float32("nan")
    assert program.correctness.check(graph, spec, FakeArray, lambda a: a.get()).error == np.inf


def test_without_a_gpu_it_says_so(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        import cupy
    except ImportError:
        expected = "CuPy is not installed"
    else:
        if cupy.is_available():
            pytest.skip("there is a GPU here: run make gpu-check")
        expected = "no CUDA GPU"
    assert program.main([]) == 2
    assert expected in capsys.readouterr().out


def test_its_table_marks_what_is_wrong(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Time = program.timings.Time
    good = Time((1, 2, 3, 4), "forward", "dlgru x", "strict", 1e-6, 2.0, 1, 3, 1.5, 40.0)
    program.table(
        [
            good,
            good._replace(error=1e-4),
            good._replace(contender="torch nn.GRU", error=1e-4, to_torch=None),
            good._replace(contender="cuDNN SMALL_H", complaint="it refused"),
            good._replace(complaint="it broke"),
        ]
    )
    lines = capsys.readouterr().out.splitlines()[1:]
    assert ["BAD" in line for line in lines] == [False, True, False, False, True]
    assert lines[0].split()[-2:] == ["1.50", "40.00"]
    assert lines[2].split()[-1] == "40.00"
    assert "it refused" in lines[3] and "it broke" in lines[4]


def test_what_is_being_done_stands_beside_the_results(program: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    beside = tmp_path / "results.json.now"
    budget = program.Budget(100, lambda text: program.note(path, text))
    told = []
    for _ in budget.within("modes", [(1, 2), (Spec(4, 3, 2, 20, np.dtype(np.float32)), graph)]):
        told.append(beside.read_text("utf-8"))
    assert told[0] == "modes, 1 of 2: 1, 2\n"
    assert told[1].startswith("modes, 2 of 2: Spec(T=4, B=3, C=2, H=20,")
    assert told[1].endswith(", graph\n")
    program.note(path, "")
    assert not beside.exists()
    program.note(None, "nowhere")


def test_only_cudnn_may_give_other_bits_from_run_to_run(program: Any) -> None:
    spec = Spec(4, 3, 2, 20, np.dtype(np.float32))
    for engine in ("cluster", "group", "graph", "cudnn"):
        one = program.correctness.Answer(engine, spec, "y", 1e-6, 1e-5, repeats=True)
        assert one.ok
        assert one._replace(repeats=False).ok == (engine == "cudnn")
        assert not one._replace(error=1e-4).ok


@pytest.fixture
def clock(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's clock says 2 ms for each call, the host's 1500; one GPU engine is there."""

    def takes(milliseconds: float) -> Any:
        def measured(*arguments: Any) -> float:
            arguments[-1]()
            return milliseconds

        return measured

    nothing = SimpleNamespace(accepts=lambda spec: "not here")
    for name in ("cluster", "group", "cudnn"):
        monkeypatch.setattr(program.timings, name, nothing)
    monkeypatch.setattr(program.timings, "measured", takes(2.0))
    monkeypatch.setattr(program.timings, "measured_on_host", takes(1500.0))


def test_our_own_cpu_engine_is_timed_in_the_same_rounds(
    program: Any, device: EmulatedRuntime, clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    run = program.timings.own

    def noted(cupy: Any, engine: Any, spec: Any, given: Any) -> Any:
        one = run(cupy, engine, spec, given)

        def forward() -> Any:
            called.append(spec.device)
            return one.forward()

        return one._replace(forward=forward)

    monkeypatch.setattr(program.timings, "own", noted)
    times = program.timings.shape_times(LIBRARY, (4, 3, 2, 20), rounds=6)
    host = [one for one in times if one.contender.endswith("on the CPU")]
    assert [one.work for one in host] == ["forward", "training"]
    assert all(one.milliseconds == 1500.0 and one.to_cpu is None for one in host)
    assert all(one.error < 1e-6 and program.timings.right(one) for one in host)
    there = [one for one in times if one.contender == "dlgru graph" and one.precision == "strict"]
    assert [one.to_cpu for one in there] == [750.0, 750.0]
    # Once to check, and in two rounds of six: then it has taken more than two seconds.
    assert called.count("cpu") == 1 + 2
    # Strict, and with TF32 allowed; and to wake the device after each of the host's turns.
    assert called.count(device.device) == 2 * (1 + 6) + 2


@pytest.mark.parametrize("planted", ["building", "a first call", "a round of training"])
def test_one_contender_that_fails_does_not_take_the_times_of_all(
    planted: str,
    program: Any,
    device: EmulatedRuntime,
    clock: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, calls = program.timings.own, [0]

    def fails(*_: Any) -> Any:
        raise NotImplementedError("during stream capture")

    def later() -> Any:
        calls[0] += 1
        if calls[0] > 2:
            fails()
        return FakeArray(np.ones((20, 3, 4))), FakeArray(np.ones((2, 3, 4)))

    def planting(cupy: Any, engine: Any, spec: Any, given: Any) -> Any:
        one = make(cupy, engine, spec, given)
        if spec.precision == "strict" or planted == "building":
            return fails() if spec.precision != "strict" else one
        return one._replace(**({"training": later} if "round" in planted else {"forward": fails}))

    monkeypatch.setattr(program.timings, "own", planting)
    times = program.timings.shape_times(LIBRARY, (4, 3, 2, 20), rounds=3)
    (bad,) = [one for one in times if one.complaint]
    assert (bad.contender, bad.precision) == ("dlgru graph", "tf32")
    assert "NotImplementedError: during stream capture" in bad.complaint
    assert not program.timings.right(bad)
    timed = {(one.contender, one.precision, one.work) for one in times if not one.complaint}
    works = ("forward", "training")
    assert timed >= {("dlgru graph", "strict", work) for work in works}
    assert (("dlgru graph", "tf32", "forward") in timed) == ("round" in planted)


def test_rounds_end_when_the_time_is_up(
    program: Any, device: EmulatedRuntime, clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[float] = []
    monkeypatch.setattr(program.timings, "measured", lambda cupy, call: rounds.append(1.0) or 1.0)
    program.timings.shape_times(LIBRARY, (4, 3, 2, 20), rounds=9, over=lambda: True)
    assert len(rounds) == 2 * 2  # strict and TF32, forward and training


def test_a_shape_that_takes_the_cpu_too_long_says_so(
    program: Any, device: EmulatedRuntime, clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program.timings, "MOST_CPU_SECONDS", 0.0)
    times = program.timings.shape_times(LIBRARY, (4, 3, 2, 20), rounds=1)
    left_out = [one for one in times if one.complaint]
    assert [one.contender for one in left_out] == ["the CPU"]
    assert "left out" in left_out[0].complaint and program.timings.right(left_out[0])
    assert not any(one.contender.endswith("on the CPU") for one in times)
    assert all(one.to_cpu is None for one in times)


@thorough
def test_a_training_step_with_a_persistent_engine_launches_as_often_as_documented(
    program: Any, device: EmulatedRuntime
) -> None:
    counts = program.launches.counts(
        "group", longest=8, more=lambda: len(device.launches) + len(device.products)
    )
    page = (FOLDER.parent.parent / "docs" / "gpu.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\w ]+) \| \d+ \| (\d+) \|$", page, re.M)
    assert {one.part: one.launches for one in counts} == {part: int(n) for part, n in rows}
