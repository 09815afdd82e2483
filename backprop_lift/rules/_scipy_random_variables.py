"""Distributions of `scipy.stats`, frozen ones too.

The value of a distribution's method is scipy's own. Its derivatives follow from three functions
of the standardized variable ``z = (x - loc) / scale``: the density (of every continuous
distribution, by x, loc and scale), the logarithm of the density, and the distribution function (by
shapes, and of quantiles by the implicit function theorem). The last two are scipy's own formulas,
run on BVars, or else those of `_distribution_formulas`; where neither can be differentiated, the
gradient is refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import stats

from .._bvar import has_bvar
from .._lift import lifted, locally_constant, no_grad
from .._registry import Registry, registry, twin_of
from .._run import grad_bp
from ..errors import LiftError, NoGradientError
from ._distribution_formulas import COUNTS, DISTRIBUTION_FUNCTIONS, LOG_DENSITIES, of_type
from ._implicit import plain, settled

__all__: list[str] = []


def _formula(dist: Any, name: str) -> Any:
    """The logarithm of the density (or mass), or the distribution function, on BVars."""
    table = DISTRIBUTION_FUNCTIONS if name == "cdf" else LOG_DENSITIES
    return of_type(table, dist) or getattr(dist, f"_{name}")


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
    if index and index - 1 in (of_type(COUNTS, dist) or ()):
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


def _of_density(at: _At, index: Any, result: Any) -> Any:
    if index == "scale":
        return -result * (1 + at.z * at.log_density(0)) / at.scale
    if index in ("x", "loc"):
        return (1 if index == "x" else -1) * result * at.log_density(0) / at.scale
    return result * at.log_density(index)


def _of_log_density(at: _At, index: Any, result: Any) -> Any:
    return at._within(_of_density(at, index, 1.0))


def _of_distribution(at: _At, index: Any, result: Any) -> Any:
    if index == "scale":
        return -at.z * at.method("pdf")
    if index in ("x", "loc"):
        return (1 if index == "x" else -1) * at.method("pdf")
    return at.below(index)


def _of_log_distribution(at: _At, index: Any, result: Any) -> Any:
    if isinstance(index, int):
        return at.below(index) * np.exp(-result)
    slope = np.exp(at.method("logpdf") - result)
    return slope * {"x": 1.0, "loc": -1.0, "scale": -at.z}[index]


def _of_mass(at: _At, index: Any, result: Any) -> Any:
    return result * at.log_density(index) if isinstance(index, int) else 0.0


def _of_log_mass(at: _At, index: Any, result: Any) -> Any:
    return at.log_density(index) if isinstance(index, int) else 0.0


def _of_steps(at: _At, index: Any, result: Any) -> Any:
    return at.below(index) if isinstance(index, int) else 0.0


def _of_log_steps(at: _At, index: Any, result: Any) -> Any:
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

    def partial(index: Any) -> Any:
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
        return (
            original(dist, x, *shapes, loc) if discrete else original(dist, x, *shapes, loc, scale)
        )

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
        found.append((stats.norm, rng.uniform(0.1, 0.9, size=(2, 3)), 0.3, scales))
        return found

    return samples


def _discrete_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    k = np.array([1, 3, 2])
    return [
        (stats.poisson, k, 2.3), (stats.poisson, k, rng.uniform(1, 3, size=(2, 3))),
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
    found = _MOMENTS[name](dist, *(tuple(map(settled, shapes)), settled(loc), settled(scale)))
    # A variance does not depend on the location, but has an element for each.
    shape = np.broadcast_shapes(*(np.shape(plain(given)) for given in (*shapes, loc, scale)))
    return found if np.shape(plain(found)) == shape else np.broadcast_to(found, shape)


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

    samples = [
        (stats.norm, 0.3, 1.2),
        (stats.weibull_min, 2.3, 0.3, 1.2),
        (stats.norm, np.array([[0.3], [0.4]]), np.array([[1.2, 0.7, 1.5]])),
        (stats.norm, np.array([[0.3, 0.4, 0.1]]), np.array([[1.2], [0.7]])),
    ]
    lifted(twin=twin, wrt=("args",), samples=samples)(original)


for _name in _MOMENTS:
    _public_moment(_name)
_ARRAYS: Final = (np.array([[0.3, 0.1, 0.5]]), np.array([[1.2], [0.7]]))
_GAMMA, _GAMMAS = (stats.gamma, 2.3, 0.3, 1.2), (stats.gamma, np.array([2.3, 1.1, 3.2]), *_ARRAYS)
_NORM, _NORMS = (stats.norm, 0.9, 0.3, 1.2), (stats.norm, np.array([[0.9, 0.5, 0.7]]), *_ARRAYS)

lifted(twin=_median, wrt=("args",), samples=[_GAMMA, _GAMMAS])(stats.rv_continuous.median)
lifted(twin=_interval, wrt=("confidence", "args"), samples=[_NORM, _NORMS])(
    stats.rv_continuous.interval
)
for _name in ("rvs", "stats", "moment", "nnlf", "support"):
    no_grad("nobody has written it")(getattr(stats.rv_continuous, _name))
no_grad("its result is found by search, or by quadrature")(stats.rv_continuous.fit)
for _original in (stats.rv_continuous.expect, stats.rv_discrete.expect, stats.rv_discrete.rvs):
    no_grad("nobody has written it")(_original)


# Frozen distributions, whose parameters may be BVars


# They vary with the parameters that the distribution holds, which are no arguments.
_OF_PARAMETERS: Final[list[tuple[Any, ...]]] = []


def _frozen_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    dists = (stats.norm(0.3, 1.2), stats.gamma(2.3, scale=1.2))
    return [(dist, rng.uniform(0.2, 0.8, size=(2, 3))) for dist in dists]


def _public_frozen(cls: Any, name: str) -> None:
    original = getattr(cls, name)

    @functools.wraps(original)
    def twin(self: Any, x: Any) -> Any:
        return _call(name, self.dist, x, self.args, self.kwds)

    variable = list(inspect.signature(original).parameters)[1]
    if variable == "k":
        lifted(twin=twin, wrt=(), samples=_OF_PARAMETERS)(original)
    else:
        lifted(twin=twin, wrt=(variable,), samples=_frozen_samples)(original)


def _public_frozen_moment(cls: Any, name: str) -> None:
    @functools.wraps(getattr(cls, name))
    def twin(self: Any) -> Any:
        return _moment(name, self.dist, self.args, self.kwds)

    lifted(twin=twin, wrt=(), samples=_OF_PARAMETERS)(getattr(cls, name))


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
lifted(twin=_frozen_median, wrt=(), samples=_OF_PARAMETERS)(_Frozen.median)
lifted(twin=_frozen_interval, wrt=("confidence",), samples=_frozen_samples)(_Frozen.interval)
