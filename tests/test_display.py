"""Arrays, structs and tables are printed as MATLAB prints them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import backend
from dlgru.cells import Cell, cell
from dlgru.display import (
    array_block,
    array_text,
    echo,
    number_text,
    struct_text,
    summary_text,
    table_text,
    value_text,
)
from dlgru.errors import DlgruValueError
from dlgru.twister import Stream


def block(data: Any, dtype: Any = None) -> list[str]:
    """Print an array and return its lines."""
    return array_block(np.array(data, dtype=dtype)).split("\n")


# --- examples printed in MathWorks pages and posted runs ---------------------------------------


def test_the_logical_example_of_the_dims_page() -> None:
    # rng default; dlarray(rand(4,3)>0.5,'SS')
    data = Stream(0).rand((4, 3)) > 0.5
    assert array_text(data, "SS") == (
        "  4(S) × 3(S) logical dlarray\n\n   1   1   1\n   1   0   1\n   0   0   0\n   1   1   1"
    )


def test_the_four_dimensional_example_of_the_stripdims_page() -> None:
    # rng default; dlarray(randn(3,2,1,2),'SSTU') and its stripdims
    data = Stream(0).randn((3, 2, 1, 2))
    pages = (
        "\n"
        "\n"
        "\n"
        "(:,:,1,1) =\n"
        "\n"
        "    0.5377    0.8622\n"
        "    1.8339    0.3188\n"
        "   -2.2588   -1.3077\n"
        "\n"
        "\n"
        "(:,:,1,2) =\n"
        "\n"
        "   -0.4336    2.7694\n"
        "    0.3426   -1.3499\n"
        "    3.5784    3.0349"
    )
    assert array_text(data, "SSTU") == "  3(S) × 2(S) × 1(T) × 2(U) dlarray" + pages
    assert array_text(data) == "  3×2×1×2 dlarray" + pages


def test_the_dlarray_page_matrix_and_its_formatted_transpose() -> None:
    # rng default; X = randn(3,5)
    data = Stream(0).randn((3, 5))
    assert array_text(data) == (
        "  3×5 dlarray\n"
        "\n"
        "    0.5377    0.8622   -0.4336    2.7694    0.7254\n"
        "    1.8339    0.3188    0.3426   -1.3499   -0.0631\n"
        "   -2.2588   -1.3077    3.5784    3.0349    0.7147"
    )
    assert array_text(data.T, "ST").split("\n")[:3] == [
        "  5(S) × 3(T) dlarray",
        "",
        "    0.5377    1.8339   -2.2588",
    ]
    assert array_text(Stream(0).randn((6, 1)), "TU") == (
        "  6(T) × 1(U) dlarray\n\n"
        "    0.5377\n    1.8339\n   -2.2588\n    0.8622\n    0.3188\n   -1.3077"
    )


def test_printed_losses() -> None:
    # A posted run: mse of CB data, and the same by sum(..., "all").
    loss = np.array([[0.36968204814027596]])
    assert array_text(loss) == "  1×1 dlarray\n\n    0.3697"
    assert array_text(loss, "CB") == "  1(C) × 1(B) dlarray\n\n    0.3697"
    assert array_text(np.array([[104.0]])) == "  1×1 dlarray\n\n   104"  # V1, the dlfeval page
    assert array_text(np.array([[396.0, 200.0]])) == "  1×2 dlarray\n\n   396   200"


def test_the_fullyconnect_page_has_a_common_factor() -> None:
    # ten equal entries, displayed as 2.3266e+03
    text = array_text(np.full((10, 1), 2326.5864), "CB")
    lines = text.split("\n")
    assert lines[:4] == ["  10(C) × 1(B) dlarray", "", "   1.0e+03 *", ""]
    assert lines[4:] == ["    2.3266"] * 10


def test_the_category_example_of_the_embed_page() -> None:
    data = np.array([[2.0, 1, 2, 1, 1]])
    assert array_text(data, "CB") == ("  1(C) × 5(B) dlarray\n\n     2     1     2     1     1")


# --- format short: whole numbers ---------------------------------------------------------------


def test_whole_numbers_are_six_wide_below_a_thousand() -> None:
    assert block([[1.0, 2], [3, 4]]) == ["     1     2", "     3     4"]
    assert block([[-100.0, 999]]) == ["  -100   999"]
    assert block([[0.0, -0.0]]) == ["     0     0"]
    assert block([[5.0]]) == ["     5"]


def test_whole_numbers_are_twelve_wide_from_a_thousand_to_a_billion() -> None:
    assert block([[1000.0, 2]]) == ["        1000           2"]
    assert block([[-999999999.0]]) == ["  -999999999"]


def test_greater_whole_numbers_have_exponents_or_a_factor() -> None:
    assert block([[1e9]]) == ["   1.0000e+09"]
    assert block([[1e9, 1, 0]]) == ["   1.0e+09 *", "", "    1.0000    0.0000         0"]


def test_nan_and_inf_do_not_change_the_format() -> None:
    nan, inf = np.nan, np.inf
    assert block([[1, nan, inf, -inf]]) == ["     1   NaN   Inf  -Inf"]
    assert block([[0.5, nan, inf, -inf]]) == ["    0.5000       NaN       Inf      -Inf"]
    assert block([[nan]]) == ["   NaN"]
    assert block([[-inf]]) == ["  -Inf"]
    assert block([[1000, nan]]) == ["        1000         NaN"]
    assert block([[1234.5, inf]]) == ["   1.0e+03 *", "", "    1.2345       Inf"]


def test_logical_and_integer_classes_are_three_apart() -> None:
    assert block([[True, False, True]]) == ["   1   0   1"]
    assert block([[True]]) == ["   1"]
    assert block([[1, 2, 3]], np.int32) == ["   1   2   3"]
    assert block([[100, -100]], np.int8) == ["   100  -100"]
    assert block([[255, 1]], np.uint8) == ["   255     1"]


# --- format short: other numbers ---------------------------------------------------------------


def test_four_decimals_between_a_thousandth_and_a_thousand() -> None:
    assert block([[0.8147, 0.9134]]) == ["    0.8147    0.9134"]
    assert block([[-4.7871, 9.6495, -10.4691]]) == ["   -4.7871    9.6495  -10.4691"]
    assert block([[-100.5, -200.25]]) == [" -100.5000 -200.2500"]
    assert block([[0.5, 0]]) == ["    0.5000         0"]
    assert block([[0.0052, 0.0102]]) == ["    0.0052    0.0102"]
    assert block([[1.0, -1e-9]]) == ["    1.0000   -0.0000"]


def test_one_number_outside_that_range_has_an_exponent() -> None:
    assert block([[1234.5]]) == ["   1.2345e+03"]
    assert block([[-0.0001]]) == ["  -1.0000e-04"]
    assert block([[0.001]]) == ["   1.0000e-03"]
    assert block([[np.finfo(float).max]]) == ["  1.7977e+308"]
    assert block([[0.0011]]) == ["    0.0011"]


def test_several_numbers_outside_that_range_share_a_factor() -> None:
    # The mantissas of large data begin at 1, those of small data at 0.1.
    assert block([[1000.5, 2]]) == ["   1.0e+03 *", "", "    1.0005    0.0020"]
    assert block([[-12345.6, 0]]) == ["   1.0e+04 *", "", "   -1.2346         0"]
    # b of [b,a] = butter(6,0.1), as posted by users of MATLAB
    butter = [[8.57656e-06, 5.14593e-05, 0.000128648, 0.000171531]]
    assert block(butter) == ["   1.0e-03 *", "", "    0.0086    0.0515    0.1286    0.1715"]
    eps = 2.0**-52
    assert block([[eps, 0]]) == ["   1.0e-15 *", "", "    0.2220         0"]
    assert block([[1e100, 1e99]]) == ["   1.0e+100 *", "", "    1.0000    0.1000"]
    assert block([[5e-324, 0]])[0] == "   1.0e-323 *"


def test_a_single_is_judged_by_the_decimal_number_it_stands_for() -> None:
    assert block([[0.001]], np.float32) == ["   1.0000e-03"]
    assert block([[0.001, 0.0005]], np.float32) == ["   1.0e-03 *", "", "    1.0000    0.5000"]
    assert block([[0.1, 1 / 3]], np.float32) == ["    0.1000    0.3333"]


def test_complex_numbers() -> None:
    # c = [3+4i, 4+3j; -i, 10j] of MATLAB's getting-started page
    assert block([[3 + 4j, 4 + 3j], [-1j, 10j]]) == [
        "   3.0000 + 4.0000i   4.0000 + 3.0000i",
        "   0.0000 - 1.0000i   0.0000 +10.0000i",
    ]
    assert block([[-10 - 10j]], np.complex64) == [" -10.0000 -10.0000i"]
    assert block([[324.56 + 233.8j]]) == ["   3.2456e+02 + 2.3380e+02i"]
    # eigenvalues of a posted run
    assert block([[-0.3 + 149.22j], [-0.71 - 339.73j]]) == [
        "   1.0e+02 *",
        "",
        "  -0.0030 + 1.4922i",
        "  -0.0071 - 3.3973i",
    ]
    assert block([[0j]]) == ["   0.0000 + 0.0000i"]
    assert block([[complex(np.nan, 1), complex(1, np.inf)]]) == [
        "      NaN + 1.0000i   1.0000 +    Infi"
    ]
    assert block([[complex(-0.0, -0.0)]]) == ["   0.0000 + 0.0000i"]
    assert block([[-1e-4j]]) == ["   0.0000e+00 - 1.0000e-04i"]


# --- pages, wide and empty arrays --------------------------------------------------------------


def test_wide_arrays_are_cut_at_eighty_characters() -> None:
    ten = array_block(np.arange(1, 11)[None] / 8)
    assert ten == (
        "  Columns 1 through 8\n"
        "\n"
        "    0.1250    0.2500    0.3750    0.5000    0.6250    0.7500    0.8750    1.0000\n"
        "\n"
        "  Columns 9 through 10\n"
        "\n"
        "    1.1250    1.2500"
    )
    whole = array_block(np.arange(1.0, 15)[None]).split("\n")
    assert whole[0] == "  Columns 1 through 13"
    assert whole[4:] == ["  Column 14", "", "    14"]
    assert block(np.ones((1, 8)) / 2) == ["    0.5000" * 8]
    assert block(np.ones((1, 21), bool))[0] == "  Columns 1 through 20"
    assert block(np.ones((1, 7)) * 1000)[0] == "  Columns 1 through 6"
    assert block(np.ones((1, 5)) * 1j)[0] == "  Columns 1 through 4"


def test_the_factor_stands_above_the_column_blocks() -> None:
    lines = array_block(np.arange(9.0)[None] * 210.5).split("\n")
    assert lines[:3] == ["   1.0e+03 *", "", "  Columns 1 through 8"]
    assert lines[-1] == "    1.6840"


def test_each_page_has_its_own_format() -> None:
    data = np.stack([[[3560.3, 0]], [[1.0, 2]], [[0.5, 14277.0]]], axis=-1)
    assert array_block(data) == (
        "(:,:,1) =\n\n   1.0e+03 *\n\n    3.5603         0\n\n\n"
        "(:,:,2) =\n\n     1     2\n\n\n"
        "(:,:,3) =\n\n   1.0e+04 *\n\n    0.0001    1.4277"
    )


def test_pages_count_with_the_first_subscript_fastest() -> None:
    data = np.arange(12.0).reshape((1, 1, 3, 2, 2), order="F")
    headings = [line for line in array_block(data).split("\n") if line.endswith("=")]
    assert headings[:4] == ["(:,:,1,1,1) =", "(:,:,2,1,1) =", "(:,:,3,1,1) =", "(:,:,1,2,1) ="]
    values = [line.strip() for line in array_block(data).split("\n")[2::5]]
    assert values == [str(i) for i in range(12)]


def test_trailing_singleton_dimensions_make_no_pages() -> None:
    data = np.array([[1.0, 2.0]])[:, :, None, None]
    assert array_text(data, "CBTU") == ("  1(C) × 2(B) × 1(T) × 1(U) dlarray\n\n     1     2")


def test_memory_order_does_not_matter() -> None:
    data = np.arange(24.0).reshape(2, 3, 4)
    assert array_block(np.asfortranarray(data)) == array_block(data)


def test_empty_arrays_are_a_header_alone() -> None:
    assert array_text(np.zeros((0, 3))) == "  0×3 dlarray"
    assert array_text(np.zeros((3, 0, 2), np.float32), "CBT") == (
        "  3(C) × 0(B) × 2(T) single dlarray"
    )
    assert array_block(np.zeros((0, 0))) == ""


def test_arrays_of_fewer_than_two_dimensions_are_rows() -> None:
    assert array_text(np.float64(5) * np.ones(())) == "  1×1 dlarray\n\n     5"
    assert array_text(np.array([1.0, 2.0])) == "  1×2 dlarray\n\n     1     2"
    assert array_text(np.zeros(0)) == "  1×0 dlarray"


# --- long arrays -------------------------------------------------------------------------------


def test_ten_thousand_elements_are_printed_in_full() -> None:
    lines = array_block(np.arange(10_000.0)[:, None]).split("\n")
    assert len(lines) == 10_000 and lines[-1].strip() == "9999"


def test_longer_arrays_are_shortened_in_every_direction() -> None:
    lines = array_block(np.arange(10_001.0)[:, None]).split("\n")
    assert [line.strip() for line in lines] == [
        *(str(i) for i in range(10)),
        "(… 9,981 more rows)",
        *(str(i) for i in range(9991, 10_001)),
    ]
    assert array_block(np.arange(20_000.0)[None] / 100 + 0.25) == (
        "  Columns 1 through 8\n"
        "\n"
        "    0.2500    0.2600    0.2700    0.2800    0.2900    0.3000    0.3100    0.3200\n"
        "\n"
        "    (… 19,984 more columns)\n"
        "\n"
        "  Columns 19993 through 20000\n"
        "\n"
        "  200.1700  200.1800  200.1900  200.2000  200.2100  200.2200  200.2300  200.2400"
    )
    pages = array_block(np.arange(30_000.0).reshape((2, 2, 100, 75), order="F"))
    assert [line for line in pages.split("\n") if "=" in line or "more" in line] == [
        "(:,:,1,1) =",
        "(:,:,2,1) =",
        "    (… 7,496 more pages)",
        "(:,:,99,75) =",
        "(:,:,100,75) =",
    ]
    assert pages.endswith("       29996       29998\n       29997       29999")


def test_all_three_cuts_together_keep_the_right_numbers() -> None:
    data = np.arange(50 * 40 * 9.0).reshape((50, 40, 9), order="F")
    pages = array_block(data).split("\n\n\n")
    last = pages[-1].split("\n")
    assert last[0] == "(:,:,9) ="
    assert "  Columns 33 through 38" in last and "  Columns 39 through 40" in last
    assert "    (… 24 more columns)" in last
    assert last.count("    (… 30 more rows)") == 4
    assert last[-1].split() == ["17949", "17999"]
    assert last[-11].strip() == "(… 30 more rows)"
    assert last[-12].split() == [str(int(data[9, 38, 8])), str(int(data[9, 39, 8]))]


def test_printing_a_huge_array_is_fast_and_short() -> None:
    data = np.zeros((1, 1, 4_000_000))
    start = time.perf_counter()
    text = array_text(data)
    assert time.perf_counter() - start < 0.1
    assert len(text) < 500


class Device:
    """An array on a device: it must be fetched with get(), and counts what is fetched."""

    fetched = 0

    def __init__(self, data: np.ndarray[Any, Any]) -> None:
        self.data = data
        self.shape, self.ndim, self.size, self.dtype = data.shape, data.ndim, data.size, data.dtype

    def __getitem__(self, key: Any) -> Device:
        return Device(self.data[key])

    def __array__(self, *_: Any) -> Any:
        raise AssertionError("silent conversion")

    def get(self, order: str) -> np.ndarray[Any, Any]:
        Device.fetched += self.size
        return self.data


def test_device_arrays_say_so_and_only_what_is_shown_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(backend._device_types, Device, object())
    small = np.array([[0.5, 2.0]], np.float32)
    assert array_text(Device(small)) == ("  1×2 single gpuArray dlarray\n\n    0.5000    2.0000")
    assert array_text(small, on_device=True) == array_text(Device(small))
    Device.fetched = 0
    large = np.arange(1e6).reshape(1000, 1000)
    assert array_block(Device(large)) == array_block(large)
    assert Device.fetched == 20 * 16


def test_summaries() -> None:
    assert summary_text((4, 3), "SS", "logical") == "4(S) × 3(S) logical dlarray"
    assert summary_text((20, 2), "", "single", True) == "20×2 single gpuArray dlarray"
    assert summary_text((1, 1)) == "1×1 dlarray"


def test_echo_puts_the_name_on_a_line_of_its_own() -> None:
    assert echo("loss", array_text(np.array([[0.25]]))) == "loss = \n\n  1×1 dlarray\n\n    0.2500"


# --- structs -----------------------------------------------------------------------------------


class Labelled:
    shape = (3, 4)
    dims = "CB"


class Summarised:
    shape = (30, 12)

    def summary(self) -> str:
        return summary_text((30, 12), "", "single")


def test_fields_of_a_struct_are_right_aligned() -> None:
    fields = {
        "a": 1,
        "W": Summarised(),
        "Bias": np.zeros((30, 1)),
        "inner": {"b": 2},
        "name": "gru",
        "cells": ["a", 1, None],
        "none": None,
        "rate": 0.001,
    }
    assert struct_text(fields) == (
        "        a: 1\n"
        "        W: [30×12 single dlarray]\n"
        "     Bias: [30×1 double]\n"
        "    inner: [1×1 struct]\n"
        '     name: "gru"\n'
        "    cells: {1×3 cell}\n"
        "     none: []\n"
        "     rate: 1.0000e-03"
    )
    assert struct_text({"a": 1}, heading=True) == "  struct with fields:\n\n    a: 1"
    assert struct_text({}, heading=True) == "  struct with no fields."
    assert struct_text({}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "1"),
        (np.bool_(False), "0"),
        (3, "3"),
        (1000, "1000"),
        (0.5, "0.5000"),
        (1234.5, "1.2345e+03"),
        (np.float32(0.5), "0.5000"),
        (float("nan"), "NaN"),
        (1 + 2j, "1.0000 + 2.0000i"),
        (np.array(4.0), "4"),
        (np.array([[4.0]]), "4"),
        ([1, 2.5, 3], "[1 2.5000 3]"),
        ((1, 2), "[1 2]"),
        (np.array([[True, False]]), "[1 0]"),
        (np.arange(10.0), "[0 1 2 3 4 5 6 7 8 9]"),
        (np.arange(11.0), "[1×11 double]"),
        (np.arange(3.0)[:, None], "[3×1 double]"),
        (np.zeros((2, 3, 4), np.float32), "[2×3×4 single]"),
        (np.zeros((0, 3)), "[0×3 double]"),
        (np.zeros(0), "[]"),
        (np.zeros((0, 0)), "[]"),
        (np.zeros(3, np.int8), "[0 0 0]"),
        (np.zeros((2, 2), np.int8), "[2×2 int8]"),
        (np.array(["a", "b"]), "[1×2 str32]"),
        ([], "[]"),
        ((), "[]"),
        (Cell(), "{}"),
        (cell(0, 2), "{0×2 cell}"),
        (cell(1, 0), "{1×0 cell}"),
        (["a"], '{"a"}'),
        ([[1, 2]], "{1×1 cell}"),
        ([{"a": 1}, {"a": 2}], "[1×2 struct]"),
        ({"a": 1}, "[1×1 struct]"),
        (max, "@max"),
        (Labelled(), "[3(C) × 4(B) Labelled]"),
        (object(), "[1×1 object]"),
        (Summarised, "[30×12 type]"),
    ],
)
def test_one_line_values(value: object, text: str) -> None:
    assert value_text(value) == text


def test_the_class_name_function_names_objects() -> None:
    assert value_text(Labelled(), lambda v: "dlarray") == "[3(C) × 4(B) dlarray]"
    assert struct_text({"x": object()}, lambda v: "gruLayer") == "    x: [1×1 gruLayer]"
    assert "{1×1 gruLayer}" in table_text({"x": [object()]}, lambda v: "gruLayer")


# --- tables ------------------------------------------------------------------------------------


def test_a_table_is_centred_under_its_headers() -> None:
    # columns Age, Smoker, Height, Weight of the patients table in MATLAB's documentation
    text = table_text(
        {
            "Age": [38, 43],
            "Smoker": [True, False],
            "Height": [71, 69],
            "Weight": [176, 163],
        }
    )
    assert text == (
        "    Age    Smoker    Height    Weight\n"
        "    ___    ______    ______    ______\n"
        "\n"
        "    38     true        71       176\n"
        "    43     false       69       163"
    )


def test_a_table_of_learnables() -> None:
    text = table_text(
        {
            "Layer": ["gru", "gru", "fc"],
            "Parameter": ["InputWeights", "Bias", "Bias"],
            "Value": [Summarised(), None, [1, 2]],
        },
        heading=True,
    )
    assert text == (
        "  3×3 table\n"
        "\n"
        "    Layer      Parameter               Value\n"
        "    _____    ______________    ______________________\n"
        "\n"
        '    "gru"    "InputWeights"    {30×12 single dlarray}\n'
        '    "gru"    "Bias"\n'
        '    "fc"     "Bias"            {[1 2]}'
    )


def test_numbers_in_tables_have_five_significant_digits() -> None:
    # table(rand(3,1)) after rng default
    text = table_text({"Var1": Stream(0).rand((3,))})
    assert text == "     Var1\n    _______\n\n    0.81472\n    0.90579\n    0.12699"
    column = table_text({"x": [0.001, 123456, np.nan, np.inf, -np.inf, None, 0.5]}).split("\n")[3:]
    assert [line.strip() for line in column] == [
        "0.001",
        "1.2346e+05",
        "NaN",
        "Inf",
        "-Inf",
        "",
        "0.5",
    ]


def test_the_verbose_style_is_trainnets() -> None:
    # public logs of trainnet
    text = table_text(
        {
            "Iteration": [1, 50],
            "Epoch": [1, 50],
            "TimeElapsed": ["00:00:00", "00:00:03"],
            "LearnRate": [0.001, 0.001],
            "TrainingLoss": [2.2743, 1.3138],
        },
        verbose=True,
    )
    assert text == (
        "    Iteration    Epoch    TimeElapsed    LearnRate    TrainingLoss\n"
        "    _________    _____    ___________    _________    ____________\n"
        "            1        1       00:00:00        0.001          2.2743\n"
        "           50       50       00:00:03        0.001          1.3138"
    )


def test_wide_cells_are_cut_at_eighty_characters() -> None:
    row = Cell([np.zeros((3, 4)), "ab", *[np.zeros((20, 30))] * 5, "z" * 90, 1])
    assert str(row).split("\n") == [
        "  1×9 cell array",
        "",
        "  Columns 1 through 5",
        "",
        '    {3×4 double}    {"ab"}' + "    {20×30 double}" * 3,
        "",
        "  Columns 6 through 7",
        "",
        "    {20×30 double}    {20×30 double}",
        "",
        "  Column 8",
        "",
        f'    {{"{"z" * 90}"}}',
        "",
        "  Column 9",
        "",
        "    {[1]}",
    ]
    matrix = Cell([n for k in range(10) for n in (k, 1000 * k)], (2, 10))
    blocks = str(matrix).split("\n\n")
    assert blocks[1::2] == ["  Columns 1 through 6", "  Columns 7 through 10"]
    assert blocks[4].split("\n") == [
        "    {[6]}       {[7]}       {[8]}       {[9]}",
        "    {[6000]}    {[7000]}    {[8000]}    {[9000]}",
    ]
    assert max(len(line) for line in str(matrix).split("\n")) <= 80
    assert "Column" not in str(Cell(["z" * 90])) + str(Cell([1] * 8))


def test_an_empty_array_among_elements_has_its_size() -> None:
    lines = str(dl.table([[], "a", np.zeros((0, 0))])).splitlines()
    assert [line.strip() for line in lines[5:]] == ["{0×0 double}", '{"a"}', "{0×0 double}"]
    assert str(dl.struct("j", [])).splitlines()[-1] == "    j: []"


def test_odd_tables() -> None:
    assert table_text({"a": []}) == "    a\n    _"
    assert table_text({}, heading=True) == "  0×0 table"
    assert table_text({}) == ""
    with pytest.raises(DlgruValueError, match="a: 1 rows, b: 2 rows, expected columns of one"):
        table_text({"a": [1], "b": [1, 2]})


def test_number_text_is_a_single_number() -> None:
    assert [number_text(v) for v in (3, 0.25, 1e5 + 0.5, np.float32(2))] == [
        "3",
        "0.2500",
        "1.0000e+05",
        "2",
    ]
