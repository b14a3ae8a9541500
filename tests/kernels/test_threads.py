"""The threads of the compiled engine: how many, where, after a fork, and from several callers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gru_cases import backward, forward, make

import dlgru as dl
import dlgru.threads
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.kernels import extension, use_engine
from dlgru.kernels.spec import Needs

TESTS = Path(__file__).resolve().parents[1]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc and affinity")
compiled = pytest.mark.skipif(extension.native is None, reason="there is no compiled engine")


@pytest.fixture(autouse=True)
def default_limit() -> Iterator[None]:
    yield
    dl.set_num_threads()


def python(script: str, **env: str) -> str:
    """Run a script in a Python of its own, which has made no threads yet."""
    kept = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    start = f"import sys; sys.path[:0] = [{str(TESTS.parent)!r}, {str(TESTS)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", start + script],
        env={**kept, "DLGRU_ENGINE": "native", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


# -- how many ------------------------------------------------------------------------------


@compiled
def test_the_limit_is_what_was_set_until_it_is_taken_away() -> None:
    default = dl.get_num_threads()
    for given, used in [(1, 1), (3, 3), (2.0, 2), (np.float32(4), 4), (1000, 64)]:
        dl.set_num_threads(given)
        assert dl.get_num_threads() == used
    dl.set_num_threads()
    assert dl.get_num_threads() == default


@pytest.mark.parametrize("engine", ["there", "missing"])
def test_a_meaningless_number_is_refused_and_changes_nothing(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "missing":
        monkeypatch.setattr(dlgru.threads, "native", None)
    dl.set_num_threads(2)
    before = dl.get_num_threads()
    for bad in (0, -1):
        with pytest.raises(DlgruValueError, match="1 or more") as raised:
            dl.set_num_threads(bad)
        assert raised.value.identifier == "dlgru:set_num_threads:range"
    for bad in (1.5, "2", float("nan"), [1, 2]):
        with pytest.raises(DlgruTypeError, match="whole number"):
            dl.set_num_threads(bad)  # type: ignore[arg-type]
    assert dl.get_num_threads() == before == (2 if engine == "there" and extension.native else 1)


HOW_MANY = "import dlgru as dl; print(dl.get_num_threads())"


@compiled
@pytest.mark.parametrize(("value", "count"), [("3", 3), ("5,2", 5), ("1", 1), ("999", 64)])
def test_omp_num_threads_is_obeyed(value: str, count: int) -> None:
    assert python(HOW_MANY, OMP_NUM_THREADS=value) == str(count)
    stronger = "import dlgru as dl; dl.set_num_threads(2); print(dl.get_num_threads())"
    assert python(stronger, OMP_NUM_THREADS=value) == "2"


@compiled
@linux
@pytest.mark.parametrize("value", ["", "0", "-2", "many"])
def test_without_a_usable_number_the_processors_count(value: str) -> None:
    count = len(os.sched_getaffinity(0))
    assert python(HOW_MANY, OMP_NUM_THREADS=value) == str(min(count, 64))


@compiled
@linux
def test_only_processors_that_the_thread_may_run_on_are_counted_and_used() -> None:
    script = """
import os
import dlgru as dl
from gru_cases import forward, make
all = os.sched_getaffinity(0)
forward(make(20, 32, 64, 128))
os.sched_setaffinity(0, {min(all)})
print(dl.get_num_threads(), end=" ")
dl.set_num_threads(2)
forward(make(20, 32, 64, 128))
masks = [os.sched_getaffinity(int(task)) for task in os.listdir("/proc/self/task")]
print(sum(mask == {min(all)} for mask in masks) >= 2, end=" ")
os.sched_setaffinity(0, all)
dl.set_num_threads()
print(dl.get_num_threads() == len(all))
"""
    assert python(script, OPENBLAS_NUM_THREADS="1") == "1 True True"


# -- the threads themselves ----------------------------------------------------------------

TASKS = """
import os
import dlgru as dl
from gru_cases import forward, make
def tasks():
    return set(os.listdir("/proc/self/task"))
"""


@compiled
@linux
def test_threads_are_made_when_needed_kept_and_deaf_to_signals() -> None:
    script = """
before = tasks()
forward(make(2, 1, 3, 5))  # too small for two
dl.set_num_threads(1)
forward(make(20, 32, 64, 128))
print(len(tasks() - before), end=" ")
dl.set_num_threads(3)
forward(make(20, 32, 64, 128))
made = tasks() - before
forward(make(20, 32, 64, 128))
print(len(made), made == tasks() - before, end=" ")
for task in made:
    status = open(f"/proc/self/task/{task}/status").read()
    blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
    print(all(blocked >> (n - 1) & 1 for n in (1, 2, 10, 14, 15, 17)), end=" ")
"""
    assert python(TASKS + script) == "0 2 True True True"


@compiled
@linux
def test_a_worker_leaves_the_processor_of_the_caller() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is only one processor")
    script = """
import os, time
import dlgru as dl
from gru_cases import forward, make
all = os.sched_getaffinity(0)
def processor():
    return int(open("/proc/thread-self/stat").read().rpartition(")")[2].split()[36])
before = set(os.listdir("/proc/self/task"))
dl.set_num_threads(2)
case = make(20, 32, 64, 128)
forward(case)
(worker,) = (int(task) for task in set(os.listdir("/proc/self/task")) - before)
end = time.monotonic() + 60
while time.monotonic() < end:
    here = processor()
    os.sched_setaffinity(worker, {here})
    forward(case)
    mask = os.sched_getaffinity(worker)
    if mask == all - {here}:
        print("left")
        break
    time.sleep(0.01)  # the caller was moved, or the team rested
"""
    assert python(script, OPENBLAS_NUM_THREADS="1") == "left"


@compiled
@linux
def test_a_forked_child_makes_its_own_threads_and_computes_the_same() -> None:
    script = """
import numpy as np
dl.set_num_threads(2)
case = make(20, 32, 64, 128)
before = tasks()
expected = forward(case).y
assert len(tasks() - before) == 1
sys.stdout.flush()
child = os.fork()
if child == 0:
    alone = len(tasks())
    same = all(np.array_equal(forward(case).y, expected) for _ in range(5))
    os._exit(0 if same and len(tasks()) == alone + 1 else 1)
again = forward(case).y
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), np.array_equal(again, expected))
"""
    assert python(TASKS + script, OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore") == "0 True"


@compiled
def test_the_process_ends_while_a_call_is_running() -> None:
    script = """
import threading, time
import dlgru as dl
from gru_cases import forward, make
dl.set_num_threads(2)
case = make(200, 64, 64, 256)
def work():
    while True:
        forward(case)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("end")
"""
    assert python(script) == "end"


# -- results -------------------------------------------------------------------------------

ALL = Needs(True, True, True, True, True)


def results(case: Any) -> list[Any]:
    """Outputs and gradients of a run; the gradient by y is y itself."""
    with use_engine("native"):
        out = forward(case, save="gates")
        grads = backward(out, out.y, out.last[0], ALL)
    return [out.y, *out.last, grads.x, *grads.state, grads.W, grads.R, grads.b]


def same(one: list[Any], two: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(20, 37, 30, 70), (30, 1, 40, 150), (9, 5, 20, 170)])
def test_results_do_not_depend_on_the_number_of_threads(sizes: tuple[int, ...], dtype: Any) -> None:
    case = make(*sizes, dtype=dtype)
    dl.set_num_threads(1)
    alone = results(case)
    for threads in (2, 3, 7):
        dl.set_num_threads(threads)
        assert same(results(case), alone), threads


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_marks_a_missing_number_may_come_in_as_data(dtype: Any) -> None:
    # One observation's row is its own signal (exchange.h): marks that were taken for data, or
    # data that were taken for marks, would end in wrong numbers or in waiting for ever.
    bits = np.array(0x7FA5A5A5 if dtype is np.float32 else 0x7FF5A5A5A5A5A5A5)
    mark = bits.astype(np.uint32 if dtype is np.float32 else np.uint64).view(dtype)
    case = make(30, 1, 40, 150, dtype=dtype)
    for name in ("x", "h0", "W", "R", "b"):
        spoiled = getattr(case, name).copy(order="F")
        spoiled[::7] = mark
        spoiled_case = case._replace(**{name: spoiled})
        dl.set_num_threads(1)
        alone = results(spoiled_case)
        assert np.isnan(alone[0]).any()
        dl.set_num_threads(2)
        for one, two in zip(results(spoiled_case), alone, strict=True):
            assert np.array_equal(one, two, equal_nan=True), name


@compiled
def test_many_callers_at_once_get_what_each_gets_alone() -> None:
    dl.set_num_threads(2)
    sizes = [(20, 37, 30, 70), (30, 1, 40, 150), (3, 2, 4, 5)]
    cases = [make(*sizes[k % 3], seed=k) for k in range(12)]
    alone = [results(case) for case in cases]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            together = list(pool.map(results, cases))
            assert all(map(same, together, alone))
