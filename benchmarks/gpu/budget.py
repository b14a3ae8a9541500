"""The time that a check may take: what it does not suffice for is left out, and said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Thing = TypeVar("Thing")


def nothing(text: str) -> None:
    """Take no notice."""


def words(thing: Any) -> str:
    """Return what to call a thing: an engine by its name, a pair by both."""
    if isinstance(thing, tuple) and not hasattr(thing, "_fields"):
        return ", ".join(map(words, thing))
    return str(getattr(thing, "NAME", thing))


class Budget:
    """So many seconds from now on; `note` is told what is done next."""

    def __init__(self, seconds: float, note: Callable[[str], None] = nothing) -> None:
        self.note = note
        self.end = time.perf_counter() + seconds
        self.left_out: dict[str, int] = {}

    def over(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() > self.end

    def within(self, part: str, things: Iterable[Thing]) -> Iterator[Thing]:
        """Give one thing after the other as long as there is time; count the rest."""
        every = list(things)
        for k, thing in enumerate(every):
            if self.over():
                self.left_out[part] = len(every) - k
                print(f"LEFT OUT for lack of time: {len(every) - k} of {len(every)} in {part}")
                return
            self.note(f"{part}, {k + 1} of {len(every)}: {words(thing)}")
            yield thing
