"""Formulas of standardized distributions that scipy's own code cannot give on BVars.

Densities by their logarithm and distribution functions, in lifted functions throughout.

References
----------
N. L. Johnson, S. Kotz and N. Balakrishnan, "Continuous Univariate Distributions", second edition,
Wiley 1994 and 1995.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special, stats

__all__ = ["COUNTS", "DISTRIBUTION_FUNCTIONS", "LOG_DENSITIES", "of_type"]

_LOG_SQRT_2PI: Final = 0.5 * math.log(2 * math.pi)


def _log_over(w: Any) -> Any:
    """``log1p(w) / w``, smooth at 0."""
    small = np.abs(w) < 1e-4
    series = 1 - w * (1 / 2 - w * (1 / 3 - w * (1 / 4 - w / 5)))
    w = np.where(small, 1.0, w)
    return np.where(small, series, np.log1p(w) / w)


def _normal_logpdf(z: Any) -> Any:
    return -0.5 * z * z - _LOG_SQRT_2PI


def _lognorm_logpdf(z: Any, s: Any) -> Any:
    return _normal_logpdf(np.log(z) / s) - np.log(s * z)


def _t_logpdf(z: Any, df: Any) -> Any:
    spread = -0.5 * np.log(df) - special.betaln(0.5 * df, 0.5)
    return spread - 0.5 * (df + 1) * np.log1p(z * z / df)


def _burr_logpdf(z: Any, c: Any, d: Any) -> Any:
    return np.log(c * d) - (c + 1) * np.log(z) - (d + 1) * np.log1p(z**-c)


def _genextreme_logpdf(z: Any, c: Any) -> Any:
    y = -z * _log_over(-c * z)
    return y - np.log1p(-c * z) - np.exp(y)


def _gengamma_logpdf(z: Any, a: Any, c: Any) -> Any:
    return np.log(np.abs(c)) + (c * a - 1) * np.log(z) - z**c - special.gammaln(a)


# Below this skewness, scipy takes the third Pearson distribution for the normal one.
_NOT_SKEW: Final = 0.000016


def _pearson3_gamma(z: Any, skew: Any) -> tuple[Any, Any, Any]:
    """Shape and variable of the gamma distribution that this is, and where it is normal."""
    normal = np.abs(skew) < _NOT_SKEW
    skew = np.where(normal, 1.0, skew)
    shape = 4 / (skew * skew)
    return shape, np.where(normal, 1.0, 2 / skew * z + shape), normal


def _pearson3_logpdf(z: Any, skew: Any) -> Any:
    shape, y, normal = _pearson3_gamma(z, skew)
    density = (shape - 1) * np.log(y) - y - special.gammaln(shape) + 0.5 * np.log(shape)
    return np.where(normal, _normal_logpdf(z) + skew * (z**3 - 3 * z) / 6, density)


def _pearson3_cdf(z: Any, skew: Any) -> Any:
    shape, y, normal = _pearson3_gamma(z, skew)
    below = np.where(skew > 0, special.gammainc(shape, y), special.gammaincc(shape, y))
    correction = np.exp(_normal_logpdf(z)) * (z * z - 1) * skew / 6
    return np.where(normal, special.ndtr(z) - correction, below)


def _normal_between(a: Any, b: Any) -> Any:
    """The normal distribution's mass between a and b, without cancellation in the upper tail."""
    upper = a > 0
    low, high = np.where(upper, -b, a), np.where(upper, -a, b)
    return special.ndtr(high) - special.ndtr(low)


def _triang_pdf(z: Any, c: Any) -> Any:
    left = z < c
    return 2 * np.where(left, z / np.where(left, c, 1.0), (1 - z) / np.where(left, 1.0, 1 - c))


def _triang_cdf(z: Any, c: Any) -> Any:
    left = z < c
    below = z * z / np.where(left, c, 1.0)
    return np.where(left, below, 1 - (1 - z) ** 2 / np.where(left, 1.0, 1 - c))


def _trapezoid_sides(z: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    """The flanks on which z lies, and their widths."""
    left, right = z < c, z > d
    return left, right, np.where(left, c, 1.0), np.where(right, 1 - d, 1.0)


def _trapezoid_pdf(z: Any, c: Any, d: Any) -> Any:
    left, right, rise, fall = _trapezoid_sides(z, c, d)
    return 2 / (1 + d - c) * np.where(left, z / rise, np.where(right, (1 - z) / fall, 1.0))


def _trapezoid_cdf(z: Any, c: Any, d: Any) -> Any:
    left, right, rise, fall = _trapezoid_sides(z, c, d)
    top = 1 + d - c
    flat_or_right = np.where(right, 1 - (1 - z) ** 2 / (top * fall), (2 * z - c) / top)
    return np.where(left, z * z / (rise * top), flat_or_right)


def _by_type(table: dict[Any, Any]) -> dict[type, Any]:
    return {type(dist): entry for dist, entry in table.items()}


LOG_DENSITIES: Final = _by_type({
    stats.burr: _burr_logpdf,
    stats.cauchy: lambda z: -math.log(math.pi) - np.log1p(z * z),
    stats.fisk: lambda z, c: _burr_logpdf(z, c, 1.0),
    stats.genextreme: _genextreme_logpdf,
    stats.gengamma: _gengamma_logpdf,
    stats.genpareto: lambda z, c: -np.log1p(c * z) - z * _log_over(c * z),
    stats.gibrat: lambda z: _lognorm_logpdf(z, 1.0),
    stats.lognorm: _lognorm_logpdf,
    stats.pearson3: _pearson3_logpdf,
    stats.skewnorm: lambda z, a: math.log(2) + _normal_logpdf(z) + special.log_ndtr(a * z),
    stats.t: _t_logpdf,
    stats.trapezoid: lambda z, c, d: np.log(_trapezoid_pdf(z, c, d)),
    stats.triang: lambda z, c: np.log(_triang_pdf(z, c)),
    stats.truncnorm: lambda z, a, b: _normal_logpdf(z) - np.log(_normal_between(a, b)),
    stats.bernoulli: lambda k, p: special.xlogy(k, p) + special.xlog1py(1 - k, -p),
    stats.binom: lambda k, n, p: (
        special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        + special.xlogy(k, p) + special.xlog1py(n - k, -p)
    ),
    stats.nbinom: lambda k, n, p: (
        special.gammaln(n + k) - special.gammaln(k + 1) - special.gammaln(n)
        + n * np.log(p) + special.xlog1py(k, -p)
    ),
})  # fmt: skip

DISTRIBUTION_FUNCTIONS: Final = _by_type(
    {
        stats.genextreme: lambda z, c: np.exp(-np.exp(-z * _log_over(-c * z))),
        stats.genpareto: lambda z, c: -np.expm1(-z * _log_over(c * z)),
        stats.pearson3: _pearson3_cdf,
        stats.skewnorm: lambda z, a: special.ndtr(z) - 2 * special.owens_t(z, a),
        stats.trapezoid: _trapezoid_cdf,
        stats.triang: _triang_cdf,
        stats.truncnorm: lambda z, a, b: _normal_between(a, z) / _normal_between(a, b),
        stats.bernoulli: lambda k, p: special.bdtr(np.floor(k), 1, p),
        stats.binom: lambda k, n, p: special.bdtr(np.floor(k), n, p),
        stats.nbinom: lambda k, n, p: special.betainc(n, np.floor(k) + 1, p),
        stats.poisson: lambda k, mu: special.pdtr(np.floor(k), mu),
    }
)

# Shapes that are counts, by their index: they do not vary.
COUNTS: Final = _by_type(
    {
        stats.bernoulli: (),
        stats.binom: (0,),
        stats.betabinom: (0,),
        stats.hypergeom: (0, 1, 2),
        stats.randint: (0, 1),
        stats.nhypergeom: (0, 1, 2),
    }
)


def of_type(table: dict[Any, Any], dist: Any) -> Any:
    """What a table says of distributions of this type, also of a rebound one."""
    return next((table[cls] for cls in type(dist).__mro__ if cls in table), None)
