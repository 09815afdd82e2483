"""The gradient at a point where branches meet, from the gradients of calls beside it.

It is confirmed by those a little to either side, or taken as their limit, number by number; and
where a derivative of it is asked for, extrapolated from both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._bvar import has_bvar
from .._run import backprop_with
from .._space import zero
from ..errors import NoGradientError
from .limits import Around
from .numbers import combined, leaves_of, moved, numbers_of, rooted, with_numbers

__all__ = ["gradient_by_limits"]

# Where a derivative of the gradient is asked for: relative distances to the point, the best first,
# and the weights of an extrapolation to 0 from 1, 2, 4 and 8 times such a distance.
_APART: Final = (2e-3, 5e-4, 3.2e-5)
_WEIGHTS: Final = (64 / 21, -8 / 3, 2 / 3, -1 / 21)
_AGREE: Final = 1e-5
# Runs of so many nodes are kept while the gradients of several numbers are computed.
_KEPT: Final = 20_000
# Up to so many nodes, and of so many numbers of the result, the gradient of each is a limit of its
# own.
_ALONE: Final = ((300, 64), (_KEPT, 16), (np.inf, 1))
# After so many refused gradients, values alone are asked for.
_MOST_REFUSALS: Final = 3


def gradient_by_limits(
    name: str, again: Callable[..., Any], values: list[Any], result: Any, length: int
) -> Callable[[Any], list[Any]]:
    """The scaled gradient of a function at a point where its branches meet.

    Parameters
    ----------
    name : str
        Of the function, for errors.
    again : callable
        The function, of as many arguments as there are values.
    values : list
        Where it was called.
    result : object
        What it returned there.
    length : int
        The number of nodes that it recorded.
    """
    roots = [rooted(value) for value in values]
    at = numbers_of(roots)
    finite = np.isfinite(numbers_of(rooted(result)))

    def gradient(xs: list[Any], dzdy: Any, there: bytes = b"") -> tuple[Any, list[Any]]:
        run = runs.get(there) or backprop_with(again, *xs)
        if there and length <= _KEPT:
            runs[there] = run
        y, scaled_grad = run
        dzdxs = scaled_grad(dzdy)
        return y, [dzdxs] if len(xs) == 1 else list(dzdxs)

    def scaled_grad(dzdy: Any) -> list[Any]:
        if has_bvar([values, dzdy]):
            return limit_of(dzdy, nested=True)
        weights = np.where(finite, numbers_of(rooted(dzdy)), 0.0)
        used = np.flatnonzero(weights)
        if len(used) > next(most for longest, most in _ALONE if length <= longest):
            return limit_of(dzdy, nested=False)
        # of each number of the result alone, so that what is found is linear in dzdy
        total: Any = 0.0
        like: Any = [zero(x) for x in roots]
        for i in used.tolist():
            if i not in alone:
                unit = with_numbers(dzdy, iter(np.arange(len(weights)) == i))
                alone[i] = limit_of(unit, nested=False)
            like = alone[i]
            total = total + weights[i] * numbers_of(like)
        runs.clear()
        return list(with_numbers(like, iter(np.broadcast_to(total, at.shape))))

    alone: dict[int, list[Any]] = {}
    runs: dict[bytes, Any] = {}  # while rows are computed, by the shift

    def limit_of(dzdy: Any, nested: bool) -> list[Any]:
        try:
            _, recorded = gradient(values, dzdy)
        except NoGradientError:  # at this very point, it may be
            if nested:
                raise
            recorded = [zero(x) for x in roots]
        seed = rooted(dzdy)
        weights = np.where(finite, numbers_of(seed), 0.0)

        def weighed(y: Any) -> float:
            """The finite numbers of a result, weighed by their cotangents; nan if one ceases."""
            numbers = numbers_of(rooted(y))
            if numbers.shape != weights.shape:
                return np.nan
            return float(np.dot(numbers[weights != 0], weights[weights != 0]))

        def gradient_at(shift: Any) -> Any:
            xs = moved(roots, iter(shift))
            unknown = np.full(at.shape, np.nan)
            if len(refusals) >= _MOST_REFUSALS:
                return (weighed(again(*xs)), unknown) if _can_be_called(again, xs) else None
            try:
                y, dzdxs = gradient(xs, seed, b"" if nested else shift.tobytes())
            except Exception as error:
                try:
                    y = again(*xs)
                except Exception:  # whatever a function raises outside its domain
                    if not np.any(shift):
                        raise error from None
                    return None
                refusals.append(error)
                return weighed(y), unknown  # the value may still tell the slope
            if len(numbers_of(rooted(y))) != len(finite):
                refusals.append(_no_gradient(name, "its result takes another form beside it"))
                return np.nan, unknown
            return weighed(y), numbers_of(rooted(dzdxs))

        refusals: list[Exception] = []
        around = Around(at, leaves_of(roots), gradient_at)
        if not np.isclose(around.value, weighed(result), 1e-10, 0.0, equal_nan=True):
            raise NoGradientError(
                f"{name} gives another result when it is called again, at a point where its "
                "branches meet.",
                "Its gradient there is a limit, which needs several calls: make it repeatable.",
            )
        limit = around.limit()
        if refusals and np.all(np.isnan(limit)):
            raise refusals[0]
        if around.contradicts(limit):
            raise _no_gradient(name, "comparisons alone decide its result, as in a bisection")
        if not nested and not has_bvar(recorded):
            return list(with_numbers(recorded, iter(limit)))
        return _with_derivative(name, lambda xs: gradient(xs, dzdy)[1], values, around, limit)

    return scaled_grad


def _can_be_called(function: Callable[..., Any], xs: list[Any]) -> bool:
    try:
        function(*xs)
    except Exception:  # whatever a function raises outside its domain
        return False
    return True


def _no_gradient(name: str, why: str) -> NoGradientError:
    return NoGradientError(
        f"{name} has no gradient at a point where its branches meet.",
        "Take it a little beside the point, or write a rule: lifted(grad=...).",
        why=why,
    )


def _with_derivative(
    name: str,
    gradient: Callable[[list[Any]], list[Any]],
    values: list[Any],
    around: Around,
    limit: Any,
) -> list[Any]:
    """The gradient as a number with a derivative: that of its extrapolation from both sides."""
    for apart in _APART:
        sides = []
        for sign in (1.0, -1.0):
            step = sign * apart * around.sizes * around.u
            shifts = [factor * step for factor in (1.0, 2.0, 4.0, 8.0)]
            if all(around.gradient_at(shift) is not None for shift in shifts):
                gradients = [gradient(moved(values, iter(shift))) for shift in shifts]
                sides.append(combined(_WEIGHTS, gradients))
        if not sides:
            continue
        found = combined((1 / len(sides),) * len(sides), sides)
        known = numbers_of(found)
        if np.all(np.abs(known - limit) <= _AGREE * (np.abs(limit) + np.max(np.abs(limit)))):
            rest = with_numbers(found, iter(limit - known))
            return list(combined((1.0, 1.0), [found, rest]))
    raise NoGradientError(
        f"{name} has no second derivative at a point where its branches meet.",
        "Take the derivative a little beside the point.",
    )
