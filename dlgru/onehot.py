"""Class labels as one-hot vectors and back: ``onehotencode onehotdecode``.

There is no categorical array here.  Labels are text or numbers, in a list, a cell or an
array; a *missing* label (None or NaN) is MATLAB's ``<undefined>``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish, wrap
from dlgru.backend import seal, to_host
from dlgru.calls import any_spelling
from dlgru.cells import Cell
from dlgru.convert import labels_of, to_value, two_d
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, listing
from dlgru.labels import describe
from dlgru.ops.sizes import axes_of, dimension
from dlgru.tablecolumns import Strings

_CLASSES: dict[str, Any] = {
    "double": backend.double,
    "single": backend.single,
    "logical": backend.logical,
}


@any_spelling
def onehotencode(
    A: Any, featureDim: Any, typename: str = "double", *, ClassNames: Any = None
) -> DLArray:
    """Encode class labels as one-hot vectors.

    Parameters
    ----------
    A : list, cell or array
        Labels: text or numbers; a flat list is a row.  None and NaN stand for a missing
        label.
    featureDim : int or label
        The dimension, counted from 1, that the vectors lie along; A has size 1 there.
    typename : "double" (default), "single" or "logical"
        Class of the result.
    ClassNames : list, optional
        The classes, in the order of the encoding.  By default those that occur, sorted,
        so name them for a mini-batch that may lack one.

    Returns
    -------
    DLArray
        Size of A, but as many elements along `featureDim` as there are classes; the
        format of A.  A missing label, or one that is not in `ClassNames`, gives NaN.

    Raises
    ------
    DlgruValueError
        If A is not of size 1 along `featureDim`, a class is repeated, or ``"logical"`` is
        asked for and a label is missing.
    DlgruTypeError
        If a label is neither text nor a number.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.onehotencode(["cat", "dog", "cat"], 1))
      2×3 dlarray
    <BLANKLINE>
         1     0     1
         0     1     0
    >>> dl.onehotencode([3, 1, 2], 1, ClassNames=range(10)).shape
    (10, 3)
    """
    if str(typename) not in _CLASSES:
        raise DlgruValueError(
            identifier="dlgru:onehotencode:class",
            function="onehotencode",
            argument="typename",
            came=repr(typename),
            expected=listing(_CLASSES),
        )
    labels, shape = _labels(A, "onehotencode", "A")
    fmt = labels_of(A)
    axis = _axis(featureDim, fmt, "onehotencode")
    shape = shape + (1,) * (axis + 1 - len(shape))
    if shape[axis] != 1:
        raise DlgruValueError(
            "The dimension the encoding lies along must be singleton in A",
            identifier="dlgru:onehotencode:featureDim",
            function="onehotencode",
            argument="A",
            came=describe(fmt if len(fmt) == len(shape) else "", shape),
            expected=f"size 1 in dimension {axis + 1}",
            fix="encode along dimension 1: a flat list is a row"
            if axis == 1 and shape[0] == 1
            else "",
        )
    if ClassNames is None:
        classes = sorted({x for x in labels if x is not None}, key=lambda x: (type(x) is str, x))
    else:
        classes = _classes(ClassNames, "onehotencode", "ClassNames")
    at = {name: k for k, name in enumerate(classes)}
    rows = np.array([at.get(x, -1) for x in labels], dtype=np.intp)
    if typename == "logical" and (rows < 0).any():
        raise DlgruValueError(
            identifier="dlgru:onehotencode:logical",
            function="onehotencode",
            argument="A",
            came="an array with a missing label, or one that is no class",
            expected="classes only: NaN is neither true nor false",
            fix='use typename "double"',
        )
    out = np.zeros((len(classes), rows.size), dtype=_CLASSES[typename], order="F")
    known = np.flatnonzero(rows >= 0)
    out[rows[known], known] = 1
    if known.size < rows.size:
        out[:, rows < 0] = np.nan
    # The labels stand in column-major order; the classes move from the front to featureDim.
    rest = shape[:axis] + shape[axis + 1 :]
    encoded = np.moveaxis(out.reshape((len(classes), *rest), order="F"), 0, axis)
    value = Value(seal(np.asfortranarray(encoded)))
    return finish(value, fmt + "U" * (len(shape) - len(fmt)) if fmt else "")


@any_spelling
def onehotdecode(B: Any, classes: Any, featureDim: Any, typename: str = "categorical") -> Any:
    """Decode probability vectors: the class with the largest value of each.

    Parameters
    ----------
    B : array
        One-hot or probability vectors.
    classes : list
        The classes, in the order of the encoding: text or numbers.
    featureDim : int or label
        The dimension, counted from 1, that the vectors lie along.
    typename : str
        ``"categorical"`` (default) keeps the classes as they are; ``"string"`` gives text,
        ``"double"`` and ``"single"`` numbers.

    Returns
    -------
    Strings or DLArray
        Size of B, but 1 along `featureDim`.  Text comes as a cell that compares element
        by element (``onehotdecode(...) == T``), numbers as an unformatted DLArray.  Of
        equal values the first wins; a vector of NaN gives a missing label (None, NaN).

    Raises
    ------
    DlgruValueError
        If there is not one class for each element along `featureDim`.

    Examples
    --------
    >>> import dlgru as dl
    >>> scores = dl.dlarray([[0.9, 0.2], [0.1, 0.8]], "CB")
    >>> list(dl.onehotdecode(scores, ["cat", "dog"], 1))
    ['cat', 'dog']
    """
    names = _classes(classes, "onehotdecode", "classes")
    if str(typename) not in ("categorical", "string", "double", "single"):
        raise DlgruValueError(
            identifier="dlgru:onehotdecode:class",
            function="onehotdecode",
            argument="typename",
            came=repr(typename),
            expected=listing(["categorical", "string", "double", "single"]),
        )
    texts = any(type(x) is str for x in names)
    if typename in _CLASSES and texts:
        raise DlgruTypeError(
            identifier="dlgru:onehotdecode:class",
            function="onehotdecode",
            argument="typename",
            came=f'"{typename}" for classes that are text',
            expected='"categorical" or "string"',
            fix="the positions of the maxima are the second output of max(B, [], featureDim)",
        )
    data, fmt = to_value(B, "onehotdecode", "B").data, labels_of(B)
    axis = _axis(featureDim, fmt, "onehotdecode")
    host = to_host(data)
    host = host.reshape(host.shape + (1,) * (axis + 1 - host.ndim), order="F")
    if host.shape[axis] != len(names):
        raise DlgruValueError(
            "There must be one class for each element along featureDim",
            identifier="dlgru:onehotdecode:classes",
            function="onehotdecode",
            argument="classes",
            came=f"{len(names)} of them",
            expected=f"{host.shape[axis]}, the size of dimension {axis + 1} of B",
        )
    shape = (*host.shape[:axis], 1, *host.shape[axis + 1 :])
    found: list[Any] = _winners(host, axis, names)
    if texts or typename == "string":
        return Strings([_text(x) for x in found], two_d(np.empty(shape)).shape)
    numbers = np.array([np.nan if x is None else x for x in found], dtype=np.float64)
    numbers = numbers.astype(_CLASSES.get(typename, backend.double)).reshape(shape, order="F")
    return wrap(Value(seal(two_d(numbers))), "")


def _winners(host: np.ndarray[Any, Any], axis: int, names: list[Any]) -> list[Any]:
    """Classes of the largest elements, column by column; None where there is none."""
    columns = np.moveaxis(host, axis, 0).reshape((len(names), -1), order="F")
    if not names:
        return [None] * columns.shape[1]
    if columns.dtype == backend.logical:
        columns = columns.astype(np.float64)
    missing = np.isnan(columns)
    if not missing.any():
        return [names[k] for k in columns.argmax(axis=0).tolist()]
    best = np.where(missing, -np.inf, columns).argmax(axis=0)
    # A true -Inf wins over NaN, which argmax cannot see.
    best = np.where(missing[best, range(best.size)], (~missing).argmax(axis=0), best)
    nothing = missing.all(axis=0).tolist()
    return [None if none else names[k] for k, none in zip(best.tolist(), nothing, strict=True)]


def _text(x: Any) -> Any:
    return x if x is None or isinstance(x, str) else f"{x:.15g}"


def _axis(dim: Any, fmt: str, function: str) -> int:
    if not isinstance(dim, str):
        return dimension(dim, function, "featureDim")
    axes = axes_of(dim, fmt, (), function) if dim.lower() != "all" else ()
    if len(axes) != 1:
        raise DlgruValueError(
            identifier=f"dlgru:{function}:featureDim",
            function=function,
            argument="featureDim",
            came=f'"{dim}"',
            expected=f"one dimension of {fmt!r}",
        )
    return axes[0]


def _classes(given: Any, function: str, argument: str) -> list[Any]:
    names, _ = _labels(given, function, argument)
    if None in names or len(set(names)) < len(names):
        repeated = sorted({str(x) for x in names if names.count(x) > 1})
        came = "with a missing label" if None in names else f"with {listing(repeated, 'and')} twice"
        raise DlgruValueError(
            identifier=f"dlgru:{function}:classes",
            function=function,
            argument=argument,
            came=came,
            expected="different names",
        )
    return names


def _labels(x: Any, function: str, argument: str) -> tuple[list[Any], tuple[int, ...]]:
    """Labels column by column as text, floats or None; and the size."""
    if isinstance(x, str):
        return [x], (1, 1)
    if type(x) is DLArray:
        data = to_host(x.value.data)
    elif isinstance(x, Cell):
        data = np.empty(len(x), dtype=object)
        data[:] = list(x)
        data = data.reshape(x.shape, order="F")
    elif isinstance(x, list | tuple | range):
        data = _nested(x, function, argument)
    elif isinstance(x, np.ndarray | np.generic) or backend.is_device_array(x):
        data = to_host(np.asarray(x) if isinstance(x, np.generic) else x)
    else:
        data = np.empty((1, 1), dtype=object)
        data[0, 0] = x
    data = two_d(data)
    if data.dtype.kind == "c":
        raise _no_label("complex", function, argument)
    flat = data.reshape(-1, order="F").tolist()
    if data.dtype.kind == "f" and data.dtype.itemsize <= 8:
        return [x if x == x else None for x in flat], data.shape
    return [_label(label, function, argument) for label in flat], data.shape


def _nested(x: Any, function: str, argument: str) -> np.ndarray[Any, Any]:
    rows = [list(row) if isinstance(row, list | tuple) else row for row in x]
    deep = [isinstance(row, list) for row in rows]
    if not any(deep):
        data = np.empty((1, len(rows)), dtype=object)
        data[0, :] = rows
        return data if rows else data.reshape(0, 0)
    if not all(deep) or len({len(row) for row in rows}) != 1:
        raise DlgruValueError(
            identifier=f"dlgru:{function}:ragged",
            function=function,
            argument=argument,
            came="a list whose rows differ in length",
            expected="a list of labels, or rows of one length",
        )
    data = np.empty((len(rows), len(rows[0])), dtype=object)
    for k, row in enumerate(rows):
        data[k, :] = row
    return data


def _label(x: Any, function: str, argument: str) -> Any:
    """A label as text or a float; None if it is missing."""
    if isinstance(x, str):
        return str(x)
    if x is None:
        return None
    if type(x) is DLArray or isinstance(x, np.ndarray | np.generic):
        x = x.item() if isinstance(x, np.generic | np.ndarray) and x.size == 1 else x
        x = float(x) if type(x) is DLArray and x.value.data.size == 1 else x
    if isinstance(x, int | float):
        return None if x != x else float(x)
    raise _no_label(a_kind(x), function, argument)


def _no_label(came: str, function: str, argument: str) -> DlgruTypeError:
    return DlgruTypeError(
        identifier=f"dlgru:{function}:label",
        function=function,
        argument=argument,
        came=f"{came}" if came == "complex" else f"one that holds {came}",
        expected="text or real numbers",
    )
