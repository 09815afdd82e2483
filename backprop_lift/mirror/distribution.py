"""The distribution around a mirror: what makes it installable. Pure."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Final

from .example import example_of
from .plan import Plan
from .render import MARK

__all__ = ["badge", "coverage", "distribution_files"]

_REASONS: Final = 200


def coverage(plan: Plan) -> tuple[int, int]:
    """How many functions and classes can be differentiated, of how many that deal in numbers."""
    counts = collections.Counter(line.status for line in plan.functions())
    good = counts["lifted"] + counts["composite"] + counts["locally constant"]
    return good, good + counts["noGrad"]


def distribution_files(plan: Plan, licences: dict[str, str], requirement: str) -> dict[str, str]:
    """The files of a distribution beside the package.

    Parameters
    ----------
    plan : Plan
    licences : dict
        Texts of the package's licences and notices, by file name.
    requirement : str
        On this library: ``backprop-lift>=0.1``.
    """
    good, count = coverage(plan)
    return {
        "pyproject.toml": _pyproject(plan, licences, requirement),
        "README.md": _readme(plan, good, count),
        "badge.svg": badge(good, count),
        **licences,
    }


def _pyproject(plan: Plan, licences: dict[str, str], requirement: str) -> str:
    needed = [requirement]
    if plan.distribution:
        needed.append(plan.distribution + (f">={plan.version}" if plan.version else ""))
    lines = [
        f"# {MARK} {plan.package}`. Delete this line, and the file is yours to edit.",
        "",
        "[build-system]",
        'requires = ["hatchling>=1.26"]',
        'build-backend = "hatchling.build"',
        "",
        "[project]",
        f'name = "{plan.name.replace("_", "-").replace(".", "-")}"',
        f'version = "{_release(plan.version)}"',
        f'description = "{plan.package} with gradients"',
        'readme = "README.md"',
        'requires-python = ">=3.11"',
        f"dependencies = [{', '.join(map(_quoted, needed))}]",
    ]
    if licences:
        lines.append(f"license-files = [{', '.join(map(_quoted, licences))}]")
    lines += ["", "[tool.hatch.build.targets.wheel]", f'packages = ["{plan.name}"]']
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _release(version: str) -> str:
    """A version that package indexes take: without what follows a plus."""
    return version.partition("+")[0] or "0"


def _readme(plan: Plan, good: int, count: int) -> str:
    return "\n".join(_readme_lines(plan, good, count)) + "\n"


def _readme_lines(plan: Plan, good: int, count: int) -> Iterator[str]:
    share = f"{good} of {count} functions and classes" if count else "No function"
    yield f"<!-- {MARK} {plan.package}`. Delete this line, and the file is yours to edit. -->"
    yield f"# {plan.name}"
    yield ""
    yield "![differentiable](badge.svg)"
    yield ""
    yield f"`{plan.package}` {plan.version}".rstrip() + ", with gradients."
    yield f"{share} can be differentiated, each gradient checked; `ledger.txt` in the package says how."
    if good < count:
        yield "The others run, and refuse to be differentiated with the reason."
    yield ""
    yield "```console"
    yield "$ pip install ."
    yield "```"
    yield ""
    yield from _example(plan)
    if plan.absent:
        yield "## Left out"
        yield ""
        yield from (f"- `{name}`: {reason}" for name, reason in plan.absent.items())
        yield ""
    yield from _refusals(plan)
    yield "## Licence"
    yield ""
    if plan.licence:
        yield f"The package is licensed under: {plan.licence}."
        yield "Its signatures and docstrings are in the stubs of this mirror, under the same terms."
    else:
        yield "No licence of the package was found, so this mirror copies none of its docstrings."


def _example(plan: Plan) -> Iterator[str]:
    source = example_of(plan)
    if source:
        yield "```python"
        yield source
        yield "```"
        yield ""


def _refusals(plan: Plan) -> Iterator[str]:
    refused = [line for line in plan.functions() if line.status == "noGrad"]
    if not refused:
        return
    yield "## Not differentiable"
    yield ""
    by_reason: dict[str, list[str]] = {}
    for line in refused:
        by_reason.setdefault(line.reason, []).append(line.home.removeprefix(f"{plan.package}."))
    for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = ", ".join(f"`{name}`" for name in sorted(names)[:_REASONS])
        yield f"- {reason}: {shown}"
    yield ""


def badge(good: int, count: int) -> str:
    """A picture of the share that can be differentiated, for READMEs."""
    share = 100 * good // count if count else 0
    colour = "#2a7f4f" if share >= 90 else "#8a6d1d" if share >= 50 else "#a33a2c"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="146" height="20" role="img">
<title>differentiable: {share} % of {count} functions</title>
<rect width="146" height="20" rx="3" fill="#444"/>
<rect x="100" width="46" height="20" rx="3" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="50" y="14">differentiable</text>
<text x="123" y="14">{share} %</text>
</g>
</svg>
"""
