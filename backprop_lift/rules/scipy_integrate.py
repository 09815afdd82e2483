"""`scipy.integrate`: quadrature of functions and of samples, and initial value problems.

The value is the original's. The derivative of an integral by what its integrand depends on,
arguments and captured BVars alike, is the integral of the derivative, by Gauss and Kronrod's rule
on the intervals that the solver ended with; by its limits, it is the integrand there. An explicit
Runge-Kutta solver is repeated step by step, so that the derivative is that of the scheme.

References
----------
R. Piessens et al., "QUADPACK", Springer 1983 (rules and their transformations).
A. Griewank and A. Walther, "Evaluating Derivatives", second edition, SIAM 2008, section 15.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from scipy import integrate, special

from .._bvar import BVar, has_bvar, youngest
from .._lift import lifted, no_grad
from .._registry import dotted_name
from ..errors import NoGradientError
from ._implicit import on_plain_values, plain, settled, with_value, without

__all__: list[str] = []

Function = Callable[..., Any]


def _twin(original: Any, twin: Any, samples: Any, wrt: tuple[str, ...]) -> None:
    """Register a twin, called with its arguments by name and their defaults."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def on_bvars(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return twin(**bound.arguments)

    lifted(twin=on_bvars, samples=samples, wrt=wrt)(original)


def _refused(original: Any, reason: str) -> NoGradientError:
    return NoGradientError(
        f"{dotted_name(original)} has no gradient here.",
        "Write value_of(...) around its arguments where a constant is meant.",
        why=reason,
    )


def _args(args: Any) -> tuple[Any, ...]:
    return tuple(args) if isinstance(plain(args), (tuple, list)) else (args,)


class _Watched:
    """A function on plain values that remembers whether its results held BVars."""

    def __init__(self, f: Function) -> None:
        self.f = f
        self.varies = False

    def __call__(self, *args: Any) -> Any:
        y = settled(self.f(*args))
        self.varies = self.varies or has_bvar(y)
        return plain(y)


# Quadrature of functions

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
    args, settings = _args(args), plain(settings)
    watched = _Watched(lambda x: func(x, *args)) if callable(func) else func
    if weight is not None or complex_func or watched is func:
        found = integrate.quad(
            watched, plain(a), plain(b), () if callable(func) else plain(args), full_output,
            weight=weight, complex_func=complex_func, **settings,
        )  # fmt: skip
        if has_bvar((a, b, args)) or getattr(watched, "varies", False):
            raise _refused(integrate.quad, "a weighted, complex or compiled integrand")
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
    raise _refused(integrate.quad, "the integrand is too rough for the rule of its derivative")


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


_twin(
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
    args = _args(args)
    settings = {"epsabs": plain(epsabs), "epsrel": plain(epsrel)}
    found = integrate.dblquad(
        watched := _Watched(lambda y, x: func(y, x, *args)), plain(a), plain(b),
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


_twin(
    integrate.dblquad, _dblquad, [(_plane, 0.2, 1.1, 0.3, 0.9, (0.8,))], ("a", "b", "args")
)


def _fixed_quad(func: Any, a: Any, b: Any, args: Any, n: Any) -> Any:
    if np.isinf(plain(a)) or np.isinf(plain(b)):
        raise ValueError("Gaussian quadrature is only available for finite limits.")
    nodes, weights = special.roots_legendre(n)
    y = settled(func((b - a) * (np.real(nodes) + 1) / 2.0 + a, *_args(args)))
    return (b - a) / 2.0 * np.sum(weights * y, axis=-1), None


_twin(
    integrate.fixed_quad, _fixed_quad, [(_power, 0.3, 1.7, (0.8,), 4)], ("a", "b", "args")
)
for _reason, _names in {
    "it is an integral in many dimensions": ("nquad", "tplquad", "qmc_quad", "cubature"),
    "its nodes are not known": ("quad_vec", "tanhsinh", "nsum"),
    "it is a boundary value problem": ("solve_bvp",),
}.items():
    for _name in _names:
        if hasattr(integrate, _name):
            no_grad(_reason)(getattr(integrate, _name))


# Quadrature of samples


def _spacing(x: Any, dx: Any, y: Any, axis: int) -> Any:
    """Distances along the last axis, of `y` with its axis moved there."""
    if x is None:
        return dx
    x = settled(x)
    return np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))


def _trapezoid(y: Any, x: Any, dx: Any, axis: Any) -> Any:
    y = settled(y)
    steps = _spacing(x, dx, y, axis)
    y = np.moveaxis(y, axis, -1)
    return np.sum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


def _cumulative_trapezoid(y: Any, x: Any, dx: Any, axis: Any, initial: Any) -> Any:
    y = settled(y)
    if initial is not None and initial != 0:
        raise ValueError("`initial` must be `None` or `0`.")
    steps = _spacing(x, dx, y, axis)
    y = np.moveaxis(y, axis, -1)
    found = np.cumsum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        found = np.concatenate([np.zeros((*np.shape(found)[:-1], 1)), found], axis=-1)
    return np.moveaxis(found, -1, axis)


def _simpson(y: Any, x: Any, dx: Any, axis: Any) -> Any:
    y = settled(y)
    h = _spacing(x, dx, y, axis)
    y = np.moveaxis(y, axis, -1)
    n = np.shape(y)[-1]
    if x is None:
        h = dx * np.ones(n - 1)
    if n == 2:
        return 0.5 * h[..., 0] * (y[..., 0] + y[..., 1])
    found = _parabolas(y, h, n - 2 if n % 2 else n - 3)
    if n % 2:
        return found
    h0, h1 = h[..., -2], h[..., -1]
    alpha = (2 * h1**2 + 3 * h0 * h1) / (6 * (h0 + h1))
    beta = (h1**2 + 3 * h0 * h1) / (6 * h0)
    eta = h1**3 / (6 * h0 * (h0 + h1))
    return found + alpha * y[..., -1] + beta * y[..., -2] - eta * y[..., -3]


def _parabolas(y: Any, h: Any, stop: int) -> Any:
    """Simpson's rule on pairs of intervals that start before `stop`."""
    y0, y1, y2 = y[..., 0:stop:2], y[..., 1 : stop + 1 : 2], y[..., 2 : stop + 2 : 2]
    h0, h1 = h[..., 0:stop:2], h[..., 1 : stop + 1 : 2]
    total = h0 + h1
    terms = y0 * (2 - h1 / h0) + y1 * (total * total / (h0 * h1)) + y2 * (2 - h0 / h1)
    return np.sum(total / 6 * terms, axis=-1)


def _sampled(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    y, x = rng.normal(size=(3, 5, 6)), np.cumsum(rng.uniform(0.5, 1.5, size=6))
    grid = np.cumsum(rng.uniform(0.5, 1.5, size=(3, 5, 6)), axis=1)
    return [
        (y[0, 0],), (y, x), (y[0, 0, :5], x[:5]), (y, None, {"dx": 0.7}), (y, grid, {"axis": 1}),
        (y, None, {"dx": 0.7, "axis": -2}), (y[:, :, :2], x[:2]),
    ]  # fmt: skip


def _cumulative_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    y, x = rng.normal(size=(3, 5)), np.cumsum(rng.uniform(0.5, 1.5, size=5))
    return [(y[0],), (y, x), (y, x, 1.0, -1, 0), (y, x[:3], 1.0, 0), (y, None, 0.7, 0)]


_twin(integrate.trapezoid, _trapezoid, _sampled, ("y", "x", "dx"))
_twin(integrate.simpson, _simpson, _sampled, ("y", "x", "dx"))
_twin(
    integrate.cumulative_trapezoid, _cumulative_trapezoid, _cumulative_samples, ("y", "x", "dx")
)


def _romb_grads(dzdy: Any, y: Any, dx: Any, axis: Any) -> Any:
    weights = integrate.romb(np.eye(np.shape(y)[axis]), axis=0)
    return np.moveaxis(np.expand_dims(dzdy, -1) * (dx * weights), -1, axis)


lifted(
    grad={"y": _romb_grads, "dx": lambda dzdy, result, dx: np.sum(dzdy * result) / dx},
    ignores="show",
    samples=lambda rng: [(rng.normal(size=5),), (rng.normal(size=(2, 9)), 0.7), (rng.normal(size=(5, 2)), 0.7, 0)],
)(integrate.romb)


def _cumulative_simpson_grad(
    dzdy: Any, y: Any, x: Any, dx: Any, axis: Any, initial: Any
) -> Any:
    """By the matrix of this linear function of the samples along the axis."""
    n = np.shape(y)[axis]
    if initial is not None:
        initial = np.zeros(n)
    if x is not None and np.ndim(x) > 1:
        raise _refused(integrate.cumulative_simpson, "x of more than one dimension")
    matrix = integrate.cumulative_simpson(
        np.eye(n), x=x, dx=dx, axis=-1, initial=None if initial is None else 0
    )
    return np.moveaxis(np.moveaxis(dzdy, axis, -1) @ matrix.T, -1, axis)


lifted(
    grad={"y": _cumulative_simpson_grad},
    samples=lambda rng: [
        (rng.normal(size=5),),
        (rng.normal(size=(3, 6)), {"x": np.array([0.1, 0.4, 1.0, 1.7, 2.0, 2.2])}),
        (rng.normal(size=(5, 2)), {"dx": 0.7, "axis": 0, "initial": 0}),
    ],
)(integrate.cumulative_simpson)


# Initial value problems


def _stages(f: Function, t: Any, y: Any, h: float, method: Any, first: Any) -> list[Any]:
    """Slopes at the stages of an explicit Runge-Kutta step."""
    found = [f(t, y) if first is None else first]
    for row, c in zip(method.A[1:], method.C[1:], strict=True):
        found.append(f(t + c * h, y + h * _combined(row, found)))
    return found


def _combined(coefficients: Any, slopes: list[Any]) -> Any:
    terms = [float(a) * k for a, k in zip(coefficients, slopes, strict=False) if a != 0]
    return sum(terms[1:], terms[0])


def _repeated(f: Function, y: Any, steps: Any, times: Any, method: Any) -> list[Any]:
    """The states at given times, by an explicit Runge-Kutta method with given steps.

    Parameters
    ----------
    f : callable
        ``f(t, y)``; may have captured BVars.
    y : ndarray or BVar, shape (n,)
        At the first time.
    steps, times : ndarray
        Times where a step ends, and times where the state is wanted, in the same order.
    method : type
        Of `scipy.integrate`, with its coefficients.
    """
    direction = 1.0 if steps[-1] >= steps[0] else -1.0
    wanted = list(times)
    found, first = [], None
    while wanted and wanted[0] == steps[0]:
        found.append(y)
        wanted.pop(0)
    for t, end in zip(steps[:-1], steps[1:], strict=True):
        h = end - t
        slopes = _stages(f, t, y, h, method, first)
        after = y + h * _combined(method.B, slopes)
        first = f(end, after)
        while wanted and direction * (end - wanted[0]) >= 0:
            at = wanted.pop(0)
            if at == end:
                found.append(after)
            elif method is integrate.DOP853:  # whose interpolant needs three stages more
                shorter = at - t
                own = _stages(f, t, y, shorter, method, slopes[0])
                found.append(y + shorter * _combined(method.B, own))
            else:
                powers = np.cumprod(np.full(method.P.shape[1], (at - t) / h))
                found.append(y + h * _combined(method.P @ powers, [*slopes, first]))
        y = after
    return found


_METHODS: Final = {name: getattr(integrate, name) for name in ("RK23", "RK45", "DOP853")}


def _solve_ivp(
    fun: Any, t_span: Any, y0: Any, method: Any, t_eval: Any, dense_output: Any, events: Any,
    vectorized: Any, args: Any, options: Any,
) -> Any:  # fmt: skip
    args = () if args is None else _args(args)

    def slope(t: Any, y: Any) -> Any:
        if vectorized:
            return np.ravel(settled(fun(t, np.expand_dims(y, -1), *args)))
        return np.reshape(settled(fun(t, y, *args)), -1)

    watched = _Watched(lambda t, y: fun(t, y, *args))
    options = {name: on_plain_values(option) for name, option in options.items()}
    found = integrate.solve_ivp(
        watched, plain(t_span), plain(y0), method, plain(t_eval), dense_output,
        _events(events, args), vectorized, **options,
    )  # fmt: skip
    if not (watched.varies or has_bvar(y0) or has_bvar(t_span) or has_bvar(t_eval)):
        return found
    method = _METHODS.get(method, method)
    if has_bvar(t_span) or has_bvar(t_eval):
        raise _refused(integrate.solve_ivp, "its times are BVars")
    if method not in _METHODS.values():
        raise _refused(
            integrate.solve_ivp, f"its method is none of {', '.join(_METHODS)}, which are explicit"
        )
    if events is not None or dense_output:
        raise _refused(integrate.solve_ivp, "events or a dense output are asked for")
    if np.iscomplexobj(found.y):
        raise _refused(integrate.solve_ivp, "its states are complex")
    steps = found.t
    if t_eval is not None:
        steps = integrate.solve_ivp(
            watched, plain(t_span), plain(y0), method, vectorized=vectorized, **options
        ).t
    states = _repeated(slope, settled(y0), steps, found.t, method)
    # Between its steps, DOP853 is repeated by a step, not by its interpolant.
    rtol = 10 * options.get("rtol", 1e-3) if method is integrate.DOP853 else 1e-6
    found.y = with_value(np.stack(states, axis=-1), found.y, "scipy.integrate.solve_ivp", rtol)
    return found


def _events(events: Any, args: Any) -> Any:
    if events is None:
        return None
    given = events if isinstance(events, (list, tuple)) else [events]
    return [on_plain_values(_with_args(event, args)) for event in given]


def _with_args(event: Any, args: Any) -> Any:
    @functools.wraps(event)  # keeps its attributes terminal and direction
    def with_args(t: Any, y: Any) -> Any:
        return event(t, y, *args)

    return with_args


# More evaluations than this make an explicit method the wrong one: the problem is stiff.
_STIFF: Final = 200_000


def _odeint(
    func: Any, y0: Any, t: Any, args: Any, Dfun: Any, full_output: Any, tfirst: Any,  # noqa: N803
    **settings: Any,
) -> Any:  # fmt: skip
    args, times, start = _args(args), np.asarray(plain(t), float), np.atleast_1d(plain(y0))

    def slope(t: Any, y: Any) -> Any:
        return np.reshape(settled(func(t, y, *args) if tfirst else func(y, t, *args)), -1)

    watched = _Watched(lambda t, y: slope(t, y))
    found = integrate.odeint(
        watched, plain(y0), times, (), on_plain_values(Dfun), full_output=full_output, tfirst=True,
        **plain(settings),
    )  # fmt: skip
    if not (watched.varies or has_bvar(y0) or has_bvar(t)):
        return found
    if has_bvar(t):
        raise _refused(integrate.odeint, "its times are BVars")
    calls = 0

    def counted(t: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > _STIFF:
            raise _refused(integrate.odeint, "it is too stiff for an explicit method")
        return watched(t, y)

    steps = integrate.solve_ivp(
        counted, (times[0], times[-1]), start, "DOP853", rtol=1e-9, atol=1e-12
    ).t
    steps = np.unique(np.concatenate([steps, times]))
    if times[-1] < times[0]:
        steps = steps[::-1]
    states = _repeated(slope, np.reshape(settled(y0), -1), steps, times, integrate.DOP853)
    value, *info = found if full_output else (found,)
    value = with_value(np.stack(states), value, "scipy.integrate.odeint", rtol=1e-3)
    return (value, *info) if full_output else value


def _oscillator(t: Any, y: Any, k: Any, c: Any) -> Any:
    return [y[1], -k * y[0] - c * y[1] * math.cos(t)]


def _oscillator_of_state(y: Any, t: Any, k: Any, c: Any) -> Any:
    return _oscillator(t, y, k, c)


_START: Final = np.array([1.0, 0.3])
_twin(
    integrate.solve_ivp,
    _solve_ivp,
    [],
    ("y0", "args"),
)
_twin(
    integrate.odeint,
    _odeint,
    [(_oscillator_of_state, _START, np.array([0, 1, 2]), (1.3, 0.4), {"rtol": 1e-10, "atol": 1e-12})],
    ("y0", "args"),
)
