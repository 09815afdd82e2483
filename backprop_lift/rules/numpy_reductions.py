"""Rules of reductions, and of sums, products and differences along an axis.

A cotangent of a reduction has lost the axes that were reduced. It gets them back with length one,
so that it broadcasts against the argument; ``keepdims`` then makes no difference. Products are
differentiated by the products of all other elements, which are right at zeros too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._bvar import conj
from .._lift import lifted, locally_constant
from .._space import ZERO
from ._arrays import (
    Samples,
    array_of,
    by_hand,
    calls,
    cast_to,
    is_discrete,
    plain,
    rows_of,
    shape_of,
    with_cast,
)
from .numpy_shapes import astype

__all__: list[str] = []

_original: Any  # of the families below, each registered in a loop

_LEFT_AWAY = np._NoValue  # the default of settings such as keepdims and where


# Axes


def _kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """Return the shape of a reduction that keeps the reduced axes, with length one."""
    if axis is None or not shape:
        return (1,) * len(shape)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    reduced = {i % len(shape) for i in axes}
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def _kept(dzdy: Any, a: Any, axis: Any) -> Any:
    """Return `dzdy`, or the result, so that it broadcasts against `a`."""
    if axis is None or np.ndim(dzdy) == 0:
        return dzdy
    return np.reshape(dzdy, _kept_shape(shape_of(a), axis))


def _spread(dzdy: Any, a: Any, axis: Any) -> Any:
    """Return `dzdy` repeated along the reduced axes, in the shape of `a`: a read-only view."""
    shape = shape_of(a)
    if dzdy.__class__ is float:
        dzdy = np.float64(dzdy)
    if isinstance(dzdy, np.generic):  # an array of strides 0 costs a fifth of np.broadcast_to
        return np.ndarray(shape, dzdy.dtype, dzdy, 0, (0,) * len(shape))
    return np.broadcast_to(np.reshape(dzdy, _kept_shape(shape, axis)), shape)


def _given(where: Any) -> bool:
    return where is not _LEFT_AWAY and where is not True


def _only(where: Any, x: Any) -> Any:
    """Return `x` where `where` says, and zeros elsewhere, whatever stands there."""
    return np.where(where, x, 0.0) if _given(where) else x


def _count(a: Any, axis: Any, where: Any) -> Any:
    """Return how many elements each result is made of, at least 1, broadcasting against `a`."""
    shape = shape_of(a)
    if _given(where):
        count = np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=True)
        return np.maximum(count, 1)
    return max(math.prod(shape) // max(math.prod(_kept_shape(shape, axis)), 1), 1)


def _from_rows(rows: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Undo `rows_of` for an array of some shape."""
    if axis is None:
        return np.reshape(rows, shape)
    axes = normalize_axis_tuple(axis, len(shape))
    others = [n for i, n in enumerate(shape) if i not in axes]
    moved = np.reshape(rows, (*others, *(shape[i] for i in axes)))
    return np.moveaxis(moved, range(-len(axes), 0), axes)


# Sums and means


def _sum_grad(dzdy: Any, a: Any, axis: Any, dtype: Any, where: Any) -> Any:
    if dtype is not None and is_discrete(dtype):
        return ZERO
    dzda = _spread(dzdy, a, axis)
    return dzda if where is _LEFT_AWAY else _only(where, dzda)


def _mean_grad(dzdy: Any, a: Any, axis: Any, dtype: Any, where: Any) -> Any:
    if is_discrete(dtype):
        return ZERO
    share = _kept(dzdy, a, axis) / _count(a, axis, where)
    return _only(where, _spread(share, a, axis))


_MASK = np.array([[True], [False], [True]])
_REDUCED = (
    (),
    (1,),
    ((0, -1),),
    (-1, None, None, True),
    (0, float),
    ((1, 2), {"where": _MASK}),
    (None, {"where": _MASK, "keepdims": True}),
)
lifted(grad=_sum_grad, ignores=("keepdims", "initial"), complex=True, samples=calls(*_REDUCED))(
    np.sum
)
lifted(grad=_mean_grad, ignores=("keepdims",), complex=True, samples=calls(*_REDUCED))(np.mean)
lifted(
    grad=lambda dzdy, a, axis, dtype, where: _sum_grad(
        dzdy, a, axis, dtype, _without_nan(a, where)
    ),
    ignores=("keepdims", "initial"),
    complex=True,
    samples=calls(*_REDUCED, nans=True),
)(np.nansum)
lifted(
    grad=lambda dzdy, a, axis, dtype, where: _mean_grad(
        dzdy, a, axis, dtype, _without_nan(a, where)
    ),
    ignores=("keepdims",),
    complex=True,
    samples=calls(*_REDUCED, nans=True),
)(np.nanmean)


def _without_nan(a: Any, where: Any) -> Any:
    there = ~np.isnan(plain(array_of(a)))
    return there & where if _given(where) else there


@by_hand(
    np.average,
    samples=lambda rng: [
        (rng.normal(size=(2, 3, 4)), -1),
        (rng.normal(size=(2, 3, 4)), 1, rng.uniform(1, 2, 3)),
        (rng.normal(size=(2, 3)), None, rng.uniform(1, 2, (2, 3)), True),
        (rng.normal(size=(2, 3, 4)), (2, 0), rng.uniform(1, 2, (4, 2)), True, {"keepdims": True}),
    ],
)
def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    a, keepdims = array_of(a), keepdims is not _LEFT_AWAY and keepdims
    if weights is None:
        average = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.float64(np.size(a) / max(np.size(average), 1))
    else:
        weights = array_of(weights)
        if np.shape(weights) != np.shape(a):
            weights = _along_axes(weights, np.shape(a), axis)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if np.any(plain(total) == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        average = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (average, np.broadcast_to(total, np.shape(average))) if returned else average


def _along_axes(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Return weights of some axes so that they broadcast against an array of `shape`."""
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = normalize_axis_tuple(axis, len(shape))
    if np.shape(weights) != tuple(shape[i] for i in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    in_order = np.transpose(weights, np.argsort(axes))
    return np.reshape(in_order, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


# Variances


def _deviation(a: Any, axis: Any, dtype: Any, where: Any, mean: Any) -> Any:
    a = array_of(a)
    if mean is _LEFT_AWAY:
        where_all = where if _given(where) else True
        mean = np.mean(cast_to(a, dtype), axis=axis, keepdims=True, where=where_all)
    return _only(where, a - mean)


def _degrees(a: Any, axis: Any, where: Any, ddof: Any, correction: Any) -> Any:
    ddof = ddof if correction is _LEFT_AWAY else correction
    return np.maximum(_count(a, axis, where) - ddof, 0)


def _var_grad(
    dzdy: Any,
    a: Any,
    result: Any,
    axis: Any,
    dtype: Any,
    ddof: Any,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    if is_discrete(dtype):
        return ZERO
    real = np.real(dzdy) if np.iscomplexobj(dzdy) else dzdy  # a variance is, whatever its dtype
    share = _kept(real, a, axis) / _degrees(a, axis, where, ddof, correction)
    deviation = _deviation(a, axis, dtype, where, mean)
    return _only(where, 2 * share * deviation)  # a share may be infinite


def _std_grad(
    dzdy: Any,
    a: Any,
    result: Any,
    axis: Any,
    dtype: Any,
    ddof: Any,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    """Zero where all elements are equal: there the deviation has a kink."""
    dzdvar = 0.5 * dzdy / np.where(np.equal(result, 0), 1.0, result)
    return _var_grad(dzdvar, a, result, axis, dtype, ddof, where, mean, correction)


def _variance_grads(by_element: Callable[..., Any], *, skip_nan: bool) -> dict[str, Any]:
    """Return the rules of `numpy.var` or its kin: for the elements, and for a mean that is given.

    Where no mean is given, what flows through it cancels, since deviations sum to zero.
    """

    def a_grad(
        dzdy: Any,
        a: Any,
        result: Any,
        axis: Any,
        dtype: Any,
        ddof: Any,
        where: Any,
        mean: Any,
        correction: Any,
    ) -> Any:
        where = _without_nan(a, where) if skip_nan else where
        return by_element(dzdy, a, result, axis, dtype, ddof, where, mean, correction)

    def mean_grad(
        dzdy: Any,
        a: Any,
        result: Any,
        axis: Any,
        dtype: Any,
        ddof: Any,
        where: Any,
        mean: Any,
        correction: Any,
    ) -> Any:
        dzda = a_grad(dzdy, a, result, axis, dtype, ddof, where, mean, correction)
        return ZERO if dzda is ZERO else -np.sum(dzda, axis=axis, keepdims=True)

    return {"a": a_grad, "mean": mean_grad}


def _varied(*, nans: bool) -> Samples:
    draw = calls(
        (1,),
        ((0, -1), {"ddof": 0.5}),
        (-1, None, None, 1, True),
        ((1, 2), {"where": _MASK}),
        ((1, 2), {"correction": 1}),
        nans=nans,
    )
    return lambda rng: [
        (
            (a := draw(rng)[0][0]),
            1,
            {"mean": rng.normal(size=(2, 1, 4)), "where": _MASK, "ddof": 0.5, "keepdims": True},
        ),
        (a, 1, {"mean": rng.normal(size=(2, 1, 4)), "correction": 0.5}),
        *draw(rng),
        *((a[0] * (1 - 0.5j) + 0.3j, 1, {"dtype": dtype}) for dtype in (float, complex)),
    ]


_variances: dict[Any, Any] = {
    np.var: _var_grad,
    np.std: _std_grad,
    np.nanvar: _var_grad,
    np.nanstd: _std_grad,
}
for _original, _by_element in _variances.items():
    _skip_nan = _original in (np.nanvar, np.nanstd)
    lifted(
        grad=_variance_grads(_by_element, skip_nan=_skip_nan),
        ignores=("keepdims",),
        complex=True,
        samples=_varied(nans=_skip_nan),
    )(_original)


def _rows_of_variables(x: Any, rowvar: bool, dtype: Any) -> Any:
    x = array_of(x) if dtype is None else astype(array_of(x), dtype)
    if np.ndim(x) > 2:
        raise ValueError("m has more than 2 dimensions")
    return np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x if rowvar else np.transpose(x)


def _observations(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y = rng.normal(size=(2, 3, 5))
    return [(x,), (x, y), (x[0], y[0]), (x, y, False), (x * (1 - 0.5j), y)]


@by_hand(
    np.cov,
    samples=lambda rng: [
        *_observations(rng),
        (rng.normal(size=(3, 5)), {"bias": True}),
        (
            rng.normal(size=(3, 5)),
            {"fweights": np.array([1, 2, 1, 3, 1]), "aweights": rng.uniform(1, 2, 5)},
        ),
        (rng.normal(size=(3, 5)), {"ddof": 0, "aweights": rng.uniform(1, 2, 5)}),
    ],
)
def _cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    x = _rows_of_variables(m, rowvar, dtype)
    if y is not None:
        y = array_of(y)  # a single row stays one, whatever rowvar says
        x = np.concatenate([x, _rows_of_variables(y, rowvar or np.shape(y)[:1] == (1,), dtype)])
    if ddof is None:
        ddof = 0 if bias else 1
    weights = None if fweights is None else np.asarray(plain(fweights), float)
    if aweights is not None:
        aweights = array_of(aweights)
        weights = aweights if weights is None else weights * aweights
    mean, total = np.average(x, axis=1, weights=weights, returned=True)
    total = total[0]
    if weights is None:
        factor = x.shape[1] - ddof
    elif ddof == 0 or aweights is None:
        factor = total - ddof
    else:
        factor = total - ddof * np.sum(weights * aweights) / total
    deviation = x - mean[:, None]
    weighted = deviation if weights is None else deviation * weights
    return np.squeeze(deviation @ np.transpose(conj(weighted)) / np.maximum(factor, 0))


@by_hand(np.corrcoef, samples=_observations)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation
    if np.iscomplexobj(c):
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)


# Extremes


def _extreme_grad(dzdy: Any, a: Any, result: Any, axis: Any, initial: Any, where: Any) -> Any:
    """An equal share for each of the tied, of which `initial` may be one."""
    a, result = array_of(a), _kept(result, a, axis)
    tied = np.equal(a, result)
    if _given(where):
        tied = tied & where
    count = np.sum(tied, axis=axis, keepdims=True)
    if initial is not _LEFT_AWAY:
        count = count + np.equal(initial, result)
    return np.where(tied, _kept(dzdy, a, axis) / np.maximum(count, 1), 0.0)


def _ptp_grad(dzdy: Any, a: Any, axis: Any) -> Any:
    a = array_of(a)
    high = _extreme_grad(dzdy, a, np.max(a, axis=axis, keepdims=True), axis, _LEFT_AWAY, True)
    low = _extreme_grad(dzdy, a, np.min(a, axis=axis, keepdims=True), axis, _LEFT_AWAY, True)
    return high - low


_EXTREMES = (
    (),
    (1, {"initial": 0.1}),
    (1, {"where": _MASK, "initial": 0.1, "keepdims": True}),
    ((0, -1),),
    (-1, None, True),
)


def _with_copies(draw: Samples) -> Samples:
    """Samples where elements that do not count equal the extreme, and where some that do tie."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        found = draw(rng)
        a = found[0][0].copy()
        a[:, 1] = a[:, 0]
        tied = np.array([[-1.5, 2.5, 0.5, 2.5, -1.5], [0.5, 1.5, 1.5, -2.0, 0.5]])
        return [
            *found,
            (a, 1, {"where": _MASK, "initial": 0.1}),
            (tied, 1, {"initial": 0.5}),
        ]

    return samples


for _original in (np.max, np.amax, np.min, np.amin, np.nanmax, np.nanmin):
    lifted(
        grad=_extreme_grad,
        ignores=("keepdims",),
        complex=True,
        samples=_with_copies(calls(*_EXTREMES, nans=_original in (np.nanmax, np.nanmin))),
    )(_original)
lifted(
    grad=_ptp_grad,
    ignores=("keepdims",),
    complex=True,
    samples=calls((), (1,), ((0, -1),), (-1, None, True)),
)(np.ptp)


# Products


def _product_of_others(rows: Any) -> Any:
    """Return for each element of a row the product of all others."""
    one = np.ones((*np.shape(rows)[:-1], 1))
    before = np.cumprod(np.concatenate([one, rows[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, rows[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def _prod_grad(dzdy: Any, a: Any, axis: Any, dtype: Any, initial: Any, where: Any) -> Any:
    a = cast_to(array_of(a), dtype)
    if is_discrete(dtype) or not np.size(a):
        return ZERO
    factors = np.where(where, a, 1.0) if _given(where) else a
    others = _from_rows(_product_of_others(rows_of(factors, axis)), np.shape(a), axis)
    if initial is not _LEFT_AWAY:
        others = others * initial
    return _only(where, _kept(dzdy, a, axis) * conj(others))


_PRODUCTS = ((1, {"initial": 1.5}), *_REDUCED[:-1])
lifted(grad=_prod_grad, ignores=("keepdims",), complex=True, samples=with_cast(calls(*_PRODUCTS)))(
    np.prod
)
lifted(
    grad=lambda dzdy, a, axis, dtype, initial, where: _prod_grad(
        dzdy, a, axis, dtype, initial, _without_nan(a, where)
    ),
    ignores=("keepdims",),
    complex=True,
    samples=with_cast(calls(*_PRODUCTS, nans=True)),
)(np.nanprod)


# Locally constant

for _original in (
    np.all,
    np.any,
    np.argmax,
    np.argmin,
    np.argpartition,
    np.argsort,
    np.argwhere,
    np.count_nonzero,
    np.digitize,
    np.flatnonzero,
    np.isin,
    np.lexsort,
    np.nanargmax,
    np.nanargmin,
    np.nonzero,
    np.searchsorted,
):
    locally_constant(_original)
