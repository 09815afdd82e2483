"""The command line: ``backprop-lift mirror``, ``check`` and ``why``."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from .._registry import Registry, registry
from ..errors import LiftError, MirrorError
from . import report
from .check_command import check, notes, samples_given
from .ledger import Ledger
from .make import folder_of, mirror_of
from .page import page_text
from .store import Store
from .summary import changes, untested
from .survey import quietly_imported
from .why import Place, story
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
        with _ended_by_signal():
            report.needs_rich()
            status = int(given.run(given))
            sys.stdout.flush()
            return status
    except LiftError as error:
        print(f"backprop-lift: {_in_a_line(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"backprop-lift: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"backprop-lift: interrupted; {given.interrupted}", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Let a request to end be an interruption, after which nothing is left behind."""

    def ended(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, ended)
    except ValueError:  # no main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_a_line(error: LiftError) -> str:
    facts = "; ".join(f"{name}: {fact}" for name, fact in error.facts.items())
    pieces = (error.sentence, facts and f"({facts})", error.remedy)
    return " ".join(" ".join(filter(None, pieces)).split())


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


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
    _how(mirror)
    mirror.add_argument("--html", metavar="FILE", default="", help="write a report for browsers")
    mirror.set_defaults(run=_mirror, interrupted="nothing was written.")
    checking = commands.add_parser(
        "check", help="check the gradients of a package; exit 1 where something is wrong"
    )
    checking.add_argument("package", metavar="PACKAGE", help="import name of an installed package")
    checking.add_argument(
        "--function", metavar="NAME", action="append", default=[],
        help="only this one: a name, or a pattern such as '*_grad'; may be repeated",
    )  # fmt: skip
    _how(checking)
    checking.add_argument(
        "--mutate", action="store_true",
        help="break each rule on purpose, and report which breakages no sample tells",
    )  # fmt: skip
    checking.add_argument("--json", metavar="FILE", default="", help="write the findings as JSON")
    checking.add_argument("--junit", metavar="FILE", default="", help="write them as JUnit's XML")
    checking.set_defaults(
        run=lambda given: check(given, _registry(given.registry)),
        interrupted="what was found is kept, and the next run goes on from there.",
    )
    why = commands.add_parser("why", help="tell the story of a function")
    why.add_argument("function", metavar="NAME", help="dotted name: mylib.f")
    _where(why)
    _rules(why)
    why.set_defaults(run=_why, interrupted="")
    return parser


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", metavar="DIR", default="", help="folder of a distribution of the mirror's own"
    )
    parser.add_argument("--name", metavar="NAME", default="", help="import name of the mirror")


def _how(parser: argparse.ArgumentParser) -> None:
    """The options of checks."""
    parser.add_argument("--samples", metavar="FILE", default="", help="calls to check on")
    parser.add_argument(
        "--record", metavar="COMMAND", default="",
        help="record calls while a command runs: 'pytest --pyargs mylib'",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", metavar="N", type=_count, default=0, help="end the recorded command after N"
    )
    parser.add_argument(
        "--recheck", action="store_true", help="check again what has been found already"
    )
    parser.add_argument(
        "--before", metavar="CODE", default="",
        help="Python code that sets the package up before its gradients are checked",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", metavar="N", type=_count, default=0, help="checks at once; one a processor"
    )
    _rules(parser)


def _rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--registry", metavar="MODULE[:NAME]", default="",
        help="import a module that registers rules; its registry NAME is the one in force",
    )  # fmt: skip


def _mirror(given: argparse.Namespace) -> int:
    _imported(given.package)
    folder, name = folder_of(given.package, given.out, given.name)
    rules = _registry(given.registry)
    there = _ledger(folder)
    store = Store(given.package)
    ledgers = [] if given.recheck else [there] if given.check else [there, store.read()]
    with report.progress() as progress:
        samples = [given.samples] if given.samples else []
        if not given.check:
            samples = samples_given(given, store, progress)
        try:
            made = mirror_of(
                given.package,
                name,
                ledgers=ledgers,
                samples=samples,
                rules=rules,
                before_checks=given.before,
                check=not given.check,
                jobs=given.jobs,
                progress=progress,
                begin=store.begin,
                keep=store.keep,
            )
        finally:
            if not given.check:
                store.save()
    beside = made.beside if given.out else {}
    if given.check:
        difference = compared(folder, made.files, beside)
        for line in [*difference.lines(), *untested(made.plan)]:
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
    report.show(made.plan)
    said = "was up to date" if current else "is written"
    print(f"{folder} {said}: import {name}")
    news = changes(there, made.ledger, given.package)
    if news:
        print(f"\nFor a changelog:\n\n{news}")
    notes(made.findings, store, samples)
    return 0


def _imported(package: str) -> None:
    """Import the package if it can be, to see where it stands; the survey says why it cannot."""
    with contextlib.suppress(Exception, SystemExit):
        quietly_imported(package)


def _ledger(folder: Path) -> Ledger:
    """The ledger of a mirror; an empty one where there is none."""
    path = folder / LEDGER
    if not path.is_file():
        return Ledger()
    try:
        return Ledger.read(path.read_text(encoding="utf-8"), path)
    except UnicodeDecodeError:
        raise MirrorError(
            f"{path} is no text.", "Delete it; the next run writes it anew."
        ) from None


def _registry(said: str) -> Registry:
    """The registry that ``--registry`` names, after its module was imported."""
    if not said:
        return registry
    module, _, name = said.partition(":")
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
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
    store = Store(package)
    places = [
        Place(folder / LEDGER, _ledger(folder), store.calls_of),
        Place(store.ledger, store.read(), store.calls_of),
    ]
    for line in story(given.function, places, _registry(given.registry)):
        print(line)
    return 0
