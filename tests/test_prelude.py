"""The built-in functions on BVars, and the choices that some of them need."""

import functools
import itertools
import math
import operator
from fractions import Fraction

import numpy as np
import pytest

from backprop_lift import backprop, collect_var, grad_bp, lifted, prelude, twin_of
from backprop_lift.errors import CotangentError, RuleError, UnhandledParameterError


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


@pytest.mark.parametrize("nothing", [[], (), {}, np.zeros(0)], ids=repr)
def test_max_of_nothing_is_refused_as_by_the_built_in_function(nothing):
    with pytest.raises(ValueError, match="empty"):
        prelude.max(nothing)


@pytest.mark.parametrize("ties", ["last", None, 0])
def test_max_with_another_choice_is_refused(ties):
    with pytest.raises(UnhandledParameterError, match=r"prelude.max was given ties="):
        prelude.max([1.0], ties=ties)


def test_max_of_a_generator_or_of_values_splits_ties():
    assert grad_bp(lambda v: prelude.max(x for x in v), [1.0, 1.0]) == [0.5, 0.5]
    assert grad_bp(lambda d: prelude.max(d.values()), {"a": 1.0, "b": 1.0}) == {"a": 0.5, "b": 0.5}


def test_max_of_exact_numbers_has_exact_gradients():
    x = Fraction(1, 3)

    assert grad_bp(prelude.max, [x, x, x]) == [Fraction(1, 3)] * 3


def test_max_of_an_array_with_nan_is_nan_as_in_numpy():
    y, gradient = backprop(prelude.max, np.array([1.0, math.nan, 2.0]))

    assert math.isnan(y)
    assert gradient.tolist() == [0.0, 1.0, 0.0]


def test_straight_through_has_the_gradient_of_the_identity():
    assert backprop(lambda x: 3.0 * prelude.straight_through(round)(x), 2.7) == (9.0, 3.0)


def test_straight_through_takes_arrays():
    y, gradient = backprop(
        lambda x: np.sum(prelude.straight_through(np.round)(x) * x), np.array([1.2, 2.7])
    )

    assert y == pytest.approx(1.2 + 8.1)
    assert gradient == pytest.approx([1.0 + 1.2, 3.0 + 2.7])


@pytest.mark.parametrize("f", [np.sum, str, lambda x: np.stack([x, x]), lambda x: [x]])
def test_straight_through_to_another_structure_is_refused(f):
    with pytest.raises(CotangentError, match="of another structure than its argument"):
        grad_bp(lambda x: np.sum(prelude.straight_through(f)(x)), np.ones(3))


def test_straight_through_wants_a_function():
    with pytest.raises(RuleError, match="which is not callable"):
        prelude.straight_through(3)


def test_straight_through_takes_lists():
    rounded = prelude.straight_through(lambda v: [round(x) for x in v])

    assert backprop(lambda v: sum(rounded(v)), [1.2, 2.7]) == (4, [1.0, 1.0])


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


@lifted
def _doubled_in_single_precision(x):
    return np.float32(float(x)) * 2


KINDS = {
    "list": lambda xs: list(xs),
    "tuple": lambda xs: tuple(xs),
    "dict": lambda xs: dict(zip("abc", xs, strict=True)),
    "array": lambda xs: np.array(xs),
}
# Of the numbers in a container; their gradients at (3, 1, 2), from calculus.
FUNCTIONS = {
    "sum": (sum, [1, 1, 1]),
    "prod": (lambda xs: twin_of(math.prod)(xs), [2, 6, 3]),
    "len": (lambda xs: sum(xs) * len(xs), [3, 3, 3]),
    "max": (max, [1, 0, 0]),
    "min": (min, [0, 1, 0]),
    "map": (lambda xs: sum(map(_square, xs)), [6, 2, 4]),
    "reduce": (lambda xs: functools.reduce(operator.sub, xs), [1, -1, -1]),
    "accumulate": (lambda xs: sum(itertools.accumulate(xs)), [3, 2, 1]),
    "zip": (lambda xs: sum(k * x for k, x in zip((5, 7, 9), xs, strict=True)), [5, 7, 9]),
    "sorted": (lambda xs: sum(k * x for k, x in enumerate(sorted(xs))), [2, 0, 1]),
    "round": (lambda xs: sum(x * round(x) for x in xs), [3, 1, 2]),
    "cast": (lambda xs: sum(map(twin_of(_doubled_in_single_precision), xs)), [2, 2, 2]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_prelude_works_on_every_kind_of_container(kind, name):
    f, expected = FUNCTIONS[name]
    numbers = (lambda v: list(v.values())) if kind == "dict" else list

    gradient = grad_bp(lambda v: f(numbers(v)), KINDS[kind]([3.0, 1.0, 2.0]))

    assert type(gradient) is type(KINDS[kind]([3.0, 1.0, 2.0]))
    assert [float(x) for x in numbers(gradient)] == expected


@pytest.mark.parametrize("xs", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [2.0, 0.0], [0.0]])
@pytest.mark.parametrize("kind", ["list", "tuple", "array"])
def test_prod_is_right_at_zeros(kind, xs):
    others = [math.prod(xs[:i] + xs[i + 1 :]) for i in range(len(xs))]

    assert list(grad_bp(math.prod, KINDS[kind](xs))) == others
