"""The device that is not there: arrays that behave like CuPy's on a machine without one.

They hold host memory, but nothing may know: NumPy cannot convert them, host arrays
cannot be mixed with them, results stay on the device down to one element, and every
way back to the host is counted.  What is computed is row-major, as CuPy makes it,
where NumPy would keep the order of what was given.  A test that passes here may still
fail on a GPU; one that fails here would certainly copy, stall or raise there.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from dlgru.backend import register_device_array

OPERATORS = """add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow
    matmul rmatmul and rand or ror xor rxor lt le gt ge eq ne neg pos abs invert"""
IN_PLACE = "iadd isub imul itruediv iand ior"
NUMBERS = {"bool": bool, "int": int, "index": int, "float": float, "complex": complex}
SIZE_DEPENDS_ON_DATA = {"unique", "nonzero", "flatnonzero", "argwhere"}
ONLY_ON_HOST = {"tolist", "tobytes", "tofile", "dump", "data", "ctypes"}
MADE_TO_ORDER = """empty zeros ones full empty_like zeros_like ones_like full_like array asarray
    copy asfortranarray reshape ravel .copy .astype .reshape .ravel""".split()
"""Functions that CuPy, too, lets say in which order the result lies, or keeps the one given."""


class OutOfMemoryError(MemoryError):
    """What CuPy raises when the device is full."""


class Traffic:
    """What has gone on since the last ``reset``.

    Transfers, waits, elements written, and calls that compute or write something there, which
    are one launch at least.  `room` is the number of arrays that still fit on the device, where
    that matters.
    """

    sent = fetched = waited = written = launched = 0
    room: int | None = None

    def reset(self) -> None:
        """Start counting again."""
        self.sent = self.fetched = self.waited = self.written = self.launched = 0

    def allocate(self, size: int) -> None:
        """Take memory for an array that is about to be written."""
        if self.room is not None:
            if not self.room:
                raise OutOfMemoryError(f"Out of memory allocating {8 * size:,} bytes")
            self.room -= 1
        self.written += size

    @property
    def back(self) -> int:
        """How often the host had to wait for the device, for an array or for one number."""
        return self.fetched + self.waited


TRAFFIC = Traffic()

CALLED: set[tuple[str, int, frozenset[str]]] = set()
"""Every function called so far: its name (of a method, with a dot), and how it was called."""


class FakeArray:
    """An array on the device that is not there; ``FakeArray(host)`` sends a copy."""

    __array_ufunc__ = None  # NumPy's functions refuse; its operators leave the work to ours
    __hash__ = None

    def __init__(self, host: Any) -> None:
        TRAFFIC.sent += 1
        self._host = np.array(host, order="F")
        TRAFFIC.allocate(self._host.size)

    def get(self, order: str = "C") -> Any:
        """A host copy; row-major, as CuPy's is, unless something else is asked for."""
        TRAFFIC.fetched += 1
        CALLED.add((".get", 0, frozenset(["order"])))
        return self._host.copy(order=order)

    def item(self) -> Any:
        """The one element, as a Python number."""
        TRAFFIC.waited += 1
        return self._host.item()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("silent conversion of a device array to a host array; write x.get()")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0  # kDLCUDA, the first

    def __dlpack__(self, **options: Any) -> Any:
        return FakeCapsule(self, options)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return iter([self[k] for k in range(len(self))])

    def __getitem__(self, key: Any) -> Any:
        parts = key if type(key) is tuple else (key,)
        if any(isinstance(part, FakeArray) and part._host.dtype == bool for part in parts):
            TRAFFIC.waited += 1  # how many elements a mask selects is known only then
        found = self._host[inside(key)]
        if isinstance(found, np.ndarray):  # one element is a view there, too
            TRAFFIC.launched += fresh(found, self._host)
        return on_device(row_major(found, self._host))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[inside(key)] = inside(value)
        written = self._host[inside(key)].size
        TRAFFIC.written += written
        TRAFFIC.launched += written > 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_host":
            object.__setattr__(self, name, value)
        else:
            setattr(self._host, name, inside(value))  # x.real = y
            TRAFFIC.launched += 1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ONLY_ON_HOST:
            raise AttributeError(f"a device array has no {name}")
        found = getattr(self._host, name)
        if callable(found):
            return forwarded(found, f".{name}")
        return on_device(row_major(found, self._host))  # the imaginary part of real data is new


def on_device(result: Any) -> Any:
    """A result as the device gives it: even one element stays an array there."""
    if type(result) in (tuple, list):
        return type(result)([on_device(r) for r in result])
    if not isinstance(result, np.ndarray | np.generic):
        return result
    made = FakeArray.__new__(FakeArray)
    made._host = np.asarray(result)
    if made._host.base is None:  # not a view
        TRAFFIC.allocate(made._host.size)
    return made


class FakeCapsule:
    """An array on its way to another library."""

    def __init__(self, array: FakeArray, options: dict[str, Any]) -> None:
        self.array, self.options = array, options


def inside(x: Any) -> Any:
    """What the device computes with; host arrays are refused, numbers are not."""
    if isinstance(x, np.ndarray):
        raise TypeError(f"a host array of size {x.shape} met the device; send it with asarray")
    if type(x) in (tuple, list):
        return type(x)([inside(part) for part in x])
    return x._host if isinstance(x, FakeArray) else x


def fresh(result: Any, *given: Any) -> bool:
    """Whether a result was computed or copied: it is no view of what was given."""
    if type(result) in (tuple, list):
        return any(fresh(part, *given) for part in result)
    arrays = [x for x in given if isinstance(x, np.ndarray)]
    made = isinstance(result, np.ndarray | np.generic) and result.size > 0
    return made and not any(np.may_share_memory(result, x) for x in arrays)


def row_major(result: Any, *given: Any) -> Any:
    """A result in the order in which CuPy makes all it computes; a view of what was given stays."""
    if type(result) in (tuple, list):
        return type(result)([row_major(part, *given) for part in result])
    if isinstance(result, np.ndarray) and fresh(result, *given):
        return np.asarray(result, order="C")
    return result


def launches(function: Any, name: str, args: Any, kwargs: Any, result: Any) -> bool:
    """Whether a call makes the device do something, rather than describe its memory anew."""
    if name.startswith("empty"):
        return False
    if isinstance(function, np.ufunc) or result is None or "out" in kwargs or name == "dot":
        return getattr(result, "size", 1) > 0  # nothing comes back from copyto
    return fresh(result, getattr(function, "__self__", None), *args, *kwargs.values())


def forwarded(function: Any, name: str) -> Any:
    """A function of NumPy's, for arrays on the device."""

    def call(*args: Any, **kwargs: Any) -> Any:
        CALLED.add((name, len(args), frozenset(kwargs)))
        named = {key: inside(x) for key, x in kwargs.items()}
        inner = [inside(x) for x in args]
        result = function(*inner, **named)
        TRAFFIC.launched += launches(function, name, inner, named, result)
        if name not in MADE_TO_ORDER:
            owner = getattr(function, "__self__", None)
            result = row_major(result, owner, *inner, *named.values())
        return on_device(result)

    return call


def _operator(name: str, in_place: bool) -> Any:
    method = getattr(np.ndarray, name)

    def call(self: FakeArray, *other: Any) -> Any:
        result = method(self._host, *[inside(x) for x in other])
        TRAFFIC.launched += getattr(result, "size", 0) > 0  # no array: the operator refused
        return self if in_place else on_device(row_major(result, self._host))

    return call


def _number(kind: Any) -> Any:
    return lambda self: kind(self.item())


for _name, _kind in NUMBERS.items():
    setattr(FakeArray, f"__{_name}__", _number(_kind))
for _name in (*OPERATORS.split(), *IN_PLACE.split()):
    setattr(FakeArray, f"__{_name}__", _operator(f"__{_name}__", _name in IN_PLACE.split()))


class Runtime:
    """Two devices of a make that does not exist."""

    current = 0

    def getDeviceCount(self) -> int:
        return 2

    def getDevice(self) -> int:
        return self.current

    def getDeviceProperties(self, number: int) -> dict[str, Any]:
        return {
            "name": f"Fake {number}".encode(),
            "major": 9,
            "minor": 0,
            "multiProcessorCount": 132,
            "maxThreadsPerBlock": 1024,
            "sharedMemPerBlock": 49152,
            "warpSize": 32,
        }

    def memGetInfo(self) -> tuple[int, int]:
        return 5000, 8000

    def driverGetVersion(self) -> int:
        return 13010

    def runtimeGetVersion(self) -> int:
        return 12090


class Cuda:
    """What of ``cupy.cuda`` is asked about a device."""

    runtime = Runtime()

    def Device(self, number: int) -> Any:
        return SimpleNamespace(use=lambda: setattr(self.runtime, "current", number))


class Library:
    """What ``cupy`` is to CuPy's arrays: NumPy's functions, on the device."""

    ndarray = FakeArray
    cuda = Cuda()

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        TRAFFIC.waited += name in SIZE_DEPENDS_ON_DATA
        return found if isinstance(found, type) or not callable(found) else forwarded(found, name)

    def get_default_memory_pool(self) -> Any:
        return SimpleNamespace(free_bytes=lambda: 700, free_all_blocks=lambda: None)

    def from_dlpack(self, x: Any) -> Any:
        """The same memory as an array of this library."""
        return on_device(x.__dlpack__().array._host)

    def asarray(self, x: Any, dtype: Any = None, order: Any = None) -> Any:
        """Send a host array or numbers; device arrays stay where they are."""
        CALLED.add(("asarray", 1 + (dtype is not None), frozenset(["order"] * bool(order))))
        if isinstance(x, FakeArray):
            made = np.asarray(x._host, dtype=dtype, order=order)
            TRAFFIC.launched += fresh(made, x._host)
            return on_device(made)
        TRAFFIC.sent += 1
        return on_device(np.array(x, dtype=dtype, order=order or "C"))


LIBRARY = Library()
register_device_array(FakeArray, LIBRARY)
