"""The slope of a function along a line, by numbers: what ``checkgrad`` compares gradients with.

Two ways are here.  The *complex step* moves the variable by a tiny imaginary number; the
imaginary part of the result is the derivative to the last digit, because nothing is
subtracted.  It holds for functions that are analytic and made of operations that take
complex data.  Otherwise *central differences* of fourth order serve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlgru.errors import DlgruValueError

TINY = 1e-20
"""The complex step: its square vanishes beside 1."""

LEFT = TINY**1.5
"""What a complex step may leave of third derivatives, where the first is 0: TINY**2 of them."""


def direction_of(
    gradient: np.ndarray[Any, Any], rows: slice, random: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Signs (phases) of the gradient, random sizes, length 1; random signs where it is 0."""
    signs = np.where(random.random(gradient.shape) < 0.5, -1.0, 1.0)
    size = np.abs(gradient)
    known = np.isfinite(size) & (size > 0)
    signs = np.where(known, gradient / np.where(known, size, 1.0), signs)
    direction = np.zeros(gradient.shape, dtype=signs.dtype)
    direction[rows] = (signs * random.uniform(0.5, 1.5, gradient.shape))[rows]
    length = float(np.linalg.norm(direction.ravel()))
    return direction / length if length else direction


class Line:
    """The function along a direction of one variable."""

    def __init__(
        self, function: Callable[[Sequence[Any]], Any], data: list[Any], k: int, direction: Any
    ) -> None:
        self.function, self.data, self.k, self.direction = function, data, k, direction

    def __call__(self, t: Any) -> Any:
        moved = list(self.data)
        moved[self.k] = moved[self.k] + t * self.direction
        return self.function(moved)

    def central(self, h: float) -> tuple[float, float]:
        """Fourth-order central difference, and the noise that rounding leaves in it."""
        far, near = (self(2 * h), self(-2 * h)), (self(h), self(-h))
        values = np.real([*far, *near])
        slope = (8 * (values[2] - values[3]) - (values[0] - values[1])) / (12 * h)
        noise = 4 * np.finfo(float).eps * float(np.abs(values).max()) / h
        return float(slope), noise


def measured(
    line: Line, along: float, method: str, tolerance: float, step: float
) -> tuple[str, float, float]:
    """The method used, the numerical derivative and its relative error."""
    if method != "central":
        numeric = _complex_step(line, must=method == "complex")
        if numeric is not None:
            if method == "complex":
                return "complex", numeric, _error(along, numeric, LEFT / tolerance)
            for h in (step, 0.01 * step):
                rough, noise = line.central(h)
                if _error(rough, numeric, noise / 1e-4) <= 1e-4:
                    return "complex", numeric, _error(along, numeric, LEFT / tolerance)
    best = float("nan"), float("inf")
    for factor in (1, 0.1, 10, 0.01):
        numeric, noise = line.central(step * factor)
        error = _error(along, numeric, noise / tolerance)
        if not error >= best[1]:
            best = numeric, error
        if error <= tolerance:
            break
    return "central", *best


def _complex_step(line: Line, must: bool) -> float | None:
    """The derivative by the complex step; None if the function does not take complex data."""
    moved: Any = None
    if not np.iscomplexobj(line.direction) and not np.iscomplexobj(line.data[line.k]):
        try:
            moved = line(1j * TINY)
        except (TypeError, ValueError):
            # Our own refusals of complex data and NumPy's are both of these kinds.
            if must:
                raise
    if isinstance(moved, complex):
        return moved.imag / TINY
    if must:
        raise DlgruValueError(
            "The complex step needs real variables and an analytic function",
            identifier="dlgru:checkgrad:method",
            function="checkgrad",
            argument="method",
            came='"complex"',
            expected='"central" here',
            fix='"auto" finds out which applies',
        )
    return None


def _error(a: float, b: float, floor: float) -> float:
    scale = max(abs(a), abs(b), floor)
    return abs(a - b) / scale if scale else 0.0
