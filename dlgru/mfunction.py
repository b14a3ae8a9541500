"""Functions with MATLAB's calling convention: values in, as many outputs as asked for.

MATLAB knows on the calling side how many outputs are wanted (``nargout``), hands
arguments over as values, and takes the first output where one is enough.  Python
knows none of this.  ``nargout=n``, the spelling of MATLAB's engine for Python, says
the first; ``@mfunction`` does the rest for a user's ``def``, so that a ported helper
behaves as it did, also where ``cellfun`` or ``dlfeval`` call it.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any

from dlgru.arrayhook import scalar_of
from dlgru.calls import any_spelling
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.keeping import own
from dlgru.tree import tree_map


def by_value(x: Any) -> Any:
    """Return `x` so that changing it leaves the caller's untouched.

    Structs, cells, tables, lists, tuples and dictionaries are rebuilt, arrays get
    handles of their own, ndarrays are copied; other objects are handed over as they are.
    """
    return tree_map(own, x)


@any_spelling
def mfunction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function behave as a MATLAB function does.

    Its arguments arrive as values.  It returns its outputs as a tuple, in order; the
    caller gets the first one, or with ``nargout=n`` the first n as a tuple.  A function
    that needs to know how many are wanted takes a parameter ``nargout`` itself.

    Raises
    ------
    DlgruValueError
        If more outputs are asked for than the function returns.

    Examples
    --------
    >>> from dlgru.mfunction import mfunction
    >>> @mfunction
    ... def extent(x):
    ...     return min(x), max(x)
    >>> extent([3, 1, 2])
    1
    >>> extent([3, 1, 2], nargout=2)
    (1, 3)
    """
    passes = takes_nargout(function)
    name = _name_of(function)

    @functools.wraps(function)
    def with_outputs(*args: Any, nargout: Any = 1, **options: Any) -> Any:
        wanted = _whole(nargout, name)
        if passes:
            options["nargout"] = wanted
        result = function(
            *[by_value(x) for x in args],
            **{key: by_value(x) for key, x in options.items()},
        )
        return first_outputs(result, wanted, name)

    with_outputs._takes_nargout = True  # type: ignore[attr-defined]
    return with_outputs


def call_with_nargout(
    function: Callable[..., Any], nargout: int | None, *args: Any, **options: Any
) -> Any:
    """Call a function and ask it for `nargout` outputs.

    With None nothing is asked: the function returns what it returns.  A function that
    takes ``nargout`` gets it; of what any other returns, the first output or the first
    n are taken.  One output is returned as it is, several as a tuple, none as None.
    """
    if nargout is None:
        return function(*args, **options)
    name = _name_of(function)
    wanted = _whole(nargout, name)
    if takes_nargout(function):
        options["nargout"] = wanted
    return first_outputs(function(*args, **options), wanted, name)


def first_outputs(result: Any, wanted: int, name: str) -> Any:
    """Return the first `wanted` outputs out of what a function returned."""
    if isinstance(result, tuple):
        given = len(result)
    else:
        given = 0 if result is None else 1
    if wanted > given and (wanted > 1 or isinstance(result, tuple)):
        raise DlgruValueError(
            "Too many output arguments",
            identifier="dlgru:nargout:tooMany",
            function=name,
            argument="nargout",
            came=str(wanted),
            expected=f"at most {given}",
        )
    if wanted == 0:
        return None
    if not isinstance(result, tuple):
        return result
    return result[0] if wanted == 1 else tuple(result[:wanted])


def takes_nargout(function: Callable[..., Any]) -> bool:
    """True if a function has a parameter ``nargout``."""
    known = getattr(function, "_takes_nargout", None)
    if isinstance(known, bool):
        return known
    code = getattr(function, "__code__", None)
    if code is not None and not hasattr(function, "__wrapped__"):
        count = code.co_argcount + code.co_kwonlyargcount
        if "nargout" in code.co_varnames[:count]:
            return True
        if not hasattr(function, "__signature__"):
            return False
    try:
        return "nargout" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _whole(nargout: Any, name: str) -> int:
    number = scalar_of(nargout)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    try:
        wanted = operator.index(number)
    except TypeError:
        wanted = -1
    if wanted < 0:
        raise DlgruTypeError(
            identifier="dlgru:nargout:value",
            function=name,
            argument="nargout",
            came=repr(nargout),
            expected="a whole number of outputs",
        )
    return wanted


def _name_of(function: Any) -> str:
    name: str = getattr(function, "__name__", type(function).__name__)
    return name
