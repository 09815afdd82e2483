"""The package behind a mirror, as it is installed: the version that was checked, or another."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Final

from ..errors import MirrorError, NoGradientError

__all__ = ["mirrored", "still_holds"]


def mirrored(module: str, version: str) -> Any:
    """A module of the package that is mirrored.

    Parameters
    ----------
    module : str
        Its dotted name.
    version : str
        Of the package when its gradients were checked. With another one installed, each function
        is compared with the ledger when a BVar first reaches it.

    Returns
    -------
    module
        Or a view of it that knows of the change.

    Raises
    ------
    MirrorError
        If it is not installed.
    """
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MirrorError(
            f"{module} is not installed, and its mirror needs it.",
            f"Install {module.partition('.')[0]} {version}".rstrip() + ".",
            why=error,
        ) from None
    package = sys.modules[module.partition(".")[0]]
    if not version or _versions.setdefault(package.__name__, _version_of(package)) == version:
        return found
    frame = sys._getframe(1).f_globals
    return _Changed(found, module, version, _ledger_of(frame))


_versions: Final[dict[str, str]] = {}


def _version_of(package: Any) -> str:
    version = getattr(package, "__version__", None)
    if isinstance(version, str):
        return version
    from .survey import version_of

    return version_of(package)


def _ledger_of(names: dict[str, Any]) -> Path:
    """Where the ledger of the mirror stands that a module belongs to."""
    folder = Path(names.get("__file__", "")).parent
    package = names.get("__package__", "")
    while not (folder / "ledger.txt").is_file() and "." in package:
        folder, package = folder.parent, package.rpartition(".")[0]
    return folder / "ledger.txt"


class _Changed:
    """A module of another version than the one that was checked."""

    def __init__(self, module: Any, name: str, version: str, ledger: Path) -> None:
        self._module, self._name, self._version, self._ledger = module, name, version, ledger

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(self._module, name)
        except AttributeError:
            return _gone(f"{self._name}.{name}", self._version)
        if isinstance(value, type) or not callable(value):
            return value
        _doubtful[id(value)] = (value, f"{self._name}.{name}", self._version, self._ledger)
        return value


_doubtful: Final[dict[int, tuple[Any, str, str, Path]]] = {}


def _gone(name: str, version: str) -> Any:
    def gone(*args: Any, **kwargs: Any) -> Any:
        raise MirrorError(
            f"{name} is not there any more.",
            "Write the mirror again for the version that is installed.",
            mirrored=version,
        )

    gone.__name__ = gone.__qualname__ = name.rpartition(".")[2]
    return gone


def still_holds(original: Any) -> None:
    """Refuse a function that changed since it was checked."""
    doubt = _doubtful.get(id(original))
    if doubt is None:
        return
    _, name, version, path = doubt
    from .fingerprint import Fingerprints
    from .ledger import Ledger

    findings = (
        Ledger.read(path.read_text(encoding="utf-8"), path).of(name) if path.is_file() else {}
    )
    sources = {finding.source for finding in findings.values()}
    if sources == {Fingerprints(name.partition(".")[0]).of(original)}:
        del _doubtful[id(original)]
        return
    raise NoGradientError(
        f"{name} has changed since it was checked.",
        "Write the mirror again for the version that is installed.",
        mirrored=version,
        installed=_versions.get(name.partition(".")[0], ""),
    )
