"""What the code of a function tells: where its body is, and what it does that cannot be rebound."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from typing import Any, Final

__all__ = [
    "assigns_globals",
    "attributes_set",
    "matches_classes",
    "names_of",
    "with_body",
]


def with_body(value: Any) -> types.FunctionType | None:
    """The plain function behind a callable, or None."""
    for _ in range(10):
        if isinstance(value, types.FunctionType):
            return value
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif hasattr(value, "py_func"):  # compiled by numba, or made so that it could be
            value = value.py_func
        elif isinstance(value, functools._lru_cache_wrapper):
            value = value.__wrapped__
        elif type(value).__name__ == "_ArrayFunctionDispatcher":
            value = getattr(value, "_implementation", None) or getattr(value, "__wrapped__", None)
        else:
            return None
    return None


def assigns_globals(code: types.CodeType) -> bool:
    """Does a function assign global names, but for late imports?"""
    before = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "DELETE_GLOBAL" or (
            instruction.opname == "STORE_GLOBAL" and before not in ("IMPORT_NAME", "IMPORT_FROM")
        ):
            return True
        before = instruction.opname
    return any(map(assigns_globals, _inner(code)))


def attributes_set(code: types.CodeType) -> set[str]:
    """The global names whose attributes a function assigns: ``f.calls = 1``."""
    found: set[str] = set()
    before = name = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_ATTR" and before in ("LOAD_GLOBAL", "LOAD_NAME"):
            found.add(name)
        before, name = instruction.opname, str(instruction.argval)
    return found.union(*map(attributes_set, _inner(code)))


# Classes that a `case` may name: they have stand-ins, or no BVar is one.
_MATCHABLE: Final = frozenset(
    {"float", "int", "complex", "str", "bool", "list", "tuple", "dict", "bytes", "set"}
)


def matches_classes(code: types.CodeType) -> bool:
    """Is there a ``case`` with a class that has no stand-in?"""
    return _matches(code) or any(map(matches_classes, _inner(code)))


def _matches(code: types.CodeType) -> bool:
    instructions = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    for at, instruction in enumerate(instructions):
        if instruction.opname == "MATCH_CLASS":
            loaded = instructions[at - 2]
            if loaded.opname != "LOAD_GLOBAL" or loaded.argval not in _MATCHABLE:
                return True
    return False


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, types.CodeType))


def names_of(code: types.CodeType) -> set[str]:
    """All global names that code may look up, in its inner functions too."""
    return set(code.co_names).union(*map(names_of, _inner(code)))
