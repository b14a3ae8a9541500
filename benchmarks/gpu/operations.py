"""Every operation and every update on a device, held against the same call on the host.

The host's own results are held against independent references by the tests (NumPy here stands
for those).  The calls are theirs, too: the cases that each operation brings along, made and
differentiated by ``tests/cases.py`` and ``tests/ops/checks.py``, which need no pytest.  They are
small, so a few larger ones follow, which keep many blocks of a device busy and name the same
place often.  `send` brings a host array to the device, so the tests can run all of this without
one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from cases import ALL_CASES, Case, Cases
from ops import checks

import dlgru as dl
from dlgru.array import DLArray
from dlgru.backend import is_device_array
from dlgru.op import OPS

Send = Callable[[Any], Any]
Arrays = tuple[DLArray, ...]

ROUNDINGS = 256
"""How many roundings of its class a result may be off, relative to its largest element or 1.

In single precision on the host the table's cases are off by up to 9 roundings, second
derivatives included, and the larger ones by up to 16.  A device adds in another order, which
gives as much again, and its functions are exact to some 10 units in the last place (2 to 4 for
most real ones) where the host's are to one.  The smallest error in a formula that the tests
plant, 0.1 %, is 8000 roundings in single precision.
"""

TO_HOST = {"gather"}
"""Operations whose result belongs to the host."""


class Row(NamedTuple):
    """One result of one case in one class, from the device and from the host."""

    operation: str
    case: str
    what: str
    of: str  # the class
    error: float  # in roundings, see `ROUNDINGS`
    complaint: str = ""

    @property
    def ok(self) -> bool:
        return not self.complaint and self.error <= ROUNDINGS


# -- what is computed ----------------------------------------------------------------------


def second(case: Case, recorded: bool) -> Arrays:
    """The derivative of the first derivative along a direction."""
    return tuple(checks.slopes(case, checks.directions_of(case, "inner"), recorded)[1])


WORK: dict[str, Callable[[Case], Arrays]] = {
    "value": checks.call,
    "first derivative": lambda case: tuple(checks.gradients(case)),
    "second derivative": lambda case: second(case, False),
    "second derivative, EnableHigherDerivatives": lambda case: second(case, True),
}


def larger() -> dict[str, Case]:
    """Cases of many thousand elements, and subscripts that name the same place again and again."""
    r = Cases(3)
    again = [k * k % 11 for k in range(700)]
    calls: list[tuple[Any, ...]] = [
        ("index", r(50, 60), (slice(None), again)),
        ("index", r(60, 50), (again, slice(0, 40))),
        ("columns", r(40, 30), np.array(again)),
        ("spread_columns", r(40, 700), np.array(again), (40, 30)),
        ("embed", r.constant([[1 + k % 13 for k in range(3000)]], "CB"), r(32, 20)),
        ("embed", r.constant([[7] * 3000], "CB"), r(32, 20)),
        ("sumto", r(64, 2000), (64, 1)),
        ("sumto", r(64, 2000), (1, 2000)),
        ("expand", r(64, 1), (64, 2000)),
        ("repmat", r(30, 20), (20, 30)),
        ("plus", r(64, 2000, fmt="CB"), r(64, 1, fmt="CB")),
        ("times", r(64, 1), r(1, 2000)),
        ("sum", r(200, 300), "all"),
        ("mean", r(200, 300), 2),
        ("max", r(300, 50), r(300, 1)),
        ("softmax", r(200, 100, fmt="CB")),
        ("tanh", r(200, 300)),
        ("cat", 2, r(50, 300), r(50, 200)),
        ("mtimes", r(200, 150), r(150, 100)),
        ("fullyconnect", r(100, 60, fmt="CB"), r(50, 100), r(50, 1)),
        ("gru", r(12, 27, 20, fmt="CBT"), r(40, 1), r(120, 12), 0.15 * r(120, 40), r(120, 1)),
    ]
    found = {}
    for k, (name, *args) in enumerate(calls):
        floats = [type(x) is DLArray and not any(x is c for c in r.constants) for x in args]
        variables = tuple(place for place, is_one in enumerate(floats) if is_one)
        found[f"{name}, larger {k}"] = Case(OPS[name], tuple(args), {}, variables)
    return found


# -- comparing -----------------------------------------------------------------------------


def roundings(found: Any, expected: Any) -> float:
    """How far an array is from what it should be, see `ROUNDINGS`; infinite if not finite."""
    if not expected.size:
        return 0.0
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(found, expected) else np.inf
    with np.errstate(all="ignore"):
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        off = np.where(same, 0.0, abs(found - expected))
        sizes = abs(expected)
    largest = float(np.max(np.where(np.isfinite(sizes), sizes, 0), initial=1.0))
    error = float(off.max()) / (largest * float(np.finfo(expected.dtype).eps))
    return error if np.isfinite(error) else np.inf


def complaints(there: Arrays, again: Arrays, here: Arrays, on_host: bool) -> Iterator[str]:
    """What is wrong with results on the device besides their numbers."""
    if len(there) != len(here):
        yield f"{len(there)} results, not {len(here)}"
    for y, repeated, expected in zip(there, again, here, strict=False):
        if is_device_array(y.value.data) == on_host:
            yield f"the result is {'not ' if on_host else ''}on the host"
        if (y.shape, y.dims) != (expected.shape, expected.dims):
            yield f"size {y.shape} {y.dims!r}, not {expected.shape} {expected.dims!r}"
        if not y.value.data.flags.f_contiguous:
            yield "the result is not column-major"
        if y.dtype != expected.dtype:
            yield f"the class is {y.dtype}, not {expected.dtype}"
        if checks.host(y).tobytes() != checks.host(repeated).tobytes():
            yield "a second run gives other bits"


def compared(
    row: Row, on_device: Callable[[], Arrays], on_host: Callable[[], Arrays], fetched: bool = False
) -> Row:
    """Run a thing twice on the device and once on the host; fill in the row."""
    here = on_host()
    try:
        there, again = on_device(), on_device()
        wrong = "; ".join(dict.fromkeys(complaints(there, again, here, fetched)))
        if not wrong:
            pairs = zip(there, here, strict=True)
            error = max((roundings(checks.host(y), checks.host(x)) for y, x in pairs), default=0.0)
            return row._replace(error=error)
    except Exception as problem:  # whatever a device raises is an answer
        wrong = f"{type(problem).__name__}: {problem}"[:300]
    return row._replace(error=np.inf, complaint=wrong)


def of_case(name: str, case: Case, send: Send) -> Iterator[Row]:
    """The rows of one case, in double and in single precision."""
    for of, here in (("double", case), ("single", checks.in_single(case))):
        there = here.with_arrays(send)
        for what, work in WORK.items():
            value = what == "value"
            if value or (case.variables and case.op.differentiable):
                row = Row(case.op.name, name, what, of, 0.0)
                fetched = value and case.op.name in TO_HOST
                yield compared(
                    row,
                    lambda work=work, there=there: work(there),
                    lambda work=work, here=here: work(here),
                    fetched,
                )


# -- updates and transfers -----------------------------------------------------------------

UPDATES = {"adamupdate": 2, "sgdmupdate": 1, "rmspropupdate": 1}
"""The updates, and how many states each has."""


def struct(move: Send, of: str, seed: int) -> Any:
    """A struct of arrays of some sizes, one of them without elements."""
    draw = np.random.default_rng(seed)

    def array(*size: int) -> Any:
        return dl.dlarray(move(np.asfortranarray(draw.standard_normal(size).astype(of))))

    p = dl.struct()
    p.gru.W, p.gru.b, p.fc.W, p.none = array(300, 70), array(300, 1), array(9, 100), array(0, 3)
    return p


def leaves(tree: Any) -> list[DLArray]:
    return [tree.gru.W, tree.gru.b, tree.fc.W, tree.none]


def updated(name: str, move: Send, of: str) -> Arrays:
    """Parameters and states after three steps, of which the first has no state yet."""
    p, states = struct(move, of, 0), [[]] * UPDATES[name]
    for iteration in (1, 2, 3):
        counted = [iteration] if name == "adamupdate" else []
        g = struct(move, of, iteration)
        p, *states = getattr(dl, name)(p, g, *states, *counted)
    return tuple([leaf for tree in (p, *states) for leaf in leaves(tree)])


def of_updates(send: Send) -> Iterator[Row]:
    for name in UPDATES:
        for of, dtype in (("double", "float64"), ("single", "float32")):
            yield compared(
                Row(name, "three steps", "value", of, 0.0),
                lambda name=name, dtype=dtype: updated(name, send, dtype),
                lambda name=name, dtype=dtype: updated(name, lambda array: array, dtype),
            )


def of_transfers() -> Iterator[Row]:
    """There and back again by ``gpuArray`` and ``gather``, whatever the class: the same bits."""
    r = Cases(zlib.crc32(b"transfers"))
    for kind in ("normal", "complex", "logical"):
        array = r(7, 5, 3, fmt="CBT", kind=kind)
        row = Row("gpuArray", f"{kind} there and back", "value", "double", 0.0)
        yield compared(row, lambda x=array: (dl.gpuArray(x),), lambda x=array: (x,))
        row = row._replace(operation="gather")
        yield compared(
            row, lambda x=array: (dl.gather(dl.gpuArray(x)),), lambda x=array: (x,), fetched=True
        )


# -- all of it -----------------------------------------------------------------------------


def checked(
    send: Send,
    cases: dict[str, Case] | None = None,
    within: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> list[Row]:
    """Everything on the device to which `send` brings arrays; wrong rows are printed at once.

    `within` gives the cases as long as there is time.
    """
    rows: list[Row] = []

    def add(some: Iterator[Row]) -> None:
        for row in some:
            if not row.ok:
                print(f"BAD {row}", flush=True)
            rows.append(row)

    add(of_updates(send))
    add(of_transfers())
    every = {**ALL_CASES, **larger()} if cases is None else cases
    for name, case in within(every.items()):
        add(of_case(name, case, send))
    return rows


def furthest(rows: list[Row]) -> list[Row]:
    """The worst row of each operation, class and kind of result, and all wrong ones."""
    worst: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row.operation, row.of, row.what)
        if key not in worst or row.error > worst[key].error:
            worst[key] = row
    kept = list(worst.values())
    return kept + [row for row in rows if not row.ok and row not in kept]


def summary(rows: list[Row]) -> str:
    """What is to be said about all rows, in a line."""
    names, cases = {row.operation for row in rows}, {(row.operation, row.case) for row in rows}
    bad, worst = sum(not row.ok for row in rows), max(rows, key=lambda row: row.error)
    return (
        f"{len(names)} operations and updates, {len(cases)} cases, {len(rows)} comparisons: "
        f"{bad} wrong; furthest {worst.error:.1f} roundings ({worst.case}, {worst.what}, "
        f"{worst.of}), allowed {ROUNDINGS}"
    )
