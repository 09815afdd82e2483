"""Paths into values: which parts a step leads to.

A step is an attribute name, a key, an index or slice, a type or a predicate (which keep the value
that matches and lead nowhere from others), or ``...`` for every part. A path is a list of steps,
or one step by itself.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from ._space import is_namedtuple, parts_of
from .errors import PathError

__all__ = ["by_name", "keys_of", "steps_of"]


def steps_of(path: Any) -> list[Any]:
    """A path as the list of its steps."""
    return path if isinstance(path, list) else [path]


def by_name(value: Any, step: Any) -> bool:
    """Does a step lead to an attribute of `value`, and not to an item?"""
    return isinstance(step, str) and not isinstance(value, Mapping)


def keys_of(value: Any, step: Any) -> Iterator[Any]:
    """The keys of the parts that a step leads to; `None` stands for the value itself.

    Parameters
    ----------
    value : object
        Plain.
    step : object

    Raises
    ------
    PathError
        If the value has no such part. Types and predicates lead nowhere instead.
    """
    if isinstance(step, (type, types.UnionType)):
        if isinstance(value, step):
            yield None
    elif step is ...:
        parts = parts_of(value)
        if parts is not None:
            yield from [key for key, _ in parts]
        else:
            yield from range(_length(value, step))
    elif callable(step):
        if step(value):
            yield None
    else:
        try:
            _ = getattr(value, step) if by_name(value, step) else value[step]
        except (AttributeError, LookupError, TypeError, ValueError):
            raise _nowhere(value, step) from None
        if isinstance(value, (list, tuple)) and isinstance(step, int) and step < 0:
            step += len(value)
        fields = getattr(type(value), "_fields", ()) if is_namedtuple(type(value)) else ()
        yield fields.index(step) if step in fields else step


def _length(value: Any, step: Any) -> int:
    try:
        return len(value)
    except TypeError:
        raise _nowhere(value, step) from None


def _nowhere(value: Any, step: Any) -> PathError:
    parts = parts_of(value)
    shape = getattr(value, "shape", None)
    has = f"shape {shape}" if parts is None else ", ".join([repr(key) for key, _ in parts][:12])
    kind = "attribute" if by_name(value, step) else "item"
    return PathError(
        f"A path leads to the {kind} {step!r} of {type(value).__name__}, which it does not have.",
        "Steps are attribute names, keys, indices, slices, types, predicates and ..., and a path "
        "of several is a list of them.",
        has=has or "no parts",
    )
