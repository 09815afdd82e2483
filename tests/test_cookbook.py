"""The README and the cookbook: their Python runs, and their commands are known."""

import re
import shlex
import sys
import types
import warnings
from pathlib import Path

import pytest

from backprop_lift.mirror.command import _parser

CHECKOUT = Path(__file__).parent.parent
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "cookbook").glob("*.md"))]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a page in one language, each with the line that it starts on."""
    text = page.read_text(encoding="utf-8")
    pattern = rf"^```{language}\n(.*?)^```$"
    return [
        (text.count("\n", 0, found.start(1)), found.group(1))
        for found in re.finditer(pattern, text, re.M | re.S)
    ]


@each_page
def test_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # a module of its own, for the classes that the page defines
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    for line, source in blocks(page, "python"):
        # blank lines in front, so that a failure shows the line of the page
        code = compile("\n" * line + source, str(page), "exec")
        exec(code, vars(module))  # noqa: S102 - our own pages


@each_page
def test_commands_of_the_page_are_known(page):
    for _, source in blocks(page, "console"):
        for command in re.findall(r"\bbackprop-lift (?:mirror|check|why)\b[^&|\n]*", source):
            words = shlex.split(command, comments=True)[1:]
            with warnings.catch_warnings():
                assert _parser().parse_args(words), command


@each_page
def test_links_of_the_page_lead_somewhere(page):
    prose = re.sub(
        r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", prose)
    dead = [
        link for link in links if "://" not in link and not (page.parent / link).resolve().exists()
    ]

    assert dead == []


def test_index_lists_every_page():
    index = (CHECKOUT / "cookbook" / "README.md").read_text(encoding="utf-8")

    missing = [page.name for page in PAGES if page.stem != "README" and page.name not in index]

    assert missing == []


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem != "README"], ids=lambda p: p.stem)
def test_task_of_the_page_is_its_title(page):
    first = page.read_text(encoding="utf-8").splitlines()[0]

    assert first.startswith("# ")
