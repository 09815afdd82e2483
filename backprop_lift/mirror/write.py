"""A mirror on disk: written aside and put in place of the old one, or compared with it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import MirrorError
from .render import MARK

__all__ = ["LEDGER", "Difference", "compared", "put", "write", "write_beside"]

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

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            self.missing + other.missing,
            self.outdated + other.outdated,
            self.stale + other.stale,
        )

    def lines(self) -> list[str]:
        """One line for each file."""
        return [
            f"{word:9} {path}"
            for word in ("missing", "outdated", "stale")
            for path in getattr(self, word)
        ]


def compared(folder: Path, files: Mapping[str, str], beside: Mapping[str, str]) -> Difference:
    """Compare a mirror on disk with what it should be.

    Parameters
    ----------
    folder : Path
        Of the package.
    files : mapping
        All that should be in it: texts by path.
    beside : mapping
        What should be in the folder above it, among other files.
    """
    there = _written(folder)
    around = {
        path: _text(folder.parent / path) for path in beside if _is_file(folder.parent / path)
    }
    kept = {path for path, text in around.items() if _is_adopted(path, text)}
    wanted = {path: text for path, text in beside.items() if path not in kept}
    found = Difference(
        tuple(sorted(path for path in files if path not in there)),
        tuple(sorted(path for path, text in files.items() if there.get(path, text) != text)),
        tuple(sorted(path for path in there if path not in files)),
    )
    return found + Difference(
        tuple(sorted(path for path in wanted if path not in around)),
        tuple(sorted(path for path, text in wanted.items() if around.get(path, text) != text)),
    )


def _is_file(path: Path) -> bool:
    return path.is_file()


def _is_adopted(path: str, text: str) -> bool:
    """Did somebody make a file beside the mirror their own?"""
    return path.endswith((".toml", ".md")) and MARK not in text[:1000]


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
    """Write the package of a mirror: all of it aside first, then in place of what was there.

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
    there = _written(folder)
    strangers = [path for path, text in there.items() if not _is_ours(path, text)]
    if strangers or (folder.exists() and not folder.is_dir()):
        raise MirrorError(
            f"{folder} holds files that no mirror wrote.",
            "Name another place with --out or --name, or move them away.",
            files=", ".join(strangers[:5]) or str(folder),
        )
    if there == dict(files):
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


def write_beside(folder: Path, files: Mapping[str, str]) -> None:
    """Write files among others: each aside first, those left alone that somebody adopted.

    Raises
    ------
    MirrorError
        If one cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            target = folder / path
            if target.is_file() and (_is_adopted(path, _text(target)) or _text(target) == text):
                continue
            put(target, text)
    except OSError as error:
        raise _not_written(folder, error) from None


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


def put(path: Path, text: str) -> None:
    """Write a file aside, then in place of what was there."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8", newline="\n")
        os.replace(aside, path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
