"""The text of the kernels: one translation unit out of the files in this folder."""

from __future__ import annotations

import functools
import re
from pathlib import Path

FOLDER = Path(__file__).parent
KERNELS = ("gru_forward.cuh", "gru_backward.cuh", "gru_step.cuh", "gru_tensor.cuh", "updates.cuh")
OPTIONS = ("-std=c++17",)

_INCLUDE = re.compile(r'\s*#include "(.+)"')


@functools.cache
def source(*names: str) -> str:
    """Return the named files with the files they include, each once and before its user.

    Without names, all kernels.  Line numbers in a compiler's messages are those of the files.
    """
    done: set[str] = set()
    lines: list[str] = []

    def add(name: str) -> None:
        if name in done:
            return
        done.add(name)
        lines.append(f'#line 1 "{name}"')
        for number, line in enumerate((FOLDER / name).read_text("utf-8").splitlines(), 1):
            included = _INCLUDE.match(line)
            if included and (FOLDER / included[1]).exists():
                add(included[1])
                lines.append(f'#line {number + 1} "{name}"')
            elif line.strip() != "#pragma once":
                lines.append(line)
            else:
                lines.append("")

    for name in names or KERNELS:
        add(name)
    # CuPy writes the text to a file in the encoding of the locale.  Only comments lose by this.
    return ("\n".join(lines) + "\n").encode("ascii", "replace").decode("ascii")
