"""The updates: MATLAB's formulas, states, containers, classes, and what they leave alone."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fakedevice import FakeArray

import dlgru as dl
from dlgru import backend
from dlgru.array import Value, wrap
from dlgru.checkgrad import checkgrad
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError
from dlgru.training import steps
from dlgru.training.leafwise import dlupdate
from dlgru.training.updates import adamupdate, rmspropupdate, sgdmupdate

RANDOM = np.random.default_rng(11)
UPDATES: dict[str, tuple[Callable[..., Any], int]] = {
    "adamupdate": (adamupdate, 2),
    "sgdmupdate": (sgdmupdate, 1),
    "rmspropupdate": (rmspropupdate, 1),
}
each_update = pytest.mark.parametrize("name", UPDATES)


def step(name: str, p: Any, g: Any, states: Any = None, t: int = 1, **rates: Any) -> Any:
    """One step of any update; returns parameters and a list of states."""
    update, count = UPDATES[name]
    states = [[]] * count if states is None else states
    new, *after = update(p, g, *states, *([t] if count == 2 else []), **rates)
    return new, after


def data(x: Any) -> Any:
    return np.asarray(x)


# -- the formulas, element by element in plain Python -----------------------------------------


def adam_in_plain_python(p: float, gradients: list[float], lr: float = 0.001) -> float:
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g * g
        p -= lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (math.sqrt(v) + 1e-8)
    return p


def sgdm_in_plain_python(p: float, gradients: list[float], lr: float = 0.01) -> float:
    velocity = 0.0
    for g in gradients:
        velocity = 0.9 * velocity - lr * g
        p += velocity
    return p


def rmsprop_in_plain_python(p: float, gradients: list[float], lr: float = 0.001) -> float:
    v = 0.0
    for g in gradients:
        v = 0.9 * v + (1 - 0.9) * g * g
        p -= lr * g / (math.sqrt(v) + 1e-8)
    return p


PLAIN = {
    "adamupdate": adam_in_plain_python,
    "sgdmupdate": sgdm_in_plain_python,
    "rmspropupdate": rmsprop_in_plain_python,
}


@each_update
def test_five_steps_with_the_defaults_follow_the_formula(name: str) -> None:
    p0, gradients = RANDOM.standard_normal((3, 4)), RANDOM.standard_normal((5, 3, 4))
    p, states = dl.dlarray(p0), None
    for t, g in enumerate(gradients, 1):
        p, states = step(name, p, dl.dlarray(g), states, t)
    expected = [
        PLAIN[name](p0[i, j], gradients[:, i, j].tolist()) for i in range(3) for j in range(4)
    ]
    np.testing.assert_allclose(data(p).ravel(), expected, rtol=1e-14)


def test_epsilon_is_added_to_the_uncorrected_root() -> None:
    # With a gradient as small as epsilon the two places differ by a factor of about 16.
    g, lr = 1e-8, 0.001
    p, *_ = adamupdate(dl.dlarray(0.0), dl.dlarray(g), [], [], 1)
    m, v = 0.1 * g, 0.001 * g * g
    uncorrected = -lr * math.sqrt(0.001) / 0.1 * m / (math.sqrt(v) + 1e-8)
    corrected = -lr * (m / 0.1) / (math.sqrt(v / 0.001) + 1e-8)
    assert float(p) == pytest.approx(uncorrected, rel=1e-12)
    assert float(p) != pytest.approx(corrected, rel=0.5)


def test_adam_takes_nine_positional_arguments() -> None:
    p, avg, avg_sq = adamupdate(dl.dlarray(1.0), dl.dlarray(0.5), [], [], 1, 0.1, 0.5, 0.75, 1e-3)
    assert float(avg) == 0.25
    assert float(avg_sq) == 0.0625
    assert float(p) == pytest.approx(1 - 0.1 * math.sqrt(0.25) / 0.5 * 0.25 / (0.25 + 1e-3))


def test_states_after_one_step() -> None:
    g = dl.dlarray([2.0, -4.0])
    _, velocity = sgdmupdate(dl.dlarray([0.0, 0.0]), g, [])
    np.testing.assert_allclose(data(velocity), [[-0.02, 0.04]])
    _, square = rmspropupdate(dl.dlarray([0.0, 0.0]), g, [])
    np.testing.assert_allclose(data(square), [[0.4, 1.6]])
    _, average, square = adamupdate(dl.dlarray([0.0, 0.0]), g, [], [], 1)
    np.testing.assert_allclose(data(average), [[0.2, -0.4]])
    np.testing.assert_allclose(data(square), [[0.004, 0.016]])


def test_matlabs_documented_single_steps() -> None:
    # Parameters rand(3,3,4), gradient ones: adam with 0.05, 0.75, 0.95; sgdm with 0.05, 0.95.
    dl.rng("default")
    p = dl.rand(3, 3, 4)
    g = dl.ones(3, 3, 4)
    new, *_ = adamupdate(p, g, [], [], 1, 0.05, 0.75, 0.95)
    change = 0.05 * math.sqrt(0.05) / 0.25 * 0.25 / (math.sqrt(0.05) + 1e-8)
    np.testing.assert_allclose(data(new), data(p) - change, rtol=1e-12)
    new, velocity = sgdmupdate(p, g, [], 0.05, 0.95)
    np.testing.assert_allclose(data(new), data(p) - 0.05, rtol=1e-14)
    new, velocity = sgdmupdate(new, g, velocity, 0.05, 0.95)
    np.testing.assert_allclose(data(velocity), -0.05 * 1.95, rtol=1e-14)


@each_update
def test_names_of_the_arguments_can_be_written(name: str) -> None:
    p, g = dl.dlarray([1.0, 2.0]), dl.dlarray([3.0, -1.0])
    by_name, _ = step(name, p, g, learnRate=0.5)
    update, count = UPDATES[name]
    by_place = update(p, g, *[[]] * count, *([1] if count == 2 else []), 0.5)[0]
    np.testing.assert_array_equal(data(by_name), data(by_place))


@each_update
def test_rates_are_named_as_options_are(name: str) -> None:
    p, g = dl.dlarray([1.0, 2.0]), dl.dlarray([3.0, -1.0])
    update, count = UPDATES[name]
    first = (p, g, *[[]] * count, *([1] if count == 2 else []))
    expected = data(update(*first, 0.5)[0])
    for found in (
        update(*first, LearnRate=0.5),
        update(*first, "LearnRate", 0.5),
        update(*first, "learn", 0.5),
        update(
            Params=p, **dict(zip(named_after_params(name), first[1:], strict=True)), LEARNRATE=0.5
        ),
    ):
        np.testing.assert_array_equal(data(found[0]), expected)
    assert message(update, *first, "LernRate", 0.5).fix == 'did you mean "learnRate"'
    assert message(update, *first, 0.5, LearnRate=0.5).came == "given twice"
    assert message(update, *first, "LearnRate").came == "a name without a value"


def named_after_params(name: str) -> list[str]:
    """The arguments that a step needs after its parameters."""
    parameters = inspect.signature(UPDATES[name][0]).parameters.values()
    return [p.name.upper() for p in parameters if p.default is p.empty][1:]


def test_momentum_is_named_as_options_are() -> None:
    p, g = dl.dlarray([1.0, 2.0]), dl.dlarray([3.0, -1.0])
    expected = data(sgdmupdate(p, g, dl.ones(1, 2), 0.01, 0.1)[0])
    for found in (
        sgdmupdate(p, g, dl.ones(1, 2), Momentum=0.1),
        sgdmupdate(p, g, dl.ones(1, 2), "Momentum", 0.1, "LearnRate", 0.01),
    ):
        np.testing.assert_array_equal(data(found[0]), expected)


def test_a_learning_rate_may_be_a_one_element_array() -> None:
    p, _ = sgdmupdate(dl.dlarray([1.0]), dl.dlarray([1.0]), [], dl.dlarray(0.25), np.float64(0.5))
    assert float(p) == 0.75


def test_an_iteration_may_be_a_whole_valued_float() -> None:
    a = adamupdate(dl.dlarray(1.0), dl.dlarray(1.0), [], [], 3.0)[0]
    b = adamupdate(dl.dlarray(1.0), dl.dlarray(1.0), [], [], dl.dlarray(3))[0]
    assert float(a) == float(b) != 1


# -- pieces: arrays larger than the cache ------------------------------------------------------


@each_update
@pytest.mark.parametrize("size", [steps.PIECE - 1, steps.PIECE, 2 * steps.PIECE + 3])
def test_large_arrays_are_updated_to_the_last_element(name: str, size: int) -> None:
    p, g = RANDOM.standard_normal(size), RANDOM.standard_normal(size)
    whole, states = step(name, dl.dlarray(p), dl.dlarray(g))
    whole, states = step(name, whole, dl.dlarray(g), states, 2)
    for at in (0, size // 2, steps.PIECE - 2, size - 1):
        one, state = step(name, dl.dlarray(p[at]), dl.dlarray(g[at]))
        one, state = step(name, one, dl.dlarray(g[at]), state, 2)
        assert float(whole[0, at]) == float(one)
        assert [float(s[0, at]) for s in states] == [float(s) for s in state]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_compiled_step_of_adam_is_that_of_numpy(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if steps.native is None:
        pytest.skip("the compiled extension is not there")
    random = np.random.default_rng(0)
    for size in (0, 1, 7, 16, 1000, 40001):
        p, g, m, v = [dl.dlarray(random.random((size, 1)).astype(dtype)) for _ in range(4)]
        compiled = dl.adamupdate(p, g, m, v, 3, 0.1, 0.7, 0.9, 1e-4)
        with monkeypatch.context() as patch:
            patch.setattr(steps, "native", None)
            expected = dl.adamupdate(p, g, m, v, 3, 0.1, 0.7, 0.9, 1e-4)
        # A product and a sum may be joined into one rounding; the new parameter is a difference.
        sizes = (abs(p) + abs(p - expected[0]), expected[1], expected[2])
        for found, wanted, size in zip(compiled, expected, sizes, strict=True):
            error = np.abs(np.asarray(found) - np.asarray(wanted))
            assert (error <= 4 * np.finfo(dtype).eps * np.asarray(size)).all()


def test_the_compiled_step_of_adam_refuses_what_would_be_read_wrongly() -> None:
    native = steps.native
    if native is None:
        pytest.skip("the compiled extension is not there")
    x = np.ones((3, 2), order="F")
    single, rows, strided = x.astype(np.float32), np.ones((3, 2)), np.ones((6, 2), order="F")[::2]
    for bad in (np.ones((2, 3), order="F"), single, rows, strided, np.ones(6), [1.0] * 6):
        for k in range(4):
            arrays = [bad if k == i else x for i in range(4)]
            with pytest.raises((TypeError, ValueError)):
                native.adam(*arrays, 0.1, 0.9, 0.9, 0.1)
    for sizes in [(), (0, 3), (2, 3, 4)]:
        arrays = [np.ones(sizes, order="F")] * 4
        assert all(a.shape == sizes for a in native.adam(*arrays, 0.1, 0.9, 0.9, 0.1))
    with pytest.raises(TypeError):
        native.adam(x, x, x, x, 0.1, 0.9, 0.9)
    with pytest.raises(TypeError):
        native.adam(x.astype(int), x, x, x, 0.1, 0.9, 0.9, 0.1)
    with pytest.raises(TypeError):
        native.adam(x, x, x, x, 0.1, 0.9, "0.9", 0.1)


@each_update
def test_empty_parameters_stay_empty(name: str) -> None:
    new, states = step(name, dl.zeros(0, 3), dl.zeros(0, 3))
    assert new.shape == (0, 3)
    new, states = step(name, new, dl.zeros(0, 3), states, 2)
    assert [s.shape for s in states] == [(0, 3)] * UPDATES[name][1]


# -- containers --------------------------------------------------------------------------------


def parameters() -> Any:
    p = dl.struct()
    p.encoder.W = dl.dlarray(np.arange(6.0).reshape(2, 3), "CU")
    p.encoder.b = dl.dlarray([1.0, 2.0], "C")
    p.heads = [dl.dlarray(3.0), dl.dlarray([4.0, 5.0])]
    return p


@each_update
def test_struct_with_cells_is_updated_leaf_by_leaf(name: str) -> None:
    p = parameters()
    g = dlupdate(lambda x: x * 0 + 2.0, p)
    new, states = step(name, p, g)
    assert list(new) == ["encoder", "heads"]
    assert dl.isstruct(new.encoder)
    assert isinstance(new.heads, list)
    alone, _ = step(name, p.encoder.W, g.encoder.W)
    assert dl.isequal(new.encoder.W, alone)
    assert new.encoder.W.dims == "CU"
    assert float(new.heads[0]) == pytest.approx(float(step(name, p.heads[0], g.heads[0])[0]))
    assert [list(s) for s in states] == [["encoder", "heads"]] * UPDATES[name][1]
    again, _ = step(name, new, g, states, 2)
    twice, _ = step(name, alone, g.encoder.W, step(name, p.encoder.W, g.encoder.W)[1], 2)
    assert dl.isequal(again.encoder.W, twice)


@each_update
def test_table_of_learnables_keeps_its_other_columns(name: str) -> None:
    values = [dl.single(dl.ones(2, 2)), dl.single(dl.ones(2, 1))]
    names = ["Layer", "Parameter", "Value"]
    p = dl.table(["gru", "gru"], ["InputWeights", "Bias"], values, VariableNames=names)
    g = dl.table(
        ["gru", "gru"],
        ["InputWeights", "Bias"],
        [dl.single(dl.ones(2, 2)), dl.single(dl.ones(2, 1) * -1)],
        VariableNames=names,
    )
    new, states = step(name, p, g)
    assert dl.istable(new)
    assert list(new.Layer) == ["gru", "gru"]
    assert list(new.Parameter) == ["InputWeights", "Bias"]
    assert (data(new.Value[0]) < 1).all()
    assert (data(new.Value[1]) > 1).all()
    assert all(dl.istable(s) for s in states)
    again, _ = step(name, new, g, states, 2)
    assert (data(again.Value[0]) < data(new.Value[0])).all()


@each_update
def test_struct_that_holds_a_learnables_table(name: str) -> None:
    def learnables(x: float) -> Any:
        return dl.table(
            ["fc"], ["Weights"], [dl.dlarray(x)], VariableNames=["Layer", "Parameter", "Value"]
        )

    p, g = dl.struct("alpha", dl.dlarray(0.5)), dl.struct("alpha", dl.dlarray(1.0))
    p.net, g.net = learnables(2.0), learnables(1.0)
    new, states = step(name, p, g)
    assert dl.istable(new.net)
    assert float(new.net.Value[0]) - 2.0 == pytest.approx(float(new.alpha) - 0.5)
    again, _ = step(name, new, g, states, 2)
    assert float(again.net.Value[0]) < float(new.net.Value[0]) < 2.0


@each_update
def test_gradients_may_come_as_the_tuple_that_dlgradient_returns(name: str) -> None:
    W, b = dl.dlarray([[1.0, 2.0]]), dl.dlarray(3.0)
    gradients = dl.dlfeval(lambda W, b: dl.dlgradient(dl.sum(W * W) * b, W, b), W, b)
    new, _ = step(name, [W, b], gradients)
    assert isinstance(new, list)
    assert float(new[1]) == float(step(name, b, dl.dlarray(5.0))[0])


@each_update
def test_fields_go_together_by_name(name: str) -> None:
    p = dl.struct("W", dl.dlarray(1.0), "b", dl.dlarray(1.0))
    g = dl.struct("b", dl.dlarray(0.0), "W", dl.dlarray(1.0))
    new, _ = step(name, p, g)
    assert list(new) == ["W", "b"]
    assert float(new.b) == 1.0
    assert float(new.W) < 1.0


@each_update
def test_text_in_the_parameters_stays(name: str) -> None:
    new, states = step(
        name,
        dl.struct("kind", "gru", "W", dl.dlarray(1.0)),
        dl.struct("kind", "gru", "W", dl.dlarray(1.0)),
    )
    assert new.kind == "gru"
    assert float(new.W) < 1
    again, _ = step(name, new, new, states, 2)
    assert float(again.W) < float(new.W)


# -- class, format, layout ----------------------------------------------------------------------


@each_update
@pytest.mark.parametrize("gradient_class", ["single", "double", "logical"])
def test_single_parameters_stay_single(name: str, gradient_class: str) -> None:
    p = dl.dlarray(np.ones((2, 3), np.float32), "CB")
    g = dl.cast(dl.dlarray(np.ones((2, 3)), "CB"), gradient_class)
    new, states = step(name, p, g)
    new, states = step(name, new, g, states, 2)
    for x in (new, *states):
        assert dl.underlyingType(x) == "single"
        assert x.dims == "CB"


@each_update
def test_double_parameters_stay_double_with_single_gradients(name: str) -> None:
    new, states = step(name, dl.ones(2, 2), dl.single(dl.ones(2, 2)))
    assert {dl.underlyingType(x) for x in (new, *states)} == {"double"}


@each_update
def test_results_are_column_major(name: str) -> None:
    host = np.ascontiguousarray(RANDOM.standard_normal((3, 4, 2)))
    new, states = step(name, dl.dlarray(host), dl.dlarray(host))
    for x in (new, *states):
        assert x.value.data.flags.f_contiguous
        assert not x.value.data.flags.writeable


@each_update
def test_gradients_of_another_memory_order_are_read_by_position(name: str) -> None:
    p, g = dl.zeros(3, 4), np.ascontiguousarray(RANDOM.standard_normal((3, 4)))
    assert dl.isequal(step(name, p, g)[0], step(name, p, dl.dlarray(g))[0])


@each_update
def test_unformatted_gradient_of_a_formatted_parameter_with_one_time_step(name: str) -> None:
    p = dl.dlarray(np.ones((2, 3)), "CBT")
    new, states = step(name, p, dl.ones(2, 3))
    assert [x.shape for x in (new, *states)] == [(2, 3, 1)] * (1 + len(states))
    assert new.dims == "CBT"


@each_update
def test_numpy_parameters_become_dlarrays(name: str) -> None:
    new, _ = step(name, np.ones((2, 2)), np.ones((2, 2)))
    assert dl.isdlarray(new)
    assert dl.isequal(new, step(name, dl.ones(2, 2), dl.ones(2, 2))[0])


def test_complex_parameters_use_the_size_of_the_gradient() -> None:
    g = 3.0 + 4.0j
    p, average, square = adamupdate(
        dl.dlarray(np.array([[1.0 + 0j]])), dl.dlarray(np.array([[g]])), [], [], 1
    )
    assert complex(average) == pytest.approx(0.1 * g)
    assert data(square).dtype == np.float64
    assert float(square) == pytest.approx(0.025)
    # The step has the direction of the gradient and the length of the rate.
    assert complex(p) == pytest.approx(1 - 0.001 * g / 5, rel=1e-6)
    p, average, square = adamupdate(p, dl.dlarray(np.array([[g]])), average, square, 2)
    assert complex(p) == pytest.approx(1 - 0.002 * g / 5, rel=1e-6)


# -- nothing given is changed --------------------------------------------------------------------


@each_update
def test_arguments_are_never_modified(name: str) -> None:
    p, g = parameters(), dlupdate(lambda x: x * 0 + 1.0, parameters())
    new, states = step(name, p, g)
    before = [data(x).copy() for x in flat([p, g, new, states])]
    handles = flat([p, g, new, states])
    step(name, new, g, states, 2)
    for x, was in zip(handles, before, strict=True):
        np.testing.assert_array_equal(data(x), was)


def flat(tree: Any) -> list[Any]:
    found: list[Any] = []
    dlupdate(lambda x: found.append(x), tree)
    return found


@each_update
def test_assigning_to_a_result_leaves_the_next_state_alone(name: str) -> None:
    p, states = step(name, dl.ones(1, 3), dl.ones(1, 3))
    kept = data(p).copy()
    other, _ = step(name, p, dl.ones(1, 3), states, 2)
    other[0, 0] = 99.0
    np.testing.assert_array_equal(data(p), kept)


# -- inside dlfeval: learning to learn -------------------------------------------------------------


def looped(name: str, p: Any, rate: Any, count: int = 3) -> Any:
    """Loss after some steps on a quadratic, as a function of start and rate."""
    states = None
    for t in range(1, count + 1):
        gradient = 2 * p * dl.dlarray([1.0, 3.0, -2.0]) + 0.1
        p, states = step(name, p, gradient, states, t, learnRate=rate)
    return dl.sum(p * p, "all")


@each_update
def test_update_inside_dlfeval_gives_the_same_numbers(name: str) -> None:
    p0 = dl.dlarray([0.5, -1.0, 2.0])
    inside = dl.dlfeval(lambda p: looped(name, p, 0.05), p0)
    assert float(inside) == pytest.approx(float(looped(name, p0, 0.05)), rel=1e-14)


@each_update
def test_the_loss_after_the_steps_can_be_differentiated(name: str) -> None:
    p0, rate = dl.dlarray([0.5, -1.0, 2.0]), dl.dlarray(0.05)
    check = checkgrad(lambda p, rate: looped(name, p, rate), p0, rate, order=2)
    assert check, check
    assert [c.variable for c in check.checks] == ["p", "rate"] * 2
    assert all(c.derivative != 0 for c in check.checks)


@each_update
def test_a_zero_gradient_does_not_make_the_outer_gradient_nan(name: str) -> None:
    def outer(p: Any) -> Any:
        new, _ = step(name, p, p * dl.dlarray([1.0, 0.0]))
        return dl.dlgradient(dl.sum(new * new), p)

    g = data(dl.dlfeval(outer, dl.dlarray([2.0, 3.0])))
    assert np.isfinite(g).all()
    # Nothing moved the second parameter, so its loss is p^2.
    assert g[0, 1] == pytest.approx(6.0)


@each_update
def test_untraced_updates_inside_dlfeval_record_nothing(name: str) -> None:
    def run(x: Any) -> int:
        tape = x.value.tape
        before = len(tape.recorded)
        step(name, dl.ones(2, 2), dl.ones(2, 2))
        return len(tape.recorded) - before

    assert dl.dlfeval(run, dl.dlarray(1.0)) == 0


@each_update
def test_traced_results_keep_their_class(name: str) -> None:
    def run(rate: Any) -> Any:
        # A single rate must not make double parameters single.
        new, states = step(name, dl.ones(1, 2), dl.ones(1, 2), learnRate=rate)
        assert new.value.traced
        return new, states

    new, states = dl.dlfeval(run, dl.single(dl.dlarray(0.1)))
    assert {dl.underlyingType(x) for x in (new, *states)} == {"double"}


# -- devices ------------------------------------------------------------------------------------


@each_update
def test_a_device_runs_the_same_step_without_going_to_the_host(
    name: str, device: Callable[[Any], Any]
) -> None:
    p, g = RANDOM.standard_normal((3, 4)), RANDOM.standard_normal((3, 4))

    def there(x: Any) -> Any:
        return wrap(Value(device(np.asfortranarray(x))), "")

    new, states = step(name, there(p), there(g))
    new, states = step(name, new, there(g), states, 2)
    here, kept = step(name, dl.dlarray(p), dl.dlarray(g))
    here, kept = step(name, here, dl.dlarray(g), kept, 2)
    for x, y in zip((new, *states), (here, *kept), strict=True):
        np.testing.assert_allclose(backend.to_host(x.value.data), data(y), rtol=1e-12)


# -- bad input -----------------------------------------------------------------------------------


def message(update: Callable[..., Any], *args: Any, **named: Any) -> DlgruError:
    with pytest.raises(DlgruError) as caught:
        update(*args, **named)
    return caught.value


@each_update
def test_a_missing_field_is_named(name: str) -> None:
    update, count = UPDATES[name]
    p = dl.struct("gru", dl.struct("W", dl.ones(2, 2), "b", dl.ones(2, 1)))
    g = dl.struct("gru", dl.struct("W", dl.ones(2, 2)))
    error = message(update, p, g, *[[]] * count, *([1] if count == 2 else []))
    assert isinstance(error, DlgruTypeError)
    assert error.identifier == f"dlgru:{name}:mismatch"
    assert error.argument == "grad.gru"
    assert '"W"' in error.came
    assert '"b"' not in error.came
    assert '"W" and "b"' in error.expected


@each_update
def test_a_further_field_is_refused(name: str) -> None:
    p, g = dl.struct("W", dl.ones(1, 1)), dl.struct("W", dl.ones(1, 1), "b", dl.ones(1, 1))
    with pytest.raises(DlgruTypeError, match="same fields"):
        step(name, p, g)


@each_update
def test_a_gradient_of_another_size_is_refused(name: str) -> None:
    p, g = dl.struct("W", dl.ones(2, 3)), dl.struct("W", dl.ones(3, 2))
    with pytest.raises(DlgruValueError, match=r"grad\.W is 3×2, expected 2×3") as caught:
        step(name, p, g)
    assert caught.value.identifier == f"dlgru:{name}:size"


@each_update
@pytest.mark.parametrize("g", [1.0, [[1.0, 1.0]]])
def test_gradients_do_not_expand(name: str, g: Any) -> None:
    with pytest.raises(DlgruValueError, match="size and format"):
        step(name, dl.ones(2, 2), g)


@each_update
def test_labels_in_another_order_are_refused(name: str) -> None:
    with pytest.raises(DlgruValueError, match=r"2\(C\) × 2\(T\)"):
        step(name, dl.dlarray(np.ones((2, 2)), "CB"), dl.dlarray(np.ones((2, 2)), "CT"))


@each_update
def test_a_missing_gradient_is_refused(name: str) -> None:
    with pytest.raises(DlgruError, match=r"grad is \[\]"):
        step(name, dl.ones(2, 2), [])
    with pytest.raises(DlgruError, match=r"grad is \[\]"):
        step(name, dl.struct("W", dl.ones(2, 2)), [])


@each_update
def test_a_state_of_another_shape_is_refused(name: str) -> None:
    states = [dl.ones(3, 1)] * UPDATES[name][1]
    with pytest.raises(DlgruValueError, match="3×1, expected 2×1"):
        step(name, dl.ones(2, 1), dl.ones(2, 1), states)
    with pytest.raises(DlgruTypeError, match="same fields"):
        step(name, dl.struct("W", dl.ones(2, 1)), dl.struct("W", dl.ones(2, 1)), states)


@each_update
def test_rows_of_tables_must_name_the_same_parameters(name: str) -> None:
    columns = ["Layer", "Parameter", "Value"]
    p = dl.table(
        ["fc", "fc"], ["Weights", "Bias"], [dl.ones(1, 1), dl.ones(1, 1)], VariableNames=columns
    )
    g = dl.table(
        ["fc", "fc"], ["Bias", "Weights"], [dl.ones(1, 1), dl.ones(1, 1)], VariableNames=columns
    )
    with pytest.raises(DlgruValueError, match="same parameters"):
        step(name, p, g)


@each_update
@pytest.mark.parametrize("leaf", [3, 2.5, True, np.arange(3), np.array([True])])
def test_what_is_no_floating_array_is_no_parameter(name: str, leaf: Any) -> None:
    with pytest.raises(DlgruTypeError, match=r"params\.n"):
        step(name, dl.struct("n", leaf), dl.struct("n", dl.ones(1, 1)))


@each_update
def test_a_complex_gradient_of_a_real_parameter_is_refused(name: str) -> None:
    with pytest.raises(DlgruTypeError, match="grad is complex, expected real"):
        step(name, dl.ones(1, 1), dl.dlarray(np.array([[1j]])))


def test_host_gradients_of_device_parameters_are_refused() -> None:
    p = wrap(Value(FakeArray(np.ones((2, 2)))), "")
    with pytest.raises(DlgruTypeError, match="grad is in host memory"):
        sgdmupdate(p, dl.ones(2, 2), [])


@each_update
@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf, "fast", True, [0.1, 0.2], None])
def test_a_bad_learning_rate_is_refused(name: str, rate: Any) -> None:
    with pytest.raises(DlgruValueError, match="learnRate"):
        step(name, dl.ones(1, 1), dl.ones(1, 1), learnRate=rate)


@pytest.mark.parametrize("iteration", [0, -1, 1.5, "one", None])
def test_a_bad_iteration_is_refused(iteration: Any) -> None:
    assert (
        message(adamupdate, dl.ones(1, 1), dl.ones(1, 1), [], [], iteration).argument == "iteration"
    )


@pytest.mark.parametrize("option", ["gradDecay", "sqGradDecay"])
@pytest.mark.parametrize("value", [1.0, -0.1, 2])
def test_decays_of_adam_lie_below_one(option: str, value: float) -> None:
    error = message(adamupdate, dl.ones(1, 1), dl.ones(1, 1), [], [], 1, **{option: value})
    assert error.argument == option
    assert "[0, 1)" in error.expected


@pytest.mark.parametrize("update", [adamupdate, rmspropupdate])
def test_epsilon_is_positive(update: Any) -> None:
    states = [[], [], 1] if update is adamupdate else [[]]
    assert message(update, dl.ones(1, 1), dl.ones(1, 1), *states, epsilon=0).argument == "epsilon"


@each_update
def test_calls_of_another_shape_are_refused(name: str) -> None:
    update, count = UPDATES[name]
    assert message(update, dl.ones(1, 1)).identifier == f"dlgru:{name}:arguments"
    assert message(update, *[dl.ones(1, 1)] * 12).identifier == f"dlgru:{name}:arguments"
    error = message(
        update,
        dl.ones(1, 1),
        dl.ones(1, 1),
        *[[]] * count,
        *([1] if count == 2 else []),
        LernRate=1,
    )
    assert error.identifier == f"dlgru:{name}:unknownOption"
    assert error.fix == 'did you mean "learnRate"'
