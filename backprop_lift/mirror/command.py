"""The command line: ``backprop-lift mirror``, ``why`` and ``check``."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .._registry import Registry, registry
from ..errors import LiftError, MirrorError
from . import report
from .ledger import Ledger
from .make import folder_of, mirror_of
from .page import page_text
from .recording import recorded_while
from .survey import quietly_imported
from .write import LEDGER, compared, write, write_beside

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0 where all is well, 1 where ``--check`` or ``check`` found something, 2 for bad input.
    """
    given = _parser().parse_args(arguments)
    if "" not in sys.path:
        sys.path.insert(0, "")  # as for `python -m`: what one works on is found
    try:
        return int(given.run(given))
    except LiftError as error:
        print(f"backprop-lift: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("backprop-lift: interrupted; nothing was written.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="backprop-lift", description="Gradients through packages of plain functions."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    mirror = commands.add_parser("mirror", help="write a package of twins, each gradient checked")
    mirror.add_argument("package", metavar="PACKAGE", help="import name of an installed package")
    _where(mirror)
    mirror.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where the mirror is not current"
    )
    mirror.add_argument(
        "--recheck", action="store_true", help="check again what the ledger has found already"
    )
    mirror.add_argument("--samples", metavar="FILE", default="", help="calls to check on")
    mirror.add_argument(
        "--record", metavar="COMMAND", default="",
        help="record calls while the package's tests run: 'pytest --pyargs mylib'",
    )  # fmt: skip
    mirror.add_argument(
        "--before", metavar="CODE", default="",
        help="Python code that sets the package up before its gradients are checked",
    )  # fmt: skip
    mirror.add_argument("--html", metavar="FILE", default="", help="write a report for browsers")
    mirror.add_argument(
        "--registry", metavar="MODULE[:NAME]", default="",
        help="import a module that registers rules; its registry NAME is the one in force",
    )  # fmt: skip
    mirror.set_defaults(run=_mirror)
    why = commands.add_parser("why", help="explain the status of a function")
    why.add_argument("function", metavar="NAME", help="dotted name: mylib.f")
    _where(why)
    why.set_defaults(run=_why)
    check = commands.add_parser("check", help="check the gradients of a package, write nothing")
    check.add_argument("package", metavar="PACKAGE")
    check.add_argument("--samples", metavar="FILE", default="", help="calls to check on")
    check.add_argument("--registry", metavar="MODULE[:NAME]", default="")
    check.set_defaults(run=_check)
    return parser


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", metavar="DIR", default="", help="folder of a distribution of the mirror's own"
    )
    parser.add_argument("--name", metavar="NAME", default="", help="import name of the mirror")


def _mirror(given: argparse.Namespace) -> int:
    _imported(given.package)
    folder, name = folder_of(given.package, given.out, given.name)
    rules = _registry(given.registry)
    before = None if given.recheck else _ledger(folder)
    with report.progress() as progress, tempfile.TemporaryDirectory() as aside:
        samples = [given.samples] if given.samples else []
        if given.record:
            progress(f"recording calls while {given.record} runs", 0, 0)
            samples.append(str(Path(aside) / "recorded.jsonl"))
            recorded_while(given.record, given.package, Path(samples[-1]))
        made = mirror_of(
            given.package,
            name,
            ledger=before,
            samples=samples,
            rules=rules,
            before_checks=given.before,
            check=not given.check,
            progress=progress,
        )
    beside = made.beside if given.out else {}
    if given.check:
        difference = compared(folder, made.files, beside)
        for line in difference.lines():
            print(line)
        print(f"{folder} is {'not up to date' if difference else 'up to date'}.")
        return 1 if difference else 0
    current = not compared(folder, made.files, beside)
    write(folder, made.files)
    if beside:
        write_beside(folder.parent, beside)
    if given.html:
        write_beside(
            Path(given.html).parent, {Path(given.html).name: page_text(made.plan, made.ledger)}
        )
    report.show(made.plan, made.ledger)
    said = "was up to date" if current else "is written"
    print(f"{folder} {said}: import {name}")
    return 0


def _imported(package: str) -> None:
    """Import the package if it can be, to see where it stands; the survey says why it cannot."""
    with contextlib.suppress(Exception, SystemExit):
        quietly_imported(package)


def _ledger(folder: Path) -> Ledger | None:
    path = folder / LEDGER
    if not path.is_file():
        return None
    return Ledger.read(path.read_text(encoding="utf-8"), path)


def _registry(said: str) -> Registry:
    """The registry that ``--registry`` names, after its module was imported."""
    if not said:
        return registry
    module, _, name = said.partition(":")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise MirrorError(
            f"--registry names {module}, which cannot be imported.",
            "Name a module that can be; it registers rules when it is imported.",
            why=error,
        ) from None
    if not name:
        return registry
    chosen = getattr(found, name, None)
    if not isinstance(chosen, Registry):
        raise MirrorError(
            f"{said} is no Registry.",
            "Name one, or leave the name away to use the rules that the module registers.",
            got=type(chosen).__name__,
        )
    return chosen


def _why(given: argparse.Namespace) -> int:
    package = given.function.partition(".")[0]
    _imported(package)
    folder, _ = folder_of(package, given.out, given.name)
    ledger = _ledger(folder)
    if ledger is None:
        raise MirrorError(
            f"There is no ledger of {package} at {folder}.",
            f"Write the mirror first: backprop-lift mirror {package}",
        )
    found = [f for f in ledger if f.function == given.function]
    short = given.function.rpartition(".")[2]
    found = found or [f for f in ledger if f.function.rpartition(".")[2] == short]
    if not found:
        raise MirrorError(
            f"The ledger of {package} knows no function {given.function}.",
            "Give its dotted name as the mirror has it.",
        )
    report.explain(found)
    return 0


def _check(given: argparse.Namespace) -> int:
    samples = [given.samples] if given.samples else []
    rules = _registry(given.registry)
    with report.progress() as progress:
        made = mirror_of(given.package, samples=samples, rules=rules, progress=progress)
    report.show(made.plan, made.ledger)
    failed = [
        f for f in made.ledger if f.argument == "-" and f.detail.startswith("its check failed")
    ]
    for finding in failed:
        print(f"{finding.function}: {finding.detail}")
    return 1 if failed else 0
