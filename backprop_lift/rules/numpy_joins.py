"""Rules of functions that join arrays, take them apart and repeat them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._lift import lifted
from .._space import ZERO
from ._arrays import (
    Samples,
    array_of,
    by_hand,
    calls,
    is_discrete,
    numbered,
    plain,
    reshaped,
    scattered,
    shape_of,
)

__all__: list[str] = []

_original: Any  # of the families below, each registered in a loop


# Joining


def _parts_along(
    dzdy: Any, arrays: Any, axis: int, length: Callable[[tuple[int, ...]], int]
) -> Any:
    """Return the part of `dzdy` that each of the joined arrays became, in its shape.

    Parameters
    ----------
    dzdy : ndarray
        Cotangent of the joined array.
    arrays : sequence of ndarray, or ndarray
        What was joined; the rows of an array are.
    axis : int
        Of the joined array.
    length : callable
        How long an array of some shape is along `axis`.
    """
    parts, start = [], 0
    before = (slice(None),) * (axis % dzdy.ndim)
    for array in arrays:
        shape = shape_of(array)
        stop = start + length(shape)
        part = dzdy[(*before, slice(start, stop))]
        parts.append(part if part.shape == shape else np.reshape(part, shape))
        start = stop
    return parts if isinstance(arrays, (list, tuple)) else np.stack(parts)


def _concatenate_grad(dzdy: Any, arrays: Any, axis: Any, dtype: Any) -> Any:
    if is_discrete(dtype):
        return ZERO
    if axis is None:
        return _parts_along(dzdy, arrays, 0, math.prod)
    return _parts_along(dzdy, arrays, axis, lambda shape: shape[axis])


def _stack_grad(dzdy: Any, arrays: Any, axis: int, dtype: Any) -> Any:
    if is_discrete(dtype):
        return ZERO
    rows = np.moveaxis(dzdy, axis, 0)
    return [rows[i] for i in range(len(arrays))] if isinstance(arrays, (list, tuple)) else rows


def _vstack_grad(dzdy: Any, tup: Any, dtype: Any) -> Any:
    if is_discrete(dtype):
        return ZERO
    return _parts_along(dzdy, tup, 0, lambda shape: shape[0] if len(shape) > 1 else 1)


def _hstack_grad(dzdy: Any, tup: Any, dtype: Any) -> Any:
    if is_discrete(dtype):
        return ZERO
    axis = 0 if len(shape_of(tup[0])) < 2 else 1
    return _parts_along(dzdy, tup, axis, lambda shape: shape[axis] if shape else 1)


def _along_last_grad(axis: int) -> Callable[..., Any]:
    """Return the rule of `numpy.column_stack` or `numpy.dstack`, which add axes at the end."""
    return lambda dzdy, tup: _parts_along(
        dzdy, tup, axis, lambda shape: shape[axis] if len(shape) > axis else 1
    )


def _pairs(*shapes: tuple[int, ...], settings: tuple[Any, ...] = ()) -> Samples:
    """Samples of a function of a sequence of arrays."""

    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        arrays = [rng.normal(size=shape) for shape in shapes]
        return [(arrays, *settings), (tuple(x * (0.5 - 1j) for x in arrays), *settings)]

    return draw


def _joined(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = (rng.normal(size=(2, n, 4)) for n in (3, 1, 2))
    return [([x, y, z], 1), ((x, y), -2), ([x, z], None), ([x * 1j, y], 1), (x,), (x, -1)]


_JOIN = "arrays, axis=0, out=None, *, dtype=None, casting='same_kind'"
lifted(
    grad={"arrays": _concatenate_grad},
    signature=_JOIN,
    ignores=("casting",),
    complex=True,
    samples=_joined,
)(np.concatenate)
lifted(
    grad={"arrays": _stack_grad},
    ignores=("casting",),
    complex=True,
    samples=lambda rng: [
        ([rng.normal(size=(2, 3)), rng.normal(size=(2, 3)) * 1j], axis) for axis in (0, 1, -1)
    ],
)(np.stack)
for _original in dict.fromkeys((np.vstack, getattr(np, "row_stack", np.vstack))):
    lifted(grad=_vstack_grad, ignores=("casting",), complex=True, samples=_pairs((3,), (2, 3)))(
        _original
    )
lifted(grad=_hstack_grad, ignores=("casting",), complex=True, samples=_pairs((2, 1), (2, 3)))(
    np.hstack
)
lifted(grad=_along_last_grad(1), complex=True, samples=_pairs((3,), (3, 2)))(np.column_stack)
lifted(grad=_along_last_grad(2), complex=True, samples=_pairs((2, 3), (2, 3, 2)))(np.dstack)


@by_hand(
    np.append,
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), 1.5),
        (rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), 0),
    ],
)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    arr, values = array_of(arr), array_of(values)
    if axis is None:
        arr, values, axis = np.ravel(arr), np.ravel(values), 0
    return np.concatenate((arr, values), axis)


def _listed(arrays: Any) -> Any:
    """Return a BVar of nested lists as nested lists of BVars."""
    if not isinstance(plain(arrays), list):
        return arrays
    return [_listed(arrays[i]) for i in range(len(arrays))]


def _nested_depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    depths = {_nested_depth(part) for part in arrays}
    if len(depths) != 1:
        raise ValueError("List depths are mismatched.")
    return 1 + depths.pop()


def _leaves(arrays: Any) -> list[Any]:
    if not isinstance(arrays, list):
        return [arrays]
    return [leaf for part in arrays for leaf in _leaves(part)]


def _block_of(arrays: Any, depth: int, ndim: int) -> Any:
    if depth:
        return np.concatenate([_block_of(part, depth - 1, ndim) for part in arrays], -depth)
    shape = np.shape(arrays)
    return np.reshape(arrays, (*(1,) * (ndim - len(shape)), *shape))


@by_hand(
    np.block,
    samples=lambda rng: [
        ([[rng.normal(size=(2, 3)), rng.normal(size=(2, 1))], [rng.normal(size=(1, 4))]],),
        ([1.5, rng.normal(size=2)],),
    ],
)
def _block(arrays: Any) -> Any:
    arrays = _listed(arrays)
    depth = _nested_depth(arrays)
    return _block_of(arrays, depth, max(depth, *map(np.ndim, _leaves(arrays))))


# Splitting: reads of slices, so that what was not used costs nothing


def _slices(ary: Any, stops: Any, axis: int) -> list[Any]:
    axis = axis % np.ndim(ary)
    starts, stops = [0, *stops], [*stops, np.shape(ary)[axis]]
    before = (slice(None),) * axis
    return [ary[(*before, slice(i, j))] for i, j in zip(starts, stops, strict=True)]


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    ary = array_of(ary)
    if np.ndim(indices_or_sections):
        return _slices(ary, [int(i) for i in indices_or_sections], axis)
    count = int(indices_or_sections)
    if count <= 0:
        raise ValueError("number sections must be larger than 0.")
    each, extra = divmod(np.shape(ary)[axis], count)
    return _slices(ary, [each * i + min(i, extra) for i in range(1, count)], axis)


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    if not np.ndim(indices_or_sections) and shape_of(ary)[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return _array_split(ary, indices_or_sections, axis)


for _original, _twin in {
    np.array_split: _array_split,
    np.split: _split,
    np.vsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0),
    np.hsplit: lambda ary, indices_or_sections: _split(
        ary, indices_or_sections, 0 if len(shape_of(ary)) == 1 else 1
    ),
    np.dsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 2),
}.items():
    by_hand(_original, samples=calls((2,), ((1, 3),), shape=(4, 2, 6)))(_twin)

if hasattr(np, "unstack"):  # numpy 2.1
    by_hand(np.unstack, samples=calls(()))(
        lambda x, /, *, axis=0: tuple(np.moveaxis(array_of(x), axis, 0))
    )


# Repeating


def _tile_grad(dzdy: Any, A: Any, reps: Any) -> Any:
    shape = shape_of(A)
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    shape = (*(1,) * (len(reps) - len(shape)), *shape)
    reps = (*(1,) * (len(shape) - len(reps)), *reps)
    pairs = tuple(n for pair in zip(reps, shape, strict=True) for n in pair)
    return reshaped(np.sum(np.reshape(dzdy, pairs), axis=tuple(range(0, len(pairs), 2))), A)


lifted(grad={"A": _tile_grad}, complex=True, samples=calls((2,), ((3, 1, 2),), ((2, 1, 1, 3),)))(
    np.tile
)


def _repeat_grad(dzdy: Any, a: Any, repeats: Any, axis: Any) -> Any:
    if np.size(repeats) == 1:
        count = int(np.ravel(repeats)[0])
        shape = shape_of(a)
        shape = shape if axis is not None else (math.prod(shape),)
        axis = (axis or 0) % len(shape)
        pairs = (*shape[: axis + 1], count, *shape[axis + 1 :])
        return reshaped(np.sum(np.reshape(dzdy, pairs), axis=axis + 1), a)
    return scattered(dzdy, np.repeat(numbered(a), repeats, axis), a)


lifted(
    grad={"a": _repeat_grad},
    complex=True,
    samples=calls((2,), (3, 1), ([1, 0, 2], -2), (2, -1)),
)(np.repeat)
lifted(
    grad={"a": lambda dzdy, a, new_shape: scattered(dzdy, np.resize(numbered(a), new_shape), a)},
    complex=True,
    samples=calls(((5, 7),), (10,)),
)(np.resize)


# Functions of slices


@by_hand(
    np.apply_along_axis,
    samples=lambda rng: [
        (np.sum, 1, rng.normal(size=(2, 3, 4))),
        (np.diag, -2, rng.normal(size=(2, 3, 4))),
    ],
)
def _apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    rows = np.moveaxis(array_of(arr), axis, -1)
    outer = np.shape(rows)[:-1]
    found = [array_of(func1d(rows[i], *args, **kwargs)) for i in np.ndindex(*outer)]
    inner = np.shape(found[0])
    stacked = np.reshape(np.stack(found), (*outer, *inner))
    axis, ndim = axis % np.ndim(rows), np.ndim(stacked)
    within = range(len(outer), ndim)
    return np.transpose(stacked, (*range(axis), *within, *range(axis, len(outer))))


@by_hand(np.apply_over_axes, samples=lambda rng: [(np.sum, rng.normal(size=(2, 3, 4)), (0, -1))])
def _apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    a = array_of(a)
    for axis in np.ravel(axes):
        reduced = func(a, int(axis))
        a = reduced if np.ndim(reduced) == np.ndim(a) else np.expand_dims(reduced, int(axis))
    return a
