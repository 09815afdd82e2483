"""`scipy.integrate`: quadrature of functions.

The value is the original's. The derivative of an integral by what its integrand depends on,
arguments and captured BVars alike, and by its limits, is that of a quadrature rule on the intervals
that the solver ended with. Samples and initial value problems stand in modules of their own.

References
----------
R. Piessens et al., "QUADPACK", Springer 1983 (rules and their transformations).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from scipy import integrate, special

from .._bvar import has_bvar, youngest
from .._lift import lifted, no_grad
from ..errors import LiftError
from . import _scipy_initial_values, _scipy_samples  # noqa: F401 - they register
from ._implicit import on_plain_values, plain, settled
from ._integration import Function, Watched, args_of, refused, same_gradient, twin_by_name

__all__: list[str] = []


def _register(original: Any, twin: Any, samples: Any, wrt: tuple[str, ...]) -> None:
    lifted(twin=twin_by_name(original, twin), wrt=wrt, samples=samples)(original)


# Nodes and weights of the 21-point Kronrod rule on [-1, 1], the half with nodes >= 0.
_KRONROD_NODES: Final = np.array(
    [
        0.995657163025808080735527280689003, 0.973906528517171720077964012084452,
        0.930157491355708226001207180059508, 0.865063366688984510732096688423493,
        0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
        0.562757134668604683339000099272694, 0.433395394129247190799265943165784,
        0.294392862701460198131126603103866, 0.148874338981631210884826001129720,
        0.0,
    ]
)  # fmt: skip
_KRONROD_WEIGHTS: Final = np.array(
    [
        0.011694638867371874278064396062192, 0.032558162307964727478818972459390,
        0.054755896574351996031381300244580, 0.075039674810919952767043140916190,
        0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
        0.123491976262065851077958109585166, 0.134709217311473325928054001771707,
        0.142775938577060080797094273138717, 0.147739104901338491374841515972068,
        0.149445554002916905664936468389821,
    ]
)  # fmt: skip


# The weights that 10 of these nodes have in Gauss's rule; 0 for the others.
_GAUSS_WEIGHTS: Final = np.array(
    [
        0.0, 0.066671344308688137593568809893332,
        0.0, 0.149451349150580593145863396957698,
        0.0, 0.219086362515982043995534934228163,
        0.0, 0.269266719309996355091226921569469,
        0.0, 0.295524224714752870173815619188769,
        0.0,
    ]
)  # fmt: skip

# As many are looked at in the search of kinks and jumps.
_MOST_INTERVALS: Final = 50
# Nodes, their weights, and weights of a coarser rule on the same nodes.
_Rule = tuple[Any, Any, Any]


def _kronrod(a: Any, b: Any) -> _Rule:
    """Kronrod's rule and Gauss's on the intervals from `a` to `b`, each bisected."""
    nodes = np.concatenate([-_KRONROD_NODES, _KRONROD_NODES[-2::-1]])
    fine, coarse = (
        np.concatenate([half, half[-2::-1]]) for half in (_KRONROD_WEIGHTS, _GAUSS_WEIGHTS)
    )
    middle = 0.5 * (a + b)
    low, high = np.concatenate([a, middle]), np.concatenate([middle, b])
    half = 0.5 * (high - low)
    at = 0.5 * (low + high)[:, None] + half[:, None] * nodes
    return np.ravel(at), np.ravel(half[:, None] * fine), np.ravel(half[:, None] * coarse)


def _tanh_sinh(a: Any, b: Any) -> _Rule:
    """The double exponential rule, which stands singularities at the ends, with two steps.

    H. Takahasi and M. Mori, "Double exponential formulas for numerical integration", Publ. RIMS
    9 (1974), 721-741.
    """
    t = np.arange(-56, 57) / 16
    far = np.exp(-math.pi * np.sinh(np.abs(t)))
    near_end = far / (1 + far)  # of [0, 1], the distance from its nearer end
    weights = math.pi / 16 * np.cosh(t) * far / (1 + far) ** 2
    length = (b - a)[:, None]
    at = np.where(t < 0, a[:, None] + length * near_end, b[:, None] - length * near_end)
    inside = (at > a[:, None]) & (at < b[:, None])
    fine = length * weights
    return at[inside], fine[inside], (np.where(np.arange(-56, 57) % 2, 0.0, 2.0) * fine)[inside]


def _mapped(t: float, a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    """Where to evaluate an integrand from a to b, and dx/dt there, from the solver's variable.

    That runs from 0 to 1; for an infinite range, ``x = a + (1 - t) / t``.
    """
    infinite = np.isinf(plain(a)), np.isinf(plain(b))
    if not any(infinite):
        yield a + (b - a) * t, b - a
        return
    far, slope = (1 - t) / t, 1 / (t * t)
    if all(infinite):
        yield far, slope
        yield -far, slope
    elif infinite[1]:
        yield a + far, slope
    else:
        yield b - far, slope


def _terms(f: Function, a: float, b: float, nodes: Any, weights: Any) -> list[float]:
    """The terms of a rule on plain values."""
    return [
        weight * slope * settled(f(x))
        for t, weight in zip(nodes.tolist(), weights.tolist(), strict=True)
        for x, slope in _mapped(t, a, b)
    ]


def _by_rule(f: Function, on_plain: Function, a: Any, b: Any, rule: _Rule, value: float) -> Any:
    """The integral of a function from a to b by a rule, if that is good for its derivative.

    It is the rule that is differentiated, limits included, so that singularities at an end that
    moves cancel. The two rules on the same nodes must agree about the derivative as well.

    Parameters
    ----------
    f, on_plain : callable
        Of one argument; the first may have captured BVars.
    a, b : float or BVar
    rule : tuple of ndarray
        Nodes of the solver's variable and weights; see `_mapped`.
    value : float
        The integral, as the solver found it.

    Returns
    -------
    float, BVar or None
        `value`, with its derivative.
    """
    try:
        terms = _terms(on_plain, plain(a), plain(b), *rule[:2])
    except (ArithmeticError, ValueError) as error:  # at a node so near to the end
        if isinstance(error, LiftError):
            raise
        return None
    if not abs(math.fsum(terms) - value) <= 1e-8 * math.fsum(map(abs, terms)):
        return None
    nodes, fine, coarse = (array.tolist() for array in rule)
    first = [settled(f(x)) * slope for x, slope in _mapped(nodes[0], a, b)]
    if not has_bvar(first):
        return value
    start = len(youngest(first))
    fine_sum: Any = 0.0
    coarse_sum: Any = 0.0
    for t, weight, coarse_weight in zip(nodes, fine, coarse, strict=True):
        for x, slope in _mapped(t, a, b):
            term = settled(f(x)) * slope
            fine_sum, coarse_sum = fine_sum + weight * term, coarse_sum + coarse_weight * term
    if not same_gradient(fine_sum, coarse_sum, start):
        return None
    return value + (fine_sum - plain(fine_sum))


def _refined(f: Function, a: float, b: float, starts: Any, ends: Any) -> tuple[Any, Any] | None:
    """The intervals, bisected where the integrand is rough; None where it jumps.

    An integral moves with a jump of its integrand, which no derivative of the integrand tells.
    """
    pending: list[tuple[float, float]] = list(zip(starts.tolist(), ends.tolist(), strict=True))
    smooth: list[tuple[float, float]] = []
    narrow: list[tuple[float, float]] = []
    total = 0.0
    while pending and len(smooth) < _MOST_INTERVALS:
        start, end = pending.pop()
        nodes, fine, coarse = _kronrod(np.array([start]), np.array([end]))
        terms = _terms(f, a, b, nodes, fine)
        each = np.repeat(coarse / fine, len(terms) // len(fine))
        error = math.fsum(terms) - math.fsum(each * terms)
        size = math.fsum(map(abs, terms))
        total = max(total, size)
        if abs(error) <= 1e-13 * total:
            smooth.append((start, end))
        elif end - start < 1e-9:
            narrow.append((start, end))
        else:
            middle = 0.5 * (start + end)
            pending += [(start, middle), (middle, end)]
    if any(_jumps(f, a, b, *interval) for interval in narrow):
        return None
    starts, ends = zip(*smooth, *narrow, *pending, strict=True)
    return np.array(starts), np.array(ends)


def _jumps(f: Function, a: float, b: float, start: float, end: float) -> bool:
    """Does a function change across a narrow interval, and not beside it?"""
    at = [2 * start - end, start, end, 2 * end - start]
    if not 0 < at[0] < at[3] < 1:
        return False
    p, q, r, s = (math.fsum(settled(f(x)) for x, _ in _mapped(t, a, b)) for t in at)
    return abs(r - q) > 100 * (abs(q - p) + abs(s - r)) + 1e-9 * (abs(q) + abs(r))


def _quad(
    func: Any, a: Any, b: Any, args: Any, full_output: Any, weight: Any, complex_func: Any,
    **settings: Any,
) -> Any:  # fmt: skip
    args, settings = args_of(args), plain(settings)
    watched = Watched(lambda x: func(x, *args)) if callable(func) else func
    if weight is not None or complex_func or watched is func:
        found = integrate.quad(
            watched, plain(a), plain(b), () if callable(func) else plain(args), full_output,
            weight=weight, complex_func=complex_func, **settings,
        )  # fmt: skip
        if has_bvar((a, b, args)) or getattr(watched, "varies", False):
            raise refused(integrate.quad, "a weighted, complex or compiled integrand")
        return found
    found = integrate.quad(watched, plain(a), plain(b), (), full_output, **settings)
    if not (watched.varies or has_bvar(a) or has_bvar(b)):
        return found
    f = lambda x: func(x, *args)
    return _differentiable(f, on_plain_values(f), a, b, settings), *found[1:]


def _differentiable(f: Function, on_plain: Function, a: Any, b: Any, settings: Any) -> Any:
    """The integral of a function that has captured BVars, or between limits that are."""
    low, high = plain(a), plain(b)
    value, _, info, *_ = integrate.quad(on_plain, low, high, full_output=1, **settings)
    sign = 1.0
    if low > high:
        a, b, low, high, sign = b, a, high, low, -1.0
    if low == high:
        middle = settled(f((a + b) / 2))
        if not np.isfinite(plain(middle)):
            raise refused(integrate.quad, "the integrand is infinite where the range begins")
        return value + (b - a) * middle
    starts, ends = info["alist"][: info["last"]], info["blist"][: info["last"]]
    if np.isfinite(low) and np.isfinite(high) and low < high:
        starts, ends = (starts - low) / (high - low), (ends - low) / (high - low)
    refined = _refined(on_plain, low, high, starts, ends)
    if refined is None:
        raise refused(integrate.quad, "the integrand jumps")
    for rule in (_kronrod(starts, ends), _tanh_sinh(starts, ends), _kronrod(*refined)):
        found = _by_rule(f, on_plain, a, b, rule, sign * value)
        if found is not None:
            return sign * found
    raise refused(integrate.quad, "the integrand is too rough for the rule of its derivative")


def _power(x: Any, p: Any) -> Any:
    return np.exp(-p * x) * (1 + x * x)


def _swapped_power(x: Any, p: Any) -> Any:
    return p * x * x - x


_register(
    integrate.quad,
    _quad,
    [
        (_power, 0.3, 1.7, (0.8,)),
        (_swapped_power, 1.3, -0.4, (0.8,)),
        (_power, 0.3, np.inf, (0.8,)),
    ],
    ("a", "b", "args"),
)


def _dblquad(
    func: Any, a: Any, b: Any, gfun: Any, hfun: Any, args: Any, epsabs: Any, epsrel: Any
) -> Any:
    args = args_of(args)
    settings = {"epsabs": plain(epsabs), "epsrel": plain(epsrel)}
    found = integrate.dblquad(
        watched := Watched(lambda y, x: func(y, x, *args)), plain(a), plain(b),
        on_plain_values(gfun), on_plain_values(hfun), **settings,
    )  # fmt: skip

    def limit(bound: Any, x: Any) -> Any:
        return settled(bound(x)) if callable(bound) else bound

    varies = has_bvar((a, b)) or any(has_bvar(limit(bound, plain(a))) for bound in (gfun, hfun))
    if not (watched.varies or varies):
        return found

    def inner(x: Any) -> Any:
        f = lambda y: func(y, x, *args)
        return _differentiable(f, on_plain_values(f), limit(gfun, x), limit(hfun, x), settings)

    def on_plain(x: float) -> Any:
        f = on_plain_values(lambda y: func(y, x, *args))
        return integrate.quad(f, plain(limit(gfun, x)), plain(limit(hfun, x)), **settings)[0]

    return _differentiable(inner, on_plain, a, b, settings), found[1]


def _plane(y: Any, x: Any, p: Any) -> Any:
    return np.exp(-p * x * y) + y


_register(integrate.dblquad, _dblquad, [(_plane, 0.2, 1.1, 0.3, 0.9, (0.8,))], ("a", "b", "args"))


def _fixed_quad(func: Any, a: Any, b: Any, args: Any, n: Any) -> Any:
    if np.isinf(plain(a)) or np.isinf(plain(b)):
        raise ValueError("Gaussian quadrature is only available for finite limits.")
    nodes, weights = special.roots_legendre(n)
    y = settled(func((b - a) * (np.real(nodes) + 1) / 2.0 + a, *args_of(args)))
    return (b - a) / 2.0 * np.sum(weights * y, axis=-1), None


_register(integrate.fixed_quad, _fixed_quad, [(_power, 0.3, 1.7, (0.8,), 4)], ("a", "b", "args"))
for _reason, _names in {
    "it is an integral in many dimensions": ("nquad", "tplquad", "qmc_quad", "cubature"),
    "its nodes are not known": ("quad_vec", "tanhsinh", "nsum"),
    "it is a boundary value problem": ("solve_bvp",),
}.items():
    for _name in _names:
        if hasattr(integrate, _name):
            no_grad(_reason)(getattr(integrate, _name))
