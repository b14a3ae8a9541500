"""Functions with MATLAB's calling convention, and cellfun and arrayfun that call them."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru.cells import Cell, cell
from dlgru.endmark import end
from dlgru.errors import DlgruError, DlgruTypeError, DlgruValueError
from dlgru.fields import struct
from dlgru.mapping import arrayfun, cellfun
from dlgru.mfunction import call_with_nargout, mfunction, takes_nargout
from dlgru.structs import Struct
from dlgru.tables import table

# -- outputs -----------------------------------------------------------------------------


@mfunction
def stats(x: Any) -> Any:
    """Smallest, largest and number."""
    return min(x), max(x), len(x)


def test_the_first_output_is_returned_unless_more_are_asked_for() -> None:
    assert stats([3, 1, 2]) == 1
    assert stats([3, 1, 2], nargout=1) == 1
    assert stats([3, 1, 2], nargout=2) == (1, 3)
    assert stats([3, 1, 2], nargout=3.0) == (1, 3, 3)
    assert stats([3, 1, 2], nargout=dl.dlarray(2)) == (1, 3)
    assert stats([3, 1, 2], nargout=0) is None


def test_asking_for_too_many_outputs_names_the_function() -> None:
    with pytest.raises(
        DlgruValueError,
        match=r"^stats: Too many output arguments\. nargout is 4, expected at most 3",
    ) as caught:
        stats([1], nargout=4)
    assert caught.value.identifier == "dlgru:nargout:tooMany"

    @mfunction
    def single(x: Any) -> Any:
        return x

    @mfunction
    def nothing() -> None:
        pass

    @mfunction
    def empty() -> Any:
        return ()

    assert single(5) == 5 and nothing() is None
    with pytest.raises(DlgruValueError, match=r"single: .*at most 1"):
        single(5, nargout=2)
    with pytest.raises(DlgruValueError, match=r"nothing: .*at most 0"):
        nothing(nargout=2)
    with pytest.raises(DlgruValueError, match=r"empty: .*at most 0"):
        empty()


@pytest.mark.parametrize("bad", [-1, 1.5, "2", None, [1, 2]])
def test_nargout_is_a_whole_number(bad: Any) -> None:
    with pytest.raises(DlgruTypeError, match=r"stats: nargout is .*whole number"):
        stats([1], nargout=bad)


def test_a_list_is_one_output() -> None:
    @mfunction
    def pair() -> Any:
        return [1, 2]

    assert pair() == [1, 2]


def test_a_function_may_ask_how_many_outputs_are_wanted() -> None:
    @mfunction
    def costly(x: int, *, nargout: int) -> Any:
        return (x, "computed only if wanted") if nargout > 1 else x

    assert costly(1) == 1
    assert costly(1, nargout=2) == (1, "computed only if wanted")
    assert costly(1, nargout=0) is None


def test_signature_name_and_documentation_stay() -> None:
    assert stats.__name__ == "stats" and stats.__doc__ == "Smallest, largest and number."
    assert list(inspect.signature(stats).parameters) == ["x"]


def test_methods_can_be_mfunctions() -> None:
    class Model:
        scale = 3

        @mfunction
        def both(self, x: int) -> Any:
            self.scale += 1  # a handle object: it is the caller's own
            return x * self.scale, self.scale

    model = Model()
    assert model.both(2) == 8 and model.both(2, nargout=2) == (10, 5)


# -- arguments are values ----------------------------------------------------------------


def test_changes_to_arguments_stay_inside() -> None:
    @mfunction
    def spoil(p: Any, c: Any, x: Any, a: Any, plain: Any, *, option: Any) -> Any:
        p.gru.W[0, 0] = 100
        p.new = 1
        c.m[1] = "spoilt"
        c.m[end + 1] = "more"
        x[0] = 100
        a[0] = 100
        plain[0][0] = 100
        option.append(1)
        return p, c, x, a, plain, option

    p = struct("gru", struct("W", dl.dlarray(np.zeros((2, 2)), "CB")))
    c = Cell(["a", p])
    x = dl.dlarray([1, 2])
    a = np.array([1, 2])
    plain = [[1, 2], 3]
    option: list[int] = []
    results = spoil(p, c, x, a, plain, option=option, nargout=6)
    assert float(p.gru.W[0, 0]) == 0 and list(p) == ["gru"]
    assert c[0] == "a" and len(c) == 2
    assert float(x[0]) == 1 and a[0] == 1 and plain == [[1, 2], 3] and option == []
    assert float(results[0].gru.W[0, 0]) == 100 and results[0].gru.W.dims == "CB"
    assert results[1] == ["spoilt", results[1][1], "more"] and type(results[1]) is Cell
    assert float(results[2][0]) == 100 and results[3].tolist() == [100, 2]
    assert results[4] == [[100, 2], 3] and results[5] == [1]


def test_tables_and_networks_of_containers_are_values_too() -> None:
    t = table(["a", "b"], [dl.dlarray(1), dl.dlarray(2)], VariableNames=["Layer", "Value"])

    @mfunction
    def spoil(s: Any) -> Any:
        s.t.Value.m[1] = dl.dlarray(5)
        s.t.Layer = ["x", "y"]
        return s.t

    changed = spoil(struct("t", t))
    assert float(changed.Value[0]) == 5 and list(changed.Layer) == ["x", "y"]
    assert float(t.Value[0]) == 1 and list(t.Layer) == ["a", "b"]


def test_other_objects_are_handed_over_as_they_are() -> None:
    class Handle:
        pass

    handle, items = Handle(), {1, 2}

    @mfunction
    def same(h: Any, s: Any) -> Any:
        return h is handle and s is items

    assert same(handle, items) is True


def test_gradients_flow_through_an_mfunction() -> None:
    @mfunction
    def model(p: Any, x: Any) -> Any:
        p.W[0] = p.W[0] * 2
        return dl.sum(p.W * x), p

    def loss(p: Any, x: Any) -> Any:
        y = model(p, x)
        return dl.dlgradient(y, p)

    g = dl.dlfeval(loss, struct("W", dl.dlarray([1, 2])), dl.dlarray([3, 4]))
    assert dl.extractdata(g.W).tolist() == [[6, 4]]


# -- calling on behalf of others ---------------------------------------------------------


def plain(x: int) -> Any:
    return x, x + 1, x + 2


def asked(x: int, nargout: int = 1) -> Any:
    return tuple(range(x, x + nargout)) if nargout > 1 else x


def test_nothing_asked_gives_what_the_function_returns() -> None:
    assert call_with_nargout(plain, None, 1) == (1, 2, 3)
    assert call_with_nargout(stats, None, [1, 2]) == 1
    assert call_with_nargout(asked, None, 4) == 4


def test_outputs_are_asked_of_any_function() -> None:
    assert call_with_nargout(plain, 1, 1) == 1
    assert call_with_nargout(plain, 2, x=1) == (1, 2)
    assert call_with_nargout(plain, 0, 1) is None
    assert call_with_nargout(stats, 2, [1, 5]) == (1, 5)
    assert call_with_nargout(asked, 3, 4) == (4, 5, 6)
    assert call_with_nargout(functools.partial(asked, 4), 2) == (4, 5)
    assert call_with_nargout(functools.partial(plain, 4), 2) == (4, 5)
    assert call_with_nargout(abs, 1, -3) == 3
    with pytest.raises(DlgruValueError, match=r"plain: .*nargout is 4, expected at most 3"):
        call_with_nargout(plain, 4, 1)
    with pytest.raises(DlgruValueError, match=r"abs: .*at most 1"):
        call_with_nargout(abs, 2, -3)


def test_who_takes_nargout() -> None:
    def keyword(*, nargout: int) -> None: ...
    def local() -> int:
        nargout = 1
        return nargout

    def anything(**options: Any) -> None: ...

    class Callable:
        def __call__(self, x: int, nargout: int = 1) -> None: ...

    assert all(map(takes_nargout, [keyword, asked, stats, Callable(), functools.partial(asked)]))
    assert not any(map(takes_nargout, [local, anything, plain, print, len, lambda x: x]))
    # The operations of dlgru that have several outputs say so.
    assert takes_nargout(dl.gru) and takes_nargout(dl.max)


def test_dlfeval_hands_nargout_on() -> None:
    @mfunction
    def model_loss(x: Any) -> Any:
        y = dl.sum(x**2)
        return y, dl.dlgradient(y, x)

    x = dl.dlarray([1, 2])
    assert float(dl.dlfeval(model_loss, x)) == 5
    y, g = dl.dlfeval(model_loss, x, nargout=2)
    assert float(y) == 5 and dl.extractdata(g).tolist() == [[2, 4]]
    y, g = dl.dlfeval(lambda x: (x, 2 * x), x)
    assert dl.extractdata(g).tolist() == [[2, 4]]


# -- cellfun -----------------------------------------------------------------------------


def numbers(x: Any) -> Any:
    return dl.extractdata(x).tolist()


def test_outputs_are_gathered_into_an_array_of_the_cells_size() -> None:
    c = Cell(["a", "bb", "ccc", "dddd"], (2, 2))
    lengths = cellfun(len, c)
    assert type(lengths) is dl.DLArray and lengths.dtype == np.float64 and lengths.dims == ""
    assert numbers(lengths) == [[1, 3], [2, 4]]
    assert numbers(cellfun(len, ["a", "bb"])) == [[1, 2]]
    assert cellfun(len, cell(0, 3)).shape == (0, 3)


def test_logical_and_single_outputs_keep_their_class() -> None:
    assert cellfun(lambda s: s == "a", ["a", "b"]).dtype == np.bool_
    assert cellfun(np.float32, [1, 2]).dtype == np.float32
    assert cellfun(lambda x: 1j * x, [1, 2]).dtype == np.complex128
    assert cellfun(lambda x: dl.sum(x), [dl.dlarray(np.ones(3, np.float32))]).dtype == np.float32


def test_arrays_of_one_element_are_joined_with_their_trace() -> None:
    def f(x: Any) -> Any:
        parts = cellfun(lambda k: x.m[k] ** 2, [1, 2, 2])
        assert parts.shape == (1, 3)
        return dl.dlgradient(dl.sum(parts), x)

    assert numbers(dl.dlfeval(f, dl.dlarray([3, 5]))) == [[6, 20]]


def test_outputs_of_any_kind_go_into_a_cell() -> None:
    c = Cell(["a", "b"], (2, 1))
    out = cellfun(str.upper, c, UniformOutput=False)
    assert type(out) is Cell and out == Cell(["A", "B"], (2, 1))
    assert cellfun(str.upper, c, "UniformOutput", False) == out
    assert cellfun(str.upper, c, "uniform", 0) == out
    assert cellfun(len, c, UniformOutput=False) == Cell([1, 1], (2, 1))


def test_several_cells_and_several_outputs() -> None:
    total, last = cellfun(lambda a, b: (a + b, b), [1, 2], [10, 20], nargout=2)
    assert numbers(total) == [[11, 22]] and numbers(last) == [[10, 20]]
    low, high = cellfun(stats, [[3, 1], [5, 9]], nargout=2)
    assert numbers(low) == [[1, 5]] and numbers(high) == [[3, 9]]
    assert numbers(cellfun(stats, [[3, 1], [5, 9]])) == [[1, 5]]
    lows, highs = cellfun(stats, [[3, 1], [5, 9]], nargout=2, UniformOutput=False)
    assert lows == [1, 5] and highs == [3, 9]


def test_a_function_without_output_is_called_for_its_effect() -> None:
    seen: list[Any] = []
    assert cellfun(seen.append, ["a", "b"]) is None
    assert cellfun(seen.append, ["c"], nargout=0) is None
    assert seen == ["a", "b", "c"]


def test_what_is_not_uniform_is_refused_with_its_place() -> None:
    for values, words in [
        ([1, [2, 3]], "Non-scalar in Uniform output, at index 2, output 1.*UniformOutput.*false"),
        ([1, "a"], "Non-scalar in Uniform output, at index 2.*of class str"),
        ([1, dl.dlarray([1, 2])], "Non-scalar.*1×2 array"),
        ([1, np.ones(2)], "Non-scalar"),
        ([1, None], "Non-scalar.*missing"),
        ([1, True], "Mismatch at index 2 in output 1.*logical, expected number"),
    ]:
        with pytest.raises(DlgruValueError, match=words):
            cellfun(lambda x: x, values)


def test_sizes_and_kinds_of_inputs_are_checked() -> None:
    with pytest.raises(DlgruValueError, match="input 3 is 1×3, expected 1×2, as input 2"):
        cellfun(lambda a, b: 0, [1, 2], [1, 2, 3])
    with pytest.raises(DlgruValueError, match="input 3 is 2×1"):
        cellfun(lambda a, b: 0, [1, 2], Cell([1, 2], (2, 1)))
    with pytest.raises(DlgruTypeError, match=r"expected a cell.*arrayfun"):
        cellfun(len, np.ones(2))
    with pytest.raises(DlgruTypeError, match="fun is of class int"):
        cellfun(5, [1])
    with pytest.raises(DlgruTypeError, match="missing"):
        cellfun(len)
    with pytest.raises(DlgruError, match="UniformOutput"):
        cellfun(len, ["a"], UniformOuput=False)
    with pytest.raises(DlgruTypeError, match="UniformOutput"):
        cellfun(len, ["a"], UniformOutput="no")


def test_an_error_handler_stands_in() -> None:
    def handler(report: Struct, x: Any) -> Any:
        return float(report.index) * 100 + (report.identifier == "MATLAB:badsubscript")

    x = dl.dlarray([1, 2])
    out = cellfun(lambda k: float(x.m[k]), [1, 5, 2], ErrorHandler=handler)
    assert numbers(out) == [[1, 201, 2]]
    messages = cellfun(
        lambda k: 1 / k, [0], "ErrorHandler", lambda r, k: r.message, "UniformOutput", False
    )
    assert messages == ["division by zero"]
    with pytest.raises(ZeroDivisionError):
        cellfun(lambda k: 1 / k, [0])


# -- arrayfun ----------------------------------------------------------------------------


def test_elements_of_arrays_come_column_by_column() -> None:
    seen: list[float] = []
    out = arrayfun(lambda v: seen.append(float(v)) or 2 * v, dl.dlarray([[1, 2], [3, 4]]))
    assert seen == [1, 3, 2, 4] and numbers(out) == [[2, 4], [6, 8]]
    assert numbers(arrayfun(lambda v: 2 * v, np.array([[1, 2], [3, 4]]))) == [[2, 4], [6, 8]]
    assert numbers(arrayfun(lambda v: 2 * v, [[1, 2], [3, 4]])) == [[2, 4], [6, 8]]
    assert numbers(arrayfun(lambda v: 2 * v, [1, 2])) == [[2, 4]]
    assert numbers(arrayfun(lambda v: 2 * v, np.arange(2.0))) == [[0, 2]]
    assert numbers(arrayfun(lambda v: 2 * v, range(1, 3))) == [[2, 4]]
    assert float(arrayfun(lambda v: 2 * v, 4)) == 8


def test_arrayfun_of_structs() -> None:
    people = struct("name", ["Ada", "Alan"], "born", Cell([1815, 1912]))
    assert numbers(arrayfun(lambda p: p.born, people)) == [[1815, 1912]]
    assert arrayfun(lambda p: p.name, people, UniformOutput=False) == ["Ada", "Alan"]
    assert float(arrayfun(lambda p: p.born, people[0])) == 1815


def test_arrayfun_with_several_arrays_and_outputs() -> None:
    out = arrayfun(lambda k, v: k * v, range(1, 4), dl.dlarray([10, 20, 30]))
    assert numbers(out) == [[10, 40, 90]]
    a, b = arrayfun(lambda k: (k, k * k), range(1, 4), nargout=2)
    assert numbers(a) == [[1, 2, 3]] and numbers(b) == [[1, 4, 9]]
    assert arrayfun(lambda k: "x" * k, range(1, 3), "UniformOutput", False) == ["x", "xx"]
    with pytest.raises(DlgruTypeError, match="input 2 is of class str, expected an array"):
        arrayfun(len, "abc")
    with pytest.raises(DlgruValueError, match="input 3 is 1×2, expected 1×3"):
        arrayfun(lambda a, b: 0, [1, 2, 3], [1, 2])


def test_arrayfun_keeps_the_trace_of_its_elements() -> None:
    def f(x: Any) -> Any:
        return dl.dlgradient(dl.sum(arrayfun(lambda v: v**3, x)), x)

    assert numbers(dl.dlfeval(f, dl.dlarray([1, 2]))) == [[3, 12]]


def test_a_function_that_dlfeval_calls_cannot_change_an_ndarray() -> None:
    mask = np.zeros(2)

    def change(x: Any) -> int:
        x[0] = 7
        return 1

    dl.dlfeval(change, mask)
    assert not mask.any()
