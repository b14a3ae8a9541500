"""The program that checks a real GPU, as far as it goes without one."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray

import dlgru
from dlgru.kernels.gpu import graph, group
from tests.kernels.gpu.conftest import thorough
from tests.kernels.gpu.emulator import EmulatedRuntime

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
    good = program.timings.Time((1, 2, 3, 4), "forward", "dlgru x", "strict", 1e-6, 2.0, 1, 3, 1.5)
    program.table(
        [
            good,
            good._replace(error=1e-4),
            good._replace(contender="torch nn.GRU", error=1e-4, to_torch=None),
            good._replace(complaint="it refused"),
        ]
    )
    lines = capsys.readouterr().out.splitlines()[1:]
    assert ["BAD" in line for line in lines] == [False, True, False, False]
    assert "1.50" in lines[0]
    assert "it refused" in lines[3]
