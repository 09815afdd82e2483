"""numpy.linalg: norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .._lift import lifted
from .._space import ZERO
from ._matrices import Samples, array_like, complex_normal, rectangular_samples, row

__all__: list[str] = []


def _nonzero(x: Any) -> Any:
    return np.where(x == 0, 1.0, x)


def _norm_grad(
    dzdy: Any,
    x: Any,
    result: Any,
    ord: Any,
    axis: Any,
    keepdims: bool,
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


def _vector_norm_slope(dzdy: Any, x: Any, norm: Any, ord: Any, axes: Any) -> Any:
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


def _matrix_norm_slope(dzdy: Any, x: Any, norm: Any, ord: Any, axes: Any) -> Any:
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
        *((complex_normal(rng, 4), order) for order in vector_orders),
        *((complex_normal(rng, 3, 4), order) for order in matrix_orders),
    ]


lifted(grad=_norm_grad, wrt="x", complex=True, samples=_norm_samples)(np.linalg.norm)


def _vector_norm(
    x: Any,
    /,
    *,
    axis: Any = None,
    keepdims: bool = False,
    ord: Any = 2,
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


def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


lifted(
    twin=_vector_norm,
    samples=lambda rng: [
        *rectangular_samples(rng),
        (rng.normal(size=(2, 3, 4)), {"axis": (0, -1), "ord": 3}),
        (rng.normal(size=(2, 3, 4)), {"axis": -2, "keepdims": True}),
        (rng.normal(size=(2, 3)), {"keepdims": True, "ord": 1}),
    ],
)(np.linalg.vector_norm)
lifted(
    twin=_matrix_norm,
    samples=lambda rng: [
        *rectangular_samples(rng),
        (rng.normal(size=(2, 3, 4)), {"ord": "nuc", "keepdims": True}),
    ],
)(np.linalg.matrix_norm)


def _cond(x: Any, p: Any = None) -> Any:
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        with np.errstate(divide="ignore", invalid="ignore"):
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    norm = functools.partial(np.linalg.norm, ord=p, axis=(-2, -1))
    return norm(x) * norm(np.linalg.inv(x))


def _cond_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(2, 3, 3))
    return [(a,), (rng.normal(size=(3, 2)),), *((a, p) for p in (2, -2, 1, -1, math.inf, "fro"))]


lifted(twin=_cond, wrt=("x",), samples=_cond_samples)(np.linalg.cond)
