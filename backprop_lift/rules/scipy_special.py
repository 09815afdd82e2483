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

from .._lift import lifted, locally_constant
from .._registry import twin_of
from ._densities import (
    beta_pdf,
    chi2_pdf,
    f_pdf,
    gamma_pdf,
    normal_pdf,
    t_pdf,
)
from ._matrices import conj, summed_to

__all__: list[str] = []

_2_SQRT_PI: Final = 2 / math.sqrt(math.pi)
_SQRT_PI_2: Final = math.sqrt(math.pi) / 2
_DEGREE: Final = math.pi / 180

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
    special.wofz: (lambda x, result: -2 * x * result + 1j * _2_SQRT_PI, (-2, 2)),
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


def _boxcox_by_lambda(log_x: Any, lmbda: Any, result: Any) -> Any:
    """d/dl of ``(x**l - 1) / l``, which is ``log(x) * exprel(l * log(x))``.

    Where x is 0, of ``-1 / l``.
    """
    at_zero = np.isneginf(log_x)
    t = np.where(at_zero, 0.0, log_x)
    slope = 0.5 * t * t * special.hyp1f1(2.0, 3.0, lmbda * t)
    return np.where(at_zero, result * result, slope) if np.any(at_zero) else slope


def _inv_boxcox_by_lambda(x: Any, y: Any, lmbda: Any) -> Any:
    """d/dl of the inverse, from ``boxcox(x, l) = y``."""
    return -_boxcox_by_lambda(np.log(x), lmbda, y) * x ** (1 - lmbda)


def _huber_by_delta(x1: Any, x2: Any) -> Any:
    return np.where(np.abs(x2) <= x1, 0.0, np.abs(x2) - x1)


def _huber_by_r(x1: Any, x2: Any) -> Any:
    return np.where(np.abs(x2) <= x1, x2, x1 * np.sign(x2))


def _pseudo_huber_by_delta(x1: Any, x2: Any) -> Any:
    s = np.hypot(x1, x2)
    nowhere = np.equal(s, 0)
    return (x2 * x2 / (s + x1 + nowhere)) ** 2 / (s + nowhere)


def _pseudo_huber_by_r(x1: Any, x2: Any) -> Any:
    s = np.hypot(x1, x2)
    return x1 * x2 / (s + np.equal(s, 0))


def _powm1_by_exponent(x1: Any, x2: Any, result: Any) -> Any:
    zero = np.equal(x1, 0)
    return np.where(zero, 0.0, (result + 1) * np.log(np.where(zero, 1.0, x1)))


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


def _voigt_by_sigma(x1: Any, x2: Any, x3: Any, result: Any) -> Any:
    """Of a function homogeneous of degree -1."""
    by_x, by_gamma = _voigt_slopes(x1, x2, x3)
    return -(result + x1 * by_x + x3 * by_gamma) / x2


def _bessel_slope(f: Any, below: float, above: float) -> Any:
    """The derivative of a cylinder function by neighbouring orders."""
    return lambda x1, x2: below * f(x1 - 1, x2) + above * f(x1 + 1, x2)


def _struve_slope(f: Any, above: float) -> Any:
    def slope(x1: Any, x2: Any) -> Any:
        power = (0.5 * x2) ** x1 * special.rgamma(x1 + 1.5) / math.sqrt(math.pi)
        return 0.5 * (f(x1 - 1, x2) + above * f(x1 + 1, x2) + power)

    return slope


def _expn_slope(x1: Any, x2: Any) -> Any:
    of_order_0 = np.exp(-x2) / x2
    slope = -special.expn(np.where(np.greater(x1, 0), x1 - 1, 0), x2)
    return np.where(np.equal(x1, 0), -of_order_0 * (1 + 1 / x2), slope)


def _below(n: Any) -> Any:
    """The degree of the derivative; that of a constant is 0 too."""
    return np.where(np.equal(n, 0), 0, n - 1)


def _unless_constant(n: Any, slope: Any) -> Any:
    return np.where(np.equal(n, 0), 0.0, slope)


def _gegenbauer_slope(alpha: float, factor: float, scale: float = 1, shift: float = 0) -> Any:
    """Of the polynomials that are Gegenbauer's of ``alpha``, at ``scale * x + shift``."""

    def slope(x1: Any, x2: Any) -> Any:
        found = special.eval_gegenbauer(_below(x1), alpha + 1, scale * x2 + shift)
        return _unless_constant(x1, factor * found)

    return slope


def _jacobi_slope(x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    found = special.eval_jacobi(_below(x1), x2 + 1, x3 + 1, x4)
    return _unless_constant(x1, 0.5 * (x1 + x2 + x3 + 1) * found)


def _sh_jacobi_slope(x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    found = special.eval_jacobi(_below(x1), x2 - x3 + 1, x3, 2 * x4 - 1)
    return _unless_constant(x1, (x1 + x2) * found / special.binom(2 * x1 + x2 - 1, x1))


def _lpmv_slope(x1: Any, x2: Any, x3: Any, result: Any) -> Any:
    below = special.lpmv(x1, x2 - 1, x3)
    return (x2 * x3 * result - (x2 + x1) * below) / (x3 * x3 - 1)


def _carlson_f_slope(x: Any, y: Any, z: Any) -> Any:
    """d/dx of Carlson's R_F(x, y, z), DLMF 19.18.1."""
    return -special.elliprd(y, z, x) / 6


def _carlson_g_slope(x: Any, y: Any, z: Any) -> Any:
    """d/dx of Carlson's R_G(x, y, z), from its integral 19.23.6."""
    return 0.25 * special.elliprf(x, y, z) - x * special.elliprd(y, z, x) / 12


def _elliprd_by_x(x: Any, y: Any, z: Any) -> Any:
    """d/dx of Carlson's R_D(x, y, z): a divided difference by Euler and Poisson, DLMF 19.18.8."""
    tied = np.abs(x - z) <= 1e-8 * np.abs(z)
    difference = special.elliprd(y, z, x) - special.elliprd(x, y, z)
    slope = difference / (2 * (z - x) + tied)
    if not np.any(tied):
        return slope
    there = -0.3 * y**-2.5 * special.hyp2f1(2.5, 3.0, 3.5, 1 - z / y)
    return np.where(tied, there, slope)


def _elliprd_by_z(x1: Any, x2: Any, x3: Any, result: Any) -> Any:
    """Of a function homogeneous of degree -3/2."""
    rest = x1 * _elliprd_by_x(x1, x2, x3) + x2 * _elliprd_by_x(x2, x1, x3)
    return -(1.5 * result + rest) / x3


def _elliprc_by_x(x1: Any, x2: Any, result: Any) -> Any:
    cauchy = np.less(np.real(x2), 0)
    if not np.any(cauchy):
        return -special.elliprd(x2, x2, x1) / 6
    y = np.where(cauchy, x1, x2)
    there = (result - 1 / np.sqrt(x1)) / (2 * (x2 - x1) + np.equal(x1, x2))
    return np.where(cauchy, there, -special.elliprd(y, y, x1) / 6)


def _elliprc_by_y(x1: Any, x2: Any, result: Any) -> Any:
    """Of a function homogeneous of degree -1/2."""
    return -(0.5 * result + x1 * _elliprc_by_x(x1, x2, result)) / x2


def _folded(phi: Any) -> tuple[Any, Any, Any]:
    """Twice the number of half turns in phi, and sine and squared cosine of what is left."""
    turns = np.round(phi / math.pi)
    rest = phi - math.pi * turns
    return 2 * turns, np.sin(rest), np.cos(rest) ** 2


def _ellipkinc_by_m(x1: Any, x2: Any) -> Any:
    """d/dm of F(phi | m), which grows by 2 K(m) every half turn."""
    turns, s, c2 = _folded(x1)
    rest = s**3 * special.elliprd(c2, 1.0, 1 - x2 * s * s) / 6
    return rest + turns * _ellipk_slope(x2) if np.any(turns) else rest


def _ellipeinc_by_m(x1: Any, x2: Any) -> Any:
    """d/dm of E(phi | m), which grows by 2 E(m) every half turn."""
    turns, s, c2 = _folded(x1)
    rest = -(s**3) * special.elliprd(c2, 1 - x2 * s * s, 1.0) / 6
    return rest + turns * _ellipe_slope(x2) if np.any(turns) else rest


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


def _tukey_slope(result: Any, x2: Any) -> Any:
    inside = (result > 0) & (result < 1)
    p = np.where(inside, result, 0.5)
    return np.where(inside, 1 / (p ** (x2 - 1) + (1 - p) ** (x2 - 1)), 0.0)


# original: (partial derivatives by x1, x2, …, the domain of each argument for samples)
_PARTIALS: Final[dict[Any, tuple[dict[str, Any], tuple[Any, ...]]]] = {
    special.xlogy: (
        {"x1": _log_or_zero_of_x1_x2, "x2": lambda x1, x2: _ratio_or_zero(x1, x2)},
        ((0.1, 3), (0.1, 3)),
    ),
    special.xlog1py: (
        {
            "x1": lambda x1, x2: _log1p_or_zero(x1, x2),
            "x2": lambda x1, x2: _ratio_or_zero(x1, 1 + x2),
        },
        ((0.1, 3), (-0.5, 3)),
    ),
    special.rel_entr: (
        {
            "x1": lambda x1, x2: np.log(x1 / x2) + 1,
            "x2": lambda x1, x2: -_ratio_or_zero(x1, x2),
        },
        ((0.1, 3), (0.1, 3)),
    ),
    special.kl_div: (
        {
            "x1": lambda x1, x2: np.log(x1 / x2),
            "x2": lambda x1, x2: 1 - _ratio_or_zero(x1, x2),
        },
        ((0.1, 3), (0.1, 3)),
    ),
    special.huber: (
        {"x1": _huber_by_delta, "x2": _huber_by_r},
        ((0.5, 2), (-4, 4)),
    ),
    special.pseudo_huber: (
        {"x1": _pseudo_huber_by_delta, "x2": _pseudo_huber_by_r},
        ((0.5, 2), (-4, 4)),
    ),
    special.powm1: (
        {"x1": lambda x1, x2: x2 * x1 ** (x2 - 1), "x2": _powm1_by_exponent},
        ((0.3, 3), (-2, 2)),
    ),
    special.boxcox: (
        {
            "x1": lambda x1, x2: x1 ** (x2 - 1),
            "x2": lambda x1, x2, result: _boxcox_by_lambda(np.log(x1), x2, result),
        },
        ((0.3, 3), (-2, 2)),
    ),
    special.boxcox1p: (
        {
            "x1": lambda x1, x2: np.exp((x2 - 1) * np.log1p(x1)),
            "x2": lambda x1, x2, result: _boxcox_by_lambda(np.log1p(x1), x2, result),
        },
        ((-0.5, 3), (-2, 2)),
    ),
    special.inv_boxcox: (
        {
            "x1": lambda x2, result: result ** (1 - x2),
            "x2": lambda x1, x2, result: _inv_boxcox_by_lambda(result, x1, x2),
        },
        ((-0.5, 0.8), (-1, 1)),
    ),
    special.inv_boxcox1p: (
        {
            "x1": lambda x2, result: (1 + result) ** (1 - x2),
            "x2": lambda x1, x2, result: _inv_boxcox_by_lambda(1 + result, x1, x2),
        },
        ((-0.5, 0.8), (-1, 1)),
    ),
    special.radian: (
        {
            "x1": lambda: _DEGREE,
            "x2": lambda: _DEGREE / 60,
            "x3": lambda: _DEGREE / 3600,
        },
        ((0, 90), (0, 60), (0, 60)),
    ),
    special.agm: (
        {
            "x1": lambda x1, x2, result: _agm_slope(x1, x2, result, 1),
            "x2": lambda x1, x2, result: _agm_slope(x1, x2, result, -1),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.voigt_profile: (
        {
            "x1": lambda x1, x2, x3: _voigt_slopes(x1, x2, x3)[0],
            "x2": _voigt_by_sigma,
            "x3": lambda x1, x2, x3: _voigt_slopes(x1, x2, x3)[1],
        },
        ((-2, 2), (0.3, 2), (0.3, 2)),
    ),
    special.owens_t: (
        {
            "x1": lambda x1, x2: -0.5 * normal_pdf(x1) * special.erf(x1 * x2 / math.sqrt(2)),
            "x2": lambda x1, x2: (
                np.exp(-0.5 * x1 * x1 * (1 + x2 * x2)) / (2 * math.pi * (1 + x2 * x2))
            ),
        },
        ((-2, 2), (-2, 2)),
    ),
    # Gamma and beta
    special.beta: (
        {
            "x1": lambda x1, x2, result: result * (special.psi(x1) - special.psi(x1 + x2)),
            "x2": lambda x1, x2, result: result * (special.psi(x2) - special.psi(x1 + x2)),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.betaln: (
        {
            "x1": lambda x1, x2: special.psi(x1) - special.psi(x1 + x2),
            "x2": lambda x1, x2: special.psi(x2) - special.psi(x1 + x2),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.poch: (
        {
            "x1": lambda x1, x2, result: result * (special.psi(x1 + x2) - special.psi(x1)),
            "x2": lambda x1, x2, result: result * special.psi(x1 + x2),
        },
        ((0.3, 3), (0.3, 3)),
    ),
    special.binom: (
        {
            "x1": lambda x1, x2, result: (
                result * (special.psi(x1 + 1) - special.psi(x1 - x2 + 1))
            ),
            "x2": lambda x1, x2, result: (
                result * (special.psi(x1 - x2 + 1) - special.psi(x2 + 1))
            ),
        },
        ((3, 6), (0.3, 2.5)),
    ),
    special.gammainc: ({"x2": gamma_pdf_of_x1_x2}, (1.7, (0.2, 4))),
}  # fmt: skip
