"""What the ground floor knows about DLArrays without importing them.

Subscripts, structs, cells and tables lie below the array class, yet an array may
stand in each of them.  They meet it in two ways.  An array says what it is through
two methods: ``_dlgru_raw()`` (its data, for use as a subscript or a number) and
``_dlgru_handle()`` (a fresh handle on the same value, for call by value, and for what a
container keeps).  And the file that defines the array class registers, once, how to make one.

Until it does, plain NumPy arrays take the place of DLArrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlgru.backend import RawArray, to_host


def raw_of(x: object) -> RawArray | None:
    """Return the raw data of a DLArray; None for anything else."""
    method = getattr(type(x), "_dlgru_raw", None)
    return None if method is None else method(x)


def scalar_of(x: object) -> Any:
    """Return the Python number in a one-element DLArray or ndarray; anything else as it came."""
    raw = raw_of(x)
    if raw is None and isinstance(x, np.ndarray | np.generic):
        raw = x
    if raw is not None and raw.size == 1:
        return raw.item()
    return x


def fresh(x: Any) -> Any:
    """Return a handle of its own on an array, for call by value; anything else as it came."""
    method = getattr(type(x), "_dlgru_handle", None)
    return x if method is None else method(x)


def _column_major(raw: RawArray) -> Any:
    return np.asfortranarray(raw) if isinstance(raw, np.ndarray) else raw


def _join_numbers(scalars: Sequence[Any], shape: tuple[int, ...]) -> Any:
    raws = [to_host(raw_of(x)) for x in scalars]
    return np.array([r.item() for r in raws], dtype=raws[0].dtype).reshape(shape, order="F")


_make: Callable[[RawArray], Any] = _column_major
_join: Callable[[Sequence[Any], tuple[int, ...]], Any] = _join_numbers


def register_arrays(
    make: Callable[[RawArray], Any],
    join: Callable[[Sequence[Any], tuple[int, ...]], Any],
) -> None:
    """Say how DLArrays are made.

    Parameters
    ----------
    make
        Turns a raw array into an unformatted array.
    join
        Joins one-element DLArrays, in column-major order, into an unformatted array
        of the given size; differentiable where its inputs are traced.
    """
    global _make, _join
    _make, _join = make, join


def make_array(raw: RawArray) -> Any:
    """Return `raw` as an unformatted array."""
    return _make(raw)


def join_scalars(scalars: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Return one-element DLArrays as one array of size `shape`."""
    return _join(scalars, shape)
