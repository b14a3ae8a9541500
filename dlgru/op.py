"""How an operation is defined, in one place.

A *primitive* is a forward on raw arrays and a derivative written in operations::

    @primitive("tanh", labels=keep)
    def tanh(x):
        '''Hyperbolic tangent of each element.'''
        return xp_of(x).tanh(x)              # raw arrays

    @tanh.vjp
    def _(y, x):                             # Values, staged: the closure keeps y alone
        return lambda g: g * conj(1 - y * y)

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from numpy import errstate

from dlgru.array import DLArray, Value, finish, wrap
from dlgru.convert import to_value
from dlgru.namevalue import Binder
from dlgru.tape import Tape, next_id, pull_back

Door = Callable[..., Any]
Rule = Callable[["Operation"], Door]


class Public(Protocol):
    """What a decorated operation looks like to the file that defines it."""

    op: Operation
    __name__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def vjp(self, rule: Callable[..., Any]) -> Callable[..., Any]: ...
    def door(self, door: Door) -> Door: ...
    def cases(self, cases: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]: ...


class Fused(Protocol):
    """A faster pair for a whole composite, on the same inputs as its body."""

    def accepts(self, inputs: Sequence[Value], options: dict[str, Any]) -> bool:
        """True if this pair can compute the call; the body does otherwise."""

    def forward(
        self, inputs: Sequence[Value], options: dict[str, Any], save: bool
    ) -> tuple[tuple[Any, ...], Any]:
        """Raw outputs, and (if `save`) whatever the backward pass needs."""

    def backward(
        self, saved: Any, gradients: Sequence[Any], needs: Sequence[bool], keep: bool
    ) -> Sequence[Any]:
        """Raw gradients of the inputs, None where not needed."""


class Operation:
    """All that is known about one operation."""

    def __init__(self, name: str, function: Callable[..., Any], *, composite: bool) -> None:
        self.name = name
        self.function = function
        self.composite = composite
        self.differentiable = True
        self.expands = False
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
        if kwargs or len(args) != self._required:
            args, kwargs = self._binder(args, kwargs)
        return self._door(*args, **kwargs)


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
        op.on_values = _apply_fused(op) if fused else body
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
        setattr(DLArray, method, lambda self, other: op._door(self, other))
        if method not in ("__eq__", "__ne__"):
            setattr(Value, method, lambda self, other: op.on_values(self, other))


# -- running on Values ---------------------------------------------------------


def recording_tape(inputs: Iterable[Any]) -> Tape | None:
    """The innermost tape among the inputs that records, or None."""
    tape = None
    for x in inputs:
        if type(x) is Value:
            t = x.tape
            if (
                t is not None
                and t.entries is not None
                and t is not tape
                and (tape is None or t.depth > tape.depth)
            ):
                tape = t
    return tape


def _apply_primitive(op: Operation) -> Callable[..., Any]:
    forward, expands = op.function, op.expands

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
        with errstate(all="ignore"):
            out = forward(*raw, **options)
        if type(out) is tuple:
            return _record_many(op, tape, out, inputs, options)
        if tape is None or not op.differentiable:
            return Value(out)
        y = Value(out, tape, next_id())
        pull = op.vjp_rule(y, *inputs, **options)  # type: ignore[misc]
        read = tuple([x.id if type(x) is Value and x.tape is tape else 0 for x in inputs])
        if type(pull) is tuple:
            if expands:
                pull = tuple([back_to(x, y, p) for x, p in zip(inputs, pull, strict=True)])
            # Dropping the pulls of constants frees what their closures hold.
            if 0 in read:
                pull = tuple([p if i else None for p, i in zip(pull, read, strict=True)])
        elif len(read) > 1 and callable(pull):
            read = read[:1]
        tape.append(y.id, read, pull)
        return y

    return on_values


def back_to(x: Any, y: Value, pull: Any) -> Any:
    """A pull for an operand that may have been expanded or promoted to the result y.

    Its gradient is summed over what was expanded and cast to the class of x, which
    makes it real for a real x.
    """
    if pull is None or type(x) is not Value:
        return None
    data, result = x.data, y.data
    if data.shape == result.shape and data.dtype == result.dtype:
        return pull
    shape, dtype = data.shape, data.dtype
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


def _apply_fused(op: Operation) -> Callable[..., Any]:
    body, fused = op.function, op.fused
    assert fused is not None

    def on_values(*inputs: Value, **options: Any) -> Any:
        if not fused.accepts(inputs, options):
            return body(*inputs, **options)
        tape = recording_tape(inputs)
        with errstate(all="ignore"):
            raw, saved = fused.forward(inputs, options, save=tape is not None)
        if tape is None:
            return tuple([Value(d) for d in raw])
        outs = tuple([Value(d, tape, next_id()) for d in raw])
        read = tuple([x.id if x.tape is tape else 0 for x in inputs])
        pull = FusedPull(op, inputs, options, saved)
        tape.append(tuple([y.id for y in outs]), read, pull)
        return outs

    return on_values


class FusedPull:
    """The pull of a fused composite: its own backward, or its body replayed."""

    __slots__ = ("inputs", "op", "options", "saved")

    def __init__(
        self, op: Operation, inputs: tuple[Value, ...], options: dict[str, Any], saved: Any
    ) -> None:
        self.op, self.inputs, self.options, self.saved = op, inputs, options, saved

    def pull(
        self, gradients: Sequence[Value | None], needs: Sequence[bool], tape: Tape
    ) -> Sequence[Value | None]:
        """Gradients of the inputs from those of the outputs."""
        if tape.entries is not None:
            return self._replay(gradients, needs, tape)
        fused = self.op.fused
        assert fused is not None
        with errstate(all="ignore"):
            saved, self.saved = self.saved, None
            if saved is None:
                # An earlier dlgradient without RetainData let it go.
                _, saved = fused.forward(self.inputs, self.options, save=True)
            if tape.retain:
                self.saved = saved
            raw = fused.backward(
                saved, [None if g is None else g.data for g in gradients], needs, tape.retain
            )
        return [None if g is None else Value(g) for g in raw]

    def _replay(
        self, gradients: Sequence[Value | None], needs: Sequence[bool], tape: Tape
    ) -> Sequence[Value | None]:
        assert tape.entries is not None
        start = len(tape.entries)
        outs = self.op.function(*self.inputs, **self.options)
        region = tape.entries[start:]
        seeds = seeds_of(zip(outs, gradients, strict=True), tape)
        wanted = [x.id for x, need in zip(self.inputs, needs, strict=True) if need]
        pulled = pull_back(tape, region, seeds, wanted)
        return [
            pulled.get(x.id) if need else None for x, need in zip(self.inputs, needs, strict=True)
        ]


def seeds_of(pairs: Iterable[tuple[Value, Value | None]], tape: Tape) -> dict[int, Any]:
    """Gradients by id; several outputs may be one and the same Value."""
    seeds: dict[int, Any] = {}
    for y, g in pairs:
        if g is not None and y.tape is tape and y.id:
            seeds[y.id] = seeds[y.id] + g if y.id in seeds else g
    return seeds


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
