"""Isomorphisms: functions that move numbers about and change none, such as constructors.

The scaled gradient of one is its inverse. That of a function that calculates is another, and a
pair of such functions (`exp` and `log`) is refused.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np

from ._op import Op, defined, name_of, place_of
from ._space import parts_of, rebuilt
from .errors import IsoError

__all__ = ["op_iso"]


def op_iso(to: Callable[..., Any], back: Callable[[Any], Any], *, check: bool = False) -> Op:
    """The Op of an isomorphism that moves numbers about and does not change them.

    Parameters
    ----------
    to : callable
        From the arguments to one value, such as the constructor of a record. It is called a second
        time, with other numbers, to see that it moves any and not just these: 2 * x is x at 0.
    back : callable
        Its inverse: one value for one argument, a tuple for several. It is the scaled gradient
        too, and therefore `to` must not calculate.
    check : bool, optional
        Compare ``back(to(*xs))`` with the arguments at every call.

    Returns
    -------
    Op
        Running it raises an `IsoError` where the numbers of the result are not those of the
        arguments, or `back` is found not to be the inverse.

    Examples
    --------
    >>> from backprop_lift import op_iso
    >>> op_iso(lambda a, b: [a, b], tuple).grad(2.0, 3.0)
    (1.0, 1.0)
    """

    for name, function in {"to": to, "back": back}.items():
        if not callable(function):
            raise IsoError(
                f"An isomorphism was given {function!r} for {name}, which is not callable.",
                "Give a function and its inverse.",
            )

    def run(*xs: Any) -> tuple[Any, Callable[[Any], Any]]:
        y = to(*xs)
        if not _keeps_numbers(xs, y) or _changes_others(to, xs):
            raise IsoError(
                f"{op.name} changes the numbers that it is given, so its inverse is not its "
                "gradient.",
                "Write Op(f) with its scaled gradient, or lift the function itself.",
                **defined(op),
            )
        if check:
            _check_inverse(op, back(y), xs)
        return y, back

    op = Op(run, name=name_of(to), complex=True)
    op.where = place_of(to)
    return op


def _keeps_numbers(xs: Any, y: Any) -> bool:
    """May `y` hold the numbers of `xs`, each once? Told by their sum and their sum of squares."""
    (total, square), (total_y, square_y) = _measured(xs), _measured(y)
    if not math.isfinite(square + square_y):
        return True  # cannot be told
    allowed = 1e-5  # numbers may be converted to single precision
    return abs(total - total_y) <= allowed * (abs(total) + math.sqrt(square)) and (
        abs(square - square_y) <= allowed * square
    )


def _changes_others(to: Callable[..., Any], xs: Any) -> bool:
    """Is a function found to calculate, when it is given other numbers than `xs`?"""
    numbers = (1.0 + i * _GOLDEN % 1.0 for i in itertools.count(1))
    others = tuple([_like(x, numbers) for x in xs])
    try:
        y = to(*others)
    except Exception:
        return False  # they are not for it
    return not _keeps_numbers(others, y)


_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0


def _like(value: Any, numbers: Iterator[float]) -> Any:
    """A value of the same structure with other numbers."""
    while hasattr(value.__class__, "_bvar_value"):
        value = value._bvar_value
    parts = parts_of(value)
    if parts is not None:
        return rebuilt(value, [(key, _like(part, numbers)) for key, part in parts])
    cls = value.__class__
    if cls is np.ndarray and value.dtype.kind in "fc":
        return np.resize(list(itertools.islice(numbers, 64)), value.shape).astype(value.dtype)
    if cls is int:
        return int(7 * next(numbers))
    if isinstance(value, (float, complex, np.inexact, Fraction, Decimal)):
        make: Any = cls
        return make(next(numbers))
    return value


def _measured(value: Any) -> tuple[complex, float]:
    """The sum of all numbers in a value, and the sum of their squared sizes."""
    while hasattr(value.__class__, "_bvar_value"):
        value = value._bvar_value
    parts = parts_of(value)
    if parts is not None:
        found = [_measured(part) for _, part in parts]
        return sum(total for total, _ in found), sum(square for _, square in found)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fciu":
            return 0.0, 0.0
        return complex(value.sum()), float(np.vdot(value, value).real)
    try:
        return complex(value), abs(complex(value)) ** 2
    except (TypeError, ValueError, OverflowError):
        return 0.0, 0.0


def _check_inverse(op: Op, found: Any, xs: tuple[Any, ...]) -> None:
    found = (found,) if len(xs) == 1 else found
    if (
        not isinstance(found, (tuple, list))
        or len(found) != len(xs)
        or not all(map(_same, found, xs))
    ):
        raise IsoError(
            f"The inverse given for {op.name} does not lead back to its arguments.",
            "Give back= the inverse: one value for one argument, a tuple for several.",
            **defined(op),
            expected=repr(xs)[:200],
            got=repr(tuple(found) if isinstance(found, list) else found)[:200],
        )


def _same(found: Any, x: Any) -> bool:
    parts = parts_of(x)
    if parts is not None:
        given = dict(parts_of(found) or ())
        expected = dict(parts)
        return given.keys() == expected.keys() and all(
            _same(given[key], part) for key, part in expected.items()
        )
    same = found == x
    return bool(same.all()) if hasattr(same, "all") else bool(same)
