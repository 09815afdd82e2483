"""Matrices in the last two axes: adjoints, triangles, and sums over batches.

What the rules of linear algebra have in common, written in lifted functions throughout, so that
gradients of gradients pass through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "adjoint",
    "array_like",
    "column",
    "conj",
    "diagonal_matrix",
    "read_from_one_triangle",
    "row",
    "summed_to",
]


def array_like(x: Any) -> Any:
    """Return a list, number or other array-like as an array; arrays and BVars as they are."""
    return x if hasattr(x, "ndim") else np.asarray(x)


def conj(x: Any) -> Any:
    """Return the complex conjugate: `x` itself where it is real, and no copy of it."""
    return np.conj(x) if np.iscomplexobj(x) else x


def adjoint(x: Any) -> Any:
    """Return the conjugate transpose of each matrix."""
    return np.swapaxes(conj(x), -1, -2)


def column(x: Any) -> Any:
    """Return each vector as a matrix of one column."""
    return x[..., :, None]


def row(x: Any) -> Any:
    """Return each vector as a matrix of one row."""
    return x[..., None, :]


def diagonal_matrix(x: Any) -> Any:
    """Return a diagonal matrix for each vector."""
    return column(x) * np.eye(x.shape[-1])


def read_from_one_triangle(dzdx: Any, *, lower: bool) -> Any:
    """Return the gradient by the entries that a function of Hermitian matrices reads.

    Parameters
    ----------
    dzdx : ndarray, shape (..., n, n)
        Cotangent of the whole matrix, as if its entries were independent.
    lower : bool
        Whether the function reads the lower triangle, and takes the other to be its adjoint.

    Returns
    -------
    ndarray, shape (..., n, n)
        What is due to the triangle that is not read is moved to the one that is.
    """
    n = dzdx.shape[-1]
    whole = dzdx + adjoint(dzdx)
    weights = np.tril(np.ones((n, n)), -1) + 0.5 * np.eye(n)
    return whole * (weights if lower else weights.T)


def summed_to(dzdx: Any, shape: tuple[int, ...]) -> Any:
    """Return `dzdx` summed over the axes along which a value of `shape` was broadcast."""
    extra = dzdx.ndim - len(shape)
    stretched = tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and dzdx.shape[extra + i] != 1
    )
    axes = (*range(extra), *stretched)
    return np.reshape(np.sum(dzdx, axis=axes), shape) if axes else dzdx
