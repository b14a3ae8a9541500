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

from dlgru.errors import DlgruError, DlgruMemoryError
from dlgru.kernels.gpu.driver import driver_version

STANDARD, PERSIST_STATIC, PERSIST_DYNAMIC, SMALL_H = range(4)  # algorithms
NO_BIAS, INPUT_BIAS, DOUBLE_BIAS = range(3)
FLOAT, DOUBLE = 0, 1
DEFAULT_MATH, FMA_MATH = 0, 3  # the former allows TF32
GRU, UNIDIRECTIONAL, LINEAR_INPUT, PADDED = 3, 0, 0, 1
INFERENCE, TRAINING = 0, 1
ADD_GRADIENT = 0
TIME_MAJOR = 0
NO_MEMORY = (4003, 4004)  # on the host, on the device

# Arguments: h a handle, descriptor or other pointer; i an int or enumerator; s a size_t.
SIGNATURES = {
    "Create": "h",
    "Destroy": "h",
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
"""Handles and descriptors that somebody must destroy: their kinds and addresses."""


class Library:
    """The loaded library: ``library("RNNForward", …)`` calls and checks."""

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded
        self.loaded.cudnnGetErrorString.restype = ctypes.c_char_p
        self.loaded.cudnnGetLastErrorString.argtypes = [c_void_p, c_size_t]
        self.loaded.cudnnGetLastErrorString.restype = None
        for count in ("GetVersion", "GetCudartVersion"):
            getattr(self.loaded, f"cudnn{count}").restype = c_size_t
        self.version = int(self.loaded.cudnnGetVersion())
        self.cuda = int(self.loaded.cudnnGetCudartVersion())
        self._calls: dict[str, Any] = {}
        for name, signature in SIGNATURES.items():
            function = getattr(loaded, f"cudnn{name}")
            function.argtypes = [KINDS[kind] for kind in signature]
            self._calls[name] = function

    def __call__(self, name: str, *arguments: Any) -> None:
        """Call a function, and raise what it complains about."""
        code = self._calls[name](*arguments)
        if code:
            words = f"{self.loaded.cudnnGetErrorString(code).decode()} ({code})"
            if reason := self._reason():
                words += f": {reason}"
            if code in NO_MEMORY:
                raise DlgruMemoryError(
                    f"cuDNN has no memory for {name}",
                    identifier="dlgru:kernels:memory",
                    function="kernels",
                    argument="the answer",
                    came=words,
                )
            raise DlgruError(
                f"cuDNN refused {name}",
                identifier="dlgru:kernels:cudnn",
                function="kernels",
                argument="the answer",
                came=words,
                fix='name another engine: with use_engine("graph"): or DLGRU_ENGINE=graph',
            )

    def _reason(self) -> str:
        """Return what cuDNN has to say about the last error, if anything."""
        room = ctypes.create_string_buffer(1024)
        self.loaded.cudnnGetLastErrorString(room, len(room))
        return room.value.decode(errors="replace").strip()

    def make(self, what: str, owned: Owned | None = None) -> int:
        """Create a handle (``""``) or a descriptor: its address, which is noted in `owned`."""
        made = c_void_p()
        self(f"Create{what}", byref(made))
        if owned is not None:
            owned.append((what, made.value or 0))
        return made.value or 0

    def destroy(self, owned: Owned) -> None:
        """Destroy handles and descriptors."""
        while owned:
            what, address = owned.pop()
            self(f"Destroy{what}", address)


LIBRARIES = {"libcudnn.so.9": "libcudnn_adv.so.9", "cudnn64_9.dll": "cudnn_adv64_9.dll"}
"""cuDNN, and the part of it that has the recurrent calls and needs cuBLAS."""


@functools.cache
def library() -> Library | str:
    """Return the library, or why there is none."""
    package = importlib.util.find_spec("nvidia")
    folders = [] if package is None else list(package.submodule_search_locations or [])
    wheels = [
        path
        for folder in folders
        for name in LIBRARIES
        for path in Path(folder).glob(f"cudnn/*/{name}")
    ]
    problems = []
    for path in [*wheels, *map(Path, LIBRARIES)]:
        try:
            made = Library(ctypes.CDLL(str(path)))
            ctypes.CDLL(str(path.with_name(LIBRARIES[path.name])))
        except (OSError, AttributeError) as problem:
            if path in wheels or isinstance(problem, AttributeError):
                problems.append(f"{path}: {problem}")
            continue
        reason = unfit(made.cuda, driver_version())
        if not reason:
            return made
        problems.append(f"{path}: {reason}")
    if problems:
        return f"cuDNN 9 is there, but cannot be used: {problems[0]}"
    return "cuDNN 9 is not installed: pip install dlgru[cudnn13], or dlgru[cudnn12] with CUDA 12"


def unfit(cuda: int, driver: int | None) -> str:
    """Return why a cuDNN made for this CUDA does not run on that driver; nothing if it does."""
    if driver is None or cuda // 1000 <= driver // 1000:
        return ""
    return (
        f"it is for CUDA {cuda // 1000}, and the driver knows CUDA {driver // 1000} at most: "
        f"pip install dlgru[cudnn{driver // 1000}] instead, or renew the driver"
    )


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
