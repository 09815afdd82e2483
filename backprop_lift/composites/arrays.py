"""Stand-ins for NumPy's constructors: they give buffers, so that BVars can be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from .._bvar import BVar, Named, has_bvar, record, rooted, unlifted, youngest
from .._bvar.collecting import collect_array
from .._bvar.meeting import note_cast
from ..errors import ConversionError
from .buffer import Buffer, contents_of, fresh
from .numbers import is_discrete
from .objects import ORIGINAL
from .standing_in import representative, stands_in
from .texts import refuse_printed, refuse_texts
from .world import World

__all__ = ["CONVERSIONS", "as_array", "collect_objects", "converted", "numbers_only"]


_IF_NEEDED: Final = 2  # of `numpy._CopyMode`


@stands_in(np.array)
def _array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: Any = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    array = as_array(object, dtype)
    copy = getattr(copy, "value", copy)  # NumPy's own name for it
    as_it_is = copy in (False, None, _IF_NEEDED)
    if array.__class__ is BVar:
        if ndmin > np.ndim(representative(array)):
            shape = np.shape(representative(array))
            array = array.reshape((1,) * (ndmin - len(shape)) + shape)
        elif as_it_is and array is contents_of(object):
            return object
        return array if as_it_is else Buffer(array.__copy__())
    made = np.array(array, dtype, copy=None if as_it_is else True, order=order, ndmin=ndmin)
    return object if made is contents_of(object) else fresh(made)


@stands_in(np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.asarray_chkfinite)
def _asarray(a: Any, dtype: Any = None, order: Any = None, **settings: Any) -> Any:
    if a.__class__ is Buffer and dtype is None:
        return a
    array = as_array(a, dtype)
    if a.__class__ is Buffer and array is a._contents():
        return a
    if array.__class__ is BVar:
        return array
    made = np.asarray(array, dtype)
    return made if made is a else fresh(made)


@stands_in(np.require)
def _require(a: Any, dtype: Any = None, requirements: Any = None, **settings: Any) -> Any:
    return _asarray(a, dtype)


def as_array(value: Any, dtype: Any) -> Any:
    """A value as the array that NumPy would make of it; a BVar where it holds one."""
    value = converted(contents_of(value))
    if value.__class__ is not BVar:
        if not has_bvar(value):
            refuse_texts(value)
            return value
        if isinstance(value, (list, tuple)) and not numbers_only(value):
            return value
        array = collect_array(value)
    else:
        array = value
    root = representative(array)
    if isinstance(root, (list, tuple)):
        array = collect_array(array)
        root = representative(array)
    if dtype is not None:
        target = np.dtype(dtype)
        if target.kind == "O":
            return array
        if is_discrete(target):
            note_cast(array, target)
            return np.asarray(root).astype(target)
        if root.dtype != target if hasattr(root, "dtype") else target.kind == "c":
            array = array.astype(dtype)
    if not isinstance(representative(array), np.ndarray):
        array = _zero_dimensional(array)
    return array


def converted(value: Any) -> Any:
    """What an object of a class with ``__array__`` says that its array is."""
    convert = getattr(type(value), "__array__", None)
    if convert is None or isinstance(value, (BVar, Buffer, np.ndarray, np.generic)):
        return value
    return contents_of(value.__array__()) if hasattr(type(value), ORIGINAL) else value


def numbers_only(value: Any) -> bool:
    """Are there nothing but numbers and arrays in nested lists?"""
    if isinstance(value, (list, tuple)):
        return all(map(numbers_only, value))
    return not isinstance(representative(value), (str, bytes, type(None), dict))


def _zero_dimensional(v: Any) -> Any:
    """A number as an array of no dimensions."""
    if v.__class__ is not BVar:
        return np.asarray(v)
    tape = youngest((v,))
    parents = ((v._bvar_at, v._bvar_space),)
    value = _zero_dimensional(v._bvar_value)
    return record(tape, value, lambda dzdy: (dzdy,), parents, Named("np.asarray"))


def collect_objects(array: Any) -> Any:
    """An array of objects among which are BVars, as a BVar; any other one as it is."""
    items = array.ravel()
    tape = youngest(items) if any(item.__class__ is BVar for item in items) else None
    if tape is None:
        return array
    on = [i for i, v in enumerate(items) if v.__class__ is BVar and v._bvar_space.tape is tape]
    plain = items.copy()
    for i in on:
        plain[i] = items[i]._bvar_value
    value = collect_objects(plain.reshape(array.shape))
    parents = tuple((items[i]._bvar_at, items[i]._bvar_space) for i in on)
    grads = lambda dzdy: [dzdy.reshape(-1)[i] for i in on]
    return record(tape, value, grads, parents, Named("an array of objects"))


# Filled arrays


def _constructor(original: Any) -> Any:
    @stands_in(original)
    def construct(*args: Any, **kwargs: Any) -> Any:
        args = tuple(map(contents_of, args))
        kwargs = {k: contents_of(v) for k, v in kwargs.items()}
        if has_bvar(args) or has_bvar(kwargs):
            return _constructed(original, args, kwargs)
        return fresh(original(*args, **kwargs))

    return construct


for _original in (np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.arange,
                  np.zeros_like, np.ones_like, np.empty_like, np.full_like):  # fmt: skip
    _constructor(_original)


def _constructed(original: Any, args: Any, kwargs: Any) -> Any:
    """A constructor with a BVar among its arguments."""
    if original is np.full or original is np.full_like:
        first, rest = args[0], args[2:]
        value = args[1] if len(args) > 1 else kwargs.pop("fill_value")
        if not has_bvar(value):
            return fresh(original(rooted(first), value, *rest, **kwargs))
        shape = representative(first) if original is np.full else np.shape(representative(first))
        return value * np.ones(kwargs.get("shape", shape))
    if original is np.arange:
        start, _, step = {1: (0, args[0], 1), 2: (*args, 1), 3: args}[len(args)]
        count = len(np.arange(*map(rooted, args)))
        return start + step * np.arange(float(count))
    return fresh(original(*map(rooted, args), **{k: rooted(v) for k, v in kwargs.items()}))


@stands_in(np.fromiter)
def _fromiter(iter: Any, dtype: Any = float, count: int = -1, **settings: Any) -> Any:
    items = list(iter)
    return _array(items if count < 0 else items[:count], dtype)


# Numbers of NumPy


def _as_float64(world: World, x: Any = 0.0, /) -> Any:
    x = contents_of(x)
    refuse_printed(x)
    if x.__class__ is not BVar:
        return np.float64(x)
    root = representative(x)
    if isinstance(root, (np.float64, np.ndarray)) and root.dtype == np.float64:
        return x
    return x * np.float64(1.0)


def _cast(cls: Any) -> Callable[..., Any]:
    def convert(world: World, x: Any = 0, /) -> Any:
        x = contents_of(x)
        refuse_printed(x)
        return (x * np.float64(1.0)).astype(cls) if x.__class__ is BVar else cls(x)

    return convert


def _rounded(cls: Any) -> Callable[..., Any]:
    def convert(world: World, x: Any = 0, /) -> Any:
        note_cast(contents_of(x), cls)
        return cls(representative(x))

    return convert


# What a call of a class of numbers does.
CONVERSIONS: Final[dict[Any, Callable[..., Any]]] = {
    np.float64: _as_float64,
    np.float32: _cast(np.float32),
    np.complex128: _cast(np.complex128),
    np.int32: _rounded(np.int32),
    np.int64: _rounded(np.int64),
    np.bool_: _rounded(np.bool_),
}


@stands_in(np.isscalar)
def _isscalar(element: Any) -> bool:
    return np.isscalar(representative(element))


@stands_in(np.iterable)
def _iterable(y: Any) -> bool:
    return np.iterable(representative(y))


# Iteration


@stands_in(np.ndenumerate)
def _ndenumerate(arr: Any) -> Iterator[tuple[Any, Any]]:
    array = _asarray(arr)
    return ((index, array[index]) for index in np.ndindex(np.shape(representative(array))))


@stands_in(np.nditer)
def _nditer(op: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(op, (list, tuple)) or kwargs.get("flags") or args or kwargs.get("op_flags"):
        if has_bvar(contents_of(op)):
            raise ConversionError(
                "numpy.nditer was given a BVar, which it would read the bytes of.",
                "Iterate over np.ndindex(np.shape(x)).",
            )
        return np.nditer(contents_of(op), *args, **kwargs)
    array = _asarray(op)
    return iter(array.reshape(-1))


class _Concatenator:
    """`np.r_` or `np.c_` on BVars."""

    def __init__(self, original: Any, columns: bool) -> None:
        self.original = original
        self.columns = columns

    def __getitem__(self, key: Any) -> Any:
        key = contents_of(key)
        if not has_bvar(key):
            return fresh(self.original[key])
        parts = [
            np.r_[part] if isinstance(part, slice) else as_array(part, None)
            for part in (key if isinstance(key, tuple) else (key,))
        ]
        if any(isinstance(part, str) for part in parts):
            raise unlifted(type(self.original))
        if self.columns:
            return np.column_stack(parts)
        return np.concatenate(
            [np.reshape(p, -1) if np.ndim(representative(p)) == 0 else p for p in parts]
        )


stands_in(np.r_)(_Concatenator(np.r_, columns=False))
stands_in(np.c_)(_Concatenator(np.c_, columns=True))
