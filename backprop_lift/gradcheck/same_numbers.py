"""The same numbers handed over in another way, which must make no difference to a gradient.

In arrays that stand otherwise in memory; and, where two arguments are alike, as one value given for
both. No oracle is needed: the rule is compared with itself.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .calls import Call, coordinates_like, copied
from .comparison import Comparison
from .contracts import agree
from .coordinates import Coordinates
from .samples import Sample

__all__ = ["same_numbers_problems"]

_TOLERANCE: Final = 1e-5

Vector = npt.NDArray[np.float64]
Runner = Callable[..., Any]


def same_numbers_problems(
    call: Call,
    twin: Callable[..., Any],
    run: Runner,
    weights: Vector,
    gradient: Vector,
    rounding: Callable[[], Vector],
) -> Iterator[str]:
    """What changes with the way in which the arguments of a call are handed over.

    Where the original makes a difference too, or the twin refuses, there is nothing to compare.

    Parameters
    ----------
    call : Call
    twin, run : callable
        ``run(twin, *xs) -> (y, scaled_grad)``.
    weights : ndarray, shape (m,)
        Coordinates of the cotangent that gave `gradient`.
    gradient : ndarray, shape (n,)
    rounding : callable
        Gives the changes of the gradient that are rounding, shape (n,).
    """
    there = _gradient_with_gaps(call, twin, run, weights)
    if (
        there is not None
        and not agree(call, there, gradient, np.abs(gradient))
        and not _is_rounding(there - gradient, rounding())
    ):
        yield "the gradient is another where the arguments are arrays with gaps in memory"
    pairs = itertools.combinations(range(len(call.places)), 2)
    alike = next((pair for pair in pairs if _are_alike(*(call.here[k] for k in pair))), None)
    if alike is not None and _is_another_for_one(call, twin, run, weights, *alike, rounding):
        names = " and ".join(call.names[k] for k in alike)
        yield f"one value given for both {names} gets another cotangent than two equal ones"


def _is_rounding(difference: Vector, rounding: Vector) -> bool:
    return bool((np.abs(difference) <= 16 * rounding)[np.isfinite(difference)].all())


def _gradient_with_gaps(
    call: Call, twin: Callable[..., Any], run: Runner, weights: Vector
) -> Vector | None:
    """The gradient for arrays that are parts of larger ones, with gaps in memory."""
    xs = call.arguments(call.origin)
    arrays = [
        isinstance(x, np.ndarray) and x.dtype.kind in "fc" and x.ndim > 0 and x.size > 1 for x in xs
    ]
    if not any(arrays):
        return None
    larger = [
        np.stack([x, x], axis=-1) if within else x for x, within in zip(xs, arrays, strict=True)
    ]

    def of_parts(function: Callable[..., Any]) -> Callable[..., Any]:
        moved = call.with_moving(function)
        return lambda *xs: moved(
            *(x[..., 0] if within else x for x, within in zip(xs, arrays, strict=True))
        )

    def inner(cotangents: Any) -> Vector:
        pieces = [
            here.of(dzdx[..., 0] if within else dzdx)
            for here, dzdx, within in zip(call.here, cotangents, arrays, strict=True)
        ]
        return np.concatenate(pieces)

    return _gradient(call, of_parts, twin, run, larger, weights, inner)


def _are_alike(one: Coordinates, other: Coordinates) -> bool:
    kinds = [[(leaf.path, leaf.shape, leaf.is_complex) for leaf in c.leaves] for c in (one, other)]
    return type(one.value) is type(other.value) and kinds[0] == kinds[1]


def _is_another_for_one(
    call: Call,
    twin: Callable[..., Any],
    run: Runner,
    weights: Vector,
    i: int,
    j: int,
    rounding: Callable[[], Vector],
) -> bool:
    """Has a value that is given for two arguments another cotangent than two equal values?"""
    (kind, key), value = call.places[j], call.here[i].value
    args, settings = list(call.sample.args), dict(call.sample.settings)
    if kind == "args":
        args[key] = value
    else:
        settings[key] = value
    sample = dataclasses.replace(call.sample, args=tuple(args), settings=settings)
    places = [(call.names[k], call.places[k]) for k in (i, j)]
    two = Call(call.function, sample, places)
    one = Call(call.function, sample, places[:1])
    one.result = two.result = call.result

    def given_twice(function: Callable[..., Any]) -> Callable[..., Any]:
        moved = two.with_moving(function)
        return lambda x: moved(x, x)

    def of(call: Call) -> Callable[[Any], Vector]:
        return lambda cotangents: np.concatenate(
            [here.of(dzdx) for here, dzdx in zip(call.here, cotangents, strict=True)]
        )

    xs = two.arguments(two.origin)
    apart = _gradient(two, two.with_moving, twin, run, xs, weights, of(two))
    together = _gradient(one, given_twice, twin, run, xs[:1], weights, of(one))
    if apart is None or together is None:
        return False
    a, b = apart[two.part(0)], apart[two.part(1)]
    if agree(one, together, a + b, np.abs(a) + np.abs(b)):
        return False
    if _is_rounding(together - a - b, rounding()[call.part(i)]):
        return False
    along = Call(given_twice(call.function), Sample((xs[0],)), [(call.names[i], ("args", 0))])
    along.result = Coordinates(along.plain(along.origin), integers=True)
    rng = np.random.default_rng(0)
    compared = Comparison(
        along, weights, together, rng, _TOLERANCE, lambda: np.zeros(len(together))
    )
    return any(outcome.verdict == "wrong" for outcome in compared.outcomes())


def _gradient(
    call: Call,
    as_given: Callable[[Callable[..., Any]], Callable[..., Any]],
    twin: Callable[..., Any],
    run: Runner,
    xs: list[Any],
    weights: Vector,
    coordinates: Callable[[Any], Vector],
) -> Vector | None:
    """The gradient for arguments as they are given, or None where it is not to be compared."""
    like = call.result
    assert like is not None
    try:
        plain = coordinates_like(as_given(call.function)(*map(copied, xs)), like)
        expected = coordinates_like(call.plain(call.origin), like)
        if plain is None or expected is None or not np.allclose(
            plain, expected, rtol=1e-9, atol=0.0, equal_nan=True
        ):  # fmt: skip
            return None
        y, scaled_grad = run(as_given(twin), *xs)
        if coordinates_like(y, like) is None:
            return None
        found = scaled_grad(Coordinates(y).cotangent(weights))
        return coordinates((found,) if len(xs) == 1 else found)
    except Exception:
        return None
