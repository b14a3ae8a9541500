"""How fast the plain engine is, against a GRU written directly in NumPy.

The yardstick below is what one writes for speed in NumPy: everything allocated before
the clock starts and used again in every call, so its results are overwritten by the
next one.  The engine gives fresh arrays, accepts any mode, and checks what it is given.
Both take turns.  A ratio is the engine's time over the yardstick's, twice: of the
least-disturbed turns, and the median over the rounds; the larger one is held against
the limit.  Results are compared before anything is timed.

    python benchmarks/gru_plain.py [rounds] [--readme]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dlgru.kernels.interface import run_backward, run_forward, use_engine
from dlgru.kernels.spec import Needs, Spec
from measuring.floors import PLAIN, PLAIN_ELSEWHERE, SHAPES
from measuring.machine import wait_for_quiet
from measuring.readme import put, table
from measuring.timing import conditions, described, seconds
from measuring.turns import TOLERANCE, TURN


class Yardstick:
    """A GRU with both biases on row-major X[T,B,C], W[C,3H], R[H,3H], in preallocated memory."""

    def __init__(self, T: int, B: int, C: int, H: int, dtype: Any) -> None:
        def room(*shape: int) -> Any:
            return np.empty(shape, dtype)

        self.T, self.H, self.half = T, H, dtype.type(0.5)
        self.gx, self.gh = room(T, B, 3 * H), room(B, 3 * H)
        self.rz, self.n, self.hn, self.Y = (room(T, B, k * H) for k in (2, 1, 1, 1))
        self.D, self.gates = room(T, B, 4 * H), room(B, 3 * H)
        self.of_n, self.of_z, self.of_r, self.before = (room(T, B, H) for _ in range(4))
        self.carry, self.total = room(B, H), room(B, H)

    def forward(self, X: Any, W: Any, R: Any, b: Any, h: Any) -> Any:
        H, half, gh = self.H, self.half, self.gh
        # sigmoid(a) = (1 + tanh(a/2))/2: the halves of r and z go into the weights.
        W, R, bias = W.copy(), R.copy(), b[: 3 * H].copy()
        bias[: 2 * H] += b[3 * H : 5 * H]
        for part in (W, R, bias):
            part[..., : 2 * H] *= half
        np.dot(X.reshape(-1, X.shape[2]), W, out=self.gx.reshape(-1, 3 * H))
        self.gx += bias
        for t in range(self.T):
            rz, n, hn, g, y = self.rz[t], self.n[t], self.hn[t], self.gx[t], self.Y[t]
            np.dot(h, R, out=gh)
            np.add(gh[:, : 2 * H], g[:, : 2 * H], out=rz)
            np.tanh(rz, out=rz)
            np.multiply(rz, half, out=rz)
            np.add(rz, half, out=rz)
            np.add(gh[:, 2 * H :], b[5 * H :], out=hn)
            np.multiply(hn, rz[:, :H], out=n)
            np.add(n, g[:, 2 * H :], out=n)
            np.tanh(n, out=n)
            np.subtract(h, n, out=y)
            np.multiply(y, rz[:, H:], out=y)
            np.add(y, n, out=y)
            h = y
        return self.Y

    def backward(self, X: Any, W: Any, R: Any, h0: Any, dY: Any) -> tuple[Any, ...]:
        H, D, g, carry, total = self.H, self.D, self.gates, self.carry, self.total
        r, z, n = self.rz[..., :H], self.rz[..., H:], self.n
        self.before[0], self.before[1:] = h0, self.Y[:-1]
        np.subtract(1, n * n, out=self.of_n)
        self.of_n *= 1 - z
        np.subtract(self.before, n, out=self.of_z)
        self.of_z *= z
        self.of_z *= 1 - z
        np.subtract(1, r, out=self.of_r)
        self.of_r *= r
        self.of_r *= self.hn
        R_back = np.ascontiguousarray(R.T)
        carry[...] = 0
        for t in range(self.T - 1, -1, -1):
            d = D[t]
            dn = d[:, 3 * H :]
            np.add(dY[t], carry, out=total)
            np.multiply(total, self.of_n[t], out=dn)
            np.multiply(total, self.of_z[t], out=g[:, H : 2 * H])
            np.multiply(dn, self.of_r[t], out=g[:, :H])
            np.multiply(dn, r[t], out=g[:, 2 * H :])
            d[:, : 3 * H] = g
            np.dot(g, R_back, out=carry)
            np.multiply(total, z[t], out=total)
            np.add(carry, total, out=carry)
        rows, x = D.reshape(-1, 4 * H), X.reshape(-1, X.shape[2])
        dR = self.before.reshape(-1, H).T @ rows[:, : 3 * H]
        dW = np.concatenate([x.T @ rows[:, : 2 * H], x.T @ rows[:, 3 * H :]], axis=1)
        dX = rows[:, : 2 * H] @ W[:, : 2 * H].T
        dX += rows[:, 3 * H :] @ W[:, 2 * H :].T
        s = rows.sum(0)
        db = np.concatenate([s[: 2 * H], s[3 * H :], s[: 3 * H]])
        return dX.reshape(X.shape), carry, dW, dR, db


def contenders(
    shape: tuple[int, int, int, int], dtype: Any
) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """For inference and for training: the yardstick and the engine, on the same numbers."""
    T, B, C, H = shape
    draw = np.random.default_rng(0)

    def normal(*size: int, scale: float = 1.0) -> Any:
        return (scale * draw.standard_normal(size)).astype(dtype)

    X, h0, dY = normal(T, B, C), normal(B, H), normal(T, B, H)
    W, R, b = normal(C, 3 * H, scale=C**-0.5), normal(H, 3 * H, scale=H**-0.5), normal(6 * H)
    yard = Yardstick(T, B, C, H, dtype)
    spec = Spec(T, B, C, H, dtype, bias=6)
    saving = spec._replace(save="gates")
    arrays = (X.T, (h0.T,), W.T, R.T, b)  # transposed, they are column-major

    def yard_trains() -> Any:
        y = yard.forward(X, W, R, b, h0)
        return y, *yard.backward(X, W, R, h0, dY)

    def engine_trains() -> Any:
        out = run_forward(saving, *arrays)
        grads = run_backward(out.reserve, dY.T, None, None, Needs(), keep=False)
        return out.y.T, grads.x.T, grads.state[0].T, grads.W.T, grads.R.T, grads.b

    for one, two in zip(yard_trains(), engine_trains(), strict=True):
        difference = abs(one - two).max() / abs(one).max()
        assert difference <= TOLERANCE[dtype.name], f"{shape}: results differ by {difference:.1e}"
    return {
        "inference": (
            lambda: yard.forward(X, W, R, b, h0),
            lambda: run_forward(spec, *arrays),
        ),
        "training": (yard_trains, engine_trains),
    }


def measure(rounds: int) -> Iterator[list[str]]:
    """Time both in turns; a row of text for each shape, class and direction."""
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        for shape in SHAPES:
            limit = PLAIN.get(shape, PLAIN_ELSEWHERE)
            for what, (yard, engine) in contenders(shape, dtype).items():
                times = max(1, int(TURN / seconds(yard, 1)))
                pairs = []
                for _ in range(rounds):
                    wait_for_quiet(0.3)
                    pairs.append((seconds(yard, times), seconds(engine, times)))
                best_yard, best_engine = (min(side) for side in zip(*pairs, strict=True))
                ratios = best_engine / best_yard, statistics.median(b / a for a, b in pairs)
                judged = "met" if max(ratios) <= limit else f"missed {limit}"
                row = [",".join(map(str, shape)), dtype.name, what]
                row += [f"{1e3 * best_yard:.2f} ms", f"{1e3 * best_engine:.2f} ms"]
                yield [*row, f"{ratios[0]:.2f} / {ratios[1]:.2f} {judged}"]


HEAD = ["T,B,C,H", "class", "what", "NumPy", "plain engine", "ratio"]


def main(rounds: int, readme: bool) -> None:
    where = described(conditions()).replace("\n", ", ") + f"; {rounds} rounds"
    print(where)
    rows = []
    for row in measure(rounds):
        print("  ".join(row), flush=True)
        rows.append(row)
    if readme:
        put("gru_plain", f"{where}.\n\n{table(HEAD, rows)}")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("rounds", nargs="?", type=int, default=7)
    asked.add_argument("--readme", action="store_true", help="put the table into README.md, too")
    given = asked.parse_args()
    with use_engine("plain"):
        main(given.rounds, given.readme)
