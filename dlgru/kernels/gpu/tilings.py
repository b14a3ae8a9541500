"""The shapes in which the persistent kernels are compiled, and which of them fits a spec.

A shape is a row of `SHAPES`; what the columns mean stands in `tile.cuh`.  The kernels
hold 3·units²/blocks recurrent weights in the registers of one block, so larger states
need more blocks.  A state in between is padded: time is spent on waiting, not on
arithmetic, so padding costs little.
"""

from __future__ import annotations

from typing import NamedTuple

from dlgru.backend import double, single
from dlgru.kernels.gpu.device import Device
from dlgru.kernels.spec import Spec

THREADS = 256
WAYS = {"cluster": "CLUSTER", "group": "GROUP"}
REALS = {single: "float", double: "double"}


class Tiling(NamedTuple):
    """How one group of blocks is laid out."""

    units: int  # hidden units, padded
    blocks: int  # of a group
    rows: int  # observations of a group


def _shapes(text: str) -> list[Tiling]:
    """Read lines of ``units blocks: rows rows …``."""
    made = []
    for line in text.strip().splitlines():
        shape, _, rows = line.partition(":")
        units, blocks = map(int, shape.split())
        made += [Tiling(units, blocks, int(n)) for n in rows.split()]
    return made


SHAPES = {
    ("cluster", single): _shapes("""
        64 1: 1 4
        128 1: 1 2
        128 4: 4 8
        256 8: 1 4 8
        512 16: 1 4 8
        """),
    ("group", single): _shapes("""
        64 1: 1 4
        128 1: 1 2
        128 4: 4 8
        256 8: 1 4 8
        512 32: 1 4 8
        1024 64: 1 4
        """),
    ("cluster", double): _shapes("""
        64 1: 1 4
        128 4: 1 4
        256 8: 1 4
        256 16: 1 4
        """),
    ("group", double): _shapes("""
        64 1: 1 4
        128 4: 1 4
        256 16: 1 4
        """),
}


class Kernel(NamedTuple):
    """One compiled kernel: its name as a template, and what a launch of it needs."""

    expression: str
    tiling: Tiling
    shared_bytes: int
    numbers: int  # that are exchanged: the shared memory, and the mailbox of a group


def kernel(way: str, spec: Spec, tiling: Tiling, backward: bool) -> Kernel:
    """Return the kernel of this tiling for a spec's class and place of the reset gate."""
    before = spec.reset == "before"
    units, blocks, rows = tiling
    # One block alone exchanges with nobody, so both ways are the same kernel.
    tag = WAYS["group" if blocks == 1 else way]
    name = "gru_backward" if backward else "gru_forward"
    parameters = (tag, REALS[spec.dtype], units, blocks, rows, THREADS, str(before).lower())
    numbers = (3 if before else 6 if backward else 2) * units * rows
    if before and not backward:
        numbers = 3 * units * rows
    return Kernel(
        f"{name}<{', '.join(map(str, parameters))}>",
        tiling,
        numbers * spec.dtype.itemsize,
        numbers,
    )


def fitting(way: str, spec: Spec, device: Device) -> list[Tiling] | str:
    """Return the tilings that can run a spec, of the smallest state that holds it; or why none."""
    limit = device.cluster if way == "cluster" else device.processors
    held = [t for t in SHAPES[way, spec.dtype] if t.units >= spec.H]
    if not held:
        most = SHAPES[way, spec.dtype][-1].units
        return f"H = {spec.H} is more than the {most} units of its kernels"
    small = [t for t in held if t.blocks <= limit]
    if not small:
        needed = min(t.blocks for t in held)
        there = "the largest cluster" if way == "cluster" else "the number of multiprocessors"
        return f"H = {spec.H} needs {needed} blocks that meet, {there} here is {limit}"
    small = [t for t in small if device.at_once(way, t.blocks) > 0]
    if not small:
        return f"H = {spec.H} needs blocks in a cluster, and none of that size has room here"
    units = min(t.units for t in small)
    room = device.shared_bytes
    found = [
        t
        for t in small
        if t.units == units and kernel(way, spec, t, backward=True).shared_bytes <= room
    ]
    return found or f"its kernels for H = {spec.H} need more shared memory than a block has"


# -- the forward kernel on tensor cores ------------------------------------------------

TENSOR_UNITS = (64, 128, 256, 512)
TENSOR_ROWS = 8
CLUSTERS = sorted(
    {
        t.blocks
        for (way, _), made in SHAPES.items()
        if way == "cluster"
        for t in made
        if t.blocks > 1
    }
    | {units // 32 for units in TENSOR_UNITS}
)
"""The blocks of all clusters that are launched."""
PARTIAL_SUMS = 8 * 6 * 4 * 32  # numbers, see gru_tensor.cuh


def tensor_tiling(way: str, spec: Spec, device: Device) -> Tiling | None:
    """Return how the tensor cores would run a spec, if they may and can."""
    units = next((n for n in TENSOR_UNITS if n >= spec.H), None)
    allowed = spec.precision != "strict" and spec.reset == "after" and device.arch >= 80
    if units is None or not allowed:
        return None
    tiling = Tiling(units, units // 32, TENSOR_ROWS)
    limit = device.cluster if way == "cluster" else device.processors
    fits = tiling.blocks <= limit and device.at_once(way, tiling.blocks) > 0
    fits = fits and tensor_kernel(way, tiling).shared_bytes <= device.shared_bytes
    return tiling if fits else None


def tensor_kernel(way: str, tiling: Tiling) -> Kernel:
    """Return the forward kernel in TF32."""
    numbers = 2 * tiling.units * tiling.rows
    expression = f"gru_tensor_forward<{WAYS[way]}, {tiling.units}>"
    return Kernel(expression, tiling, 4 * (numbers + PARTIAL_SUMS), numbers)
