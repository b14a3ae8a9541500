"""What an assignment makes of a logical array: another logical array, as in MATLAB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakedevice import TRAFFIC, FakeArray

import dlgru as dl
from dlgru.endmark import end
from dlgru.errors import DlgruTypeError, DlgruValueError


def mask(*flags: bool) -> dl.DLArray:
    return dl.dlarray(np.array([flags]))


@pytest.mark.parametrize("value", [1, 2.5, True, np.float32(3), dl.dlarray(-1.0), dl.true(1, 1)])
def test_it_stays_logical_and_nonzero_is_true(value: Any) -> None:
    m = mask(False, False, False)
    m.m[2] = value
    assert dl.underlyingType(m) == "logical"
    assert dl.isequal(m, mask(False, True, False))
    assert dl.isequal(dl.dlarray([5, 6, 7]).m[m], 6)


def test_on_a_device_a_number_costs_what_it_costs_in_any_array() -> None:
    def launches(host: np.ndarray) -> int:
        x = dl.dlarray(FakeArray(host))
        TRAFFIC.reset()
        x.m[1] = 1
        assert (TRAFFIC.sent, TRAFFIC.waited) == (0, 0)
        launched = TRAFFIC.launched
        assert dl.isequal(dl.gather(x), dl.dlarray([1.0, 1.0]))
        return launched

    assert launches(np.array([[False, True]])) == launches(np.array([[0.0, 1.0]]))


def test_several_elements_and_growth() -> None:
    m = mask(True, True)
    m.m[1:2] = dl.dlarray([0.0, 3.0])
    m.m[end + 2] = 1
    assert dl.isequal(m, mask(False, True, False, True))
    m[m] = 0
    assert dl.underlyingType(m) == "logical"
    assert not dl.any(m)


@pytest.mark.parametrize("value", [np.nan, dl.dlarray([1.0, np.nan])])
def test_nan_is_refused_and_changes_nothing(value: Any) -> None:
    m = mask(True, True)
    with pytest.raises(DlgruValueError, match="NaN is neither true nor false"):
        m.m[:] = value
    assert dl.isequal(m, mask(True, True))


@pytest.mark.parametrize("value", [1j, dl.dlarray([1j, 2])])
def test_complex_numbers_are_refused(value: Any) -> None:
    m = mask(True, True)
    with pytest.raises(DlgruTypeError, match="value is complex, expected real numbers"):
        m.m[:] = value
    assert dl.isequal(m, mask(True, True))


@pytest.mark.parametrize("kind", ["single", "double"])
def test_a_traced_value_keeps_its_derivative(kind: str) -> None:
    def loss(x: dl.DLArray) -> Any:
        m = mask(True, False)
        m.m[2] = x
        assert dl.underlyingType(m) == kind
        return dl.dlgradient(dl.sum(3 * m), x)

    assert float(dl.dlfeval(loss, dl.cast(dl.dlarray(2.0), kind))) == 3.0


def test_other_classes_go_as_before() -> None:
    x = dl.zeros(1, 2)
    x.m[1] = True
    assert dl.underlyingType(x) == "double"
    x.m[1] = dl.single(2)
    assert dl.underlyingType(x) == "single"
