"""Shared memory: lanes that read at the same time read from different banks."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from dlgru.backend import single
from dlgru.kernels.gpu.sources import source
from dlgru.kernels.gpu.tilings import SHAPES, THREADS, Tiling
from tests.kernels.gpu.emulator import library

FLOATS = sorted({t for (_, dtype), made in SHAPES.items() if dtype == single for t in made})
AT_ONCE, BANKS = 8, 8  # lanes that read sixteen bytes each, and banks of as many bytes


@pytest.fixture
def places(compiled_kernels: Path) -> dict[Tiling, np.ndarray]:
    """Where each group of four columns stands, by group and row, in numbers."""
    fills = ""
    for number, (units, blocks, rows) in enumerate(FLOATS):
        fills += f"""
extern "C" void fill_{number}(int* at) {{
  using T_ = Tile<float, {units}, {blocks}, {rows}, {THREADS}>;
  for (int quad = 0; quad < {units // 4}; quad++)
    for (int row = 0; row < {rows}; row++) *at++ = quad_place<T_>(quad, row);
}}
"""
    built = library(compiled_kernels, f"#define DLGRU_EMULATED\n{source('tile.cuh')}{fills}")
    found = {t: np.empty((t.units // 4, t.rows), dtype=np.int32) for t in FLOATS}
    for number, at in enumerate(found.values()):
        built[f"fill_{number}"](at.ctypes.data_as(ctypes.c_void_p))
    return found


@pytest.mark.parametrize("tiling", FLOATS, ids=str)
def test_a_row_is_read_without_bank_conflicts(
    tiling: Tiling, places: dict[Tiling, np.ndarray]
) -> None:
    at = places[tiling]
    assert sorted(at.ravel()) == list(range(0, tiling.units * tiling.rows, 4))
    lanes = THREADS * 2 // (tiling.units // tiling.blocks)
    for first in range(0, len(at), lanes):  # the groups that the lanes of a team read in turn
        for thread in range(0, 32, AT_ONCE):
            quads = {first + (thread + k) % lanes for k in range(AT_ONCE)}
            banks = at[sorted(quads)] // 4 % BANKS
            assert all(len(set(row)) == len(quads) for row in banks.T)
