"""Comparisons of BVars: plain results, and notes of values that meet.

A branch taken because two values were equal holds at that very point only; its gradient may differ
from that of the neighbourhood. So the tape remembers that it happened.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Final

import numpy as np

from . import BVar, bare, innermost
from .special import by_its_class

__all__ = ["COMPARISONS", "FINEST", "coincide", "compare", "cuts", "nearly_equal", "note_cut"]

COMPARISONS: Final[dict[Any, Any]] = {
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}


# Numbers that are the same to so many digits may be so at this very point only.
_SAME: Final = 1e-8

_SPECIAL: Final[dict[Any, tuple[str, str]]] = {
    operator.lt: ("__lt__", "__gt__"),
    operator.le: ("__le__", "__ge__"),
    operator.gt: ("__gt__", "__lt__"),
    operator.ge: ("__ge__", "__le__"),
    operator.eq: ("__eq__", "__eq__"),
    operator.ne: ("__ne__", "__ne__"),
}


def compare(operation: Any, x: Any, y: Any) -> Any:
    """The plain result of a comparison; values that nearly coincide are noted on the tape.

    A record is compared as its class says, which may give anything.
    """
    y = bare(y)
    if any(v.__class__ is BVar and v._bvar_space.primal is not None for v in (x, y)):
        name, reflected = _SPECIAL[operation]
        own = by_its_class(name, x, y, reflected=reflected)
        if own is not NotImplemented:
            return own
    a, b = innermost(x), innermost(y)
    if nearly_equal(a, b):
        coincide(x, y)
    return operation(a, b)


def nearly_equal(a: Any, b: Any) -> bool:
    """Is some pair of numbers so close that a branch on it may hold at this very point only?

    Equal to eight digits; or one of them vanishes and the other is a small threshold.
    """
    if a.__class__ is float and (b.__class__ is float or b.__class__ is int):
        distance = abs(a - b)
        return distance <= 1e-3 and (
            distance <= _SAME * abs(a) or abs(a) <= 1e-12 or abs(b) <= 1e-12
        )
    try:
        p, q = np.asarray(a), np.asarray(b)
        if p.dtype.kind not in "fc" and q.dtype.kind not in "fc":
            return False
        with np.errstate(all="ignore"):
            distance = np.abs(p - q)
            smaller = np.minimum(np.abs(p), np.abs(q))
            near = (distance <= _SAME * np.abs(p)) | ((distance <= 1e-3) & (smaller <= 1e-12))
        return bool(near.any())
    except (TypeError, ValueError):
        return False


# So many times the step of a rounding, a number is taken to be meant as it is.
FINEST: Final = 1e8
_LARGE: Final = 1e-1 * FINEST


def cuts(x: Any, by: Any = 1) -> bool:
    """Is it at a jump of its own, or is a slope lost, where `x` is cut to a multiple of `by`?

    It is at a multiple; and with so many multiples below it, the steps are hardly seen as steps.
    """
    if x.__class__ is float and by.__class__ in (int, float):
        q = x / by if by else math.nan
        return abs(q) < math.inf and (
            abs(q) >= _LARGE or abs(q - round(q)) <= _SAME * abs(q) or abs(q) <= 1e-12
        )
    try:
        with np.errstate(all="ignore"):
            q = np.abs(np.asarray(x) / by)
            near = (np.abs(q - np.rint(q)) <= _SAME * q) | (q <= 1e-12)
            return bool(np.any((q >= _LARGE) | near))
    except TypeError:  # no numbers
        return False


def note_cut(x: Any, by: Any = 1) -> None:
    """Note where a value is cut to a multiple of another one, if that could tell."""
    if cuts(innermost(x), innermost(by)):
        coincide(x, by)


def coincide(*values: Any) -> None:
    """Note that a value met another, on the tapes of all levels.

    So does one at which a function raised: whoever catches that goes another way.
    """
    for value in values:
        while value.__class__ is BVar:
            value._bvar_space.tape.coincident = True
            value = value._bvar_value
