"""Implicit functions: a root ``f(x, p) = 0``, found on plain values, as a function of `p`.

The value is what the solver found. The derivative is that of one Newton step, ``dx = -dy / f'``
with ``y = f(x, p)``; so it holds for all that `f` depends on, arguments and captured BVars alike.
In nested differentiation the root is taken tape by tape, from the oldest to the youngest, so that
derivatives of derivatives are right as well.

References
----------
A. Griewank and A. Walther, "Evaluating Derivatives", second edition, SIAM 2008, chapter 15.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._bvar import BVar, has_bvar, rooted, youngest
from .._bvar.collecting import collect_array
from .._lift import lifted
from .._lift.refusal import refusing
from .._registry import Registry, registry, twin_of
from .._run import backprop_with, grad_bp
from .._space import ZERO
from ..composites.buffer import contents_of
from ..errors import NoGradientError

__all__ = [
    "elementwise_root", "gradient_of", "jacobian_of", "on_plain_values", "plain", "settled",
    "system_root", "with_value", "without", "without_gradient",
]  # fmt: skip

Function = Callable[..., Any]


def plain(value: Any) -> Any:
    """A value with the BVars of all tapes taken off."""
    return rooted(contents_of(value))


def settled(y: Any) -> Any:
    """What a user's function returned, as a number, an array or a BVar of one."""
    y = contents_of(y)
    if isinstance(y, (list, tuple)):
        return collect_array(y) if has_bvar(y) else np.array(y)
    return y


def on_plain_values(f: Any) -> Any:
    """A function as a solver may call it: nothing that it captured reaches the solver.

    What is not callable, such as a constant or None in its place, is made plain.
    """
    if not callable(f):
        return plain(f)

    @functools.wraps(f)  # solvers read how many arguments it takes
    def on_plain(*args: Any, **kwargs: Any) -> Any:
        return plain(f(*args, **kwargs))

    return on_plain


def without(value: Any, tape: Any) -> Any:
    """A value with the BVar of one tape taken off."""
    if value.__class__ is BVar and value._bvar_space.tape is tape:
        return value._bvar_value
    return value


def with_value(found: Any, value: Any, name: str, rtol: float = 1e-6) -> Any:
    """The result of a formula on BVars, with the value that the original gave.

    Parameters
    ----------
    found : float, ndarray or BVar
    value : float or ndarray
        Of the same shape.
    name : str
        Of the original.
    rtol : float, optional
        How far the two may differ, relative to the largest item.

    Raises
    ------
    NoGradientError
        If they differ: then the formula is of another function.
    """
    known = plain(found)
    finite = np.isfinite(value)
    largest = np.max(np.abs(value), where=finite, initial=0.0)
    if not np.allclose(known, value, rtol=rtol, atol=1e-3 * rtol * largest, equal_nan=True):
        raise NoGradientError(
            f"{name} has no gradient here.",
            "Write value_of(...) around its arguments where a constant is meant.",
            why="the formula of its gradient does not give its value for these arguments",
        )
    rest = found - known
    return value + (rest if np.all(finite) else np.where(finite, rest, 0.0))


def without_gradient(name: str, reason: str, x: Any, y: Any) -> Any:
    """`x`, which refuses to be differentiated where `y` depends on a BVar."""
    return refusing(lambda x, y: x, name, reason)(x, y)


def _moved(x: Any, y: Any, slope: Any) -> Any:
    """The root `x` of a function whose value there is `y` and whose derivative is `slope`."""
    return x


def _moved_system(x: Any, y: Any, jacobian: Any) -> Any:
    """The root `x`, shape (n,), of a system whose value there is `y`, and whose Jacobian."""
    return x


# These are no gradients of functions of three arguments, so they are not for the common registry.
_OWN: Final = Registry(parent=registry)
lifted(
    grad={
        "x": lambda dzdy: dzdy,
        "y": lambda dzdy, slope: -dzdy / slope,
        "slope": lambda dzdy: ZERO,
    },
    into=_OWN,
)(_moved)
lifted(
    grad={
        "x": lambda dzdy: dzdy,
        "y": lambda dzdy, jacobian: -np.linalg.solve(jacobian.T, dzdy),
        "jacobian": lambda dzdy: ZERO,
    },
    into=_OWN,
)(_moved_system)


def _root(f: Function, x: Any, slope_at: Function, moved: Function, doubt: Any = None) -> Any:
    y = settled(f(x))
    if not has_bvar(y):
        return x
    tape = youngest((y,))
    older = _root(lambda v: without(settled(f(v)), tape), x, slope_at, moved, doubt)
    if older is not x:
        x, y = older, settled(f(older))
    slope = without(slope_at(lambda v: settled(f(v)), x), tape)
    if np.shape(y) != np.shape(x):
        y = np.reshape(y, np.shape(x))
    if doubt is not None:
        name, reason = doubt(plain(x), plain(y), plain(slope)) or ("", "")
        if reason:
            return without_gradient(name, reason, x, y)
    return twin_of(moved, _OWN)(x, y, slope)


def elementwise_root(f: Function, x: Any, found: Any = True, doubt: Any = None) -> Any:
    """The root of an elementwise function.

    Parameters
    ----------
    f : callable
        Of one argument; may have captured BVars.
    x : float or ndarray
        Its root, on plain values.
    found : bool or ndarray, optional
        Where `x` is a root; elsewhere the derivative is nan.
    doubt : callable, optional
        ``doubt(x, y, slope)`` gives the name of a solver and the reason why its result has no
        derivative, or None.

    Returns
    -------
    float, ndarray or BVar
        `x`, with its derivative.
    """

    def slope_at(f: Function, x: Any) -> Any:
        slope = grad_bp(f, x)
        slope = np.float64(slope) if isinstance(slope, float) else slope
        return slope if np.all(found) else np.where(found, slope, np.nan)

    return _root(f, x, slope_at, _moved, doubt)


def system_root(f: Function, x: Any, doubt: Any = None) -> Any:
    """The root of a system of n equations for an array of n unknowns.

    Parameters
    ----------
    f : callable
        Of one argument; may have captured BVars.
    x : ndarray
        Its root, on plain values.
    doubt : callable, optional
        As for `elementwise_root`.

    Returns
    -------
    ndarray or BVar
        `x`, with its derivative.
    """
    shape = np.shape(x)
    if shape == ():
        return elementwise_root(f, x, True, doubt)

    def flat(v: Any) -> Any:
        return np.reshape(settled(f(np.reshape(v, shape))), -1)

    return np.reshape(_root(flat, np.reshape(x, -1), jacobian_of, _moved_system, doubt), shape)


def jacobian_of(f: Function, x: Any) -> Any:
    """The derivative of every number that `f` returns, stacked along the first axis."""
    y, scaled_grad = backprop_with(f, x)
    y = plain(y)
    rows = np.eye(np.size(y)).reshape(-1, *np.shape(y))
    return np.stack([scaled_grad(row if np.ndim(row) else float(row)) for row in rows])


def gradient_of(f: Function) -> Function:
    """The gradient of a scalar function of one argument, which may have captured BVars."""
    return lambda x: grad_bp(lambda v: settled(f(v)), x)
