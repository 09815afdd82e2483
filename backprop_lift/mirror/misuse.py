"""What an error is told that an original raised while its twin ran: who, given what, from where."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, Final

from .._bvar import value_of
from .._registry import dotted_name

__all__ = ["note_call"]

_OURS: Final = str(Path(__file__).parents[1])
_LONG: Final = 60


def note_call(
    error: BaseException, original: Any, twin: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Add a note to an error: the original that ran, its arguments by name, and the call.

    Parameters
    ----------
    error : Exception
    original : callable
    twin : str
        Dotted name of what was called.
    args, kwargs
        What it was given.
    """
    lines = [f"while {dotted_name(original)} ran, called with BVars as {twin}"]
    lines += [f"  {name}: {_short(value)}" for name, value in _by_name(original, args, kwargs)]
    lines.append(f"  called: {_caller()}")
    error.add_note("\n".join(lines))


def _by_name(original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    try:
        return list(inspect.signature(original).bind(*args, **kwargs).arguments.items())
    except (ValueError, TypeError):  # the call itself is the mistake
        return [*((f"argument {i}", value) for i, value in enumerate(args, 1)), *kwargs.items()]


def _short(value: Any) -> str:
    plain = value_of(value)
    text = " ".join(repr(plain).split())
    text = text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."
    return text if plain is value else f"BVar of {text}"


def _caller() -> str:
    """The nearest line that is not this library's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
