"""The tape: its sweep, its accumulators, and what it refuses."""

import dataclasses
import gc
import time
import tracemalloc
import weakref

import numpy as np
import pytest

from backprop_lift import (
    ZERO,
    BVar,
    backprop,
    backprop_with,
    eval_bp,
    grad_bp,
    lifted,
    twin_of,
    value_of,
)
from backprop_lift._cotangent import Accumulator, fitted
from backprop_lift._tape import OPCODES, Tape, Token
from backprop_lift.errors import CotangentError, SpaceError, TapeError


def tape_of(f, *xs):
    """The tape of one run, as it stood when the function returned."""
    found = []

    def recorded(*vs):
        y = f(*vs)
        found.extend(vs[0]._bvar_space.tape)
        return y

    backprop(recorded, *xs)
    return found


def times(f, *sizes):
    """The shortest of three runs for each size, in seconds of CPU time."""
    best = []
    for n in sizes:
        rounds = []
        for _ in range(3):
            start = time.process_time()
            f(n)
            rounds.append(time.process_time() - start)
        best.append(min(rounds))
    return best


# Where the seed goes


def test_seed_goes_to_the_output_and_not_to_the_last_node():
    def f(x):
        y = x * 2.0
        _ = y * 100.0
        return y

    assert grad_bp(f, 3.0) == 2.0


def test_seed_of_a_constant_goes_nowhere():
    assert grad_bp(lambda x: 1.0 if x * 2 > 3 else 0.0, 3.0) == 0.0


def test_seed_goes_to_an_input_that_is_returned():
    assert grad_bp(lambda x, y: (x * y, y)[1], 2.0, 3.0) == (0.0, 1.0)


def test_seed_goes_to_an_earlier_node_by_a_branch():
    def f(x, y):
        a = 10 * x
        z = a * y
        return a if z > 0 else y

    assert grad_bp(f, 2.0, 3.0) == (10.0, 0.0)


def test_seed_of_a_result_that_holds_one_bvar_twice_counts_twice():
    def f(x):
        y = x * x
        return [y, {"again": y}]

    assert grad_bp(f, 3.0) == 12.0


def test_seed_of_parts_reaches_each_part():
    def f(x):
        return {"a": x * 2.0, "b": (x * 3.0, "text", 4.0)}

    _, scaled_grad = backprop_with(f, 1.0)

    assert scaled_grad({"a": 10.0, "b": (100.0, None, 0.0)}) == 320.0
    assert scaled_grad({"a": ZERO, "b": (1.0, None, ZERO)}) == 3.0


def test_seed_may_be_the_symbolic_zero():
    _, scaled_grad = backprop_with(lambda x: x**2, np.ones(2))

    assert np.array_equal(scaled_grad(ZERO), np.zeros(2))


@pytest.mark.parametrize("seed", [np.ones(2), np.ones((3, 1)), 1.0, [1.0, 1.0, 1.0]], ids=str)
def test_seed_of_another_shape_is_refused(seed):
    _, scaled_grad = backprop_with(lambda x: x * 2.0, np.ones(3))

    with pytest.raises(CotangentError, match="seed"):
        scaled_grad(seed)


def test_seed_of_another_structure_is_refused():
    _, scaled_grad = backprop_with(lambda x: [x, x * 2.0], 1.0)

    with pytest.raises(CotangentError):
        scaled_grad([1.0])


# What is recorded


def test_constants_record_nothing():
    def f(x):
        a = np.sin(2.0) * 3.0 + value_of(x)
        return a * x

    assert len(tape_of(f, 1.0)) == 2


def test_reading_a_constant_records_nothing():
    # the original records every access to a constant (D8)
    weights = {"w": [1.0, 2.0]}

    def f(x):
        return weights["w"][0] * x

    assert len(tape_of(f, 1.0)) == 2


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: x + 1.0, "pass"),
        (lambda x: 1.0 + x, "pass"),
        (lambda x: x - 1.0, "pass"),
        (lambda x: 1.0 - x, "neg"),
        (lambda x: -x, "neg"),
        (lambda x: x * 2.0, "scale"),
        (lambda x: 2.0 * x, "scale"),
        (lambda x: x / 2.0, "over"),
        (lambda x: 2.0 / x, "under"),
        (lambda x: x**3, "power"),
        (lambda x: x + x, "add"),
        (lambda x: x - x, "sub"),
        (lambda x: x * x, "mul"),
        (lambda x: x / x, "div"),
        (lambda x: np.sin(x), "unary"),
    ],
)
@pytest.mark.parametrize("x", [1.5, np.array([1.5, 2.5])], ids=["float", "array"])
def test_arithmetic_in_one_space_is_one_short_node(f, name, x):
    _, node = tape_of(f, x)

    assert OPCODES[node[0]] == name


def test_tokens_of_one_space_are_shared():
    seen = []

    def f(x, y, z):
        seen.extend(v._bvar_space for v in (x, y, z, x * y, x + 1.0))
        return x * y * z[0]

    grad_bp(f, np.ones(3), np.ones(3), np.ones(4))

    x, y, z, product, shifted = seen
    assert x is y is product is shifted
    assert z is not x


def test_float_results_stay_python_floats():
    kinds = []

    def f(x):
        for y in (np.sin(x), x**2, x**0.5, abs(x), np.add(x, 1.0), x * np.float64(2.0)):
            kinds.append((type(value_of(y)), y._bvar_space.cls))
        return x

    grad_bp(f, 1.5)

    assert all(kind is space for kind, space in kinds), kinds


# Accumulation


def test_contributions_are_summed():
    assert grad_bp(lambda x: x * 2.0 + x * 3.0 - x, 1.0) == 4.0


@pytest.mark.parametrize("order", [1, -1], ids=["item first", "whole first"])
def test_no_contribution_is_lost_between_items_and_wholes(order):
    # the original loses one, depending on the order (D7)
    def f(xs):
        terms = [xs[-1] * 5.0, np.sum(np.stack([xs[0], xs[1]]))][::order]
        return terms[0] + terms[1]

    assert grad_bp(f, [1.0, 2.0]) == [1.0, 6.0]


def test_repeated_indices_accumulate():
    index = np.array([0, 2, 2, -1])

    gradient = grad_bp(
        lambda v: np.sum(v[index] * np.array([1.0, 10.0, 100.0, 1000.0])), np.ones(3)
    )

    assert np.array_equal(gradient, [1.0, 0.0, 1110.0])


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(1),
        slice(None, None, -2),
        (slice(None), 1),
        (Ellipsis, -1),
        (None, 1),
        np.array([True, False, True]),
        [2, 0, 2],
        (np.array([[0], [1]]), np.array([1, 1])),
        (np.array([0, 0]), slice(1, 3)),
        (0, 1),
        (),
        np.array([], int),
    ],
    ids=repr,
)
def test_gradient_of_an_item_is_scattered_back(key):
    x = np.arange(12.0).reshape(3, 4)
    weights = np.cos(np.arange(np.size(x[key]))).reshape(np.shape(x[key]))
    expected = np.zeros_like(x)
    np.add.at(expected, key, weights)

    gradient = grad_bp(lambda v: np.sum(v[key] * weights), x)

    assert np.allclose(gradient, expected)


@pytest.mark.parametrize("key", [(), Ellipsis, None])
def test_item_of_an_array_without_dimensions_has_a_second_derivative(key):
    def slope(x):
        return grad_bp(lambda v: np.sum(v[key]) ** 3 + np.sum(np.exp(v)[key]), x)

    assert np.isclose(grad_bp(slope, np.array(0.7)), 6 * 0.7 + np.exp(0.7))


def test_mask_given_as_a_list_is_no_repeated_index():
    gradient = grad_bp(lambda v: np.sum(v[[True, False, True]] * 2.0), np.ones(3))

    assert np.array_equal(gradient, [2.0, 0.0, 2.0])


def test_index_changed_after_reading_does_not_count():
    index = np.array([0, 1])

    def f(v):
        y = np.sum(v[index])
        index[:] = 2
        return y

    assert np.array_equal(grad_bp(f, np.ones(3)), [1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.ones(n),
        lambda n: [1.0] * n,
        lambda n: tuple([1.0] * n),
    ],
    ids=["array", "list", "tuple"],
)
def test_reading_all_items_takes_linear_time(make):
    def read(n):
        grad_bp(lambda v: sum(v[i] for i in range(n)), make(n))

    small, large = times(read, 1000, 8000)

    assert large / small < 24  # 64 if it were quadratic


def test_reading_all_keys_of_a_dict_takes_linear_time():
    def read(n):
        grad_bp(lambda d: sum(d[k] for k in range(n)), dict.fromkeys(range(n), 1.0))

    small, large = times(read, 1000, 8000)

    assert large / small < 24


def test_reading_all_fields_of_a_record_takes_linear_time():
    def read(n):
        names = [f"a{i}" for i in range(n)]
        record = dataclasses.make_dataclass("Record", names)(*[1.0] * n)
        grad_bp(lambda r: sum(getattr(r, name) for name in names), record)

    read(10)
    small, large = times(read, 200, 1600)

    assert large / small < 24


def test_unused_parts_of_a_record_cost_no_arrays():
    parts = {f"w{i}": np.ones(200_000) for i in range(10)}

    def f(d):
        return np.sum(d["w3"] * 2.0)

    tracemalloc.start()
    gradient = grad_bp(f, parts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert gradient["w3"][0] == 2.0
    assert gradient["w0"][0] == 0.0
    assert peak < 16 * 1.6e6  # ten results, and little else


def test_large_sums_of_cotangents_are_made_in_place():
    n = 400_000

    def f(x):
        return sum(np.sum(x[i * 1000 : i * 1000 + 100]) for i in range(50))

    tracemalloc.start()
    grad_bp(f, np.ones(n))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3 * 8 * n


def test_sweep_never_adds_into_an_array_that_a_rule_returned(mine):
    kept = np.ones(5000)

    @lifted(grad=lambda dzdy: kept, into=mine)
    def total(x):
        return np.sum(x)

    twin = twin_of(total, mine)
    grad_bp(lambda x: twin(x) + twin(x) + np.sum(x[:3]) + np.sum(x), np.ones(5000))

    assert np.all(kept == 1.0)


def test_sweep_never_adds_into_a_seed():
    seed = np.ones(5000)
    _, scaled_grad = backprop_with(lambda x: x, np.ones(5000))

    gradient = scaled_grad(seed)
    gradient += 1.0

    assert np.all(seed == 1.0)


def test_sweep_is_repeatable():
    _, scaled_grad = backprop_with(lambda x: np.sum(x[:2] * x[1:]) * x, np.array([1.0, 2.0, 4.0]))
    seed = np.array([1.0, -1.0, 0.5])

    assert np.array_equal(scaled_grad(seed), scaled_grad(seed))
    assert np.allclose(scaled_grad(3 * seed), 3 * scaled_grad(seed))


def test_residuals_are_freed_as_the_sweep_passes(mine):
    alive, seen = [], []

    def slope(x):
        seen.append(sum(ref() is not None for ref in alive))
        return np.ones_like(x)

    @lifted(derivative=slope, into=mine)
    def kept(x):
        y = x + 1.0
        return y

    twin = twin_of(kept, mine)

    def f(x):
        for _ in range(5):
            x = twin(x)
            alive.append(weakref.ref(value_of(x).base))
        return np.sum(x)

    grad_bp(f, np.ones(4))

    assert seen[-1] < seen[0]


def test_nothing_outlives_a_gradient():
    def f(x):
        for _ in range(10):
            x = np.sin(x) * x
        refs.append(weakref.ref(x))
        return np.sum(x)

    refs: list = []
    gc.disable()
    try:
        grad_bp(f, np.ones(4))
        assert refs[0]() is None
    finally:
        gc.enable()


def test_backprop_with_keeps_residuals_no_longer_than_its_function():
    refs: list = []

    def f(x):
        y = np.sin(x)
        refs.append(weakref.ref(y))
        return np.sum(y * y)

    _, scaled_grad = backprop_with(f, np.ones(4))
    tape = weakref.ref(scaled_grad)
    del scaled_grad
    gc.collect()

    assert tape() is None
    assert refs[0]() is None


def test_symbolic_zero_from_a_rule_stops_the_sweep(mine):
    called = []

    @lifted(grad=lambda dzdy: ZERO, into=mine)
    def cut(x):
        return x * 1.0

    @lifted(grad=lambda dzdy: called.append(dzdy) or dzdy, into=mine)
    def before(x):
        return x * 1.0

    assert grad_bp(lambda x: twin_of(cut, mine)(twin_of(before, mine)(x)), 2.0) == 0.0
    assert called == []


# 0 * inf


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
        lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)),
        lambda x: np.sum(np.where(x > 0, 1.0 / x, 0.0)),
        lambda x: np.sum(np.where(x > 0, x**0.5, 0.0)),
    ],
    ids=["sqrt", "log", "reciprocal", "power"],
)
def test_nothing_flows_from_the_branch_that_where_does_not_take(f):
    with np.errstate(all="ignore"):
        gradient = grad_bp(f, np.array([0.0, 4.0]))

    assert gradient[0] == 0.0
    assert np.isfinite(gradient[1])


def test_nan_that_arrives_is_not_hidden():
    _, scaled_grad = backprop_with(lambda x: x * 2.0, np.ones(2))

    assert np.isnan(scaled_grad(np.array([np.nan, 1.0]))[0])


def test_warnings_of_infinite_slopes_are_not_raised_by_the_sweep():
    with np.errstate(all="raise"):
        assert grad_bp(np.sqrt, 0.0) == np.inf
        assert np.array_equal(grad_bp(lambda x: np.sum(x**0.5), np.zeros(2)), [np.inf, np.inf])


# Fitting of cotangents


def test_fitted_sums_what_was_broadcast():
    token = Tape().token(np.ones((3, 1)))

    got = fitted(np.ones((2, 3, 4)), token, np.ones((2, 3, 4)))

    assert np.array_equal(got, np.full((3, 1), 8.0))


@pytest.mark.parametrize("got", [np.ones((3, 4)), np.ones(4), np.ones(()), 1.0, None, "text"])
def test_fitted_refuses_any_other_shape(got):
    token = Tape().token(np.ones((3, 1)))

    with pytest.raises(CotangentError):
        fitted(got, token, np.ones((2, 3, 4)))


def test_fitted_refuses_a_scalar_for_an_array():
    # no silent broadcast: a rule that forgot the shape is wrong
    with pytest.raises(CotangentError, match=r"\(3,\)"):
        fitted(1.0, Tape().token(np.ones(3)), 1.0)


def test_fitted_restores_the_dtype():
    token = Tape().token(np.ones(2, np.float32))

    assert fitted(np.ones(2), token, np.ones(2)).dtype == np.float32
    assert fitted(np.array([1 + 2j, 3j]), token, None).tolist() == [1.0, 0.0]


def test_fitted_refuses_cotangents_that_are_no_numbers():
    with pytest.raises(CotangentError, match="numbers"):
        fitted(np.array(["a", "b"]), Tape().token(np.ones(2)), None)


def test_fitted_refuses_a_part_that_the_primal_does_not_have():
    token = Token(None, {"a": 1.0})

    with pytest.raises(CotangentError, match="'b'"):
        fitted({"b": 1.0}, token, None)


def test_fitted_refuses_a_number_of_parts_that_the_primal_does_not_have():
    with pytest.raises(CotangentError):
        fitted([1.0], Token(None, [1.0, 2.0]), None)


def test_fitted_takes_a_missing_key_for_zero():
    assert fitted({"a": 2.0}, Token(None, {"a": 1.0, "b": 1.0}), None) == {"a": 2.0, "b": ZERO}


def test_accumulator_refuses_an_item_of_a_value_without_parts():
    class Opaque:
        __slots__ = ()

    slot = Accumulator(Token(None, np.ones(2)))
    slot.token.shape, slot.token.cls = None, Opaque

    with pytest.raises(SpaceError, match="register_space"):
        slot.put(0, 1.0)


# BVars of other tapes


def test_leaked_bvar_is_refused_and_names_its_run():
    leaked = []

    def run_of_mine(x):
        leaked.append(x)
        return x * x

    grad_bp(run_of_mine, 2.0)

    with pytest.raises(TapeError, match="run_of_mine"):
        leaked[0] * 2


@pytest.mark.parametrize(
    "use",
    [
        lambda v: v + 1.0,
        lambda v: 1.0 - v,
        lambda v: v * v,
        lambda v: -v,
        lambda v: v**2,
        lambda v: np.sin(v),
        lambda v: np.sum(v),
        lambda v: v[0],
        lambda v: v[1:],
        lambda v: v @ np.ones(2),
        lambda v: np.ones(2) * v,
        lambda v: v.sum(),
        lambda v: v.T,
        lambda v: v.__setitem__(0, 1.0),
        lambda v: next(iter(v)),
        lambda v: grad_bp(lambda x: np.sum(x * v), np.ones(2)) + v,
    ],
)
def test_every_use_of_a_leaked_bvar_is_refused(use):
    leaked = []
    grad_bp(lambda x: (leaked.append(x), np.sum(x))[1], np.ones(2))

    with pytest.raises(TapeError):
        use(leaked[0])


def test_leaked_bvar_of_a_finished_run_is_refused_as_a_result():
    leaked = []
    grad_bp(lambda x: (leaked.append(x * 2.0), x)[1], 2.0)

    with pytest.raises(TapeError):
        grad_bp(lambda x: leaked[0], 1.0)


def test_leaked_bvar_is_refused_in_a_younger_run():
    leaked = []
    grad_bp(lambda x: (leaked.append(x), x * x)[1], 2.0)

    with pytest.raises(TapeError):
        grad_bp(lambda y: y * leaked[0], 1.0)


def test_leaked_bvar_still_shows_its_value():
    leaked = []
    grad_bp(lambda x: (leaked.append(x), x * x)[1], 2.0)

    assert value_of(leaked[0]) == 2.0
    assert repr(leaked[0]) == "BVar(2.0)"


def test_bvar_of_an_inner_run_is_refused_as_a_result_of_the_outer():
    def outer(x):
        inner = []
        grad_bp(lambda y: (inner.append(y), y * x)[1], 2.0)
        return inner[0]

    with pytest.raises(TapeError):
        grad_bp(outer, 3.0)


def test_bvar_of_a_running_inner_run_is_refused_as_a_result_of_the_outer():
    from backprop_lift._bvar import input_var

    with pytest.raises(TapeError, match="not its own"):
        grad_bp(lambda x: input_var(Tape("younger"), 1.0), 3.0)


def test_outer_bvar_is_a_value_to_an_inner_run():
    def outer(x):
        return x * grad_bp(lambda y: x * y, 2.0)

    assert grad_bp(outer, 3.0) == 6.0


def test_exceptions_close_the_tape():
    leaked = []

    def f(x):
        leaked.append(x)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        grad_bp(f, 1.0)
    with pytest.raises(TapeError):
        leaked[0] + 1.0


def test_eval_bp_builds_no_tape():
    seen = []
    eval_bp(lambda x: seen.append(x), 2.0)

    assert seen[0].__class__ is not BVar


def test_errors_of_a_rule_are_noted_with_function_rule_and_call(mine):
    def failing(dzdy):
        raise ZeroDivisionError("inside")

    @lifted(grad=failing, into=mine)
    def fragile(x):
        return x * 2.0

    twin = twin_of(fragile, mine)
    with pytest.raises(ZeroDivisionError) as caught:
        grad_bp(lambda x: twin(x) * 3.0, 1.0)

    (note,) = caught.value.__notes__
    assert "fragile" in note
    assert note.count(__file__) == 2
