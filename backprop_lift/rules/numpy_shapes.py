"""Rules of functions that arrange elements: reshape, transpose, join, split, repeat, pick, pad.

The scaled gradient of a rearrangement is the inverse rearrangement. Where elements are picked,
perhaps more than once, the same function picks from their numbers instead, which tells where each
came from, and cotangents are summed there.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar import BVar, collect_array, has_bvar, value_of
from .._lift import lifted, locally_constant
from .._space import ZERO
from ..errors import ConversionError

__all__ = ["array_of", "by_hand", "is_discrete", "numbered", "plain", "rows_of", "scattered"]

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]


# What these rules and those of reductions have in common


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


def is_discrete(dtype: Any) -> bool:
    """Is a result of this dtype locally constant? None stands for a dtype that is kept."""
    return dtype is not None and np.dtype(dtype).kind not in "fc"


def numbered(a: Any) -> Any:
    """Return the flat index of each element, in the shape of `a`."""
    return np.arange(np.size(a)).reshape(np.shape(a))


def scattered(dzdy: Any, index: Any, a: Any) -> Any:
    """Return, in the shape of `a`, the sum of what `dzdy` holds for each flat index."""
    index, dzdy = np.ravel(index), np.ravel(dzdy)
    if np.iscomplexobj(dzdy):
        total = _counted(dzdy.real, index, a) + 1j * _counted(dzdy.imag, index, a)
    else:
        total = _counted(dzdy, index, a)
    return np.reshape(total, np.shape(a))


def _counted(weights: Any, index: Any, a: Any) -> Any:
    return np.bincount(index, weights, minlength=np.size(a))


def rows_of(a: Any, axis: Any) -> Any:
    """Return `a` as a matrix: the axes named become its columns, all others its rows."""
    if axis is None:
        return np.reshape(a, (1, -1))
    shape = np.shape(a)
    axes = np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
    columns = math.prod(shape[i] for i in axes)
    rows = math.prod(n for i, n in enumerate(shape) if i not in axes)
    return np.reshape(np.moveaxis(a, axes, range(-len(axes), 0)), (rows, columns))


def by_hand(original: Any, samples: Any = None) -> Any:
    """Register the decorated function as the twin of `original`, for calls with a BVar.

    A call without one goes to the original, so that its values are exactly the original's.
    """

    def register(function: Any) -> Any:
        @functools.wraps(original)
        def twin(*args: Any, **kwargs: Any) -> Any:
            if has_bvar(args) or has_bvar(kwargs):
                return function(*args, **kwargs)
            return original(*args, **kwargs)

        lifted(twin=twin, samples=samples)(original)
        return function

    return register


def _calls(*settings: tuple[Any, ...], shape: tuple[int, ...] = (2, 3, 4)) -> Samples:
    """Samples of a function of one array: what follows the array in each call."""

    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        a = rng.normal(size=shape)
        return [*((a, *rest) for rest in settings), (a * (1 - 0.5j), *settings[0])]

    return draw


def _named(original: Any, *names: str) -> tuple[str, ...]:
    """Which of these parameters the installed version of a function has."""
    return tuple(name for name in names if name in inspect.signature(original).parameters)


# Shapes


def _reshaped(dzdy: Any, a: Any) -> Any:
    return np.reshape(dzdy, np.shape(a))


def _reshape_grad(dzdy: Any, a: Any, order: Any) -> Any:
    if order not in ("C", "F"):
        order = "F" if order in ("f", "A", "a") and plain(a).flags.fnc else order.upper()
        order = "C" if order == "A" else order
    return np.reshape(dzdy, np.shape(a), order)


def _ravel_grad(dzdy: Any, a: Any, order: Any) -> Any:
    if order not in ("K", "k"):
        return _reshape_grad(dzdy, a, order)
    numbers = np.empty_like(plain(a), int)  # laid out in memory as `a` is
    numbers[...] = numbered(a)
    return scattered(dzdy, np.ravel(numbers, "K"), a)
