"""What is asked of a recurrent engine, and what it gives back.

A recurrent operation is computed as a whole by one *engine*.  These tuples are
all that passes between the operation and an engine, apart from raw arrays.  A
:class:`Spec` holds no arrays: two calls that differ only in their numbers have
equal specs, so a spec is the key under which choices and scratch memory are
kept.  Named tuples are used because they are made, hashed and compared several
times faster than data classes, and a call on one time step feels that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from dlgru.backend import RawArray

State: TypeAlias = tuple[RawArray, ...]
"""The recurrent state: one array `[H,B]` for a GRU, two for an LSTM."""


class Spec(NamedTuple):
    """What is to be computed: sizes, class, and every option that changes the numbers."""

    T: int
    B: int
    C: int
    H: int  # hidden units of one direction
    dtype: Any
    device: str = "cpu"
    cell: str = "gru"
    rows_w: str = "rzn"  # gate rows that exist in W …
    rows_r: str = "rzn"  # … and in R
    reset: str = "after"  # or "before" the recurrent product
    gate: str = "sigmoid"
    act: str = "tanh"
    bias: int = 3  # blocks of H in the bias of one direction: 0, 3, 4 or 6
    direction: str = "forward"  # or "backward" or "bidirectional"
    lengths: bool = False  # observations of their own lengths
    inner: int = 0  # 0 none, 1 one for the whole sequence, 2 one for each step …
    hmask: int = 0  # … likewise for the masks on the state,
    nmask: int = 0  # the candidate
    zmask: int = 0  # and the update gate
    traces: bool = False  # hand out the gates of every step
    save: str = "none"  # what to keep for the derivative: none, gates, or y (gates recomputed)
    truncate: int = 0  # steps a gradient travels; 0 is all
    precision: str = "strict"  # products in the class of the data


class Extra(NamedTuple):
    """The arrays that only some calls have."""

    lengths: Sequence[int] | None = None  # host integers, one an observation
    inner: RawArray | None = None  # [3H,B] or [3H,B,T], added to the recurrent product
    hmask: RawArray | None = None
    nmask: RawArray | None = None
    zmask: RawArray | None = None
    kept: Any = None  # what the engine's `keep` made of W, R and b


class Out(NamedTuple):
    """What a forward run gives: `y[H,B,T]`, the last state, the traces, the reserve."""

    y: RawArray
    last: State
    traces: tuple[RawArray, ...]
    reserve: Any


class Grads(NamedTuple):
    """What a backward run gives; None where a gradient was not asked for."""

    x: RawArray | None
    state: State | None
    W: RawArray | None
    R: RawArray | None
    b: RawArray | None
    inner: RawArray | None


class Needs(NamedTuple):
    """Which gradients a backward run is to compute; the fields are those of `Grads`."""

    x: bool = True
    state: bool = True
    W: bool = True
    R: bool = True
    b: bool = True
    inner: bool = False


NO_EXTRA = Extra()
EVERYTHING = Needs()
