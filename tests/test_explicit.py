"""Spaces given by hand."""

import numpy as np
import pytest

from backprop_lift import (
    Op,
    Space,
    collect_var,
    explicit,
    grad_bp,
    lift_op,
    sequence_var,
    set_var,
    space_of,
    view_var,
)
from backprop_lift.errors import RuleError, SpaceError, TapeError

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


@pytest.mark.parametrize("runner", [explicit.grad_bp, explicit.backprop, explicit.backprop_with])
def test_explicit_without_arguments_is_a_function(runner):
    found = runner(LARGEST, lambda x: 2.0 * x)(3.0)

    if runner is explicit.backprop_with:
        assert (found[0], found[1](1.0)) == (6.0, 2.0)
    else:
        assert found == {explicit.grad_bp: 2.0, explicit.backprop: (6.0, 2.0)}[runner]


@pytest.mark.parametrize("spaces", [3, "ab", (LARGEST, 3), lambda x: x])
def test_explicit_wants_spaces(spaces):
    with pytest.raises(SpaceError, match="for a space"):
        explicit.grad_bp(spaces, lambda x, y: x * y, 1.0, 2.0)
    with pytest.raises(SpaceError, match="for a space"):
        explicit.in_space(spaces, 1.0)


def test_explicit_lift_op_wants_a_space_and_an_op():
    with pytest.raises(SpaceError, match=r"explicit.lift_op was given 3 for a space"):
        explicit.lift_op(3, TIMES)
    with pytest.raises(RuleError, match="which is no Op"):
        explicit.lift_op(LARGEST, _times)


def test_explicit_runs_nest():
    inner = lambda x: explicit.grad_bp(space_of(float), lambda y: y**3, x)

    assert explicit.grad_bp(space_of(float), inner, 2.0) == 12.0


def test_explicit_bp_op_sums_inside_by_the_given_space():
    op = explicit.bp_op(LARGEST, lambda x: 2.0 * x + 5.0 * x)

    assert op.grad(1.0) == 5.0
    assert grad_bp(lift_op(op), 1.0) == 5.0


def test_explicit_bp_op_is_one_node_that_refuses_effects():
    from backprop_lift import effects

    noted = effects.lift_op(Op(lambda x: (x, lambda dzdy: dzdy)))

    with pytest.raises(TapeError, match="has an effect"):
        grad_bp(lift_op(explicit.bp_op(LARGEST, lambda x: noted(x))), 1.0)


def test_in_space_sums_what_follows_by_the_given_space():
    def f(x):
        y = explicit.in_space(LARGEST, 10.0 * x)
        return 2.0 * y + 5.0 * y

    assert grad_bp(f, 1.0) == 50.0


def test_in_space_serves_parts_and_leaves_plain_values_alone():
    def f(pair):
        part = explicit.in_space(LARGEST, view_var(pair, 1))
        return part * pair[0] + 7.0 * part

    assert grad_bp(f, [3.0, 2.0]) == [2.0, 7.0]
    assert explicit.in_space(LARGEST, 3.0) == 3.0


RECORDS = Space(
    zero=lambda p: [0.0, 0.0],
    add=lambda p, q: list(map(max, p, q)),
    one=lambda p: [1.0, 1.0],
)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda p: p[0] * 2.0 + p[0] * 5.0 + p[1], [5.0, 1.0]),
        (lambda p: set_var(p, 0, p[1] * 2.0)[0] + p[1], [0.0, 2.0]),
        (lambda p: sum(p) + sum(p), [1.0, 1.0]),
        (lambda p: collect_var([p[0], 3.0])[0], [1.0, 0.0]),
    ],
)
def test_explicit_spaces_see_complete_cotangents_of_parts(f, expected):
    assert explicit.grad_bp(RECORDS, f, [3.0, 4.0]) == expected


# Lists whose cotangents may be shorter

HEAD = lift_op(Op(lambda xs: (xs[0], lambda dzdy: [dzdy])))
SECOND = lift_op(Op(lambda xs: (xs[1], lambda dzdy: [0.0, dzdy])))


@pytest.mark.parametrize(
    "f",
    [
        lambda xs: 2.0 * HEAD(xs) + 3.0 * SECOND(xs),
        lambda xs: 3.0 * SECOND(xs) + 2.0 * HEAD(xs),
        lambda xs: 2.0 * xs[0] + 3.0 * SECOND(xs),
        lambda xs: 2.0 * HEAD(xs) + 3.0 * xs[1],
        lambda xs: 2.0 * HEAD(xs) + 3.0 * sequence_var(xs)[1],
    ],
)
def test_padded_lists_take_short_cotangents_in_any_order(f):
    assert explicit.grad_bp(explicit.PADDED, f, [1.0, 1.0, 1.0]) == [2.0, 3.0, 0.0]


def test_padded_lists_of_lists_are_completed_inside():
    assert explicit.grad_bp(explicit.PADDED, lambda xs: xs[1][0], [[1.0], [2.0, 3.0]]) == [
        [0.0],
        [1.0, 0.0],
    ]


def test_padded_add_wants_lists():
    with pytest.raises(SpaceError, match=r"PADDED.add was given a tuple"):
        explicit.PADDED.add((1.0,), (2.0, 3.0))
