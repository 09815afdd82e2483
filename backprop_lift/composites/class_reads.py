"""Reads of ``x.__class__`` in a body, which a BVar would answer wrongly.

They are replaced in the code by a question to an object of the world, of the same length, so that
no position in the code moves.
"""

from __future__ import annotations

import dis
import itertools
import sys
import types
from collections.abc import Iterator
from typing import Any

__all__ = ["Asked", "asking_for_classes"]


class Asked:
    """Answers ``asked @ x`` with the class of x as rebound code sees it.

    Parameters
    ----------
    class_of : callable
        The answer to ``type(x)`` there.
    names : type
        Of the globals of rebound code: elsewhere the answer is Python's own.
    """

    __slots__ = ("_class_of", "_names")

    def __init__(self, class_of: Any, names: type) -> None:
        self._class_of = class_of
        self._names = names

    def __matmul__(self, x: Any) -> Any:
        found = x.__class__
        if found is not type(x) or sys._getframe(1).f_globals.__class__ is not self._names:
            return found
        return self._class_of(x)


def asking_for_classes(code: types.CodeType, asked: Asked) -> types.CodeType | None:
    """The code that asks for classes; None where that cannot be said in its place.

    Parameters
    ----------
    code : code
    asked : Asked
    """
    reads, constants = list(_reads(code)), list(code.co_consts)
    for at, constant in enumerate(constants):
        if isinstance(constant, types.CodeType):
            inner = asking_for_classes(constant, asked)
            if inner is None:
                return None
            constants[at] = inner
    if not reads:
        return code.replace(co_consts=tuple(constants))
    body = bytearray(code.co_code)
    for start, end, is_method in reads:
        question = _question(len(constants), is_method)
        if question is None or len(question) > end - start:
            return None
        body[start:end] = question + _instruction("NOP") * ((end - start - len(question)) // 2)
    return code.replace(
        co_code=bytes(body),
        co_consts=(*constants, asked),
        co_stacksize=code.co_stacksize + 1,
    )


def _reads(code: types.CodeType) -> Iterator[tuple[int, int, bool]]:
    """Where a class is read: start, end, and whether for a call of it."""
    instructions = list(dis.get_instructions(code))
    variable: Any = None
    start = -1
    for instruction, following in itertools.pairwise(instructions):
        start = instruction.offset if start < 0 else start
        name = instruction.opname
        if name == "EXTENDED_ARG":
            continue
        if (
            name in ("LOAD_ATTR", "LOAD_METHOD")
            and instruction.argval == "__class__"
            and variable not in ("self", "cls")
        ):
            for_call = bool((instruction.arg or 0) & 1) and sys.version_info >= (3, 12)
            yield start, following.offset, for_call or name == "LOAD_METHOD"
        variable = instruction.argval if name == "LOAD_FAST" else None
        start = -1


def _question(constant: int, is_method: bool) -> bytes | None:
    """Instructions that take x from the stack and leave ``asked @ x``, as LOAD_ATTR would."""
    if constant > 255:
        return None
    question = _instruction("LOAD_CONST", constant) + _instruction("SWAP", 2) + _matmul()
    if is_method:
        question += _instruction("PUSH_NULL")
        if sys.version_info < (3, 13):  # where the empty place lies below
            question += _instruction("SWAP", 2)
    return question


def _instruction(name: str, argument: int = 0) -> bytes:
    return bytes([dis.opmap[name], argument])


def _matmul() -> bytes:
    """``a @ b`` as this interpreter writes it, with the room behind it."""
    code = (lambda a, b: a @ b).__code__
    instructions = list(dis.get_instructions(code))
    at = next(i for i, found in enumerate(instructions) if found.opname == "BINARY_OP")
    return code.co_code[instructions[at].offset : instructions[at + 1].offset]
