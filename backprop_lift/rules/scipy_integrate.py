"""`scipy.integrate`: quadrature of functions.

The value is the original's. The derivative of an integral by what its integrand depends on,
arguments and captured BVars alike, is the integral of the derivative, by Gauss and Kronrod's rule
on the intervals that the solver ended with; by its limits, it is the integrand there. Samples and
initial value problems stand in modules of their own.

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

from .._bvar import BVar, has_bvar, youngest
from .._lift import lifted, no_grad
from . import _scipy_initial_values, _scipy_samples  # noqa: F401 - they register
from ._implicit import on_plain_values, plain, settled, without
from ._integration import Function, Watched, args_of, refused, twin_by_name

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


def _kronrod(a: Any, b: Any) -> tuple[Any, Any]:
    """Nodes and weights on the intervals from `a` to `b`, each bisected, as flat arrays."""
    nodes = np.concatenate([-_KRONROD_NODES, _KRONROD_NODES[-2::-1]])
    weights = np.concatenate([_KRONROD_WEIGHTS, _KRONROD_WEIGHTS[-2::-1]])
    middle = 0.5 * (a + b)
    low, high = np.concatenate([a, middle]), np.concatenate([middle, b])
    half = 0.5 * (high - low)
    at = 0.5 * (low + high)[:, None] + half[:, None] * nodes
    return np.ravel(at), np.ravel(half[:, None] * weights)


def _tanh_sinh(a: Any, b: Any) -> tuple[Any, Any]:
    """The same by the double exponential rule, which stands singularities at the ends.

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
    return at[inside], (length * weights)[inside]


def _mapped(t: Any, weight: Any, a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    """Nodes x and weights of the integral from a to b, from those of the solver's variable.

    That is x itself for a finite range, of which t says how far it is from a to b; or it runs
    from 0 to 1, with ``x = a + (1 - t) / t``.
    """
    infinite = np.isinf(plain(a)), np.isinf(plain(b))
    if not any(infinite):
        yield a + (b - a) * t, (b - a) * weight
        return
    far, slope = (1 - t) / t, weight / (t * t)
    if all(infinite):
        yield far, slope
        yield -far, slope
    elif infinite[1]:
        yield a + far, slope
    else:
        yield b - far, slope


def _integral(f: Function, a: Any, b: Any, nodes: Any, weights: Any, value: Any) -> Any:
    """The integral of a function from a to b, of a known value.

    Parameters
    ----------
    f : callable
        Of one argument; may have captured BVars.
    a, b : float or BVar
        With a < b.
    nodes, weights : list of float
        Of the solver's variable; see `_mapped`.
    value : float
        The integral on plain values.
    """
    points = [
        point
        for t, weight in zip(nodes, weights, strict=True)
        for point in _mapped(t, weight, plain(a), plain(b))
    ]
    ys = [settled(f(x)) for x, _ in points]
    recorded = [y for y in [*ys, a, b] if has_bvar(y)]
    if not recorded:
        return value
    tape = youngest(recorded)
    older_a, older_b = without(a, tape), without(b, tape)
    if any(has_bvar(without(y, tape)) for y in recorded):
        value = _integral(
            lambda x: without(settled(f(x)), tape), older_a, older_b, nodes, weights, value
        )
        points = [
            point
            for t, weight in zip(nodes, weights, strict=True)
            for point in _mapped(t, weight, older_a, older_b)
        ]
        ys = [settled(f(x)) for x, _ in points]
    for y, (_, weight) in zip(ys, points, strict=True):
        if y.__class__ is BVar:
            value = value + weight * (y - without(y, tape))
    for limit, older, sign in ((a, older_a, -1.0), (b, older_b, 1.0)):
        if older is not limit and np.isfinite(plain(limit)):
            value = value + sign * without(settled(f(older)), tape) * (limit - older)
    return value


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
    return _differentiable(lambda x: func(x, *args), a, b, settings), *found[1:]


def _differentiable(f: Function, a: Any, b: Any, settings: Any) -> Any:
    """The integral of a function that has captured BVars, or between limits that are."""
    low, high = plain(a), plain(b)
    value, _, info, *_ = integrate.quad(on_plain_values(f), low, high, full_output=1, **settings)
    sign = 1.0
    if low > high:
        a, b, low, high, sign = b, a, high, low, -1.0
    starts, ends = info["alist"][: info["last"]], info["blist"][: info["last"]]
    if np.isfinite(low) and np.isfinite(high) and low < high:
        starts, ends = (starts - low) / (high - low), (ends - low) / (high - low)
    for rule in (_kronrod, _tanh_sinh):
        nodes, weights = (array.tolist() for array in rule(starts, ends))
        if _agrees(on_plain_values(f), low, high, nodes, weights, sign * value):
            return sign * _integral(f, a, b, nodes, weights, sign * value)
    raise refused(integrate.quad, "the integrand is too rough for the rule of its derivative")


def _agrees(
    f: Function, a: float, b: float, nodes: list[float], weights: list[float], value: float
) -> bool:
    """Does a rule give the integral that the solver, which may extrapolate, has found?"""
    terms = [
        factor * settled(f(x))
        for t, weight in zip(nodes, weights, strict=True)
        for x, factor in _mapped(t, weight, a, b)
    ]
    return bool(abs(math.fsum(terms) - value) <= 1e-8 * math.fsum(map(abs, terms)))


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
        return _inner_integral(
            lambda y: func(y, x, *args), limit(gfun, x), limit(hfun, x), settings
        )

    return _differentiable(inner, a, b, settings), found[1]


def _inner_integral(f: Function, a: Any, b: Any, settings: Any) -> Any:
    return _differentiable(f, a, b, settings)


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
