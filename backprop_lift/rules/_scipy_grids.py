"""Interpolation of `scipy.interpolate` between data on a regular grid, and between scattered points."""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np
from scipy import interpolate

from .._bvar import has_bvar
from .._lift import lifted, locally_constant
from .._registry import twin_of
from ._implicit import plain, settled, with_value
from ._interpolation import OWN, between, definer, method_twin, note_knots, refused
from ._scipy_splines import rectangle_data

__all__ = ["on_grid_of"]


def _coordinates(xi: Any, ndim: int) -> list[Any]:
    """The coordinates of the points, one array a dimension."""
    if isinstance(plain(xi), tuple):
        found = [settled(v) for v in xi]
        shape = np.broadcast_shapes(*map(np.shape, found))
        return [v if np.shape(v) == shape else v + np.zeros(shape) for v in found]
    xi = settled(xi)
    if np.ndim(xi) == 1 and ndim == 1:
        return [xi]
    return [xi[..., i] for i in range(ndim)]


def _on_grid(grid: Any, coordinates: list[Any], values: Any) -> Any:
    """Linear interpolation in each dimension."""
    shape = np.shape(coordinates[0])
    corners, weights = [], []
    for points, v in zip(grid, coordinates, strict=True):
        low = np.clip(np.searchsorted(points, plain(v), side="right") - 1, 0, len(points) - 2)
        part = (v - points[low]) / (points[low + 1] - points[low])
        corners.append((low, low + 1))
        weights.append((1 - part, part))
    trailing = np.ndim(values) - len(grid)
    total: Any = 0.0
    for choice in itertools.product((0, 1), repeat=len(corners)):
        weight: Any = 1.0
        for i, side in enumerate(choice):
            weight = weight * weights[i][side]
        at = values[tuple(corners[i][side] for i, side in enumerate(choice))]
        total = total + np.reshape(weight, shape + (1,) * trailing) * at
    return total


def _grid_spline_grad(dzdy: Any, xi: Any, f: Any, method: Any) -> Any:
    """By the spline's own derivatives in each dimension."""
    if has_bvar(xi):
        raise refused("The derivative of a spline on a grid", "nobody has written it")
    units = np.eye(len(f.grid), dtype=int)
    slopes = [_GridInterpolator.__call__(f, xi, method, nu=unit) for unit in units]
    slope = np.where(np.isfinite(slopes), slopes, 0.0)  # nan beyond the grid
    return np.moveaxis(dzdy * slope, 0, -1)


def _grid_spline(xi: Any, f: Any, method: Any) -> Any:
    """The value of a spline on a grid at points, shape (..., number of dimensions)."""
    return _GridInterpolator.__call__(f, xi, method)


lifted(grad={"xi": _grid_spline_grad}, into=OWN)(_grid_spline)


_GridInterpolator: Final = interpolate.RegularGridInterpolator


def _grid_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = rectangle_data(rng)
    wide = rng.normal(size=(6, 7, 2))
    points = np.stack([between(rng, x, 3), between(rng, y, 3)], axis=-1)
    make = interpolate.RegularGridInterpolator
    beyond = np.array([[x[0] - 1, 2.3], [2.1, 2.3]])
    return [
        (make((x, y), z), points),
        (make((x, y), z), (points[:, 0], points[:1, 1])),
        (make((x, y), wide), points),
        (make((x, y), z, "cubic"), points),
        (make((x, y), z), points, "slinear"),
        (make((x, y), z, bounds_error=False, fill_value=0.3), beyond),
        (make((x, y), z, bounds_error=False, fill_value=None), beyond),
    ]


@method_twin(interpolate.RegularGridInterpolator.__call__)
def _grid_interpolator(self: Any, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
    return on_grid_of(self, self.values, xi, method, nu)


lifted(twin=_grid_interpolator, wrt=("xi",), samples=_grid_samples)(
    interpolate.RegularGridInterpolator.__call__
)


def on_grid_of(self: Any, values: Any, xi: Any, method: Any, nu: Any) -> Any:
    """Its value at points, for data that may be BVars while the object has plain ones."""
    if nu is not None:
        raise refused("A derivative of a RegularGridInterpolator", "nobody has written it")
    value = _GridInterpolator.__call__(self, plain(xi), method)
    method, grid = self.method if method is None else method, self.grid
    coordinates = _coordinates(xi, len(grid))
    if method in ("linear", "slinear"):
        for points, v in zip(grid, coordinates, strict=True):
            note_knots(v, points, 0, self.fill_value is not None)
    if method not in ("linear", "nearest"):
        if has_bvar(values) or np.ndim(values) != len(grid) or method not in _GRID_SPLINES:
            raise refused(
                f"A RegularGridInterpolator of method {method!r}",
                "only its points may be BVars, and it may have one value a point",
            )
        found = twin_of(_grid_spline, OWN)(np.stack(coordinates, axis=-1), self, method)
        return np.reshape(found, np.shape(value))
    if method == "nearest":
        if has_bvar(values):
            raise refused("A RegularGridInterpolator of nearest values", "nobody has written it")
        return value
    outside = np.zeros(np.shape(coordinates[0]), bool)
    if self.fill_value is not None:
        for points, v in zip(grid, coordinates, strict=True):
            outside |= (plain(v) < points[0]) | (plain(v) > points[-1])
    if np.any(outside):
        coordinates = [
            np.where(outside, points[0], v) for points, v in zip(grid, coordinates, strict=True)
        ]
    found = np.reshape(_on_grid(grid, coordinates, values), np.shape(value))
    if np.any(outside):
        outside = np.reshape(outside, np.shape(value)[: np.ndim(outside)])
        outside = np.expand_dims(outside, tuple(range(np.ndim(outside), np.ndim(value))))
        found = np.where(outside, value, found)
    return with_value(found, value, "RegularGridInterpolator")


_GRID_SPLINES: Final = ("slinear", "cubic", "quintic")


def _interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    if not (has_bvar(values) or has_bvar(xi)):
        return interpolate.interpn(points, values, xi, method, bounds_error, fill_value)
    if method == "splinef2d":
        raise refused("scipy.interpolate.interpn of method 'splinef2d'", "nobody has written it")
    f = interpolate.RegularGridInterpolator(
        plain(points), plain(settled(values)), method, bounds_error, fill_value
    )
    return on_grid_of(f, settled(values), xi, None, None)


def _interpn_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = rectangle_data(rng)
    points = np.stack([between(rng, x, 3), between(rng, y, 3)], axis=-1)
    return [((x, y), z, points), ((x, y), z, points[0])]


lifted(twin=_interpn, wrt=("values", "xi"), samples=_interpn_samples)(interpolate.interpn)


# Scattered data


def _scattered_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    points, values = rng.uniform(0, 2, size=(6, 2)), rng.normal(size=(6, 2))
    inside = points[:3] * 0.3 + 0.7 * np.mean(points, axis=0)
    return [
        (interpolate.LinearNDInterpolator(points, values), inside),
        (interpolate.LinearNDInterpolator(points, values[:, 0], rescale=True), inside[0]),
    ]


def _triangulated(self: Any, values: Any, xi: Any) -> Any:
    """Linear interpolation within the simplices of a `LinearNDInterpolator`."""
    value = interpolate.LinearNDInterpolator.__call__(self, plain(xi))
    tri, ndim = self.tri, self.tri.points.shape[1]
    x = np.stack(_coordinates(xi, ndim), axis=-1)
    flat = np.reshape((x - self.offset) / self.scale if self.scale is not None else x, (-1, ndim))
    simplex = tri.find_simplex(plain(flat))
    outside = simplex < 0
    transform = tri.transform[simplex]
    at = np.where(np.expand_dims(outside, -1), transform[:, -1], flat)
    weights = np.sum(transform[:, :-1] * (at - transform[:, -1])[:, None, :], axis=-1)
    weights = np.concatenate([weights, 1 - np.sum(weights, axis=-1, keepdims=True)], axis=-1)
    values = np.reshape(values, (np.shape(values)[0], -1))
    found = np.sum(np.expand_dims(weights, -1) * values[tri.simplices[simplex]], axis=1)
    known = np.reshape(value, np.shape(found))
    found = np.reshape(np.where(np.expand_dims(outside, -1), known, found), np.shape(value))
    return with_value(found, value, "LinearNDInterpolator")


_Scattered = definer(interpolate.LinearNDInterpolator, "__call__")


@method_twin(_Scattered.__call__)
def _scattered(self: Any, *args: Any) -> Any:
    xi = args if len(args) > 1 else args[0]
    if not isinstance(self, interpolate.LinearNDInterpolator):
        raise refused(f"A {type(self).__name__} object", "nobody has written it")
    return _triangulated(self, self.values, xi)


lifted(twin=_scattered, wrt=("args",), samples=_scattered_samples)(_Scattered.__call__)


def _griddata(
    points: Any, values: Any, xi: Any, method: str = "linear", fill_value: Any = np.nan,
    rescale: bool = False,
) -> Any:  # fmt: skip
    if not (has_bvar(points) or has_bvar(values) or has_bvar(xi)):
        return interpolate.griddata(points, values, xi, method, fill_value, rescale)
    if method != "linear" or has_bvar(points) or np.ndim(plain(points)) != 2:
        raise refused(
            "scipy.interpolate.griddata", "only linear interpolation of given points has one"
        )
    values = settled(values)
    f = interpolate.LinearNDInterpolator(points, plain(values), fill_value, rescale)
    return _triangulated(f, values, xi)


def _griddata_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    points, values = rng.uniform(0, 2, size=(5, 2)), rng.normal(size=5)
    inside = points[:2] * 0.3 + 0.7 * np.mean(points, axis=0)
    return [(points, values, inside), (points, values, (inside[:, 0], inside[:, 1]))]


lifted(twin=_griddata, wrt=("values", "xi"), samples=_griddata_samples)(interpolate.griddata)


locally_constant(interpolate.NearestNDInterpolator.__call__)
