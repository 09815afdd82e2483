"""Judging one derivative: the oracle's looks at it, and what they come to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from .calls import Call
from .digits import DIGITS, is_known
from .lines import Line, taylor_order
from .oracles import FLAT, Slope, slope
from .second_oracles import complex_slope, digits_slope
from .verdicts import TOLERANCE, Outcome, Verdict, compared

__all__ = ["heard_again", "judged"]

Vector = npt.NDArray[np.float64]

# Factors of the first look's steps, for a second look by others and for arguments that are small.
_OTHER_SCALE: Final = 0.73
_FINER_SCALE: Final = 1e-6
_LARGER_SCALES: Final = (19.0, 4e3, 1e8)
# Relative differences from an exact derivative: rounding of the rule, and what is more than the
# truncation of an iteration in the function.
_ROUNDING: Final = 1e-8
_MORE_THAN_TRUNCATION: Final = 1e-4


def judged(
    line: Line,
    weights: Vector,
    analytic: float,
    floor: float,
    argument: str,
    at: str,
    tolerance: float = TOLERANCE,
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
    tolerance : float, optional
        Relative difference of one derivative that is never called wrong, in double precision.
    """
    relative = max(tolerance, 1e4 * line.eps) * line.sharpness
    limits = {"floor": floor, "relative": relative}
    found = slope(line, weights)
    if found.shape == "flat" and not math.isfinite(analytic) and not line.finite.all():
        seen = "it moves nothing but results that are not finite"
        return _outcome(found, argument, at, "edge", True, analytic, seen)
    verdict, accepted, seen = compared(found, analytic, **limits)
    if verdict == "right" or (found.shape == "flat" and analytic == 0.0):
        return _outcome(found, argument, at, verdict, True, analytic, seen)
    thorough = slope(line, weights, thorough=True, scale=_OTHER_SCALE)
    found = thorough
    verdict, accepted, seen = compared(found, analytic, **limits)
    if verdict in ("noise", "no evidence"):
        # The argument may be small by chance; what larger steps say must fit what small ones say.
        size = float(np.linalg.norm(weights * np.where(line.finite, line.result, 0.0)))
        for scale in _LARGER_SCALES if thorough.error <= 1e-4 * size else ():
            larger = slope(line, weights, thorough=True, scale=scale)
            fits = abs(larger.value - thorough.value) <= 10 * thorough.error + floor
            if fits and larger.shape == "smooth" and larger.error < found.error:
                found = larger
        verdict, accepted, seen = compared(found, analytic, **limits)
    if verdict == "wrong":
        # What repeats within the steps, as a remainder of a large number does, shows in finer ones.
        finer = slope(line, weights, thorough=True, scale=_FINER_SCALE)
        if finer.shape == "smooth" and abs(finer.value - found.value) > 10 * (
            finer.error + found.error
        ):
            found = finer
            verdict, accepted, seen = compared(found, analytic, **limits)
    if verdict == "wrong" and not seen:
        order = taylor_order(line, weights, analytic)
        seen = f"the Taylor remainder is of order {order:.1f}" if np.isfinite(order) else ""
    return _outcome(found, argument, at, verdict, accepted, analytic, seen)


def _outcome(
    found: Slope,
    argument: str,
    at: str,
    verdict: Verdict,
    accepted: bool,
    analytic: float,
    seen: str,
) -> Outcome:
    return Outcome(
        argument, at, verdict, accepted, analytic, found.value, found.error, seen, step=found.step
    )


def heard_again(
    outcome: Outcome,
    call: Call,
    weights: Vector,
    direction: Vector,
    floor: float,
    rounding: Callable[[], Vector],
) -> Outcome:
    """The outcome of a derivative that differences leave in doubt, or find wrong, after a second look.

    Many digits settle it, for or against, where the function can be run on them; one that mpmath
    has itself they settle to the last digits, even where differences agree. A complex step
    may confirm, but never refute: where a function is not analytic it is wrong without a sign, so
    it counts only where rule and differences agree with it.

    Parameters
    ----------
    outcome : Outcome
    call : Call
    weights : ndarray, shape (m,)
    direction : ndarray, shape (n,)
    floor : float
        Size below which a derivative is rounding.
    rounding : callable
        Gives the changes of the rule's gradient that are rounding, shape (n,).
    """
    analytic = outcome.analytic
    sure = outcome.verdict == "right"
    if sure and not is_known(call.function):
        return outcome
    exact = digits_slope(call, direction, weights)
    if exact is not None and exact.is_smooth and exact.value != 0.0 and math.isfinite(analytic):
        away = abs(analytic - exact.value)
        right = away <= _ROUNDING * abs(exact.value) and not sure
        wrong = away > (_ROUNDING if sure else _MORE_THAN_TRUNCATION) * abs(exact.value)
        if wrong and _within(outcome, exact.value):
            wrong = away > floor + 16 * float((rounding() * np.abs(direction)).max())
        if right or (wrong and _within(outcome, exact.value)):
            return dataclasses.replace(
                outcome, verdict="right" if right else "wrong", accepted=right,
                numeric=exact.value, error=1e-12 * abs(exact.value),
                seen=f"with {DIGITS} digits", oracle="mpmath",
            )  # fmt: skip
    if outcome.verdict == "wrong" and not outcome.is_at_kink:
        slack = 16 * float((rounding() * np.abs(direction)).max())
        off = abs(analytic - outcome.numeric)
        if off <= slack or off <= 16 * _last_digits(call, weights):
            seen = "the gradient changes as much with the last digits of the arguments"
            if off > slack:
                seen = "less than the last digits of the result"
            return dataclasses.replace(outcome, verdict="noise", accepted=True, seen=seen)
        if outcome.numeric == 0.0 and off * outcome.step <= 16 * _cancelling_digits(call, weights):
            seen = "less than the rounding of what may have cancelled in the result"
            return dataclasses.replace(outcome, verdict="noise", accepted=True, seen=seen)
    if sure or (outcome.verdict == "wrong" and outcome.seen != FLAT):
        return outcome
    found = complex_slope(call.evaluate_complex, call.origin, direction, weights)
    if outcome.verdict == "wrong":
        # A result that does not move may be rounded to what it is, as 1 - cos(1e-9) is.
        if not (found and abs(found - analytic) <= 1e-6 * abs(found)):
            return outcome
        seen = "a complex step agrees, where differences see no move"
        return dataclasses.replace(outcome, verdict="noise", accepted=True, seen=seen)
    agrees = abs(found - analytic) <= 1e-6 * abs(found) and _within(outcome, found)
    if not agrees or found == 0.0:
        return outcome
    error = 1e-12 * abs(found)
    return dataclasses.replace(
        outcome, verdict="right", accepted=True, numeric=found, error=error,
        seen="by complex step", oracle="complex step",
    )  # fmt: skip


def _last_digits(call: Call, weights: Vector) -> float:
    """The rounding of a result, weighed: what effects of less than it are is not to be told."""
    assert call.result is not None
    return _weighed(call.result.vector, weights) * call.result.eps()


def _cancelling_digits(call: Call, weights: Vector) -> float:
    """The rounding of results in a wide surrounding, from which one near zero may be a difference.

    As ``1 + erf(x)`` is, far to the left: it moves in steps of the rounding of 1.
    """
    assert call.result is not None
    x = call.origin
    with np.errstate(all="ignore"):
        found = [call.evaluate(there) for there in (0.5 * x, 2.0 * x, x + 1.0)]
    sizes = [_weighed(result, weights) for result in found if result is not None]
    return max(sizes, default=0.0) * call.result.eps()


def _weighed(result: Vector, weights: Vector) -> float:
    return float(np.abs(weights) @ np.abs(np.where(np.isfinite(result), result, 0.0)))


def _within(outcome: Outcome, value: float) -> bool:
    """Is a value within what differences leave open?"""
    return abs(value - outcome.numeric) <= 10 * outcome.error < math.inf
