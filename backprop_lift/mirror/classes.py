"""Mirrored classes: subclasses of their originals, made when they are first asked for."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

from .._bvar import has_bvar
from .._lift import refusing
from .._rebind import composite_of
from ..errors import NoGradientError
from .installed import still_holds
from .members import members_of
from .registered import checked_only, mirrors

__all__ = ["classes", "refusing_class"]

_made: Final[dict[tuple[str, type], type]] = {}


def classes(
    module: str, **given: tuple[type, str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a module that makes its classes late.

    Parameters
    ----------
    module : str
        Its name.
    **given : tuple
        Of each class the original, the parameters of its constructor whose gradients were checked,
        and the methods whose gradients were.
    """

    def getattr_(name: str) -> Any:
        if name not in given:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        original, differentiable, methods = given[name]
        made = _mirrored_class(module, original, differentiable, methods.split())
        setattr(sys.modules[module], name, made)
        return made

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[module]), *given})

    return getattr_, dir_


def _mirrored_class(module: str, original: type, differentiable: str, methods: list[str]) -> type:
    """A class whose objects may be made of BVars, and whose checked methods take them."""
    key = module.partition(".")[0], original
    known = _made.get(key)
    if known is not None:
        return known
    still_holds(original)
    lifted = composite_of(original, mirrors)
    members = {
        name: _member(original, lifted, name, checked=name in methods)
        for name in members_of(original)
    }
    members["__init__"] = _constructor(original, lifted, differentiable)
    made = _subclass(lifted, original, module, members)
    _made[key] = made
    return made


def _subclass(base: type, original: type, module: str, members: dict[str, Any]) -> type:
    names = {
        "__module__": module,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
        **members,
    }
    if "__slots__" in vars(original):
        names["__slots__"] = ()
    return type(base)(original.__name__, (base,), names)


def _constructor(original: Any, lifted: Any, differentiable: str) -> Any:
    plainly, on_bvars = original.__init__, lifted.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if has_bvar(args) or has_bvar(kwargs):
            args, kwargs = checked_only(original, differentiable, args, kwargs)
            on_bvars(self, *args, **kwargs)
        else:
            plainly(self, *args, **kwargs)

    return _named(__init__, plainly)


def _member(original: type, lifted: type, name: str, *, checked: bool) -> Any:
    """A method or property that leaves plain objects to the original's."""
    plain = inspect.getattr_static(original, name)
    rebound = inspect.getattr_static(lifted, name)
    if isinstance(plain, property):
        read = _method(plain.fget, rebound.fget, original, name, checked=checked)
        return property(read, rebound.fset, rebound.fdel, plain.__doc__)
    return _method(plain, rebound, original, name, checked=checked)


def _method(plainly: Any, rebound: Any, original: type, name: str, *, checked: bool) -> Any:
    if not checked:
        full = f"{original.__module__}.{original.__qualname__}.{name}"
        rebound = refusing(plainly, full, f"{original.__name__}.{name} was not checked")

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if has_bvar(self) or has_bvar(args) or has_bvar(kwargs):
            return rebound(self, *args, **kwargs)
        return plainly(self, *args, **kwargs)

    return _named(method, plainly)


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

    docs = f"not differentiable: {reason}\n\n{inspect.getdoc(original) or ''}".rstrip()
    members = {
        "__init__": _named(__init__, inner),
        "__doc__": docs,
        "__not_differentiable__": reason,
    }
    try:
        return _subclass(original, original, home, members)
    except Exception:  # it has rules of its own for subclasses
        return original
