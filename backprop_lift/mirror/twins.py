"""What a written mirror is made of: one function for each status of a name.

A twin called with plain values is the original. It is made when a BVar first arrives, so that
importing a mirror costs next to nothing.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from .._lift.refusal import refusing
from .._rebind import composite_of, with_body
from .._registry import Entry, Registry, registry
from .classes import on_demand, refusing_class
from .installed import mirrored, names_behind, still_holds
from .late import late_twin
from .refusals import Refusals
from .registered import checked_only, mirrors, refusal_docs

__all__ = [
    "by_body",
    "composite",
    "lifted",
    "locally_constant",
    "mirrored",
    "no_grad",
    "not_differentiable",
    "on_demand",
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

    Of a method that is bound, a partial function or an object that can be called it is the body
    inside.

    Raises
    ------
    RegistrationError
        If it has none.
    """
    if isinstance(original, functools.partial):
        entry = registry.find(original.func)
        inner = by_body(original.func, registry) if entry is None else entry.twin
        return functools.partial(inner, *original.args, **original.keywords)
    if isinstance(original, types.MethodType):
        return functools.partial(by_body(original.__func__, registry), original.__self__)
    called = inspect.getattr_static(type(original), "__call__", None)
    in_python = isinstance(called, types.FunctionType) and not isinstance(original, np.vectorize)
    if with_body(original) is None and in_python:
        return functools.partial(by_body(called, registry), original)
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
    made: Any = None

    def on_bvars(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal made
        if made is None:
            made = refusing(original, f"{home}.{twin.__name__}", reason)
        return made(*args, **kwargs)

    twin = late_twin(original, on_bvars)
    _dress(twin, original, home)
    twin.__doc__ = refusal_docs(reason, original)
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
        try:
            if differentiable is not None:
                args, kwargs = checked_only(original, differentiable, args, kwargs)
            return made(*args, **kwargs)
        except Exception as error:
            from .misuse import note_call

            note_call(error, original, f"{home}.{twin.__name__}", args, kwargs)
            raise

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
    twin.__name__ = twin.__qualname__ = _name_of(original, home)
    twin.__module__ = home
    twin.__doc__ = getattr(original, "__doc__", None)
    for attribute in _attributes_of(original):
        setattr(twin, attribute, getattr(original, attribute))
    twin.__wrapped__ = original
    twin.__dict__.pop("__signature__", None)
    if inspect.iscoroutinefunction(original):
        _mark_as_coroutine_function(twin)


def _attributes_of(original: Any) -> list[str]:
    """What users reach through a function: its own attributes, its cache, a ufunc's methods."""
    if isinstance(original, np.ufunc):
        return ["reduce", "accumulate", "reduceat", "outer", "at", "nin", "nout", "nargs", "types"]
    if isinstance(original, np.vectorize):
        return []
    caches = [a for a in ("cache_info", "cache_clear", "cache_parameters") if hasattr(original, a)]
    return [*getattr(original, "__dict__", {}), *caches]


def _mark_as_coroutine_function(twin: Any) -> None:
    mark = getattr(inspect, "markcoroutinefunction", None)
    if mark is not None:
        mark(twin)
    else:  # before Python 3.12, asyncio looks for a mark of its own
        import asyncio

        twin._is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)


def _name_of(original: Any, home: str) -> str:
    """The name of a callable in the module that is mirrored; its own name may be another."""
    own = getattr(original, "__name__", "")
    names = names_behind(home)
    if own and names.get(own) is original:
        return str(own)
    return next((name for name, value in names.items() if value is original), str(own))


def _register(function: Any, twin: Any) -> None:
    """Let composites and `twin_of` know that a name of a mirror is its own twin."""
    entry = Entry(function, "twin", f"{function.__module__}.{function.__name__}", "a mirror")
    entry.make_twin = lambda: twin
    registry.add(entry, replace=True)


def not_differentiable(package: str) -> Mapping[str, str]:
    """The stubs of a mirror, and the methods of its classes that are some, with their reasons.

    Parameters
    ----------
    package : str
        The mirror's name.

    Returns
    -------
    mapping
        From dotted names to reasons, read from the ledger when it is first looked at.
    """
    return Refusals(package, sys._getframe(1).f_globals)
