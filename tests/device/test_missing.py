"""What is said on machines that cannot use a GPU, each played by a CuPy made for it."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import dlgru as dl
from dlgru import devicelibrary
from dlgru.errors import DlgruError

ROOT = Path(__file__).resolve().parents[2]


class Runtime:
    """``cupy.cuda.runtime`` of one machine."""

    def __init__(self, devices: Any, driver: int, built: int) -> None:
        self.devices, self.driver, self.built = devices, driver, built

    def getDeviceCount(self) -> int:
        if isinstance(self.devices, str):
            raise RuntimeError(self.devices)
        return self.devices

    def driverGetVersion(self) -> int:
        return self.driver

    def runtimeGetVersion(self) -> int:
        return self.built


def nvrtc_is_there() -> tuple[int, int]:
    return 12, 9


def nvrtc_is_missing() -> None:
    raise RuntimeError('Failure finding "libnvrtc.so.12":\n No such file: libnvrtc.so.12')


def cupy(
    devices: Any = 1, driver: int = 12090, built: int = 12090, nvrtc: Any = nvrtc_is_there
) -> Any:
    module = types.ModuleType("cupy")
    module.cuda = types.SimpleNamespace(  # type: ignore[attr-defined]
        runtime=Runtime(devices, driver, built),
        nvrtc=types.SimpleNamespace(getVersion=nvrtc),
        cublas=object(),
    )
    return module


OLD = "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
NONE = "cudaErrorNoDevice: no CUDA-capable device is detected"

MACHINES: dict[str, tuple[Any, str, str, str]] = {
    "no CuPy": (None, "cupy", "needs CuPy, which is not installed", 'pip install "dlgru[gpu12]"'),
    "no driver": (
        cupy(OLD, driver=0),
        "driver",
        "There is no NVIDIA driver",
        "install the NVIDIA driver",
    ),
    "a driver for CUDA 12, CuPy for 13": (
        cupy(OLD, driver=12040, built=13000),
        "version",
        "The driver is for CUDA 12.4, CuPy for CUDA 13.0",
        'pip uninstall cupy-cuda13x; pip install "dlgru[gpu12]"',
    ),
    "a driver older than any extra": (
        cupy(OLD, driver=11040),
        "version",
        "The driver is for CUDA 11.4, CuPy for CUDA 12.9",
        "install a driver for CUDA 12 or later",
    ),
    "no GPU": (cupy(NONE), "device", "There is no CUDA GPU", "CUDA_VISIBLE_DEVICES"),
    "a count of zero": (cupy(0), "device", "There is no CUDA GPU", "CUDA_VISIBLE_DEVICES"),
    "CUDA out of order": (
        cupy("cudaErrorUnknown: unknown error"),
        "driver",
        "CUDA does not start. the reason is cudaErrorUnknown: unknown error",
        "nvidia-smi",
    ),
    "no CUDA libraries": (
        cupy(nvrtc=nvrtc_is_missing),
        "libraries",
        'does not find the libraries of CUDA 12. the reason is Failure finding "libnvrtc.so.12":'
        " No such file",
        'pip install "dlgru[gpu12]" brings them',
    ),
}


@pytest.fixture
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    module, *rest = MACHINES[request.param]
    monkeypatch.setattr(devicelibrary, "_found", [])
    monkeypatch.setitem(sys.modules, "cupy", module)  # None: the import fails
    return rest


@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_one_message_says_what_is_missing_and_the_fix(machine: Any) -> None:
    what, headline, fix = machine
    for function, call in (
        ("gpuArray", lambda: dl.gpuArray(dl.ones(2, 2))),
        ("gpuDevice", dl.gpuDevice),
        ("zeros", lambda: dl.zeros(2, 2, "gpuArray")),
    ):
        with pytest.raises(DlgruError) as caught:
            call()
        error = caught.value
        assert (error.identifier, error.function) == (f"dlgru:gpu:{what}", function)
        assert headline in str(error) and fix in str(error)
        assert error.__cause__ is None and error.__suppress_context__


@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_can_use_gpu_is_false_and_asks_again(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dl.canUseGPU() is False
    monkeypatch.setitem(sys.modules, "cupy", cupy())
    assert dl.canUseGPU() is True


@pytest.mark.parametrize("problem", [ImportError("libcuda is broken"), OSError("no such file")])
def test_a_broken_installation_is_no_riddle(
    problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        def find_spec(self, name: str, *rest: Any) -> None:
            if name == "cupy":
                raise problem

    monkeypatch.setattr(devicelibrary, "_found", [])
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert dl.canUseGPU() is False
    with pytest.raises(DlgruError, match=f"CuPy cannot be imported. the reason is {problem}"):
        dl.gpuArray(1)


def test_work_on_the_host_never_imports_cupy() -> None:
    script = (
        "import sys, dlgru as dl\n"
        "class Finder:\n"
        "    def find_spec(self, name, *rest):\n"
        "        assert not name.startswith('cupy'), name\n"
        "sys.meta_path.insert(0, Finder())\n"
        "X = dl.dlarray(dl.rand(3, 2, 4), 'CBT')\n"
        "dl.gather(dl.gru(X, dl.zeros(2, 1), dl.ones(6, 3), dl.ones(6, 2), dl.ones(6, 1)))\n"
        "dl.isgpuarray(X), str(X), dl.zeros(2, 'like', X)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
