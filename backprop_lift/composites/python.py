"""Stand-ins for Python's builtins: questions about types, attributes, names and texts."""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any, Final

from .._bvar import BVar, has_bvar
from .._bvar.printing import printed
from ..errors import ConversionError
from .bodies import names_of
from .buffer import Buffer, contents_of
from .standing_in import representative, stands_in
from .world import World

__all__ = ["plain_classes", "refuse_printed"]


# Types


@stands_in(isinstance, world=True)
def _isinstance(world: World, value: Any, classes: Any) -> bool:
    plain = plain_classes(world, classes)
    if value.__class__ is BVar and _names_bvar(plain):
        return True
    return isinstance(representative(value), plain)


def _names_bvar(classes: Any) -> bool:
    return classes is BVar or (classes.__class__ is tuple and any(map(_names_bvar, classes)))


@stands_in(issubclass, world=True)
def _issubclass(world: World, cls: Any, classes: Any) -> bool:
    return issubclass(world.original_of(cls), plain_classes(world, classes))


def plain_classes(world: World, classes: Any) -> Any:
    """The classes that those in rebound code stand for."""
    if classes.__class__ is tuple:
        return tuple([plain_classes(world, cls) for cls in classes])
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


@stands_in(eval, world=True)
def _eval(world: World, source: Any, names: Any = None, local: Any = None, /) -> Any:
    frame = sys._getframe(2)
    refuse_printed(world, source)
    code = compile(source, "<string>", "eval") if isinstance(source, (str, bytes)) else source
    return eval(code, *_scopes(code, frame, names, local))


@stands_in(exec, world=True)
def _exec(world: World, source: Any, names: Any = None, local: Any = None, /, **given: Any) -> None:
    frame = sys._getframe(2)
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


# Texts: a number that was printed and read again has lost its tape


@stands_in(repr)
def _repr(value: Any) -> str:
    if value.__class__ is BVar:
        return printed(repr(representative(value)))
    return repr(value)


_SHORTEST: Final = 2


def refuse_printed(world: World, text: Any) -> None:
    """Refuse to read a number from a text that a BVar was printed into."""
    if isinstance(text, str):
        for printed in world.state.printed or ():
            if len(printed) >= _SHORTEST and printed in text:
                raise ConversionError(
                    "A number was read from a text that a BVar had been printed into.",
                    "Compute with the number itself.",
                    text=repr(text)[:60],
                )


def refuse_text_of(world: World, args: Any) -> None:
    """Refuse BVars, and texts of BVars, as arguments of what makes another kind of number."""
    for value in args:
        refuse_printed(world, value)
        if has_bvar(contents_of(value)):
            raise ConversionError(
                "A number of another kind was to be made of a BVar, which has no gradient there.",
                "Work on the float itself.",
            )


builtin_names: Final = dict(vars(builtins))
