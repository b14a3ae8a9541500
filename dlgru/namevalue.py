"""MATLAB's ``'Name', value`` pairs and Python's ``Name=value``, understood once.

A function's signature *is* its option table: the keyword-only parameters are the
options, their defaults stand there, and ``Annotated[..., OneOf(...)]`` states what
is allowed.  ``Binder`` reads the signature and turns any legal spelling of a call
into plain positional arguments and exact keywords; every function behind it sees
only those.  Names match without case and by unambiguous prefix of three letters.
Positional parameters that default to a number, such as ``learnRate``, may come in the
same spellings: text in their place cannot be meant as a value.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, listing, number_words
from dlgru.parentheses import is_function


class OneOf:
    """An option that takes one of a few words, matched without case."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def check(self, given: Any, function: str, option: str) -> Any:
        """Return the exact word, or raise with the list of words."""
        if isinstance(given, str):
            for word in self.words:
                if word == given:
                    return word
            matches = _matches(given, self.words)
            if len(matches) == 1:
                return matches[0]
        raise DlgruValueError(
            identifier=f"dlgru:{function}:option",
            function=function,
            argument=option,
            came=f'"{given}"' if isinstance(given, str) else a_kind(given),
            expected=listing(self.words),
            fix=_nearest(given, self.words),
        )


class OneOfOrCallable(OneOf):
    """One of a few words, or a function."""

    def check(self, given: Any, function: str, option: str) -> Any:
        return given if is_function(given) else super().check(given, function, option)


class Flag:
    """An option that is true or false (1 and 0 are accepted, as in MATLAB)."""

    def check(self, given: Any, function: str, option: str) -> bool:
        """Return the bool, or raise."""
        try:
            if given in (True, False):
                return bool(given)
        except (TypeError, ValueError):
            pass
        name = getattr(given, "__name__", "") if callable(given) else ""
        raise DlgruTypeError(
            identifier=f"dlgru:{function}:option",
            function=function,
            argument=option,
            came=number_words(given)
            if isinstance(given, str | int | float)
            else f"the function {name}"
            if name
            else type(given).__name__,
            expected="True or False",
            fix=f"write {name.capitalize()} or {name}()" if name in ("true", "false") else "",
        )


class Interval:
    """A real number between two bounds; ``"(]"`` and the like say which ends belong."""

    def __init__(self, low: float, high: float, ends: str = "[]") -> None:
        self.low, self.high, self.ends = low, high, ends

    def check(self, given: Any, function: str, option: str) -> float:
        """Return the number, or raise with the interval."""
        try:
            x = float(given)
        except (TypeError, ValueError, OverflowError):
            x = float("nan")
        above = x >= self.low if self.ends[0] == "[" else x > self.low
        below = x <= self.high if self.ends[1] == "]" else x < self.high
        if isinstance(given, str | bool) or not (above and below):
            raise DlgruValueError(
                identifier=f"dlgru:{function}:option",
                function=function,
                argument=option,
                came=number_words(given) if isinstance(given, str | int | float) else str(given),
                expected=f"a number in {self.ends[0]}{self.low:g}, {self.high:g}{self.ends[1]}",
            )
        return x


class Binder:
    """How calls of one function are understood.

    With ``pairs=False`` text among the arguments is never the name of an option.
    """

    def __init__(self, function: Callable[..., Any], name: str, *, pairs: bool = True) -> None:
        self.name = name
        self.function = function
        self.pairs = pairs
        parameters = [
            p for p in inspect.signature(function).parameters.values() if p.name not in ("self",)
        ]
        positional = [
            p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self.positional = [p.name for p in positional]
        self.required = sum(p.default is p.empty for p in positional)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.named = self.options + [p.name for p in positional if type(p.default) in (int, float)]
        self._most = sys.maxsize if self.variadic else len(self.positional)
        self._names_options = pairs and bool(self.named)
        self._exact = frozenset(self.options) | frozenset(self.positional)

    def __call__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return ``(positional, options)`` of a call, checked."""
        named: dict[str, Any] = {}
        for at, arg in enumerate(args):
            if self.pairs and at >= self.required and isinstance(arg, str):
                option = self._option(arg)
                if option is not None:
                    named = self._pairs(args[at:])
                    args = args[:at]
                    break
                if at >= len(self.positional):
                    if not self.variadic:
                        raise self._unknown(arg)
                elif self.positional[at] in self.named:
                    raise self._unknown(arg)
        for key, given in kwargs.items():
            name = key if key in self._exact else self._keyword(key)
            if name is None:
                raise self._unknown(key)
            self._store(named, name, given)
        if len(args) > len(self.positional) and not self.variadic:
            raise DlgruTypeError(
                "Too many input arguments",
                identifier=f"dlgru:{self.name}:arguments",
                function=self.name,
                argument="the call",
                came=f"one with {len(args)} arguments",
                expected=f"at most {len(self.positional)} ({', '.join(self.positional)}), "
                "then options as Name=value",
            )
        for name in self.positional[: len(args)]:
            if name in named:
                raise self._twice(name)
        for name in self.positional[len(args) : self.required]:
            if name not in named:
                raise DlgruTypeError(
                    "Not enough input arguments",
                    identifier=f"dlgru:{self.name}:arguments",
                    function=self.name,
                    argument=name,
                    came="missing",
                    expected=f"{self.name}({', '.join(self.positional[: self.required])}, ...)",
                )
        rules = self.rules
        for at, name in enumerate(self.positional[: len(args)]):
            if name in rules:
                checked = rules[name].check(args[at], self.name, name)
                args = (*args[:at], checked, *args[at + 1 :])
        for name in named:
            if name in rules:
                named[name] = rules[name].check(named[name], self.name, name)
        return args, named

    @cached_property
    def rules(self) -> dict[str, Any]:
        """The rule of each option that has one, read from the annotations on first use."""
        rules = {}
        hints = get_type_hints(self.function, include_extras=True)
        for name in (*self.options, *self.positional):
            hint = hints.get(name)
            if get_origin(hint) is Annotated:
                for extra in get_args(hint)[1:]:
                    if hasattr(extra, "check"):
                        rules[name] = extra
        return rules

    def fits(self, args: tuple[Any, ...]) -> bool:
        """True if a call with these arguments alone needs no work, as most do not."""
        required = self.required
        if len(args) < required or len(args) > self._most or self._checks_positional:
            return False
        if self._names_options:
            for arg in args[required:]:
                if isinstance(arg, str):
                    return False
        return True

    @cached_property
    def _checks_positional(self) -> bool:
        """True if an argument that is no option has a rule."""
        return any(name in self.rules for name in self.positional)

    def _pairs(self, rest: tuple[Any, ...]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for at in range(0, len(rest), 2):
            key = rest[at]
            if not isinstance(key, str):
                raise DlgruTypeError(
                    "Name-value arguments come in pairs",
                    identifier=f"dlgru:{self.name}:pairs",
                    function=self.name,
                    argument=f"argument {at + 1} of the name-value list",
                    came=a_kind(key),
                    expected=f"an option name: {listing(self.named)}",
                )
            name = self._option(key)
            if name is None:
                raise self._unknown(key)
            if at + 1 == len(rest):
                raise DlgruTypeError(
                    "Name-value arguments come in pairs",
                    identifier=f"dlgru:{self.name}:pairs",
                    function=self.name,
                    argument=name,
                    came="a name without a value",
                    expected=f"'{name}', value",
                )
            self._store(named, name, rest[at + 1])
        return named

    def _store(self, named: dict[str, Any], name: str, given: Any) -> None:
        if name in named:
            raise self._twice(name)
        named[name] = given

    def _keyword(self, given: str) -> str | None:
        """The parameter that ``given=value`` names; the beginning of a word names options only."""
        for name in self.positional:
            if name.lower() == given.lower():
                return name
        return self._option(given)

    def _option(self, given: str) -> str | None:
        if given in self.named:
            return given
        matches = _matches(given, self.named)
        return matches[0] if len(matches) == 1 else None

    def _unknown(self, given: str) -> DlgruTypeError:
        ambiguous = _matches(given, self.named)
        return DlgruTypeError(
            f'"{given}" could be several options' if len(ambiguous) > 1 else "Unknown option",
            identifier=f"dlgru:{self.name}:unknownOption",
            function=self.name,
            argument="the option",
            came=f'"{given}"',
            expected=listing(ambiguous if len(ambiguous) > 1 else self.named)
            if self.named
            else "no option",
            fix=_nearest(given, self.named),
        )

    def _twice(self, name: str) -> DlgruTypeError:
        return DlgruTypeError(
            "An argument may be given only once",
            identifier=f"dlgru:{self.name}:repeated",
            function=self.name,
            argument=name,
            came="given twice",
            expected="one value",
        )


def _matches(given: str, words: tuple[str, ...] | list[str]) -> list[str]:
    low = given.lower()
    exact = [w for w in words if w.lower() == low]
    if exact or len(low) < 3:
        return exact
    return [w for w in words if w.lower().startswith(low)]


def _nearest(given: Any, words: tuple[str, ...] | list[str]) -> str:
    if not isinstance(given, str):
        return ""
    close = difflib.get_close_matches(given.lower(), [w.lower() for w in words], 1, 0.6)
    if not close:
        return ""
    return f'did you mean "{next(w for w in words if w.lower() == close[0])}"'
