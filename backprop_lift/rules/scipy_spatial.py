"""`scipy.spatial`: distances, and distances to neighbours.

Each metric is one formula along the last axis, which serves its own function of two vectors,
`cdist` and `pdist`. The value is scipy's. A distance of 0 has the subgradient 0.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import spatial, special
from scipy.spatial import distance

from .._bvar import has_bvar
from .._lift import lifted, no_grad
from .._registry import dotted_name
from ..errors import NoGradientError
from ._implicit import plain, settled, with_value

__all__: list[str] = []

Metric = Callable[..., Any]


def _root(total: Any, p: float = 2.0) -> Any:
    """``total ** (1 / p)``, flat where the total is 0."""
    zero = np.equal(plain(total), 0)
    found = np.where(zero, 1.0, total) ** (1 / p) if np.any(zero) else total ** (1 / p)
    return np.where(zero, 0.0, found) if np.any(zero) else found


def _weighted(terms: Any, w: Any) -> Any:
    return np.sum(terms if w is None else w * terms, axis=-1)


# Metrics, along the last axis of two arrays


def _sqeuclidean(u: Any, v: Any, w: Any = None) -> Any:
    return _weighted((u - v) ** 2, w)


def _euclidean(u: Any, v: Any, w: Any = None) -> Any:
    return _root(_sqeuclidean(u, v, w))


def _cityblock(u: Any, v: Any, w: Any = None) -> Any:
    return _weighted(np.abs(u - v), w)


def _chebyshev(u: Any, v: Any, w: Any = None) -> Any:
    terms = np.abs(u - v)
    return np.max(terms if w is None else np.where(plain(w) > 0, terms, 0.0), axis=-1)


def _minkowski(u: Any, v: Any, p: Any = 2, w: Any = None) -> Any:
    if np.isinf(p):
        return _chebyshev(u, v, w)
    return _root(_weighted(np.abs(u - v) ** p, w), p)


def _cosine(u: Any, v: Any, w: Any = None) -> Any:
    return _correlation(u, v, w, False)


def _correlation(u: Any, v: Any, w: Any = None, centered: bool = True) -> Any:
    if centered:
        total = np.shape(u)[-1] if w is None else np.sum(w)
        u = u - np.expand_dims(_weighted(u, w) / total, -1)
        v = v - np.expand_dims(_weighted(v, w) / total, -1)
    norms = np.sqrt(_weighted(u * u, w) * _weighted(v * v, w))
    return 1 - _weighted(u * v, w) / norms


def _canberra(u: Any, v: Any, w: Any = None) -> Any:
    size = np.abs(u) + np.abs(v)
    return _weighted(np.abs(u - v) / (size + np.equal(plain(size), 0)), w)


def _braycurtis(u: Any, v: Any, w: Any = None) -> Any:
    return _weighted(np.abs(u - v), w) / _weighted(np.abs(u + v), w)


def _seuclidean(u: Any, v: Any, V: Any) -> Any:
    return _root(np.sum((u - v) ** 2 / V, axis=-1))


def _mahalanobis(u: Any, v: Any, VI: Any) -> Any:
    difference = u - v
    return _root(np.sum((difference @ VI) * difference, axis=-1))


def _jensenshannon(p: Any, q: Any, base: Any = None) -> Any:
    p, q = p / np.sum(p, axis=-1, keepdims=True), q / np.sum(q, axis=-1, keepdims=True)
    m = (p + q) / 2.0
    total = np.sum(special.rel_entr(p, m) + special.rel_entr(q, m), axis=-1)
    return _root(total / (2.0 if base is None else 2.0 * np.log(base)))


_METRICS: Final[dict[str, Metric]] = {
    "euclidean": _euclidean,
    "sqeuclidean": _sqeuclidean,
    "cityblock": _cityblock,
    "chebyshev": _chebyshev,
    "minkowski": _minkowski,
    "cosine": _cosine,
    "correlation": _correlation,
    "canberra": _canberra,
    "braycurtis": _braycurtis,
    "seuclidean": _seuclidean,
    "mahalanobis": _mahalanobis,
}


def _two_vectors(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    return rng.uniform(0.2, 2, size=4), rng.uniform(0.2, 2, size=4), rng.uniform(0.5, 2, size=4)


def _metric_samples(name: str) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        u, v, w = _two_vectors(rng)
        if name == "seuclidean":
            return [(u, v, w)]
        if name == "mahalanobis":
            return [(u, v, np.diag(w) + 0.1 * rng.normal(size=(4, 4)))]
        if name == "minkowski":
            return [(u, v), (u, v, 1.7), (u, v, 3, w)]
        return [(u, v), (u, v, w)]

    return samples


def _of_two_vectors(name: str) -> None:
    original, metric = getattr(distance, name), _METRICS[name]
    signature = inspect.signature(original)
    weights = [p for p in signature.parameters if p in ("w", "V", "VI")]

    @functools.wraps(original)
    def twin(*args: Any, **kwargs: Any) -> Any:
        value = original(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
        if not has_bvar(args) and not has_bvar(kwargs):
            return value
        given = dict(signature.bind(*args, **kwargs).arguments)
        for parameter in ("u", "v", *weights):
            if given.get(parameter) is not None:
                given[parameter] = settled(given[parameter])
        return with_value(metric(**given), value, dotted_name(original))

    lifted(twin=twin, wrt=("u", "v", *weights), samples=_metric_samples(name))(original)


for _name in _METRICS:
    _of_two_vectors(_name)


def _jensenshannon_twin(
    p: Any, q: Any, base: Any = None, *, axis: int = 0, keepdims: bool = False
) -> Any:
    value = distance.jensenshannon(plain(p), plain(q), base, axis=axis, keepdims=keepdims)
    if not (has_bvar(p) or has_bvar(q)):
        return value
    found = _jensenshannon(
        np.moveaxis(settled(p), axis, -1), np.moveaxis(settled(q), axis, -1), base
    )
    found = np.expand_dims(found, axis) if keepdims else found
    return with_value(found, value, "scipy.spatial.distance.jensenshannon")


lifted(
    twin=_jensenshannon_twin,
    wrt=("p", "q"),
    samples=lambda rng: [
        _two_vectors(rng)[:2],
        (rng.uniform(size=(2, 3)), rng.uniform(size=(2, 3)), 2.0, {"axis": 1, "keepdims": True}),
    ],
)(distance.jensenshannon)


# Distances between the rows of matrices


def _metric_of(metric: Any, settings: dict[str, Any]) -> Metric:
    if callable(metric):
        return lambda u, v: metric(u, v, **settings)
    name = str(metric).lower()
    if name not in _METRICS or (
        name in ("seuclidean", "mahalanobis") and not {"V", "VI"} & settings.keys()
    ):
        raise NoGradientError(
            f"scipy.spatial.distance has no gradient of the metric {metric!r}.",
            f"Give one of {', '.join(_METRICS)}; the last two with V= or VI=.",
        )
    settings = {k: settled(v) if k in ("w", "V", "VI") else v for k, v in settings.items()}
    return lambda u, v: _METRICS[name](
        u, v, **{k: v_ for k, v_ in settings.items() if v_ is not None}
    )


def _cdist(
    XA: Any,
    XB: Any,
    metric: Any = "euclidean",
    *,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    if not has_bvar((XA, XB)) and not has_bvar(kwargs):
        return distance.cdist(XA, XB, metric, out=out, **kwargs)
    value = distance.cdist(plain(XA), plain(XB), _plainly(metric), **plain(kwargs))
    f, u, v = _metric_of(metric, kwargs), settled(XA), settled(XB)
    if callable(metric):
        rows = [f(u[i], v[j]) for i in range(len(value)) for j in range(value.shape[1])]
        found = np.reshape(settled(rows), np.shape(value))
    else:
        found = f(u[:, None, :], v[None, :, :])
    return with_value(found, value, "scipy.spatial.distance.cdist")


def _pdist(X: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Any:
    if not has_bvar(X) and not has_bvar(kwargs):
        return distance.pdist(X, metric, out=out, **kwargs)
    value = distance.pdist(plain(X), _plainly(metric), **plain(kwargs))
    f, x = _metric_of(metric, kwargs), settled(X)
    i, j = np.triu_indices(np.shape(x)[0], 1)
    if callable(metric):
        found = settled([f(x[a], x[b]) for a, b in zip(i, j, strict=True)])
    else:
        found = f(x[i], x[j])
    return with_value(found, value, "scipy.spatial.distance.pdist")


def _plainly(metric: Any) -> Any:
    return (
        (lambda u, v, **settings: plain(metric(u, v, **settings))) if callable(metric) else metric
    )


def _row_samples(pairs: bool) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        a, b = rng.uniform(0.2, 2, size=(3, 4)), rng.uniform(0.2, 2, size=(2, 4))
        rows = (a, b) if pairs else (a,)
        plainly = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation",
                   "canberra", "braycurtis")  # fmt: skip
        return [(*rows,), *((*rows, name) for name in plainly), (*rows, _cityblock)]

    return samples


lifted(twin=_cdist, wrt=("XA", "XB"), samples=_row_samples(True))(distance.cdist)
lifted(twin=_pdist, wrt=("X",), samples=_row_samples(False))(distance.pdist)


def _squareform_grad(dzdy: Any, X: Any) -> Any:
    if np.ndim(X) == 1:
        i, j = np.triu_indices(np.shape(dzdy)[0], 1)
        return dzdy[i, j] + dzdy[j, i]
    n = np.shape(X)[0]
    i, j = np.triu_indices(n, 1)
    place = np.full((n, n), len(i))  # the lower triangle and the diagonal are not read
    place[i, j] = np.arange(len(i))
    return np.concatenate([dzdy, np.zeros(1)])[place]


lifted(
    grad={"X": _squareform_grad},
    ignores=("force", "checks"),
    samples=lambda rng: [(rng.uniform(size=6),), (rng.uniform(size=(4, 4)), "no", False)],
)(distance.squareform)


def _distance_twin(original: Any, formula: Metric) -> Any:
    @functools.wraps(original)
    def twin(x: Any, y: Any, p: Any = 2.0, *rest: Any) -> Any:
        value = original(plain(x), plain(y), p, *rest)
        if not (has_bvar(x) or has_bvar(y)):
            return value
        return with_value(formula(settled(x), settled(y), p), value, dotted_name(original))

    return twin


def _distance_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x, y = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    return [(x, y), (x, y, 1), (x, y, 3.0)]


for _original, _formula in {
    spatial.minkowski_distance: _minkowski,
    spatial.minkowski_distance_p: lambda x, y, p: (
        _chebyshev(x, y) if np.isinf(p) else np.sum(np.abs(x - y) ** p, axis=-1)
    ),
    spatial.distance_matrix: lambda x, y, p: _minkowski(x[:, None, :], y[None, :, :], p),
}.items():
    lifted(twin=_distance_twin(_original, _formula), wrt=("x", "y"), samples=_distance_samples)(
        _original
    )


# Distances to neighbours, whose indices are constants


def _directed_hausdorff(u: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
    value, i, j = distance.directed_hausdorff(plain(u), plain(v), *args, **kwargs)
    if not (has_bvar(u) or has_bvar(v)):
        return value, i, j
    found = _euclidean(settled(u)[i], settled(v)[j])
    return with_value(found, value, "scipy.spatial.distance.directed_hausdorff"), i, j


lifted(
    twin=_directed_hausdorff,
    wrt=("u", "v"),
    samples=lambda rng: [(rng.normal(size=(4, 2)), rng.normal(size=(3, 2)))],
)(distance.directed_hausdorff)


def _query_samples(
    tree: Any,
) -> Callable[[np.random.Generator], list[tuple[Any, ...]]]:
    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        made, x = tree(rng.normal(size=(9, 3))), rng.normal(size=(4, 3))
        return [(made, x), (made, x[0], 2), (made, x, 3)]

    return samples


def _query(original: Any) -> Any:
    @functools.wraps(original)
    def query(
        self: Any, x: Any, k: Any = 1, eps: float = 0, p: float = 2,
        distance_upper_bound: float = np.inf, workers: int = 1,
    ) -> Any:  # fmt: skip
        value, index = original(self, plain(x), k, eps, p, distance_upper_bound, workers)
        if not has_bvar(x):
            return value, index
        missing = np.isinf(value)
        near = self.data[np.where(missing, 0, index)]
        x = settled(x)
        if np.ndim(near) > np.ndim(x):
            x = np.expand_dims(x, -2)
        found = _minkowski(x, near, p)
        if np.any(missing):
            found = np.where(missing, np.inf, found)
        return with_value(found, value, "scipy.spatial.KDTree.query"), index

    return query


for _tree in (spatial.cKDTree, spatial.KDTree):
    lifted(
        twin=_query(_tree.query),
        wrt=("x",),
        samples=_query_samples(_tree),
    )(_tree.query)
for _original in (spatial.procrustes, spatial.geometric_slerp, spatial.tsearch):
    no_grad("nobody has written it")(_original)
