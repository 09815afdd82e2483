"""Slopes of distribution functions: densities, and derivatives by shape parameters.

Written in ufuncs that are lifted, so that a slope can be differentiated again. Each density is
finite, or rightly infinite, at the ends of its support. The derivatives of the incomplete gamma
and beta functions by their shapes have no closed form; they are integrals of the derivative of
the density over the lighter side, by a double exponential rule of some eleven digits.

References
----------
H. Takahasi and M. Mori, "Double exponential formulas for numerical integration", Publ. RIMS 9
(1974), 721-741: the rule ``s = exp(pi/2 sinh t)`` for integrals from 0 to infinity.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

from .._bvar import value_of

__all__ = [
    "beta_pdf", "betainc_by_a", "betainc_by_b", "chi2_pdf", "f_pdf", "fdtr_by_dfd", "fdtr_by_dfn",
    "gamma_pdf", "gammainc_by_a", "normal_pdf", "psi_difference", "stdtr_by_df", "t_pdf",
]  # fmt: skip

_SQRT_2PI: Final = math.sqrt(2 * math.pi)


def normal_pdf(x: Any) -> Any:
    """Density of the standard normal distribution."""
    return np.exp(-0.5 * x * x) / _SQRT_2PI


def gamma_pdf(a: Any, x: Any) -> Any:
    """Density of the gamma distribution of shape `a` and scale 1, for x >= 0."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def chi2_pdf(v: Any, x: Any) -> Any:
    """Density of the chi-squared distribution of `v` degrees of freedom, for x >= 0."""
    return 0.5 * gamma_pdf(0.5 * v, 0.5 * x)


def beta_pdf(a: Any, b: Any, x: Any) -> Any:
    """Density of the beta distribution, for x in [0, 1]."""
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


def t_pdf(df: Any, t: Any) -> Any:
    """Density of Student's t distribution."""
    return np.exp(
        -0.5 * (df + 1) * np.log1p(t * t / df) - 0.5 * np.log(df) - special.betaln(0.5 * df, 0.5)
    )


def f_pdf(dfn: Any, dfd: Any, x: Any) -> Any:
    """Density of Fisher's F distribution, for x >= 0."""
    return np.exp(
        0.5 * dfn * np.log(dfn / dfd)
        + special.xlogy(0.5 * dfn - 1, x)
        - 0.5 * (dfn + dfd) * np.log1p(dfn * x / dfd)
        - special.betaln(0.5 * dfn, 0.5 * dfd)
    )


# Derivatives by shapes

_T: Final = np.arange(-96, 97) / 24
_NODES: Final = np.exp(math.pi / 2 * np.sinh(_T))
_WEIGHTS: Final = math.pi / 48 * np.cosh(_T) * _NODES
# Below this shape, a density has no peak that an integral must stay on one side of.
_TAILED: Final = 0.05


def _beyond(cut: Any, side: Any, shape: Any) -> tuple[Any, Any]:
    """Nodes and weights along a new last axis, from `cut` to smaller values, greater for side -1.

    Beyond it a density falls like ``exp(-shape * distance)``, slowly where the shape is small.
    """
    length = np.expand_dims(np.maximum(1.0, 1 / value_of(shape)), -1)
    nodes = np.expand_dims(cut, -1) - np.expand_dims(side, -1) * length * _NODES
    return nodes, length * _WEIGHTS


def psi_difference(a: Any, b: Any) -> Any:
    """``psi(a) - psi(a + b)``, by the slope between where b is small beside a."""
    near = np.less(np.abs(b), 1e-4 * np.abs(a)) & np.greater(a, 0)
    middle = np.where(near, a + 0.5 * b, 1.0)
    return np.where(near, -b * special.zeta(2, middle), special.psi(a) - special.psi(a + b))


def gammainc_by_a(a: Any, x: Any) -> Any:
    """d/da of the incomplete gamma function P(a, x): in ``y = log t``, up to ``log x``.

    The derivative of the density ``exp(a y - exp(y)) / gamma(a)`` by a is ``y - psi(a)`` times
    it; from 0 to infinity, its integral is 0.
    """
    tailed = np.less(value_of(a), _TAILED)
    side = np.where(np.greater(x, np.where(tailed, 1.0, value_of(a))), -1.0, 1.0)
    nowhere = np.equal(x, 0) | np.isinf(x)
    y, weights = _beyond(
        np.log(np.where(nowhere, 1.0, x)), side, np.where(side > 0, value_of(a), 1.0)
    )
    a = np.expand_dims(a, -1)
    far = np.greater(value_of(y), np.log(10 * value_of(a) + 2000))  # the density underflows
    y = np.where(far, 0.0, y)
    slope = np.exp(a * y - np.exp(y) - special.gammaln(a)) * (y - special.psi(a))
    total = np.sum(np.where(far, 0.0, weights * slope), axis=-1)
    return np.where(nowhere, 0.0, side * total)


def _betainc_by_shape(a: Any, b: Any, cut: Any, of_b: bool) -> Any:
    """d/da or d/db of the incomplete beta function I_x(a, b), in the logit of x, up to `cut`."""
    low, high = value_of(a), value_of(b)
    tailed = np.less(np.minimum(low, high), _TAILED)
    least = np.where(tailed, 1.0, 0.0)
    bend = np.log(np.maximum(low, least) / np.maximum(high, least))
    side = np.where(np.greater(cut, bend), -1.0, 1.0)
    nowhere = np.isinf(cut)
    y, weights = _beyond(np.where(nowhere, 0.0, cut), side, np.where(side > 0, low, high))
    a, b = np.expand_dims(a, -1), np.expand_dims(b, -1)
    log_t, log_1_t = special.log_expit(y), special.log_expit(-y)
    by_shape = (log_1_t - special.psi(b) if of_b else log_t - special.psi(a)) + special.psi(a + b)
    slope = np.exp(a * log_t + b * log_1_t - special.betaln(a, b)) * by_shape
    return np.where(nowhere, 0.0, side * np.sum(weights * slope, axis=-1))


def _logit(x: Any) -> Any:
    return np.log(x) - np.log1p(-x)


def betainc_by_a(a: Any, b: Any, x: Any) -> Any:
    """d/da of the incomplete beta function."""
    return _betainc_by_shape(a, b, _logit(x), False)


def betainc_by_b(a: Any, b: Any, x: Any) -> Any:
    """d/db of the incomplete beta function."""
    return _betainc_by_shape(a, b, _logit(x), True)


def stdtr_by_df(df: Any, t: Any) -> Any:
    """d/d df of Student's t distribution, for t < 0 ``I_u(df/2, 1/2) / 2``, u = df / (df + t^2)."""
    sign = np.sign(t)
    middle = np.equal(sign, 0)
    t = np.where(middle, 1.0, t)
    by_a = _betainc_by_shape(0.5 * df, 0.5, np.log(df) - np.log(t * t), False)
    by_u = t * t_pdf(df, t) / df  # the density of u times du/d df, both by the logit of u
    return np.where(middle, 0.0, -0.25 * sign * by_a - 0.5 * by_u)


def fdtr_by_dfn(dfn: Any, dfd: Any, x: Any) -> Any:
    """d/d dfn of Fisher's F distribution, ``I_u(dfn/2, dfd/2)`` with u = dfn x / (dfn x + dfd)."""
    by_a = _betainc_by_shape(0.5 * dfn, 0.5 * dfd, np.log(dfn * x / dfd), False)
    return 0.5 * by_a + x * f_pdf(dfn, dfd, x) / dfn


def fdtr_by_dfd(dfn: Any, dfd: Any, x: Any) -> Any:
    """d/d dfd of Fisher's F distribution."""
    by_b = _betainc_by_shape(0.5 * dfn, 0.5 * dfd, np.log(dfn * x / dfd), True)
    return 0.5 * by_b - x * f_pdf(dfn, dfd, x) / dfd
