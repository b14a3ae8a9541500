"""The label rules that move data: union of two formats, and reduction.

These are doors (``op.py``): they turn a call on labelled arrays into one on
positional Values.  Unformatted operands meet formatted ones by position in stored
order; formatted ones meet by label (``labels.union``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlgru.array import DLArray, Value, finish, wrap
from dlgru.convert import as_double, is_number, labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.labels import describe, union
from dlgru.op import Door, Operation
from dlgru.ops.sizes import axes_of


def operand(x: Any, function: str, argument: str) -> Any:
    """A Value, or a Python number left as it is (a weak literal)."""
    kind = type(x)
    if kind is DLArray:
        return x._value or x._settle()
    if kind is float or kind is bool or kind is complex:
        return x
    if kind is int and x.bit_length() < 1024:
        return x
    if isinstance(x, list | tuple) and any(type(item) is DLArray for item in x):
        raise DlgruTypeError(
            "An operator does not take a list of arrays",
            identifier="dlgru:list:contents",
            function=function,
            argument=argument,
            came="a list that holds arrays",
            expected="an array or a number",
            fix="join arrays with horzcat(a, b) or vertcat(a, b)",
        )
    if is_number(x):
        return as_double(x, function, argument)
    return to_value(x, function, argument)


def align(a: Any, la: str, b: Any, lb: str) -> tuple[Any, Any, str]:
    """Two operands with their dimensions in the same places, and the result's labels."""
    if la and lb:
        labels, places_a, places_b = union(la, lb)
        return spread(a, places_a), spread(b, places_b), labels
    labels = la or lb
    plain = b if la else a
    if type(plain) is Value and plain.data.ndim > len(labels):
        labels += "U" * (plain.data.ndim - len(labels))
    return a, b, labels


def spread(x: Any, places: tuple[int, ...]) -> Any:
    """Insert singleton dimensions so that dimension k stands at ``places[k]``."""
    n = len(places)
    if type(x) is not Value or n == 0 or places[-1] == n - 1:
        return x
    shape = [1] * (places[-1] + 1)
    for k, at in enumerate(places):
        shape[at] = x.data.shape[k]
    return x.reshape(tuple(shape))


def check_sizes(a: Value, b: Value, given: tuple[str, Any, str, Any], function: str) -> None:
    """Raise if two aligned operands do not expand to a common size.

    `given` are labels and size of each as they came, for the message.
    """
    for m, n in zip(a.data.shape, b.data.shape, strict=False):
        if m != n and m != 1 and n != 1:
            la, sa, lb, sb = given
            raise DlgruValueError(
                "Arrays have incompatible sizes for this operation",
                identifier="dlgru:sizes:incompatible",
                function=function,
                argument="the second operand",
                came=describe(lb, sb),
                expected=f"a size that expands against {describe(la, sa)}: "
                "equal or 1 in each dimension" + (" with the same label" if la and lb else ""),
            )


def broadcast(op: Operation) -> Door:
    """Door of an elementwise operation on two operands, with implicit expansion."""
    on_values = op.on_values
    name = op.name

    def door(a: Any, b: Any) -> Any:
        la = a._labels if type(a) is DLArray else ""
        lb = b._labels if type(b) is DLArray else ""
        x = operand(a, name, "A")
        y = operand(b, name, "B")
        labels = la
        if type(x) is Value and type(y) is Value:
            sx, sy = x.data.shape, y.data.shape
            if la != lb:
                x, y, labels = align(x, la, y, lb)
            elif sx == sy:
                return wrap(on_values(x, y), labels)
            check_sizes(x, y, (la, sx, lb, sy), name)
            return finish(on_values(x, y), labels)
        if type(x) is not Value and type(y) is not Value:
            x = to_value(a, name, "A")
        return wrap(on_values(x, y), la or lb)

    return door


def reduce(empty_to_scalar: bool) -> Callable[[Operation], Door]:
    """Door of a reduction: the reduced dimensions stay, with size 1 and their labels.

    The door's signature is ``(X, dim=None)``; `dim` is a dimension number, a list
    of them, a label, or ``'all'``.  With `empty_to_scalar` a 0×0 array without
    `dim` reduces to one element, as MATLAB's ``sum([])`` does.
    """

    def rule(op: Operation) -> Door:
        def door(X: Any, dim: Any = None) -> DLArray:
            value, labels = to_value(X, op.name), labels_of(X)
            shape = value.data.shape
            if dim is None and empty_to_scalar and shape == (0, 0):
                axes: tuple[int, ...] = (0, 1)
            else:
                axes = axes_of(dim, labels, shape, op.name)
            return finish(op.on_values(value, axes), labels)

        return door

    return rule
