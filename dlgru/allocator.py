"""What the system's allocator does with the memory of arrays that are gone.

glibc returns memory at the end of its heap to the system as soon as 128 KiB lie free there.
A training step drops some hundred kilobytes of arrays at its end, and the next step gets them
back at the cost of a page fault every 4 KiB, zeroing included: at (T,B,C,H) = (100,1,64,128)
that was a third of the step.  glibc itself raises the threshold to twice the largest block
that it mapped for an allocation and saw freed, up to 64 MiB; whether a script gets there
depends on which arrays it happened to make before.  One large block, never written and freed
at once, gets every script there.

A threshold that the user has set (``MALLOC_TRIM_THRESHOLD_``, ``mallopt``) is not changed by
this, and other allocators are not affected.
"""

from __future__ import annotations

import numpy as np

LARGEST = 31 * 2**20
"""Bytes: glibc learns from mapped blocks of up to 32 MiB, its own head included."""


def keep_freed_memory() -> None:
    """Let the process keep up to twice LARGEST of freed memory for the next arrays."""
    try:
        np.empty(LARGEST, np.uint8)
    except MemoryError:  # the address space is limited: then less is kept, nothing else
        pass
