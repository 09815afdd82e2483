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

from .._bvar import PLAIN_TYPES, is_plain

__all__ = ["late_twin"]

# Of the code of twins: a file of this library, as those look that ask where a call was made.
_FILE: Final = __file__.replace("late.py", "<twin>")
_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)


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
    names, positional_only, positional, more = _parameters(original)
    sharp = _sharp_code(names, positional_only, positional, more) if names else _any_code()
    if names:
        # Defaults first: the code that is there now does not look at them.
        twin.__defaults__, twin.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    twin.__code__ = sharp


def _parameters(original: Any) -> tuple[tuple[str, ...], int, int, bool]:
    """Names of the parameters, how many are positional, and whether others may follow.

    There are no names where they cannot be told, or have no defaults of their own.
    """
    if not isinstance(original, types.FunctionType) or hasattr(original, "__wrapped__"):
        return (), 0, 0, True
    code = original.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    more = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if _FREE & set(names):
        return (), 0, 0, True
    return names, code.co_posonlyargcount, code.co_argcount, bool(more)


_FREE: Final = frozenset({"args", "kwargs", "original", "otherwise", "plain", "twin"})


@functools.lru_cache(maxsize=512)
def _sharp_code(
    names: tuple[str, ...], positional_only: int, positional: int, more: bool
) -> types.CodeType:
    """The code of a twin with the parameters of its original.

    Its first test is for the usual call: all plain, and nothing beyond the parameters by name.
    """
    parameters = list(names[:positional])
    if positional_only:
        parameters.insert(positional_only, "/")
    if more:
        parameters.append("*args")
    elif len(names) > positional:
        parameters.append("*")
    parameters += names[positional:]
    if more:
        parameters.append("**kwargs")
    by_name = names[positional:]
    call = ", ".join([*names[:positional], *(f"{name}={name}" for name in by_name)])
    args = "".join(f"{name}, " for name in names[:positional])
    kwargs = ", ".join(f"{name!r}: {name}" for name in by_name)
    tests = [f"{name}.__class__ in plain" for name in names]
    if more:
        tests += ["not args", "not kwargs"]
        args, kwargs = f"{args}*args,", f"{kwargs}, **kwargs".lstrip(", ")
    return _compiled(
        f"({', '.join(parameters)})",
        f"if {' and '.join(tests)}: return original({call})",
        f"otherwise(({args}), {{{kwargs}}})",
    )


@functools.cache
def _any_code() -> types.CodeType:
    return _compiled(
        "(*args, **kwargs)",
        "if not kwargs and plain.issuperset(map(type, args)): return original(*args)",
        "otherwise(args, kwargs)",
    )


def _compiled(signature: str, first: str, otherwise: str) -> types.CodeType:
    """The code of a twin; it names what the first one names, so that it can take its place."""
    source = f"""
def outer(original, otherwise, plain, twin):
    def twin{signature}:
        {first}
        return {otherwise} if twin else None
    return twin
"""
    outer = compile(source, _FILE, "exec").co_consts[0]
    return next(c for c in outer.co_consts if isinstance(c, types.CodeType))
