"""Stand-ins for `float`, `int`, `complex` and NumPy's: classes that BVars are instances of.

They are classes, not functions, so that they serve wherever a class does: in ``case float():``, in
``float | int``, as keys of a table of types, as a base class and as a dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .standing_in import representative

__all__ = ["stand_in_class"]


class _ClassOfNumbers(type):
    """The class of the stand-ins; a subclass of a stand-in is an ordinary class."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        make = cls.__dict__.get("_make")
        return type.__call__(cls, *args, **kwargs) if make is None else make(*args, **kwargs)

    def __instancecheck__(cls, value: Any) -> bool:
        original = cls.__dict__.get("_original")
        if original is None:
            return super().__instancecheck__(value)
        return isinstance(representative(value), original)

    def __subclasscheck__(cls, other: type) -> bool:
        original = cls.__dict__.get("_original")
        if original is None:
            return super().__subclasscheck__(other)
        return issubclass(_original_of(other), original)

    def __eq__(cls, other: object) -> bool:
        return _original_of(cls) is _original_of(other)

    def __hash__(cls) -> int:
        return type.__hash__(_original_of(cls))

    def __or__(cls, other: Any) -> Any:
        return _original_of(cls) | _original_of(other)

    def __ror__(cls, other: Any) -> Any:
        return _original_of(other) | _original_of(cls)

    def __getattr__(cls, name: str) -> Any:
        original = cls.__dict__.get("_original")
        if original is None:
            raise AttributeError(name)
        return getattr(original, name)

    def __repr__(cls) -> str:
        return repr(_original_of(cls)) if "_original" in cls.__dict__ else super().__repr__()


def _original_of(cls: Any) -> Any:
    return cls.__dict__.get("_original", cls) if cls.__class__ is _ClassOfNumbers else cls


def stand_in_class(original: type, make: Any) -> Any:
    """A class that stands for a class of numbers.

    Parameters
    ----------
    original : type
    make : callable
        What a call of the class does.
    """
    bases = (original,) if original in (float, int, complex) else ()
    names = {
        "_make": staticmethod(make),
        "_original": original,
        "__module__": original.__module__,
        "__doc__": original.__doc__,
        "dtype": np.dtype(original),  # so that it serves as a dtype
    }
    return _ClassOfNumbers(original.__name__, bases, names)
