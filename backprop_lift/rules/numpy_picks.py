"""Rules of functions that pick and order elements: take, delete, sort, unique, diagonals.

Where elements are picked, perhaps more than once, the same function picks from their numbers
instead, which tells where each came from, and cotangents are summed there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._bvar.meeting import note_meeting
from .._lift import lifted
from .._space import ZERO
from ..errors import UnhandledParameterError
from ._arrays import (
    array_of,
    by_hand,
    calls,
    named,
    numbered,
    plain,
    refuse_out,
    reshaped,
    scattered,
    shape_of,
)
from .numpy_shapes import astype

__all__: list[str] = []

_original: Any  # of the families below, each registered in a loop


# Picking


@by_hand(
    np.take,
    samples=calls(([3, 1, 3],), ([[0, 2], [2, 2]], 1), (-1, -1), ([5, -7], 1, None, "wrap")),
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
    samples=calls((np.array([[[2], [0], [2]], [[1], [1], [3]]]), -1), (np.array([5, 5, 0]), None)),
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
    samples=lambda rng: [
        (np.eye(3, 4), rng.normal(size=(3, 4))),
        (np.eye(3, 4), rng.normal(size=(3, 4)) * 1j),
    ],
)(np.extract)
lifted(
    grad={
        "arr": lambda dzdy, arr, obj, axis: scattered(
            dzdy, np.delete(numbered(arr), obj, axis), arr
        )
    },
    complex=True,
    samples=calls((1,), ([0, -1], 2), (slice(None, None, 2), 1)),
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


@by_hand(
    np.trim_zeros,
    samples=lambda rng: [
        (rng.normal(size=4), "fb"),
        # several axes since numpy 2.2
        *((rng.normal(size=(2, 3)), {axis: None}) for axis in named(np.trim_zeros, "axis")),
    ],
)
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    filt = array_of(filt)
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim)
    kept = np.argwhere(filt)
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
        return reshaped(_sort_grad(dzdy, np.reshape(a, -1), 0), a)
    rank = np.argsort(np.argsort(a, axis=axis), axis=axis)
    return np.take_along_axis(dzdy, rank, axis)


def _partition_grad(dzdy: Any, a: Any, result: Any, axis: Any) -> Any:
    by_size = np.take_along_axis(dzdy, np.argsort(result, axis=axis or 0), axis or 0)
    return _sort_grad(by_size, a, axis)


lifted(
    grad=_sort_grad,
    ignores=named(np.sort, "kind", "stable"),
    complex=True,
    samples=calls((), (1,), (None,)),
)(np.sort)
lifted(
    grad={"a": _partition_grad},
    ignores=("kth", "kind"),
    complex=True,
    samples=calls((2,), (1, 1), ((3, 9), None)),
)(np.partition)
lifted(grad=lambda dzdy, a: _sort_grad(dzdy, a, -1), complex=True, samples=calls(()))(
    np.sort_complex
)


def _note_equals(ar: Any) -> None:
    """Note where equal numbers are one: beside that point they are several."""
    note_meeting(np.argsort, None, (ar, None), {})


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
    _note_equals(ar)
    _, *found = np.unique(plain(ar), True, True, True, axis, **settings)
    values = np.take(ar, found[0], axis)
    asked = (return_index, return_inverse, return_counts)
    if not any(asked):
        return values
    return values, *(x for x, wanted in zip(found, asked, strict=True) if wanted)


def _array_api_unique(original: Any) -> Callable[[Any], Any]:
    def unique(x: Any, /) -> Any:
        _note_equals(x)
        values = np.ravel(x)[np.unique_all(plain(x)).indices]
        if original is np.unique_values:
            return values
        return original(plain(x))._replace(values=values)

    return unique


for _original in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
    by_hand(_original, samples=lambda rng: [(rng.normal(size=(2, 3)),)])(
        _array_api_unique(_original)
    )


def _note_shared(ar1: Any, ar2: Any) -> None:
    """Note where two sets share a number: beside that point they do not."""
    note_meeting(np.isin, None, (ar1, ar2), {})


def _joined(ar1: Any, ar2: Any) -> Any:
    _note_shared(ar1, ar2)
    return np.concatenate([np.ravel(array_of(ar1)), np.ravel(array_of(ar2))])


def _two_sets(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a = rng.normal(size=(2, 3))
    return [(a, rng.normal(size=(2, 2))), (a[0], rng.normal(size=3), True)]


@by_hand(np.union1d, samples=lambda rng: _two_sets(rng)[:1])
def _union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(_joined(ar1, ar2))


@by_hand(np.intersect1d, samples=[])  # without samples: nothing is left of it when the numbers move
def _intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """Values are those of the first array."""
    ar1 = array_of(ar1)
    _note_shared(ar1, ar2)
    _, *places = np.intersect1d(plain(ar1), plain(array_of(ar2)), assume_unique, True)
    values = np.ravel(ar1)[places[0]]
    return (values, *places) if return_indices else values


@by_hand(np.setdiff1d, samples=_two_sets)
def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    _note_shared(ar1, ar2)
    ar1 = np.ravel(array_of(ar1)) if assume_unique else np.unique(array_of(ar1))
    return ar1[np.isin(plain(ar1), plain(array_of(ar2)), assume_unique=True, invert=True)]


@by_hand(np.setxor1d, samples=_two_sets)
def _setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    if not assume_unique:
        ar1, ar2 = np.unique(array_of(ar1)), np.unique(array_of(ar2))
    both = np.sort(_joined(ar1, ar2))
    differs = np.concatenate([[True], plain(both[1:]) != plain(both[:-1]), [True]])
    return both[differs[1:] & differs[:-1]]


# Diagonals and triangles


def _diagonal_grad(dzdy: Any, a: Any, offset: int, axis1: int, axis2: int) -> Any:
    return scattered(dzdy, np.diagonal(numbered(a), offset, axis1, axis2), a)


def _diag_grad(dzdy: Any, v: Any, k: int) -> Any:
    if len(shape_of(v)) == 1:
        return np.diagonal(dzdy, k)
    return scattered(dzdy, np.diagonal(numbered(v), k), v)


lifted(grad={"a": _diagonal_grad}, complex=True, samples=calls((), (1, 2, 0), (-1, -2, -1)))(
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
    grad=lambda dzdy, v, k: reshaped(np.diagonal(dzdy, k), v),
    complex=True,
    samples=calls((), (-2,), shape=(2, 3)),
)(np.diagflat)
lifted(grad=lambda dzdy, k: np.tril(dzdy, k), complex=True, samples=calls((), (1,), (-1,)))(np.tril)
lifted(grad=lambda dzdy, k: np.triu(dzdy, k), complex=True, samples=calls((), (1,), (-1,)))(np.triu)


def _vander_grad(dzdy: Any, x: Any, N: Any, increasing: bool) -> Any:
    x = array_of(x)
    count = np.size(x) if N is None else N
    if count < 2:
        return ZERO
    if not increasing:
        dzdy = dzdy[:, ::-1]
    powers = np.vander(x, count - 1, increasing=True) * np.arange(1, count)
    return np.sum(dzdy[:, 1:] * np.conj(powers), axis=1)


lifted(grad=_vander_grad, complex=True, samples=calls((), (5, True), (3,), shape=(4,)))(np.vander)


@by_hand(
    np.lib.stride_tricks.as_strided,
    samples=lambda rng: [(rng.normal(size=6), (4, 3), (8, 8)), (rng.normal(size=(3, 4)), (2, 2))],
)
def _as_strided(
    x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True
) -> Any:
    x = array_of(x)
    value = plain(x)
    if not value.flags.c_contiguous:
        raise UnhandledParameterError(
            "numpy.lib.stride_tricks.as_strided was given an array whose items do not lie in order.",
            "Copy it first: np.ascontiguousarray(x).",
        )
    places = numbered(x)
    shape = np.shape(x) if shape is None else shape
    steps = strides and [step // value.itemsize * places.itemsize for step in strides]
    return np.ravel(x)[np.lib.stride_tricks.as_strided(places, shape, steps)]
