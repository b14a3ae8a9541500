"""The public ``gru``: a short way in for calls that have been made before.

A call costs little beside the arithmetic only if its door is short, and streaming
calls it once a time step.  So the first call with some weights leaves a *plan* on
the Value of the recurrent weights: what the sizes, labels and options came to.
Values are immutable, so a later call that shows the same three Values needs no
look at the weights at all.  Whatever is not as plain as that, and every message,
goes through the full door of ``recurrent.py``.
"""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.kernels.interface import run_forward
from dlgru.kernels.spec import Extra
from dlgru.ops.recurrent import full_door, gru_operation, spec_of
from dlgru.ops.recurrent_sizes import outputs


class _Plans(dict[Any, Any]):
    """What calls with certain weights came to; the Values of weights and bias it holds for."""

    __slots__ = ("W", "b")


_OPTION_NAMES = frozenset(
    ["ResetGateMode", "StateActivationFunction", "GateActivationFunction", "Direction"]
)
_LARGEST = 64


def _remember(args: tuple[Any, ...], options: dict[str, Any], nargout: int, result: Any) -> None:
    """Leave a plan for a call that is as plain as a call can be."""
    X, H0, _, R, _ = args
    values = [a.value for a in args]
    dtype = values[0].data.dtype
    if (
        any(v.tape is not None or v.data.dtype is not dtype for v in values)
        or not set(options) <= _OPTION_NAMES
        or not all(type(o) is str for o in options.values())
        or options.get("Direction", "forward") != "forward"
        or dtype not in (backend.single, backend.double)
        or 0 in values[0].data.shape
    ):
        return
    r = values[3]
    if r.plan is None or r.plan.W is not values[2] or r.plan.b is not values[4]:
        r.plan = _Plans()
        r.plan.W, r.plan.b = values[2], values[4]
    if len(r.plan) >= _LARGEST:
        r.plan.clear()
    Y = result[0] if nargout == 2 else result
    sizes = {d: n for d, n in zip(X.dims, X.shape, strict=True)}
    x3 = (
        math.prod([n for d, n in zip(X.dims, X.shape, strict=True) if d in "SC"]),
        sizes.get("B", 1),
        sizes.get("T", 1),
    )
    _, checked = gru_operation.op._binder(args, options)
    full = {
        "ResetGateMode": "after-multiplication",
        "StateActivationFunction": "tanh",
        "GateActivationFunction": "sigmoid",
        "Direction": "forward",
        **checked,
    }
    inputs = [
        values[0].reshape(x3),
        values[1].reshape((R.shape[1], values[1].data.size // max(R.shape[1], 1))),
        values[2],
        values[3],
        values[4].reshape((values[4].data.size,)),
    ]
    spec = spec_of(inputs, full, save=False)
    state_labels = "" if not H0._labels else "CB" if "B" in X._labels else "CU"
    key = (X.shape, X._labels, H0.shape, H0._labels, tuple(options.items()))
    r.plan[key] = (
        functools.partial(run_forward, spec),
        dtype,
        None if X.shape == x3 else x3,
        None if H0.shape == inputs[1].data.shape else inputs[1].data.shape,
        inputs[4].data,
        None if Y.shape == (Y.shape[0], *x3[1:]) else Y.shape,
        Y._labels,
        state_labels,
    )


_NO_EXTRA = Extra()


def gru(*args: Any, **options: Any) -> Any:
    if len(args) == 5:
        X, H0, W, R, b = args
        if type(R) is DLArray and type(X) is DLArray and type(H0) is DLArray:
            r = R._value
            nargout = options.pop("nargout", 1) if options else 1
            if r is not None and r.plan is not None and type(W) is type(b) is DLArray:
                plans = r.plan
                xv, hv = X._value, H0._value
                if (
                    plans.W is W._value
                    and plans.b is b._value
                    and xv is not None
                    and hv is not None
                    and xv.tape is None
                    and hv.tape is None
                    and (nargout == 1 or nargout == 2)
                ):
                    x, h = xv.data, hv.data
                    try:
                        plan = plans.get(
                            (x.shape, X._labels, h.shape, H0._labels, tuple(options.items()))
                        )
                    except TypeError:  # an option that cannot be a key
                        plan = None
                    if plan is not None:
                        run, dtype, x3, h2, bias, y_shape, y_labels, h_labels = plan
                        if x.dtype is dtype and h.dtype is dtype:
                            if x3 is not None:
                                x = x.reshape(x3, order="F")
                            if h2 is not None:
                                h = h.reshape(h2, order="F")
                            y, last, _, _ = run(x, (h,), W._value.data, r.data, bias, _NO_EXTRA)
                            if y_shape is not None:
                                y = y.reshape(y_shape, order="F")
                            Y = wrap(Value(y), y_labels)
                            if nargout == 1:
                                return Y
                            return Y, wrap(Value(last[0]), h_labels)
            result = gru_operation.op.call(args, {**options, "nargout": nargout})
            if type(W) is type(b) is DLArray and X._labels:
                _remember(args, options, outputs(nargout), result)
            return result
    elif args and type(args[0]) is Value:
        return gru_operation.op.on_values(*args, **options)
    return gru_operation.op.call(args, options)


gru.__doc__ = full_door.__doc__
gru.__signature__ = inspect.signature(full_door)  # type: ignore[attr-defined]
gru.op = gru_operation.op  # type: ignore[attr-defined]
gru_operation.op.public = gru  # type: ignore[assignment]
