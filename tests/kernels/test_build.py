"""How the extension is built, and what happens when it is not: with compilers that only pretend."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy
import pytest

from dlgru.kernels import extension

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = os.environ.get("DLGRU_REQUIRE_NATIVE") == "1"


def setuptools_version() -> int:
    try:
        return int(importlib.metadata.version("setuptools").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


# Where the extension is required, a test that cannot run fails.
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the pretended compilers are shell scripts"),
    pytest.mark.skipif(
        not REQUIRED and setuptools_version() < 77, reason="needs setuptools 77 or newer"
    ),
]

# Writes its arguments down, refuses what matches, and makes an empty file of any other output.
COMPILER = """#!/bin/sh
echo "$@" >>"$LOG"
case " $* " in *REFUSED*) echo "this compiler refuses" >&2; exit 1 ;; esac
while [ $# -gt 1 ]; do [ "$1" = -o ] && : >"$2"; shift; done
"""


class Tree:
    """A copy of what a build reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "compiler.log"
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "native", folder / "native")
        made = shutil.ignore_patterns("__pycache__", "_native*")
        shutil.copytree(ROOT / "dlgru", folder / "dlgru", ignore=made)

    def compiler(self, refused: str) -> str:
        script = self.folder / "pretended-cc"
        script.write_text(COMPILER.replace("REFUSED", refused))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return str(script)

    def run(self, *args: str, cc: str, **env: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DLGRU_")}
        return subprocess.run(
            [sys.executable, *args],
            cwd=self.folder,
            env={**kept, "LOG": str(self.log), "CC": cc, "LDSHARED": cc, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, cc: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("setup.py", "build_ext", "--build-temp", "t", *options, cc=cc, **env)

    def extensions(self) -> list[str]:
        return [path.name for path in (self.folder / "dlgru").glob("_native*")]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_the_extension_is_there_where_it_is_required() -> None:
    if not REQUIRED:
        pytest.skip("DLGRU_REQUIRE_NATIVE=1 is not set")
    assert extension.native is not None, extension.absence


def test_each_class_and_instruction_set_is_compiled_by_itself(tree: Tree) -> None:
    done = tree.build(tree.compiler("nothing"), "--inplace")
    assert done.returncode == 0, done.stderr
    commands = tree.log.read_text().splitlines()
    kernels = {
        tuple(re.findall(r"-D(?:REAL_BITS|LANES|SUFFIX)=(\w+)", line)): line
        for line in commands
        if "native/kernel.c" in line
    }
    assert set(kernels) == {
        ("32", "4", "f32_baseline"),
        ("64", "2", "f64_baseline"),
        ("32", "8", "f32_avx2"),
        ("64", "4", "f64_avx2"),
        ("32", "16", "f32_avx512"),
        ("64", "8", "f64_avx512"),
    }
    for (_, _, suffix), line in kernels.items():
        assert ("-mfma" in line) == ("avx" in suffix)
        assert ("-mavx512dq" in line) == ("avx512" in suffix)
        assert "-ffast-math" not in line
        assert "--param=avoid-fma-max-bits=0" in line  # else bits depend on the tile
    (dispatch,) = [line for line in commands if "native/dispatch.c" in line]
    assert "-DHAVE_AVX2" in dispatch and "-DHAVE_AVX512" in dispatch and "-mavx" not in dispatch
    (link,) = [line for line in commands if "-o dlgru/_native" in line or "/_native" in line]
    assert len(re.findall(r"f\d\d_\w+/native/kernel\.o", link)) == 6
    assert len(tree.extensions()) == 1


def test_a_refused_instruction_set_is_dropped_and_no_other(tree: Tree) -> None:
    done = tree.build(tree.compiler("REAL_BITS=64*avx512f"), "--inplace", DLGRU_REQUIRE_NATIVE="1")
    assert done.returncode == 0, done.stderr
    commands = tree.log.read_text().splitlines()
    (dispatch,) = [line for line in commands if "native/dispatch.c" in line]
    assert "-DHAVE_AVX2" in dispatch and "-DHAVE_AVX512" not in dispatch
    assert "avx512" not in commands[-1]  # the link: no half of the set either
    assert len(tree.extensions()) == 1


@pytest.mark.parametrize(("bits", "lanes"), [(32, 4), (64, 2), (32, 8), (64, 4)])
def test_kernels_compile_where_the_user_allows_more_than_they_use(bits: int, lanes: int) -> None:
    """With ``CFLAGS=-march=native`` every object may use AVX-512; vectors keep their width."""
    cc = shutil.which("cc")
    if cc is None:
        pytest.skip("no compiler")
    options = f"-march=native -fsyntax-only -O1 -DREAL_BITS={bits} -DLANES={lanes} -DSUFFIX=a"
    source = str(ROOT / "native" / "kernel.c")
    done = subprocess.run(
        [cc, *options.split(), source], capture_output=True, text=True, check=False
    )
    if "march" in done.stderr:
        pytest.skip("this compiler does not know the native processor")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("refused", ["f32_baseline", "module.c", "-shared"])
def test_a_failing_build_leaves_no_extension_not_even_an_older_one(
    tree: Tree, refused: str
) -> None:
    cc = tree.compiler(refused)
    if refused == "-shared" and sys.platform == "darwin":
        pytest.skip("the link has another option there")
    older = tree.folder / "dlgru" / "_native.abi3.so"
    older.touch()
    done = tree.build(f"{cc} -shared" if refused == "-shared" else cc, "--inplace")
    assert done.returncode == 0, done.stderr
    assert tree.extensions() == []


def test_a_failing_build_takes_no_extension_from_a_build_that_is_left_over(tree: Tree) -> None:
    older = tree.folder / "b" / "dlgru" / "_native.abi3.so"
    older.parent.mkdir(parents=True)
    older.touch()
    done = tree.build("/bin/false", "--build-lib", "b")
    assert done.returncode == 0, done.stderr
    assert not older.exists()


def test_a_failing_build_is_an_error_where_the_extension_is_required(tree: Tree) -> None:
    done = tree.build("/bin/false", "--inplace", DLGRU_REQUIRE_NATIVE="1")
    assert done.returncode != 0
    assert tree.extensions() == []


def test_without_a_compiler_dlgru_installs_computes_and_says_so(tree: Tree) -> None:
    done = tree.run(
        *"-m pip --disable-pip-version-check wheel --no-index --no-build-isolation".split(),
        *"--no-deps --wheel-dir wheels .".split(),
        cc="/bin/false",
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tree.folder / "wheels").glob("*.whl")
    installed = tree.folder / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert not list(installed.glob("dlgru/_native*"))
    script = """
import sys
sys.path[:0] = ["installed", SITE]
import dlgru as dl
assert "/installed/" in dl.__file__, dl.__file__
x = dl.gru(dl.ones(1, 1, 2), 0, dl.zeros(3, 1), dl.zeros(3, 1), dl.ones(3, 1), DataFormat="CBT")
print(float(x[0, 0, 0]), dl.get_num_threads())
print(dl.kernels.why(T=1, B=1, C=1, H=1))
"""
    # Without `site`, which would bring along the hook of an editable installation.
    packages = repr(str(Path(numpy.__file__).parents[1]))
    done = tree.run("-I", "-S", "-c", script.replace("SITE", packages), cc="/bin/false")
    assert done.returncode == 0, done.stderr
    # (1 - sigmoid(1))·tanh(1)
    assert done.stdout.startswith("0.2048242148098")
    lines = done.stdout.splitlines()
    assert lines[0].endswith(" 1")
    assert lines[1].endswith(": plain")
    assert "no compiled engine: no C compiler was found when dlgru was installed" in done.stdout
    assert "pip install --force-reinstall --no-cache-dir" in done.stdout


def test_a_source_distribution_holds_all_that_the_build_reads(tree: Tree) -> None:
    done = tree.run("setup.py", "sdist", "--dist-dir", "d", cc="/bin/false")
    assert done.returncode == 0, done.stderr
    (path,) = (tree.folder / "d").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    sources = {f"native/{path.name}" for path in (ROOT / "native").glob("*.[ch]")}
    assert {"native/kernel.c", "native/module.c", "native/run.h"} <= sources
    assert sources | {"setup.py", "pyproject.toml"} <= held
