"""Calls that move a parameter which no example moves, or only across jumps, made from the examples."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..gradcheck import Sample
from ..gradcheck.coordinates import Coordinates
from .drawing import suggested
from .pool import Pool, parameters_of

__all__ = ["beside", "calls_moving", "elsewhere", "with_floats"]


def calls_moving(
    function: Any,
    p: inspect.Parameter,
    sample: Sample,
    pool: Pool,
    result_of: Callable[[Sample], Any],
) -> Iterator[Sample]:
    """Calls like another in which one parameter moves, and nothing else.

    Parameters
    ----------
    function : callable
    p : inspect.Parameter
    sample : Sample
    pool : Pool
        Values by parameter name.
    result_of : callable
        The result of a call; None where it fails.

    Yields
    ------
    Sample
        With a value for the parameter; then, where it is an option, with the value in the place of
        another option: some functions calculate the one that is left out.
    """
    parameters = parameters_of(function)
    names = [q.name for q in parameters]
    has: Any = _value_of(sample, names, p.name)
    if has is None and p.default is not p.empty:
        has = p.default
    values = [floats(has), *_beside(has)] if _holds_numbers(has) else []
    if isinstance(has, (int, float)) and has is not True and has == p.default:
        values.append(0.9 * has or 0.1)  # defaults are fond of corners
    if has is None:
        # What the function calculates where it is left out, or an array to write that into.
        result = result_of(sample)
        values += [result] if _holds_numbers(result) and _may_be(p, result) else []
    values += map(floats, pool.numbers_of(p.name))
    if len(values) < 3 and has is None:
        values += suggested(function, p)
    options = [q.name for q in parameters if q.default is None and q.name != p.name]
    given = [name for name in options if _value_of(sample, names, name) is not None]
    for value in values:
        with_it = _given(sample, names, p.name, value, p.name)
        yield with_it
        if p.default is None:
            for other in given:
                yield _given(with_it, names, other, None, p.name)


def _beside(value: Any) -> Iterator[Any]:
    """Values a little larger and smaller: examples are fond of where a formula changes."""
    for part in (0.013, -0.013):
        yield _scaled(value, functools.partial(_changed, part))


def beside(sample: Sample) -> Sample:
    """A call like another with all its floats a little larger."""
    change = functools.partial(_changed, 0.013)
    return _mapped(sample, lambda value: _scaled(value, change, integers=False))


def _changed(part: float, row: Any) -> Any:
    return np.where(row == 0, part, (1 + part) * row)


def elsewhere(sample: Sample, rng: np.random.Generator) -> Sample:
    """A call like another with all its numbers other ones of their size; floats for integers."""
    return _mapped(
        sample,
        lambda value: _scaled(value, lambda row: row * rng.uniform(0.2, 2.0, row.shape)),
    )


def _scaled(value: Any, change: Callable[[Any], Any], integers: bool = True) -> Any:
    here = Coordinates(value, integers=integers)
    if isinstance(value, bool) or not len(here):
        return value
    return here.rebuilt(change(here.vector))


def _mapped(sample: Sample, change: Callable[[Any], Any]) -> Sample:
    args = tuple(map(change, sample.args))
    settings = {name: change(value) for name, value in sample.settings.items()}
    return Sample(args, settings, sample.origin)


def _may_be(p: inspect.Parameter, result: Any) -> bool:
    """May a result stand for a parameter: a number for an option, an array for one to write into?"""
    is_array = isinstance(result, np.ndarray) and result.ndim > 0
    return is_array if p.name == "out" else isinstance(result, (int, float, np.number))


def _value_of(sample: Sample, names: list[str], name: str) -> Any:
    """The value of a parameter in a call; None where it is left out."""
    at = names.index(name)
    return sample.args[at] if at < len(sample.args) else sample.settings.get(name)


def _given(sample: Sample, names: list[str], name: str, value: Any, moves: str) -> Sample:
    args, settings = list(sample.args), dict(sample.settings)
    at = names.index(name)
    if at < len(args):
        args[at] = value
    else:
        settings[name] = value
    return Sample(tuple(args), settings, "drawn", (moves,))


def _holds_numbers(value: Any) -> bool:
    return len(Coordinates(value, integers=True)) > 0


def floats(value: Any) -> Any:
    """A value with floats for all its integers."""
    return _scaled(value, lambda row: row)


def with_floats(sample: Sample) -> Sample:
    """A call with floats for all its integers."""
    return _mapped(sample, floats)
