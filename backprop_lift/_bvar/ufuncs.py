"""Calls of ufuncs with settings, and their methods, on BVars."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from .._registry import dotted_name, registry
from ..errors import ConversionError, NoGradientError
from . import BVar, innermost, twin_for, value_of
from .arithmetic import ARITHMETIC, arithmetic
from .ufunc_methods import accumulated, reduced, reduced_at
from .views import in_place

__all__ = ["ufunc_result"]

_REDUCTIONS: Final[dict[Any, tuple[Any, Any]]] = {
    np.add: (np.sum, np.cumsum),
    np.multiply: (np.prod, np.cumprod),
    np.maximum: (np.max, None),
    np.minimum: (np.min, None),
}


def ufunc_result(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc's call with settings, or one of its methods."""
    out = kwargs.pop("out", None)
    if out is not None:
        where = kwargs.get("where", True)
        return _into(out, ufunc_result(ufunc, method, inputs, kwargs), ufunc, where)
    if method == "__call__":
        operation = ARITHMETIC.get(ufunc)
        twin = partial(arithmetic, operation) if operation is not None else twin_for(ufunc)
        where, dtype = kwargs.pop("where", True), kwargs.pop("dtype", None)
        kwargs = {k: v for k, v in kwargs.items() if k not in ("casting", "order", "subok")}
        if where is not True:
            inputs = _masked(inputs, value_of(where))
        result = twin(*inputs, **kwargs)
        return result if dtype is None else result.astype(dtype)
    if method in ("reduce", "accumulate") and ufunc in _REDUCTIONS:
        function = _REDUCTIONS[ufunc][method == "accumulate"]
        if function is not None:
            settings = {"axis": 0, **_named(method, inputs), **kwargs}
            return twin_for(function)(inputs[0], **settings)
    if method == "outer":
        x, y = inputs
        shape = (*np.shape(innermost(x)), *(1,) * np.ndim(innermost(y)))
        return ufunc_result(ufunc, "__call__", (twin_for(np.reshape)(x, shape), y), kwargs)
    entry = registry.find(ufunc)
    if entry is not None and entry.kind == "locally constant":
        return getattr(ufunc, method)(*map(value_of, inputs), **kwargs)
    if method in _METHODS and ufunc.nin == 2 and ufunc.nout == 1:
        call = lambda x, y: ufunc_result(ufunc, "__call__", (x, y), {})
        result = _METHODS[method](ufunc, call, inputs[0], **_named(method, inputs), **kwargs)
        plain = {k: innermost(v) for k, v in kwargs.items()}
        original = getattr(ufunc, method)(*map(innermost, inputs), **plain)
        if np.allclose(innermost(result), original, rtol=1e-9, atol=1e-12, equal_nan=True):
            return result  # by some ufuncs NumPy reduces in an order of its own
    raise NoGradientError(
        f"{dotted_name(ufunc)}.{method} has no twin.",
        f"Write it with {dotted_name(ufunc)} itself and functions such as np.sum.",
    )


_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "reduce": reduced,
    "accumulate": accumulated,
    "reduceat": reduced_at,
}
_PARAMETERS: Final = {
    "reduce": ("axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("axis", "dtype", "out"),
    "reduceat": ("indices", "axis", "dtype", "out"),
}


def _named(method: str, inputs: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments of a ufunc's method after the array, by name; an ``out`` of None left away."""
    given = dict(zip(_PARAMETERS[method], inputs[1:], strict=False))
    return {k: v for k, v in given.items() if k != "out" or v is not None}


def _masked(inputs: tuple[Any, ...], where: Any) -> tuple[Any, ...]:
    """Inputs whose unwanted elements are replaced by a wanted one, so that none is infinite."""
    shape = np.broadcast_shapes(np.shape(where), *(np.shape(innermost(x)) for x in inputs))
    wanted = np.flatnonzero(np.broadcast_to(where, shape))
    if not len(wanted):
        return tuple(np.ones(shape) for x in inputs)
    safe = [np.broadcast_to(innermost(x), shape).reshape(-1)[wanted[0]] for x in inputs]
    return tuple(twin_for(np.where)(where, x, s) for x, s in zip(inputs, safe, strict=True))


def _into(out: Any, result: Any, ufunc: Any, where: Any) -> Any:
    target = out[0] if isinstance(out, tuple) else out
    if target.__class__ is not BVar:
        raise ConversionError(
            f"{dotted_name(ufunc)} was given a plain array as out= and a BVar to write into it.",
            "Write a = a + v instead of a += v, and leave out= away.",
        )
    if where is not True:
        result = twin_for(np.where)(value_of(where), result, target)
    return in_place(target, result)
