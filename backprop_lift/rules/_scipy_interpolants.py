"""Interpolants of `scipy.interpolate` made from data that are BVars.

Most are linear in their data, so that the value is that of the interpolants of unit data (the
cardinal functions) times the data. What is made is an object of a subclass that has what can be
differentiated (values, derivatives, antiderivatives) and refuses all else.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import interpolate

from .._bvar import has_bvar
from .._lift import lifted
from .._registry import dotted_name, registry
from ._implicit import plain, settled, with_value
from ._interpolation import NO_SAMPLES, between, called, knots, refused
from ._scipy_grids import on_grid_of
from ._scipy_splines import on_rectangle, rectangle_weights

__all__: list[str] = []


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


def _value_at(f: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The value of an interpolant, also at BVars."""
    if isinstance(f, _Columns):
        return np.stack([_value_at(one, x, *args, **kwargs) for one in f.made], axis=-1)
    return called(f, x, *args, **kwargs)


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
            found = found + term.apply(lambda f: _value_at(f, x, *args, **kwargs))
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
        raise refused(
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
    found: Any = object.__new__(_class_of_bvars(made.__class__))
    found._plain, found._terms = made, terms
    return found


def _makes(twin: Any, wrt: tuple[str, ...], original: Any) -> None:
    """Register the twin of what makes an interpolant.

    It is in force for plain data too, since what it makes may be called with BVars. That of a
    class is a class.
    """
    lifted(twin=twin, wrt=wrt, samples=NO_SAMPLES)(original)
    entry = registry[original]
    if isinstance(original, type):  # its methods have twins when all rules are there
        entry._twin, entry.make_twin = None, functools.partial(_aware_class, original, twin)
    else:
        entry._twin = twin


@functools.cache
def _aware_class(cls: Any, twin: Any = None) -> Any:
    """A subclass whose methods are twins, so that its objects can be called with BVars.

    Parameters
    ----------
    cls : type
    twin : callable, optional
        Makes an object of data that are BVars.
    """
    names: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    names["_aware_of_bvars"] = True
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            entry = registry.find(member) if inspect.isfunction(member) else None
            if entry is not None and entry.kind == "twin":
                names[name] = entry.twin
    for name in {"derivative", "antiderivative"} & set(dir(cls)):
        names[name] = _aware_method(getattr(cls, name))
    if twin is not None:

        def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if has_bvar(args) or has_bvar(kwargs):
                return twin(*args, **kwargs)
            return object.__new__(cls)

        names["__new__"] = new
    return type(cls.__name__, (cls,), names)


def _aware_method(original: Any) -> Any:
    """A method that makes another interpolant."""

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        return _aware(made) if hasattr(made, "__dict__") else made

    return method


def _aware(made: Any) -> Any:
    """An interpolant of plain data that can be called with BVars."""
    cls = made.__class__
    if not hasattr(cls, "_aware_of_bvars"):
        made.__class__ = _aware_class(cls)
    return made


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
                return _aware(original(*args, **kwargs))
            bound = signature.bind(*args, **kwargs)
            given = dict(bound.arguments)
            y = settled(given.pop(data))
            bound.apply_defaults()
            if has_bvar(given):
                raise refused(dotted_name(original), f"another parameter than {data} is a BVar")
            reason = refusal(bound.arguments)
            if reason:
                raise refused(dotted_name(original), reason)
            made, settings = original(**{**given, data: plain(y)}), given
            if "axis" in signature.parameters:
                y, settings = np.moveaxis(y, bound.arguments["axis"], 0), {**given, "axis": 0}

            def make(values: Any) -> Any:
                return original(**{**settings, data: values})

            many = functools.partial(_Columns, make) if columns else make
            return _of_bvars(made, [_Cardinal(many, y)])

        _makes(twin, (data,), original)

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
_maker(interpolate.BSpline, "c")(_nothing)


_maker(interpolate.KroghInterpolator, "yi")(_nothing)


_maker(interpolate.BarycentricInterpolator, "yi")(_nothing)


_maker(interpolate.InterpolatedUnivariateSpline, "y", columns=True)(_nothing)


_maker(interpolate.LSQUnivariateSpline, "y", columns=True)(_nothing)


_maker(interpolate.UnivariateSpline, "y", columns=True)(_interpolating)


def _interp1d(*args: Any, **kwargs: Any) -> Any:
    if not has_bvar(args) and not has_bvar(kwargs):
        return _aware(interpolate.interp1d(*args, **kwargs))
    bound = inspect.signature(interpolate.interp1d).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    y = settled(given.pop("y"))
    if has_bvar(given):
        raise refused("scipy.interpolate.interp1d", "another parameter than y is a BVar")
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


_makes(_interp1d, ("y",), interpolate.interp1d)


def _hermite(x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> Any:
    cls = interpolate.CubicHermiteSpline
    if not (has_bvar(y) or has_bvar(dydx)):
        return _aware(cls(x, y, dydx, axis, extrapolate))
    made = cls(plain(x), plain(settled(y)), plain(settled(dydx)), axis, extrapolate)
    return _of_bvars(made, _hermite_terms(x, settled(y), settled(dydx), axis, extrapolate))


def _hermite_terms(x: Any, y: Any, dydx: Any, axis: int, extrapolate: Any) -> list[_Cardinal]:
    if has_bvar(x):
        raise refused("A piecewise polynomial", "its breakpoints are BVars")

    def of_values(data: Any) -> Any:
        return interpolate.CubicHermiteSpline(x, data, np.zeros_like(data), 0, extrapolate)

    def of_slopes(data: Any) -> Any:
        return interpolate.CubicHermiteSpline(x, np.zeros_like(data), data, 0, extrapolate)

    return [
        _Cardinal(of_values, np.moveaxis(y, axis, 0)),
        _Cardinal(of_slopes, np.moveaxis(dydx, axis, 0)),
    ]


_makes(_hermite, ("y", "dydx"), interpolate.CubicHermiteSpline)


def _pchip(x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> Any:
    """The monotone interpolant, whose slopes at the nodes are made from the data.

    F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic
    interpolants", SIAM J. Sci. Stat. Comput. 5 (1984), 300-304.
    """
    if not (has_bvar(x) or has_bvar(y)):
        return _aware(interpolate.PchipInterpolator(x, y, axis, extrapolate))
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


_makes(_pchip, ("y",), interpolate.PchipInterpolator)


def _of_plain_data(original: Any) -> None:
    """Register what makes an interpolant that is not differentiated in its data."""

    def twin(*args: Any, **kwargs: Any) -> Any:
        raise refused(dotted_name(original), "its data are BVars")

    _makes(twin, (), original)


for _original in (interpolate.Akima1DInterpolator, interpolate.PPoly, interpolate.BPoly):
    _of_plain_data(_original)


def _pchip_interpolate(xi: Any, yi: Any, x: Any, der: Any = 0, axis: int = 0) -> Any:
    if not (has_bvar(yi) or has_bvar(x)) or has_bvar(xi):
        return interpolate.pchip_interpolate(xi, yi, x, der, axis)
    f = _pchip(xi, yi, axis)
    call = f if has_bvar(yi) else functools.partial(_value_at, f)
    return call(x, der) if np.ndim(der) == 0 else [call(x, one) for one in der]


lifted(
    twin=_pchip_interpolate,
    wrt=("yi", "x"),
    samples=lambda rng: [
        (x := knots(rng), rng.normal(size=7), between(rng, x, 3)[None]),
        (x, rng.normal(size=(2, 7)), between(rng, x, 3), 1, 1),
    ],
)(interpolate.pchip_interpolate)


# Data on a grid that are BVars


class _GridOfBVars(_OfBVars):
    """A `RegularGridInterpolator` of data that are BVars."""

    _values: Any

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        return on_grid_of(self._plain, self._values, xi, method, nu)


class _RectangleOfBVars(_OfBVars):
    """A `RectBivariateSpline` of data that are BVars."""

    _values: Any

    def __call__(self, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
        value = self._plain(plain(x), plain(y), dx, dy, grid)
        tx, ty, _ = self._plain.tck
        tck = (tx, ty, self._values, *self._plain.degrees)
        found = np.reshape(on_rectangle(settled(x), settled(y), tck, dx, dy, grid), np.shape(value))
        return with_value(found, value, "RectBivariateSpline")

    def ev(self, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
        return self(xi, yi, dx, dy, False)


def _of_values(kind: type, made: Any, values: Any) -> Any:
    cls = type(made)
    found: Any = object.__new__(type(cls.__name__, (kind, cls), {"__module__": cls.__module__}))
    found._plain, found._values = made, values
    return found


def _regular_grid(points: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
    if has_bvar(points) or has_bvar(args) or has_bvar(kwargs):
        raise refused("RegularGridInterpolator", "another parameter than values is a BVar")
    made = interpolate.RegularGridInterpolator(points, plain(settled(values)), *args, **kwargs)
    return _of_values(_GridOfBVars, made, settled(values)) if has_bvar(values) else _aware(made)


_makes(_regular_grid, ("values",), interpolate.RegularGridInterpolator)


def _rectangle(x: Any, y: Any, z: Any, *args: Any, **kwargs: Any) -> Any:
    if has_bvar((x, y)) or has_bvar(args) or has_bvar(kwargs):
        raise refused("RectBivariateSpline", "another parameter than z is a BVar")
    if not has_bvar(z):
        return _aware(interpolate.RectBivariateSpline(x, y, z, *args, **kwargs))
    bound = inspect.signature(interpolate.RectBivariateSpline).bind(x, y, z, *args, **kwargs)
    bound.apply_defaults()
    if bound.arguments["s"] != 0:
        raise refused("RectBivariateSpline", "it smooths")
    z = settled(z)
    made = interpolate.RectBivariateSpline(x, y, plain(z), *args, **kwargs)
    tx, ty, _ = made.tck
    kx, ky = made.degrees
    along_x = rectangle_weights(np.asarray(x, float), tx, kx, 0)
    along_y = rectangle_weights(np.asarray(y, float), ty, ky, 0)
    coefficients = np.linalg.inv(along_x) @ z @ np.linalg.inv(along_y).T
    return _of_values(_RectangleOfBVars, made, coefficients)


_makes(_rectangle, ("z",), interpolate.RectBivariateSpline)
