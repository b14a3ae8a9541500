"""The third door: ``from dlgru.matlab import *`` at the top of a ported script.

It re-exports all of dlgru and adds the plain MATLAB names ``end pi inf nan eps``.  On
purpose it shadows seven Python builtins, and no more: ``abs all any max min round
sum``.  There numbers, lists and arrays have MATLAB's meaning (``round(2.5)`` is 3),
Python numbers give Python numbers, whole ones give whole ones, and the builtin is called
for the forms MATLAB lacks: iterators, generators, sets, dictionary views, ``key=``,
``default=``, ``start=``, ``ndigits=``.

Questions (``isempty`` and their like) answer with NumPy's logical value here: of
Python's, ``~False`` is -1 and ``~True`` is -2, and ``if`` takes both for true.
"""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable, ItemsView, Iterator, KeysView, Set, ValuesView
from typing import Any

import numpy as np

import dlgru
from dlgru import *  # noqa: F403
from dlgru import callednumbers
from dlgru.array import DLArray
from dlgru.calls import NeedsParentheses
from dlgru.convert import is_number

pi = math.pi
inf = callednumbers.inf
nan = callednumbers.nan
eps = callednumbers.epsilon

_PYTHON_ONLY = (Iterator, Set, KeysView, ValuesView, ItemsView)


def _shadow(name: str, *keywords: str) -> Callable[..., Any]:
    ours: Callable[..., Any] = getattr(dlgru, name)
    builtin: Callable[..., Any] = getattr(builtins, name)

    @functools.wraps(ours)
    def function(*args: Any, **options: Any) -> Any:
        if args and (isinstance(args[0], _PYTHON_ONLY) or not options.keys().isdisjoint(keywords)):
            return builtin(*args, **options)
        result = ours(*args, **options)
        if type(result) is DLArray and builtins.all(is_number(a) for a in args):
            return _number(result._scalar(name), name, args)
        return result

    function.__module__ = __name__
    return function


def _number(x: Any, name: str, args: tuple[Any, ...]) -> Any:
    """The result of Python numbers: what may stand in ``range`` and brackets stays an int."""
    if isinstance(x, bool):
        return np.bool_(x)
    whole = builtins.all(isinstance(a, int) for a in args) or (name == "round" and len(args) == 1)
    return int(x) if whole and isinstance(x, float) and x.is_integer() else x


def _logical(name: str) -> Callable[..., Any]:
    """A question whose answer knows ``~``."""
    ours: Callable[..., Any] = getattr(dlgru, name)

    @functools.wraps(ours, updated=())
    def function(*args: Any, **options: Any) -> Any:
        result = ours(*args, **options)
        return np.bool_(result) if isinstance(result, bool) else result

    function.__module__ = __name__
    return function


abs = _shadow("abs")
all = _shadow("all")
any = _shadow("any")
max = _shadow("max", "key", "default")
min = _shadow("min", "key", "default")
round = _shadow("round", "ndigits")
sum = _shadow("sum", "start")

isUnderlyingType = _logical("isUnderlyingType")
iscell = _logical("iscell")
isdlarray = _logical("isdlarray")
isempty = _logical("isempty")
isequal = _logical("isequal")
isfield = _logical("isfield")
isgpuarray = _logical("isgpuarray")
isstruct = _logical("isstruct")
istable = _logical("istable")
canUseGPU = NeedsParentheses(_logical("canUseGPU"))

__all__ = [*dlgru.__all__, *"abs all any max min round sum pi inf nan eps".split()]
