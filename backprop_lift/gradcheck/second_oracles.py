"""Second oracles: derivatives by other means than differences of doubles.

A complex step is exact to rounding where a function is analytic and takes complex numbers. Many
digits leave no rounding to speak of, where a function of numbers can be run on them.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .calls import Call
from .leaves import at_path

__all__ = ["DigitsSlope", "complex_slope", "digits_slope"]

Vector = npt.NDArray[np.float64]

# Its square is far below the last of the digits that are compared.
_STEP: Final = "1e-12"
# What a smaller step may change; the derivative of x**3 at 0 is all truncation.
_SETTLED: Final = 1e-9
# The value with many digits is that of the function, or another branch was taken.
_SAME_VALUE: Final = 1e-6


def complex_slope(
    evaluate: Callable[[Any], Any], origin: Vector, direction: Vector, weights: Vector
) -> float:
    """The derivative along a direction by a complex step, exact to rounding.

    Right only where the function is analytic and takes complex numbers; nan where it refuses.
    What it gives must therefore agree with differences before it is believed.

    References
    ----------
    W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions",
    SIAM Review 40 (1998) 110-112.
    """
    step = 1e-30
    try:
        there: Any = np.asarray(evaluate(origin + 1j * step * direction))
    except Exception:
        return math.nan
    if there.dtype.kind != "c" or there.shape != weights.shape:
        return math.nan
    return float(weights @ there.imag) / step


@dataclasses.dataclass(frozen=True, slots=True)
class DigitsSlope:
    """A derivative with many digits.

    Attributes
    ----------
    value, left, right : float
        By central differences, and the slopes of the two sides.
    """

    value: float
    left: float
    right: float

    @property
    def is_smooth(self) -> bool:
        """Do the two sides agree?"""
        return abs(self.right - self.left) <= 1e-6 * max(abs(self.left), abs(self.right))


def digits_slope(call: Call, direction: Vector, weights: Vector) -> DigitsSlope | None:
    """The derivative along a direction by mpmath; None where it is not installed or does not apply.

    It applies where all moving arguments and all results are numbers, and every function in
    between has a counterpart in mpmath or is Python.

    Parameters
    ----------
    call : Call
    direction : ndarray, shape (n,)
    weights : ndarray, shape (m,)
    """
    numbers = (leaf for here in call.here for leaf in here.leaves)
    if any(leaf.path or leaf.shape or leaf.is_complex for leaf in numbers):
        return None
    result = call.result
    assert result is not None
    if any(leaf.shape or leaf.is_complex for leaf in result.leaves):
        return None
    if importlib.util.find_spec("mpmath") is None:
        return None
    import mpmath

    from .digits import DIGITS, Digits, with_digits

    function = with_digits(call.function)
    if function is None:
        return None
    moved = call.with_moving(function)

    def weighted(t: Any) -> Any:
        xs = [
            Digits(mpmath.mpf(float(x)) + t * mpmath.mpf(float(u)))
            for x, u in zip(call.origin, direction, strict=True)
        ]
        found = moved(*xs)
        parts = [at_path(found, leaf.path) for leaf in result.leaves]
        return sum(w * getattr(part, "value", part) for w, part in zip(weights, parts, strict=True))

    try:
        with mpmath.workdps(DIGITS):
            step = mpmath.mpf(_STEP)
            here, ahead, behind = weighted(mpmath.mpf(0)), weighted(step), weighted(-step)
            found = DigitsSlope(
                float((ahead - behind) / (2 * step)),
                float((here - behind) / step),
                float((ahead - here) / step),
            )
            half = float((weighted(step / 2) - weighted(-step / 2)) / step)
            if abs(half - found.value) > _SETTLED * max(map(abs, (found.left, found.right))):
                return None
            away = abs(float(here) - float(weights @ result.vector))
    except Exception:
        return None
    size = float(np.abs(weights) @ np.abs(result.vector))
    return found if away <= _SAME_VALUE * size and math.isfinite(found.value) else None
