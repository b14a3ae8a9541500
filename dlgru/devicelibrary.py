"""The one place that imports CuPy, and that says what is missing where it cannot be used.

CuPy is imported when somebody asks for a GPU, never before.  Whatever keeps it from
working (no CuPy, no driver, a driver for another CUDA, no GPU, no CUDA libraries) becomes
one error with the fix.  What is missing is looked for again at each call, because it may
have been installed in the meantime; what has been found stays.
"""

from __future__ import annotations

from typing import Any, NoReturn

from dlgru.errors import DlgruError

_found: list[Any] = []

INSTALL = (
    'pip install "dlgru[gpu12]" for CUDA 12 or "dlgru[gpu13]" for CUDA 13 '
    "(nvidia-smi prints the CUDA version of the driver)"
)


def register_device_library(module: Any) -> None:
    """Let arrays go to the device of `module`, a library that is to its arrays what CuPy is."""
    _found[:] = [module]


def device_library(function: str) -> Any:
    """Return CuPy, ready for use; raise what is missing in the name of `function`."""
    if not _found:
        _found.append(_cupy(function))
    return _found[0]


def device_ready() -> bool:
    """True if arrays can go to a GPU; never raises."""
    try:
        device_library("canUseGPU")
    except DlgruError:
        return False
    return True


def _cupy(function: str) -> Any:
    try:
        import cupy
    except ModuleNotFoundError as problem:
        if problem.name != "cupy":
            _cannot(function, "import", "CuPy cannot be imported", str(problem), INSTALL)
        _cannot(function, "cupy", "A GPU needs CuPy, which is not installed", "", INSTALL)
    except Exception as problem:  # whatever goes wrong in another package's import
        _cannot(function, "import", "CuPy cannot be imported", str(problem), INSTALL)
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except Exception as problem:  # CUDARuntimeError, whose class needs the import above
        _no_device(function, runtime, str(problem))
    if not count:
        _no_device(function, runtime, "cudaErrorNoDevice")
    try:
        # The libraries are looked for at their first use only; without them no kernel compiles.
        _ = cupy.cuda.nvrtc.getVersion(), cupy.cuda.cublas
    except Exception as problem:
        major = runtime.runtimeGetVersion() // 1000
        _cannot(
            function,
            "libraries",
            f"CuPy does not find the libraries of CUDA {major}",
            " ".join(str(problem).split()),
            f'pip install "dlgru[gpu{major}]" brings them',
        )
    return cupy


def _no_device(function: str, runtime: Any, came: str) -> NoReturn:
    """Say why CUDA shows no device: CUDA has one error for a driver that is old or absent."""
    driver, built = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if "NoDevice" in came:
        fix = "nvidia-smi must list a GPU, and CUDA_VISIBLE_DEVICES must not hide it"
        _cannot(function, "device", "There is no CUDA GPU", came, fix)
    if not driver:
        fix = "install the NVIDIA driver; nvidia-smi must list a GPU"
        _cannot(function, "driver", "There is no NVIDIA driver", came, fix)
    if driver // 1000 < built // 1000:
        has, needs = driver // 1000, built // 1000
        fix = f"install a driver for CUDA {needs} or later"
        if has >= 12:  # the oldest CUDA that there is an extra for
            fix += f', or: pip uninstall cupy-cuda{needs}x; pip install "dlgru[gpu{has}]"'
        _cannot(
            function,
            "version",
            f"The driver is for CUDA {version_text(driver)}, CuPy for CUDA {version_text(built)}",
            came,
            fix,
        )
    _cannot(function, "driver", "CUDA does not start", came, "nvidia-smi must list a GPU")


def _cannot(function: str, what: str, headline: str, came: str, fix: str) -> NoReturn:
    raise DlgruError(
        headline,
        identifier=f"dlgru:gpu:{what}",
        function=function,
        argument="the reason",
        came=came,
        fix=fix,
    ) from None


def version_text(number: int) -> str:
    """Write CUDA's version numbers as people do: 12090 is 12.9."""
    return f"{number // 1000}.{number % 1000 // 10}"
