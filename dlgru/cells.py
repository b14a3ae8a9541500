"""MATLAB's cells: Python lists with ``.m[...]`` for MATLAB's braces.

``c[0]`` is the first element, as of any list, and every list method works.  A list of
arrays that is put into a struct or cell becomes one.
``c.m[1]`` is MATLAB's ``c{1}``: it counts from 1, knows ``end``, and grows the cell
when something is assigned past its end (``c.m[end+1] = x``; what lies between is
``[]``).  A range, a list or a logical array of indices gives a cell of the selected
elements, so ``c.m[2:3]`` is MATLAB's ``c(2:3)``; ``del c.m[2]`` is ``c(2) = []``.

A cell holds values, as in MATLAB (``keeping.py``): assigning to ``X[...]`` after
``c.m[1] = X`` leaves the cell alone.  ``c.m[1]`` gives what is stored, for
``c.m[1][0, 0] = 1`` means it.

A cell has a size as well.  Its elements stand in the list column by column.  If a
list method changes the length, a column stays a column and anything else becomes a
row.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from math import prod
from typing import Any, NoReturn, Self, SupportsIndex

import numpy as np

from dlgru.arrayhook import raw_of, scalar_of
from dlgru.calls import NeedsParentheses, any_spelling
from dlgru.celldisplay import cell_text
from dlgru.errors import (
    DlgruAttributeError,
    DlgruTypeError,
    DlgruValueError,
    number_words,
    size_text,
)
from dlgru.indexing import Selection, Shape, delete, match_value, read, write
from dlgru.keeping import all_kept, kept, register
from dlgru.parentheses import SubscriptsInBrackets, brackets_after_m
from dlgru.sameness import same
from dlgru.selecting import apply_read

LARGEST = 10**8
"""Elements that a cell has at most: Python lists of that many take gigabytes, not megabytes."""


class Cell(SubscriptsInBrackets, list[Any]):
    """A cell: a list with MATLAB's indexing in ``.m``; :func:`cell` makes empty ones.

    Examples
    --------
    >>> from dlgru.cells import Cell
    >>> from dlgru.endmark import end
    >>> c = Cell(["a", "b"])
    >>> c.m[end + 1] = "c"
    >>> c[0], c.m[1], c.m[end]
    ('a', 'a', 'c')
    """

    __slots__ = ("_shape",)
    __hash__ = None

    def __init__(self, items: Iterable[Any] = (), shape: Shape | None = None) -> None:
        super().__init__(all_kept(items))
        self._shape = shape
        if shape is not None and prod(shape) != len(self):
            raise DlgruValueError(
                identifier="dlgru:cell:size",
                function="Cell",
                argument="shape",
                came=size_text(shape),
                expected=f"the size of {len(self)} elements",
            )

    @property
    def shape(self) -> Shape:
        """The size of the cell."""
        n, shape = len(self), self._shape
        if shape is not None:
            if prod(shape) == n:
                return shape
            if len(shape) == 2 and shape[1] == 1 and shape[0] != 1:
                return (n, 1)
        return (1, n) if n else (0, 0)

    @property
    def m(self) -> Braces:
        """The cell under MATLAB's indexing."""
        return Braces(self)

    def __getattr__(self, name: str) -> NoReturn:
        # Only for what the class does not have.
        if name[0] == "_":
            raise AttributeError(name)
        structs = bool(self) and all(isinstance(x, dict) for x in self)
        raise DlgruAttributeError(
            "A field of several structs is several values, which no single name stands for"
            if structs
            else "A cell has no fields",
            identifier="dlgru:cell:field",
            function="cell",
            argument="the field",
            came=f'"{name}"',
            expected="one struct" if structs else "a subscript",
            fix=f"write c.m[k].{name}, or [s.{name} for s in c] for all of them"
            if structs
            else "write c.m[k]",
        )

    def _like(self, items: Iterable[Any]) -> Cell:
        """A cell of this kind and size with other elements."""
        return _holding(type(self), items, self._shape)

    # -- Python's brackets ---------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if type(key) is int:
            return super().__getitem__(key)
        if type(key) is slice:
            return type(self)(super().__getitem__(key))
        return _get(self, key, matlab=False)

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(key) is int:
            super().__setitem__(key, kept(value))
        elif type(key) is slice:
            super().__setitem__(key, all_kept(value))
        else:
            _set(self, key, value, matlab=False)

    def __delitem__(self, key: Any) -> None:
        if type(key) is int or type(key) is slice:
            super().__delitem__(key)
        else:
            _delete(self, key, matlab=False)

    def __add__(self, other: list[Any]) -> Cell:
        if not isinstance(other, list):
            return NotImplemented
        return type(self)([*self, *other])

    def __mul__(self, times: SupportsIndex) -> Cell:
        return type(self)(super().__mul__(times))

    __rmul__ = __mul__

    def append(self, value: Any) -> None:
        """Add an element at the end."""
        super().append(kept(value))

    def insert(self, index: SupportsIndex, value: Any) -> None:
        """Add an element before another one."""
        super().insert(index, kept(value))

    def extend(self, values: Iterable[Any]) -> None:
        """Add elements at the end."""
        super().extend(all_kept(values))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        self.extend(values)
        return self

    def copy(self) -> Cell:
        """Return another cell with the same elements."""
        return type(self)(self, self._shape)

    def __copy__(self) -> Cell:
        return type(self)(self, self._shape)

    def __eq__(self, other: object) -> Any:
        return same(self, other)

    def __ne__(self, other: object) -> Any:
        return not same(self, other)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (_holding, (type(self), list(self), self._shape))

    def __repr__(self) -> str:
        return cell_text(self, self.shape)


def _holding(kind: type[Cell], items: Iterable[Any], shape: Shape | None) -> Cell:
    """A cell of these items as they are: they are new, or leaves that were mapped over."""
    made = kind.__new__(kind)
    list.__init__(made, items)
    made._shape = shape
    return made


register(Cell, Cell.copy)


class Braces:
    """What ``c.m`` gives: the cell, waiting for MATLAB's subscripts."""

    __slots__ = ("_cell",)
    __call__ = brackets_after_m

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __getitem__(self, key: Any) -> Any:
        return _get(self._cell, key, matlab=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        _set(self._cell, key, value, matlab=True)

    def __delitem__(self, key: Any) -> None:
        _delete(self._cell, key, matlab=True)

    def __iter__(self) -> Any:
        raise DlgruTypeError(
            "c.m takes subscripts",
            identifier="dlgru:cell:iterate",
            function="c.m",
            argument="c.m",
            came="without subscripts",
            expected="some, as in c.m[1]",
            fix="iterate over the cell itself",
        )


def _get(c: Cell, key: Any, matlab: bool) -> Any:
    selection = read(key, c.shape, matlab)
    places = _places(selection)
    if selection.counts == (1,) * len(selection.counts) and _names_one(key):
        return list.__getitem__(c, places[0])
    return type(c)([list.__getitem__(c, i) for i in places], selection.shape)


def _set(c: Cell, key: Any, value: Any, matlab: bool) -> None:
    single = _names_one(key)
    values, size = ([value], (1, 1)) if single else _values(value)
    selection = write(key, c.shape, matlab, size)
    match_value(selection, size, "c.m[...] = value" if matlab else "c[...] = value")
    if selection.grown is not None:
        _grow(c, selection.grown)
    places = _places(selection)
    if len(values) == 1:
        values = values * len(places)
    for i, v in zip(places, values, strict=True):
        list.__setitem__(c, i, kept(v))


def _delete(c: Cell, key: Any, matlab: bool) -> None:
    left = delete(key, c.shape, matlab)
    items = [list.__getitem__(c, i) for i in _places(left)]
    list.__setitem__(c, slice(None), items)
    c._shape = left.shape


def _places(selection: Selection) -> list[int]:
    """Positions in the list of what is selected, in order."""
    if selection.linear and isinstance(selection.entries[0], slice):
        return list(range(selection.base[0])[selection.entries[0]])
    numbers = np.arange(prod(selection.base)).reshape(selection.base, order="F")
    places: list[int] = apply_read(np, numbers, selection).ravel(order="F").tolist()
    return places


def _names_one(key: Any) -> bool:
    """True if every subscript is a single index, so that an element is meant."""
    return all(map(_is_index, key if type(key) is tuple else (key,)))


def _is_index(k: Any) -> bool:
    if isinstance(k, slice | list | tuple | range | str) or k is Ellipsis:
        return False
    raw = raw_of(k)
    if raw is not None:
        return bool(raw.size == 1)
    return not isinstance(k, np.ndarray) or k.ndim == 0


def _values(value: Any) -> tuple[list[Any], Shape]:
    if isinstance(value, Cell):
        return list(value), value.shape
    if isinstance(value, list | tuple):
        return list(value), (1, len(value))
    raise DlgruTypeError(
        "Several elements of a cell are assigned from a cell",
        identifier="dlgru:cell:assign",
        function="c.m[...] = value",
        argument="value",
        came=f"of class {type(value).__name__}",
        expected="a cell or list",
        fix="write c.m[1:3] = [value] to put one value into each of them",
    )


def _grow(c: Cell, shape: Shape) -> None:
    """Make room up to `shape`; new elements are ``[]``."""
    old = c.shape
    if len(shape) == 2 and 1 in shape and (1 in old or not len(c)):
        # A row or column takes more at its end, so filling one step by step is linear.
        list.extend(c, _empties(shape, "c.m[...] = value", len(c)))
        c._shape = shape
        return
    items = _empties(shape, "c.m[...] = value")
    numbers = np.arange(prod(shape)).reshape(shape, order="F")
    places = numbers[tuple([slice(0, n) for n in old])].ravel(order="F").tolist()
    for i, v in zip(places, c, strict=True):
        items[i] = v
    list.__setitem__(c, slice(None), items)
    c._shape = shape


@NeedsParentheses
@any_spelling
def cell(*sizes: Any) -> Cell:
    """Make a cell of the given size whose elements are ``[]``.

    Parameters
    ----------
    *sizes
        The size of each dimension, or one list of them.  A single number n makes an
        n×n cell, as in MATLAB; nothing makes an empty one.  To turn a list of values
        into a cell use ``Cell(values)``.

    Raises
    ------
    DlgruValueError
        If a size is not a whole number, or there would be more than 10^8 elements.

    Examples
    --------
    >>> from dlgru.cells import cell
    >>> c = cell(1, 3)
    >>> c.m[2] = "b"
    >>> list(c)
    [[], 'b', []]
    """
    if len(sizes) == 1:
        only = sizes[0]
        raw = raw_of(only)
        if raw is not None or isinstance(only, np.ndarray):
            only = (only if raw is None else raw).ravel(order="F").tolist()
            only = only[0] if len(only) == 1 else only
        sizes = tuple(only) if isinstance(only, list | tuple) else (only, only)
    elif not sizes:
        sizes = (0, 0)
    shape = tuple([_whole(n) for n in sizes])
    return _holding(Cell, _empties(shape, "cell"), shape)


def _empties(shape: Shape, function: str, present: int = 0) -> list[Any]:
    """The elements ``[]`` that a cell of this size has beyond those that are `present`."""
    count = prod(shape)
    if count > LARGEST:
        raise DlgruValueError(
            "Each element of a cell takes some 64 bytes of memory, even an empty one",
            identifier="dlgru:cell:tooLarge",
            function=function,
            argument="the size",
            came=size_text(shape) if count.bit_length() < 100 else number_words(count),
            expected=f"at most {LARGEST} elements",
        )
    return [[] for _ in range(count - present)]


def _whole(n: Any) -> int:
    n = scalar_of(n)
    try:
        size = int(n) if isinstance(n, float) and n == int(n) else operator.index(n)
    except (TypeError, ValueError, OverflowError):
        raise DlgruValueError(
            identifier="dlgru:cell:size",
            function="cell",
            argument="a size",
            came=number_words(n) if isinstance(n, str | float) else f"of class {type(n).__name__}",
            expected="a whole number",
            fix="write Cell(values) to turn a list into a cell",
        ) from None
    return max(size, 0)


@any_spelling
def iscell(x: object) -> bool:
    """Return True if `x` is a cell: a list, unless it is a row or matrix of numbers.

    Examples
    --------
    >>> from dlgru.cells import cell, iscell
    >>> iscell(cell(2)), iscell(["a"]), iscell([1, 2])
    (True, True, False)
    """
    return isinstance(x, Cell) or (isinstance(x, list) and bool(x) and not all(map(_is_numeric, x)))


# Of lists, what is no row of numbers is a cell, so a field that holds one has ``.m``.
register(list, lambda x: Cell(x) if iscell(x) else all_kept(x))


def _is_numeric(x: Any) -> bool:
    if isinstance(x, list):
        return not isinstance(x, Cell) and all(map(_is_numeric, x))
    return isinstance(x, int | float | complex | np.number | np.bool_)
