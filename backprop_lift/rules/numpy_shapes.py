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
from typing import Any, TypeVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._bvar import BVar, collect_array, has_bvar, value_of
from .._lift import lifted, locally_constant
from .._registry import dotted_name, twin_of
from .._space import ZERO
from ..errors import ConversionError, UnhandledParameterError
from ._matrices import summed_to

__all__ = [
    "array_of",
    "astype",
    "by_hand",
    "is_discrete",
    "numbered",
    "plain",
    "refuse_out",
    "rows_of",
    "scattered",
    "shape_of",
]

_original: Any  # of the families below, each registered in a loop

Function = TypeVar("Function", bound=Callable[..., Any])
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


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a number or array, or of the one that nested sequences make."""
    return np.shape(array_of(x) if isinstance(x, (list, tuple)) else x)


def is_discrete(dtype: Any) -> bool:
    """Is a result of this dtype locally constant? None stands for a dtype that is kept."""
    return dtype is not None and np.dtype(dtype).kind not in "fc"


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
    return np.reshape(dzdy, shape_of(a))


def _order(order: str, a: Any) -> Any:
    """Return the order of elements in an index, ``"C"`` or ``"F"``, that `order` means for `a`."""
    if order in ("A", "a"):
        return "F" if np.asarray(plain(a)).flags.fnc else "C"
    return order


def _reshape_grad(dzdy: Any, a: Any, order: str) -> Any:
    return np.reshape(dzdy, shape_of(a), _order(order, a))


def _ravel_grad(dzdy: Any, a: Any, order: str) -> Any:
    if order not in ("K", "k"):
        return np.reshape(dzdy, shape_of(a), _order(order, a))
    numbers = np.empty_like(plain(a), int)  # laid out in memory as `a` is
    numbers[...] = numbered(a)
    return scattered(dzdy, np.ravel(numbers, "K"), a)


lifted(
    grad={"a": _reshape_grad},
    ignores=_named(np.reshape, "shape", "newshape", "copy"),
    complex=True,
    samples=_calls(((4, 6),), (-1,), ((3, -1), "F")),
)(np.reshape)
lifted(grad=_ravel_grad, complex=True, samples=_calls((), ("F",), ("A",), ("K",)))(np.ravel)

lifted(
    grad={"a": _reshaped},
    ignores=("axis",),
    complex=True,
    samples=_calls((), (0,), ((0, -2),), shape=(1, 3, 1, 4)),
)(np.squeeze)
lifted(
    grad={"a": _reshaped},
    ignores=("axis",),
    complex=True,
    samples=_calls((0,), (-1,), ((1, -1),)),
)(np.expand_dims)


def _rollaxis_grad(dzdy: Any, axis: int, start: int) -> Any:
    axis, start = axis % dzdy.ndim, start + dzdy.ndim if start < 0 else start
    return np.moveaxis(dzdy, start - (axis < start), axis)


def _transpose_grad(dzdy: Any, axes: Any) -> Any:
    if axes is None:
        return np.transpose(dzdy)
    return np.transpose(dzdy, np.argsort(np.mod(axes, dzdy.ndim)))


lifted(grad=_transpose_grad, complex=True, samples=_calls((), ((2, 0, 1),), ((1, -1, 0),)))(
    np.transpose
)
lifted(grad=lambda dzdy: np.matrix_transpose(dzdy), complex=True, samples=_calls(()))(
    np.matrix_transpose
)
lifted(
    grad={"a": lambda dzdy, axis1, axis2: np.swapaxes(dzdy, axis1, axis2)},
    complex=True,
    samples=_calls((0, 2), (-1, 1)),
)(np.swapaxes)
lifted(
    grad={"a": lambda dzdy, source, destination: np.moveaxis(dzdy, destination, source)},
    complex=True,
    samples=_calls((0, -1), ((0, 1), (-1, 0))),
)(np.moveaxis)
lifted(grad={"a": _rollaxis_grad}, complex=True, samples=_calls((2,), (0, 3), (-1, 1), (1, -1)))(
    np.rollaxis
)

lifted(
    grad={"m": lambda dzdy, axis: np.flip(dzdy, axis)},
    complex=True,
    samples=_calls((), (0,), ((0, -1),)),
)(np.flip)
lifted(grad=lambda dzdy: np.fliplr(dzdy), complex=True, samples=_calls(()))(np.fliplr)
lifted(grad=lambda dzdy: np.flipud(dzdy), complex=True, samples=_calls(()))(np.flipud)
lifted(
    grad={"m": lambda dzdy, k, axes: np.rot90(dzdy, -k, axes)},
    complex=True,
    samples=_calls((), (3,), (-1, (2, 0))),
)(np.rot90)


def _roll_grad(dzdy: Any, shift: Any, axis: Any) -> Any:
    return np.roll(dzdy, np.negative(shift), axis)


lifted(
    grad={"a": _roll_grad},
    complex=True,
    samples=_calls((2,), (-1, 1), ((1, 2), (0, -1)), (1, (0, 1))),
)(np.roll)

lifted(grad=lambda dzdy: dzdy, ignores=("order", "subok"), complex=True, samples=_calls(()))(
    np.copy
)


def _cast(x: Any, dtype: Any) -> Any:
    """Return `x` in a dtype of floats or complex numbers."""
    return (np.float64(x) if x.__class__ is float else x).astype(dtype)


lifted(
    grad={"x": lambda dzdy: dzdy},
    ignores=("dtype",),
    complex=True,
    samples=_calls((complex,), (np.float32,)),
)(_cast)


def astype(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype; a plain array where that has no gradient."""
    if is_discrete(dtype):
        return np.asarray(plain(x)).astype(dtype)[()]
    return twin_of(_cast)(x, dtype)


if hasattr(np, "astype"):  # numpy 2.1

    @by_hand(np.astype, samples=_calls((complex,), (np.float32,)))
    def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        return astype(x, dtype)


# Broadcasting


lifted(
    grad={"array": lambda dzdy: dzdy},
    ignores=("shape", "subok"),
    complex=True,
    samples=_calls(((2, 3, 4),), ((5, 2, 3, 4),), shape=(3, 1)),
)(np.broadcast_to)


@by_hand(np.broadcast_arrays, samples=lambda rng: [(rng.normal(size=(3, 1)), rng.normal(size=4))])
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


def _at_least(promoted: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[..., Any]:
    """Return a twin of `numpy.atleast_1d` or its kin, by what it does to a shape."""

    def at_least(*arys: Any) -> Any:
        arrays = tuple(np.reshape(x, promoted(np.shape(x))) for x in map(array_of, arys))
        return arrays[0] if len(arrays) == 1 else arrays

    return at_least


def _as_3d(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape, 1) if len(shape) == 1 else (*shape, *(1,) * (3 - len(shape)))


for _original, _promoted in {
    np.atleast_1d: lambda shape: shape or (1,),
    np.atleast_2d: lambda shape: (*(1,) * (2 - len(shape)), *shape),
    np.atleast_3d: _as_3d,
}.items():
    by_hand(
        _original,
        samples=lambda rng: [(1.5,), (rng.normal(size=3), rng.normal(size=(2, 3)))],
    )(_at_least(_promoted))


@by_hand(
    np.meshgrid, samples=lambda rng: [(rng.normal(size=3), rng.normal(size=4), rng.normal(size=2))]
)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    places = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        places[:2] = 1, 0
    grids = tuple(
        np.reshape(x, tuple(-1 if i == place else 1 for i in range(len(xi))))
        for x, place in zip(xi, places, strict=True)
    )
    return grids if sparse else _broadcast_arrays(*grids)


@by_hand(np.ix_, samples=lambda rng: [(rng.normal(size=3), rng.normal(size=4))])
def _ix(*args: Any) -> Any:
    return tuple(
        x.nonzero()[0].reshape(shape) if x.dtype.kind == "b" else np.reshape(x, shape)
        for i, x in enumerate(map(array_of, args))
        for shape in [tuple(-1 if i == j else 1 for j in range(len(args)))]
    )


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
    by_hand(_original, samples=_calls((2,), ((1, 3),), shape=(4, 2, 6)))(_twin)

if hasattr(np, "unstack"):  # numpy 2.1
    by_hand(np.unstack, samples=_calls(()))(
        lambda x, /, *, axis=0: tuple(np.moveaxis(array_of(x), axis, 0))
    )


# Repeating


def _tile_grad(dzdy: Any, A: Any, reps: Any) -> Any:
    shape = shape_of(A)
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    shape = (*(1,) * (len(reps) - len(shape)), *shape)
    reps = (*(1,) * (len(shape) - len(reps)), *reps)
    pairs = tuple(n for pair in zip(reps, shape, strict=True) for n in pair)
    return _reshaped(np.sum(np.reshape(dzdy, pairs), axis=tuple(range(0, len(pairs), 2))), A)


lifted(grad={"A": _tile_grad}, complex=True, samples=_calls((2,), ((3, 1, 2),), ((2, 1, 1, 3),)))(
    np.tile
)


def _repeat_grad(dzdy: Any, a: Any, repeats: Any, axis: Any) -> Any:
    if np.size(repeats) == 1:
        count = int(np.ravel(repeats)[0])
        shape = shape_of(a)
        shape = shape if axis is not None else (math.prod(shape),)
        axis = (axis or 0) % len(shape)
        pairs = (*shape[: axis + 1], count, *shape[axis + 1 :])
        return _reshaped(np.sum(np.reshape(dzdy, pairs), axis=axis + 1), a)
    return scattered(dzdy, np.repeat(numbered(a), repeats, axis), a)


lifted(
    grad={"a": _repeat_grad},
    complex=True,
    samples=_calls((2,), (3, 1), ([1, 0, 2], -2), (2, -1)),
)(np.repeat)
lifted(
    grad={"a": lambda dzdy, a, new_shape: scattered(dzdy, np.resize(numbered(a), new_shape), a)},
    complex=True,
    samples=_calls(((5, 7),), (10,)),
)(np.resize)


# Picking


@by_hand(
    np.take,
    samples=_calls(([3, 1, 3],), ([[0, 2], [2, 2]], 1), (-1, -1), ([5, -7], 1, None, "wrap")),
)
def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    refuse_out(np.take, out)
    a, indices = array_of(a), np.asarray(plain(indices))
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = axis % a.ndim
    if mode != "raise":
        indices = np.take(np.arange(a.shape[axis]), indices, mode=mode)
    return a[(*(slice(None),) * axis, indices)]


def _take_along_axis_grad(dzdy: Any, arr: Any, indices: Any, axis: Any) -> Any:
    return scattered(dzdy, np.take_along_axis(numbered(arr), indices, axis), arr)


lifted(
    grad={"arr": _take_along_axis_grad},
    complex=True,
    samples=_calls((np.array([[[2], [0], [2]], [[1], [1], [3]]]), -1), (np.array([5, 5, 0]), None)),
)(np.take_along_axis)
lifted(
    grad={
        "a": lambda dzdy, condition, a, axis: scattered(
            dzdy, np.compress(condition, numbered(a), axis), a
        )
    },
    complex=True,
    samples=lambda rng: [
        ([True, False, True], rng.normal(size=(2, 3, 4)), 1),
        ([False, True], rng.normal(size=(2, 3)) * 1j),
    ],
)(np.compress)
lifted(
    grad={
        "arr": lambda dzdy, condition, arr: scattered(
            dzdy, np.extract(condition, numbered(arr)), arr
        )
    },
    complex=True,
    samples=lambda rng: [(np.eye(3, 4), rng.normal(size=(3, 4)))],
)(np.extract)
lifted(
    grad={
        "arr": lambda dzdy, arr, obj, axis: scattered(
            dzdy, np.delete(numbered(arr), obj, axis), arr
        )
    },
    complex=True,
    samples=_calls((1,), ([0, -1], 2), (slice(None, None, 2), 1)),
)(np.delete)


@by_hand(
    np.insert,
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), 1, rng.normal(size=2), 1),
        (rng.normal(size=(2, 3)), [2, 0], rng.normal(size=(2, 2)), -1),
        (rng.normal(size=(2, 3)), [5, 0], 1.5),
    ],
)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr, values = array_of(arr), array_of(values)
    place = np.insert(numbered(arr), plain(obj), np.size(arr) + numbered(values), axis)
    values = astype(np.ravel(values), np.result_type(arr))
    return np.concatenate([np.ravel(arr), values])[place]


@by_hand(
    np.choose,
    samples=lambda rng: [
        (np.array([[1, 0, 2]]), [rng.normal(size=(2, 3)), 1.5, rng.normal(size=3)]),
        (np.array([3, 0, -2]), rng.normal(size=(2, 3)), None, "wrap"),
    ],
)
def _choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    refuse_out(np.choose, out)
    count = len(choices)
    place = np.choose(plain(a), range(count), mode=mode)
    chosen = choices[0]
    for i in range(count):
        chosen = np.where(place == i, choices[i], chosen)
    return chosen


@by_hand(np.trim_zeros, samples=lambda rng: [(rng.normal(size=4), "fb")])
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    filt = array_of(filt)
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim)
    kept = np.argwhere(plain(filt))
    key = [slice(None)] * filt.ndim
    for i in axes:
        if not len(kept):
            key[i] = slice(0)
            continue
        first, last = kept[:, i].min(), kept[:, i].max()
        front, back = "f" in trim.lower(), "b" in trim.lower()
        key[i] = slice(first if front else None, last + 1 if back else None)
    return filt[tuple(key)]


# Ordering


def _sort_grad(dzdy: Any, a: Any, axis: Any) -> Any:
    a = array_of(a)
    if axis is None:
        return _reshaped(_sort_grad(dzdy, np.reshape(a, -1), 0), a)
    rank = np.argsort(np.argsort(a, axis=axis), axis=axis)
    return np.take_along_axis(dzdy, rank, axis)


def _partition_grad(dzdy: Any, a: Any, result: Any, axis: Any) -> Any:
    by_size = np.take_along_axis(dzdy, np.argsort(result, axis=axis or 0), axis or 0)
    return _sort_grad(by_size, a, axis)


lifted(
    grad=_sort_grad,
    ignores=_named(np.sort, "kind", "stable"),
    complex=True,
    samples=_calls((), (1,), (None,)),
)(np.sort)
lifted(
    grad={"a": _partition_grad},
    ignores=("kth", "kind"),
    complex=True,
    samples=_calls((2,), (1, 1), ((3, 9), None)),
)(np.partition)
lifted(grad=lambda dzdy, a: _sort_grad(dzdy, a, -1), complex=True, samples=_calls(()))(
    np.sort_complex
)


@by_hand(np.unique, samples=lambda rng: [(rng.normal(size=(2, 3)),)])
def _unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **settings: Any,
) -> Any:
    """Each value is that of its first occurrence; indices and counts are plain."""
    ar = array_of(ar)
    _, *found = np.unique(plain(ar), True, True, True, axis, **settings)
    values = np.take(ar, found[0], axis)
    asked = (return_index, return_inverse, return_counts)
    if not any(asked):
        return values
    return values, *(x for x, wanted in zip(found, asked, strict=True) if wanted)


def _array_api_unique(original: Any) -> Callable[[Any], Any]:
    def unique(x: Any, /) -> Any:
        values = np.ravel(x)[np.unique_all(plain(x)).indices]
        if original is np.unique_values:
            return values
        return original(plain(x))._replace(values=values)

    return unique


for _original in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
    by_hand(_original, samples=lambda rng: [(rng.normal(size=(2, 3)),)])(
        _array_api_unique(_original)
    )


# Diagonals and triangles


def _diagonal_grad(dzdy: Any, a: Any, offset: int, axis1: int, axis2: int) -> Any:
    return scattered(dzdy, np.diagonal(numbered(a), offset, axis1, axis2), a)


def _diag_grad(dzdy: Any, v: Any, k: int) -> Any:
    if len(shape_of(v)) == 1:
        return np.diagonal(dzdy, k)
    return scattered(dzdy, np.diagonal(numbered(v), k), v)


lifted(grad={"a": _diagonal_grad}, complex=True, samples=_calls((), (1, 2, 0), (-1, -2, -1)))(
    np.diagonal
)
lifted(
    grad=_diag_grad,
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=3), -2),
        (rng.normal(size=(3, 5)), 1),
        (rng.normal(size=3) * 1j,),
    ],
)(np.diag)
lifted(
    grad=lambda dzdy, v, k: _reshaped(np.diagonal(dzdy, k), v),
    complex=True,
    samples=_calls((), (-2,), shape=(2, 3)),
)(np.diagflat)
lifted(grad=lambda dzdy, m, k: _summed_rows(np.tril(dzdy, k), m), complex=True, samples=_calls((), (1,), (-1,)))(
    np.tril
)
lifted(grad=lambda dzdy, m, k: _summed_rows(np.triu(dzdy, k), m), complex=True, samples=_calls((), (1,), (-1,)))(
    np.triu
)


def _vander_grad(dzdy: Any, x: Any, N: Any, increasing: bool) -> Any:
    x = array_of(x)
    count = np.size(x) if N is None else N
    if count < 2:
        return ZERO
    if not increasing:
        dzdy = dzdy[:, ::-1]
    powers = np.vander(x, count - 1, increasing=True) * np.arange(1, count)
    return np.sum(dzdy[:, 1:] * np.conj(powers), axis=1)


lifted(grad=_vander_grad, complex=True, samples=_calls((), (5, True), (3,), shape=(4,)))(np.vander)


# Padding


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return the number of elements before and after, for each axis."""
    if isinstance(pad_width, dict):  # numpy 2.3
        pairs = np.zeros((ndim, 2), int)
        for axis, width in pad_width.items():
            pairs[axis] = width
        pad_width = pairs
    return [(int(i), int(j)) for i, j in np.broadcast_to(pad_width, (ndim, 2))]


def _end(x: Any, axis: int, side: int, length: int = 1) -> Any:
    """Return so many elements at one end of an axis."""
    n = np.shape(x)[axis]
    return x[(*(slice(None),) * axis, slice(length) if side == 0 else slice(max(n - length, 0), n))]


def _repeated(x: Any, axis: int, count: int) -> Any:
    shape = np.shape(x)
    return np.broadcast_to(x, (*shape[:axis], count, *shape[axis + 1 :]))


def _constant_pad(x: Any, axis: int, side: int, width: int, setting: Any) -> Any:
    return _repeated(np.broadcast_to(setting, np.shape(_end(x, axis, side))), axis, width)


def _ramp_pad(x: Any, axis: int, side: int, width: int, setting: Any) -> Any:
    edge = np.squeeze(_end(x, axis, side), axis)
    ramp = np.linspace(setting, edge, width, endpoint=False, axis=axis)
    return ramp if side == 0 else np.flip(ramp, axis)


def _statistic_pad(statistic: Any) -> Callable[..., Any]:
    def pad(x: Any, axis: int, side: int, width: int, setting: Any) -> Any:
        length = np.shape(x)[axis] if setting is None else int(setting)
        return _repeated(
            statistic(_end(x, axis, side, length), axis=axis, keepdims=True), axis, width
        )

    return pad


_PADS: dict[str, tuple[str, Any, Any]] = {  # mode: the name and default of its setting, its pad
    "constant": ("constant_values", 0, _constant_pad),
    "empty": ("", 0, _constant_pad),
    "linear_ramp": ("end_values", 0, _ramp_pad),
    "maximum": ("stat_length", None, _statistic_pad(np.max)),
    "mean": ("stat_length", None, _statistic_pad(np.mean)),
    "median": ("stat_length", None, _statistic_pad(np.median)),
    "minimum": ("stat_length", None, _statistic_pad(np.min)),
}


def _pad_axis(x: Any, axis: int, widths: tuple[int, int], pad: Any, settings: Any) -> Any:
    before, after = (
        [pad(x, axis, side, width, settings[axis, side])] if width else []
        for side, width in enumerate(widths)
    )
    if not before and not after:
        return x
    return np.concatenate([*before, x, *after], axis, dtype=np.result_type(x), casting="unsafe")


def _padded(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a = rng.normal(size=(3, 4))
    return [
        *((a, ((2, 1), (0, 3)), mode) for mode in _PADS if mode != "empty"),
        *((a, (2, 5), mode) for mode in ("edge", "reflect", "symmetric", "wrap")),
    ]


def _surrounded(x: Any, widths: Any, constant_values: Any = 0) -> Any:
    """Return `x` padded by constants."""
    return np.pad(x, widths, constant_values=constant_values)


def _surrounded_grad(dzdy: Any, x: Any, widths: Any) -> Any:
    pairs = zip(widths, np.shape(x), strict=True)
    return dzdy[tuple(slice(before, before + n) for (before, _), n in pairs)]


lifted(
    grad={"x": _surrounded_grad},
    ignores=("constant_values",),
    complex=True,
    samples=_calls(([(1, 0), (0, 2), (3, 1)], 2)),
)(_surrounded)


@by_hand(np.pad, samples=_padded)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """Pad one axis after the other, as the original does."""
    if callable(mode):
        raise ConversionError(
            "numpy.pad was given a BVar, and a function that writes into a plain array.",
            "Pad with mode='constant', and assign what the function computes to v[...].",
        )
    x = array_of(array)
    widths = _widths(pad_width, x.ndim)
    if mode == "constant" and not has_bvar(kwargs):
        return twin_of(_surrounded)(x, widths, **kwargs)
    if mode in _PADS:
        name, default, pad = _PADS[mode]
        settings = np.broadcast_to(array_of(kwargs.pop(name, default)), (x.ndim, 2))
        if kwargs:
            raise ValueError(f"unsupported keyword arguments for mode '{mode}': {set(kwargs)}")
        for axis, pair in enumerate(widths):
            x = _pad_axis(x, axis, pair, pad, settings)
        return x
    if kwargs.get("reflect_type", "even") == "even":
        return np.ravel(x)[np.pad(numbered(x), widths, mode, **kwargs)]
    for axis, pair in enumerate(widths):  # reflected about the edge: a linear map of each axis
        weights = np.pad(np.eye(np.shape(x)[axis]), (pair, (0, 0)), mode, **kwargs)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


# Filling


@by_hand(
    np.full_like,
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), 1.5),
        (rng.normal(size=(2, 3)), rng.normal(size=3)),
    ],
)
def _full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    **device: Any,
) -> Any:
    settings: Any = (dtype, order, subok, shape)
    if not has_bvar(fill_value):
        return np.full_like(plain(a), fill_value, *settings, **device)
    like = np.empty_like(plain(a), *settings, **device)
    return astype(np.broadcast_to(array_of(fill_value), like.shape), like.dtype)


def _ends(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (0.5, 2.5, 4),
        (rng.uniform(1, 2, size=(3, 1)), rng.uniform(3, 4, size=2), 5, False),
        (1.5, 2.0, 1),
    ]


def _linspace_grads(of_stop: bool) -> Callable[..., Any]:
    """Return the rule of one end: each result lies a fraction of the way from start to stop."""

    def end_grad(
        dzdy: Any,
        start: Any,
        stop: Any,
        num: int,
        endpoint: bool,
        retstep: bool,
        dtype: Any,
        axis: int,
    ) -> Any:
        if is_discrete(dtype):
            return ZERO
        dzdy, dzdstep = dzdy if retstep else (dzdy, 0.0)
        rows = np.moveaxis(dzdy, axis, 0)
        fraction = np.linspace(0.0, 1.0, num, endpoint).reshape(-1, *(1,) * (rows.ndim - 1))
        total = np.sum(rows * (fraction if of_stop else 1 - fraction), axis=0)
        intervals = num - 1 if endpoint else num
        if retstep and intervals > 0:
            total = total + (dzdstep if of_stop else -dzdstep) / intervals
        return summed_to(total, np.shape(stop if of_stop else start))

    return end_grad


lifted(
    grad={"start": _linspace_grads(of_stop=False), "stop": _linspace_grads(of_stop=True)},
    complex=True,
    samples=lambda rng: [
        *_ends(rng),
        (0.5, rng.normal(size=(2, 3)), 5, True, True, {"axis": 1}),
        (0.5, 2.5 - 1j, 4),
    ],
)(np.linspace)


@by_hand(np.logspace, samples=_ends)
def _logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    if np.ndim(base):
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (
            np.reshape(x, (*(1,) * (ndim - np.ndim(x)), *np.shape(x))) for x in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    y = np.power(base, np.linspace(start, stop, num, endpoint=endpoint, axis=axis))
    return y if dtype is None else astype(y, dtype)


@by_hand(np.geomspace, samples=_ends)
def _geomspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    start, stop = array_of(start), array_of(stop)
    if np.iscomplexobj(start) or np.iscomplexobj(stop):
        raise UnhandledParameterError(
            "numpy.geomspace was given complex values, for which its twin is not written.",
            "Write np.exp(np.linspace(np.log(start), np.log(stop), num)).",
        )
    if np.any(plain(start) == 0) or np.any(plain(stop) == 0):
        raise ValueError("Geometric sequence cannot include zero")
    sign = np.sign(plain(start))
    logs = np.log10(start * sign), np.log10(stop * sign)
    y = np.logspace(*logs, num, endpoint) * sign
    shape = np.shape(y)[1:]
    first, last = (np.reshape(np.broadcast_to(x, shape), (1, *shape)) for x in (start, stop))
    if num > 1:  # the ends are exact
        y = np.concatenate([first, y[1:-1], last] if endpoint else [first, y[1:]])
    y = np.moveaxis(y, 0, axis)
    return y if dtype is None else astype(y, dtype)


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


# Writing: to a BVar it is an assignment of items, a plain array cannot hold BVars


def refuse_out(original: Any, out: Any) -> None:
    """Raise where a result that may hold BVars is to be written into an array."""
    if out is not None:
        raise ConversionError(
            f"{dotted_name(original)} was given a BVar, and out= to write its result into.",
            "Leave out= away and use the result.",
        )


def _refuse_plain(original: Any, target: Any, remedy: str) -> None:
    if isinstance(target, np.ndarray):
        raise ConversionError(
            f"{dotted_name(original)} cannot write a BVar into a plain array: "
            "its gradient would be lost.",
            f"Write {remedy}.",
        )


@by_hand(np.copyto)
def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    _refuse_plain(np.copyto, dst, "dst = np.where(where, src, dst)")
    dst[...] = src if where is True else np.where(where, src, dst)


@by_hand(np.put)
def _put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    _refuse_plain(np.put, a, "np.where with a mask, or np.concatenate of the parts")
    writer = np.full(np.shape(a), -1)  # of each element: which of the values is written last
    np.put(writer, plain(ind), np.arange(np.size(ind)), mode)
    if np.size(ind):
        a[writer >= 0] = np.resize(array_of(v), np.size(ind))[writer[writer >= 0]]


@by_hand(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    _refuse_plain(np.place, arr, "arr = np.where(mask, vals, arr)")
    mask = np.reshape(np.asarray(plain(mask), bool), np.shape(arr))
    arr[mask] = np.resize(array_of(vals), np.count_nonzero(mask))


@by_hand(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    _refuse_plain(np.putmask, a, "a = np.where(mask, values, a)")
    mask = np.reshape(np.asarray(plain(mask), bool), np.shape(a))
    a[mask] = np.resize(array_of(values), np.shape(a))[mask]


@by_hand(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    _refuse_plain(np.put_along_axis, arr, "np.where with a mask, or v[i] = w on a BVar v")
    place = np.take_along_axis(numbered(arr), plain(indices), axis)
    _put(arr, place.ravel(), np.ravel(np.broadcast_to(array_of(values), place.shape)))


@by_hand(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    _refuse_plain(np.fill_diagonal, a, "a = np.where(np.eye(*a.shape, dtype=bool), val, a)")
    mask = np.zeros(np.shape(a), bool)
    np.fill_diagonal(mask, True, wrap)
    a[mask] = np.resize(array_of(val), np.count_nonzero(mask))


# Locally constant

for _original in (
    np.array2string,
    np.array_repr,
    np.array_str,
    np.can_cast,
    np.common_type,
    np.empty_like,
    np.isscalar,
    np.min_scalar_type,
    np.ndim,
    np.ones_like,
    np.result_type,
    np.shape,
    np.size,
    np.zeros_like,
):
    locally_constant(_original)
