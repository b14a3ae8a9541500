"""Whether two values that may hold arrays are equal.

``==`` between arrays is elementwise, so a container cannot leave the question to it.
Here two containers are equal if their parts are of one kind and equal in data, size and
format.  ``isequal`` (``ops/inquiry.py``) asks another question of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlgru.arrayhook import raw_of
from dlgru.backend import to_host


def same(a: Any, b: Any) -> bool:
    """Return True if `a` and `b` have equal data, equal size and equal format.

    >>> same([1, np.array([2, 3])], [1, np.array([2, 3])])
    True
    >>> same({"W": np.zeros((2, 1))}, {"W": np.zeros((1, 2))})
    False
    """
    if a is b:
        return True
    raw_a, raw_b = raw_of(a), raw_of(b)
    if raw_a is not None or raw_b is not None:
        if raw_a is None or raw_b is None or a.dims != b.dims:
            return False
        return _same_data(to_host(raw_a), to_host(raw_b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and _same_data(a, b)
    return isinstance(a, tuple) == isinstance(b, tuple) and alike(a, b, same)


def alike(a: Any, b: Any, question: Callable[[Any, Any], bool]) -> bool:
    """Return True if `question` is true of all parts of two structs or two cells.

    Other values, which have no parts, are compared by ``==``.
    """
    if isinstance(a, Mapping):
        # Names and brackets only: in a struct the field "items" would hide the method.
        return (
            isinstance(b, Mapping)
            and set(a) == set(b)
            and all(question(a[name], b[name]) for name in a)
        )
    if isinstance(a, list | tuple):
        if not isinstance(b, list | tuple):
            return False
        # A matrix of cells has a size of its own; a plain list goes with any of its length.
        if hasattr(a, "shape") and hasattr(b, "shape") and a.shape != b.shape:
            return False
        return len(a) == len(b) and all(map(question, a, b))
    return bool(a == b)


def _same_data(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and bool((a == b).all())
