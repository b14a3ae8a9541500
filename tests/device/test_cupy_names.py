"""Every name and keyword of CuPy's that the package uses is in CuPy.

What CuPy accepts stands in ``cupynames.json``, which ``cupynames.py`` writes from CuPy
itself; where CuPy is installed (a GPU is not needed) the two are compared.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from device.cupynames import (
    RECORD,
    Use,
    accepted,
    cublas_names,
    dotted_names,
    executed_uses,
    parameters,
    written_uses,
    wrong,
)

KNOWN = json.loads(RECORD.read_text("utf-8"))


def test_functions_and_keywords_in_the_source_are_cupys() -> None:
    uses = written_uses()
    assert {"zeros", "asarray", "where", "matmul", "argsort"} <= {use.name for use in uses}
    assert {f"{use.where}: {wrong(use, KNOWN['functions'])}" for use in uses} == {
        f"{use.where}: " for use in uses
    }


def test_functions_and_methods_that_operations_reach_are_cupys() -> None:
    uses = executed_uses()
    assert {"fmax", "matmul", ".sum", ".reshape", ".copy", ".get"} <= {use.name for use in uses}
    assert [found for use in uses if (found := wrong(use, KNOWN["functions"]))] == []


def test_names_inside_cupy_are_there() -> None:
    assert "cuda.runtime.getDeviceCount" in dotted_names()
    assert dotted_names() <= set(KNOWN["dotted"])
    assert {"cublasGemmEx", "CUBLAS_OP_T"} <= cublas_names()
    assert cublas_names() <= set(KNOWN["cublas"])


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        (Use("frombuffer_of", 1, frozenset(), ""), "frombuffer_of is not known to be in CuPy"),
        (Use("add", 2, frozenset(["where"]), ""), "add has no where in CuPy"),
        (Use("broadcast_to", 2, frozenset(["subok"]), ""), "broadcast_to has no subok in CuPy"),
        (Use("copyto", 5, frozenset(), ""), "copyto takes 4 positional arguments in CuPy, not 5"),
        (Use(".transpose", 4, frozenset(), ""), ""),
        (Use("add", 3, frozenset(["dtype"]), ""), ""),
    ],
)
def test_a_wrong_use_is_noticed(use: Use, complaint: str) -> None:
    assert wrong(use, {".transpose": ["*axes", "*"], **KNOWN["functions"]}).startswith(complaint)
    assert bool(wrong(use, KNOWN["functions"])) == bool(complaint)


def test_signatures_are_read_from_python_and_from_docstrings() -> None:
    def written(a: Any, *more: Any, out: Any = None) -> None: ...

    class Compiled:
        __signature__ = "none"
        __doc__ = "_base.swapaxes(self, Py_ssize_t axis1, x=3, \\*, casting='same_kind') -> _base"

    assert parameters(written) == ["a", "*more", "*", "out"]
    assert parameters(Compiled()) == ["axis1", "x", "*", "casting"]


def test_the_record_is_what_the_installed_cupy_says() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed", exc_type=ImportError)
    found = accepted(cupy)
    if found["cupy"].split(".")[0] != KNOWN["cupy"].split(".")[0]:
        pytest.skip(f"the record is of CuPy {KNOWN['cupy']}, installed is {found['cupy']}")
    del found["cupy"]
    assert set(found.pop("cublas")) <= set(KNOWN["cublas"])  # without cuBLAS some are not seen
    assert found == {key: value for key, value in KNOWN.items() if key not in ("cupy", "cublas")}
