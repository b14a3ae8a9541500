"""What the tests of engines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dlgru.kernels import use_engine


@pytest.fixture(autouse=True)
def _the_engine_of_the_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests in `test_plain_….py` and `test_native_….py` run on that engine, others on the best."""
    name = request.path.name.split("_")[1]
    if name not in ("plain", "native"):
        yield
        return
    with use_engine(name):
        yield
