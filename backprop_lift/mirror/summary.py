"""What changed between two runs, as an entry of a changelog. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .ledger import Ledger
from .plan import CHANGED, UNCHECKED, Plan

__all__ = ["changes", "untested"]

_DIFFERENTIABLE = ("lifted", "composite", "locally constant")
_NAMED = 12


def changes(before: Ledger, after: Ledger, package: str) -> str:
    """The differences between two ledgers in the form of Keep a Changelog; empty without any.

    Parameters
    ----------
    before, after : Ledger
    package : str
    """
    old, new = _statuses(before), _statuses(after)
    good = [name for name in new if new[name][0] in _DIFFERENTIABLE]
    was_good = {name for name in old if old[name][0] in _DIFFERENTIABLE}
    version = f"{package} {after.versions.get(package, '')}".strip()
    said = {
        "Added": _named(f"Gradients of {{}} of {version}", [n for n in good if n not in was_good]),
        "Changed": [
            f"`{name}` is {new[name][0]}, and was {old[name][0]}."
            for name in good
            if name in was_good and new[name][0] != old[name][0]
        ],
        "Removed": [
            f"The gradient of `{name}`: {new[name][1].rstrip('.')}."
            if name in new
            else f"`{name}`, which is gone from {package}."
            for name in sorted(was_good)
            if name not in new or new[name][0] not in _DIFFERENTIABLE
        ],
    }
    return "\n\n".join(
        f"### {heading}\n\n" + "\n".join(f"- {line}" for line in lines)
        for heading, lines in said.items()
        if lines
    )


def untested(plan: Plan) -> list[str]:
    """A line for each name whose check is older than its source, or never was."""
    reasons = (CHANGED, UNCHECKED)
    return [
        f"{'untested':9} {line.home}: {line.reason}"
        for line in plan.functions()
        if line.status == "noGrad" and line.reason in reasons
    ]


def _statuses(ledger: Ledger) -> dict[str, tuple[str, str]]:
    return {f.function: (f.verdict, f.detail) for f in ledger if f.argument == "-"}


def _named(sentence: str, names: Iterable[str]) -> list[str]:
    """A sentence about names: all of them where they are few."""
    found = sorted(names)
    if not found:
        return []
    if len(found) > _NAMED:
        return [f"{sentence.format(f'{len(found)} functions and methods')}."]
    count = f"{len(found)} function{'s' * (len(found) != 1)}"
    return [f"{sentence.format(count)}: {', '.join(f'`{name}`' for name in found)}."]
