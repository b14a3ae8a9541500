"""Second derivatives do not see assignments either.

A gradient that is differentiated again replays what was computed, so it must replay it on
the values of then.  That first derivatives keep theirs is in ``test_autodiff.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlgru as dl

H, C, B, T = 2, 2, 1, 3


def total(x: Any) -> Any:
    return dl.sum(dl.stripdims(x), "all")


def parameters() -> tuple[Any, ...]:
    dl.rng(2)
    return dl.randn(3 * H, C), dl.randn(3 * H, H), dl.randn(3 * H, 1)


def recurrent(x: Any) -> Any:
    W, R, b = parameters()
    return dl.gru(dl.dlarray(dl.reshape(x, C, B, T), "CBT"), dl.zeros(H, 1), W, R, b)


def filled_step_by_step(x: Any) -> Any:
    y = dl.zeros(1, 6, like=x)
    y.m[1] = x.m[1]
    for k in range(2, 7):
        y.m[k] = y.m[k - 1] * x.m[k]
    return y


def overwritten(x: Any) -> Any:
    y = x * x
    y.m[2] = dl.sin(y.m[1])
    z = y * x
    y.m[[1, 2]] = 7
    return z + y


USES: dict[str, Callable[[Any], Any]] = {
    "product": lambda x: x * x * x,
    "power": lambda x: x**3,
    "matrix product": lambda x: dl.reshape(x, 2, 3) @ dl.reshape(x, 3, 2),
    "slice": lambda x: x.m[2:4] ** 3,
    "softmax": lambda x: dl.softmax(dl.dlarray(x, "BC")),
    "reduction": lambda x: dl.prod(x, 2),
    "largest": lambda x: dl.max(x * x, [], 2) ** 2,
    "gru": recurrent,
    "filled step by step": filled_step_by_step,
    "overwritten": overwritten,
}

X0 = np.array([[0.7, -1.2, 0.4, 1.1, -0.6, 0.9]])


def second_gradient(
    use: Callable[[Any], Any], assign: str, flags: dict[str, bool]
) -> tuple[Any, Any]:
    """The gradient, and the gradient of its squared length, with assignments on the way."""

    def spoil(*arrays: Any) -> None:
        for a in arrays:
            a[...] = 100

    def f(x: Any) -> Any:
        mine = dl.dlarray(x)
        y = use(mine)
        loss = total(y**2)
        if assign == "before both":
            spoil(mine, y)
        g = dl.dlgradient(loss, x, **flags)
        length = total(g**2)
        kept = dl.dlarray(g)
        if assign == "between them":
            spoil(mine, y, g)
        return kept, dl.dlgradient(length, x)

    return dl.dlfeval(f, dl.dlarray(X0))  # type: ignore[no-any-return]


@pytest.mark.parametrize("flags", [{}, {"EnableHigherDerivatives": True}], ids=["later", "at once"])
@pytest.mark.parametrize("assign", ["before both", "between them"])
@pytest.mark.parametrize("use", USES)
def test_second_derivatives_are_of_the_values_of_then(
    use: str, assign: str, flags: dict[str, bool]
) -> None:
    expected = second_gradient(USES[use], "", flags)
    for found, undisturbed in zip(second_gradient(USES[use], assign, flags), expected, strict=True):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(undisturbed))
        assert np.asarray(undisturbed).any()


@pytest.mark.parametrize("use", USES)
def test_the_second_derivatives_themselves(use: str) -> None:
    assert dl.checkgrad(lambda x: total(USES[use](x) ** 2), dl.dlarray(X0))
