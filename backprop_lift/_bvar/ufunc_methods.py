"""Reductions by ufuncs that have no function of their own: step by step, by the ufunc's twin."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from . import innermost, twin_for
from .comparison import coincide, nearly_equal

__all__ = ["accumulated", "reduced", "reduced_at"]

_CHOOSING: Final = frozenset({np.maximum, np.minimum, np.fmax, np.fmin})
# What stands for an `initial` that was left away, as in NumPy's signature.
_LEFT_AWAY: Final[Any] = getattr(np, "_NoValue", None)


def reduced(
    ufunc: Any,
    call: Callable[..., Any],
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = _LEFT_AWAY,
    where: Any = True,
) -> Any:
    """``ufunc.reduce`` of a BVar.

    Parameters
    ----------
    ufunc : numpy.ufunc
    call : callable
        The ufunc on BVars.
    array, axis, dtype, keepdims, initial, where : object
        As for `numpy.ufunc.reduce`.
    """
    shape = np.shape(innermost(array))
    given = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i % max(len(shape), 1) for i in given)
    if dtype is not None:
        array = array.astype(dtype)
    rows = _rows(array, axes)
    wanted = None if where is True else list(_rows(np.broadcast_to(where, shape), axes))
    if initial is None or initial is _LEFT_AWAY:
        start = ufunc.identity if initial is _LEFT_AWAY else None
        start = start if wanted is not None or 0 in shape else None
    else:
        start = initial
    if wanted is not None and start is None:  # raises
        return ufunc.reduce(innermost(array), axis, where=where)
    total = start
    for i, row in enumerate(rows):
        further = row if total is None else call(total, row)
        if wanted is None or np.all(wanted[i]):
            total = further
        else:
            total = twin_for(np.where)(wanted[i], further, total)
    kept = [1 if i in axes else n for i, n in enumerate(shape)]
    if total is start:  # of nothing
        left = [n for i, n in enumerate(shape) if i not in axes]
        total = np.full(left, start)
    return twin_for(np.reshape)(total, kept) if keepdims else total


def _rows(array: Any, axes: tuple[int, ...]) -> Iterator[Any]:
    """The parts of an array along some axes, one after the other."""
    first = twin_for(np.moveaxis)(array, axes, range(len(axes)))
    shape = np.shape(innermost(first))
    count = functools.reduce(operator.mul, shape[: len(axes)], 1)
    flat = twin_for(np.reshape)(first, (count, *shape[len(axes) :]))
    return (flat[i] for i in range(count))


def accumulated(
    ufunc: Any, call: Callable[..., Any], array: Any, axis: int = 0, dtype: Any = None
) -> Any:
    """``ufunc.accumulate`` of a BVar; see `reduced`."""
    if dtype is not None:
        array = array.astype(dtype)
    if ufunc in _CHOOSING:
        return _chosen(ufunc, array, axis)
    rows = list(_rows(array, (axis % np.ndim(innermost(array)),)))
    totals = rows[:1]
    for row in rows[1:]:
        totals.append(call(totals[-1], row))
    return twin_for(np.stack)(totals, axis=axis) if totals else array


def _chosen(ufunc: Any, array: Any, axis: int) -> Any:
    """Running extremes: the elements that they are, the last of those that are equal."""
    values = innermost(array)
    extremes = ufunc.accumulate(values, axis)
    if nearly_equal(np.moveaxis(values, axis, 0)[1:], np.moveaxis(extremes, axis, 0)[:-1]):
        coincide(array)
    shape = [-1 if i == axis % values.ndim else 1 for i in range(values.ndim)]
    numbers = np.broadcast_to(np.arange(values.shape[axis]).reshape(shape), values.shape)
    same = (values == extremes) | (np.isnan(values) & np.isnan(extremes))
    places = np.maximum.accumulate(np.where(same, numbers, 0), axis)
    return twin_for(np.take_along_axis)(array, places, axis)


def reduced_at(
    ufunc: Any,
    call: Callable[..., Any],
    array: Any,
    indices: Any,
    axis: int = 0,
    dtype: Any = None,
) -> Any:
    """``ufunc.reduceat`` of a BVar; see `reduced`."""
    array = array if dtype is None else array.astype(dtype)
    rows = list(_rows(array, (axis % np.ndim(innermost(array)),)))
    ends = [*np.asarray(indices)[1:], len(rows)]
    parts = [
        functools.reduce(call, rows[start + 1 : end], rows[start])
        for start, end in zip(indices, ends, strict=True)
    ]
    return twin_for(np.stack)(parts, axis=axis)
