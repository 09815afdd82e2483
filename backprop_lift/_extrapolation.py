"""Extrapolation to 0 of what is known at distances from it, with an estimate of the error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from ._numbers import Row

__all__ = ["CONVERGED", "NEAREST", "WEIGHTS", "Extrapolation"]

# Distances, relative to the size of an argument. The shortest but two is tried first, since a
# branch may hold for a short way only; at longer ones the rounding of cancelling terms is smaller.
# The two shorter ones are for functions that check their arguments and raise.
_DISTANCES: Final = (2e-6, 3.2e-5, 5e-4, 8e-3)
_SHORT_DISTANCES: Final = (1e-8, 1e-10)
NEAREST: Final = _DISTANCES[0]
# Of what is known at distances 1, 2 and 4: the weights of their parabola's value at 0.
WEIGHTS: Final = (8 / 3, -2.0, 1 / 3)
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

    Attributes
    ----------
    nearest : list of float
        The three shortest distances at which there were rows; empty if there were none.
    limit, error : ndarray, shape (n,)
        The limit is nan where nothing converges, infinite where the numbers grow steadily.
    """

    def __init__(
        self, at: Callable[[float], Row | None], scale: Callable[..., Row], wanted: Any
    ) -> None:
        self.nearest: list[float] = []
        self.limit = np.full(wanted.shape, np.nan)
        self.error = np.full(wanted.shape, np.inf)
        size = np.zeros(wanted.shape)
        done = ~wanted
        grows, sign = np.ones(wanted.shape, bool), np.zeros(wanted.shape)
        for rung, (distances, (a, b, c)) in enumerate(_rungs(at)):
            with np.errstate(all="ignore"):
                estimate = a + 5 / 3 * (a - b) - (b - c) / 3  # by WEIGHTS; exact where all agree
                bar = np.abs(estimate - (2 * a - b)) + 1e-15 * np.abs(a)
                fits = np.abs(estimate - self.limit) <= 4 * (bar + self.error)
                if rung == 0:
                    self.nearest = distances
                    fits, sign = np.isfinite(estimate), np.sign(a)
                if rung < 2:
                    grows &= (a / b > 1.04) & (np.abs(a * c - b * b) < 0.1 * b * b)
                done |= ~fits  # farther away, another branch holds
                better = ~done & (bar < self.error)
                self.limit = np.where(better, estimate, self.limit)
                self.error = np.where(better, bar, self.error)
                size = np.where(better, scale(a, b, c), size)
                done |= self.error <= _SETTLED * size
            if np.all(done):
                break
        poor = ~(self.error <= CONVERGED * size)
        self.limit[poor] = np.where(grows & bool(self.nearest), sign * np.inf, np.nan)[poor]
        self.error[poor] = np.inf


def _rungs(at: Callable[[float], Row | None]) -> Iterator[tuple[list[float], list[Row]]]:
    """Distances and the rows there, in threes; from the shortest up, if there are any."""
    for distances in (_DISTANCES, _SHORT_DISTANCES):
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
