"""Arguments that no example moves: which calls move them, and what the mirror then allows."""

import inspect

import numpy as np
import pytest

from backprop_lift import registry
from backprop_lift.gradcheck import Sample
from backprop_lift.mirror.beyond import calls_moving
from backprop_lift.mirror.drawing import drawn
from backprop_lift.mirror.evidence import findings_of
from backprop_lift.mirror.pool import Pool
from backprop_lift.mirror.survey import Public


def flow(length=None, width=None, rate=None):
    """Whichever of the three is left out."""
    if rate is None:
        return 2.0 * width / length
    if length is None:
        return 2.0 * width / rate
    return rate * length / 2.0


def rotated(vector, angle, smallest=1e-5):
    if abs(angle) < smallest:
        return np.asarray(vector, dtype=float)
    return np.asarray(vector) * np.cos(angle)


def filled(x, out=None):
    if out is None:
        out = np.empty(3)
    out[:] = x * np.arange(3.0)
    return out


def between(x, low=0, high=1):
    if not (0 <= low and high <= 1):
        raise ValueError
    return x * (high - low) * np.sqrt(high) * np.exp(low)


def hidden(x, shift=None):
    return x * x if shift is None else x * x + float(np.asarray(shift)) * 0


def _findings(function, *samples):
    public = Public(function.__name__, function, "function", f"here.{function.__name__}")
    found = findings_of(public, list(samples), Pool(), registry, "")
    return {finding.argument: finding.verdict for finding in found}


def _moving(function, name, sample):
    p = inspect.signature(function).parameters[name]
    return list(
        calls_moving(function, p, sample, Pool(), lambda s: function(*s.args, **s.settings))
    )


def test_an_option_is_tried_with_the_result_that_it_stands_for():
    calls = _moving(flow, "rate", Sample((), {"length": 4.0, "width": 3.0}))

    assert calls[0] == Sample((), {"length": 4.0, "width": 3.0, "rate": 1.5}, "drawn", ("rate",))


def test_an_option_is_tried_in_the_place_of_another_one():
    calls = _moving(flow, "rate", Sample((), {"length": 4.0, "width": 3.0}))

    assert calls[1].settings == {"length": None, "width": 3.0, "rate": 1.5}


def test_an_option_that_stands_for_another_one_is_found_right():
    found = _findings(flow, Sample((), {"length": 4.0, "width": 3.0}))

    assert found == {"-": "composite", "length": "right", "width": "right", "rate": "right"}


def test_a_default_at_a_corner_is_left_for_a_value_beside_it():
    found = _findings(between, Sample((0.3,)))

    assert (found["low"], found["high"]) == ("right", "right")


def test_integers_of_an_example_are_moved_as_floats():
    found = _findings(rotated, Sample(([1, 0, 2], 0.3)))

    assert found["vector"] == "right"


def test_a_threshold_that_changes_nothing_near_by_is_flat():
    assert _findings(rotated, Sample(([1.0, 0.5, 2.0], 0.3)))["smallest"] == "flat"


def test_an_array_to_write_into_is_tried_with_the_result():
    assert _findings(filled, Sample((2.0,)))["out"] == "flat"


def test_several_results_of_different_shapes_stand_for_no_option():
    def parted(x, smallest=None):
        return np.array([x, 2 * x]), float(x)

    calls = _moving(parted, "smallest", Sample((2.0,)))

    assert all(np.ndim(call.settings["smallest"]) == 0 for call in calls)


def test_an_argument_that_is_never_found_right_stays_out():
    assert "shift" not in _findings(hidden, Sample((2.0,)))


# --- calls that are drawn -----------------------------------------------------------------------


def either(x, *, left=None, right=None):
    """One of two.

    Parameters
    ----------
    x : float
    left, right : float, optional
    """
    if (left is None) == (right is None):
        raise ValueError
    return x * left if right is None else x / right


def chosen(x, kind=None):
    """By name.

    Parameters
    ----------
    x : float
    kind : str, optional
        Either 'fast' or 'slow'.
    """
    return {"fast": 2.0, "slow": 1.0}[kind] * x


def only_options(share=2, loss=3.5):
    return (1 - share / 100) * (1 - loss / 100)


def apart(q1, q2):
    if np.array_equal(q1, q2):
        raise ValueError
    return np.asarray(q1) - np.asarray(q2)


@pytest.mark.parametrize(
    ("function", "settings"),
    [(either, {"left"}), (chosen, {"kind"}), (only_options, {"share", "loss"})],
)
def test_drawn_calls_give_the_options_that_a_function_wants(function, settings):
    calls = drawn(function, Pool())

    assert set(calls[0].settings) == settings


def test_drawn_calls_give_each_option_that_is_told_of():
    found = {name for call in drawn(either, Pool()) for name in call.settings}

    assert found == {"left", "right"}


def test_drawn_calls_do_not_give_one_value_twice():
    pool = Pool([(lambda q: q, [Sample((np.array([1.0, 2.0]),)), Sample((np.array([3.0, 5.0]),))])])

    assert drawn(apart, pool)


def test_values_of_drawn_calls_are_tried_for_other_functions():
    def heavy(pressure, level):
        if not 9e4 < pressure < 1.2e5:
            raise ValueError
        return pressure * level

    pool = Pool()
    pool.add_tried(lambda pressure: pressure, [Sample((101325.0,))])

    assert all(call.args[0] == 101325.0 for call in drawn(heavy, pool)[:1])


def stepped(x, angle):
    return x * (2.0 * angle if angle <= 30 else 5.0 + angle)


def test_argument_whose_examples_lie_on_a_jump_is_checked_beside_it():
    found = _findings(stepped, Sample((1.5, 30.0)), Sample((2.5, 30)))

    assert found["angle"] == "right"
    assert found["-"] == "composite"


def capped(load, level):
    return 1 if load > level else load * np.sin(level)


def test_constant_of_the_examples_is_not_taken_for_one_everywhere():
    found = _findings(capped, Sample((0.9, 0.5)), Sample((0.7, 0.5)))

    assert found == {"-": "composite", "load": "right", "level": "right"}


def next_size(power):
    return next(size for size in (1.0, 2.0, 5.0, 10.0, 1e9) if power <= size)


def test_result_that_changes_in_steps_only_does_not_vary_beside_them():
    found = _findings(next_size, Sample((2.0,)), Sample((5.0,)))

    assert found["-"] == "composite"
