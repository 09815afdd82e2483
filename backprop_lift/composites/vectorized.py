"""Stand-ins for what runs a Python function over arrays: `numpy.vectorize` and its like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar import BVar, has_bvar, unlifted
from .._bvar.collecting import collect_array
from .arrays import as_array
from .buffer import contents_of, fresh
from .standing_in import representative, stands_in
from .world import World

__all__ = ["vectorized"]


@stands_in(np.vectorize, world=True)
def _vectorize(world: World, pyfunc: Any = None, *args: Any, **kwargs: Any) -> Any:
    if pyfunc is None or pyfunc is np._NoValue:  # a decorator with settings
        return lambda function: _vectorize(world, function, *args, **kwargs)
    original = np.vectorize(world.original_of(pyfunc), *args, **kwargs)
    return vectorized(world.lifted_value(pyfunc), original)


def vectorized(function: Callable[..., Any], original: Any) -> Any:
    """`numpy.vectorize` of a lifted function: called item by item, collected into an array."""
    if original.signature is not None:

        def refused(*args: Any, **kwargs: Any) -> Any:
            args = tuple(map(contents_of, args))
            if has_bvar(args) or has_bvar(kwargs):
                raise unlifted(np.vectorize)
            return original(*args, **kwargs)

        return refused

    def over_arrays(*args: Any, **kwargs: Any) -> Any:
        args = tuple([_as_one(v) for v in args])
        kwargs = {k: _as_one(v) for k, v in kwargs.items()}
        excluded = original.excluded or ()
        spread = [v for i, v in enumerate(args) if i not in excluded]
        spread += [v for k, v in kwargs.items() if k not in excluded]
        if not has_bvar(args) and not has_bvar(kwargs):
            return fresh(original(*args, **kwargs))
        shape = np.broadcast_shapes(*(np.shape(representative(v)) for v in spread))
        positional = [v if i in excluded else _wide(v, shape) for i, v in enumerate(args)]
        named = {k: v if k in excluded else _wide(v, shape) for k, v in kwargs.items()}
        results = []
        for index in np.ndindex(shape):
            one = [v if i in excluded else _item(v, index) for i, v in enumerate(positional)]
            by_name = {k: v if k in excluded else _item(v, index) for k, v in named.items()}
            results.append(function(*one, **by_name))
        return _collected(results, shape, original.otypes or ())

    return over_arrays


@stands_in(np.frompyfunc, world=True)
def _frompyfunc(world: World, func: Any, /, nin: int, nout: int, **settings: Any) -> Any:
    original = np.frompyfunc(world.original_of(func), nin, nout, **settings)
    lifted = world.lifted_value(func)

    def elementwise(*args: Any, **kwargs: Any) -> Any:
        args = tuple([_as_one(v) for v in args])
        if not has_bvar(args):
            return original(*args, **kwargs)
        if kwargs:
            raise unlifted(np.frompyfunc)
        shape = np.broadcast_shapes(*(np.shape(representative(v)) for v in args))
        wide = [_wide(v, shape) for v in args]
        results = [lifted(*(_item(v, index) for v in wide)) for index in np.ndindex(shape)]
        return results[0] if not shape else _collected(results, shape, "O" * nout)

    return elementwise


def _as_one(value: Any) -> Any:
    value = contents_of(value)
    return as_array(value, None) if isinstance(value, (list, tuple)) else value


def _item(value: Any, index: Any) -> Any:
    return value[index] if np.ndim(representative(value)) else value


def _wide(value: Any, shape: Any) -> Any:
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if np.ndim(representative(value)) == 0 or np.shape(representative(value)) == shape:
        return value
    return value * np.ones(shape) if value.__class__ is BVar else np.broadcast_to(value, shape)


def _collected(results: list[Any], shape: Any, otypes: Any = ()) -> Any:
    """The results of all items as an array, or as a tuple of arrays where each is a tuple.

    As in NumPy, the first of them tells the type of all, where `otypes` does not.
    """
    if isinstance(results[0], tuple):
        columns = list(zip(*results, strict=True))
        types = [[otype] for otype in otypes] or [[]] * len(columns)
        return tuple(
            _collected(list(column), shape, each)
            for column, each in zip(columns, types, strict=True)
        )
    dtype = np.dtype(otypes[0]) if otypes else np.asarray(representative(results[0])).dtype
    if dtype.kind in "iub" or not has_bvar(results):
        return fresh(np.array(list(map(representative, results))).astype(dtype).reshape(shape))
    array = collect_array(results).reshape(shape)
    return array if dtype.kind == "O" else array.astype(dtype)
