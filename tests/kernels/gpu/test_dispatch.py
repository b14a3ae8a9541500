"""Which GPU engine a spec goes to: decided without a GPU, CuPy or a kernel."""

from __future__ import annotations

import inspect
import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray
from gru_cases import MODES

import dlgru
from dlgru.backend import double, single
from dlgru.kernels import plain
from dlgru.kernels.gpu import cluster, costs, cudnn, graph, group, persistent, registry
from dlgru.kernels.gpu.device import Device, device_name, device_of
from dlgru.kernels.gpu.registry import device_text
from dlgru.kernels.gpu.tilings import CLUSTERS, SHAPES, Tiling, kernel
from dlgru.kernels.spec import Spec
from tests.kernels.gpu.gpu_cases import H100

ENGINES = (cluster, group, cudnn, graph)
BASE = Spec(100, 32, 64, 128, single, device=H100)
DEVICES = [Device(arch, n) for arch, n in ((70, 80), (75, 40), (80, 108), (86, 46), (89, 76))]
DEVICES += [Device(90, 132), Device(100, 148), Device(120, 84), Device(90, 16)]
DEVICES += [Device(90, 132, ((2, 66), (4, 32), (8, 15), (16, 7))), Device(90, 12, ((16, 0),))]


@pytest.fixture(autouse=True)
def with_cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cudnn, "library", lambda: object())


def test_a_device_has_a_name_that_says_what_engines_need() -> None:
    for device in DEVICES:
        assert device_of(device_name(device)) == device
    assert device_of("cpu") == "the arrays are not on a GPU (device='cpu')"
    for name in ("gpu", "gpu:", "gpu:sm_90", "gpu:90:", "gpu:sm_x:4"):
        assert "does not say which GPU" in str(device_of(name))


def test_an_array_says_which_device_it_is_on(device: Any) -> None:
    array = FakeArray(np.zeros(3))
    assert device_text(array) == "gpu:sm_90:132"
    assert device_text(np.zeros(3)) == "cpu"
    registry._registered.clear()
    assert device_text(array) == "gpu"


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.NAME)
def test_engines_have_the_signatures_of_all_engines(engine: Any) -> None:
    for name in ("forward", "backward", "accepts", "cost"):
        ours = inspect.signature(getattr(engine, name))
        assert ours == inspect.signature(getattr(plain, name)), name


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.NAME)
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_without_a_known_gpu_every_engine_refuses(engine: Any, device: str) -> None:
    assert "device=" in str(engine.accepts(BASE._replace(device=device)))


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda e: e.NAME)
@pytest.mark.parametrize("number", range(len(MODES)))
def test_own_engines_accept_the_modes_of_the_plain_engine(engine: Any, number: int) -> None:
    (reset, bias), gate, act, way = MODES[number]
    way = "forward" if way == "bidirectional" else way
    mode = {"reset": reset, "bias": bias, "gate": gate, "act": act, "direction": way}
    for inner, save, lengths in itertools.product((0, 1, 2), ("none", "gates", "y"), (0, 1)):
        spec = BASE._replace(inner=inner, save=save, lengths=bool(lengths), **mode)
        assert engine.accepts(spec) is True is plain.accepts(spec)
        assert 1e-6 < engine.cost(spec) < 1


REFUSED = {
    "cell": "lstm", "rows_w": "fn", "rows_r": "n", "reset": "beside", "gate": "step",
    "act": "sine", "bias": 4, "direction": "bidirectional", "inner": 3, "hmask": 1, "nmask": 2,
    "zmask": 1, "traces": True, "save": "everything", "truncate": 10, "precision": "half",
    "dtype": "int32",
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.NAME)
@pytest.mark.parametrize("field", REFUSED)
def test_what_they_do_not_compute_is_refused(engine: Any, field: str) -> None:
    assert engine.accepts(BASE) is True
    assert f"{field}={REFUSED[field]!r}" in str(
        engine.accepts(BASE._replace(**{field: REFUSED[field]}))
    )


@pytest.mark.parametrize("engine", [cluster, group, graph], ids=lambda e: e.NAME)
def test_lower_precision_is_for_single_data_on_gpus_that_have_it(engine: Any) -> None:
    for precision in ("tf32", "bf16"):
        assert engine.accepts(BASE._replace(precision=precision)) is True
        assert "double" in str(engine.accepts(BASE._replace(precision=precision, dtype=double)))
    old = BASE._replace(precision="tf32", device="gpu:sm_75:40")
    assert ("sm_80" if engine is not cluster else "sm_90") in str(engine.accepts(old))
    assert "recurrent bias" in str(engine.accepts(BASE._replace(bias=6, reset="before")))


def test_clusters_need_a_new_gpu_and_states_that_fit() -> None:
    assert "need sm_90" in str(cluster.accepts(BASE._replace(device="gpu:sm_89:76")))
    assert cluster.accepts(BASE._replace(H=512)) is True
    assert "513" in str(cluster.accepts(BASE._replace(H=513)))
    assert "16 blocks" in str(cluster.accepts(BASE._replace(H=512, device="gpu:sm_120:84")))
    assert "257" in str(cluster.accepts(BASE._replace(H=257, dtype=double)))


def test_clusters_need_room_at_the_same_time() -> None:
    """As many as the driver has said, else as many as a division gives; none is a refusal."""
    told = BASE._replace(device="gpu:sm_90:132:8x12+16x0", H=256, B=16 * 8)
    divided = told._replace(device=H100)
    tiling = Tiling(256, 8, 8)
    known = {spec: device_of(spec.device) for spec in (told, divided)}
    assert [device.at_once("cluster", 8) for device in known.values()] == [12, 16]
    assert [device.at_once("group", 8) for device in known.values()] == [16, 16]
    cost = {spec: costs.persistent(spec, known[spec], tiling, "cluster") for spec in known}
    assert cost[told] == pytest.approx(2 * cost[divided])
    assert "has room" in str(cluster.accepts(told._replace(H=512)))
    assert cluster.accepts(divided._replace(H=512)) is True
    assert "has room" in str(cluster.accepts(divided._replace(H=512, device="gpu:sm_90:12")))


def test_groups_need_as_many_multiprocessors_as_they_have_blocks() -> None:
    assert group.accepts(BASE._replace(H=1024)) is True
    assert "64 blocks" in str(group.accepts(BASE._replace(H=1024, device="gpu:sm_75:40")))
    assert group.accepts(BASE._replace(H=512, device="gpu:sm_75:40")) is True
    assert "1025" in str(group.accepts(BASE._replace(H=1025)))


@pytest.mark.parametrize("way", ["cluster", "group"])
@pytest.mark.parametrize("device", DEVICES, ids=device_name)
def test_what_is_accepted_fits_the_device(device: Device, way: str) -> None:
    for H, B, dtype, reset in itertools.product(
        (1, 64, 65, 100, 128, 200, 256, 300, 512, 700, 1024), (1, 3, 32, 500), (single, double),
        ("after", "before"),
    ):  # fmt: skip
        spec = Spec(7, B, 3, H, dtype, device=device_name(device), reset=reset)
        engine = cluster if way == "cluster" else group
        if engine.accepts(spec) is not True:
            continue
        tiling = persistent.cheapest(way, spec)
        assert tiling in SHAPES[way, dtype]
        assert tiling.units >= H
        for backward in (False, True):
            assert kernel(way, spec, tiling, backward).shared_bytes <= device.shared_bytes
        waves = persistent.waves(way, spec, tiling)
        assert sum(wave.groups for wave in waves) == -(-B // tiling.rows)
        assert [wave.first for wave in waves[1:]] == [
            before.first + before.groups * tiling.rows for before in waves[:-1]
        ]
        if way == "group" and tiling.blocks > 1:
            assert max(wave.groups for wave in waves) * tiling.blocks <= device.processors
        if way == "cluster":
            assert tiling.blocks <= device.cluster
            assert tiling.blocks in (1, *CLUSTERS)
            assert device.at_once(way, tiling.blocks) > 0


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "cluster"),
        ({"device": "gpu:sm_80:108"}, "group"),
        ({"B": 64, "C": 256, "H": 512, "T": 512}, "cluster"),
        ({"H": 2000}, "cudnn"),
        ({"H": 2000, "reset": "before"}, "graph"),
        ({"H": 256, "B": 1, "T": 1000}, "cluster"),
        ({"dtype": double, "H": 600, "gate": "hard-sigmoid"}, "graph"),
    ],
)
def test_the_cheapest(changed: Any, expected: str) -> None:
    spec = BASE._replace(**changed)
    willing = [engine for engine in ENGINES if engine.accepts(spec) is True]
    assert min(willing, key=lambda engine: engine.cost(spec)).NAME == expected


def test_what_is_refused_costs_without_end() -> None:
    for engine, refused in itertools.product(ENGINES, ({"device": "cpu"}, {"cell": "lstm"})):
        assert engine.cost(BASE._replace(**refused)) == math.inf


def test_a_longer_run_costs_more() -> None:
    for engine, field in itertools.product(ENGINES, "TBCH"):
        more = BASE._replace(**{field: 4 * getattr(BASE, field)})
        assert engine.cost(more) > engine.cost(BASE), (engine.NAME, field)


def test_the_cost_table_says_that_nothing_has_run() -> None:
    assert costs.rates(90)["ran"] == []
    assert costs.rates(90)["clock_ghz"] == 1.98
    assert costs.rates(12345) == costs._file()["default"]


def test_deciding_imports_no_array_library_but_numpy() -> None:
    script = """
import sys
from dlgru.kernels.gpu import cluster, cudnn, graph, group
from dlgru.kernels.spec import Spec
from dlgru.backend import single
spec = Spec(100, 32, 64, 128, single, device="gpu:sm_90:132")
engines = (cluster, group, graph)
print([engine.accepts(spec) is True and engine.cost(spec) > 0 for engine in engines])
print("cupy" in sys.modules)
"""
    root = Path(dlgru.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[True, True, True]", "False"]
