"""What a spec says about the GPU that its arrays are on.

``Spec.device`` of a device array is a text such as ``"gpu:sm_90:132"``: the
architecture and the number of multiprocessors.  Where the driver tells it, the text goes on
with how many clusters run at once: ``"gpu:sm_90:132:8x16+16x7"`` has room for sixteen of 8
blocks, and for seven of 16.  That is all the choice of an engine needs, so the whole choice
can be made, and tested, on a machine without a GPU.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

KB = 1024
SHARED_KB = {70: 96, 75: 64, 80: 163, 86: 99, 87: 163, 89: 99, 90: 227, 100: 227, 103: 227}
SHARED_KB |= {110: 227, 120: 99, 121: 99}  # what one block may have, by architecture
LARGEST_CLUSTER = {90: 16, 100: 16, 103: 16}  # 8 on all others that have clusters


class Device(NamedTuple):
    """A GPU as far as engines differ by it."""

    arch: int  # 90 for compute capability 9.0
    processors: int
    clusters: tuple[tuple[int, int], ...] = ()  # blocks of one, and how many run at once

    @property
    def shared_bytes(self) -> int:
        """The shared memory that one block may have."""
        return SHARED_KB.get(self.arch, 48) * KB

    @property
    def cluster(self) -> int:
        """The blocks of the largest cluster; 1 where there are no clusters."""
        return 1 if self.arch < 90 else LARGEST_CLUSTER.get(self.arch, 8)

    def at_once(self, way: str, blocks: int) -> int:
        """The groups of blocks that run at the same time, one block on a multiprocessor.

        A cluster lies within one part of the GPU, so there may be fewer than a division gives.
        """
        divided = self.processors // blocks
        return dict(self.clusters).get(blocks, divided) if way == "cluster" else divided


def device_name(device: Device) -> str:
    """Return the text for a spec."""
    clusters = "+".join(f"{blocks}x{count}" for blocks, count in device.clusters)
    return f"gpu:sm_{device.arch}:{device.processors}" + (f":{clusters}" if clusters else "")


@functools.lru_cache(maxsize=64)
def device_of(name: str) -> Device | str:
    """Return the device that the text of a spec names, or why it names none."""
    kind, _, rest = name.partition(":")
    arch, _, rest = rest.removeprefix("sm_").partition(":")
    processors, _, told = rest.partition(":")
    pairs = [pair.split("x") for pair in told.split("+")] if told else []
    if kind != "gpu":
        return f"the arrays are not on a GPU (device={name!r})"
    if not (arch.isdecimal() and processors.isdecimal()):
        return f"device={name!r} does not say which GPU, such as 'gpu:sm_90:132'"
    return Device(int(arch), int(processors), tuple((int(a), int(b)) for a, b in pairs))
