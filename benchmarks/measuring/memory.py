"""Peak memory of a call, as the system counts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_of(call: Callable[[], Any]) -> int | None:
    """Bytes that a call needs at its peak, beyond what was held before; None but on Linux.

    Meaningful for the first call of its kind in a process: later ones find memory that the
    first has left to the process.
    """
    if not STATUS.exists() or not CLEAR.exists():
        return None
    CLEAR.write_text("5")  # the peak so far is forgotten
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", STATUS.read_text(), re.M)
    assert found is not None, field
    return 1024 * int(found[1])
