"""Leaves: the numbers and arrays within a value, and the way to each of them."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import fractions
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .._space import fields_of, is_record, parts_of

__all__ = [
    "Leaf",
    "at_path",
    "kind_of",
    "laid_out_as",
    "leaf_like",
    "numbers_of",
    "parts",
    "path_text",
    "with_gaps",
]

Vector = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """A number or an array of numbers within a value.

    Attributes
    ----------
    path : tuple
        Keys that lead to it.
    value : number or ndarray
    start, stop : int
        Its coordinates.
    """

    path: tuple[Any, ...]
    value: Any
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, ``()`` of a number."""
        return np.shape(self.value)

    @property
    def is_complex(self) -> bool:
        """Does each number take two coordinates?"""
        return kind_of(self.value) == "c"

    @property
    def eps(self) -> float:
        """Distance from 1 to the next number of this precision."""
        dtype = getattr(self.value, "dtype", None)
        if dtype is None or dtype.kind not in "fc":
            return 2.0**-52
        return max(float(np.finfo(dtype).eps), 2.0**-52)


def parts(value: Any) -> list[tuple[Any, Any]] | None:
    """The parts of a container or record, or None for what has none."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "O":
            return None
        return [(index, value[index]) for index in np.ndindex(value.shape)]
    found = parts_of(value)
    if found is not None:
        return list(found)
    if kind_of(value) is None and is_record(value):
        return fields_of(value)
    return None


def kind_of(value: Any) -> str | None:
    """``f``, ``c`` or ``i`` for what holds numbers, None for anything else."""
    cls = value.__class__
    if cls is float:
        return "f"
    if cls is int:
        return "i"
    if cls is complex:
        return "c"
    if isinstance(value, (np.ndarray, np.generic)):
        return {"f": "f", "c": "c", "i": "i", "u": "i"}.get(value.dtype.kind)
    if isinstance(value, (bool, str, enum.Enum)):
        return None
    if isinstance(value, (float, fractions.Fraction, decimal.Decimal)):
        return "f"
    if isinstance(value, int):
        return "i"
    return "c" if isinstance(value, complex) else None


def numbers_of(value: Any) -> Vector:
    """The coordinates of a leaf."""
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "c":
            return np.ascontiguousarray(value, np.complex128).ravel().view(np.float64)
        return np.asarray(value, np.float64).ravel()
    if isinstance(value, complex):
        return np.array([value.real, value.imag])
    return np.array([float(value)])


def leaf_like(value: Any, vector: Vector, floats: bool) -> Any:
    """A leaf of the type of `value` from its coordinates; always a new object."""
    kind = kind_of(value)
    if vector.dtype.kind == "c":
        return _complex_leaf_like(value, vector)
    if isinstance(value, (np.ndarray, np.generic)):
        found: Any = vector.view(np.complex128) if kind == "c" else vector
        dtype = np.dtype(float) if kind == "i" and floats else value.dtype
        if isinstance(value, np.generic):
            return dtype.type(found[0])
        return laid_out_as(value, found.reshape(value.shape).astype(dtype))
    if kind == "c":
        return complex(vector[0], vector[1])
    number = float(vector[0])
    if isinstance(value, fractions.Fraction):
        return fractions.Fraction(number)
    if isinstance(value, decimal.Decimal):
        return decimal.Decimal(number)
    return number if kind == "f" or floats else int(number)


def laid_out_as(like: Any, array: Any) -> Any:
    """The numbers of an array, standing in memory as those of another of its shape do.

    By rows, by columns, or with gaps: a rule that reads memory instead of axes tells them apart.
    """
    if like.flags.c_contiguous:
        return array
    if like.flags.f_contiguous:
        return np.asfortranarray(array)
    return with_gaps(array)


def with_gaps(array: Any) -> Any:
    """The same numbers in an array that has gaps in memory."""
    gaps = np.empty((*array.shape, 2), array.dtype)[..., 0]
    gaps[...] = array
    return gaps


def _complex_leaf_like(value: Any, vector: Any) -> Any:
    """A leaf for a complex step, for which real numbers become complex."""
    if kind_of(value) == "c":
        vector = vector[::2] + 1j * vector[1::2]
    if isinstance(value, np.ndarray):
        return vector.reshape(value.shape)
    return complex(vector[0])


def at_path(value: Any, path: tuple[Any, ...]) -> Any:
    """The part of a structure that the keys of a path lead to."""
    for key in path:
        if isinstance(value, (list, tuple, Mapping, np.ndarray)):
            value = value[key]
        else:
            value = getattr(value, key)
    return value


def path_text(path: tuple[Any, ...], value: Any = None) -> str:
    """A path as it is written in Python."""
    text = ""
    for key in path:
        record = value is not None and not isinstance(value, (list, tuple, Mapping, np.ndarray))
        text += f".{key}" if record else f"[{key!r}]"
        if value is not None:
            value = at_path(value, (key,))
    return text
