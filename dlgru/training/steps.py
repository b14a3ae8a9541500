"""The arithmetic of the updates, on one array at a time.

Each rule stands here twice.  Usually nothing is traced: then one pass goes over the
parameter in pieces that stay in the cache, writing into fresh arrays, because at the
size of a recurrent layer an update is bound by memory; where the compiled extension is there,
it does Adam in a single pass.  Inside ``dlfeval``, when the parameter, its gradient or a rate
is traced (learning to learn), the same formula is written in operations, so that the result
can be differentiated.  Tests hold the forms together.

All constants are Python floats, so single data stay single.  Complex parameters take
``abs(g)^2`` for the squared gradient, as the derivative convention suggests, through the
second form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy import errstate, ndarray

from dlgru import backend
from dlgru.array import Value
from dlgru.backend import as_colmajor, seal, xp_of
from dlgru.kernels.extension import native
from dlgru.kernels.gpu import updates
from dlgru.ops.classes import astype
from dlgru.ops.compare import eq_values, select
from dlgru.ops.elementwise import abs, sqrt

PIECE = 16384
"""Elements in a piece: eight arrays of them fit a core's own cache."""

Rate = Any
"""A hyperparameter: a float, or a traced one-element Value."""


def adam(
    p: Value, g: Value, m: Value | None, v: Value | None,
    step: Rate, beta1: Rate, beta2: Rate, epsilon: Rate,
) -> tuple[Value, Value, Value]:  # fmt: skip
    """Parameter, average and squared average; `step` is the rate with the bias corrections."""
    if _by_operations(p, g, m, v, step, beta1, beta2, epsilon):
        m = _average(m, g, beta1)
        v = _average(v, _squared(g), beta2)
        return _minus(p, step * m / (_root(v) + epsilon)), m, v
    return _raw_adam(p, g, m, v, step, beta1, beta2, epsilon)


def rmsprop(
    p: Value, g: Value, v: Value | None, rate: Rate, beta2: Rate, epsilon: Rate
) -> tuple[Value, Value]:
    """Parameter and squared average."""
    if _by_operations(p, g, v, rate, beta2, epsilon):
        v = _average(v, _squared(g), beta2)
        return _minus(p, rate * g / (_root(v) + epsilon)), v
    return _raw_rmsprop(p, g, v, rate, beta2, epsilon)


def sgdm(
    p: Value, g: Value, velocity: Value | None, rate: Rate, momentum: Rate
) -> tuple[Value, Value]:
    """Parameter and velocity."""
    if _by_operations(p, g, velocity, rate, momentum):
        moved = rate * g
        new = -moved if velocity is None else momentum * velocity - moved
        new = _in_class(new, p)
        return _in_class(p + new, p), new
    return _raw_sgdm(p, g, velocity, rate, momentum)


def _by_operations(p: Value, *inputs: Any) -> bool:
    return p.dtype in backend.REAL_OF or any(type(x) is Value and x.traced for x in (p, *inputs))


# -- in operations -----------------------------------------------------------------------


def _average(old: Value | None, new: Value, beta: Rate) -> Value:
    part: Value = (1 - beta) * new
    return _in_class(part if old is None else beta * old + part, new)


def _squared(g: Value) -> Value:
    if g.dtype in backend.REAL_OF:
        size: Value = abs(g)
        return size * size
    return g * g


def _root(v: Value) -> Value:
    """Square root, with derivative 0 instead of Inf where v is 0: there the gradient was 0."""
    zero = eq_values(v, 0)
    root: Value = select(zero, 0.0, sqrt(select(zero, 1.0, v)))
    return root


def _minus(p: Value, change: Value) -> Value:
    return _in_class(p - change, p)


def _in_class(x: Value, like: Value) -> Value:
    """A traced single rate must not make a double parameter single."""
    cast: Value = x if x.dtype == like.dtype else astype(x, like.dtype)
    return cast


# -- in one pass -------------------------------------------------------------------------


def _flat(x: Value) -> Any:
    return as_colmajor(xp_of(x.data), x.data).reshape(-1, order="F")


def _flat_or_none(x: Value | None) -> Any:
    return None if x is None else _flat(x)


def _pieces(P: Any) -> Iterator[slice]:
    count = P.size
    size = count if backend.is_device_array(P) else PIECE
    for start in range(0, count, size or 1):
        yield slice(start, min(start + size, count))


def _fresh(P: Any, count: int) -> list[Any]:
    """Flat uninitialised arrays: results, and last a piece to compute in."""
    xp, n = xp_of(P), P.size
    scratch = n if backend.is_device_array(P) else min(n, PIECE)
    return [xp.empty((k,), dtype=P.dtype) for k in (*[n] * count, scratch)]


def _value(flat: Any, like: Value) -> Value:
    return Value(seal(flat.reshape(like.shape, order="F")))


def _raw_adam(
    p: Value, g: Value, m: Value | None, v: Value | None,
    step: float, beta1: float, beta2: float, epsilon: float,
) -> tuple[Value, Value, Value]:  # fmt: skip
    if native is not None and m is not None and v is not None and type(p.data) is ndarray:
        arrays = [as_colmajor(np, x.data) for x in (p, g, m, v)]
        new = native.adam(*arrays, step, beta1, beta2, epsilon)
        return Value(seal(new[0])), Value(seal(new[1])), Value(seal(new[2]))
    P, G = _flat(p), _flat(g)
    M, V = _flat_or_none(m), _flat_or_none(v)
    ours = type(P) is not ndarray and updates.offered(P)
    adam = updates.adam if ours else adam_by_library
    new_p, new_m, new_v = adam(P, G, M, V, step, beta1, beta2, epsilon)
    return _value(new_p, p), _value(new_m, p), _value(new_v, p)


def adam_by_library(
    P: Any, G: Any, M: Any, V: Any, step: float, beta1: float, beta2: float, epsilon: float
) -> tuple[Any, Any, Any]:
    """The update of flat arrays in a dozen calls of their library, on the host piece by piece."""
    xp = xp_of(P)
    new_p, new_m, new_v, scratch = _fresh(P, 3)
    with errstate(all="ignore"):
        for at in _pieces(P):
            t = scratch[: at.stop - at.start]
            mean = _blend(xp, M, at, beta1, G[at], new_m[at], t)
            xp.multiply(G[at], G[at], out=new_p[at])
            square = _blend(xp, V, at, beta2, new_p[at], new_v[at], t)
            xp.sqrt(square, out=t)
            t += epsilon
            xp.divide(mean, t, out=t)
            t *= step
            xp.subtract(P[at], t, out=new_p[at])
    return new_p, new_m, new_v


def _raw_rmsprop(
    p: Value, g: Value, v: Value | None, rate: float, beta2: float, epsilon: float
) -> tuple[Value, Value]:
    xp = xp_of(p.data)
    P, G, V = _flat(p), _flat(g), _flat_or_none(v)
    new_p, new_v, scratch = _fresh(P, 2)
    with errstate(all="ignore"):
        for at in _pieces(P):
            t = scratch[: at.stop - at.start]
            xp.multiply(G[at], G[at], out=new_p[at])
            square = _blend(xp, V, at, beta2, new_p[at], new_v[at], t)
            xp.sqrt(square, out=t)
            t += epsilon
            xp.divide(G[at], t, out=t)
            t *= rate
            xp.subtract(P[at], t, out=new_p[at])
    return _value(new_p, p), _value(new_v, p)


def _raw_sgdm(
    p: Value, g: Value, velocity: Value | None, rate: float, momentum: float
) -> tuple[Value, Value]:
    xp = xp_of(p.data)
    P, G, V = _flat(p), _flat(g), _flat_or_none(velocity)
    new_p, new_v, scratch = _fresh(P, 2)
    with errstate(all="ignore"):
        for at in _pieces(P):
            t = scratch[: at.stop - at.start]
            if V is None:
                xp.multiply(G[at], -rate, out=new_v[at])
            else:
                xp.multiply(G[at], rate, out=t)
                xp.multiply(V[at], momentum, out=new_v[at])
                new_v[at] -= t
            xp.add(P[at], new_v[at], out=new_p[at])
    return _value(new_p, p), _value(new_v, p)


def _blend(xp: Any, old: Any, at: slice, beta: float, new: Any, out: Any, t: Any) -> Any:
    """``beta*old + (1-beta)*new`` into `out`; nothing old is zero."""
    if old is None:
        xp.multiply(new, 1 - beta, out=out)
    else:
        xp.multiply(new, 1 - beta, out=t)
        xp.multiply(old[at], beta, out=out)
        out += t
    return out
