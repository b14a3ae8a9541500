"""The printed form of arrays, structs and tables, as MATLAB shows them.

MATLAB users read results off the screen, so a ported script should print what the original
printed: the size with its labels, the class where it is not double, the word ``gpuArray`` for
device data, then the numbers.

Nothing here knows the classes of dlgru: an array is a raw array with its labels, a struct is any
mapping, a table any mapping from column names to columns.  An object inside a struct or table is
described by its own ``summary()`` if it has one (``30×12 single dlarray``), else by its ``shape``
and class name.  Texts have no trailing newline and no trailing spaces.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from dlgru.backend import CLASS_NAMES, RawArray, is_device_array
from dlgru.errors import DlgruValueError, size_text
from dlgru.formatshort import array_block, number_text

__all__ = [
    "array_block",
    "array_text",
    "echo",
    "number_text",
    "struct_text",
    "summary_text",
    "table_text",
    "value_text",
]

ClassName: TypeAlias = Callable[[object], str]
"""Gives the class of an object as MATLAB would call it."""

LONGEST_ROW = 10
"""Rows of more numbers are only summarised inside a struct."""


def summary_text(
    shape: Sequence[int], labels: str = "", class_name: str = "double", on_device: bool = False
) -> str:
    """Return size, class and place of a dlarray: ``4(S) × 3(S) logical dlarray``.

    Examples
    --------
    >>> summary_text((20, 2), "", "single", on_device=True)
    '20×2 single gpuArray dlarray'
    """
    words = [size_text(shape, labels)]
    if class_name != "double":
        words.append(class_name)
    if on_device:
        words.append("gpuArray")
    return " ".join([*words, "dlarray"])


def array_text(data: RawArray, labels: str = "", on_device: bool | None = None) -> str:
    """Return what MATLAB shows for a dlarray: header, blank line, numbers.

    Parameters
    ----------
    data : raw array
        On any device; only what is printed is fetched.
    labels : str, default ""
        One letter per dimension; empty for an unformatted array.
    on_device : bool, optional
        Print the word ``gpuArray``.  By default the array itself tells.

    Notes
    -----
    An empty array is its header alone.

    Examples
    --------
    >>> print(array_text(np.array([[True, False], [True, True]]), "CB"))
      2(C) × 2(B) logical dlarray
    <BLANKLINE>
       1   0
       1   1
    """
    shape = data.shape if labels or data.ndim >= 2 else (1, data.size)
    device = is_device_array(data) if on_device is None else on_device
    header = f"  {summary_text(shape, labels, _data_class(data), device)}"
    block = array_block(data)
    if not block:
        return header
    return f"{header}\n\n\n{block}" if block.startswith("(:") else f"{header}\n\n{block}"


def echo(name: str, text: str) -> str:
    """Return what MATLAB shows after ``X`` without a semicolon: ``X = ``, blank line, text."""
    return f"{name} = \n\n{text}"


def value_text(value: object, class_name: ClassName | None = None) -> str:
    """Return a value on one line, as MATLAB shows it beside its field name in a struct.

    Numbers and short rows are written out, everything else is summarised in brackets.

    Examples
    --------
    >>> value_text([1, 0.5]), value_text("adam"), value_text(np.zeros((3, 4)))
    ('[1 0.5000]', '"adam"', '[3×4 double]')
    """
    if value is None:
        return "[]"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "[1×1 struct]"
    summary = getattr(type(value), "summary", None)  # of the class: a column may have any name
    if callable(summary):
        return f"[{summary(value)}]"
    if isinstance(value, list | tuple):
        # A cell has a size, so an empty one is told from the list that is MATLAB's [].
        shape = getattr(value, "shape", (1, len(value)) if value else None)
        if shape is None:
            return "[]"
        if shape != ((1, len(value)) if value else (0, 0)):
            return f"{{{size_text(shape)} cell}}"
        return _list_text(value, class_name)
    if isinstance(value, np.ndarray | numbers.Number | np.bool_):
        return _numbers_text(np.asarray(value))
    shape = getattr(value, "shape", None)
    if shape is None and callable(value):
        return f"@{getattr(value, '__name__', type(value).__name__)}"
    return f"[{_described(value, (1, 1) if shape is None else shape, class_name)}]"


def struct_text(
    fields: Mapping[str, object], class_name: ClassName | None = None, *, heading: bool = False
) -> str:
    """Return the fields of a struct, names right-aligned, as MATLAB's ``disp`` shows them.

    Parameters
    ----------
    fields : mapping
        Field names and values.
    class_name : callable, optional
        Names the class of an object that has no ``summary()``; Python's name by default.
    heading : bool, default False
        Begin with ``struct with fields:``, as MATLAB does when it echoes a struct.

    Examples
    --------
    >>> print(struct_text({"a": 1, "name": "gru", "sizes": [3, 4]}))
            a: 1
         name: "gru"
        sizes: [3 4]
    """
    width = 4 + max((len(name) for name in fields), default=0)
    lines = [f"{name:>{width}}: {value_text(v, class_name)}" for name, v in fields.items()]
    if heading:
        lines = ["  struct with fields:", "", *lines] if lines else ["  struct with no fields."]
    return "\n".join(lines)


def table_text(
    columns: Mapping[str, Iterable[object]],
    class_name: ClassName | None = None,
    *,
    heading: bool = False,
    verbose: bool = False,
) -> str:
    """Return a table: headers centred over a rule, four spaces before every column.

    Numbers have five significant digits and are right-aligned, text stands in quotes, other
    values in braces; ``None`` is an empty place.

    Parameters
    ----------
    columns : mapping
        Column names and their values, all of one length.
    class_name : callable, optional
        Names the class of an object that has no ``summary()``.
    heading : bool, default False
        Begin with the size, ``3×2 table``, as MATLAB does when it echoes a table.
    verbose : bool, default False
        Print as ``trainnet`` does while it trains: every column right-aligned, text without
        quotes, no blank line under the rule.

    Raises
    ------
    DlgruValueError
        If the columns differ in length.

    Examples
    --------
    >>> print(table_text({"Layer": ["gru", "fc"], "Epoch": [1, 20]}))
        Layer    Epoch
        _____    _____
    <BLANKLINE>
        "gru"      1
        "fc"      20
    """
    values = {name: list(column) for name, column in columns.items()}
    height = _height(values)
    lines = [f"  {height}×{len(values)} table", ""] if heading else []
    cells = [_column_cells(name, v, class_name, verbose) for name, v in values.items()]
    for row in range(height + 2):
        lines.append("".join(f"    {column[row]}" for column in cells).rstrip())
        if row == 1 and height and not verbose:
            lines.append("")
    return "\n".join(lines if values else lines[:1])


def _column_cells(
    name: str, values: list[object], class_name: ClassName | None, verbose: bool
) -> list[str]:
    """Return header, rule and cells of one column, all of its width."""
    texts, right = _cell_texts(values, class_name, quoted=not verbose)
    inner = max((len(t) for t in texts), default=0)
    width = max(len(name), inner)
    if verbose:
        return [name.rjust(width), "_" * width, *(t.rjust(width) for t in texts)]
    block = [t.rjust(inner) if right else t.ljust(inner) for t in texts]
    return [_centred(name, width), "_" * width, *(_centred(t, width) for t in block)]


def _centred(text: str, width: int) -> str:
    """Centre a text; an odd space goes to its right, as in MATLAB (str.center varies)."""
    left = (width - len(text)) // 2
    return " " * left + text.ljust(width - left)


def _cell_texts(
    values: list[object], class_name: ClassName | None, *, quoted: bool
) -> tuple[list[str], bool]:
    """Return the cells of a column and whether they are aligned to the right."""
    present = [v for v in values if v is not None]
    if all(isinstance(v, bool | np.bool_) for v in present):
        return ["" if v is None else str(bool(v)).lower() for v in values], False
    if all(isinstance(v, numbers.Real) for v in present):
        return ["" if v is None else _short_number(v) for v in values], True
    if all(isinstance(v, str) for v in present):
        return ["" if v is None else f'"{v}"' if quoted else str(v) for v in values], False
    texts = ["" if v is None else value_text(v, class_name) for v in values]
    # A column of anything is a cell column.
    return [t and in_braces(t) for t in texts], False


def in_braces(text: str) -> str:
    """Return an element of a cell in its braces, in which a summary loses brackets of its own.

    >>> in_braces("[2×3 double]"), in_braces("{1×2 cell}"), in_braces("[1 2]"), in_braces("[]")
    ('{2×3 double}', '{1×2 cell}', '{[1 2]}', '{0×0 double}')
    """
    if text == "[]":
        return "{0×0 double}"
    summary = "×" in text and text[0] in "[{" and text.endswith(("]", " cell}"))
    return f"{{{text[1:-1] if summary else text}}}"


def _short_number(value: Any) -> str:
    text = f"{float(value):.5g}"
    return {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}.get(text, text)


def _height(values: Mapping[str, list[object]]) -> int:
    lengths = {name: len(column) for name, column in values.items()}
    if len(set(lengths.values())) > 1:
        raise DlgruValueError(
            identifier="dlgru:table:height",
            function="table",
            argument="the columns",
            came=", ".join(f"{name}: {n} rows" for name, n in lengths.items()),
            expected="columns of one length",
        )
    return next(iter(lengths.values()), 0)


def _list_text(values: Sequence[object], class_name: ClassName | None) -> str:
    if not values:
        return "{}"
    if all(isinstance(v, numbers.Number | np.bool_) for v in values):
        return _numbers_text(np.asarray(values))
    if all(isinstance(v, Mapping) for v in values):
        return f"[1×{len(values)} struct]"
    if len(values) == 1 and not isinstance(values[0], list | tuple):
        return f"{{{value_text(values[0], class_name)}}}"
    return f"{{1×{len(values)} cell}}"


def _numbers_text(data: np.ndarray[Any, Any]) -> str:
    shape = data.shape if data.ndim >= 2 else (1, data.size)
    if data.dtype.kind not in "biufc":
        return f"[{size_text(shape)} {data.dtype.name}]"
    if data.size == 1:
        return number_text(data)
    if not data.size and max(shape, default=0) <= 1:
        return "[]"
    if data.size and len(shape) == 2 and shape[0] == 1 and data.size <= LONGEST_ROW:
        return f"[{' '.join(number_text(v) for v in data.ravel())}]"
    return f"[{size_text(shape)} {_data_class(data)}]"


def _described(value: object, shape: Sequence[int], class_name: ClassName | None) -> str:
    named = class_name(value) if class_name else type(value).__name__
    labels = getattr(value, "dims", "")
    return f"{size_text(shape, labels if isinstance(labels, str) else '')} {named}"


def _data_class(data: RawArray) -> str:
    return CLASS_NAMES.get(data.dtype, str(data.dtype))
