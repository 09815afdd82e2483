"""The globals of rebound functions."""

from __future__ import annotations

import types
from typing import Any

from ..errors import NoGradientError
from .world import World

__all__ = ["Names"]


class Names(dict[str, Any]):
    """The globals of rebound functions: a live view of a module's, with twins for values."""

    __slots__ = ("live", "world")

    def __init__(self, live: dict[str, Any], world: World) -> None:
        super().__init__()
        self.live = live
        self.world = world
        super().__setitem__("__builtins__", world.builtins)
        super().__setitem__("__name__", live.get("__name__", ""))

    def __missing__(self, name: str) -> Any:
        try:
            value = self.live[name]
        except KeyError:
            return self.world.builtins[name]
        lifted = self.world.lifted_value(value)
        if callable(value) or isinstance(value, types.ModuleType):
            dict.__setitem__(self, name, lifted)
            self.world.watched.append((self, name, value))
        return lifted

    # What `globals()` is asked for; the interpreter itself looks names up as above.

    def __contains__(self, name: object) -> bool:
        return name in self.live

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, lifted."""
        return self[name] if name in self.live else default

    def __setitem__(self, name: str, value: Any) -> None:
        raise NoGradientError(
            f"The global name {name} was to be assigned by a function that is being differentiated.",
            "Write its gradient: lifted(grad=...).",
        )

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Refuse to assign, as a single assignment does."""
        for name in dict(*args, **kwargs):
            self[name] = None

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of a name, where there is one."""
        if name not in self.live:
            self[name] = default
        return self[name]
