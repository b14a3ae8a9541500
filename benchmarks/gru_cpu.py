"""The speed of ``gru`` on the CPU, beside PyTorch, ONNX Runtime, oneDNN and JAX.

Inference and training on six shapes and three tiny ones, single and double, one and two
threads; one step at a time with the state carried; the whole training of the Japanese
Vowels example; peak memory.  README.md tells how to read the tables.

    python benchmarks/gru_cpu.py                               what is installed beside dlgru
    python benchmarks/gru_cpu.py --peers-python PATH           libraries of another environment
    python benchmarks/gru_cpu.py --show FILE                   the tables of an earlier run

A library that is not installed is named and left out; with none, only our own times are
given.  Every library's results are compared with ours before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LIBRARIES = ("torch", "onnxruntime", "onednn", "jax")
TINY = [(1, 1, 4, 8), (10, 1, 8, 16), (10, 8, 8, 16)]
STEP = (1, 1, 16, 64)
LARGE = (100, 128, 256, 512)  # the reserve is most of its memory
STREAMING = ("streaming", "streaming unlabelled", "streaming from NumPy")
PARTS = ("cells", "tiny", "streaming", "vowels", "memory")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers-python", default=sys.executable, help="whose libraries to use")
    parser.add_argument("--peers", nargs="*", default=LIBRARIES, choices=LIBRARIES)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--shapes", nargs="*", help="some of the six, such as 20,27,12,100")
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--types", nargs="*", default=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quiet", type=float, default=0.3, help="longest wait for idle cores, s")
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--show", type=Path, help="print an earlier run, measure none")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md, too")
    return parser.parse_args()


def main() -> None:
    from measuring.floors import SHAPES
    from measuring.readme import put
    from measuring.report import text_of

    asked = options()
    if asked.show:
        results = json.loads(asked.show.read_text("utf-8"))
    else:
        shapes = [tuple(int(n) for n in text.split(",")) for text in asked.shapes or []] or SHAPES
        results = run(asked, shapes)
        whole = results["versions"].keys() >= set(LIBRARIES) and shapes == SHAPES
        whole = whole and set(asked.parts) == set(PARTS) and {1, 2} <= set(asked.threads)
        whole = whole and {"float32", "float64"} <= set(asked.types)
        name = "gru_cpu.json" if whole else "gru_cpu_partial.json"
        file = asked.json or HERE / "results" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json_of(results), "utf-8")
    text = text_of(results)
    print("\n" + text)
    if asked.readme:
        put("gru_cpu", text)
    if any(row["wrong"] for row in results["rows"]):
        sys.exit("some results were wrong")


def json_of(results: dict[str, Any]) -> str:
    """One line for each cell, all rounds in it."""
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in results["rows"])
    text = json.dumps(results | {"rows": []}, indent=1, ensure_ascii=False)
    return text.replace('"rows": []', f'"rows": [\n  {rows}\n ]') + "\n"


def run(asked: argparse.Namespace, shapes: list[Any]) -> dict[str, Any]:
    """Measure all that is asked for."""
    from dlgru.kernels import why
    from measuring.machine import cores, machine
    from measuring.peak import measured_peak
    from measuring.turns import start
    from peers.vowels import FILE, save

    results: dict[str, Any] = {
        "why": engines(why()),
        "machine": machine(),
        "rounds": asked.rounds,
        "versions": {},
        "absent": {},
        "rows": [],
        "memory": [],
    }
    print(results["why"], flush=True)
    counts = [n for n in asked.threads if n <= cores()]
    pythons = {name: asked.peers_python for name in LIBRARIES} | {"dlgru": sys.executable}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results["peak"] = measured_peak(folder, counts)
        if "vowels" in asked.parts:
            os.environ[FILE] = str(folder / "vowels.npz")
            results["vowels"] = save(folder / "vowels.npz")
        if "memory" in asked.parts:
            results["memory"] = peaks(pythons, asked.peers, folder)
        for threads in counts:
            libraries, absent = start(["dlgru", *asked.peers], pythons, threads, folder)
            try:
                if absent and not results["absent"]:
                    for name, reason in absent.items():
                        print(f"{name} is left out: {reason}", flush=True)
                results["absent"] |= absent
                assert "dlgru" not in absent, absent["dlgru"]
                results["versions"] |= {lib.name: lib.about["version"] for lib in libraries}
                results["numpy"] = libraries[0].about["numpy"]
                for problem in problems(asked, shapes, threads):
                    one(results, libraries, problem, threads, asked)
            finally:
                for library in libraries:
                    library.close()
    return results


def engines(said: str) -> str:
    """Take the line about the compiled engine, and what would build it, out of an explanation."""
    lines = [line.strip() for line in said.splitlines()]
    return "; ".join(line for line in lines if "part of this version" not in line)


def problems(asked: argparse.Namespace, shapes: list[Any], threads: int) -> list[dict[str, Any]]:
    """List what is to be measured at this number of threads."""
    found = []
    for dtype in asked.types:
        some = (shapes if "cells" in asked.parts else []) + (TINY if "tiny" in asked.parts else [])
        found += [
            {"what": what, "shape": shape, "dtype": dtype}
            for what in ("inference", "training")
            for shape in some
            if threads == 1 or shape not in TINY
        ]
        if "streaming" in asked.parts and threads == 1:
            found.append({"what": "call", "shape": TINY[0], "dtype": dtype})
            found += [{"what": what, "shape": STEP, "dtype": dtype} for what in STREAMING]
    if "vowels" in asked.parts and "float32" in asked.types:
        found.append({"what": "vowels", "shape": (26, 27, 12, 100), "dtype": "float32"})
    return found


def one(
    results: dict[str, Any],
    libraries: list[Any],
    problem: dict[str, Any],
    threads: int,
    asked: argparse.Namespace,
) -> None:
    """Measure one cell and print a line about it."""
    from measuring.machine import load
    from measuring.report import ratios
    from measuring.turns import measure
    from peers.problem import STEPS

    row = measure(libraries, problem, asked.rounds, asked.quiet)
    steps = STEPS if problem["what"].startswith("streaming") else 1
    row |= {"threads": threads, "load": load(), "steps": steps}
    results["rows"].append(row)
    for name, reason in row["wrong"].items():
        print(f"{name} is not timed: {reason}", flush=True)
    if "dlgru" not in row["seconds"]:
        return
    others = [f"{name} {ratios(row, name)[0]:.2f}" for name in row["seconds"] if name != "dlgru"]
    shape = ",".join(map(str, problem["shape"]))
    best = 1e6 * min(row["seconds"]["dlgru"])
    where = f"{threads}T {problem['dtype']} {problem['what']} {shape}"
    print(f"{where}: {best:.1f} µs ({row['engine'] or 'gru'})", *others, flush=True)


def peaks(pythons: dict[str, str], peers: list[str], folder: Path) -> list[dict[str, Any]]:
    """Take the peak memory of first calls, each in a process of its own."""
    from measuring.turns import start

    found = []
    kinds = [("dlgru", w) for w in ("training", "training, gates kept", "training, gates from y")]
    kinds += [(name, "training") for name in peers if name == "torch"]
    for library, what in kinds:
        there, _ = start([library], pythons, 1, folder)
        for process in there:
            # A tiny call first: what is loaded and started once does not count.
            process.ask(do="make", what=what, shape=TINY[2], dtype="float32")
            answer = process.ask(do="peak", what=what, shape=LARGE, dtype="float32")
            row = {"library": library, "what": what, "shape": LARGE, "bytes": answer.get("bytes")}
            timed = process.ask(do="run", samples=5, inner=1)
            process.close()
            if row["bytes"] is not None and "seconds" in timed:
                found.append(row | {"seconds": timed["seconds"]})
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        from peers.worker import serve

        serve(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main()
