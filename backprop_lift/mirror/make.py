"""Making a mirror: survey, samples, checks, ledger and plan, one after the other."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._registry import Registry, registry
from .distribution import distribution_files
from .fingerprint import Fingerprints
from .ledger import Finding, Ledger
from .plan import Plan, plain_class, planned
from .render import path_of, rendered
from .stubs import stub
from .survey import Public, Survey, licence_files, survey_of
from .work import Job, Progress, work_on
from .write import LEDGER

__all__ = ["Mirror", "folder_of", "mirror_of"]


@dataclasses.dataclass(frozen=True)
class Mirror:
    """A mirror, ready to be written.

    Attributes
    ----------
    plan : Plan
    ledger : Ledger
    files : dict
        From paths below its folder to texts.
    beside : dict
        The same for what makes it a distribution, in the folder above.
    checked : int
        How many functions were checked in this run; the others' findings still held.
    """

    plan: Plan
    ledger: Ledger
    files: dict[str, str]
    beside: dict[str, str]
    checked: int


def mirror_of(
    package: str,
    name: str = "",
    *,
    ledger: Ledger | None = None,
    samples: Sequence[str] = (),
    rules: Registry = registry,
    before_checks: str = "",
    check: bool = True,
    progress: Progress = lambda what, done, of: None,
) -> Mirror:
    """Make the mirror of a package.

    Parameters
    ----------
    package : str
        Its import name.
    name : str, optional
        Import name of the mirror: ``package_bp`` by default.
    ledger : Ledger, optional
        Of an earlier run: functions that have not changed since are not checked again, unless
        they were refused and there are new samples, or another way to set the package up.
    samples : sequence of str, optional
        Paths of samples files.
    rules : Registry, optional
        Whose rules are in force.
    before_checks : str, optional
        Python code that sets the package up, run before its gradients are checked.
    check : bool, optional
        False takes findings from the ledger alone.
    progress : callable, optional
        Called with what is done, how much of it, and of how much.

    Raises
    ------
    MirrorError
        If the package cannot be imported.
    SampleError
        If the samples file cannot be read.
    """
    progress("importing", 0, 1)
    survey = survey_of(package)
    fingerprints = Fingerprints(package)
    known = ledger or Ledger()
    before_checks = before_checks or known.before
    anew = bool(samples) or before_checks != known.before
    found = Ledger(versions=_versions(survey), before=" ".join(before_checks.split("\n")))
    waiting: list[tuple[Public, str]] = []
    publics = [*survey.functions(), *(p for p in survey.classes() if not plain_class(p.value))]
    for public in publics:
        source = fingerprints.of(public.value)
        before = [f for name in known.below(public.home) for f in known.of(name).values()]
        refused = any(f.verdict == "noGrad" for f in before)
        holds = before and all(f.source == source for f in before)
        if holds and not (anew and check and refused):
            for finding in before:
                found.add(finding)
        elif check:
            waiting.append((public, source))
        elif before:
            why = "it has changed since it was checked"
            found.add(Finding(public.home, "-", "noGrad", source=source, detail=why))
    if waiting:
        for finding in work_on(Job(survey, waiting, rules, samples, before_checks), progress):
            found.add(finding)
    plan = planned(survey, found, name or f"{package.replace('.', '_')}_bp")
    files = rendered(plan)
    files.update({path_of(page, plan, ".pyi"): stub(page, plan) for page in plan.pages})
    files[LEDGER] = found.text()
    beside = distribution_files(plan, licence_files(survey.distribution), _requirement())
    return Mirror(plan, found, files, beside, len(waiting))


def _requirement() -> str:
    """What a mirror needs of this library: its version up to the minor one, or later."""
    ours = _our_version().split(".")
    return f"backprop-lift>={'.'.join(ours[:2])}" if len(ours) > 1 else "backprop-lift"


def _our_version() -> str:
    try:
        return importlib.metadata.version("backprop-lift")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _versions(survey: Survey) -> dict[str, str]:
    return {
        survey.package: survey.version,
        "backprop-lift": _our_version(),
        "numpy": np.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def folder_of(package: str, out: str, name: str) -> tuple[Path, str]:
    """Where a mirror stands, and the import name that it has there.

    Parameters
    ----------
    package : str
    out : str
        Folder of the mirror's own distribution; empty for the usual place: ``bp`` in a package
        that is one's own, or else beside the current work.
    name : str
        Import name; empty for the usual one.
    """
    usual = f"{package.replace('.', '_')}_bp"
    if out:
        return Path(out) / (name or usual), name or usual
    home = _home(package)
    if home is not None and not name:
        return home / "bp", f"{package}.bp"
    return Path(name or usual), name or usual


def _home(package: str) -> Path | None:
    """The folder of a package that is one's own: a folder below the current one, not installed."""
    found: Any = sys.modules.get(package)
    paths = list(getattr(found, "__path__", None) or [])
    if not paths:
        return None
    home = Path(paths[0]).resolve()
    installed = {"site-packages", "dist-packages"} & set(home.parts)
    return home if not installed and home.is_relative_to(Path.cwd().resolve()) else None
