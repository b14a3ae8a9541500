"""``cellfun`` and ``arrayfun``: call a function for each element and gather the outputs.

As in MATLAB the outputs are gathered into an array unless ``UniformOutput`` is false,
then into a cell.  ``nargout`` is handed on to the function.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Annotated, Any

import numpy as np

from dlgru.arrayhook import join_scalars, make_array, raw_of
from dlgru.backend import double, result_dtype
from dlgru.calls import any_spelling
from dlgru.cells import Cell
from dlgru.convert import rectangle
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.indexing import Shape
from dlgru.mfunction import call_with_nargout
from dlgru.namevalue import Flag
from dlgru.parentheses import is_function
from dlgru.structs import Struct
from dlgru.subscript import trimmed


@any_spelling
def cellfun(
    fun: Callable[..., Any],
    *cells: Any,
    UniformOutput: Annotated[bool, Flag()] = True,
    ErrorHandler: Callable[..., Any] | None = None,
    nargout: int | None = None,
) -> Any:
    """Apply a function to each element of cells.

    Parameters
    ----------
    fun : callable
        Called with one element of each cell.
    *cells
        Cells (lists) of one size.
    UniformOutput : bool, default True
        Gather the outputs into an array; each must be one number or logical.  False
        gathers them into a cell.
    ErrorHandler : callable, optional
        Called in place of a `fun` that raised, with a struct (identifier, message,
        index) and the same elements.
    nargout : int, optional
        How many outputs to ask `fun` for.  One by default; several come as a tuple.

    Returns
    -------
    DLArray, Cell or tuple of these
        With the size of the cells.

    Raises
    ------
    DlgruValueError
        If the cells differ in size, or an output is not uniform.

    Examples
    --------
    >>> from dlgru.mapping import cellfun
    >>> list(cellfun(str.upper, ["a", "b"], UniformOutput=False))
    ['A', 'B']
    """
    lists = []
    for k, c in enumerate(cells):
        if not isinstance(c, list | tuple):
            raise DlgruTypeError(
                identifier="dlgru:cellfun:class",
                function="cellfun",
                argument=f"input {k + 2}",
                came=f"of class {type(c).__name__}",
                expected="a cell",
                fix="for arrays use arrayfun",
            )
        lists.append((list(c), c.shape if isinstance(c, Cell) else _row(len(c))))
    return _mapped("cellfun", fun, lists, UniformOutput, ErrorHandler, nargout)


@any_spelling
def arrayfun(
    fun: Callable[..., Any],
    *arrays: Any,
    UniformOutput: Annotated[bool, Flag()] = True,
    ErrorHandler: Callable[..., Any] | None = None,
    nargout: int | None = None,
) -> Any:
    """Apply a function to each element of arrays.

    Parameters
    ----------
    fun : callable
        Called with one element of each array: a 1×1 array out of a DLArray, a number
        out of a list of numbers, a range or an ndarray, a struct out of a list of structs.
    *arrays
        Arrays of one size.
    UniformOutput, ErrorHandler, nargout
        As for ``cellfun``.

    Returns
    -------
    DLArray, Cell or tuple of these
        With the size of the arrays.

    Examples
    --------
    >>> from dlgru.mapping import arrayfun
    >>> list(arrayfun(lambda k: "x" * k, range(1, 4), "UniformOutput", False))
    ['x', 'xx', 'xxx']
    """
    inputs = [_elements(a, k) for k, a in enumerate(arrays)]
    return _mapped("arrayfun", fun, inputs, UniformOutput, ErrorHandler, nargout)


def _row(n: int) -> Shape:
    return (1, n) if n else (0, 0)


def _elements(a: Any, k: int) -> tuple[list[Any], Shape]:
    """The elements of an array column by column, and its size."""
    raw = raw_of(a)
    if raw is not None:
        return [a[i] for i in range(prod(raw.shape))], trimmed(raw.shape)
    if isinstance(a, Cell):
        return list(a), a.shape
    if isinstance(a, list | tuple) and not all(isinstance(x, list | tuple) for x in a):
        return list(a), _row(len(a))
    if isinstance(a, range):
        return list(a), (1, len(a))
    if isinstance(a, Struct | int | float | complex):
        return [a], (1, 1)
    if isinstance(a, list | tuple | np.ndarray | np.generic):
        given = isinstance(a, np.ndarray)
        data: Any = a if given else rectangle(a, "arrayfun", f"input {k + 2}")
        shape = data.shape if data.ndim > 1 else (1, data.size) if given else _row(data.size)
        return data.reshape(-1, order="F").tolist(), trimmed(shape)
    raise DlgruTypeError(
        identifier="dlgru:arrayfun:class",
        function="arrayfun",
        argument=f"input {k + 2}",
        came=f"of class {type(a).__name__}",
        expected="an array",
    )


def _mapped(
    name: str,
    fun: Any,
    inputs: list[tuple[list[Any], Shape]],
    uniform: bool,
    error_handler: Callable[..., Any] | None,
    nargout: int | None,
) -> Any:
    if not is_function(fun) or not inputs:
        raise DlgruTypeError(
            identifier=f"dlgru:{name}:arguments",
            function=name,
            argument="fun" if inputs else "the inputs",
            came="missing" if not inputs else f"of class {type(fun).__name__}",
            expected="at least one" if not inputs else "a function",
        )
    shape = inputs[0][1]
    for k, (_, other) in enumerate(inputs):
        if other != shape:
            raise DlgruValueError(
                "All inputs have one size",
                identifier=f"dlgru:{name}:size",
                function=name,
                argument=f"input {k + 2}",
                came=size_text(other),
                expected=f"{size_text(shape)}, as input 2",
            )
    wanted = 1 if nargout is None else nargout
    rows: list[tuple[Any, ...]] = []
    for k, elements in enumerate(zip(*[items for items, _ in inputs], strict=True)):
        try:
            result = call_with_nargout(fun, wanted, *elements)
        except Exception as error:
            if error_handler is None:
                raise
            result = call_with_nargout(error_handler, wanted, _report(error, k), *elements)
        rows.append(result if wanted > 1 else (result,))
    if wanted == 0 or (nargout is None and rows and all(row[0] is None for row in rows)):
        return None
    outputs = []
    for j in range(wanted):
        column = [row[j] for row in rows]
        outputs.append(_gathered(column, shape, name, j) if uniform else Cell(column, shape))
    return outputs[0] if wanted == 1 else tuple(outputs)


def _report(error: Exception, k: int) -> Struct:
    return Struct(
        identifier=getattr(error, "identifier", ""), message=str(error), index=float(k + 1)
    )


def _gathered(values: list[Any], shape: Shape, name: str, j: int) -> Any:
    """One output of all calls as an array."""
    kinds = [_kind(x) for x in values]
    for k, kind in enumerate(kinds):
        if not kind:
            raise DlgruValueError(
                f"Non-scalar in Uniform output, at index {k + 1}, output {j + 1}. "
                "Set 'UniformOutput' to false",
                identifier=f"dlgru:{name}:notUniform",
                function=name,
                argument=f"output {j + 1}",
                came=_described(values[k]),
                expected="one number or logical",
            )
        if kind != kinds[0]:
            raise DlgruValueError(
                f"Mismatch at index {k + 1} in output {j + 1}",
                identifier=f"dlgru:{name}:mismatch",
                function=name,
                argument=f"output {j + 1}",
                came=kind,
                expected=f"{kinds[0]}, as at index 1",
            )
    if any(raw_of(x) is not None for x in values):
        arrays = [x if raw_of(x) is not None else make_array(np.array([[x]])) for x in values]
        return join_scalars(arrays, shape)
    numbers = [x.item() if isinstance(x, np.ndarray | np.generic) else x for x in values]
    if kinds and kinds[0] == "logical":
        dtype = np.dtype(np.bool_)
    else:
        dtypes = [np.dtype(type(x)) if type(x) is complex else double for x in numbers]
        strong = [x.dtype for x in values if isinstance(x, np.ndarray | np.generic)]
        dtype = result_dtype(*dtypes, *strong)
    return make_array(np.array(numbers, dtype).reshape(shape, order="F"))


def _kind(x: Any) -> str:
    """``"logical"`` or ``"number"`` for what goes into an array, else nothing."""
    raw = raw_of(x)
    if raw is None and isinstance(x, np.ndarray | np.generic):
        raw = x
    if raw is not None:
        if raw.size != 1 or raw.dtype.kind not in "biufc":
            return ""
        return "logical" if raw.dtype.kind == "b" else "number"
    if isinstance(x, bool):
        return "logical"
    return "number" if isinstance(x, int | float | complex) else ""


def _described(x: Any) -> str:
    shape = getattr(x, "shape", None) if not isinstance(x, dict) else None
    if shape is not None:
        return f"a {size_text(shape)} array"
    return "missing" if x is None else f"of class {type(x).__name__}"
