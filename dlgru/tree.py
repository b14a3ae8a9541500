"""Walking over nested containers: structs, cells, tables, and what registers itself.

Gradients, updates and ``dlfeval`` treat a struct of cells of arrays like one array:
they map a function over its leaves and put the results back in the same shape.
A container is anything with a row in the register: how to take it apart, and how
to build one like it.  Higher floors add their own kinds; nothing here names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dlgru.errors import DlgruTypeError, a_kind

Opener = Callable[[Any], "tuple[list[Any], list[Any]]"]
Builder = Callable[[Any, "list[Any]"], Any]

Rules = tuple[Opener, Builder]
Path = tuple[Any, ...]
"""The names (str) and places (int) that lead to a leaf."""

_register: dict[type, Rules] = {}
_found: dict[type, Rules | None] = {}
"""What `rules_of` has come to for each class that it met."""


def register(kind: type, opener: Opener, builder: Builder) -> None:
    """Say how containers of class `kind` open (names and items) and are built like another."""
    _register[kind] = (opener, builder)
    _found.clear()


def rules_of(x: Any) -> Rules | None:
    """How to open and build `x`, or None if it is a leaf."""
    kind = type(x)
    try:
        return _found[kind]
    except KeyError:
        _found[kind] = next((_register[k] for k in kind.__mro__ if k in _register), None)
        return _found[kind]


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function(leaf, *other_leaves)`` to parallel trees; the result has tree's shape.

    Another tree may be ``None`` or ``[]`` as a whole: then its leaves are ``[]``.
    """
    rules = rules_of(tree)
    if rules is None:
        return function(tree, *others)
    return _mapped(function, tree, rules, others, ())


def _mapped(
    function: Callable[..., Any], tree: Any, rules: Rules, others: Sequence[Any], path: Path
) -> Any:
    opener, builder = rules
    names, items = opener(tree)
    if not others:
        alone = []
        for item in items:
            inner = rules_of(item)
            alone.append(
                function(item) if inner is None else _mapped(function, item, inner, (), ())
            )
        return builder(tree, alone)
    columns = [_matching(other, names, path, tree) for other in others]
    built = []
    for k, item in enumerate(items):
        beside = [column[k] for column in columns]
        inner = rules_of(item)
        if inner is None:
            built.append(function(item, *beside))
        else:
            built.append(_mapped(function, item, inner, beside, (*path, names[k])))
    return builder(tree, built)


def _matching(other: Any, names: list[Any], path: Path, tree: Any) -> list[Any]:
    if other is None or (isinstance(other, list) and not other and names):
        return [[] for _ in names]
    rules = rules_of(other)
    if rules is not None:
        other_names, items = rules[0](other)
        if other_names == names:
            return items
        if set(other_names) == set(names):
            at = {name: item for name, item in zip(other_names, items, strict=True)}
            return [at[name] for name in names]
    came = "another kind of value" if rules is None else f"one with {rules[0](other)[0]}"
    raise DlgruTypeError(
        "Containers that go together must have the same fields",
        identifier="dlgru:tree:mismatch",
        function="tree",
        argument=f"the container at {'.'.join(map(str, path))}" if path else "the container",
        came=came,
        expected=f"{a_kind(tree)} with {names}",
    )


def path_of(steps: Path) -> str:
    """Put the way to a leaf as one writes it: ``.gru.weights``, ``[3]``."""
    return "".join([f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps])


def way_to(leaf: Any, tree: Any, before: Path = ()) -> Path | None:
    """The names and places that lead to a leaf; None if it is not in the tree."""
    if tree is leaf:
        return before
    rules = rules_of(tree)
    if rules is not None:
        for name, item in zip(*rules[0](tree), strict=True):
            found = way_to(leaf, item, (*before, name))
            if found is not None:
                return found
    return None


def leaves(tree: Any) -> Iterator[Any]:
    """Every leaf, in order."""
    rules = rules_of(tree)
    if rules is None:
        yield tree
        return
    for item in rules[0](tree)[1]:
        yield from leaves(item)


register(
    dict,
    lambda d: (list(d), list(d.values())),
    lambda d, items: type(d)(zip(d, items, strict=True)),
)
register(
    list,
    lambda c: (list(range(len(c))), list(c)),
    lambda c, items: type(c)(items) if type(c) is list else c._like(items),
)
register(
    tuple,
    lambda c: (list(range(len(c))), list(c)),
    lambda c, items: tuple(items) if type(c) is tuple else type(c)(*items),
)
