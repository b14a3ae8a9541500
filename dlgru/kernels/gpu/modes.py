"""Which modes of a GRU the GPU engines compute: the same for all but cuDNN's."""

from __future__ import annotations

from typing import Any

from dlgru.backend import double, single
from dlgru.kernels.gpu.arguments import ACTIVATIONS, GATES
from dlgru.kernels.gpu.device import Device, device_of
from dlgru.kernels.spec import Spec

ALLOWED: dict[str, tuple[Any, ...]] = {
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
    "precision": ("strict", "tf32", "bf16"),
}
MOST_ROWS = 2**31 - 1  # cuBLAS counts the rows of a matrix in 32 bits


def refusal(spec: Spec, allowed: dict[str, tuple[Any, ...]] = ALLOWED) -> str | None:
    """Return why no GPU engine with these modes computes a spec, or None."""
    device = device_of(spec.device)
    if not isinstance(device, Device):
        return device
    for field, values in allowed.items():
        value = getattr(spec, field)
        if value not in values:
            return f"{field}={value!r} is not one of {', '.join(map(repr, values))}"
    if spec.reset == "before" and spec.bias == 6:
        return "a recurrent bias (bias=6) has no meaning with reset='before'"
    if spec.dtype == double and spec.precision != "strict":
        return f"precision={spec.precision!r} is for single data, these are double"
    if spec.precision != "strict" and device.arch < 80:
        return f"precision={spec.precision!r} needs sm_80 or newer, this is sm_{device.arch}"
    if max(spec.T * spec.B, 4 * spec.H, spec.C) > MOST_ROWS:
        return f"{spec.T * spec.B} rows are more than the {MOST_ROWS} of one matrix product"
    return None


def known_device(spec: Spec) -> Device:
    """Return the device of a spec that was accepted."""
    device = device_of(spec.device)
    assert isinstance(device, Device)
    return device
