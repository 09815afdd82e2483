"""Effects: coroutines, futures, generators, and calls that must not repeat."""

import asyncio
import concurrent.futures
import math
import threading

import pytest

from backprop_lift import Op, bp_op, effects, grad_bp, lift_op, lifted, no_grad, twin_of
from backprop_lift.effects import (
    backprop_async,
    backprop_with_async,
    eval_bp_async,
    grad_bp_async,
)
from backprop_lift.errors import CotangentError, NoGradientError, TapeError

happened = []


@pytest.fixture(autouse=True)
def _forget():
    happened.clear()


@lifted(grad=lambda dzdy, x: dzdy * 2 * x)
async def measured_square(x):
    happened.append(x)
    await asyncio.sleep(0)
    return x * x


@lifted(derivative=lambda x: math.cos(x))
async def measured_sine(x):
    await asyncio.sleep(0)
    return math.sin(x)


async def _measured_product(x, y):
    await asyncio.sleep(0)
    happened.append((x, y))
    return x * y, lambda dzdy: (dzdy * y, x * dzdy)


measured_product = effects.lift_op(_measured_product)


async def branching(x):
    y = await twin_of(measured_square)(x)
    if y > 4:
        return await measured_product(y, x)
    return -y


def run(coroutine):
    return asyncio.run(coroutine)


# Coroutines


def test_async_twin_is_the_original_on_plain_values():
    assert run(measured_square(3.0)) == 9.0
    assert run(twin_of(measured_square)(3.0)) == 9.0


def test_async_gradient_of_a_twin():
    assert run(grad_bp_async(measured_square, 3.0)) == 6.0
    assert run(grad_bp_async(measured_sine, 1.0)) == pytest.approx(math.cos(1.0))


@pytest.mark.parametrize(("x", "expected"), [(3.0, 27.0), (1.0, -2.0)])
def test_async_function_branches_on_what_it_awaits(x, expected):
    assert run(grad_bp_async(branching, x)) == expected


def test_async_effects_happen_once():
    y, gradient = run(backprop_async(branching, 3.0))

    assert (y, gradient) == (27.0, 27.0)
    assert happened == [3.0, (9.0, 3.0)]


def test_async_scaled_grad_repeats_no_effect():
    _, scaled_grad = run(backprop_with_async(branching, 3.0))

    assert (scaled_grad(1.0), scaled_grad(10.0)) == (27.0, 270.0)
    assert len(happened) == 2


def test_async_evaluation_has_no_tape():
    assert run(eval_bp_async(branching, 3.0)) == 27.0
    assert run(eval_bp_async(lambda x: x * 2, 3.0)) == 6.0


def test_async_branches_run_at_the_same_time():
    async def meeting(x):
        barrier = asyncio.Event()

        async def first():
            await barrier.wait()
            return await twin_of(measured_square)(x)

        async def second():
            barrier.set()
            return await measured_product(x, 5.0)

        a, b = await asyncio.gather(first(), second())
        return a + b

    assert run(grad_bp_async(meeting, 3.0)) == 11.0


def test_async_runs_do_not_disturb_each_other():
    async def several():
        return await asyncio.gather(*(grad_bp_async(branching, float(x)) for x in (1, 2, 3)))

    assert run(several()) == [-2.0, -4.0, 27.0]


def test_async_gradient_of_several_arguments_and_settings():
    async def f(x, y, factor=1.0):
        return factor * await measured_product(x, y)

    assert run(grad_bp_async(f, 2.0, 5.0, factor=10.0)) == (50.0, 20.0)


def test_async_runs_nest():
    async def slope(x):
        return await grad_bp_async(lambda y: measured_product(y * y, y), x)

    assert run(grad_bp_async(slope, 2.0)) == 12.0


def test_async_composite_is_lifted_by_its_body():
    @lifted
    async def cubed(x):
        return await measured_square(x) * x

    assert run(grad_bp_async(cubed, 2.0)) == 12.0


def test_async_op_rule_is_awaited():
    @lifted(op=lambda x: _pair(x))
    async def doubled(x):
        return 2 * x

    async def _pair(x):
        return 2 * x, lambda dzdy: 2 * dzdy

    assert run(grad_bp_async(doubled, 2.0)) == 2.0


def test_async_no_grad_is_fine_unused_and_refuses_used():
    @no_grad("not measured yet")
    async def unknown(x):
        return x

    async def unused(x):
        await twin_of(unknown)(x)
        return x * 2

    assert run(grad_bp_async(unused, 1.0)) == 2.0
    with pytest.raises(NoGradientError, match="not measured yet"):
        run(grad_bp_async(unknown, 1.0))


def test_async_bvar_is_refused_after_its_run():
    kept = []

    async def leaking(x):
        kept.append(x)
        return x

    run(grad_bp_async(leaking, 1.0))

    with pytest.raises(TapeError, match="after that run had ended"):
        kept[0] * 2


def test_async_error_closes_the_tape():
    kept = []

    async def failing(x):
        kept.append(x)
        raise ValueError("the instrument is off")

    with pytest.raises(ValueError, match="the instrument is off"):
        run(grad_bp_async(failing, 1.0))
    with pytest.raises(TapeError):
        kept[0] * 2


def test_async_scaled_gradient_is_refused():
    async def later(dzdy):
        return dzdy

    op = effects.lift_op(lambda x: (x, later))

    with pytest.raises(CotangentError, match="has to be waited for"):
        grad_bp(op, 1.0)


# Futures


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        yield executor


def test_futures_give_bvars_to_whom_asks(pool):
    threads = []

    @effects.lift_op
    def squared(x):
        def work():
            threads.append(threading.current_thread())
            return x * x, lambda dzdy: dzdy * 2 * x

        return pool.submit(work)

    def f(x):
        pending = [squared(x * k) for k in (1.0, 2.0)]
        return sum(future.result() for future in concurrent.futures.as_completed(pending))

    assert grad_bp(f, 3.0) == 30.0
    assert threading.current_thread() not in threads
    assert squared(3.0).result() == 9.0


def test_futures_of_lifted_functions_branch(pool):
    @lifted(grad=lambda dzdy, x: dzdy * 2 * x)
    def submitted(x):
        return pool.submit(lambda: x * x)

    def f(x):
        y = twin_of(submitted)(x).result()
        return y * x if y > 4 else y

    assert grad_bp(f, 3.0) == 27.0
    assert grad_bp(f, 1.0) == 2.0


def test_futures_record_once_however_often_they_are_asked(pool):
    squared = effects.lift_op(lambda x: pool.submit(lambda: (x * x, lambda dzdy: dzdy * 2 * x)))

    def f(x):
        future = squared(x)
        assert future.result() is future.result()
        return future.result()

    assert grad_bp(f, 3.0) == 6.0


def test_futures_pass_errors_on(pool):
    failing = effects.lift_op(lambda x: pool.submit(lambda: 1 / 0))

    with pytest.raises(ZeroDivisionError):
        grad_bp(lambda x: failing(x).result(), 3.0)


def test_futures_are_cancelled_with_what_they_wait_for():
    never = concurrent.futures.Future()
    waiting = effects.lift_op(lambda x: never)

    def f(x):
        future = waiting(x)
        assert future.cancel()
        assert future.cancelled()
        return x

    assert grad_bp(f, 3.0) == 1.0
    assert never.cancelled()


def test_futures_can_be_awaited(pool):
    squared = effects.lift_op(lambda x: pool.submit(lambda: (x * x, lambda dzdy: dzdy * 2 * x)))

    async def f(x):
        return await asyncio.wrap_future(squared(x))

    assert run(grad_bp_async(f, 3.0)) == 6.0


# Generators


def test_generators_give_a_bvar_each_time():
    @effects.lift_op
    def powers(x):
        for n in range(1, 4):
            happened.append(n)
            yield x**n, lambda dzdy, n=n: dzdy * n * x ** (n - 1)

    assert grad_bp(lambda x: sum(powers(x)), 2.0) == 1.0 + 4.0 + 12.0
    assert happened == [1, 2, 3]


def test_generators_stop_when_the_function_has_seen_enough():
    @effects.lift_op
    def steps(x):
        try:
            while True:
                happened.append("step")
                yield x, lambda dzdy: dzdy
        finally:
            happened.append("closed")

    def f(x):
        total = 0.0
        for y in steps(x):
            total = total + y
            if total > 5:
                break
        return total

    assert grad_bp(f, 2.0) == 3.0
    assert happened == ["step"] * 3 + ["closed"]


def test_generators_receive_what_is_sent_and_thrown():
    @effects.lift_op
    def conversation(x):
        try:
            factor = yield x, lambda dzdy: dzdy
        except KeyError:
            factor = 7.0
        yield factor * x, lambda dzdy: factor * dzdy

    def sending(x):
        talk = conversation(x)
        next(talk)
        return talk.send(5.0)

    def throwing(x):
        talk = conversation(x)
        next(talk)
        return talk.throw(KeyError())

    assert grad_bp(sending, 2.0) == 5.0
    assert grad_bp(throwing, 2.0) == 7.0


def test_generators_return_what_they_return():
    @effects.lift_op
    def once(x):
        yield x, lambda dzdy: dzdy
        return "done"

    def f(x):
        y = yield from once(x)
        happened.append(y)

    assert grad_bp(lambda x: sum(f(x)), 2.0) == 1.0
    assert happened == ["done"]


# Plain calls


def test_plain_effects_happen_once():
    noted = effects.lift_op(Op(lambda x: (happened.append(x) or x * 2, lambda dzdy: dzdy * 2)))

    assert grad_bp(lambda x: noted(x) * x, 3.0) == 12.0
    assert happened == [3.0]


def test_effects_refuse_to_be_one_node():
    noted = effects.lift_op(Op(lambda x: (x * 2, lambda dzdy: dzdy * 2), name="noted"))

    with pytest.raises(TapeError, match=r"has an effect \(noted\), so it cannot be one node"):
        grad_bp(lift_op(bp_op(lambda x: noted(x))), 3.0)
    with pytest.raises(TapeError, match=r"has an effect \(coroutine\)"):
        run(grad_bp_async(lift_op(bp_op(branching)), 3.0))
