"""Making a mirror: survey, findings, plan and text, one after the other."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .distribution import distribution_files
from .findings import Findings, checkable, findings_for, our_version
from .installation import licence_files
from .ledger import Ledger
from .plan import Plan, planned
from .render import path_of, rendered
from .stubs import stub
from .survey import survey_of
from .work import Progress
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
    findings : Findings
    """

    plan: Plan
    ledger: Ledger
    files: dict[str, str]
    beside: dict[str, str]
    findings: Findings


def mirror_of(
    package: str,
    name: str = "",
    *,
    ledgers: Sequence[Ledger] = (),
    progress: Progress = lambda what, done, of: None,
    **options: Any,
) -> Mirror:
    """Make the mirror of a package.

    Parameters
    ----------
    package : str
        Its import name.
    name : str, optional
        Import name of the mirror: ``package_bp`` by default.
    ledgers : sequence of Ledger, optional
        Of earlier runs: what has not changed since is not checked again.
    progress : callable, optional
        Called with what is done, how much of it, and of how much.
    **options
        Those of `findings_for`.

    Raises
    ------
    MirrorError
        If the package cannot be imported.
    SampleError
        If the samples file cannot be read.
    """
    progress("importing", 0, 1)
    survey = survey_of(package)
    publics = checkable(survey)
    found = findings_for(survey, publics, ledgers=ledgers, progress=progress, **options)
    plan = planned(survey, found.ledger, name or f"{package.replace('.', '_')}_bp")
    files = rendered(plan)
    files.update({path_of(page, plan, ".pyi"): stub(page, plan) for page in plan.pages})
    files[LEDGER] = found.ledger.text()
    beside = distribution_files(plan, licence_files(survey.distribution), _requirement())
    return Mirror(plan, found.ledger, files, beside, found)


def _requirement() -> str:
    """What a mirror needs of this library: its version up to the minor one, or later."""
    ours = our_version().split(".")
    return f"backprop-lift>={'.'.join(ours[:2])}" if len(ours) > 1 else "backprop-lift"


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
