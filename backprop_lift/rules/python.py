"""Rules of the standard library: builtins, `math`, `cmath`, `operator`, `statistics`.

What works on BVars by itself has no twin here: ``sum``, ``min``, ``max``, ``sorted``, ``len``,
``round``, ``map``, ``zip``, `functools.reduce`, `itertools.accumulate` and their like, since BVars
answer iteration, comparison and arithmetic.
"""

from __future__ import annotations

import cmath
import functools
import importlib.util
import inspect
import math
import operator
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar import has_bvar, is_complex, rooted, value_of
from .._bvar.comparison import coincide, nearly_equal
from .._lift import lifted, locally_constant, no_grad
from .._registry import Entry, Registry, dotted_name, registry, twin_of
from .._space import ZERO
from .numpy_elementwise import ELEMENTARY, over, times
from .numpy_shapes import plain

__all__: list[str] = []

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]

_original: Any  # of each rule in a table
_derivative: Any


def _numbers(low: float, high: float, count: int = 1) -> Samples:
    return lambda rng: [tuple(map(float, rng.uniform(low, high, count))) for _ in range(2)]


def _complex_numbers(low: float, high: float) -> Samples:
    return lambda rng: [
        (complex(rng.uniform(low, high), rng.uniform(0.3, 1)),),
        (float(rng.uniform(low, high)),),
        (-2.0,),  # where some real functions have no value
    ]


# Builtins


def _float_grad(dzdy: Any, x: Any) -> Any:
    shape = np.shape(x)
    return np.reshape(dzdy, shape) if shape else dzdy


lifted(
    grad=_float_grad,
    wrt=("x",),
    signature="x=0.0, /",
    samples=lambda rng: [(1.5,), (np.float64(0.5),), (np.array(-1.5),)],
)(float)
lifted(
    derivative={"real": lambda: 1.0, "imag": lambda: 1j},
    signature="real=0.0, imag=0.0",
    samples=lambda rng: [(1.5, -0.5), (1.5 - 2j, 0.5 + 1j), (-0.5,)],
)(complex)
locally_constant(int)

lifted(twin=lambda self: self, samples=[(1.5,)])(float.conjugate)
lifted(twin=lambda self: np.conjugate(self), samples=[(1.5 - 2j,)])(complex.conjugate)


def _register_attribute(descriptor: Any, twin: Any) -> None:
    name, samples = dotted_name(descriptor), [(descriptor.__objclass__(1.5),)]
    registry.add(Entry(descriptor, "twin", name, __file__, samples=samples, make_twin=lambda: twin))


_register_attribute(float.real, lambda self: self)
_register_attribute(float.imag, lambda self: 0.0)
_register_attribute(complex.real, np.real)
_register_attribute(complex.imag, np.imag)
locally_constant(float.is_integer)
no_grad("splits a number into integers, of which none varies")(float.as_integer_ratio)


# math and cmath: one argument


def _of_complex(derivative: Callable[..., Any]) -> Callable[..., Any]:
    """A derivative asked for its value beside the real domain, where the result is complex."""
    if derivative.__code__.co_varnames[0] == "result":
        return derivative
    return lambda x: derivative(x if is_complex(x) else x + 0j)


for _name, (_derivative, _low, _high) in ELEMENTARY.items():
    if _name != "log":
        lifted(derivative=_derivative, signature="x, /", samples=_numbers(_low, _high))(
            getattr(math, _name)
        )
    if _name != "log" and hasattr(cmath, _name):
        lifted(
            derivative=_of_complex(_derivative),
            signature="x, /",
            samples=_complex_numbers(_low, _high),
        )(getattr(cmath, _name))

_DEGREE = math.pi / 180
_SLOPE_OF_ERF = 2 / math.sqrt(math.pi)

for _original, _derivative in {
    math.cbrt: lambda result: 1 / (3 * result * result),
    math.degrees: lambda: 1 / _DEGREE,
    math.erf: lambda x: _SLOPE_OF_ERF * np.exp(-x * x),
    math.erfc: lambda x: -_SLOPE_OF_ERF * np.exp(-x * x),
    math.fabs: lambda x: np.sign(x),
    math.radians: lambda: _DEGREE,
}.items():
    lifted(derivative=_derivative, samples=_numbers(-2, -0.5))(_original)


def _digamma(x: Any) -> Any:
    from scipy.special import digamma  # only when it is asked for: SciPy is optional, and slow

    return digamma(x)


if importlib.util.find_spec("scipy") is None:
    no_grad("needs scipy.special.digamma, and SciPy is not installed")(math.gamma)
    no_grad("needs scipy.special.digamma, and SciPy is not installed")(math.lgamma)
else:
    lifted(derivative=lambda x, result: result * _digamma(x), samples=_numbers(0.5, 3))(math.gamma)
    lifted(derivative=lambda x: _digamma(x), samples=_numbers(0.5, 3))(math.lgamma)


# Logarithms to a base

lifted(
    derivative={
        "x": lambda x, base: 1 / x if base is None else 1 / (x * np.log(base)),
        "base": lambda base, result: -result / (base * np.log(base)),
    },
    signature="x, base=None, /",
    samples=lambda rng: [(0.5,), (3.0, 2.5), (0.5, 7.0)],
)(math.log)
lifted(
    derivative={
        "z": lambda z, base: 1 / z if base is None else 1 / (z * np.log(base + 0j)),
        "base": lambda base, result: -result / (base * np.log(base + 0j)),
    },
    signature="z, base=None, /",
    samples=lambda rng: [(0.5 + 1j,), (-1.5,), (1.5 - 1j, 2.5 + 0.5j), (-0.5, -2.5)],
)(cmath.log)


# Two numbers


def _pow_by_base(x: Any, y: Any) -> Any:
    flat = plain(x) == plain(y) == 0  # as x ** 0 is
    exponent = 1.0 if flat else y - 1.0
    return y * np.float_power(x, exponent)


def _pow_by_exponent(x: Any, result: Any) -> Any:
    return result * np.log(x) if plain(x) != 0 else 0.0  # 0 ** y is flat in y


lifted(
    derivative={"x": _pow_by_base, "y": _pow_by_exponent},
    samples=lambda rng: [(1.5, 2.5), (0.5, -1.5), (2.0, 3.0)],
)(math.pow)
lifted(
    grad={
        "y": lambda dzdy, y, x: over(dzdy, np.hypot(x, y) ** 2) * x,
        "x": lambda dzdy, y, x: -over(dzdy, np.hypot(x, y) ** 2) * y,
    },
    samples=_numbers(-2, -0.5, 2),
)(math.atan2)
for _original in (math.fmod, math.remainder):
    lifted(
        grad={
            "x": lambda dzdy: dzdy,
            "y": lambda dzdy, x, y, result: -dzdy * times(x, y, result),
        },
        samples=lambda rng: [(-7.4, 1.7), (5.0, 1.3)],
    )(_original)
lifted(
    grad={
        "x": lambda dzdy, x, y: dzdy * np.sign(x) * np.copysign(1.0, y),
        "y": lambda dzdy: ZERO,
    },
    samples=_numbers(-2, -0.5, 2),
)(math.copysign)
lifted(
    grad={"x": lambda dzdy: dzdy, "y": lambda dzdy: ZERO},
    # steps= is new in Python 3.12
    ignores=("steps",) if "steps" in inspect.signature(math.nextafter).parameters else (),
    samples=_numbers(0.5, 2, 2),
)(math.nextafter)
lifted(grad={"x": lambda dzdy, i: np.ldexp(dzdy, i)}, samples=lambda rng: [(1.5, 3), (-0.7, -2)])(
    math.ldexp
)
lifted(grad=lambda dzdy, result: np.ldexp(dzdy[0], -plain(result)[1]), samples=_numbers(1.1, 1.9))(
    math.frexp
)
lifted(grad=lambda dzdy: dzdy[0], samples=_numbers(1.1, 1.9))(math.modf)


# Complex numbers as two real ones


def _phase_grad(dzdy: Any, z: Any) -> Any:
    return over(dzdy, abs(z) ** 2) * 1j * z


lifted(grad=_phase_grad, complex=True, samples=_complex_numbers(-2, -0.5))(cmath.phase)
lifted(twin=lambda z: (abs(z), twin_of(cmath.phase)(z)), samples=_complex_numbers(-2, -0.5))(
    cmath.polar
)
lifted(
    derivative={"r": lambda phi: np.exp(1j * phi), "phi": lambda result: 1j * result},
    samples=_numbers(0.5, 2, 2),
)(cmath.rect)


# Many numbers


def _hypot_grad(dzdy: Any, coordinates: Any, result: Any) -> Any:
    size = result if plain(result) != 0 else 1.0  # 0 at the origin, where it has a minimum
    return tuple(dzdy * x / size for x in coordinates)


lifted(
    grad={"coordinates": _hypot_grad},
    signature="*coordinates",
    samples=lambda rng: [(1.5, -0.5), (0.5, 1.5, -2.0)],
)(math.hypot)


def _dist(p: Any, q: Any) -> Any:
    """Twin of `math.dist`."""
    if not has_bvar((p, q)) or len(p) != len(q):
        return math.dist(value_of(p), value_of(q))
    return twin_of(math.hypot)(*(a - b for a, b in zip(p, q, strict=True)))


lifted(twin=_dist, samples=[([1.5, -0.5, 2.0], [0.5, 1.0, -1.0])])(math.dist)


def _fsum(*terms: Any) -> Any:
    return math.fsum(terms)


lifted(
    grad={"terms": lambda dzdy, terms: (dzdy,) * len(terms)},
    samples=lambda rng: [(1.5, -0.5, 2.0)],
)(_fsum)
lifted(twin=lambda seq: twin_of(_fsum)(*seq), samples=[([1.5, -0.5, 2.0],)])(math.fsum)
lifted(
    twin=lambda iterable, *, start=1: functools.reduce(operator.mul, iterable, start),
    samples=[([1.5, -0.5, 2.0],)],
)(math.prod)
if hasattr(math, "sumprod"):  # new in Python 3.12
    lifted(
        twin=lambda p, q: twin_of(_fsum)(*(a * b for a, b in zip(p, q, strict=True))),
        samples=[([1.5, -0.5, 2.0], [0.5, 1.0, -1.0])],
    )(math.sumprod)


# statistics: the value by the original, the gradient in closed form


def _mean_grad(dzdy: Any, data: Any) -> Any:
    return (dzdy / len(data),) * len(data)


def _moment_grad(slope: Callable[[Any, int], Any]) -> Callable[[Any, Any, Any], Any]:
    """Of a variance or a deviation: so many times the distance of each number from the mean."""

    def grad(dzdy: Any, data: Any, result: Any) -> Any:
        mean = sum(data) / len(data)
        return tuple(dzdy * slope(result, len(data)) * (x - mean) for x in data)

    return grad


def _deviation_slope(result: Any, count: int) -> Any:
    return 1 / (result * count) if plain(result) != 0 else 0.0


def _median_grad(weight_of_low: float) -> Callable[[Any, Any], Any]:
    """Of a weighted mean of the two numbers in the middle, which are one where they are odd."""

    def grad(dzdy: Any, data: Any) -> Any:
        order = sorted(range(len(data)), key=[plain(x) for x in data].__getitem__)
        weights = [0.0] * len(data)
        weights[order[(len(data) - 1) // 2]] += weight_of_low
        weights[order[len(data) // 2]] += 1 - weight_of_low
        return tuple(dzdy * weight for weight in weights)

    return grad


def _mean_square(about: Any, data: Any, less: int) -> Any:
    return sum((x - about) ** 2 for x in data) / (len(data) - less)


# Of functions that take more than data: the formula, where more is given.
_WITH_MORE: dict[Any, Callable[[Any, Any], Any]] = {
    statistics.fmean: lambda data, weights: (
        sum(x * w for x, w in zip(data, weights, strict=True)) / sum(weights)
    ),
    statistics.harmonic_mean: lambda data, weights: (
        sum(weights) / sum(w / x for x, w in zip(data, weights, strict=True))
    ),
    statistics.pvariance: lambda data, mu: _mean_square(mu, data, 0),
    statistics.variance: lambda data, xbar: _mean_square(xbar, data, 1),
    statistics.pstdev: lambda data, mu: _mean_square(mu, data, 0) ** 0.5,
    statistics.stdev: lambda data, xbar: _mean_square(xbar, data, 1) ** 0.5,
}
_MEDIANS: tuple[Any, ...] = (statistics.median, statistics.median_low, statistics.median_high)
_inner = Registry()  # of functions that are nobody's originals


def _of_numbers(original: Any, grad: Any) -> Any:
    """The twin of a function of an iterable of numbers, from the gradient by its numbers."""

    def numbers(*data: Any) -> Any:
        return original(data)

    def twin(data: Any, *settings: Any, **named: Any) -> Any:
        data = list(data)
        if not has_bvar((data, settings, named)):
            return original(data, *settings, **named)
        given = list(inspect.signature(original).bind(data, *settings, **named).arguments.values())
        if len(given) == 1 or given[1] is None:
            if original in _MEDIANS:
                order = sorted(map(plain, data))
                if any(map(nearly_equal, order, order[1:])):
                    coincide(*data)
            return twin_of(numbers, _inner)(*data)
        original(*map(rooted, given))  # raises what it raises
        return _WITH_MORE[original](*given)

    numbers.__name__ = numbers.__qualname__ = original.__name__
    numbers.__module__ = original.__module__
    lifted(grad={"data": grad}, into=_inner)(numbers)
    return twin


for _original, _grad in {
    statistics.mean: _mean_grad,
    statistics.fmean: _mean_grad,
    statistics.pvariance: _moment_grad(lambda result, n: 2 / n),
    statistics.variance: _moment_grad(lambda result, n: 2 / (n - 1)),
    statistics.pstdev: _moment_grad(lambda result, n: _deviation_slope(result, n)),
    statistics.stdev: _moment_grad(lambda result, n: _deviation_slope(result, n - 1)),
    statistics.geometric_mean: lambda dzdy, data, result: tuple(
        dzdy * result / (len(data) * x) for x in data
    ),
    statistics.harmonic_mean: lambda dzdy, data, result: tuple(
        dzdy * (result / x) * (result / x) / len(data) for x in data
    ),
    statistics.median: _median_grad(0.5),
    statistics.median_low: _median_grad(1),
    statistics.median_high: _median_grad(0),
}.items():
    _sample = [1.5, 0.5, 2.0, 0.75]
    _more = [(_sample, 0.8 if "v" in _original.__name__ else [0.5, 1.0, 2.0, 1.5])]
    lifted(
        twin=_of_numbers(_original, _grad),
        samples=[(_sample,), *(_more if _original in _WITH_MORE else ())],
    )(_original)


def _normal_quantile_grads(dzdy: Any, result: Any, p: Any, mu: Any, sigma: Any) -> Any:
    z = (result - mu) / sigma
    return dzdy * sigma * math.sqrt(2 * math.pi) * np.exp(z * z / 2), dzdy, dzdy * z


lifted(
    grad=_normal_quantile_grads,
    signature="p, mu, sigma, /",
    samples=[(0.3, 0.5, 2.0), (0.9, -1.0, 0.7)],
)(statistics._normal_dist_inv_cdf)  # type: ignore[attr-defined]  # of NormalDist.inv_cdf
if hasattr(statistics, "_mean_stdev"):  # of NormalDist.from_samples, since Python 3.11
    lifted(
        twin=lambda data: (twin_of(statistics.fmean)(data), twin_of(statistics.stdev)(data)),
        signature="data",
        samples=[([1.5, 0.5, 2.0, 0.75],)],
    )(statistics._mean_stdev)


# operator: BVars answer the operators, so these functions are their own twins


def _operands(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(1.3, 0.7), (rng.uniform(0.5, 2, size=(2, 3)), rng.uniform(0.5, 2, size=(2, 3)))]


for _original in (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod
):  # fmt: skip
    lifted(twin=_original, samples=_operands)(_original)
for _original in (
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.imod
):  # fmt: skip
    # an array in the place of a would be written into where only b varies: 2 does not
    _row = np.array([[0.7, 1.1, 1.6]])
    lifted(twin=_original, samples=[(1.3, 0.7), (1.3, _row), (_row, 2)])(_original)
lifted(twin=operator.matmul, samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=3))])(
    operator.matmul
)
for _original in (operator.neg, operator.pos, operator.abs):
    lifted(twin=_original, samples=[(-1.3,), (np.array([[0.5, -1.5, 2.0]]),)])(_original)
lifted(twin=operator.getitem, samples=[([1.5, 0.5], 1)])(operator.getitem)


# Locally constant: nothing flows through rounding, questions, comparisons and integers.

for _original in (
    (math.floor, math.ceil, math.trunc, math.ulp)
    + (math.isnan, math.isinf, math.isfinite, math.isclose)
    + (math.factorial, math.comb, math.perm, math.gcd, math.lcm, math.isqrt)
    + (cmath.isnan, cmath.isinf, cmath.isfinite, cmath.isclose)
    + (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
    + (operator.and_, operator.or_, operator.xor, operator.inv, operator.invert)
    + (operator.lshift, operator.rshift, operator.contains, operator.countOf, operator.indexOf)
    + (operator.floordiv, operator.ifloordiv, operator.not_, operator.truth, operator.index)
):
    locally_constant(_original)


# Containers: a BVar of one gives BVars of its parts. Their results are containers and iterators,
# which the tests of BVars look at.

lifted(twin=lambda self: {key: self[key] for key in self}.items(), signature="self", samples=[])(
    dict.items
)
lifted(twin=lambda self: [self[key] for key in self], signature="self", samples=[])(dict.values)
lifted(twin=lambda self: {key: self[key] for key in self}, signature="self", samples=[])(dict.copy)
lifted(
    twin=lambda self, key, default=None: self[key] if key in self else default,  # noqa: SIM401 - is get
    signature="self, key, default=None",
    samples=[({"a": 1.5, "b": 2.5}, "a")],
)(dict.get)
lifted(twin=lambda self: list(self), signature="self", samples=[])(list.copy)
for _constant in (dict.keys, list.index, list.count, tuple.index, tuple.count):
    locally_constant(_constant)
