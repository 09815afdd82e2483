"""BVar: behaves as its value, and refuses what would drop its tape."""

import array
import cmath
import contextlib
import copy
import dataclasses
import decimal
import json
import math
import operator
import pickle
import statistics
import struct
from typing import Any, NamedTuple

import numpy as np
import pytest

from backprop_lift import BVar, backprop, backprop_with, const_var, grad_bp, value_of
from backprop_lift.errors import ConversionError, LiftError, NoGradientError, TapeError


def slopes(f, x, eps=1e-6):
    """The gradient of a function of one array, by central differences."""
    x = np.asarray(x, float)
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        found[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return found


def shown(f, x):
    """What a function sees of the BVar of `x`."""
    seen = []
    grad_bp(lambda v: (seen.append(f(v)), v * 1.0)[1], x)
    return seen[0]


# Operators

OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "pow": operator.pow,
    "mod": operator.mod,
}
OTHERS = {
    "int": 3,
    "float": 2.5,
    "float64": np.float64(2.5),
    "float32": np.float32(2.5),
    "int64": np.int64(3),
    "bool": True,
    "array": np.array([2.0, 2.5, 4.0]),
    "array of no dimensions": np.array(2.5),
    "integers": np.array([2, 3, 5]),
    "column": np.array([[2.0], [2.5]]),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize(
    "x",
    [1.7, np.float64(1.7), np.array([1.7, 0.37, 2.2]), np.array(1.7)],
    ids=["float", "float64", "array", "array of no dimensions"],
)
def test_operator_differentiates_with_any_other_on_either_side(op, x, other):
    for f in (lambda v: np.sum(op(v, other)), lambda v: np.sum(op(other, v))):
        gradient = grad_bp(f, x)
        assert type(gradient) is (float if type(x) is float else type(x))
        assert np.allclose(gradient, slopes(f, x), rtol=1e-5)


@pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize(
    "shapes",
    [
        ((), ()),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (2, 1)),
        ((), (3,)),
        ((1,), (4,)),
        ((0,), (1,)),
    ],
    ids=str,
)
def test_operator_differentiates_by_both_and_sums_what_it_broadcast(op, shapes):
    rng = np.random.default_rng(1)
    x, y = (rng.uniform(0.5, 2.0, shape) for shape in shapes)
    weights = rng.normal(size=np.broadcast_shapes(*shapes))

    got = grad_bp(lambda x, y: np.sum(op(x, y) * weights), x, y)

    expected = (
        slopes(lambda x: np.sum(op(x, y) * weights), x),
        slopes(lambda y: np.sum(op(x, y) * weights), y),
    )
    assert [g.shape for g in got] == [x.shape, y.shape]
    assert all(np.allclose(g, e, atol=1e-7) for g, e in zip(got, expected, strict=True))


@pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS)
def test_operator_of_a_bvar_with_itself_differentiates(op):
    x = np.array([1.5, 2.5])

    assert np.allclose(
        grad_bp(lambda v: np.sum(op(v, v * v)), x), slopes(lambda v: np.sum(op(v, v * v)), x)
    )


@pytest.mark.parametrize("op", [operator.neg, operator.pos, abs])
@pytest.mark.parametrize("x", [-1.5, np.array([-1.5, 2.0])], ids=["float", "array"])
def test_unary_operator_differentiates(op, x):
    assert np.allclose(grad_bp(lambda v: np.sum(op(v)), x), slopes(lambda v: np.sum(op(v)), x))


@pytest.mark.parametrize(
    ("ufunc", "op"),
    [
        (np.add, operator.add),
        (np.subtract, operator.sub),
        (np.multiply, operator.mul),
        (np.divide, operator.truediv),
        (np.power, operator.pow),
        (np.remainder, operator.mod),
    ],
)
@pytest.mark.parametrize("spelt", ["ufunc", "operator"])
def test_function_of_an_operator_hands_over_to_it(ufunc, op, spelt):
    f = ufunc if spelt == "ufunc" else op

    assert grad_bp(f, 2.0, 3.5) == grad_bp(lambda x, y: op(x, y), 2.0, 3.5)
    assert grad_bp(lambda x: f(7.0, x), 2.0) == grad_bp(lambda x: op(7.0, x), 2.0)


def test_divmod_differentiates_its_remainder():
    assert grad_bp(lambda x: divmod(x, 2.0)[1], 3.5) == 1.0
    assert grad_bp(lambda x: divmod(7.0, x)[1], 2.1) == -3.0
    assert shown(lambda x: divmod(x, 2.0)[0], 3.5) == 1.0


def test_matmul_differentiates_on_either_side():
    a, b = np.arange(6.0).reshape(2, 3), np.array([1.0, -2.0, 0.5])

    assert np.allclose(grad_bp(lambda v: np.sum(v @ b), a), np.outer(np.ones(2), b))
    assert np.allclose(grad_bp(lambda v: np.sum(a @ v), b), a.sum(0))


@pytest.mark.parametrize("x", [-2.0, 2.0, 0.0])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 2.0])
def test_power_of_any_base_has_a_finite_slope(x, n):
    # the original gives nan for 0 ** 2 (D9)
    gradient = grad_bp(lambda v: v**n, x)

    assert gradient == (0.0 if n == 0 else n * x ** (n - 1))


def test_power_differentiates_by_base_and_exponent():
    got = grad_bp(lambda x, n: x**n, 2.0, 3.0)

    assert np.allclose(got, (12.0, 8.0 * math.log(2.0)))


def test_power_at_zero_has_zero_slopes():
    assert grad_bp(lambda x, p: x**p, 0.0, 2.0) == (0.0, 0.0)


def test_power_with_a_constant_exponent_takes_no_logarithm():
    with np.errstate(all="raise"):
        assert grad_bp(lambda x: x**2.0, -2.0) == -4.0
        assert np.array_equal(
            grad_bp(lambda x: np.sum(x ** np.array([2.0, 3.0])), np.array([-2.0, -1.0])),
            [-4.0, 3.0],
        )


def test_power_with_three_arguments_is_refused():
    with pytest.raises(TypeError):
        grad_bp(lambda x: pow(x, 2, 5), 3)


def test_negative_base_to_a_fraction_differentiates_by_the_exponent():
    y, scaled_grad = backprop_with(lambda n: (-2.0) ** n, 0.52)

    expected = (np.conj(1.0 - 2.0j) * y * (np.log(2.0) + 1j * np.pi)).real

    assert np.isclose(scaled_grad(1.0 - 2.0j), expected)


def test_negative_base_to_a_fraction_is_complex_as_in_python():
    assert shown(lambda x: value_of(x**0.5), -4.0) == (-4.0) ** 0.5


# Comparisons and other plain results


@pytest.mark.parametrize(
    "op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
)
@pytest.mark.parametrize("x", [2.0, np.array([1.0, 2.0, 3.0])], ids=["float", "array"])
def test_comparison_gives_a_plain_result(op, x):
    for f in (lambda v: op(v, 2.0), lambda v: op(2.0, v), lambda v: op(v, v)):
        got = shown(f, x)
        assert type(got) is type(f(x))
        assert np.array_equal(got, f(x))


@pytest.mark.parametrize(
    "f",
    [
        lambda v: v // 2,
        lambda v: 7 // v,
        round,
        lambda v: round(v, 1),
        math.floor,
        math.ceil,
        math.trunc,
        bool,
        lambda v: 0 < v < 3,
        lambda v: v in [1.0, 2.5],
        lambda v: f"{v:.3f}",
        lambda v: f"{v}" != "",
        lambda v: min(v, 7.0) is v,
        lambda v: sorted([v, 1.0])[0],
    ],
)
def test_plain_function_of_a_number_gives_its_plain_result(f):
    got = shown(f, 2.5)

    assert got.__class__ is not BVar
    assert got == f(2.5)


@pytest.mark.parametrize(
    "f",
    [
        len,
        lambda v: v.shape,
        lambda v: v.ndim,
        lambda v: v.size,
        lambda v: v.dtype,
        lambda v: np.shape(v),
        lambda v: np.ndim(v),
        lambda v: np.size(v),
        lambda v: bool(np.any(v > 1)),
        lambda v: 2.0 in v,
        lambda v: hasattr(v, "shape"),
        lambda v: hasattr(v, "no_such_name"),
        lambda v: np.argmax(v),
        lambda v: [1, 2, 3][np.argmin(v)],
    ],
)
def test_plain_question_to_an_array_gives_its_plain_answer(f):
    x = np.array([2.0, 1.0])

    got = shown(f, x)

    assert got.__class__ is not BVar
    assert got == f(x)


def test_truth_of_an_array_raises_as_the_array_does():
    with pytest.raises(ValueError, match="ambiguous"):
        grad_bp(lambda v: 1.0 if v else 0.0, np.ones(2))


def test_integers_can_be_used_as_indices():
    assert shown(lambda v: [10, 20, 30][v], 2) == 30
    assert shown(lambda v: list(range(v)), 2) == [0, 1]
    with pytest.raises(TypeError):
        grad_bp(lambda v: [10, 20][v], 1.0)


def test_repr_shows_the_value():
    assert shown(repr, 2.5) == "BVar(2.5)"
    assert shown(str, np.ones(2)) == "BVar(array([1., 1.]))"


def test_dir_shows_the_names_of_the_value():
    assert "reshape" in shown(dir, np.ones(2))


def test_isinstance_of_numbers_is_false_and_that_of_bvar_true():
    assert shown(lambda v: (isinstance(v, float), isinstance(v, BVar)), 1.0) == (False, True)


def test_bvar_has_no_public_names_of_its_own():
    assert [name for name in vars(BVar) if not name.startswith("_")] == []


def test_record_may_have_fields_named_like_the_insides_of_a_bvar():
    @dataclasses.dataclass
    class Node:
        value: float
        tape: float
        at: float
        space: float

    gradient = grad_bp(lambda r: r.value * r.tape + r.at - r.space, Node(2.0, 3.0, 4.0, 5.0))

    assert gradient == Node(3.0, 2.0, 1.0, -1.0)


# Items, iteration, unpacking


def test_items_of_nested_structures_are_bvars():
    x = {"a": [1.0, (2.0, np.array([3.0, 4.0]))], "b": "text", "n": None}

    def f(v):
        assert v["b"] == "text"
        assert v["n"] is None
        return v["a"][1][1][0] * v["a"][0] + v["a"][-1][0] ** 2

    gradient = grad_bp(f, x)

    assert gradient["a"][0] == 3.0
    assert gradient["a"][1][0] == 4.0
    assert np.array_equal(gradient["a"][1][1], [1.0, 0.0])
    assert (gradient["b"], gradient["n"]) == (None, None)


def test_missing_items_raise_as_the_value_does():
    with pytest.raises(KeyError, match="missing"):
        grad_bp(lambda v: v["missing"], {"a": 1.0})
    with pytest.raises(IndexError):
        grad_bp(lambda v: v[5], [1.0])
    with pytest.raises(IndexError):
        grad_bp(lambda v: v[0, 0], np.ones(3))
    with pytest.raises(TypeError):
        grad_bp(lambda v: v[0], 1.0)
    with pytest.raises(AttributeError, match="nosuch"):
        grad_bp(lambda v: v.nosuch, np.ones(2))


def test_sequences_unpack():
    def f(v):
        a, *b, (c, d) = v
        return a * c + b[0] * d

    assert grad_bp(f, [1.0, 2.0, (3.0, 4.0)]) == [3.0, 4.0, (1.0, 2.0)]


def test_arrays_iterate_over_their_rows():
    gradient = grad_bp(lambda v: sum(i * np.sum(row) for i, row in enumerate(v)), np.ones((3, 2)))

    assert np.array_equal(gradient, [[0, 0], [1, 1], [2, 2]])


def test_reversed_and_star_arguments_read_every_item():
    assert grad_bp(lambda v: next(reversed(v)) * 2.0, [1.0, 2.0]) == [0.0, 2.0]
    assert grad_bp(lambda v: max(*v), [1.0, 5.0, 2.0]) == [0.0, 1.0, 0.0]
    assert np.array_equal(grad_bp(lambda v: (lambda a, b: a * b)(*v), np.array([2.0, 3.0])), [3, 2])


def test_numbers_do_not_iterate():
    with pytest.raises(TypeError):
        grad_bp(lambda v: sum(v), 1.0)
    with pytest.raises(TypeError):
        grad_bp(lambda v: sum(v), np.array(1.0))


@pytest.mark.parametrize(
    "f", [lambda v: v.items(), lambda v: zip(v.keys(), v.values(), strict=True)]
)
def test_mappings_iterate_over_keys_and_give_bvars_as_values(f):
    def total(v):
        assert list(v) == ["a", "b"]
        return sum(weight * v[k] * x for weight, (k, x) in enumerate(f(v), 1))

    assert grad_bp(total, {"a": 2.0, "b": 3.0}) == {"a": 4.0, "b": 12.0}


def test_get_of_a_mapping_reads_an_item_or_the_default():
    assert grad_bp(lambda v: v.get("a") * v.get("c", 5.0), {"a": 2.0}) == {"a": 5.0}


def test_slice_of_a_list_is_a_bvar_of_a_list():
    gradient = grad_bp(lambda v: v[1:][0] * v[::-1][0] + sum(v[:2]), [1.0, 2.0, 3.0])

    assert gradient == [1.0, 4.0, 2.0]


def test_lists_concatenate_and_repeat():
    assert grad_bp(lambda v: sum(v + [v[0] * 2.0]), [1.0, 2.0]) == [3.0, 1.0]
    assert grad_bp(lambda v: sum([5.0] + v), [1.0, 2.0]) == [1.0, 1.0]
    assert grad_bp(lambda v: sum(v * 3), [1.0, 2.0]) == [3.0, 3.0]


class Pair(NamedTuple):
    left: float
    right: Any


@dataclasses.dataclass
class Circle:
    radius: float
    colour: str = "red"

    @property
    def area(self):
        return math.pi * self.radius**2

    def scaled(self, by):
        return self.radius * by

    @classmethod
    def factor(cls):
        return 3.0

    @staticmethod
    def double(x):
        return 2 * x

    def __eq__(self, other):
        return isinstance(other, Circle) and self.radius == other.radius


def test_fields_properties_and_methods_of_a_record_work():
    gradient = grad_bp(
        lambda c: c.area + c.scaled(10.0) * c.factor() + c.double(c.radius), Circle(2.0)
    )

    assert gradient.radius == pytest.approx(4 * math.pi + 30 + 2)
    assert gradient.colour is None


def test_fields_of_a_namedtuple_read_by_name_index_and_unpacking():
    def f(p):
        left, right = p
        return p.left * p[1][0] + left + right[1]

    assert grad_bp(f, Pair(2.0, [3.0, 4.0])) == Pair(4.0, [2.0, 1.0])


def test_fields_cannot_be_assigned_to():
    def f(c):
        c.radius = 3.0
        return c.radius

    with pytest.raises(AttributeError, match="radius"):
        grad_bp(f, Circle(2.0))


def test_items_cannot_be_deleted():
    def f(v):
        del v[0]
        return v[0]

    with pytest.raises(ConversionError, match="deleted"):
        grad_bp(f, [1.0, 2.0])


# Item assignment

KEYS = [
    0,
    -1,
    (1, 2),
    slice(0, 2),
    (slice(None), 1),
    Ellipsis,
    np.array([0, 2]),
    [0, 2],
    (np.array([0, 1]), np.array([2, 3])),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_assigned_item_is_differentiated_in_value_and_array(key):
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    part = rng.normal(size=np.shape(x[key]))

    def f(x, part):
        y = x * 1.0
        y[key] = part * part
        return np.sum(y * w)

    got = grad_bp(f, x, part)

    assert np.allclose(got[0], slopes(lambda x: f(x, part), x))
    assert np.allclose(got[1], slopes(lambda part: f(x, part), part))


def test_assigned_mask_is_differentiated():
    x = np.array([-1.0, 2.0, -3.0])

    def f(v):
        y = v * v
        y[v < 0] = 7.0
        y[value_of(v) > 1] = v[0]
        return np.sum(y * np.array([1.0, 10.0, 100.0]))

    assert np.array_equal(grad_bp(f, x), [10.0, 0.0, 0.0])


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4)])
def test_assigned_value_is_broadcast(shape):
    rng = np.random.default_rng(3)
    part, w = rng.normal(size=shape), rng.normal(size=(3, 4))

    def f(part):
        y = np.zeros_like(w) * np.sum(part)
        y[:] = part
        return np.sum(y * w)

    assert np.allclose(grad_bp(f, part), slopes(f, part))


def test_assignment_of_a_number_to_an_item_of_a_bvar():
    def f(x):
        y = x * 1.0
        y[0] = 7.0
        return np.sum(y * x)

    assert np.array_equal(grad_bp(f, np.arange(3.0)), [7.0, 2.0, 4.0])


def test_assignment_never_touches_the_array_of_the_caller():
    x = np.arange(3.0)
    x.flags.writeable = False

    def f(v):
        v[0] = 5.0
        v[1:] *= 2.0
        v += 1.0
        return np.sum(v)

    gradient = grad_bp(f, x)

    assert np.array_equal(x, [0, 1, 2])
    assert np.array_equal(gradient, [0, 2, 2])


def test_assignment_moves_every_name_of_the_bvar():
    def f(v):
        alias = v
        v[0] = 10.0
        return np.sum(alias)

    x = np.ones(2)

    assert np.array_equal(grad_bp(f, x), [0.0, 1.0])


def test_assignment_to_a_slice_reaches_its_base():
    def f(v):
        y = v * 1.0
        row = y[0]
        row[1] = v[1, 1] * 3.0
        return np.sum(y) + np.sum(row)

    x = np.ones((2, 2))

    assert np.array_equal(grad_bp(f, x), slopes(f, x).round(6))


def test_slice_taken_before_an_assignment_is_refused_afterwards():
    def f(v):
        y = v * 1.0
        row = y[0]
        y[0, 0] = 5.0
        return np.sum(row)

    with pytest.raises(TapeError, match="slice"):
        grad_bp(f, np.ones((2, 2)))


def test_slice_of_a_slice_is_refused_as_well():
    def f(v):
        y = v * 1.0
        part = y[0][1:]
        y += 1.0
        return np.sum(part)

    with pytest.raises(TapeError, match="slice"):
        grad_bp(f, np.ones((2, 2)))


def test_copy_of_a_slice_taken_before_an_assignment_is_kept():
    def f(v):
        y = v * 1.0
        row = y[0] * 1.0
        y[0, 0] = 5.0
        return np.sum(row) + np.sum(y)

    assert np.array_equal(grad_bp(f, np.ones((2, 2))), [[1, 2], [1, 1]])


def test_item_taken_by_a_list_of_indices_is_a_copy():
    def f(v):
        y = v * 1.0
        part = y[[0, 1]]
        y[0] = 5.0
        return np.sum(part)

    assert np.array_equal(grad_bp(f, np.ones(2)), [1, 1])


def test_number_taken_from_an_array_survives_an_assignment():
    def f(v):
        y = v * 1.0
        first = y[0]
        y[0] = 5.0
        return first * 2.0

    assert np.array_equal(grad_bp(f, np.ones(2)), [2, 0])


def test_transposed_view_follows_an_assignment_or_is_refused():
    def f(v):
        y = v * 1.0
        view = y.T
        y[0, 1] = 5.0
        return np.sum(view * np.array([[1.0, 2.0], [3.0, 4.0]]))

    x = np.ones((2, 2))
    try:
        gradient = grad_bp(f, x)
    except TapeError:
        return
    assert np.allclose(gradient, slopes(f, x))


def test_assignment_into_a_list_or_a_dict_is_recorded():
    def f(v):
        v["a"] = v["b"] * 2.0
        xs = v["xs"]
        xs[0] = v["b"]
        return v["a"] * v["b"] + xs[0] * xs[1]

    gradient = grad_bp(f, {"a": 1.0, "b": 3.0, "xs": [5.0, 7.0]})

    assert gradient == {"a": 0.0, "b": 19.0, "xs": [0.0, 3.0]}


def test_assignment_of_a_wrong_shape_raises_as_numpy_does():
    def f(v):
        v[0] = np.ones(7) * v[0]
        return np.sum(v)

    with pytest.raises(ValueError, match=r"."):
        grad_bp(f, np.ones(2))


def test_assignment_into_a_tuple_raises_as_python_does():
    def f(v):
        v[0] = 1.0
        return v[1]

    with pytest.raises(TypeError, match="tuple"):
        grad_bp(f, (1.0, 2.0))


@pytest.mark.parametrize(
    "op",
    [
        operator.iadd,
        operator.isub,
        operator.imul,
        operator.itruediv,
        operator.ipow,
        operator.imod,
    ],
)
@pytest.mark.parametrize("x", [1.5, np.array([1.5, 2.5])], ids=["float", "array"])
def test_augmented_assignment_differentiates(op, x):
    def f(v):
        y = v * 1.0
        y = op(y, 1.3)
        y = op(y, v)
        return np.sum(y)

    assert np.allclose(grad_bp(f, x), slopes(f, x), rtol=1e-5)


def test_augmented_assignment_to_an_item_differentiates():
    def f(v):
        y = v * 1.0
        y[0] += v[1] * v[1]
        y[1:] *= 3.0
        y[:2] -= v[0]
        return np.sum(y * np.array([1.0, 2.0, 3.0]))

    x = np.array([1.0, 2.0, 3.0])

    assert np.allclose(grad_bp(f, x), slopes(f, x))


def test_augmented_assignment_cannot_grow_an_array():
    def f(v):
        v += np.ones((2, 3))
        return np.sum(v)

    with pytest.raises(ValueError, match="broadcast"):
        grad_bp(f, np.ones(3))


def test_augmented_assignment_keeps_the_dtype():
    def f(v):
        v += np.ones(2)
        assert v.dtype == np.float32
        return np.sum(v)

    assert grad_bp(f, np.ones(2, np.float32)).dtype == np.float32


def test_assignment_of_a_complex_number_into_a_real_array_is_refused():
    def f(v):
        v[0] = v[1] * 1j
        return np.sum(v)

    with pytest.raises(TypeError):
        grad_bp(f, np.ones(2))


# Refusals

MATH = [getattr(math, n) for n in ("sin", "exp", "log", "sqrt", "gamma", "isnan", "hypot", "fsum")]


@pytest.mark.parametrize(
    "use",
    [
        float,
        int,
        complex,
        np.asarray,
        np.array,
        np.float64,
        np.ascontiguousarray,
        lambda v: np.asarray(v, dtype=float),
        lambda v: np.array([v, v]),
        lambda v: np.array([1.0, v]),
        lambda v: np.full(2, v),
        lambda v: np.full_like(np.ones(2), v),
        lambda v: "%f" % v,
        lambda v: np.ones(3).fill(v),
        lambda v: np.float32(v),
        lambda v: np.sum([v, v]),
        lambda v: array.array("d", [v]),
        lambda v: struct.pack("d", v),
        lambda v: json.dumps([v]),
        lambda v: pickle.dumps(v),
        lambda v: copy.deepcopy(v),
        lambda v: copy.deepcopy([v]),
        lambda v: dataclasses.asdict(Circle(v)),
        lambda v: cmath.sin(v),
        lambda v: math.pow(v, 2),
        lambda v: decimal.Decimal(v),
        lambda v: statistics.mean([v, 1.0]),
        lambda v: np.ma.array([1.0]) * np.ma.asarray(v),
        lambda v: np.arange(v),
        lambda v: np.linspace(0.0, 1.0, v),
        lambda v: np.put(np.ones(2), 0, v),
        lambda v: np.putmask(np.ones(2), [True, False], v),
        lambda v: np.place(np.ones(2), [True, False], v),
        lambda v: np.copyto(np.ones(2), v),
        lambda v: np.fill_diagonal(np.ones((2, 2)), v),
        lambda v: np.add(np.ones(2), v, out=np.ones(2)),
        lambda v: np.sin(v, out=np.ones(())),
        lambda v: np.clip(v, 0, 1, out=np.ones(())),
        lambda v: np.add.at(np.ones(2), 0, v),
        lambda v: operator.iadd(np.ones(2), v),
        lambda v: operator.setitem(np.ones(2), 0, v),
        lambda v: operator.setitem(np.ones(2), slice(None), v),
        lambda v: operator.setitem([1, 2], v, 3),
        hash,
        lambda v: {v: 1},
        lambda v: {v},
        *MATH,
    ],
)
def test_what_would_drop_the_tape_is_refused(use):
    with pytest.raises((LiftError, TypeError, ValueError, struct.error)):
        grad_bp(lambda v: (use(v), v)[1], 1.5)


@pytest.mark.parametrize(
    ("use", "remedy"),
    [
        (float, "@lifted"),
        (math.sin, "@lifted"),
        (int, "value_of"),
        (complex, "@lifted"),
        (np.asarray, "@lifted"),
        (pickle.dumps, "value_of"),
        (copy.deepcopy, "value_of"),
        (lambda v: np.add(v, 1.0, out=np.ones(())), "out="),
        (lambda v: operator.iadd(np.ones(3), v), r"a = a \+ v"),
        (lambda v: np.copyto(np.ones(3), v), "."),
    ],
)
def test_refusal_names_the_remedy(use, remedy):
    with pytest.raises(LiftError, match=remedy):
        grad_bp(lambda v: (use(v), v)[1], 1.5)


def test_refusals_are_type_errors():
    with pytest.raises(TypeError):
        grad_bp(lambda v: float(v), 1.0)


def test_assignment_into_a_plain_array_shows_why_it_was_refused():
    # numpy raises an error of its own, caused by ours
    with pytest.raises(ValueError, match="array element") as caught:
        grad_bp(lambda v: operator.setitem(np.ones(3), 0, v), 1.0)

    assert isinstance(caught.value.__cause__, ConversionError)


def test_plain_arrays_are_untouched_by_refused_writes():
    x = np.ones(3)
    for use in (
        lambda v: np.copyto(x, v),
        lambda v: np.add(x, v, out=x),
        lambda v: np.put(x, [0], v),
        lambda v: operator.iadd(x, v),
        lambda v: operator.setitem(x, 0, v),
        lambda v: np.add.at(x, 0, v),
        lambda v: np.multiply(v, 2.0, out=x, where=np.array([True, False, True])),
    ):
        with pytest.raises((LiftError, TypeError, ValueError)):
            grad_bp(lambda v, use=use: (use(v), v)[1], 5.0)

    assert np.array_equal(x, np.ones(3))


def test_out_of_a_bvar_moves_it_on():
    def f(v):
        y = v * 1.0
        np.multiply(y, v, out=y)
        return np.sum(y)

    assert np.array_equal(grad_bp(f, np.array([2.0, 3.0])), [4.0, 6.0])


def test_out_with_a_mask_keeps_the_other_items():
    def f(v):
        y = v * 1.0
        np.multiply(y, v, out=y, where=np.array([True, False]))
        return np.sum(y)

    assert np.array_equal(grad_bp(f, np.array([2.0, 3.0])), [4.0, 1.0])


def test_bvars_are_not_hashable():
    with pytest.raises(TypeError, match="hash"):
        grad_bp(lambda v: (hash(v), v)[1], 1.0)


def test_shallow_copy_is_the_same_value_on_the_tape():
    def f(v):
        w = copy.copy(v)
        w[0] = 5.0
        return np.sum(v) + np.sum(w)

    assert np.array_equal(grad_bp(f, np.ones(2)), [1.0, 2.0])


# NumPy's protocols


def test_numpy_functions_take_bvars_in_code_that_knows_nothing_of_them():
    def f(x):
        m = np.stack([np.sin(x), np.cos(x) * 2.0])
        return np.mean(np.concatenate([m, m**2], axis=0).sum(axis=1)) + np.linalg.norm(x)

    x = np.array([0.3, -1.2, 0.5])

    assert np.allclose(grad_bp(f, x), slopes(f, x))


@pytest.mark.parametrize(
    "f",
    [
        lambda v: 2.0 * v,
        lambda v: np.float64(2.0) * v,
        lambda v: np.array([1.0, 2.0]) * v,
        lambda v: np.array([1.0, 2.0]) / v,
        lambda v: np.array([1.0, 2.0]) @ v,
        lambda v: np.array([1.0, 2.0]) ** v,
        lambda v: np.float32(2.0) - v,
        lambda v: np.int64(7) % v,
        lambda v: np.add.reduce(v),
        lambda v: np.multiply.reduce(v),
        lambda v: np.add.accumulate(v),
        lambda v: np.multiply.outer(v, v),
        lambda v: np.subtract.outer(np.ones(3), v),
        lambda v: np.maximum.reduce(v),
        lambda v: np.sin(v, where=np.array([True, True]), out=None),
        lambda v: np.add(v, 1.0, dtype=float),
        lambda v: np.add(v, [1.0, 2.0]),
        lambda v: [1.0, 2.0] * v,
        lambda v: np.clip(np.array([0.0, 9.0]), v, 5.0),
        lambda v: np.array([1.0, 2.0]).clip(v, 5.0),
        lambda v: np.dot(np.array([1.0, 2.0]), v),
    ],
)
def test_protocol_differentiates(f):
    x = np.array([1.5, 2.5])

    assert np.allclose(grad_bp(lambda v: np.sum(f(v)), x), slopes(lambda v: np.sum(f(v)), x))


def test_unlifted_function_names_itself_and_its_remedy():
    with pytest.raises(NoGradientError, match=r"numpy.packbits(.|\n)*lifted\(grad="):
        grad_bp(lambda v: np.packbits(v), np.ones(2))


def test_unlifted_ufunc_names_itself():
    ufunc = np.frompyfunc(lambda x: x + 1, 1, 1)

    with pytest.raises(NoGradientError, match="lifted"):
        grad_bp(lambda v: ufunc(v), 1.0)


def test_method_without_twin_of_a_ufunc_names_itself():
    with pytest.raises(NoGradientError, match=r"multiply\.at"):
        grad_bp(lambda v: np.multiply.at(v, [0, 1], 2.0), np.ones(3))


MATRIX = np.array([[1.5, 2.5, 0.7], [0.4, 1.1, 1.9]])


@pytest.mark.parametrize(
    "f",
    [
        lambda v: np.logaddexp.reduce(v),
        lambda v: np.logaddexp.reduce(v, axis=(1, 0), keepdims=True),
        lambda v: np.logaddexp.reduce(v, 1, None, None, True),
        lambda v: np.logaddexp.reduce(v, axis=None, where=v < 2.0),
        lambda v: np.hypot.reduce(v, axis=-1, initial=2.0),
        lambda v: np.subtract.reduce(v, dtype=np.float64),
        lambda v: np.fmax.reduce(v, axis=1),
        lambda v: np.maximum.accumulate(v, axis=1),
        lambda v: np.fmin.accumulate(v),
        lambda v: np.logaddexp.accumulate(v, axis=-1),
        lambda v: np.subtract.accumulate(v, 1, float),
        lambda v: np.add.reduceat(v, [0, 2, 1], axis=1),
        lambda v: np.maximum.reduceat(v, [1, 0]),
    ],
)
def test_method_of_a_ufunc_differentiates(f):
    def weighted(v):
        result = f(v)
        return np.sum(result * np.cos(np.arange(np.size(result))).reshape(np.shape(result)))

    assert np.allclose(grad_bp(weighted, MATRIX), slopes(weighted, MATRIX))


def test_running_extreme_of_numbers_that_are_missing_is_right():
    x = np.array([np.nan, 1.0, np.nan, 3.0, 2.0])

    gradient = grad_bp(lambda v: np.sum(np.fmax.accumulate(v)[1:]), x)

    assert gradient.tolist() == [0, 2, 0, 2, 0]


def test_reduction_in_an_order_that_is_not_known_is_never_wrong():
    x = np.array([0.7, 1.3, 0.4, 2.1, 0.9, 1.7])

    with contextlib.suppress(NoGradientError):
        value, _ = backprop(lambda v: np.power.reduce(v), x)
        assert np.isclose(value, np.power.reduce(x))


@pytest.mark.parametrize("kind", ["Series", "DataFrame"])
def test_pandas_objects_are_refused_with_the_remedy(kind):
    pandas = pytest.importorskip("pandas")
    frame = getattr(pandas, kind)([1.0, 2.0])

    for f in (lambda v: v * frame, lambda v: frame * v):
        with pytest.raises((ConversionError, TypeError)):
            grad_bp(f, 2.0)


def test_conversion_says_where_it_was_made_and_what_to_type():
    def f(x):
        return math.sin(x)

    with pytest.raises(ConversionError, match="Put @lifted above the function") as caught:
        grad_bp(f, 1.0)

    assert caught.value.facts["at"] == f"{__file__}:{f.__code__.co_firstlineno + 1}"


def test_methods_of_arrays_and_numbers_work():
    x = np.array([[1.0, 2.0], [3.0, 4.5]])

    def f(v):
        return (
            v.sum(axis=0).mean()
            + v.T.ravel()[1]
            + v.reshape(4)[2] * v.max()
            + v.dot(v).trace()
            + v.flatten().cumsum()[-1]
            + v.astype(float).std()
        )

    assert np.allclose(grad_bp(f, x), slopes(f, x), rtol=1e-5)
    assert grad_bp(lambda v: v.conjugate() * v.real, 3.0) == 6.0


# Values


def test_value_of_is_the_plain_value():
    assert shown(lambda v: value_of(v), 2.0) == 2.0
    assert value_of("plain") == "plain"


def test_value_of_reaches_into_containers():
    def f(v):
        assert value_of({"a": [v, 1.0], "b": (v,)}) == {"a": [3.0, 1.0], "b": (3.0,)}
        return v

    grad_bp(f, 3.0)


def test_value_of_an_array_cannot_be_written_into():
    def f(v):
        with pytest.raises(ValueError, match="read-only"):
            value_of(v)[0] = 5.0
        return np.sum(v)

    grad_bp(f, np.ones(2))


def test_value_of_takes_off_one_level():
    def outer(x):
        def inner(y):
            assert value_of(y).__class__ is BVar
            assert value_of(value_of(y)) == 2.0
            return y * x

        return grad_bp(inner, x)

    grad_bp(outer, 2.0)


def test_const_var_drops_the_recording():
    assert grad_bp(lambda x: x * const_var(x), 3.0) == 3.0
    assert grad_bp(lambda x: x * const_var([x, {"a": x}])[1]["a"], 3.0) == 3.0
    assert const_var(3.0) == 3.0


# Complex numbers


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda z: np.abs(z) ** 2, lambda z: 2 * z),
        (lambda z: (z * np.conj(z)).real, lambda z: 2 * z),
        (lambda z: z.real, lambda z: 1.0),
        (lambda z: z.imag, lambda z: 1j),
        (lambda z: (z * z).real, lambda z: 2 * np.conj(z)),
        (lambda z: np.real(1 / z), lambda z: np.conj(-1 / z**2)),
        (lambda z: np.real(z**3), lambda z: np.conj(3 * z**2)),
        (lambda z: np.real(np.exp(z)), lambda z: np.conj(np.exp(z))),
        (lambda z: np.real(2.0**z), lambda z: np.conj(2.0**z * np.log(2.0))),
        (lambda z: abs(z), lambda z: z / abs(z)),
    ],
)
@pytest.mark.parametrize("z", [3 + 4j, np.array([3 + 4j, -1 + 0.5j])], ids=["number", "array"])
def test_complex_gradient_is_that_of_a_real_loss(f, expected, z):
    gradient = grad_bp(lambda z: np.sum(f(z)), z)

    assert type(gradient) is type(z)
    assert np.allclose(gradient, expected(z))


def test_complex_intermediate_of_a_real_argument_has_a_real_gradient():
    gradient = grad_bp(lambda x: np.abs(x * (1 + 2j)) ** 2, 3.0)

    assert type(gradient) is float
    assert gradient == pytest.approx(30.0)


def test_abs_of_zero_has_the_subgradient_zero():
    assert grad_bp(abs, 0.0) == 0.0
    assert grad_bp(lambda z: abs(z), 0j) == 0j
