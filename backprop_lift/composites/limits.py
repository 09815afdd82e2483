"""A gradient as the limit of the gradients around a point.

Each number of an argument is moved alone, so that at a kink the mean of both sides is the limit
of central differences. What does not converge is nan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .extrapolation import CONVERGED, NEAREST, WEIGHTS, Extrapolation
from .numbers import Row

__all__ = ["Around"]

# A recorded gradient is kept where it is the mean of both sides to so many digits.
_SAME: Final = 1e-8
# Relative error of a limit that is too poor to be taken, but that speaks for the recorded gradient.
_CONSISTENT: Final = 1e-2
# An error of a gradient whose effect is so small a part of the value is none.
_SLIGHT: Final = 1e-8
# A change of the value that is off by so large a part contradicts a gradient; less may be curvature.
_OFF: Final = 1e-3
# At so many times a distance the change is looked at, too: a saw's teeth do not repeat in both.
_STEADY: Final = (2.0, 1.618033988749895)
# How many times farther it is looked for where all of a gradient is zero, or where the change is not
# steady: a search ends in steps.
_FAR: Final = (1.0, 16.0, 256.0)
# What rounding may leave of a value, as a part of it.
_ROUNDING: Final = 1e-10
# So many numbers of an array are moved one at a time; more are moved together.
_ONE_BY_ONE: Final = 16


@dataclasses.dataclass(frozen=True, slots=True)
class _Side:
    """The limit of the gradient from one side; the numbers that do not move mean nothing.

    Attributes
    ----------
    limit, error, size : ndarray, shape (n,)
        As for an `Extrapolation`.
    absent : ndarray of bool, shape (n,)
        Where the function has no value on this side.
    joined : bool
        Do the values lead to that at the point?
    short : bool
        Is it known from very near only?
    """

    limit: Row
    error: Row
    size: Row
    absent: Any
    joined: bool
    short: bool


class Around:
    """The gradient of a function at a point, from the gradients around it.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The point.
    leaves : ndarray of int, shape (n,)
        Which array or number each belongs to; negative for integers, that may have to stay so.
    gradient_at : callable
        ``gradient_at(shift)`` gives ``dzdy @ y`` and the gradient, shape (n,), at ``x + shift``;
        None where the function has no value.

    Attributes
    ----------
    value : float
    here : ndarray, shape (n,)
        ``dzdy @ y`` and the recorded gradient at the point itself.
    sizes : ndarray, shape (n,)
        The size of each number, or of its array where it is small.
    """

    def __init__(
        self, x: Row, leaves: Any, gradient_at: Callable[[Row], tuple[float, Row] | None]
    ) -> None:
        self._gradient_at = gradient_at
        self._known: dict[bytes, tuple[float, Row] | None] = {}
        self.leaves = leaves
        size = np.where(np.isfinite(x), np.abs(x), 0.0)
        self.sizes = np.ones_like(x)
        for leaf in np.unique(leaves):
            here = leaves == leaf
            largest = float(np.max(size[here])) or 1.0
            small = np.where(size[here] > 0, 1e-2 * largest, 5 * largest)
            self.sizes[here] = np.maximum(size[here], small)
        self.u = np.random.default_rng(0).uniform(0.5, 1.0, x.shape)
        at_point = self.gradient_at(np.zeros_like(x))
        assert at_point is not None
        self.value, self.here = at_point

    def gradient_at(self, shift: Row) -> tuple[float, Row] | None:
        """The gradient at a distance; computed once."""
        key = shift.tobytes()
        if key not in self._known:
            self._known[key] = self._gradient_at(shift)
        return self._known[key]

    def limit(self) -> Row:
        """The gradient: the recorded one wherever the gradients around confirm it."""
        step = self.sizes * self.u
        found = self.here.copy()
        todo = ~self._confirmed(step)
        if np.any(todo) and len(todo) <= _ONE_BY_ONE:
            todo[:] = True  # where corners meet, one line through the point is not all
        for leaf in np.unique(self.leaves[todo]):
            numbers = np.flatnonzero(todo & (self.leaves == leaf))
            single = len(numbers) <= _ONE_BY_ONE
            for group in numbers[:, None] if single else numbers[None]:
                along = np.zeros_like(step)
                along[group] = self.sizes[group] if single else step[group]
                if not np.all(self._confirmed(along)[group]):
                    found[group] = self._middle(along, single)[group]
        unknown = np.isnan(found)
        if np.any(unknown):  # on a line where another argument is singular
            one, other = (self._middle(self.sizes * u, False) for u in (self.u, 1.5 - self.u))
            same = np.abs(one - other) <= CONVERGED * (np.abs(one) + np.abs(other))
            found = np.where(unknown & same, one, found)
        return np.where(np.isnan(found) & (self.leaves < 0), self.here, found)

    def contradicts(self, gradient: Row) -> bool:
        """Do the values around the point change, steadily, as a gradient does not say?

        They do where comparisons alone decide the result, as in a search by bisection.
        """
        if not self._contradicts(gradient, self.sizes * self.u):
            return False
        if len(gradient) > _ONE_BY_ONE:
            return not np.any(gradient)
        # where corners meet, only the lines along the arguments tell
        return any(self._contradicts(gradient, row) for row in np.diag(self.sizes))

    def _contradicts(self, gradient: Row, along: Row) -> bool:
        for factor in _FAR:
            answer = self._contradicts_at(factor * NEAREST, gradient, along)
            if answer or (answer is False and np.any(gradient)):
                return answer
        return False

    def _contradicts_at(self, distance: float, gradient: Row, along: Row) -> bool | None:
        """Does the change at a distance contradict a gradient? None where it is not steady."""
        step = distance * along
        expected = float(np.dot(gradient[gradient != 0], step[gradient != 0]))
        change = self._change(step)
        least = _OFF * max(abs(change), abs(expected))
        if not abs(change - expected) > least + _ROUNDING * abs(self.value):
            return False
        if distance > NEAREST:  # less than the slope says may be all that a saw's teeth leave
            least = _OFF * abs(change)
        steady = all(
            abs(self._change(factor * step) - factor * change) <= least for factor in _STEADY
        )
        return True if steady else None

    def _change(self, step: Row) -> float:
        above, below = self.gradient_at(step), self.gradient_at(-step)
        return np.nan if above is None or below is None else (above[0] - below[0]) / 2

    def _confirmed(self, along: Row) -> Any:
        """Where is the recorded gradient the mean of those at both sides?"""
        above, below = (self.gradient_at(sign * NEAREST * along) for sign in (1.0, -1.0))
        if above is None or below is None or np.isnan(above[0]) or np.isnan(below[0]):
            return np.zeros(self.here.shape, bool)
        size = self._scale(above[1], below[1], self.here)
        with np.errstate(all="ignore"):
            return np.abs((above[1] + below[1]) / 2 - self.here) <= _SAME * size

    def _scale(self, *gradients: Row) -> Row:
        """The size of each number of some gradients; at least what rounding may leave of others."""
        size = np.max(np.abs(gradients), axis=0)
        effect = np.where(np.isfinite(size), size, 0.0) * self.sizes
        least = 1e-9 * np.max(effect, initial=0.0) + 1e-6 * abs(self.value)
        return np.asarray(size + least / self.sizes)

    def _middle(self, along: Row, single: bool) -> Row:
        """The mean of the limits from both sides, or the one of them that counts."""
        up, down = self._side(along, single), self._side(-along, single)
        if single and up.short is not down.short:  # the branch at the point goes on to both sides?
            if up.short:
                down = self._nearer(-along, down)
            else:
                up = self._nearer(along, up)
        if single and up.joined is not down.joined:  # the branch taken is that of one side
            up = down = up if up.joined else down
        # where the slope of one side alone is infinite, as of a masked square root, the other counts
        no_up = up.absent | (np.isinf(up.limit) & np.isfinite(down.limit))
        no_down = down.absent | (np.isinf(down.limit) & np.isfinite(up.limit))
        limits, errors, sizes = (
            (np.where(no_up, b, a) + np.where(no_down, a, b)) / 2
            for a, b in ((up.limit, down.limit), (up.error, down.error), (up.size, down.size))
        )
        with np.errstate(invalid="ignore"):
            slight = errors * self.sizes <= _SLIGHT * abs(self.value)
            same = np.abs(limits - self.here) <= 4 * errors + 1e-12 * sizes
            found = np.where((errors <= CONVERGED * sizes) | slight, limits, np.nan)
            known = same & np.isfinite(limits) & ((errors <= _CONSISTENT * sizes) | slight)
        return np.where(known, self.here, found)

    def _side(self, along: Row, single: bool, short: bool = False) -> _Side:
        def gradient(t: float) -> Row | None:
            there = self.gradient_at(t * along)
            return None if there is None else there[1]

        found = Extrapolation(gradient, self._scale, along != 0, short)
        near = [there for t in found.nearest if (there := self.gradient_at(t * along)) is not None]
        if not near:
            return _Side(found.limit, found.error, found.size, found.error > 0, False, short)
        values = [value for value, _ in near]
        joined = self._joins(values)
        absent = np.isnan(near[0][1]) | np.isnan(values[0])
        if single:
            absent = np.full(absent.shape, np.isnan(values[0]))
            if not short and not absent[0] and not (joined and self._is_known(found, along)):
                found_near = self._side(along, single, short=True)
                if found_near.joined and self._is_known(found_near, along):
                    return found_near
            if joined and np.all(np.isnan(found.limit[along != 0])):
                found = self._slope(along)
        limit, error, size = (
            np.broadcast_to(row, along.shape) for row in (found.limit, found.error, found.size)
        )
        return _Side(limit, error, size, absent, joined, short)

    def _nearer(self, along: Row, side: _Side) -> _Side:
        """A side as it is known from very near, if it is known there."""
        found = self._side(along, True, short=True)
        return found if found.joined and self._is_known(found, along) else side

    def _is_known(self, found: _Side | Extrapolation, along: Row) -> bool:
        return bool(np.all((found.error <= CONVERGED * found.size)[along != 0]))

    def _slope(self, along: Row) -> Extrapolation:
        """The derivative by difference quotients: numbers of the gradient's own may be nan."""
        (distance,) = along[along != 0]

        def quotient(t: float) -> Row | None:
            there = self.gradient_at(t * along)
            return None if there is None else np.array([(there[0] - self.value) / (t * distance)])

        return Extrapolation(quotient, lambda *rows: np.max(np.abs(rows), axis=0), np.array([True]))

    def _joins(self, values: list[float]) -> bool:
        """Do values at the distances 1, 2 and 4 lead to that at the point?

        They do not across a jump, nor where another branch begins a little away from the point.
        """
        a, b, c = values
        expected = WEIGHTS[0] * a + WEIGHTS[1] * b + WEIGHTS[2] * c
        error = 16 * abs(expected - (2 * a - b)) + 1e-3 * abs(c - a)
        return abs(expected - self.value) <= error + 1e-12 * (abs(self.value) + abs(a))
