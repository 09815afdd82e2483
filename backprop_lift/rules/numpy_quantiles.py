"""Rules of functions of sorted data: quantiles, medians and histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._lift import lifted
from .._space import ZERO
from ._arrays import (
    Samples,
    array_of,
    by_hand,
    calls,
    numbered,
    plain,
    rows_of,
    scattered,
)

__all__: list[str] = []

_original: Any  # of the families below, each registered in a loop


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
    before : ndarray of int, shape (k, m)
        Flat indices of the elements below those that a quantile is at; `below` between two.
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
    at_one = np.abs(plain(position) - lower) <= 1e-8 * lower
    before = np.where(at_one, order[row, np.maximum(lower - 1, 0)], below)
    return below, above, position - lower, count, moves, before


def _quantile_grads(*, percent: bool = False, skip_nan: bool = False) -> dict[str, Any]:
    """Return the rules of `numpy.quantile` or its kin, for the elements and for q."""
    scale = 100.0 if percent else 1.0

    def a_grad(dzdy: Any, a: Any, q: Any, axis: Any, method: str) -> Any:
        a = array_of(a)
        below, above, fraction, count, *_ = _neighbours(
            a, array_of(q) / scale, axis, method, skip_nan=skip_nan
        )
        share = np.where(count > 0, np.reshape(dzdy, below.shape), 0.0)
        parts = np.concatenate([share * (1 - fraction), share * fraction])
        return scattered(parts, np.concatenate([below, above]), a)

    def q_grad(dzdy: Any, a: Any, q: Any, axis: Any, method: str) -> Any:
        if method not in _SPEEDS:
            return ZERO
        a = array_of(a)
        below, above, _, count, moves, before = _neighbours(
            a, array_of(q) / scale, axis, method, skip_nan=skip_nan
        )
        flat = np.reshape(a, -1)
        # at an element the mean of the slopes of both sides
        rise = np.where(
            before == below, flat[above] - flat[below], 0.5 * (flat[above] - flat[before])
        )
        rise = np.where(moves, rise, 0.0) * ((count + _SPEEDS[method]) / scale)
        return np.reshape(np.sum(np.reshape(dzdy, below.shape) * rise, axis=-1), np.shape(q))

    return {"a": a_grad, "q": q_grad}


def _quantiles(*, percent: bool, nans: bool) -> Samples:
    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        scale = 100.0 if percent else 1.0
        (a,) = calls((), complex=False, nans=nans)(rng)[0]
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
    samples=calls(*_HALVED, complex=False),
)(np.median)
lifted(
    grad=lambda dzdy, a, axis: _nanquantile_a_grad(dzdy, a, 0.5, axis, "linear"),
    ignores=("keepdims",),
    samples=calls(*_HALVED, complex=False, nans=True),
)(np.nanmedian)


# Counts: constant but for jumps, in all but the weights


lifted(
    grad={"weights": lambda dzdy, x: dzdy[np.asarray(x)]},
    signature="x, weights=None, minlength=0",
    ignores=("minlength",),
    samples=lambda rng: [(np.array([0, 3, 1, 3]), rng.normal(size=4), 6)],
)(np.bincount)


def _plain_pair(range: Any) -> Any:
    return None if range is None else tuple(map(plain, range))


def _edges(a: Any, bins: Any, range: Any, weights: Any) -> Any:
    """Return the edges of bins, which lie between the extremes of `a` if nothing else is said."""
    if not isinstance(bins, str) and np.ndim(bins) == 1:
        return array_of(bins)
    settings = _plain_pair(range), None if weights is None else np.ravel(plain(array_of(weights)))
    edges = np.histogram_bin_edges(plain(a), bins, *settings)
    if range is None and not np.size(a):
        return edges
    low, high = (np.min(a), np.max(a)) if range is None else range
    if plain(low) == plain(high):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, len(edges))


def _samples_of_counts(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a, weights = rng.normal(size=(2, 9))
    return [
        (a, 4),
        (a, "sturges"),
        (a.reshape(3, 3), 4, None, None, weights.reshape(3, 3)),
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
    samples=lambda rng: [(rng.normal(size=(3, 3)), 4), (rng.normal(size=9), "fd")],
)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    return _edges(np.ravel(array_of(a)), bins, range, weights)
