"""The compiled extension ``dlgru._native``, where this installation has it.

It is built when dlgru is installed, if there is a C compiler.  Without one the
installation succeeds all the same, and pip shows nothing of it; so this file keeps the
reason and the way to mend it, for `why()` and for messages.
"""

from __future__ import annotations

import importlib
from types import ModuleType

SETS = ("baseline", "AVX2", "AVX-512")
"""The instruction sets of the extension, by its numbers."""

REINSTALL = "pip install --force-reinstall --no-cache-dir --no-deps ."
"""What builds it, in the folder of dlgru.  Without the options pip may reuse what it has."""


def _load(name: str) -> tuple[ModuleType | None, str]:
    """Return the extension, or None and why it is not there."""
    try:
        return importlib.import_module(name), ""
    except ModuleNotFoundError as error:
        if error.name != name:
            return None, f"it was built but cannot be loaded: {error}"
        return None, "no C compiler was found when dlgru was installed, or compiling failed"
    except ImportError as error:
        return None, f"it was built but cannot be loaded: {error}"


native, absence = _load("dlgru._native")
"""The module or None; and why it is absent, in words, or nothing."""


def describe() -> str:
    """Return what is to be said about the extension: what it runs on, or why it is not there."""
    if native is None:
        return (
            f"no compiled engine: {absence}\n"
            f"  with gcc or clang on the path, this builds it, in the folder of dlgru:\n"
            f"  {REINSTALL}\n"
            f"  (DLGRU_REQUIRE_NATIVE=1 in the environment makes a failure an error that shows why)"
        )
    return (
        f"native runs {SETS[native.instruction_set()]} kernels, "
        f"on at most {native.threads()} threads now"
    )
