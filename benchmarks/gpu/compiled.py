"""Every form in which the persistent kernels are compiled: compared, and what a step of it costs.

An engine takes the tiling that is cheapest by estimate, so most are never seen by who only runs
engines.  Here each has its turn, forward and back, with the reset gate in both places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import correctness
import numpy as np
import timings

from dlgru.backend import single
from dlgru.kernels.gpu import cluster, costs, group, persistent
from dlgru.kernels.gpu.device import Device, device_of
from dlgru.kernels.gpu.registry import runtime_of
from dlgru.kernels.gpu.tilings import (
    SHAPES,
    TENSOR_UNITS,
    Tiling,
    fitting,
    kernel,
    tensor_kernel,
    tensor_tiling,
)
from dlgru.kernels.spec import NO_EXTRA, Spec

ENGINES = {"cluster": cluster, "group": group}
STEPS = 4  # of a comparison
SHORT, LONG = 500, 1500  # of a measurement: their difference is what steps cost


class Form(NamedTuple):
    """One tiling of one engine, and a run that takes it."""

    engine: Any
    spec: Spec
    tiling: Tiling
    tensor: bool = False  # the forward kernel on tensor cores

    @property
    def forward(self) -> str:
        """The name of the forward kernel."""
        way = self.engine.NAME
        if self.tensor:
            return tensor_kernel(way, self.tiling).expression
        return kernel(way, self.spec, self.tiling, False).expression


def forms(name: str) -> Iterator[Form]:
    """All forms for a device, each with one observation more than the device takes at a time.

    So `group` launches in waves, and the last group of blocks is not full.  The state is smaller
    than the kernel's, so there is padding.
    """
    device = device_of(name)
    assert not isinstance(device, str), device
    draw = np.random.default_rng(0)
    for (way, dtype), tilings in SHAPES.items():
        for tiling, reset in product(tilings, ("after", "before")):
            back, lengths, kept = draw.integers(0, 2, 3).tolist()
            spec = Spec(
                STEPS, more_than_at_once(device, way, tiling), 3, tiling.units - 3, dtype,
                device=name, reset=reset, bias=3 if reset == "before" else 6,
                direction="backward" if back else "forward", lengths=bool(lengths),
                inner=int(draw.integers(3)), save="gates" if kept else "y",
            )  # fmt: skip
            if ENGINES[way].accepts(spec) is True and tiling in fitting(way, spec, device):
                yield Form(ENGINES[way], spec, tiling)
    for way, units in product(ENGINES, TENSOR_UNITS):
        spec = Spec(
            STEPS, 1, 3, units - 3, single,
            device=name, bias=6, inner=1, lengths=True, save="gates", precision="tf32",
        )  # fmt: skip
        found = tensor_tiling(way, spec, device)
        if found is not None:
            B = more_than_at_once(device, way, found)
            yield Form(ENGINES[way], spec._replace(B=B), found, tensor=True)


def more_than_at_once(device: Device, way: str, tiling: Tiling) -> int:
    """Observations: one more than there are multiprocessors for."""
    return device.at_once(way, tiling.blocks) * tiling.rows + 1


@contextmanager
def forced(form: Form) -> Iterator[None]:
    """Let the engine of a form take its tiling, whatever others would cost."""
    cheapest, tensor = persistent.cheapest, costs.tensor
    try:
        if form.tensor:
            costs.tensor = lambda *_: -1.0
        else:
            persistent.cheapest = lambda way, spec: form.tiling
        yield
    finally:
        persistent.cheapest, costs.tensor = cheapest, tensor


def compared(
    form: Form, send: Callable[[Any], Any], fetch: Callable[[Any], Any]
) -> correctness.Answer:
    """Run a form and compare."""
    with forced(form):
        return correctness.answered(form.engine, form.spec, send, fetch)


# -- times ---------------------------------------------------------------------------------


class Step(NamedTuple):
    """What a time step of a forward kernel costs."""

    way: str
    dtype: str
    tiling: Tiling
    groups: int
    kernel: str
    microseconds: float
    complaint: str = ""

    @property
    def ok(self) -> bool:
        return not self.complaint


def to_time(name: str) -> Iterator[tuple[Form, int]]:
    """All forms in strict precision, with one group of blocks and with the device full."""
    device = device_of(name)
    assert not isinstance(device, str), device
    for form in forms(name):
        tiling = form.tiling
        if form.spec.reset == "after" and not form.tensor:
            for groups in sorted({1, device.at_once(form.engine.NAME, tiling.blocks)}):
                B, H, dtype = groups * tiling.rows, tiling.units, form.spec.dtype
                yield form._replace(spec=Spec(LONG, B, 1, H, dtype, device=name)), groups


def step(cupy: Any, form: Form, groups: int) -> Step:
    """Time a form: two numbers of steps, each the least of five runs of the kernel alone."""
    way, spec = form.engine.NAME, form.spec
    found = Step(way, str(np.dtype(spec.dtype)), form.tiling, groups, form.forward, np.nan)
    try:
        with forced(form):
            given = correctness.arrays(spec, backward=False)
            given = correctness.moved(given, lambda a: cupy.asarray(a, order="F"))
            least = {T: _least(cupy, form.engine, spec._replace(T=T), given) for T in (SHORT, LONG)}
    except Exception as problem:  # whatever a device raises is an answer
        return found._replace(complaint=f"{type(problem).__name__}: {problem}"[:300])
    return found._replace(microseconds=1000 * (least[LONG] - least[SHORT]) / (LONG - SHORT))


def _least(cupy: Any, engine: Any, spec: Spec, given: dict[str, Any]) -> float:
    """The least milliseconds of the persistent launch in five forward runs."""
    x = given["x"][:, :, : spec.T]

    def call() -> Any:
        rest = (given["W"], given["R"], given["b"], NO_EXTRA)
        return engine.forward(spec, x, (given["h0"],), *rest)

    call()  # compiles
    return min(timings.measured_launches(cupy, runtime_of(cupy), call) for _ in range(5))
