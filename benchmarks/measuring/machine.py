"""What a result depends on besides the program: processor, system, versions, other work."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


def processor() -> str:
    """Name the processor."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Processor, instruction sets, cores, system, Python."""
    return {
        "processor": processor(),
        "sets": instruction_sets(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }


def instruction_sets() -> list[str]:
    """List the vector instructions that matter here, as Linux names them."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return []
    return [name for name in ("avx2", "fma", "avx512f", "asimd", "sve") if name in words]


def load() -> float | None:
    """Mean number of programs that wanted a core during the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def wait_for_quiet(limit: float) -> bool:
    """Wait until the cores have been idle for 50 ms, `limit` seconds at most; say if they were.

    A pool of the library before may still spin; other programs may be at work.
    """
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        before = _busy_ticks()
        time.sleep(0.05)
        if _busy_ticks() - before <= 1:
            return before > 0
    return False


def _busy_ticks() -> int:
    """Hundredths of a second that all cores have worked; 0 where the system does not say."""
    try:
        ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except OSError:
        return 0
    return sum(ticks) - ticks[3] - ticks[4]
