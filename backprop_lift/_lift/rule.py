"""Rules: what a decorator said about one function, read and checked.

A rule says how a cotangent of the result becomes cotangents of the arguments. It asks for what it
needs by the original's parameter names. All that can be wrong with it is found at the decorator.
"""

from __future__ import annotations

import inspect
import linecache
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._registry import dotted_name
from ..errors import RuleError

__all__ = ["Rule", "signature_of"]


class Rule:
    """What a decorator said about one function, prepared for calls.

    Attributes
    ----------
    name, where : str
        For errors and notes.
    parameters : tuple of str
        Of the original.
    wrt : tuple of str
        The differentiable ones.
    slope : callable or None
        Of a function of one argument: its derivative as a function of one residual.
    """

    def __init__(self, original: Any, name: str, where: str, options: Mapping[str, Any]) -> None:
        self.original = original
        self.name = name
        self.where = where
        self.options = options
        self.slope: Any = None
        self.symbolic_zeros: bool = options["symbolic_zeros"]
        self._prepared = False
        self._wrt: tuple[str, ...] = ()

    @property
    def wrt(self) -> tuple[str, ...]:
        """Names of the differentiable parameters."""
        self.prepare()
        return self._wrt

    def prepare(self) -> None:
        """Read both signatures, and find all that is wrong with them."""
        if self._prepared:
            return
        self.signature = signature_of(self.original, self.options["signature"], self.where)
        self.parameters = tuple(self.signature.parameters)
        self._wrt = self._differentiable()
        self.functions = self._functions()
        self.needs = {key: self._needed_by(f, key) for key, f in self.functions.items()}
        self._check_handled()
        self.needs_result = any("result" in needs for needs in self.needs.values())
        if self.options["derivative"] is not None and len(self.parameters) == 1:
            needs = self.needs[self._wrt[0]]
            self.slope = self.functions[self._wrt[0]]
            self.keeps = "both" if len(needs) > 1 else "result" if "result" in needs else "x"
            if not needs:
                constant = self.slope
                self.slope = lambda _: constant()
            elif len(needs) > 1:
                both, names = self.slope, needs
                self.slope = lambda x_y: both(
                    **dict(zip(names, x_y if names[0] != "result" else x_y[::-1], strict=True))
                )
            else:
                self.slope = by_position(self.slope, needs)
        self._prepared = True

    def _differentiable(self) -> tuple[str, ...]:
        wrt = self.options["wrt"]
        rules = (
            self.options["grad"]
            if self.options["grad"] is not None
            else (self.options["derivative"])
        )
        if wrt is not None:
            names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        elif isinstance(rules, Mapping):
            names = tuple(name for name in self.parameters if name in rules)
            names += tuple(name for name in rules if name not in names)
        else:
            names = tuple(
                name
                for name, p in self.signature.parameters.items()
                if p.default is p.empty and p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)
            )
            if not names:
                names = self.parameters[:1]
        for name in names:
            if name not in self.parameters:
                raise self._error(f"has no parameter {name!r} to be differentiated")
        if not names:
            raise self._error("has no parameter to be differentiated")
        return names

    def _functions(self) -> dict[Any, Any]:
        for key in ("grad", "derivative"):
            rules = self.options[key]
            if rules is None:
                continue
            if isinstance(rules, Mapping):
                for name in self._wrt:
                    if name not in rules:
                        raise self._error(f"has no rule for {name!r} in the dict {key}=")
                for name in rules:
                    if name not in self._wrt:
                        raise self._error(f"has a rule for {name!r}, which wrt= leaves out")
                return {name: rules[name] for name in self._wrt}
            if key == "derivative":
                if len(self._wrt) > 1:
                    raise self._error(
                        "has several differentiable parameters, and one derivative",
                        "Write a dict of partial derivatives, or wrt= for one parameter.",
                    )
                return dict.fromkeys(self._wrt, rules)
            return {None: rules}
        return {None: self.options["op"]}

    def _needed_by(self, function: Any, key: Any) -> tuple[str, ...]:
        """Names that a function of the rule asks for, after dzdy."""
        if not callable(function):
            raise self._error(f"was given {function!r} as a rule, which is not callable")
        code = getattr(function, "__code__", None)
        if code is not None and not code.co_flags & 0x0C and not hasattr(function, "__wrapped__"):
            names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
            if isinstance(function, types.MethodType):
                names = names[1:]
        elif isinstance(function, np.ufunc):  # by position, whatever it calls them
            first = ["dzdy"] if self.options["grad"] is not None else []
            names = [*first, *self._wrt][: function.nin]
        else:
            names = [
                name
                for name, p in inspect.signature(function).parameters.items()
                if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            ]
            if self.options["op"] is not None and not names:
                names = list(self._wrt)
        if self.options["grad"] is not None:
            if not names:
                raise self._error("has a rule that does not take dzdy", rule=_defined(function))
            names = names[1:]
        for name in names:
            if name not in self.parameters and name != "result":
                raise self._error(
                    f"has a rule that asks for {name!r}, which is not a parameter of it",
                    f"Its parameters are {', '.join(self.parameters)}; the forward result is "
                    "called result.",
                    rule=_defined(function),
                )
        return tuple(names)

    def _check_handled(self) -> None:
        ignores = self.options["ignores"]
        ignores = (ignores,) if isinstance(ignores, str) else tuple(ignores)
        for name in ignores:
            if name not in self.parameters:
                raise self._error(f"has no parameter {name!r} to be ignored")
        handled = {*self._wrt, *ignores, *(n for needs in self.needs.values() for n in needs)}
        kinds = {p.kind for p in self.signature.parameters.values()}
        self.positional_defaults = (
            [p.default for p in self.signature.parameters.values()]
            if kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
            else None
        )
        self.handled = tuple(name for name in self.parameters if name in handled)
        self.unhandled: list[tuple[int, str, Any]] = []
        for index, (name, p) in enumerate(self.signature.parameters.items()):
            if name in handled:
                continue
            if p.kind is p.VAR_POSITIONAL:
                self.unhandled.append((index, name, ()))
            elif p.kind is p.VAR_KEYWORD:
                self.unhandled.append((index, name, {}))
            elif p.default is p.empty:
                raise self._error(
                    f"has a parameter {name!r} that its rule does not handle",
                    f"Name {name} in the rule's parameters, or list it in ignores=.",
                )
            else:
                self.unhandled.append((index, name, p.default))

    def _error(self, what: str, remedy: str = "", **facts: Any) -> RuleError:
        parameters = getattr(self, "parameters", None)
        return RuleError(
            f"{self.name} {what}.",
            remedy or (f"Its parameters are {', '.join(parameters)}." if parameters else ""),
            **facts,
            defined=self.where,
        )


def by_position(function: Any, names: tuple[str, ...], after: int = 0) -> Any:
    """A function of a rule as one that takes what it asks for by position, after some others."""
    if isinstance(function, np.ufunc):
        return function
    code = getattr(function, "__code__", None)
    if code is not None and not hasattr(function, "__wrapped__"):
        own = code.co_varnames[: code.co_argcount]
        own = own[1:] if isinstance(function, types.MethodType) else own
        if own[after:] == names:
            return function
    return lambda *given: function(*given[:after], **dict(zip(names, given[after:], strict=True)))


def signature_of(original: Any, text: str | None, where: str) -> inspect.Signature:
    """The signature of a callable, or the one given for it."""
    if text is not None:
        scope: dict[str, Any] = {"np": np}
        try:
            exec(f"def _({text}): ...", scope)  # noqa: S102 - the author's own signature
        except SyntaxError:
            raise RuleError(
                f"{text!r} is not a signature.",
                'Write it as in a definition: signature="x, base=None".',
                defined=where,
            ) from None
        return inspect.signature(scope["_"])
    if isinstance(original, np.ufunc):
        names = ("x",) if original.nin == 1 else tuple(f"x{i + 1}" for i in range(original.nin))
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])
    try:
        signature = inspect.signature(original)
    except (ValueError, TypeError):
        raise RuleError(
            f"{dotted_name(original)} has no signature that Python can tell.",
            'Give it one: lifted(..., signature="x, base=None").',
            defined=where,
        ) from None
    return signature.replace(
        parameters=[p.replace(annotation=p.empty) for p in signature.parameters.values()],
        return_annotation=signature.empty,
    )


def _defined(function: Any) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return repr(function)
    line = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    place = f"{code.co_filename}:{code.co_firstlineno}"
    return f"{place}  {line}" if line else place
