"""Products of vectors, matrices and tensors: matmul, dot, tensordot, kron, cross and their kin.

``y = a @ b`` has ``dzda = dzdy @ b^H`` and ``dzdb = a^H @ dzdy``; the rest is bookkeeping of axes.

References
----------
M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
automatic differentiation", Oxford NA-08/01 (2008), section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._lift import lifted
from ._matrices import Samples, adjoint, array_like, column, conj, row, summed_to

__all__: list[str] = []

Calls = Callable[[np.random.Generator], Samples]


def _pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Calls:
    """Samples of two operands: real ones of all `shapes`, complex ones of the first three."""

    def samples(rng: np.random.Generator) -> Samples:
        real = [(rng.normal(size=m), rng.normal(size=n)) for m, n in shapes]
        return [*real, *((a * (1 - 0.5j), b * (0.3 + 1j)) for a, b in real[:3])]

    return samples


def _with_settings(*settings: dict[str, Any]) -> Callable[[Calls], Calls]:
    """Samples once as they are and once with each of some keyword arguments."""
    return lambda samples: (
        lambda rng: [
            *samples(rng),
            *((*samples(rng)[0], given) for given in settings),
        ]
    )


# Below this size of the result, column times row is fastest by BLAS; above it by einsum, which
# takes half the time of np.outer.
_LARGE_OUTER = 20_000


def _outer(u: Any, v: Any) -> Any:
    if u.size * v.size < _LARGE_OUTER:
        return np.dot(u[:, None], v[None, :])
    return np.einsum("i,j->ij", u, v)


# Matrix products. The short cases come first, since everything else is slower than they are.


def _matmul_x1_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    x1, x2 = array_like(x1), array_like(x2).conj()
    n1, n2 = x1.ndim, x2.ndim
    if n2 == 1:
        if n1 == 2:
            return _outer(dzdy, x2)
        return dzdy * x2 if n1 == 1 else column(dzdy) * x2
    if n1 == 1:
        return x2 @ dzdy if n2 == 2 else summed_to((x2 @ column(dzdy))[..., 0], x1.shape)
    if n1 == n2 == 2:
        return dzdy @ x2.T
    return summed_to(dzdy @ np.swapaxes(x2, -1, -2), x1.shape)


def _matmul_x2_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    x1, x2 = array_like(x1).conj(), array_like(x2)
    n1, n2 = x1.ndim, x2.ndim
    if n1 == 1:
        if n2 == 1:
            return dzdy * x1
        return _outer(x1, dzdy) if n2 == 2 else column(x1) * row(dzdy)
    if n2 > 2:
        return summed_to(np.swapaxes(x1, -1, -2) @ dzdy, x2.shape)
    if n1 > 2:  # one matrix for the whole batch: a single product instead of a sum of products
        x1 = x1.reshape(-1, x1.shape[-1])
        dzdy = dzdy.reshape(-1, *x2.shape[1:])
    return dzdy.dot(x1) if n2 == 1 else x1.T @ dzdy


_matmul_samples = _pairs(
    ((2, 3), (3, 4)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((3,), (3,)),
    ((5, 2, 3), (3,)),
    ((2,), (5, 2, 3)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
)
for _matmul in (np.matmul, np.linalg.matmul):
    lifted(
        grad={"x1": _matmul_x1_grad, "x2": _matmul_x2_grad}, complex=True, samples=_matmul_samples
    )(_matmul)


def _matvec_x2_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    return summed_to((adjoint(x1) @ column(dzdy))[..., 0], np.shape(x2))


def _vecmat_x1_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    return summed_to((array_like(x2) @ column(conj(dzdy)))[..., 0], np.shape(x1))


def _vecdot_x1_grad(dzdy: Any, x1: Any, x2: Any, axis: int) -> Any:
    v1, v2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    dzdv1 = np.expand_dims(conj(dzdy), -1) * v2
    return np.moveaxis(summed_to(dzdv1, v1.shape), -1, axis)


def _vecdot_x2_grad(dzdy: Any, x1: Any, x2: Any, axis: int) -> Any:
    return _vecdot_x1_grad(conj(dzdy), x2, x1, axis)


_VECTOR_PRODUCTS = {
    "matvec": (
        {
            "x1": lambda dzdy, x1, x2: summed_to(
                column(dzdy) * row(conj(array_like(x2))), np.shape(x1)
            ),
            "x2": _matvec_x2_grad,
        },
        _pairs(((2, 3), (3,)), ((5, 2, 3), (5, 3)), ((2, 3), (5, 3)), ((5, 1, 2, 3), (4, 3))),
    ),
    "vecmat": (
        {
            "x1": _vecmat_x1_grad,
            "x2": lambda dzdy, x1, x2: summed_to(column(array_like(x1)) * row(dzdy), np.shape(x2)),
        },
        _pairs(((2,), (2, 3)), ((5, 2), (5, 2, 3)), ((5, 2), (2, 3)), ((4, 2), (5, 1, 2, 3))),
    ),
    "vecdot": (
        {"x1": _vecdot_x1_grad, "x2": _vecdot_x2_grad},
        _with_settings({"axis": 0})(
            _pairs(((2, 3), (2, 3)), ((3,), (3,)), ((2, 3), (3,)), ((4, 1, 3), (2, 3)))
        ),
    ),
}
for _name, (_grads, _samples) in _VECTOR_PRODUCTS.items():
    if hasattr(np, _name):  # vecdot came with numpy 2.0, the others with 2.2
        lifted(
            grad=_grads,
            complex=True,
            samples=_samples,
            signature="x1, x2, /, *, axis=-1" if _name == "vecdot" else None,
        )(getattr(np, _name))


# Products over chosen axes


def _contracted(
    axes: Any, a_ndim: int, b_ndim: int
) -> tuple[list[int], list[int], list[int], list[int]]:
    """The axes of `numpy.tensordot`: free ones of a, contracted ones of a and b, free ones of b."""
    if isinstance(axes, Sequence) or np.ndim(axes):
        of_a, of_b = ([int(i) for i in np.atleast_1d(one)] for one in axes)
    else:
        of_a, of_b = list(range(-int(axes), 0)), list(range(int(axes)))
    of_a, of_b = [i % a_ndim for i in of_a], [i % b_ndim for i in of_b]
    return (
        [i for i in range(a_ndim) if i not in of_a],
        of_a,
        of_b,
        [i for i in range(b_ndim) if i not in of_b],
    )


def _tensordot_a_grad(dzdy: Any, a: Any, b: Any, axes: Any) -> Any:
    free_a, of_a, of_b, free_b = _contracted(axes, np.ndim(a), np.ndim(b))
    after = range(len(free_a), len(free_a) + len(free_b))
    dzda = np.tensordot(dzdy, conj(b), axes=(list(after), free_b))
    order = free_a + [of_a[i] for i in np.argsort(of_b, kind="stable")]
    return np.transpose(dzda, np.argsort(order))


def _tensordot_b_grad(dzdy: Any, a: Any, b: Any, axes: Any) -> Any:
    free_a, of_a, of_b, free_b = _contracted(axes, np.ndim(a), np.ndim(b))
    dzdb = np.tensordot(conj(a), dzdy, axes=(free_a, list(range(len(free_a)))))
    order = [of_b[i] for i in np.argsort(of_a, kind="stable")] + free_b
    return np.transpose(dzdb, np.argsort(order))


def _tensordot_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5, 3))
    return [
        (a, b, ([1, 2], [2, 0])),
        (a, b, ([-1], [0])),
        (a, b, (2, 0)),
        (a, rng.normal(size=(3, 4, 5))),
        (a, rng.normal(size=(4, 5)), 1),
        (a, rng.normal(size=5), 0),
        (a * (1 + 2j), b * (0.5 - 1j), ([2, 1], [0, 2])),
    ]


lifted(
    grad={"a": _tensordot_a_grad, "b": _tensordot_b_grad}, complex=True, samples=_tensordot_samples
)(np.tensordot)


def _dot_axes(a: Any, b: Any) -> tuple[list[int], list[int]]:
    return [-1], [-2 if np.ndim(b) > 1 else -1]


def _dot_a_grad(dzdy: Any, a: Any, b: Any) -> Any:
    n = np.ndim(a), np.ndim(b)
    if 0 in n:
        return dzdy * conj(b)
    if max(n) < 3:
        return _matmul_x1_grad(dzdy, a, b)
    return _tensordot_a_grad(dzdy, a, b, _dot_axes(a, b))


def _dot_b_grad(dzdy: Any, a: Any, b: Any) -> Any:
    n = np.ndim(a), np.ndim(b)
    if 0 in n:
        return dzdy * conj(a)
    if max(n) < 3:
        return _matmul_x2_grad(dzdy, a, b)
    return _tensordot_b_grad(dzdy, a, b, _dot_axes(a, b))


lifted(
    grad={"a": _dot_a_grad, "b": _dot_b_grad},
    complex=True,
    samples=_pairs(
        ((3,), (3,)),
        ((2, 3), (3, 4)),
        ((2, 3), (3,)),
        ((2,), (2, 3)),
        ((), ()),
        ((2, 3), ()),
        ((), (3,)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((6, 2, 3), (5, 3, 4)),
    ),
)(np.dot)

_LAST = [-1], [-1]
lifted(
    grad={
        "a": lambda dzdy, a, b: (
            _tensordot_a_grad(dzdy, a, b, _LAST) if np.ndim(a) and np.ndim(b) else dzdy * conj(b)
        ),
        "b": lambda dzdy, a, b: (
            _tensordot_b_grad(dzdy, a, b, _LAST) if np.ndim(a) and np.ndim(b) else dzdy * conj(a)
        ),
    },
    complex=True,
    samples=_pairs(
        ((3,), (3,)),
        ((2, 3), (4, 3)),
        ((5, 2, 3), (3,)),
        ((3,), (2, 4, 3)),
        ((2, 3), ()),
        ((), (3,)),
    ),
)(np.inner)

lifted(
    grad={
        "a": lambda dzdy, a, b: conj(dzdy) * np.reshape(b, np.shape(a)),
        "b": lambda dzdy, a, b: dzdy * np.reshape(a, np.shape(b)),
    },
    complex=True,
    samples=_pairs(((3,), (3,)), ((2, 3), (3, 2)), ((2, 3), (6,))),
)(np.vdot)


def _outer_a_grad(dzdy: Any, a: Any, b: Any) -> Any:
    return np.reshape(dzdy @ np.ravel(conj(b)), np.shape(a))


def _outer_b_grad(dzdy: Any, a: Any, b: Any) -> Any:
    return np.reshape(np.ravel(conj(a)) @ dzdy, np.shape(b))


lifted(
    grad={"a": _outer_a_grad, "b": _outer_b_grad},
    complex=True,
    samples=_pairs(((2,), (3,)), ((2, 3), (4,)), ((3,), (2, 2)), ((), (3,))),
)(np.outer)


def _kron_blocks(dzdy: Any, a: Any, b: Any) -> tuple[Any, Any, Any, list[int], list[int]]:
    """The cotangent with one axis for each axis of a and of b, and both filled up to its rank."""
    n = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (n - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (n - np.ndim(b)) + np.shape(b))
    sizes = [size for pair in zip(a.shape, b.shape, strict=True) for size in pair]
    return np.reshape(dzdy, sizes), a, b, list(range(0, 2 * n, 2)), list(range(1, 2 * n, 2))


def _kron_a_grad(dzdy: Any, a: Any, b: Any) -> Any:
    blocks, _, filled_b, _, of_b = _kron_blocks(dzdy, a, b)
    return np.reshape(
        np.tensordot(blocks, conj(filled_b), axes=(of_b, list(range(len(of_b))))), np.shape(a)
    )


def _kron_b_grad(dzdy: Any, a: Any, b: Any) -> Any:
    blocks, filled_a, _, of_a, _ = _kron_blocks(dzdy, a, b)
    return np.reshape(
        np.tensordot(conj(filled_a), blocks, axes=(list(range(len(of_a))), of_a)), np.shape(b)
    )


lifted(
    grad={"a": _kron_a_grad, "b": _kron_b_grad},
    complex=True,
    samples=_pairs(
        ((2, 3), (4, 5)),
        ((2,), (3,)),
        ((2, 3), (4,)),
        ((3,), (2, 4)),
        ((2, 1, 3), (2, 2)),
        ((), (2,)),
    ),
)(np.kron)


# Vectors in space


def _in_space(x: Any) -> Any:
    """Vectors of the plane with a third component, which is zero."""
    if x.shape[-1] == 3:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1))], axis=-1)


def _cross_parts(
    dzdy: Any, a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None
) -> tuple[Any, Any, Any, int, int]:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(array_like(a), axisa, -1), np.moveaxis(array_like(b), axisb, -1)
    if a.shape[-1] == b.shape[-1] == 2:
        dzdy = np.expand_dims(dzdy, -1) * np.array([0.0, 0.0, 1.0])
    else:
        dzdy = np.moveaxis(dzdy, axisc, -1)
    return dzdy, a, b, axisa, axisb


def _cross_a_grad(
    dzdy: Any, a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None
) -> Any:
    dzdy, a, b, axisa, _ = _cross_parts(dzdy, a, b, axisa, axisb, axisc, axis)
    dzda = np.cross(_in_space(conj(b)), dzdy)[..., : a.shape[-1]]
    return np.moveaxis(summed_to(dzda, a.shape), -1, axisa)


def _cross_b_grad(
    dzdy: Any, a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None
) -> Any:
    dzdy, a, b, _, axisb = _cross_parts(dzdy, a, b, axisa, axisb, axisc, axis)
    dzdb = np.cross(dzdy, _in_space(conj(a)))[..., : b.shape[-1]]
    return np.moveaxis(summed_to(dzdb, b.shape), -1, axisb)


def _cross_samples(rng: np.random.Generator) -> Samples:
    u, v, flat = rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    return [
        (u, u[::-1]),
        (v, u),
        (u, v),
        (v, flat),
        (flat, v),
        (v.T, v, 0, -1, 0),
        (v[:, None], rng.normal(size=(5, 3)), -1, -1, 1),
        (v.T, rng.normal(size=(3, 4)), -1, -1, -1, 0),
        (v * (1 + 2j), u * (2 - 1j)),
    ]


lifted(grad={"a": _cross_a_grad, "b": _cross_b_grad}, complex=True, samples=_cross_samples)(
    np.cross
)


# Traces


def _trace_grad(dzdy: Any, a: Any, offset: int, axis1: int, axis2: int) -> Any:
    shape = np.shape(a)
    places = np.eye(shape[axis1], shape[axis2], offset)
    return np.moveaxis(np.expand_dims(dzdy, (-2, -1)) * places, (-2, -1), (axis1, axis2))


def _trace_samples(rng: np.random.Generator) -> Samples:
    a = rng.normal(size=(3, 4, 5))
    return [(a[0],), (a,), (a, 1), (a, -1, 0, 2), (a, 2, -1, 1), (a[0] * (1 + 1j), 1)]


lifted(grad={"a": _trace_grad}, complex=True, samples=_trace_samples)(np.trace)


# The array API's names for some of these


def _matrices(rng: np.random.Generator) -> Samples:
    return [(rng.normal(size=(2, 3)),), (rng.normal(size=(5, 2, 3)) * (1 + 1j),)]


lifted(
    twin=lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1),
    samples=_with_settings({"offset": 1}, {"offset": -1})(_matrices),
)(np.linalg.diagonal)
lifted(
    twin=lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1, dtype),
    samples=_with_settings({"offset": 1}, {"offset": -1})(_matrices),
)(np.linalg.trace)
lifted(twin=lambda x, /: np.swapaxes(x, -1, -2), samples=_matrices)(np.linalg.matrix_transpose)
for _original, _grads, _samples in (
    (
        np.linalg.outer,
        {
            "x1": lambda dzdy, x1, x2: _outer_a_grad(dzdy, x1, x2),
            "x2": lambda dzdy, x1, x2: _outer_b_grad(dzdy, x1, x2),
        },
        _pairs(((2,), (3,))),
    ),
    (
        np.linalg.tensordot,
        {
            "x1": lambda dzdy, x1, x2, axes: _tensordot_a_grad(dzdy, x1, x2, axes),
            "x2": lambda dzdy, x1, x2, axes: _tensordot_b_grad(dzdy, x1, x2, axes),
        },
        _with_settings({"axes": ([1], [0])})(_pairs(((2, 3, 4), (3, 4, 5)))),
    ),
    (
        np.linalg.cross,
        {
            "x1": lambda dzdy, x1, x2, axis: _cross_a_grad(dzdy, x1, x2, -1, -1, -1, axis),
            "x2": lambda dzdy, x1, x2, axis: _cross_b_grad(dzdy, x1, x2, -1, -1, -1, axis),
        },
        _with_settings({"axis": 0})(_pairs(((3, 3), (3, 3)), ((4, 3), (4, 3)))),
    ),
    (
        np.linalg.vecdot,
        _VECTOR_PRODUCTS["vecdot"][0],
        _with_settings({"axis": 0}, {"axis": -2})(_pairs(((4, 3), (4, 3)), ((3,), (4, 3)))),
    ),
):
    lifted(grad=_grads, complex=True, samples=_samples)(_original)
