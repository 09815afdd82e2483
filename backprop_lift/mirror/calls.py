"""Real calls of a package's functions: those that the examples of its docstrings make."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np

from ..gradcheck import Sample
from ..gradcheck.doctests import Recorder, _run_examples
from ..gradcheck.samples import distinct
from .members import members_of, own_init
from .survey import Survey

__all__ = ["examples", "recorded", "with_arrays"]

_EACH: Final = 8


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
    methods = [
        member
        for public in survey.classes()
        for member in (own_init(public.value), *members_of(public.value).values())
        if member is not None
    ]
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


def with_arrays(samples: list[Sample]) -> list[Sample]:
    """Calls, and the same with arrays for what can be had as one, such as columns of tables."""

    def array(value: Any) -> Any:
        to_numpy = getattr(value, "to_numpy", None)
        if to_numpy is None or isinstance(value, type) or np.ndim(value) != 1:
            return value
        return to_numpy()

    found = []
    for sample in samples:
        args = tuple(map(array, sample.args))
        settings = {name: array(value) for name, value in sample.settings.items()}
        pairs = zip((*sample.args, *sample.settings.values()), (*args, *settings.values()))  # noqa: B905
        if any(a is not b for a, b in pairs):
            found.append(Sample(args, settings, sample.origin, sample.wrt))
        found.append(sample)
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
            for name, method in members_of(public.value).items():
                yield from _with_examples(f"{public.home}.{name}", method, seen_from)


def _with_examples(
    owner: str, value: Any, module: types.ModuleType
) -> Iterator[tuple[str, str, types.ModuleType]]:
    docs = getattr(value, "__doc__", None)
    if isinstance(docs, str) and ">>>" in docs:
        yield owner, inspect.cleandoc(docs), module
