"""Lines: the results of a function along a direction, and second opinions on its slope there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "complex_slope", "taylor_order"]

Vector = npt.NDArray[np.float64]


class Line:
    """The results of a function along a line through a point.

    Parameters
    ----------
    evaluate : callable
        Takes a vector of coordinates; gives those of the result, or None where there is none.
    origin, direction : ndarray, shape (n,)
    result : ndarray, shape (m,)
        The result at the origin. Its parts that are not finite are ignored along the whole line.
    eps : float, optional
        Precision of the numbers in the result or the arguments, whichever is coarser.

    Attributes
    ----------
    calls : int
        How often the function was called.
    """

    def __init__(
        self,
        evaluate: Callable[[Vector], Vector | None],
        origin: Vector,
        direction: Vector,
        result: Vector,
        eps: float = 2.0**-52,
    ) -> None:
        self.evaluate = evaluate
        self.origin = origin
        self.direction = direction
        self.result = result
        self.finite = np.isfinite(result)
        self.eps = eps
        self.calls = 0
        self._found: dict[float, Vector | None] = {0.0: np.where(self.finite, result, 0.0)}

    def __call__(self, t: float) -> Vector | None:
        """The result at ``origin + t * direction``, or None where it has a part that is not finite."""
        if t not in self._found:
            self.calls += 1
            there = self.evaluate(self.origin + t * self.direction)
            if there is not None:
                if there.shape != self.result.shape:
                    there = None
                else:
                    there = np.where(self.finite, there, 0.0)
                    if not np.isfinite(there).all():
                        there = None
            self._found[t] = there
        return self._found[t]

    def steps(self) -> list[float]:
        """Distances at which the result is known, largest first."""
        return sorted({abs(t) for t in self._found if t}, reverse=True)


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


def taylor_order(line: Line, weights: Vector, analytic: float) -> float:
    """Order at which ``z(h) - z(0) - analytic * h`` vanishes, from the values at hand.

    Two or more for a right derivative, one for a wrong one; nan where rounding hides it.
    """
    weights = np.where(line.finite, weights, 0.0)
    here = line(0.0)
    assert here is not None
    floor = 64 * line.eps * float(np.linalg.norm(weights * here))
    logs: list[tuple[float, float]] = []
    for step in line.steps():
        there = line(step)
        if there is None:
            continue
        remainder = abs(float(weights @ (there - here)) - analytic * step)
        if remainder > floor and math.isfinite(remainder):
            logs.append((math.log(step), math.log(remainder)))
    if len(logs) < 2:
        return math.nan
    (x0, y0), (x1, y1) = logs[0], logs[min(len(logs) - 1, 2)]
    return (y0 - y1) / (x0 - x1)
