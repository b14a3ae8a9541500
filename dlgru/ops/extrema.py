"""The largest and the smallest: ``max min``, of one array along dimensions or of two arrays.

NaN loses against any number.  Complex data are compared by modulus, and by phase where
the moduli are equal.  Of several maximisers in one array the first gets the whole
gradient, the one the index output names.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import colmajor, elementwise, xp_of
from dlgru.calls import any_spelling
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError
from dlgru.op import primitive
from dlgru.ops.classes import astype
from dlgru.ops.compare import maximum, minimum, select
from dlgru.ops.complexdata import is_complex
from dlgru.ops.expand import expand
from dlgru.ops.pairs import counted
from dlgru.ops.reduction import fold, kept, over
from dlgru.ops.sizes import axes_of, outputs_asked


def _extreme(name: str, method: str, worst: float) -> Any:
    """Extreme along the first dimension; NaN loses against a number, as in MATLAB."""

    def forward(x: Any) -> Any:
        x = counted(x)
        xp = xp_of(x)
        nan = elementwise(xp.isnan, x)
        if is_complex(x):
            return _of_complex(x, nan, method, worst)
        if xp is np and not nan.any():  # on a device, looking would make the host wait
            return over(method, x, (0,))
        found = over(method, xp.where(nan.T, worst, x.T).T, (0,))
        return xp.where(over("all", nan, (0,)).T, math.nan, found.T).T

    forward.__name__ = forward.__qualname__ = name
    op = primitive(name)(forward)

    @op.vjp
    def _(y: Value, x: Value) -> Any:
        shape = x.shape

        def back(g: Value) -> Value:
            # The whole gradient goes to the first maximiser, the one the index output names.
            at = first_hit(x.data, y.data)
            xp = xp_of(at)
            rows = xp.arange(shape[0]).reshape((shape[0],) + (1,) * (len(shape) - 1))
            mask = Value((rows.T == at.T).T)
            chosen: Value = select(mask, expand(g, shape), 0.0)
            return chosen

        return back

    @op.cases
    def _(r: Any) -> Any:
        yield (r(3, 4),)
        yield (r(3, 4, 2),)
        yield (r(3, 4, 2, kind="complex"),)

    @op.door
    def _(X: Any) -> DLArray:
        """Extreme along the first dimension (unformatted arrays)."""
        return finish(op.op.on_values(to_value(X, name)))

    return op


def _of_complex(x: Any, nan: Any, method: str, worst: float) -> Any:
    """Extreme of complex data along the first dimension."""
    xp, turned, nan = xp_of(x), x.T, nan.T
    size = xp.where(nan, worst, xp.abs(turned)).T
    largest = (size.T == over(method, size, (0,)).T) & ~nan
    phase = xp.where(largest, xp.angle(turned), worst).T
    at = first_hit(phase, over(method, phase, (0,)))
    return xp.take_along_axis(turned, at.T, axis=x.ndim - 1).T


def first_hit(x: Any, y: Any) -> Any:
    """0-based position along the first dimension where x first equals its extreme y."""
    return (x.T == y.T).argmax(axis=x.ndim - 1, keepdims=True).T


max_first = _extreme("max_first", "max", -math.inf)
min_first = _extreme("min_first", "min", math.inf)


def _extreme_door(
    function: str, X: Any, Y: Any, dim: Any, nargout: int, over_first: Any, of_two: Any
) -> Any:
    nargout = outputs_asked(nargout, function, "M", "I")
    if not (isinstance(Y, list | tuple) and len(Y) == 0) and Y is not None:
        if dim is not None or nargout > 1:
            raise DlgruTypeError(
                identifier=f"dlgru:{function}:arguments",
                function=function,
                argument="Y",
                came="an array together with dim or a second output",
                expected=f"{function}(X, Y), or {function}(X, [], dim)",
                fix=f"write {function}(X, [], dim)",
            )
        return of_two(X, Y)
    value, labels = to_value(X, function), labels_of(X)
    shape = value.shape
    axes = axes_of(dim, labels, shape, function)
    if shape == (0, 0) or 0 in [shape[a] for a in axes]:
        # The extreme of nothing is empty, as in MATLAB.
        new = (
            shape
            if shape == (0, 0)
            else tuple([0 if n == 0 else 1 if k in axes else n for k, n in enumerate(shape)])
        )
        empty = finish(value.reshape(new), labels)
        if nargout < 2:
            return empty
        index = Value(colmajor(xp_of(value.data), new, backend.double))
        return empty, finish(index, labels)
    if value.dtype == backend.logical:
        value = astype(value, backend.double)
    found = over_first(fold(value, axes)) if axes else value
    result = found.reshape(kept(shape, axes))
    if nargout < 2:
        return finish(result, labels)
    xp = xp_of(value.data)
    if axes:
        folded = fold(Value(value.data), axes).data
        at = first_hit(folded, found.data).reshape(result.shape, order="F")
    else:
        at = xp.zeros(shape)
    if len(axes) > 1:
        at = _linear(at, shape, axes, xp)
    index = Value(backend.as_colmajor(xp, at.astype(backend.double) + 1))
    return finish(result, labels), finish(index, labels)


def _linear(at: Any, shape: tuple[int, ...], axes: tuple[int, ...], xp: Any) -> Any:
    """Column-major index into the whole array of a hit at position `at` of the folded axes."""
    strides = [math.prod(shape[:k]) for k in range(len(shape))]
    total = xp.zeros(at.shape)
    for a in axes:
        total = total + (at % shape[a]) * strides[a]
        at = at // shape[a]
    for k, n in enumerate(shape):
        if k not in axes:
            total = (
                total
                + xp.arange(n).reshape((1,) * k + (n,) + (1,) * (len(shape) - k - 1)) * strides[k]
            )
    return total


@any_spelling
def max(X: Any, Y: Any = None, dim: Any = None, *, nargout: int = 1) -> Any:
    """Largest elements: of one array along a dimension, or of two arrays element by element.

    ``max(X)``, ``max(X, [], dim)``, ``max(X, [], "all")`` reduce; the reduced dimension
    stays with size 1.  ``max(X, Y)`` compares two arrays with implicit expansion.
    NaN loses against any number.  Complex data are compared by modulus, and by phase
    between -π and π where the moduli are equal.

    Parameters
    ----------
    X : array
        Any size and format, which the result keeps.
    Y : array, or []
        The second array; ``[]`` where `dim` follows.
    dim : int, list of int, label or "all", optional
        Default the first dimension whose size is not 1.
    nargout : int
        2 also returns the index of the first maximiser, counted from 1 (linear when
        several dimensions are reduced).  The index is never traced.

    Notes
    -----
    Of several maximisers the first gets the whole gradient; a tie of two arrays
    gives it to the second one.

    Examples
    --------
    >>> import dlgru as dl
    >>> M, I = dl.max(dl.dlarray([3, 7, 7]), nargout=2)
    >>> float(M), float(I)
    (7.0, 2.0)
    >>> print(dl.max(dl.dlarray([-1, 2]), 0))
      1×2 dlarray
    <BLANKLINE>
         0     2
    """
    return _extreme_door("max", X, Y, dim, nargout, max_first.op.on_values, maximum)


@any_spelling
def min(X: Any, Y: Any = None, dim: Any = None, *, nargout: int = 1) -> Any:
    """Smallest elements: of one array along a dimension, or of two arrays element by element.

    Takes the arguments of :func:`max`.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.min(dl.dlarray([[3, 7], [2, 9]]), [], "all"))
    2.0
    """
    return _extreme_door("min", X, Y, dim, nargout, min_first.op.on_values, minimum)
