"""Sums of raw arrays along any dimensions, single ones without the errors of long chains.

NumPy adds in pairs along the dimension that lies side by side in memory, and in one chain
along all others.  In single a chain of 200,000 equal terms is off by 0.2 %, so long ones are
cut into blocks, and the sums of these again: the error grows with the logarithm of the number
of terms, and the time is that of the chain.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlgru.backend import complex_single, single

_SINGLE = (single, complex_single)

LONGEST = 128
"""Terms of a chain that is left as it is; NumPy's pairs begin there, too."""

BLOCK = 32
"""Terms of a block of a longer one."""


def add_up(x: Any, axes: tuple[int, ...]) -> Any:
    """Sum axes of a column-major array, sizes kept as 1; the result is column-major."""
    last = x.ndim - 1
    # On the transpose NumPy keeps the order of the result.
    t, turned = x.T, tuple([last - a for a in axes])
    # Only dimensions behind the first can make a chain.
    if x.size > LONGEST * len(x) and x.dtype in _SINGLE and type(x) is np.ndarray:
        fast = last + 1  # from here on every axis is summed: these lie side by side
        while fast - 1 in turned:
            fast -= 1
        slow = [a for a in turned if a < fast]
        if math.prod([t.shape[a] for a in slow]) > LONGEST:
            for a in sorted(slow):
                t = _in_blocks(t, a)
            turned = tuple(range(fast, last + 1))
    return t.sum(axis=turned, keepdims=True).T


def _in_blocks(t: Any, axis: int) -> Any:
    """Sum one axis of a row-major array, its size kept as 1."""
    along = (slice(None),) * axis
    while (n := t.shape[axis]) > LONGEST:
        blocks, rest = divmod(n, BLOCK)
        tail = t[(*along, slice(n - rest, n))]
        head = t[(*along, slice(0, n - rest))]
        t = head.reshape(*t.shape[:axis], blocks, BLOCK, *t.shape[axis + 1 :]).sum(axis=axis + 1)
        t[(*along, slice(0, 1))] += tail.sum(axis=axis, keepdims=True)
    return t.sum(axis=axis, keepdims=True)
