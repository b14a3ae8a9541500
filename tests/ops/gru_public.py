"""The public ``gru`` on the cases of `gru_cases`, and what loops over numbers say about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle_gru
from complex_gru import Case
from gru_cases import ACTS, FORMS, GATES, WAYS, make

import dlgru as dl
from dlgru.array import DLArray
from dlgru.backend import to_host

MODES = {
    "after-multiplication": {"reset": "after", "bias": 3},
    "before-multiplication": {"reset": "before", "bias": 3},
    "recurrent-bias-after-multiplication": {"reset": "after", "bias": 6},
}
assert {(m["reset"], m["bias"]) for m in MODES.values()} == {f for f in FORMS if f[1]}

ALL = [
    {"mode": mode, "gate": gate, "act": act, "direction": direction}
    for mode in MODES
    for gate in GATES
    for act in ACTS
    for direction in WAYS
]
"""Every reset mode, gate activation, state activation and direction."""

NAMES = ("x", "h0", "W", "R", "b")

CALLABLES: dict[str, Callable[[DLArray], DLArray]] = {
    "tanh": lambda x: dl.tanh(x),
    "softsign": lambda x: x / (1 + dl.abs(x)),
    "relu": lambda x: dl.relu(x),
    "sigmoid": lambda x: 1 / (1 + dl.exp(-x)),
    "hard-sigmoid": lambda x: dl.max(dl.min(0.2 * x + 0.5, 1.0), 0.0),
}
"""The named activations, as a user would write them: these run through the definition."""


def case_of(
    mode: str = "after-multiplication",
    sizes: tuple[int, int, int, int] = (4, 3, 2, 3),
    **options: Any,
) -> Case:
    """A seeded case of T, B, C, H."""
    return make(*sizes, **MODES[mode], **options)


def options_of(case: Case) -> dict[str, Any]:
    mode = {"reset": case.reset, "bias": case.b.size // len(case.h0) if len(case.h0) else 3}
    named = {
        "ResetGateMode": next(name for name, fields in MODES.items() if fields == mode),
        "StateActivationFunction": case.act,
        "GateActivationFunction": case.gate,
        "Direction": case.direction,
    }
    return named if case.lengths is None else {**named, "SequenceLengths": case.lengths}


def arrays_of(case: Case) -> list[DLArray]:
    """X as ``"CBT"``, the state and the parameters without labels."""
    x, *rest = [getattr(case, name) for name in NAMES]
    return [dl.dlarray(x, "CBT"), *[dl.dlarray(a if a.ndim > 1 else a[:, None]) for a in rest]]


def by_definition(options: dict[str, Any]) -> dict[str, Any]:
    """The options with functions for activations: no engine takes these."""
    return {
        key: CALLABLES[value] if key.endswith("ActivationFunction") else value
        for key, value in options.items()
    }


def host(x: DLArray) -> Any:
    return np.array(to_host(x.value.data))


def loops(case: Case) -> tuple[Any, Any]:
    """``y[H,B,T]`` and the last state, by the scalar loops, in double."""
    C, B, T = case.x.shape
    lists = [getattr(case, name).astype(float).tolist() for name in NAMES]
    y, last = oracle_gru.gru(
        *lists,
        (T, B, C, case.R.shape[1]),
        reset=case.reset,
        gate=case.gate,
        act=case.act,
        direction=case.direction,
        lengths=case.lengths,
    )
    H = len(case.h0)
    return np.array(y).reshape(H, B, T), np.array(last).reshape(H, B)


def close(found: Any, expected: Any, dtype: Any = float, factor: float = 1.0) -> None:
    """Equal up to rounding: 200 units in the last place of the largest number, or `factor` times.

    A step rounds a few dozen times (two products, activations, the mix of old and new), and
    a state goes on from step to step without growth, so that errors add up over a few steps.
    """
    found = host(found) if isinstance(found, DLArray) else found
    assert found.shape == expected.shape, (found.shape, expected.shape)
    scale = max(1.0, float(abs(expected).max())) if expected.size else 1.0
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=200 * factor * float(np.finfo(dtype).eps) * scale
    )


def check(case: Case, arguments: Any, **options: Any) -> None:
    """Value and state are those of the loops, however the call goes in."""
    y, last = loops(case)
    Y, h = dl.gru(*arguments, **options, nargout=2)
    close(Y, y, case.x.dtype)
    close(h, last, case.x.dtype)
