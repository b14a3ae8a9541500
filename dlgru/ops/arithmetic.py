"""Elementwise operations on two operands: arithmetic, comparisons, the larger of two.

Operands meet by MATLAB's rules: implicit expansion from the first dimension on,
labels in union, and one class rule (any single gives single, else double; logical
operands count as double).  Python numbers are literals and never decide a class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, finish, to_value
from dlgru.backend import result_dtype, xp_of
from dlgru.op import keep, primitive
from dlgru.ops.align import broadcast
from dlgru.ops.classes import conj

_ndarray = np.ndarray


def match(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Two raw operands (or numbers) in one class, and their array library."""
    if type(a) is _ndarray and type(b) is _ndarray and a.dtype is b.dtype and a.dtype.kind != "b":
        return a, b, np
    if not hasattr(a, "dtype"):
        return _literal(a), _counted(b), xp_of(b)
    if not hasattr(b, "dtype"):
        return _counted(a), _literal(b), xp_of(a)
    dtype = result_dtype(a.dtype, b.dtype)
    part = backend.REAL_OF.get(dtype, dtype)
    return _cast(a, dtype, part), _cast(b, dtype, part), xp_of(a)


def _literal(x: Any) -> Any:
    return complex(x) if isinstance(x, complex) else float(x)


def _counted(x: Any) -> Any:
    return x.astype(backend.double) if x.dtype == backend.logical else x


def _cast(x: Any, dtype: Any, part: Any) -> Any:
    wanted = dtype if x.dtype in backend.REAL_OF else part
    return x if x.dtype == wanted else x.astype(wanted)


def apply_ufunc(ufunc: str, a: Any, b: Any) -> Any:
    """``ufunc(a, b)`` with MATLAB's class rule and expansion, column-major."""
    a, b, xp = match(a, b)
    f = getattr(xp, ufunc)
    shape = getattr(a, "shape", None)
    other = getattr(b, "shape", None)
    if shape == other or shape is None or other is None:
        return f(a, b)
    # On the transposes NumPy's leading expansion is MATLAB's trailing one, and
    # row-major results are column-major ones.
    return f(a.T, b.T).T


def same(g: Any) -> Any:
    """The pull of an operand that is passed through."""
    return g


@primitive("plus", labels=broadcast, expands=True, operator=("__add__", "__radd__"))
def plus(A: Any, B: Any) -> Any:
    """Add element by element; ``A + B`` is the same.

    Sizes expand implicitly; the labels of the result are the union of both.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.plus(dl.dlarray([1, 2]), 10))
      1×2 dlarray
    <BLANKLINE>
        11    12
    """
    return apply_ufunc("add", A, B)


@plus.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return same, same


@plus.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield r(3, 2, fmt="CB"), r(3, 4, fmt="CT")
    yield r(3, 1), r(1, 4)
    yield r(3, 3, fmt="CB"), r(3, 3, 2)
    yield r(2, 2), 3
    yield r(2, 2, kind="complex"), r(2, 1)


@primitive("minus", labels=broadcast, expands=True, operator=("__sub__", "__rsub__"))
def minus(A: Any, B: Any) -> Any:
    """Subtract element by element; ``A - B`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.minus(dl.dlarray([1, 2]), 10))
      1×2 dlarray
    <BLANKLINE>
        -9    -8
    """
    return apply_ufunc("subtract", A, B)


@minus.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return same, lambda g: -g


@minus.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield 1, r(3, 2)
    yield r(3, 1, fmt="CU"), r(3, 4, fmt="CB")


@primitive("times", labels=broadcast, expands=True, operator=("__mul__", "__rmul__"))
def times(A: Any, B: Any) -> Any:
    """Multiply element by element, MATLAB's ``A .* B``; ``A * B`` is the same.

    The matrix product is ``A @ B``.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.times(dl.dlarray([1, 2]), [3, 4]))
      1×2 dlarray
    <BLANKLINE>
         3     8
    """
    return apply_ufunc("multiply", A, B)


@times.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return lambda g: g * _conj(b), lambda g: g * _conj(a)


def _conj(x: Any) -> Any:
    if type(x) is Value:
        return conj(x) if x.data.dtype in backend.REAL_OF else x
    return x.conjugate()


@times.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
    yield r(3, 2, fmt="SC"), r(2, 4, fmt="CT")
    yield 2.5, r(3, 2)
    yield r(2, 2, kind="complex"), r(2, 2, kind="complex")
    yield r(2, 2, kind="complex"), r(2, 2)


@primitive("rdivide", labels=broadcast, expands=True, operator=("__truediv__", "__rtruediv__"))
def rdivide(A: Any, B: Any) -> Any:
    """Divide element by element, MATLAB's ``A ./ B``; ``A / B`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.rdivide(dl.dlarray([1, 2]), 2))
      1×2 dlarray
    <BLANKLINE>
        0.5000    1.0000
    """
    return apply_ufunc("divide", A, B)


@rdivide.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return lambda g: g / _conj(b), lambda g: -g * _conj(y / b)


@rdivide.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB", kind="positive")
    yield 1, r(3, 2, kind="positive")
    yield r(3, 2), 4
    yield r(2, 2, kind="complex"), r(2, 2, kind="complex")


@primitive("power", labels=broadcast, expands=True, operator=("__pow__", "__rpow__"))
def power(A: Any, B: Any) -> Any:
    """Raise to a power element by element, MATLAB's ``A .^ B``; ``A ** B`` is the same.

    A negative real base with a fractional exponent gives NaN, where MATLAB turns
    complex: use ``complex(A)`` first.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.power(dl.dlarray([1, 2, 3]), 2))
      1×3 dlarray
    <BLANKLINE>
         1     4     9
    """
    return apply_ufunc("power", A, B)


@power.vjp
def _(y: Value, a: Any, b: Any) -> Any:
    return (
        lambda g: g * _conj(_slope(a, b)),
        lambda g: g * _conj(y * _log_base(a)),
    )


def _slope(a: Value, b: Any) -> Any:
    """``b * a**(b-1)``, which is 0 where b is 0, also at a = 0."""
    if type(b) is not Value:
        return 0.0 * a if b == 0 else (2 * a if b == 2 else b * a ** (b - 1))
    return b * a ** select(eq_values(b, 0), 1.0, b - 1)


def _log_base(a: Any) -> Any:
    """log a where y = a**b can depend on b smoothly; 0**b has slope 0 for b > 0."""
    if type(a) is not Value:
        a = Value(np.asarray(_literal(a)))
    safe = select(eq_values(a, 0), 1.0, a)
    return log_abs(safe) if a.data.dtype not in backend.REAL_OF else log_complex(safe)


@power.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB", kind="positive"), r(3, 2, fmt="CB")
    yield r(3, 2), 2
    yield r(3, 2), 3
    yield 2, r(3, 2)
    yield r(3, 2, kind="positive"), r(3, 1)


@primitive("log_abs", labels=keep)
def log_abs(x: Any) -> Any:
    xp = xp_of(x)
    return xp.log(xp.abs(x))


@log_abs.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / x


@log_abs.cases
def _(r: Any) -> Any:
    yield (r(3, 2, kind="nonzero"),)


@primitive("log_complex", labels=keep)
def log_complex(x: Any) -> Any:
    return xp_of(x).log(x)


@log_complex.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: g / conj(x)


@log_complex.cases
def _(r: Any) -> Any:
    yield (r(2, 2, kind="complex"),)


@primitive("uminus", labels=keep, operator=("__neg__",))
def uminus(A: Any) -> Any:
    """Change the sign; ``-A`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.uminus(dl.dlarray(2)))
    -2.0
    """
    return -_counted(A)


@uminus.vjp
def _(y: Value, a: Value) -> Any:
    return lambda g: -g


@uminus.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)


DLArray.__pos__ = lambda self: self * 1.0  # type: ignore[method-assign]


# -- comparisons: logical results, nothing to differentiate -------------------------


def _comparison(name: str, ufunc: str, operator: str, sign: str) -> Any:
    def forward(A: Any, B: Any) -> Any:
        return apply_ufunc(ufunc, A, B)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"""Compare element by element: true where ``A {sign} B``.

    The result is logical, with the labels of both operands in union; it is not traced.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.{name}(dl.dlarray([1, 2]), 2))
    'logical'
    """
    op = primitive(name, labels=broadcast, expands=True, operator=(operator,), differentiable=False)(forward)

    @op.cases
    def _(r: Any) -> Any:
        yield r(3, 2, fmt="CB"), r(3, 2, fmt="CB")
        yield r(3, 2, fmt="CB"), 0
        yield r(3, 1), r(1, 2)

    return op


eq = _comparison("eq", "equal", "__eq__", "==")
ne = _comparison("ne", "not_equal", "__ne__", "~=")
lt = _comparison("lt", "less", "__lt__", "<")
le = _comparison("le", "less_equal", "__le__", "<=")
gt = _comparison("gt", "greater", "__gt__", ">")
ge = _comparison("ge", "greater_equal", "__ge__", ">=")

eq_values = eq.op.on_values
gt_values = gt.op.on_values


def _connective(name: str, ufunc: str, operator: tuple[str, ...], sign: str) -> Any:
    def forward(A: Any, B: Any) -> Any:
        xp = xp_of(A) if hasattr(A, "dtype") else xp_of(B)
        a, b = A != 0, B != 0
        f = getattr(xp, ufunc)
        return f(a.T, b.T).T if hasattr(a, "T") and hasattr(b, "T") else f(a, b)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"""Logical {sign} element by element; nonzero is true.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(getattr(dl, "{name}")(dl.dlarray([1, 0]), 1))
    'logical'
    """
    op = primitive(name, labels=broadcast, expands=True, operator=operator, differentiable=False)(forward)

    @op.cases
    def _(r: Any) -> Any:
        yield r(3, 2, fmt="CB"), r(3, 1, fmt="CB")
        yield r(3, 2, kind="logical"), r(3, 2, kind="logical")

    return op


and_ = _connective("and_", "logical_and", ("__and__", "__rand__"), "and")
or_ = _connective("or_", "logical_or", ("__or__", "__ror__"), "or")
xor = _connective("xor", "logical_xor", ("__xor__", "__rxor__"), "exclusive or")


@primitive("not_", labels=keep, operator=("__invert__",), differentiable=False)
def not_(A: Any) -> Any:
    """Logical not: true where A is 0; ``~A`` is the same.

    Examples
    --------
    >>> import dlgru as dl
    >>> bool(dl.not_(dl.dlarray(0)))
    True
    """
    return A == 0


@not_.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB", kind="logical"),)


# -- choosing ------------------------------------------------------------------------


@primitive("select", expands=True)
def select(mask: Any, a: Any, b: Any) -> Any:
    a, b, xp = match(a, b) if hasattr(a, "dtype") or hasattr(b, "dtype") else (a, b, xp_of(mask))
    turn = [x.T if hasattr(x, "T") else x for x in (mask, a, b)]
    return xp.where(*turn).T


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

    return op


def _nan(x: Any) -> Any:
    return not_.op.on_values(eq_values(x, x)) if type(x) is Value else x != x


def _or(a: Any, b: Any) -> Any:
    return or_.op.on_values(a, b)


maximum = _extreme("maximum", "fmax", lambda a, b: _or(gt_values(a, b), _nan(b)))
minimum = _extreme("minimum", "fmin", lambda a, b: _or(gt_values(b, a), _nan(b)))
