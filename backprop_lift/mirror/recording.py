"""Calls of a package's functions, recorded while a command runs: its tests, or a program.

Every Python that the command starts in this environment takes part, in whatever folder. The command
runs as it would without: functions are watched only until enough is known of them, what they are
given is written to a file as it comes, and nothing else is changed. That file is thinned out here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ..errors import MirrorError
from ..gradcheck import Sample
from ..gradcheck.samples_file import sample_said, write_samples
from . import recorder_start
from .branches import thinned
from .survey import survey_of
from .work import processors

__all__ = ["Recording", "recorded_while"]

_EACH: Final = 12
_GRACE: Final = 5.0


@dataclasses.dataclass(frozen=True)
class Recording:
    """What a recording gave.

    Attributes
    ----------
    functions, calls : int
        How many of each were kept.
    status : int
        With which the command ended; negative for a signal.
    stopped : bool
        Was it stopped because its time was up?
    last : str
        The last line that the command said.
    """

    functions: int
    calls: int
    status: int
    stopped: bool
    last: str

    def __str__(self) -> str:
        said = f"recorded {self.calls} calls of {self.functions} functions"
        if self.stopped:
            return f"{said}; the command was stopped, since its time was up"
        ended = f"; the command ended with status {self.status}" if self.status else ""
        return f"{said}{ended}{f': {self.last}' if ended and self.last else ''}"


def recorded_while(
    command: str, package: str, path: Path, *, seconds: float = 0, jobs: int = 0
) -> Recording:
    """Record the calls of a package's functions while a command runs.

    Parameters
    ----------
    command : str
        As on a command line: ``"pytest --pyargs mylib"``, ``"cd mylib-1.0 && pytest tests"``. The
        Python and the pytest of this environment come first on its path.
    package : str
        Import name.
    path : Path
        The samples file to write.
    seconds : float, optional
        After which the command is stopped; what it did until then counts.
    jobs : int, optional
        How many functions at once are looked at afterwards.

    Returns
    -------
    Recording

    Raises
    ------
    MirrorError
        If the command cannot be run, or called none of the package's functions.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "calls"
        _prepare(Path(folder))
        status, stopped, last = _run(command, _environment(package, Path(folder), raw), seconds)
        # Of a line that was cut off, nothing is kept.
        lines = raw.read_bytes().split(b"\n")[:-1] if raw.is_file() else []
        calls = _calls(package, lines)
        if not calls:
            raise _nothing(command, package, raw, status, last)
    kept = thinned(calls, _EACH, jobs or processors())
    write_samples(path, kept)
    return Recording(len(kept), sum(map(len, kept.values())), status, stopped, last)


def _prepare(folder: Path) -> None:
    """Put what Python runs at its start where it looks for it."""
    shutil.copy(recorder_start.__file__, folder / "sitecustomize.py")


def _environment(package: str, folder: Path, raw: Path) -> dict[str, str]:
    environment = dict(os.environ)

    def first(name: str, value: str) -> None:
        before = environment.get(name)
        environment[name] = f"{value}{os.pathsep}{before}" if before else value

    first("PYTHONPATH", str(folder))
    first("PATH", str(Path(sys.executable).parent))
    environment["BACKPROP_LIFT_RECORDS"] = package
    environment["BACKPROP_LIFT_RECORDS_TO"] = str(raw)
    environment["BACKPROP_LIFT_HOME"] = str(Path(__file__).parents[2])
    return environment


def _run(command: str, environment: dict[str, str], seconds: float) -> tuple[int, bool, str]:
    """Run a command; give its status, whether it was stopped, and the last line that it said."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S602 - the user's own command, given to --record
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                shell=True,
            )
        except (OSError, ValueError) as error:
            raise MirrorError(
                f"{command!r} cannot be run.", "Give --record a command that can be.", why=error
            ) from None
        stopped = False
        try:
            process.wait(seconds or None)
        except subprocess.TimeoutExpired:
            stopped = True
        finally:
            _end(process)
        said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
        text = said.read().decode(errors="replace").strip()
    return process.returncode, stopped, text.rpartition("\n")[2].strip("= ")[:200]


def _end(process: subprocess.Popen[Any]) -> None:
    """End a command with all that it started: kindly at first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None and number != signal.SIGKILL:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def _calls(package: str, lines: Iterable[bytes]) -> dict[str, tuple[Any, list[Sample]]]:
    """The calls of public functions and methods, by their names."""
    functions = {name: value for value, names in _public(survey_of(package)) for name in names}
    found: dict[str, tuple[Any, list[Sample]]] = {}
    seen: set[Any] = set()
    for line in lines:
        said = json.loads(line)
        name, call = said["function"], json.dumps([said["args"], said.get("settings")])
        if name not in functions or (name, call) in seen:
            continue
        seen.add((name, call))
        with contextlib.suppress(Exception):  # it holds what was there in that run only
            found.setdefault(name, (functions[name], []))[1].append(sample_said(said))
    return {name: calls for name, calls in sorted(found.items()) if calls[1]}


def _public(survey: Any) -> Iterator[tuple[Any, list[str]]]:
    for public in (*survey.functions(), *survey.classes()):
        defined = f"{getattr(public.value, '__module__', '')}.{public.name}"
        names = [public.home, defined]
        yield public.value, names
        if isinstance(public.value, type):
            for short, member in vars(public.value).items():
                function = member.fget if isinstance(member, property) else member
                if callable(function):
                    yield function, [f"{name}.{short}" for name in names]


def _nothing(command: str, package: str, raw: Path, status: int, last: str) -> MirrorError:
    why = Path(f"{raw}.why")
    reason = why.read_text(encoding="utf-8").splitlines()[0] if why.is_file() else ""
    facts = {"why": reason, "status": status, "said": last}
    return MirrorError(
        f"{command!r} called no function of {package} that could be recorded.",
        "Give --record a command that runs the package's tests with the Python of this environment.",
        **{name: fact for name, fact in facts.items() if fact},
    )
