"""How an operation is defined, in one place.

A *primitive* is a forward on raw arrays and a derivative written in operations::

    @primitive("tanh", labels=keep)
    def tanh(x):
        '''Hyperbolic tangent of each element.'''
        return apply_to("tanh", x)           # raw arrays

    @tanh.vjp
    def _(y, x):                             # Values, staged: the closure keeps y alone
        return lambda g: g * conjugate(1 - y * y)

    @tanh.cases
    def _(r):                                # inputs for tests and docs
        yield r(3, 2, fmt="CB"),

A *composite* is a function written in operations; it needs no derivative.  It may
carry a *fused* pair for the whole of it; the body stays the definition, and
higher derivatives replay it.

Each operation has two faces.  ``op.on_values`` takes Values, positional and exact,
computes and records; derivatives and composite bodies use it.  The public function
is the *door*: it understands every spelling of the call, takes DLArrays and
anything else a user has, works out the labels and hands Values inward.  Doors come
from a small family of label rules, or are written out beside the operation.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, overload

from numpy import errstate, ndarray

from dlgru.array import DLArray, Value, finish, wrap
from dlgru.convert import to_value
from dlgru.endmark import End, waits_for_end
from dlgru.errors import DlgruTypeError
from dlgru.fused import Fused, apply_fused
from dlgru.namevalue import Binder
from dlgru.places import mixed, operands, raise_out_of_memory, together
from dlgru.tape import Tape, next_id

Door = Callable[..., Any]
Rule = Callable[["Operation"], Door]


class Public(Protocol):
    """What a decorated operation looks like to the file that defines it."""

    op: Operation
    __name__: str

    @overload
    def __call__(self, x: Value, /, *args: Any, **kwargs: Any) -> Any: ...
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> DLArray: ...
    def vjp(self, rule: Callable[..., Any]) -> Callable[..., Any]: ...
    def door(self, door: Door) -> Door: ...
    def cases(self, cases: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]: ...


class Operation:
    """All that is known about one operation."""

    def __init__(self, name: str, function: Callable[..., Any], *, composite: bool) -> None:
        self.name = name
        self.function = function
        self.composite = composite
        self.differentiable = True
        self.expands = False
        self.moves = False
        self.vjp_rule: Callable[..., Any] | None = None
        self.fused: Fused | None = None
        self.case_maker: Callable[[Any], Iterator[Any]] | None = None
        self.public: Public
        self.on_values: Callable[..., Any]
        self._door: Door
        self._binder: Binder
        self._required = -1

    def set_door(self, door: Door, signature_of: Callable[..., Any]) -> None:
        """Make `door` the public face; options are read from `signature_of`."""
        self._door = door
        self._binder = Binder(signature_of, self.name)
        self._required = -1 if self._binder.variadic else self._binder.required

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call from outside, in any spelling."""
        if kwargs or not (len(args) == self._required or self._binder.fits(args)):
            args, kwargs = self._binder(args, kwargs)
        try:
            return self._door(*args, **kwargs)
        except DlgruTypeError as problem:
            if waits_for_end(args):
                return End.of(self.public, *args)
            if problem.identifier.endswith(":device"):
                found = operands(self._binder.positional, (*args, *kwargs.values()))
                if len({x.on_device for x in found}) > 1:
                    # What a part of the operation found, in the words of this call.
                    raise mixed(self.name, found) from None
            raise
        except MemoryError as problem:
            raise_out_of_memory(self.name, problem)
            raise


OPS: dict[str, Operation] = {}
"""Every operation by name, for the tests that run over all of them."""


def primitive(
    name: str,
    *,
    labels: Rule | None = None,
    operator: Iterable[str] = (),
    differentiable: bool = True,
    expands: bool = False,
) -> Callable[[Callable[..., Any]], Public]:
    """Define an operation by its forward on raw arrays.

    Parameters
    ----------
    name
        The public name.
    labels
        A label rule that makes the door; leave it out and write ``@op.door``.
    operator
        Names of the operator methods this operation is, such as ``"__add__"``;
        a name that starts with ``__r`` gets the operands swapped.
    differentiable
        False for operations whose derivative is zero wherever it exists.
    expands
        True for operations whose operands expand to a common size and class: each
        gradient is brought back to the size and class of its operand.
    """

    def decorate(forward: Callable[..., Any]) -> Public:
        op = Operation(name, forward, composite=False)
        op.differentiable = differentiable
        op.expands = expands
        op.on_values = _apply_primitive(op)
        return _publish(op, labels, operator)

    return decorate


def composite(
    name: str, *, labels: Rule | None = None, fused: Fused | None = None
) -> Callable[[Callable[..., Any]], Public]:
    """Define an operation by a body written in operations on Values."""

    def decorate(body: Callable[..., Any]) -> Public:
        op = Operation(name, body, composite=True)
        op.fused = fused
        op.on_values = apply_fused(body, fused) if fused else body
        return _publish(op, labels, ())

    return decorate


def _publish(op: Operation, labels: Rule | None, operator: Iterable[str]) -> Public:
    OPS[op.name] = op
    call = op.call

    @functools.wraps(op.function)
    def public(*args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is Value:
            return op.on_values(*args, **kwargs)
        return call(args, kwargs)

    def vjp(rule: Callable[..., Any]) -> Callable[..., Any]:
        op.vjp_rule = rule
        return rule

    def door(function: Door) -> Door:
        op.set_door(function, function)
        public.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        public.__doc__ = function.__doc__
        return function

    def cases(maker: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
        op.case_maker = maker
        return maker

    public.op, public.vjp, public.door, public.cases = op, vjp, door, cases  # type: ignore[attr-defined]
    op.public = public  # type: ignore[assignment]
    if labels is not None:
        op.set_door(labels(op), op.function)
    for method in operator:
        install_operator(method, op)
    return public  # type: ignore[return-value]


def install_operator(method: str, op: Operation) -> None:
    """Make `op` the operator `method` of both array classes."""
    reflected = method.startswith("__r") and method not in ("__rshift__", "__round__")

    # The door is looked up when called: it may be set after the decorator ran.
    if reflected:
        setattr(DLArray, method, lambda self, other: op._door(other, self))
        setattr(Value, method, lambda self, other: op.on_values(other, self))
    elif method in ("__neg__", "__pos__", "__abs__", "__invert__"):
        setattr(DLArray, method, lambda self: op._door(self))
        setattr(Value, method, lambda self: op.on_values(self))
    else:
        setattr(DLArray, method, _two_operands(op))
        if method not in ("__eq__", "__ne__"):
            setattr(Value, method, lambda self, other: op.on_values(self, other))


def _two_operands(op: Operation) -> Callable[[DLArray, Any], Any]:
    def method(self: DLArray, other: Any) -> Any:
        try:
            return op._door(self, other)
        except DlgruTypeError:
            if isinstance(other, End):
                return NotImplemented  # its own operators put the expression off
            raise

    return method


# -- running on Values ---------------------------------------------------------


def _apply_primitive(op: Operation) -> Callable[..., Any]:
    # NumPy's floating-point warnings are off while an operation computes, as they are in
    # MATLAB.  As a decorator this costs half of what it costs as a block.
    forward, expands = errstate(all="ignore")(op.function), op.expands
    parameters = inspect.signature(op.function).parameters.values()
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    def in_one_place(inputs: Any, problem: Exception | None) -> tuple[Any, ...] | None:
        return together(op.name, names, inputs, problem, _to_device)

    def on_values(*inputs: Any, **options: Any) -> Any:
        tape = None
        raw = []
        for x in inputs:
            if type(x) is Value:
                raw.append(x.data)
                t = x.tape
                if t is not None and t.entries is not None and t is not tape:
                    if tape is None or t.depth > tape.depth:
                        tape = t
            else:
                raw.append(x)
        try:
            out = forward(*raw, **options)
        except Exception as problem:
            moved = in_one_place(inputs, problem)
            if moved is None:
                raise
            return on_values(*moved, **options)
        if type(out) is not ndarray:
            if type(out) is tuple:
                return _record_many(op, tape, out, inputs, options)
            # Some functions of a device library take host arrays without a word.
            moved = None if op.moves else in_one_place(inputs, None)
            if moved is not None:
                return on_values(*moved, **options)
        if tape is None or not op.differentiable:
            return Value(out)
        y = Value(out, tape, next_id())
        pull = op.vjp_rule(y, *inputs, **options)  # type: ignore[misc]
        if pull is None:  # constant for such data
            return Value(out)
        read = tuple([x.id if type(x) is Value and x.tape is tape else 0 for x in inputs])
        if type(pull) is tuple:
            # Dropping the pulls of constants frees what their closures hold.
            pulls = zip(inputs, read, pull, strict=True)
            if expands:
                pull = tuple([back_to(x, y, p) if i else None for x, i, p in pulls])
            elif 0 in read:
                pull = tuple([p if i else None for _, i, p in pulls])
        elif len(read) > 1 and callable(pull):
            read = read[:1]
        tape.append(y.id, read, pull)
        return y

    return on_values


def _to_device(x: Value, xp: Any) -> Value:
    moved: Value = OPS["gpuArray"].on_values(x, xp=xp)
    return moved


def back_to(x: Value, y: Value, pull: Any) -> Any:
    """A pull for an operand that may have been expanded or promoted to the result y.

    Its gradient is summed over what was expanded and cast to the class of x, which
    makes it real for a real x.
    """
    shape, dtype, result = x.data.shape, x.data.dtype, y.data
    if pull is None or (shape == result.shape and dtype == result.dtype):
        return pull
    return lambda g: pull(g).back_to(shape, dtype)


def _record_many(
    op: Operation, tape: Tape | None, raw: tuple[Any, ...], inputs: Any, options: dict[str, Any]
) -> tuple[Value, ...]:
    if tape is None or not op.differentiable:
        return tuple([Value(d) for d in raw])
    outs = tuple([Value(d, tape, next_id()) for d in raw])
    joint = op.vjp_rule(outs, *inputs, **options)  # type: ignore[misc]
    read = tuple([x.id if type(x) is Value and x.tape is tape else 0 for x in inputs])
    tape.append(tuple([y.id for y in outs]), read, joint)
    return outs


# -- the two label rules that move no data ----------------------------------------


def keep(op: Operation) -> Door:
    """Door of an operation on one array that keeps its labels."""
    from_value = op.on_values

    def door(x: Any, **options: Any) -> DLArray:
        if type(x) is DLArray:
            return wrap(from_value(x._value or x._settle(), **options), x._labels)
        return wrap(from_value(to_value(x, op.name), **options), "")

    return door


def unlabelled(op: Operation) -> Door:
    """Door of an operation on unformatted or formatted arrays whose result has no labels."""

    def door(*arrays: Any, **options: Any) -> DLArray:
        return finish(op.on_values(*[to_value(x, op.name) for x in arrays], **options))

    return door
