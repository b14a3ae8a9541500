"""The cuDNN engine: its calls against a stand-in, its declarations against the real library."""

from __future__ import annotations

import gc
import itertools
import re
import sys
from collections.abc import Iterator
from ctypes import byref, c_double, c_int, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray
from gru_cases import WAYS, backward, by_name, data, directions, forward

from dlgru.backend import double
from dlgru.errors import DlgruError
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


def test_a_kept_reserve_serves_again(fake: FakeCudnn) -> None:
    case = case_of(3, 2, 2, 4)
    dy, dlast = (FakeArray(a) for a in directions(case))
    out = forward(data(case, FakeArray), "gates", gpu_spec(case, "gates"))
    first, second = (by_name(backward(out, dy, dlast)) for _ in range(2))
    for name, gradient in first.items():
        np.testing.assert_array_equal(gradient.get(), second[name].get(), name)
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
    monkeypatch.setattr(cudnnlibrary, "LIBRARIES", ("libcudnn-that-is-not-there.so",))
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
    handles = set(cudnn._local.handles.values())
    assert set(fake.told) == handles


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
