"""Which engine runs: the cheapest that accepts, the forced one, and the words about it."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from gru_cases import forward, make

import dlgru.kernels
from dlgru.backend import double, single
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.kernels import choice, extension, plain
from dlgru.kernels.gpu import costs
from dlgru.kernels.interface import choose, use_engine, why
from dlgru.kernels.spec import Spec

SPEC = Spec(100, 32, 64, 128, single)


def engine(name: str, cost: float, answer: Any = True) -> Any:
    """An engine that computes what `plain` does, at a price of its own."""
    made = types.SimpleNamespace(**{k: getattr(plain, k) for k in ("forward", "backward")})
    made.NAME, made.accepts, made.cost = name, lambda spec: answer, lambda spec: cost
    return made


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made = [engine("slow", 9.0), engine("fast", 1.0), engine("picky", 0.1, "it is not Tuesday")]
    monkeypatch.setattr(choice, "ENGINES", tuple(made))
    choice.choice.cache_clear()
    yield made
    choice.choice.cache_clear()


def test_the_cheapest_engine_that_accepts_is_chosen(engines: list[Any]) -> None:
    assert choose(SPEC) is engines[1]
    engines[0].cost = lambda spec: 0.5
    assert choose(SPEC) is engines[1]  # kept for this spec
    assert choose(SPEC._replace(T=7)) is engines[0]


def test_a_forced_engine_is_chosen_and_let_go(engines: list[Any]) -> None:
    with use_engine("slow"):
        assert choose(SPEC) is engines[0]
        with use_engine("fast"):
            assert choose(SPEC) is engines[1]
        assert choose(SPEC) is engines[0]
        assert '"slow" is forced by use_engine' in why(SPEC)
    assert choose(SPEC) is engines[1]
    with pytest.raises(ZeroDivisionError), use_engine("slow"):
        raise ZeroDivisionError
    assert choose(SPEC) is engines[1]


def test_an_engine_that_has_never_run_on_a_device_is_used_on_request_only(
    engines: list[Any],
) -> None:
    engines[1].tried = lambda spec: spec.T > 50
    assert choose(SPEC) is engines[1]
    short = SPEC._replace(T=50)
    assert choose(short) is engines[0]
    assert "fast: accepts, about 1e+03 ms forward; on request only" in why(short)
    with use_engine("fast"):
        assert choose(short) is engines[1]


def test_a_forced_engine_that_refuses_says_why(engines: list[Any]) -> None:
    with use_engine("picky"), pytest.raises(DlgruValueError, match=r"picky.*not Tuesday") as raised:
        choose(SPEC)
    assert raised.value.identifier == "dlgru:kernels:refused"


def test_an_engine_that_does_not_exist_cannot_be_forced() -> None:
    with (
        pytest.raises(DlgruValueError, match=r'"quantum".*"plain"') as raised,
        use_engine("quantum"),
    ):
        pass
    assert raised.value.identifier == "dlgru:kernels:noSuchEngine"


def test_forcing_an_engine_that_was_not_built_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "ENGINES", (plain,))
    monkeypatch.setattr(choice.extension, "absence", "nobody compiled it")
    with (
        pytest.raises(DlgruValueError, match=r"nobody compiled it.*--force-reinstall") as raised,
        use_engine("native"),
    ):
        pass
    assert raised.value.identifier == "dlgru:kernels:noSuchEngine"


def test_a_spec_that_nobody_computes_names_every_reason(engines: list[Any]) -> None:
    engines[0].accepts = engines[1].accepts = lambda spec: "too wide"
    with pytest.raises(DlgruValueError, match=r"slow: too wide; .*fast: too wide; .*not Tuesday"):
        choose(SPEC._replace(T=3))


def test_the_forced_engine_computes(engines: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    engines[0].forward = lambda *a: (called.append("slow"), plain.forward(*a))[1]
    with use_engine("slow"):
        forward(make(4, 2, 3, 5, seed=1))
        forward(make(4, 2, 3, 5, seed=1, direction="bidirectional"))
    assert called == ["slow"] * 3


@pytest.mark.parametrize(
    ("value", "code"),
    [("plain", "ok"), ("quantum", "DlgruValueError There is no such engine"), ("", "ok")],
)
def test_the_environment_forces_an_engine(value: str, code: str) -> None:
    script = """
import os
from dlgru.backend import single
from dlgru.kernels.interface import ENGINES, choose, why
from dlgru.kernels.spec import Spec
cheapest = "native" if "native" in [e.NAME for e in ENGINES] else "plain"
try:
    chosen = choose(Spec(1, 1, 1, 1, single)).NAME
    assert chosen == (os.environ["DLGRU_ENGINE"] or cheapest), chosen
except Exception as e:
    print(type(e).__name__, e)
else:
    print("ok", "DLGRU_ENGINE" in why())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(dlgru.__file__).parent.parent,
        env={"DLGRU_ENGINE": value, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stdout.replace("choose: ", "")
    assert found.startswith(f"{code} {bool(value)}" if code == "ok" else code)


# -- what plain refuses ------------------------------------------------------------------------

REFUSED: dict[str, Any] = {
    "cell": "lstm",
    "rows_w": "fn",
    "rows_r": "n",
    "reset": "beside",
    "gate": "step",
    "act": "sine",
    "bias": 4,
    "direction": "sideways",
    "inner": 3,
    "hmask": 1,
    "nmask": 2,
    "zmask": 1,
    "traces": True,
    "save": "everything",
    "truncate": 10,
    "precision": "tf32",
}


@pytest.mark.parametrize("field", REFUSED)
def test_plain_refuses_what_it_does_not_compute(field: str) -> None:
    spec = SPEC._replace(**{field: REFUSED[field]})
    assert plain.accepts(SPEC) is True
    assert f"{field}={REFUSED[field]!r}" in str(plain.accepts(spec))
    with pytest.raises(DlgruValueError, match=field):
        choose(spec)


def test_every_field_of_a_spec_is_a_size_a_place_or_something_plain_decides_on() -> None:
    free = {"T", "B", "C", "H", "device", "lengths"}  # any value of these is computed
    assert set(Spec._fields) == set(REFUSED) | free | {"dtype"}


def test_plain_refuses_other_classes_and_a_meaningless_bias() -> None:
    for spec in (SPEC, SPEC._replace(dtype=double), SPEC._replace(bias=6)):
        assert plain.accepts(spec) is True
    assert "recurrent bias" in str(plain.accepts(SPEC._replace(bias=6, reset="before")))
    assert "int32" in str(plain.accepts(SPEC._replace(dtype="int32")))


def test_a_longer_run_costs_more() -> None:
    base = plain.cost(SPEC)
    for field in "TBCH":
        assert plain.cost(SPEC._replace(**{field: 2 * getattr(SPEC, field)})) > base


# -- why ---------------------------------------------------------------------------------------


def test_why_gives_the_choice_and_every_reason(engines: list[Any]) -> None:
    answer = why(T=100, B=32, C=64, H=128)
    assert answer.splitlines()[:4] == [
        "gru, T=100 B=32 C=64 H=128, single: fast",
        "  slow: accepts, about 9e+03 ms forward",
        "  fast: accepts, about 1e+03 ms forward",
        "  picky: refuses, it is not Tuesday",
    ]
    assert repr(answer) == str(answer)


def test_why_lists_the_engines_and_says_that_none_has_run_on_a_gpu() -> None:
    for answer in (dlgru.kernels.why(), why(SPEC), why(SPEC, dtype=double)):
        assert "have never run on a GPU" in answer
    assert "plain: part of this version" in why()
    with use_engine("plain"):
        assert ", double: plain" in why(SPEC, dtype=double)
        assert ": no engine" in why(SPEC, traces=True)
        assert ": plain" in why(SPEC, direction="bidirectional")


def test_why_names_the_architectures_on_which_kernels_have_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(costs, "_file", lambda: {"default": {"ran": []}, "90": {}})
    assert "have never run on a GPU" in why()
    some = {"default": {"ran": []}, "80": {"ran": ["graph", "adam"]}, "90": {}}
    monkeypatch.setattr(costs, "_file", lambda: some)
    costs.rates.cache_clear()
    try:
        assert "have run on sm_80 (graph, adam) only: elsewhere" in why()
    finally:
        costs.rates.cache_clear()


def test_why_says_that_the_compiled_engine_is_absent_and_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extension, "native", None)
    monkeypatch.setattr(extension, "absence", "nobody compiled it")
    for answer in (why(), why(SPEC)):
        assert "no compiled engine: nobody compiled it\n" in answer
        assert "\n  pip install --force-reinstall --no-cache-dir --no-deps .\n" in answer
        assert "DLGRU_REQUIRE_NATIVE=1" in answer


def test_why_says_what_the_compiled_engine_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = types.SimpleNamespace(instruction_set=lambda: 1, threads=lambda: 3)
    monkeypatch.setattr(extension, "native", compiled)
    assert "native runs AVX2 kernels, on at most 3 threads now\n" in why()
    assert "no compiled engine" not in why()


def test_the_reason_for_an_absent_extension_is_the_true_one(tmp_path: Path) -> None:
    module, reason = extension._load("dlgru._nothing_of_this_name")
    assert module is None
    assert reason == "no C compiler was found when dlgru was installed, or compiling failed"
    (tmp_path / "broken_one.py").write_text("import nothing_of_this_name_either")
    (tmp_path / "broken_two.py").write_text("raise ImportError('undefined symbol: foo')")
    sys.path.insert(0, str(tmp_path))
    try:
        one, two = extension._load("broken_one"), extension._load("broken_two")
    finally:
        sys.path.remove(str(tmp_path))
    assert one[0] is two[0] is None
    assert one[1].startswith("it was built but cannot be loaded: No module named 'nothing_of")
    assert two[1] == "it was built but cannot be loaded: undefined symbol: foo"


def test_why_names_a_field_that_is_missing_or_not_there() -> None:
    with pytest.raises(DlgruTypeError, match=r"H is missing"):
        why(T=1, B=1, C=1)
    with pytest.raises(DlgruTypeError, match=r"colour"):
        why(T=1, B=1, C=1, H=1, colour="blue")
    with pytest.raises(DlgruTypeError, match=r"colour"):
        why(SPEC, colour="blue")
