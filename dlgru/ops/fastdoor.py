"""The public ``gru``: a short way in for calls that have been made before.

Streaming calls ``gru`` once a time step, so its door must cost little beside the
arithmetic.  A first call leaves a *plan* on the Value of the recurrent weights: what its
sizes, labels and options came to.  A later call that shows the same Values of weights,
recurrentWeights and bias, and whose key is that of the plan, only computes.  Values are
immutable, so a plan never ages: weights that were assigned to are other Values, and
whatever else may differ stands in the key or is compared.

Calls that are traced, of mixed classes, with S dimensions, with a DataFormat whose dimensions
are stored in another order, or with lengths or functions among their options go through the
full door of ``recurrent.py`` each time, and so does every mistake.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from dlgru.array import DLArray, Value, wrap
from dlgru.backend import RawArray, double, single
from dlgru.kernels.choice import forced_engine
from dlgru.kernels.interface import run_forward, short_way
from dlgru.kernels.spec import Spec
from dlgru.labels import stored
from dlgru.namevalue import Binder
from dlgru.ops.recurrent import full_door, gru_operation, spec_of
from dlgru.ops.recurrent_sizes import prepare
from dlgru.places import raise_out_of_memory
from dlgru.subscript import trimmed

LARGEST = 64
"""Plans kept with one set of weights; one more, and all are made again."""


class Plan(NamedTuple):
    """What is left of a call in which only the numbers of X and H0 are new."""

    kind: Any  # of the arrays X and H0 …
    dtype: Any  # … and of their elements
    x_shape: tuple[int, ...] | None  # what X, H0 and Y are reshaped to; None: as they are
    h_shape: tuple[int, ...] | None
    y_shape: tuple[int, ...] | None
    y_labels: str
    state_labels: str
    spec: Spec
    quick: Any  # the engine's short way, or None
    W: RawArray
    R: RawArray
    b: RawArray


class Plans(dict[Any, Plan]):
    """Plans of calls with certain recurrent weights, and the other Values they hold for."""

    __slots__ = ("W", "b")

    def __init__(self, W: Value, b: Value) -> None:
        self.W, self.b = W, b


def gru(*args: Any, **options: Any) -> Any:
    if len(args) == 5:
        X, H0, W, R, b = args
        if type(X) is type(H0) is type(W) is type(R) is type(b) is DLArray:
            nargout = options.pop("nargout", 1) if options else 1
            x_value, h_value = X._value or X._settle(), H0._value or H0._settle()
            plans: Plans | None = (R._value or R._settle()).plan
            if (
                plans is not None
                and plans.W is W._value
                and plans.b is b._value
                and x_value.tape is h_value.tape is None
                and type(nargout) is int
                and 0 < nargout < 3
            ):
                x, h = x_value.data, h_value.data
                try:
                    plan = plans.get(_key(args, x.shape, h.shape, options))
                except TypeError:  # an option that cannot be part of a key
                    plan = None
                if plan is not None and type(x) is type(h) is plan.kind:
                    if x.dtype == h.dtype == plan.dtype:
                        try:
                            Y, last = _follow(plan, x, h)
                        except MemoryError as problem:
                            raise_out_of_memory("gru", problem)
                            raise
                        return Y if nargout == 1 else (Y, wrap(Value(last), plan.state_labels))
            result = gru_operation.op.call(args, {**options, "nargout": nargout})
            _remember(args, options)
            return result
    if args and type(args[0]) is Value:
        return gru_operation.op.on_values(*args, **options)
    return gru_operation.op.call(args, options)


def _follow(plan: Plan, x: RawArray, h: RawArray) -> tuple[DLArray, RawArray]:
    """Y, and the raw last state.  Reshapes add or drop singletons: their order is no matter."""
    _, _, x_shape, h_shape, y_shape, labels, _, spec, quick, W, R, b = plan
    if x_shape is not None:
        x = x.reshape(x_shape)
    if h_shape is not None:
        h = h.reshape(h_shape)
    answer = None if quick is None else quick(x, h, W, R, b)
    if answer is None:
        y, (last,), _, _ = run_forward(spec, x, (h,), W, R, b)
    else:
        y, last = answer
    if y_shape is not None:
        y = y.reshape(y_shape)
    return wrap(Value(y), labels), last


def _key(
    args: tuple[DLArray, ...],
    x_shape: tuple[int, ...],
    h_shape: tuple[int, ...],
    options: dict[str, Any],
) -> tuple[Any, ...]:
    """Everything beyond the weights that decides about sizes, labels and the engine."""
    X, H0, W, R, b = args
    return (
        x_shape,
        h_shape,
        X._labels,
        H0._labels,
        W._labels,
        R._labels,
        b._labels,
        forced_engine(),
        tuple(options.items()) if options else (),
    )


_binder = Binder(full_door, "gru")
_DEFAULTS = {
    p.name: p.default
    for p in inspect.signature(full_door).parameters.values()
    if p.kind is p.KEYWORD_ONLY
}


def _remember(args: tuple[DLArray, ...], options: dict[str, Any]) -> None:
    """Leave a plan for a call that went well, if calls like it can have one."""
    X, H0, W, R, b = [a.value for a in args]
    kind, dtype = type(R.data), R.data.dtype
    if (
        dtype not in (single, double)
        or any(v.tape is not None for v in (X, H0, W, R, b))
        or any(type(v.data) is not kind or v.data.dtype != dtype for v in (X, H0, W, b))
        or any(type(option) is not str for option in options.values())
        or R is W  # a plan would refer to the Value that holds it
        or R is b
    ):
        return
    asked = {**_DEFAULTS, **_binder(args, options)[1]}
    fmt = asked["DataFormat"]
    call = prepare(args, fmt, asked["ResetGateMode"], asked["Direction"])
    if (
        "S" in (args[0].dims or fmt)
        or stored(fmt) != fmt
        or call.y_order not in ("", call.y_labels)
    ):
        return
    x, h, _, _, bias = [v.data for v in call.values]
    spec = spec_of(call.values, asked, save=False)
    y_shape = trimmed(call.y_shape) if fmt else call.y_shape
    plan = Plan(
        kind,
        dtype,
        None if x.shape == X.shape else x.shape,
        None if h.shape == H0.shape else h.shape,
        None if y_shape == (len(h), *x.shape[1:]) else y_shape,
        "" if fmt else call.y_labels,
        call.state_labels,
        spec,
        short_way(spec) if h.shape[1] == spec.B else None,
        W.data,
        R.data,
        bias,
    )
    plans: Plans | None = R.plan
    if plans is None or plans.W is not W or plans.b is not b:
        plans = Plans(W, b)
    if len(plans) >= LARGEST:
        plans.clear()
    plans[_key(args, X.shape, H0.shape, options)] = plan
    R.plan = plans


gru.__doc__ = full_door.__doc__
gru.__signature__ = inspect.signature(full_door)  # type: ignore[attr-defined]
gru.op = gru_operation.op  # type: ignore[attr-defined]
gru_operation.op.public = gru  # type: ignore[assignment]
