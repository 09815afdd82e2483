"""Integrals of `scipy.integrate` of samples: trapezoidal, Simpson's and Romberg's rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate

from .._lift import lifted
from ._implicit import plain, settled
from ._integration import refused, twin_by_name
from ._matrices import summed_to

__all__: list[str] = []


def _register(original: Any, twin: Any, samples: Any, wrt: tuple[str, ...]) -> None:
    lifted(twin=twin_by_name(original, twin), wrt=wrt, samples=samples)(original)


def _spacing(x: Any, dx: Any, y: Any, axis: int) -> Any:
    """Distances along the last axis, of `y` with its axis moved there."""
    if x is None:
        return dx
    x = settled(x)
    return np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))


def _trapezoid(y: Any, x: Any, dx: Any, axis: Any) -> Any:
    y = settled(y)
    steps = _spacing(x, dx, y, axis)
    y = np.moveaxis(y, axis, -1)
    return np.sum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


def _cumulative_trapezoid(y: Any, x: Any, dx: Any, axis: Any, initial: Any) -> Any:
    y = settled(y)
    if initial is not None and initial != 0:
        raise ValueError("`initial` must be `None` or `0`.")
    steps = _spacing(x, dx, y, axis)
    y = np.moveaxis(y, axis, -1)
    found = np.cumsum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        found = np.concatenate([np.zeros((*np.shape(found)[:-1], 1)), found], axis=-1)
    return np.moveaxis(found, -1, axis)


def _simpson(y: Any, x: Any, dx: Any, axis: Any, even: Any = None) -> Any:
    if even not in (None, "simpson"):  # a parameter until scipy 1.13
        raise refused(integrate.simpson, f"its parameter even is {even!r}")
    y = settled(y)
    h = _spacing(x, dx, y, axis)
    y = np.moveaxis(y, axis, -1)
    n = np.shape(y)[-1]
    if x is None:
        h = dx * np.ones(n - 1)
    elif n > 2 and np.any(np.equal(plain(h), 0)):
        raise refused(integrate.simpson, "it leaves terms out where two points of x are the same")
    if n == 2:
        return 0.5 * h[..., 0] * (y[..., 0] + y[..., 1])
    found = _parabolas(y, h, n - 2 if n % 2 else n - 3)
    if n % 2:
        return found
    h0, h1 = h[..., -2], h[..., -1]
    alpha = (2 * h1**2 + 3 * h0 * h1) / (6 * (h0 + h1))
    beta = (h1**2 + 3 * h0 * h1) / (6 * h0)
    eta = h1**3 / (6 * h0 * (h0 + h1))
    return found + alpha * y[..., -1] + beta * y[..., -2] - eta * y[..., -3]


def _parabolas(y: Any, h: Any, stop: int) -> Any:
    """Simpson's rule on pairs of intervals that start before `stop`."""
    y0, y1, y2 = y[..., 0:stop:2], y[..., 1 : stop + 1 : 2], y[..., 2 : stop + 2 : 2]
    h0, h1 = h[..., 0:stop:2], h[..., 1 : stop + 1 : 2]
    total = h0 + h1
    terms = y0 * (2 - h1 / h0) + y1 * (total * total / (h0 * h1)) + y2 * (2 - h0 / h1)
    return np.sum(total / 6 * terms, axis=-1)


def _sampled(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    y, x = rng.normal(size=(3, 5, 6)), np.cumsum(rng.uniform(0.5, 1.5, size=6))
    grid = np.cumsum(rng.uniform(0.5, 1.5, size=(3, 5, 6)), axis=1)
    return [
        (y[0, 0],), (y, x), (y[0, 0, :5], x[:5]), (y, None, {"dx": 0.7}), (y, grid, {"axis": 1}),
        (y, None, {"dx": 0.7, "axis": -2}), (y[:, :, :2], x[:2]),
    ]  # fmt: skip


def _cumulative_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    y, x = rng.normal(size=(3, 5)), np.cumsum(rng.uniform(0.5, 1.5, size=5))
    return [(y[0],), (y, x), (y, x, 1.0, -1, 0), (y, x[:3], 1.0, 0), (y, None, 0.7, 0)]


_register(integrate.trapezoid, _trapezoid, _sampled, ("y", "x", "dx"))
_register(integrate.simpson, _simpson, _sampled, ("y", "x", "dx"))
_register(
    integrate.cumulative_trapezoid, _cumulative_trapezoid, _cumulative_samples, ("y", "x", "dx")
)


def _romb_y_grad(dzdy: Any, y: Any, dx: Any, axis: Any) -> Any:
    weights = integrate.romb(np.eye(np.shape(y)[axis]), axis=0)
    rows = np.expand_dims(dzdy * dx, -1) * weights
    from_end = axis % np.ndim(y) - np.ndim(y)  # dx may have more axes
    return summed_to(np.moveaxis(rows, -1, from_end), np.shape(y))


lifted(
    grad={
        "y": _romb_y_grad,
        "dx": lambda dzdy, result, dx: summed_to(dzdy * result / dx, np.shape(dx)),
    },
    ignores="show",
    samples=lambda rng: [
        (rng.normal(size=5),),
        (rng.normal(size=(2, 9)), 0.7),
        (rng.normal(size=(5, 2)), rng.uniform(0.5, 1.5, size=(3, 2)), 0),
    ],
)(integrate.romb)


def _cumulative_simpson_grad(dzdy: Any, y: Any, x: Any, dx: Any, axis: Any, initial: Any) -> Any:
    """By the matrix of this linear function of the samples along the axis."""
    n = np.shape(y)[axis]
    if initial is not None:
        initial = np.zeros(n)
    if x is not None and np.ndim(x) > 1:
        raise refused(integrate.cumulative_simpson, "x of more than one dimension")
    matrix = integrate.cumulative_simpson(
        np.eye(n), x=x, dx=dx, axis=-1, initial=None if initial is None else 0
    )
    return np.moveaxis(np.moveaxis(dzdy, axis, -1) @ matrix.T, -1, axis)


lifted(
    grad={"y": _cumulative_simpson_grad},
    samples=lambda rng: [
        (rng.normal(size=5),),
        (rng.normal(size=(3, 6)), {"x": np.array([0.1, 0.4, 1.0, 1.7, 2.0, 2.2])}),
        (rng.normal(size=(5, 2)), {"dx": 0.7, "axis": 0, "initial": 0}),
    ],
)(integrate.cumulative_simpson)
