"""Calls that are drawn, for functions of which no real ones are known.

A parameter takes the values that other functions of the package were given under its name, or
results that docstrings call by it, or what its own documentation and annotation ask for, or numbers
of ordinary sizes. Only functions that compute, by their code, are tried. What the original accepts
with a finite result that varies is a sample like any other: its gradient is compared with
differences of the original itself.
"""

from __future__ import annotations

import datetime
import enum
import inspect
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from ..gradcheck import Sample
from ..gradcheck.calls import TimeIsUp, copied, limited, quiet
from ..gradcheck.coordinates import Coordinates
from ..gradcheck.samples import perturbed
from .documented import Documented, documented
from .members import own_init
from .pool import Pool, parameters_of, size_of
from .purity import only_computes
from .settled import settled

__all__ = ["answers", "drawn", "result_of", "suggested"]

_TRIES: Final = 240
_WANTED: Final = 4
_LARGE: Final = 100
_SECONDS: Final = 2.0
_BY_POSITION: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def drawn(function: Any, pool: Pool, *, seconds: float = _SECONDS) -> list[Sample]:
    """Calls of a function for which there are no real ones.

    Parameters
    ----------
    function : callable
    pool : Pool
        Values by parameter name.
    seconds : float, optional
        Of computing, after which no more calls are tried.
    """
    parameters = parameters_of(function)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return []
    body = own_init(function) if isinstance(function, type) else function
    if not only_computes(getattr(body, "__func__", body)):
        return []
    until = time.process_time() + seconds
    found: list[Sample] = []
    covered: set[str] = set()
    for given in _given(parameters, documented(function)[0], pool):
        names = {p.name for p in given}
        if not names <= covered:
            more = _accepted(function, given, pool, until, few=bool(found))
            found += more
            covered |= names if more else set()
    return found


def _given(
    parameters: list[inspect.Parameter], said: dict[str, Documented], pool: Pool
) -> Iterator[list[inspect.Parameter]]:
    """Which parameters to give: those that must be, then with options of which some must be."""
    needed = [p for p in parameters if p.default is p.empty and p.kind in _BY_POSITION]
    if len(needed) > 12 or needed != parameters[: len(needed)]:
        return
    options = [p for p in parameters if p.default is None and p.kind is not p.POSITIONAL_ONLY]
    if needed:
        yield needed
    else:
        yield from ([p] for p in options[:1])
        yield from ([p, p] for p in parameters if p.kind is p.VAR_POSITIONAL)
    told = [p for p in options if (p.name in said and said[p.name].kind) or pool.of(p.name)][:6]
    yield from ([*needed, p] for p in told)
    yield from ([*needed, *pair] for pair in itertools.combinations(told, 2))
    if len(told) > 2:
        yield [*needed, *told]
    numbers = [p for p in parameters if type(p.default) in (int, float)]
    if not needed and numbers:
        yield numbers


def _accepted(
    function: Any, given: list[inspect.Parameter], pool: Pool, until: float, *, few: bool
) -> list[Sample]:
    """The calls that a function answers, among those that give it some of its parameters."""
    found: list[Sample] = []
    scalars = 0
    tries = _TRIES // 4 if few else _TRIES
    for args in itertools.islice(_candidates(function, given, pool), tries):
        if time.process_time() > until:
            break
        arrays = any(isinstance(a, np.ndarray) for a in args)
        if scalars >= _WANTED and not arrays:
            continue
        count = sum(p.default is p.empty for p in given)
        names = [p.name for p in given[count:]]
        sample = Sample(args[:count], dict(zip(names, args[count:], strict=True)), "drawn")
        if answers(function, sample):
            found.append(sample)
            scalars += not arrays
        if len(found) >= _WANTED + 1 or (scalars >= _WANTED and arrays) or (few and found):
            break
    return found


def _candidates(
    function: Any, given: list[inspect.Parameter], pool: Pool
) -> Iterator[tuple[Any, ...]]:
    """Arguments to try: values seen under the parameters' names, then numbers of ordinary sizes."""
    rng = np.random.default_rng(sum(map(ord, "".join(p.name for p in given))))
    said = documented(function)[0]
    known = [_known(p, said.get(p.name), pool) for p in given]
    if all(known):
        single = [[v for v in values if size_of(v) == 1] or values for values in known]
        for choice in (single, known):
            for k in range(6):
                aligned = [values[k % len(values)] for values in choice]
                if len({id(value) for value in aligned}) == len(aligned):
                    yield tuple(aligned)
                else:  # q1 and q2 are two
                    yield tuple(values[(k + i) % len(values)] for i, values in enumerate(choice))
                yield tuple(values[rng.integers(len(values))] for values in choice)
        for k in range(4):
            yield tuple(_as_floats(values[k % len(values)], rng) for values in known)
    tried = [pool.tried(p.name) or values for p, values in zip(given, known, strict=True)]
    if any(tried) and tried != known:
        for _ in range(36):
            yield tuple(
                values[rng.integers(len(values))] if values else _number(rng) for values in tried
            )
    if any(p.name in said and said[p.name].kind for p in given):
        for _ in range(12):
            yield tuple(
                values[rng.integers(len(values))] if values else _as_said(said.get(p.name), rng)
                for p, values in zip(given, known, strict=True)
            )
    for make, times in _KINDS:
        for _ in range(times):
            yield tuple(
                values[rng.integers(len(values))] if values else make(rng) for values in known
            )
    for makers in _mixtures(len(given), rng):
        yield tuple(
            values[rng.integers(len(values))] if values else make(rng)
            for make, values in zip(makers, known, strict=True)
        )
        if any(known):
            yield tuple(make(rng) for make in makers)


def _known(p: inspect.Parameter, said: Documented | None, pool: Pool) -> list[Any]:
    """Values that are known to suit a parameter."""
    if type(p.default) in (int, float):
        return [float(p.default)]
    if said is not None and said.kind == "choice":
        return list(said.choices)
    return _fitting(pool.of(p.name), said) or _by_annotation(p.annotation)


def _mixtures(count: int, rng: np.random.Generator) -> Iterator[Sequence[_Maker]]:
    """Different kinds of arguments in one call: all mixtures of few, some of many."""
    if count <= 3:
        yield from itertools.product(_MIXED, repeat=count)
    else:
        for _ in range(30):
            yield [_MIXED[rng.integers(len(_MIXED))] for _ in range(count)]


def suggested(function: Any, p: inspect.Parameter) -> list[Any]:
    """Values for an option that its documentation or annotation says to be numbers."""
    said = documented(function)[0].get(p.name)
    rng = np.random.default_rng(sum(map(ord, p.name)))
    if said is not None and said.kind in ("number", "array"):
        return [_as_said(said, rng) for _ in range(2)]
    return [_fraction(rng)] if said is None and p.default is None else []


def _fitting(values: list[Any], said: Documented | None) -> list[Any]:
    """Those values that have as many dimensions as the docstring says."""
    values = [v for v in values if _is_small(v)]
    if said is None or said.kind != "array":
        return values
    return [v for v in values if np.ndim(v) == len(said.shape) and size_of(v) > 1]


def _is_small(value: Any) -> bool:
    """Is a value one that a check is soon done with?"""
    try:
        return int(np.size(value)) <= _LARGE
    except Exception:  # what cannot be an array
        return True


def _as_floats(value: Any, rng: np.random.Generator) -> Any:
    """Integers in a list or array as floats, a little off themselves."""
    if not isinstance(value, (list, tuple, np.ndarray)) or len(Coordinates(value)):
        return value
    here = Coordinates(value, integers=True)
    return here.rebuilt(here.vector + rng.uniform(0.05, 0.2, len(here)))


def _as_said(said: Documented | None, rng: np.random.Generator) -> Any:
    """A value such as a docstring asks for."""
    if said is None or said.kind in ("", "number"):
        return _fraction(rng)
    if said.kind == "array":
        return np.round(rng.uniform(0.1, 0.9, said.shape), 4)
    if said.kind == "choice":
        return said.choices[int(rng.integers(len(said.choices)))] if said.choices else ""
    return bool(rng.integers(2)) if said.kind == "bool" else int(rng.integers(1, 4))


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


_Maker = Callable[[np.random.Generator], Any]
_MIXED: Final[tuple[_Maker, ...]] = (_fraction, _pair, _array(3), _array(3, 2))

# What to try, and how often. Ones with numbers come first: where they do, few arrays follow.
_KINDS: Final[tuple[tuple[_Maker, int], ...]] = (
    (_number, 60), (_fraction, 6), (_array(3), 3), (_array(4), 3), (_array(3, 3), 3),
    (_array(4, 4), 3), (_pair, 4), (_array(2), 2), (_array(7), 2), (_array(6), 2),
)  # fmt: skip


def result_of(function: Any, sample: Sample) -> Any:
    """The result of a call, or None where it fails."""
    try:
        with quiet(), limited(1.0):
            return _called(function, sample)
    except (Exception, SystemExit, TimeIsUp):
        return None


def _called(function: Any, sample: Sample) -> Any:
    args = [copied(value) for value in sample.args]
    return settled(function)(*args, **{name: copied(v) for name, v in sample.settings.items()})


def answers(function: Any, sample: Sample) -> bool:
    """Does a function take a call, with a finite result that varies with its arguments?"""
    rng = np.random.default_rng(0)
    try:
        with quiet(), limited(1.0):
            here = Coordinates(_called(function, sample))
            if not len(here) or not np.isfinite(here.vector).any():
                return False
            for relative in (1e-3, 1e-8):  # some take nothing that is not almost a rotation
                try:
                    near = perturbed(sample, rng, relative=relative)
                    there = Coordinates(_called(function, near))
                except Exception:
                    continue
                return not np.array_equal(here.vector, there.vector, equal_nan=True)
    except (Exception, SystemExit, TimeIsUp):
        pass
    return False
