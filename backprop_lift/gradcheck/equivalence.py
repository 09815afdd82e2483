"""Is a mutant that no sample tells another rule at all? The proof, or a call that tells.

Two rules are run side by side on many calls: the samples, calls made from them, and calls near
both. Where they differ the mutant is no equivalent, and the samples are weak. Where they never do,
it must be shown that the calls could tell: the part of the rule that is gone was used in them, or
the change is the identity on whatever the cotangent can be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .._registry import Entry
from .._run import backprop_with
from .calls import Call, TimeIsUp, limited, moving_places, quiet
from .contracts import gradient_coordinates
from .coordinates import Coordinates
from .samples import Sample

__all__ = ["Cotangents", "difference", "identity"]

Vector = npt.NDArray[np.float64]

_SECONDS: Final = 5.0


class Cotangents:
    """The cotangents that a rule gives at a call, for two random cotangents of the result.

    Attributes
    ----------
    sample : Sample
    names : list of str
    parts : list of slice
    values : list of tuple
        For each cotangent of the result, the cotangents of the arguments as they are.
    vectors : list of ndarray, shape (n,)
        The same in coordinates.
    """

    def __init__(self, f: Any, sample: Sample, entry: Entry) -> None:
        with quiet(), limited(_SECONDS):
            call = Call(f, sample, moving_places(f, sample, sample.wrt or entry.wrt or None))
            self.sample = sample
            self.names = call.names
            self.parts = [call.part(i) for i in range(len(call.names))]
            call.plain(call.origin)  # what the original refuses, its twin need not know
            xs = call.arguments(call.origin)
            y, scaled_grad = backprop_with(call.with_moving(entry.twin), *xs)
            result = Coordinates(y)
            rng = np.random.default_rng(0)
            self.values, self.vectors = [], []
            for _ in range(2):
                found = scaled_grad(result.cotangent(rng.normal(size=len(result))))
                self.vectors.append(gradient_coordinates(call, found))
                self.values.append((found,) if len(xs) == 1 else found)


def cotangents(f: Any, sample: Sample, entry: Entry) -> Cotangents | None:
    """The cotangents of a rule at a call, or None where it has none."""
    try:
        return Cotangents(f, sample, entry)
    except (Exception, SystemExit, TimeIsUp):
        return None


def difference(one: Cotangents, other: Cotangents | None) -> float:
    """The largest relative difference of any argument's cotangent; infinite where one has none."""
    if other is None:
        return np.inf
    largest = 0.0
    for a, b in zip(one.vectors, other.vectors, strict=True):
        for part in one.parts:
            mine, theirs = a[part], b[part]
            if not np.array_equal(np.isfinite(mine), np.isfinite(theirs)):
                return np.inf
            kept = np.isfinite(mine)
            size = float(np.abs(mine[kept]).max(initial=0.0))
            away = float(np.abs(mine[kept] - theirs[kept]).max(initial=0.0))
            if away > 0.0:
                largest = max(largest, away / size if size else np.inf)
    return largest


def identity(operator: str, argument: str, points: list[Cotangents], tried: Collection[str]) -> str:
    """Why an operator on a cotangent changes nothing that the cotangent can be; empty if it may.

    Parameters
    ----------
    operator : str
        That of a `Mutant`.
    argument : str
    points : list of Cotangents
        Those of the rule itself.
    tried : collection of str
        The kinds of variants among the calls, refused or not.
    """
    found = [np.asarray(value) for point in points for value in _of(argument, point)]
    if not found:
        return ""
    if operator in _OF_CHANGE and not any(np.any(value) for value in found):
        return "the cotangent is zero, wherever there is one"
    if (
        operator == "conjugated"
        and "complex" in tried
        and not any(np.iscomplexobj(value) for value in found)
    ):
        return "the cotangent is real: complex numbers are refused"
    if "one axis more" not in tried:
        return ""
    if operator == "transposed" and not any(value.ndim > 1 for value in found):
        return "the cotangent has no two axes: an argument with two is refused"
    if operator == "reversed" and all(value.ndim == 0 or value.shape[-1] < 2 for value in found):
        return "the cotangent has no axis: an argument with one is refused"
    return ""


_OF_CHANGE: Final = frozenset(
    {"zero", "negated", "doubled", "off by a thousandth", "conjugated", "transposed", "reversed",
     "dzdy ignored"}
)  # fmt: skip


def _of(argument: str, point: Cotangents) -> Iterator[Any]:
    for values in point.values:
        for name, value in zip(point.names, values, strict=True):
            if name.partition("[")[0] == argument:
                yield from _leaves(value)


def _leaves(value: Any) -> Iterator[Any]:
    here = Coordinates(value)
    yield from (leaf.value for leaf in here.leaves)
