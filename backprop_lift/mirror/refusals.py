"""What a mirror refuses to differentiate, as its ledger has it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Refusals", "ledger_text"]


class Refusals(Mapping[str, str]):
    """Reasons by dotted name, read from the ledger when they are first looked at.

    Parameters
    ----------
    mirror : str
        Name of the mirror.
    names : dict
        The globals of its outermost module.
    """

    def __init__(self, mirror: str, names: dict[str, Any]) -> None:
        self._mirror = mirror
        self._names = names

    @functools.cached_property
    def _found(self) -> dict[str, str]:
        from .installed import module_behind
        from .ledger import Ledger

        package = module_behind(self._mirror)
        text = ledger_text(self._names)
        refused = [f for f in Ledger.read(text) if f.argument == "-" and f.verdict == "noGrad"]
        return {self._mirror + f.function.removeprefix(package): f.detail for f in refused}

    def __getitem__(self, name: str) -> str:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(self._found)


def ledger_text(names: dict[str, Any]) -> str:
    """The ledger of a mirror, given the globals of one of its modules.

    Raises
    ------
    OSError
        If it is not there.
    """
    files = getattr(names.get("__loader__"), "files", None)
    if isinstance(files, dict):  # a mirror without files
        return str(files["ledger.txt"])
    folder = Path(names.get("__file__", "")).parent
    package = names.get("__package__", "")
    while not (folder / "ledger.txt").is_file() and "." in package:
        folder, package = folder.parent, package.rpartition(".")[0]
    return (folder / "ledger.txt").read_text(encoding="utf-8")
