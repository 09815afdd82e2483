"""numpy's functions of polynomials, given by their coefficients from the highest power down.

`numpy.polynomial` is plain Python on top of lifted functions, and needs no rules.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._lift import lifted
from ._matrices import (
    Samples,
    adjoint,
    array_like,
    column,
    complex_normal,
    conj,
    plain,
    row,
    summed_to,
)
from ._slopes import and_also

__all__: list[str] = []


# Values


def _along_first(count: int, ndim: int) -> Any:
    """The exponents count - 1 ... 0, along the first of 1 + ndim axes."""
    return np.arange(count - 1, -1, -1).reshape(-1, *(1,) * ndim)


def _polyval_p_grad(dzdy: Any, p: Any, x: Any) -> Any:
    count, *rest = np.shape(p)
    terms = dzdy * conj(array_like(x)) ** _along_first(count, np.ndim(dzdy))
    aligned = (count, *(1,) * (np.ndim(terms) - 1 - len(rest)), *rest)
    return np.reshape(summed_to(terms, aligned), np.shape(p))


def _polyval_x_grad(dzdy: Any, p: Any, x: Any) -> Any:
    p = array_like(p)
    slopes = p[:-1] * _along_first(p.shape[0], p.ndim - 1)[:-1]
    return dzdy * conj(np.polyval(slopes, x))


def _polyval_samples(rng: np.random.Generator) -> Samples:
    p, x = rng.normal(size=4), rng.normal(size=(2, 3))
    return [
        (p, x),
        (p, 0.7),
        (p[:1], x),
        (rng.normal(size=(4, 3)), x),
        (rng.normal(size=(4, 2, 1)), x[0]),
        (complex_normal(rng, 4), complex_normal(rng, 3)),
    ]


lifted(grad={"p": _polyval_p_grad, "x": _polyval_x_grad}, complex=True, samples=_polyval_samples)(
    np.polyval
)


# Calculus and arithmetic


def _polyder(p: Any, m: int = 1) -> Any:
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = array_like(p)
    for _ in range(int(m)):
        p = p[:-1] * _along_first(p.shape[0], 0)[:-1]
    return p


def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    m, p = int(m), array_like(p)
    k = np.zeros(max(m, 0)) if k is None else np.atleast_1d(k)
    if m > 1 and len(k) == 1:
        k = k * np.ones(m)
    if m < 0 or len(k) < m:
        return np.polyint(plain(p), m, plain(k))  # raises
    for order in range(m):
        integral = p / (_along_first(p.shape[0], 0) + 1)
        p = np.concatenate([integral, k[order : order + 1]])
    return p


def _sum(a1: Any, a2: Any) -> Any:
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    short = len(a1) - len(a2)
    if short > 0:
        a2 = np.concatenate([np.zeros(short), a2])
    elif short < 0:
        a1 = np.concatenate([np.zeros(-short), a1])
    return a1 + a2


def _leading_zeros(p: Any) -> int:
    """How many coefficients `numpy.poly1d` strips: all zeros in front, but never the last."""
    p = np.atleast_1d(plain(p))
    return int(np.argmax(np.append(p[:-1] != 0, True)))


def _polymul_grads(dzdy: Any, a1: Any, a2: Any) -> tuple[Any, Any]:
    """Each by the other, as if the powers that were stripped from the product were there."""
    stripped = np.zeros(_leading_zeros(a1) + _leading_zeros(a2))
    dzdy = np.concatenate([stripped, dzdy])
    by_1, by_2 = (np.atleast_1d(conj(a))[::-1] for a in (a1, a2))
    return (
        np.reshape(np.convolve(dzdy, by_2, "valid"), np.shape(a1)),
        np.reshape(np.convolve(dzdy, by_1, "valid"), np.shape(a2)),
    )


def _polydiv(u: Any, v: Any) -> Any:
    """Long division; as numpy does, the remainder is stripped of what is zero in front."""
    u, v = np.atleast_1d(u) + 0.0, np.atleast_1d(v) + 0.0
    n = len(v)
    steps = len(u) - n + 1
    if steps < 1:
        quotient, rest = np.zeros(1), u
    else:
        terms, rest = [], u
        for _ in range(steps):
            terms.append(rest[0] / v[0])
            rest = np.concatenate([rest[1:n] - terms[-1] * v[1:], rest[n:]])
        quotient = np.stack(terms)
        if n == 1:
            rest = np.zeros(1)
    while len(rest) > 1 and np.allclose(plain(rest[0]), 0, rtol=1e-14):
        rest = rest[1:]
    return quotient, rest


def _pairs(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=4), rng.normal(size=2)
    return [
        (a, b),
        (b, a),
        (a, a[::-1]),
        (a, 2.5),
        (complex_normal(rng, 4), complex_normal(rng, 3)),
    ]


lifted(
    twin=_polyder,
    samples=lambda rng: (
        [(rng.normal(size=4), m) for m in (0, 1, 2, 4)]
        + [(complex_normal(rng, 4),), (rng.normal(size=(2, 3)), 0)]
    ),
)(np.polyder)
lifted(
    twin=_polyint,
    samples=lambda rng: [
        (rng.normal(size=4),),
        (rng.normal(size=4), 2, 0.5),
        (complex_normal(rng, 4), 3, rng.normal(size=3)),
    ],
)(np.polyint)
_sums = and_also(_pairs, (np.array([[1.5, -0.5, 2.0]]), np.array([[0.3, 0.7, -1.2]])))
lifted(twin=_sum, samples=_sums)(np.polyadd)
lifted(twin=lambda a1, a2: _sum(a1, -array_like(a2)), samples=_sums)(np.polysub)
lifted(
    grad=_polymul_grads,
    complex=True,
    samples=and_also(
        _pairs, (np.zeros(3), np.array([1.5, -0.5])), (np.array([1.5, -0.5]), np.zeros(3))
    ),
)(np.polymul)
lifted(
    twin=_polydiv, samples=and_also(_pairs, (np.array([[1.5, -0.5, 2.0]]), np.array([0.3, -1.2])))
)(np.polydiv)


# Roots


def _poly_grad(dzdy: Any, result: Any, seq_of_zeros: Any) -> Any:
    """Scaled gradient of `numpy.poly`.

    A zero moves the coefficients by those of the product of the other factors. A matrix A has the
    characteristic polynomial det(x - A), whose change is -tr(adj(x - A) dA); the coefficients of
    this adjugate are B_0 = 1, B_k = A B_k-1 + c_k, which is right for any eigenvalues.

    References
    ----------
    F. R. Gantmacher, "The Theory of Matrices", vol. 1 (1959), chapter 4, section 4.
    """
    given = array_like(seq_of_zeros)
    count = given.shape[0]
    if given.ndim == 1:
        others = [np.poly(given[np.arange(count) != i]) for i in range(count)]
        return -np.stack([np.sum(dzdy[1:] * conj(np.atleast_1d(rest))) for rest in others])
    power = np.eye(count)
    dzda = -dzdy[1] * power
    for k in range(1, count):
        power = given @ power + result[k] * np.eye(count)
        dzda = dzda - dzdy[k + 1] * adjoint(power)
    return dzda


def _roots_grad(dzdy: Any, result: Any, p: Any) -> Any:
    """From p(r) = 0: a coefficient moves the root r by -r^k / p'(r), infinite at a double root."""
    p = array_like(p)
    powers = column(result) ** _along_first(p.shape[0], 0)
    slopes = np.polyval(np.polyder(p), result)
    return -np.sum(column(dzdy) * conj(powers / column(slopes)), axis=0)


def _poly_samples(rng: np.random.Generator) -> Samples:
    zeros = complex_normal(rng, 2)
    return [
        (rng.normal(size=4),),
        (rng.normal(size=1),),
        (rng.normal(size=(3, 3)),),
        (zeros,),
        (complex_normal(rng, 3, 3),),
    ]


def _roots_samples(rng: np.random.Generator) -> Samples:
    return [
        (1.5 * np.poly(rng.normal(size=3) + np.array([-3, 0, 3])),),
        (np.array([2.0, 1.0, 3.0]) + rng.uniform(size=3),),
        (complex_normal(rng, 4),),
    ]


lifted(grad=_poly_grad, complex=True, samples=_poly_samples)(np.poly)
lifted(grad=_roots_grad, complex=True, samples=_roots_samples)(np.roots)


# Fits


def _polyfit(
    x: Any,
    y: Any,
    deg: int,
    rcond: Any = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Any:
    """`numpy.polyfit` by its own steps: least squares with scaled columns."""
    x, y, order = array_like(x) + 0.0, array_like(y) + 0.0, int(deg) + 1
    if deg < 0 or x.ndim != 1 or x.shape[0] != y.shape[0]:
        return np.polyfit(plain(x), plain(y), deg)  # raises
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    lhs, rhs = np.vander(x, order), y
    if w is not None:
        w = array_like(w) + 0.0
        lhs, rhs = lhs * column(w), rhs * (column(w) if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(lhs * lhs, axis=0))
    lhs = lhs / scale
    found = np.linalg.lstsq(lhs, rhs, rcond)
    c, squares, rank, s = found[0], found[1], found[2], found[3]
    c = c / (column(scale) if y.ndim == 2 else scale)
    if full:
        return c, squares, rank, s, rcond
    if rank != order:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if not cov:
        return c
    covariance = np.linalg.inv(lhs.T @ lhs) / (column(scale) * row(scale))
    if cov == "unscaled":
        factor: Any = 1.0
    elif len(x) <= order:
        raise ValueError(
            "the number of data points must exceed order to scale the covariance matrix"
        )
    else:
        factor = squares / (len(x) - order)
    return c, covariance * factor if y.ndim == 1 else covariance[:, :, None] * factor


def _polyfit_samples(rng: np.random.Generator) -> Samples:
    x, y = rng.uniform(-1, 1, size=7), rng.normal(size=(7, 2))
    w = rng.uniform(0.5, 2, size=7)
    return [
        (x, y[:, 0], 2),
        (x, y, 3),
        (x, y[:, 0], 2, None, False, w),
        (x, y, 1, None, False, w),
        (x, y[:, 0], 2, None, True),
        (x, y[:, 0], 2, None, False, None, True),
        (x, y, 2, None, False, w, True),
        (x, y[:, 0], 2, None, False, w, "unscaled"),
    ]


lifted(twin=_polyfit, samples=_polyfit_samples)(np.polyfit)
