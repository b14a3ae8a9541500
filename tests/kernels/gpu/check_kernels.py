"""Compile every kernel for every GPU, on a machine without one, and check what each takes.

    python -m tests.kernels.gpu.check_kernels [sm_90 …]

Fails when a kernel does not compile, spills registers to memory, or takes more registers or shared
memory than a multiprocessor of that GPU has.  Needs the NVRTC wheel and nothing else.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from dlgru.backend import single
from dlgru.kernels.gpu.device import KB, Device
from dlgru.kernels.gpu.tilings import (
    SHAPES,
    TENSOR_UNITS,
    THREADS,
    WAYS,
    kernel,
    tensor_kernel,
    tensor_tiling,
)
from dlgru.kernels.spec import Spec
from tests.kernels.gpu.nvrtc import CompileError, Nvrtc, installed

REGISTERS = 65536  # of a multiprocessor
ARCHS = (75, 80, 86, 89, 90, 100, 120)
STEPS = ("WHOLE", "FIRST", "SECOND")


def kernels(arch: int) -> dict[str, tuple[int, int]]:
    """All kernels that may run on an architecture: threads and bytes of shared memory of each."""
    device = Device(arch, 10**6)
    found = {}
    for (way, dtype), shapes in SHAPES.items():
        most = device.cluster if way == "cluster" else device.processors
        for tiling, reset, backward in product(shapes, ("after", "before"), (False, True)):
            spec = Spec(1, 1, 1, tiling.units, dtype, reset=reset)
            made = kernel(way, spec, tiling, backward)
            if tiling.blocks <= most and made.shared_bytes <= device.shared_bytes:
                found[made.expression] = (THREADS, made.shared_bytes)
    for way, units in product(WAYS, TENSOR_UNITS):
        spec = Spec(1, 1, 1, units, single, precision="tf32")
        rounded = tensor_tiling(way, spec, device)
        if rounded is not None:
            made = tensor_kernel(way, rounded)
            found[made.expression] = (THREADS, made.shared_bytes)
    for real in ("float", "double"):
        for part in STEPS:
            found[f"gru_step<{real}, {part}>"] = (256, 0)
            found[f"gru_step_back<{real}, {part}>"] = (256, 0)
        found[f"adam_update<{real}>"] = (256, 0)
    return found


def check(compiler: Nvrtc, arch: int) -> list[str]:
    """Compile all kernels of an architecture; every complaint."""
    wanted, start = kernels(arch), time.perf_counter()
    names = sorted(wanted)
    parts = [names[k::8] for k in range(8)]
    try:
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda part: compiler.compile(part, arch), parts))
    except CompileError as error:
        return [f"sm_{arch}: {error}"[:3000]]
    uses = {name: use for answer in answers for name, use in answer.items()}
    room, complaints = Device(arch, 1).shared_bytes, []
    for name, (threads, shared) in sorted(wanted.items()):
        if name not in uses:
            complaints.append(f"sm_{arch} {name}: not in the compiler's report")
            continue
        registers, spilled = uses[name]
        if spilled:
            complaints.append(f"sm_{arch} {name}: {spilled} bytes spilled")
        if registers * threads > REGISTERS:
            complaints.append(f"sm_{arch} {name}: {registers} registers in {threads} threads")
        if shared > room:
            complaints.append(f"sm_{arch} {name}: {shared / KB} KB of shared memory")
    most = max(use.registers for use in uses.values())
    print(
        f"sm_{arch}: {len(uses)} of {len(wanted)} kernels by NVRTC "
        f"{'.'.join(map(str, compiler.version))}, at most {most} registers, "
        f"{len(complaints)} complaints, {time.perf_counter() - start:.0f} s",
        flush=True,
    )
    return complaints


def main(arguments: list[str]) -> int:
    """Check what was asked for, or everything."""
    compilers = installed()
    if not compilers:
        print("no NVRTC: install nvidia-cuda-nvrtc (for CUDA 13) or nvidia-cuda-nvrtc-cu12")
        return 1
    asked = [int(name.removeprefix("sm_")) for name in arguments] or list(ARCHS)
    complaints = []
    for arch in asked:
        able = [compiler for compiler in compilers if arch in compiler.archs]
        if not able:
            print(f"sm_{arch}: no NVRTC here compiles for it")
        complaints += check(able[0], arch) if able else [f"sm_{arch}: not compiled"]
    print(*complaints, sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
