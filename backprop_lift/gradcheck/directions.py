"""Directions in which the arguments of a call move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from .calls import Call

__all__ = ["directions", "directions_alone"]

Vector = npt.NDArray[np.float64]

# Up to so many numbers, each moves alone; beyond, arguments move along random directions.
_FEW: Final = 12
# Numbers that move alone where those of an argument do not go together.
_ALONE: Final = 60


def directions(call: Call, rng: np.random.Generator) -> Iterator[tuple[str, str, Vector]]:
    """Directions that tell each argument of a call from the others.

    A few numbers move one by one. Many move together, each by a random multiple of its own size
    and once of their common size, and two of them alone. Numbers that are not finite stay.

    Yields
    ------
    argument, label : str
    direction : ndarray, shape (n,)
        Of the natural size of the argument.
    """
    for i, (name, here) in enumerate(zip(call.names, call.here, strict=True)):
        part, n = call.part(i), len(here)
        finite = np.isfinite(here.vector)
        scales = np.where(finite, here.scales(), 0.0)
        moving = np.flatnonzero(finite)
        few = n <= 4 or len(call.origin) <= _FEW
        alone = moving if few else rng.choice(moving, min(2, len(moving)), replace=False)
        for k in alone:
            u = np.zeros_like(call.origin)
            u[part.start + k] = scales[k]
            yield name, name + here.label(int(k)), u
        if few:
            continue
        common = np.where(finite, float(np.sqrt(np.mean(scales**2))), 0.0)
        for k, sizes in enumerate((scales, common, scales)):
            u = np.zeros_like(call.origin)
            u[part] = sizes * rng.uniform(0.5, 1.5, n) * rng.choice([-1.0, 1.0], n)
            yield name, f"{name}, random direction {k + 1}", u


def directions_alone(
    call: Call, argument: str, rng: np.random.Generator
) -> Iterator[tuple[str, str, Vector]]:
    """Directions in which one number of an argument moves, for a good many of them.

    Yields
    ------
    argument, label : str
    direction : ndarray, shape (n,)
    """
    i = call.names.index(argument)
    here, start = call.here[i], call.part(i).start
    scales = here.scales()
    moving = np.flatnonzero(np.isfinite(here.vector))
    if len(moving) > _ALONE:
        moving = np.sort(rng.choice(moving, _ALONE, replace=False))
    for k in moving:
        u = np.zeros_like(call.origin)
        u[start + k] = scales[k]
        yield argument, argument + here.label(int(k)), u
