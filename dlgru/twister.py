"""MATLAB's double-precision random numbers, number for number.

After ``rng(13)`` MATLAB's ``rand``, ``randn``, ``randi`` and ``randperm`` give a fixed sequence,
and initial weights, dropout masks and data splits are cut from it.  A ported script that is to
start from MATLAB's own weights therefore needs MATLAB's own sequence.

Everything is drawn from one Mersenne Twister (Matsumoto and Nishimura 1998) that yields 32-bit
words, and **every draw takes words in pairs** ``(a, b)``:

* ``rand``: 53 bits, ``(a >> 5, b >> 6)``; seeded as NumPy's ``RandomState(seed)``, where
  MATLAB's seed 0 stands for 5489.
* ``randn``: a ziggurat of 256 layers of equal area under ``exp(-x**2/2)`` (Marsaglia and Tsang
  2000).  The top 8 bits of ``b`` choose the layer, 53 other bits a place across it.  A place that
  also lies within the narrower layer above it is accepted at once (98.8 % of all); else one
  ``rand`` decides whether it lies under the curve, and beyond the last layer Marsaglia's tail
  takes two ``rand`` a trial.
* ``randi``: ``imin + floor(n*rand)``;  ``randperm``: the order that sorts n numbers of ``rand``.

The rules were worked out from published numbers and agree with start-up values of MATLAB and with
weights that MATLAB stored.  Not known, hence not offered: what ``rand(..., "single")`` draws
(dlgru rounds double draws) and how MATLAB's ``randperm(n, k)`` draws when k < n.

For speed words are fetched in blocks and the accept test of ``randn`` is made for a whole window
of pairs at once; Python code sees only the rejected 1.2 %.  A window is never longer than the
number of values still wanted, and each value takes at least one pair, so no draw looks past its
own end: the sequence does not depend on how it is split into calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dlgru.errors import DlgruTypeError, DlgruValueError, number_words

Doubles: TypeAlias = NDArray[np.float64]
Words: TypeAlias = NDArray[np.uint32]

SMALLEST = 2.0**-53
"""The least value of ``rand``: MATLAB never returns 0 or 1."""

LAST = 255
"""The bottom layer of the ziggurat, the one with the tail."""

TAIL = 3.6541528853610087963519472518
"""Where the tail begins; fixed by 256 layers of equal area."""


def _curve(x: float) -> float:
    return math.exp(-0.5 * x * x)


def _layer_edges() -> list[float]:
    """Return the half-widths of the layers from 0 at the top to the bottom one."""
    area = TAIL * _curve(TAIL) + math.sqrt(math.pi / 2) * math.erfc(TAIL / math.sqrt(2))
    edges = [area / _curve(TAIL), TAIL]
    while len(edges) < 256:
        edges.append(math.sqrt(-2 * math.log(area / edges[-1] + _curve(edges[-1]))))
    return [0.0, *reversed(edges)]


_EDGES = _layer_edges()
_INNER, _OUTER = np.array(_EDGES[:-1]), np.array(_EDGES[1:])
_HEIGHTS = [_curve(x) for x in _EDGES]


def _uniform(pairs: Words) -> Doubles:
    """Turn pairs of words into numbers in (0, 1)."""
    numbers: Doubles = np.multiply(pairs[:, 0] >> 5, 67108864.0, dtype=np.float64)
    numbers += pairs[:, 1] >> 6
    numbers *= SMALLEST
    np.maximum(numbers, SMALLEST, out=numbers)
    return numbers


class Stream:
    """One sequence of MATLAB's random numbers.

    Parameters
    ----------
    seed : int, default 0
        From 0 to 2^32 - 1, as in ``rng(seed)``; 0 is MATLAB's default and stands for 5489.

    Notes
    -----
    Sizes are sequences (``(3, 4)``); negative ones count as 0.  Results are column-major and
    filled column by column.  A Stream is not locked: give each thread its own.

    Examples
    --------
    >>> s = Stream(0)
    >>> s.rand((1, 3)).round(4).tolist()
    [[0.8147, 0.9058, 0.127]]
    >>> s.randi(10, (1, 4)).tolist()
    [[10.0, 7.0, 1.0, 3.0]]
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = checked_seed(seed)
        self._source = np.random.RandomState(self.seed or 5489)
        self._forget()

    def _forget(self) -> None:
        """Drop the fetched words; the source must stand where the next draw begins."""
        self._pairs: Words = np.empty((0, 2), np.uint32)
        self._next = 0
        self._origin = self._source.get_state(legacy=False)

    def _words(self, pairs: int) -> Words:
        words: Words = self._source.randint(0, 2**32, size=(pairs, 2), dtype=np.uint32)
        return words

    def _fetch(self, wanted: int) -> None:
        self._origin = self._source.get_state(legacy=False)
        self._pairs = self._words(min(max(wanted, 312), 32768))
        self._next = 0

    def _pair(self) -> tuple[int, int]:
        if self._next == len(self._pairs):
            self._fetch(1)
        a, b = self._pairs[self._next].tolist()
        self._next += 1
        return a, b

    def state(self) -> Words:
        """Return the place in the sequence: the generator's 624 words and the position in them."""
        self._source.set_state(self._origin)
        self._words(self._next)
        self._forget()
        key, position = self._origin["state"]["key"], self._origin["state"]["pos"]
        return np.append(key, np.uint32(position))

    def set_state(self, state: Any) -> None:
        """Go to a place in the sequence that :meth:`state` returned."""
        values = np.asarray(state).ravel()
        fits = values.size == 625 and values.dtype.kind in "uif"
        if fits:
            fits = bool(np.all((values >= 0) & (values < 2**32) & (values % 1 == 0)))
        if not (fits and values[-1] <= 624):
            raise DlgruValueError(
                identifier="dlgru:rng:state",
                function="rng",
                argument="State",
                came=f"{values.size} values of {values.dtype}",
                expected="625 whole numbers below 2^32, the last at most 624",
                fix="Pass what s = rng() stored in s.State",
            )
        inner = {"key": values[:-1].astype(np.uint32), "pos": int(values[-1])}
        self._source.set_state({"bit_generator": "MT19937", "state": inner})
        self._forget()

    def rand(self, shape: Sequence[float]) -> Doubles:
        """Draw numbers uniform in (0, 1), as MATLAB's ``rand``."""
        out: Doubles = np.empty(_sizes(shape, "rand"), order="F")
        flat, done = out.reshape(-1, order="F"), 0
        while done < flat.size:
            if flat.size - done < 8:  # NumPy's overhead would exceed the work
                flat[done] = self._rand()
                done += 1
                continue
            if self._next == len(self._pairs):
                self._fetch(flat.size - done)
            pairs = self._pairs[self._next : self._next + flat.size - done]
            flat[done : done + len(pairs)] = _uniform(pairs)
            done += len(pairs)
            self._next += len(pairs)
        return out

    def randn(self, shape: Sequence[float]) -> Doubles:
        """Draw standard normal numbers, as MATLAB's ``randn``."""
        out: Doubles = np.empty(_sizes(shape, "randn"), order="F")
        flat, done = out.reshape(-1, order="F"), 0
        while done < flat.size:
            if self._next == len(self._pairs):
                self._fetch(flat.size - done)
            # The last pair of a block is left to the slow way: its wedge test needs the next block.
            window = min(flat.size - done, len(self._pairs) - self._next - 1)
            if window < 32:
                flat[done] = self._normal()
                done += 1
            else:
                values = self._normals(window)
                flat[done : done + len(values)] = values
                done += len(values)
        return out

    def randi(self, imax: float | Sequence[float], shape: Sequence[float]) -> Doubles:
        """Draw whole numbers from 1 to imax, or from imin to imax, as MATLAB's ``randi``."""
        low, high = _bounds(imax)
        out = self.rand(shape)
        out *= high - low + 1
        np.floor(out, out=out)
        out += low
        return out

    def randperm(self, n: float, k: float | None = None) -> Doubles:
        """Draw k (default n) different numbers of 1 to n in random order, as a row 1×k.

        With k < n these are the first k of ``randperm(n)``; what MATLAB draws then is not known.
        """
        size = _whole(n, "randperm", "n", 0)
        count = size if k is None else _whole(k, "randperm", "k", 0)
        if count > size:
            raise DlgruValueError(
                identifier="dlgru:randperm:count",
                function="randperm",
                argument="k",
                came=str(count),
                expected=f"at most n = {size}",
            )
        order = np.argsort(self.rand((size,)), kind="stable")[:count]
        out: Doubles = np.empty((1, count), order="F")
        np.add(order, 1, out=out[0])
        return out

    def _rand(self) -> float:
        a, b = self._pair()
        return max(((a >> 5) * 67108864 + (b >> 6)) * SMALLEST, SMALLEST)

    def _tail(self, sign: float) -> float:
        while True:
            s = -math.log(self._rand()) / TAIL
            t = -math.log(self._rand())
            if 2 * t > s * s:
                return math.copysign(TAIL + s, sign)

    def _normal(self) -> float:
        """Draw one normal number: the ziggurat in its plain form."""
        while True:
            a, b = self._pair()
            layer = b >> 24
            x = ((a >> 3) * 2.0**-28 + (b & 0xFFFFFF) * 2.0**-52 - 1) * _EDGES[layer + 1]
            if abs(x) < _EDGES[layer]:
                return x
            if layer == LAST:
                return self._tail(x)
            if _under_curve(x, layer, self._rand()):
                return x

    def _normals(self, window: int) -> Doubles:
        """Draw the normal numbers whose pairs begin in the next `window` pairs of this block.

        The block must hold one pair more than the window.
        """
        block, first = self._pairs, self._next
        a, b = block[first : first + window].T
        layer = b >> 24
        x: Doubles = np.multiply(a >> 3, 2.0**-28, dtype=np.float64)
        x += (b & 0xFFFFFF) * 2.0**-52
        x -= 1  # exact so far: 53 bits
        x *= _OUTER.take(layer)
        rejected = np.flatnonzero(np.abs(x) >= _INNER.take(layer))
        kept = np.ones(window, dtype=bool)
        free = 0  # pairs of this window before this one are used up
        for place, at, value, chance in zip(
            rejected.tolist(),
            layer[rejected].tolist(),
            x[rejected].tolist(),
            _uniform(block[first + 1 : first + window + 1][rejected]).tolist(),
            strict=True,
        ):
            if place < free:
                continue  # not a trial: an earlier one took this pair as its rand
            if at != LAST:
                kept[place] = _under_curve(value, at, chance)
                free = place + 2
            else:
                self._next = first + place + 1
                x[place] = self._tail(value)
                if self._pairs is not block:
                    return x[: place + 1][kept[: place + 1]]
                free = self._next - first
            kept[place + 1 : free] = False
        self._next = first + max(window, free)
        return x[kept]


def _under_curve(x: float, layer: int, chance: float) -> bool:
    """Test a place in the wedge of a layer, `chance` of the way up through it."""
    bottom, top = _HEIGHTS[layer + 1], _HEIGHTS[layer]
    return bottom + chance * (top - bottom) < _curve(x)


def checked_seed(value: object) -> int:
    """Return a seed as an int; it must be a whole number from 0 to 2^32 - 1."""
    return _whole(value, "rng", "seed", 0, 2**32 - 1)


def _whole(
    value: object, function: str, argument: str, least: float, most: float = math.inf
) -> int:
    """Return a whole-valued number as an int, or raise."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole or (isinstance(value, float | np.floating) and value.is_integer()):
        number = int(value)  # type: ignore[call-overload]
        if least <= number <= most:
            return int(number)
    limits = f" from {least:.0f}" if least > -math.inf else ""
    limits += f" to {most:.0f}" if most < math.inf else " upwards" if limits else ""
    real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    raise (DlgruValueError if real else DlgruTypeError)(
        identifier=f"dlgru:{function}:{argument}",
        function=function,
        argument=argument,
        came=f"of class {type(value).__name__}"
        if hasattr(value, "shape") and not real
        else number_words(value),
        expected=f"a whole number{limits}",
    )


def _sizes(shape: Sequence[float], function: str) -> tuple[int, ...]:
    """Return sizes as non-negative integers; MATLAB takes a negative size as 0."""
    if isinstance(shape, int | float | np.number):
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:size",
            function=function,
            argument="shape",
            came=f"the number {shape}",
            expected="a sequence of sizes",
            fix=f"Write ({shape}, {shape}) for a square or (1, {shape}) for a row",
        )
    return tuple(max(_whole(n, function, "size", -math.inf), 0) for n in shape)


def _bounds(imax: float | Sequence[float]) -> tuple[int, int]:
    """Return the least and greatest whole number ``randi`` may draw."""
    if isinstance(imax, int | float | np.number):
        return 1, _whole(imax, "randi", "imax", 1, 2**53)
    pair = [_whole(v, "randi", "limits", -(2**53), 2**53) for v in imax]
    if len(pair) == 2 and pair[0] <= pair[1] <= pair[0] + 2**53 - 1:
        return pair[0], pair[1]
    raise DlgruValueError(
        identifier="dlgru:randi:limits",
        function="randi",
        argument="limits",
        came=repr(pair),
        expected="imax or [imin, imax] with imin <= imax, at most 2^53 numbers apart",
    )
