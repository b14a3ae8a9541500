"""A user's function as ``checkgrad`` sees it: one number of several arrays.

Whatever the function takes and returns, what is compared is a number that depends on a
list of double arrays: the outputs are multiplied by fixed random weights and summed,
and the floating DLArrays among the arguments, at any depth, are the list.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray
from dlgru.autodiff import dlfeval, dlgradient
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, listing
from dlgru.ops.classes import real
from dlgru.ops.format import dlarray, extractdata, stripdims
from dlgru.ops.reduction import sum
from dlgru.ops.sizes import whole
from dlgru.parentheses import is_function
from dlgru.tree import leaves, rules_of, tree_map


class Variable:
    """One array to differentiate by, and where it stands among all."""

    def __init__(self, name: str, place: int, data: np.ndarray[Any, Any], blocks: int) -> None:
        self.name, self.place, self.data, self.blocks = name, place, data, blocks

    def parts(self) -> Iterator[tuple[str, slice]]:
        """The blocks of rows to be checked on their own."""
        height = self.data.shape[0]
        if self.blocks == 1:
            yield "", slice(None)
            return
        step = height // self.blocks
        for k in range(self.blocks):
            yield f"{k * step + 1}:{(k + 1) * step}", slice(k * step, (k + 1) * step)


class Problem:
    """A user's function, its arguments, and the weights that make one number of its outputs."""

    def __init__(
        self,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        blocks: Any,
        random: np.random.Generator,
    ) -> None:
        if not is_function(fun):
            raise DlgruTypeError(
                identifier="dlgru:checkgrad:function",
                function="checkgrad",
                argument="fun",
                came=a_kind(fun),
                expected="a function",
            )
        self.fun, self.args, self.random = fun, args, random
        self.weights: list[Any] = []
        self.variables = _variables(fun, args, blocks)
        self.directions = [self._normal(v.data) for v in self.variables]
        first, again = self.value(self.start()), self.value(self.start())
        if first != again and not (np.isnan(first) and np.isnan(again)):
            raise DlgruValueError(
                "The function gives other values the second time",
                identifier="dlgru:checkgrad:random",
                function="checkgrad",
                argument="fun",
                came="random, or one that changes something outside",
                expected="a function of its arguments",
                fix="draw random numbers outside and hand them in",
            )

    def start(self) -> list[np.ndarray[Any, Any]]:
        """The variables as they were given."""
        return [v.data for v in self.variables]

    def value(self, data: Sequence[Any]) -> Any:
        """The number that stands for all outputs: complex if they are."""
        return self._number(lambda *args: self._projected(self.fun(*args)), data)

    def slope(self, data: Sequence[Any]) -> Any:
        """The gradient along the random directions."""
        return self._number(self._slope, data)

    def gradient(self) -> list[np.ndarray[Any, Any]]:
        """Gradients of ``value`` by all variables."""
        return self._gradient(lambda *args: self._projected(self.fun(*args)))

    def second_gradient(self) -> list[np.ndarray[Any, Any]]:
        """Gradients of ``slope`` by all variables."""
        return self._gradient(self._slope)

    def _normal(self, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        drawn: np.ndarray[Any, Any] = self.random.standard_normal(like.shape)
        if like.dtype == backend.complex_double:
            drawn = drawn + 1j * self.random.standard_normal(like.shape)
        return drawn

    def _arguments(self, data: Sequence[Any]) -> tuple[Any, ...]:
        at = {v.place: x for v, x in zip(self.variables, data, strict=True)}
        count = iter(range(10**9))

        def replaced(leaf: Any) -> Any:
            x = at.get(next(count))
            return leaf if x is None else dlarray(x, leaf.dims or None)

        args: tuple[Any, ...] = tree_map(replaced, self.args)
        return args

    def _traced(self, args: tuple[Any, ...]) -> list[DLArray]:
        """Handles on the variables, taken before the function can assign to them."""
        places = {v.place for v in self.variables}
        return [x._dlgru_handle() for k, x in enumerate(leaves(args)) if k in places]

    def _number(self, function: Callable[..., Any], data: Sequence[Any]) -> Any:
        return extractdata(dlfeval(function, *self._arguments(data))).item()

    def _gradient(self, function: Callable[..., Any]) -> list[np.ndarray[Any, Any]]:
        def differentiated(*args: Any) -> Any:
            variables = self._traced(args)
            return dlgradient(real(function(*args)), variables)

        gradients = dlfeval(differentiated, *self._arguments(self.start()))
        return [np.asarray(g) for g in gradients]

    def _slope(self, *args: Any) -> DLArray:
        variables = self._traced(args)
        gradients = dlgradient(real(self._projected(self.fun(*args))), variables)
        total = dlarray(0.0)
        for g, direction in zip(gradients, self.directions, strict=True):
            total = total + sum(real(stripdims(g) * direction.conj()), "all")
        return total

    def _projected(self, result: Any) -> DLArray:
        outputs = [
            stripdims(y)
            for y in leaves(result)
            if type(y) is DLArray and y.dtype != backend.logical
        ]
        if not outputs or any(y.dtype in (backend.single, backend.complex_single) for y in outputs):
            raise DlgruTypeError(
                identifier="dlgru:checkgrad:result",
                function="checkgrad",
                argument="the result of fun",
                came="single, although every variable is double" if outputs else "no dlarray",
                expected="double arrays",
                fix="make constants inside fun double for the check" if outputs else "",
            )
        if not self.weights:
            single = len(outputs) == 1 and outputs[0].shape == (1, 1)
            self.weights = [np.ones((1, 1))] if single else [
                self.random.standard_normal(y.shape) for y in outputs
            ]  # fmt: skip
        total = dlarray(0.0)
        for y, w in zip(outputs, self.weights, strict=True):
            total = total + sum(y * w, "all")
        return total


def _variables(fun: Callable[..., Any], args: tuple[Any, ...], blocks: Any) -> list[Variable]:
    found: list[tuple[str, int, DLArray]] = []
    place = -1
    for name, arg in zip(_argument_names(fun, len(args)), args, strict=True):
        for path, leaf in _paths(arg, name):
            place += 1
            if type(leaf) is DLArray and leaf.dtype != backend.logical:
                found.append((path, place, leaf))
    if not found:
        raise DlgruValueError(
            identifier="dlgru:checkgrad:variables",
            function="checkgrad",
            argument="the arguments",
            came="without a floating DLArray",
            expected="at least one",
            fix="write dlarray(x) for what is to be differentiated by",
        )
    counts = _block_counts(blocks, {path: leaf.shape[0] for path, _, leaf in found})
    variables = []
    for path, place, leaf in found:
        data = backend.to_host(leaf.value.data)
        wide = backend.complex_double if data.dtype in backend.REAL_OF else backend.double
        variables.append(Variable(path, place, data.astype(wide, order="F"), counts[path]))
    return variables


def _block_counts(blocks: Any, heights: dict[str, int]) -> dict[str, int]:
    if not isinstance(blocks, Mapping):
        count = whole(blocks, "checkgrad", "blocks")
        if count < 1:
            raise _bad_blocks("blocks", str(count), "a positive number of blocks")
        return {name: count if n and n % count == 0 else 1 for name, n in heights.items()}
    counts = dict.fromkeys(heights, 1)
    for name in blocks:
        if name not in heights:
            raise _bad_blocks("blocks", f'for "{name}"', f"names out of {listing(heights, 'and')}")
        counts[name] = whole(blocks[name], "checkgrad", f"blocks of {name}")
        if counts[name] < 1 or heights[name] % counts[name]:
            raise _bad_blocks(
                f"blocks of {name}", str(counts[name]), f"a divisor of its {heights[name]} rows"
            )
    return counts


def _bad_blocks(argument: str, came: str, expected: str) -> DlgruValueError:
    return DlgruValueError(
        identifier="dlgru:checkgrad:blocks",
        function="checkgrad",
        argument=argument,
        came=came,
        expected=expected,
    )


def _argument_names(fun: Callable[..., Any], count: int) -> list[str]:
    names = []
    try:
        for p in inspect.signature(fun).parameters.values():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                names.append(p.name)
    except (TypeError, ValueError):
        pass
    return [*names, *[f"x{k + 1}" for k in range(len(names), count)]][:count]


def _paths(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    rules = rules_of(tree)
    if rules is None:
        yield path, tree
        return
    for name, item in zip(*rules[0](tree), strict=True):
        yield from _paths(item, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}")
