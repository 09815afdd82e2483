"""Real coordinates of a value, so that structures can be perturbed and compared as vectors.

Every number in a list, tuple, dict, record or array is one coordinate, a complex number two (its
real and its imaginary part). In coordinates the convention of complex cotangents needs no mention:
``Re <dzdy, y>`` is the dot product of two coordinate vectors.
"""

from __future__ import annotations

import dataclasses
import decimal
import fractions
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .._space import ZERO, fields_of, is_record, parts_of, rebuilt
from ..errors import CotangentError

__all__ = ["Coordinates", "Leaf", "at_path", "parts", "path_text"]

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
        return _kind(self.value) == "c"

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
    if _kind(value) is None and is_record(value):
        return fields_of(value)
    return None


def _kind(value: Any) -> str | None:
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
    if isinstance(value, (bool, str)):
        return None
    if isinstance(value, (fractions.Fraction, decimal.Decimal)):
        return "f"
    if isinstance(value, numbers.Real) and isinstance(value, (int, float)):
        return "i" if isinstance(value, int) else "f"
    return "c" if isinstance(value, complex) else None


def _numbers_of(value: Any) -> Vector:
    """The coordinates of a leaf."""
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "c":
            return np.ascontiguousarray(value, np.complex128).ravel().view(np.float64)
        return np.asarray(value, np.float64).ravel()
    if isinstance(value, complex):
        return np.array([value.real, value.imag])
    return np.array([float(value)])


def _leaf_like(value: Any, vector: Vector, floats: bool) -> Any:
    """A leaf of the type of `value` from its coordinates; always a new object."""
    kind = _kind(value)
    if isinstance(value, (np.ndarray, np.generic)):
        if kind == "c":
            vector = vector.view(np.complex128)
        dtype = np.dtype(float) if kind == "i" and floats else value.dtype
        if isinstance(value, np.generic):
            return dtype.type(vector[0])
        return vector.reshape(value.shape).astype(dtype)
    if kind == "c":
        return complex(vector[0], vector[1])
    number = float(vector[0])
    if isinstance(value, fractions.Fraction):
        return fractions.Fraction(number)
    if isinstance(value, decimal.Decimal):
        return decimal.Decimal(number)
    return number if kind == "f" or floats else int(number)


class Coordinates:
    """The numbers of a value as one real vector, and back.

    Parameters
    ----------
    value : object
        A number, an array or a structure of them. Anything else in it is kept as it is.
    integers : bool, optional
        Do integers count, and become floats? Otherwise they are kept too.

    Attributes
    ----------
    vector : ndarray, shape (n,)
    leaves : list of Leaf

    Examples
    --------
    >>> here = Coordinates({"w": [1.0, 2.0], "name": "loss"})
    >>> here.vector
    array([1., 2.])
    >>> here.rebuilt(here.vector + 0.5)
    {'w': [1.5, 2.5], 'name': 'loss'}
    """

    def __init__(self, value: Any, *, integers: bool = False) -> None:
        self.value = value
        self.integers = integers
        self._kinds = ("f", "c", "i") if integers else ("f", "c")
        self.leaves: list[Leaf] = []
        pieces: list[Vector] = []
        start = 0
        for path, leaf in self._found(value, (), 0):
            piece = _numbers_of(leaf)
            pieces.append(piece)
            self.leaves.append(Leaf(path, leaf, start, start + len(piece)))
            start += len(piece)
        self.vector: Vector = np.concatenate(pieces) if pieces else np.zeros(0)

    def _found(self, value: Any, path: tuple[Any, ...], depth: int) -> Iterator[tuple[Any, Any]]:
        if _kind(value) in self._kinds:
            yield path, value
        elif depth < 20:
            for key, part in parts(value) or ():
                yield from self._found(part, (*path, key), depth + 1)

    def __len__(self) -> int:
        return len(self.vector)

    def scales(self) -> Vector:
        """The natural size of a change of each coordinate.

        A number's own magnitude; of a zero in an array that of its largest number, or 1.
        """
        found = np.abs(self.vector)
        for leaf in self.leaves:
            here = found[leaf.start : leaf.stop]
            finite = here[np.isfinite(here)]
            largest = float(finite.max()) if finite.size else 0.0
            here[~(here > 1e-10 * largest) | ~np.isfinite(here)] = largest or 1.0
        return found

    def eps(self) -> float:
        """The coarsest precision among the leaves."""
        return max((leaf.eps for leaf in self.leaves), default=2.0**-52)

    def rebuilt(self, vector: Vector) -> Any:
        """A new value of the same structure with other coordinates."""
        if len(self.leaves) == 1 and not self.leaves[0].path:
            return _leaf_like(self.value, vector, self.integers)
        return self._rebuilt(self.value, vector, iter(self.leaves), 0)

    def _rebuilt(self, value: Any, vector: Vector, leaves: Iterator[Leaf], depth: int) -> Any:
        if _kind(value) in self._kinds:
            leaf = next(leaves)
            return _leaf_like(value, vector[leaf.start : leaf.stop], self.integers)
        found = parts(value) if depth < 20 else None
        if found is None:
            return value.copy() if isinstance(value, np.ndarray) else value
        new = [(key, self._rebuilt(part, vector, leaves, depth + 1)) for key, part in found]
        if isinstance(value, np.ndarray):
            filled = np.empty(value.shape, object)
            for key, part in new:
                filled[key] = part
            return filled
        return rebuilt(value, new)

    def cotangent(self, vector: Vector) -> Any:
        """A cotangent of the value: as `rebuilt`, with zeros for integers, None for the rest."""
        return self._cotangent(self.value, vector, iter(self.leaves), 0)

    def _cotangent(self, value: Any, vector: Vector, leaves: Iterator[Leaf], depth: int) -> Any:
        kind = _kind(value)
        if kind in self._kinds:
            leaf = next(leaves)
            return _leaf_like(value, vector[leaf.start : leaf.stop], True)
        if kind == "i":
            return _leaf_like(value, np.zeros(np.size(value)), True)
        found = parts(value) if depth < 20 else None
        if found is None:
            return None
        new = [(key, self._cotangent(part, vector, leaves, depth + 1)) for key, part in found]
        if isinstance(value, np.ndarray):
            filled = np.empty(value.shape, object)
            for key, part in new:
                filled[key] = part
            return filled
        return rebuilt(value, new)

    def of(self, cotangent: Any) -> Vector:
        """The coordinates of a cotangent of the value.

        Raises
        ------
        CotangentError
            If its structure, a shape or a kind of number is another.
        """
        vector = np.zeros(len(self.vector))
        for leaf in self.leaves:
            part = _part_of_cotangent(cotangent, self.value, leaf)
            if part is ZERO:
                continue
            vector[leaf.start : leaf.stop] = _fitting(part, leaf)
        return vector

    def label(self, index: int) -> str:
        """How the user writes a coordinate: ``['w'][2]``, with ``.imag`` where it is one."""
        for leaf in self.leaves:
            if leaf.start <= index < leaf.stop:
                at, suffix = index - leaf.start, ""
                if leaf.is_complex:
                    at, suffix = at // 2, ".imag" if at % 2 else ""
                if leaf.shape:
                    where = ", ".join(str(int(i)) for i in np.unravel_index(at, leaf.shape))
                    suffix = f"[{where}]{suffix}"
                return path_text(leaf.path, self.value) + suffix
        raise IndexError(index)


def _part_of_cotangent(cotangent: Any, value: Any, leaf: Leaf) -> Any:
    for depth, key in enumerate(leaf.path):
        if cotangent is ZERO:
            return ZERO
        try:
            cotangent = at_path(cotangent, (key,))
        except (LookupError, TypeError, AttributeError):
            raise CotangentError(
                "A cotangent lacks a part that its primal has.",
                expected=f"a part {path_text(leaf.path[: depth + 1], value) or 'at the top'}",
                got=_described(cotangent),
            ) from None
    return cotangent


def _fitting(part: Any, leaf: Leaf) -> Vector:
    where = path_text(leaf.path) or "at the top"
    kind = _kind(part)
    if kind is None or np.shape(part) != leaf.shape:
        raise CotangentError(
            "A cotangent does not have the shape of its primal.",
            at=where,
            expected=_described(leaf.value),
            got=_described(part),
        )
    if kind == "c" and not leaf.is_complex:
        raise CotangentError(
            "A cotangent of a real number is complex.",
            at=where,
            expected=_described(leaf.value),
            got=_described(part),
        )
    if leaf.is_complex and kind != "c":
        part = np.asarray(part, np.complex128)
    return _numbers_of(part)


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}, shape {value.shape}"
    return f"{type(value).__name__} {value!r}"[:80]


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
