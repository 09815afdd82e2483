"""Twins that cost next to nothing while no BVar is about.

A twin first takes any arguments. At its first call it gets the code of its original's signature,
which tells plain values apart twice as fast and hands them on in place.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Final

from .._bvar import _PLAIN, is_plain

__all__ = ["late_twin"]

_PLAIN_TYPES: Final = frozenset(_PLAIN)


def late_twin(original: Any, on_bvars: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    """A function that calls an original with plain values, and another function with BVars.

    Parameters
    ----------
    original : callable
    on_bvars : callable
        ``f(args, kwargs)``.
    """
    plain = _PLAIN_TYPES

    def otherwise(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if all(map(is_plain, args)) and all(map(is_plain, kwargs.values())):
            return original(*args, **kwargs)
        return on_bvars(args, kwargs)

    def twin(*args: Any, **kwargs: Any) -> Any:
        _sharpen(twin, original)
        if plain.issuperset(map(type, args)) and plain.issuperset(map(type, kwargs.values())):
            return original(*args, **kwargs)
        return otherwise(args, kwargs)

    return twin


def _sharpen(twin: Any, original: Any) -> None:
    """Give a twin the code of its original's signature, or one for any where that takes `*args`."""
    names, positional_only, positional = _parameters(original)
    sharp = _sharp_code(names, positional_only, positional) if names else _any_code()
    if names:
        # Defaults first: the code that is there now does not look at them.
        twin.__defaults__, twin.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    twin.__code__ = sharp


def _parameters(original: Any) -> tuple[tuple[str, ...], int, int]:
    """Names of the parameters, and how many are positional; no names where they cannot be told."""
    if not isinstance(original, types.FunctionType) or hasattr(original, "__wrapped__"):
        return (), 0, 0
    code = original.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) or _FREE & set(names):
        return (), 0, 0
    return names, code.co_posonlyargcount, code.co_argcount


_FREE: Final = frozenset({"original", "otherwise", "plain", "twin"})


@functools.lru_cache(maxsize=512)
def _sharp_code(names: tuple[str, ...], positional_only: int, positional: int) -> types.CodeType:
    parameters = list(names[:positional])
    if positional_only:
        parameters.insert(positional_only, "/")
    if len(names) > positional:
        parameters += ["*", *names[positional:]]
    by_name = names[positional:]
    call = ", ".join([*names[:positional], *(f"{name}={name}" for name in by_name)])
    args = "".join(f"{name}, " for name in names[:positional])
    kwargs = ", ".join(f"{name!r}: {name}" for name in by_name)
    tests = " and ".join(f"{name}.__class__ in plain" for name in names)
    return _compiled(
        f"({', '.join(parameters)})",
        tests,
        f"original({call})",
        f"otherwise(({args}), {{{kwargs}}})",
    )


@functools.cache
def _any_code() -> types.CodeType:
    tests = "plain.issuperset(map(type, args)) and plain.issuperset(map(type, kwargs.values()))"
    return _compiled(
        "(*args, **kwargs)", tests, "original(*args, **kwargs)", "otherwise(args, kwargs)"
    )


def _compiled(signature: str, tests: str, plainly: str, otherwise: str) -> types.CodeType:
    """The code of a twin; it names what the first one names, so that it can take its place."""
    source = f"""
def outer(original, otherwise, plain, twin):
    def twin{signature}:
        if {tests}:
            return {plainly}
        return {otherwise} if twin else None
    return twin
"""
    outer = compile(source, "<twin>", "exec").co_consts[0]
    return next(c for c in outer.co_consts if isinstance(c, types.CodeType))
