"""How much work a call is, counted in calls of functions.

Unlike seconds it is the same on every machine, on a busy one too, and so is what depends on it.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from ..gradcheck import Sample
from ..gradcheck.calls import TimeIsUp, copied, limited, quiet

__all__ = ["effort", "how_many"]

_MOST: Final = 60_000
_SECONDS: Final = 2.0
# How many samples a function is checked on, by the work that one call of it is.
_LIMITS: Final = ((1_500, 6), (3_000, 4), (8_000, 2), (_MOST, 1))


class _TooMuch(BaseException):
    """More work than anybody wants to count."""


def effort(function: Any, sample: Sample) -> int:
    """How many calls of functions, in Python or C, one call of a function makes, up to some limit.

    Parameters
    ----------
    function : callable
    sample : Sample
    """
    count = 0

    def note(_: Any, event: str, __: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1
            if count > _MOST:
                sys.setprofile(None)
                raise _TooMuch

    args = [copied(value) for value in sample.args]
    settings = {name: copied(value) for name, value in sample.settings.items()}
    before = sys.getprofile()
    try:
        with quiet(), limited(_SECONDS):
            sys.setprofile(note)
            function(*args, **settings)
    except TimeIsUp:
        return _MOST
    except (Exception, SystemExit, _TooMuch):
        pass
    finally:
        sys.setprofile(before)
    return min(count, _MOST)


def how_many(work: int) -> int:
    """How many samples to check a function on."""
    return next(count for most, count in _LIMITS if work <= most)
