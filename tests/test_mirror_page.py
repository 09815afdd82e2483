"""The report for browsers, read as text and looked at in a real browser."""

import html
import json
import re
import shutil
import subprocess

import pytest

from backprop_lift.mirror.ledger import Finding, Ledger
from backprop_lift.mirror.page import page_text
from backprop_lift.mirror.plan import Line, Page, Plan

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def _function(name, status, reason="right in 3 calls", **more):
    return Line(name.rpartition(".")[2], "function", name, status, reason=reason, **more)


@pytest.fixture(scope="module")
def plan():
    solver = Line(
        "Solver", "class", "steam.plant.Solver", "composite", reason="1 of 2 methods right",
        methods=("step",), refused=(("plot", "it draws <b>pictures</b>"),),
    )  # fmt: skip
    pages = [
        ("steam", [_function("steam.boil", "composite"), _function("steam.sin", "lifted")]),
        (
            "steam.plant",
            [
                _function("steam.plant.turn", "noGrad", "float(v) would drop the gradient."),
                _function("steam.plant.floor", "locally constant", "does not vary in 3 calls"),
                _function("steam.plant.load_of_a_turbine", "composite"),
                solver,
                Line("Kind", "class", "steam.plant.Kind", "as it is", reason="an enumeration"),
            ],
        ),
    ]
    made = tuple(Page(name, tuple(lines), (), (), (), False, "") for name, lines in pages)
    return Plan("steam", "steam", "2.0", "steam_bp", "MIT", made, {"steam.gui": "no <screen>"})


@pytest.fixture(scope="module")
def ledger():
    return Ledger(
        [
            Finding("steam.boil", "-", "composite", calls=3),
            Finding("steam.boil", "heat", "right", "differences", "1e-09", 3),
            Finding("steam.boil", "pressure", "flat", "differences", "-", 2),
            Finding("steam.plant.load_of_a_turbine", "-", "composite", calls=12),
            Finding("steam.plant.load_of_a_turbine", "steam", "right", "differences", "1e-06", 12),
            Finding("steam.plant.Solver", "-", "composite", calls=1),
            Finding("steam.plant.Solver.step", "-", "composite", calls=2, detail="right"),
            Finding("steam.plant.Solver.plot", "-", "noGrad", detail="it draws <b>pictures</b>"),
        ],
        {"steam": "2.0", "numpy": "2.4"},
    )


def test_page_needs_nothing_but_itself(plan, ledger):
    text = page_text(plan, ledger)

    assert not re.search(r"(src|href)\s*=|@import|url\(|https?://|fetch\(", text)


def test_page_shows_what_packages_say_as_text(plan, ledger):
    text = page_text(plan, ledger)

    assert "it draws &lt;b&gt;pictures&lt;/b&gt;" in text
    assert "no &lt;screen&gt;" in text


def test_page_is_the_same_for_the_same_plan(plan, ledger):
    assert page_text(plan, ledger) == page_text(plan, ledger)


def test_page_counts_what_can_be_differentiated(plan, ledger):
    text = page_text(plan, ledger)

    assert '<span class="share">83 %</span>' in text
    assert "5 of 6 functions and classes that deal in numbers can be differentiated." in text


# --- in a browser -------------------------------------------------------------------------------

# What a person does, one thing after the other, and what the person then sees.
SCRIPT = """
const visible = node => node.getClientRects().length > 0;
const rows = () => [...document.querySelectorAll("#functions tbody tr")].filter(visible);
const names = () => rows().map(row => row.cells[0].textContent);
const search = document.querySelector("input[type=search]");
const type = text => { search.value = text; search.dispatchEvent(new Event("input")); };
const head = text => [...document.querySelectorAll("#functions thead button")]
  .find(button => button.textContent === text);
const bars = [...document.querySelectorAll("#modules .bar")].map(bar =>
  [...bar.children].map(part => Math.round(part.getBoundingClientRect().width)));
const seen = { errors: failures, bars, title: document.title, all: names() };
seen.requests = performance.getEntriesByType("resource").length;
seen.shown = document.querySelector("#shown").textContent;
type("turbine"); seen.found = names();
type("DROP the"); seen.reason = names(); seen.some = document.querySelector("#shown").textContent;
type("pressure"); seen.argument = names();
type("");
head("Worst error").click(); seen.ascending = names();
head("Worst error").click(); seen.descending = names();
seen.sorted = head("Worst error").parentNode.getAttribute("aria-sort");
head("Name").click(); seen.by_name = names();
const box = document.querySelector(".legend input[value=noGrad]");
box.click(); seen.without = names(); box.click();
document.querySelector("#modules tr:nth-child(2) button").click(); seen.module = names();
type("steam.boil");
const details = rows()[0].querySelector("details");
seen.closed = !details.querySelector("li").checkVisibility();
details.querySelector("summary").click();
seen.opened = [...details.querySelectorAll("li")].map(item => item.textContent);
const colours = [...document.querySelectorAll("#modules .bar i")]
  .map(part => getComputedStyle(part).backgroundColor);
seen.colours = new Set(colours).size;
const note = document.createElement("pre");
note.id = "seen"; note.textContent = JSON.stringify(seen);
document.body.append(note);
"""


@pytest.fixture(scope="module")
def seen(plan, ledger, tmp_path_factory):
    """What a browser shows of the page, as `SCRIPT` tells it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("there is no browser here")
    listening = "<script>const failures = []; onerror = text => failures.push(text);</script>"
    text = page_text(plan, ledger).replace("<style>", f"{listening}<style>", 1)
    folder = tmp_path_factory.mktemp("page")
    page = folder / "page.html"
    # In a block of its own: the page has names such as `rows` too.
    text = text.replace("</body>", f"<script>{{ {SCRIPT} }}</script></body>")
    page.write_text(text, encoding="utf-8")
    command = [
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1000",
        f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=3000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    note = re.search(r'<pre id="seen">(.*?)</pre>', found.stdout, re.S)
    assert note is not None, found.stderr[-2000:]
    return json.loads(html.unescape(note.group(1)))


def test_page_works_in_a_browser(seen):
    everything = [
        "steam.boil", "steam.sin", "steam.plant.turn", "steam.plant.floor",
        "steam.plant.load_of_a_turbine", "steam.plant.Solver", "steam.plant.Solver.plot",
        "steam.plant.Solver.step", "steam.plant.Kind",
    ]  # fmt: skip

    assert seen["errors"] == []
    assert seen["requests"] == 0
    assert seen["title"] == "steam 2.0: what can be differentiated"
    assert (seen["all"], seen["shown"]) == (everything, "9 of 9")
    # Searched by name, by reason, by argument.
    assert seen["found"] == ["steam.plant.load_of_a_turbine"]
    assert (seen["reason"], seen["some"]) == (["steam.plant.turn"], "1 of 9")
    assert seen["argument"] == ["steam.boil"]
    # Sorted by a column of numbers, either way, and by name.
    assert seen["ascending"][-2:] == ["steam.boil", "steam.plant.load_of_a_turbine"]
    assert seen["descending"][:2] == ["steam.plant.load_of_a_turbine", "steam.boil"]
    assert seen["sorted"] == "descending"
    assert sorted(seen["by_name"], key=str.lower) == seen["by_name"]
    # By status, and by module.
    assert set(seen["all"]) - set(seen["without"]) == {
        "steam.plant.turn",
        "steam.plant.Solver.plot",
    }
    assert set(seen["module"]) == {name for name in everything if name.startswith("steam.plant")}


def test_page_pictures_the_coverage_of_each_module(seen):
    (lifted, composite), (more, constant, refused, same) = seen["bars"]

    assert lifted == composite == constant == refused == same
    assert more == pytest.approx(2 * lifted, abs=2)
    assert lifted > 50
    assert seen["colours"] == 5


def test_page_tells_on_demand_how_an_argument_was_checked(seen):
    assert seen["closed"]
    assert seen["opened"] == [
        "heat right in 3 calls, by differences, worst error 1e-09",
        "pressure flat in 2 calls",
    ]
