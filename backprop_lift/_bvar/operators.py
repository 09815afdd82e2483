"""The operators of BVars, and NumPy's two protocols.

Each operator of arithmetic has a short way for values that stay in their space: one node, nothing
to project. All else is handed over to the module of its subject.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

import numpy as np

from .._registry import registry
from .._tape import ADD, DIV, MUL, NEG, OVER, PASS, POWER, SCALE, SUB, UNDER, Token, call_site
from ..errors import ConversionError, NoGradientError
from . import BVar, bvar_at, finite, innermost, site, unlifted, value_of
from .arithmetic import ARITHMETIC, arithmetic, binary, by_class_of, unary, without_gradient
from .assignment import with_item
from .attributes import attribute_of
from .comparison import COMPARISONS, FINEST, coincide, compare, cuts, note_cut
from .items import all_parts_of, item_of
from .printing import _printed, printed
from .special import by_its_class
from .ufuncs import ufunc_result
from .views import VIEWING, in_place, move_on, viewed

__all__ = ["Operators"]

_LIFTING: Final = (
    "Put @lifted above the function that does it: in its twin, names such as math.sin, float and "
    "np.array are lifted ones. Where a constant is meant, write value_of(v)."
)


class Operators:
    """What a BVar can do; put into `BVar` below, which is made before them."""

    __slots__ = ()

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
        return binary(operator.add, self, other)

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
        return binary(operator.add, other, self)

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
        return binary(operator.sub, self, other)

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
        return binary(operator.sub, other, self)

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
        return binary(operator.mul, self, other)

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
        return binary(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is BVar:
                if other._bvar_space is space:
                    r = BVar()
                    b = other._bvar_value
                    try:
                        r._bvar_value = y = self._bvar_value / b
                    except ArithmeticError:
                        coincide(self, other)
                        raise
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
        return binary(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is not None:
            cls = other.__class__
            if cls is float or cls is int:
                r = BVar()
                b = self._bvar_value
                try:
                    r._bvar_value = y = other / b
                except ArithmeticError:
                    coincide(self)
                    raise
                r._bvar_space = space
                r._bvar_at = len(tape)
                if not finite(y):
                    tape.careful = True
                tape.append((UNDER, self._bvar_at, b, y))
                return r
        return binary(operator.truediv, other, self)

    def __neg__(self) -> Any:
        space = self._bvar_space
        tape = space.kept
        if tape is None:
            return unary(operator.neg, self)
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
                try:
                    r._bvar_value = y = a**other
                except ArithmeticError:
                    coincide(self)
                    raise
                r._bvar_space = space if y.__class__ is space.cls else tape.token(y)
                r._bvar_at = len(tape)
                if not finite(y) or (other < 1 and np.any(np.equal(innermost(a), 0))):
                    tape.careful = True
                tape.append((POWER, self._bvar_at, a, other))
                return r
        if modulo is not None:
            raise TypeError("pow() with a modulus is not differentiable")
        return binary(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return binary(operator.pow, other, self)

    def __matmul__(self, other: Any) -> Any:
        own = by_class_of("matmul", self, other)
        return registry.twin(np.matmul)(self, other) if own is NotImplemented else own

    def __rmatmul__(self, other: Any) -> Any:
        own = by_class_of("matmul", other, self)
        return registry.twin(np.matmul)(other, self) if own is NotImplemented else own

    def __mod__(self, other: Any) -> Any:
        return binary(operator.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return binary(operator.mod, other, self)

    def __divmod__(self, other: Any) -> Any:
        own = by_class_of("divmod", self, other)
        return (self // other, self % other) if own is NotImplemented else own

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pos__(self) -> Any:
        return unary(operator.pos, self)

    def __abs__(self) -> Any:
        return unary(operator.abs, self)

    # Locally constant: plain results.

    def __floordiv__(self, other: Any) -> Any:
        return without_gradient(operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return without_gradient(operator.floordiv, other, self)

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
        return without_gradient(operator.and_, self, other)

    def __or__(self, other: Any) -> Any:
        return without_gradient(operator.or_, self, other)

    def __xor__(self, other: Any) -> Any:
        return without_gradient(operator.xor, self, other)

    def __lshift__(self, other: Any) -> Any:
        return without_gradient(operator.lshift, self, other)

    def __rshift__(self, other: Any) -> Any:
        return without_gradient(operator.rshift, self, other)

    def __rand__(self, other: Any) -> Any:
        return without_gradient(operator.and_, other, self)

    def __ror__(self, other: Any) -> Any:
        return without_gradient(operator.or_, other, self)

    def __rxor__(self, other: Any) -> Any:
        return without_gradient(operator.xor, other, self)

    def __rlshift__(self, other: Any) -> Any:
        return without_gradient(operator.lshift, other, self)

    def __rrshift__(self, other: Any) -> Any:
        return without_gradient(operator.rshift, other, self)

    def __bool__(self) -> bool:
        truth = bool(self._bvar_value)
        if not truth:
            coincide(self)
        return truth

    def __len__(self) -> int:
        return len(self._bvar_value)

    def __contains__(self, item: Any) -> bool:
        found = value_of(item) in self._bvar_value
        if found:
            coincide(self, item)
        return found

    def __index__(self) -> int:
        return operator.index(self._bvar_value)

    def __round__(self, ndigits: int | None = None) -> Any:
        digits = () if ndigits is None else (ndigits,)
        own = by_its_class("__round__", self, *digits)
        if own is not NotImplemented:
            return own
        root = innermost(self)
        value = round(self._bvar_value, *digits)
        root = innermost(self)
        size = (abs(root) or 1.0) if isinstance(root, float) else 0.0  # zero tells no size
        if size <= FINEST * 10.0 ** -(ndigits or 0):
            if isinstance(root, float) and cuts(root * 10.0 ** (ndigits or 0) + 0.5):
                coincide(self)
            return value
        if ndigits is None:
            raise NoGradientError(
                "A number so large was rounded that neither 0 nor 1 is known to be the slope.",
                "Leave the rounding away, or round value_of(v).",
                value=root,
            )
        tape = self._bvar_space.tape  # rounded for display: the slope is that of the number
        tape.append((PASS, self._bvar_at))
        return bvar_at(value, self._bvar_space, len(tape) - 1)

    def __trunc__(self) -> Any:
        return _cut(self, self._bvar_value.__trunc__())

    def __floor__(self) -> Any:
        return _cut(self, self._bvar_value.__floor__())

    def __ceil__(self) -> Any:
        return _cut(self, self._bvar_value.__ceil__())

    def __repr__(self) -> str:
        return f"BVar({self._bvar_value!r})"

    def __str__(self) -> str:
        return repr(self) if _printed.texts is None else printed(str(innermost(self)))

    def __format__(self, spec: str) -> str:
        return printed(format(self._bvar_value, spec))

    def __dir__(self) -> list[str]:
        return dir(self._bvar_value)

    # In place: an array moves on, any other value is replaced.

    def __iadd__(self, other: Any) -> Any:
        return in_place(self, self + other)

    def __isub__(self, other: Any) -> Any:
        return in_place(self, self - other)

    def __imul__(self, other: Any) -> Any:
        return in_place(self, self * other)

    def __itruediv__(self, other: Any) -> Any:
        return in_place(self, self / other)

    def __ipow__(self, other: Any) -> Any:  # type: ignore[misc]  # other than __pow__, no modulo
        return in_place(self, self**other)

    def __imod__(self, other: Any) -> Any:
        return in_place(self, self % other)

    def __imatmul__(self, other: Any) -> Any:
        return in_place(self, self @ other)

    # Items and attributes

    def __getitem__(self, key: Any) -> Any:
        return item_of(self, key)

    def __setitem__(self, key: Any, part: Any) -> None:
        move_on(self, with_item(self, key, part))

    def __delitem__(self, key: Any) -> NoReturn:
        raise ConversionError(
            f"An item of a {type(self._bvar_value).__name__} on a tape cannot be deleted.",
            "Build a new value without it.",
            at=key,
        )

    def __iter__(self) -> Iterator[Any]:
        value = self._bvar_value
        if value.__class__ is list or value.__class__ is tuple:
            return iter(all_parts_of(self, value))
        own: Any = by_its_class("__iter__", self)
        if own is not NotImplemented:
            return own  # type: ignore[no-any-return]  # an iterator, by the protocol
        root = innermost(value)
        iterator: Iterator[Any] = iter(root)  # raises for a number
        if isinstance(root, Mapping):
            return iterator
        return (item_of(self, i) for i in range(len(root)))

    def __reversed__(self) -> Iterator[Any]:
        return (item_of(self, i) for i in reversed(range(len(self._bvar_value))))

    def __getattr__(self, name: str) -> Any:
        return attribute_of(self, name)

    # Refusals: each would drop the tape.

    def __float__(self) -> float:
        raise _conversion(self, "float(v)", _LIFTING)

    def __int__(self) -> int:
        raise _conversion(self, "int(v)", _LIFTING)

    def __complex__(self) -> complex:
        raise _conversion(self, "complex(v)", _LIFTING)

    def __hash__(self) -> int:
        raise _conversion(self, "hash(v)", "Key the table by value_of(v).")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise _conversion(self, "np.asarray(v)", _LIFTING)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise _conversion(self, "Pickling or copying v deeply", "Copy value_of(v).")

    def __copy__(self) -> BVar:
        return bvar_at(self._bvar_value, self._bvar_space, self._bvar_at)

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
        return ufunc_result(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        twin = registry.twin(func)
        if twin is None:
            raise unlifted(func)
        if func in VIEWING and args and args[0].__class__ is BVar:
            return viewed(func, twin, args, kwargs)
        return twin(*args, **kwargs)


def _cut(v: Any, result: Any) -> Any:
    note_cut(v)
    return result


def _conversion(v: Any, what: str, remedy: str) -> ConversionError:
    value = repr(v._bvar_value)
    facts = {"value": value if len(value) < 80 else f"{value[:77]}..."}
    found = site(3)
    if found is not None:
        facts["at"] = call_site(found)
    return ConversionError(f"{what} would drop the gradient of a BVar.", remedy, **facts)


for _name, _member in list(vars(Operators).items()):
    if callable(_member):
        _member.__qualname__ = f"BVar.{_name}"
        setattr(BVar, _name, _member)
