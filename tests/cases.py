"""Inputs for operations: the maker that ``.cases`` generators call, and the devices they run on.

A case is what a generator yields: a tuple of positional arguments, the last of which
may be a dictionary of options.  Its arrays are made once, in double precision on the
host, from a seed that depends on the operation's name alone; the tests then move them
to a device or another class.
"""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from fakedevice import LIBRARY, FakeArray

import dlgru.ops
from dlgru.array import DLArray, Value, wrap
from dlgru.devicelibrary import register_device_library
from dlgru.op import OPS, Operation
from dlgru.ops.format import dlarray

for _module in pkgutil.iter_modules(dlgru.ops.__path__):
    importlib.import_module(f"dlgru.ops.{_module.name}")


class Cases:
    """Makes seeded arrays: ``r(3, 2, fmt="CB", kind="positive")``; one size n alone is a row 1×n.

    Kinds: "normal"; "positive" and "nonzero" stay at least 0.3 away from zero;
    "probability" lies between 0.1 and 0.9; "zeros" holds some exact zeros; "complex"
    and "logical" are what they say.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.constants: list[DLArray] = []

    def __call__(self, *shape: int, fmt: str = "", kind: str = "normal") -> DLArray:
        size = shape if len(shape) > 1 else (1, *shape)
        made: Callable[[], Any] = {
            "normal": lambda: self.random.standard_normal(size),
            "positive": lambda: self.random.uniform(0.3, 2.0, size),
            "nonzero": lambda: self.random.uniform(0.3, 2.0, size) * self._signs(size),
            "probability": lambda: self.random.uniform(0.1, 0.9, size),
            "complex": lambda: self._complex(size),
            "logical": lambda: self.random.random(size) < 0.5,
            "zeros": lambda: self._with_zeros(size),
        }[kind]
        return dlarray(made(), fmt or None)

    def constant(self, numbers: Any, fmt: str = "") -> DLArray:
        """An array of given numbers, in which no derivative is taken."""
        made = dlarray(np.array(numbers, dtype=float), fmt or None)
        self.constants.append(made)
        return made

    def _signs(self, size: tuple[int, ...]) -> Any:
        return np.where(self.random.random(size) < 0.5, -1.0, 1.0)

    def _complex(self, size: tuple[int, ...]) -> Any:
        modulus = self.random.uniform(0.3, 2.0, size)
        return modulus * np.exp(1j * self.random.uniform(-3.0, 3.0, size))

    def _with_zeros(self, size: tuple[int, ...]) -> Any:
        made = self.random.uniform(0.3, 2.0, size)
        place = np.arange(made.size).reshape(size, order="F")
        return np.where(place % 3 == 1, 0.0, made)


class Case(NamedTuple):
    """One call of an operation; `variables` says where the arrays to differentiate by stand."""

    op: Operation
    args: tuple[Any, ...]
    options: dict[str, Any]
    variables: tuple[int, ...]

    def with_arrays(self, change: Callable[[Any], Any]) -> Case:
        """The same call with every array, DLArray or ndarray, put through `change`."""

        def leaf(x: Any) -> Any:
            if type(x) is DLArray:
                return wrap(Value(change(x.value.data)), x.dims)
            return change(x) if isinstance(x, np.ndarray) else x

        args = tuple([leaf(x) for x in self.args])
        return self._replace(args=args, options={k: leaf(x) for k, x in self.options.items()})

    def at(self, variables: Any) -> tuple[Any, ...]:
        """The arguments with other arrays in the places of the variables."""
        args = list(self.args)
        for place, x in zip(self.variables, variables, strict=True):
            args[place] = x
        return tuple(args)

    def values(self) -> list[DLArray]:
        """The arrays to differentiate by."""
        return [self.args[k] for k in self.variables]


def cases_of(op: Operation) -> Iterator[Case]:
    """Every case of an operation."""
    assert op.case_maker is not None, f"{op.name} has no cases"
    r = Cases(zlib.crc32(op.name.encode()))
    for row in op.case_maker(r):
        *args, options = row if isinstance(row[-1], dict) else (*row, {})
        variables = [
            k
            for k, x in enumerate(args)
            if type(x) is DLArray
            and x.dtype.kind in "fc"
            and not any(x is constant for constant in r.constants)
        ]
        yield Case(op, tuple(args), options, tuple(variables))


def _devices() -> dict[str, Callable[[Any], Any]]:
    found: dict[str, Callable[[Any], Any]] = {"numpy": lambda host: host, "fake": FakeArray}
    try:
        cupy = importlib.import_module("cupy")
        if cupy.cuda.runtime.getDeviceCount():
            found["cupy"] = lambda host: cupy.asarray(host, order="F")
    except Exception:  # no CuPy, or no driver: whatever it is, there is no device to test
        pass
    if "cupy" not in found:
        register_device_library(LIBRARY)  # gpuArray goes to the device that is not there
    return found


DEVICES = _devices()
"""How a host array gets onto each device that is there."""

ALL_CASES = {f"{name}-{k}": case for name, op in OPS.items() for k, case in enumerate(cases_of(op))}
"""Every case of every operation, by a name for the test report."""
