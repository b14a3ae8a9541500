"""Values and gradients of the native engine against scalar loops and the plain engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_gru
import pytest
from complex_gru import Case
from gru_cases import FORMS, MODES, by_name, data, directions, forward, make, spec_for

from dlgru.kernels import extension, native, plain
from dlgru.kernels.spec import Extra, Needs

# Sums of up to some hundred products of numbers near 1, in another order than the plain engine's,
# through up to a dozen steps; relative to the largest entry.
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
DTYPES = [np.float64, np.float32]


def scaled(case: Case) -> Case:
    """Weights such that gates stay off their ends at any size."""
    (C, _, _), H, kind = case.x.shape, case.R.shape[1], case.x.dtype.type
    return case._replace(W=case.W * kind(C**-0.5), R=case.R * kind(H**-0.5))


def near(found: Any, expected: Any, what: str) -> None:
    assert found.shape == expected.shape, what
    assert found.dtype == expected.dtype, what
    assert found.flags.f_contiguous, what
    tolerance = TOLERANCE[found.dtype] * max(1.0, abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=what)


def outputs(engine: Any, case: Case, save: str) -> dict[str, Any]:
    """Everything an engine gives, by name."""
    extra = Extra(lengths=case.lengths)
    arrays = (case.x, (case.h0,), case.W, case.R, case.b)
    out = engine.forward(spec_for(case, save), *arrays, extra)
    dy, dlast = directions(case)
    grads = engine.backward(out.reserve, dy, (dlast,), (), Needs())
    return {"y": out.y, "last": out.last[0], **by_name(grads)}


def compare(case: Case) -> None:
    expected = outputs(plain, case, "gates")
    for save in ("gates", "y"):
        found = outputs(native, case, save)
        assert list(found) == list(expected)
        for name, value in found.items():
            near(value, expected[name], f"{name} with save={save}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["full", "ragged"])
@pytest.mark.parametrize(("form", "gate", "act", "way"), MODES)
def test_every_mode_gives_the_values_of_the_equations(
    form: tuple[str, int],
    gate: str,
    act: str,
    way: str,
    lengths: Any,
    dtype: Any,
    instruction_set: int,
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way}
    case = make(5, 3, 2, 4, bias=form[1], lengths=lengths, dtype=dtype, **options)
    out = forward(case)
    host = data(case, lambda a: a.astype(np.float64))
    y, last = oracle_gru.gru(
        *[None if a is None else a.tolist() for a in (host.x, host.h0, host.W, host.R, host.b)],
        (5, 3, 2, 4),
        **options,
        lengths=lengths,
    )
    near(out.y, np.array(y, dtype), "y")
    near(out.last[0], np.array(last, dtype), "last")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["full", "ragged"])
@pytest.mark.parametrize(
    ("form", "gate", "act", "way"), [m for m in MODES if m[3] != "bidirectional"]
)
def test_every_mode_has_the_gradients_of_the_plain_engine(
    form: tuple[str, int],
    gate: str,
    act: str,
    way: str,
    lengths: Any,
    dtype: Any,
    instruction_set: int,
) -> None:
    options = {"reset": form[0], "gate": gate, "act": act, "direction": way}
    compare(make(5, 3, 2, 4, bias=form[1], lengths=lengths, dtype=dtype, **options))


# Around the widths of vectors (2 to 16), of tiles (4 and 8 rows, 3 vectors), of segments (64) and
# of what is read in place (up to 4 rows).
SIZES = [
    (1, 1, 1, 1),
    (1, 1, 4, 8),
    (2, 2, 65, 90),
    (1, 4, 70, 130),
    (3, 5, 63, 15),
    (4, 9, 64, 16),
    (2, 8, 16, 17),
    (6, 7, 17, 33),
    (5, 1, 3, 47),
    (7, 1, 16, 64),
    (9, 1, 5, 100),
    (3, 1, 200, 208),
    (12, 17, 1, 65),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_size_around_the_widths_of_the_kernels(
    sizes: tuple[int, ...], form: tuple[str, int], way: str, dtype: Any, instruction_set: int
) -> None:
    T, B, C, H = sizes
    for lengths in (None, [(3 * i + 1) % (T + 1) for i in range(B)]):
        options = {"bias": form[1], "reset": form[0], "direction": way}
        compare(scaled(make(T, B, C, H, lengths=lengths, dtype=dtype, **options)))


# Large enough for several threads: split by observations, and by hidden units.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(9, 27, 12, 50), (20, 3, 40, 120), (60, 1, 30, 128)])
def test_every_split_among_threads(
    sizes: tuple[int, ...], form: tuple[str, int], way: str, ragged: bool, dtype: Any, threads: int
) -> None:
    T, B, C, H = sizes
    lengths = [T - (5 * i) % T for i in range(B)] if ragged else None
    options = {"bias": form[1], "reset": form[0], "direction": way}
    compare(scaled(make(T, B, C, H, lengths=lengths, dtype=dtype, **options)))


@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize(
    "sizes",
    [
        (1001, 1, 3, 5),  # more rows than one chunk has, with odd ends
        (90, 11, 7, 20),
        (451, 2, 5, 33),
        (3, 1201, 2, 3),  # each step a chunk of its own
        (75, 32, 4, 300),  # weights beyond the second cache: larger chunks, of two passes each
    ],
)
def test_chunks_of_time_join_up(
    sizes: tuple[int, ...], reset: str, way: str, instruction_set: int
) -> None:
    T, B, _, H = sizes
    dtype = np.float32 if H == 300 else np.float64
    compare(scaled(make(*sizes, reset=reset, direction=way, dtype=dtype)))
    # No observation runs at the last steps, and some run at none.
    lengths = [max(0, T - 1 - 7 * i) for i in range(B)]
    compare(scaled(make(*sizes, reset=reset, direction=way, dtype=dtype, lengths=lengths)))


# -- activations -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_tanh_keep_all_but_the_last_digit(dtype: Any, instruction_set: int) -> None:
    # Four roundings of half a unit each, which counts double just above a power of two, some of
    # them damped: 2.30 and 2.48 units were seen in single, 2.01 and 2.54 in double.
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("no wider numbers to compare with")
    draw = np.random.default_rng(0)
    far = 87 if dtype == np.float32 else 700
    x = np.concatenate(
        [
            np.linspace(-far, far, 200_001),
            np.linspace(-9, 9, 200_001),
            draw.standard_normal(100_000),
            10.0 ** np.linspace(-30, 1, 50_001) * draw.choice([-1, 1], 50_001),
        ]
    ).astype(dtype)
    wide = x.astype(np.longdouble)
    sigmoid, tangent = extension.native.curves(x)
    for found, exact in ((sigmoid, 1 / (1 + np.exp(-wide))), (tangent, np.tanh(wide))):
        unit = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
        limit = 2.5 if dtype == np.float32 else 2.6
        assert float((np.abs(found - exact) / unit).max()) <= limit


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_at_their_ends(dtype: Any, instruction_set: int) -> None:
    x = np.array([0, 1e4, -1e4, 1e30, -1e30, np.inf, -np.inf, np.nan, -0.0], dtype)
    sigmoid, tangent = extension.native.curves(x)
    assert sigmoid[[0, 8]].tolist() == [0.5, 0.5]
    assert tangent[[0, 8]].tolist() == [0, 0]
    assert sigmoid[[1, 3, 5]].tolist() == [1, 1, 1]
    assert tangent[1:7].tolist() == [1, -1, 1, -1, 1, -1]
    assert ((0 <= sigmoid[[2, 4, 6]]) & (sigmoid[[2, 4, 6]] < 2e-38)).all()
    assert np.isnan(sigmoid[7]) and np.isnan(tangent[7])


def test_a_nearly_closed_gate_keeps_its_relative_accuracy(instruction_set: int) -> None:
    # z = sigmoid(-80) = 1.8e-35 carries a state of 1e30.
    for T in (1, 9):
        case = make(T, 1, 1, 1, dtype=np.float32)
        b = np.array([0, -80, 0], np.float32)
        still = case._replace(x=0 * case.x, R=0 * case.R, h0=0 * case.h0 + np.float32(1e30), b=b)
        assert forward(still).y[0, 0, 0] == pytest.approx(
            oracle_gru.sigmoid(-80.0) * 1e30, rel=1e-6
        )


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inner", 1),
        ("hmask", 1),
        ("traces", True),
        ("truncate", 3),
        ("device", "gpu"),
        ("cell", "lstm"),
    ],
)
def test_what_is_not_computed_is_refused_with_the_reason(field: str, value: Any) -> None:
    spec = spec_for(make(3, 2, 4, 5))
    assert native.accepts(spec) is True
    assert str(native.accepts(spec._replace(**{field: value}))).startswith(
        f"{field}={value!r} is not"
    )


def test_the_native_engine_is_the_cheaper_one() -> None:
    for T in (1, 10, 1000):
        for B in (1, 30, 300):
            for H in (1, 30, 300):
                spec = spec_for(make(1, 1, 3, 2))._replace(T=T, B=B, H=H)
                assert native.cost(spec) < plain.cost(spec)
