"""Check and time everything that dlgru does on a GPU: one command, under ten minutes.

    PYTHONPATH=.:tests python benchmarks/gpu/gpu_check.py [results.json]

Needs CuPy and a CUDA GPU; PyTorch and cuDNN are compared with where they are installed.  First
every operation against the host, then every engine and mode against double precision, both in
memory that was filled with NaN before; then what one step of each kernel costs, and what a
training step does; then times beside PyTorch's, cuDNN's and our own on the CPU, all taking
turns; a table last.  The exit status is 1 if anything is wrong, and 2 if there is no GPU to ask.
"""

from __future__ import annotations

import functools
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import correctness
import launches
import numpy as np
import operations
import timings
import updates

import dlgru
from benchmarks.measuring.machine import processor
from dlgru.kernels.gpu import cluster, cudnn, graph, group, persistent
from dlgru.kernels.gpu.cudnnlibrary import library
from dlgru.kernels.gpu.device import device_of
from dlgru.kernels.gpu.registry import runtime_of
from dlgru.kernels.gpu.tilings import SHAPES, Tiling, fitting, kernel
from dlgru.kernels.spec import NO_EXTRA, Spec

ENGINES = (cluster, group, cudnn, graph)
SIZES = [(5, 3, 4, 20), (6, 9, 5, 64), (4, 5, 3, 100), (3, 9, 4, 256), (3, 5, 4, 300)]
SIZES += [(4, 2, 3, 700), (2, 65, 3, 128)]
SHORT, LONG = 500, 2500  # steps: their difference is what steps cost, without launches


def machine(cupy: Any) -> dict[str, Any]:
    """What the figures were taken with."""
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    found = library()
    try:
        import torch

        torch_version = torch.__version__
    except ImportError:
        torch_version = None
    return {
        "device": properties["name"].decode(),
        "named": runtime_of(cupy).describe(),
        "memory": properties["totalGlobalMem"],
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "CUDA": cupy.cuda.runtime.runtimeGetVersion(),
        "CuPy": cupy.__version__,
        "cuDNN": None if isinstance(found, str) else found.version,
        "torch": torch_version,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "processor": processor(),
        "CPU threads": dlgru.get_num_threads(),
        "dlgru": dlgru.__version__,
    }


@contextmanager
def poison(cupy: Any) -> Iterator[None]:
    """Let all fresh device memory be NaN."""
    pool = cupy.cuda.MemoryPool()

    def filled(size: int) -> Any:
        memory = pool.malloc(size)
        if size:
            memory.memset_async(0xFF, size)
        return memory

    before = cupy.cuda.get_allocator()
    cupy.cuda.set_allocator(filled)
    try:
        yield
    finally:
        cupy.cuda.set_allocator(before)


def every_operation(cupy: Any) -> dict[str, Any]:
    """Every operation and update; the worst row of each, and all that are wrong."""
    with poison(cupy):
        rows = operations.checked(_send(cupy))
    print(operations.summary(rows), flush=True)
    kept = [{**row._asdict(), "ok": row.ok} for row in operations.furthest(rows)]
    return {"summary": operations.summary(rows), "rows": kept}


def every_engine(cupy: Any) -> list[dict[str, Any]]:
    """Every engine on every mode that it accepts."""
    name, answers = runtime_of(cupy).describe(), []
    with poison(cupy):
        for spec in correctness.specs(SIZES, name):
            for engine in ENGINES:
                if engine.accepts(spec) is not True:
                    continue
                try:
                    answer = correctness.check(engine, spec, _send(cupy), lambda a: a.get())
                except Exception as error:
                    words = f"{type(error).__name__}: {error}"[:300]
                    answer = correctness.Answer(engine.NAME, spec, words, np.inf, 0.0, True)
                if not answer.ok:
                    print(f"BAD {answer}", flush=True)
                answers.append({**answer._asdict(), "spec": str(spec), "ok": answer.ok})
    for engine in ENGINES:
        mine = [a for a in answers if a["engine"] == engine.NAME]
        print(f"{engine.NAME:8} {sum(a['ok'] for a in mine):4} of {len(mine):4} modes", flush=True)
    return answers


def every_update(cupy: Any) -> dict[str, Any]:
    """Adam's update in one launch, and how long it takes beside the library's operations."""
    with poison(cupy):
        rows = list(updates.checked(_send(cupy), lambda a: a.get()))
    worst = max(rows, key=lambda row: row.error)
    print(f"adam     {sum(row.ok for row in rows):4} of {len(rows):4} updates, at most {worst}")
    times = {}
    for size in updates.SIZES:
        ways = updates.both_ways(_send(cupy), size)
        again = [{k: timings.measured(cupy, way) for k, way in ways.items()} for _ in range(5)]
        times[size] = {k: min(one[k] for one in again) for k in ways}
        print(f"adam     {size:7} parameters: {times[size]} ms", flush=True)
    return {"rows": [{**row._asdict(), "ok": row.ok} for row in rows], "milliseconds": times}


def _send(cupy: Any) -> Any:
    return lambda array: cupy.asarray(array, order="F")


def steps(cupy: Any) -> list[dict[str, Any]]:
    """What a step of each persistent kernel costs, with one group and with the device full."""
    device = device_of(runtime_of(cupy).describe())
    found, chosen = [], persistent.cheapest
    for (way, dtype), tilings in SHAPES.items():
        engine = cluster if way == "cluster" else group
        for tiling in tilings:
            for groups in (1, max(1, device.processors // tiling.blocks)):
                spec = Spec(
                    SHORT, groups * tiling.rows, 16, tiling.units, dtype,
                    device=runtime_of(cupy).describe(),
                )  # fmt: skip
                if engine.accepts(spec) is not True or tiling not in fitting(way, spec, device):
                    continue
                try:
                    persistent.cheapest = lambda way, spec, fixed=tiling: fixed
                    found.append(_step(cupy, way, engine, spec, tiling, groups))
                except Exception as error:
                    print(f"BAD {way} {tiling}: {type(error).__name__}: {error}"[:300], flush=True)
                    found.append({"way": way, "tiling": tiling, "bad": str(error)[:300]})
                finally:
                    persistent.cheapest = chosen
    return found


def _step(
    cupy: Any, way: str, engine: Any, spec: Spec, tiling: Tiling, groups: int
) -> dict[str, Any]:
    each = {}
    for T in (SHORT, LONG):
        longer = spec._replace(T=T)
        given = correctness.moved(correctness.arrays(longer), _send(cupy))
        arguments = (given["x"], (given["h0"],), given["W"], given["R"], given["b"], NO_EXTRA)
        engine.forward(longer, *arguments)  # compiles
        call = functools.partial(engine.forward, longer, *arguments)
        again = [timings.measured(cupy, call) for _ in range(5)]
        each[T] = min(again)
    microseconds = 1000 * (each[LONG] - each[SHORT]) / (LONG - SHORT)
    line = f"{way:8} {spec.dtype} {tiling} × {groups}: {microseconds:.2f} µs a step"
    print(line, kernel(way, spec, tiling, False).expression, flush=True)
    made = {"way": way, "dtype": str(spec.dtype), "tiling": tiling, "groups": groups}
    return {**made, "microseconds": microseconds}


def training_step(cupy: Any) -> dict[str, Any]:
    """What a training step of the demo does, and how long it takes with each engine."""
    wait = cupy.cuda.get_current_stream().synchronize
    counts = launches.counts()
    names = [launches.CHOSEN, "plain", *(engine.NAME for engine in ENGINES)]
    times = [launches.timed(_send(cupy), wait, name) for name in names]
    launches.table(counts, times)
    return {
        "launches": [one._asdict() for one in counts],
        "times": [{**one._asdict(), "ok": one.ok} for one in times],
    }


def every_time(cupy: Any) -> list[dict[str, Any]]:
    """All contenders on all shapes."""
    times = [one for shape in timings.SHAPES for one in timings.shape_times(cupy, shape)]
    table(times)
    return [{**one._asdict(), "ok": timings.right(one)} for one in times]


def table(times: list[timings.Time]) -> None:
    """Print what was timed; a ratio above 1 is faster than PyTorch, or than our CPU engine."""
    ratios = f"{'torch/this':>10} {'CPU/this':>9}"
    print(f"{'T B C H':22} {'work':9} {'':28} {'error':>8} {'ms':>9} {ratios}")
    for one in times:
        if one.complaint:
            mark = "" if timings.right(one) else "  BAD"
            print(f"{one.shape!s:22} {one.contender} {one.precision}: {one.complaint}{mark}")
            continue
        torch, cpu = ["" if r is None else f"{r:.2f}" for r in (one.to_torch, one.to_cpu)]
        name = f"{one.contender} {one.precision}"
        mark = "" if timings.right(one) else "  BAD"
        print(
            f"{one.shape!s:22} {one.work:9} {name:28} {one.error:8.1e} "
            f"{one.milliseconds:9.3f} {torch:>10} {cpu:>9}{mark}"
        )


PARTS: dict[str, Callable[[Any], Any]] = {
    "operations": every_operation,
    "checked": every_engine,
    "updates": every_update,
    "steps": steps,
    "training step": training_step,
    "times": every_time,
}


def wrong(results: dict[str, Any]) -> int:
    """Count what is wrong; a part that broke off is one wrong thing more."""
    rows = [*results.get("operations", {}).get("rows", ()), *results.get("checked", ())]
    rows += results.get("updates", {}).get("rows", ())
    rows += [*results.get("training step", {}).get("times", ()), *results.get("times", ())]
    bad = sum(not row["ok"] for row in rows)
    bad += sum("bad" in one for one in results.get("steps", ()))
    return bad + len(results["broken"])


def main(arguments: list[str]) -> int:
    """Do all of it."""
    try:
        import cupy
    except ImportError:
        print("CuPy is not installed: pip install dlgru[gpu13], or dlgru[gpu12] with CUDA 12")
        return 2
    if not cupy.is_available():
        print("no CUDA GPU here, or its driver is missing: nothing was checked")
        return 2
    start = time.perf_counter()
    results: dict[str, Any] = {"machine": machine(cupy), "seconds": {}, "broken": {}}
    print(json.dumps(results["machine"], indent=1), flush=True)
    with cupy.cuda.Stream(non_blocking=True):
        for name, part in PARTS.items():
            began = time.perf_counter()
            try:
                results[name] = part(cupy)
            except Exception as error:  # the other parts can still say something
                traceback.print_exc()
                results["broken"][name] = f"{type(error).__name__}: {error}"[:300]
            results["seconds"][name] = time.perf_counter() - began
    if arguments:
        Path(arguments[0]).write_text(json.dumps(results, indent=1, default=str) + "\n", "utf-8")
    bad = wrong(results)
    print(f"{bad} wrong, {time.perf_counter() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
