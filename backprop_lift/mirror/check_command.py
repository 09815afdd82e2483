"""``backprop-lift check``: the gradients of a package, checked."""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._registry import Registry
from ..errors import MirrorError
from . import report
from .findings import Findings, checkable, findings_for
from .ledger import has_failed
from .recording import recorded_while
from .results import json_text, junit_text
from .store import Store
from .survey import Public, Survey, survey_of
from .work import Progress
from .write import write_beside

__all__ = ["check", "samples_given"]


def check(given: argparse.Namespace, rules: Registry) -> int:
    """Check the functions of a package, and say what was found.

    Returns
    -------
    int
        0 where all is well, 1 where something is wrong.
    """
    for path in (given.json, given.junit):
        if path and not Path(path).absolute().parent.is_dir():
            raise MirrorError(
                f"{path} cannot be written.", "Name a file in a folder that is there.",
                why=f"{Path(path).absolute().parent} is no folder",
            )  # fmt: skip
    store = Store(given.package)
    with report.progress() as progress:
        progress("importing", 0, 0)
        survey = survey_of(given.package)
        publics = chosen(survey, given.function)
        samples = samples_given(given, store, progress)
        try:
            found = findings_for(
                survey,
                publics,
                ledgers=[] if given.recheck else [store.read()],
                samples=samples,
                rules=rules,
                before_checks=given.before,
                mutate=given.mutate,
                jobs=given.jobs,
                progress=progress,
                begin=store.begin,
                keep=store.keep,
            )
        finally:
            store.save()
    for path, text in ((given.json, json_text), (given.junit, junit_text)):
        if path:
            write_beside(Path(path).absolute().parent, {Path(path).name: text(found)})
    report.show_findings(found)
    print(_summary(found, store, len(publics)))
    notes(found, store, samples)
    return 1 if _is_bad(found) else 0


def chosen(survey: Survey, names: Sequence[str]) -> list[Public]:
    """The functions and classes of a package that names or patterns stand for; all for none.

    Raises
    ------
    MirrorError
        If a name stands for none.
    """
    publics = checkable(survey)
    if not names:
        return publics
    called: dict[str, list[Public]] = {}
    for public in publics:
        for known in _names_of(public, survey.package):
            called.setdefault(known, []).append(public)
    found: dict[str, Public] = {}
    for name in names:
        fitting = [p for known in _fitting(called, name) for p in called[known]]
        if not fitting:
            value = _reached(name)
            fitting = [p for p in publics if p.value is value]
        if not fitting:
            shown = [known for p in publics for known in (p.home, p.name)]
            close = list(dict.fromkeys(difflib.get_close_matches(name, shown, 3)))
            raise MirrorError(
                f"{survey.package} has no public function {name}.",
                f"Did you mean {' or '.join(close)}?" if close else "Give a name of its mirror.",
            )
        found.update((public.home, public) for public in fitting)
    return list(found.values())


def _names_of(public: Public, package: str) -> set[str]:
    """What a user may call a function: where it is shown, where it is defined, or by its name."""
    defined = f"{getattr(public.value, '__module__', '')}.{public.name}"
    return {public.home, defined, public.name, f"{package}.{public.name}"}


def _fitting(called: Mapping[str, list[Public]], name: str) -> list[str]:
    """The names that a name, or a pattern with stars, stands for; a method's is its class's."""
    if name in called:
        return [name]
    owner = name.rpartition(".")[0]
    of_class = any(public.kind == "class" for public in called.get(owner, ()))
    return fnmatch.filter(called, name) or ([owner] if of_class else [])


def _reached(name: str) -> Any:
    """What a dotted name reaches by attributes, such as one that is imported there; or None."""
    root, *parts = name.split(".")
    return functools.reduce(lambda v, part: getattr(v, part, None), parts, sys.modules.get(root))


def samples_given(given: argparse.Namespace, store: Store, progress: Progress) -> list[str]:
    """The samples files of a run: the user's, and what was recorded, in this run or before."""
    samples = [given.samples] if given.samples else []
    if given.record:
        progress(f"recording calls while {given.record} runs", 0, 0)
        said = recorded_while(given.record, given.package, store.recorded, seconds=given.seconds)
        print(said)
    if store.recorded.is_file():
        samples.append(str(store.recorded))
    return samples


def _summary(found: Findings, store: Store, count: int) -> str:
    verb = f"{len(found.waiting)} checked in this run"
    kept = f"; the ledger is {_short(store.ledger)}" if store.ledger.is_file() else ""
    name = f"{found.survey.package} {found.survey.version}".strip()
    return f"{name}: {count} functions and classes, {verb}{kept}"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def notes(found: Findings, store: Store, samples: Sequence[str]) -> None:
    """Say on the side what the user may not expect."""
    if store.unkept:
        print(f"backprop-lift: {store.unkept}", file=sys.stderr)
    if found.unknown:
        names = ", ".join(found.unknown[:3]) + (", ..." if len(found.unknown) > 3 else "")
        print(
            f"backprop-lift: {' and '.join(samples)} has calls of {len(found.unknown)} functions "
            f"that {found.survey.package} does not show: {names}",
            file=sys.stderr,
        )


def _is_bad(found: Findings) -> bool:
    missed = any(one.mutation is not None and one.mutation.missed for one in found.fresh.values())
    return missed or any(map(has_failed, report.by_function(found).values()))
