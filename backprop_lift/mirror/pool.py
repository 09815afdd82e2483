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

__all__ = ["Pool", "bare_name", "parameters_of"]


class Pool:
    """Values by name: a parameter takes what others were given under its name.

    Parameters
    ----------
    calls : iterable of (callable, list of Sample), optional
    """

    def __init__(self, calls: Iterable[tuple[Any, list[Sample]]] = ()) -> None:
        self._given: dict[str, list[Any]] = {}
        self._results: dict[str, list[Any]] = {}
        for function, samples in calls:
            self.add(function, samples)

    def add(self, function: Any, samples: list[Sample]) -> None:
        """Take the arguments of calls into the pool."""
        names = [p.name for p in parameters_of(function) if p.kind is not p.VAR_POSITIONAL]
        for sample in samples:
            for name, value in (*zip(names, sample.args), *sample.settings.items()):  # noqa: B905
                self._given.setdefault(name, []).append(value)

    def add_result(self, function: Any, result: Any) -> None:
        """Take a result into the pool, under the names that the docstring gives it."""
        names = [entry.name for entry in documented(function)[1]]
        if len(names) == 1:
            self._results.setdefault(names[0], []).append(result)
        elif isinstance(result, tuple) and len(result) == len(names):
            for name, part in zip(names, result, strict=True):
                self._results.setdefault(name, []).append(part)

    def names(self) -> set[str]:
        """The names under which there are values, without their numbers."""
        return {bare_name(name) for known in (self._given, self._results) for name in known}

    def of(self, name: str, limit: int = 6) -> list[Any]:
        """Values given under a name, or else results of that name; numbers first.

        Where there are none, `point1` and `point` are one name.
        """
        values: list[Any] = []
        for known in (self._given, self._results):
            values = values or known.get(name, [])
        if not values:
            bare = bare_name(name)
            for known in (self._given, self._results):
                alike = (other for other in known if bare_name(other) == bare)
                values = values or [value for other in alike for value in known[other]]
        found = sorted(values, key=_size)
        return [s.args[0] for s in distinct([Sample((v,)) for v in found], limit)]

    def numbers_of(self, name: str, limit: int = 3) -> list[Any]:
        """Those of them that hold numbers."""
        return [v for v in self.of(name) if len(Coordinates(v, integers=True))][:limit]


def bare_name(name: str) -> str:
    """A parameter's name without its number: `point` for `point1`."""
    return name.rstrip("_0123456789")


def _size(value: Any) -> int:
    try:
        return int(np.size(value))
    except Exception:  # what cannot be an array comes last
        return 1 << 30


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """The parameters of a callable; none where Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []
