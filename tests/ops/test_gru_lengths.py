"""``SequenceLengths``: a finished observation stands still, and its padding goes nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.gru_public import ALL, arrays_of, by_definition, case_of, close, host, loops, options_of

import dlgru as dl
from dlgru.array import DLArray

LENGTHS = [3, 1, 5, 0]


def padded(padding: float = np.nan, **fields: Any) -> Any:
    return case_of(sizes=(5, 4, 2, 3), lengths=LENGTHS, padding=padding, **fields)


def both(options: dict[str, Any]) -> list[dict[str, Any]]:
    return [options, by_definition(options)]


@pytest.mark.parametrize("padding", [np.nan, np.inf, 1e300], ids=str)
@pytest.mark.parametrize("fields", ALL, ids=lambda f: "-".join(f.values()))
def test_values_are_those_of_each_observation_alone(fields: Any, padding: float) -> None:
    case = padded(padding, **fields)
    y, last = loops(case)  # never reads the padding
    for options in both(options_of(case)):
        Y, h = dl.gru(*arrays_of(case), **options, nargout=2)
        close(Y, y)
        close(h, last)
        for k, n in enumerate(LENGTHS):
            assert (host(Y)[:, k, n:] == 0).all()
    np.testing.assert_array_equal(last[:, 3], case.h0[:, 3])


def gradients(case: Any, options: dict[str, Any], dy: Any, dlast: Any) -> list[Any]:
    """Derivatives of ``sum(dy·Y) + sum(dlast·hiddenState)`` by all five arrays."""

    def f(*a: DLArray) -> Any:
        Y, h = dl.gru(*a, **options, nargout=2)
        loss = dl.sum(dl.stripdims(Y) * dy, "all") + dl.sum(h * dlast, "all")
        return dl.dlgradient(loss, *a)

    return [host(g) for g in dl.dlfeval(f, *arrays_of(case))]


@pytest.mark.parametrize("direction", ["forward", "backward", "bidirectional"])
@pytest.mark.parametrize("padding", [np.nan, np.inf], ids=str)
def test_gradients_are_those_of_each_observation_alone(direction: str, padding: float) -> None:
    """Observation by observation without lengths, added up: nothing else may come in."""
    case = padded(padding, direction=direction)
    draw = np.random.default_rng(3)
    dy = draw.standard_normal((len(case.h0), 4, 5))
    dlast = draw.standard_normal((len(case.h0), 4))
    expected = [np.zeros_like(host(a)) for a in arrays_of(case)]
    plain = {k: v for k, v in options_of(case).items() if k != "SequenceLengths"}
    for k, n in enumerate(LENGTHS):
        own = case._replace(x=case.x[:, [k], :n], h0=case.h0[:, [k]])
        parts = gradients(own, plain, dy[:, [k], :n], dlast[:, [k]])
        expected[0][:, [k], :n] = parts[0]
        expected[1][:, [k]] = parts[1]
        for total, part in zip(expected[2:], parts[2:], strict=True):
            total += part
    for options in both(options_of(case)):
        found = gradients(case, options, dy, dlast)
        for g, e in zip(found, expected, strict=True):
            close(g, e)
        for k, n in enumerate(LENGTHS):
            assert (found[0][:, k, n:] == 0).all()


@pytest.mark.parametrize("direction", ["forward", "backward", "bidirectional"])
def test_second_derivatives_are_not_touched_by_the_padding(direction: str) -> None:
    def second(padding: float, definition: bool) -> list[Any]:
        case = padded(padding, direction=direction)
        options = both(options_of(case))[definition]

        def f(*a: DLArray) -> Any:
            Y, h = dl.gru(*a, **options, nargout=2)
            g = dl.dlgradient(dl.sum(Y * Y, "all") + dl.sum(h * h, "all"), *a)
            slope = sum(dl.sum(dl.stripdims(p) * dl.stripdims(p), "all") for p in g)
            return dl.dlgradient(slope, *a)

        return [host(g) for g in dl.dlfeval(f, *arrays_of(case))]

    clean = second(0.0, False)
    for g, e in zip(second(np.nan, False), clean, strict=True):
        np.testing.assert_array_equal(g, e)
    for g, e in zip(second(np.inf, True), clean, strict=True):
        close(g, e)


def test_nan_in_an_observation_spreads_to_that_observation_only() -> None:
    case = padded()
    case.x[0, 2, 1] = np.nan
    for options in both(options_of(case)):
        Y, h = dl.gru(*arrays_of(case), **options, nargout=2)
        assert np.isnan(host(Y)[:, 2, 1:]).all()
        assert np.isnan(host(h)[:, 2]).all()
        assert not np.isnan(host(Y)[:, [0, 1, 3]]).any()
        assert not np.isnan(host(h)[:, [0, 1, 3]]).any()


@pytest.mark.parametrize(
    "given",
    [
        LENGTHS,
        tuple(LENGTHS),
        np.array(LENGTHS),
        np.array(LENGTHS, dtype=np.uint8),
        np.array(LENGTHS, dtype=float)[:, None],
        dl.dlarray([float(n) for n in LENGTHS]),
        [3.0, 1, np.int64(5), False],
    ],
    ids=["list", "tuple", "integers", "bytes", "column", "DLArray", "mixed"],
)
def test_lengths_come_as_a_list_or_an_array(given: Any) -> None:
    case = padded()
    Y = dl.gru(*arrays_of(case), SequenceLengths=given)
    close(Y, loops(case)[0])


def test_one_number_is_enough_for_one_observation() -> None:
    case = case_of(sizes=(4, 1, 2, 3), lengths=[2])
    y, last = loops(case)
    Y, h = dl.gru(*arrays_of(case), SequenceLengths=2, nargout=2)
    close(Y, y)
    close(h, last)
    _, *rest = arrays_of(case)
    Y, h = dl.gru(case.x[:, 0], *rest, DataFormat="CT", SequenceLengths=2, nargout=2)
    close(Y, y[:, 0])
    close(h, last)


def test_full_lengths_change_nothing() -> None:
    case = case_of()
    plain = dl.gru(*arrays_of(case))
    full = dl.gru(*arrays_of(case), SequenceLengths=[4, 4, 4])
    np.testing.assert_array_equal(host(plain), host(full))


def test_lengths_of_zero_leave_everything_as_it_was() -> None:
    case = case_of()
    case.x[...] = np.nan
    X, H0, *weights = arrays_of(case)

    def f(*a: DLArray) -> Any:
        Y, h = dl.gru(*a, SequenceLengths=[0, 0, 0], nargout=2)
        return Y, h, dl.dlgradient(dl.sum(h, "all") + dl.sum(Y, "all"), *a)

    Y, h, g = dl.dlfeval(f, X, H0, *weights)
    np.testing.assert_array_equal(host(Y), np.zeros((3, 3, 4)))
    np.testing.assert_array_equal(host(h), case.h0)
    for k, part in enumerate(g):
        np.testing.assert_array_equal(host(part), np.full(part.shape, float(k == 1)))


def test_lengths_of_nobody_are_an_empty_list() -> None:
    Y = dl.gru(*arrays_of(case_of(sizes=(4, 0, 2, 3))), SequenceLengths=[])
    assert Y.shape == (3, 0, 4)


def test_a_list_that_is_changed_later_changes_nothing() -> None:
    case = padded()
    given = list(LENGTHS)

    def f(*a: DLArray) -> Any:
        Y = dl.gru(*a, SequenceLengths=given)
        given[:] = [5, 5, 5, 5]
        return dl.dlgradient(dl.sum(Y, "all"), *a)

    kept = dl.dlfeval(f, *arrays_of(case))
    expected = gradients(case, options_of(case), np.ones((3, 4, 5)), np.zeros((3, 4)))
    for g, e in zip(kept, expected, strict=True):
        close(g, e)
