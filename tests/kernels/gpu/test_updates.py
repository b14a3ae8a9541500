"""Adam's update in one launch: on the emulated GPU, and when it is chosen."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakedevice import TRAFFIC, FakeArray

import dlgru as dl
from dlgru.kernels.gpu import costs, updates
from tests.kernels.gpu.emulator import EmulatedRuntime

FOLDER = Path(dl.__file__).parent.parent / "benchmarks" / "gpu"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("updates")


@pytest.fixture
def has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the update have run on every device."""
    monkeypatch.setattr(costs, "has_run", lambda name, device: name == "adam")


def checked(program: Any) -> list[Any]:
    return list(program.checked(FakeArray, lambda a: a.get(), (1, 255, 257, 3000)))


def test_updates_are_right_to_a_few_roundings(program: Any, device: EmulatedRuntime) -> None:
    found = checked(program)
    assert len(found) == 16 and all(row.ok for row in found), found
    names = {launch.expression for launch in device.launches}
    assert names == {"adam_update<float>", "adam_update<double>"}


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("rest2 * (g * g)", "rest2 * g"),
        ("dl_sqrt(square) + epsilon", "dl_sqrt(square + epsilon)"),
        ("i < a.count", "i + 1 < a.count"),
        ("beta1 * a.m[i] :", "beta1 * beta1 * a.m[i] :"),
        ("i += stride", "i += 2 * stride"),
    ],
)
def test_planted_bugs_are_seen(
    text: str, instead: str, program: Any, device: EmulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(source: str) -> str:
        assert text in source
        return source.replace(text, instead)

    device.change = planted
    if "stride" in text:  # seen only where a thread has more than one number
        monkeypatch.setattr(updates, "MOST_BLOCKS", 2)
    assert not all(row.ok for row in checked(program))


def test_what_is_timed_beside_it_gives_the_same(program: Any, device: EmulatedRuntime) -> None:
    one, other = (way() for way in program.both_ways(FakeArray, 300).values())
    assert len(device.launches) == 1
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.get(), b.get(), rtol=8 * np.finfo(np.float32).eps, atol=1e-7)


def test_nothing_is_launched_for_an_empty_parameter(device: EmulatedRuntime) -> None:
    empty = FakeArray(np.zeros(0, np.float32))
    new = updates.adam(empty, empty, None, None, 0.1, 0.9, 0.99, 1e-8)
    assert [a.shape for a in new] == [(0,)] * 3 and device.launches == []


def update(p: Any, g: Any, *state: Any) -> tuple[Any, ...]:
    return tuple(dl.adamupdate(p, g, *(state or ([], [])), 3, 0.01))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adamupdate_launches_once_where_kernels_have_run(
    dtype: Any, device: EmulatedRuntime, has_run: None
) -> None:
    draw = np.random.default_rng(0)
    p, g, m, v = (np.asfortranarray(draw.standard_normal((6, 5)).astype(dtype)) for _ in range(4))
    for state in ((), (m, v**2)):
        there = update(*[dl.dlarray(FakeArray(a), "CB") for a in (p, g, *state)])
        launched = device.launches.pop()
        assert launched.expression.startswith("adam_update") and device.launches == []
        here = update(*[dl.dlarray(a, "CB") for a in (p, g, *state)])
        for a, b in zip(there, here, strict=True):
            assert a.dims == "CB" and dl.isgpuarray(a)
            found, expected = np.asarray(dl.gather(a)), np.asarray(b)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps, atol=0)


def test_a_training_step_launches_as_often_as_documented(
    program: Any, device: EmulatedRuntime, has_run: None
) -> None:
    launches = importlib.import_module("launches")
    counts = launches.counts("plain", longest=3, more=lambda: len(device.launches))
    page = (FOLDER.parent.parent / "docs" / "gpu.md").read_text("utf-8")
    documented = re.search(
        r"`adamupdate` is one launch for each array, (\d+) instead of (\d+)", page
    )
    assert documented is not None
    assert [one.launches for one in counts if one.part == "adamupdate"] == [int(documented[1])]


def test_a_wrong_update_makes_the_gpu_check_fail(program: Any) -> None:
    check = importlib.import_module("gpu_check")
    rows = [{"ok": True}, {"ok": False}]
    assert check.wrong({"updates": {"rows": rows}, "broken": {}}) == 1


def test_elsewhere_the_library_computes(device: EmulatedRuntime) -> None:
    arrays = [dl.dlarray(FakeArray(np.ones((2, 2), order="F"))) for _ in range(4)]
    TRAFFIC.reset()
    update(*arrays)
    assert device.launches == [] and TRAFFIC.launched == 12


def test_a_traced_update_is_made_of_operations(device: EmulatedRuntime, has_run: None) -> None:
    def through(p: Any, g: Any) -> Any:
        new, *_ = update(p, g)
        return dl.dlgradient(dl.sum(new, "all"), g)

    slope = dl.dlfeval(through, *[dl.dlarray(FakeArray(np.full((2, 1), 2.0))) for _ in range(2)])
    assert device.launches == [] and np.isfinite(np.asarray(dl.gather(slope))).all()
