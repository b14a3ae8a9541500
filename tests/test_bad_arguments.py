"""Labels, sizes, words and numbers that every public function refuses.

Each row of the table is a call, the argument at fault and what the error says came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from public_calls import (
    BIAS,
    CALLS,
    CB,
    CREATORS,
    GRU,
    LOSSES,
    REDUCTIONS,
    TWO_ARRAYS,
    H,
    P,
    S,
    U,
    array,
    identity,
    speaks_up,
)

import dlgru as dl
from dlgru.errors import DlgruError


def calling(name: str, *args: Any) -> Callable[[], Any]:
    return lambda: getattr(dl, name)(*args)


def inside(call: Callable[[Any], Any]) -> Callable[[], Any]:
    """A call made while its argument, a 2×2 array, is traced."""
    return lambda: dl.dlfeval(call, P)


HUGE = 10**400
"""A whole number that no double holds."""

CT, CBT = array("CT", 2, 3), array("CBT", 2, 3, 4)

WRONG: dict[str, tuple[Callable[[], Any], str, str]] = {
    "adamupdate: a gradient of another size": (
        lambda: dl.adamupdate(P, U, [], [], 1),
        "grad",
        "2×3",
    ),
    "adamupdate: a gradient of other labels": (
        lambda: dl.adamupdate(CB, CT, [], [], 1),
        "grad",
        "2(C) × 3(T)",
    ),
    "adamupdate: a rate beyond double": (
        lambda: dl.adamupdate(P, P, [], [], 1, HUGE),
        "learnRate",
        "a whole number of 1329 bits",
    ),
    "adamupdate: step zero": (lambda: dl.adamupdate(P, P, [], [], 0), "iteration", "0"),
    "arrayfun: no function": (lambda: dl.arrayfun(3, P), "fun", "of class int"),
    "arrayfun: two sizes": (lambda: dl.arrayfun(identity, P, U), "input 3", "2×3"),
    "arrayfun: a ragged list": (
        lambda: dl.arrayfun(identity, [[1, 2], [3]]),
        "input 2",
        "a list whose rows differ in length",
    ),
    "cast: another class": (lambda: dl.cast(P, "int8"), "newclass", "'int8'"),
    "cat: two formats": (lambda: dl.cat(1, CB, CT), "the arrays", "of formats CB, CT"),
    "cat: dimension zero": (lambda: dl.cat(0, U, U), "dim", "0"),
    "cell: half a size": (lambda: dl.cell(1.5), "a size", "1.5"),
    "cell: more than memory holds": (
        lambda: dl.cell(1e12),
        "the size",
        "1000000000000×1000000000000",
    ),
    "cell: more than anybody counts": (
        lambda: dl.cell(1, HUGE),
        "the size",
        "a whole number of 1329 bits",
    ),
    "cellfun: an array": (lambda: dl.cellfun(identity, P), "input 2", "of class DLArray"),
    "cellfun: two sizes": (lambda: dl.cellfun(identity, ["a"], ["a", 1]), "input 3", "1×2"),
    "checkgrad: no function": (lambda: dl.checkgrad(P, P), "fun", "a DLArray"),
    "colon: text": (lambda: dl.colon("a", 3), "first", "'a'"),
    "colon: no end": (lambda: dl.colon(1, np.inf), "last", "inf"),
    "complex: of complex": (lambda: dl.complex(P, P * 1j), "B", "complex"),
    "ctranspose: two labels": (lambda: dl.ctranspose(CB), "X", "2(C) × 3(B)"),
    "dlarray: no such label": (lambda: dl.dlarray(U, "CX"), "fmt", '"CX"'),
    "dlarray: lower case": (lambda: dl.dlarray(U, "cb"), "fmt", '"cb"'),
    "dlarray: a label twice": (lambda: dl.dlarray(U, "BB"), "fmt", '"BB"'),
    "dlarray: too few labels": (lambda: dl.dlarray(CBT, "CB"), "fmt", '"CB" for a 2×3×4 array'),
    "dlarray: beyond double": (lambda: dl.dlarray(HUGE), "X", "a whole number of 1329 bits"),
    "dlarray: beyond double in a list": (
        lambda: dl.dlarray([[1, -HUGE]]),
        "X",
        "a whole number of 1329 bits",
    ),
    "dlarray: integers": (lambda: dl.dlarray(np.ones(2, int)), "X", "of class int64"),
    "dlfeval: no function": (lambda: dl.dlfeval(P, P), "fun", "a DLArray"),
    "dlgradient: outside dlfeval": (lambda: dl.dlgradient(dl.sum(P, "all"), P), "y", "untraced"),
    "dlgradient: no scalar": (inside(lambda x: dl.dlgradient(x, x)), "y", "2×2"),
    "dlgradient: of a number": (inside(lambda x: dl.dlgradient(1.0, x)), "y", "a float"),
    "dlgradient: an untraced variable": (
        inside(lambda x: dl.dlgradient(dl.sum(x, "all"), x, P)),
        "x2",
        "untraced",
    ),
    "dlupdate: no function": (lambda: dl.dlupdate(P, P), "fun", "a DLArray"),
    "dlupdate: other fields": (
        lambda: dl.dlupdate(identity, S, dl.struct("b", P)),
        "A1",
        'a struct with fields "b"',
    ),
    "embed: two channels": (lambda: dl.embed(CB, P), "X", "2(C) × 3(B)"),
    "embed: weights with pages": (
        lambda: dl.embed(array("CB", 1, 2), dl.ones(2, 2, 2)),
        "weights",
        "2×2×2",
    ),
    "eye: three sizes": (lambda: dl.eye(2, 2, 2), "sz", "3 sizes"),
    "fieldnames: an array": (lambda: dl.fieldnames(P), "s", "of class DLArray"),
    "finddim: no label": (lambda: dl.finddim(CB, "X"), "label", '"X"'),
    "finddim: two labels": (lambda: dl.finddim(CB, "SC"), "label", "'SC'"),
    "finddim: a number": (lambda: dl.finddim(CB, 1), "label", "an int"),
    "flip: two dimensions": (lambda: dl.flip(CB, [1, 2]), "dim", "[1, 2]"),
    "fullyconnect: no labels": (lambda: dl.fullyconnect(U, P, P), "X", "unformatted"),
    "fullyconnect: weights": (lambda: dl.fullyconnect(CB, dl.ones(2, 5), P), "weights", "2×5"),
    "fullyconnect: a number": (lambda: dl.fullyconnect(CB, 2.0, P), "weights", "1×1"),
    "fullyconnect: bias": (lambda: dl.fullyconnect(CB, P, dl.ones(3, 1)), "bias", "3×1"),
    "gather: more outputs than arrays": (lambda: dl.gather(P, nargout=2), "nargout", "2"),
    "gpuDevice: one that is not there": (lambda: dl.gpuDevice(99), "index", "99"),
    "getfield: a number": (lambda: dl.getfield(S, 1), "a field name", "of class int"),
    "getfield: through an array": (
        lambda: dl.getfield(S, "a", "b"),
        "s.a",
        "of class DLArray",
    ),
    "gru: no labels": (lambda: dl.gru(U, *GRU[1:], BIAS), "X", "unformatted"),
    "gru: labels twice": (
        lambda: dl.gru(*GRU, BIAS, DataFormat="CBT"),
        "DataFormat",
        '"CBT" for 3(C) × 2(B) × 4(T) input',
    ),
    "gru: U": (lambda: dl.gru(array("CU", 3, 2), *GRU[1:], BIAS), "X", "3(C) × 2(U)"),
    "gru: a state of time": (
        lambda: dl.gru(GRU[0], array("CT", H, 2), *GRU[2:], BIAS),
        "H0",
        "2(C) × 2(T)",
    ),
    "gru: a state for three": (
        lambda: dl.gru(GRU[0], dl.ones(H, 3), *GRU[2:], BIAS),
        "H0",
        "2×3",
    ),
    "gru: weights": (lambda: dl.gru(*GRU[:2], P, GRU[3], BIAS), "weights", "2×2"),
    "gru: recurrent weights": (lambda: dl.gru(*GRU[:3], P, BIAS), "recurrentWeights", "2×2"),
    "gru: one bias for a mode of two": (
        lambda: dl.gru(*GRU, BIAS, ResetGateMode="recurrent-bias-after-multiplication"),
        "bias",
        "6×1",
    ),
    "gru: no such mode": (
        lambda: dl.gru(*GRU, BIAS, ResetGateMode="middle"),
        "ResetGateMode",
        '"middle"',
    ),
    "gru: three outputs": (lambda: dl.gru(*GRU, BIAS, nargout=3), "nargout", "3"),
    "horzcat: two heights": (lambda: dl.horzcat(P, dl.ones(3, 1)), "array 2", "3×1"),
    "ipermute: a dimension twice": (lambda: dl.ipermute(U, [1, 1]), "dimorder", "[1, 1]"),
    "ipermute: a number": (lambda: dl.ipermute(U, 2), "dimorder", "2"),
    "isUnderlyingType: a number": (lambda: dl.isUnderlyingType(U, 1), "typename", "an int"),
    "leakyrelu: a negative slope": (lambda: dl.leakyrelu(P, -1), "scaleFactor", "-1"),
    "linspace: text": (lambda: dl.linspace(0, "b"), "last", "'b'"),
    "linspace: half a point": (lambda: dl.linspace(0, 1, 2.5), "n", "2.5"),
    "logical: NaN": (lambda: dl.logical(dl.NaN(1)), "X", "NaN"),
    "logical: complex": (lambda: dl.logical(P * 1j), "X", "complex"),
    "max: a label it lacks": (lambda: dl.max(CB, [], "T"), "dim", '"T"'),
    "min: two arrays and dim": (
        lambda: dl.min(P, P, 1),
        "Y",
        "an array together with dim or a second output",
    ),
    "mtimes: labels": (lambda: dl.mtimes(CB, P), "A", "2(C) × 3(B)"),
    "mtimes: sizes": (lambda: dl.mtimes(U, U), "B", "2×3"),
    "onehotdecode: three classes": (
        lambda: dl.onehotdecode(P, ["a", "b", "c"], 1),
        "classes",
        "3 of them",
    ),
    "onehotdecode: no such class": (
        lambda: dl.onehotdecode(P, ["a", "b"], 1, "int8"),
        "typename",
        "'int8'",
    ),
    "onehotencode: not singleton": (lambda: dl.onehotencode([[1], [2]], 1), "A", "2×1"),
    "onehotencode: a label it lacks": (lambda: dl.onehotencode(CB, "T"), "dim", '"T"'),
    "orderfields: an array": (lambda: dl.orderfields(P), "s", "of class DLArray"),
    "padsequences: an array": (lambda: dl.padsequences(P, 2), "X", "an array"),
    "padsequences: two heights": (lambda: dl.padsequences([P, dl.ones(3, 1)], 2), "X[1]", "3×1"),
    "padsequences: a word": (
        lambda: dl.padsequences([P], 2, Length="middle"),
        "Length",
        '"middle"',
    ),
    "pagemtimes: labels": (lambda: dl.pagemtimes(CB, P), "X", "2(C) × 3(B)"),
    "pagemtimes: sizes": (lambda: dl.pagemtimes(U, U), "Y", "2×3"),
    "pagetranspose: labels": (lambda: dl.pagetranspose(CB), "X", "2(C) × 3(B)"),
    "permute: across labels": (lambda: dl.permute(CB, [2, 1]), "dimorder", "[2, 1] on CB"),
    "permute: too few": (lambda: dl.permute(U, [1]), "dimorder", "[1]"),
    "randi: zero": (lambda: dl.randi(0, 2), "imax", "0"),
    "randi: nothing": (lambda: dl.randi(None, 2), "imax", "a NoneType"),
    "randperm: too many": (lambda: dl.randperm(3, 4), "k", "4"),
    "repmat: half a copy": (lambda: dl.repmat(U, 1.5), "counts", "1.5"),
    "reshape: another count": (lambda: dl.reshape(U, 4, 2), "sz", "4×2"),
    "rmfield: a number": (lambda: dl.rmfield(S, 1), "a field name", "of class int"),
    "rmspropupdate: other fields": (
        lambda: dl.rmspropupdate(S, P, []),
        "grad",
        "an array",
    ),
    "rng: half a seed": (lambda: dl.rng(1.5), "seed", "1.5"),
    "rng: a list": (lambda: dl.rng([1, 2]), "seed", "[1, 2]"),
    "rng: an array": (lambda: dl.rng(P), "seed", "of class DLArray"),
    "rng: beyond all": (lambda: dl.rng(10**5000), "seed", "a whole number of 16610 bits"),
    "rng: another generator": (lambda: dl.rng(0, "philox"), "generator", '"philox"'),
    "set_num_threads: none": (lambda: dl.set_num_threads(0), "n", "0"),
    "set_num_threads: text": (lambda: dl.set_num_threads("two"), "n", "'two'"),
    "setfield: an array": (lambda: dl.setfield(P, "a", 1), "s", "of class DLArray"),
    "setfield: through an array": (
        lambda: dl.setfield(S, "a", "b", 1),
        "s.a",
        "of class DLArray",
    ),
    "setfield: through a field of a field": (
        lambda: dl.setfield(dl.struct("a", S), "a", "a", "b", 1),
        "s.a.a",
        "of class DLArray",
    ),
    "setfield: no name": (lambda: dl.setfield(S), "name", "missing"),
    "setfield: no value": (lambda: dl.setfield(S, "a"), "value", "missing"),
    "sgdmupdate: a rate below zero": (lambda: dl.sgdmupdate(P, P, [], -1), "learnRate", "-1"),
    "size: a label it lacks": (lambda: dl.size(CB, "T"), "dim", '"T"'),
    "softmax: no channel": (lambda: dl.softmax(array("BT", 2, 2)), "X", "2(B) × 2(T)"),
    "stripdims: other labels": (lambda: dl.stripdims(CB, "CT"), "fmt", '"CT"'),
    "round: half a digit": (lambda: dl.round(P, 0.5), "N", "0.5"),
    "struct: a name alone": (lambda: dl.struct("a"), "the call", "one with 1 arguments"),
    "struct: no name": (lambda: dl.struct("1a", 1), "a field name", '"1a"'),
    "table: names": (
        lambda: dl.table([1], VariableNames=["a", "b"]),
        "VariableNames",
        "['a', 'b']",
    ),
    "transpose: two labels": (lambda: dl.transpose(CB), "X", "2(C) × 3(B)"),
    "vertcat: two widths": (lambda: dl.vertcat(P, dl.ones(1, 3)), "array 2", "1×3"),
}
for _name in TWO_ARRAYS.split():
    if _name != "isequal":
        WRONG[f"{_name}: sizes that do not expand"] = (
            calling(_name, CB, dl.ones(3, 1)),
            "the second operand",
            "3×1",
        )
for _name in set(TWO_ARRAYS.split()) - {"isequal", "complex"}:
    WRONG[f"{_name}: a number beyond double"] = (
        calling(_name, P, HUGE),
        "B",
        "a whole number of 1329 bits",
    )
for _name in REDUCTIONS.split():
    if _name not in ("size", "flip"):
        WRONG[f"{_name}: a label it lacks"] = (calling(_name, CB, "T"), "dim", '"T"')
        WRONG[f"{_name}: dimension zero"] = (calling(_name, CB, 0), "dim", "0")
for _name in LOSSES.split():
    WRONG[f"{_name}: targets that would expand"] = (
        calling(_name, CB, dl.ones(2, 1)),
        "targets",
        "2×1",
    )
    WRONG[f"{_name}: targets of other labels"] = (
        calling(_name, CB, CT),
        "targets",
        "2(C) × 3(T)",
    )
    WRONG[f"{_name}: no labels"] = (calling(_name, U, U), "Y", "unformatted")
for _name in CREATORS.split():
    WRONG[f"{_name}: half a size"] = (calling(_name, 1.5), "sz", "1.5")
for _name in ("leakyrelu", "relu", "sigmoid"):
    WRONG[f"{_name}: logical data"] = (calling(_name, dl.true(2)), "X", "logical")
for _name in ("leakyrelu", "relu"):
    WRONG[f"{_name}: complex data"] = (calling(_name, P * 1j), "X", "complex")

SPEAKERS = {
    "getfield": "struct",
    "rmfield": "struct",
}
"""Functions that are made of another one, in whose name the error speaks."""

NOTHING_ELSE = set(
    """
    abs canUseGPU ceil conj copy cos dims double exp expm1 extractdata fix floor
    get_num_threads gpuArray imag iscell isdlarray isempty isequal isfield isgpuarray isstruct
    istable length log log1p mfunction ndims
    not_ numel real sign sin single sqrt squeeze tanh uminus underlyingType
    """.split()
)
"""Functions of one array of any size and format: nothing but its class can be wrong."""


@pytest.mark.parametrize("what", WRONG)
def test_refused_with_the_argument_named(what: str) -> None:
    call, argument, came = WRONG[what]
    name = what.partition(":")[0]
    with pytest.raises(DlgruError) as caught:
        call()
    error = caught.value
    speaks_up(error)
    assert (error.argument, error.came) == (argument, came)
    assert error.function in (name, SPEAKERS.get(name))


def test_every_public_function_is_in_the_table_or_has_nothing_else_to_refuse() -> None:
    found = {what.partition(":")[0] for what in WRONG}
    assert found | NOTHING_ELSE == set(CALLS)
    assert not found & NOTHING_ELSE
