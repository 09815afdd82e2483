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
from .numpy_shapes import (
    array_of,
    astype,
    by_hand,
    is_discrete,
    numbered,
    plain,
    rows_of,
    scattered,
    shape_of,
)

__all__: list[str] = []

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]

_original: Any  # of the families below, each registered in a loop

_LEFT_AWAY = np._NoValue  # the default of settings such as keepdims and where


def _calls(*settings: tuple[Any, ...], complex: bool = True, nans: bool = False) -> Samples:
    """Samples of a function of one array: what follows the array in each call."""

    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        a = rng.normal(size=(2, 3, 4))
        if nans:
            a[0, 1, 2] = a[1, 0, 0] = a[1, 2, 3] = np.nan
        return [*((a, *rest) for rest in settings), *([(a * (1 - 0.5j),)] if complex else [])]

    return draw


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
    if is_discrete(dtype):
        return ZERO
    return _only(where, _spread(dzdy, a, axis))


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
lifted(grad=_sum_grad, ignores=("keepdims", "initial"), complex=True, samples=_calls(*_REDUCED))(
    np.sum
)
lifted(grad=_mean_grad, ignores=("keepdims",), complex=True, samples=_calls(*_REDUCED))(np.mean)
lifted(
    grad=lambda dzdy, a, axis, dtype, where: _sum_grad(
        dzdy, a, axis, dtype, _without_nan(a, where)
    ),
    ignores=("keepdims", "initial"),
    complex=True,
    samples=_calls(*_REDUCED, nans=True),
)(np.nansum)
lifted(
    grad=lambda dzdy, a, axis, dtype, where: _mean_grad(
        dzdy, a, axis, dtype, _without_nan(a, where)
    ),
    ignores=("keepdims",),
    complex=True,
    samples=_calls(*_REDUCED, nans=True),
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


def _deviation(a: Any, axis: Any, where: Any, mean: Any) -> Any:
    a = array_of(a)
    if mean is _LEFT_AWAY:
        mean = np.mean(a, axis=axis, keepdims=True, where=where if _given(where) else True)
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
    share = _kept(dzdy, a, axis) / _degrees(a, axis, where, ddof, correction)
    return _only(where, 2 * share * _deviation(a, axis, where, mean))  # a share may be infinite


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
    draw = _calls(
        *_REDUCED,
        (1, None, None, 1),
        ((0, 2), {"ddof": 0.5}),
        ((1, 2), {"correction": 1}),
        nans=nans,
    )
    return lambda rng: [
        *draw(rng),
        (draw(rng)[0][0], 1, {"mean": rng.normal(size=(2, 1, 4)), "keepdims": True}),
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
        x = np.concatenate([x, _rows_of_variables(y, rowvar, dtype)])
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
    (1,),
    ((0, -1),),
    (-1, None, True),
    (1, {"initial": 0.1}),
    (1, {"where": _MASK, "initial": 0.1, "keepdims": True}),
)
for _original in (np.max, np.amax, np.min, np.amin, np.nanmax, np.nanmin):
    lifted(
        grad=_extreme_grad,
        ignores=("keepdims",),
        complex=True,
        samples=_calls(*_EXTREMES, nans=_original in (np.nanmax, np.nanmin)),
    )(_original)
lifted(
    grad=_ptp_grad,
    ignores=("keepdims",),
    complex=True,
    samples=_calls((), (1,), ((0, -1),), (-1, None, True)),
)(np.ptp)


# Products


def _product_of_others(rows: Any) -> Any:
    """Return for each element of a row the product of all others."""
    one = np.ones((*np.shape(rows)[:-1], 1))
    before = np.cumprod(np.concatenate([one, rows[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, rows[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def _prod_grad(dzdy: Any, a: Any, axis: Any, dtype: Any, initial: Any, where: Any) -> Any:
    a = array_of(a)
    if is_discrete(dtype) or not np.size(a):
        return ZERO
    factors = np.where(where, a, 1.0) if _given(where) else a
    others = _from_rows(_product_of_others(rows_of(factors, axis)), np.shape(a), axis)
    if initial is not _LEFT_AWAY:
        others = others * initial
    return _only(where, _kept(dzdy, a, axis) * conj(others))


_PRODUCTS = (*_REDUCED, (1, {"initial": 1.5}))
lifted(grad=_prod_grad, ignores=("keepdims",), complex=True, samples=_calls(*_PRODUCTS))(np.prod)
lifted(
    grad=lambda dzdy, a, axis, dtype, initial, where: _prod_grad(
        dzdy, a, axis, dtype, initial, _without_nan(a, where)
    ),
    ignores=("keepdims",),
    complex=True,
    samples=_calls(*_PRODUCTS, nans=True),
)(np.nanprod)


# Running sums and products


def _cumsum_grad(dzdy: Any, a: Any, axis: Any, dtype: Any) -> Any:
    if is_discrete(dtype):
        return ZERO
    along = axis or 0
    return np.reshape(np.flip(np.cumsum(np.flip(dzdy, along), along), along), shape_of(a))


def _suffix_sums(slope: Any, term: Any) -> Any:
    """Return ``s[i] = term[i] + slope[i + 1] * s[i + 1]`` along the last axis.

    Each step composes maps over twice the distance, so that there are log2(n) of them, and no
    division.

    References
    ----------
    G. E. Blelloch, "Prefix sums and their applications", CMU-CS-90-190 (1990), section 1.4.
    """
    n = np.shape(term)[-1]
    slope = np.concatenate([slope[..., 1:], np.zeros((*np.shape(slope)[:-1], 1))], -1)
    distance = 1
    while distance < n:
        near = slope[..., :-distance]
        term = np.concatenate(
            [term[..., :-distance] + near * term[..., distance:], term[..., -distance:]], -1
        )
        slope = np.concatenate([near * slope[..., distance:], slope[..., -distance:]], -1)
        distance *= 2
    return term


def _cumprod_grad(dzdy: Any, a: Any, result: Any, axis: Any, dtype: Any) -> Any:
    a = array_of(a)
    if is_discrete(dtype) or not np.size(a):
        return ZERO
    along = axis or 0
    factors = conj(np.reshape(a, -1) if axis is None else a)
    if np.all(plain(factors) != 0):
        terms = np.flip(dzdy * conj(result), along)
        dzda = np.flip(np.cumsum(terms, along), along) / factors
    else:
        factors, terms = np.moveaxis(factors, along, -1), np.moveaxis(dzdy, along, -1)
        one = np.ones((*np.shape(factors)[:-1], 1))
        before = np.cumprod(np.concatenate([one, factors[..., :-1]], -1), -1)
        dzda = np.moveaxis(before * _suffix_sums(factors, terms), -1, along)
    return np.reshape(dzda, np.shape(a))


def _with_zero(draw: Samples) -> Samples:
    """Samples with a zero in two of the rows, and two zeros in one."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        calls = draw(rng)
        zeros = calls[0][0].copy()
        zeros[0, 1, 2] = zeros[1, 0, 1] = zeros[1, 0, 3] = 0.0
        return [*calls, *((zeros, *rest) for _, *rest in calls[:-1])]

    return samples


_RUNNING = ((), (1,), (-1,), (0, float))
lifted(grad=_cumsum_grad, complex=True, samples=_calls(*_RUNNING))(np.cumsum)
lifted(grad=_cumprod_grad, complex=True, samples=_with_zero(_calls(*_RUNNING)))(np.cumprod)
lifted(
    grad=lambda dzdy, a, axis, dtype: _skipping_nan(_cumsum_grad(dzdy, a, axis, dtype), a),
    complex=True,
    samples=_calls(*_RUNNING, nans=True),
)(np.nancumsum)
lifted(
    grad=lambda dzdy, a, result, axis, dtype: _skipping_nan(
        _cumprod_grad(dzdy, _one_for_nan(a), result, axis, dtype), a
    ),
    complex=True,
    samples=_calls(*_RUNNING, nans=True),
)(np.nancumprod)


def _one_for_nan(a: Any) -> Any:
    a = array_of(a)
    return np.where(np.isnan(plain(a)), 1.0, a)


def _skipping_nan(dzda: Any, a: Any) -> Any:
    return ZERO if dzda is ZERO else np.where(np.isnan(plain(array_of(a))), 0.0, dzda)


def _from_second(y: Any, axis: Any) -> Any:
    return y[(*(slice(None),) * ((axis or 0) % y.ndim), slice(1, None))]


def _cumulative_sum_grad(dzdy: Any, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    dzdy = _from_second(dzdy, axis) if include_initial else dzdy
    return _cumsum_grad(dzdy, x, axis, dtype)


def _cumulative_prod_grad(
    dzdy: Any, x: Any, result: Any, axis: Any, dtype: Any, include_initial: bool
) -> Any:
    if include_initial:
        dzdy, result = _from_second(dzdy, axis), _from_second(result, axis)
    return _cumprod_grad(dzdy, x, result, axis, dtype)


if hasattr(np, "cumulative_sum"):  # numpy 2.1
    _CUMULATIVE = _calls(({"axis": 1},), ({"axis": -1, "include_initial": True},), complex=False)
    lifted(grad=_cumulative_sum_grad, complex=True, samples=_CUMULATIVE)(np.cumulative_sum)
    lifted(grad=_cumulative_prod_grad, complex=True, samples=_CUMULATIVE)(np.cumulative_prod)


# Differences and integrals along an axis


@by_hand(
    np.diff,
    samples=lambda rng: [
        (rng.normal(size=(3, 4)),),
        (rng.normal(size=(3, 4)), 2, 0),
        (rng.normal(size=(3, 4)), 1, -1, 0.5, rng.normal(size=(3, 2))),
    ],
)
def _diff(
    a: Any,
    n: int = 1,
    axis: int = -1,
    prepend: Any = _LEFT_AWAY,
    append: Any = _LEFT_AWAY,
) -> Any:
    a = array_of(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    axis = axis % a.ndim
    if n == 0:
        return a
    end_shape = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    parts = [
        x if np.ndim(x) else np.broadcast_to(x, end_shape)
        for x in (prepend, a, append)
        if x is not _LEFT_AWAY
    ]
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    before = (slice(None),) * axis
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(-1))]
    return a


@by_hand(
    np.ediff1d,
    samples=lambda rng: [
        (rng.normal(size=(3, 4)),),
        (rng.normal(size=4), rng.normal(size=2), 0.5),
    ],
)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(array_of(ary))
    parts = (to_begin, flat[1:] - flat[:-1], to_end)
    return np.concatenate([np.ravel(array_of(x)) for x in parts if x is not None])


def _slopes(f: Any, step: Any, axis: int, edge_order: int) -> Any:
    """Return the derivative along an axis, by differences of second order within.

    Parameters
    ----------
    f : ndarray
    step : float or ndarray, shape (n - 1,)
        Distances of the n places along `axis`.
    axis : int
    edge_order : {1, 2}
        Of the differences at both ends.

    References
    ----------
    B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
    Math. Comp. 51 (1988), 699-706.
    """
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, "
            "at least (edge_order + 1) elements are required."
        )

    def at(start: int, stop: int) -> Any:
        return f[(*(slice(None),) * axis, slice(start, stop))]

    def weighted(i: int, a: Any, b: Any, c: Any) -> Any:
        return a * at(i, i + 1) + b * at(i + 1, i + 2) + c * at(i + 2, i + 3)

    if np.ndim(step) == 0:
        first = last = step
        within = (at(2, n) - at(0, n - 2)) / (2.0 * step)
    else:
        first, last = step[0], step[-1]
        steps = np.reshape(step, tuple(-1 if i == axis else 1 for i in range(f.ndim)))
        before = steps[(*(slice(None),) * axis, slice(None, -1))]
        after = steps[(*(slice(None),) * axis, slice(1, None))]
        within = (
            -after / (before * (before + after)) * at(0, n - 2)
            + (after - before) / (before * after) * at(1, n - 1)
            + before / (after * (before + after)) * at(2, n)
        )
    if edge_order == 1:
        ends = (at(1, 2) - at(0, 1)) / first, (at(n - 1, n) - at(n - 2, n - 1)) / last
    else:
        h, k = (first, first) if np.ndim(step) == 0 else (step[0], step[1])
        front = weighted(0, -(2.0 * h + k) / (h * (h + k)), (h + k) / (h * k), -h / (k * (h + k)))
        h, k = (last, last) if np.ndim(step) == 0 else (step[-2], step[-1])
        back = weighted(n - 3, k / (h * (h + k)), -(k + h) / (h * k), (2.0 * k + h) / (k * (h + k)))
        ends = front, back
    return np.concatenate([ends[0], within, ends[1]], axis)


@by_hand(
    np.gradient,
    samples=lambda rng: [
        (rng.normal(size=(3, 4)),),
        (rng.normal(size=(3, 4)), 0.5, {"axis": -1}),
        (rng.normal(size=(3, 4)), 0.5, np.cumsum(rng.uniform(1, 2, 4)), {"edge_order": 2}),
        (rng.normal(size=(3, 2)), np.array([0.0, 1.0, 3.0]), {"axis": 0}),
    ],
)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = array_of(f)
    if f.dtype.kind in "iu":
        f = astype(f, float)
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    steps = [array_of(x) for x in varargs] or [1.0]
    if len(steps) == 1 and np.ndim(steps[0]) == 0:
        steps = steps * len(axes)
    if len(steps) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    found = []
    for i, step in zip(axes, steps, strict=True):
        if np.ndim(step) > 1:
            raise ValueError("distances must be either scalars or 1d")
        if np.ndim(step) == 1:
            if len(step) != f.shape[i]:
                raise ValueError(
                    "when 1d, distances must match the length of the corresponding dimension"
                )
            step = step[1:] - step[:-1]
        found.append(_slopes(f, step, i, edge_order))
    return found[0] if len(found) == 1 else tuple(found)


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = array_of(y)
    axis = axis % y.ndim
    before = (slice(None),) * axis
    if x is not None:
        x = array_of(x)
        if np.ndim(x) == 1:
            dx = np.reshape(x[1:] - x[:-1], (-1, *(1,) * (y.ndim - axis - 1)))
        else:
            dx = np.diff(x, axis=axis)
    means = y[(*before, slice(1, None))] + y[(*before, slice(-1))]
    return np.sum(dx * means / 2.0, axis=axis)


for _name in ("trapezoid", "trapz"):  # the second up to numpy 2.3
    if hasattr(np, _name):
        by_hand(
            getattr(np, _name),
            samples=lambda rng: [
                (rng.normal(size=(3, 4)), None, 0.5),
                (rng.normal(size=(3, 4)), np.cumsum(rng.uniform(1, 2, 3)), {"axis": 0}),
                (rng.normal(size=(3, 4)), np.cumsum(rng.uniform(1, 2, (3, 4)), 1)),
            ],
        )(_trapezoid)


# Quantiles

# How fast the position among n sorted values moves with q, less n; other methods move in jumps.
_SPEEDS = {
    "linear": -1.0,
    "interpolated_inverted_cdf": 0.0,
    "hazen": 0.0,
    "weibull": 1.0,
    "median_unbiased": 1 / 3,
    "normal_unbiased": 1 / 4,
}


def _neighbours(a: Any, q: Any, axis: Any, method: Any, *, skip_nan: bool) -> Any:
    """Return between which elements the quantiles of `a` lie, and how far from the lower one.

    The original itself tells the position, as the quantile of 0, 1, 2, ..., for any method.

    Returns
    -------
    below, above : ndarray of int, shape (k, m)
        Flat indices into `a`, for k values of q and m results each.
    fraction : ndarray, shape (k, m)
        From 0, at the element below, to 1; differentiable in q.
    count : ndarray of int, shape (m,)
        How many elements each result is made of.
    moves : ndarray of bool, shape (k, m)
        Where the position moves with q: not beyond the first or last element.
    """
    rows = rows_of(plain(a), axis)
    order = np.take_along_axis(rows_of(numbered(a), axis), np.argsort(rows, axis=-1), -1)
    count = np.sum(~np.isnan(rows), axis=-1) if skip_nan else np.full(*rows.shape)
    last = np.maximum(count - 1, 0)
    if method == "linear":
        position = np.reshape(q, (-1, 1)) * last
    else:
        counts, which = np.unique(last, return_inverse=True)
        positions = [np.quantile(np.arange(n + 1.0), np.ravel(q), method=method) for n in counts]
        position = np.stack(positions, axis=-1)[:, which]
    lower = np.clip(np.floor(plain(position)).astype(int), 0, np.maximum(last - 1, 0))
    row = np.arange(len(count))
    moves = (plain(position) > 0) & (plain(position) < last)
    if method == "linear":  # the first and the last element are the quantiles 0 and 1
        moves = moves | (last > 0)
    below, above = order[row, lower], order[row, np.minimum(lower + 1, last)]
    return below, above, position - lower, count, moves


def _quantile_grads(*, percent: bool = False, skip_nan: bool = False) -> dict[str, Any]:
    """Return the rules of `numpy.quantile` or its kin, for the elements and for q."""
    scale = 100.0 if percent else 1.0

    def a_grad(dzdy: Any, a: Any, q: Any, axis: Any, method: str) -> Any:
        a = array_of(a)
        below, above, fraction, count, _ = _neighbours(
            a, array_of(q) / scale, axis, method, skip_nan=skip_nan
        )
        share = np.where(count > 0, np.reshape(dzdy, below.shape), 0.0)
        parts = np.concatenate([share * (1 - fraction), share * fraction])
        return scattered(parts, np.concatenate([below, above]), a)

    def q_grad(dzdy: Any, a: Any, q: Any, axis: Any, method: str) -> Any:
        if method not in _SPEEDS:
            return ZERO
        a = array_of(a)
        below, above, _, count, moves = _neighbours(
            a, array_of(q) / scale, axis, method, skip_nan=skip_nan
        )
        flat = np.reshape(a, -1)
        rise = np.where(moves, flat[above] - flat[below], 0.0) * ((count + _SPEEDS[method]) / scale)
        return np.reshape(np.sum(np.reshape(dzdy, below.shape) * rise, axis=-1), np.shape(q))

    return {"a": a_grad, "q": q_grad}


def _quantiles(*, percent: bool, nans: bool) -> Samples:
    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        scale = 100.0 if percent else 1.0
        (a,) = _calls((), complex=False, nans=nans)(rng)[0]
        q = rng.uniform(0.3, 0.7, 2) * scale
        return [
            (a, 0.33 * scale),
            (a, q, 1),
            (a, q[None], (0, -1), {"keepdims": True}),
            *((a, q, 2, {"method": method}) for method in (*_SPEEDS, "lower", "midpoint")),
            (a, 0.01 * scale, {"method": "hazen"}),
        ]

    return draw


for _original, _percent, _skip_nan in (
    (np.quantile, False, False),
    (np.percentile, True, False),
    (np.nanquantile, False, True),
    (np.nanpercentile, True, True),
):
    lifted(
        grad=_quantile_grads(percent=_percent, skip_nan=_skip_nan),
        ignores=("keepdims",),
        samples=_quantiles(percent=_percent, nans=_skip_nan),
    )(_original)

_quantile_a_grad = _quantile_grads()["a"]
_nanquantile_a_grad = _quantile_grads(skip_nan=True)["a"]
_HALVED = ((), (1,), ((0, -1),), (-1, {"keepdims": True}))
lifted(
    grad=lambda dzdy, a, axis: _quantile_a_grad(dzdy, a, 0.5, axis, "linear"),
    ignores=("keepdims",),
    samples=_calls(*_HALVED, complex=False),
)(np.median)
lifted(
    grad=lambda dzdy, a, axis: _nanquantile_a_grad(dzdy, a, 0.5, axis, "linear"),
    ignores=("keepdims",),
    samples=_calls(*_HALVED, complex=False, nans=True),
)(np.nanmedian)


# Sums of products with a shift


def _whole(dzdy: Any, a: Any, v: Any, *, late: bool = False) -> Any:
    """Return the cotangent of a convolution in full: zeros where ``mode`` left results away.

    Parameters
    ----------
    late : bool
        Whether the middle of an odd remainder is rounded up.
    """
    left_away = np.size(a) + np.size(v) - 1 - np.size(dzdy)
    before = (left_away + late) // 2
    return np.concatenate([np.zeros(before), dzdy, np.zeros(left_away - before)])


def _filtered(whole: Any, other: Any, like: Any) -> Any:
    """Return the cotangent of one factor of a convolution, given the other."""
    return np.reshape(np.convolve(whole, conj(np.ravel(other)[::-1]), "valid"), np.shape(like))


def _correlate_a_grad(dzdy: Any, a: Any, v: Any) -> Any:
    whole = _whole(dzdy, a, v, late=np.size(v) > np.size(a))
    return np.reshape(np.convolve(whole, np.ravel(v), "valid"), np.shape(a))


def _correlate_v_grad(dzdy: Any, a: Any, v: Any) -> Any:
    whole = _whole(dzdy, a, v, late=np.size(v) > np.size(a))
    reversed_ = conj(np.convolve(whole, conj(np.ravel(a)[::-1]), "valid"))
    return np.reshape(reversed_[::-1], np.shape(v))


def _signals(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y = rng.normal(size=5), rng.normal(size=4)
    return [
        *((a, b, mode) for mode in ("full", "same", "valid") for a, b in ((x, y), (y, x))),
        (x * (1 - 0.5j), y * (0.3 + 1j)),
    ]


lifted(
    grad={
        "a": lambda dzdy, a, v: _filtered(_whole(dzdy, a, v), v, a),
        "v": lambda dzdy, a, v: _filtered(_whole(dzdy, a, v), a, v),
    },
    ignores=("mode",),
    complex=True,
    samples=lambda rng: [*_signals(rng), (rng.normal(size=5), 1.5)],
)(np.convolve)
lifted(
    grad={"a": _correlate_a_grad, "v": _correlate_v_grad},
    ignores=("mode",),
    complex=True,
    samples=_signals,
)(np.correlate)


# Counts: constant but for jumps, in all but the weights


lifted(
    grad={"weights": lambda dzdy, x: dzdy[np.asarray(x)]},
    signature="x, weights=None, minlength=0",
    ignores=("minlength",),
    samples=lambda rng: [(np.array([0, 3, 1, 3]), rng.normal(size=4), 6)],
)(np.bincount)


def _edges(a: Any, bins: Any, range: Any, weights: Any) -> Any:
    """Return the edges of bins, which lie between the extremes of `a` if nothing else is said."""
    if not isinstance(bins, str) and np.ndim(bins) == 1:
        return array_of(bins)
    settings = plain(range), None if weights is None else np.ravel(plain(array_of(weights)))
    edges = np.histogram_bin_edges(plain(a), bins, *settings)
    if range is not None or not np.size(a):
        return edges
    low, high = np.min(a), np.max(a)
    if plain(low) == plain(high):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, len(edges))


def _samples_of_counts(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a, weights = rng.normal(size=(2, 9))
    return [
        (a, 4),
        (a, "sturges"),
        (a, 4, None, None, weights),
        (a, np.array([-2.0, -0.5, 0.3, 2.0]), None, True, weights),
        (a, 3, (-1.0, 1.5), True),
    ]


@by_hand(np.histogram, samples=_samples_of_counts)
def _histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    a = np.ravel(array_of(a))
    edges = _edges(a, bins, range, weights)
    at = plain(edges)
    if weights is None:
        counts = np.histogram(plain(a), at)[0]
    else:
        place = np.searchsorted(at, plain(a), "right") - 1
        place = np.where(plain(a) == at[-1], len(at) - 2, place)  # the last bin is closed
        inside = (place >= 0) & (place < len(at) - 1)
        counts = np.bincount(
            place[inside], np.ravel(array_of(weights))[inside], minlength=len(at) - 1
        )
    if density:
        counts = counts / (edges[1:] - edges[:-1]) / np.sum(counts)
    return counts, edges


@by_hand(
    np.histogram_bin_edges,
    samples=lambda rng: [(rng.normal(size=9), 4), (rng.normal(size=9), "fd")],
)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    return _edges(np.ravel(array_of(a)), bins, range, weights)


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
