"""What the native engine must not touch: other memory, other observations, inputs, padding."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from complex_gru import ARRAYS
from gru_cases import (
    ACTS,
    FORMS,
    GATES,
    SAVES,
    STRIDES,
    WAYS,
    backward,
    by_name,
    data,
    directions,
    forward,
    make,
    outputs,
    spec_for,
)

from dlgru.errors import DlgruValueError
from dlgru.kernels import extension, native, plain
from dlgru.kernels.choice import choice
from dlgru.kernels.spec import Extra, Needs


def quick(*arrays: Any) -> Any:
    """The short way of the default GRU."""
    return extension.native.quick(0, *arrays, None)


# -- the ends of arrays ----------------------------------------------------------------

GUARDED = '''
import ctypes, mmap, sys
sys.path.insert(0, "tests")
import numpy as np
from gru_cases import directions, make, spec_for
from dlgru.kernels import extension, native
from dlgru.kernels.spec import Extra, Needs

libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
PAGE = mmap.PAGESIZE
kept = []

def at_the_edge(a, low):
    """A copy whose first or last byte lies beside a page that may not be read."""
    size = -(-a.nbytes // PAGE) * PAGE
    room = mmap.mmap(-1, size + 2 * PAGE)
    kept.append(room)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    offset = PAGE if low else PAGE + size - a.nbytes
    copy = np.frombuffer(room, a.dtype, a.size, offset).reshape(a.shape, order="F")
    copy[...] = a
    for guard in (start, start + PAGE + size):
        assert libc.mprotect(guard, PAGE, mmap.PROT_NONE if hasattr(mmap, "PROT_NONE") else 0) == 0
    return copy

extension.native.use_instruction_set(int(sys.argv[1]))
SIZES = (1, 1, 4, 8), (1, 1, 3, 5), (1, 2, 5, 17), (5, 3, 7, 33), (3, 9, 17, 16), (9, 1, 6, 70)
for sizes in SIZES:
    for dtype in (np.float32, np.float64):
        for reset in ("after", "before"):
            for low in (False, True):
                case = make(*sizes, reset=reset, dtype=dtype)
                dy, dlast = (at_the_edge(a, low) for a in directions(case))
                x, h0, W, R, b = (at_the_edge(a, low) for a in case[:5])
                for save in ("gates", "y"):
                    out = native.forward(spec_for(case, save), x, (h0,), W, R, b, Extra())
                    native.backward(out.reserve, dy, (dlast,), (), Needs())
                if sizes[:2] == (1, 1) and reset == "after":
                    assert extension.native.quick(0, x, h0, W, R, b, None) is not None
print("nothing touched")
'''


@pytest.mark.skipif(sys.platform == "win32", reason="page protection is set by mprotect")
def test_nothing_is_read_beyond_an_array(instruction_set: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, str(instruction_set)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "nothing touched\n"), done.stderr


# -- observations and padding ----------------------------------------------------------


@pytest.mark.parametrize("H", [5, 70])
@pytest.mark.parametrize("B", [2, 11])
@pytest.mark.parametrize("reset", ["after", "before"])
def test_a_nan_stays_in_its_own_observation(
    reset: str, B: int, H: int, instruction_set: int
) -> None:
    case = make(4, B, 3, H, reset=reset)
    x = case.x.copy(order="F")
    x[:, 1, 2] = np.nan
    clean, found = outputs(case, "gates"), outputs(case._replace(x=x), "gates")
    others = [o for o in range(B) if o != 1]
    for one, two in zip(clean[:4], found[:4], strict=True):  # y, last, and gradients of x and h0
        np.testing.assert_array_equal(one[:, others], two[:, others])
    np.testing.assert_array_equal(clean[0][:, 1, :2], found[0][:, 1, :2])
    assert np.isnan(found[0][:, 1, 2:]).all()
    assert np.isnan(found[3][:, 1]).all()


@pytest.mark.parametrize("gate", ["sigmoid", "hard-sigmoid"])
@pytest.mark.parametrize("act", ["tanh", "softsign", "relu"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_the_padding_gets_out(
    form: tuple[str, int], way: str, act: str, gate: str, instruction_set: int
) -> None:
    lengths = [2, 6, 0, 5]
    options = {"reset": form[0], "bias": form[1], "direction": way, "act": act, "gate": gate}
    for save in ("gates", "y"):
        clean: list[Any] = []
        for padding in (0.0, np.nan, np.inf, -1e300):
            found = outputs(make(6, 4, 2, 3, lengths=lengths, padding=padding, **options), save)
            clean = clean or found
            for one, two in zip(clean, found, strict=True):
                assert np.isfinite(two).all()
                np.testing.assert_array_equal(one, two)
        for o, n in enumerate(lengths):
            assert not clean[0][:, o, n:].any()
            assert not clean[2][:, o, n:].any()


def test_when_no_observation_runs_gradients_are_zero() -> None:
    case = make(4, 3, 2, 5, lengths=[0, 0, 0])
    y, last, dx, dh0, *weights = outputs(case, "gates")
    np.testing.assert_array_equal(last, case.h0)
    np.testing.assert_array_equal(dh0, directions(case)[1])
    assert not any(a.any() for a in (y, dx, *weights))


# -- strides and ownership -------------------------------------------------------------


def misaligned(a: Any) -> Any:
    room = np.zeros(a.nbytes + 1, np.uint8)
    view = room[1:].view(a.dtype).reshape(a.shape, order="F")
    view[...] = a
    return view


LAYOUTS = {
    **STRIDES,
    "columns turned round": lambda a: np.asfortranarray(a[..., ::-1])[..., ::-1],
    "misaligned": misaligned,
}


@pytest.mark.parametrize("sizes", [(6, 3, 5, 17), (1, 1, 5, 70), (2, 2, 3, 16)])
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("strides", LAYOUTS)
def test_any_strides_give_the_same_bits(
    strides: str, reset: str, way: str, sizes: tuple[int, ...]
) -> None:
    case = make(*sizes, reset=reset, direction=way)
    moved = data(case, LAYOUTS[strides])
    dy, dlast = directions(case)
    results = []
    for one, change in ((case, lambda a: a), (moved, LAYOUTS[strides])):
        arrays = (one.x, (one.h0,), one.W, one.R, one.b)
        out = native.forward(spec_for(one, "gates"), *arrays, Extra())
        grads = native.backward(out.reserve, change(dy), (change(dlast),), (), Needs())
        results.append([out.y, out.last[0], *by_name(grads).values()])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("sizes", [(1, 1, 4, 8), (1, 3, 5, 17), (6, 1, 70, 130), (20, 9, 3, 33)])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("form", FORMS)
def test_the_short_way_gives_the_bits_of_the_long_one(
    form: tuple[str, int], way: str, act: str, gate: str, sizes: tuple[int, ...]
) -> None:
    options = {"gate": gate, "act": act, "direction": way, "reset": form[0]}
    for dtype in (np.float32, np.float64):
        case = make(*sizes, bias=form[1], dtype=dtype, **options)
        arrays = (case.x, case.h0, case.W, case.R, case.b)
        found = native.short(spec_for(case, "none"))(*arrays, None)
        if case.b is None:
            assert found is None
            continue
        expected = native.forward(spec_for(case, "none"), case.x, (case.h0,), *arrays[2:], Extra())
        np.testing.assert_array_equal(found[0], expected.y)
        np.testing.assert_array_equal(found[1], expected.last[0])
        assert found[0].flags.f_contiguous and found[1].flags.f_contiguous
        # One state for all observations is the same as that state for each.
        one = np.asfortranarray(case.h0[:, :1])
        each = np.asfortranarray(np.repeat(one, sizes[1], 1))
        short = native.short(spec_for(case, "none"))
        pair = [short(case.x, h, *arrays[2:], None) for h in (one, each)]
        np.testing.assert_array_equal(pair[0][0], pair[1][0])
        np.testing.assert_array_equal(pair[0][1], pair[1][1])


def test_the_short_way_takes_strides_or_leaves_them() -> None:
    case = make(1, 1, 5, 17)
    expected = quick(case.x, case.h0, case.W, case.R, case.b)
    for change in LAYOUTS.values():
        moved = data(case, change)
        found = quick(moved.x, moved.h0, moved.W, moved.R, moved.b)
        if found is not None:
            np.testing.assert_array_equal(found[0], expected[0])


def test_the_short_way_leaves_what_is_not_plain() -> None:
    case = make(1, 1, 5, 7)
    arrays = [case.x, case.h0, case.W, case.R, case.b]
    assert quick(*arrays) is not None
    wrong = {
        0: [
            case.x[:4],
            case.x[..., :0],
            np.repeat(case.x, 2, 1),
            case.x[0],
            case.x.astype("f4"),
            None,
        ],
        1: [case.h0[:6], np.repeat(case.h0, 2, 1), case.h0.tolist(), case.h0.view(np.matrix)],
        2: [case.W[:20], case.W[:, :4], case.W.astype(">f8")],
        3: [case.R[:, :6], case.R[:20]],
        4: [case.b[:20], case.b[:, None], None],
    }
    for k, values in wrong.items():
        for value in values:
            assert quick(*arrays[:k], value, *arrays[k + 1 :]) is None


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(5, 3, 2, 4), (1, 1, 2, 4)])
def test_results_are_fresh_and_inputs_stay_as_they_are(
    sizes: tuple[int, ...], form: tuple[str, int], way: str, save: str
) -> None:
    case = make(*sizes, bias=form[1], reset=form[0], direction=way)
    before = data(case, np.copy)
    data(case, lambda a: a.setflags(write=False))
    given = [a for a in (getattr(case, name) for name in ARRAYS) if a is not None]
    results = outputs(case, save) + outputs(case, save)
    for k, one in enumerate(results):
        assert one.flags.writeable and one.flags.f_contiguous
        assert not any(np.shares_memory(one, two) for two in [*results[:k], *given])
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(case, name), getattr(before, name))


@pytest.mark.parametrize("save", ["gates", "y"])
@pytest.mark.parametrize("lengths", [None, [9, 0, 40]], ids=["full", "ragged"])
@pytest.mark.parametrize("reset", ["after", "before"])
def test_a_reserve_may_be_used_again_until_it_is_spent(reset: str, lengths: Any, save: str) -> None:
    case = make(40, 3, 5, 33, reset=reset, lengths=lengths)
    out = forward(case, save)
    dy, dlast = directions(case)
    first = by_name(backward(out, dy, dlast))
    backward(out, np.nan_to_num(2 * dy), None)
    for keep in (True, False):
        for name, gradient in by_name(backward(out, dy, dlast, keep=keep)).items():
            np.testing.assert_array_equal(gradient, first[name])
    with pytest.raises(DlgruValueError, match="keep=True") as raised:
        backward(out, dy, dlast)
    assert raised.value.identifier == "dlgru:kernels:spentReserve"


@pytest.mark.parametrize("reset", ["after", "before"])
def test_only_the_gradients_that_are_needed_are_given(reset: str) -> None:
    case = make(6, 3, 2, 4, reset=reset)
    out = forward(case, "gates")
    dy, dlast = directions(case)
    everything = by_name(backward(out, dy, dlast, Needs()))
    for k, name in enumerate(ARRAYS[:5]):
        found = by_name(backward(out, dy, dlast, Needs(*[i == k for i in range(6)])))
        assert list(found) == [name]
        np.testing.assert_array_equal(found[name], everything[name])
    for given in ((dy, None), (None, dlast), (None, None)):
        filled = (0 * dy if given[0] is None else dy, 0 * dlast if given[1] is None else dlast)
        found, expected = by_name(backward(out, *given)), by_name(backward(out, *filled))
        for name, gradient in found.items():
            np.testing.assert_array_equal(gradient, expected[name])


def test_a_reserve_made_by_another_instruction_set_is_read_as_it_was_written() -> None:
    case = make(6, 3, 7, 37)
    best = extension.native.instruction_set()
    expected = by_name(backward(forward(case, "gates"), *directions(case)))
    out = forward(case, "gates")
    extension.native.use_instruction_set(0)
    try:
        found = by_name(backward(out, *directions(case)))
    finally:
        extension.native.use_instruction_set(best)
    for name, gradient in found.items():
        np.testing.assert_array_equal(gradient, expected[name])


# -- memory ----------------------------------------------------------------------------


@pytest.fixture
def little_memory() -> Iterator[None]:
    extension.native.memory_limit(1000)
    yield
    extension.native.memory_limit(0)


@pytest.mark.parametrize("threads", [1, 2])
def test_without_memory_there_is_an_error_and_nothing_else(
    threads: int, little_memory: None
) -> None:
    native_module = extension.native
    case = make(30, 16, 30, 120, lengths=[30 - i for i in range(16)])
    before = data(case, np.copy)
    native_module.thread_limit(threads)
    try:
        with pytest.raises(MemoryError):
            forward(case)
        native_module.memory_limit(0)
        out = forward(case, "gates")
        native_module.memory_limit(1000)
        with pytest.raises(MemoryError):
            backward(out, *directions(case))
        wide = make(1, 1, 3, 500)
        with pytest.raises(MemoryError):
            quick(wide.x, wide.h0, wide.W, wide.R, wide.b)
        native_module.memory_limit(0)
        np.testing.assert_array_equal(out.y, forward(case).y)
        assert np.isfinite(backward(out, *directions(case)).W).all()
    finally:
        native_module.thread_limit(0)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(case, name), getattr(before, name))


@pytest.mark.parametrize(("reset", "values"), [("after", 4), ("before", 3)])
def test_the_reserve_is_four_values_a_unit_and_step_or_none(reset: str, values: int) -> None:
    case = make(10, 6, 5, 33, reset=reset, dtype=np.float32)
    assert forward(case, "gates").reserve.reserves[0].gates.nbytes == values * 10 * 6 * 33 * 4
    assert forward(case, "y").reserve.reserves[0].gates is None


def test_calls_leave_nothing_behind() -> None:
    case = make(10, 4, 5, 16, lengths=[10, 3, 0, 7])
    moved = data(case, np.ascontiguousarray)
    step = make(1, 1, 4, 8)

    def work() -> None:
        outputs(case, "gates")
        outputs(moved, "y")
        quick(step.x, step.h0, step.W, step.R, step.b)

    for _ in range(3):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(50):
            work()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50 * 64  # less than the smallest result a call


# -- threads ---------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(30, 4, 3, 8), (20, 16, 20, 64), (50, 1, 20, 128)])
def test_python_threads_do_not_disturb_each_other(sizes: tuple[int, ...]) -> None:
    cases = [make(*sizes, seed=seed) for seed in range(4)]
    alone = [outputs(case, "gates") for case in cases]
    wrong: list[str] = []
    start = threading.Barrier(len(cases))

    def work(k: int) -> None:
        start.wait()
        for _ in range(25):
            for found, expected in zip(outputs(cases[k], "gates"), alone[k], strict=True):
                if not np.array_equal(found, expected):
                    wrong.append(f"thread {k}")
                    return

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -- what never comes through the door -------------------------------------------------


def test_wrong_arguments_are_errors_not_crashes() -> None:
    module = extension.native
    case = make(3, 2, 4, 5)
    good = [case.x, case.h0, case.W, case.R, case.b, None, 0, None]
    assert module.forward(*good)[0].shape == (5, 2, 3)
    wrong: dict[int, list[Any]] = {
        0: [None, case.x[0], case.x.astype("i8"), case.x[..., :0], case.x.astype("f4")],
        1: [case.h0[:4], case.h0[:, :1], case.h0[0], "h"],
        2: [case.W[:12], case.W[:, :3], case.W.astype("f4")],
        3: [case.R[:12], case.R[:, :0], case.R[0], 5],
        4: [case.b[:12], case.b[:, None], case.b.astype("f4")],
        5: [np.array([1, 2, 3]), np.array([1, 4]), np.array([-1, 1]), np.array([1.0, 2.0]), [1, 2]],
        6: [24, "mode", 2**70],
    }
    for k, values in wrong.items():
        for value in values:
            with pytest.raises((TypeError, ValueError, OverflowError)):
                module.forward(*good[:k], value, *good[k + 1 :])
    with pytest.raises(TypeError):
        module.forward(*good[:7])
    y, _, gates, used = module.forward(*good[:6], 32, None)
    rest = [y, gates, None, None, 31, used]
    assert len(module.backward(*good[:6], 32, *rest)) == 5
    bad: dict[int, list[Any]] = {
        0: [y[:4], y[..., ::-1], None],
        1: [gates[:-1], gates[::-1], gates.astype("f4")],
        2: [y[:4], y.astype("f4")],
        3: [y, 3],
        5: [7, -1],
    }
    for k, values in bad.items():
        for value in values:
            with pytest.raises((TypeError, ValueError)):
                module.backward(*good[:6], 32, *rest[:k], value, *rest[k + 1 :])


def test_the_plain_engine_takes_over_where_the_native_one_refuses() -> None:
    spec = spec_for(make(3, 2, 4, 5))
    assert choice(spec, None) is native
    assert choice(spec._replace(inner=1), None) is plain


def test_reserves_in_kept_memory_are_never_shared() -> None:
    """From 16 MiB on a reserve lies in memory that later runs use again, but not while it lives."""
    cases = [make(64, 100, 2, 90, seed=seed) for seed in range(3)]
    expected = [outputs(case, "gates") for case in cases]
    outs = [forward(case, "gates") for case in cases]
    gates = [out.reserve.reserves[0].gates for out in outs]
    assert all(g.nbytes >= 2**24 for g in gates)
    assert not any(np.shares_memory(g, h) for k, g in enumerate(gates) for h in gates[:k])
    for case, out, wanted in zip(cases, outs, expected, strict=True):
        grads = by_name(backward(out, *directions(case), Needs())).values()
        for a, b in zip([out.y, *out.last, *grads], wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_another_byte_order_is_refused_not_misread() -> None:
    module, case = extension.native, make(3, 2, 4, 5)
    swapped = case.x.astype(case.x.dtype.newbyteorder())
    with pytest.raises(TypeError, match="x has another class"):
        module.forward(swapped, case.h0, case.W, case.R, case.b, None, 0, None)
    p = np.ones(3)
    with pytest.raises(TypeError, match="g has another class"):
        module.adam(p, p.astype(p.dtype.newbyteorder()), p, p, 0.1, 0.9, 0.99, 1e-8)
