"""What a traced recurrent operation keeps for its derivative."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_recomputes: ContextVar[bool] = ContextVar("dlgru recompute_gates", default=False)


@contextmanager
def recompute_gates() -> Iterator[None]:
    """Make traced recurrent operations in this block keep their states, but not their gates.

    For sequences that do not fit into memory otherwise.  A traced ``gru`` of T time steps,
    B observations and H hidden units keeps 4·T·B·H numbers for its derivative, 3·T·B·H with
    ``'before-multiplication'``.  In this block it keeps none of them: ``dlgradient`` computes
    the gates again, from X and Y, a stretch of time at once.  A training step took 10 %
    (one observation) to 31 % (large weights) more time where it was measured.

    Values stay the same to the last bit, and so do gradients on the CPU's compiled engine;
    elsewhere gradients may differ by rounding.

    The block must hold the call of ``gru``; ``dlgradient`` may come later.  A second
    derivative computes everything again in any case.

    Examples
    --------
    >>> import dlgru as dl
    >>> import dlgru.kernels
    >>> def loss(X, H0, W, R, b):
    ...     with dlgru.kernels.recompute_gates():
    ...         Y = dl.gru(X, H0, W, R, b)
    ...     L = dl.sum(Y, "all")
    ...     return L, dl.dlgradient(L, W)
    >>> X, H0 = dl.dlarray(dl.ones(2, 1, 5), "CBT"), dl.dlarray(dl.zeros(3, 1), "CB")
    >>> L, dW = dl.dlfeval(loss, X, H0, dl.ones(9, 2), dl.ones(9, 3), dl.zeros(9, 1))
    """
    before = _recomputes.set(True)
    try:
        yield
    finally:
        _recomputes.reset(before)


def kept_for_the_derivative() -> str:
    """Return what ``Spec.save`` says of a traced operation at this moment."""
    return "y" if _recomputes.get() else "gates"
