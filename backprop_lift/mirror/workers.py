"""Workers: processes that do one task after another.

Tasks are handed out one at a time, so that all are busy to the end. A worker that dies, or does
not come back from a task, is replaced, and its task reported. They see what their maker saw when
it made them; nothing comes back but what a task gives, as JSON.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import json
import os
import random
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

__all__ = ["forked", "lines_of", "worked", "written"]

# A task that computes for longer without an end, in code that no alarm interrupts, is given up.
_COMPUTING: Final = 60
# The same for one that waits for something.
_WAITING: Final = 150.0
_PR_SET_PDEATHSIG: Final = 1
# Bytes that a worker may take, if a sixteenth of the machine's memory is not more.
_LEAST_MEMORY: Final = 2 << 30


def worked(count: int, do: Callable[[int], Any], jobs: int) -> Iterator[tuple[str, int, Any]]:
    """Do tasks in processes of their own.

    Parameters
    ----------
    count : int
        How many tasks; they are handed out in order.
    do : callable
        Given the number of a task, does it; the result must be plain data.
    jobs : int
        How many at once.

    Yields
    ------
    what, task, result
        ``"begun"`` and ``"done"`` for each task, or ``"lost"`` where its worker died or was ended.
    """
    waiting = collections.deque(range(count))
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                worker = idle.pop() if idle else _Worker(do)
                task = waiting.popleft()
                busy.append(worker)
                worker.begin(task)
                yield "begun", task, None
            select.select([worker.reading for worker in busy], [], [], 1.0)
            for worker in list(busy):
                task = worker.task
                found = worker.result()
                if found is _PENDING:
                    continue
                busy.remove(worker)
                if found is _LOST:
                    worker.end()
                    yield "lost", task, None
                else:
                    idle.append(worker)
                    yield "done", task, found
    finally:
        for worker in (*idle, *busy):
            worker.end()


_PENDING: Final = object()
_LOST: Final = object()


class _Worker:
    """One process, and the two pipes to it."""

    def __init__(self, do: Callable[[int], Any]) -> None:
        tasks, self.writing = os.pipe()
        self.reading, results = os.pipe()
        self.task = -1
        self.since = 0.0
        self._rest = b""
        self.pid = forked(lambda: _work(do, tasks, results), self.writing, self.reading)
        os.close(tasks)
        os.close(results)

    def begin(self, task: int) -> None:
        self.task, self.since = task, time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it died; `result` finds out
            os.write(self.writing, f"{task}\n".encode())

    def result(self) -> Any:
        """What the task gave, or that it is under way still, or lost."""
        ready, _, _ = select.select([self.reading], [], [], 0.0)
        if not ready:
            return _LOST if time.monotonic() - self.since > _WAITING else _PENDING
        piece = os.read(self.reading, 1 << 16)
        if not piece:
            return _LOST
        self._rest += piece
        if not self._rest.endswith(b"\n"):
            return _PENDING
        line, self._rest = self._rest, b""
        return json.loads(line)

    def end(self) -> None:
        os.close(self.reading)
        os.close(self.writing)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _work(do: Callable[[int], Any], tasks: int, results: int) -> None:
    for line in lines_of(tasks):
        _limit_computing()
        random.seed(0)  # whatever this worker did before
        np.random.seed(0)  # noqa: NPY002 - for packages that use it
        written(results, do(int(line)))


def _limit_computing() -> None:
    """Let the system end this process when a task computes for too long."""
    import resource  # where there is no fork, there is none of it either

    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + _COMPUTING
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def written(descriptor: int, value: Any) -> None:
    """Write a value on a pipe, as a line of JSON."""
    line = (json.dumps(value) + "\n").encode()
    while line:
        line = line[os.write(descriptor, line) :]


def lines_of(descriptor: int) -> Iterator[bytes]:
    """The lines that come through a pipe, until its other end is closed."""
    rest = b""
    while piece := os.read(descriptor, 1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def forked(work: Callable[[], None], *theirs: int) -> int:
    """Start a process that does some work, without a word to anybody, and ends.

    Parameters
    ----------
    work : callable
    *theirs : int
        Descriptors that only this process is to keep open.

    Returns
    -------
    int
        Its number.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside the threads of BLAS
        child = os.fork()
    if child == 0:
        _be_child(work, theirs)
    return child


def _be_child(work: Callable[[], None], theirs: tuple[int, ...]) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the one who started all this
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with_parent()
        _stay_in_memory()
        for descriptor in theirs:
            os.close(descriptor)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        work()
        status = 0
    except BaseException:  # the parent sees which task was under way
        pass
    finally:
        os._exit(status)


def _die_with_parent() -> None:
    """End this process when the one that started it is killed; on Linux, where that is known."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _stay_in_memory() -> None:
    """Let a call that asks for an array without end fail, before it takes the machine's memory.

    What a step away from an example makes of a number of rows may be any size.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # where there is one

        page = os.sysconf("SC_PAGE_SIZE")
        data = int(Path("/proc/self/statm").read_text().split()[5]) * page
        most = data + max(_LEAST_MEMORY, os.sysconf("SC_PHYS_PAGES") * page // 16)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
