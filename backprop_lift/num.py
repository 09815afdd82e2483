"""The runners, and `lift_op`, for values of which nothing but arithmetic is asked.

Any value with ``+``, ``-``, ``*`` and ``/`` will do: symbols, intervals, residues, exact numbers
of one's own. No space need be registered, and no attribute of the value counts as a part of it.
Lists, tuples, dicts and arrays are what they are elsewhere.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _run
from ._apply import applied, named_after
from ._bvar import BVar
from ._op import Op, only_op
from ._space import ZERO, Space, parts_of, rebuilt, register_space

__all__ = ["Num", "backprop", "backprop_with", "eval_bp", "grad_bp", "lift_op"]


class Num:
    """A number: a value of which only arithmetic and comparisons are asked.

    Functions that are run here receive BVars of these.

    Parameters
    ----------
    value : object

    Attributes
    ----------
    value : object
    """

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]  # as a BVar's: equality is that of the values

    def __init__(self, value: Any) -> None:
        self.value = value

    def __add__(self, other: Any) -> Any:
        return _calculated(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _calculated(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _calculated(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _calculated(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return _calculated(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _calculated(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _calculated(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _calculated(operator.truediv, other, self)

    def __pow__(self, other: Any) -> Any:
        return _calculated(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _calculated(operator.pow, other, self)

    def __neg__(self) -> Any:
        return Num(-self.value)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return Num(abs(self.value))

    def __eq__(self, other: object) -> Any:
        return _compared(operator.eq, self, other)

    def __ne__(self, other: object) -> Any:
        return _compared(operator.ne, self, other)

    def __lt__(self, other: Any) -> Any:
        return _compared(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return _compared(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compared(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compared(operator.ge, self, other)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Num({self.value!r})"


def _calculated(operation: Any, x: Any, y: Any) -> Any:
    if x.__class__ is BVar or y.__class__ is BVar:
        return NotImplemented
    return Num(operation(_off(x), _off(y)))


def _compared(operation: Any, x: Any, y: Any) -> Any:
    return NotImplemented if y.__class__ is BVar else operation(_off(x), _off(y))


def _off(other: Any) -> Any:
    return other.value if other.__class__ is Num else other


register_space(
    Num,
    Space(lambda x: Num(x.value * 0), operator.add, lambda x: Num(x.value * 0 + 1)),
)


def grad_bp(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The gradient of a function that only calculates.

    Parameters
    ----------
    f, *xs, **settings
        As for `backprop_lift.grad_bp`, with values that only need arithmetic.

    Examples
    --------
    >>> from backprop_lift import num
    >>> class Text(str):  # arithmetic on formulas
    ...     def __add__(self, other): return Text(f"({self} + {other})")
    ...     def __mul__(self, other): return Text(f"{self}*{other}") if other else Text("0")
    ...     def __rmul__(self, other): return Text(f"{other}*{self}")
    >>> num.grad_bp(lambda x, y: x * y, Text("x"), Text("y"))
    ('(0 + 1)*y', '(0 + 1)*x')
    """
    if not xs:
        return lambda *xs, **settings: grad_bp(f, *xs, **settings)
    return backprop(f, *xs, **settings)[1]


def backprop(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function that only calculates, and its gradient.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp`.
    """
    if not xs:
        return lambda *xs, **settings: backprop(f, *xs, **settings)
    y, gradient = _run.backprop(f, *map(_boxed, xs), **settings)
    return _unboxed(y), _unboxed(gradient)


def backprop_with(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function that only calculates, and its scaled gradient.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp`.
    """
    if not xs:
        return lambda *xs, **settings: backprop_with(f, *xs, **settings)
    y, scaled_grad = _run.backprop_with(f, *map(_boxed, xs), **settings)
    return _unboxed(y), lambda dzdy: _unboxed(scaled_grad(_boxed(dzdy)))


def eval_bp(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function: just the call."""
    return _run.eval_bp(f, *xs, **settings)


def lift_op(op: Op) -> Callable[..., Any]:
    """The function on BVars that an Op is; the Op itself sees the values as they are.

    Parameters
    ----------
    op : Op
    """

    only_op(op, "num.lift_op")

    def run(*xs: Any, **settings: Any) -> Any:
        y, pulled = op.pulled(tuple(map(_unboxed, xs)), settings)

        def scaled_grad(dzdy: Any) -> Any:
            dzdxs = tuple(dzdx if dzdx is ZERO else _boxed(dzdx) for dzdx in pulled(_unboxed(dzdy)))
            return dzdxs[0] if len(dzdxs) == 1 else dzdxs

        return _boxed(y), scaled_grad

    boxed = Op(run, name=op.name, complex=op.complex)
    boxed.where, boxed.refusal = op.where, op.refusal

    def lifted(*xs: Any, **settings: Any) -> Any:
        return _unboxed(applied(boxed, xs, settings))

    named_after(op, lifted)
    return lifted


def _boxed(value: Any) -> Any:
    if value.__class__ in (list, tuple, dict):
        return rebuilt(value, [(key, _boxed(part)) for key, part in parts_of(value) or ()])
    return value if value is None or isinstance(value, (Num, np.ndarray)) else Num(value)


def _unboxed(value: Any) -> Any:
    if value.__class__ in (list, tuple, dict):
        return rebuilt(value, [(key, _unboxed(part)) for key, part in parts_of(value) or ()])
    return _off(value)
