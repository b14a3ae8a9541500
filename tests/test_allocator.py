"""Freed memory stays with the process: a training loop does not fetch it again in every step."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")

ARRAYS = """
import resource, sys
import numpy as np
if "dlgru" in sys.argv:
    import dlgru

def step():
    arrays = [np.ones(12_000) for _ in range(10)]  # below 128 KiB each, from the heap

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    step()
before = faults()
for _ in range(20):
    step()
print((faults() - before) / 20)
"""


def faults_a_step(*arguments: str, **environment: str) -> float:
    unset = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    unset.pop("GLIBC_TUNABLES", None)
    done = subprocess.run(
        [sys.executable, "-c", ARRAYS, *arguments],
        env=unset | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or os.sysconf("SC_PAGE_SIZE") != 4096,
    reason="tells how glibc behaves with pages of 4 KiB",
)


def test_freed_arrays_are_found_again() -> None:
    if faults_a_step() < 100:
        pytest.skip("this allocator keeps freed memory by itself")
    assert faults_a_step("dlgru") < 10


def test_a_bound_that_the_user_has_set_goes_before() -> None:
    assert faults_a_step("dlgru", MALLOC_TRIM_THRESHOLD_="131072") > 100


def test_little_address_space_is_no_error() -> None:
    limited = (
        "import resource, numpy as np, dlgru.allocator as a\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, used + 2**20))\n"
        "try:\n    np.empty(a.LARGEST, np.uint8)\nexcept MemoryError:\n    print('none left')\n"
        "a.keep_freed_memory()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, check=True
    )
    assert done.stdout == "none left\n"
