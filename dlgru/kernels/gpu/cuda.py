"""The runtime for CuPy's arrays: kernels compiled by NVRTC, products by cuBLAS, CUDA graphs.

CuPy compiles a kernel at its first use and keeps the result on disk, in its own cache.
Kernels are started through the driver's ``cuLaunchKernelEx``, because CuPy's own launch
knows no clusters and makes a cooperative grid that does not fit silently smaller.

CuPy is imported when a runtime is made, and that happens only for an array of CuPy's.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from dlgru.backend import RawArray
from dlgru.errors import DlgruValueError
from dlgru.kernels.gpu.cublas import Products, functions
from dlgru.kernels.gpu.device import KB, Device, device_name
from dlgru.kernels.gpu.driver import KernelLauncher
from dlgru.kernels.gpu.runtime import Launch
from dlgru.kernels.gpu.sources import OPTIONS, source
from dlgru.kernels.gpu.tilings import CLUSTERS, THREADS

DEFAULT_SHARED = 48 * KB  # more must be asked for
PORTABLE_CLUSTER = 8  # likewise
OF_THE_THREAD = 2  # the handle of each thread's own default stream
WORKSPACE = 32 * KB * KB  # what cuBLAS's documentation advises for Hopper; less serves others
WORKSPACES = 8  # kept, one a stream
PROBE = 'extern "C" __global__ void dl_nothing() {}'


class CudaRuntime:
    """The current CUDA device, as CuPy has it."""

    def __init__(self) -> None:
        import cupy
        from cupy.cuda import cublas

        self.cupy = cupy
        self.launcher = KernelLauncher()
        major = cupy.cuda.runtime.runtimeGetVersion() // 1000
        self.products = Products(cublas, functions(cublas, major), self.address, self._workspace)
        self._workspaces: dict[Hashable, RawArray] = {}
        self._kernels: dict[tuple[int, str], Any] = {}
        self._names: dict[int, str] = {}
        self._thread = _OfThread()

    def describe(self) -> str:
        """Return the text that a spec names this device by."""
        number = self.number()
        if number not in self._names:
            self._names[number] = device_name(self._asked(number))
        return self._names[number]

    def _asked(self, number: int) -> Device:
        """Ask what engines need to know about a device."""
        there = self.cupy.cuda.Device(number)
        processors = int(there.attributes["MultiProcessorCount"])
        device = Device(int(there.compute_capability), processors)
        if device.cluster == 1:
            return device
        try:
            return device._replace(clusters=tuple(self._clusters(device)))
        except Exception:  # only estimates depend on it, so no call may fail by it
            return device

    def _clusters(self, device: Device) -> Iterator[tuple[int, int]]:
        """Ask the driver how many clusters run at once, by their number of blocks."""
        self._bind()
        # So much shared memory that a multiprocessor has one block, as with our own kernels.
        launch = Launch("dl_nothing", 1, THREADS, device.shared_bytes // 2 + KB)
        probe = self.cupy.RawModule(code=PROBE).get_function(launch.expression)
        probe.max_dynamic_shared_size_bytes = launch.shared_bytes
        function = int(probe.kernel.ptr)
        if device.cluster > PORTABLE_CLUSTER:
            self.launcher.allow_large_clusters(function)
        for blocks in CLUSTERS:
            if blocks <= device.cluster:
                whole = launch._replace(cluster=blocks, blocks=blocks)
                count = self.launcher.clusters_at_once(function, whole)
                if count is not None:
                    yield blocks, count

    def number(self) -> int:
        """Return which device this is, of several."""
        return int(self.cupy.cuda.runtime.getDevice())

    def address(self, array: RawArray) -> int:
        """Return where the data of an array begin."""
        there, here = int(array.data.device_id), self.number()
        if there != here:
            raise DlgruValueError(
                "An array is on another GPU than the current one",
                identifier="dlgru:kernels:device",
                function="kernels",
                argument="the array",
                came=f"on device {there}",
                expected=f"on device {here}, the current one",
                fix=f"compute in a block: with cupy.cuda.Device({there}):",
            )
        return int(array.data.ptr)

    def launch(self, launch: Launch, arguments: ctypes.Structure) -> None:
        """Start a kernel on the current stream."""
        self._bind()
        self.launcher(self.function(launch), self.stream(), launch, arguments)

    def _bind(self) -> None:
        """Give this thread the context that the driver launches in; a new thread has none."""
        number = self.number()
        if number not in self._thread.devices:
            self.cupy.cuda.runtime.setDevice(number)
            self._thread.devices.add(number)

    def function(self, launch: Launch) -> int:
        """Return the driver's handle of a kernel, compiled if need be."""
        key = (self.number(), launch.expression)
        found = self._kernels.get(key)
        if found is None:
            found = self._kernels[key] = self.compiled(launch)
        return int(found.kernel.ptr)

    def compiled(self, launch: Launch) -> Any:
        """Compile a kernel for the current device: CuPy's kernel object."""
        module = self.cupy.RawModule(
            code=source(), options=OPTIONS, name_expressions=(launch.expression,)
        )
        made = module.get_function(launch.expression)
        if launch.shared_bytes > DEFAULT_SHARED:
            made.max_dynamic_shared_size_bytes = launch.shared_bytes
        if launch.cluster > PORTABLE_CLUSTER:
            self.launcher.allow_large_clusters(int(made.kernel.ptr))
        return made

    def product(
        self, out: RawArray, a: RawArray, b: RawArray, add: bool = False, precision: str = "strict"
    ) -> None:
        """Write the matrix product a·b to `out`, or add it there."""
        handle = self.cupy.cuda.device.get_cublas_handle()
        self.products(handle, self.stream(), out, a, b, add, precision)

    def _workspace(self) -> RawArray:
        """Return the memory in which cuBLAS works on the current stream."""
        if self._thread.workspace is not None:
            return self._thread.workspace
        key = (self.number(), self.queue())
        found = self._workspaces.get(key)
        if found is None:
            while len(self._workspaces) >= WORKSPACES:
                self._workspaces.pop(next(iter(self._workspaces)), None)
            found = self._workspaces[key] = self.cupy.empty(WORKSPACE, dtype="uint8")
        return found

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do the work once, and return a function that does the same again in one launch.

        It is called on the stream that is current now, whose workspace the recording shares.
        """
        work()  # compiles kernels, which cannot be recorded
        workspace = self._thread.workspace = self._workspace()
        stream = self.cupy.cuda.Stream(non_blocking=True)
        try:
            with stream:
                stream.begin_capture()
                try:
                    work()
                except BaseException:
                    with suppress(Exception):  # it would only say that the recording is void
                        stream.end_capture()
                    raise
                graph = stream.end_capture()
        finally:
            self._thread.workspace = None

        def replay() -> None:
            assert workspace is not None  # held as long as the recording
            graph.launch(self.cupy.cuda.get_current_stream())

        return replay

    def stream(self) -> int:
        """Return the current stream's handle."""
        return int(self.cupy.cuda.get_current_stream().ptr)

    def queue(self) -> Hashable:
        """Return what tells the current stream from others, those of other threads too."""
        handle = self.stream()
        return (handle, threading.get_ident()) if handle == OF_THE_THREAD else handle

    def mark(self) -> Mark:
        """Return a mark for what has been queued so far."""
        # It refers to the stream: no later stream can then have its handle.
        return Mark(self.queue(), self.cupy.cuda.get_current_stream(), self._event())

    def _event(self) -> Any:
        event = self.cupy.cuda.Event(disable_timing=True)
        event.record()
        return event

    def wait_for(self, mark: Mark) -> None:
        """Let what is queued from now on wait for a mark of another stream."""
        if mark.queue != self.queue():
            self.cupy.cuda.get_current_stream().wait_event(mark.event)

    def keep_back(self, mark: Mark) -> None:
        """Let the stream of a mark, if it is another, wait for what has been queued here so far."""
        if mark.queue == self.queue():
            return
        event = self._event()
        if int(mark.stream.ptr) == OF_THE_THREAD:  # here its handle means this thread's stream
            event.synchronize()
        else:
            mark.stream.wait_event(event)


class Mark(NamedTuple):
    """A place in a stream."""

    queue: Hashable
    stream: Any
    event: Any


class _OfThread(threading.local):
    """What belongs to one thread: devices whose context it has had, a recording's workspace."""

    def __init__(self) -> None:
        self.devices: set[int] = set()
        self.workspace: RawArray = None
