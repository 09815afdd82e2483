"""Samples: calls at which a gradient is checked.

They come from ``samples=``, from the examples of docstrings, from recorded runs and from samples
files. Real calls beat random numbers; `perturbed` moves a real one a little, off the zeros, ones
and identities that examples are fond of.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from .._registry import Entry, registry
from ..errors import SampleError
from .coordinates import Coordinates
from .leaves import parts

__all__ = ["Sample", "distinct", "perturbed", "samples_of", "shape_of_call"]


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A call at which a gradient is checked.

    Parameters
    ----------
    args : tuple
        Given by position.
    settings : dict, optional
        Given by keyword.
    origin : str, optional
        Where it comes from, for reports.
    wrt : tuple of str, optional
        Names of the arguments to differentiate, however they are given. By default those that the
        function's rule differentiates, or else all that hold numbers.

    Examples
    --------
    >>> Sample((1.5, 2.0), {"axis": 0})
    Sample((1.5, 2.0), {'axis': 0})
    """

    args: tuple[Any, ...] = ()
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    origin: str = ""
    wrt: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        given = [repr(self.args)] + ([repr(self.settings)] if self.settings else [])
        return f"Sample({', '.join(given)})"


def samples_of(function: Any, *, seed: int = 0, entry: Entry | None = None) -> list[Sample]:
    """The samples that a function's author gave with ``samples=``.

    Parameters
    ----------
    function : callable
        The original.
    seed : int, optional
        Of the generator for samples that are a function of one.
    entry : Entry, optional
        Where it is not that of the registry.

    Raises
    ------
    SampleError
        If what was given is no list of argument tuples.
    """
    entry = registry.find(function) if entry is None else entry
    if entry is None or entry.samples is None:
        return []
    given: Any = entry.samples
    if callable(given):
        given = given(np.random.default_rng(seed))
    names = _parameter_names(function)
    found = []
    for index, sample in enumerate(given):
        if isinstance(sample, Sample):
            found.append(sample)
            continue
        if not isinstance(sample, (tuple, list)):
            raise SampleError(
                f"A sample of {entry.name} is no tuple of arguments.",
                "Give samples=[(x, y), ...], with one tuple a call.",
                rule=entry.where,
                got=repr(sample)[:80],
            )
        args, settings = tuple(sample), {}
        if args and isinstance(args[-1], dict) and args[-1] and names >= set(args[-1]):
            args, settings = args[:-1], args[-1]
        found.append(Sample(args, settings, f"samples= [{index}]"))
    return found


def _parameter_names(function: Any) -> set[Any]:
    try:
        return set(inspect.signature(function).parameters) - {"kwargs"}
    except (ValueError, TypeError):
        return {"where", "dtype", "out", "casting", "order"}


def shape_of_call(sample: Sample) -> Any:
    """What tells one kind of call from another: structure, shapes, dtypes and options.

    Numbers are left out, strings and booleans kept, so that calls which take the same path count
    once.
    """
    args = tuple(_shape(value) for value in sample.args)
    return args, tuple(sorted((name, _shape(value)) for name, value in sample.settings.items()))


def _shape(value: Any, depth: int = 0) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return (str(value.dtype), value.shape)
    if value is None or isinstance(value, (bool, str)):
        return (type(value).__name__, value)
    if isinstance(value, (int, float, complex, np.generic)):
        return type(value).__name__
    found = parts(value) if depth < 5 else None
    if found is None:
        name = getattr(value, "__qualname__", None)
        return (type(value).__name__, name if isinstance(name, str) else "")
    # A long list of equals is one kind, whatever its length.
    inner = [
        (str(key) if not isinstance(key, int) else "", _shape(p, depth + 1)) for key, p in found
    ]
    return (type(value).__name__, tuple(sorted(set(inner), key=repr)))


def distinct(samples: Iterable[Sample], limit: int, each: int = 3) -> list[Sample]:
    """The first samples of each kind, every kind before a second one of any.

    Parameters
    ----------
    samples : iterable of Sample
    limit : int
        How many at most.
    each : int, optional
        How many of one kind at most.
    """
    rounds: list[list[Sample]] = [[] for _ in range(each)]
    seen: dict[Any, int] = {}
    for sample in samples:
        kind = repr(shape_of_call(sample))
        count = seen.get(kind, 0)
        if count < each:
            rounds[count].append(sample)
            seen[kind] = count + 1
    if len(rounds[0]) > limit:
        return _covering(rounds[0], limit)
    return [sample for found in rounds for sample in found][:limit]


def _covering(samples: list[Sample], limit: int) -> list[Sample]:
    """As many samples as wanted, that show as much as may be: each next one adds most of what is new.

    What they show is the kind of numbers and the count of axes of each argument, and each option.
    """
    left = [(sample, _traits(sample)) for sample in samples]
    seen: set[Any] = set()
    chosen: list[Sample] = []
    while left and len(chosen) < limit:
        k = max(range(len(left)), key=lambda k: (len(left[k][1] - seen), -k))
        sample, traits = left.pop(k)
        seen |= traits
        chosen.append(sample)
    return chosen


def _traits(sample: Sample) -> set[Any]:
    found: set[Any] = set()
    for place, value in (*enumerate(sample.args), *sample.settings.items()):
        if isinstance(value, np.ndarray):
            found |= {(place, value.dtype.kind), (place, value.ndim)}
        else:
            found.add((place, repr(_shape(value))))
    return found


def perturbed(
    sample: Sample,
    rng: np.random.Generator,
    *,
    relative: float = 0.05,
    places: Collection[Any] | None = None,
) -> Sample:
    """A call like another, with its real and complex numbers moved a little.

    Those of some arguments only, if `places` names these as `moving_places` does: an object, or
    the knots of a spline, may not be what they are any more. Integers, strings and options stay. A number moves by `relative` of its size, one that is zero
    by `relative` of the largest beside it.
    """

    def moved(value: Any) -> Any:
        here = Coordinates(value)
        if not len(here):
            return value
        step = relative * here.scales() * rng.uniform(0.2, 1.0, len(here))
        return here.rebuilt(here.vector + step * rng.choice([-1.0, 1.0], len(here)))

    def is_free(place: Any) -> bool:
        return places is None or place in places

    origin = sample.origin if sample.origin.startswith("near ") else f"near {sample.origin}"
    return Sample(
        tuple(moved(v) if is_free(("args", i)) else v for i, v in enumerate(sample.args)),
        {k: moved(v) if is_free(("settings", k)) else v for k, v in sample.settings.items()},
        origin,
        sample.wrt,
    )


def canonical(function: Callable[..., Any], bound: dict[str, Any], origin: str) -> Sample:
    """The call that gives each parameter its value, as short as it can be written.

    Parameters
    ----------
    function : callable
    bound : dict
        The value of each parameter, as its frame sees them at entry.
    origin : str
    """
    args: list[Any] = []
    settings: dict[str, Any] = {}
    by_name = False
    for name, p in inspect.signature(function).parameters.items():
        if name not in bound:
            by_name = True
            continue
        value = bound[name]
        if p.kind is p.VAR_POSITIONAL:
            args.extend(value)
        elif p.kind is p.VAR_KEYWORD:
            settings.update(value)
        elif value is p.default and p.kind is not p.POSITIONAL_ONLY:
            by_name = True
        elif p.kind is p.KEYWORD_ONLY or (by_name and p.kind is not p.POSITIONAL_ONLY):
            settings[name] = value
        else:
            args.append(value)
    return Sample(tuple(args), settings, origin)
