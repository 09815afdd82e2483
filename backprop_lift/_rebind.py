"""Composites: lifting a function by its own body.

The twin of a composite is the same code object with its names bound to twins. Modules become views
of modules, functions of pure Python are rebound in turn, classes become subclasses with rebound
methods, and array constructors give buffers. Compiled functions that are not lifted refuse BVars by
name, and a refusal that the body swallows is raised again.
"""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from ._bvar import PLAIN_TYPES, BVar, has_bvar, is_plain
from ._bvar.printing import printing
from ._effect import then
from ._lift.signature import dressed
from ._registry import Registry, dotted_name
from ._space import parts_of, rebuilt
from .composites.arrays import collect_objects
from .composites.bodies import assigns_globals, with_body
from .composites.buffer import Buffer
from .composites.coincidence import with_limits
from .composites.objects import original_of_view
from .composites.rebinder import Rebinder
from .errors import LiftError, NoGradientError, RegistrationError, noted_refusals

__all__ = ["assigns_globals", "composite_of", "leaving", "rebound", "with_body", "world_of"]

_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)


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
        return _class_from_outside(function, world)
    if isinstance(function, np.vectorize):
        inner = world.lifted_value(function)
    else:
        inner = world.rebound(function)
    if inner is None:
        raise RegistrationError(
            f"{dotted_name(function)} has no Python body to be lifted by.",
            f"Write its gradient: lifted(grad=...)({dotted_name(function)}).",
        )
    run = _from_outside(inner, world)

    def twin(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:  # the usual call, at a loop's price
            for x in args:
                if x.__class__ not in _PLAIN_TYPES:
                    break
            else:
                return function(*args)
        if all(map(is_plain, args)) and all(map(is_plain, kwargs.values())):
            return function(*args, **kwargs)
        world.refresh()
        return with_limits(run, args, kwargs)

    return dressed(twin, function)


def _from_outside(inner: Callable[..., Any], world: Rebinder) -> Callable[..., Any]:
    """A rebound function that takes values as they are outside, and gives such."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if world.state.depth:  # called by rebound code
            return inner(*args, **kwargs)
        enter = world.entering
        with _running(world, inner):
            result = inner(*map(enter, args), **{k: enter(v) for k, v in kwargs.items()})
        return then(result, functools.partial(leaving, world=world))

    return functools.update_wrapper(run, inner, updated=())


@contextmanager
def _running(world: Rebinder, inner: Any) -> Iterator[None]:
    """The time in which a composite runs; what it changed outside is settled at its end."""
    state = world.state
    with noted_refusals() as refused, printing():
        state.depth = 1
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
                state.depth = 0
                state.forget()
    if refused:
        raise refused[-1]


def _class_from_outside(cls: type, world: Rebinder) -> Any:
    """A rebound class whose methods take values as they are outside, and give such."""
    known = world.outward.get(cls)
    if known is not None:
        return known
    lifted = world.classes.class_of(cls)
    if lifted is cls or not isinstance(lifted, type):
        return lifted
    members: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    members |= {"__doc__": cls.__doc__, "__slots__": ()}
    for name, member in vars(lifted).items():
        original = inspect.getattr_static(cls, name, None)
        if name not in _INWARD and original is not None:
            members[name] = _member_from_outside(member, original, world)
    if "__eq__" in members:  # which would take the hash away
        members["__hash__"] = cls.__hash__
    world.outward[cls] = made = type.__new__(type(lifted), cls.__name__, (lifted,), members)
    world.stands_for_outside(made, cls)
    return made


# What every access to an attribute passes through, and what only the interpreter calls.
_INWARD: Final = frozenset({"__getattribute__", "__setattr__", "__init_subclass__", "__hash__"})


def _member_from_outside(member: Any, original: Any, world: Rebinder) -> Any:
    if isinstance(member, types.FunctionType) and isinstance(original, types.FunctionType):
        if original.__name__ == "__init__":
            return _constructor_from_outside(member, original, world)
        return _method_from_outside(member, original, world)
    if isinstance(member, (staticmethod, classmethod)):
        return type(member)(_method_from_outside(member.__func__, original.__func__, world))
    if isinstance(member, property):
        fget, fset, fdel = (
            inner and _method_from_outside(inner, plain, world)
            for inner, plain in (
                (member.fget, original.fget),
                (member.fset, original.fset),
                (member.fdel, original.fdel),
            )
        )
        return property(fget, fset, fdel, member.__doc__)
    return member


def _method_from_outside(inner: Any, original: Any, world: Rebinder) -> Any:
    run = _from_outside(inner, world)

    def method(*args: Any, **kwargs: Any) -> Any:
        if world.state.depth:
            return inner(*args, **kwargs)
        if not has_bvar(args) and not has_bvar(kwargs):
            return original(*args, **kwargs)
        return with_limits(run, args, kwargs)

    return dressed(method, original)


def _constructor_from_outside(inner: Any, original: Any, world: Rebinder) -> Any:
    """A constructor whose result is what it leaves in its object."""
    run = _method_from_outside(inner, original, world)

    def constructor(self: Any, *args: Any, **kwargs: Any) -> None:
        given = has_bvar(args) or has_bvar(kwargs)
        if world.state.depth or not given or getattr(self, "__dict__", None) != {}:
            run(self, *args, **kwargs)
            return
        objects = [self]  # and, beside the point, others

        def filled(*args: Any, **kwargs: Any) -> dict[str, Any]:
            thing = objects.pop() if objects else object.__new__(type(self))
            with world.state.making(thing):
                run(thing, *args, **kwargs)
            return dict(vars(thing))

        found = with_limits(filled, args, kwargs)
        if found.__class__ is BVar:  # of all that it left
            vars(self).update({k: found[k] for k, v in vars(self).items() if has_bvar(v)})

    return dressed(constructor, original)


_OURS: Final = ("BVar", "Buffer")


def _unfit(inner: Any, error: Exception) -> NoGradientError:
    return NoGradientError(
        f"{dotted_name(inner)} hands a BVar to compiled code that takes none.",
        "Write its gradient: lifted(grad=...).",
        error=f"{type(error).__name__}: {error}",
    )


def leaving(result: Any, world: Rebinder) -> Any:
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


_worlds: weakref.WeakKeyDictionary[Registry, Rebinder] = weakref.WeakKeyDictionary()


def world_of(registry: Registry) -> Rebinder:
    """The world in which the composites of a registry run."""
    world = _worlds.get(registry)
    if world is None:
        world = _worlds[registry] = Rebinder(registry)
    return world


def rebound(function: Any, registry: Registry) -> Any:
    """The inner version of a composite, which works on BVars and buffers; None without a body."""
    return world_of(registry).rebound(function)
