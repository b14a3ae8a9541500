"""A device that is full: one message with the fix, and nothing has changed.

The device that is not there can have room for a certain number of arrays.  Each test calls
with room for none, one, two … until the call succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fakedevice import TRAFFIC, FakeArray, OutOfMemoryError
from ops.checks import host

import dlgru as dl
from dlgru.errors import DlgruError, DlgruMemoryError
from dlgru.tree import leaves

T, B, C, H = 3, 2, 2, 2


def parameters() -> Any:
    random = np.random.default_rng(0)
    p = dl.struct(
        "gru",
        dl.struct(
            "W",
            dl.dlarray(random.standard_normal((3 * H, C))),
            "R",
            dl.dlarray(random.standard_normal((3 * H, H))),
            "b",
            dl.zeros(3 * H, 1),
        ),
        "fc",
        dl.struct("W", dl.dlarray(random.standard_normal((2, H))), "b", dl.zeros(2, 1)),
    )
    return dl.dlupdate(dl.gpuArray, p)


def example() -> tuple[Any, Any]:
    random = np.random.default_rng(1)
    X = dl.dlarray(random.standard_normal((C, B, T)), "CBT")
    return dl.gpuArray(X), dl.gpuArray(dl.dlarray(np.eye(2), "CB"))


def model_loss(p: Any, X: Any, target: Any) -> tuple[Any, Any]:
    H0 = dl.zeros(H, 1, like=p.gru.W)
    _, h = dl.gru(X, H0, p.gru.W, p.gru.R, p.gru.b, nargout=2, DataFormat="")
    h = dl.dlarray(h, "CB")
    Y = dl.softmax(dl.fullyconnect(h, p.fc.W, p.fc.b))
    loss = dl.crossentropy(Y, target)
    return loss, dl.dlgradient(loss, p)


def bits(*trees: Any) -> list[bytes]:
    TRAFFIC.room = None
    return [host(x).tobytes() for tree in trees for x in leaves(tree)]


def with_ever_more_room(call: Callable[[], Any], *kept: Any) -> tuple[set[str], Any]:
    """The functions that spoke while there was not room enough, and the result when there was."""
    before = bits(*kept)
    speakers = set()
    for room in range(10000):
        TRAFFIC.room = room
        try:
            result = call()
        except DlgruMemoryError as error:
            assert isinstance(error, MemoryError) and isinstance(error, DlgruError)
            assert "The GPU is out of memory" in str(error)
            assert "Out of memory allocating" in error.came and "smaller mini-batch" in error.fix
            assert error.identifier == f"dlgru:{error.function}:memory"
            assert isinstance(error.__cause__, OutOfMemoryError)
            speakers.add(error.function)
            assert bits(*kept) == before
        else:
            TRAFFIC.room = None
            assert room > 0
            return speakers, result
    raise AssertionError("there was never room enough")


def test_a_training_step_leaves_everything_as_it_was() -> None:
    p, (X, target) = parameters(), example()
    average, square = dl.dlupdate(dl.times, p, p), dl.dlupdate(dl.times, p, p)

    def step() -> Any:
        _, g = dl.dlfeval(model_loss, p, X, target, nargout=2)
        return dl.adamupdate(p, g, average, square, 1)

    speakers, result = with_ever_more_room(step, p, average, square, [X, target])
    assert speakers >= {"gru", "fullyconnect", "softmax", "crossentropy", "dlgradient"}
    assert "adamupdate" in speakers
    assert bits(*result) == bits(*step())


@pytest.mark.parametrize("update", ["adamupdate", "sgdmupdate", "rmspropupdate"])
def test_an_update_changes_all_parameters_or_none(update: str) -> None:
    p = parameters()
    g = dl.dlupdate(lambda x: x * 2, p)
    states = [dl.dlupdate(dl.times, p, p) for _ in range(2 if update == "adamupdate" else 1)]
    more = [1] if update == "adamupdate" else []
    speakers, result = with_ever_more_room(
        lambda: getattr(dl, update)(p, g, *states, *more), p, g, *states
    )
    assert speakers == {update}
    assert bits(result[0]) != bits(p)


ALONE: dict[str, Callable[[Any], Any]] = {
    "gpuArray": lambda X: dl.gpuArray(dl.ones(2, 2)),
    "zeros": lambda X: dl.zeros(2, 2, like=X),
    "ones": lambda X: dl.ones(2, 2, like=X),
    "eye": lambda X: dl.eye(2, 2, like=X),
    "randn": lambda X: dl.randn(2, 2, like=X),
    "dlarray": lambda X: dl.dlarray(X.value.data),
    "plus": lambda X: X + 1,
    "tanh": lambda X: dl.tanh(X),
    "mtimes": lambda X: X @ X,
    "index": lambda X: X[[0, 1, 1], :],
    "sum": lambda X: dl.sum(X, 1),
    "cat": lambda X: dl.cat(1, X, X),
    "mse": lambda X: dl.mse(X, X, DataFormat="CB"),
}


@pytest.mark.parametrize("name", ALONE)
def test_every_way_to_an_array_speaks_up(name: str) -> None:
    X = dl.gpuArray([[1.0, 2.0], [3.0, 4.0]])
    speakers, _ = with_ever_more_room(lambda: ALONE[name](X), [X])
    assert speakers == {name}


@pytest.mark.parametrize("key", [(slice(None), 0), ([0, 1, 1], [1, 0])])
def test_an_assignment_that_does_not_fit_leaves_the_array(key: Any) -> None:
    X = dl.gpuArray([[1.0, 2.0], [3.0, 4.0]])
    Y = X * 1

    def assign() -> None:
        X[key] = 7.0

    speakers, _ = with_ever_more_room(assign, [Y])
    assert speakers == {"X[...] = value"}


class RefusedError(RuntimeError):
    """What CuPy raises when CUDA says no."""

    __module__ = "cupy_backends.cuda.libs.cublas"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("CUBLAS_STATUS_ALLOC_FAILED", DlgruMemoryError),
        ("CUDA_ERROR_OUT_OF_MEMORY: out of memory", DlgruMemoryError),
        ("cudaErrorMemoryAllocation: out of memory", DlgruMemoryError),
        ("CUBLAS_STATUS_EXECUTION_FAILED", RefusedError),
    ],
)
def test_cuda_libraries_that_find_no_memory_are_understood(
    words: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise RefusedError(words)

    X = dl.gpuArray([[1.0, 2.0], [3.0, 4.0]])
    monkeypatch.setattr(FakeArray, "__matmul__", refuse)
    with pytest.raises(kind, match=words.partition(":")[0]):
        _ = X @ X


def test_memory_of_the_host_stays_numpys_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryError) as caught:
        dl.zeros(1e9, 1e9)
    assert not isinstance(caught.value, DlgruMemoryError)
