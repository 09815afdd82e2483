"""The checker of the laws of spaces."""

import dataclasses

import numpy as np
import pytest

from backprop_lift import Space, add, register_space, zero
from backprop_lift.gradcheck import broken_laws
from backprop_lift.gradcheck.laws import LAWS


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        2,
        1 + 2j,
        np.float32(2),
        np.ones((2, 3)),
        [1.0, (2.0,)],
        {"a": 1.0},
        Layer(np.ones(2), 1.0),
        "s",
        None,
    ],
    ids=repr,
)
@pytest.mark.parametrize("law", LAWS)
def test_laws_hold_for_the_types_of_the_library(value, law):
    assert broken_laws(value, laws=[law]) == []


def padded(x, y):
    return [a + b for a, b in zip(x, y, strict=False)]


def written_into(x, y):
    x += y
    return x


WRONG = {
    "left identity": Space(lambda x: x * 0 + 1, lambda x, y: x + y, lambda x: x * 0 + 1),
    "right identity": Space(lambda x: x * 0, lambda x, y: y, lambda x: x * 0 + 1),
    "commutative": Space(lambda x: x * 0, lambda x, y: x + 2 * y, lambda x: x * 0 + 1),
    "associative": Space(lambda x: x * 0, lambda x, y: (x + y) / 2, lambda x: x * 0 + 1),
    "zero of zero": Space(lambda x: x + 1, lambda x, y: x + y, lambda x: x * 0 + 1),
    "one of one": Space(lambda x: x * 0, lambda x, y: x + y, lambda x: x + 1),
    "unital": Space(lambda x: x * 0, lambda x, y: x + y, lambda x: x * 0 + 2),
    "pure": Space(lambda x: x * 0, written_into, lambda x: x * 0 + 1),
}


@pytest.mark.parametrize("law", WRONG)
def test_laws_are_found_broken(law):
    broken = broken_laws(np.array([1.0, 2.0]), space=WRONG[law])

    assert law in {found.law for found in broken}


@pytest.mark.parametrize(
    ("value", "one"),
    [
        (2.0, 0.0),
        (2.0, 2.0),
        (1 + 2j, 1 + 1j),
        (np.ones(2), np.array([1.0, 0.0])),
        (np.ones(2), np.ones(3)),
        ([1.0, (2.0,)], [1.0, (0.0,)]),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}),
        (Layer(np.ones(2), 1.0), Layer(np.zeros(2), 1.0)),
    ],
    ids=repr,
)
def test_one_that_is_not_one_is_found(value, one):
    space = Space(zero, add, lambda x: one)

    assert [found.law for found in broken_laws(value, space=space, laws=["unital"])] == ["unital"]


class Opaque:
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    __hash__ = None

    def __add__(self, other):
        return type(self)(self.n + other.n)


class Multiplying(Opaque):
    __slots__ = ()

    def __mul__(self, other):
        return Multiplying(self.n * other.n)


@pytest.mark.parametrize(("one", "laws"), [(1.0, []), (0.0, ["unital"]), (2.0, ["unital"])])
def test_one_of_an_opaque_type_is_neutral_where_it_multiplies(one, laws):
    space = Space(lambda x: Multiplying(0.0), lambda x, y: x + y, lambda x: Multiplying(one))
    register_space(Multiplying, space, replace=True)

    broken = broken_laws(
        Multiplying(3.0), laws=["unital"], cotangents=lambda v: [Multiplying(k) for k in (2, 3, 5)]
    )

    assert [found.law for found in broken] == laws


@pytest.mark.parametrize("law", [law for law in WRONG if law not in ("pure", "unital")])
def test_laws_of_opaque_types_are_found_broken(law):
    wrong = WRONG[law]
    space = Space(
        lambda x: Opaque(wrong.zero(x.n)),
        lambda x, y: Opaque(wrong.add(x.n, y.n)),
        lambda x: Opaque(wrong.one(x.n)),
    )

    broken = broken_laws(
        Opaque(3.0), space=space, laws=[law], cotangents=lambda v: map(Opaque, (2.0, 3.0, 5.0))
    )

    assert [found.law for found in broken] == [law]


def test_addition_that_truncates_is_found():
    space = Space(lambda x: [], padded, lambda x: [1.0] * len(x))

    broken = broken_laws([1.0, 2.0], space=space)

    assert "left identity" in {found.law for found in broken}
    assert "list breaks the law" in str(broken[0])
