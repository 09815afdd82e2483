"""Spaces: zero, add and one of every type, and their laws."""

import collections
import copy
import dataclasses
import decimal
import enum
import fractions
import functools
import math
import pickle
import types
from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_lift import ZERO, Space, add, grad_bp, one, register_space, space_of, zero
from backprop_lift._space import parts_of
from backprop_lift.errors import LiftError, SpaceError


class Point(NamedTuple):
    x: float
    y: Any


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float
    name: str = "layer"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    left: float
    right: complex


@attrs.define
class Sphere:
    radius: float
    centre: np.ndarray


class Plain:
    def __init__(self, a: float) -> None:
        self.a = a


class Colour(enum.Enum):
    RED = 1


class Opaque:
    """Neither number, container nor record: it has no attributes at all."""

    __slots__ = ()


def same(x: Any, y: Any) -> bool:
    """Equal in value, type and dtype, part by part."""
    if type(x) is not type(y):
        return False
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return x.shape == y.shape and all(map(same, x.flat, y.flat))
        return x.dtype == y.dtype and np.array_equal(x, y)
    if isinstance(x, dict):
        return list(x) == list(y) and all(same(x[k], y[k]) for k in x)
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(map(same, x, y))
    names = [*getattr(x, "__dict__", ()), *getattr(type(x), "__slots__", ())]
    if names and not isinstance(x, enum.Enum):
        return all(same(getattr(x, n), getattr(y, n)) for n in names if n != "__weakref__")
    return bool(x == y)


finite = st.floats(-1e6, 1e6).map(lambda x: float(np.float32(x)))
arrays = st.lists(finite, min_size=3, max_size=3).map(np.array)
layers = st.builds(Layer, arrays, finite)
EXAMPLES = {
    "float": finite,
    "complex": st.builds(complex, finite, finite),
    "float64": finite.map(np.float64),
    "float32": finite.map(np.float32),
    "Fraction": st.fractions(max_denominator=100),
    "Decimal": st.decimals(-1000, 1000, places=2),
    "array": arrays,
    "array of no dimensions": finite.map(np.array),
    "empty array": st.builds(lambda: np.zeros((0, 3))),
    "complex array": arrays.map(lambda x: x * 1j),
    "list": st.tuples(finite, arrays).map(list),
    "tuple": st.tuples(finite, st.tuples(finite, arrays)),
    "empty tuple": st.builds(tuple),
    "dict": st.fixed_dictionaries({"a": finite, 2: arrays}),
    "NamedTuple": st.builds(Point, finite, arrays),
    "dataclass": layers,
    "frozen dataclass with slots": st.builds(Frozen, finite, st.builds(complex, finite, finite)),
    "attrs class": st.builds(Sphere, finite, arrays),
    "plain class": st.builds(Plain, finite),
    "SimpleNamespace": st.builds(types.SimpleNamespace, x=finite, y=arrays),
    "OrderedDict": st.builds(lambda x: collections.OrderedDict(b=x, a=1.0), finite),
    "string": st.just("text"),
    "None": st.none(),
    "enum": st.just(Colour.RED),
    "records in lists": st.lists(layers, min_size=2, max_size=2),
}
# Whose gradient needs a seed.
COMPLEX = {"complex", "complex array", "frozen dataclass with slots"}
each_type = pytest.mark.parametrize("examples", EXAMPLES.values(), ids=EXAMPLES)


@each_type
def test_zero_is_the_identity_of_add(examples):
    @given(examples)
    def check(x):
        cotangent = add(one(x), one(x))
        assert same(add(cotangent, zero(x)), cotangent)
        assert same(add(zero(x), cotangent), cotangent)

    check()


@each_type
def test_add_is_commutative(examples):
    @given(examples)
    def check(x):
        y = add(one(x), one(x))
        assert same(add(one(x), y), add(y, one(x)))

    check()


@each_type
def test_add_is_associative(examples):
    @given(examples)
    def check(x):
        a, b = one(x), add(one(x), one(x))
        assert same(add(add(a, b), b), add(a, add(b, b)))

    check()


@each_type
def test_zero_and_one_ignore_the_value(examples):
    @given(examples)
    def check(x):
        assert same(zero(zero(x)), zero(x))
        assert same(one(one(x)), one(x))

    check()


@pytest.mark.parametrize(
    "examples",
    [v for k, v in EXAMPLES.items() if k not in COMPLEX],
    ids=[k for k in EXAMPLES if k not in COMPLEX],
)
def test_one_is_the_gradient_of_the_identity(examples):
    @given(examples)
    def check(x):
        assert same(grad_bp(lambda v: v, x), one(x))

    check()


@each_type
def test_add_changes_neither_argument(examples):
    @given(examples)
    def check(x):
        a, b = one(x), one(x)
        add(a, b)
        assert same(a, one(x))
        assert same(b, one(x))

    check()


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (3, 0.0),
        (np.int64(3), np.float64(0)),
        (np.float32(3), np.float32(0)),
        (np.arange(3), np.zeros(3)),
        (np.array(2), np.zeros(())),
        (np.ones(2, np.float32), np.zeros(2, np.float32)),
        (np.array([True, False]), None),
        (np.array(["a"]), None),
        (np.bool_(True), None),
        (True, None),
        ("a", None),
        (b"a", None),
        (Colour.RED, None),
        (None, None),
        (len, None),
        (np, None),
        (slice(3), None),
        (np.datetime64("2020-01-01"), None),
        ([1, "a", True], [0.0, None, None]),
    ],
    ids=repr,
)
def test_zero_has_the_type_of_cotangents(x, expected):
    assert same(zero(x), expected)


@pytest.mark.parametrize("compiled", [functools.partial(math.pow, 2.0), collections.deque([1.0])])
def test_an_object_of_a_compiled_class_is_no_record(compiled):
    assert parts_of(compiled) is None


def test_cotangent_of_a_record_is_made_without_its_init():
    calls = []

    @dataclasses.dataclass
    class Checked:
        x: float

        def __post_init__(self):
            calls.append(self.x)

    record = Checked(2.0)
    gradient = grad_bp(lambda r: r.x**2, record)

    assert isinstance(gradient, Checked)
    assert gradient.x == 4.0
    assert calls == [2.0]


def test_add_joins_the_keys_of_mappings():
    assert add({"a": 1.0}, {"b": 2.0, "a": 3.0}) == {"a": 4.0, "b": 2.0}


def test_add_keeps_the_default_of_a_defaultdict():
    sums = add(collections.defaultdict(float, a=1.0), collections.defaultdict(float, a=2.0))

    assert sums["a"] == 3.0
    assert sums["missing"] == 0.0


def test_gradient_of_an_ordered_dict_can_be_iterated():
    gradient = grad_bp(lambda d: 2.0 * d["b"], collections.OrderedDict(b=1.0, a=3.0))

    assert list(gradient.items()) == [("b", 2.0), ("a", 0.0)]


@pytest.mark.parametrize(
    ("x", "y"), [([1.0, 2.0, 3.0], [10.0]), ([], [1.0]), ((1.0,), (1.0, 2.0))], ids=repr
)
def test_add_refuses_sequences_of_unequal_lengths(x, y):
    # the original cuts or shifts such vectors (D4)
    with pytest.raises(SpaceError, match="different parts"):
        add(x, y)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (1.0, [2.0]),
        ([1.0], 2.0),
        (2.0, np.ones(2)),
        (np.ones(2), 2.0),
        ({"a": 1.0}, [2.0]),
        ([2.0], {0: 1.0}),
        (Plain(1.0), 2.0),
        (decimal.Decimal(1), 0.5),
        (np.float32(1), "text"),
    ],
    ids=repr,
)
def test_add_refuses_values_of_different_kinds(x, y):
    with pytest.raises(SpaceError, match="add was given"):
        add(x, y)


def test_add_of_arrays_of_objects_adds_the_objects():
    held = np.array([1.0, None, [2.0]], object)

    assert add(held, held).tolist() == [2.0, None, [4.0]]


def test_add_refuses_arrays_of_different_shapes():
    with pytest.raises(SpaceError, match="different shapes"):
        add(np.ones(3), np.ones((1, 3)))


@pytest.mark.parametrize("nothing", [ZERO, None])
def test_add_takes_a_missing_part_for_zero(nothing):
    assert add(nothing, 3.0) == 3.0
    assert add(3.0, nothing) == 3.0


def test_one_is_not_zero_for_records():
    # the original gives zeros for three kinds of records (D5)
    assert one(Point(5.0, [6.0])) == Point(1.0, [1.0])


def test_symbolic_zero_absorbs():
    assert (ZERO + 2.0, 2.0 + ZERO) == (2.0, 2.0)
    assert (ZERO - 2.0, 2.0 - ZERO) == (-2.0, 2.0)
    assert ZERO * 3.0 is ZERO
    assert 3.0 * ZERO is ZERO
    assert -ZERO is ZERO
    assert repr(ZERO) == "ZERO"


def test_symbolic_zero_is_one_object_however_copied():
    assert pickle.loads(pickle.dumps(ZERO)) is ZERO
    assert copy.deepcopy([ZERO])[0] is ZERO


def test_space_of_takes_a_value_for_its_type():
    assert space_of(2.0) is space_of(float)
    assert isinstance(space_of(float), Space)


def test_space_of_refuses_an_unknown_type_and_names_the_remedy():
    with pytest.raises(SpaceError, match=r"register_space\(Opaque") as caught:
        space_of(Opaque)

    assert isinstance(caught.value, TypeError)


def test_space_of_a_subclass_is_that_of_its_base():
    class Metres(float):
        pass

    class Matrix(np.ndarray):
        pass

    assert space_of(Metres) is space_of(float)
    assert space_of(Matrix) is space_of(np.ndarray)


@pytest.fixture
def interval():
    """A class with a space of its own, registered for one test."""
    from backprop_lift import _space

    class Interval:
        __slots__ = ("high", "low")

        def __init__(self, low, high):
            self.low, self.high = low, high

    yield Interval
    _space._registered.pop(Interval, None)


def test_register_space_gives_a_type_its_space(interval):
    register_space(
        interval,
        zero=lambda x: interval(0.0, 0.0),
        add=lambda x, y: interval(x.low + y.low, x.high + y.high),
        one=lambda x: interval(1.0, 1.0),
    )

    total = add(one(interval(2, 3)), one(interval(2, 3)))

    assert (total.low, total.high) == (2.0, 2.0)


def test_slot_of_a_type_with_a_space_of_its_own_is_not_read_as_a_constant(interval):
    register_space(
        interval,
        zero=lambda x: interval(0.0, 0.0),
        add=lambda x, y: interval(x.low + y.low, x.high + y.high),
        one=lambda x: interval(1.0, 1.0),
    )

    with pytest.raises(SpaceError, match="has no parts here"):
        grad_bp(lambda v: v.low * 2.0, interval(1.0, 3.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda cls: register_space(3, Space(zero, add, one)), "3, which is no class"),
        (lambda cls: register_space(cls, 3), "3, which is no Space"),
        (lambda cls: register_space(cls, zero=0, add=add, one=one), "0 for zero, which is no function"),
        (lambda cls: register_space(cls, Space(zero, add, one), zero=zero), "functions of one besides"),
        (lambda cls: Space(zero, None, one), "None for add, which is no function"),
    ],
)  # fmt: skip
def test_register_space_refuses_what_is_no_space(call, message, interval):
    with pytest.raises(SpaceError, match=message):
        call(interval)


def test_register_space_names_what_is_missing(interval):
    with pytest.raises(SpaceError, match="not given add and one"):
        register_space(interval, zero=lambda x: x)


def test_register_space_refuses_a_second_space_unless_told_to_replace(interval):
    space = Space(lambda x: 0, lambda x, y: x, lambda x: 1)
    other = Space(lambda x: 5, lambda x, y: x, lambda x: 1)
    register_space(interval, space)

    with pytest.raises(SpaceError, match="replace=True"):
        register_space(interval, other)
    register_space(interval, other, replace=True)

    assert zero(interval(0, 0)) == 5


def test_space_of_numbers_is_exact_for_exact_numbers():
    assert grad_bp(lambda x: x * x, fractions.Fraction(1, 3)) == fractions.Fraction(2, 3)
    assert grad_bp(lambda x: x * x, decimal.Decimal("0.1")) == decimal.Decimal("0.2")


class Named(np.ndarray):
    """An array with a name and the arithmetic of arrays."""


def test_arrays_of_a_subclass_are_arrays():
    gradient = grad_bp(lambda v: np.sum(v * v), np.arange(3.0).view(Named))

    assert type(gradient) is Named
    assert gradient.tolist() == [0.0, 2.0, 4.0]


class Matrix(np.ndarray):
    """Its product is that of matrices, as that of `numpy.matrix`."""

    def __mul__(self, other):
        return self @ other


@pytest.mark.parametrize(
    "value", [np.ma.array([1.0, 2.0], mask=[False, True]), np.eye(2).view(Matrix)]
)
def test_arrays_with_an_arithmetic_of_their_own_are_refused(value):
    with pytest.raises(SpaceError, match="has an arithmetic of its own"):
        grad_bp(np.sum, value)
    with pytest.raises(LiftError):
        grad_bp(lambda v: np.sum(v * value), np.asarray(value))
