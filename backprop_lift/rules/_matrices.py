"""Matrices in the last two axes: adjoints, triangles, and sums over batches.

What the rules of linear algebra have in common, written in lifted functions throughout, so that
gradients of gradients pass through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar import rooted as plain
from .._registry import twin_of

__all__ = [
    "Samples",
    "adjoint",
    "array_like",
    "as_columns",
    "column",
    "complex_normal",
    "conj",
    "diagonal_matrix",
    "plain",
    "read_from_one_triangle",
    "rectangular_samples",
    "row",
    "square_samples",
    "summed_to",
    "through_twin",
]

Samples = list[tuple[Any, ...]]


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


def as_columns(b: Any, *solutions: Any) -> list[Any]:
    """Return solutions as matrices of columns, if the right-hand side `b` is one vector."""
    return [column(x) if np.ndim(b) == 1 else x for x in solutions]


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


def through_twin(original: Any) -> Callable[..., Any]:
    """Return a function that calls the twin of another, which is looked up at each call."""
    return lambda *args, **settings: twin_of(original)(*args, **settings)


def complex_normal(rng: np.random.Generator, *shape: int) -> Any:
    """Return normally distributed complex numbers, for samples."""
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def square_samples(rng: np.random.Generator) -> Samples:
    """Return calls with regular matrices: a real one, a stack and a complex one."""
    regular = 2 * np.eye(3)
    return [
        (rng.normal(size=(3, 3)) + regular,),
        (rng.normal(size=(2, 1, 3, 3)) + regular,),
        (complex_normal(rng, 3, 3) + regular,),
    ]


def rectangular_samples(rng: np.random.Generator) -> Samples:
    """Return calls with a tall matrix, a stack of wide ones and a complex one."""
    return [
        (rng.normal(size=(3, 2)),),
        (rng.normal(size=(4, 2, 3)),),
        (complex_normal(rng, 3, 2),),
    ]
