"""NVRTC of the CUDA wheel through ctypes: compiles for any GPU on a machine without one."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from pathlib import Path
from typing import Any, NamedTuple

from dlgru.kernels.gpu.sources import OPTIONS, source


class Use(NamedTuple):
    """What a compiled kernel takes of a multiprocessor."""

    registers: int  # a thread
    spilled: int  # bytes that did not fit them, stored or loaded


class CompileError(Exception):
    """What the compiler said."""


class Nvrtc:
    """One version of the compiler."""

    def __init__(self, path: Path | str) -> None:
        # Opened by name otherwise, which a wheel's folder is not prepared for.
        for part in sorted(Path(path).parent.glob("libnvrtc-builtins.so.*")):
            ctypes.CDLL(str(part), ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(path))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        self.version = (major.value, minor.value)
        count = ctypes.c_int()
        self.library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
        known = (ctypes.c_int * count.value)()
        self.library.nvrtcGetSupportedArchs(known)
        self.archs = set(known)

    def compile(self, expressions: list[str], arch: int, text: str = "") -> dict[str, Use]:
        """Compile kernels for an architecture; what each of them uses."""
        library, program = self.library, ctypes.c_void_p()
        code = (text or source()).encode()
        library.nvrtcCreateProgram(ctypes.byref(program), code, b"dlgru.cu", 0, None, None)
        for expression in expressions:
            library.nvrtcAddNameExpression(program, expression.encode())
        options = [f"--gpu-architecture=sm_{arch}", "--ptxas-options=-v", "-ftz=true", *OPTIONS]
        given = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
        failed = library.nvrtcCompileProgram(program, len(options), given)
        log = self._text(program, "ProgramLog")
        if failed:
            raise CompileError(log)
        names = {}
        for expression in expressions:
            lowered = ctypes.c_char_p()
            library.nvrtcGetLoweredName(program, expression.encode(), ctypes.byref(lowered))
            names[lowered.value.decode()] = expression
        library.nvrtcDestroyProgram(ctypes.byref(program))
        return {names[name]: use for name, use in uses(log).items() if name in names}

    def _text(self, program: Any, what: str) -> str:
        size = ctypes.c_size_t()
        getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        getattr(self.library, f"nvrtcGet{what}")(program, text)
        return text.value.decode()


_REPORT = re.compile(
    r"Compiling entry function '(\S+)' for '\S+'"
    r".*?(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers",
    re.S,
)


def uses(log: str) -> dict[str, Use]:
    """Read the report of the assembler, by the kernels' lowered names."""
    return {
        name: Use(int(registers), int(stored) + int(loaded))
        for name, stored, loaded, registers in _REPORT.findall(log)
    }


def installed() -> list[Nvrtc]:
    """Every NVRTC that a wheel has brought, newest first."""
    found = importlib.util.find_spec("nvidia")
    places = [] if found is None else list(found.submodule_search_locations or [])
    libraries = [so for place in places for so in Path(place).rglob("libnvrtc.so.*")]
    made = [Nvrtc(so) for so in libraries if so.suffix[1:].isdecimal()]
    return sorted(made, key=lambda one: one.version, reverse=True)
