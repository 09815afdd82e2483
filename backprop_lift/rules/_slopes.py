"""What tables of slopes consist of: the rules of `scipy.special` and their samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "Partials", "Samples", "Slope", "and_also", "below", "safe_ratio", "unless_constant", "within",
]  # fmt: skip

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]

# The derivative of a function of one argument, and the interval that its samples are drawn from.
Slope = tuple[Any, tuple[float, float]]

# Parameters, partial derivatives, and for each argument the interval of samples or its only value.
Partials = tuple[str, dict[str, Any], tuple[Any, ...]]


def _uniform(rng: np.random.Generator, domain: Any, shape: tuple[int, ...]) -> Any:
    low, high = domain
    return rng.uniform(low, high, size=shape) if shape else float(rng.uniform(low, high))


def within(*domains: Any, complex: bool = False) -> Samples:
    """Samples with each argument drawn from its interval; what is no interval is given as it is.

    Floats, arrays, and arrays that are broadcast against each other; complex arrays if wanted.
    """

    def drawn(rng: np.random.Generator, shapes: list[tuple[int, ...]]) -> tuple[Any, ...]:
        return tuple(
            _uniform(rng, domain, shape) if isinstance(domain, tuple) else domain
            for domain, shape in zip(domains, shapes, strict=True)
        )

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        count = len(domains)
        found = [drawn(rng, [()] * count), drawn(rng, [(2, 3)] * count)]
        if sum(isinstance(domain, tuple) for domain in domains) > 1:
            found.append(drawn(rng, [((3,), (2, 1), ())[i % 3] for i in range(count)]))
        if complex:
            *orders, z = drawn(rng, [(3,)] * count)
            found.append((*orders, z * (1 + 0.3j)))
        return found

    return samples


def and_also(draw: Samples, *calls: tuple[Any, ...]) -> Samples:
    """Samples, and these calls: of other branches of a rule."""
    return lambda rng: [*draw(rng), *calls]


def safe_ratio(top: Any, x: Any, at_zero: float) -> Any:
    """``top / x``, and `at_zero` where x is 0."""
    zero = np.equal(x, 0)
    return np.where(zero, at_zero, top / (x + zero))


def below(n: Any) -> Any:
    """The degree of the derivative; that of a constant is 0 too."""
    return np.where(np.equal(n, 0), 0, n - 1)


def unless_constant(n: Any, slope: Any) -> Any:
    return np.where(np.equal(n, 0), 0.0, slope)
