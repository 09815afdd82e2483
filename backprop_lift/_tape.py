"""The tape: nodes in the order of their making.

A `Tape` is one flat list. The first entries stand for the inputs of the run; every later entry is
one node, a tuple whose first item is its opcode and whose next items are positions of parents and
residuals. Creation order is topological order: `_sweep` reads it backwards.

A `Token` says in which space a value lies and on which tape. Tokens of the spaces that arithmetic
keeps (real floats and float arrays) are interned per tape, so that ``a is b`` on tokens proves
same tape, same shape and same dtype; all other values get a token of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, ClassVar, Final

import numpy as np

from .errors import SpaceError, TapeError

__all__ = ["Node", "Tape", "Token"]

# Opcodes, with the items that follow; p and q are positions, a and b values of the parents.
MUL: Final = 0  # p, q, a, b
SCALE: Final = 1  # p, factor
PASS: Final = 2  # p
ADD: Final = 3  # p, q
SUB: Final = 4  # p, q
NEG: Final = 5  # p
UNARY: Final = 6  # p, rule, residual
ITEM: Final = 7  # p, key, token of p
EDGES: Final = 8  # ((p, token, scaled gradient, what it is given), ...), rule, call site
DIV: Final = 9  # p, q, b, result
OVER: Final = 10  # p, divisor
UNDER: Final = 11  # q, b, result
POWER: Final = 12  # p, a, exponent
CALL: Final = 13  # scaled gradient of all, ((p, token), ...), rule, call site

OPCODES: Final = {
    value: name.lower() for name, value in list(globals().items()) if isinstance(value, int)
}

Node = tuple[Any, ...]

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

    shape: Any
    dtype: Any

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
            if isinstance(value, np.ndarray) and cls.__mul__ is not np.ndarray.__mul__:
                raise SpaceError(
                    f"A {cls.__module__}.{cls.__qualname__} has an arithmetic of its own, which "
                    "is not known here.",
                    "Work on a plain array: np.asarray(x) of a matrix, x.filled(0.0) of a masked "
                    "array.",
                )
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
    given : list of (int, Token)
        Positions of values whose space was given by hand, so that it sums their cotangents.
    at_end : list of callable
        What is to be done when the recording ends.
    latest_left : int
        The latest position of a value that was left in an object from before.
    """

    __slots__ = (
        "at_end", "careful", "coincident", "given", "latest_left", "origin", "serial", "tokens"
    )  # fmt: skip

    def __init__(self, origin: str = "") -> None:
        super().__init__()
        self.serial = next(_serial)
        self.tokens: dict[Any, Token] = {}
        self.given: list[tuple[int, Token]] = []
        self.origin = origin
        self.coincident = False
        self.careful = False
        self.at_end: list[Callable[[], None]] = []
        self.latest_left = -1

    def token(self, value: Any) -> Token:
        """The token of a value on this tape; interned for what arithmetic keeps."""
        cls = value.__class__
        key: Any
        if cls is np.ndarray:
            key = value.dtype, value.shape
            token = self.tokens.get(key)
            if token is not None:
                return token
            if not (value.shape and value.dtype.kind == "f"):
                return Token(self, value)
            token = self.tokens[key] = Token(self, value, self)
            return token
        if cls is float or cls is np.float64:
            key = cls
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
        if key is None:
            return Token(self, value)
        token = self.tokens[key] = Token(self, value, self)
        return token

    def close(self) -> None:
        """End the recording: from now on a BVar of this tape is refused."""
        self.__class__ = FinishedTape  # pyright: ignore[reportAttributeAccessIssue]
        self.tokens = {}
        while self.at_end:
            self.at_end.pop()()


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
    """Stands for the tape in a BVar whose memory was changed through another one."""

    __slots__ = ()
    refusal: ClassVar[tuple[str, str]] = (
        "A BVar was used after another one that shares its memory had been assigned to.",
        "Take the slice again after the assignment, or copy it before: v[...].copy().",
    )

    def append(self, node: Node) -> None:
        """Refuse to record."""
        raise TapeError(*self.refusal)

    def token(self, value: Any) -> Token:
        """Refuse to record."""
        raise TapeError(*self.refusal)


def call_site(site: tuple[Any, int]) -> str:
    """Where a node was made, as file:line, from a code object and an instruction offset."""
    code, offset = site
    line = code.co_firstlineno
    for start, stop, number in code.co_lines():
        if start <= offset < stop and number is not None:
            line = number
    return f"{code.co_filename}:{line}"
