"""Arrays on a GPU: ``gpuArray gather isgpuarray canUseGPU gpuDevice``.

``gpuArray`` and ``gather`` are operations, so a gradient comes back on the side its variable
is on.  Nothing else moves data: operations compute where their operands are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlgru import backend
from dlgru.array import DLArray, Value, wrap
from dlgru.backend import xp_of
from dlgru.calls import NeedsParentheses, any_spelling
from dlgru.convert import labels_of, to_value
from dlgru.devicelibrary import device_library, device_ready, version_text
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind
from dlgru.fields import struct
from dlgru.mfunction import first_outputs
from dlgru.op import primitive
from dlgru.ops.sizes import whole
from dlgru.tree import rules_of

# -- moving --------------------------------------------------------------------------------


@primitive("gpuArray")
def gpuArray(x: Any, xp: Any = None) -> Any:
    if backend.is_device_array(x):
        return x
    xp = xp or device_library("gpuArray")
    if x.size == 1:  # as the argument of a kernel: no transfer
        return xp.full(x.shape, x.item(), dtype=x.dtype, order="F")
    return xp.asarray(x, order="F")


@gpuArray.vjp
def _(y: Value, x: Value, xp: Any = None) -> Any:
    return _unmoved if type(x.data) is type(y.data) else gather.op.on_values


@gpuArray.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 3, kind="complex"),)


@gpuArray.door
def _gpuArray(X: Any) -> DLArray:
    """Bring an array to the GPU; labels, class and trace stay.

    Parameters
    ----------
    X : number, list, ndarray or DLArray
        Data of class double, single or logical.  Those that are on the GPU stay there.

    Returns
    -------
    DLArray
        Its data are a CuPy array.  Gradients come back on the side of X.

    Raises
    ------
    DlgruError
        If there is no GPU to use; the message says what is missing.
    DlgruMemoryError
        If the GPU has no room for X.

    Notes
    -----
    A struct, cell or table of arrays moves by ``dlupdate(gpuArray, S)``.

    Examples
    --------
    >>> import dlgru as dl
    >>> X = dl.dlarray([[1, 2], [3, 4]], "CB")
    >>> if dl.canUseGPU():
    ...     X = dl.gpuArray(X)
    >>> float(dl.sum(X, "all"))
    10.0
    """
    return wrap(gpuArray.op.on_values(_array(X, "gpuArray")), labels_of(X))


@primitive("gather")
def gather(x: Any) -> Any:
    return backend.to_host(x)


@gather.vjp
def _(y: Value, x: Value) -> Any:
    xp = xp_of(x.data)
    return _unmoved if xp is np else lambda g: gpuArray.op.on_values(g, xp=xp)


@gather.cases
def _(r: Any) -> Any:
    yield (r(3, 2, fmt="CB"),)
    yield (r(2, 3, kind="complex"),)


@gather.door
def _gather(X: Any, *more: Any, nargout: int | None = None) -> Any:
    """Bring arrays from the GPU to host memory; labels, class and trace stay.

    Parameters
    ----------
    X, *more : number, list, ndarray or DLArray
        What is in host memory already stays there.
    nargout : int, optional
        Number of outputs; as many as there are arguments if it is left out.

    Returns
    -------
    DLArray or tuple
        Still DLArrays: ``extractdata`` gives ndarrays.

    Notes
    -----
    The host waits here until the GPU has computed the data.  A struct, cell or table of
    arrays comes back by ``dlupdate(gather, S)``.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.gather(dl.ones(2, 3)).shape
    (2, 3)
    """
    found = tuple(
        [wrap(gather.op.on_values(_array(x, "gather")), labels_of(x)) for x in (X, *more)]
    )
    if nargout is None:
        return found if more else found[0]
    return first_outputs(found if more else found[0], whole(nargout, "gather", "nargout"), "gather")


def _array(x: Any, function: str) -> Value:
    try:
        return to_value(x, function)
    except DlgruTypeError as problem:
        if rules_of(x) is None:
            raise
        raise DlgruTypeError(
            identifier=problem.identifier,
            function=function,
            argument="X",
            came=f"{a_kind(x)} of arrays",
            expected="an array",
            fix=f"write dlupdate({function}, X)",
        ) from None


def _unmoved(g: Value) -> Value:
    return g


for _operation in (gpuArray, gather):
    _operation.op.moves = True


@any_spelling
def isgpuarray(X: Any) -> bool:
    """True for an array whose data are on a GPU.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.isgpuarray(dl.ones(2, 3))
    False
    """
    return backend.is_device_array(X._peek().data if type(X) is DLArray else X)


# -- asking about the GPU ------------------------------------------------------------------


@NeedsParentheses
@any_spelling
def canUseGPU() -> bool:
    """True if arrays can go to a GPU; ``gpuDevice()`` says what is missing if not.

    Never raises.  MATLAB also writes ``if canUseGPU``; here that raises and names the call.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.canUseGPU() in (True, False)
    True
    """
    return device_ready()


@NeedsParentheses
@any_spelling
def gpuDevice(index: Any = None) -> Any:
    """What is known about the current GPU, as a struct; with a number, choose that GPU first.

    Parameters
    ----------
    index : int, optional
        Make this the current GPU of the calling thread; they count from 1.  Unlike
        MATLAB's, the call does not reset it: arrays that are there stay.

    Returns
    -------
    struct
        Name, Index, ComputeCapability, DriverVersion and ToolkitVersion (of CUDA),
        MultiprocessorCount, MaxThreadsPerBlock, MaxShmemPerBlock, SIMDWidth, TotalMemory
        and AvailableMemory (bytes).

    Raises
    ------
    DlgruError
        If there is no GPU to use; the message says what is missing.

    Examples
    --------
    >>> import dlgru as dl
    >>> if dl.canUseGPU():
    ...     name = dl.gpuDevice().Name
    """
    cuda = device_library("gpuDevice").cuda
    runtime = cuda.runtime
    if index is not None:
        chosen, count = whole(index, "gpuDevice", "index"), runtime.getDeviceCount()
        if not 1 <= chosen <= count:
            raise DlgruValueError(
                identifier="dlgru:gpuDevice:index",
                function="gpuDevice",
                argument="index",
                came=str(chosen),
                expected=f"a number from 1 to {count}, the GPUs there are",
            )
        cuda.Device(chosen - 1).use()
    number = runtime.getDevice()
    facts = runtime.getDeviceProperties(number)
    free, total = runtime.memGetInfo()
    return struct(
        Name=facts["name"].decode(),
        Index=number + 1,
        ComputeCapability=f"{facts['major']}.{facts['minor']}",
        DriverVersion=version_text(runtime.driverGetVersion()),
        ToolkitVersion=version_text(runtime.runtimeGetVersion()),
        MultiprocessorCount=facts["multiProcessorCount"],
        MaxThreadsPerBlock=facts["maxThreadsPerBlock"],
        MaxShmemPerBlock=facts["sharedMemPerBlock"],
        SIMDWidth=facts["warpSize"],
        TotalMemory=total,
        # What the library keeps for later arrays is as good as free.
        AvailableMemory=free + device_library("gpuDevice").get_default_memory_pool().free_bytes(),
    )
