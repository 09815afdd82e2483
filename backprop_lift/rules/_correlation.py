"""The correlation of an array with a kernel, in lifted functions throughout."""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np

__all__ = ["correlated"]

# How an index beyond the ends is read, by the names of `scipy.ndimage`, for `numpy.pad`.
_PADDING: Final = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge",
    "wrap": "wrap", "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant",
}  # fmt: skip


def _extended(x: Any, axis: int, before: int, after: int, mode: str, cval: float) -> Any:
    """An array extended along an axis."""
    n = np.shape(x)[axis]
    if _PADDING[mode] == "constant":
        index = np.clip(np.arange(-before, n + after), 0, n - 1)
        beyond = np.ones(n + before + after, bool)
        beyond[before : before + n] = False
        shape = [1] * np.ndim(x)
        shape[axis] = -1
        return np.where(beyond.reshape(shape), cval, np.take(x, index, axis=axis))
    index = np.pad(np.arange(n), (before, after), mode=_PADDING[mode])  # type: ignore[call-overload]
    return np.take(x, index, axis=axis)


def _part(x: Any, axis: int, start: int, size: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, start + size),)]


def correlated(
    x: Any, weights: Any, axes: Any, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0
) -> Any:
    """The correlation of an array with a kernel along some axes.

    Parameters
    ----------
    x : array_like
    weights : array_like
        With one axis for each of `axes`.
    axes : tuple of int
    mode, origin : str and int, or sequences of one for each axis
    cval : float
    """
    k = len(axes)
    modes = [mode] * k if isinstance(mode, str) else list(mode)
    origins = [origin] * k if np.ndim(origin) == 0 else list(origin)
    sizes = np.shape(x)
    for axis, size, m, o in zip(axes, np.shape(weights), modes, origins, strict=True):
        before = size // 2 + o
        x = _extended(x, axis, before, size - 1 - before, m, cval)
    total: Any = 0.0
    for at in itertools.product(*map(range, np.shape(weights))):
        part = x
        for axis, start in zip(axes, at, strict=True):
            part = _part(part, axis, start, sizes[axis])
        total = total + weights[at] * part
    return total
