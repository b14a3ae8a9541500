"""Tables in Markdown, and their place in the README of this folder."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "README.md"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def put(mark: str, text: str) -> None:
    """Replace what stands between the two marks of that name."""
    first, last = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, begun, rest = PAGE.read_text("utf-8").partition(first)
    _, ended, tail = rest.partition(last)
    assert begun and ended, f"{PAGE.name} has no place for {mark}"
    PAGE.write_text(f"{head}{first}\n\n{text.strip()}\n\n{last}{tail}", "utf-8")
