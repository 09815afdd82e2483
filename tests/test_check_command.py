"""The command ``check`` by its life: first run, nothing changed, changed, interrupted, broken."""

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ET

import pytest

from backprop_lift.__main__ import main
from backprop_lift.mirror.ledger import Finding, Ledger, has_failed, verdict_of
from backprop_lift.mirror.store import Store

_count = itertools.count()

PLANTS = '''
    """Plants."""

    import math

    from backprop_lift import lifted

    def growth(t, rate=0.5):
        """
        >>> growth(2.0)
        2.718281828459045
        """
        return math.exp(rate * t)

    @lifted(derivative=lambda x: 2.0 * x{mistake})
    def area(x):
        """
        >>> area(3.0)
        9.0
        """
        return x * x

    def name_of(n):
        """
        >>> name_of(1)
        'fern'
        """
        return ["moss", "fern"][n]

    def lost(path):
        return open(path).read()
'''


SQUARE = """
    from backprop_lift import lifted

    @lifted(derivative=lambda x: 3.0 * x)
    def square(x):
        '''
        >>> square("nothing")
        0.0
        '''
        return 0.0 if x == "nothing" else x * x
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that writes a package of plants to disk, and gives its name."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def written(text=PLANTS, **changes):
        name = f"plants{next(_count)}"
        text = textwrap.dedent(text).lstrip()
        for old, new in {"mistake": "", **changes}.items():
            text = text.replace("{" + old + "}", new)
        (tmp_path / f"{name}.py").write_text(text)
        return name

    yield written
    for name in set(sys.modules) - before:
        if name.startswith("plants"):
            del sys.modules[name]


def findings(path):
    return json.loads(path.read_text())["functions"]


def test_check_says_what_it_found_of_each_function(package, tmp_path, capsys):
    name = package()

    assert main(["check", name, "--json", "found.json"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("module ")
    assert f"{name}: 4 functions and classes, 4 checked in this run" in said
    found = findings(tmp_path / "found.json")
    assert {f.rpartition(".")[2]: v["verdict"] for f, v in found.items()} == {
        "growth": "right",
        "area": "right",
        "name_of": "no evidence",
        "lost": "no evidence",
    }
    assert found[f"{name}.growth"]["arguments"]["rate"]["verdict"] == "right"


def test_check_fails_where_a_rule_is_wrong(package, tmp_path, capsys):
    name = package(mistake=" + 1.0")

    assert main(["check", name, "--json", "found.json", "--junit", "found.xml"]) == 1

    assert f"{name}.area: its check failed" in capsys.readouterr().out
    area = findings(tmp_path / "found.json")[f"{name}.area"]
    assert (area["verdict"], area["failed"]) == ("wrong", True)
    cases = {c.get("name"): c for c in ET.parse(tmp_path / "found.xml").iter("testcase")}
    assert cases["area"].find("failure") is not None
    assert cases["area[x]"].find("failure").get("type") == "wrong"
    assert cases["growth"].find("failure") is None
    assert cases["lost"].find("skipped") is not None


def test_a_second_run_checks_nothing(package, tmp_path, capsys):
    name = package()
    main(["check", name])
    main(["check", name, "--json", "found.json"])

    assert json.loads((tmp_path / "found.json").read_text())["checked"] == 0


def test_a_wrong_function_stays_wrong_in_a_second_run(package, capsys):
    name = package(mistake=" + 1.0")

    assert [main(["check", name]) for _ in range(2)] == [1, 1]


def test_a_changed_rule_is_checked_again(package, tmp_path, capsys):
    name = package()
    assert main(["check", name]) == 0
    source = tmp_path / f"{name}.py"
    source.write_text(source.read_text().replace("2.0 * x)", "3.0 * x)"))
    del sys.modules[name]

    assert main(["check", name, "--json", "found.json"]) == 1

    assert json.loads((tmp_path / "found.json").read_text())["checked"] == 1


def test_any_number_of_jobs_finds_the_same(package, capsys):
    name = package()
    ledgers = []
    for jobs in ("1", "3"):
        main(["check", name, "--recheck", "--jobs", jobs])
        ledgers.append(Store(name).ledger.read_text())

    assert ledgers[0] == ledgers[1]


def test_function_names_and_patterns_choose_what_is_checked(package, tmp_path, capsys):
    name = package()

    assert main(["check", name, "--function", "gr*", "--json", "found.json"]) == 0

    assert set(findings(tmp_path / "found.json")) == {f"{name}.growth"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["check", "no_such_package"], "no_such_package is not installed here."),
        (["check", "{name}", "--function", "grwth"], "Did you mean growth"),
        (["check", "{name}", "--samples", "none.jsonl"], "none.jsonl cannot be read"),
        (["check", "{name}", "--samples", "empty.jsonl"], "empty.jsonl is no samples file"),
        (["check", "{name}", "--json", "no/such/folder.json"], "folder.json cannot be written"),
        (["check", "{name}", "--before", "1 / 0"], "ZeroDivisionError"),
        (["check", "{name}", "--registry", "no_such_module"], "cannot be imported"),
        (["check", "{name}", "--record", "true"], "called no function of"),
        (["why", "{name}.grwth"], "There is no function"),
        (["why", "no_such_package.f"], "no_such_package cannot be imported"),
        (["why", "{name}.growth"], "was not checked yet"),
    ],
)
def test_bad_input_is_refused_in_one_line(package, tmp_path, capsys, given, said):
    name = package()
    (tmp_path / "empty.jsonl").write_text("")

    status = main([word.replace("{name}", name) for word in given])

    error = capsys.readouterr().err
    assert status == 2
    assert said in error
    assert error.startswith("backprop-lift: ")
    assert error.count("\n") == 1


def test_a_missing_extra_is_named(package, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)

    assert main(["check", package()]) == 2

    assert "pip install 'backprop-lift[cli]'" in capsys.readouterr().err


def test_a_package_that_prints_warns_and_calls_home_at_import_is_checked(package, capsys):
    name = package(
        """
        import socket, sys, warnings
        print("hello")
        print("hello", file=sys.stderr)
        warnings.warn("old")
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=0.1)
        except OSError:
            pass

        def twice(x):
            '''
            >>> twice(1.0)
            2.0
            '''
            return 2 * x
        """
    )

    assert main(["check", name]) == 0

    said = capsys.readouterr()
    assert "hello" not in said.out + said.err
    assert said.err == ""


def test_a_function_that_never_ends_costs_only_its_own_check(package, tmp_path, capsys):
    name = package(
        """
        import os

        def last(x):
            '''
            >>> last(1.0)
            1.0
            '''
            if x != 1.0:
                os.kill(os.getpid(), 9)
            return x

        def twice(x):
            '''
            >>> twice(1.0)
            2.0
            '''
            return 2 * x
        """
    )

    main(["check", name, "--json", "found.json"])

    found = findings(tmp_path / "found.json")
    assert "ended the interpreter" in found[f"{name}.last"]["detail"]
    assert found[f"{name}.twice"]["verdict"] == "right"


def test_a_killed_run_keeps_what_it_found(package, tmp_path):
    slow = "\n".join(
        f"def f{k}(x):\n    '''\n    >>> f{k}(1.0)\n    '''\n    time.sleep(0.02)\n    return x * {k + 1}.0\n"
        for k in range(12)
    )
    name = package(f"import time\n\n{slow}")
    command = [sys.executable, "-m", "backprop_lift", "check", name, "--jobs", "1"]
    store = Store(name, tmp_path)

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(store.read()) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    kept = {finding.function for finding in store.read()}
    assert 3 <= len(kept) < 12

    again = subprocess.run(
        [*command, "--json", "found.json"], cwd=tmp_path, capture_output=True, check=True
    )
    assert again.returncode == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found["functions"]) == 12
    assert found["checked"] == 12 - len(kept)


def test_an_interrupted_run_ends_in_one_line(package, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("backprop_lift.mirror.findings.work_on", interrupted)

    assert main(["check", package()]) == 130
    assert capsys.readouterr().err.startswith("backprop-lift: interrupted; what was found is kept")


def test_a_broken_ledger_costs_only_its_broken_lines(package, tmp_path, capsys):
    name = package()
    main(["check", name])
    path = Store(name).ledger
    lines = path.read_text().splitlines()
    broken = ["<<<<<<< ours" if line.startswith(f"{name}.growth\t-") else line for line in lines]
    path.write_text("\n".join(broken) + "\n")

    assert main(["check", name, "--json", "found.json"]) == 0

    assert json.loads((tmp_path / "found.json").read_text())["checked"] == 1
    assert path.read_text().splitlines() == lines


def test_a_folder_that_cannot_be_written_is_said_and_costs_nothing_else(package, tmp_path, capsys):
    name = package()
    (tmp_path / ".backprop-lift").write_text("a file in the way")

    assert main(["check", name]) == 0

    said = capsys.readouterr()
    assert "cannot be written, and nothing is kept there" in said.err
    assert "right" in said.out


def test_new_samples_are_checked_on_though_the_function_was_right(package, tmp_path, capsys):
    name = package(
        """
        from backprop_lift import lifted

        @lifted(derivative=lambda x: 2.0 if x < 10 else 5.0)
        def bent(x):
            '''
            >>> bent(1.0)
            2.0
            '''
            return 2.0 * x if x < 10 else 20.0 + 4.0 * (x - 10)
        """
    )
    (tmp_path / "more.jsonl").write_text(
        f'{{"backprop_lift samples": 1}}\n{{"function": "{name}.bent", "args": [30.0]}}\n'
    )

    assert main(["check", name]) == 0
    assert main(["check", name, "--samples", "more.jsonl"]) == 1
    assert main(["check", name]) == 1


def test_mutate_tells_which_mistakes_no_sample_catches(package, tmp_path, capsys):
    name = package()

    assert main(["check", name, "--function", "area", "--mutate", "--json", "found.json"]) == 0

    mutation = findings(tmp_path / "found.json")[f"{name}.area"]["mutation"]
    assert mutation["total"] > 3
    assert (
        mutation["caught"] + len(mutation["untold"]) + len(mutation["harmless"])
        == (mutation["total"])
    )
    assert "Broken on purpose" in capsys.readouterr().out


def test_why_tells_of_a_check_before_there_is_a_mirror(package, capsys):
    name = package()
    main(["check", name])
    capsys.readouterr()

    assert main(["why", f"{name}.growth"]) == 0

    said = capsys.readouterr().out
    for words in (f"{name}.py:7", "growth(2.0)", "doctest", "rate", "as it was checked", "next"):
        assert words in said


def test_why_shows_a_wrong_gradient_again(package, capsys):
    name = package(mistake=" + 1.0")
    main(["check", name])
    capsys.readouterr()

    assert main(["why", f"{name}.area"]) == 0

    said = capsys.readouterr().out
    for words in ("its check failed", "got 7", "expected 6", "correct the rule at", "print(check"):
        assert words in said


def test_why_shows_a_failure_again_that_no_recorded_call_has(package, tmp_path, capsys):
    name = package(SQUARE)
    main(["check", name])
    capsys.readouterr()

    assert main(["why", f"{name}.square"]) == 0

    said = capsys.readouterr().out
    assert "square('nothing')" in said
    script = said.partition("shows it again:\n")[2].partition("  next ")[0]
    again = [sys.executable, "-c", textwrap.dedent(script)]
    shown = subprocess.run(again, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert shown.startswith(f"{name}.square: wrong")


def test_why_tells_of_a_rule_of_the_library(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["why", "numpy.sin"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("numpy.sin: lifted; right in ")
    assert "numpy_elementwise.py:" in said


def test_verdict_of_a_function_is_that_of_what_failed():
    whole = Finding("f", "-", "noGrad", detail="its check failed: x: edge, got nan")
    good = Finding("f", "y", "right")
    bad = Finding("f", "x", "edge", detail="its check failed: x: edge, got nan")

    assert has_failed([whole, good, bad])
    assert verdict_of([whole, good, bad]) == "edge"
    assert verdict_of([whole, good]) == "wrong"
    assert verdict_of([Finding("f", "-", "noGrad", detail="no sample"), good]) == "no evidence"


def test_two_runs_keep_what_both_found(tmp_path):
    ledgers = []
    for name in ("m.f", "m.g"):
        store = Store("m", tmp_path)
        store.begin(Ledger([Finding(name, "-", "composite", source="1")], {"m": "1"}))
        ledgers.append(store)
    for store in ledgers:
        store.save()

    assert [finding.function for finding in Store("m", tmp_path).read()] == ["m.f", "m.g"]


def test_a_reader_who_has_seen_enough_is_told_nothing(package, tmp_path):
    name = package()
    main(["check", name])
    command = [sys.executable, "-m", "backprop_lift", "why", f"{name}.growth"]
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=True, cwd=tmp_path)

    os.close(writing)
    assert done.stderr == b""
