"""Paths into values: which parts a step leads to.

A step is an attribute name, a key, an index or slice, a type or a predicate (which keep the value
that matches and lead nowhere from others), or ``...`` for every part. A path is a list of steps,
or one step by itself.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ._space import is_namedtuple, parts_of
from .errors import PathError

__all__ = ["ITSELF", "by_name", "keys_of", "steps_of"]

# Stands for the key of a value in itself, where a type or a predicate matches.
ITSELF: Final = object()


def steps_of(path: Any) -> list[Any]:
    """A path as the list of its steps."""
    return path if isinstance(path, list) else [path]


def by_name(value: Any, step: Any) -> bool:
    """Does a step lead to an attribute of `value`, and not to an item?"""
    return isinstance(step, str) and not isinstance(value, Mapping)


def keys_of(value: Any, step: Any, *, lenient: bool = False) -> Iterator[Any]:
    """The keys of the parts that a step leads to, or `ITSELF`.

    Parameters
    ----------
    value : object
        Plain.
    step : object
    lenient : bool, optional
        Let a step lead nowhere where the value has no such part, as types and predicates do.

    Raises
    ------
    PathError
        If the value has no such part.
    """
    if isinstance(step, (type, types.UnionType)):
        if isinstance(value, step):
            yield ITSELF
    elif callable(step):
        if _holds(step, value):
            yield ITSELF
    else:
        found = _each(value) if step is ... else _one(value, step)
        if found is not None:
            yield from found
        elif not lenient:
            raise _nowhere(value, step)


def _holds(predicate: Any, value: Any) -> bool:
    found = predicate(value)
    if getattr(found, "size", 1) != 1:
        raise PathError(
            f"A predicate of a path gave an array of shape {found.shape}, which is neither true "
            "nor false.",
            "Write .all() or .any() in the predicate, or give the mask itself as a step.",
            predicate=getattr(predicate, "__name__", predicate),
        )
    return bool(found)


def _each(value: Any) -> Iterable[Any] | None:
    parts = parts_of(value)
    if parts is not None:
        return [key for key, _ in parts]
    if isinstance(value, (str, bytes)):
        return None
    try:
        return range(len(value))
    except TypeError:
        return None


def _one(value: Any, step: Any) -> list[Any] | None:
    try:
        _ = getattr(value, step) if by_name(value, step) else value[step]
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    if isinstance(value, (list, tuple)) and isinstance(step, int) and step < 0:
        return [step + len(value)]
    if isinstance(step, str) and is_namedtuple(type(value)):
        fields = getattr(value, "_fields", ())
        return [fields.index(step)] if step in fields else [step]
    return [step]


def _nowhere(value: Any, step: Any) -> PathError:
    parts = parts_of(value)
    shape = getattr(value, "shape", None)
    has = ", ".join([repr(key) for key, _ in parts or ()][:12])
    if shape is not None:
        has = f"shape {shape}"
    kind = "attribute" if by_name(value, step) else "item"
    return PathError(
        f"A path leads to the {kind} {step!r} of {type(value).__name__}, which it does not have.",
        "Steps are attribute names, keys, indices, slices, types, predicates and ..., and a path "
        "of several is a list of them.",
        has=has or "no parts",
    )
