"""The time that a check may take: what it does not suffice for is left out, and said."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Thing = TypeVar("Thing")


class Budget:
    """So many seconds from now on."""

    def __init__(self, seconds: float) -> None:
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
            yield thing
