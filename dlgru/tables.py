"""A small table: named columns of one height, as MATLAB's ``table``.

Networks keep their Learnables in one (Layer, Parameter, Value), training keeps its
history in one.  ``T.Value`` and ``T["Value"]`` are columns, ``T[mask]`` is a table of
the rows where the mask is true, ``T.m[rows, columns]`` is MATLAB's ``T(rows, columns)``.

As with structs, a column wins over a method or property of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from dlgru.calls import NeedsParentheses, any_spelling
from dlgru.display import table_text
from dlgru.errors import DlgruAttributeError, DlgruTypeError, DlgruValueError, listing, size_text
from dlgru.indexing import delete, read
from dlgru.keeping import kept
from dlgru.keeping import register as register_kept
from dlgru.parentheses import SubscriptsInBrackets, brackets_after_m
from dlgru.sameness import same
from dlgru.subscript import COLON, Entry
from dlgru.tablecolumns import Strings, as_column, length, printed_values, rows_of, with_rows
from dlgru.tree import register


class Table(SubscriptsInBrackets):
    """A table; :func:`table` makes one from columns, ``Table(mapping)`` from a dictionary."""

    __slots__ = ("_columns",)
    __hash__ = None  # type: ignore[assignment]
    __iter__ = None

    _columns: dict[str, Any]

    def __init__(self, columns: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_columns", {})
        for name in columns if columns is not None else ():
            self[name] = columns[name]  # type: ignore[index]

    # -- attributes: columns first -------------------------------------------------

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_":
            columns = object.__getattribute__(self, "_columns")
            if name in columns:
                return columns[name]
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        if name[0] == "_":
            raise AttributeError(name)
        raise _no_column(self, name)

    def __setattr__(self, name: str, column: Any) -> None:
        self[name] = column

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._columns]

    @property
    def height(self) -> int:
        """Number of rows."""
        return _height(self)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return (_height(self), len(self._columns))

    @property
    def Properties(self) -> Properties:
        """What the table knows about itself: its ``VariableNames``."""
        return Properties(self)

    @property
    def m(self) -> Parentheses:
        """The table under MATLAB's indexing."""
        return Parentheses(self)

    # -- brackets --------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self._columns:
                raise _no_column(self, key)
            return self._columns[key]
        return _selected(self, key, matlab=False)

    def __setitem__(self, name: Any, column: Any) -> None:
        if not isinstance(name, str):
            _write(self, name, column, matlab=False)
            return
        column = as_column(column)
        height = length(column)
        if any(other != name for other in self._columns) and height != _height(self):
            raise DlgruValueError(
                "All columns of a table have one height",
                identifier="dlgru:table:height",
                function="table",
                argument=f'column "{name}"',
                came=f"{height} rows high",
                expected=f"{_height(self)} rows",
            )
        self._columns[name] = column

    def __delitem__(self, key: Any) -> None:
        if isinstance(key, str):
            if key not in self._columns:
                raise _no_column(self, key)
            del self._columns[key]
        else:
            _delete(self, key, matlab=False)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    # -- as a value ------------------------------------------------------------------

    def copy(self) -> Table:
        """Return another table with the same contents."""
        return _rebuilt({n: kept(c) for n, c in _items(self)})

    def __copy__(self) -> Table:
        return Table.copy(self)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Table)
            and list(self._columns) == list(other._columns)
            and all(same(column, other._columns[name]) for name, column in _items(self))
        )

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (_rebuilt, (self._columns,))

    def summary(self) -> str:
        """Return what stands for the table where it is an element: ``2×3 table``."""
        return f"{_height(self)}×{len(self._columns)} table"

    def __repr__(self) -> str:
        return table_text({n: printed_values(c) for n, c in _items(self)}, heading=True)


class Parentheses:
    """What ``T.m`` gives: the table, waiting for MATLAB's subscripts."""

    __slots__ = ("_table",)
    __call__ = brackets_after_m

    def __init__(self, owner: Table) -> None:
        self._table = owner

    def __getitem__(self, key: Any) -> Table:
        return _selected(self._table, key, matlab=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        _write(self._table, key, value, matlab=True)

    def __delitem__(self, key: Any) -> None:
        _delete(self._table, key, matlab=True)


class Properties:
    """The names of a table's columns, which can be assigned to."""

    __slots__ = ("_table",)

    def __init__(self, owner: Table) -> None:
        self._table = owner

    @property
    def VariableNames(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._table._columns)

    @VariableNames.setter
    def VariableNames(self, names: Iterable[str]) -> None:
        columns = self._table._columns
        names = _checked_names(names, len(columns))
        renamed = dict(zip(names, columns.values(), strict=True))
        columns.clear()
        columns.update(renamed)


def _rebuilt(columns: dict[str, Any]) -> Table:
    """A table of columns that are known to fit."""
    out = Table()
    out._columns.update(columns)
    return out


def _items(t: Table) -> list[tuple[str, Any]]:
    return list(t._columns.items())


def _height(t: Table) -> int:
    return next((length(c) for c in t._columns.values()), 0)


def _no_column(t: Table, name: str) -> DlgruAttributeError:
    return DlgruAttributeError(
        f'Unrecognized table variable name "{name}"',
        identifier="dlgru:table:name",
        function="table",
        argument="the name",
        came=f'"{name}"',
        expected=listing(t._columns) if t._columns else "no name: the table has no columns",
    )


# -- rows and columns ----------------------------------------------------------------


def _subscripts(t: Table, key: Any, matlab: bool) -> tuple[Any, Any]:
    """Row and column subscripts, with names turned into positions."""
    rows, columns = key if type(key) is tuple and len(key) == 2 else (key, COLON)
    if type(key) is tuple and len(key) != 2:
        raise DlgruTypeError(
            "A table has two dimensions",
            identifier="dlgru:table:subscripts",
            function="T.m[...]" if matlab else "T[...]",
            argument="the subscripts",
            came=f"{len(key)} of them",
            expected="rows and columns",
        )
    names = list(t._columns)
    first = 1 if matlab else 0

    def position(name: Any) -> Any:
        if not isinstance(name, str) or (matlab and name == ":"):
            return name
        if name not in names:
            raise _no_column(t, name)
        return names.index(name) + first

    if isinstance(columns, list | tuple):
        columns = [position(name) for name in columns]
    return rows, position(columns)


def _entries(t: Table, key: Any, matlab: bool) -> tuple[Entry, Entry]:
    """Rows and columns that subscripts name."""
    rows, columns = read(_subscripts(t, key, matlab), (_height(t), len(t._columns)), matlab).entries
    return rows, columns


def _selected(t: Table, key: Any, matlab: bool) -> Table:
    return _taken(t, *_entries(t, key, matlab))


def _taken(t: Table, rows: Entry, columns: Entry) -> Table:
    names = np.arange(len(t._columns))[columns].tolist()
    items = _items(t)
    return _rebuilt({items[i][0]: rows_of(items[i][1], rows) for i in names})


def _write(t: Table, key: Any, value: Any, matlab: bool) -> None:
    """Assign rows and columns from another table, as in MATLAB's ``T(rows, :) = other``."""
    if not isinstance(value, Table):
        raise DlgruTypeError(
            "Rows of a table are assigned from a table, columns by their name",
            identifier="dlgru:table:assign",
            function="T.m[...] = value" if matlab else "T[...] = value",
            argument="value",
            came=f"of class {type(value).__name__}",
            expected="a table",
            fix="to set single rows assign to the column: T.Loss.m[rows] = values",
        )
    rows, columns = _entries(t, key, matlab)
    at = np.arange(_height(t))[rows]
    names = [list(t._columns)[k] for k in np.arange(len(t._columns))[columns]]
    size = (_height(value), len(value._columns))
    if size != (at.size, len(names)):
        raise DlgruValueError(
            "Both sides of the assignment have one size",
            identifier="dlgru:table:size",
            function="T.m[...] = value" if matlab else "T[...] = value",
            argument="value",
            came=f"a {size_text(size)} table",
            expected=f"a {at.size}×{len(names)} table",
        )
    given = zip(names, value._columns.values(), strict=True)
    changed = {name: with_rows(t._columns[name], at, column, name) for name, column in given}
    t._columns.update(changed)


def _delete(t: Table, key: Any, matlab: bool) -> None:
    subscripts = _subscripts(t, key, matlab)
    left = delete(subscripts, (_height(t), len(t._columns)), matlab)
    kept = _taken(t, *left.entries)
    t._columns.clear()
    t._columns.update(kept._columns)


# -- leaves ----------------------------------------------------------------------------


def _leaf_names(t: Table) -> list[str]:
    """The columns that hold learnable data: Value if there is one, else all but text."""
    if "Value" in t._columns:
        return ["Value"]
    return [name for name, column in _items(t) if not isinstance(column, Strings)]


def _with_leaves(t: Table, items: Iterator[Any] | list[Any]) -> Table:
    mapped = dict(zip(_leaf_names(t), items, strict=True))
    return _rebuilt({n: mapped[n] if n in mapped else kept(c) for n, c in _items(t)})


register(Table, lambda t: (_leaf_names(t), [t._columns[n] for n in _leaf_names(t)]), _with_leaves)
register_kept(Table, Table.copy)


# -- making tables -----------------------------------------------------------------------


def _checked_names(names: Any, count: int) -> list[str]:
    names = [names] if isinstance(names, str) else list(names)
    if len(names) == count == len(set(names)) and all(isinstance(n, str) and n for n in names):
        return [str(name) for name in names]
    raise DlgruValueError(
        identifier="dlgru:table:VariableNames",
        function="table",
        argument="VariableNames",
        came=str(names),
        expected=f"{count} different names",
    )


@NeedsParentheses
@any_spelling
def table(*columns: Any, VariableNames: Any = None) -> Table:
    """Make a table from columns.

    Parameters
    ----------
    *columns
        Lists or arrays of one height.
    VariableNames : list of str, default ["Var1", "Var2", ...]
        A name for each column.

    Raises
    ------
    DlgruValueError
        If the columns differ in height, or there is not one name for each.

    Examples
    --------
    >>> from dlgru.tables import table
    >>> T = table(["gru", "fc"], [300, 9], VariableNames=["Layer", "Rows"])
    >>> T
      2×2 table
    <BLANKLINE>
        Layer    Rows
        _____    ____
    <BLANKLINE>
        "gru"    300
        "fc"       9
    >>> T[T.Layer == "fc"].height
    1
    """
    if VariableNames is None:
        names = [f"Var{k + 1}" for k in range(len(columns))]
    else:
        names = _checked_names(VariableNames, len(columns))
    return Table(dict(zip(names, columns, strict=True)))


@any_spelling
def istable(x: object) -> bool:
    """Return True if `x` is a table.

    Examples
    --------
    >>> from dlgru.tables import istable, table
    >>> istable(table([1, 2])), istable([1, 2])
    (True, False)
    """
    return isinstance(x, Table)
