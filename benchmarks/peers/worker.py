"""The process of one library: it takes orders, one JSON object a line, and answers alike.

Orders: ``make`` a problem's task, run it and save its results; ``run`` it in samples;
``peak`` memory of one call.  The driver sends an order to one process at a time.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from measuring.memory import peak_of
from peers.problem import NotOfferedError, Problem, Task


def serve(library: str, threads: int, folder: str) -> None:
    """Answer orders until the driver closes the pipe."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints does not get among the answers

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    try:
        peer = importlib.import_module(f"peers.{library}_gru")
        peer.prepare(threads, folder)
    except ImportError as error:
        return answer(absent=str(error))
    except Exception as error:
        return answer(absent=f"{type(error).__name__}: {error}")
    answer(version=str(peer.VERSION), numpy=np.__version__)
    held: list[Task] = []
    for line in sys.stdin:
        try:
            answer(**_obey(peer, held, json.loads(line), folder))
        except NotOfferedError as error:
            answer(none=str(error))
        except Exception as error:
            answer(error=f"{type(error).__name__}: {error}")


def _obey(peer: Any, held: list[Task], order: dict[str, Any], folder: str) -> dict[str, Any]:
    if order["do"] == "run":
        return {"seconds": _median(held[0].call, order["samples"], order["inner"])}
    held.clear()  # let go of the last task's memory before the next one is made
    problem = Problem(order["what"], tuple(order["shape"]), np.dtype(order["dtype"]))
    held.append(peer.make(problem))
    if order["do"] == "peak":
        return {"bytes": peak_of(held[0].call)}
    call, arrays = held[0]
    results = Path(folder) / f"{peer.__name__}.npz"
    np.savez(results, *arrays(call()))
    call()
    about = {"engine": peer.engine(problem)} if hasattr(peer, "engine") else {}
    return {"seconds": _seconds(call, 1), "results": str(results), **about}


def _seconds(call: Callable[[], Any], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def _median(call: Callable[[], Any], samples: int, inner: int) -> float:
    median = statistics.median(_seconds(call, inner) for _ in range(samples))
    return float(f"{median:.5g}")  # more digits would only fill the file of results
