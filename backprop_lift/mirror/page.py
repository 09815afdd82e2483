"""The report for browsers: one page that needs nothing else. Pure."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from html import escape
from typing import Final

from .distribution import coverage
from .ledger import Finding, Ledger
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
    return _PAGE.format(
        title=title,
        style=_STYLE,
        script=_SCRIPT,
        share=share,
        good=good,
        count=count,
        legend="\n".join(_legend(lines)),
        modules="\n".join(_modules(plan)),
        rows="\n".join(_row(line, plan, ledger) for line in lines),
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
            f'<tr><th scope="row">{escape(module)}</th><td class="bar">{parts}</td>'
            f"<td>{good}/{of}</td></tr>"
        )


def _counts(line: Line) -> bool:
    return line.kind in ("function", "class")


def _row(line: Line, plan: Plan, ledger: Ledger) -> str:
    found = ledger.of(line.home)
    whole = found.get("-")
    calls = whole.calls if whole is not None else 0
    errors = [f.error for f in found.values() if f.error != "-"]
    worst = max(errors, key=float) if errors else ""
    arguments = " ".join(
        f'<code class="v-{escape(f.verdict.replace(" ", "-"))}" title="{escape(_said(f))}">'
        f"{escape(name)}</code>"
        for name, f in found.items()
        if name != "-"
    )
    size = float(worst) if worst else 0.0
    return (
        f'<tr data-status="{line.status}"><th scope="row">{escape(line.home)}</th>'
        f'<td><span class="{_class(line.status)}">{line.status}</span></td>'
        f"<td>{arguments}</td>"
        f'<td class="n" data-v="{calls}">{calls or ""}</td>'
        f'<td class="n" data-v="{size!r}">{worst}</td>'
        f"<td>{escape(line.reason)}</td></tr>"
    )


def _said(finding: Finding) -> str:
    calls = f"{finding.calls} call{'s' * (finding.calls != 1)}"
    return f"{finding.verdict} in {calls}" + (f": {finding.detail}" if finding.detail else "")


def _absent(plan: Plan) -> Iterator[str]:
    if plan.absent:
        yield "<h2>Modules that could not be imported</h2><ul>"
        for name, reason in plan.absent.items():
            yield f"<li><code>{escape(name)}</code> {escape(reason)}</li>"
        yield "</ul>"


_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2126; --paper: #fff; --line: #d9dde2; --soft: #f4f5f7;
  --lifted: #2458a6; --composite: #2a7f4f; --constant: #6a5a9b; --refused: #b3452f; --same: #8b929b }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --paper: #16191d; --line: #343a41;
  --soft: #1f2429; --lifted: #7aa7ec; --composite: #66c08d; --constant: #b0a1e0;
  --refused: #ee8b75; --same: #88909a } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif }
h1 { margin: 0 0 .25rem; font-size: 1.7rem } h2 { margin: 2.25rem 0 .75rem; font-size: 1.15rem }
p { margin: .25rem 0 } small { opacity: .7 }
code, th[scope=row] { font: 13px/1.4 ui-monospace, monospace; font-weight: 400; text-align: left }
.share { font-size: 2.6rem; font-weight: 650; line-height: 1.1 }
table { width: 100%; border-collapse: collapse } td, th { padding: .3rem .5rem; vertical-align: top }
#functions tr > * { border-bottom: 1px solid var(--line) }
#functions td, #functions th[scope=row] { overflow-wrap: anywhere }
#functions thead th { position: sticky; top: 0; background: var(--paper); text-align: left }
#functions button { all: unset; cursor: pointer; font-weight: 600 }
#functions button:focus-visible, input:focus-visible { outline: 2px solid var(--lifted); outline-offset: 2px }
th[aria-sort=ascending] button::after { content: " \\2191" }
th[aria-sort=descending] button::after { content: " \\2193" }
.n { text-align: right; white-space: nowrap } #modules { font-size: 13px }
#modules th { width: 18rem; overflow-wrap: anywhere }
#modules td:last-child { width: 5rem; text-align: right }
.bar { white-space: nowrap; font-size: 0 } .bar i { display: inline-block; height: 1rem }
.bar i:first-child { border-radius: 3px 0 0 3px } .bar i:last-child { border-radius: 0 3px 3px 0 }
.legend { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; margin: 1rem 0 }
input[type=search] { width: 100%; padding: .55rem .7rem; font: inherit; color: inherit;
  background: var(--soft); border: 1px solid var(--line); border-radius: 6px }
.s-lifted { color: var(--lifted) } .s-composite { color: var(--composite) }
.s-locally-constant { color: var(--constant) } .s-noGrad { color: var(--refused) }
.s-as-it-is { color: var(--same) } i.s-lifted { background: var(--lifted) }
i.s-composite { background: var(--composite) } i.s-locally-constant { background: var(--constant) }
i.s-noGrad { background: var(--refused) } i.s-as-it-is { background: var(--same) }
code.v-wrong, code.v-refuted { color: var(--refused); text-decoration: line-through }
code.v-flat, code.v-noise { opacity: .65 } [hidden] { display: none }
@media (max-width: 44rem) { #functions td:nth-child(n+3):nth-child(-n+5),
  #functions th:nth-child(n+3):nth-child(-n+5) { display: none } #modules th { width: 45% } }
"""

_SCRIPT: Final = """
const body = document.querySelector("#functions tbody"), rows = [...body.rows];
const search = document.querySelector("input[type=search]");
const boxes = [...document.querySelectorAll(".legend input")];
const shown = document.querySelector("#shown");
const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const wanted = new Set(boxes.filter(box => box.checked).map(box => box.value));
  let count = 0;
  for (const row of rows) {
    const text = texts.get(row);
    row.hidden = !wanted.has(row.dataset.status) || !words.every(word => text.includes(word));
    count += !row.hidden;
  }
  shown.textContent = `${count} of ${rows.length}`;
}
function sort(head) {
  const column = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const order = (a, b) => (a.cells[column].dataset.v === undefined
    ? key(a).localeCompare(key(b)) : key(a) - key(b));
  rows.sort((a, b) => up ? order(a, b) : order(b, a));
  body.append(...rows);
}
search.addEventListener("input", filter);
for (const box of boxes) box.addEventListener("change", filter);
for (const button of document.querySelectorAll("#functions thead button"))
  button.addEventListener("click", () => sort(button.parentNode));
filter();
"""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: what can be differentiated</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p><span class="share">{share}</span></p>
<p>{good} of {count} functions and classes that deal in numbers can be differentiated.</p>
<p><small>Checked with {versions}.</small></p>
<h2>By module</h2>
<table id="modules"><tbody>
{modules}
</tbody></table>
<h2>Functions and classes <small id="shown"></small></h2>
<input type="search" placeholder="Name, argument or reason" aria-label="Search">
<div class="legend">
{legend}
</div>
<table id="functions">
<thead><tr>
<th scope="col"><button>Name</button></th>
<th scope="col"><button>Status</button></th>
<th scope="col"><button>Arguments</button></th>
<th scope="col" class="n"><button>Calls</button></th>
<th scope="col" class="n"><button>Worst error</button></th>
<th scope="col"><button>Why</button></th>
</tr></thead>
<tbody>
{rows}
</tbody>
</table>
{absent}
<script>{script}</script>
</body>
</html>
"""
