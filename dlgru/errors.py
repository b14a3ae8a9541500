"""The errors dlgru raises, and the words all messages share.

Every error is a :class:`DlgruError` and also the built-in kind a Python
reader expects (``ValueError``, ``TypeError``, ``IndexError``), so both
``except ValueError`` and ``except DlgruError`` work.  A message always says
which function spoke, which argument it is about, what came, what was expected
and, where one is known, the fix.  The parts also stand as attributes.
"""

from __future__ import annotations

from collections.abc import Iterable


class DlgruError(Exception):
    """Base of every error dlgru raises on purpose.

    Attributes
    ----------
    identifier : str
        A stable name such as ``"dlgru:gru:size"``; MATLAB's own identifier
        where it is known.
    function, argument : str
        The function that spoke and the argument at fault.
    came, expected, fix : str
        What came, what was expected, and what to write instead.
    """

    def __init__(
        self,
        headline: str = "",
        *,
        identifier: str,
        function: str = "",
        argument: str = "",
        came: str = "",
        expected: str = "",
        fix: str = "",
    ) -> None:
        self.headline = headline
        self.identifier = identifier
        self.function = function
        self.argument = argument
        self.came = came
        self.expected = expected
        self.fix = fix
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        sentences = []
        if self.headline:
            sentences.append(self.headline.rstrip("."))
        fact = ""
        if self.came:
            fact = f"{self.argument or 'the value'} is {self.came}"
        if self.expected:
            start = ", " if fact else f"{self.argument}: " if self.argument else ""
            fact += f"{start}expected {self.expected}"
        if fact:
            sentences.append(fact.rstrip("."))
        if self.fix:
            sentences.append(self.fix.rstrip("."))
        text = ". ".join(sentences) + "."
        return f"{self.function}: {text}" if self.function else text

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only construction needs help to cross a process boundary.
        return (_rebuild, (type(self), self.__dict__.copy()))


class DlgruValueError(DlgruError, ValueError):
    """A value, size, label or option that is not allowed."""


class DlgruTypeError(DlgruError, TypeError):
    """A class of data or kind of argument that is not allowed."""


class DlgruIndexError(DlgruError, IndexError):
    """A subscript outside the array, or of a kind that cannot index."""


class DlgruAttributeError(DlgruError, AttributeError, ValueError):
    """A field or property that does not exist; also a ``ValueError``."""


class DlgruMemoryError(DlgruError, MemoryError):
    """The GPU has no room for a result; what went into the operation is as it was."""


class DlgruWarning(UserWarning):
    """Something legal that is probably not what was meant."""


def _rebuild(kind: type[DlgruError], parts: dict[str, str]) -> DlgruError:
    return kind(**parts)


def size_text(shape: Iterable[int], labels: str = "") -> str:
    """Write a size as MATLAB prints it: ``3×4``, or ``3(C) × 4(B)`` with labels."""
    if labels:
        return " × ".join(f"{n}({d})" for n, d in zip(shape, labels, strict=True))
    return "×".join(str(n) for n in shape)


def number_words(x: object) -> str:
    """Write a number, or text in quotes; of a very long whole number only how long it is."""
    if isinstance(x, int) and x.bit_length() > 100:
        # Python itself refuses to print the longest.
        return f"a whole number of {x.bit_length()} bits"
    return repr(x) if isinstance(x, str) else str(x)


def a_kind(x: object) -> str:
    """Name the class of a value with its article: ``an int``, ``a dict``."""
    name = type(x).__name__
    return f"an {name}" if name[0] in "aeioAEIO" or name.startswith("nd") else f"a {name}"


def listing(words: Iterable[object], joiner: str = "or") -> str:
    """Join words for a sentence: ``"a", "b" or "c"``."""
    quoted = [f'"{w}"' if isinstance(w, str) else str(w) for w in words]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {joiner} {quoted[-1]}"
