"""The runners: gradients of any function of any arguments, at any depth."""

import asyncio
import concurrent.futures
import dataclasses
import gc
import itertools
import math
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest

from backprop_lift import (
    BVar,
    backprop,
    backprop_with,
    eval_bp,
    grad_bp,
    lifted,
    value_of,
)
from backprop_lift.errors import CotangentError, LiftError, NoGradientError


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray
    name: str = "layer"
    scale: float = 1.0


class Pair(NamedTuple):
    left: float
    right: Any


# The pinned answers: the defects of the original, D1 to D9


def test_relu_as_the_last_operation_has_the_right_gradient():
    def f(x):
        y = x * 2
        return 0.0 if y < 0 else y

    assert (grad_bp(f, -3.0), grad_bp(f, 3.0)) == (0.0, 2.0)


def test_first_item_of_a_list_has_the_right_gradient():
    assert grad_bp(lambda xs: xs[0], [1.0, 2.0, 3.0]) == [1.0, 0.0, 0.0]
    assert grad_bp(lambda xs: list(xs)[1], [1.0, 2.0, 3.0]) == [0.0, 1.0, 0.0]


def test_comparison_of_pairs_is_no_gradient_and_no_crash():
    assert grad_bp(lambda x: 5.0 if (x, x) == (x, x) else 6.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("f", "second"),
    [
        (np.sin, -math.sin(1.0)),
        (np.exp, math.e),
        (np.log, -1.0),
        (np.sqrt, -0.25),
        (lambda y: y * y * y, 6.0),
        (lambda y: 1.0 / y, 2.0),
        (lambda y: y**2.5, 3.75),
        (np.tanh, -2 * math.tanh(1.0) * (1 - math.tanh(1.0) ** 2)),
    ],
)
def test_nested_gradient_is_exact(f, second):
    assert grad_bp(lambda x: grad_bp(f, x), 1.0) == pytest.approx(second)


def test_third_derivative_is_exact():
    assert grad_bp(lambda x: grad_bp(lambda y: grad_bp(lambda z: z**4, y), x), 2.0) == 48.0


def test_lists_of_unequal_length_lose_nothing():
    def f(v):
        return v[2] * 2.0 + sum(v[:2])

    assert grad_bp(f, [1.0, 2.0, 3.0]) == [1.0, 1.0, 2.0]


def test_product_with_a_zero_has_the_right_gradient():
    assert np.array_equal(grad_bp(np.prod, np.array([0.0, 2.0, 3.0])), [6.0, 0.0, 0.0])
    assert np.array_equal(grad_bp(np.prod, np.array([0.0, 0.0, 3.0])), [0.0, 0.0, 0.0])


def test_short_cotangent_is_refused_and_not_padded(mine):
    @lifted(grad=lambda dzdy, xs: [dzdy], into=mine)
    def first(xs):
        return xs[0]

    with pytest.raises(CotangentError):
        grad_bp(lambda xs: mine[first].twin(xs) + xs[-1], [1.0, 2.0, 3.0])


def test_rules_of_constant_arguments_are_not_called(mine):
    def not_called(dzdy):
        raise AssertionError("the cotangent of a constant was computed")

    @lifted(grad={"x": lambda dzdy, w: dzdy * w, "w": not_called}, into=mine)
    def scaled(x, w):
        return x * w

    assert grad_bp(lambda x: mine[scaled].twin(x, 3.0), 2.0) == 3.0


# Arguments and results


def test_gradient_of_one_argument_is_bare_and_of_several_a_tuple():
    assert grad_bp(lambda x: x**2 + 3, 9.0) == 18.0
    assert grad_bp(lambda x, y: x * y, 2.0, 5.0) == (5.0, 2.0)
    assert grad_bp(lambda *xs: sum(x * x for x in xs), 1.0, 2.0, 3.0) == (2.0, 4.0, 6.0)


def test_runners_without_arguments_give_functions():
    gradient = grad_bp(lambda x, k=1.0: k * x * x)

    assert gradient(3.0) == 6.0
    assert gradient(3.0, k=2.0) == 12.0
    assert backprop(lambda x: x * x)(3.0) == (9.0, 6.0)
    assert backprop_with(lambda x: x * x)(3.0)[1](2.0) == 12.0


def test_settings_pass_untouched():
    def f(x, *, power, flag):
        assert flag is sentinel
        assert power.__class__ is int
        return x**power

    sentinel = object()

    assert grad_bp(f, 2.0, power=3, flag=sentinel) == 12.0


def test_settings_may_be_called_like_the_parameters_of_a_runner():
    assert grad_bp(lambda x, f=0, y=0: x * (f + y), 2.0, y=4.0) == 4.0


def test_eval_bp_is_just_the_call():
    x = np.ones(3)

    assert eval_bp(lambda a: a, x) is x
    assert eval_bp(lambda a, *, k: a * k, 2.0, k=3.0) == 6.0


def test_backprop_gives_a_plain_value_and_the_gradient():
    y, gradient = backprop(lambda x: {"a": x * 2.0, "b": [x, "text"]}, 1.5)

    assert y == {"a": 3.0, "b": [1.5, "text"]}
    assert gradient == 3.0


def test_output_of_many_numbers_is_seeded_with_ones():
    assert grad_bp(lambda x: [x, x * x, 3.0], 2.0) == 5.0
    assert np.array_equal(grad_bp(lambda x: x * x, np.array([1.0, 2.0])), [2.0, 4.0])


def test_output_that_does_not_vary_has_zero_gradient():
    for y in (1.0, None, "text", True, np.ones(3), [], {}):
        assert np.array_equal(grad_bp(lambda x, y=y: y, np.ones(2)), np.zeros(2))


def test_unused_argument_has_zero_gradient():
    assert np.array_equal(grad_bp(lambda x, y: x, 1.0, np.ones(3))[1], np.zeros(3))


def test_argument_given_twice_has_two_gradients():
    x = np.ones(2)
    first, second = grad_bp(lambda a, b: np.sum(a * 2.0 + b * 3.0), x, x)

    assert (first[0], second[0]) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (2.0, 4.0),
        (2, 4.0),
        (True, None),
        (np.float64(2), np.float64(4)),
        (np.float32(2), np.float32(4)),
        (np.float16(2), np.float16(4)),
        (np.longdouble(2), np.longdouble(4)),
        (np.int8(2), np.float64(4)),
        (np.array(2.0), np.array(4.0)),
        (np.array(2), np.array(4.0)),
        (np.array([1.0, 2.0]), np.array([2.0, 4.0])),
        (np.array([1, 2]), np.array([2.0, 4.0])),
        (np.array([1, 2], np.uint8), np.array([2.0, 4.0])),
        (np.array([1, 2], np.float32), np.array([2, 4], np.float32)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.zeros((2, 0)), np.zeros((2, 0))),
        (np.asfortranarray(np.ones((2, 3))), np.full((2, 3), 2.0)),
        (np.ones((4, 6))[::2, ::3], np.full((2, 2), 2.0)),
        (np.broadcast_to(np.ones(3), (2, 3)), np.full((2, 3), 2.0)),
    ],
    ids=lambda x: f"{type(x).__name__}{getattr(x, 'shape', '')}{getattr(x, 'dtype', '')}",
)
def test_gradient_has_the_type_of_its_argument(x, expected):
    gradient = grad_bp(lambda v: np.sum(v * v) if v.__class__ is BVar else 1.0, x)

    assert type(gradient) is type(expected)
    assert getattr(gradient, "dtype", None) == getattr(expected, "dtype", None)
    assert np.array_equal(gradient, expected) or gradient is expected


def test_argument_of_float32_in_a_float64_product_stays_float32():
    gradient = grad_bp(lambda b: np.sum(b * np.ones(3)), np.ones(3, np.float32))

    assert gradient.dtype == np.float32


@pytest.mark.parametrize("x", ["text", None, b"x", len, object, {"a": "b"}, [], ()])
def test_argument_without_numbers_passes_plain_and_has_no_gradient(x):
    seen = []
    gradient = grad_bp(lambda a, b: (seen.append(a), b)[1], x, 1.0)

    assert gradient[1] == 1.0
    if not isinstance(x, (dict, list, tuple)):
        assert seen[0] is x
        assert gradient[0] is None


def test_records_nest_in_any_way():
    x = {
        "layers": [
            Layer(np.ones((2, 3)), np.zeros(2)),
            Layer(np.ones((1, 2)), np.zeros(1), scale=2.0),
        ],
        "pair": Pair(2.0, (np.arange(3.0), {"deep": [1.5, None]})),
    }

    def f(p):
        h = p["pair"].right[0] * p["pair"].left
        for layer in p["layers"]:
            h = (layer.w @ h + layer.b) * layer.scale
        return np.sum(h) * p["pair"].right[1]["deep"][0]

    gradient = grad_bp(f, x)

    assert isinstance(gradient["layers"][0], Layer)
    assert isinstance(gradient["pair"], Pair)
    assert gradient["layers"][0].name is None
    assert np.allclose(gradient["layers"][1].b, 3.0)
    assert np.allclose(gradient["layers"][0].w, 3.0 * np.outer([1, 1], [0.0, 2.0, 4.0]))
    assert gradient["pair"].right[1] == {"deep": [24.0, None]}


def test_result_may_be_a_record():
    y, scaled_grad = backprop_with(lambda x: Layer(x * 2.0, x * x), np.array([1.0, 2.0]))

    assert np.array_equal(y.b, [1.0, 4.0])
    seed = Layer(np.array([1.0, 0.0]), np.array([0.0, 1.0]), None, None)
    assert np.array_equal(scaled_grad(seed), [2.0, 4.0])


def test_result_may_hold_one_argument_as_it_is():
    gradient = grad_bp(lambda d: d, {"a": 1.0, "b": np.ones(2)})

    assert gradient["a"] == 1.0
    assert np.array_equal(gradient["b"], [1, 1])


def test_generators_and_iterators_are_results_only_when_collected():
    assert grad_bp(lambda x: sum(x * i for i in range(3)), 2.0) == 3.0
    with pytest.raises((LiftError, TypeError)):
        grad_bp(lambda x: (x * i for i in range(3)), 2.0)


def test_object_arrays_of_bvars_are_never_made_silently():
    def f(v):
        a = np.empty(2, object)
        a[0], a[1] = v * 2.0, v * 3.0
        return a.sum()

    assert grad_bp(f, 1.0) == 5.0


def test_complex_result_wants_a_seed():
    with pytest.raises(CotangentError, match="backprop_with"):
        grad_bp(lambda z: z * z, 1 + 2j)


def test_complex_result_takes_a_seed():
    _, scaled_grad = backprop_with(lambda z: z * z, 1 + 2j)

    assert scaled_grad(1.0) == 2 - 4j
    assert scaled_grad(1j) == 1j * (2 - 4j)


def test_huge_numbers_overflow_as_numpy_does():
    assert grad_bp(lambda x: x * x, 1e308) == 2e308
    with np.errstate(over="ignore"):
        assert grad_bp(np.exp, 1000.0) == np.inf


def test_huge_integers_are_numbers():
    assert grad_bp(lambda x: x * 2.0, 10**400 // 10**395) == 2.0


def test_nan_gives_nan():
    assert math.isnan(grad_bp(lambda x: x * x, math.nan))
    assert np.isnan(grad_bp(lambda x: np.sum(np.sin(x)), np.array([np.nan, 0.0]))).tolist() == [
        True,
        False,
    ]


def test_infinite_slope_is_infinite():
    assert grad_bp(np.sqrt, 0.0) == np.inf
    assert grad_bp(np.cbrt, 0.0) == np.inf


# What the caller holds is never changed, shared or needed


def test_arguments_are_never_changed():
    x = {"a": np.arange(3.0), "b": [1.0, 2.0]}

    def f(d):
        d["a"][0] = 9.0
        d["b"][0] = d["b"][1] * 2.0
        return np.sum(d["a"])

    grad_bp(f, x)

    assert np.array_equal(x["a"], np.arange(3.0))
    assert x["b"] == [1.0, 2.0]


def test_read_only_arguments_work():
    x = np.ones(3)
    x.flags.writeable = False

    gradient = grad_bp(lambda v: np.sum(v * v), x)

    assert gradient.flags.writeable
    gradient += 1.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: np.sum(x),
        lambda x: x[0],
        lambda x: x.T,
        lambda x: x.reshape(-1)[:2],
        lambda x: x + 0.0,
        lambda x: [x, x],
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        lambda x: x * 2.0 + x[0],
        lambda x: 5.0,
    ],
)
def test_gradient_is_writable_and_shared_with_nothing(f):
    x = np.ones((2, 3))
    y, scaled_grad = backprop_with(f, x)
    seed = [np.ones((2, 3))] * 2 if isinstance(y, list) else np.ones(np.shape(y)) * 1.0
    seed = seed if np.ndim(y) or isinstance(y, list) else 1.0

    first, second = scaled_grad(seed), scaled_grad(seed)
    before = second.copy()
    first[...] = 77.0

    assert np.array_equal(second, before)
    assert np.all(x == 1.0)
    assert np.all(seed[0] == 1.0) if isinstance(seed, (list, np.ndarray)) else seed == 1.0
    assert np.array_equal(scaled_grad(seed), before)


def test_gradients_of_two_arguments_share_nothing():
    a, b = grad_bp(lambda x, y: np.sum(x + y), np.ones(3), np.ones(3))
    a += 5.0

    assert np.all(b == 1.0)


def test_parts_of_a_gradient_share_nothing():
    gradient = grad_bp(lambda d: np.sum(d["a"] + d["b"][0]), {"a": np.ones(3), "b": [np.ones(3)]})
    gradient["a"] += 5.0

    assert np.all(gradient["b"][0] == 1.0)


def test_value_is_shared_with_nothing():
    x = np.ones(3)
    y, _ = backprop(lambda v: v, x)
    y += 5.0

    assert np.all(x == 1.0)


@pytest.mark.parametrize("size", [3, 20_000], ids=["small", "large"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * x),
        lambda x: np.sum(np.sin(x)),
        lambda x: np.sum(x**3),
        lambda x: np.sum(1.0 / x),
        lambda x: x @ x,
        lambda x: np.sum(x[1:] * x[:-1]),
        lambda x: np.prod(x[:3]),
        lambda x: np.linalg.norm(x),
    ],
)
def test_scaled_gradient_ignores_what_the_caller_writes_into_its_inputs(f, size):
    x = np.linspace(0.5, 1.5, size)
    _, scaled_grad = backprop_with(f, x)
    before = scaled_grad(1.0)

    x[:] = 100.0

    assert np.array_equal(scaled_grad(1.0), before)


def test_scaled_gradient_ignores_what_the_caller_writes_into_a_list():
    x = [np.ones(2), 2.0]
    _, scaled_grad = backprop_with(lambda v: np.sum(v[0] * v[0]) * v[1], x)
    x[0][:] = 100.0
    x[1] = 100.0

    assert scaled_grad(1.0)[1] == 2.0
    assert np.array_equal(scaled_grad(1.0)[0], [4.0, 4.0])


@pytest.mark.parametrize("size", [3, 20_000], ids=["small", "large"])
@pytest.mark.parametrize(
    "f",
    [
        lambda v, c: v * c,
        lambda v, c: c * v,
        lambda v, c: v / c,
        lambda v, c: v**c,
        lambda v, c: np.hypot(v, c),
        lambda v, c: np.maximum(v, c),
        lambda v, c: np.dot(v, c),
        lambda v, c: c @ v,
        lambda v, c: np.where(c > 1, v, 0.0),
        lambda v, c: np.tensordot(v, c, 1),
        lambda v, c: np.interp(v, c, c * c),
    ],
)
def test_plain_array_changed_after_it_was_recorded_does_not_count(f, size):
    v = np.linspace(1.1, 1.9, size)
    constant = np.linspace(1.0, 2.0, size)
    expected = grad_bp(lambda v: np.sum(f(v, constant.copy())), v)

    def changing(v):
        y = np.sum(f(v, constant))
        constant[:] = -5.0
        return y

    try:
        gradient = grad_bp(changing, v)
    except LiftError:
        return  # a watched array that changed may be refused, and must not be wrong
    assert np.allclose(gradient, expected)


@pytest.mark.parametrize("k", [0, 1, 4999, 12345, 19999])
@pytest.mark.parametrize("f", [lambda v, c: v * c, lambda v, c: np.hypot(v, c), lambda v, c: v @ c])
def test_single_number_of_a_large_plain_array_changed_afterwards_does_not_count(f, k):
    v, constant = np.linspace(1.1, 1.9, 20_000), np.linspace(1.0, 2.0, 20_000)
    expected = grad_bp(lambda v: np.sum(f(v, constant.copy())), v)

    def changing(v):
        y = np.sum(f(v, constant))
        constant[k] = -5.0
        return y

    try:
        gradient = grad_bp(changing, v)
    except LiftError:
        return
    assert np.allclose(gradient, expected)


def test_loop_that_reuses_a_plain_array_has_the_right_gradient():
    def f(v):
        total, work = 0.0, np.zeros(3)
        for k in range(3):
            work[:] = k
            total = total + np.sum(v * work)
        return total

    assert np.array_equal(grad_bp(f, np.ones(3)), [3.0, 3.0, 3.0])


# Nesting


def test_inner_gradient_that_captures_an_outer_value():
    assert grad_bp(lambda x: x * grad_bp(lambda y: x * y, 2.0), 3.0) == 6.0


def test_inner_gradient_by_both_levels():
    # d/dx of d/dy (x**2 * y**3) at y = x is 6 x**2 * x**2 / x ... by hand: 3 x^4 -> 12 x^3
    def outer(x):
        return grad_bp(lambda y: x**2 * y**3, x)

    assert grad_bp(outer, 2.0) == pytest.approx(12 * 2.0**3)


def test_perturbations_are_not_confused():
    # a result of the inner run that does not depend on its argument has zero gradient there
    assert grad_bp(lambda x: grad_bp(lambda y: x * 2.0, 5.0) + x, 3.0) == 1.0


def test_hessian_of_arrays_by_nesting():
    def f(v):
        return np.sum(np.sin(v) * v[::-1])

    def row(i):
        return grad_bp(lambda v: grad_bp(f, v)[i], x)

    x = np.array([0.3, 1.2, -0.7])
    hessian = np.array([row(i) for i in range(3)])

    assert np.allclose(hessian, hessian.T)
    assert hessian[0, 0] == pytest.approx(-math.sin(0.3) * -0.7)


def test_hessian_of_a_record_by_nesting():
    layer = Layer(np.array([[1.0, 2.0]]), np.array([0.5]))

    def f(p):
        return np.sum(np.tanh(p.w @ np.ones(2) + p.b) ** 2)

    second = grad_bp(lambda p: np.sum(grad_bp(f, p).w), layer)
    eps = 1e-5
    moved = [np.sum(grad_bp(f, Layer(layer.w, layer.b + h)).w) for h in (eps, -eps)]

    assert second.b[0] == pytest.approx((moved[0] - moved[1]) / (2 * eps), rel=1e-6)


def test_scaled_gradient_is_differentiable_in_its_seed():
    def f(seed):
        _, scaled_grad = backprop_with(lambda x: x**3, 2.0)
        return scaled_grad(seed * seed)

    assert grad_bp(f, 3.0) == 72.0


def test_scaled_gradient_called_within_an_outer_run_is_recorded():
    def f(x):
        y, scaled_grad = backprop_with(lambda v: v**3, x)
        return y + scaled_grad(1.0)

    assert grad_bp(f, 2.0) == 24.0


def test_backprop_inside_a_run_gives_the_value_as_a_bvar_of_the_outer():
    def f(x):
        y, gradient = backprop(lambda v: v * v, x)
        return y * gradient

    assert grad_bp(f, 3.0) == pytest.approx(6 * 9.0)


@pytest.mark.parametrize("x", [0.7, np.array([0.7, 1.3])], ids=["float", "array"])
@pytest.mark.parametrize("n", [0.0, 1.0, 2.0])
def test_mixed_second_derivative_of_a_power_is_right_at_whole_exponents(x, n):
    got = grad_bp(lambda n: np.sum(grad_bp(lambda x: np.sum(x**n), x)), n)

    # d/dn of n x^(n-1) is x^(n-1) (1 + n log x)
    assert got == pytest.approx(np.sum(x ** (n - 1) * (1 + n * np.log(x))))


@pytest.mark.parametrize("depth", range(1, 6))
def test_any_depth_of_nesting_is_exact(depth):
    f = np.exp
    for _ in range(depth):
        f = grad_bp(f)

    assert f(0.5) == pytest.approx(math.exp(0.5))


# Threads, coroutines, generators, exceptions, interruptions


def test_threads_do_not_disturb_each_other():
    wrong = []

    def work(k):
        for _ in range(200):
            got = grad_bp(lambda x: grad_bp(lambda y: y**3, x), float(k))
            if abs(got - 6.0 * k) > 1e-9:
                wrong.append((k, got))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_function_may_use_worker_threads_itself():
    def f(x):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return sum(pool.map(lambda k: np.sin(x * k), range(1, 5)))

    assert grad_bp(f, 0.3) == pytest.approx(sum(k * math.cos(0.3 * k) for k in range(1, 5)))


def test_interleaved_coroutines_do_not_disturb_each_other():
    async def slow(x):
        y = x
        for _ in range(3):
            y = y * x
            await asyncio.sleep(0)
        return y

    def run(coroutine):
        with asyncio.Runner() as runner:
            return runner.run(coroutine)

    async def both(k):
        return grad_bp(lambda x: x**2, k), await slow(k)

    async def main():
        return await asyncio.gather(*(both(float(k)) for k in range(5)))

    assert run(main()) == [(2.0 * k, float(k) ** 4) for k in range(5)]
    assert grad_bp(lambda x: run(slow(x)), 2.0) == 32.0


def test_generators_of_two_runs_interleave():
    def stepped(x):
        y = x
        while True:
            y = y * x
            yield y

    def f(a):
        def g(b):
            ga, gb = stepped(a), stepped(b)
            return next(ga) + next(gb) + next(ga) * next(gb)

        return grad_bp(g, 2.0)

    # d/db (a^2 + b^2 + a^3 b^3) = 2b + 3 a^3 b^2, by a: 9 a^2 b^2
    assert grad_bp(f, 3.0) == 9 * 9.0 * 4.0


def test_exceptions_leave_nothing_behind():
    for _ in range(50):
        with pytest.raises(ZeroDivisionError):
            grad_bp(lambda x: grad_bp(lambda y: 1 / 0, x), 1.0)

    assert grad_bp(lambda x: x * x, 3.0) == 6.0


def test_interrupted_run_leaves_nothing_behind():
    def f(x):
        np.sin(x * x)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grad_bp(f, 1.0)

    assert grad_bp(lambda x: x * x, 3.0) == 6.0


def test_function_may_catch_the_errors_of_its_operations():
    def f(x):
        try:
            return 1.0 / (x - x)
        except ZeroDivisionError:
            return x * 3.0

    assert grad_bp(f, 2.0) == 3.0


def test_function_may_run_itself():
    def f(x):
        return x if value_of(depth) == 0 else below(x)

    def below(x):
        nonlocal depth
        depth -= 1
        return x * grad_bp(f, x)

    depth = 2

    assert grad_bp(f, 3.0) == 1.0


def test_recursion_as_deep_as_python_allows_is_no_problem_for_the_sweep():
    def f(x):
        for _ in range(20_000):
            x = x * 1.0001 + 0.0
        return x

    assert grad_bp(f, 1.0) == pytest.approx(1.0001**20_000)


def test_many_runs_leave_no_objects_behind():
    x = np.ones(3)
    for _ in range(3):
        grad_bp(lambda v: np.sum(np.sin(v) * v[0]), x)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(100):
        grad_bp(lambda v: np.sum(np.sin(v) * v[0]), x)
    gc.collect()

    assert len(gc.get_objects()) < before + 200


# Twins


def test_runner_runs_the_twin_of_a_function_that_has_one():
    assert grad_bp(math.sin, 0.5) == math.cos(0.5)
    assert grad_bp(np.sum, np.ones(3)).tolist() == [1, 1, 1]


def test_error_of_a_gradient_that_nobody_wrote_is_a_lift_error():
    with pytest.raises(NoGradientError):
        grad_bp(lambda v: np.packbits(v), np.ones(3))


@pytest.mark.parametrize("bad", [None, 3, "text"])
def test_what_is_not_callable_is_refused_as_python_does(bad):
    with pytest.raises((TypeError, LiftError)):
        grad_bp(bad, 1.0)


def test_wrong_number_of_arguments_is_refused_as_python_does():
    with pytest.raises(TypeError):
        grad_bp(lambda x: x, 1.0, 2.0)


def test_sparse_network_gradient_is_that_by_hand():
    rng = np.random.default_rng(0)
    sizes = [7, 5, 4, 3]
    layers = [
        Layer(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in itertools.pairwise(sizes)
    ]
    x, t = rng.uniform(size=7), rng.uniform(size=3)

    def loss(layers):
        h = x
        for layer in layers[:-1]:
            h = 1 / (1 + np.exp(-(layer.w @ h + layer.b)))
        z = np.exp(layers[-1].w @ h + layers[-1].b)
        return -np.sum(t * np.log(z / np.sum(z)))

    gradient = grad_bp(loss, layers)

    hs = [x]
    for layer in layers[:-1]:
        hs.append(1 / (1 + np.exp(-(layer.w @ hs[-1] + layer.b))))
    z = np.exp(layers[-1].w @ hs[-1] + layers[-1].b)
    d = z / z.sum() * t.sum() - t
    for layer, h, found in reversed(list(zip(layers, hs, gradient, strict=True))):
        assert np.allclose(found.w, np.outer(d, h))
        assert np.allclose(found.b, d)
        d = (layer.w.T @ d) * h * (1 - h)
