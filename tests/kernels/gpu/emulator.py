"""The GPU that is not there: the kernels' own source on the CPU, behind the engines' runtime.

Arrays are those of `fakedevice.py`, so a host array that slips in is an error.  Each
kernel is compiled when it is first launched, with `emulated.hpp`.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fakedevice import FakeArray, Library, on_device

from dlgru.kernels.gpu.cublas import Products
from dlgru.kernels.gpu.runtime import Launch
from dlgru.kernels.gpu.sources import KERNELS, source
from tests.kernels.gpu.fakecublas import HANDLE, RECORDING_STREAM, STREAM, FakeCublas

HERE = Path(__file__).parent
COMPILER = shutil.which("g++")
FLAGS = ("-O1", "-std=c++17", "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unknown-pragmas")
ENTRY = """
extern "C" const char* run(int blocks, int cluster, int threads, unsigned long long shared_bytes,
                           int together, unsigned seed, const void* arguments) {
  return emulated::launch(blocks, cluster, threads, shared_bytes, together, seed,
                          [&] { emulated::call(%s, arguments); });
}
"""


WORKSPACE = on_device(np.empty(64, np.uint8))


class EmulatedError(AssertionError):
    """What the emulated device found wrong with a launch."""


def poisoned_empty(library: Library, shape: Any, dtype: Any = float, order: str = "C") -> Any:
    """Fresh memory, in which any number may stand, and NaN is the one that shows."""
    fill = np.nan if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return on_device(np.full(shape, fill, dtype=dtype, order=order))


class EmulatedRuntime:
    """Runs the kernels on the CPU; `change` may alter their source, to plant a bug."""

    def __init__(self, folder: Path, change: Callable[[str], str] = lambda text: text) -> None:
        self.folder, self.change = folder, change
        self.device = "gpu:sm_90:132"
        self.seed = 1
        self.launches: list[Launch] = []
        self.cublas = FakeCublas(self._do, self.stream)
        self.products = self.cublas.products  # the precision of each
        self.marks: list[object] = []
        self.kept_back = 0
        self._tape: list[Callable[[], None]] | None = None

    def describe(self) -> str:
        return self.device

    def number(self) -> int:
        return 0

    def address(self, array: Any) -> int:
        assert isinstance(array, FakeArray), "a host array was handed to a kernel"
        return int(array._host.ctypes.data)

    def launch(self, launch: Launch, arguments: ctypes.Structure) -> None:
        run = compiled(self.folder, launch.expression, self.change)
        held = type(arguments).from_buffer_copy(arguments)

        def go() -> None:
            self.seed += 1
            self.launches.append(launch)
            sizes = (launch.blocks, launch.cluster, launch.threads, launch.shared_bytes)
            fault = run(*sizes, int(launch.together), self.seed, ctypes.byref(held))
            if fault:
                raise EmulatedError(f"{launch.expression}: {fault.decode()}")

        self._do(go)

    def product(
        self, out: Any, a: Any, b: Any, add: bool = False, precision: str = "strict"
    ) -> None:
        for matrix in (out, a, b):
            assert matrix.ndim == 2
        assert not out._host.size or out._host.flags.writeable
        made = Products(self.cublas.module, self.cublas.library, self.address, lambda: WORKSPACE)
        made(HANDLE, self.stream(), out, a, b, add, precision)

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        work()
        assert self._tape is None
        tape = self._tape = []
        try:
            work()
        finally:
            self._tape = None

        def replay() -> None:
            for go in tape:
                go()

        return replay

    def _do(self, go: Callable[[], None]) -> None:
        """Work is done at once, unless it is being recorded."""
        if self._tape is None:
            go()
        else:
            self._tape.append(go)

    def stream(self) -> int:
        return STREAM if self._tape is None else RECORDING_STREAM

    def queue(self) -> int:
        return self.stream()

    def mark(self) -> Any:
        self.marks.append(object())
        return self.marks[-1]

    def wait_for(self, mark: Any) -> None:
        assert mark in self.marks

    def keep_back(self, mark: Any) -> None:
        assert mark in self.marks
        self.kept_back += 1


_loaded: dict[str, Any] = {}


def compiled(folder: Path, expression: str, change: Callable[[str], str]) -> Any:
    """Compile one kernel for the CPU; the result is kept under the digest of all that made it."""
    declared = f" {expression.partition('<')[0]}(const"
    names = [name for name in KERNELS if declared in source(name)]
    text = change("#define DLGRU_EMULATED\n" + source(*names[:1])) + ENTRY % expression
    return library(folder, text).run


def library(folder: Path, text: str) -> Any:
    """Compile a text against the emulator, or find it compiled."""
    digest = hashlib.sha256((text + (HERE / "emulated.hpp").read_text()).encode()).hexdigest()[:24]
    if digest not in _loaded:
        made = folder / f"{digest}.so"
        if not made.exists():
            unit = folder / f"{digest}.cpp"
            unit.write_text(text, "utf-8")
            command = [COMPILER, *FLAGS, f"-I{HERE}", str(unit), "-o", str(made) + ".part"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[:4000]
            Path(str(made) + ".part").replace(made)
        _loaded[digest] = ctypes.CDLL(str(made))
        run = getattr(_loaded[digest], "run", None)
        if run is not None:
            run.restype = ctypes.c_char_p
            run.argtypes = [ctypes.c_int] * 3 + [ctypes.c_ulonglong, ctypes.c_int, ctypes.c_uint]
            run.argtypes += [ctypes.c_void_p]
    return _loaded[digest]
