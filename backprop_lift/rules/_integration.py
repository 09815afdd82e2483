"""What the rules of `scipy.integrate` share: how a twin is registered, and what it watches."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .._bvar import has_bvar
from .._registry import dotted_name
from ..errors import NoGradientError
from ._implicit import plain, settled

__all__ = ["Function", "Watched", "args_of", "refused", "twin_by_name"]

Function = Callable[..., Any]


def twin_by_name(original: Any, twin: Any) -> Any:
    """A twin that is given its arguments by name, with their defaults."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def on_bvars(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return twin(**bound.arguments)

    return on_bvars


def refused(original: Any, reason: str) -> NoGradientError:
    return NoGradientError(
        f"{dotted_name(original)} has no gradient here.",
        "Write value_of(...) around its arguments where a constant is meant.",
        why=reason,
    )


def args_of(args: Any) -> tuple[Any, ...]:
    return tuple(args) if isinstance(plain(args), (tuple, list)) else (args,)


class Watched:
    """A function on plain values that remembers whether its results held BVars."""

    def __init__(self, f: Function) -> None:
        self.f = f
        self.varies = False

    def __call__(self, *args: Any) -> Any:
        y = settled(self.f(*args))
        self.varies = self.varies or has_bvar(y)
        return plain(y)
