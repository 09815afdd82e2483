"""`scipy.interpolate`: interpolants by where they are evaluated, and by their data.

An interpolant is an object. Called with a BVar, it gives its value, and its own derivative gives
the slope. Made from data that are BVars, it is an object of a subclass, which keeps them: most
interpolants are linear in their data, so that the value is that of the interpolants of unit data
(the cardinal functions) times the data. Such an object has what can be differentiated (calls,
derivatives, integrals) and refuses all else. Abscissas and knots are constants.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import interpolate

from .._bvar import has_bvar
from .._lift import lifted, locally_constant, no_grad
from .._registry import Registry, dotted_name, registry, twin_of
from ..errors import NoGradientError
from ._implicit import plain, settled
from ._matrices import conj

__all__: list[str] = []

_OWN: Final = Registry(parent=registry)


def _refused(what: str, why: str) -> NoGradientError:
    return NoGradientError(
        f"{what} has no gradient here.",
        "Write value_of(...) around its arguments where a constant is meant.",
        why=why,
    )


# Evaluation


def _at_grad(dzdy: Any, x: Any, slope: Any, axis: Any) -> Any:
    """Sum over the axes of the data, which stand around those of x, the first at `axis`."""
    product = dzdy * conj(slope(x))
    n = np.ndim(x)
    others = tuple(i for i in range(np.ndim(product)) if not axis <= i < axis + n)
    return np.sum(product, axis=others) if others else product


def _evaluated(x: Any, value: Any, slope: Any, axis: int) -> Any:
    """``value(x)``, whose derivative is ``slope(x)``."""
    return value(x)


lifted(grad={"x": _at_grad}, ignores="value", complex=True, into=_OWN)(_evaluated)


def _at(
    x: Any, value: Callable[[Any], Any], slope: Callable[[Any], Any], axis: int = 0
) -> Any:
    return twin_of(_evaluated, _OWN)(settled(x), value, slope, axis)


def _method(cls: Any, name: str, wrt: tuple[str, ...], samples: Any) -> Callable[[Any], Any]:
    """Register a twin of a method; given plain values, it is the original.

    The twin takes the original first, and then its arguments.
    """
    original = getattr(cls, name)

    def register(twin: Any) -> Any:
        @functools.wraps(original)
        def on_bvars(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(self, *args, **kwargs)
            return twin(self, *args, **kwargs)

        lifted(twin=on_bvars, wrt=wrt, samples=samples)(original)
        return on_bvars

    return register


def _knots(rng: np.random.Generator, n: int = 7) -> Any:
    return np.cumsum(rng.uniform(0.5, 1.5, size=n))


def _between(rng: np.random.Generator, x: Any, *shape: int) -> Any:
    return rng.uniform(x[0], x[-1], size=shape)


def _piecewise_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(2, 7, 3))
    return [
        (interpolate.CubicSpline(x, y), 2.1),
        (interpolate.CubicSpline(x, y), _between(rng, x, 2, 3), 1),
        (interpolate.CubicSpline(x, wide, axis=1), _between(rng, x, 4)),
        (interpolate.PchipInterpolator(x, y), _between(rng, x, 3)),
        (interpolate.Akima1DInterpolator(x, y), _between(rng, x, 3)),
        (interpolate.BPoly.from_derivatives(x, np.stack([y, y[::-1]], axis=1)), _between(rng, x, 3)),
    ]


_PiecewiseBase = interpolate.PPoly.__mro__[1]


@_method(_PiecewiseBase, "__call__", ("x",), _piecewise_samples)
def _piecewise(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    return _at(
        x,
        lambda v: _PiecewiseBase.__call__(self, v, nu, extrapolate),
        lambda v: _piecewise(self, v, nu + 1, extrapolate),
        self.axis,
    )


def _bspline_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(2, 7, 3))
    return [
        (interpolate.make_interp_spline(x, y), 2.1),
        (interpolate.make_interp_spline(x, y, 2), _between(rng, x, 2, 3), 1),
        (interpolate.make_interp_spline(x, y, 1), _between(rng, x, 2, 3)),
        (interpolate.make_interp_spline(x, wide, axis=1), _between(rng, x, 4)),
    ]


@_method(interpolate.BSpline, "__call__", ("x",), _bspline_samples)
def _bspline(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    return _at(
        x,
        lambda v: interpolate.BSpline.__call__(self, v, nu, extrapolate),
        lambda v: _bspline(self, v, nu + 1, extrapolate),
        self.axis,
    )


_INTERP1D_KINDS: Final = ("linear", "cubic", "quadratic", "slinear", "nearest", "previous")


def _interp1d_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(2, 7, 3))
    beyond = np.array([x[0] - 0.3, 2.1, x[-1] + 0.4])
    return [
        *((interpolate.interp1d(x, y, kind), _between(rng, x, 2, 3)) for kind in _INTERP1D_KINDS),
        (interpolate.interp1d(x, wide, axis=1), _between(rng, x, 4)),
        (interpolate.interp1d(x, y, fill_value="extrapolate"), beyond),
        (interpolate.interp1d(x, y, "cubic", fill_value="extrapolate"), beyond),
        (interpolate.interp1d(x, y, bounds_error=False, fill_value=(0.3, 0.7)), beyond),
        (interpolate.KroghInterpolator(x, y), _between(rng, x, 3)),
        (interpolate.KroghInterpolator(x, wide, axis=1), _between(rng, x, 3)),
    ]


_Interpolator = interpolate.interp1d.__mro__[1]


@_method(_Interpolator, "__call__", ("x",), _interp1d_samples)
def _interpolator(self: Any, x: Any) -> Any:
    if isinstance(self, interpolate.interp1d):
        slope = functools.partial(_interp1d_slope, self)
    elif hasattr(self, "derivative"):
        slope = functools.partial(_derivative_of, self)
    else:
        raise _refused(f"A {type(self).__name__} object", "nobody has written it")
    axis = self._y_axis if np.ndim(x) else 0
    return _at(x, lambda v: _Interpolator.__call__(self, v), slope, axis)


def _derivative_of(f: Any, x: Any) -> Any:
    if has_bvar(x):
        raise _refused(f"The derivative of a {type(f).__name__} object", "nobody has written it")
    return f.derivative(x)


def _interp1d_slope(f: Any, x: Any) -> Any:
    """The slope of the segment or the spline; 0 outside of the data unless extrapolated."""
    at = plain(x)
    data = np.moveaxis(f.y, f.axis, 0)
    if f._kind == "linear":
        high = np.clip(np.searchsorted(f.x, at), 1, len(f.x) - 1)
        run = (f.x[high] - f.x[high - 1]).reshape(high.shape + (1,) * (data.ndim - 1))
        slope = (data[high] - data[high - 1]) / run
    elif f._kind == "spline":
        spline = interpolate.make_interp_spline(f.x, data, k=f._spline.k, check_finite=False)
        slope = _bspline(spline, x, 1)
    else:
        slope = np.zeros(np.shape(at) + data.shape[1:])
    if not f._extrapolate:
        outside = (at < f.x[0]) | (at > f.x[-1])
        slope = np.where(outside.reshape(outside.shape + (1,) * (data.ndim - 1)), 0.0, slope)
    if np.ndim(x) == 0 or f.axis == 0:
        return slope
    n = np.ndim(x)
    return np.moveaxis(slope, tuple(range(n, n + f.axis)), tuple(range(f.axis)))


@_method(
    interpolate.BarycentricInterpolator,
    "__call__",
    ("x",),
    lambda rng: [(interpolate.BarycentricInterpolator(x := _knots(rng), rng.normal(size=7)),
                  _between(rng, x, 3))],
)
def _barycentric(self: Any, x: Any) -> Any:
    axis = self._y_axis if np.ndim(x) else 0
    return _at(
        x,
        lambda v: interpolate.BarycentricInterpolator.__call__(self, v),
        functools.partial(_derivative_of, self),
        axis,
    )


def _univariate_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    y = rng.normal(size=7)
    beyond = np.array([x[0] - 0.3, 2.1, x[-1] + 0.4])
    return [
        (interpolate.UnivariateSpline(x, y), _between(rng, x, 2, 3)),
        (interpolate.InterpolatedUnivariateSpline(x, y, k=1), _between(rng, x, 3)),
        *((interpolate.UnivariateSpline(x, y, s=0, ext=ext), beyond) for ext in (0, 1, 3)),
    ]


@_method(interpolate.UnivariateSpline, "__call__", ("x",), _univariate_samples)
def _univariate(self: Any, x: Any, nu: int = 0, ext: Any = None) -> Any:
    mode = _EXTRAPOLATIONS.get(self.ext if ext is None else ext)
    tck = self._eval_args
    return _at(
        x,
        lambda v: interpolate.UnivariateSpline.__call__(self, v, nu, ext),
        lambda v: _spline_slope(v, tck, nu + 1, mode),
    )


_EXTRAPOLATIONS: Final = {
    0: 0, 1: 1, 2: 2, 3: 3, "extrapolate": 0, "zeros": 1, "raise": 2, "const": 3
}  # fmt: skip


def _spline_slope(x: Any, tck: Any, der: int, ext: Any) -> Any:
    """A derivative of a spline, which is 0 where its value is constant."""
    t, _, k = tck
    if der > k:
        return np.zeros(np.shape(x))
    found = _splev(x, tck, der, ext)
    if ext == 3:
        at = plain(x)
        found = np.where((at < t[k]) | (at > t[-k - 1]), 0.0, found)
    return found


# Splines as knots, coefficients and degree


def _cardinal_splines(t: Any, k: int) -> Any:
    """The B-splines on given knots, as one spline of many values."""
    n = len(t) - k - 1
    return interpolate.BSpline(t, np.eye(n), k)


def _spline_weights(x: Any, t: Any, k: int, der: int, ext: int) -> Any:
    """The matrix of values of the B-splines at x, or of their derivatives."""
    low, high = t[k], t[-k - 1]
    at = plain(x)
    outside = (at < low) | (at > high)
    if ext == 2 and np.any(outside):
        raise ValueError("Found x value not in the domain")
    if ext == 3:
        x = np.where(at < low, low, np.where(at > high, high, x))
    weights = _bspline(_cardinal_splines(t, k), x, der)
    return np.where(np.expand_dims(outside, -1), 0.0, weights) if ext == 1 else weights


def _splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """The twin of `splev`, for BVars at which to evaluate, and for coefficients."""
    if isinstance(plain(tck), interpolate.BSpline):
        if ext != 0:
            return interpolate.splev(x, tck, der, ext)  # raises
        return _bspline(tck, x, der, True)
    t, c, k = tck
    t, k, c = np.asarray(plain(t)), plain(k), settled(c)
    if np.ndim(c) > 1:
        return [_splev(x, (t, one, k), der, ext) for one in c]
    value = interpolate.splev(plain(x), (t, plain(c), k), plain(der), plain(ext))
    if has_bvar(c):
        x = settled(x)
        weights = _spline_weights(x, t, k, der, ext)
        found = weights @ c[: len(t) - k - 1]
        return value + (found - plain(found))
    if not has_bvar(x):
        return value
    return _at(
        x,
        lambda v: interpolate.splev(v, (t, c, k), der, ext),
        lambda v: _spline_slope(v, (t, c, k), der + 1, ext),
    )


def _splev_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    t, c, k = interpolate.splrep(x, rng.normal(size=7))
    beyond = np.array([x[0] - 0.3, 2.1, x[-1] + 0.4])
    return [
        (2.1, (t, c, k)),
        (_between(rng, x, 2, 3), (t, c, k), 1),
        *((beyond, (t, c, k), 0, ext) for ext in (0, 1, 3)),
    ]


lifted(twin=_splev, wrt=("x", "tck"), samples=_splev_samples)(interpolate.splev)


def _splint(a: Any, b: Any, tck: Any, full_output: Any = 0) -> Any:
    if not (has_bvar(a) or has_bvar(b) or has_bvar(tck)):
        return interpolate.splint(a, b, tck, full_output)
    if full_output:
        raise _refused("scipy.interpolate.splint", "full_output is given")
    t, c, k = (tck.t, tck.c, tck.k) if isinstance(plain(tck), interpolate.BSpline) else tck
    if np.ndim(plain(c)) > 1:
        raise _refused("scipy.interpolate.splint", "the spline has several values")
    t, k, c = np.asarray(plain(t)), plain(k), settled(c)
    integral = _cardinal_splines(t, k).antiderivative()
    a, b = (
        np.where(plain(v) < t[k], t[k], np.where(plain(v) > t[-k - 1], t[-k - 1], v))
        for v in (a, b)
    )
    weights = _bspline(integral, b) - _bspline(integral, a)
    return np.sum(weights * c[: len(t) - k - 1])


def _splint_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    tck = interpolate.splrep(x, rng.normal(size=7))
    return [(x[1] + 0.1, x[4] - 0.2, tck), (x[4] - 0.2, x[-1] + 0.5, tck)]


lifted(twin=_splint, wrt=("a", "b", "tck"), samples=_splint_samples)(interpolate.splint)


def _splrep(*args: Any, **kwargs: Any) -> Any:
    """Knots, coefficients and degree; the coefficients are linear in the data that it goes by."""
    if not has_bvar(args) and not has_bvar(kwargs):
        return interpolate.splrep(*args, **kwargs)
    bound = inspect.signature(interpolate.splrep).bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    y = settled(given.pop("y"))
    given = {name: plain(value) for name, value in given.items()}
    smooth = given["s"] if given["s"] is not None else (0.0 if given["w"] is None else None)
    if smooth != 0 or given["task"] != 0 or given["full_output"] or has_bvar(bound.arguments):
        raise _refused("scipy.interpolate.splrep", "it smooths, or more than y is a BVar")
    t, c, k = interpolate.splrep(y=plain(y), **given)
    matrix = np.stack([interpolate.splrep(y=row, **given)[1] for row in np.eye(len(plain(y)))], -1)
    found = matrix @ y
    return t, c + (found - plain(found)), k


def _splrep_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(_knots(rng), rng.normal(size=7)), (_knots(rng), rng.normal(size=7), {"k": 1})]


lifted(twin=_splrep, wrt=("y",), samples=_splrep_samples)(interpolate.splrep)


# Splines on a rectangle


def _rectangle_weights(v: Any, t: Any, k: int, nu: int) -> Any:
    """B-splines at v, or their derivatives; beyond the knots, the values are those at the end."""
    low, high = t[k], t[-k - 1]
    at = plain(v)
    outside = (at < low) | (at > high)
    if nu > k:
        return np.zeros((*np.shape(at), len(t) - k - 1))
    weights = _bspline(_cardinal_splines(t, k), np.where(outside, np.clip(at, low, high), v), nu)
    return np.where(np.expand_dims(outside, -1), 0.0, weights) if nu else weights


def _on_rectangle(x: Any, y: Any, tck: Any, nux: int, nuy: int, grid: bool) -> Any:
    """A spline of two variables ``Bx(x) C By(y)``, from its knots, coefficients and degrees."""
    tx, ty, c, kx, ky = tck
    tx, ty, kx, ky = np.asarray(plain(tx)), np.asarray(plain(ty)), plain(kx), plain(ky)
    matrix = np.reshape(settled(c), (len(tx) - kx - 1, len(ty) - ky - 1))
    along_x = _rectangle_weights(x, tx, kx, nux)
    along_y = _rectangle_weights(y, ty, ky, nuy)
    if grid:
        return along_x @ matrix @ along_y.T
    return np.sum((along_x @ matrix) * along_y, axis=-1)


def _bisplev(x: Any, y: Any, tck: Any, dx: int = 0, dy: int = 0) -> Any:
    if not (has_bvar(x) or has_bvar(y) or has_bvar(tck)):
        return interpolate.bisplev(x, y, tck, dx, dy)
    value = interpolate.bisplev(plain(x), plain(y), plain(tck), dx, dy)
    x, y = (np.reshape(settled(v), -1) for v in (x, y))
    found = np.reshape(_on_rectangle(x, y, tck, dx, dy, True), np.shape(value))
    return value + (found - plain(found))


def _rectangle_data(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    x, y = _knots(rng, 6), _knots(rng, 7)
    return x, y, rng.normal(size=(6, 7))


def _bisplev_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = _rectangle_data(rng)
    found = []
    for k in (1, 3):
        spline = interpolate.RectBivariateSpline(x, y, z, kx=k, ky=2)
        tck = (*spline.tck, k, 2)
        found += [(2.1, 2.3, tck), (np.array([1.8, 2.6]), np.array([1.7, 2.5, 3.1]), tck)]
    return [*found, (2.1, np.array([1.7, 2.5]), tck, 1), (x[0] - 1, 2.3, tck)]


lifted(twin=_bisplev, wrt=("x", "y", "tck"), samples=_bisplev_samples)(interpolate.bisplev)


def _bivariate_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = _rectangle_data(rng)
    spline, flat = (interpolate.RectBivariateSpline(x, y, z, kx=k, ky=k) for k in (3, 1))
    points = _between(rng, x, 3), _between(rng, y, 3)
    return [
        (spline, np.sort(points[0]), np.sort(_between(rng, y, 2))),
        (spline, *points, 1, 0, False),
        (flat, *points, 0, 0, False),
    ]


_BivariateBase = interpolate.BivariateSpline.__mro__[1]


@_method(_BivariateBase, "__call__", ("x", "y"), _bivariate_samples)
def _bivariate(
    self: Any, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True
) -> Any:
    value = _BivariateBase.__call__(self, plain(x), plain(y), dx, dy, grid)
    tck = (*self.tck, *self.degrees)
    found = _on_rectangle(settled(x), settled(y), tck, dx, dy, grid)
    found = np.reshape(found, np.shape(value))
    return value + (found - plain(found))


@_method(
    interpolate.BivariateSpline,
    "ev",
    ("xi", "yi"),
    lambda rng: [sample[:3] for sample in _bivariate_samples(rng)[1:]],
)
def _ev(self: Any, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
    return _bivariate(self, xi, yi, dx, dy, False)


# Data on a regular grid


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
        raise _refused("The derivative of a spline on a grid", "nobody has written it")
    units = np.eye(len(f.grid), dtype=int)
    slopes = [_GridInterpolator.__call__(f, xi, method, nu=unit) for unit in units]
    slope = np.where(np.isfinite(slopes), slopes, 0.0)  # nan beyond the grid
    return np.moveaxis(dzdy * slope, 0, -1)


def _grid_spline(xi: Any, f: Any, method: Any) -> Any:
    """The value of a spline on a grid at points, shape (..., number of dimensions)."""
    return _GridInterpolator.__call__(f, xi, method)


lifted(grad={"xi": _grid_spline_grad}, into=_OWN)(_grid_spline)
_GridInterpolator: Final = interpolate.RegularGridInterpolator


def _grid_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = _rectangle_data(rng)
    wide = rng.normal(size=(6, 7, 2))
    points = np.stack([_between(rng, x, 3), _between(rng, y, 3)], axis=-1)
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


@_method(interpolate.RegularGridInterpolator, "__call__", ("xi",), _grid_samples)
def _grid_interpolator(self: Any, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
    return _on_grid_of(self, self.values, xi, method, nu)


def _on_grid_of(self: Any, values: Any, xi: Any, method: Any, nu: Any) -> Any:
    """Its value at points, for data that may be BVars while the object has plain ones."""
    if nu is not None:
        raise _refused("A derivative of a RegularGridInterpolator", "nobody has written it")
    value = _GridInterpolator.__call__(self, plain(xi), method)
    method, grid = self.method if method is None else method, self.grid
    coordinates = _coordinates(xi, len(grid))
    if method not in ("linear", "nearest"):
        if has_bvar(values) or np.ndim(values) != len(grid) or method not in _GRID_SPLINES:
            raise _refused(
                f"A RegularGridInterpolator of method {method!r}",
                "only its points may be BVars, and it may have one value a point",
            )
        found = twin_of(_grid_spline, _OWN)(np.stack(coordinates, axis=-1), self, method)
        return np.reshape(found, np.shape(value))
    if method == "nearest":
        if has_bvar(values):
            raise _refused("A RegularGridInterpolator of nearest values", "nobody has written it")
        return value
    outside = np.zeros(np.shape(coordinates[0]), bool)
    if self.fill_value is not None:
        for points, v in zip(grid, coordinates, strict=True):
            outside |= (plain(v) < points[0]) | (plain(v) > points[-1])
    if np.any(outside):
        coordinates = [
            np.where(outside, points[0], v) for points, v in zip(grid, coordinates, strict=True)
        ]
    found = _on_grid(grid, coordinates, values)
    if np.any(outside):
        trailing = (1,) * (np.ndim(found) - np.ndim(outside))
        found = np.where(np.reshape(outside, outside.shape + trailing), 0.0, found)
    found = np.reshape(found, np.shape(value))
    return value + (found - plain(found))


_GRID_SPLINES: Final = ("slinear", "cubic", "quintic")


def _interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    if not (has_bvar(values) or has_bvar(xi)):
        return interpolate.interpn(points, values, xi, method, bounds_error, fill_value)
    if method == "splinef2d":
        raise _refused("scipy.interpolate.interpn of method 'splinef2d'", "nobody has written it")
    f = interpolate.RegularGridInterpolator(
        plain(points), plain(settled(values)), method, bounds_error, fill_value
    )
    return _on_grid_of(f, settled(values), xi, None, None)


def _interpn_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = _rectangle_data(rng)
    points = np.stack([_between(rng, x, 3), _between(rng, y, 3)], axis=-1)
    return [((x, y), z, points), ((x, y), z, points[0])]


lifted(twin=_interpn, wrt=("values", "xi"), samples=_interpn_samples)(interpolate.interpn)


# Interpolants made from data that are BVars


class _Cardinal:
    """What an interpolant that is linear in its data depends on.

    Parameters
    ----------
    make : callable
        Makes the interpolant of data of shape (n, ...), the first axis being that of the nodes.
    data : BVar, shape (n, ...)
    """

    def __init__(self, make: Callable[[Any], Any], data: Any) -> None:
        self.make = make
        self.data = data

    @functools.cached_property
    def functions(self) -> Any:
        """The interpolant of unit data, of n values."""
        return self.make(np.eye(np.shape(self.data)[0]))

    def apply(self, evaluate: Callable[[Any], Any]) -> Any:
        """What `evaluate` gives for the interpolant, with the axes of the data last."""
        return np.tensordot(evaluate(self.functions), self.data, axes=(-1, 0))

    def then(self, change: Callable[[Any], Any]) -> _Cardinal:
        """The same for an interpolant made from this one, such as its derivative."""
        return _Cardinal(lambda data: change(self.make(data)), self.data)


class _OfBVars:
    """An interpolant of data that are BVars: the part of it that can be differentiated.

    It is an object of a subclass of the original class, without any of its attributes.
    """

    _plain: Any
    _terms: list[_Cardinal]

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        original = type(self._plain)
        call = twin_of(_calls_of(original))
        value = self._plain(plain(x), *args, **kwargs)
        found = sum(term.apply(lambda f: call(f, x, *args, **kwargs)) for term in self._terms)
        axis, n = _axis_of(self._plain), np.ndim(x)
        if axis and n:
            found = np.moveaxis(found, tuple(range(n, n + axis)), tuple(range(axis)))
        found = np.reshape(found, np.shape(value))
        return value + (found - plain(found))

    def derivative(self, *args: Any, **kwargs: Any) -> Any:
        return self._changed(lambda f: f.derivative(*args, **kwargs))

    def antiderivative(self, *args: Any, **kwargs: Any) -> Any:
        return self._changed(lambda f: f.antiderivative(*args, **kwargs))

    def integrate(self, a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        if has_bvar(a) or has_bvar(b):
            raise _refused("The integral of an interpolant of BVars", "its limits are BVars too")
        found = sum(term.apply(lambda f: f.integrate(a, b, *args, **kwargs)) for term in self._terms)
        value = self._plain.integrate(a, b, *args, **kwargs)
        return value + (np.reshape(found, np.shape(value)) - plain(np.reshape(found, np.shape(value))))

    def _changed(self, change: Callable[[Any], Any]) -> Any:
        return _of_bvars(change(self._plain), [term.then(change) for term in self._terms])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _refused(
            f"{name} of a {type(self).__name__} of BVars",
            "only its value, derivatives and integrals have one",
        )


@functools.cache
def _class_of_bvars(cls: type) -> type:
    """A subclass whose objects are interpolants of BVars; `isinstance` holds."""
    refusing = {
        name: _refusing_method(cls, name)
        for name in dir(cls)
        if not name.startswith("_") and not hasattr(_OfBVars, name)
    }
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, **refusing}
    return type(cls.__name__, (_OfBVars, cls), names)


def _refusing_method(cls: type, name: str) -> Any:
    def refused(self: Any) -> Any:
        return self.__getattr__(name)

    return property(refused)


def _of_bvars(made: Any, terms: list[_Cardinal]) -> Any:
    cls = _class_of_bvars(type(made))
    found = object.__new__(cls)
    found._plain, found._terms = made, terms
    return found


def _calls_of(cls: type) -> Any:
    """The function that a call of its objects runs."""
    return next(base.__dict__["__call__"] for base in cls.__mro__ if "__call__" in base.__dict__)


def _axis_of(made: Any) -> int:
    axis = getattr(made, "axis", getattr(made, "_y_axis", 0))
    return int(axis or 0)


class _Columns:
    """Interpolants of one value each, as one of several values."""

    def __init__(self, made: list[Any]) -> None:
        self.made = made

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            return _Columns([getattr(one, name)(*args, **kwargs) for one in self.made])

        return method


def _by_columns(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """From a class that takes data of one value, one that takes several."""
    return lambda data: _Columns([make(column) for column in data.T])


@_method(_Columns, "__getattr__", (), None)
def _unused(self: Any, name: str) -> Any:
    return None
