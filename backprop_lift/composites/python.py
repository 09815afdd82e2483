"""Stand-ins for Python's builtins: questions about types, attributes and names."""

from __future__ import annotations

import sys
import types
from typing import Any

from .._bvar import BVar
from .bodies import names_of
from .buffer import Buffer
from .standing_in import representative, stands_in
from .texts import refuse_printed
from .world import World

__all__: list[str] = []


# Types


@stands_in(isinstance, world=True)
def _isinstance(world: World, value: Any, classes: Any) -> bool:
    plain = _plain_classes(world, classes)
    if value.__class__ is BVar and _names_bvar(plain):
        return True
    return isinstance(representative(value), plain)


def _names_bvar(classes: Any) -> bool:
    return classes is BVar or (classes.__class__ is tuple and any(map(_names_bvar, classes)))


@stands_in(issubclass, world=True)
def _issubclass(world: World, cls: Any, classes: Any) -> bool:
    return issubclass(world.original_of(cls), _plain_classes(world, classes))


def _plain_classes(world: World, classes: Any) -> Any:
    """The classes that those in rebound code stand for."""
    if classes.__class__ is tuple:
        return tuple([_plain_classes(world, cls) for cls in classes])
    return world.original_of(classes)


@stands_in(type, world=True)
def _type(world: World, *args: Any, **kwargs: Any) -> Any:
    if len(args) != 1:
        return type(*args, **kwargs)
    return world.class_seen(type(representative(args[0])))


@stands_in(super, world=True)
def _super(world: World, *args: Any) -> Any:
    if args:
        return _Super(world, super(world.original_of(args[0]), *args[1:]))
    frame = sys._getframe(2)
    cls = frame.f_locals["__class__"]
    return _Super(world, super(cls, frame.f_locals[frame.f_code.co_varnames[0]]))


class _Super:
    """``super()`` in a rebound method: the base's methods, rebound as well."""

    __slots__ = ("_of",)

    def __init__(self, world: World, proxy: Any) -> None:
        object.__setattr__(self, "_of", (world, proxy))

    def __getattribute__(self, name: str) -> Any:
        world, proxy = object.__getattribute__(self, "_of")
        return world.entering(getattr(proxy, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_of")[1], name, value)


# Attributes: a BVar has those that its value has


@stands_in(callable)
def _callable(value: Any) -> bool:
    return callable(representative(value))


@stands_in(hasattr)
def _hasattr(value: Any, name: str) -> bool:
    if value.__class__ is BVar or value.__class__ is Buffer:
        return hasattr(representative(value), name)
    return hasattr(value, name)


@stands_in(getattr)
def _getattr(value: Any, name: str, *default: Any) -> Any:
    if default and not _hasattr(value, name):
        return default[0]
    return getattr(value, name, *default)


# Names


@stands_in(globals)
def _globals() -> Any:
    return sys._getframe(1).f_globals


@stands_in(eval)
def _eval(source: Any, names: Any = None, local: Any = None, /) -> Any:
    frame = sys._getframe(1)
    refuse_printed(source)
    code = compile(source, "<string>", "eval") if isinstance(source, (str, bytes)) else source
    return eval(code, *_scopes(code, frame, names, local))


@stands_in(exec)
def _exec(source: Any, names: Any = None, local: Any = None, /, **given: Any) -> None:
    frame = sys._getframe(1)
    code = compile(source, "<string>", "exec") if isinstance(source, (str, bytes)) else source
    exec(code, *_scopes(code, frame, names, local), **given)  # noqa: S102 - asked for by the body


def _scopes(code: types.CodeType, frame: types.FrameType, names: Any, local: Any) -> Any:
    """The names that code made of a text sees: those of a frame, where none are given."""
    found = frame.f_globals
    if names is None:
        local = frame.f_locals if local is None else local
        names = found
    if names.__class__ is not dict:  # the interpreter looks no further into any other mapping
        seen = {name: names[name] for name in names_of(code) if name in names}
        names = {**seen, "__builtins__": found["__builtins__"]}
    elif "__builtins__" not in names:
        names["__builtins__"] = found["__builtins__"]
    return names, local
