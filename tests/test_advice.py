"""The fix at the end of a message is one that works, or there is none."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.errors import DlgruError

X = dl.dlarray(np.ones((2, 2)), "CB")
loss = dl.dlarray(3.0)
FLOAT = "convert it first: dlarray(np.asarray(X, dtype=float))"
NO_ARRAYS: dict[str, tuple[Callable[[], Any], str]] = {
    "dlarray(None)": (lambda: dl.dlarray(None), "an empty array is dlarray([])"),
    "x == None": (lambda: loss == None, "write x is None"),  # noqa: E711
    "x != None": (lambda: loss != None, "write x is not None"),  # noqa: E711
    "x + None": (lambda: loss + None, ""),
    "gru(X, None, ...)": (lambda: dl.gru(X, None, X, X, X), ""),
    "text": (lambda: dl.dlarray("abc"), ""),
    "text that is a number": (
        lambda: dl.dlarray("1e3"),
        "make a number of the text first: float(X)",
    ),
    "text + x": (lambda: "Loss: " + loss, 'to put a number into text write f"Loss: {loss:.4f}"'),
    "x == text": (lambda: loss == "a", "isequal(a, b) compares values of any kind"),
    "bytes": (lambda: dl.dlarray(b"ab"), ""),
    "a struct": (lambda: dl.sum(dl.struct("a", 1)), "name one of its fields"),
    "a dictionary": (lambda: dl.exp({"a": 1}), "name one of its fields"),
    "a table": (lambda: dl.exp(dl.table([1, 2])), "name one of its columns"),
    "a set": (lambda: dl.dlarray({1, 2}), "make a list first: dlarray(list(X))"),
    "a generator": (lambda: dl.dlarray(k for k in (1, 2)), "make a list first: dlarray(list(X))"),
    "an object": (lambda: dl.dlarray(object()), ""),
    "a function": (lambda: dl.exp(len), ""),
    "integers": (lambda: dl.dlarray(np.array([1, 2])), FLOAT),
    "half precision": (lambda: dl.dlarray(np.float16(1)), FLOAT),
    "an array of text": (lambda: dl.dlarray(np.array(["a"])), ""),
    "an array of objects": (lambda: dl.dlarray(np.array([None, 1])), ""),
}


@pytest.mark.parametrize("what", NO_ARRAYS)
def test_what_is_no_array_gets_a_fix_that_fits_it(what: str) -> None:
    call, fix = NO_ARRAYS[what]
    with pytest.raises(DlgruError) as caught:
        call()
    assert caught.value.identifier == "dlgru:dlarray:class"
    assert caught.value.fix == fix


def test_the_fixes_work() -> None:
    assert dl.dlarray([]).shape == (0, 0)
    assert float(dl.dlarray(float("1e3"))) == 1000
    assert f"Loss: {loss:.4f}" == "Loss: 3.0000"
    assert dl.isequal(loss, "a") is False
    assert dl.dlarray(list({1, 2})).shape == (1, 2)
    assert dl.dlarray(np.asarray(np.array([1, 2]), dtype=float)).shape == (1, 2)


WITHOUT_PARENTHESES: dict[str, tuple[Callable[[], Any], str]] = {
    "p = struct; p.gru.W = 1": (
        lambda: setattr(dl.struct.gru, "W", 1),  # type: ignore[attr-defined, unused-ignore]
        "first write x = struct(), then x.gru",
    ),
    "p = struct; p.a = 1": (
        lambda: setattr(dl.struct, "a", 1),
        "first write x = struct(), then set x.a",
    ),
    "c = cell; c.m[1] = 2": (
        lambda: dl.cell.m.__setitem__(1, 2),  # type: ignore[attr-defined, unused-ignore]
        "first write x = cell(), then x.m",
    ),
    "c = cell; c[0] = 2": (
        lambda: operator.setitem(dl.cell, 0, 2),  # type: ignore[call-overload, unused-ignore]
        "first write x = cell(), then x[...]",
    ),
    "x = rand; x[0]": (
        lambda: dl.rand[0],  # type: ignore[index, unused-ignore]
        "first write x = rand(), then x[...]",
    ),
}


@pytest.mark.parametrize("line", WITHOUT_PARENTHESES)
def test_a_function_without_its_parentheses_is_to_be_called_first(line: str) -> None:
    # What struct().gru.W = 1 fills is gone at once.
    call, fix = WITHOUT_PARENTHESES[line]
    with pytest.raises(DlgruError) as caught:
        call()
    assert caught.value.identifier.endswith(":parentheses")
    assert caught.value.fix == fix


NUMPYS: dict[Callable[[Any], Any], str] = {
    np.linalg.norm: "use numpy.linalg.norm(extractdata(X))",
    np.fft.fft: "use numpy.fft.fft(extractdata(X))",
    np.median: "use numpy.median(extractdata(X))",
    np.sum: "use dlgru.sum(X), or numpy.sum(extractdata(X))",
}


@pytest.mark.parametrize("function", NUMPYS)
def test_a_function_of_numpy_is_named_as_it_is_imported(function: Callable[[Any], Any]) -> None:
    fix = NUMPYS[function]
    with pytest.raises(DlgruError) as caught:
        function(X)
    assert caught.value.fix == fix
    path = fix.removesuffix("(extractdata(X))").rpartition(" ")[2]
    found: Any = np
    for name in path.split(".")[1:]:
        found = getattr(found, name)
    assert found is function and caught.value.function == path
    assert np.isfinite(found(dl.extractdata(X))).all()


CUTS = "what has no derivative (round and its like, comparisons, the index of max) cut the trace"
UNTRACED: dict[str, tuple[Callable[[], Any], str]] = {
    "round": (lambda: dl.dlfeval(lambda x: dl.dlgradient(dl.round(x), x), loss), CUTS),
    ">": (lambda: dl.dlfeval(lambda x: dl.dlgradient(dl.sum(x > 1, "all"), x), loss), CUTS),
    "index": (
        lambda: dl.dlfeval(lambda x: dl.dlgradient(dl.max(x, nargout=2)[1], x), loss),
        CUTS,
    ),
    "an ndarray": (
        lambda: dl.dlfeval(lambda x: dl.dlgradient(dl.sum(x, "all"), x), np.ones((2, 2))),
        "dlfeval(fun, dlarray(X)): only dlarrays are traced, and it was given an ndarray",
    ),
    "lists": (
        lambda: dl.dlfeval(lambda x, n: dl.dlgradient(dl.sum(x), x), [1.0, 2], 3),
        "dlfeval(fun, dlarray(X)): only dlarrays are traced, and it was given a list and an int",
    ),
    "a number of NumPy": (
        lambda: dl.dlfeval(lambda x: dl.dlgradient((x**2).sum(), x), np.ones(2)),
        "dlfeval(fun, dlarray(X)): only dlarrays are traced, and it was given an ndarray",
    ),
    "no arguments": (
        lambda: dl.dlfeval(lambda: dl.dlgradient(loss * 2, loss)),
        "pass the variables to dlfeval as arguments: dlfeval(fun, X)",
    ),
    "outside": (
        lambda: dl.dlgradient(loss, loss),
        "call dlgradient inside a function that dlfeval evaluates",
    ),
}


@pytest.mark.parametrize("what", UNTRACED)
def test_what_nothing_traces_is_told_how_it_would_be(what: str) -> None:
    call, fix = UNTRACED[what]
    with pytest.raises(DlgruError) as caught:
        call()
    assert caught.value.identifier == "dlgru:dlgradient:value"
    assert caught.value.fix.endswith(fix)


def test_the_innermost_dlfeval_is_meant() -> None:
    def inner(x: Any) -> Any:
        return dl.dlgradient(dl.sum(x, "all"), x)

    def outer(x: Any) -> Any:
        with pytest.raises(DlgruError, match="it was given an ndarray"):
            dl.dlfeval(inner, np.ones((2, 2)))
        return dl.dlgradient(x * 2, x)

    assert float(dl.dlfeval(outer, loss)) == 2
