"""What Python believes of others' declarations: kernels' arguments, the driver's, CuPy's names."""

from __future__ import annotations

import ctypes
import importlib.util
import inspect
import os
import re
from pathlib import Path
from typing import Any

import pytest

from dlgru.errors import DlgruError, DlgruTypeError
from dlgru.kernels.gpu import arguments, cuda, driver, persistent, registry
from dlgru.kernels.gpu.runtime import Launch
from dlgru.kernels.gpu.sources import KERNELS, source
from tests.kernels.gpu.emulator import library

STRUCTURES = {
    "ForwardArguments": arguments.FORWARD,
    "BackwardArguments": arguments.BACKWARD,
    "StepArguments": arguments.STEP,
    "StepBackArguments": arguments.STEP_BACK,
    "AdamArguments": arguments.ADAM,
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_arguments_lie_where_the_kernels_read_them(name: str, compiled_kernels: Path) -> None:
    fields = [field for field, *_ in STRUCTURES[name]._fields_]
    offsets = ", ".join(f"offsetof({name}<float>, {field})" for field in fields)
    text = f"""
#define DLGRU_EMULATED
#include <cstddef>
{source()}
extern "C" const size_t places[] = {{sizeof({name}<float>), sizeof({name}<double>), {offsets}}};
"""
    built = library(compiled_kernels, text)
    places = (ctypes.c_size_t * (len(fields) + 2)).in_dll(built, "places")
    size = ctypes.sizeof(STRUCTURES[name])
    expected = [getattr(STRUCTURES[name], field).offset for field in fields]
    assert list(places) == [size, size, *expected]


def test_the_counters_of_groups_lie_where_the_kernels_count(compiled_kernels: Path) -> None:
    text = f"""
#define DLGRU_EMULATED
{source("exchange.cuh")}
extern "C" const int step = COUNTER_STEP;
"""
    built = library(compiled_kernels, text)
    assert ctypes.c_int.in_dll(built, "step").value == persistent.COUNTER_STEP


def test_every_kernel_source_is_used_and_each_file_stands_once() -> None:
    text = source()
    for name in KERNELS:
        assert text.count(f'#line 1 "{name}"') == 1
    assert text.count('#line 1 "port.cuh"') == 1
    assert re.findall(r'#include "(.+)"', text) == ["emulated.hpp"]


def test_the_text_of_the_kernels_can_be_written_in_any_locale() -> None:
    assert source().isascii() and source("tile.cuh").isascii()


# -- the driver ----------------------------------------------------------------------------------


class FakeDriver:
    """Keeps what it was told."""

    def __init__(self, answer: int = 0) -> None:
        self.answer, self.told = answer, []

    def cuLaunchKernelEx(self, told: Any, function: Any, parameters: Any, extra: Any) -> int:
        configuration = told._obj
        count = configuration.attribute_count
        self.told = [
            list(configuration.grid),
            list(configuration.block),
            configuration.shared_bytes,
            [(a.id, list(a.value[:3])) for a in configuration.attributes[:count]],
            ctypes.cast(parameters[0], ctypes.POINTER(ctypes.c_int)).contents.value,
        ]
        return self.answer

    def cuGetErrorName(self, code: Any, name: Any) -> int:
        name._obj.value = b"CUDA_ERROR_FAKE"
        return 0

    def cuFuncSetAttribute(self, function: Any, attribute: int, value: Any) -> int:
        self.told = [attribute, value.value]
        return self.answer


class TellingDriver(FakeDriver):
    """Says how many clusters run at once, or refuses to."""

    def cuOccupancyMaxActiveClusters(self, count: Any, function: Any, told: Any) -> int:
        self.cuLaunchKernelEx(told, function, (ctypes.addressof(One(0)),), None)
        count._obj.value = 7
        return self.answer


class One(ctypes.Structure):
    """The arguments of no kernel."""

    _fields_ = (("number", ctypes.c_int),)


def test_a_launch_says_cluster_and_cooperation() -> None:
    made = FakeDriver()
    launch = driver.KernelLauncher(made)
    launch(1, 2, Launch("k", 12, 256, 99, cluster=4), One(7))
    assert made.told == [[12, 1, 1], [256, 1, 1], 99, [(4, [4, 1, 1])], 7]
    launch(1, 2, Launch("k", 3, 64, together=True), One(8))
    assert made.told == [[3, 1, 1], [64, 1, 1], 0, [(2, [1, 0, 0])], 8]
    launch.allow_large_clusters(5)
    assert made.told == [14, 1]


def test_the_driver_says_how_many_clusters_run_at_once() -> None:
    launch = Launch("k", 16, 256, 99, cluster=16)
    made = TellingDriver()
    assert driver.KernelLauncher(made).clusters_at_once(5, launch) == 7
    assert made.told[:4] == [[16, 1, 1], [256, 1, 1], 99, [(4, [16, 1, 1])]]
    assert driver.KernelLauncher(TellingDriver(answer=1)).clusters_at_once(5, launch) is None
    assert driver.KernelLauncher(FakeDriver()).clusters_at_once(5, launch) is None


def test_a_refused_launch_names_the_kernel_and_another_engine() -> None:
    launch = driver.KernelLauncher(FakeDriver(answer=719))
    with pytest.raises(DlgruError, match=r"gru_forward<.*CUDA_ERROR_FAKE \(719\).*use_engine"):
        launch(1, 2, Launch("gru_forward<…>", 1, 32), One(0))


def test_the_driver_s_structures_are_those_of_its_header(compiled_kernels: Path) -> None:
    folders = [
        Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")),
        *Path("/usr/local").glob("cuda*"),
    ]
    wheels = importlib.util.find_spec("nvidia")
    for place in [] if wheels is None else list(wheels.submodule_search_locations or []):
        folders += [Path(place) / "cu13", Path(place) / "cuda_runtime"]
    headers = [folder / "include" / "cuda.h" for folder in folders]
    found = [header for header in headers if header.exists()]
    if not found:
        pytest.skip("no cuda.h on this machine")
    fields = "gridDimX blockDimX sharedMemBytes hStream attrs numAttrs".split()
    offsets = ", ".join(f"offsetof(CUlaunchConfig, {field})" for field in fields)
    text = f"""
#include <cstddef>
#include "{found[0]}"
extern "C" const size_t places[] = {{
    sizeof(CUlaunchConfig), {offsets},
    sizeof(CUlaunchAttribute), offsetof(CUlaunchAttribute, value),
    CU_LAUNCH_ATTRIBUTE_COOPERATIVE, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
    CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED}};
"""
    built = library(compiled_kernels, text)
    places = list((ctypes.c_size_t * 12).in_dll(built, "places"))
    ours = [field for field, _ in driver.Configuration._fields_]
    assert places == [
        ctypes.sizeof(driver.Configuration),
        *[getattr(driver.Configuration, field).offset for field in ours],
        ctypes.sizeof(driver.Attribute),
        driver.Attribute.value.offset,
        driver.COOPERATIVE,
        driver.CLUSTER_DIMENSION,
        driver.NON_PORTABLE_CLUSTER,
    ]


# -- CuPy ----------------------------------------------------------------------------------------


def test_every_name_that_is_used_of_cupy_exists() -> None:
    cupy = pytest.importorskip("cupy")
    text = inspect.getsource(cuda)
    used = set(re.findall(r"self\.cupy\.([\w.]+)", text)) | set(
        re.findall(r" cupy\.([\w.]+)", text)
    )
    assert "RawModule" in used
    for name in used - {"cuda"}:
        place = cupy
        for part in name.split("."):
            assert hasattr(place, part), name
            place = getattr(place, part)
    for name in ("begin_capture", "end_capture", "wait_event"):
        assert hasattr(cupy.cuda.Stream, name)
    assert cupy.cuda.Stream.null.ptr == 0
    assert hasattr(cupy.cuda.Graph, "launch")
    for name in ("kernel", "max_dynamic_shared_size_bytes", "local_size_bytes"):
        assert hasattr(cupy.RawKernel, name)
    assert hasattr(cupy.cuda.Function, "ptr")


def test_host_arrays_have_no_runtime() -> None:
    import numpy

    with pytest.raises(DlgruTypeError, match="an array of numpy, expected an array of CuPy's"):
        registry.runtime_of(numpy)
