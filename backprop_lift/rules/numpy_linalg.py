"""numpy.linalg: solving, inverses, determinants, factorisations and powers of matrices.

Every rule takes stacks of matrices. Functions of Hermitian matrices read one triangle; their
gradient is by the entries that are read.

References
----------
M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
automatic differentiation", Oxford NA-08/01 (2008).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._lift import lifted, locally_constant
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
    read_from_one_triangle,
    row,
    square_samples,
    summed_to,
)

__all__: list[str] = []


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
        (complex_normal(rng, 3, 3), complex_normal(rng, 3)),
    ]


lifted(grad=_solve_grad, complex=True, samples=_solve_samples)(np.linalg.solve)


def _inv_grad(dzdy: Any, result: Any) -> Any:
    """-Y^H dzdy Y^H; Giles (2008), section 2.2.3."""
    turned = adjoint(result)
    return -turned @ dzdy @ turned


lifted(grad=_inv_grad, wrt="a", complex=True, samples=square_samples)(np.linalg.inv)


# Determinants


# Up to this condition det(A) A^-H is taken for the matrix of cofactors.
_WELL_CONDITIONED = 1e6


def _largest(x: Any) -> Any:
    return np.max(np.abs(plain(x)), axis=(-2, -1), initial=0.0)


def _det_grad(dzdy: Any, result: Any, a: Any) -> Any:
    """Scale the conjugate of the matrix of cofactors.

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
        if np.all(_largest(a) * _largest(inverse) < _WELL_CONDITIONED):
            return factor * np.expand_dims(conj(result), (-2, -1)) * adjoint(inverse)
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1.0, row(s)), axis=-1)
    turn = np.expand_dims(conj(np.linalg.det(u) * np.linalg.det(vh)), (-2, -1))
    return factor * turn * ((u * row(others)) @ vh)


def _det_samples(rng: np.random.Generator) -> Samples:
    singular = rng.normal(size=(3, 2)) @ rng.normal(size=(2, 3))
    turned = complex_normal(rng, 3, 2) @ complex_normal(rng, 2, 3)
    stack = np.stack([singular, rng.normal(size=(3, 3))])
    return [*square_samples(rng), (singular,), (stack,), (-singular,), (turned,)]


lifted(grad=_det_grad, wrt="a", complex=True, samples=_det_samples)(np.linalg.det)


def _slogdet_grad(dzdy: Any, result: Any, a: Any) -> Any:
    """From d log det(A) = tr(A^-1 dA): its real part moves logabsdet, its imaginary part sign."""
    if np.any(np.equal(plain(result[0]), 0)):
        raise NoGradientError(
            "The logarithm that numpy.linalg.slogdet gives has no derivative at a singular matrix.",
            "Use numpy.linalg.det, which has one there.",
        )
    dzdsign, factor = dzdy[0], dzdy[1]
    if np.iscomplexobj(result[0]):
        factor = factor - 1j * np.imag(conj(dzdsign) * result[0])
    return np.expand_dims(factor, (-2, -1)) * adjoint(np.linalg.inv(a))


lifted(grad=_slogdet_grad, wrt="a", complex=True, samples=square_samples)(np.linalg.slogdet)


# Inverses of any matrix


def _pinv_grad(
    dzdy: Any, result: Any, a: Any, rcond: Any, hermitian: bool, rtol: Any = None
) -> Any:
    """Scaled gradient of `numpy.linalg.pinv`, where the rank does not change.

    Raises
    ------
    NoGradientError
        At a matrix of deficient rank, unless a cutoff keeps the rank from changing.

    References
    ----------
    G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", SIAM J. Numer. Anal. 10 (1973), 413-432.
    """
    a = array_like(a)
    if hermitian:
        below = np.where(np.tri(a.shape[-1], k=-1, dtype=bool), a, 0.0)
        a = below + adjoint(below) + np.real(a) * np.eye(a.shape[-1])
    cutoff = next((x for x in (rcond, rtol) if isinstance(x, (float, int, np.ndarray))), None)
    _refuse_deficient(a, cutoff, "numpy.linalg.pinv")
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
    s = np.linalg.svd(plain(a), compute_uv=False)
    noise = max(a.shape[-2:]) * np.finfo(s.dtype).eps * np.max(s, axis=-1, keepdims=True)
    return bool(np.any(~_kept(s, cutoff) & (s > noise)))


def _refuse_deficient(a: Any, cutoff: Any, function: str) -> None:
    """Refuse a matrix near which the pseudo-inverse jumps, since any change may raise its rank."""
    s = np.linalg.svd(plain(a), compute_uv=False)
    largest = np.max(s, axis=-1, keepdims=True, initial=0.0)
    deficient = s <= max(a.shape[-2:]) * np.finfo(s.dtype).eps * largest
    by_rounding = cutoff is None or np.any(np.asarray(cutoff) <= _INTENDED)
    if np.any(deficient & (by_rounding | (largest == 0))):
        raise NoGradientError(
            f"{function} has no derivative at a matrix of deficient rank, near which it jumps.",
            "Leave dependent columns out, add a ridge, or give rcond= a value that counts "
            "small singular values as zero, such as 1e-8.",
        )


# Up to this part of the largest, singular values are cut off as rounding; above, by intention.
_INTENDED = 1e-12


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
        (complex_normal(rng, 4, 3),),
        (complex_normal(rng, 3, 3) + np.diag([3.0, 2.0, 0.1]), {"rtol": 0.5, "hermitian": True}),
    ]


lifted(grad=_pinv_grad, wrt="a", complex=True, samples=_pinv_samples)(np.linalg.pinv)


def _lstsq_parts(dzdy: Any, result: Any, a: Any, b: Any, rcond: Any) -> Any:
    """What the two gradients of `numpy.linalg.lstsq` are made of, with `b` as columns."""
    a, b, x = array_like(a), array_like(b), result[0]
    parts: list[Any] = [ZERO if dzdy[i] is None else dzdy[i] for i in (0, 1, 3)]
    dzdx, dzdsquares, dzds = parts
    if b.ndim == 1:
        b, x = column(b), column(x)
        dzdx = dzdx if dzdx is ZERO else column(dzdx)
    cutoff = None if rcond == -1 else rcond
    rounding = np.finfo(a.dtype if a.dtype.kind in "fc" else float).eps * max(a.shape)
    inverse = np.linalg.pinv(a, rounding if cutoff is None else cutoff)
    off: Any = ZERO
    if dzdsquares is not ZERO and np.size(result[1]):
        off = 2 * (b - a @ x) * np.reshape(dzdsquares, (1, -1))
    return a, b, x, cutoff, inverse, dzdx, off, dzds


def _lstsq_a_grad(dzdy: Any, result: Any, a: Any, b: Any, rcond: Any) -> Any:
    """Of the solution ``pinv(a) @ b``, the sums of squares ``|b - a x|^2`` and singular values."""
    a, b, x, cutoff, inverse, dzdx, off, dzds = _lstsq_parts(dzdy, result, a, b, rcond)
    dzda: Any = ZERO
    if dzdx is not ZERO:
        _refuse_deficient(a, cutoff, "numpy.linalg.lstsq")
        dzda = dzda + _pinv_grad(dzdx @ adjoint(b), inverse, a, cutoff, hermitian=False)
    if off is not ZERO:
        dzda = dzda - off @ adjoint(x)
    if dzds is not ZERO:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        dzda = dzda + (u * row(dzds)) @ vh
    return dzda


def _lstsq_b_grad(dzdy: Any, result: Any, a: Any, b: Any, rcond: Any) -> Any:
    """Of the solution ``pinv(a) @ b`` and of the sums of squares ``|b - a x|^2``."""
    _, _, _, _, inverse, dzdx, off, _ = _lstsq_parts(dzdy, result, a, b, rcond)
    dzdb = off if dzdx is ZERO else off + adjoint(inverse) @ dzdx
    return dzdb if dzdb is ZERO or np.ndim(b) > 1 else dzdb[..., 0]


def _lstsq_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    return [
        (a, b[:, 0]),
        (a, b),
        (a.T, b[:3]),
        (a, b, 0.3),
        (complex_normal(rng, 5, 3), complex_normal(rng, 5)),
    ]


lifted(
    grad={"a": _lstsq_a_grad, "b": _lstsq_b_grad},
    complex=True,
    symbolic_zeros=True,
    samples=_lstsq_samples,
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
        (product(complex_normal(rng, 3, 3)),),
        (product(rng.normal(size=(3, 3))), {"upper": True}),
        (product(complex_normal(rng, 3, 3)), {"upper": True}),
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
    dzdq: Any
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
    pivots = np.abs(np.diagonal(plain(square), axis1=-2, axis2=-1))
    rounding = max(m, n) * np.finfo(pivots.dtype).eps
    if np.any(pivots <= rounding * np.max(pivots, axis=-1, keepdims=True, initial=0.0)):
        raise NoGradientError(
            "numpy.linalg.qr has no derivative where the first columns of a matrix depend on each "
            "other: the next column of q is chosen freely.",
            "Leave dependent columns out, or use numpy.linalg.svd.",
        )
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
        (complex_normal(rng, 4, 3),),
        (complex_normal(rng, 3, 4),),
        (complex_normal(rng, 5, 3), "complete"),
    ]


lifted(grad=_qr_grad, wrt="a", complex=True, symbolic_zeros=True, samples=_qr_samples)(np.linalg.qr)


# Powers and products


def _matrix_power(a: Any, n: int) -> Any:
    n = operator.index(n)
    if n < 0:
        return _matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.linalg.matrix_power(plain(a), 0)
    if n == 1:
        return a
    half = _matrix_power(a, n // 2)
    return half @ half @ a if n % 2 else half @ half


lifted(
    twin=_matrix_power,
    samples=lambda rng: [(*a, n) for a in square_samples(rng) for n in (0, 1, 2, 3, 7, -1, -2)],
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


locally_constant(np.linalg.matrix_rank)
