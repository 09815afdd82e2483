"""The report in the terminal: progress, and tables at the end."""

from __future__ import annotations

import collections
import contextlib
import importlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ..errors import MissingExtraError
from .findings import Findings
from .ledger import Finding, has_failed, verdict_of
from .plan import Plan
from .work import Progress

__all__ = ["VERDICTS", "by_function", "needs_rich", "progress", "show", "show_findings"]

VERDICTS: Final = ("right", "wrong", "kink", "edge", "noise", "no evidence")

_STATUSES: Final = ("lifted", "composite", "locally constant", "noGrad", "as it is")
_REASONS: Final = 8
_LONGEST: Final = 110
_REFRESH: Final = 0.1
# Of a report that goes to a file, where nobody wants lines to be broken.
_WIDE: Final = 200


def needs_rich() -> None:
    """Refuse to go on where the terminal's library is not installed.

    Raises
    ------
    MissingExtraError
    """
    try:
        importlib.import_module("rich")
    except ImportError:
        raise MissingExtraError(
            "The command line needs rich, which is not installed.",
            "Install the extra: pip install 'backprop-lift[cli]'",
        ) from None


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A bar that says what is being done; nothing where the output is no terminal."""
    if not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    what = TextColumn("{task.fields[what]}", markup=False)
    columns = (BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), what)
    # Refreshed by hand: this process forks, and a thread of its own would be left behind.
    with Bar(*columns, console=_console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=None, what="")
        last = 0.0

        def say(what: str, done: int, of: int) -> None:
            nonlocal last
            if time.monotonic() - last > _REFRESH:
                bar.update(task, completed=done, total=of or None, what=what)
                bar.refresh()
                last = time.monotonic()

        yield say


def show(plan: Plan) -> None:
    """Print how much of a package can be differentiated, and what stands in the way of the rest."""
    rows = []
    for page in plan.pages:
        counts = collections.Counter(
            line.status for line in page.lines if line.kind in ("function", "class")
        )
        if counts:
            rows.append((page.module, [counts[status] for status in _STATUSES]))
    totals = collections.Counter(line.status for line in plan.functions())
    rows.append(("all", [totals[status] for status in _STATUSES]))
    _table(["module", *_STATUSES], rows)
    _reasons("Why not:", (line.reason for line in plan.functions() if line.status == "noGrad"))
    print()


def by_function(found: Findings) -> dict[str, list[Finding]]:
    """The findings of a run by function, methods too, in the order of their names."""
    functions: dict[str, list[Finding]] = {}
    for finding in found.ledger:
        functions.setdefault(finding.function, []).append(finding)
    return functions


def show_findings(found: Findings) -> None:
    """Print what checks found: a table of verdicts, what is wrong, and what is not known."""
    modules = {module.name for module in found.survey.modules}
    counts: dict[str, collections.Counter[str]] = {}
    failed: list[Finding] = []
    unknown: list[str] = []
    functions = by_function(found)
    for name, findings in functions.items():
        verdict = verdict_of(findings)
        module = name
        while module not in modules and "." in module:
            module = module.rpartition(".")[0]
        counts.setdefault(module, collections.Counter())[verdict] += 1
        whole = next((f for f in findings if f.argument == "-"), findings[0])
        if has_failed(findings):
            failed.append(whole)
        elif verdict == "no evidence":
            unknown.append(whole.detail)
    rows = [(module, [counts[module][v] for v in VERDICTS]) for module in sorted(counts)]
    total = sum(counts.values(), collections.Counter())
    _table(["module", *VERDICTS], [*rows, ("all", [total[verdict] for verdict in VERDICTS])])
    if failed:
        print("\nWrong:")
        for whole in failed:
            print(f"  {whole.function}: {whole.detail}")
    _reasons("No evidence:", unknown)
    _show_mutations(found)
    print()


def _show_mutations(found: Findings) -> None:
    mutations = {
        name: one.mutation for name, one in found.fresh.items() if one.mutation is not None
    }
    if not mutations:
        return
    total = sum(m.total for m in mutations.values())
    caught = sum(m.caught for m in mutations.values())
    print(f"\nBroken on purpose: {caught} of {total} mutants of {len(mutations)} functions caught.")
    for name, mutation in sorted(mutations.items()):
        for said, mutants in (
            ("missed by the checker", mutation.missed),
            ("no sample tells", mutation.untold),
        ):
            for mutant in mutants:
                print(f"  {name}: {said}: {mutant}")
    harmless = sum(len(m.harmless) for m in mutations.values())
    if harmless:
        print(f"  {harmless} more make no difference to any gradient.")


def _reasons(head: str, reasons: Iterable[str]) -> None:
    counts = collections.Counter(reasons)
    if not counts:
        return
    print(f"\n{head}")
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    for reason, count in ordered[:_REASONS]:
        print(f"{count:6}  {reason[:_LONGEST]}")
    if len(ordered) > _REASONS:
        print(f"        and {len(ordered) - _REASONS} more, in the ledger")


def _table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[int]]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="")
    for column, name in enumerate(head):
        table.add_column(name, justify="right" if column else "left", no_wrap=True)
    for name, counts in rows:
        table.add_row(name, *(str(count or "") for count in counts))
    console = _console()
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))
