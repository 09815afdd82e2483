"""scipy.linalg: banded matrices, and matrices made from vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as sl

from .._lift import lifted
from ._matrices import (
    Samples,
    adjoint,
    array_like,
    as_columns,
    column,
    complex_normal,
    conj,
    plain,
    row,
    through_twin,
)

__all__: list[str] = []


# Banded matrices, stored by diagonals


def _solve_banded_grad(dzdy: Any, result: Any, l_and_u: Any, ab: Any, b: Any) -> tuple[Any, Any]:
    """As of `solve`; entry (d, j) of `ab` is a[j + d - u, j], inside the matrix."""
    ab, b = array_like(ab), array_like(b)
    (below, above), n = l_and_u, ab.shape[-1]
    d, j = np.indices(ab.shape[-2:])
    i, across = j + d - above, j + d - below
    inside, across_inside = (i >= 0) & (i < n), (across >= 0) & (across < n)
    turned = conj(ab)[..., above + below - d, np.clip(across, 0, n - 1)] * across_inside
    dzdb = through_twin(sl.solve_banded)((above, below), turned, dzdy)
    w, x = as_columns(b, dzdb, result)
    products = w[..., np.clip(i, 0, n - 1), :] * conj(x)[..., None, :, :]
    return -np.sum(products, axis=-1) * inside, dzdb


def _solveh_banded_grad(dzdy: Any, result: Any, ab: Any, b: Any, lower: bool) -> tuple[Any, Any]:
    """As of `solve`; entry (d, j) of `ab` stands for a[i, j] and for its conjugate a[j, i]."""
    ab, b = array_like(ab), array_like(b)
    n = ab.shape[-1]
    d, j = np.indices(ab.shape[-2:])
    i = j + d - (0 if lower else ab.shape[-2] - 1)
    weights = np.where(i == j, 0.5, 1.0) * ((i >= 0) & (i < n))
    i = np.clip(i, 0, n - 1)
    dzdb = through_twin(sl.solveh_banded)(ab, dzdy, lower=lower)
    w, x = as_columns(b, dzdb, result)
    products = w[..., i, :] * conj(x)[..., None, :, :] + conj(w)[..., None, :, :] * x[..., i, :]
    return -np.sum(products, axis=-1) * weights, dzdb


def _banded(rng: np.random.Generator) -> Samples:
    ab = rng.normal(size=(4, 5))
    ab[1] += 6
    return [
        ((2, 1), ab, rng.normal(size=5)),
        ((2, 1), ab, rng.normal(size=(5, 2))),
        ((2, 1), ab * (1 + 0.5j), complex_normal(rng, 5, 2)),
    ]


def _positive_banded(rng: np.random.Generator) -> Samples:
    ab = rng.normal(size=(3, 5))
    ab[-1] += 9
    turned = ab + 1j * np.array([[1.0], [0.5], [0.0]])
    return [
        (ab, rng.normal(size=5)),
        (ab[::-1], rng.normal(size=(5, 2)), False, False, True),
        (turned, complex_normal(rng, 5)),
        (turned[::-1], complex_normal(rng, 5), False, False, True),
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


def _diagsvd(s: Any, M: int, N: int) -> Any:
    s = array_like(s)
    return column(s) * np.eye(M, N) if s.shape[-1] == M else row(s) * np.eye(M, N)


def _matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    paired = isinstance(plain(c_or_cr), tuple)
    c, r = (c_or_cr[0], c_or_cr[1]) if paired else (c_or_cr, None)
    return _toeplitz(c, r) @ array_like(x)


def _solve_toeplitz_grad(dzdy: Any, result: Any, c_or_cr: Any, b: Any) -> tuple[Any, Any]:
    """As of `solve`, summed along the diagonals, on each of which one entry stands."""
    paired = isinstance(plain(c_or_cr), tuple)
    c, r = (c_or_cr[0], c_or_cr[1]) if paired else (c_or_cr, conj(c_or_cr))
    c, r = array_like(c), array_like(r)
    first = np.concatenate([conj(c[:1]), conj(r[1:])])
    dzdb = through_twin(sl.solve_toeplitz)((first, conj(c)), dzdy)
    w, x = as_columns(b, dzdb, result)
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
        tuple(complex_normal(rng, *shape) for shape in shapes),
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
_LEADING = np.array([6.0, 0.0, 0.0, 0.0])  # keeps the samples regular

lifted(
    grad=_solve_toeplitz_grad,
    ignores=("check_finite",),
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=4) + _LEADING, rng.normal(size=4)),
        ((rng.normal(size=4) + _LEADING, rng.normal(size=4)), rng.normal(size=(4, 2))),
        (complex_normal(rng, 4) + _LEADING, complex_normal(rng, 4)),
    ],
)(sl.solve_toeplitz)
