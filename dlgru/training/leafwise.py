"""Walking several containers in step: ``dlupdate``, and what the updates share with it.

``tree_map`` of the ground floor gives one result and knows no names.  An update has up
to four containers that must fit together (parameters, gradients, states) and up to
three results, and when something does not fit, its message should say which argument
and which field.  So the containers are laid out in rows first, one row for each leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dlgru.array import DLArray, wrap
from dlgru.calls import known_keywords
from dlgru.convert import to_value
from dlgru.errors import DlgruTypeError, DlgruValueError, a_kind, listing
from dlgru.mfunction import call_with_nargout
from dlgru.parentheses import is_function
from dlgru.tables import Table
from dlgru.tree import Path, path_of, rules_of, tree_map


class Argument(NamedTuple):
    """One of the containers that go together."""

    name: str
    tree: Any
    optional: bool = False
    """Whether it may be ``[]``, as a whole or in part."""


class Row(NamedTuple):
    """A leaf of the first container, and what stands in its place in the others."""

    steps: Path
    leaf: Any
    others: list[Any]

    @property
    def path(self) -> str:
        """Where the leaf stands, for messages: ``.gru.weights``, ``[3]``."""
        return path_of(self.steps)


def rows(function: str, first: Argument, others: Sequence[Argument]) -> list[Row]:
    """Lay out containers leaf by leaf; raise if they do not fit together."""
    laid: list[Row] = []
    _lay(laid, function, first.tree, [o.tree for o in others], others, ())
    return laid


def rebuilt(tree: Any, leaves: Sequence[Any]) -> Any:
    """A container like `tree` with other leaves, in the order of its rows."""
    following = iter(leaves)
    return tree_map(lambda _: next(following), tree)


def missing(x: object) -> bool:
    """True for MATLAB's ``[]``, the state of an update that has not run yet."""
    if x is None or isinstance(x, dict):
        return x is None
    return (isinstance(x, list) and not x) or getattr(x, "shape", None) == (0, 0)


def passed_over(leaf: object) -> bool:
    """True for what is no parameter and stands as it is in every result."""
    return leaf is None or isinstance(leaf, str | bytes)


def _lay(
    laid: list[Row],
    function: str,
    tree: Any,
    others: list[Any],
    arguments: Sequence[Argument],
    steps: Path,
) -> None:
    rules = rules_of(tree)
    if rules is None:
        for other, argument in zip(others, arguments, strict=True):
            # A list may be numbers; the leaf's own function finds out.
            if isinstance(other, dict | Table):
                raise _misfit(function, argument, steps, tree, other)
        laid.append(Row(steps, tree, others))
        return
    names, items = rules[0](tree)
    columns = [
        _column(function, other, argument, tree, names, steps)
        for other, argument in zip(others, arguments, strict=True)
    ]
    for k, item in enumerate(items):
        beside = [c[k] for c in columns]
        _lay(laid, function, item, beside, arguments, (*steps, names[k]))


def _column(
    function: str, other: Any, argument: Argument, tree: Any, names: list[Any], steps: Path
) -> list[Any]:
    """The items of another container in the order of `names`."""
    if argument.optional and names and missing(other):
        return [[] for _ in names]
    rules = rules_of(other)
    if rules is not None:
        others, items = rules[0](other)
        if isinstance(tree, Table) and isinstance(other, Table):
            _check_rows(function, argument, tree, other, steps)
        if others == names:
            return items
        if len(others) == len(names) and set(others) == set(names):
            at = dict(zip(others, items, strict=True))
            return [at[name] for name in names]
    raise _misfit(function, argument, steps, tree, other)


def _check_rows(function: str, argument: Argument, tree: Table, other: Table, steps: Path) -> None:
    for name in ("Layer", "Parameter"):
        if name in tree._columns and name in other._columns:
            wanted, came = list(tree._columns[name]), list(other._columns[name])
            if wanted != came:
                raise DlgruValueError(
                    "The rows of tables that go together must name the same parameters",
                    identifier=f"dlgru:{function}:mismatch",
                    function=function,
                    argument=f"{argument.name}{path_of(steps)}.{name}",
                    came=listing(came, "and"),
                    expected=listing(wanted, "and"),
                )


def _misfit(
    function: str, argument: Argument, steps: Path, tree: Any, other: Any
) -> DlgruTypeError:
    return DlgruTypeError(
        "Containers that go together must have the same fields",
        identifier=f"dlgru:{function}:mismatch",
        function=function,
        argument=argument.name + path_of(steps),
        came=_kind(other),
        expected=_kind(tree),
    )


def _kind(x: Any) -> str:
    rules = rules_of(x)
    if missing(x) and not isinstance(x, dict):
        return "[]"
    if rules is None:
        return "an array" if hasattr(x, "shape") else a_kind(x)
    names, _ = rules[0](x)
    if isinstance(x, list | tuple):
        return f"a cell of {len(names)}"
    kind = "table with columns" if isinstance(x, Table) else "struct with fields"
    return f"a {kind} {listing(names, 'and')}" if names else "a struct without fields"


# -- the public face -----------------------------------------------------------------------


@known_keywords
def dlupdate(fun: Callable[..., Any], params: Any, *args: Any, nargout: int | None = None) -> Any:
    """Apply a function to each parameter, and to what goes with it.

    Parameters
    ----------
    fun : callable
        ``fun(p, a1, ...)`` gets one array from params and the arrays in its place in the
        further containers, as DLArrays.
    params : array, struct, cell or table
        Parameters, nested freely; of a table with a column Value, that column.
    *args : like params
        Further containers with the same fields.
    nargout : int, optional
        How many outputs to ask `fun` for; by default it returns what it returns.

    Returns
    -------
    container, tuple or None
        A container like params that holds what `fun` returned; several as a tuple if it
        returned a tuple; None if it returned nothing.

    Raises
    ------
    DlgruTypeError
        If the containers do not have the same fields, or `fun` returns now one number of
        outputs, now another.

    Examples
    --------
    >>> import dlgru as dl
    >>> gradients = dl.struct("W", dl.dlarray([3.0, 4.0]), "b", dl.dlarray(0.5))
    >>> def clip(g):
    ...     norm = dl.sqrt(dl.sum(g**2, "all"))
    ...     return g / norm if norm > 1 else g
    >>> dl.dlupdate(clip, gradients).W
      1×2 dlarray
    <BLANKLINE>
        0.6000    0.8000
    """
    if not is_function(fun):
        raise DlgruTypeError(
            identifier="dlgru:dlupdate:function",
            function="dlupdate",
            argument="fun",
            came=a_kind(fun),
            expected="a function",
        )
    others = [Argument(f"A{k}", tree) for k, tree in enumerate(args, 1)]
    laid = rows("dlupdate", Argument("params", params), others)
    found = [_applied(fun, nargout, row) for row in laid if not passed_over(row.leaf)]
    if found:
        several, count = type(found[0]) is tuple, len(_outputs(found[0]))
    else:
        several, count = nargout is not None and nargout != 1, 1 if nargout is None else nargout
    columns: list[list[Any]] = [[] for _ in range(count)]
    following = iter(found)
    for row in laid:
        if passed_over(row.leaf):
            outputs = (row.leaf,) * count
        else:
            outputs = _outputs(next(following))
        if len(outputs) != count:
            raise DlgruTypeError(
                "The function must return the same number of outputs every time",
                identifier="dlgru:dlupdate:outputs",
                function="dlupdate",
                argument=f"the result at params{row.path}",
                came=f"{len(outputs)} outputs",
                expected=str(count),
            )
        for column, output in zip(columns, outputs, strict=True):
            column.append(output)
    results = tuple([rebuilt(params, column) for column in columns])
    if several and results:
        return results
    return results[0] if results else None


def _applied(fun: Callable[..., Any], nargout: int | None, row: Row) -> Any:
    arrays = [_handed(x) for x in (row.leaf, *row.others)]
    try:
        return call_with_nargout(fun, nargout, *arrays)
    except Exception as problem:
        problem.add_note(f"dlupdate was at params{row.path}")
        raise


def _outputs(found: Any) -> tuple[Any, ...]:
    return found if type(found) is tuple else () if found is None else (found,)


def _handed(leaf: Any) -> Any:
    """A leaf as the function sees it: a DLArray of its own."""
    if type(leaf) is DLArray:
        return leaf._dlgru_handle()
    return wrap(to_value(leaf, "dlupdate", "params"), "")
