"""Functions of `scipy.special` with several results: Airy, sine integrals, parabolic cylinder.

References
----------
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov: chapters 6
(exponential integrals), 7 (Fresnel), 9 (Airy), 10 (Kelvin), 12 (parabolic cylinder).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import special

from .._lift import lifted
from ._matrices import conj, summed_to
from ._slopes import and_also, safe_ratio, within

__all__: list[str] = []


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
    """Of exp(z) Ai and Bi, with z = 2/3 x**1.5; the factor of Bi is left as it is."""
    ai, aip, bi, bip = result
    root = np.sqrt(x)
    return aip + root * ai, x * ai + root * aip, bip, x * bi


def _airye_grad(dzdy: Any, x: Any, result: Any) -> Any:
    """Bi and its derivative have the factor exp(-|Re z|), which is not holomorphic."""
    growth = np.sqrt(x if np.iscomplexobj(x) else np.maximum(x, 0.0))
    side = np.sign(np.real(x * growth))
    through_factor = np.real(conj(dzdy[2]) * result[2] + conj(dzdy[3]) * result[3])
    return _many(_airye_slopes)(dzdy, x, result) - side * through_factor * conj(growth)


def _kelvin_slopes(x: Any, result: Any) -> tuple[Any, ...]:
    be, ke, bep, kep = result
    return bep, kep, 1j * be - bep / x, 1j * ke - kep / x


def _modfresnel_slopes(sign: float) -> Slopes:
    """Of both integrals; nan for x < 0, where scipy's values are those of other functions."""

    def slopes(x: Any, result: Any) -> tuple[Any, ...]:
        turn = np.exp(-0.25j * sign * math.pi) / math.sqrt(math.pi)
        right = np.where(np.less(x, 0), np.nan, 1.0)
        return -np.exp(1j * sign * x * x) * right, -turn - 2j * sign * x * result[1] * right

    return slopes


_HOLOMORPHIC: Final[dict[Any, tuple[Slopes, tuple[float, float]]]] = {
    special.sici: (lambda x, y: (safe_ratio(np.sin(x), x, 1.0), np.cos(x) / x), (0.3, 4)),
    special.shichi: (lambda x, y: (safe_ratio(np.sinh(x), x, 1.0), np.cosh(x) / x), (0.3, 3)),
    special.fresnel: (
        lambda x, y: (np.sin(math.pi / 2 * x * x), np.cos(math.pi / 2 * x * x)), (-2, 2)
    ),
    special.airy: (lambda x, y: (y[1], x * y[0], y[3], x * y[2]), (-2, 2)),
}  # fmt: skip

# Real arguments, though some of the results are complex.
_REAL: Final[dict[Any, tuple[Slopes, tuple[float, float]]]] = {
    special.modfresnelp: (_modfresnel_slopes(1), (0.3, 2)),
    special.modfresnelm: (_modfresnel_slopes(-1), (0.3, 2)),
    special.itairy: (
        lambda x, y: (*special.airy(x)[0:3:2], *special.airy(-x)[0:3:2]), (-2, 2)
    ),
    special.itj0y0: (lambda x, y: (special.j0(x), special.y0(x)), (0.3, 6)),
    special.it2j0y0: (
        lambda x, y: (safe_ratio(1 - special.j0(x), x, 0.0), -special.y0(x) / x), (0.3, 6)
    ),
    special.iti0k0: (lambda x, y: (special.i0(x), special.k0(x)), (0.3, 4)),
    special.it2i0k0: (
        lambda x, y: (safe_ratio(special.i0(x) - 1, x, 0.0), -special.k0(x) / x), (0.3, 4)
    ),
    special.kelvin: (_kelvin_slopes, (0.3, 4)),
}  # fmt: skip

for _original, (_slopes, _domain) in _HOLOMORPHIC.items():
    lifted(grad=_many(_slopes), complex=True, samples=within(_domain, complex=True))(_original)
for _original, (_slopes, _domain) in _REAL.items():
    lifted(grad=_many(_slopes), complex=True, samples=within(_domain))(_original)
_airye_samples = and_also(within((0.3, 3), complex=True), (np.array([-3.0 - 2.0j, 0.5 + 1.5j]),))
lifted(grad=_airye_grad, complex=True, samples=_airye_samples)(special.airye)


def _fitted(dzdx: Any, x: Any) -> Any:
    """The cotangent of an argument that several results were broadcast from."""
    return dzdx if np.shape(dzdx) == np.shape(x) else summed_to(dzdx, np.shape(x))


def _parabolic_cylinder_grad(curvature: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The rule of solutions of ``w'' = curvature * w`` that come with their derivatives."""

    def grad(dzdy: Any, v: Any, x: Any, result: Any) -> Any:
        return _fitted(dzdy[0] * result[1] + dzdy[1] * curvature(v, x) * result[0], x)

    return grad


def _is_nearly_whole(v: Any) -> Any:
    off = np.abs(v - np.round(v))
    return (off > 0) & (off < 1e-4)


for _original, _curvature in {
    special.pbdv: lambda v, x: 0.25 * x * x - v - 0.5,
    # beside whole orders, scipy's values cancel
    special.pbvv: lambda v, x: np.where(_is_nearly_whole(v), np.nan, 0.25) * x * x - v - 0.5,
    special.pbwa: lambda v, x: v - 0.25 * x * x,
}.items():
    lifted(
        grad={"x": _parabolic_cylinder_grad(_curvature)},
        signature="v, x, /",
        samples=within(1.3, (0.3, 3)),
    )(_original)
