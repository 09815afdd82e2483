"""Things that are made once, though many threads may ask for them at the same time."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from typing import Any

__all__ = ["Once"]


class Once:
    """A lock under which things are made that refer to each other, in circles too.

    The thread that makes them sees each as soon as it is begun; all others see them when the
    outermost making is over, and everything complete.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._waiting: list[tuple[MutableMapping[Any, Any], Any, Any]] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            for ready, key, value in self._waiting:
                ready[key] = value
            self._waiting.clear()
        self._lock.release()

    def show(self, ready: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """Let all threads see a thing, when the making is over."""
        self._waiting.append((ready, key, value))
