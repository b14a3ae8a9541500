"""The printed form of cells: their size, and each element in braces, as MATLAB shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dlgru.display import in_braces, value_text
from dlgru.errors import size_text
from dlgru.formatshort import LINE_WIDTH, columns_heading

GAP = " " * 4
"""What stands before each column."""


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
    blocks = list(_blocks(widths))
    lines = [head]
    for first, last in blocks:
        if len(blocks) > 1:
            lines += ["", columns_heading(first, last)]
        lines.append("")
        for i in range(rows):
            row = [texts[i + j * rows].ljust(widths[j]) for j in range(first, last)]
            lines.append("".join([GAP + text for text in row]).rstrip())
    return "\n".join(lines)


def _blocks(widths: list[int]) -> Iterator[tuple[int, int]]:
    """Cut columns of these widths into blocks that fit a line: first, last (excluded)."""
    first = used = 0
    for j, width in enumerate(widths):
        used += len(GAP) + width
        if used > LINE_WIDTH and j > first:
            yield first, j
            first, used = j, len(GAP) + width
    yield first, len(widths)


def _braced(x: Any) -> str:
    if isinstance(x, dict):
        return "{1×1 struct}"
    if isinstance(x, list) and hasattr(x, "shape"):  # a cell, even an empty one
        return f"{{{size_text(x.shape)} cell}}"
    text = value_text(x)
    return in_braces(text if text[0] in '[{"@' else f"[{text}]")
