"""Judging one derivative: the oracle's looks at it, and what they come to."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from .calls import Call
from .lines import Line, complex_slope, taylor_order
from .oracles import slope
from .verdicts import Outcome, compared

__all__ = ["confirmed", "judged"]

Vector = npt.NDArray[np.float64]

# Factors of the first look's steps, for a second look by others and for arguments that are small.
_OTHER_SCALE: Final = 0.73
_LARGER_SCALES: Final = (19.0, 4e3, 1e8)


def judged(
    line: Line, weights: Vector, analytic: float, floor: float, argument: str, at: str
) -> Outcome:
    """Compare a derivative with the oracle's, and look again where one look does not settle it.

    Parameters
    ----------
    line : Line
    weights : ndarray, shape (m,)
        The cotangent of the result, in coordinates.
    analytic : float
        The rule's derivative along the line.
    floor : float
        Size below which a derivative is rounding.
    argument, at : str
        What moves, for the outcome.
    """
    found = slope(line, weights)
    verdict, accepted, seen = compared(found, analytic, floor=floor, eps=line.eps)
    if verdict == "right" or (found.shape == "flat" and analytic == 0.0):
        return Outcome(argument, at, verdict, True, analytic, found.value, found.error, seen)
    thorough = slope(line, weights, thorough=True, scale=_OTHER_SCALE)
    found = thorough
    verdict, accepted, seen = compared(found, analytic, floor=floor, eps=line.eps)
    if verdict in ("noise", "no evidence"):
        # The argument may be small by chance; what larger steps say must fit what small ones say.
        size = float(np.linalg.norm(weights * np.where(line.finite, line.result, 0.0)))
        for scale in _LARGER_SCALES if thorough.error <= 1e-4 * size else ():
            larger = slope(line, weights, thorough=True, scale=scale)
            fits = abs(larger.value - thorough.value) <= 10 * thorough.error + floor
            if fits and larger.shape == "smooth" and larger.error < found.error:
                found = larger
        verdict, accepted, seen = compared(found, analytic, floor=floor, eps=line.eps)
    if verdict == "wrong" and not seen:
        order = taylor_order(line, weights, analytic)
        seen = f"the Taylor remainder is of order {order:.1f}" if np.isfinite(order) else ""
    return Outcome(argument, at, verdict, accepted, analytic, found.value, found.error, seen)


def confirmed(outcome: Outcome, call: Call, weights: Vector, direction: Vector) -> Outcome:
    """The outcome of a derivative that drowns in noise, with a complex step as second oracle.

    It may confirm, but never refute: where a function is not analytic it is wrong without a sign,
    so it counts only where rule and differences agree with it.
    """
    found = complex_slope(call.evaluate_complex, call.origin, direction, weights)
    agrees = (
        abs(found - outcome.analytic) <= 1e-6 * abs(found)
        and abs(found - outcome.numeric) <= 10 * outcome.error
    )
    if not agrees or found == 0.0 or not np.isfinite(outcome.error):
        return outcome
    error = 1e-12 * abs(found)
    return dataclasses.replace(
        outcome, verdict="right", numeric=found, error=error, seen="by complex step"
    )
