"""What the emulated GPU sees: each of these bugs, planted into the kernels' source, is caught.

Caught means a wrong number or a fault of the emulated device. Only `make kernels` runs this.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgru.kernels.gpu import cluster, graph, group, persistent
from dlgru.kernels.gpu.tilings import Tiling
from tests.kernels.gpu.conftest import thorough
from tests.kernels.gpu.emulator import EmulatedError, EmulatedRuntime
from tests.kernels.gpu.gpu_cases import case_of, worst

AFTER: dict[str, Any] = {"bias": 6, "inner": 2}
BEFORE: dict[str, Any] = {"reset": "before"}

BUGS = {  # engine, mode, text, what stands there instead
    "no wait of a cluster": (
        cluster,
        AFTER,
        "      dl_cluster_wait();\n    } else {\n      constexpr",
        "    } else {\n      constexpr",
    ),
    "nobody waits until all blocks run": (
        cluster,
        AFTER,
        "      dl_cluster_arrive();\n      dl_cluster_wait();\n    }\n  }\n\n  static",
        "    }\n  }\n\n  static",
    ),
    "the numbers are fetched before they have come": (
        group,
        AFTER,
        "      dl_group_wait(counter, arrivals);\n",
        "",
    ),
    "one arrival is enough": (group, AFTER, "arrivals += Tile::BLOCKS;", "arrivals += 1;"),
    "no barrier after the fetch": (
        group,
        AFTER,
        "mailbox + i);\n      dl_sync();",
        "mailbox + i);",
    ),
    "one state where two take turns": (
        cluster,
        AFTER,
        "const int next = ((step + 1) & 1) * VECTOR;",
        "const int next = (step & 1) * 0;",
    ),
    "one set of gradients where two take turns": (
        group,
        AFTER,
        "const int turn = (step & 1) * 3 * VECTOR;",
        "const int turn = 0;",
    ),
    "every share of the lanes stores into the same blocks": (
        cluster,
        AFTER,
        "dl_remote_store(shared + at, block + share, v);",
        "dl_remote_store(shared + at, block, v);",
    ),
    "r∘h in the place of the state": (
        cluster,
        BEFORE,
        "constexpr int OPENED = 2 * VECTOR;",
        "constexpr int OPENED = 0;",
    ),
    "gates swapped": (group, AFTER, "outside.r() + Rh[0]", "outside.r() + Rh[1]"),
    "the wrong gate's weights": (
        group,
        BEFORE,
        "multiply<T_, 2, 1, SAME_VECTOR>",
        "multiply<T_, 1, 1, SAME_VECTOR>",
    ),
    "a length off by one": (
        group,
        AFTER,
        "a.lengths ? a.lengths[me.b] : a.T",
        "a.lengths ? a.lengths[me.b] + 1 : a.T",
    ),
    "the initial state forgotten where an observation starts late": (
        group,
        AFTER | {"direction": "backward"},
        "before >= 0 && before < length",
        "before >= 0 && before < a.T",
    ),
    "a group takes the rows of the first": (
        group,
        AFTER,
        "b = a.first + group * Tile::ROWS",
        "b = a.first + 0 * group * Tile::ROWS",
    ),
    "half of the sum": (
        cluster,
        AFTER,
        "m < Tile::LANES; m *= 2",
        "m < Tile::LANES / 2; m *= 2",
    ),
    "the recurrent bias twice": (
        group,
        AFTER,
        "return bias[5] + inner[2];",
        "return 2 * bias[5] + inner[2];",
    ),
    "the inputs of the step that is done": (
        cluster,
        AFTER,
        "outside.fetch(a, me.b, me.unit, a.reversed ? t - 1 : t + 1);",
        "outside.fetch(a, me.b, me.unit, t);",
    ),
    "the slope of another activation": (
        group,
        AFTER,
        "state_slope(a.act, n)",
        "gate_slope(a.gate, n)",
    ),
    "a step's gradient without the path through z": (
        group,
        AFTER,
        "D = D * z + through",
        "D = D + through",
    ),
    "what the step that is done was given, on the way back": (
        cluster,
        BEFORE,
        "given.fetch(a, me.b, u, a.reversed ? t + 1 : t - 1, length);",
        "given.fetch(a, me.b, u, t, length);",
    ),
    "the first step of the way back given nothing": (
        group,
        AFTER,
        "given.fetch(a, here.b, here.unit, a.reversed ? 0 : T - 1, length);",
        "given.fetch(a, here.b, here.unit, T, length);",
    ),
    "an inner part of another step": (
        graph,
        AFTER,
        "+ t * a.inner_step + u;\n      xr",
        "+ u;\n      xr",
    ),
    "an ended state moves on in the graph": (
        graph,
        AFTER,
        "const bool running = !a.lengths || t < a.lengths[b];",
        "const bool running = true;",
    ),
    "the opened state of another row": (
        graph,
        BEFORE,
        "a.opened[i] = r * h;",
        "a.opened[row * H] = r * h;",
    ),
}


@thorough
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(
    bug: str,
    compiled_kernels: Path,
    device: EmulatedRuntime,
    only: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, mode, old, new = BUGS[bug]
    planted: list[int] = []

    def change(text: str) -> str:
        planted.append(text.count(old))
        return text.replace(old, new)

    device.change = change
    only(engine)
    monkeypatch.setattr(persistent, "cheapest", lambda way, spec: Tiling(128, 4, 4))
    case = case_of(5, 6, 2, 72, lengths=[5, 4, 3, 0, 1, 2], dtype=np.float32, **mode)
    if engine is graph:
        case = case_of(5, 3, 2, 7, lengths=[5, 0, 2], dtype=np.float32, **mode)
    try:
        off = max(worst(case, "gates", np.float32) for _ in range(2))
    except EmulatedError:
        off = float("inf")
    assert sum(planted), f"the text to change is not in the kernels: {old}"
    assert off > 1e-4
