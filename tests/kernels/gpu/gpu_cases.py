"""Runs on the emulated GPU beside the plain engine in double precision on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
from complex_gru import Case
from fakedevice import FakeArray
from gru_cases import backward, by_name, data, directions, forward, make, spec_for

from dlgru.kernels.choice import use_engine
from dlgru.kernels.spec import Spec

H100 = "gpu:sm_90:132"


def case_of(T: int, B: int, C: int, H: int, *, dtype: Any = np.float64, **options: Any) -> Case:
    """A run whose recurrent weights keep the state moderate at any size."""
    case = make(T, B, C, H, **options)
    return data(case._replace(R=case.R / np.sqrt(max(H, 1))), lambda a: rounded(a, dtype))


def rounded(array: Any, dtype: Any) -> Any:
    return np.asfortranarray(array.astype(dtype))


def gpu_spec(case: Case, save: str = "none", device: str = H100, **options: Any) -> Spec:
    return spec_for(case, save)._replace(device=device, **options)


def answers(case: Case, spec: Spec | None, save: str, dtype: Any, keep: bool = True) -> Any:
    """Outputs and gradients by name; on the device if there is a spec, else by plain in double."""
    if spec is None:
        with use_engine("plain"):
            return _answers(case, spec, save, dtype, keep)
    return _answers(case, spec, save, dtype, keep)


def _answers(case: Case, spec: Spec | None, save: str, dtype: Any, keep: bool) -> Any:
    dy, dlast = (rounded(a, dtype) for a in directions(case))
    move = FakeArray if spec is not None else lambda a: rounded(a, np.float64)
    out = forward(data(case, move), save, spec)
    found = {"y": out.y, "last": out.last[0]}
    if save != "none":
        found |= by_name(backward(out, move(dy), move(dlast), keep=keep))
    return found if spec is None else {name: a.get() for name, a in found.items()}


def errors(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, float]:
    """The relative error of each array; infinite if it is not finite."""
    assert sorted(found) == sorted(expected)
    off = {}
    for name, right in expected.items():
        assert found[name].shape == right.shape, name
        distance = np.linalg.norm((found[name].astype(np.float64) - right).ravel())
        size = np.linalg.norm(right.ravel())
        off[name] = float(distance / size if size else distance)
        if not np.isfinite(off[name]):
            off[name] = float("inf")
    return off


def worst(case: Case, save: str, dtype: Any, device: str = H100, **options: Any) -> float:
    """The largest relative error of anything a run on the device gives."""
    expected = answers(case, None, save, dtype)
    found = answers(case, gpu_spec(case, save, device, **options), save, dtype)
    assert all(a.dtype == dtype for a in found.values())
    return max(errors(found, expected).values())
