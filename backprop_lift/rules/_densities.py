"""Densities of standard distributions: the slopes of their distribution functions.

Written in ufuncs that are lifted, so that a slope can be differentiated again. Each is finite, or
rightly infinite, at the ends of its support.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

__all__ = ["beta_pdf", "chi2_pdf", "f_pdf", "gamma_pdf", "log_binom", "normal_pdf", "t_pdf"]

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
    return np.exp(
        special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
    )


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


def log_binom(n: Any, k: Any) -> Any:
    """Logarithm of the binomial coefficient, for 0 <= k <= n."""
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
