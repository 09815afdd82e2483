"""Real coordinates of a value, so that structures can be perturbed and compared as vectors.

Every number in a list, tuple, dict, record or array is one coordinate, a complex number two (its
real and its imaginary part). In coordinates the convention of complex cotangents needs no mention:
``Re <dzdy, y>`` is the dot product of two coordinate vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .._space import ZERO, rebuilt
from ..errors import CotangentError
from .leaves import Leaf, at_path, kind_of, leaf_like, numbers_of, parts, path_text

__all__ = ["Coordinates"]

Vector = npt.NDArray[np.float64]


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
            piece = numbers_of(leaf)
            pieces.append(piece)
            self.leaves.append(Leaf(path, leaf, start, start + len(piece)))
            start += len(piece)
        self.vector: Vector = np.concatenate(pieces) if pieces else np.zeros(0)

    def _found(self, value: Any, path: tuple[Any, ...], depth: int) -> Iterator[tuple[Any, Any]]:
        if kind_of(value) in self._kinds:
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
            return leaf_like(self.value, vector, self.integers)
        return self._rebuilt(self.value, vector, iter(self.leaves), 0)

    def _rebuilt(self, value: Any, vector: Vector, leaves: Iterator[Leaf], depth: int) -> Any:
        if kind_of(value) in self._kinds:
            leaf = next(leaves)
            return leaf_like(value, vector[leaf.start : leaf.stop], self.integers)
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
        kind = kind_of(value)
        if kind in self._kinds:
            leaf = next(leaves)
            return leaf_like(value, vector[leaf.start : leaf.stop], True)
        if kind == "i":
            return leaf_like(value, np.zeros(np.size(value)), True)
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
    kind = kind_of(part)
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
    return numbers_of(part)


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}, shape {value.shape}"
    return f"{type(value).__name__} {value!r}"[:80]
