"""What the rules of `scipy.interpolate` share: values at points with a known slope, and samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._bvar import has_bvar
from .._bvar.comparison import coincide
from .._lift import lifted
from .._registry import Registry, registry, twin_of
from ..errors import NoGradientError
from ._implicit import plain, settled
from ._matrices import conj

__all__ = [
    "NO_SAMPLES", "OWN", "at_points", "between", "called", "definer", "knots", "method_twin", "note_knots",
    "refused",
]  # fmt: skip


OWN: Final = Registry(parent=registry)


# Their results are objects, which are checked by what they evaluate to.
NO_SAMPLES: Final[list[tuple[Any, ...]]] = []


def refused(what: str, why: str) -> NoGradientError:
    return NoGradientError(
        f"{what} has no gradient here.",
        "Write value_of(...) around its arguments where a constant is meant.",
        why=why,
    )


def _at_grad(dzdy: Any, x: Any, slope: Any, axis: Any) -> Any:
    """Sum over the axes of the data, which stand around those of x, the first at `axis`."""
    product = dzdy * conj(slope(x))
    n = np.ndim(x)
    others = tuple(i for i in range(np.ndim(product)) if not axis <= i < axis + n)
    return np.sum(product, axis=others) if others else product


def _evaluated(x: Any, value: Any, slope: Any, axis: int) -> Any:
    """``value(x)``, whose derivative is ``slope(x)``."""
    return value(x)


lifted(grad={"x": _at_grad}, ignores="value", complex=True, into=OWN)(_evaluated)


def at_points(
    x: Any, value: Callable[[Any], Any], slope: Callable[[Any], Any], axis: int = 0
) -> Any:
    return twin_of(_evaluated, OWN)(settled(x), value, slope, axis)


def note_knots(x: Any, t: Any, smoothness: int, ends: bool) -> None:
    """Note on the tape that a value is at a knot where an interpolant's slope may jump.

    A composite then takes the mean of the slopes of both sides.

    Parameters
    ----------
    x : float, ndarray or BVar
    t : ndarray, shape (n,)
        The knots, sorted.
    smoothness : int
        So many derivatives are continuous at the inner knots.
    ends : bool
        Is the interpolant bent at the first and the last knot?
    """
    if not has_bvar(x):
        return
    t = np.unique(t)
    t = t[[0, -1]] if smoothness > 0 else t if ends else t[1:-1]
    if (smoothness > 0 and not ends) or not len(t):
        return
    at = np.asarray(plain(x))
    after = np.searchsorted(t, at).clip(0, len(t) - 1)
    nearest = np.minimum(np.abs(at - t[after]), np.abs(at - t[after - 1]))
    if np.any(nearest <= 1e-8 * np.abs(at)):
        coincide(x)


def method_twin(original: Any) -> Callable[[Any], Any]:
    """Make a twin of a method out of what it does on BVars; on plain values it is the original."""

    def decorated(twin: Any) -> Any:
        @functools.wraps(original)
        def on_bvars(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not has_bvar(args) and not has_bvar(kwargs):
                return original(self, *args, **kwargs)
            return twin(self, *args, **kwargs)

        return on_bvars

    return decorated


def called(f: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The value of an interpolant, also at BVars."""
    calls = (vars(cls)["__call__"] for cls in type(f).__mro__ if "__call__" in vars(cls))
    original = next(call for call in calls if registry.find(call) is not None)
    return twin_of(original)(f, x, *args, **kwargs)


def definer(cls: Any, name: str) -> Any:
    """The class that an attribute of another one stands in, by the version of scipy."""
    return next(base for base in cls.__mro__ if name in vars(base))


def knots(rng: np.random.Generator, n: int = 7) -> Any:
    return np.cumsum(rng.uniform(0.5, 1.5, size=n))


def between(rng: np.random.Generator, x: Any, *shape: int) -> Any:
    return rng.uniform(x[0], x[-1], size=shape)
