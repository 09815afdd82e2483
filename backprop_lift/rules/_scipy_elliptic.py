"""Elliptic integrals and functions, by Carlson's symmetric integrals where others would cancel.

References
----------
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov: chapters 19
(elliptic integrals) and 22 (Jacobian elliptic functions).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

from .._lift import lifted
from ._matrices import summed_to
from ._slopes import Partials, Samples, Slope, within

__all__: list[str] = []


def _ellipk_slope(x: Any) -> Any:
    return math.pi / 8 * special.hyp2f1(1.5, 1.5, 2.0, x)


def _ellipe_slope(x: Any) -> Any:
    return -math.pi / 8 * special.hyp2f1(0.5, 1.5, 2.0, x)


def _agm_slope(a: Any, b: Any, result: Any, sign: float) -> Any:
    """The slope of the mean by a for sign 1, by b for -1.

    From ``agm(a, b) = pi/4 (a + b) / K(((a - b) / (a + b))**2)``.
    """
    s = a + b
    m, p = ((a - b) / s) ** 2, 4 * a * b / s**2  # their sum is 1
    other = b if sign > 0 else a
    dm = sign * 4 * (a - b) * other / s**3
    k = special.ellipkm1(p)
    apart = np.less(p, 0.5)
    far, low = np.where(apart, m, 0.5), np.where(apart, p, 0.5)
    slope = np.where(
        apart,
        (special.ellipe(far) - low * special.ellipkm1(low)) / (2 * far * low),
        _ellipk_slope(np.where(apart, 0.5, m)),
    )
    return result / s - result / k * slope * dm


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
    there = (result - 1 / np.sqrt(x)) / np.where(cauchy, 2 * (y - x), 1.0)
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


_UNARY: Final[dict[Any, Slope]] = {
    special.ellipk: (_ellipk_slope, (-2, 0.9)),
    special.ellipe: (_ellipe_slope, (-2, 0.9)),
    special.ellipkm1: (lambda x: -special.elliprd(0.0, 1.0, x) / 6, (0.01, 3)),
}  # fmt: skip

_PARTIALS: Final[dict[Any, Partials]] = {
    special.agm: (
        "a, b",
        {
            "a": lambda a, b, result: _agm_slope(a, b, result, 1),
            "b": lambda a, b, result: _agm_slope(a, b, result, -1),
        },
        ((0.3, 3), (0.3, 3)),
    ),
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
}  # fmt: skip

for _original, (_slope, _domain) in _UNARY.items():
    lifted(derivative=_slope, samples=within(_domain))(_original)
_CARLSON: Final = (special.elliprc, special.elliprf, special.elliprd, special.elliprg)


def _carlson_samples(*domains: tuple[float, float]) -> Samples:
    """Samples with positive numbers, with equal ones and with complex ones."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        found = within(*domains)(rng)
        arrays = found[1]
        turned = tuple(x * np.exp((0.3 - 0.4 * i) * 1j) for i, x in enumerate(arrays))
        found += [arrays[:1] * len(arrays), turned]
        if len(domains) == 2:  # a principal value, beside equal numbers
            found.append((np.array([1.3, 0.7]), np.array([-2.0, 0.7])))
        return found

    return samples


for _original, (_signature, _slopes, _domains) in _PARTIALS.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=(_carlson_samples if _original in _CARLSON else within)(*_domains),
    )(_original)


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
    samples=within((-4, 4), (0.1, 0.9)),
)(special.ellipj)
