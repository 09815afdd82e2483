"""Ties: equal numbers among the arguments, at which maxima, medians and sorted arrays have kinks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from .calls import Call
from .lines import Line
from .oracles import slope
from .verdicts import Outcome

__all__ = ["beside_ties", "tied_directions"]

Vector = npt.NDArray[np.float64]

# Points beside a tie, enough to have each of a few numbers come first.
_BESIDE: Final = 24


def tied_directions(
    call: Call, moved: Iterable[tuple[Outcome, Vector]]
) -> Iterator[tuple[str, str, Vector]]:
    """Directions in which equal numbers move together, that have a kink when each moves alone.

    Each may have any cotangent between its own slopes, so that a rule which counts a maximum twice
    is right of each alone; moved together they leave no such choice.

    Parameters
    ----------
    call : Call
    moved : iterable of (Outcome, ndarray)
        What became of each direction.

    Yields
    ------
    argument, label : str
    direction : ndarray, shape (n,)
    """
    tied: dict[float, list[tuple[int, Outcome]]] = {}
    for outcome, direction in moved:
        where = np.flatnonzero(direction)
        if outcome.verdict == "kink" and outcome.accepted and len(where) == 1:
            k = int(where[0])
            tied.setdefault(float(call.origin[k]), []).append((k, outcome))
    for value, group in tied.items():
        if len(group) > 1:
            u = np.zeros_like(call.origin)
            u[[k for k, _ in group]] = abs(value) or 1.0
            at = ", ".join(outcome.at for _, outcome in group[:3]) + ", which are equal"
            yield group[0][1].argument, at, u


def beside_ties(
    call: Call, weights: Vector, direction: Vector, eps: float, outcome: Outcome
) -> Outcome:
    """The outcome of a wrong derivative, as that of a kink where equal numbers hide one.

    The median of three equal numbers does not move with one of them alone, yet beside that point
    it moves with one of them in full: a subgradient lies between the slopes that are seen there.
    """
    _, which, counts = np.unique(call.origin, return_inverse=True, return_counts=True)
    tied = counts[which] > 1
    if not (tied & (direction != 0)).any():
        return outcome
    assert call.result is not None
    rng = np.random.default_rng(0)
    away = eps**0.25
    scales = np.concatenate([here.scales() for here in call.here])
    found = []
    for _ in range(_BESIDE):
        there = call.origin + np.where(tied, away * scales * rng.uniform(-1.0, 1.0, len(tied)), 0.0)
        result = call.evaluate(there)
        if result is not None:
            line = Line(call.evaluate, there, direction, result, eps)
            found.append(slope(line, weights, scale=away / 4).value)
    slopes = np.array([value for value in found if np.isfinite(value)])
    if not slopes.size:
        return outcome
    low, high = float(slopes.min()), float(slopes.max())
    slack = 1e-3 * max(abs(low), abs(high))
    if high - low < 100 * slack or not low - slack <= outcome.analytic <= high + slack:
        return outcome
    seen = f"beside this point, where equal numbers differ, slopes from {low:.6g} to {high:.6g}"
    return dataclasses.replace(outcome, verdict="kink", accepted=True, seen=seen)
