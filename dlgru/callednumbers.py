"""``nan``, ``inf`` and ``eps`` of ported scripts: numbers that MATLAB also calls.

``inf`` stands in a line as a number does, and ``inf(2, 3)`` is an array.  So they are
floats with a call: all that takes a float takes them, and what is computed from them,
copied or pickled is a plain float.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.calls import any_spelling
from dlgru.convert import is_number, labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.ops.create import Inf, NaN


class CalledNumber(float):
    """A float with a function behind its parentheses."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __new__(cls, number: float, function: Callable[..., Any]) -> Self:
        """Make one of a number and of what calling it means."""
        made = super().__new__(cls, number)
        made._function = function
        return made

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function(*args, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)

    def __copy__(self) -> float:
        return float(self)

    def __deepcopy__(self, memo: Any) -> float:
        return float(self)


@any_spelling
def eps(x: Any = "double") -> Any:
    """Distance from ``abs(x)`` to the next larger number of its class.

    Parameters
    ----------
    x : array or class
        Single or double; the result has its size, format and class, and no trace.  Of a
        Python number it is a Python number.  ``"double"`` and ``"single"`` mean 1.

    Examples
    --------
    >>> from dlgru.callednumbers import eps
    >>> eps() == 2**-52, float(eps("single")) == 2**-23, eps(4.0) == 2**-50
    (True, True, True)
    """
    if isinstance(x, str):
        if x not in ("double", "single"):
            raise DlgruValueError(
                identifier="dlgru:eps:class",
                function="eps",
                argument="x",
                came=f'"{x}"',
                expected='"double", "single" or an array',
            )
        one = np.ones((1, 1), backend.single)
        return 2.0**-52 if x == "double" else _spacing(one, "")
    value = to_value(x, "eps", "x")
    if value.dtype not in (backend.double, backend.single) or backend.is_device_array(value.data):
        raise DlgruTypeError(
            identifier="dlgru:eps:class",
            function="eps",
            argument="x",
            came="on the GPU"
            if backend.is_device_array(value.data)
            else backend.CLASS_NAMES[value.dtype]
            if value.dtype == backend.logical
            else "complex",
            expected="single or double data in host memory",
        )
    found = _spacing(value.data, labels_of(x))
    return float(found) if is_number(x) else found


def _spacing(data: Any, labels: str) -> DLArray:
    with np.errstate(all="ignore"):
        return wrap(Value(backend.seal(np.asfortranarray(np.spacing(np.abs(data))))), labels)


nan = CalledNumber(math.nan, NaN)
inf = CalledNumber(math.inf, Inf)
epsilon = CalledNumber(2.0**-52, eps)
