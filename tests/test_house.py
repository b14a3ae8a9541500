"""The rules of the house: import floors, file sizes, public names, engines, clean text."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import dlgru

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dlgru"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# A module imports only what stands before it in this list.
FLOORS = {
    "ground": "allocator errors parentheses namevalue labels backend devicelibrary",
    "machinery": """
        calls arrayhook keeping tape tree twister rng formatshort display celldisplay sameness
        mfunction endmark subscript pythonbrackets matlabparens indexing selecting onestruct structs
        cells cellshapes tablecolumns tables fields
        kernels.extension kernels.spec kernels.saving kernels.scratch kernels.pointwise
        kernels.modes kernels.plain_sums kernels.plain_blocks
        kernels.gpu kernels.gpu.device kernels.gpu.sources kernels.gpu.tilings kernels.gpu.costs
        kernels.gpu.arguments kernels.gpu.runtime kernels.gpu.driver kernels.gpu.cublas
        kernels.gpu.cuda kernels.gpu.registry kernels.gpu.modes kernels.gpu.sequences
        kernels.gpu.persistent kernels.gpu.cluster kernels.gpu.group kernels.gpu.recordings
        kernels.gpu.graph kernels.gpu.cudnnlibrary kernels.gpu.cudnn kernels.gpu.updates
        kernels.plain_steps kernels.plain kernels.native kernels.choice kernels.interface kernels
    """,
    "definition": "array conversionadvice convert places fused op",
    "operations": """
        ops ops.sizes ops.sums ops.pairs ops.classes ops.shape ops.expand ops.align ops.complexdata
        ops.compare ops.arithmetic ops.elementwise ops.rounding ops.join ops.reduction
        ops.extrema ops.linalg ops.index ops.format ops.inquiry ops.create ops.gpu
        ops.activation ops.connect ops.loss ops.cells ops.recurrent_sizes ops.recurrent
        ops.forms ops.fastdoor protocols mapping onehot threads
    """,
    "calculus": "untraced autodiff numericslope checkproblem checkgrad",
    "training": "training training.leafwise training.steps training.updates training.batches",
    "doors": ". callednumbers matlab",
}
ORDER = [f"dlgru.{name}".rstrip(".") for names in FLOORS.values() for name in names.split()]

WITHOUT_NUMPY = {f"dlgru.{name}" for name in ("errors", "namevalue", "calls", "labels", "tape")}
OPTIONAL = {"cupy", "cupyx"}


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Every module a file names in an import: full name, line, whether inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(n) for function in functions for n in ast.walk(function)}
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*here[: -node.level], *filter(None, [node.module])])
            base = base if node.level else node.module or ""
            # `from dlgru import backend` names a module, `from dlgru.tape import Tape` a part.
            parts = [f"{base}.{alias.name}" for alias in node.names]
            names = [part if part in MODULES else base for part in parts]
        else:
            continue
        for name in names:
            yield name, node.lineno, id(node) in inside


# -- floors ----------------------------------------------------------------------------


def test_the_list_of_floors_names_every_module_once() -> None:
    assert len(ORDER) == len(set(ORDER))
    assert {"not in the list": set(MODULES) - set(ORDER), "no file": set(ORDER) - set(MODULES)} == {
        "not in the list": set(),
        "no file": set(),
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_below(module: str) -> None:
    rank = {name: k for k, name in enumerate(ORDER)}
    for name, line, inside in imports(MODULES[module]):
        top = name.partition(".")[0]
        where = f"{module}, line {line}: import of {name}"
        if top == "dlgru":
            assert name in rank, f"{where}: not in the list of floors"
            assert rank[name] < rank.get(module, -1), f"{where}: stands above"
        if inside or top not in {*sys.stdlib_module_names, "numpy", "dlgru"}:
            assert top in OPTIONAL, f"{where}: no optional package"
            assert inside, f"{where}: optional packages are imported where they are used"
        if module in WITHOUT_NUMPY:
            assert top != "numpy", f"{where}: this file knows no array library"


def test_importing_dlgru_imports_numpy_and_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules); import dlgru; print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages - set(sys.stdlib_module_names) == {"dlgru", "numpy"}


def test_no_file_of_the_package_is_longer_than_400_lines() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: n for name, n in lengths.items() if n > 400} == {}


# -- public names ----------------------------------------------------------------------

PUBLIC = {
    name
    for name, value in vars(dlgru).items()
    if not name.startswith("_")
    and not isinstance(value, types.ModuleType)
    and name != "annotations"
}
"""All that ``dlgru.name`` offers; a few of them, such as ``sum``, only in this spelling."""

DIRECTIVE = re.compile(r"^\.\. auto(?:function|class|exception|data):: (?:dlgru\.)?(\w+)$", re.M)


def test_star_import_gives_every_public_name_but_shadows_no_builtin() -> None:
    assert len(dlgru.__all__) == len(set(dlgru.__all__))
    assert set(dlgru.__all__) == PUBLIC - set(dir(builtins))


def test_public_names_are_the_documented_names() -> None:
    pages = sorted((ROOT / "docs" / "api").glob("*.md"))
    documented = [name for page in pages for name in DIRECTIVE.findall(page.read_text("utf-8"))]
    assert len(documented) == len(set(documented))
    assert {"no page": PUBLIC - set(documented), "not public": set(documented) - PUBLIC} == {
        "no page": set(),
        "not public": set(),
    }


def test_every_public_function_says_what_it_does_and_shows_an_example() -> None:
    functions = {name: vars(dlgru)[name] for name in PUBLIC if callable(vars(dlgru)[name])}
    bare = [
        name
        for name, function in functions.items()
        if not isinstance(function, type) and ">>>" not in (function.__doc__ or "")
    ]
    assert sorted(bare) == []


# -- engines ---------------------------------------------------------------------------


def test_all_engines_have_the_same_signatures() -> None:
    from dlgru.kernels.choice import ENGINES
    from dlgru.kernels.plain import accepts, backward, cost, forward

    reference = {f.__name__: inspect.signature(f) for f in (forward, backward, accepts, cost)}
    assert len(ENGINES) > 0
    for engine in ENGINES:
        found = {name: inspect.signature(getattr(engine, name)) for name in reference}
        assert found == reference, engine


# -- clean text ------------------------------------------------------------------------

# Written in pieces, so that this file does not find itself.
UNWANTED = {
    "a path of one machine": r"(?<![\w.~-])/(?:ho"
    r"me|ro"
    r"ot|Us"
    r"ers|wo"
    r"rk|op"
    r"t|tm"
    r"p)/\w",
    "the address of a package index": r"index-u" r"rl|py" r"pi\.org|python" r"hosted|/simp" r"le/",
    "a folder beside the checkout": r"\.\./sha" r"red",
    "a note to self": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b",
}
TEXT = {".py", ".md", ".toml", ".c", ".h", ".cu", ".cuh", ".json", ".txt", ".yml", ""}


def texts() -> Iterator[Path]:
    folders = ["dlgru", "native", "tests", "examples", "benchmarks", "docs", ".ci"]
    for path in [*ROOT.iterdir(), *(p for folder in folders for p in (ROOT / folder).rglob("*"))]:
        made = {"_build", "__pycache__"} & set(path.parts) or path.suffix not in TEXT
        if path.is_file() and not made:
            yield path


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(UNWANTED[what])
    found = [
        f"{path.relative_to(ROOT)}:{k}: {line.strip()}"
        for path in texts()
        if (what, path.parent.name) != ("a folder beside the checkout", ".ci")
        for k, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(r"^ *make test\b", (ROOT / "README.md").read_text("utf-8"), re.M)
