"""Which modes of a GRU the GPU engines compute: the same for all but cuDNN's."""

from __future__ import annotations

from dlgru.backend import double
from dlgru.kernels import modes
from dlgru.kernels.gpu.device import Device, device_of
from dlgru.kernels.spec import Spec

ALLOWED: modes.Modes = {**modes.GRU_MODES, "precision": ("strict", "tf32", "bf16")}
MOST_ROWS = 2**31 - 1  # cuBLAS counts the rows of a matrix in 32 bits


def refusal(spec: Spec, allowed: modes.Modes = ALLOWED) -> str | None:
    """Return why no GPU engine with these modes computes a spec, or None."""
    device = device_of(spec.device)
    if not isinstance(device, Device):
        return device
    reason = modes.refusal(spec, allowed)
    if reason is not None:
        return reason
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
