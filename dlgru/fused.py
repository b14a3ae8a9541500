"""A composite that is computed as a whole by a faster pair, and what its pull does.

The *body* of a composite stays its definition.  A *fused* pair computes the same on raw
arrays in one go, forward and backward.  It answers for values and first derivatives;
when a derivative is itself recorded, to be differentiated again, the body is replayed
on the saved inputs instead.  So nobody writes a second derivative by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from dlgru.array import Value, recording_tape
from dlgru.tape import Tape, next_id, pull_back


class Fused(Protocol):
    """A faster pair for a whole composite, on the same inputs as its body."""

    def accepts(self, inputs: Sequence[Value], options: dict[str, Any]) -> bool:
        """True if this pair can compute the call; the body does otherwise."""

    def forward(
        self, inputs: Sequence[Value], options: dict[str, Any], save: bool
    ) -> tuple[tuple[Any, ...], Any]:
        """Raw outputs, and (if `save`) whatever the backward pass needs."""

    def backward(
        self, saved: Any, gradients: Sequence[Any], needs: Sequence[bool], keep: bool
    ) -> Sequence[Any]:
        """Raw gradients of the inputs, None where not needed."""


def apply_fused(body: Callable[..., Any], fused: Fused) -> Callable[..., Any]:
    """The composite `body` on Values, computed by its fused pair wherever that accepts."""

    def on_values(*inputs: Value, **options: Any) -> Any:
        if not fused.accepts(inputs, options):
            return body(*inputs, **options)
        tape = recording_tape(inputs)
        raw, saved = fused.forward(inputs, options, save=tape is not None)
        if tape is None:
            return tuple([Value(d) for d in raw])
        outs = tuple([Value(d, tape, next_id()) for d in raw])
        read = tuple([x.id if x.tape is tape else 0 for x in inputs])
        pull = FusedPull(body, fused, inputs, options, saved)
        tape.append(tuple([y.id for y in outs]), read, pull)
        return outs

    return on_values


class FusedPull:
    """The pull of a fused composite: its own backward, or its body replayed."""

    __slots__ = ("body", "fused", "inputs", "options", "saved")

    def __init__(
        self,
        body: Callable[..., Any],
        fused: Fused,
        inputs: tuple[Value, ...],
        options: dict[str, Any],
        saved: Any,
    ) -> None:
        self.body, self.fused = body, fused
        self.inputs, self.options, self.saved = inputs, options, saved

    def pull(
        self, gradients: Sequence[Value | None], needs: Sequence[bool], tape: Tape
    ) -> Sequence[Value | None] | dict[int, Any]:
        """Gradients of the inputs from those of the outputs."""
        if tape.entries is not None:
            return self._replay(gradients, needs, tape)
        fused, retain = self.fused, tape.retain
        saved, self.saved = self.saved, None
        if saved is None:
            # An earlier dlgradient without RetainData let it go.
            _, saved = fused.forward(self.inputs, self.options, save=True)
        if retain:
            self.saved = saved
        raw = fused.backward(
            saved, [None if g is None else g.data for g in gradients], needs, retain
        )
        return [None if g is None else Value(g) for g in raw]

    def _replay(
        self, gradients: Sequence[Value | None], needs: Sequence[bool], tape: Tape
    ) -> dict[int, Any]:
        assert tape.entries is not None
        start = len(tape.entries)
        outs = self.body(*self.inputs, **self.options)
        region = tape.entries[start:]
        seeds = seeds_of(zip(outs, gradients, strict=True), tape)
        wanted = [x.id for x, need in zip(self.inputs, needs, strict=True) if need]
        return pull_back(tape, region, seeds, wanted)  # by id: an input may stand in two places


def seeds_of(pairs: Iterable[tuple[Value, Value | None]], tape: Tape) -> dict[int, Any]:
    """Gradients by id; several outputs may be one and the same Value."""
    seeds: dict[int, Any] = {}
    for y, g in pairs:
        if g is not None and y.tape is tape and y.id:
            seeds[y.id] = seeds[y.id] + g if y.id in seeds else g
    return seeds
