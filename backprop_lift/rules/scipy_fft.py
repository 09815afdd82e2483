"""`scipy.fft`: linear transforms."""

from __future__ import annotations

import numpy as np
from scipy import fft

from .._lift import lifted, no_grad
from ._matrices import Samples
from ._transforms import (
    along_axis,
    by_numpy,
    complex_samples,
    plane_samples,
    real_samples,
    transform_twin,
    trigonometric_samples,
)

__all__: list[str] = []


def _real(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    return [*real_samples(rng), (x, None, 0, "ortho"), (x, 3, -1, "forward")]


def _spectra(rng: np.random.Generator) -> Samples:
    found = complex_samples(rng)
    return [*found, (found[0][0], 3, -1, "forward")]


def _any(rng: np.random.Generator) -> Samples:
    return [*_real(rng), *_spectra(rng)]


def _planes(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(3, 4, 5))
    return [*plane_samples(rng), (x, (2, 6), (1, 2), "ortho")]


def _trigonometric(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    return [*trigonometric_samples(rng), (x, 3, None, -1, "forward")]


for _name, _samples in {
    "fft": _any, "ifft": _any, "rfft": _real, "irfft": _spectra, "hfft": _spectra, "ihfft": _real,
    "fft2": _planes, "ifft2": _planes, "rfft2": _planes, "fftn": _planes, "ifftn": _planes,
    "rfftn": _planes,
}.items():  # fmt: skip
    _original = getattr(fft, _name)
    lifted(twin=transform_twin(_original, by_numpy(_name)), wrt=("x",), samples=_samples)(_original)
for _original in (fft.dct, fft.idct, fft.dst, fft.idst):
    lifted(
        twin=transform_twin(_original, along_axis(_original)),
        wrt=("x",),
        samples=_trigonometric,
    )(_original)
for _name in (
    "irfft2", "irfftn", "hfft2", "ihfft2", "hfftn", "ihfftn", "dctn", "idctn", "dstn", "idstn",
    "fht", "ifht",
):  # fmt: skip
    no_grad("nobody has written it")(getattr(fft, _name))
