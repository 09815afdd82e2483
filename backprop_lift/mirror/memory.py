"""Mirrors without files, for notebooks."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any, Final

from .._registry import Registry, registry
from .make import mirror_of

__all__ = ["live"]


def live(
    package: str,
    name: str = "",
    *,
    samples: Sequence[str] = (),
    rules: Registry = registry,
    before: str = "",
) -> Any:
    """The mirror of a package, made and checked in memory.

    Parameters
    ----------
    package : str
        Its import name.
    name : str, optional
        Import name of the mirror: ``package_bp`` by default. Its modules can then be imported.
    samples : sequence of str, optional
        Paths of samples files.
    rules : Registry, optional
        Whose rules are in force.
    before : str, optional
        Python code that sets the package up before its gradients are checked.

    Returns
    -------
    module

    Raises
    ------
    MirrorError
        If the package cannot be imported.

    Examples
    --------
    >>> from backprop_lift import grad_bp
    >>> from backprop_lift.mirror import live
    >>> colorsys = live("colorsys")
    >>> grad_bp(lambda r: colorsys.rgb_to_yiq(r, 0.5, 0.1)[0], 0.8)
    0.3
    """
    made = mirror_of(package, name, samples=samples, rules=rules, before_checks=before)
    finder = _Finder(made.plan.name, made.files)
    sys.meta_path[:] = [
        f for f in sys.meta_path if not (isinstance(f, _Finder) and f.name == finder.name)
    ]
    sys.meta_path.insert(0, finder)
    for module in [m for m in sys.modules if f"{m}.".startswith(f"{finder.name}.")]:
        del sys.modules[module]
    return importlib.import_module(finder.name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the modules of a mirror among texts."""

    def __init__(self, name: str, files: dict[str, str]) -> None:
        self.name = name
        self.files = files

    def _path(self, fullname: str) -> str | None:
        inner = fullname.removeprefix(self.name).strip(".").replace(".", "/")
        for path in (f"{inner}/__init__.py".lstrip("/"), f"{inner}.py"):
            if path in self.files:
                return path
        return None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> Any:
        """The specification of a module of the mirror."""
        if not f"{fullname}.".startswith(f"{self.name}.") or self._path(fullname) is None:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=_ORIGIN)

    def is_package(self, fullname: str) -> bool:
        """Does a module have modules of its own?"""
        return str(self._path(fullname)).endswith("__init__.py")

    def get_source(self, fullname: str) -> str:
        """The text of a module."""
        return self.files[str(self._path(fullname))]


_ORIGIN: Final = "a live mirror"
