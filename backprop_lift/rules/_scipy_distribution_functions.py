"""Distribution functions of `scipy.special` and their inverses, by densities; see `_densities`."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

from .._lift import lifted
from ._densities import (
    beta_pdf,
    betainc_by_a,
    betainc_by_b,
    chi2_pdf,
    f_pdf,
    fdtr_by_dfd,
    fdtr_by_dfn,
    gamma_pdf,
    gammainc_by_a,
    normal_pdf,
    stdtr_by_df,
    t_pdf,
)
from ._slopes import Partials, and_also, within

__all__: list[str] = []


def _chndtr_pdf(x: Any, df: Any, nc: Any) -> Any:
    """Density of the noncentral chi-squared distribution."""
    root = np.sqrt(x * nc)
    power = (x / nc) ** (0.25 * df - 0.5)
    return 0.5 * np.exp(root - 0.5 * (x + nc)) * power * special.ive(0.5 * df - 1, root)


def _chndtr_by_nc(x: Any, df: Any, nc: Any) -> Any:
    return 0.5 * (special.chndtr(x, df + 2, nc) - special.chndtr(x, df, nc))


def _bdtr_slope(k: Any, n: Any, p: Any) -> Any:
    k = np.floor(k)
    return np.where(np.less(k, n), -beta_pdf(k + 1, np.maximum(n - k, 1), p), 0.0)


def _poisson_slope(k: Any, m: Any) -> Any:
    return -gamma_pdf(np.floor(k) + 1, m)


def _tukey_slope(lmbda: Any, result: Any) -> Any:
    inside = (result > 0) & (result < 1)
    p = np.where(inside, result, 0.5)
    return np.where(inside, 1 / (p ** (lmbda - 1) + (1 - p) ** (lmbda - 1)), 0.0)


_SHAPE: Final = (0.6, 4.0)  # where shape parameters are sampled


_PARTIALS: Final[dict[Any, Partials]] = {
    special.owens_t: (
        "h, a",
        {
            "h": lambda h, a: -0.5 * normal_pdf(h) * special.erf(h * a / math.sqrt(2)),
            "a": lambda h, a: normal_pdf(h) * normal_pdf(h * a) / (1 + a * a),
        },
        ((-2, 2), (-2, 2)),
    ),
    special.gammainc: ("a, x", {"a": gammainc_by_a, "x": gamma_pdf}, (_SHAPE, (0.2, 4))),
    special.gammaincc: (
        "a, x",
        {"a": lambda a, x: -gammainc_by_a(a, x), "x": lambda a, x: -gamma_pdf(a, x)},
        (_SHAPE, (0.2, 4)),
    ),
    special.gammaincinv: (
        "a, y",
        {
            "a": lambda a, result: -gammainc_by_a(a, result) / gamma_pdf(a, result),
            "y": lambda a, result: 1 / gamma_pdf(a, result),
        },
        (_SHAPE, (0.1, 0.9)),
    ),
    special.gammainccinv: (
        "a, y",
        {
            "a": lambda a, result: -gammainc_by_a(a, result) / gamma_pdf(a, result),
            "y": lambda a, result: -1 / gamma_pdf(a, result),
        },
        (_SHAPE, (0.1, 0.9)),
    ),
    special.betainc: (
        "a, b, x",
        {"a": betainc_by_a, "b": betainc_by_b, "x": beta_pdf},
        (_SHAPE, _SHAPE, (0.1, 0.9)),
    ),
    special.betaincc: (
        "a, b, x",
        {
            "a": lambda a, b, x: -betainc_by_a(a, b, x),
            "b": lambda a, b, x: -betainc_by_b(a, b, x),
            "x": lambda a, b, x: -beta_pdf(a, b, x),
        },
        (_SHAPE, _SHAPE, (0.1, 0.9)),
    ),
    special.betaincinv: (
        "a, b, y",
        {
            "a": lambda a, b, result: -betainc_by_a(a, b, result) / beta_pdf(a, b, result),
            "b": lambda a, b, result: -betainc_by_b(a, b, result) / beta_pdf(a, b, result),
            "y": lambda a, b, result: 1 / beta_pdf(a, b, result),
        },
        (_SHAPE, _SHAPE, (0.1, 0.9)),
    ),
    special.betainccinv: (
        "a, b, y",
        {
            "a": lambda a, b, result: -betainc_by_a(a, b, result) / beta_pdf(a, b, result),
            "b": lambda a, b, result: -betainc_by_b(a, b, result) / beta_pdf(a, b, result),
            "y": lambda a, b, result: -1 / beta_pdf(a, b, result),
        },
        (_SHAPE, _SHAPE, (0.1, 0.9)),
    ),
    special.gdtr: (
        "a, b, x",
        {
            "a": lambda a, b, x: x * gamma_pdf(b, a * x),
            "b": lambda a, b, x: gammainc_by_a(b, a * x),
            "x": lambda a, b, x: a * gamma_pdf(b, a * x),
        },
        ((0.5, 2), _SHAPE, (0.2, 3)),
    ),
    special.gdtrc: (
        "a, b, x",
        {
            "a": lambda a, b, x: -x * gamma_pdf(b, a * x),
            "b": lambda a, b, x: -gammainc_by_a(b, a * x),
            "x": lambda a, b, x: -a * gamma_pdf(b, a * x),
        },
        ((0.5, 2), _SHAPE, (0.2, 3)),
    ),
    special.gdtrix: (
        "a, b, p",
        {
            "a": lambda a, result: -result / a,
            "b": lambda a, b, result: (
                -gammainc_by_a(b, a * result) / (a * gamma_pdf(b, a * result))
            ),
            "p": lambda a, b, result: 1 / (a * gamma_pdf(b, a * result)),
        },
        ((0.5, 2), _SHAPE, (0.1, 0.9)),
    ),
    special.gdtria: (
        "p, b, x",
        {
            "p": lambda b, x, result: 1 / (x * gamma_pdf(b, x * result)),
            "b": lambda b, x, result: (
                -gammainc_by_a(b, x * result) / (x * gamma_pdf(b, x * result))
            ),
            "x": lambda x, result: -result / x,
        },
        ((0.1, 0.9), _SHAPE, (0.5, 2)),
    ),
    special.chdtr: (
        "v, x",
        {"v": lambda v, x: 0.5 * gammainc_by_a(0.5 * v, 0.5 * x), "x": chi2_pdf},
        (_SHAPE, (0.2, 6)),
    ),
    special.chdtrc: (
        "v, x",
        {
            "v": lambda v, x: -0.5 * gammainc_by_a(0.5 * v, 0.5 * x),
            "x": lambda v, x: -chi2_pdf(v, x),
        },
        (_SHAPE, (0.2, 6)),
    ),
    special.chdtri: (
        "v, p",
        {
            "v": lambda v, result: (
                -0.5 * gammainc_by_a(0.5 * v, 0.5 * result) / chi2_pdf(v, result)
            ),
            "p": lambda v, result: -1 / chi2_pdf(v, result),
        },
        (_SHAPE, (0.1, 0.9)),
    ),
    special.chndtr: (
        "x, df, nc", {"x": _chndtr_pdf, "nc": _chndtr_by_nc}, ((0.5, 6), 3.4, (0.3, 3))
    ),
    special.chndtrix: (
        "p, df, nc",
        {
            "p": lambda df, nc, result: 1 / _chndtr_pdf(result, df, nc),
            "nc": lambda df, nc, result: (
                -_chndtr_by_nc(result, df, nc) / _chndtr_pdf(result, df, nc)
            ),
        },
        ((0.1, 0.9), 3.4, (0.3, 3)),
    ),
    special.fdtr: (
        "dfn, dfd, x",
        {"dfn": fdtr_by_dfn, "dfd": fdtr_by_dfd, "x": f_pdf},
        (_SHAPE, _SHAPE, (0.2, 4)),
    ),
    special.fdtrc: (
        "dfn, dfd, x",
        {
            "dfn": lambda dfn, dfd, x: -fdtr_by_dfn(dfn, dfd, x),
            "dfd": lambda dfn, dfd, x: -fdtr_by_dfd(dfn, dfd, x),
            "x": lambda dfn, dfd, x: -f_pdf(dfn, dfd, x),
        },
        (_SHAPE, _SHAPE, (0.2, 4)),
    ),
    special.fdtri: (
        "dfn, dfd, p",
        {
            "dfn": lambda dfn, dfd, result: (
                -fdtr_by_dfn(dfn, dfd, result) / f_pdf(dfn, dfd, result)
            ),
            "dfd": lambda dfn, dfd, result: (
                -fdtr_by_dfd(dfn, dfd, result) / f_pdf(dfn, dfd, result)
            ),
            "p": lambda dfn, dfd, result: 1 / f_pdf(dfn, dfd, result),
        },
        (_SHAPE, _SHAPE, (0.1, 0.9)),
    ),
    special.stdtr: ("df, t", {"df": stdtr_by_df, "t": t_pdf}, (_SHAPE, (-3, 3))),
    special.stdtrit: (
        "df, p",
        {
            "df": lambda df, result: -stdtr_by_df(df, result) / t_pdf(df, result),
            "p": lambda df, result: 1 / t_pdf(df, result),
        },
        (_SHAPE, (0.1, 0.9)),
    ),
    special.nrdtrimn: (
        "p, std, x",
        {
            "p": lambda std, x, result: -std / normal_pdf((x - result) / std),
            "std": lambda p: -special.ndtri(p),
            "x": lambda: 1.0,
        },
        ((0.1, 0.9), (0.5, 2), (-2, 2)),
    ),
    special.nrdtrisd: (
        "mn, p, x",
        {
            "mn": lambda p: -1 / special.ndtri(p),
            "p": lambda p, result: -result / (special.ndtri(p) * normal_pdf(special.ndtri(p))),
            "x": lambda p: 1 / special.ndtri(p),
        },
        ((-2, -1), (0.6, 0.9), (0, 2)),
    ),
    special.bdtr: ("k, n, p", {"p": _bdtr_slope}, (2, 5, (0.1, 0.9))),
    special.bdtrc: ("k, n, p", {"p": lambda k, n, p: -_bdtr_slope(k, n, p)}, (2, 5, (0.1, 0.9))),
    special.bdtri: (
        "k, n, y", {"y": lambda k, n, result: 1 / _bdtr_slope(k, n, result)}, (2, 5, (0.1, 0.9))
    ),
    special.nbdtr: (
        "k, n, p", {"p": lambda k, n, p: beta_pdf(n, np.floor(k) + 1, p)}, (2, 5, (0.1, 0.9))
    ),
    special.nbdtrc: (
        "k, n, p", {"p": lambda k, n, p: -beta_pdf(n, np.floor(k) + 1, p)}, (2, 5, (0.1, 0.9))
    ),
    special.nbdtri: (
        "k, n, y",
        {"y": lambda k, n, result: 1 / beta_pdf(n, np.floor(k) + 1, result)},
        (2, 5, (0.1, 0.9)),
    ),
    special.pdtr: ("k, m", {"m": _poisson_slope}, (2, (0.5, 4))),
    special.pdtrc: ("k, m", {"m": lambda k, m: -_poisson_slope(k, m)}, (2, (0.5, 4))),
    special.pdtri: (
        "k, y", {"y": lambda k, result: 1 / _poisson_slope(k, result)}, (2, (0.1, 0.9))
    ),
    special.tklmbda: ("x, lmbda", {"x": _tukey_slope}, ((-1, 1), 0.4)),
}  # fmt: skip

_BRANCHES: Final[dict[Any, tuple[tuple[Any, ...], ...]]] = {
    special.gammainc: ((1e6, np.array([0.999e6, 1.002e6])),),
}

for _original, (_signature, _slopes, _domains) in _PARTIALS.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=and_also(within(*_domains), *_BRANCHES.get(_original, ())),
    )(_original)
