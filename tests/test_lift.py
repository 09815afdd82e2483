"""Twins from rules: what the decorator accepts, and what its twins do."""

import concurrent.futures
import dataclasses
import functools
import inspect
import math
import pickle

import numpy as np
import pytest

from backprop_lift import (
    ZERO,
    BVar,
    backprop_with,
    eval_bp,
    grad_bp,
    lifted,
    locally_constant,
    no_grad,
    noGrad,
    twin_of,
    value_of,
)
from backprop_lift.errors import (
    CotangentError,
    NoGradientError,
    RegistrationError,
    RuleError,
    UnhandledParameterError,
)


def scaled_square(x, k=2.0):
    """A function of this module, for pickling."""
    return k * x * x


# The original


@pytest.mark.parametrize(
    "options",
    [
        {"grad": lambda dzdy, x, k: dzdy * 2 * k * x},
        {"derivative": lambda x, k: 2 * k * x},
        {"derivative": {"x": lambda x, k: 2 * k * x, "k": lambda x: x * x}},
        {"op": lambda x, k: (k * x * x, lambda dzdy: dzdy * 2 * k * x)},
        {"twin": lambda x, k=2.0: k * x * x},
        {},
    ],
    ids=["grad", "derivative", "partials", "op", "twin", "composite"],
)
def test_decorator_returns_the_original_itself(mine, options):
    doc, signature = scaled_square.__doc__, inspect.signature(scaled_square)

    decorated = lifted(**options, into=mine)(scaled_square)

    assert decorated is scaled_square
    assert decorated.__doc__ == doc
    assert inspect.signature(decorated) == signature
    assert pickle.loads(pickle.dumps(decorated)) is scaled_square
    assert grad_bp(twin_of(scaled_square, mine), 3.0) == 12.0


def test_bare_decorator_lifts_by_the_body(mine):
    def f(x):
        return x * x

    assert lifted(f, into=mine) is f
    assert mine[f].kind == "composite"


def test_twin_on_plain_values_is_the_original(mine):
    calls = []

    @lifted(derivative=lambda x: 1.0, into=mine)
    def f(x):
        calls.append(x)
        return x

    x = np.ones(2)

    assert twin_of(f, mine)(x) is x
    assert eval_bp(twin_of(f, mine), 2.0) == 2.0
    assert len(calls) == 2


def test_twin_has_name_docs_and_signature_of_the_original(mine):
    lifted(derivative={"x": lambda x, k: 2 * k * x}, into=mine)(scaled_square)
    twin = twin_of(scaled_square, mine)

    assert twin.__name__ == "scaled_square"
    assert twin.__doc__ == scaled_square.__doc__
    assert twin.__module__ == __name__
    assert str(inspect.signature(twin)) == "(x, k=2.0)"
    assert twin.__wrapped__ is scaled_square


# Signatures


def by_hand(x, y, /, z=1.0, *rest, k, flag=None, **more):
    """A function with every kind of parameter."""
    return x * y * z * sum(rest, 1.0) * k * more.get("extra", 1.0)


@pytest.fixture
def every_kind(mine):
    lifted(
        grad=lambda dzdy, x, y, z, rest, k, more: (
            dzdy * y * z * sum(rest, 1.0) * k * more.get("extra", 1.0),
            dzdy * x * z * sum(rest, 1.0) * k * more.get("extra", 1.0),
        ),
        wrt=("x", "y"),
        into=mine,
    )(by_hand)
    return twin_of(by_hand, mine)


def test_twin_of_every_kind_of_parameter_keeps_the_signature(every_kind):
    assert str(inspect.signature(every_kind)) == str(inspect.signature(by_hand))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {"k": 2.0}),
        ((3.0,), {"k": 2.0}),
        ((3.0, 4.0, 5.0), {"k": 2.0, "extra": 7.0}),
        ((), {"k": 2.0, "z": 3.0, "flag": None}),
    ],
)
def test_twin_takes_every_kind_of_argument(every_kind, args, kwargs):
    got = grad_bp(lambda x, y: every_kind(x, y, *args, **kwargs), 1.5, 2.5)
    same = by_hand(1.0, 1.0, *args, **kwargs)

    assert got == pytest.approx((2.5 * same, 1.5 * same))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1.0,), {"k": 1.0}), ((1.0, 2.0), {}), ((1.0,), {"y": 2.0, "k": 1.0}), ((), {})],
)
def test_twin_refuses_wrong_arguments_as_python_does(every_kind, args, kwargs):
    with pytest.raises(TypeError):
        every_kind(*args, **kwargs)
    with pytest.raises(TypeError):
        grad_bp(lambda v: every_kind(*(v * a for a in args), **kwargs), 1.0)


def test_positional_and_keyword_calls_are_the_same_call(mine):
    @lifted(grad=lambda dzdy, x, y: (dzdy * y, dzdy * x), into=mine)
    def mul(x, y):
        return x * y

    twin = twin_of(mul, mine)

    assert grad_bp(lambda a, b: twin(a, b), 2.0, 3.0) == (3.0, 2.0)
    assert grad_bp(lambda a, b: twin(y=b, x=a), 2.0, 3.0) == (3.0, 2.0)
    assert grad_bp(lambda a, b: twin(b, y=a), 2.0, 3.0) == (3.0, 2.0)


def test_star_arguments_are_one_name_whose_cotangent_is_a_tuple(mine):
    @lifted(
        grad=lambda dzdy, xs: tuple(dzdy * math.prod(xs[:i] + xs[i + 1 :]) for i in range(len(xs))),
        wrt="xs",
        into=mine,
    )
    def product(*xs):
        return math.prod(xs)

    twin = twin_of(product, mine)

    assert grad_bp(lambda x, y: twin(x, 5.0, y), 2.0, 3.0) == (15.0, 10.0)


def test_star_arguments_are_differentiable_without_being_told(mine):
    @lifted(grad=lambda dzdy, xs: tuple(dzdy for _ in xs), into=mine)
    def total(*xs):
        return sum(xs)

    assert grad_bp(lambda x, y: twin_of(total, mine)(x, y), 2.0, 3.0) == (1.0, 1.0)


def test_signature_can_be_given_to_a_callable_without_one(mine):
    class Compiled:
        __signature__ = "nothing that Python can read"

        def __call__(self, *args):
            return args[0] ** (*args, 2)[1]

    f = Compiled()
    lifted(grad=lambda dzdy, x, n: dzdy * n * x ** (n - 1), signature="x, n=2", into=mine)(f)

    assert grad_bp(lambda x: twin_of(f, mine)(x, n=3), 2.0) == 12.0
    assert grad_bp(twin_of(f, mine), 2.0) == 4.0


def test_ufuncs_have_parameters_x_or_x1_x2(mine):
    one, two = np.frompyfunc(lambda x: x * 2.0, 1, 1), np.frompyfunc(lambda x, y: x * y, 2, 1)
    lifted(derivative=lambda x: 2.0, into=mine)(one)
    lifted(grad={"x1": lambda dzdy, x2: dzdy * x2, "x2": lambda dzdy, x1: dzdy * x1}, into=mine)(
        two
    )

    assert grad_bp(twin_of(one, mine), 3.0) == 2.0
    assert grad_bp(twin_of(two, mine), 3.0, 4.0) == (4.0, 3.0)


# What a rule asks for


def test_ufuncs_serve_as_rules_whatever_they_call_their_arguments(mine):
    def sine(angle):
        return np.sin(angle)

    def times_two(angle):
        return 2.0 * angle

    lifted(derivative=np.cos, into=mine)(sine)
    lifted(grad=np.add, into=mine)(times_two)

    assert grad_bp(twin_of(sine, mine), 0.3) == math.cos(0.3)
    assert grad_bp(twin_of(times_two, mine), 0.3) == 1.3


def test_rule_asks_by_name_in_any_order(mine):
    @lifted(grad=lambda dzdy, result, b, a: (dzdy * b + 0 * result, dzdy * a), into=mine)
    def mul(a, b):
        return a * b

    assert grad_bp(twin_of(mul, mine), 2.0, 3.0) == (3.0, 2.0)


def test_rule_is_given_the_result(mine):
    @lifted(derivative=lambda result: result, into=mine)
    def exp(x):
        return math.exp(x)

    assert grad_bp(twin_of(exp, mine), 1.0) == math.e


def test_rule_is_given_defaults(mine):
    seen = []

    @lifted(grad=lambda dzdy, k: (seen.append(k), dzdy * k)[1], into=mine)
    def f(x, k=2.0):
        return k * x

    assert grad_bp(twin_of(f, mine), 1.0) == 2.0
    assert grad_bp(lambda x: twin_of(f, mine)(x, 5.0), 1.0) == 5.0
    assert seen == [2.0, 5.0]


def test_rule_is_given_a_keyword_only_setting(mine):
    @lifted(grad=lambda dzdy, k: dzdy * k, into=mine)
    def f(x, *, k=2):
        return k * x

    assert grad_bp(lambda x: twin_of(f, mine)(x, k=5), 1.0) == 5.0


def test_rule_is_given_the_values_at_the_call(mine):
    @lifted(grad=lambda dzdy, x, w: dzdy * w, wrt="x", into=mine)
    def f(x, w):
        return np.sum(x * w)

    w = np.ones(2)

    def run(x):
        y = twin_of(f, mine)(x, w)
        w[:] = 100.0
        return y

    assert np.array_equal(grad_bp(run, np.ones(2)), [1.0, 1.0])


def test_what_a_rule_does_not_ask_for_is_not_kept_alive(mine):
    import weakref

    @lifted(grad=lambda dzdy: dzdy * np.ones(100_000), into=mine)
    def total(x):
        return np.sum(x)

    refs = []

    def f(x):
        y = x + 0.0
        refs.append(weakref.ref(value_of(y).base))
        z = twin_of(total, mine)(y)
        del y
        return z

    _, scaled_grad = backprop_with(f, np.ones(100_000))

    assert refs[0]() is None
    assert scaled_grad(2.0)[0] == 2.0


def test_rules_of_a_dict_are_called_for_what_is_needed_only(mine):
    called = []

    @lifted(
        grad={
            "a": lambda dzdy, b: (called.append("a"), dzdy * b)[1],
            "b": lambda dzdy, a: (called.append("b"), dzdy * a)[1],
        },
        into=mine,
    )
    def mul(a, b):
        return a * b

    twin = twin_of(mul, mine)

    assert grad_bp(lambda b: twin(3.0, b), 2.0) == 3.0
    assert called == ["b"]
    assert grad_bp(twin, 2.0, 3.0) == (3.0, 2.0)


def test_op_shares_work_between_forward_and_gradient(mine):
    runs = []

    def op(x, y):
        shared = math.exp(x)
        runs.append(shared)
        return shared * y, lambda dzdy: (dzdy * shared * y, dzdy * shared)

    @lifted(op=op, into=mine)
    def f(x, y):
        raise AssertionError("the op computes the value")

    assert grad_bp(twin_of(f, mine), 1.0, 2.0) == (2 * math.e, math.e)
    assert len(runs) == 1


def test_op_is_given_plain_values_only(mine):
    def op(x, y):
        assert x.__class__ is float
        assert y.__class__ is float
        return x * y, lambda dzdy: (dzdy * y, dzdy * x)

    @lifted(op=op, into=mine)
    def f(x, y):
        return x * y

    assert grad_bp(lambda x: twin_of(f, mine)(x, 3.0), 2.0) == 3.0


def test_hand_written_twin_is_used(mine):
    def by_hand(x):
        return x * 30.0

    @lifted(twin=by_hand, into=mine)
    def f(x):
        return x * 2.0

    assert grad_bp(twin_of(f, mine), 1.0) == 30.0


def test_derivative_conjugates_for_its_author(mine):
    @lifted(derivative=lambda x: 2 * x, into=mine)
    def f(x):
        return x * x

    _, scaled_grad = backprop_with(twin_of(f, mine), 1 + 2j)

    assert scaled_grad(1.0) == 2 - 4j


def test_grad_rule_given_complex_values_is_refused_unless_it_says_so(mine):
    def f(x):
        return x * x

    lifted(grad=lambda dzdy, x: dzdy * np.conj(2 * x), into=mine)(f)
    with pytest.raises(UnhandledParameterError, match="complex=True"):
        backprop_with(twin_of(f, mine), 1 + 2j)

    lifted(grad=lambda dzdy, x: dzdy * np.conj(2 * x), complex=True, replace=True, into=mine)(f)
    assert backprop_with(twin_of(f, mine), 1 + 2j)[1](1.0) == 2 - 4j


def test_derivative_at_a_pole_is_infinite_and_no_exception(mine):
    @lifted(derivative=lambda x: 1 / x, into=mine)
    def log(x):
        return 0.0

    with np.errstate(all="raise"):
        assert grad_bp(twin_of(log, mine), 0.0) == np.inf


# Which parameters are differentiable


def test_parameters_without_default_are_differentiable(mine):
    def f(x, y, k=1.0, *, flag):
        return x * y * k

    lifted(grad=lambda dzdy, x, y, k, flag: (dzdy * y * k, dzdy * x * k), into=mine)(f)

    assert mine[f].wrt == ("x", "y")


@pytest.mark.parametrize("wrt", ["k", ("k",), ["x", "k"]])
def test_wrt_says_otherwise(mine, wrt):
    def f(x, k=1.0):
        return x * k

    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    grads = {"x": lambda dzdy, k: dzdy * k, "k": lambda dzdy, x: dzdy * x}
    lifted(grad={n: grads[n] for n in names}, wrt=wrt, ignores=("x", "k"), into=mine)(f)

    assert mine[f].wrt == names


def test_setting_given_a_bvar_is_refused(mine):
    lifted(grad=lambda dzdy, x, k: dzdy * 2 * k * x, into=mine)(scaled_square)

    with pytest.raises(UnhandledParameterError, match=r"BVar for k(.|\n)*value_of\(k\)"):
        grad_bp(lambda k: twin_of(scaled_square, mine)(2.0, k), 1.0)


def test_setting_given_a_bvar_inside_a_container_is_refused(mine):
    @lifted(grad=lambda dzdy, options: dzdy * options["k"], into=mine)
    def f(x, options=None):
        return x * options["k"]

    with pytest.raises(UnhandledParameterError):
        grad_bp(lambda x: twin_of(f, mine)(x, {"k": x}), 1.0)


def test_setting_of_integers_may_be_a_bvar(mine):
    @lifted(grad=lambda dzdy, x, n: dzdy * n, into=mine)
    def f(x, n=1):
        return x * n

    assert grad_bp(lambda x, n: twin_of(f, mine)(x, n), 2.0, 3) == (3.0, 0.0)


# The guard


@pytest.fixture
def guarded(mine):
    @lifted(grad=lambda dzdy, x: dzdy * 2 * x, wrt="x", into=mine)
    def sq(x, scale=1.0, mode="up", where=None, flags=(), *rest, deep=False, **more):
        return scale * x * x

    return twin_of(sq, mine)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((3.0,), {}),
        ((), {"scale": 2.0}),
        ((), {"scale": True}),
        ((), {"scale": math.nan}),
        ((), {"scale": np.ones(2)}),
        ((), {"mode": "down"}),
        ((), {"where": False}),
        ((), {"where": np.array([True])}),
        ((1.0, "up", None, [1]), {}),
        ((1.0, "up", None, (), 5.0), {}),
        ((), {"deep": True}),
        ((), {"deep": 0}),
        ((), {"unknown": 1}),
    ],
    ids=repr,
)
def test_unhandled_parameter_is_refused(guarded, args, kwargs):
    with pytest.raises(UnhandledParameterError, match="does not handle"):
        grad_bp(lambda x: guarded(x, *args, **kwargs), 2.0)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1.0,), {}),
        ((), {"scale": 0.5 + 0.5}),
        ((), {"mode": "".join(["u", "p"])}),
        ((), {"where": None, "deep": False, "flags": ()}),
    ],
    ids=repr,
)
def test_default_value_is_no_unhandled_parameter(guarded, args, kwargs):
    assert grad_bp(lambda x: guarded(x, *args, **kwargs), 2.0) == 4.0


def test_unhandled_parameter_is_no_matter_on_plain_values(guarded):
    assert guarded(2.0, 3.0, "down", deep=True) == 12.0


def test_guard_names_function_given_handled_and_rule(guarded):
    with pytest.raises(UnhandledParameterError) as caught:
        grad_bp(lambda x: guarded(x, scale=3.0), 2.0)

    assert "sq was given scale=3.0" in str(caught.value)
    assert caught.value.facts["handles"] == "x"
    assert caught.value.facts["rule"].startswith(__file__)


def test_ignored_parameter_is_no_matter(mine):
    @lifted(grad=lambda dzdy, x: dzdy * 2 * x, ignores="out_of_sight", into=mine)
    def sq(x, out_of_sight=1.0):
        return x * x

    assert grad_bp(lambda x: twin_of(sq, mine)(x, 7.0), 2.0) == 4.0


# Projection at the boundary


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (2, 3), (1, 1)])
def test_cotangent_of_a_broadcast_argument_is_summed_back(mine, shape):
    @lifted(derivative={"x": lambda y: y, "y": lambda x: x}, into=mine)
    def mul(x, y):
        return x * y

    x, y = np.full(shape, 2.0), np.arange(6.0).reshape(2, 3)

    gx, gy = grad_bp(lambda x, y: np.sum(twin_of(mul, mine)(x, y)), x, y)

    assert gx.shape == shape
    assert gy.shape == (2, 3)
    assert np.sum(gx) == 15.0
    assert np.all(gy == 2.0)


@pytest.mark.parametrize(
    "x", [2.0, np.float64(2.0), np.array(2.0), np.array([2.0]), np.ones((2, 1))]
)
def test_argument_that_its_function_broadcasts_has_a_gradient_of_its_shape(mine, x):
    @lifted(derivative=lambda: np.arange(3.0) * np.ones((2, 1)), wrt="x", into=mine)
    def line(x):
        return x * np.arange(3.0) * np.ones((2, 1))

    gradient = grad_bp(lambda x: np.sum(twin_of(line, mine)(x)), x)

    assert type(gradient) is type(x)
    assert np.shape(gradient) == np.shape(x)
    assert np.sum(gradient) == 6.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: np.ones((7, 7)),
        lambda: np.ones(2),
        lambda: np.ones((1, 3)),
        lambda: np.ones((3, 1)),
        lambda: 1.0,
        lambda: np.float64(1.0),
        lambda: np.ones(()),
        lambda: None,
        lambda: "text",
        lambda: [1.0, 1.0, 1.0],
        lambda: np.array(["a", "b", "c"]),
        lambda: np.array([None] * 3),
    ],
)
def test_cotangent_of_any_other_shape_is_refused_and_names_the_rule(mine, wrong):
    @lifted(grad=lambda dzdy: wrong(), into=mine)
    def wrongshape(x):
        return np.sum(x)

    with pytest.raises(CotangentError, match="wrongshape"):
        grad_bp(twin_of(wrongshape, mine), np.ones(3))


def test_cotangent_error_shows_both_shapes(mine):
    @lifted(grad=lambda dzdy: np.ones((7, 7)), into=mine)
    def wrongshape(x):
        return np.sum(x)

    with pytest.raises(CotangentError) as caught:
        grad_bp(twin_of(wrongshape, mine), np.ones(3))

    assert "(3,)" in str(caught.value.facts["expected"])
    assert "(7, 7)" in str(caught.value.facts["got"])
    assert caught.value.facts["rule"].startswith(__file__)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_wrong_number_of_cotangents_is_refused(mine, count):
    @lifted(grad=lambda dzdy: (dzdy,) * count, into=mine)
    def add(x, y):
        return x + y

    with pytest.raises(CotangentError, match="one cotangent for each"):
        grad_bp(twin_of(add, mine), 1.0, 2.0)


def test_bare_array_for_several_cotangents_is_refused(mine):
    # an array of length two is not a pair
    @lifted(grad=lambda dzdy: np.ones(2), into=mine)
    def add(x, y):
        return x + y

    with pytest.raises(CotangentError):
        grad_bp(twin_of(add, mine), 1.0, 2.0)


def test_op_that_returns_no_pair_is_refused(mine):
    @lifted(op=lambda x: x * 2.0, into=mine)
    def f(x):
        return x * 2.0

    with pytest.raises(CotangentError, match="scaled_grad"):
        grad_bp(twin_of(f, mine), 1.0)


def test_symbolic_zero_may_be_returned_for_an_argument(mine):
    @lifted(grad=lambda dzdy: (ZERO, dzdy), into=mine)
    def second(x, y):
        return y

    assert grad_bp(twin_of(second, mine), 1.0, 2.0) == (0.0, 1.0)


def test_integer_argument_has_a_float_gradient(mine):
    @lifted(derivative=lambda x: 2 * x, into=mine)
    def square(x):
        return x * x

    gradient = grad_bp(lambda x: np.sum(twin_of(square, mine)(x)), np.array([1, 2]))

    assert gradient.dtype == float
    assert np.array_equal(gradient, [2.0, 4.0])


def test_real_argument_of_a_complex_rule_has_a_real_gradient(mine):
    @lifted(derivative=lambda: 2 + 3j, wrt="x", into=mine)
    def turn(x):
        return x * (2 + 3j)

    gradient = grad_bp(lambda x: abs(twin_of(turn, mine)(x)) ** 2, 1.0)

    assert type(gradient) is float
    assert gradient == pytest.approx(26.0)


# Structures


@dataclasses.dataclass
class Point:
    x: float
    y: float
    name: str = "p"


def test_record_argument_takes_a_record_or_a_dict_as_cotangent(mine):
    for cotangent in (
        lambda dzdy, p: Point(dzdy * p.y, dzdy * p.x, None),
        lambda dzdy, p: {"x": dzdy * p.y, "y": dzdy * p.x},
    ):

        def area(p):
            return p.x * p.y

        lifted(grad=cotangent, into=mine)(area)
        assert grad_bp(twin_of(area, mine), Point(2.0, 3.0)) == Point(3.0, 2.0, None)


def test_structured_result_gives_a_complete_cotangent(mine):
    seen = []

    def grad(dzdy, x):
        seen.append(dzdy)
        return dzdy["a"] * 2.0 + np.sum(dzdy["b"][0]) * x

    @lifted(grad=grad, into=mine)
    def split(x):
        return {"a": x * 2.0, "b": [np.ones(2) * x, "text"]}

    assert grad_bp(lambda x: twin_of(split, mine)(x)["a"], 3.0) == 2.0
    assert np.array_equal(seen[0]["b"][0], np.zeros(2))


def test_symbolic_zeros_are_given_on_request(mine):
    seen = []

    def grad(dzdy, x):
        seen.append(dzdy[1])
        return dzdy[0] * 2.0

    @lifted(grad=grad, symbolic_zeros=True, into=mine)
    def pair(x):
        return x * 2.0, x * 3.0

    assert grad_bp(lambda x: twin_of(pair, mine)(x)[0], 3.0) == 2.0
    assert seen[0] is ZERO


@pytest.mark.parametrize(
    "make", [list, tuple, lambda xs: {"a": xs[0], "b": xs[1]}["a"] and list(xs)]
)
def test_bvars_inside_containers_are_found(mine, make):
    @lifted(grad=lambda dzdy, xs: type(xs)(dzdy * (i + 1) for i in range(len(xs))), into=mine)
    def weighted(xs):
        return sum((i + 1) * x for i, x in enumerate(xs))

    assert grad_bp(lambda x, y: twin_of(weighted, mine)(make([x, y])), 5.0, 6.0) == (1.0, 2.0)


def test_bvars_deep_inside_records_are_found(mine):
    @lifted(grad=lambda dzdy, d: {"p": [Point(dzdy * 2.0, ZERO, None)]}, into=mine)
    def first(d):
        return d["p"][0].x * 2.0

    assert grad_bp(lambda x: twin_of(first, mine)({"p": [Point(x, 1.0)]}), 5.0) == 2.0


def test_list_argument_takes_an_array_as_cotangent(mine):
    @lifted(grad=lambda dzdy, xs: dzdy * np.ones(len(xs)), into=mine)
    def total(xs):
        return sum(xs)

    assert grad_bp(twin_of(total, mine), [1.0, 2.0]) == [1.0, 1.0]


# Nesting


@pytest.mark.parametrize(
    "options",
    [
        {"grad": lambda dzdy, x: dzdy * 3 * x**2},
        {"derivative": lambda x: 3 * x**2},
        {"grad": lambda dzdy, x, result: dzdy * 3 * result / x},
        {"derivative": lambda x, result: 3 * result / x},
    ],
    ids=["grad", "derivative", "grad by result", "derivative by result"],
)
@pytest.mark.parametrize("x", [2.0, np.array([2.0])], ids=["float", "array"])
def test_rules_are_themselves_differentiable(mine, options, x):
    def cube(x):
        return x**3

    lifted(**options, into=mine)(cube)
    twin = twin_of(cube, mine)

    second = grad_bp(lambda v: np.sum(grad_bp(lambda w: np.sum(twin(w)), v)), x)
    third = grad_bp(
        lambda u: np.sum(grad_bp(lambda v: np.sum(grad_bp(lambda w: np.sum(twin(w)), v)), u)), x
    )

    assert np.allclose(second, 12.0)
    assert np.allclose(third, 6.0)


def test_result_kept_for_a_rule_stays_differentiable_across_tapes(mine):
    @lifted(derivative=lambda result: result, into=mine)
    def exp(x):
        return np.exp(x)

    twin = twin_of(exp, mine)

    # d/dx of (x * d/dy e^(x y) at y = 1) = d/dx x^2 e^x
    got = grad_bp(lambda x: x * grad_bp(lambda y: twin(x * y), 1.0), 0.5)

    assert got == pytest.approx((2 * 0.5 + 0.25) * math.exp(0.5))


# Methods and the like


class Circle:
    def __init__(self, r):
        self.r = r

    @lifted(grad=lambda dzdy, self, k: {"r": dzdy * 10.0 * k}, wrt="self")
    def scaled(self, k):
        return self.r * k

    @property
    @lifted(grad=lambda dzdy, self: {"r": dzdy * 100.0})
    def area(self):
        return math.pi * self.r**2

    @lifted(grad=lambda dzdy: {"r": dzdy * 1000.0})
    @property
    def double(self):
        return 2 * self.r

    @staticmethod
    @lifted(derivative=lambda x: 7.0)
    def twice(x):
        return 2 * x

    @lifted(derivative=lambda x: 8.0)
    @staticmethod
    def thrice(x):
        return 3 * x

    @lifted(derivative=lambda x: 9.0, wrt="x", ignores="cls")
    @classmethod
    def unit(cls, x):
        return x


def test_descriptors_stay_what_they_are():
    members = vars(Circle)

    assert isinstance(members["double"], property)
    assert isinstance(members["area"], property)
    assert isinstance(members["thrice"], staticmethod)
    assert isinstance(members["unit"], classmethod)
    assert Circle(2.0).double == 4.0
    assert Circle.unit(3.0) == 3.0


def test_methods_reached_from_a_bvar_run_by_their_rules():
    assert grad_bp(lambda c: c.scaled(3.0), Circle(2.0)).r == 30.0
    assert grad_bp(lambda c: c.area, Circle(2.0)).r == 100.0
    assert grad_bp(lambda c: c.double, Circle(2.0)).r == 1000.0
    assert grad_bp(lambda c: c.twice(c.r), Circle(2.0)).r == 7.0
    assert grad_bp(lambda c: c.thrice(c.r), Circle(2.0)).r == 8.0
    assert grad_bp(lambda c: c.unit(c.r), Circle(2.0)).r == 9.0


def test_runner_runs_the_twin_of_a_static_method():
    assert grad_bp(Circle.twice, 2.0) == 7.0
    assert grad_bp(Circle.thrice, 2.0) == 8.0


def test_callable_object_has_a_twin(mine):
    class Doubler:
        def __call__(self, x):
            return 2 * x

    double = Doubler()
    assert lifted(derivative=lambda x: 5.0, into=mine)(double) is double
    assert grad_bp(twin_of(double, mine), 1.0) == 5.0


def test_partial_object_has_a_twin(mine):
    half = functools.partial(scaled_square, k=0.5)
    lifted(derivative=lambda x: 1.0 * x, into=mine)(half)

    assert grad_bp(twin_of(half, mine), 3.0) == 3.0


def test_dataclass_is_lifted_in_constructor_fields_and_space(mine):
    @lifted(into=mine)
    @dataclasses.dataclass
    class Line:
        a: float
        b: float

        def at(self, x):
            return self.a * x + self.b

    twin = twin_of(Line, mine)

    assert grad_bp(lambda a, b: twin(a, b=b).at(3.0), 1.0, 2.0) == (3.0, 1.0)
    assert grad_bp(lambda line: line.at(3.0) * line.a, Line(2.0, 1.0)) == Line(13.0, 2.0)
    assert isinstance(twin(1.0, 2.0), Line)


# no_grad and locally_constant


@pytest.fixture
def mystery(mine):
    @no_grad("needs a table that nobody has", into=mine)
    def mystery(x):
        return -x

    return twin_of(mystery, mine)


def test_no_grad_has_both_spellings():
    assert noGrad is no_grad


def test_no_grad_runs(mystery):
    assert eval_bp(mystery, 2.0) == -2.0
    assert grad_bp(lambda x: (mystery(x), x * 3)[1], 1.0) == 3.0


def test_no_grad_refuses_to_be_differentiated(mystery):
    with pytest.raises(NoGradientError, match="mystery") as caught:
        grad_bp(mystery, 1.0)

    assert caught.value.facts["why"] == "needs a table that nobody has"
    assert caught.value.facts["declared"].startswith(__file__)
    assert caught.value.facts["called"].startswith(__file__)
    assert "lifted(grad=" in str(caught.value)


def test_no_grad_refuses_however_its_result_is_used(mystery):
    for f in (
        lambda x: mystery(x) * 2.0,
        lambda x: x + mystery(x),
        lambda x: [x, mystery(x)],
        lambda x: np.sum(np.stack([mystery(x), x])),
        lambda x: mystery(mystery(x)),
    ):
        with pytest.raises(NoGradientError):
            grad_bp(f, 1.0)


def test_no_grad_marks_every_part_of_its_result(mine):
    @no_grad(into=mine)
    def pair(x):
        return {"a": [x, "text"], "n": 3}

    twin = twin_of(pair, mine)

    assert grad_bp(lambda x: (twin(x)["a"][1] == "text") * x, 2.0) == 1.0
    with pytest.raises(NoGradientError):
        grad_bp(lambda x: twin(x)["a"][0], 2.0)


def test_no_grad_of_constants_is_a_constant(mystery):
    assert grad_bp(lambda x: x * mystery(3.0), 2.0) == -3.0


def test_no_grad_is_not_asked_by_a_symbolic_zero(mine, mystery):
    @lifted(grad=lambda dzdy: (ZERO, dzdy), into=mine)
    def second(x, y):
        return y

    assert grad_bp(lambda x: twin_of(second, mine)(mystery(x), x), 2.0) == 1.0


def test_no_grad_result_made_constant_may_be_used(mystery):
    assert grad_bp(lambda x: x * value_of(mystery(x)), 2.0) == -2.0


def test_no_grad_with_parentheses_or_without(mine):
    def f(x):
        return x

    def g(x):
        return x

    assert no_grad(f, into=mine) is f
    assert no_grad(into=mine)(g) is g


def test_locally_constant_gives_plain_values(mine):
    @locally_constant(into=mine)
    def level(x):
        return np.floor(x)

    seen = []
    assert grad_bp(lambda x: (seen.append(twin_of(level, mine)(x)), x)[1], 2.5) == 1.0
    assert seen[0].__class__ is not BVar
    assert seen[0] == 2.0


@pytest.mark.parametrize(
    "f",
    [
        np.floor,
        np.ceil,
        np.sign,
        np.rint,
        np.trunc,
        np.argmax,
        np.isnan,
        np.argsort,
        np.shape,
        np.round,
    ],
)
def test_locally_constant_functions_of_numpy_give_plain_values(f):
    x = np.array([1.3, -2.6])
    seen = []
    grad_bp(lambda v: (seen.append(f(v)), np.sum(v))[1], x)

    assert not isinstance(seen[0], BVar)
    assert np.array_equal(seen[0], f(x))


# What the decorator refuses, with the line of the mistake


def f1(x):
    return x


def f2(x, y):
    return x * y


def f3(x, k=1.0, *, flag):
    return x


@pytest.mark.parametrize(
    ("original", "options", "says"),
    [
        (f1, {"grad": lambda dzdy, nosuch: dzdy}, "nosuch"),
        (f1, {"derivative": lambda nosuch: 1.0}, "nosuch"),
        (f1, {"op": lambda nosuch: (1.0, None)}, "nosuch"),
        (f1, {"grad": lambda: 1.0}, "dzdy"),
        (f1, {"grad": 3.0}, "not callable"),
        (f1, {"derivative": 3.0}, "not callable"),
        (f1, {"grad": {"x": None}}, "not callable"),
        (f1, {"grad": {"nosuch": lambda dzdy: dzdy}}, "nosuch"),
        (f1, {"grad": {}}, "differentiated"),
        (f2, {"derivative": lambda x: 1.0}, "several"),
        (f2, {"grad": {"x": lambda dzdy: dzdy}}, "'y'"),
        (f2, {"grad": {"x": lambda dzdy: dzdy}, "wrt": ("x", "y")}, "'y'"),
        (f2, {"grad": {"x": lambda dzdy: dzdy, "y": lambda dzdy: dzdy}, "wrt": "x"}, "'y'"),
        (f1, {"grad": lambda dzdy: dzdy, "wrt": "nosuch"}, "nosuch"),
        (f1, {"grad": lambda dzdy: dzdy, "wrt": ()}, "differentiated"),
        (f1, {"grad": lambda dzdy: dzdy, "ignores": "nosuch"}, "nosuch"),
        (f3, {"grad": lambda dzdy: dzdy}, "'flag'"),
        (f1, {"grad": lambda dzdy: dzdy, "derivative": lambda x: 1.0}, "grad= and derivative="),
        (f1, {"grad": lambda dzdy: dzdy, "signature": "x,, y"}, "signature"),
        (3.0, {"grad": lambda dzdy: dzdy}, "not callable"),
        (dict.fromkeys, {"grad": lambda dzdy: dzdy, "signature": None, "wrt": "self"}, "."),
        (lambda: 1.0, {"grad": lambda dzdy: dzdy}, "differentiated"),
    ],
)
def test_decorator_refuses_what_cannot_be_right(mine, original, options, says):
    with pytest.raises(RuleError, match=says) as caught:
        lifted(**options, into=mine)(original)

    assert caught.value.facts["defined"].startswith(__file__)
    assert isinstance(caught.value, TypeError)
    assert len(mine) == 0


def test_decorator_shows_the_line_of_the_rule(mine):
    def rule(dzdy, nosuch):
        return dzdy

    with pytest.raises(RuleError) as caught:
        lifted(grad=rule, into=mine)(f1)

    line = rule.__code__.co_firstlineno
    assert caught.value.facts["rule"].startswith(f"{__file__}:{line}")


def test_callable_without_signature_is_told_to_give_one(mine):
    class Compiled:
        __signature__ = "nothing that Python can read"

        def __call__(self, *args):
            return args[0]

    with pytest.raises(RuleError, match="signature="):
        lifted(grad=lambda dzdy: dzdy, into=mine)(Compiled())


def test_function_without_a_body_cannot_be_lifted_by_it(mine):
    lifted(math.ulp, into=mine)

    with pytest.raises(RegistrationError, match="no Python body"):
        twin_of(math.ulp, mine)


def test_unknown_option_is_refused_as_python_does():
    with pytest.raises(TypeError, match="gradient"):
        lifted(gradient=lambda dzdy: dzdy)


def test_original_whose_result_comes_later_is_run_once():
    calls = []

    @lifted(derivative=lambda x: 2 * x)
    def square_later(x):
        calls.append(x)
        later = concurrent.futures.Future()
        later.set_result(x * x)
        return later

    assert grad_bp(lambda x: 3.0 * twin_of(square_later)(x).result(), 2.0) == 12.0
    assert calls == [2.0]


@pytest.mark.parametrize("orders", [[1, 2], (1.0, 2.5)])
def test_ufunc_takes_lists_as_its_original_does(orders):
    special = pytest.importorskip("scipy.special")

    gradient = grad_bp(lambda x: np.sum(special.iv(orders, x)), 0.7)

    assert gradient == pytest.approx(np.sum(special.ivp(orders, 0.7)), rel=1e-12)
