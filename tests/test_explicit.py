"""Spaces given by hand, and choices made by hand."""

import functools
import itertools
import math
import operator

import numpy as np
import pytest

from backprop_lift import Op, Space, backprop, collect_var, explicit, grad_bp, prelude
from backprop_lift.errors import SpaceError

LARGEST = Space(zero=lambda x: 0.0, add=max, one=lambda x: 1.0)


class Vector:
    """Two numbers, of a type that has no space."""

    __slots__ = ("__call__", "x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    __hash__ = None


VECTORS = Space(
    zero=lambda v: Vector(0.0, 0.0),
    add=lambda v, w: Vector(v.x + w.x, v.y + w.y),
    one=lambda v: Vector(1.0, 1.0),
)


def _times(v, w):
    return Vector(v.x * w.x, v.y * w.y)


TIMES = Op(lambda v, w: (_times(v, w), lambda dzdy: (_times(dzdy, w), _times(v, dzdy))))


def test_explicit_spaces_serve_types_without_one():
    times = explicit.lift_op(VECTORS, TIMES)

    y, (dv, dw) = explicit.backprop(
        VECTORS, lambda v, w: times(times(v, w), v), Vector(2.0, 3.0), Vector(5.0, 7.0)
    )

    assert y == Vector(20.0, 63.0)
    assert dv == Vector(20.0, 42.0)
    assert dw == Vector(4.0, 9.0)


def test_explicit_zero_is_what_nothing_reached_gets():
    times = explicit.lift_op(VECTORS, TIMES)

    _, dw = explicit.grad_bp(VECTORS, lambda v, w: times(v, v), Vector(2.0, 3.0), Vector(5.0, 7.0))

    assert dw == Vector(0.0, 0.0)


def test_explicit_add_sums_the_contributions():
    assert explicit.grad_bp(LARGEST, lambda x: 2.0 * x + 5.0 * x, 1.0) == 5.0
    assert explicit.grad_bp((LARGEST, None), lambda x, y: x * y + x + y, 1.0, 4.0) == (4.0, 2.0)


def test_explicit_cotangents_are_fitted_all_the_same():
    assert explicit.grad_bp(LARGEST, lambda x: np.sum(x * np.ones(3)), 2.0) == 3.0


def test_explicit_scaled_grad_can_be_called_again():
    y, scaled_grad = explicit.backprop_with(LARGEST, lambda x: 2.0 * x + 5.0 * x, 1.0)

    assert (y, scaled_grad(1.0), scaled_grad(10.0)) == (7.0, 5.0, 50.0)


def test_explicit_evaluation_needs_no_space():
    assert explicit.eval_bp(VECTORS, _times, Vector(2.0, 3.0), Vector(5.0, 7.0)) == Vector(
        10.0, 21.0
    )


def test_explicit_wants_a_space_for_each_argument():
    with pytest.raises(SpaceError, match="was given 1 spaces for the 2 arguments"):
        explicit.grad_bp((LARGEST,), lambda x, y: x, 1.0, 2.0)


# The choices of the prelude


@pytest.mark.parametrize(
    ("ties", "expected"), [("split", [0, 0.5, 0.5]), ("first", [0, 1, 0]), ("all", [0, 1, 1])]
)
@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_max_lets_ties_choose(kind, ties, expected):
    gradient = grad_bp(lambda v: prelude.max(v, ties=ties), kind([1.0, 3.0, 3.0]))

    assert list(gradient) == expected


def test_min_of_a_dict_is_that_of_its_values():
    assert backprop(prelude.min, {"a": 2.0, "b": 1.0}) == (1.0, {"a": 0.0, "b": 1.0})


def test_max_of_several_arguments():
    assert grad_bp(lambda x, y: prelude.max(x, y, 0.0), 2.0, 2.0) == (0.5, 0.5)
    assert prelude.max(1.0, 4.0, 3.0) == 4.0


def test_max_of_an_array_of_two_dimensions():
    assert grad_bp(prelude.max, np.array([[1.0, 3.0], [3.0, 0.0]])).tolist() == [[0, 0.5], [0.5, 0]]


def test_max_can_be_differentiated_twice():
    assert grad_bp(lambda x: grad_bp(lambda y: prelude.max([y**3, 1.0]), x), 2.0) == 12.0


def test_max_of_nothing_is_refused():
    with pytest.raises(ValueError, match="max of no numbers"):
        prelude.max([])


def test_max_with_another_choice_is_refused():
    with pytest.raises(ValueError, match="should be 'split', 'first' or 'all'"):
        prelude.max([1.0], ties="last")


def test_straight_through_has_the_gradient_of_the_identity():
    assert backprop(lambda x: 3.0 * prelude.straight_through(round)(x), 2.7) == (9.0, 3.0)


def test_straight_through_takes_arrays():
    y, gradient = backprop(
        lambda x: np.sum(prelude.straight_through(np.round)(x) * x), np.array([1.2, 2.7])
    )

    assert y == pytest.approx(1.2 + 8.1)
    assert gradient == pytest.approx([1.0 + 1.2, 3.0 + 2.7])


def test_straight_through_is_so_at_every_level():
    through = prelude.straight_through(round)

    assert grad_bp(lambda x: grad_bp(lambda y: through(y) * y, x), 2.7) == 2.0


def test_max_of_numbers_that_are_none_is_what_the_built_in_function_gives():
    assert math.isnan(prelude.max([math.nan, 1.0]))
    assert prelude.max([1.0, math.nan]) == 1.0


def test_rounding_is_constant_unless_asked_otherwise():
    assert grad_bp(lambda x: x * round(x), 2.7) == 3.0
    assert grad_bp(lambda x: round(x) * 3.0, 2.7) == 0.0


# The built-in functions, which need no twin


def _square(x):
    return x * x


def test_builtins_work_on_bvars_of_lists():
    xs = [3.0, 1.0, 2.0]

    assert grad_bp(lambda v: sum(v) * len(v), xs) == [3.0] * 3
    assert grad_bp(lambda v: sorted(v)[0], xs) == [0.0, 1.0, 0.0]
    assert grad_bp(lambda v: sum(map(operator.mul, v, reversed(v))), xs) == [4.0, 2.0, 6.0]
    assert grad_bp(lambda v: functools.reduce(operator.mul, v), xs) == [2.0, 6.0, 3.0]
    assert grad_bp(lambda v: sum(itertools.accumulate(v)), xs) == [3.0, 2.0, 1.0]
    assert grad_bp(lambda v: collect_var(list(map(_square, v))), xs) == [6.0, 2.0, 4.0]
