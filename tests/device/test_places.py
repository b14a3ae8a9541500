"""Host and device data together: an error that names both, except for single elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, Case
from fakedevice import TRAFFIC, FakeArray
from ops import checks

import dlgru as dl
from dlgru.array import DLArray, Value, wrap
from dlgru.errors import DlgruTypeError

HOST = dl.dlarray(np.arange(1.0, 7.0).reshape(2, 3), "CB")
W, R, b = dl.ones(6, 3), dl.ones(6, 2), dl.ones(6, 1)


def there(x: Any) -> Any:
    return wrap(Value(FakeArray(x.value.data)), x.dims)


THERE = there(HOST)
SEQUENCE = dl.dlarray(np.ones((3, 2, 4)), "CBT")


def assigned(x: Any, v: Any) -> None:
    x = dl.copy(x)
    x[...] = v


MIXED: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "plus": (lambda: THERE + HOST, "plus", "B", "A"),
    "plus, the other way round": (lambda: HOST + THERE, "plus", "A", "B"),
    "times of an ndarray": (lambda: THERE * np.ones((2, 3)), "times", "B", "A"),
    "a function": (lambda: dl.plus(HOST, THERE), "plus", "A", "B"),
    "ge": (lambda: THERE >= HOST, "ge", "B", "A"),
    "max": (lambda: dl.max(THERE, HOST), "max", "B", "A"),
    "mtimes": (lambda: dl.stripdims(THERE) @ dl.ones(3, 2), "mtimes", "B", "A"),
    "cat": (lambda: dl.cat(1, HOST, THERE), "cat", "input 2", "input 3"),
    "vertcat": (
        lambda: dl.vertcat(dl.stripdims(THERE), dl.ones(1, 3)),
        "cat",
        "input 2",
        "input 1",
    ),
    "mse": (lambda: dl.mse(HOST, THERE), "mse", "Y", "targets"),
    "crossentropy": (lambda: dl.crossentropy(THERE, HOST), "crossentropy", "targets", "Y"),
    "fullyconnect": (
        lambda: dl.fullyconnect(THERE, dl.ones(4, 2), dl.zeros(4, 1)),
        "fullyconnect",
        "weights and bias",
        "X",
    ),
    "embed": (lambda: dl.embed(dl.dlarray([[1, 2]], "CB"), there(W)), "embed", "X", "weights"),
    "gru": (
        lambda: dl.gru(there(SEQUENCE), dl.zeros(2, 1), there(W), there(R), there(b)),
        "gru",
        "H0",
        "X, weights, recurrentWeights and bias",
    ),
    "gru: the sequence": (
        lambda: dl.gru(SEQUENCE, there(dl.zeros(2, 1)), there(W), there(R), there(b)),
        "gru",
        "X",
        "H0, weights, recurrentWeights and bias",
    ),
    "an assignment": (lambda: assigned(THERE, HOST), "X[...] = value", "value", "X"),
    "an assignment to the host": (
        lambda: assigned(HOST, THERE),
        "X[...] = value",
        "X",
        "value",
    ),
    "an element assigned to the host": (
        lambda: assigned(HOST, there(dl.ones(1, 1))),
        "X[...] = value",
        "X",
        "value",
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_the_message_names_both_sides_and_the_fix(name: str) -> None:
    call, function, here, other = MIXED[name]
    TRAFFIC.reset()
    with pytest.raises(DlgruTypeError) as caught:
        call()
    error = caught.value
    assert error.identifier == f"dlgru:{function}:device" and error.function == function
    assert error.argument == here and "in host memory" in error.came
    assert error.expected == f"on the GPU, like {other}"
    for one in here.split(" and "):
        assert f"gpuArray({one})" in error.fix
    assert TRAFFIC.back == 0


def test_update_functions_name_the_leaf() -> None:
    p = dl.struct("W", THERE)
    with pytest.raises(DlgruTypeError, match=r"grad\.W is in host memory.*where params\.W is"):
        dl.adamupdate(p, dl.struct("W", HOST), [], [], 1)


@pytest.mark.parametrize("other", [2, 2.5, True, 1j, np.float32(2), dl.dlarray(2.5)])
def test_a_number_or_one_element_from_the_host_goes_along(other: Any) -> None:
    TRAFFIC.reset()
    for result, expected in (
        (THERE * other, HOST * other),
        (other + THERE, other + HOST),
        (THERE**2 / other, HOST**2 / other),
        (THERE != other, HOST != other),
    ):
        assert type(result.value.data) is FakeArray and result.dtype == expected.dtype
        assert result.dims == "CB"
        np.testing.assert_array_equal(checks.host(result), checks.host(expected))
    assert TRAFFIC.waited == 0


def test_one_element_is_joined_and_assigned() -> None:
    row = dl.cat(2, dl.dlarray(1.0), dl.gpuArray([2, 3]))
    assert dl.isgpuarray(row)
    np.testing.assert_array_equal(checks.host(row), [[1, 2, 3]])
    X = dl.copy(THERE)
    X[0, 1] = dl.dlarray(9.0)
    X[1, 1] = np.float64(8.0)
    X[1, 2] = 7
    np.testing.assert_array_equal(checks.host(X), [[1, 9, 3], [4, 8, 7]])


def test_the_gradient_of_an_element_that_went_along_is_on_the_host() -> None:
    def loss(s: Any, x: Any) -> Any:
        joined = dl.cat(1, s, dl.stripdims(x[:, 0]))
        y = dl.copy(x)
        y[0, 0] = s
        total = dl.sum(x * s, "all") + dl.sum(joined**2, "all") + dl.sum(y * 3, "all")
        return dl.dlgradient(total, s, x)

    s = dl.dlarray(2.0)
    gs, gx = dl.dlfeval(loss, s, THERE)
    es, ex = dl.dlfeval(loss, s, HOST)
    assert type(gs.value.data) is np.ndarray and type(gx.value.data) is FakeArray
    np.testing.assert_allclose(checks.host(gs), checks.host(es))
    np.testing.assert_allclose(checks.host(gx), checks.host(ex))


# -- every operation -----------------------------------------------------------------------


def mixtures() -> list[Any]:
    """Cases with one array of several elements on the host and the others on the device."""
    rows = []
    for key, case in ALL_CASES.items():
        arrays = [k for k, x in enumerate(case.args) if type(x) is DLArray]
        for left in arrays if len(arrays) > 1 else []:
            if case.args[left].value.data.size > 1:
                rows.append(pytest.param(case, left, id=f"{key}-{left}"))
    return rows


@pytest.mark.parametrize(("case", "left"), mixtures())
def test_no_operation_moves_an_array_silently(case: Case, left: int) -> None:
    args = list(checks.on(case, "fake").args)
    args[left] = case.args[left]
    TRAFFIC.reset()
    with pytest.raises(DlgruTypeError) as caught:
        case.op.public(*args, **case.options)
    assert caught.value.identifier.endswith(":device")
    assert TRAFFIC.fetched == 0
