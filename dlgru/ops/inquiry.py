"""Asking about values: ``size ndims numel length isempty isequal``."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from dlgru.array import DLArray
from dlgru.backend import is_device_array, to_host
from dlgru.calls import any_spelling, known_keywords
from dlgru.cells import Cell
from dlgru.convert import check_given, labels_of, to_raw, two_d
from dlgru.errors import DlgruValueError
from dlgru.labels import check_format, positions
from dlgru.ops.sizes import dimension
from dlgru.sameness import alike
from dlgru.tables import Table


def shape_of(X: Any, function: str) -> tuple[int, ...]:
    """Size of anything that has one: array, number, text, cell, list, struct, table."""
    if isinstance(X, DLArray | Cell):
        return X.shape
    if isinstance(X, Table):
        columns: tuple[int, int] = Table.shape.__get__(X)  # a column of that name would win
        return columns
    if isinstance(X, dict):
        return (1, 1)
    if isinstance(X, str | list | tuple):
        if X and isinstance(X[0], list | tuple):
            matrix = _numbers(X)
            if matrix is not None:
                return tuple(matrix.shape)
        return (1, len(X)) if len(X) else (0, 0)
    raw = X if isinstance(X, np.ndarray) else to_raw(X, function)
    shape: tuple[int, ...] = two_d(raw).shape
    return shape


@known_keywords
def size(X: Any, *dim: Any, nargout: int = 1) -> Any:
    """Size of an array, with an entry for every label; an unformatted one has at least two.

    Parameters
    ----------
    X : array, cell, string, struct or table
        A Python list of numbers is a row, nested ones are a matrix; another list counts
        as a 1×n cell.
    *dim : int, list of int or label
        Ask for these dimensions only.  Dimensions beyond the last are 1.
    nargout : int
        Number of outputs: one size each, the last one the product of the rest.

    Returns
    -------
    list of int, int or tuple
        All sizes; one size when one `dim` is given.

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.ones(3, 4)
    >>> dl.size(X), dl.size(X, 1), dl.size(dl.dlarray(X, "CBT"), "T")
    ([3, 4], 3, 1)
    """
    shape, labels = shape_of(X, "size"), labels_of(X)

    def one(d: Any) -> int:
        if isinstance(d, str):
            places = positions(labels, check_format(d, "size", "dim"))
            if len(places) != 1:
                raise DlgruValueError(
                    identifier="dlgru:size:label",
                    function="size",
                    argument="dim",
                    came=f'"{d}"',
                    expected=f"a label that stands once in {labels!r}",
                )
            return shape[places[0]]
        axis = dimension(d, "size")
        return shape[axis] if axis < len(shape) else 1

    if dim:
        asked = dim[0] if len(dim) == 1 and isinstance(dim[0], list | tuple) else dim
        found = [one(d) for d in asked]
        if nargout > 1:
            return tuple(found)
        return found[0] if len(found) == 1 and not isinstance(dim[0], list | tuple) else found
    if nargout == 1:
        return list(shape)
    padded = [*shape, *[1] * (nargout - len(shape))]
    last = 1
    for n in padded[nargout - 1 :]:
        last *= n
    return (*padded[: nargout - 1], last)


@any_spelling
def ndims(X: Any) -> int:
    """Number of dimensions: of labels if there are any, else at least 2.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.ndims(dl.dlarray([1, 2], "CBT"))
    3
    """
    return len(shape_of(X, "ndims"))


@any_spelling
def numel(X: Any) -> int:
    """Number of elements.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.numel(dl.ones(3, 4))
    12
    """
    count = 1
    for n in shape_of(X, "numel"):
        count *= n
    return count


@any_spelling
def length(X: Any) -> int:
    """The largest size, or 0 for an empty array.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.length(dl.ones(3, 4))
    4
    """
    shape = shape_of(X, "length")
    return 0 if 0 in shape else max(shape)


@any_spelling
def isempty(X: Any) -> bool:
    """True if a size is 0; also for ``[]``, an empty cell and the empty string.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.isempty([]), dl.isempty(dl.ones(3, 0)), dl.isempty(0)
    (True, True, False)
    """
    return X is None or 0 in shape_of(X, "isempty")


@any_spelling
def isequal(A: Any, B: Any) -> bool:
    """True if two values are equal: arrays, text, structs, cells, tables and what is in them.

    Numbers are equal if sizes and elements are, whatever their class; NaN equals nothing.
    Of two formatted arrays the formats must be equal too.  Structs are equal if they have
    the same fields in any order, cells if they have one size.

    Parameters
    ----------
    A, B
        Any values.  A Python list is a row or matrix of numbers, or a cell, whichever the
        other one is.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.isequal(dl.dlarray([1, 2]), [1, 2])
    True
    >>> dl.isequal(dl.struct("a", 1, "b", "x"), dl.struct("b", "x", "a", 1))
    True
    """
    check_given(A, "isequal", "A")
    check_given(B, "isequal", "B")
    return _equal(A, B)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Table) and isinstance(b, Table):
        return _equal(list(a._columns.items()), list(b._columns.items()))
    if isinstance(a, Cell) or isinstance(b, Cell):
        lists = isinstance(a, list | tuple) and isinstance(b, list | tuple)
        return lists and alike(a, b, _equal)
    x, y = _numbers(a), _numbers(b)
    if x is None and y is None:
        return alike(a, b, _equal)
    if x is None or y is None:
        return False
    formats = {v.dims for v in (a, b) if type(v) is DLArray}
    return len(formats) < 2 and x.shape == y.shape and bool(np.all(x == y))


def _numbers(x: Any) -> np.ndarray[Any, Any] | None:
    """The host array in what is an array, a number or a list of numbers; None for the rest."""
    if type(x) is DLArray:
        return to_host(x._dlgru_raw())
    if is_device_array(x):
        data = to_host(x)
    elif isinstance(x, np.ndarray) or _is_numeric(x):
        try:
            data = np.asarray(x)
        except ValueError:  # rows of several lengths
            return None
        if data.shape == (0,) and isinstance(x, list | tuple):
            return np.zeros((0, 0))
    else:
        return None
    found: np.ndarray[Any, Any] = two_d(data)
    return found


def _is_numeric(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return not isinstance(x, Cell) and all(map(_is_numeric, x))
    return isinstance(x, Number | np.bool_ | range)
