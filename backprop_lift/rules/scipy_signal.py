"""`scipy.signal`: convolutions, digital filters, and other linear functions of a signal.

A filter that starts at rest has as its adjoint the same filter run backwards.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import signal

from .._bvar import has_bvar
from .._lift import lifted
from .._registry import Registry, registry, twin_of
from ..errors import NoGradientError
from ._correlation import correlated
from ._implicit import plain, settled, with_value, without_gradient
from ._matrices import conj

__all__: list[str] = []

_OWN: Final = Registry(parent=registry)


def _refused(original: Any, why: str) -> NoGradientError:
    return NoGradientError(
        f"scipy.signal.{original.__name__} has no gradient here.",
        "Write value_of(...) around its arguments where a constant is meant.",
        why=why,
    )


def _formula(original: Any, wrt: tuple[str, ...], samples: Any) -> Callable[[Any], Any]:
    """Register a formula as the twin of a function; it gets its arguments by name."""
    signature = inspect.signature(original)

    def register(formula: Any) -> Any:
        @functools.wraps(original)
        def twin(*args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            given.update({name: settled(given[name]) for name in wrt if given[name] is not None})
            if any(has_bvar(value) for name, value in given.items() if name not in wrt):
                raise _refused(original, f"only {' and '.join(wrt)} may be BVars")
            value = original(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
            name, found = f"scipy.signal.{original.__name__}", formula(**given)
            if not isinstance(value, tuple):
                return with_value(found, value, name)
            found = with_value(found, value[0], name)
            return found, *(without_gradient(name, "it is a state", v, found) for v in value[1:])

        lifted(twin=twin, wrt=wrt, samples=samples)(original)
        return formula

    return register


# Convolutions


def _reversed(x: Any) -> Any:
    """The array read backwards along every axis, and conjugated."""
    return conj(x)[(slice(None, None, -1),) * np.ndim(x)]


def _filled(dzdy: Any, full: tuple[int, ...]) -> Any:
    """The cotangent of the full convolution, of which the result is the middle."""
    widths = [(n - m, m) for n, m in zip(full, np.shape(dzdy), strict=True)]
    return np.pad(dzdy, [(missing // 2, missing - missing // 2) for missing, _ in widths])


def _convolved(in1: Any, in2: Any, mode: Any) -> Any:
    return signal.convolve(in1, in2, mode)


def _in1_grad(dzdy: Any, in1: Any, in2: Any) -> Any:
    full = tuple(m + n - 1 for m, n in zip(np.shape(in1), np.shape(in2), strict=True))
    return _convolution(_filled(dzdy, full), _reversed(in2), "valid")


def _in2_grad(dzdy: Any, in1: Any, in2: Any) -> Any:
    return _in1_grad(dzdy, in2, in1)


lifted(grad={"in1": _in1_grad, "in2": _in2_grad}, ignores="mode", complex=True, into=_OWN)(
    _convolved
)


def _convolution(in1: Any, in2: Any, mode: str) -> Any:
    return twin_of(_convolved, _OWN)(in1, in2, mode)


def _operands(one: bool) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    """Samples of two signals in every mode, of one dimension too where that is allowed."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for mode in ("full", "same", "valid"):
            if one:
                found.append((rng.normal(size=7), rng.normal(size=4), mode))
                found.append((rng.normal(size=3), rng.normal(size=6), mode))
            found.append((rng.normal(size=(5, 6)), rng.normal(size=(2, 3)), mode))
        if one:
            found.append((rng.normal(size=5) * (1 + 0.3j), rng.normal(size=3) * (0.5 - 1j)))
        return found

    return samples


def _register_convolution(original: Any, correlates: bool, one: bool) -> None:
    @_formula(original, ("in1", "in2"), _operands(one))
    def formula(
        in1: Any, in2: Any, mode: Any, method: Any = None, axes: Any = None,
        boundary: Any = "fill", fillvalue: Any = 0,
    ) -> Any:  # fmt: skip
        if axes is not None or boundary != "fill" or fillvalue != 0:
            raise _refused(original, "axes, or a boundary other than zeros, are given")
        if np.ndim(in1) == 0:
            return in1 * (conj(in2) if correlates else in2)
        if original is signal.correlate2d and mode == "same":  # which rounds its middle up
            full = _convolution(in1, _reversed(in2), "full")
            starts = [n // 2 for n in np.shape(in2)]
            middle = tuple(slice(i, i + n) for i, n in zip(starts, np.shape(in1), strict=True))
            return full[middle]
        if correlates and mode == "valid" and np.size(plain(in2)) > np.size(plain(in1)):
            return _reversed(_convolution(in2, _reversed(in1), mode))
        return _convolution(in1, _reversed(in2) if correlates else in2, mode)


for _original in (signal.convolve, signal.fftconvolve, signal.oaconvolve):
    _register_convolution(_original, False, True)
_register_convolution(signal.correlate, True, True)
_register_convolution(signal.convolve2d, False, False)
_register_convolution(signal.correlate2d, True, False)


# Digital filters


def _at_rest(b: Any, a: Any, x: Any) -> Any:
    """A filter along the last axis that starts at rest."""
    return signal.lfilter(b, a, x)


def _run(b: Any, a: Any, x: Any) -> Any:
    return twin_of(_at_rest, _OWN)(b, a, x)


def _at_rest_x_grad(dzdy: Any, b: Any, a: Any) -> Any:
    return _run(b, a, dzdy[..., ::-1])[..., ::-1]


def _delayed_products(dzdy: Any, y: Any, count: int) -> Any:
    """Sums of products of the cotangent with a signal that is delayed, from no step on."""
    n = np.shape(y)[-1]
    products = [
        np.sum(dzdy[..., k:] * y[..., : n - k]) if k < n else 0.0 * np.sum(y) for k in range(count)
    ]
    return np.stack(products)


def _at_rest_b_grad(dzdy: Any, b: Any, a: Any, x: Any) -> Any:
    return _delayed_products(dzdy, _run(np.ones(1), a, x), np.shape(b)[0])


def _at_rest_a_grad(dzdy: Any, a: Any, result: Any) -> Any:
    return -_delayed_products(dzdy, _run(np.ones(1), a, result), np.shape(a)[0])


lifted(grad={"b": _at_rest_b_grad, "a": _at_rest_a_grad, "x": _at_rest_x_grad}, into=_OWN)(_at_rest)


def _filtered(b: Any, a: Any, x: Any, zi: Any = None) -> Any:
    """A filter along the last axis, from a state on which the result depends linearly."""
    found = _run(b, a, x)
    if zi is None:
        return found
    n, order = np.shape(x)[-1], np.shape(zi)[-1]
    if has_bvar((b, a)):
        raise _refused(signal.lfilter, "its coefficients are BVars and it does not start at rest")
    states = signal.lfilter(b, a, np.zeros((order, n)), zi=np.eye(order))[0]
    return found + zi @ states


def _filter_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    b, a = np.array([0.3, 0.2, 0.1]), np.array([1.3, -0.4])
    x = rng.normal(size=(2, 8))
    return [(b, a, x[0]), (b, a, x), (b, a, x.T, 0)]


@_formula(signal.lfilter, ("b", "a", "x", "zi"), _filter_samples)
def _lfilter(b: Any, a: Any, x: Any, axis: Any, zi: Any) -> Any:
    b, a, x = np.reshape(b, -1), np.reshape(a, -1), np.moveaxis(x, axis, -1)
    if zi is None:
        return np.moveaxis(_filtered(b, a, x), -1, axis)
    return np.moveaxis(_filtered(b, a, x, np.moveaxis(zi, axis, -1)), -1, axis)


def _extension(x: Any, kind: Any, n: int) -> Any:
    """A signal extended at both ends of its last axis, as `filtfilt` does."""
    if kind is None or n == 0:
        return x
    left, right = x[..., n:0:-1], x[..., -2 : -n - 2 : -1]
    first, last = x[..., :1], x[..., -1:]
    if kind == "odd":
        left, right = 2 * first - left, 2 * last - right
    elif kind == "constant":
        left, right = first * np.ones(n), last * np.ones(n)
    return np.concatenate([left, x, right], axis=-1)


def _both_ways(run: Callable[[Any, Any], Any], x: Any, kind: Any, edge: int, rest: Any) -> Any:
    """A filter run forwards and backwards, each time from the steady state of the first item."""
    y = run(_extension(x, kind, edge), rest)
    y = run(y[..., ::-1], rest)[..., ::-1]
    return y[..., edge:-edge] if edge else y


@_formula(
    signal.filtfilt,
    ("x",),
    lambda rng: [
        (np.array([0.3, 0.2]), np.array([1.3, -0.4]), rng.normal(size=(2, 12))),
        (np.array([0.3, 0.2]), np.array([1.3, -0.4]), rng.normal(size=(12, 2)), 0, "even", 4),
    ],
)
def _filtfilt(
    b: Any, a: Any, x: Any, axis: Any, padtype: Any, padlen: Any, method: Any,
    irlen: Any,
) -> Any:  # fmt: skip
    if method != "pad":
        raise _refused(signal.filtfilt, "its method is not 'pad'")
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    edge = 3 * max(len(a), len(b)) if padlen is None else padlen
    rest = signal.lfilter_zi(b, a)

    def run(v: Any, state: Any) -> Any:
        return _filtered(b, a, v, v[..., :1] * state)

    x = np.moveaxis(x, axis, -1)
    found = _both_ways(run, x, padtype, 0 if padtype is None else edge, rest)
    return np.moveaxis(found, -1, axis)


def _sections(sos: Any, x: Any, states: Any = None) -> Any:
    """A cascade of second-order filters, from rest or from states of shape (sections, ..., 2)."""
    for i in range(len(sos)):
        x = _filtered(sos[i][:3], sos[i][3:], x, None if states is None else states[i])
    return x


def _sections_of(rng: np.random.Generator) -> Any:
    return signal.butter(3, 0.3, output="sos")


@_formula(signal.sosfilt, ("x",), lambda rng: [(_sections_of(rng), rng.normal(size=(2, 9)))])
def _sosfilt(sos: Any, x: Any, axis: Any, zi: Any) -> Any:
    if zi is not None:
        raise _refused(signal.sosfilt, "it does not start at rest")
    found = _sections(np.atleast_2d(sos), np.moveaxis(x, axis, -1))
    return np.moveaxis(found, -1, axis)


@_formula(
    signal.sosfiltfilt,
    ("x",),
    lambda rng: [
        (_sections_of(rng), rng.normal(size=(2, 25))),
        (_sections_of(rng), rng.normal(size=(25, 2)), 0, "constant", 5),
    ],
)
def _sosfiltfilt(sos: Any, x: Any, axis: Any, padtype: Any, padlen: Any) -> Any:
    sos = np.atleast_2d(sos)
    taps = 2 * len(sos) + 1 - min(int((sos[:, 2] == 0).sum()), int((sos[:, 5] == 0).sum()))
    edge = 3 * taps if padlen is None else padlen
    rest = signal.sosfilt_zi(sos)

    def run(v: Any, states: Any) -> Any:
        return _sections(sos, v, [v[..., :1] * state for state in states])

    x = np.moveaxis(x, axis, -1)
    found = _both_ways(run, x, padtype, 0 if padtype is None else edge, rest)
    return np.moveaxis(found, -1, axis)


# Smoothing, trends and the analytic signal


@_formula(
    signal.savgol_filter,
    ("x",),
    lambda rng: [
        (rng.normal(size=11), 5, 2),
        (rng.normal(size=(11, 2)), 5, 2, 1, 0.7, 0),
        (rng.normal(size=11), 5, 3, 0, 1.0, -1, "nearest"),
    ],
)
def _savgol_filter(
    x: Any, window_length: Any, polyorder: Any, deriv: Any, delta: Any, axis: Any,
    mode: Any, cval: Any,
) -> Any:  # fmt: skip
    settings = {"deriv": deriv, "delta": delta}
    weights = signal.savgol_coeffs(window_length, polyorder, **settings)[::-1]
    x = np.moveaxis(x, axis, -1)
    last = (np.ndim(x) - 1,)
    if mode != "interp":
        found = correlated(x, weights, last, mode, cval)
        return np.moveaxis(found, -1, axis)
    found = correlated(x, weights, last, "constant", 0.0)
    half, unit = window_length // 2, np.eye(window_length)
    ends = signal.savgol_filter(unit, window_length, polyorder, axis=0, **settings)
    n = np.shape(x)[-1]
    first = x[..., :window_length] @ ends[:half].T
    final = x[..., n - window_length :] @ ends[window_length - half :].T
    found = np.concatenate([first, found[..., half : n - half], final], axis=-1)
    return np.moveaxis(found, -1, axis)


def _detrend_grad(dzdy: Any, axis: Any, type: Any, bp: Any) -> Any:
    """Of a projection, which is its own adjoint."""
    return twin_of(signal.detrend)(dzdy, axis, type, bp)


lifted(
    grad={"data": _detrend_grad},
    ignores="overwrite_data",
    samples=lambda rng: [
        (rng.normal(size=9),),
        (rng.normal(size=(9, 2)), 0, "constant"),
        (rng.normal(size=(2, 9)), -1, "linear", np.array([4])),
    ],
)(signal.detrend)


@_formula(
    signal.hilbert, ("x",), lambda rng: [(rng.normal(size=8),), (rng.normal(size=(7, 2)), None, 0)]
)
def _hilbert(x: Any, N: Any, axis: Any) -> Any:
    n = np.shape(x)[axis] if N is None else N
    weights = np.zeros(n)
    weights[0] = 1.0
    weights[1 : (n + 1) // 2] = 2.0
    if n % 2 == 0:
        weights[n // 2] = 1.0
    shape = [1] * np.ndim(x)
    shape[axis] = n
    return np.fft.ifft(np.fft.fft(x, n, axis=axis) * weights.reshape(shape), axis=axis)
