"""What every operation should give, in plain NumPy: written by axis positions, one entry each.

A reference gets each DLArray as an :class:`A` (its data on the host, and its labels) and
everything else as the case gives it.  It answers with an array, which stands for an
unformatted result, with an array and its labels, or with a list of these for several
outputs.  Nothing of dlgru is used, and forms differ from the operations' own where
mathematics offers another one.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

ORDER = "SCBTU"


class A(NamedTuple):
    """An array as a reference sees it."""

    x: Any
    dims: str


REFERENCES: dict[str, Callable[..., Any]] = {}


def reference(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        REFERENCES[name] = function
        return function

    return enter


# -- one array, element by element ---------------------------------------------------------

KEEPS = {
    "conj": lambda x: x.real - 1j * x.imag if x.dtype.kind == "c" else x,
    "real": lambda x: (x + np.conj(x)).real / 2,
    "imag": lambda x: np.imag(x) if x.dtype.kind == "c" else 0 * x,
    "log_abs": lambda x: np.log(x * x) / 2,
    "log_complex": lambda x: np.log(abs(x)) + 1j * np.arctan2(x.imag, x.real),
    "uminus": lambda x: 0 - x,
    "not_": lambda x: np.where(x, False, True),
    "exp": lambda x: math.e**x,
    "log": lambda x: np.log2(x) / np.log2(math.e),
    "log1p": lambda x: np.log(1 + x),
    "expm1": lambda x: np.exp(x) - 1,
    "sqrt": lambda x: np.exp(np.log(x) / 2),
    "sign": lambda x: x / abs(x),
    "abs": lambda x: np.sqrt(x.real**2 + x.imag**2),
    "round": lambda x: np.sign(x) * ((2 * abs(x) + 1) // 2),
    "floor": lambda x: x // 1,
    "ceil": lambda x: -(-x // 1),
    "fix": lambda x: x - np.fmod(x, 1),
    "sin": lambda x: (np.exp(1j * x) - np.exp(-1j * x)) / 2j,
    "cos": lambda x: (np.exp(1j * x) + np.exp(-1j * x)) / 2,
    "tanh": lambda x: (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x)),
    "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,
    "relu": lambda x: np.where(x > 0, x, 0),
}


def _keeping(f: Callable[[Any], Any]) -> Callable[..., Any]:
    def kept(a: A) -> Any:
        y = f(a.x)
        return (y.real if y.dtype.kind == "c" and a.x.dtype.kind != "c" else y), a.dims

    return kept


REFERENCES.update({name: _keeping(f) for name, f in KEEPS.items()})


def reference_of(name: str) -> Callable[..., Any] | None:
    """The reference of an operation: its entry here, or NumPy's function of that name."""
    known = REFERENCES.get(name)
    if known is None and isinstance(getattr(np, name, None), np.ufunc):
        known = _keeping(getattr(np, name))
    return known


@reference("gpuArray")
def _(a: A) -> Any:
    return a


@reference("gather")
def _(*arrays: A) -> Any:
    return list(arrays)


@reference("leakyrelu")
def _(a: A, scale: float = 0.01) -> Any:
    return np.where(a.x > 0, a.x, scale * a.x), a.dims


@reference("astype")
def _(a: A, dtype: Any) -> Any:
    return np.array(a.x, dtype), a.dims


@reference("softmax")
def _(a: A, DataFormat: str = "") -> Any:
    axis = (a.dims or DataFormat).index("C")
    e = np.exp(a.x)
    return e / np.sum(e, axis=axis, keepdims=True), a.dims


# -- two arrays, element by element --------------------------------------------------------


def met(*operands: Any) -> tuple[list[Any], str]:
    """Operands brought to one rank: by label where both have labels, else by position."""
    labelled = [a for a in operands if isinstance(a, A) and a.dims]
    rank = max([a.x.ndim for a in operands if isinstance(a, A)])
    if len(labelled) < 2:
        dims = labelled[0].dims if labelled else ""
        dims += "U" * (rank - len(dims)) if dims else ""
        return [
            a.x.reshape(a.x.shape + (1,) * (rank - a.x.ndim)) if isinstance(a, A) else a
            for a in operands
        ], dims
    named = [[(d, a.dims[:k].count(d)) for k, d in enumerate(a.dims)] for a in labelled]
    every = sorted({n for names in named for n in names}, key=lambda n: (ORDER.index(n[0]), n[1]))
    placed = []
    for a, names in zip(labelled, named, strict=True):
        sizes = [a.x.shape[names.index(n)] if n in names else 1 for n in every]
        placed.append(a.x.reshape(sizes))
    return placed, "".join(d for d, _ in every)


PAIRS = {
    "plus": lambda a, b: a + b,
    "minus": lambda a, b: a + (-b),
    "times": lambda a, b: a * b,
    "rdivide": lambda a, b: a * (1 / b),
    "power": lambda a, b: a**b,
    "eq": lambda a, b: ~((a < b) | (a > b)),
    "ne": lambda a, b: (a < b) | (a > b),
    "lt": lambda a, b: (b - a).real > 0,
    "le": lambda a, b: (b - a).real >= 0,
    "gt": lambda a, b: (a - b).real > 0,
    "ge": lambda a, b: (a - b).real >= 0,
    "exceeds": lambda a, b: after(a, b),
    "and_": lambda a, b: (a != 0) & (b != 0),
    "or_": lambda a, b: (a != 0) | (b != 0),
    "xor": lambda a, b: (a != 0) ^ (b != 0),
    "max": lambda a, b: np.where(after(a, b), a, b),
    "min": lambda a, b: np.where(after(b, a), a, b),
}


def place(z: Any) -> Any:
    """What numbers are compared by: complex ones by modulus and then by phase."""
    return cmath.polar(z) if np.iscomplexobj(z) else z


def after(a: Any, b: Any) -> Any:
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        a, b = a + 0j, b + 0j
    return np.vectorize(lambda x, y: place(x) > place(y))(a, b)


def _pairing(f: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def paired(a: Any, b: Any) -> Any:
        (x, y), dims = met(a, b)
        return f(x, y), dims

    return paired


REFERENCES.update({name: _pairing(f) for name, f in PAIRS.items()})


@reference("complex")
def _(a: Any, b: Any = 0.0) -> Any:
    (x, y), dims = met(a, b)
    return x + y * 1j, dims


@reference("select")
def _(mask: A, a: A, b: A) -> Any:
    return mask.x * a.x + (1 - mask.x) * b.x


# -- moving and repeating ------------------------------------------------------------------


def padded(x: Any, rank: int) -> Any:
    return x.reshape(x.shape + (1,) * (rank - x.ndim))


@reference("reshape")
def _(a: A, *sizes: Any) -> Any:
    listed = sizes[0] if len(sizes) == 1 else sizes
    flat = a.x.T.ravel()
    return flat.reshape([-1 if n == [] else n for n in listed][::-1]).T


@reference("permute")
def _(a: A, order: Sequence[int]) -> Any:
    dims = a.dims + "U" * (len(order) - len(a.dims)) if a.dims else ""
    source = [k - 1 for k in order]
    return np.moveaxis(padded(a.x, len(order)), source, range(len(order))), dims


@reference("transpose")
def _(a: A) -> Any:
    return np.array([[a.x[i, j] for i in range(a.x.shape[0])] for j in range(a.x.shape[1])]), a.dims


@reference("pagetranspose")
def _(a: A) -> Any:
    return np.moveaxis(a.x, 0, 1)


@reference("expand")
def _(a: A, shape: Sequence[int]) -> Any:
    return padded(a.x, len(shape)) + np.zeros(shape)


@reference("sumto")
def _(a: A, shape: Sequence[int]) -> Any:
    kept = [n if k < len(shape) and shape[k] == n else 1 for k, n in enumerate(a.x.shape)]
    out = np.zeros(kept)
    for at in np.ndindex(a.x.shape):
        out[tuple(np.minimum(at, np.array(kept) - 1))] += a.x[at]
    return out


@reference("squeeze")
def _(a: A) -> Any:
    if a.x.ndim <= 2:
        return a.x, a.dims
    if set(a.x.shape[2:]) == {1}:
        return a.x.reshape(a.x.shape[:2]), a.dims[:2]
    dims = "".join(d for d, n in zip(a.dims, a.x.shape, strict=False) if n != 1)
    rest = np.squeeze(a.x)
    return padded(rest, 2), dims and dims.ljust(2, "U")


@reference("repmat")
def _(a: A, *counts: Any) -> Any:
    times = list(counts[0]) if isinstance(counts[0], list) else list(counts)
    times = times * 2 if len(times) == 1 else times
    y = padded(a.x, len(times))
    for axis, n in enumerate(times):
        y = np.concatenate([y] * n, axis=axis)
    return y, a.dims and a.dims.ljust(len(times), "U")


@reference("flip")
def _(a: A, dim: Any = None) -> Any:
    (axis,) = axes_of(a, dim)
    return np.take(a.x, np.arange(a.x.shape[axis])[::-1], axis=axis), a.dims


@reference("unstack")
def _(a: A, axis: int) -> Any:
    return [a.x.take(k, axis=axis) for k in range(a.x.shape[axis])]


@reference("stack")
def _(*parts: A, axis: int) -> Any:
    return np.stack([p.x for p in parts], axis=axis)


@reference("cat")
def _(dim: int, *arrays: Any) -> Any:
    parts = [a for a in arrays if isinstance(a, A)]
    rank = max(dim, *[p.x.ndim for p in parts])
    dims = parts[0].dims
    return np.concatenate([padded(p.x, rank) for p in parts], dim - 1), dims and dims.ljust(
        rank, "U"
    )


@reference("split")
def _(a: A, axis: int, counts: Sequence[int]) -> Any:
    return np.split(a.x, np.cumsum(counts)[:-1], axis=axis)


@reference("grown")
def _(a: A, shape: Sequence[int]) -> Any:
    x = padded(a.x, len(shape))
    return np.pad(x, [(0, n - m) for m, n in zip(x.shape, shape, strict=True)])


# -- subscripts ----------------------------------------------------------------------------


def mesh(entries: Sequence[Any], shape: Sequence[int]) -> Any:
    """Subscripts that select the outer product; an integer selects a range of one."""
    picked = [np.arange(n)[e].reshape(-1) for e, n in zip(entries, shape, strict=True)]
    return np.ix_(*picked)


@reference("index")
def _(a: A, key: Any) -> Any:
    return a.x[mesh(key, a.x.shape)], a.dims


@reference("scatter")
def _(*parts: A, selections: Any, shape: Any, like: Any) -> Any:
    out = np.zeros(shape)
    for part, selection in zip(parts, selections, strict=True):
        np.add.at(out, mesh(selection.entries, shape), part.x)
    return out


@reference("cleared")
def _(a: A, selection: Any) -> Any:
    keep = np.ones(a.x.shape)
    keep[mesh(selection.entries, a.x.shape)] = 0
    return a.x * keep


@reference("columns")
def _(a: A, index: Any) -> Any:
    return np.stack([a.x[:, k] for k in index], axis=1)


@reference("spread_columns")
def _(a: A, index: Any, shape: Any) -> Any:
    return a.x @ (np.arange(shape[1]) == index[:, None])


@reference("embed")
def _(index: A, weights: A, DataFormat: str = "") -> Any:
    at, dims = index.x, index.dims or DataFormat
    if "C" in dims:
        at, dims = at.squeeze(dims.index("C")), dims.replace("C", "")
    before = dims.count("S") if index.dims else 0
    y = np.empty((*at.shape[:before], weights.x.shape[0], *at.shape[before:]))
    for place in np.ndindex(at.shape):
        column = weights.x[:, int(at[place]) - 1]
        y[(*place[:before], slice(None), *place[before:])] = column
    return y, dims[:before] + "C" + dims[before:] if index.dims else ""


# -- reductions ----------------------------------------------------------------------------


def axes_of(a: A, dim: Any = None) -> tuple[int, ...]:
    rank = a.x.ndim
    if dim is None:
        if a.x.shape == (0, 0):
            return (0, 1)
        return (([k for k in range(rank) if a.x.shape[k] != 1] or [0])[0],)
    if dim == "all":
        return tuple(range(rank))
    if isinstance(dim, str):
        return tuple([k for k in range(rank) if a.dims[k] in dim])
    return tuple([k - 1 for k in ([dim] if isinstance(dim, int) else dim) if k <= rank])


def _folding(step: Callable[[Any, Any], Any], start: Any) -> Callable[..., Any]:
    """A reduction as a loop over slices."""

    def folded(a: A, dim: Any = None) -> Any:
        y = a.x
        for axis in axes_of(a, dim):
            total = np.full_like(np.take(y, [0], axis), start) if y.shape[axis] else None
            if total is None:
                shape = [1 if k == axis else n for k, n in enumerate(y.shape)]
                total = np.full(shape, start, dtype=y.dtype)
            for k in range(y.shape[axis]):
                total = step(total, np.take(y, [k], axis))
            y = total
        return y, a.dims

    return folded


REFERENCES["sum"] = _folding(lambda s, x: s + x, 0)
REFERENCES["prod"] = _folding(lambda p, x: p * x, 1)
REFERENCES["any"] = _folding(lambda t, x: t | (x != 0), False)
REFERENCES["all"] = _folding(lambda t, x: t & (x != 0), True)


@reference("mean")
def _(a: A, dim: Any = None) -> Any:
    count = math.prod([a.x.shape[k] for k in axes_of(a, dim)])
    total = REFERENCES["sum"](a, dim)[0]
    return (total / count if count else np.full_like(total, np.nan)), a.dims


@reference("max_first")
def _(a: A) -> Any:
    return np.apply_along_axis(lambda column: [sorted(column, key=place)[-1]], 0, a.x)


@reference("min_first")
def _(a: A) -> Any:
    return np.apply_along_axis(lambda column: [sorted(column, key=place)[0]], 0, a.x)


# -- products ------------------------------------------------------------------------------


@reference("mtimes")
def _(a: Any, b: Any) -> Any:
    scalar = [x for x in (a, b) if not isinstance(x, A) or (x.x.size == 1 and not x.dims)]
    if scalar:
        (x, y), dims = met(a, b)
        return x * y, dims
    return np.einsum("ij,jk->ik", a.x, b.x)


@reference("pagemtimes")
def _(a: A, *rest: Any) -> Any:
    how, b, how_b = ("none", *rest, "none") if len(rest) == 1 else rest
    x, y = [v.x.swapaxes(0, 1) if w != "none" else v.x for v, w in ((a, how), (b, how_b))]
    rank = max(x.ndim, y.ndim)
    x, y = padded(x, rank), padded(y, rank)
    return (x[:, :, None] * y[None]).sum(axis=1)


@reference("fullyconnect")
def _(a: A, weights: A, bias: A, DataFormat: str = "") -> Any:
    dims = a.dims or DataFormat
    summed = [k for k, d in enumerate(dims) if d in "SCU"]
    x = np.moveaxis(a.x, summed, range(len(summed)))
    W = weights.x.reshape(weights.x.shape[0], *x.shape[: len(summed)])
    y = np.tensordot(W, x, len(summed)) + padded(bias.x.reshape(-1), 1 + x.ndim - len(summed))
    if DataFormat:
        return np.moveaxis(y, 0, DataFormat.index("C"))
    return y, "C" + "".join(d for d in dims if d in "BT")


# -- losses --------------------------------------------------------------------------------


def placed(a: A | None, dims: str, fmt: str = "") -> Any:
    """An array that goes with predictions of labels `dims`, in their dimensions; None is 1."""
    if a is None:
        return 1.0
    own = a.dims or fmt
    if not own:
        return padded(a.x, len(dims))
    x, names = a.x, own
    for k in reversed(range(len(names))):
        if names[k] not in dims:
            assert x.shape[k] == 1
            x, names = x.squeeze(k), names[:k] + names[k + 1 :]
    missing = [k for k, d in enumerate(dims) if d not in names]
    order = [names.index(d) for d in dims if d in names]
    return np.expand_dims(x.transpose(order), missing)


def _loss(element: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def loss(
        Y: A,
        targets: A,
        weights: A | None = None,
        DataFormat: str = "",
        WeightsFormat: str = "",
        Mask: A | None = None,
        NormalizationFactor: str = "batch-size",
        Reduction: str = "sum",
        **options: Any,
    ) -> Any:
        dims = Y.dims or DataFormat
        mask = np.broadcast_to(placed(Mask, dims, DataFormat) != 0, Y.x.shape)
        losses = element(Y.x, placed(targets, dims, DataFormat), **options)
        losses = np.where(mask, losses, 0) * placed(weights, dims, WeightsFormat)
        count = {
            "batch-size": Y.x.shape[dims.index("B")] if "B" in dims else 1,
            "all-elements": Y.x.size,
            "mask-included": mask.sum(),
            "none": 1,
        }[NormalizationFactor]
        if Reduction == "none":  # the divisor belongs to the reduction
            return losses, Y.dims
        return losses.sum().reshape(1, 1) / count

    return loss


def _entropy(y: Any, t: Any, ClassificationMode: str = "", TargetCategories: str = "") -> Any:
    loss = -t * np.log(y)
    if ClassificationMode == "multilabel" or TargetCategories == "independent":
        loss = loss - (1 - t) * np.log(1 - y)
    return loss


REFERENCES["crossentropy"] = _loss(_entropy)
REFERENCES["mse"] = _loss(lambda y, t: (y - t) ** 2 / 2)
REFERENCES["l1loss"] = _loss(lambda y, t: np.maximum(y - t, t - y))
REFERENCES["l2loss"] = _loss(lambda y, t: y * y - 2 * y * t + t * t)


# -- the recurrent unit --------------------------------------------------------------------


@reference("gru")
def _(
    X: A,
    H0: A,
    weights: A,
    recurrent: A,
    bias: A,
    DataFormat: str = "",
    Direction: str = "forward",
    SequenceLengths: Any = None,
    **options: Any,
) -> Any:
    dims = X.dims or DataFormat
    x = X.x.transpose([dims.index(d) for d in "CBT" if d in dims])
    for axis, d in enumerate("CBT"):
        x = x if d in dims else np.expand_dims(x, axis)
    batch, steps = x.shape[1:]
    lengths = [steps] * batch if SequenceLengths is None else SequenceLengths
    both = 2 if Direction == "bidirectional" else 1
    parts = [[p.x] if both == 1 else np.split(p.x, 2) for p in (H0, weights, recurrent, bias)]
    runs = []
    for way in range(both):
        h0, W, R, b = [p[way] for p in parts]
        y = np.zeros((len(h0), batch, steps))
        for k in range(batch):
            h = h0[:, min(k, h0.shape[1] - 1)]
            order = range(lengths[k])
            for t in reversed(order) if way or Direction == "backward" else order:
                h = y[:, k, t] = _gru_step(x[:, k, t], h, W, R, b.ravel(), **options)
        runs.append(y)
    y, kept = np.concatenate(runs), "CBT"
    for d in "BT":
        if d not in dims:
            y, kept = y.squeeze(kept.index(d)), kept.replace(d, "")
    if DataFormat:
        return y.transpose([kept.index(d) for d in DataFormat])
    return y, kept


def _gru_step(
    x: Any,
    h: Any,
    W: Any,
    R: Any,
    b: Any,
    ResetGateMode: str = "after-multiplication",
    StateActivationFunction: str = "tanh",
    GateActivationFunction: str = "sigmoid",
) -> Any:
    gate = {
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
        "hard-sigmoid": lambda v: np.clip(0.2 * v + 0.5, 0, 1),
    }[GateActivationFunction]
    act = {
        "tanh": np.tanh,
        "softsign": lambda v: v / (1 + abs(v)),
        "relu": lambda v: np.maximum(v, 0),
    }[StateActivationFunction]
    n = len(h)
    input_side = W @ x + b[: 3 * n]
    own_bias = b[3 * n :] if b.size > 3 * n else np.zeros(3 * n)
    recurrent_side = R @ h + own_bias
    r = gate(input_side[:n] + recurrent_side[:n])
    z = gate(input_side[n : 2 * n] + recurrent_side[n : 2 * n])
    if ResetGateMode == "before-multiplication":
        candidate = act(input_side[2 * n :] + R[2 * n :] @ (r * h))
    else:
        candidate = act(input_side[2 * n :] + r * recurrent_side[2 * n :])
    return z * h + (1 - z) * candidate
