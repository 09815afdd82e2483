"""Parts of values: the items of containers, and the attributes of records.

A record is an object that is its attributes and nothing else: a dataclass, an attrs class, an
object of a plain class. Numbers, arrays, strings and objects whose space is given have no parts.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import numbers
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

__all__ = [
    "WITHOUT_NUMBERS",
    "fields_of",
    "is_namedtuple",
    "is_record",
    "is_record_type",
    "make_opaque",
    "parts_of",
    "rebuilt",
]

# Values without numbers: their cotangent is None. Subclasses count, but for int's (bool, IntEnum).
WITHOUT_NUMBERS: Final = (
    bool,
    str,
    bytes,
    type(None),
    np.bool_,
    np.character,
    np.datetime64,
    np.timedelta64,
    enum.Enum,
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    slice,
    range,
    type(Ellipsis),
    np.dtype,
    np.ufunc,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    types.MappingProxyType,
    frozenset,
    set,
)

# Types that are taken as a whole.
_opaque: set[type] = {float, int, complex, fractions.Fraction, decimal.Decimal, np.ndarray}


def make_opaque(cls: type) -> None:
    """Take the values of a class as a whole from now on."""
    _opaque.add(cls)
    _record_types.clear()
    _divided.clear()


def is_namedtuple(cls: type) -> bool:
    """Is `cls` a tuple with named fields?"""
    return issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make")


def is_record_type(cls: type) -> bool:
    """Is `cls` a class of objects that are their attributes, and nothing else?"""
    return (
        (_is_by_statement(cls) or cls is types.SimpleNamespace)
        and cls not in _opaque
        and not issubclass(cls, (*WITHOUT_NUMBERS, numbers.Number, np.ndarray, np.generic))
        and not issubclass(cls, (BaseException, Iterator, list, tuple, Mapping))
        and not any(
            name in vars(base)
            for base in cls.__mro__
            for name in ("__array__", "__array_interface__", "__array_ufunc__")
        )
        and (dataclasses.is_dataclass(cls) or _has_attributes(cls))
    )


def _is_by_statement(cls: type) -> bool:
    """Is a class made by class statements alone? Compiled ones hide what their objects hold."""
    return cls.__flags__ & (1 << 9) != 0 and not any(
        isinstance(vars(base).get("__new__"), types.BuiltinFunctionType)
        for base in cls.__mro__[:-1]
    )


def _has_attributes(cls: type) -> bool:
    return cls.__dictoffset__ != 0 or any(_slots(cls))


def _slots(cls: type) -> Iterator[str]:
    for base in reversed(cls.__mro__):
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__", "_original_of_view"):
                yield f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") else slot


_record_types: dict[type, bool] = {}


def is_record(value: Any) -> bool:
    """Are the parts of `value` its attributes?"""
    cls = value.__class__
    known = _record_types.get(cls)
    if known is None:
        known = _record_types[cls] = is_record_type(cls)
    return known


def fields_of(record: Any) -> list[tuple[str, Any]]:
    """The attributes of a record, as (name, value)."""
    cls = record.__class__
    slots = _slot_names.get(cls)
    if slots is None:
        slots = _slot_names[cls] = tuple(_slots(cls))
    if not slots:
        return list(record.__dict__.items())
    found = dict(getattr(record, "__dict__", ()))
    for slot in slots:
        if slot not in found and hasattr(record, slot):
            found[slot] = getattr(record, slot)
    return list(found.items())


_slot_names: dict[type, tuple[str, ...]] = {}

_LEAVES: Final = frozenset({float, np.ndarray, type(None), int, complex, bool, str, np.float64})


def parts_of(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """The parts of a container as (key, part), or None for a value that has none.

    The key of a part is its index, key or attribute name.
    """
    cls = value.__class__
    if cls in _LEAVES:
        return None
    if cls is list or cls is tuple:
        return enumerate(value)
    try:
        divide = _divided[cls]
    except KeyError:
        divide = _divided[cls] = _how_divided(value)
    return None if divide is None else divide(value)


def _how_divided(value: Any) -> Callable[[Any], Iterable[tuple[Any, Any]]] | None:
    """What gives the parts of all values of a class."""
    cls = value.__class__
    if issubclass(cls, (list, tuple)):
        return enumerate
    if issubclass(cls, Mapping):
        return lambda mapping: mapping.items()
    return fields_of if cls not in _opaque and is_record(value) else None


# By class; asking anew is what parts_of would spend its time on.
_divided: dict[type, Callable[[Any], Iterable[tuple[Any, Any]]] | None] = {}


def rebuilt(value: Any, parts: Iterable[tuple[Any, Any]]) -> Any:
    """A container like `value` with other parts, made without calling `__init__`."""
    cls = value.__class__
    if cls is list:
        return [part for _, part in parts]
    if cls is tuple:
        return tuple([part for _, part in parts])
    if cls is dict:
        return dict(parts)
    if issubclass(cls, tuple):
        filled_tuple = tuple.__new__(cls, [part for _, part in parts])
        if hasattr(value, "__dict__"):
            vars(filled_tuple).update(vars(value))
        return filled_tuple
    if issubclass(cls, list):
        filled = cls.__new__(cls)
        list.extend(filled, [part for _, part in parts])
        return filled
    if issubclass(cls, Mapping):
        if issubclass(cls, dict):
            filled_dict: Any = cls.__new__(cls)
            if hasattr(value, "default_factory"):
                filled_dict.default_factory = value.default_factory
            put = OrderedDict if issubclass(cls, OrderedDict) else dict
            for key, part in parts:
                put.__setitem__(filled_dict, key, part)
            return filled_dict
        return dict(parts)
    record = cls.__new__(cls) if cls is types.SimpleNamespace else object.__new__(cls)
    for name, part in parts:
        object.__setattr__(record, name, part)
    return record


# Zero, add, one.
