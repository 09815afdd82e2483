"""Mutation: rules broken on purpose, to see whether their samples would tell.

A mutant must not be found right. One that is, and gives another gradient on a sample all the same,
is a fault of the checker, unless they differ at kinks only, where any slope between those of both
sides is right. One that gives the same gradient on all samples is compared with the rule on many
calls made from them: one that differs there shows that the samples are weak, and one that never
does is no mistake, or changes a part that no call reaches.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from .._registry import Entry, registry
from .calls import signature_of
from .checking import check
from .equivalence import Cotangents, cotangents, difference, identity
from .mutants import Mutant, mutants
from .samples import Sample, perturbed, samples_of
from .variants import variants
from .verdicts import Report

__all__ = ["MutationReport", "check_mutants"]

# Relative difference of cotangents that is rounding.
_ROUNDING: Final = 1e-11
# Calls at which a mutant that differs is checked.
_TRIALS: Final = 16
# Relative difference of cotangents that a check finds, if it can tell anything there.
_CLEAR: Final = 1e-3
# Calls at which the rule and its mutants are compared, at most.
_POINTS: Final = 200


@dataclasses.dataclass(slots=True)
class MutationReport:
    """What became of the mutants of a function.

    Attributes
    ----------
    name : str
    caught : list of (Mutant, Report)
        Not found right, or refused where the rule itself is not.
    weak : list of (Mutant, Sample)
        Told by no sample, but by a call made from one: a sample like it is missing.
    equivalent : list of (Mutant, str)
        No mistakes: the cotangents are those of the rule but for kinks, with the proof.
    unreached : list of (Mutant, str)
        Changes of a part that no sample uses, nor any call made from one; with what is missing.
    missed : list of (Mutant, Report)
        Found right with another gradient.
    """

    name: str
    caught: list[tuple[Mutant, Report]] = dataclasses.field(default_factory=list)
    weak: list[tuple[Mutant, Sample]] = dataclasses.field(default_factory=list)
    equivalent: list[tuple[Mutant, str]] = dataclasses.field(default_factory=list)
    unreached: list[tuple[Mutant, str]] = dataclasses.field(default_factory=list)
    missed: list[tuple[Mutant, Report]] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> int:
        """How many mutants there were."""
        told = len(self.caught) + len(self.weak) + len(self.missed)
        return told + len(self.equivalent) + len(self.unreached)

    def untold(self) -> list[str]:
        """What no sample tells, and what would."""
        return [
            *(f"{mutant}; a call like {_short(sample)} would" for mutant, sample in self.weak),
            *(f"{mutant}; {why}" for mutant, why in self.unreached),
        ]

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.caught)} of {self.total} mutants caught"]
        lines += [f"  missed: {mutant}" for mutant, _ in self.missed]
        lines += [f"  no sample tells: {text}" for text in self.untold()]
        lines += [f"  no mistake: {mutant}; {proof}" for mutant, proof in self.equivalent]
        return "\n".join(lines)


def _short(sample: Sample) -> str:
    text = " ".join(repr(sample).split())
    return f"{text if len(text) < 100 else text[:97] + '...'} ({sample.origin})"


def check_mutants(
    f: Callable[..., Any],
    samples: Iterable[Sample | tuple[Any, ...]] | None = None,
    *,
    entry: Entry | None = None,
    seed: int = 0,
    diagnose: bool = False,
    prove: bool = True,
) -> MutationReport:
    """Break the rule of a function in every way that applies, and check each of them.

    Parameters
    ----------
    f : callable
        The original.
    samples, seed
        As for `check`.
    entry : Entry, optional
        Of the function, where it is not that of the registry.
    diagnose : bool, optional
        Look for the mistake of each mutant, as if it were not known?
    prove : bool, optional
        Look for a call that tells what no sample does, or for a proof that none can? Without it,
        such mutants are left out of the report.

    Returns
    -------
    MutationReport
    """
    entry = registry[f] if entry is None else entry
    samples = None if samples is None else list(samples)
    options: dict[str, Any] = {"seed": seed, "second_order": False}
    unbroken = check(f, samples, entry=entry, **options)
    report = MutationReport(entry.name)
    survivors = []
    for mutant in mutants(entry, dict.fromkeys(a.partition("[")[0] for a in unbroken.arguments)):
        broken = check(f, samples, entry=mutant.entry, diagnose=diagnose, stop=True, **options)
        if not broken.right or len(broken.refusals) > len(unbroken.refusals):
            report.caught.append((mutant, broken))
        elif _same(unbroken, broken) or _differ_at_kinks_only(unbroken, broken):
            survivors.append(mutant)
        else:
            report.missed.append((mutant, broken))
    if survivors and prove:
        compared = _SideBySide(f, entry, unbroken.samples, report, seed)
        for mutant in survivors:
            compared.settle(mutant)
    return report


def _same(unbroken: Report, broken: Report) -> bool:
    ours, theirs = (
        np.array([outcome.analytic for outcome in report.outcomes]) for report in (unbroken, broken)
    )
    return ours.shape == theirs.shape and np.allclose(
        ours, theirs, rtol=1e-6, atol=1e-9, equal_nan=True
    )


def _differ_at_kinks_only(unbroken: Report, broken: Report) -> bool:
    """Do two rules differ in what is checked, but not where a slope is the same on both sides?"""
    ours, theirs = unbroken.outcomes, broken.outcomes
    return (
        len(ours) == len(theirs)
        and not _same(unbroken, broken)
        and all(
            (one.is_at_kink and other.is_at_kink)
            or np.isclose(one.analytic, other.analytic, rtol=1e-6, atol=1e-9, equal_nan=True)
            for one, other in zip(ours, theirs, strict=True)
        )
    )


class _SideBySide:
    """The rule of a function beside mutants that no sample told, at many calls."""

    def __init__(
        self, f: Any, entry: Entry, samples: list[Sample], report: MutationReport, seed: int
    ) -> None:
        self.f = f
        self.entry = entry
        self.report = report
        self.seed = seed
        rng = np.random.default_rng(seed)
        self.points: list[Cotangents] = []
        self.tried: set[str] = set()
        self.unbroken: dict[int, Report] = {}
        for sample in _spread(f, samples, rng):
            self.tried.add(sample.origin.partition(",")[0])
            found = cotangents(f, sample, entry)
            if found is not None:
                self.points.append(found)
            if len(self.points) == _POINTS:
                break

    def settle(self, mutant: Mutant) -> None:
        """Say which of the three a mutant is: told by a call, no mistake, or out of reach."""
        away = [
            (difference(point, cotangents(self.f, point.sample, mutant.entry)), k)
            for k, point in enumerate(self.points)
        ]
        # Among clear differences, those of calls nearest to the samples come first.
        away.sort(key=lambda found: (-min(found[0], _CLEAR), found[1]))
        for size, k in away[:_TRIALS]:
            if size > _ROUNDING and self._is_told(mutant, k):
                self.report.weak.append((mutant, self.points[k].sample))
                return
        largest = max((size for size, _ in away), default=np.inf)
        apart = [k for size, k in away if size > _ROUNDING]
        proof = self._proof_at_kinks(mutant, apart) if apart else self._proof(mutant, largest)
        if proof:
            self.report.equivalent.append((mutant, proof))
        else:
            self.report.unreached.append((mutant, self._missing(mutant, largest)))

    def _is_told(self, mutant: Mutant, k: int) -> bool:
        """Is the rule right at a call, and the mutant not?"""
        return self._of_rule(k).right and not self._checked(mutant.entry, k).right

    def _of_rule(self, k: int) -> Report:
        if k not in self.unbroken:
            self.unbroken[k] = self._checked(self.entry, k)
        return self.unbroken[k]

    def _checked(self, entry: Entry, k: int) -> Report:
        options: dict[str, Any] = {"seed": self.seed, "second_order": False, "diagnose": False}
        return check(self.f, [self.points[k].sample], entry=entry, **options)

    def _proof_at_kinks(self, mutant: Mutant, apart: list[int]) -> str:
        """Where the slopes of both sides differ, what lies between them may be anything."""
        for k in apart:
            ours, theirs = self._of_rule(k), self._checked(mutant.entry, k)
            if not (ours.right and theirs.right and _differ_at_kinks_only(ours, theirs)):
                return ""
        return f"another slope between those of both sides, at the kinks of {len(apart)} calls"

    def _proof(self, mutant: Mutant, largest: float) -> str:
        if largest > _ROUNDING:
            return ""
        proof = identity(mutant.operator, mutant.argument, self.points, self.tried)
        if proof:
            return f"{proof} ({len(self.points)} calls)"
        if mutant.operator == "option ignored":
            count = sum(self._gives(point.sample, mutant.text) for point in self.points)
            return f"the option changes no cotangent in {count} calls that give it" if count else ""
        used = [point for point in self.points if self._uses(mutant, point)]
        if not used:
            return self._proof_of_a_guard(mutant)
        return f"the same to {max(largest, 1e-16):.0e} in {len(used)} calls that use what is gone"

    def _proof_of_a_guard(self, mutant: Mutant) -> str:
        """What only chooses between formulas that agree may be anything at all."""
        if mutant.mined is None:
            return ""
        reached = [
            point for point in self.points if cotangents(self.f, point.sample, mutant.mined) is None
        ]
        if not reached:
            return ""
        return f"the same in {len(reached)} calls that evaluate it, and with nan in its place, too"

    def _uses(self, mutant: Mutant, point: Cotangents) -> bool:
        """Does the changed expression have a part in the cotangents at a call?"""
        if mutant.poisoned is None:
            return any(map(np.any, point.vectors))
        return difference(point, cotangents(self.f, point.sample, mutant.poisoned)) > _ROUNDING

    def _gives(self, sample: Sample, name: str) -> bool:
        """Does a call give an option another value than its default?"""
        signature = signature_of(self.f, self.entry)
        parameters = {} if signature is None else dict(signature.parameters)
        given = dict(zip(parameters, sample.args, strict=False)) | sample.settings
        default = parameters[name].default if name in parameters else None
        return name in given and repr(given[name]) != repr(default)

    def _missing(self, mutant: Mutant, largest: float) -> str:
        if largest > _ROUNDING:
            by = f"by {largest:.0e}" if np.isfinite(largest) else "by having none"
            return f"the cotangents differ {by} where the rule itself is not told from it"
        if mutant.operator == "option ignored":
            return f"no call gives {mutant.text}"
        return f"no call of {len(self.points)} uses what is gone"


def _spread(f: Any, samples: list[Sample], rng: np.random.Generator) -> list[Sample]:
    """Samples, calls near them, and calls made from either."""
    found = list(samples)
    found += [perturbed(sample, rng, relative=0.3) for sample in samples]
    kinds: list[list[Sample]] = [list(variants(f, s, _options_in_use(), rng)) for s in samples]
    for k in range(max(map(len, kinds), default=0)):
        found += [made[k] for made in kinds if k < len(made)]
    return found


@functools.cache
def _options_in_use() -> dict[str, list[Any]]:
    """Values that the samples of any function give to options, by the names of these."""
    found: dict[str, dict[str, Any]] = {}
    for entry in registry:
        signature = signature_of(entry.original, entry)
        names = [] if signature is None else list(signature.parameters)
        for sample in samples_of(entry.original, entry=entry):
            by_position = zip(names, sample.args, strict=False)
            for name, value in (*by_position, *sample.settings.items()):
                if value is None or isinstance(value, (bool, int, str, type, np.dtype)):
                    found.setdefault(name, {}).setdefault(repr(value), value)
    return {name: list(values.values())[:6] for name, values in found.items()}
