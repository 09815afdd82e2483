"""How a package is installed: its distribution, version and licence."""

from __future__ import annotations

import contextlib
import importlib.metadata
import types
from pathlib import Path
from typing import Final

__all__ = ["distribution_of", "licence_files", "licence_of", "version_of"]

_NOTICES: Final = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "COPYRIGHT")


def version_of(root: types.ModuleType) -> str:
    """The version of a package, as itself or its distribution gives it; empty without one."""
    version = getattr(root, "__version__", None)
    if isinstance(version, str):
        return version
    try:
        return importlib.metadata.version(distribution_of(root.__name__))
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""


def distribution_of(package: str) -> str:
    """The name under which a package is installed; empty where it comes from elsewhere."""
    top = package.partition(".")[0]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return str(importlib.metadata.metadata(top)["Name"])
    found = importlib.metadata.packages_distributions().get(top)
    return found[0] if found else ""


def licence_of(distribution: str) -> str:
    """The licence of a distribution, as it says it itself; empty where it says none."""
    try:
        said = importlib.metadata.metadata(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
    for field in ("License-Expression", "License"):
        text = "".join(said.get_all(field) or []).strip()
        if text and text.upper() != "UNKNOWN":
            return text.partition("\n")[0][:80]
    classifiers = [str(c) for c in said.get_all("Classifier") or ()]
    licences = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
    if licences:
        return ", ".join(licences)
    return "see its licence file" if licence_files(distribution) else ""


def licence_files(distribution: str) -> dict[str, str]:
    """The texts of a distribution's licences and notices, by file name."""
    try:
        files = importlib.metadata.files(distribution) or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return {}
    found = {}
    for path in files:
        if path.name.upper().startswith(_NOTICES) and ".dist-info" in str(path):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                found[path.name] = Path(str(path.locate())).read_text(encoding="utf-8")
    return dict(sorted(found.items()))
