"""The gradient of a function by its rule and by the oracle, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .._registry import registry
from .._run import backprop_with
from .calls import Call, moving_places, quiet
from .contracts import gradient_coordinates
from .coordinates import Coordinates
from .lines import Line
from .oracles import slope
from .samples import Sample

__all__ = ["Gradients", "gradients"]


@dataclasses.dataclass(frozen=True, slots=True)
class Gradients:
    """Two gradients of one call.

    Attributes
    ----------
    analytic, numeric, error : object
        By the rule, by differences, and the error bars of these; with the structure of the
        argument, or tuples of such for several arguments.
    """

    analytic: Any
    numeric: Any
    error: Any


def gradients(f: Callable[..., Any], *args: Any, **settings: Any) -> Gradients:
    """The gradient of a function by its rule and by differences.

    Parameters
    ----------
    f : callable
        An original that has a twin, or a function on BVars. Where it returns more than one
        number, the gradient is that of their sum.
    *args, **settings
        As for `check_grad`.

    Returns
    -------
    Gradients

    Raises
    ------
    LiftError
        Where the gradient is not known.

    Examples
    --------
    >>> from backprop_lift.gradcheck import gradients
    >>> found = gradients(lambda x, y: x * y, 2.0, 5.0)
    >>> found.analytic
    (5.0, 2.0)
    """
    entry = registry.find(f)
    sample = Sample(args, settings)
    places = [
        place for place in moving_places(f, sample, None, entry=entry) if place[1][0] == "args"
    ]
    call = Call(f, sample, places)
    with quiet():
        call.result = result = Coordinates(call.plain(call.origin))
        weights = np.ones(len(result))
        for leaf in result.leaves:
            if leaf.is_complex:
                weights[leaf.start + 1 : leaf.stop : 2] = 0.0
        twin = f if entry is None else entry.twin
        _, scaled_grad = backprop_with(call.with_moving(twin), *call.arguments(call.origin))
        analytic = gradient_coordinates(call, scaled_grad(result.cotangent(weights)))
        scales = np.concatenate([here.scales() for here in call.here])
        found = []
        for k, scale in enumerate(scales):
            u = np.zeros_like(call.origin)
            u[k] = scale
            found.append(slope(Line(call.evaluate, call.origin, u, result.vector), weights))
    numeric = np.array([s.value for s in found]) / scales
    error = np.array([s.error for s in found]) / scales
    return Gradients(*(_as_structures(call, vector) for vector in (analytic, numeric, error)))


def _as_structures(call: Call, vector: Any) -> Any:
    parts = [here.cotangent(vector[call.part(i)]) for i, here in enumerate(call.here)]
    return parts[0] if len(parts) == 1 else tuple(parts)
