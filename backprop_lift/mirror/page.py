"""The report for browsers: one page that needs nothing else. Pure."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from html import escape
from typing import Final

from .distribution import coverage
from .ledger import Finding, Ledger
from .page_frame import PAGE, SCRIPT, STYLE
from .plan import Line, Plan, Status

__all__ = ["page_text"]

_STATUSES: Final[tuple[Status, ...]] = (
    "lifted",
    "composite",
    "locally constant",
    "noGrad",
    "as it is",
)
_MEANINGS: Final = {
    "lifted": "by a rule",
    "composite": "by its own body",
    "locally constant": "its result does not vary",
    "noGrad": "runs, and refuses to be differentiated",
    "as it is": "nothing to differentiate",
}


def page_text(plan: Plan, ledger: Ledger) -> str:
    """The page: what is differentiable, how it was checked, what is refused and why.

    Parameters
    ----------
    plan : Plan
    ledger : Ledger
    """
    good, count = coverage(plan)
    title = f"{escape(plan.package)} {escape(plan.version)}".strip()
    share = f"{100 * good / count:.0f} %" if count else "0 %"
    lines = list(plan.functions())
    return PAGE.format(
        title=title,
        style=STYLE,
        script=SCRIPT,
        share=share,
        good=good,
        count=count,
        legend="\n".join(_legend(lines)),
        modules="\n".join(_modules(plan)),
        rows="\n".join(row for line in lines for row in _rows(line, ledger)),
        versions=escape(", ".join(f"{n} {v}".strip() for n, v in sorted(ledger.versions.items()))),
        absent="\n".join(_absent(plan)),
    )


def _legend(lines: list[Line]) -> Iterator[str]:
    counts = collections.Counter(line.status for line in lines)
    for status in _STATUSES:
        yield (
            f'<label class="{_class(status)}"><input type="checkbox" value="{status}" checked> '
            f"<b>{counts[status]}</b> {status} <small>{_MEANINGS[status]}</small></label>"
        )


def _class(status: str) -> str:
    return "s-" + status.replace(" ", "-")


def _modules(plan: Plan) -> Iterator[str]:
    """A bar for each module, as long as it has functions."""
    counts = [
        (page.module, collections.Counter(li.status for li in page.lines if _counts(li)))
        for page in plan.pages
    ]
    widest = max((sum(found.values()) for _, found in counts), default=0)
    for module, found in counts:
        total = sum(found.values())
        if not total:
            continue
        parts = "".join(
            f'<i class="{_class(status)}" style="width:{100 * found[status] / widest:.2f}%" '
            f'title="{found[status]} {status}"></i>'
            for status in _STATUSES
            if found[status]
        )
        good = sum(found[s] for s in ("lifted", "composite", "locally constant"))
        of = good + found["noGrad"]
        yield (
            f'<tr><th scope="row"><button>{escape(module)}</button></th><td class="bar">{parts}</td>'
            f"<td>{good}/{of}</td></tr>"
        )


def _counts(line: Line) -> bool:
    return line.kind in ("function", "class")


def _rows(line: Line, ledger: Ledger) -> Iterator[str]:
    """The row of a function, or those of a class and of its methods."""
    yield _row(line.home, line.status, line.reason, ledger)
    refused = dict(line.refused)
    for name in sorted({*line.methods, *refused}):
        home = f"{line.home}.{name}"
        found = ledger.of(home)["-"]
        status: Status = "noGrad" if name in refused else _status_of(found)
        yield _row(home, status, found.detail, ledger, kind="method")


def _status_of(whole: Finding) -> Status:
    for status in _STATUSES:
        if status == whole.verdict:
            return status
    return "noGrad"


def _row(home: str, status: Status, reason: str, ledger: Ledger, kind: str = "") -> str:
    found = dict(ledger.of(home))
    whole = found.pop("-", None)
    calls = whole.calls if whole is not None else 0
    errors = [f.error for f in found.values() if f.error != "-"]
    worst = max(errors, key=float) if errors else ""
    size = float(worst) if worst else 0.0
    return (
        f'<tr data-status="{status}" class="{kind}"><th scope="row">{_breakable(home)}</th>'
        f'<td><span class="{_class(status)}">{status}</span></td>'
        f"<td>{_arguments(found)}</td>"
        f'<td class="n" data-v="{calls}">{calls or ""}</td>'
        f'<td class="n" data-v="{size!r}">{worst}</td>'
        f"<td>{escape(reason)}</td></tr>"
    )


def _breakable(name: str) -> str:
    """A dotted name that lines may break after its dots and underscores."""
    return escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _arguments(found: dict[str, Finding]) -> str:
    """The arguments of a function; opened, with what was found of each."""
    if not found:
        return ""
    names = " ".join(
        f'<code class="v-{escape(f.verdict.replace(" ", "-"))}">{escape(name)}</code>'
        for name, f in found.items()
    )
    said = "".join(
        f"<li><code>{escape(n)}</code> {escape(_said(f))}</li>" for n, f in found.items()
    )
    return f"<details><summary>{names}</summary><ul>{said}</ul></details>"


def _said(finding: Finding) -> str:
    calls = f"{finding.calls} call{'s' * (finding.calls != 1)}"
    error = f", by {finding.oracle}, worst error {finding.error}" * (finding.error != "-")
    return f"{finding.verdict} in {calls}{error}" + (f": {finding.detail}" * bool(finding.detail))


def _absent(plan: Plan) -> Iterator[str]:
    if plan.absent:
        yield "<h2>Modules that could not be imported</h2><ul>"
        for name, reason in plan.absent.items():
            yield f"<li><code>{escape(name)}</code> {escape(reason)}</li>"
        yield "</ul>"
