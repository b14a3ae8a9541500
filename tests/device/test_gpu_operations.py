"""The check of every operation on a GPU, as far as it goes without one: it sees what is wrong."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakedevice import LIBRARY, FakeArray, Library, on_device

import dlgru
from dlgru.op import OPS
from dlgru.ops import connect
from dlgru.training import steps

FOLDER = Path(dlgru.__file__).parent.parent / "benchmarks" / "gpu"


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("operations")


def test_every_operation_and_update_is_right_on_the_device_that_is_not_there(
    operations: Any,
) -> None:
    rows = operations.checked(FakeArray)
    assert [row for row in rows if not row.ok] == []
    assert {row.operation for row in rows} == {*OPS, *operations.UPDATES}
    for name, op in OPS.items():
        found = {(row.of, row.what) for row in rows if row.operation == name}
        work = operations.WORK if op.differentiable else ["value"]
        assert found >= {(of, what) for of in ("double", "single") for what in work}
    assert len(operations.furthest(rows)) < len(rows) / 2
    text = operations.summary(rows)
    assert text.startswith(f"{len(OPS) + 3} operations and updates, ") and " 0 wrong" in text


def test_larger_cases_name_the_same_place_again(operations: Any) -> None:
    repeated = set()
    for case in operations.larger().values():
        for x in case.args:
            key = x if isinstance(x, tuple) else (x,)
            numbers = [np.ravel(k) for k in key if isinstance(k, list | np.ndarray)]
            if case.op.name == "embed":
                numbers = [np.asarray(case.args[0]).ravel()]
            if any(len(set(n.tolist())) < n.size / 20 for n in numbers):
                repeated.add(case.op.name)
    assert repeated >= {"index", "columns", "spread_columns", "embed"}


# -- planted errors ------------------------------------------------------------------------

Plant = Callable[[pytest.MonkeyPatch], None]


def library(function: Callable[[Any], Any]) -> Plant:
    """Another `tanh` in the device's library, which the host does not have."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Library, "tanh", lambda self, x: function(x), raising=False)

    return plant


def failing(x: Any) -> Any:
    raise RuntimeError("the launch failed")


def wrong_derivative(patch: pytest.MonkeyPatch) -> None:
    right = OPS["tanh"].vjp_rule
    assert right is not None

    def rule(y: Any, x: Any) -> Any:
        pull = right(y, x)
        return (lambda g: 1.001 * pull(g)) if isinstance(y.data, FakeArray) else pull

    patch.setattr(OPS["tanh"], "vjp_rule", rule)


def changing_bits(patch: pytest.MonkeyPatch) -> None:
    """What atomic additions do: each run adds in another order."""
    right, runs = connect._summed_by_index, [0]

    def summed(*args: Any) -> Any:
        found = right(*args)
        runs[0] += 1
        found._host[...] *= 1 + runs[0] * np.finfo(found.dtype).eps
        return found

    patch.setattr(connect, "_summed_by_index", summed)


def wrong_update(patch: pytest.MonkeyPatch) -> None:
    right = steps._blend

    def blend(xp: Any, *args: Any) -> Any:
        found = right(xp, *args)
        if xp is LIBRARY:
            found *= 1.001
        return found

    patch.setattr(steps, "_blend", blend)


DERIVATIVES = {
    "first derivative",
    "second derivative",
    "second derivative, EnableHigherDerivatives",
}
PLANTED: dict[str, tuple[Plant, str, set[str], str]] = {
    "a wrong value": (
        library(lambda x: on_device(1.001 * np.tanh(x._host))), "tanh", {"value", *DERIVATIVES}, ""
    ),
    "a result on the host": (
        library(lambda x: np.tanh(x._host)), "tanh", {"value", *DERIVATIVES}, "on the host"
    ),
    "another class": (
        library(lambda x: on_device(np.tanh(x._host).astype("float16"))), "tanh",
        {"value", *DERIVATIVES}, "",
    ),
    "rows": (
        library(lambda x: on_device(np.asarray(np.tanh(x._host), order="F"))), "tanh",
        {"value"}, "not column-major",
    ),
    "NaN": (library(lambda x: on_device(np.nan * x._host)), "tanh", {"value", *DERIVATIVES}, ""),
    "an error": (library(failing), "tanh", {"value", *DERIVATIVES}, "the launch failed"),
    "a wrong derivative": (wrong_derivative, "tanh", DERIVATIVES, ""),
    "a gradient that changes": (changing_bits, "embed", DERIVATIVES, "other bits"),
    "a wrong update": (wrong_update, "adamupdate", {"value"}, ""),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_is_reported(
    what: str, operations: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant, operation, expected, complaint = PLANTED[what]
    cases = {n: c for n, c in operations.ALL_CASES.items() if c.op.name == operation}
    plant(monkeypatch)
    rows = operations.checked(FakeArray, cases)
    bad = [row for row in rows if not row.ok]
    assert {row.what for row in bad if row.operation == operation} == expected
    assert all(complaint in row.complaint for row in bad if row.what in expected)
    assert capsys.readouterr().out.count("BAD") == len(bad)
    assert {row for row in operations.furthest(rows) if not row.ok} == set(bad)


def cupy_that_is_not_there() -> Any:
    cuda = SimpleNamespace(
        Stream=lambda non_blocking: nullcontext(),
        runtime=SimpleNamespace(deviceSynchronize=lambda: None),
    )
    return SimpleNamespace(
        is_available=lambda: True,
        cuda=cuda,
        arange=np.arange,
        asarray=LIBRARY.asarray,
        ndarray=FakeArray,
    )


@pytest.mark.parametrize(("planted", "status"), [("", 0), ("a wrong value", 1)])
def test_the_exit_status_and_the_report_tell(
    planted: str, status: int, operations: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = importlib.import_module("gpu_check")
    cases = {n: c for n, c in operations.ALL_CASES.items() if c.op.name in ("tanh", "embed")}
    monkeypatch.setattr(operations, "ALL_CASES", cases)
    monkeypatch.setattr(operations, "larger", dict)
    monkeypatch.setattr(program, "PARTS", {"operations": program.every_operation})
    monkeypatch.setattr(program, "machine", lambda cupy: {"device": "none"})
    monkeypatch.setattr(program, "poison", lambda cupy: nullcontext())
    monkeypatch.setitem(sys.modules, "cupy", cupy_that_is_not_there())
    if planted:
        PLANTED[planted][0](monkeypatch)
    assert program.main(["--results", str(tmp_path / "results.json")]) == status
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert any(not row["ok"] for row in found["operations"]["rows"]) == bool(planted)
    assert {row["operation"] for row in found["operations"]["rows"]} >= {"tanh", "embed"}


def test_roundings_are_of_the_class_and_know_infinities(operations: Any) -> None:
    eps = float(np.finfo("float32").eps)
    a = np.array([[np.inf, -np.inf, np.nan, 4.0]], "float32")
    b = np.array([[np.inf, -np.inf, np.nan, 4.0 + 8 * eps]], "float32")
    assert operations.roundings(b, a) == 2.0
    assert operations.roundings(-a, a) == np.inf
    assert operations.roundings(np.nan * a, a) == np.inf
    small = np.array([[1e-6]], "float32")
    assert operations.roundings(2 * small, small) == pytest.approx(1e-6 / eps, rel=1e-3)
    assert operations.roundings(np.array([[True]]), np.array([[False]])) == np.inf
