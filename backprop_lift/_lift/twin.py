"""Twins from rules: the function on BVars that a rule makes of its original.

A twin has the signature of its original. With plain values it *is* the original; with a BVar among
the differentiable arguments it calls the original on the values and records one node.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._bvar import (
    PLAIN_TYPES,
    BVar,
    bare,
    conj,
    has_bvar,
    is_complex,
    record,
    rooted,
    site,
    without_numbers,
)
from .._bvar.collecting import collect
from .._bvar.comparison import coincide
from .._bvar.kinks import KINKS
from .._bvar.views import link_if_view
from .._effect import comes_later, then
from .._tape import CALL, EDGES
from ..errors import CotangentError, UnhandledParameterError
from .rule import Rule, by_position
from .short import short_way
from .signature import arguments, with_signature

__all__ = ["twin_from"]


def twin_from(rule: Rule) -> Any:
    """The function on BVars that a rule makes of its original, with the original's signature."""
    return Twin(rule).made()


class Twin:
    """A rule at work.

    Parameters are known by their places here. A *setting* is a parameter that is not
    differentiable; `on` are the places whose arguments are on the tape.
    """

    def __init__(self, rule: Rule) -> None:
        rule.prepare()
        self.rule = rule
        self.original = rule.original
        self.name = rule.name
        self.where = rule.where
        options = rule.options
        self.inputs = rule.original.nin if isinstance(rule.original, np.ufunc) else 0
        self.complex = bool(options["complex"])
        self.real_only = not self.complex and options["derivative"] is None
        self.kink = KINKS.get(rule.original) if rule.original.__hash__ is not None else None
        self.index = {name: i for i, name in enumerate(rule.parameters)}
        self.wrt_at = [self.index[name] for name in rule.wrt]
        self.settings_at = [
            (i, rule.signature.parameters[name].default)
            for name, i in self.index.items()
            if name not in rule.wrt
        ]
        self.asks = {
            self.index.get(name): [self.index.get(need, -1) for need in needs]
            for name, needs in rule.needs.items()
        }
        self.op = rule.functions[None] if options["op"] is not None else None
        self.functions = {
            self.index.get(name): self._scaled_grad(function, name)
            for name, function in rule.functions.items()
        }
        if None in self.functions and len(self.wrt_at) == 1 and self.op is None:
            self._take_alone(self.wrt_at[0])
        self.defaults = rule.positional_defaults
        self.required = self._count_required()

    def _scaled_grad(self, function: Any, name: Any) -> Any:
        """A function of the rule, as one of dzdy and what it asks for, by position."""
        needs = self.rule.needs[name]
        if self.rule.options["grad"] is not None:
            return by_position(function, needs, 1)
        if self.rule.options["derivative"] is None:
            return function
        slope = by_position(function, needs)
        return lambda dzdy, *given: dzdy * conj(_slope_at(slope, given))

    def _take_alone(self, i: int) -> None:
        """Let the one function of a rule be that of the one differentiable parameter."""
        function = self.functions.pop(None)

        def alone(dzdy: Any, *given: Any) -> Any:
            dzdx = function(dzdy, *given)
            return dzdx[0] if dzdx.__class__ is tuple and len(dzdx) == 1 else dzdx

        self.functions[i] = alone
        self.asks[i] = self.asks.pop(None)

    def _count_required(self) -> int | None:
        """How many values a call gives that leaves all settings to their defaults.

        None where that is not a number of leading ones.
        """
        if self.defaults is None:
            return None
        count = sum(default is inspect.Parameter.empty for default in self.defaults)
        return count if all(i < count for i in self.wrt_at) else None

    def made(self) -> Any:
        """The twin."""
        rule = self.rule
        short = None if inspect.iscoroutinefunction(self.original) else short_way(self)
        return with_signature(rule.signature, self.call, self.original, short)

    def call(self, values: tuple[Any, ...]) -> Any:
        """The original on plain values; with a BVar, its result as one node."""
        if self.inputs:
            values = (*map(_as_array, values[: self.inputs]), *values[self.inputs :])
        tape: Any = None
        for i in self.wrt_at:
            x = values[i]
            if x.__class__ is BVar:
                other = x._bvar_space.tape
                if tape is None or (other is not tape and other.serial > tape.serial):
                    tape = other
            elif x.__class__ not in PLAIN_TYPES and (bare(x) is not x or has_bvar(x)):
                collected = collect(bare(x))
                if collected is not x and not (isinstance(x, (list, tuple)) and not has_bvar(x)):
                    return self.call((*values[:i], collected, *values[i + 1 :]))
        given = False
        for i, default in self.settings_at:
            setting = values[i]
            if setting is default:
                continue
            given = True
            if setting.__class__ not in PLAIN_TYPES and has_bvar(setting):
                values = (*values[:i], self._plain_setting(i, setting), *values[i + 1 :])
        if tape is None:
            return self._original(values)
        if given:
            for i, name, default in self.rule.unhandled:
                if values[i] is not default:
                    self._check_default(name, values[i], default)
        return self._record(tape, values, given)

    def _plain_setting(self, i: int, setting: Any) -> Any:
        name = self.rule.parameters[i]
        root = rooted(setting)
        if isinstance(root, (int, np.integer, np.bool_)) or (
            isinstance(root, np.ndarray) and root.dtype.kind in "iub"
        ):
            return root  # an integer setting does not vary
        wrt = self.rule.wrt
        raise UnhandledParameterError(
            f"{self.name} was given a BVar for {name}, which its rule does not differentiate.",
            f"Pass value_of({name}) where a constant is meant, or write a rule with "
            f"wrt=({', '.join(map(repr, (*wrt, name)))}).",
            rule=self.where,
            differentiable=", ".join(wrt),
        )

    def _check_default(self, name: str, given: Any, default: Any) -> None:
        same = (
            isinstance(given, (bool, int, float, builtins.complex, str, type(None)))
            and isinstance(default, (bool, int, float, builtins.complex, str, type(None)))
            and type(given) is type(default)
            and given == default
        )
        if same or (isinstance(given, (tuple, dict)) and not given and not default):
            return
        raise UnhandledParameterError(
            f"{self.name} was given {name}={_brief(given)}, which its rule does not handle.",
            f"Name {name} in the rule's parameters, or list it in ignores=.",
            rule=self.where,
            handles=", ".join(self.rule.handled),
            given=f"{name}={_brief(given)}",
        )

    def _original(self, values: Sequence[Any]) -> Any:
        defaults = self.defaults
        if defaults is None:
            args, kwargs = arguments(self.rule.signature, tuple(values))
            return self.original(*args, **kwargs)
        n = len(values)
        while n and values[n - 1] is defaults[n - 1]:
            n -= 1  # defaults are the original's business
        return self.original(*values[:n])

    def _record(self, tape: Any, values: tuple[Any, ...], given: bool) -> Any:
        plain = list(values)
        inner = False
        for i in self.wrt_at:
            x = values[i]
            if x.__class__ is BVar:
                if x._bvar_space.tape is tape:
                    x = plain[i] = x._bvar_value
                    cls = x.__class__
                    inner = inner or cls is BVar or (cls not in PLAIN_TYPES and has_bvar(x))
                else:
                    inner = True
        if self.op is not None:
            found = self.op(**{need: plain[self.index[need]] for need in self.rule.needs[None]})
            if found.__class__ is not tuple and comes_later(found):
                return then(found, lambda found: self._recorded_op(tape, values, plain, found))
            return self._recorded_op(tape, values, plain, found)
        try:
            if inner:
                result = self.call(tuple(plain))
            elif given or self.required is None:
                result = self._original(plain)
            else:
                result = self.original(*plain[: self.required])
        except (ArithmeticError, ValueError):
            coincide(*values)
            raise
        return self.recorded(tape, values, plain, result)

    def recorded(self, tape: Any, values: tuple[Any, ...], plain: list[Any], result: Any) -> Any:
        """The result as a node: one scaled gradient for each argument, or one for all."""
        if result.__class__ not in PLAIN_TYPES and comes_later(result):
            return then(result, lambda y: self.recorded(tape, values, plain, y))
        if self.real_only and result.__class__ is not float:
            self._refuse_complex(plain, result)
        if self.kink is not None and self.kink([rooted(x) for x in plain], result):
            tape.coincident = True
            coincide(*plain)
        cls = result.__class__
        token = tape.token(result)
        if token.shape is None and without_numbers(result):
            return result
        on = [i for i in self.wrt_at if plain[i] is not values[i]]
        if None in self.functions:
            node = self._node_of_all(values, plain, result, on)
        else:
            edges = []
            for i in on:
                x = values[i]
                given = self._given(i, values, plain, result)
                edges.append((x._bvar_at, x._bvar_space, self.functions[i], given))
            node = (EDGES, edges, self.rule, site())
        r = BVar()
        r._bvar_value = result
        r._bvar_space = token
        r._bvar_at = len(tape)
        tape.append(node)
        if cls is np.ndarray and (result.base is not None or any(result is plain[i] for i in on)):
            return link_if_view(r, [values[i] for i in on])
        return r

    def _node_of_all(
        self, values: tuple[Any, ...], plain: list[Any], result: Any, on: list[int]
    ) -> tuple[Any, ...]:
        function, given = self.functions[None], self._given(None, values, plain, result)
        scaled_grad = lambda dzdy: self._counted(function(dzdy, *given), on)
        parents = tuple([(values[i]._bvar_at, values[i]._bvar_space) for i in on])
        return CALL, scaled_grad, parents, self.rule, site()

    def _given(
        self, key: int | None, values: tuple[Any, ...], plain: list[Any], result: Any
    ) -> list[Any]:
        """What a function of the rule asks for, in its order; arrays of the caller are copied."""
        given = []
        for i in self.asks[key]:
            if i < 0:
                given.append(result)
            else:
                x = plain[i]
                mine = x.__class__ is np.ndarray and (i >= len(values) or x is values[i])
                given.append(x.copy() if mine else x)
        return given

    def _refuse_complex(self, plain: list[Any], result: Any) -> None:
        if _holds_complex(result) or any(_holds_complex(plain[i]) for i in self.wrt_at):
            raise UnhandledParameterError(
                f"{self.name} was given complex values, for which its rule is not known to hold.",
                "Check the rule in the convention dzdx = dzdy * conj(dy/dx), and say complex=True.",
                rule=self.where,
            )

    def _recorded_op(self, tape: Any, values: tuple[Any, ...], plain: list[Any], found: Any) -> Any:
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
            raise CotangentError(
                f"The op of {self.name} did not return (y, scaled_grad).",
                "Return the result and a function dzdy -> cotangents.",
                rule=self.where,
                got=type(found).__name__,
            )
        result, pullback = found
        if not self.complex:
            self._refuse_complex(plain, result)
        on = [i for i in self.wrt_at if plain[i] is not values[i]]
        parents = tuple([(values[i]._bvar_at, values[i]._bvar_space) for i in on])
        scaled_grad = lambda dzdy: self._counted(pullback(dzdy), on)
        return record(tape, result, scaled_grad, parents, self.rule)

    def _counted(self, found: Any, on: list[int]) -> Any:
        """The cotangents of the parameters `on` the tape, out of those of all."""
        found = self._one_for_each(found)
        if len(on) == len(self.wrt_at):
            return found
        return [dzdx for i, dzdx in zip(self.wrt_at, found, strict=True) if i in on]

    def _one_for_each(self, found: Any) -> Any:
        count = len(self.wrt_at)
        if count == 1 and not (found.__class__ is tuple and len(found) == 1):
            return (found,)
        if isinstance(found, (tuple, list)) and len(found) == count:
            return found
        got = f"{len(found)} cotangents" if isinstance(found, (tuple, list)) else type(found)
        raise CotangentError(
            f"The rule of {self.name} did not return one cotangent for each argument.",
            f"Return a tuple of one for each of {', '.join(self.rule.wrt)}.",
            rule=self.where,
            expected=f"{count} cotangents",
            got=got,
        )


def _as_array(x: Any) -> Any:
    """A list or tuple of plain numbers as a ufunc takes it."""
    return np.asarray(x) if isinstance(x, (list, tuple)) and x and not has_bvar(x) else x


def _slope_at(slope: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """A partial derivative; infinite as an array's would be where Python's numbers raise."""
    try:
        return slope(*given)
    except (ZeroDivisionError, OverflowError):
        plain = (float, builtins.complex)
        return slope(*[np.asarray(x)[()] if x.__class__ in plain else x for x in given])


def _holds_complex(value: Any) -> bool:
    cls = value.__class__
    if cls is np.ndarray:
        return bool(value.dtype.kind == "c")
    if cls is BVar:
        return _holds_complex(value._bvar_value)
    if isinstance(value, (list, tuple)):
        return any(map(_holds_complex, value))
    return is_complex(value)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
