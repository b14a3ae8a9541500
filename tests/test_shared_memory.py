"""An array is a value: what a caller does to an ndarray afterwards changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray

import dlgru as dl


def test_gradients_are_of_the_numbers_an_operation_saw() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])

    def model(w: Any) -> Any:
        y = dl.sum(w * a, "all")
        a.fill(7)
        return dl.dlgradient(y, w)

    g = dl.dlfeval(model, dl.dlarray([[1.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(np.asarray(g), [[1.0, 2.0], [3.0, 4.0]])


VIEWS = {
    "reshape": lambda a: dl.reshape(a, 4, 1),
    "transpose": lambda a: dl.transpose(a),
    "permute": lambda a: dl.permute(a, [2, 1]),
    "single": lambda a: dl.single(a.astype(np.float32)),
    "double": lambda a: dl.double(a),
    "real": lambda a: dl.real(a),
    "squeeze": lambda a: dl.squeeze(a),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_result_does_not_share_memory_with_an_argument(name: str) -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]], order="F")
    y = VIEWS[name](a)
    before = np.array(y)
    a.fill(7)
    np.testing.assert_array_equal(np.asarray(y), before)


def test_gru_keeps_what_it_was_given() -> None:
    random = np.random.default_rng(0)
    W, R, b = (random.normal(size=s) for s in ((6, 3), (6, 2), (6, 1)))
    X = dl.dlarray(random.normal(size=(3, 4, 5)), "CBT")

    def model(X: Any, W: Any, R: Any, change: bool) -> Any:
        y = dl.sum(dl.gru(X, np.zeros((2, 1)), W, R, b), "all")
        if change:
            W.fill(7)
            R.fill(7)
        return dl.dlgradient(y, X)

    expected = dl.dlfeval(model, X, W, R, False)
    found = dl.dlfeval(model, X, W.copy(), R.copy(), True)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_a_read_only_view_of_an_array_that_can_change_is_copied() -> None:
    a = np.ones((2, 2), order="F")
    view = a.view()
    view.flags.writeable = False
    y = dl.reshape(view, 4, 1)
    a.fill(7)
    assert float(dl.sum(y)) == 4


def test_what_nobody_can_change_is_not_copied() -> None:
    X = dl.dlarray(np.ones((2, 2)))
    assert np.shares_memory(np.asarray(dl.reshape(np.asarray(X), 4, 1)), np.asarray(X))


def test_device_arrays_are_copied_too() -> None:
    a = FakeArray(np.ones((2, 2), order="F"))
    y = dl.reshape(a, 4, 1)
    a[...] = 7.0
    assert float(dl.sum(y)) == 4
