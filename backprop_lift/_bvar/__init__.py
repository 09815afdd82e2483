"""BVar: a value whose use is recorded on a tape.

A BVar is (value, token, position). How a BVar is made, told from other values and read is here;
what it can do stands in `operators`, and in the module of each subject beside it.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Generic

import numpy as np
from typing_extensions import TypeVar

from .._registry import dotted_name, registry
from .._space import TRIVIAL, Space, one, parts_of, rebuilt, register_space, space_of, zero
from .._tape import CALL, Tape, Token
from ..errors import LiftError, NoGradientError, TapeError

__all__ = [
    "PLAIN_TYPES",
    "BVar",
    "Named",
    "bare",
    "bvar_at",
    "conj",
    "const_var",
    "finite",
    "foreign_tape",
    "has_bvar",
    "innermost",
    "input_var",
    "is_complex",
    "is_plain",
    "kept_alive",
    "operand_on",
    "record",
    "rooted",
    "site",
    "twin_for",
    "unlifted",
    "value_of",
    "without_numbers",
    "youngest",
]

T = TypeVar("T", default=Any)

if TYPE_CHECKING:
    from .operators import Operators

    class _Recorded(Operators, Generic[T]): ...
else:
    _Recorded = Generic  # `operators` installs the operators

_PACKAGE: Final = __file__.rpartition("_bvar")[0]


class BVar(_Recorded[T]):
    """A value whose use is recorded; ``BVar[float]`` says to type checkers what it holds.

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


def bvar_at(value: Any, space: Token, at: int) -> BVar:
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
    return bvar_at(value, token, len(tape) - 1)


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
    return tape  # type: ignore[no-any-return]  # one of the BVars has one


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


PLAIN_TYPES: Final = {
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
    return cls not in PLAIN_TYPES and _holds_bvar(value, set())


def _holds_bvar(value: Any, seen: set[int]) -> bool:
    parts = parts_of(value)
    if parts is None or id(value) in seen:  # objects may refer to each other in circles
        return False
    seen.add(id(value))
    for _, part in parts:
        cls = part.__class__
        if cls is BVar or (cls not in PLAIN_TYPES and _holds_bvar(part, seen)):
            return True
    return False


def is_plain(value: Any) -> bool:
    """Is a value a number, a string, an array, or a container of these?

    A function or an object is not: it may hold a BVar.
    """
    cls = value.__class__
    if cls in PLAIN_TYPES or isinstance(value, (np.generic, enum.Enum)):
        return True
    if cls is list or cls is tuple or cls is set or cls is frozenset:
        return all(map(is_plain, value))
    return cls is dict and all(map(is_plain, value.values()))


def kept_alive(value: Any) -> Any:
    """A caller's array as a node may hold it: what is written into it later does not count."""
    return value.copy() if value.__class__ is np.ndarray else value


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


def operand_on(x: Any, tape: Tape) -> Any:
    return x._bvar_value if x.__class__ is BVar and x._bvar_space.tape is tape else x


def innermost(v: Any) -> Any:
    while v.__class__ is BVar:
        v = v._bvar_value
    return v


register_space(
    BVar,
    Space(
        lambda v: zero(v._bvar_value),
        lambda v, w: v + w,
        lambda v: one(v._bvar_value),
    ),
)


def twin_for(function: Any) -> Any:
    twin = registry.twin(function)
    if twin is None:
        raise unlifted(function)
    return twin


def unlifted(function: Any) -> LiftError:
    """The error of a function that has no twin, given a BVar."""
    name = dotted_name(function)
    return NoGradientError(
        f"{name} has no gradient here: it is not lifted.",
        f"Write lifted(grad=...)({name}), or locally_constant({name}) if its result does not vary.",
    )


def foreign_tape(where: str) -> TapeError:
    """The error of a result that belongs to a run inside this one."""
    return TapeError(
        f"{where} returned a BVar of a run that is not its own.",
        "Return what the inner run returned, not a BVar that it made.",
    )
