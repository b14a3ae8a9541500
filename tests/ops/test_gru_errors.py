"""Bad input to ``gru``: one error that says which argument, what came and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from ops.gru_public import arrays_of, case_of, host

import dlgru as dl
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError

C, B, T, H = 2, 3, 4, 5


class Wrong(NamedTuple):
    """A call changed in one place, and what must be said about it."""

    change: dict[str, Any]
    kind: type[DlgruError]
    identifier: str
    argument: str
    came: str
    expected: str


def array(*shape: int, fmt: str | None = None) -> Any:
    return dl.dlarray(np.ones(shape), fmt)


def value(argument: str, what: str, change: dict[str, Any], came: str, expected: str) -> Wrong:
    return Wrong(change, DlgruValueError, f"dlgru:gru:{what}", argument, came, expected)


SIZES = [
    value("H0", "size", {"H0": array(H, 2)}, "5×2", "H×1 or H×B, here H×3"),
    value("H0", "size", {"H0": array(1, H)}, "1×5", "H×B"),
    value("H0", "size", {"H0": np.ones(H)}, "1×5", "H×B"),
    value("H0", "size", {"H0": array(H, B, 2)}, "5×3×2", "H×B"),
    value("H0", "size", {"H0": array(H, 2, fmt="CB")}, "5×2", "H×B"),
    value("H0", "size", {"H0": array(H, 2), "X": array(C, T, fmt="CT")}, "5×2", "one observation"),
    value("H0", "size", {"H0": array(H, 0)}, "5×0", "H×B"),
    value("weights", "size", {"weights": array(3 * H, 3)}, "15×3", "3H×C = 15×2"),
    value("weights", "size", {"weights": array(C, 3 * H)}, "2×15", "3H×C = 15×2"),
    value("weights", "size", {"weights": array(4 * H, C)}, "20×2", "3H×C = 15×2"),
    value("weights", "size", {"weights": array(3 * H, C, 2)}, "15×2×2", "3H×C = 15×2"),
    value("weights", "size", {"weights": 1.0}, "1×1", "C = 2 from X, H = 5 from H0"),
    value("weights", "size", {"H0": array(4, 1)}, "15×2", "3H×C = 12×2"),
    value("weights", "size", {"X": array(2, C, B, fmt="SCB")}, "15×2", "3H×C = 15×4"),
    value("recurrentWeights", "size", {"recurrentWeights": array(3 * H, C)}, "15×2", "3H×H = 15×5"),
    value("recurrentWeights", "size", {"recurrentWeights": array(H, 3 * H)}, "5×15", "= 15×5"),
    value("bias", "size", {"bias": array(6 * H, 1)}, "30×1", "3H = 15"),
    value("bias", "size", {"bias": array(H, 1)}, "5×1", "3H = 15"),
    value("bias", "size", {"bias": array(H, 3)}, "5×3", "a vector"),
    value("bias", "size", {"bias": 0.0}, "1×1", "3H = 15"),
    value(
        "bias",
        "size",
        {"ResetGateMode": "recurrent-bias-after-multiplication"},
        "15×1",
        "a vector of 6H = 30 elements for 'recurrent-bias-after-multiplication'",
    ),
    value("H0", "size", {"Direction": "bidirectional"}, "5×1", "an even number of rows"),
    value(
        "weights",
        "size",
        {"Direction": "bidirectional", "H0": array(2 * H, 1)},
        "15×2",
        "6H×C = 30×2",
    ),
]

LABELS = [
    value("X", "unspecified", {"X": array(C, 2, fmt="CU")}, "2(C) × 2(U)", "singleton U"),
    value("H0", "initialState", {"H0": array(H, B, fmt="CT")}, "5(C) × 3(T)", '"CB" or "C"'),
    value("H0", "initialState", {"H0": array(B, 2, fmt="BU")}, "3(B) × 2(U)", '"CB" or "C"'),
    value("H0", "initialState", {"H0": array(2, H, fmt="SC")}, "2(S) × 5(C)", '"CB" or "C"'),
    value("weights", "labels", {"weights": array(3 * H, C, fmt="SC")}, "15(S) × 2(C)", '"CU"'),
    value("weights", "labels", {"weights": array(3 * H, C, fmt="CB")}, "15(C) × 2(B)", '"CU"'),
    value("weights", "labels", {"weights": array(3 * H, C, fmt="UU")}, "15(U) × 2(U)", '"CU"'),
    value(
        "recurrentWeights",
        "labels",
        {"recurrentWeights": array(3 * H, H, fmt="BT")},
        "15(B) × 5(T)",
        '"CU"',
    ),
    value("bias", "labels", {"bias": array(3 * H, 1, fmt="BT")}, "15(B) × 1(T)", '"C"'),
    Wrong(
        {"X": array(C, B, T)},
        DlgruTypeError,
        "dlgru:gru:format",
        "X",
        "unformatted",
        "a formatted dlarray, or the DataFormat option",
    ),
    value("DataFormat", "DataFormat", {"DataFormat": "CBT"}, '"CBT" for 2(C) × 3(B) × 4(T)', "no "),
]

FORMATS = [
    Wrong(
        {"X": np.ones((C, B, T)), "DataFormat": given},
        DlgruValueError,
        identifier,
        argument,
        came,
        expected,
    )
    for given, identifier, argument, came, expected in [
        ("CXT", "dlgru:format:label", "DataFormat", '"CXT"', "spatial S, channel C"),
        ("cbt", "dlgru:format:label", "DataFormat", '"cbt"', "labels out of"),
        ("CBTT", "dlgru:format:repeated", "DataFormat", '"CBTT"', "at most one C, one B and one T"),
        (3, "dlgru:format:label", "DataFormat", "an int", "labels out of"),
        ("CB", "dlgru:dlarray:labels", "fmt", '"CB" for a 2×3×4 array', "at least 3 labels"),
    ]
]

CLASSES = [
    Wrong(
        {**change, argument: given},
        DlgruTypeError,
        "dlgru:dlarray:class",
        argument,
        came,
        '"double", "single" or "logical"',
    )
    for argument, change, integers in [
        ("X", {"DataFormat": "CBT"}, (C, B, T)),
        ("H0", {}, (H, 1)),
        ("weights", {}, (3 * H, C)),
        ("recurrentWeights", {}, (3 * H, H)),
        ("bias", {}, (3 * H, 1)),
    ]
    for given, came in [
        (np.ones(integers, int), "of class int64"),
        (np.ones(integers, np.uint8), "of class uint8"),
        (np.ones(integers, np.float16), "of class float16"),
        (np.full(integers, "a"), "of class <U1"),
        (None, "NoneType"),
        ({}, "dict"),
    ]
]

LISTS = [
    Wrong({"bias": [[1, 2], [3]]}, DlgruValueError, "dlgru:list:ragged", "bias", "rows", "one"),
    Wrong({"H0": ["a"]}, DlgruTypeError, "dlgru:list:contents", "H0", "a str", "numbers"),
    Wrong(
        {"H0": [array(H, 1)]}, DlgruTypeError, "dlgru:list:contents", "H0", "an array", "numbers"
    ),
]

OPTIONS = [
    value("ResetGateMode", "option", {"ResetGateMode": "sideways"}, '"sideways"', '"after-mult'),
    value("ResetGateMode", "option", {"ResetGateMode": 1}, "an int", '"before-multiplication"'),
    value("ResetGateMode", "option", {"ResetGateMode": dl.tanh}, "a function", '"after-mult'),
    value("StateActivationFunction", "option", {"StateActivationFunction": "elu"}, '"elu"', "relu"),
    value("StateActivationFunction", "option", {"StateActivationFunction": None}, "None", "tanh"),
    value("GateActivationFunction", "option", {"GateActivationFunction": "tanh"}, "tanh", "sigm"),
    value("Direction", "option", {"Direction": "back"[:2]}, '"ba"', '"forward", "backward" or'),
    value("Direction", "option", {"Direction": True}, "a bool", '"bidirectional"'),
    Wrong(
        {"Way": "forward"}, DlgruTypeError, "dlgru:gru:unknownOption", "the option", "Way", "Dir"
    ),
    value("nargout", "nargout", {"nargout": 3}, "3", "1 (Y) or 2 (Y, hiddenState)"),
    value("nargout", "nargout", {"nargout": -1}, "-1", "1 (Y) or 2 (Y, hiddenState)"),
    *[
        Wrong({"nargout": n}, DlgruTypeError, "dlgru:gru:whole", "nargout", came, "whole number")
        for n, came in [("2", "'2'"), (1.5, "1.5"), (float("nan"), "nan"), (None, "a NoneType")]
    ],
]

LENGTHS = [
    value("SequenceLengths", "lengths", {"SequenceLengths": given}, came, "3 lengths")
    for given, came in [
        ([1, 2], "2 lengths from 1 to 2"),
        ([], "0 lengths"),
        ([1, 2, 5], "3 lengths from 1 to 5"),
        ([1, 2, -1], "3 lengths from -1 to 2"),
        (2, "1 lengths"),
        (np.ones((2, 3)), "6 lengths"),
    ]
] + [
    Wrong(
        {"SequenceLengths": given},
        DlgruTypeError,
        identifier,
        "SequenceLengths",
        came,
        "whole number",
    )
    for given, identifier, came in [
        ([1, 2.5, 1], "dlgru:gru:whole", "2.5"),
        ([1, float("nan"), 1], "dlgru:gru:whole", "nan"),
        ([1, float("inf"), 1], "dlgru:gru:whole", "inf"),
        ([1, "2", 1], "dlgru:gru:whole", "'2'"),
        ([1, None, 1], "dlgru:gru:whole", "a NoneType"),
        ([[1], [2, 3]], "dlgru:gru:whole", "a list"),
        ([1, 2j, 1], "dlgru:gru:whole", "a complex"),
        (np.array([1, 2j, 1]), "dlgru:gru:whole", "a complex"),
        ("abc", "dlgru:gru:lengths", "a str"),
        ({1, 2, 3}, "dlgru:gru:lengths", "a set"),
        ({1: 1}, "dlgru:gru:lengths", "a dict"),
        (object(), "dlgru:gru:lengths", "a object"),
    ]
]

GROUPS = {
    "sizes": SIZES,
    "labels": LABELS,
    "formats": FORMATS,
    "classes": CLASSES,
    "lists": LISTS,
    "options": OPTIONS,
    "lengths": LENGTHS,
}
ROWS = [
    pytest.param(row, id=f"{group}-{k}")
    for group, rows in GROUPS.items()
    for k, row in enumerate(rows)
]
POSITIONAL = ("X", "H0", "weights", "recurrentWeights", "bias")


def good() -> dict[str, Any]:
    arrays = arrays_of(case_of(sizes=(T, B, C, H)))
    arrays[1] = arrays[1][:, :1]
    return dict(zip(POSITIONAL, arrays, strict=True))


def call(arguments: dict[str, Any]) -> Any:
    options = {key: given for key, given in arguments.items() if key not in POSITIONAL}
    return dl.gru(*[arguments[name] for name in POSITIONAL], **options)


def caught(action: Callable[[], Any]) -> DlgruError:
    with pytest.raises(Exception) as found:
        action()
    assert isinstance(found.value, DlgruError), repr(found.value)
    assert isinstance(found.value, ValueError | TypeError | IndexError)
    return found.value


def check(error: DlgruError, wrong: Wrong) -> None:
    assert type(error) is wrong.kind
    assert error.identifier == wrong.identifier
    assert error.argument == wrong.argument
    assert wrong.came in error.came
    assert wrong.expected in error.expected
    assert error.function
    assert error.came in str(error)
    assert error.expected in str(error)


@pytest.mark.parametrize("wrong", ROWS)
def test_a_wrong_argument_is_one_error_that_says_all(wrong: Wrong) -> None:
    arguments = good()
    check(caught(lambda: call({**arguments, **wrong.change})), wrong)
    before = host(call(arguments))
    # After a good call there is a plan; the mistake is noticed all the same, and leaves none.
    check(caught(lambda: call({**arguments, **wrong.change})), wrong)
    np.testing.assert_array_equal(host(call(arguments)), before)


@pytest.mark.parametrize("wrong", ROWS)
def test_a_wrong_argument_is_the_same_error_under_a_trace(wrong: Wrong) -> None:
    arguments = {**good(), **wrong.change}
    traced = [name for name in POSITIONAL if isinstance(arguments[name], dl.DLArray)]

    def f(*a: Any) -> Any:
        return call({**arguments, **dict(zip(traced, a, strict=True))})

    check(caught(lambda: dl.dlfeval(f, *[arguments[name] for name in traced])), wrong)


# -- the call itself -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "identifier", "argument", "came"),
    [
        (("Direction",), "dlgru:gru:pairs", "Direction", "a name without a value"),
        (("Direction", "forward", "ResetGateMode"), "dlgru:gru:pairs", "ResetGateMode", "a name"),
        (("Direction", "forward", 3, 4), "dlgru:gru:pairs", "argument 3 of the name", "an int"),
        (("Direktion", "forward"), "dlgru:gru:unknownOption", "the option", '"Direktion"'),
        (("Direction", "forward", "direction", "forward"), "dlgru:gru:repeated", "Direc", "twice"),
        (("CBT",), "dlgru:gru:unknownOption", "the option", '"CBT"'),
        (("Activation", "tanh"), "dlgru:gru:unknownOption", "the option", '"Activation"'),
        ((3.0,), "dlgru:gru:arguments", "the call", "one with 6 arguments"),
        (("forward", "after-multiplication"), "dlgru:gru:unknownOption", "the option", "forward"),
    ],
)
def test_options_that_are_not_pairs_or_not_ours(
    extra: Any, identifier: str, argument: str, came: str
) -> None:
    arrays = list(good().values())
    for _ in range(2):
        error = caught(lambda: dl.gru(*arrays, *extra))
        assert type(error) is DlgruTypeError
        assert error.identifier == identifier
        assert error.argument.startswith(argument)
        assert came in error.came
        assert error.expected
        dl.gru(*arrays)


@pytest.mark.parametrize("count", range(5))
def test_a_missing_argument_is_named(count: int) -> None:
    error = caught(lambda: dl.gru(*list(good().values())[:count]))
    assert type(error) is DlgruTypeError
    assert error.identifier == "dlgru:gru:arguments"
    assert (error.argument, error.came) == (POSITIONAL[count], "missing")
    assert "gru(X, H0, weights, recurrentWeights, bias" in error.expected


def test_a_misspelt_word_comes_with_the_nearest_one() -> None:
    arrays = list(good().values())
    error = caught(lambda: dl.gru(*arrays, ResetGateMode="after-multiplicaton"))
    assert error.fix == 'did you mean "after-multiplication"'
    error = caught(lambda: dl.gru(*arrays, ResetGatMode="after-multiplication"))
    assert error.fix == 'did you mean "ResetGateMode"'


def test_unpacking_one_output_shows_the_nargout_form() -> None:
    arrays = list(good().values())
    with pytest.raises(DlgruTypeError, match="nargout=2"):
        _Y, _h = dl.gru(*arrays)
