"""The parts of the program that checks a GPU: which run, what is kept, and what ends one."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dlgru

ROOT = Path(dlgru.__file__).parent.parent
FOLDER = ROOT / "benchmarks" / "gpu"


class Device:
    """Answers until it has a fault."""

    fault = ""

    def wait(self) -> None:
        if self.fault:
            raise RuntimeError(self.fault)


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, device: Device) -> Any:
    """The program with three parts, on a device that can only be waited for."""
    monkeypatch.syspath_prepend(str(FOLDER))
    found = importlib.import_module("gpu_check")
    right = [{"ok": True}]
    parts = {name: lambda cupy, budget: right for name in ("modes", "steps", "times")}
    monkeypatch.setattr(found, "PARTS", parts)
    monkeypatch.setattr(found, "machine", lambda cupy: {"device": "none"})
    cuda = SimpleNamespace(
        Stream=lambda non_blocking: nullcontext(),
        runtime=SimpleNamespace(deviceSynchronize=device.wait),
    )
    cupy = SimpleNamespace(is_available=lambda: True, cuda=cuda, arange=np.arange)
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # type: ignore[arg-type]
    return found


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_a_cupy_that_cannot_compile_is_no_gpu(
    program: Any, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def arange(n: int) -> Any:
        raise RuntimeError("Failed to find CUDA headers")

    monkeypatch.setattr(sys.modules["cupy"], "arange", arange)
    assert program.main(["--results", str(results)]) == 2
    assert "CuPy cannot compute here: RuntimeError: Failed to find" in capsys.readouterr().out
    assert not results.exists()


def broken(cupy: Any, budget: Any) -> Any:
    raise RuntimeError("the launch failed")


def test_parts_that_are_named_run_alone_and_the_file_keeps_the_others(
    program: Any, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program.main(["--results", str(results), "times"]) == 0
    assert "times" in read(results) and "modes" not in read(results)
    assert program.main(["--results", str(results), "modes"]) == 0
    assert {"modes", "times"} < set(read(results)) and "steps" not in read(results)
    assert set(read(results)["seconds"]) == {"modes", "times"}
    monkeypatch.setattr(program, "machine", lambda cupy: {"device": "another"})
    assert program.main(["--results", str(results), "steps"]) == 0
    assert not {"modes", "times"} & set(read(results))


def test_a_part_that_is_not_there_is_named(
    program: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        program.main(["mode"])
    assert "no part mode; there are modes, steps, times" in capsys.readouterr().err


def test_a_part_that_breaks_off_is_wrong_and_the_others_run(
    program: Any, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.PARTS["modes"] = broken
    assert program.main(["--results", str(results)]) == 1
    assert "the launch failed" in capsys.readouterr().err
    found = read(results)
    assert found["broken"] == {"modes": "RuntimeError: the launch failed"}
    assert found["times"] == [{"ok": True}]


def test_a_fault_is_charged_to_its_part_and_ends_the_program(
    program: Any, device: Device, results: Path
) -> None:
    def faulty(cupy: Any, budget: Any) -> Any:
        device.fault = "an illegal memory access"
        return [{"ok": True}]

    program.PARTS["steps"] = faulty
    assert program.main(["--results", str(results)]) == 1
    found = read(results)
    assert found["broken"] == {"steps": "RuntimeError: an illegal memory access"}
    assert (found["left out"], "modes" in found) == ({"times": "all"}, True)


def test_results_are_written_before_the_next_part_begins(program: Any, results: Path) -> None:
    seen: list[Any] = []

    def looking(cupy: Any, budget: Any) -> Any:
        seen.append(read(results))
        return []

    program.PARTS["steps"] = looking
    assert program.main(["--results", str(results)]) == 0
    assert seen[0]["modes"] == [{"ok": True}] and "times" not in seen[0]
    # That is what remains if the part hangs and the program is ended.
    assert seen[0]["broken"] == {"steps": "it did not end"}
    assert read(results)["broken"] == {}


def test_what_there_is_no_time_for_is_left_out_and_told(
    program: Any, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def long(cupy: Any, budget: Any) -> Any:
        found = []
        for k in budget.within("steps", range(5)):
            found.append({"ok": True})
            if k == 1:
                budget.end = 0.0
        return found

    program.PARTS["steps"] = long
    assert program.main(["--results", str(results)]) == 3
    found = read(results)
    assert (len(found["steps"]), found["left out"]) == (2, {"steps": 3, "times": "all"})
    assert "3 of 5 in steps" in capsys.readouterr().out
    program.PARTS["steps"] = lambda cupy, budget: []
    assert program.main(["--results", str(results), "steps", "times"]) == 0
    assert read(results)["left out"] == {}


def test_a_part_that_hangs_is_ended_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "cupy.py").write_text(HANGING, "utf-8")
    script = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}]
import gpu_check
gpu_check.machine = lambda cupy: {{}}
gpu_check.MOST_SECONDS = 1
gpu_check.PARTS = {{"steps": lambda cupy, budget: cupy.hang()}}
gpu_check.main([])
"""
    environment = dict(
        os.environ, PYTHONPATH=os.pathsep.join(map(str, (FOLDER, ROOT, ROOT / "tests")))
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr and "in hang" in done.stderr


HANGING = """
import time
from numpy import arange
from contextlib import nullcontext
from types import SimpleNamespace

runtime = SimpleNamespace(deviceSynchronize=lambda: None)
cuda = SimpleNamespace(Stream=lambda non_blocking: nullcontext(), runtime=runtime)


def is_available():
    return True


def hang():
    time.sleep(50)
"""


@pytest.mark.parametrize("problem", [ImportError("no such library"), OSError("a broken wheel")])
def test_a_pytorch_that_does_not_load_is_told_and_ends_nothing(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    timings = importlib.import_module("timings")
    (tmp_path / "torch.py").write_text(f"raise {problem!r}", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert timings.pytorch() == f"no PyTorch: {type(problem).__name__}: {problem}"
    made = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False), __version__="2.9")
    monkeypatch.setitem(sys.modules, "torch", made)  # type: ignore[arg-type]
    assert timings.pytorch() == "PyTorch 2.9 sees no GPU"


def test_make_keeps_the_path_that_is_set() -> None:
    lines = (ROOT / "Makefile").read_text("utf-8")
    assert "PYTHONPATH=.:tests$${PYTHONPATH:+:$$PYTHONPATH} $(PYTHON) benchmarks/gpu" in lines
