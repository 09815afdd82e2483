"""`scipy.fft`: the transforms that NumPy has go through those, the others by their matrices.

Cosine and sine transforms are linear: along an axis of n values they multiply by a matrix, which is
the transform of the unit matrix. Values are scipy's own.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
from scipy import fft

from .._bvar import has_bvar
from .._lift import lifted, no_grad
from .._registry import twin_of
from ._arrays import array_of
from ._implicit import plain, with_value
from ._matrices import Samples

__all__: list[str] = []


def _twin(original: Any, formula: Any) -> Any:
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
        return with_value(formula(x, **settings), value, f"scipy.fft.{original.__name__}")

    return on_bvars


_UNUSED = ("overwrite_x", "workers", "plan")


def _by_numpy(name: str) -> Any:
    transform = getattr(np.fft, name)

    def formula(x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return twin_of(transform)(x, n, axis, norm)

    def in_several(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
        if s is not None and axes is None:
            axes = range(-len(s), 0)
        return twin_of(transform)(x, s, axes, norm)

    return in_several if name[-1] in "2n" else formula


def _along_axis(original: Any) -> Any:
    def formula(x: Any, n: Any = None, axis: int = -1, **settings: Any) -> Any:
        matrix = original(np.eye(np.shape(x)[axis]), n=n, axis=0, **settings)
        return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)

    return formula


def _real(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    return [(x,), (x[0], 6), (x, None, 0, "ortho"), (x, 3, -1, "forward")]


def _spectra(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5)) + 1j * rng.normal(size=(4, 5))
    x[:, 0] = x[:, 0].real
    return [(x,), (x, 7), (x[0], None, 0, "ortho"), (x, 3, -1, "forward")]


def _any(rng: np.random.Generator) -> Samples:
    return [*_real(rng), *_spectra(rng)]


def _planes(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(3, 4, 5))
    return [(x,), (x, (3, 6), (0, 2)), (x, (2, 6), (1, 2), "ortho")]


def _trigonometric(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    found: Samples = [(x, kind, None, axis) for kind, axis in ((1, 0), (2, -1), (3, 0), (4, -1))]
    return [*found, (x, 2, 7), (x, 2, 3, 0, "ortho"), (x, 3, None, -1, "forward")]


for _name, _samples in {
    "fft": _any, "ifft": _any, "rfft": _real, "irfft": _spectra, "hfft": _spectra, "ihfft": _real,
    "fft2": _planes, "ifft2": _planes, "rfft2": _planes, "fftn": _planes, "ifftn": _planes,
    "rfftn": _planes,
}.items():  # fmt: skip
    _original = getattr(fft, _name)
    lifted(twin=_twin(_original, _by_numpy(_name)), wrt=("x",), samples=_samples)(_original)
for _original in (fft.dct, fft.idct, fft.dst, fft.idst):
    lifted(twin=_twin(_original, _along_axis(_original)), wrt=("x",), samples=_trigonometric)(
        _original
    )
for _name in (
    "irfft2", "irfftn", "hfft2", "ihfft2", "hfftn", "ihfftn", "dctn", "idctn", "dstn", "idstn",
    "fht", "ifht",
):  # fmt: skip
    no_grad("nobody has written it")(getattr(fft, _name))
