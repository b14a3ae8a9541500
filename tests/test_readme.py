"""The README's example runs, and learns what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_example_of_the_readme_learns_what_it_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = README.read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    said = re.findall(r"print\(.*#\s*([\d.]+)", example)
    names: dict[str, Any] = {}
    exec(example, names)
    printed = float(capsys.readouterr().out)
    # 300 steps amplify rounding: another processor or engine moves the last digits.
    assert printed == pytest.approx(float(said[0]), abs=0.001)
    assert printed < 0.004
