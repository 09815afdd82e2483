"""What the rules of `scipy.fft` and `scipy.fftpack` share: twins of linear transforms.

Those that NumPy has go through its own, the others by their matrices: along an axis of n values a
transform multiplies by a matrix, which is the transform of the unit matrix. Values are scipy's own.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Final

import numpy as np

from .._bvar import has_bvar
from .._registry import dotted_name, twin_of
from ._arrays import array_of
from ._implicit import plain, with_value
from ._matrices import Samples

__all__ = [
    "along_axis",
    "by_numpy",
    "complex_samples",
    "plane_samples",
    "real_samples",
    "transform_twin",
    "trigonometric_samples",
]

_UNUSED: Final = ("overwrite_x", "workers", "plan")


def transform_twin(original: Any, formula: Any) -> Any:
    """A twin with scipy's value, and the derivative of a formula of the call's arguments."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def on_bvars(*args: Any, **kwargs: Any) -> Any:
        if not has_bvar(args) and not has_bvar(kwargs):
            return original(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        x = given["x"] = array_of(given["x"])
        value = original(**{name: plain(v) for name, v in given.items()})
        settings = {name: v for name, v in given.items() if name not in ("x", *_UNUSED)}
        return with_value(formula(x, **settings), value, dotted_name(original))

    return on_bvars


def by_numpy(name: str) -> Any:
    """The formula of a transform that NumPy has under the same name."""
    transform = getattr(np.fft, name)

    def formula(x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return twin_of(transform)(x, n, axis, norm)

    def in_several(
        x: Any, s: Any = None, axes: Any = None, norm: Any = None, shape: Any = None
    ) -> Any:
        s = shape if s is None else s
        if s is not None and axes is None:
            axes = range(-len(s), 0)
        return twin_of(transform)(x, s, axes, norm)

    return in_several if name[-1] in "2n" else formula


def along_axis(original: Any) -> Any:
    """The formula of a transform as the product with its matrix."""

    def formula(x: Any, n: Any = None, axis: int = -1, **settings: Any) -> Any:
        matrix = original(np.eye(np.shape(x)[axis]), n=n, axis=0, **settings)
        return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)

    return formula


def real_samples(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    return [(x,), (x[0], 6), (x, None, 0), (x, 3, -1)]


def complex_samples(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5)) + 1j * rng.normal(size=(4, 5))
    x[:, 0] = x[:, 0].real
    return [(x,), (x, 7), (x[0], None, 0), (x, 3, -1)]


def plane_samples(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(3, 4, 5))
    return [(x,), (x, (3, 6), (0, 2)), (x, (2, 6), (1, 2))]


def trigonometric_samples(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    found: Samples = [(x, kind, None, axis) for kind, axis in ((1, 0), (2, -1), (3, 0), (4, -1))]
    return [*found, (x, 2, 7), (x, 2, 3, 0, "ortho")]
