"""scipy.linalg: solvers, decompositions, functions of matrices, and matrices of special form.

What numpy.linalg does as well goes through it. Decompositions keep scipy's result, and have the
gradient of numpy's. Matrices that only one part of is read have their gradient there. A rule that
needs another function of scipy calls its twin, so that it can be differentiated in turn.

Permission to overwrite an argument is refused where a gradient may need it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.linalg as sl

from .._lift import lifted, locally_constant, no_grad
from .._space import ZERO
from . import _scipy_matrix_functions, _scipy_special_matrices  # noqa: F401 - they register
from ._matrices import (
    Samples,
    adjoint,
    array_like,
    as_columns,
    complex_normal,
    conj,
    diagonal_matrix,
    plain,
    read_from_one_triangle,
    rectangular_samples,
    row,
    square_samples,
    summed_to,
    through_twin,
)
from .numpy_linalg import _cholesky_grad, _lstsq_a_grad, _lstsq_b_grad, _qr_grad
from .numpy_spectra import (
    _eig_grad,
    _eigvals_op,
    _flows,
    _gaps,
    _over_gaps,
    _phase_fixed,
    _refuse_coinciding,
    _svd_grad,
    _turn,
)

__all__: list[str] = []


# Solving, determinants and norms, as numpy has them


def _whole(a: Any, assume_a: str | None, lower: bool) -> Any:
    """The matrix that is meant by the part of `a` that is read."""
    if assume_a in (None, "general", "gen", "banded"):
        return a
    a = array_like(a)
    rows, columns = np.indices(a.shape[-2:])
    read = {
        "diagonal": rows == columns,
        "tridiagonal": abs(rows - columns) < 2,
        "upper triangular": rows <= columns,
        "lower triangular": rows >= columns,
    }
    if assume_a in read:
        return np.where(read[assume_a], a, 0.0)
    off = np.where(rows > columns if lower else rows < columns, a, 0.0)
    if assume_a in ("symmetric", "sym"):
        return off + np.swapaxes(off, -1, -2) + np.where(rows == columns, a, 0.0)
    return off + adjoint(off) + np.where(rows == columns, np.real(a), 0.0)


def _solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    whole = _whole(a, assume_a, lower)
    return np.linalg.solve(np.swapaxes(whole, -1, -2) if transposed else whole, b)


def _inv(
    a: Any,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: str | None = None,
    lower: bool = False,
) -> Any:
    return np.linalg.inv(_whole(a, assume_a, lower))


def _det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.det(a)


def _norm(
    a: Any,
    ord: Any = None,
    axis: Any = None,
    keepdims: bool = False,
    check_finite: bool = True,
) -> Any:
    return np.linalg.norm(a, ord, axis, keepdims)


def _svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.svd(a, compute_uv=False)


def _relative_cutoff(a: Any, atol: Any, rtol: Any) -> Any:
    """Turn scipy's bound atol + rtol * s_max on singular values into numpy's multiple of s_max."""
    a = array_like(a)
    if rtol is None:
        rtol = max(a.shape[-2:]) * np.finfo(a.dtype).eps if not atol else 0.0
    if not atol:
        return rtol
    return rtol + atol / np.linalg.norm(plain(a), 2, (-2, -1))


def _pinv(
    a: Any,
    *,
    atol: Any = None,
    rtol: Any = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    cutoff = _relative_cutoff(a, atol, rtol)
    inverse = np.linalg.pinv(a, cutoff)
    return (inverse, np.linalg.matrix_rank(plain(a), rtol=cutoff)) if return_rank else inverse


def _pinvh(
    a: Any,
    atol: Any = None,
    rtol: Any = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    cutoff = _relative_cutoff(a, atol, rtol)
    inverse = np.linalg.pinv(a if lower else adjoint(a), cutoff, hermitian=True)
    if not return_rank:
        return inverse
    whole = _whole(plain(a), "hermitian", lower)
    return inverse, np.linalg.matrix_rank(whole, rtol=cutoff, hermitian=True)


def _solve_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 2))
    positive = a @ a.T
    turned = complex_normal(rng, 3, 3) + 3 * np.eye(3)
    usual = (False, False, True)
    return [
        (a, b[:, 0]),
        (a, b),
        (a, b, False, *usual, "general", True),
        (positive, b, False, *usual, "pos"),
        (positive, b, True, *usual, "pos"),
        (positive, b, True, *usual, "sym"),
        (turned + turned.T, complex_normal(rng, 3), False, *usual, "sym"),
        (turned + adjoint(turned), complex_normal(rng, 3), True, *usual, "her"),
        (a, b, False, *usual, "upper triangular"),
        (a, b, False, *usual, "lower triangular"),
        (a, b, False, *usual, "tridiagonal"),
        (a, b, False, *usual, "diagonal"),
    ]


def _norm_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(3, 4))
    orders = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    return [
        *((a, order) for order in orders),
        (a[0], 3),
        (a, 1, 0, True),
        (complex_normal(rng, 3, 4), None, (0, 1)),
    ]


lifted(twin=_solve, samples=_solve_samples)(sl.solve)
lifted(
    twin=_inv,
    samples=lambda rng: [
        *square_samples(rng),
        (rng.normal(size=(3, 3)) + 3 * np.eye(3), {"assume_a": "sym", "lower": True}),
    ],
)(sl.inv)
lifted(twin=_det, samples=square_samples)(sl.det)
lifted(twin=_norm, wrt=("a",), samples=_norm_samples)(sl.norm)
lifted(twin=_svdvals, samples=rectangular_samples)(sl.svdvals)
lifted(
    twin=_pinv,
    wrt=("a",),
    samples=lambda rng: [
        *rectangular_samples(rng),
        (np.diag([3.0, 2.0, 0.5]) + 0.1 * rng.normal(size=(3, 3)), {"rtol": 0.3}),
        (np.diag([3.0, 2.0, 0.5]) + 0.1 * rng.normal(size=(3, 3)), {"atol": 1.0}),
    ],
)(sl.pinv)
lifted(
    twin=_pinvh,
    samples=lambda rng: [*square_samples(rng), (*square_samples(rng)[2], {"lower": False})],
)(sl.pinvh)


def _with_real_sums(dzdy: Any) -> Any:
    """Sums of squares are real; since scipy 1.18 they come as complex numbers."""
    x, sums, *others = dzdy
    return (x, sums if sums is ZERO else np.real(sums), *others)


lifted(
    grad={
        "a": lambda dzdy, result, a, b, cond: _lstsq_a_grad(
            _with_real_sums(dzdy), result, a, b, cond
        ),
        "b": lambda dzdy, result, a, b, cond: _lstsq_b_grad(
            _with_real_sums(dzdy), result, a, b, cond
        ),
    },
    ignores=("check_finite", "lapack_driver"),
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [
        (rng.normal(size=(5, 3)), rng.normal(size=(5, 2))),
        (rng.normal(size=(5, 3)), rng.normal(size=5)),
        (rng.normal(size=(3, 5)), rng.normal(size=3)),
        (complex_normal(rng, 5, 3), complex_normal(rng, 5)),
        (np.diag([3.0, 2.0, 1e-3]) @ rng.normal(size=(3, 3)), rng.normal(size=3), 0.02),
    ],
)(sl.lstsq)


# Triangles


def _one_triangle(lower: bool, n: int, unit_diagonal: bool = False) -> Any:
    """Ones where a triangular matrix is read."""
    mask = np.tril(np.ones((n, n)), -1 if unit_diagonal else 0)
    return mask if lower else mask.T


_solve_triangular = through_twin(sl.solve_triangular)
_cho_solve = through_twin(sl.cho_solve)
_lu_solve = through_twin(sl.lu_solve)


def _by_operator(dzdop: Any, trans: Any) -> Any:
    """From the cotangent of a, its transpose or its adjoint, to that of `a`."""
    if trans in (0, "N"):
        return dzdop
    return np.swapaxes(dzdop, -1, -2) if trans in (1, "T") else adjoint(dzdop)


def _adjoint_solve(solve: Any, a: Any, dzdy: Any, trans: Any, *how: Any) -> Any:
    """Solve with the adjoint of a (trans=0), of its transpose (1) or of its adjoint (2)."""
    if trans in (1, "T"):
        return solve(conj(a), dzdy, 0, *how)
    return solve(a, dzdy, 2 if trans in (0, "N") else 0, *how)


def _solve_triangular_grad(
    dzdy: Any, result: Any, a: Any, b: Any, trans: Any, lower: bool, unit_diagonal: bool
) -> tuple[Any, Any]:
    a, b = array_like(a), array_like(b)
    dzdb = _adjoint_solve(_solve_triangular, a, dzdy, trans, lower, unit_diagonal)
    w, x = as_columns(b, dzdb, result)
    dzda = _by_operator(-w @ adjoint(x), trans) * _one_triangle(lower, a.shape[-1], unit_diagonal)
    return summed_to(dzda, a.shape), summed_to(dzdb, b.shape)


def _triangular_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 2))
    turned = complex_normal(rng, 3, 3) + 3 * np.eye(3)
    ways = [(trans, lower, unit) for trans in (0, 1, 2) for lower in (0, 1) for unit in (0, 1)]
    return [
        *((a, b, trans, bool(lower), bool(unit)) for trans, lower, unit in ways),
        *((turned, complex_normal(rng, 3), trans, True) for trans in ("N", "T", "C")),
        (rng.normal(size=(2, 3, 3)) + 3 * np.eye(3), b),
        (a, b[:, 0]),
    ]


lifted(
    grad=_solve_triangular_grad,
    ignores=("check_finite",),
    complex=True,
    samples=_triangular_samples,
)(sl.solve_triangular)


def _positive(rng: np.random.Generator) -> Samples:
    a, turned = rng.normal(size=(3, 3)), complex_normal(rng, 3, 3)
    return [
        (a @ a.T + np.eye(3),),
        (a @ a.T + np.eye(3), True),
        (turned @ adjoint(turned) + np.eye(3), True),
        (turned @ adjoint(turned) + np.eye(3), False),
    ]


@functools.cache
def _leaves_other_triangle() -> bool:
    """Is `a` left in the triangle beside the factor? It is zero since scipy 1.18."""
    return bool(sl.cho_factor(np.array([[2.0, 1.0], [1.0, 2.0]]))[0][1, 0])


def _cho_factor_grad(dzdy: Any, result: Any, lower: bool) -> Any:
    """Of the factor, and of the other triangle, in which `a` may be left as it was."""
    factor, dzdfactor = result[0], dzdy[0]
    if dzdfactor is ZERO:
        return ZERO
    mask = _one_triangle(lower, factor.shape[-1])
    dzda = _cholesky_grad(dzdfactor * mask, np.where(mask, factor, 0.0), not lower)
    return dzda + dzdfactor * (1 - mask) if _leaves_other_triangle() else dzda


def _cho_solve_grad(dzdy: Any, result: Any, c_and_lower: Any, b: Any) -> tuple[Any, Any]:
    """From A = L L^H or U^H U, where w = A^-1 dzdy and dzdA = -w x^H."""
    factor, lower = c_and_lower[0], bool(plain(c_and_lower[1]))
    dzdb = _cho_solve((factor, lower), dzdy)
    w, x = as_columns(b, dzdb, result)
    dzda = -w @ adjoint(x)
    both = dzda + adjoint(dzda)
    mask = _one_triangle(lower, factor.shape[-1])
    triangle = np.where(mask, factor, 0.0)
    dzdfactor = mask * (both @ triangle if lower else triangle @ both)
    return (summed_to(dzdfactor, factor.shape), ZERO), summed_to(dzdb, np.shape(b))


lifted(
    grad=lambda dzdy, result, lower: _cholesky_grad(dzdy, result, not lower),
    wrt="a",
    ignores=("check_finite",),
    complex=True,
    samples=_positive,
)(sl.cholesky)
lifted(
    grad=_cho_factor_grad,
    wrt="a",
    ignores=("check_finite",),
    complex=True,
    symbolic_zeros=True,
    samples=_positive,
)(sl.cho_factor)
lifted(
    grad=_cho_solve_grad,
    ignores=("check_finite",),
    complex=True,
    samples=lambda rng: [
        (sl.cho_factor(a[0], *a[1:]), b)
        for a in _positive(rng)
        for b in (rng.normal(size=3), complex_normal(rng, 3, 2))
    ],
)(sl.cho_solve)


# LU


def _lu_grad(dzdl: Any, dzdu: Any, l: Any, u: Any) -> Any:
    """Cotangent of the product L U, of a lower matrix with unit diagonal and an upper one.

    For square matrices ``L^-H (tril(L^H dzdL, -1) + triu(dzdU U^H)) U^-H``. What is beyond the
    square part of a tall L is A2 U^-1, and of a wide U it is L^-1 A2.

    References
    ----------
    F. R. de Hoog, R. S. Anderssen, M. A. Lukas, "Differentiation of matrix functionals using
    triangular factorization", Mathematics of Computation 80 (2011), 1585-1600.
    """
    k = l.shape[-1]
    l1, l2, u1, u2 = l[..., :k, :], l[..., k:, :], u[..., :k], u[..., k:]
    dzdl1, dzdl2 = dzdl[..., :k, :], dzdl[..., k:, :]
    dzdu1, dzdu2 = dzdu[..., :k], dzdu[..., k:]
    below, beyond = None, None
    if l2.shape[-2]:
        below = adjoint(np.linalg.solve(u1, adjoint(dzdl2)))
        dzdu1 = dzdu1 - adjoint(l2) @ below
    if u2.shape[-1]:
        beyond = np.linalg.solve(adjoint(l1), dzdu2)
        dzdl1 = dzdl1 - beyond @ adjoint(u2)
    strict = _one_triangle(True, k, unit_diagonal=True)
    inner = (adjoint(l1) @ dzdl1) * strict + (dzdu1 @ adjoint(u1)) * (1 - strict)
    square = np.linalg.solve(adjoint(l1), adjoint(np.linalg.solve(u1, adjoint(inner))))
    if below is not None:
        return np.concatenate([square, below], axis=-2)
    return square if beyond is None else np.concatenate([square, beyond], axis=-1)


def _lu_parts_grad(dzdy: Any, result: Any, a: Any, permute_l: bool, p_indices: bool) -> Any:
    """Scaled gradient of `scipy.linalg.lu`: A = P L U, in which P does not vary."""
    dzdl, dzdu = (dzdy[i] for i in (-2, -1))
    if dzdl is ZERO and dzdu is ZERO:
        return ZERO
    l, u = result[-2], result[-1]
    p = plain(sl.lu(plain(a), p_indices=True) if permute_l else result)[0]
    p = np.eye(l.shape[-2])[p] if permute_l or p_indices else p
    back = np.swapaxes(p, -1, -2)
    dzdl = np.zeros(l.shape) if dzdl is ZERO else dzdl
    dzdu = np.zeros(u.shape) if dzdu is ZERO else dzdu
    if permute_l:
        l, dzdl = back @ l, back @ dzdl
    return p @ _lu_grad(dzdl, dzdu, l, u)


def _row_order(piv: Any) -> Any:
    """The permutation matrix P of A = P L U, from LAPACK's exchanges of rows."""
    order = np.broadcast_to(np.arange(piv.shape[-1]), piv.shape).copy()
    for i in range(piv.shape[-1]):
        other = piv[..., i : i + 1]
        taken = np.take_along_axis(order, other, axis=-1)
        np.put_along_axis(order, other, order[..., i : i + 1], axis=-1)
        order[..., i : i + 1] = taken
    return np.swapaxes(np.eye(piv.shape[-1])[order], -1, -2)


def _lu_factor_grad(dzdy: Any, result: Any) -> Any:
    dzdlu, lu, p = dzdy[0], result[0], _row_order(plain(result[1]))
    if dzdlu is ZERO:
        return ZERO
    strict = _one_triangle(True, lu.shape[-1], unit_diagonal=True)
    unit = lu * strict + np.eye(lu.shape[-1])
    return p @ _lu_grad(dzdlu * strict, dzdlu * (1 - strict), unit, lu * (1 - strict))


def _lu_solve_grad(dzdy: Any, result: Any, lu_and_piv: Any, b: Any, trans: int) -> tuple[Any, Any]:
    lu, piv = lu_and_piv[0], plain(lu_and_piv[1])

    def solve(lu: Any, b: Any, trans: int) -> Any:
        return _lu_solve((lu, piv), b, trans)

    dzdb = _adjoint_solve(solve, lu, dzdy, trans)
    w, x = as_columns(b, dzdb, result)
    dzda = _by_operator(-w @ adjoint(x), trans)
    dzdproduct = np.swapaxes(_row_order(piv), -1, -2) @ dzda
    strict = _one_triangle(True, lu.shape[-1], unit_diagonal=True)
    unit, upper = lu * strict + np.eye(lu.shape[-1]), lu * (1 - strict)
    dzdlu = (dzdproduct @ adjoint(upper)) * strict + (adjoint(unit) @ dzdproduct) * (1 - strict)
    return (summed_to(dzdlu, lu.shape), ZERO), summed_to(dzdb, np.shape(b))


def _lu_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(4, 3))
    return [
        (a,),
        (a.T,),
        (a[:3],),
        (np.roll(4 * np.eye(4, 3), 1, axis=0) + a, True),  # three rows go round
        (a, False, False, True, True),
        (rng.normal(size=(2, 3, 3)),),
        (complex_normal(rng, 3, 3),),
        (np.roll(4 * np.eye(3), 1, axis=0) + a[:3],),
    ]


lifted(
    grad=_lu_parts_grad,
    wrt="a",
    ignores=("check_finite",),
    complex=True,
    symbolic_zeros=True,
    samples=_lu_samples,
)(sl.lu)
lifted(
    grad=_lu_factor_grad,
    wrt="a",
    ignores=("check_finite",),
    complex=True,
    symbolic_zeros=True,
    samples=square_samples,
)(sl.lu_factor)
lifted(
    grad=_lu_solve_grad,
    ignores=("check_finite",),
    complex=True,
    samples=lambda rng: [
        (sl.lu_factor(*a), b, trans)
        for a in square_samples(rng)[::2]
        for b in (rng.normal(size=3), complex_normal(rng, 3, 2))
        for trans in (0, 1, 2)
    ],
)(sl.lu_solve)


# QR, singular values and eigenvalues, with scipy's results


def _scipy_qr_grad(dzdy: Any, result: Any, a: Any, mode: str, pivoting: bool) -> Any:
    """As for numpy's; with pivoting it is A with its columns exchanged that is factorised."""
    a = array_like(a)
    how = {"full": "complete", "economic": "reduced"}.get(mode, mode)
    order = plain(result[-1]) if pivoting else None
    exchanged = a if order is None else a[..., order]
    dzda: Any
    if mode == "r":
        dzdr = dzdy[0] if dzdy[0] is ZERO else dzdy[0][..., : a.shape[-1], :]
        dzda = dzdr if dzdr is ZERO else _qr_grad(dzdr, None, exchanged, how)
    else:
        dzda = _qr_grad(dzdy, result, exchanged, how)
    return dzda if order is None or dzda is ZERO else dzda[..., np.argsort(order)]


lifted(
    grad=_scipy_qr_grad,
    wrt="a",
    ignores=("check_finite", "lwork"),
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [
        (a + 4 * np.eye(*a.shape), False, None, mode, pivoting)
        for a in (rng.normal(size=(4, 3)), rng.normal(size=(3, 4)), complex_normal(rng, 4, 3))
        for mode in ("full", "r", "economic")
        for pivoting in (False, True)
    ],
)(sl.qr)
lifted(
    grad=lambda dzdy, result, a, full_matrices, compute_uv: _svd_grad(
        dzdy, result, a, full_matrices, compute_uv, hermitian=False
    ),
    wrt="a",
    ignores=("check_finite", "lapack_driver"),
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [
        *((*a, False) for a in rectangular_samples(rng)),
        (rng.normal(size=(3, 3)),),
        (rng.normal(size=(4, 3)), True, False),
    ],
)(sl.svd)


def _eigh_grads(
    dzdy: Any,
    result: Any,
    a: Any,
    b: Any,
    lower: bool,
    eigvals_only: bool,
    subset_by_index: Any,
    subset_by_value: Any,
) -> tuple[Any, Any]:
    """Scaled gradient of ``A V = B V W`` with ``V^H B V = 1``.

    With ``K = diag(dzdw) + F o (V^H dzdV)`` and F_ij = 1 / (w_j - w_i), dzdA is ``V K V^H`` and
    dzdB is ``-V (K W + diag(Re V^H dzdV) / 2) V^H``. A subset of the vectors moves towards all
    others, which are computed besides.

    References
    ----------
    Giles (2008), section 3.1, extended to ``B``.
    """
    if eigvals_only:
        dzdw, dzdv = dzdy, ZERO
        found = through_twin(sl.eigh)(
            a, b, lower=lower, subset_by_index=subset_by_index, subset_by_value=subset_by_value
        )
        w, v = found[0], found[1]
    else:
        (dzdw, dzdv), (w, v) = (dzdy[0], dzdy[1]), (result[0], result[1])
    by_norm: Any = None
    if _flows(dzdv):
        if np.iscomplexobj(v):
            at = np.zeros(v.shape, bool)
            at[..., 0 if lower else -1, :] = True
            dzdv = _phase_fixed(dzdv, v, at, _turn(dzdv, v), "scipy.linalg.eigh")
        if v.shape[-1] < v.shape[-2]:
            w, v, dzdw, dzdv = _among_all(w, v, dzdw, dzdv, a, b, lower)
        _refuse_coinciding(w, _gaps(w), dzdw, dzdv, function="scipy.linalg.eigh")
        by_v = adjoint(v) @ dzdv
        inner = _over_gaps(by_v, _gaps(w))
        by_norm = np.real(np.sum(conj(v) * dzdv, axis=-2))
        if dzdw is not ZERO:
            inner = inner + diagonal_matrix(dzdw)
    elif dzdw is not ZERO:
        if dzdv is not ZERO:
            _refuse_coinciding(w, _gaps(w), dzdw, dzdv, function="scipy.linalg.eigh")
        inner = diagonal_matrix(dzdw)
    else:
        return ZERO, ZERO
    dzda = read_from_one_triangle(v @ inner @ adjoint(v), lower=lower)
    if b is None:
        return dzda, ZERO
    scaled = inner * row(w)
    if by_norm is not None:
        scaled = scaled + 0.5 * diagonal_matrix(by_norm)
    return dzda, read_from_one_triangle(-v @ scaled @ adjoint(v), lower=lower)


def _among_all(
    w: Any, v: Any, dzdw: Any, dzdv: Any, a: Any, b: Any, lower: bool
) -> tuple[Any, Any, Any, Any]:
    """A subset of values and vectors, and their cotangents, among all the others."""
    found = through_twin(sl.eigh)(a, b, lower=lower)
    others_w, others_v = found[0], found[1]
    first = int(np.argmin(np.abs(plain(others_w) - plain(w)[0])))
    last = first + w.shape[-1]
    after = v.shape[-2] - last

    def joined(before: Any, middle: Any, behind: Any) -> Any:
        return np.concatenate([before, middle, behind], axis=-1)

    zeros = np.zeros((v.shape[-2], first)), np.zeros((v.shape[-2], after))
    return (
        joined(others_w[:first], w, others_w[last:]),
        joined(others_v[:, :first], v, others_v[:, last:]),
        dzdw if dzdw is ZERO else joined(np.zeros(first), dzdw, np.zeros(after)),
        joined(zeros[0], dzdv, zeros[1]),
    )


def _eigvalsh_grads(
    dzdy: Any, a: Any, b: Any, lower: bool, subset_by_index: Any, subset_by_value: Any
) -> tuple[Any, Any]:
    return _eigh_grads(dzdy, None, a, b, lower, True, subset_by_index, subset_by_value)


def _pencils(rng: np.random.Generator) -> Samples:
    a, b, turned = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), complex_normal(rng, 4, 4)
    return [
        (a, b @ b.T + np.eye(4)),
        (a, b @ b.T + np.eye(4), {"lower": False, "subset_by_index": [1, 2]}),
        (a, {"driver": "evd"}),  # the default may change a vector's sign at any time
        (a, {"driver": "evx", "lower": False, "subset_by_index": [0, 1]}),
        (turned, {"driver": "evd"}),
        (turned, {"driver": "ev", "lower": False}),
        (a + np.diag([-9.0, -9.0, 9.0, 9.0]), {"subset_by_value": [-30.0, 0.0]}),
    ]


lifted(
    grad=_eigh_grads,
    wrt=("a", "b"),
    ignores=("check_finite", "driver"),
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [
        *_pencils(rng)[:-1],
        *((*args, {**given, "eigvals_only": True}) for *args, given in _pencils(rng)[3::3]),
    ],
)(sl.eigh)
lifted(
    grad=_eigvalsh_grads,
    wrt=("a", "b"),
    ignores=("check_finite", "driver"),
    complex=True,
    samples=_pencils,
)(sl.eigvalsh)
lifted(
    grad=_eig_grad,
    wrt="a",
    ignores=("check_finite",),
    complex=True,
    symbolic_zeros=True,
    samples=square_samples,
)(sl.eig)


def _scipy_eigvals_op(a: Any) -> Any:
    values, scaled_grad = _eigvals_op(a)
    return values + 0j, scaled_grad


lifted(
    op=_scipy_eigvals_op, wrt="a", ignores=("check_finite",), complex=True, samples=square_samples
)(sl.eigvals)


def _tridiagonal_grads(dzdy: Any, result: Any, d: Any, e: Any, eigvals_only: bool) -> Any:
    """As of `eigh`, by the diagonal and the two equal ones beside it."""
    if eigvals_only:
        return _tridiagonal_values_grads(dzdy, d, e)
    (dzdw, dzdv), (w, v) = (dzdy[0], dzdy[1]), (result[0], result[1])
    if dzdv is not ZERO:
        _refuse_coinciding(w, _gaps(w), dzdw, dzdv, function="scipy.linalg.eigh_tridiagonal")
    if not _flows(dzdv):
        return (ZERO, ZERO) if dzdw is ZERO else _beside_diagonal(v * row(dzdw), v)
    inner = _over_gaps(adjoint(v) @ dzdv, _gaps(w))
    if dzdw is not ZERO:
        inner = inner + diagonal_matrix(dzdw)
    return _beside_diagonal(v @ inner, v)


def _tridiagonal_values_grads(dzdy: Any, d: Any, e: Any) -> Any:
    v = through_twin(sl.eigh_tridiagonal)(d, e)[1]
    return _beside_diagonal(v * row(dzdy), v)


def _beside_diagonal(left: Any, right: Any) -> tuple[Any, Any]:
    """The diagonal of ``left @ right^T``, and the sum of those above and below it."""
    above = left[..., :-1, :] * right[..., 1:, :]
    below = left[..., 1:, :] * right[..., :-1, :]
    return np.sum(left * right, axis=-1), np.sum(above + below, axis=-1)


def _two_diagonals(rng: np.random.Generator) -> Samples:
    stacks = rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    return [(rng.normal(size=4), rng.normal(size=3)), stacks]


lifted(
    grad=_tridiagonal_grads,
    ignores=("check_finite", "tol", "lapack_driver"),
    symbolic_zeros=True,
    samples=lambda rng: [*_two_diagonals(rng), (*_two_diagonals(rng)[0], {"eigvals_only": True})],
)(sl.eigh_tridiagonal)
lifted(
    grad=_tridiagonal_values_grads,
    ignores=("check_finite", "tol", "lapack_driver"),
    samples=_two_diagonals,
)(sl.eigvalsh_tridiagonal)


# Without a gradient

for _original in (sl.issymmetric, sl.ishermitian, sl.bandwidth):
    locally_constant(_original)
for _original in (sl.null_space, sl.orth):
    no_grad("the basis that it returns is left open by its definition")(_original)
no_grad("the scale of each row is a power of two, chosen by comparisons")(sl.matrix_balance)
