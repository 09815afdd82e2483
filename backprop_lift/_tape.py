"""The tape: nodes in the order of their making, and the reverse sweep over them.

A `Tape` is one flat list. The first entries stand for the inputs of the run; every later entry is
one node, a tuple whose first item is its opcode and whose next items are positions of parents and
residuals. Creation order is topological order, so the sweep is one pass from the output's own
position down to the inputs, with no sort and no visited set.

A `Token` says in which space a value lies and on which tape. Tokens of the spaces that arithmetic
keeps (real floats and float arrays) are interned per tape, so that ``a is b`` on tokens proves
same tape, same shape and same dtype; all other values get a token of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, ClassVar, Final

import numpy as np

from ._space import TRIVIAL, ZERO, add, is_record, parts_of, rebuilt, space_of, zero
from .errors import CotangentError, SpaceError, TapeError

__all__ = ["Accumulator", "Node", "Tape", "Token", "fitted", "sweep"]

# Opcodes, with the items that follow; p and q are positions, a and b values of the parents.
MUL: Final = 0  # p, q, a, b
SCALE: Final = 1  # p, factor
PASS: Final = 2  # p
ADD: Final = 3  # p, q
SUB: Final = 4  # p, q
NEG: Final = 5  # p
UNARY: Final = 6  # p, rule, residual
ITEM: Final = 7  # p, key, token of p
CALL: Final = 8  # scaled gradient, ((p, token), ...), rule, call site
DIV: Final = 9  # p, q, b, result
OVER: Final = 10  # p, divisor
UNDER: Final = 11  # q, b, result
POWER: Final = 12  # p, a, exponent

OPCODES: Final = {
    value: name.lower() for name, value in list(globals().items()) if isinstance(value, int)
}

Node = tuple[Any, ...]

# Above this size, sums of cotangents are made in place.
LARGE: Final = 1 << 15

_serial = itertools.count()


class Token:
    """The space of a recorded value, and its tape.

    Attributes
    ----------
    tape : Tape
    kept : Tape or None
        The tape again where arithmetic between values of this token stays in its space, so that
        its results may reuse the token; otherwise None.
    cls : type
    shape : tuple of int, or None
        None for a value that is neither number nor array.
    dtype : numpy.dtype or None
        The dtype of cotangents.
    primal : object
        The value itself where the structure of its cotangent depends on it, else None.
    """

    __slots__ = ("cls", "dtype", "kept", "primal", "shape", "tape")

    def __init__(self, tape: Any, value: Any, kept: Tape | None = None) -> None:
        self.tape = tape
        self.kept = kept
        self.cls = cls = value.__class__
        self.primal = None
        if cls is np.ndarray and value.dtype.kind in "fc":
            self.shape, self.dtype = value.shape, value.dtype
        elif cls is float or cls is int:
            self.shape, self.dtype = (), _FLOAT
        elif cls is list or cls is tuple or cls is dict:
            self.shape, self.dtype, self.primal = None, None, value
        elif cls is complex:
            self.shape, self.dtype = (), _COMPLEX
        elif hasattr(cls, "_bvar_space"):
            outer = value._bvar_space
            self.shape, self.dtype, self.primal = outer.shape, outer.dtype, outer.primal
        elif hasattr(value, "dtype") and getattr(value.dtype, "kind", "O") in "fciu":
            self.shape = value.shape
            self.dtype = value.dtype if value.dtype.kind in "fc" else _FLOAT
        elif isinstance(value, float):  # of a class of its own, such as an enum of floats
            self.shape, self.dtype = (), _FLOAT
        else:
            self.shape, self.dtype, self.primal = None, None, value

    @property
    def nbytes(self) -> int:
        """Size of a cotangent in bytes, 0 for a structure."""
        if not self.shape:
            return 0
        return int(math.prod(self.shape) * self.dtype.itemsize)

    def __repr__(self) -> str:
        return f"Token({self.cls.__name__}, {self.shape}, {self.dtype})"


_FLOAT: Final = np.dtype(float)
_COMPLEX: Final = np.dtype(complex)


class Tape(list[Node]):
    """The nodes of one run.

    Attributes
    ----------
    serial : int
        Tapes made later have larger ones: of two tapes in one operation the younger wins.
    tokens : dict
        The interned tokens.
    origin : str
        What is being run, for errors.
    coincident : bool
        Whether two values compared (almost) equal, so that a branch may have been taken that
        holds at this very point only.
    careful : bool
        Whether a value was infinite or nan, so that the sweep must not multiply a zero by it.
    """

    __slots__ = ("careful", "coincident", "origin", "serial", "tokens")

    def __init__(self, origin: str = "") -> None:
        super().__init__()
        self.serial = next(_serial)
        self.tokens: dict[Any, Token] = {}
        self.origin = origin
        self.coincident = False
        self.careful = False

    def token(self, value: Any) -> Token:
        """The token of a value on this tape; interned for what arithmetic keeps."""
        cls = value.__class__
        key: Any
        if cls is np.ndarray:
            key = value.dtype, value.shape
        elif cls is float:
            key = float
        elif cls is list or cls is tuple or cls is dict:
            return Token(self, value)
        elif issubclass(cls, np.floating):
            key = cls
        elif hasattr(cls, "_bvar_space"):
            outer = value._bvar_space
            key = outer if outer.kept is not None else None
        else:
            key = None
        token = self.tokens.get(key)
        if token is not None:
            return token
        if key is None or (cls is np.ndarray and not (value.shape and value.dtype.kind == "f")):
            return Token(self, value)
        token = self.tokens[key] = Token(self, value, self)
        return token

    def close(self) -> None:
        """End the recording: from now on a BVar of this tape is refused."""
        self.__class__ = FinishedTape
        self.tokens = {}


class FinishedTape(Tape):
    """A tape whose run is over."""

    __slots__ = ()

    def append(self, node: Node) -> None:
        """Refuse to record."""
        raise TapeError(
            f"A BVar of {self.origin} was used after that run had ended.",
            "Return what you need from the function that is run, or take value_of(v) inside it.",
        )

    def token(self, value: Any) -> Token:
        """Refuse to record."""
        raise self._refusal()

    def _refusal(self) -> TapeError:
        try:
            self.append(())
        except TapeError as error:
            return error
        raise AssertionError


class StaleTape(Tape):
    """Stands for the tape in a slice whose base has moved on."""

    __slots__ = ()
    refusal: ClassVar[tuple[str, str]] = (
        "A slice of a BVar was used after its base had been assigned to.",
        "Take the slice again after the assignment, or copy it before: v[...].copy().",
    )

    def append(self, node: Node) -> None:
        """Refuse to record."""
        raise TapeError(*self.refusal)

    def token(self, value: Any) -> Token:
        """Refuse to record."""
        raise TapeError(*self.refusal)


# --- cotangents --------------------------------------------------------------------------------


def _shape_of(dzdx: Any) -> Any:
    cls = dzdx.__class__
    if cls is float or cls is int or cls is complex or cls is bool:
        return ()
    return getattr(dzdx, "shape", None)


def fitted(dzdx: Any, token: Token, dzdy: Any, rule: Any = None) -> Any:
    """A cotangent with the shape and dtype of its primal, or an error.

    Parameters
    ----------
    dzdx : object
        What a rule returned.
    token : Token
        Of the primal.
    dzdy : object
        The cotangent of the result. `dzdx` may have its shape where the primal was broadcast.
    rule : object, optional
        Named in errors.

    Raises
    ------
    CotangentError
        For any other shape, larger or smaller.
    """
    cls = dzdx.__class__
    if cls is np.ndarray and dzdx.dtype is token.dtype and dzdx.shape == token.shape:
        return dzdx
    if dzdx is ZERO:
        return ZERO
    if token.shape is None:
        return _fitted_structure(dzdx, token.primal, dzdy, rule)
    shape = _shape_of(dzdx)
    if shape != token.shape:
        if shape is None or shape != _shape_of(dzdy) or not _broadcasts(token.shape, shape):
            raise _misfit(rule, token.shape, dzdx if shape is None else shape, dzdy)
        dzdx = _summed_to(dzdx, token.shape)
        cls = dzdx.__class__
    if cls is float or cls is int:
        return dzdx
    if cls is complex:
        return dzdx if token.dtype.kind == "c" else dzdx.real
    if dzdx.dtype is not token.dtype and dzdx.dtype != token.dtype:
        kind = dzdx.dtype.kind
        if kind == "c" and token.dtype.kind != "c":
            dzdx = dzdx.real
        elif kind not in "fciub":
            raise _misfit(rule, f"numbers of {token.dtype}", f"values of {dzdx.dtype}", dzdy)
        if dzdx.dtype != token.dtype:
            dzdx = dzdx.astype(token.dtype)
    return dzdx


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return not shape or (
        len(shape) <= len(to)
        and all(m in (1, n) for m, n in zip(reversed(shape), reversed(to), strict=False))
    )


def _summed_to(dzdx: Any, shape: tuple[int, ...]) -> Any:
    if not shape:
        return dzdx.sum()
    extra = dzdx.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and dzdx.shape[extra + i] != 1
    )
    total = dzdx.sum(axis=axes) if axes else dzdx
    return total if total.shape == shape else total.reshape(shape)


def _misfit(rule: Any, expected: Any, got: Any, dzdy: Any) -> CotangentError:
    name = getattr(rule, "name", None) or "a scaled gradient"
    facts = {"rule": rule.where} if getattr(rule, "where", None) else {}
    if got is None:
        return CotangentError(
            f"The rule of {name} returned None for a differentiable argument.",
            "Return ZERO where nothing flows.",
            **facts,
            expected=f"a cotangent of shape {expected}",
            got=None,
        )
    shape = _shape_of(dzdy)
    return CotangentError(
        f"The rule of {name} returned a cotangent that does not fit its argument.",
        "A cotangent has the shape of its argument, or of the result where the argument was "
        "broadcast.",
        **facts,
        expected=expected if shape is None else f"{expected} (or {shape}, if it was broadcast)",
        got=got if isinstance(got, (tuple, str)) else f"{type(got).__name__} {got!r}"[:200],
    )


def _fitted_structure(dzdx: Any, primal: Any, dzdy: Any, rule: Any) -> Any:
    space = space_of(primal.__class__)
    if space is TRIVIAL:
        return ZERO
    parts = parts_of(primal)
    if parts is None:
        return dzdx
    given = _given_parts(dzdx, primal)
    if given is None:
        raise _misfit(rule, f"the structure of {_outline(primal)}", dzdx, None)
    keys = [key for key, _ in parts]
    for key in given:
        if key not in keys:
            raise _misfit(rule, f"the parts {keys}", f"a part {key!r}", None)
    if len(given) != len(keys) and not isinstance(primal, Mapping) and not is_record(primal):
        raise _misfit(rule, f"{len(keys)} parts", f"{len(given)} parts", None)
    fits = []
    for key, part in parts_of(primal) or ():
        dzdpart = given.get(key)
        missing = dzdpart is None or dzdpart is ZERO
        fits.append((key, ZERO if missing else fitted(dzdpart, Token(None, part), dzdy, rule)))
    if all(part is ZERO for _, part in fits):
        return ZERO
    return rebuilt(primal, fits)


def _given_parts(dzdx: Any, primal: Any) -> dict[Any, Any] | None:
    if _is_recorded(dzdx):
        return {key: _part_at(dzdx, key, primal) for key, _ in parts_of(primal) or ()}
    if isinstance(primal, (list, tuple)):
        if isinstance(dzdx, (list, tuple, np.ndarray)):
            return dict(enumerate(dzdx))
        return None
    if isinstance(dzdx, Mapping):
        return dict(dzdx)
    if is_record(primal) and not isinstance(dzdx, (list, tuple, np.ndarray, float, int)):
        return {name: getattr(dzdx, name, None) for name, _ in parts_of(primal) or ()}
    return None


def _outline(value: Any) -> str:
    parts = parts_of(value)
    if parts is None:
        shape = _shape_of(value)
        return type(value).__name__ if not shape else f"{type(value).__name__} of shape {shape}"
    inner = ", ".join([f"{key}: {_outline(part)}" for key, part in itertools.islice(parts, 6)])
    return f"{type(value).__name__}({inner})"


class Accumulator:
    """A slot of the sweep that several contributions meet in.

    Takes whole cotangents by ``+`` (which returns the accumulator itself) and parts of them by
    `put`; nothing is allocated before the second whole contribution or the first part, and what
    was allocated here is added to in place. A structure is kept by parts.

    Parameters
    ----------
    token : Token
        Of the value whose cotangent this is.
    first : object, optional
        A contribution that was there already.
    """

    __slots__ = ("dense", "later", "owned", "parts", "reached", "token")

    def __init__(self, token: Token, first: Any = None) -> None:
        self.token = token
        self.dense: Any = None
        self.owned = False
        self.later: list[tuple[Any, Any]] | None = None
        primal = token.primal
        self.parts: dict[Any, Any] | None = (
            None if primal is None or parts_of(primal) is None else {}
        )
        self.reached = False
        if first is not None:
            self.__add__(first)

    def __add__(self, dzdx: Any) -> Accumulator:
        if dzdx is ZERO:
            return self
        self.reached = True
        if self.parts is not None:
            for key, part in parts_of(dzdx) or ():
                if part is not ZERO and part is not None:
                    self._put_part(key, part)
        elif self.dense is None:
            self.dense = dzdx
        elif self.token.primal is not None:
            self.dense = space_of(self.token.cls).add(self.dense, dzdx)
        elif self.owned and dzdx.__class__ is np.ndarray:
            np.add(self.dense, dzdx, out=self.dense)
        else:
            self.dense = self.dense + dzdx
            self.owned = self.dense.__class__ is np.ndarray and self.dense.shape != ()
        return self

    def __sub__(self, dzdx: Any) -> Accumulator:
        return self.__add__(-dzdx)

    def put(self, key: Any, dzdpart: Any) -> None:
        """Add a contribution to the part that `key` reads; an accumulator is taken over."""
        self.reached = True
        if self.parts is not None and key.__class__ is not slice:
            self._put_part(key, dzdpart)
            return
        if dzdpart.__class__ is Accumulator:
            dzdpart = dzdpart.total()
        if self.parts is None:
            self._put_items(key, dzdpart)
        else:
            places: Any = range(*key.indices(len(self.token.primal or ())))
            for i, part in zip(places, dzdpart, strict=True):
                self._put_part(i, part)

    def _put_part(self, key: Any, dzdpart: Any) -> None:
        assert self.parts is not None
        there = self.parts.get(key)
        accumulated = dzdpart.__class__ is Accumulator
        if there is None:
            if not accumulated and parts_of(dzdpart) is not None:
                part = _part_at(self.token.primal, key, self.token.primal)
                dzdpart = Accumulator(Token(None, part), dzdpart)
            self.parts[key] = dzdpart
        else:
            self.parts[key] = there + (dzdpart.total(symbolic=True) if accumulated else dzdpart)

    def _put_items(self, key: Any, dzdpart: Any) -> None:
        token = self.token
        if token.shape is None:
            raise SpaceError(
                f"A cotangent arrived at a part of {token.cls.__name__}, which has no parts here.",
                f"Write register_space({token.cls.__name__}, ...), or lift its class.",
                at=key,
            )
        if self.later is None and (_is_recorded(dzdpart) or _is_recorded(self.dense)):
            self.later = []
        if self.later is not None:
            self.later.append((key, dzdpart))
            return
        if not self.owned:
            if self.dense is None:
                self.dense = np.zeros(token.shape, token.dtype)
            else:
                self.dense = np.array(self.dense, token.dtype)
            self.owned = True
        if _may_repeat(key):
            np.add.at(self.dense, key, dzdpart)
        else:
            self.dense[key] += dzdpart

    def total(self, symbolic: bool = False) -> Any:
        """The sum of all contributions, dense and complete; or with `ZERO` for what is missing."""
        if self.parts is not None:
            primal, found = self.token.primal, []
            for key, part in parts_of(primal) or ():
                dzdpart = self.parts.get(key)
                if dzdpart is None:
                    dzdpart = ZERO if symbolic else zero(part)
                elif dzdpart.__class__ is Accumulator:
                    dzdpart = dzdpart.total(symbolic)
                found.append((key, dzdpart))
            return rebuilt(primal, found)
        if self.later is not None:
            return _scattered(self.dense, self.token, self.later)  # noqa: F821 - set by _bvar
        if self.dense is None:
            return np.zeros(self.token.shape, self.token.dtype)
        return self.dense


def _is_recorded(value: Any) -> bool:
    return hasattr(value.__class__, "_bvar_space")


def _part_at(value: Any, key: Any, primal: Any) -> Any:
    return getattr(value, key) if is_record(primal) else value[key]


def _may_repeat(key: Any) -> bool:
    """May an index name the same item twice? Basic indices and masks do not."""
    keys = key if key.__class__ is tuple else (key,)
    return any(
        (k.__class__ is np.ndarray and k.dtype.kind != "b") or k.__class__ is list for k in keys
    )


# Set by the module of BVars: the differentiable scatter, for cotangents that are BVars themselves.
_scattered: Callable[[Any, Token, list[tuple[Any, Any]]], Any]


# --- the sweep ---------------------------------------------------------------------------------


def sweep(nodes: list[Node], seeds: Iterable[tuple[int, Any]], inputs: int) -> list[Any]:
    """Cotangents of the inputs, given cotangents of outputs.

    Parameters
    ----------
    nodes : list
        The tape up to the last output; emptied on the way, so that residuals are freed.
    seeds : iterable of (int, object)
        Positions on the tape and the cotangents there, each fitted to its value.
    inputs : int
        How many of the first entries are inputs.

    Returns
    -------
    list
        One slot an input: None (nothing reached it), a cotangent or an `Accumulator`.
    """
    slots: list[Any] = [None] * len(nodes)
    for position in range(inputs):
        token = nodes[position][1]
        if token.primal is not None or token.nbytes >= LARGE:
            slots[position] = Accumulator(token)
    for position, seed in seeds:
        there = slots[position]
        if there is None and parts_of(seed) is not None:
            there = Accumulator(nodes[position][1]) if position < inputs else None
        slots[position] = seed if there is None else _sum(there, seed)
    careful = getattr(nodes, "careful", False)
    next_node, next_slot = nodes.pop, slots.pop
    with np.errstate(all="ignore"):
        for _ in itertools.repeat(None, len(nodes) - inputs):
            g = next_slot()
            node = next_node()
            if g is None:
                continue
            code = node[0]
            if g.__class__ is Accumulator and code != ITEM:  # which hands it on as it is
                g = g.total(code == CALL and getattr(node[3], "symbolic_zeros", False))
            if careful:
                _by_kind(code, node, g, slots, careful)
            elif code == 0:  # MUL
                _, p, q, a, b = node
                o = slots[p]
                slots[p] = g * b if o is None else o + g * b
                o = slots[q]
                slots[q] = g * a if o is None else o + g * a
            elif code == 1:  # SCALE
                _, p, a = node
                o = slots[p]
                slots[p] = g * a if o is None else o + g * a
            elif code == 2:  # PASS
                p = node[1]
                o = slots[p]
                slots[p] = g if o is None else o + g
            elif code == 3:  # ADD
                _, p, q = node
                o = slots[p]
                slots[p] = g if o is None else o + g
                o = slots[q]
                slots[q] = g if o is None else o + g
            elif code == 4:  # SUB
                _, p, q = node
                o = slots[p]
                slots[p] = g if o is None else o + g
                o = slots[q]
                slots[q] = -g if o is None else o - g
            elif code == 6:  # UNARY
                _, p, rule, a = node
                try:
                    d = g * rule.slope(a)
                except (ZeroDivisionError, OverflowError):
                    d = g * rule.slope(np.asarray(a)[()])  # infinite, as an array's would be
                o = slots[p]
                slots[p] = d if o is None else o + d
            elif code == 7:  # ITEM
                _, p, key, token = node
                o = slots[p]
                if o.__class__ is not Accumulator:
                    o = slots[p] = Accumulator(token, o)
                o.put(key, g)
            elif code == 8:  # CALL
                _call(node, g, slots, careful)
            else:
                _by_kind(code, node, g, slots, careful)
    return slots


def _sum(there: Any, seed: Any) -> Any:
    return there + seed if there.__class__ is Accumulator else add(there, seed)


def _by_kind(code: int, node: Node, g: Any, slots: list[Any], careful: bool) -> None:
    """Any opcode, by its meaning: the rarer ones, and all where a value was not finite."""
    if code == CALL:
        _call(node, g, slots, careful)
        return
    if code == ITEM:
        _, p, key, token = node
        if slots[p].__class__ is not Accumulator:
            slots[p] = Accumulator(token, slots[p])
        slots[p].put(key, g)
        return
    p = node[1]
    second = None
    if code in (MUL, DIV, ADD, SUB):
        q = node[2]
    if code == MUL:
        first, second = g * node[4], g * node[3]
    elif code == SCALE:
        first = g * node[2]
    elif code == PASS:
        first = g
    elif code == ADD:
        first = second = g
    elif code == SUB:
        first, second = g, -g
    elif code == NEG:
        first = -g
    elif code == UNARY:
        _, _, rule, a = node
        try:
            first = g * rule.slope(a)
        except (ZeroDivisionError, OverflowError):
            first = g * rule.slope(np.asarray(a)[()])
    elif code == OVER:
        first = g / node[2]
    elif code == UNDER:
        first = -(g * node[3] / node[2])
    elif code == POWER:
        first = g * power_slope(node[2], node[3])
    else:  # DIV
        first = g / node[3]
        second = -(first * node[4])
    if careful:
        first = flowing(first, g)
        second = None if second is None else flowing(second, g)
    there = slots[p]
    slots[p] = first if there is None else there + first
    if second is not None:
        there = slots[q]
        slots[q] = second if there is None else there + second


def flowing(dzdx: Any, dzdy: Any) -> Any:
    """`dzdx` without the nan of ``0 * inf``: where no cotangent arrives, none goes on.

    So an infinite slope in the branch that a `where` does not take does no harm.
    """
    cls = dzdx.__class__
    if cls is np.ndarray:
        if not isfinite(np.vdot(dzdx, dzdx).real):  # some item is nan or infinite
            return np.where((dzdy == 0) & np.isnan(dzdx), 0.0, dzdx)
    elif (cls is float or cls is np.float64) and dzdx != dzdx and dzdy == 0:
        return 0.0
    return dzdx


def power_slope(a: Any, n: Any) -> Any:
    """The derivative of ``a ** n`` by `a`, for a plain exponent; zero for n = 0."""
    if n.__class__ is int or n.__class__ is float:
        if n == 2:
            return 2 * a
        if n == 0:
            return a * 0.0
        try:
            return n * a ** (n - 1)
        except (ZeroDivisionError, OverflowError):
            return n * np.float64(a) ** (n - 1)
    if a.__class__ is float:
        a = np.float64(a)
    elif a.__class__ is int:
        n = n * 1.0
    return np.where(n == 0, 0.0, n * a ** np.where(n == 0, 1, n - 1))


def _call(node: Node, dzdy: Any, slots: list[Any], careful: bool) -> None:
    """Run the scaled gradient of a general node and add what it gives to the parents' slots."""
    _, scaled_grad, parents, rule, _ = node
    try:
        cotangents = scaled_grad(dzdy)
        for (p, token), dzdx in zip(parents, cotangents, strict=True):
            if dzdx is ZERO:
                continue
            if careful and _shape_of(dzdx) == _shape_of(dzdy):
                dzdx = flowing(dzdx, dzdy)
            dzdx = fitted(dzdx, token, dzdy, rule)
            if dzdx is ZERO:
                continue
            o = slots[p]
            if o is None:
                slots[p] = Accumulator(token, dzdx) if token.primal is not None else dzdx
            else:
                slots[p] = o + dzdx
    except Exception as error:
        _annotate(error, node)
        raise


def _annotate(error: Exception, node: Node) -> None:
    rule, site = node[3], node[4]
    note = f"while the gradient of {getattr(rule, 'name', rule)} was computed"
    if getattr(rule, "where", None):
        note += f"\n  rule:   {rule.where}"
    if site is not None:
        note += f"\n  called: {call_site(site)}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def call_site(site: tuple[Any, int]) -> str:
    """Where a node was made, as file:line, from a code object and an instruction offset."""
    code, offset = site
    line = code.co_firstlineno
    for start, stop, number in code.co_lines():
        if start <= offset < stop and number is not None:
            line = number
    return f"{code.co_filename}:{line}"
