"""Diagnosis: the likely mistake behind a wrong gradient, found by trying them.

The Jacobian by differences, at the call and at points near it, says what the gradient should be.
Each hypothesis changes it as a known mistake would; the one that gives what the rule gives, at all
points, is the finding.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import CotangentError
from .calls import Call
from .hypotheses import Point, hypotheses, option_hypotheses

__all__ = ["Finding", "diagnosed", "diagnosed_shapes"]

Vector = npt.NDArray[np.float64]

_TOO_MANY: Final = 300
_CLOSE: Final = 1e-4


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A likely mistake.

    Attributes
    ----------
    kind : str
        ``"zero"``, ``"sign"``, ``"factor"``, ``"transpose"``, ``"conjugate"``, ``"broadcast"``,
        ``"swapped"``, ``"dzdy ignored"``, ``"output ignored"``, ``"option ignored"``,
        ``"term"``, ``"entries"`` or ``"argument"`` (the cotangent of one is right, shifted).
    text : str
        The mistake as a sentence without its full stop.
    argument : str
    at : str
        A number of the argument where it shows most.
    analytic, numeric : float
        What the rule gives there, and what differences give.
    """

    kind: str
    text: str
    argument: str
    at: str
    analytic: float
    numeric: float

    @property
    def ratio(self) -> float:
        """Analytic by numeric."""
        return self.analytic / self.numeric if self.numeric else math.inf

    def __str__(self) -> str:
        if math.isnan(self.numeric):
            return self.text
        return (
            f"{self.text}; at {self.at} got {self.analytic:.8g}, expected {self.numeric:.8g}"
            f" (ratio {self.ratio:.6g})"
        )


def diagnosed(
    call: Call, weights: Vector, gradient: Vector, analytic_at: Callable[[Vector], Vector | None]
) -> list[Finding]:
    """The likely mistake of each argument whose cotangent is wrong.

    Parameters
    ----------
    call : Call
    weights : ndarray, shape (m,)
        The cotangent of the result, in coordinates.
    gradient : ndarray, shape (n,)
        What the rule gives for it.
    analytic_at : callable
        The same at other coordinates, or None where the rule has no answer.
    """
    if len(call.origin) > _TOO_MANY:
        return []
    points = list(_points(call, weights, gradient, analytic_at))
    if not points:
        return []
    findings = []
    for i, name in enumerate(call.names):
        part = call.part(i)
        if all(_close(p.analytic[part], p.numeric[part], p.size(part)) for p in points):
            continue
        found = _finding(call, points, i)
        shown = points[0]
        away = np.abs(shown.analytic[part] - shown.numeric[part])
        k = int(np.argmax(np.where(np.isfinite(away), away, 0.0)))
        findings.append(
            Finding(
                *found,
                name,
                name + call.here[i].label(k),
                float(shown.analytic[part][k]),
                float(shown.numeric[part][k]),
            )
        )
    return findings


def diagnosed_shapes(error: CotangentError) -> list[Finding]:
    """The likely mistake behind a cotangent of another shape than its primal."""
    shapes = [_shapes_in(error.facts.get(key)) for key in ("expected", "got")]
    if not shapes[0] or not shapes[1]:
        return []
    expected, got = shapes[0][0], shapes[1][0]
    argument = str(error.facts.get("argument", ""))
    of = f"the cotangent of {argument}" if argument else "a cotangent"
    if sorted(expected) == sorted(got) and expected != got:
        kind, text = "transpose", f"{of} is transposed: its shape is {got}, not {expected}"
    elif math.prod(got) > math.prod(expected):
        kind = "broadcast"
        text = f"{of} is not summed over a broadcast axis: its shape is {got}, not {expected}"
    elif math.prod(got) < math.prod(expected):
        kind = "broadcast"
        text = f"{of} is not spread over the argument: its shape is {got}, not {expected}"
    else:
        return []
    return [Finding(kind, text, argument, argument, math.nan, math.nan)]


def _shapes_in(text: Any) -> list[tuple[int, ...]]:
    found = re.findall(r"\(((?:\d+,? ?)*)\)", str(text or ""))
    return [tuple(int(n) for n in re.findall(r"\d+", shape)) for shape in found]


def _points(
    call: Call, weights: Vector, gradient: Vector, analytic_at: Callable[[Vector], Vector | None]
) -> Iterator[Point]:
    """The call and two calls near it, where a coincidence at one does not repeat."""
    rng = np.random.default_rng(0)
    scales = np.concatenate([here.scales() for here in call.here])
    for k in range(3):
        vector, analytic = call.origin, gradient
        if k:
            step = rng.uniform(0.05, 0.2, len(vector)) * rng.choice([-1.0, 1.0], len(vector))
            vector = call.origin + step * scales
            found = analytic_at(vector)
            if found is None:
                continue
            analytic = found
        jacobian = jacobian_at(call.evaluate, vector, scales)
        if jacobian is not None and np.isfinite(analytic).all():
            result = call.evaluate(vector)
            assert result is not None
            yield Point(vector, result, weights, jacobian, analytic)


def jacobian_at(
    evaluate: Callable[[Vector], Vector | None], vector: Vector, scales: Vector
) -> Vector | None:
    """The Jacobian by central differences with one extrapolation, shape (m, n)."""
    columns = []
    for i, scale in enumerate(scales):
        found = []
        for step in (2.0**-8, 2.0**-10):
            u = np.zeros_like(vector)
            u[i] = step * scale
            ahead, behind = evaluate(vector + u), evaluate(vector - u)
            if ahead is None or behind is None:
                return None
            found.append((ahead - behind) / (2 * step * scale))
        columns.append((16 * found[1] - found[0]) / 15)
    return np.nan_to_num(np.stack(columns, axis=1)) if columns else None


def _close(a: Vector, b: Vector, size: float) -> bool:
    return bool(np.linalg.norm(a - b) <= _CLOSE * max(float(np.linalg.norm(b)), 1e-6 * size))


def _finding(call: Call, points: list[Point], i: int) -> tuple[str, str]:
    part = call.part(i)
    name = call.names[i]
    for kind, text, mistaken in (*hypotheses(call, i), *option_hypotheses(call, i)):
        try:
            if all(
                _close(p.analytic[part], mistaken(p), p.size(part))
                and not _close(mistaken(p), p.numeric[part], p.size(part))
                for p in points
            ):
                return kind, text
        except (ValueError, ArithmeticError):
            continue
    return _by_ratio(call, points, i) or _by_entries(call, points, i) or (
        "term", f"a term is missing or wrong in the cotangent of {name}"
    )  # fmt: skip


def _by_ratio(call: Call, points: list[Point], i: int) -> tuple[str, str] | None:
    """A factor that is one number, or a known quantity."""
    part, name = call.part(i), call.names[i]
    factors: list[float] = []
    for p in points:
        numeric, analytic = p.numeric[part], p.analytic[part]
        squared = float(numeric @ numeric)
        factor = float(analytic @ numeric) / squared if squared else math.inf
        if not squared or not _close(analytic, factor * numeric, p.size(part)):
            factors.clear()
            break
        factors.append(factor)
    if factors and max(factors) - min(factors) <= _CLOSE * abs(factors[0]):
        return "factor", f"the cotangent of {name} is {_times(factors[0])}"
    for what, quantity in _quantities(call, i):
        for text, power in (("has an extra factor", 1), ("lacks the factor", -1)):
            try:
                if all(
                    _close(p.analytic[part], p.numeric[part] * quantity(p) ** power, p.size(part))
                    for p in points
                ):
                    return "factor", f"the cotangent of {name} {text} {what}"
            except ValueError:
                continue
    return None


def _quantities(call: Call, i: int) -> Iterator[tuple[str, Callable[[Point], Vector]]]:
    n = len(call.here[i])
    for j, other in enumerate(call.names):
        if len(call.here[j]) in (1, n):
            yield other, lambda p, j=j: p.vector[call.part(j)]  # type: ignore[misc]  # j bound early
    assert call.result is not None
    if len(call.result) in (1, n):
        yield "result", lambda p: p.result
        yield "dzdy", lambda p: p.weights


def _times(factor: float) -> str:
    """A factor in words."""
    for size, text in ((factor, "too large"), (1 / factor, "too small")):
        nearest = round(size)
        if abs(nearest) >= 2 and abs(size - nearest) < 1e-3 * abs(nearest):
            sign = " and of the wrong sign" if nearest < 0 else ""
            return f"exactly {abs(nearest)} times {text}{sign}"
    return f"{factor:.6g} times what it should be"


def _by_entries(call: Call, points: list[Point], i: int) -> tuple[str, str] | None:
    """Wrong at some numbers only, or by the same amount everywhere."""
    part, name, here = call.part(i), call.names[i], call.here[i]
    n = len(here)
    if n < 2:
        return None
    wrong = np.zeros(n, bool)
    constant = True
    for p in points:
        away = p.analytic[part] - p.numeric[part]
        largest = float(np.abs(away).max())
        wrong |= np.abs(away) > 1e-3 * largest
        constant = constant and largest > 0 and float(np.ptp(away)) < 1e-3 * largest
    if constant:
        return "term", (
            f"the cotangent of {name} is off by the same amount everywhere: "
            "the part that flows through a sum or a mean is missing"
        )
    if wrong.sum() <= n // 2:
        at = ", ".join(name + here.label(int(k)) for k in np.flatnonzero(wrong)[:3])
        return "entries", f"the cotangent of {name} is right except at {at}"
    return None
