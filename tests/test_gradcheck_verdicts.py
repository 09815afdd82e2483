"""Verdicts of the gradient checker, on functions and rules made for each of them."""

import dataclasses
import importlib
import itertools
import json
import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from backprop_lift import ZERO, Registry, lifted, locally_constant, no_grad, registry, value_of
from backprop_lift.errors import NoGradientError
from backprop_lift.gradcheck import (
    Sample,
    assert_grad,
    check,
    check_grad,
    check_sample,
    check_second_order,
    gradients,
    script,
)

mine = Registry()


def checked(f, *args, seed=0, wrt=None, **settings):
    """Check a function of the tests' own registry at one call."""
    return check_sample(f, Sample(args, settings, wrt=wrt), seed=seed, entry=mine[f])


def rule(f=None, **options):
    return lifted(f, into=mine, **options)


def entry_of(f, **options):
    """The entry of a function in a registry of its own."""
    own = Registry()
    lifted(f, into=own, **options)
    return own[f]


# Right


def test_check_finds_a_function_on_bvars_right():
    report = check_grad(lambda x, y: x * y + x, 2.0, 5.0)

    assert report.right
    assert report.per_argument == {"x": "right", "y": "right"}


def test_check_finds_a_large_input_right_by_random_directions():
    rng = np.random.default_rng(0)

    report = check_grad(lambda x, y: np.sum(x @ y), rng.normal(size=(30, 40)), rng.normal(size=40))

    assert report.right
    assert any("random direction" in outcome.at for outcome in report.outcomes)


def test_check_moves_integers_where_the_function_takes_floats():
    report = check_grad(lambda x, n: x**n, 3, 2)

    assert report.per_argument == {"x": "right", "n": "right"}


def test_check_leaves_integers_where_the_function_needs_them():
    report = check_grad(lambda x, n: sum([x] * n), 3.0, 2)

    assert report.per_argument == {"x": "right"}


def test_check_leaves_settings_alone():
    report = check_grad(lambda x, scale: x * value_of(scale), 3.0, scale=2.0)

    assert report.arguments == ["x"]


def test_check_differentiates_settings_that_wrt_names():
    report = check_grad(lambda x, scale: x * scale, 3.0, scale=2.0, wrt="scale")

    assert report.arguments == ["scale"]
    assert report.right


def test_check_finds_complex_rules_right():
    @rule(derivative=lambda z: 2 * z)
    def square(z):
        return z * z

    assert checked(square, 1 + 2j).right
    assert checked(square, np.array([1 + 2j, 3 - 1j])).right


def test_check_believes_a_complex_step_where_differences_drown():
    @rule(derivative=lambda x: np.cos(x) * 1e-9)
    def buried(x):
        return 1e8 + np.sin(x) * 1e-9

    report = checked(buried, np.array([1.0, 2.0]))

    assert report.right
    assert {outcome.oracle for outcome in report.outcomes} == {"complex step"}


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right"), (1.001, "wrong")])
def test_check_settles_with_many_digits_what_differences_leave_in_noise(factor, verdict):
    def buried(x):
        return 1e8 + math.sin(x) * 1e-9

    entry = entry_of(buried, derivative=lambda x: factor * np.cos(x) * 1e-9)

    report = check_sample(buried, Sample((1.0,)), entry=entry)

    assert report.verdict == verdict
    assert report.outcomes[0].oracle == "mpmath"
    outcome = report.outcomes[0]
    assert outcome.analytic / outcome.numeric == pytest.approx(factor, rel=1e-13)


def test_check_settles_cancellation_with_many_digits():
    def cancelling(x):
        return (1 - math.cos(x)) / x**2

    entry = entry_of(cancelling, derivative=lambda x: -x / 12 + x**3 / 180)

    report = check_sample(cancelling, Sample((1e-4,)), entry=entry)

    assert (report.verdict, report.outcomes[0].oracle) == ("right", "mpmath")


def test_check_reports_the_step_and_the_error_bar_of_differences():
    outcome = check_grad(lambda x: np.exp(x), 1.0).outcomes[0]

    assert outcome.oracle == "differences"
    assert 1e-6 < outcome.step < 0.1
    assert 0 < outcome.error < 1e-6 * outcome.numeric
    assert abs(outcome.numeric - outcome.analytic) <= 10 * outcome.error


def test_check_takes_smaller_steps_where_an_argument_needs_them():
    steps = {
        o.argument: o.step
        for o in check_grad(lambda x, y: np.sin(x) + np.sin(1e3 * y), 1.0, 1.0).outcomes
    }

    assert steps["y"] < 0.1 * steps["x"]


def test_check_of_a_tiny_argument_takes_larger_steps():
    @rule(derivative=lambda x: np.exp(x))
    def exp(x):
        return math.exp(x)

    assert checked(exp, 1e-17).right


def test_check_accepts_single_precision():
    x = np.linspace(0.1, 1, 5, dtype=np.float32)

    assert check_grad(lambda x: np.sum(np.exp(x) * x), x).right


def test_check_finds_a_locally_constant_function_right():
    @locally_constant(into=mine)
    def rounded(x):
        return np.floor(x)

    assert checked(rounded, np.array([1.3, 2.7])).right


def test_check_ignores_numbers_that_are_not_finite():
    report = check_grad(lambda x: x * 2, np.array([1.0, np.nan, 3.0]))

    assert report.right


def test_second_order_check_finds_rules_that_can_be_differentiated():
    assert check_second_order(lambda x, y: np.sin(x * y) + x**3, 1.3, 0.4).right


def test_second_order_check_finds_a_rule_that_drops_its_own_gradient():
    def square(x):
        return x * x

    lifted(derivative=lambda x: 2 * float(value_of(x)), replace=True)(square)

    assert check_grad(square, 1.5).right
    assert not check_second_order(square, 1.5).right


# Wrong


def test_check_finds_a_slope_of_a_thousandth_too_much():
    @rule(derivative=lambda x: 1.001 * np.cos(x))
    def sine(x):
        return np.sin(x)

    assert checked(sine, 0.7).verdict == "wrong"


def test_check_finds_a_mistake_at_one_point_alone():
    @rule(derivative=lambda x: np.where(x == 2.0, 5.0, 2 * x)[()], replace=True)
    def square(x):
        return x * x

    assert checked(square, 2.0).verdict == "wrong"
    assert checked(square, 2.5).right


def test_check_calls_noise_what_changes_with_the_last_digits():
    def cancelling(x):
        return np.sin(x) + ((1e8 + x) - 1e8) * 1e-3

    scatter = lambda x: np.cos(x) + 1e-3 + 1e-3 * np.sin(1e16 * x)
    entry = entry_of(cancelling, derivative=scatter)

    report = check_sample(cancelling, Sample((np.array([1.3]),)), entry=entry)

    assert report.verdict == "noise"
    assert "last digits" in report.outcomes[0].seen


def test_check_finds_one_wrong_entry_among_ten_thousand():
    weights = np.ones(10_000)
    weights[77] = 1.5

    @rule(grad=lambda dzdy, x: dzdy * weights * 2 * x)
    def squares(x):
        return np.sum(x * x)

    rng = np.random.default_rng(0)
    assert checked(squares, rng.normal(size=10_000)).verdict == "wrong"


def test_check_finds_a_value_that_a_swallowed_refusal_changed():
    def swallowing(x):
        try:
            return math.exp(x)
        except TypeError:
            return 1.79e308 * x

    report = check_grad(swallowing, 1.0)

    assert report.verdict == "wrong"
    assert report.problems[0].kind == "value"


def test_check_finds_a_result_of_another_structure():
    def structure(x):
        return [x, x] if isinstance(x, float) else [x]

    assert check_grad(structure, 1.0).problems[0].kind == "value"


@dataclasses.dataclass
class Fault:
    text: str
    scaled_grad: object


FAULTS = {
    "shape": (lambda x, y, dzdy: np.ones((3, 2)), "shape"),
    "kind": (lambda x, y, dzdy: 1j * np.ones((2, 3)), "complex"),
    "nonlinear": (lambda x, y, dzdy: dzdy**2, "not linear"),
    "offset": (lambda x, y, dzdy: dzdy * y + 1.0, "not linear"),
    "mutation": (lambda x, y, dzdy: np.multiply(dzdy, y, out=dzdy), "changes dzdy"),
    "dtype": (lambda x, y, dzdy: (dzdy * y).astype(np.float32), "dtype"),
    "raising": (lambda x, y, dzdy: 1 / 0, "raises ZeroDivisionError"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_check_finds_what_a_scaled_gradient_does_against_its_contract(name):
    scaled_grad, text = FAULTS[name]

    def run(f, x):
        y = f(x)
        return y, lambda dzdy: scaled_grad(x, y, dzdy)

    report = check_sample(np.exp, Sample((np.ones((2, 3)),)), run=run)

    assert report.verdict == "wrong"
    assert any(text in problem.text for problem in report.problems)


def test_check_finds_residuals_that_the_first_call_changes():
    def run(f, x):
        y = f(x)
        kept = y.copy()

        def scaled_grad(dzdy):
            dzdx = dzdy * kept
            kept[:] = 0.0
            return dzdx

        return y, scaled_grad

    report = check_sample(np.exp, Sample((np.ones(3),)), run=run)

    assert any("a second call" in problem.text for problem in report.problems)


def test_check_finds_a_cotangent_that_shares_memory_with_dzdy():
    report = check_sample(
        np.positive, Sample((np.ones(3),)), run=lambda f, x: (f(x), lambda dzdy: dzdy)
    )

    assert any("shares its memory" in problem.text for problem in report.problems)


def test_check_finds_an_argument_that_is_changed_in_place():
    def run(f, x):
        y = f(x)
        x[0] = 7.0
        return y, lambda dzdy: dzdy * y

    report = check_sample(np.exp, Sample((np.ones(3),)), run=run)

    assert any("changes an argument" in problem.text for problem in report.problems)


def test_check_finds_an_argument_that_the_scaled_gradient_changes():
    def run(f, x):
        y = f(x)
        return y, lambda dzdy: np.multiply(x, dzdy, out=x) * 0.0 + dzdy * y

    report = check_sample(np.exp, Sample((np.ones(3),)), run=run)

    assert any("changes x in place" in problem.text for problem in report.problems)


def test_check_finds_a_result_that_the_scaled_gradient_changes():
    def run(f, x):
        y = f(x)

        def scaled_grad(dzdy):
            dzdx = dzdy * np.exp(x)
            y[:] = 0.0
            return dzdx

        return y, scaled_grad

    report = check_sample(np.exp, Sample((np.ones(3),)), run=run)

    assert any("changes the result in place" in problem.text for problem in report.problems)


def test_check_finds_cotangents_that_share_memory():
    def run(f, x, y):
        def scaled_grad(dzdy):
            dzdx = dzdy.copy()
            return dzdx, dzdx

        return f(x, y), scaled_grad

    report = check_sample(np.add, Sample((np.ones(3), np.ones(3))), run=run)

    assert report.verdict == "wrong"
    text = "the cotangent of x2 shares its memory with the cotangent of x1"
    assert text in [problem.text for problem in report.problems]


def test_check_finds_a_cotangent_that_shares_memory_with_an_argument():
    def run(f, x, y):
        return f(x, y), lambda dzdy: (y, dzdy * x)

    report = check_sample(lambda x, y: x @ y, Sample((np.ones(3), np.ones(3))), run=run)

    assert any("shares its memory with y" in problem.text for problem in report.problems)


def test_check_finds_a_scaled_gradient_that_is_not_the_same_each_time():
    rng = np.random.default_rng(0)

    def run(f, x):
        y = f(x)
        return y, lambda dzdy: dzdy * y * (1 + 1e-3 * rng.normal())

    report = check_sample(np.exp, Sample((np.ones(3),)), run=run)

    assert any("a second call" in problem.text for problem in report.problems)


def both(x, y):
    return x * y, x + y


def test_check_finds_a_gradient_that_an_unread_output_changes():
    def zero_as_one(dzdy, x, y):
        product, total = (1.0 if part is ZERO else part for part in dzdy)
        return product * y + total, product * x + total

    entry = entry_of(both, grad=zero_as_one, symbolic_zeros=True)

    report = check_sample(both, Sample((2.0, 3.0)), entry=entry)

    assert report.verdict == "wrong"
    assert any(problem.text.startswith("reading result[0] alone") for problem in report.problems)


def test_check_finds_outputs_that_go_unread_right():
    entry = entry_of(both, grad=lambda dzdy, x, y: (dzdy[0] * y + dzdy[1], dzdy[0] * x + dzdy[1]))

    assert check_sample(both, Sample((2.0, 3.0)), entry=entry).right


def test_check_finds_a_number_of_cotangents_other_than_that_of_arguments():
    entry = entry_of(both, grad=lambda dzdy, x, y: (dzdy[0] * y,))

    report = check_sample(both, Sample((2.0, 3.0)), entry=entry)

    assert report.verdict == "wrong"
    assert report.problems[0].kind == "contract"


def test_check_finds_a_rule_whose_gradient_has_a_wrong_gradient():
    def square(x):
        return x * x

    entry = entry_of(square, derivative=lambda x: 2 * float(value_of(x)), samples=[(1.5,)])

    report = check(square, entry=entry)

    assert report.verdict == "wrong"
    assert report.problems[0].text.startswith("the gradient of its gradient is wrong: x: wrong")
    assert check(square, entry=entry, second_order=False).right


def test_check_lets_a_rule_refuse_to_be_differentiated_twice():
    def square(x):
        return x * x

    def refusing(dzdy, x):
        if not isinstance(x, float):
            raise NoGradientError("square has one gradient only.")
        return 2 * x * dzdy

    assert check(square, entry=entry_of(square, grad=refusing, samples=[(1.5,)])).right


def test_one_value_for_two_arguments_may_meet_a_point_without_a_gradient():
    def share(x, heavy, light):
        if x == 0.0:
            return 0.0
        return 1.0 / (1.0 + (1.0 - x) / x * (light / heavy))

    own = Registry(parent=registry)
    lifted(share, into=own)

    assert check_sample(share, Sample((0, 800, 2.5)), entry=own[share]).right


def test_effect_of_less_than_the_last_digits_of_the_result_is_not_called_wrong():
    unmoved = lambda x: 1.0 + (x - x)

    report = check_sample(
        unmoved, Sample((1.0,)), entry=entry_of(unmoved, grad=lambda dzdy, x: 1e-17 * dzdy)
    )

    assert [outcome.verdict for outcome in report.outcomes] == ["noise"]


def test_dot_product_test_finds_what_no_argument_shows_alone():
    # Along either axis alone the function is flat at the origin; along both it is not.
    def kinked(x, y):
        return 0.0 if x * y == 0 else x + y

    report = check_sample(
        lambda x, y: kinked(x - 1.0, y - 1.0),
        Sample((1.0, 1.0)),
        run=lambda f, *xs: (f(*xs), lambda dzdy: (0.0, 0.0) if len(xs) > 1 else 0.0),
    )

    assert [problem.text[:26] for problem in report.problems] == ["the dot product test fails"]


def test_tolerance_does_not_grow_with_the_size_of_an_array():
    def off(dzdy, x):
        dzdx = 2 * dzdy * x
        return dzdx * np.where(np.arange(len(x)) == 77, 1.0 + 2e-3, 1.0)

    squares = lambda x: np.sum(x * x)
    sizes = (10, 100, 1_000, 10_000)
    rng = np.random.default_rng(0)
    xs = [np.resize(rng.uniform(0.5, 1.5, 100), max(n, 100)) for n in sizes]
    found = [
        check_sample(squares, Sample((x,)), entry=entry_of(squares, grad=off)).verdict for x in xs
    ]

    assert found == ["wrong"] * 4


def test_tolerance_may_be_given():
    sine = lambda x: np.sin(x)
    entry = entry_of(sine, derivative=lambda x: 1.001 * np.cos(x), samples=[(0.7,)])

    assert check(sine, entry=entry).verdict == "wrong"
    assert check(sine, entry=entry, tolerance=1e-2, second_order=False).right


def test_check_finds_an_argument_that_is_treated_otherwise_alone():
    def run(f, *xs):
        y = f(*xs)
        if len(xs) == 1:
            return y, lambda dzdy: 0.0 * dzdy
        return y, lambda dzdy: (dzdy * xs[1], dzdy * xs[0])

    report = check_sample(lambda x, y: x * y, Sample((2.0, 3.0)), run=run)

    assert any("alone" in problem.text for problem in report.problems)


# Kinks and edges


@pytest.mark.parametrize("slope_there", [-1.0, 0.0, 0.3, 1.0])
def test_check_accepts_any_subgradient_at_a_kink(slope_there):
    @rule(derivative=lambda x: np.sign(x) + slope_there * (x == 0), replace=True)
    def size(x):
        return abs(x)

    report = checked(size, 0.0)

    assert report.verdict == "kink"
    assert not list(report.failures())
    assert not report.right


def test_check_does_not_accept_more_than_the_slopes_of_a_kink():
    @rule(derivative=lambda x: 2.0 + 0 * x)
    def size(x):
        return abs(x)

    report = checked(size, 0.0)

    assert report.verdict == "wrong"
    assert report.outcomes[0].seen.startswith("a kink: slope -")


def test_check_finds_ties_that_are_counted_twice():
    @rule(grad=lambda dzdy, x, result: dzdy * (x == result))
    def largest(x):
        return np.max(x)

    report = checked(largest, np.array([3.0, 1.0, 3.0]))

    assert [str(o.verdict) for o in report.outcomes if not o.accepted] == ["wrong"]
    assert "x[0], x[2], which are equal" in str(report)


def test_check_accepts_any_choice_among_ties():
    @rule(grad=lambda dzdy, x: dzdy * (np.arange(3) == np.argmax(x)))
    def largest(x):
        return np.max(x)

    report = checked(largest, np.array([3.0, 1.0, 3.0]))

    assert report.verdict == "kink"
    assert not list(report.failures())


def _middle_grad(dzdy, x):
    return dzdy * (np.arange(len(x)) == np.argsort(x, kind="stable")[len(x) // 2])


def test_check_accepts_a_choice_where_equal_numbers_hide_a_kink():
    @rule(grad=_middle_grad)
    def middle(x):
        return np.median(x)

    report = checked(middle, np.ones(3))

    assert not list(report.failures())
    assert "where equal numbers differ, slopes from 0 to" in str(report.outcomes[1])


def test_check_finds_more_than_a_whole_where_equal_numbers_hide_a_kink():
    @rule(grad=lambda dzdy, x: 2 * _middle_grad(dzdy, x))
    def middle(x):
        return np.median(x)

    assert checked(middle, np.ones(3)).verdict == "wrong"


@pytest.mark.parametrize("side", [lambda x: x > 0, lambda x: x >= 0])
@pytest.mark.parametrize("seed", range(5))
def test_check_accepts_one_side_of_many_kinks_at_once(side, seed):
    mixed = np.random.default_rng(0).normal(size=(20, 20))

    @rule(grad=lambda dzdy, x: (mixed.T @ dzdy) * side(x))
    def layer(x):
        return mixed @ np.maximum(x, 0.0)

    report = checked(layer, np.zeros(20), seed=seed)

    assert report.verdict == "kink"
    assert not list(report.failures())


def test_check_finds_a_rule_that_is_wrong_for_arrays_with_gaps_in_memory():
    @rule(grad=lambda dzdy, x: 2 * x * dzdy if x.flags.c_contiguous else x * dzdy)
    def square(x):
        return x * x

    report = checked(square, np.array([1.0, 2.0, 3.0]))

    assert report.verdict == "wrong"
    assert "arrays with gaps in memory" in str(report)


def test_check_finds_a_rule_that_is_wrong_for_arrays_by_columns():
    @rule(grad=lambda dzdy, x: 2 * (x * dzdy).ravel(order="K").reshape(x.shape))
    def square(x):
        return x * x

    report = checked(square, np.arange(12.0).reshape(4, 3).T)

    assert any(o.verdict == "wrong" for o in report.outcomes)


def test_check_finds_a_rule_that_reads_dzdy_as_it_stands_in_memory():
    @rule(grad=lambda dzdy, x: 2 * x * np.ravel(dzdy, order="K").reshape(x.shape))
    def square(x):
        return x * x

    report = checked(square, np.arange(12.0).reshape(4, 3))

    assert "not linear in dzdy" in str(report)


def test_check_finds_a_rule_that_is_wrong_for_one_value_given_twice():
    @rule(grad=lambda dzdy, u, v: (dzdy * v, dzdy * u * (0 if u is v else 1)))
    def times(u, v):
        return u * v

    report = checked(times, np.array([1.0, 2.0]), np.array([3.0, 5.0]))

    assert "one value given for both u and v" in str(report)


def _powers_grad(dzdy, x):
    square, cube = dzdy
    return square * 2 * x + cube * 3 * x**2 * (1.0 if square else 1.1)


@pytest.mark.parametrize("seed", range(4))
def test_check_finds_a_rule_that_is_wrong_where_one_output_alone_is_read(seed):
    @rule(grad=_powers_grad)
    def powers(x):
        return x**2, x**3

    report = checked(powers, 1.5, seed=seed)

    assert report.verdict == "wrong"
    assert "do not add up" in str(report)


def test_check_does_not_excuse_what_jumps_at_a_tie_as_rounding():
    @rule(grad=lambda dzdy, x, result: dzdy * (x == result) / np.sum(x == result))
    def largest_but_first(x):
        return np.max(x[1:])

    report = checked(largest_but_first, np.array([3.0, 1.0, 3.0]))

    assert report.verdict == "wrong"


def test_check_does_not_accuse_a_gradient_that_cancels_to_rounding():
    cosine = pytest.importorskip("scipy.spatial.distance").cosine
    u = np.array([1.34653104, 0.68561608, 0.27375234, 0.22974974])

    report = check_sample(cosine, Sample((u, u.copy())))

    assert not list(report.failures())
    assert not report.problems


def test_check_does_not_call_what_is_left_of_larger_numbers_right():
    @rule(grad=lambda dzdy, x, small: (dzdy, 0.9 * dzdy))
    def shifted(x, small):
        return x + small

    report = checked(shifted, 1e9, 1e-3)

    assert report.per_argument["small"] != "right"


@pytest.mark.parametrize("x", [1e-8, np.array([1e-8, -2e-9])])
def test_check_does_not_accuse_where_rounding_hides_every_move(x):
    @rule(derivative=np.sin)
    def lost(x):
        return 1.0 - np.cos(x)

    report = checked(lost, x)

    assert not list(report.failures())


def test_check_knows_a_derivative_that_vanishes_with_many_digits():
    pytest.importorskip("mpmath")

    report = check_grad(math.pow, 0.0, 3.0)

    assert not list(report.failures())


@pytest.mark.parametrize("seed", range(6))
def test_check_accepts_a_constant_with_a_jump_at_some_distance(seed):
    report = check_sample(np.floor, Sample((3.07,)), seed=seed)

    assert report.verdict == "right"


def test_check_reports_nan_where_the_slope_is_finite_as_an_edge():
    @rule(derivative=lambda x: x / np.sqrt(x * x))
    def smooth(x):
        return x * 1.0

    with np.errstate(all="ignore"):
        report = checked(smooth, 0.0)

    assert report.verdict == "edge"
    assert list(report.failures())


def test_check_reports_an_infinite_slope_as_an_edge_that_may_stand():
    report = check_grad(lambda x: np.sqrt(x), 0.0)

    assert report.verdict == "edge"
    assert not list(report.failures())


def test_check_compares_with_the_only_side_that_has_values():
    @rule(derivative=lambda x: 1.5 * np.sqrt(x) + 2.0)
    def half(x):
        return math.sqrt(x) ** 3 + 2 * x

    assert checked(half, 0.0).right


# No evidence


def evidence(f, *args):
    report = check_grad(f, *args)
    return report.verdict, report.right, [problem.text for problem in report.problems]


@pytest.mark.parametrize(
    ("f", "args", "text"),
    [
        (lambda x: float("nan"), (1.0,), "nan or infinite"),
        (lambda x: "text", (1.0,), "no real or complex numbers"),
        (lambda x: x, ("text",), "no argument holds"),
        (lambda x: 1 / 0, (1.0,), "the original raises ZeroDivisionError"),
        (lambda x: x + np.random.default_rng().normal(), (1.0,), "another result each time"),
        (lambda x: x, (math.nan,), "arguments are nan"),
    ],
)
def test_check_has_no_evidence_where_a_call_cannot_tell(f, args, text):
    verdict, right, problems = evidence(f, *args)

    assert (verdict, right) == ("no evidence", False)
    assert text in problems[0]


def test_check_has_no_evidence_where_all_is_flat():
    assert evidence(lambda x: x * 0.0 + 3.0, 1.0)[:2] == ("no evidence", False)
    assert evidence(lambda x: x**2, 0.0)[:2] == ("no evidence", False)


def test_check_has_no_evidence_of_a_function_that_refuses():
    def refusing(x):
        if not isinstance(x, float):
            raise NoGradientError("refusing has no gradient.")
        return x

    report = check_grad(refusing, 1.0)

    assert not report.right
    assert report.refusals[0].text.startswith("NoGradientError")


def test_check_has_no_evidence_of_a_function_marked_no_grad():
    @no_grad("needs a table", into=mine)
    def table(x):
        return x

    assert "needs a table" in checked(table, 1.0).problems[0].text


def test_check_stops_a_function_that_does_not_end():
    counter = itertools.count()

    def hanging(x):
        while next(counter) >= 0:
            time.sleep(0.01)

    report = check_sample(hanging, Sample((1.0,)), seconds=0.2)

    assert "longer than 0.2 seconds" in report.problems[0].text


def test_check_runs_in_a_thread_without_a_limit():
    reports = []

    thread = threading.Thread(target=lambda: reports.append(check_grad(lambda x: x * x, 2.0)))
    thread.start()
    thread.join()

    assert reports[0].right


def test_check_reports_noise_where_the_error_bar_is_as_large_as_the_slope():
    @rule(derivative=lambda x: 2e-9 * np.cos(x))
    def buried(x):
        return 1e8 + np.sin(x) * 1e-9

    assert checked(buried, np.array([1.0, 2.0])).verdict == "noise"


# Other engines


def by_autograd(f, *xs):
    autograd = pytest.importorskip("autograd")
    pullback, y = autograd.make_vjp(lambda xs: f(*xs))(tuple(xs))
    return y, lambda dzdy: pullback(dzdy) if len(xs) > 1 else pullback(dzdy)[0]


@pytest.mark.parametrize(
    ("name", "settings", "verdict"),
    [
        ("sum", {"axis": 1}, "right"),
        ("sum", {"where": np.array([True, False, True])}, "wrong"),
        ("var", {"ddof": 1}, "right"),
        ("var", {"correction": 1}, "wrong"),
    ],
)
def test_check_finds_what_another_engine_ignores(name, settings, verdict):
    f = getattr(pytest.importorskip("autograd.numpy"), name)
    x = np.random.default_rng(0).normal(size=(2, 3))

    report = check_sample(f, Sample((x,), settings), run=by_autograd)

    assert report.verdict == verdict
    assert [finding.kind for finding in report.findings] == ["option ignored"] * (
        verdict == "wrong"
    )


# All samples of a function


def test_check_of_all_samples_steps_aside_from_corners():
    @rule(derivative=lambda x: 2 * x, samples=[(0.0,)])
    def square(x):
        return x * x

    report = check(square, entry=mine[square])

    assert report.right
    assert [sample.origin for sample in report.samples] == ["samples= [0]", "near samples= [0]"]


def test_check_of_all_samples_is_wrong_if_one_is():
    @rule(derivative=lambda x: np.where(x > 0, 2 * x, 0.0), samples=[(1.0,), (-1.0,)])
    def square(x):
        return x * x

    assert check(square, entry=mine[square]).verdict == "wrong"


def test_check_without_a_sample_has_no_evidence():
    @rule(derivative=lambda x: 1.0)
    def same(x):
        return x

    assert check(same, entry=mine[same]).problems[0].text == "there is no sample"


def test_check_gives_the_same_report_for_the_same_seed():
    first, second = (check_grad(lambda x: np.sin(x), np.ones(20), seed=3) for _ in range(2))

    assert first.outcomes == second.outcomes


# Reports


def test_report_reads_as_sentences():
    report = check_grad(lambda x, y: x * y, 2.0, 3.0)

    assert str(report).endswith("<lambda>: right, 1 call\n  x  right (1)\n  y  right (1)")


def test_report_gives_facts_for_a_ledger():
    facts = check_grad(lambda x, scale: x * scale, 2.0, scale=3.0, wrt="x").facts()

    assert (facts["verdict"], facts["samples"], facts["settings"]) == ("right", 1, ["scale"])
    assert facts["arguments"]["x"]["verdict"] == "right"
    assert facts["arguments"]["x"]["oracles"] == ["differences"]
    assert facts["arguments"]["x"]["worst error"] < 1e-6
    assert json.loads(json.dumps(facts)) == facts


def test_assert_grad_raises_with_the_report():
    @rule(derivative=lambda x: 3 * x, replace=True)
    def square(x):
        return x * x

    lifted(derivative=lambda x: 3 * x)(square)

    with pytest.raises(AssertionError, match=r"square: wrong, 1 call"):
        assert_grad(square, 2.0)


def test_gradients_are_given_side_by_side():
    found = gradients(lambda p: p["a"] * p["b"][0], {"a": 2.0, "b": np.array([3.0, 4.0])})

    assert found.analytic["a"] == 3.0
    assert found.numeric["a"] == pytest.approx(3.0, rel=1e-6)
    np.testing.assert_allclose(found.numeric["b"], [2.0, 0.0], atol=1e-6)
    assert found.error["a"] < 1e-5


def test_script_repeats_the_call_that_failed():
    report = check_grad(np.hypot, np.array([3.0, 1.0]), 4.0)
    report.samples[0] = Sample((np.array([3.0, np.nan]), 4.0), {}, wrt=("x1",))
    scope = {}

    exec(script(np.hypot, report).replace("print", "report = "), scope)  # noqa: S102 - our own text

    assert scope["report"].name == "numpy.hypot"
    assert scope["sample"].args[0][0] == 3.0


BROKEN = """
import numpy as np

from backprop_lift import lifted


@lifted(grad=lambda dzdy, u, v: (dzdy * v, 2 * dzdy * u))
def product(u, v):
    return u * v


@lifted(grad=lambda dzdy, x: np.transpose(dzdy) * 2 * x)
def squares(x, scale=1.0):
    return x * x


@lifted(derivative=lambda x: -np.cos(x))
def sine(x):
    return np.sin(x)
"""


def test_scripts_show_broken_rules_again_by_themselves(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    broken = importlib.import_module("broken")
    monkeypatch.delitem(sys.modules, "broken")
    monkeypatch.setitem(sys.modules, "broken", broken)
    calls = {
        broken.product: Sample((3.0, np.float32(2.0))),
        broken.squares: Sample((np.array([[1.0, 2.0], [3.0, np.inf]]),), {}, "", ("x",)),
        broken.sine: Sample(({"a": 1.0}["a"],)),
    }
    scripts = [script(f, check_sample(f, sample)) for f, sample in calls.items()]
    together = "\n".join(scripts)

    done = subprocess.run(
        [sys.executable, "-c", together],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "broken.product: wrong" in done.stdout
    assert "the cotangent of v is exactly 2 times too large" in done.stdout
    assert "broken.squares: wrong" in done.stdout
    assert "the cotangent of x has the wrong sign" in done.stdout
    assert all(text.startswith("# broken.") for text in scripts)
