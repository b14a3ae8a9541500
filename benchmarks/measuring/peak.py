"""The arithmetic peak of this machine: what `peak.c` reaches on as many threads."""

from __future__ import annotations

import ctypes
import threading
import time
from pathlib import Path
from typing import Any

from measuring.compiling import shared_library

# A trial lasts some ten milliseconds, long enough for the clock that a core keeps up.
TRIALS, ROUNDS = 20, 2_000_000


def measured_peak(folder: Path, threads: list[int]) -> dict[str, float] | str:
    """Operations a second by class and threads, such as ``"float32 2"``; or why there are none."""
    source = Path(__file__).with_suffix(".c")
    try:
        built = shared_library(source, folder, ["-march=native", "-ffp-contract=fast"])
    except OSError:
        try:  # some compilers know the native processor under another option
            built = shared_library(source, folder, ["-mcpu=native", "-ffp-contract=fast"])
        except OSError as error:
            return str(error)
    library = ctypes.CDLL(str(built))
    peaks = {}
    for dtype, name, number in (
        ("float32", "peak_single", ctypes.c_float),
        ("float64", "peak_double", ctypes.c_double),
    ):
        work = getattr(library, name)
        work.restype = ctypes.c_double
        work.argtypes = [ctypes.c_long, ctypes.POINTER(number)]
        one = _best(work, number)
        peaks[f"{dtype} 1"] = one
        for n in threads:
            if n > 1:
                peaks[f"{dtype} {n}"] = _together(work, number, n)
    return peaks


def _best(work: Any, number: Any) -> float:
    return max(_once(work, number) for _ in range(TRIALS))


def _once(work: Any, number: Any) -> float:
    start = time.perf_counter()
    done = work(ROUNDS, ctypes.byref(number()))
    return float(done) / (time.perf_counter() - start)


def _together(work: Any, number: Any, threads: int) -> float:
    """Best sum over threads that run at the same time (ctypes lets go of the interpreter)."""
    best = 0.0
    for _ in range(TRIALS):
        rates = [0.0] * threads
        gate = threading.Barrier(threads)

        def run(k: int, rates: list[float] = rates, gate: Any = gate) -> None:
            gate.wait()
            rates[k] = _once(work, number)

        members = [threading.Thread(target=run, args=(k,)) for k in range(threads)]
        for member in members:
            member.start()
        for member in members:
            member.join()
        best = max(best, sum(rates))
    return best
