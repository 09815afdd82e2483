"""Rules of NumPy's elementwise functions: its ufuncs, and others that work number by number.

Arithmetic is not here: ``np.add`` and its kin hand over to the operators of `BVar`.

Functions that choose between values (``where``, ``maximum``, ``clip``) choose between cotangents
in the same way instead of multiplying by 0 and 1, so that an infinite cotangent of a value that
was not chosen does not become nan. Where the chosen are tied, they share it equally.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._bvar import has_bvar, is_complex, value_of
from .._bvar.comparison import FINEST
from .._bvar.meeting import note_meeting
from .._lift import lifted, locally_constant
from .._registry import Registry, registry, twin_of
from .._space import ZERO
from ..errors import UnhandledParameterError
from ._arrays import refuse_out
from ._interpolation import note_knots
from .numpy_shapes import array_of, plain

__all__ = ["ELEMENTARY", "over", "times"]

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]

_original: Any  # of each rule in a table

_LOG_2: Final = math.log(2)
_LOG_10: Final = math.log(10)
_DEGREE: Final = math.pi / 180


def _between(low: float, high: float, *, analytic: bool = False) -> Samples:
    """Samples of one argument: a number, an array and, for an analytic function, complex ones."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        x = rng.uniform(low, high, (2, 3))
        real = [(float(x[0, 0]),), (x,), (x[:, :1],)]
        return [*real, (x + 1j * rng.uniform(0.3, 1, 3),)] if analytic else real

    return samples


def _pairs(low: float, high: float, *, analytic: bool = False) -> Samples:
    """Samples of two arguments, of the same and of different shapes."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        x, y = rng.uniform(low, high, (2, 2, 3))
        real = [(x, y), (x, y[0]), (x[:, :1], y[0]), (float(x[0, 0]), y), (x[1], float(y[1, 1]))]
        return [*real, (x * (1 + 0.5j), y[0] * (1 - 0.7j))] if analytic else real

    return samples


def over(dzdy: Any, denominator: Any) -> Any:
    """``dzdy / denominator``, and 0 where `dzdy` is 0 and the denominator 0 or nan.

    What has no influence on the result, as a branch that ``np.where`` did not take, has no
    gradient at a pole either.
    """
    usable = np.greater(np.abs(plain(denominator)), 0)
    if np.all(usable):
        return dzdy / denominator
    return dzdy / np.where(usable | np.not_equal(plain(dzdy), 0), denominator, np.inf)


def _cathetus(x: Any) -> Any:
    """``sqrt(1 - x^2)``, without cancellation near 1 and -1."""
    if is_complex(x):  # 1 - x would lose the sign of a zero, which tells the side of a branch cut
        return np.sqrt((x - 1) * (-x - 1))
    return np.sqrt((1 - x) * (1 + x))


# One real or complex argument. The names are those of `math` and `cmath`, whose functions of the
# same name have the same derivative; their values are numbers.

# name -> dy/dx, and an interval to take samples from
ELEMENTARY: Final[dict[str, tuple[Callable[..., Any], float, float]]] = {
    "acos": (lambda x: -1 / _cathetus(x), -0.9, 0.9),
    "acosh": (lambda result: 1 / np.sinh(result), 1.2, 3),
    "asin": (lambda x: 1 / _cathetus(x), -0.9, 0.9),
    "asinh": (lambda result: 1 / np.cosh(result), -3, 3),
    "atan": (lambda x: 1 / (1 + 1.0 * x * x), -3, 3),
    "atanh": (lambda x: 1 / ((1 - x) * (1 + x)), -0.9, 0.9),
    "cos": (lambda x: -np.sin(x), -3, 3),
    "cosh": (lambda x: np.sinh(x), -2, 2),
    "exp": (lambda result: result, -2, 2),
    "exp2": (lambda result: _LOG_2 * result, -2, 2),
    "expm1": (lambda x: np.exp(x), -2, 2),
    "log": (lambda x: 1 / x, 0.5, 3),
    "log10": (lambda x: 1 / (_LOG_10 * x), 0.5, 3),
    "log1p": (lambda x: 1 / (1.0 + x), -0.5, 3),
    "log2": (lambda x: 1 / (_LOG_2 * x), 0.5, 3),
    "sin": (lambda x: np.cos(x), -3, 3),
    "sinh": (lambda x: np.cosh(x), -2, 2),
    "sqrt": (lambda result: 0.5 / result, 0.5, 3),
    "tan": (lambda result: 1 + result * result, -1.2, 1.2),
    "tanh": (lambda result: 1 - result * result, -2, 2),
}
for _name, (_derivative, _low, _high) in ELEMENTARY.items():
    lifted(derivative=_derivative, samples=_between(_low, _high, analytic=True))(getattr(np, _name))

lifted(derivative=lambda x: 2.0 * x, samples=_between(-2, 2, analytic=True))(np.square)
lifted(derivative=lambda result: -result * result, samples=_between(0.5, 2, analytic=True))(
    np.reciprocal
)
lifted(derivative=lambda result: 1 / (3 * result * result), samples=_between(-2, -0.5))(np.cbrt)
lifted(derivative=lambda x: np.sign(x), samples=_between(-2, -0.5))(np.fabs)
for _original in (np.deg2rad, np.radians):
    lifted(derivative=lambda: _DEGREE, samples=_between(-2, 2))(_original)
for _original in (np.rad2deg, np.degrees):
    lifted(derivative=lambda: 1 / _DEGREE, samples=_between(-2, 2))(_original)


# For |x| below _SMALL the closed form of the derivative of sinc loses digits to cancellation.
_SMALL: Final = 0.2


def _sinc_slope(x: Any, result: Any) -> Any:
    """Derivative of ``sin(t) / t``, ``t = pi x``: closed form, and a continued fraction around 0.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 4.25.1.
    """
    small = np.less(np.abs(plain(x)), _SMALL)
    s = np.pi * np.where(small, x, 0.0)
    rest: Any = 0.0
    for k in range(15, 3, -2):
        rest = s * s / (k - rest)
    near = -np.pi * s * result / (3 - rest)
    x = np.where(small, 1.0, x)
    return np.where(small, near, (np.cos(np.pi * x) - result) / x)


lifted(
    derivative=_sinc_slope,
    samples=lambda rng: [
        *_between(-2, 2, analytic=True)(rng),
        (0.0,),
        (np.array([0.0, 1e-3, 1]),),
        (np.array([0.19, -0.21]),),
        (0.1 + 0.15j,),
    ],
)(np.sinc)


def _i0_slope(x: Any) -> Any:
    """The modified Bessel function I1, by the midpoint rule, which converges exponentially.

    The points are as many as the largest argument needs: of the coefficients that the rule
    confuses with I1 the first is ``I_n`` with ``n = 4 len(angles) - 1``, below ``exp(-n^2 / 2x)``.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 10.32.3.
    """
    sizes = np.abs(plain(x))
    largest = np.max(sizes, initial=0.0, where=np.isfinite(sizes))
    count = 2 + math.ceil(2.2 * math.sqrt(largest))
    cosines = np.cos((np.arange(count) + 0.5) * (np.pi / (2 * count)))
    return np.sinh(np.expand_dims(x, -1) * cosines) @ (cosines / count)


lifted(
    derivative=_i0_slope,
    samples=lambda rng: [*_between(-9, 9)(rng), (0.0,), (150.0,)],
)(np.i0)


# Complex numbers and their parts


def _sign(x: Any) -> Any:
    """Twin of `numpy.sign`, which varies along the unit circle for complex numbers only."""
    if not is_complex(x) or not has_bvar(x):
        sign = np.sign(plain(x))
        note_meeting(np.sign, sign, (x,), {})
        return sign
    size = np.abs(x)
    return x / (size + np.equal(plain(size), 0))


lifted(
    twin=_sign,
    samples=lambda rng: [(rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)),)],
)(np.sign)


def _angle_grad(dzdy: Any, z: Any, deg: bool) -> Any:
    if not is_complex(z):
        return ZERO
    dzdz = over(dzdy, np.abs(z) ** 2) * 1j * z
    return dzdz / _DEGREE if deg else dzdz


_COMPLEX_SAMPLES = _between(0.5, 2, analytic=True)
lifted(
    grad=_angle_grad,
    complex=True,
    samples=lambda rng: [*_COMPLEX_SAMPLES(rng), (_COMPLEX_SAMPLES(rng)[-1][0], True)],
)(np.angle)
lifted(grad=lambda dzdy: np.conjugate(dzdy), complex=True, samples=_COMPLEX_SAMPLES)(np.conjugate)
lifted(grad=lambda dzdy: dzdy, complex=True, samples=_COMPLEX_SAMPLES)(np.real)
lifted(grad=lambda dzdy: 1j * dzdy, complex=True, samples=_COMPLEX_SAMPLES)(np.imag)
lifted(grad=lambda dzdy: dzdy, ignores="tol", complex=True, samples=_COMPLEX_SAMPLES)(
    np.real_if_close
)


# Two arguments

lifted(
    derivative={
        # 0 at the origin, where hypot has a minimum
        "x1": lambda x1, result: x1 / np.where(np.equal(plain(result), 0), 1.0, result),
        "x2": lambda x2, result: x2 / np.where(np.equal(plain(result), 0), 1.0, result),
    },
    samples=_pairs(0.5, 2),
)(np.hypot)
lifted(
    grad={
        "x1": lambda dzdy, x1, x2: over(dzdy, np.hypot(x1, x2) ** 2) * x2,
        "x2": lambda dzdy, x1, x2: -over(dzdy, np.hypot(x1, x2) ** 2) * x1,
    },
    samples=_pairs(0.5, 2),
)(np.arctan2)


def _float_power_by_base(x1: Any, x2: Any) -> Any:
    flat = np.equal(plain(x1), 0) & np.equal(plain(x2), 0)
    return x2 * np.float_power(x1, np.where(flat, 1.0, np.subtract(x2, 1.0)))


lifted(
    derivative={
        "x1": _float_power_by_base,
        # 0 ** x2 is flat in x2
        "x2": lambda x1, result: result * np.log(np.where(np.equal(plain(x1), 0), 1.0, x1)),
    },
    samples=_pairs(0.5, 2, analytic=True),
)(np.float_power)


def _difference(x1: Any, x2: Any) -> Any:
    """``x1 - x2``, and 0 for equal infinities, which tie as equal numbers do."""
    equal = np.equal(plain(x1), plain(x2)) & np.isinf(plain(x1))
    return np.where(equal, 0.0, x1) - np.where(equal, 0.0, x2)


# The part that each has in the sum of two exponentials
lifted(
    derivative={
        "x1": lambda x1, x2: np.exp(-np.logaddexp(0.0, _difference(x2, x1))),
        "x2": lambda x1, x2: np.exp(-np.logaddexp(0.0, _difference(x1, x2))),
    },
    samples=_pairs(-2, 2),
)(np.logaddexp)
lifted(
    derivative={
        "x1": lambda x1, x2: np.exp2(-np.logaddexp2(0.0, _difference(x2, x1))),
        "x2": lambda x1, x2: np.exp2(-np.logaddexp2(0.0, _difference(x1, x2))),
    },
    samples=_pairs(-2, 2),
)(np.logaddexp2)


def _to_chosen(dzdy: Any, x: Any, other: Any, chosen: Any) -> Any:
    """The cotangent for `x` of a choice between it and another; half of it where they are equal."""
    tied = np.equal(plain(x), plain(other))
    dzdx = np.where(np.equal(plain(x), plain(chosen)), dzdy, 0.0)
    return dzdx * np.where(tied, 0.5, 1.0) if np.any(tied) else dzdx


for _original in (np.maximum, np.minimum, np.fmax, np.fmin):
    lifted(
        grad={
            "x1": lambda dzdy, x1, x2, result: _to_chosen(dzdy, x1, x2, result),
            "x2": lambda dzdy, x1, x2, result: _to_chosen(dzdy, x2, x1, result),
        },
        complex=True,
        samples=_pairs(-2, 2, analytic=True),
    )(_original)


def times(x: Any, y: Any, remainder: Any) -> Any:
    """How often `y` was taken from `x` when `remainder` was left: a whole number."""
    return np.rint((plain(x) - plain(remainder)) / plain(y))


lifted(
    grad={
        "x1": lambda dzdy: dzdy,
        "x2": lambda dzdy, x1, x2, result: -dzdy * times(x1, x2, result),
    },
    samples=lambda rng: [(rng.uniform(-5, 5, (2, 3)), rng.uniform(0.7, 1.3, 3)), (-7.3, 1.7)],
)(np.fmod)
lifted(
    twin=lambda x1, x2: (np.floor_divide(x1, x2), np.remainder(x1, x2)),
    samples=lambda rng: [(rng.uniform(-5, 5, (2, 3)), rng.uniform(0.7, 1.3, (2, 3))), (-7.3, 1.7)],
)(np.divmod)
lifted(
    grad={
        "x1": lambda dzdy, x1, x2: dzdy * np.sign(x1) * np.copysign(1.0, plain(x2)),
        "x2": lambda dzdy: ZERO,
    },
    samples=lambda rng: [(rng.uniform(0.5, 2, (2, 3)), rng.normal(size=3)), (-1.5, 2.0)],
)(np.copysign)
lifted(
    grad={
        "x1": lambda dzdy: ZERO,
        "x2": lambda dzdy, x1: np.where(np.equal(plain(x1), 0), dzdy, 0.0),
    },
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=3)), (1.5, 0.5)],
)(np.heaviside)
lifted(grad={"x1": lambda dzdy: dzdy, "x2": lambda dzdy: ZERO}, samples=_pairs(0.5, 2))(
    np.nextafter
)

# Powers of two, and several results

lifted(
    grad={"x1": lambda dzdy, x2: np.ldexp(dzdy, x2)},
    samples=lambda rng: [(rng.normal(size=(2, 3)), np.array([3, -2, 0])), (1.5, 4)],
)(np.ldexp)
lifted(grad=lambda dzdy, result: np.ldexp(dzdy[0], -plain(result)[1]), samples=_between(1.1, 1.9))(
    np.frexp
)
lifted(grad=lambda dzdy: dzdy[0], samples=_between(1.1, 1.9))(np.modf)


# Choosing

lifted(
    grad={
        "condition": lambda dzdy: ZERO,
        "x": lambda dzdy, condition: np.where(condition, dzdy, 0.0),
        "y": lambda dzdy, condition: np.where(condition, 0.0, dzdy),
    },
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=(2, 3)) > 0, rng.normal(size=3), rng.normal(size=(2, 1))),
        (rng.normal(size=(2, 1)) > 0, 1.5, rng.normal(size=3) * 1j),
        (True, 1.5, -0.5),
        (rng.normal(size=3) > 0, rng.normal(size=3) + 1.5j, rng.normal(size=3) - 0.5j),
    ],
)(np.where)


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Twin of `numpy.select`: the first of the choices whose condition holds."""
    if not has_bvar((choicelist, default)):
        return np.select(condlist, choicelist, default)
    if len(condlist) == 0 or any(np.asarray(plain(c)).dtype != bool for c in condlist):
        np.select(condlist, value_of(choicelist), value_of(default))  # raises
    chosen = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        chosen = np.where(plain(condition), choice, chosen)
    return chosen


lifted(
    twin=_select,
    samples=lambda rng: [
        (
            [rng.normal(size=(2, 3)) > 0, rng.normal(size=(2, 3)) > 0],
            [rng.normal(size=(2, 3)), rng.normal(size=3)],
            default,
        )
        for default in (1.5, rng.normal(size=(2, 1)), 2j)
    ],
)(np.select)


def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Twin of `numpy.piecewise`: each piece is a BVar, and the result is gathered from them."""
    shape = np.shape(x)
    xs = np.reshape(x, shape or (1,))
    if np.isscalar(condlist) or (
        not isinstance(condlist[0], (list, np.ndarray)) and len(shape) != 0
    ):
        condlist = [condlist]  # as NumPy does, which does not document it
    masks = np.asarray(plain(condlist), dtype=bool)
    if not shape:
        masks = masks.reshape(len(masks), 1)
    if len(masks) == len(funclist) - 1:
        masks = np.concatenate([masks, ~np.any(masks, axis=0, keepdims=True)])
    elif len(masks) != len(funclist):
        raise ValueError(
            f"with {len(masks)} condition(s), either {len(masks)} or {len(masks) + 1} "
            "functions are expected"
        )
    values, source, count = [np.zeros(1)], np.zeros(np.shape(xs), dtype=int), 1
    for mask, piece in zip(masks, funclist, strict=True):
        place = source[mask].shape
        if 0 in place:
            continue
        value = piece(xs[mask], *args, **kw) if callable(piece) else piece
        values.append(np.reshape(np.broadcast_to(value, place), -1))
        source[mask] = count + np.arange(math.prod(place)).reshape(place)
        count += math.prod(place)
    gathered = np.reshape(np.concatenate(values)[source], shape)
    dtype = np.asarray(plain(x)).dtype
    return gathered if gathered.dtype == dtype else gathered.astype(dtype)


lifted(
    twin=_piecewise,
    samples=lambda rng: [
        (x, [x < -0.5, x > 0.5], [np.sin, lambda x, factor=2.0: factor * x * x, 1.5])
        for x in (rng.uniform(-2, 2, (2, 3)), rng.uniform(0.6, 2, 4), -1.25)
    ],
)(np.piecewise)


def _bounds(a_min: Any, a_max: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """The bounds of `numpy.clip`, given by position or by keyword, or None for none."""
    lower, upper = low if a_min is np._NoValue else a_min, high if a_max is np._NoValue else a_max
    return None if lower is np._NoValue else lower, None if upper is np._NoValue else upper


def _clip_grad(argument: str) -> Any:
    """The rule of one argument of ``minimum(upper, maximum(lower, a))``."""

    def grad(dzdy: Any, a: Any, a_min: Any, a_max: Any, min: Any, max: Any, result: Any) -> Any:
        lower, upper = _bounds(plain(a_min), plain(a_max), plain(min), plain(max))
        raised = plain(a) if lower is None else np.maximum(plain(a), lower)
        if argument == "upper":
            return _to_chosen(dzdy, upper, raised, result)
        dzdraised = dzdy if upper is None else _to_chosen(dzdy, raised, upper, result)
        if argument == "lower":
            return _to_chosen(dzdraised, lower, a, raised)
        return dzdraised if lower is None else _to_chosen(dzdraised, a, lower, raised)

    return grad


lifted(
    grad={
        "a": _clip_grad("a"),
        "a_min": _clip_grad("lower"),
        "a_max": _clip_grad("upper"),
        "min": _clip_grad("lower"),
        "max": _clip_grad("upper"),
    },
    complex=True,
    # min and max are keywords since NumPy 2.1 only
    signature="a, a_min=np._NoValue, a_max=np._NoValue, out=None, *, "
    "min=np._NoValue, max=np._NoValue, **kwargs",
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), -0.5, 0.5),
        (rng.normal(size=(2, 3)), 0.5, -0.5),
        (rng.normal(size=(2, 3)), None, rng.normal(size=3)),
        (rng.normal(size=(2, 3)), rng.normal(size=3) - 1, rng.normal(size=(2, 1)) + 1),
        (1.5, -0.5, 0.5),
        (
            np.array([0.2 + 1j, -2.0 + 1j, 2.0 - 1j]),
            -0.5 + 0.3j,
            np.array([0.7 + 0.5j, 0.5, 1 + 1j]),
        ),
    ],
)(np.clip)


def _nan_to_num_grad(dzdy: Any, x: Any) -> Any:
    x = plain(x)
    if not is_complex(x):
        return np.where(np.isfinite(x), dzdy, 0.0)
    return np.where(np.isfinite(np.real(x)), np.real(dzdy), 0.0) + 1j * np.where(
        np.isfinite(np.imag(x)), np.imag(dzdy), 0.0
    )


lifted(
    # copy=False, which writes into the caller's array, is left to raise
    grad=_nan_to_num_grad,
    ignores=("nan", "posinf", "neginf"),
    complex=True,
    samples=lambda rng: [(rng.normal(size=(2, 3)),), (rng.normal(size=3) * (1 + 0.5j),), (1.5,)],
)(np.nan_to_num)


# Along an axis or a table

lifted(
    # what is added to a phase is a multiple of the period, which jumps
    grad=lambda dzdy: dzdy,
    ignores=("discont", "axis", "period"),
    samples=lambda rng: [
        (rng.uniform(-6, 6, 5),),
        (rng.uniform(-6, 6, (3, 4)), None, 0),
        (rng.uniform(-6, 6, (3, 4)), 4.0, -1),
    ],
)(np.unwrap)


def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Twin of `numpy.interp`, differentiable in all but `period`; at a knot by the right slope."""
    x, xp, fp = array_of(x), array_of(xp), array_of(fp)
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period, left, right = abs(period), None, None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(plain(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
    at, knots = plain(x), plain(xp)
    if np.shape(knots) != np.shape(fp) or knots.ndim != 1 or len(knots) == 0:
        np.interp(at, knots, plain(fp))  # raises
    if np.any(np.diff(knots) < 0):
        raise UnhandledParameterError(
            "numpy.interp was given points that do not increase, where its result means nothing.",
            "Sort them: order = np.argsort(xp); np.interp(x, xp[order], fp[order]).",
        )
    note_knots(x, knots, 0, True)
    below, above = at < knots[0], at > knots[-1]
    start = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, None)
    first = np.minimum(start, max(len(knots) - 2, 0))
    second = np.minimum(first + 1, len(knots) - 1)
    width = np.where(knots[first] == knots[second], np.inf, xp[second] - xp[first])
    slope = (fp[second] - fp[first]) / width
    inside = ~(below | above)
    y = fp[start] + slope * np.where(inside, x - xp[start], 0.0)
    exact = (~inside | np.equal(at, knots[start])) & ~np.isfinite(plain(slope))
    if np.any(exact):  # where infinity times zero would be nan
        y = np.where(exact, fp[start], y)
    if left is not None:
        y = np.where(below, left, y)
    return y if right is None else np.where(above, right, y)


def _interp_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    xp, fp = np.array([-1.0, 0.2, 0.7, 2.0]), rng.normal(size=4)
    x = rng.uniform(-1.5, 2.5, (2, 3))
    return [
        (x, xp, fp),
        (0.5, xp, fp * (1 + 0.5j)),
        (np.array([[-1.4, 2.3], [0.4, -1.2]]), xp, fp, -2.5, 1.5),
        (x[0], xp[[2, 0, 1, 3]], fp, None, None, 3.5),
    ]


lifted(
    twin=lambda x, xp, fp, left=None, right=None, period=None: (
        _interp(x, xp, fp, left, right, period)
        if has_bvar((x, xp, fp, left, right, period))
        else np.interp(x, xp, fp, left, right, period)
    ),
    samples=_interp_samples,
)(np.interp)


# numpy.emath: the same functions, of complex numbers where real ones have no value


def _negative(x: Any) -> Any:
    return np.less(np.real(x), 0) & np.equal(np.imag(x), 0)


def _outside_one(x: Any) -> Any:
    return np.greater(np.abs(x), 1) & np.equal(np.imag(x), 0)


def _widened(x: Any, needs_complex: Any) -> Any:
    return x + 0j if not is_complex(x) and np.any(needs_complex(plain(x))) else x


def _emath_twin(original: Any, ufunc: Any, needs_complex: Any) -> Any:
    def twin(x: Any) -> Any:
        return ufunc(_widened(x, needs_complex)) if has_bvar(x) else original(x)

    return twin


for _original, _ufunc, _needs_complex in (
    (np.emath.sqrt, np.sqrt, _negative),
    (np.emath.log, np.log, _negative),
    (np.emath.log2, np.log2, _negative),
    (np.emath.log10, np.log10, _negative),
    (np.emath.arccos, np.arccos, _outside_one),
    (np.emath.arcsin, np.arcsin, _outside_one),
    (np.emath.arctanh, np.arctanh, _outside_one),
):
    lifted(
        twin=_emath_twin(_original, _ufunc, _needs_complex),
        samples=lambda rng: [(rng.uniform(0.1, 0.9, 3),), (rng.uniform(-3, -1.5, (2, 3)),)],
    )(_original)


def _power(x: Any, p: Any) -> Any:
    """Twin of `numpy.emath.power`."""
    if not has_bvar((x, p)):
        return np.emath.power(x, p)
    p = p * 1.0 if np.any(np.less(plain(p), 0)) else p  # integers have no negative powers
    return np.power(_widened(x, _negative), p)


def _logn(n: Any, x: Any) -> Any:
    """Twin of `numpy.emath.logn`."""
    if not has_bvar((n, x)):
        return np.emath.logn(n, x)
    return np.log(_widened(x, _negative)) / np.log(_widened(n, _negative))


lifted(
    twin=_power,
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1.5), (1.5, rng.normal(size=(2, 3)))],
)(np.emath.power)
lifted(
    twin=_logn,
    samples=lambda rng: [(2.5, rng.normal(size=(2, 3))), (rng.uniform(1.5, 2, (2, 3)), 0.5)],
)(np.emath.logn)


# Rounded so finely that it is for display: the slope is that of the number.


_OWN = Registry(parent=registry)


def _fine(x: Any, decimals: int) -> Any:
    size = np.abs(plain(x))
    return np.where(np.equal(size, 0), 1.0, size) * 10.0**decimals > FINEST  # zero tells no size


def _rounded(x: Any, decimals: int) -> Any:
    return np.round(x, decimals)


lifted(
    grad={"x": lambda dzdy, x, decimals: np.where(_fine(x, decimals), dzdy, 0.0)},
    into=_OWN,
)(_rounded)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    a = array_of(a)
    refuse_out(np.round, out)
    if np.any(_fine(a, decimals)):
        return twin_of(_rounded, _OWN)(a, decimals)
    return np.round(plain(a), decimals)


for _original in (np.round, np.around):
    lifted(
        twin=_round,
        samples=lambda rng: [
            (rng.normal(size=(2, 3)) + 3, 12),
            (np.array([1.5, 2.5e9]), 2),
            (1.5, 9),
        ],
    )(_original)


# Locally constant: nothing flows through rounding, questions, comparisons and bits.

for _original in (
    (np.floor, np.ceil, np.trunc, np.rint, np.fix, np.floor_divide)
    + (np.spacing, np.signbit)
    + (np.isnan, np.isinf, np.isfinite, np.isnat, np.isposinf, np.isneginf)
    + (np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj)
    + (np.isclose, np.allclose, np.array_equal, np.array_equiv)
    + (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
    + (np.logical_and, np.logical_or, np.logical_xor, np.logical_not)
    + (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.bitwise_count)
    + (np.left_shift, np.right_shift, np.gcd, np.lcm)
):
    locally_constant(_original)

# The ufunc behind the method `clip` of an array.
lifted(
    twin=lambda x1, x2, x3: np.clip(x1, x2, x3),
    samples=lambda rng: [
        (np.array([-1.5, 0.3, 2.5]), 0.1, np.array([1.0, 1.5, 2.0])),
        (rng.normal(size=(2, 3)), -0.5, rng.uniform(0.1, 0.5, size=(2, 3))),
    ],
)(np._core.umath.clip)  # type: ignore[attr-defined]  # numpy's stubs hide it
