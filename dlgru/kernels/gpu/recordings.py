"""Time loops that are launched as one: the second call of a kind is recorded, later ones replay it.

A recording is a CUDA graph, and a graph is bound to the addresses it was recorded with.
So it owns a set of arrays: what comes in is copied there, what comes out is copied from
there.  Only loops that are called again with the same spec on the same stream are worth
that, and only so many are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

from dlgru.backend import RawArray, colmajor
from dlgru.kernels.gpu.sequences import Run

Arrays: TypeAlias = dict[str, RawArray]
Steps: TypeAlias = Callable[[Run, Arrays], None]

KEPT = 8
MOST_STEPS = 4096
MOST_BYTES = 256 * 2**20


class Recording(NamedTuple):
    """A loop on arrays of its own."""

    arrays: Arrays
    replay: Callable[[], None]


_recordings: dict[Hashable, Recording] = {}
_seen: dict[Hashable, None] = {}


def walk(
    kind: str, run: Run, given: Arrays, made: dict[str, tuple[int, ...]], steps: Steps
) -> Arrays:
    """Run a time loop: `given` arrays come in, arrays of the sizes in `made` go out.

    Names that are in both come in and go out.
    """
    xp, spec = run.xp, run.spec
    out = {name: colmajor(xp, shape, spec.dtype) for name, shape in made.items()}
    given = {name: array for name, array in given.items() if array is not None}
    key = (kind, id(xp), spec, run.runtime.number(), run.runtime.queue(), tuple(given))
    # While a recording is in use it is not in the dictionary: another thread makes its own.
    found = _recordings.pop(key, None)
    if found is None and not _worth_recording(key, spec.T, given, out):
        for name in set(given) & set(out):
            out[name][...] = given[name]
        steps(run, {**given, **out})
        return out
    if found is None:
        arrays = {n: colmajor(xp, a.shape, a.dtype) for n, a in {**given, **out}.items()}
        _copy(given, arrays)
        found = Recording(arrays, run.runtime.recorded(lambda: steps(run, arrays)))
    else:
        _copy(given, found.arrays)
        found.replay()
    for name, array in out.items():
        array[...] = found.arrays[name]
    while len(_recordings) >= KEPT:
        _recordings.pop(next(iter(_recordings)), None)
    _recordings[key] = found
    return out


def _copy(given: Arrays, arrays: Arrays) -> None:
    for name, array in given.items():
        arrays[name][...] = array


def _worth_recording(key: Hashable, T: int, given: Arrays, out: Arrays) -> bool:
    """Whether a loop has been seen before and is not too long to be recorded."""
    size = sum(a.nbytes for a in (*given.values(), *out.values()))
    if T > MOST_STEPS or size > MOST_BYTES:
        return False
    if key in _seen:
        return True
    while len(_seen) >= 4 * KEPT:
        _seen.pop(next(iter(_seen)), None)
    _seen[key] = None
    return False
