"""Mutants: the rule of a function, or what its twin gives, with one mistake at a time."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from .._bvar import has_bvar, value_of
from .._lift.lift_op import lift_op
from .._lift.rule import Rule
from .._lift.twin import twin_from
from .._op import Op
from .._registry import Entry
from .calls import signature_of
from .rule_sources import MINE, POISON, broken_functions

__all__ = ["SHOWN_AS", "Mutant", "mutants"]


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
    poisoned, mined : Entry or None
        With nan in place of what was changed, and with what raises when it is evaluated, where
        that is an expression of the rule.
    """

    operator: str
    argument: str
    text: str
    entry: Entry
    poisoned: Entry | None = None
    mined: Entry | None = None

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.operator, self.argument, self.text]))


# What the diagnosis of each operator's mutants says where it is right: kinds of `Finding`.
SHOWN_AS: Final[dict[str, frozenset[str]]] = {
    operator: frozenset(kinds.split(", "))
    for operator, kinds in {
        "zero": "zero",
        "negated": "sign",
        "doubled": "factor",
        "off by a thousandth": "factor",
        "conjugated": "conjugate",
        "conjugate dropped": "conjugate",
        "transposed": "transpose, broadcast",
        "transpose dropped": "transpose",
        "reversed": "transpose",
        "swapped": "swapped",
        "dzdy ignored": "dzdy ignored, sign",
        "option ignored": "option ignored",
        "term dropped": "term, output ignored, factor, zero, entries",
        "factor dropped": "term, factor, dzdy ignored, broadcast",
        "sign dropped": "sign, term, entries",
    }.items()
}


def mutants(entry: Entry, arguments: Iterable[str] = ()) -> Iterator[Mutant]:
    """The rule of an entry, with one mistake at a time.

    A twin without a rule, written by hand or made from a body, is given arguments whose cotangents
    are spoiled on their way out.

    Parameters
    ----------
    entry : Entry
    arguments : iterable of str, optional
        The differentiable ones of an entry without a rule.
    """
    rule = entry.rule
    if not isinstance(rule, Rule):
        for name in arguments:
            yield from _of_twin(entry, name)
        return
    rule.prepare()
    key = next(name for name in ("grad", "derivative", "op") if rule.options[name] is not None)
    given = rule.options[key]
    if isinstance(given, Mapping):
        for name, function in given.items():
            for change in _changes(function, key, rule, None):
                yield _mutant(entry, key, name, change, within=given)
        return
    count = len(rule.wrt)
    for i, name in enumerate(rule.wrt):
        for change in _spoiled(given, key, rule, i if count > 1 else None):
            yield _mutant(entry, key, name, change)
    if count == 2 and key == "grad":
        swapped = _around(given, lambda dzdxs: tuple(dzdxs)[::-1])
        yield _mutant(entry, key, rule.wrt[0], ("swapped", "", swapped, ()))
    if key != "op":
        for change in _source_and_options(given, rule):
            yield _mutant(entry, key, rule.wrt[0] if count == 1 else "", change)


# An operator, what was changed, the function of the rule with the change, and with `POISON` and
# `MINE` there.
Change = tuple[str, str, Any, tuple[Any, ...]]


def _mutant(
    entry: Entry, key: str, argument: str, change: Change, within: Mapping[str, Any] | None = None
) -> Mutant:
    operator, text, broken, instead = change

    def made(function: Any) -> Entry:
        rule = entry.rule
        given = function if within is None else {**within, argument: function}
        changed = Rule(
            rule.original, rule.name, rule.where, {**rule.options, key: given, "wrt": rule.wrt}
        )
        found = Entry(entry.original, "rule", entry.name, entry.where, changed, entry.samples)
        found.make_twin = functools.partial(twin_from, changed)
        return found

    return Mutant(operator, argument, text, made(broken), *map(made, instead))


def _of_twin(entry: Entry, argument: str) -> Iterator[Mutant]:
    """A twin of which one argument passes through an identity with a mistaken gradient."""
    signature = signature_of(entry.original, entry)
    if signature is None or argument not in signature.parameters:
        return

    def made(spoil: Callable[[Any], Any]) -> Entry:
        spoiled = lift_op(Op(lambda x: (x, spoil), complex=True))

        def through(value: Any) -> Any:
            return spoiled(value) if has_bvar(value) else value

        def broken(*args: Any, **settings: Any) -> Any:
            bound = signature.bind(*args, **settings)
            if argument in bound.arguments:
                value = bound.arguments[argument]
                several = signature.parameters[argument].kind is inspect.Parameter.VAR_POSITIONAL
                new = tuple(map(through, value)) if several else through(value)
                bound.arguments[argument] = new
            return entry.twin(*bound.args, **bound.kwargs)

        return dataclasses.replace(
            entry, kind="twin", make_twin=lambda: broken, given_wrt=entry.wrt or None, _twin=None
        )

    for operator, spoil in _SPOILS.items():
        if operator != "conjugated":
            yield Mutant(operator, argument, "", made(spoil))


def _changes(function: Any, key: str, rule: Rule, place: int | None) -> Iterator[Change]:
    yield from _spoiled(function, key, rule, place)
    yield from _source_and_options(function, rule)


def _spoiled(function: Any, key: str, rule: Rule, place: int | None) -> Iterator[Change]:
    """The function of a rule with its outcome spoiled, or that of one of several arguments."""
    for operator, spoil in _SPOILS.items():
        if key == "derivative" and operator in ("transposed", "reversed"):
            continue
        if operator == "conjugated" and key != "derivative" and not rule.options["complex"]:
            continue  # the rule is never given a complex number
        change = _at_place(spoil, place)
        around = _around_op if key == "op" else _around
        yield operator, "", around(function, change), ()
    if key == "grad":
        yield "dzdy ignored", "", _with_ones(function, place), ()


def _source_and_options(function: Any, rule: Rule) -> Iterator[Change]:
    versions = [broken_functions(function, instead=there) for there in (None, POISON, MINE)]
    for (operator, text, broken), *instead in zip(*versions, strict=True):
        yield operator, text, broken, tuple(other for _, _, other in instead)
    for name in _asked(function):
        p = rule.signature.parameters.get(name)
        if p is not None and name not in rule.wrt and p.default is not p.empty:
            yield "option ignored", name, _with_default(function, name, p.default), ()


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
        if isinstance(dzdx, dict):
            return {key: changed(part) for key, part in dzdx.items()}
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
