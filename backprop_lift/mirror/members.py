"""The members of a class that a mirror may differentiate: methods and properties."""

from __future__ import annotations

import types
from typing import Any, Final

__all__ = ["members_of", "own_init"]

# Operators and calls, which deal in numbers as methods do.
_OPERATORS: Final = frozenset(
    [
        "__call__",
        "__getitem__",
        "__add__",
        "__radd__",
        "__sub__",
        "__rsub__",
        "__mul__",
        "__rmul__",
        "__truediv__",
        "__rtruediv__",
        "__matmul__",
        "__rmatmul__",
        "__pow__",
        "__neg__",
        "__abs__",
    ]
)


def members_of(cls: type) -> dict[str, Any]:
    """Public methods and properties of a class that are written in Python, by name.

    Those of its bases count where they belong to the same package.

    Returns
    -------
    dict
        From names to functions; of a property it is the one that reads it.
    """
    root = cls.__module__.partition(".")[0]
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != root:
            continue
        for name, member in vars(base).items():
            if name in found or (name.startswith("_") and name not in _OPERATORS):
                continue
            inner = member.fget if isinstance(member, property) else member
            if isinstance(inner, types.FunctionType):
                found[name] = inner
    return found


def own_init(cls: type) -> Any:
    """The constructor of a class, where it is written in Python; else None."""
    init = getattr(cls, "__init__", None)
    return init if isinstance(init, types.FunctionType) else None
