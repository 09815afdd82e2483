"""`scipy.special`: error functions, gamma, Bessel, elliptic, hypergeometric and their kin.

The parameters of ufuncs are ``x``, or ``x1, x2, …`` in the order of scipy's documentation. Orders,
degrees and shapes without a closed derivative are left out of ``wrt=``, so that a BVar given for
one is refused.

References
----------
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov: chapters 5 (gamma), 6
(exponential integrals), 7 (error functions), 8 (incomplete gamma and beta), 9 (Airy), 10 (Bessel),
11 (Struve), 12 (parabolic cylinder), 15 (hypergeometric), 18 (orthogonal polynomials), 19
(elliptic), 22 (Jacobian elliptic).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import special

from .._bvar import value_of
from .._lift import lifted, locally_constant
from .._registry import twin_of
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
from ._matrices import conj, summed_to

__all__: list[str] = []

_2_SQRT_PI: Final = 2 / math.sqrt(math.pi)
_SQRT_PI_2: Final = math.sqrt(math.pi) / 2
_DEGREE: Final = math.pi / 180
_SHAPE: Final = (0.6, 4.0)  # where shape parameters are sampled

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]


def _within(*domains: Any, complex: bool = False) -> Samples:
    """Samples with each argument drawn from its interval; what is no interval is given as it is.

    Floats, arrays, and arrays that are broadcast against each other; complex arrays if wanted.
    """

    def drawn(rng: np.random.Generator, shapes: list[tuple[int, ...]]) -> tuple[Any, ...]:
        return tuple(
            (rng.uniform(*domain, size=shape) if shape else float(rng.uniform(*domain)))
            if isinstance(domain, tuple)
            else domain
            for domain, shape in zip(domains, shapes, strict=True)
        )

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        count = len(domains)
        found = [drawn(rng, [()] * count), drawn(rng, [(2, 3)] * count)]
        if sum(isinstance(domain, tuple) for domain in domains) > 1:
            found.append(drawn(rng, [((3,), (2, 1), ())[i % 3] for i in range(count)]))
        if complex:
            *orders, z = drawn(rng, [(3,)] * count)
            found.append((*orders, z * (1 + 0.3j)))
        return found

    return samples


# Functions of one argument


def _erfcx_slope(x: Any, result: Any) -> Any:
    """``2 x erfcx(x) - 2 / sqrt(pi)``; by its asymptotic series where that cancels."""
    slope = 2 * x * result - _2_SQRT_PI
    far = np.real(x) > 100
    if not np.any(far):
        return slope
    y = 1 / np.where(far, x, 1.0) ** 2
    return np.where(far, -0.5 * _2_SQRT_PI * y * (1 - 1.5 * y * (1 - 2.5 * y)), slope)


def _dawsn_slope(x: Any, result: Any) -> Any:
    """``1 - 2 x dawsn(x)``; by its asymptotic series where that cancels."""
    slope = 1 - 2 * x * result
    if np.iscomplexobj(x):
        return slope
    far = np.abs(x) > 100
    if not np.any(far):
        return slope
    y = 1 / np.where(far, x, 1.0) ** 2
    return np.where(far, -0.5 * y * (1 + 1.5 * y * (1 + 2.5 * y)), slope)


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


def _safe_ratio(top: Any, x: Any, at_zero: float) -> Any:
    """``top / x``, and `at_zero` where x is 0."""
    zero = np.equal(x, 0)
    return np.where(zero, at_zero, top / (x + zero))


def _berp_slope(x: Any) -> Any:
    return -special.bei(x) - _safe_ratio(special.berp(x), x, 0.0)


def _beip_slope(x: Any) -> Any:
    return special.ber(x) - _safe_ratio(special.beip(x), x, 0.5)


def _ellipk_slope(x: Any) -> Any:
    return math.pi / 8 * special.hyp2f1(1.5, 1.5, 2.0, x)


def _ellipe_slope(x: Any) -> Any:
    return -math.pi / 8 * special.hyp2f1(0.5, 1.5, 2.0, x)


_HOLOMORPHIC: Final[dict[Any, tuple[Any, tuple[float, float]]]] = {
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

_REAL: Final[dict[Any, tuple[Any, tuple[float, float]]]] = {
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
    special.j0: (lambda x: -special.j1(x), (0.1, 6)),
    special.j1: (lambda x: 0.5 * (special.j0(x) - special.jv(2, x)), (0.1, 6)),
    special.y0: (lambda x: -special.y1(x), (0.5, 6)),
    special.y1: (lambda x: 0.5 * (special.y0(x) - special.yn(2, x)), (0.5, 6)),
    special.i0: (lambda x: special.i1(x), (-3, 3)),
    special.i1: (lambda x: 0.5 * (special.i0(x) + special.iv(2, x)), (-3, 3)),
    special.i0e: (lambda x, result: special.i1e(x) - np.sign(x) * result, (0.1, 3)),
    special.i1e: (
        lambda x, result: 0.5 * (special.i0e(x) + special.ive(2, x)) - np.sign(x) * result, (0.1, 3)
    ),
    special.k0: (lambda x: -special.k1(x), (0.3, 4)),
    special.k1: (lambda x: -0.5 * (special.k0(x) + special.kn(2, x)), (0.3, 4)),
    special.k0e: (lambda x, result: result - special.k1e(x), (0.3, 4)),
    special.k1e: (
        lambda x, result: result - 0.5 * (special.k0e(x) + special.kve(2, x)), (0.3, 4)
    ),
    special.ber: (lambda x: special.berp(x), (0.3, 6)),
    special.bei: (lambda x: special.beip(x), (0.3, 6)),
    special.ker: (lambda x: special.kerp(x), (0.3, 4)),
    special.kei: (lambda x: special.keip(x), (0.3, 4)),
    special.berp: (_berp_slope, (0.3, 6)),
    special.beip: (_beip_slope, (0.3, 6)),
    special.kerp: (lambda x, result: -special.kei(x) - result / x, (0.3, 4)),
    special.keip: (lambda x, result: special.ker(x) - result / x, (0.3, 4)),
    special.itstruve0: (lambda x: special.struve(0, x), (0.3, 6)),
    special.it2struve0: (lambda x: -special.struve(0, x) / x, (0.3, 6)),
    special.itmodstruve0: (lambda x: special.modstruve(0, x), (0.3, 6)),
    special.ellipk: (_ellipk_slope, (-2, 0.9)),
    special.ellipe: (_ellipe_slope, (-2, 0.9)),
    special.ellipkm1: (lambda x: -special.elliprd(0.0, 1.0, x) / 6, (0.01, 3)),
}  # fmt: skip

for _original, (_slope, _domain) in _HOLOMORPHIC.items():
    lifted(derivative=_slope, samples=_within(_domain, complex=True))(_original)
for _original, (_slope, _domain) in _REAL.items():
    lifted(derivative=_slope, samples=_within(_domain))(_original)
lifted(
    grad=lambda dzdy, x, result: dzdy * conj(-2 * x * result + 1j * _2_SQRT_PI),
    complex=True,
    samples=_within((-2, 2), complex=True),
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


def _agm_slope(a: Any, b: Any, result: Any, sign: float) -> Any:
    """d agm(a, b)/da for sign 1, d/db for -1, from ``agm = pi/4 (a + b) / K(((a - b)/(a + b))^2)``."""
    s = a + b
    m = ((a - b) / s) ** 2
    other = b if sign > 0 else a
    dm = sign * 4 * (a - b) * other / s**3
    return result / s - result / special.ellipk(m) * _ellipk_slope(m) * dm


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


def _bessel_slope(f: Any, below: float, above: float) -> Any:
    """The derivative of a cylinder function by neighbouring orders."""
    return lambda v, z: below * f(v - 1, z) + above * f(v + 1, z)


def _struve_slope(f: Any, above: float) -> Any:
    def slope(v: Any, x: Any) -> Any:
        power = (0.5 * x) ** v * special.rgamma(v + 1.5) / math.sqrt(math.pi)
        return 0.5 * (f(v - 1, x) + above * f(v + 1, x) + power)

    return slope


def _expn_slope(n: Any, x: Any) -> Any:
    of_order_0 = -np.exp(-x) / x * (1 + 1 / x)
    return np.where(np.equal(n, 0), of_order_0, -special.expn(_below(n), x))


def _below(n: Any) -> Any:
    """The degree of the derivative; that of a constant is 0 too."""
    return np.where(np.equal(n, 0), 0, n - 1)


def _unless_constant(n: Any, slope: Any) -> Any:
    return np.where(np.equal(n, 0), 0.0, slope)


def _gegenbauer_slope(alpha: float, factor: float, scale: float = 1, shift: float = 0) -> Any:
    """Of the polynomials that are Gegenbauer's of ``alpha``, at ``scale * x + shift``."""

    def slope(n: Any, x: Any) -> Any:
        found = special.eval_gegenbauer(_below(n), alpha + 1, scale * x + shift)
        return _unless_constant(n, factor * found)

    return slope


def _jacobi_slope(n: Any, alpha: Any, beta: Any, x: Any) -> Any:
    found = special.eval_jacobi(_below(n), alpha + 1, beta + 1, x)
    return _unless_constant(n, 0.5 * (n + alpha + beta + 1) * found)


def _sh_jacobi_slope(n: Any, p: Any, q: Any, x: Any) -> Any:
    found = special.eval_jacobi(_below(n), p - q + 1, q, 2 * x - 1)
    return _unless_constant(n, (n + p) * found / special.binom(2 * n + p - 1, n))


def _lpmv_slope(m: Any, v: Any, x: Any, result: Any) -> Any:
    return (v * x * result - (v + m) * special.lpmv(m, v - 1, x)) / (x * x - 1)


def _carlson_f_slope(x: Any, y: Any, z: Any) -> Any:
    """d/dx of Carlson's R_F(x, y, z), DLMF 19.18.1."""
    return -special.elliprd(y, z, x) / 6


def _carlson_g_slope(x: Any, y: Any, z: Any) -> Any:
    """d/dx of Carlson's R_G(x, y, z), from its integral 19.23.6."""
    return 0.25 * special.elliprf(x, y, z) - x * special.elliprd(y, z, x) / 12


def _elliprd_by_x(x: Any, y: Any, z: Any) -> Any:
    """d/dx of Carlson's R_D(x, y, z): a divided difference by Euler and Poisson, DLMF 19.18.8."""
    tied = np.abs(x - z) <= 1e-8 * np.abs(z)
    difference = special.elliprd(x, y, z) - special.elliprd(y, z, x)
    slope = difference / (2 * (z - x) + tied)
    if not np.any(tied):
        return slope
    there = -0.3 * y**-2.5 * special.hyp2f1(2.5, 3.0, 3.5, 1 - z / y)
    return np.where(tied, there, slope)


def _elliprd_by_z(x: Any, y: Any, z: Any, result: Any) -> Any:
    """Of a function homogeneous of degree -3/2."""
    by_x = np.where(np.equal(x, 0), 0.0, x * _elliprd_by_x(x, y, z))
    by_y = np.where(np.equal(y, 0), 0.0, y * _elliprd_by_x(y, x, z))
    return -(1.5 * result + by_x + by_y) / z


def _elliprc_by_x(x: Any, y: Any, result: Any) -> Any:
    """d/dx of R_F(x, y, y), or of its Cauchy principal value where y is negative."""
    cauchy = np.less(np.real(y), 0)
    if not np.any(cauchy):
        return -special.elliprd(y, y, x) / 6
    there = (result - 1 / np.sqrt(x)) / (2 * (y - x) + np.equal(x, y))
    y = np.where(cauchy, x, y)
    return np.where(cauchy, there, -special.elliprd(y, y, x) / 6)


def _elliprc_by_y(x: Any, y: Any, result: Any) -> Any:
    """Of a function homogeneous of degree -1/2."""
    return -(0.5 * result + x * _elliprc_by_x(x, y, result)) / y


def _folded(phi: Any) -> tuple[Any, Any, Any]:
    """Twice the number of half turns in phi, and sine and squared cosine of what is left."""
    turns = np.round(phi / math.pi)
    rest = phi - math.pi * turns
    return 2 * turns, np.sin(rest), np.cos(rest) ** 2


def _ellipkinc_by_m(phi: Any, m: Any) -> Any:
    """d/dm of F(phi | m), which grows by 2 K(m) every half turn."""
    turns, s, c2 = _folded(phi)
    rest = s**3 * special.elliprd(c2, 1.0, 1 - m * s * s) / 6
    return rest + turns * _ellipk_slope(m) if np.any(turns) else rest


def _ellipeinc_by_m(phi: Any, m: Any) -> Any:
    """d/dm of E(phi | m), which grows by 2 E(m) every half turn."""
    turns, s, c2 = _folded(phi)
    rest = -(s**3) * special.elliprd(c2, 1 - m * s * s, 1.0) / 6
    return rest + turns * _ellipe_slope(m) if np.any(turns) else rest


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


# original: (parameters, partial derivatives, the domain of each argument for samples)
_PARTIALS: Final[dict[Any, tuple[str, dict[str, Any], tuple[Any, ...]]]] = {
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
    special.agm: (
        "a, b",
        {
            "a": lambda a, b, result: _agm_slope(a, b, result, 1),
            "b": lambda a, b, result: _agm_slope(a, b, result, -1),
        },
        ((0.3, 3), (0.3, 3)),
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
    special.owens_t: (
        "h, a",
        {
            "h": lambda h, a: -0.5 * normal_pdf(h) * special.erf(h * a / math.sqrt(2)),
            "a": lambda h, a: normal_pdf(h) * normal_pdf(h * a) / (1 + a * a),
        },
        ((-2, 2), (-2, 2)),
    ),
    # Gamma and beta functions
    special.beta: (
        "a, b",
        {
            "a": lambda a, b, result: result * (special.psi(a) - special.psi(a + b)),
            "b": lambda a, b, result: result * (special.psi(b) - special.psi(a + b)),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.betaln: (
        "a, b",
        {
            "a": lambda a, b: special.psi(a) - special.psi(a + b),
            "b": lambda a, b: special.psi(b) - special.psi(a + b),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.poch: (
        "z, m",
        {
            "z": lambda z, m, result: result * (special.psi(z + m) - special.psi(z)),
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
    # Distribution functions and their inverses, by densities
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
    # Bessel and related functions, by the order
    special.kn: ("v, z", {"z": _bessel_slope(special.kn, -0.5, -0.5)}, (2, (0.3, 4))),
    special.yn: ("v, z", {"z": _bessel_slope(special.yn, 0.5, -0.5)}, (2, (0.5, 6))),
    special.struve: ("v, x", {"x": _struve_slope(special.struve, -1)}, (1.3, (0.3, 6))),
    special.modstruve: ("v, x", {"x": _struve_slope(special.modstruve, 1)}, (1.3, (0.3, 4))),
    special.expn: ("n, x", {"x": _expn_slope}, (2, (0.3, 4))),
    special.wright_bessel: (
        "a, b, x",
        {"x": lambda a, b, x: special.wright_bessel(a, a + b, x)},
        (0.7, 1.2, (0.3, 3)),
    ),
    # Elliptic integrals
    special.ellipkinc: (
        "phi, m",
        {"phi": lambda phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2), "m": _ellipkinc_by_m},
        ((-5, 5), (-1, 0.9)),
    ),
    special.ellipeinc: (
        "phi, m",
        {"phi": lambda phi, m: np.sqrt(1 - m * np.sin(phi) ** 2), "m": _ellipeinc_by_m},
        ((-5, 5), (-1, 0.9)),
    ),
    special.elliprc: (
        "x, y", {"x": _elliprc_by_x, "y": _elliprc_by_y}, ((0.3, 2), (0.3, 2))
    ),
    special.elliprf: (
        "x, y, z",
        {
            "x": lambda x, y, z: _carlson_f_slope(x, y, z),
            "y": lambda x, y, z: _carlson_f_slope(y, z, x),
            "z": lambda x, y, z: _carlson_f_slope(z, x, y),
        },
        ((0.3, 2), (0.3, 2), (0.3, 2)),
    ),
    special.elliprd: (
        "x, y, z",
        {
            "x": lambda x, y, z: _elliprd_by_x(x, y, z),
            "y": lambda x, y, z: _elliprd_by_x(y, x, z),
            "z": _elliprd_by_z,
        },
        ((0.3, 2), (0.3, 2), (0.3, 2)),
    ),
    special.elliprg: (
        "x, y, z",
        {
            "x": lambda x, y, z: _carlson_g_slope(x, y, z),
            "y": lambda x, y, z: _carlson_g_slope(y, z, x),
            "z": lambda x, y, z: _carlson_g_slope(z, x, y),
        },
        ((0.3, 2), (0.3, 2), (0.3, 2)),
    ),
    # Hypergeometric functions
    special.hyperu: (
        "a, b, x", {"x": lambda a, b, x: -a * special.hyperu(a + 1, b + 1, x)}, (1.3, 0.6, (0.3, 3))
    ),
    # Orthogonal polynomials that take no complex argument, and Legendre functions
    special.eval_hermite: (
        "n, x",
        {"x": lambda n, x: 2 * n * special.eval_hermite(_below(n), x)},
        (3, (-2, 2)),
    ),
    special.eval_hermitenorm: (
        "n, x", {"x": lambda n, x: n * special.eval_hermitenorm(_below(n), x)}, (3, (-2, 2))
    ),
    special.lpmv: ("m, v, x", {"x": _lpmv_slope}, (1, 3, (-0.8, 0.8))),
}  # fmt: skip

# The same for functions that take complex values in their last argument.
_PARTIALS_HOLOMORPHIC: Final[dict[Any, tuple[str, dict[str, Any], tuple[Any, ...]]]] = {
    special.jv: ("v, z", {"z": _bessel_slope(special.jv, 0.5, -0.5)}, (1.3, (0.3, 6))),
    special.yv: ("v, z", {"z": _bessel_slope(special.yv, 0.5, -0.5)}, (1.3, (0.5, 6))),
    special.iv: ("v, z", {"z": _bessel_slope(special.iv, 0.5, 0.5)}, (1.3, (0.3, 4))),
    special.kv: ("v, z", {"z": _bessel_slope(special.kv, -0.5, -0.5)}, (1.3, (0.3, 4))),
    special.kve: (
        "v, z",
        {"z": lambda v, z, result: result - 0.5 * (special.kve(v - 1, z) + special.kve(v + 1, z))},
        (1.3, (0.3, 4)),
    ),
    special.hankel1: ("v, z", {"z": _bessel_slope(special.hankel1, 0.5, -0.5)}, (1.3, (0.5, 4))),
    special.hankel2: ("v, z", {"z": _bessel_slope(special.hankel2, 0.5, -0.5)}, (1.3, (0.5, 4))),
    special.hankel1e: (
        "v, z",
        {
            "z": lambda v, z, result: (
                0.5 * (special.hankel1e(v - 1, z) - special.hankel1e(v + 1, z)) - 1j * result
            )
        },
        (1.3, (0.5, 4)),
    ),
    special.hankel2e: (
        "v, z",
        {
            "z": lambda v, z, result: (
                0.5 * (special.hankel2e(v - 1, z) - special.hankel2e(v + 1, z)) + 1j * result
            )
        },
        (1.3, (0.5, 4)),
    ),
    special.hyp0f1: ("v, z", {"z": lambda v, z: special.hyp0f1(v + 1, z) / v}, (1.3, (-2, 2))),
    special.hyp1f1: (
        "a, b, x",
        {"x": lambda a, b, x: a / b * special.hyp1f1(a + 1, b + 1, x)},
        (0.7, 1.3, (-2, 2)),
    ),
    special.hyp2f1: (
        "a, b, c, z",
        {"z": lambda a, b, c, z: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z)},
        (0.7, 1.3, 2.1, (-0.9, 0.9)),
    ),
    special.eval_chebyt: (
        "n, x", {"x": lambda n, x: n * special.eval_chebyu(_below(n), x)}, (3, (-0.9, 0.9))
    ),
    special.eval_chebyc: (
        "n, x", {"x": lambda n, x: n * special.eval_chebys(_below(n), x)}, (3, (-1.8, 1.8))
    ),
    special.eval_sh_chebyt: (
        "n, x", {"x": lambda n, x: 2 * n * special.eval_sh_chebyu(_below(n), x)}, (3, (0.1, 0.9))
    ),
    special.eval_chebyu: ("n, x", {"x": _gegenbauer_slope(1, 2)}, (3, (-0.9, 0.9))),
    special.eval_chebys: ("n, x", {"x": _gegenbauer_slope(1, 1, 0.5)}, (3, (-1.8, 1.8))),
    special.eval_sh_chebyu: ("n, x", {"x": _gegenbauer_slope(1, 4, 2, -1)}, (3, (0.1, 0.9))),
    special.eval_legendre: ("n, x", {"x": _gegenbauer_slope(0.5, 1)}, (3, (-0.9, 0.9))),
    special.eval_sh_legendre: ("n, x", {"x": _gegenbauer_slope(0.5, 2, 2, -1)}, (3, (0.1, 0.9))),
    special.eval_gegenbauer: (
        "n, alpha, x",
        {
            "x": lambda n, alpha, x: _unless_constant(
                n, 2 * alpha * special.eval_gegenbauer(_below(n), alpha + 1, x)
            )
        },
        (3, 0.7, (-0.9, 0.9)),
    ),
    special.eval_jacobi: (
        "n, alpha, beta, x", {"x": _jacobi_slope}, (3, 0.7, 1.2, (-0.9, 0.9))
    ),
    special.eval_sh_jacobi: ("n, p, q, x", {"x": _sh_jacobi_slope}, (3, 2.7, 1.2, (0.1, 0.9))),
    special.eval_laguerre: (
        "n, x",
        {"x": lambda n, x: _unless_constant(n, -special.eval_genlaguerre(_below(n), 1.0, x))},
        (3, (0.1, 4)),
    ),
    special.eval_genlaguerre: (
        "n, alpha, x",
        {
            "x": lambda n, alpha, x: _unless_constant(
                n, -special.eval_genlaguerre(_below(n), alpha + 1, x)
            )
        },
        (3, 0.7, (0.1, 4)),
    ),
}  # fmt: skip

if hasattr(special, "log_wright_bessel"):  # since scipy 1.14
    _PARTIALS[special.log_wright_bessel] = (
        "a, b, x",
        {
            "x": lambda a, b, x, result: np.exp(special.log_wright_bessel(a, a + b, x) - result),
        },
        (0.7, 1.2, (0.3, 3)),
    )

for _table, _complex in ((_PARTIALS, False), (_PARTIALS_HOLOMORPHIC, True)):
    for _original, (_signature, _slopes, _domains) in _table.items():
        lifted(
            derivative=_slopes,
            signature=f"{_signature}, /",
            samples=_within(*_domains, complex=_complex),
        )(_original)


# Scaled Bessel functions whose factor is no holomorphic function: for real arguments only

_SCALED: Final = {
    special.jve: lambda dzdy, v, z: dzdy * 0.5 * (special.jve(v - 1, z) - special.jve(v + 1, z)),
    special.yve: lambda dzdy, v, z: dzdy * 0.5 * (special.yve(v - 1, z) - special.yve(v + 1, z)),
    special.ive: lambda dzdy, v, z, result: (
        dzdy * (0.5 * (special.ive(v - 1, z) + special.ive(v + 1, z)) - np.sign(z) * result)
    ),
}
for _original, _grad in _SCALED.items():
    lifted(grad={"z": _grad}, signature="v, z, /", samples=_within(1.3, (0.5, 4)))(_original)


# Functions with several results

Slopes = Callable[..., tuple[Any, ...]]


def _many(slopes: Slopes) -> Callable[..., Any]:
    """The rule of a function of x with several results, from the derivative of each.

    A result that nothing reached counts for nothing, though its derivative be infinite.
    """

    def grad(dzdy: Any, x: Any, result: Any) -> Any:
        pairs = [(dzdy[i], conj(slope)) for i, slope in enumerate(slopes(x, result))]
        return sum(np.where(np.equal(part, 0), 0.0, part * slope) for part, slope in pairs)

    return grad


def _airye_slopes(x: Any, result: Any) -> tuple[Any, ...]:
    """Of exp(z) Ai and exp(-|Re z|) Bi with z = 2/3 x**1.5, whose real part is 0 for x < 0."""
    ai, aip, bi, bip = result
    root = np.sqrt(x)
    growth = np.sqrt(np.maximum(x, 0.0))
    return aip + root * ai, x * ai + root * aip, bip - growth * bi, x * bi - growth * bip


def _kelvin_slopes(x: Any, result: Any) -> tuple[Any, ...]:
    be, ke, bep, kep = result
    return bep, kep, 1j * be - bep / x, 1j * ke - kep / x


def _modfresnel_slopes(sign: float) -> Slopes:
    def slopes(x: Any, result: Any) -> tuple[Any, ...]:
        turn = np.exp(-0.25j * sign * math.pi) / math.sqrt(math.pi)
        return -np.exp(1j * sign * x * x), -turn - 2j * sign * x * result[1]

    return slopes


_SEVERAL_HOLOMORPHIC: Final[dict[Any, tuple[Slopes, tuple[float, float]]]] = {
    special.airy: (lambda x, y: (y[1], x * y[0], y[3], x * y[2]), (-2, 2)),
    special.sici: (lambda x, y: (_safe_ratio(np.sin(x), x, 1.0), np.cos(x) / x), (0.3, 4)),
    special.shichi: (lambda x, y: (_safe_ratio(np.sinh(x), x, 1.0), np.cosh(x) / x), (0.3, 3)),
    special.fresnel: (
        lambda x, y: (np.sin(math.pi / 2 * x * x), np.cos(math.pi / 2 * x * x)), (-2, 2)
    ),
}  # fmt: skip

# Real arguments, though some of the results are complex.
_SEVERAL_REAL: Final[dict[Any, tuple[Slopes, tuple[float, float]]]] = {
    special.airye: (_airye_slopes, (0.3, 3)),
    special.itairy: (
        lambda x, y: (*special.airy(x)[0:3:2], *special.airy(-x)[0:3:2]), (-2, 2)
    ),
    special.itj0y0: (lambda x, y: (special.j0(x), special.y0(x)), (0.3, 6)),
    special.it2j0y0: (
        lambda x, y: (_safe_ratio(1 - special.j0(x), x, 0.0), -special.y0(x) / x), (0.3, 6)
    ),
    special.iti0k0: (lambda x, y: (special.i0(x), special.k0(x)), (0.3, 4)),
    special.it2i0k0: (
        lambda x, y: (_safe_ratio(special.i0(x) - 1, x, 0.0), -special.k0(x) / x), (0.3, 4)
    ),
    special.kelvin: (_kelvin_slopes, (0.3, 4)),
    special.modfresnelp: (_modfresnel_slopes(1), (0.3, 2)),
    special.modfresnelm: (_modfresnel_slopes(-1), (0.3, 2)),
}  # fmt: skip

for _original, (_slopes, _domain) in _SEVERAL_HOLOMORPHIC.items():
    lifted(grad=_many(_slopes), complex=True, samples=_within(_domain, complex=True))(_original)
for _original, (_slopes, _domain) in _SEVERAL_REAL.items():
    lifted(grad=_many(_slopes), complex=True, samples=_within(_domain))(_original)


def _fitted(dzdx: Any, x: Any) -> Any:
    """The cotangent of an argument that several results were broadcast from."""
    return dzdx if np.shape(dzdx) == np.shape(x) else summed_to(dzdx, np.shape(x))


def _ellipj_by_u(dzdy: Any, u: Any, m: Any, result: Any) -> Any:
    sn, cn, dn, _ = result
    dzdu = dzdy[0] * cn * dn - dzdy[1] * sn * dn - dzdy[2] * m * sn * cn + dzdy[3] * dn
    return _fitted(dzdu, u)


def _ellipj_by_m(dzdy: Any, m: Any, result: Any) -> Any:
    """By the amplitude phi, from ``F(phi | m) = u``."""
    sn, cn, dn, phi = result
    by_phi = dzdy[0] * cn - dzdy[1] * sn - dzdy[2] * m * sn * cn / dn + dzdy[3]
    dzdm = -by_phi * dn * _ellipkinc_by_m(phi, m) - dzdy[2] * 0.5 * sn * sn / dn
    return _fitted(dzdm, m)


lifted(
    grad={"u": _ellipj_by_u, "m": _ellipj_by_m},
    signature="u, m, /",
    samples=_within((-4, 4), (0.1, 0.9)),
)(special.ellipj)


def _parabolic_cylinder_grad(curvature: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The rule of solutions of ``w'' = curvature * w`` that come with their derivatives."""

    def grad(dzdy: Any, v: Any, x: Any, result: Any) -> Any:
        return _fitted(dzdy[0] * result[1] + dzdy[1] * curvature(v, x) * result[0], x)

    return grad


for _original, _curvature in {
    special.pbdv: lambda v, x: 0.25 * x * x - v - 0.5,
    special.pbvv: lambda v, x: 0.25 * x * x - v - 0.5,
    special.pbwa: lambda v, x: v - 0.25 * x * x,
}.items():
    lifted(
        grad={"x": _parabolic_cylinder_grad(_curvature)},
        signature="v, x, /",
        samples=_within(1.3, (0.3, 3)),
    )(_original)


# Functions written in Python


def _polygamma_slope(n: Any, x: Any) -> Any:
    sign = 1 - 2 * (n % 2)
    return sign * special.gamma(n + 2.0) * special.zeta(n + 2, x)


lifted(
    derivative={"x": _polygamma_slope},
    samples=_within(2, (0.3, 4)),
)(special.polygamma)
lifted(
    derivative={"q": lambda x, q: -x * special.zeta(x + 1, q)},
    samples=_within(2.5, (0.3, 4)),
)(special.zeta)
lifted(
    derivative={"z": lambda result: np.exp(-result) / (1 + result)},
    ignores=("k", "tol"),
    samples=lambda rng: [(0.7,), (rng.uniform(0.1, 3, size=(2, 3)),), (1.3 + 0.4j, 1), (-0.2, -1)],
)(special.lambertw)


def _multigammaln_slope(a: Any, d: Any) -> Any:
    return sum(special.psi(a - 0.5 * j) for j in range(int(d)))


lifted(derivative={"a": _multigammaln_slope}, samples=_within((2, 4), 3))(special.multigammaln)
lifted(
    derivative={
        "x": lambda x, n, k: _unless_constant(
            n, -special.eval_genlaguerre(_below(n), k + 1, x)
        )
    },
    samples=_within((0.1, 4), 3, 0.7),
)(special.assoc_laguerre)


def _psi_where(inside: Any, x: Any) -> Any:
    """``psi(x)``, where that is asked for."""
    return special.psi(np.where(inside, x, 1.0))


def _comb_by_n(N: Any, k: Any, result: Any) -> Any:  # noqa: N803 - the original's name
    inside = np.not_equal(result, 0)
    return result * (_psi_where(inside, N + 1) - _psi_where(inside, N - k + 1))


def _comb_by_k(N: Any, k: Any, result: Any) -> Any:  # noqa: N803 - the original's name
    inside = np.not_equal(result, 0)
    return result * (_psi_where(inside, N - k + 1) - _psi_where(inside, k + 1))


def _perm_by_k(N: Any, k: Any, result: Any) -> Any:  # noqa: N803 - the original's name
    return result * _psi_where(np.not_equal(result, 0), N - k + 1)


lifted(
    derivative={"N": _comb_by_n, "k": _comb_by_k}, samples=_within((4, 6), (0.3, 3))
)(special.comb)
lifted(
    derivative={"N": _comb_by_n, "k": _perm_by_k}, samples=_within((4, 6), (0.3, 3))
)(special.perm)
lifted(
    derivative={"n": lambda n, result: result * _psi_where(np.not_equal(result, 0), n + 1)},
    samples=_within((0.3, 4)),
)(special.factorial)


# Derivatives of Bessel functions: one order of derivative up, or by neighbouring orders.


def _derivative_slope(f: Any) -> Any:
    return lambda v, z, n: twin_of(f)(v, z, n + 1)


for _original in (
    special.jvp, special.yvp, special.ivp, special.kvp, special.h1vp, special.h2vp
):  # fmt: skip
    lifted(
        derivative={"z": _derivative_slope(_original)},
        samples=_within(1.3, (0.5, 4), complex=True),
    )(_original)


def _spherical_slope(f: Any, below: float, above: float) -> Any:
    """The derivative of a spherical Bessel function, or of its derivative, DLMF 10.51.1."""

    def slope(n: Any, z: Any, derivative: Any) -> Any:
        of_order = twin_of(f)
        lower = np.where(np.equal(n, 0), 0, n - 1)
        found = above * (n + 1) * of_order(n + 1, z, derivative)
        if np.any(np.not_equal(n, 0)):
            found = found + below * n * of_order(lower, z, derivative)
        return found / (2 * n + 1)

    return slope


for _original, _below_factor, _above_factor in (
    (special.spherical_jn, 1, -1),
    (special.spherical_yn, 1, -1),
    (special.spherical_in, 1, 1),
    (special.spherical_kn, -1, -1),
):
    lifted(
        derivative={"z": _spherical_slope(_original, _below_factor, _above_factor)},
        samples=lambda rng: [
            (2, 1.4),
            (0, rng.uniform(0.5, 4, size=(2, 3))),
            (np.array([[1], [3]]), rng.uniform(0.5, 4, size=3), True),
            (2, rng.uniform(0.5, 4, size=3) * (1 + 0.3j)),
        ],
    )(_original)


def _sph_harm_y_grad(axis: int) -> Any:
    def grad(dzdy: Any, n: Any, m: Any, theta: Any, phi: Any) -> Any:
        return dzdy * conj(special.sph_harm_y(n, m, theta, phi, diff_n=1)[1][..., axis])

    return grad


if hasattr(special, "sph_harm_y"):  # since scipy 1.15
    lifted(
        grad={"theta": _sph_harm_y_grad(0), "phi": _sph_harm_y_grad(1)},
        signature="n, m, theta, phi, *, diff_n=0",
        complex=True,
        samples=_within(3, 2, (0.3, 2), (0.3, 4)),
    )(special.sph_harm_y)
if hasattr(special, "softplus"):  # since scipy 1.17
    lifted(derivative=lambda x: special.expit(x), samples=_within((-4, 4)))(special.softplus)


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
        (x[0, 0],), (x,), (x, 1), (x, (0, -1)), (x, (0, 2), None, True), (x, -1, x * x),
        (x, 1, b), (x[0], None, 2.0), (b, 0, x * x, True), (x[0, 0], None, 1 + x[1, 1] ** 2),
    ]  # fmt: skip


lifted(
    grad={"a": _logsumexp_a_grad, "b": _logsumexp_b_grad}, samples=_logsumexp_samples
)(special.logsumexp)
