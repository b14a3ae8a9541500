"""Which modes of a GRU there are, and the words in which an engine refuses one.

An engine's own table is this one with some rows of its own; `accepts` adds what depends on
more than one field.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from dlgru.backend import double, single
from dlgru.errors import DlgruValueError
from dlgru.kernels.pointwise import ACTIVATIONS, GATES
from dlgru.kernels.spec import Spec

Modes: TypeAlias = dict[str, tuple[Any, ...]]
"""The values that each field of a spec may have."""

GRU_MODES: Modes = {
    "dtype": (single, double),
    "cell": ("gru",),
    "rows_w": ("rzn",),
    "rows_r": ("rzn",),
    "reset": ("after", "before"),
    "gate": tuple(GATES),
    "act": tuple(ACTIVATIONS),
    "bias": (0, 3, 6),
    "direction": ("forward", "backward"),
    "inner": (0, 1, 2),
    "hmask": (0,),
    "nmask": (0,),
    "zmask": (0,),
    "traces": (False,),
    "save": ("none", "gates", "y"),
    "truncate": (0,),
    "precision": ("strict",),
}


def refusal(spec: Spec, modes: Modes) -> str | None:
    """Return why an engine with these modes does not compute a spec, or None."""
    for field, allowed in modes.items():
        value = getattr(spec, field)
        if value not in allowed:
            return f"{field}={value!r} is not one of {', '.join(map(repr, allowed))}"
    if spec.reset == "before" and spec.bias == 6:
        return "a recurrent bias (bias=6) has no meaning with reset='before'"
    return None


def spent_reserve() -> DlgruValueError:
    """Return the error for a second backward run after one with ``keep=False``."""
    return DlgruValueError(
        "The reserve of this run is spent",
        identifier="dlgru:kernels:spentReserve",
        function="backward",
        fix="keep it with keep=True in the first backward run",
    )
