"""Extrapolation to 0 of what is known at distances from it, with an estimate of the error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from .numbers import Row

__all__ = ["CONVERGED", "NEAREST", "WEIGHTS", "Extrapolation"]

# Distances, relative to the size of an argument. The shortest but two is tried first, since a
# branch may hold for a short way only; at longer ones the rounding of cancelling terms is smaller.
# The two shorter ones are for functions that check their arguments and raise.
_DISTANCES: Final = (2e-6, 3.2e-5, 5e-4, 8e-3)
_SHORT_DISTANCES: Final = (1e-8, 1e-10)
NEAREST: Final = _DISTANCES[0]
# Of what is known at distances 1, 2 and 4: the weights of their parabola's value at 0.
WEIGHTS: Final = (8 / 3, -2.0, 1 / 3)
_ROOT_WEIGHTS: Final = (4 + 2 * 2**0.5, -4 - 3 * 2**0.5, 1 + 2**0.5)  # in sqrt(t)
# Relative errors: of a limit that needs no other distances, and of one that is good enough.
_SETTLED: Final = 1e-9
CONVERGED: Final = 1e-5


class Extrapolation:
    """The limit of a row of numbers as a distance t goes to 0.

    Parameters
    ----------
    at : callable
        ``at(t)`` gives the row, or None where there is none.
    scale : callable
        ``scale(*rows)`` gives the size of each number.
    wanted : ndarray of bool, shape (n,)
        Which numbers matter.
    short : bool, optional
        Stay very near: a branch begins a little farther away.

    Attributes
    ----------
    nearest : list of float
        The three shortest distances at which there were rows; empty if there were none.
    limit, error, size : ndarray, shape (n,)
        The limit is nan where the rows were, infinite where the numbers grow steadily.
    """

    def __init__(
        self,
        at: Callable[[float], Row | None],
        scale: Callable[..., Row],
        wanted: Any,
        short: bool = False,
    ) -> None:
        self.nearest: list[float] = []
        self.limit = np.full(wanted.shape, np.nan)
        self.error = np.full(wanted.shape, np.inf)
        self.size = np.zeros(wanted.shape)
        done = ~wanted
        near: list[_Rung] = []
        for distances, rows in _rungs(at, short):
            rung = _Rung(*rows)
            if len(near) < 2:
                near.append(rung)
                self.nearest = self.nearest or distances
            with np.errstate(all="ignore"):
                fits = np.abs(rung.parabola - self.limit) <= 16 * (rung.bar + self.error)
                done |= ~np.where(np.isnan(self.limit), np.isfinite(rung.parabola), fits)
                better = ~done & (rung.bar < self.error)
                self._take(better, rung.parabola, rung.bar, scale(*rows))
                done |= self.error <= _SETTLED * self.size
            if np.all(done):
                break
        if len(near) == 2:
            self._compare(*near)
            self._follow_powers(*near)

    def _take(self, where: Any, limit: Row, error: Row, size: Row) -> None:
        self.limit = np.where(where, limit, self.limit)
        self.error = np.where(where, error, self.error)
        self.size = np.where(where, size, self.size)

    def _compare(self, first: _Rung, second: _Rung) -> None:
        """Where parabolas are steep: how far two of them, from far apart, differ."""
        with np.errstate(all="ignore"):
            error = np.abs(first.parabola - second.parabola) + 1e-15 * np.abs(second.a)
            better = ~(self.error <= CONVERGED * self.size) & (error < self.error)
            self._take(better, first.parabola, error, self.size)

    def _follow_powers(self, first: _Rung, second: _Rung) -> None:
        """Where parabolas are poor: the limit along a parabola in sqrt(t), or of a power < 0."""
        with np.errstate(all="ignore"):
            poor = ~(self.error <= 1e-2 * CONVERGED * self.size)
            same = np.abs(first.ratio - second.ratio) <= 0.05 * np.abs(first.ratio)
            error = np.abs(first.root_parabola - second.root_parabola)
            roots = poor & same & (error < self.error)
            self._take(roots, first.root_parabola, error, self.size)
            grows = poor & same & (first.ratio > 1.04) & (np.abs(first.a) > np.abs(first.b))
            self._take(grows, np.copysign(np.inf, first.a), np.zeros_like(error), self.size)


class _Rung:
    """What rows at the distances 1, 2 and 4 say of the limit at 0."""

    def __init__(self, a: Row, b: Row, c: Row) -> None:
        with np.errstate(all="ignore"):
            self.a, self.b = a, b
            self.parabola = a + 5 / 3 * (a - b) - (b - c) / 3  # by WEIGHTS; exact if all agree
            self.bar = np.abs(self.parabola - (2 * a - b)) + 1e-15 * np.abs(a)
            self.ratio = (a - b) / (b - c)  # 2^-p for a power p
            one, two, four = _ROOT_WEIGHTS
            self.root_parabola = one * a + two * b + four * c


def _rungs(
    at: Callable[[float], Row | None], short: bool
) -> Iterator[tuple[list[float], list[Row]]]:
    """Distances and the rows there, in threes; the short ones if asked for, or no others have any."""
    for distances in (_SHORT_DISTANCES,) if short else (_DISTANCES, _SHORT_DISTANCES):
        found = False
        for distance in distances:
            ts = [distance * factor for factor in (1.0, 2.0, 4.0)]
            rows = [row for t in ts if (row := at(t)) is not None]
            if len(rows) == len(ts):
                found = True
                yield ts, rows
            elif found or distance == NEAREST:
                break
        if found:
            return
