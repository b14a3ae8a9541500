"""Builds the compiled engine ``dlgru._native``; everything else stands in pyproject.toml.

One kernel source is compiled once for each class of numbers and each instruction set, into
objects of their own, and the processor is asked at run time which of them it can run.  A
compiler that refuses an instruction set drops that set only.  Without a compiler the
installation succeeds without the engine, unless DLGRU_REQUIRE_NATIVE=1 makes that an error.
docs/building.md tells the whole story.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from glob import escape, glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, PlatformError

try:
    import numpy
except ImportError:
    numpy = None

REQUIRED = os.environ.get("DLGRU_REQUIRE_NATIVE") == "1"
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")

AVX2 = ["-mavx2", "-mfma"]
AVX512 = ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"]
# name, flags that allow it, bytes of a vector; the baseline is SSE2 on x86-64 and NEON on arm64
INSTRUCTION_SETS = (("baseline", [], 16), ("avx2", AVX2, 32), ("avx512", [*AVX2, *AVX512], 64))
# No kernel reads errno or the exception flags; NaN and Inf keep their meaning.  Tuned for some
# processors, GCC makes no FMA in a loop with a single sum: a row's bits would depend on its tile.
OPTIMISED = ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
ALWAYS_FMA = "--param=avoid-fma-max-bits=0"


class BuildNative(build_ext):
    """Adds the kernels' objects to the extension."""

    def run(self) -> None:
        # Should this build fail, no older one may stay, here or in a build/ that is left over.
        here = self.inplace or self.editable_mode
        folder = "dlgru" if here else os.path.join(self.build_lib, "dlgru")
        for made in glob(f"{escape(folder)}/_native*.so") + glob(f"{escape(folder)}/_native*.pyd"):
            os.remove(made)
        super().run()

    def build_extension(self, ext: Extension) -> None:
        if numpy is None:
            raise PlatformError("the compiled engine needs NumPy's headers")
        if self.compiler.compiler_type == "msvc":  # lacks the vector extension; clang-cl has it
            self.compiler.initialize()
            self.compiler.cc = shutil.which("clang-cl")
            if self.compiler.cc is None:
                raise PlatformError("the compiled engine needs clang-cl")
        ext.include_dirs.append(numpy.get_include())
        style = "/clang:" if self.compiler.compiler_type == "msvc" else ""
        ext.extra_compile_args += [style + flag for flag in OPTIMISED]
        if not style:
            ext.extra_compile_args.append(ALWAYS_FMA)
        for name, flags, width in INSTRUCTION_SETS:
            try:
                flags = [*ext.extra_compile_args, *(style + flag for flag in flags)]
                objects = self.kernels(ext, name, flags, width)
            except CompileError:
                if name == "baseline":
                    raise
            else:
                ext.extra_objects += objects
                ext.define_macros.append((f"HAVE_{name.upper()}", None))
        super().build_extension(ext)

    def kernels(self, ext: Extension, name: str, flags: list[str], width: int) -> list[str]:
        """Compile the kernels for single and double."""
        objects = []
        for bits in (32, 64):
            suffix = f"f{bits}_{name}"
            objects += self.compiler.compile(
                ["native/kernel.c"],
                output_dir=os.path.join(self.build_temp, suffix),
                macros=[
                    ("REAL_BITS", str(bits)),
                    ("LANES", str(8 * width // bits)),
                    ("SUFFIX", suffix),
                ],
                extra_postargs=flags,
                depends=ext.depends,
            )
        return objects


setup(
    ext_modules=[
        Extension(
            "dlgru._native",
            sorted(set(glob("native/*.c")) - {"native/kernel.c"}),
            depends=[*glob("native/*.h"), "native/kernel.c"],
            define_macros=[("Py_LIMITED_API", "0x030b0000")] if STABLE_ABI else [],
            libraries=[] if os.name == "nt" else ["m"],
            py_limited_api=STABLE_ABI,
            optional=not REQUIRED,
        )
    ],
    cmdclass={"build_ext": BuildNative},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE_ABI else {},
)
