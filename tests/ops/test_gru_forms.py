"""The forms that ``gru`` takes its arrays in, and the labels, sizes and classes it gives back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.gru_public import arrays_of, case_of, close, host, loops, options_of

import dlgru as dl
from dlgru.array import DLArray

C, H = 2, 3


def stored(y: Any, labels: str) -> Any:
    """Numbers ``[H,B,T]`` as an array with these labels holds them."""
    shape = [n for n, d in zip(y.shape, "CBT", strict=True) if d in labels]
    return y.reshape(shape if len(shape) > 1 else (*shape, 1))


# -- labels of X ---------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ["CBT", "CTB", "BCT", "BTC", "TCB", "TBC"])
def test_labels_come_in_any_order(fmt: str) -> None:
    case = case_of()
    y, last = loops(case)
    _, *rest = arrays_of(case)
    turned = case.x.transpose(["CBT".index(d) for d in fmt])
    Y, h = dl.gru(dl.dlarray(turned, fmt), *rest, nargout=2)
    assert Y.dims == "CBT"
    close(Y, y)
    close(h, last)
    Y, h = dl.gru(turned, *rest, DataFormat=fmt, nargout=2)
    assert (Y.dims, h.dims) == ("", "")
    close(Y, y.transpose(["CBT".index(d) for d in fmt]))
    close(h, last)


@pytest.mark.parametrize(
    ("fmt", "labels"),
    [("CB", "CB"), ("CT", "CT"), ("BT", "CBT"), ("C", "CU"), ("B", "CB"), ("T", "CT"), ("S", "CU")],
)
def test_dimensions_may_be_missing(fmt: str, labels: str) -> None:
    """Without C one channel, without B one observation, without T one step."""
    channels = C if set(fmt) & set("CS") else 1
    sizes = (4 if "T" in fmt else 1, 3 if "B" in fmt else 1, channels, H)
    case = case_of(sizes=sizes)
    y, last = loops(case)
    _, *rest = arrays_of(case)
    given = case.x.reshape(
        [n for n, d in zip(case.x.shape, "CBT", strict=True) if d in fmt or n > 1]
    )
    Y, h = dl.gru(dl.dlarray(given, fmt), *rest, nargout=2)
    assert Y.dims == labels
    close(Y, stored(y, labels))
    close(h, last)
    assert h.shape == (H, sizes[1])
    bare = dl.gru(given, *rest, DataFormat=fmt)
    assert bare.dims == ""
    close(bare, stored(y, labels))


@pytest.mark.parametrize("fmt", ["SCBT", "SSCBT", "SSCTB", "TSBSC", "SSBT", "BSC", "SST", "SS"])
def test_spatial_dimensions_are_channels_in_stored_order(fmt: str) -> None:
    """An S runs before the next S, and all of them before C: as a column-major array lies."""
    size = {"S": 2, "C": 3, "B": 2, "T": 4}
    spatial = fmt.count("S")
    channels = 2**spatial * (3 if "C" in fmt else 1)
    sizes = (4 if "T" in fmt else 1, 2 if "B" in fmt else 1, channels, H)
    case = case_of(sizes=sizes)
    y, last = loops(case)
    _, *rest = arrays_of(case)
    kept = [d for d in "SSSCBT"[3 - spatial :] if d in fmt]
    full = case.x.reshape([size[d] for d in kept], order="F")
    # Where each label of `fmt` stands in stored order; equal labels keep their order.
    places, left = [], list(kept)
    for d in fmt:
        places.append(left.index(d))
        left[places[-1]] = ""
    turned = full.transpose(places)
    labels = "C" + "".join(d for d in "BT" if d in fmt)
    labels = labels if len(labels) > 1 else "CU"
    for _ in range(2):
        Y, h = dl.gru(dl.dlarray(turned, fmt), *rest, nargout=2)
        assert Y.dims == labels
        close(Y, stored(y, labels))
        close(h, last)
    # Unformatted: the order of the format without its S; a C that was not there comes first.
    Y = dl.gru(turned, *rest, DataFormat=fmt)
    order = fmt.replace("S", "")
    order = order if "C" in order else "C" + order
    expected = y.transpose(["CBT".index(d) for d in [*order, *sorted(set("CBT") - set(order))]])
    while expected.ndim > 2 and expected.shape[-1] == 1:
        expected = expected[..., 0]
    close(Y, expected)


def test_singleton_unspecified_dimensions_are_nothing() -> None:
    case = case_of(sizes=(4, 1, 2, 3))
    y, last = loops(case)
    _, *rest = arrays_of(case)
    Y, h = dl.gru(case.x.reshape(2, 1, 4), *rest, DataFormat="CUT", nargout=2)
    close(Y, y.reshape(3, 4))
    close(h, last)
    Y = dl.gru(case.x[:, :, 0].reshape(1, 2), *rest, DataFormat="UC")
    close(Y, loops(case._replace(x=case.x[:, :, :1]))[0].reshape(1, 3))


def test_one_step_without_a_time_dimension_is_a_step_of_a_loop() -> None:
    case = case_of()
    y, last = loops(case)
    _, h, *weights = arrays_of(case)
    for t in range(case.x.shape[2]):
        Y, h = dl.gru(dl.dlarray(case.x[:, :, t], "CB"), h, *weights, nargout=2)
        assert (Y.dims, Y.shape) == ("CB", (3, 3))
        close(Y, y[:, :, t])
    close(h, last)


# -- the initial state and hiddenState -----------------------------------------------------


@pytest.mark.parametrize("fmt", ["", "CB", "BC", "C", "CU", "UC"])
@pytest.mark.parametrize("labels", ["CBT", "CB", "CT", "C"])
def test_the_state_has_labels_if_h0_has(fmt: str, labels: str) -> None:
    sizes = (4 if "T" in labels else 1, 3 if "B" in labels else 1, C, H)
    case = case_of(sizes=sizes)
    whole = "B" in fmt
    h0 = case.h0 if whole else case.h0[:, :1]
    y, last = loops(case._replace(h0=np.broadcast_to(h0, case.h0.shape)))
    X, _, *weights = arrays_of(case)
    X = dl.dlarray(stored(case.x, labels), labels)
    H0 = dl.dlarray(h0.T if fmt in ("BC", "UC") else h0, fmt or None)
    Y, h = dl.gru(X, H0, *weights, nargout=2)
    close(Y, stored(y, labels))
    assert h.dims == ("" if not fmt else "CB" if "B" in labels else "CU")
    close(h, last)


def test_a_formatted_state_fits_unformatted_data() -> None:
    case = case_of()
    _, _, *weights = arrays_of(case)
    Y, h = dl.gru(case.x, dl.dlarray(case.h0, "CB"), *weights, DataFormat="CBT", nargout=2)
    assert (Y.dims, h.dims) == ("", "CB")
    close(h, loops(case)[1])


def test_nargout_says_how_many_outputs_there_are() -> None:
    arguments = arrays_of(case_of())
    for one in (dl.gru(*arguments), dl.gru(*arguments, nargout=1), dl.gru(*arguments, nargout=0)):
        assert type(one) is DLArray
    both = dl.gru(*arguments, nargout=2)
    assert type(both) is tuple
    assert len(both) == 2
    assert type(dl.gru(*arguments, nargout=dl.dlarray(2.0))) is tuple


# -- the parameters ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["after-multiplication", "recurrent-bias-after-multiplication"])
def test_parameters_may_have_labels_and_the_bias_any_direction(mode: str) -> None:
    case = case_of(mode)
    y, _ = loops(case)
    X, H0, *_ = arrays_of(case)
    W, R = (dl.dlarray(a, "CU") for a in (case.W, case.R))
    column, row = case.b.reshape(-1, 1), case.b.reshape(1, -1)
    for b in (column, row, case.b, dl.dlarray(column, "C"), dl.dlarray(row), case.b.tolist()):
        close(dl.gru(X, H0, W, R, b, ResetGateMode=mode), y)


def test_arrays_lists_and_numbers_are_taken() -> None:
    case = case_of(sizes=(2, 1, 1, 1))
    y, last = loops(case)
    x, W, R, b = (a.tolist() for a in (case.x.reshape(1, 2), case.W, case.R, case.b))
    Y, h = dl.gru(x, float(case.h0[0, 0]), W, R, b, DataFormat="CT", nargout=2)
    close(Y, y.reshape(1, 2))
    close(h, last)


@pytest.mark.parametrize("T", [1, 4])
def test_any_memory_order_and_strides_are_taken(T: int) -> None:
    case = case_of(sizes=(T, 3, 2, 3))
    y, _ = loops(case)
    wide = np.zeros((4, 6, T))
    wide[::2, ::2, :] = case.x
    X = wide[::2, ::2, :]
    backwards = np.ascontiguousarray(case.R[::-1, ::-1])[::-1, ::-1]
    rows = [np.ascontiguousarray(a) for a in (case.h0, case.W, case.R)]
    for R in (case.R, rows[2], backwards):
        close(
            dl.gru(X, rows[0], rows[1], R, case.b, DataFormat="CBT"),
            stored(y, "CBT"[: 2 + (T > 1)]),
        )
        arrays = [dl.dlarray(a) for a in (*rows[:2], R, case.b[::-1][::-1])]
        for _ in range(2):
            close(dl.gru(dl.dlarray(X, "CBT"), *arrays), y)
    turned = [dl.transpose(dl.dlarray(np.ascontiguousarray(a.T))) for a in (case.W, case.R)]
    for _ in range(2):
        Y = dl.gru(dl.dlarray(X, "CBT"), dl.dlarray(case.h0), *turned, dl.dlarray(case.b))
        close(Y, y)


# -- classes -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(5))
def test_one_single_array_makes_the_results_single(place: int) -> None:
    case = case_of()
    y, last = loops(case)
    arguments = arrays_of(case)
    arguments[place] = dl.single(arguments[place])
    Y, h = dl.gru(*arguments, nargout=2)
    assert str(Y.dtype) == str(h.dtype) == "float32"
    close(Y, y, np.float32)
    close(h, last, np.float32)


def test_python_numbers_and_logical_arrays_do_not_widen() -> None:
    case = case_of(sizes=(3, 2, 2, 3))
    on = case.x > 0
    y, _ = loops(case._replace(x=on.astype(float), h0=np.zeros((3, 2))))
    _, _, *weights = arrays_of(case)
    zero = [[0.0, 0.0]] * 3
    for kind in ("single", "double"):
        cast = [dl.cast(w, kind) for w in weights]
        Y = dl.gru(dl.dlarray(on, "CBT"), zero, *cast)
        dtype = np.float32 if kind == "single" else np.float64
        assert Y.dtype == dtype
        close(Y, y, dtype)


# -- nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("sizes", [(0, 2), (3, 0), (0, 0)], ids=["T=0", "B=0", "both"])
@pytest.mark.parametrize("function", [False, True], ids=["fused", "definition"])
def test_without_steps_or_observations_the_state_is_h0(
    sizes: tuple[int, int], direction: str, function: bool
) -> None:
    T, B = sizes
    case = case_of(sizes=(T, B, C, H), direction=direction)
    X, H0, *weights = arrays_of(case)
    rows = H0.shape[0]
    options: dict[str, Any] = {"Direction": direction}
    if function:
        options["StateActivationFunction"] = dl.tanh
    for h0 in (H0, dl.dlarray(case.h0, "CB")):
        Y, h = dl.gru(X, h0, *weights, **options, nargout=2)
        assert (Y.dims, Y.shape) == ("CBT", (rows, B, T))
        assert (h.dims, h.shape) == (h0.dims, (rows, B))
        np.testing.assert_array_equal(host(h), case.h0)

    def gradients(which: int) -> Any:
        def f(*a: DLArray) -> Any:
            loss = dl.sum(dl.gru(*a, **options, nargout=2)[which], "all")
            return dl.dlgradient(loss, *a)

        return dl.dlfeval(f, X, H0, *weights)

    for which in (0, 1):
        for k, (g, a) in enumerate(zip(gradients(which), (X, H0, *weights), strict=True)):
            assert (g.shape, g.dims) == (a.shape, a.dims)
            expected = np.ones(a.shape) if k == 1 and which == 1 else np.zeros(a.shape)
            np.testing.assert_array_equal(host(g), expected)


@pytest.mark.parametrize("alone", range(5))
@pytest.mark.parametrize("function", [False, True], ids=["fused", "definition"])
def test_without_steps_every_single_input_has_a_gradient(alone: int, function: bool) -> None:
    arguments = arrays_of(case_of(sizes=(0, 2, C, H)))
    options = {"StateActivationFunction": dl.tanh} if function else {}

    def f(variable: DLArray) -> Any:
        given = [*arguments[:alone], variable, *arguments[alone + 1 :]]
        Y, h = dl.gru(*given, **options, nargout=2)
        return [dl.dlgradient(dl.sum(part, "all"), variable) for part in (Y, h)]

    of_y, of_h = dl.dlfeval(f, arguments[alone])
    shape = arguments[alone].shape
    np.testing.assert_array_equal(host(of_y), np.zeros(shape))
    np.testing.assert_array_equal(host(of_h), np.ones(shape) if alone == 1 else np.zeros(shape))


def test_one_state_for_nobody_keeps_its_size_in_the_gradient() -> None:
    X, _, *weights = arrays_of(case_of(sizes=(3, 0, C, H)))
    H0 = dl.dlarray(np.ones((H, 1)))

    def f(h0: DLArray) -> Any:
        _, h = dl.gru(X, h0, *weights, nargout=2)
        return h, dl.dlgradient(dl.sum(h, "all"), h0)

    h, g = dl.dlfeval(f, H0)
    assert h.shape == (H, 0)
    np.testing.assert_array_equal(host(g), np.zeros((H, 1)))


def test_without_channels_the_bias_alone_drives() -> None:
    case = case_of(sizes=(3, 2, 0, 3))
    y, last = loops(case)
    for options in ({}, {"StateActivationFunction": dl.tanh}):
        Y, h = dl.gru(*arrays_of(case), **options, nargout=2)
        close(Y, y)
        close(h, last)


def test_without_units_there_is_nothing() -> None:
    case = case_of(sizes=(3, 2, 2, 0))
    Y, h = dl.gru(*arrays_of(case), **options_of(case), nargout=2)
    assert (Y.dims, Y.shape, h.shape) == ("CBT", (0, 2, 3), (0, 2))


# -- the published example -----------------------------------------------------------------


def test_the_sizes_of_the_documented_example() -> None:
    """Sizes and labels as MATLAB prints them for H = 100, C = 10, B = 32, T = 64."""
    X = dl.dlarray(np.ones((10, 32, 64)), "CBT")
    units = 100
    W, R, b = np.zeros((3 * units, 10)), np.zeros((3 * units, units)), np.zeros((3 * units, 1))
    Y, h = dl.gru(X, np.ones((units, 1)), W, R, b, nargout=2)
    assert (Y.shape, Y.dims, h.shape, h.dims) == ((100, 32, 64), "CBT", (100, 32), "")
    # All gates are 1/2 and the candidate is 0: the state halves in every step.
    np.testing.assert_allclose(host(Y)[0, 0], 0.5 ** np.arange(1, 65), rtol=1e-13)


def test_results_are_sealed_from_their_arrays_and_from_each_other() -> None:
    arguments = arrays_of(case_of())
    Y, h = dl.gru(*arguments, nargout=2)
    before, state = host(Y), host(h)
    h[:] = 7.0
    Y[:, :, 0] = 5.0
    again, same = dl.gru(*arguments, nargout=2)
    np.testing.assert_array_equal(host(again), before)
    np.testing.assert_array_equal(host(same), state)
    np.testing.assert_array_equal(host(Y)[:, :, 1:], before[:, :, 1:])
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(again)[0] = 1.0
