"""MATLAB's structs: dictionaries whose items are attributes.

``parameters.encoder.gru.Weights = W`` is one line in MATLAB, whether or not any of
these fields exist.  Python evaluates ``parameters.encoder.gru`` before it hears of
the assignment, so asking a struct for a field it lacks gives a :class:`MissingField`,
which can only be assigned to (through further fields, if need be) and creates what
is missing then.  Any other use of it raises and lists the fields there are.

Fields win over the methods a dictionary has: after ``p.update = W`` the attribute is
W.  Code that handles structs therefore goes through the functions below, or calls
the methods on the class (``dict.items(p)``), and never asks by ``hasattr`` or
``getattr(p, name, None)`` what a struct can do.

A field holds a value, as in MATLAB (``keeping.py``): assigning to ``X[...]`` after
``p.W = X`` leaves the field alone, and the other way round; so does assigning to a struct
that was put into another one.  Asking for ``p.W`` gives what is stored, for
``p.W[0, 0] = 1`` means it.
"""

from __future__ import annotations

import difflib
from typing import Any, NoReturn, Self

from dlgru.display import struct_text
from dlgru.errors import DlgruAttributeError, DlgruTypeError, DlgruValueError, listing
from dlgru.keeping import all_kept, kept
from dlgru.keeping import register as register_kept
from dlgru.onestruct import check_first, replace
from dlgru.parentheses import SubscriptsInBrackets
from dlgru.sameness import same
from dlgru.tree import register

_get = dict.get
_ABSENT = object()


class Struct(SubscriptsInBrackets, dict[str, Any]):
    """A struct: named fields of any values; :func:`~dlgru.fields.struct` makes one.

    Attribute access and ``p["name"]`` are the same; the latter also reaches names
    that are Python keywords and names held in variables.
    """

    __slots__ = ()
    __hash__ = None

    def __init__(self, fields: Any = (), /, **named: Any) -> None:
        super().__init__(fields, **named)
        for name, value in dict.items(self):
            check_name(name)
            own = kept(value)
            if own is not value:
                super().__setitem__(name, own)

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_":
            field = _get(self, name, _ABSENT)
            if field is not _ABSENT:
                return field
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        # Only for what neither the fields nor the class has.
        if name[0] == "_":
            raise AttributeError(name)
        return MissingField(self, (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __missing__(self, name: str) -> MissingField:
        check_name(name)
        return MissingField(self, (name,))

    def __setitem__(self, name: str, value: Any) -> None:
        check_name(name)
        if type(value) is MissingField:
            raise_missing(value)
        super().__setitem__(name, kept(value))

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise_missing(MissingField(self, (name,)))
        super().__delitem__(name)

    def update(self, *fields: Any, **named: Any) -> None:
        """Set several fields."""
        for name, value in dict.items(dict(*fields, **named)):
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a field; set it first if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Struct:
        """Return another struct with the same values."""
        return Struct(self)

    def __or__(self, other: Any) -> Struct:  # type: ignore[override]
        return Struct({**self, **other})

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]
        Struct.update(self, other)
        return self

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __ne__(self, other: object) -> bool:
        return not same(self, other)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __copy__(self) -> Struct:
        return Struct(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (_restored, (dict(self),))

    def _in_brackets(self, meant: str) -> str:
        return f"write X.m[{meant}], or X alone, for it is one struct"

    def __repr__(self) -> str:
        return struct_text({name: _shown(v) for name, v in dict.items(self)}, heading=True)


def _shown(value: Any) -> Any:
    """A field's value without attribute access of its own, for printing."""
    if isinstance(value, Struct):
        return dict(value)
    if isinstance(value, list) and any(isinstance(v, Struct) for v in value):
        return [_shown(v) for v in value]
    return value


def _with_fields(s: dict[str, Any], items: list[Any]) -> Struct:
    """A struct with the names of `s`, which need no further check, and other values."""
    made = Struct.__new__(Struct)
    dict.update(made, zip(s, items, strict=True))
    return made


def _restored(fields: dict[str, Any]) -> Struct:
    """A struct of fields that nobody else has."""
    return _with_fields(fields, list(fields.values()))


register(Struct, lambda s: (list(s), list(dict.values(s))), _with_fields)
register_kept(Struct, lambda s: _with_fields(s, all_kept(dict.values(s))))


class MissingField:
    """A field that does not exist yet: it can be assigned to and nothing else.

    Only ``h.m[1]``, with a subscript that is no name, is MATLAB's ``h(1)``: h itself.
    """

    __slots__ = ("_owner", "_path")
    _owner: Struct
    _path: tuple[str, ...]

    def __init__(self, owner: Struct, path: tuple[str, ...]) -> None:
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_path", path)

    def __getattr__(self, name: str) -> MissingField:
        if name[0] == "_":
            raise AttributeError(name)
        return MissingField(self._owner, (*self._path, name))

    def __setattr__(self, name: str, value: Any) -> None:
        check_name(name)
        inner = self._owner
        for step in self._path:
            existing = _get(inner, step, _ABSENT)
            if existing is _ABSENT:
                inner[step] = Struct()
                existing = _get(inner, step)
            elif not isinstance(existing, Struct):
                raise_missing(self)
            inner = existing
        inner[name] = value

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, str) and name != ":":
            return self.__getattr__(name)
        if self._path != ("m",):
            raise_missing(self)
        check_first(name)
        return self._owner

    def __setitem__(self, name: Any, value: Any) -> None:
        if isinstance(name, str) and name != ":":
            self.__setattr__(name, value)
        elif self._path == ("m",):
            replace(self._owner, name, value)
        else:
            raise_missing(self)


def raise_missing(field: MissingField, *_: Any, **__: Any) -> NoReturn:
    """Say that a field does not exist, and which do."""
    owner, path = field._owner, field._path
    close = difflib.get_close_matches(path[0], list(owner), 1, 0.6)
    raise DlgruAttributeError(
        f'Unrecognized field name "{path[0]}"',
        identifier="MATLAB:nonExistentField",
        function="struct",
        argument="the field",
        came=f'"{".".join(path)}"',
        expected=listing(owner) if owner else "no field: the struct is empty",
        fix=f'did you mean "{close[0]}"' if close else "",
    )


_EVERY_OTHER_USE = """
    abs add and array bool bytes call ceil complex contains delattr delitem divmod enter eq exit
    float floor floordiv format ge gt hash iadd iand ifloordiv imatmul imod imul index int invert
    ior ipow isub iter itruediv ixor le len lshift lt matmul mod mul ne neg next or pos pow radd
    rand rdivmod reduce_ex repr reversed rfloordiv rlshift rmatmul rmod rmul ror round rpow
    rrshift rshift rsub rtruediv rxor str sub truediv trunc xor
"""
for _use in _EVERY_OTHER_USE.split():
    setattr(MissingField, f"__{_use}__", raise_missing)


def check_name(name: Any) -> None:
    """Raise unless `name` can name a field."""
    if not isinstance(name, str):
        raise DlgruTypeError(
            identifier="dlgru:struct:fieldName",
            function="struct",
            argument="a field name",
            came=f"of class {type(name).__name__}",
            expected="text",
        )
    if not name.isidentifier() or name[0] == "_":
        raise DlgruValueError(
            "A field name starts with a letter and consists of letters, digits and underscores",
            identifier="dlgru:struct:fieldName",
            function="struct",
            argument="a field name",
            came=f'"{name}"',
            expected='a name such as "Weights"',
        )
