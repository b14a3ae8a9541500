"""What published MATLAB training loops take for granted: gradients, updates, idioms.

Each test is named after the habit it protects.  Habits with ``gru``, labels and arrays are
in ``test_clients.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl


def data(x: Any) -> Any:
    return np.asarray(x)


def total(x: Any) -> Any:
    return dl.sum(x, "all")


def learnables(*values: Any) -> Any:
    """The table of a network: Layer, Parameter, Value."""
    names = [f"Weights{k}" for k in range(1, len(values) + 1)]
    return dl.table(
        ["fc"] * len(values),
        names,
        list(values),
        VariableNames=["Layer", "Parameter", "Value"],
    )


# -- dlgradient ----------------------------------------------------------------------------


def test_parameters_that_were_not_used_have_zero_gradients() -> None:
    p = dl.struct("gru", dl.struct("W", dl.dlarray([[1.0, 2.0]])))
    p.attention.W = dl.single(dl.dlarray(np.ones((2, 3)), "CU"))
    p.batchnorm.offset = dl.ones(3, 1)
    g = dl.dlfeval(lambda p: dl.dlgradient(total(p.gru.W**2), p), p)
    assert dl.fieldnames(g) == dl.fieldnames(p)
    assert data(g.gru.W).tolist() == [[2.0, 4.0]]
    assert (g.attention.W.shape, g.attention.W.dims) == ((2, 3), "CU")
    assert dl.underlyingType(g.attention.W) == "single"
    assert not data(g.attention.W).any() and not data(g.batchnorm.offset).any()


def test_a_struct_that_holds_a_table_keeps_both_kinds_through_a_training_step() -> None:
    p = dl.struct("alpha", dl.dlarray(0.5), "net", learnables(dl.dlarray([[2.0]]), dl.dlarray(3.0)))

    def loss(p: Any) -> Any:
        W, b = p.net.Value
        return dl.dlgradient(total(p.alpha * W + b**2), p)

    g = dl.dlfeval(loss, p)
    assert dl.isstruct(g) and dl.istable(g.net)
    assert float(g.alpha) == 2.0
    assert [float(v) for v in g.net.Value] == [0.5, 6.0]
    new, average, squares = dl.adamupdate(p, g, [], [], 1, 0.1)
    for container in (new, average, squares):
        assert dl.isstruct(container) and dl.istable(container.net)
        assert dl.fieldnames(container) == dl.fieldnames(p)
    assert list(new.net.Parameter) == ["Weights1", "Weights2"]
    # The first step of Adam is the learning rate long.
    W, b = new.net.Value
    assert [float(new.alpha), float(W), float(b)] == pytest.approx([0.4, 1.9, 2.9], rel=1e-6)


# dH = dlgradient(sum(H),X); the loss is made of dH and differentiated again, without the option
@pytest.mark.parametrize("flags", [{}, {"EnableHigherDerivatives": True}], ids=["without", "with"])
def test_a_hamiltonian_field_is_trained_through_its_inner_gradient(flags: Any) -> None:
    # H = w1 q^2/2 + w2 p^4/4 and the loss is |dH|^2, so the gradient by w is known.
    def loss(w: Any, X: Any) -> Any:
        q, p = X.m[1, :], X.m[2, :]
        energy = w.m[1] * q**2 / 2 + w.m[2] * p**4 / 4
        field = dl.dlgradient(total(energy), X, **flags)
        return dl.dlgradient(total(field**2), w)

    X = dl.dlarray([[1.0, -2.0, 0.5], [0.5, 1.0, -1.5]])
    w = dl.dlarray([[3.0, 2.0]])
    g = data(dl.dlfeval(loss, w, X))
    q, p = data(X)
    expected = [2 * 3.0 * (q**2).sum(), 2 * 2.0 * (p**6).sum()]
    np.testing.assert_allclose(g[0], expected, rtol=1e-13)


# u_x = dlgradient(sum(u,'all'),x,EnableHigherDerivatives=true); u_xx = dlgradient(sum(u_x,'all'),x)
def test_the_outermost_of_two_gradients_goes_into_the_loss_without_the_option() -> None:
    def loss(w: Any, x: Any) -> Any:
        u = dl.sin(w * x)
        u_x = dl.dlgradient(total(u), x, EnableHigherDerivatives=True)
        u_xx = dl.dlgradient(total(u_x), x)
        return u_xx, dl.dlgradient(total(u_xx**2), w)

    x, w = dl.dlarray([[0.2, 0.7, 1.3]]), dl.dlarray(1.5)
    u_xx, g = dl.dlfeval(loss, w, x)
    s, c = np.sin(1.5 * data(x)), np.cos(1.5 * data(x))
    np.testing.assert_allclose(data(u_xx), -(1.5**2) * s, rtol=1e-13)
    slope = 4 * 1.5**3 * s**2 + 2 * 1.5**4 * s * c * data(x)
    assert float(g) == pytest.approx(slope.sum(), rel=1e-13)


# [u_x,u_t] of dlgradient(sum(u,"all"),{X,T})
def test_a_cell_of_variables_gives_a_cell_of_gradients() -> None:
    def both(X: Any, T: Any) -> Any:
        g = dl.dlgradient(total(X**2 * T), [X, T])
        assert isinstance(g, list)
        return g

    X, T = dl.dlarray([[1.0, 2.0]]), dl.dlarray([[3.0, 4.0]])
    g = dl.dlfeval(both, X, T)
    assert [data(v).tolist() for v in g] == [[[6.0, 16.0]], [[1.0, 4.0]]]


# -- updates -------------------------------------------------------------------------------


def test_adam_takes_epsilon_as_its_ninth_argument() -> None:
    p, g = dl.dlarray([1.0, 1.0]), dl.dlarray([1e-6, -1e-6])
    new, _, _ = dl.adamupdate(p, g, [], [], 1, 0.5, 0.9, 0.999, 1e-3)
    # v is 1e-15 after the step, so epsilon rules the divisor.
    step = 0.5 * np.sqrt(1 - 0.999) / (1 - 0.9) * 1e-7 / (np.sqrt(1e-15) + 1e-3)
    np.testing.assert_allclose(data(new)[0], [1 - step, 1 + step], rtol=1e-12)


# learnRate = initialLearnRate/(1 + decay*iteration), computed from arrays in the loop
def test_the_learning_rate_is_computed_anew_for_each_step() -> None:
    p = dl.struct("W", dl.dlarray([[5.0]]))
    g = dl.struct("W", dl.dlarray([[1.0]]))
    decay, velocity = dl.dlarray(1.0), []
    path = []
    for iteration in range(1, 4):
        p, velocity = dl.sgdmupdate(p, g, velocity, 1 / (1 + decay * iteration), 0.0)
        path.append(float(p.W))
    assert path == pytest.approx([5 - 1 / 2, 5 - 1 / 2 - 1 / 3, 5 - 1 / 2 - 1 / 3 - 1 / 4])


# [net.Learnables,avg,avgSq] = adamupdate(net.Learnables,g,avg,avgSq,iteration)
def test_a_table_of_learnables_is_updated_in_its_place() -> None:
    net = dl.struct("Learnables", learnables(dl.single(dl.ones(2, 2)), dl.single(dl.ones(2, 1))))
    average: Any = []
    squares: Any = []
    for iteration in (1, 2):
        g = dl.dlfeval(
            lambda table: dl.dlgradient(total(table.Value[0]) + total(table.Value[1]), table),
            net.Learnables,
        )
        net.Learnables, average, squares = dl.adamupdate(
            net.Learnables, g, average, squares, iteration
        )
    assert dl.istable(net.Learnables)
    assert [dl.underlyingType(v) for v in net.Learnables.Value] == ["single", "single"]
    for value in net.Learnables.Value:
        np.testing.assert_allclose(data(value), 1 - 2 * 0.001, rtol=1e-6)


def test_dlupdate_clips_each_gradient_by_its_own_norm() -> None:
    def clip(g: Any) -> Any:
        norm = dl.sqrt(total(g**2))
        if norm > 1:
            g = g * (1 / norm)
        return g

    g = dl.struct("W", dl.dlarray([[3.0, 4.0]]), "b", dl.dlarray([[0.3], [0.4]]))
    clipped = dl.dlupdate(clip, g)
    np.testing.assert_allclose(data(clipped.W), [[0.6, 0.8]], rtol=1e-15)
    assert data(clipped.b).tolist() == [[0.3], [0.4]]


def test_dlupdate_converts_all_parameters_to_double() -> None:
    p = learnables(dl.single(dl.ones(2, 2)), dl.single(dl.ones(2, 1)))
    made = dl.dlupdate(dl.double, p)
    assert dl.istable(made)
    assert [dl.underlyingType(v) for v in made.Value] == ["double", "double"]
    assert [dl.underlyingType(v) for v in p.Value] == ["single", "single"]


def test_dlupdate_takes_parameters_and_gradients() -> None:
    p = dl.struct("W", dl.dlarray([[1.0, 2.0]]), "b", dl.dlarray(3.0))
    g = dl.struct("W", dl.dlarray([[10.0, 20.0]]), "b", dl.dlarray(30.0))
    new = dl.dlupdate(lambda p, g: p - 0.1 * g, p, g)
    assert data(new.W).tolist() == [[0.0, 0.0]]
    assert float(new.b) == 0.0


# -- values that decide, and values that are filled in ---------------------------------------


def test_one_element_arrays_decide_what_is_done() -> None:
    def f(x: Any) -> Any:
        norm = dl.sqrt(total(x**2))
        # The branch is taken by value, and the gradient goes through what was computed in it.
        y = x / norm if norm > 1 else x
        if dl.any(y != y, "all"):  # any(isnan(y),'all')
            raise AssertionError("no element is NaN")
        return dl.dlgradient(total(y), x)

    assert data(dl.dlfeval(f, dl.dlarray([0.3, 0.4]))).tolist() == [[1.0, 1.0]]
    g = data(dl.dlfeval(f, dl.dlarray([3.0, 4.0])))
    np.testing.assert_allclose(g, [[(25 - 21) / 125, 0.0 + (25 - 28) / 125]], rtol=1e-12)


def test_the_first_loss_is_asked_whether_it_is_the_smallest() -> None:
    losses = dl.dlarray([0.5, 0.7, 0.6])
    assert dl.min(losses) == losses.m[1]
    assert not (dl.max(losses) == losses.m[1])


def test_gradients_with_nan_are_noticed() -> None:
    g = dl.dlfeval(lambda x: dl.dlgradient(total(dl.sqrt(x) * 0), x), dl.dlarray([0.0, 1.0]))
    assert bool(dl.any(g != g))


# fprintf('%.4f\n',double(loss))
def test_a_double_loss_of_single_parameters_is_printed_as_a_number() -> None:
    loss = dl.mse(dl.single(dl.dlarray([[0.5, 1.0]], "CB")), np.zeros((1, 2), np.float32))
    assert dl.underlyingType(loss) == "single"
    assert f"{dl.double(loss):.4f}" == "0.3125"
    assert "%.4f" % dl.double(loss) == "0.3125"  # noqa: UP031 - MATLAB's fprintf, ported


# [Y(:,:,t),h] = gru(X(:,:,t),h,W,R,b)
def test_outputs_of_a_function_go_into_slices_with_their_gradient() -> None:
    H, C, B, T = 3, 2, 2, 4
    dl.rng(1)
    W, R, b = dl.randn(3 * H, C), dl.randn(3 * H, H), dl.randn(3 * H, 1)
    X = dl.dlarray(dl.randn(C, B, T), "CBT")

    def stepped(X: Any, W: Any, R: Any, b: Any) -> Any:
        Y = dl.dlarray(dl.zeros(H, B, T, like=X), "CBT")
        h: Any = dl.zeros(H, B)
        for t in range(1, T + 1):
            Y.m[:, :, t], h = dl.gru(X.m[:, :, t], h, W, R, b, nargout=2)
        return Y, dl.dlgradient(total(Y**2), X, W, R, b)

    def at_once(X: Any, W: Any, R: Any, b: Any) -> Any:
        Y = dl.gru(X, dl.zeros(H, B), W, R, b)
        return Y, dl.dlgradient(total(Y**2), X, W, R, b)

    Y, gradients = dl.dlfeval(stepped, X, W, R, b)
    whole, expected = dl.dlfeval(at_once, X, W, R, b)
    assert Y.dims == "CBT"
    np.testing.assert_allclose(data(Y), data(whole), rtol=1e-12, atol=1e-14)
    for g, e in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(data(g), data(e), rtol=1e-10, atol=1e-13)


# x(end+1:N,:,:) = 0 inside a layer
def test_an_array_that_grows_inside_a_layer_keeps_its_gradient() -> None:
    def layer(x: Any) -> Any:
        padded = dl.dlarray(x)
        padded.m[3:5, :, :] = 0
        assert padded.shape == (5, 2, 2)
        mixed = dl.flip(padded, 1) * np.arange(1.0, 6.0).reshape(5, 1)
        return dl.dlgradient(total(mixed), x)

    g = data(dl.dlfeval(layer, dl.ones(2, 2, 2)))
    np.testing.assert_array_equal(g, np.broadcast_to([[[5.0]], [[4.0]]], (2, 2, 2)))


def test_a_masked_l2loss_divides_by_the_batch_and_not_by_what_is_kept() -> None:
    # Printed by MATLAB R2025b, in a port that compared with it: 75 over two observations.
    Y = dl.dlarray([[1, 2], [3, 4], [5, 6]], "CB")
    T = np.zeros((3, 2))
    T[1, 1] = np.nan
    mask = ~np.isnan(T)
    assert float(dl.l2loss(Y, T, Mask=mask)) == 37.5
