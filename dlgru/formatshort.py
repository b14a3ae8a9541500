"""Numbers as MATLAB's ``format short`` prints them: one function, :func:`array_block`.

The rules, each for one page (two-dimensional slice) at a time:

====================================  ======================================  ===============
data                                  printed as                              column width
====================================  ======================================  ===============
logical, integer classes              whole numbers                           digits + 3
whole numbers below 1000              whole numbers                           6
whole numbers below 1e9               whole numbers                           12
other numbers                         four decimals, an exact zero as ``0``   10
one number >= 1000 or <= 0.001        ``1.2346e+03``                          13
several, the largest outside that     four decimals under a common factor     10
                                      ``1.0e+03 *``
complex                               ``3.0000 + 4.0000i``; exponents and     19
                                      factors from 100 on
====================================  ======================================  ===============

The factor makes the largest number 1 to 10 if it is big, and 0.1 to 1 if it is small.  NaN and Inf
decide nothing.  The rules are taken from printed output of MATLAB; none was found for several
numbers whose largest is exactly 0.001, 0.0001 …, which get the factor that makes it 1.  A page
wider than 80 characters is cut into blocks headed ``Columns 1 through 8``.

MATLAB prints every number of an array.  A Python shell prints whatever it holds, so arrays of more
than 10,000 elements are shortened here: the first and last 10 rows, 8 columns and 2 pages, with a
line such as ``(… 9,980 more rows)`` between, and formats chosen for what is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dlgru.backend import RawArray, to_host

LINE_WIDTH = 80
LIMIT = 10_000
"""Arrays of more elements are shortened."""

ROWS, COLUMNS, PAGES = 10, 8, 2
"""How many are shown at each end of a shortened array."""

Page: TypeAlias = np.ndarray[Any, Any]


class _Layout(NamedTuple):
    """How the numbers of one page are printed."""

    width: int
    cell: Callable[[Any], str]
    factor: int = 0  # exponent of the common scale factor


def array_block(data: RawArray) -> str:
    """Return the numbers of an array as MATLAB prints them, without a header.

    Empty arrays give an empty string.  Arrays of fewer than two dimensions count as rows.

    Examples
    --------
    >>> print(array_block(np.array([[1.0, 2.0], [3.0, 4.0]])))
         1     2
         3     4
    >>> print(array_block(np.array([[0.8147, 1234.5]])))
       1.0e+03 *
    <BLANKLINE>
        0.0008    1.2345
    """
    while data.ndim > 2 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim < 2:
        data = data.reshape((1, -1))
    if not data.size:
        return ""
    if data.size <= LIMIT:
        data = to_host(data)
    if data.ndim == 2:
        return _page_text(data, data.size > LIMIT)
    return "\n\n\n".join(_pages(data))


def number_text(value: Any) -> str:
    """Return one number as ``format short`` prints it, without leading spaces."""
    return array_block(np.asarray(value)).strip()


def _pages(data: RawArray) -> Iterator[str]:
    long = data.size > LIMIT
    outer = data.shape[2:]
    parts, (before, hidden) = _ends(math.prod(outer), PAGES, long)
    for part in parts:
        if hidden and part.start > before:
            yield _more(hidden, "pages")
        for position in range(part.start, part.stop):
            # MATLAB counts pages with the first subscript running fastest.
            index = [int(i) for i in np.unravel_index(position, outer, order="F")]
            heading = ",".join(str(i + 1) for i in index)
            yield f"(:,:,{heading}) =\n\n{_page_text(data[(..., *index)], long)}"


def _page_text(page: RawArray, long: bool) -> str:
    rows, more_rows = _ends(page.shape[0], ROWS, long)
    columns, more_columns = _ends(page.shape[1], COLUMNS, long)
    shown: Page = np.block([[to_host(page[r, c]) for c in columns] for r in rows])
    layout = _layout(shown)
    lines = [f"   1.0e{layout.factor:+03d} *", ""] if layout.factor else []
    if layout.factor:
        shown = shown / 10.0**layout.factor
    texts = [[layout.cell(v).rjust(layout.width) for v in row] for row in shown.tolist()]
    blocks = list(_column_blocks(columns, page.shape[1], layout.width))
    for number, (first, last, offset) in enumerate(blocks):
        if number and offset == more_columns[0]:
            lines += [_more(more_columns[1], "columns"), ""]
        if len(blocks) > 1:
            lines += [columns_heading(first, last), ""]
        body = ["".join(row[offset : offset + last - first]) for row in texts]
        if more_rows[1]:
            body.insert(more_rows[0], _more(more_rows[1], "rows"))
        lines += [*body, ""]
    return "\n".join(lines[:-1])


def _ends(count: int, keep: int, long: bool) -> tuple[list[slice], tuple[int, int]]:
    """Return the parts to show, and how many stand before the gap and in it."""
    if not long or count <= 2 * keep:
        return [slice(0, count)], (count, 0)
    return [slice(0, keep), slice(count - keep, count)], (keep, count - 2 * keep)


def _column_blocks(parts: list[slice], count: int, width: int) -> Iterator[tuple[int, int, int]]:
    """Cut columns into blocks that fit a line: first, last (excluded), place among the shown."""
    step = max(1, LINE_WIDTH // width)
    shown = 0
    for part in parts:
        for first in range(part.start, part.stop, step):
            last = min(first + step, part.stop)
            yield first, last, shown
            shown += last - first


def columns_heading(first: int, last: int) -> str:
    """Return what stands above some of the columns: from `first`, counted from 0, before `last`."""
    if last - first == 1:
        return f"  Column {last}"
    return f"  Columns {first + 1} through {last}"


def _more(count: int, what: str) -> str:
    return f"    (… {count:,} more {what})"


def _layout(page: Page) -> _Layout:
    kind = page.dtype.kind
    if kind == "c":
        return _complex_layout(page)
    if kind in "biu":
        digits = max(len(str(abs(int(v)))) for v in (page.min(), page.max()))
        return _Layout(digits + 3, lambda v: str(int(v)))
    largest = _largest(page)
    finite = page[np.isfinite(page)]
    if largest < 1e9 and bool(np.all(finite == np.floor(finite))):
        return _Layout(6 if largest < 1000 else 12, _whole)
    if 0.001 < largest < 1000:
        return _Layout(10, _decimal)
    if page.size == 1:
        return _Layout(13, lambda v: f"{v:.4e}")
    return _Layout(10, _decimal, _factor(largest))


def _complex_layout(page: Page) -> _Layout:
    largest = max(_largest(page.real), _largest(page.imag))
    if largest == 0 or 0.001 < largest < 100:
        return _Layout(19, _complex)
    if page.size == 1:
        return _Layout(27, _complex_exponents)
    return _Layout(19, _complex, _factor(largest))


def _largest(values: Page) -> float:
    """Return the largest finite magnitude as the decimal number it stands for.

    A single 0.001 is a little more than 0.001 when read as a double, but prints as 0.001.
    """
    magnitudes = np.abs(values[np.isfinite(values)])
    return float(str(magnitudes.max(initial=0)))


def _factor(largest: float) -> int:
    exponent = math.log10(largest)
    return math.floor(exponent) if exponent > 0 else math.ceil(exponent)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"


def _whole(value: float) -> str:
    return str(int(value)) if math.isfinite(value) else _not_finite(value)


def _decimal(value: float) -> str:
    if not math.isfinite(value):
        return _not_finite(value)
    return f"{value:.4f}" if value else "0"


def _complex(value: complex) -> str:
    real, size = (f"{v:.4f}" if math.isfinite(v) else _not_finite(v) for v in _parts(value))
    return f"{real} {_sign(value)}{size:>7}i"


def _complex_exponents(value: complex) -> str:
    real, size = (f"{v:.4e}" if math.isfinite(v) else _not_finite(v) for v in _parts(value))
    return f"{real} {_sign(value)} {size}i"


def _parts(value: complex) -> tuple[float, float]:
    return value.real + 0.0, abs(value.imag)  # adding 0 turns -0 into 0


def _sign(value: complex) -> str:
    return "-" if value.imag < 0 else "+"
