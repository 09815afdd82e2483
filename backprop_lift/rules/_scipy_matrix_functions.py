"""scipy.linalg: functions of matrices, matrix equations, and orthogonal factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as sl

from .._bvar import has_bvar
from .._lift import lifted
from .._space import ZERO
from ..errors import NoGradientError
from ._matrices import (
    Samples,
    adjoint,
    array_like,
    column,
    complex_normal,
    conj,
    plain,
    rectangular_samples,
    row,
    square_samples,
    through_twin,
)

__all__: list[str] = []


# Functions of matrices


def _size(x: Any) -> float:
    return float(np.max(np.abs(plain(x)), initial=0.0))


def _by_block(function: Any, a: Any, e: Any) -> tuple[Any, Any]:
    """f(A), and the derivative of f at A in the direction E, as f([[A, E], [0, A]]).

    References
    ----------
    N. J. Higham, "Functions of Matrices" (2008), theorem 3.6.
    """
    scale = (_size(a) or 1.0) / (_size(e) or 1.0)
    above = np.concatenate([a, e * scale], axis=-1)
    below = np.concatenate([np.zeros(a.shape), a], axis=-1)
    whole = function(np.concatenate([above, below], axis=-2))
    n = a.shape[-1]
    return whole[..., :n, :n], whole[..., :n, n:] / scale


def _matrix_function_grad(function: Any) -> Callable[[Any, Any], Any]:
    """Scaled gradient of a function with f(A)^H = f(A^H).

    The adjoint of its derivative at A is its derivative at A^H; Higham (2008), section 3.2.
    """

    def grad(dzdy: Any, A: Any) -> Any:
        return _by_block(through_twin(function), adjoint(A), dzdy)[1]

    return grad


def _expm_grad(dzdy: Any, A: Any) -> Any:
    """The derivative of the exponential at A^H in the direction dzdy.

    References
    ----------
    A. H. Al-Mohy, N. J. Higham, "Computing the Frechet derivative of the matrix exponential, with
    an application to condition number estimation", SIAM J. Matrix Anal. Appl. 30 (2009), 1639-1657.
    """
    if np.ndim(A) == 2 and not has_bvar(A) and not has_bvar(dzdy):
        return sl.expm_frechet(adjoint(A), dzdy, compute_expm=False)
    return _by_block(through_twin(sl.expm), adjoint(A), dzdy)[1]


def _expm_frechet(
    A: Any,
    E: Any,
    method: Any = None,
    compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:
    value, derivative = _by_block(through_twin(sl.expm), array_like(A), array_like(E))
    return (value, derivative) if compute_expm else derivative


def _near_identity(rng: np.random.Generator) -> Samples:
    """Matrices whose logarithm and roots are real, and whose tangents are finite."""
    return [
        (np.eye(3) + 0.2 * rng.normal(size=(3, 3)),),
        (np.eye(3) + 0.2 * complex_normal(rng, 3, 3),),
    ]


def _sqrtm_grad(dzdy: Any, result: Any) -> Any:
    """From ``X X = A``: dzdA solves ``X^H dzdA + dzdA X^H = dzdX``; Higham (2008), section 6.1."""
    s = np.linalg.svd(plain(result), compute_uv=False)
    if np.any(s[..., -1:] <= s.shape[-1] * np.finfo(s.dtype).eps * s[..., :1]):
        raise NoGradientError(
            "scipy.linalg.sqrtm has no derivative at a singular matrix.",
            "Keep eigenvalues away from zero, as by adding a small multiple of the identity.",
        )
    turned = adjoint(result)
    return through_twin(sl.solve_sylvester)(turned, turned, dzdy)


def _signm_grad(dzdy: Any, result: Any, A: Any) -> Any:
    """With S the sign and N = A S: dS solves ``N dS + dS N = dA - S dA S``; Higham (2008), 5.1."""
    turned = adjoint(result)
    n = turned @ adjoint(A)
    w = through_twin(sl.solve_sylvester)(n, n, dzdy)
    return w - turned @ w @ turned


for _function in (sl.logm, sl.sinm, sl.cosm, sl.tanm, sl.sinhm, sl.coshm, sl.tanhm):
    lifted(grad=_matrix_function_grad(_function), wrt="A", complex=True, samples=_near_identity)(
        _function
    )
lifted(
    grad=_expm_grad,
    complex=True,
    samples=square_samples,
)(sl.expm)
lifted(
    twin=_expm_frechet,
    samples=lambda rng: [(*a, rng.normal(size=(3, 3))) for a in square_samples(rng)[::2]],
)(sl.expm_frechet)
lifted(
    grad=_signm_grad,
    complex=True,
    samples=lambda rng: [
        (np.diag([1.0, -2.0, 3.0]) + 0.3 * rng.normal(size=(3, 3)),),
        (np.diag([1.0, -2.0, 3.0]) + 0.3 * complex_normal(rng, 3, 3),),
    ],
)(sl.signm)
lifted(grad=_sqrtm_grad, wrt="A", complex=True, samples=_near_identity)(sl.sqrtm)
lifted(
    grad={
        "A": lambda dzdy, A, t: _by_block(
            lambda x: through_twin(sl.fractional_matrix_power)(x, t), adjoint(A), dzdy
        )[1],
        "t": lambda dzdy, result, A: np.sum(dzdy * conj(through_twin(sl.logm)(A) @ result)),
    },
    complex=True,
    samples=lambda rng: [(*a, 0.3) for a in _near_identity(rng)],
)(sl.fractional_matrix_power)


# Matrix equations


def _solve_sylvester_grad(dzdy: Any, result: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """A X + X B = Q: with ``A^H W + W B^H = dzdX`` they are -W X^H, -X^H W and W."""
    w = through_twin(sl.solve_sylvester)(adjoint(a), adjoint(b), dzdy)
    turned = adjoint(result)
    return -w @ turned, -turned @ w, w


def _continuous_lyapunov_grad(dzdy: Any, result: Any, a: Any) -> tuple[Any, Any]:
    """A X + X A^H = Q: with ``A^H W + W A = dzdX`` they are -W X^H - W^H X and W."""
    w = through_twin(sl.solve_continuous_lyapunov)(adjoint(a), dzdy)
    return -w @ adjoint(result) - adjoint(w) @ result, w


def _discrete_lyapunov_grad(dzdy: Any, result: Any, a: Any) -> tuple[Any, Any]:
    """A X A^H - X + Q = 0: with ``A^H W A - W + dzdX = 0`` they are W A X^H + W^H A X and W."""
    w = through_twin(sl.solve_discrete_lyapunov)(adjoint(a), dzdy)
    return w @ a @ adjoint(result) + adjoint(w) @ a @ result, w


def _equations(rng: np.random.Generator) -> Samples:
    return [
        (rng.normal(size=(3, 3)) * 0.2, rng.normal(size=(3, 3))),
        (complex_normal(rng, 3, 3) * 0.15, complex_normal(rng, 3, 3)),
    ]


lifted(
    grad=_solve_sylvester_grad,
    wrt=("a", "b", "q"),
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=(3, 3)), rng.normal(size=(2, 2)) + 4 * np.eye(2), rng.normal(size=(3, 2))),
        (
            complex_normal(rng, 3, 3),
            complex_normal(rng, 2, 2) + 4 * np.eye(2),
            complex_normal(rng, 3, 2),
        ),
    ],
)(sl.solve_sylvester)
for _function in {sl.solve_continuous_lyapunov, sl.solve_lyapunov}:
    lifted(grad=_continuous_lyapunov_grad, wrt=("a", "q"), complex=True, samples=_equations)(
        _function
    )
lifted(
    grad=_discrete_lyapunov_grad,
    wrt=("a", "q"),
    ignores=("method",),
    complex=True,
    samples=_equations,
)(sl.solve_discrete_lyapunov)


# Orthogonal factors


def _polar_grad(dzdy: Any, result: Any, a: Any, side: str) -> Any:
    """From P = U^H A or A U^H, and from the derivative of the factor U."""
    a, u = array_like(a), result[0]
    dzdu, dzdp = dzdy[0], dzdy[1]
    dzda: Any = ZERO
    if dzdp is not ZERO:
        right = side == "right"
        dzda = u @ dzdp if right else dzdp @ u
        dzdu = dzdu + (a @ adjoint(dzdp) if right else adjoint(dzdp) @ a)
    return dzda if dzdu is ZERO else dzda + _orthogonal_factor_grad(dzdu, a)


def _orthogonal_factor_grad(dzdu: Any, a: Any) -> Any:
    """Scaled gradient of ``W V^H``, where ``A = W S V^H``; regular where singular values coincide.

    References
    ----------
    N. J. Higham, "Functions of Matrices" (2008), section 8.2; V. Noferini, "A formula for the
    Frechet derivative of a generalized matrix function", SIAM J. Matrix Anal. Appl. 38 (2017).
    """
    w, s, vh = np.linalg.svd(a, full_matrices=False)
    v = adjoint(vh)
    among = adjoint(w) @ dzdu @ v
    dzda = w @ ((among - adjoint(among)) / (row(s) + column(s))) @ vh
    if w.shape[-2] > s.shape[-1]:
        dzda = dzda + ((dzdu @ v - w @ among) / row(s)) @ vh
    if v.shape[-2] > s.shape[-1]:
        dzda = dzda + w @ ((adjoint(w) @ dzdu - among @ vh) / column(s))
    return dzda


def _orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> Any:
    product = adjoint(A) @ array_like(B)
    return through_twin(sl.polar)(product)[0], np.linalg.norm(product, "nuc", (-2, -1))


lifted(
    grad=_polar_grad,
    wrt="a",
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [
        (a, side) for (a,) in rectangular_samples(rng) for side in ("right", "left")
    ],
)(sl.polar)
lifted(
    twin=_orthogonal_procrustes,
    samples=lambda rng: [
        (rng.normal(size=(5, 3)), rng.normal(size=(5, 3))),
        (complex_normal(rng, 5, 2), complex_normal(rng, 5, 2)),
    ],
)(sl.orthogonal_procrustes)
