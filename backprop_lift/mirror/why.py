"""The whole story of a function: where it stands, what was checked on which calls, what to do."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import json
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from .._registry import Entry, Registry, dotted_name
from ..errors import LiftError, MirrorError
from ..gradcheck import Sample, check, samples_of, script
from ..gradcheck.samples_file import sample_said
from .evidence import findings_of
from .fingerprint import Fingerprints
from .ledger import FAILED, Finding, Ledger, has_failed, verdict_of
from .pool import Pool
from .survey import Public, quietly_imported
from .twins import by_body

__all__ = ["Place", "story"]

_WIDTH: Final = 100
_SHOWN: Final = 6


class Place:
    """Where something is known of a package.

    Parameters
    ----------
    path : Path
        Of a ledger.
    ledger : Ledger
    calls : callable, optional
        Gives the calls that a function was checked on, as lines of a samples file.
    """

    def __init__(self, path: Path, ledger: Ledger, calls: Any = lambda name: []) -> None:
        self.path, self.ledger, self.calls = path, ledger, calls


def story(name: str, places: Sequence[Place], rules: Registry) -> Iterator[str]:
    """Tell the story of a function, line by line.

    Parameters
    ----------
    name : str
        Dotted; the last part is enough where a ledger knows only one such function.
    places : sequence of Place
        What is known of its package; the first counts most, but for what another found wrong.
    rules : Registry
        Whose rules are in force.

    Raises
    ------
    MirrorError
        If there is no such function, or nothing is known of it.
    """
    function = _function(name)
    told = False
    for place, home in _known(name, function, places):
        yield from _told(home, _function(home), place, rules)
        told = True
    if told:
        return
    entry = None if function is None else rules.find(function)
    if function is None:
        raise _no_such(name, places)
    if entry is None:
        package = name.partition(".")[0]
        raise MirrorError(
            f"{name} was not checked yet.",
            f"Check it: backprop-lift check {package} --function {name}",
            original=_where(function),
            looked_in=", ".join(str(place.path) for place in places),
        )
    yield from _by_rule(name, function, entry, rules)


def _function(name: str) -> Any:
    """What a dotted name stands for, or None."""
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        try:
            value: Any = quietly_imported(".".join(parts[:k]))
        except (Exception, SystemExit):
            continue
        for part in parts[k:]:
            try:
                value = inspect.getattr_static(value, part)
            except AttributeError:
                value = getattr(value, part, None)
        if isinstance(value, (staticmethod, classmethod)):
            return value.__func__
        return value.fget if isinstance(value, property) else value
    return None


def _known(name: str, function: Any, places: Sequence[Place]) -> Iterator[tuple[Place, str]]:
    """The ledgers that know a function, and the names that they know it by."""
    short = name.rpartition(".")[2]
    found: dict[str, list[Place]] = {}
    for place in places:
        names = [n for n in (name,) if n in place.ledger]
        if not names:
            alike = {f.function for f in place.ledger if f.function.rpartition(".")[2] == short}
            same = [n for n in sorted(alike) if function is not None and _function(n) is function]
            names = same or ([] if function is not None else sorted(alike))
        for known in names:
            found.setdefault(known, []).append(place)
    for known, where in found.items():
        wrong = (p for p in where if has_failed(p.ledger.of(known).values()))
        yield next(wrong, where[0]), known


def _told(name: str, function: Any, place: Place, rules: Registry) -> Iterator[str]:
    found = dict(place.ledger.of(name))
    whole = found.pop("-", None) or Finding(name, "-", "noGrad", detail="it was not checked")
    entry = None if function is None else rules.find(function)
    yield f"{name}: {whole.verdict}; {whole.detail}"
    verdict = verdict_of([whole, *found.values()])
    yield f"  verdict    {verdict}"
    yield from _origins(function, entry)
    lines = place.calls(name)
    yield from _calls(name, whole.calls, lines)
    if whole.options != "-":
        yield f"  options    {whole.options}"
    yield from _arguments(found)
    yield f"  ledger     {place.path}"
    versions = ", ".join(f"{n} {v}" for n, v in sorted(place.ledger.versions.items()) if v)
    yield f"  versions   {versions}"
    current = _is_current(name, function, whole, rules)
    yield f"  source     {whole.source}, {'as it was checked' if current else 'changed since'}"
    samples = _samples(lines)
    if has_failed([whole]) and function is not None and samples:
        yield from _again(function, samples, entry, rules)
    yield f"  next       {_next(name, whole, verdict, entry, current)}"


def _by_rule(name: str, function: Any, entry: Entry, rules: Registry) -> Iterator[str]:
    """The story of a function whose rule came with a library; its samples are checked now."""
    public = Public(name.rpartition(".")[2], function, "function", name)
    whole, *arguments = findings_of(public, [], Pool(), rules, "-")
    samples = samples_of(function, entry=entry)
    yield f"{name}: {whole.verdict}; {whole.detail}"
    verdict = verdict_of([whole, *arguments])
    yield f"  verdict    {verdict}"
    yield from _origins(function, entry)
    yield from _shown(name, samples, max(whole.calls, len(samples)))
    if whole.options != "-":
        yield f"  options    {whole.options}"
    yield from _arguments({f.argument: f for f in arguments})
    yield "  ledger     none; it was checked just now, on the samples of its rule"
    if has_failed([whole]):
        yield from _again(function, samples, entry, rules)
    yield f"  next       {_next(name, whole, verdict, entry, True)}"


def _origins(function: Any, entry: Entry | None) -> Iterator[str]:
    yield f"  original   {_where(function)}"
    if entry is None or entry.kind == "composite":
        yield "  rule       none; lifted by its own body"
        return
    reason = f": {entry.reason}" if entry.reason else ""
    yield f"  rule       {entry.where} ({entry.kind}{reason})"
    function_of_rule = getattr(getattr(entry.rule, "options", None), "get", lambda _: None)
    for key in ("grad", "derivative", "op"):
        given = function_of_rule(key)
        if given is not None:
            yield f"             {key}={_named(given)}"


def _named(given: Any) -> str:
    if isinstance(given, dict):
        return "{" + ", ".join(f"{key}: {_named(value)}" for key, value in given.items()) + "}"
    code = getattr(given, "__code__", None)
    if code is None:
        return str(getattr(given, "__name__", type(given).__name__))
    return f"{given.__name__}, {code.co_filename}:{code.co_firstlineno}"


def _where(function: Any) -> str:
    """The file and line of a function."""
    inner = inspect.unwrap(function) if callable(function) else function
    inner = getattr(inner, "pyfunc", inner)
    code = getattr(inner, "__code__", None)
    if isinstance(code, types.CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}"
    if isinstance(inner, type):
        with contextlib.suppress(OSError, TypeError):
            return f"{inspect.getsourcefile(inner)}:{inspect.getsourcelines(inner)[1]}"
    return "not there any more" if function is None else "without Python source"


def _calls(name: str, count: int, lines: Sequence[str]) -> Iterator[str]:
    samples = _samples(lines)
    if samples:
        yield from _shown(name, samples, count)
    else:
        yield f"  calls      {count}"


def _shown(name: str, samples: Sequence[Sample], count: int) -> Iterator[str]:
    short = name.rpartition(".")[2]
    yield f"  calls      {count}, such as"
    for sample in samples[:_SHOWN]:
        given = [repr(value) for value in sample.args]
        given += [f"{key}={value!r}" for key, value in sample.settings.items()]
        text = " ".join(f"{short}({', '.join(given)})".split())
        text = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
        yield f"             {text}{f'  # {sample.origin}' if sample.origin else ''}"


def _samples(lines: Sequence[str]) -> list[Sample]:
    found = []
    for line in lines:
        with contextlib.suppress(LiftError, ValueError, KeyError, TypeError):
            found.append(sample_said(json.loads(line)))
    return found


def _arguments(found: dict[str, Finding]) -> Iterator[str]:
    width = max(map(len, found), default=0)
    for k, (argument, finding) in enumerate(found.items()):
        calls = f"{finding.calls} call{'s' * (finding.calls != 1)}"
        error = f", worst error {finding.error}" if finding.error != "-" else ""
        more = f", {finding.options}" if finding.options != "-" else ""
        word = (
            "no evidence, the result does not vary"
            if finding.verdict == "flat"
            else finding.verdict
        )
        yield (
            f"  {'' if k else 'arguments':10} {argument:{width}}  {word}, {calls}, "
            f"{finding.oracle}{error}{more}{'; ' * bool(finding.detail)}{finding.detail}"
        )


def _is_current(name: str, function: Any, whole: Finding, rules: Registry) -> bool:
    if function is None:
        return False
    fingerprints = Fingerprints(name.partition(".")[0], rules)
    if fingerprints.of(function) == whole.source:
        return True
    owner = _function(name.rpartition(".")[0])  # of a method, the source is that of its class
    return isinstance(owner, type) and fingerprints.of(owner) == whole.source


def _again(
    function: Any, samples: list[Sample], entry: Entry | None, rules: Registry
) -> Iterator[str]:
    """What fails, seen again, with a script that shows it."""
    try:
        if entry is None:
            entry = Entry(function, "composite", dotted_name(function), "")
            entry._twin = by_body(function, rules)
        report = check(function, samples or None, entry=entry)
        seen = any(report.failures()) or any(p.kind != "untold" for p in report.problems)
        text = script(function, report) if seen else ""
    except Exception:
        return
    for k, finding in enumerate(list(dict.fromkeys(f.text for f in report.findings))[:3]):
        yield f"  {'' if k else 'likely':10} {finding}"
    if text:
        yield "  script     that shows it again:"
        yield from (f"    {line}".rstrip() for line in text.splitlines())


def _next(name: str, whole: Finding, verdict: str, entry: Entry | None, current: bool) -> str:
    """What to do about it."""
    package = name.partition(".")[0]
    again = f"backprop-lift check {package} --function {name}"
    if not current:
        return f"check it again: {again}"
    if whole.detail.startswith(FAILED):
        if entry is not None and entry.kind != "composite":
            return f"correct the rule at {entry.where}, then: {again}"
        return "give it a rule, @lifted(grad=...), or leave it: a mirror refuses its gradient"
    for words, advice in _ADVICE:
        if words in whole.detail:
            return advice.format(package=package, again=again)
    if whole.verdict == "noGrad":
        return "give it a rule: lifted(grad=...)(function), in a module that --registry imports"
    if verdict != "right" and whole.verdict in ("lifted", "composite"):
        return f"give calls at which its result varies: {again} --samples FILE"
    if whole.verdict == "as it is":
        return "nothing: there is no number to differentiate"
    return f"nothing: use it from the mirror of {package}, or in a runner such as grad_bp"


_ADVICE: Final = (
    ("no sample", 'record its calls: {again} --record "pytest --pyargs {package}"'),
    ("no example gives it a number", "give calls with numbers: {again} --samples FILE"),
    ("varies with no argument", "give calls at which its result varies: {again} --samples FILE"),
    ("no argument holds", "give calls with floats: {again} --samples FILE"),
    ("longer than", "give calls that take less time: {again} --samples FILE"),
    ("ended the interpreter", "give it a rule: lifted(grad=...)(function)"),
    ("its check broke off", "report it, with the package's version"),
    ("another result each time", "fix its seed, or give it a rule: lifted(grad=...)(function)"),
)


def _no_such(name: str, places: Sequence[Place]) -> MirrorError:
    package = name.partition(".")[0]
    try:
        importlib.import_module(package)
    except (Exception, SystemExit) as error:
        return MirrorError(
            f"{package} cannot be imported.",
            "Give the dotted name of a function of an installed package.",
            why=f"{type(error).__name__}: {error}",
        )
    known = {finding.function for place in places for finding in place.ledger}
    known.update(f"{package}.{n}" for n in dir(sys.modules[package]) if not n.startswith("_"))
    close = difflib.get_close_matches(name, sorted(known), 3)
    return MirrorError(
        f"There is no function {name}.",
        f"Did you mean {' or '.join(close)}?" if close else "Give its dotted name: mylib.f",
    )
