"""Cells in functions of shape: ``[c1, c2]``, ``repmat``, ``reshape`` and ``c'``.

A cell is moved by way of its places: an array of the numbers of its elements goes through
the function, and the elements follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlgru.cells import Cell, iscell
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
    cells = [part if isinstance(part, Cell) else _cell_of(part) for part in parts]
    cells = [cell for cell in cells if cell.shape != (0, 0)]
    if not cells:
        return Cell([], (0, 0))
    rank = max(axis + 1, *[len(cell.shape) for cell in cells])
    elements: list[Any] = []
    blocks: list[Places] = []
    for cell in cells:
        shape = cell.shape + (1,) * (rank - len(cell.shape))
        blocks.append(_places(len(elements), shape))
        elements += cell
        first = blocks[0].shape
        if shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise DlgruValueError(
                "Dimensions of cells being concatenated are not consistent",
                identifier="dlgru:cat:sizes",
                function=function,
                argument=f"cell {len(blocks)}",
                came=size_text(cell.shape),
                expected=f"{size_text(cells[0].shape)}, as the first one, but for "
                f"dimension {axis + 1}",
            )
    return _picked(elements, np.concatenate(blocks, axis))


def _cell_of(part: Any) -> Cell:
    if isinstance(part, list) and (iscell(part) or not part):
        return Cell(part)  # a list that stands for a cell, and MATLAB's []
    return Cell([part])


def _places(start: int, shape: Shape) -> Places:
    """The numbers of elements, column by column, in the shape of their cell."""
    count = int(np.prod(shape))
    return np.arange(start, start + count).reshape(shape, order="F")


def _picked(elements: list[Any], places: Places) -> Cell:
    return Cell([elements[k] for k in places.ravel(order="F")], trimmed(places.shape))
