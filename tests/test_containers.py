"""Structs, cells and tables: MATLAB's meaning on Python's dictionaries and lists."""

from __future__ import annotations

import copy
import json
import pickle
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlgru as dl
from dlgru.cells import Cell, cell, iscell
from dlgru.endmark import end
from dlgru.errors import (
    DlgruAttributeError,
    DlgruError,
    DlgruIndexError,
    DlgruTypeError,
    DlgruValueError,
)
from dlgru.fields import (
    fieldnames,
    getfield,
    isfield,
    isstruct,
    orderfields,
    rmfield,
    setfield,
    struct,
)
from dlgru.sameness import same
from dlgru.structs import MissingField, Struct
from dlgru.tablecolumns import Strings
from dlgru.tables import Table, istable, table
from dlgru.tree import leaves, tree_map

# -- structs: fields as attributes -------------------------------------------------------


def test_a_chain_of_missing_fields_can_be_assigned_to() -> None:
    p = struct()
    p.encoder.gru.Weights = 1
    p.encoder.gru.Bias = 2
    p.encoder["fc"].Weights = 3
    name = "decoder"
    p[name].gru["Weights"] = 4
    assert p == {
        "encoder": {"gru": {"Weights": 1, "Bias": 2}, "fc": {"Weights": 3}},
        "decoder": {"gru": {"Weights": 4}},
    }
    assert type(p.encoder.gru) is Struct


def test_asking_for_a_missing_field_creates_nothing() -> None:
    p = struct("a", 1)
    _ = p.b.c.d
    _ = p["b"]
    assert list(p) == ["a"]


def test_a_chain_that_was_kept_writes_where_it_was_asked() -> None:
    p = struct()
    gru = p.encoder.gru
    gru.W = 1
    gru.R = 2
    assert p.encoder.gru == {"W": 1, "R": 2}
    p.encoder.gru = 5  # something else stands there now
    with pytest.raises(DlgruAttributeError, match="Unrecognized field name"):
        gru.b = 3


USES: dict[str, Any] = {
    "call": lambda x: x(),
    "number": lambda x: x + 1,
    "number on the left": lambda x: 2.0 * x,
    "array": lambda x: np.ones(2) + x,
    "asarray": lambda x: np.asarray(x),
    "minus": lambda x: -x,
    "truth": lambda x: bool(x),
    "equality": lambda x: x == 1,
    "inequality": lambda x: x != 1,
    "order": lambda x: x < 1,
    "matrix product": lambda x: x @ x,
    "length": lambda x: len(x),
    "iteration": lambda x: list(x),
    "membership": lambda x: 1 in x,
    "float": lambda x: float(x),
    "int": lambda x: int(x),
    "index": lambda x: [1, 2][x],
    "range": lambda x: range(x),
    "subscript": lambda x: x[0],
    "matlab subscript": lambda x: x.m[1],
    "assigned subscript": lambda x: x.__setitem__(0, 1),
    "deletion": lambda x: x.__delattr__("y"),
    "text": lambda x: str(x),
    "repr": lambda x: repr(x),
    "format": lambda x: f"{x:.3f}",
    "round": lambda x: round(x),
    "hash": lambda x: {x},
    "pickle": lambda x: pickle.dumps(x),
    "copy": lambda x: copy.copy(x),
    "deepcopy": lambda x: copy.deepcopy(x),
    "sort": lambda x: sorted([x, x]),
    "assignment to a field": lambda x: struct("f", 1).__setattr__("g", x),
}


@pytest.mark.parametrize("use", USES)
def test_any_other_use_of_a_missing_field_lists_the_fields(use: str) -> None:
    p = struct("Weights", 1, "Bias", 2)
    with pytest.raises(
        DlgruAttributeError,
        match=r'Unrecognized field name "Weigths".*is "Weigths.*", expected "Weights" or "Bias".*'
        r'did you mean "Weights"',
    ) as caught:
        USES[use](p.Weigths)
    assert caught.value.identifier == "MATLAB:nonExistentField"
    assert isinstance(caught.value, AttributeError) and isinstance(caught.value, ValueError)


def test_a_missing_field_in_augmented_assignment_is_an_error() -> None:
    p = struct()
    with pytest.raises(DlgruAttributeError, match="the struct is empty"):
        p.count += 1
    assert list(p) == []


def test_the_error_names_the_whole_path() -> None:
    p = struct("gru", struct("W", 1))
    with pytest.raises(DlgruAttributeError, match=r'"Bias\.size".*expected "W"'):
        bool(p.gru.Bias.size)


def test_operations_on_a_missing_field_are_refused() -> None:
    p = struct("W", dl.dlarray([1, 2]))
    for use in [lambda: dl.sum(p.V), lambda: p.W + p.V, lambda: p.W[p.V], lambda: p.V + p.W]:
        with pytest.raises(DlgruError, match=r'MissingField|Unrecognized field name "V"'):
            use()


@pytest.mark.parametrize("name", ["update", "values", "items", "keys", "get", "copy", "pop", "m"])
def test_fields_win_over_dictionary_methods(name: str) -> None:
    p = struct("first", 1, name, 2, "last", 3)
    assert getattr(p, name) == 2
    setattr(p, name, 5)
    assert getattr(p, name) == p[name] == 5
    # Everything that goes through the struct still works.
    assert list(p) == list(fieldnames(p)) == ["first", name, "last"]
    assert tree_map(lambda x: x * 10, p) == {"first": 10, name: 50, "last": 30}
    assert list(leaves(p)) == [1, 5, 3]
    assert dict(p) == {"first": 1, name: 5, "last": 3}
    assert {**p} == dict(p)
    assert pickle.loads(pickle.dumps(p)) == p
    assert copy.copy(p) == copy.deepcopy(p) == p
    assert Struct(p) == p and struct(p) == p
    assert p | {"more": 4} == {**p, "more": 4}
    assert f"{name}: 5" in repr(p)
    assert rmfield(p, name) == {"first": 1, "last": 3}
    delattr(p, name)
    assert name not in p


def test_without_such_a_field_the_dictionary_methods_are_there() -> None:
    p = struct("a", 1)
    p.update({"b": 2}, c=3)
    assert list(p.items()) == [("a", 1), ("b", 2), ("c", 3)]
    assert p.setdefault("a", 9) == 1 and p.setdefault("d", 4) == 4
    assert p.pop("d") == 4 and p.get("zzz") is None and p.get("zzz", 7) == 7
    other = p.copy()
    other.a = 100
    assert p.a == 1 and type(other) is Struct


def test_keywords_and_names_held_in_variables() -> None:
    p = struct("lambda", 0.5)
    p["class"] = 2
    assert p["lambda"] == 0.5 and list(p) == ["lambda", "class"]


@pytest.mark.parametrize("name", ["1st", "with space", "", "_hidden", "a.b", "a-b"])
def test_field_names_are_matlabs(name: str) -> None:
    p = struct()
    for make in [
        lambda: p.__setitem__(name, 1),
        lambda: struct(name, 1),
        lambda: Struct({name: 1}),
        lambda: p.update({name: 1}),
        lambda: p.setdefault(name, 1),
    ]:
        with pytest.raises(DlgruValueError, match="starts with a letter") as caught:
            make()
        assert caught.value.identifier == "dlgru:struct:fieldName"
    assert list(p) == []


def test_field_names_are_text() -> None:
    with pytest.raises(DlgruTypeError, match="of class int"):
        struct()[1] = 2
    with pytest.raises(DlgruTypeError, match="of class int"):
        struct(1, 2)


def test_private_names_are_ordinary_missing_attributes() -> None:
    # Python and NumPy ask objects for such names to learn what they can do.
    p = struct("a", 1)
    for name in ["_dlgru_raw", "__array__", "_repr_html_", "__len_hint__"]:
        assert not hasattr(p, name)
        assert not hasattr(p.missing, name) or name == "__array__"


def test_deleting_a_missing_field_is_an_error() -> None:
    p = struct("a", 1)
    for delete in [lambda: p.__delitem__("b"), lambda: p.__delattr__("b")]:
        with pytest.raises(DlgruAttributeError, match=r'Unrecognized field name "b"'):
            delete()


def test_completion_offers_the_fields() -> None:
    assert {"Weights", "items"} <= set(dir(struct("Weights", 1)))


# -- one struct under MATLAB's subscripts --------------------------------------------------


@pytest.mark.parametrize("key", [1, end, 1.0, dl.dlarray(1), (1, 1), (1, end), slice(None), ":"])
def test_the_first_element_of_a_struct_is_the_struct(key: Any) -> None:
    h = struct("a", 1)
    assert h.m[key] is h
    h.m[key].b = 2
    h.m[key] = struct("b", 20, "a", 10)
    assert list(dict.items(h)) == [("a", 10), ("b", 20)]


@pytest.mark.parametrize("key", [2, end + 1, (1, 2), slice(1, 2), [1, 1], []])
def test_a_struct_does_not_become_several(key: Any) -> None:
    h = struct("a", 1)
    for use in (lambda: h.m[key], lambda: h.m.__setitem__(key, struct("a", 2))):
        with pytest.raises(DlgruIndexError, match=r"h = Cell\(\[h\]\)") as caught:
            use()
        assert caught.value.identifier == "dlgru:struct:one"
    assert h == {"a": 1}
    several = Cell([h])
    several.m[end + 1] = struct("a", 2)
    assert several.m[2].a == 2


def test_what_is_assigned_to_the_first_element_is_a_struct_like_it() -> None:
    h = struct("a", 1)
    with pytest.raises(DlgruValueError, match='one with "b", expected the fields "a"'):
        h.m[1] = struct("b", 2)
    with pytest.raises(DlgruTypeError, match="an int, expected a struct"):
        h.m[1] = 5
    with pytest.raises(DlgruIndexError, match="Not a subscript"):
        _ = h.m["a":"b"]
    assert h == {"a": 1}


def test_a_field_called_m_comes_first() -> None:
    h = struct()
    h.m.W = 1
    assert h == {"m": {"W": 1}} and h.m.W == 1
    for use in (lambda: struct().q.m[1], lambda: struct().q[1]):
        with pytest.raises(DlgruAttributeError, match='"q'):
            use()


# -- making structs ----------------------------------------------------------------------


def test_structs_from_pairs_keywords_and_dictionaries() -> None:
    expected = {"f": 1, "g": "x"}
    assert struct("f", 1, "g", "x") == expected
    assert struct(f=1, g="x") == expected
    assert struct("f", 1, g="x") == expected
    assert struct({"f": 1}, g="x") == expected
    assert struct() == {}
    nested = struct({"a": {"b": {"c": 1}}})
    assert type(nested.a.b) is Struct and nested.a.b.c == 1


def test_copying_a_struct_leaves_the_original() -> None:
    p = struct("a", 1)
    q = struct(p)
    q.a = 2
    q.b = 3
    assert p == {"a": 1}


def test_a_cell_makes_as_many_structs_as_it_has_elements() -> None:
    s = struct("name", ["Ada", "Alan"], "born", Cell([1815, 1912]), "science", "computing")
    assert type(s) is Cell and len(s) == 2
    assert s[0] == {"name": "Ada", "born": 1815, "science": "computing"}
    assert s.m[2] == {"name": "Alan", "born": 1912, "science": "computing"}
    s.m[1].born = 0
    assert s[1].born == 1912
    assert struct("a", Cell([1, 2], (2, 1))).shape == (2, 1)
    assert struct(a=["x", "y"])[1].a == "y"


def test_a_cell_of_one_element_is_its_element_and_lists_of_numbers_are_rows() -> None:
    assert struct("sizes", [1, 2, 3]) == {"sizes": [1, 2, 3]}
    assert struct("matrix", [[1, 2], [3, 4]]) == {"matrix": [[1, 2], [3, 4]]}
    assert struct("names", [["a", "b"]]) == {"names": ["a", "b"]}
    assert struct("a", Cell([7])) == {"a": 7}
    assert struct("empty", []) == {"empty": []}
    assert struct("a", Cell()) == []
    arrays = [np.ones(2), np.zeros(2)]
    assert len(struct("W", arrays)) == 2
    assert same(struct("W", [arrays]).W, arrays)


def test_bad_calls_of_struct() -> None:
    with pytest.raises(DlgruTypeError, match="come in pairs"):
        struct("a", 1, "b")
    with pytest.raises(DlgruValueError, match=r'one number of elements.*"a" with 2, "b" with 3'):
        struct("a", ["x", "y"], "b", ["x", "y", "z"])


# -- functions on structs ----------------------------------------------------------------


def test_fieldnames_is_a_column_cell() -> None:
    names = fieldnames(struct("b", 1, "a", 2))
    assert names.shape == (2, 1) and list(names) == ["b", "a"] and names.m[end] == "a"


def test_isfield_answers_for_one_name_or_several() -> None:
    s = struct("a", 1)
    assert isfield(s, "a") is True
    assert isfield(s, "b") is False
    assert isfield(s, ["a", "b", 3]) == [True, False, False]
    assert isfield(5, "a") is False
    assert isfield({"a": 1}, "a") is False


def test_functions_that_change_structs_return_others() -> None:
    s = struct("b", 1, "a", struct("x", 2))
    assert rmfield(s, "b") == {"a": {"x": 2}}
    assert rmfield(s, ["a", "b"]) == {}
    assert setfield(s, "c", 3).c == 3
    deep = setfield(s, "a", "x", 5)
    assert deep.a.x == 5
    assert setfield(s, "n", "m", 1).n.m == 1
    assert list(orderfields(s)) == ["a", "b"]
    assert list(orderfields(struct("b", 1, "B", 2, "a", 3))) == ["B", "a", "b"]
    assert s == {"b": 1, "a": {"x": 2}}
    assert list(s) == ["b", "a"]


def test_getfield_follows_names_and_says_which_is_missing() -> None:
    s = struct("a", struct("x", 2))
    assert getfield(s, "a", "x") == 2
    with pytest.raises(DlgruAttributeError, match=r'"y".*expected "x"'):
        getfield(s, "a", "y")
    with pytest.raises(DlgruAttributeError, match=r'"q"'):
        rmfield(s, "q")


@pytest.mark.parametrize("function", [fieldnames, orderfields, getfield])
def test_functions_on_structs_refuse_others(function: Any) -> None:
    with pytest.raises(
        DlgruTypeError, match=rf"^{function.__name__}: s is of class dict"
    ) as caught:
        function({"a": 1})
    assert caught.value.identifier == f"dlgru:{function.__name__}:class"


def test_isstruct() -> None:
    assert isstruct(struct()) and not isstruct({}) and not isstruct(struct("a", ["x", "y"]))


# -- structs as values -------------------------------------------------------------------


def test_equality_looks_at_data_size_and_format() -> None:
    def parameters(fmt: str = "CB") -> Struct:
        return struct("W", dl.dlarray(np.ones((2, 3)), fmt), "n", 1, "c", struct("z", [[1, 2]]))

    assert parameters() == parameters()
    assert not parameters() != parameters()
    assert parameters() != parameters("BC")
    assert struct("W", dl.dlarray(np.ones((2, 2)), "CB")) != struct(
        "W", dl.dlarray(np.ones((2, 2)), "CT")
    )
    other = parameters()
    other.W = dl.dlarray(np.zeros((2, 3)), "CB")
    assert parameters() != other
    other.W = np.ones((2, 3))
    assert parameters() != other
    assert struct("a", 1, "b", 2) == struct("b", 2, "a", 1)
    assert struct("a", 1) != struct("b", 1)
    assert struct("a", 1) != 5


def test_sameness_tells_kinds_and_sizes_apart() -> None:
    assert same(np.ones((2, 1)), np.ones((2, 1)))
    assert not same(np.ones((2, 1)), np.ones((1, 2)))
    assert not same(np.ones(1), 1.0)
    assert not same((1, 2), [1, 2]) and same((1, 2), (1, 2))
    assert same(Cell([1, 2]), [1, 2]) and not same(Cell([1, 2]), Cell([1, 2], (2, 1)))
    assert not same([1], 5) and not same({"a": 1}, 5) and not same(5, [5])
    assert not same(np.array([np.nan]), np.array([np.nan]))


@pytest.mark.parametrize("place", [10**9, (20_000, 20_000), 10**18])
def test_a_cell_does_not_grow_beyond_all_memory(place: Any) -> None:
    c = Cell(["a"])
    with pytest.raises(DlgruValueError, match="at most 100000000 elements") as caught:
        c.m[place] = "b"
    assert caught.value.identifier == "dlgru:cell:tooLarge"
    assert list(c) == ["a"] and c.shape == (1, 1)


def test_fields_of_plain_dictionaries_are_reached_as_those_of_structs() -> None:
    p = struct("a", 1)
    p.d = {"b": {"c": 2}}
    assert getfield(p, "d", "b", "c") == 2
    with pytest.raises(DlgruAttributeError, match='"x"'):
        getfield(p, "d", "x")
    q = setfield(p, "d", "b", "c", 3)
    assert (q.d.b.c, p.d["b"]["c"]) == (3, 2)


def test_pickle_and_deepcopy_of_nested_structs() -> None:
    p = struct("gru", struct("W", dl.dlarray(np.arange(6.0).reshape(2, 3), "CB")), "n", [1, 2])
    for again in [pickle.loads(pickle.dumps(p)), copy.deepcopy(p)]:
        assert again == p and type(again.gru) is Struct
        again.gru.W[0, 0] = 100
        assert p.gru.W[0, 0] == 0


def test_a_struct_is_json_as_a_dictionary_is() -> None:
    p = struct("a", struct("x", 1))
    assert json.dumps(p) == '{"a": {"x": 1}}'


def test_a_struct_prints_as_matlab_shows_it() -> None:
    p = struct("rate", 0.01, "sizes", [12, 100], "name", "gru", "inner", struct("a", 1))
    p.list = [struct("a", 1)]
    lines = repr(p).splitlines()
    assert lines[0] == "  struct with fields:"
    assert [line.strip() for line in lines[2:6]] == [
        "rate: 0.0100",
        "sizes: [12 100]",
        'name: "gru"',
        "inner: [1×1 struct]",
    ]
    assert repr(struct()) == "  struct with no fields."
    assert MissingField not in map(type, p.values())


# -- cells: a list with .m ---------------------------------------------------------------


def test_python_brackets_count_from_zero_and_m_from_one() -> None:
    c = Cell(["a", "b", "c"])
    assert c[0] == c.m[1] == "a"
    assert c[-1] == c.m[end] == c.m[3] == c.m[3.0] == c.m[np.float64(3)] == "c"
    assert c.m[end - 1] == "b"
    assert c[0:2] == ["a", "b"] == c.m[1:2]
    assert type(c[0:2]) is type(c.m[1:2]) is type(c[[0]]) is Cell
    assert c[[2, 0]] == ["c", "a"] == c.m[[3, 1]]
    assert c.m[1:2:end] == ["a", "c"]
    assert c[np.array([True, False, True])] == ["a", "c"] == c.m[[True, False, True]]
    assert c.m[dl.dlarray([3, 1])] == ["c", "a"]
    assert c.m[dl.dlarray(2)] == "b"
    assert c.m[:].shape == (3, 1) and c.m[1:3].shape == (1, 3)


def test_plain_brackets_of_a_cell_refuse_index_values() -> None:
    c = Cell(["a", "b"])
    for bad in [dl.dlarray(1), 1.0, np.float64(1), dl.dlarray([1, 2]), end]:
        for use in [
            lambda k: c[k],
            lambda k: c.__setitem__(k, [0]),
            lambda k: c.__delitem__(k),
        ]:
            with pytest.raises(DlgruIndexError, match=r"X\.m\["):
                use(bad)
    assert c == ["a", "b"]


def test_bounds_of_cells() -> None:
    c = Cell(["a"])
    with pytest.raises(DlgruIndexError, match="is 2, expected at most 1"):
        c.m[2]
    with pytest.raises(DlgruIndexError, match="must be positive integers"):
        c.m[0]
    with pytest.raises(IndexError):
        c[1]


def test_assignment_past_the_end_grows_a_cell() -> None:
    c = cell()
    for k in range(1, 4):
        c.m[end + 1] = k
    assert c == [1, 2, 3] and c.shape == (1, 3)
    c.m[6] = 6
    assert c == [1, 2, 3, [], [], 6]
    c.m[4].append(0)
    assert c[4] == []  # the new elements are not one and the same list
    column = cell(2, 1)
    column.m[4] = "x"
    assert column.shape == (4, 1)
    m = cell(1, 2)
    m.m[3, 3] = "corner"
    assert m.shape == (3, 3) and m.m[end] == "corner"


def test_growing_a_matrix_keeps_every_element_in_place() -> None:
    c = Cell([1, 2, 3, 4], (2, 2))
    c.m[3, 1] = 5
    assert c.shape == (3, 2)
    assert [c.m[i, j] for i in (1, 2) for j in (1, 2)] == [1, 3, 2, 4]
    assert c.m[3, 1] == 5 and c.m[3, 2] == []
    c.m[4, 4] = 6
    c.m[4, 1].append(0)
    assert c.m[4, 2] == c.m[1, 4] == []
    with pytest.raises(DlgruIndexError, match="ambiguous dimension"):
        c.m[17] = 0


def test_several_elements_are_assigned_from_a_cell() -> None:
    c = Cell([1, 2, 3, 4])
    c.m[1:2] = ["a", "b"]
    c.m[[3, 4]] = Cell(["c", "d"])
    assert c == ["a", "b", "c", "d"]
    c.m[2:3] = [0]
    assert c == ["a", 0, 0, "d"]
    c[[0, 3]] = ["x", "y"]
    assert c == ["x", 0, 0, "y"]
    c.m[[True, False, False, True]] = ["p", "q"]
    assert c == ["p", 0, 0, "q"]
    with pytest.raises(DlgruValueError, match=r"left side is 1×2 and the size of the right.*1×3"):
        c.m[1:2] = [1, 2, 3]
    with pytest.raises(DlgruTypeError, match=r"assigned from a cell.*c\.m\[1:3\] = \[value\]"):
        c.m[1:2] = 5
    assert c == ["p", 0, 0, "q"]


def test_one_element_takes_any_value() -> None:
    c = cell(1, 2)
    c.m[1] = [1, 2, 3]
    c.m[2] = []
    assert c == [[1, 2, 3], []] and len(c) == 2
    c.m[1] = Cell(["nested"])
    assert c.m[1].m[1] == "nested"


def test_deleting_elements_of_a_cell() -> None:
    c = Cell(list("abcdef"))
    del c.m[1]
    del c.m[end]
    assert c == list("bcde")
    del c.m[[1, 3]]
    assert c == list("ce")
    del c[0]
    assert c == ["e"]
    column = Cell(list("abc"), (3, 1))
    del column.m[2]
    assert column.shape == (2, 1) and column == ["a", "c"]
    m = Cell([1, 2, 3, 4, 5, 6], (2, 3))
    del m.m[:, 2]
    assert m.shape == (2, 2) and m == [1, 2, 5, 6]
    del m.m[1]
    assert m.shape == (1, 3) and m == [2, 5, 6]
    with pytest.raises(DlgruIndexError, match="exceeds array bounds"):
        del m.m[9]


def test_matrices_of_cells_count_column_by_column() -> None:
    c = cell(2, 3)
    assert c.shape == (2, 3) and len(c) == 6
    c.m[2, 3] = "last"
    c.m[1, 2] = "middle"
    c[1, 0] = "lower left"
    assert c[5] == "last" and c.m[3] == "middle" and c.m[2, 1] == "lower left"
    assert c[0, 1] == "middle"
    row = c.m[2, :]
    assert row == ["lower left", [], "last"] and row.shape == (1, 3)
    assert c.m[:, 2:3].shape == (2, 2)


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ((), (0, 0)),
        ((2,), (2, 2)),
        ((1, 3), (1, 3)),
        ((3.0, 1), (3, 1)),
        ((0, 3), (0, 3)),
        ((-1, 2), (0, 2)),
        (([2, 3],), (2, 3)),
        ((np.array([2, 3]),), (2, 3)),
        ((2, 1, 2), (2, 1, 2)),
    ],
    ids=repr,
)
def test_sizes_of_new_cells(sizes: Any, shape: Any) -> None:
    c = cell(*sizes)
    assert c.shape == shape
    assert list(c) == [[]] * int(np.prod(shape))


def test_sizes_of_new_cells_may_be_arrays_of_one_element() -> None:
    assert cell(dl.dlarray(1), dl.dlarray(3)).shape == (1, 3)
    assert cell(dl.dlarray([2, 3])).shape == (2, 3)
    assert cell(dl.dlarray(2)).shape == (2, 2)


@pytest.mark.parametrize("sizes", [(1.5,), ("a",), (1, None), (["a", "b"],), (float("nan"),)])
def test_bad_sizes_of_cells(sizes: Any) -> None:
    with pytest.raises(DlgruValueError, match=r"expected a whole number.*Cell\(values\)"):
        cell(*sizes)


def test_list_methods_keep_a_column_a_column_and_make_a_row_of_a_matrix() -> None:
    column = cell(2, 1)
    column.append("x")
    assert column.shape == (3, 1)
    matrix = cell(2, 2)
    matrix.append("x")
    assert matrix.shape == (1, 5)
    row = Cell([3, 1, 2])
    row.sort()
    assert row == [1, 2, 3]
    joined = Cell([1]) + Cell([2])
    assert joined == [1, 2] and type(joined) is Cell
    assert Cell([1]) * 2 == 2 * Cell([1]) == [1, 1] and type(2 * Cell([1])) is Cell
    with pytest.raises(DlgruValueError, match="the size of 2 elements"):
        Cell([1, 2], (3, 1))


def test_cells_as_values() -> None:
    c = Cell([1, [2], dl.dlarray([3, 4])], (3, 1))
    for again in [pickle.loads(pickle.dumps(c)), copy.deepcopy(c), copy.copy(c), c.copy()]:
        assert again == c and again.shape == (3, 1) and type(again) is Cell
        again.append(1)
        assert len(c) == 3
    assert Cell([1]) != Cell([2]) and Cell([1]) == [1] and Cell([1]) != (1,)
    with pytest.raises(TypeError):
        hash(c)


def test_cells_keep_their_size_when_mapped_over() -> None:
    doubled = tree_map(lambda x: 2 * x, Cell([1, 2, 3, 4], (2, 2)))
    assert doubled == Cell([2, 4, 6, 8], (2, 2)) and type(doubled) is Cell


def test_m_is_not_iterated_by_accident() -> None:
    with pytest.raises(DlgruTypeError, match="iterate over the cell itself"):
        list(Cell([1]).m)


def test_iscell() -> None:
    assert iscell(cell()) and iscell(["a"]) and iscell([np.ones(2)]) and iscell([[1], ["a"]])
    assert not iscell([]) and not iscell([1, 2]) and not iscell([[1, 2], [3, 4]])
    assert not iscell("a") and not iscell(np.ones(2))
    assert not iscell([np.int64(1), np.float32(2), np.bool_(True)]) and iscell([np.str_("a")])


def test_cells_print_as_matlab_shows_them() -> None:
    c = Cell([1, "ab", struct("a", 1), cell(1, 2), [], np.zeros((3, 4))], (2, 3))
    assert repr(c).splitlines() == [
        "  2×3 cell array",
        "",
        "    {[1]}     {1×1 struct}    {0×0 double}",
        '    {"ab"}    {1×2 cell}      {3×4 double}',
    ]
    assert repr(cell()) == "  0×0 empty cell array"
    assert repr(cell(0, 2)) == "  0×2 empty cell array"


@given(st.lists(st.integers(), max_size=6), st.data())
def test_a_cell_grows_and_shrinks_as_a_list_that_counts_from_one(items: Any, data: Any) -> None:
    c, expected = Cell(items), list(items)
    for _ in range(4):
        k = data.draw(st.integers(1, len(expected) + 3))
        if data.draw(st.booleans()) and k <= len(expected):
            del c.m[k]
            del expected[k - 1]
        else:
            c.m[k] = k
            expected += [[] for _ in range(k - len(expected))]
            expected[k - 1] = k
        assert list(c) == expected
        assert c.shape == ((1, len(expected)) if expected or c._shape else (0, 0))


# -- tables ------------------------------------------------------------------------------


def learnables() -> Table:
    return table(
        ["gru", "gru", "fc"],
        ["Weights", "Bias", "Weights"],
        [dl.dlarray(np.ones((3, 2))), dl.dlarray([1, 2]), dl.dlarray(np.zeros((1, 3)))],
        VariableNames=["Layer", "Parameter", "Value"],
    )


def test_columns_are_attributes_and_items() -> None:
    t = learnables()
    assert t.Layer is t["Layer"] and list(t.Layer) == ["gru", "gru", "fc"]
    assert (t.height, t.width, t.shape) == (3, 3, (3, 3))
    assert t.Value.m[2].shape == (1, 2)
    assert "Layer" in t and "Layers" not in t
    assert {"Layer", "Value"} <= set(dir(t))


def test_a_column_is_what_suits_its_contents() -> None:
    t = table(["a", "b"], [1, 2], [True, False], [None, "x"], np.arange(2), dl.dlarray([[1], [2]]))
    assert [type(t[f"Var{k}"]).__name__ for k in range(1, 7)] == [
        "Strings",
        "DLArray",
        "DLArray",
        "Cell",
        "ndarray",
        "DLArray",
    ]
    assert t.Var2.shape == (2, 1) and t.Var2.dtype == np.float64
    assert t.Var3.dtype == np.bool_
    assert t.Var5.shape == (2, 1)
    assert table("one", 5).height == 1


def test_text_compares_element_by_element() -> None:
    t = learnables()
    mask = (t.Layer == "gru") & (t.Parameter == "Weights")
    assert dl.extractdata(mask).ravel().tolist() == [True, False, False]
    assert t.Value.m[mask][0].shape == (3, 2)
    assert dl.extractdata(t.Layer != "gru").ravel().tolist() == [False, False, True]
    assert dl.extractdata(t.Layer == ["gru", "x", "fc"]).ravel().tolist() == [True, False, True]
    with pytest.raises(DlgruValueError, match="incompatible sizes"):
        _ = t.Layer == ["gru"]
    with pytest.raises(DlgruValueError, match="incompatible sizes"):
        _ = t.Layer == 5


def test_values_are_replaced_through_a_mask() -> None:
    # net.Learnables.Value(mask) = {W}
    t = learnables()
    mask = (t.Layer == "fc") & (t.Parameter == "Weights")
    t.Value.m[mask] = [dl.dlarray(7)]
    assert float(t.Value[2]) == 7 and t.Value[0].shape == (3, 2)


def test_rows_and_columns_of_both_doors() -> None:
    t = table(["a", "b", "c"], [1, 2, 3], ["x", 5, None], VariableNames=["L", "N", "C"])
    for part in [t[t.L != "b"], t[[0, 2]], t.m[[1, 3], :], t[0:3:2], t.m[1:2:end, :]]:
        assert list(part.L) == ["a", "c"]
        assert dl.extractdata(part.N).ravel().tolist() == [1, 3]
        assert part.C == ["x", None] and part.N.shape == (2, 1)
        assert type(part) is Table and type(part.L) is Strings
    assert t[1].height == 1 and t.m[end, :].C == [None]
    assert list(t.m[2, "N"].Properties.VariableNames) == ["N"]
    assert t[:, ["C", "L"]].Properties.VariableNames == ("C", "L")
    assert t.m[:, [3, 1]].Properties.VariableNames == ("C", "L")
    assert t.m[:, ":"].width == 3
    assert t[:, -1].Properties.VariableNames == ("C",)


def test_subscripts_of_tables_are_checked() -> None:
    t = learnables()
    with pytest.raises(DlgruIndexError, match="position 1 exceeds array bounds"):
        t.m[4, :]
    with pytest.raises(DlgruIndexError, match="count from 1"):
        t[dl.dlarray(1)]
    with pytest.raises(DlgruIndexError, match="1×2 mask, expected 3"):
        t[[True, False]]
    with pytest.raises(DlgruTypeError, match="two dimensions"):
        t[0, 0, 0]
    with pytest.raises(TypeError):
        iter(t)
    for ask in [
        lambda: t.Weights,
        lambda: t["Weights"],
        lambda: t.m[1, "Weights"],
        lambda: t.__delattr__("Weights"),
    ]:
        with pytest.raises(DlgruAttributeError, match=r'variable name "Weights".*"Layer"'):
            ask()
    assert not hasattr(t, "_dlgru_raw")


def test_columns_are_assigned_and_deleted() -> None:
    t = learnables()
    t.Rate = [1, 2, 3]
    t["Layer"] = ["x", "y", "z"]
    assert t.width == 4 and list(t.Layer) == ["x", "y", "z"]
    t.Rate.m[2] = 20
    assert dl.extractdata(t.Rate).ravel().tolist() == [1, 20, 3]
    del t.Rate
    del t["Parameter"]
    assert t.Properties.VariableNames == ("Layer", "Value")
    with pytest.raises(DlgruValueError, match=r'column "More" is 2 rows high, expected 3 rows'):
        t.More = [1, 2]
    with pytest.raises(DlgruTypeError, match=r"columns by their name.*T\.Loss\.m\[rows\]"):
        t[0] = 5
    # The only column may change its height.
    one = table([1, 2], VariableNames="n")
    one.n = [1, 2, 3]
    assert one.height == 3


def test_rows_are_assigned_from_a_table() -> None:
    # Weight decay in MATLAB: gradients(idx, :) = dlupdate(f, gradients(idx, :), net(idx, :)).
    net = learnables()
    gradients = tree_map(lambda x: 0 * x + 1, net)
    at = net.Parameter == "Weights"
    decayed = dl.dlupdate(lambda g, w: g + 10 * w, gradients.m[at, :], net.m[at, :])
    gradients.m[at, :] = decayed
    expected = [np.full((3, 2), 11), np.ones((1, 2)), np.ones((1, 3))]
    for found, value in zip(gradients.Value, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(found), value)
    assert np.array_equal(dl.extractdata(net.Value[0]), np.ones((3, 2)))  # stays as it was
    decayed.Value[0][0, 0] = 99
    assert float(gradients.Value[0][0, 0]) == 11


def test_assigned_rows_keep_the_kind_of_each_column() -> None:
    t = table([1, 2, 3], ["a", "b", "c"], np.array([4, 5, 6]), [[1], "x", None])
    u = Table.copy(t)
    u.m[2:3, :] = table([20, 30], ["B", "C"], np.array([50, 60]), [dl.ones(1), 7])
    assert dl.extractdata(u.Var1).ravel().tolist() == [1, 20, 30]
    assert type(u.Var2) is Strings and list(u.Var2) == ["a", "B", "C"]
    assert u.Var3.dtype == np.array([4]).dtype and u.Var3.ravel().tolist() == [4, 50, 60]
    assert u.Var4[0] == [1] and float(u.Var4[1]) == 1 and u.Var4[2] == 7
    assert dl.extractdata(t.Var1).ravel().tolist() == [1, 2, 3] and list(t.Var2) == ["a", "b", "c"]
    u[0, ["Var1"]] = table([-1])
    assert dl.extractdata(u.Var1).ravel().tolist() == [-1, 20, 30]


def test_rows_that_do_not_fit_are_refused_and_nothing_changes() -> None:
    t = table([1, 2, 3], ["a", "b", "c"])
    with pytest.raises(DlgruTypeError, match=r"value is of class int.*T\.Loss\.m\[rows\]"):
        t.m[1, :] = 5
    with pytest.raises(DlgruValueError, match="a 1×2 table, expected a 2×2 table"):
        t.m[1:2, :] = table([1], ["a"])
    with pytest.raises(DlgruTypeError, match='column "Var2" of the value is an array'):
        t.m[1, :] = table([9], [9])
    with pytest.raises(DlgruIndexError):
        t.m[4, :] = table([9], ["d"])
    assert t == table([1, 2, 3], ["a", "b", "c"])


def test_rows_and_columns_are_deleted_by_subscript() -> None:
    t = learnables()
    del t.m[2, :]
    assert list(t.Parameter) == ["Weights", "Weights"]
    del t[t.Layer == "fc"]
    assert list(t.Layer) == ["gru"] and t.Value[0].shape == (3, 2)
    del t.m[:, "Parameter"]
    assert t.Properties.VariableNames == ("Layer", "Value")


def test_variables_are_renamed() -> None:
    t = table([1], [2], VariableNames=["a", "b"])
    t.Properties.VariableNames = ["x", "y"]
    assert t.Properties.VariableNames == ("x", "y") and float(t.y) == 2
    with pytest.raises(DlgruValueError, match="expected 2 different names"):
        t.Properties.VariableNames = ["x", "x"]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", 5], ["a", ""]])
def test_names_of_variables_are_checked(names: Any) -> None:
    with pytest.raises(DlgruValueError, match=r"VariableNames is .* expected 2 different names"):
        table([1], [2], VariableNames=names)


def test_options_of_table_in_both_spellings() -> None:
    assert table([1, 2], "VariableNames", ["n"]) == table([1, 2], variablenames=["n"])
    assert table([1], [2]).Properties.VariableNames == ("Var1", "Var2")
    with pytest.raises(DlgruError, match=r"height|rows"):
        table([1, 2], [1, 2, 3])
    with pytest.raises(DlgruError, match="VariableNmes"):
        table([1], VariableNmes=["a"])


@pytest.mark.parametrize("name", ["height", "m", "copy", "shape", "Properties"])
def test_columns_win_over_properties(name: str) -> None:
    t = table([1, 2], ["a", "b"], VariableNames=[name, "L"])
    assert dl.extractdata(getattr(t, name)).ravel().tolist() == [1, 2]
    for again in [copy.copy(t), pickle.loads(pickle.dumps(t)), copy.deepcopy(t)]:
        assert again == t
    assert t[t.L == "b"][name].shape == (1, 1)
    assert name in repr(t)


def test_tables_as_values() -> None:
    t = learnables()
    assert t == learnables() and not t != learnables()
    for again in [copy.copy(t), t.copy(), pickle.loads(pickle.dumps(t)), copy.deepcopy(t)]:
        assert again == t
        again.Value.m[1] = dl.dlarray(5)
        again.Extra = [1, 2, 3]
        assert t == learnables()
    other = learnables()
    other.Layer.m[1] = "x"
    assert t != other
    assert t != learnables().m[:, [1, 3, 2]]
    assert t != 5
    assert struct("net", t) == struct("net", learnables())


def test_leaves_of_a_table_are_its_values() -> None:
    t = learnables()
    t.Rate = [0.1, 0.2, 0.3]  # a number beside each value is not learnt
    assert [x.shape for x in leaves(t)] == [(3, 2), (1, 2), (1, 3)]
    doubled = tree_map(lambda x: x * 2, t)
    assert list(doubled.Layer) == list(t.Layer) and type(doubled.Layer) is Strings
    assert float(dl.sum(doubled.Value[0], "all")) == 12
    assert float(dl.sum(t.Value[0], "all")) == 6
    # Without a Value column every column but text.
    history = table(["a", "b"], [1, 2], VariableNames=["L", "Loss"])
    assert [x.shape for x in leaves(history)] == [(2, 1)]


def test_tables_print_as_matlab_shows_them() -> None:
    t = table(["gru", "fc"], [0.5, 2], [np.zeros((3, 4)), 1], VariableNames=["L", "Rate", "V"])
    t.m_ = dl.dlarray([[1, 2], [3, 4]])
    text = repr(t)
    assert text.splitlines()[0] == "  2×4 table"
    assert '"gru"' in text and "0.5" in text and "{3×4 double}" in text
    assert istable(t) and not istable({})


def test_gradients_of_learnables_come_as_a_table() -> None:
    def loss(t: Table) -> Any:
        y = dl.sum(t.Value[0] ** 2, "all") + 3 * dl.sum(t.Value.m[2], "all")
        return dl.dlgradient(y, t)

    g = dl.dlfeval(loss, learnables())
    assert type(g) is Table and list(g.Layer) == ["gru", "gru", "fc"]
    assert np.array_equal(dl.extractdata(g.Value[0]), 2 * np.ones((3, 2)))
    assert np.array_equal(dl.extractdata(g.Value[1]), [[3, 3]])
    assert np.array_equal(dl.extractdata(g.Value[2]), np.zeros((1, 3)))


def test_size_and_its_like_know_the_size_of_a_cell_and_of_a_table() -> None:
    c, t = cell(2, 3), dl.table([1, 2, 3], [4, 5, 6])
    assert (dl.size(c), dl.size(c, 1), dl.numel(c), dl.length(c)) == ([2, 3], 2, 6, 3)
    assert dl.size(cell(3, 1)) == [3, 1] and dl.size(cell(0, 3)) == [0, 3]
    assert (dl.size(t), dl.numel(t), dl.isempty(t)) == ([3, 2], 6, False)
    t["shape"], t["m"] = [7, 8, 9], [1, 2, 3]
    assert (dl.size(t), dl.numel(t), dl.isempty(t)) == ([3, 4], 12, False)


def test_nested_lists_of_numbers_have_the_size_of_the_matrix_they_are() -> None:
    matrix = [[1, 2], [3, 4], [5, 6]]
    assert dl.size(matrix) == dl.size(dl.dlarray(matrix)) == [3, 2]
    assert (dl.numel(matrix), dl.length(matrix), dl.ndims([[[1], [2]]])) == (6, 3, 2)
    assert dl.size([[[1, 2]], [[3, 4]]]) == [2, 1, 2]
    assert dl.isempty([[]]) and not dl.isempty([[0]])
    # What dlarray would not take is a cell, and a Cell always is one.
    assert dl.size([[1, 2], [3]]) == dl.size([["a"], ["b"]]) == [1, 2]
    assert dl.size(dl.Cell(matrix)) == dl.size([cell(2, 2)] * 3) == [1, 3]
    assert iscell([cell(2, 2)]) and iscell([Cell([1])])


@pytest.mark.parametrize("function", [dl.size, dl.isempty, dl.numel, dl.sum, dl.double])
def test_the_size_of_a_missing_field_lists_the_fields(function: Any) -> None:
    p = dl.struct("W", 1, "b", 2)
    with pytest.raises(DlgruAttributeError, match='"w", expected "W" or "b"'):
        function(p.w)
    with pytest.raises(DlgruAttributeError, match='"w", expected "W" or "b"'):
        dl.dlarray([1, p.w])


# -- arrays are held by value ----------------------------------------------------------------------


def stored_in_cell(use: Callable[[Cell, Any], Any]) -> Callable[[Any], Any]:
    def store(x: Any) -> Any:
        c = cell(1, 2)
        made = use(c, x)
        return (c if made is None else made)[-1]

    return store


STORED: dict[str, Callable[[Any], Any]] = {
    "c.m[k] = x": stored_in_cell(lambda c, x: c.m.__setitem__(2, x)),
    "c.m[end+1] = x": stored_in_cell(lambda c, x: c.m.__setitem__(end + 1, x)),
    "c.m[1:2] = [x]": stored_in_cell(lambda c, x: c.m.__setitem__(slice(1, 2), [x])),
    "c[k] = x": stored_in_cell(lambda c, x: c.__setitem__(-1, x)),
    "c[a:b] = [x]": stored_in_cell(lambda c, x: c.__setitem__(slice(0, 2), [1, x])),
    "c.append(x)": stored_in_cell(lambda c, x: c.append(x)),
    "c.extend([x])": stored_in_cell(lambda c, x: c.extend([x])),
    "c.insert(9, x)": stored_in_cell(lambda c, x: c.insert(9, x)),
    "c += [x]": stored_in_cell(lambda c, x: c.__iadd__([x])),
    "c + [x]": stored_in_cell(lambda c, x: c.__add__([x])),
    "Cell([x])": lambda x: Cell([x])[0],
    "c.copy()": lambda x: Cell([x]).copy()[0],
    "cellfun": lambda x: dl.cellfun(lambda _: x, ["a"], UniformOutput=False)[0],
    "s.a = x": lambda x: setattr(s := struct(), "a", x) or s.a,
    "s.a.b = x": lambda x: setattr((s := struct()).a, "b", x) or s.a.b,
    "struct(a=x)": lambda x: struct(a=x).a,
    "struct('a', x)": lambda x: struct("a", x).a,
    "struct(mapping)": lambda x: struct({"a": {"b": x}}).a.b,
    "struct(a={x, x})": lambda x: struct("a", [x, x])[1].a,
    "s.update": lambda x: (s := struct()).update(a=x) or s.a,
    "s |= fields": lambda x: struct().__ior__({"a": x}).a,
    "s | fields": lambda x: (struct("b", 1) | {"a": x}).a,
    "setfield": lambda x: setfield(struct(), "a", "b", x).a.b,
    "setfield beside it": lambda x: setfield(struct("g", struct("W", x)), "a", 1).g.W,
    "rmfield": lambda x: rmfield(struct("a", x, "b", 1), "b").a,
    "orderfields": lambda x: orderfields(struct("b", 1, "a", x)).a,
    "table": lambda x: dl.table(x).Var1,
    "T.A = x": lambda x: setattr(t := dl.table([1, 2, 3]), "A", x) or t.A,
    "table of cells": lambda x: dl.table([x, "a"]).Var1[0],
    "T.copy()": lambda x: Table.copy(dl.table(x)).Var1,
}


@pytest.mark.parametrize("how", STORED)
def test_a_container_holds_the_value_of_an_array(how: str) -> None:
    x = dl.dlarray([[1.0], [2], [3]], "CB")
    held = STORED[how](x)
    assert held is not x and held.dims == "CB"
    assert held.value is x.value  # no data are copied
    x.m[1] = 7
    assert np.asarray(held).tolist() == [[1], [2], [3]]
    held.m[2] = 9
    assert np.asarray(x).tolist() == [[7], [2], [3]]


def test_what_is_read_is_what_is_held() -> None:
    p, c, t = struct("gru", struct("W", dl.ones(2, 2))), Cell([dl.ones(1, 2)]), dl.table(dl.ones(2))
    p.gru.W[0, 0] = 5
    p.gru.W.m[2, 2] = 6
    c.m[1].m[end] = 7
    t.Var1.m[1, 1] = 8
    assert np.asarray(p.gru.W).tolist() == [[5, 1], [1, 6]]
    assert np.asarray(c[0]).tolist() == [[1, 7]]
    assert np.asarray(t.Var1).tolist() == [[8, 1], [1, 1]]


def test_one_value_put_into_several_elements_is_several_arrays() -> None:
    c = cell(1, 2)
    c.m[1:2] = [dl.zeros(1, 1)]
    c.m[1].m[1] = 4
    assert [float(x) for x in c] == [4, 0]


def test_a_history_keeps_each_array_as_it_was() -> None:
    history, x = cell(0, 1), dl.zeros(1, 2)
    for k in (1, 2):
        x.m[k] = k
        history.m[end + 1] = x
    assert [np.asarray(h).tolist() for h in history] == [[[1, 0]], [[1, 2]]]


@pytest.mark.parametrize("how", STORED)
def test_a_container_holds_the_value_of_an_ndarray(how: str) -> None:
    x = np.array([[1.0], [2], [3]])
    held = STORED[how](x)
    x[0] = 7
    assert held.tolist() == [[1], [2], [3]]


HOLDERS: dict[str, Callable[[Any], tuple[Any, Callable[[Any], Any]]]] = {
    "list": lambda x: ([x], lambda h: h[0]),
    "list of lists": lambda x: ([[x]], lambda h: h[0][0]),
    "tuple": lambda x: ((x,), lambda h: h[0]),
    "dictionary": lambda x: ({"a": x}, lambda h: h["a"]),
    "struct": lambda x: (struct("a", x), lambda h: h.a),
    "struct of cells": lambda x: (struct("a", [Cell([x])]), lambda h: h.a.m[1]),
    "cell": lambda x: (Cell([x]), lambda h: h.m[1]),
    "table": lambda x: (dl.table(x), lambda h: h.Var1),
    "table of cells": lambda x: (dl.table([x, "a"], VariableNames="V"), lambda h: h.V.m[1]),
}


@pytest.mark.parametrize("how", ["p.l = x", "c.m[end+1] = x"])
@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("data", [dl.dlarray, np.array])
def test_a_container_holds_the_value_of_a_container(how: str, kind: str, data: Any) -> None:
    x = data([[1.0, 2]])
    inner, part = HOLDERS[kind](x)
    outer: Any = struct() if how == "p.l = x" else cell()
    if how == "p.l = x":
        outer.l = inner
        held = outer.l
    else:
        outer.m[end + 1] = inner
        held = outer.m[1]
    assert type(held) is (Cell if kind.startswith("list") else type(inner))
    x[0, 0] = 5
    part(inner)[0, 1] = 6
    assert np.asarray(part(held)).tolist() == [[1, 2]]
    part(held)[0, 0] = 3
    assert np.asarray(part(held)).tolist() == [[3, 2]]


def test_fields_and_elements_added_later_do_not_reach_what_was_stored() -> None:
    inner, row, losses = struct("a", 1), Cell(["x"]), [1, 2]
    p = struct("q", inner, "row", [row], "losses", losses)
    inner.a = 5
    row.m[end + 1] = "y"
    losses.append(3)
    assert p.q.a == 1 and p.row == ["x"] and p.losses == [1, 2]
    p.q.a = 2
    p.q.b.c = 3
    p.losses.append(4)
    assert p.q == {"a": 2, "b": {"c": 3}} and inner == {"a": 5} and p.losses == [1, 2, 4]


def test_a_list_that_is_no_row_of_numbers_is_a_cell_in_a_container() -> None:
    p = struct("sizes", [1, 2], "matrix", [[1, 2], [3, 4]], "empty", [])
    p.g = [dl.dlarray(1.0), dl.dlarray(2.0)]
    p.layers = [struct("H", 3), struct("H", 4)]
    c = Cell([["a", "b"]])
    assert float(p.g.m[2]) == 2 and p.layers.m[end].H == 4 and c.m[1].m[2] == "b"
    p.g.m[end + 1] = dl.dlarray(3.0)
    p.g.append(dl.dlarray(4.0))
    assert [float(x) for x in p.g] == [1, 2, 3, 4] and isinstance(p.g, list)
    p.numpys = [np.int64(3), np.float32(2), np.True_]
    assert [type(p[name]) for name in ("sizes", "matrix", "empty", "numpys")] == [list] * 4


def test_a_field_of_several_structs_is_no_single_value() -> None:
    s = struct("name", ["Ada", "Alan"])
    with pytest.raises(DlgruAttributeError, match=r"c\.m\[k\]\.name, or \[s\.name for s in c\]"):
        _ = s.name
    with pytest.raises(DlgruAttributeError, match=r"A cell has no fields.*write c\.m\[k\]"):
        _ = Cell([1]).W
    assert [e.name for e in s] == ["Ada", "Alan"] and s.m[2].name == "Alan"
    assert not hasattr(s, "__array_interface__") and not hasattr(s, "dims")


def test_a_buffer_that_is_filled_again_and_again_is_kept_each_time() -> None:
    history, buffer = cell(1, 0), np.zeros(2)
    for k in range(3):
        buffer[0] = k
        history.m[end + 1] = buffer
    assert [h[0] for h in history] == [0, 1, 2]


def test_objects_that_are_no_data_are_kept_as_they_are() -> None:
    class Mine(list[int]):
        pass

    things = [Mine([1]), time.localtime(), defaultdict(list), object(), len]
    assert all(a is b for a, b in zip(Cell(things), things, strict=True))


def test_rows_of_a_table_share_no_memory_with_it() -> None:
    t = table(np.array([1.0, 2, 3]), [1.0, 2, 3], ["a", "b", "c"], [dl.ones(1), None, 5])
    for u in (t.m[1:2, :], dl.copy(t), Table.copy(t)):
        u.Var1[0] = 9
        u.Var2[0] = 9
        u.Var3.m[1] = "z"
        u.Var4.m[2] = 0
    assert t.Var1.ravel().tolist() == dl.extractdata(t.Var2).ravel().tolist() == [1, 2, 3]
    assert list(t.Var3) == ["a", "b", "c"] and t.Var4[1] is None
    n = learnables()
    n.Rate = [1, 2, 3]
    gradients = tree_map(lambda x: x, n)
    gradients.Rate[0] = 9
    gradients.Layer.m[1] = "x"
    assert float(n.Rate[0]) == 1 and n.Layer.m[1] == "gru"


def test_stored_arrays_stay_on_the_tape() -> None:
    def slope(x: Any) -> Any:
        s, c = struct("x", x), Cell([x])
        return dl.dlgradient(dl.sum(s.x * c[0], "all"), x)

    assert float(dl.dlfeval(slope, dl.dlarray(3))) == 6


def test_mapping_over_a_container_makes_no_further_handles() -> None:
    made = [dl.ones(1), dl.ones(2)]
    inputs: list[Any] = [struct("a", 1, "b", 2), Cell([1, 2]), dl.table([1], [2])]
    for tree in inputs:
        rest = iter(made)
        found = list(leaves(tree_map(lambda _, rest=rest: next(rest), tree)))
        assert all(a is b for a, b in zip(found, made, strict=True))


CHANGED: dict[str, Callable[[Any], Any]] = {
    "setfield": lambda s: setfield(s, "x", 1),
    "rmfield": lambda s: rmfield(s, "n"),
    "orderfields": orderfields,
}


@pytest.mark.parametrize("name", CHANGED)
def test_functions_that_change_structs_share_no_array_with_theirs(name: str) -> None:
    s = struct("n", 1, "W", dl.ones(1, 2), "gru", struct("R", dl.ones(1, 2)))
    r = CHANGED[name](s)
    r.W.m[1] = 5
    r.gru.R.m[1] = 6
    assert np.asarray(s.W).tolist() == np.asarray(s.gru.R).tolist() == [[1, 1]]
    r = Struct.copy(s)
    r.W.m[2] = 5
    assert np.asarray(s.W).tolist() == [[1, 1]]


def test_containers_in_containers_print_their_size() -> None:
    t = dl.table([1, 2])
    t["shape"] = [3, 4]
    s = struct(column=[cell(3, 1)], matrix=[cell(2, 2)], table=t, row=[Cell(["a", "b"])])
    shown = {line.partition(":")[0].strip(): line.partition(": ")[2] for line in str(s).split("\n")}
    assert shown["column"] == "{3×1 cell}" and shown["matrix"] == "{2×2 cell}"
    assert shown["table"] == "[2×2 table]" and shown["row"] == "{1×2 cell}"
    elements = str(Cell([["a", "b"], t, cell(2, 2), dl.ones(2, 2), [1, 2]])).split("\n")[-1]
    assert elements.split("    ")[1:] == [
        *["{1×2 cell}", "{2×2 table}", "{2×2 cell}", "{2×2 dlarray}", "{[1 2]}"]
    ]
    assert str(dl.table([cell(2, 2), 1])).split("\n")[-2].strip() == "{2×2 cell}"
