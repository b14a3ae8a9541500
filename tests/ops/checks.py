"""The checks that the table of operations consists of, each for one case on one device.

They raise AssertionError through NumPy's own comparisons, so that the tests on planted
errors can call them too.

A derivative is checked by one number: along a random direction, the change of a loss by
central differences against what the gradient promises.  The loss is linear and quadratic
in every output, so that second derivatives of linear operations are not zero.  For
complex data the gradient of a real loss is ``dL/dRe + i dL/dIm``: a step d changes the
loss by the real part of ``sum(conj(g) .* d)``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from cases import DEVICES, Case
from ops.references import A, reference_of

from dlgru.array import DLArray, Value, wrap
from dlgru.autodiff import dlfeval, dlgradient
from dlgru.backend import to_host
from dlgru.ops.arithmetic import plus, times
from dlgru.ops.classes import conj, imag, real
from dlgru.ops.format import stripdims
from dlgru.ops.reduction import sum as total

SAME_CLASS = {"stack", "scatter"}
"""Operations that only others call, with parts of one class."""

SINGLE = {"float64": "float32", "complex128": "complex64"}
STEP = 1e-5


def host(x: DLArray) -> Any:
    return to_host(x.value.data)


def outputs_of(result: Any) -> tuple[DLArray, ...]:
    return result if isinstance(result, tuple) else (result,)


def call(case: Case, variables: Sequence[DLArray] | None = None) -> tuple[DLArray, ...]:
    """The public function, called as the case says; perhaps at other variables."""
    args = case.args if variables is None else case.at(variables)
    return outputs_of(case.op.public(*args, **case.options))


def on(case: Case, device: str) -> Case:
    return case.with_arrays(DEVICES[device])


# -- value, labels, layout, class ----------------------------------------------------------


def expected(case: Case) -> list[A]:
    """What the reference says, with the dimensions an array has: two at least, no more ones."""

    def plain(x: Any) -> Any:
        return A(host(x), x.dims) if type(x) is DLArray else x

    reference = reference_of(case.op.name)
    assert reference is not None
    with np.errstate(all="ignore"):
        answer = reference(
            *[plain(x) for x in case.args], **{k: plain(x) for k, x in case.options.items()}
        )
    several = answer if isinstance(answer, list) else [answer]
    return [_stored(*(a if isinstance(a, tuple) else (a, ""))) for a in several]


def _stored(x: Any, dims: str) -> A:
    if not dims and x.ndim < 2:
        x = x.reshape((1,) * (2 - x.ndim) + x.shape)
    while x.ndim > 2 and x.shape[-1] == 1 and (not dims or dims[-1] == "U"):
        x, dims = x[..., 0], dims[:-1]
    return A(x, dims)


def check_value(case: Case, device: str, tolerance: float = 1e-12) -> None:
    for y, reference in zip(call(on(case, device)), expected(case), strict=True):
        assert y.shape == reference.x.shape, (y.shape, reference.x.shape)
        if reference.x.dtype.kind == "b":
            assert y.dtype == bool
        np.testing.assert_allclose(host(y), reference.x, rtol=tolerance, atol=tolerance)


def check_labels(case: Case, device: str) -> None:
    assert [y.dims for y in call(on(case, device))] == [a.dims for a in expected(case)]


def check_layout(case: Case, device: str) -> None:
    moved = on(case, device)
    for y in call(moved):
        assert y.value.data.flags.f_contiguous, "the result is not column-major"
    if case.variables and case.op.differentiable:
        for g in gradients(moved):
            assert g.value.data.flags.f_contiguous, "a gradient is not column-major"


def in_single(case: Case, only: int | None = None) -> Case:
    """The case with its arrays, or only one of its variables, in single precision."""

    def narrow(data: Any) -> Any:
        kind = SINGLE.get(str(data.dtype))
        return data.astype(kind, order="F") if kind else data

    if only is None:
        return case.with_arrays(narrow)
    place = case.variables[only]
    x = case.args[place]
    args = list(case.args)
    args[place] = wrap(Value(narrow(x.value.data)), x.dims)
    return case._replace(args=tuple(args))


def check_class(case: Case, device: str) -> None:
    """Single in, single out; one single operand is enough; gradients have their variable's."""
    doubles = call(on(case, device))
    places = () if case.op.name in SAME_CLASS else range(len(case.variables))
    mixed = [in_single(case, only=k) for k in places]
    for narrowed in (in_single(case), *mixed):
        moved = on(narrowed, device)
        for y, in_double in zip(call(moved), doubles, strict=True):
            kind = str(in_double.dtype)
            if case.op.name != "astype":
                kind = SINGLE.get(kind, kind)
            assert str(y.dtype) == kind, f"the result is {y.dtype}, expected {kind}"
            np.testing.assert_allclose(host(y), host(in_double), rtol=2e-5, atol=2e-5)
        if case.variables and case.op.differentiable:
            gradients(moved)


# -- derivatives ---------------------------------------------------------------------------


def _random(like: Any, seed: Any) -> Any:
    made = seed.standard_normal(like.shape)
    return made + 1j * seed.standard_normal(like.shape) if like.dtype.kind == "c" else made


def _constant(data: Any, like: DLArray) -> DLArray:
    """An unformatted array beside `like`: on its device, of its class."""
    kind = str(like.dtype)
    data = np.asfortranarray(data.astype(kind) if data.dtype.kind == like.dtype.kind else data)
    put = next(f for f in DEVICES.values() if type(f(data)) is type(like.value.data))
    return wrap(Value(put(data.reshape(like.shape))), "")


def _inner(weights: DLArray, x: DLArray) -> DLArray:
    """The real part of ``sum(conj(weights) .* x)``, for an unformatted x."""
    return real(total(times(conj(weights), x), "all"))


def loss_of(outputs: Sequence[DLArray]) -> DLArray | None:
    """A number that depends on every element of every numeric output, not only linearly."""
    seed = np.random.default_rng(7)
    loss = None
    for y in outputs:
        flat = stripdims(y)
        if y.dtype.kind == "b" or 0 in y.shape:
            continue
        linear, square = _random(flat, seed), seed.standard_normal(flat.shape)
        part = _inner(_constant(linear, flat), flat)
        parts = [real(flat), imag(flat)] if y.dtype.kind == "c" else [flat]
        for x in parts:
            part = plus(part, total(times(_constant(square, x), times(x, x)), "all"))
        loss = part if loss is None else plus(loss, part)
    return loss


def _loss_at(case: Case, variables: Sequence[DLArray]) -> DLArray:
    loss = loss_of(call(case, variables))
    return _zero(variables) if loss is None else loss


def _zero(variables: Sequence[DLArray]) -> DLArray:
    """A loss that depends on nothing, yet is traced: the result is empty."""
    return total(times(stripdims(variables[0]), 0.0), "all")


def gradients(case: Case) -> list[DLArray]:
    """First derivatives; each must be of the size, labels and class of its variable."""

    def f(*variables: DLArray) -> Any:
        g = dlgradient(_loss_at(case, variables), *variables)
        return g if isinstance(g, tuple) else (g,)

    found = list(dlfeval(f, *case.values()))
    for g, x in zip(found, case.values(), strict=True):
        assert (g.shape, g.dims, g.dtype) == (x.shape, x.dims, x.dtype), (g, x)
    return found


def slopes(case: Case, directions: Sequence[Any], eager: bool | None = None) -> tuple[Any, Any]:
    """The slope of the loss along `directions`, and the gradients of that slope.

    With `eager` the first gradient is taken with EnableHigherDerivatives.
    """

    def f(*variables: DLArray) -> Any:
        loss = _loss_at(case, variables)
        g = dlgradient(loss, *variables, EnableHigherDerivatives=bool(eager))
        g = g if isinstance(g, tuple) else (g,)
        slope = None
        for part, d in zip(g, directions, strict=True):
            if d.size:
                flat = stripdims(part)
                term = _inner(_constant(d, flat), flat)
                slope = term if slope is None else plus(slope, term)
        if slope is None or eager is None:
            return slope, ()
        h = dlgradient(slope, *variables)
        return slope, h if isinstance(h, tuple) else (h,)

    slope, h = dlfeval(f, *case.values())
    return (0.0 if slope is None else float(slope)), h


def moved_by(case: Case, directions: Sequence[Any], step: float) -> Case:
    shifted = [
        wrap(Value(host(x) + step * d.reshape(x.shape)), x.dims)
        for x, d in zip(case.values(), directions, strict=True)
    ]
    return case._replace(args=case.at(shifted))


def directions_of(case: Case, salt: str) -> list[Any]:
    seed = np.random.default_rng(zlib.crc32(f"{case.op.name} {salt}".encode()))
    return [_random(x, seed) for x in case.values()]


def promised(gradient: Sequence[DLArray], directions: Sequence[Any]) -> tuple[float, float]:
    """What gradients say about a step, and the size of the terms it is a sum of."""
    terms = [(np.conj(host(g)) * d).real for g, d in zip(gradient, directions, strict=True)]
    return sum(float(t.sum()) for t in terms), sum(float(abs(t).sum()) for t in terms)


def compare(case: Case, f: Callable[[Case], float], gradient: Any, directions: Any) -> None:
    """Central differences, twice over so that their error falls with the fourth power."""

    if not any(d.size for d in directions):
        return

    def difference(step: float) -> float:
        ahead, behind = moved_by(case, directions, step), moved_by(case, directions, -step)
        return (f(ahead) - f(behind)) / (2 * step)

    wide, narrow = difference(64 * STEP), difference(32 * STEP)
    said, size = promised(gradient, directions)
    np.testing.assert_allclose(said, (4 * narrow - wide) / 3, rtol=0, atol=1e-7 * size + 1e-9)


def check_first_derivative(case: Case, device: str) -> None:
    if not case.variables:
        return
    if not case.op.differentiable:
        check_untraced(on(case, device))
        return
    directions = directions_of(case, "first")

    def loss(at: Case) -> float:
        return float(_loss_at(at, at.values()))

    compare(case, loss, gradients(on(case, device)), directions)


def check_untraced(case: Case) -> None:
    """The result of an operation without derivative is a constant."""

    def f(*variables: DLArray) -> None:
        assert not any(y.value.traced for y in call(case, variables))

    dlfeval(f, *case.values())


def check_second_derivative(case: Case, device: str, eager: bool) -> None:
    if not case.variables or not case.op.differentiable:
        return
    inner, outer = directions_of(case, "inner"), directions_of(case, "outer")
    _, h = slopes(on(case, device), inner, eager)
    if not h:
        return
    for g, x in zip(h, case.values(), strict=True):
        assert (g.shape, g.dims, g.dtype) == (x.shape, x.dims, x.dtype)
    compare(case, lambda at: slopes(at, inner)[0], h, outer)
