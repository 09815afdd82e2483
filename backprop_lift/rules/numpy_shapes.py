"""Rules of functions that change the shape, the axes or the dtype of an array.

The scaled gradient of a rearrangement is the inverse rearrangement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar.meeting import note_cast
from .._lift import lifted, locally_constant
from .._registry import twin_of
from ..errors import NoGradientError
from ._arrays import (
    array_of,
    by_hand,
    calls,
    is_discrete,
    named,
    numbered,
    plain,
    reshaped,
    scattered,
    shape_of,
)

__all__ = ["array_of", "astype", "plain"]

_original: Any  # of the families below, each registered in a loop


# Shapes


def _order(order: str, a: Any) -> Any:
    """Return the order of elements in an index, ``"C"`` or ``"F"``, that `order` means for `a`."""
    if order in ("A", "a"):
        return "F" if np.asarray(plain(a)).flags.fnc else "C"
    return order


def _reshape_grad(dzdy: Any, a: Any, order: str) -> Any:
    return np.reshape(dzdy, shape_of(a), _order(order, a))


def _ravel_grad(dzdy: Any, a: Any, order: str) -> Any:
    if order not in ("K", "k"):
        return np.reshape(dzdy, shape_of(a), _order(order, a))
    numbers = np.empty_like(plain(a), int)  # laid out in memory as `a` is
    numbers[...] = numbered(a)
    return scattered(dzdy, np.ravel(numbers, "K"), a)


lifted(
    grad={"a": _reshape_grad},
    ignores=named(np.reshape, "shape", "newshape", "copy"),
    complex=True,
    samples=calls(((4, 6),), (-1,), ((3, -1), "F")),
)(np.reshape)
lifted(grad=_ravel_grad, complex=True, samples=calls((), ("F",), ("A",), ("K",)))(np.ravel)

lifted(
    grad={"a": reshaped},
    ignores=("axis",),
    complex=True,
    samples=calls((), (0,), ((0, -2),), shape=(1, 3, 1, 4)),
)(np.squeeze)
lifted(
    grad={"a": reshaped},
    ignores=("axis",),
    complex=True,
    samples=calls((0,), (-1,), ((1, -1),)),
)(np.expand_dims)


def _rollaxis_grad(dzdy: Any, axis: int, start: int) -> Any:
    axis, start = axis % dzdy.ndim, start + dzdy.ndim if start < 0 else start
    return np.moveaxis(dzdy, start - (axis < start), axis)


def _transpose_grad(dzdy: Any, axes: Any) -> Any:
    if axes is None:
        return np.transpose(dzdy)
    return np.transpose(dzdy, np.argsort(np.mod(axes, dzdy.ndim)))


lifted(grad=_transpose_grad, complex=True, samples=calls((), ((2, 0, 1),), ((1, -1, 0),)))(
    np.transpose
)
lifted(grad=lambda dzdy: np.matrix_transpose(dzdy), complex=True, samples=calls(()))(
    np.matrix_transpose
)
lifted(
    grad={"a": lambda dzdy, axis1, axis2: np.swapaxes(dzdy, axis1, axis2)},
    complex=True,
    samples=calls((0, 2), (-1, 1)),
)(np.swapaxes)
lifted(
    grad={"a": lambda dzdy, source, destination: np.moveaxis(dzdy, destination, source)},
    complex=True,
    samples=calls((0, -1), ((0, 1), (-1, 0))),
)(np.moveaxis)
lifted(grad={"a": _rollaxis_grad}, complex=True, samples=calls((2,), (0, 3), (-1, 1), (1, -1)))(
    np.rollaxis
)

lifted(
    grad={"m": lambda dzdy, axis: np.flip(dzdy, axis)},
    complex=True,
    samples=calls((), (0,), ((0, -1),)),
)(np.flip)
lifted(grad=lambda dzdy: np.fliplr(dzdy), complex=True, samples=calls(()))(np.fliplr)
lifted(grad=lambda dzdy: np.flipud(dzdy), complex=True, samples=calls(()))(np.flipud)
lifted(
    grad={"m": lambda dzdy, k, axes: np.rot90(dzdy, -k, axes)},
    complex=True,
    samples=calls((), (3,), (-1, (2, 0))),
)(np.rot90)


def _roll_grad(dzdy: Any, shift: Any, axis: Any) -> Any:
    return np.roll(dzdy, np.negative(shift), axis)


lifted(
    grad={"a": _roll_grad},
    complex=True,
    samples=calls((2,), (-1, 1), ((1, 2), (0, -1)), (1, (0, 1))),
)(np.roll)

lifted(grad=lambda dzdy: dzdy, ignores=("order", "subok"), complex=True, samples=calls(()))(np.copy)


def _cast(x: Any, dtype: Any) -> Any:
    """Return `x` in a dtype of floats or complex numbers."""
    return (np.float64(x) if x.__class__ is float else x).astype(dtype)


lifted(
    grad={"x": lambda dzdy: dzdy},
    ignores=("dtype",),
    complex=True,
    samples=calls((complex,), (np.float32,)),
)(_cast)


def astype(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype; a plain array where that has no gradient.

    As objects, its elements stay what they are.
    """
    if np.dtype(dtype).kind == "O":
        if isinstance(dtype, type) and dtype is not object:
            raise NoGradientError(
                f"An array's conversion to {dtype.__name__} has no gradient.",
                f"Convert value_of(...) of it, or give it as an array of {dtype.__name__}.",
            )
        return np.copy(x)
    if is_discrete(dtype):
        note_cast(x, dtype)
        return np.asarray(plain(x)).astype(dtype)[()]
    return twin_of(_cast)(x, dtype)


if hasattr(np, "astype"):  # numpy 2.1

    @by_hand(np.astype, samples=calls((complex,), (np.float32,)))
    def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        return astype(x, dtype)


# Broadcasting


lifted(
    grad={"array": lambda dzdy: dzdy},
    ignores=("shape", "subok"),
    complex=True,
    samples=calls(((2, 3, 4),), ((5, 2, 3, 4),), shape=(3, 1)),
)(np.broadcast_to)


@by_hand(np.broadcast_arrays, samples=lambda rng: [(rng.normal(size=(3, 1)), rng.normal(size=4))])
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*(np.shape(array_of(x)) for x in args))
    return tuple(np.broadcast_to(x, shape) for x in args)


def _at_least(promoted: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[..., Any]:
    """Return a twin of `numpy.atleast_1d` or its kin, by what it does to a shape."""

    def at_least(*arys: Any) -> Any:
        arrays = tuple(np.reshape(x, promoted(np.shape(x))) for x in map(array_of, arys))
        return arrays[0] if len(arrays) == 1 else arrays

    return at_least


def _as_3d(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape, 1) if len(shape) == 1 else (*shape, *(1,) * (3 - len(shape)))


for _original, _promoted in {
    np.atleast_1d: lambda shape: shape or (1,),
    np.atleast_2d: lambda shape: (*(1,) * (2 - len(shape)), *shape),
    np.atleast_3d: _as_3d,
}.items():
    by_hand(
        _original,
        samples=lambda rng: [(1.5,), (rng.normal(size=3), rng.normal(size=(2, 3)))],
    )(_at_least(_promoted))


@by_hand(
    np.meshgrid,
    samples=lambda rng: [(rng.normal(size=3), rng.normal(size=(2, 2)), rng.normal(size=2))],
)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    places = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        places[:2] = 1, 0
    grids = tuple(
        np.reshape(x, tuple(-1 if i == place else 1 for i in range(len(xi))))
        for x, place in zip(xi, places, strict=True)
    )
    return grids if sparse else _broadcast_arrays(*grids)


@by_hand(np.ix_, samples=lambda rng: [(rng.normal(size=3), rng.normal(size=4))])
def _ix(*args: Any) -> Any:
    return tuple(
        x.nonzero()[0].reshape(shape) if x.dtype.kind == "b" else np.reshape(x, shape)
        for i, x in enumerate(map(array_of, args))
        for shape in [tuple(-1 if i == j else 1 for j in range(len(args)))]
    )


# Locally constant

for _original in (
    np.array2string,
    np.array_repr,
    np.array_str,
    np.can_cast,
    np.common_type,
    np.diag_indices_from,
    np.empty_like,
    np.isscalar,
    np.may_share_memory,
    np.min_scalar_type,
    np.ndim,
    np.ones_like,
    np.result_type,
    np.shape,
    np.shares_memory,
    np.size,
    np.tril_indices_from,
    np.triu_indices_from,
    np.zeros_like,
):
    locally_constant(_original)
