"""The runtime for CuPy's arrays, on a CuPy that is not there: which stream, thread and device."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlgru.errors import DlgruValueError
from dlgru.kernels.gpu.arguments import ADAM
from dlgru.kernels.gpu.cublas import Products
from dlgru.kernels.gpu.cuda import (
    OF_THE_THREAD,
    WORKSPACE,
    WORKSPACES,
    CudaRuntime,
    _OfThread,
)
from dlgru.kernels.gpu.runtime import Launch
from tests.kernels.gpu.fakecublas import HANDLE, RECORDING_STREAM, STREAM, FakeCublas


class Array:
    """A host array that is as CuPy's where the runtime looks."""

    def __init__(self, host: Any, device: int = 0) -> None:
        self.host = host
        self.data = SimpleNamespace(ptr=host.ctypes.data, device_id=device)
        self.shape, self.strides = host.shape, host.strides
        self.itemsize, self.dtype, self.nbytes = host.itemsize, host.dtype, host.nbytes

    @property
    def T(self) -> Array:
        return Array(self.host.T, self.data.device_id)


class FakeCupy:
    """Streams and devices; work is done at once, or when a recording is replayed."""

    def __init__(self) -> None:
        self.current, self.device, self.set = STREAM, 0, []
        self.recorded: list[Any] | None = None
        self.replayed_on: list[int] = []
        self.happened: list[tuple[Any, ...]] = []
        self.cuda = SimpleNamespace(
            Stream=lambda non_blocking: Stream(self),
            Event=lambda disable_timing: Event(self),
            get_current_stream=self.stream,
            device=SimpleNamespace(get_cublas_handle=lambda: HANDLE),
            runtime=SimpleNamespace(getDevice=lambda: self.device, setDevice=self.set.append),
        )

    def stream(self) -> Any:
        """The current stream, which notes for whom it waits."""
        handle = self.current

        def wait_event(event: Event) -> None:
            self.happened.append(("stream", handle, "waits for", event.stream))

        return SimpleNamespace(ptr=handle, wait_event=wait_event)

    def empty(self, size: int, dtype: str) -> Array:
        assert self.recorded is None, "memory cannot be taken while a stream is recorded"
        return Array(np.empty(size, dtype), self.device)

    def queue(self, go: Any) -> None:
        if self.recorded is None:
            go()
        else:
            self.recorded.append(go)


class Event:
    """A place in a stream."""

    def __init__(self, cupy: FakeCupy) -> None:
        self.cupy, self.stream = cupy, -1

    def record(self) -> None:
        self.stream = self.cupy.current

    def synchronize(self) -> None:
        self.cupy.happened.append(("host", "waits for", self.stream))


class Stream:
    """A stream that can be recorded."""

    def __init__(self, cupy: FakeCupy) -> None:
        self.cupy = cupy

    def __enter__(self) -> None:
        self.cupy.current = RECORDING_STREAM

    def __exit__(self, *_: Any) -> None:
        self.cupy.current = STREAM

    def begin_capture(self) -> None:
        self.cupy.recorded = []

    def end_capture(self) -> Any:
        tape, self.cupy.recorded = self.cupy.recorded, None

        def launch(stream: Any) -> None:
            self.cupy.replayed_on.append(stream.ptr)
            for go in tape or []:
                go()

        return SimpleNamespace(launch=launch)


@pytest.fixture
def cupy() -> FakeCupy:
    return FakeCupy()


@pytest.fixture
def runtime(cupy: FakeCupy) -> CudaRuntime:
    """The real runtime, but for what its constructor loads."""
    made = CudaRuntime.__new__(CudaRuntime)
    fake = FakeCublas(cupy.queue, lambda: cupy.current)
    made.cupy, made.launched = cupy, []  # type: ignore[attr-defined]
    made.products = Products(fake.module, fake.library, made.address, made._workspace)
    made._workspaces = {}
    made.fake = fake  # type: ignore[attr-defined]
    made.launcher = lambda *told: made.launched.append(told)  # type: ignore[assignment, attr-defined]
    kernel = SimpleNamespace(kernel=SimpleNamespace(ptr=5))
    made._names = {}
    made._kernels = {(0, "k"): kernel, (1, "k"): kernel}
    made._thread = _OfThread()
    return made


def test_products_are_recorded_and_replayed(runtime: CudaRuntime, cupy: FakeCupy) -> None:
    a, out = (np.asfortranarray(np.eye(2) * k) for k in (3.0, 0.0))
    replay = runtime.recorded(lambda: runtime.product(Array(out), Array(a), Array(a)))
    np.testing.assert_array_equal(out, 9 * np.eye(2))
    a[...] = np.eye(2)
    np.testing.assert_array_equal(out, 9 * np.eye(2))
    replay()
    np.testing.assert_array_equal(out, np.eye(2))
    assert cupy.replayed_on == [STREAM]


def test_a_recording_works_in_the_memory_of_the_stream_it_is_replayed_on(
    runtime: CudaRuntime, cupy: FakeCupy
) -> None:
    a = Array(np.asfortranarray(np.eye(2)))
    used = runtime.fake.workspaces  # type: ignore[attr-defined]
    runtime.recorded(lambda: runtime.product(a, a, a))
    runtime.product(a, a, a)
    assert len(used) == 3 and len(set(used)) == 1
    assert used[0][1] == WORKSPACE
    cupy.current = STREAM + 1
    runtime.product(a, a, a)
    assert used[3] != used[0]
    for stream in range(STREAM + 2, STREAM + 20):
        cupy.current = stream
        runtime.product(a, a, a)
    assert len(runtime._workspaces) == WORKSPACES


def test_what_breaks_a_recording_is_told_not_that_it_is_void(
    runtime: CudaRuntime, cupy: FakeCupy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def void(stream: Stream) -> Any:
        raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    def work() -> None:
        if cupy.recorded is not None:
            raise ValueError("the cause")

    monkeypatch.setattr(Stream, "end_capture", void)
    with pytest.raises(ValueError, match="the cause"):
        runtime.recorded(work)
    assert runtime._thread.workspace is None


def test_each_thread_has_the_context_of_its_device_before_it_launches(
    runtime: CudaRuntime, cupy: FakeCupy
) -> None:
    def launching() -> None:
        for _ in range(3):
            runtime.launch(Launch("k", 1, 32), ADAM())

    launching()
    assert cupy.set == [0]
    thread = threading.Thread(target=launching)
    thread.start()
    thread.join()
    assert cupy.set == [0, 0]
    cupy.device = 1
    launching()
    assert cupy.set == [0, 0, 1]


def test_a_backward_run_on_another_stream_waits_and_holds_the_first_one_back(
    runtime: CudaRuntime, cupy: FakeCupy
) -> None:
    mark = runtime.mark()
    runtime.wait_for(mark)
    runtime.keep_back(mark)
    assert cupy.happened == []
    cupy.current = other = STREAM + 1
    runtime.wait_for(mark)
    runtime.keep_back(mark)
    assert cupy.happened == [
        ("stream", other, "waits for", STREAM),
        ("stream", STREAM, "waits for", other),
    ]


def test_threads_default_streams_are_told_apart(runtime: CudaRuntime, cupy: FakeCupy) -> None:
    cupy.current = OF_THE_THREAD
    mark, queues = runtime.mark(), [runtime.queue(), runtime.queue()]

    def elsewhere() -> None:
        queues.append(runtime.queue())
        runtime.wait_for(mark)
        runtime.keep_back(mark)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert queues[0] == queues[1] != queues[2]
    assert cupy.happened == [
        ("stream", OF_THE_THREAD, "waits for", OF_THE_THREAD),
        ("host", "waits for", OF_THE_THREAD),
    ]
    cupy.current = STREAM
    assert runtime.queue() == STREAM


def test_an_array_on_another_gpu_is_an_error_that_names_both(
    runtime: CudaRuntime, cupy: FakeCupy
) -> None:
    array = Array(np.zeros(3), device=2)
    with pytest.raises(DlgruValueError, match=r"on device 2, expected on device 0.*Device\(2\)"):
        runtime.address(array)
    cupy.device = 2
    assert runtime.address(array) == array.data.ptr


class Launcher:
    """What the driver says of clusters."""

    def __init__(self) -> None:
        self.large: list[int] = []

    def allow_large_clusters(self, function: int) -> None:
        self.large.append(function)

    def clusters_at_once(self, function: int, launch: Launch) -> int | None:
        assert (function, launch.blocks, launch.shared_bytes > 2**16) == (5, launch.cluster, True)
        assert launch.cluster <= 8 or self.large
        return {2: 66, 8: 15, 16: 7}.get(launch.cluster)


@pytest.mark.parametrize(
    ("capability", "broken", "text"),
    [
        ("90", False, "gpu:sm_90:132:2x66+8x15+16x7"),
        ("90", True, "gpu:sm_90:132"),
        ("80", False, "gpu:sm_80:132"),
    ],
)
def test_a_device_says_how_many_clusters_it_has_room_for(
    runtime: CudaRuntime, cupy: FakeCupy, capability: str, broken: bool, text: str
) -> None:
    def module(code: str) -> Any:
        if broken:
            raise RuntimeError("no compiler")
        kernel = SimpleNamespace(kernel=SimpleNamespace(ptr=5))
        return SimpleNamespace(get_function=lambda name: kernel)

    attributes = {"MultiProcessorCount": 132}
    device = SimpleNamespace(attributes=attributes, compute_capability=capability)
    cupy.cuda.Device = lambda number: device
    cupy.RawModule = module  # type: ignore[attr-defined]
    runtime.launcher = Launcher()  # type: ignore[assignment]
    assert runtime.describe() == text
    del cupy.cuda.Device  # it is asked once
    assert runtime.describe() == text
