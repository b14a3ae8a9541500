"""Reductions: ``sum mean prod max min any all``.

A reduced dimension stays, with size 1 and its label, so a reduction never changes
a format.  ``dim`` is a dimension number counted from 1, a list of them, a label
such as ``"T"``, or ``"all"``; left out, it is the first dimension whose size is not 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import colmajor, xp_of
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError
from dlgru.op import primitive
from dlgru.ops.align import reduce
from dlgru.ops.classes import conj
from dlgru.ops.compare import maximum, minimum, select
from dlgru.ops.expand import expand
from dlgru.ops.join import stack, unstack
from dlgru.ops.pairs import counted
from dlgru.ops.shape import permute
from dlgru.ops.sizes import axes_of


def over(f: str, x: Any, axes: tuple[int, ...], **options: Any) -> Any:
    """Reduce axes of a column-major array with a NumPy method, sizes kept as 1."""
    n = x.ndim
    # On the transpose NumPy keeps the order of the result.
    turned = tuple(n - 1 - a for a in axes)
    return getattr(xp_of(x), f)(x.T, axis=turned, keepdims=True, **options).T


def kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The size after reducing `axes`."""
    return tuple([1 if k in axes else n for k, n in enumerate(shape)])


@primitive("sum", labels=reduce(empty_to_scalar=True))
def sum(X: Any, dim: Any = None) -> Any:
    """Sum over one or more dimensions, which stay with size 1.

    Parameters
    ----------
    X : array
        Any size and format; logical data count as double.
    dim : int, list of int, label or "all", optional
        What to sum over; default the first dimension whose size is not 1.

    Returns
    -------
    DLArray
        The format of X.  The sum of nothing is 0.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.sum(dl.dlarray([[1, 2], [3, 4]]), 1))
      1×2 dlarray
    <BLANKLINE>
         4     6
    >>> print(dl.sum(dl.dlarray([[1, 2], [3, 4]], "CB"), "all"))
      1(C) × 1(B) dlarray
    <BLANKLINE>
        10
    """
    return over("sum", counted(X), dim) if dim else counted(X)


@sum.vjp
def _(y: Value, x: Value, axes: tuple[int, ...]) -> Any:
    shape = x.shape
    return lambda g: expand(g, shape)


@sum.cases
def _(r: Any) -> Any:
    yield (r(3, 4, fmt="CB"),)
    yield r(3, 4, 2, fmt="CBT"), [1, 3]
    yield r(3, 4, 2, fmt="CBT"), "T"
    yield r(3, 4), "all"
    yield r(3, 4), 3
    yield (r(0, 0),)
    yield r(3, 0, fmt="CB"), 2
    yield (r(2, 3, kind="complex"),)


@primitive("mean", labels=reduce(empty_to_scalar=True))
def mean(X: Any, dim: Any = None) -> Any:
    """Mean over one or more dimensions, which stay with size 1.

    Takes the arguments of :func:`sum`.  The mean of nothing is NaN.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.mean(dl.dlarray([[1, 2], [3, 4]]), 2))
      2×1 dlarray
    <BLANKLINE>
        1.5000
        3.5000
    """
    x = counted(X)
    count = math.prod([x.shape[a] for a in dim or ()])
    total = over("sum", x, dim) if dim else x
    # 0/0 is MATLAB's NaN for the mean of nothing.
    return total / count if count else total * math.nan


@mean.vjp
def _(y: Value, x: Value, axes: tuple[int, ...]) -> Any:
    shape = x.shape
    count = math.prod([shape[a] for a in axes])
    return lambda g: expand(g / count, shape)


@mean.cases
def _(r: Any) -> Any:
    yield (r(3, 4, fmt="CB"),)
    yield r(3, 4, 2, fmt="CBT"), [1, 3]
    yield r(3, 4, 2), "all"
    yield (r(0, 0),)


@primitive("prod", labels=reduce(empty_to_scalar=True))
def prod(X: Any, dim: Any = None) -> Any:
    """Product over one or more dimensions, which stay with size 1.

    Takes the arguments of :func:`sum`.  The product of nothing is 1.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.prod(dl.dlarray([2, 3, 4])))
    24.0
    """
    return over("prod", counted(X), dim) if dim else counted(X)


@prod.vjp
def _(y: Value, x: Value, axes: tuple[int, ...]) -> Any:
    return lambda g: expand(g, x.shape) * conj(_others(x, axes))


@prod.cases
def _(r: Any) -> Any:
    yield (r(3, 4, fmt="CB"),)
    yield r(3, 2, 2), [1, 3]
    yield (r(4, kind="zeros"),)
    yield (r(0, 0),)


def _others(x: Value, axes: tuple[int, ...]) -> Value:
    """For each element the product of all others along `axes`."""
    y = prod.op.on_values(x, axes)
    if bool((y.data != 0).all()) and bool(xp_of(y.data).isfinite(y.data).all()):
        quotient: Value = y / x
        return quotient
    # Some product is zero: multiply what stands before and after, nothing is divided.
    folded = fold(x, axes)
    parts = unstack.op.on_values(folded, axis=0)
    one = Value(xp_of(x.data).ones_like(parts[0].data))
    before, after = [one], [one]
    for k in range(len(parts) - 1):
        before.append(before[-1] * parts[k])
        after.append(after[-1] * parts[-1 - k])
    others = [b * a for b, a in zip(before, reversed(after), strict=True)]
    return unfold(stack.op.on_values(*others, axis=0), x.shape, axes)


def _order(rank: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return axes + tuple([k for k in range(rank) if k not in axes])


def fold(x: Value, axes: tuple[int, ...]) -> Value:
    """Bring `axes` to the front and fold them into one dimension."""
    shape = x.shape
    order = _order(len(shape), axes)
    rest = tuple([shape[k] for k in order[len(axes) :]])
    moved = x if order == tuple(range(len(shape))) else permute(x, order)
    return moved.reshape((math.prod([shape[a] for a in axes]), *rest))


def unfold(x: Value, shape: tuple[int, ...], axes: tuple[int, ...]) -> Value:
    """Undo :func:`fold` for an array that had the size `shape`."""
    order = _order(len(shape), axes)
    moved = x.reshape(tuple([shape[k] for k in order]))
    back = tuple([order.index(k) for k in range(len(order))])
    unfolded: Value = moved if back == order == tuple(range(len(order))) else permute(moved, back)
    return unfolded


# -- the largest and the smallest --------------------------------------------------------


def _extreme(name: str, method: str, worst: float) -> Any:
    """Extreme along the first dimension; NaN loses against a number, as in MATLAB."""

    def forward(x: Any) -> Any:
        x = counted(x)
        xp = xp_of(x)
        nan = xp.isnan(x)
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
            mask = Value(backend.as_colmajor(xp, rows == at))
            chosen: Value = select(mask, expand(g, shape), 0.0)
            return chosen

        return back

    @op.cases
    def _(r: Any) -> Any:
        yield (r(3, 4),)
        yield (r(3, 4, 2),)

    @op.door
    def _(X: Any) -> DLArray:
        """Extreme along the first dimension (unformatted arrays)."""
        return finish(op.op.on_values(to_value(X, name)))

    return op


def first_hit(x: Any, y: Any) -> Any:
    """0-based position along the first dimension where x first equals its extreme y."""
    return (x == y).T.argmax(axis=x.ndim - 1, keepdims=True).T


max_first = _extreme("max_first", "max", -math.inf)
min_first = _extreme("min_first", "min", math.inf)


def _extreme_door(
    function: str, X: Any, Y: Any, dim: Any, nargout: int, over_first: Any, of_two: Any
) -> Any:
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
        empty = finish(Value(colmajor(xp_of(value.data), new, value.dtype)), labels)
        return empty if nargout < 2 else (empty, empty)
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


def max(X: Any, Y: Any = None, dim: Any = None, *, nargout: int = 1) -> Any:
    """Largest elements: of one array along a dimension, or of two arrays element by element.

    ``max(X)``, ``max(X, [], dim)``, ``max(X, [], "all")`` reduce; the reduced dimension
    stays with size 1.  ``max(X, Y)`` compares two arrays with implicit expansion.
    NaN loses against any number.

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


# -- truth -------------------------------------------------------------------------------


def _truth(name: str, doc: str) -> Any:
    def forward(X: Any, dim: Any = None) -> Any:
        return over(name, X != 0, dim) if dim else X != 0

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    op = primitive(name, labels=reduce(empty_to_scalar=True), differentiable=False)(forward)

    @op.cases
    def _(r: Any) -> Any:
        yield (r(3, 4, fmt="CB", kind="logical"),)
        yield r(3, 4, fmt="CB", kind="logical"), "all"

    return op


any = _truth(
    "any",
    """True where any element along a dimension is nonzero; takes the arguments of ``sum``.

    Examples
    --------
    >>> import dlgru as dl
    >>> bool(dl.any(dl.dlarray([0, 1])))
    True
    """,
)
all = _truth(
    "all",
    """True where all elements along a dimension are nonzero; takes the arguments of ``sum``.

    Examples
    --------
    >>> import dlgru as dl
    >>> bool(dl.all(dl.dlarray([0, 1])))
    False
    """,
)
