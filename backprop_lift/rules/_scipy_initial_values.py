"""Initial value problems of `scipy.integrate`.

An explicit Runge-Kutta solver is repeated step by step, so that the derivative is that of the
scheme; `odeint` by an explicit method of its own steps. A time that is a BVar is reached from its
value by a further step, of length zero.

References
----------
A. Griewank and A. Walther, "Evaluating Derivatives", second edition, SIAM 2008, section 15.
E. Hairer, S. P. Nørsett and G. Wanner, "Solving Ordinary Differential Equations I", Springer 1993.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, Final

import numpy as np
from scipy import integrate

from .._bvar import has_bvar
from .._lift import lifted
from ._implicit import on_plain_values, plain, settled, with_value
from ._integration import Function, Watched, args_of, refused, twin_by_name

__all__: list[str] = []


def _register(original: Any, twin: Any, samples: Any, wrt: tuple[str, ...]) -> None:
    lifted(twin=twin_by_name(original, twin), wrt=wrt, samples=samples)(original)


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
    for t, end in itertools.pairwise(steps):
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


def _moved(f: Function, t: Any, y: Any, to: Any) -> Any:
    """The state `y` of time `t` at a time of the same value; one of the two is a BVar."""
    h = to - t
    return y + h * _combined(integrate.RK23.B, _stages(f, t, y, h, integrate.RK23, None))


def _moved_all(f: Function, times: Any, states: list[Any], to: Any) -> list[Any]:
    return [_moved(f, t, y, to[i]) for i, (t, y) in enumerate(zip(times, states, strict=True))]


_METHODS: Final = {name: getattr(integrate, name) for name in ("RK23", "RK45", "DOP853")}


def _solve_ivp(
    fun: Any, t_span: Any, y0: Any, method: Any, t_eval: Any, dense_output: Any, events: Any,
    vectorized: Any, args: Any, options: Any,
) -> Any:  # fmt: skip
    args = () if args is None else args_of(args)

    def slope(t: Any, y: Any) -> Any:
        if vectorized:
            return np.ravel(settled(fun(t, np.expand_dims(y, -1), *args)))
        return np.reshape(settled(fun(t, y, *args)), -1)

    watched = Watched(lambda t, y: fun(t, y, *args))
    options = {name: on_plain_values(option) for name, option in options.items()}
    found = integrate.solve_ivp(
        watched, plain(t_span), plain(y0), method, plain(t_eval), dense_output,
        _events(events, args), vectorized, **options,
    )  # fmt: skip
    if not (watched.varies or has_bvar(y0) or has_bvar(t_span) or has_bvar(t_eval)):
        return found
    method = _METHODS.get(method, method)
    if method not in _METHODS.values():
        raise refused(
            integrate.solve_ivp, f"its method is none of {', '.join(_METHODS)}, which are explicit"
        )
    if events is not None or dense_output:
        raise refused(integrate.solve_ivp, "events or a dense output are asked for")
    if np.iscomplexobj(found.y):
        raise refused(integrate.solve_ivp, "its states are complex")
    steps = found.t
    if t_eval is not None:
        steps = integrate.solve_ivp(
            watched, plain(t_span), plain(y0), method, vectorized=vectorized, **options
        ).t
    start, times = settled(y0), found.t
    if has_bvar(t_span):
        start = _moved(slope, t_span[0], start, times[0] if t_eval is None else steps[0])
    states = _repeated(slope, start, steps, times, method)
    if has_bvar(t_eval):
        found.t = settled(t_eval)[: len(times)]
    elif has_bvar(t_span) and t_eval is None:
        end = t_span[1] if found.success else times[-1]
        found.t = settled([t_span[0], *times[1:-1], end])
    if found.t is not times:
        states = _moved_all(slope, times, states, found.t)
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
    func: Any, y0: Any, t: Any, args: Any, Dfun: Any, full_output: Any, tfirst: Any,
    **settings: Any,
) -> Any:  # fmt: skip
    args, times, start = args_of(args), np.asarray(plain(t), float), np.atleast_1d(plain(y0))

    def slope(t: Any, y: Any) -> Any:
        return np.reshape(settled(func(t, y, *args) if tfirst else func(y, t, *args)), -1)

    watched = Watched(lambda t, y: slope(t, y))
    found = integrate.odeint(
        watched, plain(y0), times, (), on_plain_values(Dfun), full_output=full_output, tfirst=True,
        **plain(settings),
    )  # fmt: skip
    if not (watched.varies or has_bvar(y0) or has_bvar(t)):
        return found
    calls = 0

    def counted(t: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > _STIFF:
            raise refused(integrate.odeint, "it is too stiff for an explicit method")
        return watched(t, y)

    def steps_of(method: Any) -> Any:
        span = times[0], times[-1]
        return integrate.solve_ivp(counted, span, start, method, rtol=1e-9, atol=1e-12).t

    method: Any = integrate.DOP853
    steps = steps_of(method)
    if len(times) > 4 * len(steps):  # then between the steps of a method that interpolates
        method = integrate.RK45
        steps = steps_of(method)
    else:
        steps = np.unique(np.concatenate([steps, times]))
        if times[-1] < times[0]:
            steps = steps[::-1]
    y, t = np.reshape(settled(y0), -1), settled(t)
    if has_bvar(t):
        y = _moved(slope, t[0], y, times[0])
    states = _repeated(slope, y, steps, times, method)
    if has_bvar(t):
        states = _moved_all(slope, times, states, t)
    value, *info = found if full_output else (found,)
    value = with_value(np.stack(states), value, "scipy.integrate.odeint", rtol=1e-3)
    return (value, *info) if full_output else value


def _oscillator(t: Any, y: Any, k: Any, c: Any) -> Any:
    return [y[1], -k * y[0] - c * y[1] * math.cos(t)]


def _oscillator_of_state(y: Any, t: Any, k: Any, c: Any) -> Any:
    return _oscillator(t, y, k, c)


_START: Final = np.array([1.0, 0.3])
_register(
    integrate.solve_ivp,
    _solve_ivp,
    [],
    ("t_span", "y0", "t_eval", "args"),
)
_register(
    integrate.odeint,
    _odeint,
    [
        (
            _oscillator_of_state,
            _START,
            np.array([0, 1, 2]),
            (1.3, 0.4),
            {"rtol": 1e-10, "atol": 1e-12},
        )
    ],
    ("y0", "t", "args"),
)
