"""First and second derivatives of ``gru``, by its engines and by its definition.

What is expected comes from the complex-step form of `complex_gru`: the imaginary part of a
run with one argument moved by ``i 1e-30`` is the derivative, without a difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from complex_gru import Case, run, slope
from ops.gru_public import (
    ALL,
    NAMES,
    arrays_of,
    by_definition,
    case_of,
    close,
    host,
    options_of,
)

import dlgru as dl
from dlgru.array import DLArray

every_mode = pytest.mark.parametrize("fields", ALL, ids=lambda f: "-".join(f.values()))
both_ways = pytest.mark.parametrize("definition", [False, True], ids=["fused", "definition"])
STEP = 1e-3


def weights_of(case: Case) -> tuple[Any, Any]:
    """What multiplies Y and hiddenState in the loss."""
    draw = np.random.default_rng(11)
    rows, (_, B, T) = len(case.h0), case.x.shape
    return draw.standard_normal((rows, B, T)), draw.standard_normal((rows, B))


def loss(case: Case, a: Any, options: dict[str, Any]) -> DLArray:
    """``sum(dy·Y) + sum(dlast·hiddenState)``, in the class of the data."""
    dy, dlast = [dl.cast(w, dl.underlyingType(a[0])) for w in weights_of(case)]
    Y, h = dl.gru(*a, **options, nargout=2)
    return dl.sum(dl.stripdims(Y) * dy, "all") + dl.sum(h * dlast, "all")


def gradients(case: Case, options: dict[str, Any]) -> list[Any]:
    found = dl.dlfeval(lambda *a: dl.dlgradient(loss(case, a, options), *a), *arrays_of(case))
    for g, a in zip(found, arrays_of(case), strict=True):
        assert (g.shape, g.dims, g.dtype) == (a.shape, a.dims, a.dtype)
    return [host(g) for g in found]


def exact_gradient(case: Case, name: str) -> Any:
    """Every element by a complex step of its own."""
    array = getattr(case, name)
    g = np.zeros(array.shape)
    for k in np.ndindex(array.shape):
        unit = np.zeros(array.shape)
        unit[k] = 1
        g[k] = slope(case, name, unit, *weights_of(case))
    return g


def column(g: Any) -> Any:
    return g if g.ndim > 1 else g[:, None]


# -- the first -----------------------------------------------------------------------------


@both_ways
@every_mode
def test_every_gradient_is_that_of_a_complex_step(fields: Any, definition: bool) -> None:
    case = case_of(**fields, sizes=(3, 2, 2, 2))
    options = options_of(case)
    found = gradients(case, by_definition(options) if definition else options)
    for name, g in zip(NAMES, found, strict=True):
        close(g, column(exact_gradient(case, name)))


@both_ways
@every_mode
def test_gradients_in_single_are_those_in_double(fields: Any, definition: bool) -> None:
    case = case_of(**fields, dtype=np.float32)
    options = options_of(case)
    found = gradients(case, by_definition(options) if definition else options)
    wide = case._replace(**{name: getattr(case, name).astype(float) for name in NAMES})
    # The same numbers in double; a gradient adds up B·T terms.
    for g, e in zip(found, gradients(wide, options), strict=True):
        assert g.dtype == np.float32
        close(g, e, np.float32)


@both_ways
@pytest.mark.parametrize("alone", NAMES)
def test_a_gradient_by_one_array_alone_is_the_same(alone: str, definition: bool) -> None:
    case = case_of()
    options = by_definition(options_of(case)) if definition else options_of(case)
    place = NAMES.index(alone)
    arguments = arrays_of(case)

    def f(variable: DLArray) -> Any:
        a = [*arguments[:place], variable, *arguments[place + 1 :]]
        return dl.dlgradient(loss(case, a, options), variable)

    found = dl.dlfeval(f, arguments[place])
    np.testing.assert_array_equal(host(found), gradients(case, options)[place])


@both_ways
def test_the_gradient_by_one_state_for_all_is_the_sum(definition: bool) -> None:
    case = case_of()
    case = case._replace(h0=np.repeat(case.h0[:, :1], 3, axis=1))
    options = by_definition(options_of(case)) if definition else options_of(case)
    each = gradients(case, options)[1]
    X, _, *rest = arrays_of(case)
    H0 = dl.dlarray(case.h0[:, :1], "CB")
    found = dl.dlfeval(
        lambda h0: dl.dlgradient(loss(case, (X, dl.stripdims(h0), *rest), options), h0), H0
    )
    assert (found.shape, found.dims) == ((3, 1), "CB")
    close(found, each.sum(1, keepdims=True))


# -- parts of the outputs ------------------------------------------------------------------


def of(part: Any, *, definition: bool, case: Case) -> list[Any]:
    options = by_definition(options_of(case)) if definition else options_of(case)

    def f(*a: DLArray) -> Any:
        return dl.dlgradient(part(*dl.gru(*a, **options, nargout=2)), *a)

    return [host(g) for g in dl.dlfeval(f, *arrays_of(case))]


@both_ways
@pytest.mark.parametrize("direction", ["forward", "backward", "bidirectional"])
def test_only_the_last_state_or_only_y_is_used(direction: str, definition: bool) -> None:
    case = case_of(direction=direction)
    rows = len(case.h0)
    parts = {
        "state": (lambda Y, h: dl.sum(h, "all"), np.zeros((rows, 3, 4)), np.ones((rows, 3))),
        "Y": (lambda Y, h: dl.sum(Y, "all"), np.ones((rows, 3, 4)), np.zeros((rows, 3))),
    }
    for part, dy, dlast in parts.values():
        for name, g in zip(NAMES, of(part, definition=definition, case=case), strict=True):
            along = np.random.default_rng(2).standard_normal(getattr(case, name).shape)
            expected = slope(case, name, along, dy, dlast)
            assert (g * column(along)).sum() == pytest.approx(expected, rel=1e-11)


@both_ways
def test_the_last_step_of_y_is_the_last_state(definition: bool) -> None:
    case = case_of()
    by_state = of(lambda Y, h: dl.sum(h * h, "all"), definition=definition, case=case)
    by_slice = of(lambda Y, h: dl.sum(Y[:, :, -1] ** 2, "all"), definition=definition, case=case)
    by_matlab = of(
        lambda Y, h: dl.sum(Y.m[:, :, dl.end] ** 2, "all"), definition=definition, case=case
    )
    for one, two, three in zip(by_state, by_slice, by_matlab, strict=True):
        close(two, one)
        np.testing.assert_array_equal(two, three)


@both_ways
def test_nothing_comes_from_steps_after_the_one_that_is_used(definition: bool) -> None:
    case = case_of()
    g = of(lambda Y, h: dl.sum(Y[:, :, 1], "all"), definition=definition, case=case)
    assert (g[0][:, :, 2:] == 0).all()
    assert (g[0][:, :, :2] != 0).all()
    short = of(
        lambda Y, h: dl.sum(h, "all"), definition=definition, case=case._replace(x=case.x[:, :, :2])
    )
    close(g[0][:, :, :2], short[0])
    for one, two in zip(g[1:], short[1:], strict=True):
        close(one, two)


def test_outputs_that_are_used_twice_have_both_shares() -> None:
    case = case_of()
    g = of(lambda Y, h: dl.sum(Y, "all") + 2 * dl.sum(Y, "all"), definition=False, case=case)
    once = of(lambda Y, h: dl.sum(Y, "all"), definition=False, case=case)
    for three, one in zip(g, once, strict=True):
        close(three, 3 * one)


# -- the second ----------------------------------------------------------------------------


def bent(case: Case, a: Any, options: dict[str, Any]) -> DLArray:
    """``sum(dy·Y²) + sum(dlast·hiddenState²)``: not linear in the outputs."""
    dy, dlast = [dl.cast(w, dl.underlyingType(a[0])) for w in weights_of(case)]
    Y, h = dl.gru(*a, **options, nargout=2)
    return dl.sum(dl.stripdims(Y) ** 2 * dy, "all") + dl.sum(h**2 * dlast, "all")


def directions(case: Case, salt: int) -> list[Any]:
    draw = np.random.default_rng(salt)
    return [draw.standard_normal(getattr(case, name).shape) for name in NAMES]


def moved(case: Case, along: Any, by: complex) -> Case:
    return case._replace(
        **{n: getattr(case, n) + by * d for n, d in zip(NAMES, along, strict=True)}
    )


def exact_slope(case: Case, along: Any) -> float:
    """The slope of the bent loss along a direction of all arrays at once."""
    dy, dlast = weights_of(case)
    y, last = run(moved(case, along, 1e-30j))
    return float(((y * y * dy).sum() + (last * last * dlast).sum()).imag / 1e-30)


def exact_second(case: Case, inner: Any, outer: Any) -> float:
    """Central differences of exact slopes, twice, so that the error falls as step to the 4th."""

    def difference(step: float) -> float:
        ahead, behind = (exact_slope(moved(case, outer, s), inner) for s in (step, -step))
        return (ahead - behind) / (2 * step)

    return (4 * difference(STEP) - difference(2 * STEP)) / 3


def second(case: Case, inner: Any, options: dict[str, Any], eager: bool) -> list[Any]:
    """Gradients of the slope along `inner`."""
    kind = {np.dtype(np.float32): "single", np.dtype(np.float64): "double"}[case.x.dtype]

    def f(*a: DLArray) -> Any:
        g = dl.dlgradient(bent(case, a, options), *a, EnableHigherDerivatives=eager)
        terms = [
            dl.sum(dl.stripdims(p) * dl.cast(column(d), kind), "all")
            for p, d in zip(g, inner, strict=True)
        ]
        return dl.dlgradient(sum(terms), *a)

    found = dl.dlfeval(f, *arrays_of(case))
    for h, a in zip(found, arrays_of(case), strict=True):
        assert (h.shape, h.dims, h.dtype) == (a.shape, a.dims, a.dtype)
    return [host(h) for h in found]


@pytest.mark.parametrize("eager", [False, True], ids=["replayed", "recorded"])
@both_ways
@every_mode
def test_second_derivatives_are_those_of_the_equations(
    fields: Any, definition: bool, eager: bool
) -> None:
    case = case_of(**fields, sizes=(3, 2, 2, 2), seed=4)
    options = by_definition(options_of(case)) if definition else options_of(case)
    inner, outer = directions(case, 5), directions(case, 6)
    found = second(case, inner, options, eager)
    said = sum((h * column(d)).sum() for h, d in zip(found, outer, strict=True))
    size = sum(abs(h * column(d)).sum() for h, d in zip(found, outer, strict=True))
    # The differences' error is about STEP⁴ times a sixth derivative, 1e-12, and rounding
    # 1e-16 / STEP; 1e-8 leaves room and is five orders below an error of 0.1 %.
    assert said == pytest.approx(exact_second(case, inner, outer), abs=1e-8 * size)


@every_mode
def test_second_derivatives_by_engine_and_definition_agree(fields: Any) -> None:
    for dtype in (np.float32, np.float64):
        case = case_of(**fields, dtype=dtype)
        inner = directions(case, 5)
        fused = second(case, inner, options_of(case), eager=False)
        plain = second(case, inner, by_definition(options_of(case)), eager=False)
        for one, two in zip(fused, plain, strict=True):
            close(one, two, dtype, factor=10)


def test_a_third_derivative_goes_through() -> None:
    """One unit, one step, and a bias u on the candidate alone: Y is tanh(u)/2."""
    zero = dl.dlarray(np.zeros((3, 1)))
    x = dl.dlarray(np.zeros((1, 1)), "CB")
    h0 = dl.dlarray(0.0)
    place = dl.dlarray(np.array([[0.0], [0.0], [1.0]]))

    def f(u: DLArray) -> Any:
        y = dl.sum(dl.gru(x, h0, zero, zero, place * u), "all")
        found = []
        for _ in range(3):
            y = dl.dlgradient(y, u)
            found.append(y)
        return found

    u = 0.7
    t = np.tanh(u)
    s = 1 - t * t
    expected = [s / 2, -t * s, -s * s + 2 * t * t * s]
    assert [float(g) for g in dl.dlfeval(f, dl.dlarray(u))] == pytest.approx(expected, rel=1e-13)


@both_ways
def test_the_gradient_by_a_gradient_of_one_array_alone(definition: bool) -> None:
    """Mixed second derivatives: by R of the gradient by X, only these two traced."""
    case = case_of(sizes=(3, 2, 2, 2))
    options = by_definition(options_of(case)) if definition else options_of(case)
    _, H0, W, _, b = arrays_of(case)
    along = directions(case, 9)

    def f(X: DLArray, R: DLArray) -> Any:
        g = dl.dlgradient(bent(case, (X, H0, W, R, b), options), X)
        return dl.dlgradient(dl.sum(dl.stripdims(g) * along[0], "all"), R)

    X, _, _, R, _ = arrays_of(case)
    h = host(dl.dlfeval(f, X, R))
    nothing = [np.zeros_like(d) for d in along]
    by_x = [along[0], *nothing[1:]]
    by_r = [*nothing[:3], along[3], nothing[4]]
    expected = exact_second(case, by_x, by_r)
    assert (h * along[3]).sum() == pytest.approx(expected, abs=1e-8 * abs(h * along[3]).sum())
