"""Making structs and asking about their fields: MATLAB's functions on structs.

They are pure: ``setfield``, ``rmfield`` and ``orderfields`` return another struct, as
in MATLAB.  To change a struct in place assign to its attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlgru.calls import NeedsParentheses, any_spelling
from dlgru.cells import Cell, iscell
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.keeping import kept
from dlgru.structs import MissingField, Struct, check_name, raise_missing


@NeedsParentheses
def struct(*args: Any, **fields: Any) -> Any:
    """Make a struct from field names and values.

    Parameters
    ----------
    *args
        Names and values in turn, or one struct or dictionary to copy (dictionaries in
        it become structs).
    **fields
        Further fields.

    Returns
    -------
    Struct or Cell of Struct
        A struct.  If a value is a cell, as many structs as it has elements, in a cell;
        other values, and cells of one element, go into every one of them.  So a field
        that holds a cell is written ``struct("sizes", [[a, b]])``, with double brackets,
        as in MATLAB.  A list of numbers is a row, not a cell.

    Raises
    ------
    DlgruTypeError
        If a name has no value or is not text.
    DlgruValueError
        If a name is not a valid one, or if cells differ in their number of elements.

    Examples
    --------
    >>> from dlgru.fields import struct
    >>> p = struct("rate", 0.01, "sizes", [12, 100])
    >>> p.gru.layers = 2
    >>> p
      struct with fields:
    <BLANKLINE>
         rate: 0.0100
        sizes: [12 100]
          gru: [1×1 struct]
    >>> people = struct("name", ["Ada", "Alan"])
    >>> people.m[2].name
    'Alan'
    """
    if len(args) == 1 and isinstance(args[0], Mapping):
        return Struct({**_deep(args[0]), **fields})
    if len(args) % 2:
        raise DlgruTypeError(
            "Names and values come in pairs",
            identifier="dlgru:struct:pairs",
            function="struct",
            argument="the call",
            came=f"one with {len(args)} arguments",
            expected="struct('name', value, ...)",
        )
    pairs = dict[str, Any]()
    for name, value in [*zip(args[::2], args[1::2], strict=True), *fields.items()]:
        check_name(name)
        pairs[name] = value
    cells = {name: v for name, v in pairs.items() if iscell(v)}
    counts = {len(v) for v in cells.values() if len(v) != 1}
    if len(counts) > 1:
        raise DlgruValueError(
            "Cells that go into one call have one number of elements",
            identifier="dlgru:struct:cells",
            function="struct",
            argument="the values",
            came=", ".join(f'"{name}" with {len(v)}' for name, v in cells.items()),
            expected="equal numbers, or one element",
        )

    def element(k: int) -> Struct:
        return Struct(
            {
                name: cells[name][k if len(cells[name]) > 1 else 0] if name in cells else v
                for name, v in pairs.items()
            }
        )

    if not counts:
        return element(0)
    shape = next((v.shape for v in cells.values() if isinstance(v, Cell) and len(v) != 1), None)
    return Cell([element(k) for k in range(counts.pop())], shape)


def _deep(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: Struct(_deep(fields[name])) if type(fields[name]) is dict else fields[name]
        for name in fields
    }


@any_spelling
def isstruct(x: object) -> bool:
    """Return True if `x` is a struct.

    Examples
    --------
    >>> from dlgru.fields import isstruct, struct
    >>> isstruct(struct("a", 1)), isstruct([1, 2])
    (True, False)
    """
    return isinstance(x, Struct)


@any_spelling
def fieldnames(s: Struct) -> Cell:
    """Return the field names of a struct, in order, as a cell.

    Examples
    --------
    >>> from dlgru.fields import fieldnames, struct
    >>> for name in fieldnames(struct("a", 1, "b", 2)):
    ...     print(name)
    a
    b
    """
    return Cell(_required(s, "fieldnames"), (len(s), 1))


@any_spelling
def isfield(s: object, name: Any) -> Any:
    """Return True if a struct has a field; for several names, a list of answers.

    Examples
    --------
    >>> from dlgru.fields import isfield, struct
    >>> isfield(struct("a", 1), "a"), isfield(struct("a", 1), ["a", "b"])
    (True, [True, False])
    """
    if isinstance(name, list | tuple):
        return [isfield(s, n) for n in name]
    return isinstance(s, Struct) and isinstance(name, str) and name in s


@any_spelling
def rmfield(s: Struct, names: str | Sequence[str]) -> Struct:
    """Return a struct without one field or several; an absent one is an error.

    Examples
    --------
    >>> from dlgru.fields import fieldnames, rmfield, struct
    >>> list(fieldnames(rmfield(struct("a", 1, "b", 2), "a")))
    ['b']
    """
    out: Struct = kept(_required(s, "rmfield"))
    given: list[Any] = list(names) if isinstance(names, list | tuple) else [names]
    for name in given:
        check_name(name)
        del out[name]
    return out


@any_spelling
def getfield(s: Struct, *names: str) -> Any:
    """Return a field of a struct; further names lead into nested structs.

    Examples
    --------
    >>> from dlgru.fields import getfield, struct
    >>> getfield(struct("gru", struct("H", 100)), "gru", "H")
    100
    """
    value: Any = _required(s, "getfield")
    for k, name in enumerate(names):
        check_name(name)
        value = _required(value, "getfield", names[:k])[name]
        if type(value) is MissingField:
            raise_missing(value)
    return value


@any_spelling
def setfield(s: Struct, *names_and_value: Any) -> Struct:
    """Return a struct with a field set: ``setfield(s, "gru", "H", 100)``.

    Nested structs are copied, so `s` stays as it is.

    Examples
    --------
    >>> from dlgru.fields import setfield, struct
    >>> setfield(struct(), "gru", "H", 100).gru.H
    100
    """
    out: Struct = kept(_required(s, "setfield"))
    if len(names_and_value) < 2:
        raise DlgruTypeError(
            "Not enough input arguments",
            identifier="dlgru:setfield:arguments",
            function="setfield",
            argument="value" if names_and_value else "name",
            came="missing",
            expected="setfield(s, name, ..., value)",
        )
    *names, value = names_and_value
    inner = out
    for k, name in enumerate(names[:-1]):
        check_name(name)
        if name in inner:
            inner[name] = _required(inner[name], "setfield", names[: k + 1])
        else:
            inner[name] = Struct()
        inner = inner[name]
    inner[names[-1]] = value
    return out


@any_spelling
def orderfields(s: Struct) -> Struct:
    """Return a struct with its fields in the order of their character codes.

    Examples
    --------
    >>> from dlgru.fields import fieldnames, orderfields, struct
    >>> list(fieldnames(orderfields(struct("b", 1, "a", 2))))
    ['a', 'b']
    """
    out: Struct = kept(_required(s, "orderfields"))
    return Struct({name: out[name] for name in sorted(out)})


def _required(s: Any, function: str, path: Sequence[str] = ()) -> Struct:
    """The struct that `s` is: the argument s, or the field that `path` leads to in it."""
    if isinstance(s, Struct):
        return s
    if path and isinstance(s, Mapping):
        return Struct(s)
    raise DlgruTypeError(
        identifier=f"dlgru:{function}:class",
        function=function,
        argument=".".join(["s", *path]),
        came=f"of class {type(s).__name__}",
        expected="a struct",
    )
