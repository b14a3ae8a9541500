"""JAX: a scan, compiled by XLA for the CPU."""

from __future__ import annotations

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from peers.problem import NotOfferedError, Problem, Task, arrays_of

VERSION = jax.__version__


def prepare(threads: int, folder: str) -> None:
    """Bind the process to as many cores: XLA's pool on the CPU has no setting of its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    jax.config.update("jax_platforms", "cpu")


def make(problem: Problem) -> Task:
    """Return the task of a problem."""
    jax.config.update("jax_enable_x64", np.dtype(problem.dtype) == np.float64)
    arguments = [jnp.asarray(part) for part in arrays_of(problem)]
    if problem.what in ("inference", "call"):
        run = jax.jit(_gru)
        return Task(
            lambda: run(*arguments).block_until_ready(),
            lambda y: [np.asarray(y)],
        )
    if problem.what == "training":
        both = jax.jit(jax.grad(_loss, argnums=range(5), has_aux=True))
        return Task(
            lambda: jax.block_until_ready(both(*arguments)),
            lambda result: [np.asarray(result[1]), *[np.asarray(g) for g in result[0]]],
        )
    raise NotOfferedError(problem.what)


def _gru(X: Any, W: Any, R: Any, b_input: Any, b_recurrent: Any) -> Any:
    H = R.shape[0]

    def step(h: Any, a: Any) -> Any:
        q = h @ R + b_recurrent
        r = jax.nn.sigmoid(a[:, :H] + q[:, :H])
        z = jax.nn.sigmoid(a[:, H : 2 * H] + q[:, H : 2 * H])
        n = jnp.tanh(a[:, 2 * H :] + r * q[:, 2 * H :])
        h = n + z * (h - n)
        return h, h

    return jax.lax.scan(step, jnp.zeros((X.shape[1], H), X.dtype), X @ W + b_input)[1]


def _loss(*arguments: Any) -> Any:
    y = _gru(*arguments)
    return y.sum(), y
