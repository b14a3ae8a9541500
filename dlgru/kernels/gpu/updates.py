"""Adam's update of a parameter on a GPU, in one launch of `updates.cuh`."""

from __future__ import annotations

from dlgru.backend import RawArray, xp_of
from dlgru.kernels.gpu import costs
from dlgru.kernels.gpu.arguments import ADAM, filled
from dlgru.kernels.gpu.device import device_of
from dlgru.kernels.gpu.registry import device_text, runtime_of
from dlgru.kernels.gpu.runtime import Launch
from dlgru.kernels.gpu.sequences import MOST_BLOCKS
from dlgru.kernels.gpu.tilings import REALS

THREADS = 256


def offered(array: RawArray) -> bool:
    """Return whether this array may be updated here: on devices where this has run."""
    device = device_of(device_text(array))
    return array.dtype in REALS and not isinstance(device, str) and costs.has_run("adam", device)


def adam(
    p: RawArray,
    g: RawArray,
    m: RawArray | None,
    v: RawArray | None,
    step: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> tuple[RawArray, RawArray, RawArray]:
    """Return the new parameter and averages; arrays are flat, an average of None is zeros."""
    xp, count = xp_of(p), p.size
    new = [xp.empty((count,), dtype=p.dtype) for _ in range(3)]
    if count:
        runtime = runtime_of(xp)
        given = {"p": p, "g": g, "m": m, "v": v, "new_p": new[0], "new_m": new[1], "new_v": new[2]}
        given |= {"count": count, "step": step, "epsilon": epsilon}
        given |= {"beta1": beta1, "rest1": 1 - beta1, "beta2": beta2, "rest2": 1 - beta2}
        blocks = min(-(-count // THREADS), MOST_BLOCKS)
        launch = Launch(f"adam_update<{REALS[p.dtype]}>", blocks, THREADS)
        runtime.launch(launch, filled(ADAM, runtime, **given))
    return new[0], new[1], new[2]
