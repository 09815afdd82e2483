"""The oracle: the derivative of a plain function along a line, by other means than its rule.

`slope` takes central differences at falling steps, extrapolates them, and gives the estimate with
its error bar. The same values give the slopes of either side, which tell a kink, an edge of the
domain and a jump from a smooth point.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from .levels import RATIO, Level, consistent, level_at, spread_of
from .lines import Line

__all__ = ["FLAT", "IN_STEPS", "Shape", "Slope", "slope"]

Vector = npt.NDArray[np.float64]
Shape = Literal["smooth", "flat", "kink", "one-sided", "edge", "rough"]

_FIRST_STEP: Final = 2.0**-5
_LEVELS: Final = 15
_SETTLED: Final = 1e-7
FLAT: Final = "the result does not move"
IN_STEPS: Final = "the result moves in steps"
# Size of a step in a result, relative to it, that is no rounding.
_MEANT: Final = 1e-8


@dataclasses.dataclass(frozen=True, slots=True)
class Slope:
    """What is known of a derivative along a line.

    Attributes
    ----------
    value, error : float
        The estimate and its error bar.
    left, right : float
        The slopes of the two sides; they differ at a kink, and one is nan at an edge.
    shape : str
        ``"smooth"``; ``"flat"`` (nothing moves); ``"kink"``; ``"one-sided"`` (the function has
        values on one side only); ``"edge"`` (a jump, or a slope that grows without bound);
        ``"rough"`` (nothing settles).
    step : float
        The step of the estimate.
    seen : str
        For a person.
    low, high : float
        At a kink, what a subgradient of each result may add up to; nan elsewhere.
    """

    value: float
    error: float
    left: float
    right: float
    shape: Shape
    step: float
    seen: str = ""
    low: float = math.nan
    high: float = math.nan


def slope(line: Line, weights: Vector, *, thorough: bool = False, scale: float = 1.0) -> Slope:
    """The derivative of ``weights @ y(x + t u)`` at t = 0.

    Parameters
    ----------
    line : Line
    weights : ndarray, shape (m,)
        The cotangent, in coordinates.
    thorough : bool, optional
        Go down the whole ladder of steps, to tell kinks, edges and noise from smooth points.
        Without it the search stops at the first estimate that settles.
    scale : float, optional
        Factor of the first step.

    Returns
    -------
    Slope
    """
    weights = np.where(line.finite, weights, 0.0)
    here = line(0.0)
    assert here is not None
    floor = line.eps * float(np.linalg.norm(weights * here))
    levels: list[Level] = []
    for k in range(_LEVELS):
        before = levels[-1] if levels else None
        step = scale * _FIRST_STEP * RATIO**-k
        levels.append(level_at(line, weights, step, before, floor))
        if not thorough and _is_settled(levels, _SETTLED * line.sharpness):
            break
    found = _concluded(line, levels)
    if found.shape != "kink":
        return found
    low, high = _between(line, weights, found)
    return dataclasses.replace(found, low=low, high=high)


def _between(line: Line, weights: Vector, kink: Slope) -> tuple[float, float]:
    """The least and the largest that subgradients of the results add up to.

    Each result has its own, between its own slopes: of two that weigh with opposite signs one may
    have its least where the other has its largest.
    """
    here, ahead, behind = line(0.0), line(kink.step), line(-kink.step)
    assert here is not None
    assert ahead is not None
    assert behind is not None
    slopes = np.stack([weights * (here - behind), weights * (ahead - here)]) / kink.step
    sides = sorted((kink.left, kink.right))
    low, high = float(slopes.min(axis=0).sum()), float(slopes.max(axis=0).sum())
    return min(low, sides[0]), max(high, sides[1])


def _is_settled(levels: list[Level], relative: float) -> bool:
    last = levels[-1]
    if len(levels) < 3 or math.isinf(last.error):
        return False
    if all(level.left == level.right == 0.0 for level in levels[-3:]):
        return True
    return last.error <= relative * abs(last.twice) + 4 * last.noise


def _concluded(line: Line, levels: list[Level]) -> Slope:
    both = [level for level in levels if not math.isnan(level.central)]
    if len(both) < 4 and len(levels) > 4:
        return _at_edge(levels, both)
    if not both:
        return Slope(math.nan, math.inf, math.nan, math.nan, "edge", 0.0, "no value on either side")
    spread = spread_of(both)
    for level in both:
        level.error = max(level.error, 3 * spread / level.step)
    stopped = len(levels) < _LEVELS
    best = both[-1] if stopped else min(consistent(both), key=lambda b: b.error)
    if math.isinf(best.error):
        return Slope(math.nan, math.inf, math.nan, math.nan, "rough", best.step, "too few values")
    if all(level.left == level.right == 0.0 for level in both):
        return Slope(0.0, best.noise, 0.0, 0.0, "flat", both[0].step, FLAT)
    steps = _steps(line, both, best)
    if steps is not None:
        return steps
    kink = _kink(both, spread)
    if kink is not None:
        return kink
    edge = _jump_or_pole(both)
    if edge is not None:
        return edge
    shape: Shape = "smooth"
    if best.error > 0.1 * max(abs(best.twice), 1e3 * best.noise):
        shape = "rough"
    return Slope(best.twice, best.error, best.left, best.right, shape, best.step)


def _steps(line: Line, levels: list[Level], best: Level) -> Slope | None:
    """A result that moves in steps, as a floor does: still near the point, however far it climbs.

    Results rounded to many digits move in steps too; those are too small to be meant.
    """
    still = [level for level in levels if level.left == level.right == 0.0]
    if len(still) < 3 or not levels[-1].left == levels[-1].right == 0.0:
        return None
    climb = abs(best.twice)
    size = float(np.linalg.norm(line.result[line.finite]))
    if climb * still[0].step <= _MEANT * size or 160 * still[2].noise >= climb:
        return None
    return Slope(0.0, still[0].noise, 0.0, 0.0, "flat", still[0].step, IN_STEPS)


def _kink(levels: list[Level], spread: float) -> Slope | None:
    """A bend that stays, down to the smallest step that noise leaves readable."""
    readable = [
        level
        for level in levels
        if abs(level.bend) > 16 * max(level.noise, spread / level.step)
        and abs(level.bend) > 1e-5 * max(abs(level.left), abs(level.right))
    ]
    if len(readable) < 3 or len(levels) < 4:
        return None
    a, b, c = readable[-3:]
    if _falls_below(levels, c, spread):
        return None
    if not (abs(b.bend - a.bend) < 0.2 * abs(b.bend) and abs(c.bend - b.bend) < 0.1 * abs(c.bend)):
        return None
    left = (RATIO * c.left - b.left) / (RATIO - 1)
    right = (RATIO * c.right - b.right) / (RATIO - 1)
    if not abs(right - left) > 0.5 * abs(c.bend):
        return None
    error = abs(left - c.left) + abs(right - c.right) + c.noise + spread / c.step
    seen = f"slope {left:.6g} on the left, {right:.6g} on the right"
    return Slope((left + right) / 2, error, left, right, "kink", c.step, seen)


def _falls_below(levels: list[Level], level: Level, spread: float) -> bool:
    """Is the bend clearly smaller at a step below, where noise would still let it be seen?"""
    size = abs(level.bend)
    return any(
        abs(lower.bend) < 0.5 * size and 4 * max(lower.noise, spread / lower.step) < size
        for lower in levels
        if lower.step < level.step
    )


def _jump_or_pole(levels: list[Level]) -> Slope | None:
    """Differences that grow as the step falls: a jump, or an infinite slope."""
    if len(levels) < 6:
        return None
    tail = levels[-6:]
    for side in ("central", "left", "right"):
        slopes = [getattr(level, side) for level in tail]
        growth = [b / a if a else 0.0 for a, b in itertools.pairwise(slopes)]
        # Noise grows as fast, but neither steadily nor with one sign.
        if min(growth) > 1.05 and max(growth) < 1.1 * min(growth):
            if abs(slopes[-1]) < 8 * tail[-1].noise:
                return None
            jumps = min(growth) > 3.9
            seen = "the result jumps" if jumps else "the slope grows without bound"
            left, right = _settled_side(tail, "left"), _settled_side(tail, "right")
            return Slope(math.nan, math.inf, left, right, "edge", tail[-1].step, seen)
    return None


def _settled_side(levels: list[Level], side: str) -> float:
    slopes = [getattr(level, side) for level in levels]
    settled = abs(slopes[-1] - slopes[-2]) <= 1e-3 * abs(slopes[-1]) + 1e-12
    return float(slopes[-1]) if settled else math.nan


def _at_edge(levels: list[Level], both: list[Level]) -> Slope:
    """Where values are missing on one side or on both."""
    for side, known in (("right", "above"), ("left", "below")):
        found = [level for level in levels if not math.isnan(getattr(level, side))]
        if len(found) < 5:
            continue
        slopes = [getattr(level, side) for level in found]
        value, error, step = _one_sided(found, slopes)
        nan = math.nan
        sides = (nan, value) if side == "right" else (value, nan)
        if error <= 0.05 * abs(value) or error <= 16 * found[-1].noise or _vanishes(slopes):
            seen = f"there are values {known} this point only"
            return Slope(value, error, *sides, "one-sided", step, seen)
        seen = f"values {known} only, and a slope that does not settle"
        return Slope(nan, math.inf, nan, nan, "edge", step, seen)
    seen = "values only beyond some distance" if both else "no value on either side"
    return Slope(math.nan, math.inf, math.nan, math.nan, "edge", 0.0, seen)


def _one_sided(levels: list[Level], slopes: list[float]) -> tuple[float, float, float]:
    """Extrapolated slope of one side: first the term in h goes, then that in h**2."""
    once = [(RATIO * b - a) / (RATIO - 1) for a, b in itertools.pairwise(slopes)]
    square = RATIO**2
    twice = [(square * b - a) / (square - 1) for a, b in itertools.pairwise(once)]
    errors = [
        max(abs(b - a), abs(c - b) / 64) + level.noise
        for a, b, c, level in zip(once, once[1:], once[2:], levels[3:], strict=False)
    ]
    k = min(range(len(errors)), key=errors.__getitem__)
    return twice[k], errors[k], levels[k + 2].step


def _vanishes(slopes: list[float]) -> bool:
    sizes = [abs(s) for s in slopes]
    return all(b <= 0.75 * a for a, b in itertools.pairwise(sizes)) or not any(sizes)
