"""Nodes of pytest: a test item for each function and argument of a package.

Imported when a package is named, and not before, so that pytest starts as fast as ever where the
plugin is not used.
"""

from __future__ import annotations

import contextlib
import inspect
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backprop_lift import Registry, lifted, registry
from backprop_lift.errors import LiftError
from backprop_lift.gradcheck import (
    Report,
    Sample,
    check,
    module_samples,
    read_samples,
    samples_of,
    script,
)
from backprop_lift.gradcheck.calls import moving_places
from backprop_lift.mirror.survey import Public, Survey, survey_of

__all__ = ["ArgumentItem", "FunctionNode", "ModuleNode", "items_of"]


def items_of(session: pytest.Session, package: str) -> list[pytest.Item]:
    """The items of a package, in the order of its modules.

    Raises
    ------
    pytest.UsageError
        If it cannot be imported, or a samples file cannot be read.
    """
    try:
        survey = survey_of(package)
        samples = _Samples(survey, session.config.option.lifted_samples)
    except LiftError as error:
        raise pytest.UsageError(str(error)) from None
    modules: dict[str, ModuleNode] = {}
    found: list[pytest.Item] = []
    for public in survey.functions():
        home = public.home.rpartition(".")[0]
        if home not in modules:
            modules[home] = ModuleNode.from_parent(session, name=home, nodeid=home)
        node = FunctionNode.from_parent(
            modules[home], name=public.name, public=public, samples=samples.of(public)
        )
        found.extend(node.collect())
    return found


class _Samples:
    """The calls of a package's functions: from files, from ``samples=``, from docstrings."""

    def __init__(self, survey: Survey, files: Iterable[str]) -> None:
        self.filed: dict[str, list[Sample]] = {}
        for file in files:
            for name, samples in read_samples(file).items():
                self.filed.setdefault(name, []).extend(samples)
        # Examples may write files.
        with tempfile.TemporaryDirectory() as aside, contextlib.chdir(aside):
            self.shown = module_samples(*(module.value for module in survey.modules))

    def of(self, public: Public) -> list[Sample]:
        module = getattr(public.value, "__module__", "")
        names = {public.home, f"{module}.{public.name}"}
        found = [sample for name in sorted(names) for sample in self.filed.get(name, ())]
        return found + samples_of(public.value) + self.shown.get(public.value, [])


class ModuleNode(pytest.Collector):
    """A public module of a package."""

    def collect(self) -> Iterable[pytest.Item]:
        """Nothing: items come by way of their functions."""
        return []


class FunctionNode(pytest.Collector):
    """A public function; its check is run once, for the items of all its arguments.

    Parameters
    ----------
    public : Public
    samples : list of Sample
    """

    def __init__(self, *, public: Public, samples: list[Sample], **given: Any) -> None:
        super().__init__(**given)
        self.public = public
        self.samples = samples
        self._report: Report | None = None

    def collect(self) -> list[pytest.Item]:
        """An item for each argument that is differentiated, or one without evidence."""
        names = list(dict.fromkeys(self._arguments())) or ["-"]
        return [ArgumentItem.from_parent(self, name=name) for name in names]

    def _arguments(self) -> Iterator[str]:
        entry = registry.find(self.public.value)
        wrt = entry.wrt or None if entry is not None else None
        for sample in self.samples:
            for name, _ in moving_places(self.public.value, sample, wrt, integers=True):
                yield name.partition("[")[0]

    def report(self) -> Report:
        """What checking the function found."""
        if self._report is None:
            seed = self.config.option.lifted_seed
            self._report = check(
                self.public.value, self.samples, entry=self._entry(), seed=seed, seconds=5.0
            )
        return self._report

    def _entry(self) -> Any:
        entry = registry.find(self.public.value)
        if entry is not None:
            return entry
        own = Registry(parent=registry)
        lifted(self.public.value, into=own)
        return own[self.public.value]


class ArgumentItem(pytest.Item):
    """The gradient of a function by one of its arguments."""

    parent: FunctionNode

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.add_marker("lifted")

    def runtest(self) -> None:
        """Check; anything that is neither right nor wrong is skipped with its reason."""
        node = self.parent
        if not node.samples:
            pytest.skip("no evidence: no example calls it")
        try:
            report = node.report()
        except LiftError as error:
            pytest.skip(f"no gradient: {str(error).splitlines()[0]}")
        text = "\n".join(_failures(report, self.name))
        if text:
            self.add_report_section("call", "script", script(node.public.value, report))
            raise _NotRightError(text)
        verdicts = {o.verdict for o in report.outcomes if _is_of(o.argument, self.name)}
        if "right" not in verdicts:
            pytest.skip(_reason(report, verdicts))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The report instead of a traceback, where it is one."""
        if isinstance(excinfo.value, _NotRightError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the function is defined."""
        function = inspect.unwrap(self.parent.public.value)
        try:
            path, line = inspect.getsourcefile(function), inspect.getsourcelines(function)[1] - 1
        except (OSError, TypeError):
            path, line = None, None
        return Path(path) if path else self.path, line, f"{self.parent.public.home}, {self.name}"


class _NotRightError(AssertionError):
    """A gradient that is not right; its text is the whole story."""


def _is_of(argument: str, name: str) -> bool:
    return argument.partition("[")[0] == name


def _failures(report: Report, name: str) -> Iterator[str]:
    """What is wrong with an argument, or with the function as a whole."""
    problems = [p for p in report.problems if p.kind in ("value", "contract")]
    outcomes = [o for o in report.failures() if _is_of(o.argument, name)]
    if not problems and not outcomes:
        return
    yield f"{report.name}: the gradient of {name} is not right"
    yield from (f"  {problem.kind}: {problem.text}" for problem in problems[:3])
    yield from (f"  {outcome}" for outcome in outcomes[:5])
    likely = {str(f): f for f in report.findings if _is_of(f.argument, name)}
    yield from (f"  likely: {finding}" for finding in list(likely)[:3])
    seen = report.samples[(outcomes or problems)[0].sample]
    call = " ".join(repr(seen).removeprefix("Sample").split())
    yield f"  called with {call[:300]}" + (f", {seen.origin}" if seen.origin else "")


def _reason(report: Report, verdicts: set[Any]) -> str:
    if report.refusals:
        return f"no gradient: {report.refusals[0].text}"
    for word in ("kink", "edge", "noise"):
        if word in verdicts:
            return f"no evidence: {word} at every call"
    if verdicts:
        return "no evidence: the result does not vary with it"
    untold = (p.text for p in report.problems if p.kind == "untold")
    return f"no evidence: {next(untold, 'no call moves it, as for an integer that must be one')}"
