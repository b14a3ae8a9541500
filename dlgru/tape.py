"""The list of what was computed, and one pass backward over it.

A tape is a Wengert list.  ``dlfeval`` opens one; every operation that touches a
value of an open tape appends one entry: the ids it read, the ids it made, and a
*pull* that carries a gradient from the latter to the former.  The list is in
topological order by construction, so going backward needs no sort, no recursion
and no weak references, and freeing everything is one ``clear``.

The tape travels with the values.  A value knows its tape and an id out of one
process-wide counter (never a list position: an array kept from an earlier
``dlfeval`` would collide).  There is no global switch: an operation records on
the innermost recording tape among its inputs; values of other or closed tapes
are constants to it.

A tape has one switch, ``entries``: the list operations append to, or ``None``.
While gradients are pulled without higher derivatives it is ``None``, so the same
pulls, written in ordinary operations, run without leaving a trace; while they
are to be differentiated again it is a list, and the very same pulls record
themselves.

Nothing here knows an array library: gradients are added with a plain ``+``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, Protocol, TypeAlias

from dlgru.errors import DlgruTypeError

next_id = count(1).__next__
"""A fresh id, unique in this process."""


class JointPull(Protocol):
    """A pull for operations with several outputs, or whose gradients come together."""

    def pull(self, gradients: Sequence[Any], needs: Sequence[bool], tape: Tape) -> Any:
        """Gradients of the inputs (None where not needed) from those of the outputs (None: zero).

        The answer is a sequence in the order of the ids read, or a dictionary by id.
        """


Pull: TypeAlias = "Callable[[Any], Any] | tuple[Callable[[Any], Any] | None, ...] | JointPull"

Entry: TypeAlias = tuple[Any, tuple[int, ...], Any]
"""``(made, read, pull)``: `made` is one id or a tuple of them; an id 0 is a constant."""


class Tape:
    """Everything one ``dlfeval`` has recorded.

    Attributes
    ----------
    entries : list of Entry, or None
        Where operations append now; None while nothing is recorded.
    recorded : list of Entry
        What this ``dlfeval`` has computed so far.
    depth : int
        1 for an outermost ``dlfeval``, one more for each nested one; 0 once closed.
    retain : bool
        Whether pulls keep what they saved (``RetainData``).
    """

    __slots__ = ("depth", "entries", "recorded", "retain", "thread")

    def __init__(self, depth: int = 1) -> None:
        self.recorded: list[Entry] = []
        self.entries: list[Entry] | None = self.recorded
        self.depth = depth
        self.retain = False
        self.thread = threading.get_ident()

    @property
    def open(self) -> bool:
        """False once ``dlfeval`` has returned."""
        return self.depth > 0

    def close(self) -> None:
        """Forget everything: the values that are still about become constants."""
        self.recorded.clear()
        self.entries = None
        self.depth = 0

    def append(self, made: Any, read: tuple[int, ...], pull: Any) -> None:
        """Record one computation."""
        if self.thread != threading.get_ident():
            raise DlgruTypeError(
                "A traced array was used in a thread that did not open its trace",
                identifier="dlgru:tape:thread",
                function="dlfeval",
                fix="call dlfeval inside that thread, or hand it extractdata(X)",
            )
        self.entries.append((made, read, pull))  # type: ignore[union-attr]


def pull_back(
    tape: Tape, entries: Sequence[Entry], seeds: dict[int, Any], wanted: Iterable[int]
) -> dict[int, Any]:
    """Carry the gradients `seeds` (id to gradient) back to the ids `wanted`.

    One pass forward marks what depends on the wanted ids, one pass backward
    pulls.  Whether the pulls are recorded is up to ``tape.entries``.  Returns a
    dictionary with an entry for every wanted id the seeds depend on.
    """
    wanted = frozenset(wanted)
    needed = set(wanted)
    cone: list[Entry] = []
    for entry in entries:
        made, read, _ = entry
        for i in read:
            if i in needed:
                if type(made) is tuple:
                    needed.update(made)
                else:
                    needed.add(made)
                cone.append(entry)
                break

    gradients = dict(seeds)
    for made, read, pull in reversed(cone):
        if type(made) is tuple:
            outputs = [_take(gradients, i, wanted) if i in gradients else None for i in made]
            if outputs.count(None) == len(outputs):
                continue
            pulled = pull.pull(outputs, [i in needed for i in read], tape)
        else:
            g = gradients.pop(made, None)
            if g is None:
                continue
            if made in wanted:
                g = gradients[made] = _settled(g)
            if type(pull) is tuple:
                g = _settled(g)
                for i, part in zip(read, pull, strict=True):
                    if i in needed and part is not None:
                        _add(gradients, i, part(g))
                continue
            if callable(pull):
                if read[0] in needed:
                    _add(gradients, read[0], pull(_settled(g)))
                continue
            accumulated = g if getattr(pull, "takes_accumulated", False) else _settled(g)
            pulled = pull.pull([accumulated], [i in needed for i in read], tape)
        # A pull that reaches further than what it read answers by id.
        for i, g in pulled.items() if type(pulled) is dict else zip(read, pulled, strict=True):
            if g is not None and i in needed:
                _add(gradients, i, g)
    return {i: _settled(g) for i, g in gradients.items() if i in wanted}


def _take(gradients: dict[int, Any], i: int, wanted: frozenset[int]) -> Any:
    g = _settled(gradients.pop(i))
    if i in wanted:
        gradients[i] = g
    return g


# A gradient under accumulation may be of a kind of its own, with ``join`` (add another)
# and ``settle`` (become a value); pulls get values.


def _add(gradients: dict[int, Any], i: int, g: Any) -> None:
    if g is None:
        return
    have = gradients.get(i)
    if have is None:
        gradients[i] = g
    elif hasattr(have, "join"):
        gradients[i] = have.join(g)
    elif hasattr(g, "join"):
        gradients[i] = g.join(have)
    else:
        gradients[i] = have + g


def _settled(g: Any) -> Any:
    settle = getattr(g, "settle", None)
    return g if settle is None else settle()
