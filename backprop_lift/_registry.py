"""The registry: which original has which twin.

Knows functions and names, and nothing of gradients. Rules of other packages are loaded when an
original of that package is first looked up, so that importing `backprop_lift` imports none of
them.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from .errors import RegistrationError, UnknownTwinError

__all__ = ["Entry", "Kind", "Registry", "dotted_name", "registry", "twin_of"]

Kind = Literal["rule", "composite", "twin", "locally constant", "no grad", "lifted only"]


@dataclasses.dataclass(eq=False, slots=True)
class Entry:
    """What the registry knows of one original.

    Attributes
    ----------
    original : callable
        The function as its author wrote it.
    kind : str
        ``"rule"``, ``"composite"``, ``"twin"`` (written by hand), ``"locally constant"``,
        ``"no grad"`` or ``"lifted only"`` (no original, made by `lift_op`).
    name : str
        Dotted name, for errors and look-up.
    where : str
        File and line of the registration.
    rule : object
        What the twin is made from.
    samples : list, callable or None
        Calls to check on.
    reason : str
        Of a ``"no grad"``: why.
    """

    original: Any
    kind: Kind
    name: str
    where: str
    rule: Any = None
    samples: Any = None
    reason: str = ""
    make_twin: Callable[[], Any] | None = None
    given_wrt: tuple[str, ...] | None = None
    _twin: Any = None

    @property
    def twin(self) -> Any:
        """The BVar-aware version; made when it is first asked for."""
        if self._twin is None:
            assert self.make_twin is not None
            self._twin = self.make_twin()
        return self._twin

    @property
    def wrt(self) -> tuple[str, ...]:
        """Names of the differentiable parameters, as far as a rule names them."""
        if self.given_wrt is not None:
            return self.given_wrt
        return tuple(getattr(self.rule, "wrt", ()))

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}, {self.where}>"


def dotted_name(original: Any) -> str:
    """The name by which a function is known to its users, ``package.module.name``."""
    name = getattr(original, "__qualname__", None) or getattr(original, "__name__", None)
    if name is None:
        return dotted_name(type(original)) + " object"
    module = getattr(original, "__module__", None)
    if module is None:
        owner = getattr(original, "__objclass__", None)
        if owner is not None:
            return f"{owner.__module__}.{owner.__qualname__}.{original.__name__}"
        return _home_of(original, name)
    while "._" in module:  # the public home, where the package shows one
        parent = module.rpartition(".")[0]
        if getattr(sys.modules.get(parent), name, None) is not original:
            break
        module = parent
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def _home_of(original: Any, name: str) -> str:
    """The module of a function that does not know it, as ufuncs do not."""
    for module in ("numpy", "scipy.special", "math"):
        if getattr(sys.modules.get(module), name, None) is original:
            return f"{module}.{name}"
    return str(name)


def _root_of(original: Any) -> str:
    """The package of a function; that of `builtins` for all of Python's library."""
    owner = getattr(original, "__objclass__", None) or type(original)
    home = getattr(original, "__module__", None) or owner.__module__
    root = str(home).partition(".")[0]
    return "builtins" if root in sys.stdlib_module_names else root


class Registry:
    """A mapping from originals to their entries.

    Look up by the original itself or by its dotted name; ``in``, ``len`` and iteration work as on
    a mapping of originals.

    Parameters
    ----------
    parent : Registry, optional
        Asked for what is not found here.

    Examples
    --------
    >>> from backprop_lift import Registry, lifted, registry
    >>> mine = Registry(parent=registry)
    >>> @lifted(derivative=lambda x: 2 * x, into=mine)
    ... def square(x):
    ...     return x ** 2
    >>> square in mine, square in registry
    (True, False)
    """

    def __init__(self, parent: Registry | None = None) -> None:
        self.parent = parent
        self._entries: dict[Any, Entry] = {}
        self._twins: dict[Any, Any] = {}
        self._ready: list[tuple[str, Callable[[], Any]]] = []
        self._awaited: list[tuple[str, str, Callable[[], Any]]] = []
        self._lock = threading.RLock()
        self.loading = False

    # Looking up

    def find(self, original: Any) -> Entry | None:
        """The entry of an original, or None."""
        try:
            entry = self._entries.get(original)
        except TypeError:  # not hashable
            return None
        if entry is None and (self._ready or self._awaited) and self._load():
            entry = self._entries.get(original)
        if entry is None and self.parent is not None:
            return self.parent.find(original)
        return entry

    def twin(self, original: Any) -> Any:
        """The twin of a function, or None; faster than `find` from the second time on."""
        twin = self._twins.get(original)
        if twin is None:
            entry = self.find(original)
            if entry is not None:
                twin = self._twins[original] = entry.twin
        return twin

    def __getitem__(self, original: Any) -> Entry:
        if isinstance(original, str):
            entry = self._named(original)
        else:
            entry = self.find(original)
        if entry is None:
            name = original if isinstance(original, str) else dotted_name(original)
            raise UnknownTwinError(
                f"{name} has no twin.",
                f"Write lifted({name.rpartition('.')[2]}) to lift it by its own body, "
                "or lifted(grad=...) with its gradient.",
            )
        return entry

    def _named(self, name: str) -> Entry | None:
        self._load()
        found = [entry for entry in self if entry.name == name]
        if found:
            return found[0]
        module, _, attribute = name.rpartition(".")
        if module in sys.modules and hasattr(sys.modules[module], attribute):
            return self.find(getattr(sys.modules[module], attribute))
        return None

    def __contains__(self, original: Any) -> bool:
        return (
            self._named(original) if isinstance(original, str) else self.find(original)
        ) is not None

    def __iter__(self) -> Iterator[Entry]:
        self._load()
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        self._load()
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Registry of {len(self._entries)}>"

    # Registering

    def add(self, entry: Entry, *, replace: bool = False) -> None:
        """Register an entry.

        Raises
        ------
        RegistrationError
            If its original has one already and `replace` is false, or is not hashable.
        """
        with self._lock:
            if (self._ready or self._awaited) and not self.loading:
                root = _root_of(entry.original)
                if any(root == package for *_, package, _ in (*self._ready, *self._awaited)):
                    self._load()  # what it clashes with, or replaces, is here first
            try:
                there = self._entries.get(entry.original)
            except TypeError:
                raise RegistrationError(
                    f"{entry.name} cannot be registered, since it is not hashable.",
                    "Register the function of its class instead.",
                    defined=entry.where,
                ) from None
            if there is not None and not replace:
                raise RegistrationError(
                    f"{entry.name} is registered already.",
                    "Write replace=True to replace it.",
                    first=there.where,
                    second=entry.where,
                )
            self._entries[entry.original] = entry
            self._twins.pop(entry.original, None)

    def when_imported(self, module: str, load: Callable[[], Any]) -> None:
        """Call a function that registers, once a module has been imported and is asked about.

        Parameters
        ----------
        module : str
            Its dotted name. It need not be installed.
        load : callable
            Takes nothing; called at the first look-up after `module` was imported.
        """
        root = module.partition(".")[0]
        if module in sys.modules:
            self._ready.append((root, load))
        else:
            self._awaited.append((module, root, load))

    def _await(self) -> None:
        """Be told when the modules are imported that have not been yet."""
        import wrapt  # slow to import, and not needed before the first look-up

        awaited, self._awaited = self._awaited, []
        for module, root, load in awaited:
            wrapt.register_post_import_hook(self._noting(root, load), module)

    def _noting(self, root: str, load: Callable[[], Any]) -> Callable[[Any], None]:
        return lambda _: self._ready.append((root, load))

    def _load(self) -> bool:
        """Load the rules of all packages that have been imported since the last time."""
        with self._lock:
            if self.loading:
                return False
            self.loading = True
            try:
                while self._ready or self._awaited:
                    self._await()
                    for _ in range(len(self._ready)):
                        self._ready[0][1]()
                        del self._ready[0]
            finally:
                self.loading = False
        return True


registry: Final = Registry()


def _load_rules(name: str) -> Callable[[], Any]:
    return lambda: importlib.import_module(f"{__package__}.rules.{name}")


# A module of rules is named after what it lifts: numpy_linalg, scipy_special, python.
for _module in pkgutil.iter_modules([os.path.join(os.path.dirname(__file__), "rules")]):
    if not _module.name.startswith("_"):
        _package, _, _submodule = _module.name.partition("_")
        _lifts = {"python": "builtins", "numpy": "numpy"}.get(_package, f"{_package}.{_submodule}")
        registry.when_imported(_lifts, _load_rules(_module.name))


def _load_entry_points() -> None:
    """Let other distributions register the rules of theirs."""
    import importlib.metadata  # slow to import, and not needed before the first look-up

    for point in importlib.metadata.entry_points(group="backprop_lift.rules"):
        registry.when_imported(point.name, _loaded(point))


def _loaded(point: Any) -> Callable[[], Any]:
    """Load an entry point, and call it if it is a function that registers."""

    def load() -> None:
        found = point.load()
        if callable(found):
            found()

    return load


registry.when_imported("numpy", _load_entry_points)


def twin_of(original: Any, registry: Registry = registry) -> Any:
    """The twin of a function.

    Parameters
    ----------
    original : callable
        A function, ufunc, class, or a method bound to an object.
    registry : Registry, optional
        Where to look.

    Returns
    -------
    callable
        The BVar-aware version, with the signature of the original.

    Raises
    ------
    UnknownTwinError
        If it has none; the message tells how to make one.
    """
    entry = registry.find(original)
    if entry is None:
        owner, function = getattr(original, "__self__", None), getattr(original, "__func__", None)
        if owner is not None and function is not None and registry.find(function) is not None:
            return registry[function].twin.__get__(owner, type(owner))
    return registry[original].twin if entry is None else entry.twin
