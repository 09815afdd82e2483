"""Signatures: functions that look as their original does, and hand the values over."""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable
from typing import Any, Final

__all__ = ["arguments", "dressed", "with_signature"]

_PACKAGE: Final = __file__.rpartition("_lift")[0]


def arguments(
    signature: inspect.Signature, values: tuple[Any, ...]
) -> tuple[list[Any], dict[str, Any]]:
    """The call that gives each parameter its value; defaults are left to the original."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    by_name = False
    for (name, p), value in zip(signature.parameters.items(), values, strict=True):
        if p.kind is p.VAR_POSITIONAL:
            args.extend(value)
            by_name = True
        elif p.kind is p.VAR_KEYWORD:
            kwargs.update(value)
        elif p.default is not p.empty and value is p.default and p.kind is not p.POSITIONAL_ONLY:
            by_name = True
        elif p.kind is p.KEYWORD_ONLY or (by_name and p.kind is not p.POSITIONAL_ONLY):
            kwargs[name] = value
        else:
            args.append(value)
    return args, kwargs


_sources: dict[str, types.CodeType] = {}


def with_signature(
    signature: inspect.Signature,
    apply: Callable[[Any], Any],
    like: Any,
    short: Callable[..., Any] | None = None,
) -> Any:
    """A function with a signature that hands the values of its parameters over.

    Parameters
    ----------
    signature : inspect.Signature
    apply : callable
        Takes the values of all parameters as one tuple.
    like : callable
        Whose name and docs the function gets.
    short : callable, optional
        Takes the values of the parameters without a default, where all others are not given.
    """
    parameters, names, required, settings = [], [], [], []
    defaults = {}
    last_kind: Any = None
    for name, p in signature.parameters.items():
        if last_kind is p.POSITIONAL_ONLY and p.kind is not last_kind:
            parameters.append("/")
        if p.kind is p.KEYWORD_ONLY and last_kind not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            parameters.append("*")
        last_kind = p.kind
        prefix = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        if p.default is not p.empty:
            defaults[f"_default_{name}"] = p.default
            parameters.append(f"{name}=_default_{name}")
            settings.append(f"{name} is _default_{name}")
        else:
            parameters.append(prefix + name)
            required.append(name)
        names.append(name)
    if last_kind is inspect.Parameter.POSITIONAL_ONLY:
        parameters.append("/")
    lines = [f"def twin({', '.join(parameters)}):"]
    if short is not None:
        asked = f"if {' and '.join(settings)}: " if settings else ""
        lines.append(f"    {asked}return _short({', '.join(required)})")
    lines.append(f"    return _apply(({''.join(name + ', ' for name in names)}))")
    source = "\n".join(lines)
    code = _sources.get(source)
    if code is None:
        code = _sources[source] = compile(source, f"{_PACKAGE}<twin>", "exec")
    scope: dict[str, Any] = {"_apply": apply, "_short": short, **defaults}
    exec(code, scope)  # noqa: S102 - our own text, of the original's parameter names
    return dressed(scope["twin"], like, signature)


def dressed(twin: Any, like: Any, signature: inspect.Signature | None = None) -> Any:
    """Give a twin the name, docs and signature of its original."""
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        value = getattr(like, name, None)
        if isinstance(value, str):
            setattr(twin, name, value)
    twin.__wrapped__ = like
    with contextlib.suppress(ValueError, TypeError):  # a callable without a signature
        signature = inspect.signature(like)
    if signature is not None:
        twin.__signature__ = signature
    return twin
