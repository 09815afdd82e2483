"""Coordinates: structures as vectors, and cotangents read back."""

import collections
import dataclasses
import decimal
import fractions

import numpy as np
import pytest

from backprop_lift import ZERO
from backprop_lift.errors import CotangentError
from backprop_lift.gradcheck.coordinates import Coordinates

Pair = collections.namedtuple("Pair", "x y")


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float
    name: str = "layer"


VALUES = [
    1.5,
    1 + 2j,
    np.float32(2),
    np.array(2.0),
    np.ones((2, 3)),
    np.arange(4, dtype=np.float32),
    np.array([1 + 1j, 2.0]),
    [1.0, (2.0, 3 + 1j)],
    {"w": np.ones(2), "n": 3, "name": "x", "none": None},
    Pair(1.0, [2.0]),
    Layer(np.ones(2), 1.0),
    fractions.Fraction(1, 2),
    decimal.Decimal("0.5"),
    np.array([1.0, [2.0]], dtype=object),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_rebuilt_value_has_the_types_and_coordinates_it_was_given(value):
    here = Coordinates(value)

    there = Coordinates(here.rebuilt(2 * here.vector + 1))

    assert type(there.value) is type(value)
    assert [leaf.path for leaf in there.leaves] == [leaf.path for leaf in here.leaves]
    np.testing.assert_array_equal(there.vector, 2 * here.vector + 1)


def test_rebuilt_value_shares_no_memory_with_the_first():
    value = {"w": np.ones(3), "index": np.arange(3)}

    there = Coordinates(value).rebuilt(np.ones(3))

    assert not np.shares_memory(there["w"], value["w"])
    assert not np.shares_memory(there["index"], value["index"])


def test_integers_count_where_that_is_asked_for():
    value = [1, 2.5, np.arange(2), True]

    assert len(Coordinates(value)) == 1
    assert Coordinates(value, integers=True).rebuilt(np.array([1.5, 2.5, 0.5, 1.5]))[0] == 1.5


def test_cotangent_has_floats_for_integers_and_none_for_the_rest():
    made = Coordinates({"a": 2.0, "n": 3, "s": "x"}).cotangent(np.array([7.0]))

    assert made == {"a": 7.0, "n": 0.0, "s": None}


def test_cotangent_of_a_complex_number_is_two_coordinates():
    assert Coordinates(1 + 2j).of(3 - 4j).tolist() == [3.0, -4.0]


def test_symbolic_zero_reads_as_zeros():
    assert Coordinates([1.0, np.ones(2)]).of(ZERO).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("value", "cotangent"),
    [
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.ones(2), 1.0),
        ([1.0, 2.0], [1.0]),
        ({"a": 1.0}, {"b": 1.0}),
        (1.0, 1j),
        (1.0, None),
        (Layer(np.ones(2), 1.0), 3.0),
    ],
    ids=repr,
)
def test_cotangent_of_another_structure_is_refused(value, cotangent):
    with pytest.raises(CotangentError, match="cotangent"):
        Coordinates(value).of(cotangent)


def test_labels_are_what_the_user_writes():
    here = Coordinates({"w": np.ones((2, 2)), "z": [1j]})

    labels = [here.label(k) for k in range(len(here))]

    assert labels == [
        "['w'][0, 0]",
        "['w'][0, 1]",
        "['w'][1, 0]",
        "['w'][1, 1]",
        "['z'][0]",
        "['z'][0].imag",
    ]


def test_scales_are_sizes_with_those_of_neighbours_for_zeros():
    here = Coordinates([np.array([0.0, -4.0, np.nan]), 0.0, 1e-9])

    assert here.scales().tolist() == [4.0, 4.0, 4.0, 1.0, 1e-9]
