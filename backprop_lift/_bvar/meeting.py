"""Where locally constant functions jump: a branch on their answer may hold at that very point only.

``if not np.any(x)``, ``if np.sign(x) == 0`` and ``table[int(x)]`` are decided by values that meet
zero, an integer, an edge or each other, as ``if x == 0`` is.
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._space import parts_of
from . import BVar, has_bvar, rooted
from .comparison import COMPARISONS, coincide, cuts, nearly_equal, note_cut
from .kinks import are_tied, repeats, vanishes

__all__ = ["note_cast", "note_meeting"]


def note_meeting(function: Any, result: Any, args: Any, kwargs: Any) -> None:
    """Note on the tapes of the arguments that a function answered where its answer jumps.

    Parameters
    ----------
    function : callable
    result : object
    args, kwargs
        As it was called, among them BVars perhaps.
    """
    meets = _MEETINGS.get(function) if function.__hash__ is not None else None
    if meets is None or not (has_bvar(args) or has_bvar(kwargs)):
        return
    settings = {k: rooted(v) for k, v in kwargs.items()}
    try:
        with np.errstate(all="ignore"):
            met = meets(result, *map(rooted, args), **settings)
    except (TypeError, ValueError):  # called in a way that is not foreseen
        met = True
    if met:
        _coincide_within([*args, *kwargs.values()])


def _note_zeros(x: Any) -> None:
    """Note that the truth of numbers was asked, where some of them vanish."""
    if has_bvar(x) and vanishes(rooted(x)):
        _coincide_within(x)


def note_cast(x: Any, dtype: Any) -> None:
    """Note that numbers were made truths or integers, where that jumps."""
    if np.dtype(dtype).kind == "b":
        _note_zeros(x)
    elif has_bvar(x):
        note_cut(x)


def _coincide_within(value: Any) -> None:
    if value.__class__ is BVar:
        coincide(value)
    elif has_bvar(value):
        for _, part in parts_of(value) or ():
            _coincide_within(part)


# Each is asked with the result and the arguments of a call.


def _answers(answer: bool) -> Callable[..., bool]:
    return lambda y, *xs, **settings: bool(np.any(np.equal(y, answer)))


def _vanish(y: Any, *xs: Any, **settings: Any) -> bool:
    return any(map(vanishes, xs))


def _is_cut(y: Any, x: Any = 0, *xs: Any, **settings: Any) -> bool:
    return not isinstance(x, str) and cuts(x)


def _are_equal(y: Any, x1: Any, x2: Any, *xs: Any) -> bool:
    return nearly_equal(x1, x2)


def _is_near_zero(y: Any, x: Any, *xs: Any, **settings: Any) -> bool:
    return nearly_equal(x, 0.0)


def _is_an_item(y: Any, x1: Any, x2: Any, *xs: Any, **settings: Any) -> bool:
    return bool(np.any(np.isin(x1, x2)))


def _lies_on_edge(edges: Any, x: Any) -> bool:
    """Is a number almost the same as one of those nearest to it among the edges?"""
    edges, x = np.sort(np.ravel(edges)), np.asarray(x)
    after = np.searchsorted(edges, x)
    near = (np.minimum(after, edges.size - 1), np.maximum(after - 1, 0))
    return edges.size > 0 and any(nearly_equal(x, edges[i]) for i in near)


def _is_tied(largest: Any) -> Callable[..., bool]:
    def meets(y: Any, a: Any, axis: Any = None, *xs: Any, **settings: Any) -> bool:
        return are_tied(a, largest(a, axis=axis), axis, nearly=True)

    return meets


def _has_equals(y: Any, a: Any, axis: Any = -1, *xs: Any, **settings: Any) -> bool:
    return repeats(a, axis, nearly=True)


def _is_deficient(y: Any, a: Any, *xs: Any, **settings: Any) -> bool:
    return bool(np.any(np.less(y, min(np.shape(a)[-2:], default=1))))


_MEETINGS: Final[dict[Any, Callable[..., bool]]] = {
    **dict.fromkeys(
        (math.isclose, cmath.isclose, np.isclose, np.allclose, np.array_equal, np.array_equiv)
        + (np.isnan, np.isinf, math.isnan, math.isinf, cmath.isnan, cmath.isinf)
        + (float.is_integer,),
        _answers(True),
    ),
    **dict.fromkeys((np.isfinite, math.isfinite, cmath.isfinite), _answers(False)),
    **dict.fromkeys((np.any, np.all, operator.truth), _answers(False)),
    operator.not_: _answers(True),
    **dict.fromkeys(
        (np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.count_nonzero)
        + (np.nonzero, np.flatnonzero, np.argwhere),
        _vanish,
    ),
    **dict.fromkeys((np.sign, np.signbit), _is_near_zero),
    np.isreal: lambda y, x: np.iscomplexobj(x) and bool(np.any(y)),
    np.iscomplex: lambda y, x: np.iscomplexobj(x) and not np.all(y),
    **dict.fromkeys(
        (np.floor, np.ceil, np.trunc, np.fix, math.floor, math.ceil, math.trunc, int), _is_cut
    ),
    np.rint: lambda y, x, **settings: cuts(x + 0.5),
    **dict.fromkeys(
        (np.floor_divide, operator.floordiv, operator.ifloordiv),
        lambda y, x1, x2, **settings: cuts(x1, x2),
    ),
    **dict.fromkeys((*COMPARISONS, *COMPARISONS.values()), _are_equal),
    np.isin: _is_an_item,
    np.searchsorted: lambda y, a, v, *xs, **settings: _lies_on_edge(a, v),
    np.digitize: lambda y, x, bins, *xs, **settings: _lies_on_edge(bins, x),
    np.argmax: _is_tied(np.max),
    np.argmin: _is_tied(np.min),
    np.nanargmax: _is_tied(np.nanmax),
    np.nanargmin: _is_tied(np.nanmin),
    np.argsort: _has_equals,
    np.argpartition: lambda y, a, kth, axis=-1, *xs, **settings: repeats(a, axis),
    np.lexsort: lambda y, keys, axis=-1: repeats(keys[-1], axis),
    np.linalg.matrix_rank: _is_deficient,
}
