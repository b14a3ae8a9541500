"""What the tests of arrays on the device share: the device that is not there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fakedevice import LIBRARY, TRAFFIC, FakeArray

import dlgru as dl
from dlgru import devicelibrary


@pytest.fixture(autouse=True)
def device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devicelibrary, "_found", [LIBRARY])
    monkeypatch.setattr(LIBRARY.cuda.runtime, "current", 0)
    monkeypatch.setattr(TRAFFIC, "room", None)
    TRAFFIC.reset()


Sent = Callable[..., Any]


@pytest.fixture
def sent() -> Sent:
    """A seeded array on the device, and the same on the host: ``there, here = sent(3, 2)``."""
    random = np.random.default_rng(5)

    def make(*size: int, fmt: str | None = None, dtype: str = "float64") -> Any:
        data = random.standard_normal(size).astype(dtype)
        return dl.dlarray(FakeArray(data), fmt), dl.dlarray(data, fmt)

    return make
