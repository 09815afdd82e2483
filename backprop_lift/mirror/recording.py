"""Calls of a package's functions, recorded while its own tests run.

`recorded_while` runs a command in a process of its own; this module is the plugin that pytest
loads there, wherever in the command it is started.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from ..errors import MirrorError
from ..gradcheck.doctests import Recorder
from ..gradcheck.samples import distinct
from ..gradcheck.samples_file import write_samples

__all__ = ["recorded_while"]

_PACKAGE: Final = "BACKPROP_LIFT_RECORDS"
_FILE: Final = "BACKPROP_LIFT_RECORDS_TO"
_EACH: Final = 12


def recorded_while(command: str, package: str, path: Path) -> int:
    """Record the calls of a package's functions while a command runs its tests.

    Parameters
    ----------
    command : str
        As on a command line: ``"pytest --pyargs mylib"``.
    package : str
        Import name.
    path : Path
        The samples file to write.

    Returns
    -------
    int
        How many functions were called.

    Raises
    ------
    MirrorError
        If the command cannot be run, or never started pytest.
    """
    words = shlex.split(command)
    if words and words[0] in ("pytest", "python"):
        words = [sys.executable, *(["-m", "pytest"] if words[0] == "pytest" else []), *words[1:]]
    options = f"{os.environ.get('PYTEST_ADDOPTS', '')} -p {__name__}".strip()
    environment = {**os.environ, _PACKAGE: package, _FILE: str(path), "PYTEST_ADDOPTS": options}
    with tempfile.TemporaryFile() as said:
        try:
            subprocess.run(words, env=environment, stdout=said, stderr=said, check=False)
        except OSError as error:
            raise MirrorError(
                f"{command!r} cannot be run.", "Give --record a command that can be.", why=error
            ) from None
        if not path.is_file():
            said.seek(0)
            last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise MirrorError(
                f"{command!r} recorded nothing.",
                "Give --record a command that runs the package's tests with pytest.",
                said=last[:200],
            )
    return len({line.split('"args"')[0] for line in path.read_text("utf-8").splitlines()[1:]})


class _Plugin:
    """Notes calls from the start of the tests to their end."""

    def __init__(self, package: str, path: Path) -> None:
        from .survey import survey_of

        self.path = path
        self.names = {id(p.value): p.home for p in survey_of(package).functions()}
        functions = [p.value for p in survey_of(package).functions()]
        self.recorder = Recorder(functions, each=10 * _EACH, origin=f"tests {package}")

    def pytest_sessionstart(self) -> None:
        """Begin."""
        self.recorder.__enter__()

    def pytest_runtest_setup(self) -> None:
        """Go on, where a test or a tool has taken the profiler away."""
        if sys.getprofile() is None:
            self.recorder.__enter__()

    def pytest_sessionfinish(self) -> None:
        """Write what was noted."""
        self.recorder.__exit__()
        found = self.recorder.samples.items()
        write_samples(self.path, {self.names[id(f)]: distinct(c, _EACH) for f, c in found})


def pytest_configure(config: Any) -> None:
    """Let pytest know the plugin, where a package is to be recorded."""
    package, path = os.environ.get(_PACKAGE), os.environ.get(_FILE)
    if package and path:
        config.pluginmanager.register(_Plugin(package, Path(path)))
