"""One step of an optimiser: ``adamupdate sgdmupdate rmspropupdate``.

These are pure functions: they return new parameters and new states and modify nothing
they were given.  Parameters, gradients and states are parallel containers (an array, a
struct, a cell, a table, or a nest of these); a state is ``[]`` before the first step.

The formulas are MATLAB's to the last digit, which stored training runs prove: Adam adds
epsilon to the square root of the *uncorrected* average and folds both bias corrections
into the step, ``learnRate*sqrt(1-beta2^t)/(1-beta1^t)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.calls import any_spelling
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind
from dlgru.labels import describe
from dlgru.namevalue import Interval
from dlgru.ops.classes import astype
from dlgru.ops.sizes import whole
from dlgru.places import memory_of
from dlgru.training import steps
from dlgru.training.leafwise import Argument, Row, missing, passed_over, rebuilt, rows

_POSITIVE = Interval(0, math.inf, "()")
_NOT_NEGATIVE = Interval(0, math.inf, "[)")
_DECAY = Interval(0, 1, "[)")
_FRACTION = Interval(0, 1, "[]")


@any_spelling
def adamupdate(
    params: Any,
    grad: Any,
    averageGrad: Any,
    averageSqGrad: Any,
    iteration: Any,
    learnRate: Any = 0.001,
    gradDecay: Any = 0.9,
    sqGradDecay: Any = 0.999,
    epsilon: Any = 1e-8,
) -> tuple[Any, Any, Any]:
    """Adam (adaptive moment estimation): one step.

    ::

        m = gradDecay*m + (1-gradDecay)*g
        v = sqGradDecay*v + (1-sqGradDecay)*g.^2
        p = p - learnRate*sqrt(1-sqGradDecay^t)/(1-gradDecay^t) * m./(sqrt(v)+epsilon)

    Parameters
    ----------
    params : array, struct, cell or table
        Learnable parameters; of a table with a column Value, that column.
    grad : like params
        Their gradients.
    averageGrad, averageSqGrad : like params, or []
        The state m and v that the last step returned; ``[]`` at first.
    iteration : int
        t, which counts from 1.
    learnRate : float, default 0.001
        Step size.
    gradDecay : float, default 0.9
        Decay of m.
    sqGradDecay : float, default 0.999
        Decay of v.
    epsilon : float, default 1e-8
        Keeps the divisor away from zero.

    Returns
    -------
    params, averageGrad, averageSqGrad
        New containers.  Each parameter keeps its class and format; states take those of
        their parameter.

    Raises
    ------
    DlgruTypeError
        If the containers do not have the same fields.
    DlgruValueError
        If a gradient or state differs in size from its parameter.

    Notes
    -----
    If parameters, gradients or rates are traced, so is the result: a loss after the step
    can be differentiated.  For complex parameters ``g.^2`` is ``abs(g).^2``.  Kingma and
    Ba 2014 (arXiv 1412.6980), section 2, last paragraph.

    Examples
    --------
    >>> import dlgru as dl
    >>> p, avg, avgSq = dl.dlarray([1.0, 2.0]), [], []
    >>> for iteration in range(1, 11):
    ...     p, avg, avgSq = dl.adamupdate(p, 2 * p, avg, avgSq, iteration, 0.1)
    >>> print(p)
      1×2 dlarray
    <BLANKLINE>
        0.0762    1.0246
    """
    name = "adamupdate"
    t = whole(iteration, name, "iteration")
    if t < 1:
        raise DlgruValueError(
            identifier="dlgru:adamupdate:iteration",
            function=name,
            argument="iteration",
            came=str(t),
            expected="a positive number: iterations count from 1",
        )
    rate = _rate(learnRate, name, "learnRate", _NOT_NEGATIVE)
    beta1 = _rate(gradDecay, name, "gradDecay", _DECAY)
    beta2 = _rate(sqGradDecay, name, "sqGradDecay", _DECAY)
    epsilon = _rate(epsilon, name, "epsilon", _POSITIVE)
    step = rate * _root(1 - beta2**t) / (1 - beta1**t)

    def update(p: Value, g: Value, m: Value | None, v: Value | None) -> tuple[Value, ...]:
        return steps.adam(p, g, m, v, step, beta1, beta2, epsilon)

    states = (
        Argument("averageGrad", averageGrad, True),
        Argument("averageSqGrad", averageSqGrad, True),
    )
    new, average, square = _updated(name, update, params, grad, states)
    return new, average, square


@any_spelling
def sgdmupdate(
    params: Any, grad: Any, vel: Any, learnRate: Any = 0.01, momentum: Any = 0.9
) -> tuple[Any, Any]:
    """Stochastic gradient descent with momentum: one step.

    ::

        vel = momentum*vel - learnRate*g
        p = p + vel

    Parameters
    ----------
    params : array, struct, cell or table
        Learnable parameters; of a table with a column Value, that column.
    grad : like params
        Their gradients.
    vel : like params, or []
        The velocity that the last step returned; ``[]`` at first.
    learnRate : float, default 0.01
        Step size.
    momentum : float, default 0.9
        Part of the last velocity that is kept.

    Returns
    -------
    params, vel
        New containers, as of :func:`adamupdate`, which also says what is raised.

    Examples
    --------
    >>> import dlgru as dl
    >>> p, vel = dl.sgdmupdate(dl.dlarray([1.0, 2.0]), dl.dlarray([10.0, 10.0]), [])
    >>> print(p)
      1×2 dlarray
    <BLANKLINE>
        0.9000    1.9000
    """
    rate = _rate(learnRate, "sgdmupdate", "learnRate", _NOT_NEGATIVE)
    kept = _rate(momentum, "sgdmupdate", "momentum", _FRACTION)

    def update(p: Value, g: Value, velocity: Value | None) -> tuple[Value, ...]:
        return steps.sgdm(p, g, velocity, rate, kept)

    new, velocity = _updated("sgdmupdate", update, params, grad, (Argument("vel", vel, True),))
    return new, velocity


@any_spelling
def rmspropupdate(
    params: Any,
    grad: Any,
    averageSqGrad: Any,
    learnRate: Any = 0.001,
    sqGradDecay: Any = 0.9,
    epsilon: Any = 1e-8,
) -> tuple[Any, Any]:
    """Root mean square propagation: one step.

    ::

        v = sqGradDecay*v + (1-sqGradDecay)*g.^2
        p = p - learnRate*g./(sqrt(v)+epsilon)

    Parameters
    ----------
    params : array, struct, cell or table
        Learnable parameters; of a table with a column Value, that column.
    grad : like params
        Their gradients.
    averageSqGrad : like params, or []
        The state v that the last step returned; ``[]`` at first.
    learnRate : float, default 0.001
        Step size.
    sqGradDecay : float, default 0.9
        Decay of v.
    epsilon : float, default 1e-8
        Keeps the divisor away from zero.

    Returns
    -------
    params, averageSqGrad
        New containers, as of :func:`adamupdate`, which also says what is raised.

    Examples
    --------
    >>> import dlgru as dl
    >>> p, avgSq = dl.rmspropupdate(dl.dlarray([1.0, 2.0]), dl.dlarray([10.0, 0.0]), [])
    >>> print(p)
      1×2 dlarray
    <BLANKLINE>
        0.9968    2.0000
    """
    name = "rmspropupdate"
    rate = _rate(learnRate, name, "learnRate", _NOT_NEGATIVE)
    beta2 = _rate(sqGradDecay, name, "sqGradDecay", _FRACTION)
    epsilon = _rate(epsilon, name, "epsilon", _POSITIVE)

    def update(p: Value, g: Value, v: Value | None) -> tuple[Value, ...]:
        return steps.rmsprop(p, g, v, rate, beta2, epsilon)

    states = (Argument("averageSqGrad", averageSqGrad, True),)
    new, square = _updated(name, update, params, grad, states)
    return new, square


# -- what the three share ------------------------------------------------------------------


def _updated(
    function: str,
    update: Callable[..., tuple[Value, ...]],
    params: Any,
    grad: Any,
    states: Sequence[Argument],
) -> tuple[Any, ...]:
    """New parameters and states, from a rule for one array."""
    columns: list[list[Any]] = [[] for _ in range(1 + len(states))]
    others = (Argument("grad", grad), *states)
    for row in rows(function, Argument("params", params), others):
        leaf = row.leaf
        if passed_over(leaf):
            results = [leaf] * len(columns)
        else:
            p = _parameter(function, row)
            inputs = [
                _fitting(function, p, leaf, other, argument, row)
                for other, argument in zip(row.others, others, strict=True)
            ]
            labels = labels_of(leaf)
            with memory_of(function):
                results = [wrap(x, labels) for x in update(p, *inputs)]
        for column, result in zip(columns, results, strict=True):
            column.append(result)
    return tuple([rebuilt(params, column) for column in columns])


def _parameter(function: str, row: Row) -> Value:
    leaf = row.leaf
    came = a_kind(leaf)
    if isinstance(leaf, DLArray) or (hasattr(leaf, "dtype") and hasattr(leaf, "shape")):
        p = to_value(leaf, function, f"params{row.path}")
        if p.dtype != backend.logical:
            return p
        came = "logical"
    raise DlgruTypeError(
        identifier=f"dlgru:{function}:class",
        function=function,
        argument=f"params{row.path}",
        came=came,
        expected="a double or single array",
        fix="keep counts and options out of the parameters, or write dlarray(x)",
    )


def _fitting(
    function: str, p: Value, leaf: Any, other: Any, argument: Argument, row: Row
) -> Value | None:
    """The gradient or state of a parameter, in its size and class."""
    if type(other) is type(leaf) is DLArray and other._labels == leaf._labels:
        x = other.value
        if type(x.data) is type(p.data) and x.shape == p.shape and x.dtype == p.dtype:
            if argument.name != "averageSqGrad" or x.dtype not in backend.REAL_OF:
                return x
    if argument.optional and missing(other):
        return None
    mine, labels = labels_of(leaf), labels_of(other)
    name = argument.name + row.path
    x = to_value(other, function, name)
    if _trimmed(x.shape) != _trimmed(p.shape) or (mine and labels and mine != labels):
        raise DlgruValueError(
            f"{name} must have the size and format of its parameter",
            identifier=f"dlgru:{function}:size",
            function=function,
            argument=name,
            came="[]" if missing(other) else describe(labels, x.shape),
            expected=describe(mine, p.shape),
        )
    if backend.is_device_array(x.data) != backend.is_device_array(p.data):
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:device",
            function=function,
            argument=name,
            came="on the GPU" if backend.is_device_array(x.data) else "in host memory",
            expected=f"where params{row.path} is",
        )
    dtype = p.dtype
    if dtype not in backend.REAL_OF and x.dtype in backend.REAL_OF:
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:complex",
            function=function,
            argument=name,
            came="complex",
            expected=f"real, as params{row.path} is",
        )
    if argument.name == "averageSqGrad":
        dtype = backend.REAL_OF.get(dtype, dtype)
    x = x if x.shape == p.shape else x.reshape(p.shape)
    fitting: Value = x if x.dtype == dtype else astype(x, dtype)
    return fitting


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _rate(x: Any, function: str, argument: str, allowed: Interval) -> Any:
    """A hyperparameter as a float; a traced one as a Value."""
    number = allowed.check(x, function, argument)
    return x.value if type(x) is DLArray and x.value.traced else number


def _root(x: Any) -> Any:
    return math.sqrt(x) if isinstance(x, float) else x**0.5
