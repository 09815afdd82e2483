"""The check of functions whose results come later."""

import asyncio
import concurrent.futures

import pytest

from backprop_lift import Op, Registry, lift_op, lifted
from backprop_lift.gradcheck import check

POOL = concurrent.futures.ThreadPoolExecutor(1)


async def awaited(x):
    await asyncio.sleep(0)
    return x**3


def submitted(x):
    return POOL.submit(lambda: x**3)


def repeated(x):
    yield x**3
    yield x**3


@pytest.mark.parametrize("function", [awaited, submitted, repeated])
@pytest.mark.parametrize(("factor", "verdict"), [(3, "right"), (2, "wrong"), (-3, "wrong")])
def test_check_waits_for_the_result(function, factor, verdict):
    mine = Registry()
    slope = lambda dzdy, x: dzdy * factor * x**2
    lifted(grad=slope, samples=[(1.5,)], into=mine)(function)

    assert check(function, entry=mine[function]).verdict == verdict


async def _halved(x):
    return x / 2, lambda dzdy: dzdy / 2


def test_check_waits_for_what_is_lifted_only():
    mine = Registry()
    halved = lift_op(Op(_halved), name="halved", signature="x", samples=[(3.0,)], into=mine)

    assert check(halved, entry=mine[halved]).right
