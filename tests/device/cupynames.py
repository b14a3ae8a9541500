"""Which names of CuPy's the package uses and how, and what CuPy itself accepts.

CuPy imports without a GPU, so its side can be read on any machine that has the wheel.  It is
kept in ``cupynames.json``, for machines that have not.  To write that file anew:

    python tests/device/cupynames.py
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

PACKAGE = ROOT / "dlgru"
RECORD = Path(__file__).with_suffix(".json")
LIBRARY = {"xp", "library"}
"""What a variable is called that may be NumPy or CuPy."""

INSIDE_CUPY = {"cuda": "cuda", "runtime": "cuda.runtime"}
"""What variables of the two files that ask about devices stand for."""


class Use(NamedTuple):
    """A call of a function: of a method, the name begins with a dot."""

    name: str
    positional: int
    keywords: frozenset[str]
    where: str


# -- what is used --------------------------------------------------------------------------


def chain(node: ast.expr) -> list[str]:
    """The names of ``a.b.c``, or nothing for other expressions."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return []
    names.append(node.id)
    names.reverse()
    return names[1:] if names[0] == "self" else names


def written() -> Iterator[tuple[str, list[str], ast.Call | None]]:
    """File, dotted name and call of every attribute in the package, the longest chains only."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        calls = {id(n.func): n for n in ast.walk(tree) if isinstance(n, ast.Call)}
        inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and id(node) not in inner:
                yield str(path.relative_to(ROOT)), chain(node), calls.get(id(node))


def written_uses() -> set[Use]:
    """Calls and mentions of ``xp.name`` as they stand in the source."""
    found = set()
    for where, names, call in written():
        if len(names) > 1 and names[0] in LIBRARY:
            name = names[1]
            if call is None or len(names) > 2:
                found.add(Use(name, 0, frozenset(), where))
                continue
            starred = any(isinstance(a, ast.Starred) for a in call.args)
            keywords = frozenset(k.arg for k in call.keywords if k.arg)
            found.add(Use(name, 0 if starred else len(call.args), keywords, where))
    return found


def executed_uses() -> set[Use]:
    """Calls that reach the array library when every operation's cases and derivatives run."""
    from cases import ALL_CASES
    from fakedevice import CALLED
    from ops import checks

    import dlgru as dl

    CALLED.clear()  # of what other tests have called
    for case in ALL_CASES.values():
        moved = checks.on(case, "fake")
        checks.call(moved)
        if case.variables and case.op.differentiable:
            checks.gradients(moved)
    p = next(c for c in ALL_CASES.values() if c.op.name == "mtimes").args[0]
    p = checks.wrap(checks.Value(checks.DEVICES["fake"](checks.host(p))), "")
    dl.adamupdate(p, p, p, p, 1)
    dl.sgdmupdate(p, p, p)
    dl.rmspropupdate(p, p, p)
    dl.extractdata(p)
    p.__dlpack__()
    dl.gather(p)
    return {Use(name, count, keywords, "a call") for name, count, keywords in CALLED}


def dotted_names() -> set[str]:
    """Names inside CuPy, such as ``cuda.runtime.getDevice``."""
    found = set()
    for where, names, _ in written():
        asking = where in ("dlgru/devicelibrary.py", "dlgru/ops/gpu.py")
        if len(names) > 1 and names[0] == "cupy":
            found.add(".".join(names[1:]))
        elif len(names) > 1 and asking and names[0] in INSIDE_CUPY:
            found.add(f"{INSIDE_CUPY[names[0]]}.{'.'.join(names[1:])}")
    return found


def cublas_names() -> set[str]:
    """Names of CuPy's cuBLAS module, and those of cuBLAS that are found through it.

    They are looked for in the file: the module cannot be imported without cuBLAS.
    """
    from dlgru.kernels.gpu.cublas import COMPUTE

    owners = ("cublas", "blas")
    found = {names[1] for _, names, _ in written() if len(names) > 1 and names[0] in owners}
    return {name for name in found if name != "__file__"} | set(COMPUTE.values())


# -- what CuPy accepts ---------------------------------------------------------------------


def parameters(function: Any) -> list[str]:
    """Parameters in order; those that can only be named stand behind ``"*"``."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # compiled: the signature is the first line of its docstring
        line = function.__doc__.strip().partition("\n")[0].partition("(")[2].partition(" -> ")[0]
        typed = re.sub(r"\b\w+ (?=\w+[,=)])", "", line.replace("\\*", "*"))
        tree = ast.parse(f"def f({typed}: ...").body[0].args  # type: ignore[attr-defined]
        names = [a.arg for a in (*tree.posonlyargs, *tree.args) if a.arg != "self"]
        more = [f"*{tree.vararg.arg}"] if tree.vararg else []
        return [*names, *more, "*", *[a.arg for a in tree.kwonlyargs]]
    kinds = {p.name: p.kind for p in signature.parameters.values() if p.name != "self"}
    keyword = inspect.Parameter.KEYWORD_ONLY
    several = inspect.Parameter.VAR_POSITIONAL
    first = [f"*{n}" if k is several else n for n, k in kinds.items() if k is not keyword]
    return [*first, "*", *[n for n, k in kinds.items() if k is keyword]]


def accepted(cupy: Any) -> dict[str, Any]:
    """What CuPy accepts, for every name that is used."""
    functions = {}
    for use in sorted(written_uses() | executed_uses()):
        owner = cupy.ndarray if use.name.startswith(".") else cupy
        found = getattr(owner, use.name.lstrip("."))
        callable_ = callable(found) and not isinstance(found, type)
        functions[use.name] = parameters(found) if callable_ else None
    dotted = {}
    for name in sorted(dotted_names()):
        found = cupy
        for part in name.split("."):
            found = None if part == "cublas" else getattr(found, part)
        dotted[name] = type(found).__name__
    packages = Path(cupy.__file__).parent.parent
    # CuPy's module, and, where its wheel is installed, cuBLAS, which has more than CuPy calls.
    module = next(packages.glob("cupy_backends/cuda/libs/cublas.*"))
    inside = b"".join(f.read_bytes() for f in [module, *packages.glob("nvidia/*/lib/libcublas.*")])
    return {
        "cupy": cupy.__version__,
        "functions": functions,
        "dotted": sorted(dotted),
        "cublas": sorted(n for n in cublas_names() if n.encode() in inside),
    }


def wrong(use: Use, functions: dict[str, Any]) -> str:
    """What is wrong with a call, or nothing."""
    if use.name not in functions:
        return f"{use.name} is not known to be in CuPy: run tests/device/cupynames.py"
    known = functions[use.name]
    if known is None:
        return ""
    at = known.index("*")
    first, rest = known[:at], known[at + 1 :]
    if use.positional > len(first) and not any(p.startswith("*") for p in first):
        return f"{use.name} takes {len(first)} positional arguments in CuPy, not {use.positional}"
    strange = use.keywords - set(first) - set(rest)
    return f"{use.name} has no {', '.join(sorted(strange))} in CuPy" if strange else ""


if __name__ == "__main__":
    import cupy

    RECORD.write_text(json.dumps(accepted(cupy), indent=1) + "\n", encoding="utf-8")
