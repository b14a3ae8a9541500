"""Runs of a GRU for the tests of engines: seeded arrays, their specs, and shorthands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from complex_gru import ARRAYS, Case

from dlgru.backend import is_device_array
from dlgru.kernels.interface import run_backward, run_forward
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec

FORMS = [("after", 3), ("after", 6), ("before", 3), ("after", 0), ("before", 0)]
GATES = ["sigmoid", "hard-sigmoid"]
ACTS = ["tanh", "softsign", "relu"]
WAYS = ["forward", "backward", "bidirectional"]
MODES = list(itertools.product(FORMS, GATES, ACTS, WAYS))
SAVES = ["none", "gates", "y"]


def make(
    T: int,
    B: int,
    C: int,
    H: int,
    *,
    bias: int = 3,
    inner: int = 0,
    lengths: Sequence[int] | None = None,
    seed: int = 0,
    dtype: Any = np.float64,
    padding: float = np.nan,
    **options: str,
) -> Case:
    """Arrays of moderate size, so that gates are neither shut nor all alike.

    With `lengths`, what lies behind the end of an observation is `padding`.
    """
    draw = np.random.default_rng(seed)
    rows = 2 * H if options.get("direction") == "bidirectional" else H

    def array(*shape: int) -> Any:
        return np.asfortranarray(draw.standard_normal(shape).astype(dtype))

    x = array(C, B, T)
    joined = {0: None, 1: array(3 * rows, B), 2: array(3 * rows, B, T)}[inner]
    for o, n in enumerate(lengths or []):
        x[:, o, n:] = padding
        if inner == 2:
            joined[:, o, n:] = padding
    return Case(
        x=x,
        h0=array(rows, B),
        W=array(3 * rows, C),
        R=array(3 * rows, H),
        b=array(bias * rows) if bias else None,
        inner=joined,
        lengths=None if lengths is None else list(lengths),
        **options,
    )


def spec_for(case: Case, save: str = "none", **options: Any) -> Spec:
    C, B, T = case.x.shape
    H = case.R.shape[1]
    blocks = 0 if case.b is None else case.b.size // len(case.h0) if H else 3
    return Spec(
        T,
        B,
        C,
        H,
        case.x.dtype,
        device="gpu" if is_device_array(case.x) else "cpu",
        reset=case.reset,
        gate=case.gate,
        act=case.act,
        bias=blocks,
        direction=case.direction,
        lengths=case.lengths is not None,
        inner=0 if case.inner is None else case.inner.ndim - 1,
        save=save,
        **options,
    )


def forward(case: Case, save: str = "none", spec: Spec | None = None) -> Out:
    return run_forward(
        spec or spec_for(case, save),
        case.x,
        (case.h0,),
        case.W,
        case.R,
        case.b,
        Extra(lengths=case.lengths, inner=case.inner),
    )


def backward(out: Out, dy: Any, dlast: Any, needs: Needs | None = None, keep: bool = True) -> Grads:
    ends = None if dlast is None else (dlast,)
    wanted = needs or Needs(inner=True)
    return run_backward(out.reserve, dy, ends, (), wanted, keep)


def directions(case: Case, seed: int = 1) -> tuple[Any, Any]:
    """Incoming gradients for y and the last state; garbage where an observation has ended."""
    draw = np.random.default_rng(seed)
    rows, (_, B, T) = len(case.h0), case.x.shape
    dy = np.asfortranarray(draw.standard_normal((rows, B, T)).astype(case.x.dtype))
    for o, n in enumerate(case.lengths or []):
        dy[:, o, n:] = np.nan
    return dy, np.asfortranarray(draw.standard_normal((rows, B)).astype(case.x.dtype))


def by_name(grads: Grads) -> dict[str, Any]:
    """The gradients that are there, under the names of the case's arrays."""
    state = None if grads.state is None else grads.state[0]
    named = dict(zip(ARRAYS, (grads.x, state, *grads[2:]), strict=True))
    return {name: g for name, g in named.items() if g is not None}


def data(case: Case, change: Any) -> Case:
    """The case with `change` applied to each of its arrays."""
    return case._replace(
        **{name: change(getattr(case, name)) for name in ARRAYS if getattr(case, name) is not None}
    )


def outputs(case: Case, save: str) -> list[Any]:
    """All that a run gives, gradients too if it saves what they need."""
    out = forward(case, save)
    results = [out.y, *out.last]
    if save != "none":
        results += by_name(backward(out, *directions(case))).values()
    return results


# -- the same values, laid out otherwise -----------------------------------------------


def spread(a: Any) -> Any:
    """As a part of a larger array, columns apart from each other."""
    room = np.full((a.shape[0] + 3, *[n + 1 for n in a.shape[1:]]), np.nan, a.dtype, order="F")
    view = room[tuple(slice(1, n + 1) if k == 0 else slice(n) for k, n in enumerate(a.shape))]
    view[...] = a
    return view


def stepping(a: Any) -> Any:
    """As every second row of an array."""
    room = np.full((2 * a.shape[0], *a.shape[1:]), np.nan, a.dtype, order="F")
    room[::2] = a
    return room[::2]


STRIDES = {
    "row-major": np.ascontiguousarray,
    "spread columns": spread,
    "every second row": stepping,
    "turned round": lambda a: np.asfortranarray(a[::-1])[::-1],
}
