"""Values of which nothing but arithmetic is asked."""

import fractions
import math

import numpy as np
import pytest

from backprop_lift import Op, grad_bp, num
from backprop_lift.errors import RuleError
from backprop_lift.num import Num


class Residue:
    """An integer modulo 7, with attributes that are no parts of it."""

    def __init__(self, n):
        self.n, self.label = n % 7, "seven"

    def __add__(self, other):
        return Residue(self.n + getattr(other, "n", other))

    def __sub__(self, other):
        return Residue(self.n - getattr(other, "n", other))

    def __mul__(self, other):
        return Residue(self.n * getattr(other, "n", other))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return Residue(-self.n)

    def __pow__(self, n):
        return Residue(self.n**n)

    def __eq__(self, other):
        return self.n == getattr(other, "n", other)

    __hash__ = None


def test_num_gives_exact_gradients():
    x = fractions.Fraction(1, 3)

    assert num.backprop(lambda x: x**3 / (1 + x), x) == (
        fractions.Fraction(1, 36),
        fractions.Fraction(11, 48),
    )


def test_num_asks_for_nothing_but_arithmetic():
    y, (dx, dy) = num.backprop(lambda x, y: x**3 * y - 2 * y, Residue(3), Residue(5))

    assert (y.n, dx.n, dy.n) == (6, 3 * 9 * 5 % 7, 25 % 7)


def test_num_takes_lists_and_dicts():
    assert num.grad_bp(lambda v: v[0] * v[1] - 2 * v[0], [2, 3]) == [1, 2]
    assert num.grad_bp(lambda d: -d["a"] * d["b"], {"a": 2, "b": 3}) == {"a": -3, "b": -2}


def test_num_leaves_arrays_alone():
    assert num.grad_bp(lambda v: np.sum(v * v), np.array([1.0, 2.0])).tolist() == [2.0, 4.0]


def test_num_gives_zero_where_nothing_arrives():
    assert num.grad_bp(lambda x, y: x * x, Residue(3), Residue(5))[1] == 0


def test_num_scaled_grad_can_be_called_again():
    y, scaled_grad = num.backprop_with(lambda x: x * x, 3)

    assert (y, scaled_grad(1), scaled_grad(10)) == (9, 6, 60)


def test_num_functions_may_compare():
    size = lambda x: x if x > 0 else -x

    assert num.grad_bp(size, fractions.Fraction(-3)) == -1


def test_num_ops_see_values_as_they_are():
    root = num.lift_op(Op(lambda x: (math.isqrt(x), lambda dzdy: dzdy * fractions.Fraction(1, 6))))

    assert num.grad_bp(lambda x: root(x) * 2, 9) == fractions.Fraction(1, 3)
    assert root(9) == 3


@pytest.mark.parametrize("runner", [num.grad_bp, num.backprop, num.backprop_with])
def test_num_without_arguments_is_a_function(runner):
    assert type(runner(lambda x: x * x)(3)) is type(runner(lambda x: x * x, 3))


def test_num_lift_op_wants_an_op():
    with pytest.raises(RuleError, match=r"num.lift_op was given .* which is no Op"):
        num.lift_op(lambda x: x)


def test_num_does_not_know_functions_or_attributes():
    with pytest.raises(TypeError, match="sin"):
        num.grad_bp(np.sin, 2)
    with pytest.raises(AttributeError, match="label"):
        num.grad_bp(lambda x: x.label, Residue(3))


def test_num_evaluates_plainly():
    assert num.eval_bp(lambda x: x * 2, Residue(3)) == 6


def test_nums_are_numbers():
    two, three = Num(2), Num(3)

    assert (two + three, 1 + two, two - three, 1 - two) == (5, 3, -1, -1)
    assert (two * three, 3 * two, three / two, 3 / two, two**three) == (6, 6, 1.5, 1.5, 8)
    assert (-two, +two, abs(Num(-2))) == (-2, 2, 2)
    assert two < three <= three > two >= two != three
    assert repr(two) == "Num(2)"
    assert not Num(0)


def test_nums_can_be_differentiated_twice():
    assert grad_bp(lambda x: grad_bp(lambda y: y**3, x), Num(2)) == 12


def test_nums_are_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Num(1))
