"""The arguments of the kernels, as the structures that their sources declare.

Field for field those of ``ForwardArguments`` and its like; a test compares sizes and
offsets with the compiled ones.
"""

from __future__ import annotations

import ctypes
from typing import Any

from dlgru.backend import RawArray, as_colmajor


def _structure(
    name: str, pointers: str, longs: str, ints: str, doubles: str = ""
) -> type[ctypes.Structure]:
    kinds = (
        (pointers, ctypes.c_void_p),
        (longs, ctypes.c_longlong),
        (ints, ctypes.c_int),
        (doubles, ctypes.c_double),
    )
    fields = [(field, kind) for text, kind in kinds for field in text.split()]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


FORWARD = _structure(
    "ForwardArguments",
    "gx R b h0 inner lengths y last gates mailboxes counters",
    "R_column h0_column inner_column inner_step",
    "T B H first reversed biases gate act",
)
BACKWARD = _structure(
    "BackwardArguments",
    "dy dlast y h0 gates R lengths d opened dh0 mailboxes counters",
    "dy_column dy_step dlast_column h0_column R_column",
    "T B H first reversed gate act padding",
)
STEP = _structure(
    "StepArguments",
    "gx Rh Rn b inner before lengths after y gates opened",
    "inner_column inner_step first rows",
    "B H biases gate act padding",
)
STEP_BACK = _structure(
    "StepBackArguments",
    "dy y h0 gates open lengths D d opened",
    "dy_column dy_step h0_column",
    "T B H t reversed gate act padding",
)
ADAM = _structure(
    "AdamArguments",
    "p g m v new_p new_m new_v",
    "count",
    "",
    "beta1 rest1 beta2 rest2 step epsilon",
)

GATES = {"sigmoid": 0, "hard-sigmoid": 1}
ACTIVATIONS = {"tanh": 0, "softsign": 1, "relu": 2}


def filled(kind: type[ctypes.Structure], runtime: Any, **values: Any) -> Any:
    """Return a structure with these values: an array gives its address, None a null."""
    made = kind()
    for name, value in values.items():
        is_number = value is None or isinstance(value, int | float)
        setattr(made, name, value if is_number else runtime.address(value))
    return made


def in_columns(xp: Any, array: RawArray) -> RawArray:
    """Return the array itself if its columns run through, else a column-major copy.

    Kernels step from column to column by any distance.
    """
    if array is None or len(array) == 1 or array.strides[0] == array.itemsize:
        return array
    return as_colmajor(xp, array)


def column_step(array: RawArray, dimension: int = 1) -> int:
    """Return how many numbers lie from one column to the next, counted along a dimension."""
    if array is None or array.ndim <= dimension:
        return 0
    return int(array.strides[dimension] // array.itemsize)
