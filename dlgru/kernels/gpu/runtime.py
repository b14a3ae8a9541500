"""What the engines ask of a GPU, and who answers.

An engine starts kernels and forms products through a `Runtime`.  For CuPy's arrays
that is the one of `cuda.py`; the tests have one that runs the same kernels on the CPU,
so everything but the GPU itself is tested without one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

from dlgru.backend import RawArray


class Launch(NamedTuple):
    """One launch of a kernel."""

    expression: str  # such as "gru_step<float, WHOLE>"
    blocks: int
    threads: int
    shared_bytes: int = 0
    cluster: int = 1  # blocks that reach each other's shared memory
    together: bool = False  # blocks wait for each other, so all must run at once


class Runtime(Protocol):
    """A device as the engines see it; everything is queued on its current stream."""

    def describe(self) -> str:
        """Return the text that a spec names this device by."""

    def number(self) -> int:
        """Return which device this is, of several."""

    def address(self, array: RawArray) -> int:
        """Return where the data of an array begin."""

    def launch(self, launch: Launch, arguments: ctypes.Structure) -> None:
        """Start a kernel."""

    def product(
        self,
        out: RawArray,
        a: RawArray,
        b: RawArray,
        add: bool = False,
        precision: str = "strict",
    ) -> None:
        """Write the matrix product a·b to `out`, or add it there.

        Each matrix has unit steps along one of its dimensions.
        """

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do the work once, and return a function that does the same again in one launch."""

    def stream(self) -> int:
        """Return the handle of the current stream."""

    def queue(self) -> Hashable:
        """Return what tells the current stream from others, those of other threads too."""

    def mark(self) -> Any:
        """Return a mark for what has been queued so far."""

    def wait_for(self, mark: Any) -> None:
        """Let what is queued from now on wait for a mark."""

    def keep_back(self, mark: Any) -> None:
        """Let the stream of a mark wait for what has been queued here so far.

        Memory goes back to the stream that it was taken on, which must not give it to others
        while this stream still reads it.
        """
