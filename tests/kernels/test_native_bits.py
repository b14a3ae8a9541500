"""The native engine's results are the same bits however the work is cut."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from complex_gru import Case
from gru_cases import by_name, directions, make, spec_for

from dlgru.kernels import extension, native
from dlgru.kernels.spec import Extra, Needs

DTYPES = [np.float64, np.float32]
# Below and from 64 terms a sum, one row and many, tails of vectors, tiles and segments; the work
# of each is enough for several threads, by observations and by hidden units.
SIZES = [
    (30, 32, 64, 128),
    (100, 1, 64, 128),
    (20, 27, 12, 100),
    (12, 5, 70, 165),
    (40, 2, 33, 130),
    (40, 3, 5, 207),
    (40, 1, 20, 96),
    (30, 4, 7, 48),
]


def scaled(case: Case) -> Case:
    (C, _, _), H, kind = case.x.shape, case.R.shape[1], case.x.dtype.type
    return case._replace(W=case.W * kind(C**-0.5), R=case.R * kind(H**-0.5))


def run(case: Case, save: str, dy: Any, dlast: Any) -> dict[str, Any]:
    arrays = (case.x, (case.h0,), case.W, case.R, case.b)
    out = native.forward(spec_for(case, save), *arrays, Extra(lengths=case.lengths))
    if save == "none":
        return {"y": out.y, "last": out.last[0]}
    grads = native.backward(out.reserve, dy, (dlast,), (), Needs())
    return {"y": out.y, "last": out.last[0], **by_name(grads)}


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], name)


@pytest.fixture(autouse=True)
def _one_thread_unless_said() -> Iterator[None]:
    extension.native.thread_limit(1)
    yield
    extension.native.thread_limit(0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("sizes", SIZES)
def test_bits_do_not_depend_on_the_number_of_threads(
    sizes: tuple[int, ...], reset: str, ragged: bool, dtype: Any, instruction_set: int
) -> None:
    T, B, _, _ = sizes
    lengths = [T - (7 * i) % T for i in range(B)] if ragged else None
    case = scaled(make(*sizes, reset=reset, lengths=lengths, dtype=dtype))
    dy, dlast = directions(case)
    for save in ("none", "gates", "y"):
        extension.native.thread_limit(1)
        alone = run(case, save, dy, dlast)
        for threads in (2, 3):
            extension.native.thread_limit(threads)
            same(run(case, save, dy, dlast), alone)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("sizes", SIZES)
def test_what_is_saved_changes_no_bit(
    sizes: tuple[int, ...], reset: str, way: str, dtype: Any, instruction_set: int
) -> None:
    case = scaled(make(*sizes, reset=reset, direction=way, dtype=dtype))
    dy, dlast = directions(case)
    gates = run(case, "gates", dy, dlast)
    same(run(case, "none", dy, dlast), gates)
    same(run(case, "y", dy, dlast), gates)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cut", [1, 3, 11])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("sizes", SIZES)
def test_bits_do_not_depend_on_where_a_sequence_is_cut(
    sizes: tuple[int, ...], reset: str, cut: int, dtype: Any, instruction_set: int
) -> None:
    case = scaled(make(*sizes, reset=reset, dtype=dtype))
    dy, dlast = directions(case)
    whole = run(case, "gates", dy, dlast)
    head, tail = case._replace(x=case.x[..., :cut]), case._replace(x=case.x[..., cut:])
    tail = tail._replace(h0=run(head, "none", None, None)["last"])
    late = run(tail, "gates", dy[..., cut:], dlast)
    early = run(head, "gates", dy[..., :cut], late["h0"])
    np.testing.assert_array_equal(np.concatenate([early["y"], late["y"]], 2), whole["y"])
    np.testing.assert_array_equal(np.concatenate([early["x"], late["x"]], 2), whole["x"])
    np.testing.assert_array_equal(late["last"], whole["last"])
    np.testing.assert_array_equal(early["h0"], whole["h0"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("sizes", [s for s in SIZES if s[1] > 1])
def test_bits_of_an_observation_do_not_depend_on_those_beside_it(
    sizes: tuple[int, ...], reset: str, dtype: Any, instruction_set: int
) -> None:
    case = scaled(make(*sizes, reset=reset, dtype=dtype))
    dy, dlast = directions(case)
    together = run(case, "gates", dy, dlast)
    for some in (slice(0, 1), slice(1, 3), slice(-1, None), slice(0, 11)):
        part = case._replace(x=case.x[:, some], h0=case.h0[:, some])
        found = run(part, "gates", dy[:, some], dlast[:, some])
        for name in ("y", "last", "x", "h0"):
            np.testing.assert_array_equal(found[name], together[name][:, some], name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(9, 1, 4, 8), *[s for s in SIZES if s[1] == 1], (5, 1, 70, 165)])
def test_streaming_step_by_step_gives_the_bits_of_the_whole_run(
    sizes: tuple[int, ...], dtype: Any, instruction_set: int
) -> None:
    case = scaled(make(*sizes, dtype=dtype))
    whole = run(case, "none", None, None)
    h = case.h0
    for t in range(sizes[0]):
        y, h = extension.native.quick(0, case.x[..., t : t + 1], h, case.W, case.R, case.b, None)
        np.testing.assert_array_equal(y, whole["y"][..., t : t + 1])
    np.testing.assert_array_equal(h, whole["last"])


def test_weights_read_in_place_give_the_bits_of_packed_ones(instruction_set: int) -> None:
    # Four rows are read in place, five packed.
    for B, T in ((4, 1), (1, 4), (2, 2), (1, 1)):
        for reset in ("after", "before"):
            for C, H in ((65, 130), (3, 5), (16, 64), (7, 100)):
                more = scaled(make(T + 4, B, C, H, reset=reset))
                few = more._replace(x=more.x[..., :T])
                expected = run(more, "none", None, None)["y"][..., :T]
                np.testing.assert_array_equal(run(few, "none", None, None)["y"], expected)


@pytest.mark.skipif(sys.platform == "win32", reason="asks the C library by its POSIX name")
@pytest.mark.parametrize("direction", [0x400, 0x800, 0xC00], ids=["down", "up", "to zero"])
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86's numbers")
def test_all_threads_round_as_the_caller_does(direction: int) -> None:
    library = ctypes.CDLL(None)
    case = scaled(make(100, 1, 64, 128, dtype=np.float32))
    dy, dlast = directions(case)

    def results(threads: int) -> dict[str, Any]:
        extension.native.thread_limit(threads)
        return run(case, "gates", dy, dlast)

    nearest = results(1)
    assert library.fesetround(direction) == 0
    try:
        alone, together = results(1), results(2)
    finally:
        library.fesetround(0)
    same(together, alone)
    assert not np.array_equal(alone["W"], nearest["W"])
