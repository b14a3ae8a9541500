"""The public ``gru`` of dlgru on labelled arrays, tape and labels included."""

from __future__ import annotations

from typing import Any

import numpy as np

import dlgru as dl
from dlgru.kernels import why
from dlgru.kernels.interface import run_backward, run_forward
from dlgru.kernels.spec import Needs, Spec
from peers.problem import ONE_BIAS, STEPS, NotOfferedError, Problem, Task, arrays_of

VERSION = dl.__version__
BOTH = {"ResetGateMode": "recurrent-bias-after-multiplication"}


def prepare(threads: int, folder: str) -> None:
    """Fix the number of threads; NumPy's BLAS has it from the environment."""
    if hasattr(dl, "set_num_threads"):
        dl.set_num_threads(threads)


def engine(problem: Problem) -> str:
    """Name the engine that runs this problem."""
    T, B, C, H = problem.shape
    save = "gates" if problem.what == "training" else "none"
    bias = 3 if problem.what.startswith(ONE_BIAS) else 6
    said = why(T=T, B=B, C=C, H=H, dtype=np.dtype(problem.dtype), bias=bias, save=save)
    return said.splitlines()[0].rpartition(": ")[2]


def make(problem: Problem) -> Task:
    """Return the task of a problem."""
    if problem.what not in TASKS:
        raise NotOfferedError(problem.what)
    return TASKS[problem.what](problem)


def _labelled(problem: Problem) -> tuple[Any, ...]:
    """X[C,B,T], H0[H,1], weights[3H,C], recurrentWeights[3H,H], bias[3H or 6H,1]."""
    a = arrays_of(problem)
    H0 = np.zeros((problem.shape[3], 1), problem.dtype)
    parts = [a.b_input] if problem.what.startswith(ONE_BIAS) else [a.b_input, a.b_recurrent]
    bias = np.concatenate(parts)[:, None]
    return (dl.dlarray(a.X.T, "CBT"), *[dl.dlarray(p) for p in (H0, a.W.T, a.R.T, bias)])


def _rows(array: Any) -> Any:
    return np.asarray(dl.extractdata(array)).T


def _inference(problem: Problem) -> Task:
    X, H0, W, R, b = _labelled(problem)
    return Task(lambda: dl.gru(X, H0, W, R, b, **BOTH), lambda Y: [_rows(Y)])


def _call(problem: Problem) -> Task:
    X, H0, W, R, b = _labelled(problem)
    return Task(lambda: dl.gru(X, H0, W, R, b), lambda Y: [_rows(Y)])


def _training(problem: Problem) -> Task:
    X, H0, W, R, b = _labelled(problem)

    def value_and_gradients(X: Any, W: Any, R: Any, b: Any) -> Any:
        Y = dl.gru(X, H0, W, R, b, **BOTH)
        return Y, *dl.dlgradient(dl.sum(Y, "all"), X, W, R, b)

    def arrays(result: Any) -> list[Any]:
        *rest, db = [_rows(r) for r in result]
        return [*rest, *np.split(db.ravel(), 2)]

    return Task(lambda: dl.dlfeval(value_and_gradients, X, W, R, b), arrays)


# -- one step at a time ----------------------------------------------------------------


def _streaming(problem: Problem) -> Task:
    """Labelled arrays, as they come from an earlier step."""
    _, H0, *weights = _labelled(problem)
    steps = [dl.dlarray(x, "CBT") for x in _step_data(problem)]
    return _stepping(steps, dl.dlarray(dl.extractdata(H0), "CB"), weights, {})


def _streaming_unlabelled(problem: Problem) -> Task:
    """Unformatted arrays, their order given as an option."""
    _, H0, *weights = _labelled(problem)
    steps = [dl.dlarray(x) for x in _step_data(problem)]
    return _stepping(steps, H0, weights, {"DataFormat": "CBT"})


def _streaming_wrapped(problem: Problem) -> Task:
    """NumPy arrays that become labelled ones in the loop."""
    _, H0, W, R, b = _labelled(problem)
    steps, start = _step_data(problem), dl.dlarray(dl.extractdata(H0), "CB")

    def call() -> Any:
        h = start
        for x in steps:
            _, h = dl.gru(dl.dlarray(x, "CBT"), h, W, R, b, nargout=2)
        return h

    return Task(call, lambda h: [_rows(h)])


def _step_data(problem: Problem) -> list[Any]:
    X = arrays_of(problem._replace(shape=(STEPS, *problem.shape[1:]))).X
    return [np.asfortranarray(x.T[:, :, None]) for x in X]


def _stepping(steps: list[Any], start: Any, weights: list[Any], options: dict[str, Any]) -> Task:
    W, R, b = weights

    def call() -> Any:
        h = start
        for x in steps:
            _, h = dl.gru(x, h, W, R, b, nargout=2, **options)
        return h

    return Task(call, lambda h: [_rows(h)])


# -- the engine alone ------------------------------------------------------------------


def _engine_training(save: str) -> Any:
    """Forward and backward on raw arrays, keeping the gates or computing them again from y."""

    def task(problem: Problem) -> Task:
        T, B, C, H = problem.shape
        a = arrays_of(problem)
        spec = Spec(T, B, C, H, np.dtype(problem.dtype), bias=6, save=save)
        state = (np.zeros((H, B), problem.dtype, order="F"),)
        bias = np.concatenate([a.b_input, a.b_recurrent])
        dy = np.ones((T, B, H), problem.dtype).T

        def call() -> Any:
            out = run_forward(spec, a.X.T, state, a.W.T, a.R.T, bias)
            needs = Needs(state=False)
            return out.y, run_backward(out.reserve, dy, None, None, needs, keep=False)

        def arrays(result: Any) -> list[Any]:
            y, g = result
            return [y.T, g.x.T, g.W.T, g.R.T, *np.split(g.b, 2)]

        return Task(call, arrays)

    return task


def _vowels(problem: Problem) -> Task:
    from peers.vowels import our_training

    return our_training()


TASKS: dict[str, Any] = {
    "inference": _inference,
    "training": _training,
    "call": _call,
    "streaming": _streaming,
    "streaming unlabelled": _streaming_unlabelled,
    "streaming from NumPy": _streaming_wrapped,
    "training, gates kept": _engine_training("gates"),
    "training, gates from y": _engine_training("y"),
    "vowels": _vowels,
}
