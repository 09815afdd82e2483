"""The findings about a whole package: those that still hold, and those of new checks."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from .._registry import Registry, registry
from .checks import LOST, Checked
from .fingerprint import Fingerprints
from .ledger import FAILED, Finding, Ledger
from .plan import CHANGED, plain_class
from .survey import Public, Survey
from .work import Job, Progress, work_on

__all__ = ["Findings", "checkable", "findings_for", "our_version", "versions_of"]


@dataclasses.dataclass(frozen=True)
class Findings:
    """What is known of a package's functions.

    Attributes
    ----------
    survey : Survey
    ledger : Ledger
    fresh : dict
        What was checked in this run, by name.
    waiting : list of str
        Names of what had to be checked.
    unknown : list of str
        Names in the samples files that are of no function of the package.
    """

    survey: Survey
    ledger: Ledger
    fresh: dict[str, Checked]
    waiting: list[str]
    unknown: list[str]


def checkable(survey: Survey) -> list[Public]:
    """The public functions and classes of a package that may have gradients."""
    return [*survey.functions(), *(p for p in survey.classes() if not plain_class(p.value))]


def findings_for(
    survey: Survey,
    publics: Sequence[Public],
    *,
    ledgers: Sequence[Ledger] = (),
    samples: Sequence[str] = (),
    rules: Registry = registry,
    before_checks: str = "",
    check: bool = True,
    mutate: bool = False,
    jobs: int = 0,
    progress: Progress = lambda what, done, of: None,
    begin: Callable[[Ledger], None] = lambda found: None,
    keep: Callable[[Checked], None] = lambda found: None,
) -> Findings:
    """Find out about functions of a package.

    Parameters
    ----------
    survey : Survey
    publics : sequence of Public
        The functions and classes to look at.
    ledgers : sequence of Ledger, optional
        Of earlier runs. What they found of a function holds as long as its source, the versions
        and its samples are the same. What one of them found wrong counts before all others.
    samples : sequence of str, optional
        Paths of samples files.
    rules : Registry, optional
        Whose rules are in force.
    before_checks : str, optional
        Python code that sets the package up, run before its gradients are checked.
    check : bool, optional
        False takes findings from the ledgers alone.
    mutate : bool, optional
        Break rules on purpose too; every function is then checked anew.
    jobs : int, optional
        How many checks at once: as many as there are processors by default.
    progress : callable, optional
        Called with what is done, how much of it, and of how much.
    begin : callable, optional
        Called once with the ledger that will be filled.
    keep : callable, optional
        Called with each thing found.

    Raises
    ------
    SampleError
        If a samples file cannot be read.
    MirrorError
        If the code that sets the package up fails.
    """
    fingerprints = Fingerprints(survey.package, rules)
    before_checks = before_checks or next((k.before for k in ledgers if k.before), "")
    job = Job(survey, [], rules, samples, before_checks, jobs, mutate)
    given = _Given(samples, job, before_checks)
    found = Ledger(versions=versions_of(survey), before=" ".join(before_checks.split("\n")))
    for public in publics:
        source = fingerprints.of(public.value)
        held = [] if mutate else _held(public, source, ledgers, found, given if check else None)
        if held:
            for finding in held:
                found.add(finding)
        elif check:
            job.publics.append((public, source))
        elif any(public.home in known for known in ledgers):
            found.add(Finding(public.home, "-", "noGrad", source=source, detail=CHANGED))
    waiting = {public.home: public for public, _ in job.publics}
    begin(found)
    fresh: dict[str, Checked] = {}
    for one in work_on(job, progress) if job.publics else ():
        findings = [given.entered(waiting[one.name], finding) for finding in one.findings]
        fresh[one.name] = one = dataclasses.replace(one, findings=findings)
        found.replace(one.name, findings)
        keep(one)
    return Findings(survey, found, fresh, list(waiting), job.unknown())


class _Given:
    """What the user gave for the checks: samples, and code that sets the package up."""

    def __init__(self, paths: Sequence[str], job: Job, before: str) -> None:
        self.job = job
        self.before = _hash([before.encode()]) if before else ""
        self._lines: dict[str, list[bytes]] = {}
        for path in paths:
            for line in Path(path).read_bytes().splitlines()[1:]:
                if line.strip():
                    self._lines.setdefault(json.loads(line)["function"], []).append(line.strip())
        self._all = _hash(line for lines in self._lines.values() for line in lines)

    def entered(self, public: Public, finding: Finding) -> Finding:
        """A finding about a function, with what was given for it."""
        if finding.argument != "-" or finding.function != public.home:
            return finding
        said = f"{self._for(public, finding)}{'+' * bool(self.before)}{self.before}"
        return dataclasses.replace(finding, given=said or "-")

    def _for(self, public: Public, finding: Finding) -> str:
        """The hash of a function's own samples; of all of them, where a check came to nothing."""
        if finding.verdict == "noGrad":
            return self._all
        names = self.job.names_of(public)
        below = tuple(f"{name}." for name in names) if public.kind == "class" else ()
        return _hash(
            line
            for name, lines in self._lines.items()
            if name in names or (below and name.startswith(below))
            for line in lines
        )

    def is_news_for(self, public: Public, finding: Finding) -> bool:
        """Is something given that was not, when a function was checked?"""
        samples, _, before = finding.given.strip("-").partition("+")
        ours = self._for(public, finding)
        if ours and ours != samples:
            return True
        return finding.verdict == "noGrad" and before != self.before


def _hash(lines: Iterable[bytes]) -> str:
    found = sorted(set(lines))
    return hashlib.sha256(b"\n".join(found)).hexdigest()[:8] if found else ""


def _held(
    public: Public, source: str, ledgers: Sequence[Ledger], now: Ledger, given: _Given | None
) -> list[Finding]:
    """What earlier runs found of a function, if it still holds."""
    held: list[list[Finding]] = []
    for known in ledgers:
        before = known.all_below(public.home)
        if not before or any(finding.source != source for finding in before):
            continue
        whole = known.of(public.home).get("-")
        if given is not None and (
            whole is None
            or whole.detail == LOST
            or not _is_as_now(known, now)
            or given.is_news_for(public, whole)
        ):
            continue
        held.append(before)
    wrong = (found for found in held if any(f.detail.startswith(FAILED) for f in found))
    return next(wrong, held[0] if held else [])


def _is_as_now(known: Ledger, now: Ledger) -> bool:
    """Are the versions of a ledger those of now? That of the package itself is in the hashes."""
    return all(
        known.versions.get(name) == now.versions[name]
        for name in ("backprop-lift", "numpy", "python")
    )


def versions_of(survey: Survey) -> dict[str, str]:
    """The versions that take part in a check."""
    return {
        survey.package: survey.version,
        "backprop-lift": our_version(),
        "numpy": np.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def our_version() -> str:
    """The version of this library; empty where it is not installed."""
    try:
        return importlib.metadata.version("backprop-lift")
    except importlib.metadata.PackageNotFoundError:
        return ""
