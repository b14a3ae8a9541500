"""Check and time everything that dlgru does on a GPU: one command, less than ten minutes.

    PYTHONPATH=.:tests python benchmarks/gpu/gpu_check.py [--results FILE] [part ...]

Needs CuPy and a CUDA GPU; PyTorch and cuDNN are compared with where they are installed.  First
what is right: every operation against the host, then every engine and mode and every compiled
kernel against double precision, all in memory that was filled with NaN before, and the updates and
a training step.  Then what one step of each kernel costs; then times beside PyTorch's, cuDNN's and
our own on the CPU, all taking turns.  Parts that are named run alone; their names are those of
`PARTS`.  The file of results is written after each part, and keeps those of other parts that ran
on the same machine.

The exit status is 1 if anything is wrong, 2 if there is no GPU to ask, and 3 if nothing is wrong
but the time did not suffice for everything.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import compiled
import correctness
import launches
import numpy as np
import operations
import timings
import updates
from budget import Budget

import dlgru
from benchmarks.measuring.machine import processor
from dlgru.kernels.gpu import cluster, cudnn, graph, group
from dlgru.kernels.gpu.cudnnlibrary import library
from dlgru.kernels.gpu.registry import runtime_of

ENGINES = (cluster, group, cudnn, graph)
SIZES = [(5, 3, 4, 20), (6, 9, 5, 64), (4, 5, 3, 100), (3, 9, 4, 256), (3, 5, 4, 300)]
SIZES += [(4, 2, 3, 700), (2, 65, 3, 128)]
SECONDS = 510  # after which nothing new is begun
MOST_SECONDS = 570  # after which the program ends, wherever it is


def machine(cupy: Any) -> dict[str, Any]:
    """What the figures were taken with."""
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    found, torch = library(), timings.pytorch()
    return {
        "device": properties["name"].decode(),
        "named": runtime_of(cupy).describe(),
        "memory": properties["totalGlobalMem"],
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "CUDA": cupy.cuda.runtime.runtimeGetVersion(),
        "CuPy": cupy.__version__,
        "cuDNN": found if isinstance(found, str) else found.version,
        "torch": torch if isinstance(torch, str) else torch.__version__,
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


def every_operation(cupy: Any, budget: Budget) -> dict[str, Any]:
    """Every operation and update; the worst row of each, and all that are wrong."""
    with poison(cupy):
        rows = operations.checked(
            _send(cupy), within=lambda cases: budget.within("operations", cases)
        )
    print(operations.summary(rows), flush=True)
    kept = [{**row._asdict(), "ok": row.ok} for row in operations.furthest(rows)]
    return {"summary": operations.summary(rows), "rows": kept}


def every_mode(cupy: Any, budget: Budget) -> list[dict[str, Any]]:
    """Every engine on every mode that it accepts."""
    specs = correctness.specs(SIZES, runtime_of(cupy).describe())
    pairs = [(spec, e) for spec in specs for e in ENGINES if e.accepts(spec) is True]
    with poison(cupy):
        answers = [
            correctness.answered(engine, spec, _send(cupy), _fetch)
            for spec, engine in budget.within("modes", pairs)
        ]
    return _told(answers, "modes")


def every_kernel(cupy: Any, budget: Budget) -> list[dict[str, Any]]:
    """Every compiled form of the persistent kernels."""
    names, answers = [], []
    with poison(cupy):
        for form in budget.within("kernels", compiled.forms(runtime_of(cupy).describe())):
            names.append(form.forward)
            answers.append(compiled.compared(form, _send(cupy), _fetch))
            if not answers[-1].ok:
                print(f"    with {form.forward}", flush=True)
    rows = zip(names, _told(answers, "compiled forms"), strict=True)
    return [{"kernel": name, **row} for name, row in rows]


def _told(answers: list[correctness.Answer], what: str) -> list[dict[str, Any]]:
    for engine in ENGINES:
        mine = [a.ok for a in answers if a.engine == engine.NAME]
        if mine:
            print(f"{engine.NAME:8} {sum(mine):4} of {len(mine):4} {what}", flush=True)
    return [{**a._asdict(), "spec": str(a.spec), "ok": a.ok} for a in answers]


def every_update(cupy: Any, budget: Budget) -> dict[str, Any]:
    """Adam's update in one launch, and how long it takes beside the library's operations."""
    with poison(cupy):
        rows = list(updates.checked(_send(cupy), _fetch))
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


def _fetch(array: Any) -> Any:
    return array.get()


def training_step(cupy: Any, budget: Budget) -> dict[str, Any]:
    """What a training step of the demo does, and how long it takes with each engine."""
    wait = cupy.cuda.get_current_stream().synchronize
    counts = launches.counts()
    names = [launches.CHOSEN, "plain", *(engine.NAME for engine in ENGINES)]
    times = [launches.timed(_send(cupy), wait, name) for name in budget.within("training", names)]
    launches.table(counts, times)
    return {
        "launches": [one._asdict() for one in counts],
        "times": [{**one._asdict(), "ok": one.ok} for one in times],
    }


def steps(cupy: Any, budget: Budget) -> list[dict[str, Any]]:
    """What a step of each persistent kernel costs, with one group and with the device full."""
    found = []
    for form, groups in budget.within("steps", compiled.to_time(runtime_of(cupy).describe())):
        one = compiled.step(cupy, form, groups)
        words = f"BAD {one.complaint}" if one.complaint else f"{one.microseconds:.2f} µs a step"
        print(f"{one.way:8} {one.dtype} × {groups}: {words} {one.kernel}", flush=True)
        found.append({**one._asdict(), "ok": one.ok})
    return found


def every_time(cupy: Any, budget: Budget) -> list[dict[str, Any]]:
    """All contenders on all shapes."""
    times = []
    for shape in budget.within("times", timings.SHAPES):
        try:
            found = timings.shape_times(cupy, shape, over=budget.over)
        except Exception as problem:  # the other shapes can still be timed
            found = [timings.complaint(shape, "dlgru", "strict", problem)]
        table(found)
        times += found
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


PARTS: dict[str, Callable[[Any, Budget], Any]] = {
    "operations": every_operation,
    "modes": every_mode,
    "kernels": every_kernel,
    "updates": every_update,
    "training": training_step,
    "steps": steps,
    "times": every_time,
}
"""What is right comes first; times last."""


def wrong(results: dict[str, Any]) -> int:
    """Count what is wrong; a part that broke off is one wrong thing more."""
    rows = [row for name in ("modes", "kernels", "steps", "times") for row in results.get(name, ())]
    rows += [
        row for name in ("operations", "updates") for row in results.get(name, {}).get("rows", ())
    ]
    rows += results.get("training", {}).get("times", ())
    return sum(not row["ok"] for row in rows) + len(results["broken"])


def kept(path: Path | None, here: dict[str, Any], asked: list[str]) -> dict[str, Any]:
    """Return the results so far: those of other parts, if they ran on this machine."""
    found: dict[str, Any] = {"machine": here, "seconds": {}, "broken": {}, "left out": {}}
    if path is not None and path.exists():
        before = json.loads(path.read_text("utf-8"))
        if before["machine"] == here:
            found |= {name: part for name, part in before.items() if name not in asked}
            for notes in ("seconds", "broken", "left out"):
                found[notes] = {k: v for k, v in before[notes].items() if k not in asked}
    return found


def write(path: Path | None, results: dict[str, Any]) -> None:
    """Write the results as they are now."""
    if path is not None:
        path.write_text(json.dumps(results, indent=1, default=str) + "\n", "utf-8")


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Check and time what dlgru does on a GPU.")
    parser.add_argument("--results", type=Path, metavar="FILE", help="where to write what is found")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    options = parser.parse_args(arguments)
    if strange := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part {', '.join(strange)}; there are {', '.join(PARTS)}")
    return options


def main(arguments: list[str]) -> int:
    """Do all of it, or the parts that are named."""
    options = parsed(arguments)
    try:
        import cupy
    except ImportError:
        print("CuPy is not installed: pip install dlgru[gpu13], or dlgru[gpu12] with CUDA 12")
        return 2
    if not cupy.is_available():
        print("no CUDA GPU here, or its driver is missing: nothing was checked")
        return 2
    try:
        assert int((cupy.arange(3) + 1).sum()) == 6
    except Exception as problem:
        print(f"CuPy cannot compute here: {type(problem).__name__}: {problem}")
        return 2
    start = time.perf_counter()
    faulthandler.dump_traceback_later(MOST_SECONDS, exit=True, file=sys.__stderr__)
    try:
        asked = [name for name in PARTS if name in options.parts or not options.parts]
        results = kept(options.results, machine(cupy), asked)
        print(json.dumps(results["machine"], indent=1), flush=True)
        with cupy.cuda.Stream(non_blocking=True):
            run(cupy, asked, results, options.results)
    finally:
        faulthandler.cancel_dump_traceback_later()
    bad, missing = wrong(results), len(results["left out"])
    print(f"{bad} wrong, {missing} parts incomplete, {time.perf_counter() - start:.0f} s")
    return 1 if bad else 3 if missing else 0


def run(cupy: Any, asked: list[str], results: dict[str, Any], path: Path | None) -> None:
    """Run parts one after the other; after each one its results are written.

    The device is waited for within a part, so that a fault is told of the part that made it.
    A device that does not answer after that is not asked again.
    """
    wait, answers = cupy.cuda.runtime.deviceSynchronize, True
    budget = Budget(SECONDS, lambda text: note(path, text))
    for name in asked:
        if budget.over() or not answers:
            results["left out"][name] = "all"
            continue
        results["broken"][name] = "it did not end"  # what the file says if it does not
        write(path, results)
        began = time.perf_counter()
        try:
            results[name] = PARTS[name](cupy, budget)
            wait()
            del results["broken"][name]
        except Exception as error:  # the other parts can still say something
            traceback.print_exc()
            results["broken"][name] = f"{type(error).__name__}: {error}"[:300]
        try:
            wait()
        except Exception as error:
            answers = False
            print(f"the device does not answer after {name}: {error}"[:300], flush=True)
        results["seconds"][name] = time.perf_counter() - began
        results["left out"] |= budget.left_out
        write(path, results)
    write(path, results)
    note(path, "")


def note(path: Path | None, text: str) -> None:
    """Write beside the results what is being done: a kernel that hangs leaves nothing else."""
    if path is not None:
        beside = path.with_name(path.name + ".now")
        if text:
            beside.write_text(text + "\n", "utf-8")
        else:
            beside.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
