"""Long sequences: what a traced ``gru`` keeps inside ``recompute_gates`` and outside."""

from __future__ import annotations

import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.kernels import extension, recompute_gates, use_engine

T, B, C, H = 40, 5, 3, 16
ENGINES = ["plain", "native"] if extension.native is not None else ["plain"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"ResetGateMode": "before-multiplication", "Direction": "backward"},
    {"SequenceLengths": [40, 7, 0, 1, 39], "StateActivationFunction": "softsign"},
    {"Direction": "bidirectional"},
]


def arrays(options: dict[str, Any], *, T: int = T, B: int = B, H: int = H) -> tuple[Any, ...]:
    draw = np.random.default_rng(3)
    ways = 2 if options.get("Direction") == "bidirectional" else 1

    def array(*size: int) -> Any:
        return dl.dlarray(0.4 * draw.standard_normal(size))

    X, H0 = dl.dlarray(array(C, B, T), "CBT"), dl.dlarray(array(ways * H, B), "CB")
    return X, H0, array(ways * 3 * H, C), array(ways * 3 * H, H), array(ways * 3 * H, 1)


def step(*given: Any, recompute: bool, **options: Any) -> Any:
    if recompute:
        with recompute_gates():
            Y, last = dl.gru(*given, nargout=2, **options)
    else:
        Y, last = dl.gru(*given, nargout=2, **options)
    L = dl.sum(Y * Y, "all") + dl.sum(last, "all")
    return L, Y, last, *dl.dlgradient(L, *given)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", OPTIONS)
def test_values_and_gradients_are_the_same(engine: str, options: dict[str, Any]) -> None:
    given = arrays(options)
    with use_engine(engine):
        kept, again = [
            dl.dlfeval(lambda *a, way=way: step(*a, recompute=way, **options), *given)
            for way in (False, True)
        ]
    for k, (one, two) in enumerate(zip(kept, again, strict=True)):
        assert one.dims == two.dims
        one, two = np.asarray(one), np.asarray(two)
        if k < 3 or engine == "native":
            np.testing.assert_array_equal(one, two)
        else:  # products of other sizes may round differently
            np.testing.assert_allclose(two, one, rtol=0, atol=1e-12 * np.abs(one).max())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("mode", "planes"), [("after-multiplication", 4), ("before-multiplication", 3)]
)
def test_no_gates_are_kept(engine: str, mode: str, planes: int) -> None:
    given = arrays({}, T=300, B=4, H=32)
    size = 300 * 4 * 32 * 8
    held = {}

    def held_after(*traced: Any) -> Any:
        tracemalloc.start()
        try:
            Y = dl.gru(*traced, ResetGateMode=mode)
            return Y, tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    with use_engine(engine):
        dl.dlfeval(held_after, *given)  # what is made once
        held["gates"] = dl.dlfeval(held_after, *given)[1]
        with recompute_gates():
            dl.dlfeval(held_after, *given)
            held["y"] = dl.dlfeval(held_after, *given)[1]
    assert size <= held["y"] < 1.1 * size
    assert (1 + planes) * size <= held["gates"] < (1.1 + planes) * size


def test_second_derivatives_do_not_care() -> None:
    given = arrays({}, T=4, B=2, H=3)

    def second(*traced: Any, recompute: bool) -> Any:
        _, _, _, *gradients = step(*traced, recompute=recompute)
        return dl.dlgradient(dl.sum(gradients[3] ** 2, "all"), traced[3])

    one, two = [
        dl.dlfeval(lambda *a, way=way: second(*a, recompute=way), *given) for way in (False, True)
    ]
    assert np.asarray(one).any()
    np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


def test_the_block_ends_also_by_an_error_and_holds_for_its_thread_only() -> None:
    from dlgru.kernels.saving import kept_for_the_derivative

    seen = []
    with pytest.raises(ZeroDivisionError), recompute_gates():
        with recompute_gates():
            pass
        seen.append(kept_for_the_derivative())
        other = threading.Thread(target=lambda: seen.append(kept_for_the_derivative()))
        other.start()
        other.join()
        raise ZeroDivisionError
    assert [*seen, kept_for_the_derivative()] == ["y", "gates", "gates"]
