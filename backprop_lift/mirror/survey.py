"""The survey of a package: its public modules, and the public names of each."""

from __future__ import annotations

import contextlib
import dataclasses
import dis
import enum
import functools
import importlib
import importlib.util
import io
import pkgutil
import sys
import types
import typing
import warnings
from collections.abc import Iterator, Set
from typing import Any, Final, Literal

import numpy as np

from ..errors import MirrorError
from .installation import distribution_of, licence_of, version_of

__all__ = ["Module", "Public", "Survey", "quietly_imported", "survey_of"]

Kind = Literal["function", "class", "constant", "module"]

# Modules that are part of a distribution, but not of what it offers.
_NOT_OFFERED: Final = frozenset(
    {"__main__", "bp", "conftest", "setup", "test", "tests", "benchmarks", "examples", "docs"}
)


@dataclasses.dataclass(frozen=True, eq=False)
class Public:
    """A public name of a module.

    Attributes
    ----------
    name : str
    value : object
    kind : str
        ``"function"`` for all callables that are no classes.
    home : str
        Dotted name under which the mirror defines it; other modules import it from there.
    is_setting : bool
        A constant that functions of its module change.
    """

    name: str
    value: Any
    kind: Kind
    home: str
    is_setting: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Module:
    """A public module.

    Attributes
    ----------
    name : str
        Dotted.
    value : module
    names : tuple of Public
        In the order of ``__all__``, or of definition.
    exports : tuple of str
        What ``from module import *`` gives.
    loaded : tuple of str
        Short names of the submodules that importing the module imports.
    is_package : bool
    """

    name: str
    value: types.ModuleType
    names: tuple[Public, ...]
    exports: tuple[str, ...]
    loaded: tuple[str, ...]
    is_package: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Survey:
    """The public face of a package.

    Attributes
    ----------
    package : str
    distribution : str
        Name under which it is installed; empty where it comes from elsewhere.
    version : str
        Empty where it has none.
    licence : str
        As the distribution says it; empty where none is found.
    modules : tuple of Module
        The package first, the others sorted.
    absent : dict
        Modules that could not be imported, with the reason.
    """

    package: str
    distribution: str
    version: str
    licence: str
    modules: tuple[Module, ...]
    absent: dict[str, str]

    def functions(self) -> Iterator[Public]:
        """Every public function, once, as its home names it."""
        return self._at_home("function")

    def classes(self) -> Iterator[Public]:
        """Every public class, once, as its home names it."""
        return self._at_home("class")

    def _at_home(self, kind: Kind) -> Iterator[Public]:
        for module in self.modules:
            for public in module.names:
                if public.kind == kind and public.home == f"{module.name}.{public.name}":
                    yield public


def survey_of(package: str) -> Survey:
    """Survey a package.

    Parameters
    ----------
    package : str
        Its import name.

    Raises
    ------
    MirrorError
        If it is not installed, or its import fails.
    """
    root = _imported(package)
    version, distribution = version_of(root), distribution_of(package)
    loaded = _loaded_with(root)
    found, absent = _modules(root)
    homes = _homes(found, package)
    modules = tuple(_surveyed(name, package, homes, loaded, found) for name in found)
    return Survey(package, distribution, version, licence_of(distribution), modules, absent)


@functools.cache
def _loaded_with(root: types.ModuleType) -> frozenset[str]:
    """The submodules that are there once a package is imported; a survey imports the others."""
    below = (name for name in sys.modules if name.startswith(f"{root.__name__}."))
    return frozenset(filter(_is_attribute, below))


def _is_attribute(name: str) -> bool:
    """Is a module found under its name in the package above, and not hidden by a function?"""
    parent, _, short = name.rpartition(".")
    return getattr(sys.modules.get(parent), short, None) is sys.modules.get(name)


def _imported(package: str) -> types.ModuleType:
    try:
        return quietly_imported(package)
    except ModuleNotFoundError as error:
        if error.name == package.partition(".")[0] or error.name == package:
            raise MirrorError(
                f"{package} is not installed here.",
                "Install it into this environment, or correct its name: it is the one to import.",
            ) from None
        raise _import_failed(package, error) from None
    except (Exception, SystemExit) as error:
        raise _import_failed(package, error) from None


def _import_failed(package: str, error: BaseException) -> MirrorError:
    return MirrorError(
        f"{package} cannot be imported.",
        f"Make `import {package}` work first.",
        why=f"{type(error).__name__}: {error}",
    )


def quietly_imported(name: str) -> types.ModuleType:
    """Import a module, and keep what it prints and warns to ourselves."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _modules(root: types.ModuleType) -> tuple[dict[str, types.ModuleType], dict[str, str]]:
    """The public modules of a package, and those that cannot be imported."""
    found = {root.__name__: root}
    absent: dict[str, str] = {}
    waiting = [(root.__name__, root)]
    while waiting:
        package, value = waiting.pop()
        for info in pkgutil.iter_modules(getattr(value, "__path__", None) or []):
            if info.name.startswith("_") or info.name in _NOT_OFFERED:
                continue
            name = f"{package}.{info.name}"
            try:
                module = quietly_imported(name)
            except (Exception, SystemExit) as error:
                absent[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            found[name] = module
            if info.ispkg:
                waiting.append((name, module))
    return dict(sorted(found.items())), dict(sorted(absent.items()))


def _names(module: types.ModuleType, package: str) -> Iterator[tuple[str, Any]]:
    """The public names of a module: what it lists, and what else it shows of its own."""
    listed = [n for n in _asked(module, "__all__") or () if isinstance(n, str)]
    late = dir(module) if "__dir__" in vars(module) else ()
    for name in dict.fromkeys([*listed, *vars(module), *late]):
        is_version = name == "__version__" and isinstance(vars(module).get(name), str)
        if name not in listed and (name.startswith("_") or not name.isidentifier()):
            if is_version:
                yield name, vars(module)[name]
            continue
        try:
            value = getattr(module, name)
        except Exception:  # listed, and not there
            continue
        if isinstance(value, types.ModuleType):
            if value.__name__.partition(".")[0] != package.partition(".")[0]:
                continue
        elif name not in listed and not _is_own(value, package):
            continue
        yield name, value


def _asked(value: Any, name: str) -> Any:
    """An attribute of something in a package; None where asking for it fails, in whatever way."""
    try:
        return getattr(value, name, None)
    except Exception:  # a module that imports what is missing when it is asked
        return None


def _is_own(value: Any, package: str) -> bool:
    """Is a value one of the package's own, and not a tool that it imported?"""
    if isinstance(value, (typing.TypeVar, typing.ParamSpec)) or typing.get_origin(value):
        return False
    if isinstance(value, (functools.partial, np.vectorize)):
        return _is_own(
            value.func if isinstance(value, functools.partial) else value.pyfunc, package
        )
    home = _asked(value, "__module__")
    if home is None or not (callable(value) or isinstance(value, type)):
        own_type = type(value).__module__.partition(".")[0]
        return own_type not in ("__future__", "typing", "logging", "threading")
    return str(home).partition(".")[0] == package.partition(".")[0]


def _assigned(module: types.ModuleType) -> set[str]:
    """The global names that functions and methods of a module assign."""
    found: set[str] = set()
    for value in list(vars(module).values()):
        for member in vars(value).values() if isinstance(value, type) else (value,):
            function = _asked(member, "__func__") or member
            if isinstance(function, types.FunctionType) and function.__globals__ is vars(module):
                found |= _globals_assigned(function.__code__)
    return found


def _globals_assigned(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    here = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_GLOBAL"}
    return here.union(*map(_globals_assigned, inner))


def kind_of(value: Any) -> Kind:
    """What sort of thing a value is."""
    if isinstance(value, types.ModuleType):
        return "module"
    if isinstance(value, type):
        return "class"
    if callable(value) and not isinstance(value, enum.Enum):
        return "function"
    return "constant"


def _homes(modules: dict[str, types.ModuleType], package: str) -> dict[int, str]:
    """Where the mirror defines each function and class: in its own module if that is public."""
    candidates: dict[int, list[tuple[bool, int, str, bool, str]]] = {}
    for module_name, module in modules.items():
        for name, value in _names(module, package):
            if kind_of(value) in ("function", "class"):
                elsewhere = _asked(value, "__module__") != module_name
                renamed = _asked(value, "__name__") != name
                depth = module_name.count(".")
                candidates.setdefault(id(value), []).append(
                    (elsewhere, depth, module_name, renamed, name)
                )
    return {key: f"{min(found)[2]}.{min(found)[4]}" for key, found in candidates.items()}


def _surveyed(
    module_name: str,
    package: str,
    homes: dict[int, str],
    loaded: Set[str],
    found: dict[str, types.ModuleType],
) -> Module:
    module = found[module_name]
    changed = _assigned(module)
    names = []
    for name, value in _names(module, package):
        kind = kind_of(value)
        if kind == "module":
            if value.__name__ not in found or value.__name__ == f"{module_name}.{name}":
                continue  # private, or shown by being a submodule
            if f"{module_name}.".startswith(f"{value.__name__}."):
                continue  # a package above it, which it imported as a tool
            home = value.__name__
        else:
            home = homes.get(id(value), f"{module_name}.{name}")
        names.append(Public(name, value, kind, home, kind == "constant" and name in changed))
    listed = _asked(module, "__all__")
    shown = {public.name for public in names}
    children = {n.rpartition(".")[2] for n in found if n.rpartition(".")[0] == module_name}
    exports = (
        tuple(n for n in dict.fromkeys(listed) if n in shown or n in children)
        if listed is not None
        else tuple(p.name for p in names if not p.name.startswith("_"))
    )
    imported = sorted(
        n for n in children if f"{module_name}.{n}" in loaded or n in {*exports} - shown
    )
    is_package = _asked(module, "__path__") is not None and any(
        name.startswith(f"{module_name}.") for name in found
    )
    return Module(module_name, module, tuple(names), exports, tuple(imported), is_package)
