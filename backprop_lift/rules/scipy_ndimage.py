"""`scipy.ndimage`: linear filters, and linear interpolation at coordinates.

Every filter here is a correlation with a kernel: the array is extended at its edges by an index,
and shifted copies of it are added. The value is scipy's.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import ndimage

from .._bvar import has_bvar
from .._lift import lifted, no_grad
from ..errors import NoGradientError
from ._correlation import correlated
from ._implicit import plain, settled, with_value

__all__: list[str] = []


def _refused(original: Any, why: str) -> NoGradientError:
    return NoGradientError(
        f"scipy.ndimage.{original.__name__} has no gradient here.",
        "Write value_of(...) around its arguments where a constant is meant.",
        why=why,
    )


def _axes(x: Any, axes: Any) -> tuple[int, ...]:
    n = np.ndim(x)
    given = range(n) if axes is None else np.atleast_1d(axes)
    return tuple(int(i) % n for i in given)


def _flipped(weights: Any, origin: Any, k: int) -> tuple[Any, list[int]]:
    """The kernel and origins with which a convolution is a correlation."""
    origins = [origin] * k if np.ndim(origin) == 0 else list(origin)
    shape = np.shape(weights)
    turned = [-o - (1 - size % 2) for o, size in zip(origins, shape, strict=True)]
    return weights[(slice(None, None, -1),) * k], turned


def _filter(original: Any, wrt: tuple[str, ...], samples: Any) -> Callable[[Any], Any]:
    """Register a formula as the twin of a filter; it gets its arguments by name."""
    signature = inspect.signature(original)

    def register(formula: Any) -> Any:
        @functools.wraps(original)
        def twin(*args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            if given.pop("output", None) is not None:
                raise _refused(original, "an output is given")
            given.update({name: settled(given[name]) for name in wrt})
            if any(has_bvar(value) for name, value in given.items() if name not in wrt):
                raise _refused(original, f"only {' and '.join(wrt)} may be BVars")
            value = original(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
            return with_value(formula(**given), value, f"scipy.ndimage.{original.__name__}")

        lifted(twin=twin, wrt=wrt, samples=samples)(original)
        return formula

    return register


_MODES: Final = ("reflect", "constant", "nearest", "mirror", "wrap")


def _line_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, w = rng.normal(size=(3, 6)), rng.normal(size=4)
    return [
        (x[0], w[:3]), (x, w, 0), *((x, w, 1, None, mode, 0.3) for mode in _MODES),
        (x, w, -1, None, "wrap", 0.0, -1), (x, w[:3], -1, None, "nearest", 0.0, 1),
    ]  # fmt: skip


def _kernel_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, w = rng.normal(size=(4, 6)), rng.normal(size=(2, 3))
    return [
        (x[0], w[0]), (x, w), *((x, w, None, mode, 0.3) for mode in _MODES),
        (x, w, None, "reflect", 0.0, (-1, 1)),
    ]  # fmt: skip


@_filter(ndimage.correlate1d, ("input", "weights"), _line_samples)
def _correlate1d(input: Any, weights: Any, axis: Any, mode: Any, cval: Any, origin: Any) -> Any:
    return correlated(input, weights, _axes(input, axis), mode, cval, origin)


@_filter(ndimage.convolve1d, ("input", "weights"), _line_samples)
def _convolve1d(input: Any, weights: Any, axis: Any, mode: Any, cval: Any, origin: Any) -> Any:
    kernel, origins = _flipped(weights, origin, 1)
    return correlated(input, kernel, _axes(input, axis), mode, cval, origins)


@_filter(ndimage.correlate, ("input", "weights"), _kernel_samples)
def _correlate(
    input: Any, weights: Any, mode: Any, cval: Any, origin: Any, axes: Any = None
) -> Any:
    return correlated(input, weights, _axes(input, axes), mode, cval, origin)


@_filter(ndimage.convolve, ("input", "weights"), _kernel_samples)
def _convolve(input: Any, weights: Any, mode: Any, cval: Any, origin: Any, axes: Any = None) -> Any:
    axes = _axes(input, axes)
    kernel, origins = _flipped(weights, origin, len(axes))
    return correlated(input, kernel, axes, mode, cval, origins)


def _gaussian_kernel(sigma: Any, order: int, radius: int) -> Any:
    """Samples of a Gaussian or of one of its derivatives, as a correlation takes them.

    The derivative of order n is the Gaussian times ``(-1/sigma)**n He_n(x / sigma)``.
    """
    x = np.arange(-radius, radius + 1)
    density = np.exp(-0.5 * (x / sigma) ** 2)
    density = density / np.sum(density)
    below, factor = np.zeros(len(x)), np.ones(len(x))
    for n in range(order):
        below, factor = factor, x / sigma * factor - n * below
    return factor * density / sigma**order


def _smoothed(
    x: Any, sigma: Any, axis: int, order: int, mode: Any, cval: Any, truncate: Any, radius: Any
) -> Any:
    radius = int(truncate * float(plain(sigma)) + 0.5) if radius is None else radius
    return correlated(x, _gaussian_kernel(sigma, order, radius), (axis,), mode, cval)


@_filter(
    ndimage.gaussian_filter1d,
    ("input", "sigma"),
    lambda rng: [
        (rng.normal(size=9), 1.3),
        (rng.normal(size=(9, 2)), 0.8, 0, 1),
        (rng.normal(size=(2, 9)), 0.8, -1, 2, None, "constant", 0.3),
    ],
)
def _gaussian_filter1d(
    input: Any, sigma: Any, axis: Any, order: Any, mode: Any, cval: Any, truncate: Any,
    radius: Any = None,
) -> Any:  # fmt: skip
    (axis,) = _axes(input, axis)
    return _smoothed(input, sigma, axis, order, mode, cval, truncate, radius)


@_filter(
    ndimage.gaussian_filter,
    ("input", "sigma"),
    lambda rng: [
        (rng.normal(size=(6, 7)), 0.9),
        (rng.normal(size=(6, 7)), np.array([0.9, 0.6]), (0, 1), None, "wrap"),
    ],
)
def _gaussian_filter(
    input: Any, sigma: Any, order: Any, mode: Any, cval: Any, truncate: Any, radius: Any = None,
    axes: Any = None,
) -> Any:  # fmt: skip
    axes = _axes(input, axes)

    def each(setting: Any) -> list[Any]:
        alone = isinstance(setting, str) or np.ndim(setting) == 0
        return [setting] * len(axes) if alone else list(setting)

    for axis, s, o, m, r in zip(
        axes, each(sigma), each(order), each(mode), each(radius), strict=True
    ):
        input = _smoothed(input, s, axis, o, m, cval, truncate, r)
    return input


def _uniform(x: Any, size: int, axis: int, mode: Any, cval: Any, origin: int) -> Any:
    return correlated(x, np.full(size, 1 / size), (axis,), mode, cval, origin)


@_filter(
    ndimage.uniform_filter1d,
    ("input",),
    lambda rng: [(rng.normal(size=9), 3), (rng.normal(size=(9, 2)), 4, 0, None, "nearest")],
)
def _uniform_filter1d(input: Any, size: Any, axis: Any, mode: Any, cval: Any, origin: Any) -> Any:
    (axis,) = _axes(input, axis)
    return _uniform(input, size, axis, mode, cval, origin)


@_filter(
    ndimage.uniform_filter,
    ("input",),
    lambda rng: [(rng.normal(size=(6, 7)),), (rng.normal(size=(6, 7)), (2, 3))],
)
def _uniform_filter(
    input: Any, size: Any, mode: Any, cval: Any, origin: Any, axes: Any = None
) -> Any:
    axes = _axes(input, axes)
    sizes = [size] * len(axes) if np.ndim(size) == 0 else list(size)
    for axis, n in zip(axes, sizes, strict=True):
        input = _uniform(input, n, axis, mode, cval, origin)
    return input


def _picture(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(rng.normal(size=(5, 6)),), (rng.normal(size=(5, 6)), 0, None, "nearest")]


def _difference(input: Any, axis: Any, mode: Any, cval: Any, smoothing: Any) -> Any:
    (axis,) = _axes(input, axis)
    found = correlated(input, np.array([-1.0, 0.0, 1.0]), (axis,), mode, cval)
    for other in range(np.ndim(input)):
        if other != axis:
            found = correlated(found, smoothing, (other,), mode, cval)
    return found


@_filter(ndimage.sobel, ("input",), _picture)
def _sobel(input: Any, axis: Any, mode: Any, cval: Any) -> Any:
    return _difference(input, axis, mode, cval, np.array([1.0, 2.0, 1.0]))


@_filter(ndimage.prewitt, ("input",), _picture)
def _prewitt(input: Any, axis: Any, mode: Any, cval: Any) -> Any:
    return _difference(input, axis, mode, cval, np.array([1.0, 1.0, 1.0]))


@_filter(ndimage.laplace, ("input",), lambda rng: [(rng.normal(size=(5, 6)),)])
def _laplace(input: Any, mode: Any, cval: Any, axes: Any = None) -> Any:
    kernel = np.array([1.0, -2.0, 1.0])
    return sum(correlated(input, kernel, (axis,), mode, cval) for axis in _axes(input, axes))


@_filter(
    ndimage.map_coordinates,
    ("input", "coordinates"),
    lambda rng: [
        (rng.normal(size=(5, 6)), rng.uniform(0.1, 3.9, size=(2, 4)), None, 1),
        (rng.normal(size=7), rng.uniform(0.1, 5.9, size=(1, 2, 2)), None, 1, "nearest"),
    ],
)
def _map_coordinates(
    input: Any, coordinates: Any, order: Any, mode: Any, cval: Any, prefilter: Any
) -> Any:
    """Linear interpolation between the items around each point, which lies within the array."""
    if order != 1:
        raise _refused(ndimage.map_coordinates, "only order=1 has one")
    at = plain(coordinates)
    corners, weights = [], []
    for axis, n in enumerate(np.shape(input)):
        low = np.clip(np.floor(at[axis]).astype(int), 0, max(n - 2, 0))
        part = coordinates[axis] - low
        corners.append((low, np.minimum(low + 1, n - 1)))
        weights.append((1 - part, part))
    total: Any = 0.0
    for choice in itertools.product((0, 1), repeat=len(corners)):
        item = input[tuple(corners[i][side] for i, side in enumerate(choice))]
        for i, side in enumerate(choice):
            item = weights[i][side] * item
        total = total + item
    return total


for _name in (
    "affine_transform", "zoom", "rotate", "shift", "spline_filter", "spline_filter1d",
    "geometric_transform", "median_filter", "maximum_filter", "minimum_filter",
    "percentile_filter", "rank_filter", "generic_filter",
):  # fmt: skip
    no_grad("nobody has written it")(getattr(ndimage, _name))
