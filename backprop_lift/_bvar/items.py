"""Items and parts of BVars, each read as one sparse node."""

from __future__ import annotations

import operator
from typing import Any, Final

import numpy as np

from .._tape import ITEM
from . import BVar, innermost, without_numbers
from .assignment import frozen_key, is_basic, plain_key
from .special import own_method
from .views import link

__all__ = ["all_parts_of", "item_of", "read_part"]


def item_of(v: Any, key: Any) -> Any:
    primal = v._bvar_space.primal
    if primal is not None and primal.__class__ not in _BUILT_IN:
        own = own_method(v, "__getitem__")
        if own is not None:
            return own(v, key)
    if key.__class__ is not int:
        key = plain_key(key)
    value = v._bvar_value
    part = value[key]
    root = innermost(value)
    if root.__class__ is np.ndarray:
        if key.__class__ is not int:
            key = frozen_key(key)
    elif isinstance(root, (list, tuple)) and not isinstance(key, slice):
        key = operator.index(key)
        if key < 0:
            key += len(root)
    return read_part(v, part, key, root)


_BUILT_IN: Final = frozenset({list, tuple, dict})


def read_part(v: BVar, part: Any, key: Any, root: Any) -> Any:
    """A BVar of a part of the value, with an ITEM node; a part without numbers stays plain."""
    cls = part.__class__
    is_array = cls is np.ndarray
    if is_array:
        if part.dtype.kind not in "fciuO":
            return part
    elif cls is not float and cls is not BVar and cls is not np.float64 and without_numbers(part):
        return part
    space = v._bvar_space
    tape = space.tape
    r = BVar()
    r._bvar_value = part
    r._bvar_space = tape.token(part)
    r._bvar_at = len(tape)
    tape.append((ITEM, v._bvar_at, key, space))
    if root.__class__ is np.ndarray and (is_array or cls is BVar) and _is_view(part, key):
        link(v, r, lambda array: array[key])
    return r


def all_parts_of(v: Any, value: Any) -> list[Any]:
    """The parts of a BVar of a list or tuple, each as `read_part` gives it."""
    space, at = v._bvar_space, v._bvar_at
    tape = space.tape
    parts = []
    for i, part in enumerate(value):
        cls = part.__class__
        if cls is float or (cls is np.ndarray and part.dtype.kind == "f"):
            r = BVar()
            r._bvar_value = part
            r._bvar_space = tape.token(part)
            r._bvar_at = len(tape)
            tape.append((ITEM, at, i, space))
            parts.append(r)
        else:
            parts.append(read_part(v, part, i, value))
    return parts


def _is_view(part: Any, key: Any) -> bool:
    if key.__class__ is int:
        return isinstance(innermost(part), np.ndarray)
    return is_basic(key) and isinstance(innermost(part), np.ndarray)
