"""The numbers of ``gru`` against loops over numbers: every mode, activation, direction, class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gru_cases import data
from ops.gru_public import ALL, arrays_of, by_definition, case_of, close, host, loops, options_of

import dlgru as dl

every_mode = pytest.mark.parametrize("fields", ALL, ids=lambda f: "-".join(f.values()))
both_classes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["single", "double"])


@both_classes
@every_mode
def test_values_are_those_of_the_equations(fields: Any, dtype: Any) -> None:
    case = case_of(**fields, dtype=dtype)
    y, last = loops(case)
    for _ in range(2):  # by the full door, then by a plan
        Y, h = dl.gru(*arrays_of(case), **options_of(case), nargout=2)
        assert Y.dtype == h.dtype == dtype
        assert (Y.dims, h.dims) == ("CBT", "")
        close(Y, y, dtype)
        close(h, last, dtype)


@both_classes
@every_mode
def test_values_are_the_same_under_a_trace_and_by_the_definition(fields: Any, dtype: Any) -> None:
    case = case_of(**fields, dtype=dtype)
    expected = loops(case)
    for options in (options_of(case), by_definition(options_of(case))):
        found = dl.dlfeval(lambda *a, o=options: dl.gru(*a, **o, nargout=2), *arrays_of(case))
        for part, numbers in zip(found, expected, strict=True):
            assert part.dtype == dtype
            close(part, numbers, dtype)


@every_mode
def test_one_time_step_is_the_first_of_several(fields: Any) -> None:
    case = case_of(**fields, sizes=(1, 3, 2, 3))
    y, last = loops(case)
    X, *rest = arrays_of(case)
    Y, h = dl.gru(X, *rest, **options_of(case), nargout=2)
    close(Y, y)
    close(h, last)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (5, 1, 3, 2), (2, 7, 1, 4), (23, 2, 3, 5)])
@every_mode
def test_values_at_other_sizes(fields: Any, sizes: tuple[int, ...]) -> None:
    case = case_of(**fields, sizes=sizes)
    y, last = loops(case)
    Y, h = dl.gru(*arrays_of(case), **options_of(case), nargout=2)
    # An error of one step is at most passed on; relu alone may let it grow.
    close(Y, y, factor=10)
    close(h, last, factor=10)


@pytest.mark.parametrize("T", [1, 4])
@pytest.mark.parametrize("direction", ["forward", "backward", "bidirectional"])
def test_one_initial_state_serves_all_observations(direction: str, T: int) -> None:
    case = case_of(direction=direction, sizes=(T, 3, 2, 3))
    one = case.h0[:, :1]
    y, last = loops(case._replace(h0=np.repeat(one, 3, axis=1)))
    X, _, *rest = arrays_of(case)
    for H0 in (dl.dlarray(one), dl.dlarray(one, "CB"), dl.dlarray(one, "C")):
        for _ in range(2):
            Y, h = dl.gru(X, H0, *rest, **options_of(case), nargout=2)
            close(Y, y)
            close(h, last)
            Y, h = dl.gru(X, H0, *rest, Direction=direction, nargout=2)
            close(Y, y)
            close(h, last)


def test_gates_that_are_far_out_saturate_without_nan() -> None:
    case = data(case_of(), lambda a: 400 * a)
    y, last = loops(case)
    Y, h = dl.gru(*arrays_of(case), nargout=2)
    assert np.isfinite(host(Y)).all()
    np.testing.assert_allclose(host(Y), y, rtol=1e-12)
    np.testing.assert_allclose(host(h), last, rtol=1e-12)


def test_a_bidirectional_run_is_a_forward_and_a_backward_one() -> None:
    """Not by the loops: by two calls of the operation on the halves, bit for bit."""
    case = case_of("recurrent-bias-after-multiplication", direction="bidirectional")
    X, *stacked = arrays_of(case)
    options = {**options_of(case)}
    Y, h = dl.gru(X, *stacked, **options, nargout=2)
    for k, direction in enumerate(("forward", "backward")):
        half = [a[k * a.shape[0] // 2 : (k + 1) * a.shape[0] // 2, :] for a in stacked]
        y1, h1 = dl.gru(X, *half, **{**options, "Direction": direction}, nargout=2)
        np.testing.assert_array_equal(host(Y)[3 * k : 3 * k + 3], host(y1))
        np.testing.assert_array_equal(host(h)[3 * k : 3 * k + 3], host(h1))


def test_a_state_handed_on_continues_the_sequence() -> None:
    case = case_of(sizes=(6, 2, 3, 4))
    X, H0, *weights = arrays_of(case)
    whole, end = dl.gru(X, H0, *weights, nargout=2)
    first, h = dl.gru(X[:, :, :2], H0, *weights, nargout=2)
    second, h = dl.gru(X[:, :, 2:], h, *weights, nargout=2)
    close(np.concatenate([host(first), host(second)], axis=2), host(whole))
    close(h, host(end))


def test_nan_stays_in_its_observation() -> None:
    case = case_of()
    clean, _ = loops(case)
    case.x[1, 1, 2] = np.nan
    Y, h = dl.gru(*arrays_of(case), nargout=2)
    close(host(Y)[:, [0, 2]], clean[:, [0, 2]])
    close(host(Y)[:, 1, :2], clean[:, 1, :2])
    assert np.isnan(host(Y)[:, 1, 2:]).all()
    assert np.isnan(host(h)[:, 1]).all()
    assert not np.isnan(host(h)[:, [0, 2]]).any()
