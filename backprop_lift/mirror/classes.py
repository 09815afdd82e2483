"""Mirrored classes: subclasses of their originals, made when they are first asked for."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

from .._bvar import PLAIN_TYPES, BVar, has_bvar
from .._lift.refusal import refusing
from .._rebind import composite_of
from ..errors import NoGradientError
from .installed import still_holds
from .members import members_of
from .registered import checked_only, mirrors, refusal_docs

__all__ = ["on_demand", "refusing_class"]

_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)

_made: Final[dict[tuple[str, type], type]] = {}


def on_demand(module: str, **given: Any) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a module, for names that it does not hold.

    Parameters
    ----------
    module : str
        Its name.
    **given
        Of each class the original, the parameters of its constructor whose gradients were checked,
        the methods whose gradients were, and the reasons for the others: it is made when it is
        first asked for. Of each setting that functions of the package change the module of the
        original: it is read there.
    """

    def getattr_(name: str) -> Any:
        if name not in given:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        if not isinstance(given[name], tuple):
            return getattr(given[name], name)
        original, differentiable, methods, *rest = given[name]
        reasons = rest[0] if rest else {}
        made = _mirrored_class(module, original, differentiable, methods.split(), reasons)
        setattr(sys.modules[module], name, made)
        return made

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[module]), *given})

    return getattr_, dir_


def _mirrored_class(
    module: str, original: type, differentiable: str, methods: list[str], reasons: dict[str, str]
) -> type:
    """A class whose objects may be made of BVars, and whose checked methods take them."""
    key = module.partition(".")[0], original
    known = _made.get(key)
    if known is not None:
        return known
    try:
        still_holds(original)
    except NoGradientError as error:
        refused: type = refusing_class(original, error.sentence, module)
        _made[key] = refused
        return refused
    lifted = composite_of(original, mirrors)
    members = {
        name: _member(original, lifted, f"{module}.{original.__name__}", name, reason)
        for name, reason in _with_reasons(original, methods, reasons).items()
    }
    members["__init__"] = _constructor(original, lifted, differentiable)
    made = _subclass(original, module, members)
    _made[key] = made
    return made


def _with_reasons(original: type, methods: list[str], reasons: dict[str, str]) -> dict[str, str]:
    """The members of a class with the reasons why they refuse; empty for those that do not."""
    return {
        name: "" if name in methods else reasons.get(name, "it was not checked")
        for name in members_of(original)
    }


def _subclass(original: type, module: str, members: dict[str, Any]) -> type:
    names = {
        "__module__": module,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
        "__mirrors__": original,
        **members,
    }
    if "__slots__" in vars(original):
        names["__slots__"] = ()
    made: type = _kind_of(type(original))(original.__name__, (original,), names)
    return made


@functools.cache
def _kind_of(kind: Any) -> Any:
    """A metaclass whose classes count the objects of their originals as their own.

    Functions of the package that are called with plain values give objects of the original class.
    """

    class Mirrored(kind):  # type: ignore[misc]
        def __instancecheck__(self, thing: Any) -> bool:
            original = vars(self).get("__mirrors__")
            return original in type(thing).__mro__ or bool(super().__instancecheck__(thing))

        def __subclasscheck__(self, other: type) -> bool:
            original = vars(self).get("__mirrors__")
            return original in other.__mro__ or bool(super().__subclasscheck__(other))

    Mirrored.__name__ = Mirrored.__qualname__ = kind.__name__
    return Mirrored


def _constructor(original: Any, lifted: Any, differentiable: str) -> Any:
    plainly, on_bvars = original.__init__, lifted.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if _holds_bvar(args) or (kwargs and has_bvar(kwargs)):
            args, kwargs = checked_only(original, differentiable, args, kwargs)
            on_bvars(self, *args, **kwargs)
        else:
            plainly(self, *args, **kwargs)

    return _named(__init__, plainly)


def _member(original: type, lifted: type, home: str, name: str, reason: str) -> Any:
    """A method or property that leaves plain objects to the original's."""
    plain = inspect.getattr_static(original, name)
    rebound = inspect.getattr_static(lifted, name)
    if isinstance(plain, property):
        read = _method(plain.fget, rebound.fget, f"{home}.{name}", reason)
        return property(read, rebound.fset, rebound.fdel, read.__doc__)
    if isinstance(plain, (staticmethod, classmethod)):
        return type(plain)(_method(plain.__func__, rebound.__func__, f"{home}.{name}", reason))
    return _method(plain, rebound, f"{home}.{name}", reason)


def _method(plainly: Any, rebound: Any, full: str, reason: str) -> Any:
    if reason:
        rebound = refusing(plainly, full, reason)

    def method(*args: Any, **kwargs: Any) -> Any:
        if _holds_bvar(args) or (kwargs and has_bvar(kwargs)):
            return rebound(*args, **kwargs)
        return plainly(*args, **kwargs)

    _named(method, plainly)
    if reason:
        method.__doc__ = refusal_docs(reason, plainly)
        method.__not_differentiable__ = reason  # type: ignore[attr-defined]
    return method


def _holds_bvar(args: tuple[Any, ...]) -> bool:
    """Is there a BVar among arguments? Quick to say no of numbers, and of objects of numbers."""
    for value in args:
        cls = value.__class__
        if cls in _PLAIN_TYPES:
            continue
        if cls is BVar:
            return True
        quick = _is_of_attributes(cls)
        if quick and _PLAIN_TYPES.issuperset(map(type, value.__dict__.values())):
            continue
        if has_bvar(value):
            return True
    return False


@functools.cache
def _is_of_attributes(cls: type) -> bool:
    """Do objects of a class hold nothing but what is in their ``__dict__``?"""
    if not cls.__dictoffset__ or issubclass(cls, (list, tuple, dict, set, frozenset)):
        return False
    return not any(base.__dict__.get("__slots__") for base in cls.__mro__)


def _named(method: Any, like: Any) -> Any:
    for attribute in ("__name__", "__qualname__", "__doc__"):
        setattr(method, attribute, getattr(like, attribute, None) or getattr(method, attribute))
    method.__wrapped__ = like
    return method


def refusing_class(original: Any, reason: str, home: str) -> Any:
    """A subclass that cannot be made from BVars; the class itself where it cannot be subclassed."""
    inner = original.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if has_bvar(args) or has_bvar(kwargs):
            raise NoGradientError(
                f"{original.__qualname__} was given a BVar, and is not differentiable.",
                "Make it from plain values: value_of(v).",
                why=reason,
            )
        inner(self, *args, **kwargs)

    members = {
        "__init__": _named(__init__, inner),
        "__doc__": refusal_docs(reason, original),
        "__not_differentiable__": reason,
    }
    try:
        return _subclass(original, home, members)
    except Exception:  # it has rules of its own for subclasses
        return original
