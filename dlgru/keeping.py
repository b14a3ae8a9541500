"""What a container keeps of what is put into it: the value, as in MATLAB.

After ``c.m[end+1] = x`` the cell shows x as it was, whatever is assigned to ``x`` or to
a part of it later.  So a DLArray gets a handle of its own, which copies no data; an
ndarray, which its owner writes to directly, is copied; lists, dictionaries, structs,
cells and tables are built anew around what they hold (``cells.py`` makes cells of lists
that hold other things than numbers).  Classes of the user's own stay
as they are, for nobody here knows how to build them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from dlgru.arrayhook import fresh

_keepers: dict[type, Callable[[Any], Any]] = {}
"""How to copy what could be changed from outside, by its exact class."""


def register(kind: type, copy: Callable[[Any], Any]) -> None:
    """Say how values of class `kind` are copied, with what they hold."""
    _keepers[kind] = copy


def kept(x: Any) -> Any:
    """Return what a container keeps of `x`, which changes to `x` leave as it is."""
    copy = _keepers.get(type(x))
    return fresh(x) if copy is None else copy(x)


def all_kept(items: Iterable[Any]) -> list[Any]:
    """Return what a container keeps of several values."""
    items = list(items)
    for kind in set(map(type, items)):
        if kind in _keepers or hasattr(kind, "_dlgru_handle"):
            return [kept(x) for x in items]
    return items  # numbers and text, of which there may be many


def own(leaf: Any) -> Any:
    """Return a leaf of a container so that changing it leaves the container's untouched."""
    return leaf.copy(order="K") if type(leaf) is np.ndarray else fresh(leaf)


register(np.ndarray, own)
register(list, all_kept)
register(tuple, lambda items: tuple(all_kept(items)))
register(dict, lambda d: dict(zip(d, all_kept(d.values()), strict=True)))
