"""`scipy.interpolate`: interpolants of one variable, by where they are evaluated, and integrals.

An interpolant is an object. Called with a BVar, it gives its value, and its own derivative gives
the slope. Interpolants of data that are BVars, splines and grids stand in modules of their own.
Abscissas and knots are constants.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
from scipy import interpolate

from .._bvar import has_bvar
from .._lift import lifted, no_grad
from .._registry import twin_of
from . import _scipy_grids, _scipy_interpolants, _scipy_splines  # noqa: F401 - they register
from ._implicit import plain
from ._interpolation import (
    OWN,
    at_points,
    between,
    called,
    definer,
    knots,
    method_twin,
    note_knots,
    refused,
)

__all__: list[str] = []


def _piecewise_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(2, 7, 3))
    return [
        (interpolate.CubicSpline(x, y), 2.1),
        (interpolate.CubicSpline(x, y), between(rng, x, 2, 3), 1),
        (interpolate.CubicSpline(x, wide, axis=1), between(rng, x, 4)),
        (interpolate.PchipInterpolator(x, y), between(rng, x, 3)),
        (interpolate.Akima1DInterpolator(x, y), between(rng, x, 3)),
        (
            interpolate.BPoly.from_derivatives(x, np.stack([y, y[::-1]], axis=1)),
            between(rng, x, 3),
        ),
    ]


def _piecewise_of(original: Any) -> Any:
    @method_twin(original)
    def piecewise(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        note_knots(x, self.x, _smoothness(self) - nu, False)
        return at_points(
            x,
            lambda v: original(self, v, nu, extrapolate),
            lambda v: piecewise(self, v, nu + 1, extrapolate),
            self.axis,
        )

    return piecewise


def _smoothness(f: Any) -> int:
    """How many derivatives are continuous where the pieces meet, as far as the class tells."""
    if isinstance(f, interpolate.CubicSpline):
        return 2
    return 1 if isinstance(f, interpolate.CubicHermiteSpline) else 0


# One base class defines it, or each class its own, by the version of scipy.
for _original in {
    definer(cls, "__call__").__call__ for cls in (interpolate.PPoly, interpolate.BPoly)
}:
    lifted(
        twin=_piecewise_of(_original),
        wrt=("x",),
        samples=lambda rng, original=_original: [
            sample for sample in _piecewise_samples(rng) if type(sample[0]).__call__ is original
        ],
    )(_original)


def _bspline_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(2, 7, 3))
    return [
        (interpolate.make_interp_spline(x, y), 2.1),
        (interpolate.make_interp_spline(x, y, 2), between(rng, x, 2, 3), 1),
        (interpolate.make_interp_spline(x, y, 1), between(rng, x, 2, 3)),
        (interpolate.make_interp_spline(x, wide, axis=1), between(rng, x, 4)),
    ]


@method_twin(interpolate.BSpline.__call__)
def _bspline(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    note_knots(x, self.t[self.k : len(self.t) - self.k], self.k - nu - 1, False)
    return at_points(
        x,
        lambda v: interpolate.BSpline.__call__(self, v, nu, extrapolate),
        lambda v: _bspline(self, v, nu + 1, extrapolate),
        self.axis,
    )


lifted(twin=_bspline, wrt=("x",), samples=_bspline_samples)(interpolate.BSpline.__call__)


_INTERP1D_KINDS: Final = ("linear", "cubic", "quadratic", "slinear", "nearest", "previous")


def _interp1d_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(2, 7, 3))
    beyond = np.array([x[0] - 0.3, 2.1, x[-1] + 0.4])
    return [
        *((interpolate.interp1d(x, y, kind), between(rng, x, 2, 3)) for kind in _INTERP1D_KINDS),
        (interpolate.interp1d(x, wide, axis=1), between(rng, x, 4)),
        (interpolate.interp1d(x, y, fill_value="extrapolate"), beyond),
        (interpolate.interp1d(x, y, "cubic", fill_value="extrapolate"), beyond),
        (interpolate.interp1d(x, y, bounds_error=False, fill_value=(0.3, 0.7)), beyond),
        (interpolate.KroghInterpolator(x, y), between(rng, x, 3)),
        (interpolate.KroghInterpolator(x, wide, axis=1), between(rng, x, 3)),
    ]


_Interpolator = definer(interpolate.interp1d, "__call__")


@method_twin(_Interpolator.__call__)
def _interpolator(self: Any, x: Any) -> Any:
    if isinstance(self, interpolate.interp1d):
        slope = functools.partial(_interp1d_slope, self)
        note_knots(x, self.x, 0 if self._kind == "linear" else 1, not self._extrapolate)
    elif hasattr(self, "derivative"):
        slope = functools.partial(_derivative_of, self)
    else:
        raise refused(f"A {type(self).__name__} object", "nobody has written it")
    axis = self._y_axis if np.ndim(x) else 0
    return at_points(x, lambda v: _Interpolator.__call__(self, v), slope, axis)


lifted(twin=_interpolator, wrt=("x",), samples=_interp1d_samples)(_Interpolator.__call__)


def _derivative_of(f: Any, x: Any) -> Any:
    if has_bvar(x):
        raise refused(f"The derivative of a {type(f).__name__} object", "nobody has written it")
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


@method_twin(interpolate.BarycentricInterpolator.__call__)
def _barycentric(self: Any, x: Any) -> Any:
    axis = self._y_axis if np.ndim(x) else 0
    return at_points(
        x,
        lambda v: interpolate.BarycentricInterpolator.__call__(self, v),
        functools.partial(_derivative_of, self),
        axis,
    )


lifted(
    twin=_barycentric,
    wrt=("x",),
    samples=lambda rng: [
        (
            interpolate.BarycentricInterpolator(x := knots(rng), rng.normal(size=7)),
            between(rng, x, 3)[None],
        )
    ],
)(interpolate.BarycentricInterpolator.__call__)


# Integrals between limits


def _integral_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    y, wide = rng.normal(size=7), rng.normal(size=(7, 2))
    return [
        (interpolate.CubicSpline(x, y), x[0] + 0.2, x[3] + 0.1),
        (interpolate.CubicSpline(x, wide), x[3] + 0.1, x[0] + 0.2),
    ]


def _bspline_integral_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
    f = interpolate.make_interp_spline(x, rng.normal(size=7))
    return [(f, x[0] + 0.2, x[3] + 0.1)]


def _univariate_integral_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = knots(rng)
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
    into=OWN,
)(_integral)


def _method_of_integral(cls: Any, name: str, samples: Any) -> None:
    original = getattr(cls, name)

    def twin(self: Any, a: Any, b: Any, *extrapolate: Any, **settings: Any) -> Any:
        at = {"extrapolate": (*extrapolate, *settings.values(), None)[0]}
        return twin_of(_integral, OWN)(
            a,
            b,
            lambda low, high: original(self, low, high, *extrapolate, **settings),
            lambda x: called(self, x, 0, **(at if name == "integrate" else {"ext": 1})),
        )

    lifted(twin=method_twin(original)(twin), wrt=("a", "b"), samples=samples)(original)


_method_of_integral(interpolate.PPoly, "integrate", _integral_samples)


_method_of_integral(interpolate.BSpline, "integrate", _bspline_integral_samples)


_method_of_integral(interpolate.UnivariateSpline, "integral", _univariate_integral_samples)


for _original in (interpolate.RBFInterpolator.__call__, interpolate.Rbf.__call__):
    no_grad("nobody has written it")(_original)
