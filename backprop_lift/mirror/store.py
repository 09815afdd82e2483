"""What is known of a package between runs, in a folder of the current work.

A ledger, some calls of each function that it was checked on, and the calls that were recorded. All
of it is plain text, and may be deleted at any time. It is saved while checks go on, so that a run
that is killed keeps what it found; two runs at once keep what both found.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ..errors import LiftError
from ..gradcheck.samples_file import write_lines
from .checks import Checked
from .ledger import Ledger
from .write import put

__all__ = ["Store"]

_FOLDER: Final = ".backprop-lift"
# Seconds between two savings of a ledger that grows.
_EVERY: Final = 1.0


class Store:
    """The folder, and what is to be saved there.

    Parameters
    ----------
    package : str
        Import name.
    folder : Path, optional
        Below the current one by default.

    Attributes
    ----------
    ledger, calls, recorded : Path
    unkept : str
        Why nothing could be saved; empty where it could.
    """

    def __init__(self, package: str, folder: Path | None = None) -> None:
        self.folder = (Path.cwd() if folder is None else folder) / _FOLDER
        self.ledger = self.folder / f"{package}.ledger.txt"
        self.calls = self.folder / f"{package}.calls.jsonl"
        self.recorded = self.folder / f"{package}.recorded.jsonl"
        self.unkept = ""
        self._now: Ledger | None = None
        self._shown: dict[str, list[str]] = {}
        self._saved = 0.0

    def read(self) -> Ledger:
        """What earlier runs found; nothing of what cannot be read."""
        try:
            text = self.ledger.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return Ledger()
        return Ledger.read(text, self.ledger, strict=False)

    def calls_of(self, name: str) -> list[str]:
        """Calls that a function was checked on, as lines of a samples file."""
        return self._calls().get(name, [])

    def begin(self, now: Ledger) -> None:
        """Begin a run, with a ledger that will be filled."""
        self._now = now

    def keep(self, found: Checked) -> None:
        """Note that something was found, and save it soon."""
        self._shown[found.name] = found.calls
        if time.monotonic() - self._saved > _EVERY:
            self._attempt(self._save_ledger)

    def save(self) -> None:
        """Save all that was found, beside what other runs did."""
        if self._now is not None:
            self._attempt(self._save_ledger)
        if self._shown:
            self._attempt(self._save_calls)

    def _attempt(self, write: Callable[[], None]) -> None:
        if self.unkept:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                write()
        except (OSError, LiftError) as error:
            why = error.facts.get("why", error) if isinstance(error, LiftError) else error
            self.unkept = f"{self.folder} cannot be written, and nothing is kept there ({why})."
        self._saved = time.monotonic()

    def _save_ledger(self) -> None:
        assert self._now is not None
        now, merged = self._now, self.read()
        if merged.versions != now.versions:
            merged = Ledger()  # what is there was found under other circumstances
        merged.versions, merged.before = now.versions, now.before
        for name in self._shown:
            merged.replace(name, [])
        for finding in now:
            merged.add(finding)
        ignored = self.folder / ".gitignore"
        if not ignored.exists():
            put(ignored, "*\n")
        put(self.ledger, merged.text())

    def _save_calls(self) -> None:
        calls = {**self._calls(), **self._shown}
        write_lines(self.calls, (line for lines in calls.values() for line in lines))

    def _calls(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in self.calls.read_text(encoding="utf-8").splitlines()[1:]:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    found.setdefault(json.loads(line)["function"], []).append(line)
        return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other runs from saving at the same time, where the system can."""
        try:
            import fcntl
        except ImportError:
            yield
            return
        with open(self.folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
