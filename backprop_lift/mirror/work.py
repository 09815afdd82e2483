"""The work of checking a package, out of the way: in processes of its own where there can be any.

A function that crashes the interpreter, never ends, opens windows or changes the state of its
package then harms nobody but its own check. One process collects the calls, since values of all
kinds pass between functions there; it shares the checks out to workers. Events are lines of JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from .._registry import Registry
from ..errors import MirrorError
from ..gradcheck import Sample
from ..gradcheck.samples_file import read_samples
from .calls import recorded, with_arrays
from .checks import LOST, Checked, checked, lost
from .drawing import drawn, result_of
from .members import members_of, own_init
from .pool import Pool, bare_name, parameters_of
from .survey import Public, Survey
from .workers import forked, worked, written

__all__ = ["Job", "Progress", "work_on"]

Progress = Callable[[str, int, int], None]

# The examples of one docstring, or the drawing for one function, end by themselves much earlier;
# this is for what cannot be interrupted. Checks have their workers' own limits.
_SILENT: Final = 400.0
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
    jobs : int, optional
        How many checks at once: as many as there are processors by default.
    mutate : bool, optional
        Break rules on purpose too?

    Raises
    ------
    SampleError
        If a samples file cannot be read.
    """

    def __init__(
        self,
        survey: Survey,
        publics: list[tuple[Public, str]],
        rules: Registry,
        samples: Sequence[str] = (),
        before: str = "",
        jobs: int = 0,
        mutate: bool = False,
    ) -> None:
        self.survey = survey
        self.publics = publics
        self.rules = rules
        self.samples: dict[str, list[Sample]] = {}
        for path in samples:
            for name, calls in read_samples(path).items():
                self.samples.setdefault(name, []).extend(calls)
        self.before = before
        self.jobs = jobs or processors()
        self.mutate = mutate

    def set_up(self) -> None:
        """Run the code that sets the package up."""
        if self.before:
            exec(self.before, {})  # noqa: S102 - the user's own code, given on the command line

    def names_of(self, public: Public) -> list[str]:
        """The names under which samples files may give a function's calls."""
        defined = f"{getattr(public.value, '__module__', '')}.{public.name}"
        return list(dict.fromkeys([public.home, defined]))

    def unknown(self) -> list[str]:
        """The names in the samples files that are of no function of the package."""
        known = {n for p in self.survey.functions() for n in self.names_of(p)}
        known.update(n for p in self.survey.classes() for n in self.names_of(p))
        return sorted(
            n for n in self.samples if n not in known and n.rpartition(".")[0] not in known
        )

    def calls(
        self, skip: set[str], say: Callable[[str], None]
    ) -> tuple[dict[int, list[Sample]], Pool]:
        """Calls of each function, by its id, and the pool of all their values."""
        found = self._real_calls(skip, say)
        functions = [public.value for public in self.survey.functions()]
        pool = Pool((f, found.get(id(f), [])) for f in functions)
        for public in self.survey.functions():
            samples = found.get(id(public.value), [])[:2]
            if samples and public.home not in skip:
                say(public.home)
                for sample in samples:
                    pool.add_result(public.value, result_of(public.value, sample))
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
                    samples = []
                    with contextlib.suppress(Exception):
                        samples = drawn(public.value, pool)
                    found[id(public.value)] = samples
                    pool.add_tried(public.value, samples)
                    for sample in samples[:2]:
                        pool.add_result(public.value, result_of(public.value, sample))
            waiting = [p for p in waiting if not found.get(id(p.value))]
            news = pool.names() - before
        return found, pool

    def _real_calls(self, skip: set[str], say: Callable[[str], None]) -> dict[int, list[Sample]]:
        """Those of the samples files, then those of docstrings."""
        found: dict[int, list[Sample]] = {}
        for public in self.survey.functions():
            for name in self.names_of(public):
                found.setdefault(id(public.value), []).extend(self.samples.get(name, ()))
        for public in self.survey.classes():
            for name in self.names_of(public):
                self._add_members(public.value, name, found)
        for key, samples in recorded(self.survey, skip, say).items():
            found.setdefault(key, []).extend(samples)
        return {key: with_arrays(samples) for key, samples in found.items()}

    def _add_members(self, cls: Any, name: str, found: dict[int, list[Sample]]) -> None:
        """Take the calls of a class itself, and of its methods, where samples files have some."""
        init = own_init(cls)
        for sample in self.samples.get(name, ()) if init is not None else ():
            with contextlib.suppress(Exception):  # one that cannot be had without its arguments
                unmade = cls.__new__(cls)
                args = (unmade, *sample.args)
                found.setdefault(id(init), []).append(dataclasses.replace(sample, args=args))
        for short, member in members_of(cls).items():
            samples = self.samples.get(f"{name}.{short}", ())
            found.setdefault(id(member), []).extend(s for s in samples if _is_first(s, cls))


def _is_first(sample: Sample, cls: type) -> bool:
    """Is the first argument of a call an object of a class?"""
    return bool(sample.args) and isinstance(sample.args[0], cls)


def _asks_for(function: Any, names: set[str]) -> bool:
    """Has a function a parameter of one of some names?"""
    return any(bare_name(p.name) in names for p in parameters_of(function))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def work_on(job: Job, progress: Progress) -> Iterator[Checked]:
    """Check all functions of a job.

    Parameters
    ----------
    job : Job
    progress : callable
        Told what is done, how much of it, and of how much.

    Yields
    ------
    Checked
        One for each function, in the order in which they are done.

    Raises
    ------
    MirrorError
        If the code that sets the package up fails.
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":
        yield from _here(job, progress)
        return
    skip: set[str] = set()
    left = {public.home: (public, source) for public, source in job.publics}
    while left:
        calling = ""
        for event in _events_of(lambda say: _collect(job, skip, list(left), say)):
            calling = ""
            if event["what"] == "calling":
                calling = event["of"]
                progress(f"calling {calling}", 0, 0)
            elif event["what"] == "begun":
                progress(f"checking {event['of']}", len(job.publics) - len(left), len(job.publics))
            elif event["what"] == "failed":
                raise MirrorError(
                    "The code that sets the package up fails.",
                    "Give --before Python code that runs.",
                    why=event["why"],
                )
            else:
                found = Checked.heard(event["found"])
                left.pop(found.name, None)
                yield found
        if left and (not calling or calling in skip):
            for public, source in left.values():
                yield lost(public, source, LOST)
            return
        skip.add(calling)


def _here(job: Job, progress: Progress) -> Iterator[Checked]:
    """The work in this very process."""
    with _elsewhere():
        job.set_up()
        calls, pool = job.calls(set(), lambda owner: progress(f"calling {owner}", 0, 0))
        for done, (public, source) in enumerate(job.publics):
            progress(f"checking {public.home}", done, len(job.publics))
            yield checked(public, source, calls, pool, job.rules, mutate=job.mutate)


Say = Callable[[dict[str, Any]], None]


def _collect(job: Job, skip: set[str], names: list[str], say: Say) -> None:
    """The first process: collects the calls, and shares the functions out to workers."""
    _without_network()
    with _elsewhere():
        try:
            job.set_up()
        except (Exception, SystemExit) as error:
            say({"what": "failed", "why": f"{type(error).__name__}: {error}".splitlines()[0]})
            return
        calls, pool = job.calls(skip, lambda owner: say({"what": "calling", "of": owner}))
        wanted = set(names)
        left = [(public, source) for public, source in job.publics if public.home in wanted]
        # Classes take longest: none should be the last.
        left.sort(key=lambda pair: pair[0].kind != "class")

        def check(task: int) -> dict[str, Any]:
            public, source = left[task]
            return checked(public, source, calls, pool, job.rules, mutate=job.mutate).said()

        for what, task, found in worked(len(left), check, job.jobs):
            public, source = left[task]
            if what == "begun":
                say({"what": "begun", "of": public.home})
                continue
            if what == "lost":
                why = "its check ended the interpreter, or never ended"
                found = lost(public, source, why).said()
            say({"what": "found", "found": found})


def _events_of(work: Callable[[Say], None]) -> Iterator[dict[str, Any]]:
    """The events of work that is done in a process group of its own, ended when it falls silent."""
    reading, writing = os.pipe()

    def child() -> None:
        os.setpgid(0, 0)
        work(lambda event: written(writing, event))

    group = forked(child, reading)
    os.close(writing)
    with contextlib.suppress(OSError):  # it did so itself
        os.setpgid(group, group)
    try:
        yield from _events(reading)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        os.waitpid(group, 0)


def _events(reading: int) -> Iterator[dict[str, Any]]:
    rest = b""
    last = time.monotonic()
    while True:
        ready, _, _ = select.select([reading], [], [], 1.0)
        if not ready:
            if time.monotonic() - last > _SILENT:
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
