"""How many threads a call of the compiled engine may use."""

from __future__ import annotations

from dlgru.calls import any_spelling
from dlgru.errors import DlgruValueError
from dlgru.kernels.extension import native
from dlgru.ops.sizes import whole


@any_spelling
def set_num_threads(n: int | None = None) -> None:
    """Limit the threads that one call of the compiled engine uses.

    The limit holds for the whole process.  Results do not depend on it, to the last bit.  It
    says nothing about the threads of NumPy's own products, which the `plain` engine and all
    other operations use: those obey ``OMP_NUM_THREADS`` or ``OPENBLAS_NUM_THREADS``, set
    before Python starts.

    Parameters
    ----------
    n : int, optional
        At most so many threads, 64 being the most there are.  Without it, the default again:
        ``OMP_NUM_THREADS`` if that was set when the engine first asked, else the processors
        that this thread may run on.

    Raises
    ------
    DlgruTypeError, DlgruValueError
        If n is not a whole number, or less than 1.

    See Also
    --------
    get_num_threads : How many there may be now.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.set_num_threads(1)
    >>> dl.get_num_threads()
    1
    >>> dl.set_num_threads()
    """
    limit = 0
    if n is not None:
        limit = min(whole(n, "set_num_threads", "n"), 64)
        if limit < 1:
            raise DlgruValueError(
                identifier="dlgru:set_num_threads:range",
                function="set_num_threads",
                argument="n",
                came=f"{n}",
                expected="1 or more",
                fix="set_num_threads() gives the default again",
            )
    if native is not None:
        native.thread_limit(limit)


@any_spelling
def get_num_threads() -> int:
    """Return how many threads one call of the compiled engine may use now.

    Without the compiled engine the answer is 1: dlgru itself then makes no threads.

    Returns
    -------
    int
        The number.

    See Also
    --------
    set_num_threads : Change it.

    Examples
    --------
    >>> import dlgru as dl
    >>> dl.get_num_threads() >= 1
    True
    """
    return 1 if native is None else int(native.threads())
