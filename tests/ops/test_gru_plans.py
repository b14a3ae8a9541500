"""What a plan of ``gru`` holds: for which engine and device, how much, and how long."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray
from ops.gru_public import arrays_of, case_of, check, close, host, loops, options_of

import dlgru as dl
from dlgru.array import DLArray
from dlgru.kernels import choice, extension, plain, use_engine
from dlgru.ops.fastdoor import LARGEST


def plans_of(R: DLArray) -> Any:
    return R.value.plan


# -- engines and devices -------------------------------------------------------------------


@pytest.mark.parametrize(("T", "B"), [(1, 1), (1, 3), (4, 3)])
def test_the_engine_that_is_forced_runs(T: int, B: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    class Second:
        NAME = "second"
        backward = plain.backward

        def accepts(self, spec: Any) -> bool:
            return True

        def cost(self, spec: Any) -> float:
            return 1e9

        def forward(self, *args: Any) -> Any:
            ran.append("second")
            return plain.forward(*args)

    monkeypatch.setattr(choice, "ENGINES", (*choice.ENGINES, Second()))
    case = case_of(sizes=(T, B, 2, 3))
    arguments = arrays_of(case)
    for _ in range(2):
        check(case, arguments)
        assert not ran
        with use_engine("second"):
            check(case, arguments)
            check(case, arguments)
        assert len(ran) == 2
        ran.clear()


def test_an_engine_that_refuses_is_an_error_after_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    class Never:
        NAME = "never"

        def accepts(self, spec: Any) -> str:
            return "it never does"

    monkeypatch.setattr(choice, "ENGINES", (*choice.ENGINES, Never()))
    arguments = arrays_of(case_of())
    dl.gru(*arguments)
    with use_engine("never"), pytest.raises(dl.DlgruValueError, match="it never does"):
        dl.gru(*arguments)


def on_fake(x: DLArray) -> DLArray:
    return dl.dlarray(FakeArray(host(x)), x.dims or None)


def test_arrays_on_a_device_stay_there_and_host_data_do_not_slip_in() -> None:
    case = case_of()
    moved = [on_fake(a) for a in arrays_of(case)]
    for _ in range(2):
        Y = dl.gru(*moved)
        assert type(Y.value.data) is FakeArray
        close(Y, loops(case)[0])
    for place in (0, 1):
        mixed = list(moved)
        mixed[place] = arrays_of(case)[place]
        with pytest.raises(dl.DlgruTypeError, match="Host and GPU data do not mix") as caught:
            dl.gru(*mixed)
        assert caught.value.identifier == "dlgru:gru:device"
        assert caught.value.argument == ("X", "H0")[place]


# -- what a plan holds ---------------------------------------------------------------------


def test_plans_do_not_grow_beyond_their_limit() -> None:
    _, H0, *weights = arrays_of(case_of())
    R = weights[1]
    sizes = set()
    for T in range(1, 3 * LARGEST):
        dl.gru(dl.dlarray(np.ones((2, 3, T)), "CBT"), H0, *weights)
        sizes.add(len(plans_of(R)))
    assert max(sizes) == LARGEST


def test_calls_that_cannot_have_a_plan_leave_none() -> None:
    X, H0, W, R, b = arrays_of(case_of())
    dl.gru(X, H0, W, R, b, SequenceLengths=[4, 4, 4])
    dl.gru(X, H0, W, R, b, StateActivationFunction=dl.tanh)
    dl.gru(X, H0, W, R, host(b))
    dl.gru(dl.single(X), H0, W, R, b)
    dl.gru(dl.permute(dl.stripdims(X), [3, 2, 1]), H0, W, R, b, DataFormat="TBC")
    dl.gru(dl.dlarray(np.ones((1, W.shape[1], H0.shape[1])), "SCB"), H0, W, R, b)
    dl.dlfeval(lambda x: dl.gru(x, H0, W, R, b), X)
    assert plans_of(R) is None


def test_repeated_calls_keep_what_the_engine_made_of_the_weights() -> None:
    case = case_of(sizes=(9, 3, 2, 20))
    X, H0, W, R, b = arrays_of(case)
    expected = dl.gru(X, H0, W, R, b)
    assert plans_of(R).kept == {}, "kept before anything was repeated"
    for _ in range(3):
        np.testing.assert_array_equal(host(dl.gru(X, H0, W, R, b)), host(expected))
    for T in (5, 9):
        for _ in range(2):
            part = dl.gru(X[:, :, :T], H0, W, R, b)
            np.testing.assert_array_equal(host(part), host(expected)[:, :, :T])
    if extension.native is not None:
        assert len(plans_of(R).kept) == 1
    R[0, 0] = 5.0
    changed = case.R.copy()
    changed[0, 0] = 5.0
    for _ in range(3):
        check(case._replace(R=changed), (X, H0, W, R, b))


@pytest.mark.parametrize("fmt", ["CBT", "CB", "CT", "C", "CBTU"])
@pytest.mark.parametrize("T", [1, 3])
def test_unformatted_calls_in_the_stored_order_have_a_plan(
    fmt: str, T: int, full: list[int]
) -> None:
    case = case_of()
    _, H0, W, R, b = arrays_of(case)
    random = np.random.default_rng(0)
    shapes = {"C": W.shape[1], "B": 1, "T": T, "U": 1}
    X = random.normal(size=[shapes[d] for d in fmt])
    H0 = dl.stripdims(H0)[:, 0]
    expected, last = dl.gru(dl.dlarray(X, fmt), H0, W, R, b, nargout=2)
    del full[:]
    for _ in range(3):
        Y, h = dl.gru(dl.dlarray(X), H0, W, R, b, DataFormat=fmt, nargout=2)
        assert Y.dims == h.dims == ""
        assert Y.shape[0] == H0.shape[0] and (Y.ndim == 2 or T > 1)
        np.testing.assert_array_equal(host(Y).squeeze(), host(expected).squeeze())
        np.testing.assert_array_equal(h, last)
    assert len(full) == 1


def test_weights_with_a_plan_are_copied_and_pickled_without_it() -> None:
    case = case_of()
    X, H0, W, R, b = arrays_of(case)
    dl.gru(X, H0, W, R, b)
    assert len(plans_of(R)) == 1
    for other in (pickle.loads(pickle.dumps(R)), copy.deepcopy(R), copy.copy(R), dl.copy(R)):
        check(case, (X, H0, W, other, b))
        other[0, 0] = 9.0
        changed = case.R.copy()
        changed[0, 0] = 9.0
        check(case._replace(R=changed), (X, H0, W, other, b))
        check(case, (X, H0, W, R, b))
    assert len(pickle.dumps(R)) == len(pickle.dumps(arrays_of(case)[3]))


def test_loaded_weights_have_a_plan_too(full: list[int]) -> None:
    """Unpickled arrays have a dtype object of their own, equal to the usual one."""
    case = case_of()
    X, H0, W, R, b = (pickle.loads(pickle.dumps(a)) for a in arrays_of(case))
    check(case, (X, H0, W, R, b))
    check(case, (X, H0, W, R, b))
    assert len(full) == 1


def test_a_plan_lets_go_of_everything_with_its_weights() -> None:
    gc.collect()
    gc.disable()
    try:
        for tied in ("", "W", "b"):
            sizes = (4, 3, 1, 1) if tied == "b" else (4, 3, 3, 3)
            X, H0, W, R, b = arrays_of(case_of(sizes=sizes))
            weights = {"": (W, R, b), "W": (R, R, b), "b": (W, R, R)}[tied]
            dl.gru(X, H0, *weights)
            dl.gru(X, H0, *weights)
            data = weakref.ref(R.value.data)
            del W, R, b, weights, X, H0
            assert data() is None, "the weights keep themselves alive"
    finally:
        gc.enable()


# -- what it looks like --------------------------------------------------------------------


def test_the_public_function_shows_its_signature() -> None:
    text = str(inspect.signature(dl.gru))
    assert text.startswith("(X: 'Any', H0: 'Any', weights: 'Any', recurrentWeights")
    assert "ResetGateMode" in text
    assert "Gated recurrent unit" in (dl.gru.__doc__ or "")
    assert options_of(case_of()).keys() <= set(inspect.signature(dl.gru).parameters)
