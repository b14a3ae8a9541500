"""What the tests of engines share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dlgru.kernels import extension, use_engine


@pytest.fixture(autouse=True)
def _the_engine_of_the_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests in `test_plain_….py` and `test_native_….py` run on that engine, others on the best."""
    name = request.path.name.split("_")[1]
    if name not in ("plain", "native"):
        yield
        return
    if name == "native" and extension.native is None:
        if os.environ.get("DLGRU_REQUIRE_NATIVE") == "1":
            pytest.fail(f"DLGRU_REQUIRE_NATIVE is set, but {extension.absence}")
        pytest.skip(extension.absence)
    with use_engine(name):
        yield


@pytest.fixture(params=range(len(extension.SETS)), ids=extension.SETS)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[int]:
    """Each instruction set that was compiled and that this processor has."""
    native = extension.native
    if native is None:
        pytest.skip(extension.absence)
    before = native.instruction_set()
    if native.use_instruction_set(request.param) != request.param:
        native.use_instruction_set(before)
        pytest.skip(f"no {extension.SETS[request.param]} here")
    yield request.param
    native.use_instruction_set(before)


@pytest.fixture(params=[1, 2, 3], ids=["1 thread", "2 threads", "3 threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Numbers of threads; three are more than some machines have processors."""
    native = extension.native
    if native is None:
        pytest.skip(extension.absence)
    native.thread_limit(request.param)
    yield request.param
    native.thread_limit(0)
