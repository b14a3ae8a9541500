"""What all tests share."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from cases import DEVICES, Cases
from hypothesis import settings

# Examples are drawn afresh on a developer's machine and are the same in every CI run.
settings.register_profile("dlgru", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("dlgru")

# -- numbers published elsewhere ---------------------------------------------------------


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of values that other projects and MATLAB itself have printed."""
    if "DLGRU_VECTORS" not in os.environ:
        pytest.skip("DLGRU_VECTORS does not name the folder of published values")
    folder = Path(os.environ["DLGRU_VECTORS"])
    if not folder.is_dir():
        pytest.fail(f"DLGRU_VECTORS names {folder}, which is no folder")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """With DLGRU_VECTORS set, a skipped test on published values has failed."""
    report = yield
    published = "vectors" in getattr(item, "fixturenames", ())
    if report.skipped and published and "DLGRU_VECTORS" in os.environ:
        report.outcome = "failed"
        report.longrepr = f"skipped although DLGRU_VECTORS is set: {report.longrepr}"
    return report


# -- inputs of the operations ------------------------------------------------------------


@pytest.fixture
def r(request: pytest.FixtureRequest) -> Cases:
    """The maker of seeded arrays that the operations' cases use; another seed for each test."""
    return Cases(zlib.crc32(request.node.name.encode()))


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Puts a host array on each device that is there: the host, the fake one, a GPU."""
    return DEVICES[request.param]
