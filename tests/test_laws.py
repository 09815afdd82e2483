"""The laws of a Space, for every type that has one."""

import collections
import dataclasses
import decimal
import enum
import fractions
import types
from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backprop_lift import (
    Space,
    _space,
    add,
    backprop_with,
    explicit,
    num,
    one,
    register_space,
    zero,
)
from backprop_lift.gradcheck.contracts import value_problem
from backprop_lift.gradcheck.laws import LAWS, broken_laws

# Multiples of 1/64 add up exactly.
exact = st.integers(-(2**10), 2**10).map(lambda n: n / 64)


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any
    name: str = "layer"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: Any
    b: Any


@attrs.define
class Sphere:
    radius: float
    centre: Any


class Plain:
    def __init__(self, a, b):
        self.a, self.b = a, b


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Money(fractions.Fraction):
    """Inherits the space of its base."""


class Angle:
    """Registered by hand."""

    __slots__ = ("degrees",)

    def __init__(self, degrees):
        self.degrees = degrees

    def __eq__(self, other):
        return self.degrees == other.degrees

    __hash__ = None

    def __add__(self, other):
        return Angle(self.degrees + other.degrees)


register_space(Angle, zero=lambda x: Angle(0.0), add=lambda x, y: x + y, one=lambda x: Angle(1.0))

_shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
_arrays = st.sampled_from([np.float64, np.float32]).flatmap(
    lambda dtype: arrays.arrays(dtype, _shapes, elements=exact.map(dtype))
)


def _objects(values):
    held = np.empty(len(values), object)
    held[:] = values
    return held


_leaves = exact | _arrays | st.none() | st.just("text") | st.builds(complex, exact, exact)

VALUES = {
    float: exact,
    int: st.integers(-9, 9),
    complex: st.builds(complex, exact, exact),
    fractions.Fraction: st.fractions(),
    decimal.Decimal: st.integers(-99, 99).map(lambda n: decimal.Decimal(n) / 4),
    np.ndarray: _arrays | arrays.arrays(np.int64, _shapes, elements=st.integers(-9, 9)),
    np.float64: exact.map(np.float64),
    np.float32: exact.map(np.float32),
    np.complex128: exact.map(np.complex128),
    list: st.lists(_leaves, max_size=3),
    tuple: st.tuples(_leaves, _leaves),
    dict: st.dictionaries(st.sampled_from("abc"), _leaves),
    Pair: st.builds(Pair, _leaves, st.lists(exact, max_size=2)),
    Layer: st.builds(Layer, _arrays, exact),
    Frozen: st.builds(Frozen, _leaves, _leaves),
    Sphere: st.builds(Sphere, exact, _arrays),
    Plain: st.builds(Plain, exact, st.tuples(_leaves)),
    Money: st.integers(1, 9).map(lambda n: Money(n, 4)),
    str: st.just("text"),
    bool: st.booleans(),
    Colour: st.just(Colour.RED),
    Level: st.just(Level.LOW),
    collections.OrderedDict: st.builds(lambda a: collections.OrderedDict(b=a), _leaves),
    collections.defaultdict: st.builds(lambda a: collections.defaultdict(float, b=a), exact),
    collections.ChainMap: st.builds(lambda a, b: collections.ChainMap({"a": a}, {"b": b}), exact, exact),
    types.SimpleNamespace: st.builds(lambda a: types.SimpleNamespace(a=a), _leaves),
    "optional": st.builds(Layer, st.none() | exact, st.none() | _arrays),
    "union": exact | st.just("text") | st.lists(exact, max_size=2) | st.builds(Sphere, exact, exact),
    "nested lists": st.lists(st.lists(exact, max_size=3), max_size=3),
    "array of objects": st.lists(exact | st.none(), max_size=3).map(_objects),
    type(None): st.none(),
    "nested": st.recursive(_leaves, lambda inner: st.lists(inner, max_size=2) | st.builds(
        Layer, inner, inner
    ) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2), max_leaves=5),
}  # fmt: skip

# Of opaque values, whose cotangents the checker cannot draw by itself.
OPAQUE = {
    Angle: (exact.map(Angle), lambda v: [Angle(1.5), Angle(-2.0), Angle(0.25)]),
    num.Num: (exact.map(num.Num), lambda v: [num.Num(1.5), num.Num(-2.0), num.Num(0.25)]),
}


def _id(kind):
    return kind if isinstance(kind, str) else kind.__name__


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", VALUES, ids=_id)
@given(data=st.data())
def test_law_holds(kind, law, data):
    value = data.draw(VALUES[kind])

    assert broken_laws(value, laws=[law]) == []


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", OPAQUE, ids=_id)
@given(data=st.data())
def test_law_holds_for_opaque_values(kind, law, data):
    values, cotangents = OPAQUE[kind]

    assert broken_laws(data.draw(values), laws=[law], cotangents=cotangents) == []


def test_every_registered_type_is_among_the_values():
    import backprop_lift

    registered = {
        cls
        for cls in _space._registered
        if cls.__module__.partition(".")[0] in ("builtins", "numpy", "fractions", "decimal")
        or cls.__module__.startswith("backprop_lift.num")
    }
    checked = {*VALUES, *OPAQUE, backprop_lift.BVar}

    assert registered - checked == set()


@given(x=st.lists(exact, max_size=4), y=st.lists(exact, max_size=4), z=st.lists(exact, max_size=4))
def test_laws_hold_for_padded_lists_up_to_extra_zeros(x, y, z):
    space = explicit.PADDED

    assert space.add(x, space.zero(x)) == x
    assert space.add(x, y) == space.add(y, x)
    assert space.add(x, space.add(y, z)) == space.add(space.add(x, y), z)
    assert space.zero(space.zero(x)) == space.zero(x)
    assert space.one(space.one(x)) == space.one(x)


@given(x=VALUES["nested"])
def test_one_is_what_the_identity_hands_back(x):
    _, scaled_grad = backprop_with(lambda v: v, x)

    assert value_problem(one(x), scaled_grad(one(x))) is None
    assert type(scaled_grad(one(x))) is type(one(x))
    assert type(zero(x)) is type(add(zero(x), one(x)))


@pytest.mark.parametrize(
    ("space", "law"),
    [
        (Space(lambda x: 1.0, lambda x, y: x + y, lambda x: 1.0), "left identity"),
        (Space(lambda x: 0.0, lambda x, y: x - y, lambda x: 1.0), "commutative"),
        (Space(lambda x: 0.0, lambda x, y: abs(x + y), lambda x: 1.0), "right identity"),
        (Space(lambda x: 0.0, lambda x, y: (x + y) / 2 if x and y else x or y, lambda x: 1.0),
         "associative"),
        (Space(lambda x: 0.0, lambda x, y: x + y, lambda x: x + 2.0), "one of one"),
        (Space(lambda x: x, lambda x, y: x + y, lambda x: 1.0), "left identity"),
        (Space(lambda x: 0.0, lambda x, y: x + y, lambda x: 0.0), "unital"),
    ],
    ids=["zero of one", "minus", "size", "mean", "one of its own", "zero of itself", "no one"],
)  # fmt: skip
def test_broken_law_is_seen(space, law):
    found = broken_laws(1.5, space=space, cotangents=lambda v: [-1.5, 2.0, -0.25])
    broken = {each.law for each in found}

    assert law in broken
