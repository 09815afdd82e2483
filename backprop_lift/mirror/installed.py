"""The package behind a mirror, as it is installed: the version that was checked, or another."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

from ..errors import MirrorError, NoGradientError

__all__ = ["mirrored", "module_behind", "names_behind", "still_holds"]


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
    frame = sys._getframe(1).f_globals
    _behind[str(frame.get("__name__", ""))] = module
    package = sys.modules[module.partition(".")[0]]
    if not version or _versions.setdefault(package.__name__, _version_of(package)) == version:
        return found
    return _Changed(found, module, version, frame)


_versions: Final[dict[str, str]] = {}
_behind: Final[dict[str, str]] = {}


def module_behind(mirror: str) -> str:
    """The module that a module of a mirror mirrors."""
    return _behind.get(mirror, mirror)


def names_behind(mirror: str) -> dict[str, Any]:
    """The names of the module that a module of a mirror mirrors."""
    return vars(sys.modules[_behind[mirror]]) if mirror in _behind else {}


def _version_of(package: Any) -> str:
    version = getattr(package, "__version__", None)
    if isinstance(version, str):
        return version
    from .installation import version_of

    return version_of(package)


class _Changed:
    """A module of another version than the one that was checked."""

    def __init__(self, module: Any, name: str, version: str, names: dict[str, Any]) -> None:
        self._module, self._name, self._version, self._names = module, name, version, names

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(self._module, name)
        except AttributeError:
            return _gone(f"{self._name}.{name}", self._version)
        if not callable(value):
            return value
        _doubtful[id(value)] = (value, f"{self._name}.{name}", self._version, self._names)
        return value


_doubtful: Final[dict[int, tuple[Any, str, str, dict[str, Any]]]] = {}


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
    _, name, version, names = doubt
    from .fingerprint import Fingerprints
    from .ledger import Ledger
    from .refusals import ledger_text

    try:
        findings = Ledger.read(ledger_text(names)).of(name)
    except OSError:
        findings = {}
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
