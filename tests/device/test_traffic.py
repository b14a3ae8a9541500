"""Nothing goes over the bus that nobody asked for, and nothing waits: every operation, a step.

``tests/ops/test_table.py`` counts, for every operation, how often the host waits for the
device.  Here the other direction is counted too, and whole training steps.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import ALL_CASES, Case
from fakedevice import TRAFFIC, FakeArray
from ops import checks

import dlgru as dl

PACKAGE = Path(dl.__file__).parent

SENDS = {
    "index": "index vectors are host data until they are used",
    "scatter": "index vectors are host data until they are used",
    "gather": "the gradient goes back to where the variable is",
    "gru": "sequence lengths are host data",
}
"""Operations that send something to the device, and what."""


def sent_by(case: Case) -> int:
    """How many arrays a call and its derivative send to the device."""
    moved = checks.on(case, "fake")
    TRAFFIC.reset()
    checks.call(moved)
    calls = TRAFFIC.sent
    if case.variables and case.op.differentiable:
        # The checks' own loss sends weights; what is beyond is the operation's.
        checks.gradients(moved)
        both = TRAFFIC.sent - calls
        TRAFFIC.reset()
        dl.dlfeval(lambda *x: checks.loss_of(checks.call(moved, x)), *moved.values())
        calls += both - TRAFFIC.sent
    return calls


@pytest.mark.parametrize("case", ALL_CASES.values(), ids=ALL_CASES)
def test_no_operation_sends_anything(case: Case) -> None:
    if case.op.name not in SENDS:
        assert sent_by(case) == 0


@pytest.mark.parametrize("name", SENDS)
def test_operations_said_to_send_do(name: str) -> None:
    assert any(sent_by(case) for case in ALL_CASES.values() if case.op.name == name)


# -- training ------------------------------------------------------------------------------

C, B, T, H, K = 3, 4, 5, 2, 3


def parameters(dtype: str) -> Any:
    random = np.random.default_rng(0)

    def weights(*size: int) -> Any:
        return dl.gpuArray(dl.dlarray(random.standard_normal(size).astype(dtype)))

    return dl.struct(
        "gru",
        dl.struct("W", weights(3 * H, C), "R", weights(3 * H, H), "b", weights(3 * H, 1)),
        "fc",
        dl.struct("W", weights(K, H), "b", weights(K, 1)),
    )


def forward(p: Any, X: Any) -> Any:
    H0 = dl.zeros(H, 1, like=p.gru.W)
    _, h = dl.gru(X, H0, p.gru.W, p.gru.R, p.gru.b, nargout=2)
    return dl.fullyconnect(dl.dlarray(h, "CB"), p.fc.W, p.fc.b)


LOSSES = {
    "crossentropy": lambda p, X, t: dl.crossentropy(dl.softmax(forward(p, X)), t),
    "mse": lambda p, X, t: dl.mse(forward(p, X), t),
    "l1loss": lambda p, X, t: dl.l1loss(forward(p, X), t),
    "l2loss": lambda p, X, t: dl.l2loss(forward(p, X), t),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("update", ["adamupdate", "sgdmupdate", "rmspropupdate"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_training_step_stays_on_the_device(loss: str, update: str, dtype: str) -> None:
    random = np.random.default_rng(1)
    X = dl.dlarray(random.standard_normal((C, B, T)).astype(dtype), "CBT")
    t = dl.dlarray(np.eye(K, B).astype(dtype), "CB")
    states = 2 if update == "adamupdate" else 1

    def steps(p: Any, X: Any, t: Any) -> Any:
        def model_loss(p: Any) -> Any:
            value = LOSSES[loss](p, X, t)
            return value, dl.dlgradient(value, p)

        state: list[Any] = [[] for _ in range(states)]
        for iteration in (1, 2, 3):
            _, g = dl.dlfeval(model_loss, p, nargout=2)
            g = dl.dlupdate(lambda x: x + 1e-4 * dl.max(x, 0), g)
            more = [iteration] if update == "adamupdate" else []
            p, *state = getattr(dl, update)(p, g, *state, *more)
        return p

    p, X_there, t_there = parameters(dtype), dl.gpuArray(X), dl.gpuArray(t)
    TRAFFIC.reset()
    trained = steps(p, X_there, t_there)
    assert (TRAFFIC.sent, TRAFFIC.fetched, TRAFFIC.waited) == (0, 0, 0)

    on_host = steps(dl.dlupdate(dl.gather, p), X, t)
    rounding = 1e-12 if dtype == "float64" else 1e-5
    for path in (("gru", "R"), ("fc", "W")):
        a, b = trained[path[0]][path[1]], on_host[path[0]][path[1]]
        assert type(a.value.data) is FakeArray
        np.testing.assert_allclose(checks.host(a), b.value.data, rtol=rounding, atol=rounding)


# -- streams -------------------------------------------------------------------------------


def test_nobody_waits_for_or_changes_a_stream() -> None:
    """The graph that is recorded in ``kernels/gpu/cuda.py`` needs a stream of its own.

    And what another thread's default stream must not reuse yet only the host can wait for.
    """
    chosen = {"synchronize", "Stream", "ExternalStream", "deviceSynchronize"}
    found = {
        f"{path.relative_to(PACKAGE)}: {node.attr}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in chosen
    }
    assert found == {"kernels/gpu/cuda.py: Stream", "kernels/gpu/cuda.py: synchronize"}


# -- the same bits every time --------------------------------------------------------------


def test_nobody_adds_atomically() -> None:
    found = [
        (path.name, word)
        for path in PACKAGE.rglob("*.py")
        for word in ("scatter_add", "add.at", "bincount", "put_along_axis")
        if word in path.read_text("utf-8")
    ]
    # NumPy's own, on the host, where it adds in order.
    assert found == [("connect.py", "add.at")]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 64, 100])
def test_gradients_of_embed_are_summed_without_waiting(n: int) -> None:
    random = np.random.default_rng(n)
    index = random.integers(1, 5, (1, n)).astype(float)
    W = random.standard_normal((3, 6))
    weight = random.standard_normal((3, n))

    def gradient(send: Any) -> Any:
        x = dl.dlarray(send(index), "CB")

        def loss(w: Any) -> Any:
            y = dl.embed(x, w)
            TRAFFIC.reset()
            return dl.dlgradient(dl.sum(dl.dlarray(send(weight), "CB") * y, "all"), w)

        return dl.dlfeval(loss, dl.dlarray(send(W)))

    there, here = gradient(FakeArray), gradient(lambda x: x)
    assert TRAFFIC.back == 0
    expected = np.zeros((3, 6))
    np.add.at(expected.T, index.astype(int).ravel() - 1, weight.T)
    np.testing.assert_allclose(checks.host(there), expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(checks.host(here), expected, rtol=1e-13, atol=1e-14)


def test_a_nan_in_one_column_of_the_embedding_gradient_stays_there() -> None:
    def loss(w: Any) -> Any:
        y = dl.embed(dl.gpuArray(dl.dlarray([[2, 1, 2, 4]], "CB")), w)
        part = dl.gpuArray(dl.dlarray([[1.0, np.nan, 3.0, np.inf]], "CB"))
        return dl.dlgradient(dl.sum(y * part, "all"), w)

    g = dl.dlfeval(loss, dl.gpuArray(np.ones((1, 5))))
    np.testing.assert_array_equal(checks.host(g), [[np.nan, 4.0, 0.0, np.inf, 0.0]])
