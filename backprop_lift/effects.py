"""Functions with effects: coroutines, futures, generators, and plain calls that must not repeat.

Nothing here waits in the sweep. An effect happens once, while the function runs; the tape keeps
what came out of it, and the sweep never repeats it. A function may therefore look at the result
of one effect to decide on the next: ``if await measure(v) > 0: ...``.

A rule may belong to an ``async def`` function, a function that returns a
`concurrent.futures.Future`, or a generator function: ``@lifted(grad=...)`` and its kin give twins
of the same sort, whose results are BVars. `lift_op` does it for functions that exist in lifted
form only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ._apply import applied, named_after
from ._effect import refused_inside, running_as_node
from ._op import Op
from ._registry import dotted_name
from ._run import _gradient, _lifted, _own, _Run

__all__ = ["backprop_async", "backprop_with_async", "eval_bp_async", "grad_bp_async", "lift_op"]


async def eval_bp_async(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """`eval_bp` of a function that is waited for: just the call, no tape.

    Parameters
    ----------
    f : callable
        An ``async def`` function, or any other.
    *xs, **settings
        Its arguments.
    """
    y = _lifted(f)(*xs, **settings)
    return await y if inspect.isawaitable(y) else y


async def grad_bp_async(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """`grad_bp` of a function that is waited for.

    Parameters
    ----------
    f : callable
        An ``async def`` function of BVars. It may look at values and decide what to wait for
        next, and have branches run at the same time, as with `asyncio.gather`.
    *xs, **settings
        As for `grad_bp`.

    Returns
    -------
    object
        As of `grad_bp`.

    Examples
    --------
    >>> import asyncio
    >>> from backprop_lift.effects import grad_bp_async
    >>> async def f(x):
    ...     await asyncio.sleep(0)
    ...     return x ** 2 if x > 0 else -x
    >>> asyncio.run(grad_bp_async(f, 3.0))
    6.0
    """
    return (await backprop_async(f, *xs, **settings))[1]


async def backprop_async(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """`backprop` of a function that is waited for: its value and its gradient.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp_async`.
    """
    return _gradient(await _recorded(f, xs, settings))


async def backprop_with_async(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """`backprop_with` of a function that is waited for: its value and its scaled gradient.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp_async`.

    Returns
    -------
    y : object
    scaled_grad : callable
        An ordinary function, which waits for nothing.
    """
    run = await _recorded(f, tuple(map(_own, xs)), settings)
    return run.y, lambda dzdy: run.gradient(run.copied(), dzdy)


async def _recorded(f: Callable[..., Any], xs: tuple[Any, ...], settings: Any) -> _Run:
    run = _Run(dotted_name(f), xs)
    try:
        y = _lifted(f)(*run.inputs(), **settings)
        run.ends_with(await y if inspect.isawaitable(y) else y)
    finally:
        run.nodes.close()
    return run


def lift_op(op: Op | Callable[..., Any]) -> Callable[..., Any]:
    """The function on BVars that an Op with effects is.

    Parameters
    ----------
    op : Op or callable
        ``f(*xs, **settings)`` that gives ``(y, scaled_grad)``: at once, when it is awaited, as
        the result of a `concurrent.futures.Future`, or each time that the generator which it
        returns is asked. The scaled gradient itself must not have to be waited for.

    Returns
    -------
    callable
        Of the same sort: a function, ``async def`` function, function that returns futures, or
        generator function, of BVars or plain values. Each call has its effect once. In a function
        that runs as one node (`bp_op`) it raises a `TapeError`, since the sweep would repeat it.

    Notes
    -----
    The result of a future is put on the tape by the thread that asks for it, so that recording
    stays in one thread.

    Examples
    --------
    >>> import asyncio
    >>> from backprop_lift.effects import grad_bp_async, lift_op
    >>> @lift_op
    ... async def measured_square(x):
    ...     await asyncio.sleep(0)
    ...     return x ** 2, lambda dzdy: dzdy * 2 * x
    >>> asyncio.run(grad_bp_async(measured_square, 3.0))
    6.0
    """
    given = op if isinstance(op, Op) else Op(op)

    def lifted(*xs: Any, **settings: Any) -> Any:
        inside = running_as_node.get()
        if inside:
            raise refused_inside(inside, given.name)
        return applied(given, xs, settings)

    named_after(given, lifted)
    return lifted
