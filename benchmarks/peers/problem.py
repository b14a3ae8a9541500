"""What every library is asked to compute, in one layout: the same numbers for all.

A GRU with both biases and the reset gate after the recurrent product, the form that all
libraries offer.  Arrays are row-major, gates in the order r, z, n::

    X[T,B,C]   W[C,3H]   R[H,3H]   b_input[3H]   b_recurrent[3H]        Y[T,B,H]

``inference`` gives Y.  ``training`` gives Y and the gradients of the sum of Y by X, W, R,
b_input and b_recurrent.  ``call`` is one inference and ``streaming`` takes STEPS single steps
and carries the state, both with b_recurrent = 0: MATLAB's default, which has one bias.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

STEPS = 1000
"""Steps of one streaming call: long enough that starting the loop does not count."""

ONE_BIAS = ("call", "streaming")


class NotOfferedError(Exception):
    """A library does not offer what a problem asks for."""


class Problem(NamedTuple):
    """One cell of the benchmark."""

    what: str  # inference, training, streaming, vowels, or a variant of these
    shape: tuple[int, int, int, int]  # T, B, C, H
    dtype: Any


class Arrays(NamedTuple):
    """The numbers of a problem, row-major."""

    X: Any
    W: Any
    R: Any
    b_input: Any
    b_recurrent: Any


class Task(NamedTuple):
    """What is timed, and how its result becomes arrays in the common layout."""

    call: Callable[[], Any]
    arrays: Callable[[Any], list[Any]]


def arrays_of(problem: Problem) -> Arrays:
    """Make the same numbers for the same problem in every process."""
    T, B, C, H = problem.shape
    draw = np.random.default_rng(1)

    def uniform(*size: int) -> Any:
        return draw.uniform(-(H**-0.5), H**-0.5, size).astype(problem.dtype)

    X = draw.standard_normal((T, B, C)).astype(problem.dtype)
    made = Arrays(X, uniform(C, 3 * H), uniform(H, 3 * H), uniform(3 * H), uniform(3 * H))
    if problem.what.startswith(ONE_BIAS):
        made = made._replace(b_recurrent=np.zeros_like(made.b_recurrent))
    return made


def flop(what: str, shape: tuple[int, int, int, int]) -> float:
    """Count the operations of the products: two forward, four more in training."""
    T, B, C, H = shape
    return 2.0 * T * B * 3 * H * (C + H) * (3 if what == "training" else 1)
