"""Subscripts as operations: reading, assigning, growing and deleting, differentiably.

Loops that fill an array step by step, or read one, must cost linear time, forward
and backward.  Three things make it so.

*   An array that is being assigned to keeps its buffer open (``array.py``); each
    assignment writes into it and records only the value that came.
*   The gradient of a read is a :class:`Patches`: the place and what to add there.
    Thousands of them are gathered in a list and added into one array at the end.
*   Going back through an assignment takes the gradient of the array, cuts out the
    part that was assigned and passes *the same buffer* on, now owned by the pass.

When the backward pass itself is recorded, everything is done by ordinary operations
instead, and nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish, recording_tape
from dlgru.backend import colmajor, result_dtype, xp_of
from dlgru.convert import as_double, is_number, to_value
from dlgru.indexing import Selection, delete, match_value, read, write
from dlgru.op import OPS, primitive
from dlgru.ops.classes import as_logical, astype
from dlgru.ops.compare import select
from dlgru.ops.reduction import sum
from dlgru.parentheses import brackets_after_m
from dlgru.places import memory_of, mixed, operands
from dlgru.selecting import apply_add, apply_read, apply_write, grow, survivors
from dlgru.tape import Tape, next_id

# -- reading ---------------------------------------------------------------------------


@primitive("index")
def index(x: Any, selection: Selection) -> Any:
    return apply_read(xp_of(x), x, selection)


@index.vjp
def _(y: Value, x: Value, selection: Selection) -> Any:
    shape, dtype, xp = x.data.shape, x.data.dtype, xp_of(x.data)
    return lambda g: Patches(shape, dtype, xp, [(selection, g)])


@index.cases
def _(r: Any) -> Any:
    yield r(3, 4), (slice(None), 1)
    yield r(3, 4), ([0, 2, 2], slice(0, 3))
    yield r(3, 4, fmt="CB"), (slice(None), [3, 1])


@index.door
def _index(X: Any, key: Any) -> DLArray:
    """``X[key]`` as a function."""
    return _getitem(X, key)


class Patches:
    """A gradient under accumulation: parts to be added at places of an array.

    `dense` is an ordinary gradient that came too; `buffer` is an array this object
    owns and may change in place.
    """

    __slots__ = ("buffer", "dense", "dtype", "parts", "shape", "xp")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        xp: Any,
        parts: list[tuple[Selection, Value]],
        buffer: Any = None,
    ) -> None:
        self.shape, self.dtype, self.xp = shape, dtype, xp
        self.parts = parts
        self.dense: Value | None = None
        self.buffer = buffer

    def join(self, other: Value | Patches) -> Patches:
        """Add another gradient of the same array."""
        if type(other) is Value:
            if self.buffer is not None:
                self.buffer += other.data
            else:
                self.dense = other if self.dense is None else self.dense + other
            return self
        assert isinstance(other, Patches)
        self.parts.extend(other.parts)
        if other.dense is not None:
            self.join(other.dense)
        if other.buffer is not None:
            self.join(Value(other.buffer))
        return self

    def settle(self) -> Value:
        """The gradient as a Value."""
        if self.buffer is not None:
            return Value(self.own())
        selections = tuple([s for s, _ in self.parts])
        like = self.xp.empty((0,), dtype=self.dtype)
        total: Value = scatter.op.on_values(
            *[g for _, g in self.parts], selections=selections, shape=self.shape, like=like
        )
        return total if self.dense is None else self.dense + total

    def own(self) -> Any:
        """The gradient as a raw array that may be changed in place."""
        if self.buffer is None:
            self.buffer = colmajor(self.xp, self.shape, self.dtype)
            self.buffer[...] = 0 if self.dense is None else self.dense.data
            self.dense = None
        for selection, g in self.parts:
            apply_add(self.xp, self.buffer, selection, g.data)
        self.parts = []
        return self.buffer


@primitive("scatter")
def scatter(
    *parts: Any, selections: tuple[Selection, ...], shape: tuple[int, ...], like: Any
) -> Any:
    """Add each part at its selection of zeros."""
    xp = xp_of(like)
    out = colmajor(xp, shape, like.dtype)
    out[...] = 0
    for selection, part in zip(selections, parts, strict=True):
        apply_add(xp, out, selection, part)
    return out


class _ScatterPull:
    __slots__ = ("selections",)

    def __init__(self, selections: tuple[Selection, ...]) -> None:
        self.selections = selections

    def pull(
        self, gradients: Sequence[Value], needs: Sequence[bool], tape: Tape
    ) -> list[Value | None]:
        return [
            index.op.on_values(gradients[0], selection=s) if need else None
            for s, need in zip(self.selections, needs, strict=True)
        ]


@scatter.vjp
def _(y: Value, *parts: Value, selections: Any, shape: Any, like: Any) -> Any:
    return _ScatterPull(selections)


@scatter.cases
def _(r: Any) -> Any:
    chosen = (read((slice(None), [0, 0]), (2, 3)), read((slice(None), 2), (2, 3)))
    yield r(2, 2), r(2, 1), {"selections": chosen, "shape": (2, 3), "like": np.empty(0)}


@scatter.door
def _scatter(*parts: Any, selections: Any, shape: Any, like: Any) -> DLArray:
    """Sum of parts at places of a zero array (unformatted arrays)."""
    values = [to_value(p, "scatter") for p in parts]
    if parts and xp_of(values[0].data) is not np:
        like = xp_of(values[0].data).empty((0,), dtype=values[0].dtype)
    elif parts:
        like = np.empty(0, dtype=values[0].dtype)
    return finish(scatter.op.on_values(*values, selections=selections, shape=shape, like=like))


# -- assigning -------------------------------------------------------------------------


@primitive("cleared")
def cleared(x: Any, selection: Selection) -> Any:
    """A copy with zeros at the selection."""
    out = colmajor(xp_of(x), x.shape, x.dtype)
    out[...] = x
    apply_write(xp_of(x), out, selection, 0)
    return out


@cleared.vjp
def _(y: Value, x: Value, selection: Selection) -> Any:
    return lambda g: cleared(g, selection)


@cleared.cases
def _(r: Any) -> Any:
    yield r(3, 4), read((slice(None), 1), (3, 4))


@cleared.door
def _cleared(X: Any, selection: Any) -> DLArray:
    """Zeros at a selection (unformatted arrays)."""
    return finish(cleared.op.on_values(to_value(X, "cleared"), selection))


@primitive("grown")
def grown(x: Any, shape: tuple[int, ...]) -> Any:
    return grow(xp_of(x), x, shape)


@grown.vjp
def _(y: Value, x: Value, shape: tuple[int, ...]) -> Any:
    source = x.shape
    padded = source + (1,) * (len(shape) - len(source))
    corner = read(tuple([slice(0, n) for n in padded]), shape)
    return lambda g: index.op.on_values(g, selection=corner).reshape(source)


@grown.cases
def _(r: Any) -> Any:
    yield r(2, 2), (3, 2)
    yield r(2, 2), (2, 2, 2)


@grown.door
def _grown(X: Any, shape: Any) -> DLArray:
    """An array grown with zeros (unformatted arrays)."""
    return finish(grown.op.on_values(to_value(X, "grown"), tuple(shape)))


class AssignPull:
    """Gradients of an array and of the value that was assigned into it."""

    __slots__ = ("dtype", "selection", "single_value", "value_dtype", "value_shape")
    takes_accumulated = True

    def __init__(self, selection: Selection, dtype: Any, value: Any) -> None:
        self.selection, self.dtype = selection, dtype
        self.value_shape = value.data.shape if type(value) is Value else ()
        self.value_dtype = value.data.dtype if type(value) is Value else None
        self.single_value = type(value) is not Value or value.data.size == 1

    def pull(self, gradients: Sequence[Any], needs: Sequence[bool], tape: Tape) -> list[Any]:
        (g,) = gradients
        if tape.entries is not None:
            g = g.settle() if type(g) is Patches else g
            old = cleared(g, self.selection) if needs[0] else None
            part = index.op.on_values(g, selection=self.selection) if needs[1] else None
        else:
            if type(g) is Value:
                xp = xp_of(g.data)
                buffer = colmajor(xp, g.data.shape, g.data.dtype)
                buffer[...] = g.data
                g = Patches(g.data.shape, g.data.dtype, xp, [], buffer)
            buffer = g.own()
            part = Value(apply_read(g.xp, buffer, self.selection)) if needs[1] else None
            apply_write(g.xp, buffer, self.selection, 0)
            old = g if needs[0] else None
        if old is not None and type(old) is Value and old.data.dtype != self.dtype:
            old = astype(old, self.dtype)
        return [old, None if part is None else self._as_value(part)]

    def _as_value(self, part: Any) -> Any:
        if self.value_dtype == backend.logical:
            return None
        stays = survivors(self.selection)
        if stays is not None:
            # Of several values for one element only the last one is there.
            part = select(Value(xp_of(part.data).asarray(stays, order="F")), part, 0.0)
        if self.single_value and part.data.size != 1:
            part = sum(part, tuple(range(part.data.ndim)))
        part = part.reshape(self.value_shape)
        return part if part.data.dtype == self.value_dtype else astype(part, self.value_dtype)


def _assign(self: DLArray, key: Any, new: Any, matlab: bool) -> None:
    door = "X.m[...] = value" if matlab else "X[...] = value"
    value: Any = as_double(new, door, "value") if type(new) in (int, float, bool) else None
    if value is None:
        value = to_value(new, door, "value")
    # Read the value first: it may be this very array.
    current = self._value or self._writing
    assert current is not None
    if current.data.dtype == backend.logical and not (type(value) is Value and value.traced):
        checked = as_logical(to_value(value, door, "value"), door, "value")
        # A number stays one: as an array it would be one launch more on a device.
        value = checked if type(value) is Value else bool(checked.data.item())
    value_shape = value.data.shape if type(value) is Value else (1, 1)
    selection = write(key, current.data.shape, matlab, value_shape)
    match_value(selection, value_shape, door)

    dtype = _class_after(current.data.dtype, new, value)
    with memory_of(door):  # until the last line of this block self is as it was
        if type(value) is Value and type(value.data) is not type(current.data):
            value = _beside(current, value, door)
        if self._writing is None or selection.grown is not None or dtype != current.data.dtype:
            current = _opened(current, selection, dtype)
        raw = value.data if type(value) is Value else value
        apply_write(xp_of(current.data), current.data, selection, raw)
    if self._labels and current.data.ndim > len(self._labels):
        self._labels += "U" * (current.data.ndim - len(self._labels))
    tape = recording_tape((current, value))
    if tape is None:
        written = Value(current.data, current.tape, current.id)
    else:
        written = Value(current.data, tape, next_id())
        read_ids = (
            current.id if current.tape is tape else 0,
            value.id if type(value) is Value and value.tape is tape else 0,
        )
        tape.append(written.id, read_ids, AssignPull(selection, current.data.dtype, value))
    self._value = None
    self._writing = written


def _beside(current: Value, value: Value, door: str) -> Value:
    """The value where the array is: an element from the host goes to the device, no more."""
    if not backend.is_device_array(current.data) or value.data.size != 1:
        raise mixed(door, operands(("X", "value"), (current, value)))
    moved: Value = OPS["gpuArray"].on_values(value, xp=xp_of(current.data))
    return moved


def _class_after(dtype: Any, new: Any, value: Any) -> Any:
    """Class of an array after an assignment: any single gives single, else double.

    A logical array stays one, but for traced values, whose trace would end there.
    """
    if type(value) is not Value:
        return dtype
    other = value.data.dtype
    if is_number(new) and not isinstance(new, complex):
        other = backend.logical if type(new) is bool else dtype
    return dtype if dtype == other else result_dtype(dtype, other)


def _opened(current: Value, selection: Selection, dtype: Any) -> Value:
    """A Value with a buffer of its own, of the size and class the assignment needs."""
    if selection.grown is not None:
        current = grown.op.on_values(current, shape=selection.grown)
    if current.data.dtype != dtype:
        current = astype.op.on_values(current, dtype=dtype)
    buffer = colmajor(xp_of(current.data), current.data.shape, dtype)
    buffer[...] = current.data
    return Value(buffer, current.tape, current.id)


# -- the doors -------------------------------------------------------------------------


def _read(self: DLArray, key: Any, matlab: bool) -> DLArray:
    value = self._value or self._writing
    assert value is not None
    selection = read(key, value.data.shape, matlab)
    labels = self._labels if selection.keeps_format else ""
    if labels and len(selection.shape) > len(labels):
        labels += "U" * (len(selection.shape) - len(labels))
    return finish(index.op.on_values(value, selection=selection), labels)


def _delete(self: DLArray, key: Any, matlab: bool) -> None:
    value = self._value or self._settle()
    selection = delete(key, value.data.shape, matlab)
    kept = finish(
        index.op.on_values(value, selection=selection),
        self._labels if selection.keeps_format else "",
    )
    self._value, self._labels = kept._value, kept._labels


def _getitem(self: DLArray, key: Any) -> DLArray:
    return _read(self, key, False)


class Parentheses:
    """MATLAB's parentheses, as ``X.m[...]``: counted from 1, both ends included, with ``end``."""

    __slots__ = ("array",)
    __call__ = brackets_after_m

    def __init__(self, array: DLArray) -> None:
        self.array = array

    def __getitem__(self, key: Any) -> DLArray:
        return _read(self.array, key, True)

    def __setitem__(self, key: Any, value: Any) -> None:
        _assign(self.array, key, value, True)

    def __delitem__(self, key: Any) -> None:
        _delete(self.array, key, True)


DLArray.__getitem__ = _getitem  # type: ignore[method-assign]
DLArray.__setitem__ = lambda self, key, value: _assign(self, key, value, False)  # type: ignore[method-assign]
DLArray.__delitem__ = lambda self, key: _delete(self, key, False)  # type: ignore[method-assign]
DLArray.m = property(Parentheses)  # type: ignore[assignment]
