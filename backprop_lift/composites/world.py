"""What rebound code and its stand-ins may ask of the world that they live in."""

from __future__ import annotations

from typing import Any, Protocol

from .._registry import Registry
from .once import Once

__all__ = ["Settlement", "World"]


class Settlement(Protocol):
    """Looks after what outlives a call.

    Attributes
    ----------
    depth : int
        How many composites are running, one inside the other.
    """

    depth: int

    def lend(self, thing: Any) -> None:
        """Note an object of the outside that rebound code may change."""


class World(Protocol):
    """All that is rebound under one registry.

    Attributes
    ----------
    registry : Registry
    originals : dict
        From the identity of a lifted value to it and its original.
    once : Once
        Under which functions and classes are rebound.
    builtins : dict
        Python's builtins, lifted.
    watched : list
        The names that have been looked up: where, which, and the value they had.
    """

    registry: Registry
    once: Once
    builtins: dict[str, Any]
    watched: list[tuple[Any, str, Any]]
    originals: dict[int, tuple[Any, Any]]

    @property
    def state(self) -> Settlement:
        """What the composite that runs in this thread has been lent."""
        ...

    def lifted_value(self, value: Any) -> Any:
        """What a name stands for in rebound code; it is kept."""

    def entering(self, value: Any) -> Any:
        """A value from outside as rebound code sees it; it may live for this call only."""

    def original_of(self, value: Any) -> Any:
        """What a value of rebound code stands for."""

    def stands_for(self, lifted: Any, original: Any) -> None:
        """Note what a lifted value is the twin of."""

    def class_seen(self, cls: type) -> Any:
        """The class of a value, as a name stands for it."""

    def is_view(self, value: Any) -> bool:
        """Is a value an object of a rebound class?"""
        ...

    def dispatching_method(self, member: Any) -> Any:
        """A `functools.singledispatchmethod` as a method that looks through BVars."""
