"""From measured rounds to tables, and what was met and what was missed."""

from __future__ import annotations

import statistics
from typing import Any

from measuring import floors
from measuring.floors import Bound
from measuring.readme import table
from peers.problem import ONE_BIAS, flop

TITLES = {
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "onednn": "oneDNN",
    "jax": "JAX",
    "dlgru": "dlgru",
}


def ratios(row: dict[str, Any], library: str) -> tuple[float, float]:
    """A library's time over ours: of the least-disturbed turns, and the median over rounds."""
    ours, theirs = row["seconds"]["dlgru"], row["seconds"][library]
    paired = [b / a for a, b in zip(ours, theirs, strict=True)]
    return min(theirs) / min(ours), statistics.median(paired)


def verdict(found: tuple[float, float], bound: Bound) -> str:
    """The more cautious of the two ratios, held against what is demanded and aimed for."""
    least = min(found)
    if least < bound.floor:
        return f"missed {bound.floor:g}"
    return "aim" if least >= bound.aim else "met"


def share_of_peak(row: dict[str, Any], peak: Any) -> float | None:
    """Share of the arithmetic peak at our least-disturbed time."""
    if row["what"] not in ("inference", "training"):
        return None
    most = peak.get(f"{row['dtype']} {row['threads']}") if isinstance(peak, dict) else None
    if most is None:
        return None
    return flop(row["what"], tuple(row["shape"])) / min(row["seconds"]["dlgru"]) / float(most)


def text_of(results: dict[str, Any]) -> str:
    """Everything as Markdown."""
    parts = [_header(results)]
    timed = [r for r in results["rows"] if "dlgru" in r["seconds"]]
    kinds = {kind_of(r) for r in timed}
    order = {"inference": 0, "training": 1}
    for what, dtype, threads in sorted(kinds, key=lambda k: (k[1], k[2], order.get(k[0], 2))):
        if what in order:
            rows = [r for r in timed if kind_of(r) == (what, dtype, threads)]
            parts.append(_cells(rows, results["peak"]))
    parts += [_one_step(timed), _vowels(timed, results), _memory(results), _summary(results)]
    return "\n\n".join(filter(None, parts)) + "\n"


def kind_of(row: dict[str, Any]) -> tuple[str, str, int]:
    """What is done, class and threads of a row."""
    return row["what"], row["dtype"], row["threads"]


def _header(results: dict[str, Any]) -> str:
    machine, peak = results["machine"], results["peak"]
    if isinstance(peak, dict):
        peak = ", ".join(_peak_of(*item) for item in peak.items())
    lines = [
        f"Engine: {results['why']}.",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"{' '.join(machine['sets'])}; Python {machine['Python']}, NumPy {results['numpy']}.",
        f"Peak: {peak}.",
        "Libraries: " + "; ".join(f"{TITLES[k]} {v}" for k, v in results["versions"].items()) + ".",
    ]
    lines += [f"Left out: {TITLES[k]} ({v})." for k, v in results["absent"].items()]
    calm = [r["quiet"] for r in results["rows"]]
    if calm:
        lines.append(
            f"{results['rounds']} rounds; other programs left the cores idle before "
            f"{100 * statistics.mean(calm):.0f} % of the turns."
        )
    return "  \n".join(lines)


def _peak_of(kind: str, rate: float) -> str:
    dtype, threads = kind.split()
    return f"{rate / 1e9:.0f} GFLOP/s ({dtype}, {threads} thread{'s' * (threads != '1')})"


def _pair(found: tuple[float, float]) -> str:
    return " / ".join(f"{x:.2f}" if x < 10 else f"{x:.1f}" for x in found)


def _time(seconds: float) -> str:
    """Three digits, in the unit that suits."""
    unit, scale = next((u, k) for u, k in (("s", 1), ("ms", 1e-3), ("µs", 0)) if seconds >= k)
    number = seconds / (scale or 1e-6)
    return f"{number:.{max(0, 3 - len(str(int(number))))}f} {unit}"


def _cells(rows: list[dict[str, Any]], peak: Any) -> str:
    what, dtype, threads = kind_of(rows[0])
    libraries = [n for n in TITLES if n != "dlgru" and any(n in r["seconds"] for r in rows)]
    lines = []
    for r in rows:
        shape, share = tuple(r["shape"]), share_of_peak(r, peak)
        line = [
            ",".join(map(str, shape)),
            _time(min(r["seconds"]["dlgru"])),
            "n/a" if share is None else f"{100 * share:.0f} %",
        ]
        for name in libraries:
            if name not in r["seconds"]:
                line.append("")
                continue
            found = ratios(r, name)
            bound = floors.bound(what, shape, threads, dtype, name)
            text = _pair(found)
            line.append(text if bound is None else f"{text} {verdict(found, bound)}")
        lines.append(line)
    plural = "s" if threads > 1 else ""
    title = f"**{what.capitalize()}, {dtype}, {threads} thread{plural}**"
    head = ["T,B,C,H", "dlgru", "of peak", *[TITLES[n] for n in libraries]]
    return f"{title}\n\n{table(head, lines)}"


def _limit(seconds: float, bound: Bound) -> str:
    if seconds > bound.floor:
        return f"missed {1e6 * bound.floor:g} µs"
    return "aim" if seconds <= bound.aim else "met"


def _limit_of(row: dict[str, Any]) -> Bound | None:
    """Return the most seconds of a call or a step, where they are limited."""
    if row["dtype"] != "float32":
        return None
    limits = {
        "call": floors.CALL,
        "streaming": floors.STEP,
        "streaming unlabelled": floors.STEP,
    }
    return limits.get(row["what"])


def _one_step(timed: list[dict[str, Any]]) -> str:
    rows = [r for r in timed if r["what"].startswith(ONE_BIAS)]
    if not rows:
        return ""
    others = [n for n in TITLES if n != "dlgru" and any(n in r["seconds"] for r in rows)]
    lines = []
    for r in rows:
        step = min(r["seconds"]["dlgru"]) / r["steps"]
        limit = _limit_of(r)
        times = [min(r["seconds"][n]) / r["steps"] if n in r["seconds"] else None for n in others]
        lines.append(
            [r["what"], ",".join(map(str, r["shape"])), r["dtype"], f"{1e6 * step:.2f} µs"]
            + ["" if limit is None else _limit(step, limit)]
            + ["" if t is None else f"{1e6 * t:.2f} µs" for t in times]
        )
    head = ["", "T,B,C,H", "class", "dlgru", "limit", *[TITLES[n] for n in others]]
    return f"**One step a call, 1 thread, time of a call**\n\n{table(head, lines)}"


def _vowels(timed: list[dict[str, Any]], results: dict[str, Any]) -> str:
    rows = [r for r in timed if r["what"] == "vowels"]
    if not rows:
        return ""
    epochs, lines = results["vowels"]["epochs"], []
    for r in rows:
        ours = min(r["seconds"]["dlgru"])
        line = [str(r["threads"]), f"{ours:.2f} s", f"{1e3 * ours / epochs:.1f} ms"]
        if "torch" in r["seconds"]:
            found = ratios(r, "torch")
            line += [
                f"{min(r['seconds']['torch']):.2f} s",
                f"{_pair(found)} {verdict(found, floors.VOWELS)}",
            ]
        else:
            line += ["", ""]
        lines.append(line)
    head = ["threads", "dlgru", "an epoch", "PyTorch", "ratio"]
    title = f"**Training the Japanese Vowels example ({results['vowels']['source']})**"
    return f"{title}\n\n{table(head, lines)}"


def _memory(results: dict[str, Any]) -> str:
    lines = []
    for m in results["memory"]:
        shape = ",".join(map(str, m["shape"]))
        peak = f"{m['bytes'] / 1e6:.0f} MB"
        lines.append([m["what"], TITLES[m["library"]], shape, peak, _time(m["seconds"])])
    if not lines:
        return ""
    head = ["forward and backward", "by", "T,B,C,H", "at most", "time"]
    return f"**Peak memory beyond the inputs, float32, 1 thread**\n\n{table(head, lines)}"


def _summary(results: dict[str, Any]) -> str:
    """What was missed, by name; the aims likewise."""
    judged: dict[str, list[str]] = {"missed": [], "met": [], "aim": []}
    behind: dict[str, list[str]] = {}
    below_peak, wrong = [], []
    for r in results["rows"]:
        what, dtype, threads = kind_of(r)
        shape = tuple(r["shape"])
        where = f"{what} {','.join(map(str, shape))} {dtype} {threads}T"
        wrong += [f"{where} {TITLES[name]}: {text}" for name, text in r["wrong"].items()]
        if "dlgru" not in r["seconds"]:
            continue
        for name in r["seconds"].keys() - {"dlgru"}:
            found = ratios(r, name)
            bound = _bound(r, name)
            if bound is not None:
                text = (
                    f"{where} {TITLES[name]} {min(found):.2f} (of {bound.floor:g}, {bound.aim:g})"
                )
                judged[verdict(found, bound).split()[0]].append(text)
            if min(found) < 1:
                behind.setdefault(TITLES[name], []).append(f"{where} {min(found):.2f}")
        limit = _limit_of(r)
        if limit is not None:
            step = min(r["seconds"]["dlgru"]) / r["steps"]
            text = f"{where} {1e6 * step:.2f} µs (of {1e6 * limit.floor:g}, {1e6 * limit.aim:g})"
            judged[_limit(step, limit).split()[0]].append(text)
        share = share_of_peak(r, results["peak"])
        if share is not None and shape[3] >= 512 and share < floors.SHARE_OF_PEAK:
            below_peak.append(f"{where} {100 * share:.0f} %")
    count = sum(map(len, judged.values()))
    lines = [
        f"Of {count} cells with a floor, {count - len(judged['missed'])} met it "
        f"and {len(judged['aim'])} reached the aim."
    ]
    named = [("Wrong results or none, not timed", wrong)]
    named += [("Floor missed (floor, aim)", judged["missed"])]
    named += [("Floor met, aim missed (floor, aim)", judged["met"])]
    named += [(f"Behind {name}", cells) for name, cells in behind.items()]
    named += [(f"Below {100 * floors.SHARE_OF_PEAK:.0f} % of the peak at H >= 512", below_peak)]
    lines += [f"- {title}: {'; '.join(sorted(cells))}." for title, cells in named if cells]
    return "**What was met and what was missed**\n\n" + "\n".join(lines)


def _bound(row: dict[str, Any], library: str) -> Bound | None:
    """Return the bound of a cell, that of the example's training included."""
    what, dtype, threads = kind_of(row)
    if (what, library) == ("vowels", "torch"):
        return floors.VOWELS
    return floors.bound(what, tuple(row["shape"]), threads, dtype, library)
