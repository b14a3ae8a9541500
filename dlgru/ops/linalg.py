"""Products: ``mtimes`` (the operator ``@``) and ``pagemtimes``.

Products are formed on the transposes: the transpose of column-major data is
row-major, which is what NumPy's BLAS path reads and writes without a copy, and the
result comes out column-major.
"""

from __future__ import annotations

from typing import Annotated, Any

from dlgru.array import DLArray, Value, finish, wrap
from dlgru.backend import as_colmajor, xp_of
from dlgru.calls import any_spelling
from dlgru.cells import Cell
from dlgru.convert import is_number, labels_of, to_value
from dlgru.errors import DlgruValueError, size_text
from dlgru.labels import describe
from dlgru.namevalue import OneOf
from dlgru.op import primitive
from dlgru.ops.arithmetic import times
from dlgru.ops.classes import astype, conjugate
from dlgru.ops.pairs import match
from dlgru.ops.shape import matrix_of, transpose


def turned(x: Value) -> Value:
    """Conjugate transpose of a matrix."""
    t: Value = transpose(conjugate(x))
    return t


@primitive("mtimes", operator=("__matmul__", "__rmatmul__"))
def mtimes(A: Any, B: Any) -> Any:
    a, b, _ = match(A, B)
    return (b.T @ a.T).T


@mtimes.vjp
def _(y: Value, a: Value, b: Value) -> Any:
    da, db = a.data.dtype, b.data.dtype
    return (
        lambda g: _as(g @ turned(b), da),
        lambda g: _as(turned(a) @ g, db),
    )


def _as(g: Value, dtype: Any) -> Value:
    return g if g.data.dtype == dtype else astype(g, dtype)


@mtimes.cases
def _(r: Any) -> Any:
    yield r(3, 4), r(4, 2)
    yield r(3, 4), r(4, 1)
    yield r(3, 2, fmt="CB"), 2
    yield r(1, 1), r(3, 2, fmt="CB")
    yield r(3, 0), r(0, 2)
    yield r(2, 2, kind="complex"), r(2, 3, kind="complex")


@mtimes.door
def _mtimes(A: Any, B: Any) -> Any:
    """Matrix product, MATLAB's ``A * B``; ``A @ B`` is the same.

    Parameters
    ----------
    A, B : array
        Matrices of sizes m×k and k×n, unformatted; or one of them an unformatted
        scalar, and then the other may have any size and format.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.dlarray([[1, 2], [3, 4]]) @ dl.dlarray([[1], [1]]))
      2×1 dlarray
    <BLANKLINE>
         3
         7
    """
    if _scalar(A) or _scalar(B):
        return times(A, B)
    la, lb = labels_of(A), labels_of(B)
    a, b = to_value(A, "mtimes", "A"), to_value(B, "mtimes", "B")
    if la or lb:
        raise DlgruValueError(
            "The matrix product is defined for unformatted arrays",
            identifier="dlgru:mtimes:formatted",
            function="mtimes",
            argument="A" if la else "B",
            came=describe(la or lb, (a if la else b).shape),
            expected="no labels, or an unformatted scalar as the other operand",
            fix="write stripdims(X), or use * for the elementwise product",
        )
    if a.data.ndim != 2 or b.data.ndim != 2 or a.shape[1] != b.shape[0]:
        raise DlgruValueError(
            "Incorrect dimensions for matrix multiplication",
            identifier="dlgru:mtimes:sizes",
            function="mtimes",
            argument="A" if a.data.ndim != 2 else "B",
            came=size_text(a.shape if a.data.ndim != 2 else b.shape),
            expected=f"{a.shape[1]} rows, as A is {size_text(a.shape)}"
            if a.data.ndim == b.data.ndim == 2
            else "a matrix",
            fix="use * for the elementwise product, pagemtimes for pages",
        )
    return finish(mtimes.op.on_values(a, b))


def _scalar(x: Any) -> bool:
    if is_number(x):
        return True
    return labels_of(x) == "" and getattr(x, "shape", None) in ((), (1, 1))


@primitive("pagemtimes")
def pagemtimes(A: Any, B: Any) -> Any:
    a, b, xp = match(A, B)
    rank = a.ndim if a.ndim > b.ndim else b.ndim
    a = a.reshape(a.shape + (1,) * (rank - a.ndim), order="F")
    b = b.reshape(b.shape + (1,) * (rank - b.ndim), order="F")
    # transpose everything: pages lead, and each page is its own transpose
    return as_colmajor(xp, xp.matmul(b.T, a.T).T)


@pagemtimes.vjp
def _(y: Value, a: Value, b: Value) -> Any:
    sa, sb, da, db = a.shape, b.shape, a.dtype, b.dtype
    return (
        lambda g: pagemtimes(g, _page_turned(b)).back_to(sa, da),
        lambda g: pagemtimes(_page_turned(a), g).back_to(sb, db),
    )


@primitive("pagetranspose")
def pagetranspose(X: Any) -> Any:
    return as_colmajor(xp_of(X), X.swapaxes(0, 1))


@pagetranspose.vjp
def _(y: Value, x: Value) -> Any:
    return lambda g: pagetranspose(g)


@pagetranspose.cases
def _(r: Any) -> Any:
    yield (r(3, 2, 4),)


@pagetranspose.door
def _pagetranspose(X: Any) -> DLArray:
    """Transpose each page (the first two dimensions) of an unformatted array.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.pagetranspose(dl.ones(3, 2, 4)).shape
    (2, 3, 4)
    """
    return finish(pagetranspose.op.on_values(_plain(X, "pagetranspose", "X")))


def _page_turned(x: Value) -> Value:
    turned: Value = pagetranspose(conjugate(x))
    return turned


@pagemtimes.cases
def _(r: Any) -> Any:
    yield r(3, 4, 2), r(4, 2, 2)
    yield r(3, 4), r(4, 2, 3)
    yield r(4, 3, 2), "transpose", r(4, 2, 2), "none"


@pagemtimes.door
def _pagemtimes(
    X: Any,
    transpX: Any,
    Y: Any = None,
    transpY: Any = None,
) -> Any:
    """Matrix products of corresponding pages: ``pagemtimes(X, Y)``.

    Parameters
    ----------
    X, Y : array
        Unformatted, m×k×… and k×n×…; page dimensions expand implicitly.  Or one of them an
        unformatted scalar, and then the other may have any size and format.
    transpX, transpY : "none", "transpose" or "ctranspose"
        In the form ``pagemtimes(X, transpX, Y, transpY)``: what to do to each page first.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.pagemtimes(dl.ones(3, 4, 2), dl.ones(4, 5)).shape
    (3, 5, 2)
    """
    if Y is None and transpY is None:
        Y, transpX, transpY = transpX, "none", "none"
    if _scalar(X) or _scalar(Y):
        return times(_turned_page(X, transpX, "X"), _turned_page(Y, transpY, "Y"))
    a = _plain(_turned_page(X, transpX, "X"), "pagemtimes", "X")
    b = _plain(_turned_page(Y, transpY, "Y"), "pagemtimes", "Y")
    pages = zip(a.shape[2:], b.shape[2:], strict=False)
    if a.shape[1] != b.shape[0] or any(m != n and 1 not in (m, n) for m, n in pages):
        raise DlgruValueError(
            "Incorrect dimensions for matrix multiplication",
            identifier="dlgru:pagemtimes:sizes",
            function="pagemtimes",
            argument="Y",
            came=size_text(b.shape),
            expected=f"{a.shape[1]} rows and pages that expand against X, {size_text(a.shape)}",
        )
    return finish(pagemtimes.op.on_values(a, b))


_PAGE = OneOf("none", "transpose", "ctranspose")


def _turned_page(X: Any, how: Annotated[str, _PAGE], argument: str) -> Any:
    word = _PAGE.check(how, "pagemtimes", f"transp{argument}")
    if word == "none":
        return X
    value = _plain(X, "pagemtimes", argument)
    return finish(pagetranspose(value) if word == "transpose" else _page_turned(value))


def _plain(X: Any, function: str, argument: str) -> Value:
    labels = labels_of(X)
    if labels:
        raise DlgruValueError(
            identifier=f"dlgru:{function}:formatted",
            function=function,
            argument=argument,
            came=describe(labels, X.shape),
            expected="an unformatted array",
            fix="write stripdims(X)",
        )
    return to_value(X, function, argument)


@any_spelling
def ctranspose(X: Any) -> Any:
    """Conjugate transpose of a matrix, MATLAB's ``X'``.

    A formatted array must have two dimensions with the same label.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.ctranspose(dl.dlarray([[1, 2, 3]])).shape
    (3, 1)
    """
    if isinstance(X, Cell):
        return transpose(X)
    value, labels = matrix_of(X, "ctranspose")
    return wrap(transpose.op.on_values(conjugate(value)), labels)
