"""Random programs: gradients of any mixture of operations agree with finite differences."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_lift import Registry, backprop, backprop_with, grad_bp, lifted, registry, twin_of
from backprop_lift.errors import TapeError

STEP = 1e-6


def smooth(x: Any) -> Any:
    """Keep values small, whatever the program does."""
    return np.tanh(x)


UNARY: list[Callable[[Any], Any]] = [
    lambda x: -x,
    lambda x: +x,
    lambda x: x**2,
    lambda x: x**3,
    lambda x: x**0,
    lambda x: 1.5 ** (x * 0.5),
    lambda x: 1.0 / (x**2 + 1.0),
    lambda x: 2.0 - x,
    lambda x: 3 + x,
    lambda x: x / 4,
    lambda x: np.float64(0.7) * x,
    lambda x: x - np.float32(0.5),
    lambda x: np.sin(x),
    lambda x: np.exp(-x),
    lambda x: np.sqrt(x**2 + 1.0),
    lambda x: np.arctan(x),
    lambda x: np.sum(x),
    lambda x: np.mean(x) * x,
    lambda x: np.cumsum(x),
    lambda x: x.T if np.ndim(x) else x,
    lambda x: np.ravel(x)[0],
    lambda x: np.ravel(x)[::2],
    lambda x: np.ravel(x)[np.array([0, -1, 0])],
    lambda x: np.reshape(x, (1, -1)),
    lambda x: np.stack([x, x * 2.0]),
    lambda x: np.concatenate([np.ravel(x), np.ravel(x)[:1]]),
    lambda x: np.where(np.arange(np.size(x)).reshape(np.shape(x)) % 2 == 0, x, 0.3),
    lambda x: np.atleast_2d(x),
    lambda x: np.broadcast_to(x, (2, *np.shape(x))),
    lambda x: x * np.ones((2, *(1,) * np.ndim(x))),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / (y**2 + 1.0),
    lambda x, y: (x**2 + 1.0) ** y,
    lambda x, y: np.hypot(x, y + 2.0),
    lambda x, y: np.add(x, y) * y,
    lambda x, y: np.outer(x, y),
    lambda x, y: np.ravel(x)[0] * y,
    lambda x, y: (
        np.dot(np.ravel(x)[:2], np.ravel(y)[:2]) if min(np.size(x), np.size(y)) > 1 else x * y
    ),
]


def assigned(x: Any, y: Any) -> Any:
    """Item assignment and augmented assignment of one value into another."""
    z = np.reshape(x, -1) * 1.0
    z[0] = np.sum(y)
    z[-1:] += np.ravel(y)[0] * z[:1]
    z *= 0.5
    return z


BINARY.append(assigned)

instructions = st.lists(
    st.one_of(
        st.tuples(st.just(1), st.integers(0, len(UNARY) - 1), st.integers(0, 99)),
        st.tuples(
            st.just(2), st.integers(0, len(BINARY) - 1), st.integers(0, 99), st.integers(0, 99)
        ),
    ),
    min_size=1,
    max_size=8,
)


@dataclasses.dataclass
class Program:
    """A list of instructions, run on a pool of values that grows by their results."""

    steps: list[tuple[int, ...]]

    def __call__(self, *pool: Any) -> Any:
        values = list(pool)
        for kind, which, *operands in self.steps:
            xs = [values[i % len(values)] for i in operands]
            y = (UNARY if kind == 1 else BINARY)[which](*xs)
            if np.size(y) > 64:
                y = np.ravel(y)[:64]
            values.append(smooth(y))
        # the last results count, each number with a weight of its own
        total = 0.0
        for k, y in enumerate(values[-3:]):
            weights = np.cos(k + np.arange(np.size(y), dtype=float)).reshape(np.shape(y))
            total = total + np.sum(y * weights)
        return total


def broadcastable(program: Program, xs: tuple[Any, ...]) -> bool:
    try:
        return bool(np.isfinite(program(*xs)))
    except ValueError:
        return False


def differences(f: Callable[..., Any], xs: tuple[Any, ...]) -> list[Any]:
    found = []
    for k, x in enumerate(xs):
        slopes = np.zeros(np.shape(x))
        for i in np.ndindex(np.shape(x)):
            step = np.zeros(np.shape(x))
            step[i] = STEP
            above, below = (
                f(*(x + h if j == k else other for j, other in enumerate(xs)))
                for h in (step, -step)
            )
            slopes[i] = (above - below) / (2 * STEP)
        found.append(slopes)
    return found


ARGUMENTS = {
    "floats": (0.4, -0.7),
    "arrays": (np.array([0.4, -0.3, 0.8]), np.array([-0.7, 0.2, 0.5])),
    "matrix and row": (np.linspace(-0.8, 0.9, 6).reshape(2, 3), np.array([-0.7, 0.2, 0.5])),
    "array and float": (np.array([0.4, -0.3, 0.8]), -0.7),
    "no dimensions": (np.array(0.4), np.float64(-0.7)),
    "not contiguous": (np.linspace(-1, 1, 12).reshape(3, 4)[::2, ::3], np.ones((2, 2)).T * 0.3),
}
each_kind = pytest.mark.parametrize("xs", ARGUMENTS.values(), ids=ARGUMENTS)


@each_kind
def test_gradient_of_a_random_program_is_right(xs):
    @settings(max_examples=60)
    @given(instructions)
    def check(steps):
        program = Program(steps)
        if not broadcastable(program, xs):
            return
        y, gradient = backprop(program, *xs)
        assert np.isclose(y, program(*xs), rtol=1e-12)
        for got, expected in zip(gradient, differences(program, xs), strict=True):
            assert np.shape(got) == np.shape(expected)
            assert np.allclose(got, expected, rtol=1e-5, atol=1e-7)

    check()


@each_kind
def test_second_order_gradient_of_a_random_program_is_right(xs):
    @settings(max_examples=25)
    @given(instructions)
    def check(steps):
        program = Program(steps)
        if not broadcastable(program, xs):
            return

        def projected(*xs):
            return sum(
                np.sum(g * np.sin(1.0 + np.arange(np.size(g), dtype=float)).reshape(np.shape(g)))
                for g in grad_bp(program, *xs)
            )

        for got, expected in zip(grad_bp(projected, *xs), differences(projected, xs), strict=True):
            assert np.allclose(got, expected, rtol=1e-4, atol=1e-6)

    check()


@each_kind
def test_composite_of_a_random_program_is_right(xs):
    into = Registry(parent=registry)
    lifted(lambda program, *xs: Program.__call__(program, *xs), into=into)
    composite = twin_of(next(iter(into)).original, into)

    @settings(max_examples=15)
    @given(instructions)
    def check(steps):
        program = Program(steps)
        if not broadcastable(program, xs):
            return
        got = grad_bp(lambda *vs: composite(program, *vs), *xs)
        assert all(np.allclose(a, b) for a, b in zip(got, grad_bp(program, *xs), strict=True))

    check()


@each_kind
def test_scaled_gradient_of_a_random_program_is_linear_and_repeatable(xs):
    @given(instructions, st.floats(-3, 3))
    def check(steps, by):
        program = Program(steps)
        if not broadcastable(program, xs):
            return
        _, scaled_grad = backprop_with(program, *xs)
        one, scaled, again = scaled_grad(1.0), scaled_grad(by), scaled_grad(1.0)
        for a, b, c in zip(one, scaled, again, strict=True):
            assert np.allclose(by * a, b)
            assert np.array_equal(a, c)

    check()


MOVES: list[Callable[[Any, Any], Any]] = [
    lambda y, x: y.__setitem__(0, x[1] * 2.0),
    lambda y, x: y.__setitem__(slice(1, 3), x[:2]),
    lambda y, x: y.__setitem__(y > 0.2, 0.1),
    lambda y, x: y.__setitem__(np.array([0, 2]), x[np.array([1, 1])]),
    lambda y, x: y.__iadd__(x),
    lambda y, x: y.__imul__(x[0]),
    lambda y, x: y[1:].__setitem__(0, x[2] * y[0]),
    lambda y, x: y[::2].__imul__(3.0),
    lambda y, x: y[:2].__setitem__(slice(None), y[1:3] * 1.0),
    lambda y, x: np.multiply(y, x, out=y),
    lambda y, x: np.add(y, 1.0, out=y, where=np.array([True, False, True, False])),
    lambda y, x: y.T.__setitem__(1, x[0]),
    lambda y, x: y.reshape(2, 2).__setitem__((1, 0), x[3]),
    lambda y, x: y.ravel().__iadd__(x),
]


@given(st.lists(st.sampled_from(range(len(MOVES))), min_size=1, max_size=6))
@settings(max_examples=80)
def test_random_writes_have_numpys_values_or_are_refused(moves):
    x = np.array([0.3, -0.6, 0.9, 0.5])

    def f(x):
        y = x * 1.0
        for move in moves:
            MOVES[move](y, x)
        return np.sum(y * np.array([1.0, 10.0, 100.0, 1000.0]))

    try:
        y, gradient = backprop(f, x)
    except TapeError:
        return
    assert np.isclose(y, f(x))
    assert np.allclose(gradient, differences(f, (x,))[0], rtol=1e-5, atol=1e-6)


@given(st.lists(st.sampled_from(range(len(MOVES))), min_size=1, max_size=6))
@settings(max_examples=80)
def test_random_writes_into_a_buffer_have_numpys_values(moves):
    x = np.array([0.3, -0.6, 0.9, 0.5])

    def f(x):
        y = np.zeros(4)
        y[:] = x
        for move in moves:
            MOVES[move](y, x)
        return np.sum(y * np.array([1.0, 10.0, 100.0, 1000.0]))

    into = Registry(parent=registry)
    lifted(f, into=into)
    y, gradient = backprop(twin_of(f, into), x)

    assert np.isclose(y, f(x))
    assert np.allclose(gradient, differences(f, (x,))[0], rtol=1e-5, atol=1e-6)
