"""Times of the GPU engines, cuDNN's algorithms, PyTorch and our CPU engine, taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from correctness import TOLERANCE, arrays, moved, relative

from dlgru.backend import to_host
from dlgru.kernels import plain
from dlgru.kernels.choice import choose
from dlgru.kernels.gpu import cluster, cudnn, graph, group
from dlgru.kernels.gpu.registry import runtime_of
from dlgru.kernels.gpu.sequences import Run
from dlgru.kernels.spec import EVERYTHING, NO_EXTRA, Spec

SHAPES = [  # T, B, C, H
    (100, 32, 64, 128),
    (512, 64, 256, 512),
    (512, 64, 512, 1024),
    (1024, 16, 256, 256),
    (1000, 1, 64, 256),
    (20, 27, 12, 100),
]
ALGORITHMS = ("STANDARD", "PERSIST_STATIC", "PERSIST_DYNAMIC", "SMALL_H")
TORCH = "torch nn.GRU"
ROUNDS = 15
CPU_MILLISECONDS = 2000
"""How long the CPU's runs of one shape and kind may take; it leaves the rounds after that."""
MOST_CPU_SECONDS = 2
"""Where one forward run on the CPU would take longer by estimate, it is left out, and said so."""


class Time(NamedTuple):
    """What one contender did on one shape."""

    shape: tuple[int, ...]
    work: str  # "forward" or "training"
    contender: str
    precision: str
    error: float
    milliseconds: float  # the median of the rounds
    least: float
    most: float
    to_torch: float | None  # PyTorch's time over this one, of the same precision and rounds
    to_cpu: float | None = None  # likewise our CPU engine's time over this one
    complaint: str = ""


class Contender(NamedTuple):
    """Something that computes a GRU."""

    name: str
    precision: str
    forward: Callable[[], Any]  # gives y [H,B,T]
    training: Callable[[], Any]  # gives y and the gradient of x [C,B,T]
    on_host: bool = False
    ready: Callable[[], Any] = lambda: None  # called before each turn, outside the clock
    fetch: Callable[[Any], Any] = to_host  # an array of its results on the host


def own(cupy: Any, engine: Any, spec: Spec, given: dict[str, Any]) -> Contender:
    """Return one of dlgru's engines."""
    arguments = (given["x"], (given["h0"],), given["W"], given["R"], given["b"], NO_EXTRA)
    saving = spec._replace(save="gates")

    def training() -> Any:
        out = engine.forward(saving, *arguments)
        grads = engine.backward(out.reserve, given["dy"], None, (), EVERYTHING, False)
        return out.y, grads.x

    return Contender(
        f"dlgru {engine.NAME}", spec.precision, lambda: engine.forward(spec, *arguments).y, training
    )


def on_the_cpu(shape: tuple[int, ...], given: dict[str, Any]) -> Contender:
    """Return dlgru's engine for the host, with all its threads and host copies of the arrays."""
    spec = Spec(*shape, np.dtype(np.float32), bias=6)
    engine = choose(spec)
    host = {k: v.get(order="F") if hasattr(v, "get") else v for k, v in given.items()}
    name = f"dlgru {engine.NAME} on the CPU"
    return own(None, engine, spec, host)._replace(name=name, on_host=True)


def too_long_for_the_cpu(shape: tuple[int, ...]) -> str:
    """Say why the CPU is left out of a shape, or nothing."""
    spec = Spec(*shape, np.dtype(np.float32), bias=6)
    seconds = choose(spec).cost(spec)
    return f"left out: about {seconds:.0f} s a run" if seconds > MOST_CPU_SECONDS else ""


def cudnn_itself(cupy: Any, algorithm: int, spec: Spec, given: dict[str, Any]) -> Contender:
    """Return one algorithm of cuDNN, driven by our own calls, weights packed in every call."""
    runtime = runtime_of(cupy)

    def started() -> Any:
        state = (given["x"], given["h0"], given["W"], given["R"], given["b"], NO_EXTRA)
        return cudnn.Pass.of(Run(cupy, runtime, spec, *state), algorithm)

    def training() -> Any:
        one = started()
        y, _, reserve = one.forward(training=True)
        return y, one.backward(y, given["dy"], None, reserve, EVERYTHING).x

    name = f"cuDNN {ALGORITHMS[algorithm]}"
    return Contender(name, spec.precision, lambda: started().forward(training=False)[0], training)


def torch_gru(cupy: Any, torch: Any, spec: Spec, given: dict[str, Any]) -> Contender:
    """Return PyTorch's nn.GRU with the same weights; `tf32` is its own default."""
    H, allowed = spec.H, spec.precision == "tf32"
    # On our stream: else neither the clock nor the order of work would be shared.
    stream = torch.cuda.ExternalStream(cupy.cuda.get_current_stream().ptr)
    b = given["b"]
    parts = (given["W"], given["R"], b[: 3 * H], b[3 * H :])

    def layer() -> Any:
        made = torch.nn.GRU(spec.C, H).cuda()
        parameters = (made.weight_ih_l0, made.weight_hh_l0, made.bias_ih_l0, made.bias_hh_l0)
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.copy_(torch.from_dlpack(cupy.ascontiguousarray(part)))
        return made

    def ready() -> None:
        torch.cuda.set_stream(stream)
        allow_tf32(torch, allowed)

    ready()
    with torch.no_grad():
        # In training mode PyTorch's forward run would keep what only a backward run needs.
        scorer, learner = layer().eval(), layer().train()
        x, h0, dy = (torch.from_dlpack(given[name].T).clone() for name in ("x", "h0", "dy"))
    h0, traced = h0[None], x.clone().requires_grad_()
    learned = [traced, *learner.parameters()]

    def forward() -> Any:
        with torch.no_grad():
            return scorer(x, h0)[0]

    def training() -> Any:
        y = learner(traced, h0)[0]
        return y, torch.autograd.grad(y, learned, dy)[0]

    def fetch(tensor: Any) -> Any:
        return tensor.detach().cpu().numpy().T

    return Contender(TORCH, spec.precision, forward, training, ready=ready, fetch=fetch)


def allow_tf32(torch: Any, allowed: bool) -> None:
    """Set what PyTorch's recurrent layers may round their products to."""
    recurrent = getattr(torch.backends.cudnn, "rnn", None)
    if hasattr(recurrent, "fp32_precision"):  # from 2.9 on; the two ways must not be mixed
        recurrent.fp32_precision = "tf32" if allowed else "ieee"
    else:
        torch.backends.cudnn.allow_tf32 = allowed


def pytorch() -> Any:
    """Return PyTorch, or a text that says why it is not compared with."""
    try:
        import torch

        return torch if torch.cuda.is_available() else f"PyTorch {torch.__version__} sees no GPU"
    except Exception as problem:  # whatever goes wrong in another package's import
        return f"no PyTorch: {type(problem).__name__}: {problem}"[:300]


def contenders(
    cupy: Any, shape: tuple[int, ...], given: dict[str, Any]
) -> tuple[list[Contender], list[Time]]:
    """Return everything that computes this shape here, and what could not be set up."""
    found: list[Contender] = []
    failed: list[Time] = []
    device, torch = runtime_of(cupy).describe(), pytorch()

    def add(name: str, precision: str, make: Callable[..., Contender], *arguments: Any) -> None:
        try:
            found.append(make(*arguments))
        except Exception as problem:
            failed.append(complaint(shape, name, precision, problem))

    for precision in ("strict", "tf32"):
        spec = Spec(*shape, np.dtype(np.float32), device=device, bias=6, precision=precision)
        for engine in (cluster, group, graph, cudnn):
            if engine.accepts(spec) is True:
                add(f"dlgru {engine.NAME}", precision, own, cupy, engine, spec, given)
        if cudnn.accepts(spec) is True:
            for k, name in enumerate(ALGORITHMS):
                add(f"cuDNN {name}", precision, cudnn_itself, cupy, k, spec, given)
        if not isinstance(torch, str):
            add(TORCH, precision, torch_gru, cupy, torch, spec, given)
    if reason := too_long_for_the_cpu(shape):
        failed.append(complaint(shape, "the CPU", "strict", reason))
    else:
        add("dlgru on the CPU", "strict", on_the_cpu, shape, given)
    return found, failed


def complaint(
    shape: tuple[int, ...],
    contender: str,
    precision: str,
    problem: Exception | str,
    work: str = "-",
) -> Time:
    """Return the row of a contender that has no time."""
    words = problem if isinstance(problem, str) else f"{type(problem).__name__}: {problem}"
    return Time(shape, work, contender, precision, 0.0, 0, 0, 0, None, None, words[:300])


def reference(cupy: Any, spec: Spec, given: dict[str, Any]) -> dict[str, Any]:
    """Return y and the gradient of x in double precision, by the plain engine on the device."""
    wide = {k: v.astype("float64", order="F") for k, v in given.items() if hasattr(v, "astype")}
    arguments = (wide["x"], (wide["h0"],), wide["W"], wide["R"], wide["b"], NO_EXTRA)
    out = plain.forward(spec._replace(dtype=np.dtype(np.float64), save="gates"), *arguments)
    grads = plain.backward(out.reserve, wide["dy"], None, (), EVERYTHING)
    return {"y": out.y.get(), "x": grads.x.get()}


def measured(cupy: Any, call: Callable[[], Any]) -> float:
    """Milliseconds of one call, by the device's own clock."""
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    call()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(start, end))


def measured_launches(cupy: Any, runtime: Any, call: Callable[[], Any]) -> float:
    """Milliseconds that the kernels take which a call launches through the runtime."""
    launch, marks = runtime.launch, []

    def marked(*arguments: Any) -> None:
        marks.append((cupy.cuda.Event(), cupy.cuda.Event()))
        marks[-1][0].record()
        launch(*arguments)
        marks[-1][1].record()

    runtime.launch = marked
    try:
        call()
    finally:
        runtime.launch = launch
    marks[-1][1].synchronize()
    return sum(float(cupy.cuda.get_elapsed_time(*pair)) for pair in marks)


def measured_on_host(call: Callable[[], Any]) -> float:
    """Milliseconds of one call, by the host's clock."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def ratio(other: list[float], this: list[float]) -> float:
    """The median of another contender's time over this one's, in the rounds that both ran."""
    return statistics.median([a / b for a, b in zip(other, this, strict=False)])


def shape_times(
    cupy: Any,
    shape: tuple[int, ...],
    rounds: int = ROUNDS,
    over: Callable[[], bool] = lambda: False,
) -> list[Time]:
    """Check and time every contender on one shape, all taking turns in every round.

    One that fails, wherever it does, has a row that says so, and the others go on.  After the
    first round, `over` says whether the time is up.
    """
    base = Spec(*shape, np.dtype(np.float32), device=runtime_of(cupy).describe(), bias=6)
    given = moved(arrays(base), lambda a: cupy.asarray(a, order="F"))
    right = reference(cupy, base, given)
    give_back(cupy)
    found, results = contenders(cupy, shape, given)
    standing: list[tuple[Contender, dict[str, float]]] = []
    for one in found:
        try:  # an algorithm may refuse a size only when it runs
            standing.append((one, errors_of(one, right)))
        except Exception as problem:
            results.append(complaint(shape, one.name, one.precision, problem))
    for work in ("forward", "training"):
        times, failed = taking_turns(cupy, [one for one, _ in standing], work, rounds, over)
        for k, problem in failed.items():
            one = standing[k][0]
            results.append(complaint(shape, one.name, one.precision, problem, work))
        left = [(*pair, times[k]) for k, pair in enumerate(standing) if k not in failed]
        results += compared(shape, work, left)
        standing = [(one, errors) for one, errors, _ in left]
    return results


def give_back(cupy: Any) -> None:
    """Give unused memory back to the device: PyTorch and CuPy each keep what they had."""
    cupy.get_default_memory_pool().free_all_blocks()
    torch = pytorch()
    if not isinstance(torch, str):
        torch.cuda.empty_cache()


def errors_of(one: Contender, right: dict[str, Any]) -> dict[str, float]:
    """How far a contender is from the reference, by kind of work."""
    one.ready()
    y, (y_again, dx) = one.forward(), one.training()
    again = relative(one.fetch(y_again), right["y"]), relative(one.fetch(dx), right["x"])
    return {"forward": relative(one.fetch(y), right["y"]), "training": max(again)}


def taking_turns(
    cupy: Any, every: list[Contender], work: str, rounds: int, over: Callable[[], bool]
) -> tuple[list[list[float]], dict[int, Exception]]:
    """Return the milliseconds of each contender in every round; and who failed, by what."""
    times: list[list[float]] = [[] for _ in every]
    failed: dict[int, Exception] = {}
    asleep = False
    for k in range(rounds):
        if k and over():
            break
        for place, (one, mine) in enumerate(zip(every, times, strict=True)):
            call = getattr(one, work)
            try:
                if place in failed:
                    continue
                if not one.on_host:
                    one.ready()
                    if asleep:
                        call()
                        asleep = False
                    mine.append(measured(cupy, call))
                elif sum(mine) < CPU_MILLISECONDS:
                    mine.append(measured_on_host(call))
                    asleep = True  # a device that had nothing to do lowers its clocks
            except Exception as problem:
                failed[place] = problem
    return times, failed


def compared(
    shape: tuple[int, ...], work: str, ran: list[tuple[Contender, dict[str, float], list[float]]]
) -> list[Time]:
    """Return the rows of those who ran every round, with their ratios."""
    results = []
    cpu = [mine for one, _, mine in ran if one.on_host]
    for one, errors, mine in ran:
        torch = [
            theirs
            for other, _, theirs in ran
            if other.name == TORCH and other.precision == one.precision
        ]
        results.append(
            Time(
                shape, work, one.name, one.precision, errors[work],
                statistics.median(mine), min(mine), max(mine),
                ratio(torch[0], mine) if torch else None,
                ratio(cpu[0], mine) if cpu and not one.on_host else None,
            )
        )  # fmt: skip
    return results


def right(time: Time) -> bool:
    """Whether a contender of ours computed, as near as its precision promises.

    PyTorch's and cuDNN's own errors are shown, not judged.
    """
    if not time.contender.startswith("dlgru"):
        return True
    return not time.complaint and time.error <= TOLERANCE[time.precision]
