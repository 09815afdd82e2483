"""Effects: coroutines, futures, generators, and calls that must not repeat."""

import asyncio
import concurrent.futures
import contextlib
import gc
import math
import threading
import warnings

import pytest

from backprop_lift import (
    Op,
    backprop,
    backprop_with,
    bp_op,
    effects,
    grad_bp,
    lift_op,
    lifted,
    no_grad,
    twin_of,
    value_of,
)
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


@pytest.mark.parametrize("runner", [grad_bp, backprop, backprop_with])
@pytest.mark.filterwarnings("error")
def test_async_function_is_refused_by_a_runner_that_does_not_wait(runner):
    with pytest.raises(TapeError, match="returned a coroutine, whose result would come after"):
        runner(branching, 3.0)


def test_generator_is_refused_as_a_result():
    with pytest.raises(TapeError, match="returned a generator"):
        grad_bp(lambda x: (x * k for k in range(3)), 3.0)


def test_async_errors_in_branches_leave_the_others(recwarn):
    async def failing(x):
        await asyncio.sleep(0)
        raise KeyError("no instrument")

    async def f(x):
        good, bad = await asyncio.gather(
            measured_product(x, x), effects.lift_op(failing)(x), return_exceptions=True
        )
        assert isinstance(bad, KeyError)
        return good

    async def caught(x):
        try:
            return await effects.lift_op(failing)(x)
        except KeyError:
            return await measured_product(x, 5.0)

    assert run(grad_bp_async(f, 3.0)) == 6.0
    assert run(grad_bp_async(caught, 3.0)) == 5.0
    assert not recwarn.list


def test_async_tasks_may_be_cancelled_or_time_out():
    @effects.lift_op
    async def slow(x):
        await asyncio.sleep(60)
        return x, lambda dzdy: dzdy

    async def timed(x):
        try:
            return await asyncio.wait_for(slow(x), 0.001)
        except TimeoutError:
            return x * 7

    async def cancelled(x):
        task = asyncio.create_task(slow(x))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return x * 5

    assert run(grad_bp_async(timed, 3.0)) == 7.0
    assert run(grad_bp_async(cancelled, 3.0)) == 5.0


def test_async_run_that_is_cancelled_closes_its_tape():
    kept = []

    async def waiting(x):
        kept.append(x)
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(grad_bp_async(waiting, 1.0))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(main())

    with pytest.raises(TapeError, match="after that run had ended"):
        kept[0] * 2


def test_async_task_that_outlives_its_run_is_refused():
    tasks = []

    async def later(x):
        await asyncio.sleep(0.001)
        return x * 2

    async def f(x):
        tasks.append(asyncio.create_task(later(x)))
        return x

    async def main():
        assert await grad_bp_async(f, 1.0) == 1.0
        with pytest.raises(TapeError, match="after that run had ended"):
            await tasks[0]

    run(main())


def test_async_bvars_of_another_task_are_constants():
    async def main():
        shared = []

        async def first(x):
            shared.append(x)
            await asyncio.sleep(0.002)
            return x * x

        async def second(x):
            await asyncio.sleep(0.001)
            return x * value_of(shared[0])

        return await asyncio.gather(grad_bp_async(first, 3.0), grad_bp_async(second, 5.0))

    assert run(main()) == [6.0, 3.0]


def test_async_forgotten_coroutine_is_named():
    async def f(x):
        measured_product(x, x)
        return x

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert run(grad_bp_async(f, 1.0)) == 1.0
        messages = [str(warning.message) for warning in caught]
        caught.clear()  # which kept the coroutines
        gc.collect()

    assert messages == ["coroutine '_measured_product' was never awaited"]


def test_async_function_exists_in_lifted_form_only(mine):
    doubled = lift_op(Op(_doubled), name="doubled", signature="x", into=mine)

    assert mine.find(doubled).kind == "lifted only"
    assert run(grad_bp_async(doubled, 3.0)) == 2.0
    assert run(doubled(3.0)) == 6.0


async def _doubled(x):
    await asyncio.sleep(0)
    return 2 * x, lambda dzdy: 2 * dzdy


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


def test_futures_asked_after_the_run_are_refused(pool):
    kept = []
    squared = effects.lift_op(lambda x: pool.submit(lambda: (x * x, lambda dzdy: dzdy * 2 * x)))

    grad_bp(lambda x: (kept.append(squared(x)), x)[1], 3.0)

    with pytest.raises(TapeError, match="after that run had ended"):
        kept[0].result()


def test_futures_that_time_out_raise_as_ever():
    never = effects.lift_op(lambda x: concurrent.futures.Future())

    with pytest.raises(concurrent.futures.TimeoutError):
        grad_bp(lambda x: never(x).result(timeout=0.001), 3.0)


def test_threads_may_record_on_one_tape(pool):
    assert grad_bp(lambda x: sum(pool.map(lambda k: (x * k) ** 2, range(4))), 2.0) == 56.0


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


def test_generators_are_closed_early_or_asked_too_late():
    kept = []

    @effects.lift_op
    def steps(x):
        try:
            while True:
                yield x, lambda dzdy: dzdy
        finally:
            happened.append("closed")

    def early(x):
        each = steps(x)
        y = next(each)
        each.close()
        return y

    assert grad_bp(early, 2.0) == 1.0
    assert happened == ["closed"]
    grad_bp(lambda x: (kept.append(steps(x)), x)[1], 3.0)
    with pytest.raises(TapeError, match="after that run had ended"):
        next(kept[0])


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


@pytest.mark.parametrize("name", ["future", "generator", "coroutine"])
def test_effects_of_twins_refuse_to_be_one_node(name, pool):
    slope = lifted(grad=lambda dzdy, x: dzdy * 2 * x)

    @slope
    def submitted(x):
        return pool.submit(lambda: x * x)

    @slope
    def repeated(x):
        yield x * x

    @slope
    async def awaited(x):
        return x * x

    functions = {
        "future": lambda x: twin_of(submitted)(x).result(),
        "generator": lambda x: next(twin_of(repeated)(x)),
        "coroutine": lambda x: twin_of(awaited)(x),
    }

    with pytest.raises(TapeError, match="so it cannot be one node"):
        grad_bp(lift_op(bp_op(functions[name])), 3.0)


def test_the_pure_part_beside_an_effect_may_be_one_node():
    step = lift_op(bp_op(lambda y: y * y))

    async def f(x):
        return step(await measured_product(x, x))

    assert run(grad_bp_async(f, 2.0)) == 32.0
