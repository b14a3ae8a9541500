"""What the tests of ``gru``'s doors share."""

from __future__ import annotations

from typing import Any

import pytest

from dlgru.ops import fastdoor, forms


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the full door was taken, from a start at which nothing is known."""
    forms._forms.clear()
    taken: list[int] = []
    right = fastdoor.gru_operation.op.call

    def counted(*args: Any) -> Any:
        taken.append(1)
        return right(*args)

    monkeypatch.setattr(fastdoor.gru_operation.op, "call", counted)
    return taken
