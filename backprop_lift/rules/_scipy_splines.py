"""Splines of `scipy.interpolate` as knots, coefficients and degree, on lines and rectangles.

They are linear in their coefficients, which may be BVars; their knots may not.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

import numpy as np
from scipy import interpolate

from .._bvar import has_bvar
from .._lift import lifted
from ._implicit import plain, settled, with_value
from ._interpolation import (
    at_points,
    between,
    called,
    definer,
    knots,
    method_twin,
    note_knots,
    refused,
)

__all__ = ["on_rectangle", "rectangle_data", "rectangle_weights"]


def _univariate_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    y = rng.normal(size=7)
    beyond = np.array([x[0] - 0.3, 2.1, x[-1] + 0.4])
    return [
        (interpolate.UnivariateSpline(x, y), between(rng, x, 2, 3)),
        (interpolate.InterpolatedUnivariateSpline(x, y, k=1), between(rng, x, 3)),
        *((interpolate.UnivariateSpline(x, y, s=0, ext=ext), beyond) for ext in (0, 1, 3)),
    ]


@method_twin(interpolate.UnivariateSpline.__call__)
def _univariate(self: Any, x: Any, nu: int = 0, ext: Any = None) -> Any:
    mode = _EXTRAPOLATIONS.get(self.ext if ext is None else ext)
    tck = self._eval_args
    t, _, k = tck
    note_knots(x, t[k : len(t) - k], k - nu - 1, mode in (1, 3))
    return at_points(
        x,
        lambda v: interpolate.UnivariateSpline.__call__(self, v, nu, ext),
        lambda v: _spline_slope(v, tck, nu + 1, mode),
    )


lifted(twin=_univariate, wrt=("x",), samples=_univariate_samples)(
    interpolate.UnivariateSpline.__call__
)


_EXTRAPOLATIONS: Final = {
    0: 0, 1: 1, 2: 2, 3: 3, "extrapolate": 0, "zeros": 1, "raise": 2, "const": 3
}  # fmt: skip


def _spline_slope(x: Any, tck: Any, der: int, ext: Any) -> Any:
    """A derivative of a spline, which is 0 where its value is constant; its slope is continued."""
    t, _, k = tck
    if der > k:
        return np.zeros(np.shape(x))
    found = _splev(x, tck, der, ext)
    if ext == 3 and der == 1:
        at = plain(x)
        found = np.where((at < t[k]) | (at > t[-k - 1]), 0.0, found)
    return found


# Knots, coefficients and degree


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
    if ext == 3 and der == 0:
        x = np.where(at < low, low, np.where(at > high, high, x))
    weights = called(_cardinal_splines(t, k), x, der)
    return np.where(np.expand_dims(outside, -1), 0.0, weights) if ext == 1 else weights


def _knots_of(tck: Any) -> tuple[Any, ...]:
    """The knots of a spline, without its coefficients and degrees."""
    root = plain(tck)
    if isinstance(root, interpolate.BSpline):
        return ()
    return (tck[0], tck[1]) if len(root) == 5 else (tck[0],)


def _refuse_knots(name: str, *knots: Any) -> None:
    if has_bvar(knots):
        raise refused(f"scipy.interpolate.{name}", "its knots are BVars")


def _splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """The twin of `splev`, for BVars at which to evaluate, and for coefficients."""
    _refuse_knots("splev", *_knots_of(tck))
    if isinstance(plain(tck), interpolate.BSpline):
        if ext != 0:
            return interpolate.splev(x, tck, der, ext)  # raises
        return called(tck, x, der, True)
    t, c, k = tck
    t, k, c = np.asarray(plain(t)), plain(k), settled(c)
    if np.ndim(c) > 1:
        return [_splev(x, (t, one, k), der, ext) for one in c]
    value = interpolate.splev(plain(x), (t, plain(c), k), plain(der), plain(ext))
    note_knots(x, t[k : len(t) - k], k - der - 1, ext in (1, 3))
    if has_bvar(c):
        x = settled(x)
        weights = _spline_weights(x, t, k, der, ext)
        return with_value(weights @ c[: len(t) - k - 1], value, "scipy.interpolate.splev")
    if not has_bvar(x):
        return value
    return at_points(
        x,
        lambda v: interpolate.splev(v, (t, c, k), der, ext),
        lambda v: _spline_slope(v, (t, c, k), der + 1, ext),
    )


def _splev_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    t, c, k = interpolate.splrep(x, rng.normal(size=7))
    beyond = np.array([x[0] - 0.3, 2.1, x[-1] + 0.4])
    return [
        (2.1, (t, c, k)),
        (between(rng, x, 2, 3), (t, c, k), 1),
        *((beyond, (t, c, k), der, ext) for der in (0, 1) for ext in (0, 1, 3)),
    ]


lifted(twin=_splev, wrt=("x",), samples=_splev_samples)(interpolate.splev)


def _splint(a: Any, b: Any, tck: Any, full_output: Any = 0) -> Any:
    if not (has_bvar(a) or has_bvar(b) or has_bvar(tck)):
        return interpolate.splint(a, b, tck, full_output)
    _refuse_knots("splint", *_knots_of(tck))
    if full_output:
        raise refused("scipy.interpolate.splint", "full_output is given")
    t, c, k = (tck.t, tck.c, tck.k) if isinstance(plain(tck), interpolate.BSpline) else tck
    if np.ndim(plain(c)) > 1:
        raise refused("scipy.interpolate.splint", "the spline has several values")
    t, k, c = np.asarray(plain(t)), plain(k), settled(c)
    integral = _cardinal_splines(t, k).antiderivative()
    a, b = (
        np.where(plain(v) < t[k], t[k], np.where(plain(v) > t[-k - 1], t[-k - 1], v))
        for v in (a, b)
    )
    weights = called(integral, b) - called(integral, a)
    return np.sum(weights * c[: len(t) - k - 1])


def _splint_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
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
        raise refused("scipy.interpolate.splrep", "it smooths, or more than y is a BVar")
    t, c, k = interpolate.splrep(y=plain(y), **given)
    matrix = np.stack([interpolate.splrep(y=row, **given)[1] for row in np.eye(len(plain(y)))], -1)
    return t, with_value(matrix @ y, c, "scipy.interpolate.splrep"), k


def _splrep_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(knots(rng), rng.normal(size=7)), (knots(rng), rng.normal(size=7), {"k": 1})]


lifted(twin=_splrep, wrt=("y",), samples=_splrep_samples)(interpolate.splrep)


# Splines on a rectangle


def rectangle_weights(v: Any, t: Any, k: int, nu: int) -> Any:
    """B-splines at v, or their derivatives; beyond the knots, the values are those at the end."""
    low, high = t[k], t[-k - 1]
    at = plain(v)
    outside = (at < low) | (at > high)
    if nu > k:
        return np.zeros((*np.shape(at), len(t) - k - 1))
    weights = called(_cardinal_splines(t, k), np.where(outside, np.clip(at, low, high), v), nu)
    return np.where(np.expand_dims(outside, -1), 0.0, weights) if nu else weights


def on_rectangle(x: Any, y: Any, tck: Any, nux: int, nuy: int, grid: bool) -> Any:
    """A spline of two variables ``Bx(x) C By(y)``, from its knots, coefficients and degrees."""
    tx, ty, c, kx, ky = tck
    tx, ty, kx, ky = np.asarray(plain(tx)), np.asarray(plain(ty)), plain(kx), plain(ky)
    matrix = np.reshape(settled(c), (len(tx) - kx - 1, len(ty) - ky - 1))
    for v, t, k, nu in ((x, tx, kx, nux), (y, ty, ky, nuy)):
        note_knots(v, t[k : len(t) - k], k - nu - 1, True)
    along_x = rectangle_weights(x, tx, kx, nux)
    along_y = rectangle_weights(y, ty, ky, nuy)
    if grid:
        return along_x @ matrix @ along_y.T
    return np.sum((along_x @ matrix) * along_y, axis=-1)


def _bisplev(x: Any, y: Any, tck: Any, dx: int = 0, dy: int = 0) -> Any:
    if not (has_bvar(x) or has_bvar(y) or has_bvar(tck)):
        return interpolate.bisplev(x, y, tck, dx, dy)
    _refuse_knots("bisplev", *_knots_of(tck))
    value = interpolate.bisplev(plain(x), plain(y), plain(tck), dx, dy)
    x, y = (np.reshape(settled(v), -1) for v in (x, y))
    found = np.reshape(on_rectangle(x, y, tck, dx, dy, True), np.shape(value))
    return with_value(found, value, "scipy.interpolate.bisplev")


def rectangle_data(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    x, y = knots(rng, 6), knots(rng, 7)
    return x, y, rng.normal(size=(6, 7))


def _bisplev_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = rectangle_data(rng)
    found = []
    for k in (1, 3):
        spline = interpolate.RectBivariateSpline(x, y, z, kx=k, ky=2)
        tck = (*spline.tck, k, 2)
        found += [(2.1, 2.3, tck), (np.array([1.8, 2.6]), np.array([1.7, 2.5, 3.1]), tck)]
    return [*found, (2.1, np.array([1.7, 2.5]), tck, 1), (x[0] - 1, 2.3, tck)]


lifted(twin=_bisplev, wrt=("x", "y"), samples=_bisplev_samples)(interpolate.bisplev)


def _bivariate_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y, z = rectangle_data(rng)
    spline, flat = (interpolate.RectBivariateSpline(x, y, z, kx=k, ky=k) for k in (3, 1))
    points = between(rng, x, 3), between(rng, y, 3)
    return [
        (spline, np.sort(points[0]), np.sort(between(rng, y, 2))),
        (spline, *points, 1, 0, False),
        (flat, *(p[None] for p in points), 0, 0, False),
    ]


_BivariateBase = definer(interpolate.BivariateSpline, "__call__")


@method_twin(_BivariateBase.__call__)
def _bivariate(self: Any, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
    value = _BivariateBase.__call__(self, plain(x), plain(y), dx, dy, grid)
    tck = (*self.tck, *self.degrees)
    found = on_rectangle(settled(x), settled(y), tck, dx, dy, grid)
    return with_value(np.reshape(found, np.shape(value)), value, type(self).__name__)


lifted(twin=_bivariate, wrt=("x", "y"), samples=_bivariate_samples)(_BivariateBase.__call__)


@method_twin(interpolate.BivariateSpline.ev)
def _ev(self: Any, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
    return _bivariate(self, xi, yi, dx, dy, False)


lifted(
    twin=_ev,
    wrt=("xi", "yi"),
    samples=lambda rng: [sample[:3] for sample in _bivariate_samples(rng)[1:]],
)(interpolate.BivariateSpline.ev)
