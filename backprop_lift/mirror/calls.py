"""Calls of a package's functions, to check their gradients on.

The best are real: those of a samples file, and those that the examples of docstrings make. Where
there are none, calls are drawn: a parameter takes the values that other functions of the package
were given under its name. A function that only computes, by its code, is also tried with numbers
of ordinary sizes. What the original accepts with a finite result is a sample like any other, since
its gradient is compared with differences of the original itself.
"""

from __future__ import annotations

import datetime
import enum
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np

from ..gradcheck import Sample
from ..gradcheck.calls import TimeIsUp, copied, limited, quiet
from ..gradcheck.coordinates import Coordinates
from ..gradcheck.doctests import Recorder, _run_examples
from ..gradcheck.samples import distinct, perturbed
from .purity import only_computes
from .survey import Survey

__all__ = ["Pool", "drawn", "examples", "recorded"]

_EACH: Final = 8
_TRIES: Final = 90
_WANTED: Final = 4


def recorded(survey: Survey, skip: Iterable[str] = (), say: Callable[[str], None] = lambda _: None
             ) -> dict[int, list[Sample]]:  # fmt: skip
    """The calls that the examples of all docstrings make, by the id of the function.

    Parameters
    ----------
    survey : Survey
    skip : iterable of str, optional
        Owners of docstrings that are not run.
    say : callable, optional
        Told the owner of each docstring before its examples run.
    """
    functions = [public.value for public in survey.functions()]
    inner = [f.pyfunc for f in functions if isinstance(f, np.vectorize)]
    methods = [m for public in survey.classes() for m in methods_of(public.value).values()]
    recorder = Recorder([*functions, *inner, *methods])
    seen: set[str] = set()
    for owner, docs, module in examples(survey):
        if owner in skip or docs in seen:
            continue
        seen.add(docs)
        say(owner)
        _run_examples(docs, module, owner.removeprefix(f"{module.__name__}."), recorder, 10.0)
    found = {id(f): distinct(calls, _EACH) for f, calls in recorder.samples.items()}
    for f in functions:
        if isinstance(f, np.vectorize) and id(f) not in found and id(f.pyfunc) in found:
            found[id(f)] = found[id(f.pyfunc)]
    return found


def examples(survey: Survey) -> Iterator[tuple[str, str, types.ModuleType]]:
    """The docstrings with examples: their owners, themselves, and the modules that they see."""
    homes = {module.name: module.value for module in survey.modules}
    for name, module in homes.items():
        yield from _with_examples(name, module, module)
    for public in (*survey.functions(), *survey.classes()):
        own = getattr(public.value, "__module__", None)
        seen_from = sys.modules.get(own or "") or homes[public.home.rpartition(".")[0]]
        yield from _with_examples(public.home, public.value, seen_from)
        if isinstance(public.value, type):
            for name, method in methods_of(public.value).items():
                yield from _with_examples(f"{public.home}.{name}", method, seen_from)


def _with_examples(
    owner: str, value: Any, module: types.ModuleType
) -> Iterator[tuple[str, str, types.ModuleType]]:
    docs = getattr(value, "__doc__", None)
    if isinstance(docs, str) and ">>>" in docs:
        yield owner, inspect.cleandoc(docs), module


def methods_of(cls: type) -> dict[str, Any]:
    """The methods that a class defines in Python, by name."""
    return {
        name: member
        for name, member in vars(cls).items()
        if isinstance(member, types.FunctionType)
        and (not name.startswith("_") or name == "__init__")
    }


class Pool:
    """The values that were given under each parameter's name.

    Parameters
    ----------
    calls : iterable of (callable, list of Sample)
    """

    def __init__(self, calls: Iterable[tuple[Any, list[Sample]]]) -> None:
        self._values: dict[str, list[Any]] = {}
        for function, samples in calls:
            parameters = parameters_of(function)
            for sample in samples:
                names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
                for name, value in (*zip(names, sample.args), *sample.settings.items()):  # noqa: B905
                    self._values.setdefault(name, []).append(value)

    def of(self, name: str, limit: int = 6) -> list[Any]:
        """Values given under a name: numbers first, then of every kind one."""
        found = sorted(self._values.get(name, []), key=np.size)
        return [s.args[0] for s in distinct([Sample((v,)) for v in found], limit)]

    def numbers_of(self, name: str, limit: int = 3) -> list[Any]:
        """Those of them that hold numbers."""
        return [v for v in self.of(name) if len(Coordinates(v, integers=True))][:limit]


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """The parameters of a callable; none where Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []


def drawn(function: Any, pool: Pool) -> list[Sample]:
    """Calls of a function for which there are no real ones.

    Parameters
    ----------
    function : callable
    pool : Pool
        Values by parameter name.
    """
    parameters = parameters_of(function)
    needed = [
        p for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]  # fmt: skip
    if not needed or len(needed) > 12 or any(p.kind is p.KEYWORD_ONLY for p in needed):
        return []
    if not only_computes(function):
        return []
    found: list[Sample] = []
    scalars = 0
    for args in itertools.islice(_candidates(needed, pool), _TRIES):
        sample = Sample(args, {}, "drawn")
        arrays = any(isinstance(a, np.ndarray) for a in args)
        if scalars >= _WANTED and not arrays:
            continue
        if _answers(function, sample):
            found.append(sample)
            scalars += not arrays
        if len(found) >= _WANTED + 1 or (scalars >= _WANTED and arrays):
            break
    return found


def _candidates(needed: list[inspect.Parameter], pool: Pool) -> Iterator[tuple[Any, ...]]:
    """Arguments to try: values seen under the parameters' names, then numbers of ordinary sizes."""
    rng = np.random.default_rng(sum(map(ord, "".join(p.name for p in needed))))
    known = [pool.of(p.name) or _by_annotation(p.annotation) for p in needed]
    if all(known):
        single = [[v for v in values if np.size(v) == 1] or values for values in known]
        for choice in (single, known):
            for k in range(6):
                yield tuple(values[k % len(values)] for values in choice)
                yield tuple(values[rng.integers(len(values))] for values in choice)
    for make, times in _KINDS:
        for _ in range(times):
            yield tuple(
                values[rng.integers(len(values))] if values else make(rng) for values in known
            )


def _by_annotation(annotation: Any) -> list[Any]:
    """Values for a parameter that is no number, by what its annotation says."""
    if isinstance(annotation, str):
        annotation = {"datetime": datetime.datetime, "bool": bool, "int": int}.get(
            annotation.rpartition(".")[2], annotation
        )
    if annotation is datetime.datetime:
        return [datetime.datetime(2019, 6, 21, 15, 7, 2), datetime.datetime(2004, 2, 29, 4, 0)]
    if annotation is bool:
        return [True, False]
    if annotation is int:
        return [3, 2]
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return list(annotation)[:3]
    return []


# Numbers of ordinary sizes: fractions, angles, lengths, temperatures, pressures.
_SIZES: Final = (0.3, 0.7, 1.6, 12.0, 35.0, 300.0, 1e5)


def _number(rng: np.random.Generator) -> float:
    size = _SIZES[rng.integers(len(_SIZES))]
    return float(f"{size * rng.uniform(0.7, 1.3):.4g}")


def _array(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: np.round(rng.uniform(0.2, 2.0, shape), 4)


def _fraction(rng: np.random.Generator) -> float:
    return round(float(rng.uniform(0.1, 0.9)), 4)


def _pair(rng: np.random.Generator) -> Any:
    return _fraction(rng), _number(rng)


# What to try, and how often. Ones with numbers come first: where they do, few arrays follow.
_KINDS: Final[tuple[tuple[Callable[[np.random.Generator], Any], int], ...]] = (
    (_number, 24), (_fraction, 6), (_array(3), 3), (_array(4), 3), (_array(3, 3), 3),
    (_array(4, 4), 3), (_pair, 4), (_array(2), 2), (_array(7), 2), (_array(6), 2),
)  # fmt: skip


def _answers(function: Any, sample: Sample) -> bool:
    """Does a function take a call, with a finite result that varies with its arguments?"""
    rng = np.random.default_rng(0)
    try:
        with quiet(), limited(1.0):
            here = Coordinates(function(*(copied(a) for a in sample.args)))
            if not len(here) or not np.isfinite(here.vector).any():
                return False
            beside = perturbed(sample, rng, relative=1e-3)
            there = Coordinates(function(*beside.args))
            return not np.array_equal(here.vector, there.vector, equal_nan=True)
    except (Exception, SystemExit, TimeIsUp):
        return False
