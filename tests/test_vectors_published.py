"""Numbers and sizes that were published: by MathWorks' pages, by users' runs, or recalled.

The letter in a test's name says where its numbers come from, so that a failure can be
weighed: D was read in MathWorks' documentation, U in a user's printed run, M in other
material of MathWorks, R is recalled and could not be read again, I is inferred from a
documented rule, V was computed from a stated formula.  V1 to V19 are about arrays and
derivatives, E1 to E11 about losses and sequences.  Rows on functions that dlgru does not
have are not here, so the numbers have gaps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlgru as dl
from dlgru import end
from dlgru.onehot import onehotencode
from dlgru.training.batches import padsequences


def heading(x: Any) -> str:
    return str(x).split("\n", maxsplit=1)[0].strip()


def printed(x: Any) -> list[str]:
    return str(x).split()


def data(x: Any) -> Any:
    return np.asarray(x)


# -- derivatives ---------------------------------------------------------------------------


def test_V1_D_rosenbrock_of_one_vector() -> None:
    def rosenbrock(x: Any) -> Any:
        y = 100 * (x.m[2] - x.m[1] ** 2) ** 2 + (1 - x.m[1]) ** 2
        return y, dl.dlgradient(y, x)

    y, g = dl.dlfeval(rosenbrock, dl.dlarray([-1, 2]))
    assert str(y).split("\n") == ["  1×1 dlarray", "", "   104"]
    assert str(g).split("\n") == ["  1×2 dlarray", "", "   396   200"]


def test_V2_D_rosenbrock_of_two_scalars() -> None:
    def rosenbrock(x1: Any, x2: Any) -> Any:
        y = 100 * (x2 - x1**2) ** 2 + (1 - x1) ** 2
        return (y, *dl.dlgradient(y, x1, x2))

    found = dl.dlfeval(rosenbrock, dl.dlarray(-1), dl.dlarray(2))
    assert [float(x) for x in found] == [104, 396, 200]
    assert [heading(x) for x in found] == ["1×1 dlarray"] * 3


def test_V3_D_exponential_of_two_variables() -> None:
    def f(x1: Any, x2: Any) -> Any:
        y = x1 * dl.exp(-(x1**2 + x2**2) / 2)
        return (y, *dl.dlgradient(y, x1, x2))

    found = [float(x) for x in dl.dlfeval(f, dl.dlarray(2), dl.dlarray(0.5))]
    expected = [0.23886593653343924, -0.35829890480015886, -0.11943296826671962]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize(("x", "slope"), [(0.0, 0.0), (2.0**-52, 1.0)])
def test_V4_R_relu_has_slope_0_at_0_and_1_at_eps(x: float, slope: float) -> None:
    g = dl.dlfeval(lambda x: dl.dlgradient(dl.relu(x), x), dl.dlarray(x))
    assert float(g) == slope


def test_V5_R_extractdata_is_a_constant() -> None:
    def f(x: Any) -> Any:
        return dl.dlgradient(x + np.arctan(dl.extractdata(x)), x)

    g = dl.dlfeval(f, dl.dlarray(2.5))
    assert str(g).split("\n") == ["  1×1 dlarray", "", "     1"]


def test_V11_U_jacobian_row_by_row() -> None:
    def jacobian(x0: Any, y0: Any) -> Any:
        y = x0 + y0
        J = dl.zeros(2, 4)
        for i in range(1, 3):
            gx, gy = dl.dlgradient(y.m[i], x0, y0)
            J.m[i, :] = dl.vertcat(gx, gy).T
        return J

    J = dl.dlfeval(jacobian, dl.dlarray([[1.0], [2.0]]), dl.dlarray([[3.0], [4.0]]))
    assert data(J).tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_V12_U_gradient_of_an_independent_variable_is_zero() -> None:
    def jacobian(x: Any, y: Any) -> Any:
        J = dl.zeros(10, 10)
        for i in range(1, 11):
            J.m[i, :] = dl.dlgradient(y.m[i], x).T
        return J

    x, y = dl.dlarray(np.arange(10.0).reshape(10, 1)), dl.dlarray(np.ones((10, 1)))
    J = dl.dlfeval(jacobian, x, y)
    assert J.shape == (10, 10)
    assert not data(J).any()


# -- arrays, formats, display ---------------------------------------------------------------


def test_V6_D_logical_array_with_two_spatial_dimensions() -> None:
    dl.rng("default")
    X = dl.dlarray(dl.rand(4, 3) > 0.5, "SS")
    assert str(X).split("\n") == [
        "  4(S) × 3(S) logical dlarray",
        "",
        "   1   1   1",
        "   1   0   1",
        "   0   0   0",
        "   1   1   1",
    ]


PAGE_1 = [[0.5377, 0.8622], [1.8339, 0.3188], [-2.2588, -1.3077]]
PAGE_2 = [[-0.4336, 2.7694], [0.3426, -1.3499], [3.5784, 3.0349]]


def test_V7_D_stripdims_keeps_inner_singletons() -> None:
    dl.rng("default")
    X = dl.dlarray(dl.randn(3, 2, 1, 2), "SSTU")
    assert heading(X) == "3(S) × 2(S) × 1(T) × 2(U) dlarray"
    Y = dl.stripdims(X)
    assert heading(Y) == "3×2×1×2 dlarray"
    for x in (X, Y):
        np.testing.assert_allclose(data(x)[:, :, 0, 0], PAGE_1, atol=5e-5)
        np.testing.assert_allclose(data(x)[:, :, 0, 1], PAGE_2, atol=5e-5)
        assert "(:,:,1,1) =" in str(x)
        assert "(:,:,1,2) =" in str(x)


def test_V13_R_product_by_labels() -> None:
    Z = dl.dlarray(dl.ones(2, 3, 2), "SCB") * dl.dlarray([1, 2, 3], "SC")
    assert heading(Z) == "2(S) × 3(C) × 2(B) dlarray"
    assert data(Z).transpose(2, 0, 1).tolist() == [[[1, 2, 3]] * 2] * 2


def test_V14_R_growing_makes_an_unspecified_dimension() -> None:
    X = dl.dlarray(dl.ones(2, 2), "SC")
    X.m[:, :, 2] = 2
    assert heading(X) == "2(S) × 2(C) × 2(U) dlarray"
    assert (data(X)[:, :, 0] == 1).all()
    assert (data(X)[:, :, 1] == 2).all()


CONSTRUCTION = {
    "D matrix TS": ((3, 4), "TS", (4, 3), "ST"),
    "U images BCSS": ((32, 3, 24, 24), "BCSS", (24, 24, 3, 32), "SSCB"),
    "U matrix CB": ((3, 10), "CB", (3, 10), "CB"),
    "U matrix BC": ((3, 10), "BC", (10, 3), "CB"),
    "U matrix without a format": ((3, 10), None, (3, 10), ""),
    "U images SSCB": ((3, 3, 10, 7), "SSCB", (3, 3, 10, 7), "SSCB"),
    "U images SSBC": ((3, 3, 10, 7), "SSBC", (3, 3, 7, 10), "SSCB"),
    "D singleton time": ((3, 2, 1, 2), "SSTU", (3, 2, 1, 2), "SSTU"),
    "U created channel": ((4, 6), "SBC", (4, 1, 6), "SCB"),
    "M column BC": ((10000, 1), "BC", (1, 10000), "CB"),
    "I created time": ((3, 4), "CBT", (3, 4, 1), "CBT"),
    "D trailing U": ((3, 4), "CBU", (3, 4), "CB"),
    "D second U": ((3, 1), "CU", (3, 1), "CU"),
    "D vector T": ((1, 6), "T", (6, 1), "TU"),
}


@pytest.mark.parametrize("row", CONSTRUCTION)
def test_V15_construction(row: str) -> None:
    size, fmt, expected, labels = CONSTRUCTION[row]
    numbers = np.arange(float(np.prod(size))).reshape(size, order="F")
    X = dl.dlarray(numbers, fmt)
    assert X.shape == expected
    assert dl.size(X) == list(expected)
    assert dl.dims(X) == labels
    order = sorted(range(len(fmt or "")), key=lambda k: "SCBTU".index((fmt or "")[k]))
    grown = numbers.reshape(size + (1,) * (len(order) - len(size)))
    moved = grown.transpose(order) if len(order) > 1 else grown
    assert data(X).ravel(order="F").tolist() == moved.ravel(order="F").tolist()


def test_V15_D_a_new_format_replaces_the_old_one() -> None:
    X = dl.dlarray(np.arange(30.0).reshape(3, 10), "CB")
    Y = dl.dlarray(X, "BC")
    assert heading(Y) == "10(C) × 3(B) dlarray"
    np.testing.assert_array_equal(data(Y), data(X).T)


ROWS = [
    "0.5377 0.8622 -0.4336 2.7694 0.7254",
    "1.8339 0.3188 0.3426 -1.3499 -0.0631",
    "-2.2588 -1.3077 3.5784 3.0349 0.7147",
]


def test_V16_R_display_of_random_numbers() -> None:
    dl.rng("default")
    X = dl.randn(3, 5)
    text = str(dl.dlarray(X)).split("\n")
    assert text[:2] == ["  3×5 dlarray", ""]
    assert [" ".join(line.split()) for line in text[2:]] == ROWS
    text = str(dl.dlarray(X, "TS")).split("\n")
    assert text[:2] == ["  5(S) × 3(T) dlarray", ""]
    columns = zip(*[row.split() for row in ROWS], strict=True)
    assert [line.split() for line in text[2:]] == [list(column) for column in columns]


def test_V17_R_vector_along_time() -> None:
    dl.rng("default")
    X = dl.dlarray(dl.randn(1, 6), "T")
    assert printed(X)[:4] == ["6(T)", "×", "1(U)", "dlarray"]
    assert printed(X)[4:] == "0.5377 1.8339 -2.2588 0.8622 0.3188 -1.3077".split()


def test_V18_D_finddim() -> None:
    X = dl.dlarray(dl.randn(6, 5, 4, 3, 2), "SSCBT")
    assert data(dl.finddim(X, "S")).tolist() == [[1, 2]]


def test_V19_D_dims() -> None:
    X = dl.dlarray(dl.randn(3, 4), "TS")
    assert dl.dims(X) == "ST"
    assert dl.dims(dl.stripdims(X)) == ""


# -- losses ---------------------------------------------------------------------------------


def test_V8_U_half_mean_squared_error_of_channels_by_batch() -> None:
    dl.rng("default")
    y, yh = dl.dlarray(dl.rand(3, 7), "CB"), dl.dlarray(dl.rand(3, 7), "CB")
    loss = dl.mse(yh, y)
    assert str(loss).split("\n") == ["  1×1 dlarray", "", "    0.3697"]
    assert float(loss) == pytest.approx(0.36968204814027596, rel=1e-15)
    by_hand = dl.sum((yh - y) ** 2, "all") / 7 / 2
    assert str(by_hand).split("\n") == ["  1(C) × 1(B) dlarray", "", "    0.3697"]


def test_V9_U_the_same_numbers_as_batch_by_channels() -> None:
    dl.rng("default")
    y, yh = dl.dlarray(dl.rand(3, 7), "BC"), dl.dlarray(dl.rand(3, 7), "BC")
    loss = dl.mse(yh, y)
    assert printed(loss)[-1] == "0.8626"
    assert float(loss) == pytest.approx(0.8625914456606439, rel=1e-15)


def test_E1_D_mse() -> None:
    dl.rng("default")
    loss = dl.mse(dl.dlarray(dl.rand(6, 6, 1, 1), "SSCB"), dl.ones(6, 6, 1, 1))
    assert printed(loss)[-1] == "5.2061"
    assert float(loss) == pytest.approx(5.206078, abs=5e-7)


def two_matrices() -> tuple[Any, Any]:
    dl.rng("default")
    return dl.dlarray(dl.rand(10, 12), "CB"), dl.rand(10, 12)


def test_E2_D_l2loss() -> None:
    loss = dl.l2loss(*two_matrices())
    assert printed(loss)[-1] == "1.4748"
    assert float(loss) == pytest.approx(1.474752, abs=5e-7)


def test_E3_V_l1loss() -> None:
    assert float(dl.l1loss(*two_matrices())) == pytest.approx(3.167883, abs=5e-7)


def probabilities() -> tuple[Any, Any]:
    dl.rng("default")
    Y = dl.softmax(dl.dlarray(dl.rand(10, 12), "CB"))
    return Y, onehotencode(dl.randi(10, 1, 12), 1, ClassNames=range(1, 11))


def test_E5_D_crossentropy() -> None:
    loss = dl.crossentropy(*probabilities())
    assert printed(loss)[-1] == "2.3343"
    assert float(loss) == pytest.approx(2.334334, abs=5e-7)


def test_E6_R_crossentropy_with_class_weights() -> None:
    Y, targets = probabilities()
    weights = dl.rand(1, 10)
    loss = dl.crossentropy(Y, targets, weights, WeightsFormat="UC")
    assert printed(loss)[-1] == "1.1261"
    assert float(loss) == pytest.approx(1.126128, abs=5e-7)


def padded_sequences() -> tuple[Any, Any, Any, Any]:
    dl.rng("default")
    lengths = dl.randi(15, [1, 12])
    Y, T = dl.cell(1, 12), dl.cell(1, 12)
    for i in range(1, 13):
        Y.m[i] = dl.rand(10, lengths.m[i])
        T.m[i] = dl.rand(10, lengths.m[i])
    XPad, mask = padsequences(Y, 2, nargout=2)
    return dl.dlarray(XPad, "CTB"), padsequences(T, 2), mask, lengths


def test_E11_V_lengths() -> None:
    lengths = padded_sequences()[3]
    assert data(lengths).tolist() == [[13, 14, 2, 14, 10, 2, 5, 9, 15, 15, 3, 15]]
    assert float(lengths.m[end]) == 15


def masked(loss: Any, **options: Any) -> Any:
    """A loss of the padded sequences; targets and mask in the order they were padded in."""
    Y, T, mask, _ = padded_sequences()
    assert data(mask).sum() == 1170
    return loss(Y, dl.dlarray(T, "CTB"), Mask=dl.dlarray(mask, "CTB"), **options)


def test_E7_R_masked_l1loss() -> None:
    loss = masked(dl.l1loss)
    assert printed(loss)[-1] == "32.6172"
    assert float(loss) == pytest.approx(32.617230, abs=5e-6)


def test_E7_V_masked_l1loss_by_other_divisors() -> None:
    over_all = masked(dl.l1loss, NormalizationFactor="all-elements")
    assert float(over_all) == pytest.approx(0.217448, abs=5e-7)
    over_kept = masked(dl.l1loss, NormalizationFactor="mask-included")
    assert float(over_kept) == pytest.approx(0.3345, abs=5e-5)


def test_E8_R_masked_l2loss() -> None:
    loss = masked(dl.l2loss)
    assert printed(loss)[-1] == "16.3668"
    assert float(loss) == pytest.approx(16.366815, abs=5e-6)


def test_E8_V_masked_l2loss_over_the_elements_kept() -> None:
    loss = masked(dl.l2loss, NormalizationFactor="mask-included")
    assert float(loss) == pytest.approx(0.1679, abs=5e-5)


def test_E10_D_fullyconnect_contracts_space_and_channels() -> None:
    dl.rng("default")
    X = dl.dlarray(dl.rand(12, 12, 32, 1), "SSCB")
    Y = dl.fullyconnect(X, dl.ones(10, 12, 12, 32), dl.ones(10, 1))
    assert str(Y).split("\n")[:4] == ["  10(C) × 1(B) dlarray", "", "   1.0e+03 *", ""]
    assert set(printed(Y)[-10:]) == {"2.3266"}
    np.testing.assert_allclose(data(Y), 2326.5864, atol=5e-5)
