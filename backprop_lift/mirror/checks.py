"""One check: a function or a class of a package, its calls, and what is found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any, Final

from .._registry import Entry, Registry, dotted_name
from ..gradcheck import Sample, check_mutants
from ..gradcheck.mutation import MutationReport
from ..gradcheck.samples import distinct
from ..gradcheck.samples_file import said_sample
from .class_evidence import class_findings
from .evidence import findings_of
from .ledger import Finding
from .pool import Pool
from .survey import Public
from .twins import by_body

__all__ = ["LOST", "Checked", "Mutation", "checked", "lost"]

LOST: Final = "its check was lost"
"""The detail of a finding that tells nothing: the run ended before the check did."""

# Calls that are kept for the story of a function.
_SHOWN: Final = 6
_LONGEST: Final = 2000
_DIFFERENTIABLE: Final = ("lifted", "composite")


@dataclasses.dataclass(frozen=True)
class Mutation:
    """What became of the rule of a function, broken on purpose.

    Attributes
    ----------
    total, caught : int
        How many mutants, and how many of them a sample of the function tells from the rule.
    missed : list of str
        Found right with another gradient: faults of the checker.
    untold : list of str
        That no sample tells: the samples are weak.
    harmless : list of str
        That make no difference anywhere, with the proof.
    """

    total: int
    caught: int
    missed: list[str]
    untold: list[str]
    harmless: list[str]


@dataclasses.dataclass(frozen=True)
class Checked:
    """What the check of a function found.

    Attributes
    ----------
    name : str
        As the survey names its home.
    findings : list of Finding
    calls : list of str
        Some of the calls that it was checked on, as lines of a samples file.
    mutation : Mutation or None
        Where that was asked for, and the function is differentiable.
    """

    name: str
    findings: list[Finding]
    calls: list[str] = dataclasses.field(default_factory=list)
    mutation: Mutation | None = None

    def said(self) -> dict[str, Any]:
        """All of it as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def heard(cls, said: dict[str, Any]) -> Checked:
        """What `said` said."""
        mutation = said["mutation"]
        return cls(
            said["name"],
            [Finding(**finding) for finding in said["findings"]],
            said["calls"],
            None if mutation is None else Mutation(**mutation),
        )


def lost(public: Public, source: str, why: str) -> Checked:
    """What is left to say of a function whose check came to nothing."""
    return Checked(public.home, [Finding(public.home, "-", "noGrad", source=source, detail=why)])


def checked(
    public: Public,
    source: str,
    calls: dict[int, list[Sample]],
    pool: Pool,
    rules: Registry,
    *,
    mutate: bool = False,
) -> Checked:
    """Check a function or a class; whatever it does, something is found.

    Parameters
    ----------
    public : Public
    source : str
        Hash of the function.
    calls : dict
        Of all functions, by their id.
    pool : Pool
        Values by parameter name.
    rules : Registry
        Whose rules are in force.
    mutate : bool, optional
        Break its rule on purpose too?
    """
    samples = calls.get(id(public.value), [])
    try:
        if public.kind == "class":
            return Checked(public.home, class_findings(public, calls, pool, rules, source))
        failing: list[Sample] = []
        findings = findings_of(public, samples, pool, rules, source, failing=failing)
    except Exception as error:
        sentence = f"{type(error).__name__}: {error}".splitlines()[0]
        return lost(public, source, f"its check broke off: {sentence}")
    mutation = None
    if mutate and findings[0].verdict in _DIFFERENTIABLE:
        mutation = _mutated(public, samples, rules)
    shown = [*failing[:2], *distinct(samples, _SHOWN)]
    return Checked(public.home, findings, _lines(public.home, shown), mutation)


def _lines(name: str, samples: Iterable[Sample]) -> list[str]:
    """Calls as lines of a samples file, those that have such a form and can be read."""
    found = []
    for sample in samples:
        said = said_sample(name, sample)
        line = "" if said is None else json.dumps(said, ensure_ascii=False)
        if 0 < len(line) < _LONGEST and line not in found:
            found.append(line)
    return found[:_SHOWN]


def _mutated(public: Public, samples: list[Sample], rules: Registry) -> Mutation | None:
    function = public.value
    entry = rules.find(function)
    try:
        if entry is None:
            entry = Entry(function, "composite", dotted_name(function), "")
            entry._twin = by_body(function, rules)
        return _summary(check_mutants(function, samples or None, entry=entry))
    except Exception:  # one that no signature can be had of, and the like
        return None


def _summary(report: MutationReport) -> Mutation:
    return Mutation(
        report.total,
        len(report.caught),
        [str(mutant) for mutant, _ in report.missed],
        report.untold(),
        [f"{mutant}; {proof}" for mutant, proof in report.equivalent],
    )
