"""The table of stand-ins: what a value of Python, its library or NumPy is inside a composite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from .._bvar import BVar
from .buffer import contents_of
from .world import World

__all__ = ["representative", "stand_in_of", "stands_in"]

T = TypeVar("T")

# By identity, since not everything can be hashed: the original, its stand-in, and whether that is
# a function of the world that makes it.
_TABLE: Final[dict[int, tuple[Any, Any, bool]]] = {}


def stands_in(*originals: Any, world: bool = False) -> Callable[[T], T]:
    """Let a function or object stand in for originals.

    Parameters
    ----------
    *originals : object
    world : bool, optional
        The function takes the world as its first argument.
    """

    def register(stand_in: T) -> T:
        for original in originals:
            _TABLE[id(original)] = original, stand_in, world
        return stand_in

    return register


def stand_in_of(value: Any, world: World) -> Any:
    """What stands in for a value; None where nothing does."""
    found = _TABLE.get(id(value))
    if found is None or found[0] is not value:
        return None
    _, stand_in, needs_world = found
    if not needs_world:
        return stand_in

    def bound(*args: Any, **kwargs: Any) -> Any:
        return stand_in(world, *args, **kwargs)

    return bound


def representative(value: Any) -> Any:
    """The plain value that stands for a BVar or a buffer in questions about types."""
    value = contents_of(value)
    while value.__class__ is BVar:
        value = value._bvar_value
    return value
