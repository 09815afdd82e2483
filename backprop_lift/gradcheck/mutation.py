"""Mutation: rules broken on purpose, to see whether their samples would tell.

A mutant is an entry like a function's own, with a rule that has one mistake. It must not be found
right. One that is, and gives another gradient all the same, is a fault of the checker; one that
gives the same gradient on all samples shows that they are weak, or that the mistake is none.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .._bvar import value_of
from .._lift import Rule
from .._registry import Entry, registry
from .checking import check
from .rule_sources import broken_functions
from .samples import Sample
from .verdicts import Report

__all__ = ["Mutant", "MutationReport", "check_mutants", "mutants"]


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """A rule broken on purpose.

    Attributes
    ----------
    operator : str
        The kind of mistake.
    argument : str
        Whose cotangent it spoils; empty where that is not known.
    text : str
        What was changed.
    entry : Entry
        To be checked in place of the function's own.
    """

    operator: str
    argument: str
    text: str
    entry: Entry

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.operator, self.argument, self.text]))


@dataclasses.dataclass(slots=True)
class MutationReport:
    """What became of the mutants of a function.

    Attributes
    ----------
    name : str
    caught : list of (Mutant, Report)
        Not found right, or refused where the rule itself is not.
    same : list of Mutant
        Found right, with the gradient of the rule itself on all samples.
    missed : list of (Mutant, Report)
        Found right with another gradient.
    """

    name: str
    caught: list[tuple[Mutant, Report]] = dataclasses.field(default_factory=list)
    same: list[Mutant] = dataclasses.field(default_factory=list)
    missed: list[tuple[Mutant, Report]] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        total = len(self.caught) + len(self.same) + len(self.missed)
        lines = [f"{self.name}: {len(self.caught)} of {total} mutants caught"]
        lines += [f"  no sample tells: {mutant}" for mutant in self.same]
        lines += [f"  missed: {mutant}" for mutant, _ in self.missed]
        return "\n".join(lines)


def check_mutants(
    f: Callable[..., Any],
    samples: Iterable[Sample | tuple[Any, ...]] | None = None,
    *,
    entry: Entry | None = None,
    seed: int = 0,
    diagnose: bool = False,
) -> MutationReport:
    """Break the rule of a function in every way that applies, and check each of them.

    Parameters
    ----------
    f : callable
        The original.
    samples, seed
        As for `check`.
    entry : Entry, optional
        Of the function, where it is not that of the registry.
    diagnose : bool, optional
        Look for the mistake of each mutant, as if it were not known?
    """
    entry = registry[f] if entry is None else entry
    samples = None if samples is None else list(samples)
    unbroken = check(f, samples, entry=entry, seed=seed)
    report = MutationReport(entry.name)
    for mutant in mutants(entry):
        broken = check(f, samples, entry=mutant.entry, seed=seed, diagnose=diagnose)
        if not broken.right or len(broken.refusals) > len(unbroken.refusals):
            report.caught.append((mutant, broken))
        elif _same(unbroken, broken):
            report.same.append(mutant)
        else:
            report.missed.append((mutant, broken))
    return report


def _same(unbroken: Report, broken: Report) -> bool:
    ours, theirs = (
        np.array([outcome.analytic for outcome in report.outcomes]) for report in (unbroken, broken)
    )
    return ours.shape == theirs.shape and np.allclose(
        ours, theirs, rtol=1e-6, atol=1e-9, equal_nan=True
    )


def mutants(entry: Entry) -> Iterator[Mutant]:
    """The rule of an entry, with one mistake at a time.

    Yields nothing where there is no rule to break: twins written by hand and composites.
    """
    rule = entry.rule
    if not isinstance(rule, Rule):
        return
    rule.prepare()
    key = next(name for name in ("grad", "derivative", "op") if rule.options[name] is not None)
    given = rule.options[key]
    if isinstance(given, Mapping):
        for name, function in given.items():
            for operator, text, broken in _broken(function, key, rule, None):
                yield _mutant(entry, key, {**given, name: broken}, operator, name, text)
        return
    count = len(rule.wrt)
    for i, name in enumerate(rule.wrt):
        place = i if count > 1 else None
        for operator, text, broken in _spoiled(given, key, rule, place):
            yield _mutant(entry, key, broken, operator, name, text)
    if count == 2 and key == "grad":
        swapped = _around(given, lambda dzdxs: tuple(dzdxs)[::-1])
        yield _mutant(entry, key, swapped, "swapped", rule.wrt[0], "")
    if key != "op":
        argument = rule.wrt[0] if count == 1 else ""
        for operator, text, broken in _source_and_options(given, rule):
            yield _mutant(entry, key, broken, operator, argument, text)


def _mutant(entry: Entry, key: str, broken: Any, operator: str, argument: str, text: str) -> Mutant:
    rule = entry.rule
    options = {**rule.options, key: broken, "wrt": rule.wrt}
    changed = Rule(rule.original, rule.name, rule.where, options)
    made = Entry(entry.original, "rule", entry.name, entry.where, changed, entry.samples)
    made.make_twin = changed.make_twin
    return Mutant(operator, argument, text, made)


def _broken(
    function: Any, key: str, rule: Rule, place: int | None
) -> Iterator[tuple[str, str, Any]]:
    yield from _spoiled(function, key, rule, place)
    yield from _source_and_options(function, rule)


def _spoiled(
    function: Any, key: str, rule: Rule, place: int | None
) -> Iterator[tuple[str, str, Any]]:
    """The function of a rule with its outcome spoiled, or that of one of several arguments."""
    for operator, spoil in _SPOILS.items():
        if key == "derivative" and operator in ("transposed", "reversed"):
            continue
        change = _at_place(spoil, place)
        if key == "op":
            yield operator, "", _around_op(function, change)
        else:
            yield operator, "", _around(function, change)
    if key == "grad":
        yield "dzdy ignored", "", _with_ones(function, place)


def _source_and_options(function: Any, rule: Rule) -> Iterator[tuple[str, str, Any]]:
    yield from broken_functions(function)
    for name in _asked(function):
        p = rule.signature.parameters.get(name)
        if p is not None and name not in rule.wrt and p.default is not p.empty:
            yield "option ignored", name, _with_default(function, name, p.default)


def _asked(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (ValueError, TypeError):
        return []


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of numbers and arrays, also within a list of cotangents."""

    def changed(dzdx: Any) -> Any:
        if isinstance(dzdx, (list, tuple)):
            return type(dzdx)(changed(part) for part in dzdx)
        return dzdx if dzdx is None else change(dzdx)

    return changed


def _transposed(dzdx: Any) -> Any:
    return np.swapaxes(dzdx, -1, -2) if np.ndim(value_of(dzdx)) >= 2 else dzdx


def _reversed(dzdx: Any) -> Any:
    return dzdx[..., ::-1] if np.ndim(value_of(dzdx)) >= 1 else dzdx


_SPOILS: dict[str, Callable[[Any], Any]] = {
    "zero": _each(lambda dzdx: dzdx * 0.0),
    "negated": _each(lambda dzdx: -dzdx),
    "doubled": _each(lambda dzdx: dzdx * 2.0),
    "off by a thousandth": _each(lambda dzdx: dzdx * 1.001),
    "conjugated": _each(lambda dzdx: np.conj(dzdx)),
    "transposed": _each(_transposed),
    "reversed": _each(_reversed),
}


def _at_place(spoil: Callable[[Any], Any], place: int | None) -> Callable[[Any], Any]:
    if place is None:
        return spoil

    def change(dzdxs: Any) -> Any:
        dzdxs = tuple(dzdxs)
        return (*dzdxs[:place], spoil(dzdxs[place]), *dzdxs[place + 1 :])

    return change


def _around(function: Any, change: Callable[[Any], Any]) -> Any:
    @functools.wraps(function)
    def broken(*args: Any, **given: Any) -> Any:
        return change(function(*args, **given))

    return broken


def _around_op(function: Any, change: Callable[[Any], Any]) -> Any:
    @functools.wraps(function)
    def broken(*args: Any, **given: Any) -> Any:
        y, scaled_grad = function(*args, **given)
        return y, lambda dzdy: change(scaled_grad(dzdy))

    return broken


def _with_ones(function: Any, place: int | None) -> Any:
    """A rule that takes its cotangent to be one."""
    one = _each(lambda dzdy: dzdy * 0.0 + 1.0)

    @functools.wraps(function)
    def broken(dzdy: Any, *args: Any, **given: Any) -> Any:
        ignoring = function(one(dzdy), *args, **given)
        if place is None:
            return ignoring
        right = tuple(function(dzdy, *args, **given))
        return (*right[:place], tuple(ignoring)[place], *right[place + 1 :])

    return broken


def _with_default(function: Any, name: str, default: Any) -> Any:
    @functools.wraps(function)
    def broken(*args: Any, **given: Any) -> Any:
        given[name] = default
        return function(*args, **given)

    return broken
