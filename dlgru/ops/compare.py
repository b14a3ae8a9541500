"""Comparing and choosing: ``eq ne lt le gt ge``, logical connectives, select, the larger of two.

Comparisons and connectives give logical arrays that nothing traces; choosing by them
is differentiable in what is chosen.
"""

from __future__ import annotations

import operator
from typing import Any

from dlgru.array import DLArray, Value, finish
from dlgru.backend import elementwise, transposed, xp_of
from dlgru.convert import to_value
from dlgru.op import keep, primitive
from dlgru.ops.align import broadcast
from dlgru.ops.complexdata import exceeds, is_complex
from dlgru.ops.pairs import apply_ufunc, match


def _comparison(name: str, ufunc: str, operator: str, sign: str) -> Any:
    if name in ("eq", "ne"):
        complex_data = "Complex data are compared in both parts."

        def forward(A: Any, B: Any) -> Any:
            return apply_ufunc(ufunc, A, B)

    else:
        complex_data = "Of complex data only the real parts are compared, as in MATLAB."

        def forward(A: Any, B: Any) -> Any:
            return apply_ufunc(ufunc, A.real, B.real)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"""Compare element by element: true where ``A {sign} B``.

    The result is logical, with the labels of both operands in union; it is not traced.
    {complex_data}

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.{name}(dl.dlarray([1, 2]), 2))
    'logical'
    """
    op = primitive(
        name, labels=broadcast, expands=True, operator=(operator,), differentiable=False
    )(forward)

    @op.cases
    def _(r: Any) -> Any:
        yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
        yield r(3, 2, fmt="CB"), 0
        yield r(3, 1), r(1, 2)
        yield r(3, 2, kind="complex"), r(3, 1, kind="complex")
        yield r(3, 2, kind="complex"), 0.5j

    return op


eq = _comparison("eq", "equal", "__eq__", "==")
ne = _comparison("ne", "not_equal", "__ne__", "~=")
lt = _comparison("lt", "less", "__lt__", "<")
le = _comparison("le", "less_equal", "__le__", "<=")
gt = _comparison("gt", "greater", "__gt__", ">")
ge = _comparison("ge", "greater_equal", "__ge__", ">=")

eq_values = eq.op.on_values
gt_values = gt.op.on_values
exceeds_values = exceeds.op.on_values


def _connective(name: str, ufunc: str, operator: tuple[str, ...], sign: str) -> Any:
    def forward(A: Any, B: Any) -> Any:
        xp = xp_of(A) if hasattr(A, "dtype") else xp_of(B)
        a, b = transposed(A), transposed(B)
        return getattr(xp, ufunc)(a != 0, b != 0).T

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"""Logical {sign} element by element; nonzero is true.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(getattr(dl, "{name}")(dl.dlarray([1, 0]), 1))
    'logical'
    """
    op = primitive(name, labels=broadcast, expands=True, operator=operator, differentiable=False)(
        forward
    )

    @op.cases
    def _(r: Any) -> Any:
        yield r(3, 2, fmt="CB"), r(3, 1, fmt="CB")
        yield r(3, 2, kind="logical"), r(3, 2, kind="logical")

    return op


and_ = _connective("and_", "logical_and", ("__and__", "__rand__"), "and")
or_ = _connective("or_", "logical_or", ("__or__", "__ror__"), "or")
xor = _connective("xor", "logical_xor", (), "exclusive or")


@primitive("not_", labels=keep, operator=("__invert__",), differentiable=False)
def not_(A: Any) -> Any:
    """Logical not: true where A is 0; ``~A`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> bool(dl.not_(dl.dlarray(0)))
    True
    """
    return elementwise(operator.eq, A, 0)


@not_.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="logical"),)


# -- choosing ------------------------------------------------------------------------


@primitive("select", expands=True)
def select(mask: Any, a: Any, b: Any) -> Any:
    a, b, xp = match(a, b) if hasattr(a, "dtype") or hasattr(b, "dtype") else (a, b, xp_of(mask))
    return xp.where(mask.T, transposed(a), transposed(b)).T


@select.vjp
def _(y: Value, mask: Value, a: Any, b: Any) -> Any:
    return None, lambda g: select(mask, g, 0.0), lambda g: select(mask, 0.0, g)


@select.cases
def _(r: Any) -> Any:
    yield r(3, 2, kind="logical"), r(3, 2), r(3, 2)


@select.door
def _select(mask: Any, A: Any, B: Any) -> DLArray:
    """Elements of A where `mask` is true, of B elsewhere (unformatted arrays)."""
    from_values = select.op.on_values
    values = [to_value(x, "select") for x in (mask, A, B)]
    return finish(from_values(*values))


def _extreme(name: str, ufunc: str, first_wins: Any) -> Any:
    def forward(A: Any, B: Any) -> Any:
        if is_complex(A) or is_complex(B):
            a, b = [Value(x) if hasattr(x, "dtype") else x for x in (A, B)]
            return select.op.function(first_wins(a, b).data, A, B)
        return apply_ufunc(ufunc, A, B)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"Elementwise {name} of two operands; a tie's gradient goes to the second."
    op = primitive(name, labels=broadcast, expands=True)(forward)

    @op.vjp
    def _(y: Value, a: Any, b: Any) -> Any:
        first = first_wins(a, b)
        return lambda g: select(first, g, 0.0), lambda g: select(first, 0.0, g)

    @op.cases
    def _(r: Any) -> Any:
        yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
        yield r(3, 2, fmt="CB"), 0
        yield r(3, 1), r(1, 4)
        yield r(3, 1, kind="complex"), r(1, 4, kind="complex")
        yield r(3, 2, kind="complex"), 1

    return op


def _nan(x: Any) -> Any:
    return not_.op.on_values(eq_values(x, x)) if type(x) is Value else x != x


def _or(a: Any, b: Any) -> Any:
    return or_.op.on_values(a, b)


maximum = _extreme("max", "fmax", lambda a, b: _or(exceeds_values(a, b), _nan(b)))
minimum = _extreme("min", "fmin", lambda a, b: _or(exceeds_values(b, a), _nan(b)))
