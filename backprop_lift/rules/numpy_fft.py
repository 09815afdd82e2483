"""numpy.fft: discrete Fourier transforms.

A transform of one axis is a linear map, a Fourier matrix after cutting or padding. Its adjoint is
the inverse transform without the scale, which `norm` moves from one to the other; then what was
padded is cut, and what was cut is padded.

The transforms of real data write a spectrum of n terms by half, since the others are conjugates:
all terms but the first, and the one in the middle where n is even, count twice in the n values.
That doubles them in the adjoint of `irfft`, and halves them in that of `rfft`.

In several dimensions the transforms are those of one, axis by axis, as in numpy itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._lift import lifted
from ._matrices import Samples

__all__: list[str] = []

_OTHER_NORM: dict[Any, Any] = {
    None: "forward",
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}


def _fitted(x: Any, like: Any, axis: int) -> Any:
    """Cut an axis to the length that it has in another array, or pad it with zeros."""
    size, length = x.shape[axis], np.shape(like)[axis]
    if size == length:
        return x
    if size > length:
        return x[(slice(None),) * (axis % x.ndim) + (slice(length),)]
    missing = list(x.shape)
    missing[axis] = length - size
    return np.concatenate([x, np.zeros(missing)], axis=axis)


def _counts(n: int, like: Any, axis: int) -> Any:
    """How often each term of a half spectrum counts in the n values, along an axis."""
    counts = np.full(like.shape[axis], 2.0)
    counts[0] = 1.0
    if n % 2 == 0:
        counts[-1] = 1.0
    return counts.reshape([-1 if i == axis % like.ndim else 1 for i in range(like.ndim)])


# One axis


def _fft_grad(dzdy: Any, a: Any, axis: int, norm: Any) -> Any:
    return _fitted(np.fft.ifft(dzdy, axis=axis, norm=_OTHER_NORM[norm]), a, axis)


def _ifft_grad(dzdy: Any, a: Any, axis: int, norm: Any) -> Any:
    return _fitted(np.fft.fft(dzdy, axis=axis, norm=_OTHER_NORM[norm]), a, axis)


def _rfft_grad(dzdy: Any, a: Any, n: int | None, axis: int, norm: Any) -> Any:
    n = np.shape(a)[axis] if n is None else n
    halved = dzdy / _counts(n, dzdy, axis)
    return _fitted(np.fft.irfft(halved, n, axis, _OTHER_NORM[norm]), a, axis)


def _irfft_grad(dzdy: Any, a: Any, axis: int, norm: Any) -> Any:
    terms = np.fft.rfft(dzdy, axis=axis, norm=_OTHER_NORM[norm])
    return _fitted(terms * _counts(dzdy.shape[axis], terms, axis), a, axis)


def _real(rng: np.random.Generator) -> Samples:
    x, matrix = rng.normal(size=6), rng.normal(size=(4, 5))
    return [
        (x,),
        (x, 4, -1, "ortho"),
        (x, 5),
        (x, 9, 0, "forward"),
        (matrix,),
        (matrix, None, 0, "backward"),
        (matrix, 7, -2, "forward"),
        (matrix, 3, 0, "ortho"),
        (matrix, 1),
        (matrix, 2, 1),
    ]


def _complex(rng: np.random.Generator) -> Samples:
    return [(x * (1 - 0.5j) + 1j * rng.normal(size=x.shape), *how) for x, *how in _real(rng)]


def _either(rng: np.random.Generator) -> Samples:
    return [*_real(rng), *_complex(rng)]


for _original, _grad, _samples in (
    (np.fft.fft, _fft_grad, _either),
    (np.fft.ifft, _ifft_grad, _either),
    (np.fft.rfft, _rfft_grad, _real),
    (np.fft.irfft, _irfft_grad, _either),
):
    lifted(grad=_grad, wrt="a", ignores=("n",), complex=True, samples=_samples)(_original)


# One axis, the spectrum in the place of the signal


def _hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return np.fft.irfft(np.conj(a), n, axis, _OTHER_NORM[norm])


def _ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return np.conj(np.fft.rfft(a, n, axis, _OTHER_NORM[norm]))


lifted(twin=_hfft, samples=_either)(np.fft.hfft)
lifted(twin=_ihfft, samples=_real)(np.fft.ihfft)


# Several axes


def _lengths(a: Any, s: Sequence[Any] | None, axes: Sequence[int] | None) -> list[tuple[Any, int]]:
    """The length asked for along each axis, None for that of the array, and the axis."""
    if axes is None:
        axes = range(-np.ndim(a) if s is None else -len(s), 0)
    if s is None:
        s = [None] * len(axes)
    return [(None if n == -1 else n, axis) for n, axis in zip(s, axes, strict=True)]


def _fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    for n, axis in reversed(_lengths(a, s, axes)):
        a = np.fft.fft(a, n, axis, norm)
    return a


def _ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    for n, axis in reversed(_lengths(a, s, axes)):
        a = np.fft.ifft(a, n, axis, norm)
    return a


def _rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (n, axis) = _lengths(a, s, axes)
    a = np.fft.rfft(a, n, axis, norm)
    for n, axis in reversed(others):
        a = np.fft.fft(a, n, axis, norm)
    return a


def _irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (last, last_axis) = _lengths(a, s, axes)
    for n, axis in others:
        a = np.fft.ifft(a, n, axis, norm)
    return np.fft.irfft(a, last, last_axis, norm)


def _in_two(twin: Any) -> Any:
    def in_two(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
        return twin(a, s, axes, norm)

    return in_two


def _real_grids(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(3, 4, 5))
    return [
        (x,),
        (x, None, (0, 1), "ortho"),
        (x, (5, 3), (-1, 0)),
        (x, (2, 6), (1, 2), "forward"),
        (x, (-1, 7), (0, 2)),
    ]


def _grids(rng: np.random.Generator) -> Samples:
    real = _real_grids(rng)
    return [*real, *((x * (1 - 0.5j) + 1j * x[::-1], *how) for x, *how in real)]


for _name, _twin, _samples in (
    ("fft", _fftn, _grids),
    ("ifft", _ifftn, _grids),
    ("rfft", _rfftn, _real_grids),
    ("irfft", _irfftn, _grids),
):
    lifted(twin=_twin, samples=_samples)(getattr(np.fft, f"{_name}n"))
    lifted(twin=_in_two(_twin), samples=_samples)(getattr(np.fft, f"{_name}2"))


# The order of the terms, and their frequencies


def _shifted(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(3, 4, 5))
    return [(x,), (x, 1), (x, (0, -1)), (x[0] * 1j,)]


lifted(
    grad=lambda dzdy, axes: np.fft.ifftshift(dzdy, axes), wrt="x", complex=True, samples=_shifted
)(np.fft.fftshift)
lifted(
    grad=lambda dzdy, axes: np.fft.fftshift(dzdy, axes), wrt="x", complex=True, samples=_shifted
)(np.fft.ifftshift)


def _per_sample(frequencies: Any) -> Any:
    def twin(n: int, d: Any = 1.0, device: Any = None) -> Any:
        return frequencies(n, device=device) / d

    return twin


for _frequencies in (np.fft.fftfreq, np.fft.rfftfreq):
    lifted(twin=_per_sample(_frequencies), samples=[(5, 0.3), (6, 2.0)])(_frequencies)
