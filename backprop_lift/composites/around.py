"""Functions between rebound code and others: twins by rules, and what refuses BVars."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._bvar import PLAIN_TYPES, BVar, has_bvar, unlifted
from .._bvar.attributes import found_in_class
from .._bvar.collecting import collect_array
from .._lift import lifted
from .._lift.signature import dressed
from .._registry import Registry
from ..errors import ConversionError
from .arrays import converted, numbers_only
from .buffer import Buffer, call, call_ufunc, contents_of, fresh
from .modules import PASSING, is_opaque, root_of
from .objects import ORIGINAL
from .standing_in import representative
from .world import World

__all__ = ["GuardedClass", "around", "guarded", "scattering"]


# What stands for nothing else, or stays what it is: a solver's twin calls a rebound function on
# BVars.
_PASSED: Final = (frozenset(PLAIN_TYPES) - {type}) | {
    BVar, Buffer, list, tuple, types.FunctionType
}  # fmt: skip


def around(world: World, original: Any, twin: Any) -> Any:
    """A twin that takes buffers, and gives them.

    Parameters
    ----------
    world : World
    original, twin : callable
    """

    def entered(*args: Any, **kwargs: Any) -> Any:
        if is_ufunc and (kwargs or len(args) > original.nin):
            if len(args) > original.nin:
                kwargs["out"] = args[original.nin :]
            return call_ufunc(original, args[: original.nin], kwargs)
        if takes_arrays:
            args = tuple(map(_arrayed, args))
        elif takes_numbers:
            args = tuple(map(_number, args))
        if not _PASSED.issuperset(map(type, args)):
            args = tuple([x if _stays(x) else world.original_of(x) for x in args])
        return call(twin, *args, **kwargs)

    is_ufunc = isinstance(original, np.ufunc)
    takes_numbers = getattr(original, "__module__", None) in ("math", "cmath")
    takes_arrays = original is not np.block and (
        getattr(original, "__module__", None) or ""
    ).startswith("numpy")
    made = dressed(entered, original)
    if is_ufunc:
        for name in ("reduce", "accumulate", "outer", "reduceat"):
            setattr(made, name, functools.partial(call, getattr(original, name)))
        for name in ("nin", "nout", "nargs"):
            setattr(made, name, getattr(original, name))
        made.at = scattering(original)
    return made


def _stays(value: Any) -> bool:
    return value.__class__ in _PASSED


def _arrayed(value: Any) -> Any:
    """What NumPy would make an array of, as that array: lists of BVars, and objects that tell."""
    if value.__class__ is not list and value.__class__ is not tuple:
        return value if value.__class__ in _PASSED else converted(value)
    value = contents_of(value)
    if not has_bvar(value) or not numbers_only(value):
        return value
    try:
        return collect_array(value)
    except ValueError:  # a sequence of arrays of different shapes
        return value


def _number(value: Any) -> Any:
    """The number that an object of a Python class converts itself to."""
    if not hasattr(type(value), ORIGINAL):
        return value
    return value.__float__() if hasattr(value, "__float__") else value


_own: Final = Registry()


def _scattered(part: Any, index: Any, shape: Any) -> Any:
    total = np.zeros(shape, np.result_type(part))
    np.add.at(total, index, part)
    return total


lifted(grad={"part": lambda dzdy, index: dzdy[index]}, ignores=("shape",), complex=True, into=_own)(
    _scattered
)


def scattering(ufunc: Any) -> Callable[..., None]:
    """``ufunc.at`` of a ufunc, on buffers too."""

    def at(a: Any, indices: Any, *b: Any) -> None:
        indices, b = contents_of(indices), tuple(map(contents_of, b))
        if not has_bvar(b) and not has_bvar(contents_of(a)):
            ufunc.at(a._share() if a.__class__ is Buffer else a, indices, *b)
            return
        if ufunc not in (np.add, np.subtract):
            raise unlifted(ufunc.at)
        if a.__class__ is not Buffer and a.__class__ is not BVar:
            raise ConversionError(
                f"numpy.{ufunc.__name__}.at cannot write a BVar into a plain array: its gradient "
                "would be lost.",
                "Make the array in the function.",
            )
        shape = np.shape(representative(a))
        wanted = np.shape(np.empty(shape)[indices])
        part = b[0] * np.ones(wanted) if np.shape(representative(b[0])) != wanted else b[0]
        by = _own[_scattered].twin(part, indices, shape)
        a[...] = contents_of(a) + by if ufunc is np.add else contents_of(a) - by

    return at


class GuardedClass:
    """A class whose objects would hide BVars: its attributes as they are, its calls guarded."""

    def __init__(self, cls: type, construct: Any) -> None:
        self.cls = cls
        self.construct = construct

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make an object of plain values."""
        return self.construct(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cls, name)

    def __or__(self, other: Any) -> Any:
        return self.cls | getattr(other, "cls", other)


def guarded(world: World, value: Any, error: Callable[[], Exception] | None = None) -> Any:
    """A function that refuses BVars before it could mishandle them; others as they are.

    Parameters
    ----------
    world : World
    value : callable
        Compiled, or of an opaque package.
    error : callable, optional
        Makes what is raised; by default that it is not lifted.
    """
    if error is None and _passes(value):
        return value

    def guard(*args: Any, **kwargs: Any) -> Any:
        args = tuple(map(contents_of, args))
        kwargs = {k: contents_of(v) for k, v in kwargs.items()}
        if has_bvar(args) or has_bvar(kwargs):
            raise unlifted(value) if error is None else error()
        plain = {k: world.original_of(v) for k, v in kwargs.items()}
        return fresh(value(*map(world.original_of, args), **plain))

    world.originals[id(guard)] = (guard, value)
    return GuardedClass(value, guard) if isinstance(value, type) else dressed(guard, value)


def _passes(value: Any) -> bool:
    if root_of(value) in PASSING or (isinstance(value, type) and not is_opaque(value)):
        return True
    if isinstance(value, np.ufunc):
        return True
    if isinstance(value, (types.BuiltinFunctionType, types.MethodDescriptorType)):
        owner = getattr(value, "__self__", None)
        return owner is not None and not isinstance(owner, types.ModuleType)
    # an object of a Python class: its method runs on BVars as it is
    return not isinstance(value, types.WrapperDescriptorType) and isinstance(
        found_in_class(type(value), "__call__"), types.FunctionType
    )
