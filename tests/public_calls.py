"""A call of every public function that works, for the tests that spoil it."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

import dlgru as dl
from dlgru.errors import DlgruError


def array(fmt: str, *shape: int) -> Any:
    return dl.dlarray(np.ones(shape), fmt)


def identity(*x: Any) -> Any:
    return x[0]


CB, U, P = array("CB", 2, 3), dl.ones(2, 3), dl.ones(2, 2)
S = dl.struct("a", dl.ones(2, 2))
H = 2
GRU = (array("CBT", 3, 2, 4), dl.zeros(H, 1), dl.ones(3 * H, 3), dl.ones(3 * H, H))
BIAS = dl.zeros(3 * H, 1)

ONE_ARRAY = """
    abs ceil conj cos ctranspose double exp expm1 fix floor gather gpuArray imag isempty
    isgpuarray leakyrelu length log
    log1p logical ndims not_ numel real relu round sigmoid sign sin single softmax sqrt squeeze
    tanh transpose uminus underlyingType
"""
TWO_ARRAYS = "and_ eq ge gt le lt minus ne or_ plus power rdivide times xor isequal complex"
REDUCTIONS = "all any mean prod sum flip size"
CREATORS = "Inf NaN eye false ones rand randn true zeros"
UPDATES = "adamupdate sgdmupdate rmspropupdate"
LOSSES = "crossentropy l1loss l2loss mse"

CALLS: dict[str, tuple[Any, ...]] = {
    **{name: (P,) for name in ONE_ARRAY.split()},
    **{name: (U, U) for name in TWO_ARRAYS.split()},
    **{name: (CB, 1) for name in REDUCTIONS.split()},
    **{name: (2, 3) for name in CREATORS.split()},
    **{name: (CB, U) for name in LOSSES.split()},
    "adamupdate": (P, P, P, P, 1),
    "arrayfun": (identity, dl.ones(1, 2)),
    "canUseGPU": (),
    "cast": (P, "single"),
    "cat": (1, U, U),
    "cell": (2, 3),
    "cellfun": (identity, [1, 2]),
    "checkgrad": (dl.tanh, P),
    "colon": (1, 2, 7),
    "copy": (P,),
    "dims": (CB,),
    "dlarray": (U, "CB"),
    "dlfeval": (identity, P),
    "dlgradient": (P, P),
    "dlupdate": (identity, P, P),
    "embed": (array("CB", 1, 2), P),
    "extractdata": (CB,),
    "fieldnames": (S,),
    "finddim": (CB, "C"),
    "fullyconnect": (CB, dl.ones(4, 2), dl.zeros(4, 1)),
    "get_num_threads": (),
    "getfield": (S, "a"),
    "gpuDevice": (),
    "gru": (*GRU, BIAS),
    "horzcat": (U, U),
    "ipermute": (U, [2, 1]),
    "isUnderlyingType": (U, "double"),
    "iscell": (S,),
    "isdlarray": (S,),
    "isfield": (S, "a"),
    "isstruct": (S,),
    "istable": (S,),
    "linspace": (0, 1, 5),
    "max": (U, U),
    "mfunction": (identity,),
    "min": (U, U),
    "mtimes": (P, P),
    "onehotdecode": (P, ["a", "b"], 1),
    "onehotencode": ([1, 2], 1),
    "orderfields": (S,),
    "padsequences": ([U, U], 2),
    "pagemtimes": (P, P),
    "pagetranspose": (P,),
    "permute": (U, [2, 1]),
    "randi": (5, 2, 3),
    "randperm": (5, 3),
    "repmat": (U, 2, 2),
    "reshape": (U, 3, 2),
    "rmfield": (S, "a"),
    "rmspropupdate": (P, P, P),
    "rng": (0, "twister"),
    "set_num_threads": (),
    "setfield": (S, "a", 1),
    "sgdmupdate": (P, P, P),
    "softmax": (CB,),
    "stripdims": (CB, "CB"),
    "struct": ("a", 1),
    "table": ([1, 2],),
    "vertcat": (U, U),
}
"""Arguments that every public function accepts."""


def public() -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(dl).items()
        if callable(value)
        and not name.startswith("_")
        and not isinstance(value, type | types.ModuleType)
    }


def speaks_up(error: DlgruError) -> None:
    """The error says who spoke, about what, what came and what was expected."""
    assert isinstance(error, ValueError | TypeError | IndexError)
    assert ":" in error.identifier
    assert error.function and error.argument and error.came and error.expected
    for part in (error.function, error.came, error.expected):
        assert part.rstrip(".") in str(error)
