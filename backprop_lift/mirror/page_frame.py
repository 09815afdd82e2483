"""What the report for browsers looks like, and what it does when it is used."""

from __future__ import annotations

from typing import Final

__all__ = ["PAGE", "SCRIPT", "STYLE"]

STYLE: Final = """
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
#functions td > span { white-space: nowrap } #functions th:first-child { width: 21rem }
#functions details ul { margin: .3rem 0; padding-left: 1rem } summary { cursor: pointer }
tr.method th[scope=row] { padding-left: 1.6rem }
#functions thead th { position: sticky; top: 0; background: var(--paper); text-align: left }
button { all: unset; cursor: pointer } #functions button { font-weight: 600 }
#modules button:hover { text-decoration: underline }
button:focus-visible, summary:focus-visible, input:focus-visible { outline: 2px solid var(--lifted); outline-offset: 2px }
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
  #functions th:nth-child(n+3):nth-child(-n+5) { display: none } #modules th { width: 45% }
  #functions th:first-child { width: 45% } }
"""

SCRIPT: Final = """
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
for (const button of document.querySelectorAll("#modules button"))
  button.addEventListener("click", () => {
    search.value = button.textContent === search.value ? "" : button.textContent;
    filter();
  });
for (const button of document.querySelectorAll("#functions thead button"))
  button.addEventListener("click", () => sort(button.parentNode));
filter();
"""

PAGE: Final = """<!doctype html>
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
