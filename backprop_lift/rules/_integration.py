"""What the rules of `scipy.integrate` share: how a twin is registered, and what it watches."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .._bvar import BVar, has_bvar
from .._registry import dotted_name
from .._sweep import sweep
from .._tape import Tape, Token
from ..composites.numbers import numbers_of, rooted
from ..errors import NoGradientError
from ._implicit import plain, settled

__all__ = ["Function", "Watched", "args_of", "refused", "same_gradient", "twin_by_name"]

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


def same_gradient(one: BVar, other: BVar, start: int, rtol: float = 1e-6) -> bool:
    """Have two numbers on a tape the same gradient?

    By what stood on the tape when they were begun; or else, since parts of it may cancel, by the
    inputs of the run.

    Parameters
    ----------
    one, other : BVar of float
        Of which the gradients of the second may be the poorer.
    start : int
        The length of the tape before.
    rtol : float, optional
    """
    tape = one._bvar_space.tape
    inputs = next((i for i, node in enumerate(tape) if node[0] is not None), len(tape))
    for where in (start, inputs):
        g, h = (_numbers_before(v, where) for v in (one, other))
        sizes = np.abs(g) + 1e-6 * np.max(np.abs(g), initial=0.0)
        if g.shape == h.shape and np.all(np.abs(g - h) <= rtol * sizes):
            return True
    return False


def _numbers_before(v: BVar, start: int) -> Any:
    """All numbers of the gradient of `v` by what stands on its tape before `start`."""
    tape = v._bvar_space.tape
    nodes = Tape()
    nodes.careful = True
    nodes.extend([(None, _NUMBER)] * start)
    nodes.extend(tape[start : v._bvar_at + 1])
    slots = sweep(nodes, [(v._bvar_at, 1.0)], start)
    found = [slot.total() if hasattr(slot, "total") else slot for slot in slots]
    return numbers_of([rooted(part) for part in found if part is not None])


_NUMBER = Token(None, 0.0)
