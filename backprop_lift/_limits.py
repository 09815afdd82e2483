"""A gradient as the limit of the gradients around a point, with an estimate of its error.

The gradients at three distances on one side are extrapolated to the point itself. Each number of
an argument is moved alone, so that at a kink the mean of both sides is the limit of central
differences; where one side has no value, the other counts. What does not converge is nan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ._bvar import has_bvar, value_of
from ._space import parts_of, rebuilt

__all__ = ["Around", "combined", "moved", "numbers_of", "with_numbers"]

Row = npt.NDArray[np.float64]

# Distances, relative to the size of an argument. The first is tried first: a branch may hold for
# a short way only. From a longer one the rounding of cancelling terms is smaller; the shorter are
# for functions that check their arguments and raise.
_STEPS: Final = (2e-6, 3.2e-5, 5e-4, 8e-3)
_SHORT_STEPS: Final = (1e-8, 1e-10)
# Of three gradients at distances 1, 2 and 4: the weights of their extrapolation to 0.
WEIGHTS: Final = (8 / 3, -2.0, 1 / 3)
# A recorded gradient is kept where it is the mean of both sides to so many digits.
_SAME: Final = 1e-8
_SETTLED: Final = 1e-9
_CONVERGED: Final = 1e-5
# So many numbers are moved one at a time; more are moved together.
_ONE_BY_ONE: Final = 16


@dataclasses.dataclass(frozen=True, slots=True)
class _Side:
    """The limit of the gradient from one side, of which the numbers not moved mean nothing.

    Attributes
    ----------
    limit, error : ndarray, shape (n,)
        nan where it is unknown or does not exist; infinite where the gradient grows steadily.
    joined : bool
        Does the value go over into that at the point, without a jump?
    """

    limit: Row
    error: Row
    joined: bool = True


class Around:
    """The gradient of a function at a point, from the gradients around it.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The point.
    gradient_at : callable
        ``gradient_at(shift)`` gives ``dzdy @ y`` and the gradient, shape (n,), at ``x + shift``;
        None where the function has no value.
    wholes : ndarray of bool, shape (n,)
        Which numbers are integers, that may have to stay so.
    """

    def __init__(
        self, x: Row, gradient_at: Callable[[Row], tuple[float, Row] | None], wholes: Any
    ) -> None:
        self.gradient_at = gradient_at
        self.wholes = wholes
        size = np.abs(x)
        largest = float(np.max(size, initial=0.0)) or 1.0
        self.sizes = np.where(size > 0, np.maximum(size, 1e-2 * largest), 5 * largest)
        self.u = np.random.default_rng(0).uniform(0.5, 1.0, x.shape)
        here = gradient_at(np.zeros_like(x))
        assert here is not None
        self.value, self.here = here

    def limit(self) -> Row:
        """The gradient: the recorded one wherever the gradients around confirm it."""
        step = self.sizes * self.u
        sides = [self.gradient_at(sign * _STEPS[0] * step) for sign in (1.0, -1.0)]
        found = self.here.copy()
        todo = np.flatnonzero(~self._confirmed(*sides))
        if len(todo) <= _ONE_BY_ONE:
            groups = [todo[i : i + 1] for i in range(len(todo))]
        else:
            groups = [todo]
        for group in groups:
            along = np.zeros_like(step)
            along[group] = step[group]
            found[group] = self._middle(along, jumps=len(group) == 1)[group]
        unknown = np.isnan(found)
        if np.any(unknown):  # on a line where another argument is singular
            one, other = (self._middle(self.sizes * u) for u in (self.u, 1.5 - self.u))
            same = np.abs(one - other) <= _CONVERGED * (np.abs(one) + np.abs(other))
            found = np.where(unknown & same, one, found)
        return np.where(np.isnan(found) & self.wholes, self.here, found)

    def _confirmed(self, above: Any, below: Any) -> Any:
        if above is None or below is None:
            return np.zeros(self.here.shape, bool)
        up, down = above[1], below[1]
        size = self._scale(up, down, self.here)
        with np.errstate(all="ignore"):
            return np.abs((up + down) / 2 - self.here) <= _SAME * size

    def _scale(self, *gradients: Row) -> Row:
        """The size of each number of some gradients; at least what rounding may leave of others."""
        size = np.max(np.abs(gradients), axis=0)
        effect = np.where(np.isfinite(size), size, 0.0) * self.sizes
        return np.asarray(size + 1e-9 * np.max(effect, initial=0.0) / self.sizes)

    def _middle(self, along: Row, jumps: bool = False) -> Row:
        up, down = self._side(along), self._side(-along)
        if jumps and up.joined is not down.joined:  # the branch taken is that of one side
            side = up if up.joined else down
            return np.where(np.isnan(side.limit), self.here, side.limit)
        error = np.nan_to_num(up.error, nan=0.0) + np.nan_to_num(down.error, nan=0.0)
        a = np.where(np.isnan(up.limit), down.limit, up.limit)
        b = np.where(np.isnan(down.limit), up.limit, down.limit)
        with np.errstate(invalid="ignore"):
            middle = (a + b) / 2
            same = np.abs(middle - self.here) <= 4 * error + 1e-12 * self._scale(a, b)
        return np.where(same, self.here, middle)

    def _side(self, along: Row) -> _Side:
        limit, error = np.full_like(along, np.nan), np.full_like(along, np.inf)
        done, grows = np.zeros(along.shape, bool), np.ones(along.shape, bool)
        steps: tuple[float, ...] = _STEPS
        size, signs, joined, tried = np.zeros_like(along), np.zeros_like(along), True, 0
        near: Any = None
        while steps:
            step, *rest = steps
            steps = tuple(rest)
            sampled = [self.gradient_at(step * factor * along) for factor in (1.0, 2.0, 4.0)]
            if any(sample is None for sample in sampled):
                steps = _SHORT_STEPS if step == _STEPS[0] else steps if step < _STEPS[0] else ()
                continue
            tried += 1
            values, gradients = zip(*[s for s in sampled if s is not None], strict=True)
            with np.errstate(all="ignore"):
                g1, g2, g4 = gradients
                estimate = sum(w * g for w, g in zip(WEIGHTS, gradients, strict=True))
                bar = np.abs(estimate - (2 * g1 - g2)) + 1e-15 * np.abs(g1)
                if near is None:
                    near, signs = gradients, np.sign(g1)
                    joined = self._joins(values)
                if tried <= 2:
                    grows &= (g1 / g2 > 1.04) & (np.abs(g1 * g4 - g2 * g2) < 0.1 * g2 * g2)
                fits = np.isnan(limit) | (np.abs(estimate - limit) <= 4 * (bar + error))
                done |= ~fits  # farther away, another branch holds
                better = ~done & np.isfinite(estimate) & (bar < error)
                limit, error = np.where(better, estimate, limit), np.where(better, bar, error)
                size = np.where(better, self._scale(*gradients), size)
                done |= error <= _SETTLED * size
            if np.all(done | (along == 0)):
                break
        if near is None:
            return _Side(limit, error)
        with np.errstate(all="ignore"):
            poor = ~(error <= _CONVERGED * size)
            limit = np.where(poor, np.nan, limit)
            limit = np.where(poor & grows, signs * np.inf, limit)
            tends = poor & ~grows & self._tends_to_here(near)
        return _Side(np.where(tends, self.here, limit), np.where(tends | poor, 0.0, error), joined)

    def _joins(self, values: tuple[float, ...]) -> bool:
        offset = abs(sum(w * v for w, v in zip(WEIGHTS, values, strict=True)) - self.value)
        variation = abs(values[2] - values[0])
        return not offset > 10 * variation + 1e-9 * (abs(self.value) + abs(values[0]))

    def _tends_to_here(self, gradients: Any) -> Any:
        """Do gradients differ from the recorded one by a power of the distance?"""
        a, b, c = (g - self.here for g in gradients)
        falls = (np.abs(a) < 0.95 * np.abs(b)) & (np.abs(b) < 0.95 * np.abs(c))
        return falls & (np.abs(a * c - b * b) <= 0.05 * b * b)


# --- the numbers of a structure ------------------------------------------------------------------


def _rooted(value: Any) -> Any:
    while has_bvar(value):
        value = value_of(value)
    return value


def numbers_of(value: Any) -> Row:
    """All numbers of a value in a row, of a complex one its real and its imaginary part."""
    parts = parts_of(value)
    if parts is not None:
        return np.concatenate([np.zeros(0), *(numbers_of(part) for _, part in parts)])
    array = np.asarray(_rooted(value))
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array, complex).ravel().view(float)
    return array.ravel().astype(float) if array.dtype.kind in "fiu" else np.zeros(0)


def wholes_of(value: Any) -> Any:
    """Which of the numbers of a value, in a row, are integers."""
    parts = parts_of(value)
    if parts is not None:
        return np.concatenate([np.zeros(0, bool), *(wholes_of(part) for _, part in parts)])
    row = numbers_of(value)
    return np.full(row.shape, np.asarray(_rooted(value)).dtype.kind in "iu")


def moved(x: Any, shift: Iterator[float]) -> Any:
    """`x` with each of its numbers moved; what does not move is the same object."""
    parts = parts_of(x)
    if parts is not None:
        return rebuilt(x, [(key, moved(part, shift)) for key, part in parts])
    root = _rooted(x)
    array = np.asarray(root)
    if array.dtype.kind not in "fciu":
        return x
    by = _filled(array, shift)
    if not np.any(by):
        return x
    if not isinstance(root, (np.ndarray, np.generic)):
        return x + by.item()
    return x + (by.astype(array.dtype) if array.dtype.kind in "fc" else by)


def with_numbers(like: Any, numbers: Iterator[float]) -> Any:
    """A gradient like `like`, made of the numbers of a row."""
    parts = parts_of(like)
    if parts is not None:
        return rebuilt(like, [(key, with_numbers(part, numbers)) for key, part in parts])
    root = _rooted(like)
    array = np.asarray(root)
    if array.dtype.kind not in "fciu":
        return like
    filled = _filled(array, numbers)
    if isinstance(root, np.ndarray):
        return filled.astype(array.dtype)
    return array.dtype.type(filled[()]) if isinstance(root, np.generic) else filled.item()


def _filled(like: Any, numbers: Iterator[float]) -> Any:
    paired = like.dtype.kind == "c"
    row = np.array(list(islice(numbers, (1 + paired) * like.size)), float)
    return (row.view(complex) if paired else row).reshape(like.shape)


def combined(weights: list[float], gradients: list[Any]) -> Any:
    """A weighted sum of gradients of one structure, which may hold BVars."""
    first = gradients[0]
    parts = parts_of(first)
    if parts is not None:
        columns = zip(*([part for _, part in parts_of(g) or ()] for g in gradients), strict=True)
        keys = [key for key, _ in parts]
        return rebuilt(
            first, [(k, combined(weights, list(c))) for k, c in zip(keys, columns, strict=True)]
        )
    if numbers_of(first).size == 0:
        return first
    total = weights[0] * first
    for weight, gradient in zip(weights[1:], gradients[1:], strict=True):
        total = total + weight * gradient
    return total
