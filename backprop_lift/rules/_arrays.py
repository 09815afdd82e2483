"""What the rules of functions of arrays have in common.

Written in lifted functions throughout, so that gradients of gradients pass through it.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._bvar import BVar, has_bvar, value_of
from .._bvar.collecting import collect_array
from .._registry import Entry, dotted_name, registry
from ..composites.numbers import is_discrete
from ..errors import ConversionError

__all__ = [
    "Samples",
    "array_of",
    "by_hand",
    "calls",
    "cast_to",
    "is_discrete",
    "named",
    "numbered",
    "plain",
    "refuse_out",
    "reshaped",
    "rows_of",
    "scattered",
    "shape_of",
    "with_cast",
]

Function = TypeVar("Function", bound=Callable[..., Any])
Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]


def plain(x: Any) -> Any:
    """Return the value under all levels of BVars."""
    while x.__class__ is BVar:
        x = value_of(x)
    return x


def array_of(x: Any) -> Any:
    """Return nested sequences, of BVars or not, as one array; a number or array as it is."""
    if x.__class__ is BVar or (isinstance(x, (list, tuple)) and has_bvar(x)):
        return collect_array(x)
    return np.asanyarray(x)


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a number or array, or of the one that nested sequences make."""
    if x.__class__ is np.ndarray:
        return x.shape  # type: ignore[no-any-return]
    return np.shape(array_of(x) if isinstance(x, (list, tuple)) else x)


def cast_to(a: Any, dtype: Any) -> Any:
    """What a function of this dtype sees of `a`: of complex numbers the real parts, if it is real."""
    drops = dtype is not None and np.dtype(dtype).kind == "f" and np.iscomplexobj(a)
    return np.real(a) if drops else a


def numbered(a: Any) -> Any:
    """Return the flat index of each element, in the shape of `a`."""
    shape = shape_of(a)
    return np.arange(math.prod(shape)).reshape(shape)


def scattered(dzdy: Any, index: Any, a: Any) -> Any:
    """Return, in the shape of `a`, the sum of what `dzdy` holds for each flat index."""
    index, dzdy = np.ravel(index), np.ravel(dzdy)
    if np.iscomplexobj(dzdy):
        total = _counted(dzdy.real, index, a) + 1j * _counted(dzdy.imag, index, a)
    else:
        total = _counted(dzdy, index, a)
    return np.reshape(total, shape_of(a))


def _counted(weights: Any, index: Any, a: Any) -> Any:
    return np.bincount(index, weights, minlength=math.prod(shape_of(a)))


def rows_of(a: Any, axis: Any) -> Any:
    """Return `a` as a matrix: the axes named become its columns, all others its rows."""
    a = array_of(a)
    if axis is None:
        return np.reshape(a, (1, -1))
    shape = np.shape(a)
    axes = normalize_axis_tuple(axis, len(shape))
    columns = math.prod(shape[i] for i in axes)
    rows = math.prod(n for i, n in enumerate(shape) if i not in axes)
    return np.reshape(np.moveaxis(a, axes, range(-len(axes), 0)), (rows, columns))


def by_hand(original: Any, samples: Any = None) -> Callable[[Function], Function]:
    """Register the decorated function as the twin of `original`, for calls with a BVar.

    A call without one goes to the original, so that its values are exactly the original's.
    """

    def register(function: Function) -> Function:
        @functools.wraps(original)
        def twin(*args: Any, **kwargs: Any) -> Any:
            if has_bvar(args) or has_bvar(kwargs):
                return function(*args, **kwargs)
            return original(*args, **kwargs)

        code = function.__code__
        where = f"{code.co_filename}:{code.co_firstlineno}"
        entry = Entry(original, "twin", dotted_name(original), where, samples=samples)
        entry.make_twin = lambda: twin
        registry.add(entry)
        return function

    return register


def calls(
    *settings: tuple[Any, ...],
    shape: tuple[int, ...] = (2, 3, 4),
    complex: bool = True,
    nans: bool = False,
) -> Samples:
    """Samples of a function of one array: what follows the array in each call.

    The second call is the first one for complex numbers, if these are allowed.
    """

    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        a = rng.normal(size=shape)
        if nans:
            a[0, 1, 2] = a[1, 0, 0] = a[1, 2, 3] = np.nan
        found = [(a, *rest) for rest in settings]
        return [found[0], (a * (1 - 0.5j), *settings[0]), *found[1:]] if complex else found

    return draw


def named(original: Any, *names: str) -> tuple[str, ...]:
    """Which of these parameters the installed version of a function has."""
    return tuple(name for name in names if name in inspect.signature(original).parameters)


def reshaped(dzdy: Any, a: Any) -> Any:
    """Return `dzdy` in the shape of `a`."""
    return np.reshape(dzdy, shape_of(a))


def refuse_out(original: Any, out: Any) -> None:
    """Raise where a result that may hold BVars is to be written into an array."""
    if out is not None:
        raise ConversionError(
            f"{dotted_name(original)} was given a BVar, and out= to write its result into.",
            "Leave out= away and use the result.",
        )


def with_cast(draw: Samples) -> Samples:
    """Samples, and a call in which ``dtype=`` drops the imaginary parts of complex numbers."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        z = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
        return [*draw(rng), (z, {"axis": 1, "dtype": float})]

    return samples
