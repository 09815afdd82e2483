"""`scipy.fftpack`: linear transforms, real ones with real spectra."""

from __future__ import annotations

import numpy as np
from scipy import fftpack

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


def _any(rng: np.random.Generator) -> Samples:
    return [*real_samples(rng), *complex_samples(rng)]


for _name, _samples in {
    "fft": _any, "ifft": _any, "fft2": plane_samples, "ifft2": plane_samples,
    "fftn": plane_samples, "ifftn": plane_samples,
}.items():  # fmt: skip
    _original = getattr(fftpack, _name)
    lifted(twin=transform_twin(_original, by_numpy(_name)), wrt=("x",), samples=_samples)(_original)
for _name, _samples in {
    "rfft": real_samples, "irfft": real_samples, "dct": trigonometric_samples,
    "idct": trigonometric_samples, "dst": trigonometric_samples, "idst": trigonometric_samples,
}.items():  # fmt: skip
    _original = getattr(fftpack, _name)
    lifted(twin=transform_twin(_original, along_axis(_original)), wrt=("x",), samples=_samples)(
        _original
    )
for _name in (
    "dctn", "idctn", "dstn", "idstn", "diff", "tilbert", "itilbert", "hilbert", "ihilbert",
    "cs_diff", "sc_diff", "ss_diff", "cc_diff", "shift",
):  # fmt: skip
    no_grad("nobody has written it")(getattr(fftpack, _name))
