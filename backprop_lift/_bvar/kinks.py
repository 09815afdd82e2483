"""Where functions that have a rule have a kink, or an infinite derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import rooted
from .comparison import nearly_equal

__all__ = ["KINKS", "SINGULAR", "are_tied", "repeats", "vanishes"]

# Functions whose derivative is infinite at one size of the argument.
SINGULAR: Final = {
    np.sqrt: 0.0, math.sqrt: 0.0, np.cbrt: 0.0, np.arcsin: 1.0, math.asin: 1.0, np.arccos: 1.0,
    math.acos: 1.0, np.arccosh: 1.0, math.acosh: 1.0,
}  # fmt: skip


# So many numbers are moved one by one where a limit is taken.
_FEW: Final = 16


def vanishes(x: Any) -> bool:
    """Is there a zero among floats, whose truth is asked?"""
    x = np.asarray(x)
    return x.dtype.kind in "fc" and bool(np.any(np.equal(x, 0)))


def repeats(a: Any, axis: Any = -1, nearly: bool = False) -> bool:
    """Are there (nearly) equal numbers along an axis, whose order means nothing?

    Of many, which are not moved one by one, any of the equal may stand for all.
    """
    a = np.asarray(a)
    if a.size > _FEW:
        return False
    if axis is None or np.ndim(axis) or not np.ndim(a):
        a, axis = a.reshape(-1), -1
    a = np.moveaxis(np.sort(a, axis=axis), axis, 0)
    return nearly_equal(a[1:], a[:-1]) if nearly else bool(np.any(np.equal(a[1:], a[:-1])))


def are_tied(a: Any, y: Any, axis: Any = None, nearly: bool = False) -> bool:
    """Are several numbers along an axis (nearly) equal to `y`, their maximum, say?"""
    a, y = np.asarray(a), np.asarray(y)
    if a.size > _FEW:
        return False
    if axis is not None and y.ndim != a.ndim:
        y = np.expand_dims(y, axis)
    tied = np.isclose(a, y, rtol=1e-8, atol=1e-12) if nearly else np.equal(a, y)
    return bool(np.any(np.sum(tied, axis=axis) > 1))


def _norm(x: Any, order: Any, axis: Any, y: Any) -> bool:
    if np.any(np.equal(rooted(y), 0)):
        return True
    return order in (np.inf, -np.inf) and repeats(np.abs(x), axis)


# Functions with a kink, and whether a call is at it: by all arguments and the result.
KINKS: Final[dict[Any, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(
        (np.maximum, np.minimum, np.fmax, np.fmin), lambda xs, y: nearly_equal(xs[0], xs[1])
    ),
    **dict.fromkeys(
        (np.hypot, math.hypot, math.dist), lambda xs, y: np.any(np.equal(rooted(y), 0))
    ),
    np.heaviside: lambda xs, y: nearly_equal(xs[0], 0.0),
    **dict.fromkeys((np.copysign, math.copysign), lambda xs, y: nearly_equal(xs[1], 0.0)),
    np.linalg.norm: lambda xs, y: _norm(xs[0], xs[1], xs[2], y),
    np.linalg.vector_norm: lambda xs, y: _norm(xs[0], xs[3], xs[1], y),
    **dict.fromkeys(
        (np.arctan2, math.atan2),
        lambda xs, y: np.any(np.equal(rooted(xs[0]), 0) & np.equal(rooted(xs[1]), 0)),
    ),
    np.clip: lambda xs, y: any(nearly_equal(xs[0], limit) for limit in (*xs[1:3], *xs[4:6])),
    np.where: lambda xs, y: xs[0].__class__ is not bool and vanishes(xs[0]),
    **dict.fromkeys(
        (np.max, np.amax, np.min, np.amin, np.nanmax, np.nanmin),
        lambda xs, y: are_tied(xs[0], rooted(y), xs[1]),
    ),
    **dict.fromkeys(
        (np.ptp, np.sort, np.median, np.nanmedian), lambda xs, y: repeats(xs[0], xs[1])
    ),
    **dict.fromkeys(
        (np.partition, np.quantile, np.percentile, np.nanquantile, np.nanpercentile),
        lambda xs, y: repeats(xs[0], xs[2]),
    ),
    np.sort_complex: lambda xs, y: repeats(xs[0]),
    # a coefficient that vanishes at either end is stripped, and with it a root
    np.roots: lambda xs, y: vanishes(np.asarray(xs[0])[[0, -1]]),
    # no imaginary part is left where all are small
    np.real_if_close: lambda xs, y: np.iscomplexobj(xs[0]) and not np.iscomplexobj(y),
}
