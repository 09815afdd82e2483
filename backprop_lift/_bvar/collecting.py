"""Containers of BVars as BVars of containers, and nested lists of them as arrays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .. import _cotangent
from .._space import is_record, parts_of, rebuilt
from .._tape import Token
from . import BVar, Named, has_bvar, innermost, operand_on, record, youngest

__all__ = ["collect", "collect_array"]


def collect(container: Any) -> Any:
    """A container of BVars as a BVar of a container; without BVars, the container itself."""
    if container.__class__ is BVar or not has_bvar(container):
        return container
    parts = list(parts_of(container) or ())
    found = [collect(part) for _, part in parts]
    tape = youngest(found)
    value = rebuilt(
        container, [(k, operand_on(part, tape)) for (k, _), part in zip(parts, found, strict=True)]
    )
    on = [
        (key, part)
        for (key, _), part in zip(parts, found, strict=True)
        if part.__class__ is BVar and part._bvar_space.tape is tape
    ]
    by_name = is_record(container)

    def scaled_grad(dzdy: Any) -> list[Any]:
        return [getattr(dzdy, key) if by_name else dzdy[key] for key, _ in on]

    parents = tuple((part._bvar_at, part._bvar_space) for _, part in on)
    return record(tape, value, scaled_grad, parents, _COLLECT)


_COLLECT: Final = Named("collect_var", symbolic_zeros=True)


def collect_array(nested: Any, dtype: Any = None) -> Any:
    """Nested lists of BVars and numbers as one BVar of an array, ``np.array`` made differentiable."""
    if nested.__class__ is BVar:
        root = innermost(nested)
        if isinstance(root, (list, tuple)):
            return collect_array([nested[i] for i in range(len(root))], dtype)
        return nested if dtype is None or root.__class__ is float else nested.astype(dtype)
    if not has_bvar(nested):
        return np.array(nested, dtype)
    leaves: list[Any] = []
    shape = _leaves(nested, leaves)
    tape = youngest(leaves)
    plain = [operand_on(leaf, tape) for leaf in leaves]
    if any(leaf.__class__ is BVar for leaf in plain):
        value = collect_array(_nested(plain, shape), dtype)
    else:
        value = np.array([np.asarray(leaf) for leaf in plain]).reshape(shape)
        if dtype is not None:
            value = value.astype(dtype)
    count = len(leaves)
    on = [
        (i, leaf)
        for i, leaf in enumerate(leaves)
        if leaf.__class__ is BVar and leaf._bvar_space.tape is tape
    ]

    def scaled_grad(dzdy: Any) -> list[Any]:
        rows = dzdy.reshape((count, *np.shape(plain[0])))
        return [rows[i] for i, _ in on]

    parents = tuple((leaf._bvar_at, leaf._bvar_space) for _, leaf in on)
    return record(tape, value, scaled_grad, parents, _ARRAY)


_ARRAY: Final = Named("np.array")


def _leaves(nested: Any, leaves: list[Any]) -> tuple[int, ...]:
    """Gather the numbers and arrays of nested sequences; the shape of the array they make."""
    root = innermost(nested)
    if not isinstance(root, (list, tuple)):
        leaves.append(nested)
        return tuple(np.shape(root))
    shapes = {_leaves(nested[i], leaves) for i in range(len(root))}
    if len(shapes) > 1:
        raise ValueError(
            "setting an array element with a sequence. The requested array has an inhomogeneous "
            f"shape: parts of shapes {sorted(shapes)}."
        )
    return (len(root), *(shapes.pop() if shapes else ()))


def _nested(flat: list[Any], shape: tuple[int, ...]) -> list[Any]:
    inner = np.shape(innermost(flat[0]))
    outer = shape[: len(shape) - len(inner)]
    for n in reversed(outer[1:]):
        flat = [flat[i : i + n] for i in range(0, len(flat), n)]
    return flat


def _scatter(dense: Any, token: Token, later: list[tuple[Any, Any]]) -> Any:
    """The sum of items added to an array of zeros; differentiable in the items."""
    items = [part for _, part in later]
    if not any(part.__class__ is BVar for part in items):
        total = np.zeros(token.shape, token.dtype)
        for key, part in later:
            np.add.at(total, key, part)
        return total if dense is None else dense + total
    tape = youngest(items)
    total = _scatter(None, token, [(key, operand_on(part, tape)) for key, part in later])
    on = [
        (key, part)
        for key, part in later
        if part.__class__ is BVar and part._bvar_space.tape is tape
    ]
    parents = tuple((part._bvar_at, part._bvar_space) for _, part in on)

    def scaled_grad(dzdy: Any) -> list[Any]:
        if token.shape == ():  # of one number, perhaps a plain float
            return [dzdy * np.ones(np.shape(innermost(part))) for _, part in on]
        return [dzdy[key] for key, _ in on]

    scattered = record(tape, total, scaled_grad, parents, Named("item cotangents"))
    return scattered if dense is None else dense + scattered


_cotangent._scattered = _scatter
