"""`scipy.stats`: statistics of samples, and the multivariate normal distribution.

Distributions of one variable stand in a module of their own.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import special, stats

from .._bvar import has_bvar
from .._lift import lifted, locally_constant
from ..errors import NoGradientError
from . import _scipy_random_variables  # noqa: F401 - it registers
from ._implicit import plain, settled

__all__: list[str] = []


def _statistic(original: Any, wrt: tuple[str, ...], samples: Any) -> Callable[[Any], Any]:
    """Register a formula as the twin of a statistic; it gets its arguments by name."""
    signature = inspect.signature(original)

    def register(formula: Any) -> Any:
        @functools.wraps(original)
        def twin(*args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            for name in _RARE.keys() & given.keys():
                if given.pop(name) not in _RARE[name]:
                    raise NoGradientError(
                        f"scipy.stats.{original.__name__} has no gradient for this {name}.",
                        "Leave it at its default.",
                        given=f"{name}={bound.arguments[name]!r}",
                    )
            given.update({name: settled(given[name]) for name in wrt if given[name] is not None})
            axis, x = given.get("axis", 0), given[wrt[0]]
            if axis is None and "axis" in given:
                given[wrt[0]], given["axis"] = np.ravel(x), 0
                if given.get("weights") is not None:
                    given["weights"] = np.ravel(given["weights"])
            keepdims = given.pop("keepdims", False)
            found = formula(**given)
            if axis is None and np.ndim(found):
                return np.reshape(found, np.shape(x))
            if keepdims:
                axes = range(np.ndim(x)) if axis is None else np.atleast_1d(axis)
                found = np.expand_dims(found, tuple(int(i) % np.ndim(x) for i in axes))
            return found

        lifted(twin=twin, wrt=wrt, samples=samples)(original)
        return formula

    return register


# Settings, with the values for which the formulas hold.
_RARE: Final = {"nan_policy": ("propagate",), "dtype": (None,), "alternative": ("two-sided",)}


def _sample(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = rng.uniform(0.5, 3, size=(4, 5))
    return [(x,), (x[0],), (x, 1), (x, -2), (x, None)]


def _central(a: Any, axis: Any, power: int) -> Any:
    return np.mean((a - np.mean(a, axis=axis, keepdims=True)) ** power, axis=axis)


def _count(a: Any, axis: Any) -> int:
    return int(np.prod([np.shape(a)[i] for i in np.atleast_1d(axis)]))


def _weighted_mean(a: Any, weights: Any, axis: Any) -> Any:
    if weights is None:
        return np.mean(a, axis=axis)
    if np.shape(weights) != np.shape(a):
        weights = np.expand_dims(
            weights, tuple(i for i in range(np.ndim(a)) if i != axis % np.ndim(a))
        )
    return np.sum(a * weights, axis=axis) / np.sum(weights * np.ones(np.shape(a)), axis=axis)


def _weighted_samples(*more: Any) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        x, w = rng.uniform(0.5, 3, size=(4, 5)), rng.uniform(0.5, 3, size=(4, 5))
        axes: list[dict[str, Any]] = [{"axis": 0}, {"axis": 1, "weights": w}, {"axis": None}]
        return [(x, *more, settings) for settings in axes]

    return samples


@_statistic(stats.gmean, ("a", "weights"), _weighted_samples())
def _gmean(a: Any, axis: Any, weights: Any) -> Any:
    return np.exp(_weighted_mean(np.log(a), weights, axis))


@_statistic(stats.hmean, ("a", "weights"), _weighted_samples())
def _hmean(a: Any, axis: Any, weights: Any) -> Any:
    return 1 / _weighted_mean(1 / a, weights, axis)


@_statistic(stats.pmean, ("a", "weights"), _weighted_samples(1.7))
def _pmean(a: Any, p: Any, axis: Any, weights: Any) -> Any:
    if p == 0:
        return _gmean(a, axis, weights)
    return _weighted_mean(a**p, weights, axis) ** (1 / p)


@_statistic(stats.zscore, ("a",), _sample)
def _zscore(a: Any, axis: Any, ddof: Any) -> Any:
    mean = np.mean(a, axis=axis, keepdims=True)
    return (a - mean) / np.std(a, axis=axis, ddof=ddof, keepdims=True)


@_statistic(stats.skew, ("a",), _sample)
def _skew(a: Any, axis: Any, bias: Any) -> Any:
    n, m2 = _count(a, axis), _central(a, axis, 2)
    found = _central(a, axis, 3) / m2**1.5
    return found if bias or n < 3 else found * math.sqrt(n * (n - 1)) / (n - 2)


@_statistic(stats.kurtosis, ("a",), _sample)
def _kurtosis(a: Any, axis: Any, fisher: Any, bias: Any) -> Any:
    n, m2 = _count(a, axis), _central(a, axis, 2)
    found = _central(a, axis, 4) / m2**2
    if not bias and n > 3:
        found = ((n * n - 1) * found - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return found - 3 if fisher else found


@_statistic(
    stats.moment,
    ("a",),
    lambda rng: [(rng.normal(size=(4, 5)), 3), (rng.normal(size=(4, 5)), 2, 1, {"center": 0.3})],
)
def _sample_moment(a: Any, order: Any, axis: Any, center: Any) -> Any:
    if np.ndim(order):
        raise NoGradientError("scipy.stats.moment has no gradient for several orders.", "Give one.")
    if center is None:
        return _central(a, axis, order) if order != 1 else 0.0 * np.mean(a, axis=axis)
    return np.mean((a - plain(center)) ** order, axis=axis)


@_statistic(stats.sem, ("a",), _sample)
def _sem(a: Any, axis: Any, ddof: Any) -> Any:
    return np.std(a, axis=axis, ddof=ddof) / math.sqrt(_count(a, axis))


@_statistic(stats.variation, ("a",), _sample)
def _variation(a: Any, axis: Any, ddof: Any) -> Any:
    return np.std(a, axis=axis, ddof=ddof) / np.mean(a, axis=axis)


@_statistic(
    stats.entropy,
    ("pk", "qk"),
    lambda rng: [
        (rng.uniform(0.1, 1, size=(4, 3)),),
        (rng.uniform(0.1, 1, size=(4, 3)), rng.uniform(0.1, 1, size=(4, 3)), 2, 1),
    ],
)
def _entropy_of(pk: Any, qk: Any, base: Any, axis: Any) -> Any:
    pk = pk / np.sum(pk, axis=axis, keepdims=True)
    if qk is None:
        terms = special.entr(pk)
    else:
        terms = special.rel_entr(pk, qk / np.sum(qk, axis=axis, keepdims=True))
    return np.sum(terms, axis=axis) / (1.0 if base is None else math.log(base))


@_statistic(stats.gstd, ("a",), _sample)
def _gstd(a: Any, axis: Any, ddof: Any) -> Any:
    return np.exp(np.std(np.log(a), axis=axis, ddof=ddof))


def _pairs_of_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = rng.normal(size=7)
    return [(x, 0.4 * x + rng.normal(size=7))]


def _correlated(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Variances of two samples, and their covariance, each with n in the denominator."""
    dx, dy = x - np.mean(x), y - np.mean(y)
    return np.mean(dx * dx), np.mean(dy * dy), np.mean(dx * dy)


def _linregress(x: Any, y: Any, alternative: str = "two-sided", **settings: Any) -> Any:
    found = stats.linregress(plain(x), plain(y), alternative, **settings)
    if not (has_bvar(x) or has_bvar(y)):
        return found
    if alternative != "two-sided" or settings or np.ndim(plain(x)) != 1:
        raise NoGradientError(
            "scipy.stats.linregress has no gradient for these settings.",
            "Give two samples of one dimension, and no settings.",
        )
    x, y = settled(x), settled(y)
    n = len(plain(x))
    xx, yy, xy = _correlated(x, y)
    slope, r = xy / xx, xy / np.sqrt(xx * yy)
    free = n - 2
    error = np.sqrt((1 - r * r) * yy / xx / free)
    t = r * np.sqrt(free / (1 - r * r))
    return type(found)(
        slope,
        np.mean(y) - slope * np.mean(x),
        r,
        2 * special.stdtr(float(free), -np.abs(t)),
        error,
        intercept_stderr=error * np.sqrt(xx + np.mean(x) ** 2),
    )


lifted(twin=_linregress, wrt=("x", "y"), samples=_pairs_of_samples)(stats.linregress)
for _original in (stats.rankdata, stats.mode):
    locally_constant(_original)


# The multivariate normal distribution


def _normal_log_density(self: Any, x: Any, mean: Any, cov: Any, allow_singular: Any) -> Any:
    mean = None if mean is None else settled(mean)
    cov, x = settled(1 if cov is None else cov), settled(x)
    sizes = [np.shape(v)[-1] for v in (cov, mean) if v is not None and np.ndim(v)]
    d = sizes[0] if sizes else 1
    if np.ndim(cov) == 0:
        cov = cov * np.eye(d)
    elif np.ndim(cov) == 1:
        cov = np.diag(cov)
    else:  # of which scipy reads the lower triangle
        lower = np.tri(d, k=-1)
        cov = cov * (lower + np.eye(d)) + (cov * lower).T
    if np.ndim(x) == 0:
        x = np.reshape(x, (1,))
    elif np.ndim(x) == 1 and d == 1:
        x = np.reshape(x, (-1, 1))
    deviation = x if mean is None else x - mean
    scaled = np.linalg.solve(cov, np.expand_dims(deviation, -1))[..., 0]
    distance = np.sum(deviation * scaled, axis=-1)
    found = -0.5 * (d * math.log(2 * math.pi) + np.linalg.slogdet(cov)[1] + distance)
    return np.reshape(found, ()) if np.shape(found) == (1,) else found


def _normal_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a = rng.normal(size=(3, 3))
    x, mean, cov = rng.normal(size=(4, 3)), rng.normal(size=3), a @ a.T + np.eye(3)
    one = stats.multivariate_normal
    return [(one, x, mean, cov), (one, x[0], mean), (one, x[:, 0], 0.3, 1.7), (one, x, mean, 0.7)]


def _public_normal(name: str) -> None:
    original = getattr(type(stats.multivariate_normal), name)

    @functools.wraps(original)
    def twin(self: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False) -> Any:
        value = original(self, plain(x), plain(mean), plain(cov), allow_singular)
        if not has_bvar((x, mean, cov)):
            return value
        if allow_singular:
            raise NoGradientError(
                f"scipy.stats.multivariate_normal.{name} has no gradient for allow_singular=True.",
                "Leave allow_singular away where the covariance is regular.",
            )
        found = _normal_log_density(self, x, mean, cov, allow_singular)
        return np.reshape(found if name == "logpdf" else np.exp(found), np.shape(value))

    lifted(twin=twin, wrt=("x", "mean", "cov"), samples=_normal_samples)(original)


for _name in ("pdf", "logpdf"):
    _public_normal(_name)
