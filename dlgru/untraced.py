"""Why nothing traces what ``dlgradient`` was asked to differentiate, as far as can be seen."""

from __future__ import annotations

from typing import Any

from dlgru.array import DLArray
from dlgru.errors import a_kind
from dlgru.tree import leaves


def how_to_trace(arguments: tuple[Any, ...] | None) -> str:
    """The fix, from the arguments of the innermost ``dlfeval``; None if there is none."""
    if arguments is None:
        return "call dlgradient inside a function that dlfeval evaluates"
    if any(type(leaf) is DLArray for x in arguments for leaf in leaves(x)):
        return (
            "y must depend on an argument of the function that dlfeval evaluates; extractdata, "
            "arrays made inside and what has no derivative (round and its like, comparisons, the "
            "index of max) cut the trace"
        )
    if not arguments:
        return "pass the variables to dlfeval as arguments: dlfeval(fun, X)"
    kinds = dict.fromkeys(map(a_kind, arguments))
    return (
        "pass a dlarray to dlfeval, as in dlfeval(fun, dlarray(X)): only dlarrays are traced, "
        f"and it was given {' and '.join(kinds)}"
    )
