"""The values that a package's functions are given and give, by the names of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..gradcheck import Sample
from ..gradcheck.coordinates import Coordinates
from ..gradcheck.samples import distinct
from .documented import documented

__all__ = ["Pool", "bare_name", "parameters_of", "takes_nothing"]


class Pool:
    """Values by name: a parameter takes what others were given under its name.

    Parameters
    ----------
    calls : iterable of (callable, list of Sample), optional
    """

    def __init__(self, calls: Iterable[tuple[Any, list[Sample]]] = ()) -> None:
        self._given: dict[str, list[Any]] = {}
        self._results: dict[str, list[Any]] = {}
        self._tried: dict[str, list[Any]] = {}
        self._chosen: dict[tuple[str, int], list[Any]] = {}
        for function, samples in calls:
            self.add(function, samples)

    def add(self, function: Any, samples: list[Sample]) -> None:
        """Take the arguments of calls into the pool."""
        self._take(self._given, function, samples)
        self._chosen.clear()

    def add_tried(self, function: Any, samples: list[Sample]) -> None:
        """Take the arguments of drawn calls that were answered: they make some sense at least."""
        self._take(self._tried, function, samples)

    @staticmethod
    def _take(known: dict[str, list[Any]], function: Any, samples: list[Sample]) -> None:
        names = [p.name for p in parameters_of(function) if p.kind is not p.VAR_POSITIONAL]
        for sample in samples:
            for name, value in (*zip(names, sample.args), *sample.settings.items()):  # noqa: B905
                known.setdefault(name, []).append(value)

    def add_result(self, function: Any, result: Any) -> None:
        """Take a result into the pool, under the names that the docstring gives it."""
        self._chosen.clear()
        names = [entry.name for entry in documented(function)[1]]
        if len(names) == 1:
            self._results.setdefault(names[0], []).append(result)
        elif isinstance(result, tuple) and len(result) == len(names):
            for name, part in zip(names, result, strict=True):
                self._results.setdefault(name, []).append(part)

    def names(self) -> set[str]:
        """The names under which there are values, without their numbers."""
        found = (self._given, self._results, self._tried)
        return {bare_name(name) for known in found for name in known}

    def of(self, name: str, limit: int = 6) -> list[Any]:
        """Values given under a name, or else results of that name; numbers first.

        Where there are none, `point1` and `point` are one name.
        """
        if (name, limit) not in self._chosen:
            self._chosen[name, limit] = self._of(name, limit)
        return list(self._chosen[name, limit])

    def _of(self, name: str, limit: int) -> list[Any]:
        values: list[Any] = []
        for known in (self._given, self._results):
            values = values or known.get(name, [])
        if not values:
            bare = bare_name(name)
            for known in (self._given, self._results):
                alike = (other for other in known if bare_name(other) == bare)
                values = values or [value for other in alike for value in known[other]]
        found = sorted(values, key=size_of)
        return [s.args[0] for s in distinct([Sample((v,)) for v in found], limit)]

    def tried(self, name: str, limit: int = 12) -> list[Any]:
        """Values of that name in drawn calls that were answered."""
        return [
            s.args[0]
            for s in distinct([Sample((v,)) for v in self._tried.get(name, [])], limit, limit)
        ]

    def numbers_of(self, name: str, limit: int = 3) -> list[Any]:
        """Those of them that hold numbers."""
        return [v for v in self.of(name) if len(Coordinates(v, integers=True))][:limit]


def bare_name(name: str) -> str:
    """A parameter's name without its number: `point` for `point1`."""
    return name.rstrip("_0123456789")


def size_of(value: Any) -> int:
    """How many numbers a value holds; what cannot be an array comes last."""
    try:
        return int(np.size(value))
    except Exception:
        return 1 << 30


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """The parameters of a callable; none where Python cannot tell."""
    try:
        return list(inspect.signature(_inner(function)).parameters.values())
    except (ValueError, TypeError):
        return []


def takes_nothing(function: Any) -> bool:
    """Is a callable known to have no parameters?"""
    try:
        return not isinstance(function, type) and not inspect.signature(function).parameters
    except (ValueError, TypeError):
        return False


def _inner(function: Any) -> Any:
    """What says how a callable is called."""
    return function.pyfunc if isinstance(function, np.vectorize) else function
