"""The columns of a table: what is kept for what is assigned, and how rows are taken.

A column is what suits its contents: text becomes :class:`Strings`, which compares
element by element (``T.Layer == "gru"`` is a logical array, as in MATLAB), a list of
numbers becomes an N×1 array, an array stays as it is, and anything else is a cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from dlgru.arrayhook import make_array, raw_of
from dlgru.backend import to_host
from dlgru.cells import Cell
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.keeping import kept, own, register
from dlgru.subscript import Entry


class Strings(Cell):
    """A column of text: a cell that compares element by element with text.

    Examples
    --------
    >>> from dlgru.tablecolumns import Strings
    >>> import dlgru
    >>> dlgru.extractdata(Strings(["gru", "fc"]) == "fc").ravel().tolist()
    [False, True]
    """

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        return self._compared(other, True)

    def __ne__(self, other: object) -> Any:
        return self._compared(other, False)

    def _compared(self, other: object, equal: bool) -> Any:
        if isinstance(other, str):
            others: Iterable[object] = [other] * len(self)
        elif isinstance(other, list | tuple) and len(other) == len(self):
            others = other
        else:
            raise DlgruValueError(
                "Arrays have incompatible sizes for this operation",
                identifier="dlgru:strings:size",
                function="==" if equal else "~=",
                argument="the other side",
                came=f"{len(other)} texts" if isinstance(other, list | tuple) else repr(other),
                expected=f"one text, or {len(self)} of them",
            )
        answers = [(a == b) is equal for a, b in zip(self, others, strict=True)]
        return make_array(np.array(answers, np.bool_).reshape(self.shape, order="F"))


register(Strings, Strings.copy)


def as_column(x: Any) -> Any:
    """Return what a table keeps when `x` is assigned to a column."""
    if raw_of(x) is not None:
        return kept(x)
    if isinstance(x, Strings):
        return x.copy()
    if isinstance(x, np.ndarray):
        return own(x.reshape(-1, 1) if x.ndim < 2 else x)
    if isinstance(x, str | int | float | complex):
        x = [x]
    if not isinstance(x, Iterable):
        return Cell([x])
    items = list(x)
    if items and all(isinstance(v, str) for v in items):
        return Strings(items, (len(items), 1))
    if not isinstance(x, Cell) and all(isinstance(v, int | float | np.generic) for v in items):
        numbers = np.array(items)
        numbers = numbers if numbers.dtype.kind == "b" else numbers.astype(np.float64)
        return make_array(numbers.reshape(-1, 1))
    return Cell(items, (len(items), 1))


def length(column: Any) -> int:
    """Return the number of rows of a column."""
    return len(column) if isinstance(column, list) else int(column.shape[0])


def printed_values(column: Any) -> list[Any]:
    """Return the rows of a column as values to print."""
    if isinstance(column, list):
        return [dict(v) if isinstance(v, dict) else v for v in column]
    raw = raw_of(column)
    data = to_host(column if raw is None else raw)
    rows = data.reshape(data.shape[0], -1, order="F")
    return [row.item() if row.size == 1 else row for row in rows]


def rows_of(column: Any, rows: Entry) -> Any:
    """Return some rows of a column, as a column of the same kind."""
    if isinstance(column, Cell):
        places = np.arange(len(column))[rows].tolist()
        return type(column)([list.__getitem__(column, i) for i in places], (len(places), 1))
    return own(column[rows, ...])  # a slice of an ndarray is a view


def with_rows(column: Any, at: Any, given: Any, name: str) -> Any:
    """Return another column of this kind with the rows `at` (an index array) replaced."""
    if _kind(given) != _kind(column):
        raise DlgruTypeError(
            identifier="dlgru:table:column",
            function="T.m[...] = value",
            argument=f'column "{name}" of the value',
            came=_kind(given),
            expected=f"{_kind(column)}, as in the table",
        )
    if isinstance(column, Cell):
        out = column.copy()
        for row, value in zip(at.tolist(), given, strict=True):
            out[row] = value
        return out
    new = kept(column)
    new[at, ...] = given
    return new


def _kind(column: Any) -> str:
    if isinstance(column, Strings):
        return "text"
    return "a cell" if isinstance(column, Cell) else "an array"
