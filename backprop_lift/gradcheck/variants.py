"""Calls made from others, to reach what they do not: other sizes, signs, ties, axes and options."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from .calls import signature_of
from .coordinates import Coordinates
from .samples import Sample

__all__ = ["variants"]

# From rounding to overflow of most functions, and the other side of zero.
_FACTORS: Final = (-1.0, 1e-8, 1e-3, 0.3, 30.0, 1e3, 1e8)


# Values of options that many functions have.
_USUAL: Final[Mapping[str, list[Any]]] = {
    "dtype": [np.float64],
    "axis": [0, -2],
    "axisa": [0, -2],
    "axisb": [0, -2],
    "n": [2, 3],
    "keepdims": [True],
}


def variants(
    function: Any, sample: Sample, options: Mapping[str, list[Any]], rng: np.random.Generator
) -> Iterator[Sample]:
    """Calls made from another; the function may refuse any of them.

    Parameters
    ----------
    function : callable
    sample : Sample
    options : mapping
        Values to try for parameters with a default, by name.
    rng : numpy.random.Generator

    Yields
    ------
    Sample
        With numbers scaled, negated, rounded, made zero, equal or complex, with one axis more, and
        with other options: those of one argument, and those of all.
    """
    yield from _with_options(function, sample, options)
    yield from _with_integers(sample)
    changes = _changes(rng)
    places = [i for i, value in enumerate(sample.args) if len(Coordinates(value))]
    for what, change in changes:
        for chosen in [{i} for i in places] + ([set(places)] if len(places) > 1 else []):
            try:
                args = tuple(change(v) if i in chosen else v for i, v in enumerate(sample.args))
            except (TypeError, ValueError):
                continue
            yield _varied(sample, args, what)
    for i in places:
        for j in places:
            if i < j and _shapes(sample.args[i]) == _shapes(sample.args[j]):
                yield _varied(sample, _replaced(sample.args, j, sample.args[i]), "equal")


def _varied(sample: Sample, args: tuple[Any, ...], what: str) -> Sample:
    return dataclasses.replace(sample, args=args, origin=f"{what}, {sample.origin}")


def _replaced(args: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*args[:index], value, *args[index + 1 :])


def _with_integers(sample: Sample) -> Iterator[Sample]:
    """Calls with other orders, counts and the like."""
    for i, value in enumerate(sample.args):
        if isinstance(value, int) and not isinstance(value, bool):
            for other in {0, 1, value + 1} - {value}:
                yield _varied(sample, _replaced(sample.args, i, other), "another integer")


def _changes(rng: np.random.Generator) -> list[tuple[str, Callable[[Any], Any]]]:
    def numbers(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def changed(value: Any) -> Any:
            here = Coordinates(value)
            return here.rebuilt(change(here.vector))

        return changed

    def one_zero(vector: Any) -> Any:
        return np.where(np.arange(len(vector)) == len(vector) // 2, 0.0, vector)

    found: list[tuple[str, Callable[[Any], Any]]] = [
        ("complex", lambda value: _complex(value, rng)),
        ("one axis more", lambda value: np.stack([_plain(value), 1.1 * value])),
        ("a list", lambda value: [_plain(value), 1.3 * value]),
        ("one zero", numbers(one_zero)),
        ("zero", numbers(lambda vector: np.copysign(0.0, vector))),
        ("all the same", numbers(lambda vector: np.full_like(vector, vector[0]))),
        ("rounded", numbers(np.round)),
        ("rounded down", numbers(lambda vector: -np.abs(np.round(vector)) - 1.0)),
        ("sorted", numbers(np.sort)),
    ]
    for factor in _FACTORS:
        scale = lambda vector, factor=factor: factor * vector
        found.append((f"{factor:g} times", numbers(scale)))
    return found


def _shapes(value: Any) -> list[tuple[int, ...]]:
    return [leaf.shape for leaf in Coordinates(value).leaves]


def _plain(value: Any) -> Any:
    if not isinstance(value, (float, complex, np.ndarray, np.generic)):
        raise TypeError
    return value


def _complex(value: Any, rng: np.random.Generator) -> Any:
    """A number or array with imaginary parts of the size of its numbers."""
    value = _plain(value)
    made = value + 1j * rng.uniform(0.3, 1.0, np.shape(value)) * (np.abs(value) + 0.1)
    return complex(made) if isinstance(value, float) else made


def _with_options(
    function: Any, sample: Sample, options: Mapping[str, list[Any]]
) -> Iterator[Sample]:
    signature = signature_of(function)
    if signature is None:
        return
    given = list(signature.parameters)[: len(sample.args)]
    for name, p in signature.parameters.items():
        if p.default is inspect.Parameter.empty or name in given:
            continue
        values = [*_USUAL.get(name, ()), *options.get(name, ())]
        if isinstance(p.default, bool):
            values.append(not p.default)
        elif isinstance(p.default, (int, float)):
            values.append(p.default + 1)
        for value in values:
            settings = {**sample.settings, name: value}
            yield dataclasses.replace(sample, settings=settings, origin=f"{name}={value!r}"[:40])
