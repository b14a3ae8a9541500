"""Making labelled arrays and taking labels off: ``dlarray dims finddim stripdims extractdata``."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru.array import DLArray, Value, finish, wrap
from dlgru.backend import as_colmajor, xp_of
from dlgru.calls import any_spelling
from dlgru.convert import labels_of, own, to_raw, to_value, two_d
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.labels import check_format, describe, positions, sort_order, stored
from dlgru.ops.shape import permute
from dlgru.places import memory_of


@any_spelling
def dlarray(X: Any, fmt: str | None = None) -> DLArray:
    """Make a deep-learning array, with dimension labels if `fmt` is given.

    Parameters
    ----------
    X : array, number, list or DLArray
        Double, single or logical data, real or complex.  Python numbers and lists
        are MATLAB literals: double.  Integer arrays are refused.
    fmt : str, optional
        One label per dimension out of S (spatial), C (channel), B (batch), T (time)
        and U (unspecified); C, B and T at most once.  Further labels make singleton
        dimensions.  One label makes a column out of a vector.

    Returns
    -------
    DLArray
        The dimensions in stored order S, C, B, T, U.  Host data are copied.  A
        DLArray that already has a format gets the new one; its trace stays.

    Raises
    ------
    DlgruValueError
        A label that does not exist or repeats, or fewer labels than dimensions.
    DlgruTypeError
        Data of another class.

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.dlarray([[1, 2, 3], [4, 5, 6]], "TC")
    >>> X
      3(C) × 2(T) dlarray
    <BLANKLINE>
         1     4
         2     5
         3     6
    >>> dl.dlarray([1, 2, 3], "C").shape
    (3, 1)
    """
    if type(X) is DLArray:
        if fmt is None:
            return X._dlgru_handle()
        value = X.value
    else:
        raw = to_raw(X, "dlarray")
        with memory_of("dlarray"):
            value = Value(own(raw))
        if fmt is None:
            return wrap(value, "")
    return _labelled(value, check_format(fmt, "dlarray"))


def _labelled(value: Value, fmt: str) -> DLArray:
    value = value.reshape(two_d(value.data).shape)
    shape = value.shape
    if len(fmt) == 1:
        long = [n for n in shape if n != 1]
        if len(long) > 1:
            raise DlgruValueError(
                "One label stands for a vector",
                identifier="dlgru:dlarray:vector",
                function="dlarray",
                argument="X",
                came=size_text(shape),
                expected=f'a vector, or one label per dimension instead of "{fmt}"',
            )
        column = value.reshape((value.data.size, 1))
        return wrap(column, fmt + "U")
    if len(fmt) < len(shape):
        raise DlgruValueError(
            "The format must have a label for each dimension",
            identifier="dlgru:dlarray:labels",
            function="dlarray",
            argument="fmt",
            came=f'"{fmt}" for a {size_text(shape)} array',
            expected=f"at least {len(shape)} labels",
        )
    full = value.reshape(shape + (1,) * (len(fmt) - len(shape)))
    order = sort_order(fmt)
    if order != tuple(range(len(fmt))):
        full = permute(full, order)
    return finish(full, stored(fmt))


@any_spelling
def dims(X: Any) -> str:
    """Dimension labels of an array in stored order; ``''`` when it has none.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.dims(dl.dlarray([[1, 2], [3, 4]], "TS"))
    'ST'
    """
    return labels_of(X)


@any_spelling
def finddim(X: Any, label: str) -> DLArray:
    """Positions, counted from 1, of the dimensions of X labelled `label`.

    Returns a row; it is empty when there are none.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.finddim(dl.dlarray([[1, 2], [3, 4]], "CT"), "T"))
      1×1 dlarray
    <BLANKLINE>
         2
    """
    check_format(label, "finddim", "label")
    if len(label) != 1:
        raise DlgruValueError(
            identifier="dlgru:finddim:label",
            function="finddim",
            argument="label",
            came=repr(label),
            expected="one label",
        )
    found = [[float(k + 1) for k in positions(labels_of(X), label)]]
    return wrap(Value(own(np.array(found).reshape(1, -1))), "")


@any_spelling
def stripdims(X: Any, fmt: str | None = None) -> DLArray:
    """Remove the labels; the data and the trace stay.

    Parameters
    ----------
    X : DLArray
        Formatted or not.
    fmt : str, optional
        First bring the dimensions into the order of `fmt`, which must have the
        labels of X (further ones make singleton dimensions).

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.dlarray([[1, 2, 3], [4, 5, 6]], "CT")
    >>> dl.stripdims(X).shape, dl.stripdims(X, "TC").shape
    ((2, 3), (3, 2))
    """
    value, labels = to_value(X, "stripdims"), labels_of(X)
    if fmt is None or not labels:
        if fmt is not None:
            check_format(fmt, "stripdims")
        return finish(value)
    check_format(fmt, "stripdims")
    target = stored(fmt)
    rest = list(enumerate(labels))
    source: list[int] = []
    extra = len(labels)
    for d in fmt:
        at = next((k for k, have in rest if have == d), None)
        if at is None:
            source.append(extra)
            extra += 1
        else:
            rest = [(k, have) for k, have in rest if k != at]
            source.append(at)
    if rest:
        raise DlgruValueError(
            identifier="dlgru:stripdims:labels",
            function="stripdims",
            argument="fmt",
            came=f'"{fmt}"',
            expected=f'a format with the labels of X, "{labels}" (has "{target}")',
        )
    full = value.reshape(value.shape + (1,) * (extra - len(labels)))
    return finish(permute(full, tuple(source)))


@any_spelling
def extractdata(X: Any) -> Any:
    """The data of a DLArray as an ordinary array, in stored order and untraced.

    Returns a column-major NumPy array of the same class (a copy), a NumPy scalar for
    one element, or a CuPy array for data on a GPU.  Anything else is returned as it is.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.extractdata(dl.dlarray([[1, 2], [3, 4]], "CB"))
    array([[1., 2.],
           [3., 4.]])
    """
    if type(X) is not DLArray:
        return X
    data = X._peek().data
    if type(data) is np.ndarray:
        return data.copy(order="F") if data.size != 1 else data[(0,) * data.ndim]
    return as_colmajor(xp_of(data), data).copy(order="F")


@any_spelling
def isdlarray(X: Any) -> bool:
    """True for a DLArray.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.isdlarray(dl.dlarray(1)), dl.isdlarray(1)
    (True, False)
    """
    return type(X) is DLArray


def require_format(X: Any, DataFormat: str, function: str, argument: str = "X") -> DLArray:
    """X with labels: its own, or those that `DataFormat` gives an unformatted one."""
    labels = labels_of(X)
    if labels:
        if DataFormat:
            raise DlgruValueError(
                "For formatted input the 'DataFormat' argument is not supported",
                identifier=f"dlgru:{function}:DataFormat",
                function=function,
                argument="DataFormat",
                came=f'"{DataFormat}" for {describe(labels, X.shape)} input',
                expected="no DataFormat",
                fix="leave DataFormat out, or write stripdims(X)",
            )
        found: DLArray = X
        return found
    if not DataFormat:
        raise DlgruTypeError(
            "First input argument must be a formatted dlarray",
            identifier=f"dlgru:{function}:format",
            function=function,
            argument=argument,
            came="unformatted",
            expected="a formatted dlarray, or the DataFormat option",
            fix=f'write dlarray({argument}, "CBT"), or {function}(..., DataFormat="CBT")',
        )
    return _labelled(
        to_value(X, function, argument), check_format(DataFormat, function, "DataFormat")
    )
