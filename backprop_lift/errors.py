"""Every error of the library: one sentence, a block of facts, one sentence with the remedy.

Each class is a `LiftError` and the built-in exception that it specialises, so that both
``except LiftError`` and ``except TypeError`` read naturally.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = [
    "ConversionError",
    "CotangentError",
    "IsoError",
    "LiftError",
    "MirrorError",
    "MissingExtraError",
    "NoGradientError",
    "PathError",
    "RegistrationError",
    "RuleError",
    "SampleError",
    "SpaceError",
    "TapeError",
    "UnhandledParameterError",
    "UnknownTwinError",
    "noted_refusals",
]


class LiftError(Exception):
    """Something that this library refuses to do.

    Parameters
    ----------
    sentence : str
        Names the function and what is wrong.
    remedy : str, optional
        What to write instead, as a sentence.
    **facts
        Shown one a line, and kept as the attribute `facts`. Facts that recur keep their names:
        ``rule``, ``defined``, ``called``, ``expected``, ``got``, ``at``.

    Attributes
    ----------
    facts : dict
    """

    def __init__(self, sentence: str, remedy: str = "", **facts: Any) -> None:
        self.sentence = sentence
        self.remedy = remedy
        self.facts = facts
        super().__init__(sentence, remedy, facts)
        if _noted.errors is not None and isinstance(self, _REFUSALS):
            _noted.errors.append(self)

    def __str__(self) -> str:
        width = max(map(len, self.facts), default=0) + 1
        lines = [f"  {name + ':':{width}} {fact}" for name, fact in self.facts.items()]
        return "\n".join(map(str, filter(None, [self.sentence, *lines, self.remedy])))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.sentence, self.remedy, self.facts)


def _restored(cls: type[LiftError], sentence: str, remedy: str, facts: dict[str, Any]) -> LiftError:
    return cls(sentence, remedy, **facts)


class NoGradientError(LiftError, NotImplementedError):
    """A gradient was asked of a function that has none."""


class ConversionError(LiftError, TypeError):
    """A BVar would have lost its tape: `float(v)`, `np.asarray(v)`, pickling and the like."""


class TapeError(LiftError, RuntimeError):
    """A BVar was used outside the run that made it, or after what it was read from moved on."""


class CotangentError(LiftError, ValueError):
    """A cotangent has a shape, a structure or a count that its primal does not have."""


class RuleError(LiftError, TypeError):
    """A rule that cannot be right, found at its decorator."""


class UnhandledParameterError(LiftError, TypeError):
    """A parameter was given a value that the function's rule does not handle."""


class RegistrationError(LiftError, ValueError):
    """An original was registered twice, or cannot be registered."""


class UnknownTwinError(LiftError, LookupError):
    """A function that has no twin in the registry."""


class SpaceError(LiftError, TypeError):
    """A type without `zero`, `add` and `one`, or two values that cannot be added."""


class PathError(LiftError, LookupError):
    """A path that leads nowhere in the value it was applied to."""


class IsoError(LiftError, ValueError):
    """A pair of functions that are not each other's inverse."""


class SampleError(LiftError, ValueError):
    """A sample or a samples file that cannot be read or called."""


class MirrorError(LiftError, ValueError):
    """A package that cannot be mirrored, or a mirror that cannot be written."""


class MissingExtraError(LiftError, ImportError):
    """An optional dependency that is not installed; the remedy names the extra."""


class _Noted(threading.local):
    errors: list[LiftError] | None = None


_noted: Final = _Noted()
_REFUSALS: Final = (ConversionError, NoGradientError, TapeError, UnhandledParameterError)


@contextmanager
def noted_refusals() -> Iterator[list[LiftError]]:
    """The refusals of this thread from here on, those too that a function swallows.

    Yields
    ------
    list of LiftError
        Grows as they are raised.
    """
    outer, _noted.errors = _noted.errors, []
    try:
        yield _noted.errors
    finally:
        if outer is not None:
            outer.extend(_noted.errors)
        _noted.errors = outer
