"""The public ``gru``: short ways in for calls like ones that have been made before.

Streaming calls ``gru`` once a time step, training once an iteration, so its door must cost
little beside the arithmetic.  A call whose *form* is known (``forms.py``) leaves out the full
door of ``recurrent.py``.  An untraced one moreover leaves a *plan* on the Value of the
recurrent weights; a later call that shows the same Values of weights, recurrentWeights and
bias, and whose key is that of the plan, only computes.  Values are immutable, so a plan never
ages: weights that were assigned to are other Values, and whatever else may differ stands in
the key or is compared.

What has no form goes through the full door each time, and so does every mistake.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal, NamedTuple, overload

from dlgru.array import DLArray, Value, wrap
from dlgru.backend import RawArray
from dlgru.kernels.choice import forced_engine
from dlgru.kernels.interface import run_forward, short_ways
from dlgru.kernels.spec import NO_EXTRA, Extra, Spec
from dlgru.ops import forms
from dlgru.ops.forms import Form
from dlgru.ops.recurrent import full_door, gru_operation
from dlgru.ops.recurrent_sizes import lengths_of
from dlgru.places import raise_out_of_memory

LARGEST = 64
"""Plans kept with one set of weights; one more, and all are made again."""


class Plan(NamedTuple):
    """What is left of a call in which only the numbers of X and H0 are new."""

    kind: Any  # of the arrays X and H0 …
    dtype: Any  # … and of their elements
    x_shape: tuple[int, ...] | None  # as in the form
    h_shape: tuple[int, ...] | None
    y_shape: tuple[int, ...] | None
    y_labels: str
    state_labels: str
    spec: Spec
    short: Any  # the engine's short way, or None
    direct: bool  # X goes there as it is, and Y comes with as many dimensions
    keep: Any  # the engine's `keep` for this spec, or None
    W: RawArray
    R: RawArray
    b: RawArray


class Plans(dict[Any, Plan]):
    """Plans of calls with certain recurrent weights, and the other Values they hold for."""

    __slots__ = ("W", "b", "kept")

    def __init__(self, W: Value, b: Value) -> None:
        self.W, self.b = W, b
        self.kept: dict[Any, Any] = {}  # what engines made of them


@overload
def gru(
    X: Any, H0: Any, weights: Any, recurrentWeights: Any, bias: Any,
    *pairs: Any, nargout: Literal[1] = 1, **options: Any,
) -> DLArray: ...  # fmt: skip
@overload
def gru(
    X: Any, H0: Any, weights: Any, recurrentWeights: Any, bias: Any,
    *pairs: Any, nargout: Literal[2], **options: Any,
) -> tuple[DLArray, DLArray]: ...  # fmt: skip
def gru(*args: Any, **options: Any) -> Any:
    if len(args) > 5:
        args, options = _named(args, options)
    if len(args) == 5:
        X, H0, W, R, b = args
        if type(X) is type(H0) is type(W) is type(R) is type(b) is DLArray:
            nargout = options.pop("nargout", 1) if options else 1
            x_value, h_value = X._value or X._settle(), H0._value or H0._settle()
            plans: Plans | None = (R._value or R._settle()).plan
            if type(nargout) is int and 0 < nargout < 3:
                if (
                    plans is not None
                    and plans.W is W._value
                    and plans.b is b._value
                    and x_value.tape is h_value.tape is None
                ):
                    x, h = x_value.data, h_value.data
                    try:
                        plan = plans.get(_key(args, x.shape, h.shape, options))
                    except TypeError:  # an option that cannot be part of a key
                        plan = None
                    if plan is not None and type(x) is type(h) is plan.kind:
                        if x.dtype == h.dtype == plan.dtype:
                            try:
                                Y, last = _follow(plans, plan, x, h)
                            except MemoryError as problem:
                                raise_out_of_memory("gru", problem)
                                raise
                            return Y if nargout == 1 else (Y, wrap(Value(last), plan.state_labels))
                values = [a._value or a._settle() for a in args]
                form = forms.find(args, values, options)
                if form is not None:
                    _leave_plan(form, args, values, options)
                    return _fill(form, values, options.get("SequenceLengths"), nargout)
            result = gru_operation.op.call(args, {**options, "nargout": nargout})
            values = [a.value for a in args]
            form = forms.remember(args, values, options)
            if form is not None:
                _leave_plan(form, args, values, options)
            return result
    if args and type(args[0]) is Value:
        return gru_operation.op.on_values(*args, **options)
    return gru_operation.op.call(args, options)


def _named(
    args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Options that follow the arrays as ``'Name', value``, given as keywords if all are well."""
    names = args[5::2]
    known = len(args) % 2 == 1 and all(type(n) is str and n in forms.DEFAULTS for n in names)
    if not known or len({*names, *options}) < len(names) + len(options):
        return args, options
    return args[:5], {**options, **dict(zip(names, args[6::2], strict=True))}


def _fill(form: Form, values: list[Value], lengths: Any, nargout: int) -> Any:
    """Compute a call that has a form."""
    x_shape, h_shape, y_shape, y_labels, state_labels, spec, asked = form
    x, h, W, R, b = values
    if lengths is not None:
        lengths = lengths_of(lengths, spec.B, spec.T)
    try:
        if x_shape is not None:
            x = x.reshape(x_shape)
        if h_shape is not None:
            h = h.reshape(h_shape)
        y, last = gru_operation.op.on_values(x, h, W, R, b, SequenceLengths=lengths, **asked)
        Y = wrap(y if y_shape is None else y.reshape(y_shape), y_labels)
    except MemoryError as problem:
        raise_out_of_memory("gru", problem)
        raise
    return Y if nargout == 1 else (Y, wrap(last, state_labels))


def _follow(plans: Plans, plan: Plan, x: RawArray, h: RawArray) -> tuple[DLArray, RawArray]:
    """Y, and the raw last state.  Reshapes add or drop singletons: their order is no matter."""
    _, _, x_shape, h_shape, y_shape, labels, _, spec, short, direct, keep, W, R, b = plan
    if h_shape is not None:
        h = h.reshape(h_shape)
    if x_shape is not None and not direct:
        x = x.reshape(x_shape)
    kept = None
    if keep is not None:
        key, make = keep
        kept = plans.kept.get(key)
        if kept is None:
            kept = plans.kept[key] = make(W, R, b)
    answer = None if short is None else short(x, h, W, R, b, kept)
    if answer is not None:
        y, last = answer
        if direct:
            return wrap(Value(y), labels), last
    else:
        extra = NO_EXTRA if kept is None else Extra(kept=kept)
        whole = x.reshape((spec.C, spec.B, spec.T))
        y, (last,), _, _ = run_forward(spec, whole, (h,), W, R, b, extra)
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


def _leave_plan(
    form: Form, args: tuple[DLArray, ...], values: list[Value], options: dict[str, Any]
) -> None:
    """Leave a plan on the recurrent weights, unless something is traced or has lengths."""
    X, H0, W, R, b = values
    if X.tape or H0.tape or W.tape or R.tape or b.tape:
        return
    if options.get("SequenceLengths") is not None:
        return
    if R is W or R is b:  # a plan would refer to the Value that holds it
        return
    spec, shape = form.spec, X.data.shape
    short, keep = short_ways(spec)
    y_shape = form.y_shape or (spec.H, spec.B, spec.T)
    one = short is not None and spec.T == spec.B == 1
    plan = Plan(
        type(R.data),
        R.data.dtype,
        *form[:5],
        spec,
        short,
        one and shape in ((spec.C, 1), (spec.C, 1, 1)) and len(y_shape) == len(shape),
        keep,
        W.data,
        R.data,
        b.data.reshape(-1),
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
