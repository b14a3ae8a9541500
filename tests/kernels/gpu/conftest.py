"""The emulated GPU for the tests of this folder.

With DLGRU_KERNELS=1, as `make kernels` sets it, what cannot be checked here is a failure;
otherwise it is a skip with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fakedevice import LIBRARY, Library

from dlgru.kernels import choice, interface, plain
from dlgru.kernels.gpu import recordings, registry
from tests.kernels.gpu.emulator import COMPILER, EmulatedRuntime, poisoned_empty

REQUIRED = os.environ.get("DLGRU_KERNELS") == "1"
thorough = pytest.mark.skipif(
    not REQUIRED, reason="runs with DLGRU_KERNELS=1, as make kernels sets it"
)
"""What takes minutes: compiling and emulating large kernels."""


def missing(what: str) -> None:
    """Skip, or fail where nothing may be missing."""
    (pytest.fail if REQUIRED else pytest.skip)(what)


@pytest.fixture(scope="session")
def compiled_kernels(pytestconfig: pytest.Config) -> Path:
    """Where emulated kernels are kept between runs."""
    if COMPILER is None:
        missing("no g++ to compile the kernels for the CPU")
    return pytestconfig.cache.mkdir("emulated-kernels")


@pytest.fixture
def device(compiled_kernels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedRuntime]:
    """The emulated GPU, serving the arrays of `fakedevice.py`."""
    runtime = EmulatedRuntime(compiled_kernels)
    monkeypatch.setattr(registry, "_registered", {id(LIBRARY): runtime})
    monkeypatch.setattr(Library, "empty", poisoned_empty, raising=False)
    monkeypatch.setattr(recordings, "_recordings", {})
    monkeypatch.setattr(recordings, "_seen", {})
    yield runtime


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that makes every operation on the device run on one engine."""

    def forget() -> None:
        choice.choice.cache_clear()
        interface._plan.cache_clear()

    with ExitStack() as stack:

        def choose(engine: Any) -> None:
            monkeypatch.setattr(choice, "ENGINES", (plain, engine))
            forget()
            stack.enter_context(choice.use_engine(engine.NAME))

        yield choose
    monkeypatch.undo()
    forget()
