"""Activations: ``sigmoid relu leakyrelu softmax``.

Logical data are refused, as in MATLAB.  Complex data go where there is one meaning: into
``sigmoid`` and ``softmax``, which are analytic; a threshold has none.
"""

from __future__ import annotations

from typing import Annotated, Any

from dlgru.array import DLArray, Value, wrap
from dlgru.backend import REAL_OF, elementwise, xp_of
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.labels import describe, positions
from dlgru.namevalue import Interval
from dlgru.op import Door, Operation, composite, primitive
from dlgru.ops.classes import conjugate, floating
from dlgru.ops.compare import gt_values, select
from dlgru.ops.complexdata import is_complex
from dlgru.ops.format import require_format, stripdims
from dlgru.ops.reduction import over, sum


def activation(op: Operation) -> Door:
    """Door of an activation: keeps the labels, refuses logical data."""

    def door(X: Any, *args: Any, **options: Any) -> DLArray:
        value = floating(to_value(X, op.name), op.name)
        return wrap(op.on_values(value, *args, **options), labels_of(X))

    return door


def threshold(op: Operation) -> Door:
    """Door of an activation that asks which elements are positive: refuses complex data too."""
    door = activation(op)

    def real_door(X: Any, *args: Any, **options: Any) -> DLArray:
        if is_complex(to_value(X, op.name)):
            raise DlgruTypeError(
                "Complex numbers are neither positive nor negative",
                identifier=f"dlgru:{op.name}:complex",
                function=op.name,
                argument="X",
                came="complex",
                expected="real numbers",
                fix=f"for a threshold in both parts write "
                f"dlgru.complex({op.name}(real(X)), {op.name}(imag(X)))",
            )
        result: DLArray = door(X, *args, **options)
        return result

    return real_door


@primitive("sigmoid", labels=activation)
def sigmoid(X: Any) -> Any:
    """Logistic function ``1 / (1 + exp(-X))`` of each element.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.sigmoid(dl.dlarray(0)))
    0.5
    """
    y = elementwise(_logistic, X)
    if X.dtype in REAL_OF:  # complex: exp overflows into NaN there, not into Inf
        xp, x = xp_of(X), X.T
        y = xp.where(x.real < 0, xp.exp(x) / (1 + xp.exp(x)), y.T).T
    return y


def _logistic(x: Any) -> Any:
    y = xp_of(x).exp(-x)
    y += 1
    return 1 / y


@sigmoid.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g * conjugate(y * (1 - y))


@sigmoid.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, 2),)
    yield (r(2, 2, kind="complex"),)


@primitive("relu", labels=threshold)
def relu(X: Any) -> Any:
    """``max(X, 0)`` of each element; the derivative at 0 is 0, and NaN stays NaN.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.relu(dl.dlarray([-1, 2])))
      1×2 dlarray
    <BLANKLINE>
         0     2
    """
    return elementwise(xp_of(X).maximum, X, 0)


@relu.vjp
def _(y: Value, x: Value) -> Any:
    positive = gt_values(x, 0)
    return lambda g: select(positive, g, 0.0)


@relu.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="nonzero"),)


@composite("leakyrelu", labels=threshold)
def leakyrelu(X: Any, scaleFactor: Annotated[float, Interval(0, float("inf"))] = 0.01) -> Any:
    """X where it is positive, ``scaleFactor * X`` elsewhere.

    Parameters
    ----------
    X : array
        Single or double, any size and format, which the result keeps.
    scaleFactor : float, default 0.01
        Slope for negative elements.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.leakyrelu(dl.dlarray([-10, 2]), 0.5))
      1×2 dlarray
    <BLANKLINE>
        -5     2
    """
    return select(gt_values(X, 0), X, scaleFactor * X)


@leakyrelu.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="nonzero"),)
    yield r(3, 2, kind="nonzero"), 0.2


@primitive("softmax")
def softmax(X: Any, axes: tuple[int, ...]) -> Any:
    top = over("max" if X.size else "sum", X.real, axes)
    e = xp_of(X).exp(X.T - top.T)
    return (e / over("sum", e.T, axes).T).T


@softmax.vjp
def _(y: Value, x: Value, axes: tuple[int, ...]) -> Any:
    def back(g: Value) -> Value:
        slope: Value = conjugate(y)
        pulled: Value = slope * (g - sum(g * slope, axes))
        return pulled

    return back


@softmax.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 3, 2, fmt="SCB"),)
    yield r(2, 3), {"DataFormat": "BC"}
    yield (r(3, 2, fmt="CB", kind="complex"),)


@softmax.door
def _softmax(X: Any, *, DataFormat: str = "") -> DLArray:
    """Exponentials along the channel dimension, scaled to sum to 1.

    Parameters
    ----------
    X : array
        ``X[S,C,B,T]`` with a C dimension, or unformatted together with `DataFormat`.
    DataFormat : str
        Labels of unformatted data, in their order, which the result keeps.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.softmax(dl.dlarray([0, 0], "C")))
      2(C) × 1(U) dlarray
    <BLANKLINE>
        0.5000
        0.5000
    """
    labelled = require_format(X, DataFormat, "softmax")
    axes = positions(labelled.dims, "C")
    if not axes:
        raise DlgruValueError(
            identifier="dlgru:softmax:channel",
            function="softmax",
            argument="X",
            came=describe(labelled.dims, labelled.shape),
            expected="a C dimension",
        )
    value = floating(labelled.value, "softmax")
    result = wrap(softmax.op.on_values(value, axes=axes), labelled.dims)
    return stripdims(result, DataFormat) if DataFormat else result
