"""Assignment to items: a new value with one part replaced, differentiable in both."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .._cotangent import _may_repeat
from .._space import is_record, parts_of, rebuilt
from . import BVar, Named, bare, has_bvar, innermost, is_complex, operand_on, record, youngest
from .collecting import collect, collect_array

__all__ = ["frozen_key", "is_basic", "plain_key", "set_item", "with_item"]


def plain_key(key: Any) -> Any:
    """An index without BVars: integers and masks only, which nothing flows through."""
    if key.__class__ is tuple:
        return tuple(map(plain_key, key))
    if key.__class__ is slice:
        if any(part.__class__ is BVar for part in (key.start, key.stop, key.step)):
            return slice(*map(plain_key, (key.start, key.stop, key.step)))
        return key
    while key.__class__ is BVar:
        key = key._bvar_value
    return key


def is_basic(key: Any) -> bool:
    keys = key if key.__class__ is tuple else (key,)
    return all(k is None or k is Ellipsis or k.__class__ is slice for k in keys) or all(
        k is None or k is Ellipsis or k.__class__ is slice or isinstance(k, (int, np.integer))
        for k in keys
    )


def frozen_key(key: Any) -> Any:
    cls = key.__class__
    if cls is tuple:
        if any(k.__class__ is np.ndarray or k.__class__ is list for k in key):
            return tuple(map(frozen_key, key))
    elif cls is list or cls is np.ndarray:
        return np.array(key)
    return key


def with_item(v: Any, key: Any, part: Any) -> Any:
    """`v` with its item replaced, as a new BVar."""
    key = frozen_key(plain_key(key))
    root = innermost(v)
    if isinstance(root, tuple):
        raise TypeError("'tuple' object does not support item assignment")
    if not isinstance(root, np.ndarray):
        return _with_part(v, key, part)
    return set_item(v, key, bare(part))


def set_item(x: Any, key: Any, part: Any) -> Any:
    """A copy of array `x` with an item replaced; differentiable in both."""
    if x.__class__ is not BVar and not has_bvar(part):
        changed = np.array(x)
        changed[key] = part
        return changed
    if isinstance(innermost(part), (list, tuple)):
        part = collect_array(part)
    tape = youngest((x, part))
    a, b = operand_on(x, tape), operand_on(part, tape)
    if is_complex(b) and not is_complex(a):
        raise TypeError("a complex value cannot be assigned to an item of a real array")
    value = set_item(a, key, b)
    token = part._bvar_space if b is not part else None
    written = _last_writers(np.shape(innermost(a)), key) if _may_repeat(key) else None

    def scaled_grad(dzdy: Any) -> tuple[Any, ...]:
        found = []
        if a is not x:
            found.append(set_item(dzdy, key, 0.0))
        if token is not None:
            dzdy = np.asarray(dzdy) if dzdy.__class__ is float else dzdy
            dzdpart = dzdy[key] if written is None else dzdy[key] * written
            found.append(_fit_assigned(dzdpart, token.shape))
        return tuple(found)

    parents = [
        (each._bvar_at, each._bvar_space)
        for each, on in ((x, a is not x), (part, b is not part))
        if on
    ]
    return record(tape, value, scaled_grad, tuple(parents), _SET_ITEM)


_SET_ITEM: Final = Named("item assignment")


def _last_writers(shape: tuple[int, ...], key: Any) -> Any:
    """Which items of an assignment stay, where an index names the same place twice."""
    place = np.empty(shape, int)
    order = np.arange(place[key].size).reshape(place[key].shape)
    place[key] = order
    return place[key] == order


def _fit_assigned(dzdpart: Any, shape: Any) -> Any:
    """Sum a cotangent over the axes along which the assigned value was broadcast."""
    got = np.shape(dzdpart)
    extra = len(got) - len(shape)
    if extra < 0:  # leading axes of length one were dropped by the assignment
        return dzdpart.reshape(shape) if len(got) else dzdpart * np.ones(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and got[extra + i] != 1
    )
    total = dzdpart.sum(axis=axes) if axes else dzdpart
    return total if np.shape(total) == tuple(shape) else total.reshape(shape)


def _with_part(v: BVar, key: Any, part: Any) -> Any:
    """A container or record with one part replaced, as a new BVar."""
    value = innermost(v)
    parts = dict(parts_of(value) or ())
    if isinstance(value, list) and isinstance(key, (int, np.integer)):
        key = range(len(value))[key]
    kept = {k: (getattr(v, k) if is_record(value) else v[k]) for k in parts if k != key}
    return collect(rebuilt(value, [(k, part if k == key else kept[k]) for k in {**parts, key: 0}]))
