"""Gradients at points where a function's own branches meet.

``if x == 0: return 1.0`` beside ``sin(x) / x`` is right in value and drops the gradient at that
very point: the branch taken holds nowhere around it. A composite notes when values on the tape
compare equal (or vanish against a small threshold), and when one is infinite or nan. Then its
gradient is confirmed by the gradients a little to either side, or taken as their limit: at a kink
the mean of both sides, at a jump that of the side which the value belongs to, and nan where there
is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from ._bvar import (
    BVar,
    Named,
    _move_on,
    _without_numbers,
    has_bvar,
    record,
    value_of,
    youngest,
)
from ._limits import WEIGHTS, Around, combined, moved, numbers_of, wholes_of, with_numbers
from ._run import backprop_with
from ._space import parts_of, rebuilt
from ._tape import CALL, DIV, MUL, ADD, SUB, Tape
from .errors import CotangentError, NoGradientError, TapeError

__all__ = ["with_limits"]

# Where a derivative of the gradient is asked for: the relative distance to the point.
_APART: Final = 5e-4
_AGREE: Final = 1e-5


def with_limits(inner: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result of a composite, with its gradient as the limit where its branches meet."""
    found: list[BVar] = []
    _gather((args, kwargs), found)
    if not found:
        return inner(*args, **kwargs)
    tape = youngest(found)
    places = {id(v): v._bvar_at for v in found if v._bvar_space.tape is tape}
    inputs = {v._bvar_at: (v._bvar_value, v._bvar_space) for v in found if id(v) in places}
    start = len(tape)
    before, tape.coincident, tape.careful = (tape.coincident, tape.careful), False, False
    result = inner(*args, **kwargs)
    met = tape.coincident or tape.careful
    tape.coincident, tape.careful = tape.coincident or before[0], tape.careful or before[1]
    if not met:
        return result
    changed = [v for v in found if id(v) in places and v._bvar_at != places[id(v)]]

    def again(*xs: Any) -> Any:
        at = dict(zip(inputs, xs, strict=True))
        there = {i: at[place] for i, place in places.items()}
        args_there, kwargs_there = _replaced((args, kwargs), there)
        return [inner(*args_there, **kwargs_there), *(there[id(v)] for v in changed)]

    whole = _taken_off([result, *changed], tape)
    if _without_numbers(whole):
        return result
    if not _numbers_only((args, kwargs)) and _captured(tape, start, set(inputs)):
        return result  # what a function captured cannot be moved
    values = [value for value, _ in inputs.values()]
    parents = tuple((place, space) for place, (_, space) in inputs.items())
    name = Named(getattr(inner, "__qualname__", "a composite"))
    joined = record(tape, whole, _gradient_by_limits(name.name, again, values, whole), parents, name)
    for i, v in enumerate(changed, 1):
        _move_on(v, joined[i])
    return joined[0]


def _gather(value: Any, found: list[BVar]) -> None:
    if value.__class__ is BVar:
        found.append(value)
    elif has_bvar(value):
        for _, part in parts_of(value) or ():
            _gather(part, found)


def _numbers_only(value: Any) -> bool:
    """Can no BVar hide in an argument, in the closure of a function or the like?"""
    if value.__class__ in (list, tuple, dict):
        return all(_numbers_only(part) for _, part in parts_of(value) or ())
    return (
        value.__class__ is BVar
        or value is None
        or isinstance(value, (int, float, complex, str, np.ndarray, np.generic))
    )


def _captured(tape: Tape, start: int, inputs: set[int]) -> bool:
    """Did the nodes since `start` read anything of before that is no input of the call?"""
    return any(p < start and p not in inputs for node in tape[start:] for p in _parents(node))


def _parents(node: Any) -> Iterator[int]:
    if node[0] == CALL:
        yield from (p for p, _ in node[2])
    else:
        yield node[1]
        if node[0] in (MUL, DIV, ADD, SUB):
            yield node[2]


def _replaced(value: Any, there: dict[int, Any]) -> Any:
    if value.__class__ is BVar or not has_bvar(value):
        return there.get(id(value), value)
    return rebuilt(value, [(key, _replaced(part, there)) for key, part in parts_of(value) or ()])


def _taken_off(value: Any, tape: Any) -> Any:
    if value.__class__ is BVar:
        return value._bvar_value if value._bvar_space.tape is tape else value
    parts = parts_of(value)
    if parts is None:
        return value
    return rebuilt(value, [(key, _taken_off(part, tape)) for key, part in parts])


def _gradient_by_limits(
    name: str, again: Callable[..., Any], values: list[Any], result: Any
) -> Callable[[Any], list[Any]]:
    """The scaled gradient of a function at a point where its branches meet.

    Parameters
    ----------
    name : str
        Of the function, for errors.
    again : callable
        The function, of as many arguments as there are values.
    values : list
        Where it was called.
    result : object
        What it returned there.
    """
    roots = [_rooted(value) for value in values]
    at = numbers_of(roots)

    def gradient(xs: list[Any], dzdy: Any) -> tuple[Any, list[Any]]:
        y, scaled_grad = backprop_with(again, *xs)
        dzdxs = scaled_grad(dzdy)
        return y, [dzdxs] if len(xs) == 1 else list(dzdxs)

    def scaled_grad(dzdy: Any) -> list[Any]:
        _, recorded = gradient(values, dzdy)
        seed = _rooted(dzdy)
        weights = numbers_of(seed)

        def gradient_at(shift: Any) -> Any:
            xs = moved(roots, iter(shift))
            try:
                y, dzdxs = gradient(xs, seed)
            except (NoGradientError, TapeError, CotangentError):
                raise
            except Exception:  # outside the domain
                if np.any(shift):
                    return None
                raise
            return _weighed(weights, numbers_of(_rooted(y))), numbers_of(_rooted(dzdxs))

        around = Around(at, gradient_at, wholes_of(roots))
        if not np.isclose(around.value, _weighed(weights, numbers_of(_rooted(result)))):
            raise NoGradientError(
                f"{name} gives another result when it is called again, at a point where its "
                "branches meet.",
                "Its gradient there is a limit, which needs several calls: make it repeatable.",
            )
        limit = around.limit()
        if not has_bvar(recorded):
            return with_numbers_of(recorded, limit)
        return _with_derivative(name, lambda xs: gradient(xs, dzdy)[1], values, around, limit)

    return scaled_grad
