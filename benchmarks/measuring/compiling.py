"""Small sources that the system's compiler builds when a benchmark needs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = {".c": ("CC", "cc", "gcc", "clang"), ".cpp": ("CXX", "c++", "g++", "clang++")}


def shared_library(source: Path, folder: Path, options: list[str]) -> Path:
    """Build a shared library in `folder`, unless it is there; OSError says why it cannot be."""
    built = folder / f"{source.stem}.so"
    if built.exists():
        return built
    variable, *names = NAMES[source.suffix]
    found = [os.environ.get(variable), *[shutil.which(name) for name in names]]
    compiler = next(filter(None, found), None)
    if compiler is None:
        raise OSError(f"no compiler: neither {variable} nor {', '.join(names)}")
    command = [*compiler.split(), "-O3", "-fPIC", "-shared", str(source), "-o", str(built)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{source.name} does not compile: {done.stderr.strip()[:500]}")
    return built
