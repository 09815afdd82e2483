"""Spaces: what a type must answer so that its values can be differentiated.

A `Space` is the `Backprop` class of the original: ``zero(x)``, ``add(x, y)`` and ``one(x)``.
Numbers and arrays have one; a list, tuple, dict, dataclass or other record is a space when its
parts are, part by part; ``bool``, ``str``, ``None`` and other values without numbers have the
trivial space, whose only cotangent is ``None``. `register_space` adds a type.
"""

from __future__ import annotations

import dataclasses
import decimal
import fractions
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ._parts import (
    WITHOUT_NUMBERS,
    fields_of,
    is_namedtuple,
    is_record,
    is_record_type,
    make_opaque,
    parts_of,
    rebuilt,
)
from .errors import SpaceError

__all__ = [
    "ZERO",
    "Space",
    "add",
    "fields_of",
    "is_namedtuple",
    "is_record",
    "one",
    "parts_of",
    "rebuilt",
    "register_space",
    "space_of",
    "zero",
]


class _Zero:
    """The symbolic zero: a cotangent through which nothing flows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ZERO"

    def __add__(self, other: Any) -> Any:
        return other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return -other

    def __rsub__(self, other: Any) -> Any:
        return other

    def __mul__(self, other: Any) -> _Zero:
        return self

    __rmul__ = __truediv__ = __mul__

    def __neg__(self) -> _Zero:
        return self

    def __reduce__(self) -> str:
        return "ZERO"


ZERO: Final = _Zero()


@dataclasses.dataclass(frozen=True, slots=True)
class Space:
    """What a type must answer.

    Parameters
    ----------
    zero, one : callable
        ``zero(x)`` and ``one(x)``, with the shape of `x`. ``one(x)`` is the gradient of the
        identity at `x`.
    add : callable
        ``add(x, y)``; commutative and associative, with ``zero(x)`` as identity; returns a new
        value and changes neither argument.

    Notes
    -----
    `backprop_lift.gradcheck.laws` checks the laws for any type.
    """

    zero: Callable[[Any], Any]
    add: Callable[[Any, Any], Any]
    one: Callable[[Any], Any]

    def __post_init__(self) -> None:
        for name in ("zero", "add", "one"):
            if not callable(getattr(self, name)):
                raise SpaceError(
                    f"A Space was given {getattr(self, name)!r} for {name}, which is no function.",
                    "Write Space(zero, add, one) with zero(x), add(x, y) and one(x).",
                )


def _add_parts_missing(x: Any, y: Any) -> Any:
    return y if x is None else x


TRIVIAL: Final = Space(lambda x: None, _add_parts_missing, lambda x: None)


def _float_type(x: Any) -> Any:
    """The type of cotangents of the number or array `x`: integers become floats."""
    kind = x.dtype.kind
    return x.dtype if kind in "fc" else np.dtype(float)


def _array_filled(x: Any, fill: float) -> Any:
    if x.dtype.kind in "fciu":
        return np.full(x.shape, fill, _float_type(x))
    if x.dtype.kind == "O":
        parts = np.empty(x.shape, object)
        for index in np.ndindex(x.shape):
            parts[index] = (one if fill else zero)(x[index])
        return parts
    return None


def _scalar_filled(x: Any, fill: float) -> Any:
    return _float_type(x).type(fill)


def _add_numbers(x: Any, y: Any) -> Any:
    try:
        total = x + y
    except TypeError:
        raise _unlike(x, y) from None
    if getattr(total, "shape", ()) != ():
        raise _unlike(x, y)
    return total


def _unlike(x: Any, y: Any) -> SpaceError:
    return SpaceError(
        f"add was given a {type(x).__name__} and a {type(y).__name__}.",
        "Cotangents of one value have its structure, and numbers of one kind.",
        expected=repr(x)[:100],
        got=repr(y)[:100],
    )


_NUMBER: Final = Space(lambda x: 0.0, _add_numbers, lambda x: 1.0)
_COMPLEX: Final = Space(lambda x: 0j, _add_numbers, lambda x: 1 + 0j)
_EXACT: Final = Space(lambda x: type(x)(0), _add_numbers, lambda x: type(x)(1))
_SCALAR: Final = Space(lambda x: _scalar_filled(x, 0), _add_numbers, lambda x: _scalar_filled(x, 1))


def _add_arrays(x: Any, y: Any) -> Any:
    if x is None or y is None:
        return _add_parts_missing(x, y)
    if np.shape(x) != np.shape(y):
        raise SpaceError(
            "add was given arrays of different shapes.",
            "Cotangents of one value have its shape.",
            expected=np.shape(x),
            got=np.shape(y),
        )
    if x.dtype.kind == "O":
        total = np.empty(x.shape, object)
        for index in np.ndindex(x.shape):
            total[index] = add(x[index], y[index])
        return total
    return x + y


_ARRAY: Final = Space(lambda x: _array_filled(x, 0), _add_arrays, lambda x: _array_filled(x, 1))

_registered: dict[type, Space] = {
    float: _NUMBER,
    int: _NUMBER,
    complex: _COMPLEX,
    fractions.Fraction: _EXACT,
    decimal.Decimal: _EXACT,
    np.ndarray: _ARRAY,
}
_derived: dict[type, Space] = {}


# Records.


def _add_containers(x: Any, y: Any) -> Any:
    if x is None or y is None:
        return _add_parts_missing(x, y)
    if parts_of(y) is None or isinstance(x, Mapping) is not isinstance(y, Mapping):
        raise _unlike(x, y)
    if isinstance(x, Mapping):
        keys = [*x, *(key for key in y if key not in x)]
        return rebuilt(
            x,
            [(k, add(x[k], y[k]) if k in x and k in y else (x if k in x else y)[k]) for k in keys],
        )
    xs, ys = list(parts_of(x) or ()), list(parts_of(y) or ())
    if [key for key, _ in xs] != [key for key, _ in ys]:
        raise SpaceError(
            f"add was given two values of {type(x).__name__} with different parts.",
            "Cotangents of one value have its structure; pad the shorter one first.",
            expected=[key for key, _ in xs],
            got=[key for key, _ in ys],
        )
    return rebuilt(x, [(key, add(a, b)) for (key, a), (_, b) in zip(xs, ys, strict=True)])


_CONTAINER: Final = Space(
    lambda x: rebuilt(x, [(key, zero(part)) for key, part in parts_of(x) or ()]),
    _add_containers,
    lambda x: rebuilt(x, [(key, one(part)) for key, part in parts_of(x) or ()]),
)


def space_of(cls: Any) -> Space:
    """The space of a type.

    Parameters
    ----------
    cls : type
        The type of a value; a value stands for its type.

    Returns
    -------
    Space

    Raises
    ------
    SpaceError
        If the type is unknown; the message tells how to register it.
    """
    value_type = cls if isinstance(cls, type) else cls.__class__
    space = _registered.get(value_type) or _derived.get(value_type)
    if space is None:
        space = _derived[value_type] = _derived_space(value_type)
    return space


def _derived_space(cls: type) -> Space:
    if issubclass(cls, (float, complex)) and not issubclass(cls, np.generic):
        return _NUMBER if issubclass(cls, float) else _COMPLEX
    if issubclass(cls, WITHOUT_NUMBERS):
        return TRIVIAL
    if issubclass(cls, np.generic):
        return _SCALAR
    if issubclass(cls, (list, tuple, Mapping)) or is_record_type(cls):
        return _CONTAINER
    for base in cls.__mro__[1:]:
        if base in _registered:
            return _registered[base]
    if any("__call__" in vars(base) for base in cls.__mro__):
        return TRIVIAL
    raise SpaceError(
        f"{cls.__module__}.{cls.__qualname__} has no space: zero, add and one are not known.",
        f"Write register_space({cls.__name__}, zero=..., add=..., one=...), "
        "or pass the value by keyword if it is a setting.",
    )


def register_space(
    cls: type,
    space: Space | None = None,
    *,
    zero: Callable[[Any], Any] | None = None,
    add: Callable[[Any, Any], Any] | None = None,
    one: Callable[[Any], Any] | None = None,
    replace: bool = False,
) -> None:
    """Give a type its `zero`, `add` and `one`.

    Parameters
    ----------
    cls : type
        Subclasses inherit the space.
    space : Space, optional
        The three functions in one; or name each of them.
    zero, add, one : callable, optional
        As in `Space`.
    replace : bool, optional
        Allow a type that has a space already.

    Raises
    ------
    SpaceError
        If `cls` is no class, a function is missing or not callable, or the type has a space and
        `replace` is false.
    """
    if not isinstance(cls, type):
        raise SpaceError(
            f"register_space was given {cls!r}, which is no class.",
            "Write register_space(cls, zero=..., add=..., one=...).",
        )
    if space is not None and (zero or add or one):
        raise SpaceError(
            f"register_space({cls.__name__}) was given a space, and functions of one besides.",
            "Give either the space or its three functions.",
        )
    if space is None:
        if zero is None or add is None or one is None:
            missing = [n for n, f in (("zero", zero), ("add", add), ("one", one)) if f is None]
            raise SpaceError(
                f"register_space({cls.__name__}) was not given {' and '.join(missing)}.",
                "A space needs zero=, add= and one=.",
            )
        space = Space(zero, add, one)
    if not isinstance(space, Space):
        raise SpaceError(
            f"register_space({cls.__name__}) was given {space!r}, which is no Space.",
            "Write register_space(cls, Space(zero, add, one)), or name the functions.",
        )
    if _registered.get(cls, space) is not space and not replace:
        raise SpaceError(
            f"{cls.__module__}.{cls.__qualname__} has a space already.",
            "Write replace=True to replace it.",
        )
    _registered[cls] = space
    _derived.clear()  # subclasses inherit
    make_opaque(cls)


def zero(x: Any) -> Any:
    """The zero of the space of `x`, with its shape: the cotangent through which nothing flows."""
    return space_of(x.__class__).zero(x)


def one(x: Any) -> Any:
    """The gradient of the identity at `x`: ones in its shape."""
    return space_of(x.__class__).one(x)


def add(x: Any, y: Any) -> Any:
    """The sum of two cotangents of one value; a `ZERO` or a missing part (None) adds nothing."""
    if x is ZERO or x is None:
        return y
    if y is ZERO or y is None:
        return x
    return space_of(x.__class__).add(x, y)
