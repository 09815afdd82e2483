"""Classes and objects as rebound code sees them.

A class is a subclass of it with rebound methods. An object that was there before is a *view* of it:
an object of that subclass with the same attributes, so that what a method assigns is assigned.
"""

from __future__ import annotations

import abc
import enum
import functools
import threading
import types
import weakref
from typing import Any, Final

import numpy as np

from .._bvar import PLAIN_TYPES, BVar
from .._space import is_namedtuple
from .library import no_pool
from .metaclasses import STANDS_FOR, metaclass_of
from .modules import LEFT_ALONE, OURS, is_opaque, root_of
from .world import World

__all__ = ["ORIGINAL", "Classes", "by_class_statement", "original_of_view"]

# The slot in which a view keeps the object that it is a view of.
ORIGINAL: Final = "_original_of_view"

_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)
_NEVER: Final = (
    BaseException,
    enum.Enum,
    type,
    np.ndarray,
    np.generic,
    np.ufunc,
    float,
    int,
    complex,
    str,
)
_BY_CLASS_STATEMENT: Final = 1 << 9
_MUTABLE: Final = (list, dict, set)


def by_class_statement(cls: type) -> bool:
    """Was a class made by a class statement, not in C?"""
    return cls.__flags__ & _BY_CLASS_STATEMENT != 0


def _is_numpys(cls: type) -> bool:
    """Is a class one of NumPy's, other than its polynomials, which are plain Python?"""
    if cls is np.poly1d or cls.__module__.startswith("numpy.polynomial"):
        return False
    return root_of(cls) == "numpy"


class Classes:
    """The rebound classes of a world, and the views of its objects."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lifted: dict[type, Any] = {}
        self.ready: dict[type, Any] = {}
        self.in_the_making: set[int] = set()
        self.views: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def class_of(self, cls: type) -> Any:
        """A subclass of a class with rebound methods, or the class itself where there are none."""
        found = self.ready.get(cls)
        if found is None:
            with self.world.once:
                found = self.lifted.get(cls)
                if found is None:
                    found = self._lifted(cls)
                    self.world.once.show(self.ready, cls, found)
        return found

    def _lifted(self, cls: type) -> Any:
        self.lifted[cls] = cls
        root = root_of(cls)
        if (
            root in LEFT_ALONE | OURS
            or is_opaque(cls)
            or _is_numpys(cls)
            or issubclass(cls, _NEVER)
            or not by_class_statement(cls)
            or hasattr(cls, ORIGINAL)
        ):
            return cls
        if issubclass(cls, threading.Thread):
            return no_pool
        self.in_the_making.add(id(cls))
        try:
            made = self._made(cls)
        except Exception:  # a metaclass with rules of its own
            return cls
        finally:
            self.in_the_making.discard(id(cls))
        self.lifted[cls] = made
        self.world.stands_for(made, cls)
        return made

    def _made(self, cls: type) -> Any:
        members = self._members(cls)
        if not members:
            return cls
        members["__module__"], members["__qualname__"] = cls.__module__, cls.__qualname__
        members["__doc__"], members[STANDS_FOR] = cls.__doc__, cls
        if not issubclass(cls, (tuple, list, dict, set, frozenset)):
            members["__slots__"] = (ORIGINAL,) if _has_weakrefs(cls) else (ORIGINAL, "__weakref__")
            members["__getattribute__"] = self._reader(cls)
            if not cls.__dictoffset__:
                members["__setattr__"] = _writer(cls)
            if cls.__eq__ is object.__eq__ and cls.__hash__ is object.__hash__:
                members["__eq__"], members["__hash__"] = _same, _hash
        elif "__slots__" in vars(cls):
            members["__slots__"] = ()
        return _subclass(cls, self._metaclass(type(cls)), members)

    def _members(self, cls: type) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            root = root_of(base)
            if root in LEFT_ALONE or _is_numpys(base):
                continue
            for name, member in vars(base).items():
                lifted = self._member(name, member)
                if lifted is not None:
                    members[name] = lifted
                else:
                    members.pop(name, None)
        return members

    def _member(self, name: str, member: Any) -> Any:
        lift = self.world.lifted_value
        if isinstance(member, types.FunctionType):
            return lift(member)
        if isinstance(member, (staticmethod, classmethod)):
            inner = member.__func__
            return type(member)(lift(inner)) if isinstance(inner, types.FunctionType) else None
        if isinstance(member, property):
            fget, fset, fdel = (f and lift(f) for f in (member.fget, member.fset, member.fdel))
            return property(fget, fset, fdel, member.__doc__)
        if isinstance(member, functools.cached_property):
            made: Any = functools.cached_property(lift(member.func))
            made.__set_name__(None, name)
            return made
        if isinstance(member, functools._lru_cache_wrapper):
            return lift(member)
        if isinstance(member, functools.partialmethod):
            return functools.partialmethod(lift(member.func), *member.args, **member.keywords)
        if isinstance(member, functools.singledispatchmethod):
            return self.world.dispatching_method(member)
        if hasattr(type(member), "__get__") and by_class_statement(type(member)):
            view = self.view_of(member)
            return None if view is member else view
        return None

    def _reader(self, cls: type) -> Any:
        """Attribute access that rebinds what it finds."""
        read: Any = cls.__getattribute__
        enter = self.world.entering

        def __getattribute__(self: Any, name: str) -> Any:  # noqa: N807 - put into a class
            value = read(self, name)
            kind = value.__class__
            if kind in _PLAIN_TYPES or kind is BVar or (name[:2] == "__" and name[-2:] == "__"):
                return value
            if kind is types.MethodType and value.__self__ is self:
                return value
            return enter(value)

        return __getattribute__

    def _metaclass(self, meta: Any) -> Any:
        """The class of rebound classes."""
        known = self.lifted.get(meta)
        if known is not None:
            return known
        made = metaclass_of(meta, self.world, _enters)
        self.lifted[meta] = made
        return made

    # Objects

    def view_of(self, value: Any) -> Any:
        """An object of a Python class with rebound methods; other values as they are."""
        cls = value.__class__
        lifted = self.class_of(cls)
        if lifted is cls or not isinstance(lifted, type):
            if hasattr(cls, ORIGINAL):
                self.world.state.lend(value)
            return value
        if issubclass(cls, tuple):
            entered = map(self.world.entering, value)
            return tuple.__new__(lifted, entered) if is_namedtuple(cls) else value
        known = self.views.get(id(value))
        if known is not None and original_of_view(known) is value:
            self.world.state.lend(value)
            return known
        if not hasattr(lifted, ORIGINAL):
            return value
        try:
            view: Any = object.__new__(lifted)
        except TypeError:  # made by a class of C
            return value
        if hasattr(value, "__dict__"):
            object.__setattr__(view, "__dict__", value.__dict__)
        _copy_slots(value, view)
        object.__setattr__(view, ORIGINAL, value)
        self.views[id(value)] = view
        self.world.state.lend(value)
        return view

    def as_outside(self, value: Any) -> Any:
        """An object that rebound code has made, as one of the class that it knows."""
        cls = self.world.original_of(type(value))
        if cls is type(value) or self.lifted.get(cls) is not type(value):
            return value
        if not hasattr(value, "__dict__"):
            return value
        plain = object.__new__(cls)
        object.__setattr__(plain, "__dict__", value.__dict__)
        _copy_slots(value, plain)
        object.__setattr__(value, ORIGINAL, plain)
        self.views[id(plain)] = value
        return plain


def _enters(value: Any) -> bool:
    """Does an attribute of a class come in as a value from outside does?"""
    kind = value.__class__
    return kind in _MUTABLE or (by_class_statement(kind) and not isinstance(value, type))


def original_of_view(value: Any) -> Any:
    """The object that a value is a view of, or the value itself."""
    try:
        return object.__getattribute__(value, ORIGINAL)
    except AttributeError:
        return value


def _same(self: Any, other: Any) -> Any:
    return True if original_of_view(self) is original_of_view(other) else NotImplemented


def _hash(self: Any) -> int:
    return object.__hash__(original_of_view(self))


def _writer(cls: type) -> Any:
    """Assignment of attributes in slots, to the view and to its original."""
    write: Any = cls.__setattr__

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807 - put into a class
        write(self, name, value)
        original = original_of_view(self)
        if original is not self:
            write(original, name, value)

    return __setattr__


def _copy_slots(value: Any, view: Any) -> None:
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__", ORIGINAL):
                continue
            name = f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") else slot
            if hasattr(value, name):
                object.__setattr__(view, name, getattr(value, name))


def _has_weakrefs(cls: type) -> bool:
    return cls.__weakrefoffset__ != 0


def _subclass(cls: type, meta: Any, members: dict[str, Any]) -> Any:
    """A subclass that nobody hears of: hooks for new classes are the package's own business."""
    if type(cls) not in (type, abc.ABCMeta) or any(
        "__init_subclass__" in vars(base) for base in cls.__mro__[:-1]
    ):
        raise_if_hooked = _quiet(cls, meta, members)
        return raise_if_hooked
    return meta(cls.__name__, (cls,), members)


def _quiet(cls: type, meta: Any, members: dict[str, Any]) -> Any:
    members = {**members, "__init_subclass__": classmethod(lambda cls, **kwargs: None)}
    made = type.__new__(meta, cls.__name__, (_Nothing,), members)
    made.__bases__ = (cls,)
    return made


class _Nothing:
    """A base until the real one is put in its place."""
