"""Composites: lifting a function by its own body.

The twin of a composite is the same code object with its names bound to twins. Modules become views
of modules, functions of pure Python are rebound in turn, classes become subclasses with rebound
methods, and array constructors give buffers. Compiled functions that are not lifted refuse BVars by
name, and a refusal that the body swallows is raised again.
"""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from ._buffer import Buffer
from ._bvar import _PLAIN, BVar, is_plain, printing
from ._coincidence import with_limits
from ._effect import then
from ._registry import Registry, dotted_name
from ._signature import dressed
from ._space import parts_of, rebuilt
from .composites.arrays import collect_objects
from .composites.bodies import assigns_globals, with_body
from .composites.objects import original_of_view
from .composites.world import World
from .errors import LiftError, NoGradientError, RegistrationError, noted_refusals

__all__ = ["assigns_globals", "composite_of", "leaving", "rebound", "with_body", "world_of"]

_PLAIN_TYPES: Final = frozenset(_PLAIN)


def composite_of(function: Any, registry: Registry) -> Any:
    """The twin of a function, class or callable object, made from its own body.

    Parameters
    ----------
    function : callable
    registry : Registry
        Whose twins its names are bound to.

    Returns
    -------
    callable
        Called with plain values only, it is the original.

    Raises
    ------
    RegistrationError
        If it has no Python body.
    """
    world = world_of(registry)
    if isinstance(function, type):
        return world.classes.class_of(function)
    inner = world.rebound(function)
    if inner is None:
        raise RegistrationError(
            f"{dotted_name(function)} has no Python body to be lifted by.",
            f"Write its gradient: lifted(grad=...)({dotted_name(function)}).",
        )
    run = _from_outside(inner, world)

    def twin(*args: Any, **kwargs: Any) -> Any:
        if _PLAIN_TYPES.issuperset(map(type, args)) and (
            not kwargs or _PLAIN_TYPES.issuperset(map(type, kwargs.values()))
        ):
            return function(*args, **kwargs)
        if all(map(is_plain, args)) and all(map(is_plain, kwargs.values())):
            return function(*args, **kwargs)
        world.refresh()
        return with_limits(run, args, kwargs)

    return dressed(twin, function)


def _from_outside(inner: Callable[..., Any], world: World) -> Callable[..., Any]:
    """A rebound function that takes values as they are outside, and gives such."""

    def run(*args: Any, **kwargs: Any) -> Any:
        enter = world.entering
        with _running(world, inner):
            result = inner(*map(enter, args), **{k: enter(v) for k, v in kwargs.items()})
        return then(result, functools.partial(leaving, world=world))

    return functools.update_wrapper(run, inner, updated=())


@contextmanager
def _running(world: World, inner: Any) -> Iterator[None]:
    """The time in which a composite runs; what it changed outside is settled at its end."""
    state = world.state
    if state.depth:
        yield
        return
    with noted_refusals() as refused, printing() as printed:
        state.depth, state.printed = 1, printed
        try:
            yield
        except LiftError:
            raise
        except Exception as error:
            if refused:
                raise refused[-1] from error
            if isinstance(error, TypeError) and any(name in str(error) for name in _OURS):
                raise _unfit(inner, error) from error
            raise
        finally:
            try:
                world.settle()
            finally:
                state.depth, state.printed = 0, None
                state.forget()
    if refused:
        raise refused[-1]


_OURS: Final = ("BVar", "Buffer")


def _unfit(inner: Any, error: Exception) -> NoGradientError:
    return NoGradientError(
        f"{dotted_name(inner)} hands a BVar to compiled code that takes none.",
        "Write its gradient: lifted(grad=...).",
        error=f"{type(error).__name__}: {error}",
    )


def leaving(result: Any, world: World) -> Any:
    """A result as it leaves the composite: buffers as their contents."""
    cls = result.__class__
    if cls is np.ndarray and result.dtype.kind == "O":
        return collect_objects(result)
    if cls in _PLAIN_TYPES or cls is BVar:
        return result
    if cls is Buffer:
        return result._contents()
    result = original_of_view(result)
    parts = parts_of(result)
    if parts is None or isinstance(result, (types.GeneratorType, str)):
        return result
    found = [(key, leaving(part, world)) for key, part in parts]
    if all(a is b for (_, a), (_, b) in zip(found, parts_of(result) or (), strict=True)):
        return result
    return rebuilt(result, found)


_worlds: weakref.WeakKeyDictionary[Registry, World] = weakref.WeakKeyDictionary()


def world_of(registry: Registry) -> World:
    """The world in which the composites of a registry run."""
    world = _worlds.get(registry)
    if world is None:
        world = _worlds[registry] = World(registry)
    return world


def rebound(function: Any, registry: Registry) -> Any:
    """The inner version of a composite, which works on BVars and buffers; None without a body."""
    return world_of(registry).rebound(function)
