"""``dlfeval`` opens a tape, ``dlgradient`` reads it backward.

``dlgradient`` leaves one entry on the tape, however long the backward pass: the
gradients as outputs, and a pull that, *if* somebody differentiates them, replays
the backward pass in recorded form on a scratch list and pulls back over that.  So
higher derivatives need no flag, at any order, through every operation, and cost
nothing until they are asked for.  ``EnableHigherDerivatives=True`` records at once,
which is faster when they are certain to be needed.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.calls import any_spelling, known_keywords
from dlgru.errors import DlgruTypeError, DlgruValueError, DlgruWarning, a_kind
from dlgru.fused import seeds_of
from dlgru.keeping import own
from dlgru.labels import describe
from dlgru.mfunction import call_with_nargout
from dlgru.namevalue import Flag
from dlgru.ops.classes import astype, real
from dlgru.parentheses import is_function
from dlgru.places import memory_of
from dlgru.tape import Tape, next_id, pull_back
from dlgru.tree import leaves, path_of, tree_map, way_to
from dlgru.untraced import how_to_trace

_open = threading.local()


def _calls() -> list[tuple[Any, ...]]:
    """The arguments of each ``dlfeval`` that runs in this thread, the innermost last."""
    if not hasattr(_open, "calls"):
        _open.calls = []
    calls: list[tuple[Any, ...]] = _open.calls
    return calls


@known_keywords
def dlfeval(fun: Callable[..., Any], *args: Any, nargout: int | None = None) -> Any:
    """Evaluate a function with automatic differentiation.

    Every DLArray in the arguments, also inside structs, cells and tables, is traced
    while `fun` runs, so ``dlgradient`` can be called in it.  Arrays that `fun` makes
    or captures are constants.

    Parameters
    ----------
    fun : callable
        The function to evaluate.
    *args
        Its arguments.  Containers and arrays, NumPy's included, are handed over by value:
        `fun` cannot change the caller's.
    nargout : int, optional
        How many outputs to ask for, when `fun` is an ``@mfunction``.

    Returns
    -------
    object
        What `fun` returns, untraced.

    Examples
    --------
    >>> import dlgru as dl
    >>> def rosenbrock(x):
    ...     y = 100 * (x.m[2] - x.m[1] ** 2) ** 2 + (1 - x.m[1]) ** 2
    ...     return y, dl.dlgradient(y, x)
    >>> y, g = dl.dlfeval(rosenbrock, dl.dlarray([-1, 2]))
    >>> print(g)
      1×2 dlarray
    <BLANKLINE>
       396   200
    """
    if not is_function(fun):
        raise DlgruTypeError(
            identifier="dlgru:dlfeval:function",
            function="dlfeval",
            argument="fun",
            came=a_kind(fun),
            expected="a function",
        )
    calls = _calls()
    tape = Tape(depth=len(calls) + 1)
    calls.append(args)
    try:
        traced = [
            _trace(arg, tape)
            if type(arg) is DLArray
            else tree_map(lambda leaf: _trace(leaf, tape), arg)
            for arg in args
        ]
        result = call_with_nargout(fun, nargout, *traced)
        return _untrace(result)
    finally:
        calls.pop()
        tape.close()


def _trace(leaf: Any, tape: Tape) -> Any:
    if type(leaf) is not DLArray:
        return own(leaf)
    value = leaf._value or leaf._settle()
    if value.tape is not None and value.traced:
        warnings.warn(
            DlgruWarning(
                "dlfeval: an array that an outer dlfeval traces came in as an argument; "
                "the inner results are constants for the outer trace"
            ),
            stacklevel=5,
        )
    return wrap(Value(value.data, tape, next_id()), leaf._labels)


def _untrace(result: Any) -> Any:
    """The result with constants for arrays; containers are rebuilt, arrays get fresh handles."""

    def constant(leaf: Any) -> Any:
        if type(leaf) is not DLArray:
            return leaf
        return wrap(Value((leaf._value or leaf._settle()).data), leaf._labels)

    if type(result) is tuple:  # what most functions return
        return tuple([constant(x) if type(x) is DLArray else tree_map(constant, x) for x in result])
    return tree_map(constant, result)


@any_spelling
def dlgradient(
    y: Any,
    *x: Any,
    RetainData: Annotated[bool, Flag()] = False,
    EnableHigherDerivatives: Annotated[bool, Flag()] = False,
    AllowComplex: Annotated[bool, Flag()] = True,
) -> Any:
    """Gradient of a scalar with respect to one or more traced variables.

    Parameters
    ----------
    y : DLArray
        A traced real scalar.
    *x : DLArray, struct, cell or table
        Traced variables, or containers of them.  They may be intermediate results.
    RetainData : bool, default False
        Keep what fused operations saved for a further ``dlgradient`` on the same
        trace.  Only speed and memory change; a second call is legal either way.
    EnableHigherDerivatives : bool, default False
        Record the backward pass at once.  Gradients can be differentiated again
        without it, too; the pass is then replayed when that happens.
    AllowComplex : bool, default True
        False makes complex variables an error.

    Returns
    -------
    DLArray, container or tuple
        For each x its gradient: the same container, and each array the size, format
        and class of its variable; zeros where y does not depend on it.  One x gives
        one gradient, several give a tuple.

    Examples
    --------
    >>> import dlgru as dl
    >>> f = lambda x: dl.dlgradient(dl.sum(x ** 3), x)
    >>> print(dl.dlfeval(f, dl.dlarray([1, 2])))
      1×2 dlarray
    <BLANKLINE>
         3    12

    A gradient can be differentiated again:

    >>> def second(x):
    ...     g = dl.dlgradient(dl.sum(x ** 3), x)
    ...     return dl.dlgradient(dl.sum(g), x)
    >>> print(dl.dlfeval(second, dl.dlarray([1, 2])))
      1×2 dlarray
    <BLANKLINE>
         6    12
    """
    tape = _check_scalar(y)
    if not x:
        raise DlgruTypeError(
            "Not enough input arguments",
            identifier="dlgru:dlgradient:arguments",
            function="dlgradient",
            argument="x",
            came="missing",
            expected="at least one variable: dlgradient(y, x)",
        )
    wanted: dict[int, Value] = {}
    for k, tree in enumerate(x):
        for leaf in (tree,) if type(tree) is DLArray else leaves(tree):
            value = _variable(leaf, tree, k, tape, AllowComplex)
            if value is not None:
                wanted[value.id] = value
    with memory_of("dlgradient"):
        gradients = _gradients(
            tape,
            y.value,
            wanted,
            retain=RetainData,
            record=EnableHigherDerivatives,
        )

    def gradient_of(leaf: Any) -> Any:
        return wrap(gradients[leaf.value.id], leaf._labels) if type(leaf) is DLArray else leaf

    results = tuple([gradient_of(t) if type(t) is DLArray else tree_map(gradient_of, t) for t in x])
    return results[0] if len(results) == 1 else results


def _gradients(
    tape: Tape, y: Value, wanted: dict[int, Value], retain: bool, record: bool
) -> dict[int, Value]:
    """Gradient Values by id of the variable, on the tape."""
    entries = tape.recorded
    seed = _seed(y)
    tape.retain = retain
    if not record:
        tape.entries = None
    try:
        pulled = pull_back(tape, tuple(entries), {y.id: seed}, wanted)
    finally:
        tape.entries = entries
    count = len(entries)
    made, out = [], {}
    for i, x in wanted.items():
        g = pulled.get(i)
        if g is None or x.data.dtype == backend.logical:
            g = _zeros_like(x)
        elif g.data.dtype != x.data.dtype:
            g = _in_class_of(x, g)
        if record:
            # A variable of its own: a gradient may be constant, or one Value with another.
            source, g = g, Value(g.data, tape, next_id())
            if source.tape is tape:
                tape.append(g.id, (source.id,), lambda slope: slope)
        if not record:
            # One entry stands for the whole backward pass.
            g = Value(backend.seal(g.data), tape, next_id())
            made.append((i, g.id))
        out[i] = g
    if made:
        pull = GradientPull(y, tuple([i for i, _ in made]), count)
        tape.append(tuple([j for _, j in made]), (y.id,), pull)
    return out


class GradientPull:
    """Differentiates a gradient: replays its backward pass in recorded form."""

    __slots__ = ("count", "wanted", "y")

    def __init__(self, y: Value, wanted: tuple[int, ...], count: int) -> None:
        self.y, self.wanted, self.count = y, wanted, count

    def pull(
        self, gradients: Sequence[Value | None], needs: Sequence[bool], tape: Tape
    ) -> dict[int, Any]:
        """Gradients by id, for every id the backward pass read."""
        recorded = tape.recorded[: self.count]
        seed = _seed(self.y)
        recording = tape.entries is not None
        if not recording:
            tape.entries = []
        start = len(tape.entries)  # type: ignore[arg-type]
        try:
            pulled = pull_back(tape, recorded, {self.y.id: seed}, self.wanted)
            region = tape.entries[start:]  # type: ignore[index]
        finally:
            if not recording:
                tape.entries = None
        seeds = seeds_of(
            [(pulled[i], g) for i, g in zip(self.wanted, gradients, strict=True) if i in pulled],
            tape,
        )
        touched = set(self.wanted)
        for made, read, _ in recorded:
            touched.update(made if type(made) is tuple else (made,))
            touched.update(read)
        touched.discard(0)
        return pull_back(tape, region, seeds, touched)


def _seed(y: Value) -> Value:
    """The derivative of y with respect to itself."""
    one = backend.colmajor(backend.xp_of(y.data), y.data.shape, y.data.dtype)
    one[...] = 1
    return Value(one)


def _zeros_like(x: Value) -> Value:
    return Value(backend.xp_of(x.data).zeros_like(x.data))


def _in_class_of(x: Value, g: Value) -> Value:
    if g.dtype in backend.REAL_OF and x.dtype not in backend.REAL_OF:
        g = real(g)
    return g if g.dtype == x.dtype else astype(g, x.dtype)


def _check_scalar(y: Any) -> Tape:
    came = fix = ""
    reason = "not a traced dlarray"
    if type(y) is not DLArray:
        came, fix = a_kind(y), _how_to_trace()
    else:
        value = y.value
        if not value.traced:
            reason, came, fix = "not traced", "untraced", _how_to_trace()
        elif value.data.size != 1:
            reason, came = "non-scalar", describe(y._labels, y.shape)
            fix = 'reduce it first, for instance sum(y, "all")'
        elif value.dtype in backend.REAL_OF:
            reason, came, fix = "complex", "complex", "differentiate real(y) or abs(y)"
        elif value.dtype == backend.logical:
            reason, came, fix = "logical", "logical", ""
    if came:
        raise (DlgruValueError if reason == "non-scalar" else DlgruTypeError)(
            f"Value to differentiate is {reason}. It must be a traced real dlarray scalar",
            identifier="dlgru:dlgradient:value",
            function="dlgradient",
            argument="y",
            came=came,
            expected="a traced real scalar",
            fix=fix,
        )
    tape: Tape = y.value.tape
    return tape


def _how_to_trace() -> str:
    calls = _calls()
    return how_to_trace(calls[-1] if calls else None)


def _variable(leaf: Any, tree: Any, k: int, tape: Tape, allow_complex: bool) -> Value | None:
    """The Value of a leaf of the k-th tree; None for text and for None, which have no gradient."""
    if type(leaf) is not DLArray:
        if isinstance(leaf, str | bytes) or leaf is None:
            return None
        came = a_kind(leaf)
        fix = "pass it to dlfeval as a dlarray, so that it is traced"
    elif (value := leaf._value or leaf._settle()).tape is not tape or not value.id:
        came = "traced by another dlfeval" if value.traced else "untraced"
        fix = "pass it to the function as an argument of dlfeval; arrays made inside are constants"
    elif not allow_complex and value.data.dtype in backend.REAL_OF:
        came, fix = "complex", "leave AllowComplex at true"
    else:
        return value
    raise DlgruTypeError(
        identifier="dlgru:dlgradient:variable",
        function="dlgradient",
        argument=f"x{k + 1}{path_of(way_to(leaf, tree) or ())}",
        came=came,
        expected="a traced dlarray",
        fix=fix,
    )


def is_traced(x: Any) -> bool:
    """True while operations on `x` are recorded.

    Examples
    --------
    >>> import dlgru as dl
    >>> from dlgru.autodiff import is_traced
    >>> is_traced(dl.dlarray(1))
    False
    """
    return type(x) is DLArray and x.value.traced
