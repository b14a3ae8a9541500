"""The cuDNN engine: its calls against a stand-in, its declarations against the real library."""

from __future__ import annotations

import gc
import itertools
import re
import sys
import threading
from collections.abc import Iterator
from ctypes import byref, c_double, c_int, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray
from gru_cases import WAYS, backward, by_name, data, directions, forward

from dlgru.backend import double
from dlgru.errors import DlgruError, DlgruMemoryError
from dlgru.kernels.gpu import cudnn, cudnnlibrary
from dlgru.kernels.spec import Spec
from tests.kernels.gpu.emulator import EmulatedRuntime
from tests.kernels.gpu.fakecudnn import FakeCudnn
from tests.kernels.gpu.gpu_cases import H100, case_of, gpu_spec, worst


@pytest.fixture
def fake(
    device: EmulatedRuntime, only: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeCudnn]:
    made = FakeCudnn()
    known = cudnnlibrary.Library(made)
    monkeypatch.setattr(cudnn, "library", lambda: known)
    monkeypatch.setattr(cudnn, "_local", cudnn._Local())
    only(cudnn)
    yield made


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("bias", "way"), [*itertools.product([0, 3, 6], WAYS)])
def test_its_modes(fake: FakeCudnn, bias: int, way: str, dtype: Any, save: str) -> None:
    case = case_of(4, 3, 2, 5, bias=bias, direction=way, dtype=dtype)
    assert worst(case, save, dtype) < (5e-6 if dtype == np.float32 else 1e-13)
    small = dtype == np.float32
    assert set(fake.algorithms) == {cudnnlibrary.SMALL_H if small else cudnnlibrary.STANDARD}


def test_large_states_take_the_standard_algorithm(fake: FakeCudnn) -> None:
    case = case_of(2, 2, 2, 130, dtype=np.float32)
    assert worst(case, "gates", np.float32) < 5e-6
    assert set(fake.algorithms) == {cudnnlibrary.STANDARD}


def test_a_kept_reserve_serves_again(fake: FakeCudnn, device: EmulatedRuntime) -> None:
    case = case_of(3, 2, 2, 4)
    dy, dlast = (FakeArray(a) for a in directions(case))
    out = forward(data(case, FakeArray), "gates", gpu_spec(case, "gates"))
    first, second = (by_name(backward(out, dy, dlast)) for _ in range(2))
    for name, gradient in first.items():
        np.testing.assert_array_equal(gradient.get(), second[name].get(), name)
    assert device.kept_back == 2
    without = backward(out, None, dlast)
    assert np.isfinite(without.x.get()).all()


BASE = Spec(10, 4, 3, 8, double, device=H100)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reset": "before"}, "reset='before'"),
        ({"gate": "hard-sigmoid"}, "hard-sigmoid"),
        ({"act": "relu"}, "act='relu'"),
        ({"inner": 1}, "inner=1"),
        ({"lengths": True}, "lengths"),
        ({"T": 70000}, "65535"),
        ({"device": "cpu"}, "not on a GPU"),
        ({"precision": "tf32"}, "double"),
        ({"dtype": np.dtype(np.float32), "precision": "bf16"}, "bf16"),
    ],
)
def test_it_says_what_cudnn_has_not(fake: FakeCudnn, changed: Any, words: str) -> None:
    assert cudnn.accepts(BASE) is True
    assert words in str(cudnn.accepts(BASE._replace(**changed)))


def test_without_the_library_it_refuses_and_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        cudnnlibrary, "LIBRARIES", {"libcudnn-that-is-not-there.so": "nor-is-this.so"}
    )
    answer = cudnnlibrary.library.__wrapped__()
    assert "pip install dlgru[cudnn13]" in answer
    monkeypatch.setattr(cudnn, "library", lambda: answer)
    assert cudnn.accepts(BASE) == answer


def test_a_library_that_does_not_load_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "nvidia" / "cudnn" / "bin" / "cudnn64_9.dll"
    place.parent.mkdir(parents=True)
    place.write_text("no library")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    answer = cudnnlibrary.library.__wrapped__()
    if not isinstance(answer, str):
        pytest.skip("another folder has cuDNN")
    assert answer.startswith(f"cuDNN 9 is there, but cannot be used: {place}: ")
    assert "install" not in answer


def test_descriptors_go_with_their_plan(fake: FakeCudnn) -> None:
    case = case_of(3, 2, 2, 4)
    worst(case, "gates", np.float64)
    made = len(fake.told)
    worst(case, "gates", np.float64)
    assert len(fake.told) == made > 1
    cudnn._local.plan.cache_clear()
    gc.collect()
    handles = set(cudnn._local.handles.by_device.values())
    assert set(fake.told) == handles


def test_handles_go_with_their_thread(fake: FakeCudnn, device: EmulatedRuntime) -> None:
    spec, handles = BASE._replace(bias=6), []

    def run() -> None:
        plan = cudnn.plan_for(device, spec, cudnnlibrary.STANDARD)
        handles.append(plan.handle)
        assert plan.handle in fake.told

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    gc.collect()
    assert len(set(handles)) == 2
    assert fake.told == {}


@pytest.mark.parametrize(("bias", "parts"), [(0, 2), (3, 3), (6, 3)])
def test_gates_that_stand_side_by_side_are_copied_together(
    fake: FakeCudnn, bias: int, parts: int
) -> None:
    case = case_of(4, 3, 2, 5, bias=bias)
    apart = worst(case, "gates", np.float64)
    fake.gap = 0
    cudnn._local.plan.cache_clear()
    assert worst(case, "gates", np.float64) == apart
    plan = cudnn.Plan(cudnn.library(), 1, gpu_spec(case, "gates"), cudnnlibrary.STANDARD)
    space = np.arange(plan.weight_bytes // 8)
    b = np.zeros(bias * 5) if bias else None
    assert len(list(plan.parts(space, np.zeros((15, 2)), np.zeros((15, 5)), b))) == parts


def test_errors_carry_cudnns_own_words(fake: FakeCudnn) -> None:
    known = cudnnlibrary.Library(fake)
    with pytest.raises(DlgruError, match=r"CUDNN_STATUS_FAKE \(9\)\. name"):
        known("BuildRNNDynamic", 0, 0, 0)
    fake.complaint = b" nothing works today \n"
    with pytest.raises(DlgruError, match=r"CUDNN_STATUS_FAKE \(9\): nothing works today") as caught:
        known("BuildRNNDynamic", 0, 0, 0)
    assert not isinstance(caught.value, MemoryError)


@pytest.mark.parametrize("code", cudnnlibrary.NO_MEMORY)
def test_out_of_memory_is_an_error_of_memory(fake: FakeCudnn, code: int) -> None:
    known = cudnnlibrary.Library(fake)
    known._calls["SetStream"] = lambda *arguments: code
    with pytest.raises(DlgruMemoryError, match=rf"CUDNN_STATUS_FAKE \({code}\)"):
        known("SetStream", 0, 0)


@pytest.mark.parametrize(
    ("cuda", "driver", "fits"),
    [(13050, 13000, True), (12090, 13000, True), (13050, 12080, False), (13050, None, True)],
)
def test_a_library_for_a_newer_cuda_than_the_drivers_is_refused(
    cuda: int, driver: int | None, fits: bool
) -> None:
    answer = cudnnlibrary.unfit(cuda, driver)
    assert (answer == "") == fits
    assert fits or ("CUDA 12 at most" in answer and "dlgru[cudnn12]" in answer)


def test_descriptors_of_a_plan_that_is_refused_go_too(fake: FakeCudnn) -> None:
    known = cudnnlibrary.Library(fake)
    with pytest.raises(DlgruError):
        cudnn.Plan(known, 1, BASE._replace(bias=6), cudnnlibrary.PERSIST_DYNAMIC)
    gc.collect()
    assert fake.told == {}


# -- the real library ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Any:
    found = cudnnlibrary.library()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def test_its_descriptors_read_back_as_they_were_written(real: Any) -> None:
    made = cudnnlibrary.recurrent_descriptor(real, 0, cudnnlibrary.INPUT_BIAS, 0, 3, 5, 8)
    read, dropout = [c_int(-1) for _ in range(12)], c_void_p()
    flags = c_int(-1)
    code = real.loaded.cudnnGetRNNDescriptor_v8(
        c_void_p(made), *map(byref, read), byref(dropout), byref(flags)
    )
    assert code == 0
    assert [v.value for v in read] == [0, 3, 1, 0, 0, 0, 0, 3, 5, 8, 8, 1]
    assert flags.value == cudnnlibrary.PADDED
    described = cudnnlibrary.sequence_descriptor(real, 1, 7, 3, 5)
    numbers, lengths, fill = [c_int(-1) for _ in range(5)], (c_int * 3)(), c_double(9.0)
    code = real.loaded.cudnnGetRNNDataDescriptor(
        c_void_p(described), *map(byref, numbers), 3, lengths, byref(fill)
    )
    assert code == 0
    assert [v.value for v in numbers] == [1, 0, 7, 3, 5]
    assert (list(lengths), fill.value) == ([7, 7, 7], 0.0)
    owned: cudnnlibrary.Owned = []
    cudnnlibrary.state_descriptor(real, 1, 3, 8, owned)
    cudnnlibrary.recurrent_descriptor(real, 0, cudnnlibrary.INPUT_BIAS, 0, 3, 5, 8, owned)
    cudnnlibrary.sequence_descriptor(real, 1, 7, 3, 5, owned)
    assert len(owned) == 3
    real.destroy(owned)
    assert owned == []


@pytest.mark.parametrize("algorithm", range(4))
def test_which_algorithms_take_which_bias(real: Any, algorithm: int) -> None:
    taken = set()
    for bias, kind in itertools.product((0, 1, 2), (0, 1)):
        try:
            cudnnlibrary.recurrent_descriptor(real, algorithm, bias, kind, 3, 5, 8)
        except cudnnlibrary.DlgruError:
            continue
        taken.add((bias, kind))
    every = set(itertools.product((0, 1, 2), (0, 1)))
    doubles = {(2, 0), (2, 1)}
    expected = {0: every, 1: {(2, 0)}, 2: doubles, 3: {(2, 0)}}
    assert taken == expected[algorithm]


def test_declarations_are_those_of_the_header(real: Any) -> None:
    headers = list(Path(real.loaded._name).parent.parent.glob("include/cudnn_*_v9.h"))
    headers += list(Path(real.loaded._name).parent.parent.glob("include/cudnn_*.h"))
    if not headers:
        pytest.skip("the library came without its headers")
    text = "\n".join(header.read_text("utf-8", "replace") for header in headers)
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    for name, signature in cudnnlibrary.SIGNATURES.items():
        found = re.search(rf"CUDNNWINAPI\s+cudnn{name}\(([^;{{]*)\);", text)
        assert found, name
        kinds = []
        for parameter in found[1].split(","):
            words = parameter.split()
            pointer = "*" in parameter or "[" in parameter
            named = " ".join(words[:-1] if len(words) > 1 else words)
            handle = re.search(r"(Handle|Descriptor|Stream)_t\b", named)
            kinds.append("h" if pointer or handle else "s" if "size_t" in named else "i")
        assert "".join(kinds) == signature, name
