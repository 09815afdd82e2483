"""The comparison of a gradient with the oracle, in all directions in which the arguments move."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from .calls import Call
from .directions import directions, directions_alone
from .judging import heard_again, judged
from .lines import Line
from .oracles import IN_STEPS
from .ties import beside_ties, tied_directions
from .verdicts import Outcome

__all__ = ["Comparison"]

Vector = npt.NDArray[np.float64]

# Below it, numbers lose digits on their way to zero.
_TINY: Final = 1e3 * float(np.finfo(np.float64).tiny)
# Of the parts that cancel where tied numbers move together; those of a limit have fewer digits.
_OF_PARTS: Final = 1e-6


class Comparison:
    """The derivatives that a rule gives beside those of the plain function.

    Parameters
    ----------
    call : Call
    weights : ndarray, shape (m,)
        The cotangent of the result, in coordinates.
    gradient : ndarray, shape (n,)
        What the rule gives for it.
    rng : numpy.random.Generator
    tolerance : float
        Relative difference of a derivative that is never called wrong.
    rounding : callable
        Gives the changes of the gradient that are rounding, shape (n,).
    """

    def __init__(
        self,
        call: Call,
        weights: Vector,
        gradient: Vector,
        rng: np.random.Generator,
        tolerance: float,
        rounding: Callable[[], Vector],
    ) -> None:
        assert call.result is not None
        self.call = call
        self.weights = weights
        self.gradient = gradient
        self.rng = rng
        self.tolerance = tolerance
        self.rounding = rounding
        self.result = call.result.vector
        self.eps = max([call.result.eps(), *(here.eps() for here in call.here)])
        self.directions = list(directions(call, rng))
        sizes = (abs(self._analytic(u)) for *_, u in self.directions)
        largest = max((size for size in sizes if np.isfinite(size)), default=0.0)
        self.floor = max(1e3 * self.eps * largest, _TINY)

    def _analytic(self, u: Vector) -> float:
        if not np.isfinite(self.gradient[u != 0]).all():
            return np.nan
        return float(np.where(u != 0, self.gradient, 0.0) @ u)

    def _line(self, u: Vector) -> Line:
        return Line(self.call.evaluate, self.call.origin, u, self.result, self.eps)

    def _judged(self, argument: str, at: str, u: Vector) -> Outcome:
        given = (self._analytic(u), self.floor, argument, at, self.tolerance)
        return judged(self._line(u), self.weights, *given)

    def _heard(self, outcome: Outcome, u: Vector) -> Outcome:
        return heard_again(outcome, self.call, self.weights, u, self.floor, self.rounding)

    def outcomes(self) -> list[Outcome]:
        """What each direction shows, one outcome at least for each argument."""
        moved = [found for each in self.directions for found in self._along(*each)]
        return [outcome for outcome, _ in moved] + [
            # The move of tied numbers may meet a kink as well, whose sides are free to choose.
            dataclasses.replace(found, seen="moved together, they have a slope")
            for argument, at, u in tied_directions(self.call, moved)
            if (found := self._judged(argument, at, u)).verdict == "wrong"
            and not found.is_at_kink
            and abs(found.analytic - found.numeric) > _OF_PARTS * np.abs(self.gradient * u).sum()
        ]

    def _along(self, argument: str, at: str, u: Vector) -> list[tuple[Outcome, Vector]]:
        outcome = self._judged(argument, at, u)
        if outcome.verdict == "wrong" or (
            outcome.verdict not in ("kink", "edge") and outcome.error > 0.0
        ):
            outcome = self._heard(outcome, u)
        if outcome.verdict != "wrong":
            return [(outcome, u)]
        if outcome.is_at_kink and np.count_nonzero(u) > 1:
            # Numbers that each meet a kink may choose different sides: one by one, they are told.
            alone = [
                (self._judged(*each), each[2])
                for each in directions_alone(self.call, argument, self.rng)
            ]
            if any(one.verdict == "kink" for one, _ in alone):
                return alone
        return [(beside_ties(self.call, self.weights, u, self.eps, outcome), u)]

    def together(self, outcomes: list[Outcome]) -> Outcome:
        """The dot product test: ``<dzdy, J u> = <dzdx, u>`` along all arguments at once.

        Arguments at a kink, an edge, in noise or between steps stay where they are.
        """
        call = self.call
        scales = np.concatenate([here.scales() for here in call.here])
        signs = self.rng.choice([-1.0, 1.0], len(scales))
        sizes = scales * self.rng.uniform(0.5, 1.5, len(scales))
        moving = np.isfinite(call.origin) & np.isfinite(self.gradient)
        u = np.where(moving, sizes * signs, 0.0)
        still = {o.argument for o in outcomes if not _is_smooth(o)}
        for i, name in enumerate(call.names):
            if name in still:
                u[call.part(i)] = 0.0
        outcome = self._judged("", "all arguments", u)
        return self._heard(outcome, u) if outcome.verdict == "wrong" else outcome


def _is_smooth(outcome: Outcome) -> bool:
    return outcome.verdict in ("right", "no evidence") and outcome.seen != IN_STEPS
