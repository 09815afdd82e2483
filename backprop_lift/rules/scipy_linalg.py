"""scipy.linalg: solvers, decompositions, functions of matrices, and matrices of special form.

What numpy.linalg does as well goes through it. Decompositions keep scipy's result, and have the
gradient of numpy's. Matrices that only one part of is read have their gradient there. A rule that
needs another function of scipy calls its twin, so that it can be differentiated in turn.

Permission to overwrite an argument is refused where a gradient may need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg as sl

from .._bvar import has_bvar, value_of
from .._lift import lifted, locally_constant, no_grad
from .._registry import twin_of
from .._space import ZERO
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
from .numpy_linalg import (
    _cholesky_grad,
    _eig_grad,
    _eigvals_op,
    _flows,
    _gaps,
    _lstsq_grad,
    _over_gaps,
    _phase_fixed,
    _qr_grad,
    _svd_grad,
    _turn,
)

__all__: list[str] = []

Samples = list[tuple[Any, ...]]


def _twin(original: Any) -> Callable[..., Any]:
    """The twin of a function, looked up when it is called."""
    return lambda *args, **settings: twin_of(original)(*args, **settings)


def _turned(rng: np.random.Generator, *shape: int) -> Any:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _regular(rng: np.random.Generator) -> Samples:
    return [
        (rng.normal(size=(3, 3)) + 2 * np.eye(3),),
        (_turned(rng, 3, 3) + 2 * np.eye(3),),
    ]


# Solving, determinants and norms, as numpy has them


def _whole(a: Any, assume_a: str | None, lower: bool) -> Any:
    """The matrix that is meant by the part of `a` that is read."""
    if assume_a in (None, "general", "gen", "banded"):
        return a
    a = array_like(a)
    rows, columns = np.indices(a.shape[-2:])
    if assume_a == "diagonal":
        return a * (rows == columns)
    if assume_a == "tridiagonal":
        return a * (abs(rows - columns) < 2)
    if assume_a == "upper triangular":
        return a * (rows <= columns)
    if assume_a == "lower triangular":
        return a * (rows >= columns)
    off = a * (rows > columns if lower else rows < columns)
    if assume_a in ("symmetric", "sym"):
        return off + np.swapaxes(off, -1, -2) + a * (rows == columns)
    return off + adjoint(off) + np.real(a) * (rows == columns)


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
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True  # noqa: A002
) -> Any:
    return np.linalg.norm(a, ord, axis, keepdims)


def _svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.svd(a, compute_uv=False)


def _relative_cutoff(a: Any, atol: Any, rtol: Any) -> Any:
    """scipy's bound atol + rtol * s_max on singular values, as numpy's multiple of s_max."""
    a = array_like(a)
    if rtol is None:
        rtol = max(a.shape[-2:]) * np.finfo(a.dtype).eps if not atol else 0.0
    if not atol:
        return rtol
    return rtol + atol / np.linalg.norm(value_of(a), 2, (-2, -1))


def _pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True
) -> Any:
    cutoff = _relative_cutoff(a, atol, rtol)
    inverse = np.linalg.pinv(a, cutoff)
    return (inverse, np.linalg.matrix_rank(value_of(a), rtol=cutoff)) if return_rank else inverse


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
    whole = _whole(value_of(a), "hermitian", lower)
    return inverse, np.linalg.matrix_rank(whole, rtol=cutoff, hermitian=True)


def _solve_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 2))
    positive = a @ a.T
    turned = _turned(rng, 3, 3) + 3 * np.eye(3)
    usual = (False, False, True)
    return [
        (a, b[:, 0]),
        (a, b),
        (a, b, False, *usual, "general", True),
        (positive, b, False, *usual, "pos"),
        (positive, b, True, *usual, "pos"),
        (positive, b, True, *usual, "sym"),
        (turned + turned.T, _turned(rng, 3), False, *usual, "sym"),
        (turned + adjoint(turned), _turned(rng, 3), True, *usual, "her"),
        (a, b, False, *usual, "upper triangular"),
        (a, b, False, *usual, "lower triangular"),
        (a, b, False, *usual, "tridiagonal"),
        (a, b, False, *usual, "diagonal"),
    ]


def _norm_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(3, 4))
    orders = (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
    return [
        *((a, order) for order in orders),
        (a[0], 3),
        (a, 1, 0, True),
        (_turned(rng, 3, 4), None, (0, 1)),
    ]


def _tall(rng: np.random.Generator) -> Samples:
    return [(rng.normal(size=(4, 3)),), (rng.normal(size=(3, 4)),), (_turned(rng, 4, 3),)]


lifted(twin=_solve, samples=_solve_samples)(sl.solve)
lifted(
    twin=_inv,
    samples=lambda rng: [
        *_regular(rng),
        (rng.normal(size=(3, 3)) + 3 * np.eye(3), {"assume_a": "sym", "lower": True}),
    ],
)(sl.inv)
lifted(twin=_det, samples=_regular)(sl.det)
lifted(twin=_norm, samples=_norm_samples)(sl.norm)
lifted(twin=_svdvals, samples=_tall)(sl.svdvals)
lifted(
    twin=_pinv,
    samples=lambda rng: [
        *_tall(rng),
        (np.diag([3.0, 2.0, 0.5]) + 0.1 * rng.normal(size=(3, 3)), {"rtol": 0.3}),
        (np.diag([3.0, 2.0, 0.5]) + 0.1 * rng.normal(size=(3, 3)), {"atol": 1.0}),
    ],
)(sl.pinv)
lifted(
    twin=_pinvh, samples=lambda rng: [*_regular(rng), (*_regular(rng)[1], {"lower": False})]
)(sl.pinvh)
lifted(
    grad=lambda dzdy, result, a, b, cond: _lstsq_grad(
        dzdy, result, a, b, np.finfo(float).eps if cond is None else cond
    ),
    ignores=("check_finite", "lapack_driver"),
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [
        (rng.normal(size=(5, 3)), rng.normal(size=(5, 2))),
        (rng.normal(size=(5, 3)), rng.normal(size=5)),
        (rng.normal(size=(3, 5)), rng.normal(size=3)),
        (_turned(rng, 5, 3), _turned(rng, 5)),
    ],
)(sl.lstsq)


# Triangles


def _one_triangle(lower: bool, n: int, unit_diagonal: bool = False) -> Any:
    """Ones where a triangular matrix is read."""
    mask = np.tril(np.ones((n, n)), -1 if unit_diagonal else 0)
    return mask if lower else mask.T


_solve_triangular = _twin(sl.solve_triangular)
_cho_solve = _twin(sl.cho_solve)
_lu_solve = _twin(sl.lu_solve)


def _columns(b: Any, *others: Any) -> list[Any]:
    """Solutions as matrices, if the right-hand side was a vector."""
    return [column(x) if np.ndim(b) == 1 else x for x in others]


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
    w, x = _columns(b, dzdb, result)
    dzda = _by_operator(-w @ adjoint(x), trans) * _one_triangle(lower, a.shape[-1], unit_diagonal)
    return summed_to(dzda, a.shape), summed_to(dzdb, b.shape)


def _triangular_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 2))
    turned = _turned(rng, 3, 3) + 3 * np.eye(3)
    ways = [(trans, lower, unit) for trans in (0, 1, 2) for lower in (0, 1) for unit in (0, 1)]
    return [
        *((a, b, trans, bool(lower), bool(unit)) for trans, lower, unit in ways),
        *((turned, _turned(rng, 3), trans, True) for trans in ("N", "T", "C")),
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
    a, turned = rng.normal(size=(3, 3)), _turned(rng, 3, 3)
    return [
        (a @ a.T + np.eye(3),),
        (a @ a.T + np.eye(3), True),
        (turned @ adjoint(turned) + np.eye(3), True),
        (turned @ adjoint(turned) + np.eye(3), False),
    ]


def _cho_factor_grad(dzdy: Any, result: Any, lower: bool) -> Any:
    """Of the factor, and of the other triangle, in which `a` is left as it was."""
    factor, dzdfactor = result[0], dzdy[0]
    if dzdfactor is ZERO:
        return ZERO
    mask = _one_triangle(lower, factor.shape[-1])
    return _cholesky_grad(dzdfactor * mask, factor * mask, not lower) + dzdfactor * (1 - mask)


def _cho_solve_grad(dzdy: Any, result: Any, c_and_lower: Any, b: Any) -> tuple[Any, Any]:
    """From A = L L^H or U^H U, where w = A^-1 dzdy and dzdA = -w x^H."""
    factor, lower = c_and_lower[0], bool(value_of(c_and_lower[1]))
    dzdb = _cho_solve((factor, lower), dzdy)
    w, x = _columns(b, dzdb, result)
    dzda = -w @ adjoint(x)
    both = dzda + adjoint(dzda)
    mask = _one_triangle(lower, factor.shape[-1])
    triangle = factor * mask
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
        for b in (rng.normal(size=3), rng.normal(size=(3, 2)))
    ],
)(sl.cho_solve)


# LU


def _lu_grad(dzdl: Any, dzdu: Any, l: Any, u: Any) -> Any:  # noqa: E741 - the mathematics' name
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
    dzdl, dzdu = dzdy[-2], dzdy[-1]
    if dzdl is ZERO and dzdu is ZERO:
        return ZERO
    l, u = result[-2], result[-1]  # noqa: E741 - the mathematics' name
    p = sl.lu(value_of(a), p_indices=True)[0] if permute_l else result[0]
    p = np.eye(l.shape[-2])[p] if permute_l or p_indices else p
    back = np.swapaxes(p, -1, -2)
    if permute_l:
        l, dzdl = back @ l, dzdl if dzdl is ZERO else back @ dzdl  # noqa: E741
    dzdl = np.zeros(l.shape) if dzdl is ZERO else dzdl
    dzdu = np.zeros(u.shape) if dzdu is ZERO else dzdu
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
    dzdlu, lu, p = dzdy[0], result[0], _row_order(value_of(result[1]))
    if dzdlu is ZERO:
        return ZERO
    strict = _one_triangle(True, lu.shape[-1], unit_diagonal=True)
    unit = lu * strict + np.eye(lu.shape[-1])
    return p @ _lu_grad(dzdlu * strict, dzdlu * (1 - strict), unit, lu * (1 - strict))


def _lu_solve_grad(dzdy: Any, result: Any, lu_and_piv: Any, b: Any, trans: int) -> tuple[Any, Any]:
    lu, piv = lu_and_piv[0], value_of(lu_and_piv[1])

    def solve(lu: Any, b: Any, trans: int) -> Any:
        return _lu_solve((lu, piv), b, trans)

    dzdb = _adjoint_solve(solve, lu, dzdy, trans)
    w, x = _columns(b, dzdb, result)
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
        (a, True),
        (a, False, False, True, True),
        (rng.normal(size=(2, 3, 3)),),
        (_turned(rng, 3, 3),),
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
    samples=_regular,
)(sl.lu_factor)
lifted(
    grad=_lu_solve_grad,
    ignores=("check_finite",),
    complex=True,
    samples=lambda rng: [
        (sl.lu_factor(*a), b, trans)
        for a in _regular(rng)
        for b in (rng.normal(size=3), rng.normal(size=(3, 2)))
        for trans in (0, 1, 2)
    ],
)(sl.lu_solve)


# QR, singular values and eigenvalues, with scipy's results


def _scipy_qr_grad(dzdy: Any, result: Any, a: Any, mode: str, pivoting: bool) -> Any:
    """As for numpy's; with pivoting it is A with its columns exchanged that is factorised."""
    a = array_like(a)
    how = {"full": "complete", "economic": "reduced"}.get(mode, mode)
    order = value_of(result[-1]) if pivoting else None
    exchanged = a if order is None else a[..., order]
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
        for a in (rng.normal(size=(4, 3)), rng.normal(size=(3, 4)), _turned(rng, 4, 3))
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
        *((*a, False) for a in _tall(rng)),
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
        found = _twin(sl.eigh)(
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
        by_v = adjoint(v) @ dzdv
        inner = _over_gaps(by_v, _gaps(w))
        by_norm = np.real(np.sum(conj(v) * dzdv, axis=-2))
        if dzdw is not ZERO:
            inner = inner + diagonal_matrix(dzdw)
    elif dzdw is not ZERO:
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
    found = _twin(sl.eigh)(a, b, lower=lower)
    others_w, others_v = found[0], found[1]
    first = int(np.argmin(np.abs(value_of(others_w) - value_of(w)[0])))
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
    a, b, turned = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), _turned(rng, 4, 4)
    return [
        (a, b @ b.T + np.eye(4)),
        (a, b @ b.T + np.eye(4), {"lower": False, "subset_by_index": [1, 2]}),
        (a, {"driver": "evd"}),  # the default may change a vector's sign at any time
        (a, {"driver": "evx", "lower": False, "subset_by_index": [0, 1]}),
        (turned, {"driver": "evd"}),
        (turned, {"driver": "ev", "lower": False}),
    ]


lifted(
    grad=_eigh_grads,
    wrt=("a", "b"),
    ignores=("check_finite", "driver"),
    complex=True,
    symbolic_zeros=True,
    samples=_pencils,
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
    samples=_regular,
)(sl.eig)


def _scipy_eigvals_op(a: Any) -> Any:
    values, scaled_grad = _eigvals_op(a)
    return values + 0j, scaled_grad


lifted(
    op=_scipy_eigvals_op, wrt="a", ignores=("check_finite",), complex=True, samples=_regular
)(sl.eigvals)


def _tridiagonal_grads(dzdy: Any, result: Any, d: Any, e: Any, eigvals_only: bool) -> Any:
    """As of `eigh`, by the diagonal and the two equal ones beside it."""
    if eigvals_only:
        return _tridiagonal_values_grads(dzdy, d, e)
    (dzdw, dzdv), (w, v) = (dzdy[0], dzdy[1]), (result[0], result[1])
    if not _flows(dzdv):
        return (ZERO, ZERO) if dzdw is ZERO else _beside_diagonal(v * row(dzdw), v)
    inner = _over_gaps(adjoint(v) @ dzdv, _gaps(w))
    if dzdw is not ZERO:
        inner = inner + diagonal_matrix(dzdw)
    return _beside_diagonal(v @ inner, v)


def _tridiagonal_values_grads(dzdy: Any, d: Any, e: Any) -> Any:
    v = _twin(sl.eigh_tridiagonal)(d, e)[1]
    return _beside_diagonal(v * row(dzdy), v)


def _beside_diagonal(left: Any, right: Any) -> tuple[Any, Any]:
    """The diagonal of ``left @ right^T``, and the sum of those above and below it."""
    above = left[..., :-1, :] * right[..., 1:, :]
    below = left[..., 1:, :] * right[..., :-1, :]
    return np.sum(left * right, axis=-1), np.sum(above + below, axis=-1)


def _two_diagonals(rng: np.random.Generator) -> Samples:
    return [(rng.normal(size=4), rng.normal(size=3))]


lifted(
    grad=_tridiagonal_grads,
    ignores=("check_finite", "tol", "lapack_driver"),
    symbolic_zeros=True,
    samples=_two_diagonals,
)(sl.eigh_tridiagonal)
lifted(
    grad=_tridiagonal_values_grads,
    ignores=("check_finite", "tol", "lapack_driver"),
    samples=_two_diagonals,
)(sl.eigvalsh_tridiagonal)


# Orthogonal factors


def _polar_grad(dzdy: Any, result: Any, a: Any, side: str) -> Any:
    """From P = U^H A or A U^H, and from the derivative of the factor U."""
    a, u = array_like(a), result[0]
    dzdu, dzdp, dzda = dzdy[0], dzdy[1], ZERO
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


def _orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> Any:  # noqa: N803
    product = adjoint(A) @ array_like(B)
    return _twin(sl.polar)(product)[0], np.linalg.norm(product, "nuc", (-2, -1))


lifted(
    grad=_polar_grad,
    wrt="a",
    complex=True,
    symbolic_zeros=True,
    samples=lambda rng: [(a, side) for (a,) in _tall(rng) for side in ("right", "left")],
)(sl.polar)
lifted(
    twin=_orthogonal_procrustes,
    samples=lambda rng: [
        (rng.normal(size=(5, 3)), rng.normal(size=(5, 3))),
        (_turned(rng, 5, 2), _turned(rng, 5, 2)),
    ],
)(sl.orthogonal_procrustes)


# Functions of matrices


def _plain_size(x: Any) -> float:
    while has_bvar(x):
        x = value_of(x)
    return float(np.max(np.abs(x), initial=0.0))


def _by_block(function: Any, a: Any, e: Any) -> tuple[Any, Any]:
    """f(A), and the derivative of f at A in the direction E, as f([[A, E], [0, A]]).

    References
    ----------
    N. J. Higham, "Functions of Matrices" (2008), theorem 3.6.
    """
    scale = (_plain_size(a) or 1.0) / (_plain_size(e) or 1.0)
    above = np.concatenate([a, e * scale], axis=-1)
    below = np.concatenate([np.zeros(a.shape), a], axis=-1)
    whole = function(np.concatenate([above, below], axis=-2))
    n = a.shape[-1]
    return whole[..., :n, :n], whole[..., :n, n:] / scale


def _matrix_function_grad(function: Any) -> Callable[[Any, Any], Any]:
    """The adjoint of the derivative at A is the derivative at A^H, for a function with f(A)^H =
    f(A^H); Higham (2008), section 3.2."""

    def grad(dzdy: Any, A: Any) -> Any:  # noqa: N803 - scipy's name
        return _by_block(_twin(function), adjoint(A), dzdy)[1]

    return grad


def _expm_grad(dzdy: Any, A: Any) -> Any:  # noqa: N803 - scipy's name
    """The derivative of the exponential at A^H in the direction dzdy.

    References
    ----------
    A. H. Al-Mohy, N. J. Higham, "Computing the Frechet derivative of the matrix exponential, with
    an application to condition number estimation", SIAM J. Matrix Anal. Appl. 30 (2009), 1639-1657.
    """
    if np.ndim(A) == 2 and not has_bvar(A) and not has_bvar(dzdy):
        return sl.expm_frechet(adjoint(A), dzdy, compute_expm=False)
    return _by_block(_twin(sl.expm), adjoint(A), dzdy)[1]


def _expm_frechet(
    A: Any,  # noqa: N803 - scipy's names
    E: Any,  # noqa: N803
    method: Any = None,
    compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:
    value, derivative = _by_block(_twin(sl.expm), array_like(A), array_like(E))
    return (value, derivative) if compute_expm else derivative


def _near_identity(rng: np.random.Generator) -> Samples:
    """Matrices whose logarithm and roots are real, and whose tangents are finite."""
    return [
        (np.eye(3) + 0.2 * rng.normal(size=(3, 3)),),
        (np.eye(3) + 0.2 * _turned(rng, 3, 3),),
    ]


def _sqrtm_grad(dzdy: Any, result: Any) -> Any:
    """From ``X X = A``: dzdA solves ``X^H dzdA + dzdA X^H = dzdX``; Higham (2008), section 6.1."""
    turned = adjoint(result)
    return _twin(sl.solve_sylvester)(turned, turned, dzdy)


def _signm_grad(dzdy: Any, result: Any, A: Any) -> Any:  # noqa: N803 - scipy's name
    """With S the sign and N = A S: dS solves ``N dS + dS N = dA - S dA S``; Higham (2008), 5.1."""
    turned = adjoint(result)
    n = turned @ adjoint(A)
    w = _twin(sl.solve_sylvester)(n, n, dzdy)
    return w - turned @ w @ turned


for _function in (sl.logm, sl.sinm, sl.cosm, sl.tanm, sl.sinhm, sl.coshm, sl.tanhm):
    lifted(
        grad=_matrix_function_grad(_function), wrt="A", complex=True, samples=_near_identity
    )(_function)
lifted(
    grad=_expm_grad,
    complex=True,
    samples=lambda rng: [*_regular(rng), (rng.normal(size=(2, 3, 3)),)],
)(sl.expm)
lifted(
    twin=_expm_frechet, samples=lambda rng: [(*a, rng.normal(size=(3, 3))) for a in _regular(rng)]
)(sl.expm_frechet)
lifted(
    grad=_signm_grad,
    complex=True,
    samples=lambda rng: [(np.diag([1.0, -2.0, 3.0]) + 0.3 * rng.normal(size=(3, 3)),)],
)(sl.signm)
lifted(grad=_sqrtm_grad, wrt="A", complex=True, samples=_near_identity)(sl.sqrtm)
lifted(
    grad={
        "A": lambda dzdy, A, t: _by_block(  # noqa: N803 - scipy's name
            lambda x: _twin(sl.fractional_matrix_power)(x, t), adjoint(A), dzdy
        )[1],
        "t": lambda dzdy, result, A: np.sum(  # noqa: N803
            dzdy * conj(_twin(sl.logm)(A) @ result)
        ),
    },
    complex=True,
    samples=lambda rng: [(*a, 0.3) for a in _near_identity(rng)],
)(sl.fractional_matrix_power)


# Matrix equations


def _solve_sylvester_grad(dzdy: Any, result: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """A X + X B = Q: with ``A^H W + W B^H = dzdX`` they are -W X^H, -X^H W and W."""
    w = _twin(sl.solve_sylvester)(adjoint(a), adjoint(b), dzdy)
    turned = adjoint(result)
    return -w @ turned, -turned @ w, w


def _continuous_lyapunov_grad(dzdy: Any, result: Any, a: Any) -> tuple[Any, Any]:
    """A X + X A^H = Q: with ``A^H W + W A = dzdX`` they are -W X^H - W^H X and W."""
    w = _twin(sl.solve_continuous_lyapunov)(adjoint(a), dzdy)
    return -w @ adjoint(result) - adjoint(w) @ result, w


def _discrete_lyapunov_grad(dzdy: Any, result: Any, a: Any) -> tuple[Any, Any]:
    """A X A^H - X + Q = 0: with ``A^H W A - W + dzdX = 0`` they are W A X^H + W^H A X and W."""
    w = _twin(sl.solve_discrete_lyapunov)(adjoint(a), dzdy)
    return w @ a @ adjoint(result) + adjoint(w) @ a @ result, w


def _equations(rng: np.random.Generator) -> Samples:
    return [
        (rng.normal(size=(3, 3)) * 0.4, rng.normal(size=(3, 3))),
        (_turned(rng, 3, 3) * 0.3, _turned(rng, 3, 3)),
    ]


lifted(
    grad=_solve_sylvester_grad,
    wrt=("a", "b", "q"),
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=(3, 3)), rng.normal(size=(2, 2)) + 4 * np.eye(2), rng.normal(size=(3, 2))),
        (_turned(rng, 3, 3), _turned(rng, 2, 2) + 4 * np.eye(2), _turned(rng, 3, 2)),
    ],
)(sl.solve_sylvester)
for _function in {sl.solve_continuous_lyapunov, sl.solve_lyapunov}:
    lifted(
        grad=_continuous_lyapunov_grad, wrt=("a", "q"), complex=True, samples=_equations
    )(_function)
lifted(
    grad=_discrete_lyapunov_grad,
    wrt=("a", "q"),
    ignores=("method",),
    complex=True,
    samples=_equations,
)(sl.solve_discrete_lyapunov)


# Banded matrices, stored by diagonals


def _solve_banded_grad(
    dzdy: Any, result: Any, l_and_u: Any, ab: Any, b: Any
) -> tuple[Any, Any]:
    """As of `solve`; entry (d, j) of `ab` is a[j + d - u, j], inside the matrix."""
    ab, b = array_like(ab), array_like(b)
    (below, above), n = l_and_u, ab.shape[-1]
    d, j = np.indices(ab.shape[-2:])
    i, across = j + d - above, j + d - below
    inside, across_inside = (i >= 0) & (i < n), (across >= 0) & (across < n)
    turned = conj(ab)[..., above + below - d, np.clip(across, 0, n - 1)] * across_inside
    dzdb = _twin(sl.solve_banded)((above, below), turned, dzdy)
    w, x = _columns(b, dzdb, result)
    products = w[..., np.clip(i, 0, n - 1), :] * conj(x)[..., None, :, :]
    return -np.sum(products, axis=-1) * inside, dzdb


def _solveh_banded_grad(
    dzdy: Any, result: Any, ab: Any, b: Any, lower: bool
) -> tuple[Any, Any]:
    """As of `solve`; entry (d, j) of `ab` stands for a[i, j] and for its conjugate a[j, i]."""
    ab, b = array_like(ab), array_like(b)
    n = ab.shape[-1]
    d, j = np.indices(ab.shape[-2:])
    i = j + d - (0 if lower else ab.shape[-2] - 1)
    weights = np.where(i == j, 0.5, 1.0) * ((i >= 0) & (i < n))
    i = np.clip(i, 0, n - 1)
    dzdb = _twin(sl.solveh_banded)(ab, dzdy, lower=lower)
    w, x = _columns(b, dzdb, result)
    products = w[..., i, :] * conj(x)[..., None, :, :] + conj(w)[..., None, :, :] * x[..., i, :]
    return -np.sum(products, axis=-1) * weights, dzdb


def _banded(rng: np.random.Generator) -> Samples:
    ab = rng.normal(size=(4, 5))
    ab[1] += 6
    return [
        ((2, 1), ab, rng.normal(size=5)),
        ((2, 1), ab, rng.normal(size=(5, 2))),
        ((2, 1), ab * (1 + 0.5j), _turned(rng, 5, 2)),
    ]


def _positive_banded(rng: np.random.Generator) -> Samples:
    ab = rng.normal(size=(3, 5))
    ab[-1] += 9
    turned = ab + 1j * np.array([[1.0], [0.5], [0.0]])
    return [
        (ab, rng.normal(size=5)),
        (ab[::-1], rng.normal(size=(5, 2)), False, False, True),
        (turned, _turned(rng, 5)),
        (turned[::-1], _turned(rng, 5), False, False, True),
    ]


lifted(
    grad=_solve_banded_grad,
    wrt=("ab", "b"),
    ignores=("check_finite",),
    complex=True,
    samples=_banded,
)(sl.solve_banded)
lifted(
    grad=_solveh_banded_grad,
    ignores=("check_finite",),
    complex=True,
    samples=_positive_banded,
)(sl.solveh_banded)


# Matrices of special form


def _toeplitz(c: Any, r: Any = None) -> Any:
    c = np.atleast_1d(c)
    r = conj(c) if r is None else np.atleast_1d(r)
    rows, columns = np.indices((c.shape[-1], r.shape[-1]))
    return np.concatenate([r[..., :0:-1], c], axis=-1)[..., rows - columns + r.shape[-1] - 1]


def _hankel(c: Any, r: Any = None) -> Any:
    c = np.ravel(c)
    r = np.zeros(c.shape) if r is None else np.ravel(r)
    rows, columns = np.indices((len(c), len(r)))
    return np.concatenate([c, r[1:]])[rows + columns]


def _circulant(c: Any) -> Any:
    c = np.atleast_1d(c)
    rows, columns = np.indices((c.shape[-1],) * 2)
    return c[..., (rows - columns) % c.shape[-1]]


def _below(first: Any, others: Any) -> Any:
    """A matrix of a first row and the rows below it."""
    others = np.broadcast_to(others, (*first.shape[:-1], *others.shape[-2:]))
    return np.concatenate([row(first), others], axis=-2)


def _companion(a: Any) -> Any:
    a = np.atleast_1d(a)
    n = a.shape[-1] - 1
    return _below(-a[..., 1:] / a[..., :1], np.eye(n - 1, n))


def _leslie(f: Any, s: Any) -> Any:
    f, s = np.atleast_1d(f), np.atleast_1d(s)
    return _below(f, column(s) * np.eye(s.shape[-1], f.shape[-1]))


def _convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    a = array_like(a)
    m = a.shape[-1]
    zeros = np.zeros((*a.shape[:-1], n - 1))
    rows, columns = np.indices((m + n - 1, n))
    full = np.concatenate([zeros, a, zeros], axis=-1)[..., rows - columns + n - 1]
    off = min(m, n) - 1
    before, after = {"full": (0, 0), "valid": (off, off), "same": (off // 2, off - off // 2)}[mode]
    return full[..., before : m + n - 1 - after, :]


def _fiedler(a: Any) -> Any:
    a = np.atleast_1d(a)
    return np.abs(column(a) - row(a))


def _block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(block) for block in arrs] or [np.zeros((1, 0))]
    batch = np.broadcast_shapes(*(block.shape[:-2] for block in blocks))
    width, before, rows = sum(block.shape[-1] for block in blocks), 0, []
    for block in blocks:
        m, n = block.shape[-2:]
        behind = np.zeros((*batch, m, width - before - n))
        middle = np.broadcast_to(block, (*batch, m, n))
        rows.append(np.concatenate([np.zeros((*batch, m, before)), middle, behind], axis=-1))
        before += n
    return np.concatenate(rows, axis=-2)


def _khatri_rao(a: Any, b: Any) -> Any:
    products = array_like(a)[..., :, None, :] * array_like(b)[..., None, :, :]
    return np.reshape(products, (*products.shape[:-3], -1, products.shape[-1]))


def _diagsvd(s: Any, M: int, N: int) -> Any:  # noqa: N803 - scipy's names
    s = array_like(s)
    return column(s) * np.eye(M, N) if s.shape[-1] == M else row(s) * np.eye(M, N)


def _matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return _toeplitz(c, r) @ array_like(x)


def _solve_toeplitz_grad(dzdy: Any, result: Any, c_or_cr: Any, b: Any) -> tuple[Any, Any]:
    """As of `solve`, summed along the diagonals, on each of which one entry stands."""
    paired = isinstance(value_of(c_or_cr), tuple)
    c, r = (c_or_cr[0], c_or_cr[1]) if paired else (c_or_cr, conj(c_or_cr))
    c, r = array_like(c), array_like(r)
    first = np.concatenate([conj(c[:1]), conj(r[1:])])
    dzdb = _twin(sl.solve_toeplitz)((first, conj(c)), dzdy)
    w, x = _columns(b, dzdb, result)
    dzdt = -w @ adjoint(x)
    dzdc, dzdr = _summed_along_diagonals(dzdt), _summed_along_diagonals(dzdt.T)
    dzdr = dzdr * (np.arange(len(r)) > 0)
    return ((dzdc, dzdr) if paired else dzdc + conj(dzdr)), dzdb


def _summed_along_diagonals(matrix: Any) -> Any:
    """The sums over the main diagonal and those below it."""
    n = matrix.shape[-1]
    below, columns = np.indices((n, n))
    padded = np.concatenate([matrix, np.zeros((n, n))])
    return np.sum(padded[below + columns, columns], axis=-1)


def _vectors(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], Samples]:
    return lambda rng: [
        tuple(rng.normal(size=shape) for shape in shapes),
        tuple(_turned(rng, *shape) for shape in shapes),
    ]


for _original, _by_hand, _samples in (
    (sl.toeplitz, _toeplitz, _vectors((3,), (4,))),
    (sl.hankel, _hankel, _vectors((3,), (4,))),
    (sl.circulant, _circulant, _vectors((2, 3))),
    (sl.companion, _companion, _vectors((4,))),
    (sl.leslie, _leslie, _vectors((4,), (3,))),
    (
        sl.convolution_matrix,
        _convolution_matrix,
        lambda rng: [(rng.normal(size=4), 3, mode) for mode in ("full", "same", "valid")],
    ),
    (sl.fiedler, _fiedler, _vectors((4,))),
    (sl.block_diag, _block_diag, _vectors((2, 3), (4,), (1, 2))),
    (sl.khatri_rao, _khatri_rao, _vectors((2, 4), (3, 4))),
    (sl.diagsvd, _diagsvd, lambda rng: [(rng.normal(size=3), 3, 5), (rng.normal(size=3), 4, 3)]),
    (
        sl.matmul_toeplitz,
        _matmul_toeplitz,
        lambda rng: [
            (rng.normal(size=3), rng.normal(size=(3, 2))),
            ((rng.normal(size=3), rng.normal(size=4)), rng.normal(size=4)),
        ],
    ),
):
    lifted(twin=_by_hand, samples=_samples)(_original)
lifted(
    grad=_solve_toeplitz_grad,
    ignores=("check_finite",),
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=4) + [6, 0, 0, 0], rng.normal(size=4)),
        ((rng.normal(size=4) + [6, 0, 0, 0], rng.normal(size=4)), rng.normal(size=(4, 2))),
        (_turned(rng, 4) + [6, 0, 0, 0], _turned(rng, 4)),
    ],
)(sl.solve_toeplitz)


# Without a gradient

for _original in (sl.issymmetric, sl.ishermitian, sl.bandwidth):
    locally_constant(_original)
for _original in (sl.null_space, sl.orth):
    no_grad("the basis that it returns is left open by its definition")(_original)
no_grad("the scale of each row is a power of two, chosen by comparisons")(sl.matrix_balance)
