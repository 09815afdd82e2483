"""Derivatives of higher order and other shapes, out of `backprop_with` and nesting; `show_tape`.

All work on whatever has a space: numbers, arrays, and lists, dicts and records of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ._bvar import BVar, is_complex
from ._bvar.collecting import collect_array
from ._cotangent import fitted
from ._run import backprop_with
from ._show import ShownTape, show_tape
from ._space import TRIVIAL, ZERO, is_record, one, parts_of, rebuilt, space_of, zero
from ._tape import Token
from .errors import CotangentError

__all__ = ["ShownTape", "hessian", "hvp", "jacobian", "jvp", "show_tape"]


def jacobian(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """All partial derivatives of a function.

    Parameters
    ----------
    f : callable
        Takes BVars of the `xs`, and the settings.
    *xs
        As for `grad_bp`. Without any, a function of them is returned.
    **settings
        Passed to `f` untouched.

    Returns
    -------
    object
        For a result of shape `m` and an argument of shape `n`, an array of shape ``m + n``; a
        number for numbers. For a result with parts, its structure with the Jacobian of each part;
        within it, the structure of the argument. A tuple of Jacobians for several arguments.

    Raises
    ------
    CotangentError
        If the result or an argument is complex.

    Examples
    --------
    >>> import numpy as np
    >>> from backprop_lift.derivatives import jacobian
    >>> jacobian(lambda x: x[:2] * x[2], np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    if not xs:
        return lambda *xs, **settings: jacobian(f, *xs, **settings)
    y, scaled_grad = backprop_with(f, *xs, **settings)
    for value in (y, *xs):
        _refuse_complex(value)
    found = []
    for i, x in enumerate(xs):
        row = scaled_grad if len(xs) == 1 else lambda dzdy, i=i: scaled_grad(dzdy)[i]
        found.append(_of_part(y, row, x))
    return found[0] if len(found) == 1 else tuple(found)


def hessian(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """All second derivatives of a function whose result is one number.

    Parameters
    ----------
    f, *xs, **settings
        As for `jacobian`.

    Returns
    -------
    object
        For an argument of shape `n`, an array of shape ``n + n``. For several arguments, a tuple
        of a tuple of these; for an argument with parts, its structure within its structure.

    Raises
    ------
    CotangentError
        If the result is not one real number.

    Examples
    --------
    >>> from backprop_lift.derivatives import hessian
    >>> hessian(lambda x, y: x ** 2 * y, 3.0, 5.0)
    ((10.0, 6.0), (6.0, 0.0))
    """
    if not xs:
        return lambda *xs, **settings: hessian(f, *xs, **settings)
    found = jacobian(lambda *xs: _gradient_of_number(f, xs, settings), *xs)
    if len(xs) == 1:
        return found
    return tuple(tuple(of_x[i] for of_x in found) for i in range(len(xs)))


def hvp(f: Callable[..., Any], x: Any, dx: Any, **settings: Any) -> Any:
    """The Hessian of a function, applied to a direction: two sweeps, and no matrix.

    Parameters
    ----------
    f : callable
        Takes a BVar of `x`; its result is one number.
    x, dx : object
        A value, and a direction with its structure. For a function of several arguments, tuples:
        ``hvp(lambda xy: f(*xy), (x, y), (dx, dy))``.
    **settings
        Passed to `f` untouched.

    Returns
    -------
    object
        With the structure of `x`.

    Raises
    ------
    CotangentError
        If the result is not one real number, or `dx` is not like `x`.

    Examples
    --------
    >>> from backprop_lift.derivatives import hvp
    >>> hvp(lambda v: v[0] ** 2 * v[1], [3.0, 5.0], [1.0, 0.0])
    [10.0, 6.0]
    """
    _check_direction("hvp", x, dx)
    _, scaled_grad = backprop_with(lambda x: _gradient_of_number(f, (x,), settings), x)
    return scaled_grad(dx)


def jvp(f: Callable[..., Any], x: Any, dx: Any, **settings: Any) -> tuple[Any, Any]:
    """The value of a function, and its derivative along a direction.

    The scaled gradient is linear in ``dzdy``; its own scaled gradient is what maps `dx` to `dy`.

    Parameters
    ----------
    f : callable
        Takes a BVar of `x`.
    x, dx : object
        As for `hvp`.
    **settings
        Passed to `f` untouched.

    Returns
    -------
    y, dy : object

    Raises
    ------
    CotangentError
        If a value is complex, or `dx` is not like `x`.

    References
    ----------
    J. Townsend, "A new trick for calculating Jacobian vector products" (2017).

    Examples
    --------
    >>> from backprop_lift.derivatives import jvp
    >>> jvp(lambda v: v[0] * v[1], [3.0, 5.0], [1.0, 0.0])
    (15.0, 5.0)
    """
    _check_direction("jvp", x, dx)
    y, scaled_grad = backprop_with(f, x, **settings)
    for value in (y, x):
        _refuse_complex(value)
    _, transposed = backprop_with(scaled_grad, one(y))
    return y, transposed(dx)


def _gradient_of_number(f: Callable[..., Any], xs: tuple[Any, ...], settings: Any) -> Any:
    y, scaled_grad = backprop_with(f, *xs, **settings)
    _refuse_complex(y)
    if parts_of(_root(y)) is not None or np.shape(y) != ():
        raise CotangentError(
            "Second derivatives are defined here for functions whose result is one number.",
            "Reduce the result to a number, or take the jacobian of a gradient part by part.",
            got=type(_root(y)).__name__ if parts_of(_root(y)) else f"shape {np.shape(y)}",
        )
    return scaled_grad(one(y))


def _check_direction(function: str, x: Any, dx: Any) -> None:
    try:
        if dx is not None or zero(x) is None:
            fitted(dx, Token(None, x), None)
            return
        facts = {"got": None}
    except CotangentError as error:
        facts = error.facts
    raise CotangentError(
        f"{function} was given a direction that is not like the value it starts from.",
        "Give dx the structure of x, with numbers and arrays of the same shapes.",
        **facts,
    )


def _root(value: Any) -> Any:
    while value.__class__ is BVar:
        value = value._bvar_value
    return value


def _refuse_complex(value: Any) -> None:
    parts = parts_of(_root(value))
    if parts is not None:
        for _, part in parts:
            _refuse_complex(part)
    elif is_complex(value):
        raise CotangentError(
            "A Jacobian was asked of complex values, which only holomorphic functions have.",
            "Take the real and imaginary parts as two real arguments, or use backprop_with.",
        )


def _of_part(y: Any, row: Callable[[Any], Any], x: Any) -> Any:
    """The Jacobian of one part of a result in one argument.

    Parameters
    ----------
    y, x : object
        The part, and the argument.
    row : callable
        From a cotangent of the part to one of the argument.
    """
    shell = _root(y)
    parts = parts_of(shell)
    if parts is not None:
        return rebuilt(
            shell,
            [(key, _of_part(part, partial(_row_of, row, shell, key), x)) for key, part in parts],
        )
    if space_of(shell.__class__) is TRIVIAL:
        return None
    shape = np.shape(shell)
    if shape == ():
        return row(one(shell))
    return _stacked([row(unit) for unit in _units(shape)], shape, x)


def _row_of(row: Callable[[Any], Any], whole: Any, key: Any, dzdpart: Any) -> Any:
    """The row of one part: nothing arrives at the others."""
    keys = [k for k, _ in parts_of(whole) or ()]
    return row(rebuilt(whole, [(k, dzdpart if k == key else ZERO) for k in keys]))


def _units(shape: tuple[int, ...]) -> Iterator[Any]:
    for index in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[index] = 1.0
        yield unit


def _stacked(rows: list[Any], shape: tuple[int, ...], x: Any) -> Any:
    """Gradients of the numbers of an array as one array, for each part of the argument."""
    root = _root(x)
    parts = parts_of(root)
    if parts is not None:
        by_name = is_record(root)
        return rebuilt(
            root,
            [
                (key, _stacked([getattr(r, key) if by_name else r[key] for r in rows], shape, part))
                for key, part in parts
            ],
        )
    if space_of(root.__class__) is TRIVIAL:
        return None
    shape = (*shape, *np.shape(root))
    return collect_array(rows).reshape(shape) if rows else np.zeros(shape)
