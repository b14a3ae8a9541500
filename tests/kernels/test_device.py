"""The plain engine on the device that is not there: same values, and no traffic back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from complex_gru import Case
from fakedevice import TRAFFIC, FakeArray, Library
from gru_cases import MODES, backward, by_name, data, directions, forward, make

from dlgru.kernels import plain_blocks, scratch


@pytest.fixture(autouse=True)
def strict_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid what NumPy does silently: operands expanded to the size of an output, which CuPy
    refuses, and operands of two classes, of which the larger would be computed in.
    """
    found = Library.__getattr__

    def strict(library: Library, name: str) -> Any:
        function, host = found(library, name), getattr(np, name)
        if name == "matmul" or not (isinstance(host, np.ufunc) or name == "copyto"):
            return function

        def call(*args: Any, **options: Any) -> Any:
            if name == "copyto":
                out, *operands = args[0], args[1], options["where"]
            else:
                operands, out = args[: host.nin], args[host.nin] if len(args) > host.nin else None
            sizes = [getattr(x, "shape", ()) for x in operands]
            assert out is None or out.shape == np.broadcast_shapes(*sizes), name
            classes = {x.dtype for x in operands if x.dtype != bool}
            assert len(classes) == 1, f"{name} mixes {classes}"
            return function(*args, **options)

        return call

    monkeypatch.setattr(Library, "__getattr__", strict)


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["full", "ragged"])
@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_every_mode_runs_on_the_device_and_stays_there(
    form: tuple[str, int],
    gate: str,
    act: str,
    way: str,
    lengths: Any,
    save: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plain_blocks, "BLOCK_ROWS", 8)
    monkeypatch.setattr(scratch, "_shelf", {})
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way, "lengths": lengths}
    for inner, dtype in ((1, np.float32), (2, np.float64)):
        check(make(5, 3, 2, 4, bias=form[1], inner=inner, dtype=dtype, **options), save)
    assert not [kept for kept in scratch._shelf.values() if kept.xp is not np]


@pytest.mark.parametrize("way", ["forward", "bidirectional"])
@pytest.mark.parametrize(
    "sizes", [(1, 1, 1, 1), (0, 2, 3, 4), (3, 0, 2, 4), (3, 2, 0, 4), (3, 2, 1, 0)]
)
def test_every_size_runs_on_the_device(sizes: tuple[int, ...], way: str) -> None:
    check(make(*sizes, direction=way), "gates")
    case = make(*sizes, direction=way)
    check(case._replace(h0=case.h0[:, :1]) if sizes[1] else case, "gates")


def check(case: Case, save: str) -> None:
    rounding = np.finfo(case.x.dtype).eps
    dy, dlast = directions(case)
    expected = forward(case, save)
    gradients = by_name(backward(expected, dy, dlast))
    there = data(case, FakeArray)
    dy_there, dlast_there = FakeArray(dy), FakeArray(dlast)
    TRAFFIC.reset()
    plainest = forward(there)
    out = forward(there, save)
    found = by_name(backward(out, dy_there, dlast_there))
    assert TRAFFIC.back == 0
    for one, two in (
        (out.y, expected.y),
        (out.last[0], expected.last[0]),
        (plainest.y, out.y.get()),
    ):
        np.testing.assert_allclose(one.get(), two, rtol=0, atol=50 * rounding)
    assert sorted(found) == sorted(gradients)
    for name, gradient in gradients.items():
        assert isinstance(found[name], FakeArray)
        np.testing.assert_allclose(found[name].get(), gradient, rtol=0, atol=500 * rounding)
