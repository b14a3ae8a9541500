"""How many launches a training step makes: the documented numbers, counted again."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakedevice import LIBRARY, TRAFFIC, FakeArray

import dlgru

ROOT = Path(dlgru.__file__).parent.parent


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "gpu"))
    return importlib.import_module("launches")


def documented() -> dict[str, int]:
    """The launches of each part with the plain engine, as ``docs/gpu.md`` has them."""
    rows = re.findall(r"^\| ([\w ]+) \| (\d+) \| \d+ \|$", page(), re.M)
    return {part: int(count) for part, count in rows}


def page() -> str:
    return (ROOT / "docs" / "gpu.md").read_text("utf-8")


def test_a_training_step_launches_as_often_as_documented(launches: Any) -> None:
    counts = launches.counts()
    assert {one.part: one.launches for one in counts} == documented()
    whole = counts[-1]
    assert whole.launches == sum(one.launches for one in counts[:-1])
    # Lengths are sent; clipping asks for the norm of each of five arrays.
    assert (whole.sent, whole.waits) == (1, 5)


def test_launches_grow_with_the_sequence_as_documented(launches: Any) -> None:
    each = re.search(r"(\d+) launches for each time step", page())
    assert each is not None
    few, many = (launches.counts(longest=T)[-1].launches for T in (20, 25))
    assert many - few == 5 * int(each[1])


def x() -> Any:
    return FakeArray(np.arange(12.0).reshape(3, 4))


SQUARE = FakeArray(np.zeros((3, 3))).T
"""Row-major, as the third argument of `dot` must be."""

CALLS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "a view": (lambda x: x[1:, None].T, 0),
    "an element": (lambda x: x[1, 2], 0),
    "a reshape without a copy": (lambda x: x.reshape(12, order="F"), 0),
    "a reshape with a copy": (lambda x: x.reshape(12), 1),
    "expansion": (lambda x: LIBRARY.broadcast_to(x, (2, 3, 4)), 0),
    "memory": (lambda x: LIBRARY.empty((3, 4)), 0),
    "zeros": (lambda x: LIBRARY.zeros((3, 4)), 1),
    "nothing to do": (lambda x: LIBRARY.exp(x[:0]), 0),
    "an operator": (lambda x: 2 * x + x, 2),
    "into an array": (lambda x: LIBRARY.add(x, x, out=x), 1),
    "into the third argument": (lambda x: LIBRARY.add(x, x, x), 1),
    "a product into the third argument": (lambda x: LIBRARY.dot(x[:, :3], x[:, :3], SQUARE), 1),
    "a masked copy": (lambda x: LIBRARY.copyto(x, x, where=x > 3), 2),
    "an assignment": (lambda x: x.__setitem__(0, x[1]), 1),
    "in place": (lambda x: x.__iadd__(1), 1),
    "a reduction": (lambda x: x.sum(0), 1),
    "a gathering": (lambda x: x[:, FakeArray([0, 0])], 1),
    "another class": (lambda x: x.astype("float32"), 1),
    "the same class": (lambda x: LIBRARY.asarray(x, dtype="float64"), 0),
}


@pytest.mark.parametrize("what", CALLS)
def test_the_counting_device_counts(what: str) -> None:
    call, expected = CALLS[what]
    there = x()
    TRAFFIC.reset()
    call(there)
    assert TRAFFIC.launched == expected


def test_a_step_is_timed_and_held_against_the_host(launches: Any) -> None:
    waited: list[int] = []
    found = launches.timed(FakeArray, lambda: waited.append(1), launches.CHOSEN, repeats=2)
    assert found.ok and found.complaint == "" and len(waited) == 5
    assert 0 < found.least <= found.milliseconds and 0 < found.queueing <= 1


def test_an_engine_may_refuse_a_step_but_the_chosen_one_may_not(
    launches: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = launches.timed(FakeArray, lambda: None, "graph", repeats=1)
    assert refused.ok and refused.refused
    assert 'The engine "graph" was forced' in refused.complaint
    bad = refused._replace(engine=launches.CHOSEN)
    assert not bad.ok
    launches.table([], [refused, bad])
    assert ["BAD" in line for line in capsys.readouterr().out.splitlines()[-2:]] == [False, True]


def test_an_engine_that_breaks_has_not_refused(
    launches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise NotImplementedError("calling cuBLAS API during stream capture")

    monkeypatch.setattr(type(LIBRARY), "exp", broken, raising=False)
    found = launches.timed(FakeArray, lambda: None, "plain", repeats=1)
    assert "stream capture" in found.complaint
    assert not found.refused and not found.ok


def test_wrong_gradients_of_a_step_are_noticed(
    launches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = lambda self, a: 1.001 * FakeArray(np.exp(a._host))  # noqa: E731
    monkeypatch.setattr(type(LIBRARY), "exp", wrong, raising=False)  # softmax takes it
    assert not launches.timed(FakeArray, lambda: None, launches.CHOSEN, repeats=1).ok
