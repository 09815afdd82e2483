"""The laws of a Space, and a checker of them for the values of any type.

``zero(x)``, ``add(x, y)`` and ``one(x)`` must fulfil, for all cotangents x, y, z of one value:

=============  =========================================================
left identity  ``add(zero(x), x) == x``
right identity ``add(x, zero(x)) == x``
commutative    ``add(x, y) == add(y, x)``
associative    ``add(x, add(y, z)) == add(add(x, y), z)``
zero of zero   ``zero(zero(x)) == zero(x)``
one of one     ``one(one(x)) == one(x)``
unital         ``one(x)`` is the gradient of the identity at x: a one for
               each number in x, or of an opaque type that multiplies,
               ``one(x) * y == y``
pure           ``add`` changes neither argument
=============  =========================================================

References
----------
The class `Backprop` of the Haskell package backprop, whose laws these are.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from .._run import backprop_with
from .._space import Space, parts_of, space_of
from .contracts import value_problem
from .coordinates import Coordinates
from .leaves import Leaf

__all__ = ["LAWS", "BrokenLaw", "broken_laws", "cotangents_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class BrokenLaw:
    """A law that does not hold.

    Attributes
    ----------
    law : str
        Its name in `LAWS`.
    value : object
        The value whose cotangents break it.
    seen : str
        For a person.
    """

    law: str
    value: Any
    seen: str

    def __str__(self) -> str:
        return f"{type(self.value).__name__} breaks the law {self.law!r}: {self.seen}"


def _difference(expected: Any, got: Any) -> str | None:
    """How a value differs from what it should be; opaque parts are compared by ``==``."""
    seen = value_problem(expected, got)
    if seen is not None or isinstance(expected, np.ndarray):
        return seen
    parts = parts_of(expected)
    if parts is not None:
        there = dict(parts_of(got) or ())
        found = [_difference(part, there.get(key)) for key, part in parts]
        return next((problem for problem in found if problem is not None), None)
    return None if expected == got else f"{got!r} instead of {expected!r}"


def _left_identity(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    return _difference(x, space.add(space.zero(value), x))


def _right_identity(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    return _difference(x, space.add(x, space.zero(value)))


def _commutative(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    return _difference(space.add(x, y), space.add(y, x))


def _associative(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    return _difference(space.add(x, space.add(y, z)), space.add(space.add(x, y), z))


def _zero_of_zero(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    return _difference(space.zero(x), space.zero(space.zero(x)))


def _one_of_one(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    return _difference(space.one(x), space.one(space.one(x)))


def _unital(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    one = space.one(value)
    here = Coordinates(value, integers=True)
    if not len(here):
        _, scaled_grad = backprop_with(lambda v: v, value)
        return _difference(one, scaled_grad(one)) or _changes_factor(one, x)
    found = here.of(one)
    ones = [(1.0, 0.0) if leaf.is_complex else (1.0,) for leaf in here.leaves for _ in _each(leaf)]
    wrong = np.flatnonzero(found != np.concatenate(ones))
    if not wrong.size:
        return None
    return f"one has {found[wrong[0]]:.4g} at x{here.label(int(wrong[0]))}"


def _each(leaf: Leaf) -> range:
    return range(int(np.prod(leaf.shape, dtype=int)))


def _changes_factor(one: Any, x: Any) -> str | None:
    """How multiplying an opaque value by `one` changes it; None if it cannot be multiplied."""
    try:
        product = one * x
    except TypeError:
        return None
    return _difference(x, product)


def _pure(space: Space, value: Any, x: Any, y: Any, z: Any) -> str | None:
    before = copy.deepcopy((x, y))
    space.add(x, y)
    return _difference(before, (x, y))


Law = Callable[[Space, Any, Any, Any, Any], "str | None"]

LAWS: Final[dict[str, Law]] = {
    "left identity": _left_identity,
    "right identity": _right_identity,
    "commutative": _commutative,
    "associative": _associative,
    "zero of zero": _zero_of_zero,
    "one of one": _one_of_one,
    "unital": _unital,
    "pure": _pure,
}


def cotangents_of(value: Any, count: int = 3, *, seed: int = 0) -> list[Any]:
    """Random cotangents of a value: of its structure, shapes and dtypes.

    Numbers are multiples of 1/64 of moderate size, so that sums of them are exact.
    """
    here = Coordinates(value, integers=True)
    rng = np.random.default_rng(seed)
    return [here.cotangent(rng.integers(-256, 256, len(here)) / 64.0) for _ in range(count)]


def broken_laws(
    *values: Any,
    space: Space | None = None,
    laws: Iterable[str] = tuple(LAWS),
    cotangents: Callable[[Any], Iterable[Any]] = cotangents_of,
) -> list[BrokenLaw]:
    """The laws of its space that a value breaks; none where all hold.

    Parameters
    ----------
    *values
        Values of the types in question.
    space : Space, optional
        By default the one that is registered for each.
    laws : iterable of str, optional
        Names in `LAWS`; by default all.
    cotangents : callable, optional
        From a value to three cotangents of it.

    Examples
    --------
    >>> from backprop_lift.gradcheck.laws import broken_laws
    >>> broken_laws(1.5, {"w": [1.0, 2.0]})
    []
    """
    broken = []
    for value in values:
        its_space = space_of(type(value)) if space is None else space
        x, y, z = cotangents(value)
        for name in laws:
            try:
                seen = LAWS[name](its_space, value, x, y, z)
            except Exception as error:
                seen = f"{type(error).__name__}: {error}"
            if seen is not None:
                broken.append(BrokenLaw(name, value, seen))
    return broken
