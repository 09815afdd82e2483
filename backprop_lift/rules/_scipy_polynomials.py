"""Orthogonal polynomials, Legendre functions and hypergeometric functions, by their argument.

References
----------
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov: chapters 14
(Legendre), 15 (hypergeometric) and 18 (orthogonal polynomials).
"""

from __future__ import annotations

from typing import Any, Final

from scipy import special

from .._lift import lifted
from ._slopes import Partials, and_also, below, unless_constant, within

__all__: list[str] = []


def _gegenbauer_slope(alpha: float, factor: float, scale: float = 1, shift: float = 0) -> Any:
    """Of the polynomials that are Gegenbauer's of ``alpha``, at ``scale * x + shift``."""

    def slope(n: Any, x: Any) -> Any:
        found = special.eval_gegenbauer(below(n), alpha + 1, scale * x + shift)
        return unless_constant(n, factor * found)

    return slope


def _jacobi_slope(n: Any, alpha: Any, beta: Any, x: Any) -> Any:
    found = special.eval_jacobi(below(n), alpha + 1, beta + 1, x)
    return unless_constant(n, 0.5 * (n + alpha + beta + 1) * found)


def _sh_jacobi_slope(n: Any, p: Any, q: Any, x: Any) -> Any:
    found = special.eval_jacobi(below(n), p - q + 1, q, 2 * x - 1)
    return unless_constant(n, (n + p) * found / special.binom(2 * n + p - 1, n))


def _lpmv_slope(m: Any, v: Any, x: Any, result: Any) -> Any:
    return (v * x * result - (v + m) * special.lpmv(m, v - 1, x)) / (x * x - 1)


_REAL: Final[dict[Any, Partials]] = {
    special.hyperu: (
        "a, b, x", {"x": lambda a, b, x: -a * special.hyperu(a + 1, b + 1, x)}, (1.3, 0.6, (0.3, 3))
    ),
    special.eval_hermite: (
        "n, x",
        {"x": lambda n, x: 2 * n * special.eval_hermite(below(n), x)},
        (3, (-2, 2)),
    ),
    special.eval_hermitenorm: (
        "n, x", {"x": lambda n, x: n * special.eval_hermitenorm(below(n), x)}, (3, (-2, 2))
    ),
    special.lpmv: ("m, v, x", {"x": _lpmv_slope}, (1, 3, (-0.8, 0.8))),
}  # fmt: skip

# The same for functions that take complex values in their last argument.
_HOLOMORPHIC: Final[dict[Any, Partials]] = {
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
        "n, x", {"x": lambda n, x: n * special.eval_chebyu(below(n), x)}, (3, (-0.9, 0.9))
    ),
    special.eval_chebyc: (
        "n, x", {"x": lambda n, x: n * special.eval_chebys(below(n), x)}, (3, (-1.8, 1.8))
    ),
    special.eval_sh_chebyt: (
        "n, x", {"x": lambda n, x: 2 * n * special.eval_sh_chebyu(below(n), x)}, (3, (0.1, 0.9))
    ),
    special.eval_chebyu: ("n, x", {"x": _gegenbauer_slope(1, 2)}, (3, (-0.9, 0.9))),
    special.eval_chebys: ("n, x", {"x": _gegenbauer_slope(1, 1, 0.5)}, (3, (-1.8, 1.8))),
    special.eval_sh_chebyu: ("n, x", {"x": _gegenbauer_slope(1, 4, 2, -1)}, (3, (0.1, 0.9))),
    special.eval_legendre: ("n, x", {"x": _gegenbauer_slope(0.5, 1)}, (3, (-0.9, 0.9))),
    special.eval_sh_legendre: ("n, x", {"x": _gegenbauer_slope(0.5, 2, 2, -1)}, (3, (0.1, 0.9))),
    special.eval_gegenbauer: (
        "n, alpha, x",
        {
            "x": lambda n, alpha, x: unless_constant(
                n, 2 * alpha * special.eval_gegenbauer(below(n), alpha + 1, x)
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
        {"x": lambda n, x: unless_constant(n, -special.eval_genlaguerre(below(n), 1.0, x))},
        (3, (0.1, 4)),
    ),
    special.eval_genlaguerre: (
        "n, alpha, x",
        {
            "x": lambda n, alpha, x: unless_constant(
                n, -special.eval_genlaguerre(below(n), alpha + 1, x)
            )
        },
        (3, 0.7, (0.1, 4)),
    ),
}  # fmt: skip

for _original, (_signature, _slopes, _domains) in _REAL.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=within(*_domains),
    )(_original)
for _original, (_signature, _slopes, _domains) in _HOLOMORPHIC.items():
    lifted(
        derivative=_slopes,
        signature=f"{_signature}, /",
        samples=within(*_domains, complex=True),
    )(_original)
lifted(
    derivative={
        "x": lambda x, n, k: unless_constant(n, -special.eval_genlaguerre(below(n), k + 1, x))
    },
    samples=and_also(within((0.1, 4), 3, 0.7), (1.5 + 0.4j, 3, 0.7)),
)(special.assoc_laguerre)
