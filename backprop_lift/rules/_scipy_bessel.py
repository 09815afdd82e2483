"""Bessel functions and their kin: Kelvin, Struve, Hankel, spherical ones, spherical harmonics.

The derivative by the argument is one by neighbouring orders; that by the order has no closed form.

References
----------
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov: chapters 10
(Bessel) and 11 (Struve).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

from .._lift import lifted
from .._registry import twin_of
from ._matrices import conj
from ._slopes import Partials, Slope, and_also, safe_ratio, within

__all__: list[str] = []


def _berp_slope(x: Any) -> Any:
    return -special.bei(x) - safe_ratio(special.berp(x), x, 0.0)


def _beip_slope(x: Any) -> Any:
    return special.ber(x) - safe_ratio(special.beip(x), x, 0.5)


def _bessel_slope(f: Any, below: float, above: float) -> Any:
    """The derivative of a cylinder function by neighbouring orders."""
    return lambda v, z: below * f(v - 1, z) + above * f(v + 1, z)


def _struve_slope(f: Any, above: float) -> Any:
    def slope(v: Any, x: Any) -> Any:
        power = (0.5 * x) ** v * special.rgamma(v + 1.5) / math.sqrt(math.pi)
        return 0.5 * (f(v - 1, x) + above * f(v + 1, x) + power)

    return slope


_UNARY: Final[dict[Any, Slope]] = {
    special.j0: (lambda x: -special.j1(x), (0.1, 6)),
    special.j1: (lambda x: 0.5 * (special.j0(x) - special.jv(2, x)), (0.1, 6)),
    special.y0: (lambda x: -special.y1(x), (0.5, 6)),
    special.y1: (lambda x: 0.5 * (special.y0(x) - special.yn(2, x)), (0.5, 6)),
    special.i0: (lambda x: special.i1(x), (-3, 3)),
    special.i1: (lambda x: 0.5 * (special.i0(x) + special.iv(2, x)), (-3, 3)),
    special.i0e: (lambda x, result: special.i1e(x) - np.sign(x) * result, (-3, 3)),
    special.i1e: (
        lambda x, result: 0.5 * (special.i0e(x) + special.ive(2, x)) - np.sign(x) * result, (-3, 3)
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
    # beyond, scipy's integral is wrong in its first digit
    special.itstruve0: (
        lambda x: np.where(np.abs(x) > 20, np.nan, special.struve(0, x)), (0.3, 6)
    ),
    special.it2struve0: (lambda x: -special.struve(0, x) / x, (0.3, 6)),
    special.itmodstruve0: (lambda x: special.modstruve(0, x), (0.3, 6)),
}  # fmt: skip

_BY_ORDER: Final[dict[Any, Partials]] = {
    special.kn: ("v, z", {"z": _bessel_slope(special.kn, -0.5, -0.5)}, (3, (0.3, 4))),
    special.yn: ("v, z", {"z": _bessel_slope(special.yn, 0.5, -0.5)}, (2, (0.5, 6))),
    special.struve: ("v, x", {"x": _struve_slope(special.struve, -1)}, (1.3, (0.3, 6))),
    special.modstruve: ("v, x", {"x": _struve_slope(special.modstruve, 1)}, (1.3, (0.3, 4))),
    special.wright_bessel: (
        "a, b, x",
        {"x": lambda a, b, x: special.wright_bessel(a, a + b, x)},
        (0.7, 1.2, (0.3, 3)),
    ),
}  # fmt: skip

_BY_ORDER_HOLOMORPHIC: Final[dict[Any, Partials]] = {
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
}  # fmt: skip

if hasattr(special, "log_wright_bessel"):  # since scipy 1.14
    _BY_ORDER[special.log_wright_bessel] = (
        "a, b, x",
        {
            "x": lambda a, b, x, result: np.exp(special.log_wright_bessel(a, a + b, x) - result),
        },
        (0.7, 1.2, (0.3, 3)),
    )

for _original, (_slope, _domain) in _UNARY.items():
    lifted(derivative=_slope, samples=within(_domain))(_original)
for _original, (_signature, _slopes, _domains) in _BY_ORDER.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=within(*_domains),
    )(_original)
for _original, (_signature, _slopes, _domains) in _BY_ORDER_HOLOMORPHIC.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=within(*_domains, complex=True),
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
    _samples = within(1.3, (0.5, 4))
    if _original is special.ive:
        _samples = and_also(_samples, (2.0, -1.5))
    lifted(grad={"z": _grad}, signature="v, z, /", samples=_samples)(_original)


# Derivatives of Bessel functions: one order of derivative up, or by neighbouring orders.


def _derivative_slope(f: Any) -> Any:
    return lambda v, z, n: twin_of(f)(v, z, n + 1)


for _original in (
    special.jvp, special.yvp, special.ivp, special.kvp, special.h1vp, special.h2vp
):  # fmt: skip
    lifted(
        derivative={"z": _derivative_slope(_original)},
        samples=and_also(within(1.3, (0.5, 4), complex=True), (1.3, 2.1, 2)),
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
        samples=within(3, 2, (0.3, 2), (0.3, 4)),
    )(special.sph_harm_y)
