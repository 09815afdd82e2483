"""What twins of mirrors share: their registry, and the marks on what was not checked."""

from __future__ import annotations

import inspect
from typing import Any, Final

from .._bvar import BVar, has_bvar
from .._lift.refusal import refusing
from .._registry import Registry, registry

__all__ = ["checked_only", "mirrors", "refusal_docs"]

mirrors: Final = Registry(parent=registry)
"""The registry that twins of all mirrors are made with."""


def checked_only(
    original: Any, differentiable: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments, with those marked whose gradient was not checked.

    Parameters
    ----------
    original : callable
    differentiable : str
        Names of the parameters whose gradients were.
    args, kwargs
        Of a call.
    """
    checked = differentiable.split()
    parameters, rest = _positional(original)
    names = [*parameters[: len(args)], *[rest] * (len(args) - len(parameters))]
    marked = tuple(
        value if name in checked or name == "" else _marked(original, name, value, checked)
        for name, value in zip(names, args, strict=True)
    )
    settings = {
        name: value if name in checked else _marked(original, name, value, checked)
        for name, value in kwargs.items()
    }
    return marked, settings


def _positional(original: Any) -> tuple[list[str], str]:
    """Names of the parameters that are given by position, and of the rest of them."""
    try:
        parameters = inspect.signature(original).parameters.values()
    except (ValueError, TypeError):
        return [], ""
    rest = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in positional], (rest or [""])[0]


def _marked(original: Any, name: str, value: Any, checked: list[str]) -> Any:
    """A value that passes, but refuses a gradient."""
    if value.__class__ is not BVar and not has_bvar(value):
        return value
    function = getattr(original, "__name__", "a function")
    reason = f"{function} was checked for {', '.join(checked)}, and not for {name}"
    return refusing(lambda value: value, f"{name} of {function}", reason)(value)


def refusal_docs(reason: str, original: Any) -> str:
    """The docstring of a stub: the reason first, then the original's."""
    return f"not differentiable: {reason}\n\n{inspect.getdoc(original) or ''}".rstrip()
