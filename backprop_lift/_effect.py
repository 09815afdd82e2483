"""Results that come later: of coroutines, futures and generators."""

from __future__ import annotations

import concurrent.futures
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final

from .errors import TapeError

__all__ = ["comes_later", "refused_inside", "refused_outside", "running_as_node", "then"]

# The function that is running as one node, if any: effects look at it, and refuse.
running_as_node: Final = contextvars.ContextVar[str]("running_as_node", default="")


def comes_later(result: Any) -> bool:
    """Is a result an effect that is still to be waited for?"""
    return isinstance(result, (concurrent.futures.Future, Generator)) or inspect.isawaitable(result)


def then(result: Any, finish: Callable[[Any], Any]) -> Any:
    """`finish` of a result: now, or when it comes.

    Parameters
    ----------
    result : object
        A coroutine or other awaitable gives a coroutine, a future a future, a generator a
        generator of what `finish` makes of each item. Any other value is handed over at once.
    finish : callable
        Called once for each value, in the thread that asks for it: a tape belongs to one thread.
    """
    if comes_later(result) and running_as_node.get():
        raise refused_inside(running_as_node.get(), type(result).__name__)
    if isinstance(result, concurrent.futures.Future):
        return _Then(result, finish)
    if isinstance(result, Generator):
        return _each(result, finish)
    if inspect.isawaitable(result):
        waiting: Any = _awaited(result, finish)
        # asyncio names a coroutine that was forgotten
        waiting.__name__ = getattr(result, "__name__", type(result).__name__)
        waiting.__qualname__ = getattr(result, "__qualname__", waiting.__name__)
        return waiting
    return finish(result)


async def _awaited(result: Awaitable[Any], finish: Callable[[Any], Any]) -> Any:
    return finish(await result)


def _each(
    results: Generator[Any, Any, Any], finish: Callable[[Any], Any]
) -> Generator[Any, Any, Any]:
    proceed: Callable[[], Any] = partial(next, results)
    while True:
        try:
            item = proceed()
        except StopIteration as stop:
            return stop.value
        try:
            sent = yield finish(item)
        except GeneratorExit:
            results.close()
            raise
        except BaseException as error:
            proceed = partial(results.throw, error)
        else:
            proceed = partial(results.send, sent)


class _Then(concurrent.futures.Future[Any]):
    """A future whose result is finished by whoever asks for it first."""

    def __init__(
        self, before: concurrent.futures.Future[Any], finish: Callable[[Any], Any]
    ) -> None:
        super().__init__()
        self._before, self._finish = before, finish
        self._finishing = threading.Lock()
        self._finished: list[Any] = []
        before.add_done_callback(self._settle)

    def _settle(self, before: concurrent.futures.Future[Any]) -> None:
        if before.cancelled():
            self.cancel()
        if not self.set_running_or_notify_cancel():
            return
        error = before.exception()
        if error is None:
            self.set_result(before.result())
        else:
            self.set_exception(error)

    def cancel(self) -> bool:
        """Cancel the call, if it has not begun."""
        self._before.cancel()
        return super().cancel()

    def result(self, timeout: float | None = None) -> Any:
        """The finished result, waited for."""
        value = super().result(timeout)
        with self._finishing:
            if not self._finished:
                self._finished.append(self._finish(value))
        return self._finished[0]


def refused_outside(name: str, result: Any) -> TapeError:
    """The error of a run that ended before its result had come."""
    if inspect.iscoroutine(result):
        result.close()
    kind = type(result).__name__
    return TapeError(
        f"{name} returned a {kind}, whose result would come after the run had ended.",
        "Use grad_bp_async and its kin of backprop_lift.effects for what is awaited; return "
        "future.result(), and list(generator).",
    )


def refused_inside(name: str, effect: str) -> TapeError:
    """The error of an effect in a function that the sweep would run again."""
    return TapeError(
        f"{name} has an effect ({effect}), so it cannot be one node: the sweep would repeat it.",
        "Leave bp_op away: what is recorded step by step is run once.",
    )
