"""Cells in functions of shape: ``[c1, c2]``, ``repmat``, ``reshape`` and ``c'``.

A cell is moved by way of its places: an array of the numbers of its elements goes through
the function, and the elements follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlgru.cells import Cell
from dlgru.errors import DlgruValueError, size_text
from dlgru.indexing import Shape
from dlgru.subscript import trimmed

Places = np.ndarray[Any, np.dtype[np.intp]]


def moved(c: Cell, move: Callable[[Places], Places]) -> Cell:
    """A cell whose elements go where `move` takes their places."""
    return _picked(list(c), move(_places(0, c.shape)))


def repeated(c: Cell, times: Sequence[int]) -> Cell:
    """A cell beside itself, so many times along each dimension."""
    rank = max(len(times), len(c.shape))
    counts = (*times, *[1] * (rank - len(times)))
    shape = c.shape + (1,) * (rank - len(c.shape))
    return moved(c, lambda places: np.tile(places.reshape(shape), counts))


def joined(function: str, axis: int, parts: Sequence[Any]) -> Cell:
    """Cells, one after the other along a dimension, as MATLAB's brackets join them.

    What is no cell becomes one element; ``[]`` and cells of size 0×0 are passed over.
    """
    elements: list[Any] = []
    blocks: list[Places] = []
    for k, part in enumerate(parts):
        if isinstance(part, list) and not part:
            continue
        cell = part if isinstance(part, Cell) else Cell([part])
        block = _places(len(elements), cell.shape)
        block = block.reshape(block.shape + (1,) * (axis + 1 - block.ndim))
        if blocks:
            first = blocks[0]
            rank = max(first.ndim, block.ndim)
            sizes = [b.shape + (1,) * (rank - b.ndim) for b in (first, block)]
            across = [size[:axis] + size[axis + 1 :] for size in sizes]
            if across[0] != across[1]:
                raise DlgruValueError(
                    "Dimensions of cells being concatenated are not consistent",
                    identifier="dlgru:cat:sizes",
                    function=function,
                    argument=f"cell {k + 1}",
                    came=size_text(cell.shape),
                    expected=f"{size_text(trimmed(first.shape))}, as the first one, but for "
                    f"dimension {axis + 1}",
                )
        elements += cell
        blocks.append(block)
    if not blocks:
        return Cell([], (0, 0))
    rank = max(block.ndim for block in blocks)
    padded = [block.reshape(block.shape + (1,) * (rank - block.ndim)) for block in blocks]
    return _picked(elements, np.concatenate(padded, axis))


def _places(start: int, shape: Shape) -> Places:
    """The numbers of elements, column by column, in the shape of their cell."""
    count = int(np.prod(shape))
    return np.arange(start, start + count).reshape(shape, order="F")


def _picked(elements: list[Any], places: Places) -> Cell:
    return Cell([elements[k] for k in places.ravel(order="F")], trimmed(places.shape))
