"""Arithmetic on BVars of any spaces, shapes and tapes.

The rules of the operators stand here and nowhere else; ``np.add`` and ``operator.add`` hand over to
them. The short ways, for values that stay in their space, are in `operators`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from .._registry import registry
from .._space import TRIVIAL, is_record, space_of
from .._sweep import power_slope
from .._tape import EDGES, NEG, OVER, PASS, SCALE, UNDER, Token
from ..errors import ConversionError
from . import (
    PLAIN_TYPES,
    BVar,
    Named,
    bvar_at,
    conj,
    finite,
    has_bvar,
    innermost,
    is_complex,
    kept_alive,
    site,
    value_of,
    without_numbers,
    youngest,
)
from .collecting import collect, collect_array
from .comparison import coincide, note_cut
from .special import by_its_class

__all__ = ["ARITHMETIC", "arithmetic", "binary", "by_class_of", "unary", "without_gradient"]


def _by_base(dzdy: Any, x: Any, n: Any) -> Any:
    return dzdy * conj(_power_by_base(x, n))


def _by_exponent(dzdy: Any, x: Any, result: Any) -> Any:
    base = np.where(np.equal(value_of(x), 0), 1.0, x)  # 0 ** n is flat in n
    if is_complex(result):
        base = base + 0j  # Python takes a negative number to a fractional power, too
    elif np.any(np.less(value_of(base), 0)):
        base = np.where(np.less(value_of(base), 0), np.nan, base)
    return dzdy * conj(result * np.log(base))


def _power_by_base(x: Any, n: Any) -> Any:
    if n.__class__ is BVar or x.__class__ is BVar:
        m = innermost(n)
        if not np.any(np.equal(m, 0) & np.equal(innermost(x), 0)):
            return n * x ** (n - 1)
        if np.ndim(m) == 0:
            return 0.0 * x if m == 0 else n * x ** (n - 1)
        return np.where(np.equal(m, 0), 0.0, n * x ** np.where(np.equal(m, 0), 1.0, n - 1))
    return power_slope(x, n)


_X, _Y, _RESULT = 0, 1, 2

# Of each operator: the scaled gradients of its operands, and what they ask for after dzdy.
_GRADS: Final[dict[Any, tuple[tuple[Callable[..., Any], tuple[int, ...]], ...]]] = {
    operator.add: ((lambda dzdy: dzdy, ()), (lambda dzdy: dzdy, ())),
    operator.sub: ((lambda dzdy: dzdy, ()), (lambda dzdy: -dzdy, ())),
    operator.mul: (
        (lambda dzdy, y: dzdy * conj(y), (_Y,)),
        (lambda dzdy, x: dzdy * conj(x), (_X,)),
    ),
    operator.truediv: (
        (lambda dzdy, y: dzdy / conj(y), (_Y,)),
        (lambda dzdy, y, result: -dzdy * conj(result / y), (_Y, _RESULT)),
    ),
    operator.pow: ((_by_base, (_X, _Y)), (_by_exponent, (_X, _RESULT))),
    operator.mod: (
        (lambda dzdy: dzdy, ()),
        (lambda dzdy, x, y: -dzdy * (value_of(x) // value_of(y)), (_X, _Y)),
    ),
    operator.neg: ((lambda dzdy: -dzdy, ()),),
    operator.pos: ((lambda dzdy: dzdy, ()),),
    operator.abs: ((lambda dzdy, x: _abs_grad(dzdy, x), (_X,)),),
}


def _abs_grad(dzdy: Any, x: Any) -> Any:
    if is_complex(x):
        size = abs(x)
        return dzdy * (x / (size + np.equal(value_of(size), 0)))
    return dzdy * np.sign(value_of(x))


_NAMES: Final = {op: Named(op.__name__) for op in _GRADS}


def binary(op: Any, x: Any, y: Any) -> Any:
    """``op(x, y)`` with at least one BVar, for any spaces, shapes and tapes."""
    on_x, on_y = x.__class__ is BVar, y.__class__ is BVar
    tape: Any = None
    if on_x and on_y:
        tape = x._bvar_space.kept
        if tape is not y._bvar_space.kept:
            tape = None
    elif (y if on_x else x).__class__ in PLAIN_TYPES:
        tape = (x if on_x else y)._bvar_space.kept
    if tape is None:
        own = by_class_of(_NAMES[op].name, x, y)
        if own is not NotImplemented:
            return own
        for other in (x, y):
            cls = other.__class__
            if cls is not BVar and cls not in PLAIN_TYPES:
                foreign = _foreign(op, x, y, other)
                if foreign is not None:
                    return foreign
        tape = youngest((x, y))
        on_x = on_x and x._bvar_space.tape is tape
        on_y = on_y and y._bvar_space.tape is tape
    a = x._bvar_value if on_x else x
    b = y._bvar_value if on_y else y
    try:
        value = op(a, b)
    except ArithmeticError:
        coincide(x, y)
        raise
    if op is operator.pow and np.any(np.equal(innermost(a), 0) & np.less(innermost(b), 1)):
        tape.careful = True  # an infinite slope
        coincide(x)
    if not finite(value):
        tape.careful = True
    token = tape.token(value)
    if token.shape is None:
        if isinstance(innermost(value), (list, tuple)):
            return _joined_sequences(x, y)
        if without_numbers(value):
            return value
    if token.kept is not None and on_x is not on_y:
        node = _scaled(op, x, y, a, b, value, token, on_x)
        if node is not None:
            at = len(tape)
            tape.append(node)
            return bvar_at(value, token, at)
    values = (a, b, value)
    edges = []
    for v, on, (scaled_grad, asks) in zip((x, y), (on_x, on_y), _GRADS[op], strict=True):
        if on:
            given = []
            for i in asks:
                mine = i == _RESULT or (on_x, on_y)[i]
                given.append(values[i] if mine else kept_alive(values[i]))
            edges.append((v._bvar_at, v._bvar_space, scaled_grad, given))
    at = len(tape)
    tape.append((EDGES, edges, _NAMES[op], site()))
    return bvar_at(value, token, at)


def _scaled(
    op: Any, x: Any, y: Any, a: Any, b: Any, value: Any, token: Token, on_x: bool
) -> tuple[Any, ...] | None:
    """The short node of ``variable op constant`` where the result stays in its space."""
    on, constant = (x, b) if on_x else (y, a)
    if on._bvar_space is not token or (token.cls is not np.ndarray and op is operator.pow):
        return None
    if op is operator.mul:
        return SCALE, on._bvar_at, kept_alive(constant)
    if op is operator.add or (op is operator.sub and on_x):
        return PASS, on._bvar_at
    if op is operator.sub:
        return NEG, on._bvar_at
    if op is operator.truediv:
        if on_x:
            return OVER, on._bvar_at, kept_alive(constant)
        return UNDER, on._bvar_at, b, value
    return None


def _foreign(op: Any, x: Any, y: Any, other: Any) -> Any:
    """What to do with an operand that is neither number nor array; None to go on."""
    if hasattr(other.__class__, "_contents"):
        return NotImplemented  # a buffer, which has the operation itself
    if isinstance(other, (list, tuple)):
        mine = y if other is x else x
        if isinstance(innermost(mine), (np.ndarray, np.generic)):
            stacked = registry[np.stack].twin if has_bvar(other) else np.asarray
            other = stacked(other)
            return op(other, y) if mine is y else op(x, other)
        return None
    if isinstance(other, np.ndarray) and not isinstance(other, np.memmap):
        raise ConversionError(
            f"A {type(other).__module__}.{type(other).__name__} met a BVar in {op.__name__}, "
            "whose meaning there may be its own.",
            "Use a plain array: np.asarray(...).",
        )
    if isinstance(other, (np.generic, np.ndarray, int)) or hasattr(other, "conjugate"):
        return None
    if is_record(other) and isinstance(innermost(y if other is x else x), (np.ndarray, *_NUMBERS)):
        return NotImplemented  # the operation is the other's
    if hasattr(other, "__array__") or hasattr(other, "to_numpy"):
        raise ConversionError(
            f"A {type(other).__module__}.{type(other).__name__} met a BVar in {op.__name__}.",
            "Use the array inside it: .to_numpy() or np.asarray(...).",
        )
    return NotImplemented if space_of(other.__class__) is TRIVIAL else None


_NUMBERS: Final = (float, int, complex, np.generic)


def _joined_sequences(x: Any, y: Any) -> Any:
    """``list + list`` with BVars of lists, or ``list * int``: the parts, collected again."""
    if isinstance(innermost(x), (list, tuple)) and isinstance(innermost(y), (list, tuple)):
        return collect(type(innermost(x))([*x, *y]))
    sequence, count = (x, y) if isinstance(innermost(x), (list, tuple)) else (y, x)
    return collect(type(innermost(sequence))([*sequence] * operator.index(count)))


def by_class_of(name: str, x: Any, y: Any) -> Any:
    """An operator of two operands as the class of one defines it, or `NotImplemented`."""
    for operand in (x, y):
        cls = operand.__class__
        of_number = operand._bvar_space.primal is None if cls is BVar else cls in PLAIN_TYPES
        if not of_number:
            return by_its_class(f"__{name}__", x, y, reflected=f"__r{name}__")
    return NotImplemented


def without_gradient(op: Any, x: Any, y: Any) -> Any:
    """An operator whose result does not vary, or is no number; but for what a class makes of it."""
    own = by_class_of(op.__name__.rstrip("_"), x, y)
    if own is not NotImplemented:
        return own
    if (
        op is operator.or_
        and isinstance(innermost(x), Mapping)
        and isinstance(innermost(y), Mapping)
    ):
        return {**x, **y}
    result = op(value_of(x), value_of(y))
    if op is operator.floordiv:
        note_cut(x, y)
    return result


def unary(op: Any, x: Any) -> Any:
    own = by_its_class(f"__{_NAMES[op].name}__", x)
    if own is not NotImplemented:
        return own
    tape = youngest((x,))
    value = op(x._bvar_value)
    if op is operator.abs and np.any(np.equal(innermost(x), 0)):
        coincide(x)
    token = tape.token(value)
    if token.shape is None and without_numbers(value):
        return value
    ((scaled_grad, asks),) = _GRADS[op]
    edges = [(x._bvar_at, x._bvar_space, scaled_grad, [x._bvar_value for _ in asks])]
    at = len(tape)
    tape.append((EDGES, edges, _NAMES[op], site()))
    return bvar_at(value, token, at)


ARITHMETIC: Final[dict[Any, Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.power: operator.pow,
    np.remainder: operator.mod,
    np.negative: operator.neg,
    np.positive: operator.pos,
    np.absolute: operator.abs,
}


def arithmetic(operation: Any, x: Any, y: Any = None) -> Any:
    """The result of an operator, by the rules of this module; plain where nothing is recorded."""
    if x.__class__ is np.ndarray and y.__class__ is BVar and y._bvar_space.kept is not None:
        return binary(operation, x, y)
    if isinstance(innermost(x), (list, tuple)):
        x = collect_array(x)
    if isinstance(innermost(y), (list, tuple)):
        y = collect_array(y)
    if y is None:
        return unary(operation, x) if x.__class__ is BVar else operation(x)
    if x.__class__ is BVar or y.__class__ is BVar:
        return binary(operation, x, y)
    return operation(x, y)
