"""The printed form of cells: their size, and each element in braces, as MATLAB shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlgru.display import in_braces, value_text
from dlgru.errors import size_text


def cell_text(elements: Sequence[Any], shape: tuple[int, ...]) -> str:
    """What MATLAB shows for a cell of this size, whose elements come column by column.

    >>> print(cell_text([1, "a"], (1, 2)))
      1×2 cell array
    <BLANKLINE>
        {[1]}    {"a"}
    """
    head = f"  {size_text(shape)} {'' if elements else 'empty '}cell array"
    if not elements or len(shape) != 2:
        return head
    texts = [_braced(x) for x in elements]
    rows, cols = shape
    widths = [max(map(len, texts[j * rows : (j + 1) * rows])) for j in range(cols)]
    lines = [
        "    " + "    ".join(texts[i + j * rows].ljust(widths[j]) for j in range(cols)).rstrip()
        for i in range(rows)
    ]
    return "\n".join([head, "", *lines])


def _braced(x: Any) -> str:
    if isinstance(x, dict):
        return "{1×1 struct}"
    if isinstance(x, list) and hasattr(x, "shape"):  # a cell, even an empty one
        return f"{{{size_text(x.shape)} cell}}"
    text = value_text(x)
    return in_braces(text if text[0] in '[{"@' else f"[{text}]")
