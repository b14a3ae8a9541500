"""What to write instead of something that is no array, as far as that can be known.

A wrong advice is worse than none: ``numpy.asarray(None, dtype=float)`` is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dlgru.tables import Table


def advice(x: Any, function: str) -> str:
    """What makes an array of `x`, or does what `function` was probably called for."""
    if x is None:
        return _for_nothing(function)
    if isinstance(x, str):
        return _for_text(x, function)
    if isinstance(x, Mapping):
        return "name one of its fields"
    if isinstance(x, Table):
        return "name one of its columns"
    dtype = getattr(x, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind in ("i", "u", "f") or (dtype is None and hasattr(type(x), "__array__")):
        return "convert it first: dlarray(np.asarray(X, dtype=float))"
    if kind == "c":
        return "convert it first: dlarray(np.asarray(X, dtype=complex))"
    if kind is None and isinstance(x, Iterable) and not isinstance(x, bytes | bytearray):
        return "make a list first: dlarray(list(X))"
    return ""


def _for_nothing(function: str) -> str:
    if function in ("eq", "ne"):
        return f"write x is {'not ' if function == 'ne' else ''}None"
    return "an empty array is dlarray([])" if function == "dlarray" else ""


def _for_text(text: str, function: str) -> str:
    if function in ("eq", "ne"):
        return "isequal(a, b) compares values of any kind"
    try:
        float(text)
    except ValueError:
        return 'to put a number into text write f"Loss: {loss:.4f}"' if function == "plus" else ""
    return "make a number of the text first: float(X)"
