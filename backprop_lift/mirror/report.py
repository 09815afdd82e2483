"""The report in the terminal: progress, and a table at the end."""

from __future__ import annotations

import collections
import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from .ledger import Finding, Ledger
from .plan import Plan
from .work import Progress

__all__ = ["explain", "progress", "show"]

_STATUSES: Final = ("lifted", "composite", "locally constant", "noGrad", "as it is")
_REASONS: Final = 8


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A line that says what is being done; nothing where the output is no terminal."""
    shown = sys.stderr.isatty()

    def say(what: str, done: int, of: int) -> None:
        if not shown:
            return
        width = shutil.get_terminal_size().columns - 1
        line = f"{done:>{len(str(of))}}/{of} {what}" if of > 1 else what
        sys.stderr.write("\r" + line[:width].ljust(width))
        sys.stderr.flush()

    try:
        yield say
    finally:
        if shown:
            sys.stderr.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            sys.stderr.flush()


def show(plan: Plan, ledger: Ledger) -> None:
    """Print how much of a package can be differentiated, and what stands in the way of the rest."""
    rows = []
    for page in plan.pages:
        counts = collections.Counter(
            line.status for line in page.lines if line.kind in ("function", "class")
        )
        if counts:
            rows.append([page.module, *(str(counts[status] or "") for status in _STATUSES)])
    totals = collections.Counter(line.status for line in plan.functions())
    rows.append(["all", *(str(totals[status] or "") for status in _STATUSES)])
    _table(["module", *_STATUSES], rows)
    reasons = collections.Counter(
        line.reason for line in plan.functions() if line.status == "noGrad"
    )
    if reasons:
        print("\nWhy not:")
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[
            :_REASONS
        ]:
            print(f"{count:6}  {reason[:110]}")
        if len(reasons) > _REASONS:
            print(f"        and {len(reasons) - _REASONS} more, in the ledger")
    print()


def _table(head: list[str], rows: Sequence[list[str]]) -> None:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = [
            row[0].ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells).rstrip())


def explain(findings: Sequence[Finding]) -> None:
    """Print what the ledger says of a function."""
    for function in dict.fromkeys(finding.function for finding in findings):
        here = {f.argument: f for f in findings if f.function == function}
        whole = here.pop("-", None)
        if whole is not None:
            print(f"{function}: {whole.verdict}; {whole.detail}")
            if whole.options != "-":
                print(f"  options seen: {whole.options}")
        width = max(map(len, here), default=0)
        for argument, finding in here.items():
            calls = f"{finding.calls} call{'s' * (finding.calls != 1)}"
            print(
                f"  {argument:{width}}  {finding.verdict}, {calls}, {finding.oracle}, "
                f"worst error {finding.error}{'; ' * bool(finding.detail)}{finding.detail}"
            )
