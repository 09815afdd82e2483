"""BVar: a value whose use is recorded on a tape.

A BVar is (value, token, position). It behaves as its value: operators, comparisons (which give
plain results), items, fields, methods, and NumPy's two protocols. The operators of arithmetic
have their rules here and nowhere else; ``np.add`` and ``operator.add`` hand over to them.
"""

from __future__ import annotations

import enum
import operator
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import isfinite
from types import MethodType
from typing import Any, Final, NoReturn

import numpy as np

from . import _cotangent
from ._cotangent import _may_repeat
from ._registry import dotted_name, registry
from ._space import (
    TRIVIAL,
    Space,
    is_record,
    one,
    parts_of,
    rebuilt,
    register_space,
    space_of,
    zero,
)
from ._special import by_its_class, own_method
from ._sweep import power_slope
from ._tape import (
    ADD,
    CALL,
    DIV,
    EDGES,
    ITEM,
    MUL,
    NEG,
    OVER,
    PASS,
    POWER,
    SCALE,
    SUB,
    UNDER,
    StaleTape,
    Tape,
    Token,
)
from .errors import ConversionError, LiftError, NoGradientError, TapeError

__all__ = ["BVar", "const_var", "has_bvar", "kept_alive", "record", "value_of", "youngest"]

_PACKAGE: Final = __file__.rpartition("_bvar")[0]


class BVar:
    """A value whose use is recorded.

    Made by the runners (`grad_bp` and the like) and by operations on other BVars, never by
    hand. It has no public names of its own, since every attribute belongs to the value: fields,
    methods and properties of the value's class. `value_of` reads the value.

    Notes
    -----
    ``v[i] = w`` and ``array_v += w`` are recorded: the BVar moves on to a new value, and the array
    that it was made from is not touched. A BVar is not hashable, since a cache keyed on values
    would return another tape's.
    """

    __slots__ = ("__weakref__", "_bvar_at", "_bvar_links", "_bvar_space", "_bvar_value")

    _bvar_at: int
    _bvar_links: list[Any]
    _bvar_space: Token
    _bvar_value: Any

    # Arithmetic. Each operator has a short path for values that stay in their space.

    def __add__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is BVar:
                if other._bvar_space is space:
                    r = BVar()
                    r._bvar_value = self._bvar_value + other._bvar_value
                    r._bvar_space = space
                    r._bvar_at = len(tape)
                    tape.append((ADD, self._bvar_at, other._bvar_at))
                    return r
            elif cls is float or cls is int:
                r = BVar()
                r._bvar_value = self._bvar_value + other
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((PASS, self._bvar_at))
                return r
        return _binary(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is float or cls is int:
                r = BVar()
                r._bvar_value = other + self._bvar_value
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((PASS, self._bvar_at))
                return r
        return _binary(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is BVar:
                if other._bvar_space is space:
                    r = BVar()
                    r._bvar_value = self._bvar_value - other._bvar_value
                    r._bvar_space = space
                    r._bvar_at = len(tape)
                    tape.append((SUB, self._bvar_at, other._bvar_at))
                    return r
            elif cls is float or cls is int:
                r = BVar()
                r._bvar_value = self._bvar_value - other
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((PASS, self._bvar_at))
                return r
        return _binary(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is float or cls is int:
                r = BVar()
                r._bvar_value = other - self._bvar_value
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((NEG, self._bvar_at))
                return r
        return _binary(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is BVar:
                if other._bvar_space is space:
                    r = BVar()
                    a = self._bvar_value
                    b = other._bvar_value
                    r._bvar_value = a * b
                    r._bvar_space = space
                    r._bvar_at = len(tape)
                    tape.append((MUL, self._bvar_at, other._bvar_at, a, b))
                    return r
            elif cls is float or cls is int:
                r = BVar()
                r._bvar_value = self._bvar_value * other
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((SCALE, self._bvar_at, other))
                return r
        return _binary(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is float or cls is int:
                r = BVar()
                r._bvar_value = other * self._bvar_value
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((SCALE, self._bvar_at, other))
                return r
        return _binary(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is BVar:
                if other._bvar_space is space:
                    r = BVar()
                    b = other._bvar_value
                    r._bvar_value = y = self._bvar_value / b
                    r._bvar_space = space
                    r._bvar_at = len(tape)
                    if not finite(y):
                        tape.careful = True
                    tape.append((DIV, self._bvar_at, other._bvar_at, b, y))
                    return r
            elif cls is float or cls is int:
                r = BVar()
                r._bvar_value = self._bvar_value / other
                r._bvar_space = space
                r._bvar_at = len(tape)
                tape.append((OVER, self._bvar_at, other))
                return r
        return _binary(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is float or cls is int:
                r = BVar()
                b = self._bvar_value
                r._bvar_value = y = other / b
                r._bvar_space = space
                r._bvar_at = len(tape)
                if not finite(y):
                    tape.careful = True
                tape.append((UNDER, self._bvar_at, b, y))
                return r
        return _binary(operator.truediv, other, self)

    def __neg__(self) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is None:
            return _unary(operator.neg, self)
        r = BVar()
        r._bvar_value = -self._bvar_value
        r._bvar_space = space
        r._bvar_at = len(tape)
        tape.append((NEG, self._bvar_at))
        return r

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None and modulo is None:
            cls = other.__class__
            if cls is int or (cls is float and space.cls is np.ndarray):
                r = BVar()
                a = self._bvar_value
                r._bvar_value = y = a**other
                r._bvar_space = space if y.__class__ is space.cls else tape.token(y)
                r._bvar_at = len(tape)
                if not finite(y) or (other < 1 and np.any(np.equal(_root(a), 0))):
                    tape.careful = True
                tape.append((POWER, self._bvar_at, a, other))
                return r
        if modulo is not None:
            raise TypeError("pow() with a modulus is not differentiable")
        return _binary(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _binary(operator.pow, other, self)

    def __matmul__(self, other: Any) -> Any:
        own = _by_its_class("matmul", self, other)
        return registry.twin(np.matmul)(self, other) if own is NotImplemented else own

    def __rmatmul__(self, other: Any) -> Any:
        own = _by_its_class("matmul", other, self)
        return registry.twin(np.matmul)(other, self) if own is NotImplemented else own

    def __mod__(self, other: Any) -> Any:
        return _binary(operator.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _binary(operator.mod, other, self)

    def __divmod__(self, other: Any) -> Any:
        own = _by_its_class("divmod", self, other)
        return (self // other, self % other) if own is NotImplemented else own

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pos__(self) -> Any:
        return _unary(operator.pos, self)

    def __abs__(self) -> Any:
        return _unary(operator.abs, self)

    # Locally constant: plain results.

    def __floordiv__(self, other: Any) -> Any:
        return _without_gradient(operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _without_gradient(operator.floordiv, other, self)

    def __eq__(self, other: Any) -> Any:
        return compare(operator.eq, self, other)

    def __ne__(self, other: Any) -> Any:
        return compare(operator.ne, self, other)

    def __lt__(self, other: Any) -> Any:
        return compare(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return compare(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return compare(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return compare(operator.ge, self, other)

    def __invert__(self) -> Any:
        own = by_its_class("__invert__", self)
        return ~self._bvar_value if own is NotImplemented else own

    def __and__(self, other: Any) -> Any:
        return _without_gradient(operator.and_, self, other)

    def __or__(self, other: Any) -> Any:
        return _without_gradient(operator.or_, self, other)

    def __xor__(self, other: Any) -> Any:
        return _without_gradient(operator.xor, self, other)

    def __lshift__(self, other: Any) -> Any:
        return _without_gradient(operator.lshift, self, other)

    def __rshift__(self, other: Any) -> Any:
        return _without_gradient(operator.rshift, self, other)

    def __rand__(self, other: Any) -> Any:
        return _without_gradient(operator.and_, other, self)

    def __ror__(self, other: Any) -> Any:
        return _without_gradient(operator.or_, other, self)

    def __rxor__(self, other: Any) -> Any:
        return _without_gradient(operator.xor, other, self)

    def __rlshift__(self, other: Any) -> Any:
        return _without_gradient(operator.lshift, other, self)

    def __rrshift__(self, other: Any) -> Any:
        return _without_gradient(operator.rshift, other, self)

    def __bool__(self) -> bool:
        truth = bool(self._bvar_value)
        if not truth:
            coincide(self)
        return truth

    def __len__(self) -> int:
        return len(self._bvar_value)

    def __contains__(self, item: Any) -> bool:
        return value_of(item) in self._bvar_value

    def __index__(self) -> int:
        return operator.index(self._bvar_value)

    def __round__(self, ndigits: int | None = None) -> Any:
        digits = () if ndigits is None else (ndigits,)
        own = by_its_class("__round__", self, *digits)
        if own is not NotImplemented:
            return own
        root = _root(self)
        value = round(self._bvar_value, *digits)
        root = _root(self)
        if not isinstance(root, float) or abs(root) <= _FINEST * 10.0 ** -(ndigits or 0):
            return value
        if ndigits is None:
            raise NoGradientError(
                "A number so large was rounded that neither 0 nor 1 is known to be the slope.",
                "Leave the rounding away, or round value_of(v).",
                value=root,
            )
        tape = self._bvar_space.tape  # rounded for display: the slope is that of the number
        tape.append((PASS, self._bvar_at))
        return _bvar(value, self._bvar_space, len(tape) - 1)

    def __trunc__(self) -> Any:
        return self._bvar_value.__trunc__()

    def __floor__(self) -> Any:
        return self._bvar_value.__floor__()

    def __ceil__(self) -> Any:
        return self._bvar_value.__ceil__()

    def __repr__(self) -> str:
        return f"BVar({self._bvar_value!r})"

    def __str__(self) -> str:
        return repr(self) if _printed.texts is None else printed(str(_root(self)))

    def __format__(self, spec: str) -> str:
        return printed(format(self._bvar_value, spec))

    def __dir__(self) -> list[str]:
        return dir(self._bvar_value)

    # In place: an array moves on, any other value is replaced.

    def __iadd__(self, other: Any) -> Any:
        return _in_place(self, self + other)

    def __isub__(self, other: Any) -> Any:
        return _in_place(self, self - other)

    def __imul__(self, other: Any) -> Any:
        return _in_place(self, self * other)

    def __itruediv__(self, other: Any) -> Any:
        return _in_place(self, self / other)

    def __ipow__(self, other: Any) -> Any:  # type: ignore[misc]  # other than __pow__, no modulo
        return _in_place(self, self**other)

    def __imod__(self, other: Any) -> Any:
        return _in_place(self, self % other)

    def __imatmul__(self, other: Any) -> Any:
        return _in_place(self, self @ other)

    # Items and attributes

    def __getitem__(self, key: Any) -> Any:
        return _item(self, key)

    def __setitem__(self, key: Any, part: Any) -> None:
        _move_on(self, _with_item(self, key, part))

    def __delitem__(self, key: Any) -> NoReturn:
        raise ConversionError(
            f"An item of a {type(self._bvar_value).__name__} on a tape cannot be deleted.",
            "Build a new value without it.",
            at=key,
        )

    def __iter__(self) -> Iterator[Any]:
        value = self._bvar_value
        if value.__class__ is list or value.__class__ is tuple:
            return iter(_all_parts(self, value))
        own: Any = by_its_class("__iter__", self)
        if own is not NotImplemented:
            return own  # type: ignore[no-any-return]  # an iterator, by the protocol
        root = _root(value)
        iterator: Iterator[Any] = iter(root)  # raises for a number
        if isinstance(root, Mapping):
            return iterator
        return (_item(self, i) for i in range(len(root)))

    def __reversed__(self) -> Iterator[Any]:
        return (_item(self, i) for i in reversed(range(len(self._bvar_value))))

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name)

    # Refusals: each would drop the tape.

    def __float__(self) -> float:
        raise _conversion(self, "float(v)", "Work on v itself")

    def __int__(self) -> int:
        raise _conversion(self, "int(v)", "Write value_of(v) where a constant is meant")

    def __complex__(self) -> complex:
        raise _conversion(self, "complex(v)", "Write v + 0j")

    def __hash__(self) -> int:
        raise _conversion(self, "hash(v)", "Key a table by value_of(v)")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise _conversion(self, "np.asarray(v)", "A BVar of an array needs no conversion")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise _conversion(self, "Pickling or copying v deeply", "Copy value_of(v)")

    def __copy__(self) -> BVar:
        return _bvar(self._bvar_value, self._bvar_space, self._bvar_at)

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            operation = ARITHMETIC.get(ufunc)
            if operation is not None:
                # a NumPy number on the left would hand over to us again
                return arithmetic(operation, *inputs)
            if ufunc in COMPARISONS:
                return compare(COMPARISONS[ufunc], *inputs)
            twin = registry.twin(ufunc)
            if twin is not None:
                return twin(*inputs)
        return _ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        twin = registry.twin(func)
        if twin is None:
            raise unlifted(func)
        if func in _VIEWING and args and args[0].__class__ is BVar:
            return _viewed(func, twin, args, kwargs)
        return twin(*args, **kwargs)


# So many times the step of a rounding, a number is taken to be meant as it is.
_FINEST: Final = 1e8


# Making.


def _bvar(value: Any, space: Token, at: int) -> BVar:
    r = BVar()
    r._bvar_value = value
    r._bvar_space = space
    r._bvar_at = at
    return r


def input_var(tape: Tape, value: Any) -> Any:
    """A BVar of a new input; a value without numbers stays plain, and so does its gradient."""
    token = tape.token(value)
    if not finite(value):
        tape.careful = True
    tape.append((None, token))
    if token.shape is None and space_of(value.__class__) is TRIVIAL:
        return value
    return _bvar(value, token, len(tape) - 1)


def record(
    tape: Tape,
    value: Any,
    scaled_grad: Callable[[Any], Any],
    parents: tuple[tuple[int, Token], ...],
    rule: Any,
) -> Any:
    """A BVar of a result, with one general node; a result without numbers stays plain.

    Parameters
    ----------
    tape : Tape
    value : object
        The result.
    scaled_grad : callable
        ``dzdy -> cotangents``, one for each parent.
    parents : tuple of (int, Token)
    rule : object
        Has a `name`, and `where` it is defined.
    """
    token = tape.token(value)
    if token.shape is None and without_numbers(value):
        return value
    r = BVar()
    r._bvar_value = value
    r._bvar_space = token
    r._bvar_at = len(tape)
    tape.append((CALL, scaled_grad, parents, rule, site()))
    return r


def without_numbers(value: Any) -> bool:
    cls = value.__class__
    if cls is BVar or cls is float:
        return False
    if cls is np.ndarray:
        return value.dtype.kind not in "fciuO"
    parts = parts_of(value)
    if parts is None:
        return space_of(cls) is TRIVIAL or (
            isinstance(value, np.ndarray) and value.dtype.kind not in "fciuO"
        )
    return all(without_numbers(part) for _, part in parts)


def site(depth: int = 2) -> Any:
    """Where the call was made: the nearest frame outside this package, at least `depth` away."""
    frame: Any = sys._getframe(depth)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lasti)


def finite(value: Any) -> bool:
    """Are all numbers of a value finite? May say no of very large ones; containers count as so."""
    cls = value.__class__
    if cls is float or cls is np.float64:
        return isfinite(value)
    if cls is np.ndarray and value.dtype.kind == "f":
        flat = value if value.ndim == 1 else value.ravel()
        return isfinite(flat.dot(flat))
    return cls is not BVar or finite(value._bvar_value)


class _Printed(threading.local):
    texts: set[str] | None = None


_printed: Final = _Printed()


class _Text(str):
    """What a BVar was printed into: no key, since a cache would return another tape's value."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise ConversionError(
            "A table was asked for the text that a BVar was printed into.",
            "Key a table by a text of value_of(v).",
        )


def printed(text: str) -> str:
    """A text of a BVar; noted while somebody wants to know."""
    if _printed.texts is None:
        return text
    _printed.texts.add(text)
    return _Text(text)


@contextmanager
def printing() -> Iterator[set[str]]:
    """The texts that BVars are printed into in this thread from here on."""
    outer, _printed.texts = _printed.texts, set()
    try:
        yield _printed.texts
    finally:
        _printed.texts = outer


class Named:
    """The name of an operation that has no rule object of its own."""

    __slots__ = ("name", "slope", "symbolic_zeros", "where")

    def __init__(self, name: str, slope: Any = None, *, symbolic_zeros: bool = False) -> None:
        self.name = name
        self.symbolic_zeros = symbolic_zeros
        self.where = ""
        self.slope = slope


def youngest(values: Any) -> Tape:
    """The tape made last among those of the BVars in `values`."""
    tape: Any = None
    for value in values:
        if value.__class__ is BVar:
            other = value._bvar_space.tape
            if tape is None or (other is not tape and other.serial > tape.serial):
                tape = other
    if tape.__class__ is not Tape:
        tape.append(())  # refuses
    return tape  # type: ignore[no-any-return]


def value_of(v: Any) -> Any:
    """The value of a BVar, without its tape; any other value as it is.

    In nested differentiation one level is taken off: the value of an inner BVar may be a BVar of
    the outer run. BVars inside lists, tuples, dicts and records are replaced by their values.

    Parameters
    ----------
    v : object

    Returns
    -------
    object
        Arrays are read-only views: the tape relies on their contents.

    Examples
    --------
    >>> from backprop_lift import grad_bp, value_of
    >>> grad_bp(lambda x: x * value_of(x), 3.0)
    3.0
    """
    if v.__class__ is BVar:
        value = v._bvar_value
        if value.__class__ is np.ndarray:
            value = value.view()
            value.flags.writeable = False
        return value
    return _stripped(v) if has_bvar(v) else v


def rooted(value: Any) -> Any:
    """A value without BVars of any tape."""
    while has_bvar(value):
        value = value_of(value)
    return value


def _stripped(v: Any) -> Any:
    if v.__class__ is BVar:
        return v._bvar_value
    parts = parts_of(v)
    if parts is None or not has_bvar(v):
        return v
    return rebuilt(v, [(key, _stripped(part)) for key, part in parts])


def const_var(x: Any) -> Any:
    """`x` with its recording dropped: a constant from here on.

    The same as `value_of`, under the name that says why it is called.
    """
    return value_of(x)


_PLAIN: Final = {
    float,
    int,
    complex,
    bool,
    str,
    bytes,
    type(None),
    np.ndarray,
    np.float64,
    np.bool_,
    slice,
    type,
}


def bare(value: Any) -> Any:
    """A buffer's contents, also in a list or tuple; any other value as it is."""
    cls = value.__class__
    if cls is list or cls is tuple:
        return cls(map(bare, value))
    return value._contents() if hasattr(cls, "_contents") else value


def has_bvar(value: Any) -> bool:
    """Is there a BVar in a value, or anywhere among its parts?"""
    cls = value.__class__
    if cls is BVar:
        return True
    return cls not in _PLAIN and _holds_bvar(value, set())


def _holds_bvar(value: Any, seen: set[int]) -> bool:
    parts = parts_of(value)
    if parts is None or id(value) in seen:  # objects may refer to each other in circles
        return False
    seen.add(id(value))
    for _, part in parts:
        cls = part.__class__
        if cls is BVar or (cls not in _PLAIN and _holds_bvar(part, seen)):
            return True
    return False


def is_plain(value: Any) -> bool:
    """Is a value a number, a string, an array, or a container of these?

    A function or an object is not: it may hold a BVar.
    """
    cls = value.__class__
    if cls in _PLAIN or isinstance(value, (np.generic, enum.Enum)):
        return True
    if cls is list or cls is tuple or cls is set or cls is frozenset:
        return all(map(is_plain, value))
    return cls is dict and all(map(is_plain, value.values()))


def kept_alive(value: Any) -> Any:
    """A caller's array as a node may hold it: what is written into it later does not count."""
    return value.copy() if value.__class__ is np.ndarray else value


# Arithmetic in general.


def is_complex(x: Any) -> bool:
    """Is a value, or the value of a BVar, a complex number or an array of them?"""
    while x.__class__ is BVar:
        x = x._bvar_value
    cls = x.__class__
    return cls is not float and (
        x.dtype.kind == "c" if cls is np.ndarray else isinstance(x, (complex, np.complexfloating))
    )


def conj(x: Any) -> Any:
    """The complex conjugate; a real value itself, without a node."""
    cls = x.__class__
    if cls is float or cls is np.float64 or (cls is np.ndarray and x.dtype.kind == "f"):
        return x
    return x.conjugate() if is_complex(x) else x


def _by_base(dzdy: Any, x: Any, n: Any) -> Any:
    return dzdy * conj(_power_by_base(x, n))


def _by_exponent(dzdy: Any, x: Any, result: Any) -> Any:
    base = np.where(np.equal(value_of(x), 0), 1.0, x)  # 0 ** n is flat in n
    if np.any(np.less(value_of(base), 0)) and not is_complex(result):
        base = np.where(np.less(value_of(base), 0), np.nan, base)
    return dzdy * conj(result * np.log(base))


def _power_by_base(x: Any, n: Any) -> Any:
    if n.__class__ is BVar or x.__class__ is BVar:
        m = _root(n)
        if not np.any(np.equal(m, 0) & np.equal(_root(x), 0)):
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


def _operand(x: Any, tape: Tape) -> Any:
    return x._bvar_value if x.__class__ is BVar and x._bvar_space.tape is tape else x


def _binary(op: Any, x: Any, y: Any) -> Any:
    """``op(x, y)`` with at least one BVar, for any spaces, shapes and tapes."""
    on_x, on_y = x.__class__ is BVar, y.__class__ is BVar
    tape: Any = None
    if on_x and on_y:
        tape = x._bvar_space.kept
        if tape is not y._bvar_space.kept:
            tape = None
    elif (y if on_x else x).__class__ in _PLAIN:
        tape = (x if on_x else y)._bvar_space.kept
    if tape is None:
        own = _by_its_class(_NAMES[op].name, x, y)
        if own is not NotImplemented:
            return own
        for other in (x, y):
            cls = other.__class__
            if cls is not BVar and cls not in _PLAIN:
                foreign = _foreign(op, x, y, other)
                if foreign is not None:
                    return foreign
        tape = youngest((x, y))
        on_x = on_x and x._bvar_space.tape is tape
        on_y = on_y and y._bvar_space.tape is tape
    a = x._bvar_value if on_x else x
    b = y._bvar_value if on_y else y
    value = op(a, b)
    if op is operator.pow and np.any(np.equal(_root(a), 0) & np.less(_root(b), 1)):
        tape.careful = True  # an infinite slope
        coincide(x)
    if not finite(value):
        tape.careful = True
    token = tape.token(value)
    if token.shape is None:
        if isinstance(_root(value), (list, tuple)):
            return _joined_sequences(x, y)
        if without_numbers(value):
            return value
    if token.kept is not None and on_x is not on_y:
        node = _scaled(op, x, y, a, b, value, token, on_x)
        if node is not None:
            at = len(tape)
            tape.append(node)
            return _bvar(value, token, at)
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
    return _bvar(value, token, at)


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
        if isinstance(_root(mine), (np.ndarray, np.generic)):
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
    if is_record(other) and isinstance(_root(y if other is x else x), (np.ndarray, *_NUMBERS)):
        return NotImplemented  # the operation is the other's
    if hasattr(other, "__array__") or hasattr(other, "to_numpy"):
        raise ConversionError(
            f"A {type(other).__module__}.{type(other).__name__} met a BVar in {op.__name__}.",
            "Use the array inside it: .to_numpy() or np.asarray(...).",
        )
    return NotImplemented if space_of(other.__class__) is TRIVIAL else None


_NUMBERS: Final = (float, int, complex, np.generic)


def _root(v: Any) -> Any:
    while v.__class__ is BVar:
        v = v._bvar_value
    return v


def _joined_sequences(x: Any, y: Any) -> Any:
    """``list + list`` with BVars of lists, or ``list * int``: the parts, collected again."""
    if isinstance(_root(x), (list, tuple)) and isinstance(_root(y), (list, tuple)):
        return collect(type(_root(x))([*x, *y]))
    sequence, count = (x, y) if isinstance(_root(x), (list, tuple)) else (y, x)
    return collect(type(_root(sequence))([*sequence] * operator.index(count)))


def _by_its_class(name: str, x: Any, y: Any) -> Any:
    """An operator of two operands as the class of one defines it, or `NotImplemented`."""
    for operand in (x, y):
        of_number = (
            operand._bvar_space.primal is None
            if operand.__class__ is BVar
            else operand.__class__ in _PLAIN
        )
        if not of_number:
            return by_its_class(f"__{name}__", x, y, reflected=f"__r{name}__")
    return NotImplemented


def _without_gradient(op: Any, x: Any, y: Any) -> Any:
    """An operator whose result does not vary, or is no number; but for what a class makes of it."""
    own = _by_its_class(op.__name__.rstrip("_"), x, y)
    if own is not NotImplemented:
        return own
    if op is operator.or_ and isinstance(_root(x), Mapping) and isinstance(_root(y), Mapping):
        return {**x, **y}
    return op(value_of(x), value_of(y))


def _unary(op: Any, x: BVar) -> Any:
    own = by_its_class(f"__{_NAMES[op].name}__", x)
    if own is not NotImplemented:
        return own
    tape = youngest((x,))
    value = op(x._bvar_value)
    if op is operator.abs and np.any(np.equal(_root(x), 0)):
        coincide(x)
    token = tape.token(value)
    if token.shape is None and without_numbers(value):
        return value
    ((scaled_grad, asks),) = _GRADS[op]
    edges = [(x._bvar_at, x._bvar_space, scaled_grad, [x._bvar_value for _ in asks])]
    at = len(tape)
    tape.append((EDGES, edges, _NAMES[op], site()))
    return _bvar(value, token, at)


# Comparisons: plain results.

COMPARISONS: Final[dict[Any, Any]] = {
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}


def compare(operation: Any, x: Any, y: Any) -> Any:
    """The plain result of a comparison; values that nearly coincide are noted on the tape."""
    y = bare(y)
    a, b = _root(x), _root(y)
    if nearly_equal(a, b):
        coincide(x, y)
    return operation(a, b)


def nearly_equal(a: Any, b: Any) -> bool:
    """Is some pair of numbers so close that a branch on it may hold at this very point only?

    Equal to eight digits; or one of them vanishes and the other is a small threshold.
    """
    if a.__class__ is float and (b.__class__ is float or b.__class__ is int):
        distance = abs(a - b)
        return distance <= 1e-3 and (
            distance <= 1e-8 * abs(a) or abs(a) <= 1e-12 or abs(b) <= 1e-12
        )
    try:
        p, q = np.asarray(a), np.asarray(b)
        if p.dtype.kind not in "fc" and q.dtype.kind not in "fc":
            return False
        with np.errstate(all="ignore"):
            distance = np.abs(p - q)
            smaller = np.minimum(np.abs(p), np.abs(q))
            near = (distance <= 1e-8 * np.abs(p)) | ((distance <= 1e-3) & (smaller <= 1e-12))
        return bool(near.any())
    except (TypeError, ValueError):
        return False


def coincide(*values: Any) -> None:
    """Note that a value met another, on the tapes of all levels."""
    for value in values:
        while value.__class__ is BVar:
            value._bvar_space.tape.coincident = True
            value = value._bvar_value


# Items and fields.


def _plain_key(key: Any) -> Any:
    """An index without BVars: integers and masks only, which nothing flows through."""
    if key.__class__ is tuple:
        return tuple(map(_plain_key, key))
    if key.__class__ is slice:
        if any(part.__class__ is BVar for part in (key.start, key.stop, key.step)):
            return slice(*map(_plain_key, (key.start, key.stop, key.step)))
        return key
    while key.__class__ is BVar:
        key = key._bvar_value
    return key


def _is_basic(key: Any) -> bool:
    keys = key if key.__class__ is tuple else (key,)
    return all(k is None or k is Ellipsis or k.__class__ is slice for k in keys) or all(
        k is None or k is Ellipsis or k.__class__ is slice or isinstance(k, (int, np.integer))
        for k in keys
    )


def _item(v: BVar, key: Any) -> Any:
    primal = v._bvar_space.primal
    if primal is not None and primal.__class__ not in _BUILT_IN:
        own = own_method(v, "__getitem__")
        if own is not None:
            return own(v, key)
    if key.__class__ is not int:
        key = _plain_key(key)
    value = v._bvar_value
    part = value[key]
    root = _root(value)
    if root.__class__ is np.ndarray:
        if key.__class__ is not int:
            key = _frozen_key(key)
    elif isinstance(root, (list, tuple)) and not isinstance(key, slice):
        key = operator.index(key)
        if key < 0:
            key += len(root)
    return _read(v, part, key, root)


_BUILT_IN: Final = frozenset({list, tuple, dict})


def _frozen_key(key: Any) -> Any:
    cls = key.__class__
    if cls is tuple:
        if any(k.__class__ is np.ndarray or k.__class__ is list for k in key):
            return tuple(map(_frozen_key, key))
    elif cls is list or cls is np.ndarray:
        return np.array(key)
    return key


def _read(v: BVar, part: Any, key: Any, root: Any) -> Any:
    """A BVar of a part of the value, with an ITEM node; a part without numbers stays plain."""
    cls = part.__class__
    is_array = cls is np.ndarray
    if is_array:
        if part.dtype.kind not in "fciuO":
            return part
    elif cls is not float and cls is not BVar and cls is not np.float64 and without_numbers(part):
        return part
    space = v._bvar_space
    tape = space.tape
    r = BVar()
    r._bvar_value = part
    r._bvar_space = tape.token(part)
    r._bvar_at = len(tape)
    tape.append((ITEM, v._bvar_at, key, space))
    if root.__class__ is np.ndarray and (is_array or cls is BVar) and _is_view(part, key):
        _link(v, r, lambda array: array[key])
    return r


def _all_parts(v: BVar, value: Any) -> list[Any]:
    """The parts of a BVar of a list or tuple, each as `_read` gives it."""
    space, at = v._bvar_space, v._bvar_at
    tape = space.tape
    parts = []
    for i, part in enumerate(value):
        cls = part.__class__
        if cls is float or (cls is np.ndarray and part.dtype.kind == "f"):
            r = BVar()
            r._bvar_value = part
            r._bvar_space = tape.token(part)
            r._bvar_at = len(tape)
            tape.append((ITEM, at, i, space))
            parts.append(r)
        else:
            parts.append(_read(v, part, i, value))
    return parts


def _is_view(part: Any, key: Any) -> bool:
    if key.__class__ is int:
        return isinstance(_root(part), np.ndarray)
    return _is_basic(key) and isinstance(_root(part), np.ndarray)


def _link(base: BVar, view: BVar, read: Callable[[Any], Any] | None) -> None:
    """Remember that `view` is read from `base`: what is assigned to one is seen by the other.

    Without a way to read it, both are refused once one has been assigned to.
    """
    try:
        links = base._bvar_links
    except AttributeError:
        links = base._bvar_links = [None, None]
    if len(links) > 64:
        links[2:] = [ref for ref in links[2:] if ref() is not None]
    links.append(weakref.ref(view))
    view._bvar_links = [base, read]


def link_if_view(result: Any, arguments: list[BVar]) -> Any:
    """Refuse a result that shares an argument's memory once either has been assigned to."""
    value = _root(result)
    if result.__class__ is BVar and value.__class__ is np.ndarray:
        for v in arguments:
            root = _root(v)
            if root.__class__ is np.ndarray and np.may_share_memory(root, value):
                _link(v, result, None)
                break
    return result


def is_linked(view: BVar) -> bool:
    """Is `view` known to share the memory of another BVar?"""
    try:
        return view._bvar_links[0] is not None
    except AttributeError:
        return False


# Functions whose result may share the memory of their argument.
_VIEWING: Final = frozenset(
    {np.reshape, np.ravel, np.transpose, np.swapaxes, np.squeeze, np.moveaxis, np.rollaxis,
     np.expand_dims, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.flip, np.fliplr, np.flipud,
     np.rot90, np.diagonal}
)  # fmt: skip


def _viewed(read: Any, twin: Any, args: Any, kwargs: Any) -> Any:
    """Call a twin whose result may be a view of its first argument, and link it if it is."""
    base, *rest = args
    view = twin(base, *rest, **kwargs)
    value = _root(base)
    if (
        view.__class__ is BVar
        and view is not base
        and value.__class__ is np.ndarray
        and np.may_share_memory(value, _root(view))
    ):
        same = _root(view).dtype == value.dtype  # not the real part of a complex array
        _link(base, view, (lambda array: read(array, *rest, **kwargs)) if same else None)
    return view


def _with_item(v: BVar, key: Any, part: Any) -> Any:
    """`v` with its item replaced, as a new BVar."""
    key = _frozen_key(_plain_key(key))
    root = _root(v)
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
    if isinstance(_root(part), (list, tuple)):
        part = collect_array(part)
    tape = youngest((x, part))
    a, b = _operand(x, tape), _operand(part, tape)
    if is_complex(b) and not is_complex(a):
        raise TypeError("a complex value cannot be assigned to an item of a real array")
    value = set_item(a, key, b)
    token = part._bvar_space if b is not part else None
    written = _last_writers(np.shape(_root(a)), key) if _may_repeat(key) else None

    def scaled_grad(dzdy: Any) -> tuple[Any, ...]:
        found = []
        if a is not x:
            found.append(set_item(dzdy, key, 0.0))
        if token is not None:
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
    value = _root(v)
    parts = dict(parts_of(value) or ())
    if isinstance(value, list) and isinstance(key, (int, np.integer)):
        key = range(len(value))[key]
    kept = {k: (getattr(v, k) if is_record(value) else v[k]) for k in parts if k != key}
    return collect(rebuilt(value, [(k, part if k == key else kept[k]) for k in {**parts, key: 0}]))


def _move_on(v: BVar, to: Any) -> None:
    """Let a BVar stand for a new value.

    Slices taken before are refused from now on, but for those that lie apart from what changed.
    """
    try:
        links = v._bvar_links
    except AttributeError:
        links = None
    if links is not None and links[0] is not None and links[1] is None:
        raise TapeError(
            "A BVar that shares the memory of another one was assigned to.",
            "Assign to the array that it was made from, or copy it before: v.copy().",
        )
    if links is not None and len(links) > 2:
        for ref in links[2:]:
            view = ref()
            if view is not None and view._bvar_links[0] is v:
                _make_stale(view)
        del links[2:]
    if to.__class__ is BVar:
        v._bvar_value, v._bvar_space, v._bvar_at = to._bvar_value, to._bvar_space, to._bvar_at
    if links is not None and links[0] is not None:
        base, read = links[:2]
        places = _places(base, read)
        others = [ref for ref in base._bvar_links[2:] if ref() is not None and ref() is not v]
        apart = [ref for ref in others if _lies_apart(ref(), base, places)]
        kept = set(map(id, apart))
        base._bvar_links[2:] = [ref for ref in others if id(ref) not in kept]
        _move_on(base, _written_through(base, places, v))
        base._bvar_links += [*apart, weakref.ref(v)]


def _places(base: BVar, read: Callable[[Any], Any]) -> Any:
    """Which items of `base` a view of it reads, by their places in a row."""
    shape = _root(base).shape
    return read(np.arange(_root(base).size).reshape(shape))


def _lies_apart(view: BVar | None, base: BVar, places: Any) -> bool:
    """Does a view read none of these items?"""
    if view is None or view._bvar_links[1] is None:
        return False
    return not np.isin(_places(base, view._bvar_links[1]), places).any()


def _written_through(base: BVar, places: Any, view: BVar) -> Any:
    """`base` with the items at some places replaced by those of a view."""
    flat = set_item(_twin(np.reshape)(base, -1), places.ravel(), _twin(np.reshape)(view, -1))
    return _twin(np.reshape)(flat, _root(base).shape)


def _make_stale(view: BVar) -> None:
    try:
        further = view._bvar_links[2:]
    except AttributeError:
        further = []
    for ref in further:
        if ref() is not None:
            _make_stale(ref())
    tape = StaleTape()
    view._bvar_space = Token(tape, view._bvar_value, tape)


def _in_place(v: BVar, result: Any) -> Any:
    root = _root(v)
    if root.__class__ is not np.ndarray:
        return result
    shape = np.shape(_root(result))
    if shape != root.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {root.shape} "
            f"doesn't match the broadcast shape {shape}"
        )
    if _root(result).dtype != root.dtype:
        result = result.astype(root.dtype)
    _move_on(v, result)
    return v


# Collecting.


def collect(container: Any) -> Any:
    """A container of BVars as a BVar of a container; without BVars, the container itself."""
    if container.__class__ is BVar or not has_bvar(container):
        return container
    parts = list(parts_of(container) or ())
    found = [collect(part) for _, part in parts]
    tape = youngest(found)
    value = rebuilt(
        container, [(k, _operand(part, tape)) for (k, _), part in zip(parts, found, strict=True)]
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
        root = _root(nested)
        if isinstance(root, (list, tuple)):
            return collect_array([nested[i] for i in range(len(root))], dtype)
        return nested if dtype is None or root.__class__ is float else nested.astype(dtype)
    if not has_bvar(nested):
        return np.array(nested, dtype)
    leaves: list[Any] = []
    shape = _leaves(nested, leaves)
    tape = youngest(leaves)
    plain = [_operand(leaf, tape) for leaf in leaves]
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
    root = _root(nested)
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
    inner = np.shape(_root(flat[0]))
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
    total = _scatter(None, token, [(key, _operand(part, tape)) for key, part in later])
    on = [
        (key, part)
        for key, part in later
        if part.__class__ is BVar and part._bvar_space.tape is tape
    ]
    parents = tuple((part._bvar_at, part._bvar_space) for _, part in on)
    scattered = record(
        tape, total, lambda dzdy: [dzdy[key] for key, _ in on], parents, Named("item cotangents")
    )
    return scattered if dense is None else dense + scattered


_cotangent._scattered = _scatter

register_space(
    BVar,
    Space(
        lambda v: zero(v._bvar_value),
        lambda v, w: v + w,
        lambda v: one(v._bvar_value),
    ),
)


# Attributes and methods.


def _attribute(v: BVar, name: str) -> Any:
    if name.startswith("_bvar_") or (name.startswith("__") and name.endswith("__")):
        raise AttributeError(name)
    root = _root(v)
    cls = type(root)
    if name in _OUTWARD and not is_record(root):
        if not hasattr(root, name) and _asked_by_composite():
            raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")
        return getattr(root if hasattr(root, name) else np.asarray(root), name)
    if cls is float or cls is int:
        own = getattr(float, name, None)
        cls = float if own is not None and registry.find(own) is not None else np.float64
    if isinstance(root, tuple) and hasattr(cls, "_fields") and name in cls._fields:
        return _item(v, cls._fields.index(name))
    of_class = _of_class(cls, name)
    entry = None if of_class is None else registry.find(_function_of(of_class))
    if entry is not None:
        if hasattr(of_class, "__set__") or isinstance(of_class, property):
            if name in _VIEWS:
                return _viewed(operator.attrgetter(name), entry.twin, (v,), {})
            return entry.twin(v)
        if name in _VIEWS and cls is np.ndarray:
            return lambda *args, **kwargs: _viewed(of_class, entry.twin, (v, *args), kwargs)
        if isinstance(of_class, staticmethod):
            return entry.twin
        return MethodType(entry.twin, cls if isinstance(of_class, classmethod) else v)
    if is_record(root) and not isinstance(of_class, property):
        getattr(root, name)  # raises the AttributeError of the value's own class
        # a field: without a class attribute, with slots, or with a default in the class
        if not hasattr(of_class, "__get__") or type(of_class).__name__ in (
            "member_descriptor",
            "_tuplegetter",
        ):
            return _read(v, getattr(v._bvar_value, name), name, root)
    if of_class is None:
        getattr(root, name)  # raises the AttributeError of the value's own class
        return _read(v, getattr(v._bvar_value, name), name, root)
    if cls.__flags__ & (1 << 9):  # a class made by a class statement: run its own body on v
        if isinstance(of_class, property) and of_class.fget is not None:
            return of_class.fget(v)
        if isinstance(of_class, staticmethod):
            return of_class.__func__
        if isinstance(of_class, classmethod):
            return MethodType(of_class.__func__, cls)
        if hasattr(of_class, "func") and hasattr(of_class, "attrname"):  # cached_property
            return of_class.func(v)
        if callable(of_class) and hasattr(of_class, "__get__"):
            return MethodType(of_class, v)
        return getattr(root, name)
    raise unlifted(of_class)


def _asked_by_composite() -> bool:
    """Is an attribute asked for by the body of a composite, which sees what its original would?"""
    return sys._getframe(3).f_globals.__class__ is not dict


# What an array is from outside, which nothing flows through.
_OUTWARD: Final = frozenset(
    {"shape", "ndim", "size", "dtype", "nbytes", "itemsize", "strides", "flags"}
)


# Attributes and methods of an array that may be views of it.
_VIEWS: Final = frozenset(
    {"T", "mT", "real", "imag", "reshape", "ravel", "transpose", "swapaxes", "squeeze", "diagonal",
     "view"}
)  # fmt: skip


def _of_class(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _function_of(of_class: Any) -> Any:
    if isinstance(of_class, (staticmethod, classmethod)):
        return of_class.__func__
    return of_class.fget if isinstance(of_class, property) else of_class


# NumPy's ufunc protocol.

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
        return _binary(operation, x, y)
    if isinstance(_root(x), (list, tuple)):
        x = collect_array(x)
    if isinstance(_root(y), (list, tuple)):
        y = collect_array(y)
    if y is None:
        return _unary(operation, x) if x.__class__ is BVar else operation(x)
    if x.__class__ is BVar or y.__class__ is BVar:
        return _binary(operation, x, y)
    return operation(x, y)


_REDUCTIONS: Final[dict[Any, tuple[Any, Any]]] = {
    np.add: (np.sum, np.cumsum),
    np.multiply: (np.prod, np.cumprod),
    np.maximum: (np.max, None),
    np.minimum: (np.min, None),
}


def _ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc's call with settings, or one of its methods."""
    out = kwargs.pop("out", None)
    if out is not None:
        where = kwargs.get("where", True)
        return _into(out, _ufunc(ufunc, method, inputs, kwargs), ufunc, where)
    if method == "__call__":
        operation = ARITHMETIC.get(ufunc)
        twin = partial(arithmetic, operation) if operation is not None else _twin(ufunc)
        where, dtype = kwargs.pop("where", True), kwargs.pop("dtype", None)
        kwargs = {k: v for k, v in kwargs.items() if k not in ("casting", "order", "subok")}
        if where is not True:
            inputs = _masked(inputs, value_of(where))
        result = twin(*inputs, **kwargs)
        return result if dtype is None else result.astype(dtype)
    if method in ("reduce", "accumulate") and ufunc in _REDUCTIONS:
        function = _REDUCTIONS[ufunc][method == "accumulate"]
        if function is not None:
            settings = dict(zip(("axis", "dtype", "out", "keepdims"), inputs[1:], strict=False))
            settings = {"axis": 0, **settings, **kwargs}
            return _twin(function)(inputs[0], **settings)
    if method == "outer":
        x, y = inputs
        shape = (*np.shape(_root(x)), *(1,) * np.ndim(_root(y)))
        return _ufunc(ufunc, "__call__", (_twin(np.reshape)(x, shape), y), kwargs)
    entry = registry.find(ufunc)
    if entry is not None and entry.kind == "locally constant":
        return getattr(ufunc, method)(*map(value_of, inputs), **kwargs)
    raise NoGradientError(
        f"{dotted_name(ufunc)}.{method} has no twin.",
        f"Write it with {dotted_name(ufunc)} itself and functions such as np.sum.",
    )


def _masked(inputs: tuple[Any, ...], where: Any) -> tuple[Any, ...]:
    """Inputs whose unwanted elements are replaced by a wanted one, so that none is infinite."""
    shape = np.broadcast_shapes(np.shape(where), *(np.shape(_root(x)) for x in inputs))
    wanted = np.flatnonzero(np.broadcast_to(where, shape))
    if not len(wanted):
        return tuple(np.ones(shape) for x in inputs)
    safe = [np.broadcast_to(_root(x), shape).reshape(-1)[wanted[0]] for x in inputs]
    return tuple(_twin(np.where)(where, x, s) for x, s in zip(inputs, safe, strict=True))


def _into(out: Any, result: Any, ufunc: Any, where: Any) -> Any:
    target = out[0] if isinstance(out, tuple) else out
    if target.__class__ is not BVar:
        raise ConversionError(
            f"{dotted_name(ufunc)} was given a plain array as out= and a BVar to write into it.",
            "Write a = a + v instead of a += v, and leave out= away.",
        )
    if where is not True:
        result = _twin(np.where)(value_of(where), result, target)
    return _in_place(target, result)


def _twin(function: Any) -> Any:
    twin = registry.twin(function)
    if twin is None:
        raise unlifted(function)
    return twin


# Refusals.


def unlifted(function: Any) -> LiftError:
    """The error of a function that has no twin, given a BVar."""
    name = dotted_name(function)
    return NoGradientError(
        f"{name} has no gradient here: it is not lifted.",
        f"Write lifted(grad=...)({name}), or locally_constant({name}) if its result does not vary.",
    )


def _conversion(v: BVar, what: str, remedy: str) -> ConversionError:
    value = repr(v._bvar_value)
    return ConversionError(
        f"{what} would drop the gradient of a BVar.",
        f"{remedy}; a lifted function (np.sin for math.sin) takes BVars, and value_of(v) is the "
        "value as a constant.",
        value=value if len(value) < 80 else f"{value[:77]}...",
    )


def foreign_tape(where: str) -> TapeError:
    """The error of a result that belongs to a run inside this one."""
    return TapeError(
        f"{where} returned a BVar of a run that is not its own.",
        "Return what the inner run returned, not a BVar that it made.",
    )
