"""Differences of a function at falling steps, their extrapolation and its error bars."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from .lines import Line

__all__ = ["RATIO", "Level", "consistent", "level_at", "spread_of"]

Vector = npt.NDArray[np.float64]

# Each step is a quarter of the one before, so that x + h stays on the grid of x.
RATIO: Final = 4.0


@dataclasses.dataclass(slots=True)
class Level:
    """Differences at one step; nan where a side has no value."""

    step: float
    left: float
    right: float
    noise: float
    central: float = math.nan
    extrapolated: float = math.nan
    twice: float = math.nan
    error: float = math.inf

    @property
    def bend(self) -> float:
        """How much the slopes of the two sides differ: falls with the step unless at a kink."""
        return self.right - self.left


def level_at(line: Line, weights: Vector, step: float, before: Level | None, floor: float) -> Level:
    """The differences at a step, extrapolated by those at the step before.

    Parameters
    ----------
    line : Line
    weights : ndarray, shape (m,)
    step : float
    before : Level or None
    floor : float
        Rounding error of the weighted result.
    """
    here = line(0.0)
    ahead, behind = line(step), line(-step)
    assert here is not None
    right = math.nan if ahead is None else float(weights @ (ahead - here)) / step
    left = math.nan if behind is None else float(weights @ (here - behind)) / step
    level = Level(step, left, right, floor / step)
    if math.isnan(left) or math.isnan(right):
        return level
    level.central = float(weights @ (np.asarray(ahead) - np.asarray(behind))) / (2 * step)
    level.noise += line.eps * abs(level.central) / step
    if before is None or math.isnan(before.central):
        return level
    square = RATIO**2
    level.extrapolated = (square * level.central - before.central) / (square - 1)
    if math.isnan(before.extrapolated):
        return level
    change = abs(level.extrapolated - before.extrapolated)
    level.twice = (square**2 * level.extrapolated - before.extrapolated) / (square**2 - 1)
    # One lucky agreement proves nothing: an error bar shrinks by at most 64 from step to step.
    last = 0.0 if math.isinf(before.error) else (before.error - before.noise) / 64
    # In h the bend of a smooth function has no constant term; what is left of it is a kink.
    bend = abs(RATIO * level.bend - before.bend) / (RATIO - 1) / 2
    level.error = max(change, last, bend) + level.noise
    return level


def consistent(levels: list[Level]) -> list[Level]:
    """The estimates that finer ones do not refute: coarse steps may agree on what they overlook.

    Two finer neighbours refute that agree with each other; noise alone hardly does.
    """
    pairs = [
        (a, b)
        for a, b in itertools.pairwise(levels)
        if max(a.error, b.error) < 0.1 * abs(b.twice)
        and abs(a.twice - b.twice) <= min(a.error + b.error, 0.01 * abs(b.twice))
    ]
    return [
        level
        for level in levels
        if not any(
            finer.step < level.step
            and all(
                abs(level.twice - c.twice) > 3 * (level.error + c.error) for c in (finer, finest)
            )
            for finer, finest in pairs
        )
    ] or levels[-1:]


def spread_of(levels: list[Level]) -> float:
    """The noise of the function, whatever its cause: what its values scatter by.

    Seen in how the differences at the smallest steps change, and in how the slope of either side
    goes to and fro from step to step, where a kink or a jump nearby would turn it once.
    """
    if len(levels) < 9:
        return 0.0
    changes = [
        abs(b.central - a.central) * b.step for a, b in zip(levels[-6:], levels[-5:], strict=False)
    ]
    turns = []
    for side in ("left", "right"):
        slopes = [getattr(level, side) for level in levels]
        for k in range(len(slopes) - 2):
            there, back = slopes[k + 1] - slopes[k], slopes[k + 2] - slopes[k + 1]
            if there * back < 0:
                turns.append(min(abs(there) * levels[k + 1].step, abs(back) * levels[k + 2].step))
    turns.sort(reverse=True)
    return max(sorted(changes)[len(changes) // 2], turns[2] if len(turns) > 2 else 0.0)
