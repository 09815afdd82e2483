"""Rules of functions along an axis: running sums and products, differences, convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._bvar import conj
from .._lift import lifted
from .._space import ZERO
from ._arrays import (
    Samples,
    array_of,
    by_hand,
    calls,
    cast_to,
    is_discrete,
    plain,
    shape_of,
    with_cast,
)
from .numpy_shapes import astype

__all__: list[str] = []

_LEFT_AWAY = np._NoValue  # the default of settings such as prepend


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
    a = cast_to(array_of(a), dtype)
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


def _with_zeros(draw: Samples) -> Samples:
    """Samples with a zero in two of the rows, and two zeros in one, before those without."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        found = draw(rng)
        zeros = found[0][0].copy()
        zeros[0, 1, 2] = zeros[1, 0, 1] = zeros[1, 0, 3] = 0.0
        return [*((zeros, *rest) for x, *rest in found if x is not found[1][0]), *found]

    return samples


_RUNNING = ((), (1,), (-1,), (0, float))
lifted(grad=_cumsum_grad, complex=True, samples=calls(*_RUNNING))(np.cumsum)
lifted(grad=_cumprod_grad, complex=True, samples=with_cast(_with_zeros(calls(*_RUNNING))))(
    np.cumprod
)
lifted(
    grad=lambda dzdy, a, axis, dtype: _skipping_nan(_cumsum_grad(dzdy, a, axis, dtype), a),
    complex=True,
    samples=calls(*_RUNNING, nans=True),
)(np.nancumsum)
lifted(
    grad=lambda dzdy, a, result, axis, dtype: _skipping_nan(
        _cumprod_grad(dzdy, _one_for_nan(a), result, axis, dtype), a
    ),
    complex=True,
    samples=with_cast(calls(*_RUNNING, nans=True)),
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
    _CUMULATIVE = with_cast(calls(({"axis": 1},), ({"axis": -1, "include_initial": True},)))
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
        (rng.normal(size=4), *rng.normal(size=(2, 2, 2))),
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
