"""What a call of ``gru`` comes to, for all calls of the same form.

Everything the full door of ``recurrent.py`` finds out follows from sizes, labels, classes and
options.  A *form* keeps it, so that a training loop, whose arrays are new and traced in each
iteration, finds it out once.

Calls of mixed classes, with S dimensions, with a DataFormat whose dimensions are stored in
another order, or with functions among their options have no form.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from dlgru.array import DLArray, Value, wrap
from dlgru.backend import double, single
from dlgru.kernels.spec import Spec
from dlgru.labels import stored
from dlgru.namevalue import Binder
from dlgru.ops.recurrent import full_door, spec_of
from dlgru.ops.recurrent_sizes import prepare
from dlgru.subscript import trimmed

MOST = 1024
"""Forms kept; one more, and all are made again."""

DEFAULTS = {
    p.name: p.default
    for p in inspect.signature(full_door).parameters.values()
    if p.kind is p.KEYWORD_ONLY
}
"""The options of ``gru`` by name."""

OF_THE_OPERATION = (
    "ResetGateMode",
    "StateActivationFunction",
    "GateActivationFunction",
    "Direction",
)
"""The options that the operation itself has, beside the lengths."""


class Form(NamedTuple):
    """What follows from the sizes, labels, classes and options of a call."""

    x_shape: tuple[int, ...] | None  # what X, H0 and Y are reshaped to; None: as they are
    h_shape: tuple[int, ...] | None
    y_shape: tuple[int, ...] | None
    y_labels: str
    state_labels: str
    spec: Spec  # untraced, without lengths
    asked: dict[str, Any]  # the operation's options


_forms: dict[Any, Form] = {}
_binder = Binder(full_door, "gru")


def find(args: tuple[DLArray, ...], values: list[Value], options: dict[str, Any]) -> Form | None:
    """The form of a call, if one like it has been made."""
    try:
        return _forms.get(_key(args, values, options))
    except TypeError:  # an option that cannot be part of a key
        return None


def remember(
    args: tuple[DLArray, ...], values: list[Value], options: dict[str, Any]
) -> Form | None:
    """Keep the form of a call that went well, if it has one."""
    X, H0, _, R, _ = values
    named = {k: o for k, o in options.items() if k != "SequenceLengths"}
    if R.data.dtype not in (single, double) or any(type(o) is not str for o in named.values()):
        return None
    key = _key(args, values, options)
    if key is None:
        return None
    asked = {**DEFAULTS, **_binder(args, named)[1]}
    fmt = asked["DataFormat"]
    # On stand-ins that no tape watches: the call itself has been recorded.
    still = tuple([wrap(Value(v.data), a._labels) for a, v in zip(args, values, strict=True)])
    call = prepare(still, fmt, asked["ResetGateMode"], asked["Direction"])
    if (
        "S" in (args[0].dims or fmt)
        or stored(fmt) != fmt
        or call.y_order not in ("", call.y_labels)
    ):
        return None
    x, h, *_ = [v.data for v in call.values]
    y_shape = trimmed(call.y_shape) if fmt else call.y_shape
    form = Form(
        None if x.shape == X.shape else x.shape,
        None if h.shape == H0.shape else h.shape,
        None if y_shape == (len(h), *x.shape[1:]) else y_shape,
        "" if fmt else call.y_labels,
        call.state_labels,
        spec_of(call.values, asked, save=False),
        {k: asked[k] for k in OF_THE_OPERATION},
    )
    if len(_forms) >= MOST:
        _forms.clear()
    _forms[key] = form
    return form


def _key(
    args: tuple[DLArray, ...], values: list[Value], options: dict[str, Any]
) -> tuple[Any, ...] | None:
    """Everything that decides about sizes and labels, but not the lengths.

    None for arrays of several classes or places: these have no form.
    """
    X, H0, W, R, b = args
    x, h, w, r, c = [v.data for v in values]
    kind, dtype = type(x), x.dtype
    if not (
        type(h) is type(w) is type(r) is type(c) is kind
        and h.dtype == w.dtype == r.dtype == c.dtype == dtype
    ):
        return None
    if "SequenceLengths" in options:
        options = {k: o for k, o in options.items() if k != "SequenceLengths"}
    return (
        x.shape,
        h.shape,
        w.shape,
        r.shape,
        c.shape,
        X._labels,
        H0._labels,
        W._labels,
        R._labels,
        b._labels,
        dtype,
        kind,
        tuple(options.items()) if options else (),
    )
