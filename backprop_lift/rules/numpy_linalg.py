"""numpy.linalg: solving, decompositions, norms and functions of matrices.

Every rule takes stacks of matrices. Functions of Hermitian matrices read one triangle; their
gradient is by the entries that are read. Eigenvectors and singular vectors have derivatives only
where their values differ: a loss of the values alone stays finite where they coincide, a loss of
the vectors is infinite or nan there.

References
----------
M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
automatic differentiation", Oxford NA-08/01 (2008).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._bvar import value_of
from .._lift import lifted, locally_constant
from .._space import ZERO
from ..errors import NoGradientError
from ._matrices import (
    adjoint,
    array_like,
    column,
    conj,
    diagonal_matrix,
    read_from_one_triangle,
    row,
    summed_to,
)

__all__: list[str] = []

Samples = list[tuple[Any, ...]]


def _turned(rng: np.random.Generator, *shape: int) -> Any:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _square(rng: np.random.Generator) -> Samples:
    regular = 2 * np.eye(3)
    return [
        (rng.normal(size=(3, 3)) + regular,),
        (rng.normal(size=(2, 1, 3, 3)) + regular,),
        (_turned(rng, 3, 3) + regular,),
    ]


def _flows(dzdx: Any) -> bool:
    """Whether a cotangent may be other than zero."""
    return dzdx is not ZERO and (dzdx.__class__ is not np.ndarray or bool(dzdx.any()))


# Solving


def _solve_grad(dzdy: Any, result: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Scaled gradient of `numpy.linalg.solve`.

    Parameters
    ----------
    dzdy, result : ndarray, shape (..., n) or (..., n, k)
        Cotangent of the solution, and the solution.
    a : ndarray, shape (..., n, n)
    b : ndarray, shape (n,) or (..., n, k)

    References
    ----------
    Giles (2008), section 2.2.3.
    """
    shape_a, shape_b = np.shape(a), np.shape(b)
    if len(shape_b) == 1:
        dzdy, result = column(dzdy), column(result)
    dzdb = np.linalg.solve(adjoint(a), dzdy)
    dzda = -dzdb @ adjoint(result)
    if len(shape_b) == 1:
        dzdb = dzdb[..., 0]
    return summed_to(dzda, shape_a), summed_to(dzdb, shape_b)


def _solve_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(3, 3))
    stack = rng.normal(size=(2, 3, 3))
    return [
        (a, rng.normal(size=3)),
        (a, rng.normal(size=(3, 2))),
        (stack, rng.normal(size=3)),
        (stack, rng.normal(size=(3, 2))),
        (a, rng.normal(size=(4, 3, 2))),
        (stack, rng.normal(size=(4, 1, 3, 2))),
        (_turned(rng, 3, 3), _turned(rng, 3)),
    ]


lifted(grad=_solve_grad, complex=True, samples=_solve_samples)(np.linalg.solve)


def _inv_grad(dzdy: Any, result: Any) -> Any:
    """-Y^H dzdy Y^H; Giles (2008), section 2.2.3."""
    turned = adjoint(result)
    return -turned @ dzdy @ turned


lifted(grad=_inv_grad, wrt="a", complex=True, samples=_square)(np.linalg.inv)


# Determinants


# Up to this condition det(A) A^-H is taken for the matrix of cofactors.
_WELL_CONDITIONED = 1e6


def _det_grad(dzdy: Any, result: Any, a: Any) -> Any:
    """dzdy times the conjugate of the matrix of cofactors.

    That is det(A) A^-H where A is regular. In a stack with a matrix that is nearly singular it is
    made from the singular value decomposition ``A = U S V^H``, as
    ``det(U V^H)^* U adj(S) V^H``, which exists everywhere.

    References
    ----------
    Giles (2008), section 2.2.4; G. W. Stewart, "On the adjugate matrix", Linear Algebra and its
    Applications 283 (1998), 151-164.
    """
    factor = np.expand_dims(dzdy, (-2, -1))
    if np.all(result != 0):
        inverse = np.linalg.inv(a)
        condition = np.max(np.abs(a), axis=(-2, -1)) * np.max(np.abs(inverse), axis=(-2, -1))
        if np.all(condition < _WELL_CONDITIONED):
            return factor * np.expand_dims(conj(result), (-2, -1)) * adjoint(inverse)
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1.0, row(s)), axis=-1)
    turn = np.expand_dims(conj(np.linalg.det(u) * np.linalg.det(vh)), (-2, -1))
    return factor * turn * ((u * row(others)) @ vh)


def _det_samples(rng: np.random.Generator) -> Samples:
    singular = rng.normal(size=(3, 2)) @ rng.normal(size=(2, 3))
    return [*_square(rng), (singular,), (np.stack([singular, rng.normal(size=(3, 3))]),)]


lifted(grad=_det_grad, wrt="a", complex=True, samples=_det_samples)(np.linalg.det)


def _slogdet_grad(dzdy: Any, result: Any, a: Any) -> Any:
    """From d log det(A) = tr(A^-1 dA): its real part moves logabsdet, its imaginary part sign."""
    dzdsign, factor = dzdy[0], dzdy[1]
    if np.iscomplexobj(result[0]):
        factor = factor - 1j * np.imag(conj(dzdsign) * result[0])
    return np.expand_dims(factor, (-2, -1)) * adjoint(np.linalg.inv(a))


lifted(grad=_slogdet_grad, wrt="a", complex=True, samples=_square)(np.linalg.slogdet)


# Eigenvalues


def _gaps(w: Any) -> Any:
    """Differences w_j - w_i of neighbours in a spectrum: zero where rounding cannot tell them."""
    gaps = row(w) - column(w)
    size = np.max(np.abs(w), axis=-1, initial=0.0)[..., None, None]
    return np.where(np.abs(gaps) <= w.shape[-1] * np.finfo(w.dtype).eps * size, 0.0, gaps)


def _over_gaps(x: Any, gaps: Any) -> Any:
    """Divide by the gaps, off the diagonal; infinite where two values coincide and both matter."""
    none = np.eye(x.shape[-1], dtype=bool) | np.equal(x, 0)
    return np.where(none, 0.0, x) / np.where(none, 1.0, gaps)


def _turn(dzdv: Any, vectors: Any) -> Any:
    """What a loss gains, per radian, when a column is multiplied by exp(it).

    Zero where it is no more than rounding: for a loss that does not depend on the phase.
    """
    parts = conj(vectors) * dzdv
    turn = np.sum(np.imag(parts), axis=-2)
    size = np.max(np.sum(np.abs(parts), axis=-2), axis=-1, keepdims=True, initial=0.0)
    return np.where(np.abs(turn) <= 1e-12 * size, 0.0, turn)


def _phase_fixed(dzdv: Any, vectors: Any, at: Any, turn: Any, function: str) -> Any:
    """Take into account how the phase of complex vectors was chosen.

    Parameters
    ----------
    dzdv, vectors : ndarray, shape (..., m, k)
        Cotangent of the columns, and the columns.
    at : ndarray of bool, shape (..., m, k)
        True once in each column, at the component that was made real.
    turn : ndarray, shape (..., k)
        Of the loss.
    function : str
        Named in the error.

    Notes
    -----
    Let a vector move by dv while its phase is left open. To keep its component v_j real it is
    multiplied by exp(it) besides, with t = -Im(dv_j) / v_j, which the loss feels by `turn`. A loss
    that does not depend on the phase has turn = 0, whatever was chosen.
    """
    flat = turn == 0
    if np.all(flat):
        return dzdv
    if np.any(np.where(at, np.imag(vectors), 0.0) != 0):
        raise NoGradientError(
            f"A loss depends on the phase of the complex vectors of {function}, which is left "
            "open by their definition.",
            "Use them so that the phase cancels, as in v @ diag(w) @ v^H.",
        )
    chosen = np.sum(np.where(at, np.real(vectors), 0.0), axis=-2)
    return dzdv - 1j * at * row(turn / np.where(flat, 1.0, chosen))


def _eigh_grad(dzdy: Any, result: Any, UPLO: str) -> Any:  # noqa: N803 - numpy's name
    """Scaled gradient of `numpy.linalg.eigh`, by the entries of the triangle that it reads.

    The phase of complex vectors is LAPACK's: it reduces to a real tridiagonal matrix by reflections
    that leave the first (or last) axis alone, so that the vectors are real there.

    References
    ----------
    Giles (2008), section 3.1, with F_ij = 1 / (w_j - w_i).
    """
    (dzdw, dzdv), (w, v) = (dzdy[0], dzdy[1]), (result[0], result[1])
    lower = UPLO.upper() == "L"
    if _flows(dzdv):
        if np.iscomplexobj(v):
            at = np.zeros(v.shape, bool)
            at[..., 0 if lower else -1, :] = True
            dzdv = _phase_fixed(dzdv, v, at, _turn(dzdv, v), "numpy.linalg.eigh")
        inner = _over_gaps(adjoint(v) @ dzdv, _gaps(w))
        if dzdw is not ZERO:
            inner = inner + diagonal_matrix(dzdw)
        dzda = v @ inner @ adjoint(v)
    elif dzdw is not ZERO:
        dzda = (v * row(dzdw)) @ adjoint(v)
    else:
        return ZERO
    return read_from_one_triangle(dzda, lower=lower)


def _eigvalsh_grad(dzdy: Any, a: Any, UPLO: str) -> Any:  # noqa: N803 - numpy's name
    """V diag(dzdw) V^H, by the entries of the triangle that is read; Giles (2008), section 3.1."""
    v = np.linalg.eigh(a, UPLO)[1]
    return read_from_one_triangle((v * row(dzdy)) @ adjoint(v), lower=UPLO.upper() == "L")


def _hermitian_samples(rng: np.random.Generator) -> Samples:
    a, stack = rng.normal(size=(3, 3)), rng.normal(size=(2, 3, 3))
    return [(a,), (stack, "L"), (a, "U"), (_turned(rng, 3, 3),), (_turned(rng, 2, 3, 3), "U")]


lifted(
    grad=_eigh_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_hermitian_samples
)(np.linalg.eigh)
lifted(grad=_eigvalsh_grad, wrt="a", complex=True, samples=_hermitian_samples)(np.linalg.eigvalsh)


def _eig_grad(dzdy: Any, result: Any) -> Any:
    """Scaled gradient of `numpy.linalg.eig`.

    Vectors have length one, and their largest component is real, as LAPACK documents.

    References
    ----------
    C. Boeddeker, P. Hanebrink, L. Drude, J. Heymann, R. Haeb-Umbach, "On the computation of
    complex-valued gradients with application to statistically optimum beamforming",
    arXiv:1701.00392 (2017), section 4.13; Giles (2008), section 3.1.
    """
    (dzdw, dzdv), (w, v) = (dzdy[0], dzdy[1]), (result[0], result[1])
    if _flows(dzdv):
        overlap = np.sum(np.real(conj(v) * dzdv), axis=-2)
        turned = dzdv
        if np.iscomplexobj(v):
            sizes = np.where(np.imag(v) == 0, np.abs(v), -1.0)
            at = column(np.arange(v.shape[-2])) == row(np.argmax(sizes, axis=-2))
            turned = _phase_fixed(dzdv, v, at, _turn(dzdv, v), "numpy.linalg.eig")
        inner = _over_gaps(adjoint(v) @ (turned - v * row(overlap)), conj(_gaps(w)))
        if dzdw is not ZERO:
            inner = inner + diagonal_matrix(dzdw)
    elif dzdw is not ZERO:
        inner = diagonal_matrix(dzdw)
    else:
        return ZERO
    return np.linalg.solve(adjoint(v), inner @ adjoint(v))


def _eigvals_op(a: Any) -> Any:
    """The values with their vectors, since values computed without might come in another order."""
    found = np.linalg.eig(a)
    return found[0], lambda dzdw: _eig_grad((dzdw, ZERO), found)


lifted(grad=_eig_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_square)(np.linalg.eig)
lifted(op=_eigvals_op, complex=True, samples=_square)(np.linalg.eigvals)


# Singular values


def _svd_grad(
    dzdy: Any, result: Any, a: Any, full_matrices: bool, compute_uv: bool, hermitian: bool
) -> Any:
    """Scaled gradient of `numpy.linalg.svd`.

    With ``hermitian=True`` the function reads the lower triangle.
    """
    if compute_uv:
        dzda = _singular_vectors_grad(
            (dzdy[0], dzdy[1], dzdy[2]), (result[0], result[1], result[2])
        )
    else:
        u, _, vh = np.linalg.svd(a, full_matrices=False, hermitian=hermitian)
        dzda = (u * row(dzdy)) @ vh
    return read_from_one_triangle(dzda, lower=True) if hermitian and dzda is not ZERO else dzda


def _singular_vectors_grad(dzdy: tuple[Any, Any, Any], result: tuple[Any, Any, Any]) -> Any:
    """Scaled gradient of the decomposition ``A = U S V^H``, shapes (m, k), (k,), (k, n).

    With F_ij = 1 / (s_j^2 - s_i^2), X = F o (U^H dzdU) and Y = F o (V^H dzdV) it is
    ``U ((X + X^H) S + S (Y + Y^H) + dzdS) V^H``, plus what is due to the part of dzdU off the
    columns of U, likewise for V, plus what is due to the phase of complex vectors. Of full
    matrices, the further columns complete a basis in a way that is left open; they move only as
    the first k make them move.

    References
    ----------
    J. Townsend, "Differentiating the singular value decomposition" (2016);
    Z.-Q. Wan, S.-X. Zhang, "Automatic differentiation for complex valued SVD", arXiv:1909.02659.
    """
    dzdu, dzds, dzdvh = dzdy
    u, s, vh = result
    v, k = adjoint(vh), s.shape[-1]
    dzdv = ZERO if dzdvh is ZERO else adjoint(dzdvh)
    if not _flows(dzdu) and not _flows(dzdv):
        if dzds is ZERO:
            return ZERO
        return (u[..., :k] * row(dzds)) @ vh[..., :k, :]
    dzdu, u = _without_completion(dzdu, u, k)
    dzdv, v = _without_completion(dzdv, v, k)
    dzdu = np.zeros(u.shape) if dzdu is ZERO else dzdu
    dzdv = np.zeros(v.shape) if dzdv is ZERO else dzdv
    if np.iscomplexobj(u):
        at_u, at_v = np.zeros(u.shape, bool), np.zeros(v.shape, bool)
        turn = _turn(np.concatenate([dzdu, dzdv], axis=-2), np.concatenate([u, v], axis=-2))
        # LAPACK leaves the first axis alone on the shorter side, as for Hermitian matrices.
        if u.shape[-2] < v.shape[-2]:
            at_u[..., 0, :] = True
            dzdu = _phase_fixed(dzdu, u, at_u, turn, "numpy.linalg.svd")
        else:
            at_v[..., 0, :] = True
            dzdv = _phase_fixed(dzdv, v, at_v, turn, "numpy.linalg.svd")
    by_u, by_v = adjoint(u) @ dzdu, adjoint(v) @ dzdv
    squares = _gaps(s) * (row(s) + column(s))
    inner = _over_gaps(by_u - adjoint(by_u), squares) * row(s)
    inner = inner + column(s) * _over_gaps(by_v - adjoint(by_v), squares)
    if dzds is not ZERO:
        inner = inner + diagonal_matrix(dzds)
    if np.iscomplexobj(u):
        turn = _turn(dzdu, u)
        inner = inner + 1j * diagonal_matrix(turn / np.where(turn == 0, 1.0, s))
    dzda = u @ inner @ adjoint(v)
    if u.shape[-2] > k:
        dzda = dzda + ((dzdu - u @ by_u) / row(s)) @ adjoint(v)
    if v.shape[-2] > k:
        dzda = dzda + u @ adjoint((dzdv - v @ by_v) / row(s))
    return dzda


def _without_completion(dzdu: Any, u: Any, k: int) -> tuple[Any, Any]:
    """The first k columns, and a cotangent of them that stands for one of all columns."""
    if dzdu is ZERO or u.shape[-1] == k:
        return dzdu, u[..., :k]
    first, rest = u[..., :k], u[..., k:]
    dzdrest = dzdu[..., k:]
    among = adjoint(rest) @ dzdrest
    if np.any(np.abs(among - adjoint(among)) > 1e-10 * np.max(np.abs(dzdrest), initial=0.0)):
        raise NoGradientError(
            "A loss depends on the columns by which numpy.linalg.svd with full_matrices=True "
            "completes a basis, which are left open by their definition.",
            "Pass full_matrices=False, or use them as in u @ u^H.",
        )
    return dzdu[..., :k] - rest @ (adjoint(dzdrest) @ first), first


def _svd_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(3, 2))
    return [
        (a, False),
        (a.T, False),
        (a[:2],),
        (rng.normal(size=(4, 2, 3)), False),
        (a, True, False),
        (rng.normal(size=(2, 2)) + 2 * np.eye(2), True, True, True),
        (rng.normal(size=(3, 3)), True, False, True),
        (_turned(rng, 3, 2), False),
        (_turned(rng, 3, 2), True, False),
    ]


lifted(
    grad=_svd_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_svd_samples
)(np.linalg.svd)


def _matrices(rng: np.random.Generator) -> Samples:
    return [(rng.normal(size=(3, 2)),), (rng.normal(size=(4, 2, 3)),), (_turned(rng, 3, 2),)]


lifted(twin=lambda x, /: np.linalg.svd(x, compute_uv=False), samples=_matrices)(np.linalg.svdvals)


# Inverses of any matrix


def _pinv_grad(
    dzdy: Any, result: Any, a: Any, rcond: Any, hermitian: bool, rtol: Any = None
) -> Any:
    """Scaled gradient of `numpy.linalg.pinv`, where the rank does not change.

    References
    ----------
    G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", SIAM J. Numer. Anal. 10 (1973), 413-432.
    """
    a = array_like(a)
    if hermitian:
        below = a * np.tril(np.ones(a.shape[-2:]), -1)
        a = below + adjoint(below) + np.real(a) * np.eye(a.shape[-1])
    cutoff = next((x for x in (rcond, rtol) if isinstance(x, (float, int, np.ndarray))), None)
    if cutoff is not None and _cuts_off(a, cutoff):
        dzda = _truncated_pinv_grad(dzdy, a, cutoff)
    else:
        p, turned = adjoint(result), adjoint(dzdy)
        outside, beyond = turned - turned @ result @ a, turned - a @ result @ turned
        dzda = -p @ dzdy @ p + p @ result @ outside + beyond @ result @ p
    return read_from_one_triangle(dzda, lower=True) if hermitian else dzda


def _kept(s: Any, cutoff: Any) -> Any:
    return s > np.asarray(cutoff)[..., None] * np.max(s, axis=-1, keepdims=True, initial=0.0)


def _cuts_off(a: Any, cutoff: Any) -> bool:
    """Whether singular values that are more than rounding are taken for zero."""
    s = np.linalg.svd(value_of(a), compute_uv=False)
    noise = max(a.shape[-2:]) * np.finfo(s.dtype).eps * np.max(s, axis=-1, keepdims=True)
    return bool(np.any(~_kept(s, cutoff) & (s > noise)))


def _truncated_pinv_grad(dzdy: Any, a: Any, cutoff: Any) -> Any:
    """Scaled gradient of the pseudo-inverse that takes small singular values for zero.

    The adjoint of the inverse is a function of singular values, ``U f(S) V^H`` with f(s) = 1/s or
    0, whose derivative consists of the divided differences (f_i - f_j) / (s_i - s_j) and
    (f_i + f_j) / (s_i + s_j) of the Hermitian and the skew part of ``U^H dA V``.

    References
    ----------
    V. Noferini, "A formula for the Frechet derivative of a generalized matrix function", SIAM J.
    Matrix Anal. Appl. 38 (2017), 434-457.
    """
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    v, kept = adjoint(vh), _kept(s, cutoff)
    f = np.where(kept, 1.0, 0.0) / np.where(kept, s, 1.0)
    both, one = column(kept) & row(kept), column(kept) ^ row(kept)
    gaps = np.where(one, np.abs(column(s) ** 2 - row(s) ** 2), 1.0)
    straight = np.where(one, 1.0, 0.0) / gaps
    crossed = straight * (column(f) * row(s) + row(f) * column(s)) - both * column(f) * row(f)
    turned = adjoint(dzdy)
    inner = adjoint(u) @ turned @ v
    dzda = u @ (straight * inner + crossed * adjoint(inner)) @ vh
    beyond = (turned @ v - u @ inner) * row(f * f)
    outside = column(f * f) * (adjoint(u) @ turned - inner @ vh)
    return dzda + beyond @ vh + u @ outside


def _pinv_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(4, 3))
    return [
        (a,),
        (a.T,),
        (a[:3],),
        (rng.normal(size=(2, 3, 4)),),
        (np.diag([3.0, 2.0, 0.5, 0.2]) + 0.1 * rng.normal(size=(4, 4)), 0.3),
        (a[:3] + 3 * np.eye(3), None, True),
        (np.diag([3.0, 2.0, 0.5]) + 0.1 * rng.normal(size=(3, 3)), {"rtol": 0.3}),
        (_turned(rng, 4, 3),),
        (_turned(rng, 3, 3) + np.diag([3.0, 2.0, 0.1]), {"rtol": 0.5, "hermitian": True}),
    ]


lifted(grad=_pinv_grad, wrt="a", complex=True, samples=_pinv_samples)(np.linalg.pinv)


def _lstsq_grad(dzdy: Any, result: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, Any]:
    """Scaled gradient of `numpy.linalg.lstsq`: of the solution ``pinv(a) @ b``, of the sums of
    squares ``|b - a x|^2`` where they are given, and of the singular values."""
    a, b, x = array_like(a), array_like(b), result[0]
    if rcond is None:
        rcond = np.finfo(a.dtype).eps * max(a.shape) if a.dtype.kind in "fc" else None
    elif rcond == -1:
        rcond = None
    dzdx, dzdsquares, dzds = (ZERO if part is None else part for part in (dzdy[0], dzdy[1], dzdy[3]))
    dzda, dzdb = ZERO, ZERO
    flat = b.ndim == 1
    b2, x2 = (column(b), column(x)) if flat else (b, x)
    if dzdx is not ZERO:
        p = np.linalg.pinv(a, rcond)
        dzdx = column(dzdx) if flat else dzdx
        dzda = dzda + _pinv_grad(dzdx @ adjoint(b2), p, a, rcond, hermitian=False)
        dzdb = dzdb + adjoint(p) @ dzdx
    if dzdsquares is not ZERO and np.size(result[1]):
        off = 2 * (b2 - a @ x2) * np.reshape(dzdsquares, (1, -1))
        dzda = dzda - off @ adjoint(x2)
        dzdb = dzdb + off
    if dzds is not ZERO:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        dzda = dzda + (u * row(dzds)) @ vh
    return dzda, dzdb if dzdb is ZERO or not flat else dzdb[..., 0]


def _lstsq_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    return [
        (a, b[:, 0]),
        (a, b),
        (a.T, b[:3]),
        (a, b, 0.3),
        (_turned(rng, 5, 3), _turned(rng, 5)),
    ]


lifted(
    grad=_lstsq_grad, complex=True, symbolic_zeros=True, samples=_lstsq_samples
)(np.linalg.lstsq)


# Factorisations


def _cholesky_grad(dzdy: Any, result: Any, upper: bool) -> Any:
    """Scaled gradient of `numpy.linalg.cholesky`, by the entries of the triangle that it reads.

    ``L^-H P L^-1``, where P is the lower triangle of ``L^H dzdL`` with half its diagonal.

    References
    ----------
    I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527 (2016), eq. 8-10.
    """
    factor, dzdfactor = (adjoint(result), adjoint(dzdy)) if upper else (result, dzdy)
    n = factor.shape[-1]
    turned = adjoint(factor)
    half = (turned @ dzdfactor) * (np.tril(np.ones((n, n))) - 0.5 * np.eye(n))
    dzda = adjoint(np.linalg.solve(turned, adjoint(np.linalg.solve(turned, half))))
    return read_from_one_triangle(dzda, lower=not upper)


def _positive_definite(rng: np.random.Generator) -> Samples:
    def product(a: Any) -> Any:
        return a @ adjoint(a) + np.eye(a.shape[-1])

    return [
        (product(rng.normal(size=(3, 3))),),
        (product(rng.normal(size=(2, 3, 3))),),
        (product(_turned(rng, 3, 3)),),
        (product(rng.normal(size=(3, 3))), {"upper": True}),
        (product(_turned(rng, 3, 3)), {"upper": True}),
    ]


lifted(grad=_cholesky_grad, wrt="a", complex=True, samples=_positive_definite)(np.linalg.cholesky)


def _qr_grad(dzdy: Any, result: Any, a: Any, mode: str) -> Any:
    """Scaled gradient of `numpy.linalg.qr`, where the first columns are independent.

    Of a wide matrix, the columns after the first m are ``Q (Q^H A)``. Of a tall one, the rows of
    R after the first n are zero.

    References
    ----------
    S. F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions with
    application in optimum experimental design", arXiv:1001.1654 (2010);
    D. A. O. Roberts, L. R. Roberts, "QR and LQ decomposition matrix backpropagation algorithms for
    square, wide, and deep matrices", arXiv:2009.10071 (2020).
    """
    if mode == "raw":
        raise NoGradientError(
            'numpy.linalg.qr with mode="raw" has no gradient.',
            'Use mode="reduced", or const_var(...) where a constant is meant.',
        )
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    if mode == "r":
        (q, r), (dzdq, dzdr) = np.linalg.qr(a), (ZERO, dzdy)
    else:
        (q, r), (dzdq, dzdr) = (result[0], result[1]), (dzdy[0], dzdy[1])
    if dzdq is ZERO and dzdr is ZERO:
        return ZERO
    dzdq = np.zeros(q.shape) if dzdq is ZERO else dzdq
    dzdr = np.zeros(r.shape) if dzdr is ZERO else dzdr
    if q.shape[-1] > k:
        dzdq = _dzdq_of_first(dzdq, q, k)
        q, r, dzdr = q[..., :k], r[..., :k, :], dzdr[..., :k, :]
    square, further = r[..., :k], array_like(a)[..., k:]
    dzdsquare, dzdfurther = dzdr[..., :k], dzdr[..., k:]
    if n > k:
        dzdq = dzdq + further @ adjoint(dzdfurther)
    whole = square @ adjoint(dzdsquare) - adjoint(dzdq) @ q
    below = whole * np.tril(np.ones((k, k)), -1)
    mirrored = below + adjoint(below) + np.real(whole) * np.eye(k)
    dzda = adjoint(np.linalg.solve(square, adjoint(dzdq + q @ mirrored)))
    return np.concatenate([dzda, q @ dzdfurther], axis=-1) if n > k else dzda


def _dzdq_of_first(dzdq: Any, q: Any, k: int) -> Any:
    """A cotangent of the first k columns that stands for one of all columns of a square Q.

    LAPACK completes the basis by the reflections that made the first columns. In terms of these
    the others are ``E2 + W M^-H N^H``, where (E1, E2) is the identity, W = Q1 - E1, M its first k
    rows and N the rest.

    References
    ----------
    G. Ballard, J. Demmel, L. Grigori, M. Jacquelin, H. D. Nguyen, E. Solomonik, "Reconstructing
    Householder vectors from tall-skinny QR", IPDPS (2014), 1159-1170, section 4.
    """
    w = q[..., :k] - np.eye(q.shape[-2], k)
    top, rest = w[..., :k, :], w[..., k:, :]
    factor = np.linalg.solve(adjoint(top), adjoint(rest))
    dzdothers = dzdq[..., k:]
    dzdrest = adjoint(np.linalg.solve(top, adjoint(w) @ dzdothers))
    dzdw = np.concatenate([-factor @ dzdrest, dzdrest], axis=-2) + dzdothers @ adjoint(factor)
    return dzdq[..., :k] + dzdw


def _qr_samples(rng: np.random.Generator) -> Samples:
    a, stack = rng.normal(size=(4, 3)), rng.normal(size=(2, 5, 3))
    stack = stack + 4 * np.eye(5, 3)  # off the matrices where a reflection changes its sign
    return [
        (a,),
        (a.T,),
        (a[:3],),
        (rng.normal(size=(2, 4, 3)), "r"),
        (a.T, "r"),
        (a, "complete"),
        (stack, "complete"),
        (a.T, "complete"),
        (_turned(rng, 4, 3),),
        (_turned(rng, 3, 4),),
        (_turned(rng, 5, 3), "complete"),
    ]


lifted(
    grad=_qr_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_qr_samples
)(np.linalg.qr)


# Norms


def _nonzero(x: Any) -> Any:
    return np.where(x == 0, 1.0, x)


def _norm_grad(
    dzdy: Any, x: Any, result: Any, ord: Any, axis: Any, keepdims: bool  # noqa: A002 - numpy's name
) -> Any:
    """Scaled gradient of `numpy.linalg.norm`.

    Where a norm has a kink: zero at zero, and the mean over the ties of a maximum.
    """
    x = array_like(x)
    if axis is None:
        axes = tuple(range(x.ndim))
    else:
        axes = tuple(int(i) % x.ndim for i in np.atleast_1d(axis))
        if not keepdims:
            dzdy, result = np.expand_dims(dzdy, axes), np.expand_dims(result, axes)
    if (axis is None and ord is None) or ord in ("fro", "f") or (ord is None and len(axes) == 2):
        return dzdy * (x / _nonzero(result))
    slope = _vector_norm_slope if len(axes) == 1 else _matrix_norm_slope
    return slope(dzdy, x, result, ord, axes)


def _vector_norm_slope(dzdy: Any, x: Any, norm: Any, ord: Any, axes: Any) -> Any:  # noqa: A002
    if ord is None or ord == 2:
        return dzdy * (x / _nonzero(norm))
    if ord == 0:
        return ZERO
    size = _nonzero(np.abs(x))
    phase = x / size
    if ord == 1:
        return dzdy * phase
    if abs(ord) == math.inf:
        tied = np.abs(x) == norm
        return dzdy * phase * (tied / np.sum(tied, axis=axes, keepdims=True))
    return dzdy * phase * (size / _nonzero(norm)) ** (ord - 1)


def _matrix_norm_slope(dzdy: Any, x: Any, norm: Any, ord: Any, axes: Any) -> Any:  # noqa: A002
    if ord in (1, -1, math.inf, -math.inf):
        summed, compared = axes if abs(ord) == 1 else axes[::-1]
        size = np.abs(x)
        sums = np.sum(size, axis=summed, keepdims=True)
        extreme = (np.max if ord > 0 else np.min)(sums, axis=compared, keepdims=True)
        tied = sums == extreme
        share = tied / np.sum(tied, axis=compared, keepdims=True)
        return dzdy * share * (x / _nonzero(size))
    u, s, vh = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), full_matrices=False)
    if ord == "nuc":
        share = s > max(x.shape) * np.finfo(s.dtype).eps * np.max(s, axis=-1, keepdims=True)
    else:
        tied = s == s[..., :1] if ord == 2 else s == s[..., -1:]
        share = tied / np.sum(tied, axis=-1, keepdims=True)
    return dzdy * np.moveaxis((u * row(share)) @ vh, (-2, -1), axes)


def _norm_samples(rng: np.random.Generator) -> Samples:
    x, a, stack = rng.normal(size=4), rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))
    vector_orders = (None, 1, 2, 3, 0.5, -1, -2.5, math.inf, -math.inf, 0)
    matrix_orders = (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
    return [
        (stack,),
        *((x, order) for order in vector_orders),
        *((stack, order, 1) for order in vector_orders),
        *((a, order) for order in matrix_orders),
        *((stack, order, (2, 0), True) for order in matrix_orders),
        *((stack, order, (0, -2)) for order in matrix_orders),
        (a, None, -1, True),
        (a, None, None, True),
        *((_turned(rng, 4), order) for order in vector_orders),
        *((_turned(rng, 3, 4), order) for order in matrix_orders),
    ]


lifted(grad=_norm_grad, wrt="x", complex=True, samples=_norm_samples)(np.linalg.norm)


def _vector_norm(
    x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2  # noqa: A002
) -> Any:
    x = array_like(x)
    if axis is None:
        norm = np.linalg.norm(np.ravel(x), ord)
        return np.reshape(norm, (1,) * x.ndim) if keepdims else norm
    if isinstance(axis, tuple):
        kept = tuple(i for i in range(x.ndim) if i not in {j % x.ndim for j in axis})
        flat = np.transpose(x, kept + axis).reshape(*(x.shape[i] for i in kept), -1)
        norm = np.linalg.norm(flat, ord, -1)
        return np.expand_dims(norm, axis) if keepdims else norm
    return np.linalg.norm(x, ord, axis, keepdims)


def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:  # noqa: A002
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


lifted(
    twin=_vector_norm,
    samples=lambda rng: [
        *_matrices(rng),
        (rng.normal(size=(2, 3, 4)), {"axis": (0, -1), "ord": 3}),
        (rng.normal(size=(2, 3, 4)), {"axis": -2, "keepdims": True}),
        (rng.normal(size=(2, 3)), {"keepdims": True, "ord": 1}),
    ],
)(np.linalg.vector_norm)
lifted(
    twin=_matrix_norm,
    samples=lambda rng: [
        *_matrices(rng),
        (rng.normal(size=(2, 3, 4)), {"ord": "nuc", "keepdims": True}),
    ],
)(np.linalg.matrix_norm)


def _cond(x: Any, p: Any = None) -> Any:
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    norm = functools.partial(np.linalg.norm, ord=p, axis=(-2, -1))
    return norm(x) * norm(np.linalg.inv(x))


def _cond_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(2, 3, 3))
    return [(a,), (rng.normal(size=(3, 2)),), *((a, p) for p in (2, -2, 1, -1, math.inf, "fro"))]


lifted(twin=_cond, samples=_cond_samples)(np.linalg.cond)
locally_constant(np.linalg.matrix_rank)


# Powers and products


def _matrix_power(a: Any, n: int) -> Any:
    if n < 0:
        return _matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.linalg.matrix_power(value_of(a), 0)
    if n == 1:
        return a
    half = _matrix_power(a, n // 2)
    return half @ half @ a if n % 2 else half @ half


lifted(
    twin=_matrix_power,
    samples=lambda rng: [(*a, n) for a in _square(rng) for n in (0, 1, 2, 3, 7, -1, -2)],
)(np.linalg.matrix_power)


def _multi_dot_grad(dzdy: Any, arrays: Sequence[Any]) -> list[Any]:
    """Each factor's cotangent is a product again, of the others' adjoints around dzdy."""
    factors = [array_like(factor) for factor in arrays]
    shapes = [factor.shape for factor in factors]
    factors[0], factors[-1] = np.atleast_2d(factors[0]), factors[-1].reshape(shapes[-1][0], -1)
    middle = np.reshape(dzdy, (factors[0].shape[0], factors[-1].shape[1]))
    turned = [adjoint(factor) for factor in factors]
    return [
        np.linalg.multi_dot([*turned[:k][::-1], middle, *turned[k + 1 :][::-1]]).reshape(shape)
        for k, shape in enumerate(shapes)
    ]


def _multi_dot_samples(rng: np.random.Generator) -> Samples:
    a, b, c = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    return [
        ([a, b],),
        ([a, b, c],),
        ([a[0], b, c[:, 0]],),
        ([a, b, c, c.T, b.T[:, 0]],),
        ([a * (1 + 1j), b * (2 - 1j), c],),
    ]


lifted(grad=_multi_dot_grad, complex=True, samples=_multi_dot_samples)(np.linalg.multi_dot)


# Tensors as matrices


def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = array_like(a), array_like(b)
    if axes is not None:
        moved = [i % a.ndim for i in axes]
        a = np.transpose(a, [*(i for i in range(a.ndim) if i not in moved), *moved])
    shape = a.shape[b.ndim :]
    return np.linalg.solve(a.reshape(-1, math.prod(shape)), b.ravel()).reshape(shape)


def _tensorinv(a: Any, ind: int = 2) -> Any:
    a = array_like(a)
    inverse = np.linalg.inv(a.reshape(math.prod(a.shape[:ind]), -1))
    return inverse.reshape(*a.shape[ind:], *a.shape[:ind])


lifted(
    twin=_tensorsolve,
    samples=lambda rng: [
        (rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3))),
        (rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 3)), (1, 3)),
    ],
)(np.linalg.tensorsolve)
lifted(
    twin=_tensorinv,
    samples=lambda rng: [(rng.normal(size=(6, 2, 3)), 1), (rng.normal(size=(2, 3, 3, 2)),)],
)(np.linalg.tensorinv)
