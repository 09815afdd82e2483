"""The numbers of a structure, in a row.

A complex number counts twice, by its real and its imaginary part; what is no number is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from .._bvar import BVar, has_bvar
from .._space import parts_of, rebuilt
from ..errors import ConversionError

__all__ = [
    "Row", "combined", "is_discrete", "leaves_of", "moved", "numbers_of", "rooted", "with_numbers"
]  # fmt: skip

Row = npt.NDArray[np.float64]


def is_discrete(dtype: Any) -> bool:
    """Is a result of this dtype locally constant? None stands for a dtype that is kept.

    Texts, times, records and objects hold numbers that vary, and are refused.
    """
    if dtype is None:
        return False
    kind = np.dtype(dtype).kind
    if kind in "OSUVmM":
        raise ConversionError(
            f"A BVar was to be converted to {np.dtype(dtype)}, where its gradient would be lost.",
            "Convert value_of(v) where a constant is meant.",
        )
    return kind not in "fc"


def rooted(value: Any) -> Any:
    """A structure with the BVars of all levels taken off."""
    while value.__class__ is BVar:
        value = value._bvar_value
    parts = parts_of(value)
    if parts is None or not has_bvar(value):
        return value
    return rebuilt(value, [(key, rooted(part)) for key, part in parts])


def numbers_of(value: Any) -> Row:
    """All numbers of a value."""
    parts = parts_of(value)
    if parts is not None:
        return np.concatenate([np.zeros(0), *(numbers_of(part) for _, part in parts)])
    array = np.asarray(rooted(value))
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array, complex).ravel().view(float)
    return array.ravel().astype(float) if array.dtype.kind in "fiu" else np.zeros(0)


def leaves_of(value: Any) -> Any:
    """Which array or number each of the numbers of a value belongs to; negative for integers."""
    sizes, kinds = [], []
    pending = [value]
    while pending:
        value = pending.pop(0)
        parts = parts_of(value)
        if parts is None:
            sizes.append(len(numbers_of(value)))
            kinds.append(-1 if np.asarray(rooted(value)).dtype.kind in "iu" else 1)
        else:
            pending[:0] = [part for _, part in parts]
    return np.repeat(np.arange(1, len(sizes) + 1) * kinds, sizes)


def moved(x: Any, shift: Iterator[float]) -> Any:
    """`x` with each of its numbers moved; what does not move is the same object."""
    parts = parts_of(x)
    if parts is not None:
        return rebuilt(x, [(key, moved(part, shift)) for key, part in parts])
    root = rooted(x)
    array = np.asarray(root)
    if array.dtype.kind not in "fciu":
        return x
    by = _filled(array, shift)
    if not np.any(by):
        return x
    if not isinstance(root, (np.ndarray, np.generic)):
        return x + by.item()
    return x + (by.astype(array.dtype) if array.dtype.kind in "fc" else by)


def with_numbers(like: Any, numbers: Iterator[float]) -> Any:
    """A gradient like `like`, made of the numbers of a row."""
    parts = parts_of(like)
    if parts is not None:
        return rebuilt(like, [(key, with_numbers(part, numbers)) for key, part in parts])
    root = rooted(like)
    array = np.asarray(root)
    if array.dtype.kind not in "fciu":
        return like
    filled = _filled(array, numbers)
    if isinstance(root, np.ndarray):
        return filled.astype(array.dtype)
    return array.dtype.type(filled[()]) if isinstance(root, np.generic) else filled.item()


def _filled(like: Any, numbers: Iterator[float]) -> Any:
    paired = like.dtype.kind == "c"
    row = np.array(list(islice(numbers, (1 + paired) * like.size)), float)
    return (row.view(complex) if paired else row).reshape(like.shape)


def combined(weights: tuple[float, ...], gradients: list[Any]) -> Any:
    """A weighted sum of gradients of one structure, which may hold BVars."""
    first = gradients[0]
    parts = parts_of(first)
    if parts is not None:
        columns = zip(*([part for _, part in parts_of(g) or ()] for g in gradients), strict=True)
        keys = [key for key, _ in parts]
        return rebuilt(
            first, [(k, combined(weights, list(c))) for k, c in zip(keys, columns, strict=True)]
        )
    if numbers_of(first).size == 0:
        return first
    total = weights[0] * first
    for weight, gradient in zip(weights[1:], gradients[1:], strict=True):
        total = total + weight * gradient
    return total
