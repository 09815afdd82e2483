"""The members of a class that a mirror may differentiate: methods and properties."""

from __future__ import annotations

import types
from typing import Any, Final

__all__ = ["members_of", "own_init"]

# Operators and calls, which deal in numbers as methods do.
_BINARY: Final = ("add", "sub", "mul", "truediv", "matmul", "pow", "mod", "floordiv")
_OPERATORS: Final = frozenset(
    {f"__{prefix}{name}__" for name in _BINARY for prefix in ("", "r", "i")}
    | {"__call__", "__getitem__", "__iter__", "__neg__", "__pos__", "__abs__"}
)


def members_of(cls: type) -> dict[str, Any]:
    """Public methods and properties of a class that are written in Python, by name.

    Those of its bases count where they belong to the same package.

    Returns
    -------
    dict
        From names to functions; of a property it is the one that reads it, of a static method or
        a class method the one inside.
    """
    root = cls.__module__.partition(".")[0]
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != root:
            continue
        for name, member in vars(base).items():
            if name in found or (name.startswith("_") and name not in _OPERATORS):
                continue
            inner = member
            if isinstance(member, property):
                inner = member.fget
            elif isinstance(member, (staticmethod, classmethod)):
                inner = member.__func__
            if isinstance(inner, types.FunctionType):
                found[name] = inner
    return found


def own_init(cls: type) -> Any:
    """The constructor of a class, where it is written in Python; else None."""
    init = getattr(cls, "__init__", None)
    return init if isinstance(init, types.FunctionType) else None
