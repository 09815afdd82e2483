"""The check itself: one call, or all samples of a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from .._registry import Entry, dotted_name, registry
from .._run import backprop_with
from .call_check import CallCheck, UntoldError
from .calls import TimeIsUp, limited, moving_places, quiet
from .coordinates import Coordinates
from .doctests import docstring_samples
from .samples import Sample, distinct, perturbed, samples_of
from .verdicts import TOLERANCE, Problem, Report
from .waited import waited_for

__all__ = ["assert_grad", "check", "check_grad", "check_sample"]

# Findings after which further wrong samples are not diagnosed, since that takes time.
_ENOUGH: Final = 6
# Examples of a docstring that are looked at, at most, every kind of call before a second of any.
_EXAMPLES: Final = 8
# Samples of a function at which each argument is differentiated alone too.
_ALONE: Final = 2
# Numbers in a call at which the gradient of the gradient is checked too.
_FEW: Final = 30


def check_grad(
    f: Callable[..., Any],
    *args: Any,
    wrt: Iterable[str] | str | None = None,
    seed: int = 0,
    **settings: Any,
) -> Report:
    """Check the gradient of a function at one call.

    Parameters
    ----------
    f : callable
        An original that has a twin, or a function on BVars.
    *args
        Differentiated where they hold real or complex numbers; integers become floats where `f`
        takes them as such.
    wrt : str or iterable of str, optional
        Names of the arguments to differentiate instead, by position or keyword.
    seed : int, optional
        Of the random cotangents and directions.
    **settings
        Passed untouched.

    Returns
    -------
    Report
        It is true where the gradient was checked and found right. `check_grad` itself raises
        nothing, whatever `f` does; see `assert_grad`.

    Examples
    --------
    >>> from backprop_lift.gradcheck import check_grad
    >>> report = check_grad(lambda x, y: x * y + x, 2.0, 5.0)
    >>> report.right, report.per_argument
    (True, {'x': 'right', 'y': 'right'})
    """
    names = (wrt,) if isinstance(wrt, str) else None if wrt is None else tuple(wrt)
    if names is None:
        names = _given_by_position(f, args, settings)
    return check_sample(f, Sample(args, settings, "the call", names), seed=seed)


def _given_by_position(
    f: Any, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[str, ...] | None:
    if not settings:
        return None
    entry = registry.find(f)
    if entry is not None and entry.wrt:
        return entry.wrt
    return tuple(name for name, _ in moving_places(f, Sample(args), None, integers=True))


def assert_grad(f: Callable[..., Any], *args: Any, **options: Any) -> Report:
    """Check as `check_grad` does, and raise where the gradient is not found right.

    Raises
    ------
    AssertionError
        With the report.
    """
    report = check_grad(f, *args, **options)
    if not report.right:
        raise AssertionError(str(report))
    return report


def check(
    f: Callable[..., Any],
    samples: Iterable[Sample | tuple[Any, ...]] | None = None,
    *,
    seed: int = 0,
    limit: int | None = None,
    seconds: float | None = 10.0,
    run: Callable[..., Any] = backprop_with,
    entry: Entry | None = None,
    diagnose: bool = True,
    tolerance: float = TOLERANCE,
    second_order: bool = True,
    stop: bool = False,
) -> Report:
    """Check the gradient of a function at all its samples.

    Parameters
    ----------
    f : callable
    samples : iterable of Sample or tuple, optional
        By default those of ``samples=``; where there are none, the examples in its docstring.
    seed : int, optional
    limit : int, optional
        How many samples at most, every kind of call before a second one of any; all by default.
    seconds : float, optional
        Limit for each; in the main thread only.
    run : callable, optional
        ``run(f, *xs) -> (y, scaled_grad)``: by default this library's, but any engine may be
        checked.
    entry : Entry, optional
        Of the function, where it is not that of the registry.
    diagnose : bool, optional
        Look for the mistake behind a wrong gradient?
    tolerance : float, optional
        Relative difference of a derivative that is never called wrong, in double precision.
    second_order : bool, optional
        Differentiate the gradient of a rule, at the first call that is not large, and compare?
        What refuses to be differentiated twice may.
    stop : bool, optional
        Leave the other samples at the first that is found wrong?

    Returns
    -------
    Report
    """
    entry = registry.find(f) if entry is None else entry
    found = _all_samples(f, samples, entry, seed)
    report = Report(entry.name if entry is not None else dotted_name(f))
    if found:
        f, entry = waited_for(f, entry, found[0])
    started = time.process_time()
    for index, sample in enumerate(found if limit is None else distinct(found, limit)):
        options: dict[str, Any] = {
            "seed": seed + index,
            "seconds": seconds,
            "run": run,
            "entry": entry,
            "diagnose": diagnose and len(report.findings) < _ENOUGH,
            "alone": index < _ALONE,
            "tolerance": tolerance,
        }
        one = check_sample(f, sample, **options)
        report.extend(one)
        if stop and (any(one.failures()) or one.verdict == "wrong"):
            break
        if one.problems and one.problems[-1].text == _late(seconds):
            break  # as the others would
        if _wants_another(one):
            # Examples are fond of zeros, ones and corners; a step aside there is evidence.
            rng = np.random.default_rng((seed, index))
            moving = _moving(f, sample, entry)
            for _ in range(2):
                again = check_sample(f, perturbed(sample, rng, places=moving), **options)
                if not _wants_another(again):
                    report.extend(again)
                    break
        if seconds is not None and time.process_time() - started > 3 * seconds:
            report.problems.append(Problem("untold", "the other samples: time is up"))
            break
    if second_order and report.right and run is backprop_with and entry is not None:
        report.problems += _second_order_problems(f, report, entry, seed, seconds)
    if not found:
        report.problems.append(Problem("untold", "there is no sample"))
    return report


def _moving(f: Any, sample: Sample, entry: Entry | None) -> list[Any] | None:
    """The places of the arguments that move, where a rule says which."""
    wrt = sample.wrt or (entry.wrt or None if entry is not None else None)
    if wrt is None:
        return None
    return [place for _, place in moving_places(f, sample, wrt, entry=entry)]


def _second_order_problems(
    f: Any, report: Report, entry: Entry, seed: int, seconds: float | None
) -> list[Problem]:
    """What is wrong with the gradient of a rule's gradient."""
    from .second_order import second_order_of

    if entry.kind not in ("rule", "twin"):
        return []
    right = {outcome.sample for outcome in report.outcomes if outcome.verdict == "right"}
    for index in sorted(right):
        sample = report.samples[index]
        if sum(len(Coordinates(v)) for v in (*sample.args, *sample.settings.values())) > _FEW:
            continue
        found = second_order_of(f, sample, entry, seed=seed, seconds=seconds)
        text = [str(failure) for failure in found.failures()]
        text += [p.text for p in found.problems if p.kind in ("value", "contract")]
        text = [f"the gradient of its gradient is wrong: {t}" for t in text[:1]]
        return [Problem("contract", t, index) for t in text]
    return []


def _all_samples(f: Any, samples: Any, entry: Entry | None, seed: int) -> list[Sample]:
    if samples is not None:
        return [s if isinstance(s, Sample) else Sample(tuple(s)) for s in samples]
    found = samples_of(f, seed=seed, entry=entry)
    return found or distinct(docstring_samples(f), _EXAMPLES)


def _wants_another(report: Report) -> bool:
    """Did a call end in doubt, which another call near it may resolve?"""
    if any(problem.kind != "untold" for problem in report.problems):
        return False
    if any(not outcome.accepted for outcome in report.outcomes):
        return False
    verdicts = report.per_argument.values()
    return not verdicts or any(verdict != "right" for verdict in verdicts)


def check_sample(
    f: Callable[..., Any],
    sample: Sample,
    *,
    seed: int = 0,
    seconds: float | None = 10.0,
    run: Callable[..., Any] = backprop_with,
    entry: Entry | None = None,
    diagnose: bool = True,
    alone: bool = True,
    tolerance: float = TOLERANCE,
) -> Report:
    """Check the gradient of a function at one sample.

    Parameters
    ----------
    f, seed, seconds, run, entry, diagnose, tolerance
        As for `check`.
    sample : Sample
    alone : bool, optional
        Differentiate each argument alone and all together too, and compare?

    Returns
    -------
    Report
    """
    entry = registry.find(f) if entry is None else entry
    report = Report(entry.name if entry is not None else dotted_name(f))
    report.samples.append(sample)
    try:
        with quiet(), limited(seconds):
            options: dict[str, Any] = {"seed": seed, "diagnose": diagnose, "alone": alone}
            options["tolerance"] = tolerance
            CallCheck(_callable(f), sample, run, entry, report, **options).run_all()
    except TimeIsUp:
        report.problems.append(Problem("untold", _late(seconds)))
    except UntoldError as reason:
        report.problems.append(Problem("untold", str(reason)))
    return report


def _late(seconds: float | None) -> str:
    return f"it took longer than {seconds} seconds"


def _callable(f: Any) -> Any:
    """The function itself, or what reads a property of a class that is written in C."""
    return f if callable(f) else f.__get__
