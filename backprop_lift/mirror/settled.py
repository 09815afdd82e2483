"""Functions whose results come later, as functions whose results are there."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["settled"]


def settled(function: Any) -> Any:
    """A function that waits for what another gives: a coroutine's result, all items of a generator.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
        The function itself where its results do not come later.

    Examples
    --------
    >>> def halves(x):
    ...     yield x / 2
    ...     yield x / 4
    >>> settled(halves)(1.0)
    [0.5, 0.25]
    """
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner):
        return _around(function, lambda result: asyncio.run(result))
    if inspect.isasyncgenfunction(inner):
        return _around(function, lambda result: asyncio.run(_items(result)))
    if inspect.isgeneratorfunction(inner):
        return _around(function, list)
    return function


def _around(function: Any, finish: Any) -> Any:
    @functools.wraps(function)
    def waiting(*args: Any, **kwargs: Any) -> Any:
        return finish(function(*args, **kwargs))

    return waiting


async def _items(results: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in results]
