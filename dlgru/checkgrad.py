"""Gradients against numbers: ``checkgrad``.

A gradient is compared with the change of the function along one direction for each
variable, or for each block of its rows.  The direction has the signs of the gradient
and random sizes, so that nothing cancels in their product: the number compared is as
large as the gradient itself, and a wrong element shows in it.

Second derivatives check the first gradient, taken along a random direction, in the same
manner; their numbers are always central differences, because ``dlgradient`` differentiates
real numbers only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dlgru.calls import any_spelling
from dlgru.checkproblem import Problem
from dlgru.display import table_text
from dlgru.errors import DlgruValueError
from dlgru.namevalue import Interval, OneOf
from dlgru.numericslope import Line, direction_of, measured
from dlgru.ops.sizes import whole


@dataclass(frozen=True)
class DerivativeCheck:
    """One comparison: the derivative along one direction, found in two ways."""

    order: int
    variable: str
    rows: str
    method: str
    derivative: float
    numeric: float
    error: float


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """What ``checkgrad`` found; it prints as a table and is true if all is well."""

    checks: tuple[DerivativeCheck, ...]
    tolerance: float

    @property
    def error(self) -> float:
        """The largest relative error; NaN if one is."""
        return float(np.max([c.error for c in self.checks], initial=0.0))

    @property
    def passed(self) -> bool:
        """True if every error is within the tolerance."""
        return all(c.error <= self.tolerance for c in self.checks)

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        head = f"  Gradient check {verdict}: largest relative error {self.error:.2g}"
        columns: dict[str, list[Any]] = {
            "Order": [c.order for c in self.checks],
            "Variable": [c.variable for c in self.checks],
            "Rows": [c.rows or None for c in self.checks],
            "Method": [c.method for c in self.checks],
            "Derivative": [c.derivative for c in self.checks],
            "Numeric": [c.numeric for c in self.checks],
            "Error": [float(f"{c.error:.2g}") for c in self.checks],
        }
        return f"{head} (tolerance {self.tolerance:.2g})\n\n{table_text(columns)}"


@any_spelling
def checkgrad(
    fun: Callable[..., Any],
    *args: Any,
    order: int = 2,
    blocks: Any = 1,
    tolerance: Annotated[float, Interval(0, 1, "()")] = 1e-6,
    method: Annotated[str, OneOf("auto", "complex", "central")] = "auto",
    step: Annotated[float, Interval(0, float("inf"), "()")] = 1e-3,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradients of a function with numerical ones.

    Parameters
    ----------
    fun : callable
        The function; it is evaluated by ``dlfeval`` and must not be random.  Outputs that
        are no scalars are multiplied by random weights and summed.
    *args
        Its arguments.  Every floating DLArray in them, also inside structs and cells, is
        a variable and is made double; everything else is a constant.
    order : 1 or 2, default 2
        2 also checks the gradient of the gradient.
    blocks : int or dict, default 1
        Check so many blocks of rows one by one, such as the three gates of ``gru``
        weights: a number for all variables it divides the rows of, or a number for each
        variable by name.
    tolerance : float, default 1e-6
        Largest relative error that passes.
    method : "auto" (default), "complex" or "central"
        Complex step or central differences; "auto" takes the first where it agrees with
        the second roughly.
    step : float, default 1e-3
        Step of the central differences along a direction of length 1; where they
        disagree with the gradient, smaller and larger ones are tried.
    seed : int, default 0
        Of the directions and weights.  MATLAB's random stream is not touched.

    Returns
    -------
    GradientCheck
        True if everything is within the tolerance.  ``error`` is the largest relative
        error, ``checks`` has one entry for each order, variable and block; printing it
        shows them as a table.

    Raises
    ------
    DlgruValueError
        If `fun` gives other values the second time, or there is nothing to check.
    DlgruTypeError
        If `fun` returns no floating array, or single ones although all is double.

    Notes
    -----
    Errors are relative to the larger of the two numbers, but never to less than the noise
    that rounding leaves in the numerical one, divided by the tolerance.

    Examples
    --------
    >>> import dlgru as dl
    >>> check = dl.checkgrad(dl.tanh, dl.dlarray([[0.5, -1.0, 2.0]]), order=1)
    >>> check.passed, check.checks[0].method
    (True, 'complex')
    """
    order = whole(order, "checkgrad", "order")
    if order not in (1, 2):
        raise DlgruValueError(
            identifier="dlgru:checkgrad:order",
            function="checkgrad",
            argument="order",
            came=str(order),
            expected="1 or 2",
        )
    problem = Problem(fun, args, blocks, np.random.default_rng(whole(seed, "checkgrad", "seed")))
    checks = _compared(problem, 1, problem.value, problem.gradient(), method, tolerance, step)
    if order == 2:
        second = problem.second_gradient()
        checks += _compared(problem, 2, problem.slope, second, "central", tolerance, step)
    return GradientCheck(tuple(checks), tolerance)


# -- comparing -----------------------------------------------------------------------------------


def _compared(
    problem: Problem,
    order: int,
    function: Callable[[Sequence[Any]], Any],
    gradients: list[np.ndarray[Any, Any]],
    method: str,
    tolerance: float,
    step: float,
) -> list[DerivativeCheck]:
    checks = []
    for k, (variable, gradient) in enumerate(zip(problem.variables, gradients, strict=True)):
        gradient = gradient.reshape(variable.data.shape, order="F")
        for rows, part in variable.parts():
            direction = direction_of(gradient, part, problem.random)
            along = float(np.real(np.vdot(gradient, direction)))
            line = Line(function, problem.start(), k, direction)
            used, numeric, error = measured(line, along, method, tolerance, step)
            checks.append(DerivativeCheck(order, variable.name, rows, used, along, numeric, error))
    return checks
