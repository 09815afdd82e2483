"""The checker of the laws of spaces."""

import dataclasses

import numpy as np
import pytest

from backprop_lift import Space
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
    "unital": Space(lambda x: x * 0, lambda x, y: x + y, lambda x: np.ones(3)),
    "pure": Space(lambda x: x * 0, written_into, lambda x: x * 0 + 1),
}


@pytest.mark.parametrize("law", WRONG)
def test_laws_are_found_broken(law):
    broken = broken_laws(np.array([1.0, 2.0]), space=WRONG[law])

    assert law in {found.law for found in broken}


def test_addition_that_truncates_is_found():
    space = Space(lambda x: [], padded, lambda x: [1.0] * len(x))

    broken = broken_laws([1.0, 2.0], space=space)

    assert "left identity" in {found.law for found in broken}
    assert "list breaks the law" in str(broken[0])
