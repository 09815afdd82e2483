"""The pytest plugin: items of a package, a fixture and a marker, and nothing where it is not used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent

PACKAGE = '''
"""A package with a right rule, a wrong one, a body, and a function without an example."""

import math
from backprop_lift import lifted, no_grad


@lifted(derivative=lambda x: 2 * x, samples=[(3.0,), (1.5,)])
def square(x):
    return x * x


@lifted(grad=lambda dzdy, u, v: (dzdy * v, 2 * dzdy * u), samples=[(3.0, 2.0)])
def product(u, v):
    return u * v


@lifted
def wave(t, damping=0.1):
    """
    >>> wave(2.0, damping=0.3)
    0.49902...
    """
    return math.exp(-damping * t) * math.sin(t)


def lonely(x):
    return x


@no_grad("a table")
def table(x):
    """
    >>> table(2.0)
    2.0
    """
    return x
'''

SUITE = """
import pytest
import mine


def test_square(check_grad):
    assert check_grad(mine.square, 3.0).right


def test_all_samples(check_grad):
    check_grad(mine.square)


def test_product(check_grad):
    check_grad(mine.product, 3.0, 2.0)


@pytest.mark.check_grad(tolerance=2.0)
def test_product_loosely(check_grad):
    check_grad(mine.product, 3.0, 2.0)


def test_settings(check_grad):
    report = check_grad(mine.wave, 2.0, damping=0.3, wrt=("t", "damping"))
    assert report.arguments == ["t", "damping"]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run pytest in a folder with the package and a suite; takes the words of its command line."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mine.py").write_text(PACKAGE)
    (folder / "test_mine.py").write_text(SUITE)
    line = '{"function": "mine.lonely", "args": [2.5]}'
    (folder / "calls.jsonl").write_text('{"backprop_lift samples": 1}\n' + line + "\n")
    # as the command `pytest` is started, which does not look for modules in the folder itself
    env = {"PYTHONPATH": str(CHECKOUT), "PYTHONSAFEPATH": "1", "PYTEST_ADDOPTS": ""}

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "pytest_backprop_lift",
             "-p", "no:cacheprovider", *words],
            cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def alone(run):
    """What a run says that names the package only."""
    return run("--lifted", "mine", "-v", "-rs")


@pytest.fixture(scope="module")
def both(run):
    """What a run says that names the package and the suite."""
    return run("--lifted", "mine", "test_mine.py", "-v", "--strict-markers", "-k", "not wave")


def words_of(said):
    lines = (line.split() for line in said.splitlines() if "::" in line and "[" in line)
    return {name: word for name, word, *_ in lines}


def test_package_has_an_item_for_each_function_and_argument(alone):
    assert words_of(alone) == {
        "mine::square::x": "PASSED",
        "mine::product::u": "PASSED",
        "mine::product::v": "FAILED",
        "mine::wave::t": "PASSED",
        "mine::wave::damping": "PASSED",
        "mine::lonely::-": "SKIPPED",
        "mine::table::x": "SKIPPED",
    }


def test_item_without_evidence_is_skipped_with_its_reason(alone):
    assert "no evidence: no example calls it" in alone
    assert "no evidence: it is marked no_grad: a table" in alone


def test_failure_reads_as_a_report_without_a_traceback(alone):
    assert "mine.product: the gradient of v is not right" in alone
    assert "likely: the cotangent of v is exactly 2 times too large" in alone
    assert "called with ((3.0, 2.0)), samples= [0]" in alone
    assert "sample = Sample((3.0, 2.0))" in alone
    assert "Traceback" not in alone
    assert "runtest" not in alone


def test_package_runs_together_with_paths_that_are_named(both):
    words = words_of(both)

    assert words["mine::square::x"] == "PASSED"
    assert words["test_mine.py::test_square"] == "PASSED"


def test_names_choose_among_the_items(both):
    assert "mine::wave::t" not in both
    assert "2 deselected" in both


def test_fixture_fails_with_the_report(both):
    assert words_of(both)["test_mine.py::test_product"] == "FAILED"
    assert "mine.product: wrong, 1 call" in both
    assert "Traceback" not in both


def test_fixture_checks_all_samples_and_named_settings(both):
    words = words_of(both)

    assert words["test_mine.py::test_all_samples"] == "PASSED"
    assert words["test_mine.py::test_settings"] == "PASSED"


def test_marker_gives_the_tolerance(both):
    assert words_of(both)["test_mine.py::test_product_loosely"] == "PASSED"


def test_samples_come_from_a_file_and_a_marker_chooses_the_items(run):
    found = run(
        "--lifted", "mine", "--lifted-samples", "calls.jsonl", "-v", "test_mine.py", "-m", "lifted"
    )

    words = words_of(found)
    assert words["mine::lonely::x"] == "PASSED"
    assert all(name.startswith("mine::") for name in words)


def test_package_that_is_not_there_is_said_in_a_sentence(run):
    found = run("--lifted", "not_there")

    assert "ERROR: not_there is not installed here." in found
    assert "Traceback" not in found


def test_items_are_shared_among_processes(run):
    pytest.importorskip("xdist")

    assert "1 failed, 4 passed, 2 skipped" in run("--lifted", "mine", "-n", "2", "-q")


def test_plugin_imports_nothing_where_it_is_not_used(tmp_path):
    (tmp_path / "test_light.py").write_text(
        "import sys\n\n\ndef test_light():\n"
        "    heavy = {'numpy', 'backprop_lift', 'scipy', 'mpmath'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_backprop_lift", "-p", "no:cacheprovider",
         "-p", "no:hypothesispytest", "-q"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "1 passed" in done.stdout, done.stdout + done.stderr
