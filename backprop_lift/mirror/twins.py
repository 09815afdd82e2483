"""What a written mirror is made of: one function for each status of a name.

A twin called with plain values is the original. It is made when a BVar first arrives, so that
importing a mirror costs next to nothing.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._lift import refusing
from .._rebind import _world_of, composite_of
from .._registry import Entry, Registry, registry
from .classes import classes, refusing_class
from .installed import mirrored, still_holds
from .late import late_twin
from .registered import checked_only, mirrors

__all__ = [
    "by_body",
    "classes",
    "composite",
    "lifted",
    "locally_constant",
    "mirrored",
    "no_grad",
    "not_differentiable",
]


def composite(original: Any, differentiable: str) -> Any:
    """The twin of a function, by its own body.

    Parameters
    ----------
    original : callable
    differentiable : str
        Names of the parameters whose gradients were checked. A gradient that would flow to
        another one is refused.
    """
    return _late(original, differentiable, lambda: by_body(original, mirrors))


def by_body(original: Any, registry: Registry) -> Any:
    """The BVar-aware version of a callable, made from its own body.

    Raises
    ------
    RegistrationError
        If it has none.
    """
    if isinstance(original, np.vectorize):
        return _world_of(registry).lifted_value(original)
    return composite_of(original, registry)


def lifted(original: Any, differentiable: str) -> Any:
    """The twin of a function, by its rule; parameters as those of `composite`."""
    return _late(original, differentiable, lambda: mirrors[original].twin)


def locally_constant(original: Any) -> Any:
    """The twin of a function whose result does not vary: it gives plain values."""

    def make() -> Any:
        from .._lift import locally_constant

        constants = Registry()
        locally_constant(original, into=constants)
        return constants[original].twin

    return _late(original, None, make)


def no_grad(original: Any, reason: str) -> Any:
    """A stub: it runs, and refuses to be differentiated.

    Parameters
    ----------
    original : callable
    reason : str
        Shown in the error, and in the first line of its docstring.
    """
    if isinstance(original, type):
        return refusing_class(original, reason, _home(1))
    home = _home(1)
    known = _twins.get((home.partition(".")[0], id(original)))
    if known is not None:
        return known
    name = f"{home}.{getattr(original, '__name__', 'function')}"
    twin = refusing(original, name, reason)
    _dress(twin, original, home)
    twin.__doc__ = f"not differentiable: {reason}\n\n{inspect.getdoc(original) or ''}".rstrip()
    twin.__not_differentiable__ = reason
    _register(twin, twin)
    _twins[home.partition(".")[0], id(original)] = twin
    return twin


def _late(original: Any, differentiable: str | None, make: Callable[[], Any]) -> Any:
    """A twin that is made when a BVar first arrives; one for each original of a mirror."""
    home = _home(2)
    known = _twins.get((home.partition(".")[0], id(original)))
    if known is not None:
        return known
    made: Any = None

    def on_bvars(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal made
        if made is None:
            still_holds(original)
            made = make()
        if differentiable is not None:
            args, kwargs = checked_only(original, differentiable, args, kwargs)
        return made(*args, **kwargs)

    twin = late_twin(original, on_bvars)
    _dress(twin, original, home)
    _register(twin, twin)
    _twins[home.partition(".")[0], id(original)] = twin
    return twin


_twins: Final[dict[tuple[str, int], Any]] = {}


def _home(depth: int) -> str:
    """The module of the mirror that calls."""
    return str(sys._getframe(depth + 1).f_globals.get("__name__", __name__))


def _dress(twin: Any, original: Any, home: str) -> None:
    """Give a twin the looks of its original, and the mirror as its home, where pickle finds it."""
    name = getattr(original, "__name__", None) or type(original).__name__
    twin.__name__ = twin.__qualname__ = name
    twin.__module__ = home
    twin.__doc__ = getattr(original, "__doc__", None)
    twin.__wrapped__ = original
    twin.__dict__.pop("__signature__", None)


def _register(function: Any, twin: Any) -> None:
    """Let composites and `twin_of` know that a name of a mirror is its own twin."""
    entry = Entry(function, "twin", f"{function.__module__}.{function.__name__}", "a mirror")
    entry.make_twin = lambda: twin
    registry.add(entry, replace=True)


def not_differentiable(package: str) -> dict[str, str]:
    """The stubs of a mirror that are loaded, with their reasons.

    Parameters
    ----------
    package : str
        The mirror's name.
    """
    modules = [m for name, m in list(sys.modules.items()) if f"{name}.".startswith(f"{package}.")]
    found = {
        f"{module.__name__}.{name}": value.__not_differentiable__
        for module in modules
        for name, value in list(vars(module).items())
        if isinstance(getattr(value, "__not_differentiable__", None), str)
        and value.__module__ == module.__name__
    }
    return dict(sorted(found.items()))
