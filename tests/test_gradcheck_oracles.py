"""Oracles: slopes with error bars, kinks, edges and noise told apart."""

import math

import numpy as np
import pytest

from backprop_lift.gradcheck.lines import Line, taylor_order
from backprop_lift.gradcheck.oracles import slope
from backprop_lift.gradcheck.second_oracles import complex_slope


def line_of(f, x, direction=None):
    def evaluate(vector):
        try:
            with np.errstate(all="ignore"):
                return np.atleast_1d(np.asarray(f(vector[0]), float))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None

    origin = np.array([float(x)])
    size = direction if direction is not None else abs(x) or 1.0
    return Line(evaluate, origin, np.array([float(size)]), evaluate(origin))


ONE = np.array([1.0])

SMOOTH = {
    "exp": (math.exp, 1.0, math.e),
    "a fast sine": (lambda x: math.sin(100 * x), 1.0, 100 * math.cos(100)),
    "a steep tanh": (
        lambda x: math.tanh((x - 300) * 1e3),
        300.0003,
        300.0003e3 / math.cosh(0.3) ** 2,
    ),
    "acos near its edge": (math.acos, 0.999999, -0.999999 / math.sqrt(1 - 0.999999**2)),
    "log of a tiny number": (math.log, 1e-12, 1.0),
    "a high power": (lambda x: x**8, 10.0, 8e8),
    "a small part of a large sum": (lambda x: 1e10 + x, 1.0, 1.0),
    "a kink nearby": (lambda x: abs(x - 1), 1 + 1e-7, 1 + 1e-7),
    "a jump nearby": (lambda x: x + (1e-3 if x > 1.0000001 else 0.0), 1.0, 1.0),
    "noise of an iteration": (lambda x: x + 1e-8 * math.sin(1e12 * x), 1.3, 1.3),
    "a rounded result": (lambda x: round(x**2, 9), 1.3, 3.38),
}


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_slope_is_within_ten_error_bars_at_smooth_points(name, thorough):
    f, x, expected = SMOOTH[name]

    found = slope(line_of(f, x), ONE, thorough=thorough, scale=0.73 if thorough else 1.0)

    assert abs(found.value - expected) <= 10 * found.error + 1e-5 * abs(expected)


@pytest.mark.parametrize("name", SMOOTH)
def test_slope_has_an_error_bar_below_the_signal_when_it_looks_again(name):
    f, x, expected = SMOOTH[name]

    found = slope(line_of(f, x), ONE, thorough=True, scale=0.73)

    assert found.error < 0.02 * abs(expected)


def test_slope_takes_few_calls_at_smooth_points():
    line = line_of(math.exp, 1.0)

    slope(line, ONE)

    assert line.calls <= 8


@pytest.mark.parametrize(
    ("f", "x", "left", "right"),
    [
        (abs, 0.0, -1.0, 1.0),
        (lambda x: max(x, 0.0), 0.0, 0.0, 1.0),
        (lambda x: x + 1e-3 * abs(x - 1), 1.0, 0.999, 1.001),
        (lambda x: 2 * x if x <= 2100 else 3 * x - 2100, 2100.0, 4200.0, 6300.0),
    ],
)
def test_slope_sees_both_sides_of_a_kink(f, x, left, right):
    found = slope(line_of(f, x), ONE)

    assert found.shape == "kink"
    assert (found.left, found.right) == pytest.approx((left, right), abs=2e-5 * abs(right))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (math.sqrt, 0.0),
        (np.cbrt, 0.0),
        (lambda x: x * math.log(x) if x else 0.0, 0.0),
        (math.acos, 1.0),
        (math.floor, 2.0),
    ],
)
def test_slope_reports_an_edge_where_the_slope_is_infinite_or_the_value_jumps(f, x):
    assert slope(line_of(f, x), ONE).shape == "edge"


def test_slope_at_the_end_of_the_domain_is_that_of_the_other_side():
    found = slope(line_of(lambda x: math.sqrt(x) ** 3 + 2 * x, 0.0), ONE)

    assert found.shape == "one-sided"
    assert found.value == pytest.approx(2.0, abs=10 * found.error)


@pytest.mark.parametrize(("f", "x"), [(math.floor, 2.3), (lambda x: 3.0, 1.0)])
def test_slope_is_flat_where_nothing_moves(f, x):
    assert slope(line_of(f, x), ONE).shape == "flat"


def test_slope_is_flat_between_steps_however_far_they_climb():
    found = slope(line_of(lambda x: math.floor(365.25 * x), 1957.4), ONE, thorough=True)

    assert (found.shape, found.value) == ("flat", 0.0)
    assert found.seen == "the result moves in steps"


def test_slope_does_not_trust_rounding_that_repeats_at_small_steps():
    # 1 - cos x is constant over the smallest steps, and looks smooth there with slope -1.
    found = slope(line_of(lambda x: (1 - np.cos(x)) / x**2, 1e-4), ONE, thorough=True, scale=0.73)

    assert abs(found.value) <= 10 * found.error
    assert found.shape == "rough"


def test_slope_leaves_out_parts_that_are_not_finite():
    line = line_of(lambda x: np.array([x**2, math.nan]), 3.0)

    assert slope(line, np.array([1.0, 1.0])).value == pytest.approx(18.0)


def test_complex_step_gives_the_derivative_to_rounding():
    found = complex_slope(lambda v: np.exp(v) / v, np.array([2.0]), ONE, ONE)

    assert found == pytest.approx(math.exp(2) / 4, rel=1e-15)


def test_complex_step_is_nan_where_the_function_refuses():
    assert math.isnan(complex_slope(lambda v: math.exp(v[0]), ONE, ONE, ONE))


@pytest.mark.parametrize(("analytic", "order"), [(math.e, 2), (1.01 * math.e, 1)])
def test_taylor_remainder_is_of_second_order_only_for_the_right_derivative(analytic, order):
    line = line_of(lambda x: math.exp(x) + 0.0, 1.0)
    slope(line, ONE)

    assert taylor_order(line, ONE, analytic) == pytest.approx(order, abs=0.3)
