"""cuDNN's recurrent calls through ctypes; CuPy has had none since version 14.

The library is the one of the optional wheel ``nvidia-cudnn-cu12`` or ``-cu13`` (the
package ``nvidia.cudnn``, which PyTorch uses too), else one that the system has.  It is
looked for once, at the first spec that it could serve.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from ctypes import byref, c_double, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any, TypeAlias

from dlgru.errors import DlgruError

STANDARD, PERSIST_STATIC, PERSIST_DYNAMIC, SMALL_H = range(4)  # algorithms
NO_BIAS, INPUT_BIAS, DOUBLE_BIAS = range(3)
FLOAT, DOUBLE = 0, 1
DEFAULT_MATH, FMA_MATH = 0, 3  # the former allows TF32
GRU, UNIDIRECTIONAL, LINEAR_INPUT, PADDED = 3, 0, 0, 1
INFERENCE, TRAINING = 0, 1
ADD_GRADIENT = 0
TIME_MAJOR = 0

# Arguments: h a handle, descriptor or other pointer; i an int or enumerator; s a size_t.
SIGNATURES = {
    "Create": "h",
    "SetStream": "hh",
    "CreateRNNDescriptor": "h",
    "DestroyRNNDescriptor": "h",
    "SetRNNDescriptor_v8": "hiiiiiiiiiiiihi",
    "CreateRNNDataDescriptor": "h",
    "DestroyRNNDataDescriptor": "h",
    "SetRNNDataDescriptor": "hiiiiihh",
    "CreateTensorDescriptor": "h",
    "DestroyTensorDescriptor": "h",
    "SetTensorNdDescriptor": "hiihh",
    "GetRNNWeightSpaceSize": "hhh",
    "GetRNNWeightParams": "hhishihhhh",
    "GetRNNTempSpaceSizes": "hhihhh",
    "BuildRNNDynamic": "hhi",
    "RNNForward": "hhihhhhhhhhhhhshshsh",
    "RNNBackwardData_v8": "hhhhhhhhhhhhhhhhshshsh",
    "RNNBackwardWeights_v8": "hhihhhhhhhshshsh",
}
KINDS = {"h": c_void_p, "i": c_int, "s": c_size_t}


Owned: TypeAlias = list[tuple[str, int]]
"""Descriptors that somebody must destroy: their kinds and addresses."""


class Library:
    """The loaded library: ``library("RNNForward", …)`` calls and checks."""

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded
        self.loaded.cudnnGetErrorString.restype = ctypes.c_char_p
        self.loaded.cudnnGetVersion.restype = c_size_t
        self.version = int(self.loaded.cudnnGetVersion())
        self._calls: dict[str, Any] = {}
        for name, signature in SIGNATURES.items():
            function = getattr(loaded, f"cudnn{name}")
            function.argtypes = [KINDS[kind] for kind in signature]
            self._calls[name] = function

    def __call__(self, name: str, *arguments: Any) -> None:
        """Call a function, and raise what it complains about."""
        code = self._calls[name](*arguments)
        if code:
            word = self.loaded.cudnnGetErrorString(code).decode()
            raise DlgruError(
                f"cuDNN refused {name}",
                identifier="dlgru:kernels:cudnn",
                function="kernels",
                argument="the answer",
                came=f"{word} ({code})",
                fix='name another engine: with use_engine("graph"): or DLGRU_ENGINE=graph',
            )

    def make(self, what: str, owned: Owned | None = None) -> int:
        """Create a handle (``""``) or a descriptor: its address, which is noted in `owned`."""
        made = c_void_p()
        self(f"Create{what}", byref(made))
        if owned is not None:
            owned.append((what, made.value or 0))
        return made.value or 0

    def destroy(self, owned: Owned) -> None:
        """Destroy descriptors."""
        while owned:
            what, address = owned.pop()
            self(f"Destroy{what}", address)


LIBRARIES = ("libcudnn.so.9", "cudnn64_9.dll")


@functools.cache
def library() -> Library | str:
    """Return the library, or why there is none."""
    found = importlib.util.find_spec("nvidia")
    folders = [] if found is None else list(found.submodule_search_locations or [])
    wheels = [
        str(path)
        for folder in folders
        for n in LIBRARIES
        for path in Path(folder).glob(f"cudnn/*/{n}")
    ]
    problems = []
    for name in [*wheels, *LIBRARIES]:
        try:
            return Library(ctypes.CDLL(name))
        except (OSError, AttributeError) as problem:
            if name in wheels or isinstance(problem, AttributeError):
                problems.append(f"{name}: {problem}")
    if problems:
        return f"cuDNN 9 is there, but cannot be used: {problems[0]}"
    return "cuDNN 9 is not installed: pip install dlgru[cudnn13], or dlgru[cudnn12] with CUDA 12"


def recurrent_descriptor(
    cudnn: Library,
    algorithm: int,
    bias: int,
    kind: int,
    math: int,
    C: int,
    H: int,
    owned: Owned | None = None,
) -> int:
    """Describe one layer of a GRU in one direction."""
    made = cudnn.make("RNNDescriptor", owned)
    layers, no_dropout = 1, None
    fixed = (algorithm, GRU, bias, UNIDIRECTIONAL, LINEAR_INPUT, kind, kind, math)
    cudnn("SetRNNDescriptor_v8", made, *fixed, C, H, H, layers, no_dropout, PADDED)
    return made


def sequence_descriptor(
    cudnn: Library, kind: int, T: int, B: int, n: int, owned: Owned | None = None
) -> int:
    """Describe a column-major array [n,B,T] of full sequences."""
    made = cudnn.make("RNNDataDescriptor", owned)
    lengths, fill = (c_int * B)(*([T] * B)), c_double(0.0)
    arguments = (made, kind, TIME_MAJOR, T, B, n, lengths, byref(fill))
    cudnn("SetRNNDataDescriptor", *arguments)
    return made


def state_descriptor(cudnn: Library, kind: int, B: int, H: int, owned: Owned | None = None) -> int:
    """Describe a column-major state [H,B]."""
    made = cudnn.make("TensorDescriptor", owned)
    sizes, steps = (c_int * 3)(1, B, H), (c_int * 3)(B * H, H, 1)
    cudnn("SetTensorNdDescriptor", made, kind, 3, sizes, steps)
    return made
