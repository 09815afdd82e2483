"""Gradients at points where a function's own branches meet.

``if x == 0: return 1.0`` beside ``sin(x) / x`` is right in value and drops the gradient at that
very point: the branch taken holds nowhere around it. A composite notes when values on the tape
compare equal (or vanish against a small threshold). Then its gradient is compared with the
gradients a little to either side: where those agree with each other, they are the limit and it is
taken; where they differ, the point is a kink, and what was recorded stands if it lies between
them (a subgradient).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ._bvar import BVar, Named, _without_numbers, has_bvar, record, value_of, youngest
from ._run import backprop_with
from ._space import parts_of, rebuilt

__all__ = ["with_limits"]

# Relative to the size of the argument: the truncation error is its square, the rounding error of
# a cancelling quotient its inverse times 1e-16.
_STEP: Final = 2e-6
_AGREE: Final = 1e-4


def with_limits(inner: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result of a composite, with its gradient as the limit where its branches meet."""
    found: list[BVar] = []
    _gather((args, kwargs), found)
    if not found:
        return inner(*args, **kwargs)
    tape = youngest(found)
    on = list({v._bvar_at: v for v in found if v._bvar_space.tape is tape}.values())
    before, places = tape.coincident, [v._bvar_at for v in on]
    tape.coincident = False
    result = inner(*args, **kwargs)
    met, tape.coincident = tape.coincident, before or tape.coincident
    moved = [v._bvar_at for v in on] != places
    if not met or moved or _without_numbers(result):
        return result
    if not _numbers_only(args) or not _numbers_only(kwargs):
        return result
    return _with_limit(inner, args, kwargs, on, tape, result)


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
    return value.__class__ is BVar or value is None or isinstance(
        value, (int, float, complex, str, np.ndarray, np.generic)
    )


def _with_limit(
    inner: Callable[..., Any], args: Any, kwargs: Any, on: list[BVar], tape: Any, result: Any
) -> Any:
    places = {v._bvar_at: i for i, v in enumerate(on)}

    def again(*xs: Any) -> Any:
        there_args, there_kwargs = _replaced((args, kwargs), places, tape, xs)
        return inner(*there_args, **there_kwargs)

    values = [v._bvar_value for v in on]
    plain = _taken_off(result, tape)

    def scaled_grad(dzdy: Any) -> list[Any]:
        def at(i: int | None, shift: float) -> Any:
            """The gradients where argument `i` alone is moved."""
            there = [_shifted(x, shift, i) if j == i else x for j, x in enumerate(values)]
            try:
                dzdxs = backprop_with(again, *there)[1](dzdy)
            except (ArithmeticError, ValueError):
                return [None] * len(values)
            return (dzdxs,) if len(values) == 1 else dzdxs

        here = at(None, 0.0)
        return [
            _settled(dzdx, at(i, _STEP)[i], at(i, -_STEP)[i]) for i, dzdx in enumerate(here)
        ]

    parents = tuple((v._bvar_at, v._bvar_space) for v in on)
    return record(tape, plain, scaled_grad, parents, Named(getattr(inner, "__qualname__", "?")))


def _replaced(value: Any, places: dict[int, int], tape: Any, xs: Any) -> Any:
    if value.__class__ is BVar and value._bvar_space.tape is tape:
        return xs[places[value._bvar_at]]
    if not has_bvar(value) or value.__class__ is BVar:
        return value
    return rebuilt(value, [(k, _replaced(p, places, tape, xs)) for k, p in parts_of(value) or ()])


def _taken_off(value: Any, tape: Any) -> Any:
    if value.__class__ is BVar:
        return value._bvar_value if value._bvar_space.tape is tape else value
    parts = parts_of(value)
    if parts is None:
        return value
    return rebuilt(value, [(key, _taken_off(part, tape)) for key, part in parts])


def _shifted(x: Any, shift: float, seed: int) -> Any:
    """`x` moved in a fixed direction in which all its items differ."""
    parts = parts_of(x)
    if shift == 0.0:
        return x
    if parts is not None:
        return rebuilt(
            x, [(key, _shifted(p, shift, 7 * seed + i + 1)) for i, (key, p) in enumerate(parts)]
        )
    root = x
    while root.__class__ is BVar:
        root = value_of(root)
    if getattr(root, "dtype", np.dtype(type(root) if isinstance(root, (float, int, complex)) else
                                       object)).kind not in "fciu":
        return x
    size = np.abs(root)
    scale = np.maximum(size, 1e-2 * np.max(size, initial=0)) if np.any(size) else np.ones(size.shape)
    direction = np.random.default_rng(seed).uniform(0.5, 1.0, np.shape(root))
    moved = shift * scale * direction
    if isinstance(root, np.ndarray):
        return x + moved.astype(root.dtype if root.dtype.kind in "fc" else float)
    return x + float(moved)


def _settled(here: Any, above: Any, below: Any) -> Any:
    """The gradient, item by item: the limit where both sides agree, else a subgradient."""
    sides = [side for side in (above, below) if side is not None]
    if not sides or here is None:
        return here if here is not None else sides[0]
    parts = parts_of(here)
    if parts is not None:
        first, last = dict(parts_of(sides[0]) or ()), dict(parts_of(sides[-1]) or ())
        return rebuilt(here, [(key, _settled(p, first[key], last[key])) for key, p in parts])
    if here.__class__ is BVar or any(side.__class__ is BVar for side in sides):
        return here
    h, a, b = (np.asarray(x) for x in (here, sides[0], sides[-1]))
    a, b = np.where(np.isfinite(a), a, b), np.where(np.isfinite(b), b, a)
    scale = np.maximum(np.abs(a), np.abs(b))
    scale = scale + 1e-6 * np.max(np.where(np.isfinite(scale), scale, 0), initial=0.0)
    middle = (a + b) / 2
    agree = (np.abs(a - b) <= 20 * _AGREE * scale) & np.isfinite(middle)
    slack = _AGREE * scale
    between = (h >= np.minimum(a, b) - slack) & (h <= np.maximum(a, b) + slack)
    kept = np.where(agree, np.abs(h - middle) <= slack, between)
    settled = np.where(kept | ~np.isfinite(middle), h, middle)
    return settled if isinstance(here, np.ndarray) else settled[()]
