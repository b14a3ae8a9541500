"""The two array classes: ``Value`` inside, ``DLArray`` at the door.

A ``Value`` is a raw array of any rank with its place on a tape.  It is immutable
and knows no labels; operations, derivatives and composite bodies see nothing else.

A ``DLArray`` is a *handle*: a Value plus labels, and the only class users see.
Handles are what makes ``X[...] = v`` possible on immutable values: the
assignment gives the handle a new Value and touches nothing else.  A loop that
fills an array step by step must not copy it each time, so a handle that is being
written keeps its buffer aside, unsealed, and writes into it until something reads
the whole array (``_settle``).

No mathematics lives here.  Operators, subscripts and NumPy's protocols are
installed on these classes by the files that implement them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dlgru.backend import RawArray, seal
from dlgru.display import array_text
from dlgru.errors import DlgruTypeError, DlgruValueError, size_text
from dlgru.labels import trimmed_rank
from dlgru.parentheses import SubscriptsInBrackets
from dlgru.tape import Tape


class Value:
    """A raw array, the tape that watches it (or None) and its id there.

    ``plan`` is for whoever wants to remember something about this very array;
    recurrent operations leave there what calls with these weights came to.
    """

    __slots__ = ("data", "id", "plan", "tape")

    if TYPE_CHECKING:
        # Installed by the operations that implement them.
        def __add__(self, other: Any) -> Value: ...
        def __radd__(self, other: Any) -> Value: ...
        def __sub__(self, other: Any) -> Value: ...
        def __rsub__(self, other: Any) -> Value: ...
        def __mul__(self, other: Any) -> Value: ...
        def __rmul__(self, other: Any) -> Value: ...
        def __truediv__(self, other: Any) -> Value: ...
        def __rtruediv__(self, other: Any) -> Value: ...
        def __pow__(self, other: Any) -> Value: ...
        def __neg__(self) -> Value: ...
        def __matmul__(self, other: Any) -> Value: ...
        def reshape(self, shape: tuple[int, ...]) -> Value: ...
        def back_to(self, shape: tuple[int, ...], dtype: Any) -> Value | None: ...

    def __init__(self, data: RawArray, tape: Tape | None = None, id: int = 0) -> None:
        self.data = data
        self.tape = tape
        self.id = id
        self.plan: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def dtype(self) -> Any:
        """NumPy dtype of the data."""
        return self.data.dtype

    @property
    def traced(self) -> bool:
        """True while operations on this value are recorded."""
        return self.tape is not None and self.tape.entries is not None

    def __repr__(self) -> str:
        return f"Value({size_text(self.shape)} {self.dtype}, id {self.id})"


def recording_tape(inputs: Iterable[Any]) -> Tape | None:
    """The innermost tape among the inputs that records, or None."""
    tape = None
    for x in inputs:
        if type(x) is Value:
            t = x.tape
            if (
                t is not None
                and t.entries is not None
                and t is not tape
                and (tape is None or t.depth > tape.depth)
            ):
                tape = t
    return tape


class DLArray(SubscriptsInBrackets):
    """A deep-learning array: numeric data with optional dimension labels.

    Make one with :func:`dlarray`.  Functions keep MATLAB's names and meaning
    (``sum(X, 1)`` is the sum over the first dimension), Python brackets keep
    Python's (``X[0]`` is the first element) and ``X.m[1]`` is MATLAB's ``X(1)``.
    """

    __slots__ = ("__weakref__", "_labels", "_value", "_writing")
    __hash__ = None  # type: ignore[assignment]

    if TYPE_CHECKING:
        # Installed by the operations that implement them.
        def __add__(self, other: Any) -> DLArray: ...
        def __radd__(self, other: Any) -> DLArray: ...
        def __sub__(self, other: Any) -> DLArray: ...
        def __rsub__(self, other: Any) -> DLArray: ...
        def __mul__(self, other: Any) -> DLArray: ...
        def __rmul__(self, other: Any) -> DLArray: ...
        def __truediv__(self, other: Any) -> DLArray: ...
        def __rtruediv__(self, other: Any) -> DLArray: ...
        def __pow__(self, other: Any) -> DLArray: ...
        def __rpow__(self, other: Any) -> DLArray: ...
        def __matmul__(self, other: Any) -> DLArray: ...
        def __rmatmul__(self, other: Any) -> DLArray: ...
        def __neg__(self) -> DLArray: ...
        def __pos__(self) -> DLArray: ...
        def __abs__(self) -> DLArray: ...
        def __lt__(self, other: Any) -> DLArray: ...
        def __le__(self, other: Any) -> DLArray: ...
        def __gt__(self, other: Any) -> DLArray: ...
        def __ge__(self, other: Any) -> DLArray: ...
        def __eq__(self, other: object) -> DLArray: ...  # type: ignore[override]
        def __ne__(self, other: object) -> DLArray: ...  # type: ignore[override]
        def __and__(self, other: Any) -> DLArray: ...
        def __or__(self, other: Any) -> DLArray: ...
        def __invert__(self) -> DLArray: ...
        def __getitem__(self, key: Any) -> DLArray: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __delitem__(self, key: Any) -> None: ...
        @property
        def m(self) -> Any: ...
        @property
        def T(self) -> DLArray: ...

    _value: Value | None
    _labels: str
    _writing: Value | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise DlgruTypeError(
            "DLArray is the class; dlarray(X) or dlarray(X, fmt) makes one",
            identifier="dlgru:dlarray:constructor",
            function="DLArray",
            argument="the call",
            came="one of the class",
            expected="one of the function dlarray",
            fix='write dlarray(X, "CBT")',
        )

    # -- state ---------------------------------------------------------------

    def _settle(self) -> Value:
        """End a run of assignments: seal the buffer and hand out the Value."""
        value = self._writing
        assert value is not None
        seal(value.data)
        self._value = value
        self._writing = None
        return value

    @property
    def value(self) -> Value:
        """The Value this handle points at now."""
        return self._value or self._settle()

    def _peek(self) -> Value:
        """The Value as it stands, without ending a run of assignments."""
        return self._value or self._writing  # type: ignore[return-value]

    def _dlgru_handle(self) -> DLArray:
        """A fresh handle on the same Value."""
        return wrap(self.value, self._labels)

    def _dlgru_raw(self) -> RawArray:
        """The raw data, for use as a subscript."""
        return self._peek().data

    # -- what Python people look for -----------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension, in stored order."""
        shape: tuple[int, ...] = self._peek().data.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        ndim: int = self._peek().data.ndim
        return ndim

    @property
    def dtype(self) -> Any:
        """NumPy dtype of the data."""
        return self._peek().data.dtype

    @property
    def dims(self) -> str:
        """Dimension labels in stored order; empty when unformatted."""
        return self._labels

    # -- one element is a number ---------------------------------------------

    def _scalar(self, kind: str) -> Any:
        data = self._peek().data
        if data.size != 1:
            raise DlgruTypeError(
                "Only a one-element array is a number",
                identifier="dlgru:dlarray:scalar",
                function=kind,
                argument="X",
                came=f"{size_text(data.shape, self._labels)}",
                expected="one element",
                fix="index one element, or use extractdata(X)",
            )
        return data.item()

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __complex__(self) -> complex:
        number = complex(self._scalar("complex"))
        if self._peek().traced:
            raise DlgruTypeError(
                "Python's complex makes a number: the trace would end there",
                identifier="dlgru:complex:traced",
                function="complex",
                argument="X",
                came="traced",
                expected="an untraced array",
                fix="write dlgru.complex(X)",
            )
        return number

    def __index__(self) -> int:
        x = self._scalar("index")
        if isinstance(x, bool) or x != int(x):
            raise DlgruTypeError(
                identifier="dlgru:dlarray:index",
                function="index",
                argument="X",
                came=repr(x),
                expected="a whole number",
            )
        return int(x)

    def __bool__(self) -> bool:
        data = self._peek().data
        if data.size == 1:
            return bool(data.item())
        if data.size == 0:
            return False
        raise DlgruValueError(
            "The truth of an array of several elements is not defined",
            identifier="dlgru:dlarray:truth",
            function="bool",
            argument="X",
            came=size_text(data.shape, self._labels),
            expected="one element",
            fix='write all(X, "all") or any(X, "all")',
        )

    def __format__(self, spec: str) -> str:
        return format(self._scalar("format"), spec) if spec else str(self)

    def __iter__(self) -> Any:
        raise DlgruTypeError(
            "A DLArray does not unpack into several values",
            identifier="dlgru:dlarray:unpack",
            function="DLArray",
            argument="X",
            came=f"one {size_text(self.shape, self._labels)} array",
            expected="one name for it",
            fix="ask the function for its outputs, as in Y, h = gru(..., nargout=2), or index X[k]"
            "; a loop is for k in range(1, n + 1), or over a row's numbers "
            "for x in extractdata(X).ravel()",
        )

    # -- text ----------------------------------------------------------------

    def __str__(self) -> str:
        data = self._peek().data
        return array_text(data, self._labels)

    def __repr__(self) -> str:
        return str(self)


_new = object.__new__


def wrap(value: Value, labels: str) -> DLArray:
    """A handle on `value`, which must have one dimension per label (or at least two)."""
    x = _new(DLArray)
    x._value = value
    x._labels = labels
    x._writing = None
    return x


def finish(value: Value, labels: str = "") -> DLArray:
    """Wrap a result, dropping trailing singleton dimensions as MATLAB does.

    Formatted: trailing singleton U beyond the second dimension.  Unformatted:
    any trailing singleton beyond the second; fewer than two get ones.
    """
    shape = value.data.shape
    n = len(shape)
    if labels:
        if n > 2 and labels[-1] == "U" and shape[-1] == 1:
            n = trimmed_rank(labels, shape)
            return wrap(value.reshape(shape[:n]), labels[:n])
    elif n != 2:
        if n < 2:
            value = value.reshape((1,) * (2 - n) + shape)
        elif shape[-1] == 1:
            while n > 2 and shape[n - 1] == 1:
                n -= 1
            value = value.reshape(shape[:n])
    return wrap(value, labels)
