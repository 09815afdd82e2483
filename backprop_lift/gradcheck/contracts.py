"""Contracts: what a scaled gradient must keep to, whatever its numbers are.

One cotangent for each argument, of its structure, shapes and dtypes; linear in `dzdy`; the same at
each call; nothing handed over is changed or shared; an output that nothing reads has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import CotangentError
from .calls import Call
from .coordinates import Coordinates
from .leaves import Leaf, at_path, parts, path_text

__all__ = [
    "Handed",
    "agree",
    "contract_problems",
    "gradient_coordinates",
    "unread_problems",
    "value_problem",
]

Vector = npt.NDArray[np.float64]

# Outputs that are read alone, at most.
_OUTPUTS: Final = 4


class Handed:
    """What a forward run was given and has returned, with the numbers of each at the time.

    Parameters
    ----------
    values : mapping
        From names to values: each argument, and the result.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self._before = self._numbers()

    def _numbers(self) -> dict[str, Vector]:
        return {n: Coordinates(v, integers=True).vector for n, v in self.values.items()}

    def changed(self) -> list[str]:
        """Names of those whose numbers are others now."""
        now = self._numbers()
        return [n for n, v in self._before.items() if not np.array_equal(v, now[n], equal_nan=True)]


def value_problem(expected: Any, got: Any, path: tuple[Any, ...] = ()) -> str | None:
    """How the result of a twin differs from the original's, or None."""
    here, there = Coordinates(expected, integers=True), Coordinates(got, integers=True)
    if [leaf.path for leaf in here.leaves] != [leaf.path for leaf in there.leaves]:
        return f"the twin returned {_short(got)}, the original {_short(expected)}"
    numbers = here.vector[np.isfinite(here.vector)]
    largest = float(np.abs(numbers).max(initial=0.0))
    for a, b in zip(here.leaves, there.leaves, strict=True):
        where = f"result{path_text(a.path, expected)}"
        if a.shape != b.shape:
            return f"{where} has shape {b.shape}, the original's {a.shape}"
        if not a.is_complex and b.is_complex:
            return f"{where} is complex, the original's is real"
        eps = max(a.eps, b.eps)
        mine, theirs = np.asarray(a.value), np.asarray(b.value)
        if a.is_complex or mine.dtype.kind != "O":
            size = float(np.max(np.abs(mine[np.isfinite(mine)]), initial=0.0))
            slack = max(1e-8, 1e3 * eps) * size + 64 * eps * largest
            if not np.allclose(theirs, mine, rtol=max(1e-7, 1e4 * eps), atol=slack, equal_nan=True):
                return f"{where} is {_short(b.value)}, the original's {_short(a.value)}"
    return _other_difference(expected, got, path)


def _other_difference(expected: Any, got: Any, path: tuple[Any, ...]) -> str | None:
    """A difference in strings, booleans and the like."""
    if expected is None or isinstance(expected, (bool, str, np.bool_)):
        if type(expected) is not type(got) and not isinstance(got, (bool, np.bool_)):
            return f"result{path_text(path)} is {_short(got)}, the original's {_short(expected)}"
        return (
            None
            if expected == got
            else (f"result{path_text(path)} is {_short(got)}, the original's {_short(expected)}")
        )
    if isinstance(expected, np.ndarray):
        if expected.dtype.kind == "b" and not np.array_equal(expected, np.asarray(got)):
            return f"result{path_text(path)} is {_short(got)}, the original's {_short(expected)}"
        return None
    if len(path) < 6:
        for key, part in parts(expected) or ():
            try:
                other = at_path(got, (key,))
            except (LookupError, AttributeError, TypeError):
                return f"result{path_text((*path, key))} is missing"
            found = _other_difference(part, other, (*path, key))
            if found is not None:
                return found
    return None


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 70 else f"{text[:67]}..."


def gradient_coordinates(call: Call, cotangents: Any) -> Vector:
    """The cotangents of all moving arguments in coordinates.

    Raises
    ------
    CotangentError
        If their number or structure is another than that of the arguments.
    """
    count = len(call.here)
    if count == 1:
        cotangents = (cotangents,)
    elif not isinstance(cotangents, tuple) or len(cotangents) != count:
        raise CotangentError(
            "There is not one cotangent for each argument.",
            expected=f"a tuple of {count}",
            got=_short(cotangents),
        )
    pieces = []
    for name, here, dzdx in zip(call.names, call.here, cotangents, strict=True):
        try:
            pieces.append(here.of(dzdx))
        except CotangentError as error:
            error.facts = {"argument": name, **error.facts}
            raise
    return np.concatenate(pieces)


def contract_problems(
    call: Call,
    scaled_grad: Callable[[Any], Any],
    weights: Vector,
    gradient: Vector,
    rng: np.random.Generator,
    handed: Handed,
    rounding: Callable[[], Vector],
) -> Iterator[str]:
    """What a scaled gradient does against its contract.

    Parameters
    ----------
    call : Call
    scaled_grad : callable
    weights : ndarray, shape (m,)
        Coordinates of the cotangent that gave `gradient`.
    gradient : ndarray, shape (n,)
    rng : numpy.random.Generator
    handed : Handed
        What the forward run was given and has returned.
    rounding : callable
        Gives the changes of the gradient that are rounding, shape (n,).
    """
    result = call.result
    assert result is not None
    dzdy = result.cotangent(weights)
    before = result.of(dzdy)
    cotangents = scaled_grad(dzdy)
    if not np.array_equal(before, result.of(dzdy)):
        yield "the rule changes dzdy in place"
    again = gradient_coordinates(call, cotangents)
    if not agree(call, again, gradient, np.abs(gradient)):
        yield "a second call of the scaled gradient gives something else"
    yield from _types_and_sharing(call, cotangents, {"dzdy": dzdy, **handed.values})
    other = _other_weights(result, weights, rng)
    second = gradient_coordinates(call, scaled_grad(result.cotangent(other)))
    third = result.cotangent(weights - 1.75 * other)
    if isinstance(third, np.ndarray) and third.ndim > 1:
        third = np.asfortranarray(third)  # a rule may not read it as it stands in memory
    both = gradient_coordinates(call, scaled_grad(third))
    expected = gradient - 1.75 * second
    size = np.abs(gradient) + 1.75 * np.abs(second)
    if not agree(call, both, expected, size):
        in_bars = np.abs(both - expected) <= 16 * rounding()
        if not in_bars[np.isfinite(both) & np.isfinite(expected)].all():
            yield "the scaled gradient is not linear in dzdy"
    yield from (f"the scaled gradient changes {name} in place" for name in handed.changed())


def agree(call: Call, one: Vector, other: Vector, size: Vector) -> bool:
    """Are two gradients of a call the same, but for rounding?

    Rounding is seen against `size`, and against the largest effect that any argument has: the
    cotangent of one on which little depends is what is left of larger numbers. So is an effect
    that is far below the result itself.
    """
    assert call.result is not None
    values = np.abs(call.result.vector[np.isfinite(call.result.vector)])
    eps = max([call.result.eps(), *(here.eps() for here in call.here)])
    scales = np.concatenate([here.scales() for here in call.here])
    finite = np.isfinite(one) & np.isfinite(other) & np.isfinite(size)
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return False
    largest = float((size * scales)[finite].max(initial=0.0))
    slack = 1e6 * eps * (size + (1e-3 * largest + values.max(initial=0.0)) / scales)
    return bool((np.abs(one - other) <= slack)[finite].all())


def _other_weights(result: Coordinates, weights: Vector, rng: np.random.Generator) -> Vector:
    """A second cotangent: that of one part alone, so that unused parts are tried too."""
    signs = rng.choice([-1.0, 1.0], len(weights))
    other: Vector = rng.uniform(0.5, 1.5, len(weights)) * signs
    other[weights == 0] = 0.0
    if len(result.leaves) > 1:
        leaf = result.leaves[int(rng.integers(len(result.leaves)))]
        alone: Vector = np.zeros_like(other)
        alone[leaf.start : leaf.stop] = other[leaf.start : leaf.stop]
        return alone
    return other


def _types_and_sharing(call: Call, cotangents: Any, handed: Mapping[str, Any]) -> Iterator[str]:
    if len(call.here) == 1:
        cotangents = (cotangents,)
    theirs = [(name, array) for name, value in handed.items() for array in _arrays(value)]
    for name, here, dzdx in zip(call.names, call.here, cotangents, strict=True):
        for leaf in here.leaves:
            part = at_path(dzdx, leaf.path)
            where = f"the cotangent of {name}{path_text(leaf.path, here.value)}"
            if isinstance(leaf.value, np.ndarray):
                yield from _array_problems(part, leaf, where)
            elif isinstance(leaf.value, float) and not isinstance(part, float):
                yield f"{where}, a float, is a {type(part).__name__}"
            if isinstance(part, np.ndarray):
                for other, array in theirs:
                    if np.may_share_memory(part, array):
                        yield f"{where} shares its memory with {other}"
                theirs.append((where, part))


def _array_problems(part: Any, leaf: Leaf, where: str) -> Iterator[str]:
    if not isinstance(part, np.ndarray):
        if leaf.shape != ():
            yield f"{where}, an array, is a {type(part).__name__}"
        return
    if part.dtype != leaf.value.dtype:
        yield f"{where} has dtype {part.dtype}, not {leaf.value.dtype}"
    if not part.flags.writeable:
        yield f"{where} is not writable"


def _arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray) and value.size:
        yield value
    for _, part in parts(value) or ():
        yield from _arrays(part)


def unread_problems(
    call: Call,
    twin: Callable[..., Any],
    run: Callable[..., Any],
    scaled_grad: Callable[[Any], Any],
    weights: Vector,
    gradient: Vector,
) -> Iterator[str]:
    """What changes where one output is read, and nothing reads the others.

    Parameters
    ----------
    call : Call
    twin, run : callable
        ``run(twin, *xs) -> (y, scaled_grad)``.
    scaled_grad : callable
        Of all outputs together.
    weights : ndarray, shape (m,)
        Coordinates of the cotangent that gave `gradient`.
    gradient : ndarray, shape (n,)
    """
    result = call.result
    assert result is not None
    total, size = np.zeros_like(gradient), np.abs(gradient)
    for leaf in result.leaves[:_OUTPUTS] if len(result.leaves) > 1 else ():
        alone: Vector = np.zeros_like(weights)
        alone[leaf.start : leaf.stop] = weights[leaf.start : leaf.stop]
        expected = gradient_coordinates(call, scaled_grad(result.cotangent(alone)))
        total, size = total + expected, size + np.abs(expected)

        def one_output(*args: Any, path: Any = leaf.path, **settings: Any) -> Any:
            value, plain = twin(*args, **settings), result.value
            for key in path:
                keyed = isinstance(plain, (list, tuple, Mapping, np.ndarray))
                value = value[key] if keyed else getattr(value, key)
                plain = at_path(plain, (key,))
            return value

        try:
            y, of_one = run(call.with_moving(one_output), *call.arguments(call.origin))
        except Exception:
            continue  # a refusal to read it
        dzdy = Coordinates(y, integers=True).cotangent(weights[leaf.start : leaf.stop])
        found = gradient_coordinates(call, of_one(dzdy))
        if not agree(call, found, expected, np.abs(expected)):
            where = f"result{path_text(leaf.path, result.value)}"
            yield f"reading {where} alone gives another gradient than zeros for the other outputs"
    if 1 < len(result.leaves) <= _OUTPUTS and not agree(call, total, gradient, size):
        yield "the gradients by each output alone do not add up to that by all"
