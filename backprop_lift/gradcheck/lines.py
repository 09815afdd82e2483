"""Lines: the results of a function along a direction, and the order of what a slope leaves over."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "taylor_order"]

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
    sharpness : float
        Factor of relative tolerances: the root of one by the count of numbers that move, so that
        a mistake in one of them shows however many there are.
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
        self.sharpness = max(int(np.count_nonzero(direction)), 1) ** -0.5
        self._found: dict[float, Vector | None] = {0.0: np.where(self.finite, result, 0.0)}

    def __call__(self, t: float) -> Vector | None:
        """The result at ``origin + t * direction``, or None where it has a part that is not finite."""
        if t not in self._found:
            self.calls += 1
            # What does not move keeps even the sign of its zero.
            there = self.evaluate(
                np.where(self.direction == 0.0, self.origin, self.origin + t * self.direction)
            )
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
