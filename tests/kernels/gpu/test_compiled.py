"""Every compiled form of the persistent kernels has its turn in the check on a GPU."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakedevice import LIBRARY, Cuda, FakeArray

import dlgru
from dlgru.kernels.gpu import costs, persistent
from dlgru.kernels.gpu.device import device_of
from tests.kernels.gpu.check_kernels import kernels
from tests.kernels.gpu.conftest import thorough
from tests.kernels.gpu.emulator import EmulatedRuntime
from tests.kernels.gpu.gpu_cases import H100

FOLDER = Path(dlgru.__file__).parent.parent / "benchmarks" / "gpu"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("compiled")


def fetch(array: Any) -> Any:
    return array.get()


@pytest.fixture
def idle(device: EmulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> EmulatedRuntime:
    """A device that notes its launches and does nothing."""
    monkeypatch.setattr(device, "launch", lambda launch, arguments: device.launches.append(launch))
    monkeypatch.setattr(device, "product", lambda *_: None)
    return device


@pytest.mark.parametrize("name", [H100, "gpu:sm_80:108", "gpu:sm_120:84"])
def test_no_compiled_kernel_is_left_out(compiled: Any, name: str, idle: EmulatedRuntime) -> None:
    correctness = compiled.correctness
    for form in compiled.forms(name):
        before = len(idle.launches)
        given = correctness.moved(correctness.arrays(form.spec), FakeArray)
        with compiled.forced(form):
            correctness.run(form.engine, form.spec, given)
        launched = [launch.expression for launch in idle.launches[before:]]
        assert launched[0] == form.forward
        if form.engine.NAME == "group" and form.tiling.blocks > 1:
            assert launched.count(form.forward) == 2, "waves"
    made = {launch.expression for launch in idle.launches}
    arch = device_of(name).arch  # type: ignore[union-attr]
    wanted = {k for k in kernels(arch) if not k.startswith(("gru_step", "adam"))}
    assert len(wanted) > 80
    assert {name for name in made if not name.startswith("gru_step")} == wanted


def test_forms_have_every_option_with_every_place_of_the_reset_gate(compiled: Any) -> None:
    found = [form.spec for form in compiled.forms(H100) if not form.tensor]
    options = {(s.reset, s.dtype.name, s.lengths, s.direction) for s in found}
    assert len(options) == 2**4
    assert {(s.reset, s.inner, s.save) for s in found} == {
        (reset, inner, save)
        for reset in ("after", "before")
        for inner in (0, 1, 2)
        for save in ("gates", "y")
    }


def test_a_form_is_forced_only_as_long_as_it_runs(compiled: Any) -> None:
    before = persistent.cheapest, costs.tensor
    forms = list(compiled.forms(H100))
    with pytest.raises(RuntimeError), compiled.forced(forms[5]):
        assert persistent.cheapest("group", None) == forms[5].tiling
        raise RuntimeError
    assert (persistent.cheapest, costs.tensor) == before


@thorough
@pytest.mark.parametrize("number", [0, 1, 2, 3, 8, 9])
def test_forms_are_right_on_the_emulated_gpu(
    compiled: Any, number: int, device: EmulatedRuntime
) -> None:
    form = list(compiled.forms("gpu:sm_90:4"))[number]
    answer = compiled.compared(form, FakeArray, fetch)
    assert answer.ok, answer
    assert device.launches[0].expression == form.forward


def test_what_a_form_raises_is_an_answer(
    compiled: Any, device: EmulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("too many resources requested")

    monkeypatch.setattr(device, "launch", refuse)
    form = next(compiled.forms(H100))
    answer = compiled.compared(form, FakeArray, fetch)
    assert not answer.ok and "too many resources" in answer.worst
    found = compiled.step(LIBRARY, form, 1)
    assert not found.ok and "too many resources" in found.complaint


def test_a_step_is_the_difference_of_two_runs_of_the_kernel_alone(
    compiled: Any, idle: EmulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SimpleNamespace(milliseconds=0.0)

    def launch(launch: Any, arguments: Any) -> None:
        idle.launches.append(launch)
        now.milliseconds += 7 + 0.002 * arguments.T

    def product(*_: Any) -> None:
        now.milliseconds += 100

    class Event:
        def record(self) -> None:
            self.at = now.milliseconds

        def synchronize(self) -> None:
            pass

    monkeypatch.setattr(idle, "launch", launch)
    monkeypatch.setattr(idle, "product", product)
    monkeypatch.setattr(Cuda, "Event", Event, raising=False)
    elapsed = staticmethod(lambda start, end: end.at - start.at)
    monkeypatch.setattr(Cuda, "get_elapsed_time", elapsed, raising=False)
    form, groups = next(compiled.to_time(H100))
    found = compiled.step(LIBRARY, form, groups)
    assert found.ok and found.microseconds == pytest.approx(2.0)
    assert {one.expression for one in idle.launches} == {form.forward}
    assert idle.launch is launch


def test_every_tiling_is_timed_alone_and_on_a_full_device(compiled: Any) -> None:
    found = list(compiled.to_time(H100))
    for way, dtype in compiled.SHAPES:
        mine = [
            (form.tiling, groups)
            for form, groups in found
            if (form.engine.NAME, form.spec.dtype) == (way, dtype)
        ]
        full = {tiling: 132 // tiling.blocks for tiling in compiled.SHAPES[way, dtype]}
        assert mine == [(tiling, n) for tiling in full for n in (1, full[tiling])]
    assert all(form.spec.B == groups * form.tiling.rows for form, groups in found)
    assert not np.any([form.tensor or form.spec.lengths for form, _ in found])
