"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
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
