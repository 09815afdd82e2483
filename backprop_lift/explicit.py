"""The runners and lifters with spaces given by hand, for values whose type has none or another.

Each function is that of the same name in the package, with the spaces first. A space replaces the
one of the value's type: for the sum of its cotangents, for the zero of an argument that nothing
reached, and for the seed of a result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from . import _run
from ._apply import applied
from ._bvar import BVar, Named, _bvar, has_bvar, youngest
from ._op import Op
from ._space import Space, add, one, register_space, space_of, zero
from ._tape import CALL, Tape, Token
from .errors import SpaceError

__all__ = ["backprop", "backprop_with", "eval_bp", "grad_bp", "lift_op", "space_by"]

Spaces = Space | Iterable[Space | None] | None


def grad_bp(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The gradient of a function, with the spaces of its arguments given.

    Parameters
    ----------
    spaces : Space, or iterable of Space or None
        Of the arguments: one for all, or one for each; None is the space of the type.
    f, *xs, **settings
        As for `backprop_lift.grad_bp`.

    Examples
    --------
    >>> from backprop_lift import Space, explicit
    >>> most = Space(lambda x: 0.0, max, lambda x: 1.0)  # the largest contribution counts
    >>> explicit.grad_bp(most, lambda x: 2.0 * x + 5.0 * x, 1.0)
    5.0
    """
    return backprop(spaces, f, *xs, **settings)[1]


def backprop(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its gradient, with the spaces of its arguments given.

    Parameters
    ----------
    spaces, f, *xs, **settings
        As for `grad_bp`.
    """
    y, scaled_grad = backprop_with(spaces, f, *xs, **settings)
    held = y if y.__class__ is _Held else None
    raise NotImplementedError
