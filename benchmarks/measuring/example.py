"""The Japanese Vowels example as a module, for what times or tests its parts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).resolve().parents[2] / "examples" / "japanese_vowels.py"


def japanese_vowels() -> ModuleType:
    """Load the example anew; it asks for its data only when they are loaded."""
    spec = importlib.util.spec_from_file_location("japanese_vowels", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
