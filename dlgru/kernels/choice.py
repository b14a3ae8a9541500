"""Which engine runs a recurrent operation, and why.

An **engine** is a module that computes a whole operation in one direction, on
arrays without labels, by four functions (and three more if it likes)::

    forward (spec, x, state, W, R, b, extra)                -> Out(y, last, traces, reserve)
    backward(reserve, dy, dlast, dtraces, needs, keep=True) -> Grads(x, state, W, R, b, inner)
    accepts (spec) -> True | reason          cost(spec) -> seconds
    tried   (spec) -> bool      False: on this device it has never run; only on request
    short   (spec) -> run | None         a short way for forward runs without a reserve:
                                run(x, h0, W, R, b, kept) -> (y, last), or None: take forward;
                                h0 is [H,B] or [H,1]; where T = B = 1, x may be [C,1], and y
                                is alike
    keep    (spec) -> (key, make) | None     for callers that run the same weights again:
                                make(W, R, b) -> kept, as one key has it for all such runs

The cheapest engine that accepts a spec and has been tried runs it.  ``use_engine`` or the
environment variable ``DLGRU_ENGINE``, read when dlgru is imported, forces one, and a forced
engine that refuses is an error.  Nothing is chosen by catching an error.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from dlgru.backend import RawArray, double, single
from dlgru.errors import DlgruTypeError, DlgruValueError, listing
from dlgru.kernels import extension, native, plain
from dlgru.kernels.gpu import cluster, cudnn, graph, group
from dlgru.kernels.gpu.costs import architectures_tried
from dlgru.kernels.spec import Extra, Grads, Needs, Out, Spec, State


class Engine(Protocol):
    """What a module must offer to be an engine."""

    NAME: str

    def forward(
        self,
        spec: Spec,
        x: RawArray,
        state: State,
        W: RawArray,
        R: RawArray,
        b: RawArray | None,
        extra: Extra,
    ) -> Out:
        """Run over a sequence in one direction."""

    def backward(
        self,
        reserve: Any,
        dy: RawArray | None,
        dlast: State | None,
        dtraces: tuple[RawArray, ...] | None,
        needs: Needs,
        keep: bool = True,
    ) -> Grads:
        """Run back over a sequence."""

    def accepts(self, spec: Spec) -> bool | str:
        """Return True, or the reason against."""

    def cost(self, spec: Spec) -> float:
        """Estimate the seconds of a forward run."""


# A faster engine is a file in this folder and a row here.
_ON_CPU: tuple[Engine, ...] = (native, plain) if native.PRESENT else (plain,)
_ON_GPU: tuple[Engine, ...] = (cluster, group, cudnn, graph)
ENGINES: tuple[Engine, ...] = (*_ON_GPU, *_ON_CPU)


def about_engines() -> str:
    """Return what is to be said about the engines of this installation, in lines."""
    names = ", ".join(engine.NAME for engine in _ON_GPU)
    ran = architectures_tried().items()
    where = ", ".join(f"sm_{arch} ({', '.join(what)})" for arch, what in ran)
    tried = f"have run on {where} only" if where else "have never run on a GPU"
    return (
        f"{extension.describe()}\n"
        f"the GPU engines ({names}) {tried}: elsewhere they serve CuPy arrays on request only, "
        f'by use_engine("{_ON_GPU[0].NAME}")'
    )


# -- the choice ------------------------------------------------------------------------

_forced: ContextVar[str | None] = ContextVar(
    "dlgru engine", default=os.environ.get("DLGRU_ENGINE") or None
)
forced_engine = _forced.get
"""Return the name of the engine that is forced at this moment, if one is.

The variable's own method, because every call of ``gru`` asks.
"""


@contextmanager
def use_engine(name: str) -> Iterator[None]:
    """Make every recurrent operation in this block run on the named engine.

    Parameters
    ----------
    name : str
        An engine's name, such as ``"plain"``.

    Raises
    ------
    DlgruValueError
        If there is no such engine; inside the block, if it refuses what it is given.

    Examples
    --------
    >>> import dlgru.kernels
    >>> with dlgru.kernels.use_engine("plain"):
    ...     pass
    """
    _named(name, "use_engine")
    before = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(before)


def choose(spec: Spec) -> Engine:
    """Return the engine that runs this spec: the forced one, or the cheapest that accepts it."""
    return choice(spec, forced_engine())


def _named(name: str, function: str) -> Engine:
    for engine in ENGINES:
        if engine.NAME == name:
            return engine
    raise DlgruValueError(
        "There is no such engine",
        identifier="dlgru:kernels:noSuchEngine",
        function=function,
        argument="engine",
        came=f'"{name}"',
        expected=listing(engine.NAME for engine in ENGINES),
        fix=f"{extension.absence}: {extension.REINSTALL}" if name == "native" else "",
    )


@functools.lru_cache(maxsize=4096)
def choice(spec: Spec, forced: str | None) -> Engine:
    """Return the choice for a spec, with the engine of that name or with all of them."""
    if spec.direction == "bidirectional":
        spec = spec._replace(direction="forward")
    candidates = ENGINES if forced is None else (_named(forced, "choose"),)
    answers = [(engine, engine.accepts(spec)) for engine in candidates]
    willing = [engine for engine, answer in answers if answer is True]
    if forced is None:
        willing = [engine for engine in willing if _tried(engine, spec)]
    if willing:
        return min(willing, key=lambda engine: engine.cost(spec))
    raise DlgruValueError(
        "No engine computes this" if forced is None else f'The engine "{forced}" was forced',
        identifier="dlgru:kernels:refused",
        function="choose",
        argument="spec",
        came="; ".join(f"refused by {engine.NAME}: {answer}" for engine, answer in answers),
    )


def _tried(engine: Engine, spec: Spec) -> bool:
    tried = getattr(engine, "tried", None)
    return tried is None or tried(spec)


class Explanation(str):
    """A text that a Python prompt shows as it reads."""

    __repr__ = str.__str__


def why(spec: Spec | None = None, **fields: Any) -> Explanation:
    """Say which engine runs a recurrent operation, and what each engine says about it.

    Parameters
    ----------
    spec : Spec, optional
        What is asked for.
    **fields
        Or its fields: the sizes T, B, C and H, and any option, such as
        ``dtype="double"``, ``reset="before"``, ``save="gates"``.  Without any, the answer
        lists the engines.

    Returns
    -------
    str
        The choice, a line for each engine, and what this installation has or lacks.

    Examples
    --------
    >>> import dlgru.kernels
    >>> dlgru.kernels.why(T=100, B=32, C=64, H=128, act="sine")
    gru, T=100 B=32 C=64 H=128, single: no engine...
      plain: refuses, act='sine' is not one of 'tanh', 'softsign', 'relu'
    ...
    """
    forced = forced_engine()
    lines = []
    if spec is None and not fields:
        lines += [f"{engine.NAME}: part of this version" for engine in ENGINES]
    else:
        lines += _explained(_spec_of({**(spec._asdict() if spec else {}), **fields}), forced)
    if forced is not None:
        by = "DLGRU_ENGINE" if _forced.get(None) is None else "use_engine"
        lines.append(f'"{forced}" is forced by {by}')
    return Explanation("\n".join([*lines, about_engines()]))


def _spec_of(fields: dict[str, Any]) -> Spec:
    missing = [name for name in "TBCH" if name not in fields]
    unknown = [name for name in fields if name not in Spec._fields]
    if missing or unknown:
        raise DlgruTypeError(
            identifier="dlgru:kernels:why",
            function="why",
            argument=unknown[0] if unknown else missing[0],
            came="no field of a spec" if unknown else "missing",
            expected=f"T, B, C, H and perhaps {listing(Spec._fields[4:])}",
        )
    named = {"single": single, "double": double}
    dtype = fields.get("dtype", single)
    return Spec(**{**fields, "dtype": named.get(dtype, dtype) if type(dtype) is str else dtype})


def _explained(spec: Spec, forced: str | None) -> list[str]:
    try:
        chosen = choice(spec, forced).NAME
    except DlgruValueError:
        chosen = "no engine"
    one_way = spec._replace(direction="forward") if spec.direction == "bidirectional" else spec
    name = {single: "single", double: "double"}.get(spec.dtype, str(spec.dtype))
    T, B, C, H = spec[:4]
    lines = [f"{spec.cell}, T={T} B={B} C={C} H={H}, {name}: {chosen}"]
    for engine in ENGINES:
        answer = engine.accepts(one_way)
        if answer is not True:
            about = f"refuses, {answer}"
        else:
            about = f"accepts, about {1e3 * engine.cost(one_way):.2g} ms forward"
            if not _tried(engine, one_way):
                about += "; on request only, for it has never run on such a device"
        lines.append(f"  {engine.NAME}: {about}")
    return lines
