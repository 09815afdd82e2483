"""A mirror on disk: written aside and put in place of the old one, or compared with it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import MirrorError
from .render import MARK

__all__ = ["Difference", "compared", "write"]

LEDGER: Final = "ledger.txt"


@dataclasses.dataclass(frozen=True)
class Difference:
    """How a mirror on disk differs from what it should be.

    Attributes
    ----------
    missing, outdated, stale : tuple of str
        Files that are not there, that have another text, that nothing asks for any more.
    """

    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.outdated or self.stale)

    def lines(self) -> list[str]:
        """One line for each file."""
        return [
            f"{word:9} {path}"
            for word in ("missing", "outdated", "stale")
            for path in getattr(self, word)
        ]


def compared(folder: Path, files: Mapping[str, str]) -> Difference:
    """Compare a folder with the files that should be in it."""
    there = _written(folder)
    missing = [path for path in files if path not in there]
    outdated = [path for path, text in files.items() if there.get(path, text) != text]
    stale = [path for path in there if path not in files]
    return Difference(tuple(sorted(missing)), tuple(sorted(outdated)), tuple(sorted(stale)))


def _written(folder: Path) -> dict[str, str]:
    """The files of a mirror that are on disk, with their texts."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and "__pycache__" not in path.parts:
            found[path.relative_to(folder).as_posix()] = _text(path)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return "\0"


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a mirror: all aside first, then in place of what was there.

    Parameters
    ----------
    folder : Path
    files : mapping
        From paths to texts. What else is in the folder goes, if a mirror wrote it.

    Raises
    ------
    MirrorError
        If the folder holds files that no mirror wrote, or cannot be written.
    """
    strangers = [path for path, text in _written(folder).items() if not _is_ours(path, text)]
    if strangers:
        raise MirrorError(
            f"{folder} holds files that no mirror wrote.",
            "Name another place with --out or --name, or move them away.",
            files=", ".join(strangers[:5]),
        )
    if not compared(folder, files):
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise _not_written(folder, error) from None
    try:
        new, old = aside / "new", aside / "old"
        for path, text in files.items():
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(new, folder)
        except BaseException:
            if old.exists():
                os.replace(old, folder)
            raise
    except OSError as error:
        raise _not_written(folder, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _not_written(folder: Path, error: OSError) -> MirrorError:
    return MirrorError(
        f"{folder} cannot be written.",
        "Name a place that can be with --out; what was there is as it was.",
        why=error,
    )


def _is_ours(path: str, text: str) -> bool:
    """Did a mirror write a file? They say so at their top."""
    if path.rpartition("/")[2] in ("py.typed", LEDGER):
        return True
    return MARK in text[:1000]
