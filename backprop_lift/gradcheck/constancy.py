"""The check of functions said to be locally constant: nothing may move, but for jumps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from .calls import Call
from .contracts import value_problem
from .directions import directions
from .lines import Line
from .oracles import slope
from .verdicts import Outcome, Verdict

__all__ = ["constancy_outcomes"]

Vector = npt.NDArray[np.float64]

# Factors of the first look's steps; so large that rounding does not hide what varies.
_CLOSER: Final = (2.0**-6, 2.0**-12)


def constancy_outcomes(call: Call, weights: Vector, rng: np.random.Generator) -> Iterator[Outcome]:
    """One outcome for each direction in which the arguments move.

    Parameters
    ----------
    call : Call
        Its result taken with integers as numbers.
    weights : ndarray, shape (m,)
    rng : numpy.random.Generator
    """
    assert call.result is not None
    verdict: Verdict
    for argument, at, u in directions(call, rng):
        if not len(call.result):
            verdict, seen = _without_numbers(call, u)
            yield Outcome(argument, at, verdict, True, 0.0, 0.0, 0.0, seen)
            continue
        line = Line(call.evaluate, call.origin, u, call.result.vector)
        found = slope(line, weights)
        for scale in _CLOSER if found.shape != "flat" else ():
            # A jump at some distance is none here.
            closer = slope(line, weights, thorough=True, scale=scale)
            found = closer if closer.shape == "flat" else found
        verdict, seen = "wrong", "the result varies"
        if found.shape == "flat":
            verdict, seen = "right", "the result does not vary"
        elif found.shape == "edge":
            verdict, seen = "edge", found.seen
        accepted = verdict != "wrong"
        yield Outcome(argument, at, verdict, accepted, 0.0, found.value, found.error, seen)


def _without_numbers(call: Call, u: Vector) -> tuple[Verdict, str]:
    """The same for a result of booleans, strings and the like, which has no slope."""
    try:
        here = call.plain(call.origin)
        beside = [call.plain(call.origin + t * u) for t in (1e-6, -1e-6)]
    except (Exception, SystemExit):
        return "edge", "there are values on one side only"
    if all(value_problem(here, other) is None for other in beside):
        return "right", "the result does not vary"
    return "edge", "the result jumps"
