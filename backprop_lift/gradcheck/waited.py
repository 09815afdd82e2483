"""Functions whose results come later, as functions whose results are there: for the checks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

from .._effect import comes_later
from .._registry import Entry
from .samples import Sample

__all__ = ["waited_for"]


def waited_for(
    f: Callable[..., Any], entry: Entry | None, sample: Sample
) -> tuple[Callable[..., Any], Entry | None]:
    """A function and its entry; if its result comes later, those of one that waits for it.

    Parameters
    ----------
    f : callable
    entry : Entry or None
    sample : Sample
        A call of `f`, by which it is told.
    """
    if not hasattr(f, "__code__") or entry is None or entry.kind == "no grad":
        return f, entry
    try:
        result = entry.twin(*sample.args, **sample.settings)
    except Exception:
        return f, entry  # the check itself reports it
    if not comes_later(result):
        return f, entry
    _there(result)
    waiting = copy.copy(entry)
    waiting.original, waiting._twin = _waiting(f), _waiting(entry.twin)
    return waiting.original, waiting


def _waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def waiting(*args: Any, **settings: Any) -> Any:
        return _there(function(*args, **settings))

    return waiting


def _there(result: Any) -> Any:
    """What comes of a coroutine, a future or a generator."""
    if isinstance(result, concurrent.futures.Future):
        return result.result()
    if isinstance(result, Generator):
        return list(result)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result
