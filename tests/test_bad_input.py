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
from public_calls import CALLS, UPDATES, P, public, speaks_up

import dlgru as dl
from dlgru.errors import DlgruError, DlgruTypeError

ANY_VALUE = set(
    """
    arrayfun cell cellfun copy dims dlfeval dlgradient extractdata finddim gather iscell
    isdlarray isempty isfield isgpuarray isstruct istable length mfunction ndims numel size
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
    if name == "dlgradient":
        return ["RetainData", "AllowComplex"]
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
        Inf NaN arrayfun cellfun checkgrad crossentropy dlgradient embed eye fullyconnect gru
        l1loss l2loss max min mse ones onehotencode padsequences rand randi randn softmax table
        zeros
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


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_name_without_a_value_is_named(name: str) -> None:
    option = options_of(name)[0]
    error = attempt(name, option)
    assert error.identifier == f"dlgru:{name}:pairs"
    assert (error.argument, error.came) == (option, "a name without a value")


@pytest.mark.parametrize("name", sorted(set(CALLS) - set(WITH_OPTIONS) - {"struct"}))
def test_a_function_without_options_takes_none(name: str) -> None:
    with pytest.raises(TypeError):
        getattr(dl, name)(*CALLS[name], NoSuchOption=1)
