"""Reductions: ``sum mean prod max min any all``.

A reduced dimension stays, with size 1 and its label, so a reduction never changes
a format.  ``dim`` is a dimension number counted from 1, a list of them, a label
such as ``"T"``, or ``"all"``; left out, it is the first dimension whose size is not 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlgru.array import Value
from dlgru.backend import elementwise, xp_of
from dlgru.op import primitive
from dlgru.ops.align import reduce
from dlgru.ops.classes import conjugate
from dlgru.ops.expand import expand
from dlgru.ops.join import stack, unstack
from dlgru.ops.pairs import counted
from dlgru.ops.shape import permute
from dlgru.ops.sums import add_up


def over(method: str, x: Any, axes: tuple[int, ...]) -> Any:
    """Reduce axes of a column-major array with a NumPy method, sizes kept as 1."""
    last = x.ndim - 1
    # On the transpose NumPy keeps the order of the result.
    turned = tuple([last - a for a in axes])
    return getattr(x.T, method)(axis=turned, keepdims=True).T


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
    return add_up(counted(X), dim) if dim else counted(X)


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
    if not dim:
        return x
    count = math.prod([x.shape[a] for a in dim])
    total = add_up(x, dim)
    total /= count or math.nan  # MATLAB's mean of nothing is NaN
    return total


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
    return lambda g: expand(g, x.shape) * conjugate(_others(x, axes))


@prod.cases
def _(r: Any) -> Any:
    yield (r(3, 4, fmt="CB"),)
    yield r(3, 2, 2), [1, 3]
    yield (r(4, kind="zeros"),)
    yield (r(0, 0),)


def _others(x: Value, axes: tuple[int, ...]) -> Value:
    """For each element the product of all others along `axes`."""
    y = prod.op.on_values(x, axes)
    xp, size = xp_of(y.data), abs(y.data)
    if bool(((size >= np.finfo(y.dtype).tiny) & xp.isfinite(size)).all()):
        quotient: Value = y / x
        return quotient
    # Some product is zero, infinite or too small to be exact: multiply what stands before
    # and after, nothing is divided.
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


# -- truth -------------------------------------------------------------------------------


def _truth(name: str, doc: str) -> Any:
    def forward(X: Any, dim: Any = None) -> Any:
        # NaN is nonzero to ``all``; ``any`` takes no notice of it, as in MATLAB.
        true = elementwise(nonzero, X)
        return over(name, true, dim) if dim else true

    def nonzero(x: Any) -> Any:
        return x != 0 if name == "all" else (x != 0) & (x == x)

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
