"""`scipy.stats`: distributions, frozen ones too, and statistics of samples.

The value of a distribution's method is scipy's own. Its derivatives follow from three functions
of the standardized variable ``z = (x - loc) / scale``: the density (of every continuous
distribution, by x, loc and scale), the logarithm of the density, and the distribution function (by
shapes, and of quantiles by the implicit function theorem). The last two are scipy's own formulas,
run on BVars, or else those of the tables below; where neither can be differentiated, the gradient
is refused.

References
----------
N. L. Johnson, S. Kotz and N. Balakrishnan, "Continuous Univariate Distributions", second edition,
Wiley 1994 and 1995.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import special, stats

from .._bvar import has_bvar
from .._lift import lifted, locally_constant, no_grad
from .._registry import Registry, registry, twin_of
from .._run import grad_bp
from ..errors import LiftError, NoGradientError
from ._implicit import plain, settled

__all__: list[str] = []

_LOG_SQRT_2PI: Final = 0.5 * math.log(2 * math.pi)


# Formulas of standardized distributions that scipy's own code cannot give on BVars


def _log_over(w: Any) -> Any:
    """``log1p(w) / w``, smooth at 0."""
    small = np.abs(w) < 1e-4
    series = 1 - w * (1 / 2 - w * (1 / 3 - w * (1 / 4 - w / 5)))
    w = np.where(small, 1.0, w)
    return np.where(small, series, np.log1p(w) / w)


def _normal_logpdf(z: Any) -> Any:
    return -0.5 * z * z - _LOG_SQRT_2PI


def _lognorm_logpdf(z: Any, s: Any) -> Any:
    return _normal_logpdf(np.log(z) / s) - np.log(s * z)


def _t_logpdf(z: Any, df: Any) -> Any:
    spread = -0.5 * np.log(df) - special.betaln(0.5 * df, 0.5)
    return spread - 0.5 * (df + 1) * np.log1p(z * z / df)


def _burr_logpdf(z: Any, c: Any, d: Any) -> Any:
    return np.log(c * d) - (c + 1) * np.log(z) - (d + 1) * np.log1p(z**-c)


def _genextreme_logpdf(z: Any, c: Any) -> Any:
    y = -z * _log_over(-c * z)
    return y - np.log1p(-c * z) - np.exp(y)


def _gengamma_logpdf(z: Any, a: Any, c: Any) -> Any:
    return np.log(np.abs(c)) + (c * a - 1) * np.log(z) - z**c - special.gammaln(a)


# Below this skewness, scipy takes the third Pearson distribution for the normal one.
_NOT_SKEW: Final = 0.000016


def _pearson3_gamma(z: Any, skew: Any) -> tuple[Any, Any, Any]:
    """Shape and variable of the gamma distribution that this is, and where it is normal."""
    normal = np.abs(skew) < _NOT_SKEW
    skew = np.where(normal, 1.0, skew)
    shape = 4 / (skew * skew)
    return shape, np.where(normal, 1.0, 2 / skew * z + shape), normal


def _pearson3_logpdf(z: Any, skew: Any) -> Any:
    shape, y, normal = _pearson3_gamma(z, skew)
    density = (shape - 1) * np.log(y) - y - special.gammaln(shape) + 0.5 * np.log(shape)
    return np.where(normal, _normal_logpdf(z) + skew * (z**3 - 3 * z) / 6, density)


def _pearson3_cdf(z: Any, skew: Any) -> Any:
    shape, y, normal = _pearson3_gamma(z, skew)
    below = np.where(skew > 0, special.gammainc(shape, y), special.gammaincc(shape, y))
    correction = np.exp(_normal_logpdf(z)) * (z * z - 1) * skew / 6
    return np.where(normal, special.ndtr(z) - correction, below)


def _normal_between(a: Any, b: Any) -> Any:
    """The normal distribution's mass between a and b, without cancellation in the upper tail."""
    upper = a > 0
    low, high = np.where(upper, -b, a), np.where(upper, -a, b)
    return special.ndtr(high) - special.ndtr(low)


def _triang_pdf(z: Any, c: Any) -> Any:
    left = z < c
    return 2 * np.where(left, z / np.where(left, c, 1.0), (1 - z) / np.where(left, 1.0, 1 - c))


def _triang_cdf(z: Any, c: Any) -> Any:
    left = z < c
    below = z * z / np.where(left, c, 1.0)
    return np.where(left, below, 1 - (1 - z) ** 2 / np.where(left, 1.0, 1 - c))


def _trapezoid_sides(z: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    """The flanks on which z lies, and their widths."""
    left, right = z < c, z > d
    return left, right, np.where(left, c, 1.0), np.where(right, 1 - d, 1.0)


def _trapezoid_pdf(z: Any, c: Any, d: Any) -> Any:
    left, right, rise, fall = _trapezoid_sides(z, c, d)
    return 2 / (1 + d - c) * np.where(left, z / rise, np.where(right, (1 - z) / fall, 1.0))


def _trapezoid_cdf(z: Any, c: Any, d: Any) -> Any:
    left, right, rise, fall = _trapezoid_sides(z, c, d)
    top = 1 + d - c
    flat_or_right = np.where(right, 1 - (1 - z) ** 2 / (top * fall), (2 * z - c) / top)
    return np.where(left, z * z / (rise * top), flat_or_right)


_LOG_DENSITIES: Final[dict[Any, Callable[..., Any]]] = {
    stats.burr: _burr_logpdf,
    stats.cauchy: lambda z: -math.log(math.pi) - np.log1p(z * z),
    stats.fisk: lambda z, c: _burr_logpdf(z, c, 1.0),
    stats.genextreme: _genextreme_logpdf,
    stats.gengamma: _gengamma_logpdf,
    stats.genpareto: lambda z, c: -np.log1p(c * z) - z * _log_over(c * z),
    stats.gibrat: lambda z: _lognorm_logpdf(z, 1.0),
    stats.lognorm: _lognorm_logpdf,
    stats.pearson3: _pearson3_logpdf,
    stats.skewnorm: lambda z, a: math.log(2) + _normal_logpdf(z) + special.log_ndtr(a * z),
    stats.t: _t_logpdf,
    stats.trapezoid: lambda z, c, d: np.log(_trapezoid_pdf(z, c, d)),
    stats.triang: lambda z, c: np.log(_triang_pdf(z, c)),
    stats.truncnorm: lambda z, a, b: _normal_logpdf(z) - np.log(_normal_between(a, b)),
    stats.bernoulli: lambda k, p: special.xlogy(k, p) + special.xlog1py(1 - k, -p),
    stats.binom: lambda k, n, p: (
        special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        + special.xlogy(k, p) + special.xlog1py(n - k, -p)
    ),
    stats.nbinom: lambda k, n, p: (
        special.gammaln(n + k) - special.gammaln(k + 1) - special.gammaln(n)
        + n * np.log(p) + special.xlog1py(k, -p)
    ),
}  # fmt: skip

_DISTRIBUTION_FUNCTIONS: Final[dict[Any, Callable[..., Any]]] = {
    stats.genextreme: lambda z, c: np.exp(-np.exp(-z * _log_over(-c * z))),
    stats.genpareto: lambda z, c: -np.expm1(-z * _log_over(c * z)),
    stats.pearson3: _pearson3_cdf,
    stats.skewnorm: lambda z, a: special.ndtr(z) - 2 * special.owens_t(z, a),
    stats.trapezoid: _trapezoid_cdf,
    stats.triang: _triang_cdf,
    stats.truncnorm: lambda z, a, b: _normal_between(a, z) / _normal_between(a, b),
    stats.bernoulli: lambda k, p: special.bdtr(np.floor(k), 1, p),
    stats.binom: lambda k, n, p: special.bdtr(np.floor(k), n, p),
    stats.nbinom: lambda k, n, p: special.betainc(n, np.floor(k) + 1, p),
    stats.poisson: lambda k, mu: special.pdtr(np.floor(k), mu),
}

# Shapes that are counts, by their index: they do not vary.
_COUNTS: Final[dict[Any, tuple[int, ...]]] = {
    stats.bernoulli: (),
    stats.binom: (0,),
    stats.betabinom: (0,),
    stats.hypergeom: (0, 1, 2),
    stats.randint: (0, 1),
    stats.nhypergeom: (0, 1, 2),
}


def _of_type(table: dict[Any, Any], dist: Any) -> Any:
    """What a table says of distributions of this type, also of a rebound one."""
    known = {type(one): entry for one, entry in table.items()}
    return next((known[cls] for cls in type(dist).__mro__ if cls in known), None)


def _formula(dist: Any, name: str) -> Callable[..., Any]:
    """The logarithm of the density (or mass), or the distribution function, on BVars."""
    table = _DISTRIBUTION_FUNCTIONS if name == "cdf" else _LOG_DENSITIES
    return _of_type(table, dist) or getattr(dist, f"_{name}")


def _no_formula(dist: Any, name: str, reason: str) -> NoGradientError:
    return NoGradientError(
        f"The {name} of scipy.stats.{dist.name} has no gradient by this argument.",
        "Write value_of(...) around the argument where a constant is meant.",
        why=reason,
    )


def _slope(dist: Any, name: str, index: int, z: Any, *shapes: Any) -> Any:
    """A partial derivative of a formula: by z (index 0) or by a shape, elementwise.

    The formula is trusted where it gives the value of scipy's own method.
    """
    if index and index - 1 in (_of_type(_COUNTS, dist) or ()):
        raise _no_formula(dist, name, "it is a count")
    formula, given = _formula(dist, name), [z, *shapes]
    shape = np.broadcast_shapes(*map(np.shape, given))
    given = [v if np.shape(v) == shape else v + np.zeros(shape) for v in given]

    def of_one(v: Any) -> Any:
        return settled(formula(*(v if i == index else w for i, w in enumerate(given))))

    try:
        found = grad_bp(of_one, given[index] * 1.0)
        value = plain(of_one(plain(given[index])))
    except (LiftError, AttributeError, TypeError, ValueError) as error:
        raise _no_formula(dist, name, str(error).partition("\n")[0]) from error
    expected = _METHODS_OF[name](dist, *map(plain, given))
    if not np.allclose(value, expected, rtol=1e-7, atol=1e-12, equal_nan=True):
        raise _no_formula(dist, name, "its formula does not give scipy's value")
    return found


_METHODS_OF: Final = {
    "logpdf": stats.rv_continuous.logpdf,
    "logpmf": stats.rv_discrete.logpmf,
    "cdf": lambda dist, x, *shapes: type(dist).cdf(dist, x, *shapes),
}


# Methods with their arguments by name: the variable, location, scale and up to five shapes

_SHAPES: Final = ("s0", "s1", "s2", "s3", "s4")
_OWN: Final = Registry(parent=registry)


class _At:
    """What the derivatives of a distribution's methods are made of, at given arguments.

    Attributes
    ----------
    z : ndarray
        The standardized variable; the median where x lies outside of the support.
    inside : ndarray of bool, or True
    """

    def __init__(self, dist: Any, x: Any, loc: Any, scale: Any, shapes: tuple[Any, ...]) -> None:
        self.dist, self.x, self.loc, self.scale = dist, x, loc, scale
        self.shapes = tuple(s for s in shapes if s is not None)
        z = self.z = (x - loc) / scale
        fixed = [plain(s) for s in self.shapes]
        low, high = dist._get_support(*map(np.asarray, fixed))
        at = plain(z)
        inside = (at > low) & (at < high)
        if isinstance(dist, stats.rv_discrete):
            inside = (at >= low) & (at <= high)
        self.inside = True if np.all(inside) else inside
        if self.inside is not True:
            self.z = np.where(inside, z, dist.median(*fixed))

    def log_density(self, index: int) -> Any:
        """Derivative of the logarithm of the standardized density, or mass."""
        name = "logpmf" if isinstance(self.dist, stats.rv_discrete) else "logpdf"
        return self._within(_slope(self.dist, name, index, self.z, *self.shapes))

    def below(self, index: int) -> Any:
        """Derivative of the distribution function by a shape."""
        return self._within(_slope(self.dist, "cdf", index, self.z, *self.shapes))

    def method(self, name: str) -> Any:
        """Another method at the same arguments, as one that can be differentiated."""
        return _twin(name)(self.dist, self.x, self.loc, self.scale, *self.shapes)

    def _within(self, slope: Any) -> Any:
        return slope if self.inside is True else np.where(self.inside, slope, 0.0)


def _of_density(at: _At, index: int | str, result: Any) -> Any:
    if index == "scale":
        return -result * (1 + at.z * at.log_density(0)) / at.scale
    if index in ("x", "loc"):
        return (1 if index == "x" else -1) * result * at.log_density(0) / at.scale
    return result * at.log_density(index)


def _of_log_density(at: _At, index: int | str, result: Any) -> Any:
    return at._within(_of_density(at, index, 1.0))


def _of_distribution(at: _At, index: int | str, result: Any) -> Any:
    if index == "scale":
        return -at.z * at.method("pdf")
    if index in ("x", "loc"):
        return (1 if index == "x" else -1) * at.method("pdf")
    return at.below(index)


def _of_log_distribution(at: _At, index: int | str, result: Any) -> Any:
    if isinstance(index, int):
        return at.below(index) * np.exp(-result)
    slope = np.exp(at.method("logpdf") - result)
    return slope * {"x": 1.0, "loc": -1.0, "scale": -at.z}[index]


def _of_mass(at: _At, index: int | str, result: Any) -> Any:
    return result * at.log_density(index) if isinstance(index, int) else 0.0


def _of_log_mass(at: _At, index: int | str, result: Any) -> Any:
    return at.log_density(index) if isinstance(index, int) else 0.0


def _of_steps(at: _At, index: int | str, result: Any) -> Any:
    return at.below(index) if isinstance(index, int) else 0.0


def _of_log_steps(at: _At, index: int | str, result: Any) -> Any:
    return at.below(index) * np.exp(-result) if isinstance(index, int) else 0.0


def _negated(slope: Any) -> Any:
    return lambda at, index, result: -slope(at, index, result)


_CONTINUOUS: Final = {
    "pdf": _of_density,
    "logpdf": _of_log_density,
    "cdf": _of_distribution,
    "sf": _negated(_of_distribution),
    "logcdf": _of_log_distribution,
    "logsf": _negated(_of_log_distribution),
}
_DISCRETE: Final = {
    "pmf": _of_mass,
    "logpmf": _of_log_mass,
    "cdf": _of_steps,
    "sf": _negated(_of_steps),
    "logcdf": _of_log_steps,
    "logsf": _negated(_of_log_steps),
}


def _partials(slope: Any) -> dict[str, Any]:
    """The rules of a method, one for each of its arguments."""

    def partial(index: int | str) -> Any:
        def by_argument(
            dist: Any, x: Any, loc: Any, scale: Any,
            s0: Any, s1: Any, s2: Any, s3: Any, s4: Any, result: Any,
        ) -> Any:  # fmt: skip
            return slope(_At(dist, x, loc, scale, (s0, s1, s2, s3, s4)), index, result)

        return by_argument

    shapes = {name: partial(i + 1) for i, name in enumerate(_SHAPES)}
    return {"x": partial("x"), "loc": partial("loc"), "scale": partial("scale"), **shapes}


def _quantile_partials(sign: float) -> dict[str, Any]:
    """The same of a quantile x with cdf(x) = q, or sf(x) = q for sign -1."""

    def by_q(
        dist: Any, loc: Any, scale: Any, s0: Any, s1: Any, s2: Any, s3: Any, s4: Any, result: Any
    ) -> Any:
        return sign / _At(dist, result, loc, scale, (s0, s1, s2, s3, s4)).method("pdf")

    def by_shape(index: int) -> Any:
        def partial(
            dist: Any, loc: Any, scale: Any, s0: Any, s1: Any, s2: Any, s3: Any, s4: Any,
            result: Any,
        ) -> Any:  # fmt: skip
            at = _At(dist, result, loc, scale, (s0, s1, s2, s3, s4))
            return -at.below(index) / at.method("pdf")

        return partial

    return {
        "x": by_q,
        "loc": lambda: 1.0,
        "scale": lambda loc, scale, result: (result - loc) / scale,
        **{name: by_shape(i + 1) for i, name in enumerate(_SHAPES)},
    }


def _inner(original: Any, partials: dict[str, Any], discrete: bool) -> Any:
    """A method of a distribution as a function of named arguments, with its rule."""

    def method(
        dist: Any, x: Any, loc: Any, scale: Any,
        s0: Any = None, s1: Any = None, s2: Any = None, s3: Any = None, s4: Any = None,
    ) -> Any:  # fmt: skip
        shapes = [s for s in (s0, s1, s2, s3, s4) if s is not None]
        return original(dist, x, *shapes, loc) if discrete else original(dist, x, *shapes, loc, scale)

    method.__module__, method.__qualname__ = "scipy.stats", original.__qualname__
    lifted(derivative=partials, into=_OWN)(method)
    return twin_of(method, _OWN)


@functools.cache
def _twin(name: str, discrete: bool = False) -> Any:
    """A method by its name, as a function of named arguments."""
    original = getattr(stats.rv_discrete if discrete else stats.rv_continuous, name)
    if name in ("ppf", "isf"):
        return _inner(original, _quantile_partials(1.0 if name == "ppf" else -1.0), discrete)
    return _inner(original, _partials((_DISCRETE if discrete else _CONTINUOUS)[name]), discrete)


def _call(name: str, dist: Any, x: Any, args: Any, kwds: Any) -> Any:
    """A method of a distribution, on BVars or plain values."""
    discrete = isinstance(dist, stats.rv_discrete)
    if not (has_bvar(x) or has_bvar(args) or has_bvar(kwds)):
        return getattr(stats.rv_discrete if discrete else stats.rv_continuous, name)(
            dist, x, *args, **kwds
        )
    if discrete and name in ("ppf", "isf"):  # steps
        return getattr(stats.rv_discrete, name)(dist, plain(x), *plain(args), **plain(kwds))
    shapes, loc, scale = dist._parse_args(*args, **kwds)
    return _twin(name, discrete)(dist, *map(settled, (x, loc, scale, *shapes)))


def _samples(name: str) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    quantile = name in ("ppf", "isf")

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for dist, shapes in (
            (stats.norm, ()), (stats.gamma, (2.3,)), (stats.t, (3.4,)), (stats.beta, (2.1, 1.4)),
            (stats.lognorm, (0.7,)), (stats.weibull_min, (1.6,)), (stats.genextreme, (0.2,)),
        ):  # fmt: skip
            x = rng.uniform(0.1, 0.9, size=3)
            x = x if quantile else dist.ppf(x, *shapes)
            found.append((dist, x if quantile else 0.2 + 1.3 * x, *shapes, 0.2, 1.3))
        scales = rng.uniform(0.5, 2, size=(2, 1))
        found.append((stats.norm, rng.uniform(0.1, 0.9, size=3), 0.3, scales))
        return found

    return samples


def _discrete_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    k = np.array([1, 3, 2])
    return [
        (stats.poisson, k, 2.3), (stats.poisson, k, rng.uniform(1, 3, size=(2, 1))),
        (stats.binom, k, 5, 0.4), (stats.geom, k, 0.4, 0), (stats.nbinom, k, 3.2, 0.4),
        (stats.bernoulli, np.array([0, 0]), 0.4),
    ]  # fmt: skip


def _public(cls: Any, name: str, samples: Any) -> None:
    """Register the twin of a method, which takes the distribution first."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def twin(self: Any, x: Any, *args: Any, **kwds: Any) -> Any:
        return _call(name, self, x, args, kwds)

    variable = list(inspect.signature(original).parameters)[1]
    wrt = ("args",) if variable == "k" else (variable, "args")
    lifted(twin=twin, wrt=wrt, samples=samples)(original)


for _name in (*_CONTINUOUS, "ppf", "isf"):
    _public(stats.rv_continuous, _name, _samples(_name))
for _name in _DISCRETE:
    _public(stats.rv_discrete, _name, _discrete_samples)
for _name in ("ppf", "isf"):
    locally_constant(getattr(stats.rv_discrete, _name))


# Moments, which are functions of the parameters only


def _standard_moment(dist: Any, order: int, shapes: Any) -> Any:
    """Mean (order 0) or variance (1) of the standardized distribution."""
    fixed = [plain(s) for s in shapes]
    expected = (stats.rv_continuous.mean, stats.rv_continuous.var)[order](dist, *fixed)
    if not has_bvar(shapes):
        return expected
    name = ("mean", "variance")[order]
    given = [settled(s) for s in shapes]
    try:
        found = dist._stats(*given)[order]
        if found is None:
            found = dist._munp(1, *given)
            found = dist._munp(2, *given) - found * found if order else found
    except (LiftError, AttributeError, TypeError, ValueError) as error:
        raise _no_formula(dist, name, str(error).partition("\n")[0]) from error
    if found is None or not np.allclose(plain(found), expected, rtol=1e-7, equal_nan=True):
        raise _no_formula(dist, name, "scipy has no formula of it")
    return found


def _mean(dist: Any, shapes: Any, loc: Any, scale: Any) -> Any:
    return loc + scale * _standard_moment(dist, 0, shapes)


def _var(dist: Any, shapes: Any, loc: Any, scale: Any) -> Any:
    return scale * scale * _standard_moment(dist, 1, shapes)


def _std(dist: Any, shapes: Any, loc: Any, scale: Any) -> Any:
    return scale * np.sqrt(_standard_moment(dist, 1, shapes))


def _entropy(dist: Any, shapes: Any, loc: Any, scale: Any) -> Any:
    fixed = [plain(s) for s in shapes]
    found = expected = stats.rv_continuous.entropy(dist, *fixed)
    if has_bvar(shapes):
        try:
            found = settled(dist._entropy(*map(settled, shapes)))
        except (LiftError, AttributeError, TypeError, ValueError) as error:
            raise _no_formula(dist, "entropy", str(error).partition("\n")[0]) from error
        if not np.allclose(plain(found), expected, rtol=1e-7, equal_nan=True):
            raise _no_formula(dist, "entropy", "scipy has no formula of it")
    return found if isinstance(dist, stats.rv_discrete) else found + np.log(scale)


_MOMENTS: Final = {"mean": _mean, "var": _var, "std": _std, "entropy": _entropy}


def _moment(name: str, dist: Any, args: Any, kwds: Any) -> Any:
    if not (has_bvar(args) or has_bvar(kwds)):
        return getattr(stats.rv_continuous, name)(dist, *args, **kwds)
    shapes, loc, scale = dist._parse_args(*args, **kwds)
    return _MOMENTS[name](dist, *(tuple(map(settled, shapes)), settled(loc), settled(scale)))


def _median(dist: Any, *args: Any, **kwds: Any) -> Any:
    return _call("ppf", dist, 0.5, args, kwds)


def _interval(dist: Any, confidence: Any, *args: Any, **kwds: Any) -> Any:
    if np.any((plain(confidence) > 1) | (plain(confidence) < 0)):
        raise ValueError("confidence must be between 0 and 1 inclusive")
    low, high = (1.0 - confidence) / 2, (1.0 + confidence) / 2
    return _call("ppf", dist, low, args, kwds), _call("ppf", dist, high, args, kwds)


def _public_moment(name: str) -> None:
    original = getattr(stats.rv_continuous, name)

    @functools.wraps(original)
    def twin(self: Any, *args: Any, **kwds: Any) -> Any:
        return _moment(name, self, args, kwds)

    samples = [(stats.norm, 0.3, 1.2), (stats.weibull_min, 2.3, 0.3, 1.2)]
    lifted(twin=twin, wrt=("args",), samples=samples)(original)


for _name in _MOMENTS:
    _public_moment(_name)
lifted(twin=_median, wrt=("args",), samples=[(stats.gamma, 2.3, 0.3, 1.2)])(
    stats.rv_continuous.median
)
lifted(twin=_interval, wrt=("confidence", "args"), samples=[(stats.norm, 0.9, 0.3, 1.2)])(
    stats.rv_continuous.interval
)
for _name in ("rvs", "stats", "moment", "nnlf", "support"):
    no_grad("nobody has written it")(getattr(stats.rv_continuous, _name))
no_grad("its result is found by search, or by quadrature")(stats.rv_continuous.fit)
for _original in (stats.rv_continuous.expect, stats.rv_discrete.expect, stats.rv_discrete.rvs):
    no_grad("nobody has written it")(_original)


# Frozen distributions, whose parameters may be BVars


def _frozen(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(stats.norm(0.3, 1.2),), (stats.gamma(2.3, scale=1.2),)]


def _frozen_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(dist, rng.uniform(0.2, 0.8, size=3)) for (dist,) in _frozen(rng)]


def _public_frozen(cls: Any, name: str) -> None:
    original = getattr(cls, name)

    @functools.wraps(original)
    def twin(self: Any, x: Any) -> Any:
        return _call(name, self.dist, x, self.args, self.kwds)

    variable = list(inspect.signature(original).parameters)[1]
    if variable == "k":
        lifted(twin=twin, wrt=(), samples=[(stats.poisson(2.3), np.array([1, 2]))])(original)
    else:
        lifted(twin=twin, wrt=(variable,), samples=_frozen_samples)(original)


def _public_frozen_moment(cls: Any, name: str) -> None:
    @functools.wraps(getattr(cls, name))
    def twin(self: Any) -> Any:
        return _moment(name, self.dist, self.args, self.kwds)

    lifted(twin=twin, wrt=(), samples=_frozen)(getattr(cls, name))


def _frozen_median(self: Any) -> Any:
    return _median(self.dist, *self.args, **self.kwds)


def _frozen_interval(self: Any, confidence: Any = None) -> Any:
    return _interval(self.dist, confidence, *self.args, **self.kwds)


_Frozen = stats.distributions.rv_frozen
for _name in ("cdf", "logcdf", "sf", "logsf", "ppf", "isf"):
    _public_frozen(_Frozen, _name)
for _cls in _Frozen.__subclasses__():
    for _name in ("pdf", "logpdf", "pmf", "logpmf"):
        if _name in vars(_cls):
            _public_frozen(_cls, _name)
for _name in _MOMENTS:
    _public_frozen_moment(_Frozen, _name)
lifted(twin=_frozen_median, wrt=(), samples=_frozen)(_Frozen.median)
lifted(twin=_frozen_interval, wrt=("confidence",), samples=_frozen_samples)(_Frozen.interval)


# The multivariate normal distribution


def _normal_log_density(self: Any, x: Any, mean: Any, cov: Any, allow_singular: Any) -> Any:
    mean = None if mean is None else settled(mean)
    cov, x = settled(1 if cov is None else cov), settled(x)
    sizes = [np.shape(v)[-1] for v in (cov, mean) if v is not None and np.ndim(v)]
    d = sizes[0] if sizes else 1
    if np.ndim(cov) == 0:
        cov = cov * np.eye(d)
    elif np.ndim(cov) == 1:
        cov = np.diag(cov)
    else:  # of which scipy reads the lower triangle
        lower = np.tri(d, k=-1)
        cov = cov * (lower + np.eye(d)) + (cov * lower).T
    if np.ndim(x) == 0:
        x = np.reshape(x, (1,))
    elif np.ndim(x) == 1 and d == 1:
        x = np.reshape(x, (-1, 1))
    deviation = x if mean is None else x - mean
    scaled = np.linalg.solve(cov, np.expand_dims(deviation, -1))[..., 0]
    distance = np.sum(deviation * scaled, axis=-1)
    found = -0.5 * (d * math.log(2 * math.pi) + np.linalg.slogdet(cov)[1] + distance)
    return np.reshape(found, ()) if np.shape(found) == (1,) else found


def _normal_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a = rng.normal(size=(3, 3))
    x, mean, cov = rng.normal(size=(4, 3)), rng.normal(size=3), a @ a.T + np.eye(3)
    one = stats.multivariate_normal
    return [(one, x, mean, cov), (one, x[0], mean), (one, x[:, 0], 0.3, 1.7), (one, x, mean, 0.7)]


def _public_normal(name: str) -> None:
    original = getattr(type(stats.multivariate_normal), name)

    @functools.wraps(original)
    def twin(
        self: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False
    ) -> Any:
        value = original(self, plain(x), plain(mean), plain(cov), allow_singular)
        if not has_bvar((x, mean, cov)):
            return value
        if allow_singular:
            raise NoGradientError(
                f"scipy.stats.multivariate_normal.{name} has no gradient for allow_singular=True.",
                "Leave allow_singular away where the covariance is regular.",
            )
        found = _normal_log_density(self, x, mean, cov, allow_singular)
        return np.reshape(found if name == "logpdf" else np.exp(found), np.shape(value))

    lifted(twin=twin, wrt=("x", "mean", "cov"), samples=_normal_samples)(original)


for _name in ("pdf", "logpdf"):
    _public_normal(_name)


# Statistics of samples


def _statistic(original: Any, wrt: tuple[str, ...], samples: Any) -> Callable[[Any], Any]:
    """Register a formula as the twin of a statistic; it gets its arguments by name."""
    signature = inspect.signature(original)

    def register(formula: Any) -> Any:
        @functools.wraps(original)
        def twin(*args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            for name in _RARE.keys() & given.keys():
                if given.pop(name) not in _RARE[name]:
                    raise NoGradientError(
                        f"scipy.stats.{original.__name__} has no gradient for this {name}.",
                        "Leave it at its default.",
                        given=f"{name}={bound.arguments[name]!r}",
                    )
            given.update({name: settled(given[name]) for name in wrt if given[name] is not None})
            axis, x = given.get("axis", 0), given[wrt[0]]
            if axis is None and "axis" in given:
                given[wrt[0]], given["axis"] = np.ravel(x), 0
                if given.get("weights") is not None:
                    given["weights"] = np.ravel(given["weights"])
            keepdims = given.pop("keepdims", False)
            found = formula(**given)
            if axis is None and np.ndim(found):
                return np.reshape(found, np.shape(x))
            if keepdims:
                axes = range(np.ndim(x)) if axis is None else np.atleast_1d(axis)
                found = np.expand_dims(found, tuple(int(i) % np.ndim(x) for i in axes))
            return found

        lifted(twin=twin, wrt=wrt, samples=samples)(original)
        return formula

    return register


# Settings, with the values for which the formulas hold.
_RARE: Final = {"nan_policy": ("propagate",), "dtype": (None,), "alternative": ("two-sided",)}


def _sample(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = rng.uniform(0.5, 3, size=(4, 5))
    return [(x,), (x[0],), (x, 1), (x, -2), (x, None)]


def _central(a: Any, axis: Any, power: int) -> Any:
    return np.mean((a - np.mean(a, axis=axis, keepdims=True)) ** power, axis=axis)


def _count(a: Any, axis: Any) -> int:
    return int(np.prod([np.shape(a)[i] for i in np.atleast_1d(axis)]))


def _weighted_mean(a: Any, weights: Any, axis: Any) -> Any:
    if weights is None:
        return np.mean(a, axis=axis)
    if np.shape(weights) != np.shape(a):
        weights = np.expand_dims(weights, tuple(i for i in range(np.ndim(a)) if i != axis % np.ndim(a)))
    return np.sum(a * weights, axis=axis) / np.sum(weights * np.ones(np.shape(a)), axis=axis)


def _weighted_samples(*more: Any) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        x, w = rng.uniform(0.5, 3, size=(4, 5)), rng.uniform(0.5, 3, size=(4, 5))
        axes: list[dict[str, Any]] = [{"axis": 0}, {"axis": 1, "weights": w}, {"axis": None}]
        return [(x, *more, settings) for settings in axes]

    return samples


@_statistic(stats.gmean, ("a", "weights"), _weighted_samples())
def _gmean(a: Any, axis: Any, weights: Any) -> Any:
    return np.exp(_weighted_mean(np.log(a), weights, axis))


@_statistic(stats.hmean, ("a", "weights"), _weighted_samples())
def _hmean(a: Any, axis: Any, weights: Any) -> Any:
    return 1 / _weighted_mean(1 / a, weights, axis)


@_statistic(stats.pmean, ("a", "weights"), _weighted_samples(1.7))
def _pmean(a: Any, p: Any, axis: Any, weights: Any) -> Any:
    if p == 0:
        return _gmean(a, axis, weights)
    return _weighted_mean(a**p, weights, axis) ** (1 / p)


@_statistic(stats.zscore, ("a",), _sample)
def _zscore(a: Any, axis: Any, ddof: Any) -> Any:
    mean = np.mean(a, axis=axis, keepdims=True)
    return (a - mean) / np.std(a, axis=axis, ddof=ddof, keepdims=True)


@_statistic(stats.skew, ("a",), _sample)
def _skew(a: Any, axis: Any, bias: Any) -> Any:
    n, m2 = _count(a, axis), _central(a, axis, 2)
    found = _central(a, axis, 3) / m2**1.5
    return found if bias or n < 3 else found * math.sqrt(n * (n - 1)) / (n - 2)


@_statistic(stats.kurtosis, ("a",), _sample)
def _kurtosis(a: Any, axis: Any, fisher: Any, bias: Any) -> Any:
    n, m2 = _count(a, axis), _central(a, axis, 2)
    found = _central(a, axis, 4) / m2**2
    if not bias and n > 3:
        found = ((n * n - 1) * found - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return found - 3 if fisher else found


@_statistic(
    stats.moment,
    ("a",),
    lambda rng: [(rng.normal(size=(4, 5)), 3), (rng.normal(size=(4, 5)), 2, 1, {"center": 0.3})],
)
def _sample_moment(a: Any, order: Any, axis: Any, center: Any) -> Any:
    if np.ndim(order):
        raise NoGradientError("scipy.stats.moment has no gradient for several orders.", "Give one.")
    if center is None:
        return _central(a, axis, order) if order != 1 else 0.0 * np.mean(a, axis=axis)
    return np.mean((a - plain(center)) ** order, axis=axis)


@_statistic(stats.sem, ("a",), _sample)
def _sem(a: Any, axis: Any, ddof: Any) -> Any:
    return np.std(a, axis=axis, ddof=ddof) / math.sqrt(_count(a, axis))


@_statistic(stats.variation, ("a",), _sample)
def _variation(a: Any, axis: Any, ddof: Any) -> Any:
    return np.std(a, axis=axis, ddof=ddof) / np.mean(a, axis=axis)


@_statistic(
    stats.entropy,
    ("pk", "qk"),
    lambda rng: [
        (rng.uniform(0.1, 1, size=(4, 3)),),
        (rng.uniform(0.1, 1, size=(4, 3)), rng.uniform(0.1, 1, size=(4, 3)), 2, 1),
    ],
)
def _entropy_of(pk: Any, qk: Any, base: Any, axis: Any) -> Any:
    pk = pk / np.sum(pk, axis=axis, keepdims=True)
    if qk is None:
        terms = special.entr(pk)
    else:
        terms = special.rel_entr(pk, qk / np.sum(qk, axis=axis, keepdims=True))
    return np.sum(terms, axis=axis) / (1.0 if base is None else math.log(base))


@_statistic(stats.gstd, ("a",), _sample)
def _gstd(a: Any, axis: Any, ddof: Any) -> Any:
    return np.exp(np.std(np.log(a), axis=axis, ddof=ddof))


def _pairs_of_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = rng.normal(size=7)
    return [(x, 0.4 * x + rng.normal(size=7))]


def _correlated(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Variances of two samples, and their covariance, each with n in the denominator."""
    dx, dy = x - np.mean(x), y - np.mean(y)
    return np.mean(dx * dx), np.mean(dy * dy), np.mean(dx * dy)


def _linregress(x: Any, y: Any, alternative: str = "two-sided", **settings: Any) -> Any:
    found = stats.linregress(plain(x), plain(y), alternative, **settings)
    if not (has_bvar(x) or has_bvar(y)):
        return found
    if alternative != "two-sided" or settings or np.ndim(plain(x)) != 1:
        raise NoGradientError(
            "scipy.stats.linregress has no gradient for these settings.",
            "Give two samples of one dimension, and no settings.",
        )
    x, y = settled(x), settled(y)
    n = len(plain(x))
    xx, yy, xy = _correlated(x, y)
    slope, r = xy / xx, xy / np.sqrt(xx * yy)
    free = n - 2
    error = np.sqrt((1 - r * r) * yy / xx / free)
    t = r * np.sqrt(free / (1 - r * r))
    return type(found)(
        slope,
        np.mean(y) - slope * np.mean(x),
        r,
        2 * special.stdtr(float(free), -np.abs(t)),
        error,
        intercept_stderr=error * np.sqrt(xx + np.mean(x) ** 2),
    )


lifted(twin=_linregress, wrt=("x", "y"), samples=_pairs_of_samples)(stats.linregress)
for _original in (stats.rankdata, stats.mode):
    locally_constant(_original)
