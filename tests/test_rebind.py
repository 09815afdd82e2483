"""Composites: functions lifted by their own bodies, and the traps of real code."""

import cmath
import collections
import concurrent.futures
import contextlib
import copy
import dataclasses
import enum
import functools
import itertools
import math
import operator
import subprocess
import sys
import textwrap
import threading
import types
import warnings
from math import *  # noqa: F403 - as scripts do
from math import exp as exponential

import numpy
import numpy as np
import pytest
from numpy import array, cos, zeros
from numpy.linalg import norm

from backprop_lift import (
    BVar,
    Registry,
    backprop,
    eval_bp,
    grad_bp,
    lifted,
    no_grad,
    registry,
    twin_of,
    value_of,
)
from backprop_lift.errors import LiftError, NoGradientError


def twin(f):
    """The composite twin of a function, in a registry of its own."""
    into = Registry(parent=registry)
    lifted(f, into=into)
    return twin_of(f, into)


def slopes(f, x, eps=1e-6):
    """The gradient of the sum of a function's result, by central differences."""
    x = np.array(x, float)
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        found[i] = (np.sum(f(x + step)) - np.sum(f(x - step))) / (2 * eps)
    return found


def is_right(f, x, *rest, **settings):
    """Has the twin of `f` its value at `x`, and the gradient that differences give?"""
    plain = np.array(x) if isinstance(x, np.ndarray) else x
    expected = f(plain, *rest, **settings)
    y, gradient = backprop(lambda v: total(twin(f)(v, *rest, **settings)), x)
    assert np.allclose(y, total(expected), equal_nan=True)

    def at(moved):
        moved = moved if isinstance(x, np.ndarray) else type(x)(moved)
        return total(f(moved, *rest, **settings))

    return np.allclose(gradient, slopes(at, x), rtol=1e-5, atol=1e-7)


def total(y):
    """One number of a result, in which no part is weighted as another."""
    if isinstance(y, (tuple, list)):
        return sum((i + 1.3) * total(part) for i, part in enumerate(y))
    if isinstance(y, dict):
        return total(list(y.values()))
    shape = np.shape(y)
    weights = np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)
    return np.sum(y * weights) if shape else y


VECTOR = np.array([0.7, 1.9, 0.4])
MATRIX = np.array([[0.7, 1.9], [2.4, 1.3]])


# Names


def by_math(x):
    return math.sin(x) * math.exp(-x) + math.hypot(x, 2.0) + math.pi


def by_star_import(x):
    return sin(x) * exponential(-x) + atan2(x, 2.0) + sqrt(x)  # noqa: F405


def by_numpy_names(x):
    return cos(x) * numpy.exp(x) + norm(array([x, 2.0])) + zeros(1)[0]


def by_builtins(x):
    return abs(x) + max(x, 0.5) * min(x, 9.0) + sum([x, x * x]) + pow(x, 3) + round(0.7) + float(x)


def by_imports_inside(x):
    import math as m
    from math import log
    from math import sin as sine

    import numpy.linalg

    return sine(x) + m.cos(x) * log(x) + numpy.linalg.norm(numpy.array([x, 1.0]))


def by_operator(x):
    return operator.mul(x, operator.add(x, 2.0)) + functools.reduce(operator.mul, [x, x, 2.0])


@pytest.mark.parametrize(
    "f",
    [by_math, by_star_import, by_numpy_names, by_builtins, by_imports_inside, by_operator],
)
@pytest.mark.parametrize("x", [0.8, np.float64(0.8)], ids=["float", "float64"])
def test_names_are_bound_to_lifted_ones(f, x):
    assert is_right(f, x)


def test_float_of_a_bvar_keeps_the_tape():
    assert is_right(lambda x: float(x) * np.float64(x) + complex(x).real, 1.5)


def test_asarray_keeps_the_tape():
    def f(x):
        a = np.asarray(x, dtype=float)
        b = np.atleast_1d(np.array(x, dtype=np.float64, copy=True))
        return np.sum(np.asanyarray(a) ** 2) + np.sum(np.ascontiguousarray(b) ** 3)

    assert is_right(f, 1.5)
    assert is_right(f, VECTOR)


def test_dtype_held_in_a_variable_keeps_the_tape():
    # trap 5
    def f(x):
        dtype = np.float64
        kind = float
        return np.sum(dtype(x) * kind(2)) + sum(np.sum(a) for a in map(np.asarray, [x, x]))

    assert is_right(f, 1.5)
    assert is_right(f, np.array([1.5]))


def test_isinstance_looks_through_bvars():
    def f(x):
        assert isinstance(x, float)
        assert isinstance(x, (int, float))
        assert not isinstance(x, (str, np.ndarray))
        assert type(x) is float
        assert type(x) == float  # noqa: E721 - as in real code
        assert type(x) in (float, int)
        assert hasattr(x, "is_integer")
        assert np.isscalar(x)
        assert not callable(x)
        return x * 2.0

    assert grad_bp(twin(f), 1.5) == 2.0


def test_isinstance_of_an_array_looks_through_bvars():
    def f(x):
        assert isinstance(x, np.ndarray)
        assert type(x) is np.ndarray
        assert not np.isscalar(x)
        assert hasattr(x, "shape")
        return np.sum(x)

    assert np.array_equal(grad_bp(twin(f), np.ones(2)), [1, 1])


# Kinds of functions


def helper(x):
    return x * x + math.sin(x)


def calls_a_sibling(x):
    return helper(x) * 2.0 + helper(2.0)


def recursive(x, n=3):
    return math.sin(x) if n == 0 else x * recursive(x, n - 1)


def even_steps(x, n):
    return x if n == 0 else math.cos(odd_steps(x, n - 1))


def odd_steps(x, n):
    return x * 2.0 if n == 0 else math.exp(-even_steps(x, n - 1))


def with_default_function(x, f=math.exp, *, g=helper):
    return f(x) + g(x)


def generated(x):
    for k in range(1, 4):
        yield math.sin(k * x)


def by_generator(x):
    return sum(generated(x)) + max(y for y in generated(x))


def with_closure(x):
    a = math.sin(x)

    def inner(y):
        nonlocal a
        a = a * y
        return a + math.cos(y)

    return inner(x) + inner(2.0) + (lambda z: math.exp(z) * a)(x)


def with_comprehensions(x):
    squares = {k: math.pow(x, k) for k in range(3)}
    return sum([math.sin(v) for v in squares.values()]) + sum(v for v in {1: x * x}.values())


def with_decorator(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * math.tanh(args[0])

    return wrapper


@with_decorator
def decorated(x):
    return math.log(x)


@functools.lru_cache
def cached(x):
    return math.sqrt(x)


def calls_cached(x):
    return cached(x) * cached(2.0)


half = functools.partial(math.pow, 2.0)


def calls_a_partial(x):
    return half(x) + functools.partial(helper)(x)


vectorized = np.vectorize(lambda x, k=2.0: math.sin(x) * k)


def calls_vectorize(x):
    return np.sum(vectorized(np.array([x, 2 * x]))) + vectorized(x, k=3.0)


TABLE = {"sin": math.sin, "helper": helper, "nested": [math.cos, (math.exp, {"deep": math.tanh})]}


def calls_a_table(x):
    return (
        TABLE["sin"](x)
        + TABLE["helper"](x)
        + TABLE["nested"][0](x)
        + TABLE["nested"][1][1]["deep"](x)
    )


def calls_a_method_table(x):
    return getattr(math, "sin")(x) + math.__dict__["cos"](x)  # noqa: B009 - the point of it


def with_walrus_and_star(x):
    values = (a := math.sin(x), *[a * 2.0, a * x])
    first, *others = values
    return first + sum(others)


def with_exceptions(x):
    try:
        raise ValueError(x)
    except ValueError as error:
        return math.sin(error.args[0])
    finally:
        pass


def with_context_manager(x):
    with np.errstate(all="ignore"):
        return np.log(x) * 2.0


def with_map_and_filter(x):
    return sum(map(math.sin, filter(lambda v: v > 0.5, [x, 2 * x, 0.1]))) + sum(
        itertools.accumulate([x, x, x], operator.mul)
    )


def with_sorting(x):
    a, b, c = sorted([x, 3.0, x * x], key=lambda v: -v)
    return a * 1.0 + b * 2.0 + c * 3.0 + max([x, 0.1], key=abs)


def with_zip(x):
    return sum(a * b for a, b in zip([x, x * x], (1.0, 2.0), strict=True))


def with_while(x):
    y, n = x, 0
    while y < 20.0 and n < 50:
        y, n = y * 1.5 + math.sin(x), n + 1
    return y


def newton(x):
    y = 1.0
    for _ in range(60):
        step = (y * y - x) / (2 * y)
        y = y - step
        if abs(step) < 1e-14:
            break
    return y


FUNCTIONS = [
    calls_a_sibling,
    recursive,
    lambda x: even_steps(x, 5),
    with_default_function,
    by_generator,
    with_closure,
    with_comprehensions,
    decorated,
    calls_cached,
    calls_a_partial,
    calls_vectorize,
    calls_a_table,
    calls_a_method_table,
    with_walrus_and_star,
    with_exceptions,
    with_context_manager,
    with_map_and_filter,
    with_sorting,
    with_zip,
    with_while,
    newton,
    cached,
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "?"))
def test_composite_is_right(f):
    assert is_right(f, 0.83)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "?"))
def test_composite_on_plain_values_is_the_original(f):
    assert twin(f)(0.83) == f(0.83)
    assert eval_bp(twin(f), 0.83) == f(0.83)


def test_composite_on_plain_values_calls_the_original_object():
    calls = []

    def f(x):
        calls.append(sys._getframe().f_globals is globals())
        return x

    t = twin(f)
    t(1.0)
    t(np.ones(2))
    t([1.0, {"a": (2,)}])

    assert calls == [True] * 3


def test_composite_is_right_twice_and_in_any_order():
    t = twin(calls_a_sibling)

    assert grad_bp(t, 0.3) == grad_bp(t, 0.3)
    t(0.3)
    assert grad_bp(t, 0.3) == pytest.approx(2 * (0.6 + math.cos(0.3)))


def test_composite_is_differentiated_twice():
    t = twin(by_math)
    second = grad_bp(lambda x: grad_bp(t, x), 0.8)

    assert second == pytest.approx(float(slopes(lambda x: grad_bp(t, float(x)), 0.8)), rel=1e-6)


def test_composite_may_call_itself_in_a_gradient():
    def inner(x):
        return math.sin(x)

    def outer(x):
        return grad_bp(inner, x) * x

    # inside a composite, the runner of the library runs the inner function's plain body
    assert grad_bp(twin(outer), 0.5) == pytest.approx(math.cos(0.5) - 0.5 * math.sin(0.5))


def test_cached_function_never_returns_another_tapes_value():
    t = twin(calls_cached)

    assert [grad_bp(t, x) for x in (1.0, 4.0, 1.0)] == pytest.approx(
        [math.sqrt(2.0) / 2, math.sqrt(2.0) / 4, math.sqrt(2.0) / 2]
    )
    assert cached.cache_info().currsize < 100


def test_original_and_its_module_are_never_touched():
    before = {name: id(value) for name, value in globals().items()}
    code = helper.__code__

    for f in FUNCTIONS:
        grad_bp(twin(f), 0.83)

    assert {name: id(value) for name, value in globals().items() if name in before} == before
    assert helper.__code__ is code
    assert helper.__globals__ is globals()
    assert isinstance(np, types.ModuleType)
    assert math.sin.__class__ is types.BuiltinFunctionType


def test_rule_wins_over_the_body():
    into = Registry(parent=registry)

    def base(x):
        return x * 2.0

    def above(x):
        return base(x) + x

    lifted(derivative=lambda x: 100.0, into=into)(base)
    lifted(above, into=into)

    assert grad_bp(twin_of(above, into), 1.0) == 101.0


def test_no_grad_wins_over_the_body():
    into = Registry(parent=registry)

    def base(x):
        return x * 2.0

    def above(x):
        return base(x) + x

    no_grad(base, into=into)
    lifted(above, into=into)

    with pytest.raises(NoGradientError, match="base"):
        grad_bp(twin_of(above, into), 1.0)


# Classes and objects


class Shape:
    sides = 0

    def __init__(self, size):
        self.size = math.fabs(size)

    def area(self):
        return math.pow(self.size, 2) * self.factor()

    def factor(self):
        return 1.0

    @property
    def diagonal(self):
        return math.sqrt(2.0) * self.size

    @classmethod
    def unit(cls, k):
        return cls(math.exp(k))

    @staticmethod
    def twice(x):
        return 2.0 * math.sin(x)

    def __add__(self, other):
        return type(self)(self.size + other.size)

    def __call__(self, x):
        return math.cos(self.size * x)


class Square(Shape):
    sides = 4

    def __init__(self, size, name="square"):
        super().__init__(size)
        self.name = name

    def factor(self):
        return super().factor() * math.cosh(self.size)


@dataclasses.dataclass
class Checked:
    value: float

    def __post_init__(self):
        if not isinstance(self.value, (float, int, np.ndarray, list)):
            raise TypeError(f"value is a {type(self.value).__name__}")
        self.double = 2.0 * self.value


class Unit(enum.Enum):
    METRE = 1.0
    FOOT = 0.3048


def with_objects(x):
    s = Square(x)
    assert isinstance(s, Square)
    assert isinstance(s, Shape)
    assert s.sides == 4
    both = s + Square(x * x)
    return s.area() + s.diagonal + Square.unit(x).size + s.twice(x) + both.area() + s(x)


def with_checked_record(x):
    # trap 7
    c = Checked(x)
    return c.value * c.double + Checked(np.array([x, x])).value[1]


def with_enum(x, unit=Unit.FOOT):
    return x * unit.value if unit is not Unit.METRE else x


def with_namedtuple(x):
    pair = collections.namedtuple("Pair", "a b")(x, math.sin(x))
    return pair.a * pair.b + pair._replace(a=2.0).a


def with_simple_containers(x):
    d = collections.defaultdict(float)
    d["a"] += math.sin(x)
    q = collections.deque([x, x * x])
    q.append(d["a"])
    return sum(q) + collections.OrderedDict(b=x)["b"]


def with_copies(x):
    # trap 11
    parts = copy.deepcopy([x, {"a": x * x}])
    return parts[0] * parts[1]["a"] + sum(dataclasses.astuple(Checked(x)))


@pytest.mark.parametrize(
    "f", [with_objects, with_checked_record, with_enum, with_namedtuple, with_simple_containers]
)
def test_composite_with_objects_is_right(f):
    assert is_right(f, 0.83)


def test_deep_copies_never_disconnect_silently():
    # trap 11
    try:
        gradient = grad_bp(twin(with_copies), 0.83)
    except LiftError:
        return
    assert gradient == pytest.approx(float(slopes(with_copies, 0.83)), rel=1e-5)


def test_method_of_an_object_given_from_outside_is_rebound():
    def f(x, shape):
        return shape.area() * x + shape(x)

    assert is_right(f, 0.83, Square(1.5))


def test_object_holding_a_bvar_is_found():
    def f(shape):
        return shape.area()

    shape = Shape(1.5)

    assert grad_bp(twin(f), shape).size == pytest.approx(3.0)


# Buffers: arrays made inside


def fill_by_index(x):
    out = np.zeros(3)
    out[0] = x[0] * 2.0
    out[1] = math.sin(x[1])
    out[-1] = out[0] * x[2]
    return out


def fill_by_slice(x):
    out = np.empty((2, 3))
    out[0, :] = x
    out[1] = x * x
    out[:, 1] = 7.0
    out[0, ::2] += out[1, ::2]
    return out


def fill_by_mask(x):
    out = np.full(3, 2.0)
    mask = x > 0.5
    out[mask] = x[mask] ** 2
    out[~mask] *= x[~mask]
    return out


def augmented(x):
    out = np.ones_like(x)
    out += x
    out *= x
    out[1:] -= out[:-1]
    out /= 2.0
    out **= 2
    for i in range(len(out)):
        out[i] += i * x[i]
    return out


def aliasing_view(x):
    out = np.zeros((3, 3))
    row = out[1]
    row[:] = x
    corner = out[1:, 1:]
    corner[0, 0] += 5.0 * x[0]
    column = out.T[2]
    column[0] = x[1]
    flat = out.reshape(-1)
    flat[8] = x[2] * x[0]
    return out + row.sum()


def handed_on(x):
    h = np.empty((4, 4))
    h[3, :3] = 0.0
    rotation_into(x, h[:3, :3])
    h[:3, 3] = x
    h[3] = [0.0, 0.0, 0.0, x[0]]
    return h


def rotation_into(x, out):
    c, s = math.cos(x[0]), math.sin(x[0])
    out[...] = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def with_out_argument(x):
    # trap 4
    out = np.empty_like(x)
    np.multiply(x, 2.0, out=out)
    np.add(out, x, out)
    np.sin(out, out=out)
    np.fmod(out, 0.7, out=out)
    return out


def with_out_and_where(x):
    # trap 4
    return np.log(x, out=np.full_like(x, -9.0), where=x > 0.5)


def with_copyto(x):
    # trap 4
    out = np.ones(3)
    np.copyto(out, x * x, where=x > 0.5)
    np.copyto(out[:1], 2.0 * x[:1])
    return out


def with_put(x):
    out = np.zeros(4)
    np.put(out, [0, 2], x[:2])
    np.putmask(out, np.array([False, True, False, False]), x[2])
    np.fill_diagonal(square := np.zeros((3, 3)), x)
    out.fill(x[1])
    return np.concatenate([out, square.ravel()])


def array_of_scalars(x):
    c, s = math.cos(x[0]), math.sin(x[1])
    return np.array([[c, -s], [s, c]]) @ np.array([x[2], 1.0])


def stacked(x):
    return np.stack([x, x * 2]).T[np.array([0, 2])]


def swapped(x):
    out = np.array(x)
    out[0], out[2] = out[2], out[0] * out[1]
    return out


def rows_in_a_loop(x):
    out = np.zeros((3, 2))
    for row, v in zip(out, x, strict=True):
        row[0] = v
        row[1] = v * v
    return out


def accumulate_in_loop(x):
    out = np.zeros((2, 2))
    for i, j in itertools.product(range(2), range(2)):
        for v in x:
            out[i, j] += v ** (i + 1) * (j + 1)
    return out


def overwritten(x):
    out = np.array(x, copy=True)
    y = out * 2.0
    out[:] = 0.0
    return y + out


def read_before_written(x):
    out = np.zeros(3)
    a = out[0] + 1.0
    out[0] = x[0]
    b = out[0] * 2.0
    out[0] = x[1]
    return np.array([a, b, out[0]])


def linspaced(x):
    return (
        np.linspace(x[0], x[1], 4) + np.arange(4.0) * x[2] + np.full(4, x[0]) + np.eye(4)[0] * x[1]
    )


def with_r_and_c(x):
    return np.concatenate([np.r_[x[0], x, 1.0], np.c_[x, x].ravel()])


def unused_buffer(x):
    return np.zeros(3), x * 2.0


def interpolated(x):
    grid = np.linspace(0.0, 2.0, 5)
    return np.interp(x, grid, grid**2)


BUFFERS = [
    fill_by_index,
    fill_by_slice,
    fill_by_mask,
    augmented,
    aliasing_view,
    handed_on,
    with_out_argument,
    with_out_and_where,
    with_copyto,
    with_put,
    array_of_scalars,
    stacked,
    swapped,
    rows_in_a_loop,
    accumulate_in_loop,
    overwritten,
    read_before_written,
    linspaced,
    with_r_and_c,
    unused_buffer,
    interpolated,
]


@pytest.mark.parametrize("f", BUFFERS)
def test_buffer_is_right(f):
    assert is_right(f, VECTOR)


@pytest.mark.parametrize("f", BUFFERS)
def test_buffer_on_plain_values_is_a_plain_array(f):
    got = twin(f)(VECTOR)
    got = got[0] if isinstance(got, tuple) else got

    assert type(got) is np.ndarray


def test_buffer_never_stored_into_leaves_as_the_plain_array():
    seen = []
    grad_bp(lambda x: (seen.append(twin(unused_buffer)(x)), x)[1], VECTOR)

    assert type(seen[0][0]) is np.ndarray
    assert seen[0][1].__class__ is BVar


def test_buffer_leaves_containers_as_contents():
    def f(x):
        out = np.zeros(3)
        out[0] = x
        return {"a": [out, (np.ones(2), x)]}

    seen = []
    grad_bp(lambda x: (seen.append(twin(f)(x)), x)[1], 2.0)

    assert seen[0]["a"][0].__class__ is BVar
    assert type(seen[0]["a"][1][0]) is np.ndarray


def test_array_of_integers_refuses_a_bvar():
    def f(x):
        out = np.zeros(3, int)
        out[0] = x
        return out

    with pytest.raises(LiftError):
        grad_bp(twin(f), 2.5)


def test_buffer_of_float32_stays_float32():
    def f(x):
        out = np.zeros(2, np.float32)
        out[0] = x
        assert out.dtype == np.float32
        return out

    y, gradient = backprop(twin(f), 1.5)

    assert y.dtype == np.float32
    assert gradient == 1.0


def test_array_of_the_caller_is_never_filled_with_bvars():
    target = np.zeros(3)

    def f(x, out):
        out[0] = x
        return out.sum()

    with pytest.raises((LiftError, ValueError, TypeError)):
        grad_bp(lambda x: twin(f)(x, target), 2.0)
    assert np.array_equal(target, np.zeros(3))


def test_array_of_the_callers_module_is_never_filled_with_bvars():
    with pytest.raises((LiftError, ValueError, TypeError)):
        grad_bp(twin(fills_a_global), 2.0)
    assert np.array_equal(STORE, np.zeros(3))


STORE = np.zeros(3)


def fills_a_global(x):
    STORE[0] = x
    return STORE.sum()


def test_argument_of_the_caller_is_filled_functionally():
    x = np.array([1.0, 2.0])

    def f(v):
        v[0] = v[1] * 3.0
        v += 1.0
        return np.sum(v)

    gradient = grad_bp(twin(f), x)

    assert np.array_equal(x, [1.0, 2.0])
    assert np.array_equal(gradient, [0.0, 4.0])


def test_comparison_and_shape_questions_to_a_buffer_are_plain():
    def f(x):
        out = np.zeros((2, 2))
        out[0, 0] = x
        assert out.shape == (2, 2)
        assert out.ndim == 2
        assert len(out) == 2
        assert (out > 1).sum() == 1
        assert out[0, 1] == 0
        assert isinstance(out, np.ndarray)
        assert np.any(out)
        assert bool(out[0, 0])
        return out.sum()

    assert grad_bp(twin(f), 2.0) == 1.0


# Live globals

RATE = 2.0
CONFIG = {"mode": "double"}
CURRENT = helper


def with_configuration(x):
    return x * RATE if CONFIG["mode"] == "double" else x


def with_replaced_function(x):
    return CURRENT(x)


def set_rate(x):
    global RATE
    RATE = 5.0
    return x * RATE


def calls_set_rate(x):
    return set_rate(2.0) * x


def test_configuration_globals_are_live(monkeypatch):
    t = twin(with_configuration)
    before = grad_bp(t, 1.0)
    monkeypatch.setitem(globals(), "RATE", 7.0)
    changed = grad_bp(t, 1.0)
    monkeypatch.setitem(CONFIG, "mode", "plain")

    assert (before, changed, grad_bp(t, 1.0)) == (2.0, 7.0, 1.0)


def test_function_replaced_in_the_module_is_seen(monkeypatch):
    # trap 8: accelerators replace functions at run time
    t = twin(with_replaced_function)
    before = grad_bp(t, 0.5)
    monkeypatch.setitem(globals(), "CURRENT", lambda x: x * 100.0)

    assert before == pytest.approx(1.0 + math.cos(0.5))
    assert grad_bp(t, 0.5) == 100.0


def test_function_that_assigns_globals_is_refused_by_name():
    with pytest.raises(NoGradientError, match="set_rate"):
        grad_bp(twin(set_rate), 1.0)
    assert RATE == 2.0


def test_function_that_assigns_globals_may_be_called_on_plain_values(monkeypatch):
    monkeypatch.setitem(globals(), "RATE", 2.0)

    assert grad_bp(twin(calls_set_rate), 3.0) == 10.0
    assert RATE == 5.0


# The rest of the traps of real code


def test_swallowed_refusal_never_gives_a_wrong_gradient():
    # trap 1: where the value is wrong, the gradient is worthless
    def f(x):
        try:
            return math.lgamma(x) * math.ulp(x)
        except Exception:
            return 1.79e308 * x

    try:
        y, _ = backprop(twin(f), 2.5)
    except LiftError:
        return
    assert y == f(2.5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.eye(2)[0, 0] if x == 0 else math.cos(x) + math.sin(x),
        lambda x: 1.0 if not x else math.sin(x) / x,
        lambda x: x * 2.0 if x else 0.0,
        lambda x: 0.0 if abs(x) < 1e-9 else x * x + x,
    ],
)
def test_branch_on_exactly_this_value_does_not_drop_the_gradient(f):
    # trap 2
    gradient = grad_bp(twin(f), 0.0)
    there = slopes(f, 0.0, 1e-5)

    assert np.allclose(gradient, there, atol=1e-5)


def in_threads(x):
    results = [None] * 3

    def work(k):
        results[k] = math.sin(x * (k + 1))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results)


def in_a_pool(x):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(math.sin, [x, x * 2.0]))


@pytest.mark.parametrize("f", [in_threads, in_a_pool])
def test_worker_threads_inside_a_function_are_right_or_refused(f):
    # trap 3
    with contextlib.suppress(LiftError):
        assert is_right(f, 0.83)


def test_numerics_in_another_package_are_rebound_too(tmp_path, monkeypatch):
    # trap 6
    (tmp_path / "far_numerics.py").write_text(
        "import math\n\nCONSTANT = 3.0\n\ndef kernel(x):\n    return math.sin(x) * CONSTANT\n"
    )
    (tmp_path / "near_numerics.py").write_text(
        "import far_numerics\nfrom far_numerics import kernel as k\n\n"
        "def f(x):\n    return k(x) + far_numerics.kernel(2 * x)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import near_numerics

    assert is_right(near_numerics.f, 0.4)


def kernel_of_plain_python(x):
    return x * 3.0


class Dispatcher:
    """What a compiler of Python functions leaves behind."""

    def __init__(self, py_func):
        self.py_func = py_func

    def __call__(self, x):
        if type(x) is not float:
            raise TypeError("cannot determine the type of x")
        return self.py_func(x)


accelerated = Dispatcher(kernel_of_plain_python)


def test_compiled_function_is_lifted_by_its_python_body():
    # trap 8
    assert is_right(lambda x: accelerated(x) * x, 0.5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0)),
        lambda x: np.sum(np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))),
        lambda x: np.sum(np.arctan2(x, x + 1.0)),
    ],
)
def test_gradient_at_a_pole_is_finite_where_differences_are(f):
    # trap 9
    gradient = grad_bp(lambda v: twin(f)(v), np.array([0.0, 0.5]))

    assert np.all(np.isfinite(gradient))


def sorted_in_place(x):
    phi = x * 2.0
    phi.sort(axis=0)
    return phi * np.arange(3.0)


def reshaped_by_attribute(x):
    image = np.array(x)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        image.shape = (3, 1)  # deprecated since NumPy 2.5, and still found
    return image * np.ones((1, 2))


def item_of_argmin(x):
    return x.item(np.argmin(x)) * x[0] + (x * x).item(1)


def with_conjugate(x):
    return x.conjugate() * x.conj() + x.real + x.imag


def with_resize(x):
    return np.resize(x, (2, 3)) * np.arange(6.0).reshape(2, 3)


def with_take_along_axis(x):
    order = np.argsort(x)
    return np.take_along_axis(x, order, axis=0) * np.arange(3.0) + np.take(x, order[::-1])


def with_choose(x):
    return np.choose(np.array([0, 1, 0]), [x, x * x])


def with_apply_along_axis(x):
    return np.apply_along_axis(lambda row: row * np.sum(row), 0, x)


def with_block(x):
    return np.block([[x[:2, None], np.ones((2, 1))], [np.ones((1, 1)), x[2] * np.ones((1, 1))]])


def with_bytes_as_key(x):
    known = {np.round(VECTOR, 3).tobytes(): 2.0}
    return x * known[np.round(x, 3).tobytes()]


def with_methods(x):
    return (
        x.copy().clip(0.5, 1.5)
        + x.cumsum()
        + x.max() * x.min()
        + x.take([0, 1, 1])
        + x.repeat(2)[:3]
        + x.tolist()[0]
        + np.squeeze(x[None])
        + x.astype(np.float64).flatten()
        + x.swapaxes(0, 0)
        + x.dot(x)
        + x.prod()
        + x.var()
    )


@pytest.mark.parametrize(
    "f",
    [
        sorted_in_place,
        reshaped_by_attribute,
        item_of_argmin,
        with_conjugate,
        with_resize,
        with_take_along_axis,
        with_choose,
        with_apply_along_axis,
        with_block,
        with_bytes_as_key,
        with_methods,
    ],
)
def test_odd_methods_and_functions_are_right(f):
    # trap 10
    assert is_right(f, VECTOR)


def test_compiled_function_refuses_bvars_and_does_not_crash():
    # trap 12: an object whose __array__ raises crashes f2py functions after some 300 calls
    source = """
        import numpy as np
        import scipy.linalg.lapack as lapack
        from backprop_lift import Registry, grad_bp, lifted, registry, twin_of

        def f(x):
            return np.sum(lapack.dgesv(x, np.ones(2))[2])

        mine = Registry(parent=registry)
        lifted(f, into=mine)
        refused = 0
        for _ in range(1000):
            try:
                grad_bp(twin_of(f, mine), np.eye(2) * 2.0)
            except Exception:
                refused += 1
        print(refused)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("0", "1000")


def test_f2py_functions_called_by_hand_on_a_bvar_do_not_crash():
    # trap 12, outside a composite
    source = """
        import numpy as np
        import scipy.linalg.lapack as lapack
        from backprop_lift import grad_bp

        refused = 0
        for _ in range(1000):
            try:
                grad_bp(lambda x: lapack.dgesv(x, np.ones(2))[2], np.eye(2))
            except Exception:
                refused += 1
        print(refused)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1000"


# Python's own dispatch, and state that outlives a call


@functools.singledispatch
def dispatched(x):
    return x * 3.0


@dispatched.register(float)
def _(x):
    return x * 2.0


@dispatched.register(np.ndarray)
def _(x):
    return x * 5.0


def by_dispatch(x):
    return np.sum(dispatched(x) * x)


def by_dispatch_made_inside(x):
    @functools.singledispatch
    def chosen(x):
        return x * 3.0

    @chosen.register
    def _(x: float):
        return x * 2.0

    chosen.register(np.ndarray, lambda x: x * 5.0)
    return np.sum(chosen(x) * x)


def by_match(x):
    match x:
        case float():
            return x * 2.0
        case np.ndarray():
            return x * 5.0
        case _:
            return x * 3.0


@pytest.mark.parametrize("f", [by_dispatch, by_dispatch_made_inside, by_match])
@pytest.mark.parametrize("x", [0.83, VECTOR], ids=["float", "array"])
def test_dispatch_on_the_type_is_that_of_the_value_or_refused(f, x):
    with contextlib.suppress(LiftError, TypeError):
        assert is_right(f, x)


class Meter:
    """Keeps what it has measured."""

    def __init__(self):
        self.first = None

    def scaled(self, x):
        if self.first is None:
            self.first = math.exp(x)
        return self.first * x


METER = Meter()
KNOWN = {}
SEEN = []


def with_memo(x):
    if "exp" not in KNOWN:
        KNOWN["exp"] = math.exp(x)
    return KNOWN["exp"] * x


def with_list_of_seen(x):
    SEEN.append(math.exp(x))
    return SEEN[-1] * x


def with_global_object(x):
    return METER.scaled(x)


def with_mutable_default(x, seen=[]):  # noqa: B006 - the point of it
    seen.append(math.exp(x))
    return seen[-1] * x


@pytest.mark.parametrize(
    "f", [with_memo, with_list_of_seen, with_global_object, with_mutable_default]
)
def test_function_that_remembers_still_works_on_plain_values_afterwards(f, monkeypatch):
    monkeypatch.setitem(globals(), "KNOWN", {})
    monkeypatch.setitem(globals(), "SEEN", [])
    monkeypatch.setitem(globals(), "METER", Meter())

    with contextlib.suppress(LiftError):
        assert grad_bp(twin(f), 0.83) == pytest.approx(math.exp(0.83) * 1.83)

    assert f(0.83) == pytest.approx(math.exp(0.83) * 0.83)
    assert [v for v in [*KNOWN.values(), *SEEN, METER.first] if isinstance(v, BVar)] == []


class Vector:
    """Has reflected operators of its own."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __mul__(self, k):
        return Vector(self.a * k, self.b * k)

    __rmul__ = __mul__

    def __radd__(self, k):
        return Vector(k + self.a, k + self.b)


def with_reflected_operators(x):
    v = x + x * Vector(1.0, 2.0) * x
    return v.a * v.b


def test_reflected_operators_of_other_classes_are_theirs():
    assert is_right(with_reflected_operators, 0.83)
    assert grad_bp(with_reflected_operators, 0.83) == pytest.approx(
        float(slopes(with_reflected_operators, 0.83))
    )


# What is refused, and why


def test_unlifted_compiled_function_is_refused_by_name():
    def f(x):
        return math.ulp(x) if False else np.packbits(x)

    with pytest.raises(NoGradientError, match="packbits"):
        grad_bp(twin(f), np.ones(2))


def test_refusal_shows_where_the_call_was_made():
    def f(x):
        return np.packbits(x)

    with pytest.raises(NoGradientError) as caught:
        grad_bp(twin(f), np.ones(2))

    assert any(entry.path.samefile(__file__) for entry in caught.traceback if entry.path.exists())


def test_errors_of_the_body_are_the_bodys_own():
    def f(x):
        raise KeyError("of the author")

    with pytest.raises(KeyError, match="of the author"):
        grad_bp(twin(f), 1.0)


def test_wrong_arguments_are_refused_as_python_does():
    t = twin(lambda x, *, k: x * k)

    with pytest.raises(TypeError, match="k"):
        grad_bp(lambda x: t(x), 1.0)
    with pytest.raises(TypeError, match="positional"):
        grad_bp(lambda x: t(x, x, k=1), 1.0)


def test_composites_run_in_many_threads_at_once():
    t, wrong = twin(calls_a_table), []
    expected = grad_bp(t, 0.5)

    def work():
        for _ in range(50):
            if grad_bp(t, 0.5) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_first_use_of_a_composite_may_come_from_many_threads_at_once():
    t, found = twin(with_objects), []

    def work():
        try:
            found.append(grad_bp(t, 0.83))
        except Exception as error:
            found.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1, found


def test_signature_name_and_docs_of_the_twin_are_the_originals():
    t = twin(with_default_function)

    assert t.__name__ == "with_default_function"
    assert t.__wrapped__ is with_default_function


def test_complex_arithmetic_inside_a_composite_is_right():
    def f(x):
        z = cmath.exp(1j * x) * complex(x, 2.0)
        return abs(z) ** 2 + z.real

    assert is_right(f, 0.7)


def test_print_and_format_of_bvars_work(capsys):
    def f(x):
        print(f"{x:.2f}", x, "%s" % type(x).__name__)
        return x

    assert grad_bp(twin(f), 1.5) == 1.0
    assert "1.50" in capsys.readouterr().out


def test_value_of_inside_a_composite_is_the_plain_value():
    assert grad_bp(twin(lambda x: x * value_of(x)), 3.0) == 3.0
