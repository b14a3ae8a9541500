"""Functions of any floor that understand every spelling of a call.

Operations get this from ``op.py``; everything else that is public and takes options
wears ``@any_spelling``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from dlgru.namevalue import Binder

P = ParamSpec("P")
R = TypeVar("R")


def any_spelling(function: Callable[P, R]) -> Callable[P, R]:
    """Let options come as ``'Name', value`` or ``Name=value``, and check the arguments' number.

    The keyword-only parameters are the options.  To type checkers the signature stays
    what it is.
    """
    binder = Binder(function, function.__name__)
    exact: Any = function

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        positional, named = binder(args, kwargs)
        result: R = exact(*positional, **named)
        return result

    return call
