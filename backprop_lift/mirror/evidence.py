"""The evidence: samples of a package's functions, and what checking their gradients found."""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from .._registry import Entry, Registry, dotted_name
from ..gradcheck import Report, Sample, check, check_sample
from ..gradcheck.calls import TimeIsUp, copied, limited, quiet
from ..gradcheck.coordinates import Coordinates
from ..gradcheck.leaves import parts
from ..gradcheck.verdicts import Outcome
from .beyond import beside, calls_moving, elsewhere, with_floats
from .drawing import drawn
from .effort import effort, how_many
from .ledger import FAILED, Finding
from .pool import Pool, parameters_of, takes_nothing
from .settled import settled
from .survey import Public
from .twins import by_body

__all__ = ["findings_of"]

# Calls of functions that a call may make, for drawn calls to be tried beside real ones.
_LIGHT: Final = 8_000
# The same in all drawn calls together; and how many of them are tried, at least and at most.
_TRIED: Final = 20_000
_FEWEST: Final = 4
_MOST: Final = 40
# Seconds that a drawn call may take; it is made hundreds of times.
_QUICK: Final = 0.05
# Drawn calls in which a function without floats is looked at besides each of its examples.
_ELSEWHERE: Final = 6
# Parameters that steer a computation and are no part of its mathematics.
_STEERING: Final = re.compile(r"^(.*tol|max_?iter|maxfun|eps|n_?iter.*|seed|n|num|order|degree)$")


def findings_of(
    public: Public,
    samples: list[Sample],
    pool: Pool,
    registry: Registry,
    source: str,
    *,
    seconds: float = 5.0,
    failing: list[Sample] | None = None,
) -> list[Finding]:
    """Check one function on its samples.

    Parameters
    ----------
    public : Public
    samples : list of Sample
    pool : Pool
        Values by parameter name.
    registry : Registry
        Whose rules are in force.
    source : str
        Hash of the function.
    seconds : float, optional
        Limit for one call and its check.
    failing : list, optional
        The calls at which it fails are added; they may be drawn ones.

    Returns
    -------
    list of Finding
        One for the function, and one for each of its arguments that was looked at.
    """
    judge = _Judge(public, registry, source, seconds)
    judge.samples = samples
    judge.pool = pool
    judge.failing = [] if failing is None else failing
    return judge.findings()


class _Judge:
    """One function being judged."""

    samples: list[Sample]
    pool: Pool
    failing: list[Sample]

    def __init__(self, public: Public, registry: Registry, source: str, seconds: float) -> None:
        self.name = public.home
        self.original = public.value
        self.function = settled(public.value)
        self.registry = registry
        self.source = source
        self.seconds = seconds
        self.started = time.process_time()
        self.work = 0
        self.tries = _FEWEST

    def findings(self) -> list[Finding]:
        entry = self.registry.find(self.original)
        if entry is not None and entry.kind == "no grad":
            return [self._whole("noGrad", entry.reason or "its author marked it no_grad")]
        if entry is not None and entry.kind != "composite" and self._is_foreign():
            status = _STATUS.get(entry.kind, "lifted")
            detail = "its rule is checked by the tests of backprop-lift"
            names = (name.partition("[")[0] for name in entry.wrt)
            right = [Finding(self.name, n, "right", source=self.source) for n in names]
            return [self._whole(status, detail), *(right if status == "lifted" else [])]
        if entry is not None and entry.kind != "composite":
            return self._checked(entry, _STATUS.get(entry.kind, "lifted"))
        if takes_nothing(self.original):
            return [self._whole("as it is", "it takes no arguments")]
        if not self.samples:
            return [self._whole("noGrad", "no sample: no example calls it, and drawn calls fail")]
        self.work = max(effort(self.function, sample) for sample in self.samples[:4])
        self.tries = min(max(_TRIED // (self.work + 1), _FEWEST), _MOST)
        if isinstance(self.function, np.vectorize):
            self.seconds /= 2
        constant = self._without_floats()
        if constant is not None:
            return constant
        try:
            twin = settled(by_body(self.original, self.registry))
        except Exception as error:
            return [self._whole("noGrad", _sentence(error))]
        entry = Entry(self.function, "composite", dotted_name(self.function), "")
        entry.make_twin = lambda: twin
        return self._checked(entry, "composite")

    def _is_foreign(self) -> bool:
        """Does a function belong to another package, whose rules come with this library?"""
        home = getattr(self.function, "__module__", None) or "numpy"
        return str(home).partition(".")[0] != self.name.partition(".")[0]

    def _has_time(self) -> bool:
        """Is there time for more than real calls?"""
        return self.work <= _LIGHT and time.process_time() - self.started < self.seconds

    def _may_try(self) -> bool:
        """May one more drawn call be checked? There are fewer for a function that takes long."""
        self.tries -= 1
        return self.tries >= 0 and self._has_time()

    def _limit(self) -> int:
        """How many samples are enough: fewer of a function that takes long.

        The items of one that is called item by item are checked with the function itself.
        """
        return 1 if isinstance(self.function, np.vectorize) else how_many(self.work)

    def _whole(self, verdict: str, detail: str, report: Report | None = None) -> Finding:
        calls = len(report.samples) if report is not None else 0
        options = _options(report.samples) if report is not None else "-"
        return Finding(
            self.name, "-", verdict, calls=calls, options=options, source=self.source, detail=detail
        )

    def _without_floats(self) -> list[Finding] | None:
        """What is found of a function that gives no floats, or is given none."""
        few = self.samples[: 3 if self.work <= _LIGHT else 1]
        results = [r for r in map(self._result, few) if r is not _FAILED]
        if not results:
            return [self._whole("noGrad", "no sample: every example of it fails")]
        given = [v for s in self.samples for v in (*s.args, *s.settings.values())]
        if not any(_holds_numbers(value, integers=True) for value in given):
            if all(_is_plain_data(value) for value in (*given, *results)) and not any(
                _holds_numbers(r, integers=False) for r in results
            ):
                return [self._whole("as it is", "a function without numbers")]
            if all(map(_is_plain_data, given)):
                return [self._whole("noGrad", "no example gives it a number")]
        results += map(self._result, map(with_floats, self.samples[:3]))
        if not any(r is not _FAILED and _holds_numbers(r, integers=False) for r in results):
            # a constant beyond some limit, such as 0 or 1, may be all that the examples have met
            rng = np.random.default_rng(0)
            tried = [elsewhere(s, rng) for s in self.samples[:3] for _ in range(_ELSEWHERE)]
            there = [self._result(sample, 10 * _QUICK) for sample in tried]
            results += there
            with_some = [
                sample
                for sample, result in zip(tried, there, strict=True)
                if result is not _FAILED and _holds_numbers(result, integers=False)
            ]
            self.samples = [*with_some[:3], *self.samples]
        if not all(r is _FAILED or _is_plain_data(r) for r in results) or any(
            r is not _FAILED and _holds_numbers(r, integers=False) for r in results
        ):
            return None
        entry = Entry(self.function, "locally constant", dotted_name(self.function), "")
        entry._twin = _on_roots(self.function)
        found = self._checked(entry, "locally constant")
        return found if found[0].verdict == "locally constant" else None

    def _result(self, sample: Sample, seconds: float | None = None) -> Any:
        try:
            with quiet(), limited(seconds or self.seconds):
                args = [copied(value) for value in sample.args]
                settings = {name: copied(value) for name, value in sample.settings.items()}
                return self.function(*args, **settings)
        except (Exception, SystemExit, TimeIsUp):
            return _FAILED

    def _checked(self, entry: Entry, status: str) -> list[Finding]:
        samples = self.samples or None
        if samples is not None and status != "locally constant":
            samples = [_without_steering(self.function, sample) for sample in samples]
        limit = self._limit()
        report = check(self.function, samples, limit=limit, seconds=self.seconds, entry=entry)
        if samples is not None and _is_in_doubt(report) and self._has_time():
            more = [*map(beside, samples[:2]), *drawn(self.original, self.pool)]
            if more:
                again = check(self.function, more, limit=6, seconds=self.seconds, entry=entry)
                report.extend(again)
        arguments = self._arguments(report)
        refusal = _refusal(report, status)
        if refusal:
            self.failing += [report.samples[i] for i in report.failed_calls()]
            return [self._whole("noGrad", refusal, report), *arguments]
        origins = {_origin(sample) for sample in report.samples} - {""}
        detail = f"right in {_counted(len(report.samples), 'call')}"
        if not report.right:
            detail = f"does not vary in {_counted(len(report.samples), 'call')}"
        if origins:
            detail += f" ({', '.join(sorted(origins)[:3])})"
        whole = self._whole(status, detail, report)
        if status == "locally constant":
            return [whole]
        if status == "composite":
            good = {o.sample for o in report.outcomes if o.verdict == "right"}
            self.samples = [report.samples[i] for i in sorted(good)] or self.samples
            jump = {finding.argument for finding in arguments if finding.verdict == "edge"}
            tested = {finding.argument for finding in arguments} - jump
            found = {finding.argument: finding for finding in self._beyond(entry, tested)}
            told = {name for name, f in found.items() if f.verdict in ("right", "flat")}
            arguments = [finding for finding in arguments if finding.argument not in told]
            arguments += [found[name] for name in found if name in told or name not in jump]
        return [whole, *arguments]

    def _arguments(self, report: Report) -> list[Finding]:
        found: dict[str, list[Outcome]] = {}
        for outcome in report.outcomes:
            found.setdefault(outcome.argument.partition("[")[0], []).append(outcome)
        return [self._argument(name, outcomes) for name, outcomes in found.items()]

    def _argument(self, name: str, outcomes: list[Outcome], detail: str = "") -> Finding:
        refuted = next((o for o in outcomes if not o.accepted), None)
        verdicts = {o.verdict for o in outcomes}
        if refuted is not None:
            word, detail = str(refuted.verdict), f"{FAILED}: {refuted}"
        else:
            word = next((v for v in _EVIDENCE if v in verdicts), "no evidence")
            word = "flat" if word == "no evidence" else word
        calls = len({o.sample for o in outcomes})
        return Finding(
            self.name, name, word, "differences", _worst(outcomes), calls, source=self.source,
            detail=detail,
        )  # fmt: skip

    def _beyond(self, entry: Entry, tested: set[str]) -> list[Finding]:
        """Parameters that no sample moves to any effect, tried with values that suit them."""
        found = []
        begun = time.process_time()
        for p in parameters_of(self.function):
            if time.process_time() - begun > _BEYOND * self.seconds:
                break
            if (
                p.name in tested
                or _STEERING.match(p.name)
                or p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
                or isinstance(p.default, (bool, str))
            ):
                continue
            # A part of the time for each, whatever came before.
            self.started = time.process_time() - _SPENT * self.seconds
            outcomes = self._tried(entry, p)
            if outcomes:
                found.append(self._argument(p.name, outcomes, "in drawn calls"))
        return found

    def _tried(self, entry: Entry, p: inspect.Parameter) -> list[Outcome]:
        flat: list[Outcome] = []
        for sample in self.samples[:3]:
            for more in calls_moving(self.function, p, sample, self.pool, self._result_or_none):
                if not self._has_time():
                    return flat
                if self._result(more) is _FAILED:
                    continue
                limit = self.seconds / 2
                report = check_sample(self.function, more, seconds=limit, entry=entry)
                if report.right:
                    return report.outcomes
                # An option that is left out by default may do nothing only beside other options.
                if (p.default is not None or p.name == "out") and _is_flat(report):
                    flat += report.outcomes
        return flat

    def _result_or_none(self, sample: Sample) -> Any:
        result = self._result(sample)
        return None if result is _FAILED else result


def _is_flat(report: Report) -> bool:
    """Did an argument move, and neither the result nor the twin's gradient notice?"""
    return (
        bool(report.outcomes)
        and not report.problems
        and all(o.analytic == 0.0 == o.numeric for o in report.outcomes)
    )


def _is_in_doubt(report: Report) -> bool:
    """Did all calls end without evidence, for or against?"""
    return not (
        report.right
        or report.refusals
        or any(report.failures())
        or any(p.kind != "untold" for p in report.problems)
    )


_FAILED: Final = object()
_SPENT: Final = 0.6
# Parts of the time for one call that all parameters may take which no sample moves.
_BEYOND: Final = 1.5
_STATUS: Final = {"locally constant": "locally constant", "rule": "lifted", "twin": "lifted"}
_EVIDENCE: Final = ("right", "kink", "edge", "noise", "no evidence")


def _worst(outcomes: list[Outcome]) -> str:
    """The worst relative difference of those found right, rounded up to a power of ten."""
    errors = [
        abs(o.analytic - o.numeric) / size
        for o in outcomes
        if o.verdict == "right" and (size := max(abs(o.numeric), abs(o.analytic))) > 0
    ]
    worst = max(errors, default=math.nan)
    if not math.isfinite(worst):
        return "-"
    return "1e-16" if worst < 1e-16 else f"1e{math.ceil(math.log10(worst)):+03d}"


def _refusal(report: Report, status: str) -> str:
    """Why a function is not differentiable in the mirror; empty where it is."""
    for problem in report.problems:
        if problem.kind in ("value", "contract"):
            return f"{FAILED}: {problem.text}"
    failure = next(report.failures(), None)
    if failure is not None:
        return f"{FAILED}: {failure}"
    if report.right:
        return ""
    told = [o for o in report.outcomes if o.verdict != "edge"]
    flat = bool(told) and all(o.analytic == 0.0 == o.numeric for o in told)
    if report.outcomes and (flat or status == "locally constant"):
        return ""  # a result that does not vary, and a twin that says so
    if report.refusals:
        error = report.refusals[0].error
        return _sentence(error) if error is not None else report.refusals[0].text
    if report.problems:
        return f"not checked: {report.problems[0].text}"
    return "not checked: its result varies with no argument in any example"


def _sentence(error: BaseException) -> str:
    """The first line of an error."""
    first = str(error).strip().partition("\n")[0]
    sentence = getattr(error, "sentence", None)
    return sentence or (f"{type(error).__name__}: {first}" if first else type(error).__name__)


def _without_steering(function: Callable[..., Any], sample: Sample) -> Sample:
    """A sample in which tolerances and counts do not move."""
    if sample.wrt is not None:
        return sample
    try:
        names = list(inspect.signature(function).parameters)
    except (ValueError, TypeError):
        return sample
    given = [*names[: len(sample.args)], *sample.settings]
    if not any(_STEERING.match(name) for name in given):
        return sample
    moving = tuple(name for name in given if not _STEERING.match(name))
    return Sample(sample.args, sample.settings, sample.origin, moving) if moving else sample


def _holds_numbers(value: Any, *, integers: bool) -> bool:
    return len(Coordinates(value, integers=integers)) > 0


def _is_plain_data(value: Any, depth: int = 0) -> bool:
    """Is a value nothing but numbers, strings and containers of these?"""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return True
    if isinstance(value, (np.ndarray, np.generic)):
        return bool(value.dtype.kind != "O")
    found = parts(value) if depth < 6 else None
    return found is not None and all(_is_plain_data(part, depth + 1) for _, part in found)


def _on_roots(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of BVars that calls another on what they stand for."""
    from .._bvar import rooted

    def twin(*args: Any, **kwargs: Any) -> Any:
        return function(*map(rooted, args), **{k: rooted(v) for k, v in kwargs.items()})

    return twin


def _options(samples: list[Sample]) -> str:
    """The settings by keyword that the calls gave, where they can be said in a word."""
    found: set[str] = set()
    for sample in samples:
        for name, value in _said(sample.settings):
            found.add(f"{name}={value!r}")
    return " ".join(sorted(found)[:12]) or "-"


def _said(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in settings.items()
        if isinstance(value, (bool, str)) and len(str(value)) < 24 and " " not in str(value)
    ]


def _origin(sample: Sample) -> str:
    return sample.origin.removeprefix("near ").partition(" ")[0].replace("doctest", "doctests")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
