"""Data of a wrong class and options that do not exist, in every public function.

Each function is called as ``public_calls.py`` shows, with one array replaced, with an
option that does not exist, and with a name without a value.  One kind of error must come,
which names what is at fault.  Labels, sizes and words are in ``test_bad_arguments.py``, and
the operations are also tried with any array in any place in ``test_properties.py``.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from public_calls import CALLS, UPDATES, P, S, public, speaks_up

import dlgru as dl
from dlgru.errors import DlgruError, DlgruTypeError

ANY_VALUE = set(
    """
    arrayfun cell cellfun copy dims dlfeval dlgradient extractdata finddim iscell
    isdlarray isempty isequal isfield isgpuarray isstruct istable length mfunction ndims numel size
    struct table
    """.split()
)
"""Functions that answer for anything, or hand it on; what they do refuse is in the other file."""


def test_every_public_function_is_called() -> None:
    assert set(CALLS) == set(public())


@pytest.mark.parametrize("name", CALLS)
def test_the_call_works_as_it_stands(name: str) -> None:
    if name != "dlgradient":
        getattr(dl, name)(*CALLS[name])


# -- classes -----------------------------------------------------------------------------------

CLASSES: dict[str, Any] = {
    "integers": np.ones((2, 2), np.int32),
    "bytes": np.ones((2, 2), np.uint8),
    "half precision": np.ones((2, 2), np.float16),
    "objects": np.array([["a", {}], [None, 1]]),
    "text": "word",
    "a set": {1, 2},
    "a list of arrays": [P, 2.0],
}
# A list of arrays is a cell of parameters there, and text among parameters stays as it is.
ACCEPTED = {("dlupdate", "a list of arrays"), ("checkgrad", "a list of arrays")}
# These four name the class, so they convert; everything else takes no integer array.
ACCEPTED |= {
    (name, what)
    for name in ["cast", "double", "logical", "single"]
    for what in ["integers", "bytes"]
}
ACCEPTED |= {(name, "text") for name in ["dlupdate", *UPDATES.split()]}

SPOILT = [
    (name, k, what)
    for name, args in CALLS.items()
    for k, x in enumerate(args)
    for what in CLASSES
    if type(x) is dl.DLArray and name not in ANY_VALUE and (name, what) not in ACCEPTED
]


@pytest.mark.parametrize(("name", "k", "what"), SPOILT)
def test_an_array_of_a_wrong_class_is_refused(name: str, k: int, what: str) -> None:
    args = list(CALLS[name])
    args[k] = CLASSES[what]
    with pytest.raises(DlgruError) as caught:
        getattr(dl, name)(*args)
    speaks_up(caught.value)


# -- options -----------------------------------------------------------------------------------


def options_of(name: str) -> list[str]:
    """The keyword-only parameters of a function, as its door declares them."""
    function = getattr(dl, name)
    op = getattr(function, "op", None)
    if name == "gru":
        return ["ResetGateMode", "DataFormat"]
    if op is not None:
        return list(op._binder.options)
    parameters = inspect.signature(function).parameters.values()
    found = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return found if hasattr(function, "__wrapped__") else []


WITH_OPTIONS = [name for name in CALLS if options_of(name)]


def attempt(name: str, *more: Any, **options: Any) -> DlgruError:
    """The error of a call with something added, made where ``dlgradient`` may be called."""

    def call(x: Any) -> Any:
        args = (dl.sum(x, "all"), x) if name == "dlgradient" else CALLS[name]
        return getattr(dl, name)(*args, *more, **options)

    with pytest.raises(DlgruTypeError) as caught:
        dl.dlfeval(call, P)
    speaks_up(caught.value)
    return caught.value


def test_the_functions_with_options_are_known() -> None:
    expected = """
        Inf NaN arrayfun cellfun checkgrad crossentropy dlfeval dlgradient dlupdate embed eye
        fullyconnect gather gru l1loss l2loss max min mse ones onehotencode padsequences rand
        randi randn size softmax table zeros
    """
    assert set(WITH_OPTIONS) == set(expected.split())


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_an_unknown_option_is_named_with_those_there_are(name: str) -> None:
    error = attempt(name, NoSuchOption=1)
    assert error.identifier == f"dlgru:{name}:unknownOption"
    assert error.came == '"NoSuchOption"'
    assert all(option in error.expected for option in options_of(name)[:2])


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_misspelt_option_is_told_its_name(name: str) -> None:
    option = options_of(name)[0]
    error = attempt(name, **{option[:-1] + "x": 1})
    assert error.fix == f'did you mean "{option}"'


OTHER_TEXT = {"dlfeval", "dlupdate", "size"}
"""Functions in which text is no option's name: it is a label, or for another function."""


@pytest.mark.parametrize("name", sorted(set(WITH_OPTIONS) - OTHER_TEXT))
def test_a_name_without_a_value_is_named(name: str) -> None:
    option = options_of(name)[0]
    error = attempt(name, option)
    assert error.identifier == f"dlgru:{name}:pairs"
    assert (error.argument, error.came) == (option, "a name without a value")


@pytest.mark.parametrize("name", sorted(set(CALLS) - set(WITH_OPTIONS) - {"struct"}))
def test_a_function_without_options_takes_none(name: str) -> None:
    error = attempt(name, NoSuchOption=1)
    assert error.identifier == f"dlgru:{name}:unknownOption"
    parameters = inspect.signature(getattr(dl, name)).parameters.values()
    numbers = [f'"{p.name}"' for p in parameters if isinstance(p.default, float | int)]
    *before, last = numbers or ["no option"]
    expected = f"{', '.join(before)} or {last}" if before else last
    assert (error.came, error.expected) == ('"NoSuchOption"', expected)


def test_text_that_is_handed_on_is_no_option() -> None:
    text = ("nargout", 2)
    assert dl.dlfeval(lambda *given: given, *text) == text
    assert dl.dlfeval(dl.mfunction(lambda *given: given), *text, nargout=2) == text


# -- what no function is asked for ---------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [lambda: [*P], lambda: dl.DLArray([1]), lambda: [*dl.cell(1).m], lambda: [*S.nothing]],
    ids=["unpacking an array", "calling the class", "unpacking c.m", "unpacking no field"],
)
def test_what_python_offers_and_arrays_do_not_have_is_refused(use: Any) -> None:
    with pytest.raises(DlgruError) as caught:
        use()
    speaks_up(caught.value)


def test_a_loop_over_an_array_is_told_how_python_writes_it() -> None:
    with pytest.raises(DlgruTypeError, match=r"a loop is for k in range\(1, n \+ 1\)"):
        for _ in dl.colon(1, 5):
            pass


# -- the number of arguments -------------------------------------------------------------------


def positional(name: str) -> tuple[int, float]:
    """How many arguments a function needs, and takes."""
    parameters = inspect.signature(getattr(dl, name)).parameters.values()
    named = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return sum(p.default is p.empty for p in named), float("inf") if variadic else len(named)


@pytest.mark.parametrize("name", [name for name in CALLS if positional(name)[0]])
def test_a_call_without_arguments_is_refused(name: str) -> None:
    with pytest.raises(DlgruTypeError) as caught:
        getattr(dl, name)()
    speaks_up(caught.value)
    assert caught.value.came == "missing"


@pytest.mark.parametrize("name", [name for name in CALLS if positional(name)[1] < 20])
def test_a_call_with_too_many_arguments_is_refused(name: str) -> None:
    with pytest.raises(DlgruTypeError) as caught:
        getattr(dl, name)(*[P] * 20)
    speaks_up(caught.value)
    assert caught.value.came == "one with 20 arguments"
