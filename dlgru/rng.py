"""The global random stream: MATLAB's ``rng``, and the draws that every function shares.

``rand``, ``randn``, dropout and weight initialisers all take their numbers from one stream, in
the order in which they are called; ``rng`` seeds, reads and restores it.  The stream is guarded
by a lock, so threads get whole draws, though in an order that depends on their timing.

The sequence itself is in ``twister.py``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlgru.arrayhook import scalar_of
from dlgru.calls import NeedsParentheses, any_spelling
from dlgru.errors import DlgruValueError, listing
from dlgru.twister import Doubles, Stream, Words, checked_seed

OTHER_GENERATORS = (
    "combRecursive",
    "dsfmt19937",
    "mrg32k3a",
    "multFibonacci",
    "philox",
    "simdTwister",
    "threefry",
    "v4",
    "v5normal",
    "v5uniform",
)


@dataclass(frozen=True, eq=False)
class RngSettings:
    """What ``s = rng()`` returns and ``rng(s)`` restores.

    Attributes
    ----------
    Type : str
        ``"twister"``.
    Seed : int
        The seed last set (0 after ``rng("default")``).
    State : ndarray of uint32
        625 words: the generator's 624 and the position in them.
    """

    Type: str
    Seed: int
    State: Words

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RngSettings):
            return NotImplemented
        same = (self.Type, self.Seed) == (other.Type, other.Seed)
        return same and bool(np.array_equal(self.State, other.State))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RngSettings(Type={self.Type!r}, Seed={self.Seed}, State=[625×1 uint32])"


_lock = threading.RLock()
_streams: list[Stream] = []


def _global() -> Stream:
    """Return the global stream; made at its first use, since importing numpy.random takes time."""
    if not _streams:
        _streams.append(Stream(0))
    return _streams[0]


@NeedsParentheses
@any_spelling
def rng(
    seed: float | str | RngSettings | Mapping[str, Any] | None = None,
    generator: str | None = None,
) -> RngSettings:
    """Seed or restore the global random stream; return the settings before the call.

    Parameters
    ----------
    seed : whole number, "default", "shuffle", settings, or nothing
        A number from 0 to 2^32 - 1, also in a one-element array, starts the sequence MATLAB starts
        with ``rng(seed)``.  ``"default"`` is seed 0, which stands for 5489.  ``"shuffle"`` takes a
        fresh seed from the operating system's entropy (MATLAB takes the time of day): unlike every
        run before, yet readable as ``rng().Seed``.  Settings that ``s = rng()`` returned (or a
        struct with fields Type, Seed and State) are restored.  Without an argument nothing
        changes.
    generator : "twister", optional
        The only generator offered; MATLAB's others are an error.  ``rng("twister")`` is seed 0.

    Returns
    -------
    RngSettings
        The settings before the call (the current ones if there is no argument).

    Examples
    --------
    >>> before = rng(13)
    >>> x = raw_rand((2, 2))
    >>> s = rng()
    >>> y = raw_rand((1, 3))
    >>> _ = rng(s)
    >>> bool((raw_rand((1, 3)) == y).all())
    True
    >>> _ = rng(before)
    """
    seed = scalar_of(seed)
    if isinstance(seed, str):
        seed = _named_seed(seed)
    if generator is not None:
        _check_generator(generator)
    with _lock:
        stream = _global()
        previous = RngSettings("twister", stream.seed, stream.state())
        if isinstance(seed, RngSettings | Mapping):
            _streams[:] = [_restored(seed)]
        elif seed is not None or generator is not None:
            _streams[:] = [Stream(checked_seed(0 if seed is None else seed))]
    return previous


def raw_rand(shape: Sequence[float]) -> Doubles:
    """Draw uniform numbers from the global stream (see :meth:`Stream.rand`)."""
    with _lock:
        return _global().rand(shape)


def raw_randn(shape: Sequence[float]) -> Doubles:
    """Draw standard normal numbers from the global stream (see :meth:`Stream.randn`)."""
    with _lock:
        return _global().randn(shape)


def raw_randi(imax: float | Sequence[float], shape: Sequence[float]) -> Doubles:
    """Draw whole numbers from the global stream (see :meth:`Stream.randi`)."""
    with _lock:
        return _global().randi(imax, shape)


def raw_randperm(n: float, k: float | None = None) -> Doubles:
    """Draw a permutation from the global stream (see :meth:`Stream.randperm`)."""
    with _lock:
        return _global().randperm(n, k)


def _restored(settings: RngSettings | Mapping[str, Any]) -> Stream:
    if isinstance(settings, RngSettings):
        kind, seed, state = settings.Type, settings.Seed, settings.State
    else:
        missing = [field for field in ("Type", "Seed", "State") if field not in settings]
        if missing:
            raise DlgruValueError(
                identifier="dlgru:rng:settings",
                function="rng",
                argument="settings",
                came=f"a struct without {listing(missing, 'and')}",
                expected="the fields Type, Seed and State",
            )
        # Structs from a file hold one-element arrays.
        kind, seed = scalar_of(settings["Type"]), scalar_of(settings["Seed"])
        state = settings["State"]
    _check_generator(kind)
    stream = Stream(checked_seed(seed))
    stream.set_state(state)
    return stream


def _named_seed(name: str) -> int:
    if name.lower() == "shuffle":
        return int.from_bytes(os.urandom(4), "little")
    if name.lower() != "default":
        _check_generator(name)
    return 0


def _check_generator(name: object) -> None:
    if isinstance(name, str) and name.lower() == "twister":
        return
    known = isinstance(name, str) and name.lower() in [g.lower() for g in OTHER_GENERATORS]
    raise DlgruValueError(
        "this generator of MATLAB is not in dlgru" if known else "",
        identifier="dlgru:rng:generator",
        function="rng",
        argument="generator",
        came=f'"{name}"',
        expected='"twister"' if known else '"twister", or "default" or "shuffle" as the seed',
        fix='Write rng(seed, "twister")' if known else "",
    )
