"""Known mistakes, each as a function from a point to the gradient that it would give."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .calls import Call, signature_of
from .coordinates import Coordinates
from .leaves import Leaf, path_text
from .samples import Sample

__all__ = ["Hypothesis", "Point", "hypotheses", "option_hypotheses"]

Vector = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Point:
    """What is known at some coordinates of the arguments.

    Attributes
    ----------
    vector : ndarray, shape (n,)
    result : ndarray, shape (m,)
    weights : ndarray, shape (m,)
    jacobian : ndarray, shape (m, n)
        By differences.
    analytic : ndarray, shape (n,)
        The rule's gradient.
    """

    vector: Vector
    result: Vector
    weights: Vector
    jacobian: Vector
    analytic: Vector

    @property
    def numeric(self) -> Vector:
        """What the gradient should be."""
        return self.weights @ self.jacobian

    def size(self, part: slice) -> float:
        """Size that a cotangent could have, for what counts as none."""
        return float(np.linalg.norm(np.abs(self.weights) @ np.abs(self.jacobian[:, part])))


Hypothesis = tuple[str, str, Callable[[Point], Vector]]


def hypotheses(call: Call, i: int) -> Iterator[Hypothesis]:
    """Mistakes that the cotangent of an argument may show, likeliest first.

    Yields
    ------
    kind, text : str
    mistaken : callable
        From a point to the cotangent that the mistake would give, in coordinates.
    """
    part, name = call.part(i), call.names[i]
    of = f"the cotangent of {name}"
    yield "zero", f"{of} is zero", lambda p: np.zeros_like(p.numeric[part])
    yield "sign", f"{of} has the wrong sign", lambda p: -p.numeric[part]
    yield from _conjugates(call, i)
    yield from _swaps(call, i)
    yield from _transposes(call, i)
    yield from _outputs(call, i)
    yield (
        "dzdy ignored",
        f"{of} is not multiplied by dzdy",
        lambda p: _ones(call) @ p.jacobian[:, part],
    )


def _ones(call: Call) -> Vector:
    """The cotangent one, in coordinates."""
    assert call.result is not None
    ones = np.ones(len(call.result))
    for leaf in call.result.leaves:
        if leaf.is_complex:
            ones[leaf.start + 1 : leaf.stop : 2] = 0.0
    return ones


def _conjugation(here: Coordinates) -> Vector:
    signs = np.ones(len(here))
    for leaf in here.leaves:
        if leaf.is_complex:
            signs[leaf.start + 1 : leaf.stop : 2] = -1.0
    return signs


def _conjugates(call: Call, i: int) -> Iterator[Hypothesis]:
    assert call.result is not None
    part, name = call.part(i), call.names[i]
    mine, ours = _conjugation(call.here[i]), _conjugation(call.result)
    if (mine < 0).any():
        text = f"the cotangent of {name} is the conjugate of what it should be"
        yield "conjugate", text, lambda p: mine * p.numeric[part]
    if (mine < 0).any() or (ours < 0).any():
        text = f"the cotangent of {name} lacks a conjugate: it is dzdy * conj(dy/dx)"
        yield "conjugate", text, lambda p: mine * ((ours * p.weights) @ p.jacobian[:, part])
        yield (
            "conjugate",
            f"the cotangent of {name} takes the conjugate of dzdy",
            lambda p: (ours * p.weights) @ p.jacobian[:, part],
        )


def _swaps(call: Call, i: int) -> Iterator[Hypothesis]:
    for j, other in enumerate(call.names):
        if j != i and len(call.here[j]) == len(call.here[i]):
            text = f"the cotangents of {call.names[i]} and {other} are swapped"
            yield "swapped", text, lambda p, j=j: p.numeric[call.part(j)]  # type: ignore[misc]  # j bound early


def _rearranged(vector: Vector, leaf: Leaf, change: Callable[[Any], Any]) -> Vector:
    """Coordinates with one array among them rearranged."""
    new = vector.copy()
    numbers = vector[leaf.start : leaf.stop]
    if leaf.is_complex:
        array = np.ascontiguousarray(numbers).view(np.complex128).reshape(leaf.shape)
        moved = np.ascontiguousarray(change(array)).ravel().view(np.float64)
    else:
        moved = np.ascontiguousarray(change(numbers.reshape(leaf.shape))).ravel()
    new[leaf.start : leaf.stop] = moved
    return new


def _transposes(call: Call, i: int) -> Iterator[Hypothesis]:
    assert call.result is not None
    part, name = call.part(i), call.names[i]
    for leaf in call.here[i].leaves:
        where = name + path_text(leaf.path)
        for how, change in _rearrangements(leaf.shape):
            yield (
                "transpose",
                f"the cotangent of {where} is {how}",
                lambda p, leaf=leaf, change=change: _rearranged(  # type: ignore[misc]  # as above
                    p.numeric[part], leaf, change
                ),
            )
    for leaf in call.result.leaves:
        for how, change in _rearrangements(leaf.shape):
            yield (
                "transpose",
                f"the cotangent of {name} takes dzdy {how}",
                lambda p, leaf=leaf, change=change: (  # type: ignore[misc]
                    _rearranged(p.weights, leaf, change) @ p.jacobian[:, part]
                ),
            )


def _rearrangements(shape: tuple[int, ...]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    if len(shape) >= 2:
        if shape[-1] == shape[-2]:
            yield "transposed", lambda a: a.swapaxes(-1, -2)
        yield "read in the wrong order", lambda a: a.ravel(order="F").reshape(shape)
        yield "written in the wrong order", lambda a: a.ravel().reshape(shape, order="F")
    for axis, length in enumerate(shape):
        if length > 1:
            yield f"reversed along axis {axis}", functools.partial(np.flip, axis=axis)
    for axis, length in enumerate(shape):
        for by in (1, -1):
            if length > 2:
                shifted = functools.partial(np.roll, shift=by, axis=axis)
                yield f"shifted by {by} along axis {axis}", shifted


def _outputs(call: Call, i: int) -> Iterator[Hypothesis]:
    """Part of the result not counted, or not summed over."""
    assert call.result is not None
    part, name = call.part(i), call.names[i]
    leaves = call.result.leaves
    for leaf in leaves if len(leaves) > 1 else ():
        where = f"result{path_text(leaf.path, call.result.value)}"
        masks = [
            ("lacks what flows through", 0.0, 1.0),
            ("has nothing but what flows through", 1.0, 0.0),
        ]
        for text, inside, outside in masks:
            mask = np.full(len(call.result), outside)
            mask[leaf.start : leaf.stop] = inside
            yield (
                "output ignored",
                f"the cotangent of {name} {text} {where}",
                lambda p, mask=mask: (p.weights * mask) @ p.jacobian[:, part],  # type: ignore[misc]
            )
    for leaf in leaves:
        for axis, length in enumerate(leaf.shape):
            for index in (0, length - 1) if length > 1 else ():
                mask = np.ones(len(call.result))
                kept = np.zeros(leaf.shape)
                kept[(slice(None),) * axis + (index,)] = 1.0
                numbers = np.repeat(kept.ravel(), 2) if leaf.is_complex else kept.ravel()
                mask[leaf.start : leaf.stop] = numbers
                yield (
                    "broadcast",
                    (
                        f"the cotangent of {name} is not summed over axis {axis} of dzdy: "
                        f"only index {index} counts"
                    ),
                    lambda p, mask=mask: (p.weights * mask) @ p.jacobian[:, part],  # type: ignore[misc]
                )


def option_hypotheses(call: Call, i: int) -> Iterator[Hypothesis]:
    """Settings that the rule may ignore: the gradient with each at its default."""
    from .diagnosis import jacobian_at

    part = call.part(i)
    scales = np.concatenate([here.scales() for here in call.here])
    for name, sample in _without_options(call):
        other = Call(call.function, sample, list(zip(call.names, call.places, strict=True)))
        other.result = call.result
        found: dict[int, Vector] = {}

        def mistaken(p: Point, other: Call = other, found: dict[int, Vector] = found) -> Vector:
            if id(p) not in found:
                jacobian = jacobian_at(other.evaluate, p.vector, scales)
                if jacobian is None:
                    raise ValueError
                found[id(p)] = p.weights @ jacobian
            return found[id(p)][part]

        yield "option ignored", f"the rule ignores {name}", mistaken


def _without_options(call: Call) -> Iterator[tuple[str, Sample]]:
    signature = signature_of(call.function)
    sample = call.sample
    defaults: dict[str, Any] = {}
    names: list[str] = []
    if signature is not None:
        for name, p in signature.parameters.items():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                names.append(name)
            if p.default is not inspect.Parameter.empty:
                defaults[name] = p.default
    for key in sample.settings:
        if ("settings", key) not in call.places:
            rest = {k: v for k, v in sample.settings.items() if k != key}
            yield key, Sample(sample.args, rest)
    for i, (name, value) in enumerate(zip(names, sample.args, strict=False)):
        if ("args", i) not in call.places and name in defaults and value is not defaults[name]:
            args = (*sample.args[:i], defaults[name], *sample.args[i + 1 :])
            yield name, Sample(args, sample.settings)
