"""Which calls of a function take different ways through its code."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from typing import Any, Final

from ..gradcheck import Sample
from ..gradcheck.calls import TimeIsUp, copied, limited, quiet
from ..gradcheck.samples import distinct
from .workers import worked

__all__ = ["covering", "thinned"]

_SECONDS: Final = 1.0


def thinned(
    calls: dict[str, tuple[Any, list[Sample]]], limit: int, jobs: int
) -> dict[str, list[Sample]]:
    """The calls of each function that are worth keeping.

    Parameters
    ----------
    calls : dict
        From names to functions and their calls.
    limit : int
        How many to keep of each.
    jobs : int
        How many functions at once are called again to see the ways that they take.
    """
    names = [name for name, (_, samples) in calls.items() if len(samples) > limit]

    def choose(task: int) -> list[int]:
        return covering(*calls[names[task]], limit)

    kept = {name: distinct(samples, limit) for name, (_, samples) in calls.items()}
    for what, task, chosen in worked(len(names), choose, jobs):
        if what == "done":
            samples = calls[names[task]][1]
            kept[names[task]] = [samples[k] for k in chosen]
    return kept


def covering(function: Any, samples: Sequence[Sample], limit: int) -> list[int]:
    """The numbers of calls that together take every way that any of them takes.

    Calls that end in an error come last: a gradient is checked on what the function answers.

    Parameters
    ----------
    function : callable
    samples : sequence of Sample
    limit : int
        How many at most; beyond the ways, those of different kinds.
    """
    ways = [_way(function, sample) for sample in samples]
    order = {id(sample): k for k, sample in enumerate(samples)}
    by_kind = [order[id(sample)] for sample in distinct(samples, len(samples), each=len(samples))]
    good = [k for k in by_kind if ways[k] is not None]
    first: dict[Any, int] = {}
    for k in good:
        first.setdefault(ways[k], k)
    chosen = list(first.values())
    rest = [k for k in (*good, *by_kind) if k not in first.values()]
    return sorted(list(dict.fromkeys([*chosen, *rest]))[:limit])


def _way(function: Any, sample: Sample) -> frozenset[tuple[str, int]] | None:
    """The lines of its own package that a call runs through; None where it fails."""
    root = (getattr(function, "__module__", None) or "").partition(".")[0]
    lines: set[tuple[str, int]] = set()

    def enter(frame: types.FrameType, event: str, _: Any) -> Any:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] != root:
            return None
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return step

    def step(frame: types.FrameType, event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return step

    before = sys.gettrace()
    try:
        with quiet(), limited(_SECONDS):
            args = [copied(value) for value in sample.args]
            settings = {name: copied(value) for name, value in sample.settings.items()}
            sys.settrace(enter)
            function(*args, **settings)
    except (Exception, SystemExit, TimeIsUp):
        return None
    finally:
        sys.settrace(before)
    return frozenset(lines)
