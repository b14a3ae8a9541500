"""Operands in two places, and a device that is full: the errors, and the scalars that move.

Host and device data do not mix: a transfer that nobody wrote would be the slowest step of
most loops.  Only a single element on the host goes along with device data, as a number does.

An operation finds out when its forward fails or when it has a result on the device, so
host data pay nothing for the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlgru.array import DLArray, Value
from dlgru.backend import is_device_array, xp_of
from dlgru.convert import labels_of
from dlgru.errors import DlgruError, DlgruMemoryError, DlgruTypeError, listing
from dlgru.labels import describe

Mover = Callable[..., Value]
"""Takes a Value and an array library to a Value of that library, recorded where traced."""


class Operand(NamedTuple):
    """An array among the arguments of a call."""

    name: str
    data: Any
    labels: str

    @property
    def on_device(self) -> bool:
        """True for data on a device."""
        return is_device_array(self.data)


def operands(names: Sequence[str], arguments: Iterable[Any]) -> list[Operand]:
    """The arrays among arguments; those beyond the names are counted."""
    found = []
    for k, x in enumerate(arguments):
        kind = type(x)
        data = x._peek().data if kind is DLArray else x.data if kind is Value else x
        if isinstance(data, np.ndarray) or is_device_array(data):
            name = names[k] if k < len(names) else f"input {k + 1}"
            found.append(Operand(name, data, labels_of(x)))
    return found


def require_one_place(function: str, names: Sequence[str], arguments: Iterable[Any]) -> None:
    """Raise if some arrays are on the host and others on the device."""
    found = operands(names, arguments)
    if len({x.on_device for x in found}) > 1:
        raise mixed(function, found)


def mixed(function: str, found: Sequence[Operand]) -> DlgruTypeError:
    """The error for operands of which some are on the host, others on the device."""
    here = [x for x in found if not x.on_device]
    there = [x for x in found if x.on_device]
    strange = [x for x in here if x.data.size != 1] or here
    names, sizes = [x.name for x in strange], [describe(x.labels, x.data.shape) for x in strange]
    moves = " and ".join(f"gpuArray({name})" for name in names)
    return DlgruTypeError(
        "Host and GPU data do not mix",
        identifier=f"dlgru:{function}:device",
        function=function,
        argument=" and ".join(names),
        came=f"in host memory ({', '.join(sizes)})",
        expected=f"on the GPU, like {_plainly([x.name for x in there])}",
        fix=f"write {moves}, or gather(...) to compute on the host",
    )


def _plainly(names: Sequence[str]) -> str:
    return listing(names, "and").replace('"', "")


def together(
    function: str,
    names: Sequence[str],
    inputs: tuple[Any, ...],
    problem: Exception | None,
    move: Mover,
) -> tuple[Any, ...] | None:
    """Inputs brought to one place, or None where that was not what went wrong.

    Parameters
    ----------
    function, names
        The operation and its parameters, for messages.
    inputs
        Values, raw arrays, numbers.
    problem
        What the forward raised; None if it gave a result on the device.
    move
        Brings a Value to the device.

    Raises
    ------
    DlgruTypeError
        If an input of several elements is on the host, another on the device.
    DlgruMemoryError
        If the device ran out of memory.
    """
    if isinstance(problem, DlgruError):
        return None
    if problem is not None and is_full(problem):
        raise_out_of_memory(function, problem)
        return None
    found = operands(names, inputs)
    library = next((xp_of(x.data) for x in found if x.on_device), None)
    if library is None or all(x.on_device for x in found):
        return None
    if any(x.data.size != 1 for x in found if not x.on_device):
        raise mixed(function, found) from None
    moved = []
    for x in inputs:
        if type(x) is Value and type(x.data) is np.ndarray:
            x = move(x, xp=library)
        elif isinstance(x, np.ndarray):
            x = library.full(x.shape, x.item(), dtype=x.dtype)
        moved.append(x)
    return tuple(moved)


FULL = ("cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED")
"""How CUDA's runtime, its driver and cuBLAS say that the device is full."""


def is_full(problem: BaseException) -> bool:
    """True for an error that says there is no memory left."""
    if isinstance(problem, MemoryError):
        return True
    theirs = type(problem).__module__.startswith("cupy")
    return theirs and any(word in str(problem) for word in FULL)


def raise_out_of_memory(function: str, problem: BaseException) -> None:
    """Raise ours where the device has no memory left, in the name of `function`.

    Returns where it is the host's memory, whose error is left as it is.
    """
    if isinstance(problem, DlgruMemoryError):
        came = problem.came
    elif type(problem).__module__.partition(".")[0] in ("builtins", "numpy"):
        return
    else:
        came = f'"{problem}"'
    raise DlgruMemoryError(
        "The GPU is out of memory",
        identifier=f"dlgru:{function}:memory",
        function=function,
        argument="the library's message",
        came=came,
        fix="use a smaller mini-batch or shorter sequences, or delete arrays that are no longer "
        "needed; nothing was changed",
    ) from (problem.__cause__ or problem)


class memory_of:  # noqa: N801 - reads as a word: with memory_of("adamupdate"):
    """A block whose device may run out of memory: the error then names `function`."""

    __slots__ = ("function",)

    def __init__(self, function: str) -> None:
        self.function = function

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, problem: BaseException | None, trace: Any) -> None:
        if problem is not None and is_full(problem):
            raise_out_of_memory(self.function, problem)
