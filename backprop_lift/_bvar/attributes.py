"""Attributes of BVars: fields, and methods by their twins."""

from __future__ import annotations

import operator
import sys
from functools import cached_property
from types import MethodType
from typing import Any, Final

import numpy as np

from .._registry import registry
from .._space import is_record
from . import innermost, unlifted
from .items import item_of, read_part
from .views import viewed

__all__ = ["attribute_of", "found_in_class"]


def attribute_of(v: Any, name: str) -> Any:
    if name.startswith("_bvar_") or (name.startswith("__") and name.endswith("__")):
        raise AttributeError(name)
    root = innermost(v)
    cls: Any = type(root)
    if name in _OUTWARD and not is_record(root):
        if not hasattr(root, name) and _asked_by_composite():
            raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")
        return getattr(root if hasattr(root, name) else np.asarray(root), name)
    if cls is float or cls is int:
        own = getattr(float, name, None)
        cls = float if own is not None and registry.find(own) is not None else np.float64
    if isinstance(root, tuple) and hasattr(cls, "_fields") and name in cls._fields:
        return item_of(v, cls._fields.index(name))
    of_class: Any = found_in_class(cls, name)
    entry = None if of_class is None else registry.find(_function_of(of_class))
    if entry is not None:
        if hasattr(of_class, "__set__") or isinstance(of_class, property):
            if name in _VIEWS:
                read = np.real if name == "real" else operator.attrgetter(name)
                return viewed(read, entry.twin, (v,), {})
            return entry.twin(v)
        if name in _VIEWS and cls is np.ndarray:
            return lambda *args, **kwargs: viewed(of_class, entry.twin, (v, *args), kwargs)
        if isinstance(of_class, staticmethod):
            return entry.twin
        return MethodType(entry.twin, cls if isinstance(of_class, classmethod) else v)
    if is_record(root) and not isinstance(of_class, property):
        getattr(root, name)  # raises the AttributeError of the value's own class
        # a field: without a class attribute, with slots, or with a default in the class
        if not hasattr(of_class, "__get__") or type(of_class).__name__ in (
            "member_descriptor",
            "_tuplegetter",
        ):
            return read_part(v, getattr(v._bvar_value, name), name, root)
    if of_class is None:
        getattr(root, name)  # raises the AttributeError of the value's own class
        return read_part(v, getattr(v._bvar_value, name), name, root)
    if cls.__flags__ & (1 << 9):  # a class made by a class statement: run its own body on v
        getter = of_class.fget if isinstance(of_class, property) else None
        if getter is not None:
            return getter(v)
        if isinstance(of_class, staticmethod):
            return of_class.__func__
        if isinstance(of_class, classmethod):
            return MethodType(of_class.__func__, cls)
        if isinstance(of_class, cached_property):
            return of_class.func(v)
        if callable(of_class) and hasattr(of_class, "__get__"):
            return MethodType(of_class, v)
        if hasattr(of_class, "__get__") or name in getattr(root, "__dict__", ()):
            return read_part(v, getattr(v._bvar_value, name), name, root)
        return getattr(root, name)
    raise unlifted(of_class)


def _asked_by_composite() -> bool:
    """Is an attribute asked for by the body of a composite, which sees what its original would?"""
    return sys._getframe(3).f_globals.__class__ is not dict


# What an array is from outside, which nothing flows through.
_OUTWARD: Final = frozenset(
    {"shape", "ndim", "size", "dtype", "nbytes", "itemsize", "strides", "flags"}
)

# Attributes and methods of an array that may be views of it.
_VIEWS: Final = frozenset(
    {"T", "mT", "real", "imag", "reshape", "ravel", "transpose", "swapaxes", "squeeze", "diagonal",
     "view"}
)  # fmt: skip


def found_in_class(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _function_of(of_class: Any) -> Any:
    if isinstance(of_class, (staticmethod, classmethod)):
        return of_class.__func__
    return of_class.fget if isinstance(of_class, property) else of_class
