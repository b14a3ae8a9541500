"""Losses: ``crossentropy mse l1loss l2loss``, one reduction model for all.

Element losses are masked, weighted, summed and divided by a count: by default the
size of the B dimension alone, so losses sum over channels and time.  Masked elements
are *selected* out before anything is computed from them, so a NaN there reaches
neither the loss nor a gradient.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Annotated, Any, NamedTuple

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import xp_of
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruValueError
from dlgru.labels import describe, positions
from dlgru.namevalue import OneOf
from dlgru.op import composite
from dlgru.ops.align import align
from dlgru.ops.classes import floating
from dlgru.ops.compare import and_, eq_values, ne, select
from dlgru.ops.elementwise import abs, log
from dlgru.ops.format import _labelled, require_format, stripdims
from dlgru.ops.reduction import sum

NORMALIZATION = OneOf("batch-size", "all-elements", "mask-included", "none")
REDUCTION = OneOf("sum", "none")


class _Parts(NamedTuple):
    """Predictions and what goes with them, as Values in the dimensions of the predictions."""

    y: Value
    t: Value
    weights: Value | None
    mask: Value | None
    labels: str
    data_format: str


def _parts(
    function: str,
    Y: Any,
    targets: Any,
    weights: Any = None,
    Mask: Any = None,
    DataFormat: str = "",
    WeightsFormat: str = "",
) -> _Parts:
    predictions = require_format(Y, DataFormat, function, "Y")
    labels = predictions.dims
    y = floating(predictions.value, function)
    if DataFormat and type(targets) is not DLArray:
        targets = _labelled(to_value(targets, function, "targets"), DataFormat)
    elif DataFormat and not targets.dims:
        targets = _labelled(targets.value, DataFormat)
    t = _beside(function, "targets", targets, y, labels)
    if _padded(t.shape, y.shape) != y.shape:
        raise DlgruValueError(
            "Size of predictions and target values arguments must match",
            identifier=f"dlgru:{function}:sizes",
            function=function,
            argument="targets",
            came=describe(labels_of(targets), to_value(targets, function).shape),
            expected=describe(labels, y.shape),
        )
    w = m = None
    if weights is not None and not (isinstance(weights, list) and not weights):
        if WeightsFormat:
            weights = _labelled(to_value(weights, function, "weights"), WeightsFormat)
        elif DataFormat and not labels_of(weights):
            weights = _labelled(to_value(weights, function, "weights"), DataFormat)
        w = _beside(function, "weights", weights, y, labels)
    if Mask is not None and not (isinstance(Mask, list) and not Mask):
        if DataFormat and not labels_of(Mask):
            Mask = _labelled(to_value(Mask, function, "Mask"), DataFormat)
        m = _beside(function, "Mask", Mask, y, labels)
        if m.dtype != backend.logical:
            m = ne.op.on_values(m, 0)
    return _Parts(y, t.reshape(y.shape), w, m, labels, DataFormat)


def _padded(shape: tuple[int, ...], like: tuple[int, ...]) -> tuple[int, ...]:
    padded = shape + (1,) * (len(like) - len(shape))
    while len(padded) > len(like) and padded[-1] == 1:
        padded = padded[:-1]
    return padded


def _beside(function: str, argument: str, x: Any, y: Value, labels: str) -> Value:
    """`x` with its dimensions in the places those of the predictions have."""
    value, own = to_value(x, function, argument), labels_of(x)
    while own and own[-1] == "U" and value.shape[-1] == 1:
        value, own = value.reshape(value.shape[:-1]), own[:-1]
    if own and any(own.count(d) > labels.count(d) for d in own):
        raise DlgruValueError(
            identifier=f"dlgru:{function}:labels",
            function=function,
            argument=argument,
            came=describe(own, value.shape),
            expected=f"labels of the predictions, {describe(labels, y.shape)}",
        )
    _, placed, _ = align(y, labels, value, own)
    aligned: Value = placed
    # It may expand to the predictions, but not they to it.
    for n, m in zip_longest(aligned.shape, y.shape, fillvalue=1):
        if n not in (1, m) and argument != "targets":
            raise DlgruValueError(
                identifier=f"dlgru:{function}:sizes",
                function=function,
                argument=argument,
                came=describe(own, value.shape),
                expected=f"a size that expands to {describe(labels, y.shape)}, that of Y",
            )
    return aligned


def _reduce(parts: _Parts, element: Value, normalization: str, reduction: str) -> DLArray:
    if parts.weights is not None:
        element = element * _masked(parts.weights, parts.mask, 0.0)
    if reduction == "none":
        # The divisor belongs to the reduction: the element losses are as they are.
        result = finish(element, parts.labels)
        return stripdims(result, parts.data_format) if parts.data_format else result
    total = sum(element, tuple(range(element.data.ndim))).reshape((1, 1))
    count: Any = 1.0
    if normalization == "batch-size":
        at = positions(parts.labels, "B")
        count = float(parts.y.shape[at[0]]) if at else 1.0
    elif normalization == "all-elements":
        count = float(parts.y.data.size)
    elif normalization == "mask-included":
        count = _kept(parts)
    return finish(total if type(count) is float and count == 1.0 else total / count)


def _kept(parts: _Parts) -> Any:
    """How many elements the mask leaves; counted where the mask is, so nobody waits for it."""
    if parts.mask is None:
        return float(parts.y.data.size)
    xp = xp_of(parts.mask.data)
    turned = parts.mask.data
    turned = turned.reshape(turned.shape + (1,) * (parts.y.data.ndim - turned.ndim), order="F")
    kept = xp.broadcast_to(turned, parts.y.shape).sum(dtype=backend.double)
    return Value(kept.reshape((1, 1)))


def _masked(x: Value, mask: Value | None, fill: float) -> Value:
    masked: Value = x if mask is None else select(mask, x, fill)
    return masked


@composite("crossentropy")
def crossentropy(Y: Any, targets: Any) -> Any:
    # Where the target is 0 the term is 0, also for a prediction of 0.
    absent = and_.op.on_values(eq_values(targets, 0), eq_values(Y, 0))
    return -(targets * log(select(absent, 1.0, Y)))


@crossentropy.cases
def _(r: Any) -> Any:
    yield (
        r(3, 4, fmt="CB", kind="probability"),
        r.constant([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]),
    )
    yield (
        r(3, 2, fmt="CB", kind="probability"),
        r.constant([[1, 0], [0, 1], [1, 1]], "CB"),
        {"ClassificationMode": "multilabel"},
    )
    yield (
        r(2, 3, fmt="CB", kind="probability"),
        r.constant([[1, 0, 1], [0, 1, 0]]),
        r(1, 2, kind="positive"),
        {"WeightsFormat": "UC"},
    )
    yield (
        r(2, 3, 2, fmt="CBT", kind="probability"),
        r(2, 3, 2, fmt="CBT", kind="probability"),
        {"Mask": r.constant([[[1, 1], [1, 0], [0, 0]]], "CBT"), "Reduction": "none"},
    )
    yield (
        r(4, 3, kind="probability"),
        r(4, 3, kind="probability"),
        {
            "DataFormat": "BC",
            "TargetCategories": "independent",
            "Mask": r.constant([[1], [1], [0], [1]]),
            "NormalizationFactor": "mask-included",
        },
    )
    for divisor in ("all-elements", "none"):
        y = r(3, 4, fmt="CB", kind="probability")
        yield y, r(3, 4, kind="probability"), {"NormalizationFactor": divisor}


@crossentropy.door
def _crossentropy(
    Y: Any,
    targets: Any,
    weights: Any = None,
    *,
    DataFormat: str = "",
    WeightsFormat: str = "",
    ClassificationMode: Annotated[str, OneOf("single-label", "multilabel")] = "single-label",
    TargetCategories: Annotated[str, OneOf("exclusive", "independent")] = "exclusive",
    Mask: Any = None,
    NormalizationFactor: Annotated[str, NORMALIZATION] = "batch-size",
    Reduction: Annotated[str, REDUCTION] = "sum",
) -> DLArray:
    """Cross-entropy loss between predicted probabilities and targets.

    ``-sum(T .* log(Y)) / N``; multilabel: ``-sum(T .* log(Y) + (1-T) .* log(1-Y)) / N``.

    Parameters
    ----------
    Y : array
        Probabilities ``Y[C,B,T]`` (apply ``softmax`` or ``sigmoid`` first), formatted
        or with `DataFormat`.
    targets : array
        Size of Y: one-hot, probabilities, or 0 and 1 for multilabel.  Unformatted
        targets take the format of Y.
    weights : array, optional
        Expands against Y; an unformatted vector of class weights needs
        ``WeightsFormat="UC"`` (1×C) or ``"CU"`` (C×1).
    DataFormat, WeightsFormat : str
        Labels of unformatted Y and of unformatted weights.
    ClassificationMode : "single-label" (default) or "multilabel"
        ``TargetCategories="exclusive"`` and ``"independent"`` are its older names.
    Mask : logical array, optional
        True where an element counts; expands against Y.
    NormalizationFactor : "batch-size" (default), "all-elements", "mask-included" or "none"
        What N is: the size of B, all elements, the unmasked ones, or 1.
    Reduction : "sum" (default) or "none"
        "none" returns the weighted element losses, not divided, in the format of Y.

    Returns
    -------
    DLArray
        An unformatted scalar.  A prediction of 0 where the target is not 0 gives Inf.

    Examples
    --------
    >>> import dlgru as dl
    >>> Y = dl.dlarray([[0.5, 0.25], [0.5, 0.75]], "CB")
    >>> print(dl.crossentropy(Y, [[1, 0], [0, 1]]))
      1×1 dlarray
    <BLANKLINE>
        0.4904
    """
    parts = _parts("crossentropy", Y, targets, weights, Mask, DataFormat, WeightsFormat)
    loss = crossentropy.op.on_values
    y, t = _masked(parts.y, parts.mask, 1.0), _masked(parts.t, parts.mask, 0.0)
    element = loss(y, t)
    if ClassificationMode == "multilabel" or TargetCategories == "independent":
        other = _masked(1 - parts.t, parts.mask, 0.0)
        element = element + loss(_masked(1 - parts.y, parts.mask, 1.0), other)
    return _reduce(parts, element, NormalizationFactor, Reduction)


@composite("mse")
def mse(Y: Any, targets: Any) -> Any:
    d = Y - targets
    return d * d * 0.5


@mse.cases
def _(r: Any) -> Any:
    yield r(3, 4, fmt="CB"), r(3, 4)
    yield r(3, 4), r(3, 4), {"DataFormat": "BC"}


@mse.door
def _mse(Y: Any, targets: Any, *, DataFormat: str = "") -> DLArray:
    """Half mean squared error, ``sum((Y - T).^2) / (2*N)`` with N the size of B.

    Parameters
    ----------
    Y : array
        Predictions, formatted or with `DataFormat`.
    targets : array
        Size of Y; unformatted targets take its format.
    DataFormat : str
        Labels of unformatted Y.

    Returns
    -------
    DLArray
        An unformatted scalar.  ``l2loss`` is the form without the half.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.mse(dl.dlarray([[1, 2]], "CB"), [[0, 0]]))
    1.25
    """
    parts = _parts("mse", Y, targets, DataFormat=DataFormat)
    return _reduce(parts, mse.op.on_values(parts.y, parts.t), "batch-size", "sum")


_LOSS_DOC = """{head}

    Parameters
    ----------
    Y : array
        Predictions, formatted or with `DataFormat`.
    targets : array
        Size of Y; unformatted targets take its format.
    weights : array, optional
        Expands against Y; `WeightsFormat` labels an unformatted vector.
    DataFormat, WeightsFormat : str
        Labels of unformatted Y and of unformatted weights.
    Mask : logical array, optional
        True where an element counts; expands against Y.
    NormalizationFactor : "batch-size" (default), "all-elements", "mask-included" or "none"
        What N is: the size of B, all elements, the unmasked ones, or 1.
    Reduction : "sum" (default) or "none"
        "none" returns the weighted element losses, not divided, in the format of Y.

    Returns
    -------
    DLArray
        An unformatted scalar.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.{name}(dl.dlarray([[1, 3]], "CB"), [[0, 0]]))
    {value}
    """


def _difference_loss(name: str, head: str, value: str, of: Any) -> Any:
    def body(d: Any) -> Any:
        return of(d)

    body.__name__ = body.__qualname__ = name
    op = composite(name)(body)

    @op.cases
    def _(r: Any) -> Any:
        yield r(3, 4, fmt="CB"), r(3, 4)
        yield (
            r(2, 3, 2, fmt="CBT"),
            r(2, 3, 2, fmt="CBT"),
            {"Mask": r.constant([[[1, 1], [1, 0], [0, 0]]], "CBT")},
        )
        yield r(2, 3, fmt="CB"), r(2, 3), r(1, 2, kind="positive"), {"WeightsFormat": "UC"}
        for divisor in ("all-elements", "mask-included", "none"):
            yield r(2, 3, fmt="CB"), r(2, 3), {"NormalizationFactor": divisor}
        mask = r.constant([[1, 0, 1]])
        yield r(2, 3, fmt="CB"), r(2, 3), {"NormalizationFactor": "mask-included", "Mask": mask}
        yield r(2, 3), r(2, 3), {"DataFormat": "BC", "Reduction": "none"}

    def loss(
        Y: Any,
        targets: Any,
        weights: Any = None,
        *,
        DataFormat: str = "",
        WeightsFormat: str = "",
        Mask: Any = None,
        NormalizationFactor: Annotated[str, NORMALIZATION] = "batch-size",
        Reduction: Annotated[str, REDUCTION] = "sum",
    ) -> DLArray:
        parts = _parts(name, Y, targets, weights, Mask, DataFormat, WeightsFormat)
        d = _masked(parts.y - parts.t, parts.mask, 0.0)
        return _reduce(parts, op.op.on_values(d), NormalizationFactor, Reduction)

    loss.__name__ = loss.__qualname__ = name
    loss.__doc__ = _LOSS_DOC.format(name=name, head=head, value=value)
    op.door(loss)
    return op


l1loss = _difference_loss("l1loss", "Mean absolute error, ``sum(abs(Y - T)) / N``.", "2.0", abs)
l2loss = _difference_loss(
    "l2loss", "Squared error, ``sum((Y - T).^2) / N`` (no half).", "5.0", lambda d: d * d
)
