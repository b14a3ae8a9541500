"""The class of the data: ``single double logical cast`` and the questions about it."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.backend import CLASS_NAMES, as_colmajor, xp_of
from dlgru.calls import any_spelling
from dlgru.convert import labels_of, to_value
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, listing
from dlgru.op import keep, primitive
from dlgru.ops.pairs import apply_to, counted

_BY_NAME = {"single": backend.single, "double": backend.double, "logical": backend.logical}


@primitive("astype")
def astype(x: Any, dtype: Any) -> Any:
    """Data of another dtype (on values: the public forms are ``single``, ``double``, ``cast``)."""
    if x.dtype == dtype:
        return x
    if x.dtype in backend.REAL_OF and dtype not in backend.REAL_OF:
        x = x.real
    return as_colmajor(xp_of(x), x.astype(dtype))


@astype.vjp
def _(y: Value, x: Value, dtype: Any) -> Any:
    source = x.dtype
    if source == backend.logical or dtype == backend.logical:
        return lambda g: None
    return lambda g: astype(g, source)


@astype.cases
def _(r: Any) -> Any:
    yield r(3, 2, fmt="CB"), backend.double
    yield r(3, 2), backend.double


@astype.door
def _(X: Any, dtype: Any) -> DLArray:
    """Data of another dtype."""
    return wrap(astype.op.on_values(to_value(X, "cast"), dtype=dtype), labels_of(X))


def as_logical(value: Value, function: str, argument: str) -> Value:
    """Nonzero is true; complex data and NaN are errors, as in MATLAB."""
    if value.dtype in backend.REAL_OF:
        raise DlgruTypeError(
            identifier="dlgru:logical:complex",
            function=function,
            argument=argument,
            came="complex",
            expected="real numbers",
            fix=f"write {argument} != 0, or real({argument})",
        )
    if value.dtype != backend.logical and bool(xp_of(value.data).isnan(value.data).any()):
        raise DlgruValueError(
            identifier="dlgru:logical:nan",
            function=function,
            argument=argument,
            came="an array with NaN" if value.data.size > 1 else "NaN",
            expected="numbers; NaN is neither true nor false",
        )
    converted: Value = astype.op.on_values(value, dtype=backend.logical)
    return converted


def _converter(name: str, doc: str) -> Any:
    dtype = _BY_NAME[name]

    def convert(X: Any) -> DLArray:
        numbers = isinstance(X, np.ndarray | np.generic) or backend.is_device_array(X)
        if numbers and X.dtype.kind in "iu":
            X = X.astype(backend.double)  # whoever names the class may hand over integers
        value = to_value(X, name)
        if name == "logical":
            return wrap(as_logical(value, name, "X"), labels_of(X))
        target = backend.COMPLEX_OF[dtype] if value.dtype in backend.REAL_OF else dtype
        return wrap(astype.op.on_values(value, dtype=target), labels_of(X))

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = doc
    return any_spelling(convert)


single = _converter(
    "single",
    """Convert to single precision; labels and trace stay.

    The result is still a DLArray: ``extractdata`` gives a plain array.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.single(dl.dlarray([1, 2])))
    'single'
    """,
)
double = _converter(
    "double",
    """Convert to double precision; labels and trace stay.

    The result is still a DLArray: ``extractdata`` gives a plain array.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.double(dl.single(dl.dlarray([1, 2]))))
    'double'
    """,
)
logical = _converter(
    "logical",
    """Convert to logical: nonzero is true.  NaN is an error, as in MATLAB.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.logical(dl.dlarray([0, 2])))
      1×2 logical dlarray
    <BLANKLINE>
       0   1
    """,
)


@any_spelling
def cast(X: Any, newclass: Any, like: Any = None) -> DLArray:
    """Convert to a class given by name, or to the class of another array.

    Parameters
    ----------
    X : array
        Any size and format; both are kept.
    newclass : str
        ``"single"``, ``"double"`` or ``"logical"``; or ``"like"`` followed by an array.
    like : array, optional
        The array whose class the result takes, as in ``cast(X, 'like', Y)``.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.cast(dl.dlarray([1, 2]), "single"))
    'single'
    """
    if type(newclass) is str and newclass == "like":
        newclass = CLASS_NAMES[to_value(like, "cast", "like").dtype]
    if not isinstance(newclass, str) or newclass not in _BY_NAME:
        raise DlgruValueError(
            identifier="dlgru:cast:class",
            function="cast",
            argument="newclass",
            came=repr(newclass) if isinstance(newclass, str) else a_kind(newclass),
            expected=listing(_BY_NAME) + ", or 'like' and an array",
        )
    convert = {"single": single, "double": double, "logical": logical}[newclass]
    result: DLArray = convert(X)
    return result


@any_spelling
def underlyingType(X: Any) -> str:
    """The class of the data: ``"single"``, ``"double"`` or ``"logical"``.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.dlarray([1.5, 2]))
    'double'
    """
    return CLASS_NAMES[to_value(X, "underlyingType").dtype]


@any_spelling
def isUnderlyingType(X: Any, typename: str) -> bool:
    """True if the data are of the class `typename`.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.isUnderlyingType(dl.dlarray([1.5, 2]), "single")
    False
    """
    if not isinstance(typename, str):
        raise DlgruTypeError(
            identifier="dlgru:isUnderlyingType:class",
            function="isUnderlyingType",
            argument="typename",
            came=a_kind(typename),
            expected=listing(_BY_NAME),
        )
    return underlyingType(X) == typename


def floating(value: Value, function: str) -> Value:
    """`value`, or an error if it is logical: activations have no logical form."""
    if value.dtype == backend.logical:
        raise DlgruTypeError(
            identifier="deep:dlarray:LogicalsNotSupported",
            function=function,
            argument="X",
            came="logical",
            expected="single or double",
            fix=f"write {function}(single(X))",
        )
    return value


@primitive("conj", labels=keep)
def conj(x: Any) -> Any:
    """Complex conjugate of each element; real data are returned as they are.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.conj(dl.dlarray([1 + 2j])))
      1×1 dlarray
    <BLANKLINE>
       1.0000 - 2.0000i
    """
    return apply_to("conj", x) if x.dtype in backend.REAL_OF else counted(x)


@conj.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: conjugate(g)


@conj.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(3, 2, kind="complex"),)


def conjugate(x: Any) -> Any:
    """The conjugate of a Value or number, for derivatives: real ones pass, and record nothing."""
    if type(x) is not Value:
        return x.conjugate()
    return conj(x) if x.data.dtype in backend.REAL_OF else x


@primitive("real", labels=keep)
def real(x: Any) -> Any:
    """Real part of each element.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.real(dl.dlarray([3 + 4j])))
    3.0
    """
    return as_colmajor(xp_of(x), x.real) if x.dtype in backend.REAL_OF else counted(x)


@real.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: astype(g, x.dtype)


@real.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)


@primitive("imag", labels=keep)
def imag(x: Any) -> Any:
    """Imaginary part of each element; zeros for real data.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.imag(dl.dlarray([3 + 4j])))
    4.0
    """
    xp = xp_of(x)
    return as_colmajor(xp, x.imag) if x.dtype in backend.REAL_OF else xp.zeros_like(counted(x))


@imag.vjp
def _(y: Value, x: Value) -> Any:
    if x.dtype not in backend.REAL_OF:
        return lambda g: None
    return lambda g: g * 1j


@imag.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 2, kind="complex"),)
