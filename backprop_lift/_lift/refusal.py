"""Refusal: twins that run a function and refuse to be differentiated."""

from __future__ import annotations

import inspect
from typing import Any

from .._bvar import BVar, has_bvar, record, site, youngest
from .._effect import then
from .._space import parts_of, rebuilt
from .._tape import call_site
from ..errors import NoGradientError
from .signature import dressed

__all__ = ["refusing"]


def refusing(function: Any, name: str, reason: str, where: str = "") -> Any:
    """A twin that runs a function and refuses to be differentiated.

    Every numeric part of its result is marked. A result that cannot be marked, such as an object
    made from BVars, is refused at the call.
    """

    def twin(*args: Any, **kwargs: Any) -> Any:
        if not has_bvar(args) and not has_bvar(kwargs):
            return function(*args, **kwargs)
        found = _bvars_in((args, kwargs))
        tape = youngest(found)
        on = [v for v in found if v._bvar_space.tape is tape]
        result = twin(
            *(_off(a, tape) for a in args), **{k: _off(a, tape) for k, a in kwargs.items()}
        )
        called = site()
        held: list[Any] = [i for i, a in enumerate(args) if has_bvar(a)]
        held += [key for key, a in kwargs.items() if has_bvar(a)]

        def refuse(dzdy: Any) -> Any:
            raise _no_gradient(name, reason, where, called, _named(held, function))

        rule = _Refusal(name, where)
        parents = tuple((v._bvar_at, v._bvar_space) for v in on)

        def finish(result: Any) -> Any:
            try:
                return record(tape, result, refuse, parents, rule)
            except Exception as error:
                at = _named(held, function)
                raise _no_gradient(name, reason, where, called, at) from error

        return then(result, finish)

    return dressed(twin, function)


class _Refusal:
    __slots__ = ("name", "where")

    def __init__(self, name: str, where: str) -> None:
        self.name, self.where = name, where


def _named(held: list[Any], function: Any) -> str:
    """Names of arguments, from their places in a call."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found = [
        place
        if isinstance(place, str)
        else names[place]
        if place < len(names)
        else f"argument {place + 1}"
        for place in held
    ]
    return ", ".join(found)


def _no_gradient(name: str, reason: str, where: str, site: Any, at: str) -> NoGradientError:
    facts = {"at": at, "why": reason} if reason else {"at": at}
    if where:
        facts["declared"] = where
    if site is not None:
        facts["called"] = call_site(site)
    short = name.rpartition(".")[2]
    return NoGradientError(
        f"{name} has no gradient, and one was asked for.",
        f"Write lifted(grad=..., replace=True)({short}), or const_var(...) around its result "
        "where a constant is meant.",
        **facts,
    )


def _bvars_in(value: Any) -> list[BVar]:
    if value.__class__ is BVar:
        return [value]
    if not has_bvar(value):
        return []
    return [v for _, part in parts_of(value) or () for v in _bvars_in(part)]


def _off(value: Any, tape: Any) -> Any:
    """A value with the BVars of one tape replaced by what they stand for."""
    if value.__class__ is BVar:
        return value._bvar_value if value._bvar_space.tape is tape else value
    if not has_bvar(value):
        return value
    return rebuilt(value, [(key, _off(part, tape)) for key, part in parts_of(value) or ()])
