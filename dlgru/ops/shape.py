"""Operations that only move elements: reshape, permute, transpose, squeeze.

Column-major rules: a reshape of stored data is a view, and results of the others
are made column-major.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish, wrap
from dlgru.backend import as_colmajor, xp_of
from dlgru.calls import any_spelling
from dlgru.cells import Cell
from dlgru.cellshapes import moved
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruValueError, size_text
from dlgru.labels import describe
from dlgru.op import primitive
from dlgru.ops.sizes import dimension, listed, whole_size


@primitive("reshape")
def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape, order="F")


@reshape.vjp
def _(y: Value, x: Value, shape: tuple[int, ...]) -> Any:
    source = x.shape
    return lambda g: reshape(g, source)


@reshape.cases
def _(r: Any) -> Any:
    yield r(3, 4, fmt="CB"), 2, 6
    yield r(3, 4), [2, []]
    yield r(2, 3, 2), 4, [], 1


def _value_reshape(self: Value, shape: tuple[int, ...]) -> Value:
    reshaped: Value = self if self.data.shape == shape else reshape(self, shape)
    return reshaped


Value.reshape = _value_reshape  # type: ignore[method-assign]


@reshape.door
def _reshape(X: Any, *sz: Any) -> Any:
    """Give an array another size; elements keep their column-major order, labels are lost.

    Parameters
    ----------
    X : array
        Any size, formatted or not.
    *sz : int or list
        The new sizes, or one list of them.  One size may be ``[]``: it is worked out.

    Returns
    -------
    DLArray
        Always unformatted, as in MATLAB; a cell gives a cell.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.reshape(dl.dlarray([[1, 2, 3], [4, 5, 6]]), 3, []))
      3×2 dlarray
    <BLANKLINE>
         1     5
         4     3
         2     6
    """
    value = None if isinstance(X, Cell) else to_value(X, "reshape")
    sizes: Sequence[Any] = sz[0] if len(sz) == 1 and isinstance(sz[0], list | tuple) else sz
    if len(sz) == 1 and not isinstance(sz[0], list | tuple) and getattr(sz[0], "shape", None):
        sizes = [float(n) for n in backend.to_host(to_value(sz[0], "reshape", "sz").data).ravel()]
    count = len(X) if value is None else value.data.size
    known = [whole_size(n, "reshape", "sz") for n in sizes if not _is_empty(n)]
    if len(sizes) - len(known) > 1 or len(sizes) < 2:
        raise DlgruValueError(
            identifier="dlgru:reshape:sizes",
            function="reshape",
            argument="sz",
            came=f"{len(sizes)} sizes, {len(sizes) - len(known)} of them []",
            expected="at least two sizes, at most one of them []",
        )
    product = math.prod(known)
    shape = tuple(
        (count // product if product else 0) if _is_empty(n) else whole_size(n, "reshape", "sz")
        for n in sizes
    )
    if math.prod(shape) != count:
        raise DlgruValueError(
            "The number of elements must not change",
            identifier="dlgru:reshape:count",
            function="reshape",
            argument="sz",
            came=size_text(shape) if len(known) == len(sizes) else f"{product} times []",
            expected=f"sizes whose product is {count} (X is {describe(labels_of(X), X.shape)})",
        )
    if value is None:
        return moved(X, lambda places: places.reshape(shape, order="F"))
    return finish(reshape.op.on_values(value, shape=shape))


def _is_empty(n: Any) -> bool:
    return isinstance(n, list | tuple) and len(n) == 0


@primitive("permute")
def permute(x: Any, order: tuple[int, ...]) -> Any:
    return as_colmajor(xp_of(x), x.transpose(order))


@permute.vjp
def _(y: Value, x: Value, order: tuple[int, ...]) -> Any:
    back = tuple(order.index(k) for k in range(len(order)))
    return lambda g: permute(g, back)


@permute.cases
def _(r: Any) -> Any:
    yield r(3, 4, 2), [2, 3, 1]
    yield r(3, 4), [1, 3, 2]
    yield r(3, 4, 2, fmt="SSC"), [2, 1, 3]


def _dimension_order(dimorder: Any, rank: int, function: str) -> list[int]:
    """A permutation of the dimensions, counted from 0."""
    numbers = listed(dimorder, function, "dimorder")
    given = [dimension(d, function, "dimorder") for d in numbers]
    if sorted(given) != list(range(len(given))) or len(given) < rank:
        raise DlgruValueError(
            identifier=f"dlgru:{function}:order",
            function=function,
            argument="dimorder",
            came=str([d + 1 for d in given]),
            expected=f"each of 1..n once, n at least {rank}",
        )
    return given


@permute.door
def _permute(X: Any, dimorder: Any) -> DLArray:
    """Exchange dimensions: dimension k of the result is dimension ``dimorder(k)`` of X.

    Parameters
    ----------
    X : array
        A formatted array may only exchange dimensions that carry the same label.
    dimorder : list of int
        A permutation of 1..n, n at least the number of dimensions; dimensions beyond
        those of X are singletons.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.permute(dl.dlarray([[1, 2, 3], [4, 5, 6]]), [2, 1]).shape
    (3, 2)
    >>> dl.permute(dl.dlarray([[1, 2, 3], [4, 5, 6]]), [1, 3, 2]).shape
    (2, 1, 3)
    """
    value, labels = to_value(X, "permute"), labels_of(X)
    given = _dimension_order(dimorder, value.data.ndim, "permute")
    if labels:
        padded = labels + "U" * (len(given) - len(labels))
        if "".join(padded[d] for d in given) != padded:
            raise DlgruValueError(
                "A formatted array may only exchange dimensions that carry the same label",
                identifier="dlgru:permute:labels",
                function="permute",
                argument="dimorder",
                came=f"{[d + 1 for d in given]} on {labels}",
                expected=f"an order that leaves the labels {labels} in place",
                fix="permute(stripdims(X), ...), then dlarray(..., fmt)",
            )
        labels = padded
    full = value.reshape(value.shape + (1,) * (len(given) - value.data.ndim))
    return finish(permute.op.on_values(full, order=tuple(given)), labels)


@any_spelling
def ipermute(X: Any, dimorder: Any) -> DLArray:
    """Undo :func:`permute` with the same `dimorder`.

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.dlarray([[1, 2, 3], [4, 5, 6]])
    >>> dl.ipermute(dl.permute(X, [2, 3, 1]), [2, 3, 1]).shape
    (2, 3)
    """
    given = _dimension_order(dimorder, to_value(X, "ipermute").data.ndim, "ipermute")
    back = [given.index(k) for k in range(len(given))]
    return permute(X, [b + 1 for b in back])  # type: ignore[no-any-return]


@primitive("transpose", operator=())
def transpose(x: Any) -> Any:
    return as_colmajor(xp_of(x), x.T)


@transpose.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: transpose(g)


@transpose.cases
def _(r: Any) -> Any:
    yield (r(3, 4),)
    yield (r(3, 2, fmt="SS"),)


@transpose.door
def _transpose(X: Any) -> Any:
    """Non-conjugate transpose of a matrix, MATLAB's ``X.'``; ``X.T`` is the same.

    A formatted array must have two dimensions with the same label.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.dlarray([[1, 2, 3], [4, 5, 6]]).T.shape
    (3, 2)
    """
    if isinstance(X, Cell) and len(X.shape) == 2:
        return moved(X, np.transpose)
    value, labels = matrix_of(X, "transpose")
    return wrap(transpose.op.on_values(value), labels)


def matrix_of(X: Any, function: str) -> tuple[Value, str]:
    """The Value and labels of a matrix that can be transposed."""
    value, labels = to_value(X, function), labels_of(X)
    if value.data.ndim != 2 or (labels and labels[0] != labels[1]):
        raise DlgruValueError(
            identifier=f"dlgru:{function}:labels" if labels else f"dlgru:{function}:size",
            function=function,
            argument="X",
            came=describe(labels, value.shape),
            expected="a matrix" + (" whose two labels are equal" if labels else ""),
            fix=f"{function}(stripdims(X))" if labels else "use permute for more dimensions",
        )
    return value, labels


DLArray.T = property(_transpose)  # type: ignore[assignment]


@primitive("squeeze")
def squeeze(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape, order="F")


@squeeze.vjp
def _(y: Value, x: Value, shape: tuple[int, ...]) -> Any:
    source = x.shape
    return lambda g: reshape(g, source)


@squeeze.cases
def _(r: Any) -> Any:
    yield (r(3, 1, 2, fmt="CBT"),)
    yield (r(1, 4, 1, fmt="CBT"),)
    yield (r(1, 1, 2),)
    yield (r(1, 3),)


@squeeze.door
def _squeeze(X: Any) -> DLArray:
    """Remove singleton dimensions, with their labels; a matrix is left alone.

    That holds as well where only singletons follow it: 1(C)×4(B)×1(T) becomes 1(C)×4(B).

    If fewer than two dimensions remain, U dimensions fill up to two (MATLAB's
    pages are silent there).

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.squeeze(dl.dlarray([[[1.0, 2.0]], [[3.0, 4.0]]], "CBT")).dims
    'CT'
    """
    value, labels = to_value(X, "squeeze"), labels_of(X)
    shape = value.shape
    if len(shape) <= 2:
        return wrap(value, labels)
    # Behind a matrix singletons are dropped and nothing else, be its own sizes 1 or not.
    matrix = all(n == 1 for n in shape[2:])
    stay = [0, 1] if matrix else [k for k, n in enumerate(shape) if n != 1]
    new = tuple(shape[k] for k in stay)
    kept = "".join(labels[k] for k in stay) if labels else ""
    if labels:
        kept += "U" * (2 - len(kept))
        new += (1,) * (2 - len(new))
    elif len(new) < 2:
        # MATLAB: 1×1×N becomes N×1.
        new += (1,) * (2 - len(new))
    return finish(squeeze.op.on_values(value, shape=new), kept)
