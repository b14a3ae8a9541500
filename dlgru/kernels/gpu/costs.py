"""What an engine costs on a GPU: a formula whose numbers are in ``costs.json``, by architecture."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

from dlgru.backend import double
from dlgru.kernels.gpu.device import Device, device_of
from dlgru.kernels.gpu.tilings import Tiling
from dlgru.kernels.spec import Spec

WARPS_A_SCHEDULER = 2  # 256 threads a block, four schedulers


@functools.cache
def _file() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("costs.json").read_text("utf-8"))
    return found


@functools.cache
def rates(arch: int) -> dict[str, Any]:
    """Return the numbers of an architecture, the defaults where it has none of its own."""
    return {**_file()["default"], **_file().get(str(arch), {})}


def tried(name: str, spec: Spec) -> bool:
    """Return whether an engine has run, right and timed, on a device like that of this spec."""
    device = device_of(spec.device)
    return not isinstance(device, str) and has_run(name, device)


def has_run(name: str, device: Device) -> bool:
    """Return whether an engine, or ``"adam"``, has run, right and timed, on such a device."""
    return name in rates(device.arch)["ran"]


def architectures_tried() -> dict[int, list[str]]:
    """Return what has run, by architecture."""
    ran = {int(arch): rates(int(arch))["ran"] for arch in _file() if arch.isdigit()}
    return {arch: names for arch, names in ran.items() if names}


def _class_rate(known: dict[str, Any], spec: Spec) -> float:
    """Return the floating-point operations that a large product does in a microsecond."""
    kind = "double" if spec.dtype == double else spec.precision
    return float(known["flops_per_us"][kind])


def outside(spec: Spec, device: Device) -> float:
    """Return the microseconds outside the recurrence: launches, input product, memory passes."""
    known = rates(device.arch)
    rows = spec.T * spec.B
    passes = 3 + 3 + 1 + (4 if spec.save == "gates" else 0)  # gx out and in, y, gates
    memory = rows * spec.H * spec.dtype.itemsize * passes / known["bytes_per_us"]
    product = 6.0 * rows * spec.H * spec.C / _class_rate(known, spec)
    return float(2 * known["launch_us"] + memory + product)


def persistent(spec: Spec, device: Device, tiling: Tiling, way: str) -> float:
    """Return the microseconds of the recurrence in one persistent launch."""
    units, blocks, rows = tiling
    size = 1 if spec.dtype != double else 2
    weights = 3 * units * units // blocks // (32 * 8)  # a thread
    issued = 1.25 * size * weights * rows + 150
    return _walked(spec, device, tiling, way, issued)


def tensor(spec: Spec, device: Device, tiling: Tiling, way: str) -> float:
    """Return the same for the kernel on tensor cores."""
    return _walked(spec, device, tiling, way, issued=190 + 0.3 * tiling.units)


def _walked(spec: Spec, device: Device, tiling: Tiling, way: str, issued: float) -> float:
    """Return the microseconds of all steps, if a thread issues so many instructions in each."""
    known = rates(device.arch)
    _, blocks, rows = tiling
    exchange = known["exchange_us"]["alone" if blocks == 1 else way]
    rounds = 2 if spec.reset == "before" else 1
    step = known["step_us"] + rounds * exchange
    step += WARPS_A_SCHEDULER * issued / (1000 * known["clock_ghz"])
    groups = -(-spec.B // rows)
    waves = math.ceil(groups / max(1, device.at_once(way, blocks)))
    return float(waves * (spec.T * step + known["launch_us"]))


def graph(spec: Spec, device: Device) -> float:
    """Return the microseconds of the recurrence as a product and a gate kernel a step."""
    known = rates(device.arch)
    product = 6.0 * spec.B * spec.H * spec.H / _class_rate(known, spec)
    launches = known["graph_step_us"] * (2 if spec.reset == "before" else 1)
    return float(spec.T * (launches + product) + 3 * known["launch_us"])


def cudnn(spec: Spec, device: Device, small: bool) -> float:
    """Return the microseconds of the recurrence in cuDNN, by a persistent algorithm or a step."""
    known = rates(device.arch)
    product = 6.0 * spec.B * spec.H * spec.H / _class_rate(known, spec)
    step = known["cudnn_step_us"]["small" if small else "standard"]
    return float(spec.T * max(step, product) + 8 * known["launch_us"])
