"""Engines for whole recurrent operations on raw arrays; `choice.py` says what one must offer."""

from dlgru.kernels.interface import use_engine as use_engine
from dlgru.kernels.interface import why as why
from dlgru.kernels.saving import recompute_gates as recompute_gates
