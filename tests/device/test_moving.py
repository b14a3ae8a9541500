"""To the device and back: labels, class, trace and gradients; what reads without a transfer."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fakedevice import LIBRARY, TRAFFIC, FakeArray

import dlgru as dl
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError


def raw(x: Any) -> Any:
    return x.value.data


# -- gpuArray and gather -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (3, "double"),
        (True, "logical"),
        ([1, 2, 3], "double"),
        (np.ones((2, 3), np.float32), "single"),
        (np.ones((2, 3), bool), "logical"),
        (np.ones((2, 3), complex), "double"),
    ],
)
def test_numbers_lists_and_ndarrays_become_arrays_on_the_device(given: Any, kind: str) -> None:
    X = dl.gpuArray(given)
    assert type(X) is dl.DLArray and type(raw(X)) is FakeArray
    assert dl.underlyingType(X) == kind and X.dims == ""
    np.testing.assert_array_equal(raw(dl.gather(X)), np.atleast_2d(given))


def test_labels_and_class_stay_both_ways() -> None:
    host = dl.dlarray(np.arange(24.0, dtype="f4").reshape(2, 3, 4), "TCB")
    there = dl.gpuArray(host)
    back = dl.gather(there)
    assert there.dims == back.dims == "CBT"
    assert there.dtype == back.dtype == np.float32
    assert raw(there).flags.f_contiguous and raw(back).flags.f_contiguous
    np.testing.assert_array_equal(raw(back), raw(host))


def test_gpu_array_sends_once_and_an_array_on_the_device_stays() -> None:
    host = dl.ones(2, 3)
    TRAFFIC.reset()
    there = dl.gpuArray(host)
    assert (TRAFFIC.sent, TRAFFIC.back) == (1, 0)
    again = dl.gpuArray(there)
    assert raw(again) is raw(there) and TRAFFIC.sent == 1
    dl.gather(host)
    assert TRAFFIC.back == 0
    dl.gather(there)
    assert TRAFFIC.fetched == 1 and TRAFFIC.waited == 0


def test_a_raw_device_array_is_copied_and_its_owner_may_go_on_writing() -> None:
    mine = FakeArray(np.ones((2, 2)))
    for make in (dl.dlarray, dl.gpuArray):
        X = make(mine)
        mine[0, 0] = 7.0
        assert float(dl.gather(X)[0, 0]) == 1.0
        mine[0, 0] = 1.0


def test_assignment_to_one_copy_leaves_the_other() -> None:
    X = dl.gpuArray(dl.ones(2, 2))
    Y, Z = dl.gpuArray(X), dl.copy(X)
    Y[0, 0] = 5
    Z[1, 1] = 6
    np.testing.assert_array_equal(raw(dl.gather(X)), np.ones((2, 2)))
    np.testing.assert_array_equal(raw(dl.gather(Y)), [[5, 1], [1, 1]])
    np.testing.assert_array_equal(raw(dl.gather(Z)), [[1, 1], [1, 6]])


def test_gather_gives_as_many_outputs_as_it_got_arrays() -> None:
    A, B = dl.gpuArray(dl.ones(2, 2)), dl.gpuArray([1, 2])
    a, b = dl.gather(A, B)
    assert type(raw(a)) is type(raw(b)) is np.ndarray and b.shape == (1, 2)
    a, b = dl.gather(A, B, nargout=2)
    assert a.shape == (2, 2)
    assert dl.gather(A, B, nargout=1).shape == (2, 2)
    with pytest.raises(DlgruValueError, match="Too many output arguments"):
        dl.gather(A, nargout=2)


@pytest.mark.parametrize("function", ["gpuArray", "gather"])
def test_the_result_is_an_array_and_containers_are_told_how(function: str) -> None:
    move = getattr(dl, function)
    for given in (FakeArray(np.ones((1, 3))), np.ones((1, 3)), [1, 1, 1]):
        X = move(given)
        assert type(X) is dl.DLArray and X.shape == (1, 3)
        assert dl.isgpuarray(X) == (function == "gpuArray")
    for container in (dl.struct("a", 1), [dl.ones(2, 2), dl.ones(2, 2)], dl.table([1, 2])):
        with pytest.raises(DlgruTypeError, match=rf"dlupdate\({function}, X\)"):
            move(container)


def test_structs_cells_and_tables_move_by_dlupdate() -> None:
    p = dl.struct("gru", dl.struct("W", dl.ones(2, 2)), "b", dl.ones(2, 1))
    there = dl.dlupdate(dl.gpuArray, p)
    assert dl.isgpuarray(there.gru.W) and dl.isgpuarray(there.b) and not dl.isgpuarray(p.b)
    back = dl.dlupdate(dl.gather, there)
    assert type(raw(back.gru.W)) is np.ndarray
    cell = dl.dlupdate(dl.gpuArray, [dl.ones(2, 2), dl.ones(1, 2)])
    assert [dl.isgpuarray(x) for x in cell] == [True, True]


# -- derivatives ---------------------------------------------------------------------------


def test_the_gradient_comes_back_on_the_side_of_its_variable() -> None:
    def loss(w: Any, v: Any) -> Any:
        y = dl.sum(dl.gpuArray(w) ** 3 * v, "all")
        g = dl.dlgradient(y, w, v)
        h = dl.dlgradient(dl.sum(g[0] * g[0], "all"), w, v)
        return (*g, *h)

    w = dl.dlarray([[1.0, 2.0], [3.0, 4.0]], "CB")
    v = dl.gpuArray(dl.dlarray([[2.0, 2.0], [2.0, 2.0]], "CB"))
    gw, gv, hw, hv = dl.dlfeval(loss, w, v)
    assert type(raw(gw)) is type(raw(hw)) is np.ndarray
    assert type(raw(gv)) is type(raw(hv)) is FakeArray
    x = raw(w)
    np.testing.assert_allclose(raw(gw), 3 * x**2 * 2)
    np.testing.assert_allclose(raw(dl.gather(gv)), x**3)
    # g = 3x²v; the sum of its squares is 9x⁴v².
    np.testing.assert_allclose(raw(hw), 36 * x**3 * 4)
    np.testing.assert_allclose(raw(dl.gather(hv)), 18 * x**4 * 2)


def test_gather_is_differentiable_from_the_device() -> None:
    def loss(w: Any) -> Any:
        return dl.dlgradient(dl.sum(dl.gather(w) ** 2, "all"), w)

    g = dl.dlfeval(loss, dl.gpuArray([1.0, 2.0]))
    assert type(raw(g)) is FakeArray
    np.testing.assert_array_equal(raw(dl.gather(g)), [[2.0, 4.0]])


def test_single_parameters_get_single_gradients_across_the_transfer() -> None:
    w = dl.single(dl.dlarray([1.0, 2.0]))
    g = dl.dlfeval(lambda w: dl.dlgradient(dl.sum(dl.gpuArray(w) ** 2, "all"), w), w)
    assert g.dtype == np.float32 and type(raw(g)) is np.ndarray


# -- reading -------------------------------------------------------------------------------


def test_sizes_labels_and_class_are_known_without_a_transfer(sent: Any) -> None:
    X, _ = sent(3, 2, 4, fmt="CBT", dtype="float32")
    TRAFFIC.reset()
    assert dl.size(X) == [3, 2, 4] and dl.ndims(X) == 3 and dl.numel(X) == 24
    assert dl.dims(X) == "CBT" and dl.underlyingType(X) == "single" and X.dtype == np.float32
    assert dl.isUnderlyingType(X, "single") and dl.isdlarray(X) and dl.isgpuarray(X)
    assert dl.length(X) == 4 and not dl.isempty(X) and dl.finddim(X, "T") == 3
    assert X.summary() == "3(C) × 2(B) × 4(T) single gpuArray dlarray"
    assert (TRAFFIC.sent, TRAFFIC.back) == (0, 0)


def test_isgpuarray_says_where_data_are() -> None:
    assert dl.isgpuarray(dl.gpuArray(1)) and dl.isgpuarray(FakeArray(1.0))
    for host in (dl.ones(2, 2), np.ones(2), 3, "text", None):
        assert not dl.isgpuarray(host)


def test_extractdata_gives_the_device_array_and_a_number_is_fetched(sent: Any) -> None:
    X, here = sent(2, 3)
    TRAFFIC.reset()
    data = dl.extractdata(X)
    assert type(data) is FakeArray and TRAFFIC.back == 0
    data[0, 0] = 100.0  # the caller's own
    np.testing.assert_array_equal(raw(dl.gather(X)), raw(here))
    TRAFFIC.reset()
    assert float(X[0, 1]) == float(here[0, 1]) and TRAFFIC.back == 1


def test_numpy_asks_for_gather(sent: Any) -> None:
    X, here = sent(2, 3)
    with pytest.raises(DlgruTypeError, match=r"write gather\(X\) first"):
        np.asarray(X)
    np.testing.assert_array_equal(np.asarray(dl.gather(X)), raw(here))


def test_an_array_prints_its_numbers_and_the_word_gpu_array() -> None:
    X = dl.gpuArray(dl.single(dl.dlarray([[1, 2], [3, 4]], "CB")))
    assert str(X) == "  2(C) × 2(B) single gpuArray dlarray\n\n     1     2\n     3     4"


def test_a_pickled_array_comes_back_on_the_host_and_a_copy_stays(sent: Any) -> None:
    X, here = sent(2, 3, fmt="CB")
    back = pickle.loads(pickle.dumps(X))
    assert type(raw(back)) is np.ndarray and back.dims == "CB"
    assert raw(back).flags.f_contiguous
    np.testing.assert_array_equal(raw(back), raw(here))
    for same in (copy.copy(X), copy.deepcopy(X), dl.copy(X)):
        assert type(raw(same)) is FakeArray and same.dims == "CB"


# -- creators ------------------------------------------------------------------------------

CREATORS = ["zeros", "ones", "eye", "NaN", "Inf", "rand", "randn"]


@pytest.mark.parametrize("name", CREATORS)
def test_creators_follow_the_prototype_or_the_word_gpu_array(name: str) -> None:
    make = getattr(dl, name)
    like = dl.gpuArray(np.ones((1, 1), np.float32))
    made = []
    for call in (
        lambda: make(2, 3),
        lambda: make(2, 3, "like", like),
        lambda: make(2, 3, like=like),
        lambda: make(2, 3, "single", "gpuArray"),
        lambda: make([2, 3], "gpuArray"),
    ):
        dl.rng(3)
        made.append(call())
    host, *there = made
    assert type(raw(host)) is np.ndarray
    for X in there:
        assert type(raw(X)) is FakeArray and X.shape == (2, 3)
        assert raw(X).flags.f_contiguous
        kind = host.dtype if X is there[-1] else np.float32
        assert X.dtype == kind
        np.testing.assert_array_equal(raw(dl.gather(X)), raw(host).astype(kind))


def test_creators_without_random_numbers_send_nothing() -> None:
    like = dl.gpuArray(dl.ones(1, 1))
    TRAFFIC.reset()
    for name in ("zeros", "ones", "eye", "NaN", "Inf"):
        getattr(dl, name)(2, 3, like=like)
    assert (TRAFFIC.sent, TRAFFIC.back) == (0, 0)


# -- other libraries -----------------------------------------------------------------------


class Foreign:
    """An array of another library, of which only DLPack is known."""

    def __init__(self, inner: Any, place: int) -> None:
        self.inner, self.place = inner, place

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place, 0

    def __dlpack__(self, **options: Any) -> Any:
        return self.inner.__dlpack__(**options)


@pytest.mark.parametrize("place", ["host", "device"])
def test_arrays_of_other_libraries_come_in_by_dlpack_on_their_side(place: str) -> None:
    data = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    inner = data.copy() if place == "host" else FakeArray(data)
    foreign = Foreign(inner, 1 if place == "host" else 2)
    X = dl.dlarray(foreign, "CB")
    assert dl.isgpuarray(X) == (place == "device") and X.dims == "CB"
    inner[0, 0] = 99.0  # whoever owns it goes on writing
    np.testing.assert_array_equal(raw(dl.gather(X)), data)
    doubled = dl.gather(X) + Foreign(data.copy(), 1)
    np.testing.assert_array_equal(raw(doubled), 2 * data)


def test_an_array_that_is_not_handed_over_or_of_another_class_is_refused() -> None:
    class Closed(Foreign):
        def __dlpack__(self, **options: Any) -> Any:
            raise BufferError("it requires grad")

    with pytest.raises(DlgruTypeError, match="it requires grad"):
        dl.dlarray(Closed(None, 1))
    with pytest.raises(DlgruTypeError, match="of class int64"):
        dl.dlarray(Foreign(np.arange(3), 1))


def test_device_data_leave_by_dlpack_as_a_copy_on_their_device(sent: Any) -> None:
    X, here = sent(2, 3)
    assert X.__dlpack_device__() == (2, 0)
    TRAFFIC.reset()
    capsule = X.__dlpack__(stream=7)
    assert capsule.options == {"stream": 7} and TRAFFIC.back == 0
    capsule.array[0, 0] = 9.0
    np.testing.assert_array_equal(raw(dl.gather(X)), raw(here))

    def export(x: Any) -> None:
        with pytest.raises(BufferError, match="traced"):
            x.__dlpack__()

    dl.dlfeval(export, X)


# -- the device itself ---------------------------------------------------------------------


def test_gpu_device_says_what_the_runtime_says() -> None:
    device = dl.gpuDevice()
    assert dict(device) == {
        "Name": "Fake 0",
        "Index": 1,
        "ComputeCapability": "9.0",
        "DriverVersion": "13.1",
        "ToolkitVersion": "12.9",
        "MultiprocessorCount": 132,
        "MaxThreadsPerBlock": 1024,
        "MaxShmemPerBlock": 49152,
        "SIMDWidth": 32,
        "TotalMemory": 8000,
        "AvailableMemory": 5700,
    }
    assert dl.gpuDevice(2).Name == "Fake 1" and dl.gpuDevice().Index == 2
    assert LIBRARY.cuda.runtime.current == 1
    with pytest.raises(DlgruValueError, match="a number from 1 to 2"):
        dl.gpuDevice(3)


def test_functions_that_matlab_calls_without_parentheses_say_so() -> None:
    assert dl.canUseGPU() is True
    with pytest.raises(DlgruTypeError, match=r"write canUseGPU\(\)"):
        if dl.canUseGPU:
            pass
    with pytest.raises(DlgruError, match=r"write x = gpuDevice\(\), then x\.Name"):
        _ = dl.gpuDevice.Name
    with pytest.raises(TypeError, match="Too many input arguments"):
        dl.canUseGPU(1)
