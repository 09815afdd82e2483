"""Gradients of gradients: can the rules of a function be differentiated themselves?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._registry import Entry, dotted_name, registry
from .._run import backprop_with
from .calls import Call, TimeIsUp, limited, moving_places, quiet
from .checking import check_sample
from .coordinates import Coordinates
from .samples import Sample
from .verdicts import Problem, Report

__all__ = ["check_second_order", "second_order_of"]

# A gradient that stops an iteration some digits early has a derivative with fewer of them.
_TOLERANCE: Final = 1e-4


def check_second_order(f: Callable[..., Any], *args: Any, seed: int = 0, **settings: Any) -> Report:
    """Check the gradient of a function's gradient at one call: that its rules can be differentiated.

    Parameters
    ----------
    f, *args, seed, **settings
        As for `check_grad`.

    Returns
    -------
    Report
    """
    return second_order_of(f, Sample(args, settings, "the call"), registry.find(f), seed=seed)


def second_order_of(
    f: Callable[..., Any],
    sample: Sample,
    entry: Entry | None,
    *,
    seed: int = 0,
    seconds: float | None = 10.0,
) -> Report:
    """The same at a sample, for an entry of any registry.

    Parameters
    ----------
    f, sample, entry, seed, seconds
        As for `check_sample`.
    """
    name = f"the gradient of {entry.name if entry is not None else dotted_name(f)}"
    try:
        with quiet(), limited(seconds):
            gradient, xs = _gradient_of(f, sample, entry, seed)
    except (Exception, SystemExit, TimeIsUp) as error:
        report = Report(name)
        report.problems.append(Problem("untold", f"{type(error).__name__}: {error}"))
        return report
    options: dict[str, Any] = {"alone": False, "tolerance": _TOLERANCE}
    report = check_sample(gradient, Sample(tuple(xs)), seed=seed, seconds=seconds, **options)
    report.name, report.samples = name, [sample]
    return report


def _gradient_of(
    f: Callable[..., Any], sample: Sample, entry: Entry | None, seed: int
) -> tuple[Callable[..., Any], list[Any]]:
    """The gradient at a random cotangent as a function of the moving arguments, and these."""
    wrt = sample.wrt or (entry.wrt or None if entry is not None else None)
    call = Call(f, sample, moving_places(f, sample, wrt, entry=entry))
    twin = call.with_moving(f if entry is None else entry.twin)
    result = Coordinates(call.plain(call.origin))
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, len(result)) * rng.choice([-1.0, 1.0], len(result))

    def gradient(*xs: Any) -> Any:
        return backprop_with(twin, *xs)[1](result.cotangent(weights))

    if all(name.isidentifier() for name in call.names):
        given = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in call.names]
        gradient.__signature__ = inspect.Signature(given)  # type: ignore[attr-defined]
    return gradient, call.arguments(call.origin)
