"""oneDNN, through a few lines of C++ that the system's compiler builds when needed.

Library and headers come from the packages ``onednn-cpu-gomp`` and
``onednn-devel-cpu-gomp``.  Inference runs on weights that were packed beforehand.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from measuring.compiling import shared_library
from peers.problem import NotOfferedError, Problem, Task, arrays_of


def _installed(package: str, name: str) -> Path:
    """Find a file of an installed package; ImportError if it is not there."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(f"package {package} is not installed") from error
    for file in files:
        if file.name == name:
            return Path(str(file.locate())).resolve()
    raise ImportError(f"package {package} has no file {name}")


LIBRARY = _installed("onednn-cpu-gomp", "libdnnl.so.3")
HEADERS = _installed("onednn-devel-cpu-gomp", "dnnl.hpp").parent
VERSION = "packaged as " + importlib.metadata.version("onednn-cpu-gomp")
_shim: Any = None


def prepare(threads: int, folder: str) -> None:
    """Build the shim and load it; the number of threads is OpenMP's, from the environment."""
    global _shim
    built = shared_library(
        Path(__file__).with_suffix(".cpp"),
        Path(folder),
        ["-std=c++17", f"-I{HEADERS}", str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}"],
    )
    _shim = ctypes.CDLL(str(built))
    _shim.gru_make.restype = ctypes.c_void_p
    _shim.gru_make.argtypes = [ctypes.c_long] * 4 + [ctypes.c_void_p, ctypes.c_int]
    _shim.gru_run.argtypes = _shim.gru_free.argtypes = [ctypes.c_void_p]
    _shim.gru_free.restype = None


def make(problem: Problem) -> Task:
    """Return the task of a problem."""
    if problem.what not in ("inference", "call", "training"):
        raise NotOfferedError(problem.what)
    if np.dtype(problem.dtype) != np.float32:
        raise NotOfferedError("double precision")
    H, training = problem.shape[3], problem.what == "training"
    X, W, R, b_input, b_recurrent = arrays_of(problem)
    # From r, z, n to oneDNN's z, r, n; the exchange is its own inverse.
    zrn = np.r_[H : 2 * H, :H, 2 * H : 3 * H]
    both = b_input + b_recurrent
    b = np.stack([both[H : 2 * H], both[:H], b_input[2 * H :], b_recurrent[2 * H :]])
    held = [X, np.ascontiguousarray(W[:, zrn]), np.ascontiguousarray(R[:, zrn]), b]
    Y = np.empty((*X.shape[:2], H), np.float32)
    held += [Y, np.ones_like(Y), *[np.empty_like(a) for a in held]]
    pointers = (ctypes.c_void_p * len(held))(*[a.ctypes.data for a in held])
    handle = _shim.gru_make(*problem.shape, pointers, training)
    if not handle:
        raise NotOfferedError(f"{problem.what} at {problem.shape}: oneDNN refused")
    dX, dW, dR, db = held[6:]
    run = _shim.gru_run

    def call() -> None:
        if not run(handle):
            raise RuntimeError("oneDNN failed")

    def arrays(_: None) -> list[Any]:
        if not training:
            return [Y]
        z, r, n, recurrent_n = db
        db_W, db_R = np.concatenate([r, z, n]), np.concatenate([r, z, recurrent_n])
        return [Y, dX, dW[:, zrn], dR[:, zrn], db_W, db_R]

    weakref.finalize(call, _release, handle, held)
    return Task(call, arrays)


def _release(handle: Any, held: list[Any]) -> None:
    """Free the handle; `held` are the arrays that it writes to, alive until here."""
    _shim.gru_free(handle)
