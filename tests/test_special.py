"""Operators, items and iteration as the class of a record defines them."""

import dataclasses
import operator
from typing import Any, NamedTuple

import pytest

from backprop_lift import Space, explicit, grad_bp, lifted, twin_of


@dataclasses.dataclass
class Complex:
    """Its product is not that of the parts."""

    re: Any
    im: Any

    def __add__(self, other):
        return Complex(self.re + other.re, self.im + other.im)

    def __mul__(self, other):
        if not hasattr(other, "im"):
            return Complex(self.re * other, self.im * other)
        return Complex(
            self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re
        )

    __rmul__ = __or__ = __and__ = __xor__ = __matmul__ = __mod__ = __mul__
    __floordiv__ = __truediv__ = __lshift__ = __rshift__ = __mul__

    def __neg__(self):
        return Complex(-self.re, -self.im)

    def __invert__(self):
        return Complex(self.re, -self.im)

    def __abs__(self):
        return (self.re**2 + self.im**2) ** 0.5

    def __pow__(self, n):
        return self if n == 1 else self * self ** (n - 1)

    def __round__(self, ndigits=0):
        return Complex(self.re * 10, self.im)


A, B = Complex(2.0, 3.0), Complex(5.0, 7.0)
PRODUCTS = [
    operator.mul, operator.or_, operator.and_, operator.xor, operator.matmul, operator.mod,
    operator.floordiv, operator.truediv, operator.lshift, operator.rshift,
]  # fmt: skip


@pytest.mark.parametrize("operation", PRODUCTS)
def test_operator_of_a_record_is_that_of_its_class(operation):
    assert grad_bp(lambda a, b: operation(a, b).re, A, B) == (Complex(5, -7), Complex(2, -3))
    assert grad_bp(lambda a, b: operation(a, b).im, A, B) == (Complex(7, 5), Complex(3, 2))


def test_operator_of_a_record_and_a_constant_is_that_of_its_class():
    assert grad_bp(lambda a: (a * B).im, A) == Complex(7, 5)
    assert grad_bp(lambda b: (A * b).im, B) == Complex(3, 2)
    assert grad_bp(lambda x: (A * x).im, 2.0) == 3.0
    assert grad_bp(lambda a, x: (x * a).im, A, 2.0) == (Complex(0, 2), 3.0)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda a: (-a).im, Complex(0, -1)),
        (lambda a: (~a).im, Complex(0, -1)),
        (abs, Complex(2 / 13**0.5, 3 / 13**0.5)),
        (lambda a: (a**2).re, Complex(4, -6)),
        (lambda a: round(a).re, Complex(10, 0)),
        (lambda a: (a + a).re, Complex(2, 0)),
    ],
)
def test_operator_of_one_record_is_that_of_its_class(f, expected):
    found = grad_bp(f, A)

    assert (found.re, found.im) == pytest.approx((expected.re, expected.im))


def test_operator_of_a_record_can_be_differentiated_twice():
    second = grad_bp(lambda a: grad_bp(lambda b: (b * b * b).re, a).im, A)

    # of 3 * (re**2 - im**2), 3 * -2 * re * im by im
    assert (second.re, second.im) == (-18.0, -12.0)


def test_operator_with_a_rule_of_its_own_has_its_gradient():
    class Steep(Complex):
        def __mul__(self, other):
            return self.re * other

    lifted(grad={"self": lambda dzdy, self, other: Steep(100.0 * dzdy, 0.0)}, wrt=("self",))(
        Steep.__mul__
    )

    assert grad_bp(lambda a: a * 2.0, Steep(1.0, 1.0)).re == 100.0
    assert twin_of(Steep.__mul__)(Steep(3.0, 1.0), 2.0) == 6.0


def test_operator_of_a_space_given_by_hand_is_that_of_the_space():
    space = Space(
        zero=lambda x: Complex(0.0, 0.0), add=operator.add, one=lambda x: Complex(1.0, 0.0)
    )

    # by the rule of the product, from ones in both parts of the result: 2 (1 + i) (2 + 3i)
    assert explicit.grad_bp(space, lambda a: a * a, A) == Complex(-2.0, 10.0)


class Steps:
    """Items that are no parts."""

    def __init__(self, held):
        self.held = held

    def __getitem__(self, i):
        return self.held[i] * 2

    def __iter__(self):
        return iter([x * 5 for x in self.held])

    def __len__(self):
        return len(self.held)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda s: s[1], [0.0, 2.0]),
        (sum, [5.0, 5.0]),
        (lambda s: list(s)[-1], [0.0, 5.0]),
        (lambda s: len(s) * s.held[0], [2.0, 0.0]),
    ],
)
def test_items_of_a_record_are_those_of_its_class(f, expected):
    assert grad_bp(f, Steps([1.0, 2.0])).held == expected


class Move(NamedTuple):
    x: Any
    y: Any

    def __add__(self, other):
        return Move(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Move(self.x * factor, self.y * factor)


def test_operators_of_a_named_tuple_are_those_of_its_class():
    assert grad_bp(lambda a, b: (a + b).x, Move(1.0, 2.0), Move(3.0, 4.0)) == ((1.0, 0.0),) * 2
    assert grad_bp(lambda a, k: (a * k).y, Move(1.0, 2.0), 3.0) == ((0.0, 3.0), 2.0)


def test_dicts_are_joined_with_their_gradients():
    assert grad_bp(lambda d: (d | {"b": 2.0})["a"], {"a": 1.0}) == {"a": 1.0}
    assert grad_bp(lambda d: ({"b": 2.0} | d)["a"], {"a": 1.0}) == {"a": 1.0}
    assert grad_bp(lambda d, e: (d | e)["a"] * 3, {"a": 1.0}, {"a": 2.0}) == ({"a": 0}, {"a": 3})


def test_operators_of_integers_are_constants():
    assert (
        grad_bp(lambda n: (n | 1) + (n & 1) + (n ^ 1) + (n << 1) + (n >> 1) + ~n + n // 2, 6) == 0
    )


def test_comparison_that_a_class_defines_keeps_the_gradient_of_what_it_returns():
    @dataclasses.dataclass
    class Length:
        x: float

        def __lt__(self, other):
            return Length(self.x * other.x)

    dzda, dzdb = grad_bp(lambda a, b: (a < b).x, Length(2.0), Length(3.0))

    assert (dzda.x, dzdb.x) == (3.0, 2.0)
    assert grad_bp(lambda a: a.x if a == Length(2.0) else 0.0, Length(2.0)).x == 1.0
