"""Arrays on the device are column-major, although what its library computes is row-major."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, Case
from fakedevice import LIBRARY, TRAFFIC, FakeArray
from ops import checks

import dlgru as dl
from dlgru.array import Value
from dlgru.backend import elementwise, half_away

HOST = np.asfortranarray(np.arange(-6.0, 6.0).reshape(3, 4) / 4)

# -- the device that is not there ----------------------------------------------------------

COMPUTED: dict[str, Callable[[Any], Any]] = {
    "a function": lambda x: LIBRARY.exp(x),
    "a function of two": lambda x: LIBRARY.add(x, x),
    "an operator": lambda x: x + x,
    "a comparison": lambda x: x > 0,
    "a sign": lambda x: -x,
    "a choice": lambda x: LIBRARY.where(x > 0, x, 0.0),
    "a gathering": lambda x: x[:, LIBRARY.asarray([0, 2, 2])],
    "a gathering of rows": lambda x: x[LIBRARY.asarray([0, 2, 2])],
    "elements along a dimension": lambda x: LIBRARY.take_along_axis(x, x.argsort(1), axis=1),
    "a sum": lambda x: x.reshape(3, 2, 2, order="F").sum(2),
    "a product": lambda x: x.T @ x,
    "a conjugate": lambda x: LIBRARY.conj(x.astype(complex)),
    "arrays side by side": lambda x: LIBRARY.concatenate([x, x]),
    "an array from the host": lambda x: LIBRARY.asarray(HOST),
}
"""CuPy allocates all of these row-major, NumPy some of them like what it was given."""

IN_AN_ORDER: dict[str, Callable[[Any], Any]] = {
    "a view": lambda x: x[:, 1:],
    "another class": lambda x: x.astype("float32"),
    "a copy that keeps": lambda x: x.copy(order="K"),
    "zeros of the same kind": lambda x: LIBRARY.zeros_like(x),
    "memory": lambda x: LIBRARY.empty((3, 4), order="F"),
    "another size": lambda x: x[:2].reshape(4, 2, order="F"),
    "sent in an order": lambda x: LIBRARY.asarray(HOST.T, order="F"),
    "computed in place": lambda x: x.__iadd__(1),
    "computed into an array": lambda x: LIBRARY.add(x, x, out=x),
}
"""Here CuPy keeps an order, or takes the one it is told."""


@pytest.mark.parametrize("what", COMPUTED)
def test_the_device_that_is_not_there_computes_rows_as_cupy_does(what: str) -> None:
    flags = COMPUTED[what](FakeArray(HOST)).flags
    assert flags.c_contiguous and not flags.f_contiguous


@pytest.mark.parametrize("what", IN_AN_ORDER)
def test_it_keeps_an_order_where_cupy_does(what: str) -> None:
    flags = IN_AN_ORDER[what](FakeArray(HOST)).flags
    assert flags.f_contiguous and not flags.c_contiguous


# -- the package ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", ALL_CASES.values(), ids=ALL_CASES)
def test_every_array_on_the_way_is_column_major(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only results and gradients, which ``tests/ops/test_table.py`` looks at."""
    kept = Value.__init__
    count = [0]

    def made(self: Value, data: Any, *rest: Any) -> None:
        kept(self, data, *rest)
        assert data.flags.f_contiguous
        count[0] += 1

    moved = checks.on(case, "fake")
    monkeypatch.setattr(Value, "__init__", made)
    checks.call(moved)
    if case.variables and case.op.differentiable:
        checks.slopes(moved, checks.directions_of(case, "inner"), False)
    assert count[0] > 0


@pytest.mark.parametrize("send", [FakeArray, np.asarray], ids=["device", "host"])
def test_elementwise_gives_columns_of_the_right_values(send: Callable[[Any], Any]) -> None:
    def f(x: Any, y: Any, number: float) -> Any:
        assert send is not FakeArray or x.flags.c_contiguous  # what the library reads best
        return x * number - y

    found = elementwise(f, send(HOST), send(HOST**2), 3.0)
    assert found.flags.f_contiguous
    np.testing.assert_array_equal(checks.host(dl.dlarray(found)), 3 * HOST - HOST**2)


@pytest.mark.parametrize("send", [FakeArray, np.asarray], ids=["device", "host"])
def test_rounding_gives_columns(send: Callable[[Any], Any]) -> None:
    found = half_away(send(HOST))
    assert found.flags.f_contiguous
    np.testing.assert_array_equal(
        checks.host(dl.dlarray(found)), np.copysign(np.floor(abs(HOST) + 0.5), HOST)
    )


def test_a_result_takes_another_size_without_a_copy() -> None:
    X = dl.tanh(dl.gpuArray(HOST))
    TRAFFIC.reset()
    Y = dl.reshape(X, 2, 6)
    assert TRAFFIC.launched == 0
    expected = np.tanh(HOST).reshape(2, 6, order="F")
    np.testing.assert_allclose(checks.host(Y), expected, rtol=1e-15)


def test_columns_of_a_device_array_are_gathered_without_another_copy() -> None:
    X, at = FakeArray(HOST), LIBRARY.asarray([0, 2, 2])
    TRAFFIC.reset()
    found = dl.op.OPS["columns"].function(X, at)
    assert TRAFFIC.launched == 1 and found.flags.f_contiguous
    np.testing.assert_array_equal(found.get(), HOST[:, [0, 2, 2]])
