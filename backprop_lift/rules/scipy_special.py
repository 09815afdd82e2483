"""`scipy.special`: error functions, gamma and beta functions, entropies, sums of exponentials.

Other families stand in modules of their own, which are loaded with this one. The parameters of
ufuncs have the names of scipy's documentation. Orders, degrees and shapes without a known
derivative are left out, so that a BVar given for one is refused.

References
----------
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov: chapters 5 (gamma), 6
(exponential integrals) and 7 (error functions).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

from .._bvar import value_of
from .._lift import lifted, locally_constant
from . import (  # noqa: F401 - they register
    _scipy_bessel,
    _scipy_distribution_functions,
    _scipy_elliptic,
    _scipy_polynomials,
    _scipy_several_results,
)
from ._densities import normal_pdf, psi_difference
from ._matrices import conj, summed_to
from ._slopes import Partials, Slope, and_also, below, within

__all__: list[str] = []


_2_SQRT_PI: Final = 2 / math.sqrt(math.pi)
_SQRT_PI_2: Final = math.sqrt(math.pi) / 2
_DEGREE: Final = math.pi / 180
_FAR: Final = 7.0  # from where on the asymptotic forms of error functions are exact to rounding


# Functions of one argument


def _fraction(x: Any, sign: int) -> Any:
    """``1/2 / (x +- 1 / (x +- 3/2 / (x +- ...)))``, exact to rounding where `_FAR` is exceeded.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 7.9.3.
    """
    rest = 0.0
    for k in range(16, 0, -1):
        rest = 0.5 * k / (x + sign * rest)
    return rest


def _erfcx_slope(x: Any, result: Any) -> Any:
    """``2 x erfcx(x) - 2 / sqrt(pi)``; by a continued fraction where that cancels."""
    slope = 2 * x * result - _2_SQRT_PI
    far = (np.real(x) > 0) & (np.abs(x) > _FAR)
    if not np.any(far):
        return slope
    return np.where(far, -2 * _fraction(np.where(far, x, _FAR), 1) * result, slope)


def _dawsn_slope(x: Any, result: Any) -> Any:
    """``1 - 2 x dawsn(x)``; by a continued fraction where that cancels."""
    slope = 1 - 2 * x * result
    far = np.abs(np.real(x)) > np.abs(np.imag(x)) + _FAR
    if not np.any(far):
        return slope
    return np.where(far, -2 * _fraction(np.where(far, x, _FAR), -1) * result, slope)


def _rgamma_slope(x: Any, result: Any) -> Any:
    """``-psi(x) / gamma(x)``, which at the poles of both is ``(-1)^n n!`` for x = -n."""
    poles = np.equal(result, 0) & np.less_equal(np.real(x), 0)
    if not np.any(poles):
        return -special.psi(x) * result
    sign = 1 - 2 * (np.abs(np.real(x)) % 2)
    there = sign * special.gamma(1 - np.where(poles, x, 0.0))
    return np.where(poles, there, -special.psi(np.where(poles, 1.0, x)) * result)


def _spence_slope(x: Any) -> Any:
    at_one = np.equal(x, 1)
    return np.where(at_one, -1.0, np.log(x) / (1 - x + at_one))


_HOLOMORPHIC: Final[dict[Any, Slope]] = {
    special.erf: (lambda x: _2_SQRT_PI * np.exp(-x * x), (-2, 2)),
    special.erfc: (lambda x: -_2_SQRT_PI * np.exp(-x * x), (-2, 2)),
    special.erfcx: (_erfcx_slope, (-2, 2)),
    special.erfi: (lambda x: _2_SQRT_PI * np.exp(x * x), (-2, 2)),
    special.dawsn: (_dawsn_slope, (-2, 2)),
    special.ndtr: (normal_pdf, (-2, 2)),
    special.log_ndtr: (
        lambda x: math.sqrt(2 / math.pi) / special.erfcx(-x / math.sqrt(2)), (-4, 2)
    ),
    special.gamma: (lambda x, result: result * special.psi(x), (0.3, 4)),
    special.loggamma: (lambda x: special.psi(x), (0.3, 4)),
    special.rgamma: (_rgamma_slope, (0.3, 4)),
    special.exp1: (lambda x: -np.exp(-x) / x, (0.3, 4)),
    special.expi: (lambda x: np.exp(x) / x, (0.3, 4)),
    special.expm1: (lambda x: np.exp(x), (-2, 2)),
    special.log1p: (lambda x: 1 / (1 + x), (-0.5, 2)),
    special.spence: (_spence_slope, (0.2, 3)),
    special.wrightomega: (lambda result: result / (1 + result), (-2, 2)),
}  # fmt: skip

_REAL: Final[dict[Any, Slope]] = {
    special.erfinv: (lambda result: _SQRT_PI_2 * np.exp(result * result), (-0.9, 0.9)),
    special.erfcinv: (lambda result: -_SQRT_PI_2 * np.exp(result * result), (0.1, 1.9)),
    special.ndtri: (lambda result: 1 / normal_pdf(result), (0.05, 0.95)),
    special.ndtri_exp: (
        lambda result: math.sqrt(math.pi / 2) * special.erfcx(-result / math.sqrt(2)), (-5, -0.1)
    ),
    special.expit: (lambda x: special.expit(x) * special.expit(-x), (-4, 4)),
    special.logit: (lambda x: 1 / (x * (1 - x)), (0.1, 0.9)),
    special.log_expit: (lambda x: special.expit(-x), (-4, 4)),
    special.entr: (lambda x: -np.log(x) - 1, (0.1, 3)),
    special.gammaln: (lambda x: special.psi(x), (0.3, 4)),
    special.psi: (lambda x: special.zeta(2, x), (0.3, 4)),
    special.exprel: (lambda x: 0.5 * special.hyp1f1(2.0, 3.0, x), (-3, 3)),
    special.exp2: (lambda result: math.log(2) * result, (-2, 2)),
    special.exp10: (lambda result: math.log(10) * result, (-2, 2)),
    special.cbrt: (lambda result: 1 / (3 * result * result), (0.2, 3)),
    special.cosm1: (lambda x: -np.sin(x), (-2, 2)),
    special.sindg: (lambda x: _DEGREE * special.cosdg(x), (-80, 80)),
    special.cosdg: (lambda x: -_DEGREE * special.sindg(x), (-80, 80)),
    special.tandg: (lambda result: _DEGREE * (1 + result * result), (-80, 80)),
    special.cotdg: (lambda result: -_DEGREE * (1 + result * result), (10, 80)),
}  # fmt: skip

# Samples of other branches.
_BRANCHES: Final[dict[Any, tuple[tuple[Any, ...], ...]]] = {
    special.erfcx: ((np.array([7.5, -2.0, 120.0]),), (9.0 - 8.0j,)),
    special.dawsn: ((np.array([7.5, -2.0, -120.0]),), (np.array([9.0 - 1.0j, 7.5 + 7.0j]),)),
    special.rgamma: ((np.array([0.0, -1.0, 2.5, -4.0]),),),
    special.expn: ((0, np.array([0.4, 1.7])), (1, np.array([0.4, 1.7]))),
    special.pseudo_huber: ((np.array([0.0, 1.2, 0.0]), np.array([0.0, 0.0, 1.7])),),
    special.xlogy: ((1.5 - 0.4j, 0.7), (1.5, 0.7 + 0.2j)),
    special.xlog1py: ((1.5 - 0.4j, 0.7), (1.5, 0.7 + 0.2j)),
}

for _original, (_slope, _domain) in _HOLOMORPHIC.items():
    _samples = and_also(within(_domain, complex=True), *_BRANCHES.get(_original, ()))
    lifted(derivative=_slope, samples=_samples)(_original)
for _original, (_slope, _domain) in _REAL.items():
    lifted(derivative=_slope, samples=within(_domain))(_original)
lifted(
    grad=lambda dzdy, x, result: dzdy * conj(-2 * x * result + 1j * _2_SQRT_PI),
    complex=True,
    samples=within((-2, 2), complex=True),
)(special.wofz)
for _original in (special.round, special.gammasgn):
    locally_constant(_original)


# Functions of several arguments, by partial derivatives


def _log_or_zero(x: Any, y: Any) -> Any:
    """``log(y)``, and 0 where x and y are: there ``xlogy`` is taken to be flat."""
    both = np.equal(x, 0) & np.equal(y, 0)
    return np.log(np.where(both, 1.0, y)) if np.any(both) else np.log(y)


def _log1p_or_zero(x: Any, y: Any) -> Any:
    both = np.equal(x, 0) & np.equal(y, -1)
    return np.log1p(np.where(both, 0.0, y)) if np.any(both) else np.log1p(y)


def _ratio_or_zero(x: Any, y: Any) -> Any:
    """``x / y``, and 0 where x is, whatever y is."""
    zero = np.equal(x, 0)
    return np.where(zero, 0.0, x / np.where(zero, 1.0, y))


def _boxcox_by_lmbda(log_x: Any, lmbda: Any, result: Any) -> Any:
    """d/dl of ``(x**l - 1) / l``, which is ``log(x) * exprel(l * log(x))``.

    Where x is 0, of ``-1 / l``.
    """
    at_zero = np.isneginf(log_x)
    t = np.where(at_zero, 0.0, log_x)
    slope = 0.5 * t * t * special.hyp1f1(2.0, 3.0, lmbda * t)
    return np.where(at_zero, result * result, slope) if np.any(at_zero) else slope


def _inv_boxcox_by_lmbda(log_x: Any, y: Any, lmbda: Any) -> Any:
    """d/dl of the inverse, from ``boxcox(x, l) = y``."""
    return -_boxcox_by_lmbda(log_x, lmbda, y) * np.exp((1 - lmbda) * log_x)


def _huber_by_delta(delta: Any, r: Any) -> Any:
    return np.where(np.abs(r) <= delta, 0.0, np.abs(r) - delta)


def _huber_by_r(delta: Any, r: Any) -> Any:
    return np.where(np.abs(r) <= delta, r, delta * np.sign(r))


def _pseudo_huber_by_delta(delta: Any, r: Any) -> Any:
    s = np.hypot(delta, r)
    origin = np.equal(s, 0)
    return (r * r / (s + delta + origin)) ** 2 / (s + origin)


def _pseudo_huber_by_r(delta: Any, r: Any) -> Any:
    s = np.hypot(delta, r)
    return delta * r / (s + np.equal(s, 0))


def _powm1_by_exponent(x: Any, y: Any, result: Any) -> Any:
    zero = np.equal(x, 0)
    return np.where(zero, 0.0, (result + 1) * np.log(np.where(zero, 1.0, x)))


def _voigt_slopes(x: Any, sigma: Any, gamma: Any) -> tuple[Any, Any]:
    """d/dx and d/dgamma of the Voigt profile ``Re w(z) / (sigma sqrt(2 pi))``.

    With ``z = (x + i gamma) / (sigma sqrt(2))`` and ``w' = -2 z w + 2i / sqrt(pi)``.
    """
    scale = 1 / (sigma * math.sqrt(2))
    z = (x + 1j * gamma) * scale
    slope = (-2 * z * special.wofz(z) + 1j * _2_SQRT_PI) * scale * scale / math.sqrt(math.pi)
    return np.real(slope), -np.imag(slope)


def _voigt_by_sigma(x: Any, sigma: Any, gamma: Any, result: Any) -> Any:
    """Of a function homogeneous of degree -1."""
    by_x, by_gamma = _voigt_slopes(x, sigma, gamma)
    return -(result + x * by_x + gamma * by_gamma) / sigma


def _expn_slope(n: Any, x: Any) -> Any:
    of_order_0 = -np.exp(-x) / x * (1 + 1 / x)
    return np.where(np.equal(n, 0), of_order_0, -special.expn(below(n), x))


_PARTIALS: Final[dict[Any, Partials]] = {
    special.xlogy: (
        "x, y", {"x": _log_or_zero, "y": _ratio_or_zero}, ((0.1, 3), (0.1, 3))
    ),
    special.xlog1py: (
        "x, y",
        {"x": _log1p_or_zero, "y": lambda x, y: _ratio_or_zero(x, 1 + y)},
        ((0.1, 3), (-0.5, 3)),
    ),
    special.rel_entr: (
        "x, y",
        {"x": lambda x, y: np.log(x / y) + 1, "y": lambda x, y: -_ratio_or_zero(x, y)},
        ((0.1, 3), (0.1, 3)),
    ),
    special.kl_div: (
        "x, y",
        {"x": lambda x, y: np.log(x / y), "y": lambda x, y: 1 - _ratio_or_zero(x, y)},
        ((0.1, 3), (0.1, 3)),
    ),
    special.huber: (
        "delta, r", {"delta": _huber_by_delta, "r": _huber_by_r}, ((0.5, 2), (-4, 4))
    ),
    special.pseudo_huber: (
        "delta, r",
        {"delta": _pseudo_huber_by_delta, "r": _pseudo_huber_by_r},
        ((0.5, 2), (-4, 4)),
    ),
    special.powm1: (
        "x, y",
        {"x": lambda x, y: y * x ** (y - 1), "y": _powm1_by_exponent},
        ((0.3, 3), (-2, 2)),
    ),
    special.boxcox: (
        "x, lmbda",
        {
            "x": lambda x, lmbda: x ** (lmbda - 1),
            "lmbda": lambda x, lmbda, result: _boxcox_by_lmbda(np.log(x), lmbda, result),
        },
        ((0.3, 3), (-2, 2)),
    ),
    special.boxcox1p: (
        "x, lmbda",
        {
            "x": lambda x, lmbda: np.exp((lmbda - 1) * np.log1p(x)),
            "lmbda": lambda x, lmbda, result: _boxcox_by_lmbda(np.log1p(x), lmbda, result),
        },
        ((-0.5, 3), (-2, 2)),
    ),
    special.inv_boxcox: (
        "y, lmbda",
        {
            "y": lambda lmbda, result: result ** (1 - lmbda),
            "lmbda": lambda y, lmbda, result: _inv_boxcox_by_lmbda(np.log(result), y, lmbda),
        },
        ((-0.5, 0.8), (-1, 1)),
    ),
    special.inv_boxcox1p: (
        "y, lmbda",
        {
            "y": lambda lmbda, result: (1 + result) ** (1 - lmbda),
            "lmbda": lambda y, lmbda, result: _inv_boxcox_by_lmbda(np.log1p(result), y, lmbda),
        },
        ((-0.5, 0.8), (-1, 1)),
    ),
    special.radian: (
        "d, m, s",
        {"d": lambda: _DEGREE, "m": lambda: _DEGREE / 60, "s": lambda: _DEGREE / 3600},
        ((0, 90), (0, 60), (0, 60)),
    ),
    special.voigt_profile: (
        "x, sigma, gamma",
        {
            "x": lambda x, sigma, gamma: _voigt_slopes(x, sigma, gamma)[0],
            "sigma": _voigt_by_sigma,
            "gamma": lambda x, sigma, gamma: _voigt_slopes(x, sigma, gamma)[1],
        },
        ((-2, 2), (0.3, 2), (0.3, 2)),
    ),
    special.beta: (
        "a, b",
        {
            "a": lambda a, b, result: result * psi_difference(a, b),
            "b": lambda a, b, result: result * psi_difference(b, a),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.betaln: (
        "a, b",
        {
            "a": lambda a, b: psi_difference(a, b),
            "b": lambda a, b: psi_difference(b, a),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.poch: (
        "z, m",
        {
            "z": lambda z, m, result: -result * psi_difference(z, m),
            "m": lambda z, m, result: result * special.psi(z + m),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.binom: (
        "n, k",
        {
            "n": lambda n, k, result: result * (special.psi(n + 1) - special.psi(n - k + 1)),
            "k": lambda n, k, result: result * (special.psi(n - k + 1) - special.psi(k + 1)),
        },
        ((3, 6), (0.3, 2.5)),
    ),
    special._ufuncs._zeta: (
        "x, q", {"q": lambda x, q: -x * special.zeta(x + 1, q)}, (2.5, (0.3, 4))
    ),
    special.expn: ("n, x", {"x": _expn_slope}, (2, (0.3, 4))),
}  # fmt: skip

for _original, (_signature, _slopes, _domains) in _PARTIALS.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=and_also(within(*_domains), *_BRANCHES.get(_original, ())),
    )(_original)


# Functions written in Python


def _polygamma_slope(n: Any, x: Any) -> Any:
    sign = 1 - 2 * (n % 2)
    return sign * special.gamma(n + 2.0) * special.zeta(n + 2, x)


lifted(
    derivative={"x": _polygamma_slope},
    samples=and_also(within(2, (0.3, 4)), (1, 0.7), (3, np.array([0.4, 1.7]))),
)(special.polygamma)
lifted(
    derivative={"q": lambda x, q: -x * special.zeta(x + 1, q)},
    samples=within(2.5, (0.3, 4)),
)(special.zeta)
lifted(
    derivative={"z": lambda result: np.exp(-result) / (1 + result)},
    ignores=("k", "tol"),
    samples=lambda rng: [(0.7,), (rng.uniform(0.1, 3, size=(2, 3)),), (1.3 + 0.4j, 1), (-0.2, -1)],
)(special.lambertw)


def _multigammaln_slope(a: Any, d: Any) -> Any:
    return sum(special.psi(a - 0.5 * j) for j in range(int(d)))


lifted(derivative={"a": _multigammaln_slope}, samples=within((2, 4), 3))(special.multigammaln)


def _psi_where(inside: Any, x: Any) -> Any:
    """``psi(x)``, where that is asked for."""
    return special.psi(np.where(inside, x, 1.0))


def _comb_by_n(N: Any, k: Any, result: Any) -> Any:
    inside = np.not_equal(result, 0)
    return result * (_psi_where(inside, N + 1) - _psi_where(inside, N - k + 1))


def _comb_by_k(N: Any, k: Any, result: Any) -> Any:
    inside = np.not_equal(result, 0)
    return result * (_psi_where(inside, N - k + 1) - _psi_where(inside, k + 1))


def _perm_by_k(N: Any, k: Any, result: Any) -> Any:
    return result * _psi_where(np.not_equal(result, 0), N - k + 1)


lifted(derivative={"N": _comb_by_n, "k": _comb_by_k}, samples=within((4, 6), (0.3, 3)))(
    special.comb
)
lifted(derivative={"N": _comb_by_n, "k": _perm_by_k}, samples=within((4, 6), (0.3, 3)))(
    special.perm
)
lifted(
    derivative={"n": lambda n, result: result * _psi_where(np.not_equal(result, 0), n + 1)},
    samples=within((0.3, 4)),
)(special.factorial)


if hasattr(special, "softplus"):  # since scipy 1.17
    lifted(derivative=lambda x: special.expit(x), samples=within((-4, 4)))(special.softplus)


# Sums of exponentials


def _softmax_grad(dzdy: Any, axis: Any, result: Any) -> Any:
    return result * (dzdy - np.sum(result * dzdy, axis=axis, keepdims=True))


def _log_softmax_grad(dzdy: Any, axis: Any, result: Any) -> Any:
    return dzdy - np.exp(result) * np.sum(dzdy, axis=axis, keepdims=True)


def _axis_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = rng.normal(size=(2, 3, 4))
    return [(x[0, 0],), (x,), (x, 1), (x, -1), (x, (0, 2))]


lifted(grad={"x": _softmax_grad}, samples=_axis_samples)(special.softmax)
lifted(grad={"x": _log_softmax_grad}, samples=_axis_samples)(special.log_softmax)


def _terms(dzdy: Any, a: Any, axis: Any, b: Any, keepdims: Any, result: Any) -> Any:
    """``dzdy * exp(a - result)`` for each term of the sum; 0 for a sum of nothing."""
    ndim = np.ndim(a) if b is None else max(np.ndim(a), np.ndim(b))
    if not keepdims and ndim:
        axes = range(ndim) if axis is None else np.atleast_1d(axis)
        summed = tuple(int(i) % ndim for i in axes)
        dzdy, result = np.expand_dims(dzdy, summed), np.expand_dims(result, summed)
    nothing = np.isneginf(result)
    return dzdy * np.exp(a - (np.where(nothing, 0.0, result) if np.any(nothing) else result))


def _logsumexp_a_grad(dzdy: Any, a: Any, axis: Any, b: Any, keepdims: Any, result: Any) -> Any:
    terms = _terms(dzdy, a, axis, b, keepdims, result)
    return terms if b is None else summed_to(terms * b, np.shape(a))


def _logsumexp_b_grad(dzdy: Any, a: Any, axis: Any, b: Any, keepdims: Any, result: Any) -> Any:
    terms = _terms(dzdy, a, axis, b, keepdims, result)
    return summed_to(terms * np.ones_like(np.asarray(value_of(b))), np.shape(b))


def _logsumexp_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, b = rng.normal(size=(2, 3, 4)), rng.uniform(0.5, 2, size=(3, 1))
    return [
        (x[0, 0],), (x,), (x, (0, -1), None, True), (x, -1, x * x, True),
        (x, 1, b), (x[0], None, 2.0), (b, 0, x * x), (x[0, 0], None, 1 + x[1, 1] ** 2),
    ]  # fmt: skip


lifted(grad={"a": _logsumexp_a_grad, "b": _logsumexp_b_grad}, samples=_logsumexp_samples)(
    special.logsumexp
)
