"""The work of checking a package, out of the way: in processes of its own where there can be any.

A function that crashes the interpreter, never ends, opens windows or changes the state of its
package then harms nobody but its own check. Events are lines of JSON on a pipe.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from .._registry import Registry
from ..gradcheck import Sample
from ..gradcheck.samples_file import read_samples
from .calls import recorded, with_arrays
from .class_evidence import class_findings
from .drawing import drawn, result_of
from .evidence import findings_of
from .ledger import Finding
from .pool import Pool, bare_name, parameters_of
from .survey import Public, Survey

__all__ = ["Job", "Progress", "work_on"]

Progress = Callable[[str, int, int], None]

# A function's check ends by itself much earlier; this is for what cannot be interrupted.
_SECONDS: Final = 60.0
_WORKERS: Final = 2
# Results of one round are arguments of the next.
_ROUNDS: Final = 3


class Job:
    """What is to be checked.

    Parameters
    ----------
    survey : Survey
    publics : list of (Public, str)
        The functions, with the hashes of their sources.
    rules : Registry
        Whose rules are in force.
    samples : sequence of str, optional
        Paths of samples files.
    before : str, optional
        Python code that sets the package up.
    """

    def __init__(
        self,
        survey: Survey,
        publics: list[tuple[Public, str]],
        rules: Registry,
        samples: Sequence[str] = (),
        before: str = "",
    ) -> None:
        self.survey = survey
        self.publics = publics
        self.rules = rules
        self.samples: dict[str, list[Sample]] = {}
        for path in samples:
            for name, calls in read_samples(path).items():
                self.samples.setdefault(name, []).extend(calls)
        self.before = before

    def set_up(self) -> None:
        """Run the code that sets the package up."""
        if self.before:
            exec(self.before, {})  # noqa: S102 - the user's own code, given on the command line

    def calls(
        self, skip: set[str], say: Callable[[str], None]
    ) -> tuple[dict[int, list[Sample]], Pool]:
        """Calls of each function, by its id, and the pool of all their values."""
        found = self._real_calls(skip, say)
        functions = [public.value for public in self.survey.functions()]
        pool = Pool((f, found.get(id(f), [])) for f in functions)
        for f in functions:
            for sample in found.get(id(f), [])[:2]:
                pool.add_result(f, result_of(f, sample))
        waiting = [p for p in self.survey.functions() if not found.get(id(p.value))]
        wanted = {id(public.value) for public, _ in self.publics}
        if wanted.isdisjoint(id(p.value) for p in waiting) and not any(
            public.kind == "class" for public, _ in self.publics
        ):
            return found, pool
        news: set[str] | None = None  # at first, everything is
        for _ in range(_ROUNDS):
            before = pool.names()
            for public in waiting:
                if public.home not in skip and (news is None or _asks_for(public.value, news)):
                    say(public.home)
                    found[id(public.value)] = samples = drawn(public.value, pool)
                    for sample in samples[:2]:
                        pool.add_result(public.value, result_of(public.value, sample))
            waiting = [p for p in waiting if not found.get(id(p.value))]
            news = pool.names() - before
        return found, pool

    def _real_calls(self, skip: set[str], say: Callable[[str], None]) -> dict[int, list[Sample]]:
        """Those of the samples files, then those of docstrings."""
        found: dict[int, list[Sample]] = {}
        for public in self.survey.functions():
            module = getattr(public.value, "__module__", "")
            for name in {public.home, f"{module}.{public.name}"}:
                found.setdefault(id(public.value), []).extend(self.samples.get(name, ()))
        for key, samples in recorded(self.survey, skip, say).items():
            found.setdefault(key, []).extend(samples)
        return {key: with_arrays(samples) for key, samples in found.items()}


def _asks_for(function: Any, names: set[str]) -> bool:
    """Has a function a parameter of one of some names?"""
    return any(bare_name(p.name) in names for p in parameters_of(function))


def work_on(job: Job, progress: Progress) -> Iterator[Finding]:
    """Check all functions of a job.

    Parameters
    ----------
    job : Job
    progress : callable
        Told what is done, how much of it, and of how much.

    Yields
    ------
    Finding
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":
        yield from _here(job, progress)
        return
    skip: set[str] = set()
    left = {public.home: (public, source) for public, source in job.publics}
    while left:
        doing: dict[str, str] = {}
        for event in _events_of(lambda say: _collect(job, skip, list(left), say)):
            if event["what"] == "examples":
                doing["examples"] = event["of"]
                progress(f"calling {event['of']}", 0, 0)
            elif event["what"] == "checking":
                progress(f"checking {event['of']}", len(job.publics) - len(left), len(job.publics))
            elif event["what"] == "found":
                doing.clear()
                left.pop(event["of"], None)
                yield from (Finding(*fields) for fields in event["findings"])
        if left and "examples" not in doing:
            for public, source in left.values():
                yield _lost(public, source, "its check was lost")
            break
        skip.add(doing.get("examples", ""))


def _lost(public: Public, source: str, why: str) -> Finding:
    return Finding(public.home, "-", "noGrad", source=source, detail=why)


def _here(job: Job, progress: Progress) -> Iterator[Finding]:
    """The work in this very process."""
    with _elsewhere():
        job.set_up()
        calls, pool = job.calls(set(), lambda owner: progress(f"calling {owner}", 0, 0))
        for done, (public, source) in enumerate(job.publics):
            progress(f"checking {public.home}", done, len(job.publics))
            yield from _findings(public, calls, pool, job.rules, source)


def _findings(
    public: Public, calls: dict[int, list[Sample]], pool: Pool, rules: Registry, source: str
) -> list[Finding]:
    if public.kind == "class":
        return class_findings(public, calls, pool, rules, source)
    return findings_of(public, calls.get(id(public.value), []), pool, rules, source)


# --- in processes of their own ------------------------------------------------------------------

Say = Callable[[dict[str, Any]], None]


def _collect(job: Job, skip: set[str], names: list[str], say: Say) -> None:
    """The first process: collects the calls, and shares the functions out to others."""
    _without_network()
    with _elsewhere():
        job.set_up()
        calls, pool = job.calls(skip, lambda owner: say({"what": "examples", "of": owner}))
        left = [(p, s) for p, s in job.publics if p.home in set(names)]
        count = min(_WORKERS, multiprocessing.cpu_count())
        threads = [
            threading.Thread(target=_share, args=(job, calls, pool, left[k::count], say))
            for k in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _share(
    job: Job, calls: dict[int, list[Sample]], pool: Pool, mine: list[tuple[Public, str]], say: Say
) -> None:
    """A share of the functions: in one process, or in several where one is lost."""
    left = {public.home: (public, source) for public, source in mine}
    while left:
        under_way = ""
        for event in _events_of(lambda say: _check(job, calls, pool, list(left.values()), say)):
            say(event)
            if event["what"] == "checking":
                under_way = event["of"]
            elif event["what"] == "found":
                left.pop(event["of"], None)
                under_way = ""
        if left:
            public, source = left.pop(under_way or next(iter(left)))
            why = "its check ended the interpreter, or never ended"
            say(_found(public, [_lost(public, source, why)]))


def _check(
    job: Job,
    calls: dict[int, list[Sample]],
    pool: Pool,
    mine: list[tuple[Public, str]],
    say: Say,
) -> None:
    for public, source in mine:
        say({"what": "checking", "of": public.home})
        try:
            findings = _findings(public, calls, pool, job.rules, source)
        except Exception as error:
            why = f"its check failed: {type(error).__name__}: {error}".splitlines()[0]
            findings = [_lost(public, source, why)]
        say(_found(public, findings))


def _found(public: Public, findings: list[Finding]) -> dict[str, Any]:
    names = Finding.__slots__
    fields = [[getattr(finding, name) for name in names] for finding in findings]
    return {"what": "found", "of": public.home, "findings": fields}


def _events_of(work: Callable[[Say], None]) -> Iterator[dict[str, Any]]:
    """The events of work that is done in a process of its own; it is ended when it falls silent."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside the threads of BLAS
        child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(work, writing)
    os.close(writing)
    try:
        yield from _lines(reading, child)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _be_child(work: Callable[[Say], None], writing: int) -> None:
    """Do the work, say what is found, and end without a word from anybody else."""
    lock = threading.Lock()

    def say(event: dict[str, Any]) -> None:
        line = (json.dumps(event) + "\n").encode()
        with lock:
            while line:
                line = line[os.write(writing, line) :]

    status = 1
    try:
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        work(say)
        status = 0
    except BaseException:  # the parent sees who was under way
        pass
    finally:
        os._exit(status)


def _lines(reading: int, child: int) -> Iterator[dict[str, Any]]:
    rest = b""
    last = time.monotonic()
    while True:
        ready, _, _ = select.select([reading], [], [], 1.0)
        if not ready:
            if time.monotonic() - last > _SECONDS:
                return
            continue
        piece = os.read(reading, 1 << 16)
        if not piece:
            return
        last = time.monotonic()
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _without_network() -> None:
    """Let nothing that is checked reach the network."""

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError("no network while gradients are checked")

    socket.socket.connect = refused  # type: ignore[method-assign]
    socket.create_connection = refused


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Run in an empty folder, without a screen and without a log: examples leave nothing behind."""
    before, backend = os.getcwd(), os.environ.get("MPLBACKEND")
    os.environ["MPLBACKEND"] = "Agg"
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty:
        os.chdir(empty)
        try:
            yield
        finally:
            os.chdir(before)
            logging.disable(level)
            if backend is None:
                del os.environ["MPLBACKEND"]
            else:
                os.environ["MPLBACKEND"] = backend
