"""Verdicts: what a check says of a derivative, of an argument, and of a function."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from .oracles import Slope

__all__ = ["TOLERANCE", "Outcome", "Problem", "Report", "Verdict", "compared"]

Verdict = Literal["right", "wrong", "kink", "edge", "noise", "no evidence"]
Oracle = Literal["differences", "complex step", "mpmath"]

# Error bars are estimates: a difference within ten of them is none.
_BARS: Final = 10.0
_AT_KINK: Final = "a kink: "
# Relative difference of one derivative that is never called wrong, in double precision.
TOLERANCE: Final = 1e-5


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What one derivative of one call showed.

    Attributes
    ----------
    argument : str
        Name of the argument that moved.
    at : str
        Which number of it, or which direction.
    verdict : str
        ``"right"``: agrees, and the signal is larger than the error bar. ``"wrong"``: finite, and
        outside the error bar. ``"kink"``: the slopes of the two sides
        differ, and it lies between them; one that does not is wrong. ``"edge"``: a value or a
        slope is nan, infinite, or missing on a side. ``"noise"``: the error bar is as large as
        the signal. ``"no evidence"``: nothing moves.
    accepted : bool
        May it stand? True of a subgradient at a kink, and of an edge where no finite slope exists.
    analytic, numeric, error : float
        The rule's derivative, the oracle's, and the oracle's error bar. They are taken along a
        direction of the natural size of the argument, and so have the unit of the result.
    seen : str
        For a person.
    sample : int
        Which call.
    oracle : str
        Where `numeric` comes from: ``"differences"``, ``"complex step"`` or ``"mpmath"``.
    step : float
        That of the differences, as a part of the direction; nan where they gave no estimate.
    """

    argument: str
    at: str
    verdict: Verdict
    accepted: bool
    analytic: float
    numeric: float
    error: float
    seen: str = ""
    sample: int = 0
    oracle: Oracle = "differences"
    step: float = math.nan

    @property
    def is_at_kink(self) -> bool:
        """Were the slopes of the two sides seen to differ?"""
        return self.verdict == "kink" or self.seen.startswith(_AT_KINK)

    @property
    def relative_error(self) -> float:
        """Difference of rule and oracle, relative to the larger of the two."""
        size = max(abs(self.numeric), abs(self.analytic))
        return abs(self.analytic - self.numeric) / size if size else 0.0

    def __str__(self) -> str:
        text = f"{self.at}: {self.verdict}"
        if math.isfinite(self.numeric):
            text += f", got {self.analytic:.8g}, expected {self.numeric:.8g} ± {self.error:.1g}"
        elif not math.isfinite(self.analytic):
            text += f", got {self.analytic}"
        return text + (f" ({self.seen})" if self.seen else "")


def compared(
    found: Slope, analytic: float, *, floor: float, relative: float
) -> tuple[Verdict, bool, str]:
    """Verdict on a derivative, given the slope that an oracle found.

    Parameters
    ----------
    found : Slope
    analytic : float
    floor : float
        Size below which a derivative is rounding.
    relative : float
        Relative difference that is never called wrong.

    Returns
    -------
    verdict : str
    accepted : bool
    seen : str
    """
    if found.shape == "edge":
        return "edge", True, found.seen
    if not math.isfinite(analytic):
        if found.shape == "rough":
            return "edge", True, f"got {analytic}, and differences do not settle"
        return "edge", False, f"got {analytic} where the slope is finite"
    if found.shape == "kink":
        low, high = found.low, found.high
        slack = _BARS * found.error + relative * max(abs(low), abs(high)) + floor
        if low - slack <= analytic <= high + slack:
            return "kink", True, found.seen
        return "wrong", False, f"{_AT_KINK}{found.seen}"
    slack = _BARS * found.error + relative * abs(found.value) + floor
    if abs(analytic - found.value) > slack:
        if found.shape == "rough":
            return "noise", True, "differences do not settle"
        return "wrong", False, found.seen
    signal = max(abs(analytic), abs(found.value))
    # An agreement far within a wide error bar is no chance.
    close = abs(analytic - found.value) <= 1e-4 * signal and _BARS * found.error <= signal
    if (_BARS * found.error + floor > 0.1 * signal and not close) or signal <= floor:
        if abs(analytic) <= floor:
            return "no evidence", True, found.seen or "the slope is zero"
        return "noise", True, "the error bar is as large as the slope"
    return "right", True, found.seen


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a call as a whole, or a reason why it tells nothing.

    Attributes
    ----------
    kind : str
        ``"value"``: the twin's result is another. ``"contract"``: structure, shape or type of a
        cotangent, mutation, aliasing, linearity. ``"refused"``: the twin raised. ``"untold"``: the
        call cannot tell anything.
    text : str
    sample : int
    error : Exception or None
    """

    kind: Literal["value", "contract", "refused", "untold"]
    text: str
    sample: int = 0
    error: BaseException | None = None


class Report:
    """What a check of a function found.

    Attributes
    ----------
    name : str
        Of the function.
    outcomes : list of Outcome
    problems : list of Problem
    samples : list
        The calls, in the order that outcomes count them.
    findings : list
        What the diagnosis makes of it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcomes: list[Outcome] = []
        self.problems: list[Problem] = []
        self.samples: list[Any] = []
        self.findings: list[Any] = []

    @property
    def verdict(self) -> Verdict:
        """The word for the whole: the worst that was seen, or right where something proved it."""
        if any(problem.kind in ("value", "contract") for problem in self.problems):
            return "wrong"
        return _worst(self.outcomes)

    @property
    def right(self) -> bool:
        """Was it checked, and found right? No evidence is not."""
        return self.verdict == "right"

    @property
    def refusals(self) -> list[Problem]:
        """The calls that the twin refused."""
        return [problem for problem in self.problems if problem.kind == "refused"]

    @property
    def arguments(self) -> list[str]:
        """Names of the arguments that moved in any call."""
        return list(dict.fromkeys(outcome.argument for outcome in self.outcomes))

    @property
    def per_argument(self) -> dict[str, Verdict]:
        """The verdict on each argument."""
        return {
            name: _worst(o for o in self.outcomes if o.argument == name) for name in self.arguments
        }

    @property
    def worst_error(self) -> float:
        """Largest relative difference among the derivatives found right."""
        right = (o.relative_error for o in self.outcomes if o.verdict == "right")
        return max(right, default=math.nan)

    def failures(self) -> Iterator[Outcome]:
        """The outcomes that may not stand."""
        return (outcome for outcome in self.outcomes if not outcome.accepted)

    def failed_calls(self) -> list[int]:
        """The calls with a derivative or a problem that may not stand; or else those untold."""
        failed = {o.sample for o in self.failures()}
        failed |= {p.sample for p in self.problems if p.kind != "untold"}
        return sorted(failed or {p.sample for p in self.problems})

    def facts(self) -> dict[str, Any]:
        """What a ledger keeps, as plain data.

        Returns
        -------
        dict
            The verdict; for each argument its verdict, the number of derivatives found right, by
            which oracles, and their worst relative error; the settings that any call gave;
            problems and findings.
        """
        arguments = {}
        for name, verdict in self.per_argument.items():
            right = [o for o in self.outcomes if o.argument == name and o.verdict == "right"]
            arguments[name] = {
                "verdict": verdict,
                "right": len(right),
                "oracles": sorted({o.oracle for o in right}),
                "worst error": max((o.relative_error for o in right), default=None),
            }
        return {
            "name": self.name,
            "verdict": self.verdict,
            "samples": len(self.samples),
            "origins": sorted({sample.origin for sample in self.samples}),
            "settings": sorted({name for sample in self.samples for name in sample.settings}),
            "arguments": arguments,
            "problems": [f"{problem.kind}: {problem.text}" for problem in _once(self.problems)],
            "findings": [finding.text for finding in self.findings],
        }

    def extend(self, other: Report) -> None:
        """Take over the samples, outcomes and problems of another report."""
        shift = len(self.samples)
        self.samples += other.samples
        self.outcomes += [dataclasses.replace(o, sample=o.sample + shift) for o in other.outcomes]
        self.problems += [dataclasses.replace(p, sample=p.sample + shift) for p in other.problems]
        self.findings += other.findings

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"<Report {self.name}: {self.verdict}>"

    def __str__(self) -> str:
        count = len(self.samples)
        lines = [f"{self.name}: {self.verdict}, {count} call{'s' * (count != 1)}"]
        width = max(map(len, self.arguments), default=0)
        for name in self.arguments:
            here = [o for o in self.outcomes if o.argument == name]
            lines.append(f"  {name:{width}}  {_counted(here)}")
        lines += [f"  {problem.kind}: {problem.text}" for problem in _once(self.problems)]
        lines += [f"  {outcome}" for outcome in list(self.failures())[:5]]
        findings = {finding.text: finding for finding in reversed(self.findings)}
        lines += [f"  likely: {finding}" for finding in reversed(findings.values())]
        return "\n".join(lines)


def _once(problems: list[Problem]) -> list[Problem]:
    return list({(problem.kind, problem.text): problem for problem in problems}.values())


def _counted(outcomes: list[Outcome]) -> str:
    words: dict[str, int] = {}
    for outcome in outcomes:
        word = (
            outcome.verdict
            if outcome.accepted or outcome.verdict == "wrong"
            else (f"{outcome.verdict}, not accepted")
        )
        words[word] = words.get(word, 0) + 1
    return ", ".join(f"{word} ({count})" for word, count in words.items())


def _worst(outcomes: Iterable[Outcome]) -> Verdict:
    found = list(outcomes)
    failed: set[Verdict] = {o.verdict for o in found if not o.accepted}
    for verdict in _ORDER_OF_FAILURES:
        if verdict in failed:
            return verdict
    seen = {o.verdict for o in found}
    for verdict in _ORDER_OF_EVIDENCE:
        if verdict in seen:
            return verdict
    return "no evidence"


_ORDER_OF_FAILURES: Final[tuple[Verdict, ...]] = ("wrong", "kink", "edge", "noise", "no evidence")
_ORDER_OF_EVIDENCE: Final[tuple[Verdict, ...]] = ("right", "kink", "edge", "noise", "no evidence")
