"""Gradients at points where a function's own branches meet."""

import functools
import math
import operator
import statistics

import numpy as np
import pytest

from backprop_lift import backprop_with, grad_bp, lifted, registry, twin_of
from backprop_lift.errors import NoGradientError
from backprop_lift.mirror.twins import by_body


def composite(f):
    """The twin of a function made from its own body."""
    try:
        return twin_of(f)
    except LookupError:
        return twin_of(lifted(f))


def sine_cardinal(x):
    return 1.0 if x == 0 else math.sin(x) / x


def versine_ratio(x):
    # cancels: near zero, rounding is all that is left of the numerator
    return 0.5 if abs(x) < 1e-12 else (1 - math.cos(x)) / x**2


def slanted(x):
    return abs(x) * 3.0 + x


def stepped(x):
    return 3.0 * x if x >= 5 else 2.0 * x


def bent(x):
    return 3.0 * x - 5.0 if x > 5 else 2.0 * x


def checked_root(x):
    if x < 0:
        raise ValueError("negative")
    return x**1.5


def guarded_root(x):
    return 0.0 if x == 0 else math.sqrt(x)


def series_near_zero(x):
    if x == 0:
        return 0.0
    if abs(x) < 1e-4:
        return 2.0 * x
    return 2.0 * x + 7.0 * (abs(x) - 1e-4)


def quotient(x, y):
    return y if x == 0 else y * math.exp(x) * math.sin(x) / x


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (sine_cardinal, 0.0, 0.0),
        (versine_ratio, 0.0, 0.0),
        (slanted, 0.0, 1.0),  # between -2 and 4
        (stepped, 5.0, 3.0),  # the side that the value belongs to
        (bent, 5.0, 2.5),
        (checked_root, 0.0, 0.0),  # has values on one side only
        (guarded_root, 0.0, math.inf),
        (series_near_zero, 0.0, 2.0),  # not the slope farther away
        (lambda x: max(x, 0.0), 0.0, 0.5),
        (lambda x: np.clip(x, 0.0, 1.0), 1.0, 0.5),
        (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), 1.0, 2.5),
    ],
)
def test_gradient_is_the_limit_from_both_sides(f, x, slope):
    assert grad_bp(composite(f), x) == pytest.approx(slope, abs=1e-9)


def test_gradient_by_two_arguments_is_that_of_both_branches():
    assert grad_bp(composite(quotient), 0.0, 2.0) == pytest.approx((2.0, 1.0))


def test_gradient_keeps_the_items_of_an_array_apart():
    def f(x):
        return np.where(x > 0, x * x + x, np.exp(2 * x) - 1)

    x = np.array([0.0, 1.0, -1.0, 0.0])

    assert grad_bp(composite(f), x) == pytest.approx(np.array([1.5, 3.0, 2 * np.exp(-2), 1.5]))
    many = np.linspace(-1, 1, 41)  # more than are moved one by one
    expected = np.where(many > 0, 2 * many + 1, 2 * np.exp(2 * many))
    expected[20] = 1.5
    assert grad_bp(composite(f), many) == pytest.approx(expected)


def test_gradient_beside_a_nan_is_that_of_the_other_items():
    def f(x):
        return np.maximum(np.sqrt(x), 1.0)

    gradient = grad_bp(composite(f), np.array([np.nan, 4.0, 1.0]))

    assert gradient[1:] == pytest.approx([0.25, 0.25])


def test_gradient_is_linear_in_the_cotangent():
    def f(x):
        if x == 0:
            return np.array([1.0, 0.5, 0.0])
        return np.array([np.sin(x) / x, (1 - np.cos(x)) / x**2 + 3 * x, abs(x) + 2 * x])

    _, scaled_grad = backprop_with(composite(f), 0.0)
    u, v = np.array([0.3, -1.2, 0.7]), np.array([1.1, 0.4, -0.9])

    assert scaled_grad(u - 1.75 * v) == pytest.approx(
        scaled_grad(u) - 1.75 * scaled_grad(v), abs=1e-9
    )
    assert scaled_grad(u) == pytest.approx(3 * u[1] + 2 * u[2])


def test_gradient_is_nan_where_there_is_no_limit():
    def f(x):
        return 0.0 if x == 0 else x * math.sin(math.log(abs(x)))

    assert math.isnan(grad_bp(composite(f), 0.0))


def test_gradient_of_values_with_a_slope_is_finite_where_its_own_numbers_are_nan():
    def f(x):  # its square root has an infinite slope all along the line
        return 3.0 * x + math.sqrt(x * 0.0) * (x >= 1)

    assert grad_bp(composite(f), 1.0) == pytest.approx(3.0)


def test_gradient_of_an_integer_stays_where_it_cannot_be_moved():
    def f(x, n):
        return x * list(range(10))[n] if x != 0 else 0.0

    assert grad_bp(composite(f), 0.0, 3)[0] == pytest.approx(3.0)


def test_gradient_of_a_complex_argument_is_the_limit():
    def f(z):
        return 1.0 + 0j if z == 0 else np.sin(z) / z + 2 * z

    _, scaled_grad = backprop_with(composite(f), 0j)

    assert scaled_grad(1.0 + 0.5j) == pytest.approx(2.0 * (1.0 + 0.5j))


def test_gradient_of_a_function_that_checks_its_arguments_is_taken_near():
    def f(p, q):
        if abs(p + q - 1) > 1e-7:
            raise ValueError("not a distribution")
        return 0.0 if p == 0 else p * math.exp(p) + q

    dp, dq = grad_bp(composite(f), 0.0, 1.0)

    assert dp == pytest.approx(1.0, rel=1e-5)
    assert dq in (0.0, 1.0)  # its branches differ by a jump


def test_second_derivative_is_the_limit():
    second = grad_bp(lambda x: grad_bp(composite(sine_cardinal), x), 0.0)
    mixed = grad_bp(lambda x, y: grad_bp(composite(quotient), x, y)[0], 0.0, 2.0)

    assert second == pytest.approx(-1 / 3, abs=1e-6)
    assert mixed == pytest.approx((4 / 3, 1.0), abs=1e-6)


def test_second_derivative_by_the_cotangent_is_right():
    def f(x):
        return np.array([1.0, 0.0]) if x == 0 else np.array([np.sin(x) / x, np.exp(x) - 1])

    def through(u):
        return backprop_with(composite(f), 0.0)[1](u)

    assert grad_bp(through, np.array([0.3, 0.7])) == pytest.approx([0.0, 1.0], abs=1e-7)


def largest(x, y, z):
    if x >= y and x >= z:
        return x * x
    return y * y if y >= z else z * z


def test_second_derivative_is_refused_where_corners_meet():
    def slopes(x, y, z):
        return sum(grad_bp(composite(largest), x, y, z))

    assert grad_bp(composite(largest), 1.0, 1.0, 1.0) == pytest.approx((1.0, 1.0, 1.0))
    with pytest.raises(NoGradientError, match="no second derivative"):
        grad_bp(slopes, 1.0, 1.0, 1.0)


def solved(f, x):
    for _ in range(60):
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        after = x - f(x) / slope
        if abs(after - x) < 1e-13:
            return after
        x = after
    return x


@pytest.mark.parametrize(
    "root",
    [
        lambda a: composite(solved)(lambda x: x * x - a, 1.0),
        lambda a: composite(solved)(lambda x: x * x - a, 1.0 * a),
        lambda a: composite(solved)(functools.partial(lambda b, x: x * x - b, a), 1.0),
    ],
)
def test_gradient_flows_to_what_a_function_among_the_arguments_captured(root):
    assert grad_bp(root, 2.0) == pytest.approx(0.5 / math.sqrt(2))


def test_gradient_is_refused_by_what_cannot_be_moved():
    class Held:
        __slots__ = ("__weakref__",)
        at = None

        def __call__(self, x):
            return x * Held.at

    def use(f, x):
        return 0.0 if x == 0 else f(x)

    def run(a):
        Held.at = a
        return composite(use)(Held(), a - 2.0) + composite(scaled_by)(Held(), a - 2.0)

    def scaled_by(f, x):
        return f(x) if x == 0 else 2 * f(x)

    with pytest.raises(NoGradientError, match="depends on a BVar from elsewhere"):
        grad_bp(run, 2.0)


def test_gradient_is_refused_where_a_second_call_gives_something_else():
    calls = iter(range(1000))

    def f(x):
        return (x + 1.0) * next(calls) if x >= 0 else x

    with pytest.raises(NoGradientError, match="gives another result"):
        grad_bp(composite(f), 0.0)


def test_argument_written_into_keeps_its_gradient():
    def f(x):
        if x[0] == 0:
            x[0] = x[0] * 2.0
        x[1] = x[1] * x[0] + abs(x[0])
        return x[1]

    gradient = grad_bp(lambda x: composite(f)(x) + x[1], np.array([0.0, 3.0]))

    # on either side, twice x0 x1 + |x0|
    assert gradient == pytest.approx([2 * 3.0, 0.0])


def test_nothing_is_called_again_where_no_branches_meet():
    calls = []

    def f(x):
        calls.append(x)
        return x * 2.0 if x > 1.0 else x

    grad_bp(composite(f), 0.3)

    assert len(calls) == 1


def test_sidereal_time_wraps_and_keeps_its_slope():
    def angle(days):
        return (280.46061837 + 360.98564736629 * (days - 2451545)) % 360.0

    days = 2452930.312847

    step = 1e-4  # far less than the day in which the angle wraps
    slope = (angle(days + step) - angle(days - step)) / (2 * step)
    assert grad_bp(composite(angle), days) == pytest.approx(slope, rel=1e-5)


def test_gradient_is_not_that_of_a_branch_which_begins_a_little_away():
    def f(x, y):
        height = x - 6378137.0  # a kink one metre away, at this point none
        return abs(height) + (0.0 if y == 0 else y)

    assert grad_bp(composite(f), 6378136.0, 0.0) == pytest.approx((-1.0, 1.0))


def test_gradient_is_refused_where_the_result_takes_another_form_on_both_sides():
    def f(x):
        return (3.0 * x, x * x) if abs(x - 1.0) < 1e-8 else (3.0 * x, None)

    with pytest.raises(NoGradientError, match="another form"):
        grad_bp(lambda x: sum(composite(f)(x)), 1.0)


def growth_rate(x):
    try:
        return math.expm1(x) / x
    except ZeroDivisionError:
        return 1.0


def test_way_taken_after_an_exception_has_the_gradient_of_the_neighbourhood():
    assert growth_rate(0.0) == 1.0
    assert math.isclose(grad_bp(composite(growth_rate), 0.0), 0.5, rel_tol=1e-6)


def filled(x):
    x = np.asarray(x)
    zero = x == 0.0
    out = np.empty_like(x)
    out[zero] = 3.0
    out[~zero] = x[~zero] * 2.0
    return out


def test_item_of_an_array_without_axes_is_assigned_with_its_gradient():
    assert grad_bp(composite(filled), 1.5) == 2.0


def cube_root_by_bisection(x):
    low, high = 0.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle**3 < x else (low, middle)
    return low


def test_result_that_only_comparisons_decide_is_refused():
    with pytest.raises(NoGradientError, match="comparisons"):
        grad_bp(composite(cube_root_by_bisection), 1.5)


@pytest.mark.parametrize(
    "f", [np.median, np.nanmedian, lambda x: np.sort(x)[1], lambda x: np.quantile(x, 0.6)]
)
def test_order_statistic_has_the_mean_of_both_sides_at_a_tie(f):
    def ordered(x):
        return f(x)

    x = np.array([0.5, 2.0, 0.5])

    above, below = (
        np.array([(f(x + step) - f(x)) / h for step in h * np.eye(3)]) for h in (1e-6, -1e-6)
    )
    assert grad_bp(composite(ordered), x) == pytest.approx((above + below) / 2, abs=1e-6)


def test_quantile_at_an_element_has_the_mean_of_both_slopes_in_q():
    a = np.array([1.0, 81.0, 82.0, 84.0, 89.0, 95.0])

    assert grad_bp(lambda q: np.quantile(a, q), 0.2) == pytest.approx(5 * (80 + 1) / 2)
    assert grad_bp(lambda q: np.percentile(a, q), 80.0) == pytest.approx(0.05 * (5 + 6) / 2)
    assert grad_bp(lambda q: np.quantile(a, q), 0.0) == pytest.approx(5 * 80)


def by_whole_seconds(x):
    hours = int(x)
    minutes = int((x - hours) * 60)
    seconds = int(((x - hours) * 60 - minutes) * 60 * 1e7) / 1e7
    return hours + minutes / 60 + seconds / 3600


def by_fixed_point(x):
    return int(x * 2.0**32) / 2.0**32


def by_fixed_point_of_an_array(x):
    return ((np.array([x]) * 2.0**40).astype(int) / 2.0**40)[0]


def by_floor_of_what_is_large(x):
    return math.floor(x * 1e10) / 1e10 + (x * 1e10 // 1.0) * 1e-10 + np.floor(x * 1e10) * 1e-10


def by_shrinking_steps(x):
    step, y = 1.0, 0.0
    while step > 1e-9:
        if (y + step) ** 3 < x:
            y += step
        else:
            step /= 2
    return y


@pytest.mark.parametrize(
    "f",
    [
        by_whole_seconds,
        by_fixed_point,
        by_fixed_point_of_an_array,
        by_floor_of_what_is_large,
        by_shrinking_steps,
    ],
)
def test_gradient_lost_in_the_finest_of_steps_is_refused(f):
    with pytest.raises(NoGradientError):
        grad_bp(composite(f), 1.52734)


def test_gradient_lost_in_a_search_that_stops_is_refused():
    def eccentric_anomaly(m):
        y, step, last = math.pi / 2, math.pi / 4, 0.0
        while abs(y - last) > 1e-8:
            last = y
            y += step if m > y - 0.5 * math.sin(y) else -step
            step /= 2
        return y + 3.0 * m

    for m in (0.3, 0.6, 0.9):
        with pytest.raises(NoGradientError):
            grad_bp(composite(eccentric_anomaly), m)


def test_root_found_by_bisection_does_not_depend_on_its_bracket():
    def root(low, high):
        while True:
            middle = (low + high) / 2
            if math.isclose(middle**3, 0.7, rel_tol=1e-14):
                return middle
            low, high = (middle, high) if middle**3 < 0.7 else (low, middle)

    with pytest.raises(NoGradientError, match="bisection"):
        grad_bp(composite(root), 0.1, 1.0)


SIDES = {
    "math.copysign": lambda left: math.copysign(1.0, left),
    "np.copysign": lambda left: np.copysign(1.0, left),
    "sign": lambda left: np.sign(left),
    "signbit": lambda left: -1.0 if np.signbit(left) else 1.0,
    "heaviside": lambda left: 2.0 * np.heaviside(left, 0.0) - 1.0,
    "math.floor": lambda left: 1.0 if math.floor(left) >= 0 else -1.0,
    "np.floor": lambda left: 1.0 if np.floor(left) >= 0 else -1.0,
    "argmax": lambda left: 2.0 * np.argmax([2.0, 2.0 + left]) - 1.0,
    "argmin": lambda left: 1.0 - 2.0 * np.argmin([2.0, 2.0 + left]),
    "argsort": lambda left: 2.0 * np.argsort(np.array([2.0, 2.0 + left]))[1] - 1.0,
    "searchsorted": lambda left: 2.0 * np.searchsorted([0.0], left) - 1.0,
    "digitize": lambda left: 2.0 * np.digitize(left, [0.0]) - 1.0,
}


@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
def test_gradient_lost_in_a_bisection_is_refused(side):
    def cube_root(x):
        y, step = 1.0, 0.5
        for _ in range(60):
            y += step * side(x - y**3)
            step /= 2
        return y

    assert cube_root(2.3) == pytest.approx(2.3 ** (1 / 3))
    with pytest.raises(NoGradientError):
        grad_bp(composite(cube_root), 2.3)


def test_whole_part_of_a_large_number_keeps_the_slope_of_the_rest():
    def fraction(day):
        return (day - int(day)) * 24.0 + np.floor(day) * 0.0

    assert grad_bp(composite(fraction), 24515451.3) == pytest.approx(24.0)


def test_rounding_for_display_keeps_the_slope():
    def shown(x):
        return np.sum(np.round(x, 10) + x.round(12) * 2.0 + np.round(x, 1))

    assert grad_bp(composite(shown), np.array([1.52, 2.31])).tolist() == [3.0, 3.0]
    assert grad_bp(composite(shown), np.array([0.0, 2.31])).tolist() == [3.0, 3.0]
    assert grad_bp(composite(lambda x: round(x, 9) + round(x, 1)), 0.0) == 1.0


@pytest.mark.parametrize("count", [1, 20])
def test_gradient_is_that_of_one_side_where_the_values_end_at_a_kink(count):
    def f(x):
        return np.maximum(x * np.where(x < 0, np.nan, 2.0), 0.0)

    gradient = grad_bp(composite(f), np.linspace(0.0, 1.0, count))

    assert gradient == pytest.approx(np.full(count, 2.0))


def test_gradient_of_a_branch_that_ends_near_by_is_taken_from_very_near_on_both_sides():
    def f(x):
        if abs(x) < 1e-6:
            return 1.0 + x
        return 1.0 + x / 2 if x < 0 else 5.0

    assert grad_bp(composite(f), 0.0) == pytest.approx(1.0)


DECISIONS = {
    "not np.any(x)": lambda x: not np.any(x),
    "not np.all(x)": lambda x: not np.all(np.array([x, 1.0])),
    "np.count_nonzero": lambda x: np.count_nonzero(x) == 0,
    "np.nonzero": lambda x: len(np.nonzero(np.array([x, 1.0]))[0]) == 1,
    "np.sign": lambda x: np.sign(x) == 0,
    "np.logical_not": np.logical_not,
    "np.logical_or": lambda x: not np.logical_or(x, False),
    "astype(bool)": lambda x: not np.array([x]).astype(bool)[0],
    "dtype=bool": lambda x: not np.array([x], dtype=bool)[0],
    "np.bool_": lambda x: not np.bool_(x),
    "np.where": lambda x: np.where(x, 1, 0) == 0,
    "operator.not_": operator.not_,
    "in an array": lambda x: x in np.array([0.0, 2.0]),
    "np.isin": lambda x: np.isin(x, [0.0, 2.0]),
    "np.floor": lambda x: np.floor(x) == np.ceil(x),
    "math.floor": lambda x: math.floor(x) == math.ceil(x),
    "is_integer": lambda x: x.is_integer(),
    "np.argmax": lambda x: np.argmax(np.array([x, -x])) == np.argmax(np.array([-x, x])),
    "np.argsort": lambda x: np.argsort(np.array([x, -x]))[0] == np.argsort(np.array([-x, x]))[0],
    "np.searchsorted": lambda x: np.searchsorted([0.0], x) != np.searchsorted([0.0], x, "right"),
    "np.digitize": lambda x: np.digitize(x, [0.0]) != np.digitize(x, [0.0], True),
    "np.unique": lambda x: len(np.unique(np.array([x, 0.0]))) == 1,
    "np.intersect1d": lambda x: np.intersect1d(np.array([x]), [0.0]).size == 1,
    "np.trim_zeros": lambda x: len(np.trim_zeros(np.array([x, 1.0]))) == 1,
    "matrix_rank": lambda x: np.linalg.matrix_rank(np.diag(np.array([x, 1.0]))) == 1,
    "np.equal": lambda x: np.equal(x, 0.0),
}


@pytest.mark.parametrize("holds", DECISIONS.values(), ids=DECISIONS)
def test_branch_taken_at_that_very_point_only_keeps_its_slope(holds):
    def growth(x):
        return 1.0 if holds(x) else math.expm1(x) / x

    assert math.isclose(grad_bp(composite(growth), 0.0), 0.5, rel_tol=1e-5)


@pytest.mark.parametrize(
    "order",
    [
        np.max,
        np.nanmin,
        np.ptp,
        np.sort,
        lambda x: x[np.lexsort((x,))],
        lambda x: np.quantile(x, 0.3),
    ],
)
def test_slope_by_one_of_several_equal_numbers_is_the_mean_of_both_sides(order):
    x, weights = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.7, -0.4, 1.1, 0.3])

    def weighed(x):
        y = order(x)
        return np.sum(y * weights[: np.size(y)])

    gradient = grad_bp(composite(weighed), x)

    steps = 1e-6 * np.eye(4)
    assert np.allclose(gradient, [(weighed(x + h) - weighed(x - h)) / 2e-6 for h in steps])


def test_gradient_of_a_curve_that_begins_flat_is_zero_where_it_begins():
    def f(x):  # x cubed, with what rounding leaves
        return 0.0 if x <= 0 else 1e5 * ((1 + x) ** 3 - 1 - 3 * x - 3 * x * x)

    assert grad_bp(composite(f), 0.0) == pytest.approx(0.0, abs=1e-6)


def test_median_of_python_has_the_mean_of_both_sides_at_a_tie():
    def middle(x):
        return statistics.median([x, 2.0, 1.5, 1.5])

    assert grad_bp(composite(middle), 1.5) == pytest.approx(0.25)
    assert grad_bp(composite(lambda x: statistics.median([x, 0.5, 1.5])), 1.5) == pytest.approx(0.5)


TABLE = np.array([1.0, 4.0, 2.0, 7.0, 5.0])


def by_whole_place(x):
    i = int(x)
    return TABLE[i] + (x - i) * (TABLE[i + 1] - TABLE[i])


def by_floor(x):
    i = math.floor(x * 2) // 2
    return TABLE[i] + (x - i) * (TABLE[i + 1] - TABLE[i])


def by_search(x):
    i = np.searchsorted(np.arange(5.0), x) - 1
    return TABLE[i] + (x - i) * (TABLE[i + 1] - TABLE[i])


def by_bins(x):
    i = np.digitize(x, np.arange(5.0)) - 1
    return TABLE[i] + (x - i) * (TABLE[i + 1] - TABLE[i])


def by_array_of_places(x):
    x = np.array([x])
    i = x.astype(int)
    j = np.floor_divide(x, 1.0).astype(int)
    return (TABLE[i] + (x - j) * (TABLE[i + 1] - TABLE[j]))[0]


def by_largest(x):
    a = np.array([x, 2.0, 1.0])
    return a[np.argmax(a)] + a[np.argsort(a)[1]] * 3.0


def by_rounding_to_nearest(x):
    nearest = round(x + 0.5)
    return abs(x + 0.5 - nearest) + np.abs(x + 0.5 - np.rint(x + 0.5))


@pytest.mark.parametrize(
    "f",
    [
        by_whole_place,
        by_floor,
        by_search,
        by_bins,
        by_array_of_places,
        by_largest,
        by_rounding_to_nearest,
    ],
)
def test_piecewise_function_has_the_mean_of_both_slopes_at_a_knot(f):
    above, below = ((f(2.0 + h) - f(2.0)) / h for h in (1e-6, -1e-6))

    assert grad_bp(composite(f), 2.0) == pytest.approx((above + below) / 2, abs=1e-4)
    assert grad_bp(composite(f), 2.3) == pytest.approx((f(2.3 + 1e-6) - f(2.3)) / 1e-6, abs=1e-4)


class Backlash:
    """A play between two gears: it remembers where it is."""

    def __init__(self):
        self.center = 0.0

    def __call__(self, x):
        if x - self.center > 1.0:
            self.center = x - 1.0
        elif x - self.center < -1.0:
            self.center = x + 1.0
        return self.center


def test_gradient_where_branches_meet_is_refused_if_an_object_remembers():
    def played(x, play):
        return sum(play(x * k) * k for k in (-1.0, 0.5, 1.0, 2.0))

    assert grad_bp(lambda x: composite(played)(x, Backlash()), 1.3) == pytest.approx(5.5)
    with pytest.raises(NoGradientError, match="object that was there before"):
        grad_bp(lambda x: composite(played)(x, Backlash()), 1.0)


def test_median_of_many_with_ties_is_that_of_one_of_them():
    x = np.random.default_rng(0).integers(0, 20, 301).astype(float)

    gradient = grad_bp(composite(lambda x: np.median(x) * 2.0), x)

    assert np.sum(gradient) == pytest.approx(2.0)
    assert np.all(x[gradient != 0] == np.median(x))


class Tank:
    """With a bend in each of its members, where the slopes of both sides are told apart."""

    def __init__(self, r):
        self.r = 2.0 * r if r >= 1.0 else r + 1.0
        self.sides = [r, self.r]

    @property
    def rim(self):
        return 5.0 * self.r if self.r >= 2.0 else 3.0 * self.r + 4.0

    def filled(self, h):
        return 3.0 * self.r if h >= self.r else 3.0 * h

    def settle(self, h):
        self.r = 1.0 * h if h > self.r else self.r
        return self.r


class Cone(Tank):
    def __init__(self, r):
        super().__init__(r)
        self.tip = abs(r - 1.0)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda kind, r: kind(r).r, 1.5),
        (lambda kind, r: kind(r).sides[1] + 0.0 * kind(r).sides[0], 1.5),
        (lambda kind, r: kind(r).rim, 6.0),
        (lambda kind, r: kind(r).filled(2.0 * r), 1.5 * 2.0 + 1.5 * 1.5),
        (lambda kind, r: kind(2.0 * r).r, 4.0),
    ],
)
@pytest.mark.parametrize("kind", [Tank, Cone])
def test_members_of_a_class_have_gradients_where_their_branches_meet(kind, f, expected):
    lifted_kind = composite(kind)

    assert math.isclose(grad_bp(lambda r: f(lifted_kind, r), 1.0), expected, rel_tol=1e-6)


def test_method_that_remembers_is_refused_where_its_branches_meet():
    lifted_tank = composite(Tank)

    with pytest.raises(NoGradientError, match="keeps numbers in an object"):
        grad_bp(lambda r: lifted_tank(2.0).settle(r), 4.0)


def test_function_over_arrays_has_gradients_where_its_branches_meet():
    by_item = by_body(np.vectorize(bent), registry)

    gradient = grad_bp(lambda x: np.sum(by_item(x)), np.array([3.0, 5.0, 7.0]))

    assert np.allclose(gradient, [2.0, 2.5, 3.0], rtol=1e-6)


def test_gradient_stays_where_others_are_lost_to_another_form():
    def f(a, b, c, d, x):
        same = a == b == c == d
        return {"factor": None if same else a * b, "y": 3.0 * x * (1.0 if same else a / b)}

    _, scaled_grad = backprop_with(composite(f), 2.0, 2.0, 2.0, 2.0, 1.5)
    *lost, dzdx = scaled_grad({"factor": None, "y": 1.0})

    assert dzdx == pytest.approx(3.0)
    assert np.isnan(lost).all()
