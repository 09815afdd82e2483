"""Derivatives by shapes, and near singular points, against forty digits."""

import mpmath
import numpy as np
import pytest
from scipy import special

from backprop_lift import grad_bp, twin_of


def slope(f, at):
    """The derivative of a function of mpmath, by differences in many digits."""
    with mpmath.workdps(40):
        at = mpmath.mpf(at)
        step = abs(at) * mpmath.mpf(10) ** -12
        return float((f(at + step) - f(at - step)) / (2 * step))


def beta_below(a, b, x):
    return mpmath.betainc(a, b, 0, x, regularized=True)


@pytest.mark.parametrize("x", [1e-8, 0.01, 0.3, 0.7, 0.999])
@pytest.mark.parametrize(
    ("a", "b"),
    [(1e-6, 1e-6), (1e-6, 0.3), (1e-3, 30.0), (0.03, 2.0), (2.0, 0.03), (30.0, 1e-6), (0.3, 2.0)],
)
def test_incomplete_beta_function_has_its_slope_by_the_shapes(a, b, x):
    twin = twin_of(special.betainc)
    by_a, by_b = grad_bp(lambda a, b: twin(a, b, x), a, b)

    assert by_a == pytest.approx(slope(lambda a: beta_below(a, b, x), a), rel=1e-6, abs=1e-60)
    assert by_b == pytest.approx(slope(lambda b: beta_below(a, b, x), b), rel=1e-6, abs=1e-60)


@pytest.mark.parametrize("a", [1e-6, 1e-3, 0.03, 0.3, 2.0, 30.0])
@pytest.mark.parametrize("ratio", [1e-3, 0.5, 1.0, 1.1, 10.0])
def test_incomplete_gamma_function_has_its_slope_by_the_shape(a, ratio):
    x = a * ratio

    expected = slope(lambda a: mpmath.gammainc(a, 0, x, regularized=True), a)
    gradient = grad_bp(lambda a: twin_of(special.gammainc)(a, x), a)
    assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("df", [1e-6, 1e-4, 1e-2, 1.0, 50.0])
@pytest.mark.parametrize("t", [-0.3, -2.0, -50.0])
def test_student_distribution_has_its_slope_by_the_degrees_of_freedom(df, t):
    def below(df):
        return beta_below(df / 2, mpmath.mpf(1) / 2, df / (df + t * t)) / 2

    gradient = grad_bp(lambda df: twin_of(special.stdtr)(df, t), df)

    assert gradient == pytest.approx(slope(below, df), rel=1e-7)


@pytest.mark.parametrize("x", [1e-3, 0.1999, 0.2001, 2.0, 6.999, 7.001, 30.0, 99.5])
@pytest.mark.parametrize(
    ("original", "exact"),
    [
        (np.sinc, mpmath.sincpi),
        (np.i0, lambda x: mpmath.besseli(0, x)),
        (special.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x)),
        (special.dawsn, lambda x: mpmath.exp(-x * x) * mpmath.erfi(x) * mpmath.sqrt(mpmath.pi) / 2),
    ],
)
def test_slope_has_all_digits_on_both_sides_of_where_its_formula_changes(original, exact, x):
    assert grad_bp(twin_of(original), x) == pytest.approx(slope(exact, x), rel=1e-13)


@pytest.mark.parametrize(("a", "b"), [(1e5, 1e-8), (2.0, 1e-3), (0.3, 1.0)])
def test_beta_function_has_its_slope_beside_a_small_argument(a, b):
    gradient = grad_bp(lambda a: twin_of(special.beta)(a, b), a)

    assert gradient == pytest.approx(slope(lambda a: mpmath.beta(a, b), a), rel=1e-8)


@pytest.mark.parametrize(("a", "b"), [(1e-8, 1e5), (1e5, 1e-8), (1.0, 1.0000001), (0.3, 2.0)])
def test_arithmetic_geometric_mean_has_its_slope_for_unlike_numbers(a, b):
    gradient = grad_bp(lambda a: twin_of(special.agm)(a, b), a)

    assert gradient == pytest.approx(slope(lambda a: mpmath.agm(a, b), a), rel=1e-9)


@pytest.mark.parametrize(
    ("original", "args"),
    [(special.itstruve0, (30.3,)), (special.pbvv, (1e-8, 0.5)), (special.modfresnelp, (-2.0,))],
)
def test_slope_is_nan_where_the_original_has_no_right_value(original, args):
    *settings, x = args

    def total(x):
        found = twin_of(original)(*settings, x)
        return np.real(sum(found)) if isinstance(found, tuple) else found

    assert np.isnan(grad_bp(total, x))
