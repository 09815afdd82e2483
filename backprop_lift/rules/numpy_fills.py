"""Rules of functions that fill arrays: padding, ranges, and writing into what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar import has_bvar
from .._lift import lifted
from .._registry import dotted_name, twin_of
from .._space import ZERO
from ..errors import ConversionError, UnhandledParameterError
from ._arrays import (
    array_of,
    by_hand,
    calls,
    is_discrete,
    numbered,
    plain,
)
from ._matrices import summed_to
from .numpy_shapes import astype

__all__: list[str] = []


# Padding


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return the number of elements before and after, for each axis."""
    if isinstance(pad_width, dict):  # numpy 2.3
        pairs = np.zeros((ndim, 2), int)
        for axis, width in pad_width.items():
            pairs[axis] = width
        pad_width = pairs
    return [(int(i), int(j)) for i, j in np.broadcast_to(pad_width, (ndim, 2))]


def _end(x: Any, axis: int, side: int, length: int = 1) -> Any:
    """Return so many elements at one end of an axis."""
    n = np.shape(x)[axis]
    return x[(*(slice(None),) * axis, slice(length) if side == 0 else slice(max(n - length, 0), n))]


def _repeated(x: Any, axis: int, count: int) -> Any:
    shape = np.shape(x)
    return np.broadcast_to(x, (*shape[:axis], count, *shape[axis + 1 :]))


def _constant_pad(x: Any, axis: int, side: int, width: int, setting: Any) -> Any:
    return _repeated(np.broadcast_to(setting, np.shape(_end(x, axis, side))), axis, width)


def _ramp_pad(x: Any, axis: int, side: int, width: int, setting: Any) -> Any:
    edge = np.squeeze(_end(x, axis, side), axis)
    ramp = np.linspace(setting, edge, width, endpoint=False, axis=axis)
    return ramp if side == 0 else np.flip(ramp, axis)


def _statistic_pad(statistic: Any) -> Callable[..., Any]:
    def pad(x: Any, axis: int, side: int, width: int, setting: Any) -> Any:
        length = np.shape(x)[axis] if setting is None else int(setting)
        return _repeated(
            statistic(_end(x, axis, side, length), axis=axis, keepdims=True), axis, width
        )

    return pad


_PADS: dict[str, tuple[str, Any, Any]] = {  # mode: the name and default of its setting, its pad
    "constant": ("constant_values", 0, _constant_pad),
    "empty": ("", 0, _constant_pad),
    "linear_ramp": ("end_values", 0, _ramp_pad),
    "maximum": ("stat_length", None, _statistic_pad(np.max)),
    "mean": ("stat_length", None, _statistic_pad(np.mean)),
    "median": ("stat_length", None, _statistic_pad(np.median)),
    "minimum": ("stat_length", None, _statistic_pad(np.min)),
}


def _pad_axis(x: Any, axis: int, widths: tuple[int, int], pad: Any, settings: Any) -> Any:
    before, after = (
        [pad(x, axis, side, width, settings[axis, side])] if width else []
        for side, width in enumerate(widths)
    )
    if not before and not after:
        return x
    return np.concatenate([*before, x, *after], axis, dtype=np.result_type(x), casting="unsafe")


def _padded(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a = rng.normal(size=(3, 4))
    return [
        *((a, ((2, 1), (0, 3)), mode) for mode in _PADS if mode != "empty"),
        *((a, (2, 5), mode) for mode in ("edge", "reflect", "symmetric", "wrap")),
    ]


def _surrounded(x: Any, widths: Any, constant_values: Any = 0) -> Any:
    """Return `x` padded by constants."""
    return np.pad(x, widths, constant_values=constant_values)


def _surrounded_grad(dzdy: Any, x: Any, widths: Any) -> Any:
    pairs = zip(widths, np.shape(x), strict=True)
    return dzdy[tuple(slice(before, before + n) for (before, _), n in pairs)]


lifted(
    grad={"x": _surrounded_grad},
    ignores=("constant_values",),
    complex=True,
    samples=calls(([(1, 0), (0, 2), (3, 1)], 2)),
)(_surrounded)


@by_hand(np.pad, samples=_padded)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """Pad one axis after the other, as the original does."""
    if callable(mode):
        raise ConversionError(
            "numpy.pad was given a BVar, and a function that writes into a plain array.",
            "Pad with mode='constant', and assign what the function computes to v[...].",
        )
    x = array_of(array)
    widths = _widths(pad_width, x.ndim)
    if mode == "constant" and not has_bvar(kwargs):
        return twin_of(_surrounded)(x, widths, **kwargs)
    if mode in _PADS:
        name, default, pad = _PADS[mode]
        settings = np.broadcast_to(array_of(kwargs.pop(name, default)), (x.ndim, 2))
        if kwargs:
            raise ValueError(f"unsupported keyword arguments for mode '{mode}': {set(kwargs)}")
        for axis, pair in enumerate(widths):
            x = _pad_axis(x, axis, pair, pad, settings)
        return x
    if kwargs.get("reflect_type", "even") == "even":
        return np.ravel(x)[np.pad(numbered(x), widths, mode, **kwargs)]
    for axis, pair in enumerate(widths):  # reflected about the edge: a linear map of each axis
        weights = np.pad(np.eye(np.shape(x)[axis]), (pair, (0, 0)), mode, **kwargs)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


# Filling


@by_hand(
    np.full_like,
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), 1.5),
        (rng.normal(size=(2, 3)), rng.normal(size=3)),
        (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
    ],
)
def _full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    **device: Any,
) -> Any:
    settings: Any = (dtype, order, subok, shape)
    if not has_bvar(fill_value):
        return np.full_like(plain(a), fill_value, *settings, **device)
    like = np.empty_like(plain(a), *settings, **device)
    return astype(np.broadcast_to(array_of(fill_value), like.shape), like.dtype)


def _ends(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (0.5, 2.5, 4),
        (rng.uniform(1, 2, size=(3, 2)), rng.uniform(3, 4, size=2), 5, False),
        (1.5, 2.0, 1),
    ]


def _linspace_grads(at_start: float, at_stop: float) -> Callable[..., Any]:
    """Return the rule of one end, whose part in the results changes evenly between these."""

    def end_grad(
        dzdy: Any,
        start: Any,
        stop: Any,
        num: int,
        endpoint: bool,
        retstep: bool,
        dtype: Any,
        axis: int,
    ) -> Any:
        if is_discrete(dtype):
            return ZERO
        dzdy, dzdstep = dzdy if retstep else (dzdy, 0.0)
        rows = np.moveaxis(dzdy, axis, 0)
        parts = np.linspace(at_start, at_stop, num, endpoint)
        total = np.tensordot(parts, rows, 1)
        intervals = num - 1 if endpoint else num
        if retstep and intervals > 0:
            total = total + dzdstep * (at_stop - at_start) / intervals
        return summed_to(total, np.shape(start if at_start else stop))

    return end_grad


lifted(
    grad={"start": _linspace_grads(1.0, 0.0), "stop": _linspace_grads(0.0, 1.0)},
    complex=True,
    samples=lambda rng: [
        *_ends(rng),
        (0.5, rng.normal(size=(2, 3)), 5, True, True, {"axis": 1}),
        (rng.normal(size=2), 2.5, 4, False, True),
        (0.5 + 1j, 2.5 - 1j, 4),
    ],
)(np.linspace)


@by_hand(np.logspace, samples=_ends)
def _logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    if np.ndim(base):
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (
            np.reshape(x, (*(1,) * (ndim - np.ndim(x)), *np.shape(x))) for x in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    y = np.power(base, np.linspace(start, stop, num, endpoint=endpoint, axis=axis))
    return y if dtype is None else astype(y, dtype)


@by_hand(np.geomspace, samples=_ends)
def _geomspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    start, stop = array_of(start), array_of(stop)
    if np.iscomplexobj(start) or np.iscomplexobj(stop):
        raise UnhandledParameterError(
            "numpy.geomspace was given complex values, for which its twin is not written.",
            "Write np.exp(np.linspace(np.log(start), np.log(stop), num)).",
        )
    if np.any(plain(start) == 0) or np.any(plain(stop) == 0):
        raise ValueError("Geometric sequence cannot include zero")
    sign = np.sign(plain(start))
    logs = np.log10(start * sign), np.log10(stop * sign)
    y = np.logspace(*logs, num, endpoint) * sign
    shape = np.shape(y)[1:]
    first, last = (np.reshape(np.broadcast_to(x, shape), (1, *shape)) for x in (start, stop))
    if num > 1:  # the ends are exact
        y = np.concatenate([first, y[1:-1], last] if endpoint else [first, y[1:]])
    y = np.moveaxis(y, 0, axis)
    return y if dtype is None else astype(y, dtype)


# Writing: to a BVar it is an assignment of items, a plain array cannot hold BVars


def _refuse_plain(original: Any, target: Any, remedy: str) -> None:
    if isinstance(target, np.ndarray):
        raise ConversionError(
            f"{dotted_name(original)} cannot write a BVar into a plain array: "
            "its gradient would be lost.",
            f"Write {remedy}.",
        )


@by_hand(np.copyto)
def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    _refuse_plain(np.copyto, dst, "dst = np.where(where, src, dst)")
    dst[...] = src if where is True else np.where(where, src, dst)


@by_hand(np.put)
def _put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    _refuse_plain(np.put, a, "np.where with a mask, or np.concatenate of the parts")
    writer = np.full(np.shape(a), -1)  # of each element: which of the values is written last
    np.put(writer, plain(ind), np.arange(np.size(ind)), mode)
    if np.size(ind):
        a[writer >= 0] = np.resize(array_of(v), np.size(ind))[writer[writer >= 0]]


@by_hand(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    _refuse_plain(np.place, arr, "arr = np.where(mask, vals, arr)")
    mask = np.reshape(np.asarray(plain(mask), bool), np.shape(arr))
    arr[mask] = np.resize(array_of(vals), np.count_nonzero(mask))


@by_hand(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    _refuse_plain(np.putmask, a, "a = np.where(mask, values, a)")
    mask = np.reshape(np.asarray(plain(mask), bool), np.shape(a))
    a[mask] = np.resize(array_of(values), np.shape(a))[mask]


@by_hand(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    _refuse_plain(np.put_along_axis, arr, "np.where with a mask, or v[i] = w on a BVar v")
    place = np.take_along_axis(numbered(arr), plain(indices), axis)
    _put(arr, place.ravel(), np.ravel(np.broadcast_to(array_of(values), place.shape)))


@by_hand(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    _refuse_plain(np.fill_diagonal, a, "a = np.where(np.eye(*a.shape, dtype=bool), val, a)")
    mask = np.zeros(np.shape(a), bool)
    np.fill_diagonal(mask, True, wrap)
    a[mask] = np.resize(array_of(val), np.count_nonzero(mask))
