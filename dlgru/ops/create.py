"""Creators: ``zeros ones eye rand randn …``, plain or ``'like'`` another array.

Every creator gives an unlabelled, untraced DLArray, so brackets, classes and sizes
mean the same everywhere in a ported script.  Random numbers are MATLAB's own
double-precision ones; single-precision draws are these rounded, because MATLAB's own
pattern for them is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.backend import as_colmajor, colmajor, seal, xp_of
from dlgru.calls import NeedsParentheses, any_spelling
from dlgru.convert import to_raw
from dlgru.devicelibrary import device_library
from dlgru.endmark import End
from dlgru.errors import DlgruTypeError, DlgruValueError, listing
from dlgru.ops.sizes import listed, real_number, whole, whole_size
from dlgru.places import memory_of
from dlgru.rng import raw_rand, raw_randi, raw_randn, raw_randperm

_CLASSES = {"double": backend.double, "single": backend.single, "logical": backend.logical}


def _request(function: str, args: tuple[Any, ...], like: Any) -> tuple[tuple[int, ...], Any, Any]:
    """Sizes, dtype and array library out of ``(m, n, …, typename)`` and ``like``."""
    sizes = list(args)
    dtype: Any = backend.double
    xp: Any = np
    if sizes and isinstance(sizes[-1], str) and sizes[-1] == "gpuArray":
        sizes.pop()
        xp = device_library(function)
    if like is not None:
        # The prototype's numbers do not matter, so they are not copied.
        raw = like.value.data if type(like) is DLArray else to_raw(like, function, "like")
        dtype, xp = raw.dtype, xp_of(raw)
    elif sizes and isinstance(sizes[-1], str):
        name = sizes.pop()
        if name not in _CLASSES:
            raise DlgruValueError(
                identifier=f"dlgru:{function}:class",
                function=function,
                argument="typename",
                came=f'"{name}"',
                expected=listing(_CLASSES) + ", then perhaps \"gpuArray\"; or 'like' and an array",
            )
        dtype = _CLASSES[name]
    if len(sizes) == 1 and (
        isinstance(sizes[0], list | tuple) or getattr(sizes[0], "shape", ()) not in ((), (1, 1))
    ):
        given = sizes[0]
        if isinstance(given, list | tuple) and any(isinstance(n, list | tuple) for n in given):
            given = to_raw(given, function, "sz")
        sizes = listed(given, function, "sz")
    shape = [whole_size(n, function, "sz") for n in sizes]
    if not shape:
        shape = [1, 1]
    elif len(shape) == 1:
        shape *= 2
    while len(shape) > 2 and shape[-1] == 1:
        shape.pop()
    return tuple(shape), dtype, xp


def _made(data: Any) -> DLArray:
    return wrap(Value(seal(data)), "")


def _filled(function: str, number: float, sz: tuple[Any, ...], like: Any) -> DLArray:
    shape, dtype, xp = _request(function, sz, like)
    if dtype == backend.logical and not math.isfinite(number):
        raise _not_logical(function)
    with memory_of(function):
        data = colmajor(xp, shape, dtype)
        data[...] = number
    return _made(data)


def _not_logical(function: str) -> DlgruTypeError:
    return DlgruTypeError(
        identifier=f"dlgru:{function}:class",
        function=function,
        argument="typename",
        came='"logical"',
        expected=listing(["double", "single"]),
    )


@any_spelling
def zeros(*sz: Any, like: Any = None) -> DLArray:
    """Array of zeros: ``zeros(n)``, ``zeros(m, n, …)``, ``zeros([m, n])``.

    Parameters
    ----------
    *sz : int or list, then optionally a class
        Sizes (n alone is n×n; none is 1×1), then ``"single"``, ``"double"`` or
        ``"logical"``, then ``"gpuArray"`` for an array on the GPU; or ``'like', p``.
    like : array, optional
        Take class and device of this array, not its labels.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.zeros(2, 3, "single").dtype
    dtype('float32')
    """
    shape, dtype, xp = _request("zeros", sz, like)
    with memory_of("zeros"):
        return _made(xp.zeros(shape, dtype=dtype, order="F"))


@any_spelling
def ones(*sz: Any, like: Any = None) -> DLArray:
    """Array of ones; takes the arguments of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.ones(2, 3).shape
    (2, 3)
    """
    return _filled("ones", 1, sz, like)


@NeedsParentheses
@any_spelling
def true(*sz: Any) -> DLArray:
    """Logical array of ones; takes the sizes of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.underlyingType(dl.true(2, 2))
    'logical'
    """
    return _filled("true", True, (*sz, "logical"), None)


@NeedsParentheses
@any_spelling
def false(*sz: Any) -> DLArray:
    """Logical array of zeros; takes the sizes of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> bool(dl.false())
    False
    """
    return _filled("false", False, (*sz, "logical"), None)


@NeedsParentheses
@any_spelling
def NaN(*sz: Any, like: Any = None) -> DLArray:
    """Array of NaN; takes the arguments of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.NaN(2, 3).shape
    (2, 3)
    """
    return _filled("NaN", math.nan, sz, like)


@NeedsParentheses
@any_spelling
def Inf(*sz: Any, like: Any = None) -> DLArray:
    """Array of Inf; takes the arguments of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> float(dl.Inf(1))
    inf
    """
    return _filled("Inf", math.inf, sz, like)


@any_spelling
def eye(*sz: Any, like: Any = None) -> DLArray:
    """Identity matrix; takes the arguments of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.eye(2))
      2×2 dlarray
    <BLANKLINE>
         1     0
         0     1
    """
    shape, dtype, xp = _request("eye", sz, like)
    if len(shape) != 2:
        raise DlgruValueError(
            identifier="dlgru:eye:size",
            function="eye",
            argument="sz",
            came=f"{len(shape)} sizes",
            expected="one or two",
        )
    with memory_of("eye"):
        return _made(as_colmajor(xp, xp.eye(*shape, dtype=dtype)))


@any_spelling
def colon(first: Any, step: Any, last: Any = None) -> DLArray:
    """The row ``first:last`` or ``first:step:last``, both ends included.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.colon(1, 2, 7))
      1×4 dlarray
    <BLANKLINE>
         1     3     5     7
    """
    given = [x for x in (first, step, last) if x is not None]
    if any(isinstance(x, End) for x in given):
        waiting: Any = End.of(colon, *given)
        return waiting  # type: ignore[no-any-return]
    a = real_number(first, "colon", "first")
    d = 1.0 if last is None else real_number(step, "colon", "step")
    b = real_number(step if last is None else last, "colon", "last")
    if d == 0 or math.isnan(a + d + b) or ((d > 0) != (b >= a) and b != a):
        return _made(np.zeros((1, 0), order="F"))
    if math.isinf(a) or math.isinf(b):
        raise DlgruValueError(
            identifier="dlgru:colon:infinite",
            function="colon",
            argument="first" if math.isinf(a) else "last",
            came=str(a if math.isinf(a) else b),
            expected="a finite number: the row would have no end",
        )
    if math.isinf(d):
        return _made(np.array([[a]]))
    # A last element within rounding of the end belongs to the row.
    count = math.floor((b - a) / d * (1 + 2 * np.finfo(float).eps)) + 1
    row = a + d * np.arange(count)
    if count and abs(row[-1]) > abs(b) and (row[-1] - b) * d > 0:
        row[-1] = b
    return _made(row.reshape(1, -1))


@any_spelling
def linspace(first: Any, last: Any, n: Any = 100) -> DLArray:
    """A row of `n` equally spaced points from `first` to `last`.

    Examples
    --------
    >>> import dlgru as dl
    >>> print(dl.linspace(0, 1, 3))
      1×3 dlarray
    <BLANKLINE>
             0    0.5000    1.0000
    """
    count = max(1, whole(n, "linspace", "n"))
    a, b = real_number(first, "linspace", "first"), real_number(last, "linspace", "last")
    with np.errstate(all="ignore"):
        row = np.linspace(a, b, count) if count > 1 else np.array([b])
    return _made(row.reshape(1, -1))


# -- random numbers ----------------------------------------------------------------------


def _drawn(
    function: str, draw: Callable[[tuple[int, ...]], Any], sz: tuple[Any, ...], like: Any
) -> DLArray:
    shape, dtype, xp = _request(function, sz, like)
    if dtype == backend.logical:
        raise _not_logical(function)
    numbers = draw(shape)
    if dtype in backend.REAL_OF:
        numbers = numbers + 1j * draw(shape)
    with memory_of(function):
        data = xp.asarray(numbers.astype(dtype, order="F", copy=False), order="F")
    return _made(data)


@NeedsParentheses
@any_spelling
def rand(*sz: Any, like: Any = None) -> DLArray:
    """Uniform random numbers in (0, 1), MATLAB's own after the same ``rng(seed)``.

    Takes the arguments of :func:`zeros`.  Filled column by column.  Single-precision
    draws are double draws rounded: MATLAB's own single stream is not known.

    Examples
    --------
    >>> import dlgru as dl
    >>> _ = dl.rng("default")
    >>> print(dl.rand(1, 3))
      1×3 dlarray
    <BLANKLINE>
        0.8147    0.9058    0.1270
    """
    return _drawn("rand", raw_rand, sz, like)


@NeedsParentheses
@any_spelling
def randn(*sz: Any, like: Any = None) -> DLArray:
    """Standard normal random numbers, MATLAB's own after the same ``rng(seed)``.

    Takes the arguments of :func:`zeros`.  Single-precision draws are double draws
    rounded: MATLAB's own single stream is not known.

    Examples
    --------
    >>> import dlgru as dl
    >>> _ = dl.rng("default")
    >>> print(dl.randn(1, 3))
      1×3 dlarray
    <BLANKLINE>
        0.5377    1.8339   -2.2588
    """
    return _drawn("randn", raw_randn, sz, like)


@any_spelling
def randi(imax: Any, *sz: Any, like: Any = None) -> DLArray:
    """Uniform random whole numbers from 1 to `imax`, or from `imax[0]` to `imax[1]`.

    Further arguments are those of :func:`zeros`.

    Examples
    --------
    >>> import dlgru as dl
    >>> _ = dl.rng("default")
    >>> print(dl.randi(10, 1, 3))
      1×3 dlarray
    <BLANKLINE>
         9    10     2
    """
    if type(imax) is DLArray or isinstance(imax, np.ndarray):
        bounds: Any = [
            real_number(x, "randi", "imax")
            for x in to_raw(
                imax._dlgru_raw() if type(imax) is DLArray else imax, "randi", "imax"
            ).ravel()
        ]
        imax = bounds[0] if len(bounds) == 1 else tuple(bounds)
    elif isinstance(imax, list | tuple):
        imax = tuple([real_number(x, "randi", "imax") for x in imax])
    else:
        real_number(imax, "randi", "imax")
    return _drawn("randi", lambda shape: raw_randi(imax, shape), sz, like)


@any_spelling
def randperm(n: Any, k: Any = None) -> DLArray:
    """A random permutation of 1..n as a row, or `k` different ones of these numbers.

    Examples
    --------
    >>> import dlgru as dl
    >>> _ = dl.rng("default")
    >>> print(dl.randperm(4))
      1×4 dlarray
    <BLANKLINE>
         3     1     2     4
    """
    size = whole(n, "randperm", "n")
    row = raw_randperm(size, None if k is None else whole(k, "randperm", "k"))
    return _made(np.asfortranarray(np.asarray(row, dtype=float).reshape(1, -1)))
