"""The classes of rebound classes: one is compared, hashed, asked and assigned to as its original.

So a table that a package keeps by class answers for objects that rebound code has made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from .names import Names
from .world import World

__all__ = ["STANDS_FOR", "class_stood_for", "metaclass_of"]

# What a rebound class keeps its original under.
STANDS_FOR: Final = "_class_stood_for"

_LINEAGE: Final = frozenset({"__mro__", "__bases__", "__base__", "__subclasses__"})


def class_stood_for(cls: Any) -> Any:
    """The original of a rebound class; any other class as it is."""
    return type.__getattribute__(cls, "__dict__").get(STANDS_FOR, cls)


def metaclass_of(meta: Any, world: World, enters: Callable[[Any], bool]) -> Any:
    """The class of the rebound classes of a metaclass.

    Parameters
    ----------
    meta : type
    world : World
    enters : callable
        Does an attribute of a class come in as a value from outside does?
    """

    def __setattr__(cls: Any, name: str, value: Any) -> None:  # noqa: N807 - put into a class
        original = world.original_of(cls)
        if original is cls:
            meta.__setattr__(cls, name, value)
        else:
            setattr(original, name, value)
            world.state.lend(original)

    def __getattribute__(cls: Any, name: str) -> Any:  # noqa: N807 - put into a class
        if name in _LINEAGE and sys._getframe(1).f_globals.__class__ is Names:
            original = class_stood_for(cls)
            if original is not cls:
                return _seen(getattr(original, name), world)
        value = meta.__getattribute__(cls, name)
        return world.entering(value) if enters(value) else value

    def __eq__(cls: Any, other: Any) -> Any:  # noqa: N807 - put into a class
        other = class_stood_for(other) if isinstance(other, type) else other
        return meta.__eq__(class_stood_for(cls), other)

    def __hash__(cls: Any) -> Any:  # noqa: N807 - put into a class
        return meta.__hash__(class_stood_for(cls))

    members = (__setattr__, __getattribute__, __eq__, __hash__)
    return type(meta)(meta.__name__, (meta,), {member.__name__: member for member in members})


def _seen(lineage: Any, world: World) -> Any:
    """Classes that an original is made of, or that are made of it, as rebound code sees them."""
    if isinstance(lineage, tuple):
        return tuple(map(world.class_seen, lineage))
    if not callable(lineage) or isinstance(lineage, type):
        return lineage and world.class_seen(lineage)
    subclasses: Any = lineage
    return lambda: [world.class_seen(c) for c in subclasses() if class_stood_for(c) is c]
