"""numpy.linalg: eigenvalues and singular values, with and without their vectors.

Vectors have derivatives only where their values differ. Where values coincide, a loss of the values
alone has a finite gradient (that of the order in which they came), vectors of other values have
theirs, and a loss that uses one of the vectors in question is refused. Functions of Hermitian
matrices read one triangle; their gradient is by the entries that are read.

References
----------
M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
automatic differentiation", Oxford NA-08/01 (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._lift import lifted
from .._space import ZERO
from ..errors import NoGradientError
from ._matrices import (
    Samples,
    adjoint,
    column,
    complex_normal,
    conj,
    diagonal_matrix,
    plain,
    read_from_one_triangle,
    rectangular_samples,
    row,
    square_samples,
)

__all__: list[str] = []


def _flows(dzdx: Any) -> bool:
    """Whether a cotangent may be other than zero."""
    return dzdx is not ZERO and (dzdx.__class__ is not np.ndarray or bool(dzdx.any()))


# Eigenvalues


def _gaps(w: Any) -> Any:
    """Differences w_j - w_i of neighbours in a spectrum: zero where rounding cannot tell them."""
    gaps = row(w) - column(w)
    size = np.max(np.abs(w), axis=-1, initial=0.0)[..., None, None]
    return np.where(np.abs(gaps) <= w.shape[-1] * np.finfo(w.dtype).eps * size, 0.0, gaps)


def _over_gaps(x: Any, gaps: Any) -> Any:
    """Divide by the gaps, off the diagonal; zero where two values coincide, and neither matters."""
    none = np.eye(x.shape[-1], dtype=bool) | np.equal(gaps, 0)
    return np.where(none, 0.0, x) / np.where(none, 1.0, gaps)


def _refuse_coinciding(w: Any, gaps: Any, dzdw: Any, *dzdvs: Any, function: str) -> None:
    """Refuse a loss that uses vectors whose values coincide.

    Their derivative is a limit 0/0, even where that of the loss exists: in ``(v * f(w)) @ v.T`` the
    cotangents do not tell f'(w). Two values take no part if nothing arrives at their vectors, and
    the same at both; unless they are zero, which may be what made the cotangents of the vectors so.
    """
    coinciding = np.equal(plain(gaps), 0) & ~np.eye(gaps.shape[-1], dtype=bool)
    if not coinciding.any():
        return
    w, by_value = plain(w), np.zeros(1) if dzdw is ZERO else plain(dzdw)
    used = _used(dzdvs, w.shape[-1]) | (np.equal(w, 0) & np.not_equal(by_value, 0))
    apart = np.not_equal(column(by_value), row(by_value))
    if np.any(coinciding & (column(used) | row(used) | apart)):
        raise NoGradientError(
            f"A loss uses vectors of {function} whose values coincide, and these have no "
            "derivative.",
            "Use the values alone, or the vectors of other values; for a function of the matrix "
            "such as v @ diag(f(w)) @ v.T, take that function: scipy.linalg.expm, sqrtm.",
        )


def _used(dzdvs: tuple[Any, ...], k: int) -> Any:
    """Whether anything arrives at the vectors of each of the first k values."""
    there = [np.any(np.not_equal(plain(x), 0), axis=-2)[..., :k] for x in dzdvs if x is not ZERO]
    return np.any(there, axis=0) if there else np.zeros(k, bool)


def _over_values(x: Any, s: Any, dzds: Any) -> Any:
    """Divide columns by singular values, where a matrix is not square."""
    none = np.equal(plain(s), 0)
    by_value = False if dzds is ZERO else np.not_equal(plain(dzds), 0)
    if np.any(none & (_used((x,), s.shape[-1]) | by_value)):
        raise NoGradientError(
            "A loss uses vectors of numpy.linalg.svd whose singular value is zero, and these have "
            "no derivative in a matrix that is not square.",
            "Leave them out, as in u[:, :r], s[:r], vt[:r] for a matrix of rank r.",
        )
    return np.where(row(none), 0.0, x) / row(np.where(none, 1.0, s))


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


def _eigh_grad(dzdy: Any, result: Any, UPLO: Any) -> Any:
    """Scaled gradient of `numpy.linalg.eigh`, by the entries of the triangle that it reads.

    The phase of complex vectors is LAPACK's: it reduces to a real tridiagonal matrix by reflections
    that leave the first (or last) axis alone, so that the vectors are real there.

    References
    ----------
    Giles (2008), section 3.1, with F_ij = 1 / (w_j - w_i).
    """
    (dzdw, dzdv), (w, v) = (dzdy[0], dzdy[1]), (result[0], result[1])
    lower = UPLO.upper() == "L"
    if dzdv is not ZERO:
        _refuse_coinciding(w, _gaps(w), dzdw, dzdv, function="numpy.linalg.eigh")
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


def _eigvalsh_grad(dzdy: Any, a: Any, UPLO: Any) -> Any:
    """V diag(dzdw) V^H, by the entries of the triangle that is read; Giles (2008), section 3.1."""
    v = np.linalg.eigh(a, UPLO)[1]
    return read_from_one_triangle((v * row(dzdy)) @ adjoint(v), lower=UPLO.upper() == "L")


def _hermitian_samples(rng: np.random.Generator) -> Samples:
    a, stack = rng.normal(size=(3, 3)), rng.normal(size=(2, 3, 3))
    return [
        (a,),
        (stack, "L"),
        (a, "U"),
        (complex_normal(rng, 3, 3),),
        (complex_normal(rng, 2, 3, 3), "U"),
    ]


lifted(grad=_eigh_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_hermitian_samples)(
    np.linalg.eigh
)
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
    if dzdv is not ZERO:
        _refuse_coinciding(w, _gaps(w), dzdw, dzdv, function="numpy.linalg.eig")
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
    if not _flows(dzdv) and not np.any(np.ptp(plain(dzdw), axis=-1)):  # of the trace
        return inner
    sizes = np.linalg.svd(plain(v), compute_uv=False)
    if np.any(sizes[..., -1:] <= v.shape[-1] * np.finfo(sizes.dtype).eps * sizes[..., :1]):
        raise NoGradientError(
            "The eigenvalues of a defective matrix, which lacks eigenvectors, have no derivative.",
            "Use functions of the matrix itself, such as numpy.linalg.det or scipy.linalg.expm.",
        )
    return np.linalg.solve(adjoint(v), inner @ adjoint(v))


def _eigvals_op(a: Any) -> Any:
    """The values with their vectors, since values computed without might come in another order."""
    found = np.linalg.eig(a)
    return found[0], lambda dzdw: _eig_grad((dzdw, ZERO), found)


lifted(grad=_eig_grad, wrt="a", complex=True, symbolic_zeros=True, samples=square_samples)(
    np.linalg.eig
)
lifted(op=_eigvals_op, complex=True, samples=square_samples)(np.linalg.eigvals)


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
    if dzdu is not ZERO or dzdv is not ZERO:
        gaps = _gaps(s) * (row(s) + column(s))
        _refuse_coinciding(s, gaps, dzds, dzdu, dzdv, function="numpy.linalg.svd")
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
        dzda = dzda + _over_values(dzdu - u @ by_u, s, dzds) @ adjoint(v)
    if v.shape[-2] > k:
        dzda = dzda + u @ adjoint(_over_values(dzdv - v @ by_v, s, dzds))
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
        (complex_normal(rng, 3, 3), True, True, True),
        (complex_normal(rng, 3, 2), False),
        (complex_normal(rng, 3, 2), True, False),
    ]


lifted(grad=_svd_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_svd_samples)(
    np.linalg.svd
)


lifted(twin=lambda x, /: np.linalg.svd(x, compute_uv=False), samples=rectangular_samples)(
    np.linalg.svdvals
)
