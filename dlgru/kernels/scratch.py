"""Working memory that is kept between calls.

An engine asks for working arrays by name; the same kind of call finds the same
arrays next time, so a training loop does not ask the system for memory in every
step.  While a call runs, its scratch is *off the shelf*: a second thread, or a
call inside a call, finds nothing there and makes its own.  Taking and giving back
are single dictionary operations, so no lock is needed.

Nothing that a caller gets to see may lie in scratch.  Device arrays are not kept:
a device's own pool reuses memory in the order of its streams, which this shelf
does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from dlgru.backend import RawArray

KEPT_KINDS = 16
KEPT_BYTES = 64 * 2**20

_shelf: dict[Hashable, Scratch] = {}


class Scratch:
    """The named working arrays of one kind of call."""

    __slots__ = ("dtype", "held", "nbytes", "xp")

    def __init__(self, xp: Any, dtype: Any) -> None:
        self.xp = xp
        self.dtype = dtype
        self.nbytes = 0
        self.held: dict[str, Any] = {}

    def array(self, name: str, first: int, *rest: int) -> RawArray:
        """Return the working array of that name; what it holds is undefined.

        Only the first size may differ from one request to the next.
        """
        found = self.held.get(name)
        if found is None or len(found) < first:
            found = self.held[name] = self.xp.empty((first, *rest), dtype=self.dtype)
            self.nbytes += found.nbytes
        return found if len(found) == first else found[:first]

    def once(self, name: str, make: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `make(*arguments)` gave the first time."""
        found = self.held.get(name)
        if found is None:
            found = self.held[name] = make(*arguments)
        return found


def take(kind: Hashable, xp: Any, dtype: Any) -> Scratch:
    """Take the scratch of this kind of call off the shelf, or make one."""
    found = _shelf.pop(kind, None)
    return Scratch(xp, dtype) if found is None or found.xp is not xp else found


def give_back(kind: Hashable, scratch: Scratch) -> None:
    """Put scratch back for the next call; what has lain longest makes room."""
    if scratch.xp is not np or scratch.nbytes > KEPT_BYTES:
        return
    lying = list(_shelf.items())
    room = KEPT_BYTES - scratch.nbytes - sum(other.nbytes for _, other in lying)
    for place, (old, other) in enumerate(lying):
        if room >= 0 and len(lying) - place < KEPT_KINDS:
            break
        _shelf.pop(old, None)
        room += other.nbytes
    _shelf[kind] = scratch
