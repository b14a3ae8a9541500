"""The one door to the engines: what is answered once, for all of them.

``run_forward`` and ``run_backward`` compute a recurrent operation on raw arrays by
the engine that `choice.py` chooses.  What would otherwise stand in every engine
stands here: both directions at once as two runs on halves, sizes of zero, one
initial state for all observations, lengths that are all full, and strides.

Sizes are MATLAB's and memory is column-major: ``x[C,B,T]  state[H,B] or [H,1]
W[3H,C]  R[3H,H]  b[3H or 6H]``, giving ``y[H,B,T]  last[H,B]``; with
``direction="bidirectional"`` everything but x has two such blocks, forward first.

What comes out is fresh memory: no output is a view of another or of an input.  The
reserve, however, *refers* to x, the state, the weights and y, so nobody may write
into them before the backward run.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy import errstate

from dlgru.backend import RawArray, as_colmajor, colmajor, xp_of
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.kernels.choice import ENGINES as ENGINES
from dlgru.kernels.choice import Engine, choice, forced_engine
from dlgru.kernels.choice import choose as choose
from dlgru.kernels.choice import use_engine as use_engine
from dlgru.kernels.choice import why as why
from dlgru.kernels.spec import NO_EXTRA, Extra, Grads, Needs, Out, Spec, State


class Run(NamedTuple):
    """What a forward run leaves for the backward run."""

    plan: _Plan
    xp: Any
    reserves: tuple[Any, ...]  # the engine's, one a direction; none if a size was zero
    expanded: bool  # one state stood for all observations


class _Plan(NamedTuple):
    """What follows from a spec alone."""

    spec: Spec
    engine: Engine
    short: Any  # as `choice.py` has them; None where the engine or the spec has none
    keep: Any
    x: tuple[int, ...]
    W: tuple[int, ...]
    R: tuple[int, ...]
    b: tuple[int, ...]
    state: tuple[int, ...]
    y: tuple[int, ...]
    inner: tuple[int, ...]
    empty: bool


@functools.lru_cache(maxsize=4096)
def _plan(spec: Spec, forced: str | None) -> _Plan:
    engine = choice(spec, forced)
    T, B, C, H = spec[:4]
    rows = 2 * H if spec.direction == "bidirectional" else H
    empty = T * B * H == 0
    whole = C > 0 and not empty and spec.direction != "bidirectional"
    recurrent = len(spec.rows_r) * rows
    return _Plan(
        spec,
        engine,
        short=engine.short(spec) if whole and hasattr(engine, "short") else None,
        keep=engine.keep(spec) if whole and hasattr(engine, "keep") else None,
        x=(C, B, T),
        W=(len(spec.rows_w) * rows, C),
        R=(recurrent, H),
        b=(spec.bias * rows,),
        state=(rows, B),
        y=(rows, B, T),
        inner=(recurrent, B, T)[: spec.inner + 1],
        empty=empty,
    )


def short_ways(spec: Spec) -> tuple[Any, Any]:
    """Return the chosen engine's `short` and `keep` for this spec, each None if there is none.

    For a caller that knows the sizes and classes to be right; `choice.py` says what they are.
    """
    plan = _plan(spec, forced_engine())
    return plan.short, plan.keep


def run_forward(
    spec: Spec,
    x: RawArray,
    state: State,
    W: RawArray,
    R: RawArray,
    b: RawArray | None,
    extra: Extra = NO_EXTRA,
) -> Out:
    """Compute a recurrent operation on raw arrays; the reserve is None with ``save="none"``."""
    plan = _plan(spec, forced_engine())
    _check(plan, x, state, W, R, b, extra)
    if plan.short is not None:
        answer = plan.short(x, state[0], W, R, b, extra.kept)
        if answer is not None:
            return Out(answer[0], (answer[1],), (), None)
    xp = xp_of(x)
    expanded = state[0].shape != plan.state
    if expanded:
        state = tuple([_fresh(xp, s, plan.state) for s in state])
    if plan.empty:
        y = colmajor(xp, plan.y, spec.dtype)
        last = tuple([_fresh(xp, s, plan.state) for s in state])
        return Out(y, last, (), None if spec.save == "none" else Run(plan, xp, (), expanded))
    asked = spec
    if spec.C == 0:  # as one channel of zeros
        asked = asked._replace(C=1)
        x, W = _zeros(xp, (1, *plan.x[1:]), spec.dtype), _zeros(xp, (plan.W[0], 1), spec.dtype)
    if extra.lengths is not None and min(extra.lengths) == spec.T:
        asked, extra = asked._replace(lengths=False), extra._replace(lengths=None)
    x, W, R, state = walkable(xp, x), walkable(xp, W), walkable(xp, R), _walkable(xp, state)
    if spec.direction == "bidirectional":
        runs = _both_ways(plan.engine, asked, x, state, W, R, b, extra)
        y = _stack(xp, *[run.y for run in runs])
        last = tuple([_stack(xp, *ends) for ends in zip(*[run.last for run in runs], strict=True)])
    else:
        runs = [plan.engine.forward(asked, x, state, W, R, b, extra)]
        y, last = runs[0].y, runs[0].last
    if spec.save == "none":
        return Out(y, last, (), None)
    return Out(y, last, (), Run(plan, xp, tuple([run.reserve for run in runs]), expanded))


def _both_ways(
    engine: Engine,
    spec: Spec,
    x: RawArray,
    state: State,
    W: RawArray,
    R: RawArray,
    b: RawArray | None,
    extra: Extra,
) -> list[Out]:
    return [
        engine.forward(
            spec._replace(direction=direction),
            x,
            tuple([_half(s, k) for s in state]),
            _half(W, k),
            _half(R, k),
            _half(b, k),
            extra._replace(inner=_half(extra.inner, k)),
        )
        for k, direction in enumerate(("forward", "backward"))
    ]


def run_backward(
    reserve: Run,
    dy: RawArray | None,
    dlast: Sequence[RawArray | None] | None,
    dtraces: Sequence[RawArray] | None,
    needs: Needs,
    keep: bool = True,
) -> Grads:
    """Compute the gradients that `needs` names; None for dy or dlast stands for zeros.

    With ``keep=False`` the engine may use the reserve up: this is then the last such run.
    """
    plan, xp, reserves, expanded = reserve
    spec, backward = plan.spec, plan.engine.backward
    if dtraces:
        raise _error("dtraces", f"{len(dtraces)} arrays", "none: this run gave no traces")
    if dy is not None:
        _require("dy", dy, plan.y, spec.dtype)
        dy = walkable(xp, dy)
    ends: State | None = None
    if dlast is not None and any(d is not None for d in dlast):
        ends = tuple([_zeros(xp, plan.state, spec.dtype) if d is None else d for d in dlast])
        for d in ends:
            _require("dlast", d, plan.state, spec.dtype)
    if plan.empty:
        grads = _gradients_of_nothing(plan, xp, ends, needs)
    elif spec.direction != "bidirectional":
        grads = backward(reserves[0], dy, ends, (), needs, keep)
    else:
        halves = [
            (_half(dy, k), None if ends is None else tuple([_half(d, k) for d in ends]))
            for k in range(2)
        ]
        one, two = [
            backward(part, *half, (), needs, keep)
            for part, half in zip(reserves, halves, strict=True)
        ]
        grads = _joined(xp, one, two)
    if spec.C == 0 and not plan.empty:
        grads = grads._replace(
            x=None if grads.x is None else _zeros(xp, plan.x, spec.dtype),
            W=None if grads.W is None else _zeros(xp, plan.W, spec.dtype),
        )
    if expanded and grads.state is not None:
        grads = grads._replace(state=_over_observations(xp, grads.state))
    return grads


@errstate(all="ignore")
def _over_observations(xp: Any, state: State) -> State:
    return tuple([_fresh(xp, d.sum(1, keepdims=True), (len(d), 1)) for d in state])


@errstate(all="ignore")
def _joined(xp: Any, one: Grads, two: Grads) -> Grads:
    """Return the gradients of both directions: x is shared, all else is stacked."""
    if one.x is not None:
        xp.add(one.x, two.x, one.x)
    state = None
    if one.state is not None and two.state is not None:
        state = tuple([_stack(xp, *pair) for pair in zip(one.state, two.state, strict=True)])
    rest = zip(one[2:], two[2:], strict=True)
    return Grads(one.x, state, *[None if p is None else _stack(xp, p, q) for p, q in rest])


def _gradients_of_nothing(plan: _Plan, xp: Any, ends: State | None, needs: Needs) -> Grads:
    """Return the gradients of a run without steps, observations or units."""
    spec = plan.spec

    def zeros(wanted: bool, shape: tuple[int, ...]) -> RawArray:
        return _zeros(xp, shape, spec.dtype) if wanted else None

    state = None
    if needs.state:
        count = 2 if spec.cell == "lstm" else 1
        ends = ends or (zeros(True, plan.state),) * count
        state = tuple([_fresh(xp, d, plan.state) for d in ends])
    return Grads(
        zeros(needs.x, plan.x),
        state,
        zeros(needs.W, plan.W),
        zeros(needs.R, plan.R),
        zeros(needs.b and spec.bias > 0, plan.b),
        zeros(needs.inner and spec.inner > 0, plan.inner),
    )


# -- raw arrays ------------------------------------------------------------------------


def walkable(xp: Any, array: RawArray) -> RawArray:
    """Return the array itself if an engine can walk it, else a column-major copy.

    An engine can walk unit steps within a column and any longer steps between columns,
    as in halves of stacked arrays.
    """
    if array.flags.f_contiguous:
        return array
    reach = len(array) * array.itemsize
    walked = len(array) == 1 or array.strides[0] == array.itemsize
    for size, stride in zip(array.shape[1:], array.strides[1:], strict=True):
        if size > 1:
            walked = walked and stride >= reach
            reach = size * stride
    return array if walked else as_colmajor(xp, array)


def _walkable(xp: Any, state: State) -> State:
    return tuple([walkable(xp, s) for s in state])


def _zeros(xp: Any, shape: tuple[int, ...], dtype: Any) -> RawArray:
    made = colmajor(xp, shape, dtype)
    made[...] = 0
    return made


def _fresh(xp: Any, array: RawArray, shape: tuple[int, ...]) -> RawArray:
    """Return a column-major copy, expanded to `shape`."""
    made = colmajor(xp, shape, array.dtype)
    made[...] = array
    return made


def _half(array: RawArray, k: int) -> RawArray:
    """Return a view of the first or second half of the rows; None of None."""
    if array is None:
        return None
    n = len(array) // 2
    return array[k * n : (k + 1) * n]


def _stack(xp: Any, one: RawArray, two: RawArray) -> RawArray:
    n = len(one)
    made = colmajor(xp, (2 * n, *one.shape[1:]), one.dtype)
    made[:n] = one
    made[n:] = two
    return made


# -- checks ----------------------------------------------------------------------------


def _check(
    plan: _Plan,
    x: RawArray,
    state: State,
    W: RawArray,
    R: RawArray,
    b: RawArray | None,
    extra: Extra,
) -> None:
    spec = plan.spec
    dtype = spec.dtype
    _require("x", x, plan.x, dtype)
    _require("W", W, plan.W, dtype)
    _require("R", R, plan.R, dtype)
    if b is not None and spec.bias:
        _require("b", b, plan.b, dtype)
    elif b is not None or spec.bias:
        raise _error("b", "missing" if b is None else "given", f"bias={spec.bias} in the spec")
    for s in state:
        _require("state", s, plan.state if s.shape == plan.state else (plan.state[0], 1), dtype)
    alone = extra is NO_EXTRA or extra.kept is not None  # what an engine keeps comes alone
    if not alone or spec.lengths or spec.inner:
        _check_extra(plan, extra)


def _check_extra(plan: _Plan, extra: Extra) -> None:
    spec = plan.spec
    for name, given in zip(extra._fields[:-1], extra[:-1], strict=True):
        asked = getattr(spec, name)
        if (given is not None) != bool(asked):
            came = "missing" if given is None else "given"
            raise _error(f"extra.{name}", came, f"{name}={asked!r} in the spec")
    if extra.inner is not None:
        _require("extra.inner", extra.inner, plan.inner, spec.dtype)
    if extra.lengths is not None:
        count = len(extra.lengths)
        shortest, longest = min(extra.lengths, default=0), max(extra.lengths, default=0)
        if count != spec.B or shortest < 0 or longest > spec.T:
            came = f"{count} numbers" if count != spec.B else f"{list(extra.lengths)}"
            raise _error("extra.lengths", came, f"{spec.B} numbers from 0 to T = {spec.T}")


def _require(name: str, array: RawArray, shape: tuple[int, ...], dtype: Any) -> None:
    if array.shape != shape:
        raise _error(name, size_text(array.shape), size_text(shape))
    if array.dtype != dtype:
        raise DlgruTypeError(
            identifier="dlgru:kernels:class",
            function="kernels",
            argument=name,
            came=f"{array.dtype}",
            expected=f"{dtype}, the class of the spec",
        )


def _error(argument: str, came: str, expected: str) -> DlgruValueError:
    return DlgruValueError(
        identifier="dlgru:kernels:size",
        function="kernels",
        argument=argument,
        came=came,
        expected=expected,
    )
