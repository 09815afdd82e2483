"""Calls of a package's functions, to check their gradients on.

The best are real: those of a samples file, and those that the examples of docstrings make. Where
there are none, calls are drawn: a parameter takes the values that other functions of the package
were given under its name. A function that only computes, by its code, is also tried with numbers
of ordinary sizes. What the original accepts with a finite result is a sample like any other, since
its gradient is compared with differences of the original itself.
"""

from __future__ import annotations

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
from ..gradcheck.samples import distinct
from .purity import only_computes
from .survey import Survey

__all__ = ["Pool", "drawn", "examples", "recorded"]

_EACH: Final = 8
_TRIES: Final = 60
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
    for module in survey.modules:
        yield from _with_examples(module.name, module.value, module.value)
    homes = {module.name: module.value for module in survey.modules}
    for public in (*survey.functions(), *survey.classes()):
        module = homes[public.home.rpartition(".")[0]]
        own = getattr(public.value, "__module__", None)
        seen_from = sys.modules.get(own or "", module)
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
        if isinstance(member, types.FunctionType) and (not name.startswith("_") or name == "__init__")
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
                given = [*zip(names, sample.args), *sample.settings.items()]  # noqa: B905
                for name, value in given:
                    if len(Coordinates(value, integers=True)):
                        self._values.setdefault(name, []).append(value)

    def of(self, name: str, limit: int = 6) -> list[Any]:
        """Values given under a name, of different kinds first."""
        found = self._values.get(name, [])
        return [s.args[0] for s in distinct([Sample((v,)) for v in found], limit)]


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
    kinds: dict[Any, int] = {}
    for args in itertools.islice(_candidates(needed, pool), _TRIES):
        sample = Sample(args, {}, "drawn")
        kind = tuple((type(a).__name__, np.shape(a)) for a in args)
        if kinds.get(kind, 0) < 3 and _answers(function, sample):
            kinds[kind] = kinds.get(kind, 0) + 1
            found.append(sample)
            if len(found) >= _WANTED:
                break
    return found


def _candidates(needed: list[inspect.Parameter], pool: Pool) -> Iterator[tuple[Any, ...]]:
    """Arguments to try: values seen under the parameters' names, then numbers of ordinary sizes."""
    rng = np.random.default_rng(sum(map(ord, "".join(p.name for p in needed))))
    known = [pool.of(p.name) for p in needed]
    if all(known):
        for k in range(12):
            yield tuple(values[k % len(values)] for values in known)
            yield tuple(values[rng.integers(len(values))] for values in known)
    for make in _KINDS:
        for _ in range(8 if make is _KINDS[0] else 3):
            yield tuple(
                values[rng.integers(len(values))] if values else make(rng) for values in known
            )


# Numbers of ordinary sizes: fractions, angles, lengths, temperatures, pressures.
_SIZES: Final = (0.3, 0.7, 1.6, 12.0, 35.0, 300.0, 1e5)


def _number(rng: np.random.Generator) -> float:
    size = _SIZES[rng.integers(len(_SIZES))]
    return float(f"{size * rng.uniform(0.7, 1.3):.4g}")


def _array(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: np.round(rng.uniform(0.2, 2.0, shape), 4)


_KINDS: Final[tuple[Callable[[np.random.Generator], Any], ...]] = (
    _number, lambda rng: round(float(rng.uniform(0.1, 0.9)), 4), _array(3), _array(4), _array(3, 3),
    _array(4, 4), _array(2), _array(7), _array(6),
)  # fmt: skip


def _answers(function: Any, sample: Sample) -> bool:
    """Does a function take a call, with a result that holds a finite number?"""
    try:
        with quiet(), limited(1.0):
            result = function(*(copied(a) for a in sample.args))
            numbers = Coordinates(result)
            return len(numbers) > 0 and bool(np.isfinite(numbers.vector).any())
    except (Exception, SystemExit, TimeIsUp):
        return False
