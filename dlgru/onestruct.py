"""``h.m[1]`` of a single struct: MATLAB's ``h(1)``, which is h.

Several structs are a cell of structs here, for a dictionary cannot become one.  So
``h.m[2] = other`` is refused, and the message shows how to begin with a cell.
"""

from __future__ import annotations

from math import prod
from typing import Any

from dlgru.errors import DlgruIndexError, DlgruTypeError, DlgruValueError, a_kind, listing
from dlgru.indexing import read


def check_first(key: Any) -> None:
    """Raise unless subscripts after ``h.m`` select the one struct there is."""
    came = ""
    try:
        selected = prod(read(key, (1, 1), matlab=True).shape)
        if selected != 1:
            came = f"one that selects {selected} elements"
    except DlgruIndexError as problem:
        if problem.identifier != "MATLAB:badsubscript":
            raise
        came = problem.came
    if came:
        raise DlgruIndexError(
            "A struct stands for one element, several make a cell of structs",
            identifier="dlgru:struct:one",
            function="struct",
            argument="the subscript",
            came=came,
            expected="1",
            fix="first write h = Cell([h]), then h.m[end+1] = other adds a struct",
        )


def replace(s: dict[str, Any], key: Any, value: Any) -> None:
    """Do what ``h.m[1] = value`` says: give h the fields of another struct with the same names."""
    check_first(key)
    if not isinstance(value, dict):
        raise DlgruTypeError(
            identifier="dlgru:struct:assign",
            function="struct",
            argument="the value of h.m[1] = value",
            came=a_kind(value),
            expected="a struct",
            fix="to set a field write h.name = value",
        )
    if set(value) != set(s):
        raise DlgruValueError(
            "Subscripted assignment between dissimilar structures",
            identifier="MATLAB:heterogeneousStrucAssignment",
            function="struct",
            argument="the value of h.m[1] = value",
            came=f"one with {listing(value, 'and')}" if value else "one without fields",
            expected=f"the fields {listing(s, 'and')}" if s else "no field: the struct is empty",
            fix="for a struct with other fields write h = value",
        )
    for name in list(s):
        s[name] = value[name]
