"""Weighted connections: ``fullyconnect`` and ``embed``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish
from dlgru.backend import as_colmajor, colmajor, xp_of
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.labels import describe, positions
from dlgru.op import composite, primitive
from dlgru.ops.format import require_format, stripdims
from dlgru.ops.shape import permute
from dlgru.places import require_one_place


@composite("fullyconnect")
def fullyconnect(X: Any, weights: Any, bias: Any) -> Any:
    return weights @ X + bias


@fullyconnect.cases
def _(r: Any) -> Any:
    yield r(3, 4, fmt="CB"), r(2, 3), r(2, 1)
    yield r(2, 3, 4, fmt="SCB"), r(5, 2, 3), r(5, 1)
    yield r(3, 2, 4, fmt="CBT"), r(2, 3), r(1, 2)
    yield r(4, 3), r(2, 3), r(2, 1), {"DataFormat": "BC"}


def _flat(labels: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], list[int], list[int]]:
    """Order that brings what is summed to the front, and which dimensions stay."""
    summed = [k for k, d in enumerate(labels) if d in "SCU"]
    stay = [k for k, d in enumerate(labels) if d in "BT"]
    return tuple(summed + stay), summed, stay


@fullyconnect.door
def _fullyconnect(X: Any, weights: Any, bias: Any, *, DataFormat: str = "") -> DLArray:
    """Weighted sums of all features, plus a bias: ``Y = W*X + b``.

    Parameters
    ----------
    X : array
        Formatted, or unformatted with `DataFormat`.  All S, C and U dimensions are
        summed over, in stored order; B and T stay.
    weights : array
        ``outputs × features``; or more dimensions whose sizes after the first match
        S, C and U of X.  A formatted one has the outputs in its C dimension.
    bias : array
        `outputs` elements, any orientation.
    DataFormat : str
        Labels of unformatted data, in their order.

    Returns
    -------
    DLArray
        ``Y[C,B,T]`` with C = outputs; unformatted if X was, with what remains of
        the order of `DataFormat`.

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.ones(3, 2)
    >>> print(dl.fullyconnect(dl.dlarray(X, "CB"), dl.ones(4, 3), dl.zeros(4, 1)).shape)
    (4, 2)
    """
    x = require_format(X, DataFormat, "fullyconnect")
    labels, shape = x.dims, x.shape
    w, b = to_value(weights, "fullyconnect", "weights"), to_value(bias, "fullyconnect", "bias")
    at = positions(labels_of(weights), "C")
    if at and at[0]:
        rest = [k for k in range(w.data.ndim) if k != at[0]]
        w = permute(w, (at[0], *rest))
    order, summed, stay = _flat(labels, shape)
    features = math.prod([shape[k] for k in summed])
    outputs = w.shape[0]
    if w.data.size != outputs * features:
        raise DlgruValueError(
            identifier="dlgru:fullyconnect:weights",
            function="fullyconnect",
            argument="weights",
            came=describe(labels_of(weights), to_value(weights, "fullyconnect").shape),
            expected=f"outputs×{features}: the S, C and U dimensions of X, "
            f"{describe(labels, shape)}, have {features} elements together",
        )
    if b.data.size != outputs:
        raise DlgruValueError(
            identifier="dlgru:fullyconnect:bias",
            function="fullyconnect",
            argument="bias",
            came=f"{size_text(b.shape)}",
            expected=f"{outputs} elements, one for each row of weights",
        )
    value = x.value if order == tuple(range(len(order))) else permute(x.value, order)
    columns = value.reshape((features, math.prod([shape[k] for k in stay])))
    y = fullyconnect.op.on_values(columns, w.reshape((outputs, features)), b.reshape((outputs, 1)))
    kept = "".join(labels[k] for k in stay)
    y = y.reshape((outputs, *[shape[k] for k in stay])) if kept else y.reshape((outputs, 1))
    result = finish(y, "C" + kept if kept else "CU")
    if DataFormat:
        return stripdims(result, unlabelled_order(DataFormat, result.dims))
    return result


def unlabelled_order(fmt: str, labels: str) -> str:
    """The labels of a result in the order in which an unformatted input had them.

    A channel dimension that was added comes first, a singleton that was added last.
    """
    have = "".join(d * labels.count(d) for d in dict.fromkeys(fmt))
    added = [d for d in labels if d not in have]
    return "".join(d for d in added if d != "U") + have + "".join(d for d in added if d == "U")


@primitive("columns")
def columns(weights: Any, index: Any) -> Any:
    return as_colmajor(xp_of(weights), weights.T[index].T)


@columns.vjp
def _(y: Value, weights: Value, index: Any) -> Any:
    shape = weights.shape
    return lambda g: spread_columns(g, index, shape)


@primitive("spread_columns")
def spread_columns(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Add each column of g into column ``index[k]`` of zeros, in one fixed order."""
    xp = xp_of(g)
    if xp is np:
        out = colmajor(np, shape, g.dtype)
        out[...] = 0
        np.add.at(out.T, index, g.T)
        return out
    return _summed_by_index(xp, g, index, shape)


def _summed_by_index(xp: Any, g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Columns of g added up by index on a device: no atomic addition, and no look at the data.

    Sorted by index, what belongs together is adjacent.  A running sum that starts anew with
    each index then takes log2(n) steps, of which step k adds the sum that ends 2^k places
    before; the last place of an index holds its total.
    """
    order = xp.argsort(index)
    index, sums = index[order], g.T[order]
    step = 1
    while step < index.size:
        same = (index[step:] == index[:-step])[:, None]
        sums[step:] += xp.where(same, sums[:-step], 0)
        step *= 2
    every = xp.arange(shape[1])
    behind = xp.searchsorted(index, every, side="right")
    there = behind > xp.searchsorted(index, every, side="left")
    totals = sums[xp.maximum(behind - 1, 0)] if index.size else 0
    out = colmajor(xp, shape, g.dtype)
    out.T[...] = xp.where(there[:, None], totals, 0)
    return out


@spread_columns.vjp
def _(y: Value, g: Value, index: Any, shape: tuple[int, ...]) -> Any:
    return lambda h: columns(h, index)


@columns.cases
def _(r: Any) -> Any:
    yield r(3, 4), np.array([0, 2, 2])


@spread_columns.cases
def _(r: Any) -> Any:
    yield r(3, 3), np.array([0, 2, 2]), (3, 4)


@columns.door
def _columns(X: Any, index: Any) -> DLArray:
    """Columns of a matrix by 0-based index (unformatted arrays)."""
    return finish(columns.op.on_values(to_value(X, "columns"), index))


@spread_columns.door
def _spread_columns(X: Any, index: Any, shape: Any) -> DLArray:
    """Sum columns into the places `index` of a zero matrix (unformatted arrays)."""
    return finish(spread_columns.op.on_values(to_value(X, "spread_columns"), index, tuple(shape)))


@composite("embed")
def embed(index: Any, weights: Any) -> Any:
    return columns(weights, index)


@embed.cases
def _(r: Any) -> Any:
    yield r.constant([[1, 3, 3]], "CB"), r(4, 3)
    yield r.constant([[1, 3, 3], [2, 2, 1]], "BT"), r(4, 3)
    yield r.constant([[1, 3], [2, 2]], "SB"), r(4, 3)
    yield r.constant([[1, 3, 3], [2, 2, 1]]), r(4, 3), {"DataFormat": "TB"}


@embed.door
def _embed(X: Any, weights: Any, *, DataFormat: str = "") -> DLArray:
    """Replace each index by its column of `weights`.

    Parameters
    ----------
    X : array
        Indices, counted from 1; its C dimension, if any, is a singleton.
    weights : array
        ``embedding dimension × vocabulary``.  Gradients flow here.
    DataFormat : str
        Labels of unformatted X, in their order.

    Returns
    -------
    DLArray
        The format of X with the embedding in C.  Indices that are not whole numbers
        from 1 to the vocabulary are an error.

    Examples
    --------
    >>> import dlgru as dl
    >>> W = dl.dlarray([[1, 2, 3], [10, 20, 30]])
    >>> print(dl.embed(dl.dlarray([[3, 1]], "CB"), W))
      2(C) × 2(B) dlarray
    <BLANKLINE>
         3     1
        30    10
    """
    require_one_place("embed", ("X", "weights"), (X, weights))
    x = require_format(X, DataFormat, "embed")
    w = to_value(weights, "embed", "weights")
    labels, shape = x.dims, x.shape
    if w.data.ndim != 2:
        raise DlgruValueError(
            identifier="dlgru:embed:weights",
            function="embed",
            argument="weights",
            came=size_text(w.shape),
            expected="a matrix, embedding dimension × vocabulary",
        )
    at = positions(labels, "C")
    if at and shape[at[0]] != 1:
        raise DlgruValueError(
            identifier="dlgru:embed:channel",
            function="embed",
            argument="X",
            came=describe(labels, shape),
            expected="a singleton C dimension (one index per element)",
        )
    data = x.value.data
    xp = xp_of(data)
    index = data.ravel(order="F")
    if index.dtype == backend.logical or not bool(
        ((index >= 1) & (index <= w.shape[1]) & (index == xp.floor(index))).all()
    ):
        raise DlgruTypeError(
            identifier="dlgru:embed:index",
            function="embed",
            argument="X",
            came="an array with other values",
            expected=f"whole numbers from 1 to {w.shape[1]}, the columns of weights",
        )
    flat = embed.op.on_values(index.astype(xp.intp) - 1, w)
    rest = [(d, n) for d, n in zip(labels, shape, strict=True) if d != "C"]
    spatial = [n for d, n in rest if d == "S"]
    y = flat.reshape((w.shape[0], *[n for _, n in rest]))
    if spatial:
        k = len(spatial)
        y = permute(y, (*range(1, k + 1), 0, *range(k + 1, len(rest) + 1)))
    out = "".join(d for d, _ in rest if d == "S") + "C" + "".join(d for d, _ in rest if d != "S")
    if len(out) < 2:
        out, y = "CU", y.reshape((w.shape[0], 1))
    result = finish(y, out)
    return stripdims(result, unlabelled_order(DataFormat, result.dims)) if DataFormat else result
