"""What published MATLAB scripts take for granted about ``gru``, labels and arrays.

Each test is named after the habit it protects; the MATLAB line stands above it where it
says more than the name.  Habits of training loops are in ``test_clients_loops.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.errors import DlgruValueError

H, C, B, T = 4, 3, 2, 5


def data(x: Any) -> Any:
    return np.asarray(x)


def weights(channels: int = C, units: int = H, kind: str = "double") -> tuple[Any, Any, Any]:
    """InputWeights, RecurrentWeights and Bias."""
    dl.rng(7)
    sizes = [(3 * units, channels), (3 * units, units), (3 * units, 1)]
    W, R, b = [dl.cast(dl.randn(*size), kind) for size in sizes]
    return W, R, b


def sequences(fmt: str = "CBT", *shape: int) -> Any:
    dl.rng(8)
    return dl.dlarray(dl.randn(*(shape or (C, B, T))), fmt)


# -- gru -----------------------------------------------------------------------------------


def test_gru_takes_data_without_time_as_one_step() -> None:
    step = sequences("CB", C, B)
    W, R, b = weights()
    H0 = dl.ones(H, B) * 0.3
    Y, h = dl.gru(step, H0, W, R, b, nargout=2)
    whole, last = dl.gru(dl.dlarray(step, "CBT"), H0, W, R, b, nargout=2)
    assert (Y.dims, Y.shape) == ("CB", (H, B))
    assert (whole.dims, whole.shape) == ("CBT", (H, B, 1))
    np.testing.assert_array_equal(data(Y), data(whole)[:, :, 0])
    np.testing.assert_array_equal(data(h), data(last))


def test_three_forms_of_the_initial_state_are_one() -> None:
    X, (W, R, b) = sequences(), weights()
    dl.rng(9)
    column = dl.randn(H, 1)
    both = dl.horzcat(column, column)
    forms = [column, both, dl.dlarray(both, "CB")]
    found = [dl.gru(X, H0, W, R, b, nargout=2) for H0 in forms]
    for Y, h in found:
        np.testing.assert_array_equal(data(Y), data(found[0][0]))
        np.testing.assert_array_equal(data(h), data(found[0][1]))
        assert (Y.dims, h.shape) == ("CBT", (H, B))
    assert [h.dims for _, h in found] == ["", "", "CB"]


# H0 = zeros(numHiddenUnits,1) is double beside the single parameters of a network.
def test_a_double_state_beside_single_weights_leaves_the_network_single() -> None:
    W, R, b = weights(kind="single")
    X = dl.single(sequences())
    Y, h = dl.gru(X, dl.zeros(H, 1), W, R, b, nargout=2)
    alike, _ = dl.gru(X, dl.zeros(H, 1, "single"), W, R, b, nargout=2)
    assert dl.underlyingType(Y) == dl.underlyingType(h) == "single"
    np.testing.assert_array_equal(data(Y), data(alike))


def test_double_data_into_single_weights_give_single_outputs() -> None:
    W, R, b = weights(kind="single")
    X = sequences()
    Y = dl.gru(X, dl.zeros(H, 1), W, R, b)
    assert dl.underlyingType(X) == "double"
    assert dl.underlyingType(Y) == "single"
    exact = dl.gru(X, dl.zeros(H, 1), dl.double(W), dl.double(R), dl.double(b))
    np.testing.assert_allclose(data(Y), data(exact), atol=1e-6)


def test_a_batch_by_time_matrix_has_one_channel_by_its_label() -> None:
    dl.rng(3)
    signals = dl.randn(B, T)
    X = dl.dlarray(signals, "BTC")
    assert (X.dims, X.shape) == ("CBT", (1, B, T))
    np.testing.assert_array_equal(data(X)[0], data(signals))
    W, R, b = weights(channels=1)
    Y = dl.gru(X, dl.zeros(H, 1), W, R, b)
    assert (Y.dims, Y.shape) == ("CBT", (H, B, T))
    alone = dl.gru(dl.dlarray(signals[1, :], "BTC"), dl.zeros(H, 1), W, R, b)
    np.testing.assert_allclose(data(alone)[:, 0], data(Y)[:, 1], rtol=1e-14)


# [~,h] = gru(...)
def test_the_last_state_is_taken_and_the_outputs_are_not() -> None:
    X, (W, R, b) = sequences(), weights()
    Y = dl.gru(X, dl.zeros(H, 1), W, R, b)
    _, h = dl.gru(X, dl.zeros(H, 1), W, R, b, nargout=2)
    assert type(Y) is dl.DLArray
    np.testing.assert_array_equal(data(h), data(Y)[:, :, -1])


def test_the_gradient_flows_from_the_last_state_alone() -> None:
    def last(X: Any, W: Any, R: Any, b: Any) -> Any:
        _, h = dl.gru(X, dl.zeros(H, 1), W, R, b, nargout=2)
        return dl.dlgradient(dl.sum(h**2, "all"), X, W, R, b)

    def of_outputs(X: Any, W: Any, R: Any, b: Any) -> Any:
        Y = dl.gru(X, dl.zeros(H, 1), W, R, b)
        return dl.dlgradient(dl.sum(Y.m[:, :, T] ** 2, "all"), X, W, R, b)

    from_state = dl.dlfeval(last, sequences(), *weights())
    for g, expected in zip(
        from_state, dl.dlfeval(of_outputs, sequences(), *weights()), strict=True
    ):
        np.testing.assert_allclose(data(g), data(expected), rtol=1e-12, atol=1e-15)
        assert data(g).any()


# Y = fullyconnect(max(Y,[],3),W,b); crossentropy(sigmoid(Y),T,...) with T of size classes by B
def test_a_time_of_size_one_does_not_stand_in_the_way_of_a_loss() -> None:
    Y = sequences()
    pooled = dl.max(Y, [], 3)
    assert (pooled.dims, pooled.shape) == ("CBT", (C, B, 1))
    dl.rng(4)
    scores = dl.sigmoid(dl.fullyconnect(pooled, dl.randn(2, C), dl.zeros(2, 1)))
    assert (scores.dims, scores.shape) == ("CBT", (2, B, 1))
    targets = np.array([[1.0, 0.0], [1.0, 1.0]])
    loss = dl.crossentropy(scores, targets, TargetCategories="independent")
    p = data(scores)[:, :, 0]
    expected = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum() / B
    assert float(loss) == pytest.approx(expected, rel=1e-14)


def test_one_bias_is_the_input_bias_of_frameworks_that_have_two() -> None:
    # Ports between frameworks set the recurrent bias to zero and agree to 1e-5 in single.
    W, R, b = weights(kind="single")
    X = dl.single(sequences())
    ours = dl.gru(X, dl.zeros(H, 1), W, R, b)
    two = dl.vertcat(b, dl.zeros(3 * H, 1, "single"))
    mode = "recurrent-bias-after-multiplication"
    theirs = dl.gru(X, dl.zeros(H, 1), W, R, two, "ResetGateMode", mode)
    np.testing.assert_allclose(data(ours), data(theirs), atol=1e-6)


def test_sequences_given_as_channels_time_batch_leave_as_channels_batch_time() -> None:
    X, (W, R, b) = sequences("CTB", C, T, B), weights()
    Y = dl.gru(X, dl.zeros(H, 1), W, R, b)
    assert (Y.dims, Y.shape) == ("CBT", (H, B, T))
    plain = dl.gru(dl.stripdims(X, "CTB"), dl.zeros(H, 1), W, R, b, DataFormat="CTB")
    assert (plain.dims, plain.shape) == ("", (H, T, B))
    np.testing.assert_array_equal(data(plain).transpose(0, 2, 1), data(Y))


# -- labels --------------------------------------------------------------------------------


def test_a_formatted_array_is_relabelled() -> None:
    Y = dl.dlarray(np.arange(6.0).reshape(3, 2), "CBT")
    assert dl.dlarray(Y, "CB").dims == "CB"
    turned = dl.dlarray(Y, "BC")
    assert (turned.dims, turned.shape) == ("CB", (2, 3))
    np.testing.assert_array_equal(data(turned), data(Y)[:, :, 0].T)


def test_weights_of_the_steps_meet_time_by_position() -> None:
    Y = sequences()
    steps = np.arange(1.0, T + 1).reshape(1, 1, T)
    pooled = dl.sum(Y * steps, 3)
    assert (pooled.dims, pooled.shape) == ("CBT", (C, B, 1))
    np.testing.assert_allclose(data(pooled), (data(Y) * steps).sum(2, keepdims=True), rtol=1e-14)


def test_extractdata_gives_the_stored_order() -> None:
    raw = np.arange(2.0 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    X = dl.dlarray(raw, "SSCTB")
    assert X.dims == "SSCBT"
    np.testing.assert_array_equal(dl.extractdata(X), raw.transpose(0, 1, 2, 4, 3))


def test_a_labelled_array_is_not_transposed() -> None:
    with pytest.raises(DlgruValueError) as caught:
        dl.transpose(dl.dlarray([[1, 2]], "CB"))
    assert caught.value.came == "1(C) × 2(B)"
    assert "stripdims" in caught.value.fix


# -- arrays --------------------------------------------------------------------------------


# Pred(:,idx) = forward(...)
def test_a_formatted_result_goes_into_columns_of_a_formatted_array() -> None:
    Pred = dl.dlarray(dl.zeros(3, 4), "CB")
    result = dl.dlarray([[1, 2], [3, 4], [5, 6]], "CB")
    Pred.m[:, [4, 2]] = result
    assert Pred.dims == "CB"
    assert data(Pred).tolist() == [[0, 2, 0, 1], [0, 4, 0, 3], [0, 6, 0, 5]]


def test_a_random_mask_takes_class_and_size_of_an_array() -> None:
    dl.rng("default")
    Y = dl.single(sequences("CB", C, B))
    dl.rng("default")
    mask = dl.rand(dl.size(Y), "like", Y) > 0.5
    assert dl.underlyingType(mask) == "logical"
    dropped = Y * mask / 0.5
    assert (dropped.dims, dl.underlyingType(dropped)) == ("CB", "single")
    keep = np.random.RandomState(5489).random_sample(C * B).reshape(C, B, order="F") > 0.5
    np.testing.assert_array_equal(data(dropped), data(Y) * keep.astype(np.float32) / 0.5)


def test_like_takes_an_extracted_element() -> None:
    x = dl.single(sequences())
    made = dl.zeros(2, 3, "like", dl.extractdata(x.m[1]))
    assert (made.shape, dl.underlyingType(made), made.dims) == ((2, 3), "single", "")


def test_names_of_options_are_matched_without_case() -> None:
    X, (W, R, b) = sequences(), weights()
    mode = "before-multiplication"
    exact = dl.gru(X, dl.zeros(H, 1), W, R, b, ResetGateMode=mode)
    plain = dl.stripdims(X)
    for found in (
        dl.gru(X, dl.zeros(H, 1), W, R, b, "resetgatemode", "Before-Multiplication"),
        dl.gru(X, dl.zeros(H, 1), W, R, b, resetGateMode=mode),
        dl.gru(plain, dl.zeros(H, 1), W, R, b, "dataformat", "CBT", "RESETGATEMODE", mode),
    ):
        np.testing.assert_array_equal(data(found), data(exact))
    assert np.abs(data(exact) - data(dl.gru(X, dl.zeros(H, 1), W, R, b))).max() > 1e-3
