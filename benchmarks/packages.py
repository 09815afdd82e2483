"""How much of real packages comes out differentiable in their mirrors, and what a mirror costs.

Each package is mirrored as it stands on PyPI, on the calls that its own tests make, in a scratch
folder. Counted are the functions of `recorded/`, which tests and docstrings call with floats and
which give floats: right are those that the mirror has lifted or as composites, with no argument
refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

# Before numpy is imported: one thread, so that processes do not crowd each other out.
for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from backprop_lift.mirror.ledger import Ledger  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Case:
    """A package, and how its tests are run.

    Attributes
    ----------
    requirement : str
    record : str
        The command; ``{source}`` is the folder of its source distribution, which is fetched then.
        Tests are run apart from it, so that they import what is installed.
    before : str
        Code that sets the package up.
    """

    requirement: str
    record: str
    before: str = ""


_APART = "mkdir apart && cp -r {source}/tests apart && pytest apart/tests"

CASES = {
    "numpy_financial": Case("numpy-financial==1.0.0", "pytest --pyargs numpy_financial"),
    "haversine": Case("haversine==2.9.0", f"{_APART} -q"),
    "psychrolib": Case(
        "PsychroLib==2.5.0", "", "import psychrolib; psychrolib.SetUnitSystem(psychrolib.SI)"
    ),  # its distribution has no tests; calls are drawn
    "pymap3d": Case("pymap3d==3.2.0", "pytest --pyargs pymap3d"),
    "transforms3d": Case("transforms3d==0.4.2", "pytest --pyargs transforms3d"),
    "pytransform3d": Case(
        "pytransform3d==3.17.0",
        "mkdir apart && cp -r {source}/test apart && "
        "find {source}/pytransform3d -name 'test_*.py' -exec cp {{}} apart ';' && "
        "cd apart && pytest . -q --import-mode=importlib",
    ),
    "fluids": Case(
        "fluids==1.3.1",
        f"{_APART} -q -m 'not slow and not fuzz' "
        "--ignore apart/tests/test_numba.py --ignore apart/tests/test_units.py",
    ),
    "pvlib": Case("pvlib==0.16.1", f"{_APART} -q --ignore apart/tests/iotools"),
}


def run(*command: str, where: Path) -> tuple[float, str]:
    """Run a command; give its seconds and what it said."""
    started = time.perf_counter()
    said = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    return time.perf_counter() - started, said.stdout + said.stderr


def fetched(requirement: str, where: Path) -> Path:
    """The folder of a package's source distribution."""
    pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:")
    run(*pip, requirement, where=where)
    (archive,) = where.glob("*.tar.gz")
    run("tar", "xf", archive.name, where=where)
    return where / archive.name.removesuffix(".tar.gz")


def counted(ledger: Ledger, names: list[str]) -> dict[str, str]:
    """The functions that count, with the reason why one is not right; empty where it is."""
    of = _by_identity(ledger)
    found = {}
    for name in names:
        findings = of(name)
        whole = findings.get("-")
        if whole is None:
            found[name] = "it is not in the ledger"
        elif whole.verdict in ("lifted", "composite"):
            wrong = [f.argument for f in findings.values() if f.verdict in ("wrong", "edge")]
            found[name] = f"not right by {', '.join(wrong)}" if wrong else ""
        else:
            found[name] = f"{whole.verdict}: {whole.detail}"
    return found


def _by_identity(ledger: Ledger) -> Any:
    """What a ledger says of a function under any of its names."""
    homes = {id(value): name for name in {f.function for f in ledger} if (value := _at(name))}

    def of(name: str) -> dict[str, Any]:
        return ledger.of(name) or ledger.of(homes.get(id(_at(name)), ""))

    return of


def _at(name: str) -> Any:
    module, _, short = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), short, None)
    except ImportError:
        return None


def measured(package: str, case: Case, jobs: int) -> None:
    """Mirror a package, and print the line of the table and its reasons."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        source = fetched(case.requirement, where) if "{source}" in case.record else where
        given = ["--record", case.record.format(source=source)] if case.record else []
        command = [sys.executable, "-m", "backprop_lift", "mirror", package, "--out", "out"]
        command += ["--jobs", str(jobs), "--before", case.before]
        seconds, said = run(*command, *given, where=where)
        path = where / "out" / f"{package}_bp" / "ledger.txt"
        if not path.is_file():
            print(f"{package}: no mirror came out\n{said[-2000:]}")
            return
        ledger = Ledger.read(path.read_text(encoding="utf-8"), path)
        names = (Path(__file__).parent / "recorded" / f"{package}.txt").read_text().split()
        found = counted(ledger, names)
        writing, _ = run(*command, where=where)
        checking, current = run(*command, "--check", where=where)
        apart = _imports(where / "out", package, f"{package}_bp") - _imports(where, package)
    right = sum(not reason for reason in found.values())
    share = 100 * right / max(len(found), 1)
    state = "current" if "is up to date" in current else "NOT current"
    print(
        f"{package:16}{right:5} of {len(found):4}{share:7.1f} %{seconds:8.0f} s{writing:8.1f} s"
        f"{checking:8.1f} s {state}{apart:8.2f} s",
        flush=True,
    )
    reasons = defaultdict(list)
    for name, reason in found.items():
        if reason:
            reasons[reason].append(name)
    for reason, some in sorted(reasons.items()):
        print(f"    {', '.join(some)}: {reason[:160]}")


def _imports(where: Path, *modules: str) -> float:
    """Seconds of CPU time that importing modules takes, the least of five."""
    code = f"import {', '.join(modules)}"

    def once() -> float:
        before = os.times()
        run(sys.executable, "-W", "ignore", "-c", code, where=where)
        after = os.times()
        user = after.children_user - before.children_user
        return user + after.children_system - before.children_system

    return min(once() for _ in range(5))


def main() -> None:
    """Measure the packages that are named, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(CASES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    print(f"{'':16}{'right':>13}{'share':>9}{'mirror':>10}{'again':>10}{'check':>10}{'import':>14}")
    for package in given.packages or CASES:
        measured(package, CASES[package], given.jobs)


if __name__ == "__main__":
    main()
