"""Where the branches of functions meet: at kinks, at jumps, and where a slope is infinite.

A composite takes its gradient there as a limit; see `_coincidence`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ._bvar import rooted
from ._comparison import cuts, nearly_equal

__all__ = ["JUMPS", "KINKS", "SINGULAR"]

# Functions whose derivative is infinite at one size of the argument.
SINGULAR: Final = {
    np.sqrt: 0.0, math.sqrt: 0.0, np.cbrt: 0.0, np.arcsin: 1.0, math.asin: 1.0, np.arccos: 1.0,
    math.acos: 1.0, np.arccosh: 1.0, math.acosh: 1.0,
}  # fmt: skip

_FEW: Final = 16


def _has_ties(a: Any) -> bool:
    """Are there elements so close that their order is that of this very point only?

    Of many, which are not moved one by one, any of the tied may stand for all.
    """
    ordered = np.sort(np.asarray(a), axis=None)
    return len(ordered) <= _FEW and nearly_equal(ordered[1:], ordered[:-1])


def _is_shared(result: Any, a: Any, axis: Any = None, *settings: Any, **named: Any) -> bool:
    """Is an extreme of few elements reached by several? `result` tells where by one."""
    a = np.asarray(a)
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    if not np.issubdtype(a.dtype, np.floating) or not 2 <= a.size <= _FEW:
        return False
    place = np.expand_dims(result, axis) if np.ndim(result) < np.ndim(a) else np.asarray(result)
    extreme = np.take_along_axis(a, place, axis)
    with np.errstate(invalid="ignore"):
        near = np.abs(a - extreme) <= 1e-8 * np.abs(extreme)
    return bool(np.any(np.sum(near, axis=axis) > 1))


def _is_at_one(result: Any, a: Any, v: Any, side: Any = "left", sorter: Any = None) -> bool:
    """Is a value that is looked up one of the sorted?"""
    a = np.sort(np.asarray(a), axis=None)
    if not len(a):
        return False
    after = np.searchsorted(a, v).clip(0, len(a) - 1)
    return nearly_equal(a[after], v) or nearly_equal(a[np.maximum(after - 1, 0)], v)


# Functions with a kink, and whether a call is at it: by its arguments and its result.
KINKS: Final[dict[Any, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(
        (np.maximum, np.minimum, np.fmax, np.fmin), lambda xs, y: nearly_equal(xs[0], xs[1])
    ),
    **dict.fromkeys(
        (np.linalg.norm, np.linalg.vector_norm, np.hypot, math.hypot, math.dist),
        lambda xs, y: np.any(np.equal(rooted(y), 0)),
    ),
    **dict.fromkeys(
        (np.arctan2, math.atan2),
        lambda xs, y: np.any(np.equal(rooted(xs[0]), 0) & np.equal(rooted(xs[1]), 0)),
    ),
    **dict.fromkeys(
        (np.sort, np.partition, np.median, np.nanmedian, np.quantile, np.nanquantile,
         np.percentile, np.nanpercentile),
        lambda xs, y: _has_ties(rooted(xs[0])),
    ),
    np.clip: lambda xs, y: any(nearly_equal(xs[0], limit) for limit in (*xs[1:3], *xs[4:6])),
}  # fmt: skip

# Locally constant functions, and whether a call is where they jump: by its result and arguments.
JUMPS: Final[dict[Any, Callable[..., Any]]] = {
    **dict.fromkeys(
        (math.isclose, np.isclose, np.allclose, np.array_equal, np.isnan, np.isinf, math.isnan,
         math.isinf),
        lambda y, *xs, **named: np.any(np.equal(y, True)),
    ),
    **dict.fromkeys(
        (np.isfinite, math.isfinite), lambda y, *xs, **named: np.any(np.equal(y, False))
    ),
    **dict.fromkeys(
        (int, math.floor, math.ceil, math.trunc, np.floor, np.ceil, np.trunc, np.fix),
        lambda y, x=0, *settings, **named: cuts(x),
    ),
    np.rint: lambda y, x, **named: cuts(x + 0.5),
    np.floor_divide: lambda y, x1, x2, **named: cuts(x1, x2),
    **dict.fromkeys((np.argsort, np.argpartition), lambda y, a, *xs, **named: _has_ties(a)),
    **dict.fromkeys((np.argmax, np.argmin, np.nanargmax, np.nanargmin), _is_shared),
    np.searchsorted: _is_at_one,
    np.digitize: lambda y, x, bins, *xs, **named: _is_at_one(y, bins, x),
}  # fmt: skip
