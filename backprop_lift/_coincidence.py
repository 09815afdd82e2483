"""Gradients at points where a function's own branches meet.

``if x == 0: return 1.0`` beside ``sin(x) / x`` is right in value and drops the gradient at that
very point: the branch taken holds nowhere around it. A composite notes when values on the tape
compare equal (or vanish against a small threshold). Then the gradient is taken from the gradients
a little to either side: their limit where they agree, and where the point is a kink the
subgradient that splits equally between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
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
from ._run import backprop_with
from ._space import parts_of, rebuilt

__all__ = ["with_limits"]

# Relative to the size of the argument: the truncation error is its square, the rounding error of
# a cancelling quotient its inverse times 1e-16.
_STEP: Final = 2e-6
_AGREE: Final = 1e-4
# Arguments of up to so many numbers are moved one number at a time, as the gradient means it.
_ONE_BY_ONE: Final = 16


def with_limits(inner: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result of a composite, with its gradient as the limit where its branches meet."""
    found: list[BVar] = []
    _gather((args, kwargs), found)
    if not found:
        return inner(*args, **kwargs)
    tape = youngest(found)
    places = {id(v): v._bvar_at for v in found if v._bvar_space.tape is tape}
    inputs = {v._bvar_at: (v._bvar_value, v._bvar_space) for v in found if id(v) in places}
    before, tape.coincident, tape.careful = (tape.coincident, tape.careful), False, False
    result = inner(*args, **kwargs)
    met = tape.coincident or tape.careful
    tape.coincident, tape.careful = tape.coincident or before[0], tape.careful or before[1]
    if not met or not _numbers_only(args) or not _numbers_only(kwargs):
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
    values = [value for value, _ in inputs.values()]
    parents = tuple((place, space) for place, (_, space) in inputs.items())
    name = Named(getattr(inner, "__qualname__", "a composite"))
    joined = record(tape, whole, _gradient_by_limits(again, values), parents, name)
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


def _gradient_by_limits(again: Callable[..., Any], values: list[Any]) -> Callable[[Any], Any]:
    """The scaled gradient of a function at a point where its branches meet."""

    def scaled_grad(dzdy: Any) -> list[Any]:
        def at(shifts: dict[int, Any]) -> list[Any]:
            """The gradients where some arguments are moved, their numbers in rows."""
            there = [_moved(x, iter(shifts[i])) if i in shifts else x for i, x in enumerate(values)]
            try:
                dzdxs = backprop_with(again, *there)[1](dzdy)
            except (ArithmeticError, ValueError):  # outside the domain: nothing is learnt there
                return [_row(dzdx) for dzdx in here]
            return [_row(dzdx) for dzdx in ((dzdxs,) if len(values) == 1 else dzdxs)]

        def moved(i: int, shift: Any) -> Any:
            return at({i: shift})[i]

        rows = [_row(x) for x in values]
        here = backprop_with(again, *values)[1](dzdy)
        here = (here,) if len(values) == 1 else here
        if has_bvar(list(here)):
            return list(here)
        found = [
            _limit(row, _row(dzdx), partial(moved, i))
            for i, (row, dzdx) in enumerate(zip(rows, here, strict=True))
        ]
        if not all(np.all(np.isfinite(row)) for row in found):  # singular in another argument
            shifts = {i: _steps(row) for i, row in enumerate(rows)}
            sides = at(shifts), at({i: -shift for i, shift in shifts.items()})
            found = [
                np.where(np.isfinite(row), row, _settled(row, above, below))
                for row, above, below in zip(found, *sides, strict=True)
            ]
        return [_put_back(dzdx, iter(row)) for dzdx, row in zip(here, found, strict=True)]

    return scaled_grad


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


def _steps(row: Any) -> Any:
    """How far each number is moved."""
    size = np.abs(row)
    largest = np.max(size, initial=0.0) or 1.0
    return _STEP * np.where(size > 0, np.maximum(size, 1e-2 * largest), 5 * largest)


def _limit(x: Any, here: Any, at: Callable[[Any], Any]) -> Any:
    """The gradient as the limit from both sides, number by number; all in a row.

    Parameters
    ----------
    x, here : ndarray, shape (n,)
        The argument, and its gradient as recorded.
    at : callable
        The gradient where the argument is moved by a vector.
    """
    step = _steps(x)
    if len(x) > _ONE_BY_ONE:
        step = step * np.random.default_rng(0).uniform(0.5, 1.0, x.shape)
        return _settled(here, at(step), at(-step))
    settled = here.copy()
    for k in range(len(x)):
        along = np.where(np.arange(len(x)) == k, step, 0.0)
        settled[k] = _settled(here, at(along), at(-along))[k]
    return settled


def _settled(here: Any, above: Any, below: Any) -> Any:
    """The mean of both sides: the limit where they agree, else the middle subgradient."""
    above, below = (
        np.where(np.isfinite(above), above, below),
        np.where(np.isfinite(below), below, above),
    )
    scale = np.maximum(np.abs(above), np.abs(below))
    scale = scale + 1e-6 * np.max(np.where(np.isfinite(scale), scale, 0.0), initial=0.0)
    middle = (above + below) / 2
    close = np.abs(here - middle) <= _AGREE * (scale + np.abs(above - below))
    return np.where(close, here, middle)


def _row(value: Any) -> Any:
    """All real numbers of a value in a row."""
    parts = parts_of(value)
    if parts is not None:
        return np.concatenate([np.zeros(0), *(_row(part) for _, part in parts)])
    array = np.asarray(_rooted(value))
    return array.ravel().astype(float) if array.dtype.kind in "fiu" else np.zeros(0)


def _moved(x: Any, shift: Iterator[float]) -> Any:
    """`x` with each of its numbers moved."""
    parts = parts_of(x)
    if parts is not None:
        return rebuilt(x, [(key, _moved(part, shift)) for key, part in parts])
    root = _rooted(x)
    array = np.asarray(root)
    if array.dtype.kind not in "fiu":
        return x
    by = np.array(list(islice(shift, array.size))).reshape(array.shape)
    if not np.any(by):
        return x
    if not isinstance(root, (np.ndarray, np.generic)):
        return x + float(by)
    return x + (by.astype(array.dtype) if array.dtype.kind == "f" else by)


def _put_back(like: Any, numbers: Iterator[float]) -> Any:
    """A gradient like `like`, made of the numbers of a row."""
    parts = parts_of(like)
    if parts is not None:
        return rebuilt(like, [(key, _put_back(part, numbers)) for key, part in parts])
    array = np.asarray(like)
    if array.dtype.kind not in "fiu":
        return like
    filled = np.array(list(islice(numbers, array.size)), array.dtype).reshape(array.shape)
    return filled if isinstance(like, np.ndarray) else filled[()]


def _rooted(value: Any) -> Any:
    while has_bvar(value):
        value = value_of(value)
    return value
