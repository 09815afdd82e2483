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
from ._implicit import plain, settled, with_value
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


def _knots_of(tck: Any) -> tuple[Any, ...]:
    """The knots of a spline, without its coefficients and degrees."""
    root = plain(tck)
    if isinstance(root, interpolate.BSpline):
        return ()
    return (tck[0], tck[1]) if len(root) == 5 else (tck[0],)


def _refuse_knots(name: str, *knots: Any) -> None:
    if has_bvar(knots):
        raise _refused(f"scipy.interpolate.{name}", "its knots are BVars")


def _splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """The twin of `splev`, for BVars at which to evaluate, and for coefficients."""
    _refuse_knots("splev", *_knots_of(tck))
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
        return with_value(weights @ c[: len(t) - k - 1], value, "scipy.interpolate.splev")
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


lifted(twin=_splev, wrt=("x",), samples=_splev_samples)(interpolate.splev)


def _splint(a: Any, b: Any, tck: Any, full_output: Any = 0) -> Any:
    if not (has_bvar(a) or has_bvar(b) or has_bvar(tck)):
        return interpolate.splint(a, b, tck, full_output)
    _refuse_knots("splint", *_knots_of(tck))
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


lifted(twin=_splint, wrt=("a", "b"), samples=_splint_samples)(interpolate.splint)


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
    return t, with_value(matrix @ y, c, "scipy.interpolate.splrep"), k


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
    _refuse_knots("bisplev", *_knots_of(tck))
    value = interpolate.bisplev(plain(x), plain(y), plain(tck), dx, dy)
    x, y = (np.reshape(settled(v), -1) for v in (x, y))
    found = np.reshape(_on_rectangle(x, y, tck, dx, dy, True), np.shape(value))
    return with_value(found, value, "scipy.interpolate.bisplev")


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


lifted(twin=_bisplev, wrt=("x", "y"), samples=_bisplev_samples)(interpolate.bisplev)


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
    return with_value(np.reshape(found, np.shape(value)), value, type(self).__name__)


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

# Their results are objects, which are checked by what they evaluate to.
_NO_SAMPLES: Final[list[tuple[Any, ...]]] = []


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


class _Columns:
    """Interpolants of one value each, as one of several values."""

    def __init__(self, make: Callable[[Any], Any], data: Any) -> None:
        self.made = [make(column) for column in data.T]

    def derivative(self, *args: Any) -> _Columns:
        return _Columns(lambda f: f.derivative(*args), np.array(self.made, object))

    def antiderivative(self, *args: Any) -> _Columns:
        return _Columns(lambda f: f.antiderivative(*args), np.array(self.made, object))


def _called(f: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The value of an interpolant, also at BVars."""
    if isinstance(f, _Columns):
        return np.stack([_called(one, x, *args, **kwargs) for one in f.made], axis=-1)
    call = next(vars(cls)["__call__"] for cls in type(f).__mro__ if "__call__" in vars(cls))
    return twin_of(call)(f, x, *args, **kwargs)


def _axis_of(made: Any) -> int:
    return int(getattr(made, "axis", getattr(made, "_y_axis", 0)) or 0)


class _OfBVars:
    """An interpolant of data that are BVars: the part of it that can be differentiated.

    It is an object of a subclass of the original class, without any of its attributes.
    """

    _plain: Any
    _terms: list[_Cardinal]
    _beyond: Any = None  # where a value is a constant

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        value = self._plain(plain(x), *args, **kwargs)
        found: Any = 0.0
        for term in self._terms:
            found = found + term.apply(lambda f: _called(f, x, *args, **kwargs))
        axis, n = _axis_of(self._plain), np.ndim(x)
        if axis and n:
            found = np.moveaxis(found, tuple(range(n, n + axis)), tuple(range(axis)))
        found = np.reshape(found, np.shape(value))
        if self._beyond is not None:
            found = np.where(self._beyond(plain(x), value), value, found)
        return with_value(found, value, type(self).__name__)

    def derivative(self, *args: Any) -> Any:
        return self._changed(lambda f: f.derivative(*args))

    def antiderivative(self, *args: Any) -> Any:
        return self._changed(lambda f: f.antiderivative(*args))

    def _changed(self, change: Callable[[Any], Any]) -> Any:
        return _of_bvars(change(self._plain), [term.then(change) for term in self._terms])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _refused(
            f"{name} of a {type(self).__name__} of BVars",
            "only its values and those of its derivatives and antiderivatives have one",
        )


def _refusing_attribute(name: str) -> Any:
    return property(lambda self: self.__getattr__(name))


@functools.cache
def _class_of_bvars(cls: type) -> type:
    """A subclass whose objects are interpolants of BVars; `isinstance` holds."""
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    for name in dir(cls):
        if not name.startswith("_") and not hasattr(_OfBVars, name):
            names[name] = _refusing_attribute(name)
    return type(cls.__name__, (_OfBVars, cls), names)


def _of_bvars(made: Any, terms: list[_Cardinal]) -> Any:
    found = object.__new__(_class_of_bvars(type(made)))
    found._plain, found._terms = made, terms
    return found


def _maker(original: Any, data: str, *, columns: bool = False) -> Callable[[Any], None]:
    """Register the twin of what makes an interpolant that is linear in its data.

    Parameters
    ----------
    original : callable
        A class, or a function that returns an interpolant.
    data : str
        The parameter of the data.
    columns : bool, optional
        Does it take data of one value only?
    """
    signature = inspect.signature(original)

    def register(refusal: Callable[[dict[str, Any]], str]) -> None:
        @functools.wraps(original, updated=())
        def twin(*args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            given = dict(bound.arguments)
            y = settled(given.pop(data))
            bound.apply_defaults()
            if has_bvar(given):
                raise _refused(dotted_name(original), f"another parameter than {data} is a BVar")
            reason = refusal(bound.arguments)
            if reason:
                raise _refused(dotted_name(original), reason)
            made, settings = original(**{**given, data: plain(y)}), given
            if "axis" in signature.parameters:
                y, settings = np.moveaxis(y, bound.arguments["axis"], 0), {**given, "axis": 0}

            def make(values: Any) -> Any:
                return original(**{**settings, data: values})

            many = functools.partial(_Columns, make) if columns else make
            return _of_bvars(made, [_Cardinal(many, y)])

        lifted(twin=twin, wrt=(data,), samples=_NO_SAMPLES)(original)

    return register


def _boundary(given: dict[str, Any]) -> str:
    kind = given["bc_type"]
    if isinstance(kind, str) and kind == "periodic":
        return "it is periodic"
    plainly = kind is None or isinstance(kind, str) or all(isinstance(k, str) for k in kind)
    return "" if plainly else "its bc_type holds values"


def _nothing(given: dict[str, Any]) -> str:
    return ""


def _interpolating(given: dict[str, Any]) -> str:
    return "" if given["s"] == 0 else "it smooths, with knots that depend on the data"


_maker(interpolate.CubicSpline, "y")(_boundary)
_maker(interpolate.make_interp_spline, "y")(_boundary)
_maker(interpolate.make_lsq_spline, "y")(_nothing)
_maker(interpolate.KroghInterpolator, "yi")(_nothing)
_maker(interpolate.BarycentricInterpolator, "yi")(_nothing)
_maker(interpolate.InterpolatedUnivariateSpline, "y", columns=True)(_nothing)
_maker(interpolate.LSQUnivariateSpline, "y", columns=True)(_nothing)
_maker(interpolate.UnivariateSpline, "y", columns=True)(_interpolating)


def _interp1d(*args: Any, **kwargs: Any) -> Any:
    if not has_bvar(args) and not has_bvar(kwargs):
        return interpolate.interp1d(*args, **kwargs)
    bound = inspect.signature(interpolate.interp1d).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    y = settled(given.pop("y"))
    if has_bvar(given):
        raise _refused("scipy.interpolate.interp1d", "another parameter than y is a BVar")
    made = interpolate.interp1d(y=plain(y), **given)
    beyond = given["fill_value"]
    if not (isinstance(beyond, str) and beyond == "extrapolate"):
        given.update(fill_value=0.0, bounds_error=False)  # a constant beyond the data
    y, given["axis"] = np.moveaxis(y, given["axis"], 0), 0
    found = _of_bvars(made, [_Cardinal(lambda data: interpolate.interp1d(y=data, **given), y)])
    if not made._extrapolate:
        found._beyond = functools.partial(_beyond_nodes, made)
    return found


def _beyond_nodes(f: Any, x: Any, value: Any) -> Any:
    """Where a value of an interpolant is what fills the space beyond its nodes."""
    beyond = (np.asarray(x) < f.x[0]) | (np.asarray(x) > f.x[-1])
    before = f.axis if np.ndim(x) else 0
    after = np.ndim(value) - np.ndim(x) - before
    return np.expand_dims(beyond, (*range(before), *range(-after, 0)))


lifted(twin=_interp1d, wrt=("y",), samples=_NO_SAMPLES)(interpolate.interp1d)


def _hermite(x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> Any:
    cls = interpolate.CubicHermiteSpline
    if not (has_bvar(y) or has_bvar(dydx)):
        return cls(x, y, dydx, axis, extrapolate)
    made = cls(plain(x), plain(settled(y)), plain(settled(dydx)), axis, extrapolate)
    return _of_bvars(made, _hermite_terms(x, settled(y), settled(dydx), axis, extrapolate))


def _hermite_terms(x: Any, y: Any, dydx: Any, axis: int, extrapolate: Any) -> list[_Cardinal]:
    if has_bvar(x):
        raise _refused("A piecewise polynomial", "its breakpoints are BVars")

    def of_values(data: Any) -> Any:
        return interpolate.CubicHermiteSpline(x, data, np.zeros_like(data), 0, extrapolate)

    def of_slopes(data: Any) -> Any:
        return interpolate.CubicHermiteSpline(x, np.zeros_like(data), data, 0, extrapolate)

    return [
        _Cardinal(of_values, np.moveaxis(y, axis, 0)),
        _Cardinal(of_slopes, np.moveaxis(dydx, axis, 0)),
    ]


lifted(twin=_hermite, wrt=("y", "dydx"), samples=_NO_SAMPLES)(interpolate.CubicHermiteSpline)


def _pchip(x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> Any:
    """The monotone interpolant, whose slopes at the nodes are made from the data.

    F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic
    interpolants", SIAM J. Sci. Stat. Comput. 5 (1984), 300-304.
    """
    if not (has_bvar(x) or has_bvar(y)):
        return interpolate.PchipInterpolator(x, y, axis, extrapolate)
    made = interpolate.PchipInterpolator(plain(x), plain(settled(y)), axis, extrapolate)
    y = np.moveaxis(settled(y), axis, 0)
    h = np.diff(np.asarray(plain(x), float)).reshape((-1,) + (1,) * (np.ndim(y) - 1))
    slopes = _pchip_slopes(h, np.diff(y, axis=0) / h)
    if axis:
        y, slopes = np.moveaxis(y, 0, axis), np.moveaxis(slopes, 0, axis)
    return _of_bvars(made, _hermite_terms(x, y, slopes, axis, extrapolate))


def _pchip_slopes(h: Any, m: Any) -> Any:
    """Slopes at the nodes, from widths and slopes of the intervals."""
    if len(h) == 1:
        return np.concatenate([m, m])
    before, after = m[:-1], m[1:]
    flat = np.sign(plain(before)) * np.sign(plain(after)) <= 0
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    before, after = np.where(flat, 1.0, before), np.where(flat, 1.0, after)
    inner = np.where(flat, 0.0, (w1 + w2) / (w1 / before + w2 / after))
    ends = (_pchip_end(h[0], h[1], m[0], m[1]), _pchip_end(h[-1], h[-2], m[-1], m[-2]))
    first, last = (np.expand_dims(end, 0) for end in ends)
    return np.concatenate([first, inner, last])


def _pchip_end(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    """The slope at an end, by three points, kept monotone."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    p, p0, p1 = plain(d), plain(m0), plain(m1)
    against = np.sign(p) != np.sign(p0)
    steep = (np.sign(p0) != np.sign(p1)) & (np.abs(p) > 3 * np.abs(p0))
    return np.where(against, 0.0, np.where(steep, 3.0 * m0, d))


lifted(twin=_pchip, wrt=("y",), samples=_NO_SAMPLES)(interpolate.PchipInterpolator)


def _pchip_interpolate(xi: Any, yi: Any, x: Any, der: Any = 0, axis: int = 0) -> Any:
    if not (has_bvar(yi) or has_bvar(x)) or has_bvar(xi):
        return interpolate.pchip_interpolate(xi, yi, x, der, axis)
    f = _pchip(xi, yi, axis)
    call = f if has_bvar(yi) else functools.partial(_called, f)
    return call(x, der) if np.ndim(der) == 0 else [call(x, one) for one in der]


lifted(
    twin=_pchip_interpolate,
    wrt=("yi", "x"),
    samples=lambda rng: [
        (x := _knots(rng), rng.normal(size=7), _between(rng, x, 3)),
        (x, rng.normal(size=(2, 7)), _between(rng, x, 3), 1, 1),
    ],
)(interpolate.pchip_interpolate)


# Data on a grid that are BVars


class _GridOfBVars(_OfBVars):
    """A `RegularGridInterpolator` of data that are BVars."""

    _values: Any

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        return _on_grid_of(self._plain, self._values, xi, method, nu)


class _RectangleOfBVars(_OfBVars):
    """A `RectBivariateSpline` of data that are BVars."""

    _values: Any

    def __call__(self, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
        value = self._plain(plain(x), plain(y), dx, dy, grid)
        tx, ty, _ = self._plain.tck
        tck = (tx, ty, self._values, *self._plain.degrees)
        found = np.reshape(_on_rectangle(settled(x), settled(y), tck, dx, dy, grid), np.shape(value))
        return with_value(found, value, "RectBivariateSpline")

    def ev(self, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
        return self(xi, yi, dx, dy, False)


def _of_values(kind: type, made: Any, values: Any) -> Any:
    cls = type(made)
    found = object.__new__(type(cls.__name__, (kind, cls), {"__module__": cls.__module__}))
    found._plain, found._values = made, values
    return found


def _regular_grid(points: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
    if has_bvar(points) or has_bvar(args) or has_bvar(kwargs):
        raise _refused("RegularGridInterpolator", "another parameter than values is a BVar")
    made = _GridInterpolator(points, plain(settled(values)), *args, **kwargs)
    return _of_values(_GridOfBVars, made, settled(values)) if has_bvar(values) else made


lifted(twin=_regular_grid, wrt=("values",), samples=_NO_SAMPLES)(interpolate.RegularGridInterpolator)


def _rectangle(x: Any, y: Any, z: Any, *args: Any, **kwargs: Any) -> Any:
    if has_bvar((x, y)) or has_bvar(args) or has_bvar(kwargs):
        raise _refused("RectBivariateSpline", "another parameter than z is a BVar")
    if not has_bvar(z):
        return interpolate.RectBivariateSpline(x, y, z, *args, **kwargs)
    bound = inspect.signature(interpolate.RectBivariateSpline).bind(x, y, z, *args, **kwargs)
    bound.apply_defaults()
    if bound.arguments["s"] != 0:
        raise _refused("RectBivariateSpline", "it smooths")
    z = settled(z)
    made = interpolate.RectBivariateSpline(x, y, plain(z), *args, **kwargs)
    tx, ty, _ = made.tck
    kx, ky = made.degrees
    along_x = _rectangle_weights(np.asarray(x, float), tx, kx, 0)
    along_y = _rectangle_weights(np.asarray(y, float), ty, ky, 0)
    coefficients = np.linalg.inv(along_x) @ z @ np.linalg.inv(along_y).T
    return _of_values(_RectangleOfBVars, made, coefficients)


lifted(twin=_rectangle, wrt=("z",), samples=_NO_SAMPLES)(interpolate.RectBivariateSpline)


# Scattered data


def _scattered_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    points, values = rng.uniform(0, 2, size=(12, 2)), rng.normal(size=(12, 2))
    inside = points[:3] * 0.3 + 0.7 * np.mean(points, axis=0)
    return [
        (interpolate.LinearNDInterpolator(points, values), inside[:2]),
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


_Scattered = interpolate.LinearNDInterpolator.__mro__[1]


@_method(_Scattered, "__call__", ("args",), _scattered_samples)
def _scattered(self: Any, *args: Any) -> Any:
    xi = args if len(args) > 1 else args[0]
    if not isinstance(self, interpolate.LinearNDInterpolator):
        raise _refused(f"A {type(self).__name__} object", "nobody has written it")
    return _triangulated(self, self.values, xi)


def _griddata(
    points: Any, values: Any, xi: Any, method: str = "linear", fill_value: Any = np.nan,
    rescale: bool = False,
) -> Any:  # fmt: skip
    if not (has_bvar(points) or has_bvar(values) or has_bvar(xi)):
        return interpolate.griddata(points, values, xi, method, fill_value, rescale)
    if method != "linear" or has_bvar(points) or np.ndim(plain(points)) != 2:
        raise _refused(
            "scipy.interpolate.griddata", "only linear interpolation of given points has one"
        )
    values = settled(values)
    f = interpolate.LinearNDInterpolator(points, plain(values), fill_value, rescale)
    return _triangulated(f, values, xi)


def _griddata_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    points, values = rng.uniform(0, 2, size=(12, 2)), rng.normal(size=12)
    inside = points[:3] * 0.3 + 0.7 * np.mean(points, axis=0)
    return [(points, values, inside), (points, values, (inside[:, 0], inside[:, 1]))]


lifted(twin=_griddata, wrt=("values", "xi"), samples=_griddata_samples)(interpolate.griddata)
locally_constant(interpolate.NearestNDInterpolator.__call__)


# Integrals between limits


def _integral_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(7, 2))
    return [
        (interpolate.CubicSpline(x, y), x[0] + 0.2, x[3] + 0.1),
        (interpolate.CubicSpline(x, wide), x[3] + 0.1, x[0] + 0.2),
    ]


def _bspline_integral_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    f = interpolate.make_interp_spline(x, rng.normal(size=7))
    return [(f, x[0] + 0.2, x[3] + 0.1)]


def _univariate_integral_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = _knots(rng)
    f = interpolate.UnivariateSpline(x, rng.normal(size=7))
    return [(f, x[0] + 0.2, x[3] + 0.1)]


def _integral_by(limit: str, sign: float) -> Any:
    """The slope by a limit: the value there."""

    def grad(dzdy: Any, a: Any, b: Any, value: Any) -> Any:
        return sign * np.sum(dzdy * value(a if limit == "a" else b))

    return grad


def _integral(a: Any, b: Any, integrate: Any, value: Any) -> Any:
    """``integrate(a, b)``, the integral of what is ``value(x)`` at x."""
    return integrate(a, b)


lifted(
    grad={"a": _integral_by("a", -1.0), "b": _integral_by("b", 1.0)},
    ignores="integrate",
    into=_OWN,
)(_integral)


def _method_of_integral(cls: Any, name: str, samples: Any) -> None:
    original = getattr(cls, name)

    def twin(self: Any, a: Any, b: Any, *extrapolate: Any, **settings: Any) -> Any:
        at = {"extrapolate": (*extrapolate, *settings.values(), None)[0]}
        return twin_of(_integral, _OWN)(
            a,
            b,
            lambda low, high: original(self, low, high, *extrapolate, **settings),
            lambda x: _called(self, x, 0, **(at if name == "integrate" else {"ext": 1})),
        )

    _method(cls, name, ("a", "b"), samples)(twin)


_method_of_integral(interpolate.PPoly, "integrate", _integral_samples)
_method_of_integral(interpolate.BSpline, "integrate", _bspline_integral_samples)
_method_of_integral(interpolate.UnivariateSpline, "integral", _univariate_integral_samples)
for _original in (interpolate.RBFInterpolator.__call__, interpolate.Rbf.__call__):
    no_grad("nobody has written it")(_original)
